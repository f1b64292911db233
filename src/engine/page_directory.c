/*-------------------------------------------------------------------------
 *
 * page_directory.c
 *	  Where the lots of a big account are, for a statement that moves many.
 *
 * One that takes back what an account had earned in thousands of events needs
 * the lots of thousands of ends.  The bounds of all pages are read once, and
 * each page comes in when one of its lots is asked for.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "engine/pages.h"
#include "engine/plan.h"
#include "types/lots.h"

/* one page in so many asked for: it is cheaper to have all */
#define MANY_PAGES 16

/* where a lot stands in the order of pages: by its end, if it never ends by its start */
typedef struct Position
{
	Instant		end;
	Instant		from;
} Position;

/* a page, and the last position in it and in any of those up to it */
typedef struct PageEntry
{
	PageId		id;
	Position	last;
	Position	reach;
	bool		taken;
} PageEntry;

typedef struct PageDirectory
{
	int			npages;
	int			nall;			/* as it was read */
	int			ntaken;
	int			nseen;			/* since the last time that taken ones were left out */
	PageEntry	pages[FLEXIBLE_ARRAY_MEMBER];	/* in the order of first_end */
} PageDirectory;

/* see plan_execute */
static const char directory_plan = 0;
static const char page_plan = 0;

/* Does a position come before another? */
static bool
comes_before(Position a, Position b)
{
	if (a.end != b.end)
		return a.end < b.end;
	return a.end == INSTANT_NEVER && a.from < b.from;
}

/* Leaves out pages that have come in, and works out how far the others reach. */
static void
directory_tidy(PageDirectory *directory)
{
	Position	reach = {INSTANT_ALWAYS, INSTANT_ALWAYS};
	int			n = 0;
	int			i;

	for (i = 0; i < directory->npages; i++)
	{
		if (directory->pages[i].taken)
			continue;
		if (comes_before(reach, directory->pages[i].last))
			reach = directory->pages[i].last;
		directory->pages[n] = directory->pages[i];
		directory->pages[n++].reach = reach;
	}
	directory->npages = n;
	directory->nseen = 0;
}

/* see pages.h */
PageDirectory *
directory_read(Ledger *ledger, AccountState *account)
{
	AccountPaged *pages = account->paged;
	Oid			type = ledger->program->ref.member_type;
	PageDirectory *directory;
	int			n = 0;
	uint64		i;

	SPI_connect();
	plan_execute(ledger->program, &directory_plan,
				 "SELECT first_end, page_no, last_end, first_from FROM %s.account_page"
				 " WHERE member_id OPERATOR(pg_catalog.=) $1"
				 " ORDER BY first_end, first_from, page_no",
				 1, &type, &account->member, ledger->dry, SPI_OK_SELECT);
	directory = MemoryContextAllocHuge(GetMemoryChunkContext(pages),
									   offsetof(PageDirectory, pages) +
									   sizeof(PageEntry) * SPI_processed);
	for (i = 0; i < SPI_processed; i++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		PageEntry  *entry = &directory->pages[n++];
		bool		isnull;
		int			k;

		entry->id.first_end = DatumGetTimestampTz(SPI_getbinval(tuple, desc, 1, &isnull));
		entry->id.page_no = DatumGetInt64(SPI_getbinval(tuple, desc, 2, &isnull));
		entry->last.end = DatumGetTimestampTz(SPI_getbinval(tuple, desc, 3, &isnull));
		entry->id.first_from = DatumGetTimestampTz(SPI_getbinval(tuple, desc, 4, &isnull));
		entry->last.from = pages->summary.span == PG_INT32_MAX ||
			entry->id.first_from == INSTANT_ALWAYS ? INSTANT_NEVER :
			entry->id.first_from + pages->summary.span * USECS_PER_SEC;
		entry->taken = false;
		for (k = 0; k < pages->ntaken && !entry->taken; k++)
			entry->taken = pages->taken[k].page_no == entry->id.page_no;
	}
	SPI_finish();
	directory->npages = directory->nall = n;
	directory->ntaken = 0;
	directory_tidy(directory);
	return directory;
}

/* Brings in one page. */
static void
bring_in_page(Ledger *ledger, AccountState *account, PageId id)
{
	Oid			types[4] = {ledger->program->ref.member_type, TIMESTAMPTZOID, INT8OID,
	TIMESTAMPTZOID};
	Datum		values[4];
	TupleDesc	desc;
	HeapTuple	tuple;
	Lots		lots;
	bool		isnull;
	int			i;

	values[0] = account->member;
	values[1] = TimestampTzGetDatum(id.first_end);
	values[2] = Int64GetDatum(id.page_no);
	values[3] = TimestampTzGetDatum(id.first_from);
	SPI_connect();
	plan_execute(ledger->program, &page_plan,
				 "SELECT lots, next_due FROM %s.account_page"
				 " WHERE member_id OPERATOR(pg_catalog.=) $1"
				 " AND first_end OPERATOR(pg_catalog.=) $2"
				 " AND first_from OPERATOR(pg_catalog.=) $4"
				 " AND page_no OPERATOR(pg_catalog.=) $3",
				 4, types, values, ledger->dry, SPI_OK_SELECT);
	if (SPI_processed != 1)
		elog(ERROR, "page " INT64_FORMAT " of an account is gone", id.page_no);
	tuple = SPI_tuptable->vals[0];
	desc = SPI_tuptable->tupdesc;
	lots = DatumGetLotsP(SPI_getbinval(tuple, desc, 1, &isnull));
	pages_take(account, id, LOTS_PIECES(lots), LOTS_COUNT(lots),
			   DatumGetTimestampTz(SPI_getbinval(tuple, desc, 2, &isnull)));
	for (i = 0; i < LOTS_COUNT(lots); i++)
	{
		LotPiece   *piece = &LOTS_PIECES(lots)[i];

		core_check(account_add_piece(&account->core, piece->unit, piece->points, piece->from,
									 piece->to));
	}
	SPI_finish();
}

/* see pages.h */
void
directory_bring_in(Ledger *ledger, AccountState *account, Instant from, Instant to)
{
	PageDirectory *directory = account->paged->directory;
	Position	lot = {to, from};
	int			low = 0;
	int			high = directory->npages;
	int			i;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		Position	first = {directory->pages[middle].id.first_end,
		directory->pages[middle].id.first_from};

		if (!comes_before(lot, first))
			low = middle + 1;
		else
			high = middle;
	}
	for (i = low - 1; i >= 0 && !comes_before(directory->pages[i].reach, lot); i--)
	{
		directory->nseen++;
		if (directory->pages[i].taken || comes_before(directory->pages[i].last, lot))
			continue;
		bring_in_page(ledger, account, directory->pages[i].id);
		directory->pages[i].taken = true;
		directory->ntaken++;
	}
	if (directory->ntaken > directory->nall / MANY_PAGES)
	{
		pages_bring_in_all(ledger, account);
		return;
	}
	if (directory->nseen > directory->npages)
		directory_tidy(directory);
}
