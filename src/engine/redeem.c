/*-------------------------------------------------------------------------
 *
 * redeem.c
 *	  Redeeming rewards and setting them aside.
 *
 * Everything is judged once the account is locked, as of that instant: whether
 * the reward is on offer, whether the member may have it, limits, price,
 * points; then its stock is locked, and last codes are.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "core/instant.h"
#include "engine/catalogue.h"
#include "engine/pages.h"
#include "engine/spend.h"
#include "engine/voucher.h"

/* see catalogue.h */
bool
redeem_check(Asking *asking, const RewardConfig *reward, const char *price_name,
			 int32 quantity, const PriceConfig **price, Refusal *refusal)
{
	Program    *program = asking->program;

	if (!reward_is_open(asking, reward, refusal))
		return false;
	*price = reward_price(asking, reward, price_name, refusal);
	if (*price == NULL)
		return false;
	if (!redeem_check_price(program, reward, *price, refusal))
		return false;
	return redemption_within_limits(program, asking->account, reward, quantity, 0, refusal);
}

/* see catalogue.h */
bool
redeem_check_price(Program *program, const RewardConfig *reward, const PriceConfig *price,
				   Refusal *refusal)
{
	UnitConfig *unit = rules_unit(program->rules, price->unit_no);

	if (unit->spendable)
		return true;
	refuse(refusal, ERRCODE_LOYALTY_UNIT_NOT_USABLE,
		   psprintf("Price \"%s\" of reward \"%s\" is in that unit.", price->name, reward->name),
		   NULL, "unit \"%s\" cannot be spent", unit->name);
	refusal_about(refusal, "unit", "spendable",
				  facts("unit", fact_text(unit->name), "reward", fact_text(reward->name),
						"price", fact_text(price->name), NULL));
	return false;
}

/* see catalogue.h */
Program *
redeem_program(FunctionCallInfo fcinfo)
{
	Program    *program = program_get(PG_GETARG_OID(0));

	program_require_owner(&program->ref);

	/*
	 * Whoever gives a reward a stock counts what has been redeemed: either he
	 * waits for us, or we see the stock.
	 */
	LockRelationOid(program->redemption, RowExclusiveLock);
	return program_get(PG_GETARG_OID(0));
}

/* see catalogue.h */
RewardConfig *
reward_argument(FunctionCallInfo fcinfo, int number, Program *program)
{
	RewardConfig *reward;
	char	   *name;

	if (PG_ARGISNULL(number))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("reward must not be null")));
	name = text_to_cstring(PG_GETARG_TEXT_PP(number));
	reward = catalogue_find(catalogue_get(program), name);
	if (reward == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_LOYALTY_REWARD_NOT_AVAILABLE),
				 errmsg("there is no reward \"%s\"", name),
				 errhint("The program's rewards are the rows of its table \"reward\"."),
				 refusal_fields(program->ref.name, "reward", "name",
								facts("reward", fact_text(name), NULL))));
	return reward;
}

/* see catalogue.h */
int32
quantity_argument(FunctionCallInfo fcinfo, int number)
{
	int32		quantity;

	if (PG_ARGISNULL(number))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("quantity must not be null")));
	quantity = PG_GETARG_INT32(number);
	if (quantity < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("quantity must be at least 1, not %d", quantity)));
	return quantity;
}

/* see catalogue.h */
void
redeem_pieces(Operation *operation, const RewardConfig *reward, const PriceConfig *price,
			  int32 quantity, const TimestampTz *deadline, bool automatic)
{
	Program    *program = operation->program;
	AccountState *account = operation->account;
	TimestampTz valid_until = DT_NOEND;
	int16		slot = -1;
	int32		held_pool_no = 0;
	bool		codes_held = false;

	operation->unit = rules_unit(program->rules, price->unit_no);
	operation->reason = reward->name;
	operation->points = price_points(price, quantity);
	if (deadline)
		hold_take(operation, operation->points, *deadline);
	else
		spend_take(operation, operation->points);
	if (reward->limited)
	{
		int64		left;

		slot = stock_take(operation->ledger, reward->reward_no, quantity, account->now, &left);
		if (slot < 0)
			refuse_stock(program, reward, left, quantity);
	}
	operation_settle(operation);
	if (deadline)
		codes_held = reward->pool &&
			voucher_hold(program, reward->pool, operation->number, quantity, account->now,
						 *deadline, &held_pool_no);
	else
	{
		/* what redeems by itself has drawn its codes before */
		if (operation->code)
			valid_until = operation->valid_until;
		else
		{
			valid_until = redemption_valid_until(operation, reward);
			operation->code = redemption_codes(operation, reward, operation->number, quantity,
											   &valid_until);
		}
	}
	operation->valid_until = deadline ? *deadline :
		valid_until == DT_NOEND ? INSTANT_ALWAYS : valid_until;
	operation_write(operation);
	redemption_insert(operation, reward, price, quantity, deadline, slot, valid_until,
					  operation->code, held_pool_no, codes_held, automatic);
}

/* An interval, the same in every session. */
static char *
interval_text(const Interval *length)
{
	return psprintf("%d months %d days " INT64_FORMAT " us", length->month, length->day,
					length->time);
}

/* What a call that was made before has come to. */
static void
present_state(Operation *operation)
{
	Redemption	row;

	if (!redemption_find(operation->program, operation->number, &row))
		return;
	operation->status = redemption_status(&row, operation->account->now);
	operation->unit = rules_unit(operation->program->rules, row.unit_no);
	operation->code = row.code;
	operation->valid_until = row.held ? row.held_until :
		row.valid_until == DT_NOEND ? INSTANT_ALWAYS : row.valid_until;
}

/* Both redeem and hold_reward; for_: the number of that argument, -1: none. */
static Datum
redeem(FunctionCallInfo fcinfo, const char *kind, int price_arg, int key_arg, int for_arg)
{
	Program    *program = redeem_program(fcinfo);
	RewardConfig *reward = reward_argument(fcinfo, 2, program);
	int32		quantity = quantity_argument(fcinfo, 3);
	char	   *price_name = operation_text(fcinfo, price_arg);
	Operation	operation;
	Datum		member;

	operation_init(&operation, program, kind, for_arg < 0 ? ENTRY_REDEEM : ENTRY_HOLD);
	member = operation_member(program, fcinfo, 1);
	operation.key = operation_key(fcinfo, key_arg);
	if (operation.key)
	{
		operation_argument(&operation, "member", member_text(program, member), true);
		operation_argument(&operation, "reward_no", psprintf("%d", reward->reward_no), false);
		operation_argument(&operation, "quantity", psprintf("%d", quantity), false);
		operation_argument(&operation, "price", price_name, true);
		if (for_arg >= 0)
			operation_argument(&operation, "for", PG_ARGISNULL(for_arg) ? NULL :
							   interval_text(PG_GETARG_INTERVAL_P(for_arg)), true);
	}

	if (operation_begin(&operation, member))
	{
		AccountState *account = operation.account;
		const PriceConfig *price;
		Refusal		refusal = {0};
		TimestampTz deadline = 0;
		Asking		asking;

		/* what expressions read must not be older than the account */
		if (operation.ledger->account_moved)
			ledger_refresh(operation.ledger);
		asking_begin(&asking, program, operation.ledger->snapshot, account);
		if (!redeem_check(&asking, reward, price_name, quantity, &price, &refusal))
			refusal_raise(&refusal, program->ref.name);
		asking_end(&asking);
		if (for_arg >= 0)
			deadline = hold_deadline(&operation, PG_ARGISNULL(for_arg) ?
									 &reward->hold_for : PG_GETARG_INTERVAL_P(for_arg));
		redeem_pieces(&operation, reward, price, quantity,
					  for_arg >= 0 ? &deadline : NULL, false);
	}
	else
		present_state(&operation);
	return operation_result(&operation, fcinfo);
}

/*
 * redeem_1(program, member, reward, quantity, price, key)
 */
LOYALTY_FUNCTION(loyalty_redeem);
Datum
loyalty_redeem(PG_FUNCTION_ARGS)
{
	return redeem(fcinfo, "redeem", 4, 5, -1);
}

/*
 * hold_reward_1(program, member, reward, quantity, for, key, price)
 */
LOYALTY_FUNCTION(loyalty_hold_reward);
Datum
loyalty_hold_reward(PG_FUNCTION_ARGS)
{
	return redeem(fcinfo, "hold_reward", 6, 5, 4);
}
