/*-------------------------------------------------------------------------
 *
 * catalogue.h
 *	  Rewards: what they are, who may have them, and what is left of them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_CATALOGUE_H
#define LOYALTY_CATALOGUE_H

#include "utils/array.h"

#include "engine/config.h"
#include "engine/operation.h"

/* what one piece of a reward costs */
typedef struct PriceConfig
{
	char	   *name;
	int32		unit_no;
	Points		points;
	Datum		money;			/* numeric, 0: none */
	ArrayType  *tiers;			/* only for members of these; NULL: everybody */
} PriceConfig;

/* rewards of which a member may take so many together */
typedef struct ChoiceSet
{
	char	   *name;
	int32		choose;
	CalendarUnit period;
	int32	   *rewards;		/* their numbers */
	int			nrewards;
} ChoiceSet;

typedef struct RewardConfig
{
	int32		reward_no;
	char	   *name;
	bool		enabled;
	bool		limited;		/* has a stock */
	int32		max_per_member; /* 0: any number */
	CalendarUnit period;
	ChoiceSet  *set;			/* NULL: none */
	Instant		valid_from;
	Instant		valid_until;
	ArrayType  *tiers;			/* NULL: everybody */
	Interval	hold_for;
	int32		priority;
	bool		automatic;
	int32		max_auto;
	int64		change_no;		/* of its row in reward_sweep, 0: none */
	bool		swept;			/* by the sweep that is being put together */
	char	   *pool;
	Period		code_valid;		/* kind 0: for ever */
	bool		needs_pin;
	Pin		   *pin;
	int			condition;		/* indexes into the pin, -1: none */
	int			early_access;
	PriceConfig *prices;		/* by name */
	int			nprices;
} RewardConfig;

/* all of a program, as its configuration is now */
typedef struct Catalogue
{
	RewardConfig *rewards;		/* by name */
	int			nrewards;
	ChoiceSet  *sets;
	int			nsets;
	RewardConfig **automatic;	/* which go by themselves, the first first */
	int			nautomatic;
} Catalogue;

extern Catalogue *catalogue_get(Program *program);
/* Are there rewards that go by themselves?  Does not load the others for it. */
extern bool catalogue_has_automatic(Program *program);

/* by name or number; NULL if there is none */
extern RewardConfig *catalogue_find(Catalogue *catalogue, const char *name);
extern RewardConfig *catalogue_reward(Catalogue *catalogue, int32 reward_no);

/*
 * Asks for one member whether he may have rewards: holds what expressions read
 * of him.
 */
typedef struct Asking
{
	Program    *program;
	Snapshot	snapshot;		/* of table member */
	AccountState *account;
	ExprContext *econtext;
	TupleTableSlot *facts;		/* NULL until something reads it */
} Asking;

extern void asking_begin(Asking *asking, Program *program, Snapshot snapshot,
						 AccountState *account);
extern void asking_end(Asking *asking);

/* Is it on offer to the member, and is the member eligible?  False: refused. */
extern bool reward_is_open(Asking *asking, const RewardConfig *reward, Refusal *refusal);

/*
 * The price that a call means, NULL: none, refused.  name NULL: the only one
 * that applies, or the lowest of several in one unit.
 */
extern const PriceConfig *reward_price(Asking *asking, const RewardConfig *reward,
									   const char *name, Refusal *refusal);

/* Is it a price for members of such tiers as this one holds? */
extern bool price_applies(Asking *asking, const PriceConfig *price);

/* Points of so many pieces; an error if that is out of range. */
extern Points price_points(const PriceConfig *price, int64 quantity);

/* -------- redemption.c -------- */

/* a row of table redemption */
typedef struct Redemption
{
	int64		number;
	int32		reward_no;
	int32		quantity;
	int32		cancelled;
	int32		unit_no;
	Points		points;			/* of one piece */
	TimestampTz redeemed_at;
	bool		held;			/* only set aside */
	TimestampTz held_until;
	bool		has_slot;		/* of the stock */
	TimestampTz valid_until;	/* DT_NOEND: for ever */
	char	   *code;			/* or NULL */
	char	   *price;
	int32		held_pool_no;	/* pool of codes it was set aside with, 0: none */
} Redemption;

extern bool redemption_find(Program *program, int64 number, Redemption *row);
extern void redemption_insert(Operation *operation, const RewardConfig *reward,
							  const PriceConfig *price, int32 quantity,
							  const TimestampTz *held_until, int16 stock_slot,
							  TimestampTz valid_until, const char *code,
							  int32 held_pool_no, bool codes_held, bool automatic);

/* "done", "held", "lapsed", "released", "partly cancelled", "cancelled" */
extern const char *redemption_status(const Redemption *row, TimestampTz now);

/* spend.h declares what capturing, releasing and cancelling do to them */

/* Until when what is redeemed now can be used; DT_NOEND: for ever. */
extern TimestampTz redemption_valid_until(Operation *operation, const RewardConfig *reward);

/*
 * Draws a code for each piece, if the reward has a pool; NULL: it has none.  They
 * are to be good until *valid_until, which is lowered to when the first one ends.
 */
extern char *redemption_codes(Operation *operation, const RewardConfig *reward, int64 number,
							  int32 pieces, TimestampTz *valid_until);

/* -------- redemption_limits.c -------- */

/*
 * May a member have so many more?  Counts what he has now; excluding: a
 * redemption that does not count.  False: refused.
 */
extern bool redemption_within_limits(Program *program, AccountState *account,
									 const RewardConfig *reward, int32 quantity,
									 int64 excluding, Refusal *refusal);

/* -------- stock.c -------- */

/*
 * Takes pieces of a reward with a stock; returns the slot they came from, -1
 * if there are not so many (*left says how many there are).
 */
extern int16 stock_take(Ledger *ledger, int32 reward_no, int32 quantity, TimestampTz now,
						int64 *left);
extern void stock_give_back(Program *program, int32 reward_no, int32 quantity);
/* What is left: as the snapshot sees it or, the slots being locked, as it is. */
extern int64 stock_left(Program *program, int32 reward_no, TimestampTz now, bool locked);
/* Locks all slots of a reward, in order. */
extern void stock_lock(Program *program, int32 reward_no);
/* After a reward was written: its room. */
extern void stock_set(const ConfigTrigger *trigger);

/* LY005 */
pg_noreturn extern void refuse_stock(Program *program, const RewardConfig *reward, int64 left,
						 int64 needed);

/* The same, to be told. */
extern void stock_refusal(Refusal *refusal, const RewardConfig *reward, int64 left,
						  int64 needed);

/* -------- redeem.c -------- */

/* arguments of functions */
extern Program *redeem_program(FunctionCallInfo fcinfo);
extern RewardConfig *reward_argument(FunctionCallInfo fcinfo, int number, Program *program);
extern int32 quantity_argument(FunctionCallInfo fcinfo, int number);

/* All but points and stock: may the member have it, and at which price? */
extern bool redeem_check(Asking *asking, const RewardConfig *reward, const char *price_name,
						 int32 quantity, const PriceConfig **price, Refusal *refusal);

/* Can the price's unit be spent? */
extern bool redeem_check_price(Program *program, const RewardConfig *reward,
							   const PriceConfig *price, Refusal *refusal);

/*
 * Takes points, stock and codes, or with a deadline sets them aside; no codes if
 * operation->code is drawn already; writes the operation and the redemption.
 * LY001 and LY005 if something lacks.
 */
extern void redeem_pieces(Operation *operation, const RewardConfig *reward,
						  const PriceConfig *price, int32 quantity,
						  const TimestampTz *deadline, bool automatic);

/* -------- auto_redeem.c -------- */

/*
 * Redeems what the member can afford now, of what goes by itself; if limits stand
 * in the way of more, the account is due when they begin anew.
 */
extern void auto_redeem(Ledger *ledger, AccountState *account);
/* The same of some of them, in the order in which they go. */
extern void auto_redeem_these(Ledger *ledger, AccountState *account, RewardConfig **rewards,
							  int nrewards);
/* If the member can afford any now, the account is due, for book_due() to see to it. */
extern void auto_redeem_later(Ledger *ledger, AccountState *account);
/* Has a member enough points for one of them?  The account is only read; NULL: no. */
extern bool auto_redeem_affordable(Ledger *reader, AccountState *account,
								   RewardConfig **rewards, int nrewards);

/* -------- reward_sweep.c -------- */

/*
 * Before a reward is changed: locks its sweep if it starts over.  A statement locks
 * those of all its rewards before any stock, as book_due() does.
 */
extern void sweep_before_reward(const ConfigTrigger *trigger);

/* After a reward was written: members may be able to afford it by now. */
extern void sweep_after_reward(const ConfigTrigger *trigger);

/* After codes were made for a pool: connected to SPI. */
extern void sweep_after_codes(Program *program, const char *pool);

/* a reward that a sweep will come to some members with: all after one, or all */
typedef struct SweepToCome
{
	RewardConfig *reward;
	bool		begun;
	Datum		after;
} SweepToCome;

/* Locks and returns those that are due, but for those that somebody else goes through. */
extern SweepToCome *sweeps_to_come(Program *program, int *count);

/* As auto_redeem(), but for what such a sweep will come to the member with. */
extern void auto_redeem_but(Ledger *ledger, AccountState *account, const SweepToCome *sweeps,
							int count);

/*
 * Offers rewards that have become affordable by themselves to so many members at
 * most; returns how many it has looked at.
 */
extern int64 sweep_members(Ledger *ledger, int64 limit);

/* -------- config_reward.c -------- */

/* The prices in a unit, when it is written. */
extern void prices_check_again(const ProgramRef *ref, const char *unit_name);

#endif							/* LOYALTY_CATALOGUE_H */
