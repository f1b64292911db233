/*-------------------------------------------------------------------------
 *
 * source.c
 *	  Attaching tables to a program.
 *
 * Attaching writes down what a row means (the pin), makes the table that
 * remembers which events have been considered (the posting table), and wires
 * the triggers.  It posts nothing.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "commands/tablecmds.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"

#include "engine/access.h"
#include "engine/config.h"
#include "engine/pin.h"
#include "engine/ledger.h"
#include "engine/source.h"

/* the key of a source's events */
typedef struct SourceKey
{
	int			ncolumns;
	char	   *name[INDEX_MAX_KEYS];	/* what people know it by */
	Oid			type[INDEX_MAX_KEYS];
	Oid			collation[INDEX_MAX_KEYS];	/* of the table's column, if it is
											 * neither the default nor "C" */
} SourceKey;

static void check_arguments(const AttachArguments *args);
static void check_relation(const ProgramRef *ref, Relation rel);
static void check_rights(const ProgramRef *ref, Relation rel);
static void read_primary_key(Relation rel, const AttachArguments *args, SourceKey *key);
static bool is_key_type(Oid type);
static Oid	reduced_key_type(const ProgramRef *ref, const AttachArguments *args);
static void check_spend_unit(const ProgramRef *ref, const char *unit);
static Oid	make_pin(const ProgramRef *ref, const AttachArguments *args, Oid reduced_type);
static void check_pin_types(Oid pin, const AttachArguments *args, SourceKey *key);
static Oid	make_posting(const ProgramRef *ref, const char *name, const SourceKey *key);
static bool posting_fits(Oid posting, const SourceKey *key);
static void make_points_view(const ProgramRef *ref, const char *name, const SourceKey *key);
static const char *view_column(const char *name, const SourceKey *key);
static void comment_column(const ProgramRef *ref, const char *relname,
						   const char *column, const char *comment);
static void write_source(const ProgramRef *ref, const AttachArguments *args,
						 const SourceKey *key, Oid pin, Oid posting);
static ConfigTuple find_source(const ProgramRef *ref, const char *name);
static char *argument_text(FunctionCallInfo fcinfo, int number);
static void rename_relation(const ProgramRef *ref, const char *format,
							const char *old, const char *new);


/* -------- what programs call -------- */

/*
 * attach() of a program.
 */
LOYALTY_FUNCTION(loyalty_attach);
Datum
loyalty_attach(PG_FUNCTION_ARGS)
{
	ProgramRef	ref;
	AttachArguments args;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("program must not be null")));
	program_identify(PG_GETARG_OID(0), &ref);
	program_require_owner(&ref);

	memset(&args, 0, sizeof(args));
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("relation to attach must not be null")));
	args.relid = PG_GETARG_OID(1);
	args.name = argument_text(fcinfo, 2);
	args.member = argument_text(fcinfo, 3);
	args.amount = argument_text(fcinfo, 4);
	args.occurred_at = argument_text(fcinfo, 5);
	args.event = argument_text(fcinfo, 6);
	args.condition = argument_text(fcinfo, 7);
	args.spend = argument_text(fcinfo, 8);
	args.spend_unit = argument_text(fcinfo, 9);
	args.spend_condition = argument_text(fcinfo, 10);
	args.has_purchase = !PG_ARGISNULL(11);
	args.purchase = args.has_purchase && PG_GETARG_BOOL(11);
	args.reduces = argument_text(fcinfo, 12);
	args.reduces_key = argument_text(fcinfo, 13);
	args.on_delete = argument_text(fcinfo, 14);
	args.key = argument_text(fcinfo, 15);

	/* the wrapper runs as the owner: expressions are of who called it */
	args.writer = GetOuterUserId();

	SPI_connect();
	source_attach(&ref, &args);
	SPI_finish();

	PG_RETURN_VOID();
}

/*
 * detach() of a program.
 */
LOYALTY_FUNCTION(loyalty_detach);
Datum
loyalty_detach(PG_FUNCTION_ARGS)
{
	ProgramRef	ref;
	RightsSave	rights;
	ConfigTuple source;
	char	   *name;
	Oid			types[1] = {TEXTOID};
	Datum		values[1];
	bool		isnull;
	Oid			pin;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("name of the source must not be null")));
	program_identify(PG_GETARG_OID(0), &ref);
	program_require_owner(&ref);
	name = argument_text(fcinfo, 1);
	values[0] = CStringGetTextDatum(name);

	rights_enter(ref.owner, SECURITY_NOFORCE_RLS, &rights);
	SPI_connect();
	config_lock(&ref);

	source = find_source(&ref, name);
	if (source.tuple == NULL || !tuple_bool(&source, "attached"))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("no source \"%s\" is attached to loyalty program \"%s\"",
						name, ref.name)));
	if (config_execute(&ref, "SELECT name FROM @.source"
					   " WHERE attached AND reduces OPERATOR(pg_catalog.=) $1 ORDER BY name",
					   1, types, values, NULL) > 0)
	{
		ConfigTuple other = config_result(0);

		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("source \"%s\" cannot be detached: source \"%s\" reduces it",
						name, tuple_text(&other, "name")),
				 errhint("Detach \"%s\" first.", tuple_text(&other, "name"))));
	}

	/* with the view go the triggers, whoever owns the table they are on */
	pin = DatumGetObjectId(tuple_get(&source, "pin", &isnull));
	if (!isnull && get_rel_relkind(pin) == RELKIND_VIEW &&
		get_rel_namespace(pin) == ref.nspid)
	{
		ObjectAddress object;

		ObjectAddressSet(object, RelationRelationId, pin);
		performDeletion(&object, DROP_CASCADE, PERFORM_DELETION_QUIETLY);
	}

	/* so that the table can be altered; attaching makes the present ones anew */
	rules_drop_pins(&ref, tuple_int(&source, "source_no"));

	config_execute(&ref, "UPDATE @.source SET attached = false, relation = NULL, pin = NULL"
				   " WHERE name OPERATOR(pg_catalog.=) $1",
				   1, types, values, NULL);
	config_bump(&ref);

	SPI_finish();
	rights_leave(&rights);

	PG_RETURN_VOID();
}

/*
 * A text argument; NULL if it is null.
 */
static char *
argument_text(FunctionCallInfo fcinfo, int number)
{
	if (PG_ARGISNULL(number))
		return NULL;
	return text_to_cstring(PG_GETARG_TEXT_PP(number));
}

/* -------- attaching -------- */

/*
 * Attaches; called inside SPI.
 */
void
source_attach(const ProgramRef *ref, const AttachArguments *args)
{
	AttachArguments given = *args;
	RightsSave	rights;
	Relation	rel;
	SourceKey	key;
	ConfigTuple before;
	Oid			reduced_type = InvalidOid;
	Oid			posting = InvalidOid;
	Oid			pin;

	check_arguments(&given);
	if (given.spend != NULL && given.spend_unit == NULL)
		given.spend_unit = "points";
	if (!given.has_purchase)
		given.purchase = given.amount != NULL && given.reduces == NULL;
	if (given.on_delete == NULL)
		given.on_delete = "revoke";

	rights_enter(ref->owner, SECURITY_NOFORCE_RLS, &rights);
	config_lock(ref);

	before = find_source(ref, given.name);
	if (before.tuple != NULL && tuple_bool(&before, "attached"))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("source \"%s\" is attached already", given.name),
				 errhint("Detach it first, or choose another name.")));

	/* the same lock that the triggers will take */
	rel = try_relation_open(given.relid, ShareRowExclusiveLock);
	if (rel == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("there is no relation with OID %u", given.relid)));
	check_relation(ref, rel);
	check_rights(ref, rel);
	read_primary_key(rel, &given, &key);
	if (given.reduces != NULL)
		reduced_type = reduced_key_type(ref, &given);
	if (given.spend != NULL)
		check_spend_unit(ref, given.spend_unit);

	pin = make_pin(ref, &given, reduced_type);
	check_pin_types(pin, &given, &key);

	if (given.reduces == NULL)
	{
		posting = make_posting(ref, given.name, &key);
		make_points_view(ref, given.name, &key);
	}

	write_source(ref, &given, &key, pin, posting);
	config_bump(ref);
	if (before.tuple != NULL)
		rules_pin_again(ref, given.name);

	source_wire(ref, given.name, pin, given.relid);

	relation_close(rel, NoLock);
	rights_leave(&rights);
}

/*
 * What can be said without looking at the table.
 */
static void
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
static void
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

/*
 * May the program read it, and may somebody here put triggers on it?
 */
static void
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
}

/*
 * The primary key, by which a row is found again.
 */
static void
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
static Oid
reduced_key_type(const ProgramRef *ref, const AttachArguments *args)
{
	ConfigTuple reduced = find_source(ref, args->reduces);
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
static void
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
				 errmsg("unit \"%s\" is not spendable", unit)));
}

/*
 * Makes view source_<name>.
 */
static Oid
make_pin(const ProgramRef *ref, const AttachArguments *args, Oid reduced_type)
{
	struct
	{
		const char *name;
		const char *text;
		Oid			type;
	}			wanted[] = {
		{"member", args->member, ref->member_type},
		{"amount", args->amount, NUMERICOID},
		{"occurred_at", args->occurred_at, InvalidOid},
		{"event", args->event, InvalidOid},
		{"condition", args->condition, BOOLOID},
		{"spend", args->spend, NUMERICOID},
		{"spend_condition", args->spend_condition, BOOLOID},
		{"reduces_key", args->reduces_key, reduced_type},
		{"key", args->key, InvalidOid}
	};
	PinSource	sources[lengthof(wanted)];
	int			nsources = 0;
	RightsSave	rights;
	Oid			pin;
	int			i;

	for (i = 0; i < lengthof(wanted); i++)
	{
		if (wanted[i].text == NULL)
			continue;
		sources[nsources].name = wanted[i].name;
		sources[nsources].text = wanted[i].text;
		sources[nsources].what = psprintf("%s of source \"%s\"", wanted[i].name, args->name);
		sources[nsources].want_type = wanted[i].type;
		nsources++;
	}

	rights_enter(args->writer, 0, &rights);
	pin = pin_create(ref, psprintf("source_%s", args->name), args->relid,
					 sources, nsources);
	rights_leave(&rights);

	return pin;
}

/*
 * Types of what may be of several: the instant, and the key of events that
 * are not known by the table's own key.
 */
static void
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

/* -------- the posting table and the view of points -------- */

/*
 * Makes table posting_<name>, or takes the one that is there from before.
 */
static Oid
make_posting(const ProgramRef *ref, const char *name, const SourceKey *key)
{
	static const char *const comments[][2] = {
		{"member_id", "Whose event it is"},
		{"occurred_at", "When it happened"},
		{"first_entry", "Number of its first ledger line; NULL: none, or later says"},
		{"amount", "What it adds to member.spend"},
		{"config_version", "Configuration version by which it is judged"},
		{"entries", "Lines that follow one another from the first"},
		{"flags", "1: judged while the member was blocked; 2: counts as a purchase"},
		{"later", "First and last numbers of other lines"},
		{"short", "What rules wanted and got when caps or budgets were short"},
		{"facts", "What rules read of the member when it was first judged"}
	};
	char	   *relname = psprintf("posting_%s", name);
	Oid			posting = get_relname_relid(relname, ref->nspid);
	StringInfoData sql;
	AttrNumber	member = get_attnum(program_relation(ref, "account"), "member_id");
	int			i;

	if (OidIsValid(posting))
	{
		if (!posting_fits(posting, key))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
					 errmsg("source \"%s\" was attached before with a key of other types", name),
					 errhint("Choose another name.")));
		return posting;
	}

	initStringInfo(&sql);
	appendStringInfo(&sql, "CREATE TABLE @.%s (", quote_identifier(relname));
	for (i = 0; i < key->ncolumns; i++)
		appendStringInfo(&sql, "key%d %s%s NOT NULL, ", i + 1,
						 format_type_be_qualified(key->type[i]),
						 key->type[i] == TEXTOID ? " COLLATE pg_catalog.\"C\"" : "");
	appendStringInfo(&sql,
					 "member_id %s%s NOT NULL,"
					 " occurred_at pg_catalog.timestamptz NOT NULL,"
					 " first_entry pg_catalog.int8,"
					 " amount loyalty.points,"
					 " config_version pg_catalog.int4 NOT NULL,"
					 " entries pg_catalog.int2 NOT NULL,"
					 " flags pg_catalog.int2 NOT NULL,"
					 " later pg_catalog.int8[],"
					 " short pg_catalog.bytea,"
					 " facts pg_catalog.jsonb,"
					 " PRIMARY KEY (",
					 format_type_be_qualified(get_atttype(program_relation(ref, "account"), member)),
					 ref->member_type == TEXTOID ? " COLLATE pg_catalog.\"C\"" : "");
	for (i = 0; i < key->ncolumns; i++)
		appendStringInfo(&sql, "%skey%d", i > 0 ? ", " : "", i + 1);
	appendStringInfoString(&sql, ")) WITH (fillfactor = 90)");
	config_execute(ref, sql.data, 0, NULL, NULL, NULL);

	relname = pstrdup(quote_identifier(relname));
	config_execute(ref, psprintf("CREATE TRIGGER posting_guard"
								 " BEFORE UPDATE OR DELETE OR TRUNCATE ON @.%s"
								 " FOR EACH STATEMENT EXECUTE FUNCTION loyalty.ledger_guard_1()",
								 relname), 0, NULL, NULL, NULL);
	config_execute(ref, psprintf("ALTER TABLE @.%s ENABLE ALWAYS TRIGGER posting_guard",
								 relname), 0, NULL, NULL, NULL);
	config_execute(ref, psprintf("COMMENT ON TABLE @.%s IS"
								 " 'Events of source %s that have been considered: what was frozen, and where their entries are'",
								 relname, name), 0, NULL, NULL, NULL);
	for (i = 0; i < key->ncolumns; i++)
		comment_column(ref, relname, psprintf("key%d", i + 1),
					   psprintf("Key of the event: %s", key->name[i]));
	for (i = 0; i < lengthof(comments); i++)
		comment_column(ref, relname, comments[i][0], comments[i][1]);

	return get_relname_relid(psprintf("posting_%s", name), ref->nspid);
}

/*
 * Has a posting table the columns for a key?
 */
static bool
posting_fits(Oid posting, const SourceKey *key)
{
	int			i;

	for (i = 0; i < key->ncolumns; i++)
	{
		AttrNumber	attno = get_attnum(posting, psprintf("key%d", i + 1));

		if (attno == InvalidAttrNumber || get_atttype(posting, attno) != key->type[i])
			return false;
	}
	return get_attnum(posting, psprintf("key%d", key->ncolumns + 1)) == InvalidAttrNumber;
}

/*
 * Makes view <name>_points, which reports join with USING.
 */
static void
make_points_view(const ProgramRef *ref, const char *name, const SourceKey *key)
{
	char	   *relname = psprintf("%s_points", name);
	Oid			view = get_relname_relid(relname, ref->nspid);
	StringInfoData keys;
	StringInfoData sql;
	int			i;

	if (OidIsValid(view))
	{
		bool		fits = get_rel_relkind(view) == RELKIND_VIEW;

		for (i = 0; fits && i < key->ncolumns; i++)
			fits = get_attnum(view, key->name[i]) == i + 1;
		if (fits && get_attnum(view, view_column("member_id", key)) == key->ncolumns + 1)
			return;

		/* the key's columns have other names now */
		if (get_rel_relkind(view) == RELKIND_VIEW)
		{
			ObjectAddress object;

			ObjectAddressSet(object, RelationRelationId, view);
			performDeletion(&object, DROP_RESTRICT, 0);
		}
	}

	/*
	 * The first block of an event's lines is one row of the journal, almost
	 * always the only one, and is joined by its number.  OFFSET 0 has those of
	 * others looked up by theirs, too, and not among all rows of the member.
	 */
	initStringInfo(&keys);
	appendStringInfoString(&keys, "SELECT p.member_id");
	for (i = 0; i < key->ncolumns; i++)
		appendStringInfo(&keys, ", p.key%d", i + 1);

	initStringInfo(&sql);
	appendStringInfo(&sql, "CREATE VIEW @.%s AS SELECT", quote_identifier(relname));
	for (i = 0; i < key->ncolumns; i++)
	{
		appendStringInfo(&sql, " p.key%d", i + 1);
		if (key->type[i] == TEXTOID && OidIsValid(key->collation[i]) &&
			key->collation[i] != DEFAULT_COLLATION_OID &&
			key->collation[i] != C_COLLATION_OID)
			appendStringInfo(&sql, " COLLATE %s", generate_collation_name(key->collation[i]));
		appendStringInfo(&sql, " AS %s,", quote_identifier(key->name[i]));
	}
	appendStringInfo(&sql, " p.member_id AS %s,",
					 quote_identifier(view_column("member_id", key)));
	appendStringInfo(&sql, " u.name AS %s,",
					 quote_identifier(view_column("unit", key)));
	appendStringInfo(&sql, " pg_catalog.sum(e.points::pg_catalog.numeric) AS %s,",
					 quote_identifier(view_column("points", key)));
	appendStringInfo(&sql, " pg_catalog.max(p.posted_at) AS %s",
					 quote_identifier(view_column("posted_at", key)));
	appendStringInfo(&sql,
					 " FROM (%1$s, j.posted_at, j.lines"
					 "   FROM @.%2$s p JOIN @.journal j ON j.member_id OPERATOR(pg_catalog.=) p.member_id"
					 "    AND j.first_entry OPERATOR(pg_catalog.=) p.first_entry"
					 "    AND j.source_no IS NOT NULL"
					 "  UNION ALL %1$s, j.posted_at, j.lines"
					 "   FROM @.%2$s p CROSS JOIN LATERAL ("
					 "SELECT j.posted_at, j.lines, j.source_no"
					 " FROM pg_catalog.generate_series(1, pg_catalog.cardinality(p.later), 2) AS i"
					 " CROSS JOIN LATERAL (SELECT j.posted_at, j.lines, j.source_no FROM @.journal j"
					 " WHERE j.member_id OPERATOR(pg_catalog.=) p.member_id"
					 " AND j.first_entry OPERATOR(pg_catalog.>=) p.later[i]"
					 " AND j.first_entry OPERATOR(pg_catalog.<=) p.later[i OPERATOR(pg_catalog.+) 1] OFFSET 0) AS j) AS j"
					 "   WHERE p.later IS NOT NULL AND j.source_no IS NOT NULL) AS p"
					 " CROSS JOIN LATERAL loyalty.lines_unnest_1(p.lines) e"
					 " JOIN @.unit u ON u.unit_no OPERATOR(pg_catalog.=) e.unit_no"
					 " WHERE e.kind IN (1, 2)"
					 " GROUP BY",
					 keys.data, quote_identifier(psprintf("posting_%s", name)));
	for (i = 0; i < key->ncolumns; i++)
		appendStringInfo(&sql, " p.key%d,", i + 1);
	appendStringInfoString(&sql, " p.member_id, u.name");
	config_execute(ref, sql.data, 0, NULL, NULL, NULL);

	config_execute(ref, psprintf("COMMENT ON VIEW @.%s IS"
								 " 'Points that each event of source %s has now, by unit'",
								 quote_identifier(relname), name), 0, NULL, NULL, NULL);
	relname = pstrdup(quote_identifier(relname));
	for (i = 0; i < key->ncolumns; i++)
		comment_column(ref, relname, quote_identifier(key->name[i]), "Key of the event");
	comment_column(ref, relname, view_column("member_id", key), "Whose event it is");
	comment_column(ref, relname, view_column("unit", key), "Name of the unit");
	comment_column(ref, relname, view_column("points", key), "What it has earned, less what was taken back");
	comment_column(ref, relname, view_column("posted_at", key), "When that changed last");
	access_as_balances(ref, psprintf("%s_points", name));
}

/*
 * Says what a column is.  The relation's and the column's names are quoted
 * already, where they must be; they may be in the text.
 */
static void
comment_column(const ProgramRef *ref, const char *relname, const char *column,
			   const char *comment)
{
	config_execute(ref, psprintf("COMMENT ON COLUMN @.%s.%s IS %s", relname, column,
								 quote_literal_cstr(comment)), 0, NULL, NULL, NULL);
}

/*
 * The name of a column of that view, which the key may have taken.
 */
static const char *
view_column(const char *name, const SourceKey *key)
{
	int			i;

	for (i = 0; i < key->ncolumns; i++)
		if (strcmp(key->name[i], name) == 0)
			return psprintf("loyalty_%s", name);
	return name;
}

/* -------- the row of table source -------- */

/*
 * Writes the row, a new one or that of a source that was detached.
 */
static void
write_source(const ProgramRef *ref, const AttachArguments *args,
			 const SourceKey *key, Oid pin, Oid posting)
{
	Oid			types[18];
	Datum		values[18];
	bool		nulls[18];
	const char *texts[] = {
		args->name, args->key, args->event, args->member, args->amount, args->occurred_at,
		args->condition, args->spend, args->spend_unit, args->spend_condition,
		args->reduces, args->reduces_key, args->on_delete
	};
	Datum		names[INDEX_MAX_KEYS];
	int			i;

	StaticAssertStmt(lengthof(texts) == 13, "arguments are numbered");
	for (i = 0; i < lengthof(texts); i++)
	{
		types[i] = TEXTOID;
		nulls[i] = texts[i] == NULL;
		values[i] = nulls[i] ? (Datum) 0 : CStringGetTextDatum(texts[i]);
	}
	types[13] = types[14] = types[15] = OIDOID;
	values[13] = ObjectIdGetDatum(args->relid);
	values[14] = ObjectIdGetDatum(pin);
	values[15] = ObjectIdGetDatum(posting);
	nulls[13] = nulls[14] = false;
	nulls[15] = !OidIsValid(posting);
	types[16] = TEXTARRAYOID;
	for (i = 0; i < key->ncolumns; i++)
		names[i] = CStringGetTextDatum(key->name[i]);
	values[16] = PointerGetDatum(construct_array(names, key->ncolumns, TEXTOID,
												 -1, false, TYPALIGN_INT));
	nulls[16] = false;
	types[17] = BOOLOID;
	values[17] = BoolGetDatum(args->purchase);
	nulls[17] = false;

	config_execute(ref,
				   psprintf("INSERT INTO @.source (%s name, key, event, member, amount,"
							" occurred_at, condition, spend, spend_unit, spend_condition,"
							" reduces, reduces_key, on_delete, relation, pin, posting,"
							" key_columns, purchase) %s $1, $2, $3, $4, $5, $6, $7, $8, $9,"
							" $10, $11, $12, $13, $14, $15, $16, $17, $18)"
							" ON CONFLICT (name) DO UPDATE SET key = $2, event = $3,"
							" member = $4, amount = $5, occurred_at = $6, condition = $7,"
							" spend = $8, spend_unit = $9, spend_condition = $10,"
							" reduces = $11, reduces_key = $12, on_delete = $13,"
							" relation = $14, pin = $15, posting = $16, key_columns = $17,"
							" purchase = $18, attached = true,"
							" attached_at = pg_catalog.clock_timestamp()",
							args->source_no ? "source_no," : "",
							args->source_no ? psprintf("OVERRIDING SYSTEM VALUE VALUES (%d,",
													   args->source_no) : "VALUES ("),
				   18, types, values, nulls);
}

/*
 * A source by its name; no row if there is none.
 */
static ConfigTuple
find_source(const ProgramRef *ref, const char *name)
{
	ConfigTuple none = {NULL, NULL};
	Oid			types[1] = {TEXTOID};
	Datum		values[1] = {CStringGetTextDatum(name)};

	if (config_execute(ref, "SELECT * FROM @.source WHERE name OPERATOR(pg_catalog.=) $1",
					   1, types, values, NULL) == 0)
		return none;
	return config_result(0);
}

/* -------- triggers on table source -------- */

/*
 * Before a source is written: most of it is attach's.
 */
LOYALTY_FUNCTION(loyalty_source_check);
Datum
loyalty_source_check(PG_FUNCTION_ARGS)
{
	static const char *const fixed[] = {
		"source_no", "relation", "pin", "posting", "key_columns", "key", "event", "member",
		"amount", "occurred_at", "condition", "spend", "spend_condition", "reduces_key",
		"attached", "attached_at"
	};
	ConfigTrigger trigger;
	int			i;

	config_trigger_begin(fcinfo, "source", CONFIG_BEFORE_ROW, &trigger);

	if (config_internal == 0)
	{
		config_lock(&trigger.ref);

		if (trigger.old.tuple == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_CHECK_VIOLATION),
					 errmsg("sources are not inserted but attached"),
					 errhint("Use %s.attach().", quote_identifier(trigger.ref.name))));
		if (trigger.new.tuple == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_CHECK_VIOLATION),
					 errmsg("source \"%s\" cannot be deleted", tuple_text(&trigger.old, "name")),
					 errhint("Use %s.detach(), which keeps the ledger.",
							 quote_identifier(trigger.ref.name))));

		for (i = 0; i < lengthof(fixed); i++)
		{
			if (tuple_differs(&trigger.old, &trigger.new, fixed[i]))
				ereport(ERROR,
						(errcode(ERRCODE_CHECK_VIOLATION),
						 errmsg("column \"%s\" of source \"%s\" cannot be changed",
								fixed[i], tuple_text(&trigger.old, "name")),
						 errhint("Use %s.detach() and %s.attach() again.",
								 quote_identifier(trigger.ref.name),
								 quote_identifier(trigger.ref.name))));
		}
		if (tuple_text(&trigger.new, "name") != NULL)
			config_check_name("source", tuple_text(&trigger.new, "name"));
		if (tuple_differs(&trigger.old, &trigger.new, "spend_unit"))
		{
			if (tuple_isnull(&trigger.new, "spend_unit") != tuple_isnull(&trigger.new, "spend"))
				ereport(ERROR,
						(errcode(ERRCODE_CHECK_VIOLATION),
						 errmsg("source \"%s\" must have a spend_unit if and only if it has spend",
								tuple_text(&trigger.new, "name"))));
		}

		/* only by a rename of the other source, which foreign keys follow */
		if (tuple_differs(&trigger.old, &trigger.new, "reduces"))
		{
			ConfigTuple was = {NULL, NULL};

			if (!tuple_isnull(&trigger.old, "reduces"))
				was = find_source(&trigger.ref, tuple_text(&trigger.old, "reduces"));
			if (tuple_isnull(&trigger.old, "reduces") || was.tuple != NULL)
				config_require_same(&trigger, "reduces");
		}
	}

	config_trigger_end(&trigger);

	return PointerGetDatum(trigger.new.tuple);
}

/*
 * After a source was changed by hand: what bears its name follows, and a new
 * version begins.
 */
LOYALTY_FUNCTION(loyalty_source_changed);
Datum
loyalty_source_changed(PG_FUNCTION_ARGS)
{
	ConfigTrigger trigger;

	config_trigger_begin(fcinfo, "source", CONFIG_AFTER_ROW, &trigger);

	if (config_internal == 0)
	{
		char	   *old = tuple_text(&trigger.old, "name");
		char	   *new = tuple_text(&trigger.new, "name");

		if (tuple_differs(&trigger.old, &trigger.new, "spend_unit") &&
			!tuple_isnull(&trigger.new, "spend_unit"))
			check_spend_unit(&trigger.ref, tuple_text(&trigger.new, "spend_unit"));

		if (strcmp(old, new) != 0)
		{
			Oid			types[2] = {TEXTOID, TEXTOID};
			Datum		values[2];

			rename_relation(&trigger.ref, "source_%s", old, new);
			rename_relation(&trigger.ref, "posting_%s", old, new);
			rename_relation(&trigger.ref, "%s_points", old, new);
			values[0] = CStringGetTextDatum(old);
			values[1] = CStringGetTextDatum(new);
			config_execute(&trigger.ref, "UPDATE @.failed_event SET source = $2"
						   " WHERE source OPERATOR(pg_catalog.=) $1",
						   2, types, values, NULL);
		}
		config_bump(&trigger.ref);
	}

	config_trigger_end(&trigger);

	return PointerGetDatum(NULL);
}

/*
 * Renames what is named after a source, if it is there.
 */
static void
rename_relation(const ProgramRef *ref, const char *format, const char *old, const char *new)
{
	Oid			relid = get_relname_relid(psprintf(format, old), ref->nspid);

	if (!OidIsValid(relid))
		return;
	LockRelationOid(relid, AccessExclusiveLock);
	RenameRelationInternal(relid, psprintf(format, new), false, false);
	CommandCounterIncrement();
}
