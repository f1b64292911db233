/*-------------------------------------------------------------------------
 *
 * tier_lines.c
 *	  The lines of a member's qualifying units, to judge again what came of
 *	  them: as the journal has them, or as the lots tell.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/tiers.h"

#include "access/table.h"
#include "common/hashfn.h"

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

/* Reads all lines of the journal, and adds those that are new. */
static void
read_lines(Ledger *ledger, AccountState *account)
{
	AccountTiers *tiers = account->tiers;
	LineReader	reader = {tiers};
	int			i;

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
	for (i = 0; i < tiers->nlines; i++)
	{
		if (!tiers->lines[i].lot)
			reader.lines[reader.count++] = tiers->lines[i];
	}
	tiers->lines = reader.lines;
	tiers->nlines = reader.count;
	tiers->lines_capacity = reader.capacity;
}

/*
 * Takes the lots that there were for lines, before those that are new.  Lots that
 * begin later were known at any rate.
 */
static void
take_lots(AccountTiers *tiers, Instant now)
{
	int			count = tiers->nbase + tiers->nlines;
	TierLine   *lines = palloc(sizeof(TierLine) * Max(1, count));
	int			i;

	/* lots stand latest end first, so that this is much in order */
	for (i = 0; i < tiers->nbase; i++)
	{
		const LotPiece *lot = &tiers->base[tiers->nbase - 1 - i];
		TierLine	line = {lot->from, lot->from, lot->to, lot->points};

		if (lot->from > now)
			line.at = INSTANT_ALWAYS;
		line.slot = tiers_slot(tiers->config, lot->unit);
		line.lot = true;
		lines[i] = line;
	}
	if (tiers->nlines > 0)
		memcpy(lines + tiers->nbase, tiers->lines, sizeof(TierLine) * tiers->nlines);
	tiers->lines = lines;
	tiers->nlines = tiers->lines_capacity = count;
}

/*
 * see tiers.h: all lots are in the account's row, and none of them may have been
 * merged with others
 */
bool
tiers_lots_tell(const Ledger *ledger, const AccountState *account, Instant from)
{
	const AccountTiers *tiers = account->tiers;
	int			i;

	if (from <= tiers->plain_since || ledger->history || account->paged ||
		tiers->config->carries)
		return false;
	for (i = 0; i < tiers->nspent; i++)
	{
		if (tiers->spent[i].points < 0 || tiers->spent[i].to == INSTANT_NEVER)
			return false;
	}
	return true;
}

/* see tiers.h */
void
tiers_zone_changes(AccountState *account)
{
	AccountTiers *tiers = account->tiers;

	if (tiers)
		tiers->plain_since = Max(tiers->plain_since, account->now);
}

/* see tiers.h */
void
tiers_know_lines(Ledger *ledger, AccountState *account, Instant from)
{
	AccountTiers *tiers = account->tiers;
	int			i;

	if (from > tiers->lines_since)
		return;
	if (tiers->lines_since == INSTANT_NEVER && tiers_lots_tell(ledger, account, from))
	{
		take_lots(tiers, account->now);
		tiers->lines_since = tiers->plain_since;
	}
	else
	{
		read_lines(ledger, account);
		tiers->lines_since = INSTANT_ALWAYS;
	}
	for (i = 0; i < tiers->nlines; i++)
		tiers->lines[i].ord = i;
	tiers->sorted_lines = 0;
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

/* see tiers.h: rows that come in any order have it done again and again, for one more line */
void
tiers_sort_lines(AccountTiers *tiers)
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
