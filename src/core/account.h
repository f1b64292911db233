/*-------------------------------------------------------------------------
 *
 * account.h
 *	  The state of one member's account, and how it moves.
 *
 * The state is the lots, what open holds have set aside out of them and, for
 * units whose lots follow activity, the last activity.  Everything that moves
 * it is told to the caller as a Movement, which becomes one line of the ledger:
 * the state is always the sum of its movements.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_CORE_ACCOUNT_H
#define LOYALTY_CORE_ACCOUNT_H

#include "lots.h"
#include "period.h"

/* kinds of ledger lines; numbers are stored, never renumber */
typedef enum EntryKind
{
	ENTRY_EARN = 1,
	ENTRY_REVOKE = 2,
	ENTRY_REDEEM = 3,
	ENTRY_RETURN = 4,
	ENTRY_HOLD = 5,
	ENTRY_RELEASE = 6,
	ENTRY_EXPIRE = 7,
	ENTRY_ADJUST = 8,
	ENTRY_TRANSFER = 9,
	ENTRY_REPAY = 10,
	ENTRY_ROLLOVER = 11
} EntryKind;

/* debt of a unit is the one piece with this range, points < 0 */
#define DEBT_FROM	INSTANT_ALWAYS
#define DEBT_TO		INSTANT_NEVER

/*
 * What walks through the lots of a unit have found, for the next ones to start
 * from; all zero: nothing.
 */
typedef struct AccountMarks
{
	bool		known;
	Instant		at;				/* as of that instant: */
	LotPiece	nearest;		/* lots with an end of their own that stand behind
								 * it have nothing to be taken */
	bool		none_pending;
} AccountMarks;

/* what the account must know of a unit */
typedef struct AccountUnit
{
	int32_t		unit;
	bool		follows_activity;	/* lots ending INSTANT_ACTIVITY may occur */
	Period		activity_period;	/* PERIOD_ACTIVITY; only if
									 * follows_activity */
	Instant		last_activity;	/* INSTANT_ALWAYS if none */
	bool		open;			/* the lapse that follows last_activity has not
								 * been booked, even if it is due: the caller's */
	Instant		unsettled;		/* what is booked from here on may have to be set
								 * right; INSTANT_NEVER: nothing; the caller's */
	AccountMarks marks;			/* of a big account */
} AccountUnit;

/* points that a hold has set aside out of a lot; 48 bytes, no padding */
typedef struct HeldPiece
{
	int64_t		hold_no;
	Points		points;			/* > 0 */
	Instant		from;			/* range of the lot */
	Instant		to;
	Instant		deadline;		/* back in the lot from then on */
	int32_t		unit;
	int32_t		over;			/* not 0: it follows activity, and what was in the
								 * lot lapsed while they were out of it */
} HeldPiece;

/*
 * The state.  pieces is sorted as in lots.h and grown through grow(), which
 * must make room for at least the given number of pieces; held stands in the
 * order in which it was set aside and grows likewise.  units holds an element
 * for every unit of the program.
 *
 * So that one more lot of a big account does not move all others, it goes to
 * recent, which is sorted likewise and short (unless there is no grow_recent),
 * and emptied ones stay for a while.  Who reads pieces himself calls
 * account_settle() before.
 */
typedef struct Account
{
	LotPiece   *pieces;
	int			npieces;
	int			capacity;
	void		(*grow) (struct Account *account, int capacity);
	LotPiece   *recent;
	int			nrecent;
	int			recent_capacity;
	void		(*grow_recent) (struct Account *account, int capacity);
	int			nempty;			/* of both, emptied but not yet removed */
	HeldPiece  *held;
	int			nheld;
	int			held_capacity;
	void		(*grow_held) (struct Account *account, int capacity);
	AccountUnit *units;
	int			nunits;
	const Zone *zone;
} Account;

/*
 * An account is big that has more lots than this; a build may set it low to
 * have all tests take the way of big accounts.
 */
#ifndef ACCOUNT_BIG
#define ACCOUNT_BIG		256
#endif

/* Puts all lots in pieces, and none that is empty. */
extern CoreResult account_settle(Account *account);

/* Adds lots in any order, told to nobody; the array is sorted by it. */
extern CoreResult account_merge(Account *account, LotPiece *pieces, int npieces);

/* Adds points, which may be negative, to a lot; told to nobody. */
extern CoreResult account_add_piece(Account *account, int32_t unit, Points points,
									Instant from, Instant to);

/* Points in a lot; 0 if there is none. */
extern Points account_lot_points(const Account *account, int32_t unit, Instant from, Instant to);

/* Whether points of a unit, or 0 for any, are owed. */
extern bool account_owes(const Account *account, int32_t unit);

/* one line for the ledger */
typedef struct Movement
{
	EntryKind	kind;
	int32_t		unit;
	Points		points;			/* signed */
	Instant		from;			/* range of the lot it moves */
	Instant		to;
	Instant		occurred_at;
	Points		lapsed;			/* revoke: excused because the points had
								 * lapsed unspent (earn: used up again,
								 * negative) */
	Points		forgiven;		/* the same for what on_shortfall forgave */
	int32_t		tag;			/* the caller's, e.g. which rule */
	int64_t		hold_no;		/* the hold that sets aside, gives back or is
								 * captured; else 0 */
} Movement;

/* may be NULL in all functions below: readers have nobody to tell */
typedef void (*MovementSink) (void *arg, const Movement *movement);

/*
 * Takes all due instants up to and including now in order; at one instant:
 * expire, activate, lapse holds, repay debt.  Expiry is told as ENTRY_EXPIRE
 * dated at the lot's end, the lapse of a hold as ENTRY_RELEASE dated at its
 * deadline, and for pieces of lots that are over by then as ENTRY_EXPIRE dated
 * at the deadline too, repayment as two ENTRY_REPAY lines
 * (minus from the lot, plus to the debt) dated at the instant the lot became
 * available, or at since if it was available before since: the instant up to
 * which the account had been advanced before.
 */
extern CoreResult account_advance(Account *account, Instant since, Instant now,
								  MovementSink sink, void *arg);

/*
 * Adds points > 0 in a lot, told as a movement of the given kind dated
 * occurred_at.  The caller advances to now afterwards, which expires a lot
 * that is already over and repays debt.
 */
extern CoreResult account_add(Account *account, EntryKind kind, int32_t unit,
							  Points points, Instant from, Instant to,
							  Instant occurred_at, int32_t tag,
							  MovementSink sink, void *arg);

/* what was taken back for an event from a lot not its own, or became debt */
typedef struct TakenLot
{
	Instant		from;
	Instant		to;
	Points		points;			/* > 0 */
} TakenLot;

/*
 * Gives points > 0 to an event whose entitlement has risen again.  What it had
 * been excused in its lot, or forgiven, and has not used up since, is used up
 * first.  Then what was taken elsewhere goes back: to debt, as far as it is
 * still owed, and to the lots, in reverse order; so that an event that is
 * cancelled and paid again leaves no trace.  The rest is added to its lot.
 *
 * Told as ENTRY_EARN, the line of its own lot last, with lapsed and forgiven
 * as what was used up, negative; that line is absent if it would say nothing.
 * taken is reduced by what went back.
 */
extern CoreResult account_give(Account *account, int32_t unit, Points points,
							   Instant from, Instant to,
							   Points excused, Points forgiven,
							   TakenLot *taken, int ntaken,
							   Instant occurred_at, int32_t tag,
							   MovementSink sink, void *arg);

/* a lot an event has points in, for account_take_back */
typedef struct OwnLot
{
	Instant		from;
	Instant		to;
	Points		share;			/* points of the event in this lot, >= 0 */
	Points		lapsed;			/* points of the lot that have lapsed unspent
								 * and are not yet excused, >= 0 */
} OwnLot;

/*
 * Takes back points > 0 that an event had earned; told as ENTRY_REVOKE dated
 * now.  First from the own lots in the order given, of each lot first what has
 * lapsed (excused, at most share), then what is left in the lot (at most
 * share); then from other pending lots, latest start first; then from active
 * lots, nearest end first.  What is left is forgiven or becomes debt.  The
 * account must have been advanced to now.  share and lapsed of the own lots
 * are reduced by what was taken or excused.
 *
 * Excused and forgiven points are told in movements with points 0 (excused:
 * with the lot's range; forgiven: with the range of the first own lot).
 */
extern CoreResult account_take_back(Account *account, int32_t unit, Points points,
									OwnLot *own, int nown, bool forgive,
									Instant now, int32_t tag,
									MovementSink sink, void *arg);

/*
 * Takes points > 0 from active lots, nearest end first, never-ending last,
 * ties by earlier start, told with the given kind.  What is missing becomes
 * debt if allowed; else nothing is taken and *missing says how much lacks
 * (0 if the points were taken), which includes what is owed already.
 */
extern CoreResult account_take(Account *account, EntryKind kind, int32_t unit,
							   Points points, bool allow_debt, Instant now,
							   int32_t tag, Points *missing,
							   MovementSink sink, void *arg);

/*
 * Sets points > 0 aside for a hold until its deadline, out of active lots in
 * the order in which they would be spent, told as ENTRY_HOLD.  As with
 * account_take all of them or none.
 */
extern CoreResult account_hold(Account *account, int64_t hold_no, int32_t unit,
							   Points points, Instant deadline, Instant now,
							   Points *missing, MovementSink sink, void *arg);

/* What a hold has set aside; 0 if it is not open. */
extern CoreResult account_held_by(const Account *account, int64_t hold_no, Points *points);

/* What all open holds have set aside of a unit, and until when the first does. */
extern CoreResult account_held(const Account *account, int32_t unit, Points *points,
							   Instant *until);

/*
 * Spends at most so many points of what a hold has set aside, in the order in
 * which they were, even of lots that are over: told as ENTRY_RELEASE and
 * ENTRY_REDEEM, both in the lot.  *captured says how many.  The rest stays
 * set aside.
 */
extern CoreResult account_capture(Account *account, int64_t hold_no, Points points,
								  Instant now, Points *captured,
								  MovementSink sink, void *arg);

/*
 * Gives back what a hold has still set aside: ENTRY_RELEASE, and ENTRY_EXPIRE
 * at once for what belongs to lots that are over, or have been meanwhile.
 */
extern CoreResult account_release(Account *account, int64_t hold_no, Instant now,
								  MovementSink sink, void *arg);

/* what was spent out of a lot, in the order in which it was */
typedef struct DrawnLot
{
	Instant		from;
	Instant		to;
	Points		points;			/* > 0 */
	bool		extended;		/* its end has been extended by a return before */
	bool		lapsed;			/* it follows activity, and what was in it lapsed
								 * while these points were out of it */
} DrawnLot;

/*
 * Gives back points > 0 of what was drawn, last drawn first, told as
 * ENTRY_RETURN: to the lots they came from or, if those end before grace_end
 * and were not extended before, to a lot from now until grace_end, which the
 * movement says by as many points lapsed, negative.  What
 * belongs to lots that are over, or have been meanwhile, expires at once.
 * points is at most what was drawn, which is reduced by what went back.
 */
extern CoreResult account_return(Account *account, int32_t unit, Points points,
								 DrawnLot *drawn, int ndrawn, Instant grace_end,
								 Instant now, MovementSink sink, void *arg);

/*
 * Points available, pending and owed at an instant the account stands at; what
 * is owed is positive, and already deducted from what is available.
 */
extern CoreResult account_balance(const Account *account, int32_t unit, Instant at,
								  Points *available, Points *pending, Points *debt);

/*
 * The end of a piece: its own, or by last activity, but never before its start
 * (points granted after a lapse end at once); INSTANT_NEVER if none.
 */
extern CoreResult account_piece_end(const Account *account, const LotPiece *piece,
									Instant *end);

/*
 * The first instant at which account_advance would tell a movement: an end
 * with points left, the deadline of a hold, or a start while there is debt;
 * INSTANT_NEVER if none.
 */
extern CoreResult account_next_due(const Account *account, Instant *due);

#endif							/* LOYALTY_CORE_ACCOUNT_H */
