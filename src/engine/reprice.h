/*-------------------------------------------------------------------------
 *
 * reprice.h
 *	  Events judged again by the present configuration.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_REPRICE_H
#define LOYALTY_REPRICE_H

#include "engine/batch.h"

/* -------- tally.c: what members' events have earned and would earn -------- */

/* one member; sums by unit slot, see Tally */
typedef struct TallyMember
{
	Datum		member;
	uint32		hash;
	char		status;
	char		standing;		/* the caller's */
	int64		events;			/* that were judged */
	Points	   *before;
	Points	   *after;
} TallyMember;

typedef struct Tally
{
	Program    *program;
	MemoryContext context;
	struct tallies_hash *members;
	int			nunits;			/* a slot for each unit there is or has been */
	int32	   *unit_no;
	int		   *slot_of;		/* by unit_no */
	int			max_unit_no;
} Tally;

extern Tally *tally_create(Program *program);

/* A member's sums, made if there are none. */
extern TallyMember *tally_member(Tally *tally, Datum member);

static inline void
tally_add(Tally *tally, Points *sums, int32 unit_no, Points points)
{
	Points	   *sum = &sums[tally->slot_of[unit_no]];

	core_check(points_add(*sum, points, sum) ? CORE_OK : CORE_RANGE);
}

/*
 * Rows (member_id text, unit text, events bigint, before numeric, after numeric,
 * difference numeric) of members and units with a difference, in their order.
 */
extern void tally_report(Tally *tally, ReturnSetInfo *result);

/* -------- reprice_rules.c: by what events are judged again -------- */

/* how one configuration version is replaced */
typedef struct RulesChoice
{
	int32		before;			/* posted by this version, 0: not posted */
	int32		after;			/* of rules */
	RuleSet    *rules;			/* NULL: the event is to have no posting */
} RulesChoice;

typedef struct RulesChooser
{
	Program    *program;
	bool		apply;			/* new versions are begun */
	bool		undo;			/* versions without a choice stay */
	int32		rule_no;		/* only this rule is as it is now; 0: all are */
	List	   *choices;		/* of RulesChoice */
	bool		mixed;			/* a version was begun that is not as it is now */
} RulesChooser;

/* for Batch.choose_rules; arg is a RulesChooser */
extern RuleSet *choose_rules(void *arg, Batch *batch, const Posting *posting);

/* Whether the rules with caps or budgets of a source are the same in both. */
extern bool claims_alike(const RuleSet *a, const RuleSet *b, const SourceConfig *source);

/* Ends the choice: what comes next is judged by the configuration as it is. */
extern void choose_rules_end(RulesChooser *chooser);

/* Which versions postings of a source have. */
extern List *posted_versions(Program *program, const SourceConfig *source, bool read_only);

/* -------- reprice_sums.c: rules that match the same events, added up -------- */

/* what rules of a unit pay together */
typedef struct UnitSum
{
	bool		usable;			/* else they have to be judged */
	JudgeSum	sum;
} UnitSum;

typedef struct RuleSums RuleSums;

/* NULL if there are too many rules. */
extern RuleSums *sums_create(RuleSet *rules, const SourceConfig *source);

/*
 * Of an event of one row what the rules pay whose conditions hold, by unit of
 * the set; good until the next call.
 */
extern const UnitSum *sums_find(RuleSums *sums, const EventReader *reader, uint64 match,
								Instant at, Frac amount);

/* -------- reprice.c -------- */

/*
 * Undoes an operation of kind "reprice": its events are judged as before, and
 * get back, of what is limited, what it took.  Returns the number of the new
 * operation.
 */
extern int64 reprice_undo(Program *program, int64 operation_no, const char *reason,
						   const char *key);

/* -------- reprice_scan.c -------- */

/*
 * Judges the events of a dry batch's source within its window and adds them to
 * the tally, but for some whose keys the batch remembers.  False if that is not
 * possible after all, or if a row's expressions fail: then batch and tally are
 * of no more use.
 */
extern bool reprice_scan(Batch *batch, RulesChooser *chooser, Tally *tally);

#endif							/* LOYALTY_REPRICE_H */
