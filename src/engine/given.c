/*-------------------------------------------------------------------------
 *
 * given.c
 *	  Rows that stand in no table: given as JSON or as a record.
 *
 * They become what an INSERT would make of them, as far as can be told without
 * doing anything: defaults are taken, generated columns computed.  This runs
 * code of the table's owner, domains' checks and the like, so it runs with his
 * rights and no others; and in the session's time zone, as an INSERT would.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/given.h"

#include "access/htup_details.h"
#include "access/tupconvert.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteHandler.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/typcache.h"

/* the rights of the table's owner, and names of his that nobody can shadow */
typedef struct TableScope
{
	RightsSave	rights;
	int			guc_level;
} TableScope;

static void
enter_table(EventReader *reader, TableScope *scope)
{
	rights_enter(reader->relation->rd_rel->relowner, SECURITY_RESTRICTED_OPERATION,
				 &scope->rights);
	scope->guc_level = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

static void
leave_table(TableScope *scope)
{
	AtEOXact_GUC(false, scope->guc_level);
	rights_leave(&scope->rights);
}

/* -------- columns that nobody gave -------- */

/* Is it volatile for another reason than that it reads the clock or the dice? */
static bool
function_acts(Oid funcid, void *context)
{
	return func_volatile(funcid) == PROVOLATILE_VOLATILE &&
		funcid != F_CLOCK_TIMESTAMP && funcid != F_GEN_RANDOM_UUID &&
		!loyalty_is_random(funcid);
}

/* Could a default do something, such as take a number from a sequence? */
static bool
default_acts(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, NextValueExpr))
		return true;
	if (check_functions_in_node(node, function_acts, NULL))
		return true;
	return expression_tree_walker(node, default_acts, context);
}

/* Evaluates a column's default, or what generates it, over a row. */
static Datum
column_value(EventReader *reader, AttrNumber attno, TupleTableSlot *row, bool *isnull)
{
	ExprContext *econtext = reader->econtext;
	Node	   *expr = build_column_default(reader->relation, attno);
	Datum		value;

	*isnull = true;
	if (expr == NULL || default_acts(expr, NULL))
		return (Datum) 0;
	econtext->ecxt_scantuple = row;
	value = ExecEvalExpr(ExecInitExpr(expression_planner((Expr *) expr), NULL), econtext, isnull);
	econtext->ecxt_scantuple = NULL;
	return value;
}

/* A row of defaults, with NULL where there is none. */
static HeapTuple
default_row(EventReader *reader)
{
	TupleDesc	desc = RelationGetDescr(reader->relation);
	Datum	   *values = palloc0(sizeof(Datum) * desc->natts);
	bool	   *isnull = palloc(sizeof(bool) * desc->natts);
	int			i;

	memset(isnull, true, sizeof(bool) * desc->natts);
	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (!att->attisdropped && !att->attgenerated)
			values[i] = column_value(reader, i + 1, NULL, &isnull[i]);
	}
	return heap_form_tuple(desc, values, isnull);
}

/* The row with its generated columns computed anew. */
static HeapTuple
generate_columns(EventReader *reader, HeapTuple row)
{
	TupleDesc	desc = RelationGetDescr(reader->relation);
	TupleTableSlot *slot = NULL;
	Datum	   *values = NULL;
	bool	   *isnull = NULL;
	int			i;

	for (i = 0; i < desc->natts; i++)
	{
		if (TupleDescAttr(desc, i)->attisdropped ||
			TupleDescAttr(desc, i)->attgenerated != ATTRIBUTE_GENERATED_STORED)
			continue;
		if (slot == NULL)
		{
			slot = MakeSingleTupleTableSlot(desc, &TTSOpsHeapTuple);
			ExecStoreHeapTuple(row, slot, false);
			values = palloc(sizeof(Datum) * desc->natts);
			isnull = palloc(sizeof(bool) * desc->natts);
			heap_deform_tuple(row, desc, values, isnull);
		}
		values[i] = column_value(reader, i + 1, slot, &isnull[i]);
	}
	if (slot == NULL)
		return row;
	row = heap_form_tuple(desc, values, isnull);
	ExecDropSingleTupleTableSlot(slot);
	return row;
}

/* -------- JSON -------- */

/* Refuses an object that names a column the table does not have. */
static void
check_names(EventReader *reader, JsonbContainer *object)
{
	JsonbIterator *it = JsonbIteratorInit(object);
	JsonbValue	name;
	JsonbIteratorToken token;

	while ((token = JsonbIteratorNext(&it, &name, true)) != WJB_DONE)
	{
		char	   *column;
		StringInfoData names;
		int			i;

		if (token != WJB_KEY)
			continue;
		column = pnstrdup(name.val.string.val, name.val.string.len);
		initStringInfo(&names);
		for (i = 0; i < reader->desc->natts; i++)
		{
			Form_pg_attribute att = TupleDescAttr(reader->desc, i);

			if (att->attisdropped)
				continue;
			if (strcmp(NameStr(att->attname), column) == 0)
				break;
			appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "",
							 quote_identifier(NameStr(att->attname)));
		}
		if (i == reader->desc->natts)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("source \"%s\" has no column \"%s\"", reader->source->name, column),
					 errhint("Its table has these: %s.", names.data)));
	}
}

/* Makes the row of one object. */
static HeapTuple
row_from_object(EventReader *reader, Datum defaults, Jsonb *object)
{
	Oid			rowtype = reader->relation->rd_rel->reltype;
	Const	   *base;
	Const	   *json;
	FuncExpr   *populate;
	HeapTupleHeader header;
	HeapTuple	row;
	Datum		value;
	bool		isnull;

	check_names(reader, &object->root);

	/* the function learns from its call's expression which type to make */
	base = makeConst(rowtype, -1, InvalidOid, -1, defaults, false, false);
	json = makeConst(JSONBOID, -1, InvalidOid, -1, JsonbPGetDatum(object), false, false);
	populate = makeFuncExpr(F_JSONB_POPULATE_RECORD, rowtype, list_make2(base, json),
							InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL);
	value = ExecEvalExpr(ExecInitExpr((Expr *) populate, NULL), reader->econtext, &isnull);
	header = DatumGetHeapTupleHeader(value);
	row = palloc(sizeof(HeapTupleData));
	row->t_len = HeapTupleHeaderGetDatumLength(header);
	ItemPointerSetInvalid(&row->t_self);
	row->t_tableOid = RelationGetRelid(reader->relation);
	row->t_data = header;
	return generate_columns(reader, row);
}

pg_noreturn static void refuse_json(EventReader *reader);

static void
refuse_json(EventReader *reader)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("this JSON is no row of source \"%s\"", reader->source->name),
			 errhint("Write an object of columns and their values, or an array of such objects.")));
}

/* see given.h */
List *
given_rows_from_json(EventReader *reader, Jsonb *json)
{
	List	   *rows = NIL;
	TableScope	scope;
	Datum		defaults;

	if (JB_ROOT_IS_SCALAR(json))
		refuse_json(reader);
	enter_table(reader, &scope);
	defaults = heap_copy_tuple_as_datum(default_row(reader), reader->desc);
	if (JB_ROOT_IS_OBJECT(json))
		rows = list_make1(row_from_object(reader, defaults, json));
	else
	{
		int			n = JB_ROOT_COUNT(json);
		int			i;

		for (i = 0; i < n; i++)
		{
			JsonbValue *value = getIthJsonbValueFromContainer(&json->root, i);

			CHECK_FOR_INTERRUPTS();
			if (value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data))
				refuse_json(reader);
			rows = lappend(rows, row_from_object(reader, defaults, JsonbValueToJsonb(value)));
		}
	}
	leave_table(&scope);
	return rows;
}

/* -------- records -------- */

/* see given.h */
HeapTuple
given_row_from_record(EventReader *reader, HeapTupleHeader record)
{
	Oid			type = HeapTupleHeaderGetTypeId(record);
	Oid			relid = OidIsValid(type) ? get_typ_typrelid(type) : InvalidOid;
	HeapTupleData row;
	HeapTuple	result;
	TableScope	scope;

	if (!OidIsValid(relid) ||
		(relid != RelationGetRelid(reader->relation) &&
		 !list_member_oid(find_all_inheritors(RelationGetRelid(reader->relation), NoLock, NULL),
						  relid)))
		return NULL;
	row.t_len = HeapTupleHeaderGetDatumLength(record);
	ItemPointerSetInvalid(&row.t_self);
	row.t_tableOid = relid;
	row.t_data = record;
	if (relid == RelationGetRelid(reader->relation))
		result = heap_copytuple(&row);
	else
	{
		TupleDesc	desc = lookup_rowtype_tupdesc_copy(type, -1);
		TupleConversionMap *map = convert_tuples_by_name(desc, reader->desc);

		result = map ? execute_attr_map_tuple(&row, map) : heap_copytuple(&row);
	}
	enter_table(reader, &scope);
	result = generate_columns(reader, result);
	leave_table(&scope);
	return result;
}

/* see given.h */
void
given_refuse_record(Program *program, HeapTupleHeader record)
{
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 errmsg("a row of type %s is an event of no source of program \"%s\"",
					format_type_be(HeapTupleHeaderGetTypeId(record)), program->ref.name),
			 errhint("Give a row of an attached table, such as ROW(...)::shop.orders, or name the source and give JSON.")));
}

/* -------- events -------- */

/* what find_events is doing, for guarded() */
typedef struct GivenRows
{
	Batch	   *batch;
	List	   *rows;
	FoundRow   *found;
} GivenRows;

/* Reads the key of the event of a row. */
static Datum *
read_key(Batch *batch, TupleTableSlot *slot, HeapTuple row)
{
	ExecStoreHeapTuple(row, slot, false);
	ResetExprContext(batch->reader->econtext);
	batch->reader->econtext->ecxt_innertuple = NULL;
	return event_read_key(batch->reader, slot);
}

/* Finds out which event each row belongs to. */
static void
find_events(void *arg)
{
	GivenRows  *given = (GivenRows *) arg;
	Batch	   *batch = given->batch;
	TupleTableSlot *slot = MakeSingleTupleTableSlot(batch->reader->desc, &TTSOpsHeapTuple);
	ListCell   *lc;

	foreach(lc, given->rows)
	{
		FoundRow   *found = &given->found[foreach_current_index(lc)];
		Datum	   *key;
		int			i = batch->nevents;

		CHECK_FOR_INTERRUPTS();
		found->tuple = *(HeapTuple) lfirst(lc);
		key = read_key(batch, slot, &found->tuple);
		if (batch->source->several_rows)
		{
			for (i = 0; i < batch->nevents; i++)
			{
				Datum	   *other = batch->events[i].key;

				if (key == NULL ? other == NULL :
					other != NULL && event_key_cmp(batch->source, key, other) == 0)
					break;
			}
		}
		found->event = i;
		if (i == batch->nevents)
			batch_new_event(batch)->key = key;
	}
	ExecDropSingleTupleTableSlot(slot);
}

/* what find_key is doing, for guarded() */
typedef struct GivenKey
{
	Batch	   *batch;
	HeapTuple	row;
	Datum	   *key;
} GivenKey;

static void
find_key(void *arg)
{
	GivenKey   *given = (GivenKey *) arg;
	TupleTableSlot *slot = MakeSingleTupleTableSlot(given->batch->reader->desc,
													&TTSOpsHeapTuple);

	given->key = read_key(given->batch, slot, given->row);
	ExecDropSingleTupleTableSlot(slot);
}

/* see given.h */
Datum *
given_key(Batch *batch, HeapTuple row)
{
	GivenKey	given = {batch, row, NULL};
	EvalError	error;

	if (!guarded(batch, find_key, &given, &error))
		elog(ERROR, "%s", error.message);	/* rows that are given raise */
	return given.key;
}

/* Rows in the order of their events, each event's in the order given. */
static FoundRow *
sort_rows(const FoundRow *found, int nfound, int nevents)
{
	FoundRow   *sorted = palloc(sizeof(FoundRow) * Max(1, nfound));
	int		   *next = palloc0(sizeof(int) * (nevents + 1));
	int			i;

	for (i = 0; i < nfound; i++)
		next[found[i].event + 1]++;
	for (i = 0; i < nevents; i++)
		next[i + 1] += next[i];
	for (i = 0; i < nfound; i++)
		sorted[next[found[i].event]++] = found[i];
	return sorted;
}

/* see given.h */
void
given_events(Batch *batch, List *rows)
{
	MemoryContext old = MemoryContextSwitchTo(batch->chunk);
	GivenRows	given;
	EvalError	error;
	int			nrows = list_length(rows);
	int			i;

	given.batch = batch;
	given.rows = rows;
	given.found = palloc(sizeof(FoundRow) * Max(1, nrows));
	if (!guarded(batch, find_events, &given, &error))
		elog(ERROR, "%s", error.message);	/* rows that are given raise */
	take_event_rows(batch, batch->events, sort_rows(given.found, nrows, batch->nevents), nrows);

	/* reductions may have been there before */
	if (batch->source->reducers != NIL)
	{
		RightsSave	rights;

		rights_enter(batch->program->ref.owner, SECURITY_NOFORCE_RLS, &rights);
		for (i = 0; i < batch->nevents; i++)
		{
			if (batch->events[i].key && batch->events[i].nrows > 0)
				read_event_reductions(batch, &batch->events[i], 1);
		}
		rights_leave(&rights);
	}

	/* what the rows say may be that nothing is to be judged */
	for (i = 0; i < batch->nevents; i++)
	{
		if (batch->events[i].nrows == 0)
			skip_event(batch, &batch->events[i],
					   "the source's condition does not hold, or no member is named");
	}
	MemoryContextSwitchTo(old);
}
