/*-------------------------------------------------------------------------
 *
 * config_rule.h
 *	  Rules as configuration: what config_rule.c and its parts share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_CONFIG_RULE_H
#define LOYALTY_CONFIG_RULE_H

#include "engine/config.h"

/*
 * config_rule_check.c: whether a rule may stand, by itself and beside its unit,
 * source (no row: all) and group.
 */
extern void rule_check(const ProgramRef *ref, const ConfigTuple *rule,
					   const ConfigTuple *unit, const ConfigTuple *source);

/* what of it depends on the unit: limits and periods */
extern void rule_check_beside_unit(const ProgramRef *ref, const ConfigTuple *rule,
								   const ConfigTuple *unit);

/*
 * A unit that carries fractions must be able to hold every amount its rules
 * pay: whatever is paid for the currency's smallest amount, and any multiplier
 * of it, must come out in steps of 1/10000.
 */
extern void rule_check_carry(const ProgramRef *ref, const ConfigTuple *unit);

/*
 * config_rule_budget.c: makes the slots' room sum to what is left of a budget.
 * Slots are never removed while the rule lives, for somebody may be waiting
 * for one.
 */
extern void rule_set_budget(const ConfigTrigger *trigger, const ConfigTuple *unit);

/*
 * config_rule_pin.c: the pin for a rule's expressions, that of the version
 * before if they are the same, else a new one.  None while the source is
 * detached.
 */
extern Oid	rule_choose_pin(const ProgramRef *ref, const ConfigTuple *rule,
							const ConfigTuple *source, Oid writer);

#endif							/* LOYALTY_CONFIG_RULE_H */
