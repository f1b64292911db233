/*-------------------------------------------------------------------------
 *
 * voucher_pool.c
 *	  Checks of the table voucher_pool.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "engine/config.h"
#include "engine/program.h"
#include "types/code.h"
#include "types/numbers.h"

/* Has the pool any codes? */
static bool
has_codes(const ConfigTrigger *trigger, const char *condition)
{
	Oid			types[2] = {INT4OID, INT4OID};
	Datum		values[2] = {Int32GetDatum(tuple_int(&trigger->old, "pool_no")),
	Int32GetDatum(trigger->new.tuple ? tuple_int(&trigger->new, "uses") : 0)};

	return config_execute(&trigger->ref,
						  psprintf("SELECT FROM @.voucher AS v WHERE v.pool_no = $1 AND %s LIMIT 1",
								   condition), 2, types, values, NULL) > 0;
}

/* A column that must be there, or must not, by what the pool gives. */
static void
check_column(const ConfigTuple *pool, const char *column, bool wanted, bool required,
			 const char *hint)
{
	bool		is_null = tuple_isnull(pool, column);

	if (required && is_null)
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("pool \"%s\" gives %s: \"%s\" must say which, or how much",
						tuple_text(pool, "name"), tuple_text(pool, "gives"), column),
				 errhint("%s", hint)));
	if (!wanted && !is_null)
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("pool \"%s\" gives %s: \"%s\" means nothing there",
						tuple_text(pool, "name"), tuple_text(pool, "gives"), column),
				 errhint("Leave it NULL.")));
}

/* An amount of money that the currency can express. */
static void
check_money(const ConfigTrigger *trigger, const char *column)
{
	bool		isnull;
	Datum		value = tuple_get(&trigger->new, column, &isnull);

	if (!isnull)
		config_check_money(&trigger->ref, value,
						   psprintf("%s of pool \"%s\"", column,
									tuple_text(&trigger->new, "name")));
}

/* Points that the unit can express. */
static void
check_points(const ConfigTrigger *trigger)
{
	Oid			types[1] = {TEXTOID};
	Datum		values[1] = {CStringGetTextDatum(tuple_text(&trigger->new, "unit"))};
	ConfigTuple unit;
	Points		points;

	/* a unit that does not exist is the foreign key's affair */
	if (config_execute(&trigger->ref, "SELECT * FROM @.unit WHERE name = $1", 1, types, values,
					   NULL) == 0)
		return;
	unit = config_result(0);
	config_points_of(&trigger->new, "value", unit_step(&unit), tuple_text(&unit, "name"),
					 psprintf("value of pool \"%s\"", tuple_text(&trigger->new, "name")), &points);
}

/* What codes of the pool give. */
static void
check_gift(const ConfigTrigger *trigger)
{
	const ConfigTuple *pool = &trigger->new;
	const char *gives = tuple_text(pool, "gives");
	bool		amount = strcmp(gives, "amount") == 0;
	bool		percent = strcmp(gives, "percent") == 0;
	bool		points = strcmp(gives, "points") == 0;
	bool		balance = strcmp(gives, "balance") == 0;
	bool		product = strcmp(gives, "product") == 0;
	bool		custom = strcmp(gives, "custom") == 0;

	check_column(pool, "value", amount || percent || points || balance || custom,
				 amount || percent || points,
				 percent ? "value = 10 is ten percent." : "Set \"value\".");
	check_column(pool, "ceiling", percent, false, "");
	check_column(pool, "unit", points, points,
				 "unit = 'points', or another row of the table \"unit\".");
	check_column(pool, "product", product || custom, product, "Name it as the application does.");
	check_money(trigger, "ceiling");
	check_money(trigger, "min_amount");
	if (amount || balance)
		check_money(trigger, "value");
	if (points)
		check_points(trigger);
	if (percent)
	{
		bool		isnull;
		Datum		value = tuple_get(pool, "value", &isnull);

		if (DatumGetBool(DirectFunctionCall2(numeric_gt, value,
											 DirectFunctionCall1(int4_numeric, Int32GetDatum(100)))))
			ereport(ERROR,
					(errcode(ERRCODE_CHECK_VIOLATION),
					 errmsg("pool \"%s\" cannot take more than 100 percent off",
							tuple_text(pool, "name"))));
	}
}

/* How its codes look and how long they last. */
static void
check_codes(const ConfigTrigger *trigger)
{
	const ConfigTuple *pool = &trigger->new;
	char	   *prefix = tuple_text(pool, "prefix");
	char		normal[CODE_SIZE];
	Period		expires;
	int			length;

	if (prefix[0])
	{
		length = code_from_text(prefix, normal);
		if (length != strlen(prefix) || !code_is_plain(normal, length) || length > 20)
			ereport(ERROR,
					(errcode(ERRCODE_CHECK_VIOLATION),
					 errmsg("\"%s\" cannot be the prefix of codes", prefix),
					 errhint("Use up to 20 letters A to Z and digits; a dash follows by itself.")));
	}
	tuple_period(pool, "expires", &expires);
	if (expires.kind == PERIOD_ACTIVITY || expires.kind == PERIOD_IMMEDIATELY)
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("codes of pool \"%s\" cannot expire like that", tuple_text(pool, "name")),
				 errhint("Use a period such as \"30 days\", or \"never\".")));
}

/* What stays as it is once there are codes. */
static void
check_change(const ConfigTrigger *trigger)
{
	int			uses = tuple_int(&trigger->new, "uses");

	config_require_same(trigger, "pool_no");
	if (tuple_differs(&trigger->old, &trigger->new, "gives") && has_codes(trigger, "true"))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("what pool \"%s\" gives cannot change from %s to %s: it has codes",
						tuple_text(&trigger->new, "name"), tuple_text(&trigger->old, "gives"),
						tuple_text(&trigger->new, "gives")),
				 errhint("Make another pool, and disable this one.")));
	if (uses > 0 && tuple_differs(&trigger->old, &trigger->new, "uses") &&
		strcmp(tuple_text(&trigger->new, "gives"), "balance") != 0 &&
		has_codes(trigger, "v.uses > $2"))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("codes of pool \"%s\" have been used more than %d times",
						tuple_text(&trigger->new, "name"), uses),
				 errhint("Set enabled = false to end their use.")));
}

/*
 * Before a pool is written: whether it makes sense.
 */
LOYALTY_FUNCTION(loyalty_voucher_pool_check);
Datum
loyalty_voucher_pool_check(PG_FUNCTION_ARGS)
{
	ConfigTrigger trigger;
	HeapTuple	result;

	config_trigger_begin(fcinfo, "voucher_pool", CONFIG_BEFORE_ROW, &trigger);
	if (trigger.new.tuple == NULL)
	{
		if (has_codes(&trigger, "true"))
			ereport(ERROR,
					(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
					 errmsg("pool \"%s\" cannot be deleted: it has codes",
							tuple_text(&trigger.old, "name")),
					 errhint("Set enabled = false to end their use.")));
		result = trigger.old.tuple;
	}
	else
	{
		if (trigger.old.tuple != NULL)
			check_change(&trigger);
		check_gift(&trigger);
		check_codes(&trigger);
		result = trigger.new.tuple;
	}
	config_trigger_end(&trigger);
	return PointerGetDatum(result);
}
