/*-------------------------------------------------------------------------
 *
 * budget.c
 *	  Budgets of rules, shared by all members and never overspent.
 *
 * A budget's room lies in slots, rows of budget_room, so that purchases of
 * different members do not queue for one row: a purchase takes what it needs
 * from a slot that nobody holds.  Only when no free slot has enough are all
 * slots locked, in order, and the room of all of them counts.  Budgets are
 * locked behind the accounts and in the order of their rules.  A batch of
 * several events locks all slots at once, and so does an event that may have
 * others topped up, for those come after it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/batch.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "engine/amount.h"
#include "engine/keyed.h"
#include "engine/layout.h"
#include "engine/plan.h"
#include "engine/tiers.h"

/* slots of a budget; those who write budget_room know */
#define BUDGET_SLOTS 16

/* what the batch holds of one budget */
typedef struct BudgetState
{
	int32		rule_no;
	bool		whole;			/* all slots are locked */
	int			nslots;			/* slots locked; 0: none yet */
	int16	   *slot;
	Points	   *room;
	Points	   *used;
	Points		claimed;		/* of the locked slots' room, by this batch */
	TableWriter writer;			/* holds the only slot's row, if it is open */
} BudgetState;

/* see plan_execute */
static const char all_slots_plan = 0;
static const char read_slots_plan = 0;
static const char free_slot_plan = 0;
static const char any_slot_plan = 0;
static const char save_slot_plan = 0;
static const char all_budgets_plan = 0;

#define SLOT_QUERY \
	"SELECT slot, room, used FROM %s.budget_room" \
	" WHERE rule_no OPERATOR(pg_catalog.=) $1"

/* Locks slots, or only reads them, and takes them into the state. */
static void
take_slots(Batch *batch, BudgetState *state, const void *plan, const char *query, Points need)
{
	Oid			types[3] = {INT4OID, INT2OID, NUMERICOID};
	Datum		values[3];
	int			nargs = plan == &free_slot_plan ? 3 : plan == &any_slot_plan ? 2 : 1;
	MemoryContext context = CurrentMemoryContext;
	uint64		i;

	values[0] = Int32GetDatum(state->rule_no);
	values[1] = Int16GetDatum((int16) (MyProcPid % BUDGET_SLOTS));
	values[2] = NumericGetDatum(points_to_numeric(need));
	SPI_connect();
	plan_execute(batch->program, plan, query, nargs, types, values, batch->options.dry,
				 SPI_OK_SELECT);
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

/*
 * Locks the slot that this session prefers, without a statement, if nobody
 * holds it and it has enough.
 */
static bool
take_own_slot(Batch *batch, BudgetState *state, Points need)
{
	Ledger	   *ledger = batch->ledger;
	TableWriter *writer = &state->writer;
	Datum		key[2];
	Points		room;
	bool		isnull;

	if (!keyed_open(ledger, writer, batch->program->budget_room))
		return false;
	key[0] = Int32GetDatum(state->rule_no);
	key[1] = Int16GetDatum((int16) (MyProcPid % BUDGET_SLOTS));
	if (keyed_find(ledger, writer, key))
	{
		room = DatumGetInt64(slot_getattr(writer->slot, BUDGET_ROOM_ROOM + 1, &isnull));
		if (room >= need && keyed_lock(ledger, writer, true))
		{
			room = DatumGetInt64(slot_getattr(writer->slot, BUDGET_ROOM_ROOM + 1, &isnull));
			if (room >= need)
			{
				state->nslots = 1;
				state->slot = palloc(sizeof(int16));
				state->room = palloc(sizeof(Points));
				state->used = palloc(sizeof(Points));
				state->slot[0] = DatumGetInt16(key[1]);
				state->room[0] = room;
				state->used[0] = DatumGetInt64(slot_getattr(writer->slot,
															BUDGET_ROOM_USED + 1, &isnull));
				return true;
			}
		}
	}
	keyed_close(writer);
	return false;
}

/* Locks all slots of a budget, in order. */
static void
take_all_slots(Batch *batch, BudgetState *state)
{
	if (batch->options.dry)
		take_slots(batch, state, &read_slots_plan, SLOT_QUERY " ORDER BY slot", 0);
	else
		take_slots(batch, state, &all_slots_plan,
				   SLOT_QUERY " ORDER BY slot FOR NO KEY UPDATE", 0);
	state->whole = true;
}

/* What the batch holds of a rule's budget; NULL if nothing. */
static BudgetState *
find_budget(Batch *batch, int32 rule_no)
{
	int			i;

	for (i = 0; i < batch->nbudgets; i++)
	{
		if (batch->budgets[i].rule_no == rule_no)
			return &batch->budgets[i];
	}
	return NULL;
}

/* Prepares to lock all budgets that there are or have been, in order. */
static void
list_all_budgets(Batch *batch)
{
	MemoryContext context = CurrentMemoryContext;
	uint64		i;

	SPI_connect();
	plan_execute(batch->program, &all_budgets_plan,
				 "SELECT DISTINCT rule_no FROM %s.budget_room ORDER BY rule_no",
				 0, NULL, NULL, batch->options.dry, SPI_OK_SELECT);
	MemoryContextSwitchTo(context);
	batch->budgets = palloc0(sizeof(BudgetState) * Max(1, SPI_processed));
	for (i = 0; i < SPI_processed; i++)
	{
		bool		isnull;

		batch->budgets[batch->nbudgets++].rule_no =
			DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1,
										&isnull));
	}
	SPI_finish();
}

/* see batch.h */
void
budget_lock_all(Batch *batch)
{
	RuleSet    *rules = batch->program->rules;
	bool		tops_up = tiers_top_up_any(batch->program->tiers) && !batch->options.dry;
	int			i;
	int			k;

	if (batch->options.reprices)
		return;					/* budget_lock has locked those of all rules */
	batch->nbudgets = 0;
	for (i = 0; i < rules->nrules; i++)
	{
		/* a late row may top up what other sources have earned */
		if (!rules->rules[i].has_budget ||
			!(tops_up || rule_concerns(&rules->rules[i], batch->source)))
			continue;

		/* in the order of rule numbers */
		for (k = batch->nbudgets++; k > 0 &&
			 batch->budgets[k - 1].rule_no > rules->rules[i].rule_no; k--)
			batch->budgets[k] = batch->budgets[k - 1];
		memset(&batch->budgets[k], 0, sizeof(BudgetState));
		batch->budgets[k].rule_no = rules->rules[i].rule_no;
	}
	for (k = 0; k < batch->nbudgets; k++)
		take_all_slots(batch, &batch->budgets[k]);
}

/* see batch.h */
void
budget_lock(Batch *batch)
{
	int			k;

	batch->nbudgets = 0;
	if (batch->options.reprices)
	{
		/* rules of any configuration may have a say */
		list_all_budgets(batch);
		for (k = 0; k < batch->nbudgets; k++)
		{
			take_all_slots(batch, &batch->budgets[k]);
			if (batch->options.dry)
				batch->budgets[k].claimed = *dry_budget(batch, batch->budgets[k].rule_no);
		}
		return;
	}
	batch->budgets = palloc0(sizeof(BudgetState) * (batch->program->rules->nrules + 8));
	if (batch->nevents != 1 || batch->options.dry)
		budget_lock_all(batch);
}

/* see batch.h */
void
budget_reserve(Batch *batch, int32 rule_no, Points need)
{
	BudgetState *state;

	if (batch->nevents != 1 || batch->options.dry || batch->options.reprices)
		return;					/* budget_lock has locked everything */
	if (find_budget(batch, rule_no))
		return;					/* locked as a whole, the event being moved */
	state = &batch->budgets[batch->nbudgets++];
	memset(state, 0, sizeof(BudgetState));
	state->rule_no = rule_no;
	if (need < POINTS_MAX && take_own_slot(batch, state, need == 0 ? POINTS_MIN : need))
		return;
	if (need == 0)
	{
		/* something is given back, or nothing happens: any slot will do */
		take_slots(batch, state, &free_slot_plan,
				   SLOT_QUERY " AND room OPERATOR(pg_catalog.>=) $3"
				   " ORDER BY (slot OPERATOR(pg_catalog.=) $2) DESC LIMIT 1"
				   " FOR NO KEY UPDATE SKIP LOCKED", POINTS_MIN);
		if (state->nslots == 0)
			take_slots(batch, state, &any_slot_plan,
					   SLOT_QUERY " AND slot OPERATOR(pg_catalog.=) $2"
					   " FOR NO KEY UPDATE", 0);
		return;
	}
	if (need < POINTS_MAX)
		take_slots(batch, state, &free_slot_plan,
				   SLOT_QUERY " AND room OPERATOR(pg_catalog.>=) $3"
				   " ORDER BY (slot OPERATOR(pg_catalog.=) $2) DESC LIMIT 1"
				   " FOR NO KEY UPDATE SKIP LOCKED", need);
	if (state->nslots == 0)
		take_all_slots(batch, state);
}

/* see batch.h */
Points
budget_room(Batch *batch, const RuleConfig *rule)
{
	BudgetState *state = find_budget(batch, rule->rule_no);
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
budget_claim(Batch *batch, int32 rule_no, Points points)
{
	BudgetState *state = find_budget(batch, rule_no);

	if (state == NULL)
	{
		budget_reserve(batch, rule_no, 0);
		state = find_budget(batch, rule_no);
	}
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

	for (k = 0; k < batch->nbudgets && batch->options.dry && batch->options.reprices; k++)
		*dry_budget(batch, batch->budgets[k].rule_no) = batch->budgets[k].claimed;
	for (k = 0; k < batch->nbudgets && !batch->options.dry; k++)
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
			if (state->writer.rel)
			{
				const int	columns[] = {BUDGET_ROOM_ROOM, BUDGET_ROOM_USED};
				const Datum changed[] = {Int64GetDatum(state->room[i] - take),
				Int64GetDatum(state->used[i] + take)};

				keyed_update(batch->ledger, &state->writer, columns, changed, 2);
				continue;
			}
			values[0] = Int32GetDatum(state->rule_no);
			values[1] = Int16GetDatum(state->slot[i]);
			values[2] = NumericGetDatum(points_to_numeric(state->room[i] - take));
			values[3] = NumericGetDatum(points_to_numeric(state->used[i] + take));
			plan_update(batch->program, &save_slot_plan,
						"UPDATE %s.budget_room SET room = $3, used = $4"
						" WHERE rule_no OPERATOR(pg_catalog.=) $1"
						" AND slot OPERATOR(pg_catalog.=) $2",
						4, types, values);
		}
		if (state->writer.rel)
			keyed_close(&state->writer);
	}
}
