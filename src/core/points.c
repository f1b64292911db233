/*-------------------------------------------------------------------------
 *
 * points.c
 *	  Text form of points.
 *
 *-------------------------------------------------------------------------
 */
#include "points.h"
#include "scan.h"

/* Reads a number: [sign] digits [. digits], or [sign] . digits. */
CoreResult
points_parse(const char *text, size_t length, Points *result)
{
	Scanner		in = scan_start(text, length);
	CoreResult	status;

	scan_space(&in);
	status = scan_decimal(&in, POINTS_DECIMALS, true, result);
	if (status == CORE_SYNTAX)
		return CORE_SYNTAX;
	scan_space(&in);
	if (!scan_done(&in))
		return CORE_SYNTAX;
	return status;
}

/* Writes the canonical form: no exponent, no trailing zeros. */
int
points_format(Points value, char *buffer)
{
	return print_decimal(value, POINTS_DECIMALS, buffer);
}
