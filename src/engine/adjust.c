/*-------------------------------------------------------------------------
 *
 * adjust.c
 *	  Corrections by hand, and what undoes them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "engine/activity.h"
#include "engine/operation.h"
#include "engine/pages.h"
#include "types/numbers.h"

/* see operation.h */
Instant
operation_lot_end(const AccountState *account, const UnitConfig *unit)
{
	Instant		end;

	if (unit->expires.kind == PERIOD_ACTIVITY)
		return INSTANT_ACTIVITY;
	core_check(period_end(&unit->expires, account->now, &account->zone, &end));
	return end;
}

/* see operation.h */
Instant
operation_known_end(const AccountState *account, const UnitConfig *unit, Instant from,
					Instant to)
{
	LotPiece	piece = {0, from, to, unit->unit_no, 0};
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
	operation.keeps_request = true;
	operation.worst_status = ACCOUNT_BLOCKED;
	member = operation_member(program, fcinfo, 1);
	operation.unit = rules_unit_by_name(program->rules, operation_text(fcinfo, 3));
	points = operation.points = operation_amount(fcinfo, 2, operation.unit, false, false);
	operation.reason = operation_reason(fcinfo, 4);
	if (!PG_ARGISNULL(5))
	{
		expires_at = PG_GETARG_TIMESTAMPTZ(5);
		if (points < 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("points that are taken have no end"),
					 errhint("Leave expires_at out.")));
	}
	operation.key = operation_key(fcinfo, 7);

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
			Instant		end = PG_ARGISNULL(5) ? operation_lot_end(account, operation.unit) : expires_at;

			if (end <= account->now)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("points cannot end before they are given"),
						 errdetail("It is %s now.", timestamptz_to_str(account->now))));
			core_check(account_add(&account->core, ENTRY_ADJUST, operation.unit->unit_no,
								   points, account->now, end, account->now, 0,
								   operation_sink, &operation));
			operation.valid_until = operation_known_end(account, operation.unit, account->now,
														end);
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
	Instant		at;				/* when */
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

/* see operation.h */
void
operation_find_lapsed(Ledger *ledger, AccountState *account, int32 unit_no, OwnLot *own)
{
	Lapsed		lapsed = {unit_no, own};

	if (own->to != INSTANT_ACTIVITY && own->to > account->now)
		return;
	ledger_read_entries(ledger, account->member, 1, account->last_entry, add_lapsed, &lapsed);
	own->lapsed = Max(own->lapsed, 0);
}

/* Takes back what an adjustment gave. */
static void
take_back(Operation *operation, Undo *undo)
{
	AccountState *account = operation->account;
	Ledger	   *ledger = operation->ledger;
	int32		unit_no = operation->unit->unit_no;

	operation_find_lapsed(ledger, account, unit_no, &undo->own);
	pages_bring_in_all(ledger, account);
	core_check(account_take_back(&account->core, unit_no, undo->own.share, &undo->own, 1,
								 operation->unit->forgive, account->now, 0,
								 operation_sink, operation));
}

/* see operation.h */
void
operation_lapse(Operation *operation, Instant from, Instant to, Points points)
{
	Movement	movement = {ENTRY_EXPIRE, operation->unit->unit_no, -points, from, to,
	operation->account->now};

	if (points == 0)
		return;
	core_check(account_add_piece(&operation->account->core, operation->unit->unit_no, -points,
								 from, to));
	operation_sink(operation, &movement);
}

/*
 * Gives back what an adjustment took, to the lots it came from; what follows
 * activity, and belongs to lots that are over, or have been meanwhile, expires
 * at once.
 */
static void
give_back(Operation *operation, Undo *undo)
{
	AccountState *account = operation->account;
	Points		points = 0;
	Points	   *over = palloc0(sizeof(Points) * Max(1, undo->ntaken));
	int			i;

	for (i = 0; i < undo->ntaken; i++)
	{
		points += undo->taken[i].points;
		if (undo->taken[i].to == INSTANT_ACTIVITY &&
			activity_is_over(operation->ledger, account, operation->unit->unit_no,
							 undo->taken[i].from, undo->taken[i].to, undo->at))
			over[i] = undo->taken[i].points;
		if (undo->taken[i].to != INSTANT_ACTIVITY)
			pages_bring_in_lot(operation->ledger, account, undo->taken[i].from, undo->taken[i].to);
	}

	/* what was owed has been repaid since by points of other lots: a new one */
	core_check(account_give(&account->core, operation->unit->unit_no, points, account->now,
							operation_lot_end(account, operation->unit), 0, 0, undo->taken,
							undo->ntaken, account->now, 0, operation_sink, operation));
	for (i = 0; i < undo->ntaken; i++)
	{
		if (over[i] > 0)
			operation_lapse(operation, undo->taken[i].from, undo->taken[i].to,
							over[i] - undo->taken[i].points);
	}
}

/* see operation.h */
void
reverse_adjustment(Operation *operation, const OperationRow *row)
{
	Undo		undo = {row->number};

	undo.at = row->performed_at;

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
