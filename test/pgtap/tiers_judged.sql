-- Tiers: what is judged when, and what a stay that runs is owed.

\set QUIET on
\set ON_ERROR_STOP on
BEGIN;
\i test/pgtap/include/shop.sql
\i test/pgtap/include/tiers.sql
SELECT plan(19);

\o /dev/null
SELECT t.group('status', '12 months');
SELECT t.tier('Silver', 10, 1000);
SELECT t.tier('Gold', 20, 3000);
INSERT INTO rewards.rule (name, earn) VALUES ('points', '1 per 1');

-- -------- changes of thresholds --------

SELECT t.buy(1, 1000, '2027-01-10');
SELECT t.go('2027-01-11');
UPDATE shop.orders SET total = 900 WHERE customer_id = 1;
SELECT t.go('2027-03-01');
UPDATE rewards.tier SET threshold = 800 WHERE name = 'Silver';
\o
SELECT is(t.tiers(1, '2028-01-09', '2028-01-10'), 'Silver -', 'a lowered threshold leaves a running stay its end');
SELECT is(rewards.tier_at(1, 'status', '2028-01-09', '2027-02-01'), 'Silver', 'known before');
\o /dev/null
SELECT t.buy(2, 900, '2027-03-02');
SELECT t.go('2027-04-01');
UPDATE rewards.tier SET threshold = 900 WHERE name = 'Gold';
\o
SELECT is(t.tiers(2, '2027-03-31', '2027-04-01'), 'Silver Gold', 'and raises who is qualified');
SELECT is(t.known(2, '2027-03-20', '2027-03-31', '2027-04-01', '2027-06-01'), 'Silver Silver Silver', 'which nobody knew before');
\o /dev/null
UPDATE rewards.tier SET threshold = threshold + 100 * rank WHERE tier_group = 'status';

-- -------- no longer than the balance --------

INSERT INTO rewards.unit (name, expires, spendable) VALUES ('visits', '1 month', false);
INSERT INTO rewards.rule (name, unit, source, earn, amount) VALUES ('visits', 'visits', 'orders', '1 per 1', $$CASE WHEN channel = 'door' THEN total END$$);
SELECT t.group('soft', 'immediately', '2 months', 'one_level', unit => 'visits');
SELECT t.tier('S1', 10, 10, 'soft'), t.tier('S2', 20, 20, 'soft'), t.tier('S3', 30, 30, 'soft');
SELECT t.go('2027-05-01');
INSERT INTO shop.orders (order_id, customer_id, total, placed_at, channel) VALUES (1, 3, 35, '2027-05-01', 'door');
\o
SELECT is((SELECT string_agg(coalesce(rewards.tier_at(3, 'soft', d), '-'), ' ' ORDER BY d) FROM unnest('{2027-05-31,2027-06-01,2027-07-31,2027-08-01,2027-09-30,2027-10-01}'::timestamptz[]) d),
	'S3 S2 S2 S1 S1 -', 'a balance that falls lands softly, one tier at a time, if the group says so');
\o /dev/null
SELECT t.go('2027-05-02');
DELETE FROM rewards.tier WHERE name = 'S3';
\o
SELECT is((SELECT string_agg(coalesce(rewards.tier_at(3, 'soft', d), '-'), ' ' ORDER BY d) FROM unnest('{2027-05-31,2027-06-01}'::timestamptz[]) d),
	'S3 S2', 'a removed tier is kept as long as the balance is enough');

-- -------- late rows --------

\o /dev/null
UPDATE rewards.tier SET threshold = 1000 * (rank / 5 - 1) WHERE tier_group = 'status';
SELECT t.buy(4, 600, '2027-07-20');
SELECT t.buy(4, 600, '2027-07-25');
SELECT t.buy(4, 500, '2027-08-01');
SELECT t.go('2028-09-01');
SELECT rewards.book_due();
SELECT t.late(4, 500, '2027-07-15');
\o
SELECT is(t.tiers(4, '2027-07-19', '2027-07-20', '2028-07-20', '2029-07-19', '2029-07-20'), '- Silver Silver Silver -',
	'a stay that a late row has begin earlier is judged at its own end: who qualifies then is renewed');
\o /dev/null
SELECT t.buy(5, 600, '2028-09-02');
SELECT t.buy(5, 1000, '2028-09-10');
SELECT t.go('2029-10-01');
SELECT rewards.book_due();
SELECT t.late(5, 2000, '2028-09-05');
\o
SELECT is(t.tiers(5, '2028-09-04', '2028-09-05', '2028-09-10', '2029-09-09', '2029-09-10'), '- Silver Gold Gold -', 'late rows upgrade');

-- -------- top-up --------

\o /dev/null
INSERT INTO rewards.unit (name) VALUES ('stamps');
INSERT INTO rewards.rule (name, unit, earn, source, tiers) VALUES ('stamp', 'stamps', '1', 'activity', '{Silver,Gold}'), ('order stamp', 'stamps', '5', 'orders', '{Silver,Gold}');
UPDATE rewards.tier_group SET top_up = true WHERE name = 'status';
SELECT t.go('2029-11-02');
INSERT INTO rewards.activity (kind, key, member_id, occurred_at) VALUES ('review', 'r1', 6, '2029-11-02');
\o
SELECT is((SELECT string_agg(kind || ' ' || points, ', ') FROM rewards.history WHERE member_id = 6), 'earn 0', 'an event that only tiers pay is on record');
\o /dev/null
SELECT t.late(6, 1000, '2029-11-01');
\o
SELECT is(rewards.balance(6, 'stamps'), 1::numeric, 'and is topped up, though it had nothing');
\o /dev/null
SELECT t.buy(7, 900, '2029-11-03');
SELECT t.buy(7, 100, '2029-11-04');
SELECT t.late(7, 10, '2029-11-03 12:00Z');
\o
SELECT is(rewards.tier_at(7, 'status'), 'Silver', 'a purchase brought a tier');
SELECT is(rewards.balance(7, 'stamps'), 0::numeric, 'which does not raise that very purchase, whatever comes late');

-- -------- rows dated ahead --------

\o /dev/null
SELECT t.go('2029-12-01');
INSERT INTO shop.orders (order_id, customer_id, total, placed_at) VALUES (2, 8, 1000, '2029-12-10');
\o
SELECT is(t.tiers(8, '2029-12-01', '2029-12-09', '2029-12-10'), '- - Silver', 'a first purchase dated ahead brings its tier when it comes');
SELECT is((SELECT tier FROM rewards.standing WHERE member_id = 8 AND tier_group = 'status'), NULL, 'nobody stands there before');
SELECT t.go('2029-12-11') \g /dev/null
SELECT is((SELECT tier FROM rewards.standing WHERE member_id = 8 AND tier_group = 'status'), 'Silver', 'then he does');

SELECT is((SELECT count(*) FROM rewards.verify()), 0::bigint, 'all is sound');

\i test/pgtap/include/finish.sql
