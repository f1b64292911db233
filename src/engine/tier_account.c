/*-------------------------------------------------------------------------
 *
 * tier_account.c
 *	  The tiers of one account, as it moves.
 *
 * As long as points are only added, and no threshold is met, a line costs an
 * addition: the walk's heap is built when something else happens.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/arrays.h"
#include "engine/tiers.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* Tells the walk's heap when lots begin and end. */
static void
build(AccountTiers *tiers, int nlines)
{
	TierWalk   *walk = &tiers->walk;
	MemoryContext old = MemoryContextSwitchTo(tiers->context);
	CoreInt128 *balances = palloc(sizeof(CoreInt128) * Max(1, walk->nunits));
	int			i;

	/* what they add up to is known */
	memcpy(balances, walk->balances, sizeof(CoreInt128) * walk->nunits);
	for (i = 0; i < tiers->nbase; i++)
		core_check(tier_fold(walk, tiers_slot(tiers->config, tiers->base[i].unit),
							 tiers->base[i].points, tiers->base[i].from, tiers->base[i].to));
	for (i = 0; i < nlines; i++)
	{
		if (!tiers->lines[i].carried && !tiers->lines[i].lot)
			core_check(tier_fold(walk, tiers->lines[i].slot, tiers->lines[i].points,
								 tiers->lines[i].from, tiers->lines[i].to));
	}
	memcpy(walk->balances, balances, sizeof(CoreInt128) * walk->nunits);
	pfree(balances);
	tiers->built = true;
	MemoryContextSwitchTo(old);
}

/* see tiers.h */
void
tiers_know_lots(AccountState *account)
{
	if (!account->tiers->built)
		build(account->tiers, account->tiers->nlines);
}

/* The next instant at which anything may change. */
static Instant
next_change(const AccountTiers *tiers)
{
	Instant		next = tier_next_due(&tiers->walk);

	return tiers->built ? next : Min(next, tiers->next_change);
}

/*
 * Goes through what is due up to an instant, the lines before the given one
 * being known to the heap.
 */
static void
pass(AccountTiers *tiers, Instant at, int nlines)
{
	MemoryContext old;
	Instant		next;

	if (next_change(tiers) > at)
		return;
	if (!tiers->built)
		build(tiers, nlines);
	old = MemoryContextSwitchTo(tiers->context);
	tiers->cause = TIER_ENTRY;
	while ((next = tier_next_due(&tiers->walk)) <= at && next != INSTANT_NEVER)
	{
		CHECK_FOR_INTERRUPTS();
		core_check(tier_walk(&tiers->walk, next));
		tiers->quiet_since = next;
		tiers->plain_since = Max(tiers->plain_since, next);
	}
	MemoryContextSwitchTo(old);
}

/* The same, and goes there. */
static void
walk_to(AccountTiers *tiers, Instant at, int nlines)
{
	pass(tiers, at, nlines);
	if (at > tiers->walk.at)
		tiers->walk.at = at;
}

/* see tiers.h */
void
tiers_walk(AccountState *account, Instant at)
{
	walk_to(account->tiers, Min(at, account->now), account->tiers->nlines);
}

/* see tiers.h */
void
tiers_pass(AccountState *account, Instant at)
{
	pass(account->tiers, Min(at, account->now), account->tiers->nlines);
}

/* Remembers points spent, or given back. */
static void
note_spent(AccountTiers *tiers, const Movement *movement)
{
	LotPiece	piece = {0};

	if (movement->points == 0)
		return;
	core_check(points_sub(0, movement->points, &piece.points) ? CORE_OK : CORE_RANGE);
	piece.from = movement->from;
	piece.to = movement->to;
	piece.unit = movement->unit;
	if (piece.to == INSTANT_NEVER)
		piece.from = Min(piece.from, 0);	/* all the same, so that they are one */
	if (tiers->nspent == tiers->spent_capacity)
		tiers->spent = array_grow(tiers->context, tiers->spent, sizeof(LotPiece),
								  &tiers->spent_capacity, 8);
	core_check(lots_add_piece(tiers->spent, &tiers->nspent, piece));
}

/* Remembers points that have lapsed; what remains of them at the end is sorted then. */
static void
note_ended(AccountTiers *tiers, const Movement *movement)
{
	LotPiece	piece = {0};

	if (tiers->nended == tiers->ended_capacity)
		tiers->ended = array_grow(tiers->context, tiers->ended, sizeof(LotPiece),
								  &tiers->ended_capacity, 8);
	piece.points = -movement->points;
	piece.from = movement->from;
	piece.to = movement->to;
	piece.unit = movement->unit;
	tiers->ended[tiers->nended++] = piece;
}

/* Remembers a line. */
static TierLine *
add_line(AccountTiers *tiers, const Movement *movement, int slot, Instant now)
{
	TierLine   *line;

	if (tiers->nlines == tiers->lines_capacity)
		tiers->lines = array_grow(tiers->context, tiers->lines, sizeof(TierLine),
								  &tiers->lines_capacity, 8);
	line = &tiers->lines[tiers->nlines++];
	line->at = Min(movement->occurred_at, now);
	line->from = movement->from;
	line->to = movement->to;
	line->points = movement->points;
	line->slot = slot;
	line->carried = movement->kind == ENTRY_ROLLOVER;
	line->lot = false;
	line->half = tiers_half(movement);
	line->ord = tiers->nlines;
	return line;
}

/* Tells the walk of a line. */
static void
fold_line(AccountTiers *tiers, const TierLine *line)
{
	TierWalk   *walk = &tiers->walk;

	if (tiers->built)
	{
		core_check(tier_fold(walk, line->slot, line->points, line->from, line->to));
		return;
	}
	if (line->from > walk->at)
		tiers->next_change = Min(tiers->next_change, line->from);
	else if (line->to > walk->at)
		walk->balances[line->slot] += line->points;
	if (line->to > walk->at && line->to < INSTANT_ACTIVITY)
		tiers->next_change = Min(tiers->next_change, line->to);
}

/*
 * Whether more points in a late line change nothing since its instant, or points
 * that repay debt.
 */
static bool
changes_nothing(AccountTiers *tiers, const TierLine *line)
{
	TierWalk   *walk = &tiers->walk;
	int			g;

	if (line->at < tiers->quiet_since || line->from > line->at || line->to <= walk->at)
		return false;
	if (line->half || line->points < 0)
		return line->half;
	walk->balances[line->slot] += line->points;
	for (g = 0; g < walk->ngroups; g++)
	{
		const TierStep *step = tier_qualified(tier_ladder(&walk->groups[g], walk->at),
											  walk->balances);

		if ((step ? step->tier_no : 0) != walk->states[g].qualified)
			break;
	}
	walk->balances[line->slot] -= line->points;
	return g == walk->ngroups;
}

/* see tiers.h */
void
tiers_follow(Ledger *ledger, AccountState *account, const Movement *movement)
{
	AccountTiers *tiers = account->tiers;
	TierWalk   *walk = &tiers->walk;
	int			slot = tiers_slot(tiers->config, movement->unit);
	TierLine   *line;
	TierLine	late;
	int			count = 1;
	int			known;
	MemoryContext old;

	if (slot < 0 || tiers->rests)
		return;
	if (!tiers_counts(movement))
	{
		if (movement->kind == ENTRY_ROLLOVER)
			(void) add_line(tiers, movement, slot, account->now);
		else if (movement->kind != ENTRY_EXPIRE)
			note_spent(tiers, movement);
		else if (ledger->history)
			note_ended(tiers, movement);
		return;
	}
	line = add_line(tiers, movement, slot, account->now);
	if (line->points < 0 || line->half || line->from != line->at)
		tiers->plain_since = Max(tiers->plain_since, line->at);
	if (line->half)
		return;
	if (tiers->nlines > 1 && line[-1].half)
	{
		line--;
		count = 2;
	}
	if (line->at < walk->at && !changes_nothing(tiers, line))
	{
		/* stays that are over by now have been told, whether or not they were booked */
		if (!ledger->history)
			pass(tiers, account->now, tiers->nlines - count);
		late = *line;
		if (tiers_reaches_nothing(ledger, account))
			fold_line(tiers, &late);
		else
			tiers_judge_again(ledger, account, late.at);
		return;
	}
	old = MemoryContextSwitchTo(tiers->context);
	walk_to(tiers, line->at, tiers->nlines - count);
	tiers->cause = TIER_ENTRY;
	known = tiers->path.count;
	for (int i = 0; i < count; i++)
		fold_line(tiers, &line[i]);
	core_check(tier_judge(walk, TIER_ENTRY));
	if (tiers->path.count > known || (line->points < 0 && !line->half))
		tiers->quiet_since = walk->at;
	MemoryContextSwitchTo(old);
	if (tiers->path.count > known && line->at < tiers->asked_at)
		tiers_reached(ledger, account, tiers->path.count - known, line->at);
}

/* see tiers.h */
void
tiers_at(Ledger *ledger, AccountState *account, Instant at, int32 *tier_nos)
{
	AccountTiers *tiers = account->tiers;
	TierWalk   *walk = &tiers->walk;
	int			g;

	at = Min(at, account->now);
	tiers->asked_at = Max(tiers->asked_at, at);
	if (at >= walk->at)
		pass(tiers, at, tiers->nlines);
	if (at < tiers->quiet_since)
		tiers_know_stays(ledger, account);
	for (g = 0; g < walk->ngroups; g++)
	{
		if (at >= tiers->quiet_since)
			tier_nos[g] = walk->states[g].tier_no;
		else
		{
			const TierStay *stay = tier_path_find(&tiers->path, g, at);

			tier_nos[g] = stay ? stay->state.tier_no : 0;
		}
	}
}

/* see tiers.h */
void
tiers_before(Ledger *ledger, AccountState *account, Instant at, int32 *tier_nos)
{
	AccountTiers *tiers = account->tiers;
	int			g;

	if (at >= tiers->walk.at)
		pass(tiers, Min(at, account->now), tiers->nlines);
	tiers_know_stays(ledger, account);
	for (g = 0; g < tiers->walk.ngroups; g++)
	{
		const TierStay *found = tier_path_before(&tiers->path, g, at);

		tier_nos[g] = found ? found->state.tier_no : 0;
	}
}

/* see tiers.h */
void
tiers_give(AccountState *account, int group, int32 tier_no, Instant until,
		   int64 operation_no)
{
	AccountTiers *tiers = account->tiers;

	walk_to(tiers, account->now, tiers->nlines);
	tiers->operation_no = operation_no;
	core_check(tier_give(&tiers->walk, group, tier_no, until, account->now));
	tiers->operation_no = 0;
	tiers->quiet_since = account->now;
	account->dirty = true;
}

/* see tiers.h */
int
tiers_held(Ledger *ledger, AccountState *account, Instant at, const char **names)
{
	TierConfig *config;
	int32	   *tier_nos;
	int			g;

	if (account->tiers == NULL)
		return 0;
	config = account->tiers->config;
	tier_nos = palloc(sizeof(int32) * config->ngroups);
	tiers_at(ledger, account, at, tier_nos);
	for (g = 0; g < config->ngroups; g++)
		names[g] = tier_nos[g] ? tiers_name(config, tier_nos[g]) : NULL;
	pfree(tier_nos);
	return config->ngroups;
}

/* see tiers.h */
bool
tiers_any_held(Ledger *ledger, AccountState *account, Instant at, ArrayType *names)
{
	const char **held;
	Datum	   *wanted;
	bool	   *nulls;
	int			nwanted;
	int			n;
	int			i;
	int			k;

	if (account->tiers == NULL)
		return false;
	held = palloc(sizeof(char *) * account->tiers->config->ngroups);
	n = tiers_held(ledger, account, at, held);
	deconstruct_array(names, TEXTOID, -1, false, TYPALIGN_INT, &wanted, &nulls, &nwanted);
	for (i = 0; i < nwanted; i++)
	{
		for (k = 0; k < n && !nulls[i]; k++)
		{
			if (held[k] && strcmp(held[k], TextDatumGetCString(wanted[i])) == 0)
				return true;
		}
	}
	return false;
}
