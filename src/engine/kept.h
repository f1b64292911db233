/*-------------------------------------------------------------------------
 *
 * kept.h
 *	  What a ledger leaves to the next one of its source.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_KEPT_H
#define LOYALTY_KEPT_H

#include "access/skey.h"

#include "engine/ledger.h"

#define KEPT_WRITERS	6

typedef struct KeptLedger
{
	MemoryContext context;		/* below its user's, or the program's */
	uint64		generation;		/* of the relation cache it was made from */
	bool		spoilt;			/* it is of no use to another ledger */
	EState	   *estate;
	TableWriter writers[KEPT_WRITERS];	/* those that are not open */
	int			nwriters;
	ScanKeyData *account_key;
	ScanKeyData *posting_keys;
} KeptLedger;

/* Gives a new ledger what another one has left, or makes it: ledger->kept. */
extern void kept_take(Ledger *ledger);

/* Opens one of the ledger's own tables for writing, with the help of that. */
extern void kept_open(Ledger *ledger, TableWriter *writer, Oid relid);

/* Puts it back, once kept_close has closed what was opened. */
extern void kept_close(Ledger *ledger, TableWriter *writer);
extern void kept_put(Ledger *ledger);

#endif							/* LOYALTY_KEPT_H */
