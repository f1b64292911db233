/*-------------------------------------------------------------------------
 *
 * recount.c
 *	  Counts anew what members have used of a rule's cap, when it gets a cap
 *	  or another period.
 *
 * Who posts meanwhile counts in the old spans, and what he posts cannot be seen
 * before he has committed.  So nobody posts while the change is made: they wait
 * for each other at the table of accounts.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "engine/config.h"
#include "engine/ledger.h"
#include "engine/lines.h"
#include "types/points.h"

/* %s: lines of all postings; $1: the rule */
static const char recount_query[] =
"WITH zone AS (SELECT z.time_zone, z.config_version,"
"  lead(z.config_version) OVER (ORDER BY z.config_version) AS until FROM @.program_version AS z),"
" used AS MATERIALIZED (SELECT j.member_id, s.span_start, " HELD " AS used"
"  FROM (%s) AS c JOIN @.journal AS j"
"   ON j.member_id = c.member_id AND j.first_entry = c.entry_no AND j.source_no = c.source_no"
"  CROSS JOIN LATERAL loyalty.lines_unnest_1(j.lines) AS e"
"  JOIN @.rule AS r ON r.rule_no = e.rule_no"
"  JOIN zone AS z ON z.config_version <= j.config_version"
"   AND (z.until IS NULL OR z.until > j.config_version)"
"  CROSS JOIN LATERAL (SELECT CASE r.cap_period WHEN 'ever' THEN '-infinity'"
"    ELSE date_trunc(r.cap_period, c.event_at, z.time_zone) END AS span_start) AS s"
"  WHERE loyalty.lines_has_rule_1(j.lines, $1) AND e.rule_no = $1"
"  GROUP BY j.member_id, s.span_start),"
" latest AS (SELECT DISTINCT ON (u.member_id) u.* FROM used AS u"
"  ORDER BY u.member_id, u.span_start DESC),"
" earlier AS (INSERT INTO @.cap_usage (member_id, rule_no, span_start, used)"
"  SELECT u.member_id, $1, u.span_start, u.used FROM used AS u"
"  JOIN latest AS l ON l.member_id = u.member_id"
"  WHERE u.span_start < l.span_start AND u.used <> 0)"
"UPDATE @.account AS a SET usage ="
"  loyalty.account_usage_with_1(a.usage, $1, n.span_start, n.used::loyalty.points)"
" FROM (SELECT m.member_id, l.span_start, l.used"
"  FROM (SELECT DISTINCT j.member_id FROM @.journal AS j WHERE loyalty.lines_has_rule_1(j.lines, $1)) AS m"
"  LEFT JOIN latest AS l ON l.member_id = m.member_id) AS n"
" WHERE a.member_id = n.member_id";

/*
 * Under REPEATABLE READ and above: it is an error if lines of the rule have been
 * committed that the transaction cannot see.
 */
static void
check_all_seen(const ProgramRef *ref, int32 rule_no)
{
	char	   *text = psprintf("SELECT pg_catalog.count(*) FROM %s.journal AS j"
								" WHERE loyalty.lines_has_rule_1(j.lines, %d)",
								quote_identifier(ref->name), rule_no);
	Snapshot	latest = RegisterSnapshot(GetLatestSnapshot());
	int64		counts[2];
	SPIPlanPtr	plan;
	bool		isnull;
	int			i;

	SPI_connect();
	plan = SPI_prepare(text, 0, NULL);
	for (i = 0; i < 2; i++)
	{
		if (plan == NULL ||
			SPI_execute_snapshot(plan, NULL, NULL, i == 0 ? GetTransactionSnapshot() : latest,
								 InvalidSnapshot, true, false, 0) != SPI_OK_SELECT)
			elog(ERROR, "could not count lines: %s", SPI_result_code_string(SPI_result));
		counts[i] = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
												&isnull));
	}
	SPI_finish();
	UnregisterSnapshot(latest);
	if (counts[0] != counts[1])
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent update"),
				 errdetail("Points have been posted meanwhile by a rule whose \"cap_period\" changes.")));
}

/* see config.h */
void
caps_recount(const ProgramRef *ref, int32 rule_no)
{
	Oid			types[1] = {INT4OID};
	Datum		values[1] = {Int32GetDatum(rule_no)};
	StringInfoData lines;
	uint64		nsources;
	uint64		i;

	config_execute(ref, "LOCK TABLE @.account IN SHARE ROW EXCLUSIVE MODE", 0, NULL, NULL, NULL);
	if (IsolationUsesXactSnapshot())
		check_all_seen(ref, rule_no);
	if (config_execute(ref,
					   "SELECT FROM @.account"
					   " WHERE member_id IN (SELECT j.member_id FROM @.journal AS j"
					   "  WHERE loyalty.lines_has_rule_1(j.lines, $1))"
					   " ORDER BY member_id FOR NO KEY UPDATE",
					   1, types, values, NULL) == 0)
		return;

	initStringInfo(&lines);
	nsources = config_execute(ref,
							  "SELECT s.source_no::text, c.oid::regclass::text"
							  " FROM @.source AS s JOIN pg_class AS c ON c.oid = s.posting"
							  " ORDER BY s.source_no",
							  0, NULL, NULL, NULL);
	for (i = 0; i < nsources; i++)
	{
		ConfigTuple row = config_result(i);

		if (i > 0)
			appendStringInfoString(&lines, " UNION ALL ");
		appendStringInfo(&lines, POSTING_LINES, SPI_getvalue(row.tuple, row.desc, 1),
						 SPI_getvalue(row.tuple, row.desc, 2), "");
	}
	config_execute(ref, "DELETE FROM @.cap_usage WHERE rule_no = $1",
				   1, types, values, NULL);
	config_execute(ref, psprintf(recount_query, lines.data), 1, types, values, NULL);
}

/*
 * account_usage_with_1(usage, key, at, used): the usage of an account with
 * another item of a key; at NULL: without it.
 */
LOYALTY_FUNCTION(loyalty_account_usage_with);
Datum
loyalty_account_usage_with(PG_FUNCTION_ARGS)
{
	bytea	   *before = PG_ARGISNULL(0) ? NULL : PG_GETARG_BYTEA_PP(0);
	int32		key = PG_GETARG_INT32(1);
	Size		count = before ? VARSIZE_ANY_EXHDR(before) / sizeof(UsageItem) : 0;
	bytea	   *after = palloc(VARHDRSZ + sizeof(UsageItem) * (count + 1));
	char	   *end = VARDATA(after);
	UsageItem	item;
	Size		i;

	for (i = 0; i < count; i++)
	{
		memcpy(&item, VARDATA_ANY(before) + i * sizeof(UsageItem), sizeof(UsageItem));
		if (item.key == key)
			continue;
		memcpy(end, &item, sizeof(UsageItem));
		end += sizeof(UsageItem);
	}
	if (!PG_ARGISNULL(2))
	{
		memset(&item, 0, sizeof(UsageItem));
		item.key = key;
		item.at = PG_GETARG_TIMESTAMPTZ(2);
		item.used = PG_GETARG_POINTS(3);
		memcpy(end, &item, sizeof(UsageItem));
		end += sizeof(UsageItem);
	}
	if (end == VARDATA(after))
		PG_RETURN_NULL();
	SET_VARSIZE(after, end - (char *) after);
	PG_RETURN_BYTEA_P(after);
}
