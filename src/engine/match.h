/*-------------------------------------------------------------------------
 *
 * match.h
 *	  Conditions of all rules evaluated at once, for those who judge many rows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_MATCH_H
#define LOYALTY_MATCH_H

#include "engine/event.h"

/* most rules a matcher can have */
#define MATCH_RULES_MAX		64

typedef struct RuleMatcher RuleMatcher;

/*
 * Makes one of rules whose expressions are ready.  NULL if these must be
 * evaluated rule by rule.  It is of use until pin_generation changes.
 */
extern RuleMatcher *matcher_create(EventReader *reader, RuleSet *rules);

/*
 * What event_match_rules does for all rules, those that read member.* included
 * if facts are at hand; row->match is not used.  An error does not say which
 * expression failed.
 */
extern void matcher_match(RuleMatcher *matcher, EventRow *row, TupleTableSlot *slot);

#endif							/* LOYALTY_MATCH_H */
