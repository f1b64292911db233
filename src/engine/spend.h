/*-------------------------------------------------------------------------
 *
 * spend.h
 *	  Spending, as functions do it: all work on an Operation that has begun,
 *	  whose account is locked and stands at now; see operation.h.
 *
 * What a function does that spends:
 *
 *		operation_init(&operation, program, "spend", ENTRY_REDEEM);
 *		operation.unit = spendable_unit(program, name);
 *		operation.key = ...; if (operation_needs_request(&operation)) operation_argument(...);
 *		if (operation_begin(&operation, member))
 *		{
 *			spend_take(&operation, points);
 *			operation_settle(&operation);
 *			operation_write(&operation);
 *		}
 *		return operation_result(&operation, fcinfo);
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_SPEND_H
#define LOYALTY_SPEND_H

#include "datatype/timestamp.h"
#include "utils/timestamp.h"

#include "engine/operation.h"

/* A unit by name, NULL: the only spendable one; LY010 if it cannot be spent. */
extern UnitConfig *spendable_unit(Program *program, const char *name);

/* Notes that the member is active now, for units whose lots follow activity. */
extern void spend_note_activity(Operation *operation);

/*
 * Takes points out of the lots that end first; LY001 if there are not enough.
 * Sets operation->points and spent.  0 points are none.
 */
extern void spend_take(Operation *operation, Points points);

/*
 * Sets points aside until an instant.  The operation's entry_kind is
 * ENTRY_HOLD; sets points, deadline and status.  0 points are a hold, too.
 */
extern void hold_take(Operation *operation, Points points, Instant deadline);

/* now + for_, in the program's time zone; 22023 unless it is later than now */
extern Instant hold_deadline(const Operation *operation, const Interval *for_);

/*
 * Gives back points of what an operation has spent (row: read while the account
 * was locked), last drawn first; 0: all that is left.  Sets operation->points
 * and status.  55000 if that much is not left.
 */
extern void cancel_return(Operation *operation, OperationRow *row, Points points);

/*
 * Reads the row that an operation acts upon anew, now that its account is
 * locked.
 */
extern void operation_reread(Operation *operation, OperationRow *row);

/* 55000 if it paid an event: points go back when the event's row says so. */
extern void refuse_paid_event(Program *program, const OperationRow *row);

/* reverse() of what these have done: moves, before operation_settle */
extern void reverse_spend(Operation *operation, OperationRow *row);
extern void reverse_hold(Operation *operation, OperationRow *row);
extern void reverse_transfer(Operation *operation, OperationRow *row);

/* Who receives what a transfer sends, for its reversal to lock him, too. */
extern Datum transfer_receiver(Program *program, int64 number);

/* -------- rewards: told with the account locked, before operation_write -------- */

/* Is an operation of this kind a redemption, or a reward set aside? */
extern bool is_redemption(const char *kind);

/*
 * A hold for a reward is captured: *points asked for, 0: all; in return what to
 * capture.
 */
extern void redemption_capture(Operation *operation, int64 redemption_no, Points *points);

/* The call that captured it is repeated: finds the codes it returned. */
extern void redemption_captured_before(Operation *operation, int64 redemption_no);

/* It is released. */
extern void redemption_release(Operation *operation, int64 redemption_no);

/*
 * A redemption is cancelled: points or quantity, both 0: all that is left; in
 * return what to give back.
 */
extern void redemption_cancel(Operation *operation, int64 redemption_no, Points *points,
							  int32 quantity);

/* The call that did that is repeated: finds what it returned, and the status as it is now. */
extern void redemption_cancelled_before(Operation *operation, int64 redemption_no);

#endif							/* LOYALTY_SPEND_H */
