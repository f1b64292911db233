/*-------------------------------------------------------------------------
 *
 * pin_eval.c
 *	  Evaluating pinned expressions.
 *
 * The state for executing one holds what functions keep between calls.
 * Built-in functions keep nothing that ends with a transaction; the state of
 * others is made again in every one, and every state after an abort, which may
 * have left it half made.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/executor.h"
#include "storage/proc.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "compat.h"
#include "engine/pin.h"

static void register_callbacks(void);
static void xact_callback(XactEvent event, void *arg);
static void subxact_callback(SubXactEvent event, SubTransactionId mySubid,
							 SubTransactionId parentSubid, void *arg);
static void proc_callback(Datum arg, int cacheid, uint32 hashvalue);
static void make_state(Pin *pin, PinExpr *expr);
static Datum eval_guarded(PinExpr *expr, ExprContext *econtext, bool *isnull);

/* see pin_generation() */
static uint64 generation = 1;


/*
 * Counts what may have spoilt a state.
 */
uint64
pin_generation(void)
{
	return generation;
}

/*
 * Asks to be told of aborts and of changes of functions.
 */
static void
register_callbacks(void)
{
	static bool registered = false;

	if (registered)
		return;
	CacheRegisterSyscacheCallback(PROCOID, proc_callback, (Datum) 0);
	RegisterXactCallback(xact_callback, NULL);
	RegisterSubXactCallback(subxact_callback, NULL);
	registered = true;
}

/*
 * The end of a transaction.
 */
static void
xact_callback(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_PARALLEL_ABORT)
		generation++;
}

/*
 * The end of a subtransaction.
 */
static void
subxact_callback(SubXactEvent event, SubTransactionId mySubid,
				 SubTransactionId parentSubid, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		generation++;
}

/*
 * Some function has changed, or who may execute it.
 */
static void
proc_callback(Datum arg, int cacheid, uint32 hashvalue)
{
	generation++;
}

/*
 * Makes states ready; see pin.h.
 */
void
pin_prepare(Pin *pin)
{
	LocalTransactionId lxid = loyalty_my_lxid();
	bool		aborted = pin->prepared_generation != generation;
	bool		another = pin->prepared_lxid != lxid;
	int			i;

	register_callbacks();

	for (i = 0; i < pin->nexprs; i++)
	{
		PinExpr    *expr = &pin->exprs[i];

		if (!expr->cached->is_valid)
		{
			pin_plan(pin, expr);
			expr->state = NULL;
		}
		if (expr->state == NULL || aborted || (another && !expr->is_builtin))
			make_state(pin, expr);
	}
	pin->prepared_generation = generation;
	pin->prepared_lxid = lxid;
}

/*
 * Makes the state of one expression, in a context of its own.
 */
static void
make_state(Pin *pin, PinExpr *expr)
{
	MemoryContext oldcontext;

	expr->state = NULL;
	if (expr->state_context != NULL)
	{
		/*
		 * An evaluation may be under way below us (a function that looks at
		 * the program): leave it what it stands on.  Or that was long ago,
		 * and an error ended it; the transaction's end cleans up.
		 */
		if (expr->running > 0)
			MemoryContextSetParent(expr->state_context, TopTransactionContext);
		else
			MemoryContextDelete(expr->state_context);
		expr->state_context = NULL;
	}
	expr->running = 0;

	expr->state_context = AllocSetContextCreate(pin->context, "loyalty pin state",
												ALLOCSET_SMALL_SIZES);
	oldcontext = MemoryContextSwitchTo(expr->state_context);
	expr->state = ExecInitExpr(expr->expr, NULL);
	MemoryContextSwitchTo(oldcontext);
}

/*
 * Finds an expression by its name.
 */
int
pin_find(const Pin *pin, const char *name)
{
	int			i;

	for (i = 0; i < pin->nexprs; i++)
		if (strcmp(pin->exprs[i].name, name) == 0)
			return i;
	return -1;
}

/*
 * Evaluates; see pin.h.
 */
Datum
pin_eval(Pin *pin, int index, ExprContext *econtext, bool *isnull)
{
	PinExpr    *expr = &pin->exprs[index];

	if (expr->simple_attno > 0)
		return slot_getattr(econtext->ecxt_outertuple, expr->simple_attno, isnull);
	if (expr->is_builtin)
		return ExecEvalExprSwitchContext(expr->state, econtext, isnull);
	return eval_guarded(expr, econtext, isnull);
}

/*
 * Evaluates what may call a function that comes back here: a state can serve
 * one evaluation at a time, so an inner one gets a state for itself.
 */
static Datum
eval_guarded(PinExpr *expr, ExprContext *econtext, bool *isnull)
{
	MemoryContext mine = expr->state_context;
	Datum		result;

	if (expr->running > 0)
	{
		MemoryContext oldcontext;
		ExprState  *state;

		oldcontext = MemoryContextSwitchTo(econtext->ecxt_per_tuple_memory);
		state = ExecInitExpr(expr->expr, NULL);
		result = ExecEvalExpr(state, econtext, isnull);
		MemoryContextSwitchTo(oldcontext);
		return result;
	}

	expr->running++;
	PG_TRY();
	{
		result = ExecEvalExprSwitchContext(expr->state, econtext, isnull);
	}
	PG_FINALLY();
	{
		/* unless the state has been replaced meanwhile */
		if (expr->state_context == mine)
			expr->running--;
	}
	PG_END_TRY();

	return result;
}
