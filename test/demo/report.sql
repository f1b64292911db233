-- What a shop owner asks on Monday morning, about any program "rewards".
-- demo.people gives members their names, which :names shows; :member is who is
-- looked at closely.

\pset format aligned
\pset tuples_only off

\echo 'Balances, as of now'
SELECT b.unit AS "unit", to_char(count(*) FILTER (WHERE b.available > 0), '999,999,990') AS "members with some",
	to_char(sum(b.available), '999,999,990') AS "to spend", to_char(sum(b.pending), '999,999,990') AS "pending",
	to_char(sum(b.debt), '999,999,990') AS "owed back", to_char(l.value, '9,999,990.00') AS "worth"
FROM rewards.balances b LEFT JOIN rewards.liability l USING (unit)
GROUP BY b.unit, l.value
ORDER BY b.unit;

\echo 'What each rule has paid, and taken back for refunds'
SELECT coalesce(rule, '(none)') AS "rule", unit, to_char(sum(points) FILTER (WHERE kind = 'earn'), '999,999,990') AS "paid",
	to_char(coalesce(sum(points) FILTER (WHERE kind = 'revoke'), 0), '999,999,990') AS "taken back",
	to_char(count(DISTINCT member_id), '999,999,990') AS "members"
FROM rewards.history
WHERE kind IN ('earn', 'revoke') AND points <> 0
GROUP BY rule, unit
ORDER BY unit, sum(points) DESC;

\echo 'Points by month'
SELECT to_char(month, 'YYYY-MM') AS "month", to_char(earned, '999,999,990') AS "earned", to_char(taken_back, '999,999,990') AS "taken back",
	to_char(expired, '999,999,990') AS "expired", repeat('█', (40 * earned / max(earned) OVER ())::int) AS " "
FROM (SELECT date_trunc('month', occurred_at) AS month,
		coalesce(sum(points) FILTER (WHERE kind = 'earn'), 0) AS earned,
		coalesce(-sum(points) FILTER (WHERE kind = 'revoke'), 0) AS taken_back,
		coalesce(-sum(points) FILTER (WHERE kind = 'expire'), 0) AS expired
	  FROM rewards.history WHERE unit = 'points' GROUP BY 1) m
ORDER BY month DESC
LIMIT 13;

\echo 'The ten best members'
SELECT b.member_id AS "member", :names to_char(b.earned, '999,999,990') AS "earned in all", to_char(b.available, '999,999,990') AS "to spend",
	to_char(b.pending, '999,999,990') AS "pending", to_char(b.next_expiry_points, '9,999,990') || ' on ' || to_char(b.next_expiry_at, 'FMDD Mon YYYY') AS "next to lapse"
FROM rewards.balances b LEFT JOIN demo.people p USING (member_id)
WHERE b.unit = 'points'
ORDER BY b.earned DESC, b.member_id
LIMIT 10;

\echo 'Who stands where'
SELECT t.name AS "tier", to_char(t.threshold, '999,999,990') AS "from", to_char(count(s), '999,999,990') AS "members",
	to_char(count(s) FILTER (WHERE s.projected = s.tier), '999,999,990') AS "have kept it already", to_char(avg(nullif(s.points_to_keep, 0)), '999,999,990') AS "others need"
FROM rewards.tier AS t LEFT JOIN rewards.standing AS s ON s.tier = t.name
GROUP BY t.name, t.threshold, t.rank
ORDER BY t.rank DESC;

-- where everybody stood as months began says it without any job; the last row is the month so far
\echo 'Up and down the tiers'
WITH day AS (
	SELECT date_trunc('month', clock) - n * interval '1 month' AS at FROM rewards.program, generate_series(0, 12) AS n
	UNION ALL SELECT clock FROM rewards.program
), stood AS (
	SELECT d.at, coalesce(t.rank, 0) AS rank, lag(coalesce(t.rank, 0)) OVER w AS was, lag(d.at) OVER w AS since
	FROM (SELECT DISTINCT member_id FROM rewards.tier_history) AS m CROSS JOIN day AS d LEFT JOIN rewards.tier AS t ON t.name = rewards.tier_at(m.member_id, at => d.at)
	WINDOW w AS (PARTITION BY m.member_id ORDER BY d.at)
)
SELECT to_char(since, 'YYYY-MM') AS "month", to_char(count(*) FILTER (WHERE was = 0 AND rank > 0), '999,990') AS "came",
	to_char(count(*) FILTER (WHERE was > 0 AND rank > was), '999,990') AS "rose",
	to_char(count(*) FILTER (WHERE rank > 0 AND rank < was), '999,990') AS "fell",
	to_char(count(*) FILTER (WHERE rank = 0 AND was > 0), '999,990') AS "left",
	to_char(count(*) FILTER (WHERE rank > 0), '999,990') AS "then held one"
FROM stood WHERE since IS NOT NULL
GROUP BY since
ORDER BY since DESC;

\echo 'What lapses, if nobody spends'
SELECT to_char(date_trunc('month', expires_at), 'Mon YYYY') AS "in", to_char(sum(points), '999,999,990') AS "points",
	to_char(count(DISTINCT member_id), '999,999,990') AS "members"
FROM rewards.expiring
WHERE unit = 'points' AND expires_at < 'infinity'
GROUP BY date_trunc('month', expires_at)
ORDER BY date_trunc('month', expires_at)
LIMIT 6;

SELECT coalesce(max(name), :'member') AS name FROM demo.people WHERE member_id::text = :'member' \gset
\echo 'The account of' :name
SELECT to_char(occurred_at, 'YYYY-MM-DD HH24:MI') AS "when", kind AS "what", coalesce(rule, reason) AS "by", event_key AS "for", points AS "points", balance AS "balance"
FROM rewards.statement(:'member', 'points')
ORDER BY entry_no DESC
LIMIT 12;

\echo 'Where they stand'
SELECT tier AS "tier", to_char(since, 'FMDD Mon YYYY') AS "since", to_char(until, 'FMDD Mon YYYY') AS "until", next_tier AS "next", points_to_next AS "to the next",
	points_to_keep AS "still needed to keep it", CASE WHEN tier IS NOT NULL THEN coalesce(projected, 'none') END AS "then, if nothing more comes"
FROM rewards.standing
WHERE member_id = :'member';

\echo 'Their points and tier at any instant, past or future (if nothing more comes)'
SELECT clock AS today FROM rewards.program \gset
SELECT to_char(at, 'YYYY-MM-DD') AS "on", rewards.balance(:'member', 'points', at => at) AS "to spend", rewards.tier_at(:'member', at => at) AS "tier"
FROM generate_series(:'today'::timestamptz - interval '9 months', :'today'::timestamptz + interval '15 months', interval '3 months') at;
