/*-------------------------------------------------------------------------
 *
 * adjust.c
 *	  Corrections by hand, and undoing them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "engine/operation.h"
#include "engine/pages.h"
#include "engine/reprice.h"
#include "types/numbers.h"

/* -------- arguments -------- */

/* A reason must be given, for people to read later. */
static char *
reason_argument(FunctionCallInfo fcinfo, int number)
{
	char	   *reason = PG_ARGISNULL(number) ? NULL :
		text_to_cstring(PG_GETARG_TEXT_PP(number));

	if (reason == NULL || reason[strspn(reason, " \t\r\n")] == '\0')
		ereport(ERROR,
				(errcode(reason ? ERRCODE_INVALID_PARAMETER_VALUE :
						 ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("a reason must be given"),
				 errhint("Add the argument reason => '...'; it is shown in the member's statement.")));
	return reason;
}

/* Points to give or, negative, to take: a multiple of the unit's smallest amount. */
static Points
points_argument(FunctionCallInfo fcinfo, int number, const UnitConfig *unit)
{
	Numeric		argument;
	Points		points;

	if (PG_ARGISNULL(number))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("points must not be null")));
	argument = PG_GETARG_NUMERIC(number);
	if (points_from_numeric(argument, &points) != CORE_OK)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("points out of range: %s",
						DatumGetCString(DirectFunctionCall1(numeric_out,
															NumericGetDatum(argument))))));
	if (points == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("points must not be zero")));
	if (points % unit->judge.step != 0 ||
		!DatumGetBool(DirectFunctionCall2(numeric_eq, NumericGetDatum(argument),
										  NumericGetDatum(points_to_numeric(points)))))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is no amount of %s",
						DatumGetCString(DirectFunctionCall1(numeric_out,
															NumericGetDatum(argument))),
						unit->name),
				 errdetail("The smallest amount of this unit is %s.",
						   points_text(unit->judge.step))));
	return points;
}

/* The lot for points given now, unless the caller says when they end. */
static Instant
lot_end(const AccountState *account, const UnitConfig *unit)
{
	Instant		end;

	if (unit->expires.kind == PERIOD_ACTIVITY)
		return INSTANT_ACTIVITY;
	core_check(period_end(&unit->expires, account->now, &account->zone, &end));
	return end;
}

/* When points in a lot that ends so will end as things stand. */
static Instant
known_end(const AccountState *account, const UnitConfig *unit, Instant to)
{
	LotPiece	piece = {0, account->now, to, unit->unit_no, 0};
	Instant		end;

	core_check(account_piece_end(&account->core, &piece, &end));
	return end;
}

/* -------- adjusting -------- */

/*
 * adjust_1(program, member, points, unit, reason, expires_at, allow_debt, key)
 */
LOYALTY_FUNCTION(loyalty_adjust);
Datum
loyalty_adjust(PG_FUNCTION_ARGS)
{
	Program    *program = program_get(PG_GETARG_OID(0));
	Operation	operation;
	Datum		member;
	Points		points;
	Instant		expires_at = INSTANT_ALWAYS;
	bool		allow_debt = !PG_ARGISNULL(6) && PG_GETARG_BOOL(6);

	program_require_owner(&program->ref);
	operation_init(&operation, program, "adjust", ENTRY_ADJUST);
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("member must not be null")));
	member = member_from_argument(program, get_fn_expr_argtype(fcinfo->flinfo, 1),
								  PG_GETARG_DATUM(1));
	operation.unit = rules_unit_by_name(program->rules, PG_ARGISNULL(3) ? NULL :
										text_to_cstring(PG_GETARG_TEXT_PP(3)));
	points = operation.points = points_argument(fcinfo, 2, operation.unit);
	operation.reason = reason_argument(fcinfo, 4);
	if (!PG_ARGISNULL(5))
	{
		expires_at = PG_GETARG_TIMESTAMPTZ(5);
		if (points < 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("points that are taken have no end"),
					 errhint("Leave expires_at out.")));
	}
	if (!PG_ARGISNULL(7))
		operation.key = text_to_cstring(PG_GETARG_TEXT_PP(7));

	operation_argument(&operation, "member", member_text(program, member), true);
	operation_argument(&operation, "unit_no", psprintf("%d", operation.unit->unit_no), false);
	operation_argument(&operation, "points", points_text(points), false);
	operation_argument(&operation, "reason", operation.reason, true);
	operation_argument(&operation, "expires_at",
					   PG_ARGISNULL(5) ? NULL : instant_text(expires_at), true);
	operation_argument(&operation, "allow_debt", allow_debt ? "true" : "false", false);

	if (operation_begin(&operation, member))
	{
		AccountState *account = operation.account;
		Points		missing = 0;

		if (points > 0)
		{
			Instant		end = PG_ARGISNULL(5) ? lot_end(account, operation.unit) : expires_at;

			if (end <= account->now)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("points cannot end before they are given"),
						 errdetail("It is %s now.", timestamptz_to_str(account->now))));
			core_check(account_add(&account->core, ENTRY_ADJUST, operation.unit->unit_no,
								   points, account->now, end, account->now, 0,
								   operation_sink, &operation));
			operation.valid_until = known_end(account, operation.unit, end);
		}
		else
		{
			pages_bring_in_for(operation.ledger, account, operation.unit->unit_no, -points);
			core_check(account_take(&account->core, ENTRY_ADJUST, operation.unit->unit_no,
									-points, allow_debt, account->now, 0, &missing,
									operation_sink, &operation));
			if (missing > 0)
				insufficient_points(&operation, -points, missing);
		}
		operation_settle(&operation);
		operation_write(&operation);
	}
	return operation_result(&operation, fcinfo);
}

/* -------- reversing -------- */

/* what an adjustment did, and what has become of it */
typedef struct Undo
{
	int64		number;
	OwnLot		own;			/* the lot it gave points in */
	bool		gave;
	TakenLot   *taken;			/* the lots it took points from */
	int			ntaken;
} Undo;

/* Reads the adjustment's lines; an EntryReader. */
static void
read_adjustment(void *arg, int64 entry_no, const EntryLine *line)
{
	Undo	   *undo = (Undo *) arg;
	const Movement *m = &line->movement;

	if (line->operation_no != undo->number)
		return;
	if (m->points > 0)
	{
		undo->own.from = m->from;
		undo->own.to = m->to;
		undo->own.share = m->points;
		undo->gave = true;
	}
	else if (m->points < 0)
	{
		undo->taken = undo->taken ?
			repalloc(undo->taken, sizeof(TakenLot) * (undo->ntaken + 1)) :
			palloc(sizeof(TakenLot));
		undo->taken[undo->ntaken].from = m->from;
		undo->taken[undo->ntaken].to = m->to;
		undo->taken[undo->ntaken++].points = -m->points;
	}
}

/* arguments of add_lapsed */
typedef struct Lapsed
{
	int32		unit_no;
	OwnLot	   *own;
} Lapsed;

/* Sums what has lapsed of a lot, less what was excused before; an EntryReader. */
static void
add_lapsed(void *arg, int64 entry_no, const EntryLine *line)
{
	Lapsed	   *lapsed = (Lapsed *) arg;
	const Movement *m = &line->movement;

	if (m->unit != lapsed->unit_no || m->from != lapsed->own->from ||
		m->to != lapsed->own->to)
		return;
	if (m->kind == ENTRY_EXPIRE)
		lapsed->own->lapsed -= m->points;
	else if (m->kind == ENTRY_RETURN && m->to == INSTANT_ACTIVITY && line->operation_no == 0)
		lapsed->own->lapsed -= m->points;
	lapsed->own->lapsed -= m->lapsed;
}

/* Takes back what an adjustment gave. */
static void
take_back(Operation *operation, Undo *undo)
{
	AccountState *account = operation->account;
	Ledger	   *ledger = operation->ledger;
	int32		unit_no = operation->unit->unit_no;
	Lapsed		lapsed = {unit_no, &undo->own};

	if (undo->own.to == INSTANT_ACTIVITY || undo->own.to <= account->now)
	{
		ledger_read_entries(ledger, account->member, 1, account->last_entry,
							add_lapsed, &lapsed);
		undo->own.lapsed = Max(undo->own.lapsed, 0);
	}
	pages_bring_in_all(ledger, account);
	core_check(account_take_back(&account->core, unit_no, undo->own.share, &undo->own, 1,
								 operation->unit->forgive, account->now, 0,
								 operation_sink, operation));
}

/* Gives back what an adjustment took, to the lots it came from. */
static void
give_back(Operation *operation, Undo *undo)
{
	AccountState *account = operation->account;
	Points		points = 0;
	int			i;

	for (i = 0; i < undo->ntaken; i++)
	{
		points += undo->taken[i].points;
		if (undo->taken[i].to != INSTANT_ACTIVITY)
			pages_bring_in_end(operation->ledger, account, undo->taken[i].to);
	}

	/* what was owed has been repaid since by points of other lots: a new one */
	core_check(account_give(&account->core, operation->unit->unit_no, points, account->now,
							lot_end(account, operation->unit), 0, 0, undo->taken,
							undo->ntaken, account->now, 0, operation_sink, operation));
}

/* see operation.h */
void
reverse_adjustment(Operation *operation, const OperationRow *row)
{
	Undo		undo = {row->number};

	/* lines that wait, and what was booked meanwhile, must be seen */
	ledger_flush(operation->ledger);
	ledger_refresh(operation->ledger);
	ledger_read_entries(operation->ledger, operation->account->member, row->first_entry,
						row->last_entry, read_adjustment, &undo);
	if (undo.gave)
		take_back(operation, &undo);
	else
		give_back(operation, &undo);
	operation->points = -row->points;
}

/* The row that reverse_1 returns when it has undone what concerned many members. */
static Datum
reversed_reprice(int64 number, FunctionCallInfo fcinfo)
{
	TupleDesc	desc;
	Datum		values[10] = {0};
	bool		isnull[10];

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	memset(isnull, true, sizeof(isnull));
	isnull[0] = isnull[1] = false;
	values[0] = Int64GetDatum(number);
	values[1] = CStringGetTextDatum("done");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, isnull));
}

/*
 * reverse_1(program, operation, reason)
 */
LOYALTY_FUNCTION(loyalty_reverse);
Datum
loyalty_reverse(PG_FUNCTION_ARGS)
{
	Program    *program = program_get(PG_GETARG_OID(0));
	Operation	operation;
	OperationRow row;
	int64		number;

	program_require_owner(&program->ref);
	operation_init(&operation, program, "reverse", ENTRY_ADJUST);
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("operation must not be null")));
	number = operation.reverses = PG_GETARG_INT64(1);
	operation.reason = reason_argument(fcinfo, 2);
	if (!operation_find(program, number, &row))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no operation " INT64_FORMAT, number),
				 errhint("Operations are the rows of \"%s.operation\".", program->ref.name)));
	if (row.reversed_by)
		refuse_reversal(number);
	if (strcmp(row.kind, "reprice") == 0)
		return reversed_reprice(reprice_undo(program, number, operation.reason), fcinfo);
	if (strcmp(row.kind, "adjust") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("an operation of kind \"%s\" cannot be reversed", row.kind)));
	operation.unit = rules_unit(program->rules, row.unit_no);
	operation_argument(&operation, "operation", psprintf(INT64_FORMAT, number), false);
	operation_argument(&operation, "reason", operation.reason, true);

	operation_begin(&operation, row.member);
	reverse_adjustment(&operation, &row);
	operation_settle(&operation);
	operation_write(&operation);
	return operation_result(&operation, fcinfo);
}
