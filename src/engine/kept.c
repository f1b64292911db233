/*-------------------------------------------------------------------------
 *
 * kept.c
 *	  What a ledger leaves to the next one of its source.
 *
 * A statement that posts one event would spend more on making ready than on
 * writing: executor state, descriptions of tables and indexes, slots, search
 * keys.  Nothing of that changes from statement to statement, so it is kept with
 * the source.  Relations are opened and locked each time, as ever.
 *
 * What is kept belongs to one ledger at a time.  It hangs below its memory while
 * that ledger is open, so that an error takes it along, and a ledger that is
 * opened meanwhile makes its own.  It is thrown away when anything has changed
 * about any relation, and by a ledger that has met what may not outlive it:
 * states of expressions, and triggers.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_am.h"
#include "executor/executor.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "engine/kept.h"
#include "engine/writer.h"

/* more slots for new rows are not kept */
#define KEPT_SLOTS		4

/* counts what may have changed a relation */
static uint64 relation_changes = 0;

/* Counts an invalidation of the relation cache. */
static void
relation_changed(Datum arg, Oid relid)
{
	relation_changes++;
}

/* Asks to be told of them. */
static void
register_callback(void)
{
	static bool registered = false;

	if (registered)
		return;
	CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
	registered = true;
}

/* see kept.h */
void
kept_take(Ledger *ledger)
{
	KeptLedger *kept = ledger->source->kept;
	MemoryContext context;
	MemoryContext old;

	register_callback();
	ledger->source->kept = NULL;
	if (kept && kept->generation != relation_changes)
	{
		MemoryContextDelete(kept->context);
		kept = NULL;
	}
	if (kept)
		MemoryContextSetParent(kept->context, ledger->context);
	else
	{
		context = AllocSetContextCreate(ledger->context, "loyalty ledger",
										ALLOCSET_SMALL_SIZES);
		old = MemoryContextSwitchTo(context);
		kept = palloc0(sizeof(KeptLedger));
		kept->context = context;
		kept->generation = relation_changes;
		kept->estate = CreateExecutorState();
		MemoryContextSwitchTo(old);
	}
	ledger->kept = kept;
	ledger->estate = kept->estate;
	ledger->account_key = kept->account_key;
	ledger->posting_keys = kept->posting_keys;
}

/* see kept.h */
void
kept_open(Ledger *ledger, TableWriter *writer, Oid relid)
{
	KeptLedger *kept = ledger->kept;
	Relation	rel = table_open(relid, RowExclusiveLock);
	MemoryContext old;
	int			i;

	/* taking the lock has told what others have changed */
	if (kept->generation != relation_changes)
		kept->spoilt = true;
	for (i = 0; i < kept->nwriters && !kept->spoilt; i++)
	{
		if (kept->writers[i].relid != relid)
			continue;
		*writer = kept->writers[i];
		kept->writers[i] = kept->writers[--kept->nwriters];
		writer->rel = writer->info->ri_RelationDesc = rel;
		return;
	}
	old = MemoryContextSwitchTo(kept->context);
	writer->rel = rel;
	writer->desc = CreateTupleDescCopyConstr(RelationGetDescr(rel));
	writer_make(ledger, writer);
	MemoryContextSwitchTo(old);
}

/* Whether a writer's indexes are such that what is known of them may be kept. */
static bool
plain_indices(const TableWriter *writer)
{
	int			i;

	for (i = 0; i < writer->info->ri_NumIndices; i++)
	{
		const IndexInfo *info = writer->info->ri_IndexRelationInfo[i];

		if (writer->info->ri_IndexRelationDescs[i]->rd_rel->relam != BTREE_AM_OID ||
			info->ii_Expressions != NIL || info->ii_Predicate != NIL)
			return false;
	}
	return true;
}

/* see kept.h */
void
kept_close(Ledger *ledger, TableWriter *writer)
{
	KeptLedger *kept = ledger->kept;
	int			i;

	if (!writer->plain || kept->nwriters == KEPT_WRITERS ||
		(writer->indices_open && !plain_indices(writer)))
		kept->spoilt = true;
	if (kept->spoilt)
	{
		writer_close(writer);
		return;
	}
	ExecClearTuple(writer->slot);
	while (writer->nslots > KEPT_SLOTS)
		ExecDropSingleTupleTableSlot(writer->buffer[--writer->nslots]);
	for (i = 0; i < writer->info->ri_NumIndices && writer->indices_open; i++)
		index_close(writer->info->ri_IndexRelationDescs[i], NoLock);
	writer->indices_open = false;
	table_close(writer->rel, NoLock);
	writer->rel = writer->info->ri_RelationDesc = NULL;
	kept->writers[kept->nwriters++] = *writer;
}

/* see kept.h */
void
kept_put(Ledger *ledger)
{
	KeptLedger *kept = ledger->kept;

	if (kept->spoilt || kept->generation != relation_changes || ledger->source->kept)
	{
		FreeExecutorState(kept->estate);
		MemoryContextDelete(kept->context);
		return;
	}
	kept->account_key = ledger->account_key;
	kept->posting_keys = ledger->posting_keys;
	MemoryContextSetParent(kept->context, ledger->program->context);
	ledger->source->kept = kept;
}
