/*-------------------------------------------------------------------------
 *
 * tier_give.c
 *	  Tiers given and taken by hand.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/tiers.h"

#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "engine/operation.h"
#include "engine/read.h"

/* The tier to be given: one that still takes members; 0 for none. */
static int32
given_tier(const TierConfig *config, int group, const char *name, bool has_end, Instant now)
{
	const TierLadder *ladder = tier_ladder(&config->groups[group], now);
	const TierStep *step;

	if (ladder == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("tier group \"%s\" takes no members yet",
						config->group_names[group])));
	if (name == NULL)
		return 0;
	step = tier_step(ladder, tiers_number(config, group, name));
	if (step == NULL || step->closed)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("tier \"%s\" was removed", name),
				 errdetail("It takes no new members.")));
	if (!has_end && ladder->keep.kind == PERIOD_IMMEDIATELY)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a tier given by hand in group \"%s\" needs an end",
						config->group_names[group]),
				 errdetail("The group keeps tiers no longer than the balance."),
				 errhint("Give until => an instant, or 'infinity' for life.")));
	return step->tier_no;
}

/* The group of a tier by name, or of the only group. */
static int
choose_group(Program *program, const char *group, const char *tier)
{
	TierConfig *config = program->tiers;
	int			i;

	for (i = config ? config->ntiers - 1 : -1; i >= 0 && group == NULL && tier != NULL; i--)
	{
		if (strcmp(config->tier_names[i], tier) == 0)
			return config->tier_groups[i];
	}
	if (config && group == NULL && tier != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no tier named \"%s\"", tier),
				 errhint("The program's tiers are the rows of its table \"tier\".")));
	return tiers_group(program, group);
}

/*
 * set_tier_1(program, member, tier, reason, until, tier_group, key)
 */
LOYALTY_FUNCTION(loyalty_set_tier);
Datum
loyalty_set_tier(PG_FUNCTION_ARGS)
{
	Program    *program = program_get(PG_GETARG_OID(0));
	Operation	operation;
	Datum		member;
	char	   *tier;
	char	   *group_name;
	int			group;
	bool		has_end = !PG_ARGISNULL(4);
	Instant		until = has_end ? PG_GETARG_TIMESTAMPTZ(4) : INSTANT_ALWAYS;
	const TierConfig *config = program->tiers;
	TierState	state = {0};
	TupleDesc	desc;
	Datum		values[6];
	bool		isnull[6] = {0};

	program_require_owner(&program->ref);
	operation_init(&operation, program, "set_tier", ENTRY_ADJUST);
	operation.keeps_request = true;
	operation.worst_status = ACCOUNT_BLOCKED;
	member = operation_member(program, fcinfo, 1);
	tier = operation_text(fcinfo, 2);
	operation.reason = operation_reason(fcinfo, 3);
	group_name = operation_text(fcinfo, 5);
	operation.key = operation_key(fcinfo, 6);
	group = choose_group(program, group_name, tier);
	operation.unit =
		rules_unit(program->rules,
				   program->tiers->groups[group].ladders[program->tiers->groups[group].nladders - 1].unit_no);
	operation_argument(&operation, "member", member_text(program, member), true);
	operation_argument(&operation, "tier_group", program->tiers->group_names[group], true);
	operation_argument(&operation, "tier", tier, true);
	operation_argument(&operation, "reason", operation.reason, true);
	operation_argument(&operation, "until",
					   has_end ? DatumGetCString(DirectFunctionCall1(timestamptz_out,
																	 TimestampTzGetDatum(until))) :
					   NULL, true);

	if (operation_begin(&operation, member))
	{
		AccountState *account = operation.account;
		int32		tier_no = given_tier(account->tiers->config, group, tier, has_end,
												account->now);

		if (has_end && until <= account->now)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("a tier cannot end before it is given"),
					 errdetail("It is %s now.", timestamptz_to_str(account->now))));
		if (has_end && tier_no == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("taking a tier has no end"),
					 errhint("Leave until out: the member can reach a tier again at any time.")));
		tiers_give(account, group, tier_no, until, operation.number);
		operation_settle(&operation);
		operation_write(&operation);
	}
	if (operation.account)
	{
		state = operation.account->tiers->walk.states[group];
		config = operation.account->tiers->config;
	}
	if (operation.ledger)
		ledger_close(operation.ledger);

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = Int64GetDatum(operation.number);
	values[1] = CStringGetTextDatum(operation.status);
	values[2] = CStringGetTextDatum(program->tiers->group_names[group]);
	isnull[3] = state.tier_no == 0;
	if (!isnull[3])
		values[3] = CStringGetTextDatum(tiers_name(config, state.tier_no));
	isnull[4] = isnull[5] = isnull[3];
	values[4] = TimestampTzGetDatum(state.since);
	values[5] = TimestampTzGetDatum(state.until);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, isnull));
}
