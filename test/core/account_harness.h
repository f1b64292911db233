/*-------------------------------------------------------------------------
 *
 * account_harness.h
 *	  An account with its ledger, for tests.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_ACCOUNT_HARNESS_H
#define LOYALTY_ACCOUNT_HARNESS_H

#include "account.h"
#include "calendar.h"
#include "harness.h"

#define UNIT		1			/* ordinary */
#define IDLE		2			/* follows activity */

/* ------------------------------------------------------------------------
 * An account with its ledger
 * ------------------------------------------------------------------------
 */

/*
 * The lines told, and their sum, which must always be the state.
 */
typedef struct Ledger
{
	Account		account;
	AccountUnit units[2];
	Instant		now;
	int			nlines;
	int			maxlines;
	Movement   *lines;
	LotPiece   *sum;
	int			nsum;
} Ledger;

/* Local time is UTC. */
static inline int64_t
utc_to_local(void *arg, Instant instant)
{
	(void) arg;
	return instant;
}

/* UTC is local time. */
static inline Instant
utc_from_local(void *arg, int64_t local)
{
	(void) arg;
	return local;
}

static const Zone utc = {utc_to_local, utc_from_local, NULL};

/* Grows to exactly what is asked for, so that overruns are found. */
static inline void
grow(Account *account, int capacity)
{
	LotPiece   *pieces = malloc(capacity * sizeof(LotPiece));

	if (account->npieces > 0)
		memcpy(pieces, account->pieces, account->npieces * sizeof(LotPiece));
	free(account->pieces);
	account->pieces = pieces;
	account->capacity = capacity;
}

/* The same for recent ones. */
static inline void
grow_recent(Account *account, int capacity)
{
	account->recent = realloc(account->recent, capacity * sizeof(LotPiece));
	account->recent_capacity = capacity;
}

/* An account's lots in order; the account is left as it is. */
static inline LotPiece *
settled_lots(const Account *account, int *count)
{
	Account		copy = *account;

	copy.pieces = malloc((account->npieces + account->nrecent + 1) * sizeof(LotPiece));
	copy.capacity = account->npieces + account->nrecent + 1;
	if (account->npieces > 0)
		memcpy(copy.pieces, account->pieces, account->npieces * sizeof(LotPiece));
	if (account_settle(&copy) != CORE_OK)
		abort();
	*count = copy.npieces;
	return copy.pieces;
}

/* The same for what is held. */
static inline void
grow_held(Account *account, int capacity)
{
	HeldPiece  *held = malloc(capacity * sizeof(HeldPiece));

	if (account->nheld > 0)
		memcpy(held, account->held, account->nheld * sizeof(HeldPiece));
	free(account->held);
	account->held = held;
	account->held_capacity = capacity;
}

/* Starts an account whose second unit lapses so long after last activity. */
static inline Ledger *
new_ledger(int64_t idle_usecs)
{
	Ledger	   *ledger = calloc(1, sizeof(Ledger));

	ledger->account.grow = grow;
	ledger->account.grow_recent = grow_recent;
	ledger->account.grow_held = grow_held;
	ledger->account.units = ledger->units;
	ledger->account.nunits = 2;
	ledger->account.zone = &utc;
	ledger->units[0].unit = UNIT;
	ledger->units[0].last_activity = INSTANT_ALWAYS;
	ledger->units[1].unit = IDLE;
	ledger->units[1].last_activity = INSTANT_ALWAYS;
	ledger->units[1].follows_activity = true;
	ledger->units[1].activity_period.kind = PERIOD_ACTIVITY;
	ledger->units[1].activity_period.usecs = idle_usecs;
	ledger->now = INSTANT_MIN;
	return ledger;
}

/* Ends an account. */
static inline void
free_ledger(Ledger *ledger)
{
	free(ledger->account.pieces);
	free(ledger->account.recent);
	free(ledger->account.held);
	free(ledger->lines);
	free(ledger->sum);
	free(ledger);
}

/* Books a movement. */
static inline void
book(void *arg, const Movement *movement)
{
	Ledger	   *ledger = arg;
	LotPiece	piece = {movement->points, movement->from, movement->to,
	movement->unit, 0};

	if (ledger->nlines == ledger->maxlines)
	{
		ledger->maxlines = ledger->maxlines * 2 + 8;
		ledger->lines = realloc(ledger->lines,
								ledger->maxlines * sizeof(Movement));
		ledger->sum = realloc(ledger->sum, ledger->maxlines * sizeof(LotPiece));
	}
	if (lots_add_piece(ledger->sum, &ledger->nsum, piece) != CORE_OK)
		abort();
	ledger->lines[ledger->nlines++] = *movement;
}

/* Is the state the sum of its movements, and a proper array? */
static inline bool
is_sound(const Ledger *ledger)
{
	const Account *account = &ledger->account;
	int			n;
	LotPiece   *pieces = settled_lots(account, &n);
	bool		sound = n == ledger->nsum &&
		(n == 0 || memcmp(pieces, ledger->sum, n * sizeof(LotPiece)) == 0);

	for (int i = 0; i < n; i++)
	{
		const LotPiece *piece = &pieces[i];

		if (piece->points == 0 || (i > 0 && lot_piece_cmp(piece - 1, piece) >= 0))
			sound = false;
		if (piece->points < 0 &&
			(piece->from != DEBT_FROM || piece->to != DEBT_TO))
			sound = false;
	}
	free(pieces);
	for (int i = 0; i < account->nheld; i++)
	{
		Points		held = 0;

		/* what is held is what the lines say */
		for (int k = 0; k < ledger->nlines; k++)
		{
			const Movement *line = &ledger->lines[k];

			if ((line->kind == ENTRY_HOLD || line->kind == ENTRY_RELEASE) &&
				line->hold_no == account->held[i].hold_no)
				held -= line->points;
		}
		for (int k = 0; k < account->nheld; k++)
		{
			if (account->held[k].hold_no == account->held[i].hold_no)
				held -= account->held[k].points;
		}
		if (held != 0 || account->held[i].points <= 0)
			return false;
	}
	return sound;
}

/* Do two ledgers have the same lines? */
static inline bool
same_lines(const Ledger *a, const Ledger *b)
{
	if (a->nlines != b->nlines)
		return false;
	for (int i = 0; i < a->nlines; i++)
	{
		const Movement *x = &a->lines[i];
		const Movement *y = &b->lines[i];

		if (x->kind != y->kind || x->unit != y->unit ||
			x->points != y->points || x->from != y->from || x->to != y->to ||
			x->occurred_at != y->occurred_at || x->lapsed != y->lapsed ||
			x->forgiven != y->forgiven || x->hold_no != y->hold_no)
			return false;
	}
	return true;
}

/* Advances to an instant. */
static inline void
go(Ledger *ledger, Instant now)
{
	if (account_advance(&ledger->account, ledger->now, now, book,
						ledger) != CORE_OK || !is_sound(ledger))
		ok(false, "advance to %" PRId64, now);
	ledger->now = now;
}

/* Earns points now. */
static inline void
earn(Ledger *ledger, int32_t unit, const char *points, Instant from, Instant to)
{
	if (account_add(&ledger->account, ENTRY_EARN, unit, pts(points), from, to,
					ledger->now, 0, book, ledger) != CORE_OK)
		ok(false, "earn %s", points);
	go(ledger, ledger->now);
}

/* Spends points now; returns what lacks. */
static inline Points
spend(Ledger *ledger, int32_t unit, const char *points)
{
	Points		missing;

	if (account_take(&ledger->account, ENTRY_REDEEM, unit, pts(points), false,
					 ledger->now, 0, &missing, book, ledger) != CORE_OK ||
		!is_sound(ledger))
		ok(false, "spend %s", points);
	return missing;
}

/* Takes points back now from an event with one lot. */
static inline void
take_back(Ledger *ledger, const char *points, OwnLot *own, bool forgive)
{
	if (account_take_back(&ledger->account, UNIT, pts(points), own, 1, forgive,
						  ledger->now, 0, book, ledger) != CORE_OK ||
		!is_sound(ledger))
		ok(false, "take back %s", points);
}

/* Compares a balance: available, pending, debt. */
static inline void
balance_is(const Ledger *ledger, int32_t unit, const char *available,
		   const char *pending, const char *debt, const char *what)
{
	Points		a,
				p,
				d;
	char		text[3][POINTS_TEXT_SIZE];

	if (account_balance(&ledger->account, unit, ledger->now, &a, &p,
						&d) != CORE_OK)
		ok(false, "%s: no balance", what);
	else if (!ok(a == pts(available) && p == pts(pending) && d == pts(debt),
				 "%s", what))
	{
		points_format(a, text[0]);
		points_format(p, text[1]);
		points_format(d, text[2]);
		printf("#      got: %s available, %s pending, %s owed\n"
			   "# expected: %s, %s, %s\n", text[0], text[1], text[2],
			   available, pending, debt);
	}
}

/* Compares a line of the ledger, counted from the last (1). */
static inline void
line_is(const Ledger *ledger, int back, EntryKind kind, const char *points,
		Instant to, Instant occurred_at, const char *what)
{
	const Movement *line = &ledger->lines[ledger->nlines - back];

	if (!ok(ledger->nlines >= back && line->kind == kind &&
			line->points == pts(points) && line->to == to &&
			line->occurred_at == occurred_at, "%s", what))
		printf("#      got: kind %d, %" PRId64 " at %" PRId64 "\n", line->kind,
			   line->points, line->occurred_at);
}

/* Midnight of a day. */
static inline Instant
day(int64_t year, int month, int day_of_month)
{
	CalendarDate date = {year, month, day_of_month};
	CalendarDate epoch = {2000, 1, 1};

	return (calendar_to_days(date) - calendar_to_days(epoch)) * USECS_IN_DAY;
}

#endif							/* LOYALTY_ACCOUNT_HARNESS_H */
