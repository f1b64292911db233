/*-------------------------------------------------------------------------
 *
 * operation.c
 *	  What somebody does to an account by calling a function.
 *
 * The account's lock comes first and the row of the table operation after it,
 * so that of two calls with one key at the same time the second finds what the
 * first has done.  Calls for different members with one key meet at the unique
 * index instead, and one of them is refused.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "core/instant.h"
#include "engine/operation.h"
#include "engine/read.h"
#include "types/numbers.h"

/* -------- texts -------- */

/* see operation.h */
char *
instant_text(Instant at)
{
	char		buffer[INSTANT_TEXT_SIZE];

	if (at == INSTANT_NEVER || at == INSTANT_ALWAYS)
		return pstrdup(at == INSTANT_NEVER ? "infinity" : "-infinity");
	*print_instant(buffer, at) = '\0';
	return pstrdup(buffer);
}

/* see operation.h */
char *
points_text(Points points)
{
	char		buffer[POINTS_TEXT_SIZE];

	points_format(points, buffer);
	return pstrdup(buffer);
}

/* see operation.h */
void
operation_init(Operation *operation, Program *program, const char *kind,
			   EntryKind entry_kind)
{
	memset(operation, 0, sizeof(Operation));
	operation->program = program;
	operation->kind = kind;
	operation->entry_kind = entry_kind;
	operation->status = "done";
	operation->valid_until = INSTANT_ALWAYS;
	initStringInfo(&operation->request);
}

/* see operation.h */
void
operation_argument(Operation *operation, const char *name, const char *value, bool is_text)
{
	StringInfo	request = &operation->request;

	appendStringInfoString(request, request->len == 0 ? "{" : ", ");
	escape_json(request, name);
	appendStringInfoString(request, ": ");
	if (value == NULL)
		appendStringInfoString(request, "null");
	else if (is_text)
		escape_json(request, value);
	else
		appendStringInfoString(request, value);
}

/* A JSON object as jsonb, its last brace still missing. */
static Datum
object_jsonb(StringInfo object)
{
	appendStringInfoString(object, object->len == 0 ? "{}" : "}");
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(object->data));
}

/* -------- the table -------- */

/* A column of the first row of a result. */
static Datum
result_column(int number, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, number, isnull);
}

/* A column of type bigint, 0 if NULL. */
static int64
result_int8(int number)
{
	bool		isnull;
	Datum		value = result_column(number, &isnull);

	return isnull ? 0 : DatumGetInt64(value);
}

/* Reads the row that a condition on $1 names. */
static bool
find_row(Program *program, const char *condition, Oid type, Datum value, OperationRow *row)
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
	if (SPI_execute_with_args(psprintf("SELECT o.operation_no, o.kind, o.request, o.member_id,"
									   " (o.result OPERATOR(pg_catalog.->>) 'unit_no')::pg_catalog.int8,"
									   " (o.result OPERATOR(pg_catalog.->>) 'points')::pg_catalog.numeric,"
									   " (o.result OPERATOR(pg_catalog.->>) 'valid_until')::pg_catalog.timestamptz,"
									   " (o.result OPERATOR(pg_catalog.->>) 'first_entry')::pg_catalog.int8,"
									   " (o.result OPERATOR(pg_catalog.->>) 'last_entry')::pg_catalog.int8,"
									   " (SELECT r.operation_no FROM %1$s.operation AS r"
									   "  WHERE r.reverses OPERATOR(pg_catalog.=) o.operation_no)"
									   " FROM %1$s.operation AS o WHERE %2$s",
									   quote_identifier(program->ref.name), condition),
							  1, &type, &value, NULL, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read an operation: %s", SPI_result_code_string(SPI_result));
	found = SPI_processed > 0;
	if (found)
	{
		old = MemoryContextSwitchTo(context);
		row->number = result_int8(1);
		row->kind = TextDatumGetCString(result_column(2, &isnull));
		row->request = PointerGetDatum(PG_DETOAST_DATUM_COPY(result_column(3, &isnull)));
		column = result_column(4, &isnull);
		if (!isnull)
			row->member = member_copy(program, column);
		row->unit_no = (int32) result_int8(5);
		column = result_column(6, &isnull);
		if (!isnull)
			core_check(points_from_numeric(DatumGetNumeric(column), &row->points));
		column = result_column(7, &isnull);
		row->valid_until = isnull ? INSTANT_ALWAYS : DatumGetTimestampTz(column);
		row->first_entry = result_int8(8);
		row->last_entry = result_int8(9);
		row->reversed_by = result_int8(10);
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
	return find_row(program, "o.operation_no OPERATOR(pg_catalog.=) $1", INT8OID,
					Int64GetDatum(number), row);
}

/* Inserts the row; false if its key, or what it reverses, is taken. */
static bool
insert_row(Operation *operation, Datum request, Datum result)
{
	Program    *program = operation->program;
	Oid			types[8] = {TEXTOID, TEXTOID, program->ref.member_type, TEXTOID,
	TIMESTAMPTZOID, JSONBOID, JSONBOID, INT8OID};
	Datum		values[8] = {0};
	char		nulls[9] = "        ";

	values[0] = CStringGetTextDatum(operation->kind);
	if (operation->key)
		values[1] = CStringGetTextDatum(operation->key);
	else
		nulls[1] = 'n';
	values[2] = operation->account->member;
	values[3] = CStringGetTextDatum(operation->reason);
	values[4] = TimestampTzGetDatum(operation->account->now);
	values[5] = request;
	values[6] = result;
	if (operation->reverses)
		values[7] = Int64GetDatum(operation->reverses);
	else
		nulls[7] = 'n';
	SPI_connect();
	if (SPI_execute_with_args(psprintf("INSERT INTO %s.operation"
									   " (kind, key, member_id, reason, performed_at, request, result, reverses)"
									   " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
									   " ON CONFLICT DO NOTHING RETURNING operation_no",
									   quote_identifier(program->ref.name)),
							  8, types, values, nulls, false, 0) != SPI_OK_INSERT_RETURNING)
		elog(ERROR, "could not write an operation: %s", SPI_result_code_string(SPI_result));
	operation->number = SPI_processed > 0 ? result_int8(1) : 0;
	SPI_finish();
	return operation->number != 0;
}

/* -------- one call -------- */

static void
refuse_key(const Operation *operation)
{
	ereport(ERROR,
			(errcode(ERRCODE_LOYALTY_KEY_REUSED),
			 errmsg("key \"%s\" was used for another call", operation->key),
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

/*
 * Has the call been made before?  Then the operation gets what it returned.
 */
static bool
made_before(Operation *operation)
{
	OperationRow row;
	StringInfoData request;

	if (operation->key == NULL ||
		!find_row(operation->program, "o.key OPERATOR(pg_catalog.=) $1", TEXTOID,
				  CStringGetTextDatum(operation->key), &row))
		return false;
	initStringInfo(&request);
	appendStringInfoString(&request, operation->request.data);
	if (strcmp(row.kind, operation->kind) != 0 ||
		!DatumGetBool(DirectFunctionCall2(jsonb_eq, row.request, object_jsonb(&request))))
		refuse_key(operation);
	operation->number = row.number;
	operation->status = row.reversed_by ? "reversed" : "done";
	operation->points = row.points;
	operation->valid_until = row.valid_until;
	return true;
}

/* see operation.h */
bool
operation_begin(Operation *operation, Datum member)
{
	Program    *program = operation->program;
	Ledger		reader;

	if (made_before(operation))
	{
		reader_open(&reader, program);
		operation->account = reader_account(&reader, member, NULL, NULL);
		reader_close(&reader);
		return false;
	}
	operation->ledger = ledger_open(program, NULL, false);
	operation->account = ledger_account(operation->ledger, member);
	if (operation->account == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_LOYALTY_UNKNOWN_MEMBER),
				 errmsg("there is no member \"%s\"", member_text(program, member)),
				 errhint("Members are enrolled by their first event, or by a row in \"%s.member\".",
						 program->ref.name)));
	if (operation->account->status == ACCOUNT_CLOSED)
		ereport(ERROR,
				(errcode(ERRCODE_LOYALTY_MEMBER_NOT_ACTIVE),
				 errmsg("member \"%s\" has left", member_text(program, member)),
				 errdetail("The member's status is \"closed\".")));

	/* somebody may have made the call while this one waited */
	if (made_before(operation))
	{
		ledger_save_account(operation->ledger, operation->account);
		ledger_close(operation->ledger);
		operation->ledger = NULL;
		return false;
	}
	return true;
}

/* see operation.h */
void
operation_sink(void *arg, const Movement *movement)
{
	Operation  *operation = (Operation *) arg;
	Movement   *move;

	if (operation->nmoves == operation->capacity)
	{
		operation->capacity = Max(8, operation->capacity * 2);
		operation->moves = operation->moves ?
			repalloc(operation->moves, sizeof(Movement) * operation->capacity) :
			palloc(sizeof(Movement) * operation->capacity);
	}
	move = &operation->moves[operation->nmoves++];
	*move = *movement;
	if (move->kind == ENTRY_EARN || move->kind == ENTRY_REVOKE)
		move->kind = operation->entry_kind;
}

/* see operation.h */
void
operation_settle(Operation *operation)
{
	AccountState *account = operation->account;

	core_check(account_advance(&account->core, account->now, account->now,
							   operation_sink, operation));
	account_find_due(account);
	account->dirty = true;
}

/* see operation.h */
void
operation_write(Operation *operation)
{
	AccountState *account = operation->account;
	StringInfoData result;
	int			nown = 0;
	int			i;

	while (nown < operation->nmoves && operation->moves[nown].kind == operation->entry_kind)
		nown++;
	initStringInfo(&result);
	appendStringInfo(&result, "{\"unit_no\": %d, \"points\": %s", operation->unit->unit_no,
					 points_text(operation->points));
	if (nown > 0)
		appendStringInfo(&result, ", \"first_entry\": " INT64_FORMAT
						 ", \"last_entry\": " INT64_FORMAT,
						 account->last_entry + 1, account->last_entry + nown);
	if (operation->valid_until != INSTANT_ALWAYS)
		appendStringInfo(&result, ", \"valid_until\": \"%s\"",
						 instant_text(operation->valid_until));

	if (!insert_row(operation, object_jsonb(&operation->request), object_jsonb(&result)))
	{
		if (operation->key)
			refuse_key(operation);
		refuse_reversal(operation->reverses);
	}
	for (i = 0; i < operation->nmoves; i++)
	{
		EntryLine	line;

		memset(&line, 0, sizeof(line));
		line.movement = operation->moves[i];
		if (i < nown)
			line.operation_no = operation->number;
		ledger_append(operation->ledger, account, &line);
	}
	ledger_save_account(operation->ledger, account);
}

/* see operation.h */
Datum
operation_result(Operation *operation, FunctionCallInfo fcinfo)
{
	UnitBalance balance = {0};
	TupleDesc	desc;
	Datum		values[10];
	bool		isnull[10] = {0};

	/* before the ledger is closed, for pages to be read */
	if (operation->account)
		balance = account_unit_balance(operation->account, operation->unit->unit_no);
	if (operation->ledger)
		ledger_close(operation->ledger);

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = Int64GetDatum(operation->number);
	values[1] = CStringGetTextDatum(operation->status);
	values[2] = CStringGetTextDatum(operation->unit->name);
	values[3] = NumericGetDatum(points_to_numeric(operation->points));
	values[4] = (Datum) 0;
	isnull[4] = true;
	values[5] = NumericGetDatum(points_to_numeric(points_shown(balance.available,
															   operation->unit->decimals)));
	values[6] = NumericGetDatum(points_to_numeric(balance.pending));
	values[7] = NumericGetDatum(points_to_numeric(balance.held));
	values[8] = NumericGetDatum(points_to_numeric(balance.debt));
	values[9] = TimestampTzGetDatum(operation->valid_until);
	isnull[9] = operation->valid_until == INSTANT_ALWAYS;
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, isnull));
}

/* see operation.h */
void
insufficient_points(const Operation *operation, Points needed, Points missing)
{
	UnitBalance balance = account_unit_balance(operation->account,
											   operation->unit->unit_no);

	ereport(ERROR,
			(errcode(ERRCODE_LOYALTY_INSUFFICIENT_POINTS),
			 errmsg("insufficient %s: %s available, %s needed", operation->unit->name,
					points_text(points_shown(balance.available, operation->unit->decimals)),
					points_text(needed)),
			 errdetail("Missing %s; pending %s, held %s, owed %s.", points_text(missing),
					   points_text(balance.pending), points_text(balance.held),
					   points_text(balance.debt))));
}
