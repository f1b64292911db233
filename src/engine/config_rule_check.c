/*-------------------------------------------------------------------------
 *
 * config_rule_check.c
 *	  What a rule may say: its rate, limits, periods, tiers and group, beside
 *	  the unit and the source it is for.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/config_rule.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"

#include "engine/program.h"
#include "types/numbers.h"
#include "types/rate.h"

static void check_rate(const ConfigTuple *rule, const ConfigTuple *source);
static void check_limits(const ConfigTuple *rule, const ConfigTuple *unit);
static void check_periods(const ProgramRef *ref, const ConfigTuple *rule,
						  const ConfigTuple *unit);
static void check_group(const ProgramRef *ref, const ConfigTuple *rule);
static void refuse_carry(const char *unit_name, const char *rule_name);
static Rate get_rate(const ConfigTuple *rule);


/* see config_rule.h */
void
rule_check(const ProgramRef *ref, const ConfigTuple *rule,
		   const ConfigTuple *unit, const ConfigTuple *source)
{
	check_rate(rule, source);
	rule_check_beside_unit(ref, rule, unit);
	config_check_tiers(ref, rule, psprintf("rule \"%s\"", tuple_text(rule, "name")), true);
	check_group(ref, rule);
}

/* see config_rule.h */
void
rule_check_beside_unit(const ProgramRef *ref, const ConfigTuple *rule,
					   const ConfigTuple *unit)
{
	check_limits(rule, unit);
	check_periods(ref, rule, unit);
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

/* see config_rule.h */
void
rule_check_carry(const ProgramRef *ref, const ConfigTuple *unit)
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
