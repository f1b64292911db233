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
 * New events are posted member by member, so that each account is read and
 * written once and the ledger grows in the order of its key.  Budgets are
 * shared by all members: where one may run short, and for events that change,
 * the order of arrival decides, and the chunk's accounts stay in memory.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/batch.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

/* events of a chunk: new ones, and those whose accounts stay in memory */
#define CHUNK_NEW_EVENTS		300000
#define CHUNK_CHANGED_EVENTS	20000
#define CHUNK_LARGE_EVENTS		1000	/* of several rows each */

/* see batch.h */
Batch *
batch_open(Program *program, SourceConfig *source, const BatchOptions *options)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "loyalty batch",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Batch	   *batch = palloc0(sizeof(Batch));

	batch->program = program;
	batch->source = source;
	if (options)
		batch->options = *options;
	batch->context = context;
	batch->chunk = AllocSetContextCreate(context, "loyalty chunk", ALLOCSET_DEFAULT_SIZES);
	batch->key_context = AllocSetContextCreate(context, "loyalty keys",
											   ALLOCSET_DEFAULT_SIZES);
	batch->window_from = DT_NOBEGIN;
	batch->window_until = DT_NOEND;
	batch->reader = event_reader_open(program, source);
	batch->reader->context = batch->chunk;
	batch->reader->assume_condition = batch->options.assume_condition;
	batch->reader->instant_is_now = batch->options.instant_is_now;
	MemoryContextSwitchTo(old);
	return batch;
}

/* see batch.h */
void
batch_close(Batch *batch)
{
	event_reader_close(batch->reader);
	MemoryContextDelete(batch->context);
}

/* -------- evaluation that may fail -------- */

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

/* Makes the expressions of the source and of a configuration ready. */
static void
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
bool
guarded(Batch *batch, void (*function) (void *arg), void *arg, EvalError *error)
{
	MemoryContext old = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	EventReader *reader = batch->reader;
	Oid			program_owner = batch->program->ref.owner;
	volatile bool fine = true;
	PinScope	scope;
	ErrorContextCallback callback;

	reader->part = NULL;
	if (!batch->program->queue_errors || batch->options.raise_errors)
	{
		callback.callback = evaluation_context;
		callback.arg = reader;
		callback.previous = error_context_stack;
		error_context_stack = &callback;
		pin_enter(program_owner, reader->tz, reader->builtin, &scope);
		prepare_expressions(batch, batch->program->rules);
		function(arg);
		pin_leave(&scope);
		error_context_stack = callback.previous;
		return true;
	}

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(old);
	pin_enter(program_owner, reader->tz, reader->builtin, &scope);
	PG_TRY();
	{
		prepare_expressions(batch, batch->program->rules);
		function(arg);
		pin_leave(&scope);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *caught;

		MemoryContextSwitchTo(old);
		caught = CopyErrorData();
		FlushErrorState();
		pin_leave(&scope);
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(old);
		CurrentResourceOwner = owner;
		if (!may_be_queued(caught->sqlerrcode))
			ReThrowError(caught);
		error->sqlstate = pstrdup(unpack_sql_state(caught->sqlerrcode));
		error->message = reader->part == NULL ? caught->message :
			psprintf("%s (%s)", caught->message, event_reader_whereabouts(reader));
		fine = false;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	CurrentResourceOwner = owner;
	return fine;
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
		ExecStoreMinimalTuple(row->tuple, reader->row_slot, false);
		ResetExprContext(reader->econtext);
		event_match_rules(reader, match->rules, row, reader->row_slot, false, true);
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

/* -------- events of a chunk -------- */

/* see batch.h */
Event *
batch_new_event(Batch *batch)
{
	Event	   *event;

	if (batch->nevents == batch->capacity)
	{
		Size		size;

		batch->capacity = Max(16, batch->capacity * 2);
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

/* Forgets the chunk's events, to take the next. */
static void
end_chunk(Batch *batch)
{
	batch->nevents = 0;
	MemoryContextReset(batch->chunk);
}

/* sorting of members */
typedef struct MemberInstant
{
	Datum		member;
	TimestampTz joined_at;		/* of the first event in order of arrival;
								 * DT_NOEND: does not enrol */
	uint32		ord;
} MemberInstant;

static int
member_instant_order(const void *a, const void *b, void *program)
{
	const MemberInstant *left = (const MemberInstant *) a;
	const MemberInstant *right = (const MemberInstant *) b;
	int			cmp = member_cmp((const Program *) program, left->member, right->member);

	if (cmp != 0)
		return cmp;
	return left->ord < right->ord ? -1 : left->ord > right->ord ? 1 : 0;
}

/* the same for whole numbers, inlined */
#define ST_SORT sort_numbered_members
#define ST_ELEMENT_TYPE MemberInstant
#define ST_COMPARE(a, b) \
	((int64) (a)->member < (int64) (b)->member ? -1 : \
	 (int64) (a)->member > (int64) (b)->member ? 1 : \
	 (a)->ord < (b)->ord ? -1 : (a)->ord > (b)->ord)
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/* Sorts members, and occurrences of one by arrival. */
static void
sort_members(Program *program, MemberInstant *members, int nmembers)
{
	if (nmembers < 2)
		return;
	if (program->ref.member_type == INT8OID || program->ref.member_type == INT4OID)
		sort_numbered_members(members, nmembers);
	else
		qsort_arg(members, nmembers, sizeof(MemberInstant), member_instant_order, program);
}

/* Sorts members, leaves one of each, the first to arrive; returns how many. */
static int
distinct_members(Program *program, MemberInstant *members, int nmembers)
{
	int			n = 0;
	int			i;

	sort_members(program, members, nmembers);
	for (i = 0; i < nmembers; i++)
	{
		if (n > 0 && member_cmp(program, members[n - 1].member, members[i].member) == 0)
		{
			if (members[n - 1].joined_at == DT_NOEND)
				members[n - 1].joined_at = members[i].joined_at;
			continue;
		}
		members[n++] = members[i];
	}
	return n;
}

/* Makes accounts for members that have none, if the program enrols by itself. */
static void
enrol(Batch *batch, Ledger *ledger, MemberInstant *members, int nmembers)
{
	Program    *program = batch->program;
	Datum	   *ids;
	TimestampTz *joined_at;
	int			n = 0;
	int			i;

	if (batch->options.dry || (program->enrolment != 'a' && !batch->options.enrol_always))
		return;
	ids = palloc(sizeof(Datum) * Max(1, nmembers));
	joined_at = palloc(sizeof(TimestampTz) * Max(1, nmembers));
	for (i = 0; i < nmembers; i++)
	{
		if (members[i].joined_at == DT_NOEND)
			continue;
		ids[n] = members[i].member;
		joined_at[n++] = members[i].joined_at;
	}
	ledger_enrol(ledger, ids, joined_at, n);
	pfree(ids);
	pfree(joined_at);
}

/* Refuses, or leaves to be ignored, a member that is unknown. */
static void
unknown_member(Batch *batch, Event *event)
{
	if (batch->program->enrolment == 'e' && !batch->options.reprices &&
		(!batch->options.dry || batch->options.raise_errors))
		ereport(ERROR,
				(errcode(ERRCODE_LOYALTY_UNKNOWN_MEMBER),
				 errmsg("member %s is not enrolled in program \"%s\"",
						member_text(batch->program, event->member), batch->program->ref.name),
				 errdetail("Event %s of source \"%s\" names it.",
						   event_key_text(batch->source, event->key), batch->source->name),
				 errhint("Insert the member into table \"member\", or set the program's enrolment to 'auto'.")));
}

/* Whether an event may not post because its member is not, or was not, enrolled. */
static bool
event_is_ignored(Batch *batch, Event *event, AccountState *account)
{
	if (account == NULL)
	{
		if (event->nrows > 0)
			unknown_member(batch, event);
		return true;
	}
	if (batch->program->enrolment != 'i' || batch->options.enrol_always ||
		event->at >= account->joined_at)
		return false;

	/* what has been granted before the member joined stays granted */
	return event->posting == NULL || event->posting->occurred_at != event->at ||
		member_cmp(batch->program, event->posting->member, event->member) != 0;
}

/* The index of a member among the chunk's sorted members. */
static int
find_member(Batch *batch, const MemberInstant *members, int nmembers, Datum member)
{
	int			low = 0;
	int			high = nmembers - 1;

	while (low <= high)
	{
		int			middle = (low + high) / 2;
		int			cmp = member_cmp(batch->program, members[middle].member, member);

		if (cmp == 0)
			return middle;
		if (cmp < 0)
			low = middle + 1;
		else
			high = middle - 1;
	}
	elog(ERROR, "member of an event is not among those of its chunk");
	return -1;
}

/* Compares a member with one of a sorted array, for bsearch_arg. */
static int
member_order(const void *a, const void *b, void *program)
{
	return member_cmp((const Program *) program, *(const Datum *) a, *(const Datum *) b);
}

/* The account of an event's member; NULL if there is none. */
static AccountState *
open_account(Batch *batch, Datum member, const Event *event)
{
	AccountState *account = ledger_account(batch->ledger, member);

	if (!batch->options.dry)
		return account;
	account = dry_account(batch, member, account);
	if (account == NULL && batch->program->enrolment == 'a')
		account = ledger_blank_account(batch->ledger, member, event->at);
	return account;
}

/* Books what is due at the end of a member's events, and saves the account. */
static void
finish_account(Batch *batch, AccountState *account)
{
	account_bring_to(batch->ledger, account, account->now);
	ledger_save_account(batch->ledger, account);
	if (batch->options.dry && batch->options.reprices)
		dry_keep_account(batch, account);
}

/* Whether a budget may have a say in the chunk. */
static bool
has_budgets(Batch *batch)
{
	RuleSet    *rules = batch->program->rules;
	int			i;

	for (i = 0; i < rules->nrules; i++)
	{
		if (rules->rules[i].has_budget && rule_concerns(&rules->rules[i], batch->source))
			return true;
	}
	return false;
}

/*
 * Whether a row that was read before its member's account was locked has
 * changed, or been posted, since.  Whoever changes it takes the lock, too.
 */
static bool
event_is_stale(Batch *batch, Event *event)
{
	Relation	rel;
	TupleTableSlot *slot;
	Snapshot	snapshot;
	Posting		posting;
	bool		current;

	if (!OidIsValid(event->row_table))
		return false;
	rel = table_open(event->row_table, AccessShareLock);
	slot = table_slot_create(rel, NULL);
	snapshot = RegisterSnapshot(IsolationUsesXactSnapshot() ? GetTransactionSnapshot() :
								GetLatestSnapshot());
	current = table_tuple_fetch_row_version(rel, &event->row_tid, snapshot, slot);
	UnregisterSnapshot(snapshot);
	ExecDropSingleTupleTableSlot(slot);
	table_close(rel, AccessShareLock);
	if (!current)
		return true;
	if (!batch->ledger->account_moved)
		return false;

	/* somebody has posted for the member meanwhile: this event, perhaps */
	ledger_refresh(batch->ledger);
	return ledger_find_posting(batch->ledger, event->key, &posting);
}

/*
 * Posts the chunk's events.  ordered: in order of arrival, with all accounts
 * in memory; else member by member.
 */
static void
post_chunk(Batch *batch, MemberInstant *members, int nmembers, bool ordered)
{
	Ledger	   *ledger = batch->ledger;
	AccountState **accounts;
	MemoryContext member_context;
	MemoryContext old;
	int			previous = -1;
	int			i;

	accounts = palloc0(sizeof(AccountState *) * Max(1, nmembers));
	if (ordered)
	{
		Datum	   *ids = palloc(sizeof(Datum) * Max(1, nmembers));

		for (i = 0; i < nmembers; i++)
			ids[i] = members[i].member;
		ledger_lock_accounts(ledger, ids, nmembers);
		budget_lock(batch);
	}

	member_context = AllocSetContextCreate(batch->chunk, "loyalty member",
										   ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(ordered ? batch->chunk : member_context);
	for (i = 0; i < (ordered ? batch->nevents : batch->nby_member); i++)
	{
		Event	   *event = &batch->events[ordered ? i : batch->by_member[i]];
		int			who = event->who;
		AccountState *old_account = NULL;

		CHECK_FOR_INTERRUPTS();
		if (event->nrows < 0)
			continue;
		if (!ordered && who != previous && previous >= 0)
		{
			if (accounts[previous])
				finish_account(batch, accounts[previous]);
			accounts[previous] = NULL;
			MemoryContextReset(member_context);
		}
		if (accounts[who] == NULL)
			accounts[who] = open_account(batch, members[who].member, event);
		if (event_is_stale(batch, event))
		{
			event->nrows = -1;
			batch_add_key(batch, event->key);
			previous = who;
			continue;
		}
		if (accounts[who] == NULL && nmembers == 1)
		{
			enrol(batch, ledger, members, nmembers);
			accounts[who] = ledger_account(ledger, members[who].member);
		}
		previous = who;
		if (event_is_ignored(batch, event, accounts[who]))
		{
			if (event->posting == NULL)
			{
				skip_event(batch, event, accounts[who] ?
						   "the member joined later" : "the member is not enrolled");
				continue;
			}

			/* it has moved to where it may not post: what it had is revoked */
			event->nrows = 0;
			event->at = event->posting->occurred_at;
			who = find_member(batch, members, nmembers, event->posting->member);
			if (accounts[who] == NULL)
				accounts[who] = open_account(batch, members[who].member, event);
		}
		if (event->posting && event->nrows > 0 &&
			member_cmp(batch->program, event->posting->member, event->member) != 0)
		{
			int			other = find_member(batch, members, nmembers, event->posting->member);

			if (accounts[other] == NULL)
				accounts[other] = open_account(batch, members[other].member, event);
			old_account = accounts[other];
		}
		if (batch->gives_back)
		{
			if (!give_back_claims(batch, event, accounts[who]))
				event->failed = true;
			event->nrows = -1;
		}
		else
		{
			/* what goes into the posting must outlive the member */
			bool		existed = event->posting != NULL;

			if (!post_event(batch, event, accounts[who], old_account))
			{
				event->nrows = -1;
				event->failed = true;
			}
			else
				event->result.flags |= existed ? POSTING_EXISTS : 0;
			if (!ordered && event->nrows > 0)
			{
				MemoryContext inner = MemoryContextSwitchTo(batch->chunk);
				Posting    *result = &event->result;

				if (result->shorts)
				{
					ShortItem  *copy = palloc(sizeof(ShortItem) * result->nshort);

					memcpy(copy, result->shorts, sizeof(ShortItem) * result->nshort);
					result->shorts = copy;
				}
				if (result->facts)
					result->facts = PG_DETOAST_DATUM_COPY(PointerGetDatum(result->facts));
				MemoryContextSwitchTo(inner);
			}
		}
	}
	if (ordered)
	{
		for (i = 0; i < nmembers; i++)
		{
			if (accounts[i])
				finish_account(batch, accounts[i]);
		}
		budget_save(batch);
	}
	else if (previous >= 0 && accounts[previous])
		finish_account(batch, accounts[previous]);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(member_context);

	/* postings go in order of arrival, which mostly is that of their key */
	for (i = 0; i < batch->nevents; i++)
	{
		Event	   *event = &batch->events[i];
		bool		existed;

		if (event->nrows < 0)
			continue;
		existed = (event->result.flags & POSTING_EXISTS) != 0;
		event->result.flags &= ~POSTING_EXISTS;
		if (existed && event->rules == NULL)
			ledger_delete_posting(ledger, &event->result);
		else if (existed)
			ledger_update_posting(ledger, event->key, &event->result);
		else
			ledger_insert_posting(ledger, event->key, &event->result);
	}
}

/* Collects the members of the chunk's events, those of postings included. */
static MemberInstant *
chunk_members(Batch *batch, int *nmembers)
{
	MemberInstant *members = MemoryContextAllocHuge(batch->chunk,
													sizeof(MemberInstant) *
													Max(1, batch->nevents * 2));
	int			n = 0;
	int			i;

	for (i = 0; i < batch->nevents; i++)
	{
		Event	   *event = &batch->events[i];

		if (event->nrows > 0)
		{
			members[n].member = event->member;
			members[n].joined_at = event->at;
			members[n++].ord = i;
		}
		if (event->nrows >= 0 && (event->posting || event->has_witness))
		{
			members[n].member = event->posting ? event->posting->member : event->witness;
			members[n].joined_at = DT_NOEND;
			members[n++].ord = i;
		}
	}

	/* which member each event is posted to; and the events member by member */
	sort_members(batch->program, members, n);
	batch->by_member = MemoryContextAllocHuge(batch->chunk, sizeof(uint32) * Max(1, n));
	batch->nby_member = 0;
	*nmembers = 0;
	for (i = 0; i < n; i++)
	{
		Event	   *event = &batch->events[members[i].ord];
		Datum		whose = members[i].member;

		if (*nmembers == 0 ||
			member_cmp(batch->program, members[*nmembers - 1].member, whose) != 0)
			members[(*nmembers)++] = members[i];
		else if (members[*nmembers - 1].joined_at == DT_NOEND)
			members[*nmembers - 1].joined_at = members[i].joined_at;
		if (event->nrows == 0 ||
			member_cmp(batch->program, event->member, whose) == 0)
		{
			event->who = *nmembers - 1;
			batch->by_member[batch->nby_member++] = event->ord;
		}
	}
	return members;
}

/* Opens the ledger for a chunk, closes it behind. */
static void
open_ledger(Batch *batch)
{
	MemoryContext old = MemoryContextSwitchTo(batch->chunk);

	batch->ledger = ledger_open(batch->program, batch->source, batch->options.dry);
	batch->ledger->operation_no = batch->options.operation_no;
	batch->ledger->observe = batch->line_observer;
	batch->ledger->observe_arg = batch->line_observer_arg;
	MemoryContextSwitchTo(old);
}

static void
close_ledger(Batch *batch)
{
	ledger_close(batch->ledger);
	batch->ledger = NULL;
}

/* -------- new rows -------- */

/* what fill_chunk is doing, for guarded() */
typedef struct FillState
{
	Batch	   *batch;
	RowFeed    *feed;
	TupleTableSlot *slot;		/* the row being read */
	bool		more;			/* the feed may have more rows */
	bool		uses_member;
	bool		members_only;	/* first pass of a large batch */
	MemberInstant *members;
	int			nmembers;
	int			members_capacity;
} FillState;

/* Notes one more member; keeps them distinct so that memory stays bounded. */
static void
note_member(FillState *state, Datum member, TimestampTz at)
{
	Batch	   *batch = state->batch;

	if (state->nmembers == state->members_capacity)
	{
		state->nmembers = distinct_members(batch->program, state->members, state->nmembers);
		if (state->nmembers * 2 >= state->members_capacity)
		{
			state->members_capacity = Max(1024, state->members_capacity * 2);
			state->members = state->members ?
				repalloc_huge(state->members, sizeof(MemberInstant) * state->members_capacity) :
				MemoryContextAllocHuge(batch->context,
									   sizeof(MemberInstant) * state->members_capacity);
		}
	}
	state->members[state->nmembers].ord = state->nmembers;
	state->members[state->nmembers].joined_at = at;
	if (batch->program->member_byval)
		state->members[state->nmembers].member = member;
	else
	{
		MemoryContext old = MemoryContextSwitchTo(batch->context);

		state->members[state->nmembers].member = member_copy(batch->program, member);
		MemoryContextSwitchTo(old);
	}
	state->nmembers++;
}

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
			note_member(state, source_row.member, source_row.at);
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

/* see batch.h */
void
batch_post_new_rows(Batch *batch, RowFeed *feed)
{
	FillState	state;
	bool		ordered = has_budgets(batch);
	bool		first = true;

	memset(&state, 0, sizeof(state));
	state.batch = batch;
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
			Datum	   *ids;
			int			i;

			end_chunk(batch);
			feed->rewind(feed->arg);
			state.members_only = true;
			fill_chunk_guarded(&state);
			state.members_only = false;
			state.more = true;
			state.nmembers = distinct_members(batch->program, state.members, state.nmembers);
			open_ledger(batch);
			old = MemoryContextSwitchTo(batch->chunk);
			enrol(batch, batch->ledger, state.members, state.nmembers);
			ids = MemoryContextAllocHuge(batch->chunk, sizeof(Datum) * Max(1, state.nmembers));
			for (i = 0; i < state.nmembers; i++)
				ids[i] = state.members[i].member;
			ledger_lock_accounts(batch->ledger, ids, state.nmembers);
			MemoryContextSwitchTo(old);
			close_ledger(batch);
			end_chunk(batch);
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
			enrol(batch, batch->ledger, members, nmembers);
		post_chunk(batch, members, nmembers, ordered);
		MemoryContextSwitchTo(old);
		close_ledger(batch);
		end_chunk(batch);
		if (!batch->options.dry)
			CommandCounterIncrement();
	}
	if (state.members)
		pfree(state.members);
	batch_post_keys(batch);
}

/* -------- events by key -------- */

/* see batch.h */
void
batch_add_key(Batch *batch, const Datum *key)
{
	MemoryContext old = MemoryContextSwitchTo(batch->key_context);
	PendingKey *pending;

	if (batch->nkeys == batch->keys_capacity)
	{
		batch->keys_capacity = Max(16, batch->keys_capacity * 2);
		batch->keys = batch->keys ?
			repalloc_huge(batch->keys, sizeof(PendingKey) * batch->keys_capacity) :
			palloc(sizeof(PendingKey) * batch->keys_capacity);
	}
	pending = &batch->keys[batch->nkeys++];
	pending->key = event_key_copy(batch->source, key);
	pending->has_member = false;
	MemoryContextSwitchTo(old);
}

/* see batch.h */
void
batch_add_key_of(Batch *batch, const Datum *key, Datum member)
{
	MemoryContext old = MemoryContextSwitchTo(batch->key_context);
	PendingKey *pending;

	batch_add_key(batch, key);
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
	{
		batch->moves_capacity = Max(16, batch->moves_capacity * 2);
		batch->moves = batch->moves ?
			repalloc_huge(batch->moves, sizeof(Datum *) * batch->moves_capacity) :
			palloc(sizeof(Datum *) * batch->moves_capacity);
	}
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

/* Leaves each remembered key once, in order of first arrival. */
static void
distinct_keys(Batch *batch)
{
	KeyOrder   *order;
	int			n = 0;
	int			i;

	if (batch->nkeys < 2)
		return;
	order = MemoryContextAllocHuge(batch->key_context, sizeof(KeyOrder) * batch->nkeys);
	for (i = 0; i < batch->nkeys; i++)
	{
		order[i].source = batch->source;
		order[i].pending = batch->keys[i];
		order[i].ord = i;
	}
	qsort(order, batch->nkeys, sizeof(KeyOrder), key_order);
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

/* Forgets the keys that were remembered. */
static void
forget_keys(Batch *batch)
{
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
}

/* Evaluates the rules of loaded events, by the configuration each is judged by. */
static void
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
note_members_of_keys(FillState *state, Batch *batch)
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
			note_member(state, members[i].member, members[i].joined_at);
		MemoryContextSwitchTo(old);
		close_ledger(batch);
		end_chunk(batch);
	}
}

/* Enrols and locks the noted members, in order. */
static void
lock_noted_members(FillState *state)
{
	Batch	   *batch = state->batch;
	Datum	   *ids;
	int			i;

	state->nmembers = distinct_members(batch->program, state->members, state->nmembers);
	open_ledger(batch);
	enrol(batch, batch->ledger, state->members, state->nmembers);
	ids = MemoryContextAllocHuge(batch->chunk, sizeof(Datum) * Max(1, state->nmembers));
	for (i = 0; i < state->nmembers; i++)
		ids[i] = state->members[i].member;
	ledger_lock_accounts(batch->ledger, ids, state->nmembers);
	close_ledger(batch);
	end_chunk(batch);
}

/* see batch.h */
void
batch_lock_feeds(KeyFeed *feeds, int nfeeds)
{
	FillState	state;
	int			i;

	if (nfeeds == 0)
		return;
	memset(&state, 0, sizeof(state));
	state.batch = feeds[0].batch;
	for (i = 0; i < nfeeds; i++)
	{
		feeds[i].rewind(&feeds[i]);
		while (feeds[i].next(&feeds[i]))
		{
			note_members_of_keys(&state, feeds[i].batch);
			forget_keys(feeds[i].batch);
		}
	}
	lock_noted_members(&state);
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

/* see batch.h */
void
batch_post_keys(Batch *batch)
{
	int			from;
	int			until;
	int			piece = batch->source->several_rows ? CHUNK_LARGE_EVENTS :
		CHUNK_CHANGED_EVENTS;

	move_postings(batch);
	if (batch->nkeys == 0)
		return;
	distinct_keys(batch);

	/* a large batch: all its accounts are locked before anything is posted */
	if (batch->nkeys > piece && !batch->options.dry)
	{
		FillState	state;

		memset(&state, 0, sizeof(state));
		state.batch = batch;
		note_members_of_keys(&state, batch);
		lock_noted_members(&state);
	}

	for (from = 0; from < batch->nkeys; from = until)
	{
		MemoryContext old = MemoryContextSwitchTo(batch->chunk);
		MemberInstant *members;
		int			nmembers;
		int			before;
		int			i;

		until = Min(batch->nkeys, from + piece);
		open_ledger(batch);
		batch->looks_only = rows_may_move(batch) && !batch->options.dry;
		load_keys(batch, from, until, batch->options.dry);
		batch->looks_only = false;
		batch->clears_failures = failed_events_exist(batch);
		members = chunk_members(batch, &nmembers);
		enrol(batch, batch->ledger, members, nmembers);
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
				load_postings(batch, true);
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
	}
	forget_keys(batch);
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
