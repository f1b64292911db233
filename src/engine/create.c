/*-------------------------------------------------------------------------
 *
 * create.c
 *	  Making, upgrading and removing programs.
 *
 * A program is a schema with ordinary tables, views and functions.  Its text
 * is compiled in (sql/program) and run statement by statement as its owner.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "engine/config.h"
#include "engine/source.h"
#include "types/zone.h"

/* the text of a program; see sql/program/10-tables.sql */
static const char program_script[] = {
#include "engine/program_sql.h"
};

/* which statements of the text to run */
typedef enum ScriptMode
{
	SCRIPT_CREATE,				/* all */
	SCRIPT_REPLACE				/* functions, views and comments, anew */
} ScriptMode;

static char *required_text(FunctionCallInfo fcinfo, int number, const char *name);
static const char *check_member_type(const char *name);
static Oid	choose_owner(const char *name);
static void find_program(const char *name, ProgramRef *ref);
static void run_script(const char *name, Oid owner, const char *member_type,
					   ScriptMode mode);
static char *fill_in(const char *name, Oid owner, const char *member_type);
static char *replaceable(Node *stmt, char *command);
static void check_text_ids(const ProgramRef *ref);
static void set_version(const ProgramRef *ref);
static void drop_pins(const ProgramRef *ref);
static void drop_schema(const ProgramRef *ref);
static void analyze_small_tables(const ProgramRef *ref);


/*
 * loyalty.create_program()
 */
LOYALTY_FUNCTION(loyalty_create_program);
Datum
loyalty_create_program(PG_FUNCTION_ARGS)
{
	char	   *name = required_text(fcinfo, 0, "name");
	const char *member_type = check_member_type(required_text(fcinfo, 1, "member_type"));
	char	   *time_zone = required_text(fcinfo, 2, "time_zone");
	char	   *currency = required_text(fcinfo, 3, "currency");
	bool		test_clock = !PG_ARGISNULL(4) && PG_GETARG_BOOL(4);
	Oid			owner = choose_owner(PG_ARGISNULL(5) ? NULL :
									 text_to_cstring(PG_GETARG_TEXT_PP(5)));
	Oid			types[5] = {TEXTOID, TEXTOID, TEXTOID, BOOLOID, TEXTOID};
	Datum		values[5];
	AttachArguments activity;
	RightsSave	rights;
	ProgramRef	ref;

	config_check_name("program", name);
	if (OidIsValid(get_namespace_oid(name, true)))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_SCHEMA),
				 errmsg("schema \"%s\" already exists", name),
				 errhint("A program makes a schema of its own; choose another name.")));

	SPI_connect();
	run_script(name, owner, member_type, SCRIPT_CREATE);

	program_identify(get_relname_relid("program", get_namespace_oid(name, false)), &ref);
	rights_enter(owner, SECURITY_NOFORCE_RLS, &rights);

	if (ref.member_type == TEXTOID)
		check_text_ids(&ref);
	set_version(&ref);

	/* these are checked where they are written */
	values[0] = CStringGetTextDatum(name);
	values[1] = CStringGetTextDatum(time_zone);
	values[2] = CStringGetTextDatum(currency);
	values[3] = BoolGetDatum(test_clock);
	values[4] = CStringGetTextDatum(LOYALTY_VERSION);
	config_execute(&ref, "INSERT INTO @.program (name, time_zone, currency, test_clock, engine_version)"
				   " VALUES ($1, $2, $3, $4, $5)", 5, types, values, NULL);

	config_execute(&ref, "INSERT INTO @.unit (name) VALUES ('points')", 0, NULL, NULL, NULL);

	/* events that have no table of their own */
	memset(&activity, 0, sizeof(activity));
	activity.relid = program_relation(&ref, "activity");
	activity.name = "activity";
	activity.member = "member_id";
	activity.occurred_at = "occurred_at";
	activity.writer = owner;

	/*
	 * A sequence must not be drawn from in the transaction that makes it: under
	 * wal_level = minimal the server sets it back if it crashes.
	 */
	activity.source_no = 1;
	source_attach(&ref, &activity);

	/* without statistics views over these look too large to plan them well */
	analyze_small_tables(&ref);

	rights_leave(&rights);
	SPI_finish();

	if (superuser_arg(owner))
		ereport(WARNING,
				(errmsg("loyalty program \"%s\" belongs to superuser \"%s\"",
						name, GetUserNameFromId(owner, false)),
				 errdetail("Expressions of rules and sources run with the rights of the program's owner."),
				 errhint("Create it as another role, or with owner => that role.")));

	PG_RETURN_VOID();
}

/*
 * loyalty.drop_program()
 */
LOYALTY_FUNCTION(loyalty_drop_program);
Datum
loyalty_drop_program(PG_FUNCTION_ARGS)
{
	char	   *name = required_text(fcinfo, 0, "name");
	bool		force = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1);
	RightsSave	rights;
	ProgramRef	ref;

	find_program(name, &ref);
	program_require_owner(&ref);

	rights_enter(ref.owner, SECURITY_NOFORCE_RLS, &rights);
	SPI_connect();
	config_lock(&ref);
	if (!force &&
		config_execute(&ref, "SELECT FROM @.journal LIMIT 1", 0, NULL, NULL, NULL) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("loyalty program \"%s\" cannot be dropped: its ledger has entries", name),
				 errhint("Use loyalty.drop_program('%s', force => true) to destroy members' points.",
						 name)));
	SPI_finish();

	drop_pins(&ref);
	drop_schema(&ref);
	rights_leave(&rights);

	PG_RETURN_VOID();
}

/*
 * loyalty.upgrade_program(): to this version, and to its present name.
 */
LOYALTY_FUNCTION(loyalty_upgrade_program);
Datum
loyalty_upgrade_program(PG_FUNCTION_ARGS)
{
	char	   *name = required_text(fcinfo, 0, "name");
	Oid			types[2] = {TEXTOID, TEXTOID};
	Datum		values[2];
	RightsSave	rights;
	ProgramRef	ref;

	find_program(name, &ref);
	program_require_owner(&ref);

	SPI_connect();
	rights_enter(ref.owner, SECURITY_NOFORCE_RLS, &rights);
	config_lock(&ref);
	values[0] = CStringGetTextDatum(name);
	values[1] = CStringGetTextDatum(LOYALTY_VERSION);
	config_execute(&ref, "UPDATE @.program SET name = $1, engine_version = $2",
				   2, types, values, NULL);
	rights_leave(&rights);

	run_script(name, ref.owner, format_type_be(ref.member_type), SCRIPT_REPLACE);

	rights_enter(ref.owner, SECURITY_NOFORCE_RLS, &rights);
	set_version(&ref);
	rights_leave(&rights);
	SPI_finish();

	PG_RETURN_VOID();
}

/* -------- arguments -------- */

/*
 * A text argument that must be there.
 */
static char *
required_text(FunctionCallInfo fcinfo, int number, const char *name)
{
	if (PG_ARGISNULL(number))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", name)));
	return text_to_cstring(PG_GETARG_TEXT_PP(number));
}

/*
 * The type of member ids as the program's text will have it.
 */
static const char *
check_member_type(const char *name)
{
	Oid			type;
	int			guc_level = NewGUCNestLevel();

	set_local("search_path", PINNED_SEARCH_PATH);
	type = DatumGetObjectId(DirectFunctionCall1(regtypein, CStringGetDatum(name)));
	AtEOXact_GUC(false, guc_level);

	switch (type)
	{
		case INT8OID:
		case INT4OID:
		case UUIDOID:
		case TEXTOID:
			return format_type_be(type);
		default:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("member ids cannot be of type %s", format_type_be(type)),
					 errhint("Use the type of the application's customer ids: bigint, integer, uuid or text.")));
			return NULL;
	}
}

/*
 * Who is to own the program: somebody the caller may act as.
 */
static Oid
choose_owner(const char *name)
{
	Oid			owner;

	if (name == NULL)
		return GetUserId();
	owner = get_role_oid(name, false);
	loyalty_check_can_be(GetUserId(), owner);
	return owner;
}

/*
 * The program of a name.
 */
static void
find_program(const char *name, ProgramRef *ref)
{
	Oid			nspid = get_namespace_oid(name, true);
	Oid			relid = OidIsValid(nspid) ? get_relname_relid("program", nspid) : InvalidOid;

	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no loyalty program \"%s\"", name),
				 errhint("The view loyalty.programs lists those there are.")));
	program_identify(relid, ref);
}

/* -------- the text of a program -------- */

/*
 * Runs it.
 */
static void
run_script(const char *name, Oid owner, const char *member_type, ScriptMode mode)
{
	char	   *script = fill_in(name, owner, member_type);
	List	   *statements;
	ListCell   *cell;
	int			guc_level = NewGUCNestLevel();
	bool		is_first = true;

	set_local("search_path", PINNED_SEARCH_PATH);

	statements = raw_parser(script, RAW_PARSE_DEFAULT);
	foreach(cell, statements)
	{
		RawStmt    *stmt = lfirst_node(RawStmt, cell);
		const char *start = script + stmt->stmt_location;
		char	   *command;
		RightsSave	rights;
		int			result;

		/* the last one has no length */
		command = stmt->stmt_len > 0 ? pnstrdup(start, stmt->stmt_len) : pstrdup(start);

		if (mode == SCRIPT_REPLACE)
			command = replaceable(stmt->stmt, command);
		if (command != NULL)
		{
			/* the schema is made by who may, all in it by its owner */
			if (mode == SCRIPT_CREATE && is_first)
				result = SPI_execute(command, false, 0);
			else
			{
				rights_enter(owner, 0, &rights);
				result = SPI_execute(command, false, 0);
				rights_leave(&rights);
			}
			if (result < 0)
				elog(ERROR, "a statement of the program's text failed: %s: %s",
					 SPI_result_code_string(result), command);
		}
		is_first = false;
	}

	AtEOXact_GUC(false, guc_level);
}

/*
 * Replaces what stands between @ signs.
 */
static char *
fill_in(const char *name, Oid owner, const char *member_type)
{
	const struct
	{
		const char *token;
		const char *value;
	}			tokens[] = {
		{"@program@", pstrdup(quote_identifier(name))},
		{"@owner@", pstrdup(quote_identifier(GetUserNameFromId(owner, false)))},
		{"@member@", member_type},
		{"@member_column@", strcmp(member_type, "text") == 0 ?
		"text COLLATE pg_catalog.\"C\"" : member_type}
	};
	StringInfoData result;
	const char *from = program_script;

	initStringInfo(&result);
	while (*from)
	{
		int			i;

		for (i = 0; *from == '@' && i < lengthof(tokens); i++)
			if (strncmp(from, tokens[i].token, strlen(tokens[i].token)) == 0)
				break;
		if (*from == '@' && i < lengthof(tokens))
		{
			appendStringInfoString(&result, tokens[i].value);
			from += strlen(tokens[i].token);
		}
		else
			appendStringInfoChar(&result, *from++);
	}
	return result.data;
}

/*
 * A statement in the form that replaces what an earlier version made; NULL if
 * it makes something that stays as it is.
 */
static char *
replaceable(Node *stmt, char *command)
{
	char	   *create;

	switch (nodeTag(stmt))
	{
		case T_CreateFunctionStmt:
		case T_ViewStmt:
			/* comments may stand before the statement */
			create = strstr(command, "CREATE ");
			while (create != NULL && create != command && create[-1] != '\n')
				create = strstr(create + 1, "CREATE ");
			if (create == NULL)
				elog(ERROR, "a statement of the program's text does not begin with CREATE: %s", command);
			return psprintf("CREATE OR REPLACE %s", create + strlen("CREATE "));
		case T_CommentStmt:
			return command;
		case T_GrantStmt:
			/* what was granted since stays granted: PUBLIC is left out again */
			return ((GrantStmt *) stmt)->objtype == OBJECT_FUNCTION ||
				((GrantStmt *) stmt)->objtype == OBJECT_ROUTINE ||
				((GrantStmt *) stmt)->objtype == OBJECT_PROCEDURE ? command : NULL;
		default:
			return NULL;
	}
}

/*
 * Member ids that are text have at most 255 bytes.
 */
static void
check_text_ids(const ProgramRef *ref)
{
	config_execute(ref, "ALTER TABLE @.member ADD CONSTRAINT member_id_length"
				   " CHECK (pg_catalog.octet_length(member_id) OPERATOR(pg_catalog.<=) 255)",
				   0, NULL, NULL, NULL);
	config_execute(ref, "ALTER TABLE @.account ADD CONSTRAINT member_id_length"
				   " CHECK (pg_catalog.octet_length(member_id) OPERATOR(pg_catalog.<=) 255)",
				   0, NULL, NULL, NULL);
}

/*
 * Notes in the catalogs which version made the program, for loyalty.programs.
 */
static void
set_version(const ProgramRef *ref)
{
	config_execute(ref, psprintf("ALTER TABLE @.program ALTER COLUMN engine_version"
								 " SET DEFAULT %s", quote_literal_cstr(LOYALTY_VERSION)),
				   0, NULL, NULL, NULL);
}

/* -------- removing -------- */

/*
 * Drops the pins, and with them the triggers on other people's tables.
 */
static void
drop_pins(const ProgramRef *ref)
{
	Relation	rel = table_open(RelationRelationId, AccessShareLock);
	List	   *pins = NIL;
	ListCell   *cell;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_class_relnamespace, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(ref->nspid));
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

		if (form->relkind == RELKIND_VIEW &&
			strncmp(NameStr(form->relname), "source_", 7) == 0)
			pins = lappend_oid(pins, form->oid);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);

	foreach(cell, pins)
	{
		ObjectAddress object;

		ObjectAddressSet(object, RelationRelationId, lfirst_oid(cell));
		performDeletion(&object, DROP_CASCADE, PERFORM_DELETION_QUIETLY);
	}
}

/*
 * Drops the schema and all that is in it, but nothing that is elsewhere: a
 * report in another schema that reads the program is an error.
 */
static void
drop_schema(const ProgramRef *ref)
{
	Relation	rel = table_open(DependRelationId, AccessShareLock);
	ObjectAddresses *objects = new_object_addresses();
	ObjectAddress object;
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;

	ObjectAddressSet(object, NamespaceRelationId, ref->nspid);
	add_exact_object_address(&object, objects);

	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(NamespaceRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(ref->nspid));
	scan = systable_beginscan(rel, DependReferenceIndexId, true, NULL, 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		ObjectAddressSet(object, form->classid, form->objid);
		if (!object_address_present(&object, objects))
			add_exact_object_address(&object, objects);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);

	performMultipleDeletions(objects, DROP_RESTRICT, 0);
	free_object_addresses(objects);
}

/*
 * Gathers statistics of the tables that stay small: without them the planner
 * takes each for hundreds of rows, and views over them for work worth JIT
 * compilation.
 */
static void
analyze_small_tables(const ProgramRef *ref)
{
	const char *schema = quote_identifier(ref->name);

	SPI_connect();
	if (SPI_execute(psprintf("ANALYZE %s.program, %s.unit, %s.rule, %s.source",
							 schema, schema, schema, schema), false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "could not analyze: %s", SPI_result_code_string(SPI_result));
	SPI_finish();
}
