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

#include "engine/batch.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/tupconvert.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

/* the depth at which a source's triggers last ran in this transaction */
typedef struct SourceDepth
{
	Oid			pin;
	int			depth;
} SourceDepth;

/* keys of rows that left a partition, see source_moved */
typedef struct MovedKey
{
	Oid			pin;
	int32		source_no;
	Datum	   *key;
} MovedKey;

/* both live in TopTransactionContext; reset when the transaction ends */
static List *source_depths = NIL;
static List *moved_keys = NIL;
static LocalTransactionId lists_lxid = InvalidLocalTransactionId;

/* one call of a trigger */
typedef struct Call
{
	TriggerData *data;
	Program    *program;
	SourceConfig *source;
	Batch	   *batch;
	TupleConversionMap *map;	/* to the root table's format, or NULL */
	TupleTableSlot *root_slot;
	bool		nested;			/* it follows a deeper call for the source */
} Call;

static Datum *row_event_key(Call *call, EventReader *reader, TupleTableSlot *slot);

/* -------- whose trigger -------- */

/* The relation that a trigger's WHEN clause names; a tree walker. */
static bool
find_pin_walker(Node *node, Oid *pin)
{
	if (node == NULL)
		return false;
	if (IsA(node, Const) && ((Const *) node)->consttype == REGCLASSOID &&
		!((Const *) node)->constisnull)
	{
		*pin = DatumGetObjectId(((Const *) node)->constvalue);
		return true;
	}
	return expression_tree_walker(node, find_pin_walker, (void *) pin);
}

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

static void refuse_trigger(Relation rel) pg_attribute_noreturn();

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
	Oid			pin = InvalidOid;
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
	if (data->tg_trigger->tgqual)
		find_pin_walker((Node *) stringToNode(data->tg_trigger->tgqual), &pin);
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

/* -------- memory of the transaction -------- */

/* Starts the lists anew in a new transaction. */
static void
check_lists(void)
{
	if (lists_lxid == loyalty_my_lxid())
		return;
	source_depths = NIL;
	moved_keys = NIL;
	lists_lxid = loyalty_my_lxid();
}

/*
 * Whether a deeper call for the source has run since the last one at this
 * depth: a row trigger of the application may have changed the very rows that
 * the transition table shows as they were.
 */
static bool
follows_deeper_call(Oid pin)
{
	int			depth = DatumGetInt32(DirectFunctionCall1(pg_trigger_depth, (Datum) 0));
	ListCell   *lc;
	MemoryContext old;
	SourceDepth *item;

	check_lists();
	foreach(lc, source_depths)
	{
		item = (SourceDepth *) lfirst(lc);
		if (item->pin == pin)
		{
			bool		deeper = item->depth > depth;

			item->depth = depth;
			return deeper;
		}
	}

	/* nothing to remember as long as all calls are at the top */
	if (depth <= 1)
		return false;
	old = MemoryContextSwitchTo(TopTransactionContext);
	item = palloc(sizeof(SourceDepth));
	item->pin = pin;
	item->depth = depth;
	source_depths = lappend(source_depths, item);
	MemoryContextSwitchTo(old);
	return false;
}

/* Takes a key off the list of rows that left a partition. */
static void
forget_moved_key(Call *call, const Datum *key)
{
	ListCell   *lc;

	foreach(lc, moved_keys)
	{
		MovedKey   *moved = (MovedKey *) lfirst(lc);

		if (moved->pin == call->source->pin->viewid &&
			event_key_cmp(call->source, moved->key, key) == 0)
		{
			moved_keys = foreach_delete_current(moved_keys, lc);
			return;
		}
	}
}

/* Whether rows have left partitions that no statement trigger has told of yet. */
static bool
has_moved_keys(const Call *call)
{
	ListCell   *lc;

	foreach(lc, moved_keys)
	{
		if (((MovedKey *) lfirst(lc))->pin == call->source->pin->viewid)
			return true;
	}
	return false;
}

/* Adds the keys that are still on the list to the batch. */
static void
take_moved_keys(Call *call)
{
	ListCell   *lc;

	foreach(lc, moved_keys)
	{
		MovedKey   *moved = (MovedKey *) lfirst(lc);

		if (moved->pin != call->source->pin->viewid)
			continue;
		batch_add_key(call->batch, moved->key);
		moved_keys = foreach_delete_current(moved_keys, lc);
	}
}

/*
 * Adds the keys of all rows that this transaction has written.  This is how
 * rows are found that MERGE has moved to another partition: no trigger is told
 * where they went.
 */
static void
add_own_rows(Call *call, EventReader *reader)
{
	List	   *parts = find_all_inheritors(call->source->relid, NoLock, NULL);
	Snapshot	snapshot;
	ListCell   *lc;

	/* what this very command has written must be seen */
	CommandCounterIncrement();
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	foreach(lc, parts)
	{
		Relation	part = table_open(lfirst_oid(lc), AccessShareLock);
		TupleConversionMap *map;
		TupleTableSlot *slot;
		TupleTableSlot *root = call->batch->reader->row_slot;
		TableScanDesc scan;

		if (part->rd_rel->relkind != RELKIND_RELATION)
		{
			table_close(part, AccessShareLock);
			continue;
		}
		map = convert_tuples_by_name(RelationGetDescr(part), call->batch->reader->desc);
		if (map)
			root = MakeSingleTupleTableSlot(call->batch->reader->desc, &TTSOpsVirtual);
		slot = table_slot_create(part, NULL);
		scan = table_beginscan(part, snapshot, 0, NULL);
		while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
		{
			bool		isnull;
			TransactionId xmin =
			DatumGetTransactionId(slot_getsysattr(slot, MinTransactionIdAttributeNumber,
												  &isnull));
			Datum	   *key;

			CHECK_FOR_INTERRUPTS();
			if (!TransactionIdIsCurrentTransactionId(xmin))
				continue;
			key = row_event_key(call, reader,
								map ? execute_attr_map_slot(map->attrMap, slot, root) : slot);
			if (key)
				batch_add_key(call->batch, key);
			MemoryContextReset(call->batch->chunk);
		}
		table_endscan(scan);
		ExecDropSingleTupleTableSlot(slot);
		if (map)
			ExecDropSingleTupleTableSlot(root);
		table_close(part, AccessShareLock);
	}
	UnregisterSnapshot(snapshot);
}

/* -------- rows -------- */

/* Begins a call: the batch, and the way to the root table's format. */
static void
begin_call(Call *call)
{
	Relation	rel = call->data->tg_relation;
	SourceConfig *posted = call->source->reduces ? call->source->reduces : call->source;
	BatchOptions options;

	memset(&options, 0, sizeof(options));
	options.own_rows = posted == call->source;
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

/* A row in the format of the root table. */
static TupleTableSlot *
root_row(Call *call, TupleTableSlot *slot)
{
	if (call->map == NULL)
		return slot;
	return execute_attr_map_slot(call->map->attrMap, slot, call->root_slot);
}

/* a transition table being read, with a read pointer of our own */
typedef struct Transition
{
	Call	   *call;
	Tuplestorestate *store;
	int			pointer;
	TupleTableSlot *slot;
} Transition;

static void
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

static bool
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

static void
rewind_rows(void *arg)
{
	Transition *transition = (Transition *) arg;

	tuplestore_select_read_pointer(transition->store, transition->pointer);
	tuplestore_rescan(transition->store);
}

static void
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

/*
 * The key of the event that a row belongs to, or reduces; NULL if there is
 * none.  A key expression that fails leaves nothing to queue the row under.
 */
static Datum *
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

/* Remembers the events of all rows of a transition table. */
static void
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

/* Whether a source's keys say directly which rows, so that pairs can move. */
static bool
rows_are_events(const SourceConfig *source)
{
	return !source->several_rows && source->key < 0 && source->reduces == NULL;
}

LOYALTY_FUNCTION(source_insert);
LOYALTY_FUNCTION(source_update);
LOYALTY_FUNCTION(source_delete);
LOYALTY_FUNCTION(source_moved);

static void require_table(Call *call, Tuplestorestate *store, const char *name);

/* AFTER INSERT ... FOR EACH STATEMENT on a source */
Datum
source_insert(PG_FUNCTION_ARGS)
{
	Call		call;
	Transition	transition;
	RowFeed		feed;

	identify(fcinfo, &call, false);
	require_table(&call, call.data->tg_newtable, "NEW TABLE");
	if (tuplestore_tuple_count(call.data->tg_newtable) == 0 && moved_keys == NIL)
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

/* AFTER DELETE ... FOR EACH STATEMENT on a source */
Datum
source_delete(PG_FUNCTION_ARGS)
{
	Call		call;
	EventReader *reader;

	identify(fcinfo, &call, false);
	require_table(&call, call.data->tg_oldtable, "OLD TABLE");
	if (tuplestore_tuple_count(call.data->tg_oldtable) == 0 && moved_keys == NIL)
		return PointerGetDatum(NULL);
	call.nested = follows_deeper_call(call.source->pin->viewid);
	begin_call(&call);
	reader = call.source->reduces ? event_reader_open(call.program, call.source) :
		call.batch->reader;
	reader->context = call.batch->chunk;
	if (!call.source->keep)
		add_keys(&call, reader, call.data->tg_oldtable, true);
	if (reader != call.batch->reader)
		event_reader_close(reader);
	end_call(&call);
	return PointerGetDatum(NULL);
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

/*
 * Whether any pair of rows differs in what the source reads.  Most updates of
 * a shop do not concern us, and should cost a comparison and nothing else.
 */
static bool
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

/* Pairs old and new rows, which stand in the same order. */
static void
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
		if (!call->nested && moved_keys == NIL && !row_changed(call, old_row, new_row))
			continue;
		old_key = row_event_key(call, reader, old_row);
		new_key = row_event_key(call, reader, new_row);
		if (old_key)
			forget_moved_key(call, old_key);
		if (rows_are_events(call->source) && old_key && new_key &&
			event_key_cmp(call->source, old_key, new_key) != 0)
			batch_move_key(call->batch, old_key, new_key);
		else if (call->nested || moved_keys != NIL || row_changed(call, old_row, new_row))
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
	if (nold == 0 && nnew == 0 && moved_keys == NIL)
		return PointerGetDatum(NULL);
	call.nested = follows_deeper_call(call.source->pin->viewid);
	if (nold == nnew && !call.nested && moved_keys == NIL &&
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
	{
		MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
		MovedKey   *moved = palloc(sizeof(MovedKey));

		check_lists();
		moved->pin = call.source->pin->viewid;
		moved->source_no = call.source->source_no;
		moved->key = event_key_copy(call.batch->source, key);
		moved_keys = lappend(moved_keys, moved);
		MemoryContextSwitchTo(old);
	}
	if (reader != call.batch->reader)
		event_reader_close(reader);
	if (call.root_slot)
		ExecDropSingleTupleTableSlot(call.root_slot);
	batch_close(call.batch);
	return PointerGetDatum(NULL);
}
