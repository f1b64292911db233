/*-------------------------------------------------------------------------
 *
 * attaching.h
 *	  What the files share that attach a table to a program.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_ATTACHING_H
#define LOYALTY_ATTACHING_H

#include "engine/config.h"
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

/* -------- source_check.c -------- */

/* Each raises an error unless all is well. */
extern void check_arguments(const AttachArguments *args);
extern void check_relation(const ProgramRef *ref, Relation rel);
extern void check_rights(const ProgramRef *ref, Relation rel);
extern void check_spend_unit(const ProgramRef *ref, const char *unit);
/* and completes the key, if an expression says it */
extern void check_pin_types(Oid pin, const AttachArguments *args, SourceKey *key);

/* The columns of the table's primary key. */
extern void read_primary_key(Relation rel, const AttachArguments *args, SourceKey *key);

/* The type of the key of the source that is reduced. */
extern Oid	reduced_key_type(const ProgramRef *ref, const AttachArguments *args);

/* -------- source_tables.c -------- */

/* The posting table, as it is from an earlier attachment or new. */
extern Oid	make_posting(const ProgramRef *ref, const char *name, const SourceKey *key);
extern void make_points_view(const ProgramRef *ref, const char *name, const SourceKey *key);

#endif							/* LOYALTY_ATTACHING_H */
