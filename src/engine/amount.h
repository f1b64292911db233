/*-------------------------------------------------------------------------
 *
 * amount.h
 *	  Amounts of money: from numeric to the core's exact fractions.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_AMOUNT_H
#define LOYALTY_AMOUNT_H

#include "engine/engine.h"

#include "core/frac.h"
#include "core/points.h"
#include "types/numbers.h"
#include "utils/numeric.h"

/*
 * An exact amount.  ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE for NaN, infinities and
 * what is beyond the range of points (about 922 trillion) or has more than 18
 * decimals.  what names it in the message.
 */
extern Frac amount_from_numeric(Datum numeric, const char *what);

/* Rounds half away from zero to 1/10000. */
extern Points amount_to_points(Frac amount);

#endif							/* LOYALTY_AMOUNT_H */
