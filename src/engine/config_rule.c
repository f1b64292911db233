/*-------------------------------------------------------------------------
 *
 * config_rule.c
 *	  Rules: what they pay, for what, with what limits.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/resowner.h"

#include "engine/config.h"
#include "engine/pin.h"
#include "engine/program.h"
#include "types/numbers.h"
#include "types/rate.h"

/* parts a budget is split into, so that who spends it need not queue */
#define BUDGET_SLOTS 16
#define BUDGET_LAST_SLOT 15

static void check_rule(const ProgramRef *ref, const ConfigTuple *rule,
					   const ConfigTuple *unit, const ConfigTuple *source);
static void check_rate(const ConfigTuple *rule, const ConfigTuple *source);
static void check_limits(const ConfigTuple *rule, const ConfigTuple *unit);
static void check_periods(const ProgramRef *ref, const ConfigTuple *rule,
						  const ConfigTuple *unit);
static void check_tiers(const ProgramRef *ref, const ConfigTuple *rule);
static void check_group(const ProgramRef *ref, const ConfigTuple *rule);
static void check_carry(const ProgramRef *ref, const ConfigTuple *unit);
static void refuse_carry(const char *unit_name, const char *rule_name);
static ConfigTuple find_unit(const ProgramRef *ref, const char *name);
static ConfigTuple find_source(const ProgramRef *ref, const char *name);
static void set_budget(const ConfigTrigger *trigger, const ConfigTuple *unit);
static Points budget_used(const ProgramRef *ref, int32 rule_no);
static void write_version(const ProgramRef *ref, int32 rule_no, Oid pin);
static Oid	choose_pin(const ProgramRef *ref, const ConfigTuple *rule,
					   const ConfigTuple *source, Oid writer);
static bool text_differs(const char *a, const char *b);
static Oid	make_pin(const ProgramRef *ref, const ConfigTuple *rule, Oid relid,
					 int32 version, Oid writer);
static Oid	try_pin(const ProgramRef *ref, const ConfigTuple *rule, Oid relid,
					const Pin *held);
static bool same_meaning(const Pin *a, const Pin *b);
static void renew_text(const ProgramRef *ref, const ConfigTuple *rule, Oid pin);
static void set_pin(const ProgramRef *ref, const ConfigTuple *rule, int32 source_no,
					Oid pin);
static Oid	latest_pin(const ProgramRef *ref, int32 rule_no, const ConfigTuple *rule,
					   bool *same);
static void update_versions(const ProgramRef *ref, const char *statement, int nargs,
							const Oid *types, const Datum *values, const bool *nulls);
static Rate get_rate(const ConfigTuple *rule);


/*
 * Before a rule is written: nobody else changes the configuration, and what
 * has paid stays known.
 */
LOYALTY_FUNCTION(loyalty_rule_check);
Datum
loyalty_rule_check(PG_FUNCTION_ARGS)
{
	ConfigTrigger trigger;
	HeapTuple	result;

	config_trigger_begin(fcinfo, "rule", CONFIG_BEFORE_ROW, &trigger);
	config_lock(&trigger.ref);

	result = trigger.new.tuple;
	if (trigger.new.tuple != NULL)
	{
		/* before foreign keys say it in their way */
		if (tuple_differs(&trigger.old, &trigger.new, "unit") &&
			!tuple_isnull(&trigger.new, "unit"))
			find_unit(&trigger.ref, tuple_text(&trigger.new, "unit"));
		if (tuple_differs(&trigger.old, &trigger.new, "source"))
			find_source(&trigger.ref, tuple_text(&trigger.new, "source"));
	}
	if (TRIGGER_FIRED_BY_UPDATE(trigger.data->tg_event))
		config_require_same(&trigger, "rule_no");
	else if (TRIGGER_FIRED_BY_DELETE(trigger.data->tg_event))
	{
		Oid			types[1] = {INT4OID};
		Datum		values[1];

		values[0] = Int32GetDatum(tuple_int(&trigger.old, "rule_no"));
		if (config_execute(&trigger.ref,
						   "SELECT FROM @.journal WHERE loyalty.lines_has_rule_1(lines, $1) LIMIT 1",
						   1, types, values, NULL) > 0)
			ereport(ERROR,
					(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
					 errmsg("rule \"%s\" cannot be deleted: it has paid points",
							tuple_text(&trigger.old, "name")),
					 errhint("Set enabled = false.")));
		result = trigger.old.tuple;
	}

	config_trigger_end(&trigger);

	return PointerGetDatum(result);
}

/*
 * After it was written: whether it may stand, its pin, its budget, and the
 * record of the version.
 */
LOYALTY_FUNCTION(loyalty_rule_changed);
Datum
loyalty_rule_changed(PG_FUNCTION_ARGS)
{
	ConfigTrigger trigger;
	Oid			writer = GetUserId();

	config_trigger_begin(fcinfo, "rule", CONFIG_AFTER_ROW, &trigger);

	if (config_internal > 0)
	{
		/* the same expressions, written otherwise: see renew_text */
	}
	else if (trigger.new.tuple == NULL)
	{
		Oid			types[2] = {INT4OID, INT4OID};
		Datum		values[2];

		values[0] = Int32GetDatum(tuple_int(&trigger.old, "rule_no"));
		values[1] = Int32GetDatum(config_bump(&trigger.ref));
		config_execute(&trigger.ref,
					   "INSERT INTO @.rule_version (rule_no, config_version, name, source_no,"
					   " unit_no, earn, amount, condition, min_amount, valid, tiers, priority,"
					   " exclusive_group, max_per_event, max_per_member, cap_period, budget,"
					   " activates, expires, enabled, deleted, pin)"
					   " SELECT rule_no, $2, name, source_no,"
					   " unit_no, earn, amount, condition, min_amount, valid, tiers, priority,"
					   " exclusive_group, max_per_event, max_per_member, cap_period, budget,"
					   " activates, expires, false, true, pin"
					   " FROM @.rule_version WHERE rule_no OPERATOR(pg_catalog.=) $1"
					   " ORDER BY config_version DESC LIMIT 1",
					   2, types, values, NULL);
		config_execute(&trigger.ref,
					   "DELETE FROM @.budget_room WHERE rule_no OPERATOR(pg_catalog.=) $1",
					   1, types, values, NULL);
	}
	else
	{
		ConfigTuple unit = find_unit(&trigger.ref, tuple_text(&trigger.new, "unit"));
		ConfigTuple source = find_source(&trigger.ref, tuple_text(&trigger.new, "source"));
		Oid			pin;

		check_rule(&trigger.ref, &trigger.new, &unit, &source);
		check_carry(&trigger.ref, &unit);
		tiers_check_rules(&trigger.ref);
		set_budget(&trigger, &unit);
		pin = choose_pin(&trigger.ref, &trigger.new, &source, writer);
		write_version(&trigger.ref, tuple_int(&trigger.new, "rule_no"), pin);
		if (trigger.old.tuple != NULL && !tuple_isnull(&trigger.new, "cap_period") &&
			tuple_differs(&trigger.old, &trigger.new, "cap_period"))
			caps_recount(&trigger.ref, tuple_int(&trigger.new, "rule_no"));
	}

	config_trigger_end(&trigger);

	return PointerGetDatum(NULL);
}

/*
 * Checks rules once more, when what they refer to has changed.
 */
void
rules_check_again(const ProgramRef *ref, const char *unit_name)
{
	Oid			types[1] = {TEXTOID};
	Datum		values[1];
	bool		nulls[1];
	SPITupleTable *units;
	uint64		nunits;
	uint64		i;

	nulls[0] = unit_name == NULL;
	values[0] = unit_name == NULL ? (Datum) 0 : CStringGetTextDatum(unit_name);
	nunits = config_execute(ref,
							"SELECT * FROM @.unit WHERE $1 IS NULL OR name OPERATOR(pg_catalog.=) $1",
							1, types, values, nulls);
	units = SPI_tuptable;

	for (i = 0; i < nunits; i++)
	{
		ConfigTuple unit = {units->vals[i], units->tupdesc};
		SPITupleTable *rules;
		uint64		nrules;
		uint64		j;

		values[0] = CStringGetTextDatum(tuple_text(&unit, "name"));
		nulls[0] = false;
		nrules = config_execute(ref,
								"SELECT * FROM @.rule WHERE unit OPERATOR(pg_catalog.=) $1",
								1, types, values, nulls);
		rules = SPI_tuptable;
		for (j = 0; j < nrules; j++)
		{
			ConfigTuple rule = {rules->vals[j], rules->tupdesc};

			check_limits(&rule, &unit);
			check_periods(ref, &rule, &unit);
		}
		check_carry(ref, &unit);
	}
}

/*
 * The rule by itself and beside its unit, source and group.
 */
static void
check_rule(const ProgramRef *ref, const ConfigTuple *rule,
		   const ConfigTuple *unit, const ConfigTuple *source)
{
	check_rate(rule, source);
	check_limits(rule, unit);
	check_periods(ref, rule, unit);
	check_tiers(ref, rule);
	check_group(ref, rule);
}

/*
 * What a rate needs: an amount, or none.
 */
static void
check_rate(const ConfigTuple *rule, const ConfigTuple *source)
{
	char	   *name = tuple_text(rule, "name");
	Rate		rate = get_rate(rule);
	bool		has_amount = !tuple_isnull(rule, "amount");
	bool		source_has = source->tuple == NULL || !tuple_isnull(source, "amount");
	bool		isnull;
	Datum		value;

	if (source->tuple != NULL && !tuple_isnull(source, "reduces"))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("rule \"%s\" cannot pay for source \"%s\", which reduces another",
						name, tuple_text(source, "name")),
				 errhint("Write the rule for source \"%s\".", tuple_text(source, "reduces"))));

	switch ((RateKind) rate.kind)
	{
		case RATE_LINEAR:
		case RATE_BLOCK:
		case RATE_PERCENT:
			if (!has_amount && !source_has)
				ereport(ERROR,
						(errcode(ERRCODE_CHECK_VIOLATION),
						 errmsg("rule \"%s\" needs an amount, and source \"%s\" has none",
								name, tuple_text(source, "name")),
						 errhint("Give the rule an amount, attach the source with one, or pay a flat rate such as \"250\".")));
			break;
		case RATE_MULTIPLIER:
			if (rate.value < RATE_SCALE)
				ereport(ERROR,
						(errcode(ERRCODE_CHECK_VIOLATION),
						 errmsg("multiplier of rule \"%s\" must be at least 1", name),
						 errhint("A multiplier scales what other rules pay, such as \"x2\"; to pay less, lower their rates.")));
			if (has_amount)
				ereport(ERROR,
						(errcode(ERRCODE_CHECK_VIOLATION),
						 errmsg("rule \"%s\" is a multiplier and cannot have an amount of its own", name),
						 errhint("Set amount to NULL: a multiplier scales what other rules pay.")));
			break;
		case RATE_FLAT:
			if (has_amount)
				ereport(ERROR,
						(errcode(ERRCODE_CHECK_VIOLATION),
						 errmsg("rule \"%s\" pays a flat rate and cannot have an amount", name),
						 errhint("Set amount to NULL, or pay by the amount, such as \"1 per 10\".")));
			break;
	}

	value = tuple_get(rule, "min_amount", &isnull);
	if (!isnull)
	{
		Frac		ignored;

		if (frac_from_numeric(DatumGetNumeric(value), &ignored) != CORE_OK)
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("min_amount of rule \"%s\" is out of range", name)));
		if (!source_has)
			ereport(ERROR,
					(errcode(ERRCODE_CHECK_VIOLATION),
					 errmsg("rule \"%s\" has a min_amount, and source \"%s\" has no amount",
							name, tuple_text(source, "name")),
					 errhint("Write a condition instead, or attach the source with an amount.")));
	}
}

/*
 * Caps and budgets in steps of the unit.
 */
static void
check_limits(const ConfigTuple *rule, const ConfigTuple *unit)
{
	static const char *const columns[] = {"max_per_event", "max_per_member", "budget"};
	char	   *name = tuple_text(rule, "name");
	char	   *unit_name = tuple_text(unit, "name");
	Points		step = unit_step(unit);
	int			i;

	if (tuple_isnull(rule, "max_per_member") != tuple_isnull(rule, "cap_period"))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 tuple_isnull(rule, "cap_period") ?
				 errmsg("max_per_member of rule \"%s\" needs a cap_period", name) :
				 errmsg("cap_period of rule \"%s\" needs a max_per_member", name),
				 errhint("Set both, such as max_per_member = 100 and cap_period = 'day', or neither.")));

	for (i = 0; i < lengthof(columns); i++)
	{
		Points		points;

		config_points_of(rule, columns[i], step, unit_name,
						 psprintf("%s of rule \"%s\"", columns[i], name), &points);
	}
}

/*
 * Periods of the rule, or the unit's where it has none.
 */
static void
check_periods(const ProgramRef *ref, const ConfigTuple *rule, const ConfigTuple *unit)
{
	char	   *name = tuple_text(rule, "name");
	Period		activates;
	Period		expires;
	bool		own_activates = tuple_period(rule, "activates", &activates);
	bool		own_expires = tuple_period(rule, "expires", &expires);

	if (own_expires && expires.kind == PERIOD_ACTIVITY)
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("expires of rule \"%s\" cannot depend on activity", name),
				 errhint("Only \"expires\" of a unit can; a rule's own is fixed, such as \"12 months\".")));
	if (own_activates)
		config_check_activates(&activates, psprintf("activates of rule \"%s\"", name));
	if (!own_activates && !own_expires)
		return;

	if (!own_activates)
		tuple_period(unit, "activates", &activates);
	if (!own_expires)
		tuple_period(unit, "expires", &expires);
	if (!periods_leave_time(ref, &activates, &expires))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("points of rule \"%s\" would expire before they activate", name),
				 own_activates && own_expires ? 0 :
				 errdetail("Where the rule has no period of its own, that of unit \"%s\" counts.",
						   tuple_text(unit, "name")),
				 errhint("Make \"expires\" longer than \"activates\".")));
}

/*
 * Tiers the program has.
 */
static void
check_tiers(const ProgramRef *ref, const ConfigTuple *rule)
{
	bool		isnull;
	Datum		value = tuple_get(rule, "tiers", &isnull);
	Oid			types[1] = {TEXTOID};
	Datum	   *tiers;
	bool	   *nulls;
	int			ntiers;
	int			i;

	if (isnull)
		return;

	deconstruct_array(DatumGetArrayTypeP(value), TEXTOID, -1, false, TYPALIGN_INT,
					  &tiers, &nulls, &ntiers);
	for (i = 0; i < Max(ntiers, 1); i++)
	{
		if (ntiers == 0 || nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_CHECK_VIOLATION),
					 errmsg("tiers of rule \"%s\" must name tiers", tuple_text(rule, "name")),
					 errhint("Use NULL for members of any tier or of none.")));

		/* one that was removed may still have holders */
		if (config_execute(ref,
						   "SELECT FROM @.tier WHERE name = $1 UNION ALL"
						   " SELECT FROM @.tier_version WHERE name = $1 AND closed LIMIT 1",
						   1, types, &tiers[i], NULL) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("there is no tier named \"%s\"", TextDatumGetCString(tiers[i])),
					 errhint("Use NULL for members of any tier or of none.")));
	}
}

/*
 * One unit in an exclusive group.
 */
static void
check_group(const ProgramRef *ref, const ConfigTuple *rule)
{
	char	   *group = tuple_text(rule, "exclusive_group");
	Oid			types[2] = {TEXTOID, TEXTOID};
	Datum		values[2];
	ConfigTuple other;

	if (group == NULL)
		return;

	values[0] = CStringGetTextDatum(group);
	values[1] = CStringGetTextDatum(tuple_text(rule, "unit"));
	if (config_execute(ref,
					   "SELECT name, unit FROM @.rule"
					   " WHERE exclusive_group OPERATOR(pg_catalog.=) $1"
					   " AND unit OPERATOR(pg_catalog.<>) $2 ORDER BY name LIMIT 1",
					   2, types, values, NULL) == 0)
		return;
	other = config_result(0);
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("exclusive group \"%s\" has rules that pay different units", group),
			 errdetail("Rule \"%s\" pays \"%s\", rule \"%s\" pays \"%s\".",
					   tuple_text(rule, "name"), tuple_text(rule, "unit"),
					   tuple_text(&other, "name"), tuple_text(&other, "unit")),
			 errhint("Use one group for each unit.")));
}

/*
 * A unit that carries fractions must be able to hold every amount its rules
 * pay: whatever is paid for the currency's smallest amount, and any multiplier
 * of it, must come out in steps of 1/10000.
 */
static void
check_carry(const ProgramRef *ref, const ConfigTuple *unit)
{
	char	   *unit_name = tuple_text(unit, "name");
	Oid			types[1] = {TEXTOID};
	Datum		values[1];
	ConfigTuple program;
	SPITupleTable *rules;
	uint64		nrules;
	uint64		i;
	CoreInt128	coins = 1;		/* smallest amounts in one unit of currency */
	bool		multiply;
	int			decimals;

	if (strcmp(tuple_text(unit, "rounding"), "carry") != 0)
		return;

	config_execute(ref, "SELECT currency, stacking FROM @.program", 0, NULL, NULL, NULL);
	program = config_result(0);
	for (decimals = currency_decimals(tuple_text(&program, "currency")); decimals > 0; decimals--)
		coins *= 10;
	multiply = strcmp(tuple_text(&program, "stacking"), "multiplicative") == 0;

	values[0] = CStringGetTextDatum(unit_name);
	nrules = config_execute(ref,
							"SELECT name, earn FROM @.rule"
							" WHERE enabled AND unit OPERATOR(pg_catalog.=) $1"
							" ORDER BY name",
							1, types, values, NULL);
	rules = SPI_tuptable;

	for (i = 0; i < nrules; i++)
	{
		ConfigTuple rule = {rules->vals[i], rules->tupdesc};
		Rate		rate = get_rate(&rule);
		CoreInt128	num = (CoreInt128) rate.value * POINTS_SCALE;
		CoreInt128	den;
		uint64		j;

		switch ((RateKind) rate.kind)
		{
			case RATE_LINEAR:
				den = (CoreInt128) rate.per * coins;
				break;
			case RATE_PERCENT:
				den = (CoreInt128) RATE_SCALE * 100 * coins;
				break;
			case RATE_BLOCK:
			case RATE_FLAT:
				den = RATE_SCALE;
				break;
			default:
				continue;
		}
		if (num % den != 0)
			refuse_carry(unit_name, tuple_text(&rule, "name"));
		if (rate.kind == RATE_FLAT)
			continue;

		/* what multipliers make of it, one by one or one upon the other */
		num /= den;
		for (j = 0; j < nrules; j++)
		{
			ConfigTuple other = {rules->vals[j], rules->tupdesc};
			Rate		factor = get_rate(&other);
			Frac		reduced;

			if (factor.kind != RATE_MULTIPLIER)
				continue;
			reduced = frac_reduce(frac_make(factor.value, RATE_SCALE));
			if (num % reduced.den != 0)
				refuse_carry(unit_name, tuple_text(&other, "name"));
			if (multiply)
				num /= reduced.den;
		}
	}
}

/*
 * Reports a rate that a unit cannot carry.
 */
static void
refuse_carry(const char *unit_name, const char *rule_name)
{
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("rule \"%s\" pays fractions that unit \"%s\" cannot carry",
					rule_name, unit_name),
			 errdetail("What it pays for the currency's smallest amount is not exact to 1/10000 point."),
			 errhint("Use another rate, or a rounding other than \"carry\".")));
}

/*
 * The unit of a rule.
 */
static ConfigTuple
find_unit(const ProgramRef *ref, const char *name)
{
	Oid			types[1] = {TEXTOID};
	Datum		values[1] = {CStringGetTextDatum(name)};

	if (config_execute(ref, "SELECT * FROM @.unit WHERE name OPERATOR(pg_catalog.=) $1",
					   1, types, values, NULL) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no unit \"%s\"", name),
				 errhint("Insert it into table \"unit\" first.")));
	return config_result(0);
}

/*
 * The source of a rule; no row if the rule is for all.
 */
static ConfigTuple
find_source(const ProgramRef *ref, const char *name)
{
	ConfigTuple none = {NULL, NULL};
	Oid			types[1] = {TEXTOID};
	Datum		values[1];

	if (name == NULL)
		return none;
	values[0] = CStringGetTextDatum(name);
	if (config_execute(ref, "SELECT * FROM @.source WHERE name OPERATOR(pg_catalog.=) $1",
					   1, types, values, NULL) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no source \"%s\"", name),
				 errhint("Attach it first.")));
	return config_result(0);
}

/*
 * The rate of a rule.
 */
static Rate
get_rate(const ConfigTuple *rule)
{
	bool		isnull;
	Datum		value = tuple_get(rule, "earn", &isnull);

	if (isnull)
		elog(ERROR, "rule has no rate");
	return *DatumGetRateP(value);
}

/* -------- budgets -------- */

/*
 * Makes the slots' room sum to what is left of a budget.  Slots are never
 * removed while the rule lives, for somebody may be waiting for one.
 */
static void
set_budget(const ConfigTrigger *trigger, const ConfigTuple *unit)
{
	const ProgramRef *ref = &trigger->ref;
	int32		rule_no = tuple_int(&trigger->new, "rule_no");
	char	   *name = tuple_text(&trigger->new, "name");
	Points		step = unit_step(unit);
	Points		budget;
	Points		used;
	Points		left;
	Points		share;
	Points		extra;
	Oid			types[3] = {INT4OID, INT2OID, NUMERICOID};
	Datum		values[3];
	int			i;

	values[0] = Int32GetDatum(rule_no);

	if (!config_points_of(&trigger->new, "budget", step, tuple_text(unit, "name"),
						  psprintf("budget of rule \"%s\"", name), &budget))
	{
		if (!tuple_isnull(&trigger->old, "budget"))
			config_execute(ref, "UPDATE @.budget_room SET room = '0'::loyalty.points"
						   " WHERE rule_no OPERATOR(pg_catalog.=) $1",
						   1, types, values, NULL);
		return;
	}
	if (!tuple_differs(&trigger->old, &trigger->new, "budget"))
		return;

	/* the slots, locked in order */
	if (config_execute(ref, "SELECT FROM @.budget_room"
					   " WHERE rule_no OPERATOR(pg_catalog.=) $1"
					   " ORDER BY slot FOR UPDATE",
					   1, types, values, NULL) == 0)
		config_execute(ref, "INSERT INTO @.budget_room (rule_no, slot, room)"
					   " SELECT $1, slot, '0'::loyalty.points"
					   " FROM pg_catalog.generate_series(0, " CppAsString2(BUDGET_LAST_SLOT) ") AS slot",
					   1, types, values, NULL);
	if (tuple_isnull(&trigger->old, "budget") && trigger->old.tuple != NULL)
	{
		/* nobody has counted until now: look what it has paid */
		config_execute(ref, "UPDATE @.budget_room SET used ="
					   " CASE slot WHEN 0 THEN (SELECT"
					   "  GREATEST(0, COALESCE(pg_catalog.sum(points::pg_catalog.numeric), 0))"
					   "   FROM @.journal CROSS JOIN LATERAL loyalty.lines_unnest_1(lines)"
					   "   WHERE loyalty.lines_has_rule_1(lines, $1)"
					   "    AND rule_no OPERATOR(pg_catalog.=) $1 AND kind IN (1, 2))"
					   " ELSE 0 END::loyalty.points"
					   " WHERE rule_no OPERATOR(pg_catalog.=) $1",
					   1, types, values, NULL);
	}

	used = budget_used(ref, rule_no);
	if (budget < used)
	{
		char		paid[POINTS_TEXT_SIZE];

		points_format(used, paid);
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("budget of rule \"%s\" cannot be less than the %s it has used",
						name, paid),
				 errhint("To stop the rule, set enabled = false.")));
	}

	/* equal shares in whole steps; the first slots have one step more */
	left = budget - used;
	share = left / step / BUDGET_SLOTS * step;
	extra = left - share * BUDGET_SLOTS;
	for (i = 0; i < BUDGET_SLOTS; i++)
	{
		Points		room = share + Min(extra, step);

		extra -= Min(extra, step);
		values[1] = Int16GetDatum(i);
		values[2] = NumericGetDatum(points_to_numeric(room));
		config_execute(ref, "UPDATE @.budget_room SET room = $3::loyalty.points"
					   " WHERE rule_no OPERATOR(pg_catalog.=) $1"
					   " AND slot OPERATOR(pg_catalog.=) $2",
					   3, types, values, NULL);
	}
}

/*
 * What has been used of a budget.
 */
static Points
budget_used(const ProgramRef *ref, int32 rule_no)
{
	Oid			types[1] = {INT4OID};
	Datum		values[1] = {Int32GetDatum(rule_no)};
	ConfigTuple row;
	Points		used;
	bool		isnull;

	config_execute(ref, "SELECT pg_catalog.sum(used::pg_catalog.numeric) AS used"
				   " FROM @.budget_room WHERE rule_no OPERATOR(pg_catalog.=) $1",
				   1, types, values, NULL);
	row = config_result(0);
	if (points_from_numeric(DatumGetNumeric(tuple_get(&row, "used", &isnull)),
							&used) != CORE_OK)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("what rule %d has paid is out of range", rule_no)));
	return used;
}

/* -------- versions and pins -------- */

/*
 * The record of what a rule is from now on.
 */
static void
write_version(const ProgramRef *ref, int32 rule_no, Oid pin)
{
	Oid			types[3] = {INT4OID, INT4OID, OIDOID};
	Datum		values[3];
	bool		nulls[3] = {false, false, false};

	values[0] = Int32GetDatum(rule_no);
	values[1] = Int32GetDatum(config_bump(ref));
	values[2] = ObjectIdGetDatum(pin);
	nulls[2] = !OidIsValid(pin);
	if (config_execute(ref,
					   "INSERT INTO @.rule_version (rule_no, config_version, name, source_no,"
					   " unit_no, earn, amount, condition, min_amount, valid, tiers, priority,"
					   " exclusive_group, max_per_event, max_per_member, cap_period, budget,"
					   " activates, expires, enabled, pin)"
					   " SELECT r.rule_no, $2, r.name, s.source_no,"
					   " u.unit_no, r.earn, r.amount, r.condition, r.min_amount, r.valid, r.tiers,"
					   " r.priority, r.exclusive_group, r.max_per_event, r.max_per_member,"
					   " r.cap_period, r.budget, r.activates, r.expires, r.enabled, $3"
					   " FROM @.rule r"
					   " JOIN @.unit u ON u.name OPERATOR(pg_catalog.=) r.unit"
					   " LEFT JOIN @.source s ON s.name OPERATOR(pg_catalog.=) r.source"
					   " WHERE r.rule_no OPERATOR(pg_catalog.=) $1",
					   3, types, values, nulls) != 1)
		elog(ERROR, "rule %d or its unit has disappeared", rule_no);
}

/*
 * The pin for a rule's expressions: that of the version before if they are the
 * same, for text that is read again may mean another thing after a rename;
 * else a new one.  None while the source is detached.
 */
static Oid
choose_pin(const ProgramRef *ref, const ConfigTuple *rule, const ConfigTuple *source,
		   Oid writer)
{
	int32		rule_no = tuple_int(rule, "rule_no");
	char	   *name = tuple_text(rule, "name");
	char	   *condition = tuple_text(rule, "condition");
	char	   *amount = tuple_text(rule, "amount");
	Oid			relid = InvalidOid;
	ConfigTuple row;
	bool		same;
	Oid			pin;

	if (condition == NULL && amount == NULL)
		return InvalidOid;

	if (source->tuple != NULL)
	{
		bool		isnull;

		relid = DatumGetObjectId(tuple_get(source, "relation", &isnull));
		if (isnull)
			relid = InvalidOid;
		else if (get_rel_name(relid) == NULL)
		{
			if (!tuple_bool(rule, "enabled"))
				return InvalidOid;
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("the table of source \"%s\" was dropped", tuple_text(source, "name")),
					 errhint("Detach the source and attach it to another table, or set enabled = false.")));
		}
	}

	pin = latest_pin(ref, rule_no, rule, &same);
	if (OidIsValid(pin))
	{
		Pin		   *before = pin_load(pin, CurrentMemoryContext);

		if (before != NULL && before->relid == relid)
			return pin;
	}

	if (source->tuple != NULL && !OidIsValid(relid))
	{
		/* whether it makes sense is seen when it is enabled, or attached */
		if (same || !tuple_bool(rule, "enabled"))
			return InvalidOid;
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("expressions of rule \"%s\" cannot be changed while source \"%s\" is detached",
						name, tuple_text(source, "name")),
				 errhint("Attach the source first, or set enabled = false.")));
	}

	/* named after the version that is about to begin */
	row = config_lock(ref);
	return make_pin(ref, rule, relid, tuple_int(&row, "config_version") + 1, writer);
}

/*
 * Pins a rule's expressions, under the name of a version.
 */
static Oid
make_pin(const ProgramRef *ref, const ConfigTuple *rule, Oid relid, int32 version,
		 Oid writer)
{
	char	   *of = psprintf("rule \"%s\"", tuple_text(rule, "name"));
	PinSource	sources[2];
	int			nsources = 0;
	RightsSave	rights;
	Oid			pin;

	pin_add_source(sources, &nsources, "condition", tuple_text(rule, "condition"), of, BOOLOID);
	pin_add_source(sources, &nsources, "amount", tuple_text(rule, "amount"), of, NUMERICOID);

	/* whoever writes the rule must be allowed to use what it uses */
	rights_enter(writer, 0, &rights);
	pin = pin_create(ref, psprintf("rule_%d_%d", tuple_int(rule, "rule_no"), version), relid, sources, nsources);
	rights_leave(&rights);

	return pin;
}

/*
 * The pin of a rule's latest version; none if the rule now has other
 * expressions or another source than it had then (not *same).
 */
static Oid
latest_pin(const ProgramRef *ref, int32 rule_no, const ConfigTuple *rule, bool *same)
{
	Oid			types[1] = {INT4OID};
	Datum		values[1] = {Int32GetDatum(rule_no)};
	ConfigTuple before;
	bool		isnull;
	Oid			pin;

	*same = false;
	if (config_execute(ref,
					   "SELECT v.condition, v.amount, v.pin, s.name AS source"
					   " FROM @.rule_version v LEFT JOIN @.source s"
					   " ON s.source_no OPERATOR(pg_catalog.=) v.source_no"
					   " WHERE v.rule_no OPERATOR(pg_catalog.=) $1"
					   " ORDER BY v.config_version DESC LIMIT 1",
					   1, types, values, NULL) != 1)
		return InvalidOid;
	before = config_result(0);

	pin = DatumGetObjectId(tuple_get(&before, "pin", &isnull));
	*same = !(text_differs(tuple_text(&before, "condition"), tuple_text(rule, "condition")) ||
			  text_differs(tuple_text(&before, "amount"), tuple_text(rule, "amount")) ||
			  text_differs(tuple_text(&before, "source"), tuple_text(rule, "source")));
	return *same && !isnull ? pin : InvalidOid;
}

/*
 * Are two texts, or NULLs, different?
 */
static bool
text_differs(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return a != b;
	return strcmp(a, b) != 0;
}

/*
 * Drops the pins of all versions of a source's rules, so that its table can be
 * altered.  The rules' present expressions stay as text, which shall mean then
 * what they mean now, whatever has been renamed since it was written.
 */
void
rules_drop_pins(const ProgramRef *ref, int32 source_no)
{
	Oid			types[1] = {INT4OID};
	Datum		values[1] = {Int32GetDatum(source_no)};
	SPITupleTable *rules;
	SPITupleTable *pins;
	uint64		nrules;
	uint64		npins;
	uint64		i;

	nrules = config_execute(ref,
							"SELECT DISTINCT ON (r.rule_no) r.*, v.pin"
							" FROM @.rule AS r JOIN @.rule_version AS v"
							" ON v.rule_no OPERATOR(pg_catalog.=) r.rule_no"
							" WHERE v.source_no OPERATOR(pg_catalog.=) $1"
							" ORDER BY r.rule_no, v.config_version DESC",
							1, types, values, NULL);
	rules = SPI_tuptable;
	for (i = 0; i < nrules; i++)
	{
		ConfigTuple rule = {rules->vals[i], rules->tupdesc};
		bool		same;
		bool		isnull;
		Oid			pin = DatumGetObjectId(tuple_get(&rule, "pin", &isnull));

		if (!isnull &&
			latest_pin(ref, tuple_int(&rule, "rule_no"), &rule, &same) == pin)
			renew_text(ref, &rule, pin);
	}

	npins = config_execute(ref,
						   "SELECT DISTINCT pin FROM @.rule_version"
						   " WHERE source_no OPERATOR(pg_catalog.=) $1 AND pin IS NOT NULL",
						   1, types, values, NULL);
	pins = SPI_tuptable;
	for (i = 0; i < npins; i++)
	{
		ConfigTuple row = {pins->vals[i], pins->tupdesc};
		bool		isnull;

		pin_drop(ref, DatumGetObjectId(tuple_get(&row, "pin", &isnull)), false);
	}
	update_versions(ref,
					"UPDATE @.rule_version SET pin = NULL"
					" WHERE source_no OPERATOR(pg_catalog.=) $1 AND pin IS NOT NULL",
					1, types, values, NULL);
}

/*
 * Writes the text of a rule anew from its pin, if read again it would not mean
 * what the pin does.
 */
static void
renew_text(const ProgramRef *ref, const ConfigTuple *rule, Oid pin)
{
	Pin		   *held = pin_load(pin, CurrentMemoryContext);
	const char *alias;
	Oid			types[4] = {INT4OID, TEXTOID, TEXTOID, OIDOID};
	Datum		values[4] = {0};
	bool		nulls[4] = {false, true, true, false};
	int			i;

	if (held == NULL)
		return;
	if (OidIsValid(try_pin(ref, rule, held->relid, held)))
		return;

	alias = OidIsValid(held->relid) ? get_rel_name(held->relid) : "";
	values[0] = Int32GetDatum(tuple_int(rule, "rule_no"));
	values[3] = ObjectIdGetDatum(pin);
	for (i = 0; i < held->nexprs; i++)
	{
		int			which = strcmp(held->exprs[i].name, "condition") == 0 ? 1 : 2;

		values[which] = CStringGetTextDatum(pin_deparse(held, i, alias));
		nulls[which] = false;
	}
	update_versions(ref,
					"UPDATE @.rule_version SET condition = $2, amount = $3"
					" WHERE rule_no OPERATOR(pg_catalog.=) $1"
					" AND pin OPERATOR(pg_catalog.=) $4",
					4, types, values, nulls);
	config_execute(ref,
				   "UPDATE @.rule SET condition = $2, amount = $3"
				   " WHERE rule_no OPERATOR(pg_catalog.=) $1",
				   3, types, values, nulls);
}

/*
 * Changes versions: the pins they have, or how their expressions are written,
 * never what they mean.
 */
static void
update_versions(const ProgramRef *ref, const char *statement, int nargs,
				const Oid *types, const Datum *values, const bool *nulls)
{
	ledger_internal++;
	PG_TRY();
	{
		config_execute(ref, statement, nargs, types, values, nulls);
	}
	PG_FINALLY();
	{
		ledger_internal--;
	}
	PG_END_TRY();
}

/*
 * After a source has been attached again: pins its rules as they are now, for
 * all versions in which they were the same.  Rules that are not enabled may
 * not fit the table any more; they are looked at when they are.
 */
void
rules_pin_again(const ProgramRef *ref, const char *source_name)
{
	Oid			types[1] = {TEXTOID};
	Datum		values[1] = {CStringGetTextDatum(source_name)};
	ConfigTuple source = find_source(ref, source_name);
	SPITupleTable *rules;
	uint64		nrules;
	uint64		i;
	bool		isnull;
	Oid			relid = DatumGetObjectId(tuple_get(&source, "relation", &isnull));

	nrules = config_execute(ref,
							"SELECT r.*, (SELECT pg_catalog.max(v.config_version)"
							"  FROM @.rule_version AS v"
							"  WHERE v.rule_no OPERATOR(pg_catalog.=) r.rule_no) AS config_version"
							" FROM @.rule AS r WHERE source OPERATOR(pg_catalog.=) $1"
							" AND (condition IS NOT NULL OR amount IS NOT NULL)"
							" ORDER BY rule_no",
							1, types, values, NULL);
	rules = SPI_tuptable;
	for (i = 0; i < nrules; i++)
	{
		ConfigTuple rule = {rules->vals[i], rules->tupdesc};
		Oid			pin = InvalidOid;

		if (tuple_bool(&rule, "enabled"))
			pin = make_pin(ref, &rule, relid, tuple_int(&rule, "config_version"), GetUserId());
		else
			pin = try_pin(ref, &rule, relid, NULL);
		if (OidIsValid(pin))
			set_pin(ref, &rule, tuple_int(&source, "source_no"), pin);
	}
}

/*
 * Pins the expressions of a rule, if they fit.  With another pin to compare
 * with, only says by a valid OID that its text means what that pin does.
 */
static Oid
try_pin(const ProgramRef *ref, const ConfigTuple *rule, Oid relid, const Pin *held)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile Oid pin = InvalidOid;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		if (held == NULL)
		{
			pin = make_pin(ref, rule, relid, tuple_int(rule, "config_version"),
						   GetUserId());
			ReleaseCurrentSubTransaction();
		}
		else
		{
			pin = make_pin(ref, rule, relid, 0, GetUserId());
			if (!same_meaning(pin_load(pin, context), held))
				pin = InvalidOid;
			RollbackAndReleaseCurrentSubTransaction();
		}
	}
	PG_CATCH();
	{
		ErrorData  *caught;

		MemoryContextSwitchTo(context);
		caught = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
		if (caught->sqlerrcode == ERRCODE_QUERY_CANCELED ||
			ERRCODE_TO_CATEGORY(caught->sqlerrcode) == ERRCODE_INSUFFICIENT_RESOURCES)
			ReThrowError(caught);
		pin = InvalidOid;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return pin;
}

/*
 * Have two pins the same expressions?
 */
static bool
same_meaning(const Pin *a, const Pin *b)
{
	int			i;

	if (a->nexprs != b->nexprs)
		return false;
	for (i = 0; i < a->nexprs; i++)
		if (strcmp(a->exprs[i].name, b->exprs[i].name) != 0 ||
			!equal(a->exprs[i].parsed, b->exprs[i].parsed))
			return false;
	return true;
}

/*
 * Gives a pin to all versions of a rule that have its present expressions.
 */
static void
set_pin(const ProgramRef *ref, const ConfigTuple *rule, int32 source_no, Oid pin)
{
	Oid			types[5] = {INT4OID, INT4OID, TEXTOID, TEXTOID, OIDOID};
	Datum		values[5];
	bool		nulls[5] = {false, false, false, false, false};

	values[0] = Int32GetDatum(tuple_int(rule, "rule_no"));
	values[1] = Int32GetDatum(source_no);
	values[2] = tuple_get(rule, "condition", &nulls[2]);
	values[3] = tuple_get(rule, "amount", &nulls[3]);
	values[4] = ObjectIdGetDatum(pin);
	update_versions(ref,
					"UPDATE @.rule_version SET pin = $5"
					" WHERE rule_no OPERATOR(pg_catalog.=) $1"
					" AND source_no OPERATOR(pg_catalog.=) $2"
					" AND condition IS NOT DISTINCT FROM $3"
					" AND amount IS NOT DISTINCT FROM $4",
					5, types, values, nulls);
}
