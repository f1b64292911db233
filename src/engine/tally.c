/*-------------------------------------------------------------------------
 *
 * tally.c
 *	  What members' events have earned and would earn, by member and unit.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/reprice.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "types/numbers.h"

#define SH_PREFIX tallies
#define SH_ELEMENT_TYPE TallyMember
#define SH_KEY_TYPE Datum
#define SH_KEY member
#define SH_HASH_KEY(tb, key) member_hash((const Program *) (tb)->private_data, key)
#define SH_EQUAL(tb, a, b) (member_cmp((const Program *) (tb)->private_data, a, b) == 0)
#define SH_SCOPE static inline
#define SH_STORE_HASH
#define SH_GET_HASH(tb, a) (a)->hash
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* see reprice.h */
Tally *
tally_create(Program *program)
{
	Tally	   *tally = palloc0(sizeof(Tally));
	MemoryContext context = CurrentMemoryContext;
	RightsSave	rights;
	uint64		i;

	tally->program = program;
	tally->context = context;
	tally->members = tallies_create(context, 1024, program);

	/* units of earlier versions may be gone */
	rights_enter(program->ref.owner, SECURITY_NOFORCE_RLS, &rights);
	SPI_connect();
	if (SPI_execute(psprintf("SELECT DISTINCT unit_no::pg_catalog.int4 FROM %s.unit_version"
							 " ORDER BY 1", quote_identifier(program->ref.name)),
					true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the units: %s", SPI_result_code_string(SPI_result));
	MemoryContextSwitchTo(context);
	tally->nunits = (int) SPI_processed;
	tally->unit_no = palloc(sizeof(int32) * Max(1, tally->nunits));
	for (i = 0; i < SPI_processed; i++)
	{
		bool		isnull;

		tally->unit_no[i] = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[i],
														SPI_tuptable->tupdesc, 1, &isnull));
		tally->max_unit_no = tally->unit_no[i];
	}
	SPI_finish();
	rights_leave(&rights);
	tally->slot_of = palloc0(sizeof(int) * (tally->max_unit_no + 1));
	for (i = 0; i < tally->nunits; i++)
		tally->slot_of[tally->unit_no[i]] = (int) i;
	return tally;
}

/* see reprice.h */
TallyMember *
tally_member(Tally *tally, Datum member)
{
	bool		found;
	TallyMember *result = tallies_insert(tally->members, member, &found);

	if (!found)
	{
		MemoryContext old = MemoryContextSwitchTo(tally->context);

		result->member = member_copy(tally->program, member);
		result->standing = 0;
		result->events = 0;
		result->before = palloc0(sizeof(Points) * tally->nunits * 2);
		result->after = result->before + tally->nunits;
		MemoryContextSwitchTo(old);
	}
	return result;
}

static int
tally_order(const void *a, const void *b, void *program)
{
	return member_cmp((const Program *) program, (*(TallyMember *const *) a)->member,
					  (*(TallyMember *const *) b)->member);
}

/* The name of a unit: as it is now, or by its number if it is gone. */
static const char *
unit_name(Program *program, int32 unit_no)
{
	int			i;

	for (i = 0; i < program->rules->nunits; i++)
	{
		if (program->rules->units[i].unit_no == unit_no)
			return program->rules->units[i].name;
	}
	return psprintf("(unit %d)", unit_no);
}

/* see reprice.h */
void
tally_report(Tally *tally, ReturnSetInfo *result)
{
	Program    *program = tally->program;
	TallyMember **members;
	TallyMember *member;
	tallies_iterator it;
	int			n = 0;
	int			i;
	int			k;

	members = MemoryContextAllocHuge(tally->context, sizeof(TallyMember *) *
									 Max(1, tally->members->members));
	tallies_start_iterate(tally->members, &it);
	while ((member = tallies_iterate(tally->members, &it)) != NULL)
	{
		if (memcmp(member->before, member->after, sizeof(Points) * tally->nunits) != 0)
			members[n++] = member;
	}
	qsort_arg(members, n, sizeof(TallyMember *), tally_order, program);
	for (i = 0; i < n; i++)
	{
		member = members[i];
		for (k = 0; k < tally->nunits; k++)
		{
			Datum		values[6];
			bool		nulls[6] = {false};
			Points		difference;

			if (member->before[k] == member->after[k])
				continue;
			CHECK_FOR_INTERRUPTS();
			core_check(points_sub(member->after[k], member->before[k], &difference) ?
					   CORE_OK : CORE_RANGE);
			values[0] = CStringGetTextDatum(member_text(program, member->member));
			values[1] = CStringGetTextDatum(unit_name(program, tally->unit_no[k]));
			values[2] = Int64GetDatum(member->events);
			values[3] = NumericGetDatum(points_to_numeric(member->before[k]));
			values[4] = NumericGetDatum(points_to_numeric(member->after[k]));
			values[5] = NumericGetDatum(points_to_numeric(difference));
			tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
		}
	}
}
