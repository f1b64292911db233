/*-------------------------------------------------------------------------
 *
 * judge.h
 *	  What one event earns in one unit: rules, multipliers, caps, rounding.
 *
 * The engine decides which rules match; this combines what they pay.  The
 * same inputs give the same outputs: nothing here knows tables or the clock.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_CORE_JUDGE_H
#define LOYALTY_CORE_JUDGE_H

#include "frac.h"
#include "points.h"
#include "rate.h"

typedef enum Stacking
{
	STACKING_ADDITIVE = 1,
	STACKING_MULTIPLICATIVE = 2,
	STACKING_BEST = 3
} Stacking;

typedef enum Rounding
{
	ROUNDING_FLOOR = 1,
	ROUNDING_HALF_UP = 2,
	ROUNDING_HALF_EVEN = 3,
	ROUNDING_CEIL = 4,
	ROUNDING_CARRY = 5			/* fractions are posted: steps of 1/10000 */
} Rounding;

/* one unit, as configured */
typedef struct JudgeUnit
{
	Stacking	stacking;
	Rounding	rounding;
	Points		step;			/* the unit's smallest amount (10000 for a
								 * unit without decimals); 1 under carry */
	bool		has_max_per_event;
	Points		max_per_event;
} JudgeUnit;

/* one rule, as configured; rules of one unit stand in any order */
typedef struct JudgeRule
{
	Rate		earn;
	int32_t		priority;		/* higher goes first */
	int32_t		name_rank;		/* position of its name among all rules:
								 * breaks ties of priority, lower first */
	int32_t		exclusive_group;	/* 0 if none */
	bool		has_max_per_event;
	Points		max_per_event;
} JudgeRule;

/* why a rule pays less than its rate says, or nothing; may be combined */
#define TRIM_MAX_PER_EVENT	0x01	/* the rule's own cap per event */
#define TRIM_ROOM			0x02	/* member cap or budget was short */
#define TRIM_GROUP			0x04	/* another rule of its group pays more */
#define TRIM_BEST			0x08	/* another multiplier is larger */
#define TRIM_UNIT_CAP		0x10	/* the unit's cap per event */
#define TRIM_ROUNDING		0x20	/* rounding or its allocation took a part */

/*
 * One rule that matches one event, in and out.  All fractions are points (as
 * in rate.h), not counts of 1/10000.
 *
 * An event has nrows >= 1 rows; match[i] says whether the rule's condition
 * holds for row i, amount[i] is what row i counts for this rule, already
 * shrunk by reductions.  Amounts may be negative (a discount line); their sum
 * below 0 counts as 0.  Flat rules and multipliers have amount NULL, as do
 * their rows; a multiplier scales what base rules pay for the rows it matches.
 */
typedef struct JudgeTerm
{
	/* in */
	const JudgeRule *rule;
	const bool *match;
	const Frac *amount;

	/*
	 * in: what the event holds of this rule from earlier postings, and the
	 * room left under member cap and budget beyond it (POINTS_MAX if the rule
	 * has neither).  When an earlier posting was short of room, was_short is
	 * set, and want/got are what it then wanted and got.
	 */
	Points		held;
	Points		room;
	bool		was_short;
	Frac		want;
	Frac		got;

	/* out: contribution before and after room; short when got < want */
	bool		is_short;
	Frac		new_want;
	Frac		new_got;

	/* out: what is left after groups, multipliers' stacking and unit cap */
	Frac		exact;

	/* out: the rule's share after the one rounding, >= 0, and why not more */
	Points		share;
	uint32_t	trimmed;
} JudgeTerm;

/*
 * Judges one event in one unit.  scratch is lent, JUDGE_SCRATCH(nterms,
 * nrows) Fracs.  *total is the sum of the shares.
 *
 * Exclusive groups: base and flat rules are decided first; then multipliers,
 * in the order of rules, challenge whoever holds their group's place, a base
 * or flat rule included.  A challenger takes the place if it would pay more,
 * had the other never been there.  A rule that loses (TRIM_GROUP, TRIM_BEST)
 * has exact and share 0 and is not short; new_want and new_got tell what it
 * would have had.
 *
 * Room: with w the contribution before room, h = held, R = room:
 *	  not was_short: w is granted in full if w < h + R + one step (the share
 *		is bounded by h + R all the same), otherwise h + R is granted;
 *	  was_short: if w <= want, min(w, got); else
 *		min(w, max(got, min(got + (w - want), h + R))).
 * No share ever exceeds h + R.
 */
#define JUDGE_SCRATCH(nterms, nrows)	((size_t) (nterms) + (size_t) (nrows))

extern CoreResult judge_unit(const JudgeUnit *unit, JudgeTerm *terms, int nterms,
							 int nrows, Frac *scratch, Points *total);

/*
 * The lines of one change: from what is held per rule to what was computed.
 * All deltas have the sign of the total's change (all 0 if it does not
 * change), taken from or given to the rules with the largest gap first (ties:
 * lower index).  The sum of the deltas is sum(computed) - sum(held), and no
 * delta overshoots its gap.
 */
extern CoreResult judge_change(const Points *held, const Points *computed, int n,
							   Points *delta);

/* -------- judge_sum.c: rules that nothing limits, taken together -------- */

/* (amount * per_amount + flat) / den steps of the unit */
typedef struct JudgeSum
{
	int64_t		per_amount;
	int64_t		flat;
	int64_t		den;			/* > 0 */
} JudgeSum;

/* Whether a rule can be: nothing limits it, and it pays in proportion. */
extern bool judge_can_sum(const JudgeRule *rule);

/*
 * What such rules pay together for any amount of an event of one row that all
 * of them match.  CORE_RANGE if the numbers become too large for this.
 */
extern CoreResult judge_sum(const JudgeUnit *unit, const JudgeRule *const *rules, int nrules,
							JudgeSum *sum);

/*
 * The total that judge_unit comes to.  CORE_RANGE if that has to be asked: then
 * it may be too large for this alone.
 */
extern CoreResult judge_sum_pays(const JudgeUnit *unit, const JudgeSum *sum, Frac amount,
								 Points *total);

#endif							/* LOYALTY_CORE_JUDGE_H */
