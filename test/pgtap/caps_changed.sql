-- Caps that are given to rules that have paid, and caps that change.
\set ECHO none
\set QUIET 1
SET client_min_messages = error;
BEGIN;
CREATE EXTENSION pgtap;
CREATE EXTENSION loyalty;
SELECT no_plan();

CREATE ROLE shopkeeper;
GRANT USAGE, CREATE ON SCHEMA public TO shopkeeper;
SELECT loyalty.create_program('r', 'bigint', 'UTC', 'EUR', test_clock => true, owner => 'shopkeeper');
CREATE TABLE orders (id bigint PRIMARY KEY, customer bigint, total numeric, at timestamptz);
GRANT SELECT, TRIGGER ON orders TO shopkeeper;
SELECT r.attach('orders', 'orders', member => 'customer', amount => 'total', occurred_at => 'at');
SELECT r.set_clock('2026-01-20');
INSERT INTO r.rule (name, source, earn) VALUES ('other', 'orders', '1');
INSERT INTO r.rule (name, source, earn, max_per_member, cap_period) VALUES ('base', 'orders', '1 per 1', 100, 'day');
CREATE FUNCTION earned(key text) RETURNS numeric LANGUAGE sql AS $$
	SELECT COALESCE(sum(points), 0) FROM r.history WHERE event_key = key AND rule = 'base'
$$;
CREATE FUNCTION used() RETURNS TABLE (span_start timestamptz, used numeric) LANGUAGE sql AS $$
	SELECT i.at, i.used::numeric FROM r.account a, loyalty.account_usage_1(a.usage) i
		JOIN r.rule ON rule_no = key WHERE a.member_id = 1 AND name = 'base'
	UNION ALL SELECT u.span_start, u.used::numeric FROM r.cap_usage u JOIN r.rule USING (rule_no)
		WHERE u.member_id = 1 AND name = 'base'
	ORDER BY 1
$$;

-- another period
INSERT INTO orders VALUES (1, 1, 30, '2026-01-05 12:00Z'), (2, 1, 60, '2026-01-06 12:00Z'), (3, 1, 20, '2026-01-12 12:00Z');
SELECT results_eq('SELECT * FROM used()',
	$$VALUES ('2026-01-05Z'::timestamptz, 30::numeric), ('2026-01-06Z', 60), ('2026-01-12Z', 20)$$, 'used in days');
UPDATE r.rule SET cap_period = 'week' WHERE name = 'base';
SELECT results_eq('SELECT * FROM used()', $$VALUES ('2026-01-05Z'::timestamptz, 90::numeric), ('2026-01-12Z', 20)$$, 'then in weeks');
INSERT INTO orders VALUES (4, 1, 50, '2026-01-07 12:00Z');
SELECT is(earned('4'), 10::numeric, 'the week is not exceeded');
DELETE FROM orders WHERE id = 2;
INSERT INTO orders VALUES (5, 1, 100, '2026-01-08 12:00Z');
SELECT is(earned('5'), 60::numeric, 'what an event earned under the first is given back under the second');
UPDATE orders SET total = 10 WHERE id = 1;
INSERT INTO orders VALUES (6, 1, 100, '2026-01-09 12:00Z');
SELECT is(earned('6'), 20::numeric, 'and what it loses');
UPDATE r.rule SET cap_period = 'ever' WHERE name = 'base';
SELECT results_eq('SELECT * FROM used()', $$VALUES ('-infinity'::timestamptz, 120::numeric)$$, 'for ever');
INSERT INTO orders VALUES (7, 1, 100, '2026-01-19 12:00Z');
SELECT is(earned('7'), 0::numeric, 'more than that has been paid');
UPDATE r.rule SET cap_period = 'day' WHERE name = 'base';
SELECT is_empty('SELECT * FROM r.verify()', 'sound');

-- none, then one
UPDATE r.rule SET max_per_member = NULL, cap_period = NULL WHERE name = 'base';
INSERT INTO orders VALUES (10, 2, 70, '2026-01-14 10:00Z'), (11, 2, 10, '2026-01-14 11:00Z');
SELECT is_empty('SELECT * FROM r.verify()', 'sound without a cap');
UPDATE r.rule SET max_per_member = 100, cap_period = 'day' WHERE name = 'base';
INSERT INTO orders VALUES (12, 2, 70, '2026-01-14 12:00Z');
SELECT is(earned('12'), 20::numeric, 'what was paid before there was a cap counts');
DELETE FROM orders WHERE id = 10;
INSERT INTO orders VALUES (13, 2, 100, '2026-01-14 13:00Z');
SELECT is(earned('13'), 70::numeric, 'and is given back');

-- as long as the rule is off
UPDATE r.rule SET enabled = false WHERE name = 'base';
UPDATE r.rule SET cap_period = 'month' WHERE name = 'base';
UPDATE orders SET total = 60 WHERE id = 13;
SELECT is(earned('13'), 60::numeric, 'an event changes');
SELECT is_empty('SELECT * FROM r.verify()', 'sound, enabled or not');

-- no item, no usage
SELECT ok((SELECT usage IS NOT NULL FROM r.account WHERE member_id = 1), 'there is usage to lose');
SELECT is(loyalty.account_usage_with_1(usage, (SELECT rule_no FROM r.rule WHERE name = 'base'), NULL, NULL), NULL,
	'without its only item it is NULL') FROM r.account WHERE member_id = 1;

SELECT finish();
ROLLBACK;
