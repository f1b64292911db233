/*-------------------------------------------------------------------------
 *
 * voucher_use.c
 *	  Checking, reserving and redeeming codes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "engine/pages.h"
#include "engine/read.h"
#include "engine/voucher_call.h"
#include "types/code.h"
#include "types/numbers.h"

/* -------- finding the code -------- */

/* see voucher_call.h */
char *
code_argument(CodeCall *call, FunctionCallInfo fcinfo, int number)
{
	char	   *code = palloc(CODE_SIZE);

	if (code_from_text(code_text_argument(fcinfo, number, "code"), code) == 0)
		code[0] = '\0';
	code_request(call, "code", code);
	return code;
}

/* see voucher_call.h */
bool
code_seek(CodeCall *call, const char *code)
{
	if (code_too_many(call))
		return false;
	if (code[0] && code_find(call, code) && call->voucher.held_until <= call->now)
		return true;
	code_unknown(call);
	code_failed(call);
	return false;
}

/* -------- reservations -------- */

/* see voucher_call.h */
int64
code_own_reservation(CodeCall *call, int64 number)
{
	static const char by_number[] =
	"SELECT u.operation_no FROM %s.voucher_use AS u WHERE u.code = $1 AND u.state = 'reserved'"
	" AND u.reserved_until > $2 AND u.operation_no = $4 AND (u.member_id IS NULL OR u.member_id = $3)";
	static const char by_member[] =
	"SELECT u.operation_no FROM %s.voucher_use AS u WHERE u.code = $1 AND u.state = 'reserved'"
	" AND u.reserved_until > $2 AND u.member_id = $3 ORDER BY u.operation_no LIMIT 1";
	const char *query = number ? by_number : by_member;
	Oid			types[4] = {TEXTOID, TIMESTAMPTZOID, call->program->ref.member_type, INT8OID};
	Datum		values[4] = {CStringGetTextDatum(call->voucher.code),
	TimestampTzGetDatum(call->now), call->member, Int64GetDatum(number)};
	char		nulls[5] = "    ";
	bool		isnull;

	if (call->voucher.reserved_until <= call->now || (!number && !call->has_member))
		return 0;
	nulls[2] = call->has_member ? ' ' : 'n';
	plan_execute_nulls(call->program, query, query, number ? 4 : 3, types, values, nulls, false,
					   SPI_OK_SELECT);
	if (SPI_processed == 0)
		return 0;
	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

/* -------- checking -------- */

/*
 * check_code_1(program, code, member, amount)
 */
LOYALTY_FUNCTION(loyalty_check_code);
Datum
loyalty_check_code(PG_FUNCTION_ARGS)
{
	CodeCall	call;
	char	   *code;

	code_call_begin(&call, fcinfo, "check_code");
	code = code_argument(&call, fcinfo, 1);
	code_member_argument(&call, fcinfo, 2);
	code_amount_argument(&call, fcinfo, 3);
	if (code_seek(&call, code))
	{
		if (code_judge(&call, code_own_reservation(&call, 0)))
			call.status = "valid";
		else
			code_failed(&call);
	}
	return code_call_end(&call, fcinfo);
}

/* -------- reserving -------- */

/* How long the reservation is to last. */
static Instant
deadline(const CodeCall *call, FunctionCallInfo fcinfo, int number)
{
	Interval   *length = PG_ARGISNULL(number) ? call->pool.reserve_for :
		PG_GETARG_INTERVAL_P(number);
	Instant		until = DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
																TimestampTzGetDatum(call->now),
																IntervalPGetDatum(length)));

	if (until <= call->now)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a reservation must last for some time"),
				 errhint("Use for_ => '15 minutes', or leave it out.")));
	return until;
}

/*
 * reserve_code_1(program, code, member, for_, amount, key)
 */
LOYALTY_FUNCTION(loyalty_reserve_code);
Datum
loyalty_reserve_code(PG_FUNCTION_ARGS)
{
	CodeCall	call;
	char	   *code;

	code_call_begin(&call, fcinfo, "reserve_code");
	code = code_argument(&call, fcinfo, 1);
	code_member_argument(&call, fcinfo, 2);
	code_request(&call, "for", PG_ARGISNULL(3) ? NULL :
				 DatumGetCString(DirectFunctionCall1(interval_out, PG_GETARG_DATUM(3))));
	code_amount_argument(&call, fcinfo, 4);
	code_key_argument(&call, fcinfo, 5);

	if (code_made_before(&call))
		code_answer_again(&call);
	else if (code_seek(&call, code))
	{
		if (!code_lock_account(&call, call.pool.uses_per_member > 0, 0))
			code_failed(&call);
		else if (!code_lock(&call))
			code_unknown(&call);
		else if (code_made_before(&call))
			code_answer_again(&call);
		else if (code_judge(&call, 0))
		{
			call.status = "reserved";
			call.reserved_until = deadline(&call, fcinfo, 3);
			code_record(&call, "");
			code_insert_use(&call, "reserved", NULL, NULL, 0);
			voucher_update(&call, call.voucher.uses, call.voucher.spent);
			call.open++;
		}
		else if (code_own_reservation(&call, 0) == 0)
			code_failed(&call);
	}
	return code_call_end(&call, fcinfo);
}

/* -------- redeeming -------- */

/* see voucher_call.h */
SourceConfig *
code_source_argument(CodeCall *call, const char *name)
{
	SourceConfig *source = NULL;

	if (name != NULL && (source = program_source_by_name(call->program, name)) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no source \"%s\" attached", name),
				 errhint("Leave source out, and say in reference what the code was used for.")));
	return source;
}

/* A reservation that has become a use. */
static void
close_reservation(CodeCall *call, int64 reservation)
{
	static const char query[] =
	"UPDATE %s.voucher_use AS u SET state = 'used', closed_at = $2 WHERE u.operation_no = $1";
	Oid			types[2] = {INT8OID, TIMESTAMPTZOID};
	Datum		values[2] = {Int64GetDatum(reservation), TimestampTzGetDatum(call->now)};

	plan_execute(call->program, query, query, 2, types, values, false, SPI_OK_UPDATE);
}

/* The points of a code, for the account that the operation has locked. */
static void
grant_points(CodeCall *call)
{
	Operation  *operation = &call->operation;
	AccountState *account = operation->account;
	int32		unit_no = operation->unit->unit_no;
	Points		shown;

	core_check(points_from_numeric(call->points, &operation->points));
	core_check(account_add(&account->core, ENTRY_ADJUST, unit_no, operation->points, account->now,
						   operation_lot_end(account, operation->unit), account->now, 0,
						   operation_sink, operation));
	operation_settle(operation);
	operation_write(operation);
	shown = points_shown(account_unit_balance(account, unit_no).available,
						 operation->unit->decimals);
	call->balance = points_to_numeric(shown);
}

/* Begins the operation that grants points; false if it has been made before. */
static bool
begin_grant(CodeCall *call, const char *reason)
{
	call->operation.reason = pstrdup(reason);
	if (!operation_begin(&call->operation, call->member))
	{
		code_abandon(call);
		return false;
	}
	call->now = call->operation.account->now;
	return true;
}

/*
 * Locks the member's account as the code needs it.  False if the call has been
 * made before, by somebody who had it locked; or if it has been refused.
 */
static bool
begin_use(CodeCall *call, int64 reservation)
{
	bool		points = call->pool.kind == VOUCHER_POINTS && call->has_member;

	if (!code_lock_account(call, points || call->pool.uses_per_member > 0, reservation))
		return false;
	if (!points)
		return true;
	call->operation.unit = rules_unit(call->program->rules, call->pool.unit_no);
	if (call->operation.unit == NULL)
		elog(ERROR, "there is no unit %d", call->pool.unit_no);
	return begin_grant(call, psprintf("code of pool \"%s\"", call->pool.name));
}

/* see voucher_call.h */
bool
code_begin_grant(CodeCall *call, int64 reservation, const char *reason)
{
	return code_lock_account(call, true, reservation) && begin_grant(call, reason);
}

/* see voucher_call.h */
void
code_use(CodeCall *call, const SourceConfig *source, const char *reference, int64 reservation)
{
	Numeric		spent = call->voucher.spent;

	if (call->operation.ledger)
		grant_points(call);
	else
		code_record(call, "");
	code_insert_use(call, "redeemed", source, reference, reservation);
	if (reservation)
		close_reservation(call, reservation);
	if (call->pool.kind == VOUCHER_BALANCE)
	{
		voucher_update(call, call->voucher.uses + 1, money_sum(spent, call->discount));
		call->balance = voucher_left(&call->voucher);
	}
	else
		voucher_update(call, call->voucher.uses + 1, spent);
	if (call->operation.ledger)
		ledger_close(call->operation.ledger);
	call->status = "redeemed";
}

/*
 * redeem_code_1(program, code, member, amount, source, reference, reservation, key)
 */
LOYALTY_FUNCTION(loyalty_redeem_code);
Datum
loyalty_redeem_code(PG_FUNCTION_ARGS)
{
	CodeCall	call;
	char	   *code;
	char	   *source_name = code_text_argument(fcinfo, 4, NULL);
	char	   *reference = code_text_argument(fcinfo, 5, NULL);
	SourceConfig *source;
	int64		reservation;

	code_call_begin(&call, fcinfo, "redeem_code");
	code = code_argument(&call, fcinfo, 1);
	code_member_argument(&call, fcinfo, 2);
	code_amount_argument(&call, fcinfo, 3);
	code_request(&call, "source", source_name);
	code_request(&call, "reference", reference);
	code_request(&call, "reservation", PG_ARGISNULL(6) ? NULL :
				 psprintf(INT64_FORMAT, PG_GETARG_INT64(6)));
	code_key_argument(&call, fcinfo, 7);
	source = code_source_argument(&call, source_name);

	if (code_made_before(&call))
		code_answer_again(&call);
	else if (code_seek(&call, code))
	{
		if (call.pool.kind == VOUCHER_BALANCE && call.amount == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("how much is to be paid from the card?"),
					 errhint("Add the argument amount => what is left to pay; the row says as discount how much of it the card paid.")));
		reservation = code_own_reservation(&call, PG_ARGISNULL(6) ? 0 : PG_GETARG_INT64(6));
		if (!begin_use(&call, reservation))
		{
			if (call.refusal.sqlerrcode)
				code_failed(&call);
			else
				code_answer_again(&call);
		}
		else if (!code_lock(&call))
			code_unknown(&call);
		else if (call.operation.ledger == NULL && code_made_before(&call))
			code_answer_again(&call);
		else
		{
			reservation = code_own_reservation(&call, PG_ARGISNULL(6) ? 0 : PG_GETARG_INT64(6));
			if (code_judge(&call, reservation))
				code_use(&call, source, reference, reservation);
			else
			{
				code_abandon(&call);
				code_failed(&call);
			}
		}
	}
	return code_call_end(&call, fcinfo);
}
