/*-------------------------------------------------------------------------
 *
 * tier.h
 *	  Tiers: where a member stands on a ladder, as a function of time.
 *
 * A ladder is what a group of tiers was from an instant on: thresholds in
 * qualifying units, and how long a tier is kept.  Where somebody stands
 * follows from the lots of those units, from instant to instant:
 *
 *		reached		the balance rises from below to at or above a threshold,
 *					or the threshold falls to the balance: a stay begins
 *		kept		until the stay ends, whatever the balance does
 *		judged		at that instant T, by all lots valid immediately before
 *					it, less those that end at T and had been counted when the
 *					stay was won or last renewed: renewed, or downgraded
 *		for life	once a tier, or a higher one, has been held for so many
 *					years in all
 *		carried		what ends with a period of the calendar and is above the
 *					highest threshold reached goes over to the next, if the
 *					group says so
 *
 * A walk goes through time from one instant to the next at which anything may
 * change.  It is told of lines of the ledger, and tells of changes of tier.
 * Memory is lent by the caller.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_CORE_TIER_H
#define LOYALTY_CORE_TIER_H

#include "period.h"
#include "points.h"

/* what a tier asks for in one unit */
typedef struct TierNeed
{
	int32_t		slot;			/* which of the walk's units */
	Points		threshold;		/* >= 0 */
} TierNeed;

/* one tier */
typedef struct TierStep
{
	int32_t		tier_no;
	int32_t		rank;
	bool		any;			/* one of the needs is enough, not all */
	bool		closed;			/* removed: takes nobody, whoever holds it keeps
								 * it until the stay ends */
	const TierNeed *needs;
	int			nneeds;			/* 0: it is only given by hand */
	int32_t		life_years;		/* held so long in all, it is for life; 0: never */
} TierStep;

/* a year of life_years */
#define TIER_YEAR	(365 * INT64_C(86400000000))

/* a group of tiers as it was from an instant on */
typedef struct TierLadder
{
	Instant		since;
	Period		keep;			/* from the instant a tier is reached */
	Period		keep_renewed;	/* from the end of the stay before */
	bool		one_level;		/* downgrade, else to what is qualified */
	int32_t		unit_no;		/* the group's own unit */
	int			slot;			/* the same; only if carries */
	bool		carries;		/* over what is above a threshold */
	Points		carry_max;		/* at most so much */
	Period		window;			/* the unit's expiry: of what is carried over */
	Zone		zone;			/* of members with none of their own */
	const TierStep *steps;		/* by rank, ascending */
	int			nsteps;
} TierLadder;

typedef struct TierGroup
{
	int32_t		group_no;
	const TierLadder *ladders;	/* by since, ascending */
	int			nladders;
} TierGroup;

/* where somebody stands in a group */
typedef struct TierState
{
	int32_t		group_no;
	int32_t		tier_no;		/* 0: none */
	int32_t		qualified;		/* what the balance was enough for, 0: none */
	int32_t		given;			/* by hand: not below this tier until given_until */
	Instant		since;			/* it has been held without a break */
	Instant		until;			/* the stay ends; INSTANT_NEVER; not after since:
								 * no longer than the balance */
	Instant		counted_at;		/* what began later has not been counted: the
								 * stay was won then, or renewed just after */
	Instant		given_until;
	int32_t		life;			/* held for life: not below this tier */
	int32_t		renewed;		/* the stay began just after counted_at, not then */
} TierState;

/* how long a tier of a group, or a higher one, has been held in all */
typedef struct TierTenure
{
	int			group;
	int32_t		tier_no;
	Instant		at;				/* counted so far */
	int64_t		held;			/* microseconds */
} TierTenure;

/* why somebody moved; numbers are stored, never renumber */
typedef enum TierCause
{
	TIER_ENTRY = 1,				/* a line of the ledger, an activation */
	TIER_EXPIRY = 2,			/* a stay ended, or the points it rested on */
	TIER_LATE = 3,				/* a line that was written later */
	TIER_BY_HAND = 4,
	TIER_CONFIGURATION = 5,		/* a threshold, a new tier */
	TIER_FOR_LIFE = 6			/* held for so many years */
} TierCause;

/* told of each change, and of each stay that begins, in order */
typedef void (*TierSink) (void *arg, int group, const TierState *state,
						  Instant at, TierCause cause);

/*
 * told of points of a unit that are carried over, in a lot from at to another
 * instant
 */
typedef void (*TierCarrySink) (void *arg, int slot, Points points, Instant at, Instant to);

/* points of a line yet to begin or end */
typedef struct TierDue
{
	Instant		at;
	Instant		from;			/* the lot's start */
	Points		points;			/* by which the balance changes */
	int32_t		slot;
	int32_t		expiry;			/* it is the lot's end */
} TierDue;

typedef struct TierWalk
{
	const TierGroup *groups;
	int			ngroups;
	int			nunits;			/* qualifying units of all groups */
	const Zone *zone;			/* the member's own; NULL: that of the ladders */
	TierState  *states;			/* ngroups */
	Instant		at;				/* all up to and including it is done */
	CoreInt128 *balances;		/* nunits */
	CoreInt128 *judged;			/* (ngroups + 2) x nunits, scratch */
	TierState  *held;			/* ngroups: the states just before held_at, an
								 * instant at which something was due */
	Instant		held_at;
	TierDue    *due;			/* a heap, earliest on top */
	int			ndue;
	int			capacity;
	void		(*grow) (struct TierWalk *walk, int capacity);

	/* stays known before: none of the same tier ends earlier for a late line */
	const TierState *booked;
	int			nbooked;

	TierTenure *tenures;		/* of tiers that can be for life */
	int			ntenures;

	TierSink	sink;			/* may be NULL */
	TierCarrySink carry;		/* may be NULL */
	void	   *arg;
} TierWalk;

/* Adds points of a lot known at the walk's instant, without judging. */
extern CoreResult tier_fold(TierWalk *walk, int slot, Points points,
							Instant from, Instant to);

/*
 * Judges at the walk's instant: what is qualified now and was not by the
 * states' account of it is reached.
 */
extern CoreResult tier_judge(TierWalk *walk, TierCause cause);

/* Takes what is qualified at the walk's instant as known before. */
extern void tier_requalify(TierWalk *walk);

/* Goes to an instant, through all that is due up to and including it. */
extern CoreResult tier_walk(TierWalk *walk, Instant to);

/* Goes to an instant, and takes a line of that instant. */
extern CoreResult tier_line(TierWalk *walk, int slot, Points points, Instant from,
							Instant to, Instant at, TierCause cause);

/* When a tier will have been held for long enough; INSTANT_NEVER: not as it is now. */
extern Instant tier_tenure_due(const TierWalk *walk, int tenure);

/* Counts how long tiers of a group have been held, up to an instant. */
extern CoreResult tier_count_years(TierWalk *walk, int group, Instant at);

/*
 * Goes to an instant, and gives a tier by hand (0: takes what there is) until
 * another; INSTANT_ALWAYS: as long as a tier is kept that is reached.
 */
extern CoreResult tier_give(TierWalk *walk, int group, int32_t tier_no,
							Instant until, Instant at);

/* The next instant at which anything may change; INSTANT_NEVER if none. */
extern Instant tier_next_due(const TierWalk *walk);

/* The ladder in force at an instant; NULL: there was none yet. */
extern const TierLadder *tier_ladder(const TierGroup *group, Instant at);
/* A tier of a ladder; NULL if it has no such. */
extern const TierStep *tier_step(const TierLadder *ladder, int32_t tier_no);
/* The highest tier that balances, by slot, are enough for; NULL: none. */
extern const TierStep *tier_qualified(const TierLadder *ladder, const CoreInt128 *balances);
/* What would be judged of a unit if the stay ended as it is planned now. */
extern CoreInt128 tier_judged_balance(const TierWalk *walk, int group, int slot);

#endif							/* LOYALTY_CORE_TIER_H */
