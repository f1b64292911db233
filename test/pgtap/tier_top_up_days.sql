-- What is topped up where purchases have the instant at which stays end: where
-- a shop knows days only, and stays end with a month.
\set QUIET on
\set ON_ERROR_STOP on
BEGIN;
\i test/pgtap/include/shop.sql
\i test/pgtap/include/tiers.sql
SELECT plan(10);

\o /dev/null
SELECT t.group('status', 'to end of month');
UPDATE rewards.unit SET expires = 'to end of month' WHERE name = 'status';
UPDATE rewards.tier_group SET top_up = true;
SELECT t.tier('Silver', 10, 100);
INSERT INTO rewards.rule (name, earn, tiers) VALUES ('points', '1 per 1', NULL), ('silver', 'x2', '{Silver}');
CREATE FUNCTION t.day(text) RETURNS timestamptz STABLE LANGUAGE sql AS $$
	SELECT $1::timestamp AT TIME ZONE time_zone FROM rewards.program
$$;
-- in the order of days: the second of March renews Silver for April
SELECT t.go(t.day('2027-03-05'));
INSERT INTO shop.orders (order_id, customer_id, total, placed_at) VALUES (101, 1, 100, t.day('2027-03-05')), (201, 2, 100, t.day('2027-03-05'));
SELECT t.go(t.day('2027-03-20'));
INSERT INTO shop.orders (order_id, customer_id, total, placed_at) VALUES (102, 1, 100, t.day('2027-03-20'));
SELECT t.go(t.day('2027-04-01'));
INSERT INTO shop.orders (order_id, customer_id, total, placed_at) VALUES (103, 1, 40, t.day('2027-04-01'));
INSERT INTO shop.orders (order_id, customer_id, total, placed_at) VALUES (104, 1, 80, t.day('2027-04-01'));
INSERT INTO shop.orders (order_id, customer_id, total, placed_at) VALUES (105, 1, 10, t.day('2027-04-01'));
\o
SELECT is(t.by_rule(1), 'points 330, silver 230', 'rows in order');
\o /dev/null

-- it comes late, when the first of April has brought Silver anew
INSERT INTO shop.orders (order_id, customer_id, total, placed_at) VALUES (203, 2, 40, t.day('2027-04-01'));
INSERT INTO shop.orders (order_id, customer_id, total, placed_at) VALUES (204, 2, 80, t.day('2027-04-01'));
INSERT INTO shop.orders (order_id, customer_id, total, placed_at) VALUES (205, 2, 10, t.day('2027-04-01'));
\o
SELECT is(t.by_rule(2), 'points 230, silver 10', 'without the row');
SELECT is(rewards.tier_at(2), 'Silver', 'reached on the first of April');
\o /dev/null
INSERT INTO shop.orders (order_id, customer_id, total, placed_at) VALUES (202, 2, 100, t.day('2027-03-20'));
\o
SELECT is(t.by_rule(2), t.by_rule(1), 'a late row that renews Silver on that day tops up what was bought on it');
SELECT is((SELECT string_agg(event_key || ' ' || trim_scale(points), ', ' ORDER BY event_key) FROM rewards.history WHERE member_id = 2 AND rule = 'silver'),
	'202 100, 203 40, 204 80, 205 10', 'each of them');
SELECT is(rewards.tier_at(2), 'Silver', 'the tier at the end is the same');
SELECT is_empty('SELECT * FROM rewards.verify()', 'sound');

\i test/pgtap/include/finish.sql
