/*-------------------------------------------------------------------------
 *
 * pin.h
 *	  Expressions over a source's row, pinned in the catalogs.
 *
 * Expressions of sources and rules are SQL text when written, and from then on
 * the target list of a view of the program (the pin) over the source's table
 * and member_facts.  So the server follows renames, refuses to drop what is
 * used, and nothing is ever parsed again under another search_path.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_PIN_H
#define LOYALTY_PIN_H

#include "executor/tuptable.h"
#include "nodes/execnodes.h"
#include "nodes/pg_list.h"
#include "utils/plancache.h"

#include "engine/engine.h"

/* one expression to pin */
typedef struct PinSource
{
	const char *name;			/* name of the view's column */
	const char *text;			/* SQL expression */
	const char *what;			/* for messages: "condition of rule \"x\"" */
	Oid			want_type;		/* assignment-coerced to it; InvalidOid: as is */
} PinSource;

/*
 * pin_define.c: adds an expression to those to pin, unless its text is NULL.  of says whose
 * it is, for messages: "rule \"x\"".
 */
extern void pin_add_source(PinSource *sources, int *nsources, const char *name,
						   const char *text, const char *of, Oid want_type);

/*
 * Parses, checks and pins expressions as view <schema>.<viewname> over table
 * relid (InvalidOid: member_facts alone).  Columns of the table are visible by
 * name, facts as member.<column>.  Refuses, with an error that names "what":
 * more or less than one expression, subqueries, aggregates, window and
 * set-returning functions, volatile functions, a type that cannot be
 * assigned, functions that neither a superuser nor the program's owner owns or
 * that the current user may not execute.  Runs as the program's owner.
 */
extern Oid	pin_create(const ProgramRef *ref, const char *viewname, Oid relid,
					   const PinSource *sources, int nsources);

/*
 * Drops a pin; with cascade also the triggers that hang on it.  Does nothing
 * if there is no such view in the program any more.
 */
extern void pin_drop(const ProgramRef *ref, Oid pin, bool cascade);

typedef struct PinExpr
{
	char	   *name;
	Expr	   *expr;			/* planned; Vars: OUTER_VAR = row, INNER_VAR =
								 * member facts, attnos of the root table and
								 * of member_facts */
	Oid			type;
	int16		typlen;
	bool		typbyval;
	bool		uses_member;
	Bitmapset  *row_attnos;		/* columns read, offset by
								 * FirstLowInvalidHeapAttributeNumber; whole
								 * row = 0 */
	Bitmapset  *member_attnos;	/* columns of member_facts read, likewise */
	bool		is_builtin;		/* only internal-language functions of
								 * pg_catalog: no need of a GUC nest level,
								 * and the ExprState may outlive the
								 * transaction */
	AttrNumber	simple_attno;	/* > 0: the expression is just this column */
	ExprState  *state;			/* made by pin_prepare */

	/* for pin.c and pin_eval.c alone */
	Node	   *parsed;			/* not yet planned; Vars as in expr */
	CachedExpression *cached;	/* what owns expr */
	MemoryContext state_context;	/* holds state */
	int			running;		/* evaluations under way */
} PinExpr;

typedef struct Pin
{
	Oid			viewid;
	Oid			relid;			/* the source's table, InvalidOid if none */
	int			nexprs;
	PinExpr    *exprs;			/* in the order of the view's columns */
	bool		is_builtin;		/* all are */
	MemoryContext context;
	LocalTransactionId prepared_lxid;	/* transaction the states belong to,
										 * if not all are builtin */
	uint64		prepared_generation;	/* pin_generation() then */
	Oid			owner;			/* of the view, that is of the program */
	Oid			member_relid;	/* member_facts */
} Pin;

/*
 * pin.c: reads a pin back from its view into a context.  NULL if the view is gone.
 */
extern Pin *pin_load(Oid viewid, MemoryContext context);

/* The source's table that a pin is about; InvalidOid if there is none. */
extern Oid	pin_table(Oid viewid);

/*
 * Plans an expression, perhaps once more, and finds out what is told of it
 * above; for pin_prepare.
 */
extern void pin_plan(Pin *pin, PinExpr *expr);

/*
 * pin_eval.c: counts (sub)transaction aborts and invalidations of functions: a state made
 * under an older generation is made again.
 */
extern uint64 pin_generation(void);

/*
 * Makes the expression states ready for evaluation now (cheap when they are).
 * Must be called as the owner, inside pin_enter.  A function that was replaced
 * may change what an expression reads (row_attnos and the like).
 */
extern void pin_prepare(Pin *pin);

/* The expression of a name, -1 if the pin has none. */
extern int	pin_find(const Pin *pin, const char *name);

/*
 * Evaluates an expression.  econtext->ecxt_outertuple is the row (in the root
 * table's format), ecxt_innertuple the member's facts; either may be NULL if
 * no expression reads it.  The result lives in the per-tuple memory.
 */
extern Datum pin_eval(Pin *pin, int index, ExprContext *econtext, bool *isnull);

/*
 * pin_scope.c: brackets evaluation: rights of the owner under SECURITY_RESTRICTED_OPERATION;
 * the program's zone as session time zone and fixed DateStyle, IntervalStyle,
 * extra_float_digits, so that results do not depend on the session; and,
 * unless everything is builtin, a GUC nest level with search_path pg_catalog,
 * pg_temp.  pin_leave undoes it, and so does the abort of the (sub)transaction
 * in which the scope was entered; pin_leave afterwards does no harm.
 */
typedef struct PinScope
{
	RightsSave	rights;
	int			guc_level;		/* 0: none opened */
	struct pg_tz *session_zone;
	int			date_style;
	int			date_order;
	int			interval_style;
	int			float_digits;
	int			bytea_format;
	int			depth;			/* scopes around this one */
	int			nest_level;		/* of the transaction it was entered in */
} PinScope;

extern void pin_enter(Oid owner, struct pg_tz *zone, bool builtin, PinScope *scope);
extern void pin_leave(PinScope *scope);

/*
 * pin.c: the SQL text of an expression of the pin, every name qualified, for queries
 * the engine builds: columns appear as <alias>.<column>, facts as
 * member.<column>.  What pg_catalog has is not qualified, so such a query must
 * be parsed under search_path pg_catalog, pg_temp.
 */
extern char *pin_deparse(const Pin *pin, int index, const char *alias);

#endif							/* LOYALTY_PIN_H */
