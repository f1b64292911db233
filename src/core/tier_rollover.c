/*-------------------------------------------------------------------------
 *
 * tier_rollover.c
 *	  What is carried over when a period of the calendar ends.
 *
 *-------------------------------------------------------------------------
 */
#include "tier_parts.h"

/* Whether a period of the calendar by which a unit's points end does so then. */
static CoreResult
is_boundary(const Period *window, Instant at, const Zone *zone, bool *result)
{
	Period		boundary = {0, 0, 0, PERIOD_LENGTH, window->boundary};
	Instant		end;

	TRY(period_end(&boundary, at - 1, zone, &end));
	*result = end == at;
	return CORE_OK;
}

/* The highest threshold in a unit that a balance reaches, 0 if none. */
static Points
highest_threshold(const TierLadder *ladder, int slot, CoreInt128 balance)
{
	Points		highest = 0;

	for (int i = 0; i < ladder->nsteps; i++)
	{
		const TierStep *step = &ladder->steps[i];

		for (int k = 0; k < step->nneeds && !step->closed; k++)
		{
			if (step->needs[k].slot == slot && step->needs[k].threshold <= balance &&
				step->needs[k].threshold > highest)
				highest = step->needs[k].threshold;
		}
	}
	return highest;
}

/*
 * Points that end at an instant and are above the highest threshold reached go
 * over to the next period; before and ending: what the balances were just
 * before, and what of them ends.  0: none do.
 */
static CoreResult
carried(const TierWalk *walk, const TierLadder *ladder, const CoreInt128 *before,
		const CoreInt128 *ending, Instant at, Points *result)
{
	CoreInt128	points;
	Points		threshold;
	bool		is_due;

	*result = 0;
	if (ladder == NULL || !ladder->carries || ending[ladder->slot] <= 0)
		return CORE_OK;
	TRY(is_boundary(&ladder->window, at, tier_zone(walk, ladder), &is_due));
	threshold = highest_threshold(ladder, ladder->slot, before[ladder->slot]);
	if (!is_due || threshold == 0)
		return CORE_OK;
	points = before[ladder->slot] - threshold;
	if (points > ending[ladder->slot])
		points = ending[ladder->slot];
	if (points > ladder->carry_max)
		points = ladder->carry_max;
	if (points > 0)
		*result = (Points) points;
	return CORE_OK;
}

/*
 * The same of all groups, by their ladders just before.  What is carried over
 * arrives anew: a tier is reached by it again that the balance is not enough
 * for without.
 */
CoreResult
tier_carry_over(TierWalk *walk, const CoreInt128 *before, const CoreInt128 *ending, Instant at)
{
	bool		first = true;

	for (int g = 0; g < walk->ngroups; g++)
	{
		const TierLadder *ladder = tier_ladder(&walk->groups[g], at - 1);
		Points		points;
		Instant		to;

		TRY(carried(walk, ladder, before, ending, at, &points));
		if (points == 0)
			continue;
		for (int i = 0; i < walk->ngroups && first; i++)
		{
			const TierLadder *now = tier_ladder(&walk->groups[i], at);
			int32_t		without = tier_qualified_no(now, walk->balances);

			if (tier_rank(now, without) < tier_rank(now, walk->states[i].qualified))
				walk->states[i].qualified = without;
		}
		first = false;
		TRY(period_end(&ladder->window, at, tier_zone(walk, ladder), &to));
		walk->balances[ladder->slot] += points;
		if (to < INSTANT_ACTIVITY)
		{
			TierDue		end = {to, at, points, ladder->slot, 1};

			TRY(tier_push_due(walk, end));
		}
		if (walk->carry != NULL)
			walk->carry(walk->arg, ladder->slot, points, at, to);
	}
	return CORE_OK;
}
