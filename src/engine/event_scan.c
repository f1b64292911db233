/*-------------------------------------------------------------------------
 *
 * event_scan.c
 *	  Events of a whole source judged again, without a look-up for each.
 *
 * Who writes nothing needs of an event only what it is entitled to and what it
 * holds, not in which lots.  Where each event stands for itself, one query
 * brings rows, postings and lines together in whatever order the server finds
 * best.  What has to be posted, or is not posted as the row says now, is left
 * to the way of keys.c, by its key.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/event_scan.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "tcop/dest.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "engine/amount.h"
#include "engine/chunk.h"
#include "engine/feed.h"
#include "engine/layout.h"
#include "types/lines.h"

/* events left to keys.c; with more of them all may as well go there */
#define LEFT_EVENTS_MAX		100000

/* the lines, behind the columns of the posting */
#define SCAN_LINES	POSTING_COLUMNS

/* receives the query's rows */
typedef struct ScanReceiver
{
	DestReceiver receiver;		/* first */
	EventScan  *scan;
} ScanReceiver;

/* see event_scan.h */
bool
event_scan_can(const SourceConfig *source)
{
	return !source->several_rows && source->event < 0 && source->key < 0 &&
		source->reducers == NIL && source->spend < 0 && source->member >= 0 &&
		source->occurred_at >= 0;
}

/* -------- rules -------- */

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
	ScanRules  *rules = palloc0(sizeof(ScanRules));
	int			i;

	rules->version = scan->posting.config_version;
	scan->all_rules = lappend(scan->all_rules, rules);
	rules->rules = scan->choose_rules(scan->arg, batch, &scan->posting);
	for (i = 0; rules->rules && i < rules->rules->nrules; i++)
	{
		RuleConfig *rule = &rules->rules->rules[i];

		if (!rule_concerns(rule, batch->source))
			continue;
		rules->uses_lines |= rule->cap_period != CALENDAR_NONE || rule->has_budget;
		if (rule->needs_pin && rule->pin == NULL)
			rules->rules = NULL;
	}
	if (rules->rules == NULL)
		return rules;
	rules->uses_member = event_rules_use_member(batch->source, rules->rules);
	rules->uses_tiers = rules->uses_member ||
		event_rules_use_tiers(batch->source, rules->rules);
	scan->uses_member |= rules->uses_tiers;
	scan->uses_room |= rules->uses_lines;
	rules->judged = palloc0(sizeof(bool) * Max(1, scan->units->nunits));
	for (i = 0; i < rules->rules->nunits; i++)
		rules->judged[scan->units->slot_of[rules->rules->units[i].unit_no]] = true;
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

/* -------- an event -------- */

/* Adds a line to what the event holds. */
static void
add_line(EventScan *scan, int32 unit_no, Points points)
{
	int			slot = scan->units->slot_of[unit_no];

	if (scan->rules->judged[slot])
		core_check(points_add(scan->held[slot], points, &scan->held[slot]) ?
				   CORE_OK : CORE_RANGE);
}

/* Sums what an event holds by its lines; false if these are not all of them. */
static bool
sum_lines(EventScan *scan, const Datum *posted, const bool *isnull)
{
	Judgement  *j = &scan->j;
	LinesCursor cursor;
	Movement	line;
	int			n = 0;
	int			i;

	memset(scan->held, 0, sizeof(Points) * Max(1, scan->units->nunits));
	j->own = NULL;
	j->nown = j->own_capacity = 0;
	if (scan->posting.nlater > 0)
	{
		read_own_lines(j, &scan->posting);
		for (i = 0; i < j->nown; i++)
			add_line(scan, j->own[i].unit,
					 j->own[i].points - j->own[i].lapsed - j->own[i].forgiven);
		return true;
	}
	if (scan->posting.first_entry == 0)
		return true;
	if (isnull[SCAN_LINES])
		return false;
	if (scan->rules->uses_lines)
	{
		j->own_capacity = scan->posting.entries;
		j->own = palloc0(sizeof(OwnLine) * j->own_capacity);
	}
	lines_begin(DatumGetLinesPP(posted[SCAN_LINES]), &cursor);
	while (lines_next(&cursor, &line))
	{
		add_line(scan, line.unit, line.points - line.lapsed - line.forgiven);
		if (n++ < j->own_capacity)
		{
			OwnLine    *own = &j->own[j->nown++];

			own->rule_no = line.tag;
			own->unit = line.unit;
			own->points = line.points;
			own->from = line.from;
			own->to = line.to;
			own->lapsed = line.lapsed;
			own->forgiven = line.forgiven;
			own->entry_no = scan->posting.first_entry + n - 1;
		}
	}
	return n == scan->posting.entries;
}

/* Finds out which rules match the event in the slot. */
static void
match_rules(EventScan *scan)
{
	EventReader *reader = scan->batch->reader;
	ScanRules  *rules = scan->rules;

	/* as they were frozen */
	if (rules->uses_tiers)
		event_tiers_frozen(reader, reader->program->tiers, scan->posting.facts);
	if (rules->uses_member)
		event_facts_frozen(reader, scan->posting.facts);
	if (rules->matcher)
		matcher_match(rules->matcher, &scan->event.row, scan->slot);
	else
		event_match_rules(reader, rules->rules, &scan->event.row, scan->slot, true, true);
	reader->part = NULL;
}

/* Whether the event holds points of rules with caps or budgets. */
static bool
has_claimed(const EventScan *scan)
{
	const Judgement *j = &scan->j;
	int			i;

	for (i = 0; i < j->nown; i++)
	{
		RuleConfig *rule = rules_rule(scan->rules->rules, j->own[i].rule_no);

		if (rule && (rule->cap_period != CALENDAR_NONE || rule->has_budget) &&
			held_points(j, j->own[i].unit, rule->rule_no) != 0)
			return true;
	}
	return false;
}

/* What the event is entitled to, whose rules are known. */
static void
find_due(EventScan *scan)
{
	RuleSet    *rules = scan->rules->rules;
	Event	   *event = &scan->event;
	EventReader *reader = scan->batch->reader;
	Frac		amount = event_row_amount(&event->row);
	const UnitSum *added = NULL;
	int			i;

	memset(scan->due, 0, sizeof(Points) * Max(1, scan->units->nunits));
	scan->counts = false;
	scan->j.rules = rules;
	if (event->nrows == 0 || (scan->posting.flags & POSTING_BLOCKED) != 0 ||
		(scan->batch->source->amount >= 0 && frac_sign(amount) <= 0))
	{
		scan->j.needs_room |= scan->claims && has_claimed(scan);
		return;
	}
	scan->counts = scan->batch->source->purchase;
	match_rules(scan);
	if (scan->rules->sums)
		added = sums_find(scan->rules->sums, reader, event->row.match_word, event->at, amount);
	for (i = 0; i < rules->nunits; i++)
	{
		UnitConfig *unit = &rules->units[i];

		if (added == NULL || !added[i].usable ||
			judge_sum_pays(&unit->judge, &added[i].sum, amount, &scan->j.due) != CORE_OK)
		{
			scan->j.due = 0;
			judge_event_unit(&scan->j, i, &event->row, amount, amount, NULL, scan->claims,
							 &scan->posting, NULL);
		}
		scan->due[scan->units->slot_of[unit->unit_no]] = scan->j.due;
	}
}

/* Judges the event in the slot; false if keys.c has to. */
static bool
judge_event(EventScan *scan, const SourceRow *row, const Datum *posted, const bool *isnull)
{
	Batch	   *batch = scan->batch;
	Event	   *event = &scan->event;

	if (isnull[POSTING_MEMBER_ID])
	{
		scan->unposted = true;
		return false;
	}
	posting_from_columns(batch->program, posted, isnull, &scan->posting);
	if (row->holds &&
		(scan->posting.occurred_at != row->at ||
		 member_cmp(batch->program, scan->posting.member, row->member) != 0))
	{
		scan->unposted = true;
		return false;
	}

	/* what a row is about that counts no more only its posting knows */
	event->nrows = row->holds ? 1 : 0;
	event->at = scan->posting.occurred_at;
	event->member = scan->posting.member;
	if (event->at < batch->window_from || event->at >= batch->window_until)
		return true;
	if (!take_rules(scan))
	{
		scan->refused |= !scan->ignores_strange;
		return false;
	}
	event->rules = scan->rules->rules;
	if (!sum_lines(scan, posted, isnull))
		return false;
	memset(&event->row, 0, sizeof(EventRow));
	event->row.mantissa = row->mantissa;
	event->row.scale = row->scale;
	event->row.holds = row->holds;
	find_due(scan);
	if (scan->j.needs_room)
	{
		scan->refused = true;
		return false;
	}
	return scan->take_event(scan->arg, scan);
}

/* -------- the query -------- */

/* Takes a row of the query; false if no more are wanted. */
static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	EventScan  *scan = ((ScanReceiver *) self)->scan;
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
	if ((row.holds || !slot->tts_isnull[natts + POSTING_MEMBER_ID]) &&
		!judge_event(scan, &row, slot->tts_values + natts, slot->tts_isnull + natts))
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

/* Runs the query; for attempted(). */
static void
run_scan(void *arg)
{
	EventScan  *scan = (EventScan *) arg;
	Batch	   *batch = scan->batch;
	ScanReceiver receiver;
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
	options.read_only = batch->options.dry;
	memset(&receiver, 0, sizeof(receiver));
	receiver.receiver.receiveSlot = receive_row;
	receiver.receiver.rStartup = receive_start;
	receiver.receiver.rShutdown = receive_end;
	receiver.receiver.rDestroy = receive_end;
	receiver.receiver.mydest = DestTuplestore;
	receiver.scan = scan;
	options.dest = &receiver.receiver;
	rights_enter(batch->program->ref.owner, SECURITY_NOFORCE_RLS, &rights);
	SPI_connect();
	result = SPI_execute_extended(scan->query, &options);
	if (result != SPI_OK_SELECT)
		elog(ERROR, "could not read a source: %s", SPI_result_code_string(result));
	SPI_finish();
	rights_leave(&rights);
	AtEOXact_GUC(true, guc_level);
}

/* see event_scan.h */
bool
event_scan(EventScan *scan)
{
	Batch	   *batch = scan->batch;
	MemoryContext old = MemoryContextSwitchTo(batch->context);
	EvalError	error;
	bool		fine;

	scan->query = feed_scan_query(batch->program, batch->source);
	scan->event_context = AllocSetContextCreate(batch->context, "loyalty event",
												ALLOCSET_DEFAULT_SIZES);
	scan->slot = MakeSingleTupleTableSlot(batch->reader->desc, &TTSOpsVirtual);
	scan->held = palloc0(sizeof(Points) * Max(1, scan->units->nunits));
	scan->due = palloc0(sizeof(Points) * Max(1, scan->units->nunits));
	scan->event.reduction = FRAC_ZERO;
	scan->event.posting = &scan->posting;
	scan->j.batch = batch;
	scan->j.event = &scan->event;
	scan->j.line.source_no = batch->source->source_no;
	scan->j.probes = true;
	batch->reader->context = scan->event_context;
	open_ledger(batch);
	fine = attempted(batch, run_scan, scan, &error) && !scan->refused;
	close_ledger(batch);
	end_chunk(batch);
	batch->reader->context = batch->chunk;
	ExecDropSingleTupleTableSlot(scan->slot);
	MemoryContextDelete(scan->event_context);
	MemoryContextSwitchTo(old);
	return fine;
}
