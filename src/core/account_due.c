/*-------------------------------------------------------------------------
 *
 * account_due.c
 *	  What time does to an account: lots end, holds lapse, debt is repaid.
 *
 *-------------------------------------------------------------------------
 */
#include "account_pieces.h"

/*
 * What account_advance has to do: a heap of LotPieces beyond those of the
 * account, used as memory for four keys and a position:
 *
 *		points	 the instant at which it is due
 *		reserved what is due; at one instant lots expire before holds lapse, and
 *				 those before debt is repaid
 *		to, from end and start of the lot: order of repayment; of a lapse, to is
 *				 the position of the held piece
 *		unit	 position of the lot's piece, the last first
 */
enum
{
	DUE_EXPIRY = 1,
	DUE_LAPSE = 2,
	DUE_REPAYMENT = 3
};

/* Is a due before b? */
static bool
due_before(const LotPiece *a, const LotPiece *b)
{
	if (a->points != b->points)
		return a->points < b->points;
	if (a->reserved != b->reserved)
		return a->reserved < b->reserved;
	if (a->to != b->to)
		return a->to < b->to;
	if (a->from != b->from)
		return a->from < b->from;
	return a->unit > b->unit;
}

/* Restores the heap below a position. */
static void
heap_sift(LotPiece *heap, int n, int at)
{
	LotPiece	item = heap[at];

	for (;;)
	{
		int			child = 2 * at + 1;

		if (child >= n)
			break;
		if (child + 1 < n && due_before(&heap[child + 1], &heap[child]))
			child++;
		if (!due_before(&heap[child], &item))
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = item;
}

/*
 * The debts of all units in an array: they stand together, at the end of what
 * never ends, since nothing starts earlier.
 */
static LotPiece *
account_debts(LotPiece *pieces, int npieces, int *count)
{
	LotPiece	last = {0, DEBT_FROM, DEBT_TO, INT32_MAX, 0};
	int			end = 0;
	int			start;

	if (npieces > 0 && pieces[0].to == DEBT_TO)
		end = account_position(pieces, npieces, &last);
	start = end;
	while (start > 0 && pieces[start - 1].from == DEBT_FROM)
		start--;
	*count = end - start;
	return *count > 0 ? &pieces[start] : NULL;
}

/* The same of an account that is settled. */
static LotPiece *
find_debts(const Account *account, int *count)
{
	return account_debts(account->pieces, account->npieces, count);
}

/* What a unit owes among the debts, or NULL if it owes nothing. */
static LotPiece *
find_debt(LotPiece *debts, int ndebts, int32_t unit)
{
	for (int i = 0; i < ndebts; i++)
	{
		if (debts[i].unit == unit)
			return piece_is_debt(&debts[i]) ? &debts[i] : NULL;
	}
	return NULL;
}

/*
 * Whether points of a unit, or 0 for any, are owed.
 */
bool
account_owes(const Account *account, int32_t unit)
{
	for (int run = 0; run < ACCOUNT_RUNS; run++)
	{
		int			n;
		int			ndebts;
		LotPiece   *pieces = account_run(account, run, &n);
		LotPiece   *debts;

		/* most accounts have nothing that never ends */
		if (n == 0 || pieces[0].to != DEBT_TO)
			continue;
		debts = account_debts(pieces, n, &ndebts);
		for (int i = 0; i < ndebts; i++)
		{
			if (piece_is_debt(&debts[i]) && (unit == 0 || debts[i].unit == unit))
				return true;
		}
	}
	return false;
}

/*
 * The first end of any lot.  The last lot is the first to end, but for lots
 * that follow activity: of each unit those that started first.
 */
static CoreResult
first_end(const Account *account, Instant *first)
{
	LotPiece	last_activity = {0, INT64_MIN, INSTANT_ACTIVITY, INT32_MAX, 0};

	*first = INSTANT_NEVER;
	for (int run = 0; run < ACCOUNT_RUNS; run++)
	{
		int			n;
		const LotPiece *pieces = account_run(account, run, &n);
		int			last = n - 1;

		while (last >= 0 && pieces[last].points == 0)
			last--;
		if (last >= 0 && pieces[last].to < INSTANT_ACTIVITY && pieces[last].to < *first)
			*first = pieces[last].to;
		for (int u = 0; u < account->nunits && n > 0; u++)
		{
			const AccountUnit *unit = &account->units[u];
			ActivityEnd known = {0};
			Instant		end;

			if (!unit->follows_activity || unit->last_activity == INSTANT_ALWAYS)
				continue;
			for (int i = account_position(pieces, n, &last_activity) - 1;
				 i >= 0 && pieces[i].to == INSTANT_ACTIVITY; i--)
			{
				if (pieces[i].unit != unit->unit || pieces[i].points == 0)
					continue;
				TRY(account_end_of(account, &pieces[i], &known, &end));
				if (end < *first)
					*first = end;
				break;
			}
		}
	}
	return CORE_OK;
}

/* Is nothing due up to an instant, as far as that is seen at once? */
static CoreResult
nothing_due(const Account *account, Instant now, bool *nothing)
{
	Instant		end;

	*nothing = false;
	for (int i = 0; i < account->nheld; i++)
	{
		if (account->held[i].deadline <= now)
			return CORE_OK;
	}
	if (account_owes(account, 0))
		return CORE_OK;
	TRY(first_end(account, &end));
	*nothing = end > now || end == INSTANT_NEVER;
	return CORE_OK;
}

/*
 * Puts what is due on a heap yet to be ordered, or only counts it if heap is
 * NULL.
 *
 * Nothing becomes due by what is done before: debt only falls, and what holds
 * give back comes to lots that are there, if empty (see make_lots_for_held).
 * And as long as there is debt, it takes all that is active, so that what
 * repays it is known beforehand: first what is active at since, then what
 * activates or comes back, in order.
 */
static CoreResult
collect_due(const Account *account, Instant since, Instant now,
			LotPiece *debts, int ndebts, LotPiece *heap, int *count)
{
	ActivityEnd known = {0};
	int			n = 0;

	for (int i = 0; i < account->npieces; i++)
	{
		const LotPiece *piece = &account->pieces[i];
		Instant		end;
		Instant		available = piece->from > since ? piece->from : since;

		TRY(account_end_of(account, piece, &known, &end));
		if (end <= now && end != INSTANT_NEVER)
		{
			LotPiece	item = {end, piece->from, end, i, DUE_EXPIRY};

			if (heap != NULL)
				heap[n] = item;
			n++;
		}
		/* a lot that is over by then will have expired before */
		if (ndebts > 0 && piece->points >= 0 && available <= now &&
			find_debt(debts, ndebts, piece->unit) != NULL)
		{
			LotPiece	item = {available, piece->from, end, i, DUE_REPAYMENT};

			if (heap != NULL)
				heap[n] = item;
			n++;
		}
	}
	for (int i = 0; i < account->nheld; i++)
	{
		const HeldPiece *held = &account->held[i];
		LotPiece	piece = held_lot(held);
		Instant		end;
		LotPiece   *lot;

		if (held->deadline > now)
			continue;
		if (heap != NULL)
		{
			LotPiece	item = {held->deadline, 0, i, i, DUE_LAPSE};

			heap[n] = item;
		}
		n++;
		if (ndebts == 0 || find_debt(debts, ndebts, held->unit) == NULL)
			continue;
		lot = account_find_piece(account, held->unit, held->from, held->to);
		TRY(account_end_of(account, &piece, &known, &end));
		if (lot == NULL)
			continue;
		if (heap != NULL)
		{
			LotPiece	item = {held->deadline, held->from, end,
			(int32_t) (lot - account->pieces), DUE_REPAYMENT};

			heap[n] = item;
		}
		n++;
	}
	*count = n;
	return CORE_OK;
}

/*
 * Makes an empty lot for each held piece that comes back by an instant to a lot
 * that is not over by then and has no piece.
 */
static CoreResult
make_lots_for_held(Account *account, Instant now)
{
	ActivityEnd known = {0};

	for (int i = 0; i < account->nheld; i++)
	{
		const HeldPiece *held = &account->held[i];
		LotPiece	piece = held_lot(held);
		Instant		end;
		int			at;

		if (held->deadline > now)
			continue;
		TRY(account_end_of(account, &piece, &known, &end));
		if (held->over || (end <= held->deadline && end != INSTANT_NEVER) ||
			account_find_piece(account, held->unit, held->from, held->to) != NULL)
			continue;
		TRY(account_reserve(account, account->npieces + 1));
		piece.points = 0;
		for (at = account->npieces; at > 0 &&
			 lot_piece_cmp(&account->pieces[at - 1], &piece) > 0; at--)
			account->pieces[at] = account->pieces[at - 1];
		account->pieces[at] = piece;
		account->npieces++;
	}
	return CORE_OK;
}

/* Gives back what a hold has set aside, at its deadline. */
static CoreResult
lapse(Account *account, HeldPiece *held, MovementSink sink, void *arg)
{
	ActivityEnd known = {0};
	LotPiece	piece = held_lot(held);
	LotPiece   *lot;
	Instant		end;
	bool		over = held->over != 0;
	Movement	movement = {ENTRY_RELEASE, held->unit, held->points, held->from,
	held->to, held->deadline, 0, 0, 0, held->hold_no};

	TRY(account_end_of(account, &piece, &known, &end));
	if (sink != NULL)
		sink(arg, &movement);
	held->points = 0;
	if (over || (end <= held->deadline && end != INSTANT_NEVER))
	{
		account_tell(sink, arg, ENTRY_EXPIRE, held->unit, -piece.points,
					 held->from, held->to, held->deadline, 0);
		return CORE_OK;
	}
	lot = account_find_piece(account, held->unit, held->from, held->to);
	if (lot == NULL || !points_add(lot->points, piece.points, &lot->points))
		return CORE_RANGE;
	return CORE_OK;
}

/* Repays a unit's debt from a lot, as far as both go. */
static CoreResult
repay(LotPiece *piece, LotPiece *debt, Instant at, MovementSink sink, void *arg)
{
	Points		points;

	if (!points_sub(0, debt->points, &points))
		return CORE_RANGE;
	if (points > piece->points)
		points = piece->points;
	if (points <= 0)
		return CORE_OK;
	piece->points -= points;
	debt->points += points;
	account_tell(sink, arg, ENTRY_REPAY, piece->unit, -points, piece->from, piece->to,
		 at, 0);
	account_tell(sink, arg, ENTRY_REPAY, debt->unit, points, debt->from, debt->to,
		 at, 0);
	return CORE_OK;
}

/*
 * Remembers which lots that follow activity lapse while points of theirs are
 * held: these are over, too, even if the member is active again by the time
 * they come back.
 */
static CoreResult
mark_over(Account *account, Instant now)
{
	ActivityEnd known = {0};

	for (int i = 0; i < account->nheld; i++)
	{
		HeldPiece  *held = &account->held[i];
		LotPiece	piece = held_lot(held);
		Instant		end;

		if (held->to != INSTANT_ACTIVITY || held->over)
			continue;
		TRY(account_end_of(account, &piece, &known, &end));
		if (end <= now && end <= held->deadline && end != INSTANT_NEVER)
			held->over = 1;
	}
	return CORE_OK;
}

/*
 * Takes all due instants up to and including now, in order.
 */
CoreResult
account_advance(Account *account, Instant since, Instant now,
				MovementSink sink, void *arg)
{
	LotPiece   *debts;
	LotPiece   *heap;
	int			ndebts;
	int			n;
	bool		nothing;

	if (since > now)
		since = now;
	TRY(mark_over(account, now));
	TRY(nothing_due(account, now, &nothing));
	if (nothing)
		return CORE_OK;
	TRY(account_settle(account));
	account_forget_marks(account);
	TRY(make_lots_for_held(account, now));
	debts = find_debts(account, &ndebts);
	TRY(collect_due(account, since, now, debts, ndebts, NULL, &n));
	if (n == 0)
		return CORE_OK;

	TRY(account_reserve(account, account->npieces + n));
	debts = find_debts(account, &ndebts);	/* pieces may have moved */
	heap = account->pieces + account->npieces;
	TRY(collect_due(account, since, now, debts, ndebts, heap, &n));
	for (int i = n / 2 - 1; i >= 0; i--)
		heap_sift(heap, n, i);

	while (n > 0)
	{
		LotPiece	due = heap[0];
		LotPiece   *piece;
		Instant		at = due.points;

		heap[0] = heap[--n];
		if (n > 0)
			heap_sift(heap, n, 0);

		if (due.reserved == DUE_LAPSE)
		{
			TRY(lapse(account, &account->held[due.unit], sink, arg));
			continue;
		}
		piece = &account->pieces[due.unit];
		if (piece->points == 0)
			continue;
		if (due.reserved == DUE_REPAYMENT)
		{
			LotPiece   *debt = find_debt(debts, ndebts, piece->unit);

			if (debt != NULL)
				TRY(repay(piece, debt, at, sink, arg));
		}
		else
		{
			Points		points;

			if (!points_sub(0, piece->points, &points))
				return CORE_RANGE;
			piece->points = 0;
			account_tell(sink, arg, ENTRY_EXPIRE, piece->unit, points,
				 piece->from, piece->to, at, 0);
		}
	}
	account_remove_empty(account);
	account_close_held_gaps(account);
	return CORE_OK;
}

/*
 * The first instant at which account_advance would tell a movement.
 */
CoreResult
account_next_due(const Account *account, Instant *due)
{
	TRY(first_end(account, due));
	if (account_owes(account, 0))
	{
		for (int run = 0; run < ACCOUNT_RUNS; run++)
		{
			int			n;
			const LotPiece *pieces = account_run(account, run, &n);

			for (int i = 0; i < n; i++)
			{
				if (pieces[i].points > 0 && pieces[i].from < *due &&
					account_owes(account, pieces[i].unit))
					*due = pieces[i].from;
			}
		}
	}
	for (int i = 0; i < account->nheld; i++)
	{
		if (account->held[i].deadline < *due)
			*due = account->held[i].deadline;
	}
	return CORE_OK;
}
