-- Caps per member and calendar span.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();

INSERT INTO rewards.rule (name, source, earn, max_per_member, cap_period) VALUES ('base', 'orders', '1 per 1', 100, 'day');

INSERT INTO shop.orders VALUES (1, 1, 80);
INSERT INTO shop.orders VALUES (2, 1, 60);
SELECT is(ARRAY[earned(1), earned(2)], '{80,20}'::numeric[], 'example 1.6: events of 80 and 60 under a daily cap of 100');
DELETE FROM shop.orders WHERE order_id = 1;
SELECT is(earned(2), 20::numeric, 'example 1.6: the first is deleted, the second keeps 20');
SELECT is(state(1), '20 available', 'example 1.6: 80 have gone');
SELECT is_empty('SELECT * FROM rewards.verify(1)', 'verify() does not claim the room');
SELECT is_empty($$SELECT * FROM rewards.reconcile('orders')$$, 'nor does reconcile()');
UPDATE shop.orders SET note = 'a change that changes nothing' WHERE order_id = 2;
SELECT is(earned(2), 20::numeric, 'nor does an update of another column');
UPDATE shop.orders SET total = 70 WHERE order_id = 2;
SELECT is(earned(2), 30::numeric, 'example 1.6: the second becomes 70: its contribution rises by 10, so it claims 10');
UPDATE shop.orders SET total = 50 WHERE order_id = 2;
SELECT is(earned(2), 30::numeric, 'example 1.6: then 50');
UPDATE shop.orders SET total = 25 WHERE order_id = 2;
SELECT is(earned(2), 25::numeric, 'example 1.6: then 25');
INSERT INTO shop.orders VALUES (3, 1, 500);
SELECT is(earned(3), 75::numeric, 'the room it gave back is another event''s');
SELECT is(earned(2) + earned(3), 100::numeric, 'and the cap is never exceeded');

-- the cap is each member's own and each day's own
INSERT INTO shop.orders VALUES (4, 2, 500, DEFAULT), (5, 1, 500, '2026-01-11 00:00Z'), (6, 1, 500, '2026-01-09 23:59:59.999999Z'), (7, 1, 1, '2026-01-10 23:59Z');
SELECT is(ARRAY[earned(4), earned(5), earned(6), earned(7)], '{100,100,100,0}'::numeric[],
	'another member, the next day, the day before, the same day');

-- one statement is like many
INSERT INTO shop.orders VALUES (11, 3, 40), (12, 4, 90), (13, 3, 40), (14, 4, 90), (15, 3, 40), (16, 3, 40);
SELECT is(ARRAY[earned(11), earned(13), earned(15), earned(16)], '{40,40,20,0}'::numeric[],
	'rows of one statement take the room in their order');
SELECT is(ARRAY[earned(12), earned(14)], '{90,10}'::numeric[], 'each member of the statement has room of his own');
UPDATE shop.orders SET total = 10 WHERE customer_id = 3;
SELECT is(ARRAY[earned(11), earned(13), earned(15), earned(16)], '{10,10,10,0}'::numeric[],
	'after a decrease the event that got nothing keeps nothing, since what it asks for did not rise');
UPDATE shop.orders SET total = 500 WHERE customer_id = 3;
SELECT is(rewards.balance(3), 100::numeric, 'asking for more, all of them together never get more than the cap');

-- a member or an instant that changes is a new event
INSERT INTO shop.orders VALUES (20, 5, 100), (21, 6, 60);
UPDATE shop.orders SET customer_id = 6 WHERE order_id = 20;
SELECT is(ARRAY[earned(20), earned(21)], '{40,60}'::numeric[], 'moved to another member an order takes the room he has');
INSERT INTO shop.orders VALUES (22, 5, 100);
SELECT is(earned(22), 100::numeric, 'and leaves its room behind');
UPDATE shop.orders SET placed_at = '2026-01-09 12:00Z' WHERE order_id = 20;
SELECT is(earned(20), 100::numeric, 'moved to another day it takes the room of that day');
UPDATE shop.orders SET total = 120 WHERE order_id = 21;
SELECT is(earned(21), 100::numeric, 'and leaves its room of the first');

-- points only use room when they are posted
INSERT INTO shop.orders VALUES (30, 7, 0.4), (31, 7, 0.4), (32, 7, 0.4), (33, 7, 200);
SELECT is(earned(33), 100::numeric, 'fractions that rounding cut use no room');
INSERT INTO shop.orders VALUES (34, 8, 99.6), (35, 8, 5.7);
SELECT is(ARRAY[earned(34), earned(35)], '{99,1}'::numeric[], '99.6 uses 99');

-- spans
CREATE FUNCTION t.second_of_two(span text, first_at timestamptz, second_at timestamptz) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
	member bigint := (SELECT coalesce(max(customer_id), 0) + 1000 FROM shop.orders);
BEGIN
	UPDATE rewards.rule SET cap_period = span;
	INSERT INTO shop.orders VALUES (member, member, 100, first_at);
	INSERT INTO shop.orders VALUES (member + 1, member, 100, second_at);
	RETURN earned(member + 1);
END
$$;
SELECT is(second_of_two(span, a::timestamptz, b::timestamptz), wanted::numeric, format('%s: %s and %s %s', span, a, b, CASE wanted WHEN 0 THEN 'share a span' ELSE 'do not' END))
FROM (VALUES
	('day', '2026-01-09 00:00Z', '2026-01-09 23:59Z', 0),
	('day', '2026-01-09 23:59Z', '2026-01-10 00:00Z', 100),
	('week', '2026-01-05 00:00Z', '2026-01-11 23:59Z', 0),
	('week', '2026-01-04 23:59Z', '2026-01-05 00:00Z', 100),
	('week', '2025-12-29 00:00Z', '2026-01-01 00:00Z', 0),
	('month', '2025-12-01 00:00Z', '2025-12-31 23:59Z', 0),
	('month', '2025-12-31 23:59Z', '2026-01-01 00:00Z', 100),
	('quarter', '2025-10-01 00:00Z', '2025-12-31 23:59Z', 0),
	('quarter', '2025-09-30 23:59Z', '2025-10-01 00:00Z', 100),
	('year', '2025-01-01 00:00Z', '2025-12-31 23:59Z', 0),
	('year', '2025-12-31 23:59Z', '2026-01-01 00:00Z', 100),
	('ever', '1990-01-01 00:00Z', '2026-01-10 00:00Z', 0)
) v (span, a, b, wanted);
SELECT is(second_of_two('month', '2025-12-31 12:00Z', '2025-12-01 12:00Z'), 0::numeric,
	'a late event shares the span it happened in: what was used later in it counts');

-- a cap whose span is changed, or that comes later, counts what the span holds
UPDATE rewards.rule SET cap_period = 'day';
INSERT INTO shop.orders VALUES (70, 70, 30, '2026-01-05 12:00Z'), (71, 70, 60, '2026-01-06 12:00Z');
UPDATE rewards.rule SET cap_period = 'week';
INSERT INTO shop.orders VALUES (72, 70, 50, '2026-01-07 12:00Z');
SELECT is(earned(72), 10::numeric, 'from day to week: 90 are used in the week');
DELETE FROM shop.orders WHERE order_id = 71;
INSERT INTO shop.orders VALUES (73, 70, 100, '2026-01-08 12:00Z');
SELECT is(earned(73), 60::numeric, 'what an event earned under the first is given back under the second');
UPDATE rewards.rule SET max_per_member = NULL, cap_period = NULL;
INSERT INTO shop.orders VALUES (74, 74, 70);
UPDATE rewards.rule SET max_per_member = 100, cap_period = 'day';
INSERT INTO shop.orders VALUES (75, 74, 70);
SELECT is(earned(75), 30::numeric, 'what a rule paid before it had a cap counts');

-- several rules, each its own cap
UPDATE rewards.rule SET cap_period = 'day', max_per_member = 30;
INSERT INTO rewards.rule (name, source, earn, max_per_member, cap_period) VALUES
	('bonus', 'orders', '20', 20, 'month'), ('double', 'orders', 'x2', 10, 'day');
INSERT INTO shop.orders VALUES (40, 9, 25, DEFAULT), (41, 9, 25, DEFAULT), (42, 9, 25, '2026-01-11 12:00Z');
SELECT is(shares('40'), 'base 25, bonus 20, double 10', 'each rule has room of its own; a multiplier too');
SELECT is(shares('41'), 'base 5', 'what is left of each');
SELECT is(shares('42'), 'base 25, double 10', 'the next day of the same month');

-- a cap of 0, a cap that is taken away
UPDATE rewards.rule SET enabled = name = 'base', max_per_member = 0;
INSERT INTO shop.orders VALUES (50, 10, 25);
SELECT is(earned(50), 0::numeric, 'no room at all');
UPDATE rewards.rule SET max_per_member = NULL, cap_period = NULL WHERE name = 'base';
INSERT INTO shop.orders VALUES (51, 10, 2500);
SELECT is(earned(51), 2500::numeric, 'no cap at all');

-- a flat rule
UPDATE rewards.rule SET earn = '50', max_per_member = 100, cap_period = 'ever' WHERE name = 'base';
INSERT INTO shop.orders VALUES (60, 11, 1), (61, 11, 1), (62, 11, 1);
SELECT is(ARRAY[earned(60), earned(61), earned(62)], '{50,50,0}'::numeric[], 'a flat rule that pays twice per member');
DELETE FROM shop.orders WHERE order_id = 60;
SELECT is(earned(62), 0::numeric, 'the third does not get what the first gave back by itself');
INSERT INTO shop.orders VALUES (63, 11, 1);
SELECT is(earned(63), 50::numeric, 'the next does');

-- paid, cancelled, paid again within a cap
UPDATE shop.orders SET status = 'cancelled' WHERE order_id = 63;
INSERT INTO shop.orders VALUES (64, 11, 1);
UPDATE shop.orders SET status = 'paid' WHERE order_id = 63;
SELECT is(ARRAY[earned(63), earned(64)], '{0,50}'::numeric[], 'room given back by a cancelled order may be gone when it is paid again');
SELECT is(state(11), '100 available', 'the cap holds');

\ir include/finish.sql
