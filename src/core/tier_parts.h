/*-------------------------------------------------------------------------
 *
 * tier_parts.h
 *	  What the files share that walk through a member's tiers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_CORE_TIER_PARTS_H
#define LOYALTY_CORE_TIER_PARTS_H

#include "tier.h"

/* -------- ladders -------- */

/* The first instant after another at which a group's ladder changes. */
extern Instant tier_next_ladder(const TierGroup *group, Instant at);

/* The zone in which periods of a ladder end for somebody. */
extern const Zone *tier_zone(const TierWalk *walk, const TierLadder *ladder);

/* Where a tier stands; nobody stands below all. */
extern int64_t tier_rank(const TierLadder *ladder, int32_t tier_no);

/* The higher of two tiers. */
extern int32_t tier_higher(const TierLadder *ladder, int32_t a, int32_t b);

/* Are balances enough for a tier, whether or not it takes members? */
extern bool tier_is_enough(const TierStep *step, const CoreInt128 *balances);

/* The number of the tier that balances are enough for, 0 if none. */
extern int32_t tier_qualified_no(const TierLadder *ladder, const CoreInt128 *balances);

/* The next tier below one that still takes members, 0 if there is none. */
extern int32_t tier_one_below(const TierLadder *ladder, int32_t tier_no);

/* -------- the walk -------- */

/* Puts what is due later on the heap. */
extern CoreResult tier_push_due(TierWalk *walk, TierDue due);

/* Begins a stay, in a tier that the points are enough for, or that is only given. */
extern CoreResult tier_begin_stay(TierWalk *walk, int g, int32_t tier_no, const Period *keep,
								  bool is_given, Instant at, Instant counted_at,
								  TierCause cause);

/* Gives for life what has been held for long enough. */
extern CoreResult tier_give_for_life(TierWalk *walk, int g, const TierLadder *ladder,
									 Instant at);

/*
 * Carries over what ends at an instant, by the ladders just before it; before
 * and ending: what the balances were just before, and what of them ends.
 */
extern CoreResult tier_carry_over(TierWalk *walk, const CoreInt128 *before,
								  const CoreInt128 *ending, Instant at);

#endif							/* LOYALTY_CORE_TIER_PARTS_H */
