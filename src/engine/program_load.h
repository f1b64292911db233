/*-------------------------------------------------------------------------
 *
 * program_load.h
 *	  What the files share that load a program's configuration.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_PROGRAM_LOAD_H
#define LOYALTY_PROGRAM_LOAD_H

#include "access/htup.h"
#include "access/tupdesc.h"
#include "utils/snapshot.h"

#include "engine/program.h"

/* -------- program_load.c -------- */

/* Loads a program as it is committed now, in a context below parent. */
extern Program *program_load(Oid relid, MemoryContext parent);

/* -------- program_rules.c -------- */

/*
 * Loads the rules and units of one configuration version, but one rule (0:
 * none) as of another.
 */
extern RuleSet *load_rules(Program *program, int32 config_version, int32 rule_no,
						   int32 rule_version);
/*
 * What the configuration is read by: what is committed by now.  In parallel mode
 * no other snapshot can be taken than those that the query has.
 */
extern Snapshot config_snapshot(void);
/* A cap_period that is not NULL. */
extern CalendarUnit cap_period_from_text(const char *text);

/* -------- program_rows.c -------- */

/*
 * Runs a query over the program's tables; %s stands for the quoted schema, $1
 * for a configuration version, except for rule $2, which is as of version $3.
 */
extern void config_query(const ProgramRef *ref, const char *format, int32 version,
						 int32 rule_no, int32 rule_version);

/* One row of its result, read by column name. */
typedef struct ConfigRow
{
	HeapTuple	tuple;
	TupleDesc	desc;
} ConfigRow;

extern ConfigRow config_row(uint64 number);

/* A column; *isnull may be NULL, then NULL is an error. */
extern Datum config_datum(const ConfigRow *row, const char *column, Oid type, bool *isnull);
/* A text column, NULL if it is. */
extern char *config_text(const ConfigRow *row, const char *column);
extern int32 config_int(const ConfigRow *row, const char *column, int32 if_null);
extern bool config_bool(const ConfigRow *row, const char *column);
extern Oid	config_regclass(const ConfigRow *row, const char *column);
/* A numeric column in points; false if it is NULL. */
extern bool config_points(const ConfigRow *row, const char *column, Points *result);
/* One of our types period and rate, whose binary form is the core's; false if NULL. */
extern bool config_struct(const ConfigRow *row, const char *column, const char *type,
						  void *result, Size size);

#endif							/* LOYALTY_PROGRAM_LOAD_H */
