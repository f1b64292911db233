/*-------------------------------------------------------------------------
 *
 * catalogue.c
 *	  Rewards as each backend holds them, and who may have them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "catalog/pg_type.h"
#include "common/int.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "core/instant.h"
#include "engine/catalogue.h"
#include "engine/facts.h"
#include "engine/program_load.h"
#include "engine/tiers.h"

/* see catalogue.h */
RewardConfig *
catalogue_find(Catalogue *catalogue, const char *name)
{
	int			low = 0;
	int			high = catalogue->nrewards - 1;

	while (low <= high)
	{
		int			middle = (low + high) / 2;
		int			cmp = strcmp(name, catalogue->rewards[middle].name);

		if (cmp == 0)
			return &catalogue->rewards[middle];
		if (cmp < 0)
			high = middle - 1;
		else
			low = middle + 1;
	}
	return NULL;
}

/* see catalogue.h */
RewardConfig *
catalogue_reward(Catalogue *catalogue, int32 reward_no)
{
	int			i;

	for (i = 0; i < catalogue->nrewards; i++)
	{
		if (catalogue->rewards[i].reward_no == reward_no)
			return &catalogue->rewards[i];
	}
	return NULL;
}

/* -------- who may have them -------- */

/* see catalogue.h */
void
asking_begin(Asking *asking, Program *program, Snapshot snapshot, AccountState *account)
{
	asking->program = program;
	asking->snapshot = snapshot;
	asking->account = account;
	asking->econtext = NULL;
	asking->facts = NULL;
}

/* see catalogue.h */
void
asking_end(Asking *asking)
{
	if (asking->facts)
		ExecDropSingleTupleTableSlot(asking->facts);
	if (asking->econtext)
		FreeExprContext(asking->econtext, true);
}

/* Evaluates one expression of a reward; the result lives in the current context. */
static Datum
evaluate(Asking *asking, const RewardConfig *reward, int index, bool *isnull)
{
	Pin		   *pin = reward->pin;
	PinExpr    *expr = &pin->exprs[index];
	PinScope	scope;
	Datum		value;

	if (asking->econtext == NULL)
	{
		asking->econtext = CreateStandaloneExprContext();
		asking->facts = facts_slot(asking->program);
	}
	pin_enter(asking->program->ref.owner, asking->program->rules->tz, pin->is_builtin, &scope);
	pin_prepare(pin);
	if (expr->uses_member)
		facts_fill(asking->facts, asking->program, asking->snapshot, asking->account,
				   expr->member_attnos, NULL);
	asking->econtext->ecxt_innertuple = asking->facts;
	value = pin_eval(pin, index, asking->econtext, isnull);
	if (!*isnull)
		value = datumCopy(value, expr->typbyval, expr->typlen);
	pin_leave(&scope);
	ResetExprContext(asking->econtext);
	return value;
}

/* From when on the reward is on offer to this member. */
static Instant
opens_at(Asking *asking, const RewardConfig *reward)
{
	Instant		opens = reward->valid_from;
	bool		isnull;
	Datum		earlier;

	if (reward->early_access < 0)
		return opens;
	earlier = evaluate(asking, reward, reward->early_access, &isnull);
	if (!isnull)
	{
		PinScope	scope;
		Instant		early;

		/* in the program's zone */
		pin_enter(asking->program->ref.owner, asking->program->rules->tz, true, &scope);
		early = DatumGetTimestampTz(DirectFunctionCall2(timestamptz_mi_interval,
														TimestampTzGetDatum(opens), earlier));
		pin_leave(&scope);
		opens = Min(opens, early);
	}
	return opens;
}

/* Does the member hold one of these tiers? */
static bool
holds_any(Asking *asking, ArrayType *tiers)
{
	return tiers_any_held(NULL, asking->account, asking->account->now, tiers);
}

/* The names of tiers, for a message. */
static char *
tier_names(ArrayType *tiers)
{
	StringInfoData names;
	Datum	   *elements;
	int			n;
	int			i;

	deconstruct_array(tiers, TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL, &n);
	initStringInfo(&names);
	for (i = 0; i < n; i++)
		appendStringInfo(&names, "%s\"%s\"", i > 0 ? " or " : "",
						 TextDatumGetCString(elements[i]));
	return names.data;
}

/* Says which column of a reward is in the way, and perhaps an instant. */
static void
about(Refusal *refusal, const RewardConfig *reward, const char *column, const char *what,
	  Instant at)
{
	refusal_about(refusal, "reward", column,
				  what ? facts("reward", fact_text(reward->name), what, fact_instant(at), NULL) :
				  facts("reward", fact_text(reward->name), NULL));
}

/* see catalogue.h */
bool
reward_is_open(Asking *asking, const RewardConfig *reward, Refusal *refusal)
{
	Instant		now = asking->account->now;
	Instant		opens;
	bool		isnull;

	if (!reward->enabled)
	{
		refuse(refusal, ERRCODE_LOYALTY_REWARD_NOT_AVAILABLE, NULL, NULL,
			   "reward \"%s\" is not on offer", reward->name);
		about(refusal, reward, "enabled", NULL, INSTANT_NEVER);
		return false;
	}
	if (reward->needs_pin && reward->pin == NULL)
	{
		refuse(refusal, ERRCODE_LOYALTY_REWARD_NOT_AVAILABLE,
			   "The view that holds its condition was dropped.",
			   "Write the condition again.",
			   "reward \"%s\" cannot be judged", reward->name);
		about(refusal, reward, "pin", NULL, INSTANT_NEVER);
		return false;
	}
	if (now >= reward->valid_until)
	{
		refuse(refusal, ERRCODE_LOYALTY_REWARD_NOT_AVAILABLE,
			   psprintf("It was until %s.", instant_text(reward->valid_until)), NULL,
			   "reward \"%s\" is not on offer any more", reward->name);
		about(refusal, reward, "valid", "until", reward->valid_until);
		return false;
	}
	if (now < reward->valid_from && now < (opens = opens_at(asking, reward)))
	{
		refuse(refusal, ERRCODE_LOYALTY_REWARD_NOT_AVAILABLE,
			   psprintf("It will be from %s.", instant_text(opens)), NULL,
			   "reward \"%s\" is not on offer yet", reward->name);
		about(refusal, reward, "valid", "from", opens);
		return false;
	}
	if (reward->tiers && !holds_any(asking, reward->tiers))
	{
		refuse(refusal, ERRCODE_LOYALTY_NOT_ELIGIBLE,
			   psprintf("It is for members of tier %s.", tier_names(reward->tiers)), NULL,
			   "the member is not eligible for reward \"%s\"", reward->name);
		about(refusal, reward, "tiers", NULL, INSTANT_NEVER);
		return false;
	}
	if (reward->condition >= 0 &&
		(!DatumGetBool(evaluate(asking, reward, reward->condition, &isnull)) || isnull))
	{
		refuse(refusal, ERRCODE_LOYALTY_NOT_ELIGIBLE,
			   "The reward's condition does not hold.", NULL,
			   "the member is not eligible for reward \"%s\"", reward->name);
		about(refusal, reward, "condition", NULL, INSTANT_NEVER);
		return false;
	}
	return true;
}

/* -------- prices -------- */

/* The names of prices, for a message. */
static char *
price_names(const RewardConfig *reward)
{
	StringInfoData names;
	int			i;

	initStringInfo(&names);
	for (i = 0; i < reward->nprices; i++)
		appendStringInfo(&names, "%s\"%s\"", i > 0 ? ", " : "", reward->prices[i].name);
	return names.data;
}

/* Says which column of a reward's prices is in the way; name NULL: of all of them. */
static void
about_price(Refusal *refusal, const RewardConfig *reward, const char *column, const char *name)
{
	refusal_about(refusal, "reward_price", column,
				  facts("reward", fact_text(reward->name), "price", fact_text(name), NULL));
}

/* see catalogue.h */
bool
price_applies(Asking *asking, const PriceConfig *price)
{
	return price->tiers == NULL || holds_any(asking, price->tiers);
}

/* see catalogue.h */
const PriceConfig *
reward_price(Asking *asking, const RewardConfig *reward, const char *name, Refusal *refusal)
{
	const PriceConfig *best = NULL;
	bool		alike = true;
	int			i;

	for (i = 0; i < reward->nprices; i++)
	{
		const PriceConfig *price = &reward->prices[i];

		if (name)
		{
			if (strcmp(price->name, name) != 0)
				continue;
			if (!price_applies(asking, price))
			{
				refuse(refusal, ERRCODE_LOYALTY_NOT_ELIGIBLE,
					   psprintf("It is for members of tier %s.", tier_names(price->tiers)), NULL,
					   "price \"%s\" of reward \"%s\" does not apply", name, reward->name);
				about_price(refusal, reward, "tiers", name);
				return NULL;
			}
			return price;
		}
		if (!price_applies(asking, price))
			continue;
		if (best == NULL)
			best = price;
		else if (best->unit_no != price->unit_no || best->money || price->money)
			alike = false;
		else if (price->points < best->points)
			best = price;
	}
	if (name)
	{
		refuse(refusal, ERRCODE_UNDEFINED_OBJECT, NULL,
			   reward->nprices > 0 ? psprintf("It has %s.", price_names(reward)) :
			   "Insert one into table \"reward_price\".",
			   "reward \"%s\" has no price \"%s\"", reward->name, name);
		return NULL;
	}
	if (best == NULL && reward->nprices > 0)
	{
		refuse(refusal, ERRCODE_LOYALTY_NOT_ELIGIBLE,
			   "All of them are for members of other tiers.", NULL,
			   "no price of reward \"%s\" applies", reward->name);
		about_price(refusal, reward, "tiers", NULL);
	}
	else if (best == NULL)
	{
		refuse(refusal, ERRCODE_LOYALTY_REWARD_NOT_AVAILABLE, NULL,
			   "Insert one into table \"reward_price\".",
			   "reward \"%s\" has no price", reward->name);
		about_price(refusal, reward, "reward", NULL);
	}
	else if (!alike)
	{
		refuse(refusal, ERRCODE_AMBIGUOUS_PARAMETER, NULL,
			   psprintf("Give price => one of %s.", price_names(reward)),
			   "reward \"%s\" has several prices: say which one", reward->name);
		best = NULL;
	}
	return best;
}

/* see catalogue.h */
Points
price_points(const PriceConfig *price, int64 quantity)
{
	Points		points;

	if (pg_mul_s64_overflow(price->points, quantity, &points) ||
		points > POINTS_MAX)
		core_check(CORE_RANGE);
	return points;
}
