/*-------------------------------------------------------------------------
 *
 * voucher_rows.c
 *	  Pools, codes and their uses as the tables hold them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "engine/read.h"
#include "engine/voucher_call.h"
#include "types/code.h"
#include "types/numbers.h"

/* see voucher_call.h */
char *
numeric_text(Numeric number)
{
	return number == NULL ? "" :
		DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(number)));
}

/* -------- columns -------- */

/* A column of type numeric, copied; NULL if it is. */
static Numeric
row_numeric(const ConfigTuple *row, const char *column)
{
	bool		isnull;
	Datum		value = tuple_get(row, column, &isnull);

	return isnull ? NULL : DatumGetNumericCopy(value);
}

/* A column of type timestamptz. */
static Instant
row_instant(const ConfigTuple *row, const char *column, Instant otherwise)
{
	bool		isnull;
	Datum		value = tuple_get(row, column, &isnull);

	return isnull ? otherwise : DatumGetTimestampTz(value);
}

/* A column of type bigint; 0 if it is NULL. */
static int64
row_int8(const ConfigTuple *row, const char *column)
{
	bool		isnull;
	Datum		value = tuple_get(row, column, &isnull);

	return isnull ? 0 : DatumGetInt64(value);
}

/* A column member_id, copied. */
static bool
row_member(Program *program, const ConfigTuple *row, Datum *member)
{
	bool		isnull;
	Datum		value = tuple_get(row, "member_id", &isnull);

	if (!isnull)
		*member = member_copy(program, value);
	return !isnull;
}

/* -------- pools -------- */

#define POOL_QUERY \
	"SELECT p.*, u.unit_no, lower(p.valid) AS opens, upper(p.valid) AS closes" \
	" FROM %s.voucher_pool AS p LEFT JOIN %s.unit AS u ON u.name = p.unit"

/* Reads a pool from the first row of the result, into the current context. */
static void
read_pool(VoucherPool *pool)
{
	static const char *const kinds[] = {"amount", "percent", "product", "points",
	"shipping", "balance", "custom"};
	ConfigTuple row = config_result(0);
	bool		isnull;

	memset(pool, 0, sizeof(VoucherPool));
	pool->pool_no = tuple_int(&row, "pool_no");
	pool->name = tuple_text(&row, "name");
	pool->gives = tuple_text(&row, "gives");
	for (pool->kind = VOUCHER_AMOUNT; pool->kind < VOUCHER_CUSTOM; pool->kind++)
	{
		if (strcmp(kinds[pool->kind], pool->gives) == 0)
			break;
	}
	pool->value = row_numeric(&row, "value");
	pool->ceiling = row_numeric(&row, "ceiling");
	pool->min_amount = row_numeric(&row, "min_amount");
	pool->unit_no = tuple_int(&row, "unit_no");
	pool->unit = tuple_text(&row, "unit");
	pool->product = tuple_text(&row, "product");
	pool->uses = tuple_int(&row, "uses");
	pool->uses_per_member = tuple_int(&row, "uses_per_member");
	pool->personal = tuple_bool(&row, "personal");
	pool->opens = row_instant(&row, "opens", INSTANT_ALWAYS);
	pool->closes = row_instant(&row, "closes", INSTANT_NEVER);
	tuple_period(&row, "expires", &pool->expires);
	pool->reserve_for = palloc(sizeof(Interval));
	*pool->reserve_for = *DatumGetIntervalP(tuple_get(&row, "reserve_for", &isnull));
	pool->endless = strcmp(tuple_text(&row, "supply"), "endless") == 0;
	pool->prefix = tuple_text(&row, "prefix");
	pool->length = tuple_int(&row, "length");
	pool->attributes = PointerGetDatum(PG_DETOAST_DATUM_COPY(tuple_get(&row, "attributes", &isnull)));
	pool->enabled = tuple_bool(&row, "enabled");
}

/* see voucher_call.h */
bool
pool_by_number(Program *program, int32 pool_no, VoucherPool *pool)
{
	static const char query[] = POOL_QUERY " WHERE p.pool_no = $1";
	Oid			types[1] = {INT4OID};
	Datum		values[1] = {Int32GetDatum(pool_no)};

	plan_execute(program, query, query, 1, types, values, false, SPI_OK_SELECT);
	if (SPI_processed == 0)
		return false;
	read_pool(pool);
	return true;
}

/* see voucher_call.h */
void
pool_by_name(Program *program, const char *name, VoucherPool *pool)
{
	static const char query[] = POOL_QUERY " WHERE p.name = $1";
	Oid			types[1] = {TEXTOID};
	Datum		values[1] = {CStringGetTextDatum(name)};

	plan_execute(program, query, query, 1, types, values, false, SPI_OK_SELECT);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no pool of codes \"%s\"", name),
				 errhint("Pools are the rows of \"%s.voucher_pool\".", program->ref.name)));
	read_pool(pool);
}

/* -------- codes -------- */

/* see voucher_call.h */
bool
voucher_find(Program *program, const char *code, bool lock, Voucher *voucher)
{
	static const char query[] = "SELECT v.* FROM %s.voucher AS v WHERE v.code = $1";
	static const char locking[] = "SELECT v.* FROM %s.voucher AS v WHERE v.code = $1 FOR NO KEY UPDATE";
	Oid			types[1] = {TEXTOID};
	Datum		values[1] = {CStringGetTextDatum(code)};
	ConfigTuple row;

	plan_execute(program, lock ? locking : query, lock ? locking : query, 1, types, values,
				 false, SPI_OK_SELECT);
	if (SPI_processed == 0)
		return false;
	row = config_result(0);
	memset(voucher, 0, sizeof(Voucher));
	voucher->code = tuple_text(&row, "code");
	voucher->written = tuple_text(&row, "written");
	if (voucher->written == NULL)
		voucher->written = code_to_text(voucher->code);
	voucher->pool_no = tuple_int(&row, "pool_no");
	voucher->uses = tuple_int(&row, "uses");
	voucher->in_stock = tuple_bool(&row, "in_stock");
	voucher->value = row_numeric(&row, "value");
	voucher->spent = row_numeric(&row, "spent");
	voucher->added = row_numeric(&row, "added");
	voucher->valid_from = row_instant(&row, "valid_from", INSTANT_ALWAYS);
	voucher->valid_until = row_instant(&row, "valid_until", INSTANT_NEVER);
	voucher->has_member = row_member(program, &row, &voucher->member);
	voucher->redemption_no = row_int8(&row, "redemption_no");
	voucher->reserved_until = row_instant(&row, "reserved_until", INSTANT_ALWAYS);
	voucher->voided = !tuple_isnull(&row, "voided_at");
	voucher->held_for = row_int8(&row, "held_for");
	voucher->held_until = voucher->in_stock ?
		row_instant(&row, "held_until", INSTANT_ALWAYS) : INSTANT_ALWAYS;
	return true;
}

/* see voucher_call.h */
bool
code_find(CodeCall *call, const char *code)
{
	call->found = voucher_find(call->program, code, false, &call->voucher) &&
		pool_by_number(call->program, call->voucher.pool_no, &call->pool);
	return call->found;
}

/* see voucher_call.h */
bool
code_lock(CodeCall *call)
{
	return voucher_find(call->program, call->voucher.code, true, &call->voucher);
}

/* see voucher_call.h */
void
voucher_update(CodeCall *call, int uses, Numeric spent)
{
	static const char query[] =
	"UPDATE %s.voucher AS v SET uses = $2, spent = $3, in_stock = false,"
	" reserved_until = (SELECT max(u.reserved_until) FROM %s.voucher_use AS u"
	"  WHERE u.code = $1 AND u.state = 'reserved' AND u.reserved_until > $4)"
	" WHERE v.code = $1";
	static const char unreserved[] =
	"UPDATE %s.voucher AS v SET uses = $2, spent = $3, in_stock = false, reserved_until = NULL"
	" WHERE v.code = $1";
	Voucher    *voucher = &call->voucher;
	bool		reserved = voucher->reserved_until > call->now ||
		call->reserved_until > call->now;
	const char *text = reserved ? query : unreserved;
	Oid			types[4] = {TEXTOID, INT4OID, NUMERICOID, TIMESTAMPTZOID};
	Datum		values[4] = {CStringGetTextDatum(voucher->code), Int32GetDatum(uses),
	NumericGetDatum(spent), TimestampTzGetDatum(call->now)};
	char		nulls[5] = "    ";

	if (spent == NULL)
		nulls[2] = 'n';
	plan_execute_nulls(call->program, text, text, reserved ? 4 : 3, types, values, nulls,
					   false, SPI_OK_UPDATE);
	voucher->uses = uses;
	voucher->spent = spent;
}

/* see voucher_call.h */
void
voucher_add(CodeCall *call, Numeric added, Instant valid_until)
{
	static const char query[] =
	"UPDATE %s.voucher AS v SET added = $2, valid_until = $3, in_stock = false WHERE v.code = $1";
	Voucher    *voucher = &call->voucher;
	Oid			types[3] = {TEXTOID, NUMERICOID, TIMESTAMPTZOID};
	Datum		values[3] = {CStringGetTextDatum(voucher->code), NumericGetDatum(added),
	TimestampTzGetDatum(valid_until)};
	char		nulls[4] = "   ";

	if (valid_until == INSTANT_NEVER)
		nulls[2] = 'n';
	plan_execute_nulls(call->program, query, query, 3, types, values, nulls, false,
					   SPI_OK_UPDATE);
	voucher->added = added;
	voucher->valid_until = valid_until;
}

/* see voucher_call.h */
bool
voucher_use_find(Program *program, int64 number, VoucherUse *use)
{
	static const char query[] = "SELECT u.* FROM %s.voucher_use AS u WHERE u.operation_no = $1";
	Oid			types[1] = {INT8OID};
	Datum		values[1] = {Int64GetDatum(number)};
	ConfigTuple row;

	plan_execute(program, query, query, 1, types, values, false, SPI_OK_SELECT);
	if (SPI_processed == 0)
		return false;
	row = config_result(0);
	memset(use, 0, sizeof(VoucherUse));
	use->number = number;
	use->code = tuple_text(&row, "code");
	use->state = tuple_text(&row, "state");
	use->has_member = row_member(program, &row, &use->member);
	use->amount = row_numeric(&row, "amount");
	use->discount = row_numeric(&row, "discount");
	use->points = row_numeric(&row, "points");
	use->returned = row_numeric(&row, "returned");
	use->reserved_until = row_instant(&row, "reserved_until", INSTANT_ALWAYS);
	return true;
}

/* -------- uses -------- */

/* What a member can spend of the unit that the code gives. */
static Numeric
available_of(const CodeCall *call, Datum member)
{
	UnitConfig *unit = rules_unit(call->program->rules, call->pool.unit_no);
	Ledger		reader;
	AccountState *account;
	Points		available = 0;

	reader_open(&reader, call->program);
	account = reader_account(&reader, member, NULL, NULL);
	if (account && unit)
		available = points_shown(account_unit_balance(account, unit->unit_no).available,
								 unit->decimals);
	reader_close(&reader);
	return points_to_numeric(available);
}

/* see voucher_call.h */
void
code_answer_again(CodeCall *call)
{
	VoucherUse	use;

	if (!voucher_use_find(call->program, call->operation.number, &use) ||
		!code_find(call, use.code))
		elog(ERROR, "there is no use of a code by operation " INT64_FORMAT,
			 call->operation.number);
	call->status = strcmp(use.state, "reserved") == 0 && use.reserved_until <= call->now ?
		"lapsed" : use.state;
	call->discount = use.discount;
	call->points = use.points;
	call->reserved_until = use.reserved_until;
	if (call->pool.kind == VOUCHER_BALANCE)
		call->balance = voucher_left(&call->voucher);
	else if (call->points && use.has_member)
		call->balance = available_of(call, use.member);
}

/* see voucher_call.h */
void
code_insert_use(CodeCall *call, const char *state, const SourceConfig *source,
				const char *reference, int64 reservation)
{
	static const char query[] =
	"INSERT INTO %s.voucher_use (operation_no, pool_no, source_no, made_at, code, state, member_id,"
	" reference, amount, discount, points, reserved_until, reservation)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
	Oid			types[13] = {INT8OID, INT4OID, INT4OID, TIMESTAMPTZOID, TEXTOID, TEXTOID,
	call->program->ref.member_type, TEXTOID, NUMERICOID, NUMERICOID, NUMERICOID, TIMESTAMPTZOID, INT8OID};
	Datum		values[13] = {0};
	char		nulls[14] = "             ";

	values[0] = Int64GetDatum(call->operation.number);
	values[1] = Int32GetDatum(call->pool.pool_no);
	values[2] = Int32GetDatum(source ? source->source_no : 0);
	values[3] = TimestampTzGetDatum(call->now);
	values[4] = CStringGetTextDatum(call->voucher.code);
	values[5] = CStringGetTextDatum(state);
	values[6] = call->member;
	values[7] = reference ? CStringGetTextDatum(reference) : (Datum) 0;
	values[8] = NumericGetDatum(call->amount);
	values[9] = NumericGetDatum(call->discount);
	values[10] = NumericGetDatum(call->points);
	values[11] = TimestampTzGetDatum(call->reserved_until);
	values[12] = Int64GetDatum(reservation);
	nulls[2] = source ? ' ' : 'n';
	nulls[6] = call->has_member ? ' ' : 'n';
	nulls[7] = reference ? ' ' : 'n';
	nulls[8] = call->amount ? ' ' : 'n';
	nulls[9] = call->discount ? ' ' : 'n';
	nulls[10] = call->points ? ' ' : 'n';
	nulls[11] = call->reserved_until != INSTANT_ALWAYS ? ' ' : 'n';
	nulls[12] = reservation ? ' ' : 'n';
	plan_execute_nulls(call->program, query, query, 13, types, values, nulls, false,
					   SPI_OK_INSERT);
}
