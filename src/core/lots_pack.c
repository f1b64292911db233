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
		const LotPiece *next = i + 1 < count ? &pieces[i + 1] : NULL;
		unsigned char *head = at++;
		bool		whole = piece->points % POINTS_SCALE == 0;

		*head = whole ? PACK_WHOLE : 0;
		if (piece->unit <= PACK_UNIT_MAX)
			*head |= (unsigned char) (piece->unit << PACK_UNIT_SHIFT);
		else
			at = put_varint(at, (uint64_t) piece->unit);
		at = put_varint(at, zigzag((uint64_t) (whole ? piece->points / POINTS_SCALE :
											   piece->points)));
		if (piece->from == INSTANT_ALWAYS)
			*head |= PACK_FROM_ALWAYS;
		else
			at = put_varint(at, zigzag((uint64_t) piece->from - reference_from(next)));
		if (piece->to == INSTANT_NEVER)
			*head |= PACK_TO_NEVER;
		else if (piece->to == INSTANT_ACTIVITY)
			*head |= PACK_TO_ACTIVITY;
		else if (next && piece->to == next->to)
			*head |= PACK_TO_SAME;
		else
			at = put_varint(at, zigzag((uint64_t) piece->to - reference_to(next)));
	}
	return (size_t) (at - buffer);
}

/* One packed piece, its differences not yet resolved. */
static const unsigned char *
get_piece(const unsigned char *at, const unsigned char *limit, int *to_kind,
		  LotPiece *piece)
{
	unsigned char head;
	uint64_t	value;

	if (at >= limit)
		return NULL;
	head = *at++;
	piece->reserved = 0;
	piece->unit = head >> PACK_UNIT_SHIFT;
	if (piece->unit == 0)
	{
		at = get_varint(at, limit, &value);
		if (at == NULL || value <= PACK_UNIT_MAX || value > INT32_MAX)
			return NULL;
		piece->unit = (int32_t) value;
	}
	at = get_varint(at, limit, &value);
	if (at == NULL)
		return NULL;
	piece->points = (Points) unzigzag(value);
	if ((head & PACK_WHOLE) &&
		__builtin_mul_overflow(piece->points, (Points) POINTS_SCALE, &piece->points))
		return NULL;
	piece->from = INSTANT_ALWAYS;
	if ((head & PACK_FROM_ALWAYS) == 0)
	{
		at = get_varint(at, limit, &value);
		if (at == NULL)
			return NULL;
		piece->from = (Instant) unzigzag(value);
	}
	*to_kind = head & PACK_TO_MASK;
	piece->to = 0;
	if (*to_kind == PACK_TO_DELTA)
	{
		at = get_varint(at, limit, &value);
		if (at == NULL)
			return NULL;
		piece->to = (Instant) unzigzag(value);
	}

	/* for resolving: which kinds of bounds these are */
	*to_kind |= head & PACK_FROM_ALWAYS;
	return at;
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
lots_unpack(const unsigned char *packed, size_t size, LotPiece *pieces, int count)
{
	const unsigned char *at = packed;
	const unsigned char *limit = packed + size;
	int			i;

	for (i = 0; i < count; i++)
	{
		int			kind;

		at = get_piece(at, limit, &kind, &pieces[i]);
		if (at == NULL)
			return CORE_SYNTAX;
		pieces[i].reserved = kind;
	}
	if (at != limit)
		return CORE_SYNTAX;

	/* differences, from the last piece on */
	for (i = count - 1; i >= 0; i--)
	{
		LotPiece   *piece = &pieces[i];
		const LotPiece *next = i + 1 < count ? &pieces[i + 1] : NULL;
		int			kind = piece->reserved;

		piece->reserved = 0;
		if ((kind & PACK_FROM_ALWAYS) == 0)
			piece->from = (Instant) ((uint64_t) piece->from + reference_from(next));
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
	}
	return CORE_OK;
}
