/*-------------------------------------------------------------------------
 *
 * voucher_make.c
 *	  Where codes come from: generating and importing.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "engine/catalogue.h"
#include "engine/voucher_call.h"
#include "types/code.h"
#include "types/numbers.h"

/* how many codes are made at a time: what bounds the memory */
#define CODES_AT_A_TIME 1000000

/* -------- what both ways of making codes share -------- */

/* see voucher_call.h */
char *
pool_prefix(const VoucherPool *pool)
{
	char	   *normal = palloc(CODE_SIZE);

	if (code_from_text(pool->prefix, normal) == 0)
		normal[0] = '\0';
	return normal;
}

/* see voucher_call.h */
Numeric
pool_own_value(const VoucherPool *pool, Numeric value)
{
	if (value == NULL && pool->kind == VOUCHER_BALANCE)
		value = pool->value;
	if (value == NULL && pool->kind == VOUCHER_BALANCE)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("pool \"%s\" does not say what is on its cards", pool->name),
				 errhint("Set its \"value\", or import codes with value => ...")));
	return value;
}

/* A validity that ends before it begins helps nobody. */
static void
check_validity(FunctionCallInfo fcinfo, int from, int until)
{
	if (!PG_ARGISNULL(from) && !PG_ARGISNULL(until) &&
		PG_GETARG_TIMESTAMPTZ(from) >= PG_GETARG_TIMESTAMPTZ(until))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("valid_until must be after valid_from")));
}

/* An argument of type timestamptz in the request. */
static void
request_instant(CodeCall *call, FunctionCallInfo fcinfo, int number, const char *name)
{
	code_request(call, name, PG_ARGISNULL(number) ? NULL :
				 instant_text(PG_GETARG_TIMESTAMPTZ(number)));
}

/* The row that generate_codes and import_codes return. */
static Datum
codes_result(CodeCall *call, FunctionCallInfo fcinfo)
{
	static const char query[] =
	"SELECT (o.result ->> 'codes')::int8 AS codes FROM %s.operation AS o WHERE o.operation_no = $1";
	Oid			types[1] = {INT8OID};
	Datum		values[4] = {Int64GetDatum(call->operation.number)};
	bool		isnull[4] = {false, false, false, false};
	TupleDesc	desc;
	HeapTuple	tuple;
	MemoryContext old;

	plan_execute(call->program, query, query, 1, types, values, false, SPI_OK_SELECT);
	values[3] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull[3]);
	values[1] = CStringGetTextDatum("done");
	values[2] = CStringGetTextDatum(call->pool.name);
	old = MemoryContextSwitchTo(call->caller);
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	tuple = heap_form_tuple(BlessTupleDesc(desc), values, isnull);
	MemoryContextSwitchTo(old);
	code_call_leave(call);
	return HeapTupleGetDatum(tuple);
}

/* -------- generating -------- */

/* Are there enough codes of that length that nobody guesses one? */
static void
check_length(const VoucherPool *pool, int count)
{
	double		possible = 1;
	int			length;

	for (length = 1; length < pool->length; length++)
		possible *= CODE_RADIX;
	for (length = pool->length; possible / count < 100000; length++)
		possible *= CODE_RADIX;
	if (length > pool->length)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%d codes of %d characters would be easily guessed", count, pool->length),
				 errhint("Set length = %d or more in the pool.", length)));
}

/*
 * generate_codes_1(program, pool, count, valid_from, valid_until, key)
 */
LOYALTY_FUNCTION(loyalty_generate_codes);
Datum
loyalty_generate_codes(PG_FUNCTION_ARGS)
{
	static const char query[] =
	"INSERT INTO %s.voucher (code, operation_no, pool_no, written, value, valid_from, valid_until)"
	" SELECT c.code, $1, $2, CASE WHEN $4 <> '' THEN $4 || '-' || loyalty.code_text(substr(c.code, length($4) + 1)) END,"
	" $7, $8, $9 FROM (SELECT loyalty.codes_1($3, $5, $6) AS code) AS c ON CONFLICT DO NOTHING";
	Oid			types[9] = {INT8OID, INT4OID, INT4OID, TEXTOID, TEXTOID, INT4OID, NUMERICOID,
	TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[9] = {0};
	char		nulls[10] = "         ";
	CodeCall	call;
	VoucherPool *pool = &call.pool;
	Numeric		value;
	int			count;
	int			missing;

	code_call_begin(&call, fcinfo, "generate_codes");
	pool_by_name(call.program, code_text_argument(fcinfo, 1, "pool"), pool);
	count = PG_ARGISNULL(2) ? 0 : PG_GETARG_INT32(2);
	if (count <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("say how many codes to make: count => 1000")));
	check_validity(fcinfo, 3, 4);
	code_request(&call, "pool_no", psprintf("%d", pool->pool_no));
	code_request(&call, "count", psprintf("%d", count));
	request_instant(&call, fcinfo, 3, "valid_from");
	request_instant(&call, fcinfo, 4, "valid_until");
	code_key_argument(&call, fcinfo, 5);
	if (!code_made_before(&call))
	{
		check_length(pool, count);
		value = pool_own_value(pool, NULL);
		code_record(&call, psprintf("{\"codes\": %d", count));
		values[0] = Int64GetDatum(call.operation.number);
		values[1] = Int32GetDatum(pool->pool_no);
		values[3] = CStringGetTextDatum(pool->prefix);
		values[4] = CStringGetTextDatum(pool_prefix(pool));
		values[5] = Int32GetDatum(pool->length);
		values[6] = NumericGetDatum(value);
		nulls[6] = value ? ' ' : 'n';
		values[7] = PG_ARGISNULL(3) ? (Datum) 0 : PG_GETARG_DATUM(3);
		nulls[7] = PG_ARGISNULL(3) ? 'n' : ' ';
		values[8] = PG_ARGISNULL(4) ? (Datum) 0 : PG_GETARG_DATUM(4);
		nulls[8] = PG_ARGISNULL(4) ? 'n' : ' ';

		/* what exists already is left out: make some more */
		for (missing = count; missing > 0; missing -= SPI_processed)
		{
			values[2] = Int32GetDatum(Min(missing, CODES_AT_A_TIME));
			plan_execute_nulls(call.program, query, query, 9, types, values, nulls, false,
							   SPI_OK_INSERT);
		}
		sweep_after_codes(call.program, pool->name);
	}
	return codes_result(&call, fcinfo);
}

/* -------- importing -------- */

/* a code to import */
typedef struct ImportedCode
{
	char	   *code;
	char	   *written;
} ImportedCode;

/* Order of codes. */
static int
compare_imported(const void *a, const void *b)
{
	return strcmp(((const ImportedCode *) a)->code, ((const ImportedCode *) b)->code);
}

/* Reads the codes, sorts them, and refuses those that are none or twice the same. */
static ImportedCode *
read_codes(ArrayType *array, int *count)
{
	Datum	   *elements;
	bool	   *isnull;
	ImportedCode *codes;
	int			i;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements, &isnull, count);
	codes = palloc_extended(sizeof(ImportedCode) * Max(*count, 1), MCXT_ALLOC_HUGE);
	for (i = 0; i < *count; i++)
	{
		char		normal[CODE_SIZE];

		CHECK_FOR_INTERRUPTS();
		codes[i].written = isnull[i] ? "" : TextDatumGetCString(elements[i]);
		if (code_from_text(codes[i].written, normal) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("\"%s\" is no code", codes[i].written),
					 errdetail("It is element %d of the array.", i + 1),
					 errhint("A code has up to %d characters, spaces and dashes not counted.",
							 CODE_MAX)));
		codes[i].code = pstrdup(normal);
	}
	qsort(codes, *count, sizeof(ImportedCode), compare_imported);
	for (i = 1; i < *count; i++)
	{
		if (strcmp(codes[i - 1].code, codes[i].code) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNIQUE_VIOLATION),
					 errmsg("codes \"%s\" and \"%s\" are the same", codes[i - 1].written,
							codes[i].written),
					 errdetail("Codes are compared without regard to case, spaces, dashes and look-alikes (O and 0, I, L and 1, Z and 2, S and 5, B and 8, U and V).")));
	}
	return codes;
}

/* Says which of the codes are there already. */
static void
refuse_existing(CodeCall *call, Datum codes)
{
	static const char query[] =
	"SELECT string_agg(c.code, ', '), min(c.n) FROM (SELECT v.code, count(*) OVER () AS n"
	" FROM %s.voucher AS v WHERE v.code = ANY ($1) AND v.operation_no <> $2 ORDER BY v.code LIMIT 5) AS c";
	Oid			types[2] = {TEXTARRAYOID, INT8OID};
	Datum		values[2] = {codes, Int64GetDatum(call->operation.number)};

	plan_execute(call->program, query, query, 2, types, values, false, SPI_OK_SELECT);
	ereport(ERROR,
			(errcode(ERRCODE_UNIQUE_VIOLATION),
			 errmsg("%s of the codes are there already",
					SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2)),
			 errdetail("They are, in the form in which codes are compared: %s.",
					   SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1))));
}

/* Money or points that codes of a pool can have of their own. */
static Numeric
value_argument(CodeCall *call, FunctionCallInfo fcinfo, int number)
{
	const VoucherPool *pool = &call->pool;
	Numeric		value;

	if (PG_ARGISNULL(number))
		return NULL;
	value = PG_GETARG_NUMERIC(number);
	if (pool->kind != VOUCHER_AMOUNT && pool->kind != VOUCHER_BALANCE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("codes of pool \"%s\" cannot have a value of their own", pool->name),
				 errdetail("Only codes that give an amount or a balance can.")));
	if (numeric_is_nan(value) || numeric_is_inf(value) ||
		DatumGetBool(DirectFunctionCall2(numeric_le, NumericGetDatum(value),
										 DirectFunctionCall1(int4_numeric, Int32GetDatum(0)))) ||
		!DatumGetBool(DirectFunctionCall2(numeric_eq, NumericGetDatum(value),
										  DirectFunctionCall2(numeric_round, NumericGetDatum(value),
															  Int32GetDatum(call->program->currency_decimals)))))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("codes cannot be worth %s", numeric_text(value)),
				 errdetail("The program's currency has %d decimals.",
						   call->program->currency_decimals)));
	return value;
}

/* One of the arrays to be inserted. */
static Datum
array_of(const ImportedCode *codes, int count, bool written)
{
	Datum	   *elements = palloc_extended(sizeof(Datum) * Max(count, 1), MCXT_ALLOC_HUGE);
	int			i;

	for (i = 0; i < count; i++)
		elements[i] = CStringGetTextDatum(written ? codes[i].written : codes[i].code);
	return PointerGetDatum(construct_array(elements, count, TEXTOID, -1, false, TYPALIGN_INT));
}

/*
 * import_codes_1(program, pool, codes, value, valid_from, valid_until, key)
 */
LOYALTY_FUNCTION(loyalty_import_codes);
Datum
loyalty_import_codes(PG_FUNCTION_ARGS)
{
	static const char query[] =
	"INSERT INTO %s.voucher (code, operation_no, pool_no, written, value, valid_from, valid_until)"
	" SELECT c.code, $1, $2, CASE WHEN c.written <> loyalty.code_text(c.code) THEN btrim(c.written) END,"
	" $5, $6, $7 FROM unnest($3, $4) AS c (code, written) ON CONFLICT DO NOTHING";
	Oid			types[7] = {INT8OID, INT4OID, TEXTARRAYOID, TEXTARRAYOID, NUMERICOID,
	TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[7] = {0};
	char		nulls[8] = "       ";
	CodeCall	call;
	ImportedCode *codes;
	Numeric		value;
	int			count;

	code_call_begin(&call, fcinfo, "import_codes");
	pool_by_name(call.program, code_text_argument(fcinfo, 1, "pool"), &call.pool);
	if (PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("codes must not be null")));
	codes = read_codes(PG_GETARG_ARRAYTYPE_P(2), &count);
	value = value_argument(&call, fcinfo, 3);
	check_validity(fcinfo, 4, 5);
	values[2] = array_of(codes, count, false);
	code_request(&call, "pool_no", psprintf("%d", call.pool.pool_no));

	/* the codes themselves are not for everybody who reads operations */
	code_request(&call, "codes",
				 psprintf("%d, hash " UINT64_FORMAT, count,
						  hash_bytes_extended((unsigned char *) VARDATA_ANY(values[2]),
											  VARSIZE_ANY_EXHDR(values[2]), 0)));
	code_request_numeric(&call, "value", value);
	request_instant(&call, fcinfo, 4, "valid_from");
	request_instant(&call, fcinfo, 5, "valid_until");
	code_key_argument(&call, fcinfo, 6);
	if (!code_made_before(&call))
	{
		value = pool_own_value(&call.pool, value);
		code_record(&call, psprintf("{\"codes\": %d", count));
		values[0] = Int64GetDatum(call.operation.number);
		values[1] = Int32GetDatum(call.pool.pool_no);
		values[3] = array_of(codes, count, true);
		values[4] = NumericGetDatum(value);
		nulls[4] = value ? ' ' : 'n';
		values[5] = PG_ARGISNULL(4) ? (Datum) 0 : PG_GETARG_DATUM(4);
		nulls[5] = PG_ARGISNULL(4) ? 'n' : ' ';
		values[6] = PG_ARGISNULL(5) ? (Datum) 0 : PG_GETARG_DATUM(5);
		nulls[6] = PG_ARGISNULL(5) ? 'n' : ' ';
		plan_execute_nulls(call.program, query, query, 7, types, values, nulls, false,
						   SPI_OK_INSERT);
		if (SPI_processed < count)
			refuse_existing(&call, values[2]);
		sweep_after_codes(call.program, call.pool.name);
	}
	return codes_result(&call, fcinfo);
}

