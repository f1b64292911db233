/*-------------------------------------------------------------------------
 *
 * voucher_undo.c
 *	  Giving up reservations, undoing uses, ending codes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "engine/voucher_call.h"
#include "types/code.h"

/*
 * The use that a number names, its code locked and the use read again.  An
 * error if there is none.
 */
static void
lock_use(CodeCall *call, int64 number, VoucherUse *use)
{
	if (!voucher_use_find(call->program, number, use) || !code_find(call, use->code) ||
		!code_lock(call) || !voucher_use_find(call->program, number, use))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no use of a code " INT64_FORMAT, number),
				 errhint("Uses are the rows of \"%s.code_uses\".", call->program->ref.name)));
	if (use->has_member)
	{
		call->has_member = true;
		call->member = use->member;
	}
}

/* Writes what has become of a use. */
static void
update_use(CodeCall *call, int64 number, const char *state, Numeric returned)
{
	static const char query[] =
	"UPDATE %s.voucher_use AS u SET state = $2, closed_at = $3, returned = $4 WHERE u.operation_no = $1";
	Oid			types[4] = {INT8OID, TEXTOID, TIMESTAMPTZOID, NUMERICOID};
	Datum		values[4] = {Int64GetDatum(number), CStringGetTextDatum(state),
	TimestampTzGetDatum(call->now), NumericGetDatum(returned)};
	char		nulls[5] = "    ";

	nulls[3] = returned ? ' ' : 'n';
	plan_execute_nulls(call->program, query, query, 4, types, values, nulls, false, SPI_OK_UPDATE);
}

/* An argument that is the number of a use. */
static int64
number_argument(CodeCall *call, FunctionCallInfo fcinfo, int number, const char *name)
{
	if (PG_ARGISNULL(number))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", name)));
	code_request(call, name, psprintf(INT64_FORMAT, PG_GETARG_INT64(number)));
	return PG_GETARG_INT64(number);
}

/* -------- reservations -------- */

/*
 * release_code_1(program, reservation, key)
 */
LOYALTY_FUNCTION(loyalty_release_code);
Datum
loyalty_release_code(PG_FUNCTION_ARGS)
{
	CodeCall	call;
	VoucherUse	use;
	int64		number;

	code_call_begin(&call, fcinfo, "release_code");
	number = number_argument(&call, fcinfo, 1, "reservation");
	code_key_argument(&call, fcinfo, 2);

	call.status = "released";
	if (code_made_before(&call))
	{
		if (!voucher_use_find(call.program, number, &use) || !code_find(&call, use.code))
			elog(ERROR, "there is no reservation " INT64_FORMAT, number);
		return code_call_end(&call, fcinfo);
	}
	lock_use(&call, number, &use);
	if (code_made_before(&call))
		return code_call_end(&call, fcinfo);
	if (strcmp(use.state, "reserved") != 0 || use.reserved_until <= call.now)
		ereport(ERROR,
				(errcode(ERRCODE_LOYALTY_HOLD_CLOSED),
				 errmsg("reservation " INT64_FORMAT " is not open any more", number),
				 strcmp(use.state, "reserved") == 0 ?
				 errdetail("It lapsed at %s.", timestamptz_to_str(use.reserved_until)) :
				 errdetail("It is \"%s\".", use.state),
				 refusal_fields(call.program->ref.name, "code_uses", "status",
								facts("reservation", fact_int(number), "status",
									  fact_text(strcmp(use.state, "reserved") == 0 ? "lapsed" :
												use.state),
									  "deadline", fact_instant(use.reserved_until), NULL))));
	code_record(&call, "");
	update_use(&call, number, "released", NULL);
	voucher_update(&call, call.voucher.uses, call.voucher.spent);
	return code_call_end(&call, fcinfo);
}

/* -------- undoing uses -------- */

/* Is it a card that was topped up? */
static bool
is_top_up(const VoucherUse *use)
{
	return strcmp(use->state, "topped up") == 0;
}

/*
 * What of a payment from a card is to return to it, or of a top-up is to be taken
 * off it: all that is left, or an amount.
 */
static Numeric
amount_to_undo(const CodeCall *call, const VoucherUse *use)
{
	bool		top_up = is_top_up(use);
	Numeric		moved = top_up ? use->amount : use->discount;
	Numeric		left = money_difference(moved, use->returned);

	if (call->amount == NULL)
		return left;
	if (!money_positive(call->amount) || money_positive(money_difference(call->amount, left)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 top_up ?
				 errmsg("%s cannot be taken off the card: it was topped up with %s, of which %s are left to take",
						numeric_text(call->amount), numeric_text(moved), numeric_text(left)) :
				 errmsg("%s cannot return to the card: it paid %s, of which %s can return",
						numeric_text(call->amount), numeric_text(moved),
						numeric_text(left))));
	if (use->points != NULL && money_positive(money_difference(left, call->amount)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("what was moved to a member's balance can only be moved back as a whole"),
				 errhint("Leave amount out.")));
	return call->amount;
}

/* LY001 unless so much is left on the card. */
static void
require_balance(const CodeCall *call, Numeric amount)
{
	Numeric		left = voucher_left(&call->voucher);

	if (money_positive(money_difference(amount, left)))
		ereport(ERROR,
				(errcode(ERRCODE_LOYALTY_INSUFFICIENT_POINTS),
				 errmsg("%s cannot be taken off the card: %s are left on it",
						numeric_text(amount), numeric_text(left)),
				 errhint("Say amount => what is left."),
				 refusal_fields(call->program->ref.name, "vouchers", "balance",
								card_facts(call, amount))));
}

/* Takes back the points that a code granted. */
static void
take_points_back(CodeCall *call, int64 number)
{
	Operation  *operation = &call->operation;
	OperationRow row;

	if (!operation_find(call->program, number, &row))
		elog(ERROR, "there is no operation " INT64_FORMAT, number);
	operation->unit = rules_unit(call->program->rules, row.unit_no);
	operation->reverses = number;
	reverse_adjustment(operation, &row);
	operation_settle(operation);
	operation_write(operation);
	ledger_close(operation->ledger);
}

/* Refuses to undo what is no use any more. */
static void
require_redeemed(const VoucherUse *use)
{
	if (strcmp(use->state, "redeemed") != 0 && !is_top_up(use))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("use " INT64_FORMAT " of a code cannot be cancelled: it is \"%s\"",
						use->number, use->state),
				 strcmp(use->state, "reserved") == 0 ?
				 errhint("A reservation is given up by release_code.") : 0));
}

/* Undoes a use, its code being locked. */
static void
undo_use(CodeCall *call, const VoucherUse *use)
{
	bool		card = call->pool.kind == VOUCHER_BALANCE;
	bool		top_up = is_top_up(use);
	Voucher    *voucher = &call->voucher;
	Numeric		returned = NULL;
	Numeric		amount = NULL;
	bool		whole = true;

	require_redeemed(use);
	if (card)
	{
		amount = amount_to_undo(call, use);
		returned = money_sum(use->returned, amount);
		whole = !money_positive(money_difference(top_up ? use->amount : use->discount, returned));
		if (top_up)
			require_balance(call, amount);
		else
			call->discount = money_difference(NULL, amount);
	}
	else if (call->amount != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("only what was paid from a card can be returned in part"),
				 errhint("Leave amount out.")));
	if (call->operation.ledger)
		take_points_back(call, use->number);
	else
		code_record(call, "");
	update_use(call, use->number, whole ? "cancelled" : use->state, returned);
	if (top_up)
		voucher_add(call, money_difference(voucher->added, amount), voucher->valid_until);
	else
		voucher_update(call, voucher->uses - (whole ? 1 : 0),
					   card ? money_difference(voucher->spent, amount) : NULL);
}

/*
 * cancel_code_1(program, id, amount, reason, key)
 */
LOYALTY_FUNCTION(loyalty_cancel_code);
Datum
loyalty_cancel_code(PG_FUNCTION_ARGS)
{
	CodeCall	call;
	VoucherUse	use;
	int64		number;
	bool		points = false;
	bool		again;

	code_call_begin(&call, fcinfo, "cancel_code");
	number = number_argument(&call, fcinfo, 1, "id");
	code_amount_argument(&call, fcinfo, 2);
	call.operation.reason = code_text_argument(fcinfo, 3, NULL);
	code_request(&call, "reason", call.operation.reason);
	code_key_argument(&call, fcinfo, 4);

	again = code_made_before(&call);
	if (!again)
	{
		if (voucher_use_find(call.program, number, &use) && use.points != NULL && use.has_member)
		{
			/* its points are taken back: the account first */
			points = true;
			require_redeemed(&use);
			if (call.operation.reason == NULL)
				call.operation.reason = "the use of a code was undone";
			call.operation.worst_status = ACCOUNT_CLOSED;
			again = !operation_begin(&call.operation, use.member);
			call.now = Max(call.now, call.operation.account->now);
			if (again)
				code_abandon(&call);
		}
		if (!again)
		{
			lock_use(&call, number, &use);
			again = !points && code_made_before(&call);
			if (!again)
				undo_use(&call, &use);
		}
	}
	if (again && (!voucher_use_find(call.program, number, &use) || !code_find(&call, use.code)))
		elog(ERROR, "there is no use of a code " INT64_FORMAT, number);
	call.status = "cancelled";
	if (call.found && call.pool.kind == VOUCHER_BALANCE)
		call.balance = voucher_left(&call.voucher);
	return code_call_end(&call, fcinfo);
}

/* -------- ending codes -------- */

/* Writes that a code is void, and its reservations released. */
static void
write_void(CodeCall *call)
{
	static const char releasing[] =
	"UPDATE %s.voucher_use AS u SET state = 'released', closed_at = $2"
	" WHERE u.code = $1 AND u.state = 'reserved' AND u.reserved_until > $2";
	static const char voiding[] =
	"UPDATE %s.voucher AS v SET voided_at = $2, voided_by = $3, in_stock = false, reserved_until = NULL,"
	" held_for = NULL, held_until = NULL WHERE v.code = $1";
	Oid			types[3] = {TEXTOID, TIMESTAMPTZOID, INT8OID};
	Datum		values[3] = {CStringGetTextDatum(call->voucher.code), TimestampTzGetDatum(call->now),
	Int64GetDatum(call->operation.number)};

	plan_execute(call->program, releasing, releasing, 2, types, values, false, SPI_OK_UPDATE);
	plan_execute(call->program, voiding, voiding, 3, types, values, false, SPI_OK_UPDATE);
	call->voucher.voided = true;
}

/*
 * A code that is set aside for a hold may only go if another takes its place: who
 * captures in time gets one.  LY014 if there is none.
 */
static void
replace_held(CodeCall *call)
{
	const Voucher *voucher = &call->voucher;
	const char *until;

	if (voucher->held_until <= call->now || voucher_hold_another(call))
		return;
	until = timestamptz_to_str(voucher->held_until);
	ereport(ERROR,
			(errcode(ERRCODE_LOYALTY_CODE_RESERVED),
			 errmsg("code \"%s\" is set aside for hold " INT64_FORMAT " until %s",
					voucher->written, voucher->held_for, until),
			 errdetail("There is no other code in pool \"%s\" to take its place.",
					   call->pool.name),
			 errhint("Generate or import another, or release the hold."),
			 refusal_fields(call->program->ref.name, "vouchers", "redemption",
							facts("code", fact_text(voucher->written),
								  "pool", fact_text(call->pool.name),
								  "redemption", fact_int(voucher->held_for),
								  "until", fact_instant(voucher->held_until), NULL))));
}

/*
 * void_code_1(program, code, reason, key)
 */
LOYALTY_FUNCTION(loyalty_void_code);
Datum
loyalty_void_code(PG_FUNCTION_ARGS)
{
	CodeCall	call;
	char		code[CODE_SIZE];
	char	   *text;
	bool		again;

	code_call_begin(&call, fcinfo, "void_code");
	text = code_text_argument(fcinfo, 1, "code");
	if (code_from_text(text, code) == 0)
		code[0] = '\0';
	code_request(&call, "code", code);
	call.operation.reason = operation_reason(fcinfo, 2);
	code_request(&call, "reason", call.operation.reason);
	code_key_argument(&call, fcinfo, 3);
	again = code_made_before(&call);
	if (!code_find(&call, code))
		ereport(ERROR,
				(errcode(ERRCODE_LOYALTY_CODE_UNKNOWN),
				 errmsg("there is no code \"%s\"", text),
				 refusal_fields(call.program->ref.name, "vouchers", "code", NULL)));
	call.status = "void";
	if (!again)
	{
		code_lock(&call);
		if (!code_made_before(&call))
		{
			if (call.voucher.voided)
				ereport(ERROR,
						(errcode(ERRCODE_LOYALTY_CODE_EXPIRED),
						 errmsg("code \"%s\" is void already", text),
						 refusal_fields(call.program->ref.name, "vouchers", "voided_at",
										code_facts(&call, NULL, 0))));
			code_record(&call, "");
			replace_held(&call);
			write_void(&call);
		}
	}
	return code_call_end(&call, fcinfo);
}
