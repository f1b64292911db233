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
#include "judge.h"

/* gives up with the first result that is not CORE_OK */
#define TRY(call) \
	do { \
		CoreResult	result_ = (call); \
		if (result_ != CORE_OK) \
			return result_; \
	} while (0)

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

/* Takes a rule out of the running; what it wanted is still told. */
static void
lose(JudgeTerm *term, uint32_t why)
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

/*
 * Makes a rule's contribution, given before any limit, the one within its own
 * cap per event and within what is left of member cap and budget.
 */
static CoreResult
clamp_term(const JudgeUnit *unit, JudgeTerm *term, Frac pays)
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
 * What a base or flat rule pays.  The sum of the amounts it matches goes to
 * *sum, for those who spread the contribution over the rows.
 */
static CoreResult
pay_base(const Judgement *j, JudgeTerm *term, Frac *sum)
{
	Frac		pays = FRAC_ZERO;

	*sum = FRAC_ZERO;
	if (term->rule->earn.kind == RATE_FLAT)
	{
		if (matches_any(term, j->nrows))
			TRY(rate_pays(&term->rule->earn, FRAC_ZERO, &pays));
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
			TRY(rate_pays(&term->rule->earn, *sum, &pays));
	}
	return clamp_term(j->unit, term, pays);
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
				lose(best, TRIM_GROUP);
				best = other;
			}
			else
				lose(other, TRIM_GROUP);
		}
	}
}

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

/* What a multiplier pays more for each point it scales: its factor less 1. */
static Frac
multiplier_bonus(const JudgeTerm *term)
{
	int64_t		bonus = term->rule->earn.value - RATE_SCALE;

	/* factors hardly have more than two decimals; small denominators last */
	if (bonus <= 0)
		return FRAC_ZERO;
	if (bonus % RATE_SCALE == 0)
		return make_frac(bonus / RATE_SCALE, 1);
	if (bonus % (RATE_SCALE / 100) == 0)
		return make_frac(bonus / (RATE_SCALE / 100), 100);
	return make_frac(bonus, RATE_SCALE);
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
	Frac		growth = multiplier_bonus(term);

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
	TRY(clamp_term(j->unit, term, *full));

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
				lose(best, TRIM_BEST);
			best = term;
			best_full = full;
		}
		else
			lose(term, TRIM_BEST);
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
			lose(holder, TRIM_GROUP);
		else
			lose(term, TRIM_GROUP);
	}
	return CORE_OK;
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

/* A value >= 0 as whole steps and a rest below one, of the same denominator. */
static void
split_steps(Frac value, CoreInt128 *whole, Frac *rest)
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

/* Does the rest of a total round up, when so many steps are whole? */
static bool
rounds_up(Rounding rounding, CoreInt128 whole, Frac rest)
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

/*
 * The one rounding.  Every rule gets the whole steps of its contribution; what
 * the total, rounded by the unit's mode, has more than these goes out step by
 * step to the largest remainders.
 */
static CoreResult
round_shares(const Judgement *j, Points *total)
{
	const JudgeUnit *unit = j->unit;
	Frac		steps_per_point;
	Frac		rests = FRAC_ZERO;
	CoreInt128	whole = 0;
	CoreInt128	extra;

	steps_per_point = POINTS_SCALE % unit->step == 0 ?
		make_frac(POINTS_SCALE / unit->step, 1) :
		make_frac(POINTS_SCALE, unit->step);

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
		split_steps(steps, &share, &rest);
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

	split_steps(rests, &extra, &rests);
	if (rounds_up(unit->rounding, whole + extra, rests))
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
			TRY(pay_base(&j, term, &j.per_term[i]));
	}
	if (has_group)
		decide_base_groups(&j);
	if (has_multiplier)
	{
		TRY(prepare_rows(&j));
		if (unit->stacking == STACKING_BEST)
			TRY(keep_best_multiplier(&j));
		if (has_group)
			TRY(decide_multiplier_groups(&j));
		TRY(pay_multipliers(&j, NULL, NULL));
	}
	if (unit->has_max_per_event)
		TRY(trim_to_unit_cap(&j));
	return round_shares(&j, total);
}

/*
 * The lines of one change, which all go in the direction of the total.
 */
CoreResult
judge_change(const Points *held, const Points *computed, int n, Points *delta)
{
	CoreInt128	rest = 0;

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
