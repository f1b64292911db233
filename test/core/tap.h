/*-------------------------------------------------------------------------
 *
 * tap.h
 *	  What the stand-alone tests of the core share: TAP lines, points written
 *	  as text, and random numbers that are the same in every run.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_TEST_TAP_H
#define LOYALTY_TEST_TAP_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "points.h"

static int	tap_tests = 0;
static int	tap_failures = 0;

/* One TAP line; returns the condition. */
__attribute__((format(printf, 2, 3), unused))
static bool
ok(bool condition, const char *format,...)
{
	va_list		args;

	tap_tests++;
	if (!condition)
		tap_failures++;
	printf("%sok %d - ", condition ? "" : "not ", tap_tests);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	return condition;
}

/* Compares two amounts of points. */
__attribute__((unused))
static bool
is(Points got, Points expected, const char *what)
{
	if (!ok(got == expected, "%s", what))
	{
		char		a[POINTS_TEXT_SIZE];
		char		b[POINTS_TEXT_SIZE];

		points_format(got, a);
		points_format(expected, b);
		printf("#      got: %s\n# expected: %s\n", a, b);
		return false;
	}
	return true;
}

/* Text to points; the text is a constant of the test. */
__attribute__((unused))
static Points
pts(const char *text)
{
	Points		result;

	if (points_parse(text, strlen(text), &result) != CORE_OK)
		abort();
	return result;
}

/* A random number below n, from a sequence that the seed determines. */
__attribute__((unused))
static int
below(uint64_t *seed, int n)
{
	*seed = *seed * UINT64_C(6364136223846793005) +
		UINT64_C(1442695040888963407);
	return (int) ((*seed >> 33) % (uint64_t) n);
}

/* The plan, and the exit status. */
__attribute__((unused))
static int
tap_done(void)
{
	printf("1..%d\n", tap_tests);
	return tap_failures != 0;
}

#endif							/* LOYALTY_TEST_TAP_H */
