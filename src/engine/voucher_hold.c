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
			 TimestampTz now, TimestampTz deadline, int32 *pool_no)
{
	VoucherRights rights;
	VoucherPool pool;
	int32		i;

	voucher_enter(program, &rights);
	pool_by_name(program, pool_name, &pool);
	voucher_require_open(program, &pool, now);
	for (i = 0; !pool.endless && i < pieces; i++)
	{
		char	   *code = voucher_find_free(program, &pool, now, deadline, i == 0);

		if (code == NULL)
			refuse_empty(program, &pool);
		set_aside(program, code, redemption_no, deadline);
	}
	voucher_leave(&rights);
	*pool_no = pool.pool_no;
	return !pool.endless;
}

/* see voucher_call.h */
bool
voucher_hold_another(CodeCall *call)
{
	Program    *program = call->program;
	Voucher    *voucher = &call->voucher;
	char	   *code;

	if (call->pool.endless)
		code = voucher_make_one(program, &call->pool, call->operation.number);
	else
	{
		/* who waits for the code that we have locked may have locked the one we would wait for */
		code = voucher_find_free(program, &call->pool, call->now, voucher->held_until, false);
	}
	if (code)
		set_aside(program, code, voucher->held_for, voucher->held_until);
	return code != NULL;
}

/* Gives a member a code; returns it as people read it, and lowers *ends to its end. */
static char *
hand_over(Program *program, const VoucherPool *pool, const char *code, Datum member,
		  int64 redemption_no, TimestampTz now, TimestampTz valid_until, TimestampTz *ends)
{
	Voucher		voucher;

	voucher_give(program, code, member, redemption_no, now,
				 voucher_given_until(program, pool, now, valid_until));
	if (!voucher_find(program, code, false, &voucher))
		elog(ERROR, "code %s has disappeared", code);
	*ends = Min(*ends, Min(voucher.valid_until, pool->closes));
	return voucher.written;
}

/* Locks codes that are set aside; returns how many there are. */
static int32
lock_held(Program *program, int64 redemption_no, int32 pieces)
{
	static const char query[] =
	"SELECT v.code FROM %s.voucher AS v WHERE v.held_for = $1 AND v.in_stock"
	" ORDER BY v.code LIMIT $2 FOR NO KEY UPDATE";
	Oid			types[2] = {INT8OID, INT4OID};
	Datum		values[2] = {Int64GetDatum(redemption_no), Int32GetDatum(pieces)};

	plan_execute(program, query, query, 2, types, values, false, SPI_OK_SELECT);
	return (int32) SPI_processed;
}

/* see voucher.h */
char *
voucher_capture(Program *program, Datum member, int64 redemption_no, int32 pool_no,
				int32 pieces, TimestampTz now, TimestampTz valid_until, TimestampTz *ends)
{
	MemoryContext caller = CurrentMemoryContext;
	VoucherRights rights;
	VoucherPool pool;
	StringInfoData list;
	char	  **codes = palloc(sizeof(char *) * pieces);
	int32		seen = -1;
	int32		found;
	char	   *result;
	int32		i;

	voucher_enter(program, &rights);
	initStringInfo(&list);

	/* one that was voided while we waited has handed its place to another */
	while ((found = lock_held(program, redemption_no, pieces)) < pieces && found != seen)
		seen = found;
	for (i = 0; i < found; i++)
	{
		ConfigTuple row = config_result(i);

		codes[i] = tuple_text(&row, "code");
	}
	if (!pool_by_number(program, pool_no, &pool))
		elog(ERROR, "there is no pool of codes %d", pool_no);
	for (; i < pieces; i++)
		codes[i] = voucher_make_one(program, &pool, redemption_no);
	for (i = 0; i < pieces; i++)
		appendStringInfo(&list, "%s%s", i > 0 ? ", " : "",
						 hand_over(program, &pool, codes[i], member, redemption_no, now,
								   valid_until, ends));
	result = MemoryContextStrdup(caller, list.data);
	voucher_leave(&rights);
	return result;
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
