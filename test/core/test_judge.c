/*-------------------------------------------------------------------------
 *
 * test_judge.c
 *	  What one event earns: the worked examples, and properties of random
 *	  judgements.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>

#include "judge.h"
#include "harness.h"

#define MAX_TERMS	8
#define MAX_ROWS	4
#define LOTS_OF_ROOM POINTS_MAX

/* A fraction of points from points. */
static Frac
frac(Points points)
{
	Frac		result = {points, POINTS_SCALE};

	return result;
}

/* ------------------------------------------------------------------------
 * One event, built rule by rule
 * ------------------------------------------------------------------------
 */

typedef struct Event
{
	JudgeUnit	unit;
	int			nrows;
	int			nterms;
	JudgeTerm	terms[MAX_TERMS];
	JudgeRule	rules[MAX_TERMS];
	bool		match[MAX_TERMS][MAX_ROWS];
	Frac		amount[MAX_TERMS][MAX_ROWS];
	Points		total;
} Event;

/* Starts an event of so many rows in a unit without decimals. */
static Event
event(Stacking stacking, Rounding rounding, int nrows)
{
	Event		e;

	memset(&e, 0, sizeof(e));
	e.unit.stacking = stacking;
	e.unit.rounding = rounding;
	e.unit.step = rounding == ROUNDING_CARRY ? 1 : POINTS_SCALE;
	e.nrows = nrows;
	return e;
}

/*
 * Adds a rule that matches all rows; names are in the order of adding.  A base
 * rule counts the amount in every row.
 */
static int
rule(Event *e, const char *earn, const char *amount)
{
	int			t = e->nterms++;

	if (rate_parse(earn, strlen(earn), &e->rules[t].earn) != CORE_OK)
		abort();
	e->rules[t].name_rank = t;
	e->terms[t].room = LOTS_OF_ROOM;
	for (int i = 0; i < e->nrows; i++)
	{
		e->match[t][i] = true;
		e->amount[t][i] = frac(pts(amount));
	}
	return t;
}

/* Judges; pointers are set only now, since events are copied about. */
static CoreResult
judge(Event *e)
{
	Frac		scratch[JUDGE_SCRATCH(MAX_TERMS, MAX_ROWS)];

	for (int t = 0; t < e->nterms; t++)
	{
		int32_t		kind = e->rules[t].earn.kind;

		e->terms[t].rule = &e->rules[t];
		e->terms[t].match = e->match[t];
		e->terms[t].amount = kind == RATE_FLAT || kind == RATE_MULTIPLIER ?
			NULL : e->amount[t];
	}
	return judge_unit(&e->unit, e->terms, e->nterms, e->nrows, scratch,
					  &e->total);
}

/* Judges and returns the total. */
static Points
total(Event *e)
{
	if (judge(e) != CORE_OK)
		return POINTS_MIN;
	return e->total;
}

/* Makes the event posted as judged, given the room that was left before. */
static void
post(Event *e)
{
	for (int t = 0; t < e->nterms; t++)
	{
		JudgeTerm  *term = &e->terms[t];

		if (term->room != LOTS_OF_ROOM)
			term->room -= term->share - term->held;
		term->held = term->share;
		term->was_short = term->is_short;
		term->want = term->new_want;
		term->got = term->new_got;
	}
}

/* ------------------------------------------------------------------------
 * Worked examples
 * ------------------------------------------------------------------------
 */

/* 1.1: stacking */
static void
test_stacking(void)
{
	Stacking	stackings[] = {STACKING_ADDITIVE, STACKING_MULTIPLICATIVE,
	STACKING_BEST};
	const char *totals[] = {"300", "350", "250"};

	for (int i = 0; i < 3; i++)
	{
		Event		e = event(stackings[i], ROUNDING_FLOOR, 1);

		rule(&e, "1 per 1", "100");
		rule(&e, "x1.5", "0");
		rule(&e, "x2", "0");
		rule(&e, "50", "0");
		is_points(total(&e), pts(totals[i]), "1.1 stacking");
		if (stackings[i] == STACKING_BEST)
		{
			ok(e.terms[1].trimmed == TRIM_BEST && e.terms[1].share == 0,
			   "1.1 only the best multiplier pays");
			is_points(e.terms[2].share, pts("100"), "1.1 the best is x2");
		}
	}
}

/* 1.2: whole blocks and proportion */
static void
test_block(void)
{
	Event		e = event(STACKING_ADDITIVE, ROUNDING_FLOOR, 1);
	Event		f = e;

	rule(&e, "5 per full 2.50", "3.00");
	is_points(total(&e), pts("5"), "1.2 whole blocks");
	rule(&f, "5 per 2.50", "3.00");
	is_points(total(&f), pts("6"), "1.2 in proportion");
}

/* 1.3: one rounding */
static void
test_one_rounding(void)
{
	Event		e = event(STACKING_ADDITIVE, ROUNDING_FLOOR, 1);

	rule(&e, "1 per 1", "29.97");
	rule(&e, "x1.25", "0");
	is_points(total(&e), pts("37"), "1.3 one rounding");
	is_points(e.terms[0].share, pts("30"), "1.3 largest remainder to the base rule");
	is_points(e.terms[1].share, pts("7"), "1.3 the multiplier's share");
	ok(frac_cmp(e.terms[1].exact, frac(pts("7.4925"))) == 0, "1.3 exact");
	ok(e.terms[0].trimmed == 0 && e.terms[1].trimmed == TRIM_ROUNDING,
	   "1.3 who lost by rounding");
}

/* 1.4: floor and carry */
static void
test_carry(void)
{
	Event		e = event(STACKING_ADDITIVE, ROUNDING_FLOOR, 1);
	Event		f = event(STACKING_ADDITIVE, ROUNDING_CARRY, 1);
	Event		g = f;

	rule(&e, "1 per 1", "0.99");
	is_points(total(&e) * 10, 0, "1.4 floor");
	rule(&f, "1 per 1", "0.99");
	is_points(total(&f) * 10, pts("9.9"), "1.4 carry");
	rule(&g, "1 per 1", "0.10");
	is_points(f.total * 10 + total(&g), pts("10"), "1.4 carry, one more");

	g = event(STACKING_ADDITIVE, ROUNDING_CARRY, 1);
	rule(&g, "1 per 3", "1");
	is_points(total(&g), pts("0.3333"), "carry: less than 1/10000 is floored");
}

/* 1.5: caps per event */
static void
test_caps(void)
{
	Event		e = event(STACKING_ADDITIVE, ROUNDING_FLOOR, 1);
	Event		f = e;

	e.unit.has_max_per_event = true;
	e.unit.max_per_event = pts("150");
	rule(&e, "1 per 1", "80");
	rule(&e, "x2", "0");
	is_points(total(&e), pts("150"), "1.5 the unit's cap");
	is_points(e.terms[0].share, pts("80"), "1.5 the first name keeps all");
	ok(e.terms[1].trimmed == TRIM_UNIT_CAP, "1.5 the last name is trimmed");
	e.rules[1].priority = 1;
	is_points(total(&e), pts("150"), "1.5 the same with a priority");
	is_points(e.terms[0].share, pts("70"), "1.5 lower priority is trimmed");

	rule(&f, "1 per 1", "100");
	rule(&f, "x2", "0");
	f.rules[0].has_max_per_event = true;
	f.rules[0].max_per_event = pts("50");
	is_points(total(&f), pts("100"), "1.5 x2 builds on the capped base rule");
	ok(f.terms[0].trimmed == TRIM_MAX_PER_EVENT, "1.5 why");

	/* caps that are no multiple of the step bind all the same */
	e = event(STACKING_ADDITIVE, ROUNDING_CEIL, 1);
	rule(&e, "1 per 1", "20");
	e.unit.has_max_per_event = true;
	e.unit.max_per_event = pts("10.5");
	is_points(total(&e), pts("10"), "a unit's cap of 10.5");
	e.unit.has_max_per_event = false;
	e.rules[0].has_max_per_event = true;
	e.rules[0].max_per_event = pts("10.5");
	is_points(total(&e), pts("10"), "a rule's cap of 10.5");
	e.terms[0].room = pts("100");
	is_points(total(&e), pts("10"), "a rule's cap of 10.5, with room");
}

/* 1.6: a member cap, and events that change */
static void
test_member_cap(void)
{
	Event		e = event(STACKING_ADDITIVE, ROUNDING_FLOOR, 1);
	const char *amounts[] = {"60", "70", "50", "25", "50"};
	const char *totals[] = {"20", "30", "30", "25", "50"};

	rule(&e, "1 per 1", "80");
	e.terms[0].room = pts("100");
	is_points(total(&e), pts("80"), "1.6 the first event");

	e.terms[0].room = pts("20");
	for (int i = 0; i < 5; i++)
	{
		e.amount[0][0] = frac(pts(amounts[i]));
		is_points(total(&e), pts(totals[i]), "1.6 the second event");
		if (i == 0)
			ok(e.terms[0].is_short && e.terms[0].trimmed == TRIM_ROOM,
			   "1.6 it is short");
		post(&e);
		if (i == 0)
		{
			e.terms[0].room += pts("80");	/* the first is deleted */
			is_points(total(&e), pts("20"), "1.6 it keeps what it has");
		}
	}
	ok(!e.terms[0].is_short, "1.6 no longer short");

	/* what it got never falls below what it had got while it rises */
	e.amount[0][0] = frac(pts("70"));
	e.terms[0].was_short = true;
	e.terms[0].want = frac(pts("60"));
	e.terms[0].got = frac(pts("20.5"));
	e.terms[0].held = pts("20");
	e.terms[0].room = 0;
	is_points(total(&e), pts("20"), "no room for the rise");
	ok(frac_cmp(e.terms[0].new_got, frac(pts("20.5"))) == 0, "what it got stays");

	e.terms[0].was_short = false;
	e.terms[0].held = 0;
	e.terms[0].room = pts("-5");
	is_points(total(&e), 0, "a budget that was lowered below its use");
	ok(frac_sign(e.terms[0].new_got) == 0, "takes nothing away");
}

/* 1.8: the lines of an order */
static void
test_lines(void)
{
	Event		e = event(STACKING_ADDITIVE, ROUNDING_FLOOR, 3);
	Event		f = event(STACKING_ADDITIVE, ROUNDING_FLOOR, 1);

	rule(&e, "1 per 1", "9.99");
	is_points(total(&e), pts("29"), "1.8 one order");
	rule(&f, "1 per 1", "9.99");
	is_points(total(&f) * 3, pts("27"), "1.8 three events");
}

/* 2.1: the lines of a change */
static void
test_changes(void)
{
	const char *amounts[2][3] = {{"100", "60", "0"}, {"100", "40", "0"}};
	const char *deltas[2][3] = {{"150", "-30", "-120"}, {"150", "-70", "-80"}};

	for (int path = 0; path < 2; path++)
	{
		Points		held[2] = {0, 0};

		for (int step = 0; step < 3; step++)
		{
			Event		e = event(STACKING_ADDITIVE, ROUNDING_FLOOR, 1);
			Points		computed[2];
			Points		delta[2];

			e.unit.has_max_per_event = true;
			e.unit.max_per_event = pts("150");
			rule(&e, "1 per 1", amounts[path][step]);
			rule(&e, "x2", "0");
			total(&e);
			for (int i = 0; i < 2; i++)
				computed[i] = e.terms[i].share;
			ok(judge_change(held, computed, 2, delta) == CORE_OK, "2.1 change");
			is_points(delta[0] + delta[1], pts(deltas[path][step]), "2.1 total");
			ok(delta[0] <= 0 == delta[1] <= 0 || delta[0] == 0 || delta[1] == 0,
			   "2.1 one sign");
			for (int i = 0; i < 2; i++)
				held[i] += delta[i];
		}
		ok(held[0] == 0 && held[1] == 0, "2.1 nothing is left");
	}
}

/* The largest gap is closed first. */
static void
test_change_order(void)
{
	Points		held[] = {10, 50, 20, 0};
	Points		computed[] = {15, 20, 41, 1};
	Points		delta[4];
	Points		all_down[] = {0, 0, 0, 0};
	Points		lowest[] = {POINTS_MIN};
	Points		highest[] = {POINTS_MAX};

	ok(judge_change(held, computed, 4, delta) == CORE_OK &&
	   delta[0] == 0 && delta[1] == -3 && delta[2] == 0 && delta[3] == 0,
	   "a fall of 3 is taken where the gap is largest");
	ok(judge_change(computed, held, 4, delta) == CORE_OK &&
	   delta[1] == 3 && delta[2] == 0, "a rise likewise");
	ok(judge_change(held, all_down, 4, delta) == CORE_OK &&
	   delta[0] == -10 && delta[1] == -50 && delta[2] == -20 && delta[3] == 0,
	   "all fall");
	ok(judge_change(lowest, highest, 1, delta) == CORE_RANGE,
	   "a gap that is no number of points");
	ok(judge_change(held, computed, 0, delta) == CORE_OK, "no rules at all");
}

/* ------------------------------------------------------------------------
 * Other rules of combination
 * ------------------------------------------------------------------------
 */

/* Rounding modes, steps and the allocation of what is rounded. */
static void
test_rounding(void)
{
	static const struct
	{
		Rounding	rounding;
		const char *amount;
		const char *total;
	}			cases[] = {
		{ROUNDING_FLOOR, "1.5", "1"},
		{ROUNDING_HALF_UP, "1.5", "2"},
		{ROUNDING_HALF_UP, "2.5", "3"},
		{ROUNDING_HALF_UP, "2.4999", "2"},
		{ROUNDING_HALF_EVEN, "1.5", "2"},
		{ROUNDING_HALF_EVEN, "2.5", "2"},
		{ROUNDING_HALF_EVEN, "2.5001", "3"},
		{ROUNDING_CEIL, "1.0001", "2"},
		{ROUNDING_CEIL, "1", "1"},
	};
	Event		e;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		e = event(STACKING_ADDITIVE, cases[i].rounding, 1);
		rule(&e, "1 per 1", cases[i].amount);
		is_points(total(&e), pts(cases[i].total), "rounding");
	}

	/* it is the total that is even */
	e = event(STACKING_ADDITIVE, ROUNDING_HALF_EVEN, 1);
	rule(&e, "1 per 1", "0.75");
	rule(&e, "1 per 1", "0.75");
	is_points(total(&e), pts("2"), "half of an odd total rounds up");

	/* two decimals */
	e = event(STACKING_ADDITIVE, ROUNDING_HALF_UP, 1);
	e.unit.step = POINTS_SCALE / 100;
	rule(&e, "0.5%", "33");
	is_points(total(&e), pts("0.17"), "steps of a hundredth");

	/* ties: priority, then name */
	e = event(STACKING_ADDITIVE, ROUNDING_FLOOR, 1);
	rule(&e, "1 per 3", "1");
	rule(&e, "1 per 3", "1");
	rule(&e, "1 per 3", "1");
	is_points(total(&e), pts("1"), "three thirds are one");
	is_points(e.terms[0].share, pts("1"), "the first name gets it");
	e.rules[2].priority = 1;
	is_points(total(&e), pts("1"), "three thirds are one again");
	is_points(e.terms[2].share, pts("1"), "the highest priority gets it");

	/* a bound hands the step to the next */
	e.terms[2].room = 0;
	is_points(total(&e), pts("1"), "room below a step is no shortage");
	is_points(e.terms[0].share, pts("1"), "the next one gets the step");
	ok(!e.terms[2].is_short && e.terms[2].trimmed == TRIM_ROUNDING,
	   "why the first one does not");
}

/* Flat rules pay once, and are not multiplied. */
static void
test_flat(void)
{
	Event		e = event(STACKING_ADDITIVE, ROUNDING_FLOOR, 3);

	rule(&e, "250", "0");
	rule(&e, "x3", "0");
	e.match[0][0] = false;
	is_points(total(&e), pts("250"), "a flat rule pays once, whatever the multiplier");
	e.match[0][1] = e.match[0][2] = false;
	is_points(total(&e), 0, "a flat rule whose condition holds for no row");
}

/* Rows: discounts, and multipliers that hold for some of them. */
static void
test_rows(void)
{
	Event		e = event(STACKING_ADDITIVE, ROUNDING_FLOOR, 3);

	rule(&e, "1 per 1", "50");
	e.amount[0][2] = frac(pts("-30"));
	is_points(total(&e), pts("70"), "a discount line counts");
	e.amount[0][1] = frac(pts("-50"));
	is_points(total(&e), 0, "a sum below zero counts as zero");
	e.amount[0][1] = frac(pts("50"));

	rule(&e, "x2", "0");
	rule(&e, "x3", "0");
	e.match[1][1] = e.match[1][2] = false;	/* 50 */
	e.match[2][0] = false;		/* 50 - 30 */
	is_points(total(&e), pts("160"), "multipliers scale their rows");
	is_points(e.terms[1].share, pts("50"), "x2 of the first row");
	is_points(e.terms[2].share, pts("40"), "x3 of the others");

	e.match[2][0] = true;
	e.unit.stacking = STACKING_MULTIPLICATIVE;
	is_points(total(&e), pts("360"), "multiplicative: 50 x 2 x 3 + 20 x 3");
	is_points(e.terms[2].share, pts("240"), "the second builds on the first");

	e.rules[1].has_max_per_event = true;
	e.rules[1].max_per_event = pts("25");
	is_points(total(&e), pts("285"), "a cap reduces what the next builds on");

	/* a capped base rule is spread in proportion */
	e = event(STACKING_ADDITIVE, ROUNDING_FLOOR, 2);
	rule(&e, "1 per 1", "100");
	e.amount[0][1] = frac(pts("50"));
	e.rules[0].has_max_per_event = true;
	e.rules[0].max_per_event = pts("30");
	rule(&e, "x2", "0");
	e.match[1][0] = false;
	is_points(total(&e), pts("40"), "a third of the capped contribution is doubled");
}

/* Exclusive groups. */
static void
test_groups(void)
{
	Event		e = event(STACKING_ADDITIVE, ROUNDING_FLOOR, 1);

	rule(&e, "1 per 1", "100");
	rule(&e, "150", "0");
	rule(&e, "2 per 1", "100");
	e.rules[0].exclusive_group = e.rules[1].exclusive_group = 7;
	e.rules[2].exclusive_group = 8;
	is_points(total(&e), pts("350"), "of a group the one that pays most stays");
	ok(e.terms[0].trimmed == TRIM_GROUP && e.terms[0].share == 0 &&
	   frac_cmp(e.terms[0].new_want, frac(pts("100"))) == 0,
	   "the loser pays nothing but tells what it wanted");

	e.terms[1].room = pts("20");
	is_points(total(&e), pts("300"), "room counts for who pays most");
	ok(e.terms[1].trimmed & TRIM_GROUP && !e.terms[1].is_short,
	   "who lost its group is not short");

	/* ties */
	e = event(STACKING_ADDITIVE, ROUNDING_FLOOR, 1);
	rule(&e, "100", "0");
	rule(&e, "1 per 1", "100");
	rule(&e, "100", "0");
	e.rules[0].exclusive_group = e.rules[1].exclusive_group =
		e.rules[2].exclusive_group = 1;
	is_points(total(&e), pts("100"), "a tie in a group pays once");
	is_points(e.terms[0].share, pts("100"), "the first name stays");
	e.rules[2].priority = 5;
	total(&e);
	is_points(e.terms[2].share, pts("100"), "the highest priority stays");

	/* multipliers of one group */
	e = event(STACKING_MULTIPLICATIVE, ROUNDING_FLOOR, 1);
	rule(&e, "1 per 1", "100");
	rule(&e, "x2", "0");
	rule(&e, "x1.5", "0");
	rule(&e, "x3", "0");
	e.rules[1].exclusive_group = e.rules[3].exclusive_group = 1;
	is_points(total(&e), pts("450"), "multipliers: x1.5 and x3, never x2");
	ok(e.terms[1].trimmed == TRIM_GROUP, "x2 lost its group");
	is_points(e.terms[2].share, pts("50"), "x1.5 does not build on the loser");
	e.rules[3].has_max_per_event = true;
	e.rules[3].max_per_event = pts("90");
	is_points(total(&e), pts("300"), "a capped x3 loses to x2");

	/* a flat rule and a multiplier */
	e = event(STACKING_ADDITIVE, ROUNDING_FLOOR, 1);
	rule(&e, "1 per 1", "100");
	rule(&e, "80", "0");
	rule(&e, "x2", "0");
	e.rules[1].exclusive_group = e.rules[2].exclusive_group = 1;
	is_points(total(&e), pts("200"), "x2 pays more than 80");
	e.amount[0][0] = frac(pts("70"));
	is_points(total(&e), pts("150"), "80 pays more than x2 of 70");

	/* a base rule and a multiplier */
	e = event(STACKING_ADDITIVE, ROUNDING_FLOOR, 1);
	rule(&e, "1 per 1", "100");
	rule(&e, "0.5 per 1", "100");
	rule(&e, "x1.6", "0");
	e.rules[1].exclusive_group = e.rules[2].exclusive_group = 1;
	is_points(total(&e), pts("160"), "a multiplier does not build on whom it displaces");

	e.unit.stacking = STACKING_BEST;
	is_points(total(&e), pts("160"), "the same if only the best multiplier counts");
	e.unit.stacking = STACKING_ADDITIVE;
	rate_parse("x1.4", 4, &e.rules[2].earn);
	is_points(total(&e), pts("150"), "nor does it compare by what it would build on it");

	/* ties with a multiplier */
	e = event(STACKING_ADDITIVE, ROUNDING_FLOOR, 1);
	rule(&e, "1 per 1", "100");
	rule(&e, "100", "0");
	rule(&e, "x2", "0");
	e.rules[1].exclusive_group = e.rules[2].exclusive_group = 1;
	total(&e);
	is_points(e.terms[1].share, pts("100"), "of equal pay the first name stays");
	e.rules[2].priority = 1;
	total(&e);
	is_points(e.terms[2].share, pts("100"), "of equal pay the higher priority stays");

	e = event(STACKING_BEST, ROUNDING_FLOOR, 1);
	rule(&e, "1 per 1", "100");
	rule(&e, "x2", "0");
	rule(&e, "x2", "0");
	total(&e);
	is_points(e.terms[1].share, pts("100"), "of equally good ones the first name");

	/* x10 displaces x3 only after others were decided on x3 */
	e = event(STACKING_MULTIPLICATIVE, ROUNDING_FLOOR, 1);
	rule(&e, "1 per 1", "100");
	rule(&e, "x3", "0");
	rule(&e, "x2", "0");
	rule(&e, "x1.1", "0");
	rule(&e, "x1.2", "0");
	rule(&e, "x10", "0");
	e.rules[1].exclusive_group = e.rules[5].exclusive_group = 1;
	e.rules[3].exclusive_group = e.rules[4].exclusive_group = 2;
	e.rules[2].has_max_per_event = true;
	e.rules[2].max_per_event = pts("150");
	is_points(total(&e), pts("2400"), "100 x 2 x 1.2 x 10");
	ok(e.terms[2].trimmed == 0, "x2 does not reach its cap then");
}

/* Numbers beyond 64 bits are exact or refused. */
static void
test_range(void)
{
	Event		e = event(STACKING_ADDITIVE, ROUNDING_FLOOR, 1);

	rule(&e, "1000000 per 0.000001", "900000000000000");
	ok(judge(&e) == CORE_RANGE, "more points than there are");

	e = event(STACKING_MULTIPLICATIVE, ROUNDING_FLOOR, 2);
	rule(&e, "1.000001 per 1.000003", "123456789.0123");
	e.amount[0][1] = frac(pts("0.0001"));
	for (int i = 0; i < 4; i++)
		rule(&e, "x1.000001", "0");
	e.match[2][0] = false;
	is_points(total(&e), pts("123456912"), "denominators far beyond 64 bits");
}

/* ------------------------------------------------------------------------
 * Properties of random judgements
 * ------------------------------------------------------------------------
 */

/* A random event. */
static Event
random_event(void)
{
	static const char *const rates[] = {
		"1 per 1", "1 per 3", "7 per full 10", "2.5%", "33.333333%", "0.1 per 7",
		"25", "1.5", "x1.25", "x2", "x1.333333", "x3"
	};
	static const Points steps[] = {1, 100, 2500, POINTS_SCALE, 5 * POINTS_SCALE};
	Stacking	stacking = 1 + below(3);
	Rounding	rounding = 1 + below(5);
	Event		e = event(stacking, rounding, 1 + below(MAX_ROWS));
	int			n = 1 + below(MAX_TERMS);

	if (e.unit.rounding != ROUNDING_CARRY)
		e.unit.step = steps[below(5)];
	if (below(3) == 0)
	{
		e.unit.has_max_per_event = true;
		e.unit.max_per_event = below(100) * e.unit.step;
	}
	for (int t = 0; t < n; t++)
	{
		JudgeRule  *r = &e.rules[rule(&e, rates[below(12)], "0")];
		JudgeTerm  *term = &e.terms[t];

		r->priority = below(3);
		if (below(3) == 0)
			r->exclusive_group = 1 + below(2);
		if (below(4) == 0)
		{
			r->has_max_per_event = true;
			r->max_per_event = below(60) * e.unit.step;
		}
		if (below(3) == 0)
			term->room = below(60) * e.unit.step;
		if (below(3) == 0)
			term->held = below(30) * e.unit.step;
		if (below(4) == 0)
		{
			term->was_short = true;
			term->got = frac(term->held);
			term->want = frac(term->held + 1 + below(1000000));
		}
		for (int i = 0; i < e.nrows; i++)
		{
			e.match[t][i] = below(3) != 0;
			e.amount[t][i] = frac(below(3000000));
			if (below(3) == 0)
				e.amount[t][i].num -= 1000000;
		}
	}
	return e;
}

/* A fraction of points as a count of 1/10000, to compare roughly. */
static double
rough(Frac f)
{
	return (double) f.num / (double) f.den * POINTS_SCALE;
}

/*
 * The properties every judgement has, whatever the rules; returns what is
 * wrong, or NULL.
 */
static const char *
broken_property(const Event *e)
{
	Points		step = e->unit.step;
	Points		sum = 0;
	Frac		exact = FRAC_ZERO;
	Frac		slack = frac(e->total);
	Frac		half;
	bool		bounded = false;
	bool		summed = true;
	int			paying[3] = {0, 0, 0};

	for (int t = 0; t < e->nterms; t++)
	{
		const JudgeTerm *term = &e->terms[t];
		Frac		over;

		sum += term->share;
		if (frac_add(exact, term->exact, &exact) != CORE_OK)
			summed = false;
		if (term->share < 0 || term->share % step != 0)
			return "a share is negative or no multiple of the step";
		if (term->room != LOTS_OF_ROOM)
		{
			bounded = true;
			if (term->share > term->held + term->room)
				return "a share exceeds held + room";
		}
		if (e->rules[t].has_max_per_event &&
			term->share > e->rules[t].max_per_event)
			return "a share exceeds its own cap";
		if (frac_sub(frac(term->share), term->exact, &over) != CORE_OK ||
			frac_cmp(over, frac(step)) >= 0)
			return "a share exceeds its contribution by a step";
		if (frac_cmp(over, frac(-step)) <= 0)
			return "a share lacks a step of its contribution";
		if (frac_cmp(term->exact, term->new_got) > 0 ||
			frac_cmp(term->new_got, term->new_want) > 0)
			return "exact <= got <= want does not hold";
		if (term->is_short &&
			(frac_cmp(term->new_got, term->new_want) == 0 ||
			 (term->trimmed & TRIM_ROOM) == 0))
			return "a rule is short without reason";
		if ((frac_sign(over) < 0) != ((term->trimmed & TRIM_ROUNDING) != 0))
			return "rounding is not told";
		if (term->trimmed & (TRIM_GROUP | TRIM_BEST) &&
			(frac_sign(term->exact) != 0 || term->is_short))
			return "a rule lost but pays or is short";
		if (frac_sign(term->exact) > 0)
			paying[e->rules[t].exclusive_group]++;
	}
	if (sum != e->total)
		return "shares do not add up to the total";
	if (paying[1] > 1 || paying[2] > 1)
		return "two rules of a group pay";
	if (e->unit.has_max_per_event && e->total > e->unit.max_per_event)
		return "the total exceeds the unit's cap";

	/* total - exact, by the mode; a sum of many fractions may not fit */
	if (!summed || frac_sub(slack, exact, &slack) != CORE_OK)
		return NULL;
	switch (e->unit.rounding)
	{
		case ROUNDING_FLOOR:
		case ROUNDING_CARRY:
			if (frac_sign(slack) > 0 ||
				(!bounded && frac_cmp(slack, frac(-step)) <= 0))
				return "floor";
			break;
		case ROUNDING_CEIL:
			if (frac_cmp(slack, frac(step)) >= 0 ||
				(!bounded && frac_sign(slack) < 0))
				return "ceil";
			break;
		case ROUNDING_HALF_UP:
		case ROUNDING_HALF_EVEN:
			half = frac(step);
			half.den *= 2;
			if (frac_cmp(slack, half) > 0)
				return "half";
			half.num = -half.num;
			if (!bounded && frac_cmp(slack, half) < 0)
				return "half";
			break;
	}
	return NULL;
}

/*
 * What an event without groups, rooms and unit cap earns before rounding,
 * computed roughly and row by row.
 */
static double
rough_total(const Event *e)
{
	double		value[MAX_ROWS] = {0};
	double		sum = 0;
	double		best = 0;
	bool		done[MAX_TERMS] = {false};

	for (int t = 0; t < e->nterms; t++)
	{
		const Rate *earn = &e->rules[t].earn;
		double		amount = 0;
		double		pays = 0;
		bool		any = false;

		for (int i = 0; i < e->nrows; i++)
		{
			if (e->match[t][i])
			{
				any = true;
				amount += rough(e->amount[t][i]) / POINTS_SCALE;
			}
		}
		if (earn->kind == RATE_FLAT)
			pays = any ? (double) earn->value / RATE_SCALE : 0;
		else if (amount <= 0)
			pays = 0;
		else if (earn->kind == RATE_LINEAR)
			pays = amount * (double) earn->value / (double) earn->per;
		else if (earn->kind == RATE_PERCENT)
			pays = amount * (double) earn->value / (double) RATE_SCALE / 100;
		else if (earn->kind == RATE_BLOCK)
			pays = floor(amount * RATE_SCALE / (double) earn->per + 1e-9) *
				(double) earn->value / RATE_SCALE;
		if (e->rules[t].has_max_per_event)
			pays = fmin(pays, (double) e->rules[t].max_per_event / POINTS_SCALE);
		sum += pays;
		for (int i = 0; i < e->nrows && earn->kind != RATE_FLAT && pays > 0; i++)
			if (e->match[t][i])
				value[i] += pays * rough(e->amount[t][i]) / POINTS_SCALE / amount;
	}
	for (int k = 0; k < e->nterms; k++)
	{
		int			next = -1;
		double		base = 0;
		double		pays;

		for (int t = 0; t < e->nterms; t++)
			if (!done[t] && e->rules[t].earn.kind == RATE_MULTIPLIER &&
				(next < 0 || e->rules[t].priority > e->rules[next].priority))
				next = t;
		if (next < 0)
			break;
		done[next] = true;
		for (int i = 0; i < e->nrows; i++)
			if (e->match[next][i])
				base += value[i];
		if (base <= 0)
			continue;
		pays = base * ((double) e->rules[next].earn.value / RATE_SCALE - 1);
		if (e->unit.stacking == STACKING_BEST)
		{
			best = fmax(best, pays);
			continue;
		}
		if (e->rules[next].has_max_per_event)
			pays = fmin(pays, (double) e->rules[next].max_per_event / POINTS_SCALE);
		sum += pays;
		if (e->unit.stacking == STACKING_MULTIPLICATIVE)
			for (int i = 0; i < e->nrows; i++)
				if (e->match[next][i])
					value[i] += value[i] * pays / base;
	}
	return (sum + best) * POINTS_SCALE;
}

/* Random judgements, from a fixed seed. */
static void
test_properties(void)
{
	int			n = 20000;
	int			broken = 0;
	int			unstable = 0;
	int			shuffled = 0;
	int			wrong = 0;
	int			refused = 0;
	int			compared = 0;

	for (int k = 0; k < n; k++)
	{
		Event		e = random_event();
		Event		f;
		const char *why;

		if (judge(&e) != CORE_OK)
		{
			refused++;
			continue;
		}
		why = broken_property(&e);
		if (why != NULL && broken++ < 5)
			printf("# event %d: %s\n", k, why);

		/*
		 * What is posted stays when judged again.  (Not so if it was short of
		 * room once and then lost its group: a loser is not short.)
		 */
		f = e;
		for (int t = 0; t < f.nterms; t++)
			f.terms[t].was_short = false;
		if (judge(&f) == CORE_OK)
		{
			Points		posted = f.total;

			post(&f);
			if ((judge(&f) != CORE_OK || f.total != posted) && unstable++ < 5)
				printf("# event %d: %" PRId64 " became %" PRId64 "\n", k,
					   posted, f.total);
		}

		/* nor does the order in which rules are given matter */
		f = e;
		for (int t = 0; t < e.nterms; t++)
		{
			int			from = e.nterms - 1 - t;

			f.rules[t] = e.rules[from];
			f.terms[t] = e.terms[from];
			memcpy(f.match[t], e.match[from], sizeof(f.match[t]));
			memcpy(f.amount[t], e.amount[from], sizeof(f.amount[t]));
		}
		if (judge(&f) != CORE_OK)
			continue;			/* a sum on the way may not fit */
		for (int t = 0; t < e.nterms; t++)
			if (f.terms[t].share != e.terms[e.nterms - 1 - t].share ||
				f.terms[t].trimmed != e.terms[e.nterms - 1 - t].trimmed)
				shuffled++;

		/* nothing but rates, rows and own caps: compare with plain numbers */
		f = e;
		f.unit.has_max_per_event = false;
		for (int t = 0; t < f.nterms; t++)
		{
			f.rules[t].exclusive_group = 0;
			if (f.unit.stacking == STACKING_BEST &&
				f.rules[t].earn.kind == RATE_MULTIPLIER)
				f.rules[t].has_max_per_event = false;
			f.terms[t].room = LOTS_OF_ROOM;
			f.terms[t].was_short = false;
		}
		if (judge(&f) == CORE_OK)
		{
			double		expected = rough_total(&f);
			double		got = 0;

			for (int t = 0; t < f.nterms; t++)
				got += rough(f.terms[t].exact);
			compared++;
			if (fabs(got - expected) > 0.01 && wrong++ < 5)
				printf("# event %d: %f, expected %f\n", k, got, expected);
		}
	}
	ok(refused < n / 50, "random events are judged (%d of %d refused)", refused, n);
	ok(broken == 0, "properties of shares and totals hold");
	ok(unstable == 0, "an event judged again keeps its total");
	ok(shuffled == 0, "the order of rules in the array does not matter");
	if (broken + unstable + shuffled + wrong > 0)
		printf("# rerun with SEED=%" PRIu64 "\n", first_seed);
	ok(wrong == 0, "contributions agree with plain numbers (%d compared)", compared);
}

/*
 * Rules that nothing limits come, taken together, to what they come to one by
 * one.
 */
static void
test_sums(void)
{
	int			n = 20000;
	int			wrong = 0;
	int			compared = 0;
	Event		e = event(STACKING_ADDITIVE, ROUNDING_FLOOR, 1);
	JudgeRule	limited = {0};

	for (int k = 0; k < n; k++)
	{
		const JudgeRule *rules[MAX_TERMS];
		JudgeSum	sum;
		Frac		amount = frac(below(3000000));
		Points		total = -1;
		int			nrules = 0;

		e = random_event();
		e.nrows = 1;
		if (below(20) == 0)
			amount.num *= 1000000000000;
		for (int t = 0; t < e.nterms; t++)
		{
			e.rules[t].exclusive_group = 0;
			e.rules[t].has_max_per_event = false;
			e.terms[t].room = LOTS_OF_ROOM;
			e.terms[t].was_short = false;
			e.match[t][0] = judge_can_sum(&e.rules[t]) && below(4) != 0;
			e.amount[t][0] = amount;
			if (e.match[t][0])
				rules[nrules++] = &e.rules[t];
		}
		if (judge(&e) != CORE_OK || judge_sum(&e.unit, rules, nrules, &sum) != CORE_OK ||
			judge_sum_pays(&e.unit, &sum, amount, &total) != CORE_OK)
			continue;
		compared++;
		if (total != e.total && wrong++ < 5)
			printf("# event %d: %" PRId64 ", expected %" PRId64 "\n", k, total, e.total);
	}
	if (wrong > 0)
		printf("# rerun with SEED=%" PRIu64 "\n", first_seed);
	ok(compared > n / 10 * 9, "rules can be added up (%d of %d)", compared, n);
	ok(wrong == 0, "rules added up pay what they pay one by one");

	rate_parse("1 per full 10", 13, &limited.earn);
	ok(!judge_can_sum(&limited), "whole blocks are not in proportion to the amount");
	rate_parse("1 per 10", 8, &limited.earn);
	ok(judge_can_sum(&limited), "points for the amount are");
	limited.exclusive_group = 1;
	ok(!judge_can_sum(&limited), "a rule of a group is not alone");
	limited.exclusive_group = 0;
	limited.has_max_per_event = true;
	ok(!judge_can_sum(&limited), "a rule with a cap of its own is limited");
}

/* A rule that is alone pays what it pays beside one that pays nothing. */
static void
test_alone(void)
{
	static const Points steps[] = {1, 3, 10, 100, 1000, POINTS_SCALE, 2 * POINTS_SCALE};
	static const char *const rates[] = {"1 per 1", "1 per 3", "2.5 per 7", "3 per full 10", "1.7%",
	"12.3456", "0 per 1", "900000000000 per 0.0001"};
	int			n = 20000;
	int			wrong = 0;
	int			paid = 0;

	for (int k = 0; k < n; k++)
	{
		int			nrows = 1 + below(3);
		Event		alone = event(STACKING_ADDITIVE, (Rounding) (ROUNDING_FLOOR + below(5)), nrows);
		Event		beside;
		JudgeTerm  *a = &alone.terms[0];
		JudgeTerm  *b = &beside.terms[0];
		CoreResult	result;
		CoreResult	expected;

		alone.unit.step = steps[below(7)];
		rule(&alone, rates[below(8)], "0");
		for (int i = 0; i < nrows; i++)
		{
			alone.match[0][i] = below(5) != 0;
			alone.amount[0][i] = frac(below(1000000) - 100000);
			if (below(10) == 0)
				alone.amount[0][i].num *= 1000000000000;
		}
		beside = alone;
		rule(&beside, "0", "0");
		result = judge(&alone);
		expected = judge(&beside);
		paid += expected == CORE_OK && b->share > 0;
		if (result == expected &&
			(result != CORE_OK ||
			 (alone.total == beside.total && a->share == b->share && a->trimmed == b->trimmed &&
			  a->is_short == b->is_short && frac_cmp(a->exact, b->exact) == 0 &&
			  frac_cmp(a->new_want, b->new_want) == 0 && frac_cmp(a->new_got, b->new_got) == 0)))
			continue;
		if (wrong++ < 5)
			printf("# event %d: %" PRId64 " trimmed %x, expected %" PRId64 " trimmed %x\n", k,
				   alone.total, (unsigned) a->trimmed, beside.total, (unsigned) b->trimmed);
	}
	if (wrong > 0)
		printf("# rerun with SEED=%" PRIu64 "\n", first_seed);
	ok(paid > n / 2, "rules alone pay (%d of %d)", paid, n);
	ok(wrong == 0, "rules alone pay what they pay beside one that pays nothing");
}

/* Properties of changes. */
static void
test_change_properties(void)
{
	int			broken = 0;

	for (int k = 0; k < 20000; k++)
	{
		Points		held[MAX_TERMS];
		Points		computed[MAX_TERMS];
		Points		delta[MAX_TERMS];
		int			n = 1 + below(MAX_TERMS);
		Points		sum = 0;
		Points		moved = 0;
		Points		largest_left = 0;
		Points		smallest_moved = POINTS_MAX;

		for (int i = 0; i < n; i++)
		{
			held[i] = below(12);
			computed[i] = below(12);
			sum += computed[i] - held[i];
		}
		if (judge_change(held, computed, n, delta) != CORE_OK)
			broken++;
		for (int i = 0; i < n; i++)
		{
			Points		gap = computed[i] - held[i];

			moved += delta[i];
			if (delta[i] != 0 && (delta[i] > 0) != (sum > 0))
				broken++;		/* against the total */
			if (llabs(delta[i]) > llabs(gap) || delta[i] * gap < 0)
				broken++;		/* overshoots */
			if (delta[i] != 0 && llabs(gap) < smallest_moved)
				smallest_moved = llabs(gap);
			if (delta[i] == 0 && gap * sum > 0 && llabs(gap) > largest_left)
				largest_left = llabs(gap);
		}
		if (moved != sum)
			broken++;
		if (smallest_moved < largest_left)
			broken++;			/* a larger gap was left */
	}
	ok(broken == 0, "properties of changes hold");
}

int
main(void)
{
	start_tests();
	test_stacking();
	test_block();
	test_one_rounding();
	test_carry();
	test_caps();
	test_member_cap();
	test_lines();
	test_changes();
	test_change_order();
	test_rounding();
	test_flat();
	test_rows();
	test_groups();
	test_range();
	test_properties();
	test_sums();
	test_alone();
	test_change_properties();
	return end_tests();
}
