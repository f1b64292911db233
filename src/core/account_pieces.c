/*-------------------------------------------------------------------------
 *
 * account_pieces.c
 *	  The pieces of an account, and when they end.
 *
 * Functions that empty pieces leave them in place with no points, so that
 * positions stay valid, and close the gaps once at the end.  In a big account
 * they stay longer, since to close gaps is to walk through all lots.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "account_pieces.h"

/* ------------------------------------------------------------------------
 * Pieces
 * ------------------------------------------------------------------------
 */

/* Makes room for so many pieces. */
CoreResult
account_reserve(Account *account, int capacity)
{
	if (account->capacity < capacity)
		account->grow(account, capacity);
	return account->capacity < capacity ? CORE_RANGE : CORE_OK;
}

/* see account_pieces.h */
int
account_position(const LotPiece *pieces, int count, const LotPiece *key)
{
	int			low = 0;
	int			high = count;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (lot_piece_cmp(&pieces[middle], key) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The piece of a unit and a range, or NULL. */
LotPiece *
account_find_piece(const Account *account, int32_t unit, Instant from, Instant to)
{
	LotPiece	key = {0, from, to, unit, 0};

	for (int run = 0; run < ACCOUNT_RUNS; run++)
	{
		int			n;
		LotPiece   *pieces = account_run(account, run, &n);
		int			at = account_position(pieces, n, &key);

		if (at > 0 && lot_piece_cmp(&pieces[at - 1], &key) == 0)
			return &pieces[at - 1];
	}
	return NULL;
}

/* Points in a lot; 0 if there is none. */
Points
account_lot_points(const Account *account, int32_t unit, Instant from, Instant to)
{
	const LotPiece *piece = account_find_piece(account, unit, from, to);

	return piece != NULL ? piece->points : 0;
}

/* How many lots may be recent: the more there are, the dearer it is to settle them. */
static int
recent_limit(const Account *account)
{
	int			limit = ACCOUNT_BIG;

	while ((int64_t) limit * limit < account->npieces)
		limit *= 2;
	return limit;
}

/* Walks must see points that were added. */
static void
move_marks(const Account *account, const LotPiece *piece)
{
	AccountUnit *unit = account_unit(account, piece->unit);

	if (unit == NULL || !unit->marks.known || piece->points <= 0)
		return;
	if (lot_piece_cmp(piece, &unit->marks.nearest) > 0)
		unit->marks.nearest = *piece;
	if (piece->from > unit->marks.at)
		unit->marks.none_pending = false;
}

/* Adds points, which may be negative, to the piece of a unit and a range. */
CoreResult
account_add_piece(Account *account, int32_t unit, Points points,
				  Instant from, Instant to)
{
	LotPiece	piece = {points, from, to, unit, 0};
	bool		big = account->npieces > ACCOUNT_BIG && account->grow_recent != NULL;
	LotPiece   *found;

	if (points == 0)
		return CORE_OK;
	if (big || account->nrecent > 0 || account->nempty > 0)
	{
		move_marks(account, &piece);
		found = account_find_piece(account, unit, from, to);
		if (found != NULL)
		{
			Points		total;

			if (!points_add(found->points, points, &total))
				return CORE_RANGE;
			account->nempty += (total == 0) - (found->points == 0);
			found->points = total;
			return CORE_OK;
		}
	}
	if (big)
	{
		if (account->nrecent >= recent_limit(account))
			TRY(account_settle(account));
		if (account->nrecent == account->recent_capacity)
			account->grow_recent(account, account->nrecent + 1);
		if (account->nrecent == account->recent_capacity)
			return CORE_RANGE;
		return lots_add_piece(account->recent, &account->nrecent, piece);
	}
	TRY(account_reserve(account, account->npieces + 1));
	return lots_add_piece(account->pieces, &account->npieces, piece);
}

/* Removes emptied pieces from an array. */
static int
remove_empty(LotPiece *pieces, int count)
{
	int			n = 0;

	for (int i = 0; i < count; i++)
	{
		if (pieces[i].points == 0)
			continue;
		if (n < i)
			pieces[n] = pieces[i];
		n++;
	}
	return n;
}

/* see account_pieces.h */
void
account_remove_empty(Account *account)
{
	account->npieces = remove_empty(account->pieces, account->npieces);
	account->nrecent = remove_empty(account->recent, account->nrecent);
	account->nempty = 0;
}

/* see account_pieces.h */
void
account_close_gaps(Account *account)
{
	if (!account_is_big(account) || account->nempty > account->npieces / 4)
	{
		account_remove_empty(account);
		return;
	}

	/* what is spent and what expires stands at the end */
	for (int run = 0; run < ACCOUNT_RUNS; run++)
	{
		int			n;
		LotPiece   *pieces = account_run(account, run, &n);

		for (; n > 0 && pieces[n - 1].points == 0; n--)
			account->nempty--;
		*(run == 0 ? &account->npieces : &account->nrecent) = n;
	}
}

/*
 * Puts all lots in pieces, and none that is empty.
 */
CoreResult
account_settle(Account *account)
{
	int			i = account->npieces - 1;
	int			k = account->nrecent - 1;
	int			to = i + k + 1;

	if (account->nrecent > 0)
	{
		TRY(account_reserve(account, account->npieces + account->nrecent));
		account->npieces += account->nrecent;
		account->nrecent = 0;

		/* from the end on, where there is room */
		while (k >= 0)
		{
			if (i >= 0 && lot_piece_cmp(&account->pieces[i], &account->recent[k]) > 0)
				account->pieces[to--] = account->pieces[i--];
			else
				account->pieces[to--] = account->recent[k--];
		}
	}
	if (account->nempty > 0)
		account_remove_empty(account);
	return CORE_OK;
}

/*
 * Adds lots in any order.
 */
CoreResult
account_merge(Account *account, LotPiece *pieces, int npieces)
{
	int			n;

	TRY(lots_normalize(pieces, &npieces));
	TRY(account_settle(account));
	TRY(account_reserve(account, account->npieces + npieces));
	account_forget_marks(account);

	/* those there were make room, and are overtaken by none that is written */
	n = account->npieces;
	memmove(account->pieces + npieces, account->pieces, n * sizeof(LotPiece));
	return lots_add(account->pieces + npieces, n, pieces, npieces, account->pieces,
					&account->npieces);
}

/* The same for what is held. */
void
account_close_held_gaps(Account *account)
{
	int			n = 0;

	for (int i = 0; i < account->nheld; i++)
	{
		if (account->held[i].points == 0)
			continue;
		if (n < i)
			account->held[n] = account->held[i];
		n++;
	}
	account->nheld = n;
}

/* Tells a movement of points in a lot; readers have nobody to tell. */
void
account_tell(MovementSink sink, void *arg, EntryKind kind, int32_t unit, Points points,
	 Instant from, Instant to, Instant occurred_at, int32_t tag)
{
	Movement	movement = {kind, unit, points, from, to, occurred_at, 0, 0, tag, 0};

	if (sink != NULL)
		sink(arg, &movement);
}

/* ------------------------------------------------------------------------
 * Ends
 * ------------------------------------------------------------------------
 */

/* What the account knows of a unit, or NULL. */
AccountUnit *
account_unit(const Account *account, int32_t unit)
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

/* see account_pieces.h */
void
account_forget_marks(Account *account)
{
	for (int i = 0; i < account->nunits; i++)
		account->units[i].marks.known = false;
}

/*
 * The end of a piece.  *known keeps what was computed for one call's sake, and
 * must be zero at first.
 */
CoreResult
account_end_of(const Account *account, const LotPiece *piece, ActivityEnd *known,
		  Instant *end)
{
	if (piece->to != INSTANT_ACTIVITY)
	{
		*end = piece->to;
		return CORE_OK;
	}
	if (known->unit != piece->unit)
	{
		const AccountUnit *unit = account_unit(account, piece->unit);

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

	return account_end_of(account, piece, &known, end);
}
