-- A backfill of years gives the history of tiers that having lived through them gave.

\set QUIET on
\set ON_ERROR_STOP on
BEGIN;
\i test/pgtap/include/shop.sql
\i test/pgtap/include/tiers.sql
SELECT plan(12);
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

-- a backfill in several chunks, each of which saves its accounts: what is due between their rows and now is not due yet
\o /dev/null
CREATE TABLE shop.older (id bigint PRIMARY KEY, order_id bigint, customer_id bigint, total numeric, placed_at timestamptz);
INSERT INTO shop.older SELECT n, n, 3, 100 + n * 37 % 400, timestamptz '2026-02-01' + n * interval '23 days' FROM generate_series(1, 150) n;
INSERT INTO shop.older SELECT 1000 + n, 1000 + n, 1000 + n % 400, 120, timestamptz '2026-02-01' + n * interval '4 hours' FROM generate_series(1, 20500) n;
CREATE FUNCTION t.history(member_id bigint) RETURNS text STABLE LANGUAGE sql AS $$ SELECT t.stays($1) || '; ' || t.stays($1, 'second') $$;
CREATE FUNCTION t.paid(member_id bigint) RETURNS numeric STABLE LANGUAGE sql AS $$
	SELECT sum(points) FROM rewards.history WHERE history.member_id = $1 AND unit = 'points' AND kind = 'earn'
$$;
INSERT INTO rewards.rule (name, earn, source, budget) VALUES ('from a budget', '1', NULL, 1000000);
SELECT rewards.attach('shop.older', name => 'older', member => 'customer_id', amount => 'total', occurred_at => 'placed_at');
CALL rewards.backfill('older');
\o
SELECT is(t.history(3), t.history(1), 'a backfill in chunks of rows, causes included');
SELECT is(t.paid(3) - 150, t.paid(1), 'and what was earned');
SELECT is((SELECT string_agg(DISTINCT cause, ', ' ORDER BY cause) FROM rewards.tier_history WHERE member_id >= 1000), 'entry, expiry', 'nobody''s rows were late');
SELECT is((SELECT count(*) FROM rewards.account WHERE next_due <= last_at), 0::bigint, 'nobody is left behind');
\o /dev/null
SELECT rewards.detach('older');
UPDATE shop.older SET customer_id = customer_id + 4000;
SELECT rewards.attach('shop.older', name => 'orders_of_lines', event => 'order_id', member => 'customer_id', amount => 'total', occurred_at => 'placed_at');
CALL rewards.backfill('orders_of_lines');
\o
SELECT is(t.history(4003), t.history(1), 'a backfill in chunks of events of several rows');
SELECT is((SELECT count(*) FROM rewards.tier_change WHERE cause = 'late row'), 0::bigint, 'likewise');

-- lines in order that are all past, one statement each: nothing has happened since, until a stay has ended
\o /dev/null
SELECT t.late(5, 100 + n * 37 % 400, timestamptz '2035-01-01' + n * interval '5 days') FROM generate_series(1, 18) n;
\o
SELECT is(t.stays(5), 'Silver entry 2035-01-26..2036-01-26, Gold entry 2035-02-20..2036-02-20', 'rows in order are not late, whenever they come');
\i test/pgtap/include/finish.sql
