/*-------------------------------------------------------------------------
 *
 * account.c
 *	  The state of one member's account, and how it moves.
 *
 * The array's order, nearest end last, is also the order in which points are
 * spent, except that lots that follow activity stand apart from those with an
 * end of their own: their end is not in the array.  Functions that empty
 * pieces leave them in place with no points, so that positions stay valid, and
 * close the gaps once at the end.
 *
 * After CORE_RANGE an account may have moved in part; it must be thrown away.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "account.h"

/* gives up with the first result that is not CORE_OK */
#define TRY(call) \
	do { \
		CoreResult	result_ = (call); \
		if (result_ != CORE_OK) \
			return result_; \
	} while (0)

/* the end of one unit's activity, which is worth computing only once */
typedef struct ActivityEnd
{
	int32_t		unit;			/* 0: none computed yet */
	Instant		end;
} ActivityEnd;

/* a walk through the active lots of a unit in the order they are spent */
typedef struct Cursor
{
	const Account *account;
	int32_t		unit;
	Instant		at;
	int			fixed;			/* lots with an end of their own, from here on
								 * towards the head */
	int			activity;		/* the same for lots that follow activity */
	ActivityEnd known;
} Cursor;

/* ------------------------------------------------------------------------
 * Pieces
 * ------------------------------------------------------------------------
 */

/* Is the piece what a member owes? */
static inline bool
is_debt(const LotPiece *piece)
{
	return piece->points < 0 &&
		piece->from == DEBT_FROM && piece->to == DEBT_TO;
}

/* Makes room for so many pieces. */
static CoreResult
reserve(Account *account, int capacity)
{
	if (account->capacity < capacity)
		account->grow(account, capacity);
	return account->capacity < capacity ? CORE_RANGE : CORE_OK;
}

/* Adds points, which may be negative, to the piece of a unit and a range. */
static CoreResult
add_piece(Account *account, int32_t unit, Points points,
		  Instant from, Instant to)
{
	LotPiece	piece = {points, from, to, unit, 0};

	TRY(reserve(account, account->npieces + 1));
	return lots_add_piece(account->pieces, &account->npieces, piece);
}

/* The piece of a unit and a range, or NULL. */
static LotPiece *
find_piece(const Account *account, int32_t unit, Instant from, Instant to)
{
	LotPiece	key = {0, from, to, unit, 0};
	int			low = 0;
	int			high = account->npieces;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;
		int			cmp = lot_piece_cmp(&account->pieces[middle], &key);

		if (cmp == 0)
			return &account->pieces[middle];
		if (cmp < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* Closes the gaps that emptied pieces left. */
static void
remove_empty_pieces(Account *account)
{
	int			n = 0;

	for (int i = 0; i < account->npieces; i++)
	{
		if (account->pieces[i].points == 0)
			continue;
		if (n < i)
			account->pieces[n] = account->pieces[i];
		n++;
	}
	account->npieces = n;
}

/* Tells a movement of points in a lot; readers have nobody to tell. */
static void
tell(MovementSink sink, void *arg, EntryKind kind, int32_t unit, Points points,
	 Instant from, Instant to, Instant occurred_at, int32_t tag)
{
	Movement	movement = {kind, unit, points, from, to, occurred_at, 0, 0, tag};

	if (sink != NULL)
		sink(arg, &movement);
}

/* ------------------------------------------------------------------------
 * Ends
 * ------------------------------------------------------------------------
 */

/* What the account knows of a unit, or NULL. */
static const AccountUnit *
find_unit(const Account *account, int32_t unit)
{
	/* usually numbered without gaps */
	if (unit > 0 && unit <= account->nunits &&
		account->units[unit - 1].unit == unit)
		return &account->units[unit - 1];
	for (int i = 0; i < account->nunits; i++)
	{
		if (account->units[i].unit == unit)
			return &account->units[i];
	}
	return NULL;
}

/*
 * The end of a piece.  *known keeps what was computed for one call's sake, and
 * must be zero at first.
 */
static CoreResult
piece_end(const Account *account, const LotPiece *piece, ActivityEnd *known,
		  Instant *end)
{
	if (piece->to != INSTANT_ACTIVITY)
	{
		*end = piece->to;
		return CORE_OK;
	}
	if (known->unit != piece->unit)
	{
		const AccountUnit *unit = find_unit(account, piece->unit);

		known->end = INSTANT_NEVER;
		if (unit != NULL && unit->follows_activity &&
			unit->last_activity != INSTANT_ALWAYS)
			TRY(period_end(&unit->activity_period, unit->last_activity,
						   account->zone, &known->end));
		known->unit = piece->unit;
	}
	*end = known->end < piece->from ? piece->from : known->end;
	return CORE_OK;
}

/*
 * The end of a piece, for callers.
 */
CoreResult
account_piece_end(const Account *account, const LotPiece *piece, Instant *end)
{
	ActivityEnd known = {0};

	return piece_end(account, piece, &known, end);
}

/* ------------------------------------------------------------------------
 * Time
 * ------------------------------------------------------------------------
 */

/*
 * What account_advance has to do: a heap of LotPieces beyond those of the
 * account, used as memory for four keys and a position:
 *
 *		points	 the instant at which it is due
 *		reserved what is due; at one instant lots expire before debt is repaid
 *		to, from end and start of the lot: order of repayment
 *		unit	 position of the lot's piece, the last first
 */
enum
{
	DUE_EXPIRY = 1,
	DUE_REPAYMENT = 2
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
 * The debts of all units: they stand together, at the end of what never ends,
 * since nothing starts earlier.
 */
static LotPiece *
find_debts(const Account *account, int *count)
{
	LotPiece   *pieces = account->pieces;
	int			end = 0;
	int			start;

	while (end < account->npieces && pieces[end].to == DEBT_TO)
		end++;
	start = end;
	while (start > 0 && pieces[start - 1].from == DEBT_FROM)
		start--;
	*count = end - start;
	return *count > 0 ? &pieces[start] : NULL;
}

/* What a unit owes among the debts, or NULL if it owes nothing. */
static LotPiece *
find_debt(LotPiece *debts, int ndebts, int32_t unit)
{
	for (int i = 0; i < ndebts; i++)
	{
		if (debts[i].unit == unit)
			return is_debt(&debts[i]) ? &debts[i] : NULL;
	}
	return NULL;
}

/*
 * Puts what is due on a heap yet to be ordered, or only counts it if heap is
 * NULL.
 *
 * Nothing becomes due by what is done before: debt only falls.  And as long as
 * there is debt, it takes all that is active, so that what repays it is known
 * beforehand: first what is active at since, then what activates, in order.
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

		TRY(piece_end(account, piece, &known, &end));
		if (end <= now && end != INSTANT_NEVER)
		{
			LotPiece	item = {end, piece->from, end, i, DUE_EXPIRY};

			if (heap != NULL)
				heap[n] = item;
			n++;
		}
		/* a lot that is over by then will have expired before */
		if (ndebts > 0 && piece->points > 0 && available <= now &&
			find_debt(debts, ndebts, piece->unit) != NULL)
		{
			LotPiece	item = {available, piece->from, end, i, DUE_REPAYMENT};

			if (heap != NULL)
				heap[n] = item;
			n++;
		}
	}
	*count = n;
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
	tell(sink, arg, ENTRY_REPAY, piece->unit, -points, piece->from, piece->to,
		 at, 0);
	tell(sink, arg, ENTRY_REPAY, debt->unit, points, debt->from, debt->to,
		 at, 0);
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

	if (since > now)
		since = now;
	debts = find_debts(account, &ndebts);
	TRY(collect_due(account, since, now, debts, ndebts, NULL, &n));
	if (n == 0)
		return CORE_OK;

	TRY(reserve(account, account->npieces + n));
	debts = find_debts(account, &ndebts);	/* pieces may have moved */
	heap = account->pieces + account->npieces;
	TRY(collect_due(account, since, now, debts, ndebts, heap, &n));
	for (int i = n / 2 - 1; i >= 0; i--)
		heap_sift(heap, n, i);

	while (n > 0)
	{
		LotPiece	due = heap[0];
		LotPiece   *piece = &account->pieces[due.unit];
		Instant		at = due.points;

		heap[0] = heap[--n];
		if (n > 0)
			heap_sift(heap, n, 0);

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
			tell(sink, arg, ENTRY_EXPIRE, piece->unit, points,
				 piece->from, piece->to, at, 0);
		}
	}
	remove_empty_pieces(account);
	return CORE_OK;
}

/*
 * The first instant at which account_advance would tell a movement.
 */
CoreResult
account_next_due(const Account *account, Instant *due)
{
	ActivityEnd known = {0};
	int			ndebts;
	LotPiece   *debts = find_debts(account, &ndebts);

	*due = INSTANT_NEVER;
	for (int i = 0; i < account->npieces; i++)
	{
		const LotPiece *piece = &account->pieces[i];
		Instant		end;

		TRY(piece_end(account, piece, &known, &end));
		if (end < *due)
			*due = end;
		if (ndebts > 0 && piece->points > 0 && piece->from < *due &&
			find_debt(debts, ndebts, piece->unit) != NULL)
			*due = piece->from;
	}
	return CORE_OK;
}

/* ------------------------------------------------------------------------
 * Balance
 * ------------------------------------------------------------------------
 */

/*
 * Sums of a unit at an instant.  Debt is negative.
 */
static CoreResult
sum_pieces(const Account *account, int32_t unit, Instant at,
		   CoreInt128 *active, CoreInt128 *pending, CoreInt128 *debt)
{
	ActivityEnd known = {0};

	*active = *pending = *debt = 0;
	for (int i = 0; i < account->npieces; i++)
	{
		const LotPiece *piece = &account->pieces[i];
		Instant		end;

		if (piece->unit != unit)
			continue;
		if (is_debt(piece))
		{
			*debt += piece->points;
			continue;
		}
		TRY(piece_end(account, piece, &known, &end));
		if (end <= at && end != INSTANT_NEVER)
			continue;
		if (piece->from > at)
			*pending += piece->points;
		else
			*active += piece->points;
	}
	return CORE_OK;
}

/* A sum as points, if it is some. */
static CoreResult
points_of_sum(CoreInt128 sum, Points *result)
{
	if (sum < POINTS_MIN || sum > POINTS_MAX)
		return CORE_RANGE;
	*result = (Points) sum;
	return CORE_OK;
}

/*
 * Points available, pending and owed.
 */
CoreResult
account_balance(const Account *account, int32_t unit, Instant at,
				Points *available, Points *pending, Points *debt)
{
	CoreInt128	active,
				later,
				owed;

	TRY(sum_pieces(account, unit, at, &active, &later, &owed));
	TRY(points_of_sum(active + owed, available));
	TRY(points_of_sum(later, pending));
	return points_of_sum(-owed, debt);
}

/* ------------------------------------------------------------------------
 * Giving
 * ------------------------------------------------------------------------
 */

/*
 * Adds points in a lot.
 */
CoreResult
account_add(Account *account, EntryKind kind, int32_t unit, Points points,
			Instant from, Instant to, Instant occurred_at, int32_t tag,
			MovementSink sink, void *arg)
{
	TRY(add_piece(account, unit, points, from, to));
	tell(sink, arg, kind, unit, points, from, to, occurred_at, tag);
	return CORE_OK;
}

/* Gives back to a lot what had been taken from it, as far as *left goes. */
static CoreResult
refill(Account *account, int32_t unit, Points limit, TakenLot *lot, Points *left,
	   Instant occurred_at, int32_t tag, MovementSink sink, void *arg)
{
	Points		points = lot->points;

	if (points > limit)
		points = limit;
	if (points > *left)
		points = *left;
	if (points <= 0)
		return CORE_OK;
	lot->points -= points;
	*left -= points;
	return account_add(account, ENTRY_EARN, unit, points, lot->from, lot->to,
					   occurred_at, tag, sink, arg);
}

/*
 * Gives points to an event whose entitlement has risen again.
 */
CoreResult
account_give(Account *account, int32_t unit, Points points,
			 Instant from, Instant to, Points excused, Points forgiven,
			 TakenLot *taken, int ntaken, Instant occurred_at, int32_t tag,
			 MovementSink sink, void *arg)
{
	Movement	movement = {ENTRY_EARN, unit, 0, from, to, occurred_at, 0, 0, tag};

	if (excused > points)
		excused = points;
	points -= excused;
	if (forgiven > points)
		forgiven = points;
	points -= forgiven;

	for (int i = 0; i < ntaken; i++)
	{
		if (taken[i].from == DEBT_FROM && taken[i].to == DEBT_TO)
		{
			LotPiece   *debt = find_piece(account, unit, DEBT_FROM, DEBT_TO);
			Points		owed = 0;

			if (debt != NULL && !points_sub(0, debt->points, &owed))
				return CORE_RANGE;
			TRY(refill(account, unit, owed, &taken[i], &points, occurred_at,
					   tag, sink, arg));
		}
	}
	for (int i = ntaken - 1; i >= 0; i--)
	{
		if (taken[i].from != DEBT_FROM || taken[i].to != DEBT_TO)
			TRY(refill(account, unit, POINTS_MAX, &taken[i], &points,
					   occurred_at, tag, sink, arg));
	}

	if (points == 0 && excused == 0 && forgiven == 0)
		return CORE_OK;
	if (points > 0)
		TRY(add_piece(account, unit, points, from, to));
	movement.points = points;
	movement.lapsed = -excused;
	movement.forgiven = -forgiven;
	if (sink != NULL)
		sink(arg, &movement);
	return CORE_OK;
}

/* ------------------------------------------------------------------------
 * Taking
 * ------------------------------------------------------------------------
 */

/* Starts a walk through the active lots of a unit. */
static void
cursor_start(Cursor *cursor, const Account *account, int32_t unit, Instant at)
{
	memset(cursor, 0, sizeof(*cursor));
	cursor->account = account;
	cursor->unit = unit;
	cursor->at = at;
	cursor->fixed = cursor->activity = account->npieces - 1;
}

/*
 * Moves one of a cursor's two positions to the next lot of its sort that can
 * be spent, or to -1; *end is the lot's end.
 */
static CoreResult
cursor_seek(Cursor *cursor, bool activity, int *at, Instant *end)
{
	for (; *at >= 0; (*at)--)
	{
		const LotPiece *piece = &cursor->account->pieces[*at];

		if (piece->unit != cursor->unit || piece->points <= 0 ||
			piece->from > cursor->at ||
			(piece->to == INSTANT_ACTIVITY) != activity)
			continue;
		TRY(piece_end(cursor->account, piece, &cursor->known, end));
		if (*end > cursor->at || *end == INSTANT_NEVER)
			break;
	}
	return CORE_OK;
}

/* The next active lot: nearest end first, ties by earlier start; or NULL. */
static CoreResult
cursor_next(Cursor *cursor, LotPiece **next)
{
	LotPiece   *pieces = cursor->account->pieces;
	Instant		fixed_end = 0;
	Instant		activity_end = 0;
	bool		activity;

	TRY(cursor_seek(cursor, false, &cursor->fixed, &fixed_end));
	TRY(cursor_seek(cursor, true, &cursor->activity, &activity_end));
	if (cursor->fixed < 0 || cursor->activity < 0)
		activity = cursor->activity >= 0;
	else if (fixed_end != activity_end)
		activity = activity_end < fixed_end;
	else if (pieces[cursor->activity].from != pieces[cursor->fixed].from)
		activity = pieces[cursor->activity].from < pieces[cursor->fixed].from;
	else
		activity = cursor->activity > cursor->fixed;	/* as in due_before */

	if (activity)
		*next = &pieces[cursor->activity--];
	else
		*next = cursor->fixed >= 0 ? &pieces[cursor->fixed--] : NULL;
	return CORE_OK;
}

/*
 * Takes at most *left points from a piece, told with the given kind, and
 * lowers *left by what was taken.
 */
static void
take_from_piece(LotPiece *piece, Points *left, EntryKind kind, Instant now,
				int32_t tag, MovementSink sink, void *arg)
{
	Points		points = piece->points < *left ? piece->points : *left;

	if (points <= 0)
		return;
	piece->points -= points;
	*left -= points;
	tell(sink, arg, kind, piece->unit, -points, piece->from, piece->to, now, tag);
}

/* Takes points from active lots, nearest end first. */
static CoreResult
take_active(Account *account, EntryKind kind, int32_t unit, Points *left,
			Instant now, int32_t tag, MovementSink sink, void *arg)
{
	Cursor		cursor;

	cursor_start(&cursor, account, unit, now);
	while (*left > 0)
	{
		LotPiece   *piece;

		TRY(cursor_next(&cursor, &piece));
		if (piece == NULL)
			break;
		take_from_piece(piece, left, kind, now, tag, sink, arg);
	}
	return CORE_OK;
}

/*
 * Takes points from pending lots, latest start first (ties: nearest end), so
 * that what a member waits for longest goes first.
 */
static CoreResult
take_pending(Account *account, EntryKind kind, int32_t unit, Points *left,
			 Instant now, int32_t tag, MovementSink sink, void *arg)
{
	while (*left > 0)
	{
		LotPiece   *latest = NULL;

		/* the array is not in this order, but there are few pending lots */
		for (int i = account->npieces - 1; i >= 0; i--)
		{
			LotPiece   *piece = &account->pieces[i];

			if (piece->unit == unit && piece->points > 0 &&
				piece->from > now &&
				(latest == NULL || piece->from > latest->from))
				latest = piece;
		}
		if (latest == NULL)
			break;
		take_from_piece(latest, left, kind, now, tag, sink, arg);
	}
	return CORE_OK;
}

/* What could not be taken becomes debt. */
static CoreResult
owe(Account *account, EntryKind kind, int32_t unit, Points points, Instant now,
	int32_t tag, MovementSink sink, void *arg)
{
	TRY(add_piece(account, unit, -points, DEBT_FROM, DEBT_TO));
	tell(sink, arg, kind, unit, -points, DEBT_FROM, DEBT_TO, now, tag);
	return CORE_OK;
}

/*
 * Takes points from active lots, all of them or none.
 */
CoreResult
account_take(Account *account, EntryKind kind, int32_t unit, Points points,
			 bool allow_debt, Instant now, int32_t tag, Points *missing,
			 MovementSink sink, void *arg)
{
	CoreInt128	active,
				pending,
				debt;
	Points		left = points;

	*missing = 0;
	TRY(sum_pieces(account, unit, now, &active, &pending, &debt));
	if (!allow_debt && active + debt < points)
		return points_of_sum(points - (active + debt), missing);

	TRY(take_active(account, kind, unit, &left, now, tag, sink, arg));
	remove_empty_pieces(account);
	if (left > 0)
		TRY(owe(account, kind, unit, left, now, tag, sink, arg));
	return CORE_OK;
}

/*
 * Takes back from one of the event's own lots: first what has lapsed, which
 * nobody can give back, then what is left.
 */
static void
take_own(Account *account, int32_t unit, OwnLot *own, Points *left, Instant now,
		 int32_t tag, MovementSink sink, void *arg)
{
	Points		excused = own->lapsed < own->share ? own->lapsed : own->share;
	Points		limit;
	Points		rest;
	LotPiece   *piece;

	if (excused > *left)
		excused = *left;
	if (excused > 0)
	{
		Movement	movement = {ENTRY_REVOKE, unit, 0, own->from, own->to, now,
		excused, 0, tag};

		own->lapsed -= excused;
		own->share -= excused;
		*left -= excused;
		if (sink != NULL)
			sink(arg, &movement);
	}

	piece = find_piece(account, unit, own->from, own->to);
	if (piece == NULL)
		return;
	limit = rest = own->share < *left ? own->share : *left;
	take_from_piece(piece, &rest, ENTRY_REVOKE, now, tag, sink, arg);
	own->share -= limit - rest;
	*left -= limit - rest;
}

/*
 * Takes back points that an event had earned.
 */
CoreResult
account_take_back(Account *account, int32_t unit, Points points,
				  OwnLot *own, int nown, bool forgive, Instant now, int32_t tag,
				  MovementSink sink, void *arg)
{
	Points		left = points;

	for (int i = 0; i < nown && left > 0; i++)
		take_own(account, unit, &own[i], &left, now, tag, sink, arg);
	TRY(take_pending(account, ENTRY_REVOKE, unit, &left, now, tag, sink, arg));
	TRY(take_active(account, ENTRY_REVOKE, unit, &left, now, tag, sink, arg));
	remove_empty_pieces(account);
	if (left == 0)
		return CORE_OK;
	if (forgive)
	{
		Movement	movement = {ENTRY_REVOKE, unit, 0,
			nown > 0 ? own[0].from : DEBT_FROM, nown > 0 ? own[0].to : DEBT_TO,
		now, 0, left, tag};

		if (sink != NULL)
			sink(arg, &movement);
		return CORE_OK;
	}
	return owe(account, ENTRY_REVOKE, unit, left, now, tag, sink, arg);
}
