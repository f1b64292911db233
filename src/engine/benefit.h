/*-------------------------------------------------------------------------
 *
 * benefit.h
 *	  What tiers bring beside points, and who has used how much of it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_BENEFIT_H
#define LOYALTY_BENEFIT_H

#include "engine/operation.h"

/* operation.kind of a use */
#define BENEFIT_KIND "use_benefit"

/*
 * A use is given back, the account being locked; 55000 if it was before.  The
 * operation's status says so.
 */
extern void benefit_cancel(Operation *operation, int64 use_no);

/* reverse() of a use */
extern void reverse_benefit(Operation *operation, OperationRow *row);

#endif							/* LOYALTY_BENEFIT_H */
