/*-------------------------------------------------------------------------
 *
 * instant.h
 *	  Text form of instants inside other text forms: ISO 8601, always in UTC,
 *	  whatever a session's settings.
 *
 *		2026-01-15 00:00:00+00
 *		2026-01-15 00:00:00.25+00
 *		0044-03-15 12:00:00+00 BC
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_CORE_INSTANT_H
#define LOYALTY_CORE_INSTANT_H

#include "core.h"
#include "scan.h"

/* longest text form with terminating zero */
#define INSTANT_TEXT_SIZE 64

/*
 * Takes a date, optionally a time (default midnight), optionally Z or an
 * offset from UTC (default none); of finite instants only.
 */
extern CoreResult scan_instant(Scanner *in, Instant *result);

/* Writes a finite instant; returns where it ends. */
extern char *print_instant(char *to, Instant at);

#endif							/* LOYALTY_CORE_INSTANT_H */
