/*-------------------------------------------------------------------------
 *
 * ledger.h
 *	  The program's tables, open for one batch: accounts locked, read and
 *	  saved, ledger lines and postings written.
 *
 * This is the only place that writes entries and the only one that locks and
 * saves accounts.  All of it runs with the rights of the program's owner.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_LEDGER_H
#define LOYALTY_LEDGER_H

#include "access/genam.h"
#include "nodes/execnodes.h"
#include "storage/itemptr.h"

#include "engine/program.h"
#include "types/lines.h"

/* account.status */
#define ACCOUNT_ACTIVE	0
#define ACCOUNT_BLOCKED 1
#define ACCOUNT_CLOSED	2

/*
 * What an account remembers besides its lots: for a rule with a member cap the
 * latest calendar span and the points used in it (key = rule_no), for a unit
 * whose lots follow activity the last activity (key = -unit_no).
 */
typedef struct UsageItem
{
	int32		key;
	int32		reserved;
	Instant		at;				/* start of the span; the last activity */
	Points		used;
} UsageItem;

/* a member's account in memory */
typedef struct AccountState
{
	Account		core;			/* lots and activity; must be first */
	Datum		member;
	bool		locked;
	bool		wakes;			/* is due when points become available, for
								 * rewards that go by themselves */
	bool		woken;			/* and something was due when it was read */
	ItemPointerData tid;
	int64		last_entry;
	TimestampTz last_at;
	TimestampTz next_due;
	TimestampTz joined_at;
	int64		purchases;
	Points		spend;
	TimestampTz first_purchase_at;	/* 0 with has_purchase false */
	TimestampTz last_purchase_at;
	bool		has_purchase;
	int16		status;
	char	   *zone_name;		/* the member's own, else NULL */
	Zone		zone;			/* that, else the program's */
	UsageItem  *usage;
	int			nusage;
	int			usage_capacity;
	bool		dirty;
	bool		due_unknown;	/* next_due is only a lower bound by now */
	TimestampTz now;			/* the instant it has been advanced to */
	struct AccountPaged *paged; /* NULL unless lots live in pages, see pages.c */
	struct AccountTiers *tiers; /* NULL unless the program has any, see tiers.h */
	struct HTAB *lapses;		/* NULL: not read, see lapses.c */
} AccountState;

/* a lot that points have lapsed in, less what was excused already */
typedef struct LapsedLot
{
	int32		unit;
	int32		reserved;
	Instant		from;
	Instant		to;
	Points		points;
	Points		excused;
} LapsedLot;

/* one line of the ledger, before it is written */
typedef struct EntryLine
{
	Movement	movement;
	int32		rule_no;		/* 0: none */
	int32		source_no;		/* 0: none */
	int32		config_version; /* 0: none */
	int64		operation_no;	/* 0: none */
	Datum		event_key;		/* text, 0: none */
	TimestampTz posted_at;		/* of a line that was read; the account's now
								 * of one to be written */
} EntryLine;

typedef void (*LineObserver) (void *arg, AccountState *account, const EntryLine *line,
							  int64 entry_no);

/* posting.flags */
#define POSTING_BLOCKED	0x01	/* judged while the member was blocked */
#define POSTING_COUNTS	0x02	/* counts in member.purchases and member.spend */
#define POSTING_EXISTS	0x4000	/* in memory only: the row exists */

/* what a rule wanted and got when room was short */
typedef struct ShortItem
{
	int32		rule_no;
	int32		reserved;
	Frac		want;
	Frac		got;
} ShortItem;

/* one row of a source's posting table */
typedef struct Posting
{
	ItemPointerData tid;
	Datum		member;
	TimestampTz occurred_at;
	int64		first_entry;	/* of the first block of lines, if it is one row
								 * of the journal, else 0 */
	int			entries;		/* lines in that block */
	Points		amount;			/* what it adds to member.spend */
	int32		config_version;
	int16		flags;
	int			nlater;			/* other blocks: pairs (first, last) */
	int64	   *later;
	int			nshort;
	ShortItem  *shorts;
	struct varlena *facts;		/* jsonb, NULL: none */
} Posting;

#define WRITER_BUFFER 500

/* one open table */
typedef struct TableWriter
{
	Relation	rel;
	Oid			relid;
	TupleDesc	desc;			/* of slots */
	MemoryContext context;		/* where all this is */
	ResultRelInfo *info;
	Oid		   *indices;		/* NULL: not known yet */
	bool		indices_open;
	TupleTableSlot *slot;
	bool		plain;			/* no row triggers: written directly */
	TupleTableSlot **buffer;	/* new rows waiting to be written */
	int			nbuffered;
	int			nslots;			/* slots that have been made */
	int			capacity;
} TableWriter;

/* most lines that one row of the journal holds, and most bytes they have */
#define JOURNAL_LINES_MAX	64
#define JOURNAL_BYTES_MAX	1400

/*
 * A row of the journal that is being filled: lines of one member that have
 * everything but themselves in common.
 */
typedef struct JournalRow
{
	int			nlines;			/* 0: there is none */
	int64		first_entry;
	Datum		member;			/* this and the key in memory of our own */
	Datum		event_key;
	char	   *member_bytes;
	char	   *key_bytes;
	Size		member_capacity;
	Size		key_capacity;
	TimestampTz posted_at;
	int32		source_no;
	int32		config_version;
	int64		operation_no;
	LinesCursor cursor;
	Size		size;			/* of the value in bytes */
	struct varlena *lines;		/* with room for JOURNAL_BYTES_MAX */
} JournalRow;

typedef struct Ledger
{
	Program    *program;
	SourceConfig *source;		/* whose posting table is open, or NULL */
	bool		dry;			/* nothing is locked or written */
	bool		history;		/* of a backfill: tiers stay where its rows are */
	MemoryContext context;
	struct KeptLedger *kept;	/* NULL: there is nothing to keep, see kept.h */
	EState	   *estate;
	bool		fires_triggers;
	Snapshot	snapshot;
	TableWriter account;
	TableWriter journal;
	TableWriter posting;
	TableWriter usage;			/* opened when it is needed */
	TableWriter operation;		/* see ledger_add_operations */
	TableWriter tier_change;	/* see ledger_add_tiers */
	JournalRow	row;
	Relation	account_pk;
	Relation	posting_pk;
	IndexScanDesc account_scan;
	IndexScanDesc posting_scan;
	ScanKeyData *account_key;
	ScanKeyData *posting_keys;
	bool		account_moved;	/* the account locked last had changed since the
								 * snapshot */
	RightsSave	rights;
	LineObserver observe;
	void	   *observe_arg;
	int64		operation_no;	/* of every line, 0: none */
	bool		stock_locked;	/* by auto_redeem */
	List	   *top_ups;		/* members whose tiers a late row has raised */
	MemoryContext top_up_context;	/* in which they live */
} Ledger;

/* an error unless the program's tables are as this library expects them */
extern void ledger_check_layout(Program *program);

/*
 * Opens the tables, as the program's owner until ledger_close.  source may be
 * NULL.  A dry ledger takes no locks and throws its lines away after showing
 * them to observe.
 */
extern Ledger *ledger_open(Program *program, SourceConfig *source, bool dry);
extern void ledger_close(Ledger *ledger);


/* Open that table in a ledger that was opened for something else. */
extern void ledger_add_operations(Ledger *ledger);
extern void ledger_add_tiers(Ledger *ledger);

/* Writes what waits and makes it visible to what follows. */
extern void ledger_flush(Ledger *ledger);

/* Sees what has been committed, and written by this transaction, since. */
extern void ledger_refresh(Ledger *ledger);

/*
 * Makes the accounts of members (sorted, distinct) that have none; joined_at
 * gives their instants.  To be called before any account is locked: waiting
 * for somebody who enrols the same members must not hold up others.
 */
extern void ledger_enrol(Ledger *ledger, Datum *members, TimestampTz *joined_at,
						 int nmembers);

/* Locks the accounts of members (sorted, distinct); missing ones are left out. */
extern void ledger_lock_accounts(Ledger *ledger, Datum *members, int nmembers);

/*
 * The account of a member, locked unless the ledger is dry, advanced to now.
 * NULL if there is none.  Allocated in the current memory context.
 */
extern AccountState *ledger_account(Ledger *ledger, Datum member);

/* The same without a lock and not advanced: for readers. */
extern AccountState *ledger_read_account(Ledger *ledger, Datum member);

/* An account that does not exist yet, for dry ledgers. */
extern AccountState *ledger_blank_account(Ledger *ledger, Datum member,
										  TimestampTz joined_at);

/* Books what falls due after since, up to an instant. */
extern void account_book(Ledger *ledger, AccountState *account, TimestampTz since,
						 TimestampTz until);

/* Books what is due up to now. */
extern void account_bring_to(Ledger *ledger, AccountState *account, TimestampTz now);

/* Works out anew when something falls due next. */
extern void account_find_due(AccountState *account);

/*
 * The same after points were taken, or given with next_due lowered already: if
 * it means to go through all lots of a big account, only when that is saved.
 */
extern void account_find_due_later(AccountState *account);

/* Points were given in a lot: nothing about it is due before next_due. */
extern void account_lower_due(AccountState *account, int32 unit_no, Instant from, Instant to);

/* Writes the account back if it changed. */
extern void ledger_save_account(Ledger *ledger, AccountState *account);

/*
 * Appends one line to the ledger and returns its number.  The account's lots
 * must have been moved already (by the core, which told the movement).
 */
extern int64 ledger_append(Ledger *ledger, AccountState *account, const EntryLine *line);

/*
 * Has the next line begin a row of the journal.  The first line of a block that
 * a posting names does, so that it is found at once, and no row holds lines of
 * two events.
 */
extern void ledger_next_row(Ledger *ledger);

/* Whether the lines from first to last, those written last, are one row so far. */
extern bool ledger_is_row(const Ledger *ledger, int64 first, int64 last);

/* A MovementSink for lines that belong to no event; arg is a LedgerSink. */
typedef struct LedgerSink
{
	Ledger	   *ledger;
	AccountState *account;
	EntryLine	line;			/* what the lines have in common */
	int64		first;			/* number of the first line written, 0: none */
	int64		last;
} LedgerSink;

extern void ledger_sink(void *arg, const Movement *movement);

/* Postings, by key.  Found ones are allocated in the current context. */
extern bool ledger_find_posting(Ledger *ledger, const Datum *key, Posting *posting);
/* The same from the columns behind the key, see layout.h; tid is not set. */
extern void posting_from_columns(const Program *program, const Datum *values,
								 const bool *isnull, Posting *posting);
extern void ledger_insert_posting(Ledger *ledger, const Datum *key, const Posting *posting);
extern void ledger_update_posting(Ledger *ledger, const Datum *key, const Posting *posting);
extern void ledger_delete_posting(Ledger *ledger, const Posting *posting);

/* The greatest key of a one-column posting table; false if there is none. */
extern bool ledger_greatest_key(Ledger *ledger, Datum *key);

/*
 * Calls back with every line of a member's ledger from first to last.  Lines
 * still waiting to be written are not seen: flush first.  The line lives for
 * the call.
 */
typedef void (*EntryReader) (void *arg, int64 entry_no, const EntryLine *line);
extern void ledger_read_entries(Ledger *ledger, Datum member, int64 first, int64 last,
								EntryReader reader, void *arg);

/*
 * What has lapsed in a lot of the account, or was excused of it: NULL if nothing
 * has.  The first call reads the member's ledger; lines to come are followed.
 */
extern const LapsedLot *account_lapsed_lot(Ledger *ledger, AccountState *account, int32 unit,
										   Instant from, Instant to);
extern void lapses_follow(struct HTAB *lapses, const Movement *movement, int64 operation_no);

/* What account.holds says; NULL if it is empty.  Allocated in the current context. */
extern HeldPiece *holds_unpack(Datum holds, int *count);

/*
 * Inserts a row of cap_usage.  Who reads or updates that table by queries
 * flushes the writer before.
 */
extern void ledger_insert_usage(Ledger *ledger, Datum member, int32 rule_no,
								TimestampTz span_start, Points used);

/* usage of an account */
extern UsageItem *account_usage(AccountState *account, int32 key, bool create);

/* equality function of a type, for index scans */
extern RegProcedure equality_function(Oid type);

/* reports a CoreResult that is not CORE_OK: points out of range */
extern void core_check(CoreResult result);

#endif							/* LOYALTY_LEDGER_H */
