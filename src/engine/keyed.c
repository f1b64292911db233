/*-------------------------------------------------------------------------
 *
 * keyed.c
 *	  Single rows of the program's small tables, by primary key.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/keyed.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "engine/writer.h"

/* see keyed.h */
bool
keyed_open(Ledger *ledger, TableWriter *writer, Oid relid)
{
	bool		fires_triggers = ledger->fires_triggers;
	MemoryContext old;

	memset(writer, 0, sizeof(TableWriter));
	if (ledger->dry)
		return false;
	old = MemoryContextSwitchTo(ledger->context);
	writer_open(ledger, writer, relid);
	MemoryContextSwitchTo(old);

	/* the ledger itself has prepared for triggers on its own tables only */
	ledger->fires_triggers = fires_triggers;
	if (writer->plain)
		return true;
	keyed_close(writer);
	return false;
}

/* see keyed.h */
void
keyed_close(TableWriter *writer)
{
	writer_close(writer);
	writer->rel = NULL;
}

/* see keyed.h */
bool
keyed_find(Ledger *ledger, TableWriter *writer, const Datum *key)
{
	Relation	rel = writer->rel;
	Relation	index = index_open(loyalty_primary_key(rel), AccessShareLock);
	int			nkeys = IndexRelationGetNumberOfKeyAttributes(index);
	ScanKeyData keys[INDEX_MAX_KEYS];
	IndexScanDesc scan;
	Snapshot	snapshot;
	bool		found;
	int			i;

	for (i = 0; i < nkeys; i++)
		ScanKeyEntryInitialize(&keys[i], 0, i + 1, BTEqualStrategyNumber, InvalidOid,
							   index->rd_indcollation[i],
							   equality_function(TupleDescAttr(index->rd_att, i)->atttypid),
							   key[i]);

	/* the account's lock was waited for since the ledger's snapshot */
	CommandCounterIncrement();
	snapshot = RegisterSnapshot(IsolationUsesXactSnapshot() ? GetTransactionSnapshot() :
								GetLatestSnapshot());
	scan = loyalty_index_beginscan(rel, index, snapshot, nkeys, 0);
	index_rescan(scan, keys, nkeys, NULL, 0);
	found = index_getnext_slot(scan, ForwardScanDirection, writer->slot);
	if (found)
		ExecMaterializeSlot(writer->slot);
	index_endscan(scan);
	UnregisterSnapshot(snapshot);
	index_close(index, NoLock);
	return found;
}

/* see keyed.h */
bool
keyed_lock(Ledger *ledger, TableWriter *writer, bool latest)
{
	ItemPointerData tid = writer->slot->tts_tid;
	TM_FailureData failure;

	return table_tuple_lock(writer->rel, &tid, ledger->snapshot, writer->slot,
							GetCurrentCommandId(false), LockTupleNoKeyExclusive,
							LockWaitSkip,
							latest && !IsolationUsesXactSnapshot() ?
							TUPLE_LOCK_FLAG_FIND_LAST_VERSION : 0,
							&failure) == TM_Ok;
}

/* see keyed.h */
void
keyed_update(Ledger *ledger, TableWriter *writer, const int *columns,
			 const Datum *values, int ncolumns)
{
	TupleTableSlot *slot = writer->slot;
	ItemPointerData tid = slot->tts_tid;
	HeapTuple	tuple = ExecCopySlotHeapTuple(slot);
	int			i;

	ExecClearTuple(slot);
	heap_deform_tuple(tuple, slot->tts_tupleDescriptor, slot->tts_values, slot->tts_isnull);
	for (i = 0; i < ncolumns; i++)
	{
		slot->tts_values[columns[i]] = values[i];
		slot->tts_isnull[columns[i]] = false;
	}
	ExecStoreVirtualTuple(slot);
	writer_update(ledger, writer, &tid);
	ExecClearTuple(slot);
	heap_freetuple(tuple);
}
