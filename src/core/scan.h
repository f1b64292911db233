/*-------------------------------------------------------------------------
 *
 * scan.h
 *	  Reading and writing the pieces that the text forms share: white space,
 *	  words, whole and decimal numbers.
 *
 * A scanner walks over text that need not end in a zero byte.  Each function
 * moves it past what it recognises, or leaves it alone and says so.  Only
 * ASCII counts, whatever the locale.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_CORE_SCAN_H
#define LOYALTY_CORE_SCAN_H

#include "core.h"

typedef struct Scanner
{
	const char *next;
	const char *end;
} Scanner;

extern Scanner scan_start(const char *string, size_t length);
extern bool scan_done(const Scanner *in);

/* Skips white space; true if there was any. */
extern bool scan_space(Scanner *in);

/* Takes one character if it is next. */
extern bool scan_char(Scanner *in, char c);

/*
 * Takes a word of letters, case ignored, if it is next and ends there; word
 * is in lower case.
 */
extern bool scan_word(Scanner *in, const char *word);

/*
 * Notes in *range a number or an instant that was out of range, so that the
 * rest of the text is still looked at; false if the text is malformed.
 */
extern bool scan_fits(CoreResult status, bool *range);

/* Takes digits as a whole number from 0 to max. */
extern CoreResult scan_whole(Scanner *in, int64_t max, int64_t *result);

/*
 * Takes a decimal number as a count of 10^-decimals.  Further decimals must
 * be zero (CORE_SYNTAX).  After CORE_RANGE the scanner stands behind the
 * number.
 */
extern CoreResult scan_decimal(Scanner *in, int decimals, bool sign,
							   int64_t *result);

/*
 * Writes a count of 10^-decimals as a number without trailing zeros, and a
 * zero byte; returns the length without it.
 */
extern int	print_decimal(int64_t value, int decimals, char *buffer);

/* Copies a string without its zero byte; returns where the copy ends. */
extern char *print_text(char *to, const char *string);

/* Writes a whole number >= 0 with at least so many digits, likewise. */
extern char *print_whole(char *to, uint64_t value, int digits);

#endif							/* LOYALTY_CORE_SCAN_H */
