/*-------------------------------------------------------------------------
 *
 * journal.c
 *	  Lines of the ledger: written, several to a row, and read.
 *
 * The lines that one event or operation writes to one member at once are one
 * row of the table journal: they have most in common, and a row has costs of
 * its own, of which the index is the greatest.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "engine/layout.h"
#include "engine/tiers.h"
#include "engine/writer.h"

/* -------- writing -------- */

/* A copy of a datum in bytes that are used again and again. */
static Datum
keep_datum(Ledger *ledger, Datum value, bool byval, int16 len, char **bytes, Size *capacity)
{
	Size		size;

	if (byval)
		return value;
	size = datumGetSize(value, byval, len);
	if (size > *capacity)
	{
		*capacity = Max(size, 64);
		if (*bytes)
			pfree(*bytes);
		*bytes = MemoryContextAlloc(ledger->context, *capacity);
	}
	memcpy(*bytes, DatumGetPointer(value), size);
	return PointerGetDatum(*bytes);
}

/* Whether two texts that may be absent are the same. */
static bool
same_text(Datum a, Datum b)
{
	text	   *left = (text *) DatumGetPointer(a);
	text	   *right = (text *) DatumGetPointer(b);

	if (left == NULL || right == NULL)
		return left == right;
	return VARSIZE_ANY_EXHDR(left) == VARSIZE_ANY_EXHDR(right) &&
		memcmp(VARDATA_ANY(left), VARDATA_ANY(right), VARSIZE_ANY_EXHDR(left)) == 0;
}

/* Begins a row with what the lines to come have in common. */
static void
begin_row(Ledger *ledger, AccountState *account, const EntryLine *line, int64 entry_no,
		  int64 operation_no)
{
	JournalRow *row = &ledger->row;
	Program    *program = ledger->program;

	row->first_entry = entry_no;
	row->member = keep_datum(ledger, account->member, program->member_byval,
							 program->member_len, &row->member_bytes, &row->member_capacity);
	row->event_key = line->event_key == (Datum) 0 ? (Datum) 0 :
		keep_datum(ledger, line->event_key, false, -1, &row->key_bytes, &row->key_capacity);
	row->posted_at = account->now;
	row->source_no = line->source_no;
	row->config_version = line->config_version;
	row->operation_no = operation_no;
	if (row->lines == NULL)
		row->lines = MemoryContextAlloc(ledger->context, VARHDRSZ + JOURNAL_BYTES_MAX);
	row->size = VARHDRSZ + lines_pack_start(&row->cursor,
											(unsigned char *) VARDATA(row->lines));
}

/* Whether a line goes on with the row. */
static bool
goes_on(Ledger *ledger, AccountState *account, const EntryLine *line, int64 entry_no,
		int64 operation_no)
{
	JournalRow *row = &ledger->row;

	return row->nlines > 0 && row->nlines < JOURNAL_LINES_MAX &&
		row->size + LINES_PACK_MAX <= VARHDRSZ + JOURNAL_BYTES_MAX &&
		row->first_entry + row->nlines == entry_no &&
		row->posted_at == account->now &&
		row->source_no == line->source_no &&
		row->config_version == line->config_version &&
		row->operation_no == operation_no &&
		same_text(row->event_key, line->event_key) &&
		member_cmp(ledger->program, row->member, account->member) == 0;
}

/* see ledger.h */
void
ledger_next_row(Ledger *ledger)
{
	JournalRow *row = &ledger->row;
	TupleTableSlot *slot;
	Datum	   *values;
	bool	   *isnull;

	if (row->nlines == 0)
		return;
	SET_VARSIZE(row->lines, row->size);
	slot = writer_next(ledger, &ledger->journal);
	values = slot->tts_values;
	isnull = slot->tts_isnull;
	memset(isnull, 0, sizeof(bool) * JOURNAL_COLUMNS);
	values[JOURNAL_MEMBER_ID] = row->member;
	values[JOURNAL_FIRST_ENTRY] = Int64GetDatum(row->first_entry);
	values[JOURNAL_POSTED_AT] = TimestampTzGetDatum(row->posted_at);
	isnull[JOURNAL_SOURCE_NO] = row->source_no == 0;
	values[JOURNAL_SOURCE_NO] = Int32GetDatum(row->source_no);
	isnull[JOURNAL_CONFIG_VERSION] = row->config_version == 0;
	values[JOURNAL_CONFIG_VERSION] = Int32GetDatum(row->config_version);
	isnull[JOURNAL_OPERATION_NO] = row->operation_no == 0;
	values[JOURNAL_OPERATION_NO] = Int64GetDatum(row->operation_no);
	isnull[JOURNAL_EVENT_KEY] = row->event_key == (Datum) 0;
	values[JOURNAL_EVENT_KEY] = row->event_key;
	values[JOURNAL_LINES] = PointerGetDatum(row->lines);
	row->nlines = 0;
	writer_insert(ledger, &ledger->journal);
}

/* see ledger.h */
bool
ledger_is_row(const Ledger *ledger, int64 first, int64 last)
{
	const JournalRow *row = &ledger->row;

	return ledger->dry ||
		(row->nlines > 0 && row->first_entry == first && row->first_entry + row->nlines - 1 == last);
}

/* see ledger.h */
int64
ledger_append(Ledger *ledger, AccountState *account, const EntryLine *line)
{
	JournalRow *row = &ledger->row;
	int64		entry_no = ++account->last_entry;
	int64		operation_no = line->operation_no ? line->operation_no : ledger->operation_no;
	Movement	movement;

	account->dirty = true;
	if (account->tiers)
		tiers_follow(ledger, account, &line->movement);
	if (account->lapses)
		lapses_follow(account->lapses, &line->movement, operation_no);
	if (ledger->observe)
		ledger->observe(ledger->observe_arg, account, line, entry_no);
	if (ledger->dry)
		return entry_no;
	if (!goes_on(ledger, account, line, entry_no, operation_no))
	{
		ledger_next_row(ledger);
		begin_row(ledger, account, line, entry_no, operation_no);
	}
	movement = line->movement;
	movement.tag = line->rule_no;
	if (line_validate(&movement) != CORE_OK)
		elog(ERROR, "a line of kind %d, unit %d, from " INT64_FORMAT " to " INT64_FORMAT " cannot be",
			 (int) movement.kind, movement.unit, movement.from, movement.to);
	row->size += lines_pack_line(&row->cursor, &movement,
								 (unsigned char *) row->lines + row->size);
	row->nlines++;
	return entry_no;
}

/* see ledger.h */
void
ledger_sink(void *arg, const Movement *movement)
{
	LedgerSink *sink = (LedgerSink *) arg;

	sink->line.movement = *movement;
	sink->line.operation_no = movement->hold_no;
	sink->last = ledger_append(sink->ledger, sink->account, &sink->line);
	if (sink->first == 0)
		sink->first = sink->last;
}

/* -------- reading -------- */

/* Tells the lines of a row that lie between two numbers. */
static void
read_row(TupleTableSlot *slot, int64 first, int64 last, EntryReader reader, void *arg)
{
	EntryLine	line;
	LinesCursor cursor;
	struct varlena *lines;
	Datum	   *values;
	bool	   *isnull;
	int64		entry_no;

	slot_getallattrs(slot);
	values = slot->tts_values;
	isnull = slot->tts_isnull;
	memset(&line, 0, sizeof(line));
	line.source_no = isnull[JOURNAL_SOURCE_NO] ? 0 : DatumGetInt32(values[JOURNAL_SOURCE_NO]);
	line.config_version = isnull[JOURNAL_CONFIG_VERSION] ? 0 :
		DatumGetInt32(values[JOURNAL_CONFIG_VERSION]);
	line.operation_no = isnull[JOURNAL_OPERATION_NO] ? 0 :
		DatumGetInt64(values[JOURNAL_OPERATION_NO]);
	line.event_key = isnull[JOURNAL_EVENT_KEY] ? (Datum) 0 : values[JOURNAL_EVENT_KEY];
	line.posted_at = DatumGetTimestampTz(values[JOURNAL_POSTED_AT]);
	entry_no = DatumGetInt64(values[JOURNAL_FIRST_ENTRY]) - 1;
	lines = DatumGetLinesPP(values[JOURNAL_LINES]);
	lines_begin(lines, &cursor);
	while (lines_next(&cursor, &line.movement))
	{
		entry_no++;
		line.rule_no = line.movement.tag;
		if (entry_no >= first && entry_no <= last)
			reader(arg, entry_no, &line);
	}
	if ((Pointer) lines != DatumGetPointer(values[JOURNAL_LINES]))
		pfree(lines);
}

/* The number of the first line of a row. */
static int64
first_of_row(TupleTableSlot *slot)
{
	bool		isnull;

	return DatumGetInt64(slot_getattr(slot, JOURNAL_FIRST_ENTRY + 1, &isnull));
}

/* Tells what the row that began before a line holds from there on. */
static void
read_row_before(Ledger *ledger, Relation index, ScanKey keys, TupleTableSlot *slot,
				int64 first, int64 last, EntryReader reader, void *arg)
{
	IndexScanDesc scan = loyalty_index_beginscan(ledger->journal.rel, index, ledger->snapshot, 2, 0);

	ScanKeyInit(&keys[1], 2, BTLessStrategyNumber, F_INT8LT, Int64GetDatum(first));
	index_rescan(scan, keys, 2, NULL, 0);
	if (index_getnext_slot(scan, BackwardScanDirection, slot))
		read_row(slot, first, last, reader, arg);
	index_endscan(scan);
}

/* see ledger.h */
void
ledger_read_entries(Ledger *ledger, Datum member, int64 first, int64 last,
					EntryReader reader, void *arg)
{
	Relation	rel = ledger->journal.rel;
	Relation	index = index_open(loyalty_primary_key(rel), AccessShareLock);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	ScanKeyData keys[3];
	IndexScanDesc scan;
	bool		found;

	ScanKeyEntryInitialize(&keys[0], 0, 1, BTEqualStrategyNumber, InvalidOid,
						   index->rd_indcollation[0],
						   equality_function(ledger->program->ref.member_type), member);
	ScanKeyInit(&keys[1], 2, BTGreaterEqualStrategyNumber, F_INT8GE, Int64GetDatum(first));
	ScanKeyInit(&keys[2], 2, BTLessEqualStrategyNumber, F_INT8LE, Int64GetDatum(last));
	scan = loyalty_index_beginscan(rel, index, ledger->snapshot, 3, 0);
	index_rescan(scan, keys, 3, NULL, 0);
	found = index_getnext_slot(scan, ForwardScanDirection, slot);
	if (first > 1 && !(found && first_of_row(slot) == first))
	{
		TupleTableSlot *before = table_slot_create(rel, NULL);

		read_row_before(ledger, index, keys, before, first, last, reader, arg);
		ExecDropSingleTupleTableSlot(before);
	}
	while (found)
	{
		CHECK_FOR_INTERRUPTS();
		read_row(slot, first, last, reader, arg);
		found = index_getnext_slot(scan, ForwardScanDirection, slot);
	}
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	index_close(index, AccessShareLock);
}
