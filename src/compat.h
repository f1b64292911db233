/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  Differences between the server's major versions.
 *
 * Code is written for the newest server; what an older one lacks is made up
 * for here.  Every test of PG_VERSION_NUM stands in this file.  Include it
 * after postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_COMPAT_H
#define LOYALTY_COMPAT_H

/* accessors of variable-length values have moved out of postgres.h */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/*
 * Soft errors: input functions report through their caller's context, so that
 * pg_input_is_valid() and the like need no subtransaction.  Before 16 an
 * error is an error.
 */
#if PG_VERSION_NUM >= 160000
#include "nodes/miscnodes.h"
#else
#define ereturn(context, dummy_value, ...) \
	do { \
		(void) (context); \
		ereport(ERROR, __VA_ARGS__); \
		return dummy_value; \
	} while (0)
#endif

/* Functions that do not return are marked in front since 18. */
#if PG_VERSION_NUM < 180000
#define pg_noreturn __attribute__((noreturn))
#endif

/* privileges: one function for all kinds of objects since 16 */
#if PG_VERSION_NUM >= 160000
#define loyalty_proc_aclcheck(funcid, roleid) \
	object_aclcheck(ProcedureRelationId, (funcid), (roleid), ACL_EXECUTE)
#define loyalty_database_aclcheck(dbid, roleid, mode) \
	object_aclcheck(DatabaseRelationId, (dbid), (roleid), (mode))
#else
#define loyalty_proc_aclcheck(funcid, roleid) \
	pg_proc_aclcheck((funcid), (roleid), ACL_EXECUTE)
#define loyalty_database_aclcheck(dbid, roleid, mode) \
	pg_database_aclcheck((dbid), (roleid), (mode))
#endif

/* which transaction of this backend it is */
#if PG_VERSION_NUM >= 170000
#define loyalty_my_lxid()	(MyProc->vxid.lxid)
#else
#define loyalty_my_lxid()	(MyProc->lxid)
#endif

/*
 * Virtual generated columns are not computed in the rows triggers see, so
 * expressions that read them read what they are computed from.
 */
#if PG_VERSION_NUM >= 180000
#define loyalty_expand_virtual_columns(node, rel, varno) \
	expand_generated_columns_in_expr((node), (rel), (varno))
#else
#define loyalty_expand_virtual_columns(node, rel, varno) (node)
#endif

#endif							/* LOYALTY_COMPAT_H */
