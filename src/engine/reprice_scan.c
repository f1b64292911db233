/*-------------------------------------------------------------------------
 *
 * reprice_scan.c
 *	  Events judged again for a report, each for itself.
 *
 * As long as no rule shares room among events, a report needs no order, and of
 * what is posted only how much it is.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/event_scan.h"

/* one source */
typedef struct RepriceScan
{
	EventScan	scan;
	RulesChooser *chooser;
	Tally	   *tally;
} RepriceScan;

/* Whether events can be judged by a set of rules one without the others. */
static bool
each_for_itself(const RuleSet *rules)
{
	int			i;

	for (i = 0; i < rules->nrules; i++)
	{
		if (rules->rules[i].cap_period != CALENDAR_NONE || rules->rules[i].has_budget)
			return false;
	}
	return true;
}

/* see reprice.h */
bool
reprice_can_scan(const Program *program, const SourceConfig *source)
{
	return event_scan_can(source) && each_for_itself(program->rules);
}

/* By what an event is judged; NULL if its rules are not for us. */
static RuleSet *
choose_scanned(void *arg, Batch *batch, const Posting *posting)
{
	RepriceScan *reprice = (RepriceScan *) arg;
	RuleSet    *rules;

	/* what its events claimed by rules of old may now be free for others */
	if (!each_for_itself(program_rules(batch->program, posting->config_version)))
		return NULL;
	rules = choose_rules(reprice->chooser, batch, posting);
	return rules && each_for_itself(rules) ? rules : NULL;
}

/* Adds an event to its member's sums. */
static bool
add_event(void *arg, EventScan *scan)
{
	Tally	   *tally = ((RepriceScan *) arg)->tally;
	TallyMember *sums = tally_member(tally, scan->event.member);
	int			i;

	if (scan->event.nrows > 0)
		sums->events++;
	for (i = 0; i < tally->nunits; i++)
	{
		if (!scan->rules->judged[i])
			continue;
		tally_add(tally, sums->before, tally->unit_no[i], scan->held[i]);
		tally_add(tally, sums->after, tally->unit_no[i], scan->due[i]);
	}
	return true;
}

/* see reprice.h */
bool
reprice_scan(Batch *batch, RulesChooser *chooser, Tally *tally)
{
	RepriceScan reprice;
	EventScan  *scan = &reprice.scan;

	memset(&reprice, 0, sizeof(reprice));
	reprice.chooser = chooser;
	reprice.tally = tally;
	scan->batch = batch;
	scan->units = tally;
	scan->claims = true;
	scan->choose_rules = choose_scanned;
	scan->take_event = add_event;
	scan->arg = &reprice;
	if (!event_scan(scan))
		return false;

	/*
	 * An event that is posted only now sees its member as the events before it
	 * leave him, which nobody has looked at.
	 */
	return !scan->unposted ||
		!(scan->uses_member || event_rules_use_member(batch->source, batch->program->rules) ||
		  event_rules_use_tiers(batch->source, batch->program->rules));
}
