/*-------------------------------------------------------------------------
 *
 * voucher_call.h
 *	  What the functions that handle codes share: pools and codes as their
 *	  tables hold them, and what is answered.
 *
 * A code that is refused is answered, not raised as an error: the failed
 * attempt is to be counted, which would be undone with the transaction.
 *
 * Order of locks: the member's account, if there is one, then the code, then
 * the member's attempts.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_VOUCHER_CALL_H
#define LOYALTY_VOUCHER_CALL_H

#include "core/code.h"
#include "engine/config.h"
#include "engine/operation.h"
#include "engine/plan.h"
#include "engine/voucher.h"

/* voucher_pool.gives */
typedef enum VoucherKind
{
	VOUCHER_AMOUNT,
	VOUCHER_PERCENT,
	VOUCHER_PRODUCT,
	VOUCHER_POINTS,
	VOUCHER_SHIPPING,
	VOUCHER_BALANCE,
	VOUCHER_CUSTOM
} VoucherKind;

/* a row of voucher_pool */
typedef struct VoucherPool
{
	int32		pool_no;
	char	   *name;
	VoucherKind kind;
	char	   *gives;			/* the same as text */
	Numeric		value;			/* NULL: none, as all Numerics here */
	Numeric		ceiling;
	Numeric		min_amount;
	int32		unit_no;		/* 0: none */
	char	   *unit;
	char	   *product;
	int32		uses;			/* 0: any number */
	int32		uses_per_member;	/* 0: any number */
	bool		personal;
	Instant		opens;			/* valid */
	Instant		closes;
	Period		expires;
	Interval   *reserve_for;
	bool		endless;
	char	   *prefix;
	int32		length;
	Datum		attributes;		/* jsonb */
	bool		enabled;
} VoucherPool;

/* a row of voucher */
typedef struct Voucher
{
	char	   *code;
	char	   *written;		/* as people read it */
	int32		pool_no;
	int32		uses;
	bool		in_stock;
	Numeric		value;
	Numeric		spent;
	Numeric		added;			/* to a card's balance, later */
	Instant		valid_from;
	Instant		valid_until;
	bool		has_member;
	Datum		member;
	int64		redemption_no;	/* 0: none */
	Instant		reserved_until; /* INSTANT_ALWAYS: none */
	bool		voided;
	int64		held_for;		/* the hold it is set aside for */
	Instant		held_until;		/* and until when; INSTANT_ALWAYS: it is not */
} Voucher;

/* a row of voucher_use */
typedef struct VoucherUse
{
	int64		number;
	char	   *code;
	char	   *state;
	bool		has_member;
	Datum		member;
	Numeric		amount;
	Numeric		discount;
	Numeric		points;
	Numeric		returned;
	Instant		reserved_until; /* INSTANT_ALWAYS: it is no reservation */
} VoucherUse;

/*
 * Acting as the program's owner, connected to SPI, names being looked up in
 * pg_catalog: the statements of these files rely on that.
 */
typedef struct VoucherRights
{
	RightsSave	rights;
	int			guc_level;
} VoucherRights;

/* one call of a function */
typedef struct CodeCall
{
	Program    *program;
	Operation	operation;		/* kind, key, reason, request, number */
	MemoryContext caller;
	VoucherRights rights;
	bool		has_member;
	Datum		member;
	Numeric		amount;			/* of the purchase */
	Instant		now;

	/* the code, once it is found */
	bool		found;
	VoucherPool pool;
	Voucher		voucher;

	/* the answer */
	Refusal		refusal;
	const char *status;
	Numeric		discount;
	Numeric		points;
	Numeric		balance;
	Instant		reserved_until; /* INSTANT_ALWAYS: none */
	int			open;			/* open reservations that are not the caller's */
	int			attempts_left;	/* -1: not counted */
} CodeCall;

/* -------- voucher_call.c -------- */

extern void voucher_enter(Program *program, VoucherRights *save);
extern void voucher_leave(const VoucherRights *save);

/* Begins and ends a function whose first argument is the program. */
extern void code_call_begin(CodeCall *call, FunctionCallInfo fcinfo, const char *kind);
extern Datum code_call_end(CodeCall *call, FunctionCallInfo fcinfo);
extern void code_call_leave(CodeCall *call);

/* Arguments; NULL, or an error if it must be given. */
extern char *code_text_argument(FunctionCallInfo fcinfo, int number, const char *required);
extern void code_member_argument(CodeCall *call, FunctionCallInfo fcinfo, int number);
extern void code_amount_argument(CodeCall *call, FunctionCallInfo fcinfo, int number);
extern void code_key_argument(CodeCall *call, FunctionCallInfo fcinfo, int number);

/* An argument of the request, by which repeated calls are known. */
extern void code_request(CodeCall *call, const char *name, const char *value);
extern void code_request_numeric(CodeCall *call, const char *name, Numeric value);

/*
 * Has the call been made before?  Then operation.number is its number.  LY009 if
 * the key was used for another.
 */
extern bool code_made_before(CodeCall *call);

/* Writes the row of the call, whose result is a JSON object. */
extern void code_record(CodeCall *call, const char *result);

/*
 * Locks the member's account, enrolling who may be enrolled if one is needed and
 * the code is good, with an open reservation of the caller's (0: none).  False if
 * the call has been refused.
 */
extern bool code_lock_account(CodeCall *call, bool needed, int64 reservation);

/* Ends an operation that is not to be: what was due stays booked. */
extern void code_abandon(CodeCall *call);

/* What programs read of a code that is no good: NULL for what there is not. */
extern char *code_facts(const CodeCall *call, const char *what, Instant at);

/* The same of a card that has not got an amount. */
extern char *card_facts(const CodeCall *call, Numeric needed);

/* LY002 unless the member exists */
extern void code_require_member(const CodeCall *call);

/* -------- voucher_rows.c -------- */

/* The pool of a name or number; an error or false if there is none. */
extern void pool_by_name(Program *program, const char *name, VoucherPool *pool);
extern bool pool_by_number(Program *program, int32 pool_no, VoucherPool *pool);

/* A code by its normal form, locked or not. */
extern bool voucher_find(Program *program, const char *code, bool lock, Voucher *voucher);

/* Reads the code of a call and its pool, and locks the code; false if there is none. */
extern bool code_find(CodeCall *call, const char *code);
extern bool code_lock(CodeCall *call);

extern bool voucher_use_find(Program *program, int64 number, VoucherUse *use);

/* Writes a voucher's uses, what is spent of it, and when its reservations end. */
extern void voucher_update(CodeCall *call, int uses, Numeric spent);

/* Writes a use of the code, or its reservation; source, reference: NULL: none. */
extern void code_insert_use(CodeCall *call, const char *state, const SourceConfig *source,
							const char *reference, int64 reservation);

/* Answers a call that was made before, as things are now. */
extern void code_answer_again(CodeCall *call);

/* Writes what has been added to a card, and when it ends. */
extern void voucher_add(CodeCall *call, Numeric added, Instant valid_until);

/* a numeric as text; "" of NULL */
extern char *numeric_text(Numeric number);

/* -------- voucher_judge.c -------- */

/*
 * What the code gives now, or why it does not: then call->refusal is set and
 * false is returned.  reservation is the caller's own, 0: none.
 */
extern bool code_judge(CodeCall *call, int64 reservation);

/* Refuses: there is no such code. */
extern void code_unknown(CodeCall *call);

/* What is left on a card. */
extern Numeric voucher_left(const Voucher *voucher);

/* Is the code neither set aside nor void, nor out of its time?  Else it is refused. */
extern bool code_in_time(CodeCall *call);

/* Sums of money, either of which may be NULL for 0. */
extern Numeric money_sum(Numeric a, Numeric b);
extern Numeric money_difference(Numeric a, Numeric b);
extern bool money_positive(Numeric a);

/* -------- voucher_use.c -------- */

/* The code argument in its normal form; "" if it has none. */
extern char *code_argument(CodeCall *call, FunctionCallInfo fcinfo, int number);

/* The source argument; NULL: none. */
extern SourceConfig *code_source_argument(CodeCall *call, const char *name);

/*
 * Finds the code, unless the member has tried too often.  False if the call has
 * been refused.
 */
extern bool code_seek(CodeCall *call, const char *code);

/*
 * The caller's reservation: the one of a number, unless it is another member's,
 * or with 0 an open one of the same member.  0 if there is none.
 */
extern int64 code_own_reservation(CodeCall *call, int64 number);

/*
 * Locks the member's account for points to be granted in operation.unit.  False
 * if the call has been made before, by somebody who had it locked; or if it has
 * been refused.
 */
extern bool code_begin_grant(CodeCall *call, int64 reservation, const char *reason);

/* Takes one use off the code, grants its points, and takes what it pays off a card. */
extern void code_use(CodeCall *call, const SourceConfig *source, const char *reference,
					 int64 reservation);

/* -------- voucher_attempt.c -------- */

/* Has the member tried too often?  Then the call is refused. */
extern bool code_too_many(CodeCall *call);

/* Counts a failed attempt, if the refusal is one. */
extern void code_failed(CodeCall *call);

/* -------- voucher_make.c -------- */

/* The prefix of a pool's codes in its normal form. */
extern char *pool_prefix(const VoucherPool *pool);

/* The value that a code has of its own; NULL: the pool's. */
extern Numeric pool_own_value(const VoucherPool *pool, Numeric value);

/* -------- voucher_stock.c -------- */

/* Takes a free code of a pool, or makes one; its normal form.  wait: see below. */
extern char *voucher_take(Program *program, const VoucherPool *pool, int64 operation_no,
						  Datum member, int64 redemption_no, TimestampTz now,
						  TimestampTz valid_until, bool wait);

/* Are codes of a pool still given?  Else the refusal, LY004, says why not; or it is raised. */
extern bool pool_is_open(const VoucherPool *pool, TimestampTz now, Refusal *refusal);
extern void voucher_require_open(Program *program, const VoucherPool *pool, TimestampTz now);

/* When a code given now ends; wanted DT_NOEND: as the pool says. */
extern Instant voucher_given_until(Program *program, const VoucherPool *pool, TimestampTz now,
								   TimestampTz wanted);

/* LY005: there are no codes left. */
extern void pool_empty(const VoucherPool *pool, Refusal *refusal);

/* Makes a code of a pool that is, or was, endless; its normal form. */
extern char *voucher_make_one(Program *program, const VoucherPool *pool, int64 operation_no);

/*
 * A code that nobody has and that is valid after an instant, locked; NULL if there
 * is none.  Codes that others are about to draw are passed over; if no other is
 * left, and wait, they are waited for: their transactions may fail.
 */
extern char *voucher_find_free(Program *program, const VoucherPool *pool, TimestampTz now,
							   TimestampTz valid_after, bool wait);

/* LY005: there is no such code */
pg_noreturn extern void refuse_empty(Program *program, const VoucherPool *pool);

/* Writes who has a code from now on. */
extern void voucher_give(Program *program, const char *code, Datum member,
						 int64 redemption_no, TimestampTz now, TimestampTz valid_until);

/* -------- voucher_hold.c -------- */

/*
 * The call ends a code that is set aside for a hold: sets another aside in its
 * place.  False if there is none.
 */
extern bool voucher_hold_another(CodeCall *call);

#endif							/* LOYALTY_VOUCHER_CALL_H */
