/*-------------------------------------------------------------------------
 *
 * refusal.h
 *	  Refusals for business reasons, as programs read them.
 *
 * Message, detail and hint are for people.  Every refusal (class LY) has four
 * fields beside, which every driver shows: the program (schema), the table and
 * column that say why, one word for the SQLSTATE (constraint), and names and
 * figures as a JSON object (data type).  The README has the list.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_TYPES_REFUSAL_H
#define LOYALTY_TYPES_REFUSAL_H

#include "utils/jsonb.h"

#include "core/core.h"
#include "core/points.h"
#include "loyalty.h"

/*
 * Names and figures, as a JSON object: facts("reward", fact_text(name), "left",
 * fact_int(left), NULL).  A fact that is NULL is left out.
 */
extern char *facts(const char *name,...);
extern char *fact_text(const char *text);
extern char *fact_int(int64 number);
extern char *fact_points(Points points);
extern char *fact_instant(Instant at);	/* NULL if there is none: infinite */

/*
 * Within ereport(), after errcode(): sets the fields.  program: its name;
 * NULL: none is concerned.
 */
extern int	refusal_fields(const char *program, const char *table, const char *column,
						   const char *facts);

/* a refusal that is told, or raised later */
typedef struct Refusal
{
	int			sqlerrcode;		/* 0: nothing is in the way */
	const char *message;
	const char *detail;			/* or NULL */
	const char *hint;			/* or NULL */
	const char *table;
	const char *column;
	const char *facts;
} Refusal;

extern void refuse(Refusal *refusal, int sqlerrcode, const char *detail, const char *hint,
				   const char *message,...) pg_attribute_printf(5, 6);

/* Adds what programs read. */
extern void refusal_about(Refusal *refusal, const char *table, const char *column,
						  const char *facts);
pg_noreturn extern void refusal_raise(const Refusal *refusal, const char *program);

/* What programs read of it as one object; its word is "word". */
extern Jsonb *refusal_object(const Refusal *refusal);

#endif							/* LOYALTY_TYPES_REFUSAL_H */
