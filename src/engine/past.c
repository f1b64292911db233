/*-------------------------------------------------------------------------
 *
 * past.c
 *	  The lots of an account as they were, summed up from the ledger.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "engine/arrays.h"
#include "engine/plan.h"
#include "engine/read.h"
#include "engine/timeline.h"

/* what is summed up */
typedef struct Past
{
	AccountState *account;
	TimestampTz at;
	TimestampTz known_at;
	LotPiece   *pieces;			/* sorted and merged up to nmerged */
	int			npieces;
	int			nmerged;
	int			capacity;
	HeldPiece  *held;			/* what holds have set aside and not given back */
	int			nheld;
	int			held_capacity;
	Timeline   *timelines;		/* of units whose lots follow activity */
	int			ntimelines;
} Past;

/* see plan_execute */
static const char deadline_plan = 0;

/* Makes a timeline for each unit whose lots follow activity. */
static void
open_timelines(Past *past)
{
	Account    *core = &past->account->core;
	int			i;

	past->timelines = palloc(sizeof(Timeline) * Max(1, core->nunits));
	for (i = 0; i < core->nunits; i++)
	{
		if (core->units[i].follows_activity)
			timeline_init(&past->timelines[past->ntimelines++], &core->units[i], core->zone);
	}
}

/*
 * What activities say: the last one up to the instant, or known by then, and
 * which held points are over, as their lot has lapsed meanwhile.
 */
static void
read_timelines(Past *past)
{
	Account    *core = &past->account->core;
	int			i;
	int			k;

	for (i = 0; i < past->ntimelines; i++)
	{
		Timeline   *timeline = &past->timelines[i];
		AccountUnit *unit = &core->units[timeline->unit - core->units];

		timeline_finish(timeline);
		for (k = 0; k < timeline->nactivities; k++)
		{
			if (timeline->activities[k].at <= past->at || timeline->activities[k].known <= past->at)
				unit->last_activity = Max(unit->last_activity, timeline->activities[k].at);
		}
		for (k = 0; k < past->nheld; k++)
		{
			HeldPiece  *held = &past->held[k];

			if (held->unit == unit->unit && held->to == INSTANT_ACTIVITY)
				held->over = timeline_lapsed(timeline, timeline_held_since(timeline, held->hold_no,
																   timeline->nlines),
											 Min(past->at, held->deadline));
		}
	}
}

/* Adds to what a hold has set aside of a lot, or with points < 0 gives back. */
static void
add_held(Past *past, int64 hold_no, const Movement *m, Points points)
{
	HeldPiece  *held;
	int			i;

	for (i = past->nheld - 1; i >= 0; i--)
	{
		held = &past->held[i];
		if (held->hold_no == hold_no && held->unit == m->unit && held->from == m->from &&
			held->to == m->to)
		{
			held->points += points;
			return;
		}
	}
	if (past->nheld == past->held_capacity)
		past->held = array_grow(CurrentMemoryContext, past->held, sizeof(HeldPiece),
								&past->held_capacity, 8);
	held = &past->held[past->nheld++];
	memset(held, 0, sizeof(HeldPiece));
	held->hold_no = hold_no;
	held->points = points;
	held->from = m->from;
	held->to = m->to;
	held->unit = m->unit;
}

/* Drops what is not held any more, and looks up until when the rest is. */
static void
find_deadlines(Ledger *reader, Past *past)
{
	Oid			types[1] = {INT8OID};
	Datum		values[1];
	int			n = 0;
	int			i;

	for (i = 0; i < past->nheld; i++)
	{
		HeldPiece	held = past->held[i];
		bool		isnull;

		if (held.points <= 0)
			continue;
		values[0] = Int64GetDatum(held.hold_no);
		SPI_connect();
		plan_execute(reader->program, &deadline_plan,
					 "SELECT o.deadline FROM %s.operation AS o"
					 " WHERE o.operation_no OPERATOR(pg_catalog.=) $1",
					 1, types, values, true, SPI_OK_SELECT);
		held.deadline = INSTANT_NEVER;
		if (SPI_processed > 0)
			held.deadline = DatumGetTimestampTz(SPI_getbinval(SPI_tuptable->vals[0],
															  SPI_tuptable->tupdesc, 1,
															  &isnull));
		SPI_finish();
		past->held[n++] = held;
	}
	past->nheld = n;
}

/* Adds a line; an EntryReader. */
static void
add_line(void *arg, int64 entry_no, const EntryLine *line)
{
	Past	   *past = (Past *) arg;
	const Movement *m = &line->movement;
	LotPiece   *piece;
	int			i;

	if (line->posted_at > past->known_at)
		return;
	for (i = 0; i < past->ntimelines; i++)
		timeline_add(&past->timelines[i], line);
	if (m->occurred_at > past->at || m->points == 0)
		return;
	if (m->kind == ENTRY_HOLD || m->kind == ENTRY_RELEASE)
		add_held(past, line->operation_no, m, -m->points);

	/* merge from time to time, so that memory is as good as the number of lots */
	if (past->npieces == past->capacity)
	{
		core_check(lots_normalize(past->pieces, &past->npieces));
		if (past->npieces > past->capacity / 2)
		{
			past->capacity *= 2;
			past->pieces = repalloc_huge(past->pieces, sizeof(LotPiece) * past->capacity);
		}
	}
	piece = &past->pieces[past->npieces++];
	piece->points = m->points;
	piece->from = m->from;
	piece->to = m->to;
	piece->unit = m->unit;
	piece->reserved = 0;
}

/* see read.h */
void
past_lots(Ledger *reader, AccountState *account, TimestampTz at, TimestampTz known_at)
{
	Past		past = {account, at, known_at};
	int			i;

	for (i = 0; i < account->core.nunits; i++)
		account->core.units[i].last_activity = INSTANT_ALWAYS;
	open_timelines(&past);
	past.capacity = 64;
	past.pieces = palloc(sizeof(LotPiece) * past.capacity);
	if (reader->journal.rel == NULL)
		reader->journal.rel = table_open(reader->program->journal, AccessShareLock);
	ledger_read_entries(reader, account->member, 1, account->last_entry, add_line, &past);
	core_check(lots_normalize(past.pieces, &past.npieces));
	account->core.pieces = past.pieces;
	account->core.npieces = past.npieces;
	account->core.capacity = past.capacity;
	find_deadlines(reader, &past);
	read_timelines(&past);
	account->core.held = past.held;
	account->core.nheld = past.nheld;
	account->core.held_capacity = past.held_capacity;
	account->paged = NULL;
}
