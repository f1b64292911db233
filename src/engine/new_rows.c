/*-------------------------------------------------------------------------
 *
 * new_rows.c
 *	  Posts rows that are new, straight from where they are read.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/pay.h"

#include "access/xact.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/* what fill_chunk is doing, for guarded() */
typedef struct FillState
{
	Batch	   *batch;
	RowFeed    *feed;
	TupleTableSlot *slot;		/* the row being read */
	bool		more;			/* the feed may have more rows */
	bool		uses_member;
	bool		members_only;	/* first pass of a large batch */
	MemberNotes notes;
} FillState;

/* Reads rows into the chunk until it is full; runs guarded. */
static void
fill_chunk(void *arg)
{
	FillState  *state = (FillState *) arg;
	Batch	   *batch = state->batch;
	EventReader *reader = batch->reader;
	RuleSet    *rules = batch->program->rules;
	int			limit = has_budgets(batch) ? CHUNK_CHANGED_EVENTS : CHUNK_NEW_EVENTS;

	while (state->members_only || batch->nevents < limit)
	{
		SourceRow	source_row;
		Event	   *event;

		CHECK_FOR_INTERRUPTS();
		state->slot = NULL;
		if (!state->feed->next(state->feed->arg, &state->slot))
		{
			state->more = false;
			return;
		}
		event_read_row(reader, state->slot, &source_row);
		if (!source_row.holds)
			continue;
		if (!source_row.has_at)
			source_row.at = program_clock(batch->program);
		if (state->members_only)
		{
			note_member(&state->notes, source_row.member, source_row.at);
			if (!batch->program->member_byval)
				MemoryContextReset(batch->chunk);
			continue;
		}
		event = batch_new_event(batch);
		event->nrows = -1;		/* until it is whole */
		event->member = source_row.member;
		event->at = source_row.at;
		event->row.mantissa = source_row.mantissa;
		event->row.scale = source_row.scale;
		event->row.holds = true;
		event->rules = rules;
		event->key = event_read_key(reader, state->slot);
		if (!batch->options.own_rows && ItemPointerIsValid(&state->slot->tts_tid))
		{
			event->row_table = state->slot->tts_tableOid;
			event->row_tid = state->slot->tts_tid;
		}
		event_match_rules(reader, rules, &event->row, state->slot, false, true);
		if (state->uses_member)
		{
			MemoryContext old = MemoryContextSwitchTo(batch->chunk);

			event->row.tuple = ExecCopySlotMinimalTuple(state->slot);
			MemoryContextSwitchTo(old);
		}
		event->nrows = 1;
	}
}

/* Fills the chunk; rows that fail are queued. */
static void
fill_chunk_guarded(FillState *state)
{
	Batch	   *batch = state->batch;
	EvalError	error;
	MemoryContext old = MemoryContextSwitchTo(batch->chunk);

	while (!guarded(batch, fill_chunk, state, &error))
	{
		Datum	   *key;

		if (batch->nevents > 0 && batch->events[batch->nevents - 1].nrows < 0)
			batch->nevents--;
		if (state->members_only)
			continue;
		key = event_read_key(batch->reader, state->slot);
		failed_event_add(batch, key, &error);
	}
	MemoryContextSwitchTo(old);
}

/*
 * Sets aside events that were posted before: a deleted row that is back, a
 * replayed one.  Keys beyond the greatest posted one need no look.
 */
static void
divert_posted(Batch *batch)
{
	Datum		greatest;
	bool		compare = batch->source->nkeys == 1 && batch->nevents > 4;
	int			i;

	if (compare && !ledger_greatest_key(batch->ledger, &greatest))
		return;
	for (i = 0; i < batch->nevents; i++)
	{
		Event	   *event = &batch->events[i];
		Posting		posting;

		if (compare && event_key_cmp(batch->source, event->key, &greatest) > 0)
			continue;
		if (!ledger_find_posting(batch->ledger, event->key, &posting))
			continue;
		event->nrows = -1;
		batch_add_key(batch, event->key);
	}
}

/* Remembers the keys of all rows. */
static void
add_keys_of_rows(Batch *batch, RowFeed *feed)
{
	MemoryContext old = MemoryContextSwitchTo(batch->chunk);
	TupleTableSlot *slot;

	while (feed->next(feed->arg, &slot))
	{
		Datum	   *key = event_read_key(batch->reader, slot);

		CHECK_FOR_INTERRUPTS();
		if (key)
			batch_add_key(batch, key);
		MemoryContextReset(batch->chunk);
	}
	MemoryContextSwitchTo(old);
}

/* see batch.h */
void
batch_post_new_rows(Batch *batch, RowFeed *feed)
{
	FillState	state;
	bool		ordered = has_budgets(batch);
	bool		first = true;

	/* whom to lock depends on who has paid before: by key, as what changes */
	if (pays(batch))
	{
		add_keys_of_rows(batch, feed);
		batch_post_keys(batch);
		return;
	}

	memset(&state, 0, sizeof(state));
	state.batch = state.notes.batch = batch;
	state.feed = feed;
	state.more = true;
	state.uses_member = event_rules_use_member(batch->source, batch->program->rules);
	while (state.more)
	{
		MemoryContext old;
		MemberInstant *members;
		int			nmembers;

		fill_chunk_guarded(&state);
		if (first && state.more && feed->rewind && !batch->options.dry)
		{
			/* a large batch: all its accounts are locked before anything is posted */
			end_chunk(batch);
			feed->rewind(feed->arg);
			state.members_only = true;
			fill_chunk_guarded(&state);
			state.members_only = false;
			state.more = true;
			lock_noted_members(&state.notes);
			feed->rewind(feed->arg);
			first = false;
			continue;
		}
		first = false;
		if (batch->nevents == 0)
			continue;
		open_ledger(batch);
		old = MemoryContextSwitchTo(batch->chunk);
		divert_posted(batch);
		members = chunk_members(batch, &nmembers);

		/* a single member is enrolled when it turns out to be missing */
		if (nmembers > 1)
			enrol(batch, members, nmembers);
		post_chunk(batch, members, nmembers, ordered);
		MemoryContextSwitchTo(old);
		close_ledger(batch);
		end_chunk(batch);
		if (!batch->options.dry)
			CommandCounterIncrement();
	}
	if (state.notes.members)
		pfree(state.notes.members);
	batch_post_keys(batch);
}
