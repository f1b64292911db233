/*-------------------------------------------------------------------------
 *
 * redemption.c
 *	  Who has redeemed what: rows of table redemption, and limits.
 *
 * A member's redemptions change under the lock of his account, but for what a
 * hold that has lapsed gives back to the stock, which whoever needs it takes.
 * So where both are locked, the stock comes before the redemption.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "core/instant.h"
#include "engine/catalogue.h"
#include "engine/keyed.h"
#include "engine/layout.h"
#include "engine/plan.h"
#include "engine/spend.h"
#include "engine/voucher.h"
#include "engine/writer.h"
#include "types/numbers.h"

/* see plan_execute */
static const char find_plan = 0;
static const char insert_plan = 0;
static const char capture_plan = 0;
static const char slot_plan = 0;
static const char cancel_plan = 0;

/* -------- rows -------- */

/* see catalogue.h */
bool
redemption_find(Program *program, int64 number, Redemption *row)
{
	MemoryContext context = CurrentMemoryContext;
	Oid			types[1] = {INT8OID};
	Datum		values[1] = {Int64GetDatum(number)};
	bool		found;

	memset(row, 0, sizeof(Redemption));
	SPI_connect();
	plan_execute(program, &find_plan,
				 "SELECT redemption_no, reward_no, quantity, cancelled, unit_no, points,"
				 " redeemed_at, held_until, stock_slot, valid_until, code, price, held_pool_no"
				 " FROM %s.redemption WHERE redemption_no OPERATOR(pg_catalog.=) $1",
				 1, types, values, false, SPI_OK_SELECT);
	found = SPI_processed > 0;
	if (found)
	{
		HeapTuple	tuple = SPI_tuptable->vals[0];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		MemoryContext old = MemoryContextSwitchTo(context);
		bool		isnull;
		Datum		value;

		row->number = number;
		row->reward_no = DatumGetInt32(SPI_getbinval(tuple, desc, 2, &isnull));
		row->quantity = DatumGetInt32(SPI_getbinval(tuple, desc, 3, &isnull));
		row->cancelled = DatumGetInt32(SPI_getbinval(tuple, desc, 4, &isnull));
		row->unit_no = DatumGetInt16(SPI_getbinval(tuple, desc, 5, &isnull));
		row->points = DatumGetInt64(SPI_getbinval(tuple, desc, 6, &isnull));
		row->redeemed_at = DatumGetTimestampTz(SPI_getbinval(tuple, desc, 7, &isnull));
		row->held_until = DatumGetTimestampTz(SPI_getbinval(tuple, desc, 8, &isnull));
		row->held = !isnull;
		SPI_getbinval(tuple, desc, 9, &isnull);
		row->has_slot = !isnull;
		value = SPI_getbinval(tuple, desc, 10, &isnull);
		row->valid_until = isnull ? DT_NOEND : DatumGetTimestampTz(value);
		value = SPI_getbinval(tuple, desc, 11, &isnull);
		row->code = isnull ? NULL : TextDatumGetCString(value);
		row->price = TextDatumGetCString(SPI_getbinval(tuple, desc, 12, &isnull));
		value = SPI_getbinval(tuple, desc, 13, &isnull);
		row->held_pool_no = isnull ? 0 : DatumGetInt32(value);
		MemoryContextSwitchTo(old);
	}
	SPI_finish();
	return found;
}

/* What the row in a slot says, in the current context. */
static void
read_slot(TupleTableSlot *slot, Redemption *row)
{
	Datum	   *values = slot->tts_values;
	bool	   *isnull = slot->tts_isnull;

	slot_getallattrs(slot);
	memset(row, 0, sizeof(Redemption));
	row->number = DatumGetInt64(values[REDEMPTION_NO]);
	row->reward_no = DatumGetInt32(values[REDEMPTION_REWARD_NO]);
	row->quantity = DatumGetInt32(values[REDEMPTION_QUANTITY]);
	row->cancelled = DatumGetInt32(values[REDEMPTION_CANCELLED]);
	row->unit_no = DatumGetInt16(values[REDEMPTION_UNIT_NO]);
	row->points = DatumGetInt64(values[REDEMPTION_POINTS]);
	row->redeemed_at = DatumGetTimestampTz(values[REDEMPTION_REDEEMED_AT]);
	row->held = !isnull[REDEMPTION_HELD_UNTIL];
	row->held_until = row->held ? DatumGetTimestampTz(values[REDEMPTION_HELD_UNTIL]) : 0;
	row->has_slot = !isnull[REDEMPTION_STOCK_SLOT];
	row->valid_until = isnull[REDEMPTION_VALID_UNTIL] ? DT_NOEND :
		DatumGetTimestampTz(values[REDEMPTION_VALID_UNTIL]);
	row->code = isnull[REDEMPTION_CODE] ? NULL : TextDatumGetCString(values[REDEMPTION_CODE]);
	row->price = TextDatumGetCString(values[REDEMPTION_PRICE]);
	row->held_pool_no = isnull[REDEMPTION_HELD_POOL_NO] ? 0 :
		DatumGetInt32(values[REDEMPTION_HELD_POOL_NO]);
}

/*
 * The same for a member whose account is locked, without a statement if that may
 * be: then true, and the row is in the writer's slot until keyed_close.
 */
static bool
open_locked(Operation *operation, int64 number, TableWriter *writer, Redemption *row)
{
	Datum		key = Int64GetDatum(number);
	bool		keyed = keyed_open(operation->ledger, writer, operation->program->redemption);

	if (keyed ? !keyed_find(operation->ledger, writer, &key) :
		!redemption_find(operation->program, number, row))
		elog(ERROR, "there is no redemption " INT64_FORMAT, number);
	if (keyed)
		read_slot(writer->slot, row);
	return keyed;
}

/* The same, and nothing stays open. */
static void
find_locked(Operation *operation, int64 number, Redemption *row)
{
	TableWriter writer;

	if (open_locked(operation, number, &writer, row))
		keyed_close(&writer);
}

/* Inserts a row, where triggers must fire, by a statement. */
static void
insert_by_statement(Program *program, Datum *values, const bool *isnull)
{
	Oid			types[REDEMPTION_COLUMNS] = {INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID,
		TIMESTAMPTZOID, INT8OID, INT4OID, INT4OID, INT4OID, INT4OID, INT2OID, INT2OID, BOOLOID,
	BOOLOID, program->ref.member_type, TEXTOID, NUMERICOID, TEXTOID};
	char		nulls[REDEMPTION_COLUMNS + 1];
	int			i;

	/* points travel as numeric */
	types[REDEMPTION_POINTS] = NUMERICOID;
	values[REDEMPTION_POINTS] =
		NumericGetDatum(points_to_numeric(DatumGetInt64(values[REDEMPTION_POINTS])));
	for (i = 0; i < REDEMPTION_COLUMNS; i++)
		nulls[i] = isnull[i] ? 'n' : ' ';
	nulls[i] = '\0';
	SPI_connect();
	plan_execute_nulls(program, &insert_plan,
					   "INSERT INTO %s.redemption VALUES ($1, $2, $3, $4, $5::loyalty.points,"
					   " $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
					   REDEMPTION_COLUMNS, types, values, nulls, false, SPI_OK_INSERT);
	SPI_finish();
}

/* see catalogue.h */
void
redemption_insert(Operation *operation, const RewardConfig *reward, const PriceConfig *price,
				  int32 quantity, const TimestampTz *held_until, int16 stock_slot,
				  TimestampTz valid_until, const char *code, int32 held_pool_no,
				  bool codes_held, bool automatic)
{
	Ledger	   *ledger = operation->ledger;
	TableWriter writer = {0};
	Datum		values[REDEMPTION_COLUMNS] = {0};
	bool		isnull[REDEMPTION_COLUMNS] = {0};
	bool		fires_triggers;

	values[REDEMPTION_NO] = Int64GetDatum(operation->number);
	values[REDEMPTION_REDEEMED_AT] = TimestampTzGetDatum(operation->account->now);
	isnull[REDEMPTION_HELD_UNTIL] = held_until == NULL;
	if (held_until)
		values[REDEMPTION_HELD_UNTIL] = TimestampTzGetDatum(*held_until);
	isnull[REDEMPTION_VALID_UNTIL] = valid_until == DT_NOEND;
	values[REDEMPTION_VALID_UNTIL] = TimestampTzGetDatum(valid_until);
	values[REDEMPTION_POINTS] = Int64GetDatum(price->points);
	values[REDEMPTION_REWARD_NO] = Int32GetDatum(reward->reward_no);
	values[REDEMPTION_QUANTITY] = Int32GetDatum(quantity);
	values[REDEMPTION_CANCELLED] = Int32GetDatum(0);
	isnull[REDEMPTION_HELD_POOL_NO] = held_pool_no == 0;
	values[REDEMPTION_HELD_POOL_NO] = Int32GetDatum(held_pool_no);
	values[REDEMPTION_UNIT_NO] = Int16GetDatum(price->unit_no);
	isnull[REDEMPTION_STOCK_SLOT] = stock_slot < 0 || held_until == NULL;
	values[REDEMPTION_STOCK_SLOT] = Int16GetDatum(stock_slot);
	values[REDEMPTION_AUTOMATIC] = BoolGetDatum(automatic);
	values[REDEMPTION_CODES_HELD] = BoolGetDatum(codes_held);
	values[REDEMPTION_MEMBER_ID] = operation->account->member;
	values[REDEMPTION_PRICE] = CStringGetTextDatum(price->name);
	isnull[REDEMPTION_MONEY] = price->money == 0;
	values[REDEMPTION_MONEY] = price->money;
	isnull[REDEMPTION_CODE] = code == NULL;
	if (code)
		values[REDEMPTION_CODE] = CStringGetTextDatum(code);

	fires_triggers = ledger->fires_triggers;
	writer_open(ledger, &writer, operation->program->redemption);
	ledger->fires_triggers = fires_triggers;
	if (writer.plain)
	{
		TupleTableSlot *slot = writer_next(ledger, &writer);

		memcpy(slot->tts_values, values, sizeof(values));
		memcpy(slot->tts_isnull, isnull, sizeof(isnull));
		writer_insert(ledger, &writer);
		writer_flush(ledger, &writer);
	}
	else
		insert_by_statement(operation->program, values, isnull);
	writer_close(&writer);
}

/* see catalogue.h */
const char *
redemption_status(const Redemption *row, TimestampTz now)
{
	if (row->held)
		return row->cancelled == row->quantity ? "released" :
			row->held_until <= now ? "lapsed" : "held";
	return row->cancelled == 0 ? "done" :
		row->cancelled == row->quantity ? "cancelled" : "partly cancelled";
}

/* -------- what becomes of them -------- */

/* see spend.h */
bool
is_redemption(const char *kind)
{
	return strcmp(kind, "redeem") == 0 || strcmp(kind, "hold_reward") == 0 ||
		strcmp(kind, "auto_redeem") == 0;
}

/* How many pieces so many points are; they must be whole ones. */
static int32
whole_pieces(const Redemption *row, Points points)
{
	if (row->points == 0 || points % row->points != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s points are no whole pieces of redemption " INT64_FORMAT,
						points_text(points), row->number),
				 errdetail("One piece is %s.", points_text(row->points))));
	return (int32) Min(points / row->points, PG_INT32_MAX);
}

/* Forgets which slot pieces return to; false if they have returned. */
static bool
clear_slot(Program *program, int64 number)
{
	Oid			types[1] = {INT8OID};
	Datum		values[1] = {Int64GetDatum(number)};

	return plan_update(program, &slot_plan,
					   "UPDATE %s.redemption SET stock_slot = NULL"
					   " WHERE redemption_no OPERATOR(pg_catalog.=) $1 AND stock_slot IS NOT NULL",
					   1, types, values) > 0;
}

/* Adds to the pieces cancelled. */
static void
add_cancelled(Program *program, int64 number, int32 pieces)
{
	Oid			types[2] = {INT8OID, INT4OID};
	Datum		values[2];

	values[0] = Int64GetDatum(number);
	values[1] = Int32GetDatum(pieces);
	plan_update(program, &cancel_plan,
				"UPDATE %s.redemption SET cancelled = cancelled OPERATOR(pg_catalog.+) $2"
				" WHERE redemption_no OPERATOR(pg_catalog.=) $1",
				2, types, values);
}

/*
 * The codes of a hold that is captured, and until when it is good.  Before the
 * deadline they are of the pool it was set aside with, whatever has become of the
 * reward and the pool: there is always one.  After it the reward is asked as it is.
 */
static void
draw_codes(Operation *operation, const RewardConfig *reward, const Redemption *row,
		   int32 pieces, TimestampTz *valid_until)
{
	AccountState *account = operation->account;
	bool		in_time = row->held_until > account->now;

	*valid_until = reward ? redemption_valid_until(operation, reward) : DT_NOEND;
	if (in_time && row->held_pool_no)
		operation->code = voucher_capture(operation->program, account->member, row->number,
										  row->held_pool_no, pieces, account->now, *valid_until,
										  valid_until);
	if (row->held_pool_no)
		voucher_release(operation->program, row->number);
	if (!in_time && reward)
		operation->code = redemption_codes(operation, reward, row->number, pieces, valid_until);
}

/*
 * Captures a hold as a whole: the row is in the writer's slot.  False, and nothing
 * has happened, if its pieces have returned to the stock meanwhile.
 */
static bool
capture_whole(Operation *operation, TableWriter *writer, TimestampTz valid_until)
{
	Ledger	   *ledger = operation->ledger;
	TupleTableSlot *slot = writer->slot;
	ItemPointerData tid = slot->tts_tid;
	HeapTuple	tuple = ExecCopySlotHeapTuple(slot);
	Datum	   *values = slot->tts_values;
	bool	   *isnull = slot->tts_isnull;
	bool		done;

	ExecClearTuple(slot);
	heap_deform_tuple(tuple, slot->tts_tupleDescriptor, values, isnull);
	isnull[REDEMPTION_HELD_UNTIL] = isnull[REDEMPTION_STOCK_SLOT] = true;
	values[REDEMPTION_VALID_UNTIL] = TimestampTzGetDatum(valid_until);
	isnull[REDEMPTION_VALID_UNTIL] = valid_until == DT_NOEND;
	isnull[REDEMPTION_CODE] = operation->code == NULL;
	if (operation->code)
		values[REDEMPTION_CODE] = CStringGetTextDatum(operation->code);
	ExecStoreVirtualTuple(slot);
	done = writer_try_update(ledger, writer, &tid, ledger->snapshot);
	ExecClearTuple(slot);
	heap_freetuple(tuple);
	return done;
}

/* see spend.h */
void
redemption_capture(Operation *operation, int64 number, Points *points)
{
	Program    *program = operation->program;
	TimestampTz now = operation->account->now;
	Redemption	row;
	RewardConfig *reward;
	Oid			types[5] = {INT8OID, INT4OID, TIMESTAMPTZOID, TEXTOID, TIMESTAMPTZOID};
	Datum		values[5] = {0};
	char		nulls[6] = "     ";
	TimestampTz valid_until = 0;
	TableWriter writer;
	bool		keyed;
	bool		done = false;
	int32		left;
	int32		pieces;

	keyed = open_locked(operation, number, &writer, &row);
	reward = catalogue_reward(catalogue_get(program), row.reward_no);
	left = row.quantity - row.cancelled;
	pieces = *points == 0 ? left : whole_pieces(&row, *points);
	if (pieces > left)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("redemption " INT64_FORMAT " has set aside %d pieces, not %d",
						number, left, pieces)));
	*points = row.points * pieces;

	if (pieces == left && row.held_until > now)
	{
		draw_codes(operation, reward, &row, pieces, &valid_until);
		done = keyed && (row.has_slot || reward == NULL || !reward->limited) &&
			capture_whole(operation, &writer, valid_until);
	}
	if (keyed)
		keyed_close(&writer);
	if (done)
	{
		operation->valid_until = valid_until == DT_NOEND ? INSTANT_ALWAYS : valid_until;
		return;
	}

	/* the stock first; what is not captured returns to it */
	if (reward && reward->limited)
	{
		int64		in_stock;

		if (pieces < left)
			stock_give_back(program, row.reward_no, 0);
		if (clear_slot(program, number))
		{
			if (pieces < left)
				stock_give_back(program, row.reward_no, left - pieces);
		}
		else if (stock_take(operation->ledger, row.reward_no, pieces, now, &in_stock) < 0)
			refuse_stock(program, reward, in_stock, pieces);
	}
	if (reward && row.held_until <= now)
	{
		Refusal		refusal = {0};

		if (!redemption_within_limits(program, operation->account, reward, pieces, number,
									  &refusal))
			refusal_raise(&refusal, program->ref.name);
	}

	if (valid_until == 0)
		draw_codes(operation, reward, &row, pieces, &valid_until);
	operation->valid_until = valid_until == DT_NOEND ? INSTANT_ALWAYS : valid_until;
	values[0] = Int64GetDatum(number);
	values[1] = Int32GetDatum(pieces);
	values[2] = TimestampTzGetDatum(valid_until);
	nulls[2] = valid_until == DT_NOEND ? 'n' : ' ';
	nulls[3] = operation->code ? ' ' : 'n';
	if (operation->code)
		values[3] = CStringGetTextDatum(operation->code);
	values[4] = TimestampTzGetDatum(now);
	SPI_connect();
	plan_execute_nulls(program, &capture_plan,
					   "UPDATE %s.redemption SET held_until = NULL,"
					   " quantity = $2, cancelled = 0, valid_until = $3, code = $4,"
					   " redeemed_at = CASE WHEN held_until OPERATOR(pg_catalog.<=) $5"
					   "  THEN $5 ELSE redeemed_at END"
					   " WHERE redemption_no OPERATOR(pg_catalog.=) $1",
					   5, types, values, nulls, false, SPI_OK_UPDATE);
	SPI_finish();
}

/* see spend.h */
void
redemption_captured_before(Operation *operation, int64 number)
{
	Redemption	row;

	if (redemption_find(operation->program, number, &row))
		operation->code = row.code;
}

/* see spend.h */
void
redemption_release(Operation *operation, int64 number)
{
	Program    *program = operation->program;
	Redemption	row;
	RewardConfig *reward;
	int32		left;

	find_locked(operation, number, &row);
	reward = catalogue_reward(catalogue_get(program), row.reward_no);
	left = row.quantity - row.cancelled;
	if (left == 0)
		return;
	if (reward && reward->limited)
	{
		stock_give_back(program, row.reward_no, 0);
		if (clear_slot(program, number))
			stock_give_back(program, row.reward_no, left);
	}
	if (row.held_pool_no)
		voucher_release(program, number);
	add_cancelled(program, number, left);
}

/* see spend.h */
void
redemption_cancel(Operation *operation, int64 number, Points *points, int32 quantity)
{
	Program    *program = operation->program;
	Redemption	row;
	RewardConfig *reward;
	int32		left;
	int32		pieces;

	find_locked(operation, number, &row);
	reward = catalogue_reward(catalogue_get(program), row.reward_no);
	left = row.quantity - row.cancelled;
	if (row.held)
		ereport(ERROR,
				(errcode(ERRCODE_LOYALTY_HOLD_CLOSED),
				 errmsg("redemption " INT64_FORMAT " is only set aside", number),
				 errhint("Call release()."),
				 refusal_fields(program->ref.name, "hold", "status",
								facts("hold", fact_int(number), "status", fact_text(STATUS_HELD),
									  "deadline", fact_instant(row.held_until), NULL))));
	if (left == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("redemption " INT64_FORMAT " has been cancelled already", number)));
	pieces = quantity > 0 ? quantity : *points > 0 ? whole_pieces(&row, *points) : left;
	if (pieces > left)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("redemption " INT64_FORMAT " has %d pieces left to cancel, not %d",
						number, left, pieces)));
	*points = row.points * pieces;
	if (operation->reason == NULL && reward)
		operation->reason = reward->name;
	add_cancelled(program, number, pieces);
	if (reward && reward->limited)
		stock_give_back(program, row.reward_no, pieces);
	if (row.code)
	{
		voucher_take_back(program, number, pieces, left, operation->number);
		operation->code = voucher_taken_back(program, number, operation->number);
	}
	operation->status = pieces == left ? "cancelled" : "partly cancelled";
}

/* see spend.h */
void
redemption_cancelled_before(Operation *operation, int64 number)
{
	Redemption	row;

	if (!redemption_find(operation->program, number, &row))
		return;
	operation->status = redemption_status(&row, operation->account->now);
	if (row.code)
		operation->code = voucher_taken_back(operation->program, number, operation->number);
}

/* -------- codes -------- */

/* see catalogue.h */
TimestampTz
redemption_valid_until(Operation *operation, const RewardConfig *reward)
{
	AccountState *account = operation->account;
	TimestampTz valid_until = DT_NOEND;

	if (reward->code_valid.kind != 0)
		core_check(period_end(&reward->code_valid, account->now, &account->zone, &valid_until));
	return valid_until;
}

/* see catalogue.h */
char *
redemption_codes(Operation *operation, const RewardConfig *reward, int64 number,
				 int32 pieces, TimestampTz *valid_until)
{
	AccountState *account = operation->account;
	TimestampTz wanted = *valid_until;
	StringInfoData codes;
	int32		i;

	if (reward->pool == NULL)
		return NULL;
	initStringInfo(&codes);
	for (i = 0; i < pieces; i++)
		appendStringInfo(&codes, "%s%s", i > 0 ? ", " : "",
						 voucher_draw(operation->program, reward->pool, account->member, number,
									  account->now, wanted, !operation->within, valid_until));
	return codes.data;
}
