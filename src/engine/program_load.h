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
#include "access/tableam.h"
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

/* A row of a configuration table, read by column name. */
typedef struct ConfigRow
{
	HeapTuple	tuple;
	TupleDesc	desc;
} ConfigRow;

/* The type of a column; InvalidOid if there is none. */
extern Oid	config_type(const ConfigRow *row, const char *column);
/* A column; *isnull may be NULL, then NULL is an error. */
extern Datum config_datum(const ConfigRow *row, const char *column, Oid type, bool *isnull);
/* A text column, NULL if it is. */
extern char *config_text(const ConfigRow *row, const char *column);
/* An integer or smallint column. */
extern int32 config_int(const ConfigRow *row, const char *column, int32 if_null);
extern bool config_bool(const ConfigRow *row, const char *column);
/* A timestamptz column, or another instant if it is NULL. */
extern Instant config_instant(const ConfigRow *row, const char *column, Instant if_null);
/* A tstzrange column, as the half-open interval that the discrete clock allows. */
extern void config_range(const ConfigRow *row, const char *column, Instant *from,
						 Instant *until);
extern Oid	config_regclass(const ConfigRow *row, const char *column);
/* A numeric column in points; false if it is NULL. */
extern bool config_points(const ConfigRow *row, const char *column, Points *result);
/* One of our types period and rate, whose binary form is the core's; false if NULL. */
extern bool config_struct(const ConfigRow *row, const char *column, const char *type,
						  void *result, Size size);

/* -------- program_tables.c -------- */

/*
 * A configuration table of the program that is being read with the active
 * snapshot; rows live as long as it is open.
 */
typedef struct ConfigTable
{
	Relation	rel;
	TableScanDesc scan;
	TupleTableSlot *slot;
	MemoryContext context;
	ConfigRow  *rows;			/* those that were kept */
	int			nrows;
	int			room;
} ConfigTable;

extern ConfigTable *config_table_open(const ProgramRef *ref, const char *name);
/* The next row, which lives until the next call; false: there is none. */
extern bool config_table_next(ConfigTable *table, ConfigRow *row);
/* Opens a table and keeps all its rows. */
extern ConfigTable *config_table_read(const ProgramRef *ref, const char *name);
/*
 * Keeps of the rows of each number (of a rule, of a unit) the one of the latest
 * version, but no later than this one, or than another for one number (0: for
 * none); deleted ones, too.
 */
extern ConfigTable *config_table_read_latest(const ProgramRef *ref, const char *name,
											 const char *number_column, int32 version,
											 int32 except, int32 except_version);
/* Sorts what was kept by columns: integers, or texts by their bytes. */
extern void config_table_sort(ConfigTable *table, const char *const *columns, int ncolumns);
extern void config_table_close(ConfigTable *table);

#endif							/* LOYALTY_PROGRAM_LOAD_H */
