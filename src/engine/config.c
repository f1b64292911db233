/*-------------------------------------------------------------------------
 *
 * config.c
 *	  The configuration of a program is rows that people write: checks, and
 *	  one number for all of it that goes up with every change.
 *
 * A wrong value is refused at the moment it is written.  Who changes anything
 * locks the program's row first, so that checks across rows and tables see
 * what they check, and versions have one order.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "engine/config.h"
#include "types/period.h"

int			config_internal = 0;


/* -------- rows by column name -------- */

/*
 * A column of a row.
 */
Datum
tuple_get(const ConfigTuple *row, const char *column, bool *isnull)
{
	int			number;

	if (row->tuple == NULL)
	{
		*isnull = true;
		return (Datum) 0;
	}
	number = SPI_fnumber(row->desc, column);
	if (number <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("a table of the loyalty program has no column \"%s\"", column),
				 errhint("Run loyalty.upgrade_program().")));
	return SPI_getbinval(row->tuple, row->desc, number, isnull);
}

/*
 * A column of type text; NULL if it is.
 */
char *
tuple_text(const ConfigTuple *row, const char *column)
{
	bool		isnull;
	Datum		value = tuple_get(row, column, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

/*
 * A column of type integer or smallint; 0 if it is NULL.
 */
int32
tuple_int(const ConfigTuple *row, const char *column)
{
	bool		isnull;
	Datum		value = tuple_get(row, column, &isnull);

	if (isnull)
		return 0;
	if (SPI_gettypeid(row->desc, SPI_fnumber(row->desc, column)) == INT2OID)
		return DatumGetInt16(value);
	return DatumGetInt32(value);
}

/*
 * A column of type boolean; false if it is NULL.
 */
bool
tuple_bool(const ConfigTuple *row, const char *column)
{
	bool		isnull;
	Datum		value = tuple_get(row, column, &isnull);

	return !isnull && DatumGetBool(value);
}

/*
 * Is it NULL?
 */
bool
tuple_isnull(const ConfigTuple *row, const char *column)
{
	bool		isnull;

	(void) tuple_get(row, column, &isnull);
	return isnull;
}

/*
 * A column of our type period; false if it is NULL.
 */
bool
tuple_period(const ConfigTuple *row, const char *column, Period *result)
{
	bool		isnull;
	Datum		value = tuple_get(row, column, &isnull);

	if (!isnull)
		*result = *DatumGetPeriodP(value);
	return !isnull;
}

/*
 * Has a column two values in two rows?  By their binary form, which may call
 * different what is equal, never the other way round.
 */
bool
tuple_differs(const ConfigTuple *a, const ConfigTuple *b, const char *column)
{
	const ConfigTuple *some = a->tuple != NULL ? a : b;
	Form_pg_attribute attr;
	bool		a_isnull;
	bool		b_isnull;
	Datum		a_value = tuple_get(a, column, &a_isnull);
	Datum		b_value = tuple_get(b, column, &b_isnull);

	if (a_isnull || b_isnull)
		return a_isnull != b_isnull;
	attr = TupleDescAttr(some->desc, SPI_fnumber(some->desc, column) - 1);
	return !datum_image_eq(a_value, b_value, attr->attbyval, attr->attlen);
}

/* -------- statements -------- */

/* Runs a statement; one that only reads sees what the active snapshot shows. */
static uint64
execute(const ProgramRef *ref, const char *statement, int nargs, const Oid *types,
		const Datum *values, const bool *nulls, bool read_only)
{
	const char *schema = quote_identifier(ref->name);
	StringInfoData text;
	char	   *flags = NULL;
	char		quote = '\0';
	int			guc_level;
	int			result;
	int			i;

	initStringInfo(&text);
	for (; *statement; statement++)
	{
		/* not in literals and quoted names, which may be anybody's */
		if (quote == '\0' && (*statement == '\'' || *statement == '"'))
			quote = *statement;
		else if (quote == *statement)
			quote = '\0';

		if (quote == '\0' && statement[0] == '@' && statement[1] == '.')
			appendStringInfoString(&text, schema);
		else
			appendStringInfoChar(&text, *statement);
	}
	if (nulls != NULL)
	{
		flags = palloc(nargs + 1);
		for (i = 0; i < nargs; i++)
			flags[i] = nulls[i] ? 'n' : ' ';
		flags[nargs] = '\0';
	}

	/* CASE, IN and DISTINCT choose their operators by the search path */
	guc_level = NewGUCNestLevel();
	set_local("search_path", PINNED_SEARCH_PATH);

	/* and compiling takes longer than any of these statements */
	set_local("jit", "off");

	config_internal++;
	PG_TRY();
	{
		result = SPI_execute_with_args(text.data, nargs, (Oid *) types,
									   (Datum *) values, flags, read_only, 0);
	}
	PG_FINALLY();
	{
		config_internal--;
	}
	PG_END_TRY();
	AtEOXact_GUC(false, guc_level);
	if (result < 0)
		elog(ERROR, "statement on a loyalty program failed: %s: %s",
			 SPI_result_code_string(result), text.data);
	pfree(text.data);

	return SPI_processed;
}

/* see config.h */
uint64
config_execute(const ProgramRef *ref, const char *statement, int nargs,
			   const Oid *types, const Datum *values, const bool *nulls)
{
	return execute(ref, statement, nargs, types, values, nulls, false);
}

/* see config.h */
uint64
config_look(const ProgramRef *ref, const char *statement, int nargs,
			const Oid *types, const Datum *values)
{
	uint64		rows;

	/* what this transaction has done so far is part of it */
	CommandCounterIncrement();
	PushActiveSnapshot(GetLatestSnapshot());
	rows = execute(ref, statement, nargs, types, values, NULL, true);
	PopActiveSnapshot();
	return rows;
}

/*
 * A row of the last result.
 */
ConfigTuple
config_result(uint64 number)
{
	ConfigTuple row;

	row.tuple = SPI_tuptable->vals[number];
	row.desc = SPI_tuptable->tupdesc;
	return row;
}

/* see config.h */
void
config_check_tiers(const ProgramRef *ref, const ConfigTuple *row, const char *what, bool exist)
{
	bool		isnull;
	Datum		value = tuple_get(row, "tiers", &isnull);
	Oid			types[1] = {TEXTOID};
	Datum	   *tiers;
	bool	   *nulls;
	int			ntiers;
	int			i;

	if (isnull)
		return;
	deconstruct_array(DatumGetArrayTypeP(value), TEXTOID, -1, false, TYPALIGN_INT,
					  &tiers, &nulls, &ntiers);
	for (i = 0; i < ntiers && !nulls[i]; i++)
		;
	if (ntiers == 0 || i < ntiers)
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("tiers of %s must name tiers", what),
				 errhint("Use NULL for members of any tier or of none.")));

	/* one that was removed may still have holders */
	for (i = 0; i < ntiers && exist; i++)
	{
		if (config_execute(ref,
						   "SELECT FROM @.tier WHERE name OPERATOR(pg_catalog.=) $1 UNION ALL"
						   " SELECT FROM @.tier_version"
						   " WHERE name OPERATOR(pg_catalog.=) $1 AND closed LIMIT 1",
						   1, types, &tiers[i], NULL) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("there is no tier named \"%s\"", TextDatumGetCString(tiers[i])),
					 errhint("Use NULL for members of any tier or of none.")));
	}
}

/* see config.h */
HeapTuple
config_with_column(const ConfigTrigger *trigger, const char *column, Datum value)
{
	int			number = SPI_fnumber(trigger->new.desc, column);
	bool		isnull = false;

	return SPI_copytuple(heap_modify_tuple_by_cols(trigger->new.tuple, trigger->new.desc,
												   1, &number, &value, &isnull));
}

/*
 * The row of a table that has a name.
 */
static ConfigTuple
find_named(const ProgramRef *ref, const char *statement, const char *name)
{
	ConfigTuple none = {NULL, NULL};
	Oid			types[1] = {TEXTOID};
	Datum		values[1] = {CStringGetTextDatum(name)};

	if (config_execute(ref, statement, 1, types, values, NULL) == 0)
		return none;
	return config_result(0);
}

/* see config.h */
ConfigTuple
config_find_unit(const ProgramRef *ref, const char *name)
{
	return find_named(ref, "SELECT * FROM @.unit WHERE name OPERATOR(pg_catalog.=) $1", name);
}

/* see config.h */
ConfigTuple
config_find_source(const ProgramRef *ref, const char *name)
{
	return find_named(ref, "SELECT * FROM @.source WHERE name OPERATOR(pg_catalog.=) $1", name);
}

/*
 * The program's row, locked.
 */
ConfigTuple
config_lock(const ProgramRef *ref)
{
	if (config_execute(ref, "SELECT * FROM @.program FOR NO KEY UPDATE",
					   0, NULL, NULL, NULL) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_CARDINALITY_VIOLATION),
				 errmsg("table \"program\" of loyalty program \"%s\" must have one row",
						ref->name)));
	return config_result(0);
}

/*
 * One more version.
 */
int32
config_bump(const ProgramRef *ref)
{
	ConfigTuple row;

	if (config_execute(ref,
					   "UPDATE @.program SET config_version ="
					   " config_version OPERATOR(pg_catalog.+) 1"
					   " RETURNING config_version", 0, NULL, NULL, NULL) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_CARDINALITY_VIOLATION),
				 errmsg("table \"program\" of loyalty program \"%s\" must have one row",
						ref->name)));
	row = config_result(0);
	return tuple_int(&row, "config_version");
}

/* -------- triggers -------- */

/*
 * Begins a trigger function.  Anybody can put it on a table of his own: it
 * acts for a program only if the table is the program's.
 */
void
config_trigger_begin(FunctionCallInfo fcinfo, const char *relname, int timing,
					 ConfigTrigger *trigger)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	TupleDesc	desc;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("not called by a trigger")));
	if (TRIGGER_FIRED_INSTEAD(data->tg_event) ||
		(timing == CONFIG_BEFORE_ROW &&
		 !(TRIGGER_FIRED_BEFORE(data->tg_event) && TRIGGER_FIRED_FOR_ROW(data->tg_event))) ||
		(timing == CONFIG_AFTER_ROW &&
		 !(TRIGGER_FIRED_AFTER(data->tg_event) && TRIGGER_FIRED_FOR_ROW(data->tg_event))) ||
		(timing == CONFIG_AFTER_STATEMENT &&
		 !(TRIGGER_FIRED_AFTER(data->tg_event) && TRIGGER_FIRED_FOR_STATEMENT(data->tg_event))))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" is not one loyalty.create_program() makes",
						data->tg_trigger->tgname)));

	trigger->data = data;
	config_trigger_program(data->tg_relation, relname, &trigger->ref);

	desc = RelationGetDescr(data->tg_relation);
	trigger->old.desc = trigger->new.desc = desc;
	trigger->old.tuple = trigger->new.tuple = NULL;
	if (TRIGGER_FIRED_FOR_ROW(data->tg_event))
	{
		if (TRIGGER_FIRED_BY_INSERT(data->tg_event))
			trigger->new.tuple = data->tg_trigtuple;
		else
			trigger->old.tuple = data->tg_trigtuple;
		if (TRIGGER_FIRED_BY_UPDATE(data->tg_event))
			trigger->new.tuple = data->tg_newtuple;
	}

	rights_enter(trigger->ref.owner, SECURITY_NOFORCE_RLS, &trigger->rights);
	SPI_connect();
}

/*
 * Ends it.
 */
void
config_trigger_end(ConfigTrigger *trigger)
{
	SPI_finish();
	rights_leave(&trigger->rights);
}

/*
 * Whose table it is; see config.h.
 */
void
config_trigger_program(Relation rel, const char *relname, ProgramRef *ref)
{
	Oid			relid = get_relname_relid("program", RelationGetNamespace(rel));

	if (OidIsValid(relid))
		program_identify(relid, ref);
	if (!OidIsValid(relid) || rel->rd_rel->relowner != ref->owner ||
		(relname != NULL && strcmp(RelationGetRelationName(rel), relname) != 0))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("table \"%s\" does not belong to a loyalty program",
						RelationGetRelationName(rel)),
				 errhint("Triggers with this function are made by loyalty.create_program().")));
}

/*
 * Refuses to change a column.
 */
void
config_require_same(const ConfigTrigger *trigger, const char *column)
{
	if (tuple_differs(&trigger->old, &trigger->new, column))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("column \"%s\" of table \"%s\" cannot be changed", column,
						RelationGetRelationName(trigger->data->tg_relation)),
				 errtablecol(trigger->data->tg_relation,
							 SPI_fnumber(trigger->new.desc, column))));
}

/*
 * Tells every backend that the configuration has changed, also what came by
 * replication.
 */
LOYALTY_FUNCTION(loyalty_config_invalidate);
Datum
loyalty_config_invalidate(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	ProgramRef	ref;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(data->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("not called by an AFTER trigger")));

	config_trigger_program(data->tg_relation, NULL, &ref);
	program_invalidate(ref.relid);

	return PointerGetDatum(NULL);
}


/*
 * Names of programs and sources become parts of names of schemas, views,
 * tables and triggers.
 */
void
config_check_name(const char *kind, const char *name)
{
	size_t		length = strlen(name);

	if (length < 1 || length > 40 || name[0] < 'a' || name[0] > 'z' ||
		strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != length)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("\"%s\" cannot be the name of a %s", name, kind),
				 errhint("Use a lower-case letter, then at most 39 lower-case letters, digits and underscores.")));
}
