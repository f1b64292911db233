/*-------------------------------------------------------------------------
 *
 * program_rules.c
 *	  The rules and units of a program as they were in one configuration version.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/program_load.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "engine/amount.h"
#include "types/zone.h"

/* Numbers of exclusive groups, by name, as long as rules are loaded. */
static int32
group_number(List **names, const char *name)
{
	ListCell   *lc;

	if (name == NULL)
		return 0;
	foreach(lc, *names)
	{
		if (strcmp((char *) lfirst(lc), name) == 0)
			return foreach_current_index(lc) + 1;
	}
	*names = lappend(*names, pstrdup(name));
	return list_length(*names);
}

/* Position of a rule among the rules of its unit: those that go first, first. */
static int
rule_order(const void *a, const void *b)
{
	const RuleConfig *left = (const RuleConfig *) a;
	const RuleConfig *right = (const RuleConfig *) b;

	if (left->unit != right->unit)
		return left->unit < right->unit ? -1 : 1;
	if (left->judge.priority != right->judge.priority)
		return left->judge.priority > right->judge.priority ? -1 : 1;
	return left->judge.name_rank < right->judge.name_rank ? -1 : 1;
}

static Stacking
stacking_from_text(const char *text)
{
	return strcmp(text, "best") == 0 ? STACKING_BEST :
		strcmp(text, "multiplicative") == 0 ? STACKING_MULTIPLICATIVE :
		STACKING_ADDITIVE;
}

static Rounding
rounding_from_text(const char *text)
{
	return strcmp(text, "half_up") == 0 ? ROUNDING_HALF_UP :
		strcmp(text, "half_even") == 0 ? ROUNDING_HALF_EVEN :
		strcmp(text, "ceil") == 0 ? ROUNDING_CEIL :
		strcmp(text, "carry") == 0 ? ROUNDING_CARRY :
		ROUNDING_FLOOR;
}

/*
 * Reads a unit's configuration from a row of unit_version; what has no versions,
 * from its row of unit (NULL: it is gone).
 */
static void
load_unit(const ConfigRow *row, const ConfigRow *present, Stacking stacking,
		  UnitConfig *unit)
{
	Datum		value;
	bool		isnull;
	int			i;

	unit->unit_no = config_int(row, "unit_no", 0);
	unit->name = config_text(row, "name");
	config_struct(row, "activates", "period", &unit->activates, sizeof(Period));
	config_struct(row, "expires", "period", &unit->expires, sizeof(Period));
	unit->decimals = config_int(row, "decimals", 0);
	unit->forgive = strcmp(config_text(row, "on_shortfall"), "forgive") == 0;
	unit->spendable = true;
	unit->value = FRAC_ZERO;
	if (present)
	{
		unit->spendable = config_bool(present, "spendable");
		unit->transferable = config_bool(present, "transferable");
		value = config_datum(present, "value", NUMERICOID, &isnull);
		unit->has_value = !isnull;
		if (!isnull)
			unit->value = amount_from_numeric(value, "value");
		config_struct(present, "return_grace", "period", &unit->return_grace, sizeof(Period));
	}
	unit->judge.stacking = stacking;
	unit->judge.rounding = rounding_from_text(config_text(row, "rounding"));
	unit->judge.step = POINTS_SCALE;
	for (i = 0; i < unit->decimals; i++)
		unit->judge.step /= 10;
	if (unit->judge.rounding == ROUNDING_CARRY)
		unit->judge.step = 1;
	unit->judge.has_max_per_event =
		config_points(row, "max_per_event", &unit->judge.max_per_event);
}

/* see program_load.h */
CalendarUnit
cap_period_from_text(const char *text)
{
	return strcmp(text, "ever") == 0 ? CALENDAR_EVER :
		calendar_unit_parse(text, strlen(text));
}

/* Reads a rule's configuration from a row of rule_version. */
static void
load_rule(const ConfigRow *row, RuleSet *rules, List **groups, int rank,
		  RuleConfig *rule, MemoryContext context)
{
	bool		isnull;
	Datum		value;
	char	   *cap_period;
	Oid			pin;

	rule->rule_no = config_int(row, "rule_no", 0);
	rule->name = config_text(row, "name");
	rule->source_no = config_int(row, "source_no", 0);
	rule->unit_no = config_int(row, "unit_no", 0);
	rule->unit = rules_unit(rules, rule->unit_no) - rules->units;
	config_struct(row, "earn", "rate", &rule->judge.earn, sizeof(Rate));
	rule->judge.priority = config_int(row, "priority", 0);
	rule->judge.name_rank = rank;
	rule->exclusive_group = config_text(row, "exclusive_group");
	rule->judge.exclusive_group = group_number(groups, rule->exclusive_group);
	rule->judge.has_max_per_event =
		config_points(row, "max_per_event", &rule->judge.max_per_event);

	value = config_datum(row, "min_amount", NUMERICOID, &isnull);
	rule->has_min_amount = !isnull;
	rule->min_amount = isnull ? FRAC_ZERO : amount_from_numeric(value, "min_amount");

	config_range(row, "valid", &rule->valid_from, &rule->valid_until);
	cap_period = config_text(row, "cap_period");
	if (config_points(row, "max_per_member", &rule->max_per_member) && cap_period)
		rule->cap_period = cap_period_from_text(cap_period);
	value = config_datum(row, "budget", NUMERICOID, &isnull);
	rule->has_budget = !isnull;
	config_struct(row, "activates", "period", &rule->activates, sizeof(Period));
	config_struct(row, "expires", "period", &rule->expires, sizeof(Period));

	value = config_datum(row, "tiers", TEXTARRAYOID, &isnull);
	if (!isnull)
	{
		Datum	   *names;
		int			i;

		deconstruct_array(DatumGetArrayTypeP(value), TEXTOID, -1, false, TYPALIGN_INT,
						  &names, NULL, &rule->ntiers);
		rule->tiers = palloc(sizeof(char *) * Max(1, rule->ntiers));
		for (i = 0; i < rule->ntiers; i++)
			rule->tiers[i] = TextDatumGetCString(names[i]);
	}

	rule->needs_pin = config_text(row, "condition") != NULL ||
		config_text(row, "amount") != NULL;
	rule->condition = rule->amount = -1;
	pin = config_regclass(row, "pin");
	if (OidIsValid(pin))
		rule->pin = pin_load(pin, context);
	if (rule->pin)
	{
		int			i;

		rule->condition = pin_find(rule->pin, "condition");
		rule->amount = pin_find(rule->pin, "amount");
		for (i = 0; i < rule->pin->nexprs; i++)
			rule->uses_member |= rule->pin->exprs[i].uses_member;
	}
}

/* Loads what the program itself was in a configuration version; returns its stacking. */
static Stacking
load_zone(const ProgramRef *ref, RuleSet *rules, MemoryContext context)
{
	ConfigTable *table = config_table_open(ref, "program_version");
	ConfigRow	row;
	int32		latest = 0;
	Stacking	stacking = STACKING_ADDITIVE;

	while (config_table_next(table, &row))
	{
		int32		version = config_int(&row, "config_version", 0);

		if (version <= latest || version > rules->config_version)
			continue;
		latest = version;
		rules->zone_name = MemoryContextStrdup(context, config_text(&row, "time_zone"));
		stacking = stacking_from_text(config_text(&row, "stacking"));
	}
	config_table_close(table);
	if (latest == 0)
		elog(ERROR, "program \"%s\" has no configuration of version %d",
			 ref->name, rules->config_version);
	rules->tz = zone_lookup(rules->zone_name);
	if (rules->tz == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%s\" of program \"%s\" does not exist",
						rules->zone_name, ref->name)));
	rules->zone = zone_for_tz(rules->tz);
	return stacking;
}

/* The row of a number among those kept; NULL if there is none. */
static const ConfigRow *
find_row(const ConfigTable *table, const char *number_column, int32 number)
{
	int			i;

	for (i = 0; i < table->nrows; i++)
	{
		if (config_int(&table->rows[i], number_column, 0) == number)
			return &table->rows[i];
	}
	return NULL;
}

/*
 * Loads the units of a version, and the unit of the rule that is as of another
 * version if it was not there.
 */
static void
load_units(const ProgramRef *ref, RuleSet *rules, Stacking stacking, int32 rule_unit,
		   int32 rule_version)
{
	static const char *const by_number[] = {"unit_no"};
	int32		version = rules->config_version;
	ConfigTable *present = config_table_read(ref, "unit");
	ConfigTable *table = config_table_read_latest(ref, "unit_version", "unit_no", version, 0, 0);
	int			i;

	if (rule_unit != 0 && find_row(table, "unit_no", rule_unit) == NULL)
	{
		config_table_close(table);
		table = config_table_read_latest(ref, "unit_version", "unit_no", version,
										 rule_unit, rule_version);
	}
	config_table_sort(table, by_number, lengthof(by_number));
	rules->units = palloc0(sizeof(UnitConfig) * Max(1, table->nrows));
	for (i = 0; i < table->nrows; i++)
	{
		const ConfigRow *row = &table->rows[i];

		if (!config_bool(row, "deleted"))
			load_unit(row, find_row(present, "unit_no", config_int(row, "unit_no", 0)), stacking,
					  &rules->units[rules->nunits++]);
	}
	config_table_close(table);
	config_table_close(present);
}

/* see program_load.h */
RuleSet *
load_rules(Program *program, int32 config_version, int32 rule_no, int32 rule_version)
{
	static const char *const by_name[] = {"name"};
	const ProgramRef *ref = &program->ref;
	MemoryContext old = MemoryContextSwitchTo(program->context);
	RuleSet    *rules = palloc0(sizeof(RuleSet));
	List	   *groups = NIL;
	Stacking	stacking;
	ConfigTable *table;
	const ConfigRow *other;
	int			i;

	rules->config_version = config_version;
	stacking = load_zone(ref, rules, program->context);
	table = config_table_read_latest(ref, "rule_version", "rule_no", config_version,
									 rule_no, rule_version);
	other = rule_no == 0 ? NULL : find_row(table, "rule_no", rule_no);
	load_units(ref, rules, stacking, other ? config_int(other, "unit_no", 0) : 0, rule_version);
	config_table_sort(table, by_name, lengthof(by_name));
	rules->rules = palloc0(sizeof(RuleConfig) * Max(1, table->nrows));
	rules->capped = palloc(sizeof(CappedRule) * Max(1, table->nrows));
	for (i = 0; i < table->nrows; i++)
	{
		const ConfigRow *row = &table->rows[i];
		char	   *cap_period = config_text(row, "cap_period");

		if (config_bool(row, "deleted"))
			continue;
		if (cap_period)
		{
			CappedRule *capped = &rules->capped[rules->ncapped++];

			capped->rule_no = config_int(row, "rule_no", 0);
			capped->period = cap_period_from_text(cap_period);
		}
		if (!config_bool(row, "enabled"))
			continue;
		load_rule(row, rules, &groups, rules->nrules, &rules->rules[rules->nrules],
				  program->context);
		rules->nrules++;
	}
	config_table_close(table);
	qsort(rules->rules, rules->nrules, sizeof(RuleConfig), rule_order);
	MemoryContextSwitchTo(old);
	return rules;
}

/* see program.h */
RuleSet *
program_rules(Program *program, int32 config_version)
{
	ListCell   *lc;
	RuleSet    *rules;
	RightsSave	rights;
	MemoryContext old;

	if (config_version == program->rules->config_version)
		return program->rules;
	foreach(lc, program->old_rules)
	{
		rules = (RuleSet *) lfirst(lc);
		if (rules->config_version == config_version)
			return rules;
	}
	rights_enter(program->ref.owner, SECURITY_NOFORCE_RLS, &rights);
	PushActiveSnapshot(config_snapshot());
	rules = load_rules(program, config_version, 0, 0);
	PopActiveSnapshot();
	rights_leave(&rights);
	old = MemoryContextSwitchTo(program->context);
	program->old_rules = lappend(program->old_rules, rules);
	MemoryContextSwitchTo(old);
	return rules;
}

/* see program.h */
RuleSet *
program_rules_with(Program *program, int32 config_version, int32 rule_no)
{
	RuleSet    *rules;
	RightsSave	rights;

	rights_enter(program->ref.owner, SECURITY_NOFORCE_RLS, &rights);
	PushActiveSnapshot(config_snapshot());
	rules = load_rules(program, config_version, rule_no, program->config_version);
	PopActiveSnapshot();
	rights_leave(&rights);
	return rules;
}

/* see program.h */
UnitConfig *
rules_unit(RuleSet *rules, int32 unit_no)
{
	int			i;

	for (i = 0; i < rules->nunits; i++)
	{
		if (rules->units[i].unit_no == unit_no)
			return &rules->units[i];
	}
	elog(ERROR, "there is no unit number %d in configuration version %d",
		 unit_no, rules->config_version);
	return NULL;
}

/* see program.h */
UnitConfig *
rules_unit_by_name(RuleSet *rules, const char *name)
{
	UnitConfig *found = NULL;
	int			nspendable = 0;
	int			i;

	for (i = 0; i < rules->nunits; i++)
	{
		UnitConfig *unit = &rules->units[i];

		if (name ? strcmp(unit->name, name) == 0 : unit->spendable)
		{
			found = unit;
			nspendable++;
		}
	}
	if (name && found == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no unit \"%s\"", name),
				 errhint("The program's units are the rows of its table \"unit\".")));
	if (name == NULL && nspendable != 1)
		ereport(ERROR,
				(errcode(ERRCODE_AMBIGUOUS_PARAMETER),
				 errmsg("the program has %d spendable units: say which one", nspendable),
				 errhint("Give unit => the name of a unit.")));
	return found;
}

/* see program.h */
RuleConfig *
rules_rule(RuleSet *rules, int32 rule_no)
{
	int			i;

	for (i = 0; i < rules->nrules; i++)
	{
		if (rules->rules[i].rule_no == rule_no)
			return &rules->rules[i];
	}
	return NULL;
}
