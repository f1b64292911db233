/*-------------------------------------------------------------------------
 *
 * trigger.h
 *	  What the files share that make up the triggers on sources.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_TRIGGER_H
#define LOYALTY_TRIGGER_H

#include "access/tupconvert.h"
#include "commands/trigger.h"
#include "utils/tuplestore.h"

#include "engine/batch.h"

/* one call of a trigger */
typedef struct Call
{
	TriggerData *data;
	Program    *program;
	SourceConfig *source;
	Batch	   *batch;
	TupleConversionMap *map;	/* to the root table's format, or NULL */
	TupleTableSlot *root_slot;
	bool		nested;			/* it follows a deeper call for the source */
} Call;

/* -------- trigger_rows.c -------- */

/* a transition table being read, with a read pointer of our own */
typedef struct Transition
{
	Call	   *call;
	Tuplestorestate *store;
	int			pointer;
	TupleTableSlot *slot;
} Transition;

extern void open_transition(Transition *transition, Call *call, Tuplestorestate *store);
extern void close_transition(Transition *transition);

/* a RowFeed's next and rewind over a Transition: rows in the root table's format */
extern bool next_row(void *arg, TupleTableSlot **slot);
extern void rewind_rows(void *arg);

/* A row in the format of the root table. */
extern TupleTableSlot *root_row(Call *call, TupleTableSlot *slot);

/*
 * The key of the event that a row belongs to, or reduces; NULL if there is
 * none.  A key expression that fails leaves nothing to queue the row under.
 */
extern Datum *row_event_key(Call *call, EventReader *reader, TupleTableSlot *slot);

/* Remembers the events of all rows of a transition table. */
extern void add_keys(Call *call, EventReader *reader, Tuplestorestate *store, bool deleted);

/*
 * Whether any pair of rows differs in what the source reads.  Most updates of
 * a shop do not concern us, and should cost a comparison and nothing else.
 */
extern bool any_pair_changed(Call *call);

/* Pairs old and new rows, which stand in the same order. */
extern void add_changed_pairs(Call *call, EventReader *reader);

/* Whether a source's keys say directly which rows, so that pairs can move. */
extern bool rows_are_events(const SourceConfig *source);

/* -------- trigger_memory.c -------- */

/*
 * Whether a deeper call for the source has run since the last one at this
 * depth: a row trigger of the application may have changed the very rows that
 * the transition table shows as they were.
 */
extern bool follows_deeper_call(Oid pin);

/*
 * Keys of rows that left a partition: source_moved notes them, the statement
 * triggers that know the rows take them off again, and what is left over is
 * read anew.
 */
extern void note_moved_key(Call *call, const Datum *key);
extern void forget_moved_key(Call *call, const Datum *key);
extern void take_moved_keys(Call *call);
/* of any source, and of the call's */
extern bool any_moved_keys(void);
extern bool has_moved_keys(const Call *call);

/*
 * Adds the keys of all rows that this transaction has written.  This is how
 * rows are found that MERGE has moved to another partition: no trigger is told
 * where they went.
 */
extern void add_own_rows(Call *call, EventReader *reader);

#endif							/* LOYALTY_TRIGGER_H */
