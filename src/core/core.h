/*-------------------------------------------------------------------------
 *
 * core.h
 *	  What every file of the functional core shares.
 *
 * The core is arithmetic over plain structs: no tables, no clock, no
 * allocation, no error reporting of the server.  It includes nothing of
 * PostgreSQL, so that it links into stand-alone unit tests and fuzzers.
 * Functions that can fail return a CoreResult; the caller reports it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_CORE_H
#define LOYALTY_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The server's allocator aligns to 8 bytes; without saying so the compiler
 * would expect 16 for structs that hold one of these.
 */
typedef __int128 CoreInt128 __attribute__((aligned(8)));

typedef enum CoreResult
{
	CORE_OK = 0,
	CORE_SYNTAX,				/* text or binary form is malformed */
	CORE_RANGE					/* a value does not fit its type */
} CoreResult;

/*
 * An instant is PostgreSQL's timestamptz: microseconds since 2000-01-01 UTC.
 */
typedef int64_t Instant;

#define INSTANT_NEVER	INT64_MAX	/* timestamptz 'infinity' */
#define INSTANT_ALWAYS	INT64_MIN	/* timestamptz '-infinity' */

/*
 * The end of a lot that follows its member's last activity in the unit.  It
 * is no instant: who needs one computes last activity + period.  In tables it
 * is a NULL expires_at.
 */
#define INSTANT_ACTIVITY (INT64_MAX - 1)

/* the range of finite timestamptz values, [MIN, END) */
#define INSTANT_MIN		INT64_C(-211813488000000000)
#define INSTANT_END		INT64_C(9223371331200000000)

/* gives up with the first result that is not CORE_OK */
#define TRY(call) \
	do { \
		CoreResult	result_ = (call); \
		if (result_ != CORE_OK) \
			return result_; \
	} while (0)

#endif							/* LOYALTY_CORE_H */
