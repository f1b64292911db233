/*-------------------------------------------------------------------------
 *
 * tier_store.c
 *	  What an account's row holds of tiers: read when the account is, and
 *	  written with it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/tiers.h"

#include "funcapi.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "engine/pages.h"

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

/* Keeps a lot, for which there is room. */
static void
take_piece(AccountTiers *tiers, const LotPiece *piece)
{
	TierWalk   *walk = &tiers->walk;
	int			slot = tiers_slot(tiers->config, piece->unit);

	if (slot < 0)
		return;
	tiers->base[tiers->nbase++] = *piece;
	if (piece->from > walk->at)
		tiers->next_change = Min(tiers->next_change, piece->from);
	else if (piece->to > walk->at)
		walk->balances[slot] += piece->points;
	if (piece->to > walk->at && piece->to < INSTANT_ACTIVITY)
		tiers->next_change = Min(tiers->next_change, piece->to);
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
		take_piece(tiers, i < account->core.npieces ? &account->core.pieces[i] :
				   &tiers->spent[i - account->core.npieces]);
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

/* The tiers of an account of which nothing is known, in one piece of memory. */
static AccountTiers *
make_tiers(TierConfig *config, AccountState *account)
{
	Size		states = sizeof(TierState) * config->ngroups;
	Size		balances = sizeof(CoreInt128) * Max(1, config->nunits);
	Size		tenures = sizeof(TierTenure) * config->ntenures;
	AccountTiers *tiers = palloc(sizeof(AccountTiers) + states * 2 +
								 balances * (config->ngroups + 3) + tenures);
	TierWalk   *walk = &tiers->walk;
	char	   *at = (char *) (tiers + 1);
	int			i;

	memset(tiers, 0, sizeof(AccountTiers) + states);
	tiers->config = config;
	tiers->context = CurrentMemoryContext;
	walk->states = (TierState *) at;
	walk->held = walk->states + config->ngroups;
	walk->balances = (CoreInt128 *) (at + states * 2);
	walk->judged = walk->balances + Max(1, config->nunits);
	walk->groups = config->groups;
	walk->ngroups = config->ngroups;
	walk->nunits = config->nunits;
	walk->zone = account->zone_name ? &account->zone : NULL;
	walk->held_at = INSTANT_ALWAYS;
	walk->grow = grow_due;
	walk->sink = tiers_note;
	walk->carry = tiers_note_carry;
	walk->arg = tiers;
	walk->at = account->last_at != DT_NOBEGIN ? account->last_at : account->joined_at;
	tiers->asked_at = account->last_at;
	tiers->quiet_since = tiers->plain_since = INSTANT_ALWAYS;
	for (i = 0; i < config->ngroups; i++)
	{
		walk->states[i].group_no = config->groups[i].group_no;
		walk->states[i].until = INSTANT_NEVER;
		walk->states[i].since = walk->states[i].counted_at = INSTANT_ALWAYS;
	}
	walk->ntenures = config->ntenures;
	if (tenures > 0)
	{
		walk->tenures = (TierTenure *) (at + states * 2 + balances * (config->ngroups + 3));
		memcpy(walk->tenures, config->tenures, tenures);
	}
	return tiers;
}

/* Takes what the account's row says. */
static void
take_stored(AccountTiers *tiers, bytea *bytes)
{
	TierWalk   *walk = &tiers->walk;
	TierUnpack	from;
	int			i;
	int			g;

	tiers_unpack(bytes, &from);
	walk->at = from.stands_at;
	tiers->quiet_since = from.quiet_since;
	tiers->plain_since = from.plain_since;
	tiers->nchanges = from.nchanges;
	for (i = 0; i < from.nstates; i++)
	{
		TierState	state;

		tiers_unpack_state(&from, &state);
		for (g = 0; g < walk->ngroups; g++)
		{
			if (walk->groups[g].group_no == state.group_no)
				walk->states[g] = state;
		}
	}
	for (i = 0; i < from.ntenures; i++)
	{
		int64		held;
		int32		tier_no = tiers_unpack_tenure(&from, &held);

		for (g = 0; g < walk->ntenures; g++)
		{
			if (walk->tenures[g].tier_no == tier_no)
				walk->tenures[g].held = held;
		}
	}
	tiers->nspent = tiers->spent_capacity = from.nspent;
	if (from.nspent > 0)
		tiers->spent = palloc(sizeof(LotPiece) * from.nspent);
	tiers_unpack_spent(&from, tiers->spent);
}

/* see tiers.h */
void
tiers_attach(TierConfig *config, AccountState *account, Datum value, bool isnull)
{
	AccountTiers *tiers;
	int			i;

	account->tiers = NULL;
	if (config == NULL)
		return;
	tiers = make_tiers(config, account);
	if (!isnull)
		take_stored(tiers, DatumGetByteaPP(value));
	for (i = 0; i < tiers->walk.ntenures; i++)
		tiers->walk.tenures[i].at = tiers->walk.at;
	tiers->all_stays = account->last_entry == 0 && isnull;
	tiers->says_nothing = isnull && account->last_at != DT_NOBEGIN;
	tiers->lines_since = tiers->all_stays ? INSTANT_ALWAYS : INSTANT_NEVER;
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

/*
 * Takes a movement to come that changes what lots hold: points of one repay what
 * is owed.  A MovementSink; arg is an AccountTiers.
 */
static void
take_movement(void *arg, const Movement *movement)
{
	AccountTiers *tiers = (AccountTiers *) arg;
	LotPiece	piece = {movement->points, Max(movement->from, movement->occurred_at),
	movement->to, movement->unit, 0};

	if (!tiers_counts(movement))
		return;
	tiers->base = tiers->base ?
		repalloc_huge(tiers->base, sizeof(LotPiece) * (tiers->nbase + 1)) :
		palloc(sizeof(LotPiece));
	take_piece(tiers, &piece);
}

/* see tiers.h */
void
tiers_foresee(AccountState *account, Instant until)
{
	Account		core = account->core;

	if (account->tiers->built || !account_owes(&core, 0))
		return;
	core.pieces = palloc(sizeof(LotPiece) * Max(1, core.npieces));
	memcpy(core.pieces, account->core.pieces, sizeof(LotPiece) * core.npieces);
	core.capacity = core.npieces;
	core.held = palloc(sizeof(HeldPiece) * Max(1, core.nheld));
	memcpy(core.held, account->core.held, sizeof(HeldPiece) * core.nheld);
	core_check(account_advance(&core, account->last_at, until, take_movement, account->tiers));
}

/* The next instant at which a tier may change. */
static Instant
next_tier_change(AccountState *account)
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
	Instant		next;
	int			g;

	if (!ledger->history || starts_in_pages(account))
		tiers_pass(account, account->now);
	tiers_write(ledger, account);
	next = next_tier_change(account);
	account->next_due = Min(account->next_due, next);
	if (tiers->nspent + tiers->nended > 0)
		keep_spent(tiers, next <= account->now ? walk->at : account->now);
	for (g = 0; g < walk->ngroups && walk->ntenures > 0; g++)
		core_check(tier_count_years(walk, g, walk->at));
	*isnull = !tiers_say_anything(tiers) && !ledger->history;
	return *isnull ? (Datum) 0 : PointerGetDatum(tiers_pack(tiers));
}

/*
 * account_tiers_version_1(tiers): by which version of the configuration the account
 * was judged last.
 */
LOYALTY_FUNCTION(loyalty_account_tiers_version);
Datum
loyalty_account_tiers_version(PG_FUNCTION_ARGS)
{
	TierUnpack	from;

	tiers_unpack(PG_GETARG_BYTEA_PP(0), &from);
	PG_RETURN_INT32(from.version);
}

/*
 * account_tiers_1(tiers): what an account's row says, as rows.
 */
LOYALTY_FUNCTION(loyalty_account_tiers);
Datum
loyalty_account_tiers(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	TierUnpack	from;
	int64		held;
	int			i;

	InitMaterializedSRF(fcinfo, 0);
	tiers_unpack(PG_GETARG_BYTEA_PP(0), &from);
	for (i = 0; i < from.nstates; i++)
	{
		TierState	state;
		Datum		values[7];
		bool		isnull[7] = {0};

		tiers_unpack_state(&from, &state);
		values[0] = Int16GetDatum((int16) state.group_no);
		values[1] = Int32GetDatum(state.tier_no);
		values[2] = Int32GetDatum(state.qualified);
		values[3] = TimestampTzGetDatum(state.since);
		values[4] = TimestampTzGetDatum(state.until);
		values[5] = TimestampTzGetDatum(state.counted_at);
		values[6] = Int32GetDatum(state.life);
		tuplestore_putvalues(result->setResult, result->setDesc, values, isnull);
	}
	for (i = 0; i < from.ntenures; i++)
		(void) tiers_unpack_tenure(&from, &held);
	tiers_unpack_spent(&from, palloc(sizeof(LotPiece) * from.nspent));
	return (Datum) 0;
}
