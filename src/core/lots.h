/*-------------------------------------------------------------------------
 *
 * lots.h
 *	  A balance as a function of time: so many points of a unit, valid from
 *	  an instant to another.
 *
 * Lots are a sorted array of pieces, each (unit, from, to) at most once and
 * none with zero points: a commutative group under addition.  The order is
 * latest end first, so that what is earned comes in at the head and what is
 * spent or expires leaves at the tail (a change at the head costs the least
 * WAL).  A piece with points < 0 is debt when its range is
 * [INSTANT_ALWAYS, INSTANT_NEVER), otherwise a difference of two balances.
 *
 * Arrays are lent by the caller, who sees to their capacity.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_CORE_LOTS_H
#define LOYALTY_CORE_LOTS_H

#include "points.h"
#include "scan.h"

/* 32 bytes, no padding; this is also the on-disk form of one piece */
typedef struct LotPiece
{
	Points		points;			/* never 0 */
	Instant		from;			/* valid from (included) */
	Instant		to;				/* to (excluded); INSTANT_NEVER;
								 * INSTANT_ACTIVITY */
	int32_t		unit;			/* number of the unit, > 0 */
	int32_t		reserved;		/* zero */
} LotPiece;

/* Sort order of pieces: to descending, from descending, unit ascending. */
static inline int
lot_piece_cmp(const LotPiece *a, const LotPiece *b)
{
	if (a->to != b->to)
		return a->to > b->to ? -1 : 1;
	if (a->from != b->from)
		return a->from > b->from ? -1 : 1;
	return (a->unit > b->unit) - (a->unit < b->unit);
}

/* CORE_SYNTAX or CORE_RANGE unless unit and range of a piece are possible. */
static inline CoreResult
lot_piece_validate(const LotPiece *piece)
{
	if (piece->reserved != 0)
		return CORE_SYNTAX;
	if (piece->unit <= 0)
		return CORE_RANGE;
	if (piece->from != INSTANT_ALWAYS &&
		(piece->from < INSTANT_MIN || piece->from >= INSTANT_END))
		return CORE_RANGE;
	if (piece->to != INSTANT_NEVER && piece->to != INSTANT_ACTIVITY &&
		(piece->to < INSTANT_MIN || piece->to >= INSTANT_END))
		return CORE_RANGE;
	return piece->from < piece->to ? CORE_OK : CORE_RANGE;
}

/*
 * Adds a piece to a sorted array of *count pieces that has room for one more:
 * merges with the piece of the same unit and range, removes it if the sum is
 * zero.  CORE_RANGE if the sum overflows (the array is then unchanged).
 */
extern CoreResult lots_add_piece(LotPiece *pieces, int *count, LotPiece piece);

/* Sum of two sorted arrays into a third with room for an + bn pieces. */
extern CoreResult lots_add(const LotPiece *a, int an,
						   const LotPiece *b, int bn,
						   LotPiece *result, int *count);

/*
 * Points of a unit (0: of all) valid at an instant, debt deducted; may be
 * negative.  Lots that follow activity count as valid from their start.
 */
extern CoreResult lots_available(const LotPiece *pieces, int count, int32_t unit,
								 Instant at, Points *result);

/* Points of a unit whose validity starts after the instant. */
extern CoreResult lots_pending(const LotPiece *pieces, int count, int32_t unit,
							   Instant at, Points *result);

/*
 * The first instant after at when a piece starts or ends, whether or not
 * others make up for it; INSTANT_NEVER if there is none.
 */
extern Instant lots_next_change(const LotPiece *pieces, int count, Instant at);

/*
 * Takes an amount of a unit from what is valid at an instant, nearest end
 * first, never-ending last, ties by earlier start.  rest and taken are lent
 * with room for count pieces each.  If there is too little, takes nothing,
 * and *missing says how much; otherwise *missing is 0.
 */
extern CoreResult lots_spend(const LotPiece *pieces, int count, int32_t unit,
							 Points amount, Instant at,
							 LotPiece *rest, int *nrest,
							 LotPiece *taken, int *ntaken, Points *missing);

/* Sorts pieces, merges those of one unit and range, drops empty ones. */
extern CoreResult lots_normalize(LotPiece *pieces, int *count);

/* The inverse of the group; result may be the array itself. */
extern CoreResult lots_negate(const LotPiece *pieces, int count,
							  LotPiece *result);

/*
 * CORE_SYNTAX or CORE_RANGE unless an array is one that the functions here
 * could have made.
 */
extern CoreResult lots_validate(const LotPiece *pieces, int count);

/* A total order of balances for indexes; it means nothing. */
extern int	lots_cmp(const LotPiece *a, int an, const LotPiece *b, int bn);

/*
 * Text form: {1:250@[2026-01-15 00:00:00+00,2027-02-01 00:00:00+00),...}, a
 * bound left out for infinity, activity for INSTANT_ACTIVITY.  lots_parse
 * needs room for lots_parse_limit pieces and accepts any order.
 */
#define LOT_PIECE_TEXT_SIZE 128

extern int	lots_parse_limit(const char *text, size_t length);
extern CoreResult lots_parse(const char *text, size_t length,
							 LotPiece *pieces, int *count);

/* Takes one piece without braces and comma, with any unit, points and range. */
extern CoreResult lot_piece_scan(Scanner *in, LotPiece *piece);

/* Writes one piece without braces and comma; returns the length. */
extern int	lot_piece_format(const LotPiece *piece, char *buffer);

#endif							/* LOYALTY_CORE_LOTS_H */
