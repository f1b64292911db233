/*-------------------------------------------------------------------------
 *
 * trigger_rows.c
 *	  The rows a statement has changed: the transition tables of a trigger, the
 *	  events they belong to, and which of them concern the source.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/trigger.h"

#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/rel.h"

/* see trigger.h */
TupleTableSlot *
root_row(Call *call, TupleTableSlot *slot)
{
	if (call->map == NULL)
		return slot;
	return execute_attr_map_slot(call->map->attrMap, slot, call->root_slot);
}

/* see trigger.h */
void
open_transition(Transition *transition, Call *call, Tuplestorestate *store)
{
	transition->call = call;
	transition->store = store;
	transition->pointer = tuplestore_alloc_read_pointer(store, EXEC_FLAG_REWIND);
	tuplestore_select_read_pointer(store, transition->pointer);
	tuplestore_rescan(store);
	transition->slot =
		MakeSingleTupleTableSlot(RelationGetDescr(call->data->tg_relation),
								 &TTSOpsMinimalTuple);
}

/* see trigger.h */
bool
next_row(void *arg, TupleTableSlot **slot)
{
	Transition *transition = (Transition *) arg;
	MemoryContext old;
	bool		found;

	/*
	 * A tuple that comes from disk is the slot's to free when the next one
	 * comes, so it must not be in a context that is reset before.
	 */
	tuplestore_select_read_pointer(transition->store, transition->pointer);
	old = MemoryContextSwitchTo(transition->slot->tts_mcxt);
	found = tuplestore_gettupleslot(transition->store, true, false, transition->slot);
	MemoryContextSwitchTo(old);
	if (!found)
		return false;
	*slot = root_row(transition->call, transition->slot);
	return true;
}

/* see trigger.h */
void
rewind_rows(void *arg)
{
	Transition *transition = (Transition *) arg;

	tuplestore_select_read_pointer(transition->store, transition->pointer);
	tuplestore_rescan(transition->store);
}

/* see trigger.h */
void
close_transition(Transition *transition)
{
	ExecDropSingleTupleTableSlot(transition->slot);
}

/* arguments of read_event_key, for guarded() */
typedef struct KeyRequest
{
	Call	   *call;
	EventReader *reader;
	TupleTableSlot *slot;
	Datum	   *key;
} KeyRequest;

static void
read_key(void *arg)
{
	KeyRequest *request = (KeyRequest *) arg;

	pin_prepare(request->reader->source->pin);
	request->key = request->call->source->reduces ?
		event_read_reduced_key(request->reader, request->slot) :
		event_read_key(request->reader, request->slot);
}

/* see trigger.h */
Datum *
row_event_key(Call *call, EventReader *reader, TupleTableSlot *slot)
{
	KeyRequest	request = {call, reader, slot, NULL};
	EvalError	error;

	if (!call->source->several_rows && call->source->key < 0 && call->source->reduces == NULL)
		read_key(&request);
	else if (!guarded(call->batch, read_key, &request, &error))
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("a row of source \"%s\" has no event: %s",
						call->source->name, error.message)));
	return request.key;
}

/* arguments of read_witness, for guarded() */
typedef struct WitnessRequest
{
	EventReader *reader;
	TupleTableSlot *slot;
	SourceRow	row;
} WitnessRequest;

static void
read_witness(void *arg)
{
	WitnessRequest *request = (WitnessRequest *) arg;

	event_read_row(request->reader, request->slot, &request->row);
}

/*
 * Remembers the event of a row as it was.  If it could have been posted from
 * that, by a backfill at work now, its member's account is locked in any case.
 */
static void
add_old_key(Call *call, EventReader *reader, TupleTableSlot *slot, const Datum *key)
{
	WitnessRequest request = {reader, slot};
	EvalError	error;

	if (call->source->reduces == NULL &&
		guarded(call->batch, read_witness, &request, &error) &&
		request.row.holds && request.row.has_member)
		batch_add_key_of(call->batch, key, request.row.member);
	else
		batch_add_key(call->batch, key);
}

/* see trigger.h */
void
add_keys(Call *call, EventReader *reader, Tuplestorestate *store, bool deleted)
{
	Transition	transition;
	TupleTableSlot *slot;

	open_transition(&transition, call, store);
	while (next_row(&transition, &slot))
	{
		Datum	   *key = row_event_key(call, reader, slot);

		CHECK_FOR_INTERRUPTS();
		if (key && deleted)
		{
			add_old_key(call, reader, slot, key);
			forget_moved_key(call, key);
		}
		else if (key)
			batch_add_key(call->batch, key);
		MemoryContextReset(call->batch->chunk);
	}
	close_transition(&transition);
}

/* see trigger.h */
bool
rows_are_events(const SourceConfig *source)
{
	return !source->several_rows && source->key < 0 && source->reduces == NULL;
}

/* Whether two versions of a row differ in anything that the source reads. */
static bool
row_changed(Call *call, TupleTableSlot *old, TupleTableSlot *new)
{
	SourceConfig *source = call->source;
	TupleDesc	desc = old->tts_tupleDescriptor;
	int			attno = -1;

	if (source->reads_whole_row)
		return true;
	while ((attno = bms_next_member(source->read_attnos, attno)) >= 0)
	{
		AttrNumber	number = attno + FirstLowInvalidHeapAttributeNumber;
		Form_pg_attribute att;
		bool		old_null;
		bool		new_null;
		Datum		old_value;
		Datum		new_value;

		if (number <= 0)
			continue;
		att = TupleDescAttr(desc, number - 1);
		old_value = slot_getattr(old, number, &old_null);
		new_value = slot_getattr(new, number, &new_null);
		if (old_null != new_null)
			return true;
		if (!old_null && !datum_image_eq(old_value, new_value, att->attbyval, att->attlen))
			return true;
	}
	return false;
}

/* see trigger.h */
bool
any_pair_changed(Call *call)
{
	Transition	old;
	Transition	new;
	TupleTableSlot *old_row;
	TupleTableSlot *new_row;
	bool		changed = false;

	open_transition(&old, call, call->data->tg_oldtable);
	open_transition(&new, call, call->data->tg_newtable);
	while (!changed && next_row(&old, &old_row) && next_row(&new, &new_row))
	{
		CHECK_FOR_INTERRUPTS();
		changed = row_changed(call, old_row, new_row);
	}
	close_transition(&old);
	close_transition(&new);
	return changed;
}

/* see trigger.h */
void
add_changed_pairs(Call *call, EventReader *reader)
{
	Transition	old;
	Transition	new;
	TupleTableSlot *old_row;
	TupleTableSlot *new_row;
	TupleTableSlot *old_root = NULL;

	open_transition(&old, call, call->data->tg_oldtable);
	open_transition(&new, call, call->data->tg_newtable);
	if (call->map)
		old_root = MakeSingleTupleTableSlot(call->batch->reader->desc, &TTSOpsVirtual);
	for (;;)
	{
		Datum	   *old_key;
		Datum	   *new_key;

		CHECK_FOR_INTERRUPTS();
		if (!next_row(&old, &old_row))
			break;
		if (call->map)
			old_row = execute_attr_map_slot(call->map->attrMap, old.slot, old_root);
		if (!next_row(&new, &new_row))
			break;
		if (!call->nested && !any_moved_keys() && !row_changed(call, old_row, new_row))
			continue;
		old_key = row_event_key(call, reader, old_row);
		new_key = row_event_key(call, reader, new_row);
		if (old_key)
			forget_moved_key(call, old_key);
		if (rows_are_events(call->source) && old_key && new_key &&
			event_key_cmp(call->source, old_key, new_key) != 0)
			batch_move_key(call->batch, old_key, new_key);
		else if (call->nested || any_moved_keys() || row_changed(call, old_row, new_row))
		{
			if (old_key)
				add_old_key(call, reader, old_row, old_key);
			if (new_key)
				batch_add_key(call->batch, new_key);
		}
		MemoryContextReset(call->batch->chunk);
	}
	if (old_root)
		ExecDropSingleTupleTableSlot(old_root);
	close_transition(&old);
	close_transition(&new);
}
