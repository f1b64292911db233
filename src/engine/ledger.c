/*-------------------------------------------------------------------------
 *
 * ledger.c
 *	  The program's tables, open for one batch; lines of the ledger.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "engine/layout.h"
#include "engine/writer.h"

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

/* see ledger.h */
RegProcedure
equality_function(Oid type)
{
	return lookup_type_cache(type, TYPECACHE_EQ_OPR_FINFO)->eq_opr_finfo.fn_oid;
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

/* -------- lines -------- */

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
