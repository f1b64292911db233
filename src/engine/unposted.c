/*-------------------------------------------------------------------------
 *
 * unposted.c
 *	  Who may decide what becomes of an event that has no posting yet.
 *
 * Sessions that post the same event meet at its member's account.  But the
 * rows that would tell the member may not be visible yet: the refund of an
 * order whose INSERT has not been committed finds no order, and the order no
 * refund.  Nor does a DELETE of a row that was never posted find an account to
 * lock, while a backfill that still sees the row is about to make one.
 *
 * So whoever writes such rows passes a gate together with others who do, and
 * whoever looks for them from elsewhere passes it alone, once those are done.
 * Both do so before they lock accounts.  Gates are locks on parts of the
 * posting table, an object of the server like a column; the keys of refunds
 * and orders share GATES of them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/chunk.h"

#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/typcache.h"

/* the gate of rows that change beside a backfill, and the last of the others */
#define GATE_ROWS	1
#define GATES		64

/* The gate of a key, above GATE_ROWS. */
static int
gate_of_key(const SourceConfig *source, const Datum *key)
{
	uint32		hash = 0;
	int			i;

	for (i = 0; i < source->nkeys; i++)
	{
		TypeCacheEntry *type = lookup_type_cache(source->key_type[i],
												 TYPECACHE_HASH_PROC_FINFO);
		Oid			collation = source->key_collation[i];

		if (!OidIsValid(collation) && type_is_collatable(source->key_type[i]))
			collation = DEFAULT_COLLATION_OID;
		hash = hash_combine(hash, DatumGetUInt32(FunctionCall1Coll(&type->hash_proc_finfo,
																   collation, key[i])));
	}
	return GATE_ROWS + 1 + hash % GATES;
}

/* Passes a gate of a source, together with others or alone, until the transaction ends. */
static void
pass_gate(const SourceConfig *source, int gate, bool alone)
{
	LockDatabaseObject(RelationRelationId, source->posting, gate,
					   alone ? ExclusiveLock : ShareLock);
}

/*
 * Finds the remembered keys that have no posting, and their gates; false if
 * there are none.  With latest, under REPEATABLE READ and above: it is an error
 * if one of them has a posting that the transaction cannot see.
 */
static bool
note_unposted(Batch *batch, bool *gates, bool latest)
{
	MemoryContext old = MemoryContextSwitchTo(batch->chunk);
	bool		any = false;
	int			i;

	open_ledger(batch);
	if (latest)
	{
		UnregisterSnapshot(batch->ledger->snapshot);
		batch->ledger->snapshot = RegisterSnapshot(GetLatestSnapshot());
	}
	for (i = 0; i < batch->nkeys; i++)
	{
		PendingKey *pending = &batch->keys[i];
		Posting		posting;
		bool		found;

		CHECK_FOR_INTERRUPTS();
		if (latest && !pending->unposted)
			continue;
		found = ledger_find_posting(batch->ledger, pending->key, &posting);
		if (!latest)
		{
			pending->unposted = !found;
			if (found)
				continue;
			any = true;
			gates[gate_of_key(batch->source, pending->key)] = true;
		}
		else if (found)
			ereport(ERROR,
					(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					 errmsg("could not serialize access due to concurrent update"),
					 errdetail("An event of source \"%s\" has been posted meanwhile.",
							   batch->source->name)));
	}
	MemoryContextSwitchTo(old);
	close_ledger(batch);
	end_chunk(batch);
	return any;
}

/* see chunk.h */
void
lock_unposted_keys(Batch *batch)
{
	SourceConfig *source = batch->source;
	RowsFrom	from = batch->options.rows_from;
	bool		gates[GATE_ROWS + 1 + GATES] = {false};
	int			i;

	if (batch->options.dry || batch->nkeys == 0 ||
		(source->reducers == NIL && from != ROWS_CHANGED && from != ROWS_OF_OTHERS))
		return;
	if (!note_unposted(batch, gates, false))
		return;
	if (from == ROWS_CHANGED || from == ROWS_OF_OTHERS)
		pass_gate(source, GATE_ROWS, from == ROWS_OF_OTHERS);
	for (i = GATE_ROWS + 1; i < lengthof(gates) && source->reducers != NIL; i++)
	{
		if (gates[i] && from != ROWS_OF_OTHERS)
			pass_gate(source, i, from == ROWS_REDUCING);
	}
	if (!IsolationUsesXactSnapshot())
		return;

	/* what was decided by others since our snapshot can only be told, not seen */
	(void) note_unposted(batch, gates, true);
	if (source->reducers != NIL && from != ROWS_REDUCING &&
		reductions_have_changed(batch))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent update"),
				 errdetail("An event of source \"%s\" has been reduced meanwhile.",
						   source->name)));
}

/* see batch.h */
void
batch_lock_unposted_rows(Batch *batch)
{
	pass_gate(batch->source, GATE_ROWS, true);
}
