/*-------------------------------------------------------------------------
 *
 * match.c
 *	  Conditions of all rules evaluated at once.
 *
 * One expression for all conditions costs less than one for each, and what
 * several of them have in common ("extract(isodow FROM placed_at)") is computed
 * once.  That is done only to parts that would be computed for every row
 * anyway: what stands behind an AND or in a CASE is left where it is, so that
 * nothing fails here that would not fail there.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/match.h"

#include "access/tupdesc.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "engine/amount.h"

/* parts of expressions that are compared with each other */
#define PARTS_MAX	256

struct RuleMatcher
{
	EventReader *reader;
	RuleSet    *rules;
	uint64		always;			/* rules without a condition */
	uint64		own_amount;		/* rules with an amount of their own */
	int			nconditions;
	int			rule_of[MATCH_RULES_MAX];	/* by condition */
	ProjectionInfo *conditions;
	ProjectionInfo *shared;		/* NULL: they have nothing in common */
};

/* what expressions have in common */
typedef struct CommonParts
{
	Node	   *parts[PARTS_MAX];
	int			times[PARTS_MAX];
	int			nparts;
	List	   *shared;			/* TargetEntries of those that are used */
} CommonParts;

/* Is it worth a place of its own? */
static bool
is_part(Node *node)
{
	switch (nodeTag(node))
	{
		case T_OpExpr:
		case T_FuncExpr:
		case T_ScalarArrayOpExpr:
		case T_DistinctExpr:
		case T_CoerceViaIO:
		case T_BoolExpr:
			return true;
		default:
			return false;
	}
}

/* The position of an equal part, -1 if there is none. */
static int
find_part(const CommonParts *common, Node *node)
{
	int			i;

	for (i = 0; i < common->nparts; i++)
	{
		if (equal(common->parts[i], node))
			return i;
	}
	return -1;
}

/* Counts the parts of an expression that are computed for every row. */
static void
count_parts(CommonParts *common, Node *node)
{
	List	   *args = NIL;
	ListCell   *lc;

	if (node == NULL)
		return;
	if (is_part(node))
	{
		int			i = find_part(common, node);

		if (i >= 0)
			common->times[i]++;
		else if (common->nparts < PARTS_MAX)
		{
			common->parts[common->nparts] = node;
			common->times[common->nparts++] = 1;
		}
	}
	switch (nodeTag(node))
	{
		case T_OpExpr:
		case T_DistinctExpr:
			args = ((OpExpr *) node)->args;
			break;
		case T_FuncExpr:
			args = ((FuncExpr *) node)->args;
			break;
		case T_ScalarArrayOpExpr:
			args = ((ScalarArrayOpExpr *) node)->args;
			break;
		case T_CoerceViaIO:
			args = list_make1(((CoerceViaIO *) node)->arg);
			break;
		case T_RelabelType:
			args = list_make1(((RelabelType *) node)->arg);
			break;
		case T_NullTest:
			args = list_make1(((NullTest *) node)->arg);
			break;
		case T_BooleanTest:
			args = list_make1(((BooleanTest *) node)->arg);
			break;
		case T_BoolExpr:
			/* the others only if the first one leaves it open */
			args = list_make1(linitial(((BoolExpr *) node)->args));
			break;
		default:
			break;
	}
	foreach(lc, args)
		count_parts(common, (Node *) lfirst(lc));
}

/* A copy of an expression that takes from the scan tuple what several have. */
static Node *
share_parts(Node *node, CommonParts *common)
{
	TargetEntry *entry;
	ListCell   *lc;
	int			i;

	if (node == NULL)
		return NULL;
	i = is_part(node) ? find_part(common, node) : -1;
	if (i < 0 || common->times[i] < 2)
		return expression_tree_mutator(node, share_parts, (void *) common);
	foreach(lc, common->shared)
	{
		if (equal(((TargetEntry *) lfirst(lc))->expr, node))
			break;
	}
	if (lc)
		entry = (TargetEntry *) lfirst(lc);
	else
	{
		entry = makeTargetEntry((Expr *) copyObject(node), list_length(common->shared) + 1,
								NULL, false);
		common->shared = lappend(common->shared, entry);
	}
	return (Node *) makeVar(1, entry->resno, exprType(node), exprTypmod(node),
							exprCollation(node), 0);
}

/* Expressions computed together, into a slot of their own. */
static ProjectionInfo *
project(EventReader *reader, List *entries)
{
	TupleDesc	desc = CreateTemplateTupleDesc(list_length(entries));
	ListCell   *lc;

	foreach(lc, entries)
	{
		TargetEntry *entry = (TargetEntry *) lfirst(lc);
		Node	   *expr = (Node *) entry->expr;

		TupleDescInitEntry(desc, entry->resno, NULL, exprType(expr), exprTypmod(expr), 0);
		TupleDescInitEntryCollation(desc, entry->resno, exprCollation(expr));
	}
	return ExecBuildProjectionInfo(entries, reader->econtext,
								   MakeSingleTupleTableSlot(desc, &TTSOpsVirtual), NULL, NULL);
}

/* see match.h */
RuleMatcher *
matcher_create(EventReader *reader, RuleSet *rules)
{
	RuleMatcher *matcher;
	CommonParts common;
	List	   *entries = NIL;
	ListCell   *lc;
	int			i;

	if (rules->nrules > MATCH_RULES_MAX)
		return NULL;
	for (i = 0; i < rules->nrules; i++)
	{
		RuleConfig *rule = &rules->rules[i];

		/* others may come back here, or need a state for the transaction */
		if (rule_concerns(rule, reader->source) && rule->needs_pin &&
			(rule->pin == NULL || !rule->pin->is_builtin))
			return NULL;
	}
	matcher = palloc0(sizeof(RuleMatcher));
	matcher->reader = reader;
	matcher->rules = rules;
	memset(&common, 0, sizeof(common));
	for (i = 0; i < rules->nrules; i++)
	{
		RuleConfig *rule = &rules->rules[i];

		if (!rule_concerns(rule, reader->source))
			continue;
		if (rule->amount >= 0)
			matcher->own_amount |= UINT64CONST(1) << i;
		if (rule->condition < 0)
		{
			matcher->always |= UINT64CONST(1) << i;
			continue;
		}
		entries = lappend(entries, makeTargetEntry(copyObject(rule->pin->exprs[rule->condition].expr),
												   matcher->nconditions + 1, NULL, false));
		matcher->rule_of[matcher->nconditions++] = i;
	}
	foreach(lc, entries)
		count_parts(&common, (Node *) ((TargetEntry *) lfirst(lc))->expr);
	foreach(lc, entries)
	{
		TargetEntry *entry = (TargetEntry *) lfirst(lc);

		entry->expr = (Expr *) share_parts((Node *) entry->expr, &common);
	}
	if (common.shared != NIL)
		matcher->shared = project(reader, common.shared);
	if (entries != NIL)
		matcher->conditions = project(reader, entries);
	return matcher;
}

/* see match.h */
void
matcher_match(RuleMatcher *matcher, EventRow *row, TupleTableSlot *slot)
{
	EventReader *reader = matcher->reader;
	ExprContext *econtext = reader->econtext;
	uint64		match = matcher->always;
	uint64		rest;
	int			i;

	econtext->ecxt_outertuple = slot;
	econtext->ecxt_innertuple = reader->facts;
	if (matcher->shared)
		econtext->ecxt_scantuple = ExecProject(matcher->shared);
	if (matcher->conditions)
	{
		TupleTableSlot *results = ExecProject(matcher->conditions);

		for (i = 0; i < matcher->nconditions; i++)
		{
			if (!results->tts_isnull[i] && DatumGetBool(results->tts_values[i]))
				match |= UINT64CONST(1) << matcher->rule_of[i];
		}
	}
	econtext->ecxt_scantuple = NULL;
	for (rest = match & matcher->own_amount; rest != 0; rest &= rest - 1)
	{
		RuleConfig *rule;
		MemoryContext old = MemoryContextSwitchTo(econtext->ecxt_per_tuple_memory);
		Datum		value;
		bool		isnull;

		i = pg_rightmost_one_pos64(rest);
		rule = &matcher->rules->rules[i];
		value = pin_eval(rule->pin, rule->amount, econtext, &isnull);
		if (row->own == NULL)
			row->own = MemoryContextAllocZero(reader->context,
											  sizeof(Frac) * matcher->rules->nrules);
		row->own[i] = isnull ? FRAC_ZERO : amount_from_numeric(value, "amount");
		MemoryContextSwitchTo(old);
	}
	row->match_word = match;
}
