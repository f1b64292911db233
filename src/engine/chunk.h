/*-------------------------------------------------------------------------
 *
 * chunk.h
 *	  What the files share that post a batch chunk by chunk.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_CHUNK_H
#define LOYALTY_CHUNK_H

#include "engine/batch.h"

/* events of a chunk: new ones, and those whose accounts stay in memory */
#define CHUNK_NEW_EVENTS		300000
#define CHUNK_CHANGED_EVENTS	20000

/* a member that an event names */
typedef struct MemberInstant
{
	Datum		member;
	TimestampTz joined_at;		/* of the first event in order of arrival;
								 * DT_NOEND: does not enrol */
	uint32		ord;
	bool		only_pays;		/* nothing is posted to it for the event */
} MemberInstant;

/* members of a batch of several chunks, noted before the first is posted */
typedef struct MemberNotes
{
	Batch	   *batch;
	MemberInstant *members;
	int			nmembers;
	int			capacity;
} MemberNotes;

/* -------- batch.c -------- */

/* Opens the ledger for a chunk, closes it behind. */
extern void open_ledger(Batch *batch);
extern void close_ledger(Batch *batch);
/* Tops up events whose members' tiers were raised by what was posted. */
extern void batch_top_up(Batch *batch);
/* Forgets the chunk's events, to take the next. */
extern void end_chunk(Batch *batch);
/* Evaluates the rules of loaded events, by the configuration each is judged by. */
extern void match_loaded(Batch *batch);

/* -------- members.c -------- */

/*
 * Collects the members of the chunk's events, those of postings included:
 * sorted, each once.  Fills batch->by_member and the events' who.
 */
extern MemberInstant *chunk_members(Batch *batch, int *nmembers);
/* The index of a member among the chunk's sorted members. */
extern int	find_member(Batch *batch, const MemberInstant *members, int nmembers,
						Datum member);
/* Makes accounts for members that have none, if the program enrols by itself. */
extern void enrol(Batch *batch, MemberInstant *members, int nmembers);
/* Notes one more member; keeps them distinct so that memory stays bounded. */
extern void note_member(MemberNotes *notes, Datum member, TimestampTz at);
/* Enrols and locks the noted members, in order. */
extern void lock_noted_members(MemberNotes *notes);

/* -------- chunk.c -------- */

/* Whether a budget may have a say in the chunk. */
extern bool has_budgets(Batch *batch);
/*
 * Posts the chunk's events.  ordered: in order of arrival, with all accounts
 * in memory; else member by member.
 */
extern void post_chunk(Batch *batch, MemberInstant *members, int nmembers, bool ordered);

/* -------- unposted.c -------- */

/*
 * Waits for others who decide about remembered events that have no posting,
 * and makes them wait.  To be called before any account is locked.
 */
extern void lock_unposted_keys(Batch *batch);

/* -------- rows.c -------- */

/* Whether remembered events have reductions that the transaction cannot see. */
extern bool reductions_have_changed(Batch *batch);

#endif							/* LOYALTY_CHUNK_H */
