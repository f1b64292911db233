/*-------------------------------------------------------------------------
 *
 * given.h
 *	  Rows that stand in no table: given as JSON or as a record.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_GIVEN_H
#define LOYALTY_GIVEN_H

#include "utils/jsonb.h"

#include "engine/batch.h"

/*
 * The rows of a JSON object, or of an array of objects, in the format of the
 * source's table.  What an object leaves out takes the column's default, if
 * that reads and does nothing that only an INSERT may; else it is NULL.
 */
extern List *given_rows_from_json(EventReader *reader, Jsonb *json);

/*
 * The row of a record of the source's table, of a partition or of a child;
 * NULL if it is of another type.
 */
extern HeapTuple given_row_from_record(EventReader *reader, HeapTupleHeader record);

/* Says that a record is no row of any source. */
extern void given_refuse_record(Program *program, HeapTupleHeader record);

/* The key of the event that a row belongs to; NULL if it has none. */
extern Datum *given_key(Batch *batch, HeapTuple row);

/*
 * Makes rows the events of an empty batch, in order.  Rows with the same event
 * value are one event, and so are those that have none.
 */
extern void given_events(Batch *batch, List *rows);

#endif							/* LOYALTY_GIVEN_H */
