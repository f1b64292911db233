/*-------------------------------------------------------------------------
 *
 * loyalty.h
 *	  What every file that knows the server shares.  Include it after
 *	  postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_H
#define LOYALTY_H

#include "fmgr.h"

#include "compat.h"

/*
 * Declares a function that SQL calls and registers it with the server.
 * Everything is compiled with hidden visibility, and not all servers lift it
 * for such functions themselves.
 */
#define LOYALTY_EXPORT	__attribute__((visibility("default")))
#define LOYALTY_FUNCTION(name) \
	extern LOYALTY_EXPORT Datum name(PG_FUNCTION_ARGS); \
	extern LOYALTY_EXPORT const Pg_finfo_record *CppConcat(pg_finfo_, name)(void); \
	PG_FUNCTION_INFO_V1(name)

/* refusals for business reasons; everything else has a standard code */
#define ERRCODE_LOYALTY_INSUFFICIENT_POINTS	MAKE_SQLSTATE('L', 'Y', '0', '0', '1')
#define ERRCODE_LOYALTY_UNKNOWN_MEMBER		MAKE_SQLSTATE('L', 'Y', '0', '0', '2')
#define ERRCODE_LOYALTY_MEMBER_NOT_ACTIVE	MAKE_SQLSTATE('L', 'Y', '0', '0', '3')
#define ERRCODE_LOYALTY_REWARD_NOT_AVAILABLE MAKE_SQLSTATE('L', 'Y', '0', '0', '4')
#define ERRCODE_LOYALTY_OUT_OF_STOCK		MAKE_SQLSTATE('L', 'Y', '0', '0', '5')
#define ERRCODE_LOYALTY_LIMIT_REACHED		MAKE_SQLSTATE('L', 'Y', '0', '0', '6')
#define ERRCODE_LOYALTY_NOT_ELIGIBLE		MAKE_SQLSTATE('L', 'Y', '0', '0', '7')
#define ERRCODE_LOYALTY_HOLD_CLOSED			MAKE_SQLSTATE('L', 'Y', '0', '0', '8')
#define ERRCODE_LOYALTY_KEY_REUSED			MAKE_SQLSTATE('L', 'Y', '0', '0', '9')
#define ERRCODE_LOYALTY_UNIT_NOT_USABLE		MAKE_SQLSTATE('L', 'Y', '0', '1', '0')
#define ERRCODE_LOYALTY_CODE_UNKNOWN		MAKE_SQLSTATE('L', 'Y', '0', '1', '1')
#define ERRCODE_LOYALTY_CODE_USED			MAKE_SQLSTATE('L', 'Y', '0', '1', '2')
#define ERRCODE_LOYALTY_CODE_EXPIRED		MAKE_SQLSTATE('L', 'Y', '0', '1', '3')
#define ERRCODE_LOYALTY_CODE_RESERVED		MAKE_SQLSTATE('L', 'Y', '0', '1', '4')
#define ERRCODE_LOYALTY_TOO_MANY_ATTEMPTS	MAKE_SQLSTATE('L', 'Y', '0', '1', '5')

/* engine/: called once when the library is loaded */
extern void engine_init(void);

#endif							/* LOYALTY_H */
