-- Reading tiers: of many members at once, of members with many lots and a long history.

\set QUIET on
\set ON_ERROR_STOP on
BEGIN;
\i test/pgtap/include/shop.sql
\i test/pgtap/include/tiers.sql
SELECT plan(30);

\i test/pgtap/include/plan_of.sql
\i test/pgtap/include/rows_read.sql

\o /dev/null
INSERT INTO rewards.unit (name, expires, spendable) VALUES ('ever', 'never', false);
INSERT INTO rewards.rule (name, unit, earn) VALUES ('points', 'points', '1 per 1'), ('ever', 'ever', '1 per 1');
SELECT t.group('status', '12 months');
SELECT t.tier('Silver', 10, 1000);
SELECT t.tier('Gold', 20, 3000);
SELECT t.group('ever', '12 months', unit => 'ever');
SELECT t.tier('Old', 10, 900, 'ever');
SELECT t.tier('Older', 20, 2000, 'ever');

-- member 1 has more lots than a row holds, member 2 the same points in few
SELECT t.buy(1, 20, timestamptz '2026-01-11' + i * interval '1 day') FROM generate_series(1, 60) AS i;
SELECT t.buy(2, 1200, '2026-03-13');
\o

-- -------- members with many lots --------

SELECT cmp_ok((SELECT count(*) FROM rewards.account_page WHERE member_id = 1 AND next_due = 'infinity'), '>', 0::bigint, 'lots that never end are in pages');
SELECT cmp_ok((SELECT count(*) FROM rewards.account_page WHERE member_id = 1 AND next_due < 'infinity'), '>', 0::bigint, 'others too');
SELECT results_eq('SELECT tier_group, tier, next_tier, points_to_next, points_to_keep, projected FROM rewards.standing WHERE member_id = 1 ORDER BY 1',
	$$VALUES ('ever', 'Old', 'Older', 800::numeric, 0::numeric, 'Old'), ('status', 'Silver', 'Gold', 1800, 800, NULL)$$, 'they all count');
SELECT results_eq('SELECT tier_group, tier, next_tier, points_to_next, projected FROM rewards.standing WHERE member_id = 1 ORDER BY 1',
	'SELECT tier_group, tier, next_tier, points_to_next, projected FROM rewards.standing WHERE member_id = 2 ORDER BY 1', 'as in few lots');
SELECT is(t.rows_read('rewards.account_page', 'SELECT rewards.tier_at(1, ''status'')'), 0::bigint, 'no page is read to know the tier now');
SELECT cmp_ok(t.rows_read('rewards.account_page', 'SELECT rewards.tier_at(1, ''status'', ''2027-03-12'')'), '>', 0::bigint, 'but where lots have ended by then');
SELECT is(t.tiers(1, '2027-03-01 12:00', '2027-03-02', '2027-03-12'), 'Silver - -', 'and the tier with them');
SELECT is(t.tiers(2, '2027-03-12', '2027-03-13', '2027-03-14'), 'Silver - -', 'later in one lot');
SELECT is(rewards.tier_at(1, 'ever', '2050-01-01'), 'Old', 'what never ends is kept');
SELECT is((SELECT projected FROM rewards.standing WHERE member_id = 1 AND tier_group = 'ever'), rewards.tier_at(1, 'ever', '2027-03-13'), 'as the view projects');

-- -------- many members --------

\o /dev/null
INSERT INTO shop.orders (order_id, customer_id, total, placed_at) SELECT 100000 + i, 100000 + i, 1, '2026-03-12' FROM generate_series(1, 3000) AS i;
ANALYZE rewards.account;
\o
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 2;
SELECT matches(t.plan_of('SELECT tier_group, tier, count(*) FROM rewards.standing GROUP BY 1, 2'),
	'Gather.*Partial.*Parallel Seq Scan on account.*Function Scan on standing_1', 'the view is scanned in parallel, and what it says computed there');
SELECT matches(t.plan_of('TABLE rewards.standing'), 'Gather.*Parallel Seq Scan on account', 'all rows of it too');
CREATE TABLE t.parallel AS SELECT * FROM rewards.standing;
SET LOCAL max_parallel_workers_per_gather = 0;
SELECT bag_eq('TABLE t.parallel', 'TABLE rewards.standing', 'with the same results');
SET LOCAL enable_seqscan = off;
SELECT matches(t.plan_of('SELECT o.order_id, s.tier FROM shop.orders o JOIN rewards.standing s ON s.member_id = o.customer_id WHERE o.order_id = 1000'),
	'Index Scan using account_pkey', 'a join looks members up');
RESET enable_seqscan;

-- tiers of which there are so many that they are stored out of line
\o /dev/null
SELECT t.group('g' || i, '12 months') FROM generate_series(1, 2) AS i;
INSERT INTO rewards.tier (name, tier_group, rank, threshold)
SELECT format('tier %s of group %s, %s', k, i, md5(concat(i, ' ', k))), 'g' || i, k, k * 1150 FROM generate_series(1, 2) AS i, generate_series(1, 40) AS k;
\o
SELECT cmp_ok((SELECT pg_relation_size(reltoastrelid) FROM pg_class WHERE oid = 'rewards.program'::regclass), '>', 0::bigint, 'many tiers are out of line');
SELECT is((SELECT count(*) FROM rewards.standing WHERE tier ~ '^tier 1 of group' AND member_id <= 2), 4::bigint, 'and read');

-- -------- a long history --------

\o /dev/null
DELETE FROM rewards.tier WHERE name ~ '^tier';
DELETE FROM rewards.tier_group WHERE name ~ '^g\d+$';
SELECT t.go('2026-06-01');
INSERT INTO rewards.unit (name, expires, spendable) VALUES ('day', '12 hours', false);
INSERT INTO rewards.rule (name, unit, earn) VALUES ('day', 'day', '1 per 1');
SELECT t.group('days', 'immediately', unit => 'day');
SELECT t.tier('Seen', 10, 1, 'days');
SELECT t.buy(3, 1000, timestamptz '2026-06-01' + i * interval '1 day') FROM generate_series(1, 100) AS i;
SELECT t.go('2026-10-01');
SELECT rewards.book_due();
\o
SELECT is((SELECT count(*) FROM rewards.tier_history WHERE member_id = 3 AND tier_group = 'days'), 200::bigint, 'two changes a day');
SELECT is((SELECT count(*) FROM generate_series(timestamptz '2026-05-31', '2026-09-15', '6 hours') AS i
		   WHERE rewards.tier_at(3, 'days', i) IS DISTINCT FROM CASE WHEN i >= '2026-06-02' AND i < '2026-09-09 12:00' AND extract(hour FROM i) < 12 THEN 'Seen' END),
	0::bigint, 'each is told at its time');
SELECT cmp_ok(t.rows_read('rewards.tier_change', 'SELECT rewards.tier_at(3, ''days'', ''2026-09-08'')'), '<=', 10::bigint, 'the last are read without the others');
SELECT cmp_ok(t.rows_read('rewards.journal', 'SELECT rewards.tier_at(3, ''days'', ''2026-09-08'', ''2026-09-20'')'), '=', 0::bigint,
	'what was known of an instant that was over then is told without the ledger');
SELECT is(rewards.tier_at(3, 'days', '2026-06-20', '2026-06-19 18:00'), NULL, 'of one that was to come it is computed: nobody knew of the next purchase');
SELECT is(rewards.tier_at(3, 'days', '2026-06-19 06:00', '2026-06-19 18:00'), 'Seen', 'of the last');

-- -------- when a stay began --------

SELECT is((SELECT stay_since FROM rewards.standing WHERE member_id = 3 AND tier_group = 'status'), (SELECT max(occurred_at) FROM rewards.tier_history WHERE member_id = 3 AND tier_group = 'status' AND tier IS NOT NULL), 'when it was reached');
\o /dev/null
SELECT t.go('2028-01-01');
\o
SELECT is((SELECT stay_since FROM rewards.standing WHERE member_id = 2 AND tier_group = 'ever'), '2027-03-13'::timestamptz, 'when it was renewed, to the microsecond');
\o /dev/null
SELECT rewards.book_due();
SELECT t.late(2, 1, '2027-06-01');
\o
SELECT is((SELECT stay_since FROM rewards.standing WHERE member_id = 2 AND tier_group = 'ever'), '2027-03-13'::timestamptz, 'also once it is judged again');

-- -------- far ahead --------

\o /dev/null
INSERT INTO rewards.unit (name, spendable) VALUES ('lifetime', false);
INSERT INTO rewards.rule (name, unit, earn) VALUES ('lifetime', 'lifetime', '1 per 1');
SELECT t.group('hours', '1 hour', unit => 'lifetime');
SELECT t.tier('Guest', 10, 10, 'hours');
INSERT INTO shop.orders (order_id, customer_id, total, placed_at) SELECT 990001, 9901, 10, clock FROM rewards.program;
\o
SET LOCAL statement_timeout = '200ms';
SELECT is(t.sqlstate_of($$SELECT rewards.tier_at(9901, 'hours', '5000-01-01')$$), '57014', 'who asks for what takes too long can be interrupted');
RESET statement_timeout;
SELECT is(rewards.tier_at(9901, 'hours', (SELECT clock + interval '10 years' FROM rewards.program)), 'Guest', 'renewed hour by hour');

\i test/pgtap/include/finish.sql
