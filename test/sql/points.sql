--
-- points: an exact fixed-point number
--
SET search_path = loyalty;
\set VERBOSITY sqlstate

-- text, good and bad
SELECT t AS input, t::points FROM unnest(ARRAY['1250', '12.5', '-3', '+3', '.5', '5.', '-0',
	' 1.00000 ', '922337203685477.5807', '-922337203685477.5808']) t;
SELECT ''::points;
SELECT '-'::points;
SELECT '.'::points;
SELECT '1e3'::points;
SELECT '1 2'::points;
SELECT 'NaN'::points;
SELECT '1.00001'::points;
SELECT '922337203685477.5808'::points;
SELECT '-922337203685477.5809'::points;
\set VERBOSITY default
SELECT '12,5'::points;
SELECT '1000000000000000'::points;
\set VERBOSITY sqlstate

-- arithmetic
SELECT points '1.5' + '2', points '1.5' - '2', - points '1.5', + points '1.5',
	points '1.5' * 3, 3 * points '1.5', abs(points '-1.5');
SELECT points '922337203685477.5807' + '0.0001';
SELECT points '-922337203685477.5808' - '0.0001';
SELECT - points '-922337203685477.5808';
SELECT abs(points '-922337203685477.5808');
SELECT points '922337203685477.5807' * 2;
SELECT 9223372036854775807 * points '1';
-- anything else is numeric
SELECT pg_typeof(points '1' * 2), pg_typeof(points '1' * 1.5), pg_typeof(points '1' + 1),
	pg_typeof(points '1' / 3), pg_typeof(round(points '1.5'));
SELECT points '1' / 8, points '10' * 0.125, points '1.5' + 1, points '2' > 1, 0.5 = points '0.5';

-- casts
SELECT points '12.5'::numeric, points '100'::numeric, points '-0.0001'::numeric,
	points '922337203685477.5807'::numeric, points '-922337203685477.5808'::numeric;
SELECT n, n::points FROM (VALUES (1.00005), (1.00004999), (-1.00005), (0.00005), (0.000049),
	(-0.00005), (0), (1e-30), (12345678901234.56785), (100000000), (0.9999), (0.99995),
	(922337203685477.58074), (-922337203685477.58084)) v(n);
SELECT 922337203685477.58075::points;
SELECT (-922337203685477.58085)::points;
SELECT 1e100::points;
SELECT 'NaN'::numeric::points;
SELECT '-Infinity'::numeric::points;
SELECT p, p::bigint, p::integer FROM unnest('{0.4999,0.5,-0.5,-0.4999,1.5,2147483647.4999}'::points[]) p;
SELECT points '2147483647.5'::integer;
SELECT points '-2147483648.5'::integer;
SELECT points '922337203685477.5807'::bigint;
SELECT 1::smallint::points, 1::integer::points, 922337203685477::bigint::points;
SELECT 922337203685478::points;
SELECT points '0.1'::float8, points '922337203685477.5807'::float8;
SELECT points '1.5'::text, '1.5'::text::points;
-- exactness: every tenth decimal power, through numeric and back
SELECT count(*) FROM generate_series(-14, 4) e, generate_series(-9, 9) d
WHERE (d * 10::numeric ^ -e)::numeric(30,4)::points::numeric <> (d * 10::numeric ^ -e)::numeric(30,4);
-- on assignment, numbers become points, and points numbers
CREATE TEMP TABLE assigned (p points, n numeric, b bigint, i integer, f float8);
INSERT INTO assigned VALUES (1.5, points '1.5', points '1.5', points '1.5', points '1.5'),
	(1::smallint, NULL, NULL, NULL, NULL), (1::integer, NULL, NULL, NULL, NULL),
	(1::bigint, NULL, NULL, NULL, NULL);
SELECT * FROM assigned;
INSERT INTO assigned (p) VALUES (1::float8);
INSERT INTO assigned (p) VALUES ('1'::text);
DROP TABLE assigned;

-- aggregates
CREATE TABLE p (i integer, p points);
INSERT INTO p SELECT i, (i / 4.0 - 100) FROM generate_series(1, 10000) i;
INSERT INTO p VALUES (0, NULL);
SELECT sum(p), avg(p), min(p), max(p), count(p) FROM p;
SELECT sum(p), avg(p), min(p), max(p) FROM p WHERE p IS NULL;
SELECT sum(p), avg(p), min(p), max(p) FROM p WHERE false;
-- the sum may be beyond points on its way, but not in the end
SELECT sum(p), avg(p) FROM (VALUES (points '922337203685477.5807'), ('1'), ('-1'), ('922337203685477'),
	('-922337203685477')) v(p);
SELECT avg(p), count(*) FROM (SELECT points '922337203685477.5807' FROM generate_series(1, 1000)) v(p);
SELECT avg(p) FROM (SELECT points '-922337203685477.5808' FROM generate_series(1, 1000)) v(p);
SELECT sum(p) FROM (VALUES (points '922337203685477.5807'), ('0.0001')) v(p);
SELECT sum(p) FROM (VALUES (points '-922337203685477.5808'), ('-0.0001')) v(p);
-- windows, also those that move
SELECT i, sum(p) OVER w, avg(p) OVER w FROM p WHERE i BETWEEN 0 AND 5
	WINDOW w AS (ORDER BY i ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) ORDER BY i;
SELECT sum(p) OVER (ORDER BY i) FROM p WHERE i < 4 ORDER BY i;
-- in parallel
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT sum(p), avg(p), min(p), max(p), count(p) FROM p;
SELECT sum(p), avg(p), min(p), max(p), count(p) FROM p;
SELECT sum(p), avg(p), min(p), max(p) FROM p WHERE p IS NULL;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;
-- anybody can call the functions under them, with anything
SELECT points_accum('{1,0,10000}', '0.5'), points_accum_inv('{1,0,10000}', '1'),
	points_accum_combine('{1,0,10000}', '{2,-1,-20000}');
SELECT points_sum('{1,0,10000}'), points_sum('{0,0,0}'), points_avg('{4,0,10000}'), points_avg('{0,0,0}');
SELECT points_accum('{1,0}', '0.5');
SELECT points_accum('{1,0,NULL}', '0.5');
SELECT points_accum('{{1,0,1}}', '0.5');
SELECT points_accum('{9223372036854775807,0,0}', '0.5');
SELECT points_accum('{1,9223372036854775807,-1}', '0.5');
SELECT points_sum('{1,1,0}');
SELECT points_sum('{}');
-- min and max by an index
CREATE INDEX p_p ON p (p);
SET enable_seqscan = off;
CREATE FUNCTION pg_temp.scans(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line ~ 'Scan' THEN
			RETURN NEXT btrim(line);
		END IF;
	END LOOP;
END $$;
SELECT * FROM pg_temp.scans('SELECT min(p), max(p) FROM p');
SELECT min(p), max(p) FROM p;
EXPLAIN (COSTS OFF) SELECT count(*) FROM p WHERE p > 100;
RESET enable_seqscan;
DROP TABLE p;

-- small whole numbers become points where nothing else fits better
SELECT pg_typeof(coalesce(NULL::points, 0)), pg_typeof(coalesce(0::smallint, points '1')), pg_typeof(greatest(points '1', 2, 1.5)),
	pg_typeof(CASE WHEN false THEN points '1' ELSE 0 END), pg_typeof(coalesce(points '1', 0.5));
SELECT points '1' UNION SELECT 2 UNION SELECT 2.5 ORDER BY 1;
SELECT coalesce(points '1', 0::bigint);
-- and other numbers are not disturbed
SELECT pg_typeof(1 + 1), pg_typeof(1::smallint * 2), pg_typeof(1 * 2::bigint), pg_typeof(1 + 1.5), pg_typeof(abs(-1)), pg_typeof(- (1)),
	pg_typeof(1 + 1::float8), pg_typeof(sqrt(4)), pg_typeof(1 / 2), 1 < 2 AND 1 <> 2::bigint AND 1 = 1::smallint AS compared;
SELECT pg_typeof(sum(i)), pg_typeof(avg(i)), pg_typeof(min(i)), pg_typeof(sum(i::bigint)) FROM generate_series(1, 3) i;

-- Without our schema in the search_path points are numbers for all that
-- operators and aggregates do, and where another type is wanted beside them.
RESET search_path;
SELECT '1.5'::loyalty.points + '2'::loyalty.points, '1.5'::loyalty.points * 2,
	'1.5'::loyalty.points > 1, -('1.5'::loyalty.points), abs('-1.5'::loyalty.points),
	round('1.5'::loyalty.points), to_char('1.5'::loyalty.points, 'FM990.00');
SELECT sum(p), avg(p), min(p), max(p) FROM (VALUES ('1.5'::loyalty.points), ('2')) v(p);
SELECT coalesce('1.5'::loyalty.points, 0.5), greatest('1.5'::loyalty.points, 2.5),
	CASE WHEN true THEN '1.5'::loyalty.points ELSE 0.5 END;
SELECT '1.5'::loyalty.points UNION SELECT 2.5 ORDER BY 1;
SELECT 10 ^ '2'::loyalty.points::float8, sqrt('2.25'::loyalty.points);
SELECT coalesce(NULL::loyalty.points, 0), greatest('1.5'::loyalty.points, 2), CASE WHEN false THEN '1.5'::loyalty.points ELSE 0 END;
SELECT loyalty.available(loyalty.lots(1, 250, '-infinity', 'infinity'), 1, now()) - 50;
SELECT '1.5'::loyalty.points IN (1, 1.5, 2), '1.5'::loyalty.points BETWEEN 1 AND 2;
