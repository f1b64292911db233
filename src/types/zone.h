/*-------------------------------------------------------------------------
 *
 * zone.h
 *	  The server's time zones, as the core's calendar wants them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_TYPES_ZONE_H
#define LOYALTY_TYPES_ZONE_H

#include "pgtime.h"

#include "core/period.h"

/* A zone by its name (not by an abbreviation); NULL if there is none. */
extern pg_tz *zone_lookup(const char *name);

/* Good as long as the backend lives, as a pg_tz is. */
extern Zone zone_for_tz(pg_tz *tz);

#endif							/* LOYALTY_TYPES_ZONE_H */
