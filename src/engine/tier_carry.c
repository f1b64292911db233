/*-------------------------------------------------------------------------
 *
 * tier_carry.c
 *	  Points above a threshold that go over to the next period, and years for
 *	  which tiers have been held.
 *
 * The walk tells of what is carried over, at the instant at which a period of
 * the calendar ends.  Readers add it to the lots; the next movement, or
 * book_due, books it: a line dated at that instant, after the expiry of what
 * has ended.  When a late row has the time judged again, what was booked is
 * taken off what the walk tells, and the difference is booked at the same
 * instant.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/arrays.h"
#include "engine/tiers.h"

#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "engine/pages.h"
#include "types/lots.h"

/* -------- carried over -------- */

/* see tiers.h */
void
tiers_note_carry(void *arg, int slot, Points points, Instant at, Instant to)
{
	AccountTiers *tiers = (AccountTiers *) arg;
	TierCarry  *carry;
	int			i;

	for (i = 0; i < tiers->ncarries; i++)
	{
		carry = &tiers->carries[i];
		if (carry->slot == slot && carry->at == at && carry->to == to)
		{
			carry->points += points;
			return;
		}
	}
	if (tiers->ncarries == tiers->carries_capacity)
		tiers->carries = array_grow(tiers->context, tiers->carries, sizeof(TierCarry),
									&tiers->carries_capacity, 4);
	carry = &tiers->carries[tiers->ncarries++];
	carry->slot = slot;
	carry->points = points;
	carry->at = at;
	carry->to = to;
}

/* see tiers.h */
void
tiers_forget_carries(AccountTiers *tiers, Instant from)
{
	int			n = 0;
	int			i;

	for (i = 0; i < tiers->ncarries; i++)
	{
		if (tiers->carries[i].at < from)
			tiers->carries[n++] = tiers->carries[i];
	}
	tiers->ncarries = n;
}

/* see tiers.h */
void
tiers_compare_carries(AccountTiers *tiers, Instant from)
{
	int			i;

	for (i = 0; i < tiers->nlines; i++)
	{
		const TierLine *line = &tiers->lines[i];

		if (line->carried && line->at >= from)
			tiers_note_carry(tiers, line->slot, -line->points, line->at, line->to);
	}
}

/* Order of what is carried over. */
static int
carry_order(const void *a, const void *b)
{
	const TierCarry *left = (const TierCarry *) a;
	const TierCarry *right = (const TierCarry *) b;

	if (left->at != right->at)
		return left->at < right->at ? -1 : 1;
	return (left->slot > right->slot) - (left->slot < right->slot);
}

/* Tells the ledger a line of a lot. */
static void
tell(LedgerSink *sink, EntryKind kind, int32 unit_no, const TierCarry *carry, Points points,
	 Instant at)
{
	Movement	movement = {kind, unit_no, points, carry->at, carry->to, at};

	ledger_sink(sink, &movement);
}

/* Books that fewer points were carried over than was booked: what is left of them. */
static void
book_less(LedgerSink *sink, AccountState *account, int32 unit_no, const TierCarry *carry)
{
	Points		points = -carry->points;

	/* a lot that is over has expired: that was too much, too */
	if (carry->to <= account->now)
	{
		tell(sink, ENTRY_ROLLOVER, unit_no, carry, -points, carry->at);
		tell(sink, ENTRY_EXPIRE, unit_no, carry, points, carry->to);
		return;
	}
	if (account->paged)
		pages_bring_in_lot(sink->ledger, account, carry->at, carry->to);
	points = Min(points, account_lot_points(&account->core, unit_no, carry->at, carry->to));
	if (points <= 0)
		return;
	core_check(account_add_piece(&account->core, unit_no, -points, carry->at, carry->to));
	tell(sink, ENTRY_ROLLOVER, unit_no, carry, -points, carry->at);
}

/* see tiers.h */
void
tiers_book_carries(Ledger *ledger, AccountState *account)
{
	AccountTiers *tiers = account->tiers;
	LedgerSink	sink;
	TierCarry  *carries;
	int			n;
	int			i;

	if (!tiers->config->carries)
		return;
	if (!ledger->history)
		tiers_pass(account, account->now);
	if (tiers->ncarries == 0)
		return;
	n = tiers->ncarries;
	carries = palloc(sizeof(TierCarry) * n);
	memcpy(carries, tiers->carries, sizeof(TierCarry) * n);
	qsort(carries, n, sizeof(TierCarry), carry_order);
	tiers->ncarries = 0;
	memset(&sink, 0, sizeof(sink));
	sink.ledger = ledger;
	sink.account = account;
	for (i = 0; i < n; i++)
	{
		const TierCarry *carry = &carries[i];
		int32		unit_no = tiers->config->units[carry->slot];

		if (carry->points < 0)
			book_less(&sink, account, unit_no, carry);
		if (carry->points <= 0)
			continue;
		core_check(account_add(&account->core, ENTRY_ROLLOVER, unit_no, carry->points,
							   carry->at, carry->to, carry->at, 0, ledger_sink, &sink));

		/* it may be over by now, or repay what is owed */
		account_book(ledger, account, carry->at, account->now);
	}
	account_find_due(account);
	account->dirty = true;
	pfree(carries);
}

/* see tiers.h */
void
tiers_read_carries(AccountState *account, Instant at)
{
	AccountTiers *tiers = account->tiers;
	int			i;

	tiers_walk(account, at);
	for (i = 0; i < tiers->ncarries; i++)
	{
		const TierCarry *carry = &tiers->carries[i];

		if (carry->to > at)
			core_check(account_add(&account->core, ENTRY_ROLLOVER,
								   tiers->config->units[carry->slot], carry->points,
								   carry->at, carry->to, carry->at, 0, NULL, NULL));
	}
	if (tiers->ncarries > 0)
		core_check(account_advance(&account->core, at, at, NULL, NULL));
}

/* -------- views -------- */

/* more often than that nothing is carried over, however few the thresholds ask for */
#define MAX_CARRIES	64

/* Takes what is carried over off lots that end then, those that began last first. */
static void
leave_lots(LotPiece *pieces, int npieces, int32 unit_no, const TierCarry *carry)
{
	Points		rest = carry->points;

	while (rest > 0)
	{
		LotPiece   *last = NULL;
		Points		points;
		int			i;

		for (i = 0; i < npieces; i++)
		{
			if (pieces[i].unit == unit_no && pieces[i].to == carry->at && pieces[i].points > 0 &&
				(last == NULL || pieces[i].from > last->from))
				last = &pieces[i];
		}
		if (last == NULL)
			return;
		points = Min(rest, last->points);
		last->points -= points;
		rest -= points;
	}
}

/*
 * lots_carried_1(lots, stored, tiers, last_at, joined_at, zone, at): lots of
 * an account (zone NULL: the program's) and what is carried over by an instant,
 * which leaves the lots that end; infinity: all that will be if nothing more
 * comes.
 */
LOYALTY_FUNCTION(loyalty_lots_carried);
Datum
loyalty_lots_carried(PG_FUNCTION_ARGS)
{
	AccountState account;
	AccountTiers *tiers;
	Lots		lots = PG_GETARG_LOTS_P(0);
	Instant		at = PG_GETARG_TIMESTAMPTZ(6);
	LotPiece   *pieces;
	int			npieces = LOTS_COUNT(lots);
	int			i;

	memset(&account, 0, sizeof(account));
	account.core.pieces = LOTS_PIECES(lots);
	account.core.npieces = npieces;
	account.last_at = PG_GETARG_TIMESTAMPTZ(3);
	account.joined_at = PG_GETARG_TIMESTAMPTZ(4);
	if (!PG_ARGISNULL(5))
	{
		account.zone_name = text_to_cstring(PG_GETARG_TEXT_PP(5));
		account.zone = tiers_zone(account.zone_name);
	}
	account.now = at;
	tiers_attach(tiers_from_view(PG_GETARG_DATUM(2)), &account,
				 PG_ARGISNULL(1) ? (Datum) 0 : PG_GETARG_DATUM(1), PG_ARGISNULL(1));
	tiers = account.tiers;
	if (at != INSTANT_NEVER)
		tiers_walk(&account, at);
	else
	{
		int			known = -1;

		/* as far as anything ends that is there, and then what was carried over */
		for (i = 0; i < npieces; i++)
		{
			if (account.core.pieces[i].to < INSTANT_ACTIVITY &&
				tiers_slot(tiers->config, account.core.pieces[i].unit) >= 0)
				at = at == INSTANT_NEVER ? account.core.pieces[i].to :
					Max(at, account.core.pieces[i].to);
		}
		while (at != INSTANT_NEVER && known < tiers->ncarries && tiers->ncarries < MAX_CARRIES)
		{
			known = tiers->ncarries;
			tiers_walk(&account, at);
			for (i = 0; i < tiers->ncarries; i++)
			{
				if (tiers->carries[i].to < INSTANT_ACTIVITY)
					at = Max(at, tiers->carries[i].to);
			}
		}
	}
	if (tiers->ncarries == 0)
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));

	pieces = palloc(sizeof(LotPiece) * (npieces + tiers->ncarries));
	memcpy(pieces, LOTS_PIECES(lots), sizeof(LotPiece) * npieces);
	for (i = 0; i < tiers->ncarries; i++)
	{
		const TierCarry *carry = &tiers->carries[i];
		int32		unit_no = tiers->config->units[carry->slot];
		LotPiece	piece = {carry->points, carry->at, carry->to, unit_no, 0};

		leave_lots(pieces, npieces, unit_no, carry);
		pieces[npieces++] = piece;
	}
	core_check(lots_normalize(pieces, &npieces));
	PG_RETURN_LOTS_P(lots_make(pieces, npieces));
}

/* -------- years -------- */

/* see tiers.h */
void
tiers_rewind_years(AccountTiers *tiers, const TierPath *path, Instant at)
{
	TierWalk   *walk = &tiers->walk;
	int			g;
	int			i;

	if (walk->ntenures == 0)
		return;
	memcpy(walk->tenures, tiers->config->tenures, sizeof(TierTenure) * walk->ntenures);
	for (g = 0; g < walk->ngroups; g++)
	{
		TierState	state = walk->states[g];

		walk->states[g].tier_no = 0;
		for (i = 0; i < path->count; i++)
		{
			const TierStay *stay = &path->stays[i];

			if (stay->group != g || stay->at > at)
				continue;
			core_check(tier_count_years(walk, g, stay->at));
			walk->states[g].tier_no = stay->state.tier_no;

			/* taken by hand: it begins anew */
			if (stay->cause == TIER_BY_HAND && stay->state.tier_no == 0)
			{
				int			k;

				for (k = 0; k < walk->ntenures; k++)
				{
					if (walk->tenures[k].group == g)
						walk->tenures[k].held = 0;
				}
			}
		}
		core_check(tier_count_years(walk, g, at));
		walk->states[g] = state;
	}
}
