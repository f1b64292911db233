/*-------------------------------------------------------------------------
 *
 * timeline.c
 *	  What the ledger knows of a unit whose lots follow activity.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "utils/timestamp.h"

#include "engine/arrays.h"
#include "engine/plan.h"
#include "engine/timeline.h"

/* see plan_execute */
static const char operation_plan = 0;

/* -------- lines -------- */

/* see timeline.h */
void
timeline_init(Timeline *timeline, const AccountUnit *unit, const Zone *zone)
{
	memset(timeline, 0, sizeof(Timeline));
	timeline->unit = unit;
	timeline->zone = zone;
	timeline->trusted = INSTANT_NEVER;
}

/* see timeline.h */
void
timeline_add(Timeline *timeline, const EntryLine *line)
{
	TimelineLine *added;

	if (line->movement.unit != timeline->unit->unit)
		return;
	if (timeline->nlines == timeline->line_capacity)
		timeline->lines = array_grow(CurrentMemoryContext, timeline->lines, sizeof(TimelineLine),
									 &timeline->line_capacity, 32);
	added = &timeline->lines[timeline->nlines++];
	added->movement = line->movement;
	added->posted_at = line->posted_at;
	added->operation_no = line->operation_no;
	added->source_no = line->source_no;
	added->key_hash = 0;
	if (line->event_key)
	{
		struct varlena *key = PG_DETOAST_DATUM_PACKED(line->event_key);

		added->key_hash = hash_bytes((unsigned char *) VARDATA_ANY(key),
									 VARSIZE_ANY_EXHDR(key));
	}
	added->still = false;
	added->since = INSTANT_NEVER;
}

/* Does a line say of one key what another takes back of a second one? */
static bool
is_moved(const TimelineLine *old, const TimelineLine *new)
{
	const Movement *a = &old->movement;
	const Movement *b = &new->movement;

	return a->kind == ENTRY_REVOKE && b->kind == ENTRY_EARN &&
		old->source_no != 0 && old->source_no == new->source_no &&
		old->key_hash != new->key_hash && old->posted_at == new->posted_at &&
		a->occurred_at == b->occurred_at && a->from == b->from && a->to == b->to &&
		a->points == -b->points && a->lapsed == -b->lapsed && a->forgiven == -b->forgiven;
}

/*
 * The lines of an event whose key has changed are revoked under the old one and
 * earned under the new one, in the same order: nothing moves, nobody is active.
 */
static void
mark_moved(Timeline *timeline)
{
	TimelineLine *lines = timeline->lines;
	int			i;

	for (i = 1; i < timeline->nlines; i++)
	{
		int			most = Min(i, timeline->nlines - i);
		int			count;
		int			k;

		if (lines[i].movement.kind != ENTRY_EARN ||
			lines[i - 1].movement.kind != ENTRY_REVOKE)
			continue;
		for (count = most; count > 0; count--)
		{
			for (k = 0; k < count && is_moved(&lines[i - count + k], &lines[i + k]);)
				k++;
			if (k == count)
				break;
		}
		for (k = i - count; k < i + count; k++)
			lines[k].still = true;
	}
}

/* -------- activities -------- */

static int
activity_cmp(const void *a, const void *b)
{
	const Activity *x = (const Activity *) a;
	const Activity *y = (const Activity *) b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->known < y->known ? -1 : x->known > y->known;
}

/* Finds what of the activities is not told by themselves: lapses. */
static void
find_lapses(Timeline *timeline)
{
	Activity   *activities = timeline->activities;
	int			n = timeline->nactivities;
	int			i;

	for (i = n - 1; i >= 0; i--)
		activities[i].later = i == n - 1 ? INSTANT_NEVER :
			Min(activities[i + 1].known, activities[i + 1].later);
	timeline->nlapses = 0;
	for (i = 0; i < n; i++)
	{
		Instant		end;

		core_check(period_end(&timeline->unit->activity_period, activities[i].at,
							  timeline->zone, &end));
		if (end != INSTANT_NEVER && end <= activities[i].later &&
			(i == n - 1 || end <= activities[i + 1].at))
			timeline->lapses[timeline->nlapses++] = end;
	}
}

/* see timeline.h */
bool
timeline_is_active(const Timeline *timeline, Instant at)
{
	int			i;

	for (i = timeline->nactivities - 1; i >= 0 && timeline->activities[i].at >= at; i--)
	{
		if (timeline->activities[i].at == at)
			return true;
	}
	return false;
}

/* see timeline.h */
void
timeline_add_activity(Timeline *timeline, Instant at)
{
	int			i;

	for (i = timeline->nactivities; i > 0 && timeline->activities[i - 1].at > at; i--)
		timeline->activities[i] = timeline->activities[i - 1];
	timeline->activities[i].at = timeline->activities[i].known = at;
	timeline->nactivities++;
	find_lapses(timeline);
}

/* see timeline.h */
void
timeline_finish(Timeline *timeline)
{
	Activity   *activities = palloc_extended(sizeof(Activity) * Max(1, timeline->nlines),
											 MCXT_ALLOC_HUGE);
	int			n = 0;
	int			i;
	int			k;

	mark_moved(timeline);
	for (i = 0; i < timeline->nlines; i++)
	{
		const TimelineLine *line = &timeline->lines[i];

		if (line->still || line->movement.points == 0 ||
			!((line->movement.kind == ENTRY_EARN && line->movement.points > 0) ||
			  line->movement.kind == ENTRY_REDEEM) ||
			(timeline_is_correction(line) &&
			 line->movement.occurred_at >= timeline->trusted))
			continue;
		activities[n].at = line->movement.occurred_at;
		activities[n++].known = line->posted_at;
	}
	qsort(activities, n, sizeof(Activity), activity_cmp);
	for (i = k = 0; i < n; i++)
	{
		if (k == 0 || activities[k - 1].at != activities[i].at)
			activities[k++] = activities[i];
	}
	timeline->activities = activities;
	timeline->nactivities = k;
	timeline->lapses = palloc_extended(sizeof(Instant) * Max(1, timeline->nlines),
									   MCXT_ALLOC_HUGE);
	find_lapses(timeline);
}

/* An EntryReader. */
static void
read_line(void *arg, int64 entry_no, const EntryLine *line)
{
	timeline_add((Timeline *) arg, line);
}

/* see timeline.h */
void
timeline_read(Timeline *timeline, Ledger *ledger, AccountState *account)
{
	ledger_flush(ledger);
	ledger_refresh(ledger);
	ledger_read_entries(ledger, account->member, 1, PG_INT64_MAX, read_line, timeline);
	timeline_finish(timeline);
}

/* see timeline.h */
int
timeline_lapses_before(const Timeline *timeline, Instant at)
{
	int			low = 0;
	int			high = timeline->nlapses;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (timeline->lapses[middle] < at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* see timeline.h */
bool
timeline_lapsed(const Timeline *timeline, Instant after, Instant until)
{
	int			next;

	if (after >= until)
		return false;
	next = timeline_lapses_before(timeline, after + 1);
	return next < timeline->nlapses && timeline->lapses[next] <= until;
}

/* see timeline.h */
bool
timeline_is_over(const Timeline *timeline, Instant at)
{
	Instant		end;
	int			i = timeline->nactivities - 1;

	while (i >= 0 && timeline->activities[i].at > at && timeline->activities[i].known > at)
		i--;
	if (i < 0)
		return false;
	core_check(period_end(&timeline->unit->activity_period, timeline->activities[i].at,
						  timeline->zone, &end));
	return end <= at && end != INSTANT_NEVER;
}

/* -------- what comes back -------- */

/* What the table says of the operation of a line. */
typedef struct OperationNote
{
	int64		number;
	int64		undoes;			/* what it cancels or reverses; 0: nothing */
	Instant		deadline;		/* of a hold */
} OperationNote;

/* Reads what the table says of an operation. */
static OperationNote
find_operation(Program *program, int64 number)
{
	Oid			types[1] = {INT8OID};
	Datum		values[1];
	OperationNote note = {number, 0, INSTANT_NEVER};
	bool		isnull;
	Datum		value;

	values[0] = Int64GetDatum(number);
	SPI_connect();
	plan_execute(program, &operation_plan,
				 "SELECT COALESCE(o.reverses, o.concerns), o.deadline FROM %s.operation AS o"
				 " WHERE o.operation_no OPERATOR(pg_catalog.=) $1",
				 1, types, values, false, SPI_OK_SELECT);
	if (SPI_processed > 0)
	{
		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
		if (!isnull)
			note.undoes = DatumGetInt64(value);
		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull);
		if (!isnull)
			note.deadline = DatumGetTimestampTz(value);
	}
	SPI_finish();
	return note;
}

/* see timeline.h */
Instant
timeline_held_since(const Timeline *timeline, int64 hold_no, int upto)
{
	int			i;

	for (i = upto - 1; i >= 0; i--)
	{
		if (timeline->lines[i].operation_no == hold_no &&
			timeline->lines[i].movement.kind == ENTRY_HOLD)
			return timeline->lines[i].movement.occurred_at;
	}
	return INSTANT_NEVER;
}

/* Is a line what a hold gives back only to be spent by the next one? */
static bool
is_captured(const TimelineLine *line, const TimelineLine *next)
{
	const Movement *released = &line->movement;
	const Movement *spent = &next->movement;

	return released->kind == ENTRY_RELEASE && spent->kind == ENTRY_REDEEM &&
		line->operation_no == next->operation_no && released->points == -spent->points &&
		released->from == spent->from && released->to == spent->to &&
		released->occurred_at == spent->occurred_at;
}

/*
 * Since when what an operation gives back was out of its lot: what it undoes
 * took it, and the last it took comes back first.  left says what of each line
 * has not come back yet.
 */
static Instant
undone_since(const Timeline *timeline, int upto, int64 undone, Points *left)
{
	const TimelineLine *back = &timeline->lines[upto];
	Points		points = back->movement.points;
	Instant		since = INSTANT_NEVER;
	int			i;

	for (i = upto - 1; i >= 0 && points > 0; i--)
	{
		const TimelineLine *line = &timeline->lines[i];
		Points		some = Min(points, left[i]);

		if (line->operation_no != undone || some <= 0)
			continue;
		left[i] -= some;
		points -= some;
		if (line->movement.from == back->movement.from &&
			line->movement.to == back->movement.to)
			since = line->still ? timeline_held_since(timeline, undone, i) :
				line->movement.occurred_at;
	}
	return since;
}

/* see timeline.h */
void
timeline_find_since(Timeline *timeline, Program *program)
{
	Points	   *left = palloc_extended(sizeof(Points) * Max(1, timeline->nlines),
									   MCXT_ALLOC_HUGE);
	OperationNote note = {0};
	int			i;

	for (i = 0; i < timeline->nlines; i++)
	{
		TimelineLine *line = &timeline->lines[i];
		const Movement *m = &line->movement;

		left[i] = m->points < 0 && line->operation_no != 0 && m->kind != ENTRY_HOLD ?
			-m->points : 0;
		if (line->operation_no == 0 || m->points <= 0)
			continue;
		if (m->kind == ENTRY_RELEASE)
		{
			line->since = timeline_held_since(timeline, line->operation_no, i);
			if (i + 1 < timeline->nlines && is_captured(line, line + 1) &&
				find_operation(program, line->operation_no).deadline > m->occurred_at)
				line[0].still = line[1].still = true;
		}
		else if (m->kind == ENTRY_RETURN || m->kind == ENTRY_ADJUST || m->kind == ENTRY_TRANSFER)
		{
			if (note.number != line->operation_no)
				note = find_operation(program, line->operation_no);
			if (note.undoes != 0)
				line->since = undone_since(timeline, i, note.undoes, left);
		}
	}
	pfree(left);
}
