/*-------------------------------------------------------------------------
 *
 * config_rule.c
 *	  Rules: what happens when they are written, and the record of their
 *	  versions.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/config_rule.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

static ConfigTuple rule_unit(const ProgramRef *ref, const char *name);
static ConfigTuple rule_source(const ProgramRef *ref, const char *name);
static void write_version(const ProgramRef *ref, int32 rule_no, Oid pin);


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
			rule_unit(&trigger.ref, tuple_text(&trigger.new, "unit"));
		if (tuple_differs(&trigger.old, &trigger.new, "source"))
			rule_source(&trigger.ref, tuple_text(&trigger.new, "source"));
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
		ConfigTuple unit = rule_unit(&trigger.ref, tuple_text(&trigger.new, "unit"));
		ConfigTuple source = rule_source(&trigger.ref, tuple_text(&trigger.new, "source"));
		Oid			pin;

		rule_check(&trigger.ref, &trigger.new, &unit, &source);
		rule_check_carry(&trigger.ref, &unit);
		tiers_check_rules(&trigger.ref);
		rule_set_budget(&trigger, &unit);
		pin = rule_choose_pin(&trigger.ref, &trigger.new, &source, writer);
		write_version(&trigger.ref, tuple_int(&trigger.new, "rule_no"), pin);
		if (trigger.old.tuple != NULL && !tuple_isnull(&trigger.new, "cap_period") &&
			tuple_differs(&trigger.old, &trigger.new, "cap_period"))
			caps_recount(&trigger.ref, tuple_int(&trigger.new, "rule_no"));
	}

	config_trigger_end(&trigger);

	return PointerGetDatum(NULL);
}

/* see config.h */
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

			rule_check_beside_unit(ref, &rule, &unit);
		}
		rule_check_carry(ref, &unit);
	}
}

/*
 * The unit of a rule.
 */
static ConfigTuple
rule_unit(const ProgramRef *ref, const char *name)
{
	ConfigTuple unit = config_find_unit(ref, name);

	if (unit.tuple == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no unit \"%s\"", name),
				 errhint("Insert it into table \"unit\" first.")));
	return unit;
}

/*
 * The source of a rule; no row if the rule is for all.
 */
static ConfigTuple
rule_source(const ProgramRef *ref, const char *name)
{
	ConfigTuple source = {NULL, NULL};

	if (name == NULL)
		return source;
	source = config_find_source(ref, name);
	if (source.tuple == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no source \"%s\"", name),
				 errhint("Attach it first.")));
	return source;
}

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
