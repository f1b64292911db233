/*-------------------------------------------------------------------------
 *
 * plan.c
 *	  Statements over a program's tables, planned once per backend.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/memutils.h"

#include "engine/plan.h"

/* one kept plan */
typedef struct KeptPlan
{
	const void *id;
	SPIPlanPtr	plan;
} KeptPlan;

/* The text with the schema in place of each "%s". */
static char *
fill_in_schema(const Program *program, const char *text)
{
	const char *schema = quote_identifier(program->ref.name);
	StringInfoData result;
	const char *at;

	initStringInfo(&result);
	while ((at = strstr(text, "%s")) != NULL)
	{
		appendBinaryStringInfo(&result, text, at - text);
		appendStringInfoString(&result, schema);
		text = at + 2;
	}
	appendStringInfoString(&result, text);
	return result.data;
}

/* see plan.h */
void
plan_execute(Program *program, const void *id, const char *text, int nargs,
			 const Oid *types, Datum *values, bool read_only, int expected)
{
	plan_execute_nulls(program, id, text, nargs, types, values, NULL, read_only, expected);
}

/* see plan.h */
uint64
plan_update(Program *program, const void *id, const char *text, int nargs,
			const Oid *types, Datum *values)
{
	uint64		changed;

	SPI_connect();
	plan_execute(program, id, text, nargs, types, values, false, SPI_OK_UPDATE);
	changed = SPI_processed;
	SPI_finish();
	return changed;
}

/* see plan.h */
void
plan_execute_nulls(Program *program, const void *id, const char *text, int nargs,
				   const Oid *types, Datum *values, const char *nulls, bool read_only,
				   int expected)
{
	KeptPlan   *kept = NULL;
	ListCell   *lc;
	int			result;

	foreach(lc, program->plans)
	{
		if (((KeptPlan *) lfirst(lc))->id == id)
			kept = (KeptPlan *) lfirst(lc);
	}
	if (kept == NULL)
	{
		SPIPlanPtr	plan = SPI_prepare(fill_in_schema(program, text), nargs, (Oid *) types);
		MemoryContext old;

		if (plan == NULL || SPI_keepplan(plan) != 0)
			elog(ERROR, "could not plan \"%s\": %s", text,
				 SPI_result_code_string(SPI_result));
		old = MemoryContextSwitchTo(program->context);
		kept = palloc(sizeof(KeptPlan));
		kept->id = id;
		kept->plan = plan;
		program->plans = lappend(program->plans, kept);
		MemoryContextSwitchTo(old);
	}
	result = SPI_execute_plan(kept->plan, values, nulls, read_only, 0);
	if (result != expected)
		elog(ERROR, "could not execute \"%s\": %s", text, SPI_result_code_string(result));
}

/* see plan.h */
void
plan_free_all(Program *program)
{
	ListCell   *lc;

	foreach(lc, program->plans)
		SPI_freeplan(((KeptPlan *) lfirst(lc))->plan);
	program->plans = NIL;
}
