/*-------------------------------------------------------------------------
 *
 * book.c
 *	  Books what has fallen due and nobody's movement has booked yet.
 *
 * No balance depends on it: readers compute what is due.  Any number may run
 * at once: accounts that somebody else has locked are left to him, so that
 * nobody waits, and none is waited for while others are held.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "engine/catalogue.h"
#include "engine/ledger.h"
#include "engine/source.h"
#include "engine/tiers.h"

/* accounts locked and booked at a time */
#define BOOK_BATCH 1000

static int
compare_members(const void *a, const void *b, void *program)
{
	return member_cmp((const Program *) program, *(const Datum *) a, *(const Datum *) b);
}

/*
 * Locks accounts that are due and nobody else has, or only those that a backfill
 * has left behind; returns how many, sorted.
 */
static int
lock_due(Program *program, TimestampTz now, int limit, bool left_behind, Datum *members)
{
	MemoryContext context = CurrentMemoryContext;
	MemoryContext old;
	Oid			types[2] = {TIMESTAMPTZOID, INT4OID};
	Datum		values[2];
	int			count;
	int			i;

	values[0] = TimestampTzGetDatum(now);
	values[1] = Int32GetDatum(limit);
	SPI_connect();
	if (SPI_execute_with_args(psprintf("SELECT member_id FROM %s.account"
									   " WHERE next_due OPERATOR(pg_catalog.<=) $1%s"
									   " ORDER BY next_due LIMIT $2"
									   " FOR NO KEY UPDATE SKIP LOCKED",
									   quote_identifier(program->ref.name),
									   left_behind ?
									   " AND next_due OPERATOR(pg_catalog.<=) last_at" : ""),
							  2, types, values, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not lock accounts: %s", SPI_result_code_string(SPI_result));
	old = MemoryContextSwitchTo(context);
	count = (int) SPI_processed;
	for (i = 0; i < count; i++)
	{
		bool		isnull;

		members[i] = member_copy(program, SPI_getbinval(SPI_tuptable->vals[i],
														SPI_tuptable->tupdesc, 1, &isnull));
	}
	MemoryContextSwitchTo(old);
	SPI_finish();
	qsort_arg(members, count, sizeof(Datum), compare_members, program);
	return count;
}

/* Says which tables of sources the engine does not see all changes of. */
static void
warn_unwired(Program *program)
{
	ListCell   *lc;
	int			i;

	foreach(lc, program->lost)
	{
		LostSource *lost = (LostSource *) lfirst(lc);

		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 lost->table_gone ?
				 errmsg("the table of source \"%s\" of loyalty program \"%s\" was dropped",
						lost->name, program->ref.name) :
				 errmsg("the expressions of source \"%s\" of loyalty program \"%s\" were dropped",
						lost->name, program->ref.name),
				 lost->table_gone ? 0 : errdetail("Rows written to its table post nothing."),
				 errhint("Detach the source; then it can be attached again.")));
	}

	for (i = 0; i < program->nsources; i++)
	{
		SourceConfig *source = &program->sources[i];
		ListCell   *cell;

		foreach(cell, source_unwired(source->pin->viewid, source->relid))
			ereport(WARNING,
					(errcode(ERRCODE_WARNING),
					 errmsg("table \"%s\" of source \"%s\" lacks triggers of loyalty program \"%s\"",
							get_rel_name(lfirst_oid(cell)), source->name, program->ref.name),
					 errdetail("Rows written to it post nothing."),
					 errhint("Enable its triggers, or detach the source and attach it again; then call %s.reconcile('%s').",
							 quote_identifier(program->ref.name), source->name)));
	}
}

/*
 * Books some accounts that are due; returns how many there were.  What a sweep will
 * come with is left to it.
 */
static int
book_some(Program *program, Ledger *ledger, int limit, bool left_behind,
		  const SweepToCome *sweeps, int nsweeps)
{
	Datum	   *members = palloc(sizeof(Datum) * BOOK_BATCH);
	int			count = lock_due(program, program_clock(program), Min(limit, BOOK_BATCH),
								 left_behind, members);
	int			i;

	ledger_refresh(ledger);
	for (i = 0; i < count; i++)
	{
		AccountState *account = ledger_account(ledger, members[i]);

		CHECK_FOR_INTERRUPTS();
		if (account == NULL)
			continue;

		/* next_due is a lower bound: there may be nothing but to raise it */
		account->dirty = true;
		auto_redeem_but(ledger, account, sweeps, nsweeps);
		ledger_save_account(ledger, account);
	}
	ledger_flush(ledger);
	return count;
}

/* see tiers.h */
bool
tiers_catch_up(Program *program)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "loyalty catch up",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Ledger	   *ledger = ledger_open(program, NULL, false);
	int			count = book_some(program, ledger, BOOK_BATCH, true, NULL, 0);

	ledger_close(ledger);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return count == BOOK_BATCH;
}

/*
 * book_due_1(program, limit): returns how many accounts were booked, or looked
 * at for rewards that have become affordable.
 */
LOYALTY_FUNCTION(loyalty_book_due);
Datum
loyalty_book_due(PG_FUNCTION_ARGS)
{
	Program    *program = program_get(PG_GETARG_OID(0));
	int64		limit = PG_ARGISNULL(1) ? PG_INT64_MAX : PG_GETARG_INT32(1);
	int64		booked = 0;
	MemoryContext batch_context;
	MemoryContext old;
	Ledger	   *ledger;
	SweepToCome *sweeps;
	int			nsweeps;
	int			count;

	program_require_owner(&program->ref);
	if (limit < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("limit must not be negative")));
	warn_unwired(program);

	ledger = ledger_open(program, NULL, false);
	sweeps = sweeps_to_come(program, &nsweeps);
	batch_context = AllocSetContextCreate(CurrentMemoryContext, "loyalty book_due",
										  ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(batch_context);
	do
	{
		count = book_some(program, ledger, (int) Min(limit - booked, BOOK_BATCH), false,
						  sweeps, nsweeps);
		booked += count;
		MemoryContextReset(batch_context);
	} while (count == BOOK_BATCH && booked < limit);
	MemoryContextSwitchTo(old);
	booked += sweep_members(ledger, limit - booked);
	ledger_close(ledger);
	MemoryContextDelete(batch_context);
	PG_RETURN_INT64(booked);
}
