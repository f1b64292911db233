/*-------------------------------------------------------------------------
 *
 * tier_history.c
 *	  Who stood where when: the stays of a member, read, judged again, written.
 *
 * Rows of tier_change are only added.  A late line has the time from its
 * instant on judged again: what later rows say of an instant holds, so that
 * the table also tells what was known when.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/tiers.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "engine/plan.h"

/* rows waiting to be written, column by column */
#define CHANGE_COLUMNS 13

typedef struct TierRows
{
	Datum	   *values[CHANGE_COLUMNS];
	bool	   *nulls[CHANGE_COLUMNS];
	int			count;
	int			capacity;
} TierRows;

static const char *const cause_names[] = {NULL, "entry", "expiry", "late row", "by hand",
"configuration", "for life"};

/* -------- stays in memory -------- */

/* see tiers.h */
void
tier_path_add(TierPath *path, const TierStay *stay)
{
	if (path->count == path->capacity)
	{
		path->capacity = Max(4, path->capacity * 2);
		path->stays = path->stays ?
			repalloc(path->stays, sizeof(TierStay) * path->capacity) :
			palloc(sizeof(TierStay) * path->capacity);
	}
	path->stays[path->count++] = *stay;
}

/* see tiers.h */
const TierStay *
tier_path_find(const TierPath *path, int group, Instant at)
{
	int			i;

	for (i = path->count - 1; i >= 0; i--)
	{
		if (path->stays[i].group == group && path->stays[i].at <= at)
			return &path->stays[i];
	}
	return NULL;
}

/* Removes stays of a group that began at or after an instant. */
static void
path_cut(TierPath *path, int group, Instant at)
{
	int			n = 0;
	int			i;

	for (i = 0; i < path->count; i++)
	{
		if (path->stays[i].group != group || path->stays[i].at < at)
			path->stays[n++] = path->stays[i];
	}
	path->count = n;
}

/* Copies stays. */
static void
path_copy(TierPath *to, const TierPath *from)
{
	int			i;

	to->count = 0;
	for (i = 0; i < from->count; i++)
		tier_path_add(to, &from->stays[i]);
}

/* -------- the table -------- */

static const char read_changes_plan = 0;

/* see tiers.h */
void
tier_path_read(Ledger *ledger, Datum member, TierConfig *config, Instant known_at,
			   TierPath *path)
{
	MemoryContext context = CurrentMemoryContext;
	Oid			types[2] = {ledger->program->ref.member_type, TIMESTAMPTZOID};
	Datum		values[2] = {member, TimestampTzGetDatum(known_at)};
	SPITupleTable *rows;
	uint64		n;
	uint64		i;

	path->count = 0;
	SPI_connect();
	plan_execute(ledger->program, &read_changes_plan,
				 "SELECT group_no, occurred_at, tier_no, since, until, counted_at,"
				 " given_tier_no, given_until, cause, operation_no, posted_at, life_tier_no"
				 " FROM %s.tier_change WHERE member_id OPERATOR(pg_catalog.=) $1"
				 " AND posted_at OPERATOR(pg_catalog.<=) $2 ORDER BY change_no",
				 2, types, values, ledger->dry, SPI_OK_SELECT);
	rows = SPI_tuptable;
	n = SPI_processed;
	MemoryContextSwitchTo(context);
	for (i = 0; i < n; i++)
	{
		Datum		columns[12];
		bool		nulls[12];
		TierStay	stay = {0};
		char	   *cause;
		int			c;

		for (c = 0; c < 12; c++)
			columns[c] = SPI_getbinval(rows->vals[i], rows->tupdesc, c + 1, &nulls[c]);
		stay.state.group_no = DatumGetInt16(columns[0]);
		for (stay.group = 0; stay.group < config->ngroups &&
			 config->groups[stay.group].group_no != stay.state.group_no;)
			stay.group++;
		if (stay.group == config->ngroups)
			continue;
		stay.at = DatumGetTimestampTz(columns[1]);
		stay.state.tier_no = nulls[2] ? 0 : DatumGetInt32(columns[2]);
		stay.state.since = DatumGetTimestampTz(columns[3]);
		stay.state.until = DatumGetTimestampTz(columns[4]);
		stay.state.counted_at = DatumGetTimestampTz(columns[5]);
		stay.state.given = nulls[6] ? 0 : DatumGetInt32(columns[6]);
		stay.state.given_until = nulls[7] ? 0 : DatumGetTimestampTz(columns[7]);
		cause = TextDatumGetCString(columns[8]);
		for (c = 1; c < lengthof(cause_names) && strcmp(cause_names[c], cause) != 0;)
			c++;
		stay.cause = (TierCause) c;
		stay.operation_no = nulls[9] ? 0 : DatumGetInt64(columns[9]);
		stay.posted_at = DatumGetTimestampTz(columns[10]);
		stay.state.life = nulls[11] ? 0 : DatumGetInt32(columns[11]);
		path_cut(path, stay.group, stay.at);
		tier_path_add(path, &stay);
	}
	SPI_finish();
}

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
	path_copy(&tiers->stored, &tiers->path);
	for (i = 0; i < recent.count; i++)
		tier_path_add(&tiers->path, &recent.stays[i]);
	tiers->all_stays = true;
	MemoryContextSwitchTo(old);
}

/* Puts a row among those to be written. */
static void
add_row(Ledger *ledger, AccountState *account, const TierStay *stay, Instant at)
{
	TierRows   *rows = ledger->tier_rows;
	MemoryContext old = MemoryContextSwitchTo(ledger->context);
	Datum		values[CHANGE_COLUMNS];
	bool		nulls[CHANGE_COLUMNS] = {0};
	int			c;

	if (rows == NULL)
		rows = ledger->tier_rows = palloc0(sizeof(TierRows));
	if (rows->count == rows->capacity)
	{
		rows->capacity = Max(16, rows->capacity * 2);
		for (c = 0; c < CHANGE_COLUMNS; c++)
		{
			rows->values[c] = rows->values[c] ?
				repalloc_huge(rows->values[c], sizeof(Datum) * rows->capacity) :
				palloc(sizeof(Datum) * rows->capacity);
			rows->nulls[c] = rows->nulls[c] ?
				repalloc_huge(rows->nulls[c], sizeof(bool) * rows->capacity) :
				palloc(sizeof(bool) * rows->capacity);
		}
	}
	values[0] = member_copy(ledger->program, account->member);
	values[1] = Int16GetDatum(stay->state.group_no);
	values[2] = TimestampTzGetDatum(at);
	values[3] = TimestampTzGetDatum(account->now);
	values[4] = Int32GetDatum(stay->state.tier_no);
	nulls[4] = stay->state.tier_no == 0;
	values[5] = TimestampTzGetDatum(stay->state.since);
	values[6] = TimestampTzGetDatum(stay->state.until);
	values[7] = TimestampTzGetDatum(stay->state.counted_at);
	values[8] = Int32GetDatum(stay->state.given);
	values[9] = TimestampTzGetDatum(stay->state.given_until);
	nulls[8] = nulls[9] = stay->state.given == 0;
	values[10] = CStringGetTextDatum(cause_names[stay->cause]);
	values[11] = Int64GetDatum(stay->operation_no);
	nulls[11] = stay->operation_no == 0;
	values[12] = Int32GetDatum(stay->state.life);
	nulls[12] = stay->state.life == 0;
	for (c = 0; c < CHANGE_COLUMNS; c++)
	{
		rows->values[c][rows->count] = values[c];
		rows->nulls[c][rows->count] = nulls[c];
	}
	rows->count++;
	MemoryContextSwitchTo(old);
}

static const char write_changes_plan = 0;

/* see tiers.h */
void
tiers_flush(Ledger *ledger)
{
	TierRows   *rows = ledger->tier_rows;
	Program    *program = ledger->program;
	Oid			elements[CHANGE_COLUMNS] = {program->ref.member_type, INT2OID, TIMESTAMPTZOID,
		TIMESTAMPTZOID, INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID,
	TIMESTAMPTZOID, TEXTOID, INT8OID, INT4OID};
	Oid			types[CHANGE_COLUMNS];
	Datum		values[CHANGE_COLUMNS];
	int			c;

	if (rows == NULL || rows->count == 0)
		return;
	for (c = 0; c < CHANGE_COLUMNS; c++)
	{
		int16		length;
		bool		byval;
		char		align;
		int			dims[1] = {rows->count};
		int			lower[1] = {1};

		get_typlenbyvalalign(elements[c], &length, &byval, &align);
		types[c] = get_array_type(elements[c]);
		values[c] = PointerGetDatum(construct_md_array(rows->values[c], rows->nulls[c], 1, dims,
													   lower, elements[c], length, byval, align));
	}
	rows->count = 0;
	SPI_connect();
	plan_execute(program, &write_changes_plan,
				 "INSERT INTO %s.tier_change (member_id, group_no, occurred_at, posted_at, tier_no,"
				 " since, until, counted_at, given_tier_no, given_until, cause, operation_no,"
				 " life_tier_no)"
				 " SELECT * FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2),"
				 " pg_catalog.unnest($3), pg_catalog.unnest($4), pg_catalog.unnest($5),"
				 " pg_catalog.unnest($6), pg_catalog.unnest($7), pg_catalog.unnest($8),"
				 " pg_catalog.unnest($9), pg_catalog.unnest($10), pg_catalog.unnest($11),"
				 " pg_catalog.unnest($12), pg_catalog.unnest($13)) AS n",
				 CHANGE_COLUMNS, types, values, false, SPI_OK_INSERT);
	SPI_finish();
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
		path_copy(&tiers->stored, &tiers->path);
		MemoryContextSwitchTo(old);
		return;
	}
	for (i = 0; i < tiers->path.count; i++)
		add_row(ledger, account, &tiers->path.stays[i], tiers->path.stays[i].at);
	tiers->path.count = 0;
}

/* -------- judging again -------- */

/* lines that are being read */
typedef struct LineReader
{
	AccountTiers *tiers;
	TierLine   *lines;
	int			count;
	int			capacity;
} LineReader;

/* Takes a line of the ledger; an EntryReader. */
static void
read_line(void *arg, int64 entry_no, const EntryLine *entry)
{
	LineReader *reader = (LineReader *) arg;
	const Movement *m = &entry->movement;
	int			slot = tiers_slot(reader->tiers->config, m->unit);
	TierLine   *line;

	if (slot < 0 || (!tiers_counts(m) && m->kind != ENTRY_ROLLOVER))
		return;
	if (reader->count == reader->capacity)
	{
		reader->capacity *= 2;
		reader->lines = repalloc_huge(reader->lines, sizeof(TierLine) * reader->capacity);
	}
	line = &reader->lines[reader->count++];
	line->at = Min(m->occurred_at, entry->posted_at);
	line->from = m->from;
	line->to = m->to;
	line->points = m->points;
	line->slot = slot;
	line->carried = m->kind == ENTRY_ROLLOVER;
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
	if (ledger->journal.rel == NULL)
		ledger->journal.rel = table_open(ledger->program->journal, AccessShareLock);
	ledger_read_entries(ledger, account->member, 1, tiers->read_entries, read_line, &reader);
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

/* see tiers.h */
void
tiers_judge_again(Ledger *ledger, AccountState *account, Instant from)
{
	AccountTiers *tiers = account->tiers;
	TierWalk   *walk = &tiers->walk;
	MemoryContext old = MemoryContextSwitchTo(tiers->context);
	Instant		until = walk->at;
	TierPath	before = {0};
	TierPath	given = {0};
	TierState  *booked;
	TierLine   *lines;
	int			nbooked = 0;
	int			next = 0;
	int			g;
	int			i;

	tiers_know_stays(ledger, account);
	know_lines(ledger, account);
	path_copy(&before, &tiers->path);
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

	/* as it was just before */
	walk->at = from - 1;
	walk->ndue = 0;
	memset(walk->balances, 0, sizeof(CoreInt128) * walk->nunits);
	lines = palloc(sizeof(TierLine) * tiers->nlines);
	memcpy(lines, tiers->lines, sizeof(TierLine) * tiers->nlines);
	qsort(lines, tiers->nlines, sizeof(TierLine), line_order);
	for (i = 0; i < tiers->nlines && lines[i].at < from; i++)
		core_check(tier_fold(walk, lines[i].slot, lines[i].points, lines[i].from, lines[i].to));
	tier_requalify(walk);
	for (g = 0; g < walk->ngroups; g++)
	{
		const TierStay *stay = tier_path_find(&before, g, from - 1);
		TierState  *state = &walk->states[g];
		int32		qualified = state->qualified;

		path_cut(&tiers->path, g, from);
		memset(state, 0, sizeof(TierState));
		if (stay)
			*state = stay->state;
		else
			state->until = INSTANT_NEVER;
		state->group_no = walk->groups[g].group_no;
		state->qualified = stay ? qualified : 0;
	}
	tiers_rewind_years(tiers, &before, from - 1);
	tiers_forget_carries(tiers, from);

	/* and what came of it */
	while (i < tiers->nlines)
	{
		Instant		at = lines[i].at;

		give_again(tiers, &given, &next, at);
		core_check(tier_walk(walk, at));
		tiers->cause = at == from ? TIER_LATE : TIER_ENTRY;
		for (; i < tiers->nlines && lines[i].at == at; i++)
		{
			if (lines[i].carried)
				continue;
			core_check(tier_fold(walk, lines[i].slot, lines[i].points, lines[i].from,
								 lines[i].to));
			core_check(tier_judge(walk, TIER_ENTRY));
		}
		tiers->cause = TIER_ENTRY;
	}
	tiers->cause = TIER_ENTRY;
	give_again(tiers, &given, &next, until);
	core_check(tier_walk(walk, until));
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
	tiers->built = true;
	tiers->quiet_since = walk->at;
	if (!ledger->dry)
		tiers_note_top_up(ledger, account, &before, from);
	pfree(lines);
	MemoryContextSwitchTo(old);
}
