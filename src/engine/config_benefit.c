/*-------------------------------------------------------------------------
 *
 * config_benefit.c
 *	  Benefits of tiers: what may stand in their table.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"

#include "engine/config.h"

/*
 * A benefit belongs to a tier, which may have been removed: it still has
 * holders.
 */
static void
check_tier(const ConfigTrigger *trigger)
{
	Oid			types[1] = {TEXTOID};
	char	   *tier = tuple_text(&trigger->new, "tier");
	Datum		values[1] = {CStringGetTextDatum(tier)};

	if (config_execute(&trigger->ref,
					   "SELECT FROM @.tier WHERE name = $1 UNION ALL"
					   " SELECT FROM @.tier_version WHERE name = $1 AND closed LIMIT 1",
					   1, types, values, NULL) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no tier named \"%s\"", tier),
				 errhint("The program's tiers are the rows of its table \"tier\".")));
}

/*
 * Before a row of tier_benefit is written.
 */
LOYALTY_FUNCTION(loyalty_benefit_check);
Datum
loyalty_benefit_check(PG_FUNCTION_ARGS)
{
	ConfigTrigger trigger;
	HeapTuple	result;

	config_trigger_begin(fcinfo, "tier_benefit", CONFIG_BEFORE_ROW, &trigger);
	config_lock(&trigger.ref);
	if (!tuple_isnull(&trigger.new, "tier") &&
		tuple_differs(&trigger.old, &trigger.new, "tier"))
		check_tier(&trigger);
	if (tuple_isnull(&trigger.new, "uses") != tuple_isnull(&trigger.new, "use_period"))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 tuple_isnull(&trigger.new, "uses") ?
				 errmsg("use_period of benefit \"%s\" says nothing without uses",
						tuple_text(&trigger.new, "name")) :
				 errmsg("uses of benefit \"%s\" need a period", tuple_text(&trigger.new, "name")),
				 errhint("Set both, such as uses = 2 and use_period = 'year', or neither: then it can be used without limit.")));
	result = trigger.new.tuple;
	config_trigger_end(&trigger);

	return PointerGetDatum(result);
}
