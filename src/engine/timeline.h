/*-------------------------------------------------------------------------
 *
 * timeline.h
 *	  What the ledger knows of a unit whose lots follow activity.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_TIMELINE_H
#define LOYALTY_TIMELINE_H

#include "engine/ledger.h"

/* an instant at which a member was active */
typedef struct Activity
{
	Instant		at;
	Instant		known;			/* when it was posted first */
	Instant		later;			/* when the first of those after it was */
} Activity;

/* a line of the unit */
typedef struct TimelineLine
{
	Movement	movement;
	Instant		posted_at;
	int64		operation_no;
	int32		source_no;
	uint32		key_hash;		/* of the event's key */
	bool		still;			/* nothing moves: points were held and are spent,
								 * or their event's key has changed */
	Instant		since;			/* what comes back had been out of the lot since
								 * then; else INSTANT_NEVER */
} TimelineLine;

typedef struct Timeline
{
	const AccountUnit *unit;
	const Zone *zone;
	Instant		trusted;		/* what activity_settle has booked as earned
								 * counts as activity before this */
	TimelineLine *lines;		/* in the order of the ledger */
	int			nlines;
	int			line_capacity;
	Activity   *activities;		/* ascending, distinct */
	int			nactivities;	/* there is room for as many as lines */
	Instant    *lapses;			/* that follow from them, ascending */
	int			nlapses;
} Timeline;

extern void timeline_init(Timeline *timeline, const AccountUnit *unit, const Zone *zone);

/* Adds the next line of the member's ledger, of whatever unit. */
extern void timeline_add(Timeline *timeline, const EntryLine *line);

/*
 * Finds activities and lapses, once all lines are there.  A lapse is the end of
 * the period that follows an activity, if there was none since, and none dated
 * later still was known by then.
 */
extern void timeline_finish(Timeline *timeline);

/* One more activity, that was known at once. */
extern void timeline_add_activity(Timeline *timeline, Instant at);

/* Was the member active at this very instant? */
extern bool timeline_is_active(const Timeline *timeline, Instant at);

/*
 * All that the ledger has of a unit, lines that wait to be written included;
 * timeline has been initialized.
 */
extern void timeline_read(Timeline *timeline, Ledger *ledger, AccountState *account);

/* Whether a line is one of those activity_settle books, but no lapse. */
#define timeline_is_correction(line) \
	((line)->operation_no == 0 && (line)->source_no == 0 && \
	 ((line)->movement.kind == ENTRY_RETURN || (line)->movement.kind == ENTRY_REVOKE || \
	  (line)->movement.kind == ENTRY_EARN))

/* Looks up since when what comes back had been out of its lot. */
extern void timeline_find_since(Timeline *timeline, Program *program);

/* How many of the lapses are before an instant. */
extern int	timeline_lapses_before(const Timeline *timeline, Instant at);

/* Whether there is a lapse after an instant and up to another. */
extern bool timeline_lapsed(const Timeline *timeline, Instant after, Instant until);

/*
 * Whether the period is over at an instant for what comes then: for the latest
 * activity up to then, or known by then.
 */
extern bool timeline_is_over(const Timeline *timeline, Instant at);

/* When a hold was made that points were set aside for, by a line before "upto". */
extern Instant timeline_held_since(const Timeline *timeline, int64 hold_no, int upto);

#endif							/* LOYALTY_TIMELINE_H */
