/*-------------------------------------------------------------------------
 *
 * rate.h
 *	  The SQL type rate: struct Rate, passed by reference.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_TYPES_RATE_H
#define LOYALTY_TYPES_RATE_H

#include "core/rate.h"

#define DatumGetRateP(X)	((Rate *) DatumGetPointer(X))
#define RatePGetDatum(X)	PointerGetDatum(X)
#define PG_GETARG_RATE_P(n) DatumGetRateP(PG_GETARG_DATUM(n))
#define PG_RETURN_RATE_P(x) return RatePGetDatum(x)

#endif							/* LOYALTY_TYPES_RATE_H */
