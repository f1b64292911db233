/*-------------------------------------------------------------------------
 *
 * order.h
 *	  What SQL calls to compare two values of a type.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_TYPES_ORDER_H
#define LOYALTY_TYPES_ORDER_H

#include "loyalty.h"

/* one operator of a type whose function compares the arguments three ways */
#define LOYALTY_COMPARISON(function, compare, test) \
	LOYALTY_FUNCTION(function); \
	Datum \
	function(PG_FUNCTION_ARGS) \
	{ \
		PG_RETURN_BOOL(compare(fcinfo) test 0); \
	}

/*
 * The six operators of a type, and what B-trees call: <type>_btcmp, _eq, _ne,
 * _lt, _le, _gt, _ge.
 */
#define LOYALTY_ORDER(type, compare) \
	LOYALTY_COMPARISON(type##_eq, compare, ==) \
	LOYALTY_COMPARISON(type##_ne, compare, !=) \
	LOYALTY_COMPARISON(type##_lt, compare, <) \
	LOYALTY_COMPARISON(type##_le, compare, <=) \
	LOYALTY_COMPARISON(type##_gt, compare, >) \
	LOYALTY_COMPARISON(type##_ge, compare, >=) \
	LOYALTY_FUNCTION(type##_btcmp); \
	Datum \
	type##_btcmp(PG_FUNCTION_ARGS) \
	{ \
		PG_RETURN_INT32(compare(fcinfo)); \
	}

#endif							/* LOYALTY_TYPES_ORDER_H */
