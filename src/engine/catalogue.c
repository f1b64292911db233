/*-------------------------------------------------------------------------
 *
 * catalogue.c
 *	  Rewards as each backend holds them, and who may have them.
 *
 * Loaded with the first use, and thrown away with the program.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "catalog/pg_type.h"
#include "common/int.h"
#include "executor/executor.h"
#include "executor/spi.h"
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

/* -------- loading -------- */

/* Loads the choice sets; their rewards come later. */
static void
load_sets(Program *program, Catalogue *catalogue)
{
	int			i;

	config_query(&program->ref, "SELECT name, choose, cap_period FROM %s.choice_set"
				 " ORDER BY name COLLATE pg_catalog.\"C\"", 0, 0, 0);
	MemoryContextSwitchTo(program->context);
	catalogue->nsets = (int) SPI_processed;
	catalogue->sets = palloc0(sizeof(ChoiceSet) * Max(1, catalogue->nsets));
	for (i = 0; i < catalogue->nsets; i++)
	{
		ConfigRow	row = config_row(i);

		catalogue->sets[i].name = config_text(&row, "name");
		catalogue->sets[i].choose = config_int(&row, "choose", 1);
		catalogue->sets[i].period = cap_period_from_text(config_text(&row, "cap_period"));
	}
}

/* Puts a reward into its choice set. */
static void
join_set(Catalogue *catalogue, RewardConfig *reward, const char *set_name)
{
	int			i;

	for (i = 0; i < catalogue->nsets; i++)
	{
		ChoiceSet  *set = &catalogue->sets[i];

		if (strcmp(set->name, set_name) != 0)
			continue;
		reward->set = set;
		set->rewards = set->rewards ?
			repalloc(set->rewards, sizeof(int32) * (set->nrewards + 1)) :
			palloc(sizeof(int32));
		set->rewards[set->nrewards++] = reward->reward_no;
	}
}

/* A list of tiers; NULL if there is none. */
static ArrayType *
config_tiers(const ConfigRow *row)
{
	bool		isnull;
	Datum		value = config_datum(row, "tiers", TEXTARRAYOID, &isnull);

	return isnull ? NULL : DatumGetArrayTypePCopy(value);
}

/* Reads a reward from its row; prices come later. */
static void
load_reward(Program *program, Catalogue *catalogue, const ConfigRow *row,
			RewardConfig *reward)
{
	char	   *span = config_text(row, "cap_period");
	char	   *set = config_text(row, "choice_set");
	Oid			pin = config_regclass(row, "pin");
	bool		isnull;
	Datum		value;

	reward->reward_no = config_int(row, "reward_no", 0);
	reward->name = config_text(row, "name");
	reward->enabled = config_bool(row, "enabled");
	reward->limited = config_bool(row, "limited");
	reward->max_per_member = config_int(row, "max_per_member", 0);
	reward->period = span ? cap_period_from_text(span) : CALENDAR_NONE;
	if (set)
		join_set(catalogue, reward, set);
	value = config_datum(row, "valid_from", TIMESTAMPTZOID, &isnull);
	reward->valid_from = isnull ? INSTANT_ALWAYS : DatumGetTimestampTz(value);
	value = config_datum(row, "valid_until", TIMESTAMPTZOID, &isnull);
	reward->valid_until = isnull ? INSTANT_NEVER : DatumGetTimestampTz(value);
	reward->tiers = config_tiers(row);
	reward->hold_for = *DatumGetIntervalP(config_datum(row, "hold_for", INTERVALOID, NULL));
	reward->priority = config_int(row, "priority", 0);
	reward->automatic = config_bool(row, "auto_redeem");
	reward->max_auto = config_int(row, "max_auto", 1);
	value = config_datum(row, "change_no", INT8OID, &isnull);
	reward->change_no = isnull ? 0 : DatumGetInt64(value);
	reward->pool = config_text(row, "pool");
	config_struct(row, "code_valid", "period", &reward->code_valid, sizeof(Period));
	reward->needs_pin = config_bool(row, "needs_pin");
	reward->condition = reward->early_access = -1;
	if (OidIsValid(pin))
		reward->pin = pin_load(pin, program->context);
	if (reward->pin)
	{
		reward->condition = pin_find(reward->pin, "condition");
		reward->early_access = pin_find(reward->pin, "early_access");
		program->watched = lappend_oid(program->watched, pin);
	}
}

/* Loads the prices, which come in the order of their rewards' names. */
static void
load_prices(Program *program, Catalogue *catalogue)
{
	uint64		n;
	uint64		i;

	config_query(&program->ref,
				 "SELECT r.reward_no, p.name, u.unit_no::pg_catalog.int4 AS unit_no, p.points,"
				 " p.money, p.tiers"
				 " FROM %s.reward_price AS p"
				 " JOIN %s.reward AS r ON r.name OPERATOR(pg_catalog.=) p.reward"
				 " JOIN %s.unit AS u ON u.name OPERATOR(pg_catalog.=) p.unit"
				 " ORDER BY p.name COLLATE pg_catalog.\"C\"", 0, 0, 0);
	n = SPI_processed;
	MemoryContextSwitchTo(program->context);
	for (i = 0; i < n; i++)
	{
		ConfigRow	row = config_row(i);
		RewardConfig *reward = catalogue_reward(catalogue, config_int(&row, "reward_no", 0));
		PriceConfig *price;
		bool		isnull;
		Datum		money;

		if (reward == NULL)
			continue;
		reward->prices = reward->prices ?
			repalloc(reward->prices, sizeof(PriceConfig) * (reward->nprices + 1)) :
			palloc(sizeof(PriceConfig));
		price = &reward->prices[reward->nprices++];
		memset(price, 0, sizeof(PriceConfig));
		price->name = config_text(&row, "name");
		price->unit_no = config_int(&row, "unit_no", 0);
		config_points(&row, "points", &price->points);
		money = config_datum(&row, "money", NUMERICOID, &isnull);
		if (!isnull)
			price->money = PointerGetDatum(PG_DETOAST_DATUM_COPY(money));
		price->tiers = config_tiers(&row);
	}
}

/* The dearest price of a reward, for the order in which they go by themselves. */
static Points
dearest(const RewardConfig *reward)
{
	Points		points = 0;
	int			i;

	for (i = 0; i < reward->nprices; i++)
		points = Max(points, reward->prices[i].points);
	return points;
}

/* Priority, then higher price, then name. */
static int
automatic_order(const void *a, const void *b)
{
	const RewardConfig *left = *(RewardConfig *const *) a;
	const RewardConfig *right = *(RewardConfig *const *) b;

	if (left->priority != right->priority)
		return left->priority > right->priority ? -1 : 1;
	if (dearest(left) != dearest(right))
		return dearest(left) > dearest(right) ? -1 : 1;
	return strcmp(left->name, right->name);
}

/* see catalogue.h */
Catalogue *
catalogue_get(Program *program)
{
	Catalogue  *catalogue;
	RightsSave	rights;
	MemoryContext old;
	uint64		n;
	uint64		i;

	if (program->catalogue)
		return program->catalogue;
	old = MemoryContextSwitchTo(program->context);
	catalogue = palloc0(sizeof(Catalogue));
	rights_enter(program->ref.owner, SECURITY_NOFORCE_RLS, &rights);
	PushActiveSnapshot(GetLatestSnapshot());
	SPI_connect();
	load_sets(program, catalogue);
	config_query(&program->ref,
				 "SELECT name, r.reward_no, s.change_no, enabled, stock IS NOT NULL AS limited, max_per_member,"
				 " cap_period, choice_set, tiers, hold_for, priority,"
				 " auto_redeem, max_auto, pool, code_valid, pin,"
				 " (condition IS NOT NULL OR early_access IS NOT NULL) AS needs_pin,"
				 " CASE WHEN pg_catalog.lower_inf(valid) THEN NULL"
				 "  WHEN pg_catalog.lower_inc(valid) THEN pg_catalog.lower(valid)"
				 "  ELSE pg_catalog.lower(valid) OPERATOR(pg_catalog.+)"
				 "   pg_catalog.make_interval(secs => 0.000001) END AS valid_from,"
				 " CASE WHEN pg_catalog.upper_inf(valid) THEN NULL"
				 "  WHEN NOT pg_catalog.upper_inc(valid) THEN pg_catalog.upper(valid)"
				 "  ELSE pg_catalog.upper(valid) OPERATOR(pg_catalog.+)"
				 "   pg_catalog.make_interval(secs => 0.000001) END AS valid_until"
				 " FROM %s.reward AS r LEFT JOIN %s.reward_sweep AS s"
				 "  ON s.reward_no OPERATOR(pg_catalog.=) r.reward_no"
				 " ORDER BY name COLLATE pg_catalog.\"C\"", 0, 0, 0);
	n = SPI_processed;
	MemoryContextSwitchTo(program->context);
	catalogue->rewards = palloc0(sizeof(RewardConfig) * Max(1, n));
	catalogue->automatic = palloc(sizeof(RewardConfig *) * Max(1, n));
	for (i = 0; i < n; i++)
	{
		ConfigRow	row = config_row(i);

		load_reward(program, catalogue, &row, &catalogue->rewards[catalogue->nrewards++]);
	}
	load_prices(program, catalogue);
	for (i = 0; i < n; i++)
	{
		if (catalogue->rewards[i].automatic && catalogue->rewards[i].enabled)
			catalogue->automatic[catalogue->nautomatic++] = &catalogue->rewards[i];
	}
	qsort(catalogue->automatic, catalogue->nautomatic, sizeof(RewardConfig *),
		  automatic_order);
	SPI_finish();
	PopActiveSnapshot();
	rights_leave(&rights);
	MemoryContextSwitchTo(old);
	program->catalogue = catalogue;
	return catalogue;
}

/* see catalogue.h */
bool
catalogue_has_automatic(Program *program)
{
	RightsSave	rights;
	ConfigTable *table;
	ConfigRow	row;

	if (program->catalogue)
		return program->catalogue->nautomatic > 0;
	if (program->automatic_known)
		return program->automatic;
	rights_enter(program->ref.owner, SECURITY_NOFORCE_RLS, &rights);
	PushActiveSnapshot(config_snapshot());
	table = config_table_open(&program->ref, "reward");
	while (!program->automatic && config_table_next(table, &row))
		program->automatic = config_bool(&row, "auto_redeem") && config_bool(&row, "enabled");
	config_table_close(table);
	PopActiveSnapshot();
	rights_leave(&rights);
	program->automatic_known = true;
	return program->automatic;
}

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
