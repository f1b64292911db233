/*-------------------------------------------------------------------------
 *
 * layout.c
 *	  Checks that a program's tables are as this library expects them.
 *
 * Rows are read and written by the positions of their columns.  Anybody can
 * make tables of the same names; they must not be taken for ours.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "engine/layout.h"
#include "engine/ledger.h"

/* what a column must be called and hold; types of our own are given by name */
typedef struct ColumnSpec
{
	const char *name;
	Oid			type;			/* InvalidOid: the member type or type_name */
	const char *type_name;
} ColumnSpec;

static const ColumnSpec account_columns[ACCOUNT_COLUMNS] = {
	{"member_id", InvalidOid, NULL},
	{"last_entry", INT8OID, NULL},
	{"last_at", TIMESTAMPTZOID, NULL},
	{"next_due", TIMESTAMPTZOID, NULL},
	{"joined_at", TIMESTAMPTZOID, NULL},
	{"purchases", INT8OID, NULL},
	{"spend", InvalidOid, "points"},
	{"first_purchase_at", TIMESTAMPTZOID, NULL},
	{"last_purchase_at", TIMESTAMPTZOID, NULL},
	{"status", INT2OID, NULL},
	{"time_zone", TEXTOID, NULL},
	{"usage", BYTEAOID, NULL},
	{"paged", BYTEAOID, NULL},
	{"holds", BYTEAOID, NULL},
	{"tiers", BYTEAOID, NULL},
	{"lots", InvalidOid, "lots"},
};

static const ColumnSpec journal_columns[JOURNAL_COLUMNS] = {
	{"member_id", InvalidOid, NULL},
	{"first_entry", INT8OID, NULL},
	{"posted_at", TIMESTAMPTZOID, NULL},
	{"source_no", INT4OID, NULL},
	{"config_version", INT4OID, NULL},
	{"operation_no", INT8OID, NULL},
	{"event_key", TEXTOID, NULL},
	{"lines", InvalidOid, "lines"},
};

static const ColumnSpec operation_columns[OPERATION_COLUMNS] = {
	{"operation_no", INT8OID, NULL},
	{"performed_at", TIMESTAMPTZOID, NULL},
	{"points", InvalidOid, "points"},
	{"first_entry", INT8OID, NULL},
	{"last_entry", INT8OID, NULL},
	{"spent", InvalidOid, "points"},
	{"returned", InvalidOid, "points"},
	{"deadline", TIMESTAMPTZOID, NULL},
	{"valid_until", TIMESTAMPTZOID, NULL},
	{"concerns", INT8OID, NULL},
	{"reverses", INT8OID, NULL},
	{"source_no", INT4OID, NULL},
	{"unit_no", INT2OID, NULL},
	{"kind", TEXTOID, NULL},
	{"status", TEXTOID, NULL},
	{"key", TEXTOID, NULL},
	{"member_id", InvalidOid, NULL},
	{"reason", TEXTOID, NULL},
	{"actor", TEXTOID, NULL},
	{"request", JSONBOID, NULL},
	{"result", JSONBOID, NULL},
	{"event_key", TEXTOID, NULL},
};

static const ColumnSpec posting_columns[POSTING_COLUMNS] = {
	{"member_id", InvalidOid, NULL},
	{"occurred_at", TIMESTAMPTZOID, NULL},
	{"first_entry", INT8OID, NULL},
	{"amount", InvalidOid, "points"},
	{"config_version", INT4OID, NULL},
	{"entries", INT2OID, NULL},
	{"flags", INT2OID, NULL},
	{"later", INT8ARRAYOID, NULL},
	{"short", BYTEAOID, NULL},
	{"facts", JSONBOID, NULL},
};

static const ColumnSpec redemption_columns[REDEMPTION_COLUMNS] = {
	{"redemption_no", INT8OID, NULL},
	{"redeemed_at", TIMESTAMPTZOID, NULL},
	{"held_until", TIMESTAMPTZOID, NULL},
	{"valid_until", TIMESTAMPTZOID, NULL},
	{"points", InvalidOid, "points"},
	{"reward_no", INT4OID, NULL},
	{"quantity", INT4OID, NULL},
	{"cancelled", INT4OID, NULL},
	{"held_pool_no", INT4OID, NULL},
	{"unit_no", INT2OID, NULL},
	{"stock_slot", INT2OID, NULL},
	{"automatic", BOOLOID, NULL},
	{"codes_held", BOOLOID, NULL},
	{"member_id", InvalidOid, NULL},
	{"price", TEXTOID, NULL},
	{"money", NUMERICOID, NULL},
	{"code", TEXTOID, NULL},
};

static const ColumnSpec cap_usage_columns[CAP_USAGE_COLUMNS] = {
	{"member_id", InvalidOid, NULL},
	{"rule_no", INT4OID, NULL},
	{"span_start", TIMESTAMPTZOID, NULL},
	{"used", InvalidOid, "points"},
};

static const ColumnSpec budget_room_columns[BUDGET_ROOM_COLUMNS] = {
	{"rule_no", INT4OID, NULL},
	{"slot", INT2OID, NULL},
	{"room", InvalidOid, "points"},
	{"used", InvalidOid, "points"},
};

static const ColumnSpec tier_change_columns[TIER_CHANGE_COLUMNS] = {
	{"member_id", InvalidOid, NULL},
	{"change_no", INT8OID, NULL},
	{"occurred_at", TIMESTAMPTZOID, NULL},
	{"posted_at", TIMESTAMPTZOID, NULL},
	{"since", TIMESTAMPTZOID, NULL},
	{"until", TIMESTAMPTZOID, NULL},
	{"counted_at", TIMESTAMPTZOID, NULL},
	{"given_until", TIMESTAMPTZOID, NULL},
	{"operation_no", INT8OID, NULL},
	{"tier_no", INT4OID, NULL},
	{"given_tier_no", INT4OID, NULL},
	{"life_tier_no", INT4OID, NULL},
	{"group_no", INT2OID, NULL},
	{"cause", TEXTOID, NULL},
};

static const ColumnSpec stock_columns[] = {
	{"reward_no", INT4OID, NULL},
	{"slot", INT2OID, NULL},
	{"room", INT8OID, NULL},
};

/* see layout.h */
void
layout_check_table(const ProgramRef *ref, Relation rel)
{
	if (rel->rd_rel->relkind != RELKIND_RELATION ||
		rel->rd_rel->relispartition ||
		rel->rd_rel->relnamespace != ref->nspid ||
		rel->rd_rel->relowner != ref->owner)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s.%s\" must be a plain table of the program's owner",
						get_namespace_name(RelationGetNamespace(rel)),
						RelationGetRelationName(rel))));
}

/* Checks the columns of one table, from column "first" on. */
static void
check_columns(const Program *program, Oid relid, const ColumnSpec *columns,
			  int ncolumns, int first)
{
	Relation	rel = table_open(relid, AccessShareLock);
	Oid			loyalty = get_namespace_oid("loyalty", false);
	int			i;

	layout_check_table(&program->ref, rel);
	for (i = 0; i < ncolumns; i++)
	{
		const ColumnSpec *column = &columns[i];
		Form_pg_attribute att;
		Oid			type = column->type;

		if (column->type_name)
			type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
								   CStringGetDatum(column->type_name),
								   ObjectIdGetDatum(loyalty));
		else if (!OidIsValid(type))
			type = program->ref.member_type;
		att = first + i < rel->rd_att->natts ? TupleDescAttr(rel->rd_att, first + i) : NULL;
		if (att == NULL || att->attisdropped || att->atttypid != type ||
			strcmp(NameStr(att->attname), column->name) != 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("table \"%s.%s\" is not laid out as this version of loyalty expects",
							program->ref.name, RelationGetRelationName(rel)),
					 errdetail("Column %d should be \"%s\" of type %s.",
							   first + i + 1, column->name, format_type_be(type)),
					 errhint("Run loyalty.upgrade_program('%s').", program->ref.name)));
	}
	table_close(rel, AccessShareLock);
}

/* see ledger.h */
void
ledger_check_layout(Program *program)
{
	int			i;

	check_columns(program, program->account, account_columns, ACCOUNT_COLUMNS, 0);
	check_columns(program, program->journal, journal_columns, JOURNAL_COLUMNS, 0);
	check_columns(program, program->cap_usage, cap_usage_columns, CAP_USAGE_COLUMNS, 0);
	check_columns(program, program->budget_room, budget_room_columns, BUDGET_ROOM_COLUMNS, 0);
	check_columns(program, program->operation, operation_columns, OPERATION_COLUMNS, 0);
	check_columns(program, program->redemption, redemption_columns, REDEMPTION_COLUMNS, 0);
	check_columns(program, program->tier_change, tier_change_columns, TIER_CHANGE_COLUMNS, 0);
	check_columns(program, program->reward_stock, stock_columns, lengthof(stock_columns), 0);
	for (i = 0; i < program->nsources; i++)
	{
		SourceConfig *source = &program->sources[i];

		if (OidIsValid(source->posting))
			check_columns(program, source->posting, posting_columns, POSTING_COLUMNS,
						  source->nkeys);
	}
}
