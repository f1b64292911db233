/*-------------------------------------------------------------------------
 *
 * tier_read.c
 *	  Where a member stands, stood or will stand: tier_at.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/tiers.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "engine/pages.h"
#include "engine/read.h"

/* The program a function was called for. */
static Program *
called_program(FunctionCallInfo fcinfo)
{
	Program    *program = program_get(PG_GETARG_OID(0));

	program_require_owner(&program->ref);
	return program;
}

/* the lines known by an instant */
typedef struct KnownLines
{
	AccountTiers *tiers;
	Instant		known_at;
	Instant		last;			/* when the last of them was written */
	TierLine   *lines;
	int			count;
	int			capacity;
} KnownLines;

/* Takes a line if it was known; an EntryReader. */
static void
take_known(void *arg, int64 entry_no, const EntryLine *entry)
{
	KnownLines *known = (KnownLines *) arg;
	const Movement *m = &entry->movement;
	int			slot = tiers_slot(known->tiers->config, m->unit);
	TierLine   *line;

	if (entry->posted_at > known->known_at)
		return;
	known->last = Max(known->last, entry->posted_at);
	if (slot < 0 || (!tiers_counts(m) && m->kind != ENTRY_ROLLOVER))
		return;
	if (known->count == known->capacity)
	{
		known->capacity *= 2;
		known->lines = repalloc_huge(known->lines, sizeof(TierLine) * known->capacity);
	}
	line = &known->lines[known->count++];
	line->from = m->from;
	line->to = m->to;
	line->points = m->points;
	line->slot = slot;
}

/* Groups as they were known by an instant: without the ladders of later changes. */
static TierGroup *
known_groups(const TierConfig *config, Instant known_at)
{
	TierGroup  *groups = palloc(sizeof(TierGroup) * config->ngroups);
	int			g;

	for (g = 0; g < config->ngroups; g++)
	{
		groups[g] = config->groups[g];
		while (groups[g].nladders > 0 &&
			   groups[g].ladders[groups[g].nladders - 1].since > known_at)
			groups[g].nladders--;
	}
	return groups;
}

/*
 * The account's walk as it stood when the last line known by an instant was
 * written.
 */
static void
stand_back(Ledger *reader, AccountState *account, Instant known_at)
{
	AccountTiers *tiers = account->tiers;
	TierWalk   *walk = &tiers->walk;
	KnownLines	known = {tiers, known_at, DT_NOBEGIN};
	TierPath	path = {0};
	int			g;
	int			i;

	known.capacity = 64;
	known.lines = palloc(sizeof(TierLine) * known.capacity);
	if (reader->journal.rel == NULL)
		reader->journal.rel = table_open(reader->program->journal, AccessShareLock);
	ledger_read_entries(reader, account->member, 1, account->last_entry, take_known, &known);
	tier_path_read(reader, account->member, tiers->config, known_at, &path);
	for (i = 0; i < path.count; i++)
		known.last = Max(known.last, path.stays[i].posted_at);

	walk->groups = known_groups(tiers->config, known_at);
	walk->at = known.last == DT_NOBEGIN ? account->joined_at : known.last;
	walk->ndue = 0;
	tiers->built = true;
	memset(walk->balances, 0, sizeof(CoreInt128) * walk->nunits);
	for (i = 0; i < known.count; i++)
		core_check(tier_fold(walk, known.lines[i].slot, known.lines[i].points,
							 known.lines[i].from, known.lines[i].to));
	tier_requalify(walk);
	for (g = 0; g < walk->ngroups; g++)
	{
		const TierStay *stay = tier_path_find(&path, g, walk->at);
		TierState  *state = &walk->states[g];
		int32		qualified = state->qualified;

		memset(state, 0, sizeof(TierState));
		state->until = INSTANT_NEVER;
		state->since = state->counted_at = INSTANT_ALWAYS;
		if (stay)
			*state = stay->state;
		state->group_no = walk->groups[g].group_no;
		state->qualified = qualified;
	}
	tiers_rewind_years(tiers, &path, walk->at);
	tiers->ncarries = 0;
}

/* see tiers.h */
void
tiers_configured_by(AccountState *account, Instant known_at)
{
	account->tiers->walk.groups = known_groups(account->tiers->config, known_at);
}

/* see tiers.h */
void
tiers_read_past_carries(Ledger *reader, AccountState *account, Instant at, Instant known_at)
{
	stand_back(reader, account, known_at);
	if (at > account->tiers->walk.at)
		tiers_read_carries(account, at);
}

/*
 * The state in a group at an instant, as far as was known by another (NULL: as
 * is known).
 */
static TierState
state_at(Ledger *reader, AccountState *account, int group, Instant at,
		 const TimestampTz *known_at)
{
	AccountTiers *tiers = account->tiers;
	bool		back = known_at && *known_at < account->last_at;
	TierState	state = {0};

	if (back || at < tiers->walk.at)
	{
		TierStay	stay;
		Instant		last;

		if (tier_stay_read(reader, account->member, tiers->config, group, at,
						   back ? *known_at : DT_NOEND, &stay, &last))
			state = stay.state;
		if (!back || at < last)
			return state;
		stand_back(reader, account, *known_at);
		if (at < tiers->walk.at)
			return state;
	}
	else if (known_at)
		/* nothing has moved since, but what is configured may have changed */
		tiers_configured_by(account, *known_at);

	/* the program's now does not stop those who ask what will be; the way there may be long */
	account->now = Max(account->now, at);
	tiers->walk.sink = NULL;
	if (account->paged && !tiers->built && account->paged->summary.next_due <= at)
	{
		pages_bring_in_due(reader, account, at);
		tiers_before_advance(account);
	}
	tiers_foresee(account, at);
	tiers_walk(account, at);
	return tiers->walk.states[group];
}

/*
 * tier_at_1(program, member, group, at, known_at): the name of the tier a
 * member holds; NULL: none.
 */
LOYALTY_FUNCTION(loyalty_tier_at);
Datum
loyalty_tier_at(PG_FUNCTION_ARGS)
{
	Program    *program = called_program(fcinfo);
	int			group = tiers_group(program, PG_ARGISNULL(2) ? NULL :
									text_to_cstring(PG_GETARG_TEXT_PP(2)));
	Ledger		reader;
	AccountState *account;
	TimestampTz known_at;
	TierState	state = {0};

	if (PG_ARGISNULL(1))
		PG_RETURN_NULL();
	known_at = PG_ARGISNULL(4) ? 0 : PG_GETARG_TIMESTAMPTZ(4);
	reader_open(&reader, program);
	account = ledger_read_account(&reader,
								  member_from_argument(program,
													   get_fn_expr_argtype(fcinfo->flinfo, 1),
													   PG_GETARG_DATUM(1)));
	if (account)
		state = state_at(&reader, account, group,
						 PG_ARGISNULL(3) ? Max(program_clock(program), account->last_at) :
						 PG_GETARG_TIMESTAMPTZ(3),
						 PG_ARGISNULL(4) ? NULL : &known_at);
	reader_close(&reader);
	if (state.tier_no == 0)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(tiers_name(account->tiers->config, state.tier_no)));
}
