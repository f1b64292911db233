/*-------------------------------------------------------------------------
 *
 * account_find.h
 *	  Rows of accounts: found, and locked.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_ACCOUNT_FIND_H
#define LOYALTY_ACCOUNT_FIND_H

#include "engine/ledger.h"

/* Finds a member's account row, as the ledger's snapshot sees it: in the ledger's slot. */
extern bool account_find(Ledger *ledger, Datum member);

/*
 * Locks the member's row that was found and reads its latest version into the slot.  Under
 * REPEATABLE READ and above a row changed since the snapshot is a serialization
 * failure, as it is for UPDATE.
 */
extern void account_lock(Ledger *ledger, Datum member);

#endif							/* LOYALTY_ACCOUNT_FIND_H */
