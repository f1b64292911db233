/*-------------------------------------------------------------------------
 *
 * test_frac.c
 *	  Exact rational numbers, against slow arithmetic of any length.
 *
 *-------------------------------------------------------------------------
 */
#include "frac.h"
#include "harness.h"

#define INT128_MAX	((CoreInt128) (~(unsigned __int128) 0 >> 1))
#define INT128_MIN	(-INT128_MAX - 1)

/* ------------------------------------------------------------------------
 * Numbers of any length, without sign
 * ------------------------------------------------------------------------
 */

#define LIMBS	20				/* of 32 bits, least significant first */

typedef struct Big
{
	uint32_t	limb[LIMBS];
} Big;

/* From a magnitude. */
static Big
big(unsigned __int128 value)
{
	Big			result = {{0}};

	for (int i = 0; i < 4; i++)
		result.limb[i] = (uint32_t) (value >> (32 * i));
	return result;
}

/* The absolute value. */
static Big
big_abs(CoreInt128 value)
{
	return big(value < 0 ? -(unsigned __int128) value :
			   (unsigned __int128) value);
}

/* a * b */
static Big
big_mul(Big a, Big b)
{
	Big			result = {{0}};

	for (int i = 0; i < LIMBS; i++)
	{
		uint64_t	carry = 0;

		for (int j = 0; i + j < LIMBS; j++)
		{
			carry += (uint64_t) a.limb[i] * b.limb[j] + result.limb[i + j];
			result.limb[i + j] = (uint32_t) carry;
			carry >>= 32;
		}
	}
	return result;
}

/* a + b */
static Big
big_add(Big a, Big b)
{
	uint64_t	carry = 0;

	for (int i = 0; i < LIMBS; i++)
	{
		carry += (uint64_t) a.limb[i] + b.limb[i];
		a.limb[i] = (uint32_t) carry;
		carry >>= 32;
	}
	return a;
}

/* a - b, a being the larger */
static Big
big_sub(Big a, Big b)
{
	int64_t		borrow = 0;

	for (int i = 0; i < LIMBS; i++)
	{
		borrow += (int64_t) a.limb[i] - b.limb[i];
		a.limb[i] = (uint32_t) borrow;
		borrow >>= 32;
	}
	return a;
}

/* Comparison. */
static int
big_cmp(Big a, Big b)
{
	for (int i = LIMBS - 1; i >= 0; i--)
		if (a.limb[i] != b.limb[i])
			return a.limb[i] < b.limb[i] ? -1 : 1;
	return 0;
}

/* Halves a number. */
static Big
big_half(Big a)
{
	for (int i = 0; i < LIMBS; i++)
		a.limb[i] = (a.limb[i] >> 1) |
			(i + 1 < LIMBS ? a.limb[i + 1] << 31 : 0);
	return a;
}

/* Greatest common divisor by halving and subtracting. */
static Big
big_gcd(Big a, Big b)
{
	Big			zero = {{0}};
	int			twos = 0;

	if (big_cmp(a, zero) == 0)
		return b;
	if (big_cmp(b, zero) == 0)
		return a;
	while ((a.limb[0] & 1) == 0 && (b.limb[0] & 1) == 0)
	{
		a = big_half(a);
		b = big_half(b);
		twos++;
	}
	while (big_cmp(b, zero) != 0)
	{
		Big			swap;

		while ((a.limb[0] & 1) == 0)
			a = big_half(a);
		while ((b.limb[0] & 1) == 0)
			b = big_half(b);
		if (big_cmp(a, b) > 0)
		{
			swap = a;
			a = b;
			b = swap;
		}
		b = big_sub(b, a);
	}
	for (; twos > 0; twos--)
		a = big_add(a, a);
	return a;
}

/* A fraction of any length. */
typedef struct BigFrac
{
	bool		negative;
	Big			num;
	Big			den;
} BigFrac;

/* From a fraction. */
static BigFrac
big_frac(Frac a)
{
	return (BigFrac) {a.num < 0, big_abs(a.num), big_abs(a.den)};
}

/* Are they the same number? */
static bool
same(BigFrac a, BigFrac b)
{
	Big			zero = {{0}};

	if (big_cmp(a.num, zero) == 0 || big_cmp(b.num, zero) == 0)
		return big_cmp(a.num, b.num) == 0;
	return a.negative == b.negative &&
		big_cmp(big_mul(a.num, b.den), big_mul(b.num, a.den)) == 0;
}

/* Does the number fit into a Frac in lowest terms? */
static bool
fits(BigFrac a)
{
	Big			divisor = big_gcd(a.num, a.den);
	Big			num_limit = big_mul(big_abs(a.negative ? INT128_MIN : INT128_MAX),
									divisor);

	return big_cmp(a.num, num_limit) <= 0 &&
		big_cmp(a.den, big_mul(big(INT128_MAX), divisor)) <= 0;
}

/* a + b, slowly */
static BigFrac
slow_add(BigFrac a, BigFrac b)
{
	Big			left = big_mul(a.num, b.den),
				right = big_mul(b.num, a.den);
	BigFrac		result = {a.negative, {{0}}, big_mul(a.den, b.den)};

	if (a.negative == b.negative)
		result.num = big_add(left, right);
	else if (big_cmp(left, right) >= 0)
		result.num = big_sub(left, right);
	else
	{
		result.num = big_sub(right, left);
		result.negative = b.negative;
	}
	return result;
}

/* ------------------------------------------------------------------------
 * Properties
 * ------------------------------------------------------------------------
 */

/* A number of up to 128 bits, favouring the extremes and common factors. */
static CoreInt128
random_int128(void)
{
	unsigned __int128 bits = ((unsigned __int128) random_bits() << 64) |
		random_bits();
	static const int primes[] = {2, 3, 5, 7, 10, 30};

	switch (below(10))
	{
		case 0:
			return INT128_MAX - (CoreInt128) below(3);
		case 1:
			return INT128_MIN + (CoreInt128) below(3);
		case 2:
			return (CoreInt128) below(100) - 50;
		case 3:
			{
				CoreInt128	product = 1;

				for (int i = (int) below(26); i > 0; i--)
					product *= primes[below(6)];
				return product;		/* at most 30^25, which fits */
			}
		default:
			bits >>= below(128);
			return below(2) == 0 ? (CoreInt128) (bits >> 1) :
				-(CoreInt128) (bits >> 1);
	}
}

/* Any fraction. */
static Frac
random_frac(void)
{
	Frac		result = {random_int128(), 0};

	do
	{
		CoreInt128	den = random_int128();

		result.den = den < 0 ? -(den + 1) : den;
	} while (result.den == 0);
	return result;
}

/* Shows two fractions. */
static bool
complain(const char *what, Frac a, Frac b)
{
	printf("# %s", what);
	for (int i = 0; i < 4; i++)
	{
		CoreInt128	n = i == 0 ? a.num : i == 1 ? a.den : i == 2 ? b.num : b.den;

		printf("%s 0x%016" PRIx64 "%016" PRIx64, i % 2 ? " /" : "",
			   (uint64_t) (n >> 64), (uint64_t) n);
	}
	printf("\n");
	return false;
}

/* An operation gives the slow result, or a range error if that does not fit. */
static bool
agrees(CoreResult status, Frac got, BigFrac expected)
{
	if (status == CORE_OK)
		return got.den > 0 && same(big_frac(got), expected);
	return status == CORE_RANGE && !fits(expected);
}

/* The four operations and comparison. */
static bool
operations(void)
{
	Frac		a = random_frac(),
				b = random_frac(),
				got = FRAC_ZERO;
	BigFrac		x,
				y,
				minus;
	CoreResult	status;
	int			order;

	if (below(4) == 0)
		b.den = a.den;
	x = big_frac(a);
	y = minus = big_frac(b);
	minus.negative = !minus.negative;

	status = frac_add(a, b, &got);
	if (!agrees(status, got, slow_add(x, y)))
		return complain("add", a, b);
	status = frac_sub(a, b, &got);
	if (!agrees(status, got, slow_add(x, minus)))
		return complain("sub", a, b);
	status = frac_mul(a, b, &got);
	if (!agrees(status, got, (BigFrac) {x.negative != y.negative,
										big_mul(x.num, y.num),
										big_mul(x.den, y.den)}))
		return complain("mul", a, b);
	if (b.num != 0)
	{
		status = frac_div(a, b, &got);
		if (!agrees(status, got, (BigFrac) {x.negative != y.negative,
											big_mul(x.num, y.den),
											big_mul(x.den, y.num)}))
			return complain("div", a, b);
	}

	minus = slow_add(x, minus);
	order = big_cmp(minus.num, big(0)) == 0 ? 0 : minus.negative ? -1 : 1;
	if (frac_cmp(a, b) != order || frac_cmp(b, a) != -order)
		return complain("cmp", a, b);
	return true;
}

/* Floor and lowest terms. */
static bool
floor_and_reduce(void)
{
	Frac		a = random_frac();
	CoreInt128	whole = frac_floor(a);
	Frac		low = frac_reduce(a);

	/* whole <= a < whole + 1 */
	if (frac_cmp((Frac) {whole, 1}, a) > 0 ||
		(whole != INT128_MAX && frac_cmp((Frac) {whole + 1, 1}, a) <= 0))
		return complain("floor", a, (Frac) {whole, 1});
	if (frac_cmp(a, low) != 0 || low.den <= 0 ||
		big_cmp(big_gcd(big_abs(low.num), big_abs(low.den)), big(1)) != 0)
		return complain("reduce", a, low);
	return true;
}

/* Worked cases at the edges. */
static void
test_edges(void)
{
	Frac		r;
	Frac		least = {INT128_MIN, 1};
	Frac		most = {INT128_MAX, 1};

	ok(frac_sub(least, least, &r) == CORE_OK && frac_sign(r) == 0, "least - least");
	ok(frac_sub(FRAC_ZERO, least, &r) == CORE_RANGE, "- least does not fit");
	ok(frac_div(least, least, &r) == CORE_OK &&
	   frac_cmp(r, (Frac) {1, 1}) == 0, "least / least");
	ok(frac_div((Frac) {2, 1}, least, &r) == CORE_OK &&
	   frac_cmp(r, (Frac) {-1, (CoreInt128) 1 << 126}) == 0, "2 / least");
	ok(frac_div((Frac) {1, 1}, least, &r) == CORE_RANGE, "1 / least does not fit");
	ok(frac_mul(least, (Frac) {1, 2}, &r) == CORE_OK, "least / 2");
	ok(frac_add(most, (Frac) {1, 1}, &r) == CORE_RANGE, "most + 1 does not fit");
	ok(frac_add(most, (Frac) {-1, INT128_MAX}, &r) == CORE_RANGE,
	   "most less the smallest does not fit");
	ok(frac_add((Frac) {INT128_MAX, 3}, (Frac) {INT128_MAX, 6}, &r) == CORE_OK &&
	   frac_cmp(r, (Frac) {INT128_MAX, 2}) == 0, "a third and a sixth of most");
	ok(frac_div(most, FRAC_ZERO, &r) == CORE_RANGE, "no division by zero");
	ok(frac_floor((Frac) {-1, 3}) == -1 && frac_floor((Frac) {-3, 3}) == -1 &&
	   frac_floor((Frac) {2, 3}) == 0, "floor goes down");
}

int
main(void)
{
	start_tests();
	test_edges();
	property("operations", 5000, operations);
	property("floor and lowest terms", 20000, floor_and_reduce);
	return end_tests();
}
