/*-------------------------------------------------------------------------
 *
 * operation.h
 *	  What somebody does to an account by calling a function: adjusting and
 *	  reversing.
 *
 * Each call that succeeds is a row of the table operation, whose number its
 * lines in the ledger carry.  A call with a key is done once: the same call
 * again returns the same row, another call with that key is refused.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_OPERATION_H
#define LOYALTY_OPERATION_H

#include "engine/ledger.h"

/* one call */
typedef struct Operation
{
	Program    *program;
	const char *kind;			/* operation.kind */
	EntryKind	entry_kind;		/* of its lines */
	char	   *key;			/* NULL: none */
	char	   *reason;
	int64		reverses;		/* number of the operation undone, 0: none */
	StringInfoData request;		/* all arguments, as a JSON object */
	UnitConfig *unit;

	/* once begun */
	Ledger	   *ledger;			/* NULL: nothing is to be done */
	AccountState *account;

	/* what it does */
	Movement   *moves;			/* in order */
	int			nmoves;
	int			capacity;

	/* what it returns */
	int64		number;
	const char *status;
	Points		points;
	Instant		valid_until;	/* end of points given; INSTANT_ALWAYS: none */
} Operation;

/* what the table says of one */
typedef struct OperationRow
{
	int64		number;
	char	   *kind;
	Datum		request;
	Datum		member;			/* 0: of several members */
	int32		unit_no;
	Points		points;
	Instant		valid_until;
	int64		first_entry;	/* its lines are among these */
	int64		last_entry;
	int64		reversed_by;	/* 0: nothing */
} OperationRow;

extern bool operation_find(Program *program, int64 number, OperationRow *row);

extern void operation_init(Operation *operation, Program *program, const char *kind,
						   EntryKind entry_kind);

/* Adds an argument to the request; value NULL: null. */
extern void operation_argument(Operation *operation, const char *name, const char *value,
							   bool is_text);

/* The texts of values, the same in every session. */
extern char *instant_text(Instant at);
extern char *points_text(Points points);

/*
 * Locks the member's account and brings it to now.  False if the call has been
 * made before; then there is nothing to do but to return its row.  LY002 if
 * there is no such member, LY003 if it has left, LY009 if the key was used for
 * another call.
 */
extern bool operation_begin(Operation *operation, Datum member);

/*
 * A MovementSink: remembers a move; arg is the Operation.  Moves that the core
 * tells as earned or revoked are lines of the operation's own kind.
 */
extern void operation_sink(void *arg, const Movement *movement);

/* Expires and repays what the moves so far have made due. */
extern void operation_settle(Operation *operation);

/*
 * Writes the row, then the moves, of which those of the operation's kind carry
 * its number, then the account.
 */
extern void operation_write(Operation *operation);

/* The row of the call's result; ends the operation. */
extern Datum operation_result(Operation *operation, FunctionCallInfo fcinfo);

/* LY001 */
extern void insufficient_points(const Operation *operation, Points needed, Points missing)
			pg_attribute_noreturn();

/* 55000: an operation can be reversed once */
extern void refuse_reversal(int64 number) pg_attribute_noreturn();

/* adjust.c: moves that undo an adjustment whose account is locked */
extern void reverse_adjustment(Operation *operation, const OperationRow *row);

#endif							/* LOYALTY_OPERATION_H */
