/*-------------------------------------------------------------------------
 *
 * instant.c
 *	  Text form of instants inside other text forms.
 *
 *-------------------------------------------------------------------------
 */
#include "calendar.h"
#include "instant.h"

#define YEAR_LIMIT		300000
#define SECOND_DECIMALS 6

/* Takes a number of exactly two digits, at most max. */
static bool
scan_two_digits(Scanner *in, int64_t max, int64_t *result)
{
	const char *start = in->next;

	return scan_whole(in, max, result) == CORE_OK && in->next == start + 2;
}

/* Takes hours and minutes, and seconds if they follow, as microseconds. */
static bool
scan_time(Scanner *in, int64_t *usecs)
{
	int64_t		hour,
				minute = 0,
				second = 0;

	if (!scan_two_digits(in, 24, &hour))
		return false;
	if (scan_char(in, ':'))
	{
		if (!scan_two_digits(in, 59, &minute))
			return false;
		if (scan_char(in, ':'))
		{
			const char *start = in->next;

			if (scan_decimal(in, SECOND_DECIMALS, false, &second) != CORE_OK ||
				second >= USECS_IN_MINUTE ||
				in->next < start + 2 ||
				start[0] == '.' || start[1] == '.' ||
				(in->next > start + 2 && start[2] != '.'))
				return false;
		}
	}
	*usecs = hour * USECS_IN_HOUR + minute * USECS_IN_MINUTE + second;
	return *usecs <= USECS_IN_DAY;
}

/* Takes an instant. */
CoreResult
scan_instant(Scanner *in, Instant *result)
{
	Scanner		ahead = *in;
	CalendarDate date;
	int64_t		month,
				day,
				time = 0,
				offset = 0;
	bool		clock;

	if (scan_whole(&ahead, YEAR_LIMIT, &date.year) != CORE_OK ||
		date.year == 0 || ahead.next < in->next + 4 ||
		!scan_char(&ahead, '-') ||
		!scan_two_digits(&ahead, 12, &month) || month == 0 ||
		!scan_char(&ahead, '-') ||
		!scan_two_digits(&ahead, 31, &day) || day == 0)
		return CORE_SYNTAX;
	*in = ahead;

	clock = scan_char(&ahead, 'T');
	if (!clock && scan_space(&ahead))
		clock = ahead.next < ahead.end && *ahead.next >= '0' &&
			*ahead.next <= '9';
	if (clock)
	{
		bool		west;

		if (!scan_time(&ahead, &time))
			return CORE_SYNTAX;
		if (scan_char(&ahead, 'Z'))
			;
		else if ((west = scan_char(&ahead, '-')) || scan_char(&ahead, '+'))
		{
			if (!scan_time(&ahead, &offset) || offset >= 16 * USECS_IN_HOUR)
				return CORE_SYNTAX;
			if (west)
				offset = -offset;
		}
		*in = ahead;
	}

	ahead = *in;
	if (scan_space(&ahead) && scan_word(&ahead, "bc"))
	{
		date.year = 1 - date.year;
		*in = ahead;
	}
	if (day > calendar_month_days(date.year, (int) month))
		return CORE_SYNTAX;
	date.month = (int) month;
	date.day = (int) day;
	day = calendar_to_days(date);
	if (__builtin_mul_overflow(day, USECS_IN_DAY, result) ||
		__builtin_add_overflow(*result, time, result) ||
		__builtin_sub_overflow(*result, offset, result) ||
		*result < INSTANT_MIN || *result >= INSTANT_END)
		return CORE_RANGE;
	return CORE_OK;
}

/* Writes an instant. */
char *
print_instant(char *to, Instant at)
{
	int64_t		time;
	CalendarDate date = calendar_from_days(floor_divide(at, USECS_IN_DAY,
														&time));
	bool		bc = date.year <= 0;

	to = print_whole(to, bc ? 1 - date.year : date.year, 4);
	*to++ = '-';
	to = print_whole(to, date.month, 2);
	*to++ = '-';
	to = print_whole(to, date.day, 2);
	*to++ = ' ';
	to = print_whole(to, time / USECS_IN_HOUR, 2);
	*to++ = ':';
	time %= USECS_IN_HOUR;
	to = print_whole(to, time / USECS_IN_MINUTE, 2);
	*to++ = ':';
	time %= USECS_IN_MINUTE;
	if (time < 10 * USECS_IN_SECOND)
		*to++ = '0';
	to += print_decimal(time, SECOND_DECIMALS, to);
	to = print_text(to, "+00");
	if (bc)
		to = print_text(to, " BC");
	return to;
}
