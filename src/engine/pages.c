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
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "engine/arrays.h"
#include "engine/pages.h"
#include "engine/plan.h"
#include "types/lots.h"

/*
 * A row keeps up to PAGES_INLINE lots, about 600 bytes; beyond that all but
 * the ends of the queue go to a page.
 */
#ifndef PAGES_INLINE
#define PAGES_INLINE	48
#define PAGES_HEAD		8
#define PAGES_TAIL		8
#endif

/* for so many ends, or more if there are thousands of pages, they are looked for one by one */
#ifndef LOOKS_MAX
#define LOOKS_MAX		16
#endif

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

/* which of the pages that are not in memory a query is about */
typedef enum Which
{
	WHICH_FIRST_END,			/* the bounds of all */
	WHICH_NEXT_DUE,
	WHICH_DUE,					/* what starts or ends by an instant */
	WHICH_LOT,					/* what may hold lots of a range */
	WHICH_FIRST,				/* the one that ends first */
	WHICH_ALL
} Which;

#define NOT_TAKEN \
	" FROM %s.account_page WHERE member_id OPERATOR(pg_catalog.=) $1" \
	" AND page_no OPERATOR(pg_catalog.<>) ALL ($2)"
#define TAKE \
	"SELECT first_end, page_no, lots, next_due, first_from" NOT_TAKEN

/*
 * $1 the member, $2 the pages in memory, $3 an instant, $4 one as long before as
 * a page spans, $5 and $6 the same of starts
 */
static const char *const which_text[] = {
	"SELECT first_end, first_from" NOT_TAKEN " AND $3 IS NOT NULL"
	" ORDER BY first_end, first_from LIMIT 1",
	"SELECT next_due" NOT_TAKEN " AND $3 IS NOT NULL ORDER BY next_due LIMIT 1",
	TAKE " AND next_due OPERATOR(pg_catalog.<=) $3",
	TAKE " AND first_end OPERATOR(pg_catalog.<=) $3 AND first_end OPERATOR(pg_catalog.>=) $4"
	" AND last_end OPERATOR(pg_catalog.>=) $3"
	" AND first_from OPERATOR(pg_catalog.<=) $5 AND first_from OPERATOR(pg_catalog.>=) $6",
	TAKE " AND $3 IS NOT NULL ORDER BY first_end, first_from, page_no LIMIT 1",
	TAKE " AND $3 IS NOT NULL"
};

/* see plan_execute */
static const char which_plans[lengthof(which_text)] = {0};

/* As long before an instant as a page spans. */
static Instant
span_before(const AccountState *account, Instant instant)
{
	int32		span = account->paged->summary.span;

	if (instant == INSTANT_ALWAYS || instant >= INSTANT_ACTIVITY)
		return instant;
	return span == PG_INT32_MAX ? INSTANT_ALWAYS : instant - span * USECS_PER_SEC;
}

/* Reads from the account's pages that are not in memory. */
static void
query_pages(Ledger *ledger, AccountState *account, Which which, Instant from, Instant instant)
{
	Program    *program = ledger->program;
	Oid			types[6] = {program->ref.member_type, INT8ARRAYOID, TIMESTAMPTZOID,
	TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[6];
	bool		never_ends = which == WHICH_LOT && instant == INSTANT_NEVER;
	int			guc_level;

	values[0] = account->member;
	values[1] = taken_page_nos(account->paged);
	values[2] = TimestampTzGetDatum(instant);
	values[3] = TimestampTzGetDatum(span_before(account, instant));
	values[4] = TimestampTzGetDatum(never_ends ? from : INSTANT_NEVER);
	values[5] = TimestampTzGetDatum(never_ends ? span_before(account, from) : INSTANT_ALWAYS);

	/* the plan is made when there are few pages, perhaps, and kept when there are many */
	guc_level = NewGUCNestLevel();
	(void) set_config_option("enable_seqscan", "off", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	plan_execute(program, &which_plans[which], which_text[which], 6, types, values,
				 ledger->dry, SPI_OK_SELECT);
	AtEOXact_GUC(false, guc_level);
}

/* A bound of all pages that are not in memory: a column of what is read. */
static Instant
read_bound(Ledger *ledger, AccountState *account, Which which, int column)
{
	Instant		bound = INSTANT_NEVER;
	bool		isnull;

	if (account->paged->summary.npages == 0)
		return bound;
	query_pages(ledger, account, which, 0, 0);
	if (SPI_processed > 0)
		bound = DatumGetTimestampTz(SPI_getbinval(SPI_tuptable->vals[0],
												  SPI_tuptable->tupdesc, column, &isnull));
	return bound;
}

/* Reads the bounds of the pages that are not in memory, unless they are known. */
static void
know_bounds(Ledger *ledger, AccountState *account)
{
	AccountPaged *pages = account->paged;

	if (!pages->bounds_unknown)
		return;
	SPI_connect();
	pages->summary.first_end = read_bound(ledger, account, WHICH_FIRST_END, 1);
	pages->summary.first_from = read_bound(ledger, account, WHICH_FIRST_END, 2);
	pages->summary.next_due = read_bound(ledger, account, WHICH_NEXT_DUE, 1);
	SPI_finish();
	pages->bounds_unknown = false;
}

/* see pages.h */
void
pages_take(AccountState *account, PageId id, LotPiece *lots, int nlots, Instant next_due)
{
	AccountPaged *pages = account->paged;

	if (pages->ntaken == pages->taken_capacity)
		pages->taken = array_grow(GetMemoryChunkContext(pages), pages->taken, sizeof(PageId),
								  &pages->taken_capacity, 8);
	pages->taken[pages->ntaken++] = id;
	pages->summary.npages--;
	pages->bounds_unknown = account->due_unknown = true;
	count_lots(pages, lots, nlots, next_due, -1);
}

/* Brings in pages; true if there were any. */
static bool
bring_in(Ledger *ledger, AccountState *account, Which which, Instant from, Instant instant)
{
	LotPiece   *pieces = NULL;
	int			npieces = 0;
	int			capacity = 0;
	uint64		n;
	uint64		i;

	if (account->paged->directory)
	{
		pfree(account->paged->directory);
		account->paged->directory = NULL;
	}
	SPI_connect();
	query_pages(ledger, account, which, from, instant);
	n = SPI_processed;
	for (i = 0; i < n; i++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;
		PageId		id;
		Lots		lots;

		CHECK_FOR_INTERRUPTS();
		id.first_end = DatumGetTimestampTz(SPI_getbinval(tuple, desc, 1, &isnull));
		id.page_no = DatumGetInt64(SPI_getbinval(tuple, desc, 2, &isnull));
		id.first_from = DatumGetTimestampTz(SPI_getbinval(tuple, desc, 5, &isnull));
		lots = DatumGetLotsP(SPI_getbinval(tuple, desc, 3, &isnull));
		pages_take(account, id, LOTS_PIECES(lots), LOTS_COUNT(lots),
				   DatumGetTimestampTz(SPI_getbinval(tuple, desc, 4, &isnull)));
		if (npieces + LOTS_COUNT(lots) > capacity)
		{
			capacity = Max(capacity * 2, npieces + LOTS_COUNT(lots));
			pieces = pieces ? repalloc_huge(pieces, sizeof(LotPiece) * capacity) :
				MemoryContextAllocHuge(CurrentMemoryContext, sizeof(LotPiece) * capacity);
		}
		memcpy(pieces + npieces, LOTS_PIECES(lots), sizeof(LotPiece) * LOTS_COUNT(lots));
		npieces += LOTS_COUNT(lots);
		if ((Pointer) lots != DatumGetPointer(SPI_getbinval(tuple, desc, 3, &isnull)))
			pfree(lots);
	}
	if (npieces > 0)
		core_check(account_merge(&account->core, pieces, npieces));
	SPI_finish();
	return n > 0;
}

/* see pages.h */
void
pages_bring_in_due(Ledger *ledger, AccountState *account, TimestampTz now)
{
	if (account->paged && account->paged->summary.next_due <= now)
		bring_in(ledger, account, WHICH_DUE, 0, now);
}

/* see pages.h */
void
pages_bring_in_lot(Ledger *ledger, AccountState *account, Instant from, Instant to)
{
	AccountPaged *pages = account->paged;

	if (pages == NULL || pages->summary.npages == 0 || pages->summary.first_end > to)
		return;
	if (pages->directory == NULL && ++pages->nlooks > LOOKS_MAX + pages->summary.npages / 256)
		pages->directory = directory_read(ledger, account);
	if (pages->directory)
		directory_bring_in(ledger, account, from, to);
	else
		bring_in(ledger, account, WHICH_LOT, from, to);
}

/* see pages.h */
void
pages_bring_in_all(Ledger *ledger, AccountState *account)
{
	if (account->paged && account->paged->summary.npages > 0)
		bring_in(ledger, account, WHICH_ALL, 0, 0);
}

/* see pages.h */
void
pages_bring_in_for(Ledger *ledger, AccountState *account, int32 unit_no, Points points)
{
	while (account->paged && account->paged->summary.npages > 0)
	{
		Points		near_end = 0;
		int			i;

		know_bounds(ledger, account);
		core_check(account_settle(&account->core));

		/* lots that end before any in a page, or with the first of them */
		for (i = 0; i < account->core.npieces; i++)
		{
			LotPiece   *piece = &account->core.pieces[i];

			if (piece->unit == unit_no && piece->from <= account->now && piece->points > 0 &&
				(piece->to < account->paged->summary.first_end ||
				 (piece->to == INSTANT_NEVER &&
				  account->paged->summary.first_end == INSTANT_NEVER &&
				  piece->from < account->paged->summary.first_from)))
				core_check(points_add(near_end, piece->points, &near_end) ?
						   CORE_OK : CORE_RANGE);
		}
		if (near_end >= points)
			break;
		if (!bring_in(ledger, account, WHICH_FIRST, 0, 0))
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
	Oid			types[4] = {ledger->program->ref.member_type, TIMESTAMPTZOID, INT8OID,
	TIMESTAMPTZOID};
	Datum		values[4];
	int			i;

	SPI_connect();
	for (i = 0; i < pages->ntaken; i++)
	{
		values[0] = account->member;
		values[1] = TimestampTzGetDatum(pages->taken[i].first_end);
		values[2] = Int64GetDatum(pages->taken[i].page_no);
		values[3] = TimestampTzGetDatum(pages->taken[i].first_from);
		plan_execute(ledger->program, &drop_plan,
					 "DELETE FROM %s.account_page"
					 " WHERE member_id OPERATOR(pg_catalog.=) $1"
					 " AND first_end OPERATOR(pg_catalog.=) $2"
					 " AND first_from OPERATOR(pg_catalog.=) $4"
					 " AND page_no OPERATOR(pg_catalog.=) $3",
					 4, types, values, false, SPI_OK_DELETE);
	}
	SPI_finish();
	pages->ntaken = 0;
	pages->directory = NULL;
}

/*
 * Whole seconds between the ends of two lots, if both never end their starts,
 * rounded up; PG_INT32_MAX: too many.
 */
static int32
seconds_between(const LotPiece *near, const LotPiece *far)
{
	bool		never = near->to == INSTANT_NEVER;
	Instant		first = never ? near->from : near->to;
	Instant		last = never ? far->from : far->to;

	if (first == last)
		return 0;
	if ((!never && far->to == INSTANT_NEVER) || first == INSTANT_ALWAYS ||
		last / USECS_PER_SEC - first / USECS_PER_SEC >= PG_INT32_MAX - 2)
		return PG_INT32_MAX;
	return (int32) (last / USECS_PER_SEC - first / USECS_PER_SEC) + 2;
}

/*
 * Cuts a run of lots where it has its widest gap, if that is most of the time that
 * they span, and leaves the larger part: pages that span little are found by the
 * end of a lot.
 */
static void
narrow_run(const LotPiece *pieces, int *from, int *until)
{
	int			widest = *from;
	int32		gap = 0;
	int			i;

	for (i = *from + 1; i < *until; i++)
	{
		int32		here = seconds_between(&pieces[i], &pieces[i - 1]);

		if (here > gap)
		{
			gap = here;
			widest = i;
		}
	}
	if (gap <= seconds_between(&pieces[*until - 1], &pieces[*from]) / 2)
		return;
	if (widest - *from > *until - widest)
		*until = widest;
	else
		*from = widest;
}

/* Writes lots as a new page. */
static void
write_page(Ledger *ledger, AccountState *account, const LotPiece *pieces, int npieces)
{
	AccountPaged *pages = account->paged;
	Instant		due = first_due(pieces, npieces, account->now);
	const LotPiece *first = &pieces[npieces - 1];
	Instant		from = first->to == INSTANT_NEVER ? first->from : INSTANT_ALWAYS;
	Oid			types[7] = {ledger->program->ref.member_type, TIMESTAMPTZOID, INT8OID,
	TIMESTAMPTZOID, TIMESTAMPTZOID, InvalidOid, TIMESTAMPTZOID};
	Datum		values[7];

	/* pieces stand latest end first */
	values[0] = account->member;
	values[1] = TimestampTzGetDatum(pieces[npieces - 1].to);
	values[2] = Int64GetDatum(++pages->summary.next_page_no);
	values[3] = TimestampTzGetDatum(pieces[0].to);
	values[4] = TimestampTzGetDatum(due);
	values[5] = PointerGetDatum(lots_make_packed(pieces, npieces));
	values[6] = TimestampTzGetDatum(from);
	types[5] = ledger->program->lots_type;
	SPI_connect();
	plan_execute(ledger->program, &write_plan,
				 "INSERT INTO %s.account_page"
				 " (member_id, first_end, page_no, last_end, next_due, lots, first_from)"
				 " VALUES ($1, $2, $3, $4, $5, $6, $7)",
				 7, types, values, false, SPI_OK_INSERT);
	SPI_finish();
	count_lots(pages, pieces, npieces, due, 1);
	pages->summary.npages++;
	pages->summary.span = Max(pages->summary.span, seconds_between(&pieces[npieces - 1], pieces));
	if (first->to < pages->summary.first_end)
	{
		pages->summary.first_end = first->to;
		pages->summary.first_from = from;
	}
	else if (first->to == pages->summary.first_end)
		pages->summary.first_from = Min(pages->summary.first_from, from);
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

	core_check(account_settle(core));
	if (account->paged && account->paged->ntaken > 0)
		drop_taken(ledger, account);
	if (account->paged)
		know_bounds(ledger, account);
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
		narrow_run(core->pieces, &from, &until);
		if (account->paged == NULL)
		{
			account->paged = palloc0(sizeof(AccountPaged));
			account->paged->units = palloc(sizeof(PagedUnit) * 2);
			account->paged->summary.first_end = INSTANT_NEVER;
			account->paged->summary.first_from = INSTANT_NEVER;
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
