-- Tiers: the worked examples, and what a tier does to what is earned.

\set QUIET on
\set ON_ERROR_STOP on
BEGIN;
\i test/pgtap/include/shop.sql
\i test/pgtap/include/tiers.sql
SELECT plan(34);

-- -------- a rolling window --------

\o /dev/null
SELECT t.group('status', '12 months');
SELECT t.tier('Silver', 10, 1000);
SELECT t.tier('Gold', 20, 3000);
INSERT INTO rewards.rule (name, earn, tiers) VALUES ('points', '1 per 1', NULL), ('silver', 'x1.25', '{Silver}'), ('gold', 'x1.5', '{Gold}');

SELECT t.buy(1, 1200, '2027-03-10');
SELECT t.buy(1, 1500, '2027-11-20');
SELECT t.buy(1, 200, '2028-02-15');
SELECT t.buy(1, 100, '2028-03-01');
SELECT t.go('2028-03-15');
\o
SELECT is(t.stays(1), 'Silver entry 2027-03-10..2028-03-10, Gold entry 2028-03-01..2029-03-01', 'before the late row');
\o /dev/null
SELECT t.late(1, 150, '2028-02-18');
\o
SELECT is(t.tiers(1, '2028-02-17', '2028-02-18', '2029-02-17', '2029-02-18'), 'Silver Gold Gold -',
	'5.1: Gold from 18 February 2028 to 18 February 2029');
SELECT is(t.known(1, '2028-03-14', '2028-02-18', '2028-03-01', '2029-02-18', '2029-03-01'), 'Silver Gold Gold -', 'what was known before the late row');
SELECT is(t.stays(1), 'Silver entry 2027-03-10..2028-03-10, Gold entry 2028-03-01..2029-03-01, Gold late row 2028-02-18..2029-02-18', 'and why it changed');
SELECT is((SELECT string_agg(tier || ' ' || since::date || ' ' || until::date, ' ') FROM rewards.standing WHERE member_id = 1),
	'Gold 2028-02-18 2029-02-18', 'standing says so, too');

-- the same in one statement, and by rows that come in disorder
INSERT INTO shop.orders (order_id, customer_id, total, placed_at)
	VALUES (101, 2, 1200, '2027-03-10'), (102, 2, 1500, '2027-11-20'), (103, 2, 200, '2028-02-15'), (104, 2, 150, '2028-02-18'), (105, 2, 100, '2028-03-01');
SELECT is(t.stays(2), 'Silver entry 2027-03-10..2028-03-10, Gold entry 2028-02-18..2029-02-18', 'one statement');
SELECT is(t.by_rule(2), 'points 3150, silver 462, gold 50', 'each row by the tier held at its instant');
\o /dev/null
INSERT INTO shop.orders (order_id, customer_id, total, placed_at)
	VALUES (205, 3, 100, '2028-03-01'), (204, 3, 150, '2028-02-18'), (201, 3, 1200, '2027-03-10'), (203, 3, 200, '2028-02-15'), (202, 3, 1500, '2027-11-20');
\o
SELECT is(t.tiers(3, '2027-03-10', '2028-02-17', '2028-02-18', '2029-02-17', '2029-02-18'), 'Silver Silver Gold Gold -', 'rows in any order end in the same tiers');
\o /dev/null
SELECT t.late(4, 1200, '2027-03-10');
SELECT t.late(4, 150, '2028-02-18');
SELECT t.late(4, 1500, '2027-11-20');
SELECT t.late(4, 100, '2028-03-01');
SELECT t.late(4, 200, '2028-02-15');
\o
SELECT is(t.tiers(4, '2027-03-09', '2027-03-10', '2028-02-17', '2028-02-18', '2029-02-17', '2029-02-18'), '- Silver Silver Gold Gold -', 'and one by one');

-- 5.6: the tier held when it happened
\o /dev/null
SELECT t.buy(5, 2900, '2028-04-01');
SELECT t.buy(5, 200, '2028-04-02');
\o
SELECT is((SELECT trim_scale(sum(points)) FROM rewards.history WHERE unit = 'points' AND event_key = t.last_order()), 250::numeric, '5.6: at 2900, an event of 200 earns 250');
SELECT is(rewards.tier_at(5), 'Gold', 'and brings Gold');

-- 5.2: a refund does not take the tier before the end of the stay
\o /dev/null
SELECT t.buy(6, 3050, '2028-05-01');
SELECT t.go('2028-05-10');
UPDATE shop.orders SET total = 2850 WHERE order_id = t.last_order()::bigint;
\o
SELECT is(t.tiers(6, '2028-05-10', '2029-04-30', '2029-05-01'), 'Gold Gold -', '5.2: Gold until its stay ends, then not renewed');
SELECT is((SELECT points_to_keep FROM rewards.standing WHERE member_id = 6), 3000::numeric, 'what is needed to keep it: all lapses with the stay');
\o /dev/null
SELECT t.go('2028-06-10');
SELECT t.buy(6, 1000, '2028-06-11');
\o
SELECT is((SELECT concat_ws(' ', tier, until::date, points_to_keep, projected) FROM rewards.standing WHERE member_id = 6), 'Gold 2029-06-11 3000',
	'reached again from below: another stay');

-- a rule that reads member.tier
\o /dev/null
INSERT INTO rewards.unit (name) VALUES ('stamps');
INSERT INTO rewards.rule (name, unit, earn, source, condition) VALUES ('stamp', 'stamps', '1', 'orders', $$member.tier = 'Gold' AND member.tiers ->> 'status' = 'Gold'$$);
SELECT t.buy(6, 1, '2028-06-12');
SELECT t.buy(7, 1, '2028-06-12');
\o
SELECT is(rewards.balance(6, 'stamps') || ' ' || rewards.balance(7, 'stamps'), '1 0', 'conditions see member.tier');
\o /dev/null
UPDATE shop.orders SET total = 2 WHERE customer_id IN (6, 7) AND total = 1;
\o
SELECT is(rewards.balance(6, 'stamps') || ' ' || rewards.balance(7, 'stamps'), '1 0', 'as it was when the event was posted');
SELECT is((SELECT string_agg(DISTINCT reason, ', ') FROM rewards.explain('orders', (SELECT max(order_id) FROM shop.orders WHERE customer_id = 7)::text) WHERE rule IN ('silver', 'gold')),
	'the member held none of its tiers', 'explain says so');
SELECT is((SELECT sum(points) FROM rewards.preview('orders', '{"order_id": 9000, "customer_id": 6, "total": 100, "placed_at": "2028-06-12"}') WHERE unit = 'points'), 150::numeric,
	'preview sees the tier');

-- 5.4: 900 status and 500 bonus points
\o /dev/null
SELECT t.buy(8, 900, '2028-06-13');
SELECT rewards.adjust(8, 500, 'points', reason => 'bonus');
\o
SELECT is(rewards.tier_at(8), NULL, '5.4: 900 status and 500 bonus points are not Silver');

-- 5.5: a tier between two, on a live program
\o /dev/null
SELECT t.buy(9, 2500, '2028-06-14');
SELECT t.go('2028-07-01');
SELECT t.tier('Plus', 15, 2000);
\o
SELECT is(t.tiers(9, '2028-06-30', '2028-07-01', '2029-06-30', '2029-07-01'), 'Silver Plus Plus -', '5.5: who is qualified has it from the change on');
SELECT is(t.tiers(5, '2028-07-01', '2029-03-31'), 'Gold Gold', '5.5: nobody loses a tier within a stay');
\o /dev/null
SELECT rewards.book_due();
SELECT t.buy(9, 1, '2028-07-02');
\o
SELECT is(t.stays(9), 'Silver entry 2028-06-14..2029-06-14, Plus configuration 2028-07-01..2029-07-01', 'the next movement books it');
\o /dev/null
DELETE FROM rewards.tier WHERE name = 'Gold';
SELECT t.buy(8, 5000, '2028-07-03');
\o
SELECT is(rewards.tier_at(8) || ' ' || rewards.tier_at(5), 'Plus Gold', 'a removed tier takes no new members and keeps its holders');
\o /dev/null
UPDATE rewards.tier SET threshold = 2600 WHERE name = 'Plus';
\o
SELECT is(rewards.tier_at(9), 'Plus', 'a raised threshold waits for the end of the stay');
SELECT is((SELECT count(*) FROM rewards.verify()), 0::bigint, 'all is sound');

-- -------- spending never demotes --------

\o /dev/null
SELECT t.group('spendable', 'immediately', unit => 'points');
SELECT t.tier('Star', 10, 100, 'spendable');
SELECT t.buy(20, 150, '2028-08-01');
\o
SELECT is(rewards.tier_at(20, 'spendable'), 'Star', 'a spendable unit can qualify');
\o /dev/null
SELECT rewards.spend(20, 120, 'points');
\o
SELECT is(rewards.tier_at(20, 'spendable'), 'Star', 'spending does not demote');
\o /dev/null
SELECT t.buy(20, 1, '2028-08-02');
\o
SELECT is(rewards.tier_at(20, 'spendable'), 'Star', 'nor does it later');
\o /dev/null
UPDATE shop.orders SET status = 'cancelled' WHERE customer_id = 20 AND total = 150;
\o
SELECT is(rewards.tier_at(20, 'spendable'), NULL, 'a refund does');
SELECT is((SELECT since::date || ' ' || until FROM rewards.standing WHERE member_id = 20 AND tier_group = 'spendable' AND tier IS NOT NULL), NULL, 'and there is no standing');

SELECT throws_ok($$SELECT rewards.tier_at(1)$$, '42P08', 'the program has 2 groups of tiers: say which one');

\i test/pgtap/include/finish.sql
