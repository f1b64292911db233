/*-------------------------------------------------------------------------
 *
 * varint.h
 *	  Numbers in as few bytes as they need, for the packed forms.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_CORE_VARINT_H
#define LOYALTY_CORE_VARINT_H

#include "core.h"

/* A signed number as an unsigned one that is small if it is near zero. */
static inline uint64_t
zigzag(uint64_t value)
{
	return (value << 1) ^ (uint64_t) ((int64_t) value >> 63);
}

/* The inverse. */
static inline uint64_t
unzigzag(uint64_t value)
{
	return (value >> 1) ^ (~(value & 1) + 1);
}

/* Writes an unsigned number, seven bits a byte, lowest first. */
static inline unsigned char *
put_varint(unsigned char *at, uint64_t value)
{
	while (value >= 0x80)
	{
		*at++ = (unsigned char) (value | 0x80);
		value >>= 7;
	}
	*at++ = (unsigned char) value;
	return at;
}

/* Reads one; NULL if it does not end before the limit or is too large. */
static inline const unsigned char *
get_varint(const unsigned char *at, const unsigned char *limit, uint64_t *value)
{
	int			shift;

	/* eight bytes at a time, where they are there: accounts hold many numbers */
	if (limit - at >= 8)
	{
		uint64_t	word = (uint64_t) at[0] | (uint64_t) at[1] << 8 |
			(uint64_t) at[2] << 16 | (uint64_t) at[3] << 24 |
			(uint64_t) at[4] << 32 | (uint64_t) at[5] << 40 |
			(uint64_t) at[6] << 48 | (uint64_t) at[7] << 56;
		uint64_t	ends = ~word & UINT64_C(0x8080808080808080);

		if (ends != 0)
		{
			int			last = __builtin_ctzll(ends);	/* top bit of its last byte */

			word &= ~UINT64_C(0) >> (63 - last);
			word = (word & UINT64_C(0x007F007F007F007F)) |
				(word & UINT64_C(0x7F007F007F007F00)) >> 1;
			word = (word & UINT64_C(0x00003FFF00003FFF)) |
				(word & UINT64_C(0x3FFF00003FFF0000)) >> 2;
			*value = (word & UINT64_C(0x000000000FFFFFFF)) |
				(word & UINT64_C(0x0FFFFFFF00000000)) >> 4;
			return at + (last >> 3) + 1;
		}
	}

	*value = 0;
	for (shift = 0; shift < 64 && at < limit; shift += 7)
	{
		uint64_t	bits = *at & 0x7F;

		if (shift == 63 && bits > 1)
			return NULL;
		*value |= bits << shift;
		if ((*at++ & 0x80) == 0)
			return at;
	}
	return NULL;
}

#endif							/* LOYALTY_CORE_VARINT_H */
