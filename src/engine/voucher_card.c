/*-------------------------------------------------------------------------
 *
 * voucher_card.c
 *	  Cards with a balance of their own: putting money on them, and moving what
 *	  is left to a member's balance.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "engine/voucher_call.h"
#include "types/numbers.h"

/* Refuses a code that is no card. */
static void
require_card(const CodeCall *call)
{
	if (call->pool.kind != VOUCHER_BALANCE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("code \"%s\" is no card with a balance", call->voucher.written),
				 errdetail("Codes of pool \"%s\" give \"%s\".", call->pool.name, call->pool.gives)));
}

/* Refuses no amount, or none at all. */
static void
require_amount(const CodeCall *call, bool none_is_all)
{
	if (call->amount == NULL ? !none_is_all : !money_positive(call->amount))
		ereport(ERROR,
				(errcode(call->amount ? ERRCODE_INVALID_PARAMETER_VALUE :
						 ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("amount must be more than zero")));
}

/* -------- putting money on a card -------- */

/*
 * The end of a card that is topped up: the later one.  Who tops up a card that
 * nobody has had has it from now on.
 */
static Instant
later_end(const CodeCall *call, FunctionCallInfo fcinfo, int number)
{
	Instant		end = call->voucher.valid_until;

	if (call->voucher.in_stock)
	{
		Instant		given;

		core_check(period_end(&call->pool.expires, call->now, &call->program->rules->zone,
							  &given));
		end = Min(end, given);
	}
	return PG_ARGISNULL(number) ? end : Max(end, PG_GETARG_TIMESTAMPTZ(number));
}

/*
 * top_up_code_1(program, code, amount, reason, source, reference, valid_until, key)
 */
LOYALTY_FUNCTION(loyalty_top_up_code);
Datum
loyalty_top_up_code(PG_FUNCTION_ARGS)
{
	CodeCall	call;
	char	   *code;
	char	   *source_name = code_text_argument(fcinfo, 4, NULL);
	char	   *reference = code_text_argument(fcinfo, 5, NULL);
	SourceConfig *source;

	code_call_begin(&call, fcinfo, "top_up_code");
	code = code_argument(&call, fcinfo, 1);
	code_amount_argument(&call, fcinfo, 2);
	require_amount(&call, false);
	call.operation.reason = code_text_argument(fcinfo, 3, NULL);
	code_request(&call, "reason", call.operation.reason);
	code_request(&call, "source", source_name);
	code_request(&call, "reference", reference);
	code_request(&call, "valid_until",
				 PG_ARGISNULL(6) ? NULL : instant_text(PG_GETARG_TIMESTAMPTZ(6)));
	code_key_argument(&call, fcinfo, 7);
	source = code_source_argument(&call, source_name);

	if (code_made_before(&call))
		code_answer_again(&call);
	else if (code_seek(&call, code))
	{
		require_card(&call);
		code_lock(&call);
		if (code_made_before(&call))
			code_answer_again(&call);
		else if (code_in_time(&call))
		{
			code_record(&call, "");
			code_insert_use(&call, "topped up", source, reference, 0);
			voucher_add(&call, money_sum(call.voucher.added, call.amount),
						later_end(&call, fcinfo, 6));
			call.balance = voucher_left(&call.voucher);
			call.status = "topped up";
		}
	}
	return code_call_end(&call, fcinfo);
}

/* -------- moving it to a member's balance -------- */

/* Is a unit money of the program's currency? */
static bool
is_money(const UnitConfig *unit)
{
	return unit->spendable && unit->has_value && unit->value.num == unit->value.den;
}

/* The unit of a name, or the only one that is money; LY010 if it is not. */
static UnitConfig *
money_unit(Program *program, const char *name)
{
	UnitConfig *found = NULL;
	int			i;

	if (name)
		found = rules_unit_by_name(program->rules, name);
	for (i = 0; name == NULL && i < program->rules->nunits; i++)
	{
		UnitConfig *unit = &program->rules->units[i];

		if (!is_money(unit))
			continue;
		if (found)
			ereport(ERROR,
					(errcode(ERRCODE_AMBIGUOUS_PARAMETER),
					 errmsg("several units are money: say which one"),
					 errhint("Add the argument unit => '%s'.", found->name)));
		found = unit;
	}
	if (found == NULL || !is_money(found))
		ereport(ERROR,
				(errcode(ERRCODE_LOYALTY_UNIT_NOT_USABLE),
				 found ? errmsg("unit \"%s\" is not money that can be spent", found->name) :
				 errmsg("no unit is money that can be spent"),
				 errhint("Insert one into table \"unit\" whose value is 1."),
				 refusal_fields(program->ref.name, "unit", "value",
								facts("unit", fact_text(found ? found->name : NULL), NULL))));
	return found;
}

/* Refuses what the unit cannot express. */
static void
require_expressible(const CodeCall *call)
{
	const UnitConfig *unit = call->operation.unit;
	Points		points;

	core_check(points_from_numeric(call->amount, &points));
	if (points % unit->judge.step != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is no amount of %s", numeric_text(call->amount), unit->name),
				 errdetail("The smallest amount of this unit is %s.",
						   points_text(unit->judge.step)),
				 errhint("Say as amount how much is to be moved.")));
}

/* Has the card what is to be moved?  NULL: all of it.  False: refused. */
static bool
card_covers(CodeCall *call)
{
	if (call->amount == NULL)
		call->amount = call->balance;
	if (!money_positive(money_difference(call->amount, call->balance)))
		return true;
	refuse(&call->refusal, ERRCODE_LOYALTY_INSUFFICIENT_POINTS, NULL, NULL,
		   "%s cannot be moved: %s are left on the card", numeric_text(call->amount),
		   numeric_text(call->balance));
	refusal_about(&call->refusal, "vouchers", "balance", card_facts(call, call->amount));
	return false;
}

/*
 * deposit_code_1(program, code, member, amount, unit, key)
 */
LOYALTY_FUNCTION(loyalty_deposit_code);
Datum
loyalty_deposit_code(PG_FUNCTION_ARGS)
{
	CodeCall	call;
	char	   *code;
	char	   *unit_name = code_text_argument(fcinfo, 4, NULL);
	int64		reservation;

	code_call_begin(&call, fcinfo, "deposit_code");
	code = code_argument(&call, fcinfo, 1);
	code_member_argument(&call, fcinfo, 2);
	if (!call.has_member)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("member must not be null")));
	code_amount_argument(&call, fcinfo, 3);
	require_amount(&call, true);
	call.operation.unit = money_unit(call.program, unit_name);
	code_request(&call, "unit_no", psprintf("%d", call.operation.unit->unit_no));
	code_key_argument(&call, fcinfo, 5);

	if (code_made_before(&call))
		code_answer_again(&call);
	else if (code_seek(&call, code))
	{
		require_card(&call);
		reservation = code_own_reservation(&call, 0);
		if (!code_begin_grant(&call, reservation,
							  psprintf("card of pool \"%s\"", call.pool.name)))
		{
			if (call.refusal.sqlerrcode)
				code_failed(&call);
			else
				code_answer_again(&call);
		}
		else if (!code_lock(&call))
			code_unknown(&call);
		else
		{
			reservation = code_own_reservation(&call, 0);
			if (code_judge(&call, reservation) && card_covers(&call))
			{
				require_expressible(&call);
				call.discount = call.points = call.amount;
				code_use(&call, NULL, NULL, reservation);
			}
			else
			{
				code_abandon(&call);
				code_failed(&call);
			}
		}
	}
	return code_call_end(&call, fcinfo);
}
