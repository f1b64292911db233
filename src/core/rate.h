/*-------------------------------------------------------------------------
 *
 * rate.h
 *	  What a rule pays: an exact rate, as configured.
 *
 *		1 per 10		linear: points in proportion to the amount
 *		1 per full 10	block: only whole blocks of the amount count
 *		5%				percent of the amount
 *		x2				multiplier of what other rules pay
 *		250				flat: so many points
 *
 * Both numbers are exact to RATE_DECIMALS decimals.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_CORE_RATE_H
#define LOYALTY_CORE_RATE_H

#include "frac.h"

#define RATE_DECIMALS	6
#define RATE_SCALE		INT64_C(1000000)

typedef enum RateKind
{
	RATE_LINEAR = 1,
	RATE_BLOCK = 2,
	RATE_PERCENT = 3,
	RATE_MULTIPLIER = 4,
	RATE_FLAT = 5
} RateKind;

/* 24 bytes, no padding; this is also the on-disk form of the SQL type */
typedef struct Rate
{
	int64_t		value;			/* points, percent or factor, in 1/RATE_SCALE;
								 * >= 0 */
	int64_t		per;			/* amount, in 1/RATE_SCALE; > 0 for linear and
								 * block, else 0 */
	int32_t		kind;			/* RateKind */
	int32_t		reserved;		/* zero */
} Rate;

#define RATE_TEXT_SIZE 64

extern CoreResult rate_parse(const char *text, size_t length, Rate *result);
extern int	rate_format(const Rate *rate, char *buffer);

/* CORE_SYNTAX or CORE_RANGE unless the struct is one rate_parse could make */
extern CoreResult rate_validate(const Rate *rate);

/*
 * Total order: by kind, then by value per amount exactly; linear and percent
 * rates of equal worth are still different kinds.  Two block rates are equal
 * only if both numbers are.  Two linear rates are equal if their ratio is.
 */
extern int	rate_cmp(const Rate *a, const Rate *b);

/* The same rate for all that are equal: what a hash is made of. */
extern Rate rate_normal(const Rate *rate);

/*
 * Points (as an exact number of points, not of 1/10000) that a linear, block,
 * percent or flat rate pays for an amount >= 0.  For a multiplier see
 * rate_factor.
 */
extern CoreResult rate_pays(const Rate *rate, Frac amount, Frac *result);

/* The factor of a multiplier. */
extern Frac rate_factor(const Rate *rate);

#endif							/* LOYALTY_CORE_RATE_H */
