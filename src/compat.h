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
#else
#define loyalty_proc_aclcheck(funcid, roleid) \
	pg_proc_aclcheck((funcid), (roleid), ACL_EXECUTE)
#endif

/* a range table for the executor: permissions stand apart since 16 */
#if PG_VERSION_NUM >= 160000
#define loyalty_init_range_table(estate, range_table) \
	do { \
		List	   *permissions_ = NIL; \
		ListCell   *cell_; \
		foreach(cell_, range_table) \
			(void) addRTEPermissionInfo(&permissions_, lfirst_node(RangeTblEntry, cell_)); \
		loyalty_exec_init_range_table((estate), (range_table), permissions_); \
	} while (0)
#if PG_VERSION_NUM >= 180000
#define loyalty_exec_init_range_table(estate, range_table, permissions) \
	ExecInitRangeTable((estate), (range_table), (permissions), \
					   bms_add_range(NULL, 1, list_length(range_table)))
#else
#define loyalty_exec_init_range_table(estate, range_table, permissions) \
	ExecInitRangeTable((estate), (range_table), (permissions))
#endif
#else
#define loyalty_init_range_table(estate, range_table) \
	ExecInitRangeTable((estate), (range_table))
#endif

/* keys that may be deferred are asked for since 18, which counts searches, too */
#if PG_VERSION_NUM >= 180000
#define loyalty_primary_key(rel) RelationGetPrimaryKeyIndex((rel), false)
#define loyalty_index_beginscan(heap, index, snapshot, nkeys, norderbys) \
	index_beginscan((heap), (index), (snapshot), NULL, (nkeys), (norderbys))
#else
#define loyalty_primary_key(rel) RelationGetPrimaryKeyIndex(rel)
#define loyalty_index_beginscan(heap, index, snapshot, nkeys, norderbys) \
	index_beginscan((heap), (index), (snapshot), (nkeys), (norderbys))
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

/* forms of ALTER TABLE that change who is a partition or child of whom */
#define loyalty_changes_partitions(subtype) \
	((subtype) == AT_AttachPartition || (subtype) == AT_DetachPartition || \
	 (subtype) == AT_DetachPartitionFinalize || \
	 (subtype) == AT_AddInherit || (subtype) == AT_DropInherit || \
	 loyalty_reshapes_partitions(subtype))
#if PG_VERSION_NUM >= 190000
#define loyalty_reshapes_partitions(subtype) \
	((subtype) == AT_SplitPartition || (subtype) == AT_MergePartitions)
#else
#define loyalty_reshapes_partitions(subtype) false
#endif

/* functions that only throw dice: random() has overloads since 17 */
#if PG_VERSION_NUM >= 170000
#define loyalty_is_random(funcid) \
	((funcid) == F_RANDOM_ || (funcid) == F_RANDOM_INT4_INT4 || \
	 (funcid) == F_RANDOM_INT8_INT8 || (funcid) == F_RANDOM_NUMERIC_NUMERIC)
#else
#define loyalty_is_random(funcid) ((funcid) == F_RANDOM)
#endif

/* writing rows and their index entries: indexes that summarize stand apart since 16 */
#if PG_VERSION_NUM >= 160000
#define loyalty_insert_index_tuples(info, slot, estate) \
	ExecInsertIndexTuples((info), (slot), (estate), false, false, NULL, NIL, false)
#define loyalty_update_index_tuples(info, slot, estate, which) \
	ExecInsertIndexTuples((info), (slot), (estate), false, false, NULL, NIL, \
						  (which) == TU_Summarizing)
#define loyalty_eval_plan_qual_init(epq, estate) \
	EvalPlanQualInit((epq), (estate), NULL, NIL, -1, NIL)
#else
#define TU_UpdateIndexes bool
#define TU_None false
#define loyalty_insert_index_tuples(info, slot, estate) \
	ExecInsertIndexTuples((info), (slot), (estate), false, false, NULL, NIL)
#define loyalty_update_index_tuples(info, slot, estate, which) \
	loyalty_insert_index_tuples((info), (slot), (estate))
#define loyalty_eval_plan_qual_init(epq, estate) \
	EvalPlanQualInit((epq), (estate), NULL, NIL, -1)
#endif

/* may a role act as another? */
#if PG_VERSION_NUM >= 160000
#define loyalty_check_can_be(member, role) check_can_set_role((member), (role))
#else
#define loyalty_check_can_be(member, role) check_is_member_of_role((member), (role))
#endif

#endif							/* LOYALTY_COMPAT_H */
