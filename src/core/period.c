/*-------------------------------------------------------------------------
 *
 * period.c
 *	  Periods: text form, order, and where they end.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "calendar.h"
#include "period.h"
#include "scan.h"

/* what a length may be counted in; each adds to one field of the struct */
typedef enum LengthField
{
	FIELD_MONTHS,
	FIELD_DAYS,
	FIELD_USECS
} LengthField;

typedef struct LengthUnit
{
	const char *singular;
	const char *plural;
	LengthField field;
	int64_t		factor;
} LengthUnit;

static const LengthUnit length_units[] = {
	{"year", "years", FIELD_MONTHS, 12},
	{"quarter", "quarters", FIELD_MONTHS, 3},
	{"month", "months", FIELD_MONTHS, 1},
	{"week", "weeks", FIELD_DAYS, 7},
	{"day", "days", FIELD_DAYS, 1},
	{"hour", "hours", FIELD_USECS, USECS_IN_HOUR},
	{"minute", "minutes", FIELD_USECS, USECS_IN_MINUTE},
	{"second", "seconds", FIELD_USECS, USECS_IN_SECOND}
};

#define LENGTH_UNITS	((int) (sizeof(length_units) / sizeof(length_units[0])))
#define UNIT_YEAR		0
#define UNIT_MONTH		2
#define UNIT_DAY		4
#define UNIT_HOUR		5
#define UNIT_MINUTE		6
#define UNIT_SECOND		7
#define SECOND_DECIMALS 6

static const char *const calendar_names[] = {
	[CALENDAR_DAY] = "day",
	[CALENDAR_WEEK] = "week",
	[CALENDAR_MONTH] = "month",
	[CALENDAR_QUARTER] = "quarter",
	[CALENDAR_YEAR] = "year",
	[CALENDAR_EVER] = "ever"
};

/* ------------------------------------------------------------------------
 * Text form
 * ------------------------------------------------------------------------
 */

/* Takes the name of a calendar unit from DAY up to a given one. */
static CalendarUnit
scan_calendar_unit(Scanner *in, CalendarUnit last)
{
	for (int unit = CALENDAR_DAY; unit <= (int) last; unit++)
		if (scan_word(in, calendar_names[unit]))
			return (CalendarUnit) unit;
	return CALENDAR_NONE;
}

/* Takes white space and a word. */
static bool
scan_next_word(Scanner *in, const char *word)
{
	Scanner		ahead = *in;

	if (!scan_space(&ahead) || !scan_word(&ahead, word))
		return false;
	*in = ahead;
	return true;
}

/* Takes "of X" behind "to end". */
static bool
scan_boundary(Scanner *in, Period *period)
{
	if (!scan_next_word(in, "end") || !scan_next_word(in, "of") ||
		!scan_space(in))
		return false;
	period->boundary = scan_calendar_unit(in, CALENDAR_YEAR);
	return period->boundary != CALENDAR_NONE;
}

/* Adds a number of a unit to the length. */
static bool
add_length(Period *period, int64_t number, const LengthUnit *unit)
{
	int64_t		amount;
	int32_t    *field = &period->days;

	if (unit->field == FIELD_MONTHS)
		field = &period->months;
	if (__builtin_mul_overflow(number, unit->factor, &amount))
		return false;
	if (unit->field == FIELD_USECS)
		return !__builtin_add_overflow(period->usecs, amount, &period->usecs);
	return !__builtin_add_overflow(*field, amount, field);
}

/*
 * Takes a number and a unit that has not been taken before.  Seconds may have
 * decimals, up to a microsecond.
 */
static CoreResult
scan_length(Scanner *in, Period *period, bool *taken, bool *range)
{
	Scanner		ahead = *in;
	int64_t		number = 0;
	int64_t		usecs = 0;
	bool		whole;
	bool		fits = true;
	CoreResult	status;

	status = scan_whole(&ahead, INT64_MAX, &number);
	whole = status != CORE_SYNTAX;
	fits = status == CORE_OK;
	if (!whole || (ahead.next < ahead.end && *ahead.next == '.'))
	{
		whole = false;
		ahead = *in;
		status = scan_decimal(&ahead, SECOND_DECIMALS, false, &usecs);
		if (status == CORE_SYNTAX)
			return CORE_SYNTAX;
		fits = status == CORE_OK;
	}
	scan_space(&ahead);

	for (int i = 0; i < LENGTH_UNITS; i++)
	{
		const LengthUnit *unit = &length_units[i];
		static const LengthUnit usec = {NULL, NULL, FIELD_USECS, 1};

		if (!scan_word(&ahead, unit->singular) &&
			!scan_word(&ahead, unit->plural))
			continue;
		if (taken[i] || (!whole && i != UNIT_SECOND))
			return CORE_SYNTAX;
		taken[i] = true;
		if (fits)
			fits = whole ? add_length(period, number, unit) :
				add_length(period, usecs, &usec);
		if (!fits)
			*range = true;
		*in = ahead;
		return CORE_OK;
	}
	return CORE_SYNTAX;
}

/* Takes the white space before a number, if there is one. */
static bool
scan_to_number(Scanner *in)
{
	Scanner		ahead = *in;
	Scanner		number;
	int64_t		value;

	if (!scan_space(&ahead))
		return false;
	number = ahead;
	if (scan_whole(&number, INT64_MAX, &value) == CORE_SYNTAX &&
		!scan_char(&number, '.'))
		return false;
	*in = ahead;
	return true;
}

/* Has the length no extent? */
static inline bool
length_is_zero(const Period *period)
{
	return period->months == 0 && period->days == 0 && period->usecs == 0;
}

/*
 * Reads a period.  Every malformed text is CORE_SYNTAX, even if a number in
 * it is also too large.
 */
CoreResult
period_parse(const char *text, size_t length, Period *result)
{
	Scanner		in = scan_start(text, length);
	Period		period = {0};
	bool		taken[LENGTH_UNITS] = {false};
	bool		range = false;
	bool		boundary = false;

	scan_space(&in);
	if (scan_word(&in, "never"))
		period.kind = PERIOD_NEVER;
	else if (scan_word(&in, "immediately"))
		period.kind = PERIOD_IMMEDIATELY;
	else
	{
		period.kind = PERIOD_LENGTH;
		if (scan_word(&in, "to"))
			boundary = true;
		else
		{
			do
			{
				if (scan_length(&in, &period, taken, &range) != CORE_OK)
					return CORE_SYNTAX;
			} while (scan_to_number(&in));
			boundary = scan_next_word(&in, "to");
		}
		if (boundary && !scan_boundary(&in, &period))
			return CORE_SYNTAX;
		if (scan_next_word(&in, "since"))
		{
			if (!scan_next_word(&in, "last") ||
				!scan_next_word(&in, "activity"))
				return CORE_SYNTAX;
			period.kind = PERIOD_ACTIVITY;
		}
		/* an empty length says "immediately", but with less certainty */
		if (!boundary && !range && length_is_zero(&period))
			return CORE_SYNTAX;
	}
	scan_space(&in);
	if (!scan_done(&in))
		return CORE_SYNTAX;
	if (range)
		return CORE_RANGE;
	*result = period;
	return CORE_OK;
}

/* Writes a number of a unit, behind a space if it is not the first. */
static char *
print_length(char *to, const char *start, int64_t number, int unit)
{
	if (number == 0)
		return to;
	if (to != start)
		*to++ = ' ';
	to = print_whole(to, number, 1);
	*to++ = ' ';
	return print_text(to, number == 1 ? length_units[unit].singular :
					  length_units[unit].plural);
}

/*
 * Writes the canonical text form; returns its length.
 *
 * Programs speak of 12 and of 18 months, but of 2 years, and of 1 year to end
 * of year: months are shown as years if they are so many whole ones.
 */
int
period_format(const Period *period, char *buffer)
{
	char	   *to = buffer;
	int64_t		rest = period->usecs;

	if (period->kind == PERIOD_NEVER)
		to = print_text(to, "never");
	else if (period->kind == PERIOD_IMMEDIATELY)
		to = print_text(to, "immediately");
	else
	{
		if (period->months % 12 == 0 &&
			(period->months > 12 || period->boundary == CALENDAR_YEAR))
			to = print_length(to, buffer, period->months / 12, UNIT_YEAR);
		else
			to = print_length(to, buffer, period->months, UNIT_MONTH);
		to = print_length(to, buffer, period->days, UNIT_DAY);
		to = print_length(to, buffer, rest / USECS_IN_HOUR, UNIT_HOUR);
		rest %= USECS_IN_HOUR;
		to = print_length(to, buffer, rest / USECS_IN_MINUTE, UNIT_MINUTE);
		rest %= USECS_IN_MINUTE;
		if (rest > 0)
		{
			if (to != buffer)
				*to++ = ' ';
			to += print_decimal(rest, SECOND_DECIMALS, to);
			to = print_text(to, rest == USECS_IN_SECOND ? " second" :
							" seconds");
		}
		if (period->boundary != CALENDAR_NONE)
		{
			to = print_text(to, to == buffer ? "to end of " : " to end of ");
			to = print_text(to, calendar_names[period->boundary]);
		}
		if (period->kind == PERIOD_ACTIVITY)
			to = print_text(to, " since last activity");
	}
	*to = '\0';
	return to - buffer;
}

/* Could period_parse have made this? */
CoreResult
period_validate(const Period *period)
{
	bool		plain;

	if (period->kind < PERIOD_LENGTH || period->kind > PERIOD_ACTIVITY ||
		period->boundary < CALENDAR_NONE || period->boundary > CALENDAR_YEAR)
		return CORE_SYNTAX;
	if (period->months < 0 || period->days < 0 || period->usecs < 0)
		return CORE_RANGE;
	plain = length_is_zero(period) && period->boundary == CALENDAR_NONE;
	if (period->kind == PERIOD_NEVER || period->kind == PERIOD_IMMEDIATELY ?
		!plain : plain)
		return CORE_SYNTAX;
	return CORE_OK;
}

/* name of a calendar unit */
const char *
calendar_unit_name(CalendarUnit unit)
{
	return unit >= CALENDAR_DAY && unit <= CALENDAR_EVER ?
		calendar_names[unit] : "";
}

/* The calendar unit of a name, case ignored. */
CalendarUnit
calendar_unit_parse(const char *text, size_t length)
{
	Scanner		in = scan_start(text, length);
	CalendarUnit unit = scan_calendar_unit(&in, CALENDAR_EVER);

	return scan_done(&in) ? unit : CALENDAR_NONE;
}

/* ------------------------------------------------------------------------
 * Order
 * ------------------------------------------------------------------------
 */

/* Three-way comparison. */
static inline int
compare(CoreInt128 a, CoreInt128 b)
{
	return (a > b) - (a < b);
}

/* Length in microseconds if all months and days were alike. */
static CoreInt128
nominal_length(const Period *period)
{
	return ((CoreInt128) period->months * 30 + period->days) * USECS_IN_DAY +
		period->usecs;
}

/* Where a kind stands: immediately first, never last. */
static inline int
kind_rank(const Period *period)
{
	return period->kind == PERIOD_IMMEDIATELY ? 0 :
		period->kind == PERIOD_NEVER ? 2 : 1;
}

/* Total order; only equal structs are equal. */
int
period_cmp(const Period *a, const Period *b)
{
	int			order = compare(kind_rank(a), kind_rank(b));

	if (order == 0)
		order = compare(nominal_length(a), nominal_length(b));
	if (order == 0)
		order = compare(a->months, b->months);
	if (order == 0)
		order = compare(a->days, b->days);
	if (order == 0)
		order = compare(a->usecs, b->usecs);
	if (order == 0)
		order = compare(a->kind, b->kind);
	if (order == 0)
		order = compare(a->boundary, b->boundary);
	return order;
}

/* ------------------------------------------------------------------------
 * Calendar
 * ------------------------------------------------------------------------
 */

/*
 * No day of a timestamp is farther from 2000-01-01 than this, and local times
 * up to it can be converted without overflow.
 */
#define DAYS_LIMIT	(INSTANT_END / USECS_IN_DAY + 2)

/* Is this an instant of the calendar? */
static inline bool
instant_is_finite(Instant at)
{
	return at >= INSTANT_MIN && at < INSTANT_END;
}

/* The instant at which a local day begins; false beyond the timestamps. */
static bool
day_start(int64_t day, const Zone *zone, Instant *result)
{
	if (day < -DAYS_LIMIT || day > DAYS_LIMIT)
		return false;
	*result = zone->from_local(zone->arg, day * USECS_IN_DAY);
	return true;
}

/* Number of a calendar unit that contains a local day, counted from any. */
static int64_t
unit_number(CalendarUnit unit, int64_t day)
{
	CalendarDate date;
	int64_t		weekday;

	if (unit == CALENDAR_DAY)
		return day;
	if (unit == CALENDAR_WEEK)
		return floor_divide(day - 2, 7, &weekday);	/* 2000-01-03: Monday */
	date = calendar_from_days(day);
	if (unit == CALENDAR_MONTH)
		return date.year * 12 + date.month - 1;
	if (unit == CALENDAR_QUARTER)
		return date.year * 4 + (date.month - 1) / 3;
	return date.year;
}

/* First local day of the unit with this number. */
static int64_t
unit_first_day(CalendarUnit unit, int64_t number)
{
	int			months = 12;
	int64_t		month;
	CalendarDate date;

	if (unit == CALENDAR_DAY)
		return number;
	if (unit == CALENDAR_WEEK)
		return number * 7 + 2;
	if (unit == CALENDAR_MONTH)
		months = 1;
	else if (unit == CALENDAR_QUARTER)
		months = 3;
	date.year = floor_divide(number * months, 12, &month);
	date.month = (int) month + 1;
	date.day = 1;
	return calendar_to_days(date);
}

/*
 * Finds the unit whose span in instants contains one.  It is that of the
 * local date, unless the clock is put back or forward over midnight: then its
 * start may be a bit after or before the date first shows.
 */
static CoreResult
find_span(CalendarUnit unit, Instant at, const Zone *zone,
		  Instant *start, Instant *end)
{
	int64_t		time;
	int64_t		day = floor_divide(zone->to_local(zone->arg, at),
								   USECS_IN_DAY, &time);
	int64_t		number = unit_number(unit, day);

	while (true)
	{
		if (!day_start(unit_first_day(unit, number), zone, start))
			return CORE_RANGE;
		if (*start <= at)
			break;
		number--;
	}
	while (true)
	{
		number++;
		if (!day_start(unit_first_day(unit, number), zone, end))
			return CORE_RANGE;
		if (*end > at)
			return CORE_OK;
		*start = *end;
	}
}

/* The calendar span that contains an instant. */
CoreResult
calendar_span(CalendarUnit unit, Instant at, const Zone *zone,
			  Instant *start, Instant *end)
{
	CoreResult	status;

	if (unit == CALENDAR_EVER)
	{
		*start = INSTANT_ALWAYS;
		*end = INSTANT_NEVER;
		return CORE_OK;
	}
	if (unit < CALENDAR_DAY || unit > CALENDAR_YEAR || !instant_is_finite(at))
		return CORE_RANGE;
	status = find_span(unit, at, zone, start, end);
	if (status == CORE_OK &&
		!(instant_is_finite(*start) && instant_is_finite(*end)))
		status = CORE_RANGE;
	return status;
}

/* Adds months and days to a local time. */
static bool
add_calendar(int64_t *local, int32_t months, int32_t days)
{
	int64_t		time;
	int64_t		day = floor_divide(*local, USECS_IN_DAY, &time);

	if (months != 0)
	{
		CalendarDate date = calendar_from_days(day);
		int64_t		month;
		int			last;

		date.year += floor_divide((int64_t) date.month - 1 + months, 12,
								  &month);
		date.month = (int) month + 1;
		last = calendar_month_days(date.year, date.month);
		if (date.day > last)
			date.day = last;
		day = calendar_to_days(date);
	}
	day += days;
	if (day > DAYS_LIMIT)
		return false;
	*local = day * USECS_IN_DAY + time;
	return true;
}

/* The instant at which a period ends. */
CoreResult
period_end(const Period *period, Instant anchor, const Zone *zone,
		   Instant *result)
{
	Instant		at = anchor;

	if (period->kind == PERIOD_NEVER)
	{
		*result = INSTANT_NEVER;
		return CORE_OK;
	}
	if (period->kind == PERIOD_IMMEDIATELY ||
		anchor == INSTANT_NEVER || anchor == INSTANT_ALWAYS)
	{
		*result = anchor;
		return CORE_OK;
	}
	if (!instant_is_finite(at))
		return CORE_RANGE;
	if (period->months != 0 || period->days != 0)
	{
		int64_t		local = zone->to_local(zone->arg, at);

		if (!add_calendar(&local, period->months, period->days))
			return CORE_RANGE;
		at = zone->from_local(zone->arg, local);
	}
	if (__builtin_add_overflow(at, period->usecs, &at) ||
		!instant_is_finite(at))
		return CORE_RANGE;
	if (period->boundary != CALENDAR_NONE)
	{
		Instant		start,
					end;

		if (find_span((CalendarUnit) period->boundary, at, zone, &start,
					  &end) != CORE_OK ||
			!instant_is_finite(end))
			return CORE_RANGE;
		at = end;
	}
	*result = at;
	return CORE_OK;
}
