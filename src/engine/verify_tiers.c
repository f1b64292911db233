/*-------------------------------------------------------------------------
 *
 * verify_tiers.c
 *	  What must be true of tiers: what accounts say, what was written, and
 *	  what the ledger's lines are enough for.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/verify.h"

const char *const tier_invariants[] = {

	/* an account stands where the last of its changes says */
	"SELECT 'tiers', coalesce(s.member_id, c.member_id)::text, format('group %s: the account says tier %s until %s, tier_change says %s until %s',"
	"  coalesce(s.group_no, c.group_no), coalesce(s.tier_no, 0), s.until, coalesce(c.tier_no, 0), c.until)"
	" FROM (SELECT a.member_id, t.* FROM @.account AS a CROSS JOIN LATERAL loyalty.account_tiers_1(a.tiers) AS t WHERE true{a.member_id}) AS s"
	" FULL JOIN (SELECT DISTINCT ON (c.member_id, c.group_no) c.member_id, c.group_no, c.tier_no, c.since, c.until, c.counted_at, c.life_tier_no"
	"  FROM @.tier_change AS c JOIN @.account AS a ON a.member_id = c.member_id"
	"  WHERE c.occurred_at <= a.last_at{c.member_id} ORDER BY c.member_id, c.group_no, c.change_no DESC) AS c"
	"  ON c.member_id = s.member_id AND c.group_no = s.group_no"
	" WHERE coalesce(s.tier_no, 0) <> coalesce(c.tier_no, 0)"
	"  OR s.tier_no <> 0 AND (s.until <> c.until OR s.since <> c.since OR s.counted_at <> c.counted_at OR s.life <> coalesce(c.life_tier_no, 0))",

	/*
	 * What a balance is enough for is what its lines say, points spent included,
	 * by the version of the configuration that the account was judged by.  There
	 * are many members, but few thresholds: what a member qualifies for follows
	 * from the highest threshold reached in each unit.
	 */
	"WITH list AS (SELECT array_agg(DISTINCT v.since ORDER BY v.since) AS sinces,"
	"   array_agg(DISTINCT v.config_version ORDER BY v.config_version) AS versions FROM @.tier_group_version AS v),"
	" mark AS (SELECT n.unit_no, array_agg(DISTINCT n.threshold ORDER BY n.threshold) AS marks"
	"  FROM @.tier_version AS t CROSS JOIN LATERAL ROWS FROM (unnest(t.units), unnest(t.thresholds)) AS n (unit_no, threshold)"
	"  GROUP BY n.unit_no),"
	" member AS (SELECT a.member_id, a.last_at, a.tiers,"
	"   l.versions[width_bucket(coalesce(loyalty.account_tiers_version_1(a.tiers), 2147483647), l.versions)] AS version,"

	/* a posting may not have seen a change that was made while it went on */
	"   l.sinces[width_bucket(CASE WHEN a.tiers IS NOT NULL THEN a.last_at ELSE a.last_at - interval '1 minute' END, l.sinces)] AS since"
	"  FROM @.account AS a CROSS JOIN list AS l WHERE a.last_entry > 0 AND a.next_due > a.last_at{a.member_id}),"
	" balance AS (SELECT m.member_id, e.unit_no, loyalty.sum(e.points)::numeric AS points"
	"  FROM member AS m JOIN @.entry AS e ON e.member_id = m.member_id"
	"  WHERE e.kind NOT IN (3, 4, 5, 6, 7) AND e.occurred_at <= m.last_at AND coalesce(e.active_from, e.occurred_at) <= m.last_at"
	"   AND coalesce(e.expires_at, 'infinity') > m.last_at{e.member_id} GROUP BY m.member_id, e.unit_no),"
	" reached AS (SELECT m.member_id, m.version, m.since,"
	"   array_agg(k.marks[width_bucket(coalesce(b.points, 0), k.marks)] ORDER BY k.unit_no) AS marks"
	"  FROM member AS m CROSS JOIN mark AS k LEFT JOIN balance AS b ON b.member_id = m.member_id AND b.unit_no = k.unit_no"
	"  GROUP BY m.member_id, m.version, m.since),"
	" ladder AS (SELECT DISTINCT ON (r.version, r.since, v.group_no) r.version, r.since, v.group_no, v.config_version"
	"  FROM (SELECT DISTINCT r.version, r.since FROM reached AS r) AS r"
	"   JOIN @.tier_group_version AS v ON v.config_version <= r.version AND v.since <= r.since"
	"  ORDER BY r.version, r.since, v.group_no, v.config_version DESC),"
	" qualified AS (SELECT DISTINCT ON (r.version, r.since, r.marks, t.group_no) r.version, r.since, r.marks, t.group_no, t.tier_no"
	"  FROM (SELECT DISTINCT r.version, r.since, r.marks FROM reached AS r) AS r"
	"   JOIN ladder AS l ON l.version = r.version AND l.since = r.since"
	"   JOIN @.tier_version AS t ON t.group_no = l.group_no AND t.config_version = l.config_version AND NOT t.closed"
	"   CROSS JOIN LATERAL (SELECT count(*) AS n, count(*) FILTER (WHERE n.threshold"
	"      <= r.marks[array_position((SELECT array_agg(k.unit_no ORDER BY k.unit_no) FROM mark AS k), n.unit_no)]) AS met"
	"    FROM ROWS FROM (unnest(t.units), unnest(t.thresholds)) AS n (unit_no, threshold)) AS m"
	"  WHERE m.n > 0 AND m.met >= CASE t.qualify WHEN 'any' THEN 1 ELSE m.n END"
	"  ORDER BY r.version, r.since, r.marks, t.group_no, t.rank DESC)"
	"SELECT 'tiers', coalesce(s.member_id, q.member_id)::text, format('group %s: the account qualifies for tier %s, its lines for %s',"
	"  coalesce(s.group_no, q.group_no), coalesce(s.qualified, 0), coalesce(q.tier_no, 0))"
	" FROM (SELECT m.member_id, t.group_no, t.qualified FROM member AS m CROSS JOIN LATERAL loyalty.account_tiers_1(m.tiers) AS t"
	"  WHERE t.qualified <> 0) AS s"
	" FULL JOIN (SELECT r.member_id, q.group_no, q.tier_no FROM reached AS r"
	"  JOIN qualified AS q ON q.version = r.version AND q.since = r.since AND q.marks = r.marks) AS q"
	"  ON q.member_id = s.member_id AND q.group_no = s.group_no"
	" WHERE coalesce(s.qualified, 0) <> coalesce(q.tier_no, 0)",

	/* what was carried over is what was above the highest threshold, as far as it is not gone */
	"SELECT 'tiers', d.member_id::text, format('group %s carried over %s points at %s, its lines say %s',"
	"  d.group_no, d.booked, d.ended_at, d.due)"
	" FROM (SELECT t.member_id, t.group_no, t.ended_at, t.booked, t.rest, CASE WHEN count(n.threshold) > 0"
	"   THEN greatest(least(t.ending, t.before - max(n.threshold), t.rollover_max), 0) ELSE 0 END AS due"
	"  FROM (SELECT a.member_id, g.group_no, g.config_version, g.unit_no, g.rollover_max, e.ended_at, s.*, r.rest"
	"   FROM @.account AS a CROSS JOIN LATERAL (SELECT DISTINCT e.expires_at AS ended_at, e.unit_no FROM @.entry AS e"
	"     WHERE e.member_id = a.member_id AND e.expires_at <= a.last_at AND a.next_due > a.last_at"
	"      AND e.unit_no IN (SELECT v.unit_no FROM @.tier_group_version AS v WHERE v.rollover <> 'none')) AS e"
	"    JOIN LATERAL (SELECT DISTINCT ON (v.group_no) v.* FROM @.tier_group_version AS v WHERE v.since < e.ended_at"
	"     ORDER BY v.group_no, v.config_version DESC) AS g ON g.unit_no = e.unit_no AND g.rollover <> 'none'"
	"     AND date_trunc(substring(g.rollover_window::text FROM '[a-z]+$'), e.ended_at,"
	"      coalesce(a.time_zone, g.time_zone)) = e.ended_at"

	/* where else a member has lived nobody knows */
	"     AND e.ended_at > coalesce((SELECT m.moved_at FROM @.member AS m WHERE m.member_id = a.member_id), '-infinity')"
	"    CROSS JOIN LATERAL (SELECT"
	"      coalesce(sum(e.points::numeric) FILTER (WHERE e.kind <> 7 AND e.occurred_at < e.ended_at), 0) AS before,"
	"      coalesce(sum(e.points::numeric) FILTER (WHERE e.kind <> 7 AND e.occurred_at < e.ended_at AND e.expires_at = e.ended_at), 0) AS ending,"
	"      coalesce(sum(e.points::numeric) FILTER (WHERE e.kind = 11 AND e.occurred_at = e.ended_at), 0) AS booked"
	"     FROM (SELECT l.*, e.ended_at FROM @.entry AS l WHERE l.member_id = a.member_id AND l.unit_no = e.unit_no"
	"      AND coalesce(l.expires_at, 'infinity') >= e.ended_at AND (l.occurred_at = e.ended_at AND l.kind = 11"
	"       OR coalesce(l.active_from, l.occurred_at) < e.ended_at)) AS e) AS s"
	"    CROSS JOIN LATERAL (SELECT coalesce(sum(l.points::numeric), 0) AS rest FROM @.entry AS l WHERE l.member_id = a.member_id"
	"     AND l.unit_no = e.unit_no AND l.active_from = e.ended_at) AS r"
	"   WHERE EXISTS (SELECT FROM @.tier_group_version AS v WHERE v.rollover <> 'none'){a.member_id}) AS t"
	"  LEFT JOIN @.tier_version AS v ON v.group_no = t.group_no AND v.config_version = t.config_version AND NOT v.closed"
	"  LEFT JOIN LATERAL (SELECT n.threshold FROM ROWS FROM (unnest(v.units), unnest(v.thresholds)) AS n (unit_no, threshold)"
	"   WHERE n.unit_no = t.unit_no AND n.threshold > 0 AND n.threshold <= t.before) AS n ON true"
	"  GROUP BY t.member_id, t.group_no, t.ended_at, t.booked, t.rest, t.ending, t.before, t.rollover_max) AS d"
	" WHERE d.booked <> d.due AND (d.booked < d.due OR d.rest > 0)",

	/* a use of a benefit is an operation of its member, given back or not */
	"SELECT 'benefits', coalesce(u.member_id, o.member_id)::text, format('use %s of a benefit: the operation says %s, the use %s',"
	"  coalesce(u.use_no, o.operation_no), coalesce(o.status, 'nothing'), CASE WHEN u.use_no IS NULL THEN 'nothing'"
	"  WHEN u.cancelled_at IS NULL THEN 'done' ELSE 'cancelled' END)"
	" FROM (SELECT * FROM @.benefit_use AS u WHERE true{u.member_id}) AS u"
	" FULL JOIN (SELECT * FROM @.operation AS o WHERE o.kind = 'use_benefit'{o.member_id}) AS o"
	"  ON o.operation_no = u.use_no AND o.member_id = u.member_id AND o.performed_at = u.used_at"
	" WHERE coalesce(o.status, '') <> CASE WHEN u.use_no IS NULL THEN 'nothing'"
	"  WHEN u.cancelled_at IS NULL THEN 'done' ELSE 'cancelled' END",

	/* nobody has used more than was allowed when it was used */
	"SELECT 'benefits', u.member_id::text, format('benefit \"%s\" was used %s times since %s, %s were allowed',"
	"  u.benefit, n.used, u.span_start, u.allowed)"
	" FROM @.benefit_use AS u CROSS JOIN LATERAL (SELECT count(*) AS used FROM @.benefit_use AS n"
	"  WHERE n.member_id = u.member_id AND n.benefit = u.benefit AND n.used_at >= u.span_start"
	"   AND n.used_at <= u.used_at AND n.use_no <= u.use_no AND n.cancelled_at IS NULL) AS n"
	" WHERE n.used > u.allowed AND u.cancelled_at IS NULL{u.member_id}",

	NULL
};
