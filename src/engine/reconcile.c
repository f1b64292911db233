/*-------------------------------------------------------------------------
 *
 * reconcile.c
 *	  Events judged once more: after a gap in the wiring, a failure, or to
 *	  check that all is well.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

#include "engine/amount.h"
#include "engine/arrays.h"
#include "engine/event_scan.h"
#include "engine/feed.h"
#include "types/numbers.h"

LOYALTY_FUNCTION(reconcile_1);
LOYALTY_FUNCTION(retry_failed_1);

/* what reconcile found for one event, member and unit */
typedef struct Difference
{
	char	   *event_key;
	char	   *member;
	int32		unit_no;
	Points		points;
} Difference;

/* collects the lines that are (or would be) written */
typedef struct Differences
{
	Batch	   *batch;
	Difference *item;
	int			nitems;
	int			capacity;
	MemoryContext context;
} Differences;

/* A LineObserver: sums lines of one event, member and unit. */
static void
note_difference(void *arg, AccountState *account, const EntryLine *line, int64 entry_no)
{
	Differences *differences = (Differences *) arg;
	MemoryContext old;
	char	   *key;
	char	   *member;
	Difference *item;
	int			i;

	if (line->event_key == (Datum) 0)
		return;
	old = MemoryContextSwitchTo(differences->context);
	key = TextDatumGetCString(line->event_key);
	member = member_text(differences->batch->program, account->member);
	for (i = differences->nitems - 1; i >= 0; i--)
	{
		item = &differences->item[i];
		if (strcmp(item->event_key, key) != 0)
		{
			i = -1;
			break;
		}
		if (item->unit_no == line->movement.unit && strcmp(item->member, member) == 0)
			break;
	}
	if (i < 0)
	{
		if (differences->nitems == differences->capacity)
			differences->item = array_grow(CurrentMemoryContext, differences->item,
										   sizeof(Difference), &differences->capacity, 64);
		i = differences->nitems++;
		differences->item[i].event_key = key;
		differences->item[i].member = member;
		differences->item[i].unit_no = line->movement.unit;
		differences->item[i].points = 0;
	}
	differences->item[i].points += line->movement.points;
	MemoryContextSwitchTo(old);
}

/* Names the unit of a number, as it is now. */
static const char *
unit_name(Program *program, int32 unit_no)
{
	return rules_unit(program->rules, unit_no)->name;
}

/* -------- events that are not as they should be -------- */

/* By what an event was posted. */
static RuleSet *
rules_posted_by(void *arg, Batch *batch, const Posting *posting)
{
	return program_rules(batch->program, posting->config_version);
}

/* Whether an event holds what it is entitled to, and counts as it should. */
static bool
is_as_it_should(void *arg, EventScan *scan)
{
	Posting    *posting = &scan->posting;
	int			i;

	for (i = 0; i < scan->units->nunits; i++)
	{
		if (scan->rules->judged[i] && scan->held[i] != scan->due[i])
			return false;
	}
	if (((posting->flags & POSTING_COUNTS) != 0) != scan->counts)
		return false;
	return !scan->counts ||
		posting->amount == amount_to_points(event_row_amount(&scan->event.row));
}

/*
 * Has the batch remember the events of its source that may not be as they
 * should: those that are need no further look.  False if that cannot be told.
 */
static bool
find_doubtful(Batch *batch)
{
	EventScan	scan;
	ListCell   *lc;

	if (!event_scan_can(batch->source))
		return false;
	memset(&scan, 0, sizeof(scan));
	scan.batch = batch;
	scan.units = tally_create(batch->program);
	scan.ignores_strange = true;
	scan.choose_rules = rules_posted_by;
	scan.take_event = is_as_it_should;
	if (!event_scan(&scan))
		return false;

	/* those that wait in failed_event go from there */
	foreach(lc, batch->options.dry ? NIL : feed_failed_keys(batch->program, batch->source))
		batch_add_key(batch, event_key_parse(batch->source, (char *) lfirst(lc)));
	batch_sort_keys(batch);
	return true;
}

/* Opens a batch that tells its lines, or what they would be, to differences. */
static Batch *
open_batch(Program *program, SourceConfig *source, const BatchOptions *options,
		   Differences *differences)
{
	Batch	   *batch = batch_open(program, source, options);

	memset(differences, 0, sizeof(Differences));
	differences->batch = batch;
	differences->context = CurrentMemoryContext;
	batch->line_observer = note_difference;
	batch->line_observer_arg = differences;
	return batch;
}

/*
 * reconcile_1(program regclass, source text, key text, orphans text, apply boolean)
 * RETURNS SETOF (event_key text, member_id text, unit text, difference numeric)
 *
 * Posts, or with apply false only tells, what events whose rows exist are
 * entitled to and have not posted.  Events posted before claim no room of caps
 * and budgets.  orphans: 'keep' lists events that have points but no rows,
 * 'revoke' takes their points back.
 */
Datum
reconcile_1(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Program    *program;
	SourceConfig *source;
	BatchOptions options;
	Batch	   *batch;
	Differences differences;
	bool		revoke;
	bool		apply;
	char	   *key = PG_ARGISNULL(2) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(2));
	char	   *orphans = PG_ARGISNULL(3) ? "keep" : text_to_cstring(PG_GETARG_TEXT_PP(3));
	int			i;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("say which source to reconcile")));
	program = program_get(PG_GETARG_OID(0));
	program_require_owner(&program->ref);
	source = source_of_argument(program, text_to_cstring(PG_GETARG_TEXT_PP(1)));
	if (strcmp(orphans, "keep") != 0 && strcmp(orphans, "revoke") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("orphans must be 'keep' or 'revoke', not \"%s\"", orphans)));
	revoke = strcmp(orphans, "revoke") == 0;
	apply = PG_ARGISNULL(4) || PG_GETARG_BOOL(4);

	memset(&options, 0, sizeof(options));
	options.dry = !apply;
	options.no_claims = true;
	options.keep_orphans = !revoke;
	options.rows_from = ROWS_OF_OTHERS;
	batch = open_batch(program, source, &options, &differences);
	if (key)
		batch_add_key(batch, event_key_parse(source, key));
	else if (revoke || !find_doubtful(batch))
	{
		/* one by one */
		batch_close(batch);
		batch = open_batch(program, source, &options, &differences);
		feed_all_keys(batch, revoke);
	}
	batch_post_keys(batch);
	batch_close(batch);

	for (i = 0; i < differences.nitems; i++)
	{
		Difference *item = &differences.item[i];
		Datum		values[4];
		bool		nulls[4] = {false, false, false, false};

		values[0] = CStringGetTextDatum(item->event_key);
		values[1] = CStringGetTextDatum(item->member);
		values[2] = CStringGetTextDatum(unit_name(program, item->unit_no));
		values[3] = NumericGetDatum(points_to_numeric(item->points));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/*
 * retry_failed_1(program regclass, source text)
 * RETURNS SETOF (source text, event_key text, outcome text)
 *
 * Judges the events in failed_event again, from their rows as they are now.
 */
Datum
retry_failed_1(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Program    *program;
	char	   *only = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	int			i;

	InitMaterializedSRF(fcinfo, 0);
	program = program_get(PG_GETARG_OID(0));
	program_require_owner(&program->ref);
	if (only)
		(void) source_of_argument(program, only);
	for (i = 0; i < program->nsources; i++)
	{
		SourceConfig *source = &program->sources[i];
		BatchOptions options;
		Batch	   *batch;
		List	   *keys = NIL;
		ListCell   *lc;

		if (source->reduces || (only && strcmp(only, source->name) != 0))
			continue;
		keys = feed_failed_keys(program, source);
		if (keys == NIL)
			continue;
		memset(&options, 0, sizeof(options));
		options.rows_from = ROWS_OF_OTHERS;
		batch = batch_open(program, source, &options);
		foreach(lc, keys)
		{
			Datum		values[3];
			bool		nulls[3] = {false, false, false};
			int64		posted = batch->nposted;
			int64		failed = batch->nfailed;

			batch_add_key(batch, event_key_parse(source, (char *) lfirst(lc)));
			batch_post_keys(batch);
			values[0] = CStringGetTextDatum(source->name);
			values[1] = CStringGetTextDatum((char *) lfirst(lc));
			values[2] = CStringGetTextDatum(batch->nfailed > failed ? "failed" :
											batch->nposted > posted ? "posted" :
											"nothing to post");
			tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
		}
		batch_close(batch);
	}
	return (Datum) 0;
}
