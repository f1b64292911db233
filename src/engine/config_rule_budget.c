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
