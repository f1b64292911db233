/*-------------------------------------------------------------------------
 *
 * past.c
 *	  The lots of an account as they were, summed up from the ledger.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "engine/read.h"

/* what is summed up */
typedef struct Past
{
	AccountState *account;
	TimestampTz at;
	TimestampTz known_at;
	LotPiece   *pieces;			/* sorted and merged up to nmerged */
	int			npieces;
	int			nmerged;
	int			capacity;
} Past;

/* The last activity in a unit was at least at an instant. */
static void
note_activity(AccountState *account, int32 unit_no, TimestampTz at)
{
	int			i;

	for (i = 0; i < account->core.nunits; i++)
	{
		AccountUnit *unit = &account->core.units[i];

		if (unit->unit == unit_no)
			unit->last_activity = Max(unit->last_activity, at);
	}
}

/* Adds a line; an EntryReader. */
static void
add_line(void *arg, int64 entry_no, const EntryLine *line)
{
	Past	   *past = (Past *) arg;
	const Movement *m = &line->movement;
	LotPiece   *piece;

	if (m->occurred_at > past->at || line->posted_at > past->known_at)
		return;
	if (m->kind == ENTRY_EARN || m->kind == ENTRY_REDEEM)
		note_activity(past->account, m->unit, m->occurred_at);
	if (m->points == 0)
		return;

	/* merge from time to time, so that memory is as good as the number of lots */
	if (past->npieces == past->capacity)
	{
		core_check(lots_normalize(past->pieces, &past->npieces));
		if (past->npieces > past->capacity / 2)
		{
			past->capacity *= 2;
			past->pieces = repalloc_huge(past->pieces, sizeof(LotPiece) * past->capacity);
		}
	}
	piece = &past->pieces[past->npieces++];
	piece->points = m->points;
	piece->from = m->from;
	piece->to = m->to;
	piece->unit = m->unit;
	piece->reserved = 0;
}

/* see read.h */
void
past_lots(Ledger *reader, AccountState *account, TimestampTz at, TimestampTz known_at)
{
	Past		past = {account, at, known_at};
	int			i;

	for (i = 0; i < account->core.nunits; i++)
		account->core.units[i].last_activity = INSTANT_ALWAYS;
	past.capacity = 64;
	past.pieces = palloc(sizeof(LotPiece) * past.capacity);
	if (reader->journal.rel == NULL)
		reader->journal.rel = table_open(reader->program->journal, AccessShareLock);
	ledger_read_entries(reader, account->member, 1, account->last_entry, add_line, &past);
	core_check(lots_normalize(past.pieces, &past.npieces));
	account->core.pieces = past.pieces;
	account->core.npieces = past.npieces;
	account->core.capacity = past.capacity;
	account->paged = NULL;
}
