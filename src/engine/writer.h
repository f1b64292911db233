/*-------------------------------------------------------------------------
 *
 * writer.h
 *	  Rows of the program's tables, written through the access methods.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_WRITER_H
#define LOYALTY_WRITER_H

#include "engine/ledger.h"

/* Opens a table for reading and, unless the ledger is dry, writing. */
extern void writer_open(Ledger *ledger, TableWriter *writer, Oid relid);
extern void writer_close(TableWriter *writer);

/* The same for a table that is open already, and its descriptor. */
extern void writer_make(Ledger *ledger, TableWriter *writer);

/* Opens the indexes for writing, unless they are: an update that is HOT needs none. */
extern void writer_open_indices(TableWriter *writer);

/*
 * A slot to fill with the next new row, then to be given to writer_insert,
 * which keeps it to be written with others by writer_flush.
 */
extern TupleTableSlot *writer_next(Ledger *ledger, TableWriter *writer);
extern void writer_insert(Ledger *ledger, TableWriter *writer);
extern void writer_flush(Ledger *ledger, TableWriter *writer);

/*
 * The same for rows whose keys others may have written meanwhile: then refuse
 * says so in better words than the index.  It must raise an error.
 */
extern void writer_flush_or(Ledger *ledger, TableWriter *writer,
							void (*refuse) (void *arg), void *arg);

/* Replaces the row at tid, which this transaction has locked, by the slot's. */
extern void writer_update(Ledger *ledger, TableWriter *writer, ItemPointer tid);
/* The same where only the first columns are filled: what somebody has added is kept. */
extern void writer_replace(Ledger *ledger, TableWriter *writer, ItemPointer tid,
						   int ncolumns);

/*
 * The same for a row that is not locked, of a table without row triggers.
 * Waits for who is changing it; false if he has.
 */
extern bool writer_try_update(Ledger *ledger, TableWriter *writer, ItemPointer tid,
							  Snapshot snapshot);

#endif							/* LOYALTY_WRITER_H */
