/*-------------------------------------------------------------------------
 *
 * pay.h
 *	  Points that a source's rows are paid with.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_PAY_H
#define LOYALTY_PAY_H

#include "engine/chunk.h"
#include "engine/operation.h"

/* what one event is paid with, and has been */
typedef struct Payment
{
	Points		wants;			/* what its rows say */
	Frac		amount;			/* the event's amount; only for spend_max_share */
	bool		has_member;		/* who pays: if wants > 0 */
	Datum		member;
	TimestampTz at;				/* in a backfill: of the first row that is paid;
								 * DT_NOEND if it has none */
	bool		keeps;			/* what was paid stays, whatever the rows say */
	OperationRow *paid;			/* operations that took points for it, oldest
								 * first */
	int			npaid;
} Payment;

/* Whether rows of the batch's source can be paid with points. */
static inline bool
pays(const Batch *batch)
{
	return batch->source->spend >= 0 && !batch->options.reprices && !batch->gives_back;
}

/* -------- pay_rows.c -------- */

/* The unit that the source's rows are paid with. */
extern UnitConfig *payment_unit(Batch *batch);

/*
 * Evaluates what the rows of an event say.  Whatever goes wrong fails the
 * statement: nobody is let go without paying.
 */
extern void pay_read_rows(Batch *batch, Event *event, FoundRow *rows, int nrows,
						  TupleTableSlot *slot);

/* Reads what has been paid for the chunk's events. */
extern void pay_load(Batch *batch);

/* How many members the payments of an event name at most, and which. */
extern int	pay_count_members(const Event *event);
extern int	pay_members(const Event *event, Datum *members);

/* Payments follow events that have another key now: pairs (old, new). */
extern void pay_move(Batch *batch, Datum **moves, int nmoves);

/* -------- pay.c -------- */

/* the account of a member of the chunk, which is locked */
typedef AccountState *(*PayAccount) (void *arg, Datum member, const Event *event);

/*
 * Takes what the event's rows say more than has been paid, or gives back what
 * they say less; LY001 if the points are not there.
 */
extern void pay_post(Batch *batch, Event *event, PayAccount account_of, void *arg);

#endif							/* LOYALTY_PAY_H */
