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

#include "access/detoast.h"
#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"
#include "pgtime.h"

#include "engine/amount.h"
#include "engine/pages.h"
#include "types/lots.h"
#include "types/numbers.h"
#include "types/zone.h"

#define STANDING_COLUMNS 11

/* -------- the groups -------- */

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

/* The groups and tiers of all versions, as JSON has them. */
static TierConfig *
config_from_json(Jsonb *groups, Jsonb *tiers)
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
		ladder.zone = tiers_zone(json_text(row, "time_zone"));
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

/* what was read of JSON, to be read once for all rows and statements */
typedef struct ReadConfig
{
	MemoryContext context;		/* NULL: empty */
	struct varlena *stored;		/* JSON as it came, compressed or not */
	TierConfig *config;
} ReadConfig;

#define READ_CONFIGS 4

static ReadConfig read_configs[READ_CONFIGS];

/* see tiers.h */
TierConfig *
tiers_from_view(Datum json)
{
	static int	next = 0;
	struct varlena *stored = (struct varlena *) DatumGetPointer(json);
	ReadConfig *read = NULL;
	MemoryContext context;
	MemoryContext old;
	Jsonb	   *parts;
	int			i;

	if (VARATT_IS_EXTERNAL(stored))
		stored = detoast_external_attr(stored);
	for (i = 0; i < READ_CONFIGS; i++)
	{
		read = &read_configs[i];
		if (read->context && VARSIZE_ANY(read->stored) == VARSIZE_ANY(stored) &&
			memcmp(read->stored, stored, VARSIZE_ANY(stored)) == 0)
			return read->config;
	}
	read = &read_configs[next++ % READ_CONFIGS];
	if (read->context)
	{
		MemoryContextDelete(read->context);
		read->context = NULL;
	}
	context = AllocSetContextCreate(CurrentMemoryContext, "loyalty standing",
									ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	read->stored = palloc(VARSIZE_ANY(stored));
	memcpy(read->stored, stored, VARSIZE_ANY(stored));
	parts = DatumGetJsonbPCopy(PointerGetDatum(read->stored));
	read->config =
		config_from_json(JsonbValueToJsonb(getIthJsonbValueFromContainer(&parts->root, 0)),
						 JsonbValueToJsonb(getIthJsonbValueFromContainer(&parts->root, 1)));
	MemoryContextSwitchTo(old);
	MemoryContextSetParent(context, CacheMemoryContext);
	read->context = context;
	return read->config;
}

/* -------- one member -------- */

/* Points that are missing to a threshold. */
static Datum
missing(CoreInt128 threshold, CoreInt128 balance)
{
	CoreInt128	points = threshold > balance ? threshold - balance : 0;

	return NumericGetDatum(points_to_numeric((Points) points));
}

/* A tier's name. */
static Datum
tier_text(const TierConfig *config, int32 tier_no)
{
	int			i;

	for (i = 0; i < config->ntiers && config->tier_nos[i] != tier_no;)
		i++;
	return PointerGetDatum(config->tier_texts[i]);
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

/* a row of the result */
typedef struct Standing
{
	Datum		values[STANDING_COLUMNS];
	bool		isnull[STANDING_COLUMNS];
	TierState	state;
	bool		follows;		/* no longer than the balance */
	Instant		end;			/* of the stay */
	bool		done;			/* what follows is known */
} Standing;

/* Sets a column. */
static inline void
set_column(Standing *row, int column, Datum value)
{
	row->values[column] = value;
	row->isnull[column] = false;
}

/*
 * Whether a stay may be another by its end, without anything more: by points
 * that begin, end to be lacking or are carried over, or by years.
 */
static bool
may_change(const TierWalk *walk, const TierConfig *config)
{
	int			i;

	for (i = 0; i < walk->ndue && walk->due[i].expiry && walk->due[i].points >= 0;)
		i++;
	return config->carries || walk->ntenures > 0 || i < walk->ndue;
}

/*
 * What is known of a group at present; the walk stands there.  changes: what is
 * needed to keep the tier is seen only at the end of the stay.
 */
static void
fill_present(AccountState *account, int group, Standing *row, bool changes)
{
	AccountTiers *tiers = account->tiers;
	TierWalk   *walk = &tiers->walk;
	TierConfig *config = tiers->config;
	const TierState *state = &walk->states[group];
	const TierLadder *ladder = tier_ladder(&config->groups[group], walk->at);
	const TierStep *held = tier_step(ladder, state->tier_no);
	const TierStep *next = NULL;
	const TierNeed *need;
	int			i;

	memset(row->isnull, true, sizeof(row->isnull));
	row->state = *state;
	row->follows = state->tier_no != 0 && state->until <= walk->at;
	row->end = state->until;
	row->done = state->tier_no == 0 || (!row->follows && row->end == INSTANT_NEVER);
	set_column(row, 0, PointerGetDatum(config->group_texts[group]));
	for (i = 0; ladder && i < ladder->nsteps && next == NULL; i++)
	{
		if (!ladder->steps[i].closed && ladder->steps[i].nneeds > 0 &&
			(held ? ladder->steps[i].rank > held->rank : state->tier_no == 0))
			next = &ladder->steps[i];
	}
	need = main_need(config, ladder, next);
	if (need)
	{
		set_column(row, 4, tier_text(config, next->tier_no));
		set_column(row, 5, missing(need->threshold, walk->balances[need->slot]));
	}
	if (state->tier_no == 0)
		return;
	set_column(row, 1, tier_text(config, state->tier_no));
	set_column(row, 2, TimestampTzGetDatum(state->since));
	need = main_need(config, ladder, held);
	if (!row->follows && need && !held->closed && row->end != INSTANT_NEVER && !changes)
		set_column(row, 6, missing(need->threshold,
								   tier_judged_balance(walk, group, need->slot)));
	if (row->done)
	{
		set_column(row, 3, TimestampTzGetDatum(row->end));
		set_column(row, 7, row->values[1]);
	}
	set_column(row, 8, BoolGetDatum(state->given != 0 && state->given_until > account->now));
	set_column(row, 9, TimestampTzGetDatum(state->counted_at + (state->renewed != 0)));
	set_column(row, 10, BoolGetDatum(state->life == state->tier_no ||
									 (state->given == state->tier_no &&
									  state->given_until == INSTANT_NEVER)));
}

/* The end of what is held, which the walk has reached, and what follows. */
static void
fill_end(AccountTiers *tiers, int group, Standing *row, Instant end)
{
	int32		tier_no = tiers->walk.states[group].tier_no;

	set_column(row, 3, TimestampTzGetDatum(end));
	if (tier_no != 0)
		set_column(row, 7, tier_text(tiers->config, tier_no));
	row->done = true;
}

/*
 * What is still needed to keep a tier at the end of its stay; the walk stands
 * just before it.  Nothing, if the tier has been reached again, or a higher one.
 */
static void
fill_needed(AccountTiers *tiers, int group, Standing *row)
{
	TierWalk   *walk = &tiers->walk;
	const TierLadder *ladder = tier_ladder(&walk->groups[group], walk->at);
	const TierStep *held = tier_step(ladder, row->state.tier_no);
	const TierNeed *need = main_need(tiers->config, ladder, held);
	const TierState *state = &walk->states[group];

	if (need == NULL || held->closed)
		return;
	set_column(row, 6, missing(need->threshold,
							   state->tier_no == row->state.tier_no && state->until == row->end ?
							   tier_judged_balance(walk, group, need->slot) : need->threshold));
}

/* The next instant at which a tier that is kept no longer than the balance may end. */
static Instant
next_chance(const TierWalk *walk, int group)
{
	const TierState *state = &walk->states[group];
	Instant		next = walk->ndue > 0 ? walk->due[0].at : INSTANT_NEVER;
	int			i;

	if (state->given != 0 && state->given_until > walk->at)
		next = Min(next, state->given_until);
	for (i = 0; i < walk->ntenures; i++)
	{
		if (walk->tenures[i].group == group)
			next = Min(next, tier_tenure_due(walk, i));
	}
	return next;
}

/* Walks on until it is known of all groups what follows. */
static void
fill_future(AccountTiers *tiers, Standing *rows, bool changes)
{
	TierWalk   *walk = &tiers->walk;
	int			ngroups = walk->ngroups;

	for (;;)
	{
		Instant		next = INSTANT_NEVER;
		Instant		since = walk->at;
		int			ndone = 0;
		int			nleft = 0;
		int			g;

		CHECK_FOR_INTERRUPTS();
		for (g = 0; g < ngroups; g++)
		{
			if (rows[g].done)
				continue;
			nleft++;
			if (changes && !rows[g].follows && walk->at == rows[g].end - 1)
				fill_needed(tiers, g, &rows[g]);
			if (rows[g].follows)
				next = Min(next, next_chance(walk, g));
			else
				next = Min(next, changes && walk->at < rows[g].end - 1 ?
						   rows[g].end - 1 : rows[g].end);
		}
		if (nleft == 0)
			return;
		if (next != INSTANT_NEVER)
			core_check(tier_walk(walk, next));
		for (g = 0; g < ngroups; g++)
		{
			const TierState *state = &walk->states[g];
			Standing   *row = &rows[g];

			if (row->done)
				continue;
			if (!row->follows)
			{
				if (walk->at >= row->end)
					fill_end(tiers, g, row, row->end);
			}
			else if (state->tier_no != row->state.tier_no)
				fill_end(tiers, g, row, walk->at);
			else if (state->until == INSTANT_NEVER || next_chance(walk, g) == INSTANT_NEVER)
				fill_end(tiers, g, row, INSTANT_NEVER);
			else if (state->until > walk->at)	/* a stay with an end follows */
				fill_end(tiers, g, row, walk->at);
		}

		/* what the row says cannot be: a stay would end before it began */
		for (g = 0; g < ngroups; g++)
			ndone += rows[g].done;
		if (walk->at == since && ngroups - ndone == nleft)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("the tiers of an account are malformed")));
	}
}

/* Makes room for more lots; never needed, for nothing is booked. */
static void
grow_lots(Account *account, int capacity)
{
	account->pieces = repalloc_huge(account->pieces, sizeof(LotPiece) * capacity);
	account->capacity = capacity;
}

/*
 * Takes the lots of an account's row, and those of its pages in which some begin
 * or end yet; what the other pages hold is in their summary.
 */
static void
take_pages(AccountState *account, Datum summary, Lots lots)
{
	const LotPiece *own = account->core.pieces;
	int			nown = account->core.npieces;
	PageId		id = {0};

	pages_attach(account, summary);
	account->paged->summary.next_due = INSTANT_NEVER;
	if (lots == NULL)
		return;
	pages_take(account, id, LOTS_PIECES(lots), LOTS_COUNT(lots), account->last_at + 1);
	account->core.pieces = palloc(sizeof(LotPiece) * (nown + LOTS_COUNT(lots)));
	core_check(lots_add(own, nown, LOTS_PIECES(lots), LOTS_COUNT(lots), account->core.pieces,
						&account->core.npieces));
}

/* The zone of a name; that of the last call is remembered. */
static Zone
zone_of(text *name)
{
	static char last_name[TZ_STRLEN_MAX + 1];
	static pg_tz *last_zone = NULL;
	int			length = VARSIZE_ANY_EXHDR(name);

	if (last_zone == NULL || length > TZ_STRLEN_MAX || last_name[length] != '\0' ||
		memcmp(last_name, VARDATA_ANY(name), length) != 0)
	{
		char	   *text = text_to_cstring(name);
		pg_tz	   *zone = zone_lookup(text);

		if (zone == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("a member's time zone does not exist")));
		last_zone = zone;
		strlcpy(last_name, text, sizeof(last_name));
	}
	return zone_for_tz(last_zone);
}

/* What the view brings of the program: its now, and its tiers; NULL: there are none. */
static TierConfig *
read_program(HeapTupleHeader row, TimestampTz *now)
{
	TupleDesc	desc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(row),
											  HeapTupleHeaderGetTypMod(row));
	HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(row), .t_data = row};
	Datum		values[2];
	bool		isnull[2];

	if (desc->natts != lengthof(values) || TupleDescAttr(desc, 0)->atttypid != TIMESTAMPTZOID ||
		TupleDescAttr(desc, 1)->atttypid != JSONBOID)
		elog(ERROR, "a program is described by an instant and its tiers");
	heap_deform_tuple(&tuple, desc, values, isnull);
	ReleaseTupleDesc(desc);
	*now = isnull[0] ? GetCurrentTimestamp() : DatumGetTimestampTz(values[0]);
	return isnull[1] ? NULL : tiers_from_view(values[1]);
}

/*
 * standing_1(now_and_tiers, stored, lots, last_at, joined_at, zone, paged,
 * page_lots): one row for each group (zone NULL: the program's; page_lots: those
 * of pages in which some begin or end yet): tier_group, tier, since, until,
 * next_tier, points_to_next, points_to_keep, projected, given, stay_since,
 * for_life.
 */
LOYALTY_FUNCTION(loyalty_standing);
Datum
loyalty_standing(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	AccountState account;
	TierConfig *config;
	Standing   *rows;
	Lots		lots;
	bool		changes;
	int			g;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	memset(&account, 0, sizeof(account));
	config = PG_ARGISNULL(0) ? NULL : read_program(PG_GETARG_HEAPTUPLEHEADER(0), &account.now);
	if (config == NULL)
		return (Datum) 0;
	lots = PG_GETARG_LOTS_P(2);
	account.core.pieces = LOTS_PIECES(lots);
	account.core.npieces = LOTS_COUNT(lots);
	account.core.grow = grow_lots;
	account.last_at = PG_GETARG_TIMESTAMPTZ(3);
	account.joined_at = PG_GETARG_TIMESTAMPTZ(4);
	account.now = Max(account.now, account.last_at);
	if (!PG_ARGISNULL(5))
	{
		account.zone = zone_of(PG_GETARG_TEXT_PP(5));
		account.zone_name = VARDATA_ANY(PG_GETARG_TEXT_PP(5));
	}
	if (!PG_ARGISNULL(6))
		take_pages(&account, PG_GETARG_DATUM(6), PG_ARGISNULL(7) ? NULL : PG_GETARG_LOTS_P(7));
	rows = palloc(sizeof(Standing) * Max(1, config->ngroups));
	tiers_attach(config, &account, PG_ARGISNULL(1) ? (Datum) 0 : PG_GETARG_DATUM(1),
				 PG_ARGISNULL(1));
	tiers_foresee(&account, INSTANT_NEVER);
	tiers_walk(&account, account.now);
	tiers_know_lots(&account);
	changes = may_change(&account.tiers->walk, config);
	for (g = 0; g < config->ngroups; g++)
	{
		if (config->group_deleted[g])
			rows[g].done = true;
		else
			fill_present(&account, g, &rows[g], changes);
	}
	fill_future(account.tiers, rows, changes);
	for (g = 0; g < config->ngroups; g++)
	{
		if (!config->group_deleted[g])
			tuplestore_putvalues(result->setResult, result->setDesc, rows[g].values,
								 rows[g].isnull);
	}
	return (Datum) 0;
}
