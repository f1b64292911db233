/*-------------------------------------------------------------------------
 *
 * voucher_call.c
 *	  What the functions that handle codes have in common: arguments, keys,
 *	  accounts, the row of the call, the answer.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "engine/voucher_call.h"
#include "types/code.h"
#include "types/numbers.h"

/* see voucher_call.h */
void
voucher_enter(Program *program, VoucherRights *save)
{
	rights_enter(program->ref.owner, SECURITY_NOFORCE_RLS, &save->rights);
	save->guc_level = NewGUCNestLevel();
	set_local("search_path", PINNED_SEARCH_PATH);
	SPI_connect();
}

/* see voucher_call.h */
void
voucher_leave(const VoucherRights *save)
{
	SPI_finish();
	AtEOXact_GUC(false, save->guc_level);
	rights_leave(&save->rights);
}

/* see voucher_call.h */
void
code_call_begin(CodeCall *call, FunctionCallInfo fcinfo, const char *kind)
{
	memset(call, 0, sizeof(CodeCall));
	call->program = program_get(PG_GETARG_OID(0));
	program_require_owner(&call->program->ref);
	call->caller = CurrentMemoryContext;
	voucher_enter(call->program, &call->rights);
	operation_init(&call->operation, call->program, kind, ENTRY_ADJUST);
	call->operation.keeps_request = true;
	call->now = program_clock(call->program);
	call->reserved_until = INSTANT_ALWAYS;
	call->attempts_left = -1;
}

/* see voucher_call.h */
void
code_call_leave(CodeCall *call)
{
	voucher_leave(&call->rights);
}

/* -------- arguments -------- */

/* see voucher_call.h */
char *
code_text_argument(FunctionCallInfo fcinfo, int number, const char *required)
{
	if (!PG_ARGISNULL(number))
		return text_to_cstring(PG_GETARG_TEXT_PP(number));
	if (required)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", required)));
	return NULL;
}

/* see voucher_call.h */
void
code_member_argument(CodeCall *call, FunctionCallInfo fcinfo, int number)
{
	call->has_member = !PG_ARGISNULL(number);
	if (call->has_member)
		call->member = member_from_argument(call->program,
											get_fn_expr_argtype(fcinfo->flinfo, number),
											PG_GETARG_DATUM(number));
	code_request(call, "member", call->has_member ? member_text(call->program, call->member) : NULL);
}

/* see voucher_call.h */
void
code_amount_argument(CodeCall *call, FunctionCallInfo fcinfo, int number)
{
	int			decimals = call->program->currency_decimals;
	Datum		amount;
	Points		money;

	if (!PG_ARGISNULL(number))
	{
		amount = NumericGetDatum(PG_GETARG_NUMERIC(number));
		if (numeric_is_nan(DatumGetNumeric(amount)) || numeric_is_inf(DatumGetNumeric(amount)) ||
			DatumGetBool(DirectFunctionCall2(numeric_lt, amount,
											 DirectFunctionCall1(int4_numeric, Int32GetDatum(0)))))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("an amount cannot be %s", numeric_text(DatumGetNumeric(amount)))));
		if (!DatumGetBool(DirectFunctionCall2(numeric_eq, amount,
											  DirectFunctionCall2(numeric_round, amount,
																  Int32GetDatum(decimals)))))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s is no amount of money", numeric_text(DatumGetNumeric(amount))),
					 errdetail("The program's currency has %d decimals.", decimals),
					 errhint("Round it first, as the purchase does.")));
		if (points_from_numeric(DatumGetNumeric(amount), &money) != CORE_OK)
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("amount out of range: %s", numeric_text(DatumGetNumeric(amount)))));
		call->amount = DatumGetNumeric(amount);
	}
	code_request_numeric(call, "amount", call->amount);
}

/* see voucher_call.h */
void
code_key_argument(CodeCall *call, FunctionCallInfo fcinfo, int number)
{
	call->operation.key = operation_key(fcinfo, number);
}

/* see voucher_call.h */
void
code_request(CodeCall *call, const char *name, const char *value)
{
	operation_argument(&call->operation, name, value, true);
}

/* see voucher_call.h */
void
code_request_numeric(CodeCall *call, const char *name, Numeric value)
{
	if (value != NULL)
		value = DatumGetNumeric(DirectFunctionCall1(numeric_trim_scale, NumericGetDatum(value)));
	operation_argument(&call->operation, name, value ? numeric_text(value) : NULL, false);
}

/* -------- the row of the call -------- */

/* A JSON object whose last brace is missing. */
static Datum
object_of(const char *text)
{
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(psprintf("%s}", text[0] ? text : "{")));
}

/* see voucher_call.h */
bool
code_made_before(CodeCall *call)
{
	static const char query[] =
	"SELECT o.operation_no, o.kind, o.request FROM %s.operation AS o WHERE o.key = $1";
	Oid			types[1] = {TEXTOID};
	Datum		values[1];
	ConfigTuple row;
	bool		isnull;
	Datum		request;

	if (call->operation.key == NULL)
		return false;
	values[0] = CStringGetTextDatum(call->operation.key);
	plan_execute(call->program, query, query, 1, types, values, false, SPI_OK_SELECT);
	if (SPI_processed == 0)
		return false;
	row = config_result(0);
	request = tuple_get(&row, "request", &isnull);
	if (strcmp(tuple_text(&row, "kind"), call->operation.kind) != 0 || isnull ||
		!DatumGetBool(DirectFunctionCall2(jsonb_eq, request,
										  object_of(call->operation.request.data))))
		refuse_key(call->program, call->operation.key);
	call->operation.number = DatumGetInt64(tuple_get(&row, "operation_no", &isnull));
	return true;
}

/* see voucher_call.h */
void
code_record(CodeCall *call, const char *result)
{
	static const char query[] =
	"INSERT INTO %s.operation (kind, key, member_id, reason, performed_at, request, result)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING operation_no";
	Oid			types[7] = {TEXTOID, TEXTOID, call->program->ref.member_type, TEXTOID,
	TIMESTAMPTZOID, JSONBOID, JSONBOID};
	Datum		values[7] = {0};
	char		nulls[8] = "       ";
	bool		isnull;

	values[0] = CStringGetTextDatum(call->operation.kind);
	if (call->operation.key)
		values[1] = CStringGetTextDatum(call->operation.key);
	else
		nulls[1] = 'n';
	if (call->has_member)
		values[2] = call->member;
	else
		nulls[2] = 'n';
	if (call->operation.reason)
		values[3] = CStringGetTextDatum(call->operation.reason);
	else
		nulls[3] = 'n';
	values[4] = TimestampTzGetDatum(call->now);
	values[5] = object_of(call->operation.request.data);
	values[6] = object_of(result);
	plan_execute_nulls(call->program, query, query, 7, types, values, nulls, false,
					   SPI_OK_INSERT_RETURNING);
	if (SPI_processed == 0)
		refuse_key(call->program, call->operation.key);
	call->operation.number =
		DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

/* -------- members -------- */

/* see voucher_call.h */
bool
code_lock_account(CodeCall *call, bool needed, int64 reservation)
{
	Ledger	   *ledger;
	AccountState *account;

	if (!call->has_member)
		return true;
	ledger = ledger_open(call->program, NULL, false);
	account = ledger_account(ledger, call->member);
	if (account == NULL && needed && call->program->enrolment == 'a')
	{
		/* nobody is enrolled by a code that is no good */
		if (!code_judge(call, reservation))
		{
			ledger_close(ledger);
			return false;
		}
		ledger_enrol(ledger, &call->member, &call->now, 1);
		ledger_refresh(ledger);
		account = ledger_account(ledger, call->member);
	}
	if (account == NULL && needed)
		tell_stranger(call->program, call->member, &call->refusal);
	else if (account != NULL && account->status != ACCOUNT_ACTIVE)
		tell_inactive(call->program, account, &call->refusal);
	if (account != NULL)
	{
		call->now = account->now;

		/*
		 * The member's uses of other codes are counted: who waits for the account
		 * with an older snapshot must not go on with what that shows.
		 */
		if (call->pool.uses_per_member > 0)
			account->dirty = true;
		ledger_save_account(ledger, account);
	}
	ledger_close(ledger);

	/* who opens the ledger next is to see the account as it is now */
	CommandCounterIncrement();
	return call->refusal.sqlerrcode == 0;
}

/* see voucher_call.h */
void
code_abandon(CodeCall *call)
{
	Operation  *operation = &call->operation;

	if (operation->ledger == NULL)
		return;
	ledger_save_account(operation->ledger, operation->account);
	ledger_close(operation->ledger);
	operation->ledger = NULL;
}

/* see voucher_call.h */
void
code_require_member(const CodeCall *call)
{
	static const char query[] = "SELECT FROM %s.member AS m WHERE m.member_id = $1";
	Oid			types[1] = {call->program->ref.member_type};
	Datum		values[1] = {call->member};

	plan_execute(call->program, query, query, 1, types, values, false, SPI_OK_SELECT);
	if (SPI_processed == 0)
		refuse_stranger(call->program, call->member);
}

/* -------- the answer -------- */

/* columns of the answer */
enum
{
	ANSWER_OK,
	ANSWER_SQLSTATE,
	ANSWER_MESSAGE,
	ANSWER_ID,
	ANSWER_STATUS,
	ANSWER_CODE,
	ANSWER_POOL,
	ANSWER_GIVES,
	ANSWER_VALUE,
	ANSWER_CEILING,
	ANSWER_UNIT,
	ANSWER_PRODUCT,
	ANSWER_ATTRIBUTES,
	ANSWER_DISCOUNT,
	ANSWER_POINTS,
	ANSWER_BALANCE,
	ANSWER_USES_LEFT,
	ANSWER_RESERVED_UNTIL,
	ANSWER_VALID_UNTIL,
	ANSWER_ATTEMPTS_LEFT,
	ANSWER_REFUSAL,
	ANSWER_COLUMNS
};

/* the answer being made */
typedef struct Answer
{
	Datum		values[ANSWER_COLUMNS];
	bool		isnull[ANSWER_COLUMNS];
} Answer;

/* Sets a column. */
static void
set(Answer *answer, int column, Datum value)
{
	answer->values[column] = value;
	answer->isnull[column] = false;
}

/* Sets a column of type text, unless there is nothing. */
static void
set_text(Answer *answer, int column, const char *value)
{
	if (value != NULL)
		set(answer, column, CStringGetTextDatum(value));
}

/* Sets a column of type numeric likewise. */
static void
set_numeric(Answer *answer, int column, Numeric value)
{
	if (value != NULL)
		set(answer, column, DirectFunctionCall1(numeric_trim_scale, NumericGetDatum(value)));
}

/* What the code is. */
static void
describe_code(const CodeCall *call, Answer *answer)
{
	const VoucherPool *pool = &call->pool;
	const Voucher *voucher = &call->voucher;
	Instant		until = Min(voucher->valid_until, pool->closes);

	set_text(answer, ANSWER_CODE, voucher->written);
	set_text(answer, ANSWER_POOL, pool->name);
	set_text(answer, ANSWER_GIVES, pool->gives);
	set_numeric(answer, ANSWER_VALUE, voucher->value ? voucher->value : pool->value);
	set_numeric(answer, ANSWER_CEILING, pool->ceiling);
	set_text(answer, ANSWER_UNIT, pool->unit);
	set_text(answer, ANSWER_PRODUCT, pool->product);
	set(answer, ANSWER_ATTRIBUTES, pool->attributes);
	if (pool->uses > 0 && pool->kind != VOUCHER_BALANCE)
		set(answer, ANSWER_USES_LEFT,
			Int32GetDatum(voucher->voided ? 0 : Max(pool->uses - voucher->uses - call->open, 0)));
	if (until != INSTANT_NEVER)
		set(answer, ANSWER_VALID_UNTIL, TimestampTzGetDatum(until));
}

/* see voucher_call.h */
Datum
code_call_end(CodeCall *call, FunctionCallInfo fcinfo)
{
	Answer		answer;
	TupleDesc	desc;
	HeapTuple	tuple;
	MemoryContext old;

	memset(answer.isnull, true, sizeof(answer.isnull));
	set(&answer, ANSWER_OK, BoolGetDatum(call->refusal.sqlerrcode == 0));
	if (call->refusal.sqlerrcode != 0)
	{
		set_text(&answer, ANSWER_SQLSTATE, unpack_sql_state(call->refusal.sqlerrcode));
		set_text(&answer, ANSWER_MESSAGE, call->refusal.message);
		set_text(&answer, ANSWER_STATUS, "refused");
		set(&answer, ANSWER_REFUSAL, JsonbPGetDatum(refusal_object(&call->refusal)));
	}
	else
		set_text(&answer, ANSWER_STATUS, call->status);
	if (call->operation.number != 0 && call->refusal.sqlerrcode == 0)
		set(&answer, ANSWER_ID, Int64GetDatum(call->operation.number));
	if (call->found)
		describe_code(call, &answer);
	if (call->refusal.sqlerrcode == 0)
	{
		set_numeric(&answer, ANSWER_DISCOUNT, call->discount);
		set_numeric(&answer, ANSWER_POINTS, call->points);
		if (call->points && call->operation.unit)
			set_text(&answer, ANSWER_UNIT, call->operation.unit->name);
		set_numeric(&answer, ANSWER_BALANCE, call->balance);
		if (call->reserved_until != INSTANT_ALWAYS)
			set(&answer, ANSWER_RESERVED_UNTIL, TimestampTzGetDatum(call->reserved_until));
	}
	if (call->attempts_left >= 0)
		set(&answer, ANSWER_ATTEMPTS_LEFT, Int32GetDatum(call->attempts_left));

	old = MemoryContextSwitchTo(call->caller);
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	tuple = heap_form_tuple(BlessTupleDesc(desc), answer.values, answer.isnull);
	MemoryContextSwitchTo(old);
	code_call_leave(call);
	return HeapTupleGetDatum(tuple);
}
