/*-------------------------------------------------------------------------
 *
 * points.h
 *	  Points: an exact fixed-point number, a 64-bit count of 1/10000.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_CORE_POINTS_H
#define LOYALTY_CORE_POINTS_H

#include "core.h"

typedef int64_t Points;

#define POINTS_SCALE	10000
#define POINTS_DECIMALS 4
#define POINTS_MAX		INT64_MAX
#define POINTS_MIN		INT64_MIN

/* longest text form, with sign, point and terminating zero */
#define POINTS_TEXT_SIZE 32

/*
 * Reads text of the given length (leading and trailing white space allowed):
 * digits, optional sign, at most four decimals that are not zero.
 */
extern CoreResult points_parse(const char *text, size_t length, Points *result);

/* Writes the canonical text form (no trailing zeros); returns its length. */
extern int	points_format(Points value, char *buffer);

static inline bool
points_add(Points a, Points b, Points *result)
{
	return !__builtin_add_overflow(a, b, result);
}

static inline bool
points_sub(Points a, Points b, Points *result)
{
	return !__builtin_sub_overflow(a, b, result);
}

#endif							/* LOYALTY_CORE_POINTS_H */
