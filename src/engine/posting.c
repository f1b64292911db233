/*-------------------------------------------------------------------------
 *
 * posting.c
 *	  Judges one event and posts the difference to what it has posted.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/judgement.h"

#include "executor/executor.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"

#include "engine/activity.h"
#include "engine/tiers.h"

/* The event's key as the ledger has it; none if the event is only an example. */
static Datum
ledger_key(const Batch *batch, const Event *event)
{
	return event->key ? CStringGetTextDatum(event_key_text(batch->source, event->key)) :
		(Datum) 0;
}

/* Sum of an event's amounts: what its rows say, then less its reductions. */
static void
event_amounts(const Event *event, const EventRow *rows, Frac *gross, Frac *net)
{
	int			i;

	*gross = FRAC_ZERO;
	for (i = 0; i < event->nrows; i++)
		core_check(i == 0 ? (*gross = event_row_amount(&rows[i]), CORE_OK) :
				   frac_add(*gross, event_row_amount(&rows[i]), gross));
	*net = *gross;
	if (frac_sign(event->reduction) > 0)
		core_check(frac_sub(*gross, event->reduction, net));
	if (frac_sign(*net) < 0)
		*net = FRAC_ZERO;
}

/* Adds the block of lines just written to what the posting knows. */
static inline void
posting_add_block(Judgement *j, Posting *posting)
{
	if (j->nlines == 0)
		return;
	if (posting->first_entry == 0 && posting->nlater == 0 &&
		ledger_is_row(j->batch->ledger, j->first, j->last))
	{
		posting->first_entry = j->first;
		posting->entries = (int) (j->last - j->first + 1);
		return;
	}
	posting->later = posting->later ?
		repalloc(posting->later, sizeof(int64) * (posting->nlater + 2)) :
		palloc(sizeof(int64) * 2);
	posting->later[posting->nlater++] = j->first;
	posting->later[posting->nlater++] = j->last;
}

/* A member's own zone, and facts that rules read, are frozen with the event. */
static pg_noinline struct varlena *
freeze(Batch *batch, AccountState *account, RuleSet *rules, bool uses_facts)
{
	struct varlena *facts = uses_facts ? event_freeze_facts(batch->reader, rules) : NULL;
	StringInfoData text;

	if (account->zone_name == NULL)
		return facts;
	initStringInfo(&text);
	appendStringInfoString(&text, "{\"lots in\": ");
	escape_json(&text, account->zone_name);
	appendStringInfoChar(&text, '}');
	{
		Datum		zone = DirectFunctionCall1(jsonb_in, CStringGetDatum(text.data));

		if (facts == NULL)
			return (struct varlena *) DatumGetPointer(zone);
		return (struct varlena *)
			DatumGetPointer(DirectFunctionCall2(jsonb_concat, PointerGetDatum(facts), zone));
	}
}

/* What a rule may claim at most for an event; POINTS_MAX if that is not plain. */
static Points
most_claimed(const RuleConfig *rule, int index, const Event *event, const EventRow *rows)
{
	Frac		amount = FRAC_ZERO;
	Frac		pays;
	CoreInt128	points;
	int			i;

	if (rule->judge.earn.kind == RATE_MULTIPLIER)
		return POINTS_MAX;
	for (i = 0; i < event->nrows && rule->judge.earn.kind != RATE_FLAT; i++)
	{
		Frac		row = rule->amount < 0 ? event_row_amount(&rows[i]) :
			rows[i].own ? rows[i].own[index] : FRAC_ZERO;

		if (frac_sign(row) > 0)
			core_check(frac_add(amount, row, &amount));
	}
	if (rate_pays(&rule->judge.earn, amount, &pays) != CORE_OK)
		return POINTS_MAX;

	/* a whole point more, for any rounding */
	points = (frac_floor(pays) + 2) * POINTS_SCALE;
	return points > POINTS_MAX ? POINTS_MAX : (Points) points;
}

/* Whether any rule that concerns the source has a budget. */
static inline bool
any_budget(const RuleSet *rules, const SourceConfig *source)
{
	int			i;

	for (i = 0; i < rules->nrules; i++)
	{
		if (rules->rules[i].has_budget && rule_concerns(&rules->rules[i], source))
			return true;
	}
	return false;
}

/* Locks what the event may need of budgets, in the order of their rules. */
static pg_noinline void
reserve_budgets(Judgement *j, const EventRow *rows, bool entitled)
{
	int32		after = 0;

	for (;;)
	{
		int32		next = PG_INT32_MAX;
		int			index = -1;
		int			i;

		/* the budget next in order that the event may move */
		for (i = 0; i < j->rules->nrules; i++)
		{
			RuleConfig *rule = &j->rules->rules[i];

			if (rule->has_budget && rule->rule_no > after && rule->rule_no < next &&
				rule_concerns(rule, j->batch->source))
			{
				next = rule->rule_no;
				index = i;
			}
		}
		if (index < 0)
			return;
		after = next;
		{
			RuleConfig *rule = &j->rules->rules[index];
			UnitConfig *unit = &j->rules->units[rule->unit];
			bool		any = false;

			for (i = 0; i < j->event->nrows && entitled && !any; i++)
				any = event_row_matches(&rows[i], index);
			if (any)
				budget_reserve(j->batch, next, most_claimed(rule, index, j->event, rows));
			else if (held_points(j, unit->unit_no, next) != 0)
				budget_reserve(j->batch, next, 0);
		}
	}
}

/* arguments of match_member_rules, for guarded() */
typedef struct MatchMember
{
	Batch	   *batch;
	RuleSet    *rules;
	Event	   *event;
	EventRow   *rows;
} MatchMember;

/* Evaluates the rules that read member.*, the facts being at hand. */
static void
match_member_rules(void *arg)
{
	MatchMember *match = (MatchMember *) arg;
	EventReader *reader = match->batch->reader;
	TupleTableSlot *slot = event_row_slot(reader);
	int			i;

	for (i = 0; i < match->event->nrows; i++)
	{
		ExecStoreMinimalTuple(match->rows[i].tuple, slot, false);
		ResetExprContext(reader->econtext);
		event_match_rules(reader, match->rules, &match->rows[i], slot,
						  true, false);
	}
}

/*
 * Evaluates the rules that read member.*, by the facts of now or those frozen.
 * False if an expression failed: then the event is queued.
 */
static pg_noinline bool
match_by_facts(Batch *batch, Event *event, RuleSet *rules, AccountState *account)
{
	MatchMember match = {batch, rules, event, event->rows ? event->rows : &event->row};
	EvalError	error;

	if (event->posting)
		event_facts_frozen(batch->reader, event->posting->facts);
	else
		event_facts_now(batch->reader, batch->ledger, rules, account);
	if (guarded(batch, match_member_rules, &match, &error))
		return true;
	failed_event_add(batch, event->key, &error);
	return false;
}

/* Revokes all an event has posted: its member or instant is another now. */
static pg_noinline void
revoke_all(Batch *batch, Event *event, Posting *posting, AccountState *account)
{
	Judgement	j;
	RuleSet    *rules = program_rules(batch->program, posting->config_version);
	Event		gone = *event;
	Posting		ignored = *posting;
	int			i;

	gone.nrows = 0;
	gone.at = posting->occurred_at;
	gone.posting = posting;
	memset(&j, 0, sizeof(j));
	j.batch = batch;
	j.event = &gone;
	j.account = account;
	j.rules = rules;
	j.line.source_no = batch->source->source_no;
	j.line.config_version = posting->config_version;
	j.line.event_key = ledger_key(batch, event);
	read_own_lines(&j, posting);
	for (i = 0; i < rules->nunits; i++)
		judge_event_unit(&j, i, NULL, FRAC_ZERO, FRAC_ZERO, "it is revoked", false,
						 &ignored, NULL);
}

/* see batch.h */
bool
give_back_claims(Batch *batch, Event *event, AccountState *account)
{
	Judgement	j;
	Posting    *posting = event->posting;
	int			i;
	int			k;

	/* one that has moved gives back what is revoked when that is done */
	if (posting == NULL || event->rules == NULL ||
		(event->nrows > 0 &&
		 (member_cmp(batch->program, posting->member, event->member) != 0 ||
		  posting->occurred_at != event->at)))
		return true;
	if (event->nrows > 0 && event_rules_use_member(batch->source, event->rules) &&
		!match_by_facts(batch, event, event->rules, account))
		return false;
	memset(&j, 0, sizeof(j));
	j.batch = batch;
	j.event = event;
	j.account = account;
	j.rules = event->rules;
	j.claimed = program_rules(batch->program, posting->config_version);
	j.line.source_no = batch->source->source_no;
	read_own_lines(&j, posting);
	for (i = 0; i < j.nown; i++)
	{
		int32		rule_no = j.own[i].rule_no;
		RuleConfig *rule = rules_rule(j.claimed, rule_no);
		Points		held;

		/* once for each rule */
		for (k = 0; k < i && (j.own[k].rule_no != rule_no || j.own[k].unit != j.own[i].unit);)
			k++;
		held = held_points(&j, j.own[i].unit, rule_no);
		if (k < i || held == 0 || !is_given_back(&j, rule_no))
			continue;
		cap_claim(batch, account, rule_no, rule, j.claimed, posting->occurred_at, -held);
		budget_claim(batch, rule_no, -held);
	}
	return true;
}

/*
 * Whether an event may raise the tiers that its member had at later ones: by
 * then something has been posted, or falls due.
 */
static bool
may_top_up(const Batch *batch, const Event *event, const AccountState *account)
{
	return event->posting == NULL && tiers_top_up_any(batch->program->tiers) &&
		(event->at < account->last_at || account->next_due <= account->now);
}

/* Writes a line of no points: the event stays on record. */
static pg_noinline void
record_nothing(Judgement *j)
{
	Movement	nothing;

	memset(&nothing, 0, sizeof(nothing));
	nothing.kind = ENTRY_EARN;
	nothing.unit = j->rules->units[0].unit_no;
	nothing.from = nothing.occurred_at = j->event->at;
	nothing.to = INSTANT_NEVER;
	event_sink(j, &nothing);
}

/* Why an event is entitled to nothing; NULL if rules decide. */
static const char *
why_nothing(const Batch *batch, const Event *event, const Posting *posting, Frac net)
{
	if (event->rules == NULL)
		return "it has not been posted";
	if (event->nrows == 0)
		return event->nfound == 0 ? "its rows are gone" :
			"the source's condition does not hold";
	if (posting->flags & POSTING_BLOCKED)
		return "the member was not active when it was judged first";
	if (batch->source->amount >= 0 && frac_sign(net) <= 0)
		return "its amount is not above zero";
	return NULL;
}

/* see batch.h */
bool
post_event(Batch *batch, Event *event, AccountState *account, AccountState *old_account)
{
	Judgement	j;
	Posting    *before = event->posting;
	Posting    *posting = &event->result;
	EventRow   *rows = event->rows ? event->rows : &event->row;
	bool		unposts = event->rules == NULL;
	RuleSet    *rules = unposts ? program_rules(batch->program, before->config_version) :
	event->rules;
	JudgedRule *judged = NULL;
	bool		uses_member = !unposts && event_rules_use_member(batch->source, rules);
	bool		uses_tiers;
	bool		moved;
	bool		claims;
	const char *why_not;
	Frac		gross;
	Frac		net;
	int			i;

	/* another member or instant: all is revoked, and the event judged as new */
	moved = before && event->nrows > 0 && !unposts &&
		(member_cmp(batch->program, before->member, event->member) != 0 ||
		 before->occurred_at != event->at);
	if (old_account == NULL)
		old_account = account;

	/* late activities of new events are told together; what was posted hangs on them */
	if (unlikely(before != NULL))
	{
		activity_settle(batch->ledger, account);
		if (old_account != account)
			activity_settle(batch->ledger, old_account);
	}
	if (unlikely(moved))
	{
		event->posting = NULL;
		if (rules != batch->program->rules && batch->choose_rules == NULL)
		{
			rules = event->rules = batch->program->rules;
			if (!batch_match_event(batch, event, rules))
				return false;
			uses_member = event_rules_use_member(batch->source, rules);
		}
	}

	uses_tiers = !unposts && (uses_member || event_rules_use_tiers(batch->source, rules));

	memset(&j, 0, sizeof(j));
	j.batch = batch;
	j.event = event;
	j.account = account;
	j.rules = rules;
	j.line.source_no = batch->source->source_no;
	j.line.config_version = rules->config_version;
	j.line.event_key = ledger_key(batch, event);

	/* the event does not count among the purchases that its rules see */
	if (unlikely(before != NULL))
		uncount_purchase(old_account, before);
	if (unlikely(event->posting != NULL))
	{
		*posting = *before;
		posting->nshort = 0;
		posting->shorts = NULL;
		posting->flags &= ~POSTING_COUNTS;
		posting->amount = 0;
		read_own_lines(&j, before);
		if (batch->options.reprices)
			j.claimed = program_rules(batch->program, before->config_version);
	}
	else
	{
		memset(posting, 0, sizeof(Posting));
		if (before)
			posting->tid = before->tid;
		posting->member = event->member;
		posting->occurred_at = event->at;
		if (account->status != ACCOUNT_ACTIVE)
			posting->flags |= POSTING_BLOCKED;
	}
	posting->config_version = rules->config_version;

	if (unlikely(uses_tiers) && event->posting)
		event_tiers_frozen(batch->reader, account_tier_config(account), before->facts);
	else if (unlikely(uses_tiers))
		event_tiers_now(batch->reader, batch->ledger, account, event->at);
	if (unlikely(uses_member) && event->nrows > 0 &&
		!match_by_facts(batch, event, rules, account))
	{
		if (before)
			recount_purchase(old_account, before);
		return false;
	}
	if (event->posting == NULL)
		posting->facts = unlikely(uses_member || uses_tiers || account->zone_name) ?
			freeze(batch, account, rules, uses_member || uses_tiers) : NULL;
	if ((moved || may_top_up(batch, event, account)) && batch->nevents == 1 && !batch->options.dry)
		budget_lock_all(batch);
	if (unlikely(moved))
		revoke_all(batch, event, before, old_account);

	event_amounts(event, rows, &gross, &net);
	why_not = why_nothing(batch, event, posting, net);
	claims = !(batch->options.no_claims && event->posting);
	if (any_budget(rules, batch->source))
		reserve_budgets(&j, rows, why_not == NULL);
	if (unlikely(batch->options.tops_up))
	{
		/* a higher tier is never to the member's disadvantage */
		j.probes = true;
		for (i = 0; i < rules->nunits; i++)
			judge_event_unit(&j, i, rows, gross, net, why_not, claims, posting, NULL);
		j.probes = false;
		if (j.lowers)
		{
			*posting = *before;
			posting->facts = event->facts_before;
			recount_purchase(old_account, before);
			return true;
		}
	}
	if (unlikely(batch->observer != NULL))
		judged = palloc0(sizeof(JudgedRule) * Max(1, rules->nrules));
	for (i = 0; i < rules->nunits; i++)
		judge_event_unit(&j, i, rows, gross, net, why_not, claims, posting, judged);

	/* an event that stays at nothing, and one that a late row may yet raise, are on record */
	if (event->posting == NULL && event->nrows > 0 && j.nlines == 0 &&
		((posting->flags & POSTING_BLOCKED) ||
		 (uses_tiers && why_not == NULL && tiers_top_up_any(batch->program->tiers))))
		record_nothing(&j);
	if (batch->source->purchase && why_not == NULL)
		count_purchase(account, posting, net);
	posting_add_block(&j, posting);
	if (before || account_owes(&account->core, 0))
		activity_settle(batch->ledger, account);
	if (unlikely(batch->observer != NULL))
		batch->observer(batch->observer_arg, batch, account, event, judged, rules->nrules,
						why_not);
	if (j.nlines > 0)
		batch->nposted++;
	account->dirty = true;

	/* debt is repaid by what became available; other lapses wait for the end */
	if (j.nlines > 0 && account->next_due <= account->now &&
		account_owes(&account->core, 0))
		account_bring_to(batch->ledger, account, account->now);
	return true;
}
