/*-------------------------------------------------------------------------
 *
 * read.c
 *	  Balances and lots of one member, now, then, or to come.
 *
 * A balance is a function of time, and the account's row holds the function:
 * an instant after the account's last is computed from it in memory.  Only an
 * instant before, or what was known at an earlier one, takes the ledger.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "engine/pages.h"
#include "engine/read.h"
#include "engine/tiers.h"
#include "types/numbers.h"

/* -------- reading -------- */

/* see read.h */
void
reader_open(Ledger *reader, Program *program)
{
	memset(reader, 0, sizeof(Ledger));
	reader->program = program;
	reader->dry = true;
	reader->context = CurrentMemoryContext;
	rights_enter(program->ref.owner, SECURITY_NOFORCE_RLS, &reader->rights);
	reader->snapshot = GetActiveSnapshot();
	reader->account.rel = table_open(program->account, AccessShareLock);
	reader->account.slot = table_slot_create(reader->account.rel, NULL);
}

/* see read.h */
void
reader_close(Ledger *reader)
{
	if (reader->account_scan)
		index_endscan(reader->account_scan);
	if (reader->account_pk)
		index_close(reader->account_pk, NoLock);
	ExecDropSingleTupleTableSlot(reader->account.slot);
	table_close(reader->account.rel, NoLock);
	if (reader->journal.rel)
		table_close(reader->journal.rel, NoLock);
	rights_leave(&reader->rights);
}

/* see read.h */
AccountState *
reader_account(Ledger *reader, Datum member, const TimestampTz *at,
			   const TimestampTz *known_at)
{
	AccountState *account = ledger_read_account(reader, member);
	TimestampTz since;
	TimestampTz instant;
	bool		carries = account && account->tiers && account->tiers->config->carries;

	if (account == NULL)
		return NULL;
	since = account->last_at;
	instant = at ? *at : Max(program_clock(reader->program), since);
	if (instant < since || (known_at && *known_at < since))
	{
		past_lots(reader, account, instant, known_at ? *known_at : DT_NOEND);
		since = DT_NOBEGIN;
	}
	else if (account->paged)
		pages_bring_in_due(reader, account, instant);
	account->now = instant;
	if (carries && since != DT_NOBEGIN)
	{
		/* nothing has moved since, but what is configured may have changed */
		if (known_at)
			tiers_configured_by(account, *known_at);
		tiers_before_advance(account);
	}
	core_check(account_advance(&account->core, since, instant, NULL, NULL));
	if (carries && since != DT_NOBEGIN)
		tiers_read_carries(account, instant);
	else if (carries)
		tiers_read_past_carries(reader, account, instant, known_at ? *known_at : DT_NOEND);
	return account;
}

/* see read.h */
UnitBalance
account_unit_balance(const AccountState *account, int32 unit_no)
{
	UnitBalance balance = {0};
	Instant		until;

	core_check(account_balance(&account->core, unit_no, account->now,
							   &balance.available, &balance.pending, &balance.debt));
	core_check(account_held(&account->core, unit_no, &balance.held, &until));
	if (account->paged)
		pages_add_balance(account, unit_no, &balance.available, &balance.pending);
	balance.available = Max(balance.available, 0);
	return balance;
}

/* see read.h */
Points
points_shown(Points points, int decimals)
{
	Points		step = POINTS_SCALE;
	Points		rest;

	for (; decimals > 0; decimals--)
		step /= 10;
	rest = points % step;
	if (rest < 0)
		rest += step;
	return points - rest;
}

/* -------- functions -------- */

/* The program a function was called for. */
static Program *
called_program(FunctionCallInfo fcinfo)
{
	Program    *program = program_get(PG_GETARG_OID(0));

	program_require_owner(&program->ref);
	return program;
}

/*
 * balance_1(program, member, unit, at, known_at): points of a unit available
 * at an instant.  Nobody has nothing; a NULL member has NULL.
 */
LOYALTY_FUNCTION(loyalty_balance);
Datum
loyalty_balance(PG_FUNCTION_ARGS)
{
	Program    *program = called_program(fcinfo);
	UnitConfig *unit;
	Ledger		reader;
	AccountState *account;
	TimestampTz at;
	TimestampTz known_at;
	Points		points = 0;

	unit = rules_unit_by_name(program->rules, PG_ARGISNULL(2) ? NULL :
							  text_to_cstring(PG_GETARG_TEXT_PP(2)));
	if (PG_ARGISNULL(1))
		PG_RETURN_NULL();
	at = PG_ARGISNULL(3) ? 0 : PG_GETARG_TIMESTAMPTZ(3);
	known_at = PG_ARGISNULL(4) ? 0 : PG_GETARG_TIMESTAMPTZ(4);

	reader_open(&reader, program);
	account = reader_account(&reader,
							 member_from_argument(program,
												  get_fn_expr_argtype(fcinfo->flinfo, 1),
												  PG_GETARG_DATUM(1)),
							 PG_ARGISNULL(3) ? NULL : &at,
							 PG_ARGISNULL(4) ? NULL : &known_at);
	if (account)
		points = account_unit_balance(account, unit->unit_no).available;
	reader_close(&reader);
	PG_RETURN_NUMERIC(points_to_numeric(points_shown(points, unit->decimals)));
}

/* Returns one row of member_lots_1. */
static void
put_lot(ReturnSetInfo *result, Program *program, const AccountState *account,
		const LotPiece *piece, const char *state)
{
	Instant		end;
	Datum		values[5];
	bool		isnull[5] = {0};

	core_check(account_piece_end(&account->core, piece, &end));
	values[0] = CStringGetTextDatum(rules_unit(program->rules, piece->unit)->name);
	values[1] = NumericGetDatum(points_to_numeric(piece->points));
	values[2] = TimestampTzGetDatum(piece->from);
	values[3] = TimestampTzGetDatum(end);
	values[4] = CStringGetTextDatum(state);
	tuplestore_putvalues(result->setResult, result->setDesc, values, isnull);
}

/*
 * member_lots_1(program, member, unit): the lots a member has now, of one unit
 * or all.
 */
LOYALTY_FUNCTION(loyalty_member_lots);
Datum
loyalty_member_lots(PG_FUNCTION_ARGS)
{
	Program    *program = called_program(fcinfo);
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	UnitConfig *unit = NULL;
	Ledger		reader;
	AccountState *account = NULL;
	int			i;

	InitMaterializedSRF(fcinfo, 0);
	if (!PG_ARGISNULL(2))
		unit = rules_unit_by_name(program->rules, text_to_cstring(PG_GETARG_TEXT_PP(2)));
	if (PG_ARGISNULL(1))
		return (Datum) 0;

	reader_open(&reader, program);
	account = reader_account(&reader,
							 member_from_argument(program,
												  get_fn_expr_argtype(fcinfo->flinfo, 1),
												  PG_GETARG_DATUM(1)),
							 NULL, NULL);
	if (account && account->paged)
		pages_bring_in_all(&reader, account);
	if (account)
		core_check(account_settle(&account->core));
	for (i = account ? account->core.npieces - 1 : -1; i >= 0; i--)
	{
		const LotPiece *piece = &account->core.pieces[i];

		if (unit == NULL || piece->unit == unit->unit_no)
			put_lot(result, program, account, piece,
					piece->from == DEBT_FROM && piece->to == DEBT_TO &&
					piece->points < 0 ? "debt" :
					piece->from > account->now ? "pending" : "active");
	}
	for (i = 0; account && i < account->core.nheld; i++)
	{
		const HeldPiece *held = &account->core.held[i];
		LotPiece	piece = {held->points, held->from, held->to, held->unit, 0};

		if (unit == NULL || held->unit == unit->unit_no)
			put_lot(result, program, account, &piece, "held");
	}
	reader_close(&reader);
	return (Datum) 0;
}

/*
 * unit_no_1(program, unit): the number of a unit; an error if there is none by
 * that name.
 */
LOYALTY_FUNCTION(loyalty_unit_no);
Datum
loyalty_unit_no(PG_FUNCTION_ARGS)
{
	Program    *program = called_program(fcinfo);

	if (PG_ARGISNULL(1))
		PG_RETURN_NULL();
	PG_RETURN_INT16(rules_unit_by_name(program->rules,
									   text_to_cstring(PG_GETARG_TEXT_PP(1)))->unit_no);
}
