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
	if (account->tiers->says_nothing)
	{
		account->tiers->nchanges = tier_path_last_no(ledger, account->member);
		account->tiers->says_nothing = false;
	}
	slot = writer_next(ledger, &ledger->tier_change);
	values = slot->tts_values;
	isnull = slot->tts_isnull;
	memset(isnull, 0, sizeof(bool) * TIER_CHANGE_COLUMNS);
	values[TIER_CHANGE_MEMBER_ID] = account->member;
	values[TIER_CHANGE_CHANGE_NO] = Int64GetDatum(++account->tiers->nchanges);
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

/* The next stay of a group from a place on; the path's count if there is none. */
static int
next_stay(const TierPath *path, int group, int place)
{
	while (place < path->count && path->stays[place].group != group)
		place++;
	return place;
}

/* Likewise the next that has not been overtaken at the instant at which it began. */
static int
next_lasting(const TierPath *path, int group, int place)
{
	int			next;

	place = next_stay(path, group, place);
	for (; (next = next_stay(path, group, place + 1)) < path->count; place = next)
	{
		if (path->stays[next].at != path->stays[place].at)
			break;
	}
	return place;
}

/* The first stay of a group that began at the instant of one of them. */
static int
first_of_instant(const TierPath *path, int place)
{
	int			first = place;

	while (--place >= 0)
	{
		if (path->stays[place].group != path->stays[first].group)
			continue;
		if (path->stays[place].at != path->stays[first].at)
			break;
		first = place;
	}
	return first;
}

/*
 * Writes what a group's stays are from where they differ from the table.  Those
 * that were overtaken at once are told of only where others differ: they come and
 * go with how much of the past is known.
 */
static void
write_group(Ledger *ledger, AccountState *account, int group)
{
	AccountTiers *tiers = account->tiers;
	const TierPath *stored = &tiers->stored;
	const TierPath *path = &tiers->path;
	const TierStay *last = NULL;
	int			s = next_lasting(stored, group, 0);
	int			p = next_lasting(path, group, 0);

	for (; s < stored->count && p < path->count &&
		 same_stay(&stored->stays[s], &path->stays[p]);
		 s = next_lasting(stored, group, s + 1), p = next_lasting(path, group, p + 1))
		last = &path->stays[p];
	if (p < path->count)
		p = first_of_instant(path, p);
	if (s < stored->count)
		s = first_of_instant(stored, s);
	while (s < stored->count && p < path->count &&
		   same_stay(&stored->stays[s], &path->stays[p]))
	{
		last = &path->stays[p];
		s = next_stay(stored, group, s + 1);
		p = next_stay(path, group, p + 1);
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

/* Puts the walk's states back to what the stays say of just before an instant. */
static void
rewind_states(AccountTiers *tiers, const TierPath *before, Instant from)
{
	TierWalk   *walk = &tiers->walk;
	int			g;

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
}

/*
 * Has the walk stand just before an instant, and forget the stays since (before:
 * NULL if none began since); returns the first line that is not before it.
 */
static int
stand_before(AccountTiers *tiers, const TierPath *before, Instant from)
{
	TierWalk   *walk = &tiers->walk;
	int			i;

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
	if (before)
		rewind_states(tiers, before, from);
	tiers->built = true;

	/* what lies between is not known to be quiet any more, what was before is */
	tiers->quiet_since = Min(tiers->quiet_since, from);
	return i;
}

/*
 * Has the walk stand just before an instant (before: see stand_before), and follow
 * the lines from there on, and what was given by hand, up to another.
 */
static void
follow_lines(AccountState *account, const TierPath *before, const TierPath *given,
			 Instant from, Instant until)
{
	AccountTiers *tiers = account->tiers;
	TierWalk   *walk = &tiers->walk;
	int			next = 0;
	int			i = stand_before(tiers, before, from);

	while (i < tiers->nlines)
	{
		Instant		at = tiers->lines[i].at;

		give_again(tiers, given, &next, at);
		tiers_pass(account, at);
		walk->at = at;

		/* it is late if anything has happened since */
		if (at == from && (next < given->count || tiers->lines[tiers->nlines - 1].at > at ||
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
	give_again(tiers, given, &next, until);
	tiers_pass(account, until);
}

/*
 * Judges again a time in which nothing happened but that points were added: none
 * of the stays began in it, or ended.
 */
static void
judge_quiet_again(Ledger *ledger, AccountState *account, Instant from, Instant until)
{
	const TierPath none = {0};

	tiers_know_lines(ledger, account, from);
	tiers_sort_lines(account->tiers);
	follow_lines(account, NULL, &none, from, until);
}

/*
 * see tiers.h: goes through the balances with the line and without it, as long as
 * nothing began or ended but by lines
 */
bool
tiers_reaches_nothing(Ledger *ledger, AccountState *account)
{
	AccountTiers *tiers = account->tiers;
	TierWalk   *walk = &tiers->walk;
	CoreInt128 *without = walk->judged;
	CoreInt128 *with = walk->judged + walk->nunits;
	TierLine	late = tiers->lines[tiers->nlines - 1];
	MemoryContext old;
	int			i;
	int			g;

	if (late.points < 0 || late.from != late.at || late.to <= account->now ||
		!tiers_lots_tell(ledger, account, late.at))
		return false;
	old = MemoryContextSwitchTo(tiers->context);
	tiers_know_lines(ledger, account, late.at);
	late = tiers->lines[tiers->nlines - 1];
	tiers_sort_lines(tiers);
	MemoryContextSwitchTo(old);
	memset(walk->judged, 0, sizeof(CoreInt128) * walk->nunits * 2);
	for (i = 0; i < tiers->nlines; i++)
	{
		const TierLine *line = &tiers->lines[i];

		if (line->to <= late.at || line->from > account->now)
			continue;
		with[line->slot] += line->points;
		if (line->ord != late.ord)
			without[line->slot] += line->points;
		for (g = 0; g < walk->ngroups && line->at >= late.at; g++)
		{
			const TierLadder *ladder = tier_ladder(&walk->groups[g], line->at);

			if (tier_qualified(ladder, with) != tier_qualified(ladder, without))
				return false;
		}
	}
	return true;
}

/* For qsort: tiers given by hand by instant, and as they were given. */
static int
gift_cmp(const void *a, const void *b)
{
	const TierStay *x = (const TierStay *) a;
	const TierStay *y = (const TierStay *) b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return (x->operation_no > y->operation_no) - (x->operation_no < y->operation_no);
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
	int			g;
	int			i;

	if (from > tiers->quiet_since && walk->ntenures == 0 && !tiers->config->carries &&
		!tiers_top_up_any(tiers->config))
	{
		judge_quiet_again(ledger, account, from, until);
		MemoryContextSwitchTo(old);
		return;
	}
	tiers_know_stays(ledger, account);
	tiers_know_lines(ledger, account, from);
	tiers_sort_lines(tiers);
	tier_path_copy(&before, &tiers->path);
	booked = palloc(sizeof(TierState) * Max(1, before.count));
	for (i = 0; i < before.count; i++)
	{
		if (has_ended(&before, i, account->now))
			booked[nbooked++] = before.stays[i].state;
		if (before.stays[i].cause == TIER_BY_HAND && before.stays[i].at >= from)
			tier_path_add(&given, &before.stays[i]);
	}
	/* the stays are sorted within their groups only */
	if (given.count > 1)
		qsort(given.stays, given.count, sizeof(TierStay), gift_cmp);
	walk->booked = booked;
	walk->nbooked = nbooked;
	follow_lines(account, &before, &given, from, until);
	tiers_compare_carries(tiers, from);
	walk->booked = NULL;
	walk->nbooked = 0;

	/* what was known already keeps its cause; only what is given again is given by hand */
	for (i = 0; i < tiers->path.count; i++)
	{
		TierStay   *stay = &tiers->path.stays[i];

		for (g = 0; g < before.count; g++)
		{
			if (before.stays[g].group == stay->group && same_stay(&before.stays[g], stay) &&
				stay->cause != TIER_BY_HAND && before.stays[g].cause != TIER_BY_HAND)
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
