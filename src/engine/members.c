/*-------------------------------------------------------------------------
 *
 * members.c
 *	  The members of a batch's events: sorted, enrolled, locked in order.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/pay.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"

/* Order of members, and of occurrences of one by arrival; for qsort_arg. */
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

/* see chunk.h */
void
enrol(Batch *batch, MemberInstant *members, int nmembers)
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
	ledger_enrol(batch->ledger, ids, joined_at, n);
	pfree(ids);
	pfree(joined_at);
}

/* see chunk.h */
int
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

/* How many members the chunk's events name at most. */
static int
count_members(const Batch *batch)
{
	int			n = batch->nevents * 2;
	int			i;

	for (i = 0; i < batch->nevents && pays(batch); i++)
		n += pay_count_members(&batch->events[i]);
	return Max(1, n);
}

/* Adds those who pay, or have paid, for an event; returns how many. */
static int
add_payers(const Event *event, uint32 ord, TimestampTz now, MemberInstant *members)
{
	Datum	   *payers = palloc(sizeof(Datum) * (pay_count_members(event) + 1));
	int			n = pay_members(event, payers);
	int			i;

	for (i = 0; i < n; i++)
	{
		members[i].member = payers[i];
		members[i].joined_at = event->nrows > 0 ? event->at : now;
		members[i].ord = ord;
		members[i].only_pays = true;
	}
	pfree(payers);
	return n;
}

/* see chunk.h */
MemberInstant *
chunk_members(Batch *batch, int *nmembers)
{
	MemberInstant *members = MemoryContextAllocHuge(batch->chunk,
													sizeof(MemberInstant) *
													count_members(batch));
	TimestampTz now = pays(batch) ? program_clock(batch->program) : 0;
	int			n = 0;
	int			i;

	for (i = 0; i < batch->nevents; i++)
	{
		Event	   *event = &batch->events[i];

		if (event->nrows > 0)
		{
			members[n].only_pays = false;
			members[n].member = event->member;
			members[n].joined_at = event->at;
			members[n++].ord = i;
		}
		if (event->nrows >= 0 && (event->posting || event->has_witness))
		{
			members[n].only_pays = false;
			members[n].member = event->posting ? event->posting->member : event->witness;
			members[n].joined_at = DT_NOEND;
			members[n++].ord = i;
		}
		if (pays(batch))
			n += add_payers(event, i, now, &members[n]);
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
		if (members[i].only_pays)
			continue;
		if (event->nrows == 0 ||
			member_cmp(batch->program, event->member, whose) == 0)
		{
			event->who = *nmembers - 1;
			batch->by_member[batch->nby_member++] = event->ord;
		}
	}
	return members;
}

/* see chunk.h */
void
note_member(MemberNotes *notes, Datum member, TimestampTz at)
{
	Batch	   *batch = notes->batch;

	if (notes->nmembers == notes->capacity)
	{
		notes->nmembers = distinct_members(batch->program, notes->members, notes->nmembers);
		if (notes->nmembers * 2 >= notes->capacity)
		{
			notes->capacity = Max(1024, notes->capacity * 2);
			notes->members = notes->members ?
				repalloc_huge(notes->members, sizeof(MemberInstant) * notes->capacity) :
				MemoryContextAllocHuge(batch->context,
									   sizeof(MemberInstant) * notes->capacity);
		}
	}
	notes->members[notes->nmembers].ord = notes->nmembers;
	notes->members[notes->nmembers].joined_at = at;
	if (batch->program->member_byval)
		notes->members[notes->nmembers].member = member;
	else
	{
		MemoryContext old = MemoryContextSwitchTo(batch->context);

		notes->members[notes->nmembers].member = member_copy(batch->program, member);
		MemoryContextSwitchTo(old);
	}
	notes->nmembers++;
}

/* see chunk.h */
void
lock_noted_members(MemberNotes *notes)
{
	Batch	   *batch = notes->batch;
	MemoryContext old;
	Datum	   *ids;
	int			i;

	notes->nmembers = distinct_members(batch->program, notes->members, notes->nmembers);
	open_ledger(batch);
	old = MemoryContextSwitchTo(batch->chunk);
	enrol(batch, notes->members, notes->nmembers);
	ids = MemoryContextAllocHuge(batch->chunk, sizeof(Datum) * Max(1, notes->nmembers));
	for (i = 0; i < notes->nmembers; i++)
		ids[i] = notes->members[i].member;
	ledger_lock_accounts(batch->ledger, ids, notes->nmembers);
	MemoryContextSwitchTo(old);
	close_ledger(batch);
	end_chunk(batch);
}
