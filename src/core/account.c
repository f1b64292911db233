/*-------------------------------------------------------------------------
 *
 * account.c
 *	  The state of one member's account, and how it moves.
 *
 * The array's order, nearest end last, is also the order in which points are
 * spent, except that lots that follow activity stand apart from those with an
 * end of their own: their end is not in the array.  Functions that empty
 * pieces leave them in place with no points, so that positions stay valid, and
 * close the gaps once at the end.  Big accounts have a second array of recent
 * lots, and marks of where to look, see account.h.
 *
 * After CORE_RANGE an account may have moved in part; it must be thrown away.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "account_pieces.h"

/* a place in one of the arrays of lots */
typedef struct Place
{
	LotPiece   *pieces;
	int			at;				/* from here on towards the head; -1: none */
	int			until;			/* not beyond */
	bool		activity;		/* only lots that follow activity, or only others */
	Instant		end;			/* of the lot there */
} Place;

/* a walk through the active lots of a unit in the order they are spent */
typedef struct Cursor
{
	const Account *account;
	int32_t		unit;
	Instant		at;
	Place		places[ACCOUNT_RUNS * 2];
	ActivityEnd known;
} Cursor;

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
	for (int run = 0; run < ACCOUNT_RUNS; run++)
	{
		int			n;
		const LotPiece *pieces = account_run(account, run, &n);

		for (int i = 0; i < n; i++)
		{
			const LotPiece *piece = &pieces[i];
			Instant		end;

			if (piece->unit != unit)
				continue;
			if (piece_is_debt(piece))
			{
				*debt += piece->points;
				continue;
			}
			TRY(account_end_of(account, piece, &known, &end));
			if (end <= at && end != INSTANT_NEVER)
				continue;
			if (piece->from > at)
				*pending += piece->points;
			else
				*active += piece->points;
		}
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

/* see account_pieces.h */
CoreResult
account_missing(const Account *account, int32_t unit, Points points, Instant at,
				Points *missing)
{
	CoreInt128	active,
				pending,
				debt;

	*missing = 0;
	TRY(sum_pieces(account, unit, at, &active, &pending, &debt));
	if (active + debt < points)
		return points_of_sum(points - (active + debt), missing);
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
	TRY(account_add_piece(account, unit, points, from, to));
	account_tell(sink, arg, kind, unit, points, from, to, occurred_at, tag);
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
			LotPiece   *debt = account_find_piece(account, unit, DEBT_FROM, DEBT_TO);
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
		TRY(account_add_piece(account, unit, points, from, to));
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

/* The marks of a unit, if they hold at an instant; else NULL. */
static AccountMarks *
valid_marks(const Account *account, int32_t unit, Instant at)
{
	AccountUnit *state = account_is_big(account) ? account_unit(account, unit) : NULL;

	return state != NULL && state->marks.known && state->marks.at == at ?
		&state->marks : NULL;
}

/* Makes the marks of a unit hold at an instant; NULL if it has none. */
static AccountMarks *
make_marks(const Account *account, int32_t unit, Instant at)
{
	AccountUnit *state = account_is_big(account) ? account_unit(account, unit) : NULL;

	if (state == NULL)
		return NULL;
	if (!state->marks.known || state->marks.at != at)
	{
		memset(&state->marks, 0, sizeof(state->marks));
		state->marks.known = true;
		state->marks.at = at;
		state->marks.nearest.to = INT64_MIN;	/* behind all */
	}
	return &state->marks;
}

/* Starts a walk through the active lots of a unit. */
static void
cursor_start(Cursor *cursor, const Account *account, int32_t unit, Instant at)
{
	const AccountMarks *marks = valid_marks(account, unit, at);
	LotPiece	before_activity = {0, INT64_MIN, INSTANT_NEVER, INT32_MAX, 0};
	LotPiece	last_activity = {0, INT64_MIN, INSTANT_ACTIVITY, INT32_MAX, 0};

	memset(cursor, 0, sizeof(*cursor));
	cursor->account = account;
	cursor->unit = unit;
	cursor->at = at;
	for (int run = 0; run < ACCOUNT_RUNS; run++)
	{
		int			n;
		LotPiece   *pieces = account_run(account, run, &n);
		Place	   *fixed = &cursor->places[2 * run];
		Place	   *activity = &cursor->places[2 * run + 1];

		fixed->pieces = activity->pieces = pieces;
		fixed->at = (marks != NULL ? account_position(pieces, n, &marks->nearest) : n) - 1;
		activity->activity = true;
		activity->until = account_position(pieces, n, &before_activity);
		activity->at = account_position(pieces, n, &last_activity) - 1;
	}
}

/*
 * Moves a place to the next lot of its sort that can be spent, or to -1.
 */
static CoreResult
cursor_seek(Cursor *cursor, Place *place)
{
	for (; place->at >= place->until; place->at--)
	{
		const LotPiece *piece = &place->pieces[place->at];

		if (piece->unit != cursor->unit || piece->points <= 0 ||
			piece->from > cursor->at ||
			(piece->to == INSTANT_ACTIVITY) != place->activity)
			continue;
		TRY(account_end_of(cursor->account, piece, &cursor->known, &place->end));
		if (place->end > cursor->at || place->end == INSTANT_NEVER)
			return CORE_OK;
	}
	place->at = -1;
	return CORE_OK;
}

/* Is the lot at a place spent before that at another? */
static bool
spent_before(const Place *a, const Place *b)
{
	const LotPiece *left = &a->pieces[a->at];
	const LotPiece *right = &b->pieces[b->at];

	if (a->end != b->end)
		return a->end < b->end;
	if (left->from != right->from)
		return left->from < right->from;
	return lot_piece_cmp(left, right) > 0;	/* as in due_before */
}

/* The next active lot: nearest end first, ties by earlier start; or NULL. */
static CoreResult
cursor_next(Cursor *cursor, LotPiece **next)
{
	Place	   *first = NULL;

	for (int i = 0; i < ACCOUNT_RUNS * 2; i++)
	{
		Place	   *place = &cursor->places[i];

		TRY(cursor_seek(cursor, place));
		if (place->at >= 0 && (first == NULL || spent_before(place, first)))
			first = place;
	}
	*next = first != NULL ? &first->pieces[first->at--] : NULL;
	return CORE_OK;
}

/*
 * Takes at most *left points from a piece, told with the given kind, and
 * lowers *left by what was taken.
 */
static void
take_from_piece(Account *account, LotPiece *piece, Points *left, EntryKind kind,
				Instant now, int32_t tag, MovementSink sink, void *arg)
{
	Points		points = piece->points < *left ? piece->points : *left;

	if (points <= 0)
		return;
	piece->points -= points;
	account->nempty += piece->points == 0;
	*left -= points;
	account_tell(sink, arg, kind, piece->unit, -points, piece->from, piece->to, now, tag);
}

/* see account_pieces.h */
CoreResult
account_take_active(Account *account, EntryKind kind, int32_t unit, Points *left,
			Instant now, int32_t tag, MovementSink sink, void *arg)
{
	Cursor		cursor;
	AccountMarks *marks;

	if (*left <= 0)
		return CORE_OK;
	cursor_start(&cursor, account, unit, now);
	marks = make_marks(account, unit, now);
	while (*left > 0)
	{
		LotPiece   *piece;

		TRY(cursor_next(&cursor, &piece));
		if (piece == NULL)
		{
			/* nothing with an end of its own is left */
			if (marks != NULL)
			{
				marks->nearest.to = INSTANT_NEVER;
				marks->nearest.from = INT64_MAX;
				marks->nearest.unit = 0;
			}
			break;
		}
		if (marks != NULL && piece->to != INSTANT_ACTIVITY)
			marks->nearest = *piece;
		take_from_piece(account, piece, left, kind, now, tag, sink, arg);
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
	const AccountMarks *marks = valid_marks(account, unit, now);
	ActivityEnd known = {0};

	if (marks != NULL && marks->none_pending)
		return CORE_OK;
	while (*left > 0)
	{
		LotPiece   *latest = NULL;
		Instant		latest_end = 0;

		/* the arrays are not in this order, but there are few pending lots */
		for (int run = 0; run < ACCOUNT_RUNS; run++)
		{
			int			n;
			LotPiece   *pieces = account_run(account, run, &n);

			for (int i = n - 1; i >= 0; i--)
			{
				LotPiece   *piece = &pieces[i];
				Instant		end;

				if (piece->unit != unit || piece->points <= 0 || piece->from <= now ||
					(latest != NULL && piece->from < latest->from))
					continue;
				TRY(account_end_of(account, piece, &known, &end));
				if (latest != NULL && piece->from == latest->from &&
					(end > latest_end ||
					 (end == latest_end && lot_piece_cmp(piece, latest) <= 0)))
					continue;
				latest = piece;
				latest_end = end;
			}
		}
		if (latest == NULL)
		{
			AccountMarks *made = make_marks(account, unit, now);

			if (made != NULL)
				made->none_pending = true;
			break;
		}
		take_from_piece(account, latest, left, kind, now, tag, sink, arg);
	}
	return CORE_OK;
}

/* What could not be taken becomes debt. */
static CoreResult
owe(Account *account, EntryKind kind, int32_t unit, Points points, Instant now,
	int32_t tag, MovementSink sink, void *arg)
{
	TRY(account_add_piece(account, unit, -points, DEBT_FROM, DEBT_TO));
	account_tell(sink, arg, kind, unit, -points, DEBT_FROM, DEBT_TO, now, tag);
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
	Points		left = points;

	*missing = 0;
	if (!allow_debt)
	{
		TRY(account_missing(account, unit, points, now, missing));
		if (*missing > 0)
			return CORE_OK;
	}
	TRY(account_take_active(account, kind, unit, &left, now, tag, sink, arg));
	account_close_gaps(account);
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

	piece = account_find_piece(account, unit, own->from, own->to);
	if (piece == NULL)
		return;
	limit = rest = own->share < *left ? own->share : *left;
	take_from_piece(account, piece, &rest, ENTRY_REVOKE, now, tag, sink, arg);
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
	TRY(account_take_active(account, ENTRY_REVOKE, unit, &left, now, tag, sink, arg));
	account_close_gaps(account);
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
