/*-------------------------------------------------------------------------
 *
 * calendar.h
 *	  The proleptic Gregorian calendar, in days since 2000-01-01.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_CORE_CALENDAR_H
#define LOYALTY_CORE_CALENDAR_H

#include "core.h"

#define USECS_IN_SECOND INT64_C(1000000)
#define USECS_IN_MINUTE (60 * USECS_IN_SECOND)
#define USECS_IN_HOUR	(60 * USECS_IN_MINUTE)
#define USECS_IN_DAY	(24 * USECS_IN_HOUR)

typedef struct CalendarDate
{
	int64_t		year;			/* 0 is 1 BC */
	int			month;			/* 1 to 12 */
	int			day;			/* 1 to 31 */
} CalendarDate;

extern int64_t calendar_to_days(CalendarDate date);
extern CalendarDate calendar_from_days(int64_t days);
extern int	calendar_month_days(int64_t year, int month);

/* Monday is 0. */
extern int	calendar_weekday(int64_t days);

/* Quotient rounded down, and the remainder, which is never negative. */
static inline int64_t
floor_divide(int64_t value, int64_t divisor, int64_t *rest)
{
	int64_t		quotient = value / divisor;

	*rest = value % divisor;
	if (*rest < 0)
	{
		*rest += divisor;
		quotient--;
	}
	return quotient;
}

#endif							/* LOYALTY_CORE_CALENDAR_H */
