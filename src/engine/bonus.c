/*-------------------------------------------------------------------------
 *
 * bonus.c
 *	  Offers of points that are worth more the longer they are not claimed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "core/instant.h"
#include "engine/config.h"
#include "engine/operation.h"
#include "engine/plan.h"
#include "types/numbers.h"
#include "types/period.h"
#include "types/zone.h"

/* an offer */
typedef struct Bonus
{
	Datum		member;
	int32		unit_no;
	Points		principal;
	Points		step;
	Period		every;
	bool		has_max;
	Points		max_growth;
	Instant		offered_at;
	Instant		ends_at;
	char	   *reason;
	int64		claimed_by;		/* 0: nobody */
} Bonus;

/* -------- what it is worth -------- */

/* The instant after so many full periods. */
static CoreResult
grown_at(const Bonus *bonus, int64 times, const Zone *zone, Instant *at)
{
	Period		period = bonus->every;

	/* from the beginning, lest 31 Jan + 1 month + 1 month be 28 Mar */
	if (times > PG_INT32_MAX / Max(1, Max(period.months, period.days)) ||
		(period.usecs > 0 && times > PG_INT64_MAX / period.usecs))
		return CORE_RANGE;
	period.months *= times;
	period.days *= times;
	period.usecs *= times;
	return period_end(&period, bonus->offered_at, zone, at);
}

/* How many full periods have passed by an instant. */
static int64
full_periods(const Bonus *bonus, const Zone *zone, Instant at)
{
	int64		low = 0;
	int64		high = 1;
	Instant		end;

	while (high < PG_INT32_MAX && grown_at(bonus, high, zone, &end) == CORE_OK && end <= at)
	{
		low = high;
		high *= 2;
	}
	while (high - low > 1)
	{
		int64		middle = (low + high) / 2;

		if (grown_at(bonus, middle, zone, &end) == CORE_OK && end <= at)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* What it is worth at an instant. */
static Points
bonus_value(const Bonus *bonus, const Zone *zone, Instant at)
{
	CoreInt128	growth = (CoreInt128) bonus->step * full_periods(bonus, zone, at);

	if (bonus->has_max && growth > bonus->max_growth)
		growth = bonus->max_growth;
	if (growth + bonus->principal > POINTS_MAX)
		core_check(CORE_RANGE);
	return bonus->principal + (Points) growth;
}

/*
 * bonus_value_1(principal, step, every, max_growth, offered_at, at, zone)
 */
LOYALTY_FUNCTION(loyalty_bonus_value);
Datum
loyalty_bonus_value(PG_FUNCTION_ARGS)
{
	Bonus		bonus = {0};
	pg_tz	   *tz = zone_lookup(text_to_cstring(PG_GETARG_TEXT_PP(6)));
	Zone		zone;

	if (tz == NULL)
		PG_RETURN_NULL();
	zone = zone_for_tz(tz);
	core_check(points_from_numeric(PG_GETARG_NUMERIC(0), &bonus.principal));
	core_check(points_from_numeric(PG_GETARG_NUMERIC(1), &bonus.step));
	bonus.every = *PG_GETARG_PERIOD_P(2);
	bonus.has_max = !PG_ARGISNULL(3);
	if (bonus.has_max)
		core_check(points_from_numeric(PG_GETARG_NUMERIC(3), &bonus.max_growth));
	bonus.offered_at = PG_GETARG_TIMESTAMPTZ(4);
	PG_RETURN_NUMERIC(points_to_numeric(bonus_value(&bonus, &zone, PG_GETARG_TIMESTAMPTZ(5))));
}

/* -------- offering -------- */

/* A number of the unit's smallest amounts, within bounds. */
static void
check_amount(const ConfigTuple *bonus, const ConfigTuple *unit, const char *column,
			 bool positive)
{
	Points		points;
	bool		isnull;
	Datum		value = tuple_get(bonus, column, &isnull);

	if (isnull)
		return;
	if (!numeric_is_nan(DatumGetNumeric(value)) &&
		DatumGetInt32(DirectFunctionCall2(numeric_cmp, value,
										  DirectFunctionCall1(int4_numeric, Int32GetDatum(0)))) <
		(positive ? 1 : 0))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 positive ? errmsg("%s of a bonus must be more than 0", column) :
				 errmsg("%s of a bonus cannot be negative", column)));
	config_points_of(bonus, column, unit_step(unit), tuple_text(unit, "name"),
					 psprintf("%s of a bonus", column), &points);
}

/* An offer that may stand. */
static void
check_bonus(const ConfigTrigger *trigger)
{
	const ConfigTuple *bonus = &trigger->new;
	char	   *unit_name = tuple_text(bonus, "unit");
	char	   *reason = tuple_text(bonus, "reason");
	Oid			types[1] = {TEXTOID};
	Datum		values[1];
	ConfigTuple unit;
	Period		every;
	bool		no_end;
	bool		no_start;
	Datum		ends_at = tuple_get(bonus, "ends_at", &no_end);
	Datum		offered_at = tuple_get(bonus, "offered_at", &no_start);

	if (unit_name == NULL || tuple_isnull(bonus, "member_id"))
		return;					/* the table says so */
	values[0] = CStringGetTextDatum(unit_name);
	if (config_execute(&trigger->ref, "SELECT * FROM @.unit"
					   " WHERE name OPERATOR(pg_catalog.=) $1", 1, types, values, NULL) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no unit \"%s\"", unit_name),
				 errhint("Insert it into table \"unit\" first.")));
	unit = config_result(0);
	check_amount(bonus, &unit, "principal", true);
	check_amount(bonus, &unit, "step", false);
	check_amount(bonus, &unit, "max_growth", false);
	if (tuple_period(bonus, "every", &every) &&
		(every.kind != PERIOD_LENGTH || every.boundary != CALENDAR_NONE ||
		 (every.months == 0 && every.days == 0 && every.usecs == 0)))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("a bonus must grow after a length of time"),
				 errhint("Set every to a period such as \"1 month\" or \"14 days\".")));
	if (!no_start && TIMESTAMP_NOT_FINITE(DatumGetTimestampTz(offered_at)))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("offered_at of a bonus must be an instant")));
	if (!no_end && !no_start &&
		DatumGetTimestampTz(ends_at) <= DatumGetTimestampTz(offered_at))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("a bonus cannot end before it is offered"),
				 errhint("Make ends_at later than offered_at, or NULL for no end.")));
	if (reason != NULL && reason[strspn(reason, " \t\r\n")] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("a bonus needs a reason"),
				 errhint("It is shown in the member's statement.")));

	types[0] = trigger->ref.member_type;
	values[0] = tuple_get(bonus, "member_id", &no_start);
	if (config_execute(&trigger->ref, "SELECT FROM @.account"
					   " WHERE member_id OPERATOR(pg_catalog.=) $1", 1, types, values, NULL) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("a bonus must be for a member"),
				 errhint("Insert the member into table \"member\" first.")));
}

/*
 * Before an offer is written: whether it may stand, and that what was claimed
 * stays as it was.
 */
LOYALTY_FUNCTION(loyalty_bonus_check);
Datum
loyalty_bonus_check(PG_FUNCTION_ARGS)
{
	ConfigTrigger trigger;
	HeapTuple	result;

	config_trigger_begin(fcinfo, "bonus", CONFIG_BEFORE_ROW, &trigger);
	result = trigger.new.tuple ? trigger.new.tuple : trigger.old.tuple;
	if (ledger_internal == 0)
	{
		if (!tuple_isnull(&trigger.old, "claimed_by"))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("a bonus that has been claimed cannot be changed")));
		if (trigger.new.tuple != NULL)
		{
			if (!tuple_isnull(&trigger.new, "claimed_by"))
				ereport(ERROR,
						(errcode(ERRCODE_GENERATED_ALWAYS),
						 errmsg("claimed_by of a bonus is written by the program"),
						 errhint("Call %s.claim().", quote_identifier(trigger.ref.name))));
			if (tuple_isnull(&trigger.new, "offered_at"))
			{
				result = config_with_column(&trigger, "offered_at",
											TimestampTzGetDatum(program_now(&trigger.ref)));
				trigger.new.tuple = result;
			}
			check_bonus(&trigger);
		}
	}
	config_trigger_end(&trigger);

	return PointerGetDatum(result);
}

/* -------- claiming -------- */

/* see plan_execute */
static const char find_plan = 0;
static const char lock_plan = 0;
static const char claim_plan = 0;

/*
 * Reads an offer, and if asked locks it: whoever is changing it is waited for.
 * False if there is none.
 */
static bool
find_bonus(Program *program, int64 number, bool lock, Bonus *bonus)
{
#define FIND_BONUS \
	"SELECT b.member_id, u.unit_no, b.principal, b.step, b.every, b.max_growth," \
	" b.offered_at, b.ends_at, b.reason, b.claimed_by" \
	" FROM %s.bonus AS b JOIN %s.unit AS u ON u.name OPERATOR(pg_catalog.=) b.unit" \
	" WHERE b.bonus_no OPERATOR(pg_catalog.=) $1"
	MemoryContext context = CurrentMemoryContext;
	Oid			types[1] = {INT8OID};
	Datum		values[1] = {Int64GetDatum(number)};
	RightsSave	rights;
	bool		found;

	memset(bonus, 0, sizeof(Bonus));
	rights_enter(program->ref.owner, SECURITY_NOFORCE_RLS, &rights);
	SPI_connect();
	if (lock)
		plan_execute(program, &lock_plan, FIND_BONUS " FOR NO KEY UPDATE OF b", 1, types, values,
					 false, SPI_OK_SELECT);
	else
		plan_execute(program, &find_plan, FIND_BONUS, 1, types, values, false, SPI_OK_SELECT);
	found = SPI_processed > 0;
	if (found)
	{
		HeapTuple	tuple = SPI_tuptable->vals[0];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		MemoryContext old = MemoryContextSwitchTo(context);
		bool		isnull;
		Datum		value;

		bonus->member = member_copy(program, SPI_getbinval(tuple, desc, 1, &isnull));
		bonus->unit_no = DatumGetInt16(SPI_getbinval(tuple, desc, 2, &isnull));
		core_check(points_from_numeric(DatumGetNumeric(SPI_getbinval(tuple, desc, 3, &isnull)),
									   &bonus->principal));
		core_check(points_from_numeric(DatumGetNumeric(SPI_getbinval(tuple, desc, 4, &isnull)),
									   &bonus->step));
		bonus->every = *DatumGetPeriodP(SPI_getbinval(tuple, desc, 5, &isnull));
		value = SPI_getbinval(tuple, desc, 6, &isnull);
		bonus->has_max = !isnull;
		if (!isnull)
			core_check(points_from_numeric(DatumGetNumeric(value), &bonus->max_growth));
		bonus->offered_at = DatumGetTimestampTz(SPI_getbinval(tuple, desc, 7, &isnull));
		value = SPI_getbinval(tuple, desc, 8, &isnull);
		bonus->ends_at = isnull ? INSTANT_NEVER : DatumGetTimestampTz(value);
		bonus->reason = TextDatumGetCString(SPI_getbinval(tuple, desc, 9, &isnull));
		value = SPI_getbinval(tuple, desc, 10, &isnull);
		bonus->claimed_by = isnull ? 0 : DatumGetInt64(value);
		MemoryContextSwitchTo(old);
	}
	SPI_finish();
	rights_leave(&rights);
	return found;
}

/* Notes who claimed it. */
static void
note_claim(Program *program, int64 number, int64 operation_no)
{
	Oid			types[2] = {INT8OID, INT8OID};
	Datum		values[2];

	values[0] = Int64GetDatum(number);
	values[1] = Int64GetDatum(operation_no);
	ledger_internal++;
	PG_TRY();
	{
		plan_update(program, &claim_plan,
					"UPDATE %s.bonus SET claimed_by = $2"
					" WHERE bonus_no OPERATOR(pg_catalog.=) $1",
					2, types, values);
	}
	PG_FINALLY();
	{
		ledger_internal--;
	}
	PG_END_TRY();
}

/* What programs read of a bonus that cannot be claimed: which column, perhaps an instant. */
static int
bonus_fields(const Program *program, int64 number, const char *column, const char *what, Instant at)
{
	return refusal_fields(program->ref.name, "bonus", column,
						  what ? facts("bonus", fact_int(number), what, fact_instant(at), NULL) :
						  facts("bonus", fact_int(number), NULL));
}

/* Refuses to claim what is not there. */
static void
no_bonus(const Program *program, int64 number)
{
	ereport(ERROR,
			(errcode(ERRCODE_LOYALTY_REWARD_NOT_AVAILABLE),
			 errmsg("there is no bonus " INT64_FORMAT, number),
			 errhint("Bonuses are the rows of \"%s.bonus\".", program->ref.name),
			 bonus_fields(program, number, "bonus_no", NULL, INSTANT_NEVER)));
}

/*
 * claim_1(program, bonus): pays the offer, once; claimed already, returns what
 * that returned.
 */
LOYALTY_FUNCTION(loyalty_claim);
Datum
loyalty_claim(PG_FUNCTION_ARGS)
{
	Program    *program = program_get(PG_GETARG_OID(0));
	Operation	operation;
	Bonus		bonus;
	Datum		member;
	int64		number;

	program_require_owner(&program->ref);
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("bonus must not be null")));
	number = PG_GETARG_INT64(1);
	if (!find_bonus(program, number, false, &bonus))
		no_bonus(program, number);
	operation_init(&operation, program, "claim", ENTRY_ADJUST);
	operation.unit = rules_unit(program->rules, bonus.unit_no);

	/* whoever claims it meanwhile has the account's lock, whoever changes it the row's */
	member = bonus.member;
	operation_begin(&operation, member);
	if (!find_bonus(program, number, true, &bonus) ||
		member_cmp(program, member, bonus.member) != 0)
		no_bonus(program, number);
	operation.unit = rules_unit(program->rules, bonus.unit_no);
	operation.reason = bonus.reason;
	if (bonus.claimed_by == 0)
	{
		AccountState *account = operation.account;
		UnitConfig *unit = operation.unit;
		Instant		from;
		Instant		end;

		if (account->now < bonus.offered_at)
			ereport(ERROR,
					(errcode(ERRCODE_LOYALTY_REWARD_NOT_AVAILABLE),
					 errmsg("bonus " INT64_FORMAT " cannot be claimed yet", number),
					 errdetail("It is offered from %s.", instant_text(bonus.offered_at)),
					 bonus_fields(program, number, "offered_at", "from", bonus.offered_at)));
		if (account->now >= bonus.ends_at)
			ereport(ERROR,
					(errcode(ERRCODE_LOYALTY_REWARD_NOT_AVAILABLE),
					 errmsg("bonus " INT64_FORMAT " has ended", number),
					 errdetail("It was until %s.", instant_text(bonus.ends_at)),
					 bonus_fields(program, number, "ends_at", "until", bonus.ends_at)));
		operation.points = bonus_value(&bonus, &account->zone, account->now);
		core_check(period_end(&unit->activates, account->now, &account->zone, &from));
		end = operation_lot_end(account, unit);
		core_check(account_add(&account->core, ENTRY_ADJUST, unit->unit_no, operation.points,
							   from, end, account->now, 0, operation_sink, &operation));
		operation.valid_until = operation_known_end(account, unit, from, end);
		operation_settle(&operation);
		operation_write(&operation);
		note_claim(program, number, operation.number);
	}
	else
	{
		OperationRow row;

		if (!operation_find(program, bonus.claimed_by, &row))
			elog(ERROR, "there is no operation " INT64_FORMAT, bonus.claimed_by);
		if (operation.ledger)
			ledger_save_account(operation.ledger, operation.account);
		operation.number = row.number;
		operation.points = row.points;
		operation.valid_until = row.valid_until;
		operation.status = row.reversed_by ? "reversed" : "done";
	}
	return operation_result(&operation, fcinfo);
}
