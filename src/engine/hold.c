/*-------------------------------------------------------------------------
 *
 * hold.c
 *	  Points set aside until a deadline: held, captured, released.
 *
 * Nothing has to run at the deadline: an account that has passed it has the
 * points back, see account_advance.  Whether a hold is open is told by the
 * account, under its lock; the row of the operation says what was done.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "engine/pages.h"
#include "engine/spend.h"

/* -------- holding -------- */

/* see spend.h */
Instant
hold_deadline(const Operation *operation, const Interval *for_)
{
	AccountState *account = operation->account;
	pg_tz	   *saved = session_timezone;
	TimestampTz deadline;

	/* a day is one of the program's time zone */
	PG_TRY();
	{
		session_timezone = operation->program->rules->tz;
		deadline = DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
														   TimestampTzGetDatum(account->now),
														   IntervalPGetDatum(for_)));
	}
	PG_FINALLY();
	{
		session_timezone = saved;
	}
	PG_END_TRY();
	if (deadline <= account->now)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a hold must last longer than no time")));
	return deadline;
}

/* see spend.h */
void
hold_take(Operation *operation, Points points, Instant deadline)
{
	AccountState *account = operation->account;
	Points		missing;

	operation->points = points;
	operation->deadline = deadline;
	operation->status = operation->row_status = STATUS_HELD;
	if (points == 0)
		return;
	pages_bring_in_for(operation->ledger, account, operation->unit->unit_no, points);
	core_check(account_hold(&account->core, operation->number, operation->unit->unit_no, points,
							deadline, account->now, &missing, operation_sink, operation));
	if (missing > 0)
		insufficient_points(operation, points, missing);
}

/* An interval as text, the same in every session. */
static char *
length_text(const Interval *length)
{
	return psprintf("%d months %d days " INT64_FORMAT " us", length->month, length->day,
					length->time);
}

/*
 * hold_1(program, member, points, unit, for_, key)
 */
LOYALTY_FUNCTION(loyalty_hold);
Datum
loyalty_hold(PG_FUNCTION_ARGS)
{
	Program    *program = program_get(PG_GETARG_OID(0));
	Operation	operation;
	Datum		member;
	Points		points;

	program_require_owner(&program->ref);
	operation_init(&operation, program, "hold", ENTRY_HOLD);
	member = operation_member(program, fcinfo, 1);
	operation.unit = spendable_unit(program, operation_text(fcinfo, 3));
	points = operation_amount(fcinfo, 2, operation.unit, true, false);
	if (PG_ARGISNULL(4))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("for_ must not be null"),
				 errhint("Say for how long, for example for_ => '15 minutes'.")));
	operation.key = operation_key(fcinfo, 5);
	if (operation_needs_request(&operation))
	{
		operation_argument(&operation, "member", member_text(program, member), true);
		operation_argument(&operation, "unit_no", psprintf("%d", operation.unit->unit_no), false);
		operation_argument(&operation, "points", points_text(points), false);
		operation_argument(&operation, "for_",
						   length_text(PG_GETARG_INTERVAL_P(4)), true);
	}
	if (operation_begin(&operation, member))
	{
		hold_take(&operation, points, hold_deadline(&operation, PG_GETARG_INTERVAL_P(4)));
		operation_settle(&operation);
		operation_write(&operation);
	}
	return operation_result(&operation, fcinfo);
}

/* -------- capturing and releasing -------- */

/* Starts to act on a hold: kind says how; its row as it is before any lock. */
static void
begin_on_hold(Operation *operation, Program *program, const char *kind,
			  EntryKind entry_kind, FunctionCallInfo fcinfo, OperationRow *row)
{
	int64		number;

	program_require_owner(&program->ref);
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("hold must not be null")));
	number = PG_GETARG_INT64(1);
	if (!operation_find(program, number, row) || row->deadline == INSTANT_ALWAYS)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no hold " INT64_FORMAT, number),
				 errhint("Holds are the rows of \"%s.hold\".", program->ref.name)));
	operation_init(operation, program, kind, entry_kind);
	operation->worst_status = ACCOUNT_CLOSED;
	operation->concerns = number;
	operation->closes = true;
	operation->unit = rules_unit(program->rules, row->unit_no);
}

/* LY008: a hold that is not open can be neither captured nor released. */
static void
refuse_closed(const Program *program, const OperationRow *row, Instant now)
{
	ereport(ERROR,
			(errcode(ERRCODE_LOYALTY_HOLD_CLOSED),
			 strcmp(row->status, STATUS_HELD) == 0 ?
			 errmsg("hold " INT64_FORMAT " has lapsed", row->number) :
			 errmsg("hold " INT64_FORMAT " has been %s already", row->number, row->status),
			 errdetail("Its deadline %s %s.", row->deadline <= now ? "was" : "is",
					   instant_text(row->deadline)),
			 hold_fields(program, row, operation_present_status(row, now))));
}

/*
 * Is the hold open?  The account knows of its points; of a hold of none only
 * the row, which is read anew for it and whatever is not open.
 */
static bool
is_open(Operation *operation, OperationRow *row, Points *held)
{
	core_check(account_held_by(&operation->account->core, row->number, held));
	if (*held > 0)
		return true;
	operation_reread(operation, row);
	return row->points == 0 && strcmp(row->status, STATUS_HELD) == 0 &&
		row->deadline > operation->account->now;
}

/* Spends what is set aside; the rest goes back. */
static void
capture_open(Operation *operation, OperationRow *row, Points points)
{
	AccountState *account = operation->account;
	Points		captured;

	core_check(account_capture(&account->core, row->number, points, account->now,
							   &captured, operation_sink, operation));
	core_check(account_release(&account->core, row->number, account->now,
							   operation_sink, operation));
	operation->points = operation->spent = captured;
	if (captured > 0)
		spend_note_activity(operation);
}

/* Spends what was set aside once: it has gone back, and must be there still. */
static void
capture_lapsed(Operation *operation, OperationRow *row, Points points)
{
	if (strcmp(row->status, STATUS_HELD) != 0)
		refuse_closed(operation->program, row, operation->account->now);
	if (operation->account->status != ACCOUNT_ACTIVE)
		ereport(ERROR,
				(errcode(ERRCODE_LOYALTY_MEMBER_NOT_ACTIVE),
				 errmsg("hold " INT64_FORMAT " has lapsed, and its member is not active",
						row->number),
				 refusal_fields(operation->program->ref.name, "member", "status",
								facts("member", fact_text(member_text(operation->program,
																	  operation->account->member)),
									  "status", fact_text(member_status_text(operation->account->status)),
									  "hold", fact_int(row->number), NULL))));
	spend_take(operation, points);
}

/*
 * capture_1(program, hold, points, key): points NULL: all.
 */
LOYALTY_FUNCTION(loyalty_capture);
Datum
loyalty_capture(PG_FUNCTION_ARGS)
{
	Program    *program = program_get(PG_GETARG_OID(0));
	Operation	operation;
	OperationRow row;
	Points		points;

	begin_on_hold(&operation, program, "capture", ENTRY_REDEEM, fcinfo, &row);
	points = operation_amount(fcinfo, 2, operation.unit, true, true);
	operation.key = operation_key(fcinfo, 3);
	if (operation_needs_request(&operation))
	{
		operation_argument(&operation, "hold", psprintf(INT64_FORMAT, row.number), false);
		operation_argument(&operation, "points", points ? points_text(points) : NULL, false);
	}
	if (operation_begin(&operation, row.member))
	{
		Points		held;
		bool		open = is_open(&operation, &row, &held);

		if (!open && strcmp(row.status, STATUS_HELD) != 0)
			refuse_closed(program, &row, operation.account->now);
		if (points > row.points)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("hold " INT64_FORMAT " is about %s points only", row.number,
							points_text(row.points))));
		if (is_redemption(row.kind))
			redemption_capture(&operation, row.number, &points);
		if (points == 0)
			points = row.points;
		if (open)
			capture_open(&operation, &row, points);
		else
			capture_lapsed(&operation, &row, points);
		operation_settle(&operation);
		operation_write(&operation);
		operation_close_hold(operation.ledger, &row, STATUS_CAPTURED, operation.spent,
							 operation.first_entry, operation.last_entry);
		operation.number = row.number;
		operation.status = STATUS_CAPTURED;
	}
	else if (is_redemption(row.kind))
		redemption_captured_before(&operation, row.number);
	return operation_result(&operation, fcinfo);
}

/* Gives back what a hold that is open has set aside. */
static void
release_open(Operation *operation, OperationRow *row, Points held)
{
	AccountState *account = operation->account;

	if (is_redemption(row->kind))
		redemption_release(operation, row->number);
	core_check(account_release(&account->core, row->number, account->now,
							   operation_sink, operation));
	operation->points = held;
}

/*
 * release_1(program, hold, key)
 */
LOYALTY_FUNCTION(loyalty_release);
Datum
loyalty_release(PG_FUNCTION_ARGS)
{
	Program    *program = program_get(PG_GETARG_OID(0));
	Operation	operation;
	OperationRow row;

	begin_on_hold(&operation, program, "release", ENTRY_RELEASE, fcinfo, &row);
	operation.key = operation_key(fcinfo, 2);
	if (operation_needs_request(&operation))
		operation_argument(&operation, "hold", psprintf(INT64_FORMAT, row.number), false);
	if (operation_begin(&operation, row.member))
	{
		Points		held;

		if (!is_open(&operation, &row, &held))
			refuse_closed(program, &row, operation.account->now);
		release_open(&operation, &row, held);
		operation_settle(&operation);
		operation_write(&operation);
		operation_close_hold(operation.ledger, &row, STATUS_RELEASED, 0,
							 operation.first_entry, operation.last_entry);
		operation.number = row.number;
		operation.status = STATUS_RELEASED;
	}
	return operation_result(&operation, fcinfo);
}

/* see spend.h */
void
reverse_hold(Operation *operation, OperationRow *row)
{
	Points		held;

	if (is_open(operation, row, &held))
	{
		release_open(operation, row, held);
		operation_close_hold(operation->ledger, row, STATUS_RELEASED, 0,
							 row->first_entry, row->last_entry);
	}
	else if (strcmp(row->status, STATUS_CAPTURED) == 0)
		reverse_spend(operation, row);
	else
		refuse_closed(operation->program, row, operation->account->now);
}
