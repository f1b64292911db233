/*-------------------------------------------------------------------------
 *
 * voucher_attempt.c
 *	  Codes that members try in vain, counted against guessing.
 *
 * Attempts are counted in windows, from the first failure on.  One row a
 * member, whatever is tried.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "engine/voucher_call.h"

/* The answer to whoever has tried too often. */
static void
refuse_attempts(CodeCall *call, Instant until)
{
	refuse(&call->refusal, ERRCODE_LOYALTY_TOO_MANY_ATTEMPTS, NULL, NULL,
		   "too many attempts: try again after %s", timestamptz_to_str(until));
	refusal_about(&call->refusal, "program", "code_attempts",
				  facts("until", fact_instant(until), NULL));
	call->found = false;
	call->attempts_left = 0;
}

/* see voucher_call.h */
bool
code_too_many(CodeCall *call)
{
	static const char query[] =
	"SELECT p.code_attempts, CASE WHEN a.window_start + p.code_window > $2 THEN a.failures ELSE 0 END AS failures,"
	" a.window_start + p.code_window AS until"
	" FROM %s.program AS p LEFT JOIN %s.voucher_attempt AS a ON a.member_id = $1";
	Oid			types[2] = {call->program->ref.member_type, TIMESTAMPTZOID};
	Datum		values[2] = {call->member, TimestampTzGetDatum(call->now)};
	ConfigTuple row;
	bool		isnull;
	int			left;

	if (!call->has_member)
		return false;
	plan_execute(call->program, query, query, 2, types, values, false, SPI_OK_SELECT);
	row = config_result(0);
	if (tuple_isnull(&row, "code_attempts"))
		return false;
	left = tuple_int(&row, "code_attempts") - tuple_int(&row, "failures");
	if (left > 0)
	{
		call->attempts_left = left;
		return false;
	}
	refuse_attempts(call, DatumGetTimestampTz(tuple_get(&row, "until", &isnull)));
	return true;
}

/* see voucher_call.h */
void
code_failed(CodeCall *call)
{
	static const char query[] =
	"INSERT INTO %s.voucher_attempt AS a (member_id, window_start, failures, total, last_at, last_sqlstate)"
	" VALUES ($1, $2, 1, 1, $2, $3)"
	" ON CONFLICT (member_id) DO UPDATE SET"
	" failures = CASE WHEN a.window_start + (SELECT p.code_window FROM %s.program AS p) > $2"
	"  THEN a.failures + 1 ELSE 1 END,"
	" window_start = CASE WHEN a.window_start + (SELECT p.code_window FROM %s.program AS p) > $2"
	"  THEN a.window_start ELSE $2 END,"
	" total = a.total + 1, last_at = $2, last_sqlstate = $3"
	" RETURNING a.failures, a.window_start + (SELECT p.code_window FROM %s.program AS p) AS until,"
	" (SELECT p.code_attempts FROM %s.program AS p) AS code_attempts";
	Oid			types[3] = {call->program->ref.member_type, TIMESTAMPTZOID, TEXTOID};
	Datum		values[3];
	ConfigTuple row;
	bool		isnull;
	int			left;

	switch (call->refusal.sqlerrcode)
	{
		case ERRCODE_LOYALTY_CODE_UNKNOWN:
		case ERRCODE_LOYALTY_CODE_USED:
		case ERRCODE_LOYALTY_CODE_EXPIRED:
		case ERRCODE_LOYALTY_CODE_RESERVED:
			break;
		default:
			return;
	}
	if (!call->has_member)
		return;
	values[0] = call->member;
	values[1] = TimestampTzGetDatum(call->now);
	values[2] = CStringGetTextDatum(unpack_sql_state(call->refusal.sqlerrcode));
	plan_execute(call->program, query, query, 3, types, values, false,
				 SPI_OK_INSERT_RETURNING);
	row = config_result(0);
	if (tuple_isnull(&row, "code_attempts"))
		return;

	/* others may have failed at the same time: then nothing is told any more */
	left = tuple_int(&row, "code_attempts") - tuple_int(&row, "failures");
	if (left < 0)
		refuse_attempts(call, DatumGetTimestampTz(tuple_get(&row, "until", &isnull)));
	else
		call->attempts_left = left;
}
