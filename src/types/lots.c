/*-------------------------------------------------------------------------
 *
 * lots.c
 *	  The SQL type lots: input and output, operators, functions.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/lots_pack.h"
#include "loyalty.h"
#include "types/order.h"
#include "types/lots.h"
#include "types/points.h"
#include "types/refusal.h"

/* version of the binary format, and the bytes of a piece in it */
#define LOTS_WIRE_VERSION	1
#define PIECE_WIRE_SIZE		(sizeof(int32) + 3 * sizeof(int64))

/* a piece that expires at the end of some month takes about this packed, if not more */
#define USUAL_PACKED_SIZE	9

LOYALTY_FUNCTION(lots_in);
LOYALTY_FUNCTION(lots_out);
LOYALTY_FUNCTION(lots_recv);
LOYALTY_FUNCTION(lots_send);
LOYALTY_FUNCTION(lots_pl);
LOYALTY_FUNCTION(lots_mi);
LOYALTY_FUNCTION(lots_um);
LOYALTY_FUNCTION(lots_up);
LOYALTY_FUNCTION(lots_hash);
LOYALTY_FUNCTION(lots_hash_extended);
LOYALTY_FUNCTION(lots_construct);
LOYALTY_FUNCTION(lots_available_at);
LOYALTY_FUNCTION(lots_pending_at);
LOYALTY_FUNCTION(lots_next_change_after);
LOYALTY_FUNCTION(lots_spend_at);
LOYALTY_FUNCTION(lots_unnest);

/* ------------------------------------------------------------------------
 * Values
 * ------------------------------------------------------------------------
 */

/* Reports that there would be more pieces than a value can have. */
static void
check_count(int64 n)
{
	if (n > LOTS_MAX_PIECES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a value of type %s can have at most %d pieces",
						"lots", LOTS_MAX_PIECES)));
}

/*
 * The pieces of a packed value, in memory of their own: behind so many bytes
 * at its start, and with room for so many more at its end.
 */
static char *
unpack(Lots packed, Size start, int spare, int *count)
{
	const unsigned char *at = (const unsigned char *) packed + LOTS_HEADER_SIZE;
	const unsigned char *limit = (const unsigned char *) packed + VARSIZE(packed);
	Size		room = (limit - at) / USUAL_PACKED_SIZE + 1;
	char	   *memory = palloc_extended(start + sizeof(LotPiece) * (room + spare),
										 MCXT_ALLOC_HUGE);

	*count = 0;
	while (lots_unpack(&at, limit, (LotPiece *) (memory + start), room, count) == CORE_OK)
	{
		int			more;

		if (at == limit)
		{
			if (lots_unpack_end((LotPiece *) (memory + start), *count) == CORE_OK)
				return memory;
			break;
		}
		more = lots_pack_count(at, limit - at);
		if (more < 0)
			break;
		room = (Size) *count + more;
		check_count(room);
		memory = repalloc_huge(memory, start + sizeof(LotPiece) * (room + spare));
	}
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("a packed value of type %s is malformed", "lots")));
}

/* What a datum holds, packed or not, of a version that is known. */
static Lots
stored_lots(Datum datum)
{
	Lots		lots = (Lots) PG_DETOAST_DATUM(datum);

	if (unlikely(lots->version != LOTS_VERSION ||
				 (lots->flags != LOTS_PACKED && lots->flags != 0)))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("unsupported version %d of type %s",
						lots->version, "lots")));
	return lots;
}

/* The value of a datum. */
Lots
lots_from_datum(Datum datum)
{
	Lots		lots = stored_lots(datum);

	if (lots->flags == LOTS_PACKED)
	{
		int			count;

		lots = (Lots) unpack(lots, LOTS_HEADER_SIZE, 0, &count);
		check_count(count);
		lots->version = LOTS_VERSION;
		lots->flags = 0;
		lots_end(lots, count);
	}
	return lots;
}

/* The pieces of a datum, to be changed. */
LotPiece *
lots_pieces_from_datum(Datum datum, int spare, int *count)
{
	Lots		lots = stored_lots(datum);
	LotPiece   *pieces;

	if (lots->flags == LOTS_PACKED)
		return (LotPiece *) unpack(lots, 0, spare, count);
	*count = LOTS_COUNT(lots);
	pieces = palloc_extended(sizeof(LotPiece) * (*count + spare), MCXT_ALLOC_HUGE);
	memcpy(pieces, LOTS_PIECES(lots), sizeof(LotPiece) * *count);
	return pieces;
}

/* A value of n pieces in few bytes. */
Lots
lots_make_packed(const LotPiece *pieces, int n)
{
	Lots		lots = palloc(LOTS_HEADER_SIZE + (Size) n * LOTS_PACK_MAX);
	size_t		size;

	lots->version = LOTS_VERSION;
	lots->flags = LOTS_PACKED;
	size = lots_pack(pieces, n, (unsigned char *) lots + LOTS_HEADER_SIZE);
	SET_VARSIZE(lots, LOTS_HEADER_SIZE + size);
	return lots;
}

/* A value with room for n pieces. */
Lots
lots_begin(int n)
{
	Lots		lots;

	check_count(n);
	lots = palloc(LOTS_SIZE(n));
	lots->version = LOTS_VERSION;
	lots->flags = 0;
	return lots;
}

/* Completes a value that got n pieces. */
void
lots_end(Lots lots, int n)
{
	SET_VARSIZE(lots, LOTS_SIZE(n));
	Assert(lots_validate(lots->pieces, n) == CORE_OK);
}

/* A value of n pieces. */
Lots
lots_make(const LotPiece *pieces, int n)
{
	Lots		lots = lots_begin(n);

	if (n > 0)
		memcpy(lots->pieces, pieces, n * sizeof(LotPiece));
	lots_end(lots, n);
	return lots;
}

/* Reports a piece whose unit or validity cannot be. */
void
lots_check_piece(const LotPiece *piece)
{
	if (piece->unit <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of a unit must be positive")));
	if (lot_piece_validate(piece) != CORE_OK)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("a lot must start before it ends")));
}

/* ------------------------------------------------------------------------
 * Input and output
 * ------------------------------------------------------------------------
 */

/* Text to lots. */
Datum
lots_in(PG_FUNCTION_ARGS)
{
	char	   *text = PG_GETARG_CSTRING(0);
	size_t		length = strlen(text);
	Lots		result = lots_begin(lots_parse_limit(text, length));
	int			count;

	switch (lots_parse(text, length, result->pieces, &count))
	{
		case CORE_OK:
			break;
		case CORE_RANGE:
			ereturn(fcinfo->context, (Datum) 0,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("value \"%s\" is out of range for type %s",
							text, "lots"),
					 errdetail("Unit numbers are positive, and a lot starts before it ends.")));
		case CORE_SYNTAX:
			ereturn(fcinfo->context, (Datum) 0,
					(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
					 errmsg("invalid input syntax for type %s: \"%s\"",
							"lots", text),
					 errhint("Lots look like {1:250@[2026-01-15 00:00:00+00,2027-02-01 00:00:00+00)}: number of the unit, points, validity.")));
	}
	lots_end(result, count);
	PG_RETURN_LOTS_P(result);
}

/* Lots to text. */
Datum
lots_out(PG_FUNCTION_ARGS)
{
	Lots		lots = PG_GETARG_LOTS_P(0);
	char		buffer[LOT_PIECE_TEXT_SIZE];
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoChar(&text, '{');
	for (int i = 0; i < LOTS_COUNT(lots); i++)
	{
		int			length = lot_piece_format(&lots->pieces[i], buffer);

		if (i > 0)
			appendStringInfoChar(&text, ',');
		appendBinaryStringInfo(&text, buffer, length);
	}
	appendStringInfoChar(&text, '}');
	PG_RETURN_CSTRING(text.data);
}

/* Binary format to lots: version, count, pieces in their order. */
Datum
lots_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	int			version = pq_getmsgbyte(message);
	int			count;
	Lots		result;

	if (version != LOTS_WIRE_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("unsupported version %d of binary format of type %s",
						version, "lots")));
	count = (int32) pq_getmsgint(message, 4);
	if (count < 0 || count != (message->len - message->cursor) / PIECE_WIRE_SIZE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("wrong number of pieces in binary format of type %s",
						"lots")));
	result = lots_begin(count);
	for (int i = 0; i < count; i++)
	{
		LotPiece   *piece = &result->pieces[i];

		piece->unit = (int32) pq_getmsgint(message, 4);
		piece->reserved = 0;
		piece->points = pq_getmsgint64(message);
		piece->from = pq_getmsgint64(message);
		piece->to = pq_getmsgint64(message);
	}
	if (lots_validate(result->pieces, count) != CORE_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid value in binary format of type %s", "lots")));
	lots_end(result, count);
	PG_RETURN_LOTS_P(result);
}

/* Lots to binary format. */
Datum
lots_send(PG_FUNCTION_ARGS)
{
	Lots		lots = PG_GETARG_LOTS_P(0);
	StringInfoData message;

	pq_begintypsend(&message);
	pq_sendbyte(&message, LOTS_WIRE_VERSION);
	pq_sendint32(&message, LOTS_COUNT(lots));
	for (int i = 0; i < LOTS_COUNT(lots); i++)
	{
		LotPiece   *piece = &lots->pieces[i];

		pq_sendint32(&message, piece->unit);
		pq_sendint64(&message, piece->points);
		pq_sendint64(&message, piece->from);
		pq_sendint64(&message, piece->to);
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

/* ------------------------------------------------------------------------
 * The group
 * ------------------------------------------------------------------------
 */

/* Merges two arrays of pieces into a new value. */
static Lots
sum_of(const LotPiece *a, int an, const LotPiece *b, int bn)
{
	Lots		result = lots_begin(an + bn);
	int			count;

	if (lots_add(a, an, b, bn, result->pieces, &count) != CORE_OK)
		points_out_of_range();
	lots_end(result, count);
	return result;
}

/* The inverse as a new value. */
static Lots
negative_of(Lots lots)
{
	int			count = LOTS_COUNT(lots);
	Lots		result = lots_begin(count);

	if (lots_negate(lots->pieces, count, result->pieces) != CORE_OK)
		points_out_of_range();
	lots_end(result, count);
	return result;
}

/* lots + lots */
Datum
lots_pl(PG_FUNCTION_ARGS)
{
	Lots		a = PG_GETARG_LOTS_P(0);
	Lots		b = PG_GETARG_LOTS_P(1);

	PG_RETURN_LOTS_P(sum_of(a->pieces, LOTS_COUNT(a),
							b->pieces, LOTS_COUNT(b)));
}

/* lots - lots */
Datum
lots_mi(PG_FUNCTION_ARGS)
{
	Lots		a = PG_GETARG_LOTS_P(0);
	Lots		b = negative_of(PG_GETARG_LOTS_P(1));

	PG_RETURN_LOTS_P(sum_of(a->pieces, LOTS_COUNT(a),
							b->pieces, LOTS_COUNT(b)));
}

/* - lots */
Datum
lots_um(PG_FUNCTION_ARGS)
{
	PG_RETURN_LOTS_P(negative_of(PG_GETARG_LOTS_P(0)));
}

/* + lots */
Datum
lots_up(PG_FUNCTION_ARGS)
{
	PG_RETURN_LOTS_P(PG_GETARG_LOTS_P(0));
}

/* ------------------------------------------------------------------------
 * Order
 * ------------------------------------------------------------------------
 */

/* Three-way comparison of the arguments; frees copies, as B-trees want. */
static int
compare_arguments(FunctionCallInfo fcinfo)
{
	Lots		a = PG_GETARG_LOTS_P(0);
	Lots		b = PG_GETARG_LOTS_P(1);
	int			order = lots_cmp(a->pieces, LOTS_COUNT(a),
								 b->pieces, LOTS_COUNT(b));

	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	return order;
}

LOYALTY_ORDER(lots, compare_arguments)

/* Hash; equal values have equal pieces. */
Datum
lots_hash(PG_FUNCTION_ARGS)
{
	Lots		lots = PG_GETARG_LOTS_P(0);
	uint32		hash = hash_bytes((unsigned char *) lots->pieces,
								  LOTS_COUNT(lots) * sizeof(LotPiece));

	PG_FREE_IF_COPY(lots, 0);
	PG_RETURN_UINT32(hash);
}

/* Hash with a seed. */
Datum
lots_hash_extended(PG_FUNCTION_ARGS)
{
	Lots		lots = PG_GETARG_LOTS_P(0);
	uint64		hash = hash_bytes_extended((unsigned char *) lots->pieces,
										   LOTS_COUNT(lots) * sizeof(LotPiece),
										   PG_GETARG_INT64(1));

	PG_FREE_IF_COPY(lots, 0);
	PG_RETURN_UINT64(hash);
}

/* ------------------------------------------------------------------------
 * Functions
 * ------------------------------------------------------------------------
 */

/* One lot from unit, points and validity; without an end, it is activity. */
Datum
lots_construct(PG_FUNCTION_ARGS)
{
	LotPiece	piece = {0};

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	piece.unit = PG_GETARG_INT32(0);
	piece.points = PG_GETARG_POINTS(1);
	piece.from = PG_GETARG_TIMESTAMPTZ(2);
	piece.to = PG_ARGISNULL(3) ? INSTANT_ACTIVITY : PG_GETARG_TIMESTAMPTZ(3);
	lots_check_piece(&piece);
	PG_RETURN_LOTS_P(lots_make(&piece, piece.points == 0 ? 0 : 1));
}

/* Points of a unit available at an instant. */
Datum
lots_available_at(PG_FUNCTION_ARGS)
{
	Lots		lots = PG_GETARG_LOTS_P(0);
	Points		result;

	if (lots_available(lots->pieces, LOTS_COUNT(lots), PG_GETARG_INT32(1),
					   PG_GETARG_TIMESTAMPTZ(2), &result) != CORE_OK)
		points_out_of_range();
	PG_RETURN_POINTS(result);
}

/* Points of a unit that become available after an instant. */
Datum
lots_pending_at(PG_FUNCTION_ARGS)
{
	Lots		lots = PG_GETARG_LOTS_P(0);
	Points		result;

	if (lots_pending(lots->pieces, LOTS_COUNT(lots), PG_GETARG_INT32(1),
					 PG_GETARG_TIMESTAMPTZ(2), &result) != CORE_OK)
		points_out_of_range();
	PG_RETURN_POINTS(result);
}

/* The next instant at which a lot starts or ends. */
Datum
lots_next_change_after(PG_FUNCTION_ARGS)
{
	Lots		lots = PG_GETARG_LOTS_P(0);

	PG_RETURN_TIMESTAMPTZ(lots_next_change(lots->pieces, LOTS_COUNT(lots),
										   PG_GETARG_TIMESTAMPTZ(1)));
}

/* Takes points; returns what is left and what was taken. */
Datum
lots_spend_at(PG_FUNCTION_ARGS)
{
	Lots		lots = PG_GETARG_LOTS_P(0);
	int32		unit = PG_GETARG_INT32(1);
	Points		amount = PG_GETARG_POINTS(2);
	int			count = LOTS_COUNT(lots);
	Lots		rest = lots_begin(count);
	Lots		taken = lots_begin(count);
	int			nrest,
				ntaken;
	Points		missing;
	TupleDesc	desc;
	Datum		values[2];
	bool		nulls[2] = {false, false};

	if (unit <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of a unit must be positive")));
	if (amount < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("points to spend must not be negative")));
	if (lots_spend(lots->pieces, count, unit, amount, PG_GETARG_TIMESTAMPTZ(3),
				   rest->pieces, &nrest, taken->pieces, &ntaken,
				   &missing) != CORE_OK)
		points_out_of_range();
	if (missing > 0)
		ereport(ERROR,
				(errcode(ERRCODE_LOYALTY_INSUFFICIENT_POINTS),
				 errmsg("insufficient points"),
				 errdetail("%s are to be spent, %s too many.",
						   points_to_cstring(amount),
						   points_to_cstring(missing)),
				 refusal_fields(NULL, NULL, NULL,
								facts("needed", fact_points(amount), "missing",
									  fact_points(missing), NULL))));
	lots_end(rest, nrest);
	lots_end(taken, ntaken);

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = LotsPGetDatum(rest);
	values[1] = LotsPGetDatum(taken);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc),
													  values, nulls)));
}

/* The pieces as rows. */
Datum
lots_unnest(PG_FUNCTION_ARGS)
{
	FuncCallContext *context;
	Lots		lots;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext old;
		TupleDesc	desc;

		context = SRF_FIRSTCALL_INIT();
		old = MemoryContextSwitchTo(context->multi_call_memory_ctx);
		if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		context->tuple_desc = BlessTupleDesc(desc);
		/* the argument may not live until the last call, so take a copy */
		lots = (Lots) PG_DETOAST_DATUM_COPY(LotsPGetDatum(PG_GETARG_LOTS_P(0)));
		context->user_fctx = lots;
		context->max_calls = LOTS_COUNT(lots);
		MemoryContextSwitchTo(old);
	}

	context = SRF_PERCALL_SETUP();
	lots = context->user_fctx;
	if (context->call_cntr < context->max_calls)
	{
		LotPiece   *piece = &lots->pieces[context->call_cntr];
		Datum		values[4];
		bool		nulls[4] = {false, false, false, false};

		values[0] = Int32GetDatum(piece->unit);
		values[1] = PointsGetDatum(piece->points);
		values[2] = TimestampTzGetDatum(piece->from);
		values[3] = TimestampTzGetDatum(piece->to);
		nulls[3] = piece->to == INSTANT_ACTIVITY;
		SRF_RETURN_NEXT(context,
						HeapTupleGetDatum(heap_form_tuple(context->tuple_desc,
														  values, nulls)));
	}
	SRF_RETURN_DONE(context);
}
