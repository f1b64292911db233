/*-------------------------------------------------------------------------
 *
 * transfer.c
 *	  Points that one member sends to another.
 *
 * They keep their lots: what would have ended with the sender ends with the
 * receiver.  Both accounts are locked in the order of their members, so that
 * transfers in both directions cannot wait for each other.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"

#include "engine/pages.h"
#include "engine/activity.h"
#include "engine/spend.h"

/*
 * Gives the other account what the first one's moves from a position on took.
 * Points that follow the sender's activity follow the receiver's, unless that
 * would end them at once: then they keep the end they had.
 */
static void
receive(Operation *operation, int first)
{
	AccountState *account = operation->account;
	AccountState *other = operation->other;
	int			nmoves = operation->nmoves;
	int			i;

	for (i = first; i < nmoves; i++)
	{
		Movement	sent = operation->moves[i];
		Instant		to = sent.to;

		if (to == INSTANT_ACTIVITY)
		{
			LotPiece	piece = {0, sent.from, to, sent.unit, 0};
			Instant		end;

			core_check(account_piece_end(&other->core, &piece, &end));
			if (end <= other->now)
				core_check(account_piece_end(&account->core, &piece, &to));
		}
		core_check(account_add(&other->core, ENTRY_TRANSFER, sent.unit, -sent.points,
							   sent.from, to, other->now, 0, operation_other_sink, operation));
	}
}

/*
 * transfer_1(program, from_, to_, points, unit, key)
 */
LOYALTY_FUNCTION(loyalty_transfer);
Datum
loyalty_transfer(PG_FUNCTION_ARGS)
{
	Program    *program = program_get(PG_GETARG_OID(0));
	Operation	operation;
	Datum		member;
	Points		points;

	program_require_owner(&program->ref);
	operation_init(&operation, program, "transfer", ENTRY_TRANSFER);
	member = operation_member(program, fcinfo, 1);
	operation.other_member = operation_member(program, fcinfo, 2);
	operation.has_other = true;
	if (member_cmp(program, member, operation.other_member) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("points cannot be transferred from a member to itself")));
	operation.unit = rules_unit_by_name(program->rules, operation_text(fcinfo, 4));
	if (!operation.unit->transferable)
		ereport(ERROR,
				(errcode(ERRCODE_LOYALTY_UNIT_NOT_USABLE),
				 errmsg("unit \"%s\" cannot be transferred", operation.unit->name),
				 errdetail("Its column \"transferable\" is false."),
				 refusal_fields(program->ref.name, "unit", "transferable",
								facts("unit", fact_text(operation.unit->name), NULL))));
	points = operation.points = operation_amount(fcinfo, 3, operation.unit, true, false);
	operation.key = operation_key(fcinfo, 5);
	operation.keeps_request = true;
	operation_argument(&operation, "from_", member_text(program, member), true);
	operation_argument(&operation, "to_", member_text(program, operation.other_member), true);
	operation_argument(&operation, "unit_no", psprintf("%d", operation.unit->unit_no), false);
	operation_argument(&operation, "points", points_text(points), false);
	if (operation_begin(&operation, member))
	{
		AccountState *account = operation.account;
		Points		missing;

		pages_bring_in_for(operation.ledger, account, operation.unit->unit_no, points);
		core_check(account_take(&account->core, ENTRY_TRANSFER, operation.unit->unit_no, points,
								false, account->now, 0, &missing, operation_sink, &operation));
		if (missing > 0)
			insufficient_points(&operation, points, missing);
		receive(&operation, 0);
		operation_settle(&operation);
		operation_write(&operation);
	}
	return operation_result(&operation, fcinfo);
}

/* -------- reversing -------- */

/* see spend.h */
Datum
transfer_receiver(Program *program, int64 number)
{
	OperationRow row;
	Oid			input;
	Oid			ioparam;
	Datum		receiver;

	if (!operation_find(program, number, &row) || row.request == (Datum) 0)
		elog(ERROR, "operation " INT64_FORMAT " does not say who received", number);
	receiver = DirectFunctionCall2(jsonb_object_field_text, row.request,
							   CStringGetTextDatum("to_"));
	getTypeInputInfo(program->ref.member_type, &input, &ioparam);
	return OidInputFunctionCall(input, TextDatumGetCString(receiver), ioparam, -1);
}

/* lots that a transfer moved in one account */
typedef struct Moved
{
	int64		number;
	OwnLot	   *lots;
	int			nlots;
} Moved;

/* Collects the lines of a transfer; an EntryReader. */
static void
read_moved(void *arg, int64 entry_no, const EntryLine *line)
{
	Moved	   *moved = (Moved *) arg;
	const Movement *m = &line->movement;
	OwnLot	   *lot;

	if (line->operation_no != moved->number || m->kind != ENTRY_TRANSFER)
		return;
	moved->lots = moved->lots ? repalloc(moved->lots, sizeof(OwnLot) * (moved->nlots + 1)) :
		palloc(sizeof(OwnLot));
	lot = &moved->lots[moved->nlots++];
	lot->from = m->from;
	lot->to = m->to;
	lot->share = m->points < 0 ? -m->points : m->points;
	lot->lapsed = 0;
}

/* see spend.h */
void
reverse_transfer(Operation *operation, OperationRow *row)
{
	AccountState *account = operation->account;
	AccountState *other = operation->other;
	Ledger	   *ledger = operation->ledger;
	int32		unit_no = row->unit_no;
	Moved		sent = {row->number};
	Moved		received = {row->number};
	Points		lapsed = 0;
	int			i;

	ledger_flush(ledger);
	ledger_refresh(ledger);
	ledger_read_entries(ledger, account->member, row->first_entry, row->last_entry,
						read_moved, &sent);
	ledger_read_entries(ledger, other->member, 1, other->last_entry, read_moved, &received);
	operation->points = row->points;

	/* what has lapsed there unspent is over, and nobody owes it */
	for (i = 0; i < received.nlots; i++)
	{
		operation_find_lapsed(ledger, other, unit_no, &received.lots[i]);
		lapsed += Min(received.lots[i].lapsed, received.lots[i].share);
	}

	/* what the receiver has not got any more is owed, if the unit knows debt */
	pages_bring_in_all(ledger, other);
	if (operation->unit->forgive)
	{
		Points		available;
		Points		pending;
		Points		debt;

		core_check(account_balance(&other->core, unit_no, other->now, &available, &pending,
								   &debt));
		if (available < row->points - lapsed)
		{
			operation->account = other;
			insufficient_points(operation, row->points - lapsed,
								row->points - lapsed - available);
		}
	}
	core_check(account_take_back(&other->core, unit_no, row->points, received.lots,
								 received.nlots, false, other->now, 0,
								 operation_other_sink, operation));
	for (i = 0; i < sent.nlots; i++)
	{
		bool		over = sent.lots[i].to == INSTANT_ACTIVITY &&
			activity_is_over(ledger, account, unit_no, sent.lots[i].from, sent.lots[i].to,
							 row->performed_at);

		if (sent.lots[i].to != INSTANT_ACTIVITY)
			pages_bring_in_lot(ledger, account, sent.lots[i].from, sent.lots[i].to);
		core_check(account_add(&account->core, ENTRY_TRANSFER, unit_no, sent.lots[i].share,
							   sent.lots[i].from, sent.lots[i].to, account->now, 0,
							   operation_sink, operation));
		if (over)
			operation_lapse(operation, sent.lots[i].from, sent.lots[i].to,
							sent.lots[i].share);
	}
}
