/*-------------------------------------------------------------------------
 *
 * keys.c
 *	  Posts events that are named by their keys, whose rows are read as they
 *	  are now.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/arrays.h"
#include "engine/pay.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/* an event of several rows counts for many */
#define CHUNK_LARGE_EVENTS		1000

/* see batch.h */
void
batch_add_key(Batch *batch, const Datum *key)
{
	MemoryContext old;
	PendingKey *pending;

	if (batch->key_context == NULL)
		batch->key_context = AllocSetContextCreate(batch->context, "loyalty keys",
												   ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(batch->key_context);
	if (batch->nkeys == batch->keys_capacity)
		batch->keys = array_grow(CurrentMemoryContext, batch->keys, sizeof(PendingKey),
								 &batch->keys_capacity, 16);
	pending = &batch->keys[batch->nkeys++];
	pending->key = event_key_copy(batch->source, key);
	pending->has_member = false;
	MemoryContextSwitchTo(old);
}

/* see batch.h */
void
batch_add_key_of(Batch *batch, const Datum *key, Datum member)
{
	MemoryContext old;
	PendingKey *pending;

	batch_add_key(batch, key);
	old = MemoryContextSwitchTo(batch->key_context);
	pending = &batch->keys[batch->nkeys - 1];
	pending->has_member = true;
	pending->member = member_copy(batch->program, member);
	MemoryContextSwitchTo(old);
}

/* see batch.h */
void
batch_move_key(Batch *batch, const Datum *old_key, const Datum *new_key)
{
	MemoryContext old = MemoryContextSwitchTo(batch->context);

	if (batch->nmoves + 2 > batch->moves_capacity)
		batch->moves = array_grow(CurrentMemoryContext, batch->moves, sizeof(Datum *),
								  &batch->moves_capacity, 16);
	batch->moves[batch->nmoves++] = event_key_copy(batch->source, old_key);
	batch->moves[batch->nmoves++] = event_key_copy(batch->source, new_key);
	MemoryContextSwitchTo(old);
	batch_add_key(batch, old_key);
	batch_add_key(batch, new_key);
}

/* a key and when it came, to leave out repetitions */
typedef struct KeyOrder
{
	const SourceConfig *source;
	PendingKey	pending;
	int			ord;
} KeyOrder;

static int
key_order(const void *a, const void *b)
{
	const KeyOrder *left = (const KeyOrder *) a;
	const KeyOrder *right = (const KeyOrder *) b;
	int			cmp = event_key_cmp(left->source, left->pending.key, right->pending.key);

	return cmp != 0 ? cmp : left->ord - right->ord;
}

static int
arrival_order(const void *a, const void *b)
{
	return ((const KeyOrder *) a)->ord - ((const KeyOrder *) b)->ord;
}

/* The remembered keys by key, and those that are the same by arrival. */
static KeyOrder *
keys_in_order(Batch *batch)
{
	KeyOrder   *order = MemoryContextAllocHuge(batch->context,
											   sizeof(KeyOrder) * Max(1, batch->nkeys));
	int			i;

	for (i = 0; i < batch->nkeys; i++)
	{
		order[i].source = batch->source;
		order[i].pending = batch->keys[i];
		order[i].ord = i;
	}
	qsort(order, batch->nkeys, sizeof(KeyOrder), key_order);
	return order;
}

/* Leaves each remembered key once, in order of first arrival. */
static void
distinct_keys(Batch *batch)
{
	KeyOrder   *order;
	int			n = 0;
	int			i;

	if (batch->nkeys < 2)
		return;
	order = keys_in_order(batch);
	for (i = 0; i < batch->nkeys; i++)
	{
		if (n == 0 || event_key_cmp(batch->source, order[n - 1].pending.key,
									order[i].pending.key) != 0)
			order[n++] = order[i];
		else if (order[i].pending.has_member && !order[n - 1].pending.has_member)
		{
			order[n - 1].pending.has_member = true;
			order[n - 1].pending.member = order[i].pending.member;
		}
	}
	qsort(order, n, sizeof(KeyOrder), arrival_order);
	for (i = 0; i < n; i++)
		batch->keys[i] = order[i].pending;
	batch->nkeys = n;
	pfree(order);
}

/* see batch.h */
void
batch_sort_keys(Batch *batch)
{
	KeyOrder   *order = keys_in_order(batch);
	int			i;

	for (i = 0; i < batch->nkeys; i++)
		batch->keys[i] = order[i].pending;
	pfree(order);
}

/* Moves the keys that were added last, from index `from' on, to go before those from `to' on. */
static void
put_keys_before(Batch *batch, int to, int from)
{
	Size		n = sizeof(PendingKey) * (batch->nkeys - from);
	PendingKey *added;

	if (n == 0 || to == from)
		return;
	added = palloc_extended(n, MCXT_ALLOC_HUGE);
	memcpy(added, batch->keys + from, n);
	memmove(batch->keys + to + (batch->nkeys - from), batch->keys + to,
			sizeof(PendingKey) * (from - to));
	memcpy(batch->keys + to, added, n);
	pfree(added);
}

/* Forgets the keys that were remembered. */
static void
forget_keys(Batch *batch)
{
	if (batch->key_context)
		MemoryContextReset(batch->key_context);
	batch->keys = NULL;
	batch->nkeys = 0;
	batch->keys_capacity = 0;
}

/* Whether others may change the rows of our events while we wait for a lock. */
static bool
rows_may_move(Batch *batch)
{
	return !batch->options.own_rows || batch->source->several_rows ||
		batch->source->key >= 0 || batch->source->reducers != NIL;
}

/*
 * Finds what the chunk's events have posted.  Not the last time: what is to be
 * done about events without rows and posting is decided when their members'
 * accounts are locked.
 */
static void
load_postings(Batch *batch, bool last)
{
	int			i;

	for (i = 0; i < batch->nevents; i++)
	{
		Event	   *event = &batch->events[i];
		Posting		posting;

		if (event->nrows < 0)
			continue;			/* failed, and queued */
		event->posting = NULL;
		if (ledger_find_posting(batch->ledger, event->key, &posting))
		{
			event->posting = palloc(sizeof(Posting));
			*event->posting = posting;

			/* without an instant of its own an event keeps that of its posting */
			if (batch->source->occurred_at < 0 || event->nrows == 0)
				event->at = posting.occurred_at;
		}
		if (event->nrows > 0 || event->posting)
		{
			if (event->at < batch->window_from || event->at >= batch->window_until)
			{
				event->nrows = -1;
				continue;
			}
		}
		if (event->nrows > 0)
			continue;
		if (event->posting == NULL && event->has_witness && !last)
			continue;
		if (event->posting == NULL)
			skip_event(batch, event, event->nfound == 0 ? "there is no such event" :
					   "the source's condition does not hold, or no member is named");
		else if (event->nfound == 0 && !batch->options.judge_orphans &&
				 (batch->options.keep_orphans || batch->source->keep))
			skip_event(batch, event, "its rows are gone");
	}
}

/* Reads the events of keys [from, until) into the chunk, with their postings. */
static void
load_keys(Batch *batch, int from, int until, bool last)
{
	int			i;

	batch->nevents = 0;
	for (i = from; i < until; i++)
	{
		Event	   *event = batch_new_event(batch);

		event->key = batch->keys[i].key;
		event->has_witness = batch->keys[i].has_member;
		event->witness = batch->keys[i].member;
	}
	read_event_rows(batch, batch->events, batch->nevents);
	load_postings(batch, last);
	if (pays(batch))
		pay_load(batch);
}

static int
instant_order(const void *a, const void *b)
{
	const Event *left = (const Event *) a;
	const Event *right = (const Event *) b;

	if (left->at != right->at)
		return left->at < right->at ? -1 : 1;
	return left->ord < right->ord ? -1 : 1;
}

/*
 * Puts the chunk's events in the order of their instants: the query that named
 * them knows those of all rows, also of rows that do not count.
 */
static void
sort_by_instant(Batch *batch)
{
	int			i;

	qsort(batch->events, batch->nevents, sizeof(Event), instant_order);
	for (i = 0; i < batch->nevents; i++)
		batch->events[i].ord = i;
}

/* Takes events that could be judged this time off the queue. */
static void
clear_failures(Batch *batch)
{
	int			i;

	for (i = 0; i < batch->nevents && batch->clears_failures; i++)
	{
		if (!batch->events[i].failed)
			failed_event_clear(batch, batch->events[i].key);
	}
}

/* Notes the members of the events of all remembered keys. */
static void
note_members_of_keys(MemberNotes *notes, Batch *batch)
{
	int			from;
	int			until;
	int			i;

	for (from = 0; from < batch->nkeys; from = until)
	{
		MemoryContext old = MemoryContextSwitchTo(batch->chunk);
		MemberInstant *members;
		int			nmembers;

		until = Min(batch->nkeys, from + CHUNK_CHANGED_EVENTS);
		open_ledger(batch);
		batch->looks_only = true;
		load_keys(batch, from, until, false);
		batch->looks_only = false;
		members = chunk_members(batch, &nmembers);
		for (i = 0; i < nmembers; i++)
			note_member(notes, members[i].member, members[i].joined_at);
		MemoryContextSwitchTo(old);
		close_ledger(batch);
		end_chunk(batch);
	}
}

/* see batch.h */
void
batch_lock_feeds(KeyFeed *feeds, int nfeeds)
{
	MemberNotes notes;
	int			i;

	if (nfeeds == 0)
		return;
	memset(&notes, 0, sizeof(notes));
	notes.batch = feeds[0].batch;
	for (i = 0; i < nfeeds; i++)
	{
		feeds[i].rewind(&feeds[i]);
		while (feeds[i].next(&feeds[i]))
		{
			note_members_of_keys(&notes, feeds[i].batch);
			forget_keys(feeds[i].batch);
		}
	}
	lock_noted_members(&notes);
}

/* see batch.h */
void
batch_give_back_keys(Batch *batch)
{
	int			from;
	int			until;

	distinct_keys(batch);
	batch->gives_back = true;
	for (from = 0; from < batch->nkeys; from = until)
	{
		MemoryContext old = MemoryContextSwitchTo(batch->chunk);
		MemberInstant *members;
		int			nmembers;

		until = Min(batch->nkeys, from + CHUNK_CHANGED_EVENTS);
		open_ledger(batch);
		load_keys(batch, from, until, true);
		members = chunk_members(batch, &nmembers);
		match_loaded(batch);
		post_chunk(batch, members, nmembers, true);
		MemoryContextSwitchTo(old);
		close_ledger(batch);
		end_chunk(batch);
		if (!batch->options.dry)
			CommandCounterIncrement();
	}
	batch->gives_back = false;
	forget_keys(batch);
}

/* Compares a member with one of a sorted array, for bsearch_arg. */
static int
member_order(const void *a, const void *b, void *program)
{
	return member_cmp((const Program *) program, *(const Datum *) a, *(const Datum *) b);
}

/* see batch.h */
void
batch_post_keys(Batch *batch)
{
	int			from;
	int			until;
	int			piece = batch->source->several_rows ? CHUNK_LARGE_EVENTS :
		CHUNK_CHANGED_EVENTS;

	lock_unposted_keys(batch);
	move_postings(batch);
	if (batch->nkeys == 0)
		return;
	distinct_keys(batch);

	/* a large batch: all its accounts are locked before anything is posted */
	if (batch->nkeys > piece && !batch->options.dry)
	{
		MemberNotes notes;

		memset(&notes, 0, sizeof(notes));
		notes.batch = batch;
		note_members_of_keys(&notes, batch);
		lock_noted_members(&notes);
	}

	for (from = 0; from < batch->nkeys; from = until)
	{
		MemoryContext old = MemoryContextSwitchTo(batch->chunk);
		MemberInstant *members;
		int			nmembers;
		int			nkeys = batch->nkeys;
		int			before;
		int			i;

		until = Min(nkeys, from + piece);
		batch_top_up(batch);
		open_ledger(batch);
		batch->looks_only = rows_may_move(batch) && !batch->options.dry;
		load_keys(batch, from, until, batch->options.dry);
		batch->looks_only = false;
		if (batch->options.history && batch->source->several_rows)
			sort_by_instant(batch);
		batch->clears_failures = failed_events_exist(batch);
		members = chunk_members(batch, &nmembers);
		enrol(batch, members, nmembers);
		if (!batch->options.dry)
		{
			Datum	   *ids = palloc(sizeof(Datum) * Max(1, nmembers));

			for (i = 0; i < nmembers; i++)
				ids[i] = members[i].member;
			ledger_lock_accounts(batch->ledger, ids, nmembers);

			/*
			 * What was read before the lock may have been posted, or changed,
			 * by whoever held it.  Read again; a member that appears only now
			 * cannot be locked in order any more.
			 */
			ledger_refresh(batch->ledger);
			before = nmembers;
			if (rows_may_move(batch))
				load_keys(batch, from, until, true);
			else
			{
				load_postings(batch, true);
				if (pays(batch))
					pay_load(batch);
			}
			if (batch->options.history && batch->source->several_rows)
				sort_by_instant(batch);
			members = chunk_members(batch, &nmembers);
			for (i = 0; i < nmembers; i++)
			{
				if (bsearch_arg(&members[i].member, ids, before, sizeof(Datum),
								member_order, batch->program) == NULL)
					ereport(ERROR,
							(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
							 errmsg("could not serialize access due to concurrent update"),
							 errdetail("An event of source \"%s\" has changed its member meanwhile.",
									   batch->source->name)));
			}
		}
		match_loaded(batch);
		post_chunk(batch, members, nmembers, true);
		clear_failures(batch);
		MemoryContextSwitchTo(old);
		close_ledger(batch);
		end_chunk(batch);
		if (!batch->options.dry)
			CommandCounterIncrement();

		/* what was put off goes on before what comes later */
		put_keys_before(batch, until, nkeys);
	}
	forget_keys(batch);
}
