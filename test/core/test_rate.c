/*-------------------------------------------------------------------------
 *
 * test_rate.c
 *	  Rates: text form, order, and what they pay.
 *
 *-------------------------------------------------------------------------
 */
#include "harness.h"
#include "rate.h"

/* What a text reads as, in canonical form or as the kind of error. */
static const char *
reads(const char *text)
{
	static char buffer[RATE_TEXT_SIZE];
	Rate		rate;

	switch (rate_parse(text, strlen(text), &rate))
	{
		case CORE_OK:
			rate_format(&rate, buffer);
			return buffer;
		case CORE_RANGE:
			return "range";
		case CORE_SYNTAX:
			break;
	}
	return "syntax";
}

/* Text that must be a rate. */
static Rate
rate(const char *text)
{
	Rate		result;

	if (rate_parse(text, strlen(text), &result) != CORE_OK)
		abort();
	return result;
}

/* Texts and what they mean. */
static void
test_text(void)
{
	static const char *const cases[][2] = {
		{"1 per 10", "1 per 10"}, {"1 per full 10", "1 per full 10"},
		{"5%", "5%"}, {"x2", "x2"}, {"250", "250"},
		{" 01.500 PER  Full\t2.50 ", "1.5 per full 2.5"},
		{"5 %", "5%"}, {"X 1.25", "x1.25"}, {"0", "0"}, {"0%", "0%"},
		{"0.000001%", "0.000001%"}, {".5", "0.5"},
		{"33.3333330 per 1", "33.333333 per 1"},
		{"9223372036854.775807", "9223372036854.775807"},
		{"9223372036854.775808", "range"}, {"x99999999999999", "range"},
		{"1 per 0", "range"}, {"1 per full 0.000000", "range"},
		{"1 per 99999999999999", "range"},
		{"", "syntax"}, {"x", "syntax"}, {"%", "syntax"}, {"-1", "syntax"},
		{"+1", "syntax"}, {"x-2", "syntax"}, {"1 per -1", "syntax"},
		{"1 per", "syntax"}, {"per 10", "syntax"}, {"1per 10", "syntax"},
		{"1 per10", "syntax"}, {"1 per full10", "syntax"},
		{"1 per full", "syntax"}, {"1 full 10", "syntax"},
		{"1 per fully 10", "syntax"}, {"1 per 10 per 10", "syntax"},
		{"1 per 10%", "syntax"}, {"5%%", "syntax"}, {"x5%", "syntax"},
		{"2x", "syntax"}, {"x2 per 1", "syntax"}, {"5% per 1", "syntax"},
		{"0.0000001", "syntax"}, {"1 per 0.0000001", "syntax"},
		{"1e2", "syntax"}, {"99999999999999 per", "syntax"},
		{"1/10", "syntax"}
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		is_text(reads(cases[i][0]), cases[i][1], cases[i][0]);
}

/* Order and equality. */
static void
test_order(void)
{
	static const char *const ascending[] = {
		"0 per 1", "1 per 9223372036854.775807", "1 per 100", "1 per 10",
		"1 per 3", "0.333334 per 1", "9223372036854.775807 per 1",
		"0 per full 1", "0 per full 2", "1 per full 10", "2 per full 20",
		"1 per full 5", "0%", "5%", "6%", "x1", "x1.000001", "x2", "0", "250"
	};
	int			n = sizeof(ascending) / sizeof(ascending[0]);
	bool		sorted = true;

	for (int i = 0; i < n; i++)
		for (int j = 0; j < n; j++)
		{
			Rate		a = rate(ascending[i]),
						b = rate(ascending[j]);

			if (rate_cmp(&a, &b) != (i > j) - (i < j))
			{
				printf("# %s, %s\n", ascending[i], ascending[j]);
				sorted = false;
			}
		}
	ok(sorted, "order");
	ok(rate_cmp(&(Rate[]) {rate("1 per 10")}[0],
				&(Rate[]) {rate("0.5 per 5")}[0]) == 0,
	   "linear rates are equal if their ratio is");
}

/* What is paid for an amount in 1/100. */
static Frac
pays(const char *text, int64_t cents)
{
	Rate		r = rate(text);
	Frac		result;

	if (rate_pays(&r, (Frac) {cents, 100}, &result) != CORE_OK)
		abort();
	return result;
}

/* Is it this decimal number of 1/10000? */
static bool
is_worth(Frac got, int64_t expected)
{
	return frac_cmp(got, (Frac) {expected, 10000}) == 0;
}

/* What rates pay. */
static void
test_pays(void)
{
	Rate		multiplier = rate("x1.25");
	Frac		ignored;

	ok(is_worth(pays("5 per full 2.50", 300), 50000), "5 per full 2.50 of 3.00: 5");
	ok(is_worth(pays("5 per 2.50", 300), 60000), "5 per 2.50 of 3.00: 6");
	ok(is_worth(pays("1 per full 10", 999), 0), "1 per full 10 of 9.99: 0");
	ok(is_worth(pays("1 per full 10", 1000), 10000), "1 per full 10 of 10: 1");
	ok(is_worth(pays("1 per full 0.01", 1000), 10000000), "1 per full 0.01 of 10: 1000");
	ok(is_worth(pays("5%", 1990), 9950), "%s", "5% of 19.90: 0.995");
	ok(is_worth(pays("250", 0), 2500000), "250 of nothing: 250");
	ok(frac_cmp(pays("1 per 3", 100), (Frac) {1, 3}) == 0, "1 per 3 of 1: a third, exactly");
	ok(is_worth(rate_factor(&multiplier), 12500), "factor of x1.25");
	ok(rate_pays(&multiplier, (Frac) {1, 1}, &ignored) == CORE_RANGE,
	   "a multiplier pays nothing by itself");
}

/* Any rate. */
static Rate
random_rate(void)
{
	Rate		r = {0};

	r.kind = RATE_LINEAR + below(5);
	r.value = below(3) == 0 ? random_int64() & INT64_MAX : below(20) * 500000;
	if (r.kind == RATE_LINEAR || r.kind == RATE_BLOCK)
	{
		r.per = below(3) == 0 ? random_int64() & INT64_MAX : below(20) * 500000;
		if (r.per == 0)
			r.per = 1;
	}
	return r;
}

/* Rates survive being written and read. */
static bool
round_trip(void)
{
	char		text[RATE_TEXT_SIZE];
	Rate		r = random_rate();
	Rate		again;
	int			length = rate_format(&r, text);

	if (rate_validate(&r) == CORE_OK && length == (int) strlen(text) &&
		length < RATE_TEXT_SIZE &&
		rate_parse(text, length, &again) == CORE_OK &&
		memcmp(&r, &again, sizeof(r)) == 0)
		return true;
	printf("# %s\n", text);
	return false;
}

/* Equal rates have the same normal form and only they. */
static bool
normal_form(void)
{
	Rate		a = random_rate(),
				b = random_rate(),
				na,
				nb;

	if (below(2) == 0)
	{
		b.kind = a.kind = RATE_LINEAR;
		a.value = below(100);
		a.per = 1 + below(100);
		b.value = a.value * (1 + below(3));
		b.per = a.per * (1 + below(3));
	}
	na = rate_normal(&a);
	nb = rate_normal(&b);
	if ((rate_cmp(&a, &b) == 0) == (memcmp(&na, &nb, sizeof(na)) == 0) &&
		rate_cmp(&a, &na) == 0)
		return true;
	printf("# %d %" PRId64 " %" PRId64 ", %d %" PRId64 " %" PRId64 "\n",
		   a.kind, a.value, a.per, b.kind, b.value, b.per);
	return false;
}

/* The order is one: it can be turned round and chained. */
static bool
total_order(void)
{
	Rate		a = random_rate(),
				b = random_rate(),
				c = random_rate();

	if (below(2) == 0)
		a.kind = b.kind = c.kind = RATE_FLAT, a.per = b.per = c.per = 0;
	if (rate_cmp(&a, &b) != -rate_cmp(&b, &a) || rate_cmp(&a, &a) != 0)
		return false;
	return !(rate_cmp(&a, &b) <= 0 && rate_cmp(&b, &c) <= 0) ||
		rate_cmp(&a, &c) <= 0;
}

/* Blocks pay what counting them pays, and never more than linear. */
static bool
counted_blocks(void)
{
	Rate		block = {below(1000) * 10000, 1 + below(3000), RATE_BLOCK, 0};
	Rate		linear = {block.value, block.per, RATE_LINEAR, 0};
	int64_t		amount = below(1000000);	/* in 1/RATE_SCALE */
	int64_t		counted = 0;
	Frac		got,
				most;

	for (int64_t left = amount; left >= block.per; left -= block.per)
		counted++;
	if (rate_pays(&block, (Frac) {amount, RATE_SCALE}, &got) == CORE_OK &&
		rate_pays(&linear, (Frac) {amount, RATE_SCALE}, &most) == CORE_OK &&
		frac_cmp(got, (Frac) {counted * block.value, RATE_SCALE}) == 0 &&
		frac_cmp(got, most) <= 0)
		return true;
	printf("# %" PRId64 " per full %" PRId64 " of %" PRId64 "\n",
		   block.value, block.per, amount);
	return false;
}

/* Structs that no text makes. */
static void
test_validate(void)
{
	static const Rate bad[] = {
		{1, 0, 0, 0}, {1, 0, 6, 0}, {-1, 0, RATE_FLAT, 0}, {1, 1, RATE_FLAT, 0},
		{1, 0, RATE_LINEAR, 0}, {1, -1, RATE_BLOCK, 0}, {1, 0, RATE_PERCENT, 1},
		{1, 1, RATE_MULTIPLIER, 0}, {INT64_MIN, 1, RATE_LINEAR, 0}
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(rate_validate(&bad[i]) != CORE_OK, "refused: kind %d, value %"
		   PRId64 ", per %" PRId64, bad[i].kind, bad[i].value, bad[i].per);
}

int
main(void)
{
	start_tests();
	test_text();
	test_order();
	test_pays();
	test_validate();
	property("round trip", 20000, round_trip);
	property("normal form", 20000, normal_form);
	property("total order", 20000, total_order);
	property("counted blocks", 3000, counted_blocks);
	return end_tests();
}
