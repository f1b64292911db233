/*-------------------------------------------------------------------------
 *
 * period.c
 *	  The SQL type period: when points activate and expire.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "loyalty.h"
#include "types/order.h"
#include "types/period.h"
#include "types/zone.h"

/* version of the binary format */
#define PERIOD_WIRE_VERSION	1

LOYALTY_FUNCTION(period_in);
LOYALTY_FUNCTION(period_out);
LOYALTY_FUNCTION(period_recv);
LOYALTY_FUNCTION(period_send);
LOYALTY_FUNCTION(period_hash);
LOYALTY_FUNCTION(period_hash_extended);
LOYALTY_FUNCTION(period_ends);

/* ------------------------------------------------------------------------
 * Input and output
 * ------------------------------------------------------------------------
 */

/* Text to period. */
Datum
period_in(PG_FUNCTION_ARGS)
{
	char	   *text = PG_GETARG_CSTRING(0);
	Period	   *result = palloc0(sizeof(Period));

	switch (period_parse(text, strlen(text), result))
	{
		case CORE_OK:
			break;
		case CORE_RANGE:
			ereturn(fcinfo->context, (Datum) 0,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("value \"%s\" is out of range for type %s",
							text, "period")));
		case CORE_SYNTAX:
			ereturn(fcinfo->context, (Datum) 0,
					(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
					 errmsg("invalid input syntax for type %s: \"%s\"",
							"period", text),
					 errhint("Periods look like \"never\", \"immediately\", \"14 days\", \"12 months to end of month\", \"to end of year\" or \"6 months since last activity\".")));
	}
	PG_RETURN_PERIOD_P(result);
}

/* Period to text. */
Datum
period_out(PG_FUNCTION_ARGS)
{
	char		buffer[PERIOD_TEXT_SIZE];

	period_format(PG_GETARG_PERIOD_P(0), buffer);
	PG_RETURN_CSTRING(pstrdup(buffer));
}

/* Binary format to period: version, kind, boundary, then the length. */
Datum
period_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	Period	   *result = palloc0(sizeof(Period));
	int			version = pq_getmsgbyte(message);

	if (version != PERIOD_WIRE_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("unsupported version %d of binary format of type %s",
						version, "period")));
	result->kind = pq_getmsgbyte(message);
	result->boundary = pq_getmsgbyte(message);
	result->months = (int32) pq_getmsgint(message, 4);
	result->days = (int32) pq_getmsgint(message, 4);
	result->usecs = pq_getmsgint64(message);
	if (period_validate(result) != CORE_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid value in binary format of type %s", "period")));
	PG_RETURN_PERIOD_P(result);
}

/* Period to binary format. */
Datum
period_send(PG_FUNCTION_ARGS)
{
	Period	   *period = PG_GETARG_PERIOD_P(0);
	StringInfoData message;

	pq_begintypsend(&message);
	pq_sendbyte(&message, PERIOD_WIRE_VERSION);
	pq_sendbyte(&message, period->kind);
	pq_sendbyte(&message, period->boundary);
	pq_sendint32(&message, period->months);
	pq_sendint32(&message, period->days);
	pq_sendint64(&message, period->usecs);
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
	return period_cmp(PG_GETARG_PERIOD_P(0), PG_GETARG_PERIOD_P(1));
}

LOYALTY_ORDER(period, compare_arguments)

/* Hash; equal periods have equal bytes. */
Datum
period_hash(PG_FUNCTION_ARGS)
{
	Period	   *period = PG_GETARG_PERIOD_P(0);

	PG_RETURN_UINT32(hash_bytes((unsigned char *) period, sizeof(Period)));
}

/* Hash with a seed. */
Datum
period_hash_extended(PG_FUNCTION_ARGS)
{
	Period	   *period = PG_GETARG_PERIOD_P(0);

	PG_RETURN_UINT64(hash_bytes_extended((unsigned char *) period,
										 sizeof(Period),
										 PG_GETARG_INT64(1)));
}

/* ------------------------------------------------------------------------
 * Functions
 * ------------------------------------------------------------------------
 */

/* Where a period that begins at an instant ends, in a zone given by name. */
Datum
period_ends(PG_FUNCTION_ARGS)
{
	Period	   *period = PG_GETARG_PERIOD_P(0);
	TimestampTz anchor = PG_GETARG_TIMESTAMPTZ(1);
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(2));
	pg_tz	   *tz = zone_lookup(name);
	Zone		zone;
	Instant		result;

	if (tz == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%s\" not recognized", name)));
	zone = zone_for_tz(tz);
	if (period_end(period, anchor, &zone, &result) != CORE_OK)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range")));
	PG_RETURN_TIMESTAMPTZ(result);
}
