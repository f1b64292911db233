/*-------------------------------------------------------------------------
 *
 * config.h
 *	  Writing a program's configuration: what its triggers, attach and
 *	  create_program share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_CONFIG_H
#define LOYALTY_CONFIG_H

#include "commands/trigger.h"
#include "executor/spi.h"
#include "utils/numeric.h"
#include "utils/rel.h"

#include "core/period.h"
#include "core/points.h"
#include "engine/engine.h"

/* a row, read by the names of its columns */
typedef struct ConfigTuple
{
	HeapTuple	tuple;			/* NULL: every column is NULL */
	TupleDesc	desc;
} ConfigTuple;

extern Datum tuple_get(const ConfigTuple *row, const char *column, bool *isnull);
extern char *tuple_text(const ConfigTuple *row, const char *column);
extern int32 tuple_int(const ConfigTuple *row, const char *column);
extern bool tuple_bool(const ConfigTuple *row, const char *column);
extern bool tuple_isnull(const ConfigTuple *row, const char *column);
extern bool tuple_period(const ConfigTuple *row, const char *column, Period *result);

/* whether a column has another value in one row than in the other */
extern bool tuple_differs(const ConfigTuple *a, const ConfigTuple *b, const char *column);

/*
 * Runs a statement on the program's tables; "@." stands for its schema.  Call
 * it inside SPI_connect and as the owner.  Returns the number of rows.
 */
extern uint64 config_execute(const ProgramRef *ref, const char *statement,
							 int nargs, const Oid *types, const Datum *values,
							 const bool *nulls);

/* The same of a query, which sees all that is committed, whatever the isolation. */
extern uint64 config_look(const ProgramRef *ref, const char *statement, int nargs,
						  const Oid *types, const Datum *values);

/* a row of the last result */
extern ConfigTuple config_result(uint64 number);

/* what a trigger function on a table of a program needs to know */
typedef struct ConfigTrigger
{
	TriggerData *data;
	ProgramRef	ref;
	ConfigTuple old;
	ConfigTuple new;
	RightsSave	rights;
} ConfigTrigger;

/*
 * Begins and ends such a function: checks how it was called, enters the
 * owner's rights and SPI.  events is an OR of CONFIG_*.
 */
#define CONFIG_BEFORE_ROW	0x01
#define CONFIG_AFTER_ROW	0x02
#define CONFIG_AFTER_STATEMENT 0x04

extern void config_trigger_begin(FunctionCallInfo fcinfo, const char *relname,
								 int timing, ConfigTrigger *trigger);
extern void config_trigger_end(ConfigTrigger *trigger);

/*
 * The program to which a table belongs, which must be called relname (unless
 * that is NULL).  ERRCODE_INSUFFICIENT_PRIVILEGE if there is none.
 */
extern void config_trigger_program(Relation rel, const char *relname, ProgramRef *ref);

/* the row of a unit, of a source; no row if there is none of that name */
extern ConfigTuple config_find_unit(const ProgramRef *ref, const char *name);
extern ConfigTuple config_find_source(const ProgramRef *ref, const char *name);

/* the program's row, locked against other changes of the configuration */
extern ConfigTuple config_lock(const ProgramRef *ref);

/* begins a new configuration version and returns it */
extern int32 config_bump(const ProgramRef *ref);

/*
 * While this is positive the configuration's tables are written by the engine
 * itself, and triggers let pass what only it may change.
 */
extern int	config_internal;

/* ERRCODE_INVALID_NAME unless a name is fit for programs and sources */
extern void config_check_name(const char *kind, const char *name);

/*
 * Refuses a change of a column that stays as it is for ever.
 */
extern void config_require_same(const ConfigTrigger *trigger, const char *column);

/* the smallest amount of a unit */
extern Points unit_step(const ConfigTuple *unit);

/* a period by which points activate: not "never", not "since last activity" */
extern void config_check_activates(const Period *period, const char *what);

/*
 * An amount of money that the program's currency can express; what
 * is e.g. "value of pool \"x\"".
 */
extern void config_check_money(const ProgramRef *ref, Datum value, const char *what);

/*
 * Points of a numeric column, which must be a multiple of the unit's smallest
 * amount; false if it is NULL.  what is e.g. "max_per_event of rule \"x\"".
 */
extern bool config_points_of(const ConfigTuple *row, const char *column, Points step,
							 const char *unit_name, const char *what, Points *result);

/* config_unit.c: can all units that are money be paid in the currency? */
extern void units_check_money(const ProgramRef *ref);
/*
 * Points that follow activity will end another time.  Before: books what has ended
 * until now, which does not depend on when it is booked; nobody posts from then on
 * until the change is there.  After: accounts fall due when points end earlier now.
 */
extern void units_book_activity(const ProgramRef *ref);
extern void units_lower_due(const ProgramRef *ref);

/*
 * Refuses an array of tiers' names (NULL: of any tier or none) that is empty or
 * has NULL in it; and, if they are to exist, one that the program never had.
 * what is e.g. "rule \"x\"".
 */
extern void config_check_tiers(const ProgramRef *ref, const ConfigTuple *row, const char *what,
							   bool exist);

/* the row that a trigger is about to write, with another value in a column */
extern HeapTuple config_with_column(const ConfigTrigger *trigger, const char *column,
									Datum value);

/* can points with these periods ever be active? */
extern bool periods_leave_time(const ProgramRef *ref, const Period *activates,
							   const Period *expires);

/* config_rule.c: checks all rules of a unit (NULL: of all) once more */
extern void rules_check_again(const ProgramRef *ref, const char *unit_name);

/* config_tier.c: checks all groups of tiers once more */
extern void tiers_check_again(const ProgramRef *ref);
/* and all rules beside them */
extern void tiers_check_rules(const ProgramRef *ref);
/* the program moves to another time zone: what begins from now on ends by it */
extern void tiers_follow_zone(const ProgramRef *ref);

/* recount.c: what members have used of a rule's cap, by its present period */
extern void caps_recount(const ProgramRef *ref, int32 rule_no);

/* config_rule_pin.c: drops the pins of a source's rules, those of old versions, too */
extern void rules_drop_pins(const ProgramRef *ref, int32 source_no);

/* config_rule_pin.c: makes the pins of a source's rules, as they are now, anew */
extern void rules_pin_again(const ProgramRef *ref, const char *source_name);

/*
 * guard.c: while this is positive, statements on the ledger's tables and on
 * table member are the engine's own: guards let them pass, and member's
 * triggers do nothing.
 */
extern int	ledger_internal;

#endif							/* LOYALTY_CONFIG_H */
