/*-------------------------------------------------------------------------
 *
 * lots_aggregate.c
 *	  Sums of many lots: of values, and straight from rows of a ledger.
 *
 * The state is an array of pieces whose front part is sorted and merged and
 * whose rest is not.  What is found in the front part is added there; other
 * pieces are appended, and when the array is full it is sorted and merged,
 * and grows if that made too little room.  So a group takes little memory if
 * its lots have few validities, however many rows there are, and n log n
 * steps if every row has its own.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "libpq/pqformat.h"
#include "utils/timestamp.h"

#include "loyalty.h"
#include "types/lines.h"
#include "types/lots.h"
#include "types/points.h"

/* pieces of a new state: groups are many, and most of them small */
#define FIRST_CAPACITY	8

/* longest front part worth searching for every row */
#define SEARCH_LIMIT	1024

typedef struct LotsState
{
	LotPiece   *pieces;
	int			count;
	int			sorted;			/* so many in front are in order */
	int			capacity;
} LotsState;

LOYALTY_FUNCTION(lots_accum);
LOYALTY_FUNCTION(lots_accum_row);
LOYALTY_FUNCTION(lots_accum_lines);
LOYALTY_FUNCTION(lots_accum_combine);
LOYALTY_FUNCTION(lots_accum_serial);
LOYALTY_FUNCTION(lots_accum_deserial);
LOYALTY_FUNCTION(lots_accum_final);

/* Sorts and merges everything. */
static void
state_settle(LotsState *state)
{
	if (state->sorted == state->count)
		return;
	if (lots_normalize(state->pieces, &state->count) != CORE_OK)
		points_out_of_range();
	state->sorted = state->count;
}

/* Makes room for more pieces. */
static void
state_make_room(LotsState *state, int more)
{
	int			capacity = state->capacity;

	if (more <= capacity - state->count)
		return;
	state_settle(state);
	if (more > LOTS_MAX_PIECES - state->count)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a value of type %s can have at most %d pieces",
						"lots", LOTS_MAX_PIECES)));

	/* sorting pays only if a good part of the array was unsorted */
	while (capacity < LOTS_MAX_PIECES &&
		   (capacity - state->count < more || state->count > capacity / 2))
		capacity = Min(2 * (int64) capacity, LOTS_MAX_PIECES);
	if (capacity != state->capacity)
	{
		state->pieces = repalloc(state->pieces, capacity * sizeof(LotPiece));
		state->capacity = capacity;
	}
}

/* Adds one piece. */
static void
state_add(LotsState *state, const LotPiece *piece)
{
	int			low = 0;
	int			high = state->sorted;

	if (piece->points == 0)
		return;
	if (high > SEARCH_LIMIT)
		high = 0;
	while (low < high)
	{
		int			middle = low + (high - low) / 2;
		int			order = lot_piece_cmp(&state->pieces[middle], piece);

		if (order < 0)
			low = middle + 1;
		else if (order > 0)
			high = middle;
		else
		{
			/* this may become zero: settling removes it */
			if (!points_add(state->pieces[middle].points, piece->points,
							&state->pieces[middle].points))
				points_out_of_range();
			return;
		}
	}
	state_make_room(state, 1);
	state->pieces[state->count++] = *piece;
}

/* Adds many pieces, in order among themselves. */
static void
state_add_many(LotsState *state, const LotPiece *pieces, int count)
{
	for (int i = 0; i < count; i++)
		state_add(state, &pieces[i]);
}

/* A new state in the aggregate's memory. */
static LotsState *
state_new(FunctionCallInfo fcinfo)
{
	MemoryContext context;
	LotsState  *state;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "aggregate function called in non-aggregate context");
	state = MemoryContextAlloc(context, sizeof(LotsState));
	state->count = state->sorted = 0;
	state->capacity = FIRST_CAPACITY;
	state->pieces = MemoryContextAlloc(context,
									   FIRST_CAPACITY * sizeof(LotPiece));
	return state;
}

/* An argument that is a state, if there is one. */
static inline LotsState *
state_argument(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : (LotsState *) PG_GETARG_POINTER(n);
}

/* Adds a value. */
Datum
lots_accum(PG_FUNCTION_ARGS)
{
	LotsState  *state = state_argument(fcinfo, 0);

	if (!PG_ARGISNULL(1))
	{
		Lots		lots = PG_GETARG_LOTS_P(1);

		if (state == NULL)
			state = state_new(fcinfo);
		state_add_many(state, lots->pieces, LOTS_COUNT(lots));
		PG_FREE_IF_COPY(lots, 1);
	}
	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(state);
}

/*
 * Adds a row of a ledger: unit, points, from, to.  Rows that were never valid
 * count for nothing, and so do rows without points.
 */
Datum
lots_accum_row(PG_FUNCTION_ARGS)
{
	LotsState  *state = state_argument(fcinfo, 0);

	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2))
	{
		LotPiece	piece = {0};

		if (PG_ARGISNULL(3))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("start of a lot must not be null")));
		piece.unit = PG_GETARG_INT32(1);
		piece.points = PG_GETARG_POINTS(2);
		piece.from = PG_GETARG_TIMESTAMPTZ(3);
		piece.to = PG_ARGISNULL(4) ? INSTANT_ACTIVITY :
			PG_GETARG_TIMESTAMPTZ(4);
		if (state == NULL)
			state = state_new(fcinfo);
		if (piece.from < piece.to)
		{
			lots_check_piece(&piece);
			state_add(state, &piece);
		}
	}
	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(state);
}

/* Adds lines of a ledger; those that were never valid count for nothing. */
Datum
lots_accum_lines(PG_FUNCTION_ARGS)
{
	LotsState  *state = state_argument(fcinfo, 0);

	if (!PG_ARGISNULL(1))
	{
		LinesCursor cursor;
		Movement	line;

		if (state == NULL)
			state = state_new(fcinfo);
		lines_begin(PG_GETARG_LINES_PP(1), &cursor);
		while (lines_next(&cursor, &line))
		{
			LotPiece	piece = {line.points, line.from, line.to, line.unit, 0};

			if (piece.from < piece.to)
				state_add(state, &piece);
		}
	}
	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(state);
}

/* Adds another state. */
Datum
lots_accum_combine(PG_FUNCTION_ARGS)
{
	LotsState  *state = state_argument(fcinfo, 0);
	LotsState  *more = state_argument(fcinfo, 1);

	if (more != NULL)
	{
		if (state == NULL)
			state = state_new(fcinfo);
		state_add_many(state, more->pieces, more->count);
	}
	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(state);
}

/* The state as bytes, for the same server: its pieces as they are. */
Datum
lots_accum_serial(PG_FUNCTION_ARGS)
{
	LotsState  *state = (LotsState *) PG_GETARG_POINTER(0);
	StringInfoData message;

	if (!AggCheckCallContext(fcinfo, NULL))
		elog(ERROR, "aggregate function called in non-aggregate context");
	state_settle(state);
	pq_begintypsend(&message);
	pq_sendbytes(&message, (void *) state->pieces,
				 state->count * sizeof(LotPiece));
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

/* Bytes to state. */
Datum
lots_accum_deserial(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	int			count = VARSIZE_ANY_EXHDR(bytes) / sizeof(LotPiece);
	LotsState  *state;

	if (!AggCheckCallContext(fcinfo, NULL))
		elog(ERROR, "aggregate function called in non-aggregate context");
	state = palloc(sizeof(LotsState));
	state->count = state->sorted = count;
	state->capacity = Max(count, FIRST_CAPACITY);
	state->pieces = palloc(state->capacity * sizeof(LotPiece));
	memcpy(state->pieces, VARDATA_ANY(bytes), count * sizeof(LotPiece));
	PG_RETURN_POINTER(state);
}

/* The sum, null of no values. */
Datum
lots_accum_final(PG_FUNCTION_ARGS)
{
	LotsState  *state;
	Lots		result;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (LotsState *) PG_GETARG_POINTER(0);
	if (lots_normalize(state->pieces, &state->count) != CORE_OK)
		points_out_of_range();
	state->sorted = state->count;
	result = lots_make(state->pieces, state->count);
	PG_RETURN_LOTS_P(result);
}
