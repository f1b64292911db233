/*-------------------------------------------------------------------------
 *
 * keyed.h
 *	  Single rows of the program's small tables, by primary key: what a
 *	  purchase needs of them costs no statement.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_KEYED_H
#define LOYALTY_KEYED_H

#include "engine/ledger.h"

/*
 * Opens a table beside a ledger.  False, and nothing is open, if it can only be
 * written by statements: the ledger is dry, or there are row triggers on the table.
 */
extern bool keyed_open(Ledger *ledger, TableWriter *writer, Oid relid);
extern void keyed_close(TableWriter *writer);

/*
 * Finds the row with a primary key as it is committed now, or written by this
 * transaction; it is in writer->slot then.
 */
extern bool keyed_find(Ledger *ledger, TableWriter *writer, const Datum *key);

/*
 * Locks the row just found.  False if somebody else holds it, or has changed it
 * since; with latest a change that may be seen is followed, and what it has
 * come to is in writer->slot.
 */
extern bool keyed_lock(Ledger *ledger, TableWriter *writer, bool latest);

/* Sets columns, numbered from 0, of the row that was found or locked. */
extern void keyed_update(Ledger *ledger, TableWriter *writer, const int *columns,
						 const Datum *values, int ncolumns);

#endif							/* LOYALTY_KEYED_H */
