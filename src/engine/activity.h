/*-------------------------------------------------------------------------
 *
 * activity.h
 *	  Units whose lots follow the member's last activity.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_ACTIVITY_H
#define LOYALTY_ACTIVITY_H

#include "engine/ledger.h"

/*
 * Tells an account of an activity in a unit, before its points are added.
 * What lapsed before it is booked.  If it arrives late, activity_settle is to
 * be called once its lines are written, and before anything is taken or owed.
 */
extern void activity_note(Ledger *ledger, AccountState *account, int32 unit_no, Instant at);

/*
 * Sets right what is booked, if an activity has arrived late: what would have
 * lapsed at another instant, or not at all, had it been known.
 */
extern void activity_settle(Ledger *ledger, AccountState *account);

/*
 * Whether a lot is over now, or, as it follows activity, has lapsed since an
 * instant: then what was out of it since then is over, too.
 */
extern bool activity_is_over(Ledger *ledger, AccountState *account, int32 unit_no,
							 Instant from, Instant to, Instant since);

#endif							/* LOYALTY_ACTIVITY_H */
