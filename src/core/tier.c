/*-------------------------------------------------------------------------
 *
 * tier.c
 *	  Where a member stands on ladders of tiers, from instant to instant.
 *
 *-------------------------------------------------------------------------
 */
#include "tier_parts.h"

/* ------------------------------------------------------------------------
 * What is due
 * ------------------------------------------------------------------------
 */

/* Puts what is due later on the heap. */
CoreResult
tier_push_due(TierWalk *walk, TierDue due)
{
	int			i;

	if (walk->ndue == walk->capacity)
		walk->grow(walk, walk->ndue + 1);
	if (walk->ndue >= walk->capacity)
		return CORE_RANGE;
	for (i = walk->ndue++; i > 0 && walk->due[(i - 1) / 2].at > due.at; i = (i - 1) / 2)
		walk->due[i] = walk->due[(i - 1) / 2];
	walk->due[i] = due;
	return CORE_OK;
}

/* Takes the earliest from the heap. */
static TierDue
pop_due(TierWalk *walk)
{
	TierDue		top = walk->due[0];
	TierDue		last = walk->due[--walk->ndue];
	int			i = 0;

	for (;;)
	{
		int			child = 2 * i + 1;

		if (child >= walk->ndue)
			break;
		if (child + 1 < walk->ndue && walk->due[child + 1].at < walk->due[child].at)
			child++;
		if (walk->due[child].at >= last.at)
			break;
		walk->due[i] = walk->due[child];
		i = child;
	}
	if (walk->ndue > 0)
		walk->due[i] = last;
	return top;
}

/* Adds points of a lot, without judging. */
CoreResult
tier_fold(TierWalk *walk, int slot, Points points, Instant from, Instant to)
{
	if (to <= walk->at || to <= from)
		return CORE_OK;
	if (from > walk->at)
	{
		TierDue		start = {from, from, points, slot, 0};

		TRY(tier_push_due(walk, start));
	}
	else
		walk->balances[slot] += points;
	if (to < INSTANT_ACTIVITY)
	{
		TierDue		end = {to, from, points, slot, 1};

		TRY(tier_push_due(walk, end));
	}
	return CORE_OK;
}

/* The next instant at which anything may change. */
Instant
tier_next_due(const TierWalk *walk)
{
	Instant		next = walk->ndue > 0 ? walk->due[0].at : INSTANT_NEVER;

	for (int g = 0; g < walk->ngroups; g++)
	{
		const TierState *state = &walk->states[g];
		Instant		ladder = tier_next_ladder(&walk->groups[g], walk->at);

		if (ladder < next)
			next = ladder;
		if (state->tier_no != 0 && state->until > walk->at && state->until < next)
			next = state->until;
		if (state->given != 0 && state->given_until > walk->at && state->given_until < next)
			next = state->given_until;
	}
	for (int i = 0; i < walk->ntenures; i++)
	{
		Instant		due = tier_tenure_due(walk, i);

		if (due < next)
			next = due;
	}
	return next;
}

/* What of a unit would be judged at the end of the stay. */
CoreInt128
tier_judged_balance(const TierWalk *walk, int group, int slot)
{
	const TierState *state = &walk->states[group];
	CoreInt128	balance = walk->balances[slot];

	/* what begins before the end counts, what ends before it does not */
	for (int i = 0; i < walk->ndue; i++)
	{
		const TierDue *due = &walk->due[i];

		if (due->slot != slot || due->at > state->until)
			continue;
		if (!due->expiry)
			balance += due->at < state->until ? due->points : 0;
		else if (due->at < state->until || due->from <= state->counted_at)
			balance -= due->points;
	}
	return balance;
}

/* ------------------------------------------------------------------------
 * Stays
 * ------------------------------------------------------------------------
 */

/* The tier given by hand, as long as it is; else 0. */
static int32_t
given_tier(const TierState *state, Instant at)
{
	return state->given != 0 && state->given_until > at ? state->given : 0;
}

/* The tier below which nobody falls at an instant: given, or held for life; else 0. */
static int32_t
floor_tier(const TierLadder *ladder, const TierState *state, Instant at)
{
	return tier_higher(ladder, state->life, given_tier(state, at));
}

/*
 * Moves to a tier.  Who has it again at the instant at which it was lost has
 * held it without a break.
 */
static void
move_to(TierWalk *walk, int g, int32_t tier_no, Instant at)
{
	TierState  *state = &walk->states[g];
	const TierState *held = &walk->held[g];

	if (state->tier_no != tier_no)
		state->since = walk->held_at == at && held->tier_no == tier_no ? held->since : at;
	state->tier_no = tier_no;
}

/* Begins a stay, in a tier that the points are enough for, or that is only given. */
CoreResult
tier_begin_stay(TierWalk *walk, int g, int32_t tier_no, const Period *keep, bool is_given,
		   Instant at, Instant counted_at, TierCause cause)
{
	TierState  *state = &walk->states[g];
	bool		again = state->tier_no == tier_no;
	Instant		until = INSTANT_NEVER;

	TRY(tier_count_years(walk, g, at));
	if (tier_no != 0 && tier_no != state->life)
	{
		TRY(period_end(keep, at, tier_zone(walk, tier_ladder(&walk->groups[g], at)), &until));
		if (given_tier(state, at) == tier_no && (is_given || state->given_until > until))
			until = state->given_until;
		if (again && state->until > until)
			until = state->until;
	}
	move_to(walk, g, tier_no, at);
	state->until = until;
	state->counted_at = counted_at;
	state->renewed = counted_at < at;
	if (walk->sink != NULL)
		walk->sink(walk->arg, g, state, at, cause);
	return CORE_OK;
}

/* The highest stay known before that lasts beyond an instant; NULL: none above a tier. */
static const TierState *
booked_above(const TierWalk *walk, int g, const TierLadder *ladder, int32_t tier_no, Instant at)
{
	const TierState *found = NULL;
	int64_t		rank = tier_rank(ladder, tier_no);

	for (int i = 0; i < walk->nbooked; i++)
	{
		const TierState *booked = &walk->booked[i];

		if (booked->group_no == walk->states[g].group_no && booked->counted_at < at &&
			booked->until > at && tier_rank(ladder, booked->tier_no) > rank)
		{
			found = booked;
			rank = tier_rank(ladder, booked->tier_no);
		}
	}
	return found;
}

/*
 * A stay has ended: renewed, or downgraded, by what was judged.  A stay that was
 * known before, and over, ends no earlier.
 */
static CoreResult
end_stay(TierWalk *walk, int g, const TierLadder *ladder, const CoreInt128 *judged,
		 Instant at, TierCause cause)
{
	TierState  *state = &walk->states[g];
	int32_t		tier_no = tier_qualified_no(ladder, judged);
	int32_t		given;
	const TierState *booked;

	if (ladder == NULL)
		return tier_begin_stay(walk, g, 0, NULL, false, at, at, cause);
	if (ladder->one_level && tier_rank(ladder, tier_no) < tier_rank(ladder, state->tier_no))
		tier_no = tier_higher(ladder, tier_no, tier_one_below(ladder, state->tier_no));
	given = tier_higher(ladder, tier_no, floor_tier(ladder, state, at));
	booked = booked_above(walk, g, ladder, given, at);
	if (booked != NULL)
	{
		TRY(tier_count_years(walk, g, at));
		move_to(walk, g, booked->tier_no, at);
		state->until = booked->until;
		state->counted_at = booked->counted_at;
		state->renewed = booked->renewed;
		if (walk->sink != NULL)
			walk->sink(walk->arg, g, state, at, cause);
		return CORE_OK;
	}

	/* what begins at this very instant was not judged */
	return tier_begin_stay(walk, g, given, &ladder->keep_renewed, given != tier_no, at, at - 1,
					  cause);
}

/* Judges one group by the present balances. */
static CoreResult
judge_group(TierWalk *walk, int g, Instant at, TierCause cause)
{
	TierState  *state = &walk->states[g];
	const TierLadder *ladder = tier_ladder(&walk->groups[g], at);
	int32_t		qualified;

	if (ladder == NULL)
		return CORE_OK;
	qualified = tier_qualified_no(ladder, walk->balances);

	/* most lines meet no threshold */
	if (qualified == state->qualified && (state->tier_no == 0 || state->until > at))
		return CORE_OK;

	/* reached, for the first time or again; a change of thresholds leaves a stay its end */
	if (tier_rank(ladder, qualified) > tier_rank(ladder, state->qualified) &&
		tier_rank(ladder, qualified) >=
		tier_rank(ladder, state->tier_no) + (cause == TIER_CONFIGURATION && state->tier_no != 0))
		TRY(tier_begin_stay(walk, g, qualified, &ladder->keep, false, at, at, cause));

	/* no longer than the balance */
	while (state->tier_no != 0 && state->until <= at)
	{
		const TierStep *step = tier_step(ladder, state->tier_no);

		if (step != NULL && tier_is_enough(step, walk->balances))
			break;
		TRY(end_stay(walk, g, ladder, walk->balances, at, cause));
	}
	state->qualified = qualified;
	return CORE_OK;
}

/* Judges all groups at the walk's instant. */
CoreResult
tier_judge(TierWalk *walk, TierCause cause)
{
	for (int g = 0; g < walk->ngroups; g++)
	{
		if (walk->ntenures > 0)
			TRY(tier_give_for_life(walk, g, tier_ladder(&walk->groups[g], walk->at), walk->at));
		TRY(judge_group(walk, g, walk->at, cause));
	}
	return CORE_OK;
}

/* Takes what is qualified as known before. */
void
tier_requalify(TierWalk *walk)
{
	for (int g = 0; g < walk->ngroups; g++)
		walk->states[g].qualified =
			tier_qualified_no(tier_ladder(&walk->groups[g], walk->at), walk->balances);
}

/* ------------------------------------------------------------------------
 * The walk
 * ------------------------------------------------------------------------
 */

/* All that is due at one instant, later than the walk's. */
static CoreResult
take_instant(TierWalk *walk, Instant at)
{
	CoreInt128 *before = walk->judged + walk->ngroups * walk->nunits;
	CoreInt128 *ending = before + walk->nunits;

	/* what is judged at the end of a stay are the balances before */
	for (int g = 0; g <= walk->ngroups; g++)
	{
		for (int u = 0; u < walk->nunits; u++)
			walk->judged[g * walk->nunits + u] = walk->balances[u];
	}
	for (int u = 0; u < walk->nunits; u++)
		ending[u] = 0;
	for (int g = 0; g < walk->ngroups; g++)
		walk->held[g] = walk->states[g];
	walk->held_at = at;
	while (walk->ndue > 0 && walk->due[0].at == at)
	{
		TierDue		due = pop_due(walk);

		walk->balances[due.slot] += due.expiry ? -due.points : due.points;
		if (due.expiry)
			ending[due.slot] += due.points;
		for (int g = 0; g < walk->ngroups && due.expiry; g++)
		{
			if (due.from <= walk->states[g].counted_at)
				walk->judged[g * walk->nunits + due.slot] -= due.points;
		}
	}
	TRY(tier_carry_over(walk, before, ending, at));
	for (int g = 0; g < walk->ngroups; g++)
	{
		const TierGroup *group = &walk->groups[g];
		TierState  *state = &walk->states[g];
		const TierLadder *ladder = tier_ladder(group, at);
		TierCause	cause = ladder != NULL && ladder->since == at ? TIER_CONFIGURATION :
		TIER_ENTRY;

		if (walk->ntenures > 0)
			TRY(tier_give_for_life(walk, g, ladder, at));
		if (state->tier_no != 0 && state->until == at)
		{
			TRY(end_stay(walk, g, ladder, &walk->judged[g * walk->nunits], at, TIER_EXPIRY));
			state->qualified = tier_qualified_no(ladder, &walk->judged[g * walk->nunits]);
		}

		/* points that lapse take what lasts no longer; points that begin give */
		if (ladder != NULL && cause == TIER_ENTRY &&
			tier_rank(ladder, tier_qualified_no(ladder, walk->balances)) <=
			tier_rank(ladder, state->qualified))
			cause = TIER_EXPIRY;
		walk->at = at;
		TRY(judge_group(walk, g, at, cause));
	}
	walk->at = at;
	return CORE_OK;
}

/* Goes to an instant. */
CoreResult
tier_walk(TierWalk *walk, Instant to)
{
	Instant		next;

	while ((next = tier_next_due(walk)) <= to && next != INSTANT_NEVER)
		TRY(take_instant(walk, next));
	if (to > walk->at)
		walk->at = to;
	return CORE_OK;
}

/* Goes to an instant, and takes a line. */
CoreResult
tier_line(TierWalk *walk, int slot, Points points, Instant from, Instant to, Instant at,
		  TierCause cause)
{
	TRY(tier_walk(walk, at));
	TRY(tier_fold(walk, slot, points, from, to));
	return tier_judge(walk, cause);
}

/* Goes to an instant, and gives a tier by hand. */
CoreResult
tier_give(TierWalk *walk, int group, int32_t tier_no, Instant until, Instant at)
{
	TierState  *state = &walk->states[group];
	const TierLadder *ladder;

	TRY(tier_walk(walk, at));
	ladder = tier_ladder(&walk->groups[group], at);
	if (ladder == NULL)
		return CORE_RANGE;
	TRY(tier_count_years(walk, group, at));
	state->given = until == INSTANT_ALWAYS ? 0 : tier_no;
	state->given_until = state->given != 0 ? until : 0;

	/* what is taken is taken for good; else nobody falls below what is for life */
	if (tier_no == 0)
	{
		state->life = 0;
		for (int i = 0; i < walk->ntenures; i++)
		{
			if (walk->tenures[i].group == group)
				walk->tenures[i].held = 0;
		}
	}
	tier_no = tier_higher(ladder, tier_no, state->life);
	if (state->tier_no != tier_no)
		state->since = at;
	state->tier_no = tier_no;
	state->counted_at = at;
	state->renewed = 0;
	state->until = INSTANT_NEVER;
	if (tier_no != 0 && tier_no == state->life)
		;						/* for life */
	else if (tier_no != 0 && until == INSTANT_ALWAYS)
		TRY(period_end(&ladder->keep, at, tier_zone(walk, ladder), &state->until));
	else if (tier_no != 0)
		state->until = until;
	if (walk->sink != NULL)
		walk->sink(walk->arg, group, state, at, TIER_BY_HAND);
	return CORE_OK;
}
