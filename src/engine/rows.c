/*-------------------------------------------------------------------------
 *
 * rows.c
 *	  The rows of events by key, as they are now.
 *
 * One query a source and chunk: the keys, joined to the table, with the rights
 * of the program's owner.  What the rows mean is then evaluated like that of
 * new rows, so that one row that fails does not fail the others.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/pay.h"

#include "access/htup_details.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* what is being evaluated, for guarded() */
typedef struct ReadState
{
	Batch	   *batch;
	EventReader *reader;		/* of the source, or of a reducing one */
	TupleTableSlot *slot;
	FoundRow   *found;
	int			from;			/* rows [from, until) are those of one event */
	int			until;
	Event	   *event;
} ReadState;

/* Appends "t.column = k.keyN and ..." for the key of a source. */
static void
append_key_condition(StringInfo query, SourceConfig *source, const Pin *pin, int expr)
{
	int			i;

	if (expr >= 0)
	{
		appendStringInfo(query, "(%s) OPERATOR(pg_catalog.=) k.key1",
						 pin_deparse(pin, expr, "t"));
		return;
	}
	for (i = 0; i < source->nkeys; i++)
		appendStringInfo(query, "%st.%s OPERATOR(pg_catalog.=) k.key%d",
						 i == 0 ? "" : " AND ", quote_identifier(source->key_name[i]), i + 1);
}

/*
 * Finds the rows of a table that belong to events: joined by an expression of
 * the pin, or by the columns of the key of "keyed".  In order of events.
 */
static FoundRow *
find_rows(Batch *batch, Oid relid, SourceConfig *keyed, const Pin *pin, int expr,
		  Event *events, int nevents, bool read_only, int *nfound)
{
	MemoryContext context = CurrentMemoryContext;
	StringInfoData query;
	Oid			types[MAX_KEY_COLUMNS];
	Datum		values[MAX_KEY_COLUMNS];
	FoundRow   *found;
	int			guc_level;
	int			i;
	int			k;

	initStringInfo(&query);

	/* the cast makes it the row, whatever its columns are called */
	appendStringInfo(&query, "SELECT k.ord, (t.*)::%s FROM ROWS FROM (",
					 quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
												get_rel_name(relid)));
	for (i = 0; i < keyed->nkeys; i++)
		appendStringInfo(&query, "%spg_catalog.unnest($%d)", i == 0 ? "" : ", ", i + 1);
	appendStringInfoString(&query, ") WITH ORDINALITY AS k (");
	for (i = 0; i < keyed->nkeys; i++)
		appendStringInfo(&query, "key%d, ", i + 1);
	appendStringInfo(&query, "ord) JOIN %s AS t ON (",
					 quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
												get_rel_name(relid)));
	append_key_condition(&query, keyed, pin, expr);
	appendStringInfoString(&query, ") ORDER BY 1");

	for (i = 0; i < keyed->nkeys; i++)
	{
		Datum	   *column = MemoryContextAllocHuge(context, sizeof(Datum) * nevents);
		int16		len;
		bool		byval;
		char		align;

		for (k = 0; k < nevents; k++)
			column[k] = events[k].key[i];
		get_typlenbyvalalign(keyed->key_type[i], &len, &byval, &align);
		types[i] = get_array_type(keyed->key_type[i]);
		values[i] = PointerGetDatum(construct_array(column, nevents, keyed->key_type[i],
													len, byval, align));
	}

	/* deparsed expressions leave out pg_catalog, so that it must come first */
	guc_level = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	SPI_connect();
	if (SPI_execute_with_args(query.data, keyed->nkeys, types, values, NULL,
							  read_only, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read rows: %s", SPI_result_code_string(SPI_result));
	found = MemoryContextAllocHuge(context, sizeof(FoundRow) * Max(1, SPI_processed));
	for (i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		HeapTuple	tuple = SPI_tuptable->vals[i];
		HeapTupleHeader row;

		found[i].event = (int) DatumGetInt64(SPI_getbinval(tuple, SPI_tuptable->tupdesc, 1,
														   &isnull)) - 1;
		MemoryContextSwitchTo(context);
		row = DatumGetHeapTupleHeaderCopy(SPI_getbinval(tuple, SPI_tuptable->tupdesc, 2,
														&isnull));
		found[i].tuple.t_len = HeapTupleHeaderGetDatumLength(row);
		ItemPointerSetInvalid(&found[i].tuple.t_self);
		found[i].tuple.t_tableOid = relid;
		found[i].tuple.t_data = row;
	}
	*nfound = (int) SPI_processed;
	SPI_finish();
	AtEOXact_GUC(true, guc_level);
	MemoryContextSwitchTo(context);
	return found;
}

/* Evaluates the rows of one event: its member, instant, amounts. */
static void
read_source_rows(void *arg)
{
	ReadState  *state = (ReadState *) arg;
	Batch	   *batch = state->batch;
	Event	   *event = state->event;
	int			nrows = state->until - state->from;
	EventRow   *rows = nrows > 1 ? palloc0(sizeof(EventRow) * nrows) : &event->row;
	int			n = 0;
	int			i;

	for (i = state->from; i < state->until; i++)
	{
		SourceRow	source_row;
		EventRow   *row = &rows[n];

		ExecStoreHeapTuple(&state->found[i].tuple, state->slot, false);
		event_read_row(state->reader, state->slot, &source_row);
		if (!source_row.holds)
			continue;
		if (!source_row.has_at)
			source_row.at = program_clock(batch->program);
		state->reader->part = NULL;	/* what follows is no expression's fault */
		if (n > 0 && member_cmp(batch->program, event->member, source_row.member) != 0)
			ereport(ERROR,
					(errcode(ERRCODE_CARDINALITY_VIOLATION),
					 errmsg("the rows of event %s of source \"%s\" name different members",
							event_key_text(batch->source, event->key), batch->source->name)));
		event->member = source_row.member;
		event->at = n == 0 ? source_row.at : Min(event->at, source_row.at);
		row->mantissa = source_row.mantissa;
		row->scale = source_row.scale;
		row->holds = true;
		row->tuple = ExecCopySlotMinimalTuple(state->slot);
		n++;
	}
	event->nfound = nrows;
	event->rows = n > 1 ? rows : NULL;
	if (n == 1 && rows != &event->row)
		event->row = rows[0];
	event->nrows = n;
}

/* Sums what the rows of a reducing source take from one event. */
static void
read_reducing_rows(void *arg)
{
	ReadState  *state = (ReadState *) arg;
	Frac		sum = state->event->reduction;
	int			i;

	/* this source's expressions, not those that guarded() made ready */
	pin_prepare(state->reader->source->pin);
	for (i = state->from; i < state->until; i++)
	{
		SourceRow	source_row;
		EventRow	row;

		ExecStoreHeapTuple(&state->found[i].tuple, state->slot, false);
		event_read_row(state->reader, state->slot, &source_row);
		if (!source_row.holds)
			continue;
		row.mantissa = source_row.mantissa;
		row.scale = source_row.scale;
		core_check(frac_add(sum, event_row_amount(&row), &sum));
	}
	state->event->reduction = sum;
}

/* Evaluates found rows event by event; events whose rows fail are queued. */
static void
evaluate_rows(Batch *batch, ReadState *state, int nfound, Event *events,
			  void (*function) (void *arg))
{
	int			from = 0;

	while (from < nfound)
	{
		EvalError	error;

		state->from = from;
		for (state->until = from; state->until < nfound &&
			 state->found[state->until].event == state->found[from].event;)
			state->until++;
		state->event = &events[state->found[from].event];
		if (function == read_source_rows && pays(batch))
			pay_read_rows(batch, state->event, &state->found[from], state->until - from,
						  state->slot);
		if (state->event->nrows >= 0 && !guarded(batch, function, state, &error))
		{
			state->event->nrows = -1;
			state->event->failed = true;
			failed_event_add(batch, state->event->key, &error);
		}

		/* what earns nothing is paid in its turn, too */
		if (state->event->nrows == 0 && state->event->payment)
			state->event->at = state->event->payment->at;
		from = state->until;
		CHECK_FOR_INTERRUPTS();
	}
}

/* see batch.h */
void
take_event_rows(Batch *batch, Event *events, FoundRow *rows, int nrows)
{
	ReadState	state;

	memset(&state, 0, sizeof(state));
	state.batch = batch;
	state.reader = batch->reader;
	state.slot = MakeSingleTupleTableSlot(batch->reader->desc, &TTSOpsHeapTuple);
	state.found = rows;
	evaluate_rows(batch, &state, nrows, events, read_source_rows);
	ExecDropSingleTupleTableSlot(state.slot);
}

/* see batch.h */
void
read_event_rows(Batch *batch, Event *events, int nevents)
{
	SourceConfig *source = batch->source;
	FoundRow   *found;
	int			nfound;

	found = find_rows(batch, source->relid, source, source->pin,
					  source->event >= 0 ? source->event : source->key,
					  events, nevents, batch->options.dry, &nfound);
	take_event_rows(batch, events, found, nfound);
	read_event_reductions(batch, events, nevents);
}

/* see batch.h */
void
read_event_reductions(Batch *batch, Event *events, int nevents)
{
	SourceConfig *source = batch->source;
	ListCell   *lc;

	foreach(lc, source->reducers)
	{
		SourceConfig *reducer = (SourceConfig *) lfirst(lc);
		ReadState	state;
		int			nfound;

		memset(&state, 0, sizeof(state));
		state.batch = batch;
		state.reader = event_reader_open(batch->program, reducer);
		state.reader->context = batch->chunk;
		state.slot = MakeSingleTupleTableSlot(state.reader->desc, &TTSOpsHeapTuple);
		state.found = find_rows(batch, reducer->relid, source, reducer->pin,
								reducer->reduces_key, events, nevents, batch->options.dry,
								&nfound);
		evaluate_rows(batch, &state, nfound, events, read_reducing_rows);
		ExecDropSingleTupleTableSlot(state.slot);
		event_reader_close(state.reader);
	}
}

/* How many rows of reducing sources name events, as a snapshot sees it. */
static int64
count_reductions(Batch *batch, Event *events, int nevents, Snapshot snapshot)
{
	ListCell   *lc;
	int64		count = 0;

	PushActiveSnapshot(snapshot);
	foreach(lc, batch->source->reducers)
	{
		SourceConfig *reducer = (SourceConfig *) lfirst(lc);
		int			nfound;

		(void) find_rows(batch, reducer->relid, batch->source, reducer->pin,
						 reducer->reduces_key, events, nevents, true, &nfound);
		count += nfound;
	}
	PopActiveSnapshot();
	return count;
}

/* see chunk.h */
bool
reductions_have_changed(Batch *batch)
{
	bool		changed = false;
	int			from;
	int			i;

	for (from = 0; from < batch->nkeys && !changed; from += CHUNK_CHANGED_EVENTS)
	{
		MemoryContext old = MemoryContextSwitchTo(batch->chunk);
		RightsSave	rights;

		for (i = from; i < batch->nkeys && i < from + CHUNK_CHANGED_EVENTS; i++)
			batch_new_event(batch)->key = batch->keys[i].key;
		rights_enter(batch->program->ref.owner, SECURITY_NOFORCE_RLS, &rights);
		changed = count_reductions(batch, batch->events, batch->nevents,
								   GetTransactionSnapshot()) !=
			count_reductions(batch, batch->events, batch->nevents, GetLatestSnapshot());
		rights_leave(&rights);
		MemoryContextSwitchTo(old);
		end_chunk(batch);
	}
	return changed;
}
