/*-------------------------------------------------------------------------
 *
 * program_tables.c
 *	  Reads a program's configuration tables as they are, without a query.
 *
 * They are small, and each backend reads each of them once: to parse, plan and
 * start a query, with the indexes that planning opens, takes ten times as long
 * as to read all rows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/arrays.h"
#include "engine/program_load.h"

#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "engine/layout.h"

/* see program_load.h */
ConfigTable *
config_table_open(const ProgramRef *ref, const char *name)
{
	MemoryContext context = AllocSetContextCreate(CurTransactionContext, "loyalty configuration",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	ConfigTable *table = palloc0(sizeof(ConfigTable));

	table->context = context;
	table->rel = relation_open(program_relation(ref, name), AccessShareLock);
	layout_check_table(ref, table->rel);
	table->slot = table_slot_create(table->rel, NULL);
	table->scan = table_beginscan(table->rel, GetActiveSnapshot(), 0, NULL);
	MemoryContextSwitchTo(old);
	return table;
}

/* see program_load.h */
bool
config_table_next(ConfigTable *table, ConfigRow *row)
{
	CHECK_FOR_INTERRUPTS();
	if (!table_scan_getnextslot(table->scan, ForwardScanDirection, table->slot))
		return false;
	row->tuple = ExecFetchSlotHeapTuple(table->slot, false, NULL);
	row->desc = RelationGetDescr(table->rel);
	return true;
}

/* Keeps a copy of a row, at a place of its own or in place of another. */
static void
keep_row(ConfigTable *table, int at, const ConfigRow *row)
{
	MemoryContext old = MemoryContextSwitchTo(table->context);

	if (at == table->nrows)
	{
		if (table->nrows == table->room)
			table->rows = array_grow(CurrentMemoryContext, table->rows, sizeof(ConfigRow),
									 &table->room, 16);
		table->nrows++;
	}
	else
		heap_freetuple(table->rows[at].tuple);
	table->rows[at].tuple = heap_copytuple(row->tuple);
	table->rows[at].desc = row->desc;
	MemoryContextSwitchTo(old);
}

/* see program_load.h */
ConfigTable *
config_table_read(const ProgramRef *ref, const char *name)
{
	ConfigTable *table = config_table_open(ref, name);
	ConfigRow	row;

	while (config_table_next(table, &row))
		keep_row(table, table->nrows, &row);
	return table;
}

/* which row is the latest of a number, so far */
typedef struct LatestRow
{
	int32		number;			/* hash key */
	int32		version;
	int			at;				/* index into the table's rows */
} LatestRow;

/* see program_load.h */
ConfigTable *
config_table_read_latest(const ProgramRef *ref, const char *name, const char *number_column,
						 int32 version, int32 except, int32 except_version)
{
	ConfigTable *table = config_table_open(ref, name);
	ConfigRow	row;
	HASHCTL		info;
	HTAB	   *numbers;

	info.keysize = sizeof(int32);
	info.entrysize = sizeof(LatestRow);
	info.hcxt = table->context;
	numbers = hash_create("loyalty configuration", 64, &info,
						  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	while (config_table_next(table, &row))
	{
		int32		number = config_int(&row, number_column, 0);
		int32		of = config_int(&row, "config_version", 0);
		LatestRow  *latest;
		bool		found;

		if (of > (number == except ? except_version : version))
			continue;
		latest = hash_search(numbers, &number, HASH_ENTER, &found);
		if (found && of <= latest->version)
			continue;
		if (!found)
			latest->at = table->nrows;
		latest->version = of;
		keep_row(table, latest->at, &row);
	}
	return table;
}

/* what config_table_sort sorts by */
typedef struct SortColumns
{
	const char *const *names;
	int			ncolumns;
} SortColumns;

/* The order of two rows. */
static int
row_order(const void *a, const void *b, void *arg)
{
	const SortColumns *columns = (const SortColumns *) arg;
	const ConfigRow *left = (const ConfigRow *) a;
	const ConfigRow *right = (const ConfigRow *) b;
	int			i;

	for (i = 0; i < columns->ncolumns; i++)
	{
		const char *column = columns->names[i];
		int			cmp;

		if (config_type(left, column) == TEXTOID)
		{
			char	   *left_text = config_text(left, column);
			char	   *right_text = config_text(right, column);

			cmp = strcmp(left_text, right_text);
			pfree(left_text);
			pfree(right_text);
		}
		else
		{
			int32		left_int = config_int(left, column, 0);
			int32		right_int = config_int(right, column, 0);

			cmp = left_int < right_int ? -1 : left_int > right_int;
		}
		if (cmp != 0)
			return cmp;
	}
	return 0;
}

/* see program_load.h */
void
config_table_sort(ConfigTable *table, const char *const *columns, int ncolumns)
{
	SortColumns by = {columns, ncolumns};

	if (table->nrows > 1)
		qsort_arg(table->rows, table->nrows, sizeof(ConfigRow), row_order, &by);
}

/* see program_load.h */
void
config_table_close(ConfigTable *table)
{
	table_endscan(table->scan);
	ExecDropSingleTupleTableSlot(table->slot);
	relation_close(table->rel, AccessShareLock);
	MemoryContextDelete(table->context);
}
