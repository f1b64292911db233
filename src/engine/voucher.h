/*-------------------------------------------------------------------------
 *
 * voucher.h
 *	  Codes that rewards draw.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_VOUCHER_H
#define LOYALTY_VOUCHER_H

#include "engine/program.h"
#include "types/refusal.h"

/*
 * Draws a code of a pool, or makes one if the pool is endless, for a redemption
 * of a member.  It is good until valid_until, or if that is DT_NOEND, for as
 * long as the pool says.  Returns it as people read it, and lowers *ends to when
 * it ends.  LY005 if there is none left, LY004 if the pool's codes cannot be used.
 * wait: as of voucher_find_free.
 */
extern char *voucher_draw(Program *program, const char *pool, Datum member,
						  int64 redemption_no, TimestampTz now, TimestampTz valid_until,
						  bool wait, TimestampTz *ends);

/*
 * Would so many draws succeed?  Else the refusal says why not.
 */
extern bool voucher_suffices(Program *program, const char *pool, int32 wanted, TimestampTz now,
							 Refusal *refusal);

/*
 * Sets so many codes of a pool aside for a reward that is held until a deadline;
 * false if the pool is endless: then they are made when it is captured.  Refusals
 * as of voucher_draw.
 */
extern bool voucher_hold(Program *program, const char *pool_name, int64 redemption_no,
						 int32 pieces, TimestampTz now, TimestampTz deadline,
						 int32 *pool_no);

/*
 * Gives a member so many of the codes that are set aside, or new ones if the pool
 * was endless when it was held; returns them as people read them, and lowers *ends
 * to when the first of them ends.
 */
extern char *voucher_capture(Program *program, Datum member, int64 redemption_no,
							 int32 pool_no, int32 pieces, TimestampTz now,
							 TimestampTz valid_until, TimestampTz *ends);

/* Nothing is set aside for it any more. */
extern void voucher_release(Program *program, int64 redemption_no);

/*
 * So many pieces of a redemption that has left so many are being cancelled: voids
 * as many of its codes, which the member has seen, the last drawn first of those
 * that are unused.  What was voided already needs not be.  LY012 if too many have
 * been used, LY014 if some of them are only reserved.
 */
extern void voucher_take_back(Program *program, int64 redemption_no, int32 pieces, int32 left,
							  int64 operation_no);

/* The codes that an operation took back, as people read them; NULL: none. */
extern char *voucher_taken_back(Program *program, int64 redemption_no, int64 operation_no);

#endif							/* LOYALTY_VOUCHER_H */
