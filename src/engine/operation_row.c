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

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "engine/keyed.h"
#include "engine/layout.h"
#include "engine/operation.h"
#include "engine/plan.h"
#include "engine/writer.h"

/* see plan_execute */
static const char find_number_plan = 0;
static const char find_key_plan = 0;
static const char close_plan = 0;
static const char return_plan = 0;

/* -------- reading -------- */

/* A column of the first row of a result. */
static Datum
result_column(int number, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, number, isnull);
}

/* A column of type bigint or points, 0 if NULL. */
static int64
result_int8(int number)
{
	bool		isnull;
	Datum		value = result_column(number, &isnull);

	return isnull ? 0 : DatumGetInt64(value);
}

/* A column of type timestamptz. */
static Instant
result_instant(int number)
{
	bool		isnull;
	Datum		value = result_column(number, &isnull);

	return isnull ? INSTANT_ALWAYS : DatumGetTimestampTz(value);
}

#define FIND_ROW \
	"SELECT o.operation_no, o.kind, o.status, o.request, o.member_id," \
	" o.unit_no::pg_catalog.int8, o.points, o.spent, o.returned, o.deadline," \
	" o.valid_until, o.first_entry, o.last_entry, o.concerns, o.source_no::pg_catalog.int8," \
	" (SELECT r.operation_no FROM %s.operation AS r" \
	"  WHERE r.reverses OPERATOR(pg_catalog.=) o.operation_no)" \
	" FROM %s.operation AS o WHERE "

/* Reads the row that a statement finds. */
static bool
find_row(Program *program, const void *plan, const char *statement, Oid type, Datum value,
		 OperationRow *row)
{
	MemoryContext context = CurrentMemoryContext;
	MemoryContext old;
	RightsSave	rights;
	bool		found;
	bool		isnull;
	Datum		column;

	memset(row, 0, sizeof(OperationRow));
	rights_enter(program->ref.owner, SECURITY_NOFORCE_RLS, &rights);
	SPI_connect();
	plan_execute(program, plan, statement, 1, &type, &value, false, SPI_OK_SELECT);
	found = SPI_processed > 0;
	if (found)
	{
		old = MemoryContextSwitchTo(context);
		row->number = result_int8(1);
		column = result_column(2, &isnull);
		row->kind = TextDatumGetCString(column);
		column = result_column(3, &isnull);
		row->status = TextDatumGetCString(column);
		column = result_column(4, &isnull);
		if (!isnull)
			row->request = PointerGetDatum(PG_DETOAST_DATUM_COPY(column));
		column = result_column(5, &isnull);
		if (!isnull)
			row->member = member_copy(program, column);
		row->unit_no = (int32) result_int8(6);
		row->points = result_int8(7);
		row->spent = result_int8(8);
		row->returned = result_int8(9);
		row->deadline = result_instant(10);
		row->valid_until = result_instant(11);
		row->first_entry = result_int8(12);
		row->last_entry = result_int8(13);
		row->concerns = result_int8(14);
		row->source_no = (int32) result_int8(15);
		row->reversed_by = result_int8(16);
		MemoryContextSwitchTo(old);
	}
	SPI_finish();
	rights_leave(&rights);
	return found;
}

/* see operation.h */
bool
operation_find(Program *program, int64 number, OperationRow *row)
{
	return find_row(program, &find_number_plan,
					FIND_ROW "o.operation_no OPERATOR(pg_catalog.=) $1", INT8OID,
					Int64GetDatum(number), row);
}

/* see operation.h */
bool
operation_find_key(Program *program, const char *key, OperationRow *row)
{
	return find_row(program, &find_key_plan,
					FIND_ROW "o.key OPERATOR(pg_catalog.=) $1", TEXTOID,
					CStringGetTextDatum(key), row);
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

/* -------- writing -------- */

/* see operation.h */
void
refuse_key(const char *key)
{
	ereport(ERROR,
			(errcode(ERRCODE_LOYALTY_KEY_REUSED),
			 errmsg("key \"%s\" was used for another call", key),
			 errhint("Repeat a call with the same arguments, or give each call a key of its own.")));
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

/* Writes the row at once; another may have the key, or reverse the same. */
static void
flush_row(Operation *operation)
{
	MemoryContext old = CurrentMemoryContext;

	PG_TRY();
	{
		writer_flush(operation->ledger, &operation->ledger->operation);
	}
	PG_CATCH();
	{
		ErrorData  *caught;

		MemoryContextSwitchTo(old);
		caught = CopyErrorData();
		if (caught->sqlerrcode != ERRCODE_UNIQUE_VIOLATION)
			PG_RE_THROW();
		FlushErrorState();
		if (operation->key)
			refuse_key(operation->key);
		refuse_reversal(operation->reverses);
	}
	PG_END_TRY();
}

/* see operation.h */
void
operation_insert(Operation *operation)
{
	Ledger	   *ledger = operation->ledger;
	TupleTableSlot *slot = writer_next(ledger, &ledger->operation);
	Datum	   *values = slot->tts_values;
	bool	   *isnull = slot->tts_isnull;

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
	flush_row(operation);
}

/* see operation.h */
void
operation_close_hold(Ledger *ledger, int64 number, const char *status,
					 Points spent, int64 first, int64 last)
{
	static const int columns[] = {OPERATION_STATUS, OPERATION_SPENT, OPERATION_FIRST_ENTRY,
	OPERATION_LAST_ENTRY};
	Program    *program = ledger->program;
	TableWriter writer;
	bool		found;
	Oid			types[5] = {INT8OID, TEXTOID, INT8OID, INT8OID, INT8OID};
	Datum		values[5];

	values[0] = Int64GetDatum(number);
	values[1] = CStringGetTextDatum(status);
	values[2] = Int64GetDatum(spent);
	values[3] = Int64GetDatum(first);
	values[4] = Int64GetDatum(last);
	if (keyed_open(ledger, &writer, program->operation))
	{
		/* the account's lock holds off everybody else */
		found = keyed_find(ledger, &writer, &values[0]);
		if (found)
			keyed_update(ledger, &writer, columns, &values[1], lengthof(columns));
		keyed_close(&writer);
		if (found)
			return;
	}
	types[2] = program->points_type;
	SPI_connect();
	plan_execute(program, &close_plan,
				 "UPDATE %s.operation SET status = $2, spent = $3, first_entry = $4,"
				 " last_entry = $5 WHERE operation_no OPERATOR(pg_catalog.=) $1",
				 5, types, values, false, SPI_OK_UPDATE);
	SPI_finish();
}

/* see operation.h */
void
operation_set_returned(Program *program, int64 number, Points returned)
{
	Oid			types[2] = {INT8OID, program->points_type};
	Datum		values[2];

	values[0] = Int64GetDatum(number);
	values[1] = Int64GetDatum(returned);
	SPI_connect();
	plan_execute(program, &return_plan,
				 "UPDATE %s.operation SET returned = $2"
				 " WHERE operation_no OPERATOR(pg_catalog.=) $1",
				 2, types, values, false, SPI_OK_UPDATE);
	SPI_finish();
}
