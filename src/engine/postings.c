/*-------------------------------------------------------------------------
 *
 * postings.c
 *	  Rows of a source's posting table: found, written, taken away.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "engine/layout.h"
#include "engine/writer.h"

/* Opens the posting table's primary key, which new postings are written by, too. */
static Relation
open_primary_key(Ledger *ledger)
{
	TableWriter *posting = &ledger->posting;
	Oid			index = loyalty_primary_key(posting->rel);
	int			i;

	if (ledger->dry)
		return index_open(index, AccessShareLock);
	writer_open_indices(posting);
	for (i = 0; i < posting->info->ri_NumIndices; i++)
	{
		if (posting->indices[i] == index)
			return posting->info->ri_IndexRelationDescs[i];
	}
	elog(ERROR, "a posting table has lost its primary key");
}

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
		ledger->posting_pk = open_primary_key(ledger);
	if (ledger->posting_keys == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(ledger->posting.context);

		ledger->posting_keys = palloc0(sizeof(ScanKeyData) * source->nkeys);
		for (i = 0; i < source->nkeys; i++)
			ScanKeyEntryInitialize(&ledger->posting_keys[i], 0, i + 1,
								   BTEqualStrategyNumber, InvalidOid,
								   ledger->posting_pk->rd_indcollation[i],
								   equality_function(source->key_type[i]), (Datum) 0);
		MemoryContextSwitchTo(old);
	}
	ledger->posting_scan = loyalty_index_beginscan(rel, ledger->posting_pk, ledger->snapshot,
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
	ledger->posting_scan = loyalty_index_beginscan(ledger->posting.rel, ledger->posting_pk,
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
void
posting_from_columns(const Program *program, const Datum *values, const bool *isnull,
					 Posting *posting)
{
	int			i;

	memset(posting, 0, sizeof(Posting));
	posting->member = member_copy(program, values[POSTING_MEMBER_ID]);
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
}

/* see ledger.h */
bool
ledger_find_posting(Ledger *ledger, const Datum *key, Posting *posting)
{
	TupleTableSlot *slot = ledger->posting.slot;
	int			nkeys = ledger->source->nkeys;
	MemoryContext old;
	bool		found;
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
	posting_from_columns(ledger->program, slot->tts_values + nkeys, slot->tts_isnull + nkeys,
						 posting);
	posting->tid = slot->tts_tid;
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
	writer_replace(ledger, &ledger->posting, &tid, ledger->source->nkeys + POSTING_COLUMNS);
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
