/*-------------------------------------------------------------------------
 *
 * test_tier.c
 *	  Tiers over time: the worked examples, and random histories, in which a
 *	  walk in one go must end where one from line to line does.
 *
 *-------------------------------------------------------------------------
 */
#include "tier.h"
#include "calendar.h"
#include "harness.h"
#include "instant.h"

#define UNIT	0
#define OTHER	1

#define SILVER		1
#define GOLD		2
#define PLATINUM	3
#define VIP			4

/* Local time is UTC. */
static int64_t
utc_to_local(void *arg, Instant instant)
{
	(void) arg;
	return instant;
}

/* UTC is local time. */
static Instant
utc_from_local(void *arg, int64_t local)
{
	(void) arg;
	return local;
}

static const Zone utc = {utc_to_local, utc_from_local, NULL};

/* An instant from a text that is a constant of the test. */
static Instant
day(const char *text)
{
	Scanner		in = {text, text + strlen(text)};
	Instant		result;

	if (scan_instant(&in, &result) != CORE_OK)
		abort();
	return result;
}

/* A period likewise. */
static Period
period(const char *text)
{
	Period		result;

	if (period_parse(text, strlen(text), &result) != CORE_OK)
		abort();
	return result;
}

/* ------------------------------------------------------------------------
 * A walk with a log of what it told
 * ------------------------------------------------------------------------
 */

typedef struct Walker
{
	TierWalk	walk;
	TierGroup	group;
	TierLadder	ladders[3];
	TierStep	steps[3][4];
	TierNeed	needs[3][4][2];
	TierState	state;
	TierState	held;
	CoreInt128	balances[2];
	CoreInt128	judged[6];
	char		log[4000];
} Walker;

/* Grows to exactly what is asked for, so that overruns are found. */
static void
grow(TierWalk *walk, int capacity)
{
	walk->due = realloc(walk->due, capacity * sizeof(TierDue));
	walk->capacity = capacity;
}

/* "2026-02-18" of an instant at midnight. */
static const char *
date(Instant at)
{
	static char texts[4][INSTANT_TEXT_SIZE];
	static int	next = 0;
	char	   *text = texts[next++ % 4];

	if (at == INSTANT_NEVER)
		return "never";
	*print_instant(text, at) = '\0';
	if (strcmp(text + 10, " 00:00:00+00") == 0)
		text[10] = '\0';
	return text;
}

/* Logs a change: "2025-03-10 silver entry 2026-03-10; ". */
static void
note(void *arg, int group, const TierState *state, Instant at, TierCause cause)
{
	static const char *const tiers[] = {"none", "silver", "gold", "platinum", "vip"};
	static const char *const causes[] = {"", "entry", "expiry", "late", "hand", "config", "life"};
	Walker	   *w = arg;
	size_t		used = strlen(w->log);

	(void) group;
	snprintf(w->log + used, sizeof(w->log) - used, "%s%s %s %s %s", used > 0 ? "; " : "",
			 date(at), tiers[state->tier_no], causes[cause], date(state->until));
}

/* A ladder of silver, gold, platinum (0: left out) in UNIT. */
static void
ladder(Walker *w, Instant since, const char *keep, const char *renewed, bool one_level,
	   const char *silver, const char *gold, const char *platinum)
{
	const char *texts[] = {silver, gold, platinum};
	int			l = w->group.nladders++;
	int			n = 0;

	w->ladders[l].since = since;
	w->ladders[l].keep = period(keep);
	w->ladders[l].keep_renewed = period(renewed);
	w->ladders[l].one_level = one_level;
	w->ladders[l].steps = w->steps[l];
	for (int i = 0; i < 3; i++)
	{
		if (texts[i] == NULL)
			continue;
		w->needs[l][n][0] = (TierNeed) {UNIT, pts(texts[i])};
		w->steps[l][n] = (TierStep) {SILVER + i, 10 * (i + 1), false, false, w->needs[l][n], 1};
		n++;
	}
	w->ladders[l].nsteps = n;
}

/* A walk that starts before all. */
static Walker *
new_walker(void)
{
	Walker	   *w = calloc(1, sizeof(Walker));

	w->walk.groups = &w->group;
	w->walk.ngroups = 1;
	w->group.ladders = w->ladders;
	w->walk.nunits = 2;
	w->walk.zone = &utc;
	w->walk.states = &w->state;
	w->walk.held = &w->held;
	w->walk.held_at = INSTANT_ALWAYS;
	w->walk.balances = w->balances;
	w->walk.judged = w->judged;
	w->walk.grow = grow;
	w->walk.at = day("2000-01-01");
	w->walk.sink = note;
	w->walk.arg = w;
	w->state.until = INSTANT_NEVER;
	return w;
}

/* Ends it. */
static void
free_walker(Walker *w)
{
	free(w->walk.due);
	free(w);
}

/* A line: points that last so long. */
static void
line(Walker *w, const char *at, const char *points, const char *expires)
{
	Period		length = period(expires);
	Instant		to;

	period_end(&length, day(at), &utc, &to);
	tier_line(&w->walk, UNIT, pts(points), day(at), to, day(at), TIER_ENTRY);
}

/* Points taken from a lot. */
static void
refund(Walker *w, const char *at, const char *points, const char *lot, const char *expires)
{
	Period		length = period(expires);
	Instant		to;

	period_end(&length, day(lot), &utc, &to);
	tier_line(&w->walk, UNIT, -pts(points), day(lot), to, day(at), TIER_ENTRY);
}

/* Goes on to an instant and compares the log. */
static void
told(Walker *w, const char *until, const char *expected, const char *what)
{
	tier_walk(&w->walk, day(until));
	is_text(w->log, expected, what);
	w->log[0] = '\0';
}

/* ------------------------------------------------------------------------
 * Worked examples
 * ------------------------------------------------------------------------
 */

#define ALWAYS INSTANT_ALWAYS

/* 5.1: rolling twelve months, in the order of the calendar. */
static void
test_rolling(void)
{
	Walker	   *w = new_walker();

	ladder(w, ALWAYS, "12 months", "12 months", false, "1000", "3000", NULL);
	line(w, "2025-03-10", "1200", "12 months");
	line(w, "2025-11-20", "1500", "12 months");
	line(w, "2026-02-15", "200", "12 months");
	line(w, "2026-02-18", "150", "12 months");
	line(w, "2026-03-01", "100", "12 months");
	told(w, "2026-12-31", "2025-03-10 silver entry 2026-03-10; 2026-02-18 gold entry 2027-02-18",
		 "5.1: Gold from 18 February 2026 to 18 February 2027");
	told(w, "2028-12-31", "2027-02-18 none expiry never", "5.1: then 450 - 350 are not enough");
	free_walker(w);
}

/* What lapses at the end and was counted does not count again; the rest does. */
static void
test_renewal(void)
{
	Walker	   *w = new_walker();

	ladder(w, ALWAYS, "12 months", "12 months", false, "1000", NULL, NULL);
	line(w, "2025-03-10", "1200", "12 months");
	line(w, "2025-11-20", "999", "12 months");
	told(w, "2026-12-31", "2025-03-10 silver entry 2026-03-10; 2026-03-10 none expiry never",
		 "999 besides what lapses do not renew");
	free_walker(w);

	w = new_walker();
	ladder(w, ALWAYS, "12 months", "12 months", false, "1000", NULL, NULL);
	line(w, "2025-03-10", "1200", "12 months");
	line(w, "2025-11-20", "1000", "12 months");
	told(w, "2027-03-09", "2025-03-10 silver entry 2026-03-10; 2026-03-10 silver expiry 2027-03-10",
		 "1000 besides renew");
	told(w, "2028-03-09", "2027-03-10 none expiry never", "they have lapsed at the end of the next stay");
	free_walker(w);

	w = new_walker();
	ladder(w, ALWAYS, "12 months", "12 months", false, "1000", NULL, NULL);
	line(w, "2025-03-10", "1200", "12 months");
	line(w, "2025-06-01", "5000", "12 months");
	told(w, "2026-03-09", "2025-03-10 silver entry 2026-03-10", "purchases while above do not move the end");
	free_walker(w);
}

/* 5.2: a refund does not take the tier, but does not count at renewal. */
static void
test_refund(void)
{
	Walker	   *w = new_walker();

	ladder(w, ALWAYS, "12 months", "12 months", false, "1000", "3000", NULL);
	line(w, "2025-03-10", "3050", "24 months");
	refund(w, "2025-03-20", "200", "2025-03-10", "24 months");
	told(w, "2026-03-09", "2025-03-10 gold entry 2026-03-10", "5.2: Gold until its stay ends");
	told(w, "2026-03-11", "2026-03-10 silver expiry 2027-03-10", "5.2: then not renewed");
	free_walker(w);

	w = new_walker();
	ladder(w, ALWAYS, "12 months", "12 months", false, "1000", "3000", NULL);
	line(w, "2025-03-10", "3050", "24 months");
	refund(w, "2025-03-20", "200", "2025-03-10", "24 months");
	line(w, "2025-06-01", "300", "24 months");
	told(w, "2026-06-02", "2025-03-10 gold entry 2026-03-10; 2025-06-01 gold entry 2026-06-01; "
		 "2026-06-01 gold expiry 2027-06-01", "reached again: from below to above");
	free_walker(w);
}

/* 5.3: calendar years. */
static void
test_calendar(void)
{
	static const struct
	{
		bool		one_level;
		const char *nights;
		const char *expected;
		const char *what;
	}			cases[] = {
		{true, "20", "2026-01-01 gold expiry 2027-01-01", "5.3: 20 nights, one level: Gold"},
		{false, "20", "2026-01-01 none expiry never", "5.3: 20 nights, to what is qualified: none"},
		{false, "60", "2026-01-01 gold expiry 2027-01-01", "5.3: 60 nights: Gold"},
		{true, "60", "2026-01-01 gold expiry 2027-01-01", "5.3: 60 nights, one level: Gold"},
		{true, "75", "2025-05-01 platinum entry 2027-01-01", "5.3: 75 nights: reached again"},
	};

	for (int i = 0; i < 5; i++)
	{
		Walker	   *w = new_walker();

		ladder(w, ALWAYS, "1 year to end of year", "to end of year", cases[i].one_level,
			   "25", "50", "75");
		line(w, "2024-10-01", "80", "to end of year");
		told(w, "2025-01-02", "2024-10-01 platinum entry 2026-01-01", "5.3: this year and the next");
		line(w, "2025-05-01", cases[i].nights, "to end of year");
		told(w, "2026-01-02", cases[i].expected, cases[i].what);
		free_walker(w);
	}
}

/* No longer than the balance; and for life. */
static void
test_immediately(void)
{
	Walker	   *w = new_walker();

	ladder(w, ALWAYS, "immediately", "immediately", false, "100", "200", NULL);
	line(w, "2025-01-01", "150", "12 months");
	line(w, "2025-02-01", "100", "3 months");
	told(w, "2025-06-01", "2025-01-01 silver entry 2025-01-01; 2025-02-01 gold entry 2025-02-01; "
		 "2025-05-01 silver expiry 2025-05-01", "a tier follows the balance");
	refund(w, "2025-06-02", "60", "2025-01-01", "12 months");
	told(w, "2027-01-01", "2025-06-02 none entry never", "down, too");
	free_walker(w);

	w = new_walker();
	ladder(w, ALWAYS, "immediately", "2 months", true, "100", "200", "300");
	line(w, "2025-01-01", "350", "1 month");
	told(w, "2025-07-02", "2025-01-01 platinum entry 2025-01-01; 2025-02-01 gold expiry 2025-04-01; "
		 "2025-04-01 silver expiry 2025-06-01; 2025-06-01 none expiry never", "and lands softly, if the group says so");
	free_walker(w);

	w = new_walker();
	ladder(w, ALWAYS, "immediately", "immediately", false, "100", "200", NULL);
	ladder(w, day("2025-06-01"), "immediately", "immediately", false, "100", "200", NULL);
	w->steps[1][1].closed = true;
	line(w, "2025-01-01", "250", "12 months");
	told(w, "2026-06-01", "2025-01-01 gold entry 2025-01-01; 2026-01-01 none expiry never",
		 "a removed tier keeps its holders as long as the balance does");
	free_walker(w);

	w = new_walker();
	ladder(w, ALWAYS, "never", "never", false, "100", "200", NULL);
	line(w, "2025-01-01", "100", "1 month");
	told(w, "2035-01-01", "2025-01-01 silver entry never", "a tier for life outlasts its points");
	line(w, "2035-02-01", "200", "1 month");
	told(w, "2055-01-01", "2035-02-01 gold entry never", "the next is reached later");
	free_walker(w);
}

/* 5.5: changes of a ladder on a live program. */
static void
test_changes(void)
{
	Walker	   *w = new_walker();

	ladder(w, ALWAYS, "12 months", "12 months", false, "1000", NULL, "3000");
	ladder(w, day("2025-06-01"), "12 months", "12 months", false, "1000", "2000", "3000");
	line(w, "2025-03-10", "2500", "12 months");
	told(w, "2026-06-02", "2025-03-10 silver entry 2026-03-10; 2025-06-01 gold config 2026-06-01; "
		 "2026-06-01 none expiry never", "5.5: a tier between two takes who is qualified, from then on");
	free_walker(w);

	w = new_walker();
	ladder(w, ALWAYS, "12 months", "12 months", false, "1000", NULL, NULL);
	ladder(w, day("2025-06-01"), "12 months", "12 months", false, "2000", NULL, NULL);
	line(w, "2025-03-10", "1500", "24 months");
	told(w, "2026-06-02", "2025-03-10 silver entry 2026-03-10; 2026-03-10 none expiry never",
		 "a raised threshold is judged at the end of the stay");
	free_walker(w);

	w = new_walker();
	ladder(w, ALWAYS, "12 months", "12 months", false, "1000", NULL, NULL);
	ladder(w, day("2025-06-01"), "12 months", "12 months", false, "800", NULL, NULL);
	line(w, "2025-03-10", "1000", "24 months");
	refund(w, "2025-03-11", "100", "2025-03-10", "24 months");
	told(w, "2025-06-02", "2025-03-10 silver entry 2026-03-10", "a lowered threshold leaves a stay its end");
	free_walker(w);

	w = new_walker();
	ladder(w, ALWAYS, "12 months", "12 months", false, "1000", "3000", NULL);
	ladder(w, day("2025-06-01"), "12 months", "12 months", false, "1000", "3000", NULL);
	w->steps[1][1].closed = true;
	line(w, "2025-03-10", "3500", "36 months");
	line(w, "2025-07-01", "3500", "36 months");
	told(w, "2026-06-02", "2025-03-10 gold entry 2026-03-10; 2026-03-10 silver expiry 2027-03-10",
		 "a removed tier keeps its holders until their stay ends");
	free_walker(w);

	w = new_walker();
	ladder(w, day("2025-06-01"), "12 months", "12 months", false, "1000", NULL, NULL);
	line(w, "2025-03-10", "1500", "12 months");
	told(w, "2025-06-02", "2025-06-01 silver config 2026-06-01", "a group takes members from its beginning on");
	free_walker(w);
}

/* Given by hand. */
static void
test_given(void)
{
	Walker	   *w = new_walker();

	ladder(w, ALWAYS, "12 months", "12 months", false, "1000", "3000", NULL);
	w->steps[0][2] = (TierStep) {VIP, 90, false, false, NULL, 0};
	w->ladders[0].nsteps = 3;
	tier_give(&w->walk, 0, VIP, day("2025-07-01"), day("2025-01-01"));
	line(w, "2025-03-10", "3500", "12 months");
	told(w, "2025-07-02", "2025-01-01 vip hand 2025-07-01; 2025-07-01 gold expiry 2026-07-01",
		 "given until an instant, then judged");
	free_walker(w);

	w = new_walker();
	ladder(w, ALWAYS, "3 months", "3 months", false, "1000", "3000", NULL);
	tier_give(&w->walk, 0, SILVER, day("2026-01-01"), day("2025-01-01"));
	line(w, "2025-03-01", "3500", "1 month");
	told(w, "2026-02-01", "2025-01-01 silver hand 2026-01-01; 2025-03-01 gold entry 2025-06-01; "
		 "2025-06-01 silver expiry 2026-01-01; 2026-01-01 none expiry never",
		 "what was given outlasts a shorter stay above it");
	free_walker(w);

	w = new_walker();
	ladder(w, ALWAYS, "immediately", "immediately", false, "1000", "3000", NULL);
	tier_give(&w->walk, 0, SILVER, INSTANT_NEVER, day("2025-01-01"));
	line(w, "2025-03-01", "3500", "1 month");
	told(w, "2026-02-01", "2025-01-01 silver hand never; 2025-03-01 gold entry 2025-03-01; "
		 "2025-04-01 silver expiry never", "given for life");
	tier_give(&w->walk, 0, 0, INSTANT_ALWAYS, day("2026-03-01"));
	told(w, "2026-04-01", "2026-03-01 none hand never", "and taken again");
	free_walker(w);
}

/* Several thresholds, all or any. */
static void
test_units(void)
{
	for (int any = 0; any <= 1; any++)
	{
		Walker	   *w = new_walker();

		ladder(w, ALWAYS, "12 months", "12 months", false, "1000", NULL, NULL);
		w->needs[0][0][1] = (TierNeed) {OTHER, pts("10")};
		w->steps[0][0].nneeds = 2;
		w->steps[0][0].any = any;
		line(w, "2025-03-10", "1000", "12 months");
		tier_line(&w->walk, OTHER, pts("10"), day("2025-04-01"), INSTANT_NEVER,
				  day("2025-04-01"), TIER_ENTRY);
		told(w, "2025-05-01", any ? "2025-03-10 silver entry 2026-03-10" :
			 "2025-04-01 silver entry 2026-04-01", any ? "one of two thresholds" : "both of two thresholds");
		free_walker(w);
	}
}

/* A late line moves a stay's beginning, never its end to before what was booked. */
static void
test_late(void)
{
	TierState	booked = {0, GOLD, GOLD, 0, 0, 0, 0, 0};
	Walker	   *w = new_walker();

	ladder(w, ALWAYS, "12 months", "12 months", false, "1000", "3000", NULL);
	booked.since = booked.counted_at = day("2026-03-01");
	booked.until = day("2027-03-01");
	w->walk.booked = &booked;
	w->walk.nbooked = 1;
	line(w, "2026-02-01", "3000", "12 months");
	told(w, "2027-03-02", "2026-02-01 gold entry 2027-02-01; 2027-02-01 gold expiry 2027-03-01; "
		 "2027-03-01 none expiry never", "a late line ends no stay earlier");
	free_walker(w);

	/* who qualifies is renewed as ever */
	w = new_walker();
	ladder(w, ALWAYS, "12 months", "12 months", false, "1000", "3000", NULL);
	w->walk.booked = &booked;
	w->walk.nbooked = 1;
	line(w, "2026-02-01", "3000", "12 months");
	line(w, "2026-02-10", "3000", "12 months");
	told(w, "2027-03-02", "2026-02-01 gold entry 2027-02-01; 2027-02-01 gold expiry 2028-02-01",
		 "a stay judged earlier by a late line is renewed then");
	free_walker(w);

	/* a higher tier for a shorter time does not end what was below it */
	booked.tier_no = SILVER;
	w = new_walker();
	ladder(w, ALWAYS, "12 months", "12 months", false, "1000", "3000", NULL);
	w->walk.booked = &booked;
	w->walk.nbooked = 1;
	line(w, "2026-02-01", "3000", "12 months");
	told(w, "2027-03-02", "2026-02-01 gold entry 2027-02-01; 2027-02-01 silver expiry 2027-03-01; "
		 "2027-03-01 none expiry never", "a stay in a tier below, neither");
	free_walker(w);
}

/* Points that begin later count from then on. */
static void
test_pending(void)
{
	Walker	   *w = new_walker();

	ladder(w, ALWAYS, "12 months", "12 months", false, "1000", NULL, NULL);
	tier_line(&w->walk, UNIT, pts("1000"), day("2025-02-01"), day("2026-02-01"),
			  day("2025-01-15"), TIER_ENTRY);
	told(w, "2025-01-31", "", "pending points do not count");
	told(w, "2025-02-01", "2025-02-01 silver entry 2026-02-01", "they do when they activate");
	free_walker(w);

	/* at the end of a stay */
	w = new_walker();
	ladder(w, ALWAYS, "12 months", "12 months", false, "1000", NULL, NULL);
	line(w, "2025-02-01", "1000", "12 months");
	tier_line(&w->walk, UNIT, pts("1000"), day("2026-02-01"), day("2027-02-01"),
			  day("2026-01-15"), TIER_ENTRY);
	told(w, "2026-02-02", "2025-02-01 silver entry 2026-02-01; 2026-02-01 none expiry never; "
		 "2026-02-01 silver entry 2027-02-01", "what begins as a stay ends is not judged, but reaches");
	free_walker(w);

	/* what was not judged at the end of one stay is judged at that of the next */
	w = new_walker();
	ladder(w, ALWAYS, "12 months", "12 months", false, "1000", NULL, NULL);
	line(w, "2025-02-01", "1000", "24 months");
	line(w, "2026-02-01", "1000", "12 months");
	told(w, "2027-02-02", "2025-02-01 silver entry 2026-02-01; 2026-02-01 silver expiry 2027-02-01; "
		 "2027-02-01 silver expiry 2028-02-01", "what begins as a stay is renewed counts for the next");
	free_walker(w);
}

/* Logs what is carried over: "2026-01-01 400 until 2027-01-01; ". */
static void
note_carry(void *arg, int slot, Points points, Instant at, Instant to)
{
	Walker	   *w = arg;
	size_t		used = strlen(w->log);

	snprintf(w->log + used, sizeof(w->log) - used, "%s%s carries %d of %d until %s",
			 used > 0 ? "; " : "", date(at), (int) (points / POINTS_SCALE), slot, date(to));
}

/* What is above the highest threshold reached goes over, and arrives anew. */
static void
test_carry(void)
{
	Walker	   *w = new_walker();

	w->walk.carry = note_carry;
	ladder(w, ALWAYS, "to end of year", "to end of year", false, "1000", "3000", NULL);
	w->ladders[0].carries = true;
	w->ladders[0].slot = UNIT;
	w->ladders[0].carry_max = INT64_MAX;
	w->ladders[0].window = period("to end of year");
	line(w, "2025-02-01", "900", "to end of year");
	told(w, "2026-06-01", "", "nothing reached, nothing carried over");
	line(w, "2026-07-01", "1400", "to end of year");
	told(w, "2027-01-01", "2026-07-01 silver entry 2027-01-01; 2027-01-01 carries 400 of 0 until 2028-01-01; "
		 "2027-01-01 none expiry never", "what is above Silver");
	line(w, "2027-03-01", "7000", "to end of year");
	told(w, "2028-06-01", "2027-03-01 gold entry 2028-01-01; 2028-01-01 carries 4400 of 0 until 2029-01-01; "
		 "2028-01-01 none expiry never; 2028-01-01 gold entry 2029-01-01", "it reaches a tier anew");
	w->ladders[0].carry_max = pts("100");
	told(w, "2030-06-01", "2029-01-01 carries 100 of 0 until 2030-01-01; 2029-01-01 none expiry never",
		 "carried over again, at most so much");
	line(w, "2031-01-01", "1500", "1 month");
	told(w, "2031-06-01", "2031-01-01 silver entry 2032-01-01", "what ends at another time is not");
	free_walker(w);
}

/* Held for so many years in all, a tier is for life. */
static void
test_life(void)
{
	Walker	   *w = new_walker();
	TierTenure	tenure = {0, SILVER, day("2000-01-01"), 0};

	w->walk.tenures = &tenure;
	w->walk.ntenures = 1;
	ladder(w, ALWAYS, "12 months", "12 months", false, "1000", "3000", NULL);
	w->steps[0][0].life_years = 2;
	line(w, "2025-03-01", "1000", "12 months");
	line(w, "2027-03-01", "3000", "12 months");
	told(w, "2040-01-01", "2025-03-01 silver entry 2026-03-01; 2026-03-01 none expiry never; "
		 "2027-03-01 gold entry 2028-03-01; 2028-02-29 gold life 2028-03-01; 2028-03-01 silver expiry never",
		 "a year, a break, a year of a higher tier");
	tier_give(&w->walk, 0, 0, INSTANT_ALWAYS, day("2041-01-01"));
	line(w, "2042-03-01", "1000", "12 months");
	told(w, "2050-01-01", "2041-01-01 none hand never; 2042-03-01 silver entry 2043-03-01; "
		 "2043-03-01 none expiry never", "taken by hand, years begin anew");
	free_walker(w);
}

/* ------------------------------------------------------------------------
 * Random histories
 * ------------------------------------------------------------------------
 */

/* Whether lines known beforehand give the same as lines that come one by one. */
static bool
same_in_one_go(void)
{
	static const char *const keeps[] = {"immediately", "40 days", "to end of month", "never"};
	Walker	   *w[2];
	const char *keep = keeps[below(4)];
	const char *renewed = keeps[below(4)];
	bool		one_level = below(2);
	int64_t		length = 1 + below(100);
	Instant		at = day("2025-01-01");
	int64_t		day_length = INT64_C(86400000000);
	bool		same;

	for (int i = 0; i < 2; i++)
	{
		w[i] = new_walker();
		ladder(w[i], ALWAYS, keep, renewed, one_level, "10", "20", "30");
		ladder(w[i], at + 100 * day_length, keep, renewed, !one_level, "8", "25", "30");
	}

	/* the other knows the lots before they begin */
	for (int n = below(30); n > 0; n--)
	{
		Points		points = (below(15) + 1) * POINTS_SCALE;

		at += 1 + below(20 * day_length);	/* never when another ends */
		tier_line(&w[0]->walk, UNIT, points, at, at + length * day_length, at, TIER_ENTRY);
		tier_fold(&w[1]->walk, UNIT, points, at, at + length * day_length);
	}
	for (int i = 0; i < 2; i++)
		tier_walk(&w[i]->walk, at + 1000 * day_length);
	same = w[0]->state.tier_no == w[1]->state.tier_no;
	if (same && w[0]->state.tier_no != 0)
		same = w[0]->state.until == w[1]->state.until && w[0]->state.since == w[1]->state.since;
	if (!same)
		printf("# one by one: %s\n#  in one go: %s\n", w[0]->log, w[1]->log);
	free_walker(w[0]);
	free_walker(w[1]);
	return same;
}

int
main(void)
{
	start_tests();
	test_rolling();
	test_renewal();
	test_refund();
	test_calendar();
	test_immediately();
	test_changes();
	test_given();
	test_units();
	test_late();
	test_pending();
	test_carry();
	test_life();
	property("lots known beforehand give the same tiers", 3000, same_in_one_go);
	return end_tests();
}
