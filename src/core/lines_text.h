/*-------------------------------------------------------------------------
 *
 * lines_text.h
 *	  Text form of lines of the ledger:
 *
 *		{earn 1:250@[2026-01-15 00:00:00+00,2027-02-01 00:00:00+00) at
 *		 2026-01-15 00:00:00+00 rule 3,revoke ... lapsed 5 forgiven 2}
 *
 *	  kind, the piece as in lots, when it takes effect, what else there is.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_CORE_LINES_TEXT_H
#define LOYALTY_CORE_LINES_TEXT_H

#include "account.h"
#include "scan.h"

/* longest text form of one line with terminating zero */
#define LINE_TEXT_SIZE 320

/* The name of a kind; NULL if there is none of that number. */
extern const char *entry_kind_name(int kind);

/* How many lines may a text hold at most? */
extern int	lines_parse_limit(const char *text, size_t length);

/* Reads lines into an array with room for as many. */
extern CoreResult lines_parse(const char *text, size_t length,
							  Movement *lines, int *count);

/* Writes one line without braces and comma; returns the length. */
extern int	line_format(const Movement *line, char *buffer);

#endif							/* LOYALTY_CORE_LINES_TEXT_H */
