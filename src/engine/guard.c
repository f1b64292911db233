/*-------------------------------------------------------------------------
 *
 * guard.c
 *	  Against accidents: the ledger is written by the engine alone, and
 *	  nothing that is read by all is truncated.
 *
 * These are seat belts, not locks: the owner of a program can take them off.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "utils/rel.h"

#include "engine/config.h"

int			ledger_internal = 0;


/*
 * Refuses UPDATE, DELETE and TRUNCATE of tables that only grow.
 */
LOYALTY_FUNCTION(loyalty_ledger_guard);
Datum
loyalty_ledger_guard(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	const char *command;
	ProgramRef	ref;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("not called by a trigger")));

	command = TRIGGER_FIRED_BY_UPDATE(data->tg_event) ? "UPDATE" :
		TRIGGER_FIRED_BY_DELETE(data->tg_event) ? "DELETE" : "TRUNCATE";
	if (ledger_internal > 0 && !TRIGGER_FIRED_BY_TRUNCATE(data->tg_event))
		return PointerGetDatum(NULL);

	config_trigger_program(data->tg_relation, NULL, &ref);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("%s on table \"%s\" of loyalty program \"%s\" is not allowed",
					command, RelationGetRelationName(data->tg_relation), ref.name),
			 errdetail("The ledger is only ever added to."),
			 errhint("Correct points with %s.adjust() or %s.reverse(), or correct the rows they came from.",
					 ref.name, ref.name)));
	return PointerGetDatum(NULL);
}

/*
 * Refuses TRUNCATE of tables whose rows have to be looked at one by one.
 */
LOYALTY_FUNCTION(loyalty_truncate_guard);
Datum
loyalty_truncate_guard(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("not called by a trigger")));

	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("table \"%s\" of a loyalty program cannot be truncated",
					RelationGetRelationName(data->tg_relation)),
			 errhint("Use DELETE, which checks every row.")));
	return PointerGetDatum(NULL);
}
