/*-------------------------------------------------------------------------
 *
 * operation.h
 *	  What somebody does to an account by calling a function: spending,
 *	  holding, adjusting, reversing.
 *
 * Each call that succeeds is a row of the table operation, whose number its
 * lines in the ledger carry.  Capturing or releasing a hold changes the row of
 * the hold instead, and makes one of its own only to remember a key.  A call with a key is done once: the same call
 * again returns the same row, another call with that key is refused.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_OPERATION_H
#define LOYALTY_OPERATION_H

#include "engine/ledger.h"
#include "types/refusal.h"

/* operation.status */
#define STATUS_DONE		"done"
#define STATUS_HELD		"held"
#define STATUS_CAPTURED	"captured"
#define STATUS_RELEASED	"released"

/* one call */
typedef struct Operation
{
	Program    *program;
	const char *kind;			/* operation.kind: the function's name */
	EntryKind	entry_kind;		/* of its lines */
	char	   *key;			/* NULL: none */
	char	   *reason;			/* NULL: none */
	int64		reverses;		/* number of the operation undone, 0: none */
	int64		concerns;		/* number of the operation acted upon, 0: none */
	int32		source_no;		/* source of the event that is paid, 0: none */
	char	   *event_key;		/* the event's key, NULL: none */
	bool		closes;			/* acts on a hold: lines carry the hold's number,
								 * which is also returned */
	int16		worst_status;	/* of a member who may: ACCOUNT_... */
	bool		keeps_request;	/* the request is stored even without a key */
	bool		no_points;		/* is about no unit: none is returned */
	bool		within;			/* part of a posting, which saves the account */
	StringInfoData request;		/* all arguments, as a JSON object */
	UnitConfig *unit;

	/* once begun */
	Ledger	   *ledger;			/* NULL: nothing is to be done */
	AccountState *account;
	bool		has_other;		/* a second account is moved: a transfer's */
	Datum		other_member;
	AccountState *other;
	int64		number;			/* of its row */

	/* what it does */
	Movement   *moves;			/* in order; tag MOVE_OTHER: of the other account */
	int			nmoves;
	int			capacity;
	int			nown;			/* of them, before what they made due; -1: not
								 * settled yet */
	int64		first_entry;	/* its lines are among these; 0: none */
	int64		last_entry;

	/* what its row says and it returns */
	const char *row_status;		/* STATUS_... */
	const char *status;			/* as returned */
	Points		points;
	Points		spent;
	char	   *code;			/* NULL: none */
	Instant		deadline;		/* of a hold; INSTANT_ALWAYS: none */
	Instant		valid_until;	/* end of points given; INSTANT_ALWAYS: none */
} Operation;

#define MOVE_OTHER	1

/* what the table says of one */
typedef struct OperationRow
{
	ItemPointerData tid;
	int64		number;
	Instant		performed_at;	/* of a hold: when it was made */
	char	   *kind;
	char	   *status;			/* STATUS_... */
	Datum		request;		/* jsonb; 0: none */
	Datum		member;			/* 0: of several members */
	int32		unit_no;
	Points		points;
	Points		spent;
	Points		returned;
	Instant		deadline;		/* INSTANT_ALWAYS: none */
	Instant		valid_until;	/* INSTANT_ALWAYS: none */
	int64		first_entry;	/* its lines are among these */
	int64		last_entry;
	int64		concerns;		/* 0: nothing */
	int32		source_no;		/* of the event it paid, 0: none */
	int64		reversed_by;	/* 0: nothing */
} OperationRow;

/* -------- operation_row.c: the table -------- */

extern bool operation_find(Program *program, int64 number, OperationRow *row);
extern bool operation_find_key(Program *program, const char *key, OperationRow *row);

/* What has become of an operation by an instant, in one word for people. */
extern const char *operation_present_status(const OperationRow *row, Instant now);

/* The next number. */
extern int64 operation_next_number(Program *program);

/* Writes the row of an operation: LY009 or 55000 if its key or what it reverses is taken. */
extern void operation_insert(Operation *operation);

/*
 * Changes a row whose member's account is locked: a hold that has been captured
 * (spent > 0, by the lines from first to last) or released, or a redemption
 * that has given back so much in all.
 */
extern void operation_close_hold(Ledger *ledger, OperationRow *row, const char *status,
								 Points spent, int64 first, int64 last);
extern void operation_set_returned(Program *program, int64 number, Points returned);

/* Within ereport(), of LY008: what programs read of a hold. */
extern int	hold_fields(const Program *program, const OperationRow *row, const char *status);

/* LY009; 55000: an operation can be reversed once */
pg_noreturn extern void refuse_key(const Program *program, const char *key);
pg_noreturn extern void refuse_reversal(int64 number);

/* -------- operation.c: one call -------- */

extern void operation_init(Operation *operation, Program *program, const char *kind,
						   EntryKind entry_kind);

/* The member named by an argument, of any type that converts; 22004 if NULL. */
extern Datum operation_member(Program *program, FunctionCallInfo fcinfo, int argument);

/* A text argument; NULL if NULL. */
extern char *operation_text(FunctionCallInfo fcinfo, int argument);

/* The key of a call; NULL: none.  22023 if it is empty or longer than an index takes. */
extern char *operation_key(FunctionCallInfo fcinfo, int argument);

/* A reason, which must be given, for people to read later. */
extern char *operation_reason(FunctionCallInfo fcinfo, int argument);

/*
 * Points, a multiple of the unit's smallest amount and not zero; if positive,
 * not below.  With none_is_all NULL is 0.
 */
extern Points operation_amount(FunctionCallInfo fcinfo, int argument, const UnitConfig *unit,
							   bool positive, bool none_is_all);

/*
 * Adds an argument to the request; value NULL: null.  The request is needed if
 * there is a key, or keeps_request is set; it may be left empty otherwise.
 */
extern void operation_argument(Operation *operation, const char *name, const char *value,
							   bool is_text);
#define operation_needs_request(operation) \
	((operation)->key != NULL || (operation)->keeps_request)

/* The texts of values, the same in every session. */
extern char *instant_text(Instant at);
extern char *points_text(Points points);

/*
 * Locks the member's account (and the other one), brings it to now and takes a
 * number.  False if the call has been made before; then there is nothing to do
 * but to return its row.  LY002 if there is no such member, LY003 if its status
 * is worse than may be, LY009 if the key was used for another call.
 */
extern bool operation_begin(Operation *operation, Datum member);

/*
 * Has a call with this key been made before?  Then the operation gets what it
 * returned; LY009 if it was another call.  operation_begin() asks it, too.
 */
extern bool operation_made_before(Operation *operation);

/*
 * A MovementSink: remembers a move; arg is the Operation.  Moves that the core
 * tells as earned or revoked are lines of the operation's own kind.
 */
extern void operation_sink(void *arg, const Movement *movement);

/* The same for the other account. */
extern void operation_other_sink(void *arg, const Movement *movement);

/* Expires and repays what the moves so far have made due. */
extern void operation_settle(Operation *operation);

/*
 * Writes the row, then the moves, of which those of the operation's kind carry
 * its number, then the account unless the operation is within a posting.
 */
extern void operation_write(Operation *operation);

/* The row of the call's result; ends the operation. */
extern Datum operation_result(Operation *operation, FunctionCallInfo fcinfo);

/* LY002; LY003: the account's member is blocked or has left.  Told, or raised. */
extern void tell_stranger(const Program *program, Datum member, Refusal *refusal);
extern void tell_inactive(const Program *program, const AccountState *account, Refusal *refusal);
pg_noreturn extern void refuse_stranger(const Program *program, Datum member);
pg_noreturn extern void refuse_inactive(const Program *program, const AccountState *account);

/* "active", "blocked", "closed" */
extern const char *member_status_text(int16 status);

/* What programs read of missing points: see types/refusal.h. */
extern char *insufficient_facts(const Program *program, const AccountState *account,
								const UnitConfig *unit, Points needed, Points missing);

/* LY001 */
pg_noreturn extern void insufficient_points(const Operation *operation, Points needed, Points missing);

/* adjust.c: where points go that are given now */
extern Instant operation_lot_end(const AccountState *account, const UnitConfig *unit);

/* When points in a lot will end as things stand. */
extern Instant operation_known_end(const AccountState *account, const UnitConfig *unit,
								   Instant from, Instant to);

/* adjust.c: points just added to a lot lapse at once */
extern void operation_lapse(Operation *operation, Instant from, Instant to, Points points);

/* adjust.c: sets own->lapsed to what of a lot has lapsed unspent and is not yet excused */
extern void operation_find_lapsed(Ledger *ledger, AccountState *account, int32 unit_no,
								  OwnLot *own);

/* adjust.c: moves that undo an adjustment whose account is locked */
extern void reverse_adjustment(Operation *operation, const OperationRow *row);

#endif							/* LOYALTY_OPERATION_H */
