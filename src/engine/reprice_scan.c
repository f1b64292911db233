/*-------------------------------------------------------------------------
 *
 * reprice_scan.c
 *	  Events of a whole source judged again without a look-up for each.
 *
 * A report that writes nothing needs of an event only what it is entitled to
 * and what it holds, not in which lots.  As long as no rule shares room among
 * events, each stands for itself: one query brings rows, postings and lines
 * together in whatever order the server finds best.  What is not plain about
 * an event (it is not posted, or as another member's, or in several blocks of
 * lines) is left to the way of keys.c, by its key.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/judgement.h"
#include "engine/reprice.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "tcop/dest.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "engine/feed.h"
#include "engine/match.h"
#include "types/lines.h"

/* events left to keys.c; with more of them all may as well go there */
#define LEFT_EVENTS_MAX		100000

/* columns of the query behind those of the table, see feed.h */
enum ScanColumn
{
	SCAN_MEMBER_ID = 0,
	SCAN_OCCURRED_AT,
	SCAN_CONFIG_VERSION,
	SCAN_FLAGS,
	SCAN_FIRST_ENTRY,
	SCAN_ENTRIES,
	SCAN_PLAIN,
	SCAN_LINES
};

/* what events posted by one configuration version are judged by */
typedef struct ScanRules
{
	int32		version;
	RuleSet    *rules;			/* NULL: not here */
	bool	   *judged;			/* by slot of the tally: the unit is one of theirs */
	RuleSums   *sums;			/* NULL: they have to be judged one by one */
	uint64		generation;		/* of the expressions that are ready */
	MemoryContext matcher_context;
	RuleMatcher *matcher;		/* NULL: they are evaluated one by one */
} ScanRules;

/* receives the query's rows */
typedef struct EventScan
{
	DestReceiver receiver;		/* first */
	Batch	   *batch;
	RulesChooser *chooser;
	Tally	   *tally;
	const char *query;
	MemoryContext event_context;	/* reset for each event */
	TupleTableSlot *slot;		/* the row in the table's format */
	bool		refused;		/* an event needs what is not done here */
	int			nleft;

	List	   *all_rules;		/* of ScanRules */
	ScanRules  *rules;			/* by what the latest event was judged */

	Judgement	j;
	Event		event;
	Posting		posting;
	Points	   *held;			/* of the latest event, by slot of the tally */
} EventScan;

/* Whether events can be judged by a set of rules one without the others. */
static bool
each_for_itself(const RuleSet *rules)
{
	int			i;

	for (i = 0; i < rules->nrules; i++)
	{
		const RuleConfig *rule = &rules->rules[i];

		if (rule->cap_period != CALENDAR_NONE || rule->has_budget || rule->uses_member ||
			rule->ntiers > 0 || (rule->needs_pin && rule->pin == NULL))
			return false;
	}
	return true;
}

/* see reprice.h */
bool
reprice_can_scan(const Program *program, const SourceConfig *source)
{
	return program->enrolment == 'a' && !source->several_rows && source->event < 0 &&
		source->key < 0 && source->reducers == NIL && source->spend < 0 &&
		source->member >= 0 && source->occurred_at >= 0 && each_for_itself(program->rules);
}

/* Makes the expressions of rules ready. */
static void
prepare_rules(EventScan *scan, ScanRules *rules)
{
	MemoryContext old;

	prepare_expressions(scan->batch, rules->rules);
	rules->generation = pin_generation();
	if (rules->matcher_context)
		MemoryContextDelete(rules->matcher_context);
	rules->matcher_context = AllocSetContextCreate(scan->batch->context, "loyalty matcher",
												   ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(rules->matcher_context);
	rules->matcher = matcher_create(scan->batch->reader, rules->rules);
	MemoryContextSwitchTo(old);
}

/* What events are judged by that were posted as the latest one was. */
static ScanRules *
make_rules(EventScan *scan)
{
	Batch	   *batch = scan->batch;
	Tally	   *tally = scan->tally;
	ScanRules  *rules = palloc0(sizeof(ScanRules));
	int			i;

	rules->version = scan->posting.config_version;
	scan->all_rules = lappend(scan->all_rules, rules);

	/* what its events claimed by rules of old may now be free for others */
	if (!each_for_itself(program_rules(batch->program, rules->version)))
		return rules;
	rules->rules = choose_rules(scan->chooser, batch, &scan->posting);
	if (rules->rules && !each_for_itself(rules->rules))
		rules->rules = NULL;
	if (rules->rules == NULL)
		return rules;
	rules->judged = palloc0(sizeof(bool) * Max(1, tally->nunits));
	for (i = 0; i < rules->rules->nunits; i++)
		rules->judged[tally->slot_of[rules->rules->units[i].unit_no]] = true;
	rules->sums = sums_create(rules->rules, batch->source);
	prepare_rules(scan, rules);
	return rules;
}

/* Makes the rules ready by which a posting is judged; false if they are not for us. */
static bool
take_rules(EventScan *scan)
{
	if (scan->rules == NULL || scan->rules->version != scan->posting.config_version)
	{
		MemoryContext old;
		ListCell   *lc;

		foreach(lc, scan->all_rules)
		{
			scan->rules = (ScanRules *) lfirst(lc);
			if (scan->rules->version == scan->posting.config_version)
				break;
		}
		if (lc == NULL)
		{
			old = MemoryContextSwitchTo(scan->batch->context);
			scan->rules = make_rules(scan);
			MemoryContextSwitchTo(old);
		}
	}
	if (scan->rules->rules && scan->rules->generation != pin_generation())
		prepare_rules(scan, scan->rules);
	return scan->rules->rules != NULL;
}

/* Sums what an event holds by its lines; false if these are not all of them. */
static bool
sum_lines(EventScan *scan, Datum value, int nlines)
{
	LinesCursor cursor;
	Movement	line;
	int			n = 0;

	lines_begin(DatumGetLinesPP(value), &cursor);
	while (lines_next(&cursor, &line))
	{
		int			slot = scan->tally->slot_of[line.unit];

		n++;
		if (scan->rules->judged[slot])
			core_check(points_add(scan->held[slot],
								  line.points - line.lapsed - line.forgiven,
								  &scan->held[slot]) ? CORE_OK : CORE_RANGE);
	}
	return n == nlines;
}

/* Adds up what an event is entitled to, whose rules are known. */
static void
add_entitled(EventScan *scan, Points *sums)
{
	RuleSet    *rules = scan->rules->rules;
	Event	   *event = &scan->event;
	EventReader *reader = scan->batch->reader;
	Frac		amount = event_row_amount(&event->row);
	const UnitSum *added = NULL;
	int			i;

	if (scan->batch->source->amount >= 0 && frac_sign(amount) <= 0)
		return;
	if (scan->rules->sums)
		added = sums_find(scan->rules->sums, reader, event->row.match_word, event->at, amount);
	scan->j.rules = rules;
	for (i = 0; i < rules->nunits; i++)
	{
		UnitConfig *unit = &rules->units[i];

		if (added == NULL || !added[i].usable ||
			judge_sum_pays(&unit->judge, &added[i].sum, amount, &scan->j.due) != CORE_OK)
		{
			scan->j.due = 0;
			judge_event_unit(&scan->j, i, &event->row, amount, amount, NULL, true,
							 &scan->posting, NULL);
		}
		tally_add(scan->tally, sums, unit->unit_no, scan->j.due);
	}
}

/* Judges the event in the slot; false if keys.c has to. */
static bool
judge_plain(EventScan *scan, const SourceRow *row, const Datum *posted, const bool *isnull)
{
	Batch	   *batch = scan->batch;
	Tally	   *tally = scan->tally;
	Event	   *event = &scan->event;
	TallyMember *sums;
	int			i;

	if (!row->holds || isnull[SCAN_MEMBER_ID] || !DatumGetBool(posted[SCAN_PLAIN]) ||
		(DatumGetInt16(posted[SCAN_FLAGS]) & POSTING_BLOCKED) != 0 ||
		DatumGetTimestampTz(posted[SCAN_OCCURRED_AT]) != row->at ||
		member_cmp(batch->program, posted[SCAN_MEMBER_ID], row->member) != 0)
		return false;
	scan->posting.config_version = DatumGetInt32(posted[SCAN_CONFIG_VERSION]);
	if (!take_rules(scan))
	{
		scan->refused = true;
		return true;
	}
	memset(scan->held, 0, sizeof(Points) * Max(1, tally->nunits));
	if (!isnull[SCAN_FIRST_ENTRY] &&
		(isnull[SCAN_LINES] ||
		 !sum_lines(scan, posted[SCAN_LINES], DatumGetInt16(posted[SCAN_ENTRIES]))))
		return false;

	memset(&event->row, 0, sizeof(EventRow));
	event->row.mantissa = row->mantissa;
	event->row.scale = row->scale;
	event->row.holds = true;
	event->at = row->at;
	event->member = row->member;
	event->rules = scan->rules->rules;
	if (scan->rules->matcher)
		matcher_match(scan->rules->matcher, &event->row, scan->slot);
	else
		event_match_rules(batch->reader, event->rules, &event->row, scan->slot, false, true);
	batch->reader->part = NULL;

	sums = tally_member(tally, row->member);
	sums->events++;
	for (i = 0; i < tally->nunits; i++)
	{
		if (scan->rules->judged[i])
			tally_add(tally, sums->before, tally->unit_no[i], scan->held[i]);
	}
	add_entitled(scan, sums->after);
	return true;
}

/* Takes a row of the query; false if no more are wanted. */
static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	EventScan  *scan = (EventScan *) self;
	Batch	   *batch = scan->batch;
	int			natts = batch->reader->desc->natts;
	MemoryContext old = MemoryContextSwitchTo(scan->event_context);
	SourceRow	row;

	slot_getallattrs(slot);
	ExecClearTuple(scan->slot);
	memcpy(scan->slot->tts_values, slot->tts_values, sizeof(Datum) * natts);
	memcpy(scan->slot->tts_isnull, slot->tts_isnull, sizeof(bool) * natts);
	ExecStoreVirtualTuple(scan->slot);
	event_read_row(batch->reader, scan->slot, &row);

	/* what was not posted and does not count is nothing to anybody */
	if ((row.holds || !slot->tts_isnull[natts + SCAN_MEMBER_ID]) &&
		!judge_plain(scan, &row, slot->tts_values + natts, slot->tts_isnull + natts))
	{
		Datum	   *key = event_read_key(batch->reader, scan->slot);

		if (key)
			batch_add_key(batch, key);
		scan->refused |= ++scan->nleft > LEFT_EVENTS_MAX;
	}
	batch->reader->part = NULL;
	MemoryContextSwitchTo(old);
	MemoryContextReset(scan->event_context);
	return !scan->refused;
}

static void
receive_start(DestReceiver *self, int operation, TupleDesc desc)
{
}

static void
receive_end(DestReceiver *self)
{
}

/* Runs the query; for guarded(). */
static void
run_scan(void *arg)
{
	EventScan  *scan = (EventScan *) arg;
	Batch	   *batch = scan->batch;
	SPIExecuteOptions options;
	ParamListInfo params = makeParamList(2);
	RightsSave	rights;
	int			guc_level = NewGUCNestLevel();
	char		memory[32];
	int			result;
	int			i;

	/* as the check of a foreign key does, which is a query like this */
	snprintf(memory, sizeof(memory), "%d", Max(work_mem, maintenance_work_mem));
	(void) set_config_option("work_mem", memory, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);
	params->params[0].value = TimestampTzGetDatum(batch->window_from);
	params->params[1].value = TimestampTzGetDatum(batch->window_until);
	for (i = 0; i < 2; i++)
	{
		params->params[i].isnull = false;
		params->params[i].pflags = PARAM_FLAG_CONST;
		params->params[i].ptype = TIMESTAMPTZOID;
	}
	memset(&options, 0, sizeof(options));
	options.params = params;
	options.read_only = true;
	options.dest = &scan->receiver;
	rights_enter(batch->program->ref.owner, SECURITY_NOFORCE_RLS, &rights);
	SPI_connect();
	result = SPI_execute_extended(scan->query, &options);
	if (result != SPI_OK_SELECT)
		elog(ERROR, "could not read a source: %s", SPI_result_code_string(result));
	SPI_finish();
	rights_leave(&rights);
	AtEOXact_GUC(true, guc_level);
}

/* see reprice.h */
bool
reprice_scan(Batch *batch, RulesChooser *chooser, Tally *tally)
{
	MemoryContext old = MemoryContextSwitchTo(batch->context);
	EventScan  *scan = palloc0(sizeof(EventScan));
	EvalError	error;
	bool		fine;

	scan->receiver.receiveSlot = receive_row;
	scan->receiver.rStartup = receive_start;
	scan->receiver.rShutdown = receive_end;
	scan->receiver.rDestroy = receive_end;
	scan->receiver.mydest = DestTuplestore;
	scan->batch = batch;
	scan->chooser = chooser;
	scan->tally = tally;
	scan->query = feed_scan_query(batch->program, batch->source);
	scan->event_context = AllocSetContextCreate(batch->context, "loyalty event",
												ALLOCSET_DEFAULT_SIZES);
	scan->slot = MakeSingleTupleTableSlot(batch->reader->desc, &TTSOpsVirtual);
	scan->held = palloc0(sizeof(Points) * Max(1, tally->nunits));
	scan->event.nrows = 1;
	scan->event.reduction = FRAC_ZERO;
	scan->event.posting = &scan->posting;
	scan->j.batch = batch;
	scan->j.event = &scan->event;
	scan->j.probes = true;
	batch->reader->context = scan->event_context;
	fine = attempted(batch, run_scan, scan, &error) && !scan->refused;
	batch->reader->context = batch->chunk;
	ExecDropSingleTupleTableSlot(scan->slot);
	MemoryContextDelete(scan->event_context);
	MemoryContextSwitchTo(old);
	return fine;
}
