/*-------------------------------------------------------------------------
 *
 * numbers.h
 *	  Between the server's numeric and the exact numbers of the core.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_TYPES_NUMBERS_H
#define LOYALTY_TYPES_NUMBERS_H

#include "utils/numeric.h"

#include "core/frac.h"
#include "core/points.h"

/* Exactly, without trailing zeros. */
extern Numeric points_to_numeric(Points value);

/* A 128-bit count of 1/10000 likewise. */
extern Numeric points_total_to_numeric(CoreInt128 total);

/*
 * Rounds to four decimals, half away from zero, as numeric(..., 4) does.
 * CORE_RANGE for what does not fit, for NaN and for the infinities.
 */
extern CoreResult points_from_numeric(Numeric number, Points *result);

/* Exactly; CORE_RANGE likewise. */
extern CoreResult frac_from_numeric(Numeric number, Frac *result);

#endif							/* LOYALTY_TYPES_NUMBERS_H */
