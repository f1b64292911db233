/*-------------------------------------------------------------------------
 *
 * batch.h
 *	  Events of one source, posted together: the way from rows to the ledger.
 *
 * There is one way to an entitlement: what is an event entitled to now, less
 * what it has posted.  New rows bring their events with them; everything else
 * names keys, whose rows are read as they are now.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_BATCH_H
#define LOYALTY_BATCH_H

#include "access/htup.h"

#include "engine/event.h"
#include "engine/ledger.h"

/* how a batch treats what it finds */
/* where rows come from that events are posted by, see unposted.c */
typedef enum RowsFrom
{
	ROWS_UNKNOWN,				/* nobody waits for anybody */
	ROWS_NEW,					/* this statement has inserted them */
	ROWS_CHANGED,				/* it has changed or deleted them */
	ROWS_REDUCING,				/* it has written rows of a reducing source */
	ROWS_OF_OTHERS				/* they were there: a backfill, or the like */
} RowsFrom;

typedef struct BatchOptions
{
	bool		dry;			/* judge only: nothing locked, nothing written */
	bool		no_claims;		/* events posted before claim no room (reconcile) */
	bool		reprices;		/* see reprice.c: choose_rules says by what events
								 * are judged, and what was claimed of rules that
								 * are others now has been given back before */
	int64		undoes;			/* operation whose repricing is undone, 0: none */
	bool		raise_errors;	/* rows that fail raise, whatever on_error says */
	bool		enrol_always;	/* enrol unknown members, grant what is older than
								 * they are (backfill of one member) */
	bool		keep_orphans;	/* events without rows keep what they have */
	bool		judge_orphans;	/* they do not even if their source says so */
	bool		assume_condition;	/* preview: the source's condition is true */
	bool		instant_is_now; /* preview: a missing instant is now */
	bool		history;		/* backfill: events are posted by instant, and
								 * points that rows were paid with are taken at
								 * their instant, as far as they were there */
	bool		tops_up;		/* events posted before, by higher tiers */
	bool		own_rows;		/* this statement has written the rows, so that
								 * nobody else can change them meanwhile */
	RowsFrom	rows_from;
	Relation	relation;		/* the source's table if it is open already */
	int64		operation_no;	/* of the lines, 0: none */
} BatchOptions;

/* an event that is to be read by its key */
typedef struct PendingKey
{
	Datum	   *key;
	bool		has_member;		/* the row named a member before the change */
	Datum		member;
	bool		unposted;		/* has no posting, as far as can be seen */
} PendingKey;

/* what became of one rule in a judgement */
typedef struct JudgedRule
{
	const RuleConfig *rule;		/* NULL: the rule does not concern the source */
	const JudgeTerm *term;		/* NULL: the rule was no candidate; its in-fields
								 * match and amount are gone */
	const char *reason;			/* why not */
	Frac		amount;			/* what a rate is applied to */
	Points		cap_room;		/* room left of the member's cap, POINTS_MAX if
								 * there is none or it was not looked at */
	Points		budget_room;	/* likewise */
	Points		held;			/* before this judgement */
	Points		delta;
	int64		entry_no;		/* first line that gave what is held, 0: none */
	Instant		from;
	Instant		to;
} JudgedRule;

struct Batch;

/*
 * Told of each event judged, see explain.c.
 * Of an event that is not judged at all it is told why; then account and rules
 * are NULL.
 */
typedef void (*JudgeObserver) (void *arg, struct Batch *batch, AccountState *account,
							   Event *event, const JudgedRule *rules, int nrules,
							   const char *why_not);

typedef struct Batch
{
	Program    *program;
	SourceConfig *source;
	BatchOptions options;
	MemoryContext context;		/* lives as long as the batch */
	MemoryContext chunk;		/* reset for each chunk of events */
	Ledger	   *ledger;			/* open while events are posted */
	EventReader *reader;
	JudgeObserver observer;
	void	   *observer_arg;
	/* what a preview would pay; why_not NULL: it can */
	void		(*pay_observer) (void *arg, const UnitConfig *unit, Points points,
								 const char *why_not);
	LineObserver line_observer; /* told of each line of the ledger */
	void	   *line_observer_arg;

	/* events of the chunk, in order of arrival */
	Event	   *events;
	int			nevents;
	int			capacity;

	/* the events member by member: indexes into events */
	uint32	   *by_member;
	int			nby_member;

	/* keys whose events must be read again, in order of arrival */
	MemoryContext key_context;	/* NULL until there are any */
	PendingKey *keys;
	int			nkeys;
	int			keys_capacity;

	/* keys that moved: pairs (old, new) */
	Datum	  **moves;
	int			nmoves;
	int			moves_capacity;

	/* reprice: what an event is judged by, and instants it must lie in */
	RuleSet    *(*choose_rules) (void *arg, struct Batch *batch, const Posting *posting);
	void	   *choose_rules_arg;
	Instant		window_from;	/* included */
	Instant		window_until;	/* excluded */
	bool		gives_back;		/* claims are given back, nothing is posted */

	struct BudgetState *budgets;
	int			nbudgets;
	struct DryState *dry_state; /* see dry.c */

	bool		looks_only;		/* rows are read to learn whom to lock; what
								 * fails will fail again */
	bool		clears_failures;	/* events of the source wait in failed_event */
	List	   *top_ups;		/* see tier_top_up.c */
	int64		nposted;		/* events that posted lines */
	int64		nfailed;		/* rows queued as failed_event */
} Batch;

extern Batch *batch_open(Program *program, SourceConfig *source,
						 const BatchOptions *options);
extern void batch_close(Batch *batch);

/*
 * Takes rows that are new: callback fills a slot with the next row in root
 * format, false at the end; rewind starts over (called when the batch is large
 * enough to be read twice).
 */
typedef struct RowFeed
{
	bool		(*next) (void *arg, TupleTableSlot **slot);
	void		(*rewind) (void *arg);
	void	   *arg;
} RowFeed;

extern void batch_post_new_rows(Batch *batch, RowFeed *feed);

/*
 * Remembers an event by key; batch_post_keys posts all that were remembered.
 * A member that a deleted or changed row named has its account locked even if
 * the event has no posting: somebody may be about to post it from the row as
 * it was.
 */
extern void batch_add_key(Batch *batch, const Datum *key);
extern void batch_add_key_of(Batch *batch, const Datum *key, Datum member);
extern void batch_post_keys(Batch *batch);
/* Puts remembered keys in their own order. */
extern void batch_sort_keys(Batch *batch);

/*
 * Before rows are read that others have written: waits until nobody is about
 * to change or delete one that has no posting, and makes them wait.
 */
extern void batch_lock_unposted_rows(Batch *batch);

/*
 * Enrols and locks the members of all remembered keys, in the order of their
 * ids.  Feed of keys: next adds some to its batch, false at the end; rewind
 * starts over.
 */
typedef struct KeyFeed
{
	Batch	   *batch;
	bool		(*next) (struct KeyFeed *feed);
	void		(*rewind) (struct KeyFeed *feed);
	void	   *arg;
} KeyFeed;

extern void batch_lock_feeds(KeyFeed *feeds, int nfeeds);

/*
 * Gives back what the events of remembered keys have claimed of caps and
 * budgets by rules that choose_rules does not judge them by any more.  Events
 * that cannot be judged keep what they have.
 */
extern void batch_give_back_keys(Batch *batch);

/*
 * Remembers that an event has another key now: batch_post_keys moves its
 * posting, with lots and facts, and judges both keys.
 */
extern void batch_move_key(Batch *batch, const Datum *old_key, const Datum *new_key);

/* Judges events that were put into the chunk by hand (preview). */
extern void batch_post_events(Batch *batch);
extern Event *batch_new_event(Batch *batch);

/* Leaves an event alone, for a reason that an observer is told. */
extern void skip_event(Batch *batch, Event *event, const char *why);

/*
 * evaluate.c: evaluates, for the rows of an event, the rules that do not read member.*.
 * False if an expression failed, which is queued.
 */
extern bool batch_match_event(Batch *batch, Event *event, RuleSet *rules);

/*
 * Runs a function that only evaluates in a subtransaction.  True if it went
 * well; otherwise the error's message and SQLSTATE, unless it is of a kind
 * that is never queued, which is thrown again.
 */
typedef struct EvalError
{
	char	   *sqlstate;
	char	   *message;
} EvalError;

extern bool guarded(Batch *batch, void (*function) (void *arg), void *arg,
					EvalError *error);

/* The same even if the program raises errors: somebody else will do so. */
extern bool attempted(Batch *batch, void (*function) (void *arg), void *arg,
					  EvalError *error);

/* The same without a subtransaction: whatever goes wrong is thrown. */
extern void unguarded(Batch *batch, void (*function) (void *arg), void *arg);

/*
 * Makes the expressions of the source and of a configuration ready, inside
 * guarded(), which has done so for the present one.
 */
extern void prepare_expressions(Batch *batch, RuleSet *rules);

/*
 * posting.c: judges one event and posts the difference.  old_account is that of
 * the member it was posted to before, if another.  False if an expression
 * failed: then nothing has changed, and the event is queued.
 */
extern bool post_event(Batch *batch, Event *event, AccountState *account,
					   AccountState *old_account);

/*
 * Gives back what an event claims of caps and budgets by rules that judge it no
 * more.  False if an expression failed: then nothing has changed.
 */
extern bool give_back_claims(Batch *batch, Event *event, AccountState *account);

/* Whether a rule was the same in two configurations. */
extern bool rule_is_same(const RuleConfig *a, const RuleConfig *b);

/*
 * tier_top_up.c: freezes higher tiers that the member is known by now to have
 * held.  False if there is none: then the event is to be left alone.
 */
extern bool raise_tiers(Batch *batch, Event *event, AccountState *account);

/* moving.c: postings whose events have another key now */
extern void move_postings(Batch *batch);

/*
 * judged.c: what a judgement was, in words and numbers.  What kept a rule from
 * paying more, NULL if nothing did; an exact fraction as a numeric; the end of
 * a lot.
 */
extern char *judged_trims(const JudgedRule *judged);
extern Datum frac_to_numeric(Frac value);
extern Datum judged_lot_end(AccountState *account, int32 unit_no, Instant from, Instant to);

/* budget.c: room of budgets, locked behind the accounts */
extern void budget_lock(Batch *batch);
/* the same even for an event posted alone, before it gives back and claims */
extern void budget_lock_all(Batch *batch);
/* before an event posted alone is judged, for each budget it may move, in the
 * order of rule numbers: need is what it may claim at most */
extern void budget_reserve(Batch *batch, int32 rule_no, Points need);
extern Points budget_room(Batch *batch, const RuleConfig *rule);
extern void budget_claim(Batch *batch, int32 rule_no, Points points);
extern void budget_save(Batch *batch);

/* caps.c: room of a member's caps */
extern Points cap_room(Batch *batch, AccountState *account, const RuleConfig *rule,
					   RuleSet *rules, Instant at);
/* rule: as of the event's configuration, NULL: it was not enabled */
extern void cap_claim(Batch *batch, AccountState *account, int32 rule_no,
					  const RuleConfig *rule, RuleSet *rules, Instant at, Points points);

/*
 * dry.c: what dry batches would write and read again.  Several of them share a
 * state made by dry_create; a batch without one makes its own.
 *
 * Usage of a cap in an earlier span, and what is claimed of a budget: NULL if
 * there is nothing and create is false.  Accounts: what events change of them
 * besides lots.
 */
extern struct DryState *dry_create(Program *program);
extern Points *dry_usage(Batch *batch, Datum member, int32 rule_no, Instant span,
						 bool create);
extern Points *dry_budget(Batch *batch, int32 rule_no);
extern void dry_keep_account(Batch *batch, const AccountState *account);
extern AccountState *dry_account(Batch *batch, Datum member, AccountState *account);

/* failed.c: rows that could not be judged */
extern void failed_event_add(Batch *batch, const Datum *key, const EvalError *error);
extern void failed_event_clear(Batch *batch, const Datum *key);
extern bool failed_events_exist(Batch *batch);

/*
 * rows.c: the rows of events by key, and what other sources' rows take from
 * them.
 */
extern void read_event_rows(Batch *batch, Event *events, int nevents);
extern void read_event_reductions(Batch *batch, Event *events, int nevents);

/* rows that are at hand: which event each belongs to; in order of events */
typedef struct FoundRow
{
	int			event;			/* index into the events, from 0 */
	HeapTupleData tuple;
} FoundRow;

extern void take_event_rows(Batch *batch, Event *events, FoundRow *rows, int nrows);

#endif							/* LOYALTY_BATCH_H */
