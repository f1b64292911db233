/*-------------------------------------------------------------------------
 *
 * config_rule_budget.c
 *	  A rule's budget, dealt out to the slots that spend it.
 *
 * It is split into parts, so that who spends it need not queue.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/config_rule.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"

#include "types/numbers.h"

/* how many parts */
#define BUDGET_SLOTS 16
#define BUDGET_LAST_SLOT 15

static Points budget_used(const ProgramRef *ref, int32 rule_no);
static Points budget_paid(const ProgramRef *ref, int32 rule_no);
static Points read_used(const ProgramRef *ref, int32 rule_no, const char *statement);


/* see config_rule.h */
void
rule_set_budget(const ConfigTrigger *trigger, const ConfigTuple *unit)
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
	bool		counted;
	Oid			types[5] = {INT4OID, INT2OID, NUMERICOID, NUMERICOID, BOOLOID};
	Datum		values[5];
	int			i;

	values[0] = Int32GetDatum(rule_no);

	/* of all rules, as a batch of events has them: a statement may change several */
	if (tuple_differs(&trigger->old, &trigger->new, "budget"))
		config_execute(ref, "SELECT FROM @.budget_room ORDER BY rule_no, slot FOR UPDATE",
					   0, NULL, NULL, NULL);
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

	if (config_execute(ref, "SELECT FROM @.budget_room"
					   " WHERE rule_no OPERATOR(pg_catalog.=) $1",
					   1, types, values, NULL) == 0)
		config_execute(ref, "INSERT INTO @.budget_room (rule_no, slot, room)"
					   " SELECT $1, slot, '0'::loyalty.points"
					   " FROM pg_catalog.generate_series(0, " CppAsString2(BUDGET_LAST_SLOT) ") AS slot",
					   1, types, values, NULL);

	/* without a budget nobody has counted: look what it has paid */
	counted = !tuple_isnull(&trigger->old, "budget") || trigger->old.tuple == NULL;
	used = counted ? budget_used(ref, rule_no) : budget_paid(ref, rule_no);
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
		values[3] = NumericGetDatum(points_to_numeric(i == 0 ? used : 0));
		values[4] = BoolGetDatum(counted);
		config_execute(ref, "UPDATE @.budget_room SET room = $3::loyalty.points,"
					   " used = CASE WHEN $5 THEN used ELSE $4::loyalty.points END"
					   " WHERE rule_no OPERATOR(pg_catalog.=) $1"
					   " AND slot OPERATOR(pg_catalog.=) $2",
					   5, types, values, NULL);
	}
}

/*
 * What has been used of a budget, as it was counted.
 */
static Points
budget_used(const ProgramRef *ref, int32 rule_no)
{
	return read_used(ref, rule_no,
					 "SELECT pg_catalog.sum(used::pg_catalog.numeric) AS used"
					 " FROM @.budget_room WHERE rule_no OPERATOR(pg_catalog.=) $1");
}

/*
 * What a rule has paid, as the ledger has it.
 */
static Points
budget_paid(const ProgramRef *ref, int32 rule_no)
{
	return read_used(ref, rule_no,
					 "SELECT GREATEST(0, COALESCE(pg_catalog.sum(points::pg_catalog.numeric), 0)) AS used"
					 " FROM @.journal CROSS JOIN LATERAL loyalty.lines_unnest_1(lines)"
					 " WHERE loyalty.lines_has_rule_1(lines, $1)"
					 " AND rule_no OPERATOR(pg_catalog.=) $1 AND kind IN (1, 2)");
}

/*
 * Points that a statement says in its column used.
 */
static Points
read_used(const ProgramRef *ref, int32 rule_no, const char *statement)
{
	Oid			types[1] = {INT4OID};
	Datum		values[1] = {Int32GetDatum(rule_no)};
	ConfigTuple row;
	Points		used;
	bool		isnull;

	config_execute(ref, statement, 1, types, values, NULL);
	row = config_result(0);
	if (points_from_numeric(DatumGetNumeric(tuple_get(&row, "used", &isnull)),
							&used) != CORE_OK)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("what rule %d has paid is out of range", rule_no)));
	return used;
}
