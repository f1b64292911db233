/*-------------------------------------------------------------------------
 *
 * tier_path.c
 *	  The stays of a member, in memory and as table tier_change has them.
 *
 * What later rows of the table say of an instant holds.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/arrays.h"
#include "engine/tiers.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "engine/layout.h"

static const char *const cause_names[] = {NULL, "entry", "expiry", "late row", "by hand",
"configuration", "for life"};

/* -------- stays in memory -------- */

/* see tiers.h */
void
tier_path_add(TierPath *path, const TierStay *stay)
{
	if (path->count == path->capacity)
		path->stays = array_grow(CurrentMemoryContext, path->stays, sizeof(TierStay),
								 &path->capacity, 4);
	path->stays[path->count++] = *stay;
}

/* see tiers.h */
const TierStay *
tier_path_find(const TierPath *path, int group, Instant at)
{
	int			i;

	for (i = path->count - 1; i >= 0; i--)
	{
		if (path->stays[i].group == group && path->stays[i].at <= at)
			return &path->stays[i];
	}
	return NULL;
}

/* Whether a stay began by what was earned then. */
static bool
is_earned(const TierStay *stay)
{
	return stay->cause == TIER_ENTRY || stay->cause == TIER_LATE;
}

/* see tiers.h */
const TierStay *
tier_path_before(const TierPath *path, int group, Instant at)
{
	int			i;

	for (i = path->count - 1; i >= 0; i--)
	{
		const TierStay *stay = &path->stays[i];

		if (stay->group == group &&
			(stay->at < at || (stay->at == at && !is_earned(stay))))
			return stay;
	}
	return NULL;
}

/* see tiers.h: looks from the end, for what is cut is there */
void
tier_path_cut(TierPath *path, int group, Instant at)
{
	int			first = path->count;
	int			n;
	int			i;

	for (i = path->count - 1; i >= 0; i--)
	{
		if (path->stays[i].group != group)
			continue;
		if (path->stays[i].at < at)
			break;
		first = i;
	}
	for (n = i = first; i < path->count; i++)
	{
		if (path->stays[i].group != group)
			path->stays[n++] = path->stays[i];
	}
	path->count = n;
}

/* see tiers.h */
void
tier_path_copy(TierPath *to, const TierPath *from)
{
	int			i;

	to->count = 0;
	for (i = 0; i < from->count; i++)
		tier_path_add(to, &from->stays[i]);
}

/* -------- the table -------- */

/* see tiers.h */
const char *
tier_cause_name(TierCause cause)
{
	return cause_names[cause];
}

/* The cause that a row names. */
static TierCause
cause_named(Datum name)
{
	text	   *value = DatumGetTextPP(name);
	int			length = VARSIZE_ANY_EXHDR(value);
	int			c;

	for (c = 1; c < lengthof(cause_names); c++)
	{
		if (strlen(cause_names[c]) == length &&
			memcmp(cause_names[c], VARDATA_ANY(value), length) == 0)
			return (TierCause) c;
	}
	elog(ERROR, "unexpected cause of a change of tiers");
}

/* The stay that a row of the table tells of; its group is not known yet. */
static TierStay
stay_of_row(TupleTableSlot *slot)
{
	const Datum *values = slot->tts_values;
	const bool *isnull = slot->tts_isnull;
	TierStay	stay = {0};

	slot_getallattrs(slot);
	stay.state.group_no = DatumGetInt16(values[TIER_CHANGE_GROUP_NO]);
	stay.at = DatumGetTimestampTz(values[TIER_CHANGE_OCCURRED_AT]);
	stay.posted_at = DatumGetTimestampTz(values[TIER_CHANGE_POSTED_AT]);
	stay.state.since = DatumGetTimestampTz(values[TIER_CHANGE_SINCE]);
	stay.state.until = DatumGetTimestampTz(values[TIER_CHANGE_UNTIL]);
	stay.state.counted_at = DatumGetTimestampTz(values[TIER_CHANGE_COUNTED_AT]);
	stay.cause = cause_named(values[TIER_CHANGE_CAUSE]);
	if (!isnull[TIER_CHANGE_TIER_NO])
		stay.state.tier_no = DatumGetInt32(values[TIER_CHANGE_TIER_NO]);
	if (!isnull[TIER_CHANGE_GIVEN_TIER_NO])
		stay.state.given = DatumGetInt32(values[TIER_CHANGE_GIVEN_TIER_NO]);
	if (!isnull[TIER_CHANGE_GIVEN_UNTIL])
		stay.state.given_until = DatumGetTimestampTz(values[TIER_CHANGE_GIVEN_UNTIL]);
	if (!isnull[TIER_CHANGE_LIFE_TIER_NO])
		stay.state.life = DatumGetInt32(values[TIER_CHANGE_LIFE_TIER_NO]);
	if (!isnull[TIER_CHANGE_OPERATION_NO])
		stay.operation_no = DatumGetInt64(values[TIER_CHANGE_OPERATION_NO]);
	return stay;
}

/* Whether a stay that has been read, or that of which it tells more, began just after it was counted. */
static bool
is_renewed(const TierPath *path, const TierStay *stay)
{
	int			i;

	for (i = path->count - 1; i >= 0; i--)
	{
		const TierStay *known = &path->stays[i];

		if (known->group != stay->group || known->at > stay->at)
			continue;
		if (known->state.counted_at == stay->state.counted_at)
			return known->state.renewed;
		if (known->state.counted_at < stay->state.counted_at)
			break;
	}
	return stay->state.counted_at == stay->at - 1;
}

/*
 * The snapshot to read the table with: the account may have been locked after
 * that of the ledger was taken, and what this ledger has written is wanted too.
 */
static Snapshot
stays_snapshot(Ledger *ledger)
{
	if (ledger->dry)
		return RegisterSnapshot(ledger->snapshot);
	CommandCounterIncrement();
	return RegisterSnapshot(GetTransactionSnapshot());
}

/* rows of a member that are being read, by number */
typedef struct StayScan
{
	Snapshot	snapshot;
	Relation	rel;
	Relation	index;
	TupleTableSlot *slot;
	IndexScanDesc scan;
	ScanKeyData key;
} StayScan;

/* Begins to read. */
static void
scan_open(Ledger *ledger, Datum member, StayScan *scan)
{
	Program    *program = ledger->program;

	scan->snapshot = stays_snapshot(ledger);
	scan->rel = table_open(program->tier_change, AccessShareLock);
	scan->index = index_open(loyalty_primary_key(scan->rel), AccessShareLock);
	scan->slot = table_slot_create(scan->rel, NULL);
	scan->scan = loyalty_index_beginscan(scan->rel, scan->index, scan->snapshot, 1, 0);
	ScanKeyEntryInitialize(&scan->key, 0, 1, BTEqualStrategyNumber, InvalidOid,
						   scan->index->rd_indcollation[0],
						   equality_function(program->ref.member_type), member);
	index_rescan(scan->scan, &scan->key, 1, NULL, 0);
}

/* The next row, or the one before, of a group that there is; false if there is none. */
static bool
scan_next(StayScan *scan, const TierConfig *config, ScanDirection direction, TierStay *stay)
{
	while (index_getnext_slot(scan->scan, direction, scan->slot))
	{
		CHECK_FOR_INTERRUPTS();
		*stay = stay_of_row(scan->slot);
		while (stay->group < config->ngroups &&
			   config->groups[stay->group].group_no != stay->state.group_no)
			stay->group++;
		if (stay->group < config->ngroups)
			return true;
	}
	return false;
}

/* Ends it. */
static void
scan_close(StayScan *scan)
{
	index_endscan(scan->scan);
	ExecDropSingleTupleTableSlot(scan->slot);
	index_close(scan->index, AccessShareLock);
	table_close(scan->rel, AccessShareLock);
	UnregisterSnapshot(scan->snapshot);
}

/*
 * Takes away what a row says anew: all of its group from its instant on.  What was
 * given by hand at that very instant stays, unless the row tells of that again, and
 * what was earned comes after all that began then.
 */
static void
unsay(TierPath *path, const TierStay *row)
{
	int			first = path->count;
	int			n;
	int			i;

	/* from the end, for what is taken away is there */
	for (i = path->count - 1; i >= 0; i--)
	{
		if (path->stays[i].group != row->group)
			continue;
		if (path->stays[i].at < row->at)
			break;
		first = i;
	}
	for (n = i = first; i < path->count; i++)
	{
		const TierStay *stay = &path->stays[i];

		if (stay->group != row->group ||
			(stay->at == row->at &&
			 (is_earned(row) ||
			  (stay->cause == TIER_BY_HAND &&
			   (row->cause != TIER_BY_HAND || stay->operation_no < row->operation_no)))))
			path->stays[n++] = *stay;
	}
	path->count = n;
}

/* see tiers.h */
void
tier_path_read(Ledger *ledger, Datum member, const TierConfig *config, Instant known_at,
			   TierPath *path)
{
	StayScan	scan;
	TierStay	stay;

	path->count = 0;
	scan_open(ledger, member, &scan);
	while (scan_next(&scan, config, ForwardScanDirection, &stay))
	{
		if (stay.posted_at > known_at)
			continue;
		stay.state.renewed = is_renewed(path, &stay);
		unsay(path, &stay);
		tier_path_add(path, &stay);
	}
	scan_close(&scan);
}

/* see tiers.h */
int64
tier_path_last_no(Ledger *ledger, Datum member)
{
	StayScan	scan;
	int64		last = 0;

	scan_open(ledger, member, &scan);
	if (index_getnext_slot(scan.scan, BackwardScanDirection, scan.slot))
	{
		slot_getallattrs(scan.slot);
		last = DatumGetInt64(scan.slot->tts_values[TIER_CHANGE_CHANGE_NO]);
	}
	scan_close(&scan);
	return last;
}

/* see tiers.h: the last row that says anything of the instant */
bool
tier_stay_read(Ledger *ledger, Datum member, const TierConfig *config, int group, Instant at,
			   Instant known_at, TierStay *stay, Instant *last)
{
	StayScan	scan;
	bool		found = false;

	*last = INSTANT_ALWAYS;
	scan_open(ledger, member, &scan);
	while (!found && scan_next(&scan, config, BackwardScanDirection, stay))
	{
		if (stay->posted_at > known_at)
			continue;
		*last = Max(*last, stay->posted_at);
		found = stay->group == group && stay->at <= at;
	}
	scan_close(&scan);
	return found;
}
