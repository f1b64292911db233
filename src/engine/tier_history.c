/*-------------------------------------------------------------------------
 *
 * tier_history.c
 *	  Who stood where when: the stays of a member, judged again, written.
 *
 * Rows of tier_change are only added.  A late line has the time from its
 * instant on judged again: what later rows say of an instant holds, so that
 * the table also tells what was known when.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/tiers.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "commands/sequence.h"
#include "common/hashfn.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "engine/layout.h"
#include "engine/writer.h"

/* -------- the table -------- */

/* see tiers.h */
void
tiers_know_stays(Ledger *ledger, AccountState *account)
{
	AccountTiers *tiers = account->tiers;
	MemoryContext old;
	TierPath	recent = tiers->path;
	int			i;

	if (tiers->all_stays)
		return;
	old = MemoryContextSwitchTo(tiers->context);
	memset(&tiers->path, 0, sizeof(TierPath));
	tier_path_read(ledger, account->member, tiers->config, DT_NOEND, &tiers->path);
	tier_path_copy(&tiers->stored, &tiers->path);
	for (i = 0; i < recent.count; i++)
		tier_path_add(&tiers->path, &recent.stays[i]);
	tiers->all_stays = true;
	MemoryContextSwitchTo(old);
}

/* Has the ledger write a row. */
static void
add_row(Ledger *ledger, AccountState *account, const TierStay *stay, Instant at)
{
	text	   *cause = cstring_to_text(tier_cause_name(stay->cause));
	TupleTableSlot *slot;
	Datum	   *values;
	bool	   *isnull;

	ledger_add_tiers(ledger);
	slot = writer_next(ledger, &ledger->tier_change);
	values = slot->tts_values;
	isnull = slot->tts_isnull;
	memset(isnull, 0, sizeof(bool) * TIER_CHANGE_COLUMNS);
	values[TIER_CHANGE_MEMBER_ID] = account->member;
	values[TIER_CHANGE_CHANGE_NO] =
		Int64GetDatum(nextval_internal(ledger->program->tier_change_seq, false));
	values[TIER_CHANGE_OCCURRED_AT] = TimestampTzGetDatum(at);
	values[TIER_CHANGE_POSTED_AT] = TimestampTzGetDatum(account->now);
	values[TIER_CHANGE_SINCE] = TimestampTzGetDatum(stay->state.since);
	values[TIER_CHANGE_UNTIL] = TimestampTzGetDatum(stay->state.until);
	values[TIER_CHANGE_COUNTED_AT] = TimestampTzGetDatum(stay->state.counted_at);
	values[TIER_CHANGE_GIVEN_UNTIL] = TimestampTzGetDatum(stay->state.given_until);
	values[TIER_CHANGE_OPERATION_NO] = Int64GetDatum(stay->operation_no);
	isnull[TIER_CHANGE_OPERATION_NO] = stay->operation_no == 0;
	values[TIER_CHANGE_TIER_NO] = Int32GetDatum(stay->state.tier_no);
	isnull[TIER_CHANGE_TIER_NO] = stay->state.tier_no == 0;
	values[TIER_CHANGE_GIVEN_TIER_NO] = Int32GetDatum(stay->state.given);
	isnull[TIER_CHANGE_GIVEN_TIER_NO] = isnull[TIER_CHANGE_GIVEN_UNTIL] = stay->state.given == 0;
	values[TIER_CHANGE_LIFE_TIER_NO] = Int32GetDatum(stay->state.life);
	isnull[TIER_CHANGE_LIFE_TIER_NO] = stay->state.life == 0;
	values[TIER_CHANGE_GROUP_NO] = Int16GetDatum(stay->state.group_no);
	values[TIER_CHANGE_CAUSE] = PointerGetDatum(cause);
	writer_insert(ledger, &ledger->tier_change);
	pfree(cause);
}

/* Whether two stays say the same. */
static bool
same_stay(const TierStay *a, const TierStay *b)
{
	return a->at == b->at && a->state.tier_no == b->state.tier_no &&
		a->state.since == b->state.since && a->state.until == b->state.until &&
		a->state.counted_at == b->state.counted_at && a->state.given == b->state.given &&
		a->state.given_until == b->state.given_until && a->state.life == b->state.life;
}

/* Writes what a group's stays are from where they differ from the table. */
static void
write_group(Ledger *ledger, AccountState *account, int group)
{
	AccountTiers *tiers = account->tiers;
	const TierPath *stored = &tiers->stored;
	const TierPath *path = &tiers->path;
	const TierStay *last = NULL;
	int			s = 0;
	int			p = 0;

	for (;; s++, p++)
	{
		for (; s < stored->count && stored->stays[s].group != group;)
			s++;
		for (; p < path->count && path->stays[p].group != group;)
			p++;
		if (s == stored->count || p == path->count ||
			!same_stay(&stored->stays[s], &path->stays[p]))
			break;
		last = &path->stays[p];
	}

	/* what the table says of the time before the first new row must be unsaid */
	if (s < stored->count && (p == path->count || path->stays[p].at > stored->stays[s].at))
	{
		TierStay	again;

		memset(&again, 0, sizeof(again));
		if (last)
			again = *last;
		else
		{
			again.state.group_no = stored->stays[s].state.group_no;
			again.state.until = INSTANT_NEVER;
			again.state.since = again.state.counted_at = stored->stays[s].at;
		}
		again.cause = TIER_LATE;
		again.operation_no = 0;
		add_row(ledger, account, &again, stored->stays[s].at);
	}
	for (; p < path->count; p++)
	{
		if (path->stays[p].group == group)
			add_row(ledger, account, &path->stays[p], path->stays[p].at);
	}
}

/* see tiers.h */
void
tiers_write(Ledger *ledger, AccountState *account)
{
	AccountTiers *tiers = account->tiers;
	MemoryContext old;
	int			i;

	if (ledger->dry || (tiers->path.count == 0 && !tiers->all_stays))
		return;
	if (tiers->all_stays)
	{
		for (i = 0; i < tiers->config->ngroups; i++)
			write_group(ledger, account, i);
		old = MemoryContextSwitchTo(tiers->context);
		tier_path_copy(&tiers->stored, &tiers->path);
		MemoryContextSwitchTo(old);
		return;
	}
	for (i = 0; i < tiers->path.count; i++)
		add_row(ledger, account, &tiers->path.stays[i], tiers->path.stays[i].at);
	tiers->path.count = 0;
}

/* -------- judging again -------- */

/* what tells that lines only moved from one key to another */
typedef struct LineMark
{
	Instant		posted_at;
	EntryKind	kind;
	uint32		key_hash;		/* of the event */
} LineMark;

/* lines that are being read */
typedef struct LineReader
{
	AccountTiers *tiers;
	TierLine   *lines;
	int			count;
	int			capacity;
	LineMark   *marks;			/* of each line */
} LineReader;

/* A hash of the event's key that a line tells. */
static uint32
key_hash(const EntryLine *entry)
{
	struct varlena *key;

	if (entry->event_key == 0)
		return 0;
	key = PG_DETOAST_DATUM_PACKED(entry->event_key);
	return hash_bytes((unsigned char *) VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key)) ^
		(uint32) entry->source_no;
}

/* Takes a line of the ledger; an EntryReader. */
static void
read_line(void *arg, int64 entry_no, const EntryLine *entry)
{
	LineReader *reader = (LineReader *) arg;
	const Movement *m = &entry->movement;
	int			slot = tiers_slot(reader->tiers->config, m->unit);
	TierLine   *line;
	LineMark   *mark;

	if (slot < 0 || (!tiers_counts(m) && m->kind != ENTRY_ROLLOVER))
		return;
	if (reader->count == reader->capacity)
	{
		reader->capacity *= 2;
		reader->lines = repalloc_huge(reader->lines, sizeof(TierLine) * reader->capacity);
		reader->marks = repalloc_huge(reader->marks, sizeof(LineMark) * reader->capacity);
	}
	mark = &reader->marks[reader->count];
	mark->posted_at = entry->posted_at;
	mark->kind = m->kind;
	mark->key_hash = key_hash(entry);
	line = &reader->lines[reader->count++];
	line->at = Min(m->occurred_at, entry->posted_at);
	line->from = m->from;
	line->to = m->to;
	line->points = m->points;
	line->slot = slot;
	line->carried = m->kind == ENTRY_ROLLOVER;
	line->half = tiers_half(m);
}

/* Whether lines take back what as many lines after them give again, under another key. */
static bool
is_moved(const LineReader *reader, int first, int count)
{
	int			i;

	for (i = first; i < first + count; i++)
	{
		const TierLine *old = &reader->lines[i];
		const TierLine *new = &reader->lines[i + count];

		if (reader->marks[i].key_hash == reader->marks[i + count].key_hash ||
			old->slot != new->slot || old->points != -new->points || old->at != new->at ||
			old->from != new->from || old->to != new->to)
			return false;
	}
	return true;
}

/*
 * Makes lines count for nothing by which an event got another key: nothing is
 * judged between them.
 */
static void
drop_moved(LineReader *reader)
{
	const LineMark *marks = reader->marks;
	int			i;

	for (i = 1; i < reader->count; i++)
	{
		int			count = 0;
		int			earns = 0;
		int			k;

		if (marks[i].kind != ENTRY_EARN)
			continue;
		while (count < i && marks[i - count - 1].kind == ENTRY_REVOKE &&
			   marks[i - count - 1].posted_at == marks[i].posted_at)
			count++;
		while (earns < count && i + earns < reader->count && marks[i + earns].kind == ENTRY_EARN &&
			   marks[i + earns].posted_at == marks[i].posted_at)
			earns++;
		for (count = earns; count > 0 && !is_moved(reader, i - count, count);)
			count--;
		for (k = i - count; k < i + count; k++)
			reader->lines[k].points = 0;
	}
}

/* Makes all lines known, those in the table included. */
static void
know_lines(Ledger *ledger, AccountState *account)
{
	AccountTiers *tiers = account->tiers;
	LineReader	reader = {tiers};
	int			i;

	if (tiers->all_lines)
		return;
	reader.capacity = 64 + tiers->nlines;
	reader.lines = palloc(sizeof(TierLine) * reader.capacity);
	reader.marks = palloc(sizeof(LineMark) * reader.capacity);
	if (ledger->journal.rel == NULL)
		ledger->journal.rel = table_open(ledger->program->journal, AccessShareLock);

	/* what others wrote while we waited for the account is among them */
	ledger_refresh(ledger);
	ledger_read_entries(ledger, account->member, 1, tiers->read_entries, read_line, &reader);
	drop_moved(&reader);
	pfree(reader.marks);
	if (reader.count + tiers->nlines > reader.capacity)
	{
		reader.capacity = reader.count + tiers->nlines;
		reader.lines = repalloc_huge(reader.lines, sizeof(TierLine) * reader.capacity);
	}
	if (tiers->nlines > 0)
		memcpy(reader.lines + reader.count, tiers->lines, sizeof(TierLine) * tiers->nlines);
	tiers->lines = reader.lines;
	tiers->nlines += reader.count;
	tiers->lines_capacity = reader.capacity;
	for (i = 0; i < tiers->nlines; i++)
		tiers->lines[i].ord = i;
	tiers->sorted_lines = 0;
	tiers->all_lines = true;
}

/* Order of lines: by instant, then as they were written. */
static int
line_order(const void *a, const void *b)
{
	const TierLine *left = (const TierLine *) a;
	const TierLine *right = (const TierLine *) b;

	if (left->at != right->at)
		return left->at < right->at ? -1 : 1;
	return left->ord < right->ord ? -1 : left->ord > right->ord;
}

/*
 * Sorts the lines.  Rows that come in any order have it done again and again,
 * for one more line.
 */
static void
sort_lines(AccountTiers *tiers)
{
	TierLine   *lines = tiers->lines;

	if (tiers->nlines - tiers->sorted_lines > 8)
		qsort(lines, tiers->nlines, sizeof(TierLine), line_order);
	else
	{
		for (int i = tiers->sorted_lines; i < tiers->nlines; i++)
		{
			TierLine	line = lines[i];
			int			low = 0;
			int			high = i;

			while (low < high)
			{
				int			middle = low + (high - low) / 2;

				if (line_order(&lines[middle], &line) < 0)
					low = middle + 1;
				else
					high = middle;
			}
			memmove(&lines[low + 1], &lines[low], sizeof(TierLine) * (i - low));
			lines[low] = line;
		}
	}
	tiers->sorted_lines = tiers->nlines;
}

/* Gives by hand what was given by hand, up to an instant. */
static void
give_again(AccountTiers *tiers, const TierPath *given, int *next, Instant at)
{
	for (; *next < given->count && given->stays[*next].at <= at; (*next)++)
	{
		const TierStay *stay = &given->stays[*next];

		tiers->operation_no = stay->operation_no;
		core_check(tier_give(&tiers->walk, stay->group,
							 stay->state.given ? stay->state.given : stay->state.tier_no,
							 stay->state.given != 0 ? stay->state.given_until : INSTANT_ALWAYS,
							 stay->at));
		tiers->quiet_since = stay->at;
	}
	tiers->operation_no = 0;
}

/* Whether a stay was over by an instant, and lasted as long as it should. */
static bool
has_ended(const TierPath *path, int index, Instant now)
{
	const TierStay *stay = &path->stays[index];
	int			i;

	for (i = index + 1; i < path->count && path->stays[i].group != stay->group;)
		i++;
	return stay->state.until <= now &&
		(i == path->count || path->stays[i].at >= stay->state.until);
}

/*
 * Has the walk stand just before an instant, and forget the stays since; returns
 * the first line that is not before it.
 */
static int
stand_before(AccountTiers *tiers, const TierPath *before, Instant from)
{
	TierWalk   *walk = &tiers->walk;
	int			i;
	int			g;

	walk->at = from - 1;
	walk->held_at = INSTANT_ALWAYS;
	walk->ndue = 0;
	memset(walk->balances, 0, sizeof(CoreInt128) * walk->nunits);
	for (i = 0; i < tiers->nlines && tiers->lines[i].at < from; i++)
	{
		const TierLine *line = &tiers->lines[i];

		core_check(tier_fold(walk, line->slot, line->points, line->from, line->to));
	}
	tier_requalify(walk);
	for (g = 0; g < walk->ngroups; g++)
	{
		const TierStay *stay = tier_path_find(before, g, from - 1);
		TierState  *state = &walk->states[g];
		int32		qualified = state->qualified;

		tier_path_cut(&tiers->path, g, from);
		memset(state, 0, sizeof(TierState));
		if (stay)
			*state = stay->state;
		else
			state->until = INSTANT_NEVER;
		state->group_no = walk->groups[g].group_no;
		state->qualified = stay ? qualified : 0;
	}
	tiers_rewind_years(tiers, before, from - 1);
	tiers_forget_carries(tiers, from);
	tiers->built = true;

	/* what lies between is not known to be quiet any more, what was before is */
	tiers->quiet_since = Min(tiers->quiet_since, from);
	return i;
}

/* see tiers.h */
void
tiers_judge_again(Ledger *ledger, AccountState *account, Instant from)
{
	AccountTiers *tiers = account->tiers;
	TierWalk   *walk = &tiers->walk;
	MemoryContext old = MemoryContextSwitchTo(tiers->context);
	Instant		until = ledger->history ? walk->at : account->now;
	TierPath	before = {0};
	TierPath	given = {0};
	TierState  *booked;
	int			nbooked = 0;
	int			next = 0;
	int			g;
	int			i;

	tiers_know_stays(ledger, account);
	know_lines(ledger, account);
	sort_lines(tiers);
	tier_path_copy(&before, &tiers->path);
	booked = palloc(sizeof(TierState) * Max(1, before.count));
	for (i = 0; i < before.count; i++)
	{
		if (has_ended(&before, i, account->now))
			booked[nbooked++] = before.stays[i].state;
		if (before.stays[i].cause == TIER_BY_HAND && before.stays[i].at >= from)
			tier_path_add(&given, &before.stays[i]);
	}
	walk->booked = booked;
	walk->nbooked = nbooked;
	i = stand_before(tiers, &before, from);

	/* and what came of it */
	while (i < tiers->nlines)
	{
		Instant		at = tiers->lines[i].at;

		give_again(tiers, &given, &next, at);
		tiers_pass(account, at);
		walk->at = at;

		/* it is late if anything has happened since */
		if (at == from && (next < given.count || tiers->lines[tiers->nlines - 1].at > at ||
						   tier_next_due(walk) <= until))
			tiers->cause = TIER_LATE;
		for (; i < tiers->nlines && tiers->lines[i].at == at; i++)
		{
			const TierLine *line = &tiers->lines[i];
			int			known = tiers->path.count;

			if (line->carried)
				continue;
			core_check(tier_fold(walk, line->slot, line->points, line->from, line->to));
			if (line->half)
				continue;
			core_check(tier_judge(walk, TIER_ENTRY));
			if (tiers->path.count > known || line->points < 0)
				tiers->quiet_since = at;
		}
		tiers->cause = TIER_ENTRY;
	}
	give_again(tiers, &given, &next, until);
	tiers_pass(account, until);
	tiers_compare_carries(tiers, from);
	walk->booked = NULL;
	walk->nbooked = 0;

	/* what was known already keeps its cause */
	for (i = 0; i < tiers->path.count; i++)
	{
		TierStay   *stay = &tiers->path.stays[i];

		for (g = 0; g < before.count; g++)
		{
			if (before.stays[g].group == stay->group && same_stay(&before.stays[g], stay))
				stay->cause = before.stays[g].cause;
		}
	}
	if (!ledger->dry)
		tiers_note_top_up(ledger, account, &before, from);
	pfree(booked);
	MemoryContextSwitchTo(old);
}

/* see tiers.h */
void
tiers_reached(Ledger *ledger, AccountState *account, int nstays, Instant at)
{
	AccountTiers *tiers = account->tiers;
	TierPath	before;

	if (ledger->dry || !tiers_top_up_any(tiers->config))
		return;
	tiers_know_stays(ledger, account);
	before = tiers->path;
	before.count -= nstays;
	tiers_note_top_up(ledger, account, &before, at);
}
