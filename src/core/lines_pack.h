/*-------------------------------------------------------------------------
 *
 * lines_pack.h
 *	  Lines of the ledger in few bytes: those that one event or operation
 *	  wrote to one member at once.
 *
 * A line is a Movement whose tag is the rule's number, 0 if no rule paid.  The
 * packed form is a byte with its version, 1, and then the lines, each:
 *
 *		1 byte		bits 0-3: kind; bit 4: occurred_at follows; bit 5: whole
 *					points; bit 6: a rule follows; bit 7: lapsed and forgiven do
 *		1 byte		bits 0-2: its start, bits 3-5: its end: LINE_AT_...;
 *					bits 6-7: the unit, 0: it follows
 *		varint		the unit, unless it was told
 *		varint		the rule, if there is one
 *		varint		points, zigzag; whole points if bit 5 is set
 *		2 varints	lapsed and forgiven, zigzag, if there are any
 *		varint		occurred_at less that of the line before (of the first
 *					line: less LINES_EPOCH), zigzag, if it differs
 *		varint		start and end, each if LINE_AT_... says so
 *
 * The ends of lots are often the ends of days or months somewhere, or whole
 * days after the start: numbers of quarters of an hour.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_CORE_LINES_PACK_H
#define LOYALTY_CORE_LINES_PACK_H

#include "account.h"

/* no line needs more bytes than this */
#define LINES_PACK_MAX	80

/* what comes before the lines */
#define LINES_PACK_HEADER 1

/* 2028-01-01: what is near it needs the fewest bytes */
#define LINES_EPOCH		INT64_C(883612800000000)

/* the state of writing lines, or of reading them */
typedef struct LinesCursor
{
	const unsigned char *limit; /* reading: where the form ends */
	const unsigned char *at;	/* reading: the next line */
	Instant		occurred_at;	/* of the line before */
	Instant		from;
	Instant		to;
} LinesCursor;

/* Begins a packed form in a buffer; returns its size so far. */
extern size_t lines_pack_start(LinesCursor *cursor, unsigned char *buffer);

/*
 * Writes the next line, which must be valid; at most LINES_PACK_MAX bytes,
 * whose number it returns.
 */
extern size_t lines_pack_line(LinesCursor *cursor, const Movement *line, unsigned char *at);

/* Begins to read; CORE_SYNTAX if the version is not known. */
extern CoreResult lines_unpack_start(LinesCursor *cursor, const unsigned char *packed, size_t size);

/*
 * Reads the next line.  False if there is none, or what there is is malformed:
 * then cursor->at is NULL.
 */
extern bool lines_unpack_line(LinesCursor *cursor, Movement *line);

/* How many lines a packed form holds; -1 if it is malformed. */
extern int	lines_pack_count(const unsigned char *packed, size_t size);

/*
 * CORE_RANGE unless kind, unit, rule and instants of a line are possible.  A
 * lot may end before it starts.
 */
extern CoreResult line_validate(const Movement *line);

#endif							/* LOYALTY_CORE_LINES_PACK_H */
