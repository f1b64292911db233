-- Partitioned tables, whichever way rows arrive.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();
SELECT rewards.set_clock('2026-12-31 12:00Z');

CREATE TABLE shop.sales (
	sale_id		bigint,
	at			timestamptz NOT NULL,
	member_id	bigint,
	total		numeric,
	note		text,
	PRIMARY KEY (sale_id, at)
) PARTITION BY RANGE (at);
CREATE TABLE shop.sales_2025 PARTITION OF shop.sales FOR VALUES FROM ('2025-01-01 00:00Z') TO ('2026-01-01 00:00Z');
-- a partition with another row layout
CREATE TABLE shop.sales_2026 (gone integer, note text, total numeric, sale_id bigint NOT NULL, at timestamptz NOT NULL, member_id bigint);
ALTER TABLE shop.sales_2026 DROP COLUMN gone;
ALTER TABLE shop.sales ATTACH PARTITION shop.sales_2026 FOR VALUES FROM ('2026-01-01 00:00Z') TO ('2027-01-01 00:00Z');
SELECT lives_ok($$SELECT rewards.attach('shop.sales', name => 'sales', member => 'member_id', amount => 'total', occurred_at => 'at')$$, 'attach() of a partitioned table');
INSERT INTO rewards.rule (name, source, earn) VALUES ('base', 'sales', '1 per 1');

CREATE FUNCTION t.wrong() RETURNS TABLE (what text) STABLE LANGUAGE sql AS $$
	WITH held AS (SELECT sale_id, at, sum(points) AS points FROM rewards.sales_points GROUP BY 1, 2)
	SELECT format('sale %s of %s: holds %s, should %s', sale_id, at, coalesce(points, 0), floor(coalesce(total, 0)))
	FROM held FULL JOIN shop.sales USING (sale_id, at)
	WHERE coalesce(points, 0) <> floor(greatest(coalesce(total, 0), 0))
	UNION ALL
	SELECT format('member %s: has %s, should %s', member_id, rewards.balance(member_id), wanted)
	FROM rewards.member m, LATERAL (SELECT coalesce(sum(floor(greatest(total, 0))), 0) AS wanted FROM shop.sales s WHERE s.member_id = m.member_id) w
	WHERE rewards.balance(member_id) <> wanted
$$;
CREATE FUNCTION t.all_right(description text) RETURNS text LANGUAGE sql AS $$
	SELECT is_empty('SELECT * FROM wrong()', $1)
$$;

INSERT INTO shop.sales VALUES (1, '2025-06-01 12:00Z', 1, 10), (2, '2026-01-05 12:00Z', 1, 20), (3, '2026-01-06 12:00Z', 2, 30);
SELECT all_right('INSERT into the root');
SELECT is(ARRAY[state(1), state(2)], '{30 available,30 available}', 'points of two members');
INSERT INTO shop.sales_2025 VALUES (4, '2025-06-02 12:00Z', 1, 40);
SELECT all_right('INSERT into a partition');
INSERT INTO shop.sales_2026 (sale_id, at, member_id, total) VALUES (5, '2026-01-07 12:00Z', 2, 50);
SELECT all_right('INSERT into a partition of another layout');
SELECT is(ARRAY[state(1), state(2)], '{70 available,80 available}', 'points of two members');
COPY shop.sales (sale_id, at, member_id, total) FROM stdin;
6	2025-07-01 12:00Z	3	60
7	2026-01-08 12:00Z	3	70
\.
SELECT all_right('COPY into the root');
COPY shop.sales_2026 (sale_id, at, member_id, total) FROM stdin;
8	2026-01-08 13:00Z	3	80
\.
SELECT all_right('COPY into a partition');
UPDATE shop.sales SET total = total + 1;
SELECT all_right('UPDATE of the root');
UPDATE shop.sales_2026 SET total = total + 1;
SELECT all_right('UPDATE of a partition of another layout');
DELETE FROM shop.sales WHERE sale_id IN (1, 2);
SELECT all_right('DELETE from the root');
DELETE FROM shop.sales_2026 WHERE sale_id = 8;
SELECT all_right('DELETE from a partition');
INSERT INTO shop.sales VALUES (3, '2026-01-06 12:00Z', 2, 33), (1, '2025-06-01 12:00Z', 1, 11) ON CONFLICT (sale_id, at) DO UPDATE SET total = excluded.total;
SELECT all_right('ON CONFLICT DO UPDATE');

-- rows that move between partitions
UPDATE shop.sales SET at = at + interval '1 year' WHERE sale_id = 4;
SELECT all_right('UPDATE that moves a row');
UPDATE shop.sales SET at = at - interval '1 year', total = 44, member_id = 2 WHERE sale_id = 4;
SELECT all_right('UPDATE that moves a row and changes it');
UPDATE shop.sales SET at = CASE WHEN at < '2026-01-01' THEN at + interval '1 year' ELSE at - interval '1 year' END;
SELECT all_right('UPDATE that moves all rows');

-- MERGE that moves rows fires no statement trigger for them
INSERT INTO shop.sales VALUES (20, '2025-03-01 12:00Z', 4, 100), (21, '2025-03-02 12:00Z', 4, 200);
MERGE INTO shop.sales s USING (SELECT 20 AS id) v ON s.sale_id = v.id
WHEN MATCHED THEN UPDATE SET at = s.at + interval '1 year';
SELECT all_right('MERGE that moves a row');
MERGE INTO shop.sales s USING (SELECT 20 AS id) v ON s.sale_id = v.id
WHEN MATCHED THEN UPDATE SET at = s.at - interval '1 year', total = 120, member_id = 5;
SELECT all_right('MERGE that moves a row and changes it');
MERGE INTO shop.sales s USING (VALUES (20, '2026-03-01 12:00Z'::timestamptz), (21, '2025-03-03 12:00Z'), (22, '2025-05-01 12:00Z'), (23, '2026-05-01 12:00Z')) v (id, at) ON s.sale_id = v.id
WHEN MATCHED THEN UPDATE SET at = v.at, total = s.total + 1
WHEN NOT MATCHED THEN INSERT VALUES (v.id, v.at, 4, 50);
SELECT all_right('MERGE that moves a row, updates one in place and inserts two');
MERGE INTO shop.sales s USING (VALUES (20, 'move'), (21, 'delete'), (22, 'move'), (24, 'insert')) v (id, what) ON s.sale_id = v.id
WHEN MATCHED AND what = 'delete' THEN DELETE
WHEN MATCHED THEN UPDATE SET at = CASE WHEN s.at < '2026-01-01' THEN s.at + interval '1 year' ELSE s.at - interval '1 year' END
WHEN NOT MATCHED THEN INSERT VALUES (v.id, '2026-05-01 12:00Z', 4, 50);
SELECT all_right('MERGE that moves rows both ways, deletes and inserts');
MERGE INTO shop.sales s USING (SELECT 20 AS id) v ON s.sale_id = v.id
WHEN MATCHED THEN UPDATE SET sale_id = 30, at = CASE WHEN s.at < '2026-01-01' THEN s.at + interval '1 year' ELSE s.at - interval '1 year' END;
SELECT all_right('MERGE that moves a row under a new key');

-- a moved row whose second half is suppressed, or that a trigger changes
CREATE FUNCTION shop.before() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF new.note = 'suppress' THEN RETURN NULL; END IF;
	RETURN new;
END
$$;
INSERT INTO shop.sales VALUES (40, '2025-03-01 12:00Z', 6, 100), (41, '2025-03-02 12:00Z', 6, 200), (42, '2025-03-03 12:00Z', 7, 300), (43, '2025-03-04 12:00Z', 7, 400);
CREATE TRIGGER before BEFORE INSERT ON shop.sales_2026 FOR EACH ROW EXECUTE FUNCTION shop.before();
UPDATE shop.sales SET at = at + interval '10 months', note = CASE sale_id WHEN 41 THEN 'suppress' END, total = total + 1 WHERE sale_id BETWEEN 40 AND 43;
SELECT is((SELECT string_agg(sale_id::text, ' ' ORDER BY sale_id) FROM shop.sales WHERE sale_id BETWEEN 40 AND 43), '40 42 43', 'one of four moved rows was suppressed on arrival');
SELECT all_right('UPDATE that moves four rows of which three arrive');
DROP TRIGGER before ON shop.sales_2026;

-- partitions that come later
CREATE TABLE shop.sales_2024 PARTITION OF shop.sales FOR VALUES FROM ('2024-01-01 00:00Z') TO ('2025-01-01 00:00Z');
INSERT INTO shop.sales VALUES (50, '2024-05-01 12:00Z', 8, 10);
INSERT INTO shop.sales_2024 VALUES (51, '2024-05-02 12:00Z', 8, 20);
SELECT all_right('a partition created later, through the root and directly');
SELECT is(state(8), '30 available', 'both earn');
UPDATE shop.sales_2024 SET total = 25 WHERE sale_id = 51;
DELETE FROM shop.sales_2024 WHERE sale_id = 50;
SELECT all_right('and change');
CREATE TABLE shop.sales_2023 (LIKE shop.sales);
INSERT INTO shop.sales_2023 VALUES (60, '2023-05-01 12:00Z', 9, 10);
ALTER TABLE shop.sales ATTACH PARTITION shop.sales_2023 FOR VALUES FROM ('2023-01-01 00:00Z') TO ('2024-01-01 00:00Z');
SELECT is(state(9), '0 available', 'rows of a table that becomes a partition are not posted by that');
SELECT isnt_empty('SELECT * FROM rewards.verify()', 'verify() reports them');
SELECT isnt_empty($$SELECT * FROM rewards.reconcile('sales')$$, 'reconcile() posts them');
SELECT all_right('all posted');
INSERT INTO shop.sales_2023 VALUES (61, '2023-05-02 12:00Z', 9, 10);
SELECT all_right('the attached partition is wired');

-- sub-partitions
CREATE TABLE shop.sales_2027 PARTITION OF shop.sales FOR VALUES FROM ('2027-01-01 00:00Z') TO ('2028-01-01 00:00Z') PARTITION BY RANGE (sale_id);
CREATE TABLE shop.sales_2027_low PARTITION OF shop.sales_2027 FOR VALUES FROM (0) TO (1000);
CREATE TABLE shop.sales_2027_high PARTITION OF shop.sales_2027 DEFAULT;
SELECT rewards.set_clock('2027-12-31 12:00Z');
INSERT INTO shop.sales VALUES (70, '2027-05-01 12:00Z', 10, 10);
INSERT INTO shop.sales_2027 VALUES (71, '2027-05-01 12:00Z', 10, 10);
INSERT INTO shop.sales_2027_high VALUES (1072, '2027-05-01 12:00Z', 10, 10);
SELECT is(state(10), '30 available', 'partitions of a partition, on every level');
UPDATE shop.sales_2027 SET sale_id = sale_id + 1000 WHERE sale_id = 71;
SELECT all_right('moved below');

-- TRUNCATE
SELECT isnt(sqlstate_of('TRUNCATE shop.sales'), '00000', 'TRUNCATE of the root is refused');
SELECT isnt(sqlstate_of('TRUNCATE shop.sales_2026'), '00000', 'of a partition');
SELECT isnt(sqlstate_of('TRUNCATE shop.sales_2024'), '00000', 'of one that came later');
SELECT isnt(sqlstate_of('TRUNCATE shop.sales_2027_low'), '00000', 'of one of the second level');

-- detached and dropped partitions: the ledger is kept, rows without a table are listed only on request
SELECT all_right('before a partition goes');
ALTER TABLE shop.sales DETACH PARTITION shop.sales_2024;
SELECT is(state(8), '25 available', 'a detached partition takes nothing');
INSERT INTO shop.sales_2024 VALUES (80, '2024-05-05 12:00Z', 8, 1000);
UPDATE shop.sales_2024 SET total = 0;
SELECT is(state(8), '25 available', 'what happens in it afterwards does not concern the program');
DROP TABLE shop.sales_2023;
SELECT is(state(9), '20 available', 'nor does a dropped one');
SELECT is_empty('SELECT * FROM rewards.verify()', 'verify() does not call that unsound');
SELECT is_empty($$SELECT * FROM rewards.reconcile('sales')$$, 'reconcile() concerns rows that exist');
ALTER TABLE shop.sales ATTACH PARTITION shop.sales_2024 FOR VALUES FROM ('2024-01-01 00:00Z') TO ('2025-01-01 00:00Z');
SELECT isnt_empty($$SELECT * FROM rewards.reconcile('sales')$$, 'attached again with changed rows, reconcile() finds them');
SELECT is(rewards.balance(8), 0::numeric, 'the rows are worth nothing now');

-- the program lets go of all of them
SELECT lives_ok($$SELECT rewards.detach('sales')$$, 'detach()');
SELECT is_empty($$SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE NOT tgisinternal AND tgrelid IN (SELECT relid FROM pg_partition_tree('shop.sales'))$$,
	'no trigger is left on any partition');
TRUNCATE shop.sales;
SELECT isnt_empty('SELECT * FROM rewards.statement(10)', 'the ledger is kept');

\ir include/finish.sql
