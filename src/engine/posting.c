/*-------------------------------------------------------------------------
 *
 * posting.c
 *	  Judges one event and posts the difference to what it has posted.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/batch.h"

#include "executor/executor.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "engine/activity.h"
#include "engine/amount.h"
#include "engine/pages.h"
#include "types/zone.h"

/* a line the event has in the ledger */
typedef struct OwnLine
{
	int32		rule_no;
	int32		unit;
	Points		points;
	Instant		from;
	Instant		to;
	Points		lapsed;
	Points		forgiven;
	int64		entry_no;
	int64		operation_no;
} OwnLine;

/* lots a member's points have lapsed in, less what was excused already */
typedef struct LapsedLot
{
	int32		unit;
	Instant		from;
	Instant		to;
	Points		points;
} LapsedLot;

/* what is being done for one event */
typedef struct Judgement
{
	Batch	   *batch;
	Event	   *event;
	AccountState *account;
	RuleSet    *rules;
	RuleSet    *claimed;		/* by what it claimed room before, if its rules
								 * may be others now; else NULL */
	EntryLine	line;			/* what its lines have in common */

	OwnLine    *own;			/* lines it has */
	int			nown;
	int			own_capacity;
	LapsedLot  *lapsed;			/* filled when first needed */
	int			nlapsed;
	bool		lapsed_known;

	int64		first;			/* block of lines written now */
	int64		last;
	int			nlines;
} Judgement;

/* Reads the event's own lines of one block; an EntryReader. */
static void
collect_own_line(void *arg, int64 entry_no, const EntryLine *line)
{
	Judgement  *j = (Judgement *) arg;
	OwnLine    *own;

	/* a lapse may have been booked among the event's lines */
	if (line->source_no != j->line.source_no)
		return;
	if (j->nown == j->own_capacity)
	{
		j->own_capacity = Max(8, j->own_capacity * 2);
		j->own = j->own ? repalloc(j->own, sizeof(OwnLine) * j->own_capacity) :
			palloc(sizeof(OwnLine) * j->own_capacity);
	}
	own = &j->own[j->nown++];
	own->rule_no = line->rule_no;
	own->unit = line->movement.unit;
	own->points = line->movement.points;
	own->from = line->movement.from;
	own->to = line->movement.to;
	own->lapsed = line->movement.lapsed;
	own->forgiven = line->movement.forgiven;
	own->entry_no = entry_no;
	own->operation_no = line->operation_no;
}

/* Reads all lines an event has posted. */
static void
read_own_lines(Judgement *j, const Posting *posting)
{
	Ledger	   *ledger = j->batch->ledger;
	int			i;

	j->nown = 0;
	if (posting->first_entry > 0)
		ledger_read_entries(ledger, posting->member, posting->first_entry,
							posting->first_entry + posting->entries - 1,
							collect_own_line, j);
	for (i = 0; i + 1 < posting->nlater; i += 2)
		ledger_read_entries(ledger, posting->member, posting->later[i],
							posting->later[i + 1], collect_own_line, j);
}

/* Notes what lapsed in, or was excused of, any lot of the member. */
static void
collect_lapsed(void *arg, int64 entry_no, const EntryLine *line)
{
	Judgement  *j = (Judgement *) arg;
	const Movement *m = &line->movement;
	Points		points = (m->kind == ENTRY_EXPIRE ? -m->points : 0) - m->lapsed;
	int			i;

	/* what a lapse took and was brought back later has not lapsed */
	if (m->kind == ENTRY_RETURN && m->to == INSTANT_ACTIVITY)
		points = -m->points;
	if (points == 0)
		return;
	for (i = 0; i < j->nlapsed; i++)
	{
		LapsedLot  *lot = &j->lapsed[i];

		if (lot->unit == m->unit && lot->from == m->from && lot->to == m->to)
		{
			lot->points += points;
			return;
		}
	}
	j->lapsed = j->lapsed ? repalloc(j->lapsed, sizeof(LapsedLot) * (j->nlapsed + 1)) :
		palloc(sizeof(LapsedLot));
	j->lapsed[j->nlapsed].unit = m->unit;
	j->lapsed[j->nlapsed].from = m->from;
	j->lapsed[j->nlapsed].to = m->to;
	j->lapsed[j->nlapsed++].points = points;
}

/* Points of a lot that have lapsed unspent and are not yet excused. */
static Points
lapsed_in_lot(Judgement *j, int32 unit, Instant from, Instant to)
{
	int			i;

	/* a lot that has not ended has lost nothing */
	if (to != INSTANT_ACTIVITY && to > j->account->now)
		return 0;
	if (!j->lapsed_known)
	{
		/* lines of this batch must be seen, too */
		ledger_flush(j->batch->ledger);
		ledger_refresh(j->batch->ledger);
		ledger_read_entries(j->batch->ledger, j->account->member, 1, PG_INT64_MAX,
							collect_lapsed, j);
		j->lapsed_known = true;
	}
	for (i = 0; i < j->nlapsed; i++)
	{
		LapsedLot  *lot = &j->lapsed[i];

		if (lot->unit == unit && lot->from == from && lot->to == to)
			return Max(lot->points, 0);
	}
	return 0;
}

/* A MovementSink for the event's lines. */
static void
event_sink(void *arg, const Movement *movement)
{
	Judgement  *j = (Judgement *) arg;

	j->line.movement = *movement;
	j->line.rule_no = movement->tag;
	j->last = ledger_append(j->batch->ledger, j->account, &j->line);
	if (j->first == 0)
		j->first = j->last;
	j->nlines++;

	/* a new event's lines need not be known: it has no earlier ones to weigh */
	if (j->event->posting)
		collect_own_line(j, j->last, &j->line);
}

/* The zone in which the event's lots are computed: frozen, member's, program's. */
static Zone
event_zone(Judgement *j)
{
	Event	   *event = j->event;

	if (event->posting)
	{
		/* a member's own zone is frozen with the facts */
		if (event->posting->facts)
		{
			JsonbValue	buffer;
			JsonbValue *value =
			getKeyJsonValueFromContainer(&((Jsonb *) event->posting->facts)->root,
										 "lots in", 7, &buffer);

			if (value && value->type == jbvString)
			{
				pg_tz	   *tz = zone_lookup(pnstrdup(value->val.string.val,
													  value->val.string.len));

				if (tz)
					return zone_for_tz(tz);
			}
		}
		return j->rules->zone;
	}
	return j->account->zone_name ? j->account->zone : j->rules->zone;
}

/* The range of the lot a rule's points go to. */
static void
rule_lot(Judgement *j, const RuleConfig *rule, Instant *from, Instant *to)
{
	const UnitConfig *unit = &j->rules->units[rule->unit];
	const Period *activates = rule->activates.kind ? &rule->activates : &unit->activates;
	const Period *expires = rule->expires.kind ? &rule->expires : &unit->expires;
	Zone		zone;
	int			i;

	/* points the rule has in the event already say where the others go */
	for (i = 0; i < j->nown; i++)
	{
		if (j->own[i].rule_no == rule->rule_no && j->own[i].points > 0)
		{
			*from = j->own[i].from;
			*to = j->own[i].to;
			return;
		}
	}
	if (activates->kind == PERIOD_IMMEDIATELY && expires->kind == PERIOD_NEVER)
	{
		*from = j->event->at;
		*to = INSTANT_NEVER;
		return;
	}
	zone = event_zone(j);
	core_check(period_end(activates, j->event->at, &zone, from));
	if (expires->kind == PERIOD_ACTIVITY)
		*to = INSTANT_ACTIVITY;
	else
		core_check(period_end(expires, j->event->at, &zone, to));
}

/* Sums of an event's lines in one lot of a unit. */
static void
sum_own_lines(const Judgement *j, int32 unit_no, Instant from, Instant to,
			  Points *points, Points *lapsed)
{
	int			i;

	*points = *lapsed = 0;
	for (i = 0; i < j->nown; i++)
	{
		if (j->own[i].unit == unit_no && j->own[i].from == from && j->own[i].to == to)
		{
			*points += j->own[i].points;
			*lapsed += j->own[i].lapsed;
		}
	}
}

/* Whether line i is the event's first in its lot. */
static bool
first_of_lot(const Judgement *j, int i)
{
	int			k;

	for (k = 0; k < i; k++)
	{
		if (j->own[k].unit == j->own[i].unit && j->own[k].from == j->own[i].from &&
			j->own[k].to == j->own[i].to)
			return false;
	}
	return true;
}

/*
 * Adds points of a rule to the account.  What was excused or forgiven of the
 * event before is used up first, then what was taken elsewhere goes back.
 */
static void
give(Judgement *j, int32 unit_no, int32 rule_no, Points points, Instant from, Instant to)
{
	AccountState *account = j->account;
	Instant		occurred_at = j->event->posting ? account->now : j->event->at;
	TakenLot   *taken = NULL;
	int			ntaken = 0;
	int			nown = j->nown;
	Points		excused = 0;
	Points		forgiven = 0;
	Points		in_lot;
	int			i;

	for (i = 0; i < nown; i++)
	{
		OwnLine    *own = &j->own[i];
		Points		lapsed;

		if (own->unit != unit_no)
			continue;
		forgiven += own->forgiven;
		if (!first_of_lot(j, i))
			continue;
		sum_own_lines(j, unit_no, own->from, own->to, &in_lot, &lapsed);
		if (in_lot < 0)
		{
			if (taken == NULL)
				taken = palloc(sizeof(TakenLot) * nown);
			taken[ntaken].from = own->from;
			taken[ntaken].to = own->to;
			taken[ntaken++].points = -in_lot;
		}
		if (own->from == from && own->to == to)
			excused = lapsed;
		else if (lapsed > 0 && points > 0)
		{
			/* excused in a lot of another of its rules */
			Movement	m;

			memset(&m, 0, sizeof(m));
			m.kind = ENTRY_EARN;
			m.unit = unit_no;
			m.from = own->from;
			m.to = own->to;
			m.occurred_at = occurred_at;
			m.lapsed = -Min(lapsed, points);
			m.tag = rule_no;
			points += m.lapsed;
			event_sink(j, &m);
		}
	}
	if (points > 0)
		core_check(account_give(&account->core, unit_no, points, from, to,
								Max(excused, 0), Max(forgiven, 0), taken, ntaken,
								occurred_at, rule_no, event_sink, j));
	if (excused > 0)
		j->lapsed_known = false;
}

/* Brings in from pages what taking points back may need. */
static void
bring_in_lots(Judgement *j, int32 unit_no, Points points, const OwnLot *lots, int nlots)
{
	Ledger	   *ledger = j->batch->ledger;
	Account    *core = &j->account->core;
	Points		own = 0;
	int			i;
	int			k;

	for (i = 0; i < nlots; i++)
	{
		pages_bring_in_end(ledger, j->account, lots[i].to);
		own += Min(lots[i].lapsed, lots[i].share);
		for (k = 0; k < core->npieces; k++)
		{
			if (core->pieces[k].unit == unit_no && core->pieces[k].from == lots[i].from &&
				core->pieces[k].to == lots[i].to)
				own += Min(core->pieces[k].points, lots[i].share);
		}
	}
	if (own < points)
		pages_bring_in_all(ledger, j->account);
}

/* Takes points of a rule back from the account. */
static void
take_back(Judgement *j, const UnitConfig *unit, int32 rule_no, Points points)
{
	OwnLot	   *lots = palloc(sizeof(OwnLot) * (j->nown + 1));
	int			nlots = 0;
	int			pass;
	int			i;
	int			k;

	/* lots of this rule first, then those of the event's other rules */
	for (pass = 0; pass < 2; pass++)
	{
		for (i = 0; i < j->nown; i++)
		{
			OwnLine    *own = &j->own[i];

			if (own->unit != unit->unit_no || own->points <= 0 ||
				(own->rule_no == rule_no) != (pass == 0))
				continue;
			for (k = 0; k < nlots; k++)
			{
				if (lots[k].from == own->from && lots[k].to == own->to)
					break;
			}
			if (k < nlots)
				continue;
			lots[nlots].from = own->from;
			lots[nlots].to = own->to;
			lots[nlots].share = 0;
			for (k = 0; k < j->nown; k++)
			{
				if (j->own[k].unit == unit->unit_no && j->own[k].from == own->from &&
					j->own[k].to == own->to)
					lots[nlots].share += j->own[k].points - j->own[k].lapsed -
						j->own[k].forgiven;
			}
			lots[nlots].share = Max(lots[nlots].share, 0);
			lots[nlots].lapsed = lapsed_in_lot(j, unit->unit_no, own->from, own->to);
			nlots++;
		}
	}
	if (j->account->paged)
		bring_in_lots(j, unit->unit_no, points, lots, nlots);
	{
		int64		before = j->account->last_entry;

		core_check(account_take_back(&j->account->core, unit->unit_no, points, lots, nlots,
									 unit->forgive, j->account->now, rule_no,
									 event_sink, j));

		/* later rules of this change, in the same lots, must know */
		if (j->account->last_entry > before)
			j->lapsed_known = false;
	}
	pfree(lots);
}

/* What an event holds of a rule: posted less excused and forgiven. */
static Points
held_points(const Judgement *j, int32 unit_no, int32 rule_no)
{
	Points		held = 0;
	int			i;

	for (i = 0; i < j->nown; i++)
	{
		if (j->own[i].unit == unit_no && j->own[i].rule_no == rule_no)
			held += j->own[i].points - j->own[i].lapsed - j->own[i].forgiven;
	}
	return held;
}

/* The line that first gave an event points of a rule; 0 if none did. */
static int64
first_line(const Judgement *j, int32 unit_no, int32 rule_no)
{
	int			i;

	for (i = 0; i < j->nown; i++)
	{
		if (j->own[i].unit == unit_no && j->own[i].rule_no == rule_no && j->own[i].points > 0)
			return j->own[i].entry_no;
	}
	return 0;
}

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

/* The instant from which new lots or debts make something due. */
static void
lower_next_due(AccountState *account, int32 unit_no, Instant from, Instant to)
{
	int			i;

	if (to == INSTANT_ACTIVITY)
	{
		account_find_due(account);
		return;
	}
	account->next_due = Min(account->next_due, to);
	/* the debt piece, if any, is among the first of the sorted pieces */
	for (i = 0; i < account->core.npieces && account->core.pieces[i].to == DEBT_TO; i++)
	{
		if (account->core.pieces[i].unit == unit_no && account->core.pieces[i].points < 0)
			account->next_due = Min(account->next_due, from);
	}
}

/* see batch.h */
bool
rule_is_same(const RuleConfig *a, const RuleConfig *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return a->source_no == b->source_no && a->unit_no == b->unit_no &&
		rate_cmp(&a->judge.earn, &b->judge.earn) == 0 &&
		a->judge.priority == b->judge.priority &&
		strcmp(a->exclusive_group ? a->exclusive_group : "",
			   b->exclusive_group ? b->exclusive_group : "") == 0 &&
		a->judge.has_max_per_event == b->judge.has_max_per_event &&
		a->judge.max_per_event == b->judge.max_per_event &&
		a->has_min_amount == b->has_min_amount &&
		frac_cmp(a->min_amount, b->min_amount) == 0 &&
		a->valid_from == b->valid_from && a->valid_until == b->valid_until &&
		a->cap_period == b->cap_period && a->max_per_member == b->max_per_member &&
		a->has_budget == b->has_budget &&
		memcmp(&a->activates, &b->activates, sizeof(Period)) == 0 &&
		memcmp(&a->expires, &b->expires, sizeof(Period)) == 0 &&
		a->needs_pin == b->needs_pin &&
		(a->pin ? a->pin->viewid : InvalidOid) == (b->pin ? b->pin->viewid : InvalidOid);
}

/*
 * Whether what an event had claimed by a rule has been given back, because the
 * rule is another now.
 */
static bool
is_given_back(const Judgement *j, int32 rule_no)
{
	return j->claimed &&
		(j->claimed->tz != j->rules->tz ||
		 !rule_is_same(rules_rule(j->claimed, rule_no), rules_rule(j->rules, rule_no)));
}

/* What an operation has changed in what an event holds of a rule. */
static Points
operation_points(const Judgement *j, int32 unit_no, int32 rule_no, int64 operation_no)
{
	Points		points = 0;
	int			i;

	for (i = 0; i < j->nown; i++)
	{
		if (j->own[i].unit == unit_no && j->own[i].rule_no == rule_no &&
			j->own[i].operation_no == operation_no)
			points += j->own[i].points - j->own[i].lapsed - j->own[i].forgiven;
	}
	return points;
}

/* Judges an event in one unit and posts the difference. */
static void
judge_event_unit(Judgement *j, int unit_index, const EventRow *rows, Frac gross, Frac net,
				 const char *why_not, bool claims, Posting *posting,
				 JudgedRule *judged)
{
	Batch	   *batch = j->batch;
	RuleSet    *rules = j->rules;
	UnitConfig *unit = &rules->units[unit_index];
	Event	   *event = j->event;
	int			nrows = Max(event->nrows, 1);
	JudgeTerm	terms_inline[8];
	int			index_inline[8];
	Points		points_inline[24];
	JudgeTerm  *terms = terms_inline;
	int		   *index = index_inline;
	Points	   *held = points_inline;
	Points	   *computed;
	Points	   *delta;
	int32	   *rule_no;
	int			capacity = 8;
	int			nterms = 0;
	int			n;
	int			i;
	int			k;
	Points		total;
	Frac	   *amounts = NULL;
	Frac		amount_inline;
	int32		rule_no_inline[8];
	bool		match_inline = true;
	bool		has_amount = batch->source->amount >= 0;

	if (rules->nrules + j->nown > capacity)
	{
		capacity = rules->nrules + j->nown;
		terms = palloc(sizeof(JudgeTerm) * capacity);
		index = palloc(sizeof(int) * capacity);
		held = palloc(sizeof(Points) * capacity * 3);
		rule_no = palloc(sizeof(int32) * capacity);
	}
	else
		rule_no = rule_no_inline;
	computed = held + capacity;
	delta = computed + capacity;

	for (i = 0; i < rules->nrules; i++)
	{
		RuleConfig *rule = &rules->rules[i];
		JudgeTerm  *term;
		bool		base;
		bool		any = false;
		bool		released;
		const char *reason = NULL;

		if (rule->unit != unit_index || !rule_concerns(rule, batch->source))
			continue;
		base = rule->judge.earn.kind != RATE_FLAT && rule->judge.earn.kind != RATE_MULTIPLIER;
		for (k = 0; k < event->nrows && !any; k++)
			any = event_row_matches(&rows[k], i);
		if (why_not)
			reason = why_not;
		else if (event->at < rule->valid_from || event->at >= rule->valid_until)
			reason = "not valid at the event's instant";
		else if (rule->has_min_amount && frac_cmp(net, rule->min_amount) < 0)
			reason = "below the minimum amount";
		else if (!any)
			reason = "its condition does not hold";
		else if (base && !has_amount && rule->amount < 0)
			reason = "the source has no amount";
		if (judged)
		{
			judged[i].rule = rule;
			judged[i].reason = reason;
			judged[i].amount = FRAC_ZERO;
			judged[i].cap_room = judged[i].budget_room = POINTS_MAX;
			judged[i].held = held_points(j, unit->unit_no, rule->rule_no);
			judged[i].entry_no = first_line(j, unit->unit_no, rule->rule_no);
		}
		if (reason)
			continue;

		term = &terms[nterms];
		memset(term, 0, sizeof(JudgeTerm));
		term->rule = &rule->judge;
		index[nterms] = i;
		if (nrows == 1)
			term->match = &match_inline;
		else
		{
			bool	   *match = palloc(sizeof(bool) * nrows);

			for (k = 0; k < nrows; k++)
				match[k] = event_row_matches(&rows[k], i);
			term->match = match;
		}
		if (base)
		{
			if (rule->amount < 0 && amounts == NULL)
			{
				amounts = nrows == 1 ? &amount_inline : palloc(sizeof(Frac) * nrows);
				if (nrows == 1)
					amounts[0] = net;
				else
				{
					for (k = 0; k < nrows; k++)
						amounts[k] = event_row_amount(&rows[k]);
				}
			}
			if (rule->amount < 0)
				term->amount = amounts;
			else
			{
				Frac	   *own = palloc(sizeof(Frac) * nrows);

				for (k = 0; k < nrows; k++)
					own[k] = rows[k].own && event_row_matches(&rows[k], i) ?
						rows[k].own[i] : FRAC_ZERO;
				term->amount = own;
			}

			/* what a reduction takes from the event it takes from each part */
			if ((nrows > 1 || rule->amount >= 0) && frac_cmp(net, gross) != 0)
			{
				Frac	   *reduced = palloc(sizeof(Frac) * nrows);
				Frac		factor;

				core_check(frac_div(net, gross, &factor));
				for (k = 0; k < nrows; k++)
					core_check(frac_mul(term->amount[k], factor, &reduced[k]));
				term->amount = reduced;
			}
			for (k = 0; judged && k < nrows; k++)
			{
				if (term->match[k])
					core_check(frac_add(judged[i].amount, term->amount[k],
										&judged[i].amount));
			}
		}
		term->held = j->nown > 0 ? held_points(j, unit->unit_no, rule->rule_no) : 0;
		term->room = POINTS_MAX;
		if (rule->cap_period != CALENDAR_NONE || rule->has_budget)
		{
			if (!claims)
				term->room = 0;
			else
			{
				if (rule->cap_period != CALENDAR_NONE)
					term->room = cap_room(batch, j->account, rule, rules, event->at);
				if (rule->has_budget)
				{
					Points		room = budget_room(batch, rule);

					if (judged)
					{
						judged[i].cap_room = term->room;
						judged[i].budget_room = room;
					}
					term->room = Min(term->room, room);
				}
				else if (judged)
					judged[i].cap_room = term->room;
			}
			released = is_given_back(j, rule->rule_no);
			if (released)
				term->room -= term->held;

			/* what an operation took comes back, whoever has the room now */
			if (batch->options.undoes && event->posting)
				term->room = -operation_points(j, unit->unit_no, rule->rule_no,
											   batch->options.undoes);
			for (k = 0; event->posting && !released && !batch->options.undoes &&
				 k < event->posting->nshort; k++)
			{
				if (event->posting->shorts[k].rule_no == rule->rule_no)
				{
					term->was_short = true;
					term->want = event->posting->shorts[k].want;
					term->got = event->posting->shorts[k].got;
				}
			}
		}
		nterms++;
	}

	if (nterms > 0)
	{
		Frac		scratch_inline[16];
		Frac	   *scratch = JUDGE_SCRATCH(nterms, nrows) <= 16 ? scratch_inline :
			palloc(sizeof(Frac) * JUDGE_SCRATCH(nterms, nrows));

		core_check(judge_unit(&unit->judge, terms, nterms, nrows, scratch, &total));
	}

	/* rules that match, then those that only hold points from before */
	for (n = 0; n < nterms; n++)
	{
		rule_no[n] = rules->rules[index[n]].rule_no;
		held[n] = terms[n].held;
		computed[n] = terms[n].share;
	}
	for (i = 0; i < j->nown; i++)
	{
		if (j->own[i].unit != unit->unit_no)
			continue;
		for (k = 0; k < n; k++)
		{
			if (rule_no[k] == j->own[i].rule_no)
				break;
		}
		if (k < n)
			continue;
		rule_no[n] = j->own[i].rule_no;
		held[n] = held_points(j, unit->unit_no, rule_no[n]);
		computed[n] = 0;
		index[n] = -1;
		n++;
	}
	if (n == 0)
		return;
	core_check(judge_change(held, computed, n, delta));

	for (i = 0; i < n; i++)
	{
		RuleConfig *rule = i < nterms ? &rules->rules[index[i]] : rules_rule(rules, rule_no[i]);
		Instant		from = 0;
		Instant		to = 0;
		bool		released = is_given_back(j, rule_no[i]);
		Points		claim = released ? held[i] + delta[i] : delta[i];

		/* each line counts in the spans of the zone that it was posted by */
		if (released && held[i] != 0)
			cap_claim(batch, j->account, rule_no[i], rules_rule(j->claimed, rule_no[i]),
					  j->claimed, event->at, held[i]);
		if (delta[i] != 0)
			cap_claim(batch, j->account, rule_no[i], rule, rules, event->at, delta[i]);
		if (claim != 0 && (released || (rule && rule->has_budget)))
			budget_claim(batch, rule_no[i], claim);
		if (i < nterms && (delta[i] > 0 || judged))
			rule_lot(j, rule, &from, &to);
		if (judged && i < nterms)
		{
			JudgedRule *out = &judged[index[i]];

			out->term = palloc(sizeof(JudgeTerm));
			memcpy((void *) out->term, &terms[i], sizeof(JudgeTerm));
			out->held = held[i];
			out->delta = delta[i];
			out->from = from;
			out->to = to;
		}
		if (delta[i] == 0)
			continue;
		if (delta[i] > 0)
		{
			Instant		lapse = INSTANT_NEVER;

			if (unit->expires.kind == PERIOD_ACTIVITY)
				lapse = activity_note(batch->ledger, j->account, unit->unit_no,
									  event->posting ? j->account->now : event->at);
			give(j, unit->unit_no, rule_no[i], delta[i], from, to);
			if (lapse != INSTANT_NEVER && to == INSTANT_ACTIVITY)
				activity_lapse(batch->ledger, j->account, unit->unit_no, from, delta[i],
							   lapse);
			lower_next_due(j->account, unit->unit_no, from, to);
		}
		else
		{
			take_back(j, unit, rule_no[i], -delta[i]);
			account_find_due(j->account);
		}
	}

	/* what was short of room, for the next time */
	for (i = 0; i < nterms; i++)
	{
		ShortItem  *item;

		/* one that lost its group claims no room, but stays short */
		if (!terms[i].is_short &&
			!(terms[i].was_short && (terms[i].trimmed & TRIM_GROUP)))
			continue;
		posting->shorts = posting->shorts ?
			repalloc(posting->shorts, sizeof(ShortItem) * (posting->nshort + 1)) :
			palloc(sizeof(ShortItem));
		item = &posting->shorts[posting->nshort++];
		memset(item, 0, sizeof(ShortItem));
		item->rule_no = rule_no[i];
		item->want = terms[i].is_short ? terms[i].new_want : terms[i].want;
		item->got = terms[i].is_short ? terms[i].new_got : terms[i].got;
	}
}

/* Takes an event out of the member's purchases and spend, or back in. */
static void
uncount_purchase(AccountState *account, const Posting *posting)
{
	if ((posting->flags & POSTING_COUNTS) == 0)
		return;
	account->purchases--;
	core_check(points_sub(account->spend, posting->amount, &account->spend) ?
			   CORE_OK : CORE_RANGE);
	account->dirty = true;
}

static void
recount_purchase(AccountState *account, const Posting *posting)
{
	if ((posting->flags & POSTING_COUNTS) == 0)
		return;
	account->purchases++;
	core_check(points_add(account->spend, posting->amount, &account->spend) ?
			   CORE_OK : CORE_RANGE);
	account->dirty = true;
}

/* Counts an event among the member's purchases. */
static void
count_purchase(AccountState *account, Posting *posting, Frac net)
{
	posting->flags |= POSTING_COUNTS;
	posting->amount = amount_to_points(net);
	recount_purchase(account, posting);
	if (!account->has_purchase || posting->occurred_at < account->first_purchase_at)
		account->first_purchase_at = posting->occurred_at;
	if (!account->has_purchase || posting->occurred_at > account->last_purchase_at)
		account->last_purchase_at = posting->occurred_at;
	account->has_purchase = true;
}

/* Adds the block of lines just written to what the posting knows. */
static void
posting_add_block(Judgement *j, Posting *posting)
{
	if (j->nlines == 0)
		return;
	if (posting->first_entry == 0 && j->last - j->first < PG_INT16_MAX)
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
static struct varlena *
freeze(Batch *batch, AccountState *account, RuleSet *rules, bool uses_member)
{
	struct varlena *facts = uses_member ? event_freeze_facts(batch->reader, rules) : NULL;
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

/* Locks what the event may need of budgets, in the order of their rules. */
static void
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
	int			i;

	for (i = 0; i < match->event->nrows; i++)
	{
		ExecStoreMinimalTuple(match->rows[i].tuple, reader->row_slot, false);
		ResetExprContext(reader->econtext);
		event_match_rules(reader, match->rules, &match->rows[i], reader->row_slot,
						  true, false);
	}
}

/* Revokes all an event has posted: its member or instant is another now. */
static void
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
	if (event->nrows > 0 && event_rules_use_member(batch->source, event->rules))
	{
		MatchMember match = {batch, event->rules, event, event->rows ? event->rows : &event->row};
		EvalError	error;

		event_facts_frozen(batch->reader, posting->facts);
		if (!guarded(batch, match_member_rules, &match, &error))
		{
			failed_event_add(batch, event->key, &error);
			return false;
		}
	}
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
	bool		moved;
	bool		claims;
	const char *why_not = NULL;
	Frac		gross;
	Frac		net;
	int			i;

	/* another member or instant: all is revoked, and the event judged as new */
	moved = before && event->nrows > 0 && !unposts &&
		(member_cmp(batch->program, before->member, event->member) != 0 ||
		 before->occurred_at != event->at);
	if (old_account == NULL)
		old_account = account;
	if (moved)
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

	memset(&j, 0, sizeof(j));
	j.batch = batch;
	j.event = event;
	j.account = account;
	j.rules = rules;
	j.line.source_no = batch->source->source_no;
	j.line.config_version = rules->config_version;
	j.line.event_key = ledger_key(batch, event);

	/* the event does not count among the purchases that its rules see */
	if (before)
		uncount_purchase(old_account, before);
	if (event->posting)
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

	if (uses_member && event->nrows > 0)
	{
		MatchMember match = {batch, rules, event, rows};
		EvalError	error;

		if (event->posting)
			event_facts_frozen(batch->reader, before->facts);
		else
			event_facts_now(batch->reader, batch->ledger, rules, account);
		if (!guarded(batch, match_member_rules, &match, &error))
		{
			if (before)
				recount_purchase(old_account, before);
			failed_event_add(batch, event->key, &error);
			return false;
		}
	}
	if (event->posting == NULL)
		posting->facts = freeze(batch, account, rules, uses_member);
	if (moved && batch->nevents == 1 && !batch->options.dry)
		budget_lock_all(batch);
	if (moved)
		revoke_all(batch, event, before, old_account);

	event_amounts(event, rows, &gross, &net);
	if (unposts)
		why_not = "it has not been posted";
	else if (event->nrows == 0)
		why_not = event->nfound == 0 ? "its rows are gone" :
			"the source's condition does not hold";
	else if (posting->flags & POSTING_BLOCKED)
		why_not = "the member was blocked when it was judged first";
	else if (batch->source->amount >= 0 && frac_sign(net) <= 0)
		why_not = "its amount is not above zero";
	claims = !(batch->options.no_claims && event->posting);
	reserve_budgets(&j, rows, why_not == NULL);
	if (batch->observer)
		judged = palloc0(sizeof(JudgedRule) * Max(1, rules->nrules));
	for (i = 0; i < rules->nunits; i++)
		judge_event_unit(&j, i, rows, gross, net, why_not, claims, posting, judged);
	if ((posting->flags & POSTING_BLOCKED) && event->posting == NULL && event->nrows > 0)
	{
		Movement	nothing;

		memset(&nothing, 0, sizeof(nothing));
		nothing.kind = ENTRY_EARN;
		nothing.unit = rules->units[0].unit_no;
		nothing.from = nothing.occurred_at = event->at;
		nothing.to = INSTANT_NEVER;
		event_sink(&j, &nothing);
	}
	if (batch->source->purchase && why_not == NULL)
		count_purchase(account, posting, net);
	posting_add_block(&j, posting);
	if (batch->observer)
		batch->observer(batch->observer_arg, batch, account, event, judged, rules->nrules,
						why_not);
	if (j.nlines > 0)
		batch->nposted++;
	account->dirty = true;

	/* debt is repaid by what became available; other lapses wait for the end */
	if (j.nlines > 0 && account->next_due <= account->now)
	{
		bool		owes = false;

		for (i = 0; i < account->core.npieces && account->core.pieces[i].to == DEBT_TO; i++)
			owes |= account->core.pieces[i].points < 0;
		if (owes)
			account_bring_to(batch->ledger, account, account->now);
	}
	return true;
}
