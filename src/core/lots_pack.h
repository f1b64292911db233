/*-------------------------------------------------------------------------
 *
 * lots_pack.h
 *	  Lots in few bytes, for the rows that hold many.
 *
 * Pieces stand in their usual order, latest end first, each told as the
 * difference from the next (the older one), so that a piece that comes in at
 * the head leaves the bytes of all others as they are.  One piece:
 *
 *		1 byte		bits 0-1: its end: PACK_TO_...; bit 2: it starts always;
 *					bit 3: whole points; bits 4-7: the unit, 0: it follows
 *		varint		the unit, unless it was told
 *		varint		points, zigzag; whole points if bit 3 is set
 *		varint		start less the next piece's start, zigzag; unless always
 *		varint		end less the next piece's end, zigzag; for PACK_TO_DELTA
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_CORE_LOTS_PACK_H
#define LOYALTY_CORE_LOTS_PACK_H

#include "lots.h"

/* no piece needs more bytes than this */
#define LOTS_PACK_MAX	36

/* Packs pieces into a buffer of count * LOTS_PACK_MAX bytes; returns the size. */
extern size_t lots_pack(const LotPiece *pieces, int count, unsigned char *buffer);

/* How many pieces a packed form holds; -1 if it does not hold whole ones. */
extern int	lots_pack_count(const unsigned char *packed, size_t size);

/*
 * Unpacks in two steps, so that who has no room for all pieces can make more
 * without having counted them before.  lots_unpack reads from *packed on to
 * the limit, or until pieces[room], and moves *packed and *count on; when it
 * has come to the limit, lots_unpack_end makes the pieces what they were.
 * CORE_SYNTAX or CORE_RANGE, of either, if that is nothing that lots_pack
 * made of lots as lots_validate wants them.
 */
extern CoreResult lots_unpack(const unsigned char **packed, const unsigned char *limit,
							  LotPiece *pieces, int room, int *count);
extern CoreResult lots_unpack_end(LotPiece *pieces, int count);

#endif							/* LOYALTY_CORE_LOTS_PACK_H */
