/*-------------------------------------------------------------------------
 *
 * preview.c
 *	  What a row would earn if it were inserted now.
 *
 * The engine judges it as it would a row that is there, and writes nothing:
 * what is shown is what is posted if nothing happens in between.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "engine/feed.h"
#include "engine/given.h"
#include "engine/operation.h"
#include "types/numbers.h"

LOYALTY_FUNCTION(preview_1);
LOYALTY_FUNCTION(preview_row_1);

/* A JudgeObserver: tells what the event earns. */
static void
show_points(void *arg, Batch *batch, AccountState *account, Event *event,
			const JudgedRule *judged, int njudged, const char *why_not)
{
	ReturnSetInfo *result = (ReturnSetInfo *) arg;
	int			i;

	for (i = 0; i < njudged; i++)
	{
		const JudgedRule *rule = &judged[i];
		UnitConfig *unit;
		char	   *trims;
		Datum		values[6];
		bool		nulls[6] = {false};

		if (rule->term == NULL || rule->delta == 0)
			continue;
		unit = &event->rules->units[rule->rule->unit];
		trims = judged_trims(rule);
		values[0] = CStringGetTextDatum(unit->name);
		values[1] = CStringGetTextDatum(rule->rule->name);
		values[2] = NumericGetDatum(points_to_numeric(rule->delta));
		values[3] = TimestampTzGetDatum(rule->from);
		values[4] = judged_lot_end(account, unit->unit_no, rule->from, rule->to);
		nulls[5] = trims == NULL;
		if (trims)
			values[5] = CStringGetTextDatum(trims);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

/* Tells what points the event would be paid with, and why it cannot. */
static void
show_payment(void *arg, const UnitConfig *unit, Points points, const char *why_not)
{
	ReturnSetInfo *result = (ReturnSetInfo *) arg;
	Datum		values[6] = {0};
	bool		nulls[6] = {false, true, false, true, true, true};

	values[0] = CStringGetTextDatum(unit->name);
	values[2] = NumericGetDatum(points_to_numeric(-points));
	nulls[5] = why_not == NULL;
	if (why_not)
		values[5] = CStringGetTextDatum(why_not);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* Opens a batch that judges rows that are given and writes nothing. */
static Batch *
open_preview(Program *program, SourceConfig *source, bool assume_condition,
			 ReturnSetInfo *result)
{
	BatchOptions options;
	Batch	   *batch;

	memset(&options, 0, sizeof(options));
	options.dry = true;
	options.raise_errors = true;
	options.assume_condition = assume_condition;
	options.instant_is_now = true;
	batch = batch_open(program, source, &options);
	batch->observer = show_points;
	batch->pay_observer = show_payment;
	batch->observer_arg = result;
	return batch;
}

/*
 * preview_1(program regclass, source text, "row" jsonb, assume_condition boolean)
 * RETURNS SETOF (unit text, rule text, points numeric, active_from timestamptz,
 *				  expires_at timestamptz, trimmed_by text)
 *
 * What rows would earn, one after the other: an object of columns, or an array
 * of such objects.  assume_condition: the source's condition counts as true,
 * which for a basket it seldom is yet.
 */
Datum
preview_1(PG_FUNCTION_ARGS)
{
	Program    *program;
	SourceConfig *source;
	Batch	   *batch;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("say the row of which source to preview")));
	program = program_get(PG_GETARG_OID(0));
	program_require_owner(&program->ref);
	source = source_of_argument(program, text_to_cstring(PG_GETARG_TEXT_PP(1)));
	batch = open_preview(program, source, PG_ARGISNULL(3) || PG_GETARG_BOOL(3),
						 (ReturnSetInfo *) fcinfo->resultinfo);
	given_events(batch, given_rows_from_json(batch->reader, PG_GETARG_JSONB_P(2)));
	batch_post_events(batch);
	batch_close(batch);
	return (Datum) 0;
}

/*
 * preview_row_1(program regclass, "row" record), returns the same
 *
 * What a row of an attached table would earn, by all sources that the table is.
 * The source's condition is taken to hold.
 */
Datum
preview_row_1(PG_FUNCTION_ARGS)
{
	Program    *program;
	int			found = 0;
	int			i;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("say which row to preview")));
	program = program_get(PG_GETARG_OID(0));
	program_require_owner(&program->ref);
	for (i = 0; i < program->nsources; i++)
	{
		SourceConfig *source = &program->sources[i];
		Batch	   *batch;
		HeapTuple	row;

		if (source->reduces)
			continue;
		batch = open_preview(program, source, true, (ReturnSetInfo *) fcinfo->resultinfo);
		row = given_row_from_record(batch->reader, PG_GETARG_HEAPTUPLEHEADER(1));
		if (row)
		{
			given_events(batch, list_make1(row));
			batch_post_events(batch);
			found++;
		}
		batch_close(batch);
	}
	if (found == 0)
		given_refuse_record(program, PG_GETARG_HEAPTUPLEHEADER(1));
	return (Datum) 0;
}
