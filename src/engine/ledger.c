/*-------------------------------------------------------------------------
 *
 * ledger.c
 *	  The program's tables, open for one batch: accounts locked, read and
 *	  saved, ledger lines and postings written.
 *
 * Rows are written through the table and index access methods, as COPY does:
 * a plan per row would cost more than everything else here together.  Where
 * somebody has put row triggers on a table of the program, the executor's own
 * single-row functions are used, which fire them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/config.h"
#include "engine/ledger.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "engine/pages.h"
#include "engine/plan.h"
#include "types/lots.h"
#include "types/zone.h"

/* columns of account, see sql/program/10-tables.sql */
enum AccountColumn
{
	ACCOUNT_MEMBER_ID = 0,
	ACCOUNT_LAST_ENTRY,
	ACCOUNT_LAST_AT,
	ACCOUNT_NEXT_DUE,
	ACCOUNT_JOINED_AT,
	ACCOUNT_PURCHASES,
	ACCOUNT_SPEND,
	ACCOUNT_FIRST_PURCHASE_AT,
	ACCOUNT_LAST_PURCHASE_AT,
	ACCOUNT_STATUS,
	ACCOUNT_TIME_ZONE,
	ACCOUNT_USAGE,
	ACCOUNT_PAGED,
	ACCOUNT_LOTS,
	ACCOUNT_COLUMNS
};

/* columns of entry */
enum EntryColumn
{
	ENTRY_MEMBER_ID = 0,
	ENTRY_ENTRY_NO,
	ENTRY_POINTS,
	ENTRY_OCCURRED_AT,
	ENTRY_POSTED_AT,
	ENTRY_ACTIVE_FROM,
	ENTRY_EXPIRES_AT,
	ENTRY_RULE_NO,
	ENTRY_CONFIG_VERSION,
	ENTRY_SOURCE_NO,
	ENTRY_KIND,
	ENTRY_UNIT_NO,
	ENTRY_OPERATION_NO,
	ENTRY_LAPSED,
	ENTRY_FORGIVEN,
	ENTRY_EVENT_KEY,
	ENTRY_COLUMNS
};

/* columns of a posting table, behind those of its key */
enum PostingColumn
{
	POSTING_MEMBER_ID = 0,
	POSTING_OCCURRED_AT,
	POSTING_FIRST_ENTRY,
	POSTING_AMOUNT,
	POSTING_CONFIG_VERSION,
	POSTING_ENTRIES,
	POSTING_FLAGS,
	POSTING_LATER,
	POSTING_SHORT,
	POSTING_FACTS,
	POSTING_COLUMNS
};

/* what a column must be called and hold; types of our own are given by name */
typedef struct ColumnSpec
{
	const char *name;
	Oid			type;			/* InvalidOid: the member type or type_name */
	const char *type_name;
} ColumnSpec;

static const ColumnSpec account_columns[ACCOUNT_COLUMNS] = {
	{"member_id", InvalidOid, NULL},
	{"last_entry", INT8OID, NULL},
	{"last_at", TIMESTAMPTZOID, NULL},
	{"next_due", TIMESTAMPTZOID, NULL},
	{"joined_at", TIMESTAMPTZOID, NULL},
	{"purchases", INT8OID, NULL},
	{"spend", InvalidOid, "points"},
	{"first_purchase_at", TIMESTAMPTZOID, NULL},
	{"last_purchase_at", TIMESTAMPTZOID, NULL},
	{"status", INT2OID, NULL},
	{"time_zone", TEXTOID, NULL},
	{"usage", BYTEAOID, NULL},
	{"paged", BYTEAOID, NULL},
	{"lots", InvalidOid, "lots"},
};

static const ColumnSpec entry_columns[ENTRY_COLUMNS] = {
	{"member_id", InvalidOid, NULL},
	{"entry_no", INT8OID, NULL},
	{"points", InvalidOid, "points"},
	{"occurred_at", TIMESTAMPTZOID, NULL},
	{"posted_at", TIMESTAMPTZOID, NULL},
	{"active_from", TIMESTAMPTZOID, NULL},
	{"expires_at", TIMESTAMPTZOID, NULL},
	{"rule_no", INT4OID, NULL},
	{"config_version", INT4OID, NULL},
	{"source_no", INT4OID, NULL},
	{"kind", INT2OID, NULL},
	{"unit_no", INT2OID, NULL},
	{"operation_no", INT8OID, NULL},
	{"lapsed", InvalidOid, "points"},
	{"forgiven", InvalidOid, "points"},
	{"event_key", TEXTOID, NULL},
};

static const ColumnSpec posting_columns[POSTING_COLUMNS] = {
	{"member_id", InvalidOid, NULL},
	{"occurred_at", TIMESTAMPTZOID, NULL},
	{"first_entry", INT8OID, NULL},
	{"amount", InvalidOid, "points"},
	{"config_version", INT4OID, NULL},
	{"entries", INT2OID, NULL},
	{"flags", INT2OID, NULL},
	{"later", INT8ARRAYOID, NULL},
	{"short", BYTEAOID, NULL},
	{"facts", JSONBOID, NULL},
};

static void writer_open(Ledger *ledger, TableWriter *writer, Oid relid);
static void writer_close(TableWriter *writer);

/* see ledger.h */
void
core_check(CoreResult result)
{
	if (result != CORE_OK)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("points out of range"),
				 errdetail("A balance holds at most about 922 trillion points.")));
}

/* -------- layout -------- */

/* Checks the columns of one table, from column "first" on. */
static void
check_columns(const Program *program, Oid relid, const ColumnSpec *columns,
			  int ncolumns, int first)
{
	Relation	rel = table_open(relid, AccessShareLock);
	Oid			loyalty = get_namespace_oid("loyalty", false);
	int			i;

	if (rel->rd_rel->relkind != RELKIND_RELATION ||
		rel->rd_rel->relispartition ||
		rel->rd_rel->relnamespace != program->ref.nspid ||
		rel->rd_rel->relowner != program->ref.owner)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s.%s\" must be a plain table of the program's owner",
						get_namespace_name(RelationGetNamespace(rel)),
						RelationGetRelationName(rel))));
	for (i = 0; i < ncolumns; i++)
	{
		const ColumnSpec *column = &columns[i];
		Form_pg_attribute att;
		Oid			type = column->type;

		if (column->type_name)
			type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
								   CStringGetDatum(column->type_name),
								   ObjectIdGetDatum(loyalty));
		else if (!OidIsValid(type))
			type = program->ref.member_type;
		att = first + i < rel->rd_att->natts ? TupleDescAttr(rel->rd_att, first + i) : NULL;
		if (att == NULL || att->attisdropped || att->atttypid != type ||
			strcmp(NameStr(att->attname), column->name) != 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("table \"%s.%s\" is not laid out as this version of loyalty expects",
							program->ref.name, RelationGetRelationName(rel)),
					 errdetail("Column %d should be \"%s\" of type %s.",
							   first + i + 1, column->name, format_type_be(type)),
					 errhint("Run loyalty.upgrade_program('%s').", program->ref.name)));
	}
	table_close(rel, AccessShareLock);
}

/* see ledger.h */
void
ledger_check_layout(Program *program)
{
	int			i;

	check_columns(program, program->account, account_columns, ACCOUNT_COLUMNS, 0);
	check_columns(program, program->entry, entry_columns, ENTRY_COLUMNS, 0);
	for (i = 0; i < program->nsources; i++)
	{
		SourceConfig *source = &program->sources[i];

		if (OidIsValid(source->posting))
			check_columns(program, source->posting, posting_columns, POSTING_COLUMNS,
						  source->nkeys);
	}
}

/* -------- opening and closing -------- */

/*
 * The snapshot to read with: what is committed now, if the isolation allows.
 * A dry ledger reads what its caller reads.
 */
static Snapshot
current_snapshot(bool dry)
{
	if (dry)
		return RegisterSnapshot(GetActiveSnapshot());
	return RegisterSnapshot(IsolationUsesXactSnapshot() ? GetTransactionSnapshot() :
							GetLatestSnapshot());
}

/*
 * Lets the executor's single-row functions fire row triggers on our tables:
 * they look for the tables in the range table.
 */
static void
prepare_triggers(Ledger *ledger)
{
	TableWriter *writers[] = {&ledger->account, &ledger->entry, &ledger->posting};
	List	   *range_table = NIL;
	int			i;

	for (i = 0; i < lengthof(writers) && writers[i]->rel; i++)
	{
		RangeTblEntry *rte = makeNode(RangeTblEntry);

		rte->rtekind = RTE_RELATION;
		rte->relid = RelationGetRelid(writers[i]->rel);
		rte->relkind = writers[i]->rel->rd_rel->relkind;
		rte->rellockmode = RowExclusiveLock;
		range_table = lappend(range_table, rte);
		writers[i]->info->ri_RangeTableIndex = i + 1;
		ledger->estate->es_opened_result_relations =
			lappend(ledger->estate->es_opened_result_relations, writers[i]->info);
	}
	loyalty_init_range_table(ledger->estate, range_table);
	ledger->estate->es_output_cid = GetCurrentCommandId(true);
	AfterTriggerBeginQuery();
}

/* see ledger.h */
Ledger *
ledger_open(Program *program, SourceConfig *source, bool dry)
{
	Ledger	   *ledger = palloc0(sizeof(Ledger));

	ledger->program = program;
	ledger->source = source;
	ledger->dry = dry;
	ledger->context = CurrentMemoryContext;
	rights_enter(program->ref.owner, SECURITY_NOFORCE_RLS, &ledger->rights);
	if (!dry)
		PreventCommandIfReadOnly("posting points");
	ledger->estate = CreateExecutorState();
	writer_open(ledger, &ledger->account, program->account);
	writer_open(ledger, &ledger->entry, program->entry);
	if (source && OidIsValid(source->posting))
		writer_open(ledger, &ledger->posting, source->posting);
	if (ledger->fires_triggers)
		prepare_triggers(ledger);
	ledger->write_context = AllocSetContextCreate(ledger->context, "loyalty writes",
												  ALLOCSET_DEFAULT_SIZES);
	ledger->snapshot = current_snapshot(ledger->dry);
	return ledger;
}

/* Ends the scans, whose snapshot is about to go. */
static void
end_scans(Ledger *ledger)
{
	if (ledger->account_scan)
		index_endscan(ledger->account_scan);
	if (ledger->posting_scan)
		index_endscan(ledger->posting_scan);
	ledger->account_scan = NULL;
	ledger->posting_scan = NULL;
}

/* see ledger.h */
void
ledger_close(Ledger *ledger)
{
	ledger_flush(ledger);
	end_scans(ledger);
	UnregisterSnapshot(ledger->snapshot);
	if (ledger->fires_triggers)
	{
		AfterTriggerEndQuery(ledger->estate);
		ExecResetTupleTable(ledger->estate->es_tupleTable, false);
	}
	if (ledger->account_pk)
		index_close(ledger->account_pk, NoLock);
	if (ledger->posting_pk)
		index_close(ledger->posting_pk, NoLock);
	writer_close(&ledger->account);
	writer_close(&ledger->entry);
	if (ledger->posting.rel)
		writer_close(&ledger->posting);
	FreeExecutorState(ledger->estate);
	MemoryContextDelete(ledger->write_context);
	rights_leave(&ledger->rights);
	pfree(ledger);
}

/* see ledger.h */
void
ledger_refresh(Ledger *ledger)
{
	if (ledger->dry)
		return;
	end_scans(ledger);
	UnregisterSnapshot(ledger->snapshot);
	CommandCounterIncrement();
	ledger->snapshot = current_snapshot(ledger->dry);
}

/* Whether a table has row triggers that an insert or update must fire. */
static bool
has_row_triggers(Relation rel)
{
	TriggerDesc *triggers = rel->trigdesc;

	return triggers &&
		(triggers->trig_insert_before_row || triggers->trig_insert_after_row ||
		 triggers->trig_update_before_row || triggers->trig_update_after_row ||
		 triggers->trig_insert_instead_row || triggers->trig_update_instead_row);
}

/* Opens a table for reading and, unless the ledger is dry, writing. */
static void
writer_open(Ledger *ledger, TableWriter *writer, Oid relid)
{
	LOCKMODE	mode = ledger->dry ? AccessShareLock : RowExclusiveLock;

	writer->rel = table_open(relid, mode);
	writer->slot = table_slot_create(writer->rel, NULL);
	if (ledger->dry)
		return;
	writer->info = makeNode(ResultRelInfo);
	InitResultRelInfo(writer->info, writer->rel, 1, NULL, 0);
	ExecOpenIndices(writer->info, false);
	writer->plain = !has_row_triggers(writer->rel) &&
		!(writer->rel->rd_att->constr && writer->rel->rd_att->constr->has_generated_stored);
	if (!writer->plain)
		ledger->fires_triggers = true;
}

static void
writer_close(TableWriter *writer)
{
	int			i;

	for (i = 0; writer->buffer && i < WRITER_BUFFER && writer->buffer[i]; i++)
		ExecDropSingleTupleTableSlot(writer->buffer[i]);
	if (writer->info)
		ExecCloseIndices(writer->info);
	ExecDropSingleTupleTableSlot(writer->slot);
	table_close(writer->rel, NoLock);
}

/* Writes the rows that wait. */
static void
writer_flush(Ledger *ledger, TableWriter *writer)
{
	MemoryContext old;
	int			i;

	if (writer->nbuffered == 0)
		return;
	old = MemoryContextSwitchTo(ledger->write_context);
	if (writer->plain)
	{
		table_multi_insert(writer->rel, writer->buffer, writer->nbuffered,
						   GetCurrentCommandId(true), 0, NULL);
		for (i = 0; i < writer->nbuffered; i++)
		{
			ExecInsertIndexTuples(writer->info, writer->buffer[i], ledger->estate,
								  false, false, NULL, NIL);
			ResetPerTupleExprContext(ledger->estate);
		}
	}
	else
	{
		for (i = 0; i < writer->nbuffered; i++)
			ExecSimpleRelationInsert(writer->info, ledger->estate, writer->buffer[i]);
	}
	for (i = 0; i < writer->nbuffered; i++)
		ExecClearTuple(writer->buffer[i]);
	writer->nbuffered = 0;
	MemoryContextSwitchTo(old);
	MemoryContextReset(ledger->write_context);
}

/* A slot to fill with the next new row, to be given to writer_insert. */
static TupleTableSlot *
writer_next(Ledger *ledger, TableWriter *writer)
{
	TupleTableSlot *slot;

	if (writer->nbuffered == WRITER_BUFFER)
		writer_flush(ledger, writer);
	if (writer->buffer == NULL)
		writer->buffer = MemoryContextAllocZero(ledger->context,
												sizeof(TupleTableSlot *) * WRITER_BUFFER);
	slot = writer->buffer[writer->nbuffered];
	if (slot == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(ledger->context);

		slot = writer->buffer[writer->nbuffered] = table_slot_create(writer->rel, NULL);
		MemoryContextSwitchTo(old);
	}
	ExecClearTuple(slot);
	return slot;
}

/* Keeps the row in the slot that writer_next gave, to be written with others. */
static void
writer_insert(Ledger *ledger, TableWriter *writer)
{
	TupleTableSlot *slot = writer->buffer[writer->nbuffered++];

	ExecStoreVirtualTuple(slot);
	ExecMaterializeSlot(slot);
	if (writer->plain && writer->rel->rd_att->constr)
		ExecConstraints(writer->info, slot, ledger->estate);
}

/* Replaces the row at tid, which this transaction has locked, by the slot's. */
static void
writer_update(Ledger *ledger, TableWriter *writer, ItemPointer tid)
{
	TupleTableSlot *slot = writer->slot;
	TM_FailureData failure;
	LockTupleMode lockmode;
	bool		update_indexes;
	TM_Result	result;

	if (!writer->plain)
	{
		TupleTableSlot *search = table_slot_create(writer->rel, NULL);
		EPQState	epq;

		EvalPlanQualInit(&epq, ledger->estate, NULL, NIL, -1);
		if (!table_tuple_fetch_row_version(writer->rel, tid, ledger->snapshot, search))
			elog(ERROR, "row to update has vanished");
		ExecSimpleRelationUpdate(writer->info, ledger->estate, &epq, search, slot);
		EvalPlanQualEnd(&epq);
		ExecDropSingleTupleTableSlot(search);
		return;
	}
	if (writer->rel->rd_att->constr)
		ExecConstraints(writer->info, slot, ledger->estate);
	result = table_tuple_update(writer->rel, tid, slot, GetCurrentCommandId(true),
								ledger->snapshot, InvalidSnapshot, true,
								&failure, &lockmode, &update_indexes);
	if (result == TM_Updated || result == TM_Deleted)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent update")));
	if (result != TM_Ok)
		elog(ERROR, "unexpected result %d of updating \"%s\"", (int) result,
			 RelationGetRelationName(writer->rel));
	if (writer->info->ri_NumIndices > 0 && update_indexes)
		ExecInsertIndexTuples(writer->info, slot, ledger->estate, false, false, NULL, NIL);
	ResetPerTupleExprContext(ledger->estate);
}

/* -------- accounts -------- */

/* Equality function of the member type, for index scans. */
static RegProcedure
equality_function(Oid type)
{
	return lookup_type_cache(type, TYPECACHE_EQ_OPR_FINFO)->eq_opr_finfo.fn_oid;
}

/* Finds a member's account row, as the ledger's snapshot sees it. */
static bool
find_account(Ledger *ledger, Datum member)
{
	ScanKeyData key;
	Relation	rel = ledger->account.rel;
	MemoryContext old = MemoryContextSwitchTo(ledger->context);
	bool		found;

	/* the scan allocates as it goes what must live as long as it does */
	if (ledger->account_pk == NULL)
		ledger->account_pk = index_open(RelationGetPrimaryKeyIndex(rel), AccessShareLock);
	if (ledger->account_scan == NULL)
		ledger->account_scan = index_beginscan(rel, ledger->account_pk,
											   ledger->snapshot, 1, 0);
	ScanKeyEntryInitialize(&key, 0, 1, BTEqualStrategyNumber, InvalidOid,
						   ledger->account_pk->rd_indcollation[0],
						   equality_function(ledger->program->ref.member_type), member);
	index_rescan(ledger->account_scan, &key, 1, NULL, 0);
	found = index_getnext_slot(ledger->account_scan, ForwardScanDirection,
							   ledger->account.slot);
	MemoryContextSwitchTo(old);
	return found;
}

/*
 * Locks the account row that find_account found and reads its latest version
 * into the slot.  Under REPEATABLE READ and above a row changed since the
 * snapshot is a serialization failure, as it is for UPDATE.
 */
static void
lock_account(Ledger *ledger)
{
	TupleTableSlot *slot = ledger->account.slot;
	ItemPointerData tid = slot->tts_tid;
	TM_FailureData failure;
	TM_Result	result;

	result = table_tuple_lock(ledger->account.rel, &tid, ledger->snapshot, slot,
							  GetCurrentCommandId(false), LockTupleNoKeyExclusive,
							  LockWaitBlock,
							  IsolationUsesXactSnapshot() ? 0 : TUPLE_LOCK_FLAG_FIND_LAST_VERSION,
							  &failure);
	ledger->account_moved = result == TM_Ok && failure.traversed;
	if (result == TM_Updated || result == TM_Deleted)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent update")));
	if (result != TM_Ok)
		elog(ERROR, "unexpected result %d of locking an account", (int) result);
}

/* see plan_execute */
static const char enrol_account_plan = 0;
static const char enrol_member_plan = 0;

/* Makes accounts, and members, that do not exist; others may do so meanwhile. */
static void
enrol_members(Ledger *ledger, Datum *members, TimestampTz *joined_at, int nmembers)
{
	Program    *program = ledger->program;
	char		align = program->ref.member_type == UUIDOID ? TYPALIGN_CHAR :
		program->ref.member_type == INT8OID ? TYPALIGN_DOUBLE : TYPALIGN_INT;
	Datum	   *instants = palloc(sizeof(Datum) * nmembers);
	Oid			types[2];
	Datum		values[2];
	int			i;

	for (i = 0; i < nmembers; i++)
		instants[i] = TimestampTzGetDatum(joined_at[i]);
	types[0] = get_array_type(program->ref.member_type);
	types[1] = get_array_type(TIMESTAMPTZOID);
	values[0] = PointerGetDatum(construct_array(members, nmembers, program->ref.member_type,
												program->member_len, program->member_byval,
												align));
	values[1] = PointerGetDatum(construct_array(instants, nmembers, TIMESTAMPTZOID,
												sizeof(TimestampTz), true, TYPALIGN_DOUBLE));
	SPI_connect();

	/* the triggers of table member, which would make the account, can rest */
	ledger_internal++;
	PG_TRY();
	{
		plan_execute(program, &enrol_account_plan,
					 "INSERT INTO %s.account (member_id, joined_at)"
					 " SELECT m, j FROM ROWS FROM (pg_catalog.unnest($1),"
					 " pg_catalog.unnest($2)) AS n (m, j)"
					 " ON CONFLICT DO NOTHING", 2, types, values, false, SPI_OK_INSERT);
		plan_execute(program, &enrol_member_plan,
					 "INSERT INTO %s.member (member_id, joined_at)"
					 " SELECT m, j FROM ROWS FROM (pg_catalog.unnest($1),"
					 " pg_catalog.unnest($2)) AS n (m, j)"
					 " ON CONFLICT DO NOTHING", 2, types, values, false, SPI_OK_INSERT);
	}
	PG_FINALLY();
	{
		ledger_internal--;
	}
	PG_END_TRY();
	SPI_finish();
	ledger_refresh(ledger);
}

/* see ledger.h */
void
ledger_enrol(Ledger *ledger, Datum *members, TimestampTz *joined_at, int nmembers)
{
	Datum	   *missing = NULL;
	TimestampTz *missing_joined = NULL;
	int			nmissing = 0;
	int			i;

	for (i = 0; i < nmembers; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (find_account(ledger, members[i]))
			continue;
		if (missing == NULL)
		{
			missing = palloc(sizeof(Datum) * nmembers);
			missing_joined = palloc(sizeof(TimestampTz) * nmembers);
		}
		missing[nmissing] = members[i];
		missing_joined[nmissing++] = joined_at[i];
	}
	ExecClearTuple(ledger->account.slot);
	if (nmissing > 0)
		enrol_members(ledger, missing, missing_joined, nmissing);
}

/* see ledger.h */
void
ledger_lock_accounts(Ledger *ledger, Datum *members, int nmembers)
{
	int			i;

	for (i = 0; i < nmembers && !ledger->dry; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (find_account(ledger, members[i]))
			lock_account(ledger);
	}
	ExecClearTuple(ledger->account.slot);
}

/* Makes room for more lots; see Account.grow. */
static void
grow_lots(Account *account, int capacity)
{
	int			size = Max(capacity, account->capacity * 2);

	account->pieces = repalloc(account->pieces, sizeof(LotPiece) * size);
	account->capacity = size;
}

/* Reads an account from its row in the slot. */
static AccountState *
account_from_slot(Ledger *ledger, TupleTableSlot *slot)
{
	Program    *program = ledger->program;
	RuleSet    *rules = program->rules;
	AccountState *account = palloc0(sizeof(AccountState));
	LotsData   *lots;
	Datum	   *values;
	bool	   *isnull;
	int			i;

	slot_getallattrs(slot);
	values = slot->tts_values;
	isnull = slot->tts_isnull;
	account->tid = slot->tts_tid;
	account->member = member_copy(program, values[ACCOUNT_MEMBER_ID]);
	account->last_entry = DatumGetInt64(values[ACCOUNT_LAST_ENTRY]);
	account->last_at = DatumGetTimestampTz(values[ACCOUNT_LAST_AT]);
	account->next_due = DatumGetTimestampTz(values[ACCOUNT_NEXT_DUE]);
	account->joined_at = DatumGetTimestampTz(values[ACCOUNT_JOINED_AT]);
	account->purchases = DatumGetInt64(values[ACCOUNT_PURCHASES]);
	account->spend = DatumGetInt64(values[ACCOUNT_SPEND]);
	account->has_purchase = !isnull[ACCOUNT_FIRST_PURCHASE_AT];
	if (account->has_purchase)
	{
		account->first_purchase_at = DatumGetTimestampTz(values[ACCOUNT_FIRST_PURCHASE_AT]);
		account->last_purchase_at = DatumGetTimestampTz(values[ACCOUNT_LAST_PURCHASE_AT]);
	}
	account->status = DatumGetInt16(values[ACCOUNT_STATUS]);
	account->now = account->last_at;

	/* the member's own zone, if it has one */
	account->zone = rules->zone;
	if (!isnull[ACCOUNT_TIME_ZONE])
	{
		pg_tz	   *tz;

		account->zone_name = TextDatumGetCString(values[ACCOUNT_TIME_ZONE]);
		tz = zone_lookup(account->zone_name);
		if (tz)
			account->zone = zone_for_tz(tz);
	}

	if (!isnull[ACCOUNT_USAGE])
	{
		bytea	   *usage = DatumGetByteaPP(values[ACCOUNT_USAGE]);

		account->nusage = VARSIZE_ANY_EXHDR(usage) / sizeof(UsageItem);
		account->usage_capacity = account->nusage + 4;
		account->usage = palloc(sizeof(UsageItem) * account->usage_capacity);
		memcpy(account->usage, VARDATA_ANY(usage), sizeof(UsageItem) * account->nusage);
	}

	lots = DatumGetLotsP(values[ACCOUNT_LOTS]);
	account->core.npieces = LOTS_COUNT(lots);
	account->core.capacity = account->core.npieces + 8;
	account->core.pieces = palloc(sizeof(LotPiece) * account->core.capacity);
	memcpy(account->core.pieces, LOTS_PIECES(lots), sizeof(LotPiece) * account->core.npieces);
	account->core.grow = grow_lots;
	account->core.zone = &account->zone;
	account->core.nunits = rules->nunits;
	account->core.units = palloc0(sizeof(AccountUnit) * Max(1, rules->nunits));
	for (i = 0; i < rules->nunits; i++)
	{
		UnitConfig *config = &rules->units[i];
		AccountUnit *unit = &account->core.units[i];
		UsageItem  *item;

		unit->unit = config->unit_no;
		unit->last_activity = INSTANT_ALWAYS;
		unit->follows_activity = config->expires.kind == PERIOD_ACTIVITY;
		unit->activity_period = config->expires;
		item = account->nusage > 0 ? account_usage(account, -config->unit_no, false) : NULL;
		if (item)
			unit->last_activity = item->at;
	}
	if (!isnull[ACCOUNT_PAGED])
		pages_attach(account, values[ACCOUNT_PAGED]);
	return account;
}

/* see ledger.h */
AccountState *
ledger_blank_account(Ledger *ledger, Datum member, TimestampTz joined_at)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(ledger->account.rel),
													&TTSOpsVirtual);
	AccountState *account;

	memset(slot->tts_isnull, 0, sizeof(bool) * ACCOUNT_COLUMNS);
	memset(slot->tts_values, 0, sizeof(Datum) * ACCOUNT_COLUMNS);
	slot->tts_values[ACCOUNT_MEMBER_ID] = member;
	slot->tts_values[ACCOUNT_LAST_AT] = TimestampTzGetDatum(DT_NOBEGIN);
	slot->tts_values[ACCOUNT_NEXT_DUE] = TimestampTzGetDatum(DT_NOEND);
	slot->tts_values[ACCOUNT_JOINED_AT] = TimestampTzGetDatum(joined_at);
	slot->tts_isnull[ACCOUNT_FIRST_PURCHASE_AT] = true;
	slot->tts_isnull[ACCOUNT_LAST_PURCHASE_AT] = true;
	slot->tts_isnull[ACCOUNT_TIME_ZONE] = true;
	slot->tts_isnull[ACCOUNT_USAGE] = true;
	slot->tts_isnull[ACCOUNT_PAGED] = true;
	slot->tts_values[ACCOUNT_LOTS] = PointerGetDatum(lots_make(NULL, 0));
	ExecStoreVirtualTuple(slot);
	account = account_from_slot(ledger, slot);
	ExecDropSingleTupleTableSlot(slot);
	account->now = program_clock(ledger->program);
	return account;
}

/* see ledger.h */
AccountState *
ledger_read_account(Ledger *ledger, Datum member)
{
	AccountState *account;

	if (!find_account(ledger, member))
		return NULL;
	account = account_from_slot(ledger, ledger->account.slot);
	ExecClearTuple(ledger->account.slot);
	return account;
}

/* see ledger.h */
AccountState *
ledger_account(Ledger *ledger, Datum member)
{
	AccountState *account;

	if (!find_account(ledger, member))
		return NULL;
	if (!ledger->dry)
		lock_account(ledger);
	account = account_from_slot(ledger, ledger->account.slot);
	account->locked = !ledger->dry;
	ExecClearTuple(ledger->account.slot);
	account_bring_to(ledger, account,
					 Max(program_clock(ledger->program), account->last_at));
	return account;
}

/* see ledger.h */
void
account_bring_to(Ledger *ledger, AccountState *account, TimestampTz now)
{
	LedgerSink	sink;
	TimestampTz since = account->now;

	if (now < account->now)
		now = account->now;
	account->now = now;
	if (account->next_due > now)
		return;
	if (account->paged)
		pages_bring_in_due(ledger, account, now);
	memset(&sink, 0, sizeof(sink));
	sink.ledger = ledger;
	sink.account = account;
	core_check(account_advance(&account->core, since, now, ledger_sink, &sink));
	account_find_due(account);
	account->dirty = true;
}

/* see ledger.h */
void
account_find_due(AccountState *account)
{
	core_check(account_next_due(&account->core, &account->next_due));
	if (account->paged)
		account->next_due = Min(account->next_due, account->paged->summary.next_due);
}

/* see ledger.h */
UsageItem *
account_usage(AccountState *account, int32 key, bool create)
{
	UsageItem  *item;
	int			i;

	for (i = 0; i < account->nusage; i++)
	{
		if (account->usage[i].key == key)
			return &account->usage[i];
	}
	if (!create)
		return NULL;
	if (account->nusage == account->usage_capacity)
	{
		account->usage_capacity += 4;
		account->usage = account->usage ?
			repalloc(account->usage, sizeof(UsageItem) * account->usage_capacity) :
			palloc(sizeof(UsageItem) * account->usage_capacity);
	}
	item = &account->usage[account->nusage++];
	memset(item, 0, sizeof(UsageItem));
	item->key = key;
	item->at = INSTANT_ALWAYS;
	return item;
}

/* see ledger.h */
void
ledger_save_account(Ledger *ledger, AccountState *account)
{
	TupleTableSlot *slot = ledger->account.slot;
	Datum	   *values = slot->tts_values;
	bool	   *isnull = slot->tts_isnull;
	int			i;

	if (!account->dirty || ledger->dry)
		return;
	for (i = 0; i < account->core.nunits; i++)
	{
		AccountUnit *unit = &account->core.units[i];

		if (unit->last_activity != INSTANT_ALWAYS)
			account_usage(account, -unit->unit, true)->at = unit->last_activity;
	}
	pages_save(ledger, account);

	ExecClearTuple(slot);
	memset(isnull, 0, sizeof(bool) * ACCOUNT_COLUMNS);
	values[ACCOUNT_MEMBER_ID] = account->member;
	values[ACCOUNT_LAST_ENTRY] = Int64GetDatum(account->last_entry);
	values[ACCOUNT_LAST_AT] = TimestampTzGetDatum(account->now);
	values[ACCOUNT_NEXT_DUE] = TimestampTzGetDatum(account->next_due);
	values[ACCOUNT_JOINED_AT] = TimestampTzGetDatum(account->joined_at);
	values[ACCOUNT_PURCHASES] = Int64GetDatum(account->purchases);
	values[ACCOUNT_SPEND] = Int64GetDatum(account->spend);
	isnull[ACCOUNT_FIRST_PURCHASE_AT] = !account->has_purchase;
	values[ACCOUNT_FIRST_PURCHASE_AT] = TimestampTzGetDatum(account->first_purchase_at);
	isnull[ACCOUNT_LAST_PURCHASE_AT] = !account->has_purchase;
	values[ACCOUNT_LAST_PURCHASE_AT] = TimestampTzGetDatum(account->last_purchase_at);
	values[ACCOUNT_STATUS] = Int16GetDatum(account->status);
	isnull[ACCOUNT_TIME_ZONE] = account->zone_name == NULL;
	if (account->zone_name)
		values[ACCOUNT_TIME_ZONE] = CStringGetTextDatum(account->zone_name);
	isnull[ACCOUNT_USAGE] = account->nusage == 0;
	if (account->nusage > 0)
	{
		Size		size = VARHDRSZ + sizeof(UsageItem) * account->nusage;
		bytea	   *usage = palloc(size);

		SET_VARSIZE(usage, size);
		memcpy(VARDATA(usage), account->usage, size - VARHDRSZ);
		values[ACCOUNT_USAGE] = PointerGetDatum(usage);
	}
	isnull[ACCOUNT_PAGED] = account->paged == NULL;
	if (account->paged)
		values[ACCOUNT_PAGED] = pages_to_datum(account);
	values[ACCOUNT_LOTS] = PointerGetDatum(lots_make_packed(account->core.pieces,
															account->core.npieces));
	ExecStoreVirtualTuple(slot);
	writer_update(ledger, &ledger->account, &account->tid);
	account->tid = slot->tts_tid;
	account->dirty = false;
	ExecClearTuple(slot);
}

/* -------- ledger lines -------- */

/* see ledger.h */
void
ledger_flush(Ledger *ledger)
{
	if (ledger->dry)
		return;
	writer_flush(ledger, &ledger->entry);
	if (ledger->posting.rel)
		writer_flush(ledger, &ledger->posting);
}

/* see ledger.h */
int64
ledger_append(Ledger *ledger, AccountState *account, const EntryLine *line)
{
	const Movement *m = &line->movement;
	int64		entry_no = ++account->last_entry;
	TupleTableSlot *slot;
	Datum	   *values;
	bool	   *isnull;

	account->dirty = true;
	if (ledger->observe)
		ledger->observe(ledger->observe_arg, account, line, entry_no);
	if (ledger->dry)
		return entry_no;
	slot = writer_next(ledger, &ledger->entry);
	values = slot->tts_values;
	isnull = slot->tts_isnull;
	memset(isnull, 0, sizeof(bool) * ENTRY_COLUMNS);
	values[ENTRY_MEMBER_ID] = account->member;
	values[ENTRY_ENTRY_NO] = Int64GetDatum(entry_no);
	values[ENTRY_POINTS] = Int64GetDatum(m->points);
	values[ENTRY_OCCURRED_AT] = TimestampTzGetDatum(m->occurred_at);
	values[ENTRY_POSTED_AT] = TimestampTzGetDatum(account->now);
	isnull[ENTRY_ACTIVE_FROM] = m->from == m->occurred_at;
	values[ENTRY_ACTIVE_FROM] = TimestampTzGetDatum(m->from);
	isnull[ENTRY_EXPIRES_AT] = m->to == INSTANT_ACTIVITY;
	values[ENTRY_EXPIRES_AT] = TimestampTzGetDatum(m->to);
	isnull[ENTRY_RULE_NO] = line->rule_no == 0;
	values[ENTRY_RULE_NO] = Int32GetDatum(line->rule_no);
	isnull[ENTRY_CONFIG_VERSION] = line->config_version == 0;
	values[ENTRY_CONFIG_VERSION] = Int32GetDatum(line->config_version);
	isnull[ENTRY_SOURCE_NO] = line->source_no == 0;
	values[ENTRY_SOURCE_NO] = Int32GetDatum(line->source_no);
	values[ENTRY_KIND] = Int16GetDatum((int16) m->kind);
	values[ENTRY_UNIT_NO] = Int16GetDatum((int16) m->unit);
	isnull[ENTRY_OPERATION_NO] = line->operation_no == 0 && ledger->operation_no == 0;
	values[ENTRY_OPERATION_NO] = Int64GetDatum(line->operation_no ? line->operation_no :
											   ledger->operation_no);
	isnull[ENTRY_LAPSED] = m->lapsed == 0;
	values[ENTRY_LAPSED] = Int64GetDatum(m->lapsed);
	isnull[ENTRY_FORGIVEN] = m->forgiven == 0;
	values[ENTRY_FORGIVEN] = Int64GetDatum(m->forgiven);
	isnull[ENTRY_EVENT_KEY] = line->event_key == 0;
	values[ENTRY_EVENT_KEY] = line->event_key;
	writer_insert(ledger, &ledger->entry);
	return entry_no;
}

/* see ledger.h */
void
ledger_sink(void *arg, const Movement *movement)
{
	LedgerSink *sink = (LedgerSink *) arg;

	sink->line.movement = *movement;
	sink->last = ledger_append(sink->ledger, sink->account, &sink->line);
	if (sink->first == 0)
		sink->first = sink->last;
}

/* see ledger.h */
void
ledger_read_entries(Ledger *ledger, Datum member, int64 first, int64 last,
					EntryReader reader, void *arg)
{
	Relation	rel = ledger->entry.rel;
	Relation	index = index_open(RelationGetPrimaryKeyIndex(rel), AccessShareLock);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	ScanKeyData keys[3];
	IndexScanDesc scan;

	ScanKeyEntryInitialize(&keys[0], 0, 1, BTEqualStrategyNumber, InvalidOid,
						   index->rd_indcollation[0],
						   equality_function(ledger->program->ref.member_type), member);
	ScanKeyInit(&keys[1], 2, BTGreaterEqualStrategyNumber, F_INT8GE, Int64GetDatum(first));
	ScanKeyInit(&keys[2], 2, BTLessEqualStrategyNumber, F_INT8LE, Int64GetDatum(last));
	scan = index_beginscan(rel, index, ledger->snapshot, 3, 0);
	index_rescan(scan, keys, 3, NULL, 0);
	while (index_getnext_slot(scan, ForwardScanDirection, slot))
	{
		EntryLine	line;
		Datum	   *values;
		bool	   *isnull;

		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(slot);
		values = slot->tts_values;
		isnull = slot->tts_isnull;
		memset(&line, 0, sizeof(line));
		line.movement.kind = (EntryKind) DatumGetInt16(values[ENTRY_KIND]);
		line.movement.unit = DatumGetInt16(values[ENTRY_UNIT_NO]);
		line.movement.points = DatumGetInt64(values[ENTRY_POINTS]);
		line.movement.occurred_at = DatumGetTimestampTz(values[ENTRY_OCCURRED_AT]);
		line.movement.from = isnull[ENTRY_ACTIVE_FROM] ? line.movement.occurred_at :
			DatumGetTimestampTz(values[ENTRY_ACTIVE_FROM]);
		line.movement.to = isnull[ENTRY_EXPIRES_AT] ? INSTANT_ACTIVITY :
			DatumGetTimestampTz(values[ENTRY_EXPIRES_AT]);
		line.movement.lapsed = isnull[ENTRY_LAPSED] ? 0 : DatumGetInt64(values[ENTRY_LAPSED]);
		line.movement.forgiven = isnull[ENTRY_FORGIVEN] ? 0 :
			DatumGetInt64(values[ENTRY_FORGIVEN]);
		line.rule_no = isnull[ENTRY_RULE_NO] ? 0 : DatumGetInt32(values[ENTRY_RULE_NO]);
		line.source_no = isnull[ENTRY_SOURCE_NO] ? 0 : DatumGetInt32(values[ENTRY_SOURCE_NO]);
		line.config_version = isnull[ENTRY_CONFIG_VERSION] ? 0 :
			DatumGetInt32(values[ENTRY_CONFIG_VERSION]);
		line.operation_no = isnull[ENTRY_OPERATION_NO] ? 0 :
			DatumGetInt64(values[ENTRY_OPERATION_NO]);
		line.event_key = isnull[ENTRY_EVENT_KEY] ? (Datum) 0 : values[ENTRY_EVENT_KEY];
		line.posted_at = DatumGetTimestampTz(values[ENTRY_POSTED_AT]);
		reader(arg, DatumGetInt64(values[ENTRY_ENTRY_NO]), &line);
	}
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	index_close(index, AccessShareLock);
}

/* -------- postings -------- */

/* Begins a scan of the posting table's primary key, if there is none. */
static void
begin_posting_scan(Ledger *ledger)
{
	Relation	rel = ledger->posting.rel;
	SourceConfig *source = ledger->source;
	int			i;

	if (ledger->posting_scan)
		return;
	if (ledger->posting_pk == NULL)
		ledger->posting_pk = index_open(RelationGetPrimaryKeyIndex(rel), AccessShareLock);
	if (ledger->posting_keys == NULL)
	{
		ledger->posting_keys = MemoryContextAllocZero(ledger->context,
													  sizeof(ScanKeyData) * source->nkeys);
		for (i = 0; i < source->nkeys; i++)
			ScanKeyEntryInitialize(&ledger->posting_keys[i], 0, i + 1,
								   BTEqualStrategyNumber, InvalidOid,
								   ledger->posting_pk->rd_indcollation[i],
								   equality_function(source->key_type[i]), (Datum) 0);
	}
	ledger->posting_scan = index_beginscan(rel, ledger->posting_pk, ledger->snapshot,
										   source->nkeys, 0);
}

/* see ledger.h */
bool
ledger_greatest_key(Ledger *ledger, Datum *key)
{
	TupleTableSlot *slot = ledger->posting.slot;
	MemoryContext old = MemoryContextSwitchTo(ledger->context);
	bool		isnull;
	bool		found;

	begin_posting_scan(ledger);
	index_endscan(ledger->posting_scan);
	ledger->posting_scan = index_beginscan(ledger->posting.rel, ledger->posting_pk,
										   SnapshotAny, 0, 0);
	index_rescan(ledger->posting_scan, NULL, 0, NULL, 0);
	found = index_getnext_slot(ledger->posting_scan, BackwardScanDirection, slot);
	MemoryContextSwitchTo(old);
	if (found)
		*key = datumCopy(slot_getattr(slot, 1, &isnull), ledger->source->key_byval[0],
						 ledger->source->key_len[0]);
	ExecClearTuple(slot);
	index_endscan(ledger->posting_scan);
	ledger->posting_scan = NULL;
	return found;
}

/* see ledger.h */
bool
ledger_find_posting(Ledger *ledger, const Datum *key, Posting *posting)
{
	TupleTableSlot *slot = ledger->posting.slot;
	int			nkeys = ledger->source->nkeys;
	MemoryContext old;
	bool		found;
	Datum	   *values;
	bool	   *isnull;
	int			i;

	old = MemoryContextSwitchTo(ledger->context);
	begin_posting_scan(ledger);
	for (i = 0; i < nkeys; i++)
		ledger->posting_keys[i].sk_argument = key[i];
	index_rescan(ledger->posting_scan, ledger->posting_keys, nkeys, NULL, 0);
	found = index_getnext_slot(ledger->posting_scan, ForwardScanDirection, slot);
	MemoryContextSwitchTo(old);
	if (!found)
		return false;
	slot_getallattrs(slot);
	values = slot->tts_values + nkeys;
	isnull = slot->tts_isnull + nkeys;
	memset(posting, 0, sizeof(Posting));
	posting->tid = slot->tts_tid;
	posting->member = member_copy(ledger->program, values[POSTING_MEMBER_ID]);
	posting->occurred_at = DatumGetTimestampTz(values[POSTING_OCCURRED_AT]);
	posting->first_entry = isnull[POSTING_FIRST_ENTRY] ? 0 :
		DatumGetInt64(values[POSTING_FIRST_ENTRY]);
	posting->amount = isnull[POSTING_AMOUNT] ? 0 : DatumGetInt64(values[POSTING_AMOUNT]);
	posting->config_version = DatumGetInt32(values[POSTING_CONFIG_VERSION]);
	posting->entries = DatumGetInt16(values[POSTING_ENTRIES]);
	posting->flags = DatumGetInt16(values[POSTING_FLAGS]);
	if (!isnull[POSTING_LATER])
	{
		Datum	   *later;

		deconstruct_array(DatumGetArrayTypeP(values[POSTING_LATER]), INT8OID,
						  sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
						  &later, NULL, &posting->nlater);
		posting->later = palloc(sizeof(int64) * posting->nlater);
		for (i = 0; i < posting->nlater; i++)
			posting->later[i] = DatumGetInt64(later[i]);
	}
	if (!isnull[POSTING_SHORT])
	{
		bytea	   *shorts = DatumGetByteaPP(values[POSTING_SHORT]);

		posting->nshort = VARSIZE_ANY_EXHDR(shorts) / sizeof(ShortItem);
		posting->shorts = palloc(sizeof(ShortItem) * Max(1, posting->nshort));
		memcpy(posting->shorts, VARDATA_ANY(shorts), sizeof(ShortItem) * posting->nshort);
	}
	if (!isnull[POSTING_FACTS])
		posting->facts = PG_DETOAST_DATUM_COPY(values[POSTING_FACTS]);
	ExecClearTuple(slot);
	return true;
}

/* Puts a posting into a slot of its table. */
static void
posting_to_slot(Ledger *ledger, TupleTableSlot *slot, const Datum *key,
				const Posting *posting)
{
	int			nkeys = ledger->source->nkeys;
	Datum	   *values = slot->tts_values + nkeys;
	bool	   *isnull = slot->tts_isnull + nkeys;
	int			i;

	ExecClearTuple(slot);
	memset(slot->tts_isnull, 0, sizeof(bool) * (nkeys + POSTING_COLUMNS));
	for (i = 0; i < nkeys; i++)
		slot->tts_values[i] = key[i];
	values[POSTING_MEMBER_ID] = posting->member;
	values[POSTING_OCCURRED_AT] = TimestampTzGetDatum(posting->occurred_at);
	isnull[POSTING_FIRST_ENTRY] = posting->first_entry == 0;
	values[POSTING_FIRST_ENTRY] = Int64GetDatum(posting->first_entry);
	isnull[POSTING_AMOUNT] = (posting->flags & POSTING_COUNTS) == 0;
	values[POSTING_AMOUNT] = Int64GetDatum(posting->amount);
	values[POSTING_CONFIG_VERSION] = Int32GetDatum(posting->config_version);
	values[POSTING_ENTRIES] = Int16GetDatum((int16) posting->entries);
	values[POSTING_FLAGS] = Int16GetDatum(posting->flags);
	isnull[POSTING_LATER] = posting->nlater == 0;
	if (posting->nlater > 0)
	{
		Datum	   *later = palloc(sizeof(Datum) * posting->nlater);

		for (i = 0; i < posting->nlater; i++)
			later[i] = Int64GetDatum(posting->later[i]);
		values[POSTING_LATER] = PointerGetDatum(construct_array(later, posting->nlater,
																INT8OID, sizeof(int64),
																FLOAT8PASSBYVAL,
																TYPALIGN_DOUBLE));
	}
	isnull[POSTING_SHORT] = posting->nshort == 0;
	if (posting->nshort > 0)
	{
		Size		size = VARHDRSZ + sizeof(ShortItem) * posting->nshort;
		bytea	   *shorts = palloc(size);

		SET_VARSIZE(shorts, size);
		memcpy(VARDATA(shorts), posting->shorts, size - VARHDRSZ);
		values[POSTING_SHORT] = PointerGetDatum(shorts);
	}
	isnull[POSTING_FACTS] = posting->facts == NULL;
	values[POSTING_FACTS] = PointerGetDatum(posting->facts);
}

/* see ledger.h */
void
ledger_insert_posting(Ledger *ledger, const Datum *key, const Posting *posting)
{
	if (ledger->dry)
		return;
	posting_to_slot(ledger, writer_next(ledger, &ledger->posting), key, posting);
	writer_insert(ledger, &ledger->posting);
}

/* see ledger.h */
void
ledger_update_posting(Ledger *ledger, const Datum *key, const Posting *posting)
{
	ItemPointerData tid = posting->tid;

	if (ledger->dry)
		return;
	posting_to_slot(ledger, ledger->posting.slot, key, posting);
	ExecStoreVirtualTuple(ledger->posting.slot);
	writer_update(ledger, &ledger->posting, &tid);
	ExecClearTuple(ledger->posting.slot);
}

/* see ledger.h */
void
ledger_delete_posting(Ledger *ledger, const Posting *posting)
{
	ItemPointerData tid = posting->tid;

	if (!ledger->dry)
		simple_table_tuple_delete(ledger->posting.rel, &tid, ledger->snapshot);
}
