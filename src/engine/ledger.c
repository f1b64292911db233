/*-------------------------------------------------------------------------
 *
 * ledger.c
 *	  The program's tables, open for one batch.
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
#include "parser/parse_relation.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "engine/kept.h"
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
	TableWriter *writers[] = {&ledger->account, &ledger->journal, &ledger->posting,
	&ledger->operation, &ledger->usage, &ledger->tier_change};
	List	   *range_table = NIL;
	int			i;

	ledger->estate->es_opened_result_relations = NIL;
	for (i = 0; i < lengthof(writers); i++)
	{
		RangeTblEntry *rte;

		if (writers[i]->rel == NULL)
			continue;
		rte = makeNode(RangeTblEntry);

		rte->rtekind = RTE_RELATION;
		rte->relid = RelationGetRelid(writers[i]->rel);
		rte->relkind = writers[i]->rel->rd_rel->relkind;
		rte->rellockmode = RowExclusiveLock;
		range_table = lappend(range_table, rte);
		writers[i]->info->ri_RangeTableIndex = list_length(range_table);
		ledger->estate->es_opened_result_relations =
			lappend(ledger->estate->es_opened_result_relations, writers[i]->info);
	}
	loyalty_init_range_table(ledger->estate, range_table);
	ledger->estate->es_output_cid = GetCurrentCommandId(true);
}

/* Opens one of the ledger's own tables. */
static void
open_table(Ledger *ledger, TableWriter *writer, Oid relid)
{
	if (ledger->kept)
		kept_open(ledger, writer, relid);
	else
		writer_open(ledger, writer, relid);
}

/* Closes it, if it is open. */
static void
close_table(Ledger *ledger, TableWriter *writer)
{
	if (writer->rel == NULL)
		return;
	if (ledger->kept)
		kept_close(ledger, writer);
	else
		writer_close(writer);
}

/* see ledger.h */
Ledger *
ledger_open(Program *program, SourceConfig *source, bool dry)
{
	Ledger	   *ledger = palloc0(sizeof(Ledger));

	ledger->program = program;
	ledger->source = source;
	ledger->dry = dry;
	ledger->context = ledger->top_up_context = CurrentMemoryContext;
	rights_enter(program->ref.owner, SECURITY_NOFORCE_RLS, &ledger->rights);
	if (!dry)
		PreventCommandIfReadOnly("posting points");
	if (source && !dry)
		kept_take(ledger);
	else
		ledger->estate = CreateExecutorState();
	open_table(ledger, &ledger->account, program->account);
	open_table(ledger, &ledger->journal, program->journal);
	if (source && OidIsValid(source->posting))
		open_table(ledger, &ledger->posting, source->posting);
	if (ledger->fires_triggers)
	{
		prepare_triggers(ledger);
		AfterTriggerBeginQuery();
	}
	ledger->snapshot = current_snapshot(ledger->dry);
	return ledger;
}

/* Opens one more table, unless it is open. */
static void
add_table(Ledger *ledger, TableWriter *writer, Oid relid)
{
	bool		fired = ledger->fires_triggers;
	MemoryContext old;

	if (writer->rel)
		return;
	old = MemoryContextSwitchTo(ledger->context);
	open_table(ledger, writer, relid);
	if (!writer->plain)
	{
		prepare_triggers(ledger);
		if (!fired)
			AfterTriggerBeginQuery();
	}
	MemoryContextSwitchTo(old);
}

/* see ledger.h */
void
ledger_add_operations(Ledger *ledger)
{
	add_table(ledger, &ledger->operation, ledger->program->operation);
}

/* see ledger.h */
void
ledger_add_tiers(Ledger *ledger)
{
	add_table(ledger, &ledger->tier_change, ledger->program->tier_change);
}

/* see ledger.h */
void
ledger_insert_usage(Ledger *ledger, Datum member, int32 rule_no, TimestampTz span_start,
					Points used)
{
	TupleTableSlot *slot;

	add_table(ledger, &ledger->usage, ledger->program->cap_usage);
	slot = writer_next(ledger, &ledger->usage);
	memset(slot->tts_isnull, 0, sizeof(bool) * CAP_USAGE_COLUMNS);
	slot->tts_values[CAP_USAGE_MEMBER_ID] = member;
	slot->tts_values[CAP_USAGE_RULE_NO] = Int32GetDatum(rule_no);
	slot->tts_values[CAP_USAGE_SPAN_START] = TimestampTzGetDatum(span_start);
	slot->tts_values[CAP_USAGE_USED] = Int64GetDatum(used);
	writer_insert(ledger, &ledger->usage);
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
	if (ledger->posting_pk && !ledger->posting.indices_open)
		index_close(ledger->posting_pk, NoLock);
	close_table(ledger, &ledger->account);
	close_table(ledger, &ledger->journal);
	close_table(ledger, &ledger->posting);
	close_table(ledger, &ledger->usage);
	close_table(ledger, &ledger->operation);
	close_table(ledger, &ledger->tier_change);
	if (ledger->kept)
		kept_put(ledger);
	else
		FreeExecutorState(ledger->estate);
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

/* see ledger.h */
void
ledger_flush(Ledger *ledger)
{
	if (ledger->dry)
		return;
	ledger_next_row(ledger);
	writer_flush(ledger, &ledger->journal);
	if (ledger->usage.rel)
		writer_flush(ledger, &ledger->usage);
	if (ledger->posting.rel)
		writer_flush(ledger, &ledger->posting);
	if (ledger->tier_change.rel)
		writer_flush(ledger, &ledger->tier_change);
}
