/*-------------------------------------------------------------------------
 *
 * points.h
 *	  The SQL type points: passed by value like bigint, a count of 1/10000.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_TYPES_POINTS_H
#define LOYALTY_TYPES_POINTS_H

#include "core/points.h"
#include "compat.h"

#define DatumGetPoints(X)		((Points) DatumGetInt64(X))
#define PointsGetDatum(X)		Int64GetDatum(X)
#define PG_GETARG_POINTS(n)		DatumGetPoints(PG_GETARG_DATUM(n))
#define PG_RETURN_POINTS(x)		return PointsGetDatum(x)

/* Reports a value beyond the type. */
pg_noreturn extern void points_out_of_range(void);

/* Text form, palloc'd. */
extern char *points_to_cstring(Points value);

#endif							/* LOYALTY_TYPES_POINTS_H */
