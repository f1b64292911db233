/*-------------------------------------------------------------------------
 *
 * judge.c
 *	  What one event earns in one unit: rules, multipliers, caps, rounding.
 *
 * A judgement goes through its steps in the order in which a member would be
 * told about them: what base and flat rules pay, each within its own limits
 * and one of each exclusive group; what multipliers add to that, likewise;
 * the unit's cap; and, once everything is added up, a single rounding.
 *
 * Until the rounding every value is an exact fraction.  The usual event, one
 * row and a handful of rules without caps, takes a few multiplications for
 * each rule and one division for each share.
 *
 *-------------------------------------------------------------------------
 */
#include "judge_parts.h"

/* see judge_parts.h */
void
judge_lose(JudgeTerm *term, uint32_t why)
{
	term->trimmed |= why;
	term->is_short = false;
	term->exact = FRAC_ZERO;
}

/* Does the rule's condition hold for any row? */
static bool
matches_any(const JudgeTerm *term, int nrows)
{
	for (int i = 0; i < nrows; i++)
	{
		if (term->match[i])
			return true;
	}
	return false;
}

/* see judge_parts.h */
CoreResult
judge_clamp(const JudgeUnit *unit, JudgeTerm *term, Frac pays)
{
	const JudgeRule *rule = term->rule;
	CoreInt128	bound = 0;
	bool		bounded = term_bound(term, &bound);
	Frac		got;

	term->trimmed &= ~(TRIM_MAX_PER_EVENT | TRIM_ROOM);
	if (rule->has_max_per_event)
	{
		Frac		cap = frac_of_points(rule->max_per_event);

		if (frac_cmp(pays, cap) > 0)
		{
			pays = cap;
			term->trimmed |= TRIM_MAX_PER_EVENT;
		}
	}

	got = pays;
	if (!term->was_short)
	{
		/*
		 * What exceeds the room by less than a step is no shortage: rounding
		 * would have taken it anyway, or the bound of the share will.
		 */
		if (bounded && frac_cmp(pays, frac_of_points(bound + unit->step)) >= 0)
			got = frac_of_points(bound);
	}
	else if (frac_cmp(pays, term->want) <= 0)
	{
		/* it did not rise, so it claims no more room */
		if (frac_cmp(term->got, pays) < 0)
			got = term->got;
	}
	else
	{
		Frac		grown;

		/* it rose, and claims room by at most the rise */
		TRY(frac_sub(pays, term->want, &grown));
		TRY(frac_add(grown, term->got, &grown));
		if (bounded && frac_cmp(frac_of_points(bound), grown) < 0)
			grown = frac_of_points(bound);
		if (frac_cmp(grown, term->got) < 0)
			grown = term->got;
		if (frac_cmp(grown, pays) < 0)
			got = grown;
	}

	term->new_want = pays;
	term->new_got = got;
	term->exact = got;
	term->is_short = frac_cmp(got, pays) < 0;
	if (term->is_short)
		term->trimmed |= TRIM_ROOM;
	return CORE_OK;
}

/*
 * What a base or flat rule pays before its limits.  The sum of the amounts it
 * matches goes to *sum, for those who spread the contribution over the rows.
 */
static CoreResult
base_pays(const Judgement *j, const JudgeTerm *term, Frac *sum, Frac *pays)
{
	*sum = FRAC_ZERO;
	*pays = FRAC_ZERO;
	if (term->rule->earn.kind == RATE_FLAT)
	{
		if (matches_any(term, j->nrows))
			return rate_pays(&term->rule->earn, FRAC_ZERO, pays);
	}
	else if (term->amount != NULL)
	{
		if (j->nrows == 1)
		{
			if (term->match[0])
				*sum = term->amount[0];
		}
		else
		{
			for (int i = 0; i < j->nrows; i++)
			{
				if (term->match[i])
					TRY(frac_add(*sum, term->amount[i], sum));
			}
		}
		if (frac_sign(*sum) > 0)
			return rate_pays(&term->rule->earn, *sum, pays);
	}
	return CORE_OK;
}

/* Whether a rule that is alone in its unit has its contribution rounded, and no more. */
static inline bool
is_unlimited(const JudgeUnit *unit, const JudgeTerm *term)
{
	return term->room == POINTS_MAX && !term->was_short && !is_multiplier(term) &&
		!term->rule->has_max_per_event && !unit->has_max_per_event;
}

/* Judges such a rule, which is what most events come to. */
static CoreResult
judge_alone(const Judgement *j, Points *total)
{
	const JudgeUnit *unit = j->unit;
	JudgeTerm  *term = j->terms;
	Frac		steps;
	CoreInt128	whole;
	Frac		rest;

	*total = 0;
	term->trimmed = 0;
	term->is_short = false;
	term->share = 0;
	TRY(base_pays(j, term, &rest, &steps));
	term->new_want = term->new_got = term->exact = steps;
	if (steps.num == 0)
		return CORE_OK;
	if (unit->step != POINTS_SCALE)
		TRY(frac_mul(steps, judge_steps_per_point(unit), &steps));
	judge_split_steps(steps, &whole, &rest);
	if (rest.num != 0)
	{
		if (judge_rounds_up(unit->rounding, whole, rest))
			whole++;
		else
			term->trimmed = TRIM_ROUNDING;
	}
	if (whole > POINTS_MAX / unit->step)
		return CORE_RANGE;
	*total = term->share = (Points) whole * unit->step;
	return CORE_OK;
}

/*
 * Decides the exclusive groups among base and flat rules: of each group the
 * rule stays that pays most.
 */
static void
decide_base_groups(const Judgement *j)
{
	for (int i = 0; i < j->nterms; i++)
	{
		JudgeTerm  *best = &j->terms[i];

		if (best->rule->exclusive_group == 0 || is_multiplier(best) ||
			is_lost(best))
			continue;
		for (int k = i + 1; k < j->nterms; k++)
		{
			JudgeTerm  *other = &j->terms[k];
			int			cmp;

			if (other->rule->exclusive_group != best->rule->exclusive_group ||
				is_multiplier(other))
				continue;
			cmp = frac_cmp(other->exact, best->exact);
			if (cmp > 0 || (cmp == 0 && goes_before(other, best)))
			{
				judge_lose(best, TRIM_GROUP);
				best = other;
			}
			else
				judge_lose(other, TRIM_GROUP);
		}
	}
}

/*
 * Trims the sum to the unit's cap per event, rules of lowest priority first,
 * so that the most important ones keep what they pay.
 */
static CoreResult
trim_to_unit_cap(const Judgement *j)
{
	Frac		over = FRAC_ZERO;

	for (int i = 0; i < j->nterms; i++)
		TRY(frac_add(over, j->terms[i].exact, &over));
	TRY(frac_sub(over, frac_of_points(j->unit->max_per_event), &over));

	while (frac_sign(over) > 0)
	{
		JudgeTerm  *last = NULL;

		for (int i = 0; i < j->nterms; i++)
		{
			JudgeTerm  *term = &j->terms[i];

			if (frac_sign(term->exact) > 0 &&
				(last == NULL || goes_before(last, term)))
				last = term;
		}
		if (last == NULL)
			break;				/* only if the cap is negative */
		last->trimmed |= TRIM_UNIT_CAP;
		if (frac_cmp(last->exact, over) > 0)
		{
			TRY(frac_sub(last->exact, over, &last->exact));
			break;
		}
		TRY(frac_sub(over, last->exact, &over));
		last->exact = FRAC_ZERO;
	}
	return CORE_OK;
}

/*
 * Judges one event in one unit.
 */
CoreResult
judge_unit(const JudgeUnit *unit, JudgeTerm *terms, int nterms, int nrows,
		   Frac *scratch, Points *total)
{
	Judgement	j = {unit, terms, nterms, nrows, scratch + nterms, 1, scratch};
	bool		has_multiplier = false;
	bool		has_group = false;

	if (nterms == 1 && is_unlimited(unit, terms))
		return judge_alone(&j, total);
	for (int i = 0; i < nterms; i++)
	{
		JudgeTerm  *term = &terms[i];

		term->trimmed = 0;
		j.per_term[i] = FRAC_ZERO;
		if (term->rule->exclusive_group != 0)
			has_group = true;
		if (is_multiplier(term))
			has_multiplier = true;
		else
		{
			Frac		pays;

			TRY(base_pays(&j, term, &j.per_term[i], &pays));
			TRY(judge_clamp(unit, term, pays));
		}
	}
	if (has_group)
		decide_base_groups(&j);
	if (has_multiplier)
		TRY(judge_multipliers(&j, has_group));
	if (unit->has_max_per_event)
		TRY(trim_to_unit_cap(&j));
	return judge_round_shares(&j, total);
}

/*
 * The lines of one change, which all go in the direction of the total.
 */
CoreResult
judge_change(const Points *held, const Points *computed, int n, Points *delta)
{
	CoreInt128	rest = 0;

	if (n == 1)
		return points_sub(computed[0], held[0], &delta[0]) ? CORE_OK : CORE_RANGE;
	for (int i = 0; i < n; i++)
	{
		Points		gap;

		if (!points_sub(computed[i], held[i], &gap))
			return CORE_RANGE;
		rest += gap;
		delta[i] = 0;
	}

	/* gaps in the direction of the total add up to at least the total */
	while (rest != 0)
	{
		Points		largest = 0;
		int			at = 0;

		for (int i = 0; i < n; i++)
		{
			Points		gap = computed[i] - held[i];

			if (delta[i] == 0 &&
				(rest > 0 ? gap > largest : gap < largest))
			{
				largest = gap;
				at = i;
			}
		}
		if (rest > 0 ? largest > rest : largest < rest)
			largest = (Points) rest;
		delta[at] = largest;
		rest -= largest;
	}
	return CORE_OK;
}
