/*-------------------------------------------------------------------------
 *
 * account_find.c
 *	  Rows of accounts: found, and locked.
 *
 * This is the only place that locks accounts.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_am.h"
#include "executor/executor.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/inval.h"
#include "utils/rel.h"

#include "engine/account_find.h"
#include "engine/config.h"
#include "engine/writer.h"

/*
 * The row that the scan has found.  What index_getnext_slot() does, but that it prunes
 * the page as soon as there is anything to prune: pages being kept half empty, that
 * is at every second purchase.  Here it is when the next versions may not fit.
 */
static bool
fetch_account(Ledger *ledger)
{
	Relation	rel = ledger->account.rel;
	TupleTableSlot *slot = ledger->account.slot;
	HeapTuple	tuple = &((BufferHeapTupleTableSlot *) slot)->base.tupdata;
	ItemPointer found;

	if (rel->rd_rel->relam != HEAP_TABLE_AM_OID)
		return index_getnext_slot(ledger->account_scan, ForwardScanDirection, slot);
	ExecClearTuple(slot);
	while ((found = index_getnext_tid(ledger->account_scan, ForwardScanDirection)) != NULL)
	{
		ItemPointerData tid = *found;
		Buffer		buffer = ReadBuffer(rel, ItemPointerGetBlockNumber(&tid));
		bool		visible;

		if (PageGetFreeSpace(BufferGetPage(buffer)) < BLCKSZ / 4)
			heap_page_prune_opt(rel, buffer);
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		visible = heap_hot_search_buffer(&tid, rel, buffer, ledger->snapshot, tuple, NULL, true);
		LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
		if (visible)
		{
			tuple->t_tableOid = RelationGetRelid(rel);
			ExecStorePinnedBufferHeapTuple(tuple, slot, buffer);
			return true;
		}
		ReleaseBuffer(buffer);
	}
	return false;
}

/* see account_find.h */
bool
account_find(Ledger *ledger, Datum member)
{
	Relation	rel = ledger->account.rel;
	MemoryContext old = MemoryContextSwitchTo(ledger->context);
	bool		found;

	/* the scan allocates as it goes what must live as long as it does */
	if (ledger->account_pk == NULL)
		ledger->account_pk = index_open(loyalty_primary_key(rel), AccessShareLock);
	if (ledger->account_scan == NULL)
		ledger->account_scan = loyalty_index_beginscan(rel, ledger->account_pk,
													   ledger->snapshot, 1, 0);
	if (ledger->account_key == NULL)
	{
		MemoryContextSwitchTo(ledger->kept ? ledger->account.context : ledger->context);
		ledger->account_key = palloc0(sizeof(ScanKeyData));
		ScanKeyEntryInitialize(ledger->account_key, 0, 1, BTEqualStrategyNumber, InvalidOid,
							   ledger->account_pk->rd_indcollation[0],
							   equality_function(ledger->program->ref.member_type), member);
		MemoryContextSwitchTo(ledger->context);
	}
	ledger->account_key->sk_argument = member;
	index_rescan(ledger->account_scan, ledger->account_key, 1, NULL, 0);
	found = fetch_account(ledger);
	MemoryContextSwitchTo(old);
	return found;
}

/* Tries to lock the row in the slot, and to read its latest version into it. */
static TM_Result
try_lock(Ledger *ledger, ItemPointerData tid, LockWaitPolicy wait)
{
	TM_FailureData failure;
	TM_Result	result;

	result = table_tuple_lock(ledger->account.rel, &tid, ledger->snapshot,
							  ledger->account.slot, GetCurrentCommandId(false),
							  LockTupleNoKeyExclusive, wait,
							  IsolationUsesXactSnapshot() ? 0 : TUPLE_LOCK_FLAG_FIND_LAST_VERSION,
							  &failure);
	ledger->account_moved = result == TM_Ok && failure.traversed;
	return result;
}

/*
 * see account_find.h
 *
 * Who finds it locked waits in a queue of the account's own: each purchase makes
 * a new version of the row, and all who wait for a version are woken when it is
 * replaced, only to wait for the next.  The queue is the member's, not a row's:
 * rows move, and another account may come to lie where one has been.
 */
void
account_lock(Ledger *ledger, Datum member)
{
	Oid			relid = RelationGetRelid(ledger->account.rel);
	ItemPointerData tid = ledger->account.slot->tts_tid;
	TM_Result	result = try_lock(ledger, tid, LockWaitSkip);

	if (result == TM_WouldBlock)
	{
		uint32		queue = member_hash(ledger->program, member);

		LockDatabaseObject(relid, queue, 0, ExclusiveLock);
		result = try_lock(ledger, tid, LockWaitBlock);
		UnlockDatabaseObject(relid, queue, 0, ExclusiveLock);
	}

	/* who has moved it may have known a newer configuration */
	AcceptInvalidationMessages();
	if (result == TM_Updated || result == TM_Deleted)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent update")));
	if (result != TM_Ok)
		elog(ERROR, "unexpected result %d of locking an account", (int) result);
}
