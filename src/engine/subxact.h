/*-------------------------------------------------------------------------
 *
 * subxact.h
 *	  Trying what may fail, in a subtransaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_SUBXACT_H
#define LOYALTY_SUBXACT_H

#include "postgres.h"

/*
 * Runs a function in a subtransaction.  NULL if all went well: then what it
 * has done stays, if keep says so.  Otherwise the error, after all it had done
 * has been undone; who does not know what to do about it throws it again.
 * Results live in the caller's memory context.
 */
extern ErrorData *subxact_try(void (*function) (void *arg), void *arg, bool keep);

#endif							/* LOYALTY_SUBXACT_H */
