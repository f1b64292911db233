/*-------------------------------------------------------------------------
 *
 * lines.c
 *	  The SQL type lines: input and output, and the lines as rows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "core/lines_text.h"
#include "loyalty.h"
#include "types/lines.h"
#include "types/order.h"
#include "types/points.h"

LOYALTY_FUNCTION(lines_in);
LOYALTY_FUNCTION(lines_out);
LOYALTY_FUNCTION(lines_recv);
LOYALTY_FUNCTION(lines_send);
LOYALTY_FUNCTION(lines_hash);
LOYALTY_FUNCTION(lines_hash_extended);
LOYALTY_FUNCTION(lines_count);
LOYALTY_FUNCTION(lines_has_rule);
LOYALTY_FUNCTION(lines_has_unit);
LOYALTY_FUNCTION(lines_points);
LOYALTY_FUNCTION(lines_unnest);

/* ------------------------------------------------------------------------
 * Values
 * ------------------------------------------------------------------------
 */

/* Reports a stored value that cannot be read. */
static void
malformed(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("a value of type %s is malformed", "lines")));
}

/* see lines.h */
void
lines_begin(struct varlena *lines, LinesCursor *cursor)
{
	if (lines_unpack_start(cursor, (const unsigned char *) VARDATA_ANY(lines),
						   VARSIZE_ANY_EXHDR(lines)) != CORE_OK)
		malformed();
}

/* see lines.h */
bool
lines_next(LinesCursor *cursor, Movement *line)
{
	if (lines_unpack_line(cursor, line))
		return true;
	if (cursor->at == NULL)
		malformed();
	return false;
}

/* A value of so many lines. */
static struct varlena *
lines_make(const Movement *lines, int count)
{
	struct varlena *result = palloc(VARHDRSZ + LINES_PACK_HEADER + (Size) count * LINES_PACK_MAX);
	unsigned char *at = (unsigned char *) VARDATA(result);
	LinesCursor cursor;
	int			i;

	at += lines_pack_start(&cursor, at);
	for (i = 0; i < count; i++)
		at += lines_pack_line(&cursor, &lines[i], at);
	SET_VARSIZE(result, at - (unsigned char *) result);
	return result;
}

/* ------------------------------------------------------------------------
 * Input and output
 * ------------------------------------------------------------------------
 */

/* Text to lines. */
Datum
lines_in(PG_FUNCTION_ARGS)
{
	char	   *text = PG_GETARG_CSTRING(0);
	size_t		length = strlen(text);
	Movement   *lines = palloc_extended(sizeof(Movement) * lines_parse_limit(text, length),
										MCXT_ALLOC_HUGE);
	int			count;

	switch (lines_parse(text, length, lines, &count))
	{
		case CORE_OK:
			break;
		case CORE_RANGE:
			ereturn(fcinfo->context, (Datum) 0,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("value \"%s\" is out of range for type %s",
							text, "lines")));
		case CORE_SYNTAX:
			ereturn(fcinfo->context, (Datum) 0,
					(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
					 errmsg("invalid input syntax for type %s: \"%s\"",
							"lines", text),
					 errhint("Lines look like {earn 1:250@[2026-01-15 00:00:00+00,2027-02-01 00:00:00+00) at 2026-01-15 00:00:00+00 rule 3}: kind, number of the unit, points, validity, when it takes effect, rule.")));
	}
	PG_RETURN_POINTER(lines_make(lines, count));
}

/* Lines to text. */
Datum
lines_out(PG_FUNCTION_ARGS)
{
	LinesCursor cursor;
	Movement	line;
	char		buffer[LINE_TEXT_SIZE];
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoChar(&text, '{');
	lines_begin(PG_GETARG_LINES_PP(0), &cursor);
	while (lines_next(&cursor, &line))
	{
		int			length = line_format(&line, buffer);

		if (text.len > 1)
			appendStringInfoChar(&text, ',');
		appendBinaryStringInfo(&text, buffer, length);
	}
	appendStringInfoChar(&text, '}');
	PG_RETURN_CSTRING(text.data);
}

/* Binary format to lines: the packed form, which has a version of its own. */
Datum
lines_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	int			size = message->len - message->cursor;
	const unsigned char *packed = (const unsigned char *) pq_getmsgbytes(message, size);
	int			count = lines_pack_count(packed, size);
	LinesCursor cursor;
	Movement   *lines;
	int			n = 0;

	if (count < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid value in binary format of type %s", "lines")));
	lines = palloc_extended(sizeof(Movement) * ((Size) count + 1), MCXT_ALLOC_HUGE);
	lines_unpack_start(&cursor, packed, size);
	while (lines_unpack_line(&cursor, &lines[n]))
		n++;
	PG_RETURN_POINTER(lines_make(lines, n));
}

/* Lines to binary format. */
Datum
lines_send(PG_FUNCTION_ARGS)
{
	struct varlena *lines = PG_GETARG_LINES_PP(0);
	StringInfoData message;

	pq_begintypsend(&message);
	pq_sendbytes(&message, VARDATA_ANY(lines), VARSIZE_ANY_EXHDR(lines));
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

/* ------------------------------------------------------------------------
 * Order: line by line; of no use but that equal ones are found
 * ------------------------------------------------------------------------
 */

/* what a line says, as numbers that are compared one after another */
#define LINE_NUMBERS 9

static void
line_numbers(const Movement *line, int64 *numbers)
{
	numbers[0] = line->occurred_at;
	numbers[1] = line->kind;
	numbers[2] = line->unit;
	numbers[3] = line->from;
	numbers[4] = line->to;
	numbers[5] = line->points;
	numbers[6] = line->tag;
	numbers[7] = line->lapsed;
	numbers[8] = line->forgiven;
}

/* Three-way comparison of the arguments; frees copies, as B-trees want. */
static int
compare_arguments(FunctionCallInfo fcinfo)
{
	struct varlena *values[2] = {PG_GETARG_LINES_PP(0), PG_GETARG_LINES_PP(1)};
	LinesCursor cursors[2];
	int			order = 0;

	lines_begin(values[0], &cursors[0]);
	lines_begin(values[1], &cursors[1]);
	while (order == 0)
	{
		Movement	lines[2];
		bool		more[2] = {lines_next(&cursors[0], &lines[0]), lines_next(&cursors[1], &lines[1])};
		int64		numbers[2][LINE_NUMBERS];
		int			i;

		if (!more[0] || !more[1])
		{
			order = more[0] - more[1];
			break;
		}
		line_numbers(&lines[0], numbers[0]);
		line_numbers(&lines[1], numbers[1]);
		for (i = 0; i < LINE_NUMBERS && order == 0; i++)
			order = (numbers[0][i] > numbers[1][i]) - (numbers[0][i] < numbers[1][i]);
	}
	PG_FREE_IF_COPY(values[0], 0);
	PG_FREE_IF_COPY(values[1], 1);
	return order;
}

LOYALTY_ORDER(lines, compare_arguments)

/* Hash with a seed, of what the lines say. */
static uint64
hash_argument(FunctionCallInfo fcinfo, uint64 seed)
{
	struct varlena *lines = PG_GETARG_LINES_PP(0);
	uint64		hash = seed;
	LinesCursor cursor;
	Movement	line;

	lines_begin(lines, &cursor);
	while (lines_next(&cursor, &line))
	{
		int64		numbers[LINE_NUMBERS];

		line_numbers(&line, numbers);
		hash = hash_combine64(hash, hash_bytes_extended((unsigned char *) numbers,
														sizeof(numbers), seed));
	}
	PG_FREE_IF_COPY(lines, 0);
	return hash;
}

/* Hash: the low half of that with seed 0, as the server wants it. */
Datum
lines_hash(PG_FUNCTION_ARGS)
{
	PG_RETURN_UINT32((uint32) hash_argument(fcinfo, 0));
}

/* Hash with a seed. */
Datum
lines_hash_extended(PG_FUNCTION_ARGS)
{
	PG_RETURN_UINT64(hash_argument(fcinfo, PG_GETARG_INT64(1)));
}

/* ------------------------------------------------------------------------
 * Questions
 * ------------------------------------------------------------------------
 */

/* How many lines are there? */
Datum
lines_count(PG_FUNCTION_ARGS)
{
	LinesCursor cursor;
	Movement	line;
	int			count = 0;

	lines_begin(PG_GETARG_LINES_PP(0), &cursor);
	while (lines_next(&cursor, &line))
		count++;
	PG_RETURN_INT32(count);
}

/* Has a rule written one of them? */
Datum
lines_has_rule(PG_FUNCTION_ARGS)
{
	int32		rule_no = PG_GETARG_INT32(1);
	LinesCursor cursor;
	Movement	line;

	lines_begin(PG_GETARG_LINES_PP(0), &cursor);
	while (lines_next(&cursor, &line))
	{
		if (line.tag == rule_no)
			PG_RETURN_BOOL(true);
	}
	PG_RETURN_BOOL(false);
}

/* Does one of them move points of a unit? */
Datum
lines_has_unit(PG_FUNCTION_ARGS)
{
	int32		unit_no = PG_GETARG_INT16(1);
	LinesCursor cursor;
	Movement	line;

	lines_begin(PG_GETARG_LINES_PP(0), &cursor);
	while (lines_next(&cursor, &line))
	{
		if (line.unit == unit_no)
			PG_RETURN_BOOL(true);
	}
	PG_RETURN_BOOL(false);
}

/* What lines of a unit and some kinds add up to; kinds is a sum of 2 ^ kind. */
Datum
lines_points(PG_FUNCTION_ARGS)
{
	int32		unit_no = PG_GETARG_INT16(1);
	int32		kinds = PG_GETARG_INT32(2);
	LinesCursor cursor;
	Movement	line;
	Points		points = 0;

	lines_begin(PG_GETARG_LINES_PP(0), &cursor);
	while (lines_next(&cursor, &line))
	{
		if (line.unit == unit_no && (kinds >> line.kind & 1) != 0 &&
			!points_add(points, line.points, &points))
			points_out_of_range();
	}
	PG_RETURN_POINTS(points);
}

/*
 * The lines as rows.  They are few, and this is called for every row of a
 * ledger: what the caller expects is filled in without looking it up.
 */
Datum
lines_unnest(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old;
	LinesCursor cursor;
	Movement	line;
	int32		number = 0;

	if (result == NULL || !IsA(result, ReturnSetInfo) || result->expectedDesc == NULL ||
		(result->allowedModes & SFRM_Materialize) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("set-valued function called in context that cannot accept a set")));
	if (result->expectedDesc->natts != 10)
		elog(ERROR, "lines have 10 columns, not %d", result->expectedDesc->natts);
	result->returnMode = SFRM_Materialize;
	old = MemoryContextSwitchTo(result->econtext->ecxt_per_query_memory);
	result->setResult = tuplestore_begin_heap((result->allowedModes & SFRM_Materialize_Random) != 0,
											  false, work_mem);
	MemoryContextSwitchTo(old);

	lines_begin(PG_GETARG_LINES_PP(0), &cursor);
	while (lines_next(&cursor, &line))
	{
		Datum		values[10];
		bool		isnull[10] = {0};

		values[0] = Int32GetDatum(++number);
		values[1] = Int16GetDatum((int16) line.kind);
		values[2] = Int16GetDatum((int16) line.unit);
		values[3] = PointsGetDatum(line.points);
		values[4] = TimestampTzGetDatum(line.occurred_at);
		values[5] = TimestampTzGetDatum(line.from);
		values[6] = TimestampTzGetDatum(line.to);
		isnull[6] = line.to == INSTANT_ACTIVITY;
		values[7] = Int32GetDatum(line.tag);
		isnull[7] = line.tag == 0;
		values[8] = PointsGetDatum(line.lapsed);
		isnull[8] = line.lapsed == 0;
		values[9] = PointsGetDatum(line.forgiven);
		isnull[9] = line.forgiven == 0;
		tuplestore_putvalues(result->setResult, result->expectedDesc, values, isnull);
	}
	return (Datum) 0;
}
