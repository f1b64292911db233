-- Since when a tier and a stay last, and what is still needed to keep a tier
-- that will have been reached again by the end of the stay.

\set QUIET on
\set ON_ERROR_STOP on
BEGIN;
\i test/pgtap/include/shop.sql
\i test/pgtap/include/tiers.sql
SELECT plan(16);

\o /dev/null
INSERT INTO rewards.unit (name, expires, spendable) VALUES ('nights', 'to end of year', false), ('rolling', '12 months', true);
INSERT INTO rewards.rule (name, unit, earn) VALUES ('nights', 'nights', '1 per 1'), ('rolling', 'rolling', '1 per 1');
SELECT t.group('hotel', 'to end of year', unit => 'nights');
SELECT t.tier('Gold', 10, 50, 'hotel');
UPDATE rewards.tier_group SET rollover = 'excess' WHERE name = 'hotel';
SELECT t.group('long', '15 months', unit => 'nights');
SELECT t.tier('Iron', 10, 50, 'long');
SELECT t.group('short', '6 months', unit => 'rolling');
SELECT t.tier('Brass', 10, 50, 'short');
INSERT INTO rewards.tier_benefit (tier, name, uses, use_period) VALUES ('Brass', 'tea', 1, 'stay');
SELECT t.buy(1, 160, '2026-03-05');
\o

SELECT is((SELECT points_to_keep FROM rewards.standing WHERE member_id = 1 AND tier_group = 'long'), 0::numeric,
	'nothing is needed to keep what is reached again before the end of the stay');
SELECT is((SELECT points_to_keep FROM rewards.standing WHERE member_id = 1 AND tier_group = 'hotel'), 50::numeric,
	'what is judged at the end is needed');

\o /dev/null
SELECT t.go('2027-02-01');
\o
SELECT is((SELECT tier || ' ' || since || ' ' || until FROM rewards.standing WHERE member_id = 1 AND tier_group = 'hotel'),
	'Gold 2026-03-05 00:00:00+00 2028-01-01 00:00:00+00', 'lost and reached again at one instant: held without a break');
SELECT is((SELECT stay_since FROM rewards.standing WHERE member_id = 1 AND tier_group = 'hotel'), '2027-01-01 00:00Z',
	'but the stay began then');
SELECT is((SELECT since || ' ' || stay_since FROM rewards.standing WHERE member_id = 1 AND tier_group = 'short'),
	'2026-03-05 00:00:00+00 2026-09-05 00:00:00+00', 'a renewed stay begins when the one before ends');
SELECT is((SELECT period_start FROM rewards.benefits WHERE member_id = 1), '2026-09-05 00:00Z', 'and so does the period of a benefit');
\o /dev/null
SELECT rewards.book_due();
\o
SELECT is((SELECT string_agg(tier || ' ' || since || ' ' || stay_since, ', ' ORDER BY tier) FROM rewards.standing WHERE member_id = 1),
	'Brass 2026-03-05 00:00:00+00 2026-09-05 00:00:00+00, Gold 2026-03-05 00:00:00+00 2027-01-01 00:00:00+00, Iron 2026-03-05 00:00:00+00 2027-01-01 00:00:00+00',
	'the same when it is booked');

-- -------- for life, and then a late row --------

\o /dev/null
SELECT t.group('life', '5 months', unit => 'rolling');
SELECT t.tier('Oak', 10, 50, 'life');
UPDATE rewards.tier SET life_years = 1 WHERE name = 'Oak';
SELECT t.buy(2, 100, '2027-03-05'), t.buy(2, 1, '2028-04-01'), t.late(2, 1, '2028-03-20');
\o
SELECT is((SELECT since || ' ' || stay_since || ' ' || for_life FROM rewards.standing WHERE member_id = 2 AND tier_group = 'life'),
	'2027-03-05 00:00:00+00 2028-01-05 00:00:00+00 true', 'a stay that became for life began when it was renewed');

-- -------- an order gets another key --------

\o /dev/null
SELECT t.buy(3, 60, '2028-05-01'), t.go('2028-06-01');
UPDATE shop.orders SET order_id = 77 WHERE order_id = t.last_order()::bigint;
SELECT t.go('2028-07-01'), t.late(3, 1, '2028-04-20');
\o
SELECT is((SELECT since || ' ' || stay_since || ' ' || until FROM rewards.standing WHERE member_id = 3 AND tier_group = 'short'),
	'2028-05-01 00:00:00+00 2028-05-01 00:00:00+00 2028-11-01 00:00:00+00', 'which is no reason for a late row to begin the stay anew');

-- -------- a member moves to another time zone --------

\o /dev/null
SELECT t.group('month', 'to end of month', unit => 'rolling');
SELECT t.tier('Fern', 10, 50, 'month');
SELECT t.buy(4, 60, '2028-08-01'), t.go('2028-09-10');
CREATE TABLE t.before AS SELECT tier, since, until, stay_since FROM rewards.standing WHERE member_id = 4 AND tier_group = 'month';
UPDATE rewards.member SET time_zone = 'America/New_York' WHERE member_id = 4;
\o
SELECT results_eq($$SELECT tier, since, until, stay_since FROM rewards.standing WHERE member_id = 4 AND tier_group = 'month'$$,
	'SELECT * FROM t.before', 'stays of before end where they ended');
SELECT is(rewards.tier_at(4, 'month', '2028-10-15') || (SELECT ' ' || stay_since || ' ' || until FROM t.before), 'Fern 2028-09-01 00:00:00+00 2028-10-01 00:00:00+00', 'and what follows lasts');

-- -------- what will be carried over, as known before the threshold changed --------

\o /dev/null
SELECT t.buy(5, 160, '2028-11-01'), t.go('2028-11-03');
UPDATE rewards.tier SET threshold = 100 WHERE name = 'Gold';
SELECT t.go('2028-11-05');
\o
SELECT is(rewards.balance(5, 'nights', '2029-01-02', '2028-11-02') || ' ' || rewards.balance(5, 'nights', '2029-01-02'), '110 60',
	'what will have been carried over, as known before a threshold changed');

-- -------- a row of the very instant at which a stay ends --------

\o /dev/null
SELECT t.buy(6, 60, '2029-02-02');
UPDATE shop.orders SET total = 20 WHERE order_id = t.last_order()::bigint;
SELECT t.go('2029-08-10'), t.late(6, 60, '2029-08-02');
\o
SELECT is((SELECT tier || ' ' || since || ' ' || stay_since FROM rewards.standing WHERE member_id = 6 AND tier_group = 'short'),
	'Brass 2029-02-02 00:00:00+00 2029-08-02 00:00:00+00', 'brings back what was lost then: held without a break');

\i test/pgtap/include/finish.sql
