/*-------------------------------------------------------------------------
 *
 * frac.c
 *	  Exact rational numbers of two 128-bit integers.
 *
 * Each operation first tries the short way, whose products nearly always
 * fit.  The long way works on magnitudes in lowest terms, with 256 bits where
 * they are needed, so that it fails only if the result really does not fit.
 *
 *-------------------------------------------------------------------------
 */
#include "frac.h"

typedef unsigned __int128 Magnitude;

/* 256 bits without sign */
typedef struct Wide
{
	Magnitude	high;
	Magnitude	low;
} Wide;

/* a fraction as sign and magnitudes; only so has every value its negative */
typedef struct Ratio
{
	bool		negative;
	Magnitude	num;
	Magnitude	den;
} Ratio;

#define MAGNITUDE_BITS	128
#define MAGNITUDE_HALF	64
#define POSITIVE_MAX	(~(Magnitude) 0 >> 1)

/* The absolute value. */
static inline Magnitude
magnitude(CoreInt128 value)
{
	return value < 0 ? -(Magnitude) value : (Magnitude) value;
}

/* Do both fit in 64 bits, so that their product fits in 128? */
static inline bool
both_narrow(CoreInt128 a, CoreInt128 b)
{
	return a == (int64_t) a && b == (int64_t) b;
}

/* Greatest common divisor. */
static Magnitude
gcd(Magnitude a, Magnitude b)
{
	/* 128-bit division is a call, so leave it as soon as possible */
	while (b >> MAGNITUDE_HALF != 0)
	{
		Magnitude	rest = a % b;

		a = b;
		b = rest;
	}
	if (b != 0)
	{
		uint64_t	x = (uint64_t) b;
		uint64_t	y = (uint64_t) (a % b);

		while (y != 0)
		{
			uint64_t	rest = x % y;

			x = y;
			y = rest;
		}
		return x;
	}
	return a;
}

/* The product in full. */
static Wide
wide_mul(Magnitude a, Magnitude b)
{
	Magnitude	a0 = (uint64_t) a,
				a1 = a >> MAGNITUDE_HALF,
				b0 = (uint64_t) b,
				b1 = b >> MAGNITUDE_HALF;
	Magnitude	low = a0 * b0,
				middle1 = a1 * b0 + (low >> MAGNITUDE_HALF),
				middle2 = a0 * b1 + (uint64_t) middle1;
	Wide		result;

	result.low = (middle2 << MAGNITUDE_HALF) | (uint64_t) low;
	result.high = a1 * b1 + (middle1 >> MAGNITUDE_HALF) +
		(middle2 >> MAGNITUDE_HALF);
	return result;
}

/* Three-way comparison. */
static int
wide_cmp(Wide a, Wide b)
{
	if (a.high != b.high)
		return a.high < b.high ? -1 : 1;
	if (a.low != b.low)
		return a.low < b.low ? -1 : 1;
	return 0;
}

/* The sum, which must fit. */
static Wide
wide_add(Wide a, Wide b)
{
	Wide		result = {a.high + b.high, a.low + b.low};

	if (result.low < a.low)
		result.high++;
	return result;
}

/* The difference, which must not be negative. */
static Wide
wide_sub(Wide a, Wide b)
{
	Wide		result = {a.high - b.high, a.low - b.low};

	if (a.low < b.low)
		result.high--;
	return result;
}

/* Divides by a divisor below 2^64, word by word; returns the remainder. */
static Magnitude
wide_divide_narrow(Wide *value, uint64_t divisor)
{
	uint64_t	words[4] = {
		(uint64_t) (value->high >> MAGNITUDE_HALF), (uint64_t) value->high,
		(uint64_t) (value->low >> MAGNITUDE_HALF), (uint64_t) value->low
	};
	uint64_t	rest = 0;

	for (int i = 0; i < 4; i++)
	{
		Magnitude	part = ((Magnitude) rest << MAGNITUDE_HALF) | words[i];

		if (part == 0)
			continue;
		words[i] = (uint64_t) (part / divisor);
		rest = (uint64_t) (part - (Magnitude) words[i] * divisor);
	}
	value->high = ((Magnitude) words[0] << MAGNITUDE_HALF) | words[1];
	value->low = ((Magnitude) words[2] << MAGNITUDE_HALF) | words[3];
	return rest;
}

/* Divides by a divisor below 2^127; returns the remainder. */
static Magnitude
wide_divide(Wide *value, Magnitude divisor)
{
	Magnitude	rest = 0;
	Wide		quotient = {0, 0};

	if (divisor == 1)
		return 0;
	if (divisor >> MAGNITUDE_HALF == 0)
		return wide_divide_narrow(value, (uint64_t) divisor);

	/* bit by bit */
	for (int bit = 2 * MAGNITUDE_BITS - 1; bit >= 0; bit--)
	{
		Magnitude	word = bit >= MAGNITUDE_BITS ? value->high : value->low;

		rest = (rest << 1) | ((word >> (bit % MAGNITUDE_BITS)) & 1);
		quotient.high = (quotient.high << 1) |
			(quotient.low >> (MAGNITUDE_BITS - 1));
		quotient.low <<= 1;
		if (rest >= divisor)
		{
			rest -= divisor;
			quotient.low |= 1;
		}
	}
	*value = quotient;
	return rest;
}

/* The product if it fits. */
static inline bool
int128_mul(CoreInt128 a, CoreInt128 b, CoreInt128 *result)
{
	Wide		product;

	if (both_narrow(a, b))
	{
		*result = a * b;
		return true;
	}

	/* __builtin_mul_overflow needs a library that is not always there */
	product = wide_mul(magnitude(a), magnitude(b));
	if (product.high != 0 || product.low > POSITIVE_MAX)
		return false;
	*result = (a < 0) != (b < 0) ? -(CoreInt128) product.low :
		(CoreInt128) product.low;
	return true;
}

/* Lowest terms, as sign and magnitudes. */
static Ratio
ratio_reduced(Frac a)
{
	Ratio		result = {a.num < 0, magnitude(a.num), magnitude(a.den)};
	Magnitude	divisor = gcd(result.den, result.num);

	result.num /= divisor;
	result.den /= divisor;
	return result;
}

/* A fraction of such parts, if it fits. */
static CoreResult
make_frac(bool negative, Wide num, Wide den, Frac *result)
{
	if (num.high != 0 || num.low > POSITIVE_MAX + (negative ? 1 : 0) ||
		den.high != 0 || den.low > POSITIVE_MAX)
		return CORE_RANGE;
	result->num = (CoreInt128) (negative ? -num.low : num.low);
	result->den = (CoreInt128) den.low;
	return CORE_OK;
}

/* Product of two ratios in lowest terms. */
static CoreResult
ratio_mul(Ratio a, Ratio b, Frac *result)
{
	Magnitude	first = gcd(b.den, a.num),
				second = gcd(a.den, b.num);
	Wide		num = wide_mul(a.num / first, b.num / second),
				den = wide_mul(a.den / second, b.den / first);

	return make_frac(a.negative != b.negative, num, den, result);
}

/* Sum of two ratios in lowest terms. */
static CoreResult
ratio_add(Ratio a, Ratio b, Frac *result)
{
	Magnitude	common = gcd(a.den, b.den);
	Wide		left = wide_mul(a.num, b.den / common),
				right = wide_mul(b.num, a.den / common),
				num,
				rest,
				den;
	Magnitude	divisor;
	bool		negative = a.negative;

	if (a.negative == b.negative)
		num = wide_add(left, right);
	else if (wide_cmp(left, right) >= 0)
		num = wide_sub(left, right);
	else
	{
		num = wide_sub(right, left);
		negative = b.negative;
	}

	/*
	 * Whatever the sum's numerator has in common with its denominator, it has
	 * in common with the two denominators' common divisor.
	 */
	rest = num;
	divisor = gcd(common, wide_divide(&rest, common));
	wide_divide(&num, divisor);
	den = wide_mul(a.den / common, b.den / divisor);
	return make_frac(negative, num, den, result);
}

/* a + b */
CoreResult
frac_add(Frac a, Frac b, Frac *result)
{
	CoreInt128	left,
				right,
				num,
				den;

	if (a.den == b.den)
	{
		if (!__builtin_add_overflow(a.num, b.num, &num))
		{
			*result = frac_make(num, a.den);
			return CORE_OK;
		}
	}
	else
	{
		CoreInt128	a_part = a.den,
					b_part = b.den;

		/* before they outgrow 64 bits denominators lose what they share */
		if (both_narrow(a.den, b.den) && (a.den * b.den) >> (MAGNITUDE_HALF - 1) != 0)
		{
			CoreInt128	common = (CoreInt128) gcd((Magnitude) a.den, (Magnitude) b.den);

			a_part = (int64_t) a.den / (int64_t) common;
			b_part = (int64_t) b.den / (int64_t) common;
		}
		if (int128_mul(a.num, b_part, &left) &&
			int128_mul(b.num, a_part, &right) &&
			int128_mul(a.den, b_part, &den) &&
			!__builtin_add_overflow(left, right, &num))
		{
			*result = frac_make(num, den);
			return CORE_OK;
		}
	}
	return ratio_add(ratio_reduced(a), ratio_reduced(b), result);
}

/* a - b */
CoreResult
frac_sub(Frac a, Frac b, Frac *result)
{
	CoreInt128	num;
	Ratio		minus;

	if (!__builtin_sub_overflow(0, b.num, &num))
		return frac_add(a, frac_make(num, b.den), result);
	minus = ratio_reduced(b);
	minus.negative = !minus.negative;
	return ratio_add(ratio_reduced(a), minus, result);
}

/* a * b */
CoreResult
frac_mul(Frac a, Frac b, Frac *result)
{
	CoreInt128	num,
				den;

	if (int128_mul(a.num, b.num, &num) && int128_mul(a.den, b.den, &den))
	{
		*result = frac_make(num, den);
		return CORE_OK;
	}
	return ratio_mul(ratio_reduced(a), ratio_reduced(b), result);
}

/* a / b */
CoreResult
frac_div(Frac a, Frac b, Frac *result)
{
	CoreInt128	num,
				den;
	Ratio		reduced,
				inverse;

	if (b.num > 0 && int128_mul(a.num, b.den, &num) &&
		int128_mul(a.den, b.num, &den))
	{
		*result = frac_make(num, den);
		return CORE_OK;
	}
	if (b.num == 0)
		return CORE_RANGE;
	reduced = ratio_reduced(b);
	inverse.negative = reduced.negative;
	inverse.num = reduced.den;
	inverse.den = reduced.num;
	return ratio_mul(ratio_reduced(a), inverse, result);
}

/* Exact comparison. */
int
frac_cmp(Frac a, Frac b)
{
	Wide		left,
				right;
	int			sign = frac_sign(a);

	if (a.den == b.den)
		return (a.num > b.num) - (a.num < b.num);
	if (both_narrow(a.num, b.den) && both_narrow(b.num, a.den))
	{
		CoreInt128	l = a.num * b.den,
					r = b.num * a.den;

		return (l > r) - (l < r);
	}
	if (sign != frac_sign(b))
		return sign > frac_sign(b) ? 1 : -1;
	left = wide_mul(magnitude(a.num), magnitude(b.den));
	right = wide_mul(magnitude(b.num), magnitude(a.den));
	return sign < 0 ? wide_cmp(right, left) : wide_cmp(left, right);
}

/* -1, 0 or 1. */
int
frac_sign(Frac a)
{
	return (a.num > 0) - (a.num < 0);
}

/* Largest integer not above. */
CoreInt128
frac_floor(Frac a)
{
	CoreInt128	quotient = a.num / a.den;

	return a.num % a.den < 0 ? quotient - 1 : quotient;
}

/* Lowest terms. */
Frac
frac_reduce(Frac a)
{
	Magnitude	divisor = gcd(magnitude(a.den), magnitude(a.num));

	return frac_make(a.num / (CoreInt128) divisor,
					 a.den / (CoreInt128) divisor);
}
