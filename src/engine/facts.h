/*-------------------------------------------------------------------------
 *
 * facts.h
 *	  What expressions read of a member.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_FACTS_H
#define LOYALTY_FACTS_H

#include "engine/ledger.h"

/* columns of member_facts, see sql/program/10-tables.sql */
enum FactColumn
{
	FACT_MEMBER_ID = 1,
	FACT_JOINED_AT,
	FACT_BIRTHDAY,
	FACT_TIME_ZONE,
	FACT_STATUS,
	FACT_ATTRIBUTES,
	FACT_PURCHASES,
	FACT_SPEND,
	FACT_FIRST_PURCHASE_AT,
	FACT_LAST_PURCHASE_AT,
	FACT_TIER,
	FACT_TIERS
};

/* A slot for a row of member_facts. */
extern TupleTableSlot *facts_slot(const Program *program);

/*
 * Fills it with what is so now, as far as it is read (offset as in PinExpr).
 * held: names of tiers by group, NULL: those held now.  Values live in the
 * current context.
 */
extern void facts_fill(TupleTableSlot *slot, Program *program, Snapshot snapshot,
					   AccountState *account, const Bitmapset *read, const char **held);

/* Is this one among them? */
extern bool fact_is_read(const Bitmapset *read, int attno);

#endif							/* LOYALTY_FACTS_H */
