/*-------------------------------------------------------------------------
 *
 * cancel.c
 *	  What was spent comes back: to the lots it was drawn from.
 *
 * The lines of the redemption say which lots these were, in order; what was
 * given back before was what had been drawn last.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "engine/activity.h"
#include "engine/arrays.h"
#include "engine/benefit.h"
#include "engine/pages.h"
#include "engine/spend.h"

/* what a redemption has drawn */
typedef struct Drawn
{
	int64		number;
	DrawnLot   *lots;
	int			nlots;
	int			capacity;
	Instant		held_since;		/* if a hold set points aside */
	EntryLine	released;		/* what it gave back last: to be spent at once if
								 * it was captured */
	Instant	   *since;			/* when what is in lots left the account */
} Drawn;

/* Whether what is spent was set aside by a hold: it went through its lot again. */
static bool
captured(const Drawn *drawn, const Movement *m)
{
	const Movement *released = &drawn->released.movement;

	return released->points == -m->points && released->from == m->from &&
		released->to == m->to && released->occurred_at == m->occurred_at;
}

/* Collects what was drawn; an EntryReader. */
static void
read_drawn(void *arg, int64 entry_no, const EntryLine *line)
{
	Drawn	   *drawn = (Drawn *) arg;
	const Movement *m = &line->movement;

	if (line->operation_no != drawn->number)
		return;
	if (m->kind == ENTRY_RELEASE)
		drawn->released = *line;
	if (m->kind != ENTRY_REDEEM)
		return;
	if (drawn->nlots == drawn->capacity)
	{
		drawn->lots = array_grow(CurrentMemoryContext, drawn->lots, sizeof(DrawnLot),
								 &drawn->capacity, 8);
		drawn->since = drawn->since ?
			repalloc(drawn->since, sizeof(Instant) * drawn->capacity) :
			palloc(sizeof(Instant) * drawn->capacity);
	}
	drawn->since[drawn->nlots] = captured(drawn, m) ? drawn->held_since : m->occurred_at;
	drawn->lots[drawn->nlots].lapsed = false;
	drawn->lots[drawn->nlots].from = m->from;
	drawn->lots[drawn->nlots].to = m->to;
	drawn->lots[drawn->nlots].extended = false;
	drawn->lots[drawn->nlots++].points = -m->points;
}

/*
 * Marks lots that an earlier return has made: its lines are dated at their
 * start and say so by lapsed; an EntryReader.
 */
static void
mark_extended(void *arg, int64 entry_no, const EntryLine *line)
{
	Drawn	   *drawn = (Drawn *) arg;
	const Movement *m = &line->movement;
	int			i;

	if (m->kind != ENTRY_RETURN || m->lapsed >= 0)
		return;
	for (i = 0; i < drawn->nlots; i++)
	{
		if (drawn->lots[i].from == m->from && drawn->lots[i].to == m->to)
			drawn->lots[i].extended = true;
	}
}

/* Finds lots whose points lapsed while what comes back now was out of them. */
static void
mark_lapsed(Ledger *ledger, AccountState *account, int32 unit_no, Drawn *drawn)
{
	int			i;

	for (i = 0; i < drawn->nlots; i++)
	{
		if (drawn->lots[i].to != INSTANT_ACTIVITY || drawn->lots[i].points == 0)
			continue;
		if (i > 0 && drawn->lots[i - 1].to == INSTANT_ACTIVITY &&
			drawn->lots[i - 1].points > 0 && drawn->since[i - 1] == drawn->since[i])
			drawn->lots[i].lapsed = drawn->lots[i - 1].lapsed;
		else
			drawn->lots[i].lapsed = activity_is_over(ledger, account, unit_no,
													 drawn->lots[i].from, drawn->lots[i].to,
													 drawn->since[i]);
	}
}

/* Until when points that come back now can be spent at least. */
static Instant
grace_end(const AccountState *account, const UnitConfig *unit)
{
	Instant		end;

	if (unit->return_grace.kind != PERIOD_LENGTH && unit->return_grace.kind != PERIOD_NEVER)
		return account->now;
	core_check(period_end(&unit->return_grace, account->now, &account->zone, &end));
	return end;
}

/* Lots that end before an instant: do any? */
static bool
any_ends_before(const AccountState *account, int32 unit_no, const Drawn *drawn, Instant at)
{
	int			i;

	for (i = 0; i < drawn->nlots; i++)
	{
		LotPiece	piece = {0, drawn->lots[i].from, drawn->lots[i].to, unit_no, 0};
		Instant		end;

		core_check(account_piece_end(&account->core, &piece, &end));
		if (end < at || drawn->lots[i].lapsed)
			return true;
	}
	return false;
}

/* see spend.h */
void
operation_reread(Operation *operation, OperationRow *row)
{
	if (!operation_find(operation->program, row->number, row))
		elog(ERROR, "operation " INT64_FORMAT " has vanished", row->number);
}

/* Takes what was given back before off what was drawn: the last. */
static void
forget_returned(Drawn *drawn, Points returned)
{
	int			i;

	for (i = drawn->nlots - 1; i >= 0 && returned > 0; i--)
	{
		Points		points = Min(returned, drawn->lots[i].points);

		drawn->lots[i].points -= points;
		returned -= points;
	}
}

/* see spend.h */
void
cancel_return(Operation *operation, OperationRow *row, Points points)
{
	AccountState *account = operation->account;
	Ledger	   *ledger = operation->ledger;
	int32		unit_no = row->unit_no;
	Points		left = row->spent - row->returned;
	Drawn		drawn = {row->number};
	Instant		grace = grace_end(account, operation->unit);
	int			i;

	if (points > left || (left == 0 && row->spent > 0))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 left == 0 ? errmsg("operation " INT64_FORMAT " has been cancelled already",
									row->number) :
				 errmsg("only %s points of operation " INT64_FORMAT " are left to give back",
						points_text(left), row->number),
				 errdetail("It spent %s, of which %s were given back.", points_text(row->spent),
						   points_text(row->returned))));
	if (points == 0)
		points = left;
	operation->points = points;
	row->returned += points;
	operation->status = row->returned < row->spent ? "partly cancelled" : "cancelled";
	if (points == 0)
		return;

	/* lines that wait, and what was booked meanwhile, must be seen */
	ledger_flush(ledger);
	ledger_refresh(ledger);
	drawn.held_since = row->performed_at;
	ledger_read_entries(ledger, account->member, row->first_entry, row->last_entry,
						read_drawn, &drawn);
	forget_returned(&drawn, row->returned - points);
	mark_lapsed(ledger, account, unit_no, &drawn);
	if (grace > account->now && any_ends_before(account, unit_no, &drawn, grace))
		ledger_read_entries(ledger, account->member, 1, row->first_entry - 1,
							mark_extended, &drawn);
	for (i = 0; i < drawn.nlots; i++)
	{
		if (drawn.lots[i].to != INSTANT_ACTIVITY)
			pages_bring_in_lot(ledger, account, drawn.lots[i].from, drawn.lots[i].to);
	}
	core_check(account_return(&account->core, unit_no, points, drawn.lots, drawn.nlots,
							  grace, account->now, operation_sink, operation));
	operation_set_returned(operation->program, row->number, row->returned);
}

/* see spend.h */
void
refuse_paid_event(Program *program, const OperationRow *row)
{
	SourceConfig *source;

	if (row->source_no == 0)
		return;
	source = program_source(program, row->source_no);
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("operation " INT64_FORMAT " paid an event of source \"%s\"", row->number,
					source ? source->name : "?"),
			 errhint("Change or delete the row; then its points go back.")));
}

/* Refuses to cancel what has spent nothing. */
static void
check_spent(const Program *program, const OperationRow *row)
{
	if (strcmp(row->status, STATUS_HELD) == 0 || strcmp(row->status, STATUS_RELEASED) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_LOYALTY_HOLD_CLOSED),
				 errmsg("hold " INT64_FORMAT " has not been captured", row->number),
				 errhint("Release a hold that is open."),
				 hold_fields(program, row, row->status)));
}

/* Gives back what pieces of a redemption cost; both 0: all that is left. */
static void
reward_return(Operation *operation, OperationRow *row, Points points, int32 quantity)
{
	const char *status;

	redemption_cancel(operation, row->number, &points, quantity);
	status = operation->status;
	if (points > 0)
		cancel_return(operation, row, points);

	/* of pieces, which may cost nothing */
	operation->status = status;
}

/*
 * cancel_1(program, redemption, points, reason, key, quantity): points and
 * quantity NULL: all that is left.
 */
LOYALTY_FUNCTION(loyalty_cancel);
Datum
loyalty_cancel(PG_FUNCTION_ARGS)
{
	Program    *program = program_get(PG_GETARG_OID(0));
	Operation	operation;
	OperationRow row;
	int64		number;
	Points		points;
	int32		quantity = PG_ARGISNULL(5) ? 0 : PG_GETARG_INT32(5);
	bool		is_reward;
	bool		is_benefit;

	program_require_owner(&program->ref);
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("redemption must not be null")));
	number = PG_GETARG_INT64(1);
	operation_init(&operation, program, "cancel", ENTRY_RETURN);
	if (!operation_find(program, number, &row) ||
		(strcmp(row.kind, "spend") != 0 && strcmp(row.kind, "hold") != 0 &&
		 !is_redemption(row.kind) && strcmp(row.kind, BENEFIT_KIND) != 0))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no redemption " INT64_FORMAT, number),
				 errhint("Give the id that spend(), redeem(), use_benefit() or a hold that was captured returned.")));
	refuse_paid_event(program, &row);
	is_reward = is_redemption(row.kind);
	is_benefit = strcmp(row.kind, BENEFIT_KIND) == 0;
	operation.unit = rules_unit(program->rules, row.unit_no);
	points = operation_amount(fcinfo, 2, operation.unit, true, true);
	if (!PG_ARGISNULL(5) && (quantity <= 0 || points > 0 || !is_reward))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 !is_reward ? errmsg("operation " INT64_FORMAT " redeemed no reward", number) :
				 quantity <= 0 ? errmsg("quantity must be more than zero") :
				 errmsg("give points or quantity, not both")));
	if (is_benefit && points > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("operation " INT64_FORMAT " used a benefit, and spent no points", number),
				 errhint("Leave points out: the use is given back as a whole.")));
	operation.reason = operation_text(fcinfo, 3);
	operation.key = operation_key(fcinfo, 4);
	operation.no_points = is_benefit;
	operation.concerns = number;
	operation.worst_status = ACCOUNT_BLOCKED;
	if (operation_needs_request(&operation))
	{
		operation_argument(&operation, "redemption", psprintf(INT64_FORMAT, number), false);
		operation_argument(&operation, "points", points ? points_text(points) : NULL, false);
		operation_argument(&operation, "quantity",
						   quantity ? psprintf("%d", quantity) : NULL, false);
		operation_argument(&operation, "reason", operation.reason, true);
	}
	if (operation_begin(&operation, row.member))
	{
		operation_reread(&operation, &row);
		check_spent(program, &row);
		if (is_benefit)
			benefit_cancel(&operation, number);
		else if (is_reward)
			reward_return(&operation, &row, points, quantity);
		else
			cancel_return(&operation, &row, points);
		operation_settle(&operation);
		operation_write(&operation);
	}
	else if (is_reward)
		redemption_cancelled_before(&operation, number);
	return operation_result(&operation, fcinfo);
}

/* see spend.h */
void
reverse_spend(Operation *operation, OperationRow *row)
{
	operation_reread(operation, row);
	if (is_redemption(row->kind))
		reward_return(operation, row, 0, 0);
	else
		cancel_return(operation, row, 0);
}
