/*-------------------------------------------------------------------------
 *
 * activity.c
 *	  Units whose lots follow the member's last activity.
 *
 * Such lots store no end: it is the last activity plus the unit's period.  As
 * long as activities come in order, the account's state is enough: a lapse is
 * booked when it is known that nothing came before it, that is before the next
 * activity or at the end of a batch.
 *
 * An activity that comes late may have prevented lapses that are booked, or
 * moved them, and with them whatever hung on them: what events were excused of
 * because it had lapsed, what came back from a hold or a redemption when its
 * lot had lapsed meanwhile.  So nothing is patched: the story of each lot is
 * told anew from the lines of the ledger, from the late activity on, as if all
 * had come in order, and the difference to what is booked is booked.  Its lines
 * are dated at the instants they set right, so that balances of any instant are
 * those of a member whose purchases came in order.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/activity.h"
#include "engine/arrays.h"
#include "engine/timeline.h"

/* something that happened to a lot */
typedef enum StepKind
{
	STEP_BOOKED,				/* a lapse, or one that was undone, as booked */
	STEP_MOVE,					/* points came or went */
	STEP_EXCUSE					/* an event was excused of what had lapsed, or
								 * used it up again (negative) */
} StepKind;

typedef struct Step
{
	Instant		from;			/* which lot */
	Instant		at;
	StepKind	kind;
	int			number;			/* in the order of the ledger */
	Points		points;			/* signed; of a lapse: what it takes */
	Points		excused;		/* what it changes of that */
	Instant		since;			/* see TimelineLine */
} Step;

/* what is to be booked: what should be less what is */
typedef struct Change
{
	Instant		from;
	Instant		at;
	Points		lapses;
	Points		excused;		/* taken after all if negative */
} Change;

typedef struct Story
{
	Timeline	timeline;
	Step	   *steps;
	int			nsteps;
	Change	   *changes;
	int			nchanges;
	int			nbooked;		/* changes that undo what is booked */
	int			capacity;
	Instant		earned;			/* first of what is earned after all without
								 * being an activity yet; else INSTANT_NEVER */
	Instant		since;			/* booked before stays booked */
	int			nlapses;		/* of the timeline, that are to be booked */
} Story;

/* -------- telling -------- */

/* Adds to what is to be booked. */
static void
add_change(Story *story, Instant from, Instant at, Points lapses, Points excused)
{
	Change	   *change;

	if (lapses == 0 && excused == 0)
		return;
	if (story->nchanges == story->capacity)
		story->changes = array_grow(CurrentMemoryContext, story->changes, sizeof(Change),
									&story->capacity, 32);
	change = &story->changes[story->nchanges++];
	change->from = from;
	change->at = at;
	change->lapses = lapses;
	change->excused = excused;
}

/*
 * Is a line one that books a lapse or undoes one, or corrects an excuse?  They
 * belong to no event and to no operation.
 */
static bool
is_booking(const TimelineLine *line)
{
	const Movement *m = &line->movement;

	return m->kind == ENTRY_EXPIRE ||
		(timeline_is_correction(line) && (m->kind == ENTRY_RETURN || m->lapsed != 0));
}

/* Adds a step. */
static void
add_step(Story *story, StepKind kind, const Movement *m, Points points, Points excused,
		 Instant since)
{
	Step	   *step = &story->steps[story->nsteps];

	step->from = m->from;
	step->at = m->occurred_at;
	step->kind = kind;
	step->number = story->nsteps++;
	step->points = points;
	step->excused = excused;
	step->since = since;
}

/* By lot and instant; excuses hang on what came at the same instant. */
static int
step_cmp(const void *a, const void *b)
{
	const Step *x = (const Step *) a;
	const Step *y = (const Step *) b;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	if ((x->kind == STEP_EXCUSE) != (y->kind == STEP_EXCUSE))
		return x->kind == STEP_EXCUSE ? 1 : -1;
	return x->number < y->number ? -1 : x->number > y->number;
}

/* Takes the steps from the lines. */
static void
collect_steps(Story *story)
{
	const Timeline *timeline = &story->timeline;
	int			i;

	story->steps = palloc_extended(sizeof(Step) * Max(1, 2 * timeline->nlines),
								   MCXT_ALLOC_HUGE);
	for (i = 0; i < timeline->nlines; i++)
	{
		const TimelineLine *line = &timeline->lines[i];
		const Movement *m = &line->movement;

		if (m->to != INSTANT_ACTIVITY || line->still)
			continue;
		if (is_booking(line))
		{
			if (m->occurred_at >= story->since)
				add_change(story, m->from, m->occurred_at,
						   m->lapsed == 0 ? m->points : 0, -m->lapsed);
			else
				add_step(story, STEP_BOOKED, m, m->points, m->lapsed, INSTANT_NEVER);
			continue;
		}
		if (m->points != 0)
			add_step(story, STEP_MOVE, m, m->points, 0, line->since);
		if (m->lapsed != 0)
			add_step(story, STEP_EXCUSE, m, 0, m->lapsed, INSTANT_NEVER);
	}
	qsort(story->steps, story->nsteps, sizeof(Step), step_cmp);
	story->nbooked = story->nchanges;
}

/* By instant and lot. */
static int
change_cmp(const void *a, const void *b)
{
	const Change *x = (const Change *) a;
	const Change *y = (const Change *) b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->from < y->from ? -1 : x->from > y->from;
}

/* a lot as its story goes on */
typedef struct Telling
{
	Story	   *story;
	Instant		from;
	Points		balance;
	Points		lapsed;
	Points		excused;
	int			next;			/* lapse of the timeline */
} Telling;

/* Adds to points; an error if there are too many. */
static void
add_points(Points *sum, Points points)
{
	core_check(points_add(*sum, points, sum) ? CORE_OK : CORE_RANGE);
}

/* So many points lapse, or have not if negative. */
static void
lapse(Telling *lot, Instant at, Points points)
{
	add_points(&lot->lapsed, points);
	add_change(lot->story, lot->from, at, points, 0);
}

/* Takes the lapses up to an instant. */
static void
lapse_until(Telling *lot, Instant at)
{
	const Timeline *timeline = &lot->story->timeline;

	for (; lot->next < lot->story->nlapses && timeline->lapses[lot->next] <= at; lot->next++)
	{
		if (lot->balance <= 0)
			continue;
		lapse(lot, timeline->lapses[lot->next], lot->balance);
		lot->balance = 0;
	}
}

/* Points come or go. */
static void
tell_move(Telling *lot, const Step *step)
{
	const Timeline *timeline = &lot->story->timeline;
	Points		points = step->points;

	if (points > 0 &&
		((step->since != INSTANT_NEVER && lot->next > 0 &&
		  step->since < timeline->lapses[lot->next - 1]) ||
		 timeline_is_over(timeline, step->at)))
	{
		lapse(lot, step->at, points);
		return;
	}
	add_points(&lot->balance, points);

	/* what was spent before it was known to have lapsed has not */
	if (points < 0 && lot->balance < 0 && lot->lapsed > 0)
	{
		points = Min(lot->lapsed, -lot->balance);
		lapse(lot, step->at, -points);
		lot->balance += points;
	}
}

/*
 * An event is excused of what has lapsed by then; the rest is taken after all.
 * Or it uses up what it was excused of; the rest is earned after all, and by
 * that the member is active.
 */
static void
tell_excuse(Telling *lot, const Step *step)
{
	Points		points = Max(Min(step->excused, lot->lapsed - lot->excused), -lot->excused);

	lot->excused += points;
	add_points(&lot->balance, points - step->excused);
	add_change(lot->story, lot->from, step->at, 0, points - step->excused);
	if (points > step->excused && !timeline_is_active(&lot->story->timeline, step->at))
		lot->story->earned = Min(lot->story->earned, step->at);
}

/* Tells the story of each lot. */
static void
tell(Story *story)
{
	Telling		lot = {story};
	int			i;

	story->nchanges = story->nbooked;
	story->earned = INSTANT_NEVER;
	for (i = 0; i < story->nsteps; i++)
	{
		const Step *step = &story->steps[i];

		if (i == 0 || step->from != step[-1].from)
		{
			memset(&lot, 0, sizeof(lot));
			lot.story = story;
			lot.from = step->from;
			lot.next = timeline_lapses_before(&story->timeline, story->since);
		}
		if (step->at < story->since)
		{
			add_points(&lot.balance, step->points);
			lot.excused += step->excused;
			if (step->kind == STEP_BOOKED && step->excused == 0)
				lot.lapsed -= step->points;
		}
		else
		{
			lapse_until(&lot, step->at);
			if (step->kind == STEP_MOVE)
				tell_move(&lot, step);
			else
				tell_excuse(&lot, step);
		}
		if (i + 1 == story->nsteps || step[1].from != step->from)
			lapse_until(&lot, INSTANT_NEVER);
	}
}

/* -------- booking -------- */

/* Moves points of a lot that follows activity, and writes the line. */
static void
move_points(Ledger *ledger, AccountState *account, EntryKind kind, int32 unit_no,
			Instant from, Points points, Points lapsed, Instant occurred_at)
{
	EntryLine	line;

	memset(&line, 0, sizeof(line));
	line.movement.kind = kind;
	line.movement.unit = unit_no;
	line.movement.points = points;
	line.movement.from = from;
	line.movement.to = INSTANT_ACTIVITY;
	line.movement.occurred_at = occurred_at;
	line.movement.lapsed = lapsed;
	core_check(account_add_piece(&account->core, unit_no, points, from, INSTANT_ACTIVITY));
	(void) ledger_append(ledger, account, &line);
}

/* Books what is to be changed: the lines belong to nothing else. */
static void
book_changes(Ledger *ledger, AccountState *account, Story *story, int32 unit_no)
{
	int64		operation_no = ledger->operation_no;
	Change	   *changes = story->changes;
	int			i;

	ledger->operation_no = 0;
	if (story->nchanges > 1)
		qsort(changes, story->nchanges, sizeof(Change), change_cmp);
	for (i = 0; i < story->nchanges; i++)
	{
		Change	   *change = &changes[i];

		if (i + 1 < story->nchanges && change_cmp(change, change + 1) == 0)
		{
			add_points(&change[1].lapses, change->lapses);
			add_points(&change[1].excused, change->excused);
			continue;
		}
		if (change->lapses != 0)
			move_points(ledger, account, change->lapses > 0 ? ENTRY_EXPIRE : ENTRY_RETURN,
						unit_no, change->from, -change->lapses, 0, change->at);
		if (change->excused != 0)
			move_points(ledger, account, change->excused > 0 ? ENTRY_EARN : ENTRY_REVOKE,
						unit_no, change->from,
						change->excused, change->excused, change->at);
	}
	ledger->operation_no = operation_no;
}

/*
 * Whether the lapse that follows the last activity can wait to be booked, for
 * others to come before it: nothing hangs on it.
 */
static bool
can_wait(const Story *story, const AccountState *account, Instant end)
{
	const Timeline *timeline = &story->timeline;
	int			i;

	if (account->core.nheld > 0)
		return false;
	for (i = 0; i < timeline->nlines; i++)
	{
		const Movement *m = &timeline->lines[i].movement;

		if (m->to == INSTANT_ACTIVITY && m->occurred_at >= end)
			return false;
	}
	return true;
}

/* Which held points are over, although the member may be active again. */
static void
mark_held(Story *story, AccountState *account, int32 unit_no)
{
	const Timeline *timeline = &story->timeline;
	int			i;

	for (i = 0; i < account->core.nheld; i++)
	{
		HeldPiece  *held = &account->core.held[i];

		if (held->unit == unit_no && held->to == INSTANT_ACTIVITY)
			held->over = story->nlapses > 0 &&
				timeline_held_since(timeline, held->hold_no, timeline->nlines) <
				timeline->lapses[story->nlapses - 1];
	}
}

/* Sets right what is booked of a unit. */
static void
settle_unit(Ledger *ledger, AccountState *account, AccountUnit *unit)
{
	Story		story;
	Instant		end = INSTANT_NEVER;

	memset(&story, 0, sizeof(story));
	story.since = unit->unsettled;
	unit->unsettled = INSTANT_NEVER;
	timeline_init(&story.timeline, unit, account->core.zone);
	story.timeline.trusted = story.since;
	timeline_read(&story.timeline, ledger, account);
	timeline_find_since(&story.timeline, ledger->program);
	collect_steps(&story);

	/* what is earned after all makes other lots last longer */
	for (;;)
	{
		story.nlapses = timeline_lapses_before(&story.timeline, account->now + 1);
		tell(&story);
		if (story.earned == INSTANT_NEVER)
			break;
		timeline_add_activity(&story.timeline, story.earned);
		unit->last_activity = Max(unit->last_activity, story.earned);
	}

	unit->open = false;
	if (unit->last_activity != INSTANT_ALWAYS)
		core_check(period_end(&unit->activity_period, unit->last_activity,
							  account->core.zone, &end));
	if (end > account->now)
		unit->open = true;
	else if (story.nlapses > 0 && story.timeline.lapses[story.nlapses - 1] == end &&
			 can_wait(&story, account, end))
	{
		unit->open = true;
		story.nlapses--;
		tell(&story);
	}
	book_changes(ledger, account, &story, unit->unit);
	mark_held(&story, account, unit->unit);
}

/* see activity.h */
void
activity_settle(Ledger *ledger, AccountState *account)
{
	bool		any = false;
	int			i;

	for (i = 0; i < account->core.nunits; i++)
	{
		AccountUnit *unit = &account->core.units[i];

		if (unit->unsettled == INSTANT_NEVER)
			continue;
		if (ledger->dry)
		{
			/* what was not written cannot be read; nobody asks for more */
			unit->unsettled = INSTANT_NEVER;
			continue;
		}
		settle_unit(ledger, account, unit);
		any = true;
	}
	if (any)
	{
		account->dirty = true;
		account_find_due(account);
	}
}

/* -------- activities -------- */

/* An account's unit whose lots follow activity, or NULL. */
static AccountUnit *
find_unit(AccountState *account, int32 unit_no)
{
	int			i;

	for (i = 0; i < account->core.nunits; i++)
	{
		AccountUnit *unit = &account->core.units[i];

		if (unit->unit == unit_no)
			return unit->follows_activity ? unit : NULL;
	}
	return NULL;
}

/* see activity.h */
bool
activity_is_over(Ledger *ledger, AccountState *account, int32 unit_no, Instant from,
				 Instant to, Instant since)
{
	AccountUnit *unit = find_unit(account, unit_no);
	LotPiece	piece = {0, from, to, unit_no, 0};
	Instant		end;
	Timeline	timeline;

	core_check(account_piece_end(&account->core, &piece, &end));
	if (end <= account->now && end != INSTANT_NEVER)
		return true;
	if (to != INSTANT_ACTIVITY || unit == NULL)
		return false;
	timeline_init(&timeline, unit, account->core.zone);
	timeline_read(&timeline, ledger, account);
	return timeline_lapsed(&timeline, since, account->now);
}

/* Whether an account has points that follow activity. */
static bool
has_points(const AccountState *account, int32 unit_no)
{
	int			i;

	core_check(account_settle(unconstify(Account *, &account->core)));
	for (i = 0; i < account->core.npieces; i++)
	{
		if (account->core.pieces[i].unit == unit_no &&
			account->core.pieces[i].to == INSTANT_ACTIVITY)
			return true;
	}
	return account->core.nheld > 0;
}

/*
 * Whether an activity is older than another, or than what has lapsed without
 * it: points that came after the period lapsed when they came.
 */
static bool
comes_late(const AccountState *account, const AccountUnit *unit, Instant at)
{
	Instant		end;

	if (at < unit->last_activity)
		return true;
	if (unit->open)
		return false;
	core_check(period_end(&unit->activity_period,
						  unit->last_activity == INSTANT_ALWAYS ? at : unit->last_activity,
						  account->core.zone, &end));
	if (end > account->now)
		return false;
	if (unit->last_activity == INSTANT_ALWAYS)
		return has_points(account, unit->unit);
	return at < account->now || account->last_at == account->now;
}

/* see activity.h */
void
activity_note(Ledger *ledger, AccountState *account, int32 unit_no, Instant at)
{
	AccountUnit *unit = find_unit(account, unit_no);

	if (unit == NULL)
		return;
	if (unit->unsettled != INSTANT_NEVER || comes_late(account, unit, at))
	{
		if (unit->open && unit->unsettled == INSTANT_NEVER)
			account_book(ledger, account, account->now, account->now);
		unit->unsettled = Min(unit->unsettled, at);
		unit->last_activity = Max(unit->last_activity, at);
	}
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
