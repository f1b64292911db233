/*-------------------------------------------------------------------------
 *
 * pay_rows.c
 *	  What the rows of a source say that they are paid with, and what has been
 *	  paid for them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/pay.h"

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "engine/amount.h"
#include "engine/plan.h"
#include "types/numbers.h"

/* see plan_execute */
static const char load_plan = 0;
static const char move_plan = 0;

/* -------- what the rows say -------- */

/* arguments of read_rows, for unguarded() */
typedef struct ReadPayment
{
	Batch	   *batch;
	Event	   *event;
	FoundRow   *rows;
	int			nrows;
	TupleTableSlot *slot;
} ReadPayment;

/* see pay.h */
UnitConfig *
payment_unit(Batch *batch)
{
	return rules_unit_by_name(batch->program->rules, batch->source->spend_unit);
}

/* Refuses a number of points. */
static void
check_points(Batch *batch, const Event *event, Numeric number, Points *points)
{
	const UnitConfig *unit = payment_unit(batch);

	if (points_from_numeric(number, points) == CORE_OK && *points >= 0 &&
		*points % unit->judge.step == 0 &&
		DatumGetBool(DirectFunctionCall2(numeric_eq, NumericGetDatum(number),
										 NumericGetDatum(points_to_numeric(*points)))))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("event %s of source \"%s\" cannot be paid with %s %s",
					event_key_text(batch->source, event->key), batch->source->name,
					DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(number))),
					unit->name),
			 errdetail("Points are not negative, and multiples of %s.",
					   points_text(unit->judge.step))));
}

/* What one row says; the row is in the reader's slot. */
static void
read_row(Batch *batch, const Event *event, Payment *payment)
{
	EventReader *reader = batch->reader;
	SourceConfig *source = batch->source;
	Datum		value;
	Points		points;
	bool		isnull;

	value = event_read_expr(reader, source->spend, &isnull);
	if (isnull)
		return;
	check_points(batch, event, DatumGetNumeric(value), &points);
	if (points == 0)
		return;
	if (source->spend_condition >= 0)
	{
		value = event_read_expr(reader, source->spend_condition, &isnull);
		if (isnull || !DatumGetBool(value))
			return;
	}
	value = event_read_expr(reader, source->member, &isnull);
	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("event %s of source \"%s\" is paid with points, but names no member",
						event_key_text(source, event->key), source->name)));
	if (payment->has_member && member_cmp(batch->program, payment->member, value) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_CARDINALITY_VIOLATION),
				 errmsg("the rows of event %s of source \"%s\" are paid by different members",
						event_key_text(source, event->key), source->name)));
	if (!payment->has_member)
	{
		MemoryContext old = MemoryContextSwitchTo(batch->chunk);

		payment->member = member_copy(batch->program, value);
		payment->has_member = true;
		MemoryContextSwitchTo(old);
	}
	if (batch->options.history)
	{
		TimestampTz at = DT_NOEND;

		if (source->occurred_at >= 0)
		{
			at = event_read_instant(reader, &isnull);
			if (isnull)
				at = DT_NOEND;
		}
		payment->at = payment->wants == 0 ? at : Min(payment->at, at);
	}
	core_check(points_add(payment->wants, points, &payment->wants) ? CORE_OK : CORE_RANGE);
}

/* What all rows of an event say; runs unguarded. */
static void
read_rows(void *arg)
{
	ReadPayment *read = (ReadPayment *) arg;
	Batch	   *batch = read->batch;
	EventReader *reader = batch->reader;
	Payment    *payment = read->event->payment;
	int			i;

	for (i = 0; i < read->nrows; i++)
	{
		MemoryContext old;
		bool		isnull;
		Datum		value;

		ExecStoreHeapTuple(&read->rows[i].tuple, read->slot, false);
		ResetExprContext(reader->econtext);
		reader->econtext->ecxt_outertuple = read->slot;
		reader->econtext->ecxt_innertuple = NULL;
		old = MemoryContextSwitchTo(reader->econtext->ecxt_per_tuple_memory);
		read_row(batch, read->event, payment);
		if (batch->source->has_max_share && batch->source->amount >= 0)
		{
			value = event_read_expr(reader, batch->source->amount, &isnull);
			if (!isnull)
				core_check(frac_add(payment->amount, amount_from_numeric(value, "amount"),
									&payment->amount));
		}
		MemoryContextSwitchTo(old);
	}
}

/* An event's payment, made when first asked for. */
static Payment *
event_payment(Batch *batch, Event *event)
{
	if (event->payment == NULL)
	{
		event->payment = MemoryContextAllocZero(batch->chunk, sizeof(Payment));
		event->payment->amount = FRAC_ZERO;
	}
	return event->payment;
}

/* see pay.h */
void
pay_read_rows(Batch *batch, Event *event, FoundRow *rows, int nrows, TupleTableSlot *slot)
{
	ReadPayment read = {batch, event, rows, nrows, slot};

	(void) event_payment(batch, event);
	unguarded(batch, read_rows, &read);
}

/* -------- what has been paid -------- */

/* see pay.h */
void
pay_load(Batch *batch)
{
	Oid			types[2] = {INT4OID, TEXTARRAYOID};
	Datum		values[2];
	Datum	   *keys = MemoryContextAllocHuge(batch->chunk,
											  sizeof(Datum) * Max(1, batch->nevents));
	MemoryContext context = CurrentMemoryContext;
	uint64		i;

	for (i = 0; i < batch->nevents; i++)
	{
		Event	   *event = &batch->events[i];
		Payment    *payment = event_payment(batch, event);

		keys[i] = CStringGetTextDatum(event_key_text(batch->source, event->key));
		payment->npaid = 0;
		payment->keeps = event->nfound == 0 && !batch->options.judge_orphans &&
			(batch->options.keep_orphans || batch->source->keep);
	}
	values[0] = Int32GetDatum(batch->source->source_no);
	values[1] = PointerGetDatum(construct_array(keys, batch->nevents, TEXTOID, -1, false,
												TYPALIGN_INT));
	SPI_connect();
	plan_execute(batch->program, &load_plan,
				 "SELECT k.ord, o.operation_no, o.member_id, o.unit_no::pg_catalog.int4, o.points,"
				 " o.spent, o.returned, o.first_entry, o.last_entry"
				 " FROM pg_catalog.unnest($2) WITH ORDINALITY AS k (key, ord)"
				 " JOIN %s.operation AS o ON o.source_no OPERATOR(pg_catalog.=) $1"
				 " AND o.event_key OPERATOR(pg_catalog.=) k.key"
				 " AND o.kind OPERATOR(pg_catalog.=) 'spend' ORDER BY k.ord, o.operation_no",
				 2, types, values, batch->options.dry, SPI_OK_SELECT);
	MemoryContextSwitchTo(context);
	for (i = 0; i < SPI_processed; i++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;
		int64		ord = DatumGetInt64(SPI_getbinval(tuple, desc, 1, &isnull));
		Payment    *payment = batch->events[ord - 1].payment;
		OperationRow *row;

		payment->paid = payment->npaid > 0 ?
			repalloc(payment->paid, sizeof(OperationRow) * (payment->npaid + 1)) :
			palloc(sizeof(OperationRow));
		row = &payment->paid[payment->npaid++];
		memset(row, 0, sizeof(OperationRow));
		row->number = DatumGetInt64(SPI_getbinval(tuple, desc, 2, &isnull));
		row->member = member_copy(batch->program, SPI_getbinval(tuple, desc, 3, &isnull));
		row->unit_no = DatumGetInt32(SPI_getbinval(tuple, desc, 4, &isnull));
		row->points = DatumGetInt64(SPI_getbinval(tuple, desc, 5, &isnull));
		row->spent = DatumGetInt64(SPI_getbinval(tuple, desc, 6, &isnull));
		row->returned = DatumGetInt64(SPI_getbinval(tuple, desc, 7, &isnull));
		row->first_entry = DatumGetInt64(SPI_getbinval(tuple, desc, 8, &isnull));
		row->last_entry = DatumGetInt64(SPI_getbinval(tuple, desc, 9, &isnull));
	}
	SPI_finish();
}

/* see pay.h */
int
pay_count_members(const Event *event)
{
	return event->payment ? event->payment->npaid + 1 : 0;
}

/* see pay.h */
int
pay_members(const Event *event, Datum *members)
{
	const Payment *payment = event->payment;
	int			n = 0;
	int			i;

	if (payment == NULL)
		return 0;
	if (payment->has_member)
		members[n++] = payment->member;
	for (i = 0; i < payment->npaid; i++)
	{
		if (payment->paid[i].points > payment->paid[i].returned)
			members[n++] = payment->paid[i].member;
	}
	return n;
}

/* see pay.h */
void
pay_move(Batch *batch, Datum **moves, int nmoves)
{
	Oid			types[3] = {INT4OID, TEXTARRAYOID, TEXTARRAYOID};
	Datum		values[3];
	Datum	   *old_keys = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Datum) * nmoves);
	Datum	   *new_keys = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Datum) * nmoves);
	int			i;

	if (!pays(batch) || batch->options.dry)
		return;
	for (i = 0; i < nmoves; i++)
	{
		old_keys[i] = CStringGetTextDatum(event_key_text(batch->source, moves[2 * i]));
		new_keys[i] = CStringGetTextDatum(event_key_text(batch->source, moves[2 * i + 1]));
	}
	values[0] = Int32GetDatum(batch->source->source_no);
	values[1] = PointerGetDatum(construct_array(old_keys, nmoves, TEXTOID, -1, false,
												TYPALIGN_INT));
	values[2] = PointerGetDatum(construct_array(new_keys, nmoves, TEXTOID, -1, false,
												TYPALIGN_INT));
	plan_update(batch->program, &move_plan,
				"UPDATE %s.operation AS o SET event_key = k.new_key"
				" FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3)) AS k (old_key, new_key)"
				" WHERE o.source_no OPERATOR(pg_catalog.=) $1"
				" AND o.event_key OPERATOR(pg_catalog.=) k.old_key",
				3, types, values);
}
