/*-------------------------------------------------------------------------
 *
 * voucher_left.c
 *	  Whether a pool has codes enough for a redemption, before anybody redeems.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "engine/plan.h"
#include "engine/voucher.h"
#include "engine/voucher_call.h"

/* How many codes of a pool nobody has; no more than wanted are counted. */
static int64
count_free(Program *program, const VoucherPool *pool, int32 wanted, TimestampTz now)
{
	static const char query[] =
	"SELECT count(*) FROM (SELECT FROM %s.voucher AS v WHERE v.pool_no = $1 AND v.in_stock"
	" AND (v.held_until IS NULL OR v.held_until <= $2)"
	" AND (v.valid_until IS NULL OR v.valid_until > $2) LIMIT $3) AS f";
	Oid			types[3] = {INT4OID, TIMESTAMPTZOID, INT4OID};
	Datum		values[3] = {Int32GetDatum(pool->pool_no), TimestampTzGetDatum(now),
	Int32GetDatum(wanted)};
	bool		isnull;

	plan_execute(program, query, query, 3, types, values, true, SPI_OK_SELECT);
	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

/* see voucher.h */
bool
voucher_suffices(Program *program, const char *pool_name, int32 wanted, TimestampTz now,
				 Refusal *refusal)
{
	MemoryContext caller = CurrentMemoryContext;
	VoucherRights rights;
	VoucherPool pool;
	bool		open;
	bool		enough = true;

	voucher_enter(program, &rights);
	pool_by_name(program, pool_name, &pool);
	if (!pool.endless)
		enough = count_free(program, &pool, wanted, now) >= wanted;
	MemoryContextSwitchTo(caller);
	open = pool_is_open(&pool, now, refusal);
	if (open && !enough)
		pool_empty(&pool, refusal);
	voucher_leave(&rights);
	return open && enough;
}
