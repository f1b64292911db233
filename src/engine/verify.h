/*-------------------------------------------------------------------------
 *
 * verify.h
 *	  Queries for verify() that other files than verify.c hold.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_VERIFY_H
#define LOYALTY_VERIFY_H

/* see verify.c for how such queries are written; the last is NULL */
extern const char *const spending_invariants[];
extern const char *const tier_invariants[];

/* codes; only of all members at once */
extern const char *const voucher_invariants[];
extern const char *const catalogue_invariants[];

/* only of all members at once */
extern const char *const transfer_invariant;
extern const char *const stock_invariant;

#endif							/* LOYALTY_VERIFY_H */
