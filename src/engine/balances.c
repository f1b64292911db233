/*-------------------------------------------------------------------------
 *
 * balances.c
 *	  What the views over all members compute of one account and one unit.
 *
 * A view runs its functions with the rights of whoever reads it, and in
 * parallel workers.  So these functions read no table and no configuration:
 * all they need are columns, which the view brings as these arguments:
 *
 *		0	lots		of the account, pages included
 *		1	holds		what is set aside of them; empty: nothing
 *		2	unit_no
 *		3	last_at		instant the lots were advanced to
 *		4	next_due	nothing is due before
 *		5	ending		end of lots that follow activity, see activity_end_1
 *		6	at			instant that is asked for, not before last_at
 *
 * As long as nothing is due they only add up.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/account.h"
#include "engine/pages.h"
#include "engine/read.h"
#include "types/lots.h"
#include "types/numbers.h"
#include "types/period.h"
#include "types/zone.h"

/* the arguments */
typedef struct View
{
	const LotPiece *pieces;
	int			npieces;
	HeldPiece  *held;			/* NULL: none */
	int			nheld;
	int32		unit_no;
	Instant		ending;
	Instant		at;
	Points		lapsed;			/* since last_at */
} View;

/* when and how much lapses */
typedef struct Lapse
{
	Instant		at;
	Points		points;
} Lapse;

typedef struct Lapses
{
	Lapse	   *items;
	int			count;
	int			capacity;
	bool		first_only;
} Lapses;

/* -------- advancing in memory -------- */

static void
grow_pieces(Account *account, int capacity)
{
	account->pieces = repalloc_huge(account->pieces, sizeof(LotPiece) * capacity);
	account->capacity = capacity;
}

/* The end of a lot; granted after the others lapsed, it ends at once. */
static inline Instant
piece_end(const View *view, const LotPiece *piece)
{
	return piece->to == INSTANT_ACTIVITY ? Max(view->ending, piece->from) : piece->to;
}

/*
 * The unit's lots as an account of their own, whose lots that follow activity
 * have got their end.
 */
static void
make_account(const View *view, Account *account)
{
	int			i;

	memset(account, 0, sizeof(Account));
	account->capacity = view->npieces + 8;
	account->pieces = palloc_extended(sizeof(LotPiece) * account->capacity, MCXT_ALLOC_HUGE);
	account->grow = grow_pieces;
	for (i = 0; i < view->npieces; i++)
	{
		LotPiece	piece = view->pieces[i];

		if (piece.unit != view->unit_no)
			continue;
		piece.to = piece_end(view, &piece);
		account->pieces[account->npieces++] = piece;
	}
	core_check(lots_normalize(account->pieces, &account->npieces));
	if (view->nheld == 0)
		return;
	account->held = palloc(sizeof(HeldPiece) * view->nheld);
	account->held_capacity = view->nheld;
	for (i = 0; i < view->nheld; i++)
	{
		HeldPiece	held = view->held[i];

		if (held.unit != view->unit_no)
			continue;
		if (held.to == INSTANT_ACTIVITY)
			held.to = held.over ? held.from : Max(view->ending, held.from);
		account->held[account->nheld++] = held;
	}
}

/* Adds what lapses to a sum; a MovementSink. */
static void
sum_lapsed(void *arg, const Movement *movement)
{
	Points	   *lapsed = (Points *) arg;

	if (movement->kind == ENTRY_EXPIRE)
		core_check(points_sub(*lapsed, movement->points, lapsed) ? CORE_OK : CORE_RANGE);
}

/* Notes when how much lapses; a MovementSink.  Movements come in order. */
static void
note_lapse(void *arg, const Movement *movement)
{
	Lapses	   *lapses = (Lapses *) arg;

	if (movement->kind != ENTRY_EXPIRE)
		return;
	if (lapses->count == 0 ||
		lapses->items[lapses->count - 1].at != movement->occurred_at)
	{
		if (lapses->first_only && lapses->count > 0)
			return;
		if (lapses->count == lapses->capacity)
		{
			lapses->capacity *= 2;
			lapses->items = repalloc(lapses->items, sizeof(Lapse) * lapses->capacity);
		}
		lapses->items[lapses->count].at = movement->occurred_at;
		lapses->items[lapses->count++].points = 0;
	}
	lapses->items[lapses->count - 1].points -= movement->points;
}

/* Takes the arguments, and the lots to the instant. */
static void
open_view(FunctionCallInfo fcinfo, View *view)
{
	Lots		lots = PG_GETARG_LOTS_P(0);
	TimestampTz since = PG_GETARG_TIMESTAMPTZ(3);
	TimestampTz next_due = PG_GETARG_TIMESTAMPTZ(4);

	view->pieces = LOTS_PIECES(lots);
	view->npieces = LOTS_COUNT(lots);
	view->held = holds_unpack(PG_GETARG_DATUM(1), &view->nheld);
	view->unit_no = PG_GETARG_INT16(2);
	view->ending = PG_GETARG_TIMESTAMPTZ(5);
	view->at = PG_GETARG_TIMESTAMPTZ(6);
	view->lapsed = 0;
	if (next_due <= view->at || view->ending <= view->at)
	{
		Account		account;

		make_account(view, &account);
		core_check(account_advance(&account, since, view->at, sum_lapsed, &view->lapsed));
		view->pieces = account.pieces;
		view->npieces = account.npieces;
		view->held = account.held;
		view->nheld = account.nheld;
	}
}

/* Is it what the member owes? */
static inline bool
is_debt(const LotPiece *piece)
{
	return piece->points < 0 && piece->from == DEBT_FROM && piece->to == DEBT_TO;
}

/* Adds up what is available, pending and owed. */
static void
add_up(const View *view, UnitBalance *balance)
{
	CoreInt128	active = 0;
	CoreInt128	pending = 0;
	CoreInt128	debt = 0;
	CoreInt128	held = 0;
	int			i;

	for (i = 0; i < view->npieces; i++)
	{
		const LotPiece *piece = &view->pieces[i];

		if (piece->unit != view->unit_no)
			continue;
		if (is_debt(piece))
			debt -= piece->points;
		else if (piece->from > view->at)
			pending += piece->points;
		else
			active += piece->points;
	}
	for (i = 0; i < view->nheld; i++)
	{
		if (view->held[i].unit == view->unit_no)
			held += view->held[i].points;
	}
	active = active > debt ? active - debt : 0;
	if (active > POINTS_MAX || pending > POINTS_MAX || debt > POINTS_MAX || held > POINTS_MAX)
		core_check(CORE_RANGE);
	balance->available = (Points) active;
	balance->pending = (Points) pending;
	balance->held = (Points) held;
	balance->debt = (Points) debt;
}

/* Finds what lapses when after the instant, if nothing else happens. */
static void
find_lapses(const View *view, Lapses *lapses)
{
	Account		account;

	lapses->capacity = 8;
	lapses->count = 0;
	lapses->items = palloc(sizeof(Lapse) * lapses->capacity);
	make_account(view, &account);
	core_check(account_advance(&account, view->at, INSTANT_NEVER, note_lapse, lapses));
}

/* The next lapse; false if there is none. */
static bool
next_lapse(const View *view, Lapse *lapse)
{
	Lapses		lapses;
	int			i;

	/* as long as nothing is owed or held, it is the nearest end */
	lapse->at = INSTANT_NEVER;
	lapse->points = 0;
	for (i = view->nheld > 0 ? view->npieces + 1 : 0; i < view->npieces; i++)
	{
		const LotPiece *piece = &view->pieces[i];
		Instant		end = piece_end(view, piece);

		if (piece->unit != view->unit_no)
			continue;
		if (is_debt(piece))
			break;
		if (end < lapse->at)
		{
			lapse->at = end;
			lapse->points = piece->points;
		}
		else if (end == lapse->at)
			lapse->points += piece->points;
	}
	if (i != view->npieces)
	{
		lapses.first_only = true;
		find_lapses(view, &lapses);
		if (lapses.count == 0)
			return false;
		*lapse = lapses.items[0];
	}
	return lapse->at != INSTANT_NEVER;
}

/* -------- functions -------- */

/*
 * clock_1(test_clock, clock): the program's now.
 */
LOYALTY_FUNCTION(loyalty_clock);
Datum
loyalty_clock(PG_FUNCTION_ARGS)
{
	TimestampTz *now;

	if (!PG_ARGISNULL(0) && PG_GETARG_BOOL(0) && !PG_ARGISNULL(1))
		PG_RETURN_TIMESTAMPTZ(PG_GETARG_TIMESTAMPTZ(1));

	/* one instant for all rows of a query */
	now = (TimestampTz *) fcinfo->flinfo->fn_extra;
	if (now == NULL)
	{
		now = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(TimestampTz));
		*now = GetCurrentTimestamp();
		fcinfo->flinfo->fn_extra = now;
	}
	PG_RETURN_TIMESTAMPTZ(*now);
}

/*
 * activity_end_1(usage, unit_no, expires, zone): when the lots of a unit that
 * follow activity end as things stand; infinity if no lots do, or if there has
 * been no activity.
 */
LOYALTY_FUNCTION(loyalty_activity_end);
Datum
loyalty_activity_end(PG_FUNCTION_ARGS)
{
	Period	   *expires = PG_GETARG_PERIOD_P(2);
	bytea	   *usage;
	const char *items;
	int			count;
	int			i;

	if (expires->kind != PERIOD_ACTIVITY || PG_ARGISNULL(0))
		PG_RETURN_TIMESTAMPTZ(DT_NOEND);
	usage = PG_GETARG_BYTEA_PP(0);
	items = VARDATA_ANY(usage);
	count = VARSIZE_ANY_EXHDR(usage) / sizeof(UsageItem);
	for (i = 0; i < count; i++)
	{
		UsageItem	item;

		memcpy(&item, items + i * sizeof(UsageItem), sizeof(UsageItem));
		if (item.key == -PG_GETARG_INT16(1))
		{
			pg_tz	   *tz = zone_lookup(text_to_cstring(PG_GETARG_TEXT_PP(3)));
			Zone		zone = zone_for_tz(tz ? tz : pg_tzset("UTC"));
			Instant		end;

			core_check(period_end(expires, item.at, &zone, &end));
			PG_RETURN_TIMESTAMPTZ(end);
		}
	}
	PG_RETURN_TIMESTAMPTZ(DT_NOEND);
}

/*
 * What an account has of the unit that a function was called for.
 */
static UnitBalance
balance_of_call(FunctionCallInfo fcinfo)
{
	View		view;
	UnitBalance balance;

	open_view(fcinfo, &view);
	add_up(&view, &balance);
	return balance;
}

/*
 * account_available_1: points available.
 */
LOYALTY_FUNCTION(loyalty_account_available);
Datum
loyalty_account_available(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(balance_of_call(fcinfo).available);
}

/*
 * account_pending_1: points not yet active.
 */
LOYALTY_FUNCTION(loyalty_account_pending);
Datum
loyalty_account_pending(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(balance_of_call(fcinfo).pending);
}

/*
 * account_held_1: points that open holds have set aside.
 */
LOYALTY_FUNCTION(loyalty_account_held);
Datum
loyalty_account_held(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(balance_of_call(fcinfo).held);
}

/*
 * account_debt_1: points owed.
 */
LOYALTY_FUNCTION(loyalty_account_debt);
Datum
loyalty_account_debt(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(balance_of_call(fcinfo).debt);
}

/*
 * account_outstanding_1: points there are, whether or not they can be spent
 * yet, or are set aside.
 */
LOYALTY_FUNCTION(loyalty_account_outstanding);
Datum
loyalty_account_outstanding(PG_FUNCTION_ARGS)
{
	UnitBalance balance = balance_of_call(fcinfo);
	Points		sum;

	if (!points_add(balance.available, balance.pending, &sum) ||
		!points_add(sum, balance.held, &sum))
		core_check(CORE_RANGE);
	PG_RETURN_INT64(sum);
}

/*
 * account_lapsed_1: points that have lapsed, but not been booked so yet.
 */
LOYALTY_FUNCTION(loyalty_account_lapsed);
Datum
loyalty_account_lapsed(PG_FUNCTION_ARGS)
{
	View		view;

	open_view(fcinfo, &view);
	PG_RETURN_INT64(view.lapsed);
}

/*
 * account_next_expiry_1: when the next points lapse; NULL: none will.
 */
LOYALTY_FUNCTION(loyalty_account_next_expiry);
Datum
loyalty_account_next_expiry(PG_FUNCTION_ARGS)
{
	View		view;
	Lapse		lapse;

	open_view(fcinfo, &view);
	if (!next_lapse(&view, &lapse))
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(lapse.at);
}

/*
 * account_next_expiry_points_1: how many lapse then.
 */
LOYALTY_FUNCTION(loyalty_account_next_expiry_points);
Datum
loyalty_account_next_expiry_points(PG_FUNCTION_ARGS)
{
	View		view;
	Lapse		lapse;

	open_view(fcinfo, &view);
	if (!next_lapse(&view, &lapse))
		PG_RETURN_NULL();
	PG_RETURN_INT64(lapse.points);
}

/*
 * account_expiring_1: all that will lapse, if nothing else happens.
 */
LOYALTY_FUNCTION(loyalty_account_expiring);
Datum
loyalty_account_expiring(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	View		view;
	Lapses		lapses;
	int			i;

	InitMaterializedSRF(fcinfo, 0);
	open_view(fcinfo, &view);
	lapses.first_only = false;
	find_lapses(&view, &lapses);
	for (i = 0; i < lapses.count; i++)
	{
		Datum		values[2];
		bool		isnull[2] = {0};

		values[0] = TimestampTzGetDatum(lapses.items[i].at);
		values[1] = Int64GetDatum(lapses.items[i].points);
		tuplestore_putvalues(result->setResult, result->setDesc, values, isnull);
	}
	return (Datum) 0;
}

/*
 * account_due_1: the first instant at which something of the lots is due.
 */
LOYALTY_FUNCTION(loyalty_account_due);
Datum
loyalty_account_due(PG_FUNCTION_ARGS)
{
	Lots		lots = PG_GETARG_LOTS_P(0);
	View		view;
	Account		account;
	Instant		due;

	memset(&view, 0, sizeof(view));
	view.pieces = LOTS_PIECES(lots);
	view.npieces = LOTS_COUNT(lots);
	view.held = holds_unpack(PG_GETARG_DATUM(1), &view.nheld);
	view.unit_no = PG_GETARG_INT16(2);
	view.ending = PG_GETARG_TIMESTAMPTZ(5);

	make_account(&view, &account);
	core_check(account_next_due(&account, &due));
	PG_RETURN_TIMESTAMPTZ(due);
}

/*
 * account_holds_1(holds): what account.holds holds.
 */
LOYALTY_FUNCTION(loyalty_account_holds);
Datum
loyalty_account_holds(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	HeldPiece  *held;
	int			nheld;
	int			i;

	InitMaterializedSRF(fcinfo, 0);
	held = holds_unpack(PG_GETARG_DATUM(0), &nheld);
	for (i = 0; i < nheld; i++)
	{
		Datum		values[6];
		bool		isnull[6] = {0};

		values[0] = Int64GetDatum(held[i].hold_no);
		values[1] = Int16GetDatum((int16) held[i].unit);
		values[2] = Int64GetDatum(held[i].points);
		values[3] = TimestampTzGetDatum(held[i].from);
		values[4] = TimestampTzGetDatum(held[i].to);
		isnull[4] = held[i].to == INSTANT_ACTIVITY;
		values[5] = TimestampTzGetDatum(held[i].deadline);
		tuplestore_putvalues(result->setResult, result->setDesc, values, isnull);
	}
	return (Datum) 0;
}

/*
 * account_usage_1(usage): what account.usage holds.
 */
LOYALTY_FUNCTION(loyalty_account_usage);
Datum
loyalty_account_usage(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	bytea	   *usage = PG_GETARG_BYTEA_PP(0);
	int			count = VARSIZE_ANY_EXHDR(usage) / sizeof(UsageItem);
	int			i;

	InitMaterializedSRF(fcinfo, 0);
	for (i = 0; i < count; i++)
	{
		UsageItem	item;
		Datum		values[3];
		bool		isnull[3] = {0};

		memcpy(&item, VARDATA_ANY(usage) + i * sizeof(UsageItem), sizeof(UsageItem));
		values[0] = Int32GetDatum(item.key);
		values[1] = TimestampTzGetDatum(item.at);
		values[2] = Int64GetDatum(item.used);
		tuplestore_putvalues(result->setResult, result->setDesc, values, isnull);
	}
	return (Datum) 0;
}

/*
 * account_paged_1(paged): what account.paged says that pages hold.
 */
LOYALTY_FUNCTION(loyalty_account_paged);
Datum
loyalty_account_paged(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	AccountState account;
	int			i;

	InitMaterializedSRF(fcinfo, 0);
	pages_attach(&account, PG_GETARG_DATUM(0));
	for (i = 0; i < account.paged->summary.nunits; i++)
	{
		PagedUnit  *unit = &account.paged->units[i];
		Datum		values[3];
		bool		isnull[3] = {0};

		values[0] = Int32GetDatum(unit->unit);
		values[1] = Int64GetDatum(unit->active);
		values[2] = Int64GetDatum(unit->pending);
		tuplestore_putvalues(result->setResult, result->setDesc, values, isnull);
	}
	return (Datum) 0;
}

/*
 * shown_1(points, decimals): points as members see them.
 */
LOYALTY_FUNCTION(loyalty_shown);
Datum
loyalty_shown(PG_FUNCTION_ARGS)
{
	PG_RETURN_NUMERIC(points_to_numeric(points_shown(PG_GETARG_INT64(0),
													 PG_GETARG_INT16(1))));
}
