/*-------------------------------------------------------------------------
 *
 * tier_top_up.c
 *	  Events that were judged before a late row raised their member's tier.
 *
 * In groups that top up, they get the higher tier as their frozen fact, and the
 * difference is posted: dated now, within free room, never to the member's
 * disadvantage.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/arrays.h"
#include "engine/batch.h"
#include "engine/tiers.h"

#include "access/xact.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

/* a member whose tier was raised from an instant on */
typedef struct TopUp
{
	Datum		member;
	Instant		from;
} TopUp;

/* The rank of a tier in the present ladder of a group; nobody stands below all. */
static int64
rank_of(const TierConfig *config, int group, int32 tier_no)
{
	const TierGroup *g = &config->groups[group];
	const TierStep *step = tier_step(&g->ladders[g->nladders - 1], tier_no);

	return step ? step->rank : PG_INT64_MIN;
}

/* Whether a rule pays some tier of a group, and not one above it. */
static bool
leaves_out_higher(const TierConfig *config, int group, const RuleConfig *rule)
{
	const TierGroup *g = &config->groups[group];
	const TierLadder *ladder = &g->ladders[g->nladders - 1];
	int64		lowest = PG_INT64_MAX;
	int			named = 0;
	int			above = 0;
	int			i;

	for (i = 0; i < rule->ntiers; i++)
	{
		int32		tier_no = tiers_find(config, group, rule->tiers[i]);

		if (tier_no == 0)
			continue;
		named++;
		lowest = Min(lowest, rank_of(config, group, tier_no));
	}
	for (i = 0; i < ladder->nsteps; i++)
	{
		if (ladder->steps[i].rank >= lowest)
			above++;
	}
	return named < above;
}

/* see tiers.h */
bool
tiers_top_up_in_order(const Program *program)
{
	const TierConfig *config = program->tiers;
	int			i;
	int			g;

	for (i = 0; i < program->rules->nrules; i++)
	{
		const RuleConfig *rule = &program->rules->rules[i];

		if (!rule->uses_member && rule->ntiers == 0)
			continue;
		if (rule->uses_member || rule->cap_period != CALENDAR_NONE || rule->has_budget)
			return true;
		for (g = 0; g < config->ngroups; g++)
		{
			if (config->group_tops_up[g] && leaves_out_higher(config, g, rule))
				return true;
		}
	}
	return false;
}

/* Whether one stay of a group is of a higher tier than another; NULL: of none. */
static bool
is_higher(const TierConfig *config, int group, const TierStay *stay, const TierStay *than)
{
	return rank_of(config, group, stay ? stay->state.tier_no : 0) >
		rank_of(config, group, than ? than->state.tier_no : 0);
}

/*
 * Whether a group's stays say a higher tier than others did, anywhere: where one
 * begins, and just before what was earned at that instant, for a tier that was
 * lost may have been won back then.
 */
static bool
is_raised(const TierConfig *config, int group, const TierPath *path, const TierPath *than,
		  const TierPath *at)
{
	int			i;

	for (i = 0; i < at->count; i++)
	{
		Instant		begins = at->stays[i].at;

		if (at->stays[i].group == group &&
			(is_higher(config, group, tier_path_find(path, group, begins),
					   tier_path_find(than, group, begins)) ||
			 is_higher(config, group, tier_path_before(path, group, begins),
					   tier_path_before(than, group, begins))))
			return true;
	}
	return false;
}

/* see tiers.h */
void
tiers_note_top_up(Ledger *ledger, AccountState *account, const TierPath *before, Instant from)
{
	TierConfig *config = account->tiers->config;
	MemoryContext old;
	ListCell   *lc;
	TopUp	   *top_up;
	int			g;

	for (g = 0; g < config->ngroups; g++)
	{
		if (config->group_tops_up[g] &&
			(is_raised(config, g, &account->tiers->path, before, &account->tiers->path) ||
			 is_raised(config, g, &account->tiers->path, before, before)))
			break;
	}
	if (g == config->ngroups)
		return;
	foreach(lc, ledger->top_ups)
	{
		top_up = (TopUp *) lfirst(lc);
		if (member_cmp(ledger->program, top_up->member, account->member) == 0)
		{
			top_up->from = Min(top_up->from, from);
			return;
		}
	}
	old = MemoryContextSwitchTo(ledger->top_up_context);
	top_up = palloc(sizeof(TopUp));
	top_up->member = member_copy(ledger->program, account->member);
	top_up->from = from;
	ledger->top_ups = lappend(ledger->top_ups, top_up);
	MemoryContextSwitchTo(old);
}

/* an event found in the ledger */
typedef struct FoundEvent
{
	int32		source_no;
	Datum		member;
	char	   *key;
} FoundEvent;

typedef struct Finder
{
	Datum		member;
	Instant		from;
	FoundEvent *events;
	int			count;
	int			capacity;
} Finder;

/* Notes the event of a line; an EntryReader. */
static void
find_event(void *arg, int64 entry_no, const EntryLine *line)
{
	Finder	   *finder = (Finder *) arg;
	char	   *key;

	if (line->source_no == 0 || line->event_key == (Datum) 0 ||
		line->movement.occurred_at <= finder->from)
		return;
	key = TextDatumGetCString(line->event_key);
	if (finder->count > 0 && finder->events[finder->count - 1].source_no == line->source_no &&
		strcmp(finder->events[finder->count - 1].key, key) == 0)
		return;
	if (finder->count == finder->capacity)
		finder->events = array_grow(CurrentMemoryContext, finder->events, sizeof(FoundEvent),
									&finder->capacity, 64);
	finder->events[finder->count].source_no = line->source_no;
	finder->events[finder->count].member = finder->member;
	finder->events[finder->count++].key = key;
}

/* What has been committed by now is what is read until PopActiveSnapshot. */
static void
push_latest(void)
{
	PushActiveSnapshot(IsolationUsesXactSnapshot() ? GetTransactionSnapshot() :
					   GetLatestSnapshot());
}

/*
 * Remembers those events of the batch's source that still are their members'.
 * Others would have somebody else's account locked, out of order.
 */
static void
add_events(Batch *batch, const Finder *finder)
{
	Program    *program = batch->program;
	Ledger	   *ledger = NULL;
	int			i;

	push_latest();
	for (i = 0; i < finder->count; i++)
	{
		FoundEvent *event = &finder->events[i];
		Posting		posting;
		Datum	   *key;

		if (event->source_no != batch->source->source_no)
			continue;
		if (ledger == NULL)
			ledger = ledger_open(program, batch->source, true);
		key = event_key_parse(batch->source, event->key);
		if (ledger_find_posting(ledger, key, &posting) &&
			member_cmp(program, posting.member, event->member) == 0)
			batch_add_key(batch, key);
	}
	if (ledger)
		ledger_close(ledger);
	PopActiveSnapshot();
}

/* see tiers.h */
void
tiers_top_up(Program *program, List *top_ups)
{
	Finder		finder = {0};
	Ledger	   *reader;
	ListCell   *lc;
	int			s;

	/* events of this very statement are among them */
	CommandCounterIncrement();
	push_latest();
	reader = ledger_open(program, NULL, true);
	foreach(lc, top_ups)
	{
		TopUp	   *top_up = (TopUp *) lfirst(lc);

		finder.member = top_up->member;
		finder.from = top_up->from;
		ledger_read_entries(reader, top_up->member, 1, PG_INT64_MAX, find_event, &finder);
	}
	ledger_close(reader);
	PopActiveSnapshot();
	for (s = 0; s < program->nsources; s++)
	{
		SourceConfig *source = &program->sources[s];
		BatchOptions options;
		Batch	   *batch;

		memset(&options, 0, sizeof(options));
		options.tops_up = true;
		options.keep_orphans = true;
		batch = batch_open(program, source, &options);
		add_events(batch, &finder);
		batch_post_keys(batch);
		batch_close(batch);
	}
}

/* Puts a text member of facts in place of what there was. */
static struct varlena *
replace_fact(struct varlena *facts, const char *name, const char *value)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoChar(&text, '{');
	escape_json(&text, name);
	appendStringInfoString(&text, ": ");
	escape_json(&text, value);
	appendStringInfoChar(&text, '}');
	{
		Datum		json = DirectFunctionCall1(jsonb_in, CStringGetDatum(text.data));

		if (facts == NULL)
			return (struct varlena *) DatumGetPointer(json);
		return (struct varlena *)
			DatumGetPointer(DirectFunctionCall2(jsonb_concat, PointerGetDatum(facts), json));
	}
}

/* see batch.h */
bool
raise_tiers(Batch *batch, Event *event, AccountState *account)
{
	Program    *program = batch->program;
	const TierConfig *config = account_tier_config(account);
	EventReader *reader = batch->reader;
	Posting    *posting = event->posting;
	int32	   *tier_nos;
	bool		raised = false;
	bool		reads_first = false;
	JsonbValue	buffer;
	int			g;

	if (posting == NULL || event->nrows <= 0 || event->rules == NULL || account->tiers == NULL ||
		posting->occurred_at != event->at || event->at > account->now ||
		member_cmp(program, posting->member, event->member) != 0)
		return false;
	tier_nos = palloc(sizeof(int32) * config->ngroups);
	tiers_before(batch->ledger, account, event->at, tier_nos);
	event_tiers_frozen(reader, config, posting->facts);
	if (posting->facts &&
		getKeyJsonValueFromContainer(&((Jsonb *) posting->facts)->root, "tier", 4, &buffer))
		reads_first = true;
	for (g = 0; g < config->ngroups; g++)
	{
		int32		frozen = reader->held[g] ? tiers_find(config, g, reader->held[g]) : 0;

		if (!config->group_tops_up[g] ||
			rank_of(config, g, tier_nos[g]) <= rank_of(config, g, frozen))
			continue;
		reader->held[g] = tiers_name(config, tier_nos[g]);
		raised = true;
	}
	if (!raised)
		return false;
	event->facts_before = posting->facts;
	posting->facts = replace_fact(posting->facts, "tiers", event_tiers_json(reader));
	if (reads_first && tiers_first(config, reader->held))
		posting->facts = replace_fact(posting->facts, "tier", tiers_first(config, reader->held));
	return true;
}
