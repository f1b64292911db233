/*-------------------------------------------------------------------------
 *
 * voucher_state.c
 *	  What state a code is in, in one word, as views show it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "loyalty.h"

/* arguments of voucher_state_1 */
enum
{
	STATE_CARD,					/* boolean: it has a balance */
	STATE_VOIDED,				/* boolean */
	STATE_IN_STOCK,				/* boolean */
	STATE_USES,					/* integer */
	STATE_MAX_USES,				/* integer; NULL: any number */
	STATE_SPENT,				/* numeric; NULL: nothing */
	STATE_VALUE,				/* numeric */
	STATE_RESERVED,				/* bigint: open reservations; NULL: none */
	STATE_HELD,					/* boolean: set aside for a reward */
	STATE_VALID_UNTIL,			/* timestamptz; NULL: for ever */
	STATE_AT					/* timestamptz */
};

/* Has all of a card's balance been spent? */
static bool
is_spent(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(STATE_VALUE))
		return true;
	return !PG_ARGISNULL(STATE_SPENT) &&
		DatumGetBool(DirectFunctionCall2(numeric_ge, PG_GETARG_DATUM(STATE_SPENT),
										 PG_GETARG_DATUM(STATE_VALUE)));
}

/*
 * voucher_state_1(card, voided, in_stock, uses, max_uses, spent, value,
 * reserved, held, valid_until, at)
 */
LOYALTY_FUNCTION(loyalty_voucher_state);
Datum
loyalty_voucher_state(PG_FUNCTION_ARGS)
{
	bool		card = PG_GETARG_BOOL(STATE_CARD);
	bool		limited = !PG_ARGISNULL(STATE_MAX_USES);
	int64		reserved = PG_ARGISNULL(STATE_RESERVED) ? 0 : PG_GETARG_INT64(STATE_RESERVED);
	int64		left = limited ? PG_GETARG_INT32(STATE_MAX_USES) - PG_GETARG_INT32(STATE_USES) : 0;
	const char *state;

	if (PG_GETARG_BOOL(STATE_VOIDED))
		state = "void";
	else if (card ? is_spent(fcinfo) : limited && left <= 0)
		state = "used";
	else if (!PG_ARGISNULL(STATE_VALID_UNTIL) &&
			 PG_GETARG_TIMESTAMPTZ(STATE_VALID_UNTIL) <= PG_GETARG_TIMESTAMPTZ(STATE_AT))
		state = "expired";
	else if (PG_GETARG_BOOL(STATE_HELD))
		state = "held";
	else if (reserved > 0 && (card || (limited && left <= reserved)))
		state = "reserved";
	else if (PG_GETARG_INT32(STATE_USES) > 0)
		state = "active";
	else
		state = PG_GETARG_BOOL(STATE_IN_STOCK) ? "free" : "given";
	PG_RETURN_TEXT_P(cstring_to_text(state));
}
