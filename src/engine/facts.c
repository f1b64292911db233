/*-------------------------------------------------------------------------
 *
 * facts.c
 *	  What expressions read of a member, as it is now.
 *
 * Most of it the account knows, which is locked and at hand; the rest is read
 * from the member's row.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relation.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/tableam.h"
#include "executor/executor.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "engine/facts.h"
#include "engine/tiers.h"
#include "types/numbers.h"

/* see facts.h */
TupleTableSlot *
facts_slot(const Program *program)
{
	Relation	facts = relation_open(program->member_facts, AccessShareLock);
	TupleTableSlot *slot;

	slot = MakeSingleTupleTableSlot(CreateTupleDescCopy(RelationGetDescr(facts)),
									&TTSOpsVirtual);
	relation_close(facts, AccessShareLock);
	return slot;
}

/* see facts.h */
bool
fact_is_read(const Bitmapset *read, int attno)
{
	return bms_is_member(attno - FirstLowInvalidHeapAttributeNumber, read) ||
		bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, read);
}

/* What only the table member knows. */
static void
read_member(TupleTableSlot *slot, Program *program, Snapshot snapshot,
			const AccountState *account)
{
	Datum	   *values = slot->tts_values;
	bool	   *isnull = slot->tts_isnull;
	Relation	rel = table_open(program->member, AccessShareLock);
	Relation	index = index_open(loyalty_primary_key(rel), AccessShareLock);
	TupleTableSlot *row = table_slot_create(rel, NULL);
	ScanKeyData key;
	IndexScanDesc scan;

	ScanKeyEntryInitialize(&key, 0, 1, BTEqualStrategyNumber, InvalidOid,
						   index->rd_indcollation[0],
						   equality_function(program->ref.member_type), account->member);
	scan = loyalty_index_beginscan(rel, index, snapshot, 1, 0);
	index_rescan(scan, &key, 1, NULL, 0);
	if (index_getnext_slot(scan, ForwardScanDirection, row))
	{
		bool		null;
		Datum		value = slot_getattr(row, get_attnum(RelationGetRelid(rel), "birthday"),
										 &null);

		values[FACT_BIRTHDAY - 1] = value;
		isnull[FACT_BIRTHDAY - 1] = null;
		value = slot_getattr(row, get_attnum(RelationGetRelid(rel), "attributes"), &null);
		isnull[FACT_ATTRIBUTES - 1] = null;
		if (!null)
			values[FACT_ATTRIBUTES - 1] = PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
	}
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(row);
	index_close(index, AccessShareLock);
	table_close(rel, AccessShareLock);
}

/* The tiers. */
static void
fill_tiers(TupleTableSlot *slot, AccountState *account, const char **held)
{
	const TierConfig *config = account_tier_config(account);
	const char *first = NULL;
	const char *json = NULL;

	if (config)
	{
		if (held == NULL)
		{
			held = palloc0(sizeof(char *) * config->ngroups);
			tiers_held(NULL, account, account->now, held);
		}
		first = tiers_first(config, held);
		json = tiers_json(config, held);
	}
	slot->tts_isnull[FACT_TIER - 1] = first == NULL;
	if (first)
		slot->tts_values[FACT_TIER - 1] = CStringGetTextDatum(first);
	slot->tts_isnull[FACT_TIERS - 1] = false;
	slot->tts_values[FACT_TIERS - 1] =
		DirectFunctionCall1(jsonb_in, CStringGetDatum(json ? json : "{}"));
}

/* see facts.h */
void
facts_fill(TupleTableSlot *slot, Program *program, Snapshot snapshot,
		   AccountState *account, const Bitmapset *read, const char **held)
{
	Datum	   *values = slot->tts_values;
	bool	   *isnull = slot->tts_isnull;

	ExecClearTuple(slot);
	memset(isnull, true, sizeof(bool) * slot->tts_tupleDescriptor->natts);
	if (fact_is_read(read, FACT_BIRTHDAY) || fact_is_read(read, FACT_ATTRIBUTES))
		read_member(slot, program, snapshot, account);

	values[FACT_MEMBER_ID - 1] = account->member;
	isnull[FACT_MEMBER_ID - 1] = false;
	values[FACT_JOINED_AT - 1] = TimestampTzGetDatum(account->joined_at);
	isnull[FACT_JOINED_AT - 1] = false;
	if (account->zone_name)
	{
		values[FACT_TIME_ZONE - 1] = CStringGetTextDatum(account->zone_name);
		isnull[FACT_TIME_ZONE - 1] = false;
	}
	values[FACT_STATUS - 1] = CStringGetTextDatum(account->status == ACCOUNT_ACTIVE ? "active" :
												  account->status == ACCOUNT_BLOCKED ? "blocked" :
												  "closed");
	isnull[FACT_STATUS - 1] = false;
	values[FACT_PURCHASES - 1] = Int64GetDatum(account->purchases);
	isnull[FACT_PURCHASES - 1] = false;
	if (fact_is_read(read, FACT_SPEND))
	{
		values[FACT_SPEND - 1] = NumericGetDatum(points_to_numeric(account->spend));
		isnull[FACT_SPEND - 1] = false;
	}
	values[FACT_FIRST_PURCHASE_AT - 1] = TimestampTzGetDatum(account->first_purchase_at);
	isnull[FACT_FIRST_PURCHASE_AT - 1] = !account->has_purchase;
	values[FACT_LAST_PURCHASE_AT - 1] = TimestampTzGetDatum(account->last_purchase_at);
	isnull[FACT_LAST_PURCHASE_AT - 1] = !account->has_purchase;
	if (fact_is_read(read, FACT_TIER) || fact_is_read(read, FACT_TIERS))
		fill_tiers(slot, account, held);
	ExecStoreVirtualTuple(slot);
}
