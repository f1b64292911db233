/*-------------------------------------------------------------------------
 *
 * judge_round.c
 *	  The one rounding of an event in a unit, and who gets the steps it makes.
 *
 *-------------------------------------------------------------------------
 */
#include "judge_parts.h"

/* see judge_parts.h */
void
judge_split_steps(Frac value, CoreInt128 *whole, Frac *rest)
{
	*rest = value;

	/* a 128-bit division is a call */
	if (((value.num | value.den) >> 64) == 0)
	{
		uint64_t	num = (uint64_t) value.num;
		uint64_t	den = (uint64_t) value.den;

		*whole = num / den;
		rest->num = num % den;
	}
	else
	{
		*whole = value.num / value.den;
		rest->num = value.num % value.den;
	}
}

/* see judge_parts.h */
bool
judge_rounds_up(Rounding rounding, CoreInt128 whole, Frac rest)
{
	CoreInt128	other = rest.den - rest.num;

	switch (rounding)
	{
		case ROUNDING_CEIL:
			return rest.num > 0;
		case ROUNDING_HALF_UP:
			return rest.num >= other;
		case ROUNDING_HALF_EVEN:
			return rest.num > other || (rest.num == other && whole % 2 != 0);
		case ROUNDING_FLOOR:
		case ROUNDING_CARRY:
			break;
	}
	return false;
}

/*
 * How many steps a rule's share may have at most: whole ones within its room
 * and its own cap, which binds the step that rounding may add as well.
 */
static bool
share_bound(const Judgement *j, const JudgeTerm *term, CoreInt128 *steps)
{
	bool		bounded = term_bound(term, steps);

	if (term->rule->has_max_per_event &&
		(!bounded || term->rule->max_per_event < *steps))
	{
		*steps = term->rule->max_per_event;
		bounded = true;
	}
	if (bounded)
		*steps = *steps == (int64_t) *steps ?
			(int64_t) *steps / j->unit->step : *steps / j->unit->step;
	return bounded;
}

/* see judge_parts.h */
CoreResult
judge_round_shares(const Judgement *j, Points *total)
{
	const JudgeUnit *unit = j->unit;
	Frac		steps_per_point = judge_steps_per_point(unit);
	Frac		rests = FRAC_ZERO;
	CoreInt128	whole = 0;
	CoreInt128	extra;

	for (int i = 0; i < j->nterms; i++)
	{
		JudgeTerm  *term = &j->terms[i];
		Frac		steps = term->exact;
		Frac		rest;
		CoreInt128	share;
		CoreInt128	bound;

		term->share = 0;
		j->per_term[i] = FRAC_ZERO;
		if (steps.num == 0)
			continue;
		if (steps_per_point.num != 1 || steps_per_point.den != 1)
			TRY(frac_mul(steps, steps_per_point, &steps));
		judge_split_steps(steps, &share, &rest);
		whole += share;
		TRY(frac_add(rests, rest, &rests));
		if (rest.num != 0)
			term->trimmed |= TRIM_ROUNDING;

		if (share_bound(j, term, &bound) && share >= bound)
		{
			if (share > bound)
				term->trimmed |= TRIM_ROUNDING;
			share = bound;
		}
		else
			j->per_term[i] = rest;	/* may have one more */
		if (share > POINTS_MAX / unit->step)
			return CORE_RANGE;
		term->share = (Points) share * unit->step;
	}

	judge_split_steps(rests, &extra, &rests);
	if (judge_rounds_up(unit->rounding, whole + extra, rests))
		extra++;
	if (unit->has_max_per_event &&
		whole + extra > unit->max_per_event / unit->step)
		extra = unit->max_per_event / unit->step - whole;

	for (; extra > 0; extra--)
	{
		int			best = -1;

		for (int i = 0; i < j->nterms; i++)
		{
			int			cmp;

			if (j->per_term[i].num == 0)
				continue;
			cmp = best < 0 ? 1 : frac_cmp(j->per_term[i], j->per_term[best]);
			if (cmp > 0 ||
				(cmp == 0 && goes_before(&j->terms[i], &j->terms[best])))
				best = i;
		}
		if (best < 0)
			break;				/* no room for it */
		if (!points_add(j->terms[best].share, unit->step,
						&j->terms[best].share))
			return CORE_RANGE;
		j->terms[best].trimmed &= ~TRIM_ROUNDING;
		j->per_term[best] = FRAC_ZERO;
	}

	*total = 0;
	for (int i = 0; i < j->nterms; i++)
	{
		if (!points_add(*total, j->terms[i].share, total))
			return CORE_RANGE;
	}
	return CORE_OK;
}
