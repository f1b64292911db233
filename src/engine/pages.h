/*-------------------------------------------------------------------------
 *
 * pages.h
 *	  Lots of a big account, beyond what fits its row.
 *
 * An account's open lots are a queue: what is earned comes in at the far end,
 * what is spent or expires leaves at the near end.  A row keeps both ends;
 * what lies between them goes to rows of account_page, a page at a time, and
 * comes back when the near end is used up or something in it falls due.  The
 * account's row knows the pages' totals, so that its balance needs none of
 * them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_PAGES_H
#define LOYALTY_PAGES_H

#include "engine/ledger.h"

/* what the pages hold of one unit, as of the account's last instant */
typedef struct PagedUnit
{
	int32		unit;
	int32		reserved;
	Points		active;
	Points		pending;
} PagedUnit;

/* what the account's row knows of its pages; account.paged holds it as it is */
typedef struct PagedSummary
{
	Instant		first_end;		/* the earliest end of any lot in a page */
	Instant		first_from;		/* if that is never, their earliest start */
	Instant		next_due;		/* the first start or end yet to come */
	int64		npages;
	int64		next_page_no;
	int32		nunits;
	int32		span;			/* seconds from the first end of a page to its
								 * last, or if it never ends from the first
								 * start, at most */
} PagedSummary;

typedef struct PageId
{
	Instant		first_end;
	Instant		first_from;
	int64		page_no;
} PageId;

typedef struct AccountPaged
{
	PagedSummary summary;
	PagedUnit  *units;
	PageId	   *taken;			/* pages whose lots are in memory now */
	int			ntaken;
	int			taken_capacity;
	bool		bounds_unknown; /* of the summary: nothing is before them */
	int			nlooks;			/* for lots of one end */
	struct PageDirectory *directory;	/* NULL: not read, see page_directory.c */
} AccountPaged;

/* Reads what an account's row says of its pages. */
extern void pages_attach(AccountState *account, Datum paged);

/* Brings in what starts or ends up to now. */
extern void pages_bring_in_due(Ledger *ledger, AccountState *account, TimestampTz now);

/*
 * Brings in the lots of a range.  Who does it often has the bounds
 * of all pages read, once.
 */
extern void pages_bring_in_lot(Ledger *ledger, AccountState *account, Instant from,
							   Instant to);

/* Brings in as much of the near end as spending an amount may need. */
extern void pages_bring_in_for(Ledger *ledger, AccountState *account, int32 unit_no,
							   Points points);

/* Brings in everything. */
extern void pages_bring_in_all(Ledger *ledger, AccountState *account);

/* Adds what pages hold to a balance of the lots in memory. */
extern void pages_add_balance(const AccountState *account, int32 unit_no,
							  Points *available, Points *pending);

/* Sends to pages what does not fit the row, and drops pages that came in. */
extern void pages_save(Ledger *ledger, AccountState *account);

/* The value for account.paged, after pages_save. */
extern Datum pages_to_datum(const AccountState *account);

/* -------- shared by pages.c and page_directory.c -------- */

/* Takes the lots of a page that was read out of the summary, to add them. */
extern void pages_take(AccountState *account, PageId id, LotPiece *lots, int nlots,
					   Instant next_due);

/* Reads the bounds of the pages that are not in memory. */
extern struct PageDirectory *directory_read(Ledger *ledger, AccountState *account);
/* Brings in those that may have lots of a range. */
extern void directory_bring_in(Ledger *ledger, AccountState *account, Instant from,
							   Instant to);

#endif							/* LOYALTY_PAGES_H */
