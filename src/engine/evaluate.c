/*-------------------------------------------------------------------------
 *
 * evaluate.c
 *	  Evaluation of expressions that may fail.
 *
 * Where the program queues errors, expressions run in a subtransaction, so
 * that a failure costs the row and not the statement.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/batch.h"

#include "executor/executor.h"
#include "utils/builtins.h"

#include "engine/subxact.h"

/* Whether an error may be kept for later instead of failing the statement. */
static bool
may_be_queued(int sqlstate)
{
	int			category = ERRCODE_TO_CATEGORY(sqlstate);

	return category != ERRCODE_TRANSACTION_ROLLBACK &&
		category != ERRCODE_INSUFFICIENT_RESOURCES &&
		category != ERRCODE_OPERATOR_INTERVENTION &&
		category != ERRCODE_SYSTEM_ERROR &&
		category != ERRCODE_INTERNAL_ERROR &&
		category != MAKE_SQLSTATE('L', 'Y', '0', '0', '0');
}

/* see batch.h */
void
prepare_expressions(Batch *batch, RuleSet *rules)
{
	int			i;

	pin_prepare(batch->source->pin);
	for (i = 0; i < rules->nrules; i++)
	{
		if (rules->rules[i].pin && rule_concerns(&rules->rules[i], batch->source))
			pin_prepare(rules->rules[i].pin);
	}
}

/* Adds to an error which expression it is about; an error context callback. */
static void
evaluation_context(void *arg)
{
	char	   *whereabouts = event_reader_whereabouts((EventReader *) arg);

	if (whereabouts)
		errcontext("%s", whereabouts);
}

/* see batch.h */
void
unguarded(Batch *batch, void (*function) (void *arg), void *arg)
{
	EventReader *reader = batch->reader;
	PinScope	scope;
	ErrorContextCallback callback;

	reader->part = NULL;
	callback.callback = evaluation_context;
	callback.arg = reader;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	pin_enter(batch->program->ref.owner, reader->tz, reader->builtin, &scope);
	prepare_expressions(batch, batch->program->rules);
	function(arg);
	pin_leave(&scope);
	error_context_stack = callback.previous;
}

/* arguments of evaluate, for subxact_try() */
typedef struct Evaluation
{
	Batch	   *batch;
	void		(*function) (void *arg);
	void	   *arg;
} Evaluation;

/* Evaluates; an abort of the subtransaction leaves the scope. */
static void
evaluate(void *arg)
{
	Evaluation *evaluation = (Evaluation *) arg;
	Batch	   *batch = evaluation->batch;
	PinScope	scope;

	pin_enter(batch->program->ref.owner, batch->reader->tz, batch->reader->builtin, &scope);
	prepare_expressions(batch, batch->program->rules);
	evaluation->function(evaluation->arg);
	pin_leave(&scope);
}

/* see batch.h */
bool
attempted(Batch *batch, void (*function) (void *arg), void *arg, EvalError *error)
{
	Evaluation	evaluation = {batch, function, arg};
	EventReader *reader = batch->reader;
	ErrorData  *caught;

	reader->part = NULL;
	caught = subxact_try(evaluate, &evaluation, true);
	if (caught == NULL)
		return true;
	if (!may_be_queued(caught->sqlerrcode))
		ReThrowError(caught);
	error->sqlstate = pstrdup(unpack_sql_state(caught->sqlerrcode));
	error->message = reader->part == NULL ? caught->message :
		psprintf("%s (%s)", caught->message, event_reader_whereabouts(reader));
	return false;
}

/* see batch.h */
bool
guarded(Batch *batch, void (*function) (void *arg), void *arg, EvalError *error)
{
	if (batch->program->queue_errors && !batch->options.raise_errors)
		return attempted(batch, function, arg, error);
	unguarded(batch, function, arg);
	return true;
}

/* arguments of match_rows, for guarded() */
typedef struct MatchRows
{
	Batch	   *batch;
	Event	   *event;
	RuleSet    *rules;
} MatchRows;

static void
match_rows(void *arg)
{
	MatchRows  *match = (MatchRows *) arg;
	EventReader *reader = match->batch->reader;
	TupleTableSlot *slot = event_row_slot(reader);
	Event	   *event = match->event;
	int			i;

	if (match->rules != match->batch->program->rules)
		prepare_expressions(match->batch, match->rules);
	for (i = 0; i < event->nrows; i++)
	{
		EventRow   *row = event->rows ? &event->rows[i] : &event->row;

		row->match = NULL;
		row->match_word = 0;
		row->own = NULL;
		ExecStoreMinimalTuple(row->tuple, slot, false);
		ResetExprContext(reader->econtext);
		event_match_rules(reader, match->rules, row, slot, false, true);
	}
}

/* see batch.h */
bool
batch_match_event(Batch *batch, Event *event, RuleSet *rules)
{
	MatchRows	match = {batch, event, rules};
	EvalError	error;

	event->rules = rules;
	if (guarded(batch, match_rows, &match, &error))
		return true;
	failed_event_add(batch, event->key, &error);
	return false;
}
