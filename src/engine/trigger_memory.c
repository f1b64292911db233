/*-------------------------------------------------------------------------
 *
 * trigger_memory.c
 *	  What the triggers of sources remember until the transaction ends.
 *
 * A deeper call may have changed the rows that a transition table shows, and
 * MERGE moves rows between partitions without telling a statement trigger.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/trigger.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* the depth at which a source's triggers last ran in this transaction */
typedef struct SourceDepth
{
	Oid			pin;
	int			depth;
} SourceDepth;

/* keys of rows that left a partition, see source_moved */
typedef struct MovedKey
{
	Oid			pin;
	int32		source_no;
	Datum	   *key;
} MovedKey;

/* both live in TopTransactionContext; reset when the transaction ends */
static List *source_depths = NIL;
static List *moved_keys = NIL;
static LocalTransactionId lists_lxid = InvalidLocalTransactionId;

/* Starts the lists anew in a new transaction. */
static void
check_lists(void)
{
	if (lists_lxid == loyalty_my_lxid())
		return;
	source_depths = NIL;
	moved_keys = NIL;
	lists_lxid = loyalty_my_lxid();
}

/* see trigger.h */
bool
follows_deeper_call(Oid pin)
{
	int			depth = DatumGetInt32(DirectFunctionCall1(pg_trigger_depth, (Datum) 0));
	ListCell   *lc;
	MemoryContext old;
	SourceDepth *item;

	check_lists();
	foreach(lc, source_depths)
	{
		item = (SourceDepth *) lfirst(lc);
		if (item->pin == pin)
		{
			bool		deeper = item->depth > depth;

			item->depth = depth;
			return deeper;
		}
	}

	/* nothing to remember as long as all calls are at the top */
	if (depth <= 1)
		return false;
	old = MemoryContextSwitchTo(TopTransactionContext);
	item = palloc(sizeof(SourceDepth));
	item->pin = pin;
	item->depth = depth;
	source_depths = lappend(source_depths, item);
	MemoryContextSwitchTo(old);
	return false;
}

/* see trigger.h */
bool
any_moved_keys(void)
{
	return moved_keys != NIL;
}

/* see trigger.h */
void
note_moved_key(Call *call, const Datum *key)
{
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
	MovedKey   *moved = palloc(sizeof(MovedKey));

	check_lists();
	moved->pin = call->source->pin->viewid;
	moved->source_no = call->source->source_no;
	moved->key = event_key_copy(call->batch->source, key);
	moved_keys = lappend(moved_keys, moved);
	MemoryContextSwitchTo(old);
}

/* see trigger.h */
void
forget_moved_key(Call *call, const Datum *key)
{
	ListCell   *lc;

	foreach(lc, moved_keys)
	{
		MovedKey   *moved = (MovedKey *) lfirst(lc);

		if (moved->pin == call->source->pin->viewid &&
			event_key_cmp(call->source, moved->key, key) == 0)
		{
			moved_keys = foreach_delete_current(moved_keys, lc);
			return;
		}
	}
}

/* see trigger.h */
bool
has_moved_keys(const Call *call)
{
	ListCell   *lc;

	foreach(lc, moved_keys)
	{
		if (((MovedKey *) lfirst(lc))->pin == call->source->pin->viewid)
			return true;
	}
	return false;
}

/* see trigger.h */
void
take_moved_keys(Call *call)
{
	ListCell   *lc;

	foreach(lc, moved_keys)
	{
		MovedKey   *moved = (MovedKey *) lfirst(lc);

		if (moved->pin != call->source->pin->viewid)
			continue;
		batch_add_key(call->batch, moved->key);
		moved_keys = foreach_delete_current(moved_keys, lc);
	}
}

/* see trigger.h */
void
add_own_rows(Call *call, EventReader *reader)
{
	List	   *parts = find_all_inheritors(call->source->relid, NoLock, NULL);
	Snapshot	snapshot;
	ListCell   *lc;

	/* what this very command has written must be seen */
	CommandCounterIncrement();
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	foreach(lc, parts)
	{
		Relation	part = table_open(lfirst_oid(lc), AccessShareLock);
		TupleConversionMap *map;
		TupleTableSlot *slot;
		TupleTableSlot *root = event_row_slot(call->batch->reader);
		TableScanDesc scan;

		if (part->rd_rel->relkind != RELKIND_RELATION)
		{
			table_close(part, AccessShareLock);
			continue;
		}
		map = convert_tuples_by_name(RelationGetDescr(part), call->batch->reader->desc);
		if (map)
			root = MakeSingleTupleTableSlot(call->batch->reader->desc, &TTSOpsVirtual);
		slot = table_slot_create(part, NULL);
		scan = table_beginscan(part, snapshot, 0, NULL);
		while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
		{
			bool		isnull;
			TransactionId xmin =
			DatumGetTransactionId(slot_getsysattr(slot, MinTransactionIdAttributeNumber,
												  &isnull));
			Datum	   *key;

			CHECK_FOR_INTERRUPTS();
			if (!TransactionIdIsCurrentTransactionId(xmin))
				continue;
			key = row_event_key(call, reader,
								map ? execute_attr_map_slot(map->attrMap, slot, root) : slot);
			if (key)
				batch_add_key(call->batch, key);
			MemoryContextReset(call->batch->chunk);
		}
		table_endscan(scan);
		ExecDropSingleTupleTableSlot(slot);
		if (map)
			ExecDropSingleTupleTableSlot(root);
		table_close(part, AccessShareLock);
	}
	UnregisterSnapshot(snapshot);
}
