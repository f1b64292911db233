/*-------------------------------------------------------------------------
 *
 * reprice.c
 *	  Events judged again by the present configuration: what that would change,
 *	  and, applied, the differences posted.
 *
 * Judged again are the events of a range of instants whose rows exist, posted
 * before or not, in the order of their instants.  What rules that are others
 * now had claimed of caps and budgets is given back first, by all of these
 * events, and claimed anew in that order; what other rules have claimed stays
 * claimed.  Applying locks the configuration, then the accounts.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "engine/config.h"
#include "engine/event_scan.h"
#include "engine/feed.h"
#include "engine/operation.h"
#include "engine/reprice.h"

LOYALTY_FUNCTION(reprice_1);

/* one call */
typedef struct Reprice
{
	Program    *program;
	char	   *rule_name;		/* NULL: all rules */
	int32		source_no;		/* of that rule; 0: every source */
	Instant		from;
	Instant		until;
	bool		apply;
	int64		undoes;			/* the operation that is undone, 0: none */
	int64		operation_no;	/* of the lines, 0: none */
	RulesChooser *chooser;
	Tally	   *tally;
	struct DryState *dry_state;
	int64		nfailed;
	KeyFeed    *feeds;			/* of the sources' events */
	int			nfeeds;
} Reprice;

/* A JudgeObserver: what an event is entitled to. */
static void
tally_entitled(void *arg, Batch *batch, AccountState *account, Event *event,
			   const JudgedRule *judged, int njudged, const char *why_not)
{
	Reprice    *reprice = (Reprice *) arg;
	TallyMember *sums;
	int			i;

	if (account == NULL)
		return;
	sums = tally_member(reprice->tally, account->member);
	if (event->nrows > 0)
		sums->events++;
	for (i = 0; i < njudged; i++)
	{
		if (judged[i].term == NULL)
			continue;
		tally_add(reprice->tally, sums->after, judged[i].rule->unit_no,
				  judged[i].term->share);
		tally_add(reprice->tally, sums->before, judged[i].rule->unit_no,
				  judged[i].term->share);
	}
}

/*
 * A LineObserver: what was before is what the event is entitled to less the
 * difference that its lines make.
 */
static void
tally_line(void *arg, AccountState *account, const EntryLine *line, int64 entry_no)
{
	Reprice    *reprice = (Reprice *) arg;
	const Movement *m = &line->movement;
	TallyMember *sums;

	if (line->source_no == 0)
		return;
	sums = tally_member(reprice->tally, account->member);
	tally_add(reprice->tally, sums->before, m->unit, m->lapsed + m->forgiven - m->points);
}

/* Opens a batch that judges events of a source again. */
static Batch *
open_batch(Reprice *reprice, SourceConfig *source)
{
	BatchOptions options;
	Batch	   *batch;

	memset(&options, 0, sizeof(options));
	options.dry = !reprice->apply;
	options.reprices = true;
	options.keep_orphans = true;
	options.operation_no = reprice->operation_no;
	options.undoes = reprice->undoes;
	batch = batch_open(reprice->program, source, &options);
	batch->choose_rules = choose_rules;
	batch->choose_rules_arg = reprice->chooser;
	batch->window_from = reprice->from;
	batch->window_until = reprice->until;
	batch->dry_state = reprice->dry_state;
	batch->observer = tally_entitled;
	batch->observer_arg = reprice;
	batch->line_observer = tally_line;
	batch->line_observer_arg = reprice;
	return batch;
}

/* Whether rules with caps or budgets are others than those that a source's events claimed by. */
static bool
claims_change(Reprice *reprice, const SourceConfig *source)
{
	List	   *versions = posted_versions(reprice->program, source, !reprice->apply);
	ListCell   *lc;

	foreach(lc, versions)
	{
		Posting		posting;
		RuleSet    *rules;

		memset(&posting, 0, sizeof(posting));
		posting.config_version = lfirst_int(lc);
		rules = choose_rules(reprice->chooser, NULL, &posting);
		if (rules && !claims_alike(program_rules(reprice->program, posting.config_version),
								   rules, source))
			return true;
	}
	return false;
}

/* Judges the events of all feeds: gives back what must be, then posts. */
static void
run_batches(Reprice *reprice, int64 *nposted)
{
	int			i;

	if (reprice->apply)
		batch_lock_feeds(reprice->feeds, reprice->nfeeds);
	for (i = 0; i < reprice->nfeeds; i++)
	{
		KeyFeed    *feed = &reprice->feeds[i];

		if (!claims_change(reprice, feed->batch->source))
			continue;
		feed->rewind(feed);
		while (feed->next(feed))
			batch_give_back_keys(feed->batch);
		feed->batch->nfailed = 0;
	}
	for (i = 0; i < reprice->nfeeds; i++)
	{
		KeyFeed    *feed = &reprice->feeds[i];

		feed->rewind(feed);
		while (feed->next(feed))
			batch_post_keys(feed->batch);
		reprice->nfailed += feed->batch->nfailed;
		*nposted += feed->batch->nposted;
		feed_close(feed);
		batch_close(feed->batch);
	}
}

/* -------- what is asked for -------- */

/* Finds the rule that was named, and the source of its events. */
static void
find_rule(Reprice *reprice)
{
	Program    *program = reprice->program;
	Oid			types[1] = {TEXTOID};
	Datum		values[1] = {CStringGetTextDatum(reprice->rule_name)};
	RightsSave	rights;
	bool		isnull;

	rights_enter(program->ref.owner, SECURITY_NOFORCE_RLS, &rights);
	SPI_connect();

	/* a rule may have had other sources before */
	if (SPI_execute_with_args(psprintf("SELECT r.rule_no, CASE pg_catalog.count(DISTINCT"
									   "  COALESCE(v.source_no, 0)) WHEN 1"
									   "  THEN pg_catalog.max(COALESCE(v.source_no, 0)) ELSE 0 END"
									   " FROM %1$s.rule AS r JOIN %1$s.rule_version AS v"
									   "  ON v.rule_no OPERATOR(pg_catalog.=) r.rule_no"
									   " WHERE r.name OPERATOR(pg_catalog.=) $1"
									   " GROUP BY r.rule_no",
									   quote_identifier(program->ref.name)),
							  1, types, values, NULL, !reprice->apply, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read a rule: %s", SPI_result_code_string(SPI_result));
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no rule \"%s\" in program \"%s\"", reprice->rule_name,
						program->ref.name),
				 errhint("The rules are the rows of its table \"rule\"; NULL stands for all of them.")));
	reprice->chooser->rule_no =
		DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	reprice->source_no =
		DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	SPI_finish();
	rights_leave(&rights);
}

/* -------- the operation -------- */

/* Writes the row of the operation; *number is set. */
static void
begin_operation(Program *program, const char *kind, const char *reason, const char *key,
				int64 reverses, Datum request, int64 *number)
{
	Oid			types[6] = {TEXTOID, TEXTOID, TIMESTAMPTZOID, JSONBOID, INT8OID, TEXTOID};
	Datum		values[6];
	char		nulls[7] = "      ";
	RightsSave	rights;
	bool		isnull;

	values[0] = CStringGetTextDatum(kind);
	values[1] = reason ? CStringGetTextDatum(reason) : (Datum) 0;
	nulls[1] = reason ? ' ' : 'n';
	values[2] = TimestampTzGetDatum(program_clock(program));
	values[3] = request;
	values[4] = Int64GetDatum(reverses);
	nulls[4] = reverses ? ' ' : 'n';
	values[5] = key ? CStringGetTextDatum(key) : (Datum) 0;
	nulls[5] = key ? ' ' : 'n';
	rights_enter(program->ref.owner, SECURITY_NOFORCE_RLS, &rights);
	SPI_connect();
	if (SPI_execute_with_args(psprintf("INSERT INTO %s.operation"
									   " (kind, reason, performed_at, request, result, reverses, key)"
									   " VALUES ($1, $2, $3, $4, '{}', $5, $6)"
									   " ON CONFLICT DO NOTHING RETURNING operation_no",
									   quote_identifier(program->ref.name)),
							  6, types, values, nulls, false, 0) != SPI_OK_INSERT_RETURNING)
		elog(ERROR, "could not write an operation: %s", SPI_result_code_string(SPI_result));
	if (SPI_processed == 0)
		refuse_reversal(reverses);
	*number = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
										  &isnull));
	SPI_finish();
	rights_leave(&rights);
}

/*
 * Completes the row: by which versions events are judged now, and were before
 * (0: they were not posted).  If nothing has happened the row goes.
 */
static void
end_operation(Reprice *reprice, bool happened)
{
	Program    *program = reprice->program;
	StringInfoData result;
	Oid			types[2] = {INT8OID, JSONBOID};
	Datum		values[2];
	RightsSave	rights;
	ListCell   *lc;
	int			n = 0;

	initStringInfo(&result);
	appendStringInfoString(&result, "{\"versions\": {");
	foreach(lc, reprice->chooser->choices)
	{
		RulesChoice *choice = (RulesChoice *) lfirst(lc);

		if (choice->before != choice->after)
			appendStringInfo(&result, "%s\"%d\": %d", n++ == 0 ? "" : ", ", choice->after,
							 choice->before);
	}
	appendStringInfoString(&result, "}}");
	values[0] = Int64GetDatum(reprice->operation_no);
	values[1] = DirectFunctionCall1(jsonb_in, CStringGetDatum(result.data));
	rights_enter(program->ref.owner, SECURITY_NOFORCE_RLS, &rights);
	SPI_connect();
	if (SPI_execute_with_args(psprintf(happened || n > 0 ?
									   "UPDATE %s.operation SET result = $2"
									   " WHERE operation_no OPERATOR(pg_catalog.=) $1" :
									   "DELETE FROM %s.operation"
									   " WHERE operation_no OPERATOR(pg_catalog.=) $1",
									   quote_identifier(program->ref.name)),
							  2, types, values, NULL, false, 0) < 0)
		elog(ERROR, "could not write an operation: %s", SPI_result_code_string(SPI_result));
	SPI_finish();
	rights_leave(&rights);
}

/* The arguments of a call, as jsonb. */
static Datum
request_of(const Reprice *reprice)
{
	StringInfoData request;

	initStringInfo(&request);
	appendStringInfoString(&request, "{\"rule\": ");
	if (reprice->rule_name)
		escape_json(&request, reprice->rule_name);
	else
		appendStringInfoString(&request, "null");
	appendStringInfo(&request, ", \"from_\": \"%s\", \"until_\": \"%s\"}",
					 instant_text(reprice->from), instant_text(reprice->until));
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(request.data));
}

/*
 * The configuration stays as it is until the end of the transaction, and what
 * was changed before is seen.
 */
static Program *
lock_configuration(Oid program_relid)
{
	Program    *program = program_get(program_relid);
	RightsSave	rights;

	rights_enter(program->ref.owner, SECURITY_NOFORCE_RLS, &rights);
	SPI_connect();
	(void) config_lock(&program->ref);
	SPI_finish();
	rights_leave(&rights);
	AcceptInvalidationMessages();
	return program_get(program_relid);
}

/* Begins to count. */
static void
start_tally(Reprice *reprice)
{
	reprice->tally = tally_create(reprice->program);
	reprice->dry_state = reprice->apply ? NULL : dry_create(reprice->program);
	reprice->nfailed = 0;
}

/* Opens what a call needs. */
static void
open_reprice(Reprice *reprice, Program *program, bool apply)
{
	reprice->program = program;
	reprice->apply = apply;
	reprice->chooser = palloc0(sizeof(RulesChooser));
	reprice->chooser->program = program;
	reprice->chooser->apply = apply;
	start_tally(reprice);
	reprice->feeds = palloc0(sizeof(KeyFeed) * Max(1, program->nsources));
}

/*
 * Opens the sources whose events are to be judged.  scans: those that can be
 * are judged at once.  False if that failed: then nothing is open.
 */
static bool
open_sources(Reprice *reprice, bool scans)
{
	Program    *program = reprice->program;
	int			i;

	for (i = 0; i < program->nsources; i++)
	{
		SourceConfig *source = &program->sources[i];
		Batch	   *batch;
		bool		fine;

		if (source->reduces ||
			(reprice->source_no != 0 && source->source_no != reprice->source_no))
			continue;
		batch = open_batch(reprice, source);
		if (!scans || !event_scan_can(source))
		{
			feed_open_window(&reprice->feeds[reprice->nfeeds++], batch, reprice->from,
							 reprice->until);
			continue;
		}
		fine = reprice_scan(batch, reprice->chooser, reprice->tally);
		if (fine)
		{
			batch_post_keys(batch);
			reprice->nfailed += batch->nfailed;
		}
		batch_close(batch);
		if (fine)
			continue;
		while (reprice->nfeeds > 0)
		{
			KeyFeed    *feed = &reprice->feeds[--reprice->nfeeds];

			feed_close(feed);
			batch_close(feed->batch);
		}
		return false;
	}
	return true;
}

/*
 * reprice_1(program regclass, rule text, from_ timestamptz, until_ timestamptz,
 *			 apply boolean)
 * RETURNS SETOF (member_id text, unit text, events bigint, before numeric,
 *				  after numeric, difference numeric)
 *
 * Judges the events of [from_, until_) again: by the present configuration if
 * rule is NULL, otherwise each by the one it was posted with, but with that
 * rule as it is now.  Reports the members whose points that changes; apply
 * posts the differences.
 */
Datum
reprice_1(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Program    *program;
	Reprice		reprice;
	bool		apply = !PG_ARGISNULL(4) && PG_GETARG_BOOL(4);
	int64		nposted = 0;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("say which program to reprice")));
	program = program_get(PG_GETARG_OID(0));
	program_require_owner(&program->ref);
	if (apply)
		program = lock_configuration(PG_GETARG_OID(0));

	memset(&reprice, 0, sizeof(reprice));
	open_reprice(&reprice, program, apply);
	reprice.rule_name = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	reprice.from = PG_ARGISNULL(2) ? DT_NOBEGIN : PG_GETARG_TIMESTAMPTZ(2);
	reprice.until = PG_ARGISNULL(3) ? DT_NOEND : PG_GETARG_TIMESTAMPTZ(3);
	if (reprice.rule_name)
		find_rule(&reprice);
	if (apply)
		begin_operation(program, "reprice", NULL, NULL, 0, request_of(&reprice),
						&reprice.operation_no);
	if (!open_sources(&reprice, !apply))
	{
		/* all over again, event by event */
		start_tally(&reprice);
		(void) open_sources(&reprice, false);
	}
	run_batches(&reprice, &nposted);
	if (apply)
	{
		choose_rules_end(reprice.chooser);
		end_operation(&reprice, nposted > 0);
	}
	if (reprice.nfailed > 0)
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg_plural("%lld event could not be judged and keeps what it has",
							   "%lld events could not be judged and keep what they have",
							   (unsigned long) reprice.nfailed, (long long) reprice.nfailed),
				 errhint("Mend the rule or the rows.")));
	tally_report(reprice.tally, result);
	return (Datum) 0;
}

/* -------- undoing -------- */

/* Refuses to undo what a later operation has built upon. */
static void
check_latest(Program *program, int64 operation_no, List *versions)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(1, list_length(versions)));
	Oid			types[2] = {INT8OID, INT4ARRAYOID};
	Datum		values[2];
	RightsSave	rights;
	ListCell   *lc;

	foreach(lc, versions)
		elements[foreach_current_index(lc)] = Int32GetDatum(lfirst_int(lc));
	values[0] = Int64GetDatum(operation_no);
	values[1] = PointerGetDatum(construct_array(elements, list_length(versions), INT4OID,
												sizeof(int32), true, TYPALIGN_INT));
	rights_enter(program->ref.owner, SECURITY_NOFORCE_RLS, &rights);
	SPI_connect();
	if (SPI_execute_with_args(psprintf("SELECT o.operation_no FROM %1$s.operation AS o"
									   " WHERE o.kind OPERATOR(pg_catalog.=) 'reprice'"
									   " AND o.operation_no OPERATOR(pg_catalog.>) $1"
									   " AND NOT EXISTS (SELECT FROM %1$s.operation AS r"
									   "  WHERE r.reverses OPERATOR(pg_catalog.=) o.operation_no)"
									   " AND EXISTS (SELECT FROM pg_catalog.jsonb_each_text("
									   "   o.result OPERATOR(pg_catalog.->) 'versions') AS e"
									   "  WHERE e.value::pg_catalog.int4 OPERATOR(pg_catalog.=)"
									   "   ANY ($2)) ORDER BY 1 DESC",
									   quote_identifier(program->ref.name)),
							  2, types, values, NULL, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read operations: %s", SPI_result_code_string(SPI_result));
	if (SPI_processed > 0)
	{
		bool		isnull;
		int64		later = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0],
														SPI_tuptable->tupdesc, 1, &isnull));

		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("operation " INT64_FORMAT " has repriced the same events since", later),
				 errhint("Reverse that one first.")));
	}
	SPI_finish();
	rights_leave(&rights);
}

/* Reads by which versions an operation has replaced which. */
static List *
read_versions(Reprice *reprice)
{
	Program    *program = reprice->program;
	MemoryContext context = CurrentMemoryContext;
	List	   *versions = NIL;
	Oid			types[1] = {INT8OID};
	Datum		values[1] = {Int64GetDatum(reprice->undoes)};
	RightsSave	rights;
	ListCell   *lc;
	uint64		i;

	rights_enter(program->ref.owner, SECURITY_NOFORCE_RLS, &rights);
	SPI_connect();
	if (SPI_execute_with_args(psprintf("SELECT e.key::pg_catalog.int4, e.value::pg_catalog.int4"
									   " FROM %s.operation AS o, pg_catalog.jsonb_each_text("
									   "  o.result OPERATOR(pg_catalog.->) 'versions') AS e"
									   " WHERE o.operation_no OPERATOR(pg_catalog.=) $1",
									   quote_identifier(program->ref.name)),
							  1, types, values, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read an operation: %s", SPI_result_code_string(SPI_result));
	MemoryContextSwitchTo(context);
	for (i = 0; i < SPI_processed; i++)
	{
		RulesChoice *choice = palloc0(sizeof(RulesChoice));
		bool		isnull;

		choice->before = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[i],
													 SPI_tuptable->tupdesc, 1, &isnull));
		choice->after = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[i],
													SPI_tuptable->tupdesc, 2, &isnull));
		reprice->chooser->choices = lappend(reprice->chooser->choices, choice);
		versions = lappend_int(versions, choice->before);
	}
	SPI_finish();
	rights_leave(&rights);
	foreach(lc, reprice->chooser->choices)
	{
		RulesChoice *choice = (RulesChoice *) lfirst(lc);

		if (choice->after != 0)
			choice->rules = program_rules(program, choice->after);
	}
	return versions;
}

/* see reprice.h */
int64
reprice_undo(Program *program, int64 operation_no, const char *reason, const char *key)
{
	Reprice		reprice;
	StringInfoData request;
	List	   *versions;
	int64		nposted = 0;
	int			i;

	program = lock_configuration(program->ref.relid);
	memset(&reprice, 0, sizeof(reprice));
	open_reprice(&reprice, program, true);
	reprice.from = DT_NOBEGIN;
	reprice.until = DT_NOEND;
	reprice.undoes = operation_no;
	reprice.chooser->undo = true;
	versions = read_versions(&reprice);
	check_latest(program, operation_no, versions);
	initStringInfo(&request);
	appendStringInfo(&request, "{\"operation\": " INT64_FORMAT ", \"reason\": ", operation_no);
	escape_json(&request, reason);
	appendStringInfoChar(&request, '}');
	begin_operation(program, "reverse", reason, key, operation_no,
					DirectFunctionCall1(jsonb_in, CStringGetDatum(request.data)),
					&reprice.operation_no);
	for (i = 0; i < program->nsources; i++)
	{
		SourceConfig *source = &program->sources[i];

		if (source->reduces == NULL)
			feed_open_versions(&reprice.feeds[reprice.nfeeds++],
							   open_batch(&reprice, source), versions);
	}
	run_batches(&reprice, &nposted);
	return reprice.operation_no;
}
