/*-------------------------------------------------------------------------
 *
 * rate.c
 *	  The SQL type rate: what a rule pays.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"

#include "loyalty.h"
#include "types/order.h"
#include "types/rate.h"

/* version of the binary format */
#define RATE_WIRE_VERSION	1

LOYALTY_FUNCTION(rate_in);
LOYALTY_FUNCTION(rate_out);
LOYALTY_FUNCTION(rate_recv);
LOYALTY_FUNCTION(rate_send);
LOYALTY_FUNCTION(rate_hash);
LOYALTY_FUNCTION(rate_hash_extended);
LOYALTY_FUNCTION(rate_kind);

/* ------------------------------------------------------------------------
 * Input and output
 * ------------------------------------------------------------------------
 */

/* Text to rate. */
Datum
rate_in(PG_FUNCTION_ARGS)
{
	char	   *text = PG_GETARG_CSTRING(0);
	Rate	   *result = palloc0(sizeof(Rate));

	switch (rate_parse(text, strlen(text), result))
	{
		case CORE_OK:
			break;
		case CORE_RANGE:
			ereturn(fcinfo->context, (Datum) 0,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("value \"%s\" is out of range for type %s",
							text, "rate"),
					 errdetail("Numbers are less than %lld, and the amount after \"per\" is more than zero.",
							   (long long) (INT64_MAX / RATE_SCALE))));
		case CORE_SYNTAX:
			ereturn(fcinfo->context, (Datum) 0,
					(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
					 errmsg("invalid input syntax for type %s: \"%s\"",
							"rate", text),
					 errhint("Rates look like \"1 per 10\", \"1 per full 10\", \"5%%\", \"x2\" or \"250\", with at most six decimals.")));
	}
	PG_RETURN_RATE_P(result);
}

/* Rate to text. */
Datum
rate_out(PG_FUNCTION_ARGS)
{
	char		buffer[RATE_TEXT_SIZE];

	rate_format(PG_GETARG_RATE_P(0), buffer);
	PG_RETURN_CSTRING(pstrdup(buffer));
}

/* Binary format to rate: version, kind, both numbers. */
Datum
rate_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	Rate	   *result = palloc0(sizeof(Rate));
	int			version = pq_getmsgbyte(message);

	if (version != RATE_WIRE_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("unsupported version %d of binary format of type %s",
						version, "rate")));
	result->kind = pq_getmsgbyte(message);
	result->value = pq_getmsgint64(message);
	result->per = pq_getmsgint64(message);
	if (rate_validate(result) != CORE_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid value in binary format of type %s", "rate")));
	PG_RETURN_RATE_P(result);
}

/* Rate to binary format. */
Datum
rate_send(PG_FUNCTION_ARGS)
{
	Rate	   *rate = PG_GETARG_RATE_P(0);
	StringInfoData message;

	pq_begintypsend(&message);
	pq_sendbyte(&message, RATE_WIRE_VERSION);
	pq_sendbyte(&message, rate->kind);
	pq_sendint64(&message, rate->value);
	pq_sendint64(&message, rate->per);
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

/* ------------------------------------------------------------------------
 * Order
 * ------------------------------------------------------------------------
 */

/* Three-way comparison of the arguments. */
static inline int
compare_arguments(FunctionCallInfo fcinfo)
{
	return rate_cmp(PG_GETARG_RATE_P(0), PG_GETARG_RATE_P(1));
}

LOYALTY_ORDER(rate, compare_arguments)

/* Hash, the same for equal rates that are written differently. */
Datum
rate_hash(PG_FUNCTION_ARGS)
{
	Rate		normal = rate_normal(PG_GETARG_RATE_P(0));

	PG_RETURN_UINT32(hash_bytes((unsigned char *) &normal, sizeof(normal)));
}

/* Hash with a seed. */
Datum
rate_hash_extended(PG_FUNCTION_ARGS)
{
	Rate		normal = rate_normal(PG_GETARG_RATE_P(0));

	PG_RETURN_UINT64(hash_bytes_extended((unsigned char *) &normal,
										 sizeof(normal),
										 PG_GETARG_INT64(1)));
}

/* ------------------------------------------------------------------------
 * Functions
 * ------------------------------------------------------------------------
 */

/* The name of a rate's kind. */
Datum
rate_kind(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {
		[RATE_LINEAR] = "linear",
		[RATE_BLOCK] = "block",
		[RATE_PERCENT] = "percent",
		[RATE_MULTIPLIER] = "multiplier",
		[RATE_FLAT] = "flat"
	};

	PG_RETURN_TEXT_P(cstring_to_text(names[PG_GETARG_RATE_P(0)->kind]));
}
