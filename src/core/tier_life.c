/*-------------------------------------------------------------------------
 *
 * tier_life.c
 *	  Tiers for life: how long one has been held in all.
 *
 *-------------------------------------------------------------------------
 */
#include "tier_parts.h"

/* Whether time counts for a tier by a ladder, and it or a higher one is held. */
static bool
tenure_runs(const TierWalk *walk, const TierTenure *tenure, const TierLadder *ladder)
{
	const TierStep *step = tier_step(ladder, tenure->tier_no);
	int32_t		held = walk->states[tenure->group].tier_no;

	return step != NULL && step->life_years > 0 && held != 0 &&
		tier_rank(ladder, held) >= step->rank;
}

/* see tier.h */
Instant
tier_tenure_due(const TierWalk *walk, int index)
{
	const TierTenure *tenure = &walk->tenures[index];
	const TierLadder *ladder = tier_ladder(&walk->groups[tenure->group], walk->at);
	const TierStep *step = tier_step(ladder, tenure->tier_no);
	int64_t		missing;

	if (!tenure_runs(walk, tenure, ladder) ||
		tier_rank(ladder, walk->states[tenure->group].life) >= step->rank)
		return INSTANT_NEVER;
	missing = step->life_years * TIER_YEAR - tenure->held;
	if (tenure->at >= INSTANT_END - missing || tenure->at + missing <= walk->at)
		return INSTANT_NEVER;
	return tenure->at + missing;
}

/* see tier.h */
CoreResult
tier_count_years(TierWalk *walk, int group, Instant at)
{
	for (int i = 0; i < walk->ntenures; i++)
	{
		TierTenure *tenure = &walk->tenures[i];

		if (tenure->group != group)
			continue;
		while (tenure->at < at)
		{
			const TierGroup *ladders = &walk->groups[group];
			Instant		next = tier_next_ladder(ladders, tenure->at);

			if (next > at)
				next = at;
			if (tenure_runs(walk, tenure, tier_ladder(ladders, tenure->at)))
				tenure->held += next - tenure->at;
			tenure->at = next;
		}
	}
	return CORE_OK;
}

/* Gives for life what has been held for long enough. */
CoreResult
tier_give_for_life(TierWalk *walk, int g, const TierLadder *ladder, Instant at)
{
	TierState  *state = &walk->states[g];
	int32_t		life = state->life;

	TRY(tier_count_years(walk, g, at));
	for (int i = 0; i < walk->ntenures; i++)
	{
		const TierTenure *tenure = &walk->tenures[i];
		const TierStep *step = tenure->group == g ? tier_step(ladder, tenure->tier_no) : NULL;

		if (step != NULL && step->life_years > 0 &&
			tenure->held >= step->life_years * TIER_YEAR)
			life = tier_higher(ladder, life, step->tier_no);
	}
	if (life == state->life)
		return CORE_OK;
	state->life = life;
	if (tier_rank(ladder, life) > tier_rank(ladder, state->tier_no))
		return tier_begin_stay(walk, g, life, NULL, false, at, at, TIER_FOR_LIFE);
	if (life == state->tier_no)
		state->until = INSTANT_NEVER;
	if (walk->sink != NULL)
		walk->sink(walk->arg, g, state, at, TIER_FOR_LIFE);
	return CORE_OK;
}
