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
 * long as the pool says.  Returns it as people read it.  LY005 if there is none
 * left, LY004 if the pool's codes cannot be used.  wait: as of voucher_find_free.
 */
extern char *voucher_draw(Program *program, const char *pool, Datum member,
						  int64 redemption_no, TimestampTz now, TimestampTz valid_until,
						  bool wait);

/*
 * Would so many draws succeed?  Else the refusal says why not.
 */
extern bool voucher_suffices(Program *program, const char *pool, int32 wanted, TimestampTz now,
							 Refusal *refusal);

/*
 * Sets so many codes of a pool aside for a reward that is held until a deadline:
 * false if the pool is endless, which needs not.  Refusals as of voucher_draw.
 */
extern bool voucher_hold(Program *program, const char *pool, int64 redemption_no,
						 int32 pieces, TimestampTz now, TimestampTz deadline);

/*
 * Gives a member so many of the codes that are set aside; returns how many there
 * were, and as people read them.
 */
extern int32 voucher_capture(Program *program, Datum member, int64 redemption_no,
							 int32 pieces, TimestampTz now, TimestampTz valid_until,
							 char **codes);

/* Nothing is set aside for it any more. */
extern void voucher_release(Program *program, int64 redemption_no);

/*
 * Voids the codes that were drawn for a redemption, which is being cancelled:
 * the member has seen them.  LY012 if one has been used, LY014 if one is
 * reserved.
 */
extern void voucher_give_back(Program *program, int64 redemption_no);

#endif							/* LOYALTY_VOUCHER_H */
