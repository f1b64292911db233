/*-------------------------------------------------------------------------
 *
 * event.h
 *	  From rows of a source to events: who, when, how much, which rules match.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_EVENT_H
#define LOYALTY_EVENT_H

#include "access/htup.h"
#include "nodes/execnodes.h"

#include "engine/ledger.h"
#include "engine/program.h"

/* what one row brings to its event */
typedef struct EventRow
{
	CoreInt128	mantissa;		/* amount = mantissa / 10 ^ scale */
	uint8		scale;
	bool		holds;			/* the source's condition is true, the member
								 * not NULL */
	uint64	   *match;			/* which rules' conditions hold, by index;
								 * match_word if they fit */
	uint64		match_word;
	Frac	   *own;			/* amounts of rules that have their own, NULL if
								 * none has */
	MinimalTuple tuple;			/* the row, if it is needed later, else NULL */
} EventRow;

/* one event of a batch */
typedef struct Event
{
	EventRow	row;			/* the only row, or the first */
	EventRow   *rows;			/* all rows, if there are several; else NULL */
	int32		nrows;			/* 0: the event's rows are gone; -1: nothing is
								 * to be done about it */
	int32		nfound;			/* rows read by key, those that do not count
								 * included: none are left of an orphan */
	bool		failed;			/* an expression failed; it is queued */
	uint32		ord;			/* order of arrival */
	int32		who;			/* its member among those of its chunk */
	Datum	   *key;			/* columns of the posting table's key */
	Datum		member;
	TimestampTz at;
	RuleSet    *rules;			/* that the matches were computed for */
	Frac		reduction;		/* sum of reductions, 0 if none */
	bool		has_witness;	/* see batch_add_key_of */
	Datum		witness;
	Oid			row_table;		/* where a new event's row was read, if it may
								 * have changed since; else InvalidOid */
	ItemPointerData row_tid;
	Posting    *posting;		/* what it was posted as before, NULL if new */
	struct varlena *facts_before;	/* topped up: the posting's before */
	Posting		result;			/* of a new event: what to insert */
	struct Payment *payment;	/* points it is paid with, see pay.h; NULL if its
								 * source knows none */
} Event;

/* what is known of a row before rules are looked at */
typedef struct SourceRow
{
	bool		holds;
	bool		has_member;
	Datum		member;			/* even if the condition does not hold */
	bool		has_at;
	TimestampTz at;
	CoreInt128	mantissa;
	uint8		scale;
} SourceRow;

/* evaluates the expressions of one source over its rows */
typedef struct EventReader
{
	Program    *program;
	SourceConfig *source;
	ExprContext *econtext;
	MemoryContext context;		/* what outlives a row goes here */
	TupleDesc	desc;			/* of the root table */
	MemoryContext slot_context; /* for the slots, made when first used */
	TupleTableSlot *row_slot;	/* see event_row_slot */
	TupleTableSlot *facts;		/* member.*, if it was filled */
	Relation	relation;
	bool		borrowed;		/* it is somebody else's to close */
	PinScope	scope;
	pg_tz	   *tz;
	bool		builtin;
	const char *part;			/* what is being evaluated: "condition", ... */
	const RuleConfig *rule;		/* of this rule; NULL: of the source */
	const char **held;			/* names of tiers the event is judged by */
	const struct TierConfig *tiers; /* by group of these */
	bool		assume_condition;	/* preview: the condition counts as true */
	bool		instant_is_now; /* preview: a missing instant is now */
} EventReader;

extern EventReader *event_reader_open(Program *program, SourceConfig *source);
/* The same if the source's table is open, and stays so; NULL: it is not. */
extern EventReader *event_reader_open_on(Program *program, SourceConfig *source,
										 Relation relation);
extern void event_reader_close(EventReader *reader);

/* The reader's own slot for rows kept as tuples. */
extern TupleTableSlot *event_row_slot(EventReader *reader);

/*
 * Evaluates the source's own expressions over a row in the root table's
 * format.  Errors are the row's: the caller decides what becomes of them.
 */
extern void event_read_row(EventReader *reader, TupleTableSlot *slot, SourceRow *row);

/* Evaluates one expression of the source over the row in the econtext. */
extern Datum event_read_expr(EventReader *reader, int index, bool *isnull);

/* The instant of that row, by the source's occurred_at. */
extern TimestampTz event_read_instant(EventReader *reader, bool *isnull);

/* The key of a row's event, columns copied. */
extern Datum *event_read_key(EventReader *reader, TupleTableSlot *slot);

/* The key of the event that a row of a reducing source reduces; NULL if none. */
extern Datum *event_read_reduced_key(EventReader *reader, TupleTableSlot *slot);

/*
 * Which rules' conditions hold for a row, and their own amounts.  Rules that
 * read member.* are evaluated only if facts are given (the slot reader->facts
 * has been filled).
 */
extern void event_match_rules(EventReader *reader, RuleSet *rules, EventRow *row,
							  TupleTableSlot *slot, bool with_member, bool without_member);

static inline bool
event_row_matches(const EventRow *row, int rule)
{
	const uint64 *words = row->match ? row->match : &row->match_word;

	return (words[rule / 64] >> (rule % 64)) & 1;
}

/* what is being evaluated, for messages; NULL if nothing is */
extern char *event_reader_whereabouts(const EventReader *reader);

/* whether a rule of the set concerns the source at all */
static inline bool
rule_concerns(const RuleConfig *rule, const SourceConfig *source)
{
	return rule->source_no == 0 || rule->source_no == source->source_no;
}

extern Frac event_row_amount(const EventRow *row);

/* event_key.c: an event's key compared, copied, and as one text ("(new)" for none) */
extern int	event_key_cmp(const SourceConfig *source, const Datum *a, const Datum *b);
extern Datum *event_key_copy(const SourceConfig *source, const Datum *key);
extern char *event_key_text(const SourceConfig *source, const Datum *key);
/* the way back; an error that says how a key is written */
extern Datum *event_key_parse(const SourceConfig *source, const char *text);

/*
 * event_facts.c: facts about a member that rules read: filled into reader->facts from the
 * account and the table member, or from what was frozen in a posting.
 */
extern void event_facts_now(EventReader *reader, Ledger *ledger, RuleSet *rules,
							AccountState *account);
extern void event_facts_frozen(EventReader *reader, struct varlena *facts);
/* jsonb of the facts that the source's rules read; NULL if they read none */
extern struct varlena *event_freeze_facts(EventReader *reader, RuleSet *rules);
/*
 * event_tiers.c: the tiers that the member held at the event's instant, by
 * group, from the account or as frozen; as JSON, NULL if there are none.
 */
extern void event_tiers_now(EventReader *reader, Ledger *ledger, AccountState *account,
							Instant at);
extern void event_tiers_frozen(EventReader *reader, const struct TierConfig *tiers,
							   struct varlena *facts);
extern char *event_tiers_json(const EventReader *reader);
/* whether one of them is among a rule's tiers, if it names any */
extern bool event_has_tier(const EventReader *reader, const RuleConfig *rule);
/* whether any rule of the set that concerns the source names tiers */
extern bool event_rules_use_tiers(const SourceConfig *source, const RuleSet *rules);
/* whether any rule of the set that concerns the source reads member.* */
extern bool event_rules_use_member(const SourceConfig *source, const RuleSet *rules);

#endif							/* LOYALTY_EVENT_H */
