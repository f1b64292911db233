/*-------------------------------------------------------------------------
 *
 * account_pieces.c
 *	  The pieces of an account, and when they end.
 *
 * Functions that empty pieces leave them in place with no points, so that
 * positions stay valid, and close the gaps once at the end.
 *
 *-------------------------------------------------------------------------
 */
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

/* Adds points, which may be negative, to the piece of a unit and a range. */
CoreResult
account_add_piece(Account *account, int32_t unit, Points points,
		  Instant from, Instant to)
{
	LotPiece	piece = {points, from, to, unit, 0};

	TRY(account_reserve(account, account->npieces + 1));
	return lots_add_piece(account->pieces, &account->npieces, piece);
}

/* The piece of a unit and a range, or NULL. */
LotPiece *
account_find_piece(const Account *account, int32_t unit, Instant from, Instant to)
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
void
account_close_gaps(Account *account)
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

	return account_end_of(account, piece, &known, end);
}
