/*-------------------------------------------------------------------------
 *
 * judge_multipliers.c
 *	  Multipliers: what they add to what base rules pay, and their groups.
 *
 *-------------------------------------------------------------------------
 */
#include "judge_parts.h"

/*
 * The next multiplier in the order of rules that has not lost; NULL for the
 * first, NULL after the last.
 */
static JudgeTerm *
next_multiplier(const Judgement *j, const JudgeTerm *after)
{
	JudgeTerm  *next = NULL;

	for (int i = 0; i < j->nterms; i++)
	{
		JudgeTerm  *term = &j->terms[i];

		if (is_multiplier(term) && !is_lost(term) &&
			(after == NULL || goes_before(after, term)) &&
			(next == NULL || goes_before(term, next)))
			next = term;
	}
	return next;
}

/*
 * Finds out whether the rows have to be told apart, and if so, what each base
 * rule pays for a unit of amount: its contribution, as its limits left it,
 * belongs to its rows in proportion to their amounts.
 */
static CoreResult
prepare_rows(Judgement *j)
{
	j->nvalues = 1;
	for (int t = 0; t < j->nterms && j->nvalues == 1; t++)
	{
		const JudgeTerm *term = &j->terms[t];

		if (!is_multiplier(term))
			continue;
		for (int i = 1; i < j->nrows; i++)
		{
			if (term->match[i] != term->match[0])
			{
				j->nvalues = j->nrows;
				break;
			}
		}
	}
	if (j->nvalues == 1)
		return CORE_OK;

	for (int t = 0; t < j->nterms; t++)
	{
		/* reduced, or every row's value would drag the sum along */
		if (frac_sign(j->per_term[t]) > 0)
		{
			TRY(frac_div(j->terms[t].exact, j->per_term[t], &j->per_term[t]));
			j->per_term[t] = frac_reduce(j->per_term[t]);
		}
	}
	return CORE_OK;
}

/*
 * Sets what multipliers scale to what the base rules left, as if one rule
 * (NULL: none) did not exist.
 */
static CoreResult
reset_values(const Judgement *j, const JudgeTerm *without)
{
	for (int i = 0; i < j->nvalues; i++)
		j->values[i] = FRAC_ZERO;
	for (int t = 0; t < j->nterms; t++)
	{
		const JudgeTerm *term = &j->terms[t];

		if (is_multiplier(term) || is_lost(term) || term == without ||
			term->rule->earn.kind == RATE_FLAT ||
			frac_sign(term->exact) == 0)
			continue;
		if (j->nvalues == 1)
		{
			TRY(frac_add(j->values[0], term->exact, &j->values[0]));
			continue;
		}
		for (int i = 0; i < j->nvalues; i++)
		{
			Frac		part;

			if (!term->match[i])
				continue;
			TRY(frac_mul(j->per_term[t], term->amount[i], &part));
			TRY(frac_add(j->values[i], part, &j->values[i]));
		}
	}
	return CORE_OK;
}

/*
 * What a multiplier pays, given the values it scales.  Before its own limits
 * it pays *full; if it is to be built upon, the values of its rows grow by
 * what its limits leave of that.
 */
static CoreResult
pay_multiplier(const Judgement *j, JudgeTerm *term, bool grow, Frac *full)
{
	Frac		base = FRAC_ZERO;
	Frac		growth = multiplier_bonus(&term->rule->earn);

	for (int i = 0; i < j->nvalues; i++)
	{
		if (!term->match[i])
			continue;
		if (j->nvalues == 1)
			base = j->values[0];
		else
			TRY(frac_add(base, j->values[i], &base));
	}
	if (frac_sign(base) > 0)
		TRY(frac_mul(base, growth, full));
	else
		*full = FRAC_ZERO;
	TRY(judge_clamp(j->unit, term, *full));

	if (!grow || frac_sign(term->exact) == 0)
		return CORE_OK;
	if (j->nvalues == 1)
		return frac_add(base, term->exact, &j->values[0]);
	if (frac_cmp(term->exact, *full) < 0)
	{
		TRY(frac_div(term->exact, base, &growth));
		growth = frac_reduce(growth);
	}
	for (int i = 0; i < j->nvalues; i++)
	{
		Frac		part;

		if (!term->match[i])
			continue;
		TRY(frac_mul(j->values[i], growth, &part));
		TRY(frac_add(j->values[i], part, &j->values[i]));
	}
	return CORE_OK;
}

/*
 * Computes what the multipliers that have not lost pay, in order, as if the
 * rule "without" did not exist, and no further than "last" (NULL: all).
 */
static CoreResult
pay_multipliers(const Judgement *j, const JudgeTerm *without,
				const JudgeTerm *last)
{
	bool		grow = j->unit->stacking == STACKING_MULTIPLICATIVE;
	JudgeTerm  *term = NULL;

	TRY(reset_values(j, without));
	while ((term = next_multiplier(j, term)) != NULL)
	{
		Frac		full;

		if (term != without)
			TRY(pay_multiplier(j, term, grow, &full));
		if (term == last)
			break;
	}
	return CORE_OK;
}

/*
 * Where only the best multiplier counts: the one that pays most before its
 * own limits.  All others lose.
 */
static CoreResult
keep_best_multiplier(const Judgement *j)
{
	JudgeTerm  *best = NULL;
	JudgeTerm  *term = NULL;
	Frac		best_full = FRAC_ZERO;

	TRY(reset_values(j, NULL));
	while ((term = next_multiplier(j, term)) != NULL)
	{
		Frac		full;

		TRY(pay_multiplier(j, term, false, &full));
		if (best == NULL || frac_cmp(full, best_full) > 0)
		{
			if (best != NULL)
				judge_lose(best, TRIM_BEST);
			best = term;
			best_full = full;
		}
		else
			judge_lose(term, TRIM_BEST);
	}
	return CORE_OK;
}

/* The rule of a multiplier's group that holds the place before it does. */
static JudgeTerm *
group_holder(const Judgement *j, const JudgeTerm *challenger)
{
	for (int i = 0; i < j->nterms; i++)
	{
		JudgeTerm  *term = &j->terms[i];

		if (term->rule->exclusive_group == challenger->rule->exclusive_group &&
			term != challenger && !is_lost(term) &&
			(!is_multiplier(term) || goes_before(term, challenger)))
			return term;
	}
	return NULL;
}

/*
 * Decides the exclusive groups that multipliers belong to.  In the order of
 * rules each challenges the one that has its group's place by then, which may
 * be a base or flat rule: it takes the place if, had the other never been
 * there, it would pay more than the other does without it.  Since what others
 * pay may build upon the one that loses, it is computed anew each time.
 */
static CoreResult
decide_multiplier_groups(const Judgement *j)
{
	JudgeTerm  *term = NULL;

	while ((term = next_multiplier(j, term)) != NULL)
	{
		JudgeTerm  *holder;
		int			cmp;

		if (term->rule->exclusive_group == 0 ||
			(holder = group_holder(j, term)) == NULL)
			continue;
		if (is_multiplier(holder))
			TRY(pay_multipliers(j, term, holder));
		TRY(pay_multipliers(j, holder, term));
		cmp = frac_cmp(term->exact, holder->exact);
		if (cmp > 0 || (cmp == 0 && goes_before(term, holder)))
			judge_lose(holder, TRIM_GROUP);
		else
			judge_lose(term, TRIM_GROUP);
	}
	return CORE_OK;
}

/* see judge_parts.h */
CoreResult
judge_multipliers(Judgement *j, bool has_group)
{
	TRY(prepare_rows(j));
	if (j->unit->stacking == STACKING_BEST)
		TRY(keep_best_multiplier(j));
	if (has_group)
		TRY(decide_multiplier_groups(j));
	return pay_multipliers(j, NULL, NULL);
}
