/*-------------------------------------------------------------------------
 *
 * activity.c
 *	  Units whose lots follow the member's last activity.
 *
 * Such lots store no end: it is the last activity plus the unit's period.  As
 * long as activities come in order, the account's state is enough.  One that
 * comes late is set among those the ledger knows, and the lapses that follow
 * from the activities with and without it are compared.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/activity.h"

/* what the ledger knows of one unit of a member */
typedef struct Timeline
{
	int32		unit_no;
	Instant    *activity;		/* ascending, distinct */
	int			nactivities;
	int			capacity;
	LotPiece   *lapsed;			/* lapsed lots; reserved is unused, to = instant
								 * of the lapse */
	int			nlapsed;
	int			lapsed_capacity;
} Timeline;

/* Adds an activity to the timeline. */
static void
add_activity(Timeline *timeline, Instant at)
{
	int			i;

	if (timeline->nactivities == timeline->capacity)
	{
		timeline->capacity = Max(32, timeline->capacity * 2);
		timeline->activity = timeline->activity ?
			repalloc(timeline->activity, sizeof(Instant) * timeline->capacity) :
			palloc(sizeof(Instant) * timeline->capacity);
	}
	for (i = timeline->nactivities; i > 0 && timeline->activity[i - 1] > at; i--)
		 /* find its place */ ;
	if (i > 0 && timeline->activity[i - 1] == at)
		return;
	memmove(&timeline->activity[i + 1], &timeline->activity[i],
			sizeof(Instant) * (timeline->nactivities - i));
	timeline->activity[i] = at;
	timeline->nactivities++;
}

/* Adds to what lapsed at an instant, or was brought back (negative). */
static void
add_lapsed(Timeline *timeline, Instant from, Instant lapse, Points points)
{
	int			i;

	for (i = 0; i < timeline->nlapsed; i++)
	{
		if (timeline->lapsed[i].from == from &&
			(timeline->lapsed[i].to == lapse || points < 0))
		{
			timeline->lapsed[i].points += points;
			return;
		}
	}
	if (timeline->nlapsed == timeline->lapsed_capacity)
	{
		timeline->lapsed_capacity = Max(32, timeline->lapsed_capacity * 2);
		timeline->lapsed = timeline->lapsed ?
			repalloc(timeline->lapsed, sizeof(LotPiece) * timeline->lapsed_capacity) :
			palloc(sizeof(LotPiece) * timeline->lapsed_capacity);
	}
	timeline->lapsed[timeline->nlapsed].from = from;
	timeline->lapsed[timeline->nlapsed].to = lapse;
	timeline->lapsed[timeline->nlapsed++].points = points;
}

/* An EntryReader. */
static void
read_line(void *arg, int64 entry_no, const EntryLine *line)
{
	Timeline   *timeline = (Timeline *) arg;
	const Movement *m = &line->movement;

	if (m->unit != timeline->unit_no)
		return;
	if (m->kind == ENTRY_EARN || m->kind == ENTRY_REDEEM)
		add_activity(timeline, m->occurred_at);
	if (m->kind == ENTRY_EXPIRE && m->to == INSTANT_ACTIVITY)
		add_lapsed(timeline, m->from, m->occurred_at, -m->points);
	if (m->kind == ENTRY_RETURN && m->to == INSTANT_ACTIVITY && line->operation_no == 0)
		add_lapsed(timeline, m->from, INSTANT_ALWAYS, -m->points);
}

/*
 * The first lapse after an instant that follows from the activities;
 * INSTANT_NEVER if none is due by now.
 */
static Instant
first_lapse(const Timeline *timeline, const AccountUnit *unit, const Zone *zone,
			Instant after, Instant now)
{
	int			i;

	for (i = 0; i < timeline->nactivities; i++)
	{
		Instant		end;

		core_check(period_end(&unit->activity_period, timeline->activity[i], zone, &end));
		if (end <= after || end > now)
			continue;
		if (i + 1 == timeline->nactivities || end <= timeline->activity[i + 1])
			return end;
	}
	return INSTANT_NEVER;
}

/* Moves points of a lot that follows activity, and writes the line. */
static void
move_points(Ledger *ledger, AccountState *account, EntryKind kind, int32 unit_no,
			Instant from, Points points, Instant occurred_at)
{
	EntryLine	line;
	LotPiece	piece;

	memset(&line, 0, sizeof(line));
	line.movement.kind = kind;
	line.movement.unit = unit_no;
	line.movement.points = points;
	line.movement.from = from;
	line.movement.to = INSTANT_ACTIVITY;
	line.movement.occurred_at = occurred_at;
	memset(&piece, 0, sizeof(piece));
	piece.points = points;
	piece.from = from;
	piece.to = INSTANT_ACTIVITY;
	piece.unit = unit_no;
	if (account->core.npieces == account->core.capacity)
		account->core.grow(&account->core, account->core.npieces + 1);
	core_check(lots_add_piece(account->core.pieces, &account->core.npieces, piece));
	(void) ledger_append(ledger, account, &line);
}

/* see activity.h */
void
activity_lapse(Ledger *ledger, AccountState *account, int32 unit_no, Instant from,
			   Points points, Instant lapse)
{
	move_points(ledger, account, ENTRY_EXPIRE, unit_no, from, -points, lapse);
}

/* An activity that is not the latest: what it would have kept comes back. */
static Instant
note_late(Ledger *ledger, AccountState *account, AccountUnit *unit, Instant at)
{
	Timeline	timeline;
	int			i;
	int			n;

	memset(&timeline, 0, sizeof(timeline));
	timeline.unit_no = unit->unit;
	ledger_flush(ledger);
	ledger_refresh(ledger);
	ledger_read_entries(ledger, account->member, 1, PG_INT64_MAX, read_line, &timeline);
	n = timeline.nactivities;
	add_activity(&timeline, at);

	/* if another activity has the same instant, nothing changes */
	for (i = 0; i < timeline.nlapsed && timeline.nactivities > n; i++)
	{
		LotPiece   *lot = &timeline.lapsed[i];

		if (lot->points > 0 &&
			first_lapse(&timeline, unit, account->core.zone, lot->from,
						account->now) == INSTANT_NEVER)
			move_points(ledger, account, ENTRY_RETURN, unit->unit, lot->from, lot->points,
						account->now);
	}
	return first_lapse(&timeline, unit, account->core.zone, at, account->now);
}

/* Whether an activity is older than another, or than a lapse that is booked. */
static bool
comes_late(const AccountState *account, const AccountUnit *unit, Instant at)
{
	Instant		end;

	if (unit->last_activity == INSTANT_ALWAYS)
		return false;
	if (at < unit->last_activity)
		return true;
	core_check(period_end(&unit->activity_period, unit->last_activity,
						  account->core.zone, &end));
	return end <= account->now && at < end;
}

/* see activity.h */
Instant
activity_note(Ledger *ledger, AccountState *account, int32 unit_no, Instant at)
{
	Instant		lapse = INSTANT_NEVER;
	int			i;

	for (i = 0; i < account->core.nunits; i++)
	{
		AccountUnit *unit = &account->core.units[i];
		LedgerSink	sink;

		if (unit->unit != unit_no || !unit->follows_activity)
			continue;
		if (comes_late(account, unit, at))
		{
			lapse = note_late(ledger, account, unit, at);
			unit->last_activity = Max(unit->last_activity, at);
		}
		else
		{
			/* book a lapse that came before, at its instant */
			memset(&sink, 0, sizeof(sink));
			sink.ledger = ledger;
			sink.account = account;
			core_check(account_advance(&account->core, account->now,
									   Min(at, account->now), ledger_sink, &sink));
			unit->last_activity = at;
		}
		account->dirty = true;
		account_find_due(account);
	}
	return lapse;
}
