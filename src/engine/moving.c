/*-------------------------------------------------------------------------
 *
 * moving.c
 *	  Postings whose events have another key now.
 *
 * A row whose key is updated stays the same event: what it earned is revoked
 * under the old key and earned under the new one, in the same lots, so that
 * no balance moves; its frozen facts go along.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/pay.h"
#include "engine/tiers.h"

#include "access/xact.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/* one posting on its way */
typedef struct Move
{
	Datum	   *old_key;
	Datum	   *new_key;
	bool		found;
	Posting		posting;
	EntryLine  *lines;			/* lines it has, summed by rule, unit and lot */
	int			nlines;
} Move;

/* what an EntryReader needs */
typedef struct MoveReader
{
	Move	   *move;
	int32		source_no;
} MoveReader;

/* Sums one line into those of its rule, unit and lot. */
static void
collect_line(void *arg, int64 entry_no, const EntryLine *line)
{
	MoveReader *reader = (MoveReader *) arg;
	Move	   *move = reader->move;
	int			i;

	if (line->source_no != reader->source_no)
		return;
	for (i = 0; i < move->nlines; i++)
	{
		EntryLine  *sum = &move->lines[i];

		if (sum->rule_no == line->rule_no && sum->movement.unit == line->movement.unit &&
			sum->movement.from == line->movement.from && sum->movement.to == line->movement.to)
		{
			sum->movement.points += line->movement.points;
			sum->movement.lapsed += line->movement.lapsed;
			sum->movement.forgiven += line->movement.forgiven;
			return;
		}
	}
	move->lines = move->lines ?
		repalloc(move->lines, sizeof(EntryLine) * (move->nlines + 1)) :
		palloc(sizeof(EntryLine));
	move->lines[move->nlines++] = *line;
}

/* Writes the lines of a move under one of its keys; sign -1 revokes. */
static void
write_lines(Batch *batch, Move *move, AccountState *account, const Datum *key, int sign,
			int64 *first, int64 *last)
{
	Datum		key_text = CStringGetTextDatum(event_key_text(batch->source, key));
	int			i;

	*first = *last = 0;
	for (i = 0; i < move->nlines; i++)
	{
		EntryLine	line = move->lines[i];

		/* lots the event drew from without having points in them stay negative */
		line.event_key = key_text;
		line.config_version = move->posting.config_version;
		line.movement.kind = sign < 0 ? ENTRY_REVOKE : ENTRY_EARN;
		line.movement.points *= sign;
		line.movement.lapsed *= sign;
		line.movement.forgiven *= sign;
		line.movement.occurred_at = account->now;
		if (line.movement.points == 0 && line.movement.lapsed == 0 &&
			line.movement.forgiven == 0)
			continue;
		if (*first == 0)
			ledger_next_row(batch->ledger);
		if (account->tiers)
			account->tiers->rests = true;
		*last = ledger_append(batch->ledger, account, &line);
		if (account->tiers)
			account->tiers->rests = false;
		if (*first == 0)
			*first = *last;
	}
}

static int
move_order(const void *a, const void *b, void *program)
{
	return member_cmp((const Program *) program, ((const Move *) a)->posting.member,
					  ((const Move *) b)->posting.member);
}

/* see batch.h */
void
move_postings(Batch *batch)
{
	MemoryContext old = MemoryContextSwitchTo(batch->chunk);
	int			nmoves = batch->nmoves / 2;
	Move	   *moves;
	Datum	   *members;
	int			n = 0;
	int			nmembers = 0;
	int			i;

	batch->nmoves = 0;
	if (nmoves == 0)
	{
		MemoryContextSwitchTo(old);
		return;
	}
	batch->ledger = ledger_open(batch->program, batch->source, batch->options.dry);
	pay_move(batch, batch->moves, nmoves);
	moves = MemoryContextAllocHuge(batch->chunk, sizeof(Move) * nmoves);
	memset(moves, 0, sizeof(Move) * nmoves);
	for (i = 0; i < nmoves; i++)
	{
		moves[n].old_key = batch->moves[2 * i];
		moves[n].new_key = batch->moves[2 * i + 1];
		if (ledger_find_posting(batch->ledger, moves[n].old_key, &moves[n].posting))
			n++;
	}
	qsort_arg(moves, n, sizeof(Move), move_order, batch->program);
	members = MemoryContextAllocHuge(batch->chunk, sizeof(Datum) * Max(1, n));
	for (i = 0; i < n; i++)
	{
		if (nmembers == 0 || member_cmp(batch->program, members[nmembers - 1],
										moves[i].posting.member) != 0)
			members[nmembers++] = moves[i].posting.member;
	}
	ledger_lock_accounts(batch->ledger, members, nmembers);
	ledger_refresh(batch->ledger);

	/* all leave their old keys before any takes a new one: keys may be swapped */
	for (i = 0; i < n; i++)
	{
		MoveReader	reader = {&moves[i], batch->source->source_no};
		Posting    *posting = &moves[i].posting;
		int			k;

		moves[i].found = ledger_find_posting(batch->ledger, moves[i].old_key, posting);
		if (!moves[i].found)
			continue;
		if (posting->first_entry > 0)
			ledger_read_entries(batch->ledger, posting->member, posting->first_entry,
								posting->first_entry + posting->entries - 1,
								collect_line, &reader);
		for (k = 0; k + 1 < posting->nlater; k += 2)
			ledger_read_entries(batch->ledger, posting->member, posting->later[k],
								posting->later[k + 1], collect_line, &reader);
		ledger_delete_posting(batch->ledger, posting);
	}
	CommandCounterIncrement();
	ledger_refresh(batch->ledger);
	{
		AccountState *account = NULL;

		for (i = 0; i < n; i++)
		{
			Posting    *posting = &moves[i].posting;
			Posting		target;
			int64		first;
			int64		last;

			if (!moves[i].found)
				continue;
			if (account == NULL ||
				member_cmp(batch->program, account->member, posting->member) != 0)
			{
				if (account)
					ledger_save_account(batch->ledger, account);
				account = ledger_account(batch->ledger, posting->member);
			}
			write_lines(batch, &moves[i], account, moves[i].old_key, -1, &first, &last);

			/*
			 * A key that was used before keeps its own posting, which what its
			 * row earns now is judged against; the moved one has its points
			 * taken under the new key's name all the same.
			 */
			if (ledger_find_posting(batch->ledger, moves[i].new_key, &target))
			{
				if (member_cmp(batch->program, target.member, posting->member) == 0)
				{
					write_lines(batch, &moves[i], account, moves[i].new_key, 1, &first, &last);
					if (first > 0)
					{
						target.later = target.later ?
							repalloc(target.later, sizeof(int64) * (target.nlater + 2)) :
							palloc(sizeof(int64) * 2);
						target.later[target.nlater++] = first;
						target.later[target.nlater++] = last;
						ledger_update_posting(batch->ledger, moves[i].new_key, &target);
						CommandCounterIncrement();
						ledger_refresh(batch->ledger);
					}
					continue;
				}
				ledger_delete_posting(batch->ledger, &target);
			}
			write_lines(batch, &moves[i], account, moves[i].new_key, 1, &first, &last);
			posting->first_entry = 0;
			posting->entries = 0;
			posting->nlater = 0;
			posting->later = NULL;
			if (first > 0)
			{
				posting->later = palloc(sizeof(int64) * 2);
				posting->later[0] = first;
				posting->later[1] = last;
				posting->nlater = 2;
			}
			ledger_insert_posting(batch->ledger, moves[i].new_key, posting);
		}
		if (account)
			ledger_save_account(batch->ledger, account);
	}
	ledger_close(batch->ledger);
	batch->ledger = NULL;
	CommandCounterIncrement();
	MemoryContextSwitchTo(old);
	MemoryContextReset(batch->chunk);
}
