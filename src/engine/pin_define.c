/*-------------------------------------------------------------------------
 *
 * pin_define.c
 *	  Writing expressions into the catalogs: from text to a pin view.
 *
 * The text is parsed as the one expression it must be, analyzed and checked
 * with the rights of who wrote it, and only then defined, with the rights of
 * the program's owner.  Analysis runs code: the input functions of literals'
 * types, and with them the checks of domains.  So nothing the owner has not
 * agreed to may be reached before it is known whose it is.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_cast.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/view.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_relation.h"
#include "parser/parser.h"
#include "rewrite/rewriteHandler.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "compat.h"
#include "engine/pin_trust.h"

/* the name expressions know the member's facts by */
#define MEMBER_ALIAS "member"

/* what a source table of that very name is called instead */
#define ROW_ALIAS "source_row"

/* for error messages while one expression is worked on */
typedef struct PinErrorContext
{
	const PinSource *source;
	bool		has_position;	/* positions refer to the expression's text */
} PinErrorContext;

/* for walking a raw parse tree */
typedef struct QualifyContext
{
	const PinSource *source;
	Relation	rel;			/* NULL if there is none */
	const char *row_alias;		/* what the relation is called in the view */
} QualifyContext;

static void pin_error_callback(void *arg);
static Node *parse_expression(const PinSource *source);
static bool qualify_columns(Node *node, QualifyContext *context);
static Node *analyze_expression(const ProgramRef *ref, Relation rel,
								Relation facts, const char *row_alias,
								const PinSource *source, Node *raw);
static void check_planned(const PinSource *source, Node *expr);
static bool check_columns(Node *node, void *context);
static void set_program_settings(const ProgramRef *ref);
static char *program_zone_name(const ProgramRef *ref);
static Oid	define_view(const ProgramRef *ref, const char *viewname, Relation rel,
						const char *row_alias, List *raws,
						const PinSource *sources, int nsources);

/* see pin.h */
void
pin_add_source(PinSource *sources, int *nsources, const char *name, const char *text,
			   const char *of, Oid want_type)
{
	PinSource  *source;

	if (text == NULL)
		return;
	source = &sources[(*nsources)++];
	source->name = name;
	source->text = text;
	source->what = psprintf("%s of %s", name, of);
	source->want_type = want_type;
}

/* see pin.h */
void
pin_drop(const ProgramRef *ref, Oid pin, bool cascade)
{
	ObjectAddress object;

	if (get_rel_relkind(pin) != RELKIND_VIEW || get_rel_namespace(pin) != ref->nspid)
		return;
	ObjectAddressSet(object, RelationRelationId, pin);
	performDeletion(&object, cascade ? DROP_CASCADE : DROP_RESTRICT,
					PERFORM_DELETION_QUIETLY);
}

/*
 * Pins expressions; see pin.h.
 */
Oid
pin_create(const ProgramRef *ref, const char *viewname, Oid relid,
		   const PinSource *sources, int nsources)
{
	PinErrorContext error;
	ErrorContextCallback callback;
	Oid			writer = GetUserId();
	RightsSave	rights;
	Relation	rel = NULL;
	Relation	facts;
	Relation	view;
	const char *row_alias = NULL;
	List	   *raws = NIL;
	List	   *exprs = NIL;
	ListCell   *cell;
	Oid			viewid;
	int			guc_level;
	int			i;

	Assert(nsources > 0);

	error.has_position = true;
	callback.callback = pin_error_callback;
	callback.arg = &error;
	callback.previous = error_context_stack;

	guc_level = NewGUCNestLevel();
	set_program_settings(ref);

	if (OidIsValid(relid))
	{
		rel = relation_open(relid, AccessShareLock);
		row_alias = RelationGetRelationName(rel);
		if (strcmp(row_alias, MEMBER_ALIAS) == 0)
			row_alias = ROW_ALIAS;
	}
	facts = relation_open(program_relation(ref, "member_facts"), AccessShareLock);

	/* with the writer's rights */
	error_context_stack = &callback;
	for (i = 0; i < nsources; i++)
	{
		const PinSource *source = &sources[i];
		QualifyContext qualify;
		Node	   *raw;
		Node	   *expr;

		error.source = source;

		raw = parse_expression(source);

		qualify.source = source;
		qualify.rel = rel;
		qualify.row_alias = row_alias;
		qualify_columns(raw, &qualify);

		expr = analyze_expression(ref, rel, facts, row_alias, source, raw);
		check_columns(expr, (void *) source);
		pin_check_trust(source, ref->owner, writer, expr);

		raws = lappend(raws, raw);
		exprs = lappend(exprs, expr);
	}

	/* with the owner's: planning may call immutable functions */
	rights_enter(ref->owner, SECURITY_RESTRICTED_OPERATION, &rights);

	i = 0;
	foreach(cell, exprs)
	{
		error.source = &sources[i++];
		check_planned(error.source, (Node *) lfirst(cell));
	}
	error_context_stack = callback.previous;

	viewid = define_view(ref, viewname, rel, row_alias, raws,
						 sources, nsources);

	/*
	 * Look at what has been defined, in case a name has come to mean another
	 * thing in the meantime.
	 */
	view = relation_open(viewid, AccessShareLock);
	i = 0;
	foreach(cell, get_view_query(view)->targetList)
	{
		pin_check_trust(&sources[i++], ref->owner, writer,
						(Node *) lfirst_node(TargetEntry, cell)->expr);
	}
	relation_close(view, AccessShareLock);

	rights_leave(&rights);

	relation_close(facts, NoLock);
	if (rel != NULL)
		relation_close(rel, NoLock);

	AtEOXact_GUC(false, guc_level);

	return viewid;
}

/*
 * Names the expression in which an error occurred, and turns an error's
 * position, which is one in the expression, into an internal one.
 */
static void
pin_error_callback(void *arg)
{
	PinErrorContext *error = (PinErrorContext *) arg;
	int			position = geterrposition();
	int			sqlstate = geterrcode();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery(error->source->text);
	}
	if (sqlstate == ERRCODE_UNDEFINED_FUNCTION ||
		sqlstate == ERRCODE_UNDEFINED_OBJECT ||
		sqlstate == ERRCODE_INVALID_SCHEMA_NAME)
		errhint("Functions, operators and types that are not built in must be written with their schema, and cast arguments where types differ.");
	errcontext("%s", error->source->what);
}

/*
 * Text to raw parse tree.  The grammar for PL/pgSQL's expressions accepts all
 * that can follow SELECT; here one column must be all there is.
 */
static Node *
parse_expression(const PinSource *source)
{
	List	   *parsed;
	SelectStmt *stmt;
	ResTarget  *target;

	if (source->text[strspn(source->text, " \t\r\n\f")] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("%s is empty", source->what),
				 errhint("Write an SQL expression, or leave it NULL.")));

	parsed = raw_parser(source->text, RAW_PARSE_PLPGSQL_EXPR);
	if (list_length(parsed) != 1)
		elog(ERROR, "unexpected result of parsing an expression");
	stmt = castNode(SelectStmt, linitial_node(RawStmt, parsed)->stmt);

	if (stmt->op != SETOP_NONE ||
		stmt->distinctClause != NIL ||
		stmt->intoClause != NULL ||
		stmt->fromClause != NIL ||
		stmt->whereClause != NULL ||
		stmt->groupClause != NIL ||
		stmt->havingClause != NULL ||
		stmt->windowClause != NIL ||
		stmt->valuesLists != NIL ||
		stmt->sortClause != NIL ||
		stmt->limitOffset != NULL ||
		stmt->limitCount != NULL ||
		stmt->lockingClause != NIL ||
		stmt->withClause != NULL ||
		list_length(stmt->targetList) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("%s must be one expression", source->what),
				 errhint("Write an expression over the row's columns and member.*, such as \"total * 2\"; wrap a lookup in a STABLE function.")));

	target = linitial_node(ResTarget, stmt->targetList);
	if (target->name != NULL || target->indirection != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("%s must be an expression without a name", source->what),
				 errhint("Leave out \"%s\".", target->name ? target->name : "*")));

	return target->val;
}

/*
 * Lets column names mean the row's columns, whatever member_facts has, and
 * refuses what no later check would name as well: subqueries and "*".
 */
static bool
qualify_columns(Node *node, QualifyContext *context)
{
	if (node == NULL)
		return false;

	if (IsA(node, SubLink))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s cannot contain a subquery", context->source->what),
				 errhint("Wrap a lookup in a STABLE function.")));

	if (IsA(node, ColumnRef))
	{
		ColumnRef  *cref = (ColumnRef *) node;
		Node	   *first = (Node *) linitial(cref->fields);

		if (IsA(llast(cref->fields), A_Star))
			ereport(ERROR,
					(errcode(ERRCODE_SYNTAX_ERROR),
					 errmsg("%s cannot contain \"*\"", context->source->what),
					 errhint("Name a column.")));

		if (context->rel == NULL)
			return false;

		if (list_length(cref->fields) == 1)
		{
			AttrNumber	attno = get_attnum(RelationGetRelid(context->rel),
										   strVal(first));

			if (attno != InvalidAttrNumber)
				cref->fields = lcons(makeString(pstrdup(context->row_alias)),
									 cref->fields);
		}
		else if (list_length(cref->fields) == 3 &&
				 strcmp(strVal(first),
						get_namespace_name(RelationGetNamespace(context->rel))) == 0 &&
				 strcmp(strVal(lsecond(cref->fields)),
						RelationGetRelationName(context->rel)) == 0)
		{
			/* schema.table.column */
			cref->fields = list_make2(makeString(pstrdup(context->row_alias)),
									  lthird(cref->fields));
		}
		return false;
	}

	return raw_expression_tree_walker(node, qualify_columns, (void *) context);
}

/*
 * Raw parse tree to expression, of the type that is wanted.
 */
static Node *
analyze_expression(const ProgramRef *ref, Relation rel, Relation facts,
				   const char *row_alias, const PinSource *source, Node *raw)
{
	ParseState *pstate = make_parsestate(NULL);
	ParseNamespaceItem *item;
	Node	   *expr;
	Node	   *coerced;
	Oid			type;
	Oid			want;

	pstate->p_sourcetext = source->text;

	if (rel != NULL)
	{
		item = addRangeTableEntryForRelation(pstate, rel, AccessShareLock,
											 makeAlias(row_alias, NIL), true, true);
		addNSItemToQuery(pstate, item, false, true, true);
	}

	/* facts are to be named member.<fact>, lest a new column take their name */
	item = addRangeTableEntryForRelation(pstate, facts, AccessShareLock,
										 makeAlias(MEMBER_ALIAS, NIL), false, true);
	addNSItemToQuery(pstate, item, false, true, false);

	/* analysis may scribble on its input */
	expr = transformExpr(pstate, copyObject(raw), EXPR_KIND_SELECT_TARGET);

	if (pstate->p_hasWindowFuncs)
		ereport(ERROR,
				(errcode(ERRCODE_WINDOWING_ERROR),
				 errmsg("%s cannot contain a window function", source->what),
				 errhint("Wrap a lookup in a STABLE function.")));
	if (pstate->p_hasAggs)
		ereport(ERROR,
				(errcode(ERRCODE_GROUPING_ERROR),
				 errmsg("%s cannot contain an aggregate function", source->what),
				 errhint("Wrap a lookup in a STABLE function.")));
	if (pstate->p_hasTargetSRFs)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s cannot contain a function that returns a set", source->what),
				 errhint("Wrap a lookup in a STABLE function that returns one value.")));
	if (pstate->p_hasSubLinks)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s cannot contain a subquery", source->what),
				 errhint("Wrap a lookup in a STABLE function.")));

	type = exprType(expr);
	want = source->want_type;
	if (!OidIsValid(want) && type == UNKNOWNOID)
		want = TEXTOID;
	if (OidIsValid(want))
	{
		coerced = coerce_to_target_type(pstate, expr, type, want, -1,
										COERCION_ASSIGNMENT,
										COERCE_IMPLICIT_CAST, -1);
		if (coerced == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("%s must be of type %s, but is of type %s",
							source->what, format_type_be(want), format_type_be(type)),
					 want == BOOLOID ?
					 errhint("Write a comparison, such as \"status = 'paid'\".") :
					 errhint("Write a cast to %s.", format_type_be(want))));
		expr = coerced;
	}
	assign_expr_collations(pstate, expr);

	free_parsestate(pstate);

	return expr;
}

/*
 * Refuses what would not give the same answer when asked again.  The planner
 * looks first: it inlines functions that are declared stricter than they are.
 */
static void
check_planned(const PinSource *source, Node *expr)
{
	Node	   *planned = (Node *) expression_planner((Expr *) copyObject(expr));

	if (contain_volatile_functions(planned))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("%s cannot contain a volatile function", source->what),
				 errhint("Use functions that are STABLE or IMMUTABLE; a lookup in tables is STABLE.")));
}

/*
 * Refuses columns that a row does not have once it is written.
 */
static bool
check_columns(Node *node, void *context)
{
	const PinSource *source = (const PinSource *) context;

	if (node == NULL)
		return false;

	if (IsA(node, Var) && ((Var *) node)->varattno < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
				 errmsg("%s cannot use a system column", source->what)));

	return expression_tree_walker(node, check_columns, context);
}

/*
 * Settings under which text is read: literals mean the same whoever writes
 * them, and names mean what they will mean when the expression runs.
 */
static void
set_program_settings(const ProgramRef *ref)
{
	char	   *zone = program_zone_name(ref);

	set_local("search_path", PINNED_SEARCH_PATH);
	set_local("DateStyle", "ISO, MDY");
	set_local("IntervalStyle", "postgres");
	if (zone != NULL)
		set_local("TimeZone", zone);
}

/*
 * The program's time zone, read from its one row; NULL while there is none.
 */
static char *
program_zone_name(const ProgramRef *ref)
{
	Relation	rel = table_open(ref->relid, AccessShareLock);
	AttrNumber	attno = get_attnum(ref->relid, "time_zone");
	SysScanDesc scan;
	HeapTuple	tuple;
	char	   *zone = NULL;

	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple) && attno != InvalidAttrNumber)
	{
		bool		isnull;
		Datum		value = heap_getattr(tuple, attno, RelationGetDescr(rel), &isnull);

		if (!isnull)
			zone = TextDatumGetCString(value);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);

	return zone;
}

/*
 * Makes the view.  Nobody is meant to read it: its WHERE clause is false.
 */
static Oid
define_view(const ProgramRef *ref, const char *viewname, Relation rel,
			const char *row_alias, List *raws,
			const PinSource *sources, int nsources)
{
	ViewStmt   *stmt = makeNode(ViewStmt);
	SelectStmt *select = makeNode(SelectStmt);
	char	   *schema = get_namespace_name(ref->nspid);
	RangeVar   *table;
	A_Const    *never;
	ObjectAddress address;
	size_t		longest = 0;
	char	   *blank;
	int			i;

	for (i = 0; i < nsources; i++)
	{
		ResTarget  *target = makeNode(ResTarget);
		Node	   *raw = (Node *) list_nth(raws, i);

		/* it has been seen that an assignment would do the same */
		if (OidIsValid(sources[i].want_type))
		{
			TypeCast   *cast = makeNode(TypeCast);

			cast->arg = raw;
			cast->typeName = makeTypeNameFromOid(sources[i].want_type, -1);
			cast->location = -1;
			raw = (Node *) cast;
		}
		target->name = pstrdup(sources[i].name);
		target->val = raw;
		target->location = -1;
		select->targetList = lappend(select->targetList, target);
		longest = Max(longest, strlen(sources[i].text));
	}

	if (rel != NULL)
	{
		table = makeRangeVar(get_namespace_name(RelationGetNamespace(rel)),
							 pstrdup(RelationGetRelationName(rel)), -1);
		if (strcmp(row_alias, RelationGetRelationName(rel)) != 0)
			table->alias = makeAlias(row_alias, NIL);
		select->fromClause = lappend(select->fromClause, table);
	}
	table = makeRangeVar(schema, pstrdup("member_facts"), -1);
	table->alias = makeAlias(MEMBER_ALIAS, NIL);
	select->fromClause = lappend(select->fromClause, table);

	never = makeNode(A_Const);
	never->val.boolval.type = T_Boolean;
	never->val.boolval.boolval = false;
	never->location = -1;
	select->whereClause = (Node *) never;

	stmt->view = makeRangeVar(schema, pstrdup(viewname), -1);
	stmt->query = (Node *) select;
	stmt->withCheckOption = NO_CHECK_OPTION;

	/*
	 * The tree's positions are of several texts; give those who look them up
	 * (pg_stat_statements) something long enough and empty.
	 */
	blank = palloc(longest + 1);
	memset(blank, ' ', longest);
	blank[longest] = '\0';

	address = DefineView(stmt, blank, 0, 0);
	CommandCounterIncrement();

	return address.objectId;
}
