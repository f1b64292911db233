/*-------------------------------------------------------------------------
 *
 * trigger.c
 *	  The triggers on sources: from a statement's rows to a batch.
 *
 * A trigger trusts nothing in its own definition: anybody may put one on a
 * table of his own and name any program.  It looks the table up among the
 * sources of the program whose pin view its WHEN clause names.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/source.h"
#include "engine/trigger.h"

#include "access/tupconvert.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

/* -------- whose trigger -------- */

/* Whether a relation is another, or a partition or child of it. */
static bool
is_part_of(Oid relid, Oid root)
{
	List	   *ancestors;
	ListCell   *lc;

	if (relid == root)
		return true;
	ancestors = find_all_inheritors(root, NoLock, NULL);
	foreach(lc, ancestors)
	{
		if (lfirst_oid(lc) == relid)
			return true;
	}
	return false;
}

pg_noreturn static void refuse_trigger(Relation rel);

static void
refuse_trigger(Relation rel)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("table \"%s\" is not attached to a loyalty program by this trigger",
					RelationGetRelationName(rel)),
			 errhint("Triggers of sources are made by the program's attach() function only.")));
}

/* what a trigger's WHEN clause names: it cannot change while the trigger lives */
typedef struct TriggerPin
{
	Oid			trigger;		/* hash key */
	Oid			pin;
	Oid			program_relid;
} TriggerPin;

static HTAB *trigger_pins = NULL;

/* The pin view that a trigger names, and its program; refuses other triggers. */
static TriggerPin *
trigger_pin(TriggerData *data)
{
	TriggerPin *entry;
	Oid			pin;
	Oid			program_relid = InvalidOid;
	bool		found;

	if (trigger_pins == NULL)
	{
		HASHCTL		info;

		info.keysize = sizeof(Oid);
		info.entrysize = sizeof(TriggerPin);
		trigger_pins = hash_create("loyalty triggers", 64, &info, HASH_ELEM | HASH_BLOBS);
	}
	entry = hash_search(trigger_pins, &data->tg_trigger->tgoid, HASH_FIND, NULL);
	if (entry)
		return entry;
	pin = source_trigger_pin(data->tg_trigger);
	if (OidIsValid(pin) && get_rel_relkind(pin) == RELKIND_VIEW)
		program_relid = get_relname_relid("program", get_rel_namespace(pin));
	if (!OidIsValid(program_relid))
		refuse_trigger(data->tg_relation);
	entry = hash_search(trigger_pins, &data->tg_trigger->tgoid, HASH_ENTER, &found);
	entry->pin = pin;
	entry->program_relid = program_relid;
	return entry;
}

/* Finds program and source of a trigger, or refuses it. */
static void
identify(FunctionCallInfo fcinfo, Call *call, bool for_each_row)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	TriggerPin *named;
	int			i;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(data->tg_event) ||
		(TRIGGER_FIRED_FOR_ROW(data->tg_event) != 0) != for_each_row)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function was not called as the trigger of a loyalty source"),
				 errhint("Attach tables by the program's attach() function.")));
	memset(call, 0, sizeof(Call));
	call->data = data;
	named = trigger_pin(data);
	call->program = program_get(named->program_relid);
	for (i = 0; i < call->program->nsources; i++)
	{
		SourceConfig *source = &call->program->sources[i];

		if (source->pin->viewid == named->pin &&
			is_part_of(RelationGetRelid(data->tg_relation), source->relid))
			call->source = source;
	}
	if (call->source == NULL)
		refuse_trigger(data->tg_relation);
}

/* -------- the triggers -------- */

/* Begins a call: the batch, and the way to the root table's format. */
static void
begin_call(Call *call)
{
	Relation	rel = call->data->tg_relation;
	SourceConfig *posted = call->source->reduces ? call->source->reduces : call->source;
	BatchOptions options;

	memset(&options, 0, sizeof(options));
	options.own_rows = posted == call->source;
	options.rows_from = !options.own_rows ? ROWS_REDUCING :
		TRIGGER_FIRED_BY_INSERT(call->data->tg_event) ? ROWS_NEW : ROWS_CHANGED;
	if (RelationGetRelid(rel) == posted->relid)
		options.relation = rel;
	call->batch = batch_open(call->program, posted, &options);
	if (RelationGetRelid(rel) != call->source->relid)
		call->map = convert_tuples_by_name(RelationGetDescr(rel), call->batch->reader->desc);
	if (call->map)
		call->root_slot = MakeSingleTupleTableSlot(call->batch->reader->desc,
												   &TTSOpsVirtual);
}

/* Ends a call: posts what was remembered. */
static void
end_call(Call *call)
{
	take_moved_keys(call);
	batch_post_keys(call->batch);
	if (call->root_slot)
		ExecDropSingleTupleTableSlot(call->root_slot);
	batch_close(call->batch);
}

/* A transition table the trigger must have been declared with. */
static void
require_table(Call *call, Tuplestorestate *store, const char *name)
{
	if (store == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" must reference %s",
						call->data->tg_trigger->tgname, name),
				 errhint("Attach tables by the program's attach() function.")));
}

LOYALTY_FUNCTION(source_insert);
LOYALTY_FUNCTION(source_update);
LOYALTY_FUNCTION(source_delete);
LOYALTY_FUNCTION(source_moved);

/* AFTER INSERT ... FOR EACH STATEMENT on a source */
Datum
source_insert(PG_FUNCTION_ARGS)
{
	Call		call;
	Transition	transition;
	RowFeed		feed;

	identify(fcinfo, &call, false);
	require_table(&call, call.data->tg_newtable, "NEW TABLE");
	if (tuplestore_tuple_count(call.data->tg_newtable) == 0 && !any_moved_keys())
		return PointerGetDatum(NULL);
	call.nested = follows_deeper_call(call.source->pin->viewid);
	begin_call(&call);
	if (rows_are_events(call.source) && !call.nested && call.source->reducers == NIL)
	{
		open_transition(&transition, &call, call.data->tg_newtable);
		feed.next = next_row;
		feed.rewind = rewind_rows;
		feed.arg = &transition;
		batch_post_new_rows(call.batch, &feed);
		close_transition(&transition);
	}
	else
	{
		EventReader *reader = call.source->reduces ?
		event_reader_open(call.program, call.source) : call.batch->reader;

		reader->context = call.batch->chunk;
		add_keys(&call, reader, call.data->tg_newtable, false);
		if (reader != call.batch->reader)
			event_reader_close(reader);
	}
	end_call(&call);
	return PointerGetDatum(NULL);
}

/* Whether events of the source wait in failed_event. */
static bool
somebody_waits(Call *call)
{
	RightsSave	rights;
	bool		result;

	rights_enter(call->program->ref.owner, SECURITY_NOFORCE_RLS, &rights);
	result = failed_events_exist(call->batch);
	rights_leave(&rights);
	return result;
}

/* AFTER DELETE ... FOR EACH STATEMENT on a source */
Datum
source_delete(PG_FUNCTION_ARGS)
{
	Call		call;
	EventReader *reader;

	identify(fcinfo, &call, false);
	require_table(&call, call.data->tg_oldtable, "OLD TABLE");
	if (tuplestore_tuple_count(call.data->tg_oldtable) == 0 && !any_moved_keys())
		return PointerGetDatum(NULL);
	call.nested = follows_deeper_call(call.source->pin->viewid);
	begin_call(&call);
	reader = call.source->reduces ? event_reader_open(call.program, call.source) :
		call.batch->reader;
	reader->context = call.batch->chunk;

	/* what is kept needs no look, but a row that waited waits no longer */
	if (!call.source->keep || somebody_waits(&call))
		add_keys(&call, reader, call.data->tg_oldtable, true);
	if (reader != call.batch->reader)
		event_reader_close(reader);
	end_call(&call);
	return PointerGetDatum(NULL);
}

/* AFTER UPDATE ... FOR EACH STATEMENT on a source */
Datum
source_update(PG_FUNCTION_ARGS)
{
	Call		call;
	EventReader *reader;
	int64		nold;
	int64		nnew;

	identify(fcinfo, &call, false);
	require_table(&call, call.data->tg_oldtable, "OLD TABLE");
	require_table(&call, call.data->tg_newtable, "NEW TABLE");
	nold = tuplestore_tuple_count(call.data->tg_oldtable);
	nnew = tuplestore_tuple_count(call.data->tg_newtable);
	if (nold == 0 && nnew == 0 && !any_moved_keys())
		return PointerGetDatum(NULL);
	call.nested = follows_deeper_call(call.source->pin->viewid);
	if (nold == nnew && !call.nested && !any_moved_keys() &&
		RelationGetRelid(call.data->tg_relation) == call.source->relid &&
		!any_pair_changed(&call))
		return PointerGetDatum(NULL);
	begin_call(&call);
	reader = call.source->reduces ? event_reader_open(call.program, call.source) :
		call.batch->reader;
	reader->context = call.batch->chunk;
	if (nold == nnew)
		add_changed_pairs(&call, reader);
	else
	{
		/* an insert half was suppressed: who pairs with whom is unknown */
		add_keys(&call, reader, call.data->tg_oldtable, true);
		add_keys(&call, reader, call.data->tg_newtable, false);
	}
	if (has_moved_keys(&call))
		add_own_rows(&call, reader);
	if (reader != call.batch->reader)
		event_reader_close(reader);
	end_call(&call);
	return PointerGetDatum(NULL);
}

/*
 * AFTER DELETE ... FOR EACH ROW on partitioned sources.  MERGE moves a row
 * between partitions without telling any statement trigger which: note the
 * key; the statement triggers that know the row take it off again, and what is
 * left over is read anew.
 */
Datum
source_moved(PG_FUNCTION_ARGS)
{
	Call		call;
	TupleTableSlot *slot;
	EventReader *reader;
	Datum	   *key;

	identify(fcinfo, &call, true);
	begin_call(&call);
	reader = call.source->reduces ? event_reader_open(call.program, call.source) :
		call.batch->reader;
	reader->context = call.batch->chunk;
	slot = root_row(&call, call.data->tg_trigslot);
	key = row_event_key(&call, reader, slot);
	if (key && !call.source->keep)
		note_moved_key(&call, key);
	if (reader != call.batch->reader)
		event_reader_close(reader);
	if (call.root_slot)
		ExecDropSingleTupleTableSlot(call.root_slot);
	batch_close(call.batch);
	return PointerGetDatum(NULL);
}
