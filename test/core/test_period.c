/*-------------------------------------------------------------------------
 *
 * test_period.c
 *	  Periods and calendar spans, against a calendar that is counted out day
 *	  by day and zones that are searched change by change.
 *
 *-------------------------------------------------------------------------
 */
#include "calendar.h"
#include "harness.h"
#include "period.h"

#define HOUR	USECS_IN_HOUR
#define DAY		USECS_IN_DAY

/* ------------------------------------------------------------------------
 * A calendar, counted out: 1970 to 2070
 * ------------------------------------------------------------------------
 */

#define FIRST_YEAR	1970
#define LAST_YEAR	2070
#define MAX_DAYS	((LAST_YEAR - FIRST_YEAR + 1) * 366)

typedef struct CountedDay
{
	int			year;
	int			month;
	int			day;
	int			weekday;		/* Monday is 0 */
} CountedDay;

static CountedDay days[MAX_DAYS];
static int	ndays;
static int	day_zero;			/* 2000-01-01 */

/* Days of a month. */
static int
month_length(int year, int month)
{
	if (month == 2)
		return year % 400 == 0 || (year % 4 == 0 && year % 100 != 0) ? 29 : 28;
	return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/* Counts the days. */
static void
count_days(void)
{
	int			weekday = 3;	/* 1970-01-01 was a Thursday */

	for (int y = FIRST_YEAR; y <= LAST_YEAR; y++)
		for (int m = 1; m <= 12; m++)
			for (int d = 1; d <= month_length(y, m); d++)
			{
				if (y == 2000 && m == 1 && d == 1)
					day_zero = ndays;
				days[ndays++] = (CountedDay) {y, m, d, weekday};
				weekday = (weekday + 1) % 7;
			}
}

/* Days since 2000-01-01. */
static int64_t
date(int year, int month, int day)
{
	for (int i = 0; i < ndays; i++)
		if (days[i].year == year && days[i].month == month && days[i].day == day)
			return i - day_zero;
	abort();
}

/* Does a calendar unit begin on this day? */
static bool
begins(CalendarUnit unit, const CountedDay *day)
{
	switch (unit)
	{
		case CALENDAR_DAY:
			return true;
		case CALENDAR_WEEK:
			return day->weekday == 0;
		case CALENDAR_MONTH:
			return day->day == 1;
		case CALENDAR_QUARTER:
			return day->day == 1 && day->month % 3 == 1;
		case CALENDAR_YEAR:
			return day->day == 1 && day->month == 1;
		default:
			abort();
	}
}

/* ------------------------------------------------------------------------
 * Zones, searched
 * ------------------------------------------------------------------------
 */

typedef struct Change
{
	Instant		at;
	int64_t		offset;			/* from then on */
} Change;

typedef struct TestZone
{
	const char *name;
	int64_t		offset;			/* before the first change */
	int			nchanges;
	Change		changes[8];
} TestZone;

/* Local time: the offset of the last change not after the instant. */
static int64_t
search_to_local(void *arg, Instant at)
{
	TestZone   *zone = arg;
	int64_t		offset = zone->offset;

	for (int i = 0; i < zone->nchanges; i++)
		if (zone->changes[i].at <= at)
			offset = zone->changes[i].offset;
	return at + offset;
}

/*
 * The instant of a local time: of those that show it the latest; if none
 * does, as if the offset before the gap went on.
 */
static Instant
search_from_local(void *arg, int64_t local)
{
	TestZone   *zone = arg;
	Instant		found = INSTANT_ALWAYS;
	int64_t		before = zone->offset;

	for (int i = -1; i < zone->nchanges; i++)
	{
		Instant		at = local - (i < 0 ? zone->offset : zone->changes[i].offset);

		if (search_to_local(zone, at) == local && at > found)
			found = at;
	}
	if (found != INSTANT_ALWAYS)
		return found;
	for (int i = 0; i < zone->nchanges; i++)
	{
		/* skipped: not yet shown before the change, already past after it */
		if (zone->changes[i].at + before <= local &&
			zone->changes[i].at + zone->changes[i].offset > local)
			return local - before;
		before = zone->changes[i].offset;
	}
	abort();
}

#define ZONES 7

static TestZone zones[ZONES];

/* Sets the zones up. */
static void
make_zones(void)
{
	int			n = 0;

	zones[n++] = (TestZone) {"UTC", 0};
	zones[n++] = (TestZone) {"fixed, west", -7 * HOUR - HOUR / 2};
	/* New York 2026: 8 March 2:00 to 3:00, 1 November 2:00 to 1:00 */
	zones[n++] = (TestZone)
	{
		"New York", -5 * HOUR, 2,
		{
			{date(2026, 3, 8) * DAY + 7 * HOUR, -4 * HOUR},
			{date(2026, 11, 1) * DAY + 6 * HOUR, -5 * HOUR}
		}
	};
	/* the first hour of 1 October is missing, that of 1 March comes twice */
	zones[n++] = (TestZone)
	{
		"midnight", -3 * HOUR, 2,
		{
			{date(2026, 10, 1) * DAY + 3 * HOUR, -2 * HOUR},
			{date(2027, 3, 1) * DAY + 2 * HOUR + HOUR, -3 * HOUR}
		}
	};
	/* the last hour of 28 February comes twice, that of 30 September is missing */
	zones[n++] = (TestZone)
	{
		"before midnight", 2 * HOUR, 2,
		{
			{date(2026, 3, 1) * DAY - 2 * HOUR, HOUR},
			{date(2026, 10, 1) * DAY - 2 * HOUR, 2 * HOUR}
		}
	};
	/* a gap and a fold that lie across midnight */
	zones[n++] = (TestZone)
	{
		"across midnight", HOUR, 2,
		{
			{date(2026, 4, 1) * DAY - HOUR - HOUR / 2, 2 * HOUR},
			{date(2026, 12, 1) * DAY - 2 * HOUR + HOUR / 2, HOUR}
		}
	};
	/* 31 December 2026 is left out altogether */
	zones[n++] = (TestZone)
	{
		"day left out", -10 * HOUR, 1,
		{{date(2026, 12, 31) * DAY + 10 * HOUR, 14 * HOUR}}
	};
	if (n != ZONES)
		abort();
}

/* The core's view of a test zone. */
static Zone
as_zone(TestZone *zone)
{
	return (Zone) {search_to_local, search_from_local, zone};
}

/* ------------------------------------------------------------------------
 * Worked cases
 * ------------------------------------------------------------------------
 */

/* What a text reads as, in canonical form or as the kind of error. */
static const char *
reads(const char *text)
{
	static char buffer[PERIOD_TEXT_SIZE];
	Period		period;

	switch (period_parse(text, strlen(text), &period))
	{
		case CORE_OK:
			period_format(&period, buffer);
			return buffer;
		case CORE_RANGE:
			return "range";
		case CORE_SYNTAX:
			break;
	}
	return "syntax";
}

/* Text that must be a period. */
static Period
period(const char *text)
{
	Period		result;

	if (period_parse(text, strlen(text), &result) != CORE_OK)
		abort();
	return result;
}

/* Texts and what they mean. */
static void
test_text(void)
{
	static const char *const cases[][2] = {
		{"never", "never"}, {" Immediately ", "immediately"},
		{"14 days", "14 days"}, {"12 months", "12 months"},
		{"18 months", "18 months"}, {"24 months", "2 years"},
		{"1 year", "12 months"}, {"5 years", "5 years"},
		{"1 year 2 months 3 days", "14 months 3 days"},
		{"3 days 2 months 1 year", "14 months 3 days"},
		{"36 hours", "36 hours"}, {"1 day", "1 day"}, {"24 hours", "24 hours"},
		{"90 minutes", "1 hour 30 minutes"}, {"1 second", "1 second"},
		{"2 weeks", "14 days"}, {"1 quarter", "3 months"}, {"12months", "12 months"},
		{"1.5 seconds", "1.5 seconds"}, {"61.25 seconds", "1 minute 1.25 seconds"},
		{".000001 second", "0.000001 seconds"}, {"1.000000 seconds", "1 second"},
		{"12 months to end of month", "12 months to end of month"},
		{"1 year to end of year", "1 year to end of year"},
		{"to end of year", "to end of year"}, {"TO END OF week", "to end of week"},
		{"0 days to end of day", "to end of day"},
		{"to end of quarter", "to end of quarter"},
		{"6 months since last activity", "6 months since last activity"},
		{"6 months to end of month since last activity",
		"6 months to end of month since last activity"},
		{"to end of year since last activity", "to end of year since last activity"},
		{"2147483647 days", "2147483647 days"}, {"2147483648 days", "range"},
		{"178956971 years", "range"}, {"9999999999 hours", "range"},
		{"99999999999999999999 days", "range"},
		{"9223372036854.775808 seconds", "range"},
		{"", "syntax"}, {"0 days", "syntax"}, {"0 days since last activity", "syntax"},
		{"-1 day", "syntax"}, {"+1 day", "syntax"}, {"1", "syntax"}, {"day", "syntax"},
		{"1 day 2 days", "syntax"}, {"1 year2 months", "syntax"}, {"1.5 days", "syntax"},
		{"1.0 days", "syntax"}, {"1.0000001 seconds", "syntax"}, {"1 fortnight", "syntax"},
		{"1 dayss", "syntax"}, {"to end of", "syntax"}, {"to end of ever", "syntax"},
		{"to end of hour", "syntax"}, {"to end of months", "syntax"},
		{"to the end of month", "syntax"}, {"1 day to", "syntax"},
		{"1 dayto end of month", "syntax"}, {"1 day end of month", "syntax"},
		{"1 day since", "syntax"}, {"1 day since last", "syntax"},
		{"1 day since last activity 2", "syntax"}, {"since last activity", "syntax"},
		{"never since last activity", "syntax"}, {"immediately to end of day", "syntax"},
		{"never never", "syntax"}, {"1 day, 2 hours", "syntax"}, {"P1D", "syntax"},
		{"1 day since last activity to end of month", "syntax"},
		{"99999999999999999999 days to end", "syntax"}
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		is_text(reads(cases[i][0]), cases[i][1], cases[i][0]);
	ok(calendar_unit_parse("Quarter", 7) == CALENDAR_QUARTER &&
	   calendar_unit_parse("ever", 4) == CALENDAR_EVER &&
	   calendar_unit_parse("years", 5) == CALENDAR_NONE &&
	   calendar_unit_parse("", 0) == CALENDAR_NONE, "names of calendar units");
	is_text(calendar_unit_name(CALENDAR_WEEK), "week", "name of week");
}

/* One case of period_end: local anchor and end as date and hours. */
static void
ends(int zone_number, const char *text, int64_t anchor, int64_t expected,
	 const char *what)
{
	Zone		zone = as_zone(&zones[zone_number]);
	Period		p = period(text);
	Instant		at = search_from_local(zone.arg, anchor);
	Instant		end = 0;

	if (!ok(period_end(&p, at, &zone, &end) == CORE_OK &&
			end == search_from_local(zone.arg, expected), "%s", what))
		printf("#      got: %g days from 2000 UTC\n# expected: %g\n",
			   (double) end / DAY,
			   (double) search_from_local(zone.arg, expected) / DAY);
}

/* The examples of the semantics, and edges. */
static void
test_ends(void)
{
	Zone		zone = as_zone(&zones[0]);
	Zone		new_york = as_zone(&zones[2]);
	Period		p;
	Instant		end;
	Instant		noon = date(2026, 3, 7) * DAY + 17 * HOUR;

	ends(0, "1 month", date(2026, 1, 31) * DAY, date(2026, 2, 28) * DAY,
		 "31 Jan + 1 month = 28 Feb");
	ends(0, "2 months", date(2026, 1, 31) * DAY, date(2026, 3, 31) * DAY,
		 "31 Jan + 2 months = 31 Mar");
	ends(0, "1 year", date(2027, 3, 1) * DAY, date(2028, 3, 1) * DAY,
		 "1 Mar 2027 + 1 year = 1 Mar 2028");
	ends(0, "365 days", date(2027, 3, 1) * DAY, date(2028, 2, 29) * DAY,
		 "1 Mar 2027 + 365 days = 29 Feb 2028");
	ends(0, "1 year", date(2028, 2, 29) * DAY, date(2029, 2, 28) * DAY,
		 "29 Feb + 1 year = 28 Feb");
	ends(0, "12 months to end of month", date(1997, 2, 1) * DAY,
		 date(1998, 3, 1) * DAY, "the first boundary strictly after");
	ends(0, "12 months to end of month", date(1997, 2, 1) * DAY - 1,
		 date(1998, 2, 1) * DAY, "a microsecond earlier");
	ends(0, "to end of week", date(2026, 1, 18) * DAY, date(2026, 1, 19) * DAY,
		 "weeks start on Monday");
	ends(0, "to end of quarter", date(2026, 2, 1) * DAY, date(2026, 4, 1) * DAY,
		 "quarters start in January, April, July, October");
	ends(0, "1 year to end of year", date(2026, 1, 1) * DAY,
		 date(2028, 1, 1) * DAY, "1 year to end of year");
	ends(2, "1 day", date(2026, 3, 7) * DAY + 12 * HOUR,
		 date(2026, 3, 8) * DAY + 12 * HOUR, "New York: 1 day from 7 March noon");
	p = period("1 day");
	ok(period_end(&p, noon, &new_york, &end) == CORE_OK &&
	   end - noon == 23 * HOUR, "which is 23 hours");
	p = period("24 hours");
	ok(period_end(&p, noon, &new_york, &end) == CORE_OK &&
	   end - noon == 24 * HOUR, "24 hours are 24 hours");
	ends(2, "1 day", date(2026, 3, 7) * DAY + 2 * HOUR + HOUR / 2,
		 date(2026, 3, 8) * DAY + 3 * HOUR + HOUR / 2,
		 "a missing local time is later");
	p = period("1 day");
	ok(period_end(&p, date(2026, 10, 31) * DAY + 5 * HOUR + HOUR / 2,
				  &new_york, &end) == CORE_OK &&
	   end == date(2026, 11, 1) * DAY + 6 * HOUR + HOUR / 2,
	   "of a double local time, the second");

	p = period("never");
	ok(period_end(&p, 5, &zone, &end) == CORE_OK && end == INSTANT_NEVER, "never");
	p = period("immediately");
	ok(period_end(&p, 5, &zone, &end) == CORE_OK && end == 5, "immediately");
	p = period("14 days");
	ok(period_end(&p, INSTANT_NEVER, &zone, &end) == CORE_OK &&
	   end == INSTANT_NEVER, "from infinity on");
	ok(period_end(&p, INSTANT_ALWAYS, &zone, &end) == CORE_OK &&
	   end == INSTANT_ALWAYS, "from minus infinity on");
	ok(period_end(&p, INSTANT_ACTIVITY, &zone, &end) == CORE_RANGE,
	   "activity is no anchor");
	ok(period_end(&p, INSTANT_END - 1, &zone, &end) == CORE_RANGE, "beyond the end");
	p = period("to end of day");
	ok(period_end(&p, INSTANT_END - 1, &zone, &end) == CORE_RANGE,
	   "boundary beyond the end");
	ok(period_end(&p, INSTANT_MIN, &zone, &end) == CORE_OK &&
	   end == INSTANT_MIN + DAY, "from the beginning");
	p = period("2147483647 months");
	ok(period_end(&p, 0, &zone, &end) == CORE_RANGE, "too many months");
	p = period("2147483647 days");
	ok(period_end(&p, 0, &zone, &end) == CORE_RANGE, "too many days");
	p = period("2562047788 hours");
	ok(period_end(&p, INSTANT_END - 1, &zone, &end) == CORE_RANGE, "too many hours");
}

/* Order. */
static void
test_order(void)
{
	static const char *const ascending[] = {
		"immediately", "to end of day", "to end of week", "to end of month",
		"to end of year", "0.000001 seconds", "24 hours", "1 day", "30 days",
		"1 month", "31 days", "12 months", "12 months to end of month",
		"12 months since last activity", "365 days", "2147483647 months", "never"
	};
	int			n = sizeof(ascending) / sizeof(ascending[0]);
	bool		sorted = true;

	for (int i = 0; i < n; i++)
		for (int j = 0; j < n; j++)
		{
			Period		a = period(ascending[i]),
						b = period(ascending[j]);

			if (period_cmp(&a, &b) != (i > j) - (i < j))
			{
				printf("# %s, %s\n", ascending[i], ascending[j]);
				sorted = false;
			}
		}
	ok(sorted, "order");
}

/* Structs that no text makes. */
static void
test_validate(void)
{
	static const Period bad[] = {
		{0, 0, 0, PERIOD_LENGTH, 0}, {0, 0, 0, PERIOD_ACTIVITY, 0},
		{0, 0, 1, 0, 0}, {0, 0, 1, 5, 0}, {-1, 0, 0, PERIOD_LENGTH, 0},
		{0, -1, 1, PERIOD_LENGTH, 0}, {0, 1, -1, PERIOD_LENGTH, 0},
		{0, 0, 1, PERIOD_LENGTH, -1}, {0, 0, 1, PERIOD_LENGTH, CALENDAR_EVER},
		{0, 0, 0, PERIOD_NEVER, CALENDAR_DAY}, {0, 0, 1, PERIOD_NEVER, 0},
		{1, 0, 0, PERIOD_IMMEDIATELY, 0}
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(period_validate(&bad[i]) != CORE_OK, "refused: struct %d", (int) i);
}

/* ------------------------------------------------------------------------
 * Properties
 * ------------------------------------------------------------------------
 */

/* Any period; small ones, if they are to be computed with. */
static Period
random_period(bool small)
{
	Period		p = {0};

	switch (below(small ? 4 : 6))
	{
		case 0:
		case 1:
			p.kind = PERIOD_LENGTH;
			break;
		case 2:
		case 3:
			p.kind = PERIOD_ACTIVITY;
			break;
		case 4:
			p.kind = PERIOD_NEVER;
			return p;
		default:
			p.kind = PERIOD_IMMEDIATELY;
			return p;
	}
	if (below(2) == 0)
		p.months = (int32_t) below(small ? 40 : INT32_MAX);
	if (below(2) == 0)
		p.days = (int32_t) below(small ? 100 : INT32_MAX);
	if (below(2) == 0)
		p.usecs = below(small ? 3 * DAY : INT64_MAX);
	if (small && below(2) == 0)
		p.usecs -= p.usecs % HOUR;
	if (below(2) == 0 || (p.months == 0 && p.days == 0 && p.usecs == 0))
		p.boundary = CALENDAR_DAY + below(5);
	return p;
}

/* Periods survive being written and read. */
static bool
round_trip(void)
{
	char		text[PERIOD_TEXT_SIZE];
	Period		p = random_period(false);
	Period		again;
	int			length = period_format(&p, text);

	if (period_validate(&p) == CORE_OK && length == (int) strlen(text) &&
		length < PERIOD_TEXT_SIZE &&
		period_parse(text, length, &again) == CORE_OK &&
		memcmp(&p, &again, sizeof(p)) == 0)
		return true;
	printf("# %s\n", text);
	return false;
}

/* An instant of 2025 to 2027, often near a change of the zone. */
static Instant
random_instant(const TestZone *zone)
{
	Instant		at = date(2025, 1, 1) * DAY + below(3 * 365 * DAY);

	if (zone->nchanges > 0 && below(2) == 0)
		at = zone->changes[below(zone->nchanges)].at - 2 * DAY + below(4 * DAY);
	if (below(2) == 0)
		at -= at % (HOUR / 2);
	return at;
}

/* The first instant after this one at which a unit begins. */
static Instant
slow_boundary(CalendarUnit unit, Instant at, TestZone *zone)
{
	for (int i = 0; i < ndays; i++)
		if (begins(unit, &days[i]))
		{
			Instant		start = search_from_local(zone, (i - day_zero) * DAY);

			if (start > at)
				return start;
		}
	abort();
}

/* The end of a period is where counting leads. */
static bool
counted_end(void)
{
	TestZone   *test_zone = &zones[below(ZONES)];
	Zone		zone = as_zone(test_zone);
	Period		p = random_period(true);
	Instant		at = random_instant(test_zone);
	Instant		expected = at;
	Instant		got = 0;
	char		text[PERIOD_TEXT_SIZE];

	if (p.months != 0 || p.days != 0)
	{
		int64_t		local = search_to_local(test_zone, at);
		int			day = (int) ((local + day_zero * DAY) / DAY);
		int64_t		time = local + day_zero * DAY - day * DAY;
		int			year = days[day].year;
		int			month = days[day].month + p.months;
		int			month_day = days[day].day;

		for (; month > 12; month -= 12)
			year++;
		if (month_day > month_length(year, month))
			month_day = month_length(year, month);
		expected = search_from_local(test_zone,
									 (date(year, month, month_day) + p.days) * DAY +
									 time);
	}
	expected += p.usecs;
	if (p.boundary != CALENDAR_NONE)
		expected = slow_boundary((CalendarUnit) p.boundary, expected, test_zone);

	if (period_end(&p, at, &zone, &got) == CORE_OK && got == expected)
		return true;
	period_format(&p, text);
	printf("# %s, %s from %" PRId64 ": got %" PRId64 ", expected %" PRId64 "\n",
		   test_zone->name, text, at, got, expected);
	return false;
}

/* A span contains its instant and meets the next one. */
static bool
spans_meet(void)
{
	TestZone   *test_zone = &zones[below(ZONES)];
	Zone		zone = as_zone(test_zone);
	CalendarUnit unit = CALENDAR_DAY + below(5);
	Instant		at = random_instant(test_zone);
	Instant		start,
				end,
				next_start,
				next_end,
				before_start,
				before_end;

	if (calendar_span(unit, at, &zone, &start, &end) == CORE_OK &&
		start <= at && at < end &&
		end == slow_boundary(unit, at, test_zone) &&
		calendar_span(unit, end, &zone, &next_start, &next_end) == CORE_OK &&
		next_start == end &&
		calendar_span(unit, start - 1, &zone, &before_start, &before_end) == CORE_OK &&
		before_end == start)
		return true;
	printf("# %s, %s of %" PRId64 ": %" PRId64 " to %" PRId64 "\n",
		   test_zone->name, calendar_unit_name(unit), at, start, end);
	return false;
}

/* Dates survive being counted and named, over the whole range. */
static bool
dates(void)
{
	int64_t		day = below(INSTANT_END / DAY - INSTANT_MIN / DAY) + INSTANT_MIN / DAY;
	CalendarDate d = calendar_from_days(day);
	CalendarDate next = calendar_from_days(day + 1);
	bool		same_month = next.year == d.year && next.month == d.month;

	if (calendar_to_days(d) == day && d.month >= 1 && d.month <= 12 &&
		d.day >= 1 && d.day <= calendar_month_days(d.year, d.month) &&
		(same_month ? next.day == d.day + 1 :
		 next.day == 1 && d.day == calendar_month_days(d.year, d.month)))
		return true;
	printf("# day %" PRId64 ": %" PRId64 "-%d-%d\n", day, d.year, d.month, d.day);
	return false;
}

/* The calendar is the one that was counted out. */
static void
test_calendar(void)
{
	bool		agrees = true;
	CalendarDate first = calendar_from_days(INSTANT_MIN / DAY);

	for (int i = 0; i < ndays; i++)
	{
		CalendarDate d = calendar_from_days(i - day_zero);

		if (d.year != days[i].year || d.month != days[i].month ||
			d.day != days[i].day ||
			calendar_weekday(i - day_zero) != days[i].weekday)
			agrees = false;
	}
	ok(agrees, "the days of %d to %d", FIRST_YEAR, LAST_YEAR);
	ok(first.year == -4713 && first.month == 11 && first.day == 24,
	   "the first day is 24 November 4714 BC");
}

/* Spans that are no calendar units. */
static void
test_spans(void)
{
	Zone		zone = as_zone(&zones[0]);
	Instant		start,
				end;

	ok(calendar_span(CALENDAR_EVER, 5, &zone, &start, &end) == CORE_OK &&
	   start == INSTANT_ALWAYS && end == INSTANT_NEVER, "ever");
	ok(calendar_span(CALENDAR_NONE, 5, &zone, &start, &end) == CORE_RANGE, "none");
	ok(calendar_span(CALENDAR_DAY, INSTANT_NEVER, &zone, &start, &end) == CORE_RANGE,
	   "no day contains infinity");
	ok(calendar_span(CALENDAR_YEAR, INSTANT_MIN, &zone, &start, &end) == CORE_RANGE,
	   "the first year is not whole");
}

int
main(void)
{
	start_tests();
	count_days();
	make_zones();
	test_text();
	test_calendar();
	test_ends();
	test_order();
	test_validate();
	test_spans();
	property("round trip", 20000, round_trip);
	property("dates", 20000, dates);
	property("counted end", 3000, counted_end);
	property("spans meet", 3000, spans_meet);
	return end_tests();
}
