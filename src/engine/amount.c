/*-------------------------------------------------------------------------
 *
 * amount.c
 *	  Amounts of money: from numeric to the core's exact fractions.
 *
 * Digits are read straight from numeric's on-disk form, which is stable
 * (pg_upgrade keeps it): this saves most of the cost of an amount.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/amount.h"

#include "utils/builtins.h"

/* the on-disk form of numeric, see the comments in the server's numeric.c */
#define NUMERIC_SPECIAL_MASK	0xC000
#define NUMERIC_FORM_SHORT		0x8000
#define NUMERIC_FORM_SPECIAL	0xC000
#define SHORT_SIGN				0x2000
#define SHORT_WEIGHT_SIGN		0x0040
#define SHORT_WEIGHT_MASK		0x003F
#define DIGIT_BASE				10000
#define DIGIT_DECIMALS			4

#define MAX_AMOUNT_DECIMALS		20	/* in whole groups of four */
#define AMOUNT_MAX				(PG_INT64_MAX / POINTS_SCALE - 1)	/* whole part */

pg_noreturn static void amount_out_of_range(Datum numeric, const char *what);

/* Refuses an amount, saying what would be right. */
static void
amount_out_of_range(Datum numeric, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("%s is out of range: %s", what,
					DatumGetCString(DirectFunctionCall1(numeric_out, numeric))),
			 errdetail("An amount is a finite number below 922 trillion with at most %d decimals.",
					   MAX_AMOUNT_DECIMALS - 2)));
}

/* see amount.h */
Frac
amount_from_numeric(Datum numeric, const char *what)
{
	struct varlena *value = PG_DETOAST_DATUM_PACKED(numeric);
	const char *data = VARDATA_ANY(value);
	int			size = VARSIZE_ANY_EXHDR(value);
	uint16		header;
	int			weight;
	bool		negative;
	int			ndigits;
	int			decimals;
	CoreInt128	mantissa = 0;
	Frac		result;
	int			i;

	memcpy(&header, data, sizeof(uint16));
	if ((header & NUMERIC_SPECIAL_MASK) == NUMERIC_FORM_SPECIAL)
		amount_out_of_range(numeric, what);
	if ((header & NUMERIC_SPECIAL_MASK) == NUMERIC_FORM_SHORT)
	{
		negative = (header & SHORT_SIGN) != 0;
		weight = (header & SHORT_WEIGHT_MASK);
		if (header & SHORT_WEIGHT_SIGN)
			weight |= ~SHORT_WEIGHT_MASK;
		data += sizeof(uint16);
		size -= sizeof(uint16);
	}
	else
	{
		int16		stored;

		negative = (header & NUMERIC_SPECIAL_MASK) != 0;
		memcpy(&stored, data + sizeof(uint16), sizeof(int16));
		weight = stored;
		data += 2 * sizeof(uint16);
		size -= 2 * sizeof(uint16);
	}
	ndigits = size / (int) sizeof(int16);

	result.den = 1;
	if (ndigits == 0)
	{
		result.num = 0;
		return result;
	}
	decimals = Max(0, ndigits - 1 - weight) * DIGIT_DECIMALS;
	if (weight > 3 || decimals > MAX_AMOUNT_DECIMALS)
		amount_out_of_range(numeric, what);
	for (i = 0; i < ndigits; i++)
	{
		int16		digit;

		memcpy(&digit, data + i * sizeof(int16), sizeof(int16));
		mantissa = mantissa * DIGIT_BASE + digit;
	}
	for (i = ndigits - 1; i < weight; i++)
		mantissa *= DIGIT_BASE;
	for (i = 0; i < decimals; i += DIGIT_DECIMALS)
		result.den *= DIGIT_BASE;
	result.num = negative ? -mantissa : mantissa;
	if (mantissa > AMOUNT_MAX && mantissa / result.den > AMOUNT_MAX)
		amount_out_of_range(numeric, what);
	return result;
}

/* see amount.h */
Points
amount_to_points(Frac amount)
{
	CoreInt128	num = amount.num;
	CoreInt128	den = amount.den;
	CoreInt128	whole;
	CoreInt128	rest;

	/* a 128-bit division is a call */
	if (num >= 0 && num <= AMOUNT_MAX && den <= PG_INT64_MAX / 2)
	{
		int64		scaled = (int64) num * POINTS_SCALE;
		int64		narrow = (int64) den;

		return scaled / narrow + (scaled % narrow * 2 >= narrow ? 1 : 0);
	}

	/* amounts are within the range of points, so that this cannot overflow */
	whole = num / den;
	rest = (num % den) * POINTS_SCALE;
	whole = whole * POINTS_SCALE + rest / den;
	rest %= den;
	if (rest * 2 >= den)
		whole++;
	else if (-rest * 2 >= den)
		whole--;
	return (Points) whole;
}
