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

/* a page, and the last end of any lot in it or in those before it */
typedef struct PageEntry
{
	PageId		id;
	Instant		last_end;
	Instant		reach;
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

/* Leaves out pages that have come in, and works out how far the others reach. */
static void
directory_tidy(PageDirectory *directory)
{
	Instant		reach = INSTANT_ALWAYS;
	int			n = 0;
	int			i;

	for (i = 0; i < directory->npages; i++)
	{
		if (directory->pages[i].taken)
			continue;
		reach = Max(reach, directory->pages[i].last_end);
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
				 "SELECT first_end, page_no, last_end FROM %s.account_page"
				 " WHERE member_id OPERATOR(pg_catalog.=) $1 ORDER BY first_end, page_no",
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
		entry->last_end = DatumGetTimestampTz(SPI_getbinval(tuple, desc, 3, &isnull));
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
	Oid			types[3] = {ledger->program->ref.member_type, TIMESTAMPTZOID, INT8OID};
	Datum		values[3];
	TupleDesc	desc;
	HeapTuple	tuple;
	Lots		lots;
	bool		isnull;
	int			i;

	values[0] = account->member;
	values[1] = TimestampTzGetDatum(id.first_end);
	values[2] = Int64GetDatum(id.page_no);
	SPI_connect();
	plan_execute(ledger->program, &page_plan,
				 "SELECT lots, next_due FROM %s.account_page"
				 " WHERE member_id OPERATOR(pg_catalog.=) $1"
				 " AND first_end OPERATOR(pg_catalog.=) $2"
				 " AND page_no OPERATOR(pg_catalog.=) $3",
				 3, types, values, ledger->dry, SPI_OK_SELECT);
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
directory_bring_in(Ledger *ledger, AccountState *account, Instant end)
{
	PageDirectory *directory = account->paged->directory;
	int			low = 0;
	int			high = directory->npages;
	int			i;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (directory->pages[middle].id.first_end <= end)
			low = middle + 1;
		else
			high = middle;
	}
	for (i = low - 1; i >= 0 && directory->pages[i].reach >= end; i--)
	{
		directory->nseen++;
		if (directory->pages[i].taken || directory->pages[i].last_end < end)
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
