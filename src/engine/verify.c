/*-------------------------------------------------------------------------
 *
 * verify.c
 *	  Looks for what cannot be: every invariant of the ledger, checked.
 *
 * The invariants are queries over the program's tables that return what
 * violates them.  All read with the snapshot of the caller's statement, so
 * that writers at work cause no alarm, and nothing is written.
 *
 * In the queries "@." stands for the program's schema and "{a.member_id}" for
 * the condition that the column is the member asked for, if there is one; their
 * result is the invariant's name, the member or NULL, and what is wrong.
 *
 * Which lines belong to which posting is looked up only for members whose lines
 * and postings do not tally at first sight.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"

#include "engine/lines.h"
#include "engine/program.h"
#include "engine/source.h"
#include "engine/verify.h"

/* one call */
typedef struct Verify
{
	Program    *program;
	ReturnSetInfo *result;
	bool		has_member;
	Datum		member;			/* $1 */
	Datum		suspects;		/* $2: array of members to look at closely */
	bool		has_suspects;

	/* SQL texts, NULL if there are no posting tables */
	char	   *postings;		/* all postings */
	char	   *covered;		/* the lines they name, of suspects */
	char	   *later;			/* the same of everybody, for the events' dates */
} Verify;

/* lots of an account with those in its pages */
#define ACCOUNT_LOTS \
	"CASE WHEN a.paged IS NULL THEN a.lots ELSE a.lots OPERATOR(loyalty.+)" \
	" (SELECT coalesce(loyalty.sum(g.lots), '{}'::loyalty.lots) FROM @.account_page AS g" \
	"  WHERE g.member_id = a.member_id) END"

/* sum of the numbers of n lines that begin with a number */
#define ROW_NUMBERS(first, n) "(2 * " first " + " n " - 1) * " n " / 2"

/* the account equals its lines, which are numbered without gaps */
static const char state_query[] =
"SELECT v.invariant, x.member_id::text, v.detail"
" FROM (SELECT coalesce(a.member_id, l.member_id) AS member_id, a.last_entry, a.last_at,"
"   l.n, l.last, l.posted_at, h.lots, coalesce(l.lots, '{}'::loyalty.lots) AS sum,"
"   a.member_id IS NULL AS no_account,"
"   coalesce(l.n <> l.last OR l.sum_no <> l.last * (l.last + 1) / 2, false) AS gap,"
"   coalesce(a.last_entry <> coalesce(l.last, 0), false) AS miscounted,"
"   coalesce(l.posted_at > a.last_at, false) AS later,"
"   coalesce(NOT h.lots OPERATOR(loyalty.=) coalesce(l.lots, '{}'::loyalty.lots), false) AS differs"
"  FROM (SELECT * FROM @.account AS a WHERE true{a.member_id}) AS a"
"   FULL JOIN (SELECT j.member_id, sum(c.n) AS n, max(j.first_entry + c.n - 1) AS last,"
"     sum(" ROW_NUMBERS("j.first_entry", "c.n") ") AS sum_no,"
"     max(j.posted_at) AS posted_at, loyalty.lots_agg(j.lines) AS lots"
"    FROM @.journal AS j CROSS JOIN LATERAL (SELECT loyalty.lines_count_1(j.lines) AS n) AS c"
"    WHERE true{j.member_id} GROUP BY j.member_id) AS l"
"    ON l.member_id = a.member_id"
"   CROSS JOIN LATERAL (SELECT " ACCOUNT_LOTS " AS lots) AS h) AS x"
" CROSS JOIN LATERAL (VALUES"
"  ('state', x.no_account, 'the ledger has lines, but there is no account'),"
"  ('sequence', x.gap, format('%s lines are numbered up to %s', x.n, x.last)),"
"  ('sequence', x.miscounted, format('the account counts %s lines, the ledger has %s',"
"   x.last_entry, coalesce(x.n, 0))),"
"  ('sequence', x.later, format('a line was posted at %s, after the account''s last instant %s',"
"   x.posted_at, x.last_at)),"
"  ('state', x.differs, format('the account has more than its lines sum up to by %s',"
"   left((x.lots OPERATOR(loyalty.-) x.sum)::text, 1000)))) AS v (invariant, violated, detail)"
" WHERE (x.no_account OR x.gap OR x.miscounted OR x.later OR x.differs) AND v.violated";

/* no lot is negative but what is owed */
static const char lots_query[] =
"SELECT 'lots', a.member_id::text, format('a lot of unit %s has %s points', l.unit, l.points)"
" FROM @.account AS a CROSS JOIN LATERAL loyalty.unnest(" ACCOUNT_LOTS ") AS l"
" WHERE l.points::numeric < 0{a.member_id}"
"  AND NOT (l.active_from = '-infinity' AND coalesce(l.expires_at = 'infinity', false))";

/* a repayment takes from lots what it adds to the debt */
static const char repayment_query[] =
"SELECT 'repayment', e.member_id::text, format('repayments of unit %s sum up to %s, not to 0',"
"  e.unit_no, loyalty.sum(e.points))"
" FROM @.entry AS e WHERE e.kind = 10{e.member_id} GROUP BY e.member_id, e.unit_no"
" HAVING loyalty.sum(e.points)::numeric <> 0";

/* nothing is due before next_due */
static const char due_query[] =
"SELECT 'due', a.member_id::text, format('something of unit \"%s\" is due at %s, but next_due is %s',"
"  u.name, d.due, a.next_due)"
" FROM @.account AS a CROSS JOIN @.unit AS u CROSS JOIN @.program AS p"
" CROSS JOIN LATERAL (SELECT loyalty.account_due_1(" ACCOUNT_LOTS ", coalesce(a.holds, ''), u.unit_no, a.last_at, a.next_due,"
"   loyalty.activity_end_1(a.usage, u.unit_no, u.expires, coalesce(a.time_zone, p.time_zone)),"
"   a.last_at) AS due) AS d"
" WHERE d.due < a.next_due{a.member_id}";

/* nor does anything in a page fall due before the account does */
static const char page_due_query[] =
"SELECT 'due', a.member_id::text, format('a lot in a page is due at %s, but next_due is %s',"
"  g.next_due, a.next_due)"
" FROM @.account AS a JOIN (SELECT g.member_id, min(g.next_due) AS next_due FROM @.account_page AS g"
"  WHERE true{g.member_id} GROUP BY g.member_id) AS g ON g.member_id = a.member_id"
" WHERE g.next_due < a.next_due";

/* an account knows what is in its pages */
static const char pages_query[] =
"SELECT 'pages', a.member_id::text,"
"  format('unit %s: the account knows of %s points in pages, of which %s pending; there are %s and %s',"
"   coalesce(k.unit_no, g.unit_no), coalesce(k.active + k.pending, 0), coalesce(k.pending, 0),"
"   coalesce(g.active + g.pending, 0), coalesce(g.pending, 0))"
" FROM (SELECT a.member_id, s.unit AS unit_no, s.active::numeric, s.pending::numeric"
"  FROM @.account AS a CROSS JOIN LATERAL loyalty.account_paged_1(a.paged) AS s"
"  WHERE a.paged IS NOT NULL{a.member_id}) AS k"
" FULL JOIN (SELECT g.member_id, l.unit AS unit_no,"
"   sum(l.points::numeric) FILTER (WHERE l.active_from <= a.last_at) AS active,"
"   coalesce(sum(l.points::numeric) FILTER (WHERE l.active_from > a.last_at), 0) AS pending"
"  FROM @.account_page AS g LEFT JOIN @.account AS a ON a.member_id = g.member_id"
"   CROSS JOIN LATERAL loyalty.unnest(g.lots) AS l"
"  WHERE true{g.member_id} GROUP BY g.member_id, l.unit) AS g"
"  ON g.member_id = k.member_id AND g.unit_no = k.unit_no"
" CROSS JOIN LATERAL (SELECT coalesce(k.member_id, g.member_id) AS member_id) AS a"
" WHERE coalesce(k.active, 0) <> coalesce(g.active, 0)"
"  OR coalesce(k.pending, 0) <> coalesce(g.pending, 0)";

/* a member and its account belong together */
static const char members_query[] =
"SELECT 'members', coalesce(a.member_id, m.member_id)::text,"
"  CASE WHEN a.member_id IS NULL THEN 'there is no account'"
"   WHEN m.member_id IS NULL THEN 'there is an account, but no member'"
"   ELSE 'the account''s copy of status, time zone or joined_at differs from the member' END"
" FROM (SELECT * FROM @.account AS a WHERE true{a.member_id}) AS a"
" FULL JOIN (SELECT * FROM @.member AS m WHERE true{m.member_id}) AS m ON m.member_id = a.member_id"
" WHERE a.member_id IS NULL OR m.member_id IS NULL OR a.joined_at <> m.joined_at"
"  OR a.time_zone IS DISTINCT FROM m.time_zone"
"  OR a.status <> CASE m.status WHEN 'blocked' THEN 1 WHEN 'closed' THEN 2 ELSE 0 END";

/* lines of operations and operations belong together */
static const char operations_query[] =
"SELECT 'operations', e.member_id::text, format('line %s belongs to operation %s, which does not exist',"
"  e.first_entry, e.operation_no)"
" FROM @.journal AS e LEFT JOIN @.operation AS o ON o.operation_no = e.operation_no"
" WHERE e.operation_no IS NOT NULL AND o.operation_no IS NULL{e.member_id}"
" UNION ALL "
"SELECT 'operations', o.member_id::text, format('operation %s moved %s points, its lines %s',"
"  o.operation_no, o.points, o.moved)"
" FROM (SELECT o.operation_no, o.member_id, o.points::numeric AS points,"
"   (SELECT loyalty.sum(e.points)::numeric + coalesce(- loyalty.sum(e.lapsed)::numeric, 0)"
"     + coalesce(- loyalty.sum(e.forgiven)::numeric, 0)"
"    FROM @.journal AS j CROSS JOIN LATERAL loyalty.lines_unnest_1(j.lines) AS e"
"    WHERE j.member_id = o.member_id AND j.operation_no = o.operation_no"
"     AND j.first_entry BETWEEN o.first_entry AND o.last_entry)"
"    AS moved"
"  FROM @.operation AS o WHERE o.first_entry IS NOT NULL AND (o.kind = 'adjust' OR o.kind = 'reverse'"
"   AND EXISTS (SELECT FROM @.operation AS u WHERE u.operation_no = o.reverses AND u.kind = 'adjust')){o.member_id}) AS o"
" WHERE o.points IS DISTINCT FROM o.moved";

/*
 * The account counts the purchases of all postings, and no posting names lines
 * that it has not; %s: all postings.
 */
static const char counters_query[] =
"SELECT v.invariant, x.member_id::text, v.detail"
" FROM (SELECT coalesce(a.member_id, p.member_id) AS member_id, a.purchases, a.spend, a.last_entry,"
"   coalesce(p.purchases, 0) AS counted, coalesce(p.spend, 0) AS summed, coalesce(p.last, 0) AS last,"
"   coalesce(a.purchases, 0) <> coalesce(p.purchases, 0)"
"    OR coalesce(a.spend::numeric, 0) <> coalesce(p.spend, 0) AS miscounted"
"  FROM (SELECT * FROM @.account AS a WHERE true{a.member_id}) AS a"
"  FULL JOIN (SELECT p.member_id, count(*) FILTER (WHERE p.flags & 2 <> 0) AS purchases,"
"    loyalty.sum(p.amount) FILTER (WHERE p.flags & 2 <> 0)::numeric AS spend,"
"    max(greatest(p.first_entry + p.entries - 1, p.later[cardinality(p.later)])) AS last"
"   FROM (%s) AS p GROUP BY p.member_id) AS p ON p.member_id = a.member_id) AS x"
" CROSS JOIN LATERAL (VALUES"
"  ('counters', x.miscounted, format('the account counts %%s purchases worth %%s, the postings %%s worth %%s',"
"   x.purchases, x.spend, x.counted, x.summed)),"
"  ('events', x.last > x.last_entry, format('a posting names line %%s, but there are only %%s',"
"   x.last, x.last_entry))) AS v (invariant, violated, detail)"
" WHERE (x.miscounted OR x.last > x.last_entry) AND v.violated";

/* members whose lines and postings do not tally; %1$s: all postings */
static const char suspects_query[] =
"SELECT coalesce(e.member_id, p.member_id)"
" FROM (SELECT j.member_id, sum(c.n) AS n, sum(" ROW_NUMBERS("j.first_entry", "c.n") ") AS sum"
"  FROM @.journal AS j CROSS JOIN LATERAL (SELECT loyalty.lines_count_1(j.lines) AS n) AS c"
"  WHERE j.source_no = ANY (ARRAY(SELECT source_no FROM @.source WHERE posting IS NOT NULL))"
"  GROUP BY j.member_id) AS e"
" FULL JOIN (SELECT p.member_id, sum(p.n) AS n, sum(" ROW_NUMBERS("p.first", "p.n") ") AS sum"
"  FROM (SELECT p.member_id, p.first_entry AS first, p.entries::bigint AS n FROM (%1$s) AS p"
"   UNION ALL SELECT p.member_id, p.later[i], p.later[i + 1] - p.later[i] + 1 FROM (%1$s) AS p"
"    CROSS JOIN LATERAL generate_series(1, cardinality(p.later), 2) AS i WHERE p.later IS NOT NULL) AS p"
"  GROUP BY p.member_id) AS p ON p.member_id = e.member_id"
" WHERE coalesce(e.n, 0) <> coalesce(p.n, 0) OR coalesce(e.sum, 0) <> coalesce(p.sum, 0)";

/* lines of events that no posting names sum up to nothing; %s: covered lines */
static const char events_query[] =
"SELECT 'events', j.member_id::text, format('event %%s of source %%s holds %%s points of unit %%s"
" beside its posting', j.event_key, j.source_no, " HELD ", e.unit_no)"
" FROM @.journal AS j LEFT JOIN (%s) AS c"
"  ON c.member_id = j.member_id AND c.entry_no = j.first_entry AND c.source_no = j.source_no"
" CROSS JOIN LATERAL loyalty.lines_unnest_1(j.lines) AS e"
" WHERE j.source_no = ANY (ARRAY(SELECT source_no FROM @.source WHERE posting IS NOT NULL))"
"  AND j.member_id = ANY ($2) AND c.entry_no IS NULL"
" GROUP BY j.member_id, j.source_no, j.event_key, e.unit_no HAVING " HELD " <> 0";

/* a line belongs to one posting; %s: covered lines */
static const char shared_query[] =
"SELECT 'events', c.member_id::text, format('line %%s belongs to %%s postings', c.entry_no, count(*))"
" FROM (%s) AS c GROUP BY c.member_id, c.entry_no HAVING count(*) > 1";

/*
 * What members have used of caps is what was posted, counted in the span of the
 * event; %s: the lines that postings name.  Lines that none names count only
 * where they tally: those of events that were deleted.
 */
static const char caps_query[] =
"WITH zone AS (SELECT z.time_zone, z.config_version,"
"   lead(z.config_version) OVER (ORDER BY z.config_version) AS until FROM @.program_version AS z),"
" line AS MATERIALIZED (SELECT j.member_id, j.first_entry, j.source_no, j.config_version, v.cap_period,"
"   e.rule_no, e.occurred_at, e.points, e.lapsed, e.forgiven"
"  FROM @.journal AS j CROSS JOIN LATERAL loyalty.lines_unnest_1(j.lines) AS e"
"   JOIN @.rule AS v ON v.rule_no = e.rule_no AND v.cap_period IS NOT NULL"
"  WHERE j.source_no IS NOT NULL{j.member_id}),"
" expected AS (SELECT e.member_id, e.rule_no, s.span_start, " HELD " AS used"
"  FROM line AS e LEFT JOIN (%s) AS c"
"    ON c.member_id = e.member_id AND c.entry_no = e.first_entry AND c.source_no = e.source_no"
"  JOIN zone AS z ON z.config_version <= e.config_version"
"   AND (z.until IS NULL OR z.until > e.config_version)"
"  CROSS JOIN LATERAL (SELECT CASE e.cap_period WHEN 'ever' THEN '-infinity'"
"    ELSE date_trunc(e.cap_period, coalesce(c.event_at, e.occurred_at), z.time_zone) END AS span_start) AS s"
"  WHERE c.entry_no IS NOT NULL OR e.member_id <> ALL ($2)"
"  GROUP BY e.member_id, e.rule_no, s.span_start),"
" latest AS (SELECT a.member_id, i.key AS rule_no, i.at AS span_start, i.used::numeric AS used"
"  FROM @.account AS a CROSS JOIN LATERAL loyalty.account_usage_1(a.usage) AS i"
"  WHERE i.key IN (SELECT rule_no FROM @.rule WHERE cap_period IS NOT NULL){a.member_id}),"
" actual AS (SELECT * FROM latest UNION ALL"
"  SELECT u.member_id, u.rule_no, u.span_start, u.used::numeric FROM @.cap_usage AS u"
"  WHERE NOT EXISTS (SELECT FROM latest AS l WHERE l.member_id = u.member_id"
"   AND l.rule_no = u.rule_no AND l.span_start = u.span_start)"
"   AND u.rule_no IN (SELECT rule_no FROM @.rule WHERE cap_period IS NOT NULL){u.member_id})"
"SELECT 'caps', coalesce(a.member_id, x.member_id)::text,"
"  format('%%s used of the cap of rule \"%%s\" in the span from %%s, but %%s posted',"
"   coalesce(a.used, 0), r.name, coalesce(a.span_start, x.span_start), coalesce(x.used, 0))"
" FROM actual AS a FULL JOIN expected AS x ON x.member_id = a.member_id"
"  AND x.rule_no = a.rule_no AND x.span_start = a.span_start"
" LEFT JOIN @.rule AS r ON r.rule_no = coalesce(a.rule_no, x.rule_no)"
" WHERE coalesce(a.used, 0) <> coalesce(x.used, 0)";

/* room and use of a budget are the budget */
static const char budgets_query[] =
"SELECT 'budgets', NULL, format('budget of rule \"%s\" is %s, but room %s and use %s',"
"  r.name, r.budget, b.room, b.used)"
" FROM @.rule AS r JOIN (SELECT b.rule_no, loyalty.sum(b.room)::numeric AS room,"
"  loyalty.sum(b.used)::numeric AS used FROM @.budget_room AS b GROUP BY b.rule_no) AS b"
"  ON b.rule_no = r.rule_no"
" WHERE r.budget IS NOT NULL AND b.room + b.used <> r.budget";

/* what has been used of a budget is what was posted, if the rule always had one */
static const char budget_use_query[] =
"SELECT 'budgets', NULL, format('%s used of the budget of rule \"%s\", but %s posted',"
"  b.used, r.name, coalesce(x.used, 0))"
" FROM @.rule AS r JOIN (SELECT b.rule_no, loyalty.sum(b.used)::numeric AS used"
"  FROM @.budget_room AS b GROUP BY b.rule_no) AS b ON b.rule_no = r.rule_no"
" LEFT JOIN (SELECT e.rule_no, " HELD " AS used FROM @.entry AS e"
"  WHERE e.rule_no = ANY (ARRAY(SELECT rule_no FROM @.budget_room)) GROUP BY e.rule_no) AS x"
"  ON x.rule_no = r.rule_no"
" WHERE NOT EXISTS (SELECT FROM @.rule_version AS v WHERE v.rule_no = r.rule_no AND v.budget IS NULL)"
"  AND b.used <> coalesce(x.used, 0)";

/* -------- running queries -------- */

/* Fills in schema and member. */
static char *
fill_in(const Verify *verify, const char *query)
{
	const char *schema = quote_identifier(verify->program->ref.name);
	StringInfoData result;

	initStringInfo(&result);
	while (*query)
	{
		const char *end;

		if (query[0] == '@' && query[1] == '.')
		{
			appendStringInfo(&result, "%s.", schema);
			query += 2;
		}
		else if (query[0] == '{' && query[1] != '}' && (end = strchr(query, '}')) != NULL)
		{
			if (verify->has_member)
				appendStringInfo(&result, " AND %.*s = $1", (int) (end - query - 1), query + 1);
			query = end + 1;
		}
		else
			appendStringInfoChar(&result, *query++);
	}
	return result.data;
}

/* Runs a query that reads only. */
static void
run(const Verify *verify, const char *query)
{
	Oid			member_type = verify->program->ref.member_type;
	Oid			types[2] = {member_type, get_array_type(member_type)};
	Datum		values[2] = {verify->member, verify->suspects};
	char		nulls[3] = {verify->has_member ? ' ' : 'n', verify->has_suspects ? ' ' : 'n'};
	char	   *text = fill_in(verify, query);

	CHECK_FOR_INTERRUPTS();
	if (SPI_execute_with_args(text, 2, types, values, nulls, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not verify: %s: %s", SPI_result_code_string(SPI_result), text);
}

/* Reports one violation. */
static void
report(const Verify *verify, const char *invariant, const char *member, const char *detail)
{
	Datum		values[3];
	bool		isnull[3] = {0};

	values[0] = CStringGetTextDatum(invariant);
	isnull[1] = member == NULL;
	if (member)
		values[1] = CStringGetTextDatum(member);
	values[2] = CStringGetTextDatum(detail);
	tuplestore_putvalues(verify->result->setResult, verify->result->setDesc, values, isnull);
}

/* Runs a query and reports what it finds. */
static void
check(const Verify *verify, const char *query)
{
	uint64		i;

	run(verify, query);
	for (i = 0; i < SPI_processed; i++)
		report(verify, SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1),
			   SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2),
			   SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 3));
	SPI_freetuptable(SPI_tuptable);
}

/* Does a query return anything? */
static bool
finds(const Verify *verify, const char *query)
{
	run(verify, query);
	return SPI_processed > 0;
}

/* -------- postings -------- */

/* Appends a part of a UNION ALL. */
static void
append_part(StringInfo query, const char *part)
{
	if (query->len > 0)
		appendStringInfoString(query, " UNION ALL ");
	appendStringInfoString(query, part);
}

/* The posting tables as one, and the lines that they name. */
static void
collect_postings(Verify *verify)
{
	StringInfoData postings;
	StringInfoData covered;
	StringInfoData later;
	uint64		i;

	initStringInfo(&postings);
	initStringInfo(&covered);
	initStringInfo(&later);
	run(verify, "SELECT s.source_no, c.oid::regclass::text FROM @.source AS s"
		" JOIN pg_class AS c ON c.oid = s.posting ORDER BY s.source_no");
	for (i = 0; i < SPI_processed; i++)
	{
		char	   *number = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
		char	   *table = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2);

		append_part(&postings, psprintf("SELECT p.member_id, p.flags, p.amount, p.first_entry,"
										" p.entries, p.later FROM %s AS p WHERE true{p.member_id}",
										table));
		append_part(&covered, psprintf(POSTING_LINES, number, table,
									   " AND p.member_id = ANY ($2)"));
		/* the first block, too: an event may have earned nothing until it changed */
		append_part(&later, psprintf(POSTING_LINES, number, table, "{p.member_id}"));
	}
	if (SPI_processed > 0)
	{
		verify->postings = postings.data;
		verify->covered = covered.data;
		verify->later = later.data;
	}
}

/* Which members to look at closely. */
static void
collect_suspects(Verify *verify)
{
	ArrayBuildState *members;
	Oid			member_type = verify->program->ref.member_type;
	uint64		i;

	members = initArrayResult(member_type, CurrentMemoryContext, false);
	if (verify->has_member)
	{
		members = accumArrayResult(members, verify->member, false, member_type,
								   CurrentMemoryContext);
		verify->has_suspects = true;
	}
	else
	{
		run(verify, psprintf(suspects_query, verify->postings));
		for (i = 0; i < SPI_processed; i++)
		{
			bool		isnull;
			Datum		member = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1,
											   &isnull);

			members = accumArrayResult(members, member, false, member_type,
									   CurrentMemoryContext);
		}
		verify->has_suspects = SPI_processed > 0;
		SPI_freetuptable(SPI_tuptable);
	}
	verify->suspects = makeArrayResult(members, CurrentMemoryContext);
}

/* What depends on postings. */
static void
check_postings(Verify *verify)
{
	bool		exact;

	collect_postings(verify);
	if (verify->postings == NULL)
		return;
	check(verify, psprintf(counters_query, verify->postings));
	collect_suspects(verify);
	exact = verify->has_suspects;
	verify->has_suspects = true;	/* none is an empty array from here on */
	if (exact)
	{
		check(verify, psprintf(events_query, verify->covered));
		check(verify, psprintf(shared_query, verify->covered));
	}
	if (finds(verify, "SELECT FROM @.rule WHERE cap_period IS NOT NULL LIMIT 1"))
		check(verify, psprintf(caps_query, verify->later));
}

/* -------- sources -------- */

/* Every table that belongs to a source has its triggers. */
static void
check_wiring(const Verify *verify)
{
	ListCell   *lc;
	int			i;

	foreach(lc, verify->program->lost)
	{
		LostSource *lost = (LostSource *) lfirst(lc);

		report(verify, "wiring", NULL,
			   psprintf("the %s of source \"%s\" %s dropped, and its triggers with %s",
						lost->table_gone ? "table" : "expressions", lost->name,
						lost->table_gone ? "was" : "were",
						lost->table_gone ? "it" : "them"));
	}

	for (i = 0; i < verify->program->nsources; i++)
	{
		SourceConfig *source = &verify->program->sources[i];
		ListCell   *cell;

		foreach(cell, source_unwired(source->pin->viewid, source->relid))
			report(verify, "wiring", NULL,
				   psprintf("table \"%s\" of source \"%s\" lacks triggers, or they are disabled",
							get_rel_name(lfirst_oid(cell)), source->name));
	}
}

/* Every event whose rows exist has posted what it is entitled to. */
static void
check_entitlements(const Verify *verify)
{
	const char *schema = verify->program->ref.name;
	char	   *program = quote_literal_cstr(quote_qualified_identifier(schema, "program"));
	int			i;

	for (i = 0; i < verify->program->nsources; i++)
	{
		SourceConfig *source = &verify->program->sources[i];
		char	   *name = quote_literal_cstr(source->name);

		if (!source->reduces)
			check(verify, psprintf("SELECT 'entitlement', r.member_id,"
								   " format('event %%s of source \"%%s\" is due %%s more of unit \"%%s\"',"
								   "  r.event_key, %1$s, r.difference, r.unit)"
								   " FROM loyalty.reconcile_1(%2$s::regclass, %1$s, NULL, 'keep', false) AS r"
								   " WHERE true{r.member_id::%3$s}",
								   name, program, format_type_be(verify->program->ref.member_type)));
	}
}

/* -------- the function -------- */

/*
 * verify_1(program, member): what violates an invariant, of one member or all;
 * nothing if all is well.
 */
LOYALTY_FUNCTION(loyalty_verify);
Datum
loyalty_verify(PG_FUNCTION_ARGS)
{
	Verify		verify;
	RightsSave	rights;
	int			guc_level;
	int			i;

	memset(&verify, 0, sizeof(verify));
	verify.program = program_get(PG_GETARG_OID(0));
	program_require_owner(&verify.program->ref);
	InitMaterializedSRF(fcinfo, 0);
	verify.result = (ReturnSetInfo *) fcinfo->resultinfo;
	verify.has_member = !PG_ARGISNULL(1);
	if (verify.has_member)
		verify.member = member_from_argument(verify.program,
											 get_fn_expr_argtype(fcinfo->flinfo, 1),
											 PG_GETARG_DATUM(1));

	rights_enter(verify.program->ref.owner, SECURITY_NOFORCE_RLS, &rights);
	guc_level = NewGUCNestLevel();
	set_local("search_path", PINNED_SEARCH_PATH);

	/* large joins over all of the ledger, as maintenance */
	if (maintenance_work_mem > work_mem)
		set_local("work_mem", psprintf("%d", maintenance_work_mem));

	/* compiling the queries takes longer than they do, unless there is very much */
	set_local("jit", "off");
	SPI_connect();
	check(&verify, state_query);
	check(&verify, lots_query);
	check(&verify, repayment_query);
	check(&verify, due_query);
	check(&verify, page_due_query);
	check(&verify, pages_query);
	check(&verify, members_query);
	check(&verify, operations_query);
	for (i = 0; spending_invariants[i]; i++)
		check(&verify, spending_invariants[i]);
	for (i = 0; tier_invariants[i] && verify.program->tiers; i++)
		check(&verify, tier_invariants[i]);
	for (i = 0; catalogue_invariants[i]; i++)
		check(&verify, catalogue_invariants[i]);
	check_postings(&verify);
	if (!verify.has_member)
	{
		check(&verify, transfer_invariant);
		check(&verify, stock_invariant);
		check(&verify, budgets_query);
		check(&verify, budget_use_query);
		for (i = 0; voucher_invariants[i]; i++)
			check(&verify, voucher_invariants[i]);
		check_wiring(&verify);
	}
	check_entitlements(&verify);
	SPI_finish();
	AtEOXact_GUC(false, guc_level);
	rights_leave(&rights);
	return (Datum) 0;
}
