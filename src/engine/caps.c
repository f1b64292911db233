/*-------------------------------------------------------------------------
 *
 * caps.c
 *	  What a member has used of a rule's cap per day, week, ... or ever.
 *
 * The account itself holds the usage of the latest calendar span of each rule;
 * earlier spans, which only late events and corrections need, are rows of
 * cap_usage.  Whoever holds the account's lock may read and write both.
 *
 * Spans are those of the cap that the rule has now, also for events that were
 * judged when it had another or none: a change counts anew, see recount.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/batch.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/lsyscache.h"

#include "engine/amount.h"
#include "engine/keyed.h"
#include "engine/layout.h"
#include "engine/plan.h"
#include "engine/writer.h"

/* see plan_execute */
static const char read_usage_plan = 0;
static const char write_usage_plan = 0;

/*
 * The span that was asked for last: mostly the next event is in it, too.  It is
 * that of all its instants, see calendar_span.
 */
typedef struct KnownSpan
{
	void	   *zone;			/* the zone's arg; NULL if none is known */
	CalendarUnit period;
	Instant		start;
	Instant		end;
} KnownSpan;

static KnownSpan known_span;

/* The start of the span that contains an instant. */
static Instant
span_start(CalendarUnit period, Instant at, const Zone *zone)
{
	KnownSpan  *known = &known_span;

	if (known->zone != zone->arg || known->period != period || at < known->start ||
		at >= known->end)
	{
		known->zone = NULL;
		core_check(calendar_span(period, at, zone, &known->start, &known->end));
		known->zone = zone->arg;
		known->period = period;
	}
	return known->start;
}

/* Has queries see the rows that wait to be inserted. */
static void
flush_usage(Batch *batch)
{
	if (batch->ledger && batch->ledger->usage.rel)
		writer_flush(batch->ledger, &batch->ledger->usage);
}

/* Reads the usage of an earlier span. */
static Points
read_usage(Batch *batch, AccountState *account, int32 rule_no, Instant span)
{
	Program    *program = batch->program;
	Oid			types[3] = {program->ref.member_type, INT4OID, TIMESTAMPTZOID};
	Datum		values[3];
	Points	   *dry = dry_usage(batch, account->member, rule_no, span, false);
	Points		used = 0;
	bool		isnull;

	if (dry)
		return *dry;
	values[0] = account->member;
	values[1] = Int32GetDatum(rule_no);
	values[2] = TimestampTzGetDatum(span);
	flush_usage(batch);
	SPI_connect();
	plan_execute(program, &read_usage_plan,
				 "SELECT used FROM %s.cap_usage"
				 " WHERE member_id OPERATOR(pg_catalog.=) $1"
				 " AND rule_no OPERATOR(pg_catalog.=) $2"
				 " AND span_start OPERATOR(pg_catalog.=) $3",
				 3, types, values, batch->options.dry, SPI_OK_SELECT);
	if (SPI_processed > 0)
		used = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
										   &isnull));
	SPI_finish();
	return used;
}

/*
 * Writes the usage of an earlier span without a statement.  False if it takes
 * one.
 */
static bool
write_usage_row(Batch *batch, AccountState *account, int32 rule_no, Instant span, Points used)
{
	Ledger	   *ledger = batch->ledger;
	TableWriter writer;
	Datum		values[CAP_USAGE_COLUMNS];

	if (!keyed_open(ledger, &writer, batch->program->cap_usage))
		return false;
	values[CAP_USAGE_MEMBER_ID] = account->member;
	values[CAP_USAGE_RULE_NO] = Int32GetDatum(rule_no);
	values[CAP_USAGE_SPAN_START] = TimestampTzGetDatum(span);
	values[CAP_USAGE_USED] = Int64GetDatum(used);
	if (keyed_find(ledger, &writer, values))
	{
		int			column = CAP_USAGE_USED;

		keyed_update(ledger, &writer, &column, &values[CAP_USAGE_USED], 1);
	}
	else
	{
		TupleTableSlot *slot = writer_next(ledger, &writer);

		memcpy(slot->tts_values, values, sizeof(values));
		memset(slot->tts_isnull, 0, sizeof(bool) * CAP_USAGE_COLUMNS);
		writer_insert(ledger, &writer);
		writer_flush(ledger, &writer);
	}
	keyed_close(&writer);
	return true;
}

/* Writes the usage of an earlier span. */
static void
write_usage(Batch *batch, AccountState *account, int32 rule_no, Instant span, Points used)
{
	Program    *program = batch->program;
	Oid			types[4] = {program->ref.member_type, INT4OID, TIMESTAMPTZOID, NUMERICOID};
	Datum		values[4];

	if (batch->options.dry)
	{
		*dry_usage(batch, account->member, rule_no, span, true) = used;
		return;
	}
	flush_usage(batch);
	if (write_usage_row(batch, account, rule_no, span, used))
		return;
	values[0] = account->member;
	values[1] = Int32GetDatum(rule_no);
	values[2] = TimestampTzGetDatum(span);
	values[3] = NumericGetDatum(points_to_numeric(used));
	SPI_connect();
	plan_execute(program, &write_usage_plan,
				 "INSERT INTO %s.cap_usage (member_id, rule_no, span_start, used)"
				 " VALUES ($1, $2, $3, $4)"
				 " ON CONFLICT (member_id, rule_no, span_start)"
				 " DO UPDATE SET used = EXCLUDED.used",
				 4, types, values, false, SPI_OK_INSERT);
	SPI_finish();
}

/*
 * The spans in which a rule's usage is counted: of the cap it has now, or else
 * had when the event was judged.
 */
static CalendarUnit
counted_period(Batch *batch, int32 rule_no, const RuleConfig *rule)
{
	Program    *program = batch->program;
	CalendarUnit period;

	/* whoever changed it while we waited for the account has counted anew */
	if (!program->valid)
		program = program_get(program->ref.relid);
	period = program_cap_period(program, rule_no);
	return period != CALENDAR_NONE || rule == NULL ? period : rule->cap_period;
}

/*
 * The account's usage item of the span that contains an instant.  NULL if the
 * account holds a later span; *span is set in any case.
 */
static UsageItem *
current_usage(Batch *batch, AccountState *account, int32 rule_no, CalendarUnit period,
			  RuleSet *rules, Instant at, Instant *span)
{
	UsageItem  *item = account_usage(account, rule_no, true);

	*span = span_start(period, at, &rules->zone);
	if (item->at == *span)
		return item;
	if (item->at > *span)
		return NULL;

	/* a new span begins: the old one becomes a row, of which there is none yet */
	if (item->used != 0 && batch->options.dry)
		write_usage(batch, account, rule_no, item->at, item->used);
	else if (item->used != 0)
		ledger_insert_usage(batch->ledger, account->member, rule_no, item->at, item->used);
	item->at = *span;
	item->used = 0;
	account->dirty = true;
	return item;
}

/* see batch.h */
Points
cap_room(Batch *batch, AccountState *account, const RuleConfig *rule, RuleSet *rules,
		 Instant at)
{
	Instant		span;
	UsageItem  *item = current_usage(batch, account, rule->rule_no,
									 counted_period(batch, rule->rule_no, rule),
									 rules, at, &span);
	Points		used = item ? item->used : read_usage(batch, account, rule->rule_no, span);

	return Max(rule->max_per_member - used, 0);
}

/* see batch.h */
void
cap_claim(Batch *batch, AccountState *account, int32 rule_no, const RuleConfig *rule,
		  RuleSet *rules, Instant at, Points points)
{
	CalendarUnit period = counted_period(batch, rule_no, rule);
	UsageItem  *item;
	Instant		span;

	if (period == CALENDAR_NONE)
		return;
	item = current_usage(batch, account, rule_no, period, rules, at, &span);
	if (item)
		core_check(points_add(item->used, points, &item->used) ? CORE_OK : CORE_RANGE);
	else
		write_usage(batch, account, rule_no, span,
					read_usage(batch, account, rule_no, span) + points);
	account->dirty = true;
}
