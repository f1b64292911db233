/*-------------------------------------------------------------------------
 *
 * quote.c
 *	  What a redemption would cost, or why it cannot be; what a member can
 *	  afford.  Nothing is locked or written.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "core/instant.h"
#include "engine/catalogue.h"
#include "engine/pages.h"
#include "engine/read.h"
#include "engine/voucher.h"
#include "types/numbers.h"

/* columns of what quote() returns */
#define QUOTE_COLUMNS 12

/* lots that would be drawn from, as a JSON array */
typedef struct DrawnLots
{
	const AccountState *account;
	StringInfoData json;
} DrawnLots;

/* An instant in JSON; none: null. */
static const char *
json_instant(Instant at)
{
	const char *text = fact_instant(at);

	return text ? text : "null";
}

/* Adds the lot of a movement; a MovementSink. */
static void
add_lot(void *arg, const Movement *movement)
{
	DrawnLots  *lots = (DrawnLots *) arg;
	LotPiece	piece = {0, movement->from, movement->to, movement->unit, 0};
	Instant		end;

	core_check(account_piece_end(&lots->account->core, &piece, &end));
	appendStringInfo(&lots->json, "%s{\"points\": %s, \"active_from\": %s, \"expires_at\": %s}",
					 lots->json.len > 1 ? ", " : "", points_text(-movement->points),
					 json_instant(movement->from), json_instant(end));
}

/*
 * Takes points from a copy of the account's lots; what is missing, 0: nothing.
 */
static Points
try_take(Ledger *reader, AccountState *account, int32 unit_no, Points points,
		 DrawnLots *lots)
{
	LotPiece   *pieces = account->core.pieces;
	int			npieces;
	Points		missing = 0;

	if (points == 0)
		return 0;
	pages_bring_in_for(reader, account, unit_no, points);
	core_check(account_settle(&account->core));
	pieces = account->core.pieces;
	npieces = account->core.npieces;
	account->core.pieces = palloc(sizeof(LotPiece) * Max(1, account->core.capacity));
	memcpy(account->core.pieces, pieces, sizeof(LotPiece) * npieces);
	core_check(account_take(&account->core, ENTRY_REDEEM, unit_no, points, false,
							account->now, 0, &missing, add_lot, lots));
	pfree(account->core.pieces);
	account->core.pieces = pieces;
	account->core.npieces = npieces;
	return missing;
}

/* The program a function was called for. */
static Program *
called_program(FunctionCallInfo fcinfo)
{
	Program    *program = program_get(PG_GETARG_OID(0));

	program_require_owner(&program->ref);
	return program;
}

/* The member's account, in the reader's snapshot; NULL member or none: NULL. */
static AccountState *
called_account(FunctionCallInfo fcinfo, Program *program, Ledger *reader)
{
	if (PG_ARGISNULL(1))
		return NULL;
	return reader_account(reader,
						  member_from_argument(program, get_fn_expr_argtype(fcinfo->flinfo, 1),
											   PG_GETARG_DATUM(1)), NULL, NULL);
}

/* Is it possible, and if not, why: the last columns of a quote. */
static void
put_refusal(const Refusal *refusal, Datum *values, bool *isnull)
{
	StringInfoData text;

	values[8] = BoolGetDatum(refusal->sqlerrcode == 0);
	isnull[8] = false;
	isnull[9] = isnull[10] = isnull[11] = refusal->sqlerrcode == 0;
	if (refusal->sqlerrcode == 0)
		return;
	initStringInfo(&text);
	appendStringInfoString(&text, refusal->message);
	if (refusal->detail)
		appendStringInfo(&text, ". %s", refusal->detail);
	values[9] = CStringGetTextDatum(unpack_sql_state(refusal->sqlerrcode));
	values[10] = CStringGetTextDatum(text.data);
	values[11] = JsonbPGetDatum(refusal_object(refusal));
}

/* Is the member one who may redeem at all? */
static void
check_member(Program *program, AccountState *account, Refusal *refusal)
{
	if (account->status == ACCOUNT_ACTIVE)
		return;
	refuse(refusal, ERRCODE_LOYALTY_MEMBER_NOT_ACTIVE, NULL, NULL,
		   "member \"%s\" is not active", member_text(program, account->member));
	refusal_about(refusal, "member", "status",
				  facts("member", fact_text(member_text(program, account->member)),
						"status", fact_text(member_status_text(account->status)), NULL));
}

/* Is there enough of it, and of the codes that come with it? */
static bool
check_stock(Program *program, AccountState *account, const RewardConfig *reward,
			int32 quantity, Refusal *refusal)
{
	if (reward->limited)
	{
		int64		left = stock_left(program, reward->reward_no, account->now, false);

		if (left < quantity)
		{
			stock_refusal(refusal, reward, left, quantity);
			return false;
		}
	}
	return reward->pool == NULL ||
		voucher_suffices(program, reward->pool, quantity, account->now, refusal);
}

/*
 * quote_1(program, member, reward, quantity): a row for each price.
 */
LOYALTY_FUNCTION(loyalty_quote);
Datum
loyalty_quote(PG_FUNCTION_ARGS)
{
	Program    *program = called_program(fcinfo);
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	RewardConfig *reward = reward_argument(fcinfo, 2, program);
	int32		quantity = quantity_argument(fcinfo, 3);
	AccountState *account;
	Refusal		general = {0};
	Refusal		stock = {0};
	Ledger		reader;
	Asking		asking;
	int			i;

	InitMaterializedSRF(fcinfo, 0);
	reader_open(&reader, program);
	account = called_account(fcinfo, program, &reader);
	if (account == NULL)
	{
		if (PG_ARGISNULL(1))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("member must not be null")));
		refuse_stranger(program, member_from_argument(program,
													  get_fn_expr_argtype(fcinfo->flinfo, 1),
													  PG_GETARG_DATUM(1)));
	}
	asking_begin(&asking, program, reader.snapshot, account);
	check_member(program, account, &general);
	if (general.sqlerrcode == 0 && reward_is_open(&asking, reward, &general) &&
		redemption_within_limits(program, account, reward, quantity, 0, &general))
		check_stock(program, account, reward, quantity, &stock);

	for (i = 0; i < reward->nprices; i++)
	{
		const PriceConfig *price = &reward->prices[i];
		UnitConfig *unit = rules_unit(program->rules, price->unit_no);
		Points		points = price_points(price, quantity);
		Points		available = points_shown(account_unit_balance(account, unit->unit_no).available,
											 unit->decimals);
		DrawnLots	lots = {account};
		Refusal		refusal = general;
		Points		missing;
		Datum		values[QUOTE_COLUMNS];
		bool		isnull[QUOTE_COLUMNS] = {0};

		initStringInfo(&lots.json);
		appendStringInfoChar(&lots.json, '[');
		missing = try_take(&reader, account, unit->unit_no, points, &lots);
		appendStringInfoChar(&lots.json, ']');
		if (refusal.sqlerrcode == 0 &&
			reward_price(&asking, reward, price->name, &refusal) &&
			redeem_check_price(program, reward, price, &refusal) && missing > 0)
		{
			refuse(&refusal, ERRCODE_LOYALTY_INSUFFICIENT_POINTS,
				   psprintf("Missing %s.", points_text(missing)), NULL,
				   "insufficient %s: %s available, %s needed", unit->name,
				   points_text(available), points_text(points));
			refusal_about(&refusal, "balances", "available",
						  insufficient_facts(program, account, unit, points, missing));
		}
		if (refusal.sqlerrcode == 0)
			refusal = stock;	/* which redeem() looks at last */

		values[0] = CStringGetTextDatum(price->name);
		values[1] = CStringGetTextDatum(unit->name);
		values[2] = NumericGetDatum(points_to_numeric(points));
		isnull[3] = price->money == 0;
		if (price->money)
			values[3] = DirectFunctionCall2(numeric_mul, price->money,
											DirectFunctionCall1(int4_numeric,
																Int32GetDatum(quantity)));
		values[4] = NumericGetDatum(points_to_numeric(available));
		isnull[5] = missing > 0;
		values[5] = NumericGetDatum(points_to_numeric(available - points));
		values[6] = NumericGetDatum(points_to_numeric(missing));
		isnull[7] = missing > 0;
		if (missing == 0)
			values[7] = DirectFunctionCall1(jsonb_in, CStringGetDatum(lots.json.data));
		put_refusal(&refusal, values, isnull);
		tuplestore_putvalues(result->setResult, result->setDesc, values, isnull);
	}
	if (reward->nprices == 0)
	{
		Datum		values[QUOTE_COLUMNS];
		bool		isnull[QUOTE_COLUMNS];

		memset(isnull, true, sizeof(isnull));
		if (general.sqlerrcode == 0)
			(void) reward_price(&asking, reward, NULL, &general);
		put_refusal(&general, values, isnull);
		tuplestore_putvalues(result->setResult, result->setDesc, values, isnull);
	}
	asking_end(&asking);
	reader_close(&reader);
	return (Datum) 0;
}

/* -------- what a member can afford -------- */

/* a reward at a price that the member could have, were there points enough */
typedef struct Offer
{
	const RewardConfig *reward;
	const PriceConfig *price;
	Points		available;
	Points		missing;
	bool		next;			/* of those out of reach the nearest, in its unit */
} Offer;

/* Points missing for a price: what account_take would say. */
static Points
points_missing(AccountState *account, const UnitConfig *unit, Points points,
			   Points *available)
{
	UnitBalance balance = account_unit_balance(account, unit->unit_no);

	*available = points_shown(balance.available, unit->decimals);
	return points <= balance.available ? 0 : points - balance.available + balance.debt;
}

/* Marks the nearest of those out of reach, for each unit. */
static void
mark_next(Offer *offers, int noffers)
{
	int			i;
	int			k;

	for (i = 0; i < noffers; i++)
	{
		bool		nearest = offers[i].missing > 0;

		for (k = 0; k < noffers && nearest; k++)
			nearest = offers[k].missing == 0 ||
				offers[k].price->unit_no != offers[i].price->unit_no ||
				offers[k].missing >= offers[i].missing;
		offers[i].next = nearest;
	}
}

/*
 * offers_1(program, member): rewards that the member may have, and whether he
 * can afford them.
 */
LOYALTY_FUNCTION(loyalty_offers);
Datum
loyalty_offers(PG_FUNCTION_ARGS)
{
	Program    *program = called_program(fcinfo);
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Catalogue  *catalogue = catalogue_get(program);
	Ledger		reader;
	AccountState *account;
	Asking		asking;
	Offer	   *offers;
	int			noffers = 0;
	int			nprices = 0;
	int			i;
	int			k;

	InitMaterializedSRF(fcinfo, 0);
	for (i = 0; i < catalogue->nrewards; i++)
		nprices += catalogue->rewards[i].nprices;
	offers = palloc(sizeof(Offer) * Max(1, nprices));

	reader_open(&reader, program);
	account = called_account(fcinfo, program, &reader);
	if (account && account->status == ACCOUNT_ACTIVE)
	{
		asking_begin(&asking, program, reader.snapshot, account);
		for (i = 0; i < catalogue->nrewards; i++)
		{
			RewardConfig *reward = &catalogue->rewards[i];
			Refusal		refusal = {0};

			CHECK_FOR_INTERRUPTS();
			if (reward->nprices == 0 || !reward_is_open(&asking, reward, &refusal) ||
				!redemption_within_limits(program, account, reward, 1, 0, &refusal))
				continue;
			if (!check_stock(program, account, reward, 1, &refusal))
				continue;
			for (k = 0; k < reward->nprices; k++)
			{
				const PriceConfig *price = &reward->prices[k];
				UnitConfig *unit = rules_unit(program->rules, price->unit_no);
				Offer	   *offer = &offers[noffers];

				if (!unit->spendable || !price_applies(&asking, price))
					continue;
				offer->reward = reward;
				offer->price = price;
				offer->missing = points_missing(account, unit, price->points,
												&offer->available);
				noffers++;
			}
		}
		asking_end(&asking);
	}
	mark_next(offers, noffers);
	for (i = 0; i < noffers; i++)
	{
		Offer	   *offer = &offers[i];
		Datum		values[9];
		bool		isnull[9] = {0};

		values[0] = CStringGetTextDatum(offer->reward->name);
		values[1] = CStringGetTextDatum(offer->price->name);
		values[2] = CStringGetTextDatum(rules_unit(program->rules, offer->price->unit_no)->name);
		values[3] = NumericGetDatum(points_to_numeric(offer->price->points));
		values[4] = offer->price->money;
		isnull[4] = offer->price->money == 0;
		values[5] = NumericGetDatum(points_to_numeric(offer->available));
		values[6] = BoolGetDatum(offer->missing == 0);
		values[7] = NumericGetDatum(points_to_numeric(offer->missing));
		values[8] = BoolGetDatum(offer->next);
		tuplestore_putvalues(result->setResult, result->setDesc, values, isnull);
	}
	reader_close(&reader);
	return (Datum) 0;
}
