/*-------------------------------------------------------------------------
 *
 * stock.c
 *	  What is left of rewards that can run out.
 *
 * The pieces left lie in slots, rows of reward_stock, so that members who
 * redeem one reward do not queue for one row: each takes from a slot that
 * nobody holds.  Only when no free slot has enough are all slots locked, in
 * order, and what lies in all of them counts.
 *
 * Pieces that are set aside have left their slot, which the redemption
 * remembers.  When the deadline has passed they are left again, with no job:
 * whoever finds too little in the slots takes them back, and whoever only
 * looks adds them.  A row of redemption that remembers no slot has nothing to
 * give back.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "engine/catalogue.h"
#include "engine/keyed.h"
#include "engine/plan.h"
#include "engine/writer.h"

/* parts of a stock; redemption.stock_slot is one of them */
#define STOCK_SLOTS 16
#define STOCK_LAST_SLOT 15

/* see plan_execute */
static const char free_slot_plan = 0;
static const char lock_plan = 0;
static const char reclaim_plan = 0;
static const char level_plan = 0;
static const char return_plan = 0;
static const char left_plan = 0;

/*
 * Opens table redemption for writing, which comes before any slot: whoever gives
 * a reward a stock stops its redemptions first, and then has the slots.
 */
static void
lock_redemptions(Program *program)
{
	LockRelationOid(program->redemption, RowExclusiveLock);
}

/* The slot that this session goes to first. */
static int16
own_slot(void)
{
	return (int16) (MyProcPid % STOCK_SLOTS);
}

/* A column of the first row of a result, a number; 0 if there is none. */
static int64
first_number(int column)
{
	bool		isnull;
	Datum		value;

	if (SPI_processed == 0)
		return 0;
	value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, &isnull);
	return isnull ? 0 : DatumGetInt64(value);
}

/* columns of reward_stock */
enum StockColumn
{
	STOCK_REWARD_NO = 0,
	STOCK_SLOT,
	STOCK_ROOM
};

/*
 * Takes from the slot that this session goes to first, unless somebody holds
 * it or too little is left there: then false.  Through the access methods, for
 * this is all that most redemptions do.
 */
static bool
take_from_own(Ledger *ledger, int32 reward_no, int32 quantity)
{
	TableWriter writer;
	Datum		key[2] = {Int32GetDatum(reward_no), Int16GetDatum(own_slot())};
	bool		taken = false;

	if (!keyed_open(ledger, &writer, ledger->program->reward_stock))
		return false;
	if (keyed_find(ledger, &writer, key))
	{
		static const int columns[] = {STOCK_ROOM};
		int64		room;
		Datum		rest;
		bool		isnull;

		room = DatumGetInt64(slot_getattr(writer.slot, STOCK_ROOM + 1, &isnull));
		rest = Int64GetDatum(room - quantity);

		/* only as it was seen, lest a slot be held that has too little */
		taken = room >= quantity && keyed_lock(ledger, &writer, false);
		if (taken)
			keyed_update(ledger, &writer, columns, &rest, 1);
		else
			ExecClearTuple(writer.slot);
	}
	keyed_close(&writer);
	return taken;
}

/* Takes from one slot that nobody holds; -1 if there is none with enough. */
static int16
take_from_free(Program *program, int32 reward_no, int32 quantity)
{
	Oid			types[3] = {INT4OID, INT2OID, INT8OID};
	Datum		values[3];
	bool		isnull;

	values[0] = Int32GetDatum(reward_no);
	values[1] = Int16GetDatum(own_slot());
	values[2] = Int64GetDatum(quantity);
	plan_execute(program, &free_slot_plan,
				 "UPDATE %s.reward_stock SET room = room OPERATOR(pg_catalog.-) $3"
				 " WHERE ctid OPERATOR(pg_catalog.=) (SELECT s.ctid FROM %s.reward_stock AS s"
				 "  WHERE s.reward_no OPERATOR(pg_catalog.=) $1"
				 "  AND s.room OPERATOR(pg_catalog.>=) $3"
				 "  ORDER BY (s.slot OPERATOR(pg_catalog.=) $2) DESC"
				 "  LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED)"
				 " AND room OPERATOR(pg_catalog.>=) $3 RETURNING slot",
				 3, types, values, false, SPI_OK_UPDATE_RETURNING);
	if (SPI_processed == 0)
		return -1;
	return DatumGetInt16(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

/* Locks all slots, in order. */
static void
lock_slots(Program *program, int32 reward_no)
{
	Oid			types[1] = {INT4OID};
	Datum		values[1] = {Int32GetDatum(reward_no)};

	plan_execute(program, &lock_plan,
				 "SELECT slot FROM %s.reward_stock WHERE reward_no OPERATOR(pg_catalog.=) $1"
				 " ORDER BY slot FOR NO KEY UPDATE", 1, types, values, false, SPI_OK_SELECT);
}

/*
 * All slots being locked: brings back what has lapsed, and spreads what is
 * left after taking so many evenly.  Returns how many were left before; less
 * than wanted, then nothing is taken.
 */
static int64
take_from_all(Program *program, int32 reward_no, int64 quantity, TimestampTz now)
{
	Oid			types[3] = {INT4OID, INT8OID, TIMESTAMPTZOID};
	Datum		values[3];
	int64		left;

	values[0] = Int32GetDatum(reward_no);
	values[1] = Int64GetDatum(quantity);
	values[2] = TimestampTzGetDatum(now);

	plan_execute(program, &reclaim_plan,
				 "WITH lapsed AS (UPDATE %s.redemption SET stock_slot = NULL"
				 "  WHERE reward_no OPERATOR(pg_catalog.=) $1 AND stock_slot IS NOT NULL"
				 "  AND held_until OPERATOR(pg_catalog.<=) $3"
				 "  RETURNING quantity OPERATOR(pg_catalog.-) cancelled AS pieces)"
				 " SELECT ((SELECT pg_catalog.sum(s.room) FROM %s.reward_stock AS s"
				 "  WHERE s.reward_no OPERATOR(pg_catalog.=) $1) OPERATOR(pg_catalog.+)"
				 " (SELECT COALESCE(pg_catalog.sum(l.pieces), 0) FROM lapsed AS l))::pg_catalog.int8,"
				 " $2",
				 3, types, values, false, SPI_OK_SELECT);
	left = first_number(1);

	values[1] = Int64GetDatum(left >= quantity ? left - quantity : left);
	plan_execute(program, &level_plan,
				 "UPDATE %s.reward_stock SET room = ($2 OPERATOR(pg_catalog./) "
				 CppAsString2(STOCK_SLOTS) ") OPERATOR(pg_catalog.+)"
				 " CASE WHEN slot OPERATOR(pg_catalog.<) ($2 OPERATOR(pg_catalog.%) "
				 CppAsString2(STOCK_SLOTS) ") THEN 1 ELSE 0 END"
				 " WHERE reward_no OPERATOR(pg_catalog.=) $1",
				 2, types, values, false, SPI_OK_UPDATE);
	return left;
}

/* see catalogue.h */
void
stock_refusal(Refusal *refusal, const RewardConfig *reward, int64 left, int64 needed)
{
	refuse(refusal, ERRCODE_LOYALTY_OUT_OF_STOCK, psprintf(INT64_FORMAT " left.", left), NULL,
		   "reward \"%s\" is out of stock", reward->name);
	refusal_about(refusal, "reward", "stock",
				  facts("reward", fact_text(reward->name), "left", fact_int(left),
						"needed", fact_int(needed), NULL));
}

/* see catalogue.h */
void
refuse_stock(Program *program, const RewardConfig *reward, int64 left, int64 needed)
{
	Refusal		refusal;

	stock_refusal(&refusal, reward, left, needed);
	refusal_raise(&refusal, program->ref.name);
}

/* see catalogue.h */
int16
stock_take(Ledger *ledger, int32 reward_no, int32 quantity, TimestampTz now, int64 *left)
{
	Program    *program = ledger->program;
	int16		slot;

	lock_redemptions(program);
	if (take_from_own(ledger, reward_no, quantity))
		return own_slot();
	SPI_connect();
	slot = take_from_free(program, reward_no, quantity);
	if (slot < 0)
	{
		lock_slots(program, reward_no);
		*left = take_from_all(program, reward_no, quantity, now);
		if (*left >= quantity)
			slot = own_slot();
	}
	SPI_finish();
	return slot;
}

/* see catalogue.h */
void
stock_give_back(Program *program, int32 reward_no, int32 quantity)
{
	Oid			types[3] = {INT4OID, INT2OID, INT8OID};
	Datum		values[3];

	lock_redemptions(program);
	values[0] = Int32GetDatum(reward_no);
	values[1] = Int16GetDatum(own_slot());
	values[2] = Int64GetDatum(quantity);
	plan_update(program, &return_plan,
				"UPDATE %s.reward_stock SET room = room OPERATOR(pg_catalog.+) $3"
				" WHERE reward_no OPERATOR(pg_catalog.=) $1 AND slot OPERATOR(pg_catalog.=) $2",
				3, types, values);
}

/* see catalogue.h */
int64
stock_left(Program *program, int32 reward_no, TimestampTz now, bool locked)
{
	Oid			types[2] = {INT4OID, TIMESTAMPTZOID};
	Datum		values[2];
	int64		left;

	values[0] = Int32GetDatum(reward_no);
	values[1] = TimestampTzGetDatum(now);
	SPI_connect();
	plan_execute(program, &left_plan,
				 "SELECT (COALESCE((SELECT pg_catalog.sum(s.room) FROM %s.reward_stock AS s"
				 "  WHERE s.reward_no OPERATOR(pg_catalog.=) $1), 0) OPERATOR(pg_catalog.+)"
				 " COALESCE((SELECT pg_catalog.sum(r.quantity OPERATOR(pg_catalog.-) r.cancelled)"
				 "  FROM %s.redemption AS r WHERE r.reward_no OPERATOR(pg_catalog.=) $1"
				 "  AND r.stock_slot IS NOT NULL"
				 "  AND r.held_until OPERATOR(pg_catalog.<=) $2), 0))::pg_catalog.int8",
				 2, types, values, !locked, SPI_OK_SELECT);
	left = first_number(1);
	SPI_finish();
	return left;
}

/* see catalogue.h */
void
stock_lock(Program *program, int32 reward_no)
{
	lock_redemptions(program);
	SPI_connect();
	lock_slots(program, reward_no);
	SPI_finish();
}

/* -------- configuration -------- */

/*
 * What is redeemed or set aside of a reward that had no stock until now; holds
 * will give back to its stock what lapses.  Whoever redeems meanwhile waits for
 * the table, and then knows of the stock.
 */
static int64
count_redeemed(const ProgramRef *ref, int32 reward_no, TimestampTz now)
{
	static const char count[] =
	"SELECT COALESCE(pg_catalog.sum(quantity OPERATOR(pg_catalog.-) cancelled), 0)"
	"::pg_catalog.int8 AS pieces, pg_catalog.count(*)::pg_catalog.int4 AS rows"
	" FROM @.redemption WHERE reward_no OPERATOR(pg_catalog.=) $1"
	" AND (held_until IS NULL OR held_until OPERATOR(pg_catalog.>) $2)";
	int64		pieces = 0;
	int32		rows = 0;
	Oid			types[2] = {INT4OID, TIMESTAMPTZOID};
	Datum		values[2];
	ConfigTuple row;
	bool		isnull;

	values[0] = Int32GetDatum(reward_no);
	values[1] = TimestampTzGetDatum(now);
	config_execute(ref, "UPDATE @.redemption SET stock_slot ="
				   " CASE WHEN held_until OPERATOR(pg_catalog.>) $2 THEN 0::pg_catalog.int2 END"
				   " WHERE reward_no OPERATOR(pg_catalog.=) $1 AND held_until IS NOT NULL",
				   2, types, values, NULL);
	if (IsolationUsesXactSnapshot())
	{
		config_execute(ref, count, 2, types, values, NULL);
		row = config_result(0);
		pieces = DatumGetInt64(tuple_get(&row, "pieces", &isnull));
		rows = tuple_int(&row, "rows");
	}
	config_look(ref, count, 2, types, values);
	row = config_result(0);
	if (IsolationUsesXactSnapshot() &&
		(pieces != DatumGetInt64(tuple_get(&row, "pieces", &isnull)) ||
		 rows != tuple_int(&row, "rows")))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent update")));
	return DatumGetInt64(tuple_get(&row, "pieces", &isnull));
}

/*
 * Locks the slots of all rewards, as purchases do that redeem by themselves: a
 * statement may change several.  Returns what lies in those of one, and in its
 * holds that have lapsed.
 */
static int64
take_stock(const ProgramRef *ref, int32 reward_no, TimestampTz now)
{
	Oid			types[2] = {INT4OID, TIMESTAMPTZOID};
	Datum		values[2];
	ConfigTuple row;
	bool		isnull;

	values[0] = Int32GetDatum(reward_no);
	values[1] = TimestampTzGetDatum(now);
	config_execute(ref, "SELECT FROM @.reward_stock ORDER BY reward_no, slot FOR UPDATE", 0, NULL,
				   NULL, NULL);
	config_execute(ref, "WITH lapsed AS (UPDATE @.redemption SET stock_slot = NULL"
				   "  WHERE reward_no OPERATOR(pg_catalog.=) $1 AND stock_slot IS NOT NULL"
				   "  AND held_until OPERATOR(pg_catalog.<=) $2"
				   "  RETURNING quantity OPERATOR(pg_catalog.-) cancelled AS pieces)"
				   " SELECT ((SELECT COALESCE(pg_catalog.sum(room), 0) FROM @.reward_stock"
				   "  WHERE reward_no OPERATOR(pg_catalog.=) $1) OPERATOR(pg_catalog.+)"
				   " (SELECT COALESCE(pg_catalog.sum(pieces), 0) FROM lapsed))::pg_catalog.int8 AS room",
				   2, types, values, NULL);
	row = config_result(0);
	return DatumGetInt64(tuple_get(&row, "room", &isnull));
}

/*
 * After a reward was written: the room in its slots.  Slots are never removed
 * while the reward lives, for somebody may be waiting for one.
 */
void
stock_set(const ConfigTrigger *trigger)
{
	const ProgramRef *ref = &trigger->ref;
	int32		reward_no = tuple_int(&trigger->new, "reward_no");
	Oid			types[2] = {INT4OID, INT8OID};
	Datum		values[2];
	TimestampTz now;
	int64		room;
	bool		was_limited;
	bool		isnull;
	int64		stock = DatumGetInt64(tuple_get(&trigger->new, "stock", &isnull));
	int64		before;

	if (isnull || !tuple_differs(&trigger->old, &trigger->new, "stock"))
		return;
	before = DatumGetInt64(tuple_get(&trigger->old, "stock", &was_limited));
	was_limited = !was_limited;
	values[0] = Int32GetDatum(reward_no);
	now = program_now(ref);

	if (was_limited)
		room = take_stock(ref, reward_no, now) + stock - before;
	else
	{
		if (trigger->old.tuple)
			config_execute(ref, "LOCK TABLE @.redemption IN SHARE ROW EXCLUSIVE MODE", 0, NULL,
						   NULL, NULL);
		if (config_execute(ref, "SELECT FROM @.reward_stock"
						   " WHERE reward_no OPERATOR(pg_catalog.=) $1"
						   " ORDER BY slot FOR UPDATE", 1, types, values, NULL) == 0)
			config_execute(ref, "INSERT INTO @.reward_stock (reward_no, slot, room)"
						   " SELECT $1, slot, 0 FROM pg_catalog.generate_series(0, "
						   CppAsString2(STOCK_LAST_SLOT) ") AS slot", 1, types, values, NULL);
		room = stock - (trigger->old.tuple ? count_redeemed(ref, reward_no, now) : 0);
	}
	if (room < 0)
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("stock of reward \"%s\" cannot be less than the " INT64_FORMAT " redeemed or set aside",
						tuple_text(&trigger->new, "name"), stock - room),
				 errhint("The stock counts what has been redeemed so far; to stop the reward, set enabled = false.")));
	values[1] = Int64GetDatum(room);
	config_execute(ref, "UPDATE @.reward_stock SET room = ($2 OPERATOR(pg_catalog./) "
				   CppAsString2(STOCK_SLOTS) ") OPERATOR(pg_catalog.+)"
				   " CASE WHEN slot OPERATOR(pg_catalog.<) ($2 OPERATOR(pg_catalog.%) "
				   CppAsString2(STOCK_SLOTS) ") THEN 1 ELSE 0 END"
				   " WHERE reward_no OPERATOR(pg_catalog.=) $1",
				   2, types, values, NULL);
}
