/*-------------------------------------------------------------------------
 *
 * frac.h
 *	  Exact rational numbers: what rules compute with before the one rounding.
 *
 * num/den with den > 0, not necessarily reduced; every operation reduces only
 * when it would otherwise overflow, and reports CORE_RANGE when even the
 * reduced result does not fit.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_CORE_FRAC_H
#define LOYALTY_CORE_FRAC_H

#include "core.h"

typedef struct Frac
{
	CoreInt128	num;
	CoreInt128	den;			/* > 0 */
} Frac;

#define FRAC_ZERO	((Frac) {0, 1})

/* num/den, den being > 0 */
static inline Frac
frac_make(CoreInt128 num, CoreInt128 den)
{
	Frac		result;

	result.num = num;
	result.den = den;
	return result;
}

extern CoreResult frac_add(Frac a, Frac b, Frac *result);
extern CoreResult frac_sub(Frac a, Frac b, Frac *result);
extern CoreResult frac_mul(Frac a, Frac b, Frac *result);
extern CoreResult frac_div(Frac a, Frac b, Frac *result);	/* b != 0 */

/* Exact three-way comparison; never overflows. */
extern int	frac_cmp(Frac a, Frac b);
extern int	frac_sign(Frac a);

/* Largest integer <= a. */
extern CoreInt128 frac_floor(Frac a);

/* num/den in lowest terms. */
extern Frac frac_reduce(Frac a);

#endif							/* LOYALTY_CORE_FRAC_H */
