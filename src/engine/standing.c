/*-------------------------------------------------------------------------
 *
 * standing.c
 *	  Where members stand now, and what is to come: the view standing.
 *
 * The view runs this with the rights of whoever reads it, and in parallel
 * workers.  So it reads no table: the view brings what there is to know, the
 * groups of tiers as JSON, which is read once for all rows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/tiers.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "engine/amount.h"
#include "types/lots.h"
#include "types/numbers.h"
#include "types/zone.h"

#define STANDING_COLUMNS 11

/* -------- the groups -------- */

/* what a call remembers for the next */
typedef struct Cache
{
	MemoryContext context;
	Jsonb	   *groups;
	Jsonb	   *tiers;
	TierConfig *config;
} Cache;

/* A member of a JSON object, NULL if it is null or absent. */
static JsonbValue *
json_get(JsonbContainer *object, const char *name, JsonbValue *buffer)
{
	JsonbValue *value = getKeyJsonValueFromContainer(object, name, strlen(name), buffer);

	return value && value->type != jbvNull ? value : NULL;
}

/* The same as text; an error if it is none. */
static char *
json_text(JsonbContainer *object, const char *name)
{
	JsonbValue	buffer;
	JsonbValue *value = json_get(object, name, &buffer);

	if (value == NULL || value->type != jbvString)
		elog(ERROR, "a version of tiers has no \"%s\"", name);
	return pnstrdup(value->val.string.val, value->val.string.len);
}

/* The same as a whole number; none: 0. */
static int32
json_int(JsonbContainer *object, const char *name)
{
	JsonbValue	buffer;
	JsonbValue *value = json_get(object, name, &buffer);

	if (value == NULL)
		return 0;
	if (value->type != jbvNumeric)
		elog(ERROR, "\"%s\" of a version of tiers is no number", name);
	return DatumGetInt32(DirectFunctionCall1(numeric_int4, NumericGetDatum(value->val.numeric)));
}

/* The same as points; none: no limit. */
static Points
json_points(JsonbContainer *object, const char *name)
{
	JsonbValue	buffer;
	JsonbValue *value = json_get(object, name, &buffer);

	if (value == NULL || value->type != jbvNumeric)
		return PG_INT64_MAX;
	return amount_to_points(amount_from_numeric(NumericGetDatum(value->val.numeric), name));
}

/* The same as a truth value. */
static bool
json_bool(JsonbContainer *object, const char *name)
{
	JsonbValue	buffer;
	JsonbValue *value = json_get(object, name, &buffer);

	return value && value->type == jbvBool && value->val.boolean;
}

/* The same as a period. */
static Period
json_period(JsonbContainer *object, const char *name)
{
	char	   *text = json_text(object, name);
	Period		period;

	if (period_parse(text, strlen(text), &period) != CORE_OK)
		elog(ERROR, "\"%s\" is no period", text);
	return period;
}

/* What a tier asks for: two arrays. */
static void
json_needs(JsonbContainer *object, TierConfig *config, TierStep *step)
{
	JsonbValue	units_buffer;
	JsonbValue	thresholds_buffer;
	JsonbValue *units = json_get(object, "units", &units_buffer);
	JsonbValue *thresholds = json_get(object, "thresholds", &thresholds_buffer);
	TierNeed   *needs;
	int			i;

	if (units == NULL || thresholds == NULL || units->type != jbvBinary ||
		thresholds->type != jbvBinary)
		return;
	step->nneeds = JsonContainerSize(units->val.binary.data);
	step->needs = needs = palloc(sizeof(TierNeed) * Max(1, step->nneeds));
	for (i = 0; i < step->nneeds; i++)
	{
		JsonbValue *unit = getIthJsonbValueFromContainer(units->val.binary.data, i);
		JsonbValue *threshold = getIthJsonbValueFromContainer(thresholds->val.binary.data, i);

		needs[i].slot =
			tiers_make_slot(config, DatumGetInt32(DirectFunctionCall1(numeric_int4,
																	  NumericGetDatum(unit->val.numeric))));
		needs[i].threshold =
			amount_to_points(amount_from_numeric(NumericGetDatum(threshold->val.numeric),
												 "threshold"));
	}
}

/* see tiers.h */
TierConfig *
tiers_from_json(Jsonb *groups, Jsonb *tiers)
{
	TierReader *reader = tier_reader_begin(JB_ROOT_COUNT(groups), JB_ROOT_COUNT(tiers));
	int			i;

	for (i = 0; i < JB_ROOT_COUNT(groups); i++)
	{
		JsonbContainer *row = getIthJsonbValueFromContainer(&groups->root, i)->val.binary.data;
		TierLadder	ladder = {0};

		ladder.since =
			DatumGetTimestampTz(DirectFunctionCall3(timestamptz_in,
													CStringGetDatum(json_text(row, "since")),
													ObjectIdGetDatum(InvalidOid),
													Int32GetDatum(-1)));
		ladder.unit_no = json_int(row, "unit_no");
		ladder.one_level = strcmp(json_text(row, "downgrade"), "one_level") == 0;
		ladder.keep = json_period(row, "keep");
		ladder.keep_renewed = json_period(row, "keep_renewed");
		ladder.carries = strcmp(json_text(row, "rollover"), "excess") == 0;
		ladder.carry_max = json_points(row, "rollover_max");
		ladder.window = json_period(row, "rollover_window");
		tier_reader_group(reader, json_int(row, "group_no"), json_int(row, "config_version"),
						  json_text(row, "name"), json_bool(row, "deleted"), json_bool(row, "top_up"),
						  &ladder);
	}
	for (i = 0; i < JB_ROOT_COUNT(tiers); i++)
	{
		JsonbContainer *row = getIthJsonbValueFromContainer(&tiers->root, i)->val.binary.data;
		TierStep	step = {0};

		step.tier_no = json_int(row, "tier_no");
		step.rank = json_int(row, "rank");
		step.any = strcmp(json_text(row, "qualify"), "any") == 0;
		step.closed = json_bool(row, "closed");
		step.life_years = json_int(row, "life_years");
		json_needs(row, reader->config, &step);
		tier_reader_tier(reader, json_int(row, "group_no"), json_int(row, "config_version"),
						 json_text(row, "name"), &step);
	}
	return tier_reader_end(reader);
}

/* The groups of the arguments, read anew only if they are others. */
static TierConfig *
cached_config(FunctionCallInfo fcinfo, Jsonb *groups, Jsonb *tiers)
{
	Cache	   *cache = (Cache *) fcinfo->flinfo->fn_extra;
	MemoryContext old;

	if (cache && VARSIZE(cache->groups) == VARSIZE(groups) &&
		VARSIZE(cache->tiers) == VARSIZE(tiers) &&
		memcmp(cache->groups, groups, VARSIZE(groups)) == 0 &&
		memcmp(cache->tiers, tiers, VARSIZE(tiers)) == 0)
		return cache->config;
	if (cache == NULL)
	{
		cache = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(Cache));
		cache->context = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "loyalty standing",
											   ALLOCSET_SMALL_SIZES);
		fcinfo->flinfo->fn_extra = cache;
	}
	MemoryContextReset(cache->context);
	old = MemoryContextSwitchTo(cache->context);
	cache->groups = (Jsonb *) PG_DETOAST_DATUM_COPY(PointerGetDatum(groups));
	cache->tiers = (Jsonb *) PG_DETOAST_DATUM_COPY(PointerGetDatum(tiers));
	cache->config = tiers_from_json(cache->groups, cache->tiers);
	MemoryContextSwitchTo(old);
	return cache->config;
}

/* -------- one member -------- */

/* Points that are missing to a threshold. */
static Datum
missing(CoreInt128 threshold, CoreInt128 balance)
{
	CoreInt128	points = threshold > balance ? threshold - balance : 0;

	return NumericGetDatum(points_to_numeric((Points) points));
}

/* What a tier asks for in the group's own unit, else in its first. */
static const TierNeed *
main_need(const TierConfig *config, const TierLadder *ladder, const TierStep *step)
{
	int			i;

	for (i = 0; step && i < step->nneeds; i++)
	{
		if (ladder->unit_no == config->units[step->needs[i].slot])
			return &step->needs[i];
	}
	return step && step->nneeds > 0 ? &step->needs[0] : NULL;
}

/* Fills one row for a group; the walk stands at the present, and goes on. */
static void
fill_standing(AccountState *account, int group, Datum *values, bool *isnull)
{
	AccountTiers *tiers = account->tiers;
	TierWalk   *walk = &tiers->walk;
	TierConfig *config = tiers->config;
	TierState	state = walk->states[group];
	const TierLadder *ladder = tier_ladder(&config->groups[group], walk->at);
	const TierStep *held = tier_step(ladder, state.tier_no);
	const TierStep *next = NULL;
	const TierNeed *need;
	bool		follows = state.tier_no != 0 && state.until <= walk->at;
	Instant		end = state.until;
	int			i;

	memset(isnull, true, sizeof(bool) * STANDING_COLUMNS);
	values[0] = CStringGetTextDatum(config->group_names[group]);
	isnull[0] = false;
	for (i = 0; ladder && i < ladder->nsteps && next == NULL; i++)
	{
		if (!ladder->steps[i].closed && ladder->steps[i].nneeds > 0 &&
			(held ? ladder->steps[i].rank > held->rank : state.tier_no == 0))
			next = &ladder->steps[i];
	}
	need = main_need(config, ladder, next);
	if (need)
	{
		values[4] = CStringGetTextDatum(tiers_name(config, next->tier_no));
		values[5] = missing(need->threshold, walk->balances[need->slot]);
		isnull[4] = isnull[5] = false;
	}
	if (state.tier_no == 0)
		return;
	values[1] = CStringGetTextDatum(tiers_name(config, state.tier_no));
	values[2] = TimestampTzGetDatum(state.since);
	isnull[1] = isnull[2] = false;
	need = main_need(config, ladder, held);
	if (!follows && need && !held->closed && end != INSTANT_NEVER)
	{
		/* what will be carried over until then counts, too */
		if (config->carries)
			core_check(tier_walk(walk, end - 1));

		values[6] = missing(need->threshold, tier_judged_balance(walk, group, need->slot));
		isnull[6] = false;
	}

	/* no longer than the balance: until it falls */
	if (follows)
	{
		while (walk->states[group].tier_no == state.tier_no &&
			   walk->states[group].until == state.until &&
			   (end = tier_next_due(walk)) != INSTANT_NEVER)
			core_check(tier_walk(walk, end));
		if (walk->states[group].tier_no == state.tier_no)
			end = INSTANT_NEVER;
	}
	else if (end != INSTANT_NEVER)
		core_check(tier_walk(walk, end));
	values[3] = TimestampTzGetDatum(end);
	isnull[3] = false;
	if (walk->states[group].tier_no != 0)
	{
		values[7] = CStringGetTextDatum(tiers_name(config, walk->states[group].tier_no));
		isnull[7] = false;
	}
	values[8] = BoolGetDatum(state.given != 0 && state.given_until > account->now);
	values[9] = TimestampTzGetDatum(state.counted_at);
	values[10] = BoolGetDatum(state.life == state.tier_no ||
							  (state.given == state.tier_no &&
							   state.given_until == INSTANT_NEVER));
	isnull[8] = isnull[9] = isnull[10] = false;
}

/* Makes room for more lots; never needed, for nothing is booked. */
static void
grow_lots(Account *account, int capacity)
{
	account->pieces = repalloc_huge(account->pieces, sizeof(LotPiece) * capacity);
	account->capacity = capacity;
}

/*
 * standing_1(groups, tiers, stored, lots, last_at, joined_at, zone, at): one row
 * for each group: tier_group, tier, since, until, next_tier, points_to_next,
 * points_to_keep, projected, given, stay_since,
 * for_life.
 */
LOYALTY_FUNCTION(loyalty_standing);
Datum
loyalty_standing(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Program		program;
	AccountState account;
	Lots		lots;
	pg_tz	   *tz;
	int			g;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return (Datum) 0;
	memset(&program, 0, sizeof(program));
	memset(&account, 0, sizeof(account));
	program.tiers = cached_config(fcinfo, PG_GETARG_JSONB_P(0), PG_GETARG_JSONB_P(1));
	lots = PG_GETARG_LOTS_P(3);
	account.core.pieces = LOTS_PIECES(lots);
	account.core.npieces = LOTS_COUNT(lots);
	account.core.grow = grow_lots;
	account.last_at = PG_GETARG_TIMESTAMPTZ(4);
	account.joined_at = PG_GETARG_TIMESTAMPTZ(5);
	tz = zone_lookup(text_to_cstring(PG_GETARG_TEXT_PP(6)));
	if (tz == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a member's time zone does not exist")));
	account.zone = zone_for_tz(tz);
	account.now = PG_GETARG_TIMESTAMPTZ(7);
	for (g = 0; g < program.tiers->ngroups; g++)
	{
		Datum		values[STANDING_COLUMNS];
		bool		isnull[STANDING_COLUMNS];

		if (program.tiers->group_deleted[g])
			continue;
		tiers_attach(&program, &account, PG_ARGISNULL(2) ? (Datum) 0 : PG_GETARG_DATUM(2),
					 PG_ARGISNULL(2));
		tiers_walk(&account, account.now);
		tiers_know_lots(&account);
		fill_standing(&account, g, values, isnull);
		tuplestore_putvalues(result->setResult, result->setDesc, values, isnull);
	}
	return (Datum) 0;
}
