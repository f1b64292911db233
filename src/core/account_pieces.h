/*-------------------------------------------------------------------------
 *
 * account_pieces.h
 *	  What the files of the account share: its pieces and their ends.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_CORE_ACCOUNT_PIECES_H
#define LOYALTY_CORE_ACCOUNT_PIECES_H

#include "account.h"

/* the end of one unit's activity, which is worth computing only once */
typedef struct ActivityEnd
{
	int32_t		unit;			/* 0: none computed yet */
	Instant		end;
} ActivityEnd;

/* Is the piece what a member owes? */
static inline bool
piece_is_debt(const LotPiece *piece)
{
	return piece->points < 0 &&
		piece->from == DEBT_FROM && piece->to == DEBT_TO;
}

/* Makes room for so many pieces. */
extern CoreResult account_reserve(Account *account, int capacity);

/* The piece of a unit and a range, which may be empty, or NULL. */
extern LotPiece *account_find_piece(const Account *account, int32_t unit,
									Instant from, Instant to);

/*
 * Where lots are: in one of two arrays, both in order.
 */
#define ACCOUNT_RUNS	2

static inline LotPiece *
account_run(const Account *account, int run, int *count)
{
	*count = run == 0 ? account->npieces : account->nrecent;
	return run == 0 ? account->pieces : account->recent;
}

/* Are there more lots than can be walked through for each that moves? */
static inline bool
account_is_big(const Account *account)
{
	return account->npieces + account->nrecent > ACCOUNT_BIG;
}

/* How many pieces of an array stand before a key, or are it. */
extern int	account_position(const LotPiece *pieces, int count, const LotPiece *key);

/* What the account knows of a unit, or NULL. */
extern AccountUnit *account_unit(const Account *account, int32_t unit);

/* Forgets what walks through the lots have found. */
extern void account_forget_marks(Account *account);

/*
 * Removes emptied pieces, at once or, of a big account, when there are many.
 */
extern void account_remove_empty(Account *account);
extern void account_close_gaps(Account *account);

/* Removes what is held no more. */
extern void account_close_held_gaps(Account *account);

/* The lot that a held piece came from, with the piece's points. */
static inline LotPiece
held_lot(const HeldPiece *held)
{
	LotPiece	piece = {held->points, held->from, held->to, held->unit, 0};

	return piece;
}

/* Tells a movement of points in a lot; readers have nobody to tell. */
extern void account_tell(MovementSink sink, void *arg, EntryKind kind, int32_t unit,
						 Points points, Instant from, Instant to,
						 Instant occurred_at, int32_t tag);

/*
 * The end of a piece.  *known keeps what was computed for one call's sake, and
 * must be zero at first.
 */
extern CoreResult account_end_of(const Account *account, const LotPiece *piece,
								 ActivityEnd *known, Instant *end);

/*
 * Takes points from active lots, nearest end first, as far as *left goes; the
 * emptied ones are left as gaps.
 */
extern CoreResult account_take_active(Account *account, EntryKind kind, int32_t unit,
									  Points *left, Instant now, int32_t tag,
									  MovementSink sink, void *arg);

/* How much points exceed what is active at an instant less what is owed; 0: not. */
extern CoreResult account_missing(const Account *account, int32_t unit, Points points,
								  Instant at, Points *missing);

#endif							/* LOYALTY_CORE_ACCOUNT_PIECES_H */
