/*-------------------------------------------------------------------------
 *
 * judging.c
 *	  Judges one event in one unit, against what it holds.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/judgement.h"

#include "engine/activity.h"

/*
 * Notes what rules are about to be given in which lots, where lapsed points may
 * be used up for it: each is to use up what its own lot lost before others do.
 */
static void
note_wanted(Judgement *j, const UnitConfig *unit, const int *index, const Points *delta,
			int nterms)
{
	bool		lapsed = false;
	int			i;

	for (i = 0; i < j->nown; i++)
		lapsed |= j->own[i].unit == unit->unit_no && j->own[i].lapsed != 0;
	if (!lapsed || nterms < 2)
		return;
	j->wanted = palloc0(sizeof(LapsedLot) * nterms);
	j->nwanted = nterms;
	for (i = 0; i < nterms; i++)
	{
		if (delta[i] <= 0)
			continue;
		rule_lot(j, &j->rules->rules[index[i]], &j->wanted[i].from, &j->wanted[i].to);
		j->wanted[i].points = delta[i];
	}
}

/* Whether two rules name the same tiers. */
static bool
same_tiers(const RuleConfig *a, const RuleConfig *b)
{
	int			i;

	for (i = 0; i < a->ntiers && a->ntiers == b->ntiers; i++)
	{
		if (strcmp(a->tiers[i], b->tiers[i]) != 0)
			return false;
	}
	return a->ntiers == b->ntiers;
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
		same_tiers(a, b) && a->needs_pin == b->needs_pin &&
		(a->pin ? a->pin->viewid : InvalidOid) == (b->pin ? b->pin->viewid : InvalidOid);
}

/* see judgement.h */
bool
is_given_back(const Judgement *j, int32 rule_no)
{
	return j->claimed &&
		(j->claimed->tz != j->rules->tz ||
		 !rule_is_same(rules_rule(j->claimed, rule_no), rules_rule(j->rules, rule_no)));
}

/* The room that a rule has for an event, and how short of it it was before. */
static void
find_room(Judgement *j, const RuleConfig *rule, int32 unit_no, JudgeTerm *term, bool claims,
		  JudgedRule *judged)
{
	Batch	   *batch = j->batch;
	Event	   *event = j->event;
	bool		released;
	int			k;

	term->room = POINTS_MAX;
	if (rule->cap_period == CALENDAR_NONE && !rule->has_budget)
		return;
	if (!claims)
		term->room = 0;
	else if (j->account)
	{
		if (rule->cap_period != CALENDAR_NONE)
			term->room = cap_room(batch, j->account, rule, j->rules, event->at);
		if (rule->has_budget)
		{
			Points		room = budget_room(batch, rule);

			if (judged)
			{
				judged->cap_room = term->room;
				judged->budget_room = room;
			}
			term->room = Min(term->room, room);
		}
		else if (judged)
			judged->cap_room = term->room;
	}
	released = is_given_back(j, rule->rule_no);
	if (released)
		term->room -= term->held;

	/* what an operation took comes back, whoever has the room now */
	if (batch->options.undoes && event->posting)
		term->room = -operation_points(j, unit_no, rule->rule_no, batch->options.undoes);
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

/*
 * Whether rules with a cap or a budget, judged as if there were room without
 * end, pay just what the event holds of them: then they claim nothing, and how
 * much room there is has no say.  What was short stays so only if it wants what
 * it wanted then.
 */
static bool
is_settled(const Judgement *j, const JudgeTerm *terms, const int *index, const int32 *rule_no,
		   const Points *held, int nterms, int n)
{
	int			i;

	for (i = 0; i < n; i++)
	{
		const JudgeTerm *term = &terms[i];
		const RuleConfig *rule = i < nterms ? &j->rules->rules[index[i]] :
		rules_rule(j->rules, rule_no[i]);
		Frac		exact;

		if (rule == NULL || (rule->cap_period == CALENDAR_NONE && !rule->has_budget))
			continue;
		if (i >= nterms ? held[i] != 0 : term->share != held[i])
			return false;
		if (i >= nterms || !term->was_short)
			continue;
		exact.num = held[i];
		exact.den = POINTS_SCALE;
		if (frac_cmp(term->new_want, term->want) != 0 || frac_cmp(term->exact, exact) != 0)
			return false;
	}
	return true;
}

/* Judges the terms of a unit, again if need be. */
static void
judge_terms(const UnitConfig *unit, JudgeTerm *terms, int nterms, int nrows)
{
	Frac		scratch_inline[16];
	Frac	   *scratch = scratch_inline;
	Points		total;
	int			i;

	if (nterms == 0)
		return;
	if (JUDGE_SCRATCH(nterms, nrows) > lengthof(scratch_inline))
		scratch = palloc(sizeof(Frac) * JUDGE_SCRATCH(nterms, nrows));
	for (i = 0; i < nterms; i++)
	{
		terms[i].is_short = false;
		terms[i].trimmed = 0;
	}
	core_check(judge_unit(&unit->judge, terms, nterms, nrows, scratch, &total));
}

/* A sum, of points that an event holds or is entitled to. */
static Points
sum_points(const Points *points, int n)
{
	Points		sum = 0;
	int			i;

	for (i = 0; i < n; i++)
		core_check(points_add(sum, points[i], &sum) ? CORE_OK : CORE_RANGE);
	return sum;
}

/* Whether a rule pays for the amount. */
static inline bool
is_base(const RuleConfig *rule)
{
	return rule->judge.earn.kind != RATE_FLAT && rule->judge.earn.kind != RATE_MULTIPLIER;
}

/* Why a rule has no say in an event that is entitled to something; NULL if it has one. */
static const char *
why_not_paid(const Judgement *j, const RuleConfig *rule, int index, const EventRow *rows, Frac net)
{
	const Event *event = j->event;
	bool		any = false;
	int			i;

	if (event->at < rule->valid_from || event->at >= rule->valid_until)
		return "not valid at the event's instant";
	if (rule->has_min_amount && frac_cmp(net, rule->min_amount) < 0)
		return "below the minimum amount";
	if (rule->ntiers > 0 && !event_has_tier(j->batch->reader, rule))
		return "the member held none of its tiers";
	for (i = 0; i < event->nrows && !any; i++)
		any = event_row_matches(&rows[i], index);
	if (!any)
		return "its condition does not hold";
	if (rule->amount < 0 && j->batch->source->amount < 0 && is_base(rule))
		return "the source has no amount";
	return NULL;
}

/* Begins what an observer is told of a rule. */
static pg_noinline void
begin_judged(const Judgement *j, const RuleConfig *rule, const char *reason, JudgedRule *judged)
{
	int32		unit_no = j->rules->units[rule->unit].unit_no;

	judged->rule = rule;
	judged->reason = reason;
	judged->amount = FRAC_ZERO;
	judged->cap_room = judged->budget_room = POINTS_MAX;
	judged->held = held_points(j, unit_no, rule->rule_no);
	judged->entry_no = first_line(j, unit_no, rule->rule_no);
}

/* Tells an observer what a rate is applied to. */
static pg_noinline void
add_judged_amounts(JudgedRule *judged, const JudgeTerm *term, int nrows)
{
	int			k;

	for (k = 0; term->amount && k < nrows; k++)
	{
		if (term->match[k])
			core_check(frac_add(judged->amount, term->amount[k], &judged->amount));
	}
}

/* Tells an observer what became of a rule that had a say. */
static pg_noinline void
end_judged(JudgedRule *judged, const JudgeTerm *term, Points held, Points delta)
{
	judged->term = palloc(sizeof(JudgeTerm));
	memcpy((void *) judged->term, term, sizeof(JudgeTerm));
	judged->held = held;
	judged->delta = delta;
}

/* Which rows a rule matches, and what they count for it; net if that is one row's all. */
static pg_noinline void
tell_rows(const Judgement *j, const RuleConfig *rule, int index, const EventRow *rows,
		  Frac gross, Frac net, JudgeTerm *term)
{
	int			nrows = Max(j->event->nrows, 1);
	bool	   *match = palloc(sizeof(bool) * nrows);
	Frac	   *amounts;
	Frac		factor;
	int			k;

	for (k = 0; k < nrows; k++)
		match[k] = event_row_matches(&rows[k], index);
	term->match = match;
	if (!is_base(rule))
		return;
	amounts = palloc(sizeof(Frac) * nrows);
	for (k = 0; k < nrows; k++)
	{
		if (rule->amount < 0)
			amounts[k] = event_row_amount(&rows[k]);
		else
			amounts[k] = rows[k].own && match[k] ? rows[k].own[index] : FRAC_ZERO;
	}

	/* what a reduction takes from the event it takes from each part */
	if (frac_cmp(net, gross) != 0)
	{
		core_check(frac_div(net, gross, &factor));
		for (k = 0; k < nrows; k++)
			core_check(frac_mul(amounts[k], factor, &amounts[k]));
	}
	term->amount = amounts;
}

/* Notes how short of room a rule was, for the next time. */
static pg_noinline void
note_short(Posting *posting, int32 rule_no, const JudgeTerm *term)
{
	ShortItem  *item;

	posting->shorts = posting->shorts ?
		repalloc(posting->shorts, sizeof(ShortItem) * (posting->nshort + 1)) :
		palloc(sizeof(ShortItem));
	item = &posting->shorts[posting->nshort++];
	memset(item, 0, sizeof(ShortItem));
	item->rule_no = rule_no;
	item->want = term->is_short ? term->new_want : term->want;
	item->got = term->is_short ? term->new_got : term->got;
}

/* Finds what room there is to be claimed, or takes it to be without end, and judges again. */
static void
judge_with_room(Judgement *j, const UnitConfig *unit, JudgeTerm *terms, const int *index,
				int nterms, int nrows, bool endless, Points *computed, JudgedRule *judged)
{
	int			i;

	for (i = 0; i < nterms; i++)
	{
		find_room(j, &j->rules->rules[index[i]], unit->unit_no, &terms[i], true,
				  judged ? &judged[index[i]] : NULL);
		if (endless)
			terms[i].room = POINTS_MAX;
	}
	judge_terms(unit, terms, nterms, nrows);
	for (i = 0; i < nterms; i++)
		computed[i] = terms[i].share;
}

/*
 * Less is due without claiming room than the event holds.  What it may still
 * claim stands in for what it holds otherwise; it gets no more by that.
 *
 * Shares move only in the direction of the total, so an event may hold by other
 * rules what it is entitled to by one that never claimed room for it, and that
 * room may be others' meanwhile.  If the event holds what it is due with all the
 * room that there was, nothing about it has changed; a share that ends at its
 * room may have lost a step by that.
 */
static pg_noinline void
judge_standing_in(Judgement *j, const UnitConfig *unit, JudgeTerm *terms, const int *index,
				  int nterms, int nrows, const Points *held, Points *computed, int n,
				  JudgedRule *judged)
{
	Points		holds = sum_points(held, n);
	Points		due;

	judge_with_room(j, unit, terms, index, nterms, nrows, false, computed, judged);
	due = sum_points(computed, n);
	if (due < holds)
	{
		judge_with_room(j, unit, terms, index, nterms, nrows, true, computed, judged);
		due = sum_points(computed, n);
		if (due < holds || due - holds >= unit->judge.step * (Points) nterms)
		{
			judge_with_room(j, unit, terms, index, nterms, nrows, false, computed, judged);
			return;
		}
	}
	if (due > holds)
		memcpy(computed, held, sizeof(Points) * n);
}

/* see judgement.h */
void
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
	int32		rule_no_inline[8];
	bool		match_inline = true;
	bool		both_ways = false;
	int			pass;

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
		const char *reason;

		if (rule->unit != unit_index || !rule_concerns(rule, batch->source))
			continue;
		reason = why_not ? why_not : why_not_paid(j, rule, i, rows, net);
		if (unlikely(judged != NULL))
			begin_judged(j, rule, reason, &judged[i]);
		if (reason)
			continue;

		term = &terms[nterms];
		memset(term, 0, sizeof(JudgeTerm));
		term->rule = &rule->judge;
		index[nterms++] = i;
		if (likely(nrows == 1 && (rule->amount < 0 || !is_base(rule))))
		{
			term->match = &match_inline;
			term->amount = is_base(rule) ? &net : NULL;
		}
		else
			tell_rows(j, rule, i, rows, gross, net, term);
		if (unlikely(judged != NULL))
			add_judged_amounts(&judged[i], term, nrows);
		term->held = j->nown > 0 ? held_points(j, unit->unit_no, rule->rule_no) : 0;
		term->room = POINTS_MAX;
		if (rule->cap_period != CALENDAR_NONE || rule->has_budget)
			find_room(j, rule, unit->unit_no, term, claims, judged ? &judged[i] : NULL);
	}

	judge_terms(unit, terms, nterms, nrows);

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

	if (unlikely(!claims) && j->account && sum_points(computed, n) < sum_points(held, n))
		judge_standing_in(j, unit, terms, index, nterms, nrows, held, computed, n, judged);
	if (unlikely(j->account == NULL) && claims)
		j->needs_room |= !is_settled(j, terms, index, rule_no, held, nterms, n);
	if (unlikely(j->probes))
	{
		CoreInt128	change = 0;

		for (i = 0; i < n; i++)
			change += computed[i] - held[i];
		j->lowers |= change < 0;
		j->due = sum_points(computed, n);
		return;
	}
	core_check(judge_change(held, computed, n, delta));
	j->nwanted = 0;
	if (j->nown > 0)
		note_wanted(j, unit, index, delta, nterms);
	j->noted = false;

	/*
	 * What is topped up may go from one rule to another.  Room of a cap is
	 * claimed by what its rule holds: then each rule gets what it computed.
	 */
	for (i = 0; unlikely(batch->options.tops_up) && i < nterms; i++)
	{
		if (terms[i].room == POINTS_MAX || held[i] + delta[i] == computed[i])
			continue;
		both_ways = true;
		for (k = 0; k < n; k++)
			delta[k] = computed[k] - held[k];
		break;
	}

	/* what is given comes before what is taken */
	for (pass = 0; pass < (both_ways ? 2 * n : n); pass++)
	{
		RuleConfig *rule;
		Instant		from = 0;
		Instant		to = 0;
		bool		released;
		Points		claim;

		i = pass < n ? pass : pass - n;
		if (both_ways && (delta[i] < 0) != (pass >= n))
			continue;
		rule = i < nterms ? &rules->rules[index[i]] : rules_rule(rules, rule_no[i]);
		released = is_given_back(j, rule_no[i]);
		claim = released ? held[i] + delta[i] : delta[i];

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
		if (unlikely(judged != NULL) && i < nterms)
		{
			JudgedRule *out = &judged[index[i]];

			end_judged(out, &terms[i], held[i], delta[i]);
			out->from = from;
			out->to = to;
		}
		if (delta[i] == 0)
			continue;
		if (delta[i] > 0)
		{
			if (j->nwanted > 0)
				j->wanted[i].points = 0;
			give(j, unit, rule_no[i], delta[i], from, to);
			account_lower_due(j->account, unit->unit_no, from, to);
		}
		else
		{
			take_back(j, unit, rule_no[i], -delta[i]);
			account_find_due_later(j->account);
		}
	}

	/* one that lost its group claims no room, but stays short */
	for (i = 0; i < nterms; i++)
	{
		if (terms[i].is_short || (terms[i].was_short && (terms[i].trimmed & TRIM_GROUP)))
			note_short(posting, rule_no[i], &terms[i]);
	}
}
