/*-------------------------------------------------------------------------
 *
 * tier_ladder.c
 *	  Ladders of tiers: which is in force, and what balances are enough for.
 *
 *-------------------------------------------------------------------------
 */
#include "tier_parts.h"

/* The ladder in force at an instant. */
const TierLadder *
tier_ladder(const TierGroup *group, Instant at)
{
	for (int i = group->nladders - 1; i >= 0; i--)
	{
		if (group->ladders[i].since <= at)
			return &group->ladders[i];
	}
	return NULL;
}

/* see tier_parts.h */
const Zone *
tier_zone(const TierWalk *walk, const TierLadder *ladder)
{
	return walk->zone != NULL ? walk->zone : &ladder->zone;
}

/* The first instant after another at which a group's ladder changes. */
Instant
tier_next_ladder(const TierGroup *group, Instant at)
{
	for (int i = 0; i < group->nladders; i++)
	{
		if (group->ladders[i].since > at)
			return group->ladders[i].since;
	}
	return INSTANT_NEVER;
}

/* A tier of a ladder. */
const TierStep *
tier_step(const TierLadder *ladder, int32_t tier_no)
{
	for (int i = 0; ladder != NULL && i < ladder->nsteps; i++)
	{
		if (ladder->steps[i].tier_no == tier_no)
			return &ladder->steps[i];
	}
	return NULL;
}

/* Where a tier stands; nobody stands below all. */
int64_t
tier_rank(const TierLadder *ladder, int32_t tier_no)
{
	const TierStep *step = tier_no != 0 ? tier_step(ladder, tier_no) : NULL;

	return step != NULL ? step->rank : INT64_MIN;
}

/* Are balances enough for a tier, whether or not it takes members? */
bool
tier_is_enough(const TierStep *step, const CoreInt128 *balances)
{
	int			met = 0;

	for (int i = 0; i < step->nneeds; i++)
		met += balances[step->needs[i].slot] >= step->needs[i].threshold;
	return step->nneeds > 0 && (step->any ? met > 0 : met == step->nneeds);
}

/* The highest tier that balances are enough for. */
const TierStep *
tier_qualified(const TierLadder *ladder, const CoreInt128 *balances)
{
	for (int i = ladder != NULL ? ladder->nsteps - 1 : -1; i >= 0; i--)
	{
		if (!ladder->steps[i].closed && tier_is_enough(&ladder->steps[i], balances))
			return &ladder->steps[i];
	}
	return NULL;
}

/* The number of the tier that balances are enough for, 0 if none. */
int32_t
tier_qualified_no(const TierLadder *ladder, const CoreInt128 *balances)
{
	const TierStep *step = tier_qualified(ladder, balances);

	return step != NULL ? step->tier_no : 0;
}

/* The next tier below one that still takes members, 0 if there is none. */
int32_t
tier_one_below(const TierLadder *ladder, int32_t tier_no)
{
	int64_t		rank = tier_rank(ladder, tier_no);

	for (int i = ladder->nsteps - 1; i >= 0; i--)
	{
		if (ladder->steps[i].rank < rank && !ladder->steps[i].closed &&
			ladder->steps[i].nneeds > 0)
			return ladder->steps[i].tier_no;
	}
	return 0;
}

/* The higher of two tiers. */
int32_t
tier_higher(const TierLadder *ladder, int32_t a, int32_t b)
{
	return tier_rank(ladder, b) > tier_rank(ladder, a) ? b : a;
}
