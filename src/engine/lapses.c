/*-------------------------------------------------------------------------
 *
 * lapses.c
 *	  What of an account's points has lapsed, lot by lot.
 *
 * Only the ledger knows.  It is read once for all events of a batch that give
 * back what may have lapsed, and what they write is added to it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "engine/ledger.h"

/* which lot */
#define LAPSE_KEY_SIZE	offsetof(LapsedLot, points)

/* see ledger.h */
void
lapses_follow(HTAB *lapses, const Movement *m, int64 operation_no)
{
	Points		points = (m->kind == ENTRY_EXPIRE ? -m->points : 0) - m->lapsed;
	LapsedLot	key;
	LapsedLot  *lot;
	bool		found;

	/* what a lapse took and was brought back later has not lapsed */
	if (m->kind == ENTRY_RETURN && m->to == INSTANT_ACTIVITY && operation_no == 0)
		points = -m->points;
	if (points == 0 && m->lapsed == 0)
		return;
	memset(&key, 0, sizeof(key));
	key.unit = m->unit;
	key.from = m->from;
	key.to = m->to;
	lot = (LapsedLot *) hash_search(lapses, &key, HASH_ENTER, &found);
	if (!found)
		lot->points = lot->excused = 0;
	lot->points += points;
	lot->excused += m->lapsed;
}

/* An EntryReader. */
static void
read_lapse(void *arg, int64 entry_no, const EntryLine *line)
{
	lapses_follow((HTAB *) arg, &line->movement, line->operation_no);
}

/* see ledger.h */
const LapsedLot *
account_lapsed_lot(Ledger *ledger, AccountState *account, int32 unit, Instant from, Instant to)
{
	LapsedLot	key;

	if (account->lapses == NULL)
	{
		HASHCTL		info;
		HTAB	   *lapses;

		memset(&info, 0, sizeof(info));
		info.keysize = LAPSE_KEY_SIZE;
		info.entrysize = sizeof(LapsedLot);
		info.hcxt = GetMemoryChunkContext(account);
		lapses = hash_create("loyalty lapses", 64, &info,
							 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);

		/* lines of this batch must be seen, too */
		ledger_flush(ledger);
		ledger_refresh(ledger);
		ledger_read_entries(ledger, account->member, 1, PG_INT64_MAX, read_lapse, lapses);
		account->lapses = lapses;
	}
	memset(&key, 0, sizeof(key));
	key.unit = unit;
	key.from = from;
	key.to = to;
	return (const LapsedLot *) hash_search(account->lapses, &key, HASH_FIND, NULL);
}
