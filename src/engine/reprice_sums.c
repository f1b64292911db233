/*-------------------------------------------------------------------------
 *
 * reprice_sums.c
 *	  Rules that match the same events, added up once.
 *
 * Of many events judged again many are matched by the same rules.  As long as
 * nothing limits one of these by itself, what they pay together is in
 * proportion to the amount, and an event takes a division in place of a
 * judgement.  Units with other rules are left to judging.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/reprice.h"

#include "port/pg_bitutils.h"

#include "engine/match.h"

/* combinations of rules that are remembered, a power of two */
#define SUMS_BITS	11
#define SUMS_SLOTS	(1 << SUMS_BITS)

struct RuleSums
{
	RuleSet    *rules;
	const SourceConfig *source;
	uint64		limited;		/* rules that are no candidates for some events,
								 * whatever their conditions say */
	uint64	   *of_unit;		/* rules that pay or multiply, by unit; 0 in units
								 * whose rules cannot be added up */
	bool	   *sums_up;		/* by unit */

	/* the latest combination of each slot */
	bool	   *filled;
	uint64	   *matches;
	UnitSum    *sums;			/* nunits of each slot */
};

/* Whether an event's points by a rule depend on nothing but its amount. */
static bool
rule_sums_up(const RuleConfig *rule)
{
	return judge_can_sum(&rule->judge) && rule->cap_period == CALENDAR_NONE &&
		!rule->has_budget && rule->amount < 0;
}

/* see reprice.h */
RuleSums *
sums_create(RuleSet *rules, const SourceConfig *source)
{
	RuleSums   *sums;
	int			i;

	if (rules->nrules > MATCH_RULES_MAX)
		return NULL;
	sums = palloc0(sizeof(RuleSums));
	sums->rules = rules;
	sums->source = source;
	sums->of_unit = palloc0(sizeof(uint64) * Max(1, rules->nunits));
	sums->sums_up = palloc(sizeof(bool) * Max(1, rules->nunits));
	memset(sums->sums_up, true, sizeof(bool) * Max(1, rules->nunits));
	for (i = 0; i < rules->nrules; i++)
	{
		RuleConfig *rule = &rules->rules[i];
		bool		base = rule->judge.earn.kind != RATE_FLAT &&
		rule->judge.earn.kind != RATE_MULTIPLIER;

		if (!rule_concerns(rule, source))
			continue;
		if (rule->has_min_amount || rule->ntiers > 0 || rule->valid_from != INSTANT_ALWAYS ||
			rule->valid_until != INSTANT_NEVER)
			sums->limited |= UINT64CONST(1) << i;
		if (!rule_sums_up(rule))
			sums->sums_up[rule->unit] = false;
		else if (!base || source->amount >= 0)
			sums->of_unit[rule->unit] |= UINT64CONST(1) << i;
	}
	sums->filled = palloc0(sizeof(bool) * SUMS_SLOTS);
	sums->matches = palloc(sizeof(uint64) * SUMS_SLOTS);
	sums->sums = palloc(sizeof(UnitSum) * SUMS_SLOTS * Max(1, rules->nunits));
	return sums;
}

/* Adds up the rules of a combination, unit by unit. */
static void
add_up(RuleSums *sums, uint64 match, UnitSum *result)
{
	const JudgeRule *rules[MATCH_RULES_MAX];
	int			i;

	for (i = 0; i < sums->rules->nunits; i++)
	{
		uint64		rest = match & sums->of_unit[i];
		int			n = 0;

		for (; rest != 0; rest &= rest - 1)
			rules[n++] = &sums->rules->rules[pg_rightmost_one_pos64(rest)].judge;
		result[i].usable = sums->sums_up[i] &&
			judge_sum(&sums->rules->units[i].judge, rules, n, &result[i].sum) == CORE_OK;
	}
}

/* see reprice.h */
const UnitSum *
sums_find(RuleSums *sums, const EventReader *reader, uint64 match, Instant at, Frac amount)
{
	uint64		rest;
	uint32		slot;
	UnitSum    *result;

	for (rest = match & sums->limited; rest != 0; rest &= rest - 1)
	{
		int			i = pg_rightmost_one_pos64(rest);
		const RuleConfig *rule = &sums->rules->rules[i];

		if (at < rule->valid_from || at >= rule->valid_until ||
			(rule->has_min_amount && frac_cmp(amount, rule->min_amount) < 0) ||
			!event_has_tier(reader, rule))
			match &= ~(UINT64CONST(1) << i);
	}
	slot = (uint32) ((match * UINT64CONST(0x9E3779B97F4A7C15)) >> (64 - SUMS_BITS));
	result = &sums->sums[(size_t) slot * sums->rules->nunits];
	if (!sums->filled[slot] || sums->matches[slot] != match)
	{
		add_up(sums, match, result);
		sums->matches[slot] = match;
		sums->filled[slot] = true;
	}
	return result;
}
