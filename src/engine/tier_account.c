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

#include "engine/tiers.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "engine/pages.h"

/* what the account's row holds, before the states of groups */
typedef struct StoredTiers
{
	Instant		at;				/* where the walk stands */
	Instant		quiet_since;
	int32		nstates;
	int32		nspent;			/* points spent: LotPieces behind the states */
	int32		ntenures;		/* StoredTenures behind those */
	int32		reserved;
} StoredTiers;

/* time for which a tier, or a higher one, has been held by the account's instant */
typedef struct StoredTenure
{
	int32		tier_no;
	int32		reserved;
	int64		held;
} StoredTenure;

/* Makes room for more that is due; see TierWalk.grow. */
static void
grow_due(TierWalk *walk, int capacity)
{
	int			size = Max(Max(capacity, walk->capacity * 2), 16);

	walk->due = walk->due ? repalloc_huge(walk->due, sizeof(TierDue) * size) :
		palloc(sizeof(TierDue) * size);
	walk->capacity = size;
}

/* see tiers.h */
void
tiers_note(void *arg, int group, const TierState *state, Instant at, TierCause cause)
{
	AccountTiers *tiers = (AccountTiers *) arg;
	TierStay	stay = {0};

	stay.state = *state;
	stay.at = at;
	stay.cause = tiers->cause == TIER_LATE && cause == TIER_ENTRY ? TIER_LATE : cause;
	stay.group = group;
	stay.operation_no = cause == TIER_BY_HAND ? tiers->operation_no : 0;
	tier_path_add(&tiers->path, &stay);
}

/* Keeps the lots of qualifying units, and what they add up to. */
static void
take_lots(AccountTiers *tiers, AccountState *account)
{
	TierWalk   *walk = &tiers->walk;
	TierConfig *config = tiers->config;
	int			i;

	core_check(account_settle(&account->core));
	memset(walk->balances, 0, sizeof(CoreInt128) * config->nunits);
	tiers->base = account->core.npieces + tiers->nspent > 0 ?
		palloc(sizeof(LotPiece) * (account->core.npieces + tiers->nspent)) : NULL;
	tiers->nbase = 0;
	tiers->next_change = INSTANT_NEVER;
	for (i = 0; i < account->core.npieces + tiers->nspent; i++)
	{
		const LotPiece *piece = i < account->core.npieces ? &account->core.pieces[i] :
			&tiers->spent[i - account->core.npieces];
		int			slot = tiers_slot(config, piece->unit);

		if (slot < 0)
			continue;
		tiers->base[tiers->nbase++] = *piece;
		if (piece->from > walk->at)
			tiers->next_change = Min(tiers->next_change, piece->from);
		else if (piece->to > walk->at)
			walk->balances[slot] += piece->points;
		if (piece->to > walk->at && piece->to < INSTANT_ACTIVITY)
			tiers->next_change = Min(tiers->next_change, piece->to);
	}
	for (i = 0; account->paged && i < config->nunits; i++)
	{
		Points		available = 0;
		Points		pending = 0;

		pages_add_balance(account, config->units[i], &available, &pending);
		walk->balances[i] += available;
	}
	if (account->paged)
		tiers->next_change = Min(tiers->next_change, account->paged->summary.next_due);
}

/* see tiers.h */
void
tiers_attach(Program *program, AccountState *account, Datum value, bool isnull)
{
	TierConfig *config = program->tiers;
	AccountTiers *tiers;
	StoredTiers stored = {INSTANT_ALWAYS, INSTANT_ALWAYS};
	bytea	   *stored_bytes = NULL;
	int			g;

	account->tiers = NULL;
	if (config == NULL)
		return;
	tiers = palloc0(sizeof(AccountTiers));
	tiers->config = config;
	tiers->context = CurrentMemoryContext;
	tiers->walk.groups = config->groups;
	tiers->walk.ngroups = config->ngroups;
	tiers->walk.nunits = config->nunits;
	tiers->walk.zone = &account->zone;
	tiers->walk.states = palloc0(sizeof(TierState) * config->ngroups);
	tiers->walk.balances = palloc(sizeof(CoreInt128) * Max(1, config->nunits));
	tiers->walk.judged = palloc(sizeof(CoreInt128) * Max(1, config->nunits * (config->ngroups + 2)));
	tiers->walk.grow = grow_due;
	tiers->walk.sink = tiers_note;
	tiers->walk.carry = tiers_note_carry;
	tiers->walk.arg = tiers;
	tiers->walk.at = account->last_at != DT_NOBEGIN ? account->last_at : account->joined_at;
	tiers->asked_at = account->last_at;
	if (!isnull)
	{
		stored_bytes = DatumGetByteaPP(value);
		memcpy(&stored, VARDATA_ANY(stored_bytes), sizeof(StoredTiers));
		tiers->walk.at = stored.at;
	}
	for (g = 0; g < config->ngroups; g++)
	{
		TierState  *state = &tiers->walk.states[g];

		state->group_no = config->groups[g].group_no;
		state->until = INSTANT_NEVER;
		state->since = state->counted_at = INSTANT_ALWAYS;
	}
	if (config->ntenures > 0)
	{
		tiers->walk.ntenures = config->ntenures;
		tiers->walk.tenures = palloc(sizeof(TierTenure) * config->ntenures);
		memcpy(tiers->walk.tenures, config->tenures, sizeof(TierTenure) * config->ntenures);
		for (g = 0; g < config->ntenures; g++)
			tiers->walk.tenures[g].at = tiers->walk.at;
	}
	if (!isnull)
	{
		char	   *at = VARDATA_ANY(stored_bytes) + sizeof(StoredTiers);
		int			i;

		tiers->nspent = tiers->spent_capacity = stored.nspent;
		tiers->spent = palloc(sizeof(LotPiece) * Max(1, stored.nspent));
		memcpy(tiers->spent, at + sizeof(TierState) * stored.nstates,
			   sizeof(LotPiece) * stored.nspent);
		for (i = 0; i < stored.nstates; i++)
		{
			TierState	state;

			memcpy(&state, at + sizeof(TierState) * i, sizeof(TierState));
			for (g = 0; g < config->ngroups; g++)
			{
				if (config->groups[g].group_no == state.group_no)
					tiers->walk.states[g] = state;
			}
		}
		at += sizeof(TierState) * stored.nstates + sizeof(LotPiece) * stored.nspent;
		for (i = 0; i < stored.ntenures; i++)
		{
			StoredTenure tenure;

			memcpy(&tenure, at + sizeof(StoredTenure) * i, sizeof(StoredTenure));
			for (g = 0; g < config->ntenures; g++)
			{
				if (tiers->walk.tenures[g].tier_no == tenure.tier_no)
					tiers->walk.tenures[g].held = tenure.held;
			}
		}
	}
	tiers->quiet_since = stored.quiet_since;
	tiers->all_lines = tiers->all_stays = account->last_entry == 0 && isnull;
	tiers->read_entries = account->last_entry;
	account->tiers = tiers;
	take_lots(tiers, account);

	/* what has become enough without a movement: a tier that asks for nothing */
	core_check(tier_judge(&tiers->walk, account->last_at == DT_NOBEGIN ? TIER_ENTRY :
						  TIER_CONFIGURATION));
	if (tiers->path.count > 0)
		tiers->quiet_since = tiers->walk.at;
}

/* see tiers.h */
void
tiers_begin_by(AccountState *account, Instant now)
{
	AccountTiers *tiers = account->tiers;

	if (tiers == NULL || account->last_at != DT_NOBEGIN || tiers->walk.at <= now)
		return;
	tiers->walk.at = now;
	for (int i = 0; i < tiers->walk.ntenures; i++)
		tiers->walk.tenures[i].at = now;
}

/* see tiers.h */
void
tiers_before_advance(AccountState *account)
{
	AccountTiers *tiers = account->tiers;

	if (tiers && !tiers->built && tiers->nlines == 0 && account->paged)
		take_lots(tiers, account);
}

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
		if (!tiers->lines[i].carried)
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
		core_check(tier_walk(&tiers->walk, next));
		tiers->quiet_since = next;
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
	{
		tiers->spent_capacity = Max(8, tiers->spent_capacity * 2);
		tiers->spent = tiers->spent ?
			repalloc_huge(tiers->spent, sizeof(LotPiece) * tiers->spent_capacity) :
			MemoryContextAlloc(tiers->context, sizeof(LotPiece) * tiers->spent_capacity);
	}
	core_check(lots_add_piece(tiers->spent, &tiers->nspent, piece));
}

/* Remembers points that have lapsed; what remains of them at the end is sorted then. */
static void
note_ended(AccountTiers *tiers, const Movement *movement)
{
	LotPiece	piece = {0};

	if (tiers->nended == tiers->ended_capacity)
	{
		tiers->ended_capacity = Max(8, tiers->ended_capacity * 2);
		tiers->ended = tiers->ended ?
			repalloc_huge(tiers->ended, sizeof(LotPiece) * tiers->ended_capacity) :
			MemoryContextAlloc(tiers->context, sizeof(LotPiece) * tiers->ended_capacity);
	}
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
	{
		tiers->lines_capacity = Max(8, tiers->lines_capacity * 2);
		tiers->lines = tiers->lines ?
			repalloc_huge(tiers->lines, sizeof(TierLine) * tiers->lines_capacity) :
			MemoryContextAlloc(tiers->context, sizeof(TierLine) * tiers->lines_capacity);
	}
	line = &tiers->lines[tiers->nlines++];
	line->at = Min(movement->occurred_at, now);
	line->from = movement->from;
	line->to = movement->to;
	line->points = movement->points;
	line->slot = slot;
	line->carried = movement->kind == ENTRY_ROLLOVER;
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
		tiers_judge_again(ledger, account, line->at);
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
		const TierStay *found = NULL;
		int			i;

		for (i = tiers->path.count - 1; i >= 0 && found == NULL; i--)
		{
			const TierStay *stay = &tiers->path.stays[i];

			if (stay->group == g && (stay->at < at || (stay->at == at &&
													   stay->cause != TIER_ENTRY && stay->cause != TIER_LATE)))
				found = stay;
		}
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

/* see tiers.h */
Instant
tiers_next_due(AccountState *account)
{
	AccountTiers *tiers = account->tiers;
	Instant		next = tiers->next_change;
	int			g;

	/* ladders to come would be known to nobody */
	if (tiers->built)
		next = tiers->walk.ndue > 0 ? tiers->walk.due[0].at : INSTANT_NEVER;
	for (g = 0; g < tiers->walk.ntenures; g++)
		next = Min(next, tier_tenure_due(&tiers->walk, g));
	for (g = 0; g < tiers->walk.ngroups; g++)
	{
		const TierState *state = &tiers->walk.states[g];

		if (state->tier_no != 0 && state->until > tiers->walk.at)
			next = Min(next, state->until);
		if (state->given != 0 && state->given_until > tiers->walk.at)
			next = Min(next, state->given_until);
	}
	return next;
}

/*
 * Whether lots begin after where the walk stands that may lie in pages, of which
 * is only known what is valid by now.
 */
static bool
starts_in_pages(const AccountState *account)
{
	const AccountTiers *tiers = account->tiers;
	int			i;

	for (i = 0; account->paged && i < tiers->nbase; i++)
	{
		if (tiers->base[i].from > tiers->walk.at)
			return true;
	}
	for (i = 0; account->paged && i < tiers->nlines; i++)
	{
		if (tiers->lines[i].from > tiers->walk.at)
			return true;
	}
	return false;
}

/* Keeps what was spent or has lapsed, as far as it counts after an instant. */
static void
keep_spent(AccountTiers *tiers, Instant at)
{
	int			n = 0;
	int			i;

	if (tiers->nended > 0)
	{
		int			count = tiers->nspent + tiers->nended;

		tiers->spent = tiers->spent ? repalloc_huge(tiers->spent, sizeof(LotPiece) * count) :
			MemoryContextAllocHuge(tiers->context, sizeof(LotPiece) * count);
		tiers->spent_capacity = count;
		memcpy(tiers->spent + tiers->nspent, tiers->ended, sizeof(LotPiece) * tiers->nended);
		core_check(lots_normalize(tiers->spent, &count));
		tiers->nspent = count;
		tiers->nended = 0;
	}
	for (i = 0; i < tiers->nspent; i++)
	{
		if (tiers->spent[i].to > at)
			tiers->spent[n++] = tiers->spent[i];
	}
	tiers->nspent = n;
}

/* see tiers.h */
Datum
tiers_save(Ledger *ledger, AccountState *account, bool *isnull)
{
	AccountTiers *tiers = account->tiers;
	TierWalk   *walk = &tiers->walk;
	StoredTiers stored;
	bytea	   *bytes;
	char	   *at;
	bool		lags;
	int			g;
	int			i;

	if (!ledger->history || starts_in_pages(account))
		pass(tiers, account->now, tiers->nlines);
	tiers_write(ledger, account);
	account->next_due = Min(account->next_due, tiers_next_due(account));
	lags = tiers_next_due(account) <= account->now;
	keep_spent(tiers, lags ? walk->at : account->now);
	memset(&stored, 0, sizeof(stored));
	for (g = 0; g < walk->ngroups; g++)
		core_check(tier_count_years(walk, g, walk->at));
	for (i = 0; i < walk->ntenures; i++)
		stored.ntenures += walk->tenures[i].held > 0;
	bytes = palloc0(VARHDRSZ + sizeof(StoredTiers) + sizeof(TierState) * walk->ngroups +
					sizeof(LotPiece) * tiers->nspent +
					sizeof(StoredTenure) * stored.ntenures);
	at = VARDATA(bytes) + sizeof(stored);
	for (g = 0; g < walk->ngroups; g++)
	{
		const TierState *state = &walk->states[g];

		if (state->tier_no == 0 && state->qualified == 0 && state->given == 0)
			continue;
		memcpy(at, state, sizeof(TierState));
		at += sizeof(TierState);
		stored.nstates++;
	}
	stored.at = walk->at;
	stored.quiet_since = tiers->quiet_since;
	stored.nspent = tiers->nspent;
	if (tiers->nspent > 0)
		memcpy(at, tiers->spent, sizeof(LotPiece) * tiers->nspent);
	at += sizeof(LotPiece) * tiers->nspent;
	for (i = 0; i < walk->ntenures; i++)
	{
		StoredTenure tenure = {walk->tenures[i].tier_no, 0, walk->tenures[i].held};

		if (tenure.held <= 0)
			continue;
		memcpy(at, &tenure, sizeof(tenure));
		at += sizeof(tenure);
	}
	memcpy(VARDATA(bytes), &stored, sizeof(stored));
	SET_VARSIZE(bytes, at - (char *) bytes);
	*isnull = stored.nstates == 0 && stored.nspent == 0 && stored.ntenures == 0 &&
		tiers->quiet_since == INSTANT_ALWAYS && !ledger->history;
	return PointerGetDatum(bytes);
}

/*
 * account_tiers_1(tiers): what an account's row says, as rows.
 */
LOYALTY_FUNCTION(loyalty_account_tiers);
Datum
loyalty_account_tiers(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	char	   *at = VARDATA_ANY(bytes);
	StoredTiers stored;
	int			i;

	InitMaterializedSRF(fcinfo, 0);
	if (VARSIZE_ANY_EXHDR(bytes) < sizeof(stored))
		return (Datum) 0;
	memcpy(&stored, at, sizeof(stored));
	at += sizeof(stored);
	for (i = 0; i < stored.nstates &&
		 at + sizeof(TierState) <= VARDATA_ANY(bytes) + VARSIZE_ANY_EXHDR(bytes); i++)
	{
		TierState	state;
		Datum		values[7];
		bool		isnull[7] = {0};

		memcpy(&state, at, sizeof(state));
		at += sizeof(state);
		values[0] = Int16GetDatum((int16) state.group_no);
		values[1] = Int32GetDatum(state.tier_no);
		values[2] = Int32GetDatum(state.qualified);
		values[3] = TimestampTzGetDatum(state.since);
		values[4] = TimestampTzGetDatum(state.until);
		values[5] = TimestampTzGetDatum(state.counted_at);
		values[6] = Int32GetDatum(state.life);
		tuplestore_putvalues(result->setResult, result->setDesc, values, isnull);
	}
	return (Datum) 0;
}
