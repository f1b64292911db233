/*-------------------------------------------------------------------------
 *
 * period.h
 *	  The SQL type period: struct Period, passed by reference.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_TYPES_PERIOD_H
#define LOYALTY_TYPES_PERIOD_H

#include "core/period.h"

#define DatumGetPeriodP(X)	((Period *) DatumGetPointer(X))
#define PeriodPGetDatum(X)	PointerGetDatum(X)
#define PG_GETARG_PERIOD_P(n) DatumGetPeriodP(PG_GETARG_DATUM(n))
#define PG_RETURN_PERIOD_P(x) return PeriodPGetDatum(x)

#endif							/* LOYALTY_TYPES_PERIOD_H */
