/*-------------------------------------------------------------------------
 *
 * pages.h
 *	  Lots of a big account, beyond what fits its row.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_PAGES_H
#define LOYALTY_PAGES_H

#include "engine/ledger.h"

extern void pages_attach(Ledger *ledger, AccountState *account, Datum paged);
extern void pages_bring_in_due(Ledger *ledger, AccountState *account, TimestampTz now);
extern TimestampTz pages_next_due(AccountState *account);
extern void pages_balance(Ledger *ledger, AccountState *account);
extern Datum pages_summary(AccountState *account);

#endif							/* LOYALTY_PAGES_H */
