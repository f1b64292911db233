/*-------------------------------------------------------------------------
 *
 * lines_pack.c
 *	  Lines of the ledger in few bytes.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "calendar.h"
#include "lines_pack.h"
#include "varint.h"

#define LINES_VERSION		1

/* first byte of a line */
#define LINE_KIND_MASK		0x0F
#define LINE_OCCURRED		0x10
#define LINE_WHOLE			0x20
#define LINE_RULE			0x40
#define LINE_EXCUSED		0x80

/* second byte: how start and end are told */
#define LINE_AT_PREVIOUS	0	/* as that of the line before */
#define LINE_AT_OCCURRED	1	/* occurred_at */
#define LINE_AT_ALWAYS		2
#define LINE_AT_NEVER		3
#define LINE_AT_ACTIVITY	4
#define LINE_AT_DELTA		5	/* so many microseconds after occurred_at */
#define LINE_AT_LATER		6	/* so many quarters of an hour after it */
#define LINE_AT_QUARTER		7	/* so many after 2000-01-01 */
#define LINE_AT_MASK		0x07
#define LINE_TO_SHIFT		3
#define LINE_UNIT_SHIFT		6
#define LINE_UNIT_MAX		3

#define USECS_IN_QUARTER	(USECS_IN_HOUR / 4)

/* -------- writing -------- */

/* Writes a start or an end; says how in *how. */
static unsigned char *
put_instant(unsigned char *at, Instant value, Instant previous, Instant occurred_at,
			int *how)
{
	uint64_t	delta = (uint64_t) value - (uint64_t) occurred_at;

	if (value == occurred_at)
		*how = LINE_AT_OCCURRED;
	else if (value == previous)
		*how = LINE_AT_PREVIOUS;
	else if (value == INSTANT_ALWAYS)
		*how = LINE_AT_ALWAYS;
	else if (value == INSTANT_NEVER)
		*how = LINE_AT_NEVER;
	else if (value == INSTANT_ACTIVITY)
		*how = LINE_AT_ACTIVITY;
	else if (value % USECS_IN_QUARTER == 0)
	{
		*how = LINE_AT_QUARTER;
		at = put_varint(at, zigzag((uint64_t) (value / USECS_IN_QUARTER)));
	}
	else if ((int64_t) delta % USECS_IN_QUARTER == 0)
	{
		*how = LINE_AT_LATER;
		at = put_varint(at, zigzag((uint64_t) ((int64_t) delta / USECS_IN_QUARTER)));
	}
	else
	{
		*how = LINE_AT_DELTA;
		at = put_varint(at, zigzag(delta));
	}
	return at;
}

/* see lines_pack.h */
size_t
lines_pack_start(LinesCursor *cursor, unsigned char *buffer)
{
	memset(cursor, 0, sizeof(LinesCursor));
	cursor->occurred_at = LINES_EPOCH;
	cursor->from = INSTANT_ALWAYS;
	cursor->to = INSTANT_NEVER;
	*buffer = LINES_VERSION;
	return LINES_PACK_HEADER;
}

/* see lines_pack.h */
size_t
lines_pack_line(LinesCursor *cursor, const Movement *line, unsigned char *at)
{
	unsigned char *head = at;
	bool		whole = line->points % POINTS_SCALE == 0;
	int			from;
	int			to;

	at += 2;
	head[0] = (unsigned char) line->kind;
	head[1] = 0;
	if (line->unit <= LINE_UNIT_MAX)
		head[1] = (unsigned char) (line->unit << LINE_UNIT_SHIFT);
	else
		at = put_varint(at, (uint64_t) line->unit);
	if (line->tag != 0)
	{
		head[0] |= LINE_RULE;
		at = put_varint(at, (uint64_t) line->tag);
	}
	if (whole)
		head[0] |= LINE_WHOLE;
	at = put_varint(at, zigzag((uint64_t) (whole ? line->points / POINTS_SCALE :
										   line->points)));
	if (line->lapsed != 0 || line->forgiven != 0)
	{
		head[0] |= LINE_EXCUSED;
		at = put_varint(at, zigzag((uint64_t) line->lapsed));
		at = put_varint(at, zigzag((uint64_t) line->forgiven));
	}
	if (line->occurred_at != cursor->occurred_at)
	{
		head[0] |= LINE_OCCURRED;
		at = put_varint(at, zigzag((uint64_t) line->occurred_at -
								   (uint64_t) cursor->occurred_at));
	}
	at = put_instant(at, line->from, cursor->from, line->occurred_at, &from);
	at = put_instant(at, line->to, cursor->to, line->occurred_at, &to);
	head[1] |= (unsigned char) (from | to << LINE_TO_SHIFT);
	cursor->occurred_at = line->occurred_at;
	cursor->from = line->from;
	cursor->to = line->to;
	return (size_t) (at - head);
}

/* -------- reading -------- */

/* Reads a start or an end; NULL if it is malformed. */
static const unsigned char *
get_instant(const unsigned char *at, const unsigned char *limit, int how,
			Instant previous, Instant occurred_at, Instant *result)
{
	uint64_t	value = 0;

	if (how >= LINE_AT_DELTA)
	{
		at = get_varint(at, limit, &value);
		if (at == NULL)
			return NULL;
		value = unzigzag(value);
	}
	switch (how)
	{
		case LINE_AT_PREVIOUS:
			*result = previous;
			break;
		case LINE_AT_OCCURRED:
			*result = occurred_at;
			break;
		case LINE_AT_ALWAYS:
			*result = INSTANT_ALWAYS;
			break;
		case LINE_AT_NEVER:
			*result = INSTANT_NEVER;
			break;
		case LINE_AT_ACTIVITY:
			*result = INSTANT_ACTIVITY;
			break;
		case LINE_AT_DELTA:
			*result = (Instant) (value + (uint64_t) occurred_at);
			break;
		case LINE_AT_LATER:
			*result = (Instant) (value * USECS_IN_QUARTER + (uint64_t) occurred_at);
			break;
		default:
			*result = (Instant) (value * USECS_IN_QUARTER);
			break;
	}
	return at;
}

/* see lines_pack.h */
CoreResult
lines_unpack_start(LinesCursor *cursor, const unsigned char *packed, size_t size)
{
	unsigned char version;

	if (size < LINES_PACK_HEADER || *packed != LINES_VERSION)
		return CORE_SYNTAX;
	lines_pack_start(cursor, &version);
	cursor->at = packed + LINES_PACK_HEADER;
	cursor->limit = packed + size;
	return CORE_OK;
}

/* Reads the line at the cursor, which is not at its end; NULL if it is malformed. */
static const unsigned char *
get_line(LinesCursor *cursor, Movement *line)
{
	const unsigned char *at = cursor->at;
	const unsigned char *limit = cursor->limit;
	unsigned char head;
	unsigned char second;
	uint64_t	value;

	if (limit - at < 2)
		return NULL;
	head = *at++;
	second = *at++;
	line->kind = (EntryKind) (head & LINE_KIND_MASK);
	line->unit = second >> LINE_UNIT_SHIFT;
	if (line->unit == 0)
	{
		at = get_varint(at, limit, &value);
		if (at == NULL || value > INT32_MAX)
			return NULL;
		line->unit = (int32_t) value;
	}
	line->tag = 0;
	if (head & LINE_RULE)
	{
		at = get_varint(at, limit, &value);
		if (at == NULL || value > INT32_MAX)
			return NULL;
		line->tag = (int32_t) value;
	}
	at = get_varint(at, limit, &value);
	if (at == NULL)
		return NULL;
	line->points = (Points) unzigzag(value);
	if ((head & LINE_WHOLE) &&
		__builtin_mul_overflow(line->points, (Points) POINTS_SCALE, &line->points))
		return NULL;
	line->lapsed = line->forgiven = 0;
	if (head & LINE_EXCUSED)
	{
		at = get_varint(at, limit, &value);
		if (at == NULL)
			return NULL;
		line->lapsed = (Points) unzigzag(value);
		at = get_varint(at, limit, &value);
		if (at == NULL)
			return NULL;
		line->forgiven = (Points) unzigzag(value);
	}
	line->occurred_at = cursor->occurred_at;
	if (head & LINE_OCCURRED)
	{
		at = get_varint(at, limit, &value);
		if (at == NULL)
			return NULL;
		line->occurred_at = (Instant) (unzigzag(value) + (uint64_t) cursor->occurred_at);
	}
	at = get_instant(at, limit, second & LINE_AT_MASK, cursor->from, line->occurred_at,
					 &line->from);
	if (at)
		at = get_instant(at, limit, second >> LINE_TO_SHIFT & LINE_AT_MASK, cursor->to,
						 line->occurred_at, &line->to);
	return at && line_validate(line) == CORE_OK ? at : NULL;
}

/* see lines_pack.h */
bool
lines_unpack_line(LinesCursor *cursor, Movement *line)
{
	if (cursor->at == NULL || cursor->at == cursor->limit)
		return false;
	cursor->at = get_line(cursor, line);
	if (cursor->at == NULL)
		return false;
	cursor->occurred_at = line->occurred_at;
	cursor->from = line->from;
	cursor->to = line->to;
	return true;
}

/* see lines_pack.h */
int
lines_pack_count(const unsigned char *packed, size_t size)
{
	LinesCursor cursor;
	Movement	line;
	int			count = 0;

	if (lines_unpack_start(&cursor, packed, size) != CORE_OK)
		return -1;
	while (lines_unpack_line(&cursor, &line))
		count++;
	return cursor.at ? count : -1;
}

/* Is this an instant that a lot can start or end at? */
static inline bool
is_finite(Instant at)
{
	return at >= INSTANT_MIN && at < INSTANT_END;
}

/* see lines_pack.h */
CoreResult
line_validate(const Movement *line)
{
	if (line->kind < ENTRY_EARN || line->kind > ENTRY_ROLLOVER ||
		line->unit <= 0 || line->tag < 0 ||
		!(line->from == INSTANT_ALWAYS || is_finite(line->from)) ||
		!(line->to == INSTANT_NEVER || line->to == INSTANT_ACTIVITY || is_finite(line->to)) ||
		!(line->occurred_at == INSTANT_ALWAYS || line->occurred_at == INSTANT_NEVER ||
		  is_finite(line->occurred_at)))
		return CORE_RANGE;
	return CORE_OK;
}
