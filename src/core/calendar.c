/*-------------------------------------------------------------------------
 *
 * calendar.c
 *	  The proleptic Gregorian calendar, in days since 2000-01-01.
 *
 * Inside, a year begins in March, so that the leap day is its last one and
 * the months' lengths repeat every five months: 31 30 31 30 31, 153 days.
 * Such years repeat every 400, the first of which began on 2000-03-01.
 *
 *-------------------------------------------------------------------------
 */
#include "calendar.h"

#define DAYS_IN_CYCLE	146097	/* 400 years */
#define DAYS_TO_MARCH	60		/* from 2000-01-01 to 2000-03-01 */

/* Days of March-years before this one of its cycle. */
static inline int64_t
year_start(int64_t year)
{
	return 365 * year + year / 4 - year / 100;
}

/* Days of a March-year before its month, 0 being March. */
static inline int
month_start(int month)
{
	return (153 * month + 2) / 5;
}

/* Days since 2000-01-01. */
int64_t
calendar_to_days(CalendarDate date)
{
	int			month = (date.month + 9) % 12;
	int64_t		year;
	int64_t		cycle = floor_divide(date.year - 2000 - (month >= 10 ? 1 : 0),
									 400, &year);

	return DAYS_TO_MARCH + cycle * DAYS_IN_CYCLE + year_start(year) +
		month_start(month) + date.day - 1;
}

/* The date so many days after 2000-01-01. */
CalendarDate
calendar_from_days(int64_t days)
{
	int64_t		day;
	int64_t		cycle = floor_divide(days - DAYS_TO_MARCH, DAYS_IN_CYCLE, &day);
	int64_t		year = day / 365;
	int			month;
	CalendarDate date;

	/* too far by at most one, for leap days are fewer than a year's days */
	if (year > 399 || year_start(year) > day)
		year--;
	day -= year_start(year);
	month = (int) (5 * day + 2) / 153;

	date.year = 2000 + 400 * cycle + year + (month >= 10 ? 1 : 0);
	date.month = (month + 2) % 12 + 1;
	date.day = (int) day - month_start(month) + 1;
	return date;
}

/* Days of a month. */
int
calendar_month_days(int64_t year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool		leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

/* Day of the week. */
int
calendar_weekday(int64_t days)
{
	int64_t		weekday;

	floor_divide(days + 5, 7, &weekday);	/* 2000-01-01 was a Saturday */
	return (int) weekday;
}
