/*-------------------------------------------------------------------------
 *
 * source_check.c
 *	  What attach refuses: arguments, tables, keys and types that cannot be.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/attaching.h"

#include "access/htup_details.h"
#include "catalog/catalog.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/syscache.h"

#include "engine/pin.h"
#include "engine/source.h"
#include "types/refusal.h"

static bool is_key_type(Oid type);

/*
 * What can be said without looking at the table.
 */
void
check_arguments(const AttachArguments *args)
{
	if (args->name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("name of the source must not be null")));
	config_check_name("source", args->name);

	if (args->on_delete != NULL && strcmp(args->on_delete, "revoke") != 0 &&
		strcmp(args->on_delete, "keep") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("on_delete cannot be \"%s\"", args->on_delete),
				 errhint("Use \"revoke\", or \"keep\" for tables from which old rows are removed.")));

	if (args->spend == NULL && (args->spend_unit != NULL || args->spend_condition != NULL))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("spend_unit and spend_condition need spend"),
				 errhint("Give spend => how many points a row is paid with.")));

	if (args->reduces == NULL)
	{
		if (args->reduces_key != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("reduces_key needs reduces"),
					 errhint("Give reduces => the name of the source whose events are reduced.")));
		if (args->member == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("source \"%s\" needs member", args->name),
					 errhint("Give member => an expression for whose points it is about, such as 'customer_id'.")));
		if (args->event != NULL && args->key != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("event and key cannot be given together"),
					 errhint("Events of several rows are known by \"event\" alone.")));
		return;
	}

	if (args->reduces_key == NULL || args->amount == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("source \"%s\" needs reduces_key and amount, as it reduces \"%s\"",
						args->name, args->reduces),
				 errhint("Give reduces_key => the key of the reduced event, and amount => by how much.")));
	if (args->member != NULL || args->event != NULL || args->spend != NULL ||
		args->key != NULL || args->purchase)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("source \"%s\" reduces \"%s\" and cannot have member, event, key, spend or purchase",
						args->name, args->reduces),
				 errhint("It takes them from the event it reduces.")));
}

/*
 * Is it a table whose changes can all be seen?
 */
void
check_relation(const ProgramRef *ref, Relation rel)
{
	char	   *name = RelationGetRelationName(rel);
	List	   *children;
	ListCell   *cell;

	switch (rel->rd_rel->relkind)
	{
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_WRONG_OBJECT_TYPE),
					 errmsg("\"%s\" is not a table", name),
					 errdetail_relkind_not_supported(rel->rd_rel->relkind),
					 errhint("Attach the tables in which the rows are written.")));
	}
	if (rel->rd_rel->relpersistence == RELPERSISTENCE_TEMP)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is a temporary table", name),
				 errhint("Attach a permanent one.")));
	if (IsSystemRelation(rel))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is a system catalog", name)));
	if (RelationGetNamespace(rel) == ref->nspid)
	{
		/* of the program's own, only what others write makes sense */
		static const char *const own[] = {
			"program", "program_version", "unit", "unit_version", "source", "rule",
			"rule_version", "account", "account_page", "cap_usage", "budget_room", "journal",
			"operation", "failed_event", "progress"
		};
		int			i;

		for (i = 0; i < lengthof(own); i++)
			if (strcmp(name, own[i]) == 0)
				break;
		if (i < lengthof(own) || strncmp(name, "posting_", 8) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_WRONG_OBJECT_TYPE),
					 errmsg("\"%s\" is a table of the program itself", name),
					 errhint("Attach the tables of the application.")));
	}
	if (rel->rd_rel->relispartition || has_superclass(RelationGetRelid(rel)))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is a partition or an inheriting table", name),
				 errhint("Attach the table it belongs to.")));

	children = find_all_inheritors(RelationGetRelid(rel), AccessShareLock, NULL);
	foreach(cell, children)
	{
		Oid			child = lfirst_oid(cell);

		if (get_rel_relkind(child) == RELKIND_FOREIGN_TABLE ||
			get_rel_persistence(child) == RELPERSISTENCE_TEMP)
			ereport(ERROR,
					(errcode(ERRCODE_WRONG_OBJECT_TYPE),
					 errmsg("\"%s\" has \"%s\" among its partitions or children, which is a foreign or temporary table",
							name, get_rel_name(child)),
					 errhint("Changes of such tables cannot be seen; attach tables without them.")));
	}
}

/* see source.h */
void
source_require_all_rows(const ProgramRef *ref, Oid relid)
{
	HeapTuple	tuple;
	Oid			table_owner;
	char	   *owner;

	if (check_enable_rls(relid, ref->owner, true) != RLS_ENABLED)
		return;
	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	if (!HeapTupleIsValid(tuple))
		return;
	table_owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	/* we read as the owner even where row security is forced upon it */
	if (has_privs_of_role(ref->owner, table_owner))
		return;
	owner = GetUserNameFromId(ref->owner, false);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("row security of table \"%s\" applies to the program's owner \"%s\"",
					get_rel_name(relid), owner),
			 errdetail("A row that the owner does not see would earn nothing, and lose what it has earned."),
			 errhint("ALTER ROLE %s BYPASSRLS, or grant it the role that owns the table.",
					 quote_identifier(owner))));
}

/*
 * May the program read it, and may somebody here put triggers on it?
 */
void
check_rights(const ProgramRef *ref, Relation rel)
{
	Oid			relid = RelationGetRelid(rel);
	char	   *owner = GetUserNameFromId(ref->owner, false);

	if (pg_class_aclcheck(relid, ref->owner, ACL_SELECT) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for table \"%s\"", RelationGetRelationName(rel)),
				 errdetail("The program's owner \"%s\" must be able to read it.", owner),
				 errhint("GRANT SELECT, TRIGGER ON the table TO %s.", quote_identifier(owner))));
	if (pg_class_aclcheck(relid, ref->owner, ACL_TRIGGER) != ACLCHECK_OK &&
		!has_privs_of_role(GetOuterUserId(), rel->rd_rel->relowner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for table \"%s\"", RelationGetRelationName(rel)),
				 errdetail("The program's owner \"%s\" must be able to put triggers on it.", owner),
				 errhint("GRANT TRIGGER ON the table TO %s, or let the table's owner attach it.",
						 quote_identifier(owner))));
	source_require_all_rows(ref, relid);
}

/*
 * The primary key, by which a row is found again.
 */
void
read_primary_key(Relation rel, const AttachArguments *args, SourceKey *key)
{
	List	   *indexes = RelationGetIndexList(rel);
	bool		only_exists = args->event != NULL || args->reduces != NULL;
	ListCell   *cell;

	key->ncolumns = 0;
	if (args->key != NULL)
		return;

	foreach(cell, indexes)
	{
		HeapTuple	tuple;
		Form_pg_index index;
		int			i;

		tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(cell)));
		if (!HeapTupleIsValid(tuple))
			elog(ERROR, "cache lookup failed for index %u", lfirst_oid(cell));
		index = (Form_pg_index) GETSTRUCT(tuple);
		if (!index->indisprimary)
		{
			ReleaseSysCache(tuple);
			continue;
		}

		if (!index->indimmediate)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
					 errmsg("primary key of table \"%s\" is deferrable",
							RelationGetRelationName(rel)),
					 errhint("Make it NOT DEFERRABLE, or give key => an expression that is unique at any time.")));
		for (i = 0; i < index->indnkeyatts; i++)
		{
			Form_pg_attribute attr;
			Oid			type;

			attr = TupleDescAttr(RelationGetDescr(rel), index->indkey.values[i] - 1);
			type = getBaseType(attr->atttypid);
			if (!only_exists && !is_key_type(type))
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
						 errmsg("key column \"%s\" of table \"%s\" is of type %s",
								NameStr(attr->attname), RelationGetRelationName(rel),
								format_type_be(attr->atttypid)),
						 errdetail("Keys can be of type smallint, integer, bigint, uuid, text, varchar, date, timestamptz, numeric or bytea."),
						 errhint("Give key => '%s::text'.",
								 quote_identifier(NameStr(attr->attname)))));
			key->name[i] = pstrdup(NameStr(attr->attname));
			key->type[i] = type == VARCHAROID ? TEXTOID : type;
			key->collation[i] = attr->attcollation;
		}
		key->ncolumns = index->indnkeyatts;
		ReleaseSysCache(tuple);
		return;
	}

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
			 errmsg("table \"%s\" has no primary key", RelationGetRelationName(rel)),
			 errhint("Add one, or give key => an expression that is unique.")));
}

/*
 * Types of keys: those that are equal to themselves whatever a session's
 * settings.
 */
static bool
is_key_type(Oid type)
{
	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case UUIDOID:
		case TEXTOID:
		case VARCHAROID:
		case DATEOID:
		case TIMESTAMPTZOID:
		case NUMERICOID:
		case BYTEAOID:
			return true;
		default:
			return false;
	}
}

/*
 * The type of the key of the source that is to be reduced.
 */
Oid
reduced_key_type(const ProgramRef *ref, const AttachArguments *args)
{
	ConfigTuple reduced = config_find_source(ref, args->reduces);
	AttrNumber	attno;
	Oid			posting;
	bool		isnull;

	if (reduced.tuple == NULL || !tuple_bool(&reduced, "attached"))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("no source \"%s\" is attached to loyalty program \"%s\"",
						args->reduces, ref->name),
				 errhint("Attach it first.")));
	if (!tuple_isnull(&reduced, "reduces"))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("source \"%s\" cannot be reduced, as it reduces \"%s\" itself",
						args->reduces, tuple_text(&reduced, "reduces"))));
	if (tuple_isnull(&reduced, "amount"))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("source \"%s\" cannot be reduced, as it has no amount", args->reduces)));

	posting = DatumGetObjectId(tuple_get(&reduced, "posting", &isnull));
	if (get_attnum(posting, "key2") != InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("source \"%s\" cannot be reduced, as its key has several columns",
						args->reduces),
				 errhint("Attach it with key => one expression.")));
	attno = get_attnum(posting, "key1");
	return get_atttype(posting, attno);
}

/*
 * Points to spend are of a unit that can be spent.
 */
void
check_spend_unit(const ProgramRef *ref, const char *unit)
{
	Oid			types[1] = {TEXTOID};
	Datum		values[1] = {CStringGetTextDatum(unit)};
	ConfigTuple row;

	if (config_execute(ref, "SELECT spendable FROM @.unit WHERE name OPERATOR(pg_catalog.=) $1",
					   1, types, values, NULL) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no unit \"%s\"", unit),
				 errhint("Give spend_unit => the name of a unit.")));
	row = config_result(0);
	if (!tuple_bool(&row, "spendable"))
		ereport(ERROR,
				(errcode(ERRCODE_LOYALTY_UNIT_NOT_USABLE),
				 errmsg("unit \"%s\" is not spendable", unit),
				 refusal_fields(ref->name, "unit", "spendable",
								facts("unit", fact_text(unit), NULL))));
}

/*
 * Types of what may be of several: the instant, and the key of events that
 * are not known by the table's own key.
 */
void
check_pin_types(Oid pin, const AttachArguments *args, SourceKey *key)
{
	static const char *const keys[] = {"event", "key"};
	AttrNumber	attno = get_attnum(pin, "occurred_at");
	int			i;

	if (attno != InvalidAttrNumber)
	{
		Oid			type = getBaseType(get_atttype(pin, attno));

		if (type != TIMESTAMPTZOID && type != TIMESTAMPOID && type != DATEOID)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("occurred_at of source \"%s\" must be an instant, but is of type %s",
							args->name, format_type_be(type)),
					 errhint("Use an expression of type timestamptz, or timestamp or date, which are taken in the program's time zone.")));
	}

	for (i = 0; i < lengthof(keys); i++)
	{
		Oid			type;

		attno = get_attnum(pin, keys[i]);
		if (attno == InvalidAttrNumber)
			continue;
		type = getBaseType(get_atttype(pin, attno));
		if (!is_key_type(type))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("%s of source \"%s\" cannot be of type %s",
							keys[i], args->name, format_type_be(type)),
					 errdetail("Keys can be of type smallint, integer, bigint, uuid, text, varchar, date, timestamptz, numeric or bytea."),
					 errhint("Write a cast to text.")));
		key->ncolumns = 1;
		key->name[0] = strcmp(keys[i], "event") == 0 ? "event_key" : "key";
		key->type[0] = type == VARCHAROID ? TEXTOID : type;
		key->collation[0] = InvalidOid;
	}
}
