/*-------------------------------------------------------------------------
 *
 * failed.c
 *	  Events that could not be judged: kept, to be tried again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/batch.h"
#include "engine/plan.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/* see batch.h */
void
failed_event_add(Batch *batch, const Datum *key, const EvalError *error)
{
	Program    *program = batch->program;
	char	   *key_text = key ? event_key_text(batch->source, key) : pstrdup("(null)");
	Oid			types[5] = {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID};
	Datum		values[5];
	RightsSave	rights;
	Posting		posting;
	bool		has_posted;

	if (batch->looks_only)
		return;
	batch->nfailed++;
	if (batch->options.dry || batch->options.reprices)
		return;
	values[0] = CStringGetTextDatum(batch->source->name);
	values[1] = CStringGetTextDatum(key_text);
	values[2] = CStringGetTextDatum(error->sqlstate);
	values[3] = CStringGetTextDatum(error->message);
	values[4] = TimestampTzGetDatum(program_clock(program));
	rights_enter(program->ref.owner, SECURITY_NOFORCE_RLS, &rights);
	SPI_connect();
	if (SPI_execute_with_args(psprintf("INSERT INTO %s.failed_event AS f"
									   " (source, event_key, sqlstate, error, first_failed_at, last_failed_at)"
									   " VALUES ($1, $2, $3, $4, $5, $5)"
									   " ON CONFLICT (source, event_key) DO UPDATE"
									   " SET sqlstate = EXCLUDED.sqlstate, error = EXCLUDED.error,"
									   " last_failed_at = EXCLUDED.last_failed_at,"
									   " attempts = f.attempts OPERATOR(pg_catalog.+) 1",
									   quote_identifier(program->ref.name)),
							  5, types, values, NULL, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "could not queue an event: %s", SPI_result_code_string(SPI_result));
	SPI_finish();
	rights_leave(&rights);
	has_posted = key && batch->ledger &&
		ledger_find_posting(batch->ledger, key, &posting) && (posting.first_entry != 0 || posting.nlater > 0);
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 has_posted ?
			 errmsg("event %s of source \"%s\" keeps what it has posted: %s",
					key_text, batch->source->name, error->message) :
			 errmsg("event %s of source \"%s\" earns nothing yet: %s",
					key_text, batch->source->name, error->message),
			 errdetail("It is kept in \"%s.failed_event\".", program->ref.name),
			 errhint("Mend the rule or the row, then call %s.retry_failed().",
					 quote_identifier(program->ref.name))));
}

/* see batch.h */
void
failed_event_clear(Batch *batch, const Datum *key)
{
	Program    *program = batch->program;
	Oid			types[2] = {TEXTOID, TEXTOID};
	Datum		values[2];
	RightsSave	rights;

	if (batch->options.dry || !batch->clears_failures)
		return;
	values[0] = CStringGetTextDatum(batch->source->name);
	values[1] = CStringGetTextDatum(event_key_text(batch->source, key));
	rights_enter(program->ref.owner, SECURITY_NOFORCE_RLS, &rights);
	SPI_connect();
	if (SPI_execute_with_args(psprintf("DELETE FROM %s.failed_event"
									   " WHERE source OPERATOR(pg_catalog.=) $1"
									   " AND event_key OPERATOR(pg_catalog.=) $2",
									   quote_identifier(program->ref.name)),
							  2, types, values, NULL, false, 0) != SPI_OK_DELETE)
		elog(ERROR, "could not take an event off the queue: %s",
			 SPI_result_code_string(SPI_result));
	SPI_finish();
	rights_leave(&rights);
}

/* see plan_execute */
static const char exist_plan = 0;

/* see batch.h */
bool
failed_events_exist(Batch *batch)
{
	Program    *program = batch->program;
	Oid			types[1] = {TEXTOID};
	Datum		values[1];
	bool		exist;

	values[0] = CStringGetTextDatum(batch->source->name);
	SPI_connect();
	plan_execute(program, &exist_plan,
				 "SELECT 1 FROM %s.failed_event"
				 " WHERE source OPERATOR(pg_catalog.=) $1 LIMIT 1",
				 1, types, values, false, SPI_OK_SELECT);
	exist = SPI_processed > 0;
	SPI_finish();
	return exist;
}
