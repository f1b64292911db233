/*-------------------------------------------------------------------------
 *
 * wiring.c
 *	  The triggers of sources, on their tables, partitions and children.
 *
 * Triggers carry no arguments: their WHEN clause names the source's pin, so
 * they follow renames, survive a dump, and fall with the pin, whoever owns
 * the table.  A statement fires the triggers of the table it names; so every
 * partition and child has them, too, for rows that arrive there straight.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/event_trigger.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_func.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "engine/config.h"
#include "engine/pin.h"
#include "engine/source.h"

/* what a trigger of a source reacts to */
typedef enum WireKind
{
	WIRE_INSERT,
	WIRE_UPDATE,
	WIRE_DELETE,
	WIRE_TRUNCATE,
	WIRE_MOVED					/* a row leaves a partition */
} WireKind;

#define WIRE_KINDS 5

typedef struct WireSpec
{
	const char *suffix;			/* of the trigger's name */
	const char *function;
	int16		timing;
	int16		event;
	bool		row;
	bool		old_rows;
	bool		new_rows;
} WireSpec;

static const WireSpec wires[WIRE_KINDS] = {
	{"ins", "source_insert", TRIGGER_TYPE_AFTER, TRIGGER_TYPE_INSERT, false, false, true},
	{"upd", "source_update", TRIGGER_TYPE_AFTER, TRIGGER_TYPE_UPDATE, false, true, true},
	{"del", "source_delete", TRIGGER_TYPE_AFTER, TRIGGER_TYPE_DELETE, false, true, false},
	{"trunc", "source_truncate", TRIGGER_TYPE_BEFORE, TRIGGER_TYPE_TRUNCATE, false, false, false},
	{"moved", "source_moved", TRIGGER_TYPE_AFTER, TRIGGER_TYPE_DELETE, true, false, false}
};

static Oid	wire_function(WireKind kind);
static void wire_table(Oid relid, Oid root, Oid pin, const char *prefix);
static void wire_create(Relation rel, WireKind kind, Oid pin, const char *prefix);
static char *wire_name(Oid relid, const char *prefix, const char *suffix);
static uint32 wired_kinds(Relation rel, Oid pin, bool enabled);
static bool concerns_partitions(Node *parsetree);
static List *pins_of_table(Oid relid, List *pins);
static List *parents_of(Oid relid);
static void rewire(Oid pin);
static void unwire_strangers(Oid pin, List *tables);
static bool is_stranger(Oid trigger, List *tables);


/*
 * The function of a trigger.
 */
static Oid
wire_function(WireKind kind)
{
	return LookupFuncName(list_make2(makeString("loyalty"),
									 makeString(pstrdup(wires[kind].function))),
						  0, NULL, false);
}

/*
 * Wires a source.
 */
void
source_wire(const ProgramRef *ref, const char *source_name, Oid pin, Oid relid)
{
	List	   *tables = find_all_inheritors(relid, ShareRowExclusiveLock, NULL);
	char	   *prefix = psprintf("loyalty_%s_%s", ref->name, source_name);
	ListCell   *cell;

	foreach(cell, tables)
		wire_table(lfirst_oid(cell), relid, pin, prefix);
}

/*
 * Tables that are not wired as they should be; see source.h.
 */
List *
source_unwired(Oid pin, Oid relid)
{
	List	   *tables = find_all_inheritors(relid, AccessShareLock, NULL);
	List	   *result = NIL;
	ListCell   *cell;

	foreach(cell, tables)
	{
		/* the table itself has not been locked with its children */
		Relation	rel = table_open(lfirst_oid(cell), AccessShareLock);
		uint32		expected = (1 << WIRE_KINDS) - 1;

		if (get_rel_relkind(relid) != RELKIND_PARTITIONED_TABLE)
			expected &= ~(1 << WIRE_MOVED);
		if ((wired_kinds(rel, pin, true) & expected) != expected)
			result = lappend_oid(result, lfirst_oid(cell));
		table_close(rel, NoLock);
	}
	return result;
}

/*
 * Puts on a table what it lacks.
 */
static void
wire_table(Oid relid, Oid root, Oid pin, const char *prefix)
{
	Relation	rel = table_open(relid, AccessShareLock);
	uint32		kinds = wired_kinds(rel, pin, false);
	int			kind;

	if (rel->rd_rel->relkind != RELKIND_RELATION &&
		rel->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" cannot belong to \"%s\", which is a source of a loyalty program",
						RelationGetRelationName(rel), get_rel_name(root)),
				 errdetail("Changes of foreign tables cannot be seen.")));

	for (kind = 0; kind < WIRE_KINDS; kind++)
	{
		/* the server itself copies row triggers to partitions */
		if (kind == WIRE_MOVED &&
			(relid != root || rel->rd_rel->relkind != RELKIND_PARTITIONED_TABLE))
			continue;
		if ((kinds & (1 << kind)) == 0)
			wire_create(rel, kind, pin, prefix);
	}
	table_close(rel, NoLock);
}

/*
 * Creates one trigger, as the table's owner: that it may be done has been
 * checked, and for a partition follows from its parent.
 */
static void
wire_create(Relation rel, WireKind kind, Oid pin, const char *prefix)
{
	const WireSpec *spec = &wires[kind];
	CreateTrigStmt *stmt = makeNode(CreateTrigStmt);
	NullTest   *when = makeNode(NullTest);
	RightsSave	rights;
	ObjectAddress address;

	stmt->trigname = wire_name(RelationGetRelid(rel), prefix, spec->suffix);
	stmt->relation = makeRangeVar(get_namespace_name(RelationGetNamespace(rel)),
								  pstrdup(RelationGetRelationName(rel)), -1);
	stmt->row = spec->row;
	stmt->timing = spec->timing;
	stmt->events = spec->event;
	if (spec->old_rows)
	{
		TriggerTransition *table = makeNode(TriggerTransition);

		table->name = "old_rows";
		table->isNew = false;
		table->isTable = true;
		stmt->transitionRels = lappend(stmt->transitionRels, table);
	}
	if (spec->new_rows)
	{
		TriggerTransition *table = makeNode(TriggerTransition);

		table->name = "new_rows";
		table->isNew = true;
		table->isTable = true;
		stmt->transitionRels = lappend(stmt->transitionRels, table);
	}

	/* WHEN ('<program>.source_<name>'::regclass IS NOT NULL) */
	when->arg = (Expr *) makeConst(REGCLASSOID, -1, InvalidOid, sizeof(Oid),
								   ObjectIdGetDatum(pin), false, true);
	when->nulltesttype = IS_NOT_NULL;
	when->argisrow = false;
	when->location = -1;

	rights_enter(rel->rd_rel->relowner, 0, &rights);
	address = CreateTrigger(stmt, "", RelationGetRelid(rel), InvalidOid, InvalidOid,
							InvalidOid, wire_function(kind), InvalidOid,
							(Node *) when, false, false);
	rights_leave(&rights);

	/* the server notes only what it has parsed itself */
	recordDependencyOnExpr(&address, (Node *) when, NIL, DEPENDENCY_NORMAL);
	CommandCounterIncrement();
}

/*
 * A name for a trigger that the table does not have yet.  Names of programs
 * and sources may have changed since others were made.
 */
static char *
wire_name(Oid relid, const char *prefix, const char *suffix)
{
	int			room = NAMEDATALEN - 1 - 1 - strlen(suffix);
	char	   *name = psprintf("%.*s_%s", room, prefix, suffix);
	int			i;

	for (i = 2; OidIsValid(get_trigger_oid(relid, name, true)); i++)
		name = psprintf("%.*s_%d_%s", room - 7, prefix, i, suffix);
	return name;
}

/*
 * Which triggers a table has for a pin, as bits (1 << WireKind), perhaps only
 * those that fire.
 */
static uint32
wired_kinds(Relation rel, Oid pin, bool enabled)
{
	/* lookups may rebuild what the relation cache has */
	TriggerDesc *desc = CopyTriggerDesc(rel->trigdesc);
	uint32		kinds = 0;
	int			i;
	int			kind;

	for (i = 0; desc != NULL && i < desc->numtriggers; i++)
	{
		Trigger    *trigger = &desc->triggers[i];

		if (trigger->tgqual == NULL)
			continue;
		if (enabled && (trigger->tgenabled == TRIGGER_DISABLED ||
						trigger->tgenabled == TRIGGER_FIRES_ON_REPLICA))
			continue;
		for (kind = 0; kind < WIRE_KINDS; kind++)
			if (trigger->tgfoid == wire_function(kind) &&
				source_trigger_pin(trigger) == pin)
				kinds |= 1 << kind;
	}
	return kinds;
}

/*
 * The pin a trigger names; see source.h.
 */
Oid
source_trigger_pin(const Trigger *trigger)
{
	Node	   *when;
	Const	   *value;

	if (trigger->tgqual == NULL)
		return InvalidOid;
	when = stringToNode(trigger->tgqual);
	if (!IsA(when, NullTest) || !IsA(((NullTest *) when)->arg, Const))
		return InvalidOid;
	value = (Const *) ((NullTest *) when)->arg;
	if (value->consttype != REGCLASSOID || value->constisnull)
		return InvalidOid;
	return DatumGetObjectId(value->constvalue);
}

/*
 * TRUNCATE would remove rows without saying which.
 */
LOYALTY_FUNCTION(loyalty_source_truncate);
Datum
loyalty_source_truncate(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	Oid			pin;
	const char *program = NULL;
	const char *source = NULL;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("not called by a trigger")));

	pin = source_trigger_pin(data->tg_trigger);
	if (OidIsValid(pin) && get_rel_name(pin) != NULL)
	{
		program = get_namespace_name(get_rel_namespace(pin));
		source = get_rel_name(pin);
		if (strncmp(source, "source_", 7) == 0)
			source += 7;
	}
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("table \"%s\" cannot be truncated, as it is a source of a loyalty program",
					RelationGetRelationName(data->tg_relation)),
			 source == NULL ? 0 :
			 errdetail("It is source \"%s\" of program \"%s\".", source, program),
			 errhint("Use DELETE, which takes back the points of the rows, or detach the source first.")));
	return PointerGetDatum(NULL);
}

/* -------- partitions and children that come and go -------- */

/*
 * Event trigger at the end of commands that may have changed who belongs to
 * whom.  It acts only on tables that are, or belong to, a source.
 */
LOYALTY_FUNCTION(loyalty_wire_partitions);
Datum
loyalty_wire_partitions(PG_FUNCTION_ARGS)
{
	EventTriggerData *data = (EventTriggerData *) fcinfo->context;
	SPITupleTable *commands;
	List	   *pins = NIL;
	ListCell   *cell;
	uint64		ncommands;
	uint64		i;

	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("not called by an event trigger")));

	if (!concerns_partitions(data->parsetree))
		PG_RETURN_NULL();

	SPI_connect();
	if (SPI_execute("SELECT DISTINCT objid FROM pg_catalog.pg_event_trigger_ddl_commands()"
					" WHERE classid OPERATOR(pg_catalog.=) " CppAsString2(RelationRelationId)
					" AND objsubid OPERATOR(pg_catalog.=) 0", true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read what the command has done");
	commands = SPI_tuptable;
	ncommands = SPI_processed;
	for (i = 0; i < ncommands; i++)
	{
		bool		isnull;
		Datum		value = SPI_getbinval(commands->vals[i], commands->tupdesc, 1, &isnull);

		if (!isnull)
			pins = pins_of_table(DatumGetObjectId(value), pins);
	}
	foreach(cell, pins)
		rewire(lfirst_oid(cell));
	SPI_finish();

	PG_RETURN_NULL();
}

/*
 * Could the command have changed what is part of what?
 */
static bool
concerns_partitions(Node *parsetree)
{
	ListCell   *cell;

	switch (nodeTag(parsetree))
	{
		case T_CreateStmt:
			return ((CreateStmt *) parsetree)->inhRelations != NIL;
		case T_CreateForeignTableStmt:
			return ((CreateForeignTableStmt *) parsetree)->base.inhRelations != NIL;
		case T_AlterTableStmt:
			foreach(cell, ((AlterTableStmt *) parsetree)->cmds)
			{
				if (loyalty_changes_partitions(lfirst_node(AlterTableCmd, cell)->subtype))
					return true;
			}
			return false;
		default:
			/* CREATE SCHEMA may create tables */
			return true;
	}
}

/*
 * Adds the pins of sources that a table is, or belongs to.
 */
static List *
pins_of_table(Oid relid, List *pins)
{
	List	   *todo = list_make1_oid(relid);
	int			i;

	/* the list grows with the parents of what is on it */
	for (i = 0; i < list_length(todo); i++)
	{
		Oid			current = list_nth_oid(todo, i);
		char		relkind = get_rel_relkind(current);
		Relation	rel;
		TriggerDesc *desc;
		int			j;

		if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE &&
			relkind != RELKIND_FOREIGN_TABLE)
			continue;
		rel = try_relation_open(current, AccessShareLock);
		if (rel == NULL)
			continue;
		desc = CopyTriggerDesc(rel->trigdesc);
		for (j = 0; desc != NULL && j < desc->numtriggers; j++)
		{
			if (desc->triggers[j].tgqual != NULL &&
				desc->triggers[j].tgfoid == wire_function(WIRE_INSERT))
				pins = list_append_unique_oid(pins, source_trigger_pin(&desc->triggers[j]));
		}
		relation_close(rel, AccessShareLock);
		todo = list_concat_unique_oid(todo, parents_of(current));
	}
	return pins;
}

/*
 * The tables a table directly belongs to.
 */
static List *
parents_of(Oid relid)
{
	Relation	rel = table_open(InheritsRelationId, AccessShareLock);
	List	   *parents = NIL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_inherits_inhrelid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(rel, InheritsRelidSeqnoIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		parents = lappend_oid(parents, ((Form_pg_inherits) GETSTRUCT(tuple))->inhparent);
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return parents;
}

/*
 * Brings the triggers of a source in line with who belongs to its table now.
 *
 * Anybody can make a view and a trigger that names it, on a table of his own.
 * So triggers are only ever passed on from the table that the pin is about,
 * where somebody had the right to put them.
 */
static void
rewire(Oid pin)
{
	Oid			root = pin_table(pin);
	char	   *source;
	char	   *prefix;
	Relation	rel;
	uint32		kinds;
	List	   *tables;
	ListCell   *cell;

	if (!OidIsValid(root))
		return;
	rel = try_relation_open(root, AccessShareLock);
	if (rel == NULL)
		return;
	kinds = wired_kinds(rel, pin, false);
	relation_close(rel, NoLock);
	if ((kinds & (1 << WIRE_INSERT)) == 0)
		return;

	source = get_rel_name(pin);
	if (strncmp(source, "source_", 7) == 0)
		source += 7;
	prefix = psprintf("loyalty_%s_%s",
					  get_namespace_name(get_rel_namespace(pin)), source);

	tables = find_all_inheritors(root, AccessShareLock, NULL);
	foreach(cell, tables)
		wire_table(lfirst_oid(cell), root, pin, prefix);
	unwire_strangers(pin, tables);
}

/*
 * Removes triggers from tables that do not belong to the source any more.
 */
static void
unwire_strangers(Oid pin, List *tables)
{
	Relation	depend = table_open(DependRelationId, AccessShareLock);
	ObjectAddresses *triggers = new_object_addresses();
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(RelationRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(pin));
	scan = systable_beginscan(depend, DependReferenceIndexId, true, NULL, 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		if (form->classid == TriggerRelationId &&
			is_stranger(form->objid, tables))
		{
			ObjectAddress address;

			ObjectAddressSet(address, TriggerRelationId, form->objid);
			add_exact_object_address(&address, triggers);
		}
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);

	performMultipleDeletions(triggers, DROP_RESTRICT,
							 PERFORM_DELETION_INTERNAL | PERFORM_DELETION_QUIETLY);
	free_object_addresses(triggers);
}

/*
 * Is it a trigger of ours, on none of the tables?
 */
static bool
is_stranger(Oid trigger, List *tables)
{
	Relation	rel = table_open(TriggerRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		result = false;
	int			kind;

	ScanKeyInit(&key, Anum_pg_trigger_oid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(trigger));
	scan = systable_beginscan(rel, TriggerOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		Form_pg_trigger form = (Form_pg_trigger) GETSTRUCT(tuple);

		for (kind = 0; kind < WIRE_KINDS; kind++)
			if (form->tgfoid == wire_function(kind) &&
				!list_member_oid(tables, form->tgrelid))
				result = true;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}
