-- Late rows that raise a tier raise what events since have earned, if the group
-- says so.

\set QUIET on
\set ON_ERROR_STOP on
BEGIN;
\i test/pgtap/include/shop.sql
\i test/pgtap/include/tiers.sql
SELECT plan(23);

\o /dev/null
SELECT t.group('status', '12 months');
UPDATE rewards.tier_group SET top_up = true;
SELECT t.tier('Silver', 10, 1000);
SELECT t.tier('Gold', 20, 3000);
INSERT INTO rewards.rule (name, earn, tiers) VALUES ('points', '1 per 1', NULL), ('silver', 'x1.25', '{Silver}'), ('gold', 'x1.5', '{Gold}');

SELECT t.buy(1, 1200, '2027-03-10');
SELECT t.buy(1, 1500, '2027-11-20');
SELECT t.buy(1, 200, '2028-02-15');
SELECT t.buy(1, 100, '2028-03-01');
SELECT t.go('2028-03-15');
\o
SELECT is(t.by_rule(1), 'points 3000, silver 450', 'before the late row');
\o /dev/null
SELECT t.late(1, 150, '2028-02-18');
\o
SELECT is(t.by_rule(1), 'points 3150, silver 487, gold 25', '5.1: +25 for 1 March');
SELECT is((SELECT string_agg(rule || ' ' || trim_scale(points) || ' ' || occurred_at::date, ', ' ORDER BY entry_no) FROM rewards.history
		WHERE member_id = 1 AND unit = 'points' AND event_key = (SELECT order_id::text FROM shop.orders WHERE customer_id = 1 AND total = 100) AND points <> 0),
	'points 100 2028-03-01, silver 25 2028-03-01, gold 25 2028-03-15', 'dated now');
SELECT is_empty('SELECT * FROM rewards.verify(1)', 'the higher tier is its frozen fact');

-- a statement in disorder gives the same
INSERT INTO shop.orders (order_id, customer_id, total, placed_at)
	VALUES (101, 2, 1200, '2027-03-10'), (102, 2, 1500, '2027-11-20'), (103, 2, 200, '2028-02-15'), (105, 2, 100, '2028-03-01'), (104, 2, 150, '2028-02-18');
SELECT is((SELECT sum(points) FROM rewards.history WHERE member_id = 2 AND unit = 'points'), (SELECT sum(points) FROM rewards.history WHERE member_id = 1 AND unit = 'points'),
	'a statement in disorder gives the same');

-- it raises, never lowers
\o /dev/null
INSERT INTO rewards.rule (name, earn, tiers, valid) VALUES ('only silver', '500', '{Silver}', '[2028-06-01,2028-07-01)');
SELECT t.buy(3, 2000, '2028-05-01');
SELECT t.buy(3, 100, '2028-06-01');
\o
SELECT is(t.by_rule(3), 'points 2100, only silver 500, silver 25', 'a bonus that only Silver has');
\o /dev/null
SELECT t.late(3, 1000, '2028-05-15');
\o
SELECT is(rewards.tier_at(3), 'Gold', 'a late upgrade');
SELECT is((SELECT trim_scale(sum(points)) FROM rewards.history WHERE member_id = 3 AND rule = 'only silver'), 500::numeric, 'does not take it');

-- within free room
\o /dev/null
UPDATE rewards.rule SET max_per_member = 60, cap_period = 'year' WHERE name = 'gold';
SELECT t.buy(4, 2000, '2028-08-01');
SELECT t.buy(4, 100, '2028-08-02');
SELECT t.buy(4, 100, '2028-08-03');
SELECT t.late(4, 1000, '2028-08-01 12:00Z');
\o
SELECT is((SELECT trim_scale(sum(points)) FROM rewards.history WHERE member_id = 4 AND rule = 'gold'), 50::numeric, 'within the room of a cap, unless that is less');

-- several late rows of one statement: each tops up what came before it, as statements of their own would, though
-- the tier that they reach together earns less
\o /dev/null
UPDATE rewards.rule SET enabled = name IN ('points', 'status');
INSERT INTO rewards.rule (name, unit, earn, tiers) VALUES ('silver only', 'points', 'x2', '{Silver}');
SELECT t.go('2028-08-25');
INSERT INTO shop.orders (order_id, customer_id, total, placed_at) VALUES (201, 21, 100, '2028-08-20');
INSERT INTO shop.orders (order_id, customer_id, total, placed_at) VALUES (202, 21, 1500, '2028-08-10');
INSERT INTO shop.orders (order_id, customer_id, total, placed_at) VALUES (203, 21, 2000, '2028-08-15');
INSERT INTO shop.orders (order_id, customer_id, total, placed_at) VALUES (204, 21, 10, '2028-08-21');
INSERT INTO shop.orders (order_id, customer_id, total, placed_at)
	VALUES (211, 22, 100, '2028-08-20'), (212, 22, 1500, '2028-08-10'), (213, 22, 2000, '2028-08-15'), (214, 22, 10, '2028-08-21');
INSERT INTO shop.orders (order_id, customer_id, total, status, placed_at) SELECT order_id + 10, 23, total, 'cancelled', placed_at FROM shop.orders WHERE customer_id = 22;
UPDATE shop.orders SET status = 'paid' WHERE customer_id = 23;
\o
SELECT is(t.by_rule(21), 'points 3610, silver only 2100', 'one by one: what Silver gave it keeps');
SELECT is(t.by_rule(22), t.by_rule(21), 'in one INSERT');
SELECT is(t.by_rule(23), t.by_rule(21), 'in one UPDATE');
SELECT is_empty('SELECT * FROM rewards.verify()', 'sound');
\o /dev/null
UPDATE rewards.rule SET enabled = name <> 'silver only';
\o

-- other sources, conditions that read member.tier
\o /dev/null
INSERT INTO rewards.unit (name) VALUES ('stamps');
INSERT INTO rewards.rule (name, unit, earn, source, condition) VALUES ('review', 'points', '10', 'activity', NULL),
	('gold review', 'stamps', '1', 'activity', $$member.tier = 'Gold'$$);
SELECT t.buy(5, 2900, '2028-09-01');
SELECT t.go('2028-09-03');
INSERT INTO rewards.activity (kind, key, member_id, occurred_at) VALUES ('review', 'r1', 5, '2028-09-03');
\o
SELECT is(rewards.balance(5, 'stamps'), 0::numeric, 'a review by Silver');
\o /dev/null
SELECT t.late(5, 100, '2028-09-02');
\o
SELECT is(rewards.balance(5, 'stamps'), 1::numeric, 'that was Gold''s, as is known now');

-- what would go round in circles
SELECT throws_ok($$INSERT INTO rewards.rule (name, unit, earn, tiers) VALUES ('circle', 'status', 'x2', '{Gold}')$$, '23514',
	'rule "circle", which depends on tiers, cannot pay unit "status": it qualifies for tier group "status", which tops up');
SELECT throws_ok($$INSERT INTO rewards.rule (name, unit, earn, source, condition) VALUES ('circle', 'status', '5', 'activity', 'member.tier IS NOT NULL')$$, '23514');
SELECT lives_ok($$UPDATE rewards.tier_group SET top_up = false$$, 'a group can stop to top up');
SELECT lives_ok($$INSERT INTO rewards.rule (name, unit, earn, tiers) VALUES ('circle', 'status', 'x2', '{Gold}')$$, 'then rules may');
SELECT throws_ok($$UPDATE rewards.tier_group SET top_up = true$$, '23514');

\i test/pgtap/include/finish.sql
