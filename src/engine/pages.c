/*-------------------------------------------------------------------------
 *
 * pages.c
 *	  Lots of a big account, beyond what fits its row.
 *
 * Whoever holds the account's lock may write its pages.  Readers bring pages
 * into memory only.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "engine/pages.h"
#include "engine/plan.h"
#include "types/lots.h"

/*
 * A row keeps up to PAGES_INLINE lots, about 600 bytes; beyond that all but
 * the ends of the queue go to a page.
 */
#define PAGES_INLINE	48
#define PAGES_HEAD		8
#define PAGES_TAIL		8

/* see plan_execute */
static const char drop_plan = 0;
static const char write_plan = 0;

/* see pages.h */
void
pages_attach(AccountState *account, Datum paged)
{
	bytea	   *bytes = DatumGetByteaPP(paged);
	AccountPaged *pages = palloc0(sizeof(AccountPaged));
	Size		size;

	memcpy(&pages->summary, VARDATA_ANY(bytes), sizeof(PagedSummary));
	size = sizeof(PagedUnit) * pages->summary.nunits;
	if (VARSIZE_ANY_EXHDR(bytes) != sizeof(PagedSummary) + size)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the summary of an account's pages is malformed")));
	pages->units = palloc(size + sizeof(PagedUnit));
	memcpy(pages->units, VARDATA_ANY(bytes) + sizeof(PagedSummary), size);
	account->paged = pages;
}

/* see pages.h */
Datum
pages_to_datum(const AccountState *account)
{
	const AccountPaged *pages = account->paged;
	Size		size = sizeof(PagedUnit) * pages->summary.nunits;
	bytea	   *bytes = palloc(VARHDRSZ + sizeof(PagedSummary) + size);

	SET_VARSIZE(bytes, VARHDRSZ + sizeof(PagedSummary) + size);
	memcpy(VARDATA(bytes), &pages->summary, sizeof(PagedSummary));
	memcpy(VARDATA(bytes) + sizeof(PagedSummary), pages->units, size);
	return PointerGetDatum(bytes);
}

/*
 * Adds the lots of a page to, or with sign -1 takes them from, the summary's
 * totals.  next_due is the page's own: what starts then or later is pending,
 * whatever the clock says by now.
 */
static void
count_lots(AccountPaged *pages, const LotPiece *pieces, int npieces, Instant next_due, int sign)
{
	int			i;
	int			k;

	for (i = 0; i < npieces; i++)
	{
		PagedUnit  *unit;
		Points	   *total;

		for (k = 0; k < pages->summary.nunits; k++)
		{
			if (pages->units[k].unit == pieces[i].unit)
				break;
		}
		if (k == pages->summary.nunits)
		{
			pages->units = repalloc(pages->units,
									sizeof(PagedUnit) * (pages->summary.nunits + 2));
			memset(&pages->units[k], 0, sizeof(PagedUnit));
			pages->units[k].unit = pieces[i].unit;
			pages->summary.nunits++;
		}
		unit = &pages->units[k];
		total = pieces[i].from >= next_due ? &unit->pending : &unit->active;
		core_check(points_add(*total, sign * pieces[i].points, total) ? CORE_OK : CORE_RANGE);
	}
}

/* The first instant after now at which one of the lots starts or ends. */
static Instant
first_due(const LotPiece *pieces, int npieces, Instant now)
{
	Instant		due = INSTANT_NEVER;
	int			i;

	for (i = 0; i < npieces; i++)
		due = Min(due, pieces[i].from > now ? pieces[i].from : pieces[i].to);
	return due;
}

/* Ids of the pages that are in memory, for queries to leave out. */
static Datum
taken_page_nos(const AccountPaged *pages)
{
	Datum	   *ids = palloc(sizeof(Datum) * Max(1, pages->ntaken));
	int			i;

	for (i = 0; i < pages->ntaken; i++)
		ids[i] = Int64GetDatum(pages->taken[i].page_no);
	return PointerGetDatum(construct_array(ids, pages->ntaken, INT8OID, sizeof(int64),
										   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/*
 * Runs a query over the account's pages that are not in memory: $1 the member,
 * $2 the taken pages, $3 an instant; %s is the program's schema.
 */
static void
query_pages(Ledger *ledger, AccountState *account, const char *what, const char *tail,
			Instant instant)
{
	Program    *program = ledger->program;
	Oid			types[3] = {program->ref.member_type, INT8ARRAYOID, TIMESTAMPTZOID};
	Datum		values[3];

	values[0] = account->member;
	values[1] = taken_page_nos(account->paged);
	values[2] = TimestampTzGetDatum(instant);
	if (SPI_execute_with_args(psprintf("SELECT %s FROM %s.account_page"
									   " WHERE member_id OPERATOR(pg_catalog.=) $1"
									   " AND page_no OPERATOR(pg_catalog.<>) ALL ($2) %s",
									   what, quote_identifier(program->ref.name), tail),
							  3, types, values, NULL, ledger->dry, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read pages: %s", SPI_result_code_string(SPI_result));
}

/* Reads the bounds of the pages that are not in memory. */
static void
refresh_bounds(Ledger *ledger, AccountState *account)
{
	AccountPaged *pages = account->paged;
	bool		isnull;
	Datum		value;

	SPI_connect();
	query_pages(ledger, account, "first_end",
				"AND $3 IS NOT NULL ORDER BY first_end LIMIT 1", 0);
	pages->summary.first_end = INSTANT_NEVER;
	if (SPI_processed > 0)
	{
		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
		pages->summary.first_end = DatumGetTimestampTz(value);
	}
	query_pages(ledger, account, "next_due",
				"AND $3 IS NOT NULL ORDER BY next_due LIMIT 1", 0);
	pages->summary.next_due = INSTANT_NEVER;
	if (SPI_processed > 0)
	{
		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
		pages->summary.next_due = DatumGetTimestampTz(value);
	}
	SPI_finish();
}

/* Brings in the pages that a condition selects; true if there were any. */
static bool
bring_in(Ledger *ledger, AccountState *account, const char *condition, Instant instant)
{
	AccountPaged *pages = account->paged;
	Account    *core = &account->core;
	MemoryContext context = CurrentMemoryContext;
	LotPiece   *merged;
	uint64		i;
	bool		any;

	SPI_connect();
	query_pages(ledger, account, "first_end, page_no, lots, next_due", condition, instant);
	any = SPI_processed > 0;
	MemoryContextSwitchTo(context);
	for (i = 0; i < SPI_processed; i++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;
		PageId		id;
		Lots		lots;
		Instant		next_due;

		id.first_end = DatumGetTimestampTz(SPI_getbinval(tuple, desc, 1, &isnull));
		id.page_no = DatumGetInt64(SPI_getbinval(tuple, desc, 2, &isnull));
		lots = DatumGetLotsP(SPI_getbinval(tuple, desc, 3, &isnull));
		next_due = DatumGetTimestampTz(SPI_getbinval(tuple, desc, 4, &isnull));
		pages->taken = pages->taken ?
			repalloc_huge(pages->taken, sizeof(PageId) * (pages->ntaken + 1)) :
			palloc(sizeof(PageId));
		pages->taken[pages->ntaken++] = id;
		pages->summary.npages--;

		count_lots(pages, LOTS_PIECES(lots), LOTS_COUNT(lots), next_due, -1);
		merged = MemoryContextAllocHuge(context, sizeof(LotPiece) *
										(core->npieces + LOTS_COUNT(lots) + 8));
		core_check(lots_add(core->pieces, core->npieces, LOTS_PIECES(lots),
							LOTS_COUNT(lots), merged, &core->npieces));
		core->capacity = core->npieces + 8;
		pfree(core->pieces);
		core->pieces = merged;
	}
	SPI_finish();
	if (any)
		refresh_bounds(ledger, account);
	return any;
}

/* see pages.h */
void
pages_bring_in_due(Ledger *ledger, AccountState *account, TimestampTz now)
{
	if (account->paged && account->paged->summary.next_due <= now)
		bring_in(ledger, account, "AND next_due OPERATOR(pg_catalog.<=) $3", now);
}

/* see pages.h */
void
pages_bring_in_end(Ledger *ledger, AccountState *account, Instant end)
{
	if (account->paged && account->paged->summary.first_end <= end)
		bring_in(ledger, account,
				 "AND first_end OPERATOR(pg_catalog.<=) $3"
				 " AND last_end OPERATOR(pg_catalog.>=) $3", end);
}

/* see pages.h */
void
pages_bring_in_all(Ledger *ledger, AccountState *account)
{
	if (account->paged && account->paged->summary.npages > 0)
		bring_in(ledger, account, "AND $3 IS NOT NULL", 0);
}

/* see pages.h */
void
pages_bring_in_for(Ledger *ledger, AccountState *account, int32 unit_no, Points points)
{
	while (account->paged && account->paged->summary.npages > 0)
	{
		Points		near_end = 0;
		int			i;

		/* lots that end before any in a page, or with the first of them */
		for (i = 0; i < account->core.npieces; i++)
		{
			LotPiece   *piece = &account->core.pieces[i];

			if (piece->unit == unit_no && piece->from <= account->now && piece->points > 0 &&
				piece->to < account->paged->summary.first_end)
				core_check(points_add(near_end, piece->points, &near_end) ?
						   CORE_OK : CORE_RANGE);
		}
		if (near_end >= points)
			break;
		if (!bring_in(ledger, account,
					  "AND $3 IS NOT NULL ORDER BY first_end, page_no LIMIT 1", 0))
			break;
	}
}

/* see pages.h */
void
pages_add_balance(const AccountState *account, int32 unit_no, Points *available,
				  Points *pending)
{
	int			i;

	for (i = 0; account->paged && i < account->paged->summary.nunits; i++)
	{
		PagedUnit  *unit = &account->paged->units[i];

		if (unit->unit != unit_no)
			continue;
		core_check(points_add(*available, unit->active, available) &&
				   points_add(*pending, unit->pending, pending) ? CORE_OK : CORE_RANGE);
	}
}

/* Deletes the pages whose lots have come in. */
static void
drop_taken(Ledger *ledger, AccountState *account)
{
	AccountPaged *pages = account->paged;
	Oid			types[3] = {ledger->program->ref.member_type, TIMESTAMPTZOID, INT8OID};
	Datum		values[3];
	int			i;

	SPI_connect();
	for (i = 0; i < pages->ntaken; i++)
	{
		values[0] = account->member;
		values[1] = TimestampTzGetDatum(pages->taken[i].first_end);
		values[2] = Int64GetDatum(pages->taken[i].page_no);
		plan_execute(ledger->program, &drop_plan,
					 "DELETE FROM %s.account_page"
					 " WHERE member_id OPERATOR(pg_catalog.=) $1"
					 " AND first_end OPERATOR(pg_catalog.=) $2"
					 " AND page_no OPERATOR(pg_catalog.=) $3",
					 3, types, values, false, SPI_OK_DELETE);
	}
	SPI_finish();
	pages->ntaken = 0;
}

/* Writes lots as a new page. */
static void
write_page(Ledger *ledger, AccountState *account, const LotPiece *pieces, int npieces)
{
	AccountPaged *pages = account->paged;
	Instant		due = first_due(pieces, npieces, account->now);
	Oid			types[6] = {ledger->program->ref.member_type, TIMESTAMPTZOID, INT8OID,
	TIMESTAMPTZOID, TIMESTAMPTZOID, InvalidOid};
	Datum		values[6];

	/* pieces stand latest end first */
	values[0] = account->member;
	values[1] = TimestampTzGetDatum(pieces[npieces - 1].to);
	values[2] = Int64GetDatum(++pages->summary.next_page_no);
	values[3] = TimestampTzGetDatum(pieces[0].to);
	values[4] = TimestampTzGetDatum(due);
	values[5] = PointerGetDatum(lots_make_packed(pieces, npieces));
	types[5] = ledger->program->lots_type;
	SPI_connect();
	plan_execute(ledger->program, &write_plan,
				 "INSERT INTO %s.account_page"
				 " (member_id, first_end, page_no, last_end, next_due, lots)"
				 " VALUES ($1, $2, $3, $4, $5, $6)",
				 6, types, values, false, SPI_OK_INSERT);
	SPI_finish();
	count_lots(pages, pieces, npieces, due, 1);
	pages->summary.npages++;
	pages->summary.first_end = Min(pages->summary.first_end, pieces[npieces - 1].to);
	pages->summary.next_due = Min(pages->summary.next_due, due);
}

/* Whether a lot may go to a page: debt and what follows activity may not. */
static bool
may_be_paged(const LotPiece *piece)
{
	return piece->points > 0 && piece->to != INSTANT_ACTIVITY;
}

/* see pages.h */
void
pages_save(Ledger *ledger, AccountState *account)
{
	Account    *core = &account->core;

	if (account->paged && account->paged->ntaken > 0)
		drop_taken(ledger, account);
	while (core->npieces > PAGES_INLINE)
	{
		int			from;
		int			until;
		int			i;

		/* the last run of lots that may go, but for the near end of the queue */
		until = core->npieces - PAGES_TAIL;
		for (from = until; from > PAGES_HEAD && until - from < PAGES_INLINE - PAGES_TAIL - PAGES_HEAD &&
			 may_be_paged(&core->pieces[from - 1]); from--)
			 /* extend the run */ ;
		if (from == until)
			break;
		if (account->paged == NULL)
		{
			account->paged = palloc0(sizeof(AccountPaged));
			account->paged->units = palloc(sizeof(PagedUnit) * 2);
			account->paged->summary.first_end = INSTANT_NEVER;
			account->paged->summary.next_due = INSTANT_NEVER;
		}
		write_page(ledger, account, &core->pieces[from], until - from);
		for (i = until; i < core->npieces; i++)
			core->pieces[from + i - until] = core->pieces[i];
		core->npieces -= until - from;
	}
	if (account->paged && account->paged->summary.npages == 0)
		account->paged = NULL;

	/* a lot that waits to start is due only once it is in a page */
	if (account->paged)
		account->next_due = Min(account->next_due, account->paged->summary.next_due);
}
