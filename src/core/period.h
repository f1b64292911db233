/*-------------------------------------------------------------------------
 *
 * period.h
 *	  From an instant, another instant: when points activate and expire.
 *
 *		never, immediately
 *		14 days, 12 months, 1 year 2 months 3 days, 36 hours
 *		12 months to end of month	length, then to the next boundary
 *		to end of year				length zero
 *		6 months since last activity
 *
 * Calendar arithmetic is done in a time zone, which the caller lends.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_CORE_PERIOD_H
#define LOYALTY_CORE_PERIOD_H

#include "core.h"

/* a span of the calendar; weeks are ISO weeks, which start on Monday */
typedef enum CalendarUnit
{
	CALENDAR_NONE = 0,
	CALENDAR_DAY = 1,
	CALENDAR_WEEK = 2,
	CALENDAR_MONTH = 3,
	CALENDAR_QUARTER = 4,
	CALENDAR_YEAR = 5,
	CALENDAR_EVER = 6			/* for caps only: [-infinity, infinity) */
} CalendarUnit;

typedef enum PeriodKind
{
	PERIOD_LENGTH = 1,			/* length, with a boundary or without */
	PERIOD_NEVER = 2,
	PERIOD_IMMEDIATELY = 3,
	PERIOD_ACTIVITY = 4			/* length since last activity */
} PeriodKind;

/* 24 bytes, no padding; this is also the on-disk form of the SQL type */
typedef struct Period
{
	int64_t		usecs;			/* >= 0 */
	int32_t		months;			/* >= 0 */
	int32_t		days;			/* >= 0 */
	int32_t		kind;			/* PeriodKind */
	int32_t		boundary;		/* CalendarUnit, DAY to YEAR, or NONE */
} Period;

#define PERIOD_TEXT_SIZE 128

/*
 * A time zone: conversions between an instant and local time, the latter
 * counted like PostgreSQL's timestamp (microseconds since 2000-01-01 00:00
 * local).  Missing and double local times resolve as AT TIME ZONE does.
 */
typedef struct Zone
{
	int64_t		(*to_local) (void *arg, Instant instant);
	Instant		(*from_local) (void *arg, int64_t local);
	void	   *arg;
} Zone;

extern CoreResult period_parse(const char *text, size_t length, Period *result);
extern int	period_format(const Period *period, char *buffer);
extern CoreResult period_validate(const Period *period);

/*
 * Total order, by nominal length (a month counts 30 days, a day 24 hours),
 * then field by field; immediately is the least, never the greatest.
 */
extern int	period_cmp(const Period *a, const Period *b);

/*
 * The instant a period from the anchor ends: months, then days, then time,
 * each in the zone; then the first boundary strictly after.  never gives
 * INSTANT_NEVER, immediately the anchor itself.  For PERIOD_ACTIVITY the
 * anchor is the last activity.  CORE_RANGE beyond the timestamps.
 */
extern CoreResult period_end(const Period *period, Instant anchor,
							 const Zone *zone, Instant *result);

/* The calendar span [start, end) of the zone that contains an instant. */
extern CoreResult calendar_span(CalendarUnit unit, Instant at,
								const Zone *zone,
								Instant *start, Instant *end);

/* name of a calendar unit ("day" ...), and back; CALENDAR_NONE if unknown */
extern const char *calendar_unit_name(CalendarUnit unit);
extern CalendarUnit calendar_unit_parse(const char *text, size_t length);

#endif							/* LOYALTY_CORE_PERIOD_H */
