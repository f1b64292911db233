/*-------------------------------------------------------------------------
 *
 * batch.c
 *	  Events of one source, posted together: the way from rows to the ledger.
 *
 * A batch is cut into chunks of bounded memory.  For each chunk: evaluate what
 * the rows say; find what was posted; enrol who is missing; lock the accounts
 * in the order of member ids; judge and post; write.  A batch of several
 * chunks locks all its accounts before the first, or two bulk loads could
 * wait for each other.
 *
 * Rows that are new take the way of new_rows.c, events named by their keys that
 * of keys.c; both post chunks by chunk.c, which judges each event by posting.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/chunk.h"
#include "engine/source.h"
#include "engine/tiers.h"

#include "utils/memutils.h"
#include "utils/rel.h"

/* see batch.h */
Batch *
batch_open(Program *program, SourceConfig *source, const BatchOptions *options)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "loyalty batch",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Batch	   *batch = palloc0(sizeof(Batch));
	int			i;

	if (options == NULL || options->relation == NULL ||
		options->relation->rd_rel->relrowsecurity)
		source_require_all_rows(&program->ref, source->relid);
	for (i = 0; i < program->nsources; i++)
	{
		if (program->sources[i].reduces == source)
			source_require_all_rows(&program->ref, program->sources[i].relid);
	}

	batch->program = program;
	batch->source = source;
	if (options)
		batch->options = *options;
	batch->context = context;
	batch->chunk = AllocSetContextCreate(context, "loyalty chunk", ALLOCSET_DEFAULT_SIZES);
	batch->window_from = DT_NOBEGIN;
	batch->window_until = DT_NOEND;
	batch->reader = event_reader_open_on(program, source, batch->options.relation);
	batch->reader->context = batch->chunk;
	batch->reader->assume_condition = batch->options.assume_condition;
	batch->reader->instant_is_now = batch->options.instant_is_now;
	MemoryContextSwitchTo(old);
	return batch;
}

/* see chunk.h */
void
batch_top_up(Batch *batch)
{
	List	   *top_ups = batch->top_ups;

	batch->top_ups = NIL;
	if (top_ups)
		tiers_top_up(batch->program, top_ups);
}

/* see batch.h */
void
batch_close(Batch *batch)
{
	event_reader_close(batch->reader);
	batch_top_up(batch);
	MemoryContextDelete(batch->context);
}

/* see batch.h */
Event *
batch_new_event(Batch *batch)
{
	Event	   *event;

	if (batch->nevents == batch->capacity)
	{
		Size		size;

		batch->capacity = Max(2, batch->capacity * (batch->capacity < 64 ? 4 : 2));
		size = sizeof(Event) * (Size) batch->capacity;
		batch->events = batch->events ? repalloc_huge(batch->events, size) :
			MemoryContextAllocHuge(batch->context, size);
	}
	event = &batch->events[batch->nevents];
	memset(event, 0, sizeof(Event));
	event->reduction = FRAC_ZERO;
	event->ord = batch->nevents++;
	return event;
}

/* see batch.h */
void
skip_event(Batch *batch, Event *event, const char *why)
{
	event->nrows = -1;
	if (batch->observer)
		batch->observer(batch->observer_arg, batch, NULL, event, NULL, 0, why);
}

/* see chunk.h */
void
end_chunk(Batch *batch)
{
	batch->nevents = 0;
	MemoryContextReset(batch->chunk);
}

/* see chunk.h */
void
open_ledger(Batch *batch)
{
	MemoryContext old = MemoryContextSwitchTo(batch->chunk);

	batch->ledger = ledger_open(batch->program, batch->source, batch->options.dry);
	batch->ledger->operation_no = batch->options.operation_no;
	batch->ledger->history = batch->options.history;
	batch->ledger->top_up_context = batch->context;
	batch->ledger->observe = batch->line_observer;
	batch->ledger->observe_arg = batch->line_observer_arg;
	MemoryContextSwitchTo(old);
}

/* see chunk.h */
void
close_ledger(Batch *batch)
{
	List	   *top_ups = batch->ledger->top_ups;

	ledger_close(batch->ledger);
	batch->ledger = NULL;
	if (top_ups)
	{
		MemoryContext old = MemoryContextSwitchTo(batch->context);

		batch->top_ups = list_concat(batch->top_ups, top_ups);
		MemoryContextSwitchTo(old);
	}
}

/* see chunk.h */
void
match_loaded(Batch *batch)
{
	int			i;

	for (i = 0; i < batch->nevents; i++)
	{
		Event	   *event = &batch->events[i];
		RuleSet    *rules = batch->program->rules;

		if (event->nrows < 0)
			continue;
		if (batch->choose_rules)
		{
			rules = batch->choose_rules(batch->choose_rules_arg, batch, event->posting);
			if (rules == NULL && event->posting == NULL)
				event->nrows = -1;
		}
		else if (event->posting)
			rules = program_rules(batch->program, event->posting->config_version);
		event->rules = rules;
		if (event->nrows > 0 && rules && !batch_match_event(batch, event, rules))
		{
			event->nrows = -1;
			event->failed = true;
		}
	}
}

/* see batch.h */
void
batch_post_events(Batch *batch)
{
	MemoryContext old = MemoryContextSwitchTo(batch->chunk);
	MemberInstant *members;
	int			nmembers;

	open_ledger(batch);
	members = chunk_members(batch, &nmembers);
	match_loaded(batch);
	post_chunk(batch, members, nmembers, true);
	MemoryContextSwitchTo(old);
	close_ledger(batch);
	end_chunk(batch);
}
