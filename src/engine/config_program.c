/*-------------------------------------------------------------------------
 *
 * config_program.c
 *	  The program's own row: its time zone, currency, stacking and clock.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "engine/config.h"
#include "types/zone.h"

static void check_zone(const char *zone);
static void check_currency(const char *currency);
static void check_clock(const ConfigTrigger *trigger);


/*
 * Before the program's row is written: what only the engine changes, and the
 * version that begins with a change.
 */
LOYALTY_FUNCTION(loyalty_program_check);
Datum
loyalty_program_check(PG_FUNCTION_ARGS)
{
	ConfigTrigger trigger;
	HeapTuple	result;

	config_trigger_begin(fcinfo, "program", CONFIG_BEFORE_ROW, &trigger);

	if (TRIGGER_FIRED_BY_DELETE(trigger.data->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("the row of table \"program\" cannot be deleted"),
				 errhint("A program is removed by loyalty.drop_program().")));

	result = trigger.new.tuple;
	if (TRIGGER_FIRED_BY_UPDATE(trigger.data->tg_event) && config_internal == 0)
	{
		config_require_same(&trigger, "config_version");
		config_require_same(&trigger, "engine_version");
		config_require_same(&trigger, "rollover");
		config_require_same(&trigger, "tiers");
		if (tuple_differs(&trigger.old, &trigger.new, "time_zone") ||
			tuple_differs(&trigger.old, &trigger.new, "currency") ||
			tuple_differs(&trigger.old, &trigger.new, "stacking"))
			result = config_with_column(&trigger, "config_version",
										Int32GetDatum(tuple_int(&trigger.old, "config_version") + 1));
		if (tuple_differs(&trigger.old, &trigger.new, "time_zone"))
			units_book_activity(&trigger.ref);
	}

	config_trigger_end(&trigger);

	return PointerGetDatum(result);
}

/*
 * After it was written: whether it may stand, and the record of the version.
 */
LOYALTY_FUNCTION(loyalty_program_changed);
Datum
loyalty_program_changed(PG_FUNCTION_ARGS)
{
	ConfigTrigger trigger;
	bool		is_insert;

	config_trigger_begin(fcinfo, "program", CONFIG_AFTER_ROW, &trigger);
	is_insert = trigger.old.tuple == NULL;

	if (strcmp(tuple_text(&trigger.new, "name"), trigger.ref.name) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("the name of a program is that of its schema, \"%s\"",
						trigger.ref.name),
				 errhint("Use ALTER SCHEMA RENAME, and then loyalty.upgrade_program().")));
	if (!is_insert)
	{
		config_require_same(&trigger, "test_clock");
		config_require_same(&trigger, "created_at");
	}
	check_zone(tuple_text(&trigger.new, "time_zone"));
	check_currency(tuple_text(&trigger.new, "currency"));
	check_clock(&trigger);

	if (tuple_differs(&trigger.old, &trigger.new, "time_zone") ||
		tuple_differs(&trigger.old, &trigger.new, "currency") ||
		tuple_differs(&trigger.old, &trigger.new, "stacking"))
	{
		config_execute(&trigger.ref,
					   "INSERT INTO @.program_version"
					   " (config_version, time_zone, currency, stacking)"
					   " SELECT config_version, time_zone, currency, stacking"
					   " FROM @.program", 0, NULL, NULL, NULL);
		if (!is_insert)
		{
			units_check_money(&trigger.ref);
			rules_check_again(&trigger.ref, NULL);
			if (tuple_differs(&trigger.old, &trigger.new, "time_zone"))
			{
				tiers_follow_zone(&trigger.ref);
				units_lower_due(&trigger.ref);
			}
		}
	}

	config_trigger_end(&trigger);

	return PointerGetDatum(NULL);
}

/*
 * A zone the server knows.
 */
static void
check_zone(const char *zone)
{
	if (zone_lookup(zone) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%s\" does not exist", zone),
				 errhint("Use a name from the view pg_timezone_names, such as \"Europe/Paris\".")));
}

/*
 * A currency that can be one.
 */
static void
check_currency(const char *currency)
{
	if (strlen(currency) != 3 ||
		strspn(currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is not a currency code", currency),
				 errhint("Use the three capital letters of ISO 4217, such as \"EUR\".")));
}

/*
 * The test clock never runs backwards, and only where there is one.
 */
static void
check_clock(const ConfigTrigger *trigger)
{
	bool		isnull;
	bool		was_null;
	TimestampTz clock = DatumGetTimestampTz(tuple_get(&trigger->new, "clock", &isnull));
	TimestampTz was = DatumGetTimestampTz(tuple_get(&trigger->old, "clock", &was_null));

	if (!isnull && !tuple_bool(&trigger->new, "test_clock"))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("program \"%s\" has no test clock", trigger->ref.name),
				 errhint("Only a program made with test_clock => true takes its time from set_clock().")));
	if (!was_null && (isnull || clock < was))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the test clock cannot go backwards"),
				 errdetail("It stands at %s.", timestamptz_to_str(was))));
}

/*
 * Sets the test clock: set_clock of a program.
 */
LOYALTY_FUNCTION(loyalty_set_clock);
Datum
loyalty_set_clock(PG_FUNCTION_ARGS)
{
	ProgramRef	ref;
	RightsSave	rights;
	Oid			types[1] = {TIMESTAMPTZOID};
	Datum		values[1];

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the test clock cannot be set to null")));

	program_identify(PG_GETARG_OID(0), &ref);
	program_require_owner(&ref);
	values[0] = PG_GETARG_DATUM(1);

	rights_enter(ref.owner, SECURITY_NOFORCE_RLS, &rights);
	SPI_connect();
	config_execute(&ref, "UPDATE @.program SET clock = $1", 1, types, values, NULL);
	SPI_finish();
	rights_leave(&rights);

	PG_RETURN_VOID();
}
