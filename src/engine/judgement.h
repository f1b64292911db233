/*-------------------------------------------------------------------------
 *
 * judgement.h
 *	  What the files share that judge one event and post the difference.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_JUDGEMENT_H
#define LOYALTY_JUDGEMENT_H

#include "engine/batch.h"

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
	Instant		occurred_at;
	int64		entry_no;
	int64		operation_no;
} OwnLine;

/* what is being done for one event */
typedef struct Judgement
{
	Batch	   *batch;
	Event	   *event;
	AccountState *account;		/* NULL: one that probes, see needs_room */
	RuleSet    *rules;
	RuleSet    *claimed;		/* by what it claimed room before, if its rules
								 * may be others now; else NULL */
	EntryLine	line;			/* what its lines have in common */

	OwnLine    *own;			/* lines it has */
	int			nown;
	int			own_capacity;
	LapsedLot  *wanted;			/* by rules still to be given points, in their
								 * own lots */
	int			nwanted;
	bool		noted;			/* its activity, in the unit being judged */

	bool		probes;			/* nothing is posted, only seen what would be */
	bool		lowers;			/* it would be less, in some unit */
	bool		needs_room;		/* without an account, room claimed: some limited
								 * rule would not pay just what it does already,
								 * or only so as long as there is no more room */
	Points		due;			/* what it is entitled to in the unit judged last;
								 * left alone if no rule has a say */
	int64		first;			/* block of lines written now */
	int64		last;
	int			nlines;
} Judgement;

/* -------- own_lots.c: what an event has in the ledger -------- */

/* Reads all lines an event has posted. */
extern void read_own_lines(Judgement *j, const Posting *posting);
/* A MovementSink for the event's lines. */
extern void event_sink(void *arg, const Movement *movement);
/* What an event holds of a rule: posted less excused and forgiven. */
extern Points held_points(const Judgement *j, int32 unit_no, int32 rule_no);
/* What an operation has changed in what an event holds of a rule. */
extern Points operation_points(const Judgement *j, int32 unit_no, int32 rule_no,
							   int64 operation_no);
/* The line that first gave an event points of a rule; 0 if none did. */
extern int64 first_line(const Judgement *j, int32 unit_no, int32 rule_no);
/* The range of the lot a rule's points go to. */
extern void rule_lot(Judgement *j, const RuleConfig *rule, Instant *from, Instant *to);
/*
 * Adds points of a rule to the account.  What was excused or forgiven of the
 * event before is used up first, then what was taken elsewhere goes back.
 */
extern void give(Judgement *j, const UnitConfig *unit, int32 rule_no, Points points,
				 Instant from, Instant to);
/* Takes points of a rule back from the account. */
extern void take_back(Judgement *j, const UnitConfig *unit, int32 rule_no, Points points);

/* -------- judging.c: an event in one unit -------- */

/*
 * Judges an event in one unit and posts the difference.  why_not: it is
 * entitled to nothing; judged: what an observer is to be told, or NULL.
 */
extern void judge_event_unit(Judgement *j, int unit_index, const EventRow *rows,
							 Frac gross, Frac net, const char *why_not, bool claims,
							 Posting *posting, JudgedRule *judged);
/*
 * Whether what an event had claimed by a rule has been given back, because the
 * rule is another now.
 */
extern bool is_given_back(const Judgement *j, int32 rule_no);

/* -------- purchases.c: a member's purchases and spend -------- */

/* Takes an event out of the member's purchases and spend, or back in. */
extern void uncount_purchase(AccountState *account, const Posting *posting);
extern void recount_purchase(AccountState *account, const Posting *posting);
/* Counts an event among the member's purchases. */
extern void count_purchase(AccountState *account, Posting *posting, Frac net);

#endif							/* LOYALTY_JUDGEMENT_H */
