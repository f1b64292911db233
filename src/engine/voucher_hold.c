/*-------------------------------------------------------------------------
 *
 * voucher_hold.c
 *	  Codes set aside for rewards that are held.
 *
 * Such a code stays in stock, and says for which hold it is set aside and until
 * when.  Nothing has to run at the deadline: after it the code is one that nobody
 * has, and whoever draws may take it.  Until then nobody is told that it exists.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "engine/voucher_call.h"
#include "types/code.h"

/* Writes for which hold a code is set aside. */
static void
set_aside(Program *program, const char *code, int64 redemption_no, TimestampTz deadline)
{
	static const char query[] =
	"UPDATE %s.voucher AS v SET held_for = $2, held_until = $3 WHERE v.code = $1";
	Oid			types[3] = {TEXTOID, INT8OID, TIMESTAMPTZOID};
	Datum		values[3] = {CStringGetTextDatum(code), Int64GetDatum(redemption_no),
	TimestampTzGetDatum(deadline)};

	plan_execute(program, query, query, 3, types, values, false, SPI_OK_UPDATE);
}

/* see voucher.h */
bool
voucher_hold(Program *program, const char *pool_name, int64 redemption_no, int32 pieces,
			 TimestampTz now, TimestampTz deadline)
{
	VoucherRights rights;
	VoucherPool pool;
	int32		i;

	voucher_enter(program, &rights);
	pool_by_name(program, pool_name, &pool);
	voucher_require_open(program, &pool, now);
	for (i = 0; !pool.endless && i < pieces; i++)
		set_aside(program, voucher_find_free(program, &pool, now, deadline, i == 0),
				  redemption_no, deadline);
	voucher_leave(&rights);
	return !pool.endless;
}

/* A code that is given from the stock of its pool. */
static void
hand_over(Program *program, const char *code, int32 pool_no, Datum member,
		  int64 redemption_no, TimestampTz now, TimestampTz valid_until)
{
	VoucherPool pool;

	if (valid_until == DT_NOEND)
	{
		if (!pool_by_number(program, pool_no, &pool))
			elog(ERROR, "there is no pool of codes %d", pool_no);
		core_check(period_end(&pool.expires, now, &program->rules->zone, &valid_until));
	}
	voucher_give(program, code, member, redemption_no, now, valid_until);
}

/* see voucher.h */
int32
voucher_capture(Program *program, Datum member, int64 redemption_no, int32 pieces,
				TimestampTz now, TimestampTz valid_until, char **codes)
{
	static const char query[] =
	"SELECT v.code, v.written, v.pool_no FROM %s.voucher AS v WHERE v.held_for = $1 AND v.in_stock"
	" ORDER BY v.code LIMIT $2 FOR NO KEY UPDATE";
	Oid			types[2] = {INT8OID, INT4OID};
	Datum		values[2] = {Int64GetDatum(redemption_no), Int32GetDatum(pieces)};
	VoucherRights rights;
	StringInfoData list;
	int32		found;
	char	  **taken;
	int32	   *pools;
	int32		i;

	initStringInfo(&list);
	voucher_enter(program, &rights);
	plan_execute(program, query, query, 2, types, values, false, SPI_OK_SELECT);
	found = (int32) SPI_processed;
	taken = palloc(sizeof(char *) * (found + 1));
	pools = palloc(sizeof(int32) * (found + 1));
	for (i = 0; i < found; i++)
	{
		ConfigTuple row = config_result(i);
		char	   *written = tuple_text(&row, "written");

		taken[i] = tuple_text(&row, "code");
		pools[i] = tuple_int(&row, "pool_no");
		appendStringInfo(&list, "%s%s", i > 0 ? ", " : "",
						 written ? written : code_to_text(taken[i]));
	}
	for (i = 0; i < found; i++)
		hand_over(program, taken[i], pools[i], member, redemption_no, now, valid_until);
	voucher_leave(&rights);
	*codes = found > 0 ? list.data : NULL;
	return found;
}

/* see voucher.h */
void
voucher_release(Program *program, int64 redemption_no)
{
	static const char query[] =
	"UPDATE %s.voucher AS v SET held_for = NULL, held_until = NULL"
	" WHERE v.held_for = $1 AND v.in_stock";
	Oid			types[1] = {INT8OID};
	Datum		values[1] = {Int64GetDatum(redemption_no)};
	VoucherRights rights;

	voucher_enter(program, &rights);
	plan_execute(program, query, query, 1, types, values, false, SPI_OK_UPDATE);
	voucher_leave(&rights);
}
