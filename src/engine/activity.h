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
 * What lapsed before it is booked.  An activity that arrives late brings back
 * what would not have lapsed had it been known.  Returns the instant at which
 * points of this activity have lapsed already, INSTANT_NEVER if they have not.
 */
extern Instant activity_note(Ledger *ledger, AccountState *account, int32 unit_no,
							 Instant at);

/*
 * Whether lots of a unit that follow activity lapsed after an instant and up
 * to now, as far as is known.
 */
extern bool activity_lapsed_since(Ledger *ledger, AccountState *account, int32 unit_no,
								  Instant since);

/* Lapses points of a late activity, just added in the lot from "from". */
extern void activity_lapse(Ledger *ledger, AccountState *account, int32 unit_no,
						   Instant from, Points points, Instant lapse);

#endif							/* LOYALTY_ACTIVITY_H */
