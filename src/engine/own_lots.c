/*-------------------------------------------------------------------------
 *
 * own_lots.c
 *	  What an event has in the ledger: its lines, the lots they are in, and
 *	  what becomes of the points there.
 *
 * Points an event is owed go to its lots, points it loses are taken from them.
 * What it once lost to a lapse was excused, or forgiven, does not come twice.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/arrays.h"
#include "engine/judgement.h"

#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "engine/activity.h"
#include "engine/pages.h"
#include "types/zone.h"

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
		j->own = array_grow(CurrentMemoryContext, j->own, sizeof(OwnLine), &j->own_capacity, 8);
	own = &j->own[j->nown++];
	own->rule_no = line->rule_no;
	own->unit = line->movement.unit;
	own->points = line->movement.points;
	own->from = line->movement.from;
	own->to = line->movement.to;
	own->lapsed = line->movement.lapsed;
	own->forgiven = line->movement.forgiven;
	own->occurred_at = line->movement.occurred_at;
	own->entry_no = entry_no;
	own->operation_no = line->operation_no;
}

/* see judgement.h */
void
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

/* Points of a lot that have lapsed unspent and are not yet excused. */
static Points
lapsed_in_lot(Judgement *j, int32 unit, Instant from, Instant to)
{
	const LapsedLot *lot;

	/* a lot that has not ended has lost nothing */
	if (to != INSTANT_ACTIVITY && to > j->account->now)
		return 0;
	lot = account_lapsed_lot(j->batch->ledger, j->account, unit, from, to);
	return lot ? Max(lot->points, 0) : 0;
}

/*
 * Of what an event was excused in a lot, what is still so: a lapse that was
 * undone since, by an activity that came late, excuses nobody.
 */
static Points
still_excused(Judgement *j, int32 unit, Instant from, Instant to, Points excused)
{
	const LapsedLot *lot;

	if (excused <= 0 || to != INSTANT_ACTIVITY)
		return Max(excused, 0);
	lot = account_lapsed_lot(j->batch->ledger, j->account, unit, from, to);
	return lot ? Max(Min(lot->excused, excused), 0) : 0;
}

/* see judgement.h */
void
event_sink(void *arg, const Movement *movement)
{
	Judgement  *j = (Judgement *) arg;

	j->line.movement = *movement;
	j->line.rule_no = movement->tag;
	if (j->first == 0)
		ledger_next_row(j->batch->ledger);
	j->last = ledger_append(j->batch->ledger, j->account, &j->line);
	if (j->first == 0)
		j->first = j->last;
	j->nlines++;

	/* a new event's lines need not be known: it has no earlier ones to weigh */
	if (j->event->posting)
		collect_own_line(j, j->last, &j->line);
}

/* see judgement.h */
Points
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

/* see judgement.h */
Points
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

/* see judgement.h */
int64
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
 * Whether line i of the event put points into a lot that is its rule's own: not
 * if points had been taken from that lot before, then they went back there.
 */
static bool
is_in_own_lot(const Judgement *j, int i)
{
	int			k;

	if (j->own[i].points <= 0)
		return false;
	for (k = 0; k < i; k++)
	{
		if (j->own[k].unit == j->own[i].unit && j->own[k].points < 0 &&
			j->own[k].from == j->own[i].from && j->own[k].to == j->own[i].to)
			return false;
	}
	return true;
}

/* The lot that the lines of a rule say is its own; false if none does. */
static bool
posted_lot(const Judgement *j, int32 unit_no, int32 rule_no, Instant *from, Instant *to)
{
	int			i;

	for (i = 0; i < j->nown; i++)
	{
		if (j->own[i].unit == unit_no && j->own[i].rule_no == rule_no && is_in_own_lot(j, i))
		{
			*from = j->own[i].from;
			*to = j->own[i].to;
			return true;
		}
	}
	return false;
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

/* see judgement.h */
void
rule_lot(Judgement *j, const RuleConfig *rule, Instant *from, Instant *to)
{
	const UnitConfig *unit = &j->rules->units[rule->unit];
	const Period *activates = rule->activates.kind ? &rule->activates : &unit->activates;
	const Period *expires = rule->expires.kind ? &rule->expires : &unit->expires;
	Zone		zone;

	/* points the rule has in the event already say where the others go */
	if (posted_lot(j, unit->unit_no, rule->rule_no, from, to))
		return;
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

/* a lot of the event, and what is missing there of what its rules hold */
typedef struct EventLot
{
	Instant		from;
	Instant		to;
	Points		missing;
} EventLot;

/* Finds a lot among those of an event, adding it if it is not there. */
static EventLot *
find_event_lot(EventLot *lots, int *nlots, Instant from, Instant to)
{
	int			i;

	for (i = 0; i < *nlots; i++)
	{
		if (lots[i].from == from && lots[i].to == to)
			return &lots[i];
	}
	lots[i].from = from;
	lots[i].to = to;
	lots[i].missing = 0;
	(*nlots)++;
	return &lots[i];
}

/*
 * The lots of an event in a unit, in the order in which it came to them, and
 * how much less it has in each than those of its rules hold whose own it is: so
 * much was taken there for others, or, where it is no rule's own, for any.
 */
static int
event_lots(Judgement *j, int32 unit_no, EventLot *lots)
{
	int			nlots = 0;
	int			i;
	int			k;

	for (i = 0; i < j->nown; i++)
	{
		const OwnLine *own = &j->own[i];

		if (own->unit == unit_no)
			find_event_lot(lots, &nlots, own->from, own->to)->missing -=
				own->points - own->lapsed - own->forgiven;
	}
	for (i = 0; i < j->nown; i++)
	{
		int32		rule_no = j->own[i].rule_no;
		RuleConfig *rule = rules_rule(j->rules, rule_no);
		Points		held;
		Instant		from;
		Instant		to;

		/* once for each rule */
		for (k = 0; k < i && (j->own[k].unit != unit_no || j->own[k].rule_no != rule_no);)
			k++;
		if (k < i || j->own[i].unit != unit_no)
			continue;
		held = held_points(j, unit_no, rule_no);
		if (held == 0)
			continue;
		if (rule != NULL)
			rule_lot(j, rule, &from, &to);
		else if (!posted_lot(j, unit_no, rule_no, &from, &to))
			continue;
		find_event_lot(lots, &nlots, from, to)->missing += held;
	}
	return nlots;
}

/*
 * Whether a lot that points of the event were taken from is over, or has been
 * since: then they do not go back there.
 */
static bool
is_over_since(Judgement *j, int32 unit_no, Instant from, Instant to)
{
	Instant		since = INSTANT_ALWAYS;
	int			i;

	for (i = 0; i < j->nown; i++)
	{
		if (j->own[i].unit == unit_no && j->own[i].from == from && j->own[i].to == to &&
			j->own[i].points < 0)
			since = Max(since, j->own[i].occurred_at);
	}
	return activity_is_over(j->batch->ledger, j->account, unit_no, from, to, since);
}

/* What rules that are still to be given points will use up of a lot that is their own. */
static Points
wanted_in_lot(const Judgement *j, Instant from, Instant to)
{
	Points		points = 0;
	int			i;

	for (i = 0; i < j->nwanted; i++)
	{
		if (j->wanted[i].from == from && j->wanted[i].to == to)
			points += j->wanted[i].points;
	}
	return points;
}

/* see judgement.h */
void
give(Judgement *j, const UnitConfig *unit, int32 rule_no, Points points, Instant from,
	 Instant to)
{
	AccountState *account = j->account;
	int32		unit_no = unit->unit_no;
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
		if (j->own[i].unit == unit_no)
			forgiven += j->own[i].forgiven;
	}
	if (nown > 0)
	{
		Points		lapsed;

		sum_own_lines(j, unit_no, from, to, &in_lot, &lapsed);
		excused = still_excused(j, unit_no, from, to, lapsed);
	}

	/* then what was excused in lots of others of its rules, if they leave any */
	for (i = 0; i < nown && points > excused; i++)
	{
		OwnLine		own = j->own[i];
		Points		lapsed;
		Movement	m;

		if (own.unit != unit_no || (own.from == from && own.to == to) || !first_of_lot(j, i))
			continue;
		sum_own_lines(j, unit_no, own.from, own.to, &in_lot, &lapsed);
		lapsed = still_excused(j, unit_no, own.from, own.to, lapsed) -
			wanted_in_lot(j, own.from, own.to);
		if (lapsed <= 0)
			continue;
		memset(&m, 0, sizeof(m));
		m.kind = ENTRY_EARN;
		m.unit = unit_no;
		m.from = own.from;
		m.to = own.to;
		m.occurred_at = occurred_at;
		m.lapsed = -Min(lapsed, points - excused);
		m.tag = rule_no;
		points += m.lapsed;
		event_sink(j, &m);
	}
	forgiven = Max(forgiven, 0);

	/* what was taken elsewhere; what is missing in its own lot comes there anyway */
	if (nown > 0)
	{
		EventLot   *lots = palloc(sizeof(EventLot) * j->nown * 2);
		int			nlots = event_lots(j, unit_no, lots);

		taken = palloc(sizeof(TakenLot) * j->nown * 2);
		for (i = 0; i < nlots; i++)
		{
			if (lots[i].missing <= 0 || (lots[i].from == from && lots[i].to == to) ||
				is_over_since(j, unit_no, lots[i].from, lots[i].to))
				continue;
			taken[ntaken].from = lots[i].from;
			taken[ntaken].to = lots[i].to;
			taken[ntaken++].points = lots[i].missing;
		}
		pfree(lots);
	}

	/*
	 * What is only used up is no activity.  All lines of the event are one: to
	 * note it again would repay debt from what only the first of them gave.
	 */
	if (unit->expires.kind == PERIOD_ACTIVITY && points > excused &&
		points - excused > forgiven && !j->noted)
	{
		activity_note(j->batch->ledger, account, unit_no, occurred_at);
		j->noted = true;
	}
	if (points > 0)
		core_check(account_give(&account->core, unit_no, points, from, to,
								excused, forgiven, taken, ntaken,
								occurred_at, rule_no, event_sink, j));
	/* what goes back to other lots is due when they are */
	for (i = 0; i < ntaken; i++)
		account_lower_due(account, unit_no, taken[i].from, taken[i].to);
	if (ntaken > 0)
		account_find_due_later(account);
}

/* Brings in from pages what taking points back may need. */
static void
bring_in_lots(Judgement *j, int32 unit_no, Points points, const OwnLot *lots, int nlots)
{
	Ledger	   *ledger = j->batch->ledger;
	Points		own = 0;
	int			i;

	for (i = 0; i < nlots; i++)
	{
		pages_bring_in_lot(ledger, j->account, lots[i].from, lots[i].to);
		own += Min(lots[i].lapsed, lots[i].share);
		own += Min(account_lot_points(&j->account->core, unit_no, lots[i].from, lots[i].to),
				   lots[i].share);
	}
	if (own < points)
		pages_bring_in_all(ledger, j->account);
}

/* Adds a lot to those that points of an event are taken back from, if it is not there. */
static void
add_own_lot(Judgement *j, int32 unit_no, Instant from, Instant to, OwnLot *lots, int *nlots)
{
	OwnLot	   *lot = &lots[*nlots];
	int			i;

	for (i = 0; i < *nlots; i++)
	{
		if (lots[i].from == from && lots[i].to == to)
			return;
	}
	lot->from = from;
	lot->to = to;
	lot->share = 0;
	for (i = 0; i < j->nown; i++)
	{
		if (j->own[i].unit == unit_no && j->own[i].from == from && j->own[i].to == to)
			lot->share += j->own[i].points - j->own[i].lapsed - j->own[i].forgiven;
	}
	lot->share = Max(lot->share, 0);
	lot->lapsed = lapsed_in_lot(j, unit_no, from, to);
	(*nlots)++;
}

/* see judgement.h */
void
take_back(Judgement *j, const UnitConfig *unit, int32 rule_no, Points points)
{
	OwnLot	   *lots = palloc(sizeof(OwnLot) * (j->nown + 1));
	Instant		from;
	Instant		to;
	int			nlots = 0;
	int			i;

	/* the rule's own lot first, then those of the event's other rules */
	if (posted_lot(j, unit->unit_no, rule_no, &from, &to))
		add_own_lot(j, unit->unit_no, from, to, lots, &nlots);
	for (i = 0; i < j->nown; i++)
	{
		if (j->own[i].unit == unit->unit_no && j->own[i].points > 0)
			add_own_lot(j, unit->unit_no, j->own[i].from, j->own[i].to, lots, &nlots);
	}
	if (j->account->paged)
		bring_in_lots(j, unit->unit_no, points, lots, nlots);
	core_check(account_take_back(&j->account->core, unit->unit_no, points, lots, nlots,
								 unit->forgive, j->account->now, rule_no, event_sink, j));
	pfree(lots);
}
