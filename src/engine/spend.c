/*-------------------------------------------------------------------------
 *
 * spend.c
 *	  Spending points.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "engine/activity.h"
#include "engine/pages.h"
#include "engine/spend.h"

/* see spend.h */
UnitConfig *
spendable_unit(Program *program, const char *name)
{
	UnitConfig *unit = rules_unit_by_name(program->rules, name);

	if (!unit->spendable)
		ereport(ERROR,
				(errcode(ERRCODE_LOYALTY_UNIT_NOT_USABLE),
				 errmsg("unit \"%s\" cannot be spent", unit->name),
				 errdetail("Its column \"spendable\" is false."),
				 refusal_fields(program->ref.name, "unit", "spendable",
								facts("unit", fact_text(unit->name), NULL))));
	return unit;
}

/* see spend.h */
void
spend_note_activity(Operation *operation)
{
	AccountState *account = operation->account;

	activity_note(operation->ledger, account, operation->unit->unit_no, account->now);
}

/* see spend.h */
void
spend_take(Operation *operation, Points points)
{
	AccountState *account = operation->account;
	Points		missing;

	operation->points = operation->spent = points;
	if (points == 0)
		return;
	pages_bring_in_for(operation->ledger, account, operation->unit->unit_no, points);
	core_check(account_take(&account->core, ENTRY_REDEEM, operation->unit->unit_no, points,
							false, account->now, 0, &missing, operation_sink, operation));
	if (missing > 0)
		insufficient_points(operation, points, missing);
	spend_note_activity(operation);
}

/*
 * spend_1(program, member, points, unit, key, note)
 */
LOYALTY_FUNCTION(loyalty_spend);
Datum
loyalty_spend(PG_FUNCTION_ARGS)
{
	Program    *program = program_get(PG_GETARG_OID(0));
	Operation	operation;
	Datum		member;
	Points		points;

	program_require_owner(&program->ref);
	operation_init(&operation, program, "spend", ENTRY_REDEEM);
	member = operation_member(program, fcinfo, 1);
	operation.unit = spendable_unit(program, operation_text(fcinfo, 3));
	points = operation_amount(fcinfo, 2, operation.unit, true, false);
	operation.key = operation_key(fcinfo, 4);
	operation.reason = operation_text(fcinfo, 5);
	if (operation_needs_request(&operation))
	{
		operation_argument(&operation, "member", member_text(program, member), true);
		operation_argument(&operation, "unit_no", psprintf("%d", operation.unit->unit_no), false);
		operation_argument(&operation, "points", points_text(points), false);
		operation_argument(&operation, "note", operation.reason, true);
	}
	if (operation_begin(&operation, member))
	{
		spend_take(&operation, points);
		operation_settle(&operation);
		operation_write(&operation);
	}
	return operation_result(&operation, fcinfo);
}
