/*-------------------------------------------------------------------------
 *
 * reprice_scan.c
 *	  Events judged again for a report, each for itself.
 *
 * A report needs of what is posted only how much it is, and no order as long as
 * no room of caps and budgets changes hands: rules that have any are as they
 * were, and pay each event what it holds of them.
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

/* Whether rules of a source have caps or budgets. */
static bool
claims_any(const RuleSet *rules, const SourceConfig *source)
{
	int			i;

	for (i = 0; i < rules->nrules; i++)
	{
		const RuleConfig *rule = &rules->rules[i];

		if (rule_concerns(rule, source) &&
			(rule->cap_period != CALENDAR_NONE || rule->has_budget))
			return true;
	}
	return false;
}

/* By what an event is judged; NULL if its rules are not for us. */
static RuleSet *
choose_scanned(void *arg, Batch *batch, const Posting *posting)
{
	RepriceScan *reprice = (RepriceScan *) arg;
	RuleSet    *rules = choose_rules(reprice->chooser, batch, posting);

	/* what its events claimed by rules of old may now be free for others */
	return rules && claims_alike(program_rules(batch->program, posting->config_version), rules,
								 batch->source) ? rules : NULL;
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
	RuleSet    *now;

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
	 * leave him, which nobody has looked at; and it takes room in its turn.
	 */
	now = batch->program->rules;
	if (scan->unposted &&
		(scan->uses_member || event_rules_use_member(batch->source, now) ||
		 event_rules_use_tiers(batch->source, now)))
		return false;
	return scan->nleft == 0 || !(scan->uses_room || claims_any(now, batch->source));
}
