/*-------------------------------------------------------------------------
 *
 * program_rows.c
 *	  Reads rows of a program's configuration tables.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/program_load.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/rangetypes.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "engine/amount.h"

/* see program_load.h */
Oid
config_type(const ConfigRow *row, const char *column)
{
	int			number = SPI_fnumber(row->desc, column);

	return number > 0 ? TupleDescAttr(row->desc, number - 1)->atttypid : InvalidOid;
}

/* see program_load.h */
Datum
config_datum(const ConfigRow *row, const char *column, Oid type, bool *isnull)
{
	int			number = SPI_fnumber(row->desc, column);
	bool		null;
	Datum		value;

	if (number <= 0 || SPI_gettypeid(row->desc, number) != type)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("the program's tables have no column \"%s\" of the expected type",
						column),
				 errhint("Run loyalty.upgrade_program().")));
	value = SPI_getbinval(row->tuple, row->desc, number, &null);
	if (isnull)
		*isnull = null;
	else if (null)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("column \"%s\" of the program's tables is null", column)));
	return value;
}

/* see program_load.h */
char *
config_text(const ConfigRow *row, const char *column)
{
	bool		isnull;
	Datum		value = config_datum(row, column, TEXTOID, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

/* see program_load.h */
int32
config_int(const ConfigRow *row, const char *column, int32 if_null)
{
	bool		isnull;
	bool		is_small = config_type(row, column) == INT2OID;
	Datum		value = config_datum(row, column, is_small ? INT2OID : INT4OID, &isnull);

	return isnull ? if_null : is_small ? DatumGetInt16(value) : DatumGetInt32(value);
}

/* see program_load.h */
bool
config_bool(const ConfigRow *row, const char *column)
{
	return DatumGetBool(config_datum(row, column, BOOLOID, NULL));
}

/* see program_load.h */
Instant
config_instant(const ConfigRow *row, const char *column, Instant if_null)
{
	bool		isnull;
	Datum		value = config_datum(row, column, TIMESTAMPTZOID, &isnull);

	return isnull ? if_null : DatumGetTimestampTz(value);
}

/* The instant after a bound of a range. */
static Instant
next_instant(Instant at)
{
	return TIMESTAMP_NOT_FINITE(at) ? at : at + 1;
}

/* see program_load.h */
void
config_range(const ConfigRow *row, const char *column, Instant *from, Instant *until)
{
	RangeType  *range = DatumGetRangeTypeP(config_datum(row, column, TSTZRANGEOID, NULL));
	char		infinite = RANGE_LB_INF | RANGE_UB_INF;
	RangeBound	lower;
	RangeBound	upper;
	bool		empty;

	*from = INSTANT_ALWAYS;
	*until = INSTANT_NEVER;
	if ((range_get_flags(range) & infinite) == infinite)
		return;					/* most are */
	range_deserialize(lookup_type_cache(TSTZRANGEOID, TYPECACHE_RANGE_INFO), range,
					  &lower, &upper, &empty);
	if (empty)
	{
		*until = *from;
		return;
	}
	if (!lower.infinite)
	{
		*from = DatumGetTimestampTz(lower.val);
		if (!lower.inclusive)
			*from = next_instant(*from);
	}
	if (!upper.infinite)
	{
		*until = DatumGetTimestampTz(upper.val);
		if (upper.inclusive)
			*until = next_instant(*until);
	}
}

/* see program_load.h */
Oid
config_regclass(const ConfigRow *row, const char *column)
{
	bool		isnull;
	Datum		value = config_datum(row, column, REGCLASSOID, &isnull);

	return isnull ? InvalidOid : DatumGetObjectId(value);
}

/* see program_load.h */
bool
config_points(const ConfigRow *row, const char *column, Points *result)
{
	bool		isnull;
	Datum		value = config_datum(row, column, NUMERICOID, &isnull);

	*result = isnull ? 0 : amount_to_points(amount_from_numeric(value, column));
	return !isnull;
}

/* see program_load.h */
bool
config_struct(const ConfigRow *row, const char *column, const char *type,
			  void *result, Size size)
{
	Oid			typid = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
										CStringGetDatum(type),
										ObjectIdGetDatum(get_namespace_oid("loyalty", false)));
	bool		isnull;
	Datum		value = config_datum(row, column, typid, &isnull);

	if (isnull)
		memset(result, 0, size);
	else
		memcpy(result, DatumGetPointer(value), size);
	return !isnull;
}
