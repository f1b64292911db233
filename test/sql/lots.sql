--
-- lots: a balance as a function of time
--
SET search_path = loyalty;
\set VERBOSITY sqlstate

-- text, good and bad; sorted, merged, and in UTC whatever the settings
SHOW timezone;
SHOW datestyle;
SELECT t::lots FROM unnest(ARRAY['{}', '{1:250@[2026-01-15,2027-02-01)}', ' { 1 : -1.5 @ [ -infinity , infinity ) } ',
	'{1:1@[2026-01-15T12:30:05.25Z,activity)}', '{1:1@[2026-01-15 00:30+01,2026-01-15 12:30-03:30)}',
	'{1:1@[0044-03-15 BC,294276-12-31 23:59:59.999999)}', '{2:1@[,),1:1@[,),1:2@[,),3:0@[,)}', '{1:1@[,),1:-1@[,)}']) t;
SELECT ''::lots;
SELECT '{'::lots;
SELECT '{1:1@[,),}'::lots;
SELECT '{1:1@[,)}}'::lots;
SELECT '{-1:1@[,)}'::lots;
SELECT '{1:1.00001@[,)}'::lots;
SELECT '{1:1@(,)}'::lots;
SELECT '{1:1@[,]}'::lots;
SELECT '{1:1@[activity,)}'::lots;
SELECT '{1:1@[2026-02-30,)}'::lots;
SELECT '{1:1@[now,)}'::lots;
SELECT '{0:1@[,)}'::lots;
SELECT '{2147483648:1@[,)}'::lots;
SELECT '{1:1@[2026-01-01,2026-01-01)}'::lots;
SELECT '{1:1000000000000000@[,)}'::lots;
SELECT '{1:1@[4714-11-23 BC,)}'::lots;
SELECT '{1:922337203685477.5807@[,),1:1@[,)}'::lots;
\set VERBOSITY default
SELECT '{points:1@[,)}'::lots;
SELECT '{0:1@[,)}'::lots;
\set VERBOSITY sqlstate

-- making and taking apart
SELECT lots(1, '250', '2026-01-15 00:00+00', '2027-02-01 00:00+00'), lots(1, '250', '2026-01-15 00:00+00', NULL),
	lots(1, '-5', '-infinity', 'infinity'), lots(1, '0', '2026-01-15 00:00+00', 'infinity'),
	lots(NULL, '1', '-infinity', 'infinity') IS NULL AND lots(1, NULL, '-infinity', 'infinity') IS NULL AND
	lots(1, '1', NULL, 'infinity') IS NULL AS nulls;
SELECT lots(0, '1', '-infinity', 'infinity');
SELECT lots(1, '1', '2026-01-15 00:00+00', '2026-01-15 00:00+00');
SELECT lots(1, '1', 'infinity', NULL);
SELECT unit, points, active_from AT TIME ZONE 'UTC' AS active_from, expires_at AT TIME ZONE 'UTC' AS expires_at
FROM unnest(lots '{1:250@[2026-01-15,2027-02-01),2:-3@[,),1:7@[2026-01-15,activity)}');
SELECT count(*) FROM unnest(lots '{}');
SELECT sum(lots(unit, points, active_from, expires_at)) = l AS same
FROM (VALUES (lots '{1:250@[2026-01-15,2027-02-01),2:-3@[,),1:7@[2026-01-15,activity)}')) v(l), unnest(l) GROUP BY l;

-- the group
SELECT lots '{1:5@[,),2:1@[,)}' + '{1:3@[,),1:1@[2026-01-01,)}', lots '{1:5@[,),2:1@[,)}' - '{1:5@[,)}',
	- lots '{1:5@[,)}', + lots '{1:5@[,)}', lots '{1:5@[,)}' - '{1:5@[,)}';
SELECT lots '{1:922337203685477.5807@[,)}' + '{1:1@[,)}';
SELECT - lots '{1:-922337203685477.5808@[,)}';
SELECT lots '{1:1@[,)}' - '{1:-922337203685477.5808@[,)}';

-- what is available, pending, and when that changes
SELECT at::date, available(l, 1, at), pending(l, 1, at), available(l, 0, at) AS all_units, available(l, 3, at) AS none,
	next_change(l, at)::date
FROM (VALUES (lots '{1:100@[2026-01-01,2026-04-01),1:200@[2026-02-01,2027-01-01),1:-20@[,),1:7@[2026-01-01,activity),2:5@[,)}')) v(l),
	unnest('{-infinity,2025-12-31 00:00+00,2026-01-01 00:00+00,2026-02-01 00:00+00,2026-04-01 00:00+00,2027-01-01 00:00+00,infinity}'::timestamptz[]) at;
SELECT available('{1:922337203685477.5807@[,),1:1@[2026-01-01,)}', 1, '2026-01-01 00:00+00');
SELECT pending('{1:922337203685477.5807@[2026-01-01,),1:1@[2026-01-02,)}', 1, '-infinity');

-- spending: nearest end first, never-ending last, ties by earlier start
SELECT amount, rest, taken, rest + taken = l AS complete
FROM (VALUES (lots '{1:100@[2026-01-01,2026-02-01),1:100@[2026-01-01,2027-01-01),1:10@[2026-01-05,2027-01-01),1:5@[2025-01-01,),1:7@[2025-01-01,activity),2:50@[,)}')) v(l),
	unnest('{0,80,100,100.5,205,213,222}'::points[]) amount, spend(l, 1, amount, '2026-01-20 00:00+00');
SELECT spend('{1:100@[2026-01-01,2026-02-01)}', 1, '100.0001', '2026-01-20 00:00+00');
SELECT spend('{1:100@[2026-01-01,2026-02-01)}', 1, '1', '2026-02-01 00:00+00');
SELECT spend('{1:100@[,),1:-20@[,),2:50@[2026-01-01,)}', 2, '51', '2026-02-01 00:00+00');
SELECT spend('{1:100@[,)}', 1, 30, '2026-02-01 00:00+00');
SELECT spend('{}', 1, '1', '2026-02-01 00:00+00');
SELECT spend('{}', 1, '-1', '2026-02-01 00:00+00');
SELECT spend('{}', 0, '1', '2026-02-01 00:00+00');
\set VERBOSITY default
SELECT spend('{1:100@[2026-01-01,2026-02-01),1:-20@[,)}', 1, '85.5', '2026-01-20 00:00+00');
\set VERBOSITY sqlstate

-- aggregates
CREATE TABLE entry (member integer, unit smallint, points points, active_from timestamptz, expires_at timestamptz);
INSERT INTO entry
	SELECT i % 7, 1 + i % 2, CASE WHEN i % 5 = 0 THEN -i ELSE i * 1.5 END,
		timestamptz '2026-01-01 00:00+00' + (i % 50) * interval '1 day',
		CASE WHEN i % 11 = 0 THEN NULL WHEN i % 13 = 0 THEN 'infinity'
			ELSE timestamptz '2027-01-01 00:00+00' + (i / 100) * interval '1 day' END
	FROM generate_series(1, 20000) i;
-- rows that count for nothing
INSERT INTO entry VALUES (0, NULL, '1', '2026-01-01', NULL), (0, 1, NULL, '2026-01-01', NULL), (0, 1, '0', '2026-01-01', NULL),
	(0, 1, '5', '2026-01-02', '2026-01-01'), (0, 1, '5', '2026-01-02', '2026-01-02'), (8, 1, '5', '2026-01-02', '2026-01-01'),
	(9, NULL, NULL, NULL, NULL);
CREATE TABLE account (member integer, lots lots);
INSERT INTO account SELECT member, lots_agg(unit, points, active_from, expires_at) FROM entry GROUP BY member;
SELECT member, (SELECT count(*) FROM unnest(lots)) AS pieces, available(lots, 1, '2026-06-01'), available(lots, 2, '2026-06-01') FROM account ORDER BY member;
-- the same, by way of ordinary sums
SELECT count(*) AS pieces, count(*) FILTER (WHERE p.points = e.points) AS agree
FROM (SELECT member, unit, active_from, expires_at, sum(points) AS points FROM entry
		WHERE unit IS NOT NULL AND (expires_at IS NULL OR active_from < expires_at)
		GROUP BY 1, 2, 3, 4 HAVING sum(points) <> '0') e
	FULL JOIN (SELECT member, u.* FROM account, unnest(lots) u) p
	ON (p.member, p.unit, p.active_from) = (e.member, e.unit, e.active_from)
		AND coalesce(p.expires_at, '-infinity') = coalesce(e.expires_at, '-infinity');
SELECT sum(lots) = (SELECT lots_agg(unit, points, active_from, expires_at) FROM entry) AS same FROM account;
SELECT sum(lots) FROM account WHERE lots IS NULL;
SELECT sum(l) FROM (VALUES (lots '{}'), (NULL)) v(l);
SELECT sum(l) FROM (VALUES (lots '{1:1@[,)}'), ('{1:-1@[,),2:1@[,)}'), ('{1:1@[,),2:-1@[,)}'), ('{1:-1@[,)}')) v(l);
SELECT lots_agg(1, '1', NULL, NULL);
SELECT lots_agg(0, '1', '2026-01-01', NULL);
SELECT sum(l) FROM (VALUES (lots '{1:922337203685477.5807@[,)}'), ('{1:1@[,)}')) v(l);
-- every row with a validity of its own
SELECT (SELECT count(*) FROM unnest(l)), available(l, 1, '2040-01-01')
FROM (SELECT lots_agg(1, '1', timestamptz '2026-01-01' + i * interval '1 minute', 'infinity') FROM generate_series(1, 5000) i) s(l);
SELECT member, lots_agg(unit, points, active_from, expires_at) OVER (PARTITION BY member ORDER BY points ROWS UNBOUNDED PRECEDING)
FROM (VALUES (1, 1, points '1', timestamptz '2026-01-01 00:00+00', timestamptz '2027-01-01 00:00+00'), (1, 1, '2', '2026-01-01 00:00+00', '2027-01-01 00:00+00'),
	(1, 2, '3', '2026-01-01 00:00+00', '2027-01-01 00:00+00')) v(member, unit, points, active_from, expires_at);
-- in parallel
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT lots_agg(unit, points, active_from, expires_at) FROM entry;
SELECT lots_agg(unit, points, active_from, expires_at) = (SELECT sum(lots) FROM account) AS same FROM entry;
SELECT lots_agg(unit, points, active_from, expires_at) FROM entry WHERE member = 9;
EXPLAIN (COSTS OFF) SELECT sum(lots) FROM account;
SELECT sum(lots) FROM account WHERE member > 100;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;
DROP TABLE entry, account;

-- however a value is stored, it is the same
CREATE TEMP TABLE stored (plain lots, extended lots, outside lots);
ALTER TABLE stored ALTER plain SET STORAGE PLAIN, ALTER outside SET STORAGE EXTERNAL;
INSERT INTO stored SELECT l, l, l + l FROM (VALUES (lots '{}'), ('{1:250@[2026-01-15,2027-02-01)}')) v(l);
INSERT INTO stored SELECT NULL, l, l FROM (SELECT lots_agg(1, '1', timestamptz '2026-01-01' + i * interval '1 day', 'infinity') FROM generate_series(1, 3000) i) s(l);
SELECT plain = extended AS same, available(plain, 1, '2040-01-01') AS plain, available(extended, 1, '2040-01-01') AS extended,
	available(outside, 1, '2040-01-01') AS outside, pg_column_size(outside) AS outside_size,
	pg_column_size(extended) < pg_column_size(outside) AS compressed
FROM stored ORDER BY outside_size;
