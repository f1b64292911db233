/*-------------------------------------------------------------------------
 *
 * points.c
 *	  The SQL type points: an exact fixed-point number.
 *
 * Stored, compared and sent as the bigint that it is; only what has to know
 * of the decimals, or of overflow, is here.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "loyalty.h"
#include "types/numbers.h"
#include "types/points.h"

LOYALTY_FUNCTION(points_in);
LOYALTY_FUNCTION(points_out);
LOYALTY_FUNCTION(points_pl);
LOYALTY_FUNCTION(points_mi);
LOYALTY_FUNCTION(points_um);
LOYALTY_FUNCTION(points_up);
LOYALTY_FUNCTION(points_mul_int8);
LOYALTY_FUNCTION(int8_mul_points);
LOYALTY_FUNCTION(points_abs);
LOYALTY_FUNCTION(points_numeric);
LOYALTY_FUNCTION(numeric_points);
LOYALTY_FUNCTION(points_int8);
LOYALTY_FUNCTION(points_int4);
LOYALTY_FUNCTION(points_float8);
LOYALTY_FUNCTION(int8_points);
LOYALTY_FUNCTION(int4_points);
LOYALTY_FUNCTION(int2_points);
LOYALTY_FUNCTION(points_accum);
LOYALTY_FUNCTION(points_accum_inv);
LOYALTY_FUNCTION(points_accum_combine);
LOYALTY_FUNCTION(points_sum);
LOYALTY_FUNCTION(points_avg);

/* Reports a value beyond the type. */
void
points_out_of_range(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("points out of range")));
}

/* ------------------------------------------------------------------------
 * Input and output
 * ------------------------------------------------------------------------
 */

/* Text to points. */
Datum
points_in(PG_FUNCTION_ARGS)
{
	char	   *text = PG_GETARG_CSTRING(0);
	Points		result;

	switch (points_parse(text, strlen(text), &result))
	{
		case CORE_OK:
			break;
		case CORE_RANGE:
			ereturn(fcinfo->context, (Datum) 0,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("value \"%s\" is out of range for type %s",
							text, "points")));
		case CORE_SYNTAX:
			ereturn(fcinfo->context, (Datum) 0,
					(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
					 errmsg("invalid input syntax for type %s: \"%s\"",
							"points", text),
					 errhint("Points are a number with at most four decimals, such as 1250 or 12.5.")));
	}
	PG_RETURN_POINTS(result);
}

/* Text form, palloc'd. */
char *
points_to_cstring(Points value)
{
	char		buffer[POINTS_TEXT_SIZE];
	int			length = points_format(value, buffer);

	return pnstrdup(buffer, length);
}

/* Points to text. */
Datum
points_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(points_to_cstring(PG_GETARG_POINTS(0)));
}

/* ------------------------------------------------------------------------
 * Arithmetic
 * ------------------------------------------------------------------------
 */

/* points + points */
Datum
points_pl(PG_FUNCTION_ARGS)
{
	Points		result;

	if (!points_add(PG_GETARG_POINTS(0), PG_GETARG_POINTS(1), &result))
		points_out_of_range();
	PG_RETURN_POINTS(result);
}

/* points - points */
Datum
points_mi(PG_FUNCTION_ARGS)
{
	Points		result;

	if (!points_sub(PG_GETARG_POINTS(0), PG_GETARG_POINTS(1), &result))
		points_out_of_range();
	PG_RETURN_POINTS(result);
}

/* - points */
Datum
points_um(PG_FUNCTION_ARGS)
{
	Points		result;

	if (!points_sub(0, PG_GETARG_POINTS(0), &result))
		points_out_of_range();
	PG_RETURN_POINTS(result);
}

/* + points */
Datum
points_up(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTS(PG_GETARG_POINTS(0));
}

/* points * bigint: so many times the points, exactly */
Datum
points_mul_int8(PG_FUNCTION_ARGS)
{
	int64		result;

	if (pg_mul_s64_overflow(PG_GETARG_POINTS(0), PG_GETARG_INT64(1), &result))
		points_out_of_range();
	PG_RETURN_POINTS(result);
}

/* bigint * points */
Datum
int8_mul_points(PG_FUNCTION_ARGS)
{
	int64		result;

	if (pg_mul_s64_overflow(PG_GETARG_INT64(0), PG_GETARG_POINTS(1), &result))
		points_out_of_range();
	PG_RETURN_POINTS(result);
}

/* Absolute value. */
Datum
points_abs(PG_FUNCTION_ARGS)
{
	Points		result = PG_GETARG_POINTS(0);

	if (result < 0 && !points_sub(0, result, &result))
		points_out_of_range();
	PG_RETURN_POINTS(result);
}

/* ------------------------------------------------------------------------
 * Casts
 * ------------------------------------------------------------------------
 */

/* points to numeric, exactly */
Datum
points_numeric(PG_FUNCTION_ARGS)
{
	PG_RETURN_NUMERIC(points_to_numeric(PG_GETARG_POINTS(0)));
}

/* numeric to points, rounded to four decimals, half away from zero */
Datum
numeric_points(PG_FUNCTION_ARGS)
{
	Points		result;

	if (points_from_numeric(PG_GETARG_NUMERIC(0), &result) != CORE_OK)
		points_out_of_range();
	PG_RETURN_POINTS(result);
}

/* The nearest whole number, half away from zero. */
static int64
round_to_whole(Points value)
{
	int64		whole = value / POINTS_SCALE;
	int64		rest = value % POINTS_SCALE;

	if (rest >= POINTS_SCALE / 2)
		return whole + 1;
	if (rest <= -POINTS_SCALE / 2)
		return whole - 1;
	return whole;
}

/* points to bigint, rounded as numeric is */
Datum
points_int8(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(round_to_whole(PG_GETARG_POINTS(0)));
}

/* points to integer, rounded as numeric is */
Datum
points_int4(PG_FUNCTION_ARGS)
{
	int64		whole = round_to_whole(PG_GETARG_POINTS(0));

	if (whole < PG_INT32_MIN || whole > PG_INT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("integer out of range")));
	PG_RETURN_INT32((int32) whole);
}

/*
 * points to double precision, the nearest: a whole number beyond 2^53 would
 * be rounded twice if it were converted before the division.
 */
Datum
points_float8(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(DirectFunctionCall1(numeric_float8,
										NumericGetDatum(points_to_numeric(PG_GETARG_POINTS(0)))));
}

/* A whole number of points. */
static Datum
whole_points(int64 number)
{
	int64		result;

	if (pg_mul_s64_overflow(number, POINTS_SCALE, &result))
		points_out_of_range();
	PG_RETURN_POINTS(result);
}

/* bigint to points */
Datum
int8_points(PG_FUNCTION_ARGS)
{
	return whole_points(PG_GETARG_INT64(0));
}

/* integer to points */
Datum
int4_points(PG_FUNCTION_ARGS)
{
	return whole_points(PG_GETARG_INT32(0));
}

/* smallint to points */
Datum
int2_points(PG_FUNCTION_ARGS)
{
	return whole_points(PG_GETARG_INT16(0));
}

/* ------------------------------------------------------------------------
 * Sum and average
 *
 * The state is an array of three bigints: how many values, and the high and
 * low half of their 128-bit total.  Being an ordinary type, it can travel
 * between workers, and between servers.
 * ------------------------------------------------------------------------
 */

#define STATE_WORDS 3

typedef struct Total
{
	int64		count;
	CoreInt128	sum;
} Total;

/* The words of a state; anybody can call these functions, so look first. */
static int64 *
state_words(ArrayType *state)
{
	if (ARR_NDIM(state) != 1 || ARR_DIMS(state)[0] != STATE_WORDS ||
		ARR_HASNULL(state) || ARR_ELEMTYPE(state) != INT8OID ||
		VARSIZE(state) != ARR_OVERHEAD_NONULLS(1) + STATE_WORDS * sizeof(int64))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("state of an aggregate over points must be an array of %d bigints",
						STATE_WORDS)));
	return (int64 *) ARR_DATA_PTR(state);
}

/* Reads a state. */
static Total
read_total(ArrayType *state)
{
	int64	   *words = state_words(state);
	Total		total;

	total.count = words[0];
	total.sum = (CoreInt128) (((unsigned __int128) (uint64) words[1] << 64) |
							  (uint64) words[2]);
	return total;
}

/* Writes a state. */
static void
write_total(ArrayType *state, Total total)
{
	int64	   *words = state_words(state);

	words[0] = total.count;
	words[1] = (int64) (total.sum >> 64);
	words[2] = (int64) (uint64) total.sum;
}

/* The state argument: an aggregate may change it, anybody else may not. */
static ArrayType *
state_argument(FunctionCallInfo fcinfo)
{
	if (AggCheckCallContext(fcinfo, NULL))
		return PG_GETARG_ARRAYTYPE_P(0);
	return PG_GETARG_ARRAYTYPE_P_COPY(0);
}

/*
 * Adds to a state.  Only a forged state can overflow: a genuine one would
 * have counted 2^63 values before.
 */
static Datum
change_total(FunctionCallInfo fcinfo, int64 count, CoreInt128 sum)
{
	ArrayType  *state = state_argument(fcinfo);
	Total		total = read_total(state);

	if (pg_add_s64_overflow(total.count, count, &total.count) ||
		__builtin_add_overflow(total.sum, sum, &total.sum))
		points_out_of_range();
	write_total(state, total);
	PG_RETURN_ARRAYTYPE_P(state);
}

/* Adds a value. */
Datum
points_accum(PG_FUNCTION_ARGS)
{
	return change_total(fcinfo, 1, PG_GETARG_POINTS(1));
}

/* Takes away a value that has left a window. */
Datum
points_accum_inv(PG_FUNCTION_ARGS)
{
	return change_total(fcinfo, -1, -(CoreInt128) PG_GETARG_POINTS(1));
}

/* Adds another state. */
Datum
points_accum_combine(PG_FUNCTION_ARGS)
{
	Total		more = read_total(PG_GETARG_ARRAYTYPE_P(1));

	return change_total(fcinfo, more.count, more.sum);
}

/* The sum, null of no values. */
Datum
points_sum(PG_FUNCTION_ARGS)
{
	Total		total = read_total(PG_GETARG_ARRAYTYPE_P(0));

	if (total.count == 0)
		PG_RETURN_NULL();
	if (total.sum < POINTS_MIN || total.sum > POINTS_MAX)
		points_out_of_range();
	PG_RETURN_POINTS((Points) total.sum);
}

/* The average, null of no values. */
Datum
points_avg(PG_FUNCTION_ARGS)
{
	Total		total = read_total(PG_GETARG_ARRAYTYPE_P(0));

	if (total.count == 0)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(DirectFunctionCall2(numeric_div,
										NumericGetDatum(points_total_to_numeric(total.sum)),
										NumericGetDatum(int64_to_numeric(total.count))));
}
