/*-------------------------------------------------------------------------
 *
 * lots_pack.c
 *	  Lots in few bytes, for the rows that hold many.
 *
 *-------------------------------------------------------------------------
 */
#include "lots_pack.h"
#include "varint.h"

#define PACK_TO_DELTA		0
#define PACK_TO_NEVER		1
#define PACK_TO_ACTIVITY	2
#define PACK_TO_SAME		3	/* as that of the next piece */
#define PACK_TO_MASK		0x03
#define PACK_FROM_ALWAYS	0x04
#define PACK_WHOLE			0x08
#define PACK_UNIT_SHIFT		4
#define PACK_UNIT_MAX		15

/*
 * What a piece is told relative to: the next one's start and end, 0 if none.
 * Differences wrap around, so that any two instants have one.
 */
static uint64_t
reference_from(const LotPiece *next)
{
	return next == NULL || next->from == INSTANT_ALWAYS ? 0 : (uint64_t) next->from;
}

static uint64_t
reference_to(const LotPiece *next)
{
	return next == NULL || next->to >= INSTANT_ACTIVITY ? 0 : (uint64_t) next->to;
}

/* see lots_pack.h */
size_t
lots_pack(const LotPiece *pieces, int count, unsigned char *buffer)
{
	unsigned char *at = buffer;
	int			i;

	for (i = 0; i < count; i++)
	{
		const LotPiece *piece = &pieces[i];
		const LotPiece *next = i + 1 < count ? piece + 1 : NULL;
		unsigned char *to = at + 1;
		Points		whole = piece->points / POINTS_SCALE;
		uint64_t	points = zigzag((uint64_t) piece->points);
		unsigned int head = 0;

		if (whole * POINTS_SCALE == piece->points)
		{
			head = PACK_WHOLE;
			points = zigzag((uint64_t) whole);
		}
		if (piece->unit <= PACK_UNIT_MAX)
			head |= (unsigned int) piece->unit << PACK_UNIT_SHIFT;
		else
			to = put_varint(to, (uint64_t) piece->unit);

		to = put_varint(to, points);
		if (piece->from == INSTANT_ALWAYS)
			head |= PACK_FROM_ALWAYS;
		else
			to = put_varint(to, zigzag((uint64_t) piece->from - reference_from(next)));
		if (piece->to == INSTANT_NEVER)
			head |= PACK_TO_NEVER;
		else if (piece->to == INSTANT_ACTIVITY)
			head |= PACK_TO_ACTIVITY;
		else if (next && piece->to == next->to)
			head |= PACK_TO_SAME;
		else
			to = put_varint(to, zigzag((uint64_t) piece->to - reference_to(next)));
		*at = (unsigned char) head;
		at = to;
	}
	return (size_t) (at - buffer);
}

/* see lots_pack.h */
int
lots_pack_count(const unsigned char *packed, size_t size)
{
	const unsigned char *at = packed;
	const unsigned char *limit = packed + size;
	int			count = 0;

	/* how many numbers a piece has its head tells; each ends at a byte below 0x80 */
	while (at < limit)
	{
		unsigned char head = *at++;
		int			numbers = 1 + (head >> PACK_UNIT_SHIFT == 0) +
			((head & PACK_FROM_ALWAYS) == 0) +
			((head & PACK_TO_MASK) == PACK_TO_DELTA);

		while (numbers > 0)
		{
			if (at >= limit)
				return -1;
			numbers -= *at++ < 0x80;
		}
		count++;
	}
	return count;
}

/* see lots_pack.h */
CoreResult
lots_unpack(const unsigned char **packed, const unsigned char *limit,
			LotPiece *pieces, int room, int *count)
{
	const unsigned char *at = *packed;
	int			n = *count;

	for (; at < limit && n < room; n++)
	{
		LotPiece   *piece = &pieces[n];
		unsigned char head = *at++;
		uint64_t	value;

		piece->reserved = head & (PACK_TO_MASK | PACK_FROM_ALWAYS);
		piece->unit = head >> PACK_UNIT_SHIFT;
		if (piece->unit == 0)
		{
			at = get_varint(at, limit, &value);
			if (at == NULL || value <= PACK_UNIT_MAX || value > INT32_MAX)
				return CORE_SYNTAX;
			piece->unit = (int32_t) value;
		}
		at = get_varint(at, limit, &value);
		if (at == NULL)
			return CORE_SYNTAX;
		piece->points = (Points) unzigzag(value);
		if ((head & PACK_WHOLE) &&
			__builtin_mul_overflow(piece->points, (Points) POINTS_SCALE, &piece->points))
			return CORE_SYNTAX;
		if ((head & PACK_FROM_ALWAYS) == 0)
		{
			at = get_varint(at, limit, &value);
			if (at == NULL)
				return CORE_SYNTAX;
			piece->from = (Instant) unzigzag(value);
		}
		if ((head & PACK_TO_MASK) == PACK_TO_DELTA)
		{
			at = get_varint(at, limit, &value);
			if (at == NULL)
				return CORE_SYNTAX;
			piece->to = (Instant) unzigzag(value);
		}
	}
	*packed = at;
	*count = n;
	return CORE_OK;
}

/* see lots_pack.h */
CoreResult
lots_unpack_end(LotPiece *pieces, int count)
{
	const LotPiece *next = NULL;
	int			i;

	/* differences, from the last piece on */
	for (i = count - 1; i >= 0; i--)
	{
		LotPiece   *piece = &pieces[i];
		int			kind = piece->reserved;

		piece->reserved = 0;
		if ((kind & PACK_FROM_ALWAYS) == 0)
			piece->from = (Instant) ((uint64_t) piece->from + reference_from(next));
		else
			piece->from = INSTANT_ALWAYS;
		switch (kind & PACK_TO_MASK)
		{
			case PACK_TO_NEVER:
				piece->to = INSTANT_NEVER;
				break;
			case PACK_TO_ACTIVITY:
				piece->to = INSTANT_ACTIVITY;
				break;
			case PACK_TO_SAME:
				if (next == NULL)
					return CORE_SYNTAX;
				piece->to = next->to;
				break;
			default:
				piece->to = (Instant) ((uint64_t) piece->to + reference_to(next));
				break;
		}

		/* what lots_validate wants of it, as it is at hand */
		TRY(lot_piece_validate(piece));
		if (piece->points == 0 || (next && lot_piece_cmp(piece, next) >= 0))
			return CORE_SYNTAX;
		next = piece;
	}
	return CORE_OK;
}
