/*-------------------------------------------------------------------------
 *
 * pin.c
 *	  Reading pinned expressions back and evaluating them.
 *
 * The planned expression is the server's (GetCachedExpression), which notices
 * when a function that was inlined changes.  The state for executing it holds
 * what functions keep between calls.  Built-in functions keep nothing that
 * ends with a transaction; the state of others is made again in every one,
 * and every state after an abort, which may have left it half made.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/sysattr.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_cast.h"
#include "catalog/pg_class.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "pgtime.h"
#include "rewrite/rewriteHandler.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/bytea.h"
#include "utils/float.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
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

static void register_callbacks(void);
static void xact_callback(XactEvent event, void *arg);
static void subxact_callback(SubXactEvent event, SubTransactionId mySubid,
							 SubTransactionId parentSubid, void *arg);
static void leave_scopes(int nest_level);
static void proc_callback(Datum arg, int cacheid, uint32 hashvalue);
static Oid	find_tables(Relation view, Query *query, int *row_varno, int *member_varno);
static Node *renumber(Node *node, RenumberContext *context);
static void plan_expression(Pin *pin, PinExpr *expr);
static void free_plan(void *arg);
static bool not_builtin(Node *node, void *context);
static bool not_builtin_function(Oid funcid, void *context);
static bool is_builtin_type(Oid typid);
static void make_state(Pin *pin, PinExpr *expr);
static Datum eval_guarded(PinExpr *expr, ExprContext *econtext, bool *isnull);
static void restore_settings(const PinScope *scope);
static RangeTblEntry *table_entry(Oid relid, const char *alias);

/* see pin_generation() */
static uint64 generation = 1;

/*
 * Scopes that have been entered and not left, outermost first: what to restore
 * when a (sub)transaction aborts within.
 */
static PinScope *open_scopes = NULL;
static int	nscopes = 0;
static int	max_scopes = 0;


/*
 * Counts what may have spoilt a state.
 */
uint64
pin_generation(void)
{
	return generation;
}

/*
 * Asks to be told of aborts and of changes of functions.
 */
static void
register_callbacks(void)
{
	static bool registered = false;

	if (registered)
		return;
	CacheRegisterSyscacheCallback(PROCOID, proc_callback, (Datum) 0);
	RegisterXactCallback(xact_callback, NULL);
	RegisterSubXactCallback(subxact_callback, NULL);
	registered = true;
}

/*
 * The end of a transaction.
 */
static void
xact_callback(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_PARALLEL_ABORT)
	{
		generation++;
		leave_scopes(0);
	}
}

/*
 * The end of a subtransaction.
 */
static void
subxact_callback(SubXactEvent event, SubTransactionId mySubid,
				 SubTransactionId parentSubid, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		generation++;
		leave_scopes(GetCurrentTransactionNestLevel());
	}
}

/*
 * Leaves scopes that were entered in a (sub)transaction that aborts, or deeper.
 * The server itself restores what it knows of: rights and GUC nest levels.
 */
static void
leave_scopes(int nest_level)
{
	while (nscopes > 0 && open_scopes[nscopes - 1].nest_level >= nest_level)
		restore_settings(&open_scopes[--nscopes]);
}

/*
 * Some function has changed, or who may execute it.
 */
static void
proc_callback(Datum arg, int cacheid, uint32 hashvalue)
{
	generation++;
}

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

	register_callbacks();

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
		plan_expression(pin, expr);
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

/*
 * Plans an expression, and finds out what the caller wants to know of it.
 */
static void
plan_expression(Pin *pin, PinExpr *expr)
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
 * Makes states ready; see pin.h.
 */
void
pin_prepare(Pin *pin)
{
	LocalTransactionId lxid = loyalty_my_lxid();
	bool		aborted = pin->prepared_generation != generation;
	bool		another = pin->prepared_lxid != lxid;
	int			i;

	for (i = 0; i < pin->nexprs; i++)
	{
		PinExpr    *expr = &pin->exprs[i];

		if (!expr->cached->is_valid)
		{
			plan_expression(pin, expr);
			expr->state = NULL;
		}
		if (expr->state == NULL || aborted || (another && !expr->is_builtin))
			make_state(pin, expr);
	}
	pin->prepared_generation = generation;
	pin->prepared_lxid = lxid;
}

/*
 * Makes the state of one expression, in a context of its own.
 */
static void
make_state(Pin *pin, PinExpr *expr)
{
	MemoryContext oldcontext;

	expr->state = NULL;
	if (expr->state_context != NULL)
	{
		/*
		 * An evaluation may be under way below us (a function that looks at
		 * the program): leave it what it stands on.  Or that was long ago,
		 * and an error ended it; the transaction's end cleans up.
		 */
		if (expr->running > 0)
			MemoryContextSetParent(expr->state_context, TopTransactionContext);
		else
			MemoryContextDelete(expr->state_context);
		expr->state_context = NULL;
	}
	expr->running = 0;

	expr->state_context = AllocSetContextCreate(pin->context, "loyalty pin state",
												ALLOCSET_SMALL_SIZES);
	oldcontext = MemoryContextSwitchTo(expr->state_context);
	expr->state = ExecInitExpr(expr->expr, NULL);
	MemoryContextSwitchTo(oldcontext);
}

/*
 * Finds an expression by its name.
 */
int
pin_find(const Pin *pin, const char *name)
{
	int			i;

	for (i = 0; i < pin->nexprs; i++)
		if (strcmp(pin->exprs[i].name, name) == 0)
			return i;
	return -1;
}

/*
 * Evaluates; see pin.h.
 */
Datum
pin_eval(Pin *pin, int index, ExprContext *econtext, bool *isnull)
{
	PinExpr    *expr = &pin->exprs[index];

	if (expr->simple_attno > 0)
		return slot_getattr(econtext->ecxt_outertuple, expr->simple_attno, isnull);
	if (expr->is_builtin)
		return ExecEvalExprSwitchContext(expr->state, econtext, isnull);
	return eval_guarded(expr, econtext, isnull);
}

/*
 * Evaluates what may call a function that comes back here: a state can serve
 * one evaluation at a time, so an inner one gets a state for itself.
 */
static Datum
eval_guarded(PinExpr *expr, ExprContext *econtext, bool *isnull)
{
	MemoryContext mine = expr->state_context;
	Datum		result;

	if (expr->running > 0)
	{
		MemoryContext oldcontext;
		ExprState  *state;

		oldcontext = MemoryContextSwitchTo(econtext->ecxt_per_tuple_memory);
		state = ExecInitExpr(expr->expr, NULL);
		result = ExecEvalExpr(state, econtext, isnull);
		MemoryContextSwitchTo(oldcontext);
		return result;
	}

	expr->running++;
	PG_TRY();
	{
		result = ExecEvalExprSwitchContext(expr->state, econtext, isnull);
	}
	PG_FINALLY();
	{
		/* unless the state has been replaced meanwhile */
		if (expr->state_context == mine)
			expr->running--;
	}
	PG_END_TRY();

	return result;
}

/*
 * Begins evaluation; see pin.h.
 */
void
pin_enter(Oid owner, struct pg_tz *zone, bool builtin, PinScope *scope)
{
	register_callbacks();

	scope->session_zone = session_timezone;
	scope->date_style = DateStyle;
	scope->date_order = DateOrder;
	scope->interval_style = IntervalStyle;
	scope->float_digits = extra_float_digits;
	scope->bytea_format = bytea_output;
	scope->guc_level = 0;
	scope->depth = nscopes;
	scope->nest_level = GetCurrentTransactionNestLevel();

	if (nscopes == max_scopes)
	{
		int			more = Max(8, max_scopes * 2);

		if (open_scopes == NULL)
			open_scopes = MemoryContextAlloc(TopMemoryContext, more * sizeof(PinScope));
		else
			open_scopes = repalloc(open_scopes, more * sizeof(PinScope));
		max_scopes = more;
	}
	open_scopes[nscopes++] = *scope;

	rights_enter(owner, SECURITY_RESTRICTED_OPERATION, &scope->rights);

	if (!builtin)
	{
		/*
		 * Real settings: a function that sets one for itself would otherwise
		 * restore the session's when it returns.  Those that are right
		 * already stay, unless they are only lent by a scope around this one.
		 */
		bool		trust = scope->depth == 0;

		scope->guc_level = NewGUCNestLevel();
		if (strcmp(namespace_search_path, PINNED_SEARCH_PATH) != 0)
			set_local("search_path", PINNED_SEARCH_PATH);
		if (zone != NULL && !(trust && session_timezone == zone))
			set_local("TimeZone", pg_get_timezone_name(zone));
		if (!(trust && DateStyle == USE_ISO_DATES && DateOrder == DATEORDER_MDY))
			set_local("DateStyle", "ISO, MDY");
		if (!(trust && IntervalStyle == INTSTYLE_POSTGRES))
			set_local("IntervalStyle", "postgres");
		if (!(trust && extra_float_digits == 1))
			set_local("extra_float_digits", "1");
		if (!(trust && bytea_output == BYTEA_OUTPUT_HEX))
			set_local("bytea_output", "hex");
	}
	else
	{
		if (zone != NULL)
			session_timezone = zone;
		DateStyle = USE_ISO_DATES;
		DateOrder = DATEORDER_MDY;
		IntervalStyle = INTSTYLE_POSTGRES;
		extra_float_digits = 1;
		bytea_output = BYTEA_OUTPUT_HEX;
	}
}

/*
 * Sets a variable until the GUC nest level is left.
 */
void
set_local(const char *name, const char *value)
{
	set_config_option(name, value, PGC_USERSET, PGC_S_SESSION,
					  GUC_ACTION_SAVE, true, 0, false);
}

/*
 * Ends evaluation; see pin.h.
 */
void
pin_leave(PinScope *scope)
{
	/* the abort of a subtransaction may have left it already */
	if (nscopes <= scope->depth)
		return;
	if (scope->guc_level > 0)
		AtEOXact_GUC(false, scope->guc_level);
	restore_settings(scope);
	nscopes = scope->depth;
	rights_leave(&scope->rights);
}

/*
 * Gives the session its settings back.
 */
static void
restore_settings(const PinScope *scope)
{
	session_timezone = scope->session_zone;
	DateStyle = scope->date_style;
	DateOrder = scope->date_order;
	IntervalStyle = scope->interval_style;
	extra_float_digits = scope->float_digits;
	bytea_output = scope->bytea_format;
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
