/*-------------------------------------------------------------------------
 *
 * event_scan.h
 *	  Events of a whole source judged again, without a look-up for each.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_EVENT_SCAN_H
#define LOYALTY_EVENT_SCAN_H

#include "engine/judgement.h"
#include "engine/match.h"
#include "engine/reprice.h"

/* what events posted by one configuration version are judged by */
typedef struct ScanRules
{
	int32		version;
	RuleSet    *rules;			/* NULL: such events are left alone */
	bool	   *judged;			/* by slot of the tally: the unit is one of theirs */
	bool		uses_member;	/* facts and tiers, of rules of the source */
	bool		uses_tiers;
	bool		uses_lines;		/* what an event holds of a rule has a say */
	RuleSums   *sums;			/* NULL: they have to be judged one by one */
	uint64		generation;		/* of the expressions that are ready */
	MemoryContext matcher_context;
	RuleMatcher *matcher;		/* NULL: they are evaluated one by one */
} ScanRules;

typedef struct EventScan
{
	/* by the caller */
	Batch	   *batch;
	Tally	   *units;			/* whose slots number the units */
	bool		claims;			/* rules with caps or budgets must be settled, or
								 * else the scan fails; if not set they have no
								 * more room than what they pay already */
	bool		ignores_strange;	/* events without rules for them are left, too */
	RuleSet    *(*choose_rules) (void *arg, Batch *batch, const Posting *posting);
	bool		(*take_event) (void *arg, struct EventScan *scan);
	void	   *arg;

	/* the event that take_event is told of: false if it is to be left, too */
	Event		event;			/* nrows 0: its row does not count any more */
	Posting		posting;
	ScanRules  *rules;
	Points	   *held;			/* by slot, of units that are judged */
	Points	   *due;
	bool		counts;			/* among its member's purchases */

	/* events left, by their keys, to batch_post_keys */
	int			nleft;
	bool		unposted;		/* some have no posting, or have moved */
	bool		uses_member;	/* some rules need facts about the member */
	bool		uses_room;		/* some have caps or budgets */

	/* for event_scan.c alone */
	char	   *query;
	MemoryContext event_context;	/* reset for each event */
	TupleTableSlot *slot;		/* the row in the table's format */
	bool		refused;
	List	   *all_rules;		/* of ScanRules */
	Judgement	j;
} EventScan;

/* Whether the events of a source are simple enough. */
extern bool event_scan_can(const SourceConfig *source);

/*
 * Judges the events of a batch's source within its window that have rows, but
 * for those left to the batch, by key, in no order.  Nothing is written.  False
 * if that cannot be done after all, or if a row's expressions fail: then the
 * batch is of no more use.
 */
extern bool event_scan(EventScan *scan);

#endif							/* LOYALTY_EVENT_SCAN_H */
