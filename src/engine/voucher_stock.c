/*-------------------------------------------------------------------------
 *
 * voucher_stock.c
 *	  Who gets codes: giving them to members, drawing them for redemptions.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "engine/voucher_call.h"
#include "types/code.h"

/* -------- taking a code -------- */

/* How a generated code is written; NULL: as all are. */
static char *
written_form(const VoucherPool *pool, const char *code)
{
	if (pool->prefix[0] == '\0')
		return NULL;
	return psprintf("%s-%s", pool->prefix, code_to_text(code + strlen(pool->prefix)));
}

/* see voucher_call.h */
Instant
voucher_given_until(Program *program, const VoucherPool *pool, TimestampTz now,
					TimestampTz wanted)
{
	Instant		end = wanted;

	if (wanted == DT_NOEND)
		core_check(period_end(&pool->expires, now, &program->rules->zone, &end));
	if (end <= now)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a code cannot end before it is given"),
				 errdetail("It is %s now.", timestamptz_to_str(now))));
	return end;
}

/* see voucher_call.h */
char *
voucher_make_one(Program *program, const VoucherPool *pool, int64 operation_no)
{
	static const char query[] =
	"INSERT INTO %s.voucher (code, operation_no, pool_no, written, value)"
	" VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
	Oid			types[5] = {TEXTOID, INT8OID, INT4OID, TEXTOID, NUMERICOID};
	Datum		values[5] = {0};
	char		nulls[6] = "     ";
	Numeric		value = pool_own_value(pool, NULL);
	char	   *code;
	char	   *written;

	do
	{
		code = code_random(pool_prefix(pool), pool->length);
		written = written_form(pool, code);
		values[0] = CStringGetTextDatum(code);
		values[1] = Int64GetDatum(operation_no);
		values[2] = Int32GetDatum(pool->pool_no);
		values[3] = written ? CStringGetTextDatum(written) : (Datum) 0;
		nulls[3] = written ? ' ' : 'n';
		values[4] = NumericGetDatum(value);
		nulls[4] = value ? ' ' : 'n';
		plan_execute_nulls(program, query, query, 5, types, values, nulls, false, SPI_OK_INSERT);
	} while (SPI_processed == 0);
	return code;
}

/*
 * A code that nobody has, locked; NULL if there is none.  First those that were
 * never set aside, then those whose deadline is over.
 */
static char *
find_one(Program *program, const VoucherPool *pool, TimestampTz now, TimestampTz valid_after,
		 bool wait)
{
#define FREE_CODE(held) \
	"SELECT v.code FROM %s.voucher AS v WHERE v.pool_no = $1 AND v.in_stock AND v.held_until " held \
	" AND (v.valid_until IS NULL OR v.valid_until > $2) LIMIT 1 FOR NO KEY UPDATE"
	static const char free_now[] = FREE_CODE("IS NULL") " SKIP LOCKED";
	static const char lapsed_now[] = FREE_CODE("<= $3") " SKIP LOCKED";
	static const char free_later[] = FREE_CODE("IS NULL");
	static const char lapsed_later[] = FREE_CODE("<= $3");
	const char *free_code = wait ? free_later : free_now;
	const char *lapsed_code = wait ? lapsed_later : lapsed_now;
	Oid			types[3] = {INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[3] = {Int32GetDatum(pool->pool_no), TimestampTzGetDatum(valid_after),
	TimestampTzGetDatum(now)};

	plan_execute(program, free_code, free_code, 2, types, values, false, SPI_OK_SELECT);
	if (SPI_processed == 0)
		plan_execute(program, lapsed_code, lapsed_code, 3, types, values, false, SPI_OK_SELECT);
	return SPI_processed == 0 ? NULL :
		SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
}

/* see voucher_call.h */
void
pool_empty(const VoucherPool *pool, Refusal *refusal)
{
	refuse(refusal, ERRCODE_LOYALTY_OUT_OF_STOCK, NULL,
		   "Generate or import some, or set supply = 'endless'.",
		   "there are no codes left in pool \"%s\"", pool->name);
	refusal_about(refusal, "voucher_pool", "supply",
				  facts("pool", fact_text(pool->name), "left", fact_int(0), NULL));
}

/* see voucher_call.h */
char *
voucher_find_free(Program *program, const VoucherPool *pool, TimestampTz now,
				  TimestampTz valid_after, bool wait)
{
	char	   *code = find_one(program, pool, now, valid_after, false);

	if (code == NULL && wait)
		code = find_one(program, pool, now, valid_after, true);
	return code;
}

/* see voucher_call.h */
void
refuse_empty(Program *program, const VoucherPool *pool)
{
	Refusal		refusal = {0};

	pool_empty(pool, &refusal);
	refusal_raise(&refusal, program->ref.name);
}

/* see voucher_call.h */
void
voucher_give(Program *program, const char *code, Datum member, int64 redemption_no,
			 TimestampTz now, TimestampTz valid_until)
{
	static const char query[] =
	"UPDATE %s.voucher AS v SET in_stock = false, member_id = $2, given_at = $3, redemption_no = $4,"
	" valid_until = least(v.valid_until, $5), held_for = NULL, held_until = NULL WHERE v.code = $1";
	Oid			types[5] = {TEXTOID, program->ref.member_type, TIMESTAMPTZOID, INT8OID, TIMESTAMPTZOID};
	Datum		values[5] = {CStringGetTextDatum(code), member, TimestampTzGetDatum(now),
	Int64GetDatum(redemption_no), TimestampTzGetDatum(valid_until)};
	char		nulls[6] = "     ";

	nulls[3] = redemption_no ? ' ' : 'n';
	nulls[4] = valid_until != DT_NOEND ? ' ' : 'n';
	plan_execute_nulls(program, query, query, 5, types, values, nulls, false, SPI_OK_UPDATE);
}

/* Has the redemption drawn a code before? */
static bool
has_drawn(Program *program, int64 redemption_no)
{
	static const char query[] =
	"SELECT FROM %s.voucher AS v WHERE v.redemption_no = $1 LIMIT 1";
	Oid			types[1] = {INT8OID};
	Datum		values[1] = {Int64GetDatum(redemption_no)};

	plan_execute(program, query, query, 1, types, values, false, SPI_OK_SELECT);
	return SPI_processed > 0;
}

/* see voucher_call.h */
bool
pool_is_open(const VoucherPool *pool, TimestampTz now, Refusal *refusal)
{
	if (pool->enabled && now < pool->closes)
		return true;
	refuse(refusal, ERRCODE_LOYALTY_REWARD_NOT_AVAILABLE, NULL,
		   "It is disabled, or its \"valid\" is over.",
		   "codes of pool \"%s\" are not given any more", pool->name);
	refusal_about(refusal, "voucher_pool", pool->enabled ? "valid" : "enabled",
				  facts("pool", fact_text(pool->name), NULL));
	return false;
}

/* see voucher_call.h */
void
voucher_require_open(Program *program, const VoucherPool *pool, TimestampTz now)
{
	Refusal		refusal = {0};

	if (!pool_is_open(pool, now, &refusal))
		refusal_raise(&refusal, program->ref.name);
}

/* see voucher_call.h */
char *
voucher_take(Program *program, const VoucherPool *pool, int64 operation_no, Datum member,
			 int64 redemption_no, TimestampTz now, TimestampTz valid_until, bool wait)
{
	char	   *code;

	voucher_require_open(program, pool, now);
	valid_until = voucher_given_until(program, pool, now, valid_until);
	if (pool->endless)
		code = voucher_make_one(program, pool, operation_no);
	else
	{
		/* who has one already does not wait for others, who might wait for it */
		wait = wait && (redemption_no == 0 || !has_drawn(program, redemption_no));
		code = voucher_find_free(program, pool, now, now, wait);
		if (code == NULL)
			refuse_empty(program, pool);
	}
	voucher_give(program, code, member, redemption_no, now, valid_until);
	return code;
}

/* -------- for redemptions -------- */

/* see voucher.h */
char *
voucher_draw(Program *program, const char *pool_name, Datum member, int64 redemption_no,
			 TimestampTz now, TimestampTz valid_until, bool wait, TimestampTz *ends)
{
	MemoryContext caller = CurrentMemoryContext;
	VoucherRights rights;
	VoucherPool pool;
	Voucher		voucher;
	char	   *code;

	voucher_enter(program, &rights);
	pool_by_name(program, pool_name, &pool);
	code = voucher_take(program, &pool, redemption_no, member, redemption_no, now, valid_until,
						wait);
	if (!voucher_find(program, code, false, &voucher))
		elog(ERROR, "code %s has disappeared", code);
	*ends = Min(*ends, Min(voucher.valid_until, pool.closes));
	code = MemoryContextStrdup(caller, voucher.written);
	voucher_leave(&rights);
	return code;
}

/* what has become of the codes of a redemption */
typedef struct DrawnCodes
{
	int32		codes;
	int32		used;
	int32		topped_up;		/* and not used */
	int32		reserved;		/* and neither */
	Instant		reserved_until;
	int32		voided;			/* and none of these */
} DrawnCodes;

/* Locks the codes of a redemption and counts them. */
static void
count_drawn(Program *program, int64 redemption_no, TimestampTz now, DrawnCodes *drawn)
{
	static const char query[] =
	"SELECT count(*)::int4 AS codes, count(*) FILTER (WHERE c.fate = 1)::int4 AS used,"
	" count(*) FILTER (WHERE c.fate = 2)::int4 AS topped_up,"
	" count(*) FILTER (WHERE c.fate = 3)::int4 AS reserved,"
	" max(c.reserved_until) FILTER (WHERE c.fate = 3) AS reserved_until,"
	" count(*) FILTER (WHERE c.fate = 4)::int4 AS voided"
	" FROM (SELECT CASE WHEN v.uses > 0 THEN 1 WHEN v.added > 0 THEN 2"
	"   WHEN v.reserved_until > $2 THEN 3 WHEN v.voided_at IS NOT NULL THEN 4 END AS fate,"
	"   v.reserved_until FROM %s.voucher AS v WHERE v.redemption_no = $1"
	"  ORDER BY v.code FOR NO KEY UPDATE) AS c";
	Oid			types[2] = {INT8OID, TIMESTAMPTZOID};
	Datum		values[2] = {Int64GetDatum(redemption_no), TimestampTzGetDatum(now)};
	ConfigTuple row;
	bool		isnull;

	plan_execute(program, query, query, 2, types, values, false, SPI_OK_SELECT);
	row = config_result(0);
	drawn->codes = tuple_int(&row, "codes");
	drawn->used = tuple_int(&row, "used");
	drawn->topped_up = tuple_int(&row, "topped_up");
	drawn->reserved = tuple_int(&row, "reserved");
	drawn->reserved_until = DatumGetTimestampTz(tuple_get(&row, "reserved_until", &isnull));
	drawn->voided = tuple_int(&row, "voided");
}

/* LY012, LY014: too many codes of a redemption are in use. */
static void
refuse_to_take_back(Program *program, int64 redemption_no, int32 pieces, int32 left,
					const DrawnCodes *drawn)
{
	int32		used = drawn->used + drawn->topped_up;
	int32		unused = left - used - drawn->reserved;

	if (pieces > left - used)
		ereport(ERROR,
				(errcode(ERRCODE_LOYALTY_CODE_USED),
				 errmsg("redemption " INT64_FORMAT " has %d unused codes to take back, not %d",
						redemption_no, unused, pieces),
				 errdetail("Of %d codes %d have been used, %d topped up, %d are reserved.", left,
						   drawn->used, drawn->topped_up, drawn->reserved),
				 errhint("Cancel fewer pieces, or cancel the use of the codes or the top-up first."),
				 refusal_fields(program->ref.name, "vouchers",
								drawn->used > 0 ? "uses_left" : "added",
								facts("redemption", fact_int(redemption_no),
									  "unused", fact_int(unused),
									  "needed", fact_int(pieces), NULL))));
	ereport(ERROR,
			(errcode(ERRCODE_LOYALTY_CODE_RESERVED),
			 errmsg("redemption " INT64_FORMAT " has %d unused codes to take back, not %d",
					redemption_no, unused, pieces),
			 errdetail("Of %d codes %d are reserved until %s.", left, drawn->reserved,
					   timestamptz_to_str(drawn->reserved_until)),
			 errhint("Cancel fewer pieces, or release the reservations first."),
			 refusal_fields(program->ref.name, "vouchers", "reserved_until",
							facts("redemption", fact_int(redemption_no),
								  "unused", fact_int(unused),
								  "needed", fact_int(pieces),
								  "until", fact_instant(drawn->reserved_until), NULL))));
}

/* the place of code v among those of redemption d, in the order of drawing */
#define DRAWN_AS \
	"array_position(string_to_array(d.code, ', ')," \
	" coalesce(v.written, loyalty.code_text(v.code COLLATE \"default\")))"

/* see voucher.h */
void
voucher_take_back(Program *program, int64 redemption_no, int32 pieces, int32 left,
				  int64 operation_no)
{
	static const char voiding[] =
	"UPDATE %s.voucher AS u SET voided_at = $2, voided_by = $4, in_stock = false"
	" WHERE u.code = ANY (ARRAY(SELECT v.code FROM %s.voucher AS v"
	"  JOIN %s.redemption AS d ON d.redemption_no = v.redemption_no"
	"  WHERE v.redemption_no = $1 AND v.voided_at IS NULL AND v.uses = 0"
	"   AND (v.added > 0) IS NOT TRUE AND (v.reserved_until > $2) IS NOT TRUE"
	"  ORDER BY " DRAWN_AS " DESC NULLS LAST, v.code DESC LIMIT $3))";
	Oid			types[4] = {INT8OID, TIMESTAMPTZOID, INT4OID, INT8OID};
	Datum		values[4] = {Int64GetDatum(redemption_no)};
	TimestampTz now = program_clock(program);
	VoucherRights rights;
	DrawnCodes	drawn;
	int32		spare;

	voucher_enter(program, &rights);
	count_drawn(program, redemption_no, now, &drawn);
	if (pieces > left - drawn.used - drawn.topped_up - drawn.reserved)
		refuse_to_take_back(program, redemption_no, pieces, left, &drawn);

	/* of those that are void, so many were taken back before */
	spare = drawn.voided - (drawn.codes - left);
	values[1] = TimestampTzGetDatum(now);
	values[2] = Int32GetDatum(Max(0, pieces - spare));
	values[3] = Int64GetDatum(operation_no);
	plan_execute(program, voiding, voiding, 4, types, values, false, SPI_OK_UPDATE);
	voucher_leave(&rights);
}

/* see voucher.h */
char *
voucher_taken_back(Program *program, int64 redemption_no, int64 operation_no)
{
	static const char query[] =
	"SELECT string_agg(coalesce(v.written, loyalty.code_text(v.code COLLATE \"default\")), ', '"
	"  ORDER BY " DRAWN_AS ", v.code) AS codes FROM %s.voucher AS v"
	" JOIN %s.redemption AS d ON d.redemption_no = v.redemption_no"
	" WHERE v.redemption_no = $1 AND v.voided_by = $2";
	MemoryContext caller = CurrentMemoryContext;
	Oid			types[2] = {INT8OID, INT8OID};
	Datum		values[2] = {Int64GetDatum(redemption_no), Int64GetDatum(operation_no)};
	VoucherRights rights;
	ConfigTuple row;
	char	   *codes;

	voucher_enter(program, &rights);
	plan_execute(program, query, query, 2, types, values, false, SPI_OK_SELECT);
	row = config_result(0);
	codes = tuple_text(&row, "codes");
	if (codes)
		codes = MemoryContextStrdup(caller, codes);
	voucher_leave(&rights);
	return codes;
}

/* -------- by hand -------- */

/* Locks a certain code that is to be given; refuses it if it cannot be. */
static void
lock_certain(CodeCall *call, const char *text)
{
	char		code[CODE_SIZE];
	Voucher    *voucher = &call->voucher;

	if (code_from_text(text, code) == 0 || !code_find(call, code) || !code_lock(call))
		ereport(ERROR,
				(errcode(ERRCODE_LOYALTY_CODE_UNKNOWN),
				 errmsg("there is no code \"%s\"", text),
				 refusal_fields(call->program->ref.name, "vouchers", "code", NULL)));
	if (voucher->voided || Min(voucher->valid_until, call->pool.closes) <= call->now)
		ereport(ERROR,
				(errcode(ERRCODE_LOYALTY_CODE_EXPIRED),
				 errmsg("code \"%s\" is not valid any more", text),
				 refusal_fields(call->program->ref.name, "vouchers",
								voucher->voided ? "voided_at" : "valid_until",
								code_facts(call, NULL, 0))));
	if (voucher->uses > 0)
		ereport(ERROR,
				(errcode(ERRCODE_LOYALTY_CODE_USED),
				 errmsg("code \"%s\" has been used", text),
				 refusal_fields(call->program->ref.name, "vouchers", "uses_left",
								code_facts(call, NULL, 0))));
	if (voucher->reserved_until > call->now)
		ereport(ERROR,
				(errcode(ERRCODE_LOYALTY_CODE_RESERVED),
				 errmsg("code \"%s\" is reserved until %s", text,
						timestamptz_to_str(voucher->reserved_until)),
				 refusal_fields(call->program->ref.name, "vouchers", "reserved_until",
								code_facts(call, "until", voucher->reserved_until))));
	if (!voucher->in_stock || voucher->held_until > call->now)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("somebody has code \"%s\" already", text)));
}

/*
 * give_code_1(program, member, pool, code, valid_until, reason, key)
 */
LOYALTY_FUNCTION(loyalty_give_code);
Datum
loyalty_give_code(PG_FUNCTION_ARGS)
{
	CodeCall	call;
	char		normal[CODE_SIZE];
	char	   *pool = code_text_argument(fcinfo, 2, NULL);
	char	   *code = code_text_argument(fcinfo, 3, NULL);
	Instant		until = PG_ARGISNULL(4) ? DT_NOEND : PG_GETARG_TIMESTAMPTZ(4);

	code_call_begin(&call, fcinfo, "give_code");
	code_member_argument(&call, fcinfo, 1);
	if (!call.has_member)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("member must not be null")));
	if ((pool == NULL) == (code == NULL))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("say either a pool, or a code"),
				 errhint("pool => 'summer' gives a code of that pool that nobody has.")));
	code_request(&call, "pool", pool);
	code_request(&call, "code", code && code_from_text(code, normal) ? normal : code);
	code_request(&call, "valid_until", PG_ARGISNULL(4) ? NULL : instant_text(until));
	call.operation.reason = code_text_argument(fcinfo, 5, NULL);
	code_request(&call, "reason", call.operation.reason);
	code_key_argument(&call, fcinfo, 6);

	if (code_made_before(&call))
		code_answer_again(&call);
	else
	{
		code_require_member(&call);
		if (pool)
			pool_by_name(call.program, pool, &call.pool);
		else
			lock_certain(&call, code);
		code_record(&call, "");
		if (pool)
			code = voucher_take(call.program, &call.pool, call.operation.number, call.member, 0,
								call.now, until, true);
		else
		{
			code = call.voucher.code;
			voucher_give(call.program, code, call.member, 0, call.now,
						 voucher_given_until(call.program, &call.pool, call.now, until));
		}
		code_find(&call, code);
		code_insert_use(&call, "given", NULL, NULL, 0);
		call.status = "given";
		if (call.pool.kind == VOUCHER_BALANCE)
			call.balance = voucher_left(&call.voucher);
	}
	return code_call_end(&call, fcinfo);
}
