/*-------------------------------------------------------------------------
 *
 * explain.c
 *	  Why an event earned what it did: each rule, what it saw and what it paid.
 *
 * The event is judged once more, as reconcile would, by the configuration it
 * was posted with; nothing is written.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "engine/feed.h"
#include "engine/given.h"
#include "types/numbers.h"

LOYALTY_FUNCTION(explain_1);
LOYALTY_FUNCTION(explain_row_1);

enum ExplainColumn
{
	EXPLAIN_RULE,
	EXPLAIN_UNIT,
	EXPLAIN_MATCHED,
	EXPLAIN_REASON,
	EXPLAIN_BASE,
	EXPLAIN_FACTOR,
	EXPLAIN_EXACT,
	EXPLAIN_POINTS,
	EXPLAIN_TRIMMED_BY,
	EXPLAIN_ENTRY_NO,
	EXPLAIN_COLUMNS
};

/* what is being explained */
typedef struct Explanation
{
	ReturnSetInfo *result;
	bool		by_key;			/* an event there may be; else only an example */
} Explanation;

/* What a base or flat rule pays for its amount, before any limit. */
static Datum
base_points(const JudgedRule *judged)
{
	Frac		amount = judged->amount;
	Frac		pays;

	if (frac_sign(amount) < 0)
		amount = FRAC_ZERO;
	core_check(rate_pays(&judged->rule->judge.earn, amount, &pays));
	return frac_to_numeric(pays);
}

/* A JudgeObserver: a row for each rule, or one that says why there is none. */
static void
explain_event(void *arg, Batch *batch, AccountState *account, Event *event,
			  const JudgedRule *judged, int njudged, const char *why_not)
{
	Explanation *explanation = (Explanation *) arg;
	ReturnSetInfo *result = explanation->result;
	Datum		values[EXPLAIN_COLUMNS];
	bool		nulls[EXPLAIN_COLUMNS];
	int			nrows = 0;
	int			i;

	for (i = 0; i < njudged; i++)
	{
		const JudgedRule *rule = &judged[i];
		const char *reason = rule->reason;
		bool		scales;
		char	   *trims;

		if (rule->rule == NULL)
			continue;
		memset(nulls, false, sizeof(nulls));
		scales = rule->rule->judge.earn.kind == RATE_MULTIPLIER;
		trims = judged_trims(rule);
		if (explanation->by_key && rule->delta != 0)
			reason = event->posting == NULL ? "the event has not been posted yet" :
				"what it is entitled to is not what is posted: see reconcile()";
		values[EXPLAIN_RULE] = CStringGetTextDatum(rule->rule->name);
		values[EXPLAIN_UNIT] = CStringGetTextDatum(event->rules->units[rule->rule->unit].name);
		values[EXPLAIN_MATCHED] = BoolGetDatum(rule->term != NULL);
		nulls[EXPLAIN_REASON] = reason == NULL;
		if (reason)
			values[EXPLAIN_REASON] = CStringGetTextDatum(reason);
		nulls[EXPLAIN_BASE] = rule->term == NULL || scales;
		if (!nulls[EXPLAIN_BASE])
			values[EXPLAIN_BASE] = base_points(rule);
		nulls[EXPLAIN_FACTOR] = !scales;
		if (scales)
			values[EXPLAIN_FACTOR] = frac_to_numeric(rate_factor(&rule->rule->judge.earn));
		nulls[EXPLAIN_EXACT] = rule->term == NULL;
		if (rule->term)
			values[EXPLAIN_EXACT] = frac_to_numeric(rule->term->exact);
		values[EXPLAIN_POINTS] =
			NumericGetDatum(points_to_numeric(explanation->by_key ? rule->held : rule->delta));
		nulls[EXPLAIN_TRIMMED_BY] = trims == NULL;
		if (trims)
			values[EXPLAIN_TRIMMED_BY] = CStringGetTextDatum(trims);
		nulls[EXPLAIN_ENTRY_NO] = rule->entry_no == 0;
		values[EXPLAIN_ENTRY_NO] = Int64GetDatum(rule->entry_no);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
		nrows++;
	}
	if (nrows == 0)
	{
		memset(nulls, true, sizeof(nulls));
		nulls[EXPLAIN_MATCHED] = nulls[EXPLAIN_REASON] = false;
		values[EXPLAIN_MATCHED] = BoolGetDatum(false);
		values[EXPLAIN_REASON] = CStringGetTextDatum(why_not ? why_not :
													 "no rule concerns the source");
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

/* Opens a batch whose judgements are explained. */
static Batch *
open_explanation(Program *program, SourceConfig *source, Explanation *explanation)
{
	BatchOptions options;
	Batch	   *batch;

	memset(&options, 0, sizeof(options));
	options.dry = true;
	options.no_claims = true;
	options.raise_errors = true;
	options.judge_orphans = true;
	options.instant_is_now = true;
	batch = batch_open(program, source, &options);
	batch->observer = explain_event;
	batch->observer_arg = explanation;
	return batch;
}

/* Explains the event of a key. */
static void
explain_key(Batch *batch, const Datum *key)
{
	((Explanation *) batch->observer_arg)->by_key = true;
	batch_add_key(batch, key);
	batch_post_keys(batch);
}

/*
 * explain_1(program regclass, source text, key text)
 * RETURNS SETOF (rule text, unit text, matched boolean, reason text,
 *				  base numeric, factor numeric, exact numeric, points numeric,
 *				  trimmed_by text, entry_no bigint)
 *
 * Each rule that an event was, or would be, judged by: what it pays for the
 * amount it sees, or its factor; what limits and groups leave of that; and the
 * points the event holds of it.
 */
Datum
explain_1(PG_FUNCTION_ARGS)
{
	Program    *program;
	SourceConfig *source;
	Batch	   *batch;
	Explanation explanation;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("say which event of which source to explain")));
	program = program_get(PG_GETARG_OID(0));
	program_require_owner(&program->ref);
	source = source_of_argument(program, text_to_cstring(PG_GETARG_TEXT_PP(1)));
	explanation.result = (ReturnSetInfo *) fcinfo->resultinfo;
	batch = open_explanation(program, source, &explanation);
	explain_key(batch, event_key_parse(source, text_to_cstring(PG_GETARG_TEXT_PP(2))));
	batch_close(batch);
	return (Datum) 0;
}

/* Whether an event has been posted. */
static bool
is_posted(Batch *batch, const Datum *key)
{
	MemoryContext old = MemoryContextSwitchTo(batch->chunk);
	Ledger	   *ledger = ledger_open(batch->program, batch->source, true);
	Posting		posting;
	bool		found = ledger_find_posting(ledger, key, &posting);

	ledger_close(ledger);
	MemoryContextSwitchTo(old);
	return found;
}

/*
 * explain_row_1(program regclass, "row" record), returns the same
 *
 * Explains a row of an attached table, by all sources that the table is: what
 * it has earned if its event has been posted, otherwise what it would earn.
 */
Datum
explain_row_1(PG_FUNCTION_ARGS)
{
	Program    *program;
	int			found = 0;
	int			i;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("say which row to explain")));
	program = program_get(PG_GETARG_OID(0));
	program_require_owner(&program->ref);
	for (i = 0; i < program->nsources; i++)
	{
		SourceConfig *source = &program->sources[i];
		Explanation explanation;
		Batch	   *batch;
		HeapTuple	row;

		if (source->reduces)
			continue;
		explanation.result = (ReturnSetInfo *) fcinfo->resultinfo;
		explanation.by_key = false;
		batch = open_explanation(program, source, &explanation);
		row = given_row_from_record(batch->reader, PG_GETARG_HEAPTUPLEHEADER(1));
		if (row)
		{
			Datum	   *key = given_key(batch, row);

			if (key && is_posted(batch, key))
				explain_key(batch, key);
			else
			{
				given_events(batch, list_make1(row));
				batch_post_events(batch);
			}
			found++;
		}
		batch_close(batch);
	}
	if (found == 0)
		given_refuse_record(program, PG_GETARG_HEAPTUPLEHEADER(1));
	return (Datum) 0;
}
