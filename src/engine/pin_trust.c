/*-------------------------------------------------------------------------
 *
 * pin_trust.c
 *	  Whose code may an expression run?
 *
 * It will run with the rights of the program's owner, whoever wrote it.  So its
 * functions, and those that come with its types, are the owner's or a
 * superuser's, and who wrote it may execute them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_cast.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "compat.h"
#include "engine/pin_trust.h"

/* for walking an analyzed expression */
typedef struct TrustContext
{
	const PinSource *source;
	Oid			owner;			/* the program's */
	Oid			writer;			/* who wrote the expression */
} TrustContext;

static bool check_node(Node *node, TrustContext *context);
static bool check_function(Oid funcid, void *arg);
static void check_type(Oid typid, bool constructs, TrustContext *context, int depth);
static void check_json_cast(Oid typid, TrustContext *context);


/* see pin_trust.h */
void
pin_check_trust(const PinSource *source, Oid owner, Oid writer, Node *expr)
{
	TrustContext context = {source, owner, writer};

	check_node(expr, &context);
}

/*
 * Refuses functions and types by which somebody else's code would run with
 * the rights of the program's owner.
 */
static bool
check_node(Node *node, TrustContext *context)
{
	bool		constructs;

	if (node == NULL)
		return false;

	check_functions_in_node(node, check_function, (void *) context);

	switch (nodeTag(node))
	{
		case T_List:
		case T_CaseWhen:
			break;
		case T_Var:
		case T_FieldSelect:
		case T_RelabelType:
		case T_CaseExpr:
		case T_CaseTestExpr:
		case T_CoalesceExpr:
		case T_MinMaxExpr:
		case T_NullIfExpr:
		case T_CollateExpr:
		case T_CoerceToDomainValue:
		case T_SubscriptingRef:
			/* hands on a value that was made elsewhere */
			constructs = false;
			check_type(exprType(node), constructs, context, 0);
			break;
		default:
			constructs = true;
			check_type(exprType(node), constructs, context, 0);
			break;
	}

	return expression_tree_walker(node, check_node, (void *) context);
}

/*
 * May this function be used?  (The return value is the walker's: go on.)
 */
static bool
check_function(Oid funcid, void *arg)
{
	TrustContext *context = (TrustContext *) arg;
	HeapTuple	tuple;
	Form_pg_proc proc;
	AclResult	result;

	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", funcid);
	proc = (Form_pg_proc) GETSTRUCT(tuple);

	if (proc->proowner != context->owner && !superuser_arg(proc->proowner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("%s cannot use function %s", context->source->what,
						format_procedure(funcid)),
				 errdetail("The function belongs to role \"%s\" and would run with the rights of the program's owner \"%s\".",
						   GetUserNameFromId(proc->proowner, false),
						   GetUserNameFromId(context->owner, false)),
				 errhint("Use a function of the program's owner or of a superuser.")));

	ReleaseSysCache(tuple);

	result = loyalty_proc_aclcheck(funcid, context->writer);
	if (result != ACLCHECK_OK)
		aclcheck_error(result, OBJECT_FUNCTION, format_procedure(funcid));

	result = loyalty_proc_aclcheck(funcid, context->owner);
	if (result != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("%s cannot use function %s", context->source->what,
						format_procedure(funcid)),
				 errdetail("The program's owner \"%s\" may not execute it.",
						   GetUserNameFromId(context->owner, false)),
				 errhint("GRANT EXECUTE on the function to \"%s\".",
						 GetUserNameFromId(context->owner, false))));

	return false;
}

/*
 * May a value of this type occur, or even be made?  Making one runs the checks
 * of a domain and the canonical function of a range.
 */
static void
check_type(Oid typid, bool constructs, TrustContext *context, int depth)
{
	HeapTuple	tuple;
	FormData_pg_type form;
	Oid			element;

	if (typid < FirstUnpinnedObjectId || depth > 20)
		return;

	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(typid));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", typid);
	form = *((Form_pg_type) GETSTRUCT(tuple));
	ReleaseSysCache(tuple);

	if (isAnyTempNamespace(form.typnamespace))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("%s cannot use temporary type %s", context->source->what,
						format_type_be(typid))));

	check_json_cast(typid, context);

	if (constructs &&
		(form.typtype == TYPTYPE_DOMAIN ||
		 form.typtype == TYPTYPE_RANGE ||
		 form.typtype == TYPTYPE_MULTIRANGE) &&
		form.typowner != context->owner && !superuser_arg(form.typowner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("%s cannot use type %s", context->source->what,
						format_type_be(typid)),
				 errdetail("The type belongs to role \"%s\", and its functions would run with the rights of the program's owner \"%s\".",
						   GetUserNameFromId(form.typowner, false),
						   GetUserNameFromId(context->owner, false)),
				 errhint("Use a type of the program's owner or of a superuser, or cast to a built-in type.")));

	switch (form.typtype)
	{
		case TYPTYPE_DOMAIN:
			check_type(form.typbasetype, constructs, context, depth + 1);
			break;
		case TYPTYPE_RANGE:
			check_type(get_range_subtype(typid), constructs, context, depth + 1);
			break;
		case TYPTYPE_MULTIRANGE:
			check_type(get_multirange_range(typid), constructs, context, depth + 1);
			break;
		case TYPTYPE_COMPOSITE:
			{
				TupleDesc	desc = lookup_rowtype_tupdesc(typid, -1);
				int			i;

				for (i = 0; i < desc->natts; i++)
					if (!TupleDescAttr(desc, i)->attisdropped)
						check_type(TupleDescAttr(desc, i)->atttypid, constructs,
								   context, depth + 1);
				ReleaseTupleDesc(desc);
				break;
			}
		default:
			element = get_element_type(typid);
			if (OidIsValid(element))
				check_type(element, constructs, context, depth + 1);
			break;
	}
}

/*
 * to_jsonb() and its kin call a type's cast to json without being asked.
 */
static void
check_json_cast(Oid typid, TrustContext *context)
{
	HeapTuple	tuple;
	Oid			funcid;

	tuple = SearchSysCache2(CASTSOURCETARGET, ObjectIdGetDatum(typid),
							ObjectIdGetDatum(JSONOID));
	if (!HeapTupleIsValid(tuple))
		return;
	funcid = ((Form_pg_cast) GETSTRUCT(tuple))->castfunc;
	ReleaseSysCache(tuple);

	if (OidIsValid(funcid))
		check_function(funcid, (void *) context);
}
