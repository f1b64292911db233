/*-------------------------------------------------------------------------
 *
 * config_unit.c
 *	  Units: what is counted, in which steps, from when to when.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "engine/catalogue.h"
#include "engine/config.h"
#include "engine/program.h"
#include "types/numbers.h"
#include "types/zone.h"

static void check_unit(const ConfigTrigger *trigger);
static void check_money(const ProgramRef *ref, const ConfigTuple *unit);
static bool unit_has_entries(const ProgramRef *ref, int32 unit_no);
static void write_version(const ConfigTrigger *trigger);
static bool follows_otherwise(const ConfigTrigger *trigger);

/*
 * Before a unit is written: its number, and that what it counted stays
 * counted.
 */
LOYALTY_FUNCTION(loyalty_unit_check);
Datum
loyalty_unit_check(PG_FUNCTION_ARGS)
{
	ConfigTrigger trigger;
	HeapTuple	result;

	config_trigger_begin(fcinfo, "unit", CONFIG_BEFORE_ROW, &trigger);
	config_lock(&trigger.ref);

	if (TRIGGER_FIRED_BY_DELETE(trigger.data->tg_event))
	{
		if (unit_has_entries(&trigger.ref, tuple_int(&trigger.old, "unit_no")))
			ereport(ERROR,
					(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
					 errmsg("unit \"%s\" cannot be deleted: the ledger has entries in it",
							tuple_text(&trigger.old, "name")),
					 errhint("Disable the rules that pay it, and set spendable = false.")));
		result = trigger.old.tuple;
	}
	else if (TRIGGER_FIRED_BY_UPDATE(trigger.data->tg_event))
	{
		config_require_same(&trigger, "unit_no");
		if (follows_otherwise(&trigger))
			units_book_activity(&trigger.ref);
		result = trigger.new.tuple;
	}
	else
	{
		ConfigTuple row;
		bool		isnull;

		if (!tuple_isnull(&trigger.new, "unit_no"))
			ereport(ERROR,
					(errcode(ERRCODE_GENERATED_ALWAYS),
					 errmsg("the number of a unit is assigned by the program"),
					 errhint("Leave out column \"unit_no\".")));

		/* never one that was used before: entries and lots hold numbers */
		config_execute(&trigger.ref,
					   "SELECT (pg_catalog.max(unit_no) OPERATOR(pg_catalog.+) 1)::pg_catalog.int2"
					   " FROM (SELECT 0 AS unit_no"
					   " UNION ALL SELECT unit_no FROM @.unit"
					   " UNION ALL SELECT unit_no FROM @.unit_version) AS numbers",
					   0, NULL, NULL, NULL);
		row = config_result(0);
		result = config_with_column(&trigger, "unit_no",
									SPI_getbinval(row.tuple, row.desc, 1, &isnull));
	}

	config_trigger_end(&trigger);

	return PointerGetDatum(result);
}

/*
 * After it was written: whether it may stand, and the record of the version.
 */
LOYALTY_FUNCTION(loyalty_unit_changed);
Datum
loyalty_unit_changed(PG_FUNCTION_ARGS)
{
	ConfigTrigger trigger;

	config_trigger_begin(fcinfo, "unit", CONFIG_AFTER_ROW, &trigger);

	if (trigger.new.tuple != NULL)
	{
		check_unit(&trigger);
		if (trigger.old.tuple != NULL)
		{
			rules_check_again(&trigger.ref, tuple_text(&trigger.new, "name"));
			prices_check_again(&trigger.ref, tuple_text(&trigger.new, "name"));
			tiers_check_again(&trigger.ref);
		}
	}
	write_version(&trigger);
	if (trigger.new.tuple != NULL && trigger.old.tuple != NULL && follows_otherwise(&trigger))
		units_lower_due(&trigger.ref);

	config_trigger_end(&trigger);

	return PointerGetDatum(NULL);
}

/*
 * What is wrong with a unit by itself, and as a successor of what it was.
 */
static void
check_unit(const ConfigTrigger *trigger)
{
	const ConfigTuple *unit = &trigger->new;
	char	   *name = tuple_text(unit, "name");
	Period		activates;
	Period		expires;
	Period		was;
	Period		grace;
	Points		step = unit_step(unit);
	Points		points;

	tuple_period(unit, "activates", &activates);
	tuple_period(unit, "expires", &expires);
	tuple_period(unit, "return_grace", &grace);

	config_check_activates(&activates, psprintf("activates of unit \"%s\"", name));
	if (!periods_leave_time(&trigger->ref, &activates, &expires))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("points of unit \"%s\" would expire before they activate", name),
				 errhint("Make \"expires\" longer than \"activates\".")));
	if (grace.kind == PERIOD_ACTIVITY)
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("return_grace of unit \"%s\" cannot depend on activity", name),
				 errhint("Only \"expires\" of a unit can; use a period such as \"7 days\".")));
	config_points_of(unit, "max_per_event", step, name,
					 psprintf("max_per_event of unit \"%s\"", name), &points);

	check_money(&trigger->ref, unit);

	if (trigger->old.tuple == NULL)
		return;

	tuple_period(&trigger->old, "expires", &was);
	if (unit_step(&trigger->old) % step != 0 &&
		unit_has_entries(&trigger->ref, tuple_int(unit, "unit_no")))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("unit \"%s\" cannot have coarser amounts: the ledger has entries in it",
						name),
				 errhint("Keep \"decimals\" and \"rounding\", or start another unit.")));
	if (was.kind == PERIOD_ACTIVITY && expires.kind != PERIOD_ACTIVITY &&
		unit_has_entries(&trigger->ref, tuple_int(unit, "unit_no")))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("points of unit \"%s\" must go on to expire since last activity: the ledger has entries in it",
						name),
				 errhint("Change the length, or give rules an \"expires\" of their own.")));
}

/*
 * A unit of which one is worth one of the currency is money: its amounts must
 * be such as can be paid, unless fractions are kept and only whole ones shown.
 */
static void
check_money(const ProgramRef *ref, const ConfigTuple *unit)
{
	bool		isnull;
	Datum		value = tuple_get(unit, "value", &isnull);
	int			decimals = tuple_int(unit, "decimals");
	ConfigTuple program;
	char	   *currency;
	char	   *name;

	if (isnull || !DatumGetBool(DirectFunctionCall2(numeric_eq, value,
													DirectFunctionCall1(int4_numeric,
																		Int32GetDatum(1)))))
		return;
	name = pstrdup(tuple_text(unit, "name"));
	config_execute(ref, "SELECT currency FROM @.program", 0, NULL, NULL, NULL);
	program = config_result(0);
	currency = tuple_text(&program, "currency");
	if (decimals > currency_decimals(currency))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("unit \"%s\" is money, and cannot have %d decimals", name, decimals),
				 errdetail("One is worth one %s, which has %d.", currency,
						   currency_decimals(currency)),
				 errhint("Set decimals = %d, or another value.", currency_decimals(currency))));
}

/* see config.h */
void
units_check_money(const ProgramRef *ref)
{
	uint64		n = config_execute(ref, "SELECT * FROM @.unit WHERE value = 1 ORDER BY unit_no",
								   0, NULL, NULL, NULL);
	SPITupleTable *units = SPI_tuptable;
	uint64		i;

	for (i = 0; i < n; i++)
	{
		ConfigTuple unit = {units->vals[i], units->tupdesc};

		check_money(ref, &unit);
	}
}

/*
 * Does the ledger know it?  The ledger has no index by unit, but a unit that has
 * any is usually found at once.
 */
static bool
unit_has_entries(const ProgramRef *ref, int32 unit_no)
{
	Oid			types[1] = {INT2OID};
	Datum		values[1] = {Int16GetDatum(unit_no)};

	return config_execute(ref,
						  "SELECT FROM @.journal WHERE loyalty.lines_has_unit_1(lines, $1) LIMIT 1",
						  1, types, values, NULL) > 0;
}

/*
 * The record of what the unit is from now on, or that it is no more.
 */
static void
write_version(const ConfigTrigger *trigger)
{
	Oid			types[3] = {INT2OID, INT4OID, INT4OID};
	Datum		values[3];
	bool		is_delete = trigger->new.tuple == NULL;

	values[0] = Int16GetDatum(tuple_int(is_delete ? &trigger->old : &trigger->new, "unit_no"));
	values[1] = Int32GetDatum(config_bump(&trigger->ref));

	if (is_delete)
		config_execute(&trigger->ref,
					   "INSERT INTO @.unit_version (unit_no, config_version, name, activates,"
					   " expires, decimals, rounding, max_per_event, on_shortfall, deleted)"
					   " SELECT unit_no, $2, name, activates,"
					   " expires, decimals, rounding, max_per_event, on_shortfall, true"
					   " FROM @.unit_version"
					   " WHERE unit_no OPERATOR(pg_catalog.=) $1"
					   " ORDER BY config_version DESC LIMIT 1",
					   2, types, values, NULL);
	else
		config_execute(&trigger->ref,
					   "INSERT INTO @.unit_version (unit_no, config_version, name, activates,"
					   " expires, decimals, rounding, max_per_event, on_shortfall)"
					   " SELECT unit_no, $2, name, activates,"
					   " expires, decimals, rounding, max_per_event, on_shortfall"
					   " FROM @.unit"
					   " WHERE unit_no OPERATOR(pg_catalog.=) $1",
					   2, types, values, NULL);
}

/* -------- points that follow activity for another time -------- */

/* Whether points of the unit end another time after the last activity. */
static bool
follows_otherwise(const ConfigTrigger *trigger)
{
	Period		was;
	Period		is;

	tuple_period(&trigger->old, "expires", &was);
	tuple_period(&trigger->new, "expires", &is);
	return was.kind == PERIOD_ACTIVITY && is.kind == PERIOD_ACTIVITY &&
		memcmp(&was, &is, sizeof(Period)) != 0;
}

/* see config.h */
void
units_book_activity(const ProgramRef *ref)
{
	if (config_execute(ref, "SELECT FROM @.unit WHERE expires::text LIKE '%since last activity'"
					   " LIMIT 1", 0, NULL, NULL, NULL) == 0)
		return;
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("how long points last after the last activity can only be changed at isolation level READ COMMITTED"),
				 errdetail("Accounts that have changed since the transaction began would be missed.")));
	config_execute(ref, "LOCK TABLE @.account IN SHARE ROW EXCLUSIVE MODE", 0, NULL, NULL, NULL);
	config_execute(ref, "SELECT @.book_due()", 0, NULL, NULL, NULL);
}

/* see config.h */
void
units_lower_due(const ProgramRef *ref)
{
	config_execute(ref,
				   "UPDATE @.account AS a SET next_due = e.ending"
				   " FROM (SELECT a.member_id, (SELECT pg_catalog.min(loyalty.activity_end_1("
				   "    a.usage, u.unit_no, u.expires, coalesce(a.time_zone, p.time_zone)))"
				   "   FROM @.unit AS u) AS ending"
				   "  FROM @.account AS a CROSS JOIN @.program AS p) AS e"
				   " WHERE e.member_id OPERATOR(pg_catalog.=) a.member_id"
				   "  AND e.ending OPERATOR(pg_catalog.<) a.next_due",
				   0, NULL, NULL, NULL);
}

/* -------- what rules need to know of units, too -------- */

/*
 * The smallest amount.
 */
Points
unit_step(const ConfigTuple *unit)
{
	Points		step = POINTS_SCALE;
	int			decimals;

	if (strcmp(tuple_text(unit, "rounding"), "carry") == 0)
		return 1;
	for (decimals = tuple_int(unit, "decimals"); decimals > 0; decimals--)
		step /= 10;
	return step;
}

/*
 * Points of a numeric column; see config.h.
 */
bool
config_points_of(const ConfigTuple *row, const char *column, Points step,
				 const char *unit_name, const char *what, Points *result)
{
	bool		isnull;
	Datum		value = tuple_get(row, column, &isnull);
	Frac		exact;
	CoreInt128	scaled;

	*result = 0;
	if (isnull)
		return false;

	if (frac_from_numeric(DatumGetNumeric(value), &exact) != CORE_OK ||
		frac_mul(exact, frac_make(POINTS_SCALE, 1), &exact) != CORE_OK ||
		exact.num / exact.den > POINTS_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("%s is out of range", what),
				 errdetail("Numbers of points are below 922 trillion.")));
	scaled = exact.num / exact.den;
	if (exact.num % exact.den != 0 || scaled % step != 0)
	{
		char		smallest[POINTS_TEXT_SIZE];

		points_format(step, smallest);
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("%s must be a multiple of %s", what, smallest),
				 errdetail("That is the smallest amount of unit \"%s\".", unit_name)));
	}
	*result = (Points) scaled;
	return true;
}

/* see config.h */
void
config_check_money(const ProgramRef *ref, Datum value, const char *what)
{
	ConfigTuple program;
	char	   *currency;
	int			decimals;

	config_execute(ref, "SELECT currency FROM @.program", 0, NULL, NULL, NULL);
	program = config_result(0);
	currency = tuple_text(&program, "currency");
	decimals = currency_decimals(currency);
	if (numeric_is_nan(DatumGetNumeric(value)) || numeric_is_inf(DatumGetNumeric(value)) ||
		!DatumGetBool(DirectFunctionCall2(numeric_eq, value,
										  DirectFunctionCall2(numeric_round, value,
															  Int32GetDatum(decimals)))))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("%s is no amount of %s: %s", what, currency,
						DatumGetCString(DirectFunctionCall1(numeric_out, value))),
				 errdetail("%s has %d decimals.", currency, decimals)));
}

/*
 * A period by which points activate.
 */
void
config_check_activates(const Period *period, const char *what)
{
	if (period->kind == PERIOD_ACTIVITY)
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("%s cannot depend on activity", what),
				 errhint("Only \"expires\" of a unit can; use a period such as \"14 days\".")));
	if (period->kind == PERIOD_NEVER)
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("%s cannot be never", what),
				 errhint("Use \"immediately\", or a period such as \"14 days\".")));
}

/*
 * Can points be active at all?  The two periods may end at boundaries of the
 * calendar, so there is no formula: look at the first and the last instant of
 * every day of four years, for points that begin then.
 */
bool
periods_leave_time(const ProgramRef *ref, const Period *activates, const Period *expires)
{
	ConfigTuple program;
	Zone		zone;
	int64		local;
	int			day;
	int			last;

	if (expires->kind == PERIOD_NEVER || expires->kind == PERIOD_ACTIVITY)
		return true;
	if (expires->kind == PERIOD_IMMEDIATELY)
		return false;

	config_execute(ref, "SELECT time_zone FROM @.program", 0, NULL, NULL, NULL);
	program = config_result(0);
	zone = zone_for_tz(zone_lookup(tuple_text(&program, "time_zone")));

	/* from 2024-01-01, a Monday in a leap year */
	local = INT64CONST(8766) * USECS_PER_DAY;
	for (day = 0; day < 4 * 366; day++, local += USECS_PER_DAY)
	{
		for (last = 0; last <= 1; last++)
		{
			Instant		anchor = zone.from_local(zone.arg, last ? local - 1 : local);
			Instant		from;
			Instant		to;

			if (period_end(activates, anchor, &zone, &from) != CORE_OK ||
				period_end(expires, anchor, &zone, &to) != CORE_OK)
				ereport(ERROR,
						(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
						 errmsg("a period reaches beyond the range of timestamps")));
			if (to > from)
				return true;
		}
	}
	return false;
}
