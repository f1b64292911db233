--
-- operator classes of all our types: in indexes, joins, groups
--
SET search_path = loyalty, public;
CREATE TABLE a (i integer, points points, rate rate, period period, lots lots, lines lines);
INSERT INTO a SELECT i, (i % 500), (i % 500 || ' per ' || 1 + i % 3)::rate, (1 + i % 500 || ' days')::period,
	lots(1 + i % 500, '1', '2026-01-01 00:00+00', 'infinity'),
	format('{earn 1:5@[2026-01-01,) at 2026-01-01,revoke 1:-%s@[,) at 2026-01-01 rule 3}', i % 500)::lines
FROM generate_series(1, 2000) i;
CREATE TABLE b AS SELECT * FROM a WHERE i <= 500;
ANALYZE a, b;

-- every type: distinct and grouped, sorted and hashed
SET enable_hashagg = off;
EXPLAIN (COSTS OFF) SELECT DISTINCT rate FROM a;
SELECT (SELECT count(*) FROM (SELECT DISTINCT points FROM a) s) AS points,
	(SELECT count(*) FROM (SELECT DISTINCT rate FROM a) s) AS rates,
	(SELECT count(*) FROM (SELECT DISTINCT period FROM a) s) AS periods,
	(SELECT count(*) FROM (SELECT DISTINCT lots FROM a) s) AS lots,
	(SELECT count(*) FROM (SELECT DISTINCT lines FROM a) s) AS lines;
RESET enable_hashagg;
SET enable_sort = off;
EXPLAIN (COSTS OFF) SELECT DISTINCT rate FROM a;
SELECT (SELECT count(*) FROM (SELECT DISTINCT points FROM a) s) AS points,
	(SELECT count(*) FROM (SELECT DISTINCT rate FROM a) s) AS rates,
	(SELECT count(*) FROM (SELECT DISTINCT period FROM a) s) AS periods,
	(SELECT count(*) FROM (SELECT DISTINCT lots FROM a) s) AS lots,
	(SELECT count(*) FROM (SELECT DISTINCT lines FROM a) s) AS lines;
RESET enable_sort;

-- joined in each way
CREATE FUNCTION counts() RETURNS TABLE (points bigint, rates bigint, periods bigint, lots bigint, lines bigint) LANGUAGE sql AS $$
	SELECT (SELECT count(*) FROM a JOIN b USING (points)), (SELECT count(*) FROM a JOIN b USING (rate)),
		(SELECT count(*) FROM a JOIN b USING (period)), (SELECT count(*) FROM a JOIN b USING (lots)),
		(SELECT count(*) FROM a JOIN b USING (lines)) $$;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM a JOIN b USING (rate);
SELECT * FROM counts();
SET enable_nestloop = off;
SET enable_mergejoin = on;
EXPLAIN (COSTS OFF) SELECT count(*) FROM a JOIN b USING (rate);
SELECT * FROM counts();
SET enable_mergejoin = off;
SET enable_hashjoin = on;
EXPLAIN (COSTS OFF) SELECT count(*) FROM a JOIN b USING (rate);
SELECT * FROM counts();
RESET enable_hashjoin;
RESET enable_mergejoin;
RESET enable_nestloop;

-- indexes of both kinds
CREATE INDEX a_points ON a (points);
CREATE INDEX a_rate ON a (rate);
CREATE INDEX a_period ON a (period);
CREATE INDEX a_lots ON a (lots);
CREATE INDEX a_lines ON a (lines);
SET enable_seqscan = off;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT i FROM a WHERE points >= '498' AND points < '500' ORDER BY points;
SELECT i FROM a WHERE points >= '498' AND points < '500' ORDER BY points, i;
EXPLAIN (COSTS OFF) SELECT i FROM a WHERE rate = '250 per 2';
SELECT i FROM a WHERE rate = '125 per 1' ORDER BY i;
EXPLAIN (COSTS OFF) SELECT i FROM a WHERE period > '499 days';
SELECT i FROM a WHERE period > '499 days' ORDER BY i;
EXPLAIN (COSTS OFF) SELECT i FROM a WHERE lots = '{7:1@[2026-01-01,)}';
SELECT i FROM a WHERE lots = '{7:1@[2026-01-01,)}' ORDER BY i;
SELECT i FROM a WHERE lines = '{earn 1:5@[2026-01-01,) at 2026-01-01,revoke 1:-7@[,) at 2026-01-01 rule 3}' ORDER BY i;
DROP INDEX a_points, a_rate, a_period, a_lots, a_lines;
CREATE INDEX a_points ON a USING hash (points);
CREATE INDEX a_rate ON a USING hash (rate);
CREATE INDEX a_period ON a USING hash (period);
CREATE INDEX a_lots ON a USING hash (lots);
CREATE INDEX a_lines ON a USING hash (lines);
EXPLAIN (COSTS OFF) SELECT i FROM a WHERE rate = '250 per 2';
SELECT i FROM a WHERE points = '7' ORDER BY i;
SELECT i FROM a WHERE rate = '125 per 1' ORDER BY i;
SELECT i FROM a WHERE period = '7 days' ORDER BY i;
SELECT i FROM a WHERE lots = '{7:1@[2026-01-01,)}' ORDER BY i;
SELECT i FROM a WHERE lines = '{earn 1:5@[2026-01-01,) at 2026-01-01,revoke 1:-7@[,) at 2026-01-01 rule 3}' ORDER BY i;
RESET enable_seqscan;
RESET enable_bitmapscan;

-- partitions by hash use the seed
CREATE TABLE parted (r rate, p period, n points, l lots, j lines) PARTITION BY HASH (r, p, n, l, j);
CREATE TABLE parted0 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parted1 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO parted SELECT rate, period, points, lots, lines FROM a;
SELECT count(*) > 500 AS some FROM parted0;
SELECT count(*) > 500 AS some FROM parted1;
SELECT count(DISTINCT tableoid) FROM parted WHERE r = '125 per 1' AND p = '251 days' AND n = '250' AND l = '{251:1@[2026-01-01,)}';

-- the order in an index is the order of a sort
SELECT count(*) FROM (SELECT lots, lag(lots) OVER (ORDER BY lots) AS before FROM a) s WHERE lots < before;
SELECT count(*) FROM (SELECT period, lag(period) OVER (ORDER BY period DESC) AS before FROM a) s WHERE period > before;
SELECT lots_cmp('{1:1@[,)}', '{1:2@[,)}'), lots_cmp('{}', '{1:1@[,)}'), lots_cmp('{1:1@[,)}', '{1:1@[,)}'),
	lots '{}' < '{1:1@[,)}', lots '{1:1@[,)}' >= '{1:1@[,)}', lots '{}' <> '{}', lots '{}' <= '{}', lots '{}' > '{}';

SELECT count(*) FROM (SELECT lines, lag(lines) OVER (ORDER BY lines) AS before FROM a) s WHERE lines < before;
-- every part of a line tells two apart; fewer lines come first
WITH v AS (SELECT '{earn 1:5@[2026-01-01,2027-01-01) at 2026-01-01 rule 3 lapsed 1 forgiven 1}'::lines AS one, other::lines
	FROM unnest(ARRAY['{revoke 1:5@[2026-01-01,2027-01-01) at 2026-01-01 rule 3 lapsed 1 forgiven 1}',
		'{earn 2:5@[2026-01-01,2027-01-01) at 2026-01-01 rule 3 lapsed 1 forgiven 1}',
		'{earn 1:6@[2026-01-01,2027-01-01) at 2026-01-01 rule 3 lapsed 1 forgiven 1}',
		'{earn 1:5@[2026-01-02,2027-01-01) at 2026-01-01 rule 3 lapsed 1 forgiven 1}',
		'{earn 1:5@[2026-01-01,activity) at 2026-01-01 rule 3 lapsed 1 forgiven 1}',
		'{earn 1:5@[2026-01-01,2027-01-01) at 2026-01-02 rule 3 lapsed 1 forgiven 1}',
		'{earn 1:5@[2026-01-01,2027-01-01) at 2026-01-01 rule 4 lapsed 1 forgiven 1}',
		'{earn 1:5@[2026-01-01,2027-01-01) at 2026-01-01 rule 3 lapsed 2 forgiven 1}',
		'{earn 1:5@[2026-01-01,2027-01-01) at 2026-01-01 rule 3 lapsed 1 forgiven 2}',
		'{earn 1:5@[2026-01-01,2027-01-01) at 2026-01-01 rule 3 lapsed 1 forgiven 1,repay 1:1@[,) at 2026-01-01}',
		'{earn 1:5@[2026-01-01,2027-01-01) at 2026-01-01 rule 3 lapsed 1 forgiven 1}', '{}']) other)
SELECT lines_cmp(one, other), one = other AS eq, one <> other AS ne, one < other AS lt, one <= other AS le, one > other AS gt, one >= other AS ge,
	lines_hash(one) = lines_hash(other) AS hash, lines_hash_extended(one, 7) = lines_hash_extended(other, 7) AS seed, lines_hash_extended(one, 0)::bit(32) = lines_hash(one)::bit(32) AS low
FROM v;

-- so that rows can be told apart by all their columns, as a subscriber does
SELECT count(*) AS without_equality FROM pg_type t
WHERE t.typnamespace = 'loyalty'::regnamespace AND t.typtype = 'b' AND t.typelem = 0
	AND NOT EXISTS (SELECT FROM pg_opclass o JOIN pg_am m ON m.oid = o.opcmethod WHERE o.opcintype = t.oid AND o.opcdefault AND m.amname = 'btree');

-- what the server checks of operator classes
SELECT opc.opcname, am.amname, amvalidate(opc.oid)
FROM pg_opclass opc JOIN pg_am am ON am.oid = opc.opcmethod
WHERE opc.opcnamespace = 'loyalty'::regnamespace ORDER BY 1, 2;
DROP TABLE a, b, parted;
DROP FUNCTION counts();
