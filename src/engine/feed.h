/*-------------------------------------------------------------------------
 *
 * feed.h
 *	  What is already there: keys and rows of whole sources, for batches.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_FEED_H
#define LOYALTY_FEED_H

#include "engine/batch.h"

/* An attached source that posts events, or an error that says what is wrong. */
extern SourceConfig *source_of_argument(Program *program, const char *name);

/*
 * Posts all events of the batch's source, piece by piece: those that have rows,
 * and if orphans is set those that have postings only.
 */
extern void feed_all_keys(Batch *batch, bool orphans);

/*
 * Keys of events that have rows, in the order of their instants, within a range
 * (more than those: the batch looks again when it has read them); or of events
 * posted by some configuration versions, rows or no rows.
 */
extern void feed_open_window(KeyFeed *feed, Batch *batch, Instant from, Instant until);
extern void feed_open_versions(KeyFeed *feed, Batch *batch, List *versions);
extern void feed_close(KeyFeed *feed);

/*
 * The query for all columns of the rows of a simple source in a range of
 * instants from $1 until $2 (excluded), followed by those of their postings but
 * for the key, and the lines of the first block.
 */
extern char *feed_scan_query(Program *program, SourceConfig *source);

/* Texts of the keys of a source that wait in failed_event. */
extern List *feed_failed_keys(Program *program, SourceConfig *source);

/*
 * The query for what a backfill has to post: rows and where they are (simple
 * sources) or key columns, in the order of occurred_at, with no posting yet.  $1 is the
 * member if member is set.
 */
extern char *feed_unposted_query(SourceConfig *source, bool rows, bool member);

/* A row of that query's result as a tuple of the table. */
extern HeapTuple feed_row(HeapTuple tuple, TupleDesc desc);

#endif							/* LOYALTY_FEED_H */
