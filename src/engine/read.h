/*-------------------------------------------------------------------------
 *
 * read.h
 *	  Reading accounts: without a lock, with the caller's snapshot, at any
 *	  instant.  Nothing is ever written.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_READ_H
#define LOYALTY_READ_H

#include "engine/ledger.h"

/*
 * Opens just what it takes to read accounts, with the active snapshot: a dry
 * Ledger, lent by the caller, for ledger_read_account and ledger_read_entries
 * only.  As ledger_open does it, it makes the program's owner the user.
 */
extern void reader_open(Ledger *reader, Program *program);
extern void reader_close(Ledger *reader);

/*
 * A member's account at an instant, as far as was known at another; NULL: now.
 * The lots are those there at that instant, account->now.  NULL if there is no
 * such member.
 */
extern AccountState *reader_account(Ledger *reader, Datum member,
									const TimestampTz *at,
									const TimestampTz *known_at);

/*
 * past.c: the lots as the lines of the ledger say that took effect by an
 * instant and were known by another, not advanced.
 */
extern void past_lots(Ledger *reader, AccountState *account,
					  TimestampTz at, TimestampTz known_at);

/*
 * What of a unit an account has, exactly, at the instant it stands at.  Debt is
 * positive, and where there is some nothing is available.
 */
typedef struct UnitBalance
{
	Points		available;
	Points		pending;
	Points		held;
	Points		debt;
} UnitBalance;

extern UnitBalance account_unit_balance(const AccountState *account, int32 unit_no);

/* as members see it: the floor to so many decimals */
extern Points points_shown(Points points, int decimals);

#endif							/* LOYALTY_READ_H */
