/*-------------------------------------------------------------------------
 *
 * source.h
 *	  Attaching tables to a program, and the triggers this takes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_SOURCE_H
#define LOYALTY_SOURCE_H

#include "nodes/pg_list.h"
#include "utils/rel.h"
#include "utils/reltrigger.h"

#include "engine/engine.h"

/* what attach is told; texts are SQL expressions or NULL */
typedef struct AttachArguments
{
	Oid			relid;
	const char *name;
	const char *member;
	const char *amount;
	const char *occurred_at;
	const char *event;
	const char *condition;
	const char *spend;
	const char *spend_unit;		/* name of a unit */
	const char *spend_condition;
	bool		has_purchase;
	bool		purchase;
	const char *reduces;		/* name of a source */
	const char *reduces_key;
	const char *on_delete;
	const char *key;
	Oid			writer;			/* whose expressions they are */
	int32		source_no;		/* of a new source; 0: the next one */
} AttachArguments;

/* Attaches; the caller has checked that it may be done for the program. */
extern void source_attach(const ProgramRef *ref, const AttachArguments *args);

/* -------- wiring.c -------- */

/* 42501 if row security of a table can hide rows from the program's owner */
extern void source_require_all_rows(const ProgramRef *ref, Oid relid);

/* Puts the triggers on a source's table, its partitions and children. */
extern void source_wire(const ProgramRef *ref, const char *source_name,
						Oid pin, Oid relid);

/*
 * OIDs of tables that belong to a source and lack one of its triggers, or have
 * it disabled.
 */
extern List *source_unwired(Oid pin, Oid relid);

/*
 * The pin (view source_<name>) that a trigger of a source names in its WHEN
 * clause; InvalidOid if it names none.
 */
extern Oid	source_trigger_pin(const Trigger *trigger);

#endif							/* LOYALTY_SOURCE_H */
