/*-------------------------------------------------------------------------
 *
 * pin.c
 *	  Reading pinned expressions back: planned, for evaluation, or as text.
 *
 * The planned expression is the server's (GetCachedExpression), which notices
 * when a function that was inlined changes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_class.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteHandler.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"

#include "compat.h"
#include "engine/pin.h"

/* for giving columns other range table numbers; 0 is none */
typedef struct RenumberContext
{
	int			row_from;
	int			row_to;
	int			member_from;
	int			member_to;
} RenumberContext;

static Oid	find_tables(Relation view, Query *query, int *row_varno, int *member_varno);
static Node *renumber(Node *node, RenumberContext *context);
static void free_plan(void *arg);
static bool not_builtin(Node *node, void *context);
static bool not_builtin_function(Oid funcid, void *context);
static bool is_builtin_type(Oid typid);
static RangeTblEntry *table_entry(Oid relid, const char *alias);


/*
 * Reads a pin; see pin.h.
 */
Pin *
pin_load(Oid viewid, MemoryContext context)
{
	Relation	view;
	Query	   *query;
	RenumberContext varnos;
	RightsSave	rights;
	MemoryContext pin_context;
	MemoryContext oldcontext;
	Pin		   *pin;
	int			guc_level;

	view = try_relation_open(viewid, AccessShareLock);
	if (view == NULL)
		return NULL;
	if (view->rd_rel->relkind != RELKIND_VIEW)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a view", RelationGetRelationName(view))));

	pin_context = AllocSetContextCreate(context, "loyalty pin",
										ALLOCSET_SMALL_SIZES);
	oldcontext = MemoryContextSwitchTo(pin_context);

	pin = palloc0(sizeof(Pin));
	pin->viewid = viewid;
	pin->owner = view->rd_rel->relowner;
	pin->context = pin_context;
	pin->member_relid = get_relname_relid("member_facts",
										  RelationGetNamespace(view));

	query = get_view_query(view);
	pin->relid = find_tables(view, query, &varnos.row_from, &varnos.member_from);
	varnos.row_to = OUTER_VAR;
	varnos.member_to = INNER_VAR;

	/* planning may call immutable functions */
	rights_enter(pin->owner, SECURITY_RESTRICTED_OPERATION, &rights);
	guc_level = NewGUCNestLevel();
	set_local("search_path", PINNED_SEARCH_PATH);

	pin->nexprs = list_length(query->targetList);
	pin->exprs = palloc0(sizeof(PinExpr) * pin->nexprs);
	pin->is_builtin = true;
	for (int i = 0; i < pin->nexprs; i++)
	{
		TargetEntry *target = list_nth_node(TargetEntry, query->targetList, i);
		PinExpr    *expr = &pin->exprs[i];
		Node	   *tree = copyObject((Node *) target->expr);

		if (OidIsValid(pin->relid))
		{
			Relation	rel = relation_open(pin->relid, AccessShareLock);

			tree = loyalty_expand_virtual_columns(tree, rel, varnos.row_from);
			relation_close(rel, AccessShareLock);
		}

		expr->name = pstrdup(target->resname);
		expr->parsed = renumber(tree, &varnos);
		pin_plan(pin, expr);
		pin->is_builtin &= expr->is_builtin;
	}

	AtEOXact_GUC(false, guc_level);
	rights_leave(&rights);

	relation_close(view, AccessShareLock);
	MemoryContextSwitchTo(oldcontext);

	return pin;
}

/*
 * The table of a view's query that is not member_facts, and the range table
 * numbers of both.
 */
static Oid
find_tables(Relation view, Query *query, int *row_varno, int *member_varno)
{
	Oid			facts = get_relname_relid("member_facts", RelationGetNamespace(view));
	Oid			relid = InvalidOid;
	int			varno = 0;
	ListCell   *cell;

	*row_varno = *member_varno = 0;
	foreach(cell, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, cell);

		/* before 16 a view's range table has the view itself, twice */
		varno++;
		if (rte->rtekind != RTE_RELATION || rte->relid == RelationGetRelid(view))
			continue;
		if (rte->relid == facts)
			*member_varno = varno;
		else
		{
			*row_varno = varno;
			relid = rte->relid;
		}
	}
	return relid;
}

/*
 * What table is it about?
 */
Oid
pin_table(Oid viewid)
{
	Relation	view = try_relation_open(viewid, AccessShareLock);
	Oid			relid = InvalidOid;

	if (view == NULL)
		return InvalidOid;
	if (view->rd_rel->relkind == RELKIND_VIEW)
	{
		int			row_varno;
		int			member_varno;

		relid = find_tables(view, get_view_query(view), &row_varno, &member_varno);
	}
	relation_close(view, AccessShareLock);
	return relid;
}

/*
 * A copy whose columns have other range table numbers.  What the text called
 * them is forgotten.
 */
static Node *
renumber(Node *node, RenumberContext *context)
{
	if (node == NULL)
		return NULL;

	if (IsA(node, Var))
	{
		Var		   *var = copyObject((Var *) node);

		if (var->varlevelsup != 0)
			elog(ERROR, "unexpected outer reference in a pinned expression");
		if (var->varno == context->row_from)
			var->varno = context->row_to;
		else if (var->varno == context->member_from)
			var->varno = context->member_to;
		else
			elog(ERROR, "unexpected table in a pinned expression");
		var->varnosyn = 0;
		var->varattnosyn = 0;
		return (Node *) var;
	}

	return expression_tree_mutator(node, renumber, (void *) context);
}

/* see pin.h */
void
pin_plan(Pin *pin, PinExpr *expr)
{
	MemoryContext work;
	MemoryContext oldcontext;
	CachedExpression *cached;
	Expr	   *bare;

	if (expr->cached != NULL)
	{
		CachedExpression *old = expr->cached;

		expr->cached = NULL;
		FreeCachedExpression(old);
	}
	else
	{
		MemoryContextCallback *callback;

		callback = MemoryContextAlloc(pin->context, sizeof(MemoryContextCallback));
		callback->func = free_plan;
		callback->arg = expr;
		MemoryContextRegisterResetCallback(pin->context, callback);
	}

	/* planning leaves garbage behind */
	work = AllocSetContextCreate(CurrentMemoryContext, "loyalty pin planning",
								 ALLOCSET_DEFAULT_SIZES);
	oldcontext = MemoryContextSwitchTo(work);
	cached = GetCachedExpression(expr->parsed);
	MemoryContextSwitchTo(oldcontext);
	MemoryContextDelete(work);

	expr->cached = cached;
	expr->expr = (Expr *) cached->expr;
	expr->type = exprType(cached->expr);
	get_typlenbyval(expr->type, &expr->typlen, &expr->typbyval);

	oldcontext = MemoryContextSwitchTo(pin->context);
	bms_free(expr->row_attnos);
	bms_free(expr->member_attnos);
	expr->row_attnos = expr->member_attnos = NULL;
	pull_varattnos(cached->expr, OUTER_VAR, &expr->row_attnos);
	pull_varattnos(cached->expr, INNER_VAR, &expr->member_attnos);
	MemoryContextSwitchTo(oldcontext);
	expr->uses_member = !bms_is_empty(expr->member_attnos);

	expr->is_builtin = !not_builtin(cached->expr, NULL);

	bare = expr->expr;
	while (IsA(bare, RelabelType))
		bare = ((RelabelType *) bare)->arg;
	expr->simple_attno = InvalidAttrNumber;
	if (IsA(bare, Var) && ((Var *) bare)->varno == OUTER_VAR &&
		((Var *) bare)->varattno > 0)
		expr->simple_attno = ((Var *) bare)->varattno;
}

/*
 * Frees the plan with the pin it belongs to.
 */
static void
free_plan(void *arg)
{
	PinExpr    *expr = (PinExpr *) arg;

	if (expr->cached != NULL)
		FreeCachedExpression(expr->cached);
	expr->cached = NULL;
}

/*
 * Could evaluating this run anything but the server's own functions, or read
 * names by the search path?
 */
static bool
not_builtin(Node *node, void *context)
{
	if (node == NULL)
		return false;

	if (check_functions_in_node(node, not_builtin_function, NULL))
		return true;

	switch (nodeTag(node))
	{
		case T_List:
		case T_CaseWhen:
			break;
		case T_CoerceToDomain:
		case T_CoerceToDomainValue:
			return true;
		case T_Const:

			/*
			 * A constant has been made; but regclass and its kin print
			 * themselves by the search path, so look at their type, too.
			 */
		default:
			if (!is_builtin_type(exprType(node)))
				return true;
			break;
	}

	return expression_tree_walker(node, not_builtin, context);
}

/*
 * Is a function other than the server's own?
 */
static bool
not_builtin_function(Oid funcid, void *context)
{
	HeapTuple	tuple;
	Form_pg_proc proc;
	bool		result;

	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", funcid);
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	result = proc->prolang != INTERNALlanguageId ||
		funcid >= FirstUnpinnedObjectId ||
		!heap_attisnull(tuple, Anum_pg_proc_proconfig, NULL) ||
		proc->prosecdef;
	ReleaseSysCache(tuple);

	return result;
}

/*
 * Do values of this type bring no code and no names of their own?  Those of
 * the system, and enumerations, unless something casts them to json.
 */
static bool
is_builtin_type(Oid typid)
{
	switch (typid)
	{
		case REGPROCOID:
		case REGPROCEDUREOID:
		case REGOPEROID:
		case REGOPERATOROID:
		case REGCLASSOID:
		case REGCOLLATIONOID:
		case REGTYPEOID:
		case REGROLEOID:
		case REGNAMESPACEOID:
		case REGCONFIGOID:
		case REGDICTIONARYOID:
			return false;
		default:
			break;
	}

	if (typid < FirstUnpinnedObjectId)
		return true;

	typid = getBaseType(typid);
	if (typid < FirstUnpinnedObjectId)
		return true;

	return get_typtype(typid) == TYPTYPE_ENUM &&
		!SearchSysCacheExists2(CASTSOURCETARGET, ObjectIdGetDatum(typid),
							   ObjectIdGetDatum(JSONOID));
}

/*
 * SQL text of an expression; see pin.h.
 */
char *
pin_deparse(const Pin *pin, int index, const char *alias)
{
	PlannedStmt *stmt = makeNode(PlannedStmt);
	RenumberContext varnos;
	List	   *names = NIL;
	Node	   *tree;
	int			guc_level;
	char	   *text;

	/* the two tables, for the names of their columns */
	varnos.row_from = OUTER_VAR;
	varnos.member_from = INNER_VAR;
	if (OidIsValid(pin->relid))
	{
		stmt->rtable = lappend(stmt->rtable, table_entry(pin->relid, alias));
		names = lappend(names, pstrdup(alias));
	}
	varnos.row_to = list_length(stmt->rtable);
	stmt->rtable = lappend(stmt->rtable, table_entry(pin->member_relid, "member"));
	names = lappend(names, pstrdup("member"));
	varnos.member_to = list_length(stmt->rtable);

	tree = renumber(pin->exprs[index].parsed, &varnos);

	guc_level = NewGUCNestLevel();
	set_local("search_path", PINNED_SEARCH_PATH);
	text = deparse_expression(tree, deparse_context_for_plan_tree(stmt, names),
							  true, false);

	AtEOXact_GUC(false, guc_level);

	return text;
}

/*
 * A range table entry that says which columns there are.
 */
static RangeTblEntry *
table_entry(Oid relid, const char *alias)
{
	RangeTblEntry *rte = makeNode(RangeTblEntry);

	rte->rtekind = RTE_RELATION;
	rte->relid = relid;
	rte->relkind = get_rel_relkind(relid);
	rte->rellockmode = AccessShareLock;
	rte->alias = makeAlias(alias, NIL);
	rte->eref = rte->alias;
	rte->inFromCl = true;
	return rte;
}
