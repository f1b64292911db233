/*-------------------------------------------------------------------------
 *
 * budget.c
 *	  Budgets of rules, shared by all members and never overspent.
 *
 * A budget's room lies in slots, rows of budget_room, so that purchases of
 * different members do not queue for one row: a purchase takes what it needs
 * from a slot that nobody holds.  Only when no free slot has enough are all
 * slots locked, in order, and the room of all of them counts.  Budgets are
 * locked behind the accounts and in the order of their rules.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/batch.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "engine/amount.h"

/* what the batch holds of one budget */
typedef struct BudgetState
{
	int32		rule_no;
	int			nslots;			/* slots locked; 0: none yet */
	int16	   *slot;
	Points	   *room;
	Points	   *used;
	bool		whole;			/* all slots are locked */
	Points		claimed;		/* of the locked slots' room, by this batch */
} BudgetState;

/* Runs a query over budget_room and takes the rows into the state. */
static void
read_slots(Batch *batch, BudgetState *state, const char *tail, Points need)
{
	Oid			types[3] = {INT4OID, NUMERICOID, INT4OID};
	Datum		values[3];
	MemoryContext context = CurrentMemoryContext;
	uint64		i;

	values[0] = Int32GetDatum(state->rule_no);
	values[1] = NumericGetDatum(points_to_numeric(need));
	values[2] = Int32GetDatum(MyProcPid % 16);
	SPI_connect();
	if (SPI_execute_with_args(psprintf("SELECT slot, room, used FROM %s.budget_room"
									   " WHERE rule_no OPERATOR(pg_catalog.=) $1"
									   " AND $2 IS NOT NULL AND $3 IS NOT NULL %s",
									   quote_identifier(batch->program->ref.name), tail),
							  3, types, values, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not lock a budget: %s", SPI_result_code_string(SPI_result));
	MemoryContextSwitchTo(context);
	state->nslots = (int) SPI_processed;
	state->slot = palloc(sizeof(int16) * Max(1, state->nslots));
	state->room = palloc(sizeof(Points) * Max(1, state->nslots));
	state->used = palloc(sizeof(Points) * Max(1, state->nslots));
	for (i = 0; i < SPI_processed; i++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;

		state->slot[i] = DatumGetInt16(SPI_getbinval(tuple, desc, 1, &isnull));
		state->room[i] = DatumGetInt64(SPI_getbinval(tuple, desc, 2, &isnull));
		state->used[i] = DatumGetInt64(SPI_getbinval(tuple, desc, 3, &isnull));
	}
	SPI_finish();
}

/* see batch.h */
void
budget_lock(Batch *batch)
{
	RuleSet    *rules = batch->program->rules;
	int			i;
	int			k;

	batch->nbudgets = 0;
	batch->budgets = palloc0(sizeof(BudgetState) * Max(1, rules->nrules));
	for (i = 0; i < rules->nrules; i++)
	{
		if (!rules->rules[i].has_budget || !rule_concerns(&rules->rules[i], batch->source))
			continue;

		/* in the order of rule numbers */
		for (k = batch->nbudgets++; k > 0 &&
			 batch->budgets[k - 1].rule_no > rules->rules[i].rule_no; k--)
			batch->budgets[k] = batch->budgets[k - 1];
		memset(&batch->budgets[k], 0, sizeof(BudgetState));
		batch->budgets[k].rule_no = rules->rules[i].rule_no;
	}
	for (k = 0; k < batch->nbudgets; k++)
	{
		BudgetState *state = &batch->budgets[k];

		if (batch->options.dry)
			read_slots(batch, state, "ORDER BY slot", 0);
		else
			read_slots(batch, state, "ORDER BY slot FOR NO KEY UPDATE", 0);
		state->whole = true;
	}
}

static BudgetState *
find_budget(Batch *batch, const RuleConfig *rule)
{
	int			i;

	for (i = 0; i < batch->nbudgets; i++)
	{
		if (batch->budgets[i].rule_no == rule->rule_no)
			return &batch->budgets[i];
	}
	return NULL;
}

/* see batch.h */
Points
budget_room(Batch *batch, const RuleConfig *rule)
{
	BudgetState *state = find_budget(batch, rule);
	Points		room;
	int			i;

	if (state == NULL)
		return 0;
	room = -state->claimed;
	for (i = 0; i < state->nslots; i++)
		room += state->room[i];
	return Max(room, 0);
}

/* see batch.h */
void
budget_claim(Batch *batch, const RuleConfig *rule, Points points)
{
	BudgetState *state = find_budget(batch, rule);

	if (state)
		state->claimed += points;
}

/* see batch.h */
void
budget_save(Batch *batch)
{
	Oid			types[4] = {INT4OID, INT2OID, NUMERICOID, NUMERICOID};
	Datum		values[4];
	int			i;
	int			k;

	if (batch->options.dry)
		return;
	for (k = 0; k < batch->nbudgets; k++)
	{
		BudgetState *state = &batch->budgets[k];
		Points		left = state->claimed;

		for (i = 0; i < state->nslots && left != 0; i++)
		{
			Points		take = left < 0 ? left : Min(left, Max(state->room[i], 0));

			/* more than there is can only be what was claimed before: the last */
			if (left > 0 && i == state->nslots - 1)
				take = left;
			if (take == 0)
				continue;
			left -= take;
			values[0] = Int32GetDatum(state->rule_no);
			values[1] = Int16GetDatum(state->slot[i]);
			values[2] = NumericGetDatum(points_to_numeric(state->room[i] - take));
			values[3] = NumericGetDatum(points_to_numeric(state->used[i] + take));
			SPI_connect();
			if (SPI_execute_with_args(psprintf("UPDATE %s.budget_room SET room = $3, used = $4"
											   " WHERE rule_no OPERATOR(pg_catalog.=) $1"
											   " AND slot OPERATOR(pg_catalog.=) $2",
											   quote_identifier(batch->program->ref.name)),
									  4, types, values, NULL, false, 0) != SPI_OK_UPDATE)
				elog(ERROR, "could not save a budget: %s",
					 SPI_result_code_string(SPI_result));
			SPI_finish();
		}
	}
}
