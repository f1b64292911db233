/*-------------------------------------------------------------------------
 *
 * judge_parts.h
 *	  What the files share that judge one event in one unit.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_CORE_JUDGE_PARTS_H
#define LOYALTY_CORE_JUDGE_PARTS_H

#include "judge.h"

/* a rule that another one has displaced altogether */
#define TRIM_LOST	(TRIM_GROUP | TRIM_BEST)

/* one call of judge_unit */
typedef struct Judgement
{
	const JudgeUnit *unit;
	JudgeTerm  *terms;
	int			nterms;
	int			nrows;

	/*
	 * What multipliers scale, row by row.  As long as every multiplier scales
	 * all rows or none, it need not be told apart by rows: nvalues is 1 then,
	 * otherwise nrows.
	 */
	Frac	   *values;
	int			nvalues;

	/*
	 * For each base rule, first the sum of the amounts it matches, then what
	 * it pays for each unit of amount; for each rule, at last, the part of a
	 * step that rounding it down leaves.
	 */
	Frac	   *per_term;
} Judgement;

/* Does the rule scale what others pay, rather than pay by itself? */
static inline bool
is_multiplier(const JudgeTerm *term)
{
	return term->rule->earn.kind == RATE_MULTIPLIER;
}

/* Has another rule displaced this one? */
static inline bool
is_lost(const JudgeTerm *term)
{
	return (term->trimmed & TRIM_LOST) != 0;
}

/*
 * The order of rules: by priority, then by name.  The position in the array
 * only makes the order total should a caller repeat a rule.
 */
static inline bool
goes_before(const JudgeTerm *a, const JudgeTerm *b)
{
	if (a->rule->priority != b->rule->priority)
		return a->rule->priority > b->rule->priority;
	if (a->rule->name_rank != b->rule->name_rank)
		return a->rule->name_rank < b->rule->name_rank;
	return a < b;
}

/* num/den as a Frac. */
static inline Frac
make_frac(CoreInt128 num, CoreInt128 den)
{
	Frac		result = {num, den};

	return result;
}

/* A count of 1/10000 as a fraction of points. */
static inline Frac
frac_of_points(CoreInt128 points)
{
	return make_frac(points, POINTS_SCALE);
}

/*
 * What the event may hold of a rule at most, in 1/10000; false if there is no
 * such limit.
 */
static inline bool
term_bound(const JudgeTerm *term, CoreInt128 *bound)
{
	if (term->room == POINTS_MAX)
		return false;
	*bound = (CoreInt128) term->held + term->room;
	if (*bound < 0)
		*bound = 0;
	return true;
}

/* What a multiplier pays more for each point it scales: its factor less 1. */
static inline Frac
multiplier_bonus(const Rate *earn)
{
	int64_t		bonus = earn->value - RATE_SCALE;

	/* factors hardly have more than two decimals; small denominators last */
	if (bonus <= 0)
		return FRAC_ZERO;
	if (bonus % RATE_SCALE == 0)
		return make_frac(bonus / RATE_SCALE, 1);
	if (bonus % (RATE_SCALE / 100) == 0)
		return make_frac(bonus / (RATE_SCALE / 100), 100);
	return make_frac(bonus, RATE_SCALE);
}

/* -------- judge.c: what rules pay by themselves -------- */

/* Takes a rule out of the running; what it wanted is still told. */
extern void judge_lose(JudgeTerm *term, uint32_t why);

/*
 * Makes a rule's contribution, given before any limit, the one within its own
 * cap per event and within what is left of member cap and budget.
 */
extern CoreResult judge_clamp(const JudgeUnit *unit, JudgeTerm *term, Frac pays);

/* -------- judge_multipliers.c: what multipliers add to that -------- */

/* per_term: of base rules, the sums of the amounts they match. */
extern CoreResult judge_multipliers(Judgement *j, bool has_group);

/* -------- judge_round.c: the one rounding -------- */

/* How many steps a point has. */
static inline Frac
judge_steps_per_point(const JudgeUnit *unit)
{
	return POINTS_SCALE % unit->step == 0 ?
		make_frac(POINTS_SCALE / unit->step, 1) : make_frac(POINTS_SCALE, unit->step);
}

/* A value >= 0 as whole steps and a rest below one, of the same denominator. */
extern void judge_split_steps(Frac value, CoreInt128 *whole, Frac *rest);

/* Does the rest of a total round up, when so many steps are whole? */
extern bool judge_rounds_up(Rounding rounding, CoreInt128 whole, Frac rest);

/*
 * Every rule gets the whole steps of its contribution; what the total, rounded
 * by the unit's mode, has more than these goes out step by step to the largest
 * remainders.
 */
extern CoreResult judge_round_shares(const Judgement *j, Points *total);

#endif							/* LOYALTY_CORE_JUDGE_PARTS_H */
