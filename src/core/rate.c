/*-------------------------------------------------------------------------
 *
 * rate.c
 *	  Rates: text form, order, and what they pay.
 *
 *-------------------------------------------------------------------------
 */
#include "rate.h"
#include "scan.h"

/* Has this kind an amount that it pays per? */
static inline bool
kind_has_per(int32_t kind)
{
	return kind == RATE_LINEAR || kind == RATE_BLOCK;
}

/* Takes a number without sign. */
static CoreResult
scan_number(Scanner *in, int64_t *result, bool *range)
{
	CoreResult	status = scan_decimal(in, RATE_DECIMALS, false, result);

	if (status == CORE_RANGE)
		*range = true;
	return status == CORE_SYNTAX ? CORE_SYNTAX : CORE_OK;
}

/*
 * Reads a rate.  Every malformed text is CORE_SYNTAX, even if a number in it
 * is also too large.
 */
CoreResult
rate_parse(const char *text, size_t length, Rate *result)
{
	Scanner		in = scan_start(text, length);
	Rate		rate = {0};
	bool		range = false;

	scan_space(&in);
	if (scan_char(&in, 'x') || scan_char(&in, 'X'))
	{
		rate.kind = RATE_MULTIPLIER;
		scan_space(&in);
		if (scan_number(&in, &rate.value, &range) != CORE_OK)
			return CORE_SYNTAX;
	}
	else
	{
		bool		space;

		if (scan_number(&in, &rate.value, &range) != CORE_OK)
			return CORE_SYNTAX;
		space = scan_space(&in);
		if (scan_char(&in, '%'))
			rate.kind = RATE_PERCENT;
		else if (space && scan_word(&in, "per"))
		{
			rate.kind = RATE_LINEAR;
			if (!scan_space(&in))
				return CORE_SYNTAX;
			if (scan_word(&in, "full"))
			{
				rate.kind = RATE_BLOCK;
				if (!scan_space(&in))
					return CORE_SYNTAX;
			}
			if (scan_number(&in, &rate.per, &range) != CORE_OK)
				return CORE_SYNTAX;
			if (rate.per == 0)
				range = true;
		}
		else
			rate.kind = RATE_FLAT;
	}
	scan_space(&in);
	if (!scan_done(&in))
		return CORE_SYNTAX;
	if (range)
		return CORE_RANGE;
	*result = rate;
	return CORE_OK;
}

/* Writes the canonical text form; returns its length. */
int
rate_format(const Rate *rate, char *buffer)
{
	char	   *to = buffer;

	if (rate->kind == RATE_MULTIPLIER)
		*to++ = 'x';
	to += print_decimal(rate->value, RATE_DECIMALS, to);
	if (rate->kind == RATE_PERCENT)
		*to++ = '%';
	if (kind_has_per(rate->kind))
	{
		to = print_text(to, rate->kind == RATE_BLOCK ? " per full " : " per ");
		to += print_decimal(rate->per, RATE_DECIMALS, to);
	}
	*to = '\0';
	return to - buffer;
}

/* Could rate_parse have made this? */
CoreResult
rate_validate(const Rate *rate)
{
	if (rate->kind < RATE_LINEAR || rate->kind > RATE_FLAT ||
		rate->reserved != 0)
		return CORE_SYNTAX;
	if (rate->value < 0)
		return CORE_RANGE;
	if (kind_has_per(rate->kind) ? rate->per <= 0 : rate->per != 0)
		return CORE_RANGE;
	return CORE_OK;
}

/* Three-way comparison of integers. */
static inline int
compare(CoreInt128 a, CoreInt128 b)
{
	return (a > b) - (a < b);
}

/* Total order. */
int
rate_cmp(const Rate *a, const Rate *b)
{
	int			order = compare(a->kind, b->kind);

	if (order != 0)
		return order;
	if (!kind_has_per(a->kind))
		return compare(a->value, b->value);
	order = compare((CoreInt128) a->value * b->per,
					(CoreInt128) b->value * a->per);
	if (order == 0 && a->kind == RATE_BLOCK)
	{
		order = compare(a->per, b->per);
		if (order == 0)
			order = compare(a->value, b->value);
	}
	return order;
}

/* The representative of all rates equal to this one. */
Rate
rate_normal(const Rate *rate)
{
	Rate		result = *rate;

	if (rate->kind == RATE_LINEAR)
	{
		Frac		ratio = frac_reduce(frac_make(rate->value, rate->per));

		result.value = (int64_t) ratio.num;
		result.per = (int64_t) ratio.den;
	}
	return result;
}

/* What a rate pays for an amount. */
CoreResult
rate_pays(const Rate *rate, Frac amount, Frac *result)
{
	CoreResult	status;
	Frac		blocks;

	switch ((RateKind) rate->kind)
	{
		case RATE_LINEAR:
			return frac_mul(amount, frac_make(rate->value, rate->per), result);

		case RATE_BLOCK:
			status = frac_mul(amount, frac_make(RATE_SCALE, rate->per), &blocks);
			if (status != CORE_OK)
				return status;
			return frac_mul(frac_make(frac_floor(blocks), 1),
							frac_make(rate->value, RATE_SCALE), result);

		case RATE_PERCENT:
			return frac_mul(amount, frac_make(rate->value, 100 * RATE_SCALE),
							result);

		case RATE_FLAT:
			*result = frac_make(rate->value, RATE_SCALE);
			return CORE_OK;

		case RATE_MULTIPLIER:
			break;
	}
	return CORE_RANGE;
}

/* The factor of a multiplier. */
Frac
rate_factor(const Rate *rate)
{
	return frac_make(rate->value, RATE_SCALE);
}
