-- A backfill of years gives the history of tiers that having lived through them gave.

\set QUIET on
\set ON_ERROR_STOP on
BEGIN;
\i test/pgtap/include/shop.sql
\i test/pgtap/include/tiers.sql
SELECT plan(5);
\o /dev/null
SELECT t.group('status', '12 months', '6 months', 'one_level'), t.group('second', 'immediately');
SELECT t.tier('Silver', 10, 1000), t.tier('Gold', 20, 3000), t.tier('A', 10, 500, 'second'), t.tier('B', 20, 1500, 'second');
INSERT INTO rewards.rule (name, earn, tiers) VALUES ('points', '1 per 1', NULL), ('silver', 'x1.25', '{Silver}'), ('b', 'x2', '{B}');
SELECT t.buy(1, 100 + n * 37 % 400, timestamptz '2026-02-01' + n * interval '23 days') FROM generate_series(1, 150) n;
SELECT rewards.book_due();
CREATE TABLE shop.old (id bigint PRIMARY KEY, customer_id bigint, total numeric, placed_at timestamptz);
INSERT INTO shop.old SELECT n, 2, 100 + n * 37 % 400, timestamptz '2026-02-01' + n * interval '23 days' FROM generate_series(1, 150) n;
SELECT rewards.attach('shop.old', name => 'old', member => 'customer_id', amount => 'total', occurred_at => 'placed_at');
CALL rewards.backfill('old');
\o
SELECT is(t.stays(2) || '; ' || t.stays(2, 'second'), t.stays(1) || '; ' || t.stays(1, 'second'), 'a backfill of years gives the tier history of having lived through them');
SELECT is((SELECT sum(points) FROM rewards.history WHERE member_id = 2 AND unit = 'points' AND kind = 'earn'), (SELECT sum(points) FROM rewards.history WHERE member_id = 1 AND unit = 'points' AND kind = 'earn'), 'and what was earned');
\i test/pgtap/include/finish.sql
