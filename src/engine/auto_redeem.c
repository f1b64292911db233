/*-------------------------------------------------------------------------
 *
 * auto_redeem.c
 *	  Rewards that members get by themselves, as soon as they can afford them.
 *
 * This runs where an account that was posted to, or booked, is about to be
 * saved.  What stands in the way of a reward passes in silence: a purchase
 * never fails for it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "storage/lmgr.h"
#include "utils/snapmgr.h"

#include "engine/catalogue.h"
#include "engine/plan.h"
#include "engine/read.h"
#include "engine/spend.h"
#include "engine/subxact.h"

/* see plan_execute */
static const char unchanged_plan = 0;

/*
 * Locks the stock of all rewards that may be taken from now on, in order: the
 * accounts of the statement come in an order of their own.  Before any code is
 * drawn, too, for who redeems has the stock before the code.
 */
static void
lock_stock(Ledger *ledger, Catalogue *catalogue)
{
	int			last = -1;

	if (ledger->stock_locked)
		return;
	for (;;)
	{
		int			next = -1;
		int			i;

		for (i = 0; i < catalogue->nautomatic; i++)
		{
			RewardConfig *reward = catalogue->automatic[i];

			if (reward->limited && reward->reward_no > last &&
				(next < 0 || reward->reward_no < next))
				next = reward->reward_no;
		}
		if (next < 0)
			break;
		stock_lock(ledger->program, next);
		last = next;
	}
	ledger->stock_locked = true;
}

/* The price a reward goes by: the first that is all points, and can be spent. */
static const PriceConfig *
automatic_price(Asking *asking, const RewardConfig *reward)
{
	int			i;

	for (i = 0; i < reward->nprices; i++)
	{
		const PriceConfig *price = &reward->prices[i];

		if (price->money == 0 && price->points > 0 &&
			rules_unit(asking->program->rules, price->unit_no)->spendable &&
			price_applies(asking, price))
			return price;
	}
	return NULL;
}

/* What the member can spend of a price's unit. */
static Points
available(Program *program, AccountState *account, const PriceConfig *price)
{
	UnitConfig *unit = rules_unit(program->rules, price->unit_no);

	return points_shown(account_unit_balance(account, unit->unit_no).available, unit->decimals);
}

/*
 * Whether a reward still is, and has a stock or none, as the catalogue says, now
 * that nobody can change that before we have redeemed it: see redeem_program.
 */
static bool
is_unchanged(Program *program, const RewardConfig *reward)
{
	Oid			types[2] = {INT4OID, BOOLOID};
	Datum		values[2];
	bool		found;

	LockRelationOid(program->redemption, RowExclusiveLock);
	values[0] = Int32GetDatum(reward->reward_no);
	values[1] = BoolGetDatum(reward->limited);
	PushActiveSnapshot(GetLatestSnapshot());
	SPI_connect();
	plan_execute(program, &unchanged_plan,
				 "SELECT FROM %s.reward WHERE reward_no OPERATOR(pg_catalog.=) $1"
				 " AND (stock IS NOT NULL) OPERATOR(pg_catalog.=) $2",
				 2, types, values, true, SPI_OK_SELECT);
	found = SPI_processed > 0;
	SPI_finish();
	PopActiveSnapshot();
	return found;
}

/* How many pieces the member can have; stands at now. */
static int32
affordable_pieces(Ledger *ledger, AccountState *account, Asking *asking,
				  const RewardConfig *reward, const PriceConfig *price)
{
	Program    *program = ledger->program;
	Refusal		refusal = {0};
	int32		pieces = (int32) Min(reward->max_auto,
									 available(program, account, price) / price->points);

	if (pieces == 0 || !reward_is_open(asking, reward, &refusal))
		return 0;
	while (pieces > 0 &&
		   !redemption_within_limits(program, account, reward, pieces, 0, &refusal))
		pieces--;
	if (pieces > 0 && !is_unchanged(program, reward))
		return 0;
	if (pieces > 0 && reward->limited)
	{
		lock_stock(ledger, asking->program->catalogue);
		pieces = (int32) Min(pieces, stock_left(program, reward->reward_no, account->now,
											   true));
	}
	return pieces;
}

/* arguments of draw_pieces, for subxact_try() */
typedef struct Drawing
{
	Operation  *operation;
	const RewardConfig *reward;
	int32		pieces;
} Drawing;

static void
draw_pieces(void *arg)
{
	Drawing    *drawing = (Drawing *) arg;
	Operation  *operation = drawing->operation;

	operation->valid_until = redemption_valid_until(operation, drawing->reward);
	operation->code = redemption_codes(operation, drawing->reward, operation->number,
									   drawing->pieces, &operation->valid_until);
}

/*
 * Draws codes, before anything is taken; false if there are not enough.  Others
 * draw, too, so only trying tells.  Those are not waited for, as the statement
 * may hold codes that they wait for.
 */
static bool
draw_codes(Operation *operation, const RewardConfig *reward, int32 pieces)
{
	Ledger	   *ledger = operation->ledger;
	Drawing		drawing = {operation, reward, pieces};
	ErrorData  *caught;

	if (reward->pool == NULL)
		return true;
	lock_stock(ledger, catalogue_get(ledger->program));
	caught = subxact_try(draw_pieces, &drawing, true);
	if (caught != NULL &&
		caught->sqlerrcode != ERRCODE_LOYALTY_OUT_OF_STOCK &&
		caught->sqlerrcode != ERRCODE_LOYALTY_REWARD_NOT_AVAILABLE)
		ReThrowError(caught);
	return caught == NULL;
}

/* When the limits of a reward begin anew; INSTANT_NEVER if they never do. */
static Instant
limit_renewed(Program *program, const RewardConfig *reward, Instant now)
{
	CalendarUnit periods[2] = {CALENDAR_EVER, CALENDAR_EVER};
	Instant		renewed = INSTANT_NEVER;
	int			i;

	if (reward->max_per_member > 0)
		periods[0] = reward->period;
	if (reward->set)
		periods[1] = reward->set->period;
	for (i = 0; i < lengthof(periods); i++)
	{
		Instant		start;
		Instant		end;

		if (periods[i] == CALENDAR_EVER)
			continue;
		core_check(calendar_span(periods[i], now, &program->rules->zone, &start, &end));
		renewed = Min(renewed, end);
	}
	return renewed;
}

/* An account is due at an instant, if nothing else is earlier. */
static void
wake(AccountState *account, Instant at)
{
	if (account->due_unknown)
		account_find_due(account);
	account->next_due = Min(account->next_due, at);
}

/*
 * Who has points left for a reward that he cannot have now may have it when its
 * limits begin anew: then the account is due.
 */
static void
wake_at_renewal(Ledger *ledger, AccountState *account, Catalogue *catalogue)
{
	Instant		due = INSTANT_NEVER;
	int			i;

	for (i = 0; i < catalogue->nautomatic; i++)
	{
		Instant		renewed = limit_renewed(ledger->program, catalogue->automatic[i],
											account->now);

		if (renewed < due &&
			auto_redeem_affordable(ledger, account, &catalogue->automatic[i], 1))
			due = renewed;
	}
	if (due == INSTANT_NEVER)
		return;
	wake(account, due);
	account->dirty = true;
}

/* see catalogue.h */
void
auto_redeem(Ledger *ledger, AccountState *account)
{
	Catalogue  *catalogue;

	if (!catalogue_has_automatic(ledger->program))
		return;
	catalogue = catalogue_get(ledger->program);
	auto_redeem_these(ledger, account, catalogue->automatic, catalogue->nautomatic);
}

/* see catalogue.h */
void
auto_redeem_later(Ledger *ledger, AccountState *account)
{
	Catalogue  *catalogue;

	if (!catalogue_has_automatic(ledger->program))
		return;
	catalogue = catalogue_get(ledger->program);
	if (auto_redeem_affordable(ledger, account, catalogue->automatic, catalogue->nautomatic))
		wake(account, account->now);
}

/* see catalogue.h */
bool
auto_redeem_affordable(Ledger *reader, AccountState *account, RewardConfig **rewards,
					   int nrewards)
{
	Program    *program = reader->program;
	Asking		asking;
	bool		affordable = false;
	int			i;

	if (account == NULL || account->status != ACCOUNT_ACTIVE)
		return false;
	asking_begin(&asking, program, reader->snapshot, account);
	for (i = 0; i < nrewards && !affordable; i++)
	{
		const PriceConfig *price = automatic_price(&asking, rewards[i]);

		affordable = price && available(program, account, price) >= price->points;
	}
	asking_end(&asking);
	return affordable;
}

/* see catalogue.h */
void
auto_redeem_these(Ledger *ledger, AccountState *account, RewardConfig **rewards, int nrewards)
{
	Program    *program = ledger->program;
	Asking		asking;
	int			i;

	if (ledger->dry || account->status != ACCOUNT_ACTIVE)
		return;
	asking_begin(&asking, program, ledger->snapshot, account);
	for (i = 0; i < nrewards; i++)
	{
		RewardConfig *reward = rewards[i];
		const PriceConfig *price = automatic_price(&asking, reward);
		int32		pieces = price ?
			affordable_pieces(ledger, account, &asking, reward, price) : 0;

		if (pieces > 0)
		{
			Operation	operation;

			ledger_add_operations(ledger);
			operation_init(&operation, program, "auto_redeem", ENTRY_REDEEM);
			operation.ledger = ledger;
			operation.account = account;
			operation.number = operation_next_number(program);
			operation.within = true;
			if (draw_codes(&operation, reward, pieces))
				redeem_pieces(&operation, reward, price, pieces, NULL, true);
		}
	}
	asking_end(&asking);
	wake_at_renewal(ledger, account, catalogue_get(program));
}
