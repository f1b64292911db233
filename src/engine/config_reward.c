/*-------------------------------------------------------------------------
 *
 * config_reward.c
 *	  Rewards, their prices and choice sets: what may be written.
 *
 * Unlike rules, rewards have no versions: a redemption holds what it cost, and
 * nothing judges it again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/rangetypes.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "engine/catalogue.h"
#include "engine/config.h"
#include "engine/pin.h"
#include "types/numbers.h"

static void check_reward(const ConfigTrigger *trigger);
static void check_kind(const ConfigTuple *reward);
static void check_offer(const ConfigTuple *reward);
static void check_names(const ConfigTrigger *trigger);
static void check_money(const ConfigTuple *row, const char *column, bool positive,
						const char *what);
static void check_price(const ProgramRef *ref, const ConfigTuple *price);
static bool is_calendar_span(const char *text);
static bool exists(const ProgramRef *ref, const char *table, const char *name);
static void set_pin(const ConfigTrigger *trigger, Oid writer);
static void drop_pin(const ProgramRef *ref, const ConfigTuple *reward);

static const char span_hint[] = "Use \"day\", \"week\", \"month\", \"quarter\", \"year\" or \"ever\".";


/*
 * Before a reward is written: whether it may stand, and that what was redeemed
 * stays known.
 */
LOYALTY_FUNCTION(loyalty_reward_check);
Datum
loyalty_reward_check(PG_FUNCTION_ARGS)
{
	ConfigTrigger trigger;
	HeapTuple	result;

	config_trigger_begin(fcinfo, "reward", CONFIG_BEFORE_ROW, &trigger);
	result = trigger.new.tuple ? trigger.new.tuple : trigger.old.tuple;
	if (config_internal == 0)
	{
		config_lock(&trigger.ref);
		if (trigger.new.tuple != NULL)
		{
			if (trigger.old.tuple != NULL)
				config_require_same(&trigger, "reward_no");
			if (trigger.old.tuple != NULL ? tuple_differs(&trigger.old, &trigger.new, "pin") :
				!tuple_isnull(&trigger.new, "pin"))
				ereport(ERROR,
						(errcode(ERRCODE_GENERATED_ALWAYS),
						 errmsg("the pin of a reward is written by the program"),
						 errhint("Leave out column \"pin\".")));
			check_reward(&trigger);
			sweep_before_reward(&trigger);
		}
		else
		{
			Oid			types[1] = {INT4OID};
			Datum		values[1];

			values[0] = Int32GetDatum(tuple_int(&trigger.old, "reward_no"));

			/* either we wait for who redeems it, or he finds it gone */
			config_execute(&trigger.ref,
						   "LOCK TABLE @.redemption IN SHARE ROW EXCLUSIVE MODE",
						   0, NULL, NULL, NULL);
			if (config_look(&trigger.ref,
							"SELECT FROM @.redemption"
							" WHERE reward_no OPERATOR(pg_catalog.=) $1 LIMIT 1",
							1, types, values) > 0)
				ereport(ERROR,
						(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
						 errmsg("reward \"%s\" cannot be deleted: it has been redeemed",
								tuple_text(&trigger.old, "name")),
						 errhint("Set enabled = false.")));
		}
	}
	config_trigger_end(&trigger);

	return PointerGetDatum(result);
}

/*
 * After it was written: its pin and its stock.
 */
LOYALTY_FUNCTION(loyalty_reward_changed);
Datum
loyalty_reward_changed(PG_FUNCTION_ARGS)
{
	ConfigTrigger trigger;
	Oid			writer = GetUserId();

	config_trigger_begin(fcinfo, "reward", CONFIG_AFTER_ROW, &trigger);
	if (config_internal == 0)
	{
		if (trigger.new.tuple == NULL)
		{
			Oid			types[1] = {INT4OID};
			Datum		values[1];

			values[0] = Int32GetDatum(tuple_int(&trigger.old, "reward_no"));
			config_execute(&trigger.ref, "SELECT FROM @.reward_stock"
						   " WHERE reward_no OPERATOR(pg_catalog.=) $1 ORDER BY slot FOR UPDATE",
						   1, types, values, NULL);
			config_execute(&trigger.ref, "DELETE FROM @.reward_stock"
						   " WHERE reward_no OPERATOR(pg_catalog.=) $1",
						   1, types, values, NULL);
			sweep_after_reward(&trigger);
			drop_pin(&trigger.ref, &trigger.old);
		}
		else
		{
			sweep_after_reward(&trigger);
			stock_set(&trigger);
			if (tuple_differs(&trigger.old, &trigger.new, "condition") ||
				tuple_differs(&trigger.old, &trigger.new, "early_access"))
				set_pin(&trigger, writer);
		}
	}
	config_trigger_end(&trigger);

	return PointerGetDatum(NULL);
}

/*
 * Before a price is written.
 */
LOYALTY_FUNCTION(loyalty_reward_price_check);
Datum
loyalty_reward_price_check(PG_FUNCTION_ARGS)
{
	ConfigTrigger trigger;
	HeapTuple	result;

	config_trigger_begin(fcinfo, "reward_price", CONFIG_BEFORE_ROW, &trigger);
	config_lock(&trigger.ref);
	result = trigger.new.tuple ? trigger.new.tuple : trigger.old.tuple;
	if (trigger.new.tuple != NULL)
	{
		const ConfigTuple *price = &trigger.new;
		char	   *reward = tuple_text(price, "reward");
		char	   *unit_name = tuple_text(price, "unit");
		char	   *name = tuple_text(price, "name");
		Datum		money;
		bool		isnull;

		if (reward && tuple_differs(&trigger.old, price, "reward") &&
			!exists(&trigger.ref, "reward", reward))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("there is no reward \"%s\"", reward),
					 errhint("Insert it into table \"reward\" first.")));
		if (unit_name && name && reward)
			check_price(&trigger.ref, price);
		config_check_tiers(&trigger.ref, price,
						   psprintf("price \"%s\" of reward \"%s\"", name, reward),
						   tuple_differs(&trigger.old, price, "tiers"));
		check_money(price, "money", true,
					psprintf("money of price \"%s\" of reward \"%s\"", name, reward));
		money = tuple_get(price, "money", &isnull);
		if (!isnull)
			config_check_money(&trigger.ref, money,
							   psprintf("money of price \"%s\" of reward \"%s\"", name, reward));
	}
	config_trigger_end(&trigger);

	return PointerGetDatum(result);
}

/*
 * Before a choice set is written.
 */
LOYALTY_FUNCTION(loyalty_choice_set_check);
Datum
loyalty_choice_set_check(PG_FUNCTION_ARGS)
{
	ConfigTrigger trigger;
	HeapTuple	result;

	config_trigger_begin(fcinfo, "choice_set", CONFIG_BEFORE_ROW, &trigger);
	config_lock(&trigger.ref);
	result = trigger.new.tuple ? trigger.new.tuple : trigger.old.tuple;
	if (trigger.new.tuple != NULL)
	{
		char	   *name = tuple_text(&trigger.new, "name");
		char	   *span = tuple_text(&trigger.new, "cap_period");

		if (!tuple_isnull(&trigger.new, "choose") && tuple_int(&trigger.new, "choose") < 1)
			ereport(ERROR,
					(errcode(ERRCODE_CHECK_VIOLATION),
					 errmsg("members must be able to choose from choice set \"%s\"", name),
					 errhint("Set choose to 1 for one of several, or to more.")));
		if (span && !is_calendar_span(span))
			ereport(ERROR,
					(errcode(ERRCODE_CHECK_VIOLATION),
					 errmsg("cap_period of choice set \"%s\" cannot be \"%s\"", name, span),
					 errhint("%s", span_hint)));
	}
	config_trigger_end(&trigger);

	return PointerGetDatum(result);
}

/* -------- rewards -------- */

/*
 * The reward by itself, and what it names.
 */
static void
check_reward(const ConfigTrigger *trigger)
{
	const ConfigTuple *reward = &trigger->new;
	char	   *name = tuple_text(reward, "name");

	if (name == NULL)
		return;					/* the table says so */
	check_kind(reward);
	check_offer(reward);
	config_check_tiers(&trigger->ref, &trigger->new, psprintf("reward \"%s\"", name),
					   tuple_differs(&trigger->old, &trigger->new, "tiers"));
	check_money(reward, "cost", false, psprintf("cost of reward \"%s\"", name));
	check_names(trigger);
}

/*
 * Its kind, and what belongs to some kinds only.
 */
static void
check_kind(const ConfigTuple *reward)
{
	static const char *const kinds[] = {"product", "discount", "gift_card", "voucher",
	"experience", "donation", "shipping", "custom"};
	char	   *name = tuple_text(reward, "name");
	char	   *kind = tuple_text(reward, "kind");
	char	   *cause = tuple_text(reward, "cause");
	bool		is_donation;
	int			i;

	if (kind == NULL)
		return;
	for (i = 0; i < lengthof(kinds) && strcmp(kinds[i], kind) != 0; i++)
		;
	if (i == lengthof(kinds))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("reward \"%s\" cannot be of kind \"%s\"", name, kind),
				 errhint("Use \"product\", \"discount\", \"gift_card\", \"voucher\", \"experience\", \"donation\", \"shipping\" or \"custom\".")));
	is_donation = strcmp(kind, "donation") == 0;
	if (is_donation && (cause == NULL || cause[strspn(cause, " \t\r\n")] == '\0'))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("reward \"%s\" is a donation and needs a cause", name),
				 errhint("Set cause to what it is for; totals are shown by that.")));
	if (!is_donation && cause != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("reward \"%s\" has a cause but is no donation", name),
				 errhint("Set kind = 'donation', or cause to NULL.")));
}

/*
 * How many, for whom, when.
 */
static void
check_offer(const ConfigTuple *reward)
{
	char	   *name = tuple_text(reward, "name");
	char	   *span = tuple_text(reward, "cap_period");
	Period		code_valid;
	Interval	none = {0};
	bool		isnull;
	Datum		value;

	value = tuple_get(reward, "stock", &isnull);
	if (!isnull && DatumGetInt64(value) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("stock of reward \"%s\" cannot be negative", name),
				 errhint("Use NULL for a reward that does not run out.")));

	if (span && !is_calendar_span(span))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("cap_period of reward \"%s\" cannot be \"%s\"", name, span),
				 errhint("%s", span_hint)));
	if (tuple_isnull(reward, "max_per_member") != (span == NULL))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 span == NULL ?
				 errmsg("max_per_member of reward \"%s\" needs a cap_period", name) :
				 errmsg("cap_period of reward \"%s\" needs a max_per_member", name),
				 errhint("Set both, such as max_per_member = 2 and cap_period = 'month', or neither.")));
	if (!tuple_isnull(reward, "max_per_member") && tuple_int(reward, "max_per_member") < 1)
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("max_per_member of reward \"%s\" must be at least 1", name),
				 errhint("Use NULL for no limit, or enabled = false.")));

	value = tuple_get(reward, "valid", &isnull);
	if (!isnull)
	{
		TypeCacheEntry *type = lookup_type_cache(TSTZRANGEOID, TYPECACHE_RANGE_INFO);
		RangeBound	lower;
		RangeBound	upper;
		bool		empty;

		range_deserialize(type, DatumGetRangeTypeP(value), &lower, &upper, &empty);
		if (empty)
			ereport(ERROR,
					(errcode(ERRCODE_CHECK_VIOLATION),
					 errmsg("valid of reward \"%s\" is empty", name),
					 errhint("Use '(,)' for always, or '[2026-01-01,2027-01-01)'.")));
		if (!tuple_isnull(reward, "early_access") && lower.infinite)
			ereport(ERROR,
					(errcode(ERRCODE_CHECK_VIOLATION),
					 errmsg("reward \"%s\" cannot open earlier: valid has no beginning", name),
					 errhint("Set the lower bound of valid, or early_access to NULL.")));
	}

	value = tuple_get(reward, "hold_for", &isnull);
	if (!isnull && !DatumGetBool(DirectFunctionCall2(interval_gt, value,
													 IntervalPGetDatum(&none))))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("hold_for of reward \"%s\" must be longer than nothing", name),
				 errhint("Use an interval such as '15 minutes'.")));
	if (!tuple_isnull(reward, "max_auto") && tuple_int(reward, "max_auto") < 1)
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("max_auto of reward \"%s\" must be at least 1", name),
				 errhint("To stop it being redeemed by itself, set auto_redeem = false.")));
	if (tuple_period(reward, "code_valid", &code_valid) &&
		(code_valid.kind == PERIOD_ACTIVITY || code_valid.kind == PERIOD_IMMEDIATELY))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("code_valid of reward \"%s\" must be a length of time", name),
				 errhint("Use a period such as \"6 months\" or \"to end of year\", or NULL for ever.")));

	value = tuple_get(reward, "attributes", &isnull);
	if (!isnull && !JB_ROOT_IS_OBJECT(DatumGetJsonbP(value)))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("attributes of reward \"%s\" must be a JSON object", name),
				 errhint("Write '{\"size\": \"L\"}', or '{}'.")));
}

/*
 * What it names elsewhere, before foreign keys say it in their way.
 */
static void
check_names(const ConfigTrigger *trigger)
{
	const ConfigTuple *reward = &trigger->new;
	char	   *name = tuple_text(reward, "name");
	char	   *set = tuple_text(reward, "choice_set");
	char	   *pool = tuple_text(reward, "pool");

	if (set && tuple_differs(&trigger->old, reward, "choice_set") &&
		!exists(&trigger->ref, "choice_set", set))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no choice set \"%s\"", set),
				 errhint("Insert it into table \"choice_set\" first.")));
	if (pool && tuple_differs(&trigger->old, reward, "pool") &&
		!exists(&trigger->ref, "voucher_pool", pool))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no voucher pool \"%s\"", pool),
				 errdetail("Reward \"%s\" would take its codes from there.", name),
				 errhint("Insert it into table \"voucher_pool\" first.")));
}

/*
 * An amount of money that is one.
 */
static void
check_money(const ConfigTuple *row, const char *column, bool positive, const char *what)
{
	bool		isnull;
	Datum		value = tuple_get(row, column, &isnull);
	Frac		amount;

	if (isnull)
		return;
	if (frac_from_numeric(DatumGetNumeric(value), &amount) != CORE_OK)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("%s is out of range", what)));
	if (amount.num < 0 || (positive && amount.num == 0))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 positive ? errmsg("%s must be more than 0", what) :
				 errmsg("%s cannot be negative", what),
				 errhint("Use NULL for nothing.")));
}

static bool
is_calendar_span(const char *text)
{
	return strcmp(text, "ever") == 0 ||
		calendar_unit_parse(text, strlen(text)) != CALENDAR_NONE;
}

/*
 * Is there a row of that name?
 */
static bool
exists(const ProgramRef *ref, const char *table, const char *name)
{
	Oid			types[1] = {TEXTOID};
	Datum		values[1] = {CStringGetTextDatum(name)};

	return config_execute(ref, psprintf("SELECT FROM @.%s WHERE name OPERATOR(pg_catalog.=) $1",
										table), 1, types, values, NULL) > 0;
}

/* -------- prices -------- */

/* A price beside its unit, when either is written. */
static void
check_price(const ProgramRef *ref, const ConfigTuple *price)
{
	char	   *reward = tuple_text(price, "reward");
	char	   *name = tuple_text(price, "name");
	char	   *unit_name = tuple_text(price, "unit");
	Oid			types[1] = {TEXTOID};
	Datum		values[1] = {CStringGetTextDatum(unit_name)};
	ConfigTuple unit;
	Points		points;
	bool		isnull;
	Datum		value;

	if (config_execute(ref, "SELECT * FROM @.unit WHERE name OPERATOR(pg_catalog.=) $1",
					   1, types, values, NULL) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no unit \"%s\"", unit_name),
				 errhint("Insert it into table \"unit\" first.")));
	unit = config_result(0);
	if (!tuple_bool(&unit, "spendable"))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("reward \"%s\" cannot be paid in \"%s\", which is not spendable",
						reward, unit_name),
				 errhint("Name a unit with spendable = true.")));
	value = tuple_get(price, "points", &isnull);
	if (isnull)
		return;
	if (!numeric_is_nan(DatumGetNumeric(value)) &&
		DatumGetBool(DirectFunctionCall2(numeric_lt, value,
										 DirectFunctionCall1(int4_numeric, Int32GetDatum(0)))))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("price \"%s\" of reward \"%s\" cannot be negative", name, reward),
				 errhint("Use 0 for a reward that costs no points.")));
	config_points_of(price, "points", unit_step(&unit), unit_name,
					 psprintf("price \"%s\" of reward \"%s\"", name, reward), &points);
}

/* see catalogue.h */
void
prices_check_again(const ProgramRef *ref, const char *unit_name)
{
	Oid			types[1] = {TEXTOID};
	Datum		values[1] = {CStringGetTextDatum(unit_name)};
	SPITupleTable *prices;
	uint64		nprices;
	uint64		i;

	nprices = config_execute(ref, "SELECT * FROM @.reward_price"
							 " WHERE unit OPERATOR(pg_catalog.=) $1 ORDER BY reward, name",
							 1, types, values, NULL);
	prices = SPI_tuptable;
	for (i = 0; i < nprices; i++)
	{
		ConfigTuple price = {prices->vals[i], prices->tupdesc};

		check_price(ref, &price);
	}
}

/* -------- pins -------- */

/*
 * Pins a reward's expressions anew.
 */
static void
set_pin(const ConfigTrigger *trigger, Oid writer)
{
	const ProgramRef *ref = &trigger->ref;
	const ConfigTuple *reward = &trigger->new;
	char	   *of = psprintf("reward \"%s\"", tuple_text(reward, "name"));
	int32		reward_no = tuple_int(reward, "reward_no");
	PinSource	sources[2];
	int			nsources = 0;
	Oid			types[2] = {INT4OID, OIDOID};
	Datum		values[2];
	bool		nulls[2] = {false, true};

	drop_pin(ref, &trigger->old);
	pin_add_source(sources, &nsources, "condition", tuple_text(reward, "condition"), of,
				   BOOLOID);
	pin_add_source(sources, &nsources, "early_access", tuple_text(reward, "early_access"), of,
				   INTERVALOID);
	values[0] = Int32GetDatum(reward_no);
	values[1] = (Datum) 0;
	if (nsources > 0)
	{
		RightsSave	rights;

		/* whoever writes the reward must be allowed to use what it uses */
		rights_enter(writer, 0, &rights);
		values[1] = ObjectIdGetDatum(pin_create(ref, psprintf("reward_%d", reward_no),
												InvalidOid, sources, nsources));
		nulls[1] = false;
		rights_leave(&rights);
	}
	else if (tuple_isnull(reward, "pin"))
		return;
	config_execute(ref, "UPDATE @.reward SET pin = $2"
				   " WHERE reward_no OPERATOR(pg_catalog.=) $1",
				   2, types, values, nulls);
}

/*
 * Drops the pin that a reward has had.
 */
static void
drop_pin(const ProgramRef *ref, const ConfigTuple *reward)
{
	bool		isnull;
	Oid			pin = DatumGetObjectId(tuple_get(reward, "pin", &isnull));

	if (isnull)
		return;
	pin_drop(ref, pin, false);
	CommandCounterIncrement();
}
