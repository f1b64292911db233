/*-------------------------------------------------------------------------
 *
 * activity.c
 *	  Units whose lots follow the member's last activity.
 *
 * Such lots store no end: it is the last activity plus the unit's period.  As
 * long as activities come in order, the account's state is enough: a lapse is
 * booked when it is known that nothing came before it, that is before the next
 * activity or at the end of a batch.  An activity that comes late is set among
 * those the ledger knows.  Lapses that have been booked, and would not have
 * been at their instants had it been known, are undone there: the line that
 * brings points back is dated at the lapse, so that balances of any instant are
 * those of a member whose purchases came in order.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/activity.h"

/* what lapsed of a lot at an instant */
typedef struct Lapse
{
	Instant		from;
	Instant		at;
	Points		points;
	Instant		since;			/* they were out of the lot since then, and came
								 * back at the lapse; else INSTANT_NEVER */
} Lapse;

/* what the ledger knows of one unit of a member */
typedef struct Timeline
{
	int32		unit_no;
	Instant    *activity;		/* ascending, distinct */
	int			nactivities;
	int			capacity;
	Lapse	   *lapsed;
	int			nlapsed;
	int			lapsed_capacity;
	LotPiece   *excused;		/* what events were excused of lapsed lots; to =
								 * instant at which they were */
	int			nexcused;
	LotPiece   *drawn;			/* lots points were drawn from; to = instant at
								 * which they last were */
	int			ndrawn;
	Movement	before;			/* the line before */
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
add_lapsed(Timeline *timeline, Instant from, Instant lapse, Points points, Instant since)
{
	int			i;

	for (i = 0; i < timeline->nlapsed; i++)
	{
		if (timeline->lapsed[i].from == from && timeline->lapsed[i].at == lapse)
		{
			timeline->lapsed[i].points += points;
			if (since != INSTANT_NEVER)
				timeline->lapsed[i].since = since;
			return;
		}
	}
	if (timeline->nlapsed == timeline->lapsed_capacity)
	{
		timeline->lapsed_capacity = Max(32, timeline->lapsed_capacity * 2);
		timeline->lapsed = timeline->lapsed ?
			repalloc(timeline->lapsed, sizeof(Lapse) * timeline->lapsed_capacity) :
			palloc(sizeof(Lapse) * timeline->lapsed_capacity);
	}
	timeline->lapsed[timeline->nlapsed].from = from;
	timeline->lapsed[timeline->nlapsed].at = lapse;
	timeline->lapsed[timeline->nlapsed].since = since;
	timeline->lapsed[timeline->nlapsed++].points = points;
}

/* What was excused of a lot at an instant, or used up again (negative). */
static void
add_excused(Timeline *timeline, Instant from, Instant at, Points points)
{
	int			i;

	/* what is used up again was excused at some time before */
	for (i = timeline->nexcused - 1; i >= 0 && points < 0; i--)
	{
		LotPiece   *excuse = &timeline->excused[i];
		Points		some = Min(-points, excuse->points);

		if (excuse->from == from)
		{
			excuse->points -= some;
			points += some;
		}
	}
	if (points <= 0)
		return;
	timeline->excused = timeline->excused ?
		repalloc(timeline->excused, sizeof(LotPiece) * (timeline->nexcused + 1)) :
		palloc(sizeof(LotPiece));
	timeline->excused[timeline->nexcused].from = from;
	timeline->excused[timeline->nexcused].to = at;
	timeline->excused[timeline->nexcused++].points = points;
}

/* Points were drawn from a lot. */
static void
add_drawn(Timeline *timeline, Instant from, Instant at)
{
	int			i;

	for (i = 0; i < timeline->ndrawn && timeline->drawn[i].from != from; i++)
		 /* find it */ ;
	if (i == timeline->ndrawn)
	{
		timeline->drawn = timeline->drawn ?
			repalloc(timeline->drawn, sizeof(LotPiece) * (timeline->ndrawn + 1)) :
			palloc(sizeof(LotPiece));
		timeline->drawn[timeline->ndrawn++].from = from;
	}
	timeline->drawn[i].to = at;
}

/*
 * Since when points that lapsed had been out of their lot, if they lapsed
 * because they came back.  Which they were is not asked: the last drawn from
 * that lot.
 */
static Instant
out_since(const Timeline *timeline, const Movement *m)
{
	const Movement *before = &timeline->before;
	int			i;

	if ((before->kind != ENTRY_RETURN && before->kind != ENTRY_RELEASE) ||
		before->points != -m->points || before->from != m->from ||
		before->to != m->to || before->occurred_at != m->occurred_at)
		return INSTANT_NEVER;
	for (i = 0; i < timeline->ndrawn; i++)
	{
		if (timeline->drawn[i].from == m->from)
			return timeline->drawn[i].to;
	}
	return INSTANT_NEVER;
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
		add_lapsed(timeline, m->from, m->occurred_at, -m->points, out_since(timeline, m));
	if (m->kind == ENTRY_RETURN && m->to == INSTANT_ACTIVITY && line->operation_no == 0)
		add_lapsed(timeline, m->from, m->occurred_at, -m->points, INSTANT_NEVER);
	if (m->lapsed != 0 && m->to == INSTANT_ACTIVITY)
		add_excused(timeline, m->from, m->occurred_at, m->lapsed);
	if ((m->kind == ENTRY_REDEEM || m->kind == ENTRY_HOLD) && m->to == INSTANT_ACTIVITY)
		add_drawn(timeline, m->from, m->occurred_at);
	timeline->before = *m;
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

/*
 * Whether points that lapsed at an instant do so according to the activities:
 * the period is over then, or has long been, and they came to a member who was
 * not active any more (by an adjustment, or as what had been spent or held).
 */
static bool
lapses_at(const Timeline *timeline, const AccountUnit *unit, const Zone *zone, Instant at)
{
	Instant		end;
	int			i = timeline->nactivities;

	while (i > 0 && timeline->activity[i - 1] >= at)
		i--;
	if (i == 0)
		return false;
	core_check(period_end(&unit->activity_period, timeline->activity[i - 1], zone, &end));

	/* an activity of the same instant is too late for what ends, in time for what comes */
	return end == at ||
		(end < at && (i == timeline->nactivities || timeline->activity[i] > at));
}

/* Moves points of a lot that follows activity, and writes the line. */
static void
move_points(Ledger *ledger, AccountState *account, EntryKind kind, int32 unit_no,
			Instant from, Points points, Points lapsed, Instant occurred_at)
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
	line.movement.lapsed = lapsed;
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
	move_points(ledger, account, ENTRY_EXPIRE, unit_no, from, -points, 0, lapse);
}

/* What the ledger knows of a unit. */
static void
read_timeline(Ledger *ledger, AccountState *account, int32 unit_no, Timeline *timeline)
{
	memset(timeline, 0, sizeof(*timeline));
	timeline->unit_no = unit_no;
	ledger_flush(ledger);
	ledger_refresh(ledger);
	ledger_read_entries(ledger, account->member, 1, PG_INT64_MAX, read_line, timeline);
}

/* see activity.h */
bool
activity_lapsed_since(Ledger *ledger, AccountState *account, int32 unit_no, Instant since)
{
	Timeline	timeline;
	int			i;

	for (i = 0; i < account->core.nunits; i++)
	{
		AccountUnit *unit = &account->core.units[i];

		if (unit->unit != unit_no || !unit->follows_activity)
			continue;
		read_timeline(ledger, account, unit_no, &timeline);
		return first_lapse(&timeline, unit, account->core.zone, since,
						   account->now) != INSTANT_NEVER;
	}
	return false;
}

/*
 * An activity that arrives after a lapse which it may prevent or move: booked
 * lapses are set right.
 */
static Instant
note_late(Ledger *ledger, AccountState *account, AccountUnit *unit, Instant at)
{
	Timeline	timeline;
	Instant		lapse;
	Instant		unbooked = INSTANT_ALWAYS;
	int			i;
	int			k;

	if (unit->open)
		account_book(ledger, account, account->now, account->now);
	read_timeline(ledger, account, unit->unit, &timeline);
	add_activity(&timeline, at);

	/*
	 * What follows the latest activity can wait to be booked, unless somebody's
	 * excuse hangs on it.
	 */
	if (at >= unit->last_activity)
	{
		unit->last_activity = at;
		unit->open = timeline.nexcused == 0;
	}
	if (unit->open)
		core_check(period_end(&unit->activity_period, unit->last_activity,
							  account->core.zone, &unbooked));

	for (i = 0; i < timeline.nlapsed; i++)
	{
		Lapse	   *lot = &timeline.lapsed[i];

		/* what had lapsed before it is no business of this activity */
		if (lot->points <= 0 || lot->at < at ||
			lapses_at(&timeline, unit, account->core.zone, lot->at) ||
			first_lapse(&timeline, unit, account->core.zone, lot->since,
						lot->at) != INSTANT_NEVER)
			continue;
		lapse = first_lapse(&timeline, unit, account->core.zone, lot->at, account->now);
		move_points(ledger, account, ENTRY_RETURN, unit->unit, lot->from, lot->points, 0,
					lot->at);

		/* what was excused because of it is taken after all, unless it has lapsed by then */
		for (k = 0; k < timeline.nexcused; k++)
		{
			LotPiece   *excuse = &timeline.excused[k];
			Points		points = Min(excuse->points, lot->points);

			if (excuse->from != lot->from || points <= 0 || excuse->to < lot->at ||
				excuse->to >= lapse)
				continue;
			move_points(ledger, account, ENTRY_REVOKE, unit->unit, lot->from, -points,
						-points, excuse->to);
			excuse->points -= points;
			lot->points -= points;
		}
		if (lapse != INSTANT_NEVER && lapse != unbooked && lot->points > 0)
			activity_lapse(ledger, account, unit->unit, lot->from, lot->points, lapse);
	}
	lapse = first_lapse(&timeline, unit, account->core.zone, at, account->now);
	return lapse == unbooked ? INSTANT_NEVER : lapse;
}

/*
 * Whether an activity is older than another, or than a lapse that is booked.
 * Points that came after the period lapsed when they came.
 */
static bool
comes_late(const AccountState *account, const AccountUnit *unit, Instant at)
{
	Instant		end;

	if (unit->last_activity == INSTANT_ALWAYS)
		return false;
	if (at < unit->last_activity)
		return true;
	if (unit->open)
		return false;
	core_check(period_end(&unit->activity_period, unit->last_activity,
						  account->core.zone, &end));
	return end <= account->now &&
		(at < account->now || (at == account->now && account->last_at == account->now));
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

		if (unit->unit != unit_no || !unit->follows_activity)
			continue;
		if (comes_late(account, unit, at))
			lapse = note_late(ledger, account, unit, at);
		else
		{
			/* a lapse that came before, at its instant */
			account_book(ledger, account, account->now, Min(at, account->now));
			unit->last_activity = at;
			unit->open = true;
		}
		account->dirty = true;
		account_find_due(account);
	}
	return lapse;
}
