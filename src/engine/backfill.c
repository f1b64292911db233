/*-------------------------------------------------------------------------
 *
 * backfill.c
 *	  Posts what was in a source before it was attached.
 *
 * One cursor in the order of occurred_at, held over the commits between
 * batches.  What has a posting is left out, so that a backfill that was
 * interrupted goes on where it was.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "engine/feed.h"
#include "engine/tiers.h"

LOYALTY_FUNCTION(backfill_1);

/* events posted between two commits, rows fetched at a time */
#define BACKFILL_BATCH	200000
#define BACKFILL_FETCH	2000

/* the rows of one batch */
typedef struct BackfillFeed
{
	Portal		portal;
	MemoryContext context;		/* of the rows fetched last */
	HeapTuple  *rows;
	int			nrows;
	int			next;
	int			left;			/* of this batch */
	bool		ended;			/* the cursor has no more */
	TupleTableSlot *slot;
	int64		taken;
} BackfillFeed;

/* Fetches some more rows; false at the end. */
static bool
fetch_rows(BackfillFeed *feed)
{
	MemoryContext old;
	uint64		i;

	MemoryContextReset(feed->context);
	feed->nrows = feed->next = 0;
	SPI_connect();
	SPI_cursor_fetch(feed->portal, true, Min(BACKFILL_FETCH, feed->left));
	old = MemoryContextSwitchTo(feed->context);
	feed->rows = palloc(sizeof(HeapTuple) * Max(1, SPI_processed));
	for (i = 0; i < SPI_processed; i++)
		feed->rows[feed->nrows++] = feed_row(SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
	feed->ended = SPI_processed == 0;
	MemoryContextSwitchTo(old);
	SPI_finish();
	return feed->nrows > 0;
}

/* The next row of the batch; see RowFeed. */
static bool
next_backfill_row(void *arg, TupleTableSlot **slot)
{
	BackfillFeed *feed = (BackfillFeed *) arg;

	if (feed->left == 0 || (feed->next == feed->nrows && !fetch_rows(feed)))
		return false;
	ExecStoreHeapTuple(feed->rows[feed->next++], feed->slot, false);
	feed->left--;
	feed->taken++;
	*slot = feed->slot;
	return true;
}

/*
 * Whoever may execute the program's own procedure may backfill: a procedure
 * that commits cannot be SECURITY DEFINER.
 */
static void
require_execute(const ProgramRef *ref)
{
	CatCList   *procedures = SearchSysCacheList1(PROCNAMEARGSNSP,
												 CStringGetDatum("backfill"));
	bool		allowed = has_privs_of_role(GetUserId(), ref->owner);
	int			i;

	for (i = 0; i < procedures->n_members && !allowed; i++)
	{
		Form_pg_proc proc = (Form_pg_proc) GETSTRUCT(&procedures->members[i]->tuple);

		if (proc->pronamespace == ref->nspid && proc->proowner == ref->owner)
			allowed = loyalty_proc_aclcheck(proc->oid, GetUserId()) == ACLCHECK_OK;
	}
	ReleaseSysCacheList(procedures);
	if (!allowed)
		program_require_owner(ref);
}

/* Shows how far it is, in the table progress. */
static void
show_progress(const ProgramRef *ref, const char *source, int64 done, bool finished)
{
	Oid			types[3] = {TEXTOID, INT8OID, BOOLOID};
	Datum		values[3];
	RightsSave	rights;

	values[0] = CStringGetTextDatum(source);
	values[1] = Int64GetDatum(done);
	values[2] = BoolGetDatum(finished);
	rights_enter(ref->owner, SECURITY_NOFORCE_RLS, &rights);
	SPI_connect();
	if (SPI_execute_with_args(psprintf("INSERT INTO %s.progress AS p"
									   " (job, subject, started_at, updated_at, done, finished)"
									   " VALUES ('backfill', $1, pg_catalog.clock_timestamp(),"
									   "  pg_catalog.clock_timestamp(), $2, $3)"
									   " ON CONFLICT (job, subject) DO UPDATE SET"
									   " started_at = CASE WHEN $2 OPERATOR(pg_catalog.=) 0"
									   "  THEN EXCLUDED.started_at ELSE p.started_at END,"
									   " updated_at = EXCLUDED.updated_at,"
									   " done = EXCLUDED.done, finished = EXCLUDED.finished",
									   quote_identifier(ref->name)),
							  3, types, values, NULL, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "could not write progress: %s", SPI_result_code_string(SPI_result));
	SPI_finish();
	rights_leave(&rights);
}

/* Opens the cursor over what has no posting yet. */
static Portal
open_cursor(Program *program, SourceConfig *source, bool rows, const char *member)
{
	Oid			types[1];
	Datum		values[1];
	RightsSave	rights;
	Portal		portal;
	int			guc_level;

	types[0] = program->ref.member_type;
	if (member)
		values[0] = member_from_argument(program, TEXTOID, CStringGetTextDatum(member));
	rights_enter(program->ref.owner, SECURITY_NOFORCE_RLS, &rights);
	guc_level = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	portal = SPI_cursor_open_with_args(NULL,
									   feed_unposted_query(source, rows, member != NULL),
									   member ? 1 : 0, types, values, NULL, false,
									   CURSOR_OPT_NO_SCROLL);

	/* evaluate, with the owner's rights, all that the sort needs */
	AtEOXact_GUC(true, guc_level);
	rights_leave(&rights);
	PinPortal(portal);
	return portal;
}

/* Posts one batch of keys; returns how many there were. */
static int64
post_key_batch(Batch *batch, Portal portal)
{
	SourceConfig *source = batch->source;
	int64		taken = 0;

	while (taken < BACKFILL_BATCH / 4)
	{
		uint64		n;
		uint64		k;
		int			i;

		SPI_connect();
		SPI_cursor_fetch(portal, true, BACKFILL_FETCH);
		n = SPI_processed;
		for (k = 0; k < n; k++)
		{
			Datum		key[MAX_KEY_COLUMNS];
			bool		isnull = false;

			for (i = 0; i < source->nkeys && !isnull; i++)
				key[i] = SPI_getbinval(SPI_tuptable->vals[k], SPI_tuptable->tupdesc, i + 1,
									   &isnull);
			if (!isnull)
				batch_add_key(batch, key);
		}
		SPI_finish();
		if (n == 0)
			break;
		taken += n;
	}
	batch_post_keys(batch);
	return taken;
}

/*
 * backfill_1(program regclass, source text, member text), a procedure
 *
 * Posts events without posting in the order of occurred_at, committing between
 * batches unless called inside a transaction block.  With a member: only that
 * member's events, enrolling it if it is unknown, and also those from before
 * it joined.
 */
Datum
backfill_1(PG_FUNCTION_ARGS)
{
	bool		atomic = !(fcinfo->context && IsA(fcinfo->context, CallContext) &&
						   !((CallContext *) fcinfo->context)->atomic);
	Oid			program_relid = PG_GETARG_OID(0);
	char	   *source_name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	char	   *member = PG_ARGISNULL(2) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(2));
	Program    *program;
	SourceConfig *source;
	ProgramRef	ref;
	BackfillFeed feed;
	Portal		portal;
	bool		rows;
	bool		more = true;
	int64		done = 0;

	program_identify(program_relid, &ref);
	require_execute(&ref);
	SPI_connect_ext(atomic ? 0 : SPI_OPT_NONATOMIC);
	program = program_get(program_relid);
	source = program_source_by_name(program, source_name);
	if (source && source->reduces)
	{
		ereport(NOTICE,
				(errmsg("source \"%s\" reduces events of \"%s\" and has nothing of its own to post",
						source_name, source->reduces->name)));
		SPI_finish();
		PG_RETURN_VOID();
	}
	source = source_of_argument(program, source_name);
	rows = !source->several_rows && source->key < 0 && source->reducers == NIL;
	show_progress(&ref, source_name, 0, false);
	memset(&feed, 0, sizeof(feed));
	feed.context = AllocSetContextCreate(CurrentMemoryContext, "loyalty backfill",
										 ALLOCSET_DEFAULT_SIZES);
	portal = open_cursor(program, source, rows, member);
	feed.portal = portal;
	while (more)
	{
		BatchOptions options;
		Batch	   *batch;

		/* the program may have changed with the commit */
		program = program_get(program_relid);
		source = source_of_argument(program, source_name);
		memset(&options, 0, sizeof(options));
		options.enrol_always = member != NULL;
		options.rows_from = ROWS_OF_OTHERS;
		options.history = true;
		PushActiveSnapshot(GetTransactionSnapshot());
		batch = batch_open(program, source, &options);
		if (rows)
		{
			RowFeed		row_feed = {next_backfill_row, NULL, &feed};

			feed.left = BACKFILL_BATCH;
			feed.taken = 0;
			feed.slot = MakeSingleTupleTableSlot(batch->reader->desc, &TTSOpsHeapTuple);
			batch_lock_unposted_rows(batch);
			batch_post_new_rows(batch, &row_feed);
			ExecDropSingleTupleTableSlot(feed.slot);
			done += feed.taken;
			more = !feed.ended;
		}
		else
		{
			int64		taken = post_key_batch(batch, portal);

			done += taken;
			more = taken > 0;
		}
		batch_close(batch);
		PopActiveSnapshot();
		show_progress(&ref, source_name, done, !more);
		if (!atomic)
			SPI_commit();
	}
	UnpinPortal(portal);
	SPI_cursor_close(portal);

	/* tiers went along with the rows: what has been due since then */
	for (more = program_get(program_relid)->tiers != NULL; more;)
	{
		PushActiveSnapshot(GetTransactionSnapshot());
		more = tiers_catch_up(program_get(program_relid));
		PopActiveSnapshot();
		if (!atomic)
			SPI_commit();
	}
	MemoryContextDelete(feed.context);
	SPI_finish();
	PG_RETURN_VOID();
}
