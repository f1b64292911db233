/*-------------------------------------------------------------------------
 *
 * voucher_judge.c
 *	  What a code gives, or why it does not.
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

/* see voucher_call.h */
void
code_unknown(CodeCall *call)
{
	refuse(&call->refusal, ERRCODE_LOYALTY_CODE_UNKNOWN, NULL, NULL, "there is no such code");
	refusal_about(&call->refusal, "vouchers", "code", NULL);
	call->found = false;
}

/* -------- sums of money -------- */

/* 0 in place of what is not there. */
static Datum
or_zero(Numeric a)
{
	return a ? NumericGetDatum(a) : DirectFunctionCall1(int4_numeric, Int32GetDatum(0));
}

/* see voucher_call.h */
Numeric
money_sum(Numeric a, Numeric b)
{
	return DatumGetNumeric(DirectFunctionCall2(numeric_add, or_zero(a), or_zero(b)));
}

/* see voucher_call.h */
Numeric
money_difference(Numeric a, Numeric b)
{
	return DatumGetNumeric(DirectFunctionCall2(numeric_sub, or_zero(a), or_zero(b)));
}

/* see voucher_call.h */
bool
money_positive(Numeric a)
{
	return DatumGetBool(DirectFunctionCall2(numeric_gt, or_zero(a), or_zero(NULL)));
}

/* Compares two numbers. */
static int
numeric_compare(Numeric a, Numeric b)
{
	return DatumGetInt32(DirectFunctionCall2(numeric_cmp, NumericGetDatum(a),
											 NumericGetDatum(b)));
}

/* The smaller of two, either of which may be NULL. */
static Numeric
smaller(Numeric a, Numeric b)
{
	if (a == NULL || b == NULL)
		return a == NULL ? b : a;
	return numeric_compare(a, b) <= 0 ? a : b;
}

/* see voucher_call.h */
Numeric
voucher_left(const Voucher *voucher)
{
	if (voucher->value == NULL)
		return NULL;
	return money_difference(money_sum(voucher->value, voucher->added), voucher->spent);
}

/* A percentage of an amount, rounded to the currency's smallest amount. */
static Numeric
percentage(const CodeCall *call, Numeric percent)
{
	Datum		product;

	product = DirectFunctionCall2(numeric_mul, NumericGetDatum(call->amount),
								  NumericGetDatum(percent));
	product = DirectFunctionCall2(numeric_mul, product,
								  DirectFunctionCall3(numeric_in, CStringGetDatum("0.01"),
													  ObjectIdGetDatum(InvalidOid),
													  Int32GetDatum(-1)));
	return DatumGetNumeric(DirectFunctionCall2(numeric_round, product,
											   Int32GetDatum(call->program->currency_decimals)));
}

/* What the code gives on the amount of the purchase. */
static void
work_out(CodeCall *call)
{
	const VoucherPool *pool = &call->pool;
	Numeric		value = call->voucher.value ? call->voucher.value : pool->value;

	switch (pool->kind)
	{
		case VOUCHER_AMOUNT:
			call->discount = smaller(value, call->amount);
			break;
		case VOUCHER_PERCENT:
			if (call->amount)
				call->discount = smaller(percentage(call, value),
										 smaller(pool->ceiling, call->amount));
			break;
		case VOUCHER_POINTS:
			call->points = value;
			break;
		case VOUCHER_BALANCE:
			call->balance = voucher_left(&call->voucher);
			if (call->amount)
				call->discount = smaller(call->balance, call->amount);
			break;
		case VOUCHER_PRODUCT:
		case VOUCHER_SHIPPING:
		case VOUCHER_CUSTOM:
			break;
	}
}

/* -------- reasons -------- */

/* How many reservations of the code are open that are not the caller's own. */
static int
open_reservations(CodeCall *call, int64 reservation)
{
	static const char query[] =
	"SELECT count(*) FROM %s.voucher_use AS u"
	" WHERE u.code = $1 AND u.state = 'reserved' AND u.reserved_until > $2 AND u.operation_no <> $3";
	Oid			types[3] = {TEXTOID, TIMESTAMPTZOID, INT8OID};
	Datum		values[3] = {CStringGetTextDatum(call->voucher.code),
	TimestampTzGetDatum(call->now), Int64GetDatum(reservation)};
	bool		isnull;

	if (call->voucher.reserved_until <= call->now)
		return 0;
	plan_execute(call->program, query, query, 3, types, values, false, SPI_OK_SELECT);
	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

/* How often the member has used codes of the pool, open reservations included. */
static int
uses_of_member(CodeCall *call, int64 reservation)
{
	static const char query[] =
	"SELECT count(*) FROM %s.voucher_use AS u WHERE u.pool_no = $1 AND u.member_id = $2"
	" AND (u.state = 'redeemed' OR (u.state = 'reserved' AND u.reserved_until > $3 AND u.operation_no <> $4))";
	Oid			types[4] = {INT4OID, call->program->ref.member_type, TIMESTAMPTZOID, INT8OID};
	Datum		values[4] = {Int32GetDatum(call->pool.pool_no), call->member,
	TimestampTzGetDatum(call->now), Int64GetDatum(reservation)};
	bool		isnull;

	plan_execute(call->program, query, query, 4, types, values, false, SPI_OK_SELECT);
	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

/* Is anything left of it? */
static bool
used_up(const CodeCall *call)
{
	const Voucher *voucher = &call->voucher;

	if (call->pool.kind != VOUCHER_BALANCE)
		return call->pool.uses > 0 && voucher->uses >= call->pool.uses;
	return !money_positive(voucher_left(voucher));
}

/* see voucher_call.h */
char *
code_facts(const CodeCall *call, const char *what, Instant at)
{
	char	   *code = fact_text(call->voucher.written);
	char	   *pool = fact_text(call->pool.name);

	return what ? facts("code", code, "pool", pool, what, fact_instant(at), NULL) :
		facts("code", code, "pool", pool, NULL);
}

/* see voucher_call.h */
char *
card_facts(const CodeCall *call, Numeric needed)
{
	Numeric		left = voucher_left(&call->voucher);

	return facts("code", fact_text(call->voucher.written), "pool", fact_text(call->pool.name),
				 "available", left ? numeric_text(left) : NULL, "needed", numeric_text(needed),
				 "missing", numeric_text(money_difference(needed, left)), NULL);
}

/* Has the code ended, or not begun?  Then it is refused. */
static bool
not_in_time(CodeCall *call)
{
	const VoucherPool *pool = &call->pool;
	const Voucher *voucher = &call->voucher;
	Refusal    *refusal = &call->refusal;
	Instant		from = Max(voucher->valid_from, pool->opens);
	Instant		until = Min(voucher->valid_until, pool->closes);

	if (until <= call->now)
	{
		refuse(refusal, ERRCODE_LOYALTY_CODE_EXPIRED, NULL, NULL, "the code expired at %s",
			   timestamptz_to_str(until));
		refusal_about(refusal, "vouchers", "valid_until", code_facts(call, "until", until));
	}
	else if (from > call->now)
	{
		refuse(refusal, ERRCODE_LOYALTY_CODE_EXPIRED, NULL, NULL, "the code is not valid before %s",
			   timestamptz_to_str(from));
		refusal_about(refusal, "vouchers", "valid_from", code_facts(call, "from", from));
	}
	else if (!pool->enabled)
	{
		refuse(refusal, ERRCODE_LOYALTY_CODE_EXPIRED, NULL, NULL, "the code is not valid any more");
		refusal_about(refusal, "voucher_pool", "enabled", code_facts(call, NULL, 0));
	}
	else
		return false;
	return true;
}

/* Is the code void?  Then it is refused. */
static bool
is_void(CodeCall *call)
{
	if (!call->voucher.voided)
		return false;
	refuse(&call->refusal, ERRCODE_LOYALTY_CODE_EXPIRED, NULL, NULL, "the code has been voided");
	refusal_about(&call->refusal, "vouchers", "voided_at", code_facts(call, NULL, 0));
	return true;
}

/* see voucher_call.h */
bool
code_in_time(CodeCall *call)
{
	if (call->voucher.held_until > call->now)
	{
		code_unknown(call);
		return false;
	}
	return !is_void(call) && !not_in_time(call);
}

/* Is the code good at all?  False if it has been refused. */
static bool
code_is_good(CodeCall *call, int64 reservation)
{
	const VoucherPool *pool = &call->pool;
	const Voucher *voucher = &call->voucher;
	Refusal    *refusal = &call->refusal;

	if (is_void(call))
		return false;
	if (used_up(call))
	{
		refuse(refusal, ERRCODE_LOYALTY_CODE_USED, NULL, NULL,
			   pool->kind == VOUCHER_BALANCE ? "nothing is left on the card" :
			   "the code has been used");
		refusal_about(refusal, "vouchers", pool->kind == VOUCHER_BALANCE ? "balance" : "uses_left",
					  code_facts(call, NULL, 0));
		return false;
	}
	if (not_in_time(call))
		return false;
	call->open = open_reservations(call, reservation);
	if (call->open == 0 ||
		(pool->kind != VOUCHER_BALANCE &&
		 (pool->uses == 0 || voucher->uses + call->open < pool->uses)))
		return true;
	refuse(refusal, ERRCODE_LOYALTY_CODE_RESERVED, NULL, NULL, "the code is reserved until %s",
		   timestamptz_to_str(voucher->reserved_until));
	refusal_about(refusal, "vouchers", "reserved_until",
				  code_facts(call, "until", voucher->reserved_until));
	return false;
}

/*
 * May it be used by this member, for this purchase?  Then what it gives is worked
 * out; else it has been refused.
 */
static bool
is_eligible(CodeCall *call, int64 reservation, bool owned)
{
	const VoucherPool *pool = &call->pool;
	Refusal    *refusal = &call->refusal;
	char	   *minimum = pool->min_amount ? numeric_text(pool->min_amount) : NULL;

	if (owned && !call->has_member)
	{
		refuse(refusal, ERRCODE_LOYALTY_NOT_ELIGIBLE, NULL, NULL,
			   "the code works for the member who has it: say which member uses it");
		refusal_about(refusal, "voucher_pool", "personal", code_facts(call, NULL, 0));
	}
	else if (!call->has_member && (pool->kind == VOUCHER_POINTS || pool->uses_per_member > 0))
	{
		refuse(refusal, ERRCODE_LOYALTY_NOT_ELIGIBLE, NULL, NULL,
			   "the code works for members only: say which member uses it");
		refusal_about(refusal, "voucher_pool",
					  pool->kind == VOUCHER_POINTS ? "gives" : "uses_per_member",
					  code_facts(call, NULL, 0));
	}
	else if (minimum && (call->amount == NULL ||
						 numeric_compare(call->amount, pool->min_amount) < 0))
	{
		char	   *amount = call->amount ? numeric_text(call->amount) : NULL;

		refuse(refusal, ERRCODE_LOYALTY_NOT_ELIGIBLE, NULL, NULL,
			   "the code needs a purchase of at least %s%s", minimum,
			   amount ? psprintf(", this is of %s", amount) : ": say the amount");
		refusal_about(refusal, "voucher_pool", "min_amount",
					  facts("code", fact_text(call->voucher.written),
							"pool", fact_text(pool->name), "limit", minimum,
							"amount", amount, NULL));
	}
	else if (pool->uses_per_member > 0 &&
			 uses_of_member(call, reservation) >= pool->uses_per_member)
	{
		refuse(refusal, ERRCODE_LOYALTY_LIMIT_REACHED, NULL, NULL,
			   "the member has used %d of %d such codes", pool->uses_per_member,
			   pool->uses_per_member);
		refusal_about(refusal, "voucher_pool", "uses_per_member",
					  facts("code", fact_text(call->voucher.written),
							"pool", fact_text(pool->name),
							"limit", fact_int(pool->uses_per_member), NULL));
	}
	else
	{
		work_out(call);
		return true;
	}
	return false;
}

/* see voucher_call.h */
bool
code_judge(CodeCall *call, int64 reservation)
{
	const VoucherPool *pool = &call->pool;
	const Voucher *voucher = &call->voucher;
	bool		owned = pool->personal && voucher->has_member;

	/* somebody else's, or set aside, is not there: what it is, is nobody's business */
	if ((owned && call->has_member &&
		 member_cmp(call->program, voucher->member, call->member) != 0) ||
		voucher->held_until > call->now)
	{
		code_unknown(call);
		return false;
	}
	if (!code_is_good(call, reservation))
		return false;
	return is_eligible(call, reservation, owned);
}
