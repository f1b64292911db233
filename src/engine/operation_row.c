/*-------------------------------------------------------------------------
 *
 * operation_row.c
 *	  The table operation: who did what, when, and what has become of it.
 *
 * A row is written once, and changed only by who holds the lock of its
 * member's account.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "engine/layout.h"
#include "engine/operation.h"
#include "engine/plan.h"
#include "engine/writer.h"

/* see plan_execute */
static const char find_key_plan = 0;
static const char return_plan = 0;

/* -------- reading -------- */

/* What a row in a slot says. */
static void
read_slot(Program *program, TupleTableSlot *slot, OperationRow *row)
{
	Datum	   *values = slot->tts_values;
	bool	   *isnull = slot->tts_isnull;

	slot_getallattrs(slot);
	row->tid = slot->tts_tid;
	row->number = DatumGetInt64(values[OPERATION_OPERATION_NO]);
	row->performed_at = DatumGetTimestampTz(values[OPERATION_PERFORMED_AT]);
	row->kind = TextDatumGetCString(values[OPERATION_KIND]);
	row->status = TextDatumGetCString(values[OPERATION_STATUS]);
	if (!isnull[OPERATION_REQUEST])
		row->request = PointerGetDatum(PG_DETOAST_DATUM_COPY(values[OPERATION_REQUEST]));
	if (!isnull[OPERATION_MEMBER_ID])
		row->member = member_copy(program, values[OPERATION_MEMBER_ID]);
	row->unit_no = isnull[OPERATION_UNIT_NO] ? 0 : DatumGetInt16(values[OPERATION_UNIT_NO]);
	row->points = isnull[OPERATION_POINTS] ? 0 : DatumGetInt64(values[OPERATION_POINTS]);
	row->spent = DatumGetInt64(values[OPERATION_SPENT]);
	row->returned = DatumGetInt64(values[OPERATION_RETURNED]);
	row->deadline = isnull[OPERATION_DEADLINE] ? INSTANT_ALWAYS :
		DatumGetTimestampTz(values[OPERATION_DEADLINE]);
	row->valid_until = isnull[OPERATION_VALID_UNTIL] ? INSTANT_ALWAYS :
		DatumGetTimestampTz(values[OPERATION_VALID_UNTIL]);
	row->first_entry = isnull[OPERATION_FIRST_ENTRY] ? 0 :
		DatumGetInt64(values[OPERATION_FIRST_ENTRY]);
	row->last_entry = isnull[OPERATION_LAST_ENTRY] ? 0 :
		DatumGetInt64(values[OPERATION_LAST_ENTRY]);
	row->concerns = isnull[OPERATION_CONCERNS] ? 0 : DatumGetInt64(values[OPERATION_CONCERNS]);
	row->source_no = isnull[OPERATION_SOURCE_NO] ? 0 :
		DatumGetInt32(values[OPERATION_SOURCE_NO]);
}

/* Finds the row whose first column of an index is a number, in a slot. */
static bool
find_by_number(Relation rel, Oid indexid, int64 number, Snapshot snapshot,
			   TupleTableSlot *slot)
{
	Relation	index = index_open(indexid, AccessShareLock);
	IndexScanDesc scan = loyalty_index_beginscan(rel, index, snapshot, 1, 0);
	ScanKeyData key;
	bool		found;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(number));
	index_rescan(scan, &key, 1, NULL, 0);
	found = index_getnext_slot(scan, ForwardScanDirection, slot);
	if (found)
		slot_getallattrs(slot);
	index_endscan(scan);
	index_close(index, NoLock);
	return found;
}

/*
 * see operation.h.  Whoever captures a hold reads its row, so this goes straight
 * to the table, with what has been committed by now if the isolation allows.
 */
bool
operation_find(Program *program, int64 number, OperationRow *row)
{
	RightsSave	rights;
	Relation	rel;
	Snapshot	snapshot;
	TupleTableSlot *slot;
	bool		found;

	memset(row, 0, sizeof(OperationRow));
	rights_enter(program->ref.owner, SECURITY_NOFORCE_RLS, &rights);
	CommandCounterIncrement();
	rel = table_open(program->operation, AccessShareLock);
	snapshot = RegisterSnapshot(IsolationUsesXactSnapshot() ? GetTransactionSnapshot() :
								GetLatestSnapshot());
	slot = table_slot_create(rel, NULL);
	found = find_by_number(rel, loyalty_primary_key(rel), number, snapshot, slot);
	if (found)
	{
		read_slot(program, slot, row);

		/* what is held still has not been undone: that would have released it */
		if (strcmp(row->status, STATUS_HELD) != 0 &&
			find_by_number(rel, program->operation_reverses, number, snapshot, slot))
			row->reversed_by = DatumGetInt64(slot->tts_values[OPERATION_OPERATION_NO]);
	}
	ExecDropSingleTupleTableSlot(slot);
	UnregisterSnapshot(snapshot);
	table_close(rel, NoLock);
	rights_leave(&rights);
	return found;
}

/* see operation.h */
bool
operation_find_key(Program *program, const char *key, OperationRow *row)
{
	RightsSave	rights;
	Oid			type = TEXTOID;
	Datum		value = CStringGetTextDatum(key);
	int64		number = 0;
	bool		isnull;

	rights_enter(program->ref.owner, SECURITY_NOFORCE_RLS, &rights);
	SPI_connect();
	plan_execute(program, &find_key_plan,
				 "SELECT o.operation_no FROM %s.operation AS o"
				 " WHERE o.key OPERATOR(pg_catalog.=) $1",
				 1, &type, &value, false, SPI_OK_SELECT);
	if (SPI_processed > 0)
		number = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
											 &isnull));
	SPI_finish();
	rights_leave(&rights);
	return number != 0 && operation_find(program, number, row);
}

/* see operation.h */
const char *
operation_present_status(const OperationRow *row, Instant now)
{
	if (row->reversed_by)
		return "reversed";
	if (row->returned > 0)
		return row->returned < row->spent ? "partly cancelled" : "cancelled";
	if (strcmp(row->status, STATUS_HELD) == 0 && row->deadline <= now)
		return "lapsed";
	return row->status;
}

/* see operation.h */
int
hold_fields(const Program *program, const OperationRow *row, const char *status)
{
	return refusal_fields(program->ref.name, "hold", "status",
						  facts("hold", fact_int(row->number), "status", fact_text(status),
								"deadline", fact_instant(row->deadline), NULL));
}

/* -------- writing -------- */

/* see operation.h */
void
refuse_key(const Program *program, const char *key)
{
	ereport(ERROR,
			(errcode(ERRCODE_LOYALTY_KEY_REUSED),
			 errmsg("key \"%s\" was used for another call", key),
			 errhint("Repeat a call with the same arguments, or give each call a key of its own."),
			 refusal_fields(program->ref.name, "operation", "key",
							facts("key", fact_text(key), NULL))));
}

/* see operation.h */
void
refuse_reversal(int64 number)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("operation " INT64_FORMAT " has been reversed already", number)));
}

/* see operation.h */
int64
operation_next_number(Program *program)
{
	return nextval_internal(program->operation_seq, false);
}

/* Another has the key, or reverses the same. */
static void
refuse_written(void *arg)
{
	Operation  *operation = (Operation *) arg;

	if (operation->key)
		refuse_key(operation->program, operation->key);
	refuse_reversal(operation->reverses);
}

/* see operation.h */
void
operation_insert(Operation *operation)
{
	Ledger	   *ledger = operation->ledger;
	TupleTableSlot *slot;
	Datum	   *values;
	bool	   *isnull;

	ledger_add_operations(ledger);
	slot = writer_next(ledger, &ledger->operation);
	values = slot->tts_values;
	isnull = slot->tts_isnull;
	memset(isnull, 0, sizeof(bool) * OPERATION_COLUMNS);
	values[OPERATION_OPERATION_NO] = Int64GetDatum(operation->number);
	values[OPERATION_PERFORMED_AT] = TimestampTzGetDatum(operation->account->now);
	values[OPERATION_POINTS] = Int64GetDatum(operation->points);
	isnull[OPERATION_FIRST_ENTRY] = operation->first_entry == 0 || operation->closes;
	values[OPERATION_FIRST_ENTRY] = Int64GetDatum(operation->first_entry);
	isnull[OPERATION_LAST_ENTRY] = isnull[OPERATION_FIRST_ENTRY];
	values[OPERATION_LAST_ENTRY] = Int64GetDatum(operation->last_entry);
	values[OPERATION_SPENT] = Int64GetDatum(operation->closes ? 0 : operation->spent);
	values[OPERATION_RETURNED] = Int64GetDatum(0);
	isnull[OPERATION_DEADLINE] = operation->deadline == INSTANT_ALWAYS;
	values[OPERATION_DEADLINE] = TimestampTzGetDatum(operation->deadline);
	isnull[OPERATION_VALID_UNTIL] = operation->valid_until == INSTANT_ALWAYS;
	values[OPERATION_VALID_UNTIL] = TimestampTzGetDatum(operation->valid_until);
	isnull[OPERATION_CONCERNS] = operation->concerns == 0;
	values[OPERATION_CONCERNS] = Int64GetDatum(operation->concerns);
	isnull[OPERATION_REVERSES] = operation->reverses == 0;
	values[OPERATION_REVERSES] = Int64GetDatum(operation->reverses);
	isnull[OPERATION_SOURCE_NO] = operation->source_no == 0;
	values[OPERATION_SOURCE_NO] = Int32GetDatum(operation->source_no);
	isnull[OPERATION_EVENT_KEY] = operation->source_no == 0;
	if (operation->source_no)
		values[OPERATION_EVENT_KEY] = CStringGetTextDatum(operation->event_key);
	values[OPERATION_UNIT_NO] = Int16GetDatum((int16) operation->unit->unit_no);
	values[OPERATION_KIND] = CStringGetTextDatum(operation->kind);
	values[OPERATION_STATUS] = CStringGetTextDatum(operation->row_status);
	isnull[OPERATION_KEY] = operation->key == NULL;
	if (operation->key)
		values[OPERATION_KEY] = CStringGetTextDatum(operation->key);
	values[OPERATION_MEMBER_ID] = operation->account->member;
	isnull[OPERATION_REASON] = operation->reason == NULL;
	if (operation->reason)
		values[OPERATION_REASON] = CStringGetTextDatum(operation->reason);
	values[OPERATION_ACTOR] = CStringGetTextDatum(GetUserNameFromId(GetSessionUserId(), false));
	isnull[OPERATION_REQUEST] = operation->request.len == 0;
	if (operation->request.len > 0)
	{
		appendStringInfoChar(&operation->request, '}');
		values[OPERATION_REQUEST] =
			DirectFunctionCall1(jsonb_in, CStringGetDatum(operation->request.data));
	}
	isnull[OPERATION_RESULT] = true;
	writer_insert(ledger, &ledger->operation);
	/* at once: another may have the key, or reverse the same */
	writer_flush_or(ledger, &ledger->operation, refuse_written, operation);
}

/* see operation.h */
void
operation_close_hold(Ledger *ledger, OperationRow *row, const char *status,
					 Points spent, int64 first, int64 last)
{
	TableWriter *writer = &ledger->operation;
	TupleTableSlot *old;
	Snapshot	snapshot;

	ledger_add_operations(ledger);
	old = table_slot_create(writer->rel, NULL);
	snapshot = RegisterSnapshot(IsolationUsesXactSnapshot() ? GetTransactionSnapshot() :
								GetLatestSnapshot());
	if (!table_tuple_fetch_row_version(writer->rel, &row->tid, snapshot, old))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent update")));
	UnregisterSnapshot(snapshot);
	slot_getallattrs(old);
	ExecClearTuple(writer->slot);
	memcpy(writer->slot->tts_values, old->tts_values,
		   sizeof(Datum) * old->tts_tupleDescriptor->natts);
	memcpy(writer->slot->tts_isnull, old->tts_isnull,
		   sizeof(bool) * old->tts_tupleDescriptor->natts);
	writer->slot->tts_values[OPERATION_STATUS] = CStringGetTextDatum(status);
	writer->slot->tts_values[OPERATION_SPENT] = Int64GetDatum(spent);
	writer->slot->tts_values[OPERATION_FIRST_ENTRY] = Int64GetDatum(first);
	writer->slot->tts_isnull[OPERATION_FIRST_ENTRY] = first == 0;
	writer->slot->tts_values[OPERATION_LAST_ENTRY] = Int64GetDatum(last);
	writer->slot->tts_isnull[OPERATION_LAST_ENTRY] = last == 0;
	ExecStoreVirtualTuple(writer->slot);
	writer_update(ledger, writer, &row->tid);
	ExecClearTuple(writer->slot);
	ExecDropSingleTupleTableSlot(old);
}

/* see operation.h */
void
operation_set_returned(Program *program, int64 number, Points returned)
{
	Oid			types[2] = {INT8OID, program->points_type};
	Datum		values[2];

	values[0] = Int64GetDatum(number);
	values[1] = Int64GetDatum(returned);
	plan_update(program, &return_plan,
				"UPDATE %s.operation SET returned = $2"
				" WHERE operation_no OPERATOR(pg_catalog.=) $1",
				2, types, values);
}
