/*-------------------------------------------------------------------------
 *
 * lines.h
 *	  Parts of queries about which lines of the ledger belong to which events.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_LINES_H
#define LOYALTY_LINES_H

/*
 * The lines that the postings of one source name: a format for the source's
 * number, its posting table and a condition " AND ..." on the posting, p.  Most
 * postings name one line, and the later ones are few.
 */
#define POSTING_LINES \
	"SELECT %1$s AS source_no, p.member_id, p.occurred_at AS event_at," \
	" p.first_entry AS entry_no FROM %2$s AS p" \
	" WHERE p.first_entry IS NOT NULL AND p.entries = 1%3$s" \
	" UNION ALL SELECT %1$s, p.member_id, p.occurred_at," \
	" generate_series(p.first_entry, p.first_entry + p.entries - 1)" \
	" FROM %2$s AS p WHERE p.entries > 1%3$s" \
	" UNION ALL SELECT %1$s, p.member_id, p.occurred_at," \
	" generate_series(p.later[i], p.later[i + 1]) FROM %2$s AS p" \
	" CROSS JOIN LATERAL generate_series(1, cardinality(p.later), 2) AS i" \
	" WHERE p.later IS NOT NULL%3$s"

/* what an event holds by lines e: points, and what counts as such */
#define HELD \
	"(coalesce(loyalty.sum(e.points)::numeric, 0) - coalesce(loyalty.sum(e.lapsed)::numeric, 0)" \
	" - coalesce(loyalty.sum(e.forgiven)::numeric, 0))"

#endif							/* LOYALTY_LINES_H */
