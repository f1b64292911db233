/*-------------------------------------------------------------------------
 *
 * reward_sweep.c
 *	  Automatic rewards that members could afford before they were there.
 *
 * A reward goes by itself in the posting that makes it affordable.  One that is
 * new, or has become cheaper, or open to more, is affordable to members who do
 * nothing: a row of reward_sweep says so, and book_due() goes through the
 * members with it, some at a time, in their order.  Writing the configuration
 * looks at no account.
 *
 * Accounts are read first, without a lock; those that can afford it, and those
 * that somebody has locked, are locked.  One that is locked is not waited for,
 * since others are held: the sweep ends before it and goes on another time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "engine/catalogue.h"
#include "engine/config.h"
#include "engine/plan.h"
#include "engine/read.h"
#include "engine/spend.h"

/* members looked at at a time */
#define SWEEP_BATCH 1000

/* -------- what makes a sweep necessary -------- */

/* Starts the sweep of a reward over, if it goes by itself; else ends it. */
static void
start(const ProgramRef *ref, int32 reward_no)
{
	Oid			types[2] = {INT4OID, TIMESTAMPTZOID};
	Datum		values[2] = {Int32GetDatum(reward_no), TimestampTzGetDatum(program_now(ref))};

	config_execute(ref, "DELETE FROM @.reward_sweep WHERE reward_no OPERATOR(pg_catalog.=) $1",
				   1, types, values, NULL);

	/* who has early access is looked for at once, the others when it opens */
	config_execute(ref, "INSERT INTO @.reward_sweep (reward_no, starts_at)"
				   " SELECT r.reward_no, CASE WHEN r.early_access IS NOT NULL THEN $2"
				   "  ELSE GREATEST($2, pg_catalog.lower(r.valid)) END"
				   " FROM @.reward AS r WHERE r.reward_no OPERATOR(pg_catalog.=) $1"
				   " AND r.auto_redeem AND r.enabled", 2, types, values, NULL);
}

/* May members afford a reward that has changed who could not before? */
static bool
reward_opens(const ConfigTrigger *trigger)
{
	static const char *const opening[] = {"auto_redeem", "enabled", "max_per_member",
	"cap_period", "choice_set", "valid", "early_access", "tiers", "condition", "pool"};
	const ConfigTuple *old = &trigger->old;
	const ConfigTuple *new = &trigger->new;
	bool		was_null;
	bool		isnull;
	int64		before = DatumGetInt64(tuple_get(old, "stock", &was_null));
	int64		stock = DatumGetInt64(tuple_get(new, "stock", &isnull));
	bool		opens = !was_null && (isnull || stock > before);
	int			i;

	for (i = 0; i < lengthof(opening) && !opens; i++)
		opens = tuple_differs(old, new, opening[i]);
	return opens;
}

/* see catalogue.h */
void
sweep_before_reward(const ConfigTrigger *trigger)
{
	Oid			types[1] = {INT4OID};
	Datum		values[1];

	if (trigger->old.tuple == NULL || !reward_opens(trigger))
		return;
	values[0] = Int32GetDatum(tuple_int(&trigger->old, "reward_no"));
	config_execute(&trigger->ref, "SELECT FROM @.reward_sweep"
				   " WHERE reward_no OPERATOR(pg_catalog.=) $1 FOR UPDATE", 1, types, values, NULL);
}

/* see catalogue.h */
void
sweep_after_reward(const ConfigTrigger *trigger)
{
	if (reward_opens(trigger))
		start(&trigger->ref,
			  tuple_int(trigger->new.tuple ? &trigger->new : &trigger->old, "reward_no"));
}

/* Is a price for more members than it was, or lower? */
static bool
price_opens(const ConfigTuple *old, const ConfigTuple *new)
{
	bool		isnull;

	if (old->tuple == NULL)
		return true;
	return tuple_differs(old, new, "reward") || tuple_differs(old, new, "unit") ||
		tuple_differs(old, new, "money") || tuple_differs(old, new, "tiers") ||
		DatumGetBool(DirectFunctionCall2(numeric_lt, tuple_get(new, "points", &isnull),
										 tuple_get(old, "points", &isnull)));
}

/* Starts the sweeps of all rewards that a query of their numbers finds by a name. */
static void
start_all(const ProgramRef *ref, const char *query, const char *name)
{
	Oid			types[1] = {TEXTOID};
	Datum		values[1] = {CStringGetTextDatum(name)};
	int			n = (int) config_execute(ref, query, 1, types, values, NULL);
	int32	   *numbers = palloc(sizeof(int32) * Max(1, n));
	int			i;

	for (i = 0; i < n; i++)
	{
		ConfigTuple row = config_result(i);

		numbers[i] = tuple_int(&row, "reward_no");
	}
	for (i = 0; i < n; i++)
		start(ref, numbers[i]);
}

/*
 * After a price was written.
 */
LOYALTY_FUNCTION(loyalty_reward_price_changed);
Datum
loyalty_reward_price_changed(PG_FUNCTION_ARGS)
{
	ConfigTrigger trigger;

	config_trigger_begin(fcinfo, "reward_price", CONFIG_AFTER_ROW, &trigger);
	if (trigger.new.tuple != NULL && price_opens(&trigger.old, &trigger.new))
		start_all(&trigger.ref,
				  "SELECT reward_no FROM @.reward"
				  " WHERE auto_redeem AND name OPERATOR(pg_catalog.=) $1",
				  tuple_text(&trigger.new, "reward"));
	config_trigger_end(&trigger);
	return PointerGetDatum(NULL);
}

/*
 * After a choice set was written.
 */
LOYALTY_FUNCTION(loyalty_choice_set_changed);
Datum
loyalty_choice_set_changed(PG_FUNCTION_ARGS)
{
	ConfigTrigger trigger;

	config_trigger_begin(fcinfo, "choice_set", CONFIG_AFTER_ROW, &trigger);
	if (trigger.old.tuple != NULL && trigger.new.tuple != NULL &&
		(tuple_int(&trigger.new, "choose") > tuple_int(&trigger.old, "choose") ||
		 tuple_differs(&trigger.old, &trigger.new, "cap_period")))
		start_all(&trigger.ref,
				  "SELECT reward_no FROM @.reward WHERE auto_redeem"
				  " AND choice_set OPERATOR(pg_catalog.=) $1 ORDER BY reward_no",
				  tuple_text(&trigger.new, "name"));
	config_trigger_end(&trigger);
	return PointerGetDatum(NULL);
}

/* see catalogue.h */
void
sweep_after_codes(Program *program, const char *pool)
{
	static const char ending[] =
	"DELETE FROM %s.reward_sweep AS s USING %s.reward AS r"
	" WHERE r.reward_no OPERATOR(pg_catalog.=) s.reward_no"
	" AND r.pool OPERATOR(pg_catalog.=) $1";
	static const char starting[] =
	"INSERT INTO %s.reward_sweep (reward_no, starts_at)"
	" SELECT r.reward_no, CASE WHEN r.early_access IS NOT NULL THEN $2"
	"  ELSE GREATEST($2, pg_catalog.lower(r.valid)) END FROM %s.reward AS r"
	" WHERE r.pool OPERATOR(pg_catalog.=) $1 AND r.auto_redeem AND r.enabled";
	Catalogue  *catalogue = catalogue_get(program);
	Oid			types[2] = {TEXTOID, TIMESTAMPTZOID};
	Datum		values[2] = {CStringGetTextDatum(pool), TimestampTzGetDatum(program_clock(program))};
	int			i;

	for (i = 0; i < catalogue->nautomatic; i++)
	{
		if (catalogue->automatic[i]->pool && strcmp(catalogue->automatic[i]->pool, pool) == 0)
			break;
	}
	if (i == catalogue->nautomatic)
		return;
	plan_execute(program, ending, ending, 1, types, values, false, SPI_OK_DELETE);
	plan_execute(program, starting, starting, 2, types, values, false, SPI_OK_INSERT);
}

/* -------- going through the members -------- */

/* rewards that have come to the same member, in the order in which they go */
typedef struct Sweep
{
	RewardConfig **rewards;
	int			nrewards;
	bool		begun;
	Datum		after;			/* the last member looked at, if it has begun */
} Sweep;

/* members of one batch */
typedef struct SweepBatch
{
	Datum	   *members;		/* in order */
	bool	   *wanted;			/* is the account to be locked? */
	bool	   *locked;
	int			count;
} SweepBatch;

/* The numbers of the rewards, as an array. */
static Datum
reward_numbers(const Sweep *sweep)
{
	Datum	   *numbers = palloc(sizeof(Datum) * sweep->nrewards);
	int			i;

	for (i = 0; i < sweep->nrewards; i++)
		numbers[i] = Int32GetDatum(sweep->rewards[i]->reward_no);
	return PointerGetDatum(construct_array(numbers, sweep->nrewards, INT4OID, sizeof(int32),
										   true, TYPALIGN_INT));
}

/*
 * Locks the sweeps that are due and nobody else goes through, those that have come
 * least far first; connected to SPI.
 */
static void
lock_sweeps(Program *program)
{
	static const char query[] =
	"SELECT s.reward_no, s.change_no, s.after_member FROM %s.reward_sweep AS s"
	" WHERE s.starts_at OPERATOR(pg_catalog.<=) $1"
	" ORDER BY s.after_member NULLS FIRST, s.reward_no FOR NO KEY UPDATE SKIP LOCKED";
	Oid			types[1] = {TIMESTAMPTZOID};
	Datum		values[1] = {TimestampTzGetDatum(program_clock(program))};

	plan_execute(program, query, query, 1, types, values, false, SPI_OK_SELECT);
}

/* Is a row of them about a reward as this backend knows it?  NULL: not. */
static RewardConfig *
swept_reward(Catalogue *catalogue, const ConfigTuple *row)
{
	RewardConfig *reward = catalogue_reward(catalogue, tuple_int(row, "reward_no"));
	bool		isnull;

	if (reward == NULL || !reward->automatic || !reward->enabled ||
		reward->change_no != DatumGetInt64(tuple_get(row, "change_no", &isnull)))
		return NULL;
	return reward;
}

/* see catalogue.h */
SweepToCome *
sweeps_to_come(Program *program, int *count)
{
	MemoryContext caller = CurrentMemoryContext;
	Catalogue  *catalogue = catalogue_get(program);
	SweepToCome *sweeps = palloc(sizeof(SweepToCome) * Max(1, catalogue->nautomatic));
	uint64		i;

	*count = 0;
	if (catalogue->nautomatic == 0)
		return sweeps;
	SPI_connect();
	lock_sweeps(program);
	for (i = 0; i < SPI_processed; i++)
	{
		ConfigTuple row = config_result(i);
		SweepToCome *sweep = &sweeps[*count];
		MemoryContext old;
		bool		isnull;
		Datum		after = tuple_get(&row, "after_member", &isnull);

		sweep->reward = swept_reward(catalogue, &row);
		if (sweep->reward == NULL)
			continue;
		old = MemoryContextSwitchTo(caller);
		sweep->begun = !isnull;
		sweep->after = isnull ? (Datum) 0 : member_copy(program, after);
		MemoryContextSwitchTo(old);
		(*count)++;
	}
	SPI_finish();
	return sweeps;
}

/* see catalogue.h */
void
auto_redeem_but(Ledger *ledger, AccountState *account, const SweepToCome *sweeps, int count)
{
	Catalogue  *catalogue = catalogue_get(ledger->program);
	RewardConfig **rewards = palloc(sizeof(RewardConfig *) * Max(1, catalogue->nautomatic));
	int			nrewards = 0;
	int			i;
	int			k;

	for (i = 0; i < catalogue->nautomatic; i++)
	{
		for (k = 0; k < count; k++)
		{
			if (sweeps[k].reward == catalogue->automatic[i] &&
				(!sweeps[k].begun ||
				 member_cmp(ledger->program, account->member, sweeps[k].after) > 0))
				break;
		}
		if (k == count)
			rewards[nrewards++] = catalogue->automatic[i];
	}
	if (nrewards > 0)
		auto_redeem_these(ledger, account, rewards, nrewards);
	pfree(rewards);
}

/*
 * Finds those of the sweeps that have come least far.  False if there are none.
 */
static bool
find_sweep(Program *program, Sweep *sweep)
{
	MemoryContext caller = CurrentMemoryContext;
	Catalogue  *catalogue = catalogue_get(program);
	uint64		i;
	int			k;

	memset(sweep, 0, sizeof(Sweep));
	sweep->rewards = palloc(sizeof(RewardConfig *) * Max(1, catalogue->nautomatic));
	SPI_connect();
	lock_sweeps(program);
	for (k = 0; k < catalogue->nautomatic; k++)
		catalogue->automatic[k]->swept = false;
	for (i = 0; i < SPI_processed; i++)
	{
		ConfigTuple row = config_result(i);
		RewardConfig *reward = swept_reward(catalogue, &row);
		bool		begun = !tuple_isnull(&row, "after_member");
		bool		isnull;
		Datum		after = tuple_get(&row, "after_member", &isnull);

		/* what this backend does not know yet, it looks at next time */
		if (reward == NULL)
			continue;
		if (sweep->nrewards == 0)
		{
			MemoryContext old = MemoryContextSwitchTo(caller);

			sweep->begun = begun;
			sweep->after = begun ? member_copy(program, after) : (Datum) 0;
			MemoryContextSwitchTo(old);
		}
		else if (begun != sweep->begun ||
				 (begun && member_cmp(program, after, sweep->after) != 0))
			break;
		sweep->nrewards++;
		reward->swept = true;
	}
	SPI_finish();
	sweep->nrewards = 0;
	for (k = 0; k < catalogue->nautomatic; k++)
	{
		if (catalogue->automatic[k]->swept)
			sweep->rewards[sweep->nrewards++] = catalogue->automatic[k];
	}
	return sweep->nrewards > 0;
}

/* Reads the members that come next, and which of them have locked accounts. */
static void
next_members(Program *program, const Sweep *sweep, int limit, SweepBatch *batch)
{
#define NEXT_MEMBERS(condition) \
	"SELECT a.member_id, a.xmax OPERATOR(pg_catalog.<>) '0'::pg_catalog.xid AS locked" \
	" FROM %s.account AS a" condition " ORDER BY a.member_id LIMIT $1"
	static const char first[] = NEXT_MEMBERS("");
	static const char later[] = NEXT_MEMBERS(" WHERE a.member_id OPERATOR(pg_catalog.>) $2");
	MemoryContext caller = CurrentMemoryContext;
	const char *query = sweep->begun ? later : first;
	Oid			types[2] = {INT8OID, program->ref.member_type};
	Datum		values[2] = {Int64GetDatum(limit), sweep->after};
	MemoryContext old;
	int			i;

	SPI_connect();
	plan_execute(program, query, query, sweep->begun ? 2 : 1, types, values, false,
				 SPI_OK_SELECT);
	old = MemoryContextSwitchTo(caller);
	batch->count = (int) SPI_processed;
	batch->members = palloc(sizeof(Datum) * Max(1, batch->count));
	batch->wanted = palloc(sizeof(bool) * Max(1, batch->count));
	batch->locked = palloc0(sizeof(bool) * Max(1, batch->count));
	for (i = 0; i < batch->count; i++)
	{
		ConfigTuple row = config_result(i);
		bool		isnull;

		batch->members[i] = member_copy(program, tuple_get(&row, "member_id", &isnull));
		batch->wanted[i] = tuple_bool(&row, "locked");
	}
	MemoryContextSwitchTo(old);
	SPI_finish();
}

/* Marks the members who can afford one of the rewards, without a lock. */
static void
mark_affordable(Program *program, const Sweep *sweep, SweepBatch *batch)
{
	MemoryContext context;
	MemoryContext old;
	Ledger		reader;
	int			i;

	PushActiveSnapshot(GetLatestSnapshot());
	reader_open(&reader, program);

	/* of one member after the other; the reader is of all */
	context = AllocSetContextCreate(CurrentMemoryContext, "loyalty sweep", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	for (i = 0; i < batch->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!batch->wanted[i])
			batch->wanted[i] = auto_redeem_affordable(&reader,
													  reader_account(&reader, batch->members[i],
																	 NULL, NULL),
													  sweep->rewards, sweep->nrewards);
		MemoryContextReset(context);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	reader_close(&reader);
	PopActiveSnapshot();
}

/* Locks the accounts of the members marked, unless somebody else has. */
static void
lock_affordable(Program *program, SweepBatch *batch)
{
	static const char query[] =
	"SELECT a.member_id FROM %s.account AS a"
	" WHERE a.member_id OPERATOR(pg_catalog.=) ANY ($1)"
	" ORDER BY a.member_id FOR NO KEY UPDATE SKIP LOCKED";
	Oid			type = program->ref.member_type;
	Oid			types[1] = {get_array_type(type)};
	Datum	   *wanted = palloc(sizeof(Datum) * Max(1, batch->count));
	Datum		values[1];
	int16		typlen;
	bool		typbyval;
	char		typalign;
	int			nwanted = 0;
	uint64		row = 0;
	int			i;

	for (i = 0; i < batch->count; i++)
	{
		if (batch->wanted[i])
			wanted[nwanted++] = batch->members[i];
	}
	if (nwanted == 0)
		return;
	get_typlenbyvalalign(type, &typlen, &typbyval, &typalign);
	values[0] = PointerGetDatum(construct_array(wanted, nwanted, type, typlen, typbyval,
												typalign));
	SPI_connect();
	plan_execute(program, query, query, 1, types, values, false, SPI_OK_SELECT);
	for (i = 0; i < batch->count && row < SPI_processed; i++)
	{
		bool		isnull;

		if (member_cmp(program, batch->members[i],
					   SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1,
									 &isnull)) == 0)
		{
			batch->locked[i] = true;
			row++;
		}
	}
	SPI_finish();
}

/* Remembers how far a sweep has come. */
static void
save_progress(Program *program, const Sweep *sweep, Datum after)
{
	static const char query[] =
	"UPDATE %s.reward_sweep AS s SET after_member = $2"
	" WHERE s.reward_no OPERATOR(pg_catalog.=) ANY ($1)";
	Oid			types[2] = {INT4ARRAYOID, program->ref.member_type};
	Datum		values[2] = {reward_numbers(sweep), after};

	SPI_connect();
	plan_execute(program, query, query, 2, types, values, false, SPI_OK_UPDATE);
	SPI_finish();
}

/* Ends a sweep; a reward that is open to some so far is swept again for all. */
static void
end_sweep(Program *program, const Sweep *sweep)
{
	static const char ending[] =
	"DELETE FROM %s.reward_sweep AS s WHERE s.reward_no OPERATOR(pg_catalog.=) $1";
	static const char again[] =
	"UPDATE %s.reward_sweep AS s SET after_member = NULL, starts_at = $2"
	" WHERE s.reward_no OPERATOR(pg_catalog.=) $1";
	Oid			types[2] = {INT4OID, TIMESTAMPTZOID};
	int			i;

	SPI_connect();
	for (i = 0; i < sweep->nrewards; i++)
	{
		RewardConfig *reward = sweep->rewards[i];
		Datum		values[2] = {Int32GetDatum(reward->reward_no),
		TimestampTzGetDatum(reward->valid_from)};

		if (reward->valid_from > program_clock(program))
			plan_execute(program, again, again, 2, types, values, false, SPI_OK_UPDATE);
		else
			plan_execute(program, ending, ending, 1, types, values, false, SPI_OK_DELETE);
	}
	SPI_finish();
}

/*
 * Offers the rewards to the members of a batch, up to one whose account somebody
 * else has locked; returns how many that were.
 */
static int
offer(Ledger *ledger, const Sweep *sweep, const SweepBatch *batch)
{
	int			i;

	ledger_refresh(ledger);
	for (i = 0; i < batch->count && (batch->locked[i] || !batch->wanted[i]); i++)
	{
		AccountState *account;

		CHECK_FOR_INTERRUPTS();
		if (!batch->locked[i])
			continue;
		account = ledger_account(ledger, batch->members[i]);
		auto_redeem_these(ledger, account, sweep->rewards, sweep->nrewards);
		ledger_save_account(ledger, account);
	}
	ledger_flush(ledger);
	return i;
}

/* see catalogue.h */
int64
sweep_members(Ledger *ledger, int64 limit)
{
	Program    *program = ledger->program;
	MemoryContext context;
	MemoryContext old;
	int64		looked = 0;
	bool		stopped = false;
	Sweep		sweep;

	if (limit <= 0 || !catalogue_has_automatic(program))
		return 0;

	/* whoever gives a reward a stock has this before a sweep */
	LockRelationOid(program->redemption, RowExclusiveLock);
	context = AllocSetContextCreate(CurrentMemoryContext, "loyalty sweep", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	while (looked < limit && !stopped && find_sweep(program, &sweep))
	{
		SweepBatch	batch;
		int			room = (int) Min(limit - looked, SWEEP_BATCH);
		int			done;

		next_members(program, &sweep, room, &batch);
		mark_affordable(program, &sweep, &batch);
		lock_affordable(program, &batch);
		done = offer(ledger, &sweep, &batch);
		stopped = done < batch.count;
		if (done == 0 && stopped)
			break;
		if (done < room && !stopped)
			end_sweep(program, &sweep);
		else
			save_progress(program, &sweep, batch.members[done - 1]);
		looked += done;
		MemoryContextReset(context);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return looked;
}
