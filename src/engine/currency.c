/*-------------------------------------------------------------------------
 *
 * currency.c
 *	  Decimal places of currencies, by ISO 4217, and amounts of money that are
 *	  written into the configuration.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "engine/config.h"
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

/* see config.h */
void
config_check_money(const ProgramRef *ref, Datum value, const char *what)
{
	ConfigTuple program;
	char	   *currency;
	int			decimals;

	config_execute(ref, "SELECT currency FROM @.program", 0, NULL, NULL, NULL);
	program = config_result(0);
	currency = tuple_text(&program, "currency");
	decimals = currency_decimals(currency);
	if (numeric_is_nan(DatumGetNumeric(value)) || numeric_is_inf(DatumGetNumeric(value)) ||
		!DatumGetBool(DirectFunctionCall2(numeric_eq, value,
										  DirectFunctionCall2(numeric_round, value,
															  Int32GetDatum(decimals)))))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("%s is no amount of %s: %s", what, currency,
						DatumGetCString(DirectFunctionCall1(numeric_out, value))),
				 errdetail("%s has %d decimals.", currency, decimals)));
}
