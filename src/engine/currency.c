/*-------------------------------------------------------------------------
 *
 * currency.c
 *	  Decimal places of currencies, by ISO 4217.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/program.h"

/* currencies whose smallest amount is not 1/100 */
static const struct
{
	const char *code;
	int			decimals;
}			currencies[] = {
	{"BHD", 3}, {"BIF", 0}, {"CLF", 4}, {"CLP", 0}, {"DJF", 0}, {"GNF", 0},
	{"IQD", 3}, {"ISK", 0}, {"JOD", 3}, {"JPY", 0}, {"KMF", 0}, {"KRW", 0},
	{"KWD", 3}, {"LYD", 3}, {"OMR", 3}, {"PYG", 0}, {"RWF", 0}, {"TND", 3},
	{"UGX", 0}, {"UYI", 0}, {"UYW", 4}, {"VND", 0}, {"VUV", 0}, {"XAF", 0},
	{"XOF", 0}, {"XPF", 0},
};

/* see program.h */
int
currency_decimals(const char *currency)
{
	int			i;

	for (i = 0; i < lengthof(currencies); i++)
	{
		if (strcmp(currencies[i].code, currency) == 0)
			return currencies[i].decimals;
	}
	return 2;
}
