/*-------------------------------------------------------------------------
 *
 * test_hold.c
 *	  Points set aside, captured, released and returned: the worked examples,
 *	  and random accounts whose holds lapse in one step or in many.
 *
 *-------------------------------------------------------------------------
 */
#include "account_harness.h"

/* Sets points aside for a hold; returns what lacks. */
static Points
hold(Ledger *ledger, int64_t hold_no, int32_t unit, const char *points, Instant deadline)
{
	Points		missing;

	if (account_hold(&ledger->account, hold_no, unit, pts(points), deadline, ledger->now,
					 &missing, book, ledger) != CORE_OK || !is_sound(ledger))
		ok(false, "hold %s", points);
	return missing;
}

/* Captures points of a hold; returns how many. */
static Points
capture(Ledger *ledger, int64_t hold_no, const char *points)
{
	Points		captured;

	if (account_capture(&ledger->account, hold_no, pts(points), ledger->now, &captured,
						book, ledger) != CORE_OK || !is_sound(ledger))
		ok(false, "capture %s", points);
	return captured;
}

/* Releases a hold. */
static void
release(Ledger *ledger, int64_t hold_no)
{
	if (account_release(&ledger->account, hold_no, ledger->now, book, ledger) != CORE_OK ||
		!is_sound(ledger))
		ok(false, "release %d", (int) hold_no);
}

/* Gives back points that were drawn. */
static void
give_back(Ledger *ledger, const char *points, DrawnLot *drawn, int ndrawn, Instant grace_end)
{
	if (account_return(&ledger->account, UNIT, pts(points), drawn, ndrawn, grace_end,
					   ledger->now, book, ledger) != CORE_OK || !is_sound(ledger))
		ok(false, "return %s", points);
}

/* Compares what is held of a unit, and until when. */
static void
held_is(const Ledger *ledger, int32_t unit, const char *points, Instant until, const char *what)
{
	Points		held;
	Instant		first;

	if (account_held(&ledger->account, unit, &held, &first) != CORE_OK)
		ok(false, "%s: no sum", what);
	else if (!ok(held == pts(points) && first == until, "%s", what))
		printf("#      got: %" PRId64 " until %" PRId64 "\n", held, first);
}

/* 3.6: what is held is not available, until the deadline */
static void
test_lapse(void)
{
	Ledger	   *l = new_ledger(0);
	Instant		noon = day(2026, 1, 1);
	Instant		end = day(2026, 12, 31);
	Instant		deadline = noon + 15 * INT64_C(60000000);
	Instant		due;

	go(l, noon);
	earn(l, UNIT, "100", noon, end);
	is_points(hold(l, 1, UNIT, "80", deadline), 0, "3.6 80 of 100 are held");
	balance_is(l, UNIT, "20", "0", "0", "3.6 20 are left");
	held_is(l, UNIT, "80", deadline, "3.6 80 are held until then");
	is_points(hold(l, 2, UNIT, "80", deadline), pts("60"), "3.6 a second hold lacks 60");
	held_is(l, UNIT, "80", deadline, "3.6 and holds nothing");
	ok(account_next_due(&l->account, &due) == CORE_OK && due == deadline,
	   "3.6 the deadline is when something is due next");
	go(l, deadline - 1);
	balance_is(l, UNIT, "20", "0", "0", "3.6 just before the deadline");
	go(l, deadline);
	balance_is(l, UNIT, "100", "0", "0", "3.6 at the deadline they are back");
	line_is(l, 1, ENTRY_RELEASE, "80", end, deadline, "3.6 dated at the deadline");
	is_points(hold(l, 2, UNIT, "80", deadline + 1), 0, "3.6 a second hold succeeds then");
	free_ledger(l);
}

/* Holds and ends: captured past them, lapsed and released past them. */
static void
test_past_end(void)
{
	Ledger	   *l = new_ledger(0);

	go(l, 0);
	earn(l, UNIT, "10", 0, 100);
	earn(l, UNIT, "10", 0, 300);
	hold(l, 1, UNIT, "15", 200);
	go(l, 150);
	balance_is(l, UNIT, "5", "0", "0", "what is held does not expire before the deadline");
	is_points(capture(l, 1, "12"), pts("12"), "capture past a lot's end");
	line_is(l, 4, ENTRY_RELEASE, "10", 100, 150, "through the lot that is over");
	line_is(l, 3, ENTRY_REDEEM, "-10", 100, 150, "and out of it");
	line_is(l, 1, ENTRY_REDEEM, "-2", 300, 150, "then the next lot");
	go(l, 200);
	balance_is(l, UNIT, "8", "0", "0", "the rest comes back");
	free_ledger(l);

	l = new_ledger(0);
	go(l, 0);
	earn(l, UNIT, "10", 0, 100);
	hold(l, 1, UNIT, "6", 200);
	hold(l, 2, UNIT, "4", 200);
	go(l, 150);
	release(l, 2);
	line_is(l, 2, ENTRY_RELEASE, "4", 100, 150, "released past the lot's end");
	line_is(l, 1, ENTRY_EXPIRE, "-4", 100, 150, "it expires at once");
	go(l, 250);
	line_is(l, 2, ENTRY_RELEASE, "6", 100, 200, "lapsed past the lot's end");
	line_is(l, 1, ENTRY_EXPIRE, "-6", 100, 200, "it expires at the deadline");
	balance_is(l, UNIT, "0", "0", "0", "nothing is left");
	held_is(l, UNIT, "0", INSTANT_NEVER, "nothing is held");
	free_ledger(l);
}

/* What comes back repays debt, nearest end first, after what expires then. */
static void
test_debt(void)
{
	Ledger	   *l = new_ledger(0);
	Points		missing;

	go(l, 0);
	earn(l, UNIT, "10", 0, 500);
	earn(l, UNIT, "10", 0, 400);
	hold(l, 1, UNIT, "20", 200);
	account_take(&l->account, ENTRY_ADJUST, UNIT, pts("15"), true, 0, 0, &missing, book, l);
	go(l, 200);
	balance_is(l, UNIT, "5", "0", "0", "a lapsed hold repays debt");
	line_is(l, 2, ENTRY_REPAY, "-5", 500, 200, "the lot that ends later");
	line_is(l, 4, ENTRY_REPAY, "-10", 400, 200, "after the one that ends first");
	free_ledger(l);

	/* two holds of one lot, one of which lapses earlier */
	l = new_ledger(0);
	go(l, 0);
	earn(l, UNIT, "10", 0, 500);
	hold(l, 1, UNIT, "4", 200);
	hold(l, 2, UNIT, "6", 100);
	account_take(&l->account, ENTRY_ADJUST, UNIT, pts("8"), true, 0, 0, &missing, book, l);
	go(l, 300);
	line_is(l, 2, ENTRY_REPAY, "-2", 500, 200, "the rest at the later deadline");
	balance_is(l, UNIT, "2", "0", "0", "what is left is spendable");
	free_ledger(l);
}

/* 3.2, 3.3: what is returned */
static void
test_return(void)
{
	Instant		a_end = day(2026, 4, 1);
	Instant		b_end = day(2027, 1, 1);
	Instant		start = day(2026, 1, 1);
	Instant		week;

	for (int variant = 0; variant < 3; variant++)
	{
		Ledger	   *l = new_ledger(0);
		DrawnLot	drawn[2] = {{start, a_end, pts("100"), false}, {start, b_end, pts("50"), false}};

		go(l, start);
		earn(l, UNIT, "100", start, a_end);
		earn(l, UNIT, "200", start, b_end);
		go(l, day(2026, 3, 20));
		spend(l, UNIT, "150");
		if (variant == 2)
		{
			go(l, day(2026, 3, 25));
			give_back(l, "60", drawn, 2, l->now);
			line_is(l, 2, ENTRY_RETURN, "50", b_end, l->now, "3.3 50 to the second lot");
			line_is(l, 1, ENTRY_RETURN, "10", a_end, l->now, "3.3 10 to the first");
			ok(drawn[0].points == pts("90") && drawn[1].points == 0, "3.3 what is left to return");
			free_ledger(l);
			continue;
		}
		go(l, day(2026, 4, 2));
		week = day(2026, 4, 9);
		give_back(l, "150", drawn, 2, variant == 0 ? l->now : week);
		if (variant == 0)
		{
			balance_is(l, UNIT, "200", "0", "0", "3.2 200 available");
			line_is(l, 1, ENTRY_EXPIRE, "-100", a_end, l->now, "3.2 100 booked expired");
		}
		else
		{
			DrawnLot	again = {l->now, week, pts("100"), true};

			balance_is(l, UNIT, "300", "0", "0", "3.2 with grace 300");
			go(l, day(2026, 4, 5));
			spend(l, UNIT, "100");
			give_back(l, "100", &again, 1, day(2026, 4, 12));
			line_is(l, 1, ENTRY_RETURN, "100", week, l->now, "a piece extended once is not again");
			go(l, week - 1);
			balance_is(l, UNIT, "300", "0", "0", "3.2 until 9 April");
			go(l, week);
			balance_is(l, UNIT, "200", "0", "0", "3.2 then 200");
		}
		free_ledger(l);
	}
}

/* Lots that follow activity: an end that moves while they are held. */
static void
test_activity(void)
{
	Ledger	   *l = new_ledger(100);

	go(l, 0);
	l->units[1].last_activity = 0;
	earn(l, IDLE, "10", 0, INSTANT_ACTIVITY);
	hold(l, 1, IDLE, "4", 150);
	hold(l, 2, IDLE, "4", 160);
	go(l, 50);
	l->units[1].last_activity = 55;
	go(l, 158);
	line_is(l, 2, ENTRY_RELEASE, "4", INSTANT_ACTIVITY, 150, "back before the lot's end");
	line_is(l, 1, ENTRY_EXPIRE, "-6", INSTANT_ACTIVITY, 155, "which is when all of it lapses");
	go(l, 170);
	line_is(l, 1, ENTRY_EXPIRE, "-4", INSTANT_ACTIVITY, 160, "what comes back later lapses at once");
	free_ledger(l);

	/* the member is active again before they come back */
	l = new_ledger(100);
	go(l, 0);
	l->units[1].last_activity = 0;
	earn(l, IDLE, "10", 0, INSTANT_ACTIVITY);
	hold(l, 1, IDLE, "10", 150);
	go(l, 120);
	l->units[1].last_activity = 120;
	earn(l, IDLE, "5", 120, INSTANT_ACTIVITY);
	go(l, 160);
	line_is(l, 1, ENTRY_EXPIRE, "-10", INSTANT_ACTIVITY, 150, "their lot has lapsed meanwhile");
	balance_is(l, IDLE, "5", "0", "0", "what came later is there");
	free_ledger(l);
}

/* ------------------------------------------------------------------------
 * Random accounts
 * ------------------------------------------------------------------------
 */

/* Sum of the lines of an account in a unit, of all lots and holds. */
static Points
total(const Ledger *ledger, int32_t unit)
{
	Points		sum = 0;
	Points		held;
	Instant		until;
	int			n;
	LotPiece   *pieces = settled_lots(&ledger->account, &n);

	for (int i = 0; i < n; i++)
		if (pieces[i].unit == unit)
			sum += pieces[i].points;
	free(pieces);
	if (account_held(&ledger->account, unit, &held, &until) != CORE_OK)
		abort();
	return sum + held;
}

/* Does the same to two accounts; returns what is wrong, or NULL. */
static const char *
act(Ledger *ledgers[2], int64_t *next_hold)
{
	int			what = below(7);
	int32_t		unit = 1 + below(2);
	Points		points = 1 + below(12);
	Instant		now = ledgers[0]->now;
	Instant		from = now + below(5) - 2;
	Instant		to = below(5) == 0 ? INSTANT_NEVER : from + 1 + below(12);
	Instant		deadline = now + 1 + below(8);
	int64_t		hold_no = *next_hold > 0 ? 1 + below((int) *next_hold) : 1;
	bool		debt = below(3) == 0;
	Instant		grace = now + below(6);
	Points		before = total(ledgers[0], unit);

	if (unit == IDLE && below(2) == 0)
		to = INSTANT_ACTIVITY;
	if (what == 1)
		hold_no = ++*next_hold;
	for (int i = 0; i < 2; i++)
	{
		Ledger	   *l = ledgers[i];
		Points		missing = 0;
		Points		held = 0;
		Points		captured = 0;
		DrawnLot	drawn[2] = {{from, to, points, below(2) == 0 && i == 2}, {from, INSTANT_NEVER, 5, true}};
		CoreResult	result = CORE_OK;

		switch (what)
		{
			case 0:
				if (unit == IDLE)
					l->units[1].last_activity = now;
				result = account_add(&l->account, ENTRY_EARN, unit, points, from, to, now, 0, book, l);
				break;
			case 1:
				result = account_hold(&l->account, hold_no, unit, points, deadline, now, &missing, book, l);
				if (missing == 0 && total(l, unit) != before)
					return "holding changes what there is";
				break;
			case 2:
				if (account_held_by(&l->account, hold_no, &held) != CORE_OK)
					abort();
				result = account_capture(&l->account, hold_no, points, now, &captured, book, l);
				if (captured != (held < points ? held : points))
					return "capture takes something else";
				break;
			case 3:
				result = account_release(&l->account, hold_no, now, book, l);
				if (account_held_by(&l->account, hold_no, &held) != CORE_OK || held != 0)
					return "something is left of a released hold";
				break;
			case 4:
				result = account_return(&l->account, unit, 1 + points / 2, drawn, 2, grace, now, book, l);
				break;
			case 5:
				result = account_take(&l->account, ENTRY_REDEEM, unit, points, debt, now, 0, &missing, book, l);
				break;
			default:
				break;
		}
		if (result != CORE_OK)
			abort();
		if (!is_sound(l))
			return "an account is not the sum of its lines";
		go(l, now);
	}
	return NULL;
}

/* One random account, advanced in one step and in many; what is wrong, or NULL. */
static const char *
random_account(void)
{
	Ledger	   *ledgers[2] = {new_ledger(6), new_ledger(6)};
	int64_t		next_hold = 0;
	const char *wrong = NULL;

	ledgers[0]->now = ledgers[1]->now = 0;
	for (int step = 0; step < 25 && wrong == NULL; step++)
	{
		Instant		then = ledgers[0]->now + below(6);
		int			before = ledgers[0]->nlines;
		Instant		due;

		if (account_next_due(&ledgers[0]->account, &due) != CORE_OK)
			abort();
		go(ledgers[0], then);
		for (Instant at = ledgers[1]->now; at <= then; at++)
			go(ledgers[1], at);
		if ((ledgers[0]->nlines > before) != (due <= then) ||
			(ledgers[0]->nlines > before && ledgers[0]->lines[before].occurred_at != due))
			wrong = "next_due is not when something happens";
		else if (!same_lines(ledgers[0], ledgers[1]))
			wrong = "one advance differs from many";
		for (int i = 0; i < ledgers[0]->account.nheld; i++)
			if (ledgers[0]->account.held[i].deadline <= then)
				wrong = "a hold outlives its deadline";
		if (wrong == NULL)
			wrong = act(ledgers, &next_hold);
	}
	free_ledger(ledgers[0]);
	free_ledger(ledgers[1]);
	return wrong;
}

/* Random accounts, from a fixed seed. */
static void
test_random(void)
{
	int			n = 3000;
	int			wrong = 0;

	for (int i = 0; i < n; i++)
	{
		const char *what = random_account();

		if (what != NULL && wrong++ < 5)
			printf("# account %d: %s; rerun with SEED=%" PRIu64 "\n", i, what,
				   first_seed);
	}
	ok(wrong == 0, "%d random accounts with holds", n);
}

int
main(void)
{
	start_tests();
	test_lapse();
	test_past_end();
	test_debt();
	test_return();
	test_activity();
	test_random();
	return end_tests();
}
