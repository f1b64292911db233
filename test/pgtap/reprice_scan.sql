-- A report of reprice() reads whole sources by one query, applying goes event
-- by event: both must come to the same, whatever has become of rows and rules.
\set ECHO none
\set QUIET 1
SET client_min_messages = error;
BEGIN;
CREATE EXTENSION pgtap;
CREATE EXTENSION loyalty;
SELECT no_plan();
SET LOCAL TimeZone = 'UTC';

CREATE SCHEMA shop;
CREATE TABLE shop.orders (gone int, order_id bigint PRIMARY KEY, customer_id bigint, total numeric, placed_at timestamptz, status text DEFAULT 'paid');
ALTER TABLE shop.orders DROP COLUMN gone;
SELECT loyalty.create_program('rewards', member_type => 'bigint', time_zone => 'Europe/Warsaw', currency => 'EUR', test_clock => true);
SELECT rewards.set_clock('2026-03-10 12:00Z');
SELECT rewards.attach('shop.orders', name => 'orders', member => 'customer_id', amount => 'total', occurred_at => 'placed_at', condition => $$status = 'paid'$$);
INSERT INTO rewards.unit (name, spendable, decimals) VALUES ('status', false, 2);
INSERT INTO rewards.member (member_id, joined_at, status) VALUES (2, '2025-01-01', 'blocked');
INSERT INTO rewards.rule (name, source, unit, earn, condition)
SELECT 'rule ' || i, 'orders', CASE WHEN i % 4 = 0 THEN 'status' ELSE 'points' END, '1 per ' || i,
	CASE i % 3 WHEN 0 THEN 'total > ' || i * 3 WHEN 1 THEN 'order_id % 5 <> ' || i % 5 END
FROM generate_series(1, 12) i;
INSERT INTO shop.orders SELECT i, 1 + i % 17, i % 90, '2026-01-01 00:00Z'::timestamptz + i * interval '1 hour',
	CASE WHEN i % 31 = 0 THEN 'open' ELSE 'paid' END FROM generate_series(1, 600) i;

-- what the report says, and then what is posted; and all is as it was again
CREATE FUNCTION same(rule text, from_ timestamptz, until_ timestamptz, description text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	said text;
	done text;
BEGIN
	SELECT string_agg(r::text, ' ' ORDER BY member_id, unit) INTO said FROM rewards.reprice(rule, from_, until_) r;
	BEGIN
		SELECT string_agg(r::text, ' ' ORDER BY member_id, unit) INTO done FROM rewards.reprice(rule, from_, until_, apply => true) r;
		RAISE EXCEPTION USING ERRCODE = 'TT000', MESSAGE = done;
	EXCEPTION WHEN SQLSTATE 'TT000' THEN
		NULL;
	END;
	RETURN NEXT isnt(said, NULL, description || ': there are differences');
	RETURN NEXT is(said, done, description || ': they are those that are posted');
END
$$;

UPDATE rewards.rule SET earn = '1 per 7' WHERE name IN ('rule 2', 'rule 4');
UPDATE rewards.rule SET enabled = false WHERE name = 'rule 6';
SELECT same(NULL, '-infinity', 'infinity', 'other rules');
SELECT same('rule 4', '-infinity', 'infinity', 'one other rule');
SELECT same(NULL, '2026-01-05', '2026-01-15', 'a range of instants');

-- rows that changed unseen
SET LOCAL session_replication_role = replica;
UPDATE shop.orders SET customer_id = customer_id + 1 WHERE order_id % 41 = 0;
UPDATE shop.orders SET placed_at = placed_at + interval '1 day' WHERE order_id % 43 = 0;
UPDATE shop.orders SET total = -total WHERE order_id % 47 = 0;
UPDATE shop.orders SET total = total + 13 WHERE order_id % 53 = 0;
UPDATE shop.orders SET status = 'open' WHERE order_id % 59 = 0;
UPDATE shop.orders SET customer_id = NULL WHERE order_id % 61 = 0;
DELETE FROM shop.orders WHERE order_id % 67 = 0;
INSERT INTO shop.orders SELECT 1000 + i, i, 50, '2026-01-07 00:00Z' FROM generate_series(1, 30) i;
SET LOCAL session_replication_role = origin;
SELECT same(NULL, '-infinity', 'infinity', 'rows that changed unseen');
SELECT same('rule 2', '2026-01-05', '2026-01-15', 'rows that changed unseen, one rule');

-- postings in several blocks, of several versions
SELECT count(*) FROM rewards.reprice('rule 2', '2026-01-03', '2026-01-09', apply => true) \g /dev/null
UPDATE rewards.rule SET earn = '5 per 3' WHERE name IN ('rule 2', 'rule 8');
SELECT same(NULL, '-infinity', 'infinity', 'events repriced before');
SELECT same('rule 8', '-infinity', 'infinity', 'events repriced before, one rule');

-- an expression that fails for some
UPDATE rewards.rule SET condition = '10 / (order_id % 100) >= 0' WHERE name = 'rule 2';
SELECT same(NULL, '-infinity', 'infinity', 'a condition that fails');

-- a cap
UPDATE rewards.rule SET condition = NULL, max_per_member = 20, cap_period = 'month' WHERE name = 'rule 2';
SELECT same(NULL, '-infinity', 'infinity', 'a cap');
SELECT * FROM finish();
ROLLBACK;
