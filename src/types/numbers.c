/*-------------------------------------------------------------------------
 *
 * numbers.c
 *	  Between the server's numeric and the exact numbers of the core.
 *
 * Numerics are read in their binary wire format, which never changes: digits
 * of base 10000, the same 10000 that points are counted in.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "loyalty.h"
#include "types/numbers.h"

#define WIRE_BASE		10000
#define WIRE_NEGATIVE	0x4000
#define WIRE_POSITIVE	0x0000
#define WIRE_HEADER		4		/* 16-bit words before the digits */

/* a numeric: the sum of digit(i) * 10000^(weight - i) */
typedef struct Digits
{
	bytea	   *wire;
	const unsigned char *words;
	bool		negative;
	int			weight;
	int			count;
} Digits;

/* A 16-bit word of the wire format. */
static inline int
wire_word(const unsigned char *words, int i)
{
	return (words[2 * i] << 8) | words[2 * i + 1];
}

/* A digit of base 10000. */
static inline int
get_digit(const Digits *digits, int i)
{
	return wire_word(digits->words, WIRE_HEADER + i);
}

/* Opens a numeric; false if it is not a number. */
static bool
open_numeric(Numeric number, Digits *digits)
{
	int			sign;

	digits->wire = DatumGetByteaPP(DirectFunctionCall1(numeric_send,
													   NumericGetDatum(number)));
	digits->words = (const unsigned char *) VARDATA_ANY(digits->wire);
	digits->count = wire_word(digits->words, 0);
	digits->weight = (int16) wire_word(digits->words, 1);
	sign = wire_word(digits->words, 2);
	digits->negative = sign == WIRE_NEGATIVE;
	return sign == WIRE_NEGATIVE || sign == WIRE_POSITIVE;
}

/* Frees what open_numeric made, for long loops convert many numbers. */
static void
close_numeric(Digits *digits)
{
	pfree(digits->wire);
}

/* Points without trailing zeros. */
Numeric
points_to_numeric(Points value)
{
	int			decimals = POINTS_DECIMALS;

	if (value % POINTS_SCALE == 0)
		return int64_to_numeric(value / POINTS_SCALE);
	while (value % 10 == 0)
	{
		value /= 10;
		decimals--;
	}
	return int64_div_fast_to_numeric(value, decimals);
}

/* A total of points that may be beyond them. */
Numeric
points_total_to_numeric(CoreInt128 total)
{
	Datum		high,
				low;

	if (total >= POINTS_MIN && total <= POINTS_MAX)
		return points_to_numeric((Points) total);

	/* 10^18 is a multiple of the scale and splits any total in two */
	high = NumericGetDatum(int64_to_numeric((int64) (total / INT64CONST(1000000000000000000))));
	low = NumericGetDatum(points_to_numeric((Points) (total % INT64CONST(1000000000000000000))));
	high = DirectFunctionCall2(numeric_mul, high,
							   NumericGetDatum(int64_to_numeric(INT64CONST(1000000000000000000) /
																POINTS_SCALE)));
	return DatumGetNumeric(DirectFunctionCall2(numeric_add, high, low));
}

/* Rounds to points. */
CoreResult
points_from_numeric(Numeric number, Points *result)
{
	Digits		digits;
	CoreResult	status = CORE_RANGE;

	if (open_numeric(number, &digits))
	{
		/* digits as far as the fourth decimal, absent ones being zero */
		int			used = digits.weight + 2;
		CoreInt128	total = 0;

		if (digits.count == 0 || used < 0)
			used = 0;
		if (used <= 9)			/* else at least 10^36 */
		{
			for (int i = 0; i < used; i++)
				total = total * WIRE_BASE +
					(i < digits.count ? get_digit(&digits, i) : 0);
			if (digits.weight + 2 >= 0 && used < digits.count &&
				get_digit(&digits, used) >= WIRE_BASE / 2)
				total++;
			if (digits.negative)
				total = -total;
			if (total >= POINTS_MIN && total <= POINTS_MAX)
			{
				*result = (Points) total;
				status = CORE_OK;
			}
		}
	}
	close_numeric(&digits);
	return status;
}

/* A numeric as a fraction. */
CoreResult
frac_from_numeric(Numeric number, Frac *result)
{
	Digits		digits;
	CoreResult	status = CORE_RANGE;

	if (open_numeric(number, &digits))
	{
		int			after = digits.count - 1 - digits.weight;	/* of the point */
		int			whole = Max(digits.count, digits.weight + 1);

		/* nine digits fit */
		if (digits.count == 0)
		{
			*result = FRAC_ZERO;
			status = CORE_OK;
		}
		else if (whole <= 9 && after <= 9)
		{
			CoreInt128	num = 0;
			CoreInt128	den = 1;

			for (int i = 0; i < whole; i++)
				num = num * WIRE_BASE +
					(i < digits.count ? get_digit(&digits, i) : 0);
			for (int i = 0; i < after; i++)
				den *= WIRE_BASE;
			*result = frac_make(digits.negative ? -num : num, den);
			status = CORE_OK;
		}
	}
	close_numeric(&digits);
	return status;
}
