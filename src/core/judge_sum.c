/*-------------------------------------------------------------------------
 *
 * judge_sum.c
 *	  What rules pay together, if nothing limits one of them by itself.
 *
 * Such rules come to so many points for each unit of the amount and so many
 * besides, whatever the amount is.  Who judges many events adds them up once
 * for all events that the same rules match.
 *
 *-------------------------------------------------------------------------
 */
#include "judge_parts.h"

/* Does it fit in 64 bits, so that two of them can be multiplied? */
static inline bool
is_narrow(CoreInt128 value)
{
	return value == (int64_t) value;
}

/* see judge.h */
bool
judge_can_sum(const JudgeRule *rule)
{
	return rule->earn.kind != RATE_BLOCK && rule->exclusive_group == 0 &&
		!rule->has_max_per_event;
}

/*
 * By what all multipliers together scale what the others pay.
 */
static CoreResult
sum_factor(const JudgeUnit *unit, const JudgeRule *const *rules, int nrules, Frac *factor)
{
	*factor = make_frac(1, 1);
	for (int i = 0; i < nrules; i++)
	{
		Frac		more;

		if (rules[i]->earn.kind != RATE_MULTIPLIER)
			continue;
		more = frac_reduce(multiplier_bonus(&rules[i]->earn));
		if (unit->stacking == STACKING_ADDITIVE)
		{
			TRY(frac_add(*factor, more, factor));
			continue;
		}
		TRY(frac_add(make_frac(1, 1), more, &more));
		if (unit->stacking == STACKING_MULTIPLICATIVE)
			TRY(frac_mul(*factor, more, factor));
		else if (frac_cmp(more, *factor) > 0)
			*factor = more;
	}
	*factor = frac_reduce(*factor);
	return CORE_OK;
}

/* see judge.h */
CoreResult
judge_sum(const JudgeUnit *unit, const JudgeRule *const *rules, int nrules,
		  JudgeSum *sum)
{
	Frac		per_amount = FRAC_ZERO;
	Frac		flat = FRAC_ZERO;
	Frac		steps = frac_reduce(make_frac(POINTS_SCALE, unit->step));
	Frac		factor;
	CoreInt128	scaled[3];

	for (int i = 0; i < nrules; i++)
	{
		const Rate *earn = &rules[i]->earn;
		Frac	   *to = earn->kind == RATE_FLAT ? &flat : &per_amount;
		Frac		pays;

		if (earn->kind == RATE_MULTIPLIER)
			continue;
		TRY(rate_pays(earn, make_frac(1, 1), &pays));
		TRY(frac_add(*to, frac_reduce(pays), to));
	}
	TRY(sum_factor(unit, rules, nrules, &factor));
	TRY(frac_mul(frac_reduce(per_amount), factor, &per_amount));
	TRY(frac_mul(frac_reduce(per_amount), steps, &per_amount));
	TRY(frac_mul(frac_reduce(flat), steps, &flat));

	/* over one denominator */
	per_amount = frac_reduce(per_amount);
	flat = frac_reduce(flat);
	if (!is_narrow(per_amount.num) || !is_narrow(per_amount.den) ||
		!is_narrow(flat.num) || !is_narrow(flat.den))
		return CORE_RANGE;
	scaled[0] = per_amount.num * flat.den;
	scaled[1] = flat.num * per_amount.den;
	scaled[2] = per_amount.den * flat.den;
	if (!is_narrow(scaled[0]) || !is_narrow(scaled[1]) || !is_narrow(scaled[2]))
		return CORE_RANGE;
	sum->per_amount = (int64_t) scaled[0];
	sum->flat = (int64_t) scaled[1];
	sum->den = (int64_t) scaled[2];
	return CORE_OK;
}

/* see judge.h */
CoreResult
judge_sum_pays(const JudgeUnit *unit, const JudgeSum *sum, Frac amount, Points *total)
{
	Frac		exact;
	Frac		rest;
	CoreInt128	steps;

	if (!is_narrow(amount.num) || !is_narrow(amount.den))
		return CORE_RANGE;
	exact.num = sum->flat * amount.den;
	exact.den = sum->den * amount.den;
	if (amount.num > 0 &&
		__builtin_add_overflow(exact.num, sum->per_amount * amount.num, &exact.num))
		return CORE_RANGE;
	judge_split_steps(exact, &steps, &rest);
	if (judge_rounds_up(unit->rounding, steps, rest))
		steps++;
	if (unit->has_max_per_event && steps > unit->max_per_event / unit->step)
		steps = unit->max_per_event / unit->step;
	if (steps > POINTS_MAX / unit->step)
		return CORE_RANGE;
	*total = (Points) steps * unit->step;
	return CORE_OK;
}
