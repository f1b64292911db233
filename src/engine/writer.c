/*-------------------------------------------------------------------------
 *
 * writer.c
 *	  Rows of the program's tables, written through the access methods.
 *
 * Rows are written as COPY does: a plan per row would cost more than everything
 * else together.  Where somebody has put row triggers on a table of the
 * program, the executor's own single-row functions are used, which fire them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "engine/kept.h"
#include "engine/writer.h"

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

/* see writer.h */
void
writer_open_indices(TableWriter *writer)
{
	MemoryContext old;
	int			i;

	if (writer->indices_open || !writer->rel->rd_rel->relhasindex)
		return;
	writer->indices_open = true;
	if (writer->indices)
	{
		/* what is to be known of them is known from before */
		for (i = 0; i < writer->info->ri_NumIndices; i++)
			writer->info->ri_IndexRelationDescs[i] = index_open(writer->indices[i],
																RowExclusiveLock);
		return;
	}
	old = MemoryContextSwitchTo(writer->context);
	ExecOpenIndices(writer->info, false);
	writer->indices = palloc(sizeof(Oid) * Max(1, writer->info->ri_NumIndices));

	/* predicates come ready from the cache: the executor would plan them each time */
	for (i = 0; i < writer->info->ri_NumIndices; i++)
	{
		IndexInfo  *index = writer->info->ri_IndexRelationInfo[i];

		writer->indices[i] = RelationGetRelid(writer->info->ri_IndexRelationDescs[i]);
		if (index->ii_Predicate && index->ii_PredicateState == NULL)
			index->ii_PredicateState = ExecInitQual(index->ii_Predicate, NULL);
	}
	MemoryContextSwitchTo(old);
}

/* see writer.h */
void
writer_open(Ledger *ledger, TableWriter *writer, Oid relid)
{
	LOCKMODE	mode = ledger->dry ? AccessShareLock : RowExclusiveLock;

	writer->rel = table_open(relid, mode);
	writer->desc = RelationGetDescr(writer->rel);
	writer_make(ledger, writer);
}

/* Makes a slot for rows of the table. */
static TupleTableSlot *
make_slot(TableWriter *writer)
{
	return MakeSingleTupleTableSlot(writer->desc, table_slot_callbacks(writer->rel));
}

/* see writer.h */
void
writer_make(Ledger *ledger, TableWriter *writer)
{
	writer->context = CurrentMemoryContext;
	writer->relid = RelationGetRelid(writer->rel);
	writer->slot = make_slot(writer);
	if (ledger->dry)
		return;
	writer->info = makeNode(ResultRelInfo);
	/* it is in no range table, where who reports an error would look for it */
	InitResultRelInfo(writer->info, writer->rel, 0, NULL, 0);
	writer->plain = !has_row_triggers(writer->rel) &&
		!(writer->rel->rd_att->constr && writer->rel->rd_att->constr->has_generated_stored);
	if (!writer->plain)
	{
		writer_open_indices(writer);
		ledger->fires_triggers = true;
	}
	if (ledger->kept && (!writer->plain || (writer->rel->rd_att->constr &&
											writer->rel->rd_att->constr->num_check > 0)))
		ledger->kept->spoilt = true;
}

/* see writer.h */
void
writer_close(TableWriter *writer)
{
	int			i;

	for (i = 0; i < writer->nslots; i++)
		ExecDropSingleTupleTableSlot(writer->buffer[i]);
	if (writer->indices_open)
		ExecCloseIndices(writer->info);
	ExecDropSingleTupleTableSlot(writer->slot);
	table_close(writer->rel, NoLock);
}

/* Writes rows into their table and its indexes. */
static void
write_rows(Ledger *ledger, TableWriter *writer)
{
	int			i;

	if (writer->plain)
	{
		writer_open_indices(writer);
		/* a single row goes the way of the statement's own: its code is at hand */
		if (writer->nbuffered == 1)
			table_tuple_insert(writer->rel, writer->buffer[0], GetCurrentCommandId(true), 0,
							   NULL);
		else
			table_multi_insert(writer->rel, writer->buffer, writer->nbuffered,
							   GetCurrentCommandId(true), 0, NULL);
		for (i = 0; i < writer->nbuffered; i++)
		{
			loyalty_insert_index_tuples(writer->info, writer->buffer[i], ledger->estate);
			ResetPerTupleExprContext(ledger->estate);
		}
	}
	else
	{
		for (i = 0; i < writer->nbuffered; i++)
			ExecSimpleRelationInsert(writer->info, ledger->estate, writer->buffer[i]);
	}
}

/* Writes what is in the buffer, and empties it. */
static void
flush_rows(Ledger *ledger, TableWriter *writer)
{
	MemoryContext old;
	int			i;

	if (writer->nbuffered == 0)
		return;
	old = MemoryContextSwitchTo(GetPerTupleMemoryContext(ledger->estate));
	write_rows(ledger, writer);
	for (i = 0; i < writer->nbuffered; i++)
		ExecClearTuple(writer->buffer[i]);
	writer->nbuffered = 0;
	MemoryContextSwitchTo(old);
	ResetPerTupleExprContext(ledger->estate);
}

/* see writer.h */
void
writer_flush_or(Ledger *ledger, TableWriter *writer, void (*refuse) (void *arg), void *arg)
{
	MemoryContext old = CurrentMemoryContext;

	PG_TRY();
	{
		flush_rows(ledger, writer);
	}
	PG_CATCH();
	{
		ErrorData  *caught;

		MemoryContextSwitchTo(old);
		caught = CopyErrorData();
		if (caught->sqlerrcode != ERRCODE_UNIQUE_VIOLATION)
			PG_RE_THROW();
		FlushErrorState();
		refuse(arg);
	}
	PG_END_TRY();
}

/*
 * Two sessions may bring rows of one new event that name different members, so
 * that no account's lock keeps them apart: who comes second has judged without
 * the other's rows.
 */
static void
refuse_posted(void *arg)
{
	Ledger	   *ledger = (Ledger *) arg;

	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("could not serialize access due to concurrent update"),
			 errdetail("An event of source \"%s\" has been posted by another session meanwhile.",
					   ledger->source->name),
			 errhint("The transaction might succeed if retried.")));
}

/* see writer.h */
void
writer_flush(Ledger *ledger, TableWriter *writer)
{
	if (writer == &ledger->posting)
		writer_flush_or(ledger, writer, refuse_posted, ledger);
	else
		flush_rows(ledger, writer);
}

/* see writer.h */
TupleTableSlot *
writer_next(Ledger *ledger, TableWriter *writer)
{
	TupleTableSlot *slot;

	if (writer->nbuffered == WRITER_BUFFER)
		writer_flush(ledger, writer);
	if (writer->nbuffered == writer->nslots)
	{
		MemoryContext old = MemoryContextSwitchTo(writer->context);

		/* most statements write a row or two */
		if (writer->nslots == writer->capacity)
		{
			writer->capacity = Min(Max(4, writer->capacity * 4), WRITER_BUFFER);
			writer->buffer = writer->buffer ?
				repalloc(writer->buffer, sizeof(TupleTableSlot *) * writer->capacity) :
				palloc(sizeof(TupleTableSlot *) * writer->capacity);
		}
		slot = make_slot(writer);

		/* columns that somebody has added stay so */
		memset(slot->tts_isnull, true, sizeof(bool) * slot->tts_tupleDescriptor->natts);
		writer->buffer[writer->nslots++] = slot;
		MemoryContextSwitchTo(old);
	}
	slot = writer->buffer[writer->nbuffered];
	ExecClearTuple(slot);
	return slot;
}

/* see writer.h */
void
writer_insert(Ledger *ledger, TableWriter *writer)
{
	TupleTableSlot *slot = writer->buffer[writer->nbuffered++];

	ExecStoreVirtualTuple(slot);
	ExecMaterializeSlot(slot);
	if (writer->plain && writer->rel->rd_att->constr)
		ExecConstraints(writer->info, slot, ledger->estate);
}

/* see writer.h */
void
writer_update(Ledger *ledger, TableWriter *writer, ItemPointer tid)
{
	if (!writer->plain)
	{
		TupleTableSlot *search = table_slot_create(writer->rel, NULL);
		EPQState	epq;

		loyalty_eval_plan_qual_init(&epq, ledger->estate);
		if (!table_tuple_fetch_row_version(writer->rel, tid, ledger->snapshot, search))
			elog(ERROR, "row to update has vanished");
		ExecSimpleRelationUpdate(writer->info, ledger->estate, &epq, search, writer->slot);
		EvalPlanQualEnd(&epq);
		ExecDropSingleTupleTableSlot(search);
		return;
	}
	if (!writer_try_update(ledger, writer, tid, ledger->snapshot))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent update")));
}

/* see writer.h */
void
writer_replace(Ledger *ledger, TableWriter *writer, ItemPointer tid, int ncolumns)
{
	TupleTableSlot *slot = writer->slot;
	TupleTableSlot *before = NULL;
	int			nadded = slot->tts_tupleDescriptor->natts - ncolumns;

	if (nadded > 0)
	{
		before = table_slot_create(writer->rel, NULL);
		if (!table_tuple_fetch_row_version(writer->rel, tid, SnapshotAny, before))
			elog(ERROR, "row to update has vanished");
		slot_getallattrs(before);
		memcpy(slot->tts_values + ncolumns, before->tts_values + ncolumns,
			   sizeof(Datum) * nadded);
		memcpy(slot->tts_isnull + ncolumns, before->tts_isnull + ncolumns,
			   sizeof(bool) * nadded);
	}
	writer_update(ledger, writer, tid);
	if (before)
		ExecDropSingleTupleTableSlot(before);
}

/* see writer.h */
bool
writer_try_update(Ledger *ledger, TableWriter *writer, ItemPointer tid, Snapshot snapshot)
{
	TupleTableSlot *slot = writer->slot;
	TM_FailureData failure;
	LockTupleMode lockmode;
	TU_UpdateIndexes update_indexes;
	TM_Result	result;

	if (writer->rel->rd_att->constr)
		ExecConstraints(writer->info, slot, ledger->estate);
	result = table_tuple_update(writer->rel, tid, slot, GetCurrentCommandId(true),
								snapshot, InvalidSnapshot, true,
								&failure, &lockmode, &update_indexes);
	if (result == TM_Updated || result == TM_Deleted)
		return false;
	if (result != TM_Ok)
		elog(ERROR, "unexpected result %d of updating \"%s\"", (int) result,
			 RelationGetRelationName(writer->rel));
	if (update_indexes != TU_None)
	{
		writer_open_indices(writer);
		loyalty_update_index_tuples(writer->info, slot, ledger->estate, update_indexes);
	}
	ResetPerTupleExprContext(ledger->estate);
	return true;
}
