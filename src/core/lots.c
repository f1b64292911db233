/*-------------------------------------------------------------------------
 *
 * lots.c
 *	  Balances as sorted arrays of lots: sums, queries, spending, text form.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "instant.h"
#include "lots.h"

/* Three-way comparison. */
static inline int
compare(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

/* Is this a sum of points? */
static inline bool
total_fits(CoreInt128 total)
{
	return total >= POINTS_MIN && total <= POINTS_MAX;
}

/* ------------------------------------------------------------------------
 * The group
 * ------------------------------------------------------------------------
 */

/* Adds a piece in place. */
CoreResult
lots_add_piece(LotPiece *pieces, int *count, LotPiece piece)
{
	int			low = 0;
	int			high = *count;

	if (piece.points == 0)
		return CORE_OK;

	/* what is earned comes in near the head, so look there first */
	for (int step = 1; low < high && step <= high - low; step *= 2)
	{
		int			probe = low + step - 1;

		if (lot_piece_cmp(&pieces[probe], &piece) >= 0)
		{
			high = probe;
			break;
		}
		low = probe + 1;
	}
	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (lot_piece_cmp(&pieces[middle], &piece) < 0)
			low = middle + 1;
		else
			high = middle;
	}

	if (low < *count && lot_piece_cmp(&pieces[low], &piece) == 0)
	{
		Points		total;

		if (!points_add(pieces[low].points, piece.points, &total))
			return CORE_RANGE;
		pieces[low].points = total;
		if (total == 0)
		{
			(*count)--;
			memmove(&pieces[low], &pieces[low + 1],
					(*count - low) * sizeof(LotPiece));
		}
		return CORE_OK;
	}
	memmove(&pieces[low + 1], &pieces[low], (*count - low) * sizeof(LotPiece));
	pieces[low] = piece;
	(*count)++;
	return CORE_OK;
}

/* Merges two sorted arrays. */
CoreResult
lots_add(const LotPiece *a, int an, const LotPiece *b, int bn,
		 LotPiece *result, int *count)
{
	int			i = 0,
				j = 0,
				n = 0;

	while (i < an && j < bn)
	{
		int			order = lot_piece_cmp(&a[i], &b[j]);

		if (order < 0)
			result[n++] = a[i++];
		else if (order > 0)
			result[n++] = b[j++];
		else
		{
			result[n] = a[i];
			if (!points_add(a[i].points, b[j].points, &result[n].points))
				return CORE_RANGE;
			if (result[n].points != 0)
				n++;
			i++;
			j++;
		}
	}
	while (i < an)
		result[n++] = a[i++];
	while (j < bn)
		result[n++] = b[j++];
	*count = n;
	return CORE_OK;
}

/* lot_piece_cmp for qsort */
static int
piece_sort_cmp(const void *a, const void *b)
{
	return lot_piece_cmp(a, b);
}

/* Sorts pieces and merges those of one unit and range. */
CoreResult
lots_normalize(LotPiece *pieces, int *count)
{
	bool		sorted = true;
	int			n = 0;

	for (int i = 1; i < *count && sorted; i++)
		sorted = lot_piece_cmp(&pieces[i - 1], &pieces[i]) <= 0;
	if (!sorted)
		qsort(pieces, *count, sizeof(LotPiece), piece_sort_cmp);

	for (int i = 0; i < *count;)
	{
		LotPiece	piece = pieces[i];
		CoreInt128	total = 0;

		for (; i < *count && lot_piece_cmp(&pieces[i], &piece) == 0; i++)
			total += pieces[i].points;
		if (!total_fits(total))
			return CORE_RANGE;
		piece.points = (Points) total;
		if (piece.points != 0)
			pieces[n++] = piece;
	}
	*count = n;
	return CORE_OK;
}

/* Negates all points. */
CoreResult
lots_negate(const LotPiece *pieces, int count, LotPiece *result)
{
	for (int i = 0; i < count; i++)
	{
		result[i] = pieces[i];
		if (!points_sub(0, pieces[i].points, &result[i].points))
			return CORE_RANGE;
	}
	return CORE_OK;
}

/* Is this an array that the functions here could have made? */
CoreResult
lots_validate(const LotPiece *pieces, int count)
{
	for (int i = 0; i < count; i++)
	{
		CoreResult	status = lot_piece_validate(&pieces[i]);

		if (status != CORE_OK)
			return status;
		if (pieces[i].points == 0 ||
			(i > 0 && lot_piece_cmp(&pieces[i - 1], &pieces[i]) >= 0))
			return CORE_SYNTAX;
	}
	return CORE_OK;
}

/* Total order of balances, without meaning but the same everywhere. */
int
lots_cmp(const LotPiece *a, int an, const LotPiece *b, int bn)
{
	for (int i = 0; i < an && i < bn; i++)
	{
		int			order = lot_piece_cmp(&a[i], &b[i]);

		if (order == 0)
			order = compare(a[i].points, b[i].points);
		if (order != 0)
			return order;
	}
	return compare(an, bn);
}

/* ------------------------------------------------------------------------
 * Queries
 * ------------------------------------------------------------------------
 */

/* Has a piece ended, and with it all that follow in an array? */
static inline bool
piece_ended(const LotPiece *piece, Instant at)
{
	return piece->to <= at && piece->to < INSTANT_ACTIVITY;
}

/* Does a unit, or 0 for all, include this piece? */
static inline bool
unit_matches(int32_t unit, const LotPiece *piece)
{
	return unit == 0 || piece->unit == unit;
}

/* Points valid at an instant. */
static CoreInt128
total_available(const LotPiece *pieces, int count, int32_t unit, Instant at)
{
	CoreInt128	total = 0;

	for (int i = 0; i < count && !piece_ended(&pieces[i], at); i++)
		if (pieces[i].from <= at && unit_matches(unit, &pieces[i]))
			total += pieces[i].points;
	return total;
}

/* Points of a unit valid at an instant. */
CoreResult
lots_available(const LotPiece *pieces, int count, int32_t unit,
			   Instant at, Points *result)
{
	CoreInt128	total = total_available(pieces, count, unit, at);

	if (!total_fits(total))
		return CORE_RANGE;
	*result = (Points) total;
	return CORE_OK;
}

/* Points of a unit that become valid later. */
CoreResult
lots_pending(const LotPiece *pieces, int count, int32_t unit,
			 Instant at, Points *result)
{
	CoreInt128	total = 0;

	for (int i = 0; i < count && !piece_ended(&pieces[i], at); i++)
		if (pieces[i].from > at && unit_matches(unit, &pieces[i]))
			total += pieces[i].points;
	if (!total_fits(total))
		return CORE_RANGE;
	*result = (Points) total;
	return CORE_OK;
}

/* The next instant at which a piece starts or ends. */
Instant
lots_next_change(const LotPiece *pieces, int count, Instant at)
{
	Instant		next = INSTANT_NEVER;

	for (int i = 0; i < count && !piece_ended(&pieces[i], at); i++)
	{
		if (pieces[i].from > at && pieces[i].from < next)
			next = pieces[i].from;
		if (pieces[i].to < INSTANT_ACTIVITY && pieces[i].to < next)
			next = pieces[i].to;
	}
	return next;
}

/* ------------------------------------------------------------------------
 * Spending
 * ------------------------------------------------------------------------
 */

/* Takes an amount from what is valid, from the tail of the array on. */
CoreResult
lots_spend(const LotPiece *pieces, int count, int32_t unit,
		   Points amount, Instant at,
		   LotPiece *rest, int *nrest,
		   LotPiece *taken, int *ntaken, Points *missing)
{
	CoreInt128	available = total_available(pieces, count, unit, at);
	Points		left = amount;
	int			last = count;	/* pieces[last..] were considered */
	int			kept = count;	/* rest[kept..] is made of them */
	int			n = 0;

	if (amount < 0)
		return CORE_RANGE;
	*ntaken = 0;
	*missing = 0;
	if (amount > available)
	{
		CoreInt128	lacking = amount - available;

		*missing = lacking > POINTS_MAX ? POINTS_MAX : (Points) lacking;
		left = 0;
	}

	for (; left > 0; last--)
	{
		const LotPiece *piece = &pieces[last - 1];
		LotPiece	part = *piece;

		if (piece->points > 0 && piece->from <= at &&
			!piece_ended(piece, at) && unit_matches(unit, piece))
		{
			part.points = piece->points < left ? piece->points : left;
			left -= part.points;
			taken[n++] = part;
			part.points = piece->points - part.points;
		}
		if (part.points != 0)
			rest[--kept] = part;
	}

	/* what was taken came in reverse, and what was kept stands at the end */
	*ntaken = n;
	for (int i = 0, j = n - 1; i < j; i++, j--)
	{
		LotPiece	swap = taken[i];

		taken[i] = taken[j];
		taken[j] = swap;
	}
	if (last > 0)
		memcpy(rest, pieces, last * sizeof(LotPiece));
	if (last < kept)
		memmove(&rest[last], &rest[kept], (count - kept) * sizeof(LotPiece));
	*nrest = last + (count - kept);
	return CORE_OK;
}

/* ------------------------------------------------------------------------
 * Text form
 * ------------------------------------------------------------------------
 */

/* Takes one bound of a range; an absent one is the given infinity. */
static CoreResult
scan_bound(Scanner *in, bool lower, Instant *result)
{
	scan_space(in);
	*result = lower ? INSTANT_ALWAYS : INSTANT_NEVER;
	if (in->next < in->end && *in->next >= '0' && *in->next <= '9')
		return scan_instant(in, result);
	if (lower)
	{
		if (scan_char(in, '-') && !scan_word(in, "infinity"))
			return CORE_SYNTAX;
	}
	else if (scan_word(in, "activity"))
		*result = INSTANT_ACTIVITY;
	else
		scan_word(in, "infinity");
	return CORE_OK;
}

/* Takes one piece, whatever its unit and range. */
CoreResult
lot_piece_scan(Scanner *in, LotPiece *piece)
{
	int64_t		unit = 0;
	bool		range = false;

	memset(piece, 0, sizeof(LotPiece));
	scan_space(in);
	if (!scan_fits(scan_whole(in, INT32_MAX, &unit), &range))
		return CORE_SYNTAX;
	piece->unit = (int32_t) unit;
	scan_space(in);
	if (!scan_char(in, ':'))
		return CORE_SYNTAX;
	scan_space(in);
	if (!scan_fits(scan_decimal(in, POINTS_DECIMALS, true, &piece->points), &range))
		return CORE_SYNTAX;
	scan_space(in);
	if (!scan_char(in, '@'))
		return CORE_SYNTAX;
	scan_space(in);
	if (!scan_char(in, '['))
		return CORE_SYNTAX;
	if (!scan_fits(scan_bound(in, true, &piece->from), &range))
		return CORE_SYNTAX;
	scan_space(in);
	if (!scan_char(in, ','))
		return CORE_SYNTAX;
	if (!scan_fits(scan_bound(in, false, &piece->to), &range))
		return CORE_SYNTAX;
	scan_space(in);
	if (!scan_char(in, ')'))
		return CORE_SYNTAX;
	return range ? CORE_RANGE : CORE_OK;
}

/* How many pieces may a text hold at most? */
int
lots_parse_limit(const char *text, size_t length)
{
	int			count = 0;

	for (size_t i = 0; i < length; i++)
		if (text[i] == '@')
			count++;
	return count;
}

/*
 * Reads pieces in any order; the array is in order afterwards.  Every
 * malformed text is CORE_SYNTAX, even if a number in it is also too large.
 */
CoreResult
lots_parse(const char *text, size_t length, LotPiece *pieces, int *count)
{
	Scanner		in = scan_start(text, length);
	bool		range = false;
	int			n = 0;

	scan_space(&in);
	if (!scan_char(&in, '{'))
		return CORE_SYNTAX;
	scan_space(&in);
	if (!scan_char(&in, '}'))
	{
		do
		{
			LotPiece	piece;		/* there may be no room for one that ends early */
			CoreResult	status = lot_piece_scan(&in, &piece);

			if (status == CORE_OK)
				status = lot_piece_validate(&piece);
			if (!scan_fits(status, &range))
				return CORE_SYNTAX;
			pieces[n++] = piece;
			scan_space(&in);
		} while (scan_char(&in, ','));
		if (!scan_char(&in, '}'))
			return CORE_SYNTAX;
	}
	scan_space(&in);
	if (!scan_done(&in))
		return CORE_SYNTAX;
	*count = n;
	return range ? CORE_RANGE : lots_normalize(pieces, count);
}

/* Writes one piece; returns the length. */
int
lot_piece_format(const LotPiece *piece, char *buffer)
{
	char	   *to = print_whole(buffer, piece->unit, 1);

	*to++ = ':';
	to += points_format(piece->points, to);
	to = print_text(to, "@[");
	if (piece->from != INSTANT_ALWAYS)
		to = print_instant(to, piece->from);
	*to++ = ',';
	if (piece->to == INSTANT_ACTIVITY)
		to = print_text(to, "activity");
	else if (piece->to != INSTANT_NEVER)
		to = print_instant(to, piece->to);
	*to++ = ')';
	*to = '\0';
	return to - buffer;
}
