/*-------------------------------------------------------------------------
 *
 * harness.h
 *	  What the stand-alone tests share: TAP output, and random numbers that are
 *	  the same in every run.
 *
 * SEED=n in the environment gives other random numbers; failures show it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_TEST_HARNESS_H
#define LOYALTY_TEST_HARNESS_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "points.h"

static int	tests = 0;
static int	failures = 0;
static uint64_t first_seed = 20260115;
static uint64_t seed;

/* One TAP line; returns the condition. */
static inline bool __attribute__((format(printf, 2, 3)))
ok(bool condition, const char *format,...)
{
	va_list		args;

	tests++;
	if (!condition)
		failures++;
	printf("%sok %d - ", condition ? "" : "not ", tests);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	return condition;
}

/* Compares two texts. */
static inline bool
is_text(const char *got, const char *expected, const char *what)
{
	bool		same = strcmp(got, expected) == 0;

	ok(same, "%s", what);
	if (!same)
		printf("#      got: %s\n# expected: %s\n", got, expected);
	return same;
}

/* Compares two whole numbers. */
static inline bool
is_number(int64_t got, int64_t expected, const char *what)
{
	ok(got == expected, "%s", what);
	if (got != expected)
		printf("#      got: %" PRId64 "\n# expected: %" PRId64 "\n", got, expected);
	return got == expected;
}

/* Compares two amounts of points. */
static inline bool
is_points(Points got, Points expected, const char *what)
{
	char		texts[2][POINTS_TEXT_SIZE];

	points_format(got, texts[0]);
	points_format(expected, texts[1]);
	return is_text(texts[0], texts[1], what);
}

/* Points from a text that is a constant of the test. */
static inline Points
pts(const char *text)
{
	Points		result;

	if (points_parse(text, strlen(text), &result) != CORE_OK)
		abort();
	return result;
}

/*
 * One TAP line for a property of many random cases: check returns whether it
 * holds for one, and prints what it found if not.  Stops at the first that
 * does not hold.
 */
static inline void
property(const char *name, int cases, bool (*check) (void))
{
	int			i;

	for (i = 0; i < cases && check(); i++)
		;
	if (!ok(i == cases, "%s (%d random cases)", name, cases))
		printf("# case %d, rerun with SEED=%" PRIu64 "\n", i, first_seed);
}

/* Starts the random numbers. */
static inline void
start_tests(void)
{
	const char *given = getenv("SEED");

	if (given != NULL)
		first_seed = strtoull(given, NULL, 10);
	seed = first_seed;
	setvbuf(stdout, NULL, _IOLBF, 0);
}

/* Ends the output; returns the exit status. */
static inline int
end_tests(void)
{
	printf("1..%d\n", tests);
	return failures != 0;
}

/* 64 random bits. */
static inline uint64_t
random_bits(void)
{
	uint64_t	z = (seed += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* A random number from 0 to n - 1. */
static inline int64_t
below(int64_t n)
{
	return (int64_t) (random_bits() % (uint64_t) n);
}

/* A random number of random size, of either sign, favouring the extremes. */
static inline int64_t
random_int64(void)
{
	uint64_t	bits = random_bits() >> below(64);

	switch (below(8))
	{
		case 0:
			return INT64_MAX - (int64_t) (bits >> 33);
		case 1:
			return INT64_MIN + (int64_t) (bits >> 33);
		default:
			return (int64_t) (below(2) == 0 ? bits : -bits);
	}
}

#endif							/* LOYALTY_TEST_HARNESS_H */
