/*-------------------------------------------------------------------------
 *
 * chunk.c
 *	  Posts the events of one chunk of a batch.
 *
 * New events are posted member by member, so that each account is read and
 * written once and the ledger grows in the order of its key.  Budgets are
 * shared by all members: where one may run short, and for events that change,
 * the order of arrival decides, and the chunk's accounts stay in memory.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/pay.h"

#include "engine/activity.h"
#include "engine/catalogue.h"
#include "engine/tiers.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

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
				 errhint("Insert the member into table \"member\", or set the program's enrolment to 'auto'."),
				 refusal_fields(batch->program->ref.name, "member", "member_id",
								facts("member", fact_text(member_text(batch->program,
																	  event->member)),
									  "source", fact_text(batch->source->name), "event",
									  fact_text(event_key_text(batch->source, event->key)),
									  NULL))));
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
	activity_settle(batch->ledger, account);
	account_bring_to(batch->ledger, account, account->now);
	auto_redeem(batch->ledger, account);
	ledger_save_account(batch->ledger, account);
	if (batch->options.dry && batch->options.reprices)
		dry_keep_account(batch, account);
}

/* the accounts of a chunk, for pay_post */
typedef struct ChunkAccounts
{
	Batch	   *batch;
	MemberInstant *members;
	int			nmembers;
	AccountState **accounts;
} ChunkAccounts;

/* The account of a member; a PayAccount. */
static AccountState *
account_of(void *arg, Datum member, const Event *event)
{
	ChunkAccounts *chunk = (ChunkAccounts *) arg;
	int			who = find_member(chunk->batch, chunk->members, chunk->nmembers, member);

	if (chunk->accounts[who] == NULL)
		chunk->accounts[who] = open_account(chunk->batch, chunk->members[who].member, event);
	return chunk->accounts[who];
}

/* see chunk.h */
bool
has_budgets(Batch *batch)
{
	RuleSet    *rules = batch->program->rules;
	bool		tops_up = tiers_top_up_any(batch->program->tiers);
	int			i;

	for (i = 0; i < rules->nrules; i++)
	{
		if (rules->rules[i].has_budget &&
			(tops_up || rule_concerns(&rules->rules[i], batch->source)))
			return true;
	}
	return false;
}

/* the table of rows that are looked at again */
typedef struct RowTable
{
	Relation	rel;			/* NULL: none yet */
	TupleTableSlot *slot;
} RowTable;

/* Closes it. */
static void
close_row_table(RowTable *table)
{
	if (table->rel == NULL)
		return;
	ExecDropSingleTupleTableSlot(table->slot);
	table_close(table->rel, AccessShareLock);
	table->rel = NULL;
}

/* Opens another, unless it is that; it stays open for the rows of the chunk. */
static void
open_row_table(Batch *batch, RowTable *table, Oid relid)
{
	MemoryContext old;

	if (table->rel && RelationGetRelid(table->rel) == relid)
		return;
	close_row_table(table);
	old = MemoryContextSwitchTo(batch->chunk);
	table->rel = table_open(relid, AccessShareLock);
	table->slot = table_slot_create(table->rel, NULL);
	MemoryContextSwitchTo(old);
}

/*
 * Whether a row that was read before its member's account was locked has
 * changed, or been posted, since.  Whoever changes it takes the lock, too.
 */
static bool
event_is_stale(Batch *batch, Event *event, RowTable *table)
{
	Snapshot	snapshot;
	Posting		posting;
	bool		current;

	if (!OidIsValid(event->row_table))
		return false;
	open_row_table(batch, table, event->row_table);
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	current = table_tuple_fetch_row_version(table->rel, &event->row_tid, snapshot, table->slot);
	ExecClearTuple(table->slot);
	UnregisterSnapshot(snapshot);
	if (!current && IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent update")));
	if (!current)
		return true;
	if (!batch->ledger->account_moved)
		return false;

	/* somebody has posted for the member meanwhile: this event, perhaps */
	ledger_refresh(batch->ledger);
	return ledger_find_posting(batch->ledger, event->key, &posting);
}

/* how many events ahead */
#define PREFETCH_DISTANCE	6

/*
 * Has the processor fetch an event that is to be posted soon.  Member by member
 * they lie anywhere in the memory of a large chunk.
 */
static void
prefetch_event(Batch *batch, bool ordered, int i)
{
	const Event *event;

	if (ordered || i >= batch->nby_member)
		return;
	event = &batch->events[batch->by_member[i]];
	__builtin_prefetch(event);
	__builtin_prefetch((const char *) event + 64);
	__builtin_prefetch((const char *) event + 128);
	__builtin_prefetch((const char *) event + 192);
	event = &batch->events[batch->by_member[i - PREFETCH_DISTANCE / 2]];
	__builtin_prefetch(event->key);
}

/* see chunk.h */
void
post_chunk(Batch *batch, MemberInstant *members, int nmembers, bool ordered)
{
	Ledger	   *ledger = batch->ledger;
	AccountState **accounts;
	ChunkAccounts chunk;
	RowTable	row_table = {NULL};
	MemoryContext member_context;
	MemoryContext old;
	bool	   *waits;			/* members who are topped up before they go on */
	bool		in_order = tiers_top_up_any(batch->program->tiers) &&
		!batch->options.tops_up && tiers_top_up_in_order(batch->program);
	int			previous = -1;
	int			i;

	waits = palloc0(sizeof(bool) * Max(1, nmembers));
	accounts = palloc0(sizeof(AccountState *) * Max(1, nmembers));
	chunk.batch = batch;
	chunk.members = members;
	chunk.nmembers = nmembers;
	chunk.accounts = accounts;

	/* accounts come before budgets, and before what members redeem by themselves */
	if (ordered || (nmembers > 1 && catalogue_has_automatic(batch->program)))
	{
		Datum	   *ids = palloc(sizeof(Datum) * Max(1, nmembers));

		for (i = 0; i < nmembers; i++)
			ids[i] = members[i].member;
		ledger_lock_accounts(ledger, ids, nmembers);
	}
	if (ordered)
		budget_lock(batch);

	/* what concerns one member is forgotten with him, if others follow */
	member_context = ordered || nmembers < 2 ? batch->chunk :
		AllocSetContextCreate(batch->chunk, "loyalty member", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(member_context);
	for (i = 0; i < (ordered ? batch->nevents : batch->nby_member); i++)
	{
		Event	   *event = &batch->events[ordered ? i : batch->by_member[i]];
		int			who = event->who;
		AccountState *old_account = NULL;

		prefetch_event(batch, ordered, i + PREFETCH_DISTANCE);
		CHECK_FOR_INTERRUPTS();
		if (waits[who])
		{
			/* as if it came in a statement of its own */
			event->nrows = -1;
			batch_add_key(batch, event->key);
			continue;
		}
		if (event->payment)
			pay_post(batch, event, account_of, &chunk);
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
		if (event_is_stale(batch, event, &row_table))
		{
			event->nrows = -1;
			batch_add_key(batch, event->key);
			previous = who;
			continue;
		}
		if (accounts[who] == NULL && nmembers == 1)
		{
			enrol(batch, members, nmembers);
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
		else if (batch->options.tops_up && !raise_tiers(batch, event, accounts[who]))
			event->nrows = -1;
		else
		{
			/* what goes into the posting must outlive the member */
			bool		existed = event->posting != NULL;
			int			nraised = list_length(ledger->top_ups);

			if (!post_event(batch, event, accounts[who], old_account))
			{
				event->nrows = -1;
				event->failed = true;
			}
			else
				event->result.flags |= existed ? POSTING_EXISTS : 0;
			waits[who] = in_order && list_length(ledger->top_ups) > nraised;
			if (member_context != batch->chunk && event->nrows > 0)
			{
				MemoryContext inner = MemoryContextSwitchTo(batch->chunk);
				Posting    *result = &event->result;

				if (result->shorts)
				{
					ShortItem  *copy = palloc(sizeof(ShortItem) * result->nshort);

					memcpy(copy, result->shorts, sizeof(ShortItem) * result->nshort);
					result->shorts = copy;
				}
				if (result->later)
				{
					int64	   *copy = palloc(sizeof(int64) * result->nlater);

					memcpy(copy, result->later, sizeof(int64) * result->nlater);
					result->later = copy;
				}
				if (result->facts)
					result->facts = PG_DETOAST_DATUM_COPY(PointerGetDatum(result->facts));
				MemoryContextSwitchTo(inner);
			}
		}
	}
	close_row_table(&row_table);
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
	if (member_context != batch->chunk)
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
