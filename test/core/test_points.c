/*-------------------------------------------------------------------------
 *
 * test_points.c
 *	  Text form of points.
 *
 *-------------------------------------------------------------------------
 */
#include "harness.h"
#include "points.h"

/* What a text reads as, in canonical form or as the kind of error. */
static const char *
reads(const char *text)
{
	static char buffer[POINTS_TEXT_SIZE];
	Points		points;

	switch (points_parse(text, strlen(text), &points))
	{
		case CORE_OK:
			points_format(points, buffer);
			return buffer;
		case CORE_RANGE:
			return "range";
		case CORE_SYNTAX:
			break;
	}
	return "syntax";
}

/* Texts and what they mean. */
static void
test_text(void)
{
	static const char *const cases[][2] = {
		{"1250", "1250"}, {"12.5", "12.5"}, {"-3", "-3"}, {"+3", "3"},
		{"0", "0"}, {"-0", "0"}, {"000.1000", "0.1"}, {".5", "0.5"},
		{"5.", "5"}, {"-.0001", "-0.0001"}, {" \t1\n", "1"},
		{"1.00000", "1"}, {"1.12340000000000000000000000", "1.1234"},
		{"922337203685477.5807", "922337203685477.5807"},
		{"-922337203685477.5808", "-922337203685477.5808"},
		{"922337203685477.5808", "range"}, {"-922337203685477.5809", "range"},
		{"922337203685478", "range"}, {"1000000000000000", "range"},
		{"99999999999999999999999999999999", "range"},
		{"", "syntax"}, {" ", "syntax"}, {"-", "syntax"}, {"+", "syntax"},
		{".", "syntax"}, {"-.", "syntax"}, {"1.00001", "syntax"},
		{"--1", "syntax"}, {"+-1", "syntax"}, {"- 1", "syntax"},
		{"1 2", "syntax"}, {"1.2.3", "syntax"}, {"1e3", "syntax"},
		{"1,5", "syntax"}, {"1_000", "syntax"}, {"0x10", "syntax"},
		{"NaN", "syntax"}, {"Infinity", "syntax"}, {"12a", "syntax"},
		/* malformed goes before too large */
		{"99999999999999999999999999999999x", "syntax"},
		{"99999999999999999999999999999999.00001", "syntax"}
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		is_text(reads(cases[i][0]), cases[i][1], cases[i][0]);
	ok(points_parse("12", 1, &(Points) {0}) == CORE_OK &&
	   points_parse("1\0", 2, &(Points) {0}) == CORE_SYNTAX,
	   "the length counts, not a zero byte");
}

/* Points survive being written and read. */
static bool
round_trip(void)
{
	char		text[POINTS_TEXT_SIZE];
	Points		points = random_int64();
	Points		again = 0;
	int			length = points_format(points, text);

	if (length == (int) strlen(text) &&
		points_parse(text, length, &again) == CORE_OK && again == points)
		return true;
	printf("# %" PRId64 " -> %s -> %" PRId64 "\n", points, text, again);
	return false;
}

/* The text is the number that long double arithmetic finds. */
static bool
right_value(void)
{
	char		text[POINTS_TEXT_SIZE];
	Points		points = below(INT64_C(1) << 50) - (INT64_C(1) << 49);
	long double value;

	points_format(points, text);
	value = strtold(text, NULL) * POINTS_SCALE;
	if (value - points < 0.01L && points - value < 0.01L)
		return true;
	printf("# %" PRId64 " -> %s\n", points, text);
	return false;
}

int
main(void)
{
	start_tests();
	test_text();
	property("round trip", 20000, round_trip);
	property("value", 20000, right_value);
	return end_tests();
}
