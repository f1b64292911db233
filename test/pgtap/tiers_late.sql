-- Five kinds of late rows, in a group that tops up and in one that does not:
-- tiers are those of the same rows in order; so is what was earned, with a
-- top-up; without one what was posted stays.

\set QUIET on
\set ON_ERROR_STOP on
BEGIN;
\i test/pgtap/include/shop.sql
\i test/pgtap/include/tiers.sql
SELECT plan(34);

\o /dev/null
INSERT INTO rewards.unit (name, expires) VALUES ('stamps', '2 years');
SELECT t.group('status', '12 months'), t.group('topped', '12 months');
UPDATE rewards.tier_group SET top_up = true WHERE name = 'topped';
SELECT t.tier('Silver', 10, 1000), t.tier('Gold', 20, 3000), t.tier('TSilver', 10, 1000, 'topped'), t.tier('TGold', 20, 3000, 'topped');
-- what the group without top-up pays is points, that of the other stamps
INSERT INTO rewards.rule (name, unit, earn, tiers) VALUES
	('points', 'points', '1 per 1', NULL), ('silver', 'points', 'x1.5', '{Silver}'), ('gold', 'points', 'x2', '{Gold}'),
	('stamps', 'stamps', '1 per 1', NULL), ('tsilver', 'stamps', 'x1.5', '{TSilver}'), ('tgold', 'stamps', 'x2', '{TGold}');
\o
-- the rows of a member in order, as those of his twin
CREATE FUNCTION t.twin(member_id bigint) RETURNS void LANGUAGE sql AS $$
	INSERT INTO shop.orders (order_id, customer_id, total, placed_at)
	SELECT nextval('t.orders'), $1 + 1000, o.total, o.placed_at FROM shop.orders o WHERE o.customer_id = $1 ORDER BY o.placed_at
$$;
-- both groups at some instants
CREATE FUNCTION t.both(member_id bigint, VARIADIC at timestamptz[]) RETURNS text STABLE LANGUAGE sql AS $$
	SELECT string_agg(coalesce(rewards.tier_at($1, 'status', a.at), '-') || '/' || coalesce(rewards.tier_at($1, 'topped', a.at), '-'), ' ' ORDER BY a.n)
	FROM unnest($2) WITH ORDINALITY AS a (at, n)
$$;
CREATE FUNCTION t.got(member_id bigint) RETURNS text STABLE LANGUAGE sql AS $$
	SELECT string_agg(trim_scale(b.earned) || ' ' || b.unit, ', ' ORDER BY b.unit) FROM rewards.balances b WHERE b.member_id = $1 AND b.unit IN ('points', 'stamps')
$$;

-- -------- a late upgrade --------
\o /dev/null
SELECT t.buy(1, 2500, '2026-02-01'), t.buy(1, 100, '2026-02-10');
\o
SELECT is(t.got(1), '2650 points, 2650 stamps', 'late upgrade: before');
\o /dev/null
SELECT t.late(1, 600, '2026-02-05');
SELECT t.twin(1);
\o
SELECT is(t.both(1, '2026-02-04', '2026-02-05', '2026-02-10', '2027-02-04', '2027-02-05'), 'Silver/TSilver Gold/TGold Gold/TGold Gold/TGold -/-', 'Gold from then on');
SELECT is(t.both(1, '2026-01-31', '2026-02-04', '2026-02-05', '2026-02-10', '2027-02-04', '2027-02-05'), t.both(1001, '2026-01-31', '2026-02-04', '2026-02-05', '2026-02-10', '2027-02-04', '2027-02-05'), 'as in order');
SELECT is(t.got(1), '3550 points, 3600 stamps', 'the event since is topped up in the one, not in the other');
SELECT is(split_part(t.got(1), ', ', 2), split_part(t.got(1001), ', ', 2), 'topped up: what the rows earn in order');

-- -------- a late row after an expiry --------
\o /dev/null
SELECT t.buy(2, 1000, '2026-03-01');
SELECT t.go('2027-04-01'), rewards.book_due();
SELECT t.buy(2, 100, '2027-04-02');
\o
SELECT is(t.both(2, '2027-02-28', '2027-03-01', '2027-04-02'), 'Silver/TSilver -/- -/-', 'after an expiry: before');
\o /dev/null
SELECT t.late(2, 1200, '2027-02-20');
SELECT t.twin(2);
\o
SELECT is(t.both(2, '2027-02-28', '2027-03-01', '2027-04-02', '2028-02-29', '2028-03-01'), 'Silver/TSilver Silver/TSilver Silver/TSilver Silver/TSilver -/-', 'the stay was renewed');
SELECT is(t.both(2, '2027-02-28', '2027-03-01', '2027-04-02', '2028-02-29', '2028-03-01'), t.both(1002, '2027-02-28', '2027-03-01', '2027-04-02', '2028-02-29', '2028-03-01'), 'as in order');
SELECT is(t.got(2), '2900 points, 2950 stamps', 'the event since is topped up in the one, not in the other');
SELECT is(split_part(t.got(2), ', ', 2), split_part(t.got(1002), ', ', 2), 'topped up: what the rows earn in order');

-- -------- a late refund --------
\o /dev/null
SELECT t.buy(3, 1000, '2027-05-01'), t.buy(3, 100, '2027-05-02');
SELECT t.twin(3);
SELECT t.go('2027-05-10');
DELETE FROM shop.orders WHERE total = 1000 AND customer_id IN (3, 1003);
\o
SELECT is(t.both(3, '2027-05-01', '2027-05-02', '2027-05-10', '2028-04-30', '2028-05-01'), 'Silver/TSilver Silver/TSilver Silver/TSilver Silver/TSilver -/-', 'a late refund takes no tier before the end of the stay');
SELECT is(t.both(3, '2027-05-01', '2027-05-10', '2028-04-30', '2028-05-01'), t.both(1003, '2027-05-01', '2027-05-10', '2028-04-30', '2028-05-01'), 'as in order');
SELECT is(t.got(3), '150 points, 150 stamps', 'nor what other events have earned by it');
SELECT is(t.got(3), t.got(1003), 'as in order');
\o /dev/null
SELECT t.late(3, 950, '2027-05-03');
\o
SELECT is(rewards.balance(3, 'status') || ' ' || t.both(3, '2028-04-30', '2028-05-01'), '1050 Silver/TSilver Silver/TSilver', 'a late row after it counts');

-- -------- a late row before the first tier --------
\o /dev/null
SELECT t.buy(4, 900, '2027-06-01'), t.buy(4, 50, '2027-06-10'), t.buy(4, 900, '2027-06-20');
\o
SELECT is(t.both(4, '2027-06-01', '2027-06-10', '2027-06-20'), '-/- -/- Silver/TSilver', 'before the first tier: before');
\o /dev/null
SELECT t.late(4, 200, '2027-05-20');
SELECT t.twin(4);
\o
SELECT is(t.both(4, '2027-05-31', '2027-06-01', '2027-06-10', '2028-05-31', '2028-06-01'), t.both(1004, '2027-05-31', '2027-06-01', '2027-06-10', '2028-05-31', '2028-06-01'), 'as in order');
SELECT is(t.both(4, '2027-05-31', '2027-06-01', '2027-06-10'), '-/- Silver/TSilver Silver/TSilver', 'the tier comes earlier');
SELECT is(t.got(4), '2050 points, 2525 stamps', 'events since are topped up in the one, not in the other');
SELECT is(split_part(t.got(4), ', ', 2), split_part(t.got(1004), ', ', 2), 'topped up: what the rows earn in order');

-- -------- a late row while a stay runs --------
\o /dev/null
SELECT t.buy(5, 1000, '2027-07-01'), t.buy(5, 100, '2027-07-10');
SELECT t.late(5, 300, '2027-07-05');
SELECT t.twin(5);
\o
SELECT is(t.both(5, '2027-07-01', '2027-07-10', '2028-06-30', '2028-07-01'), t.both(1005, '2027-07-01', '2027-07-10', '2028-06-30', '2028-07-01'), 'a late row while a stay runs: as in order');
SELECT is((SELECT string_agg(until::date::text, ' ') FROM rewards.standing WHERE member_id = 5), '2028-07-01 2028-07-01', 'the stay keeps its end');
SELECT is(t.got(5), t.got(1005), 'what is earned is what the rows earn in order');
SELECT is(t.got(5), '1600 points, 1600 stamps', 'in both groups alike');

-- what was known when
\o /dev/null
SELECT t.buy(6, 1000, '2027-08-01'), t.go('2027-08-10'), t.late(6, 2000, '2027-08-05');
\o
SELECT is(concat_ws(' ', rewards.tier_at(6, 'status', '2027-08-06'), rewards.tier_at(6, 'status', '2027-08-06', '2027-08-09'), rewards.balance(6, 'points', '2027-08-06'), rewards.balance(6, 'points', '2027-08-06', '2027-08-09')),
	'Gold Silver 4000 1000', 'what is known now of an instant, and what was then: tiers and balances');
SELECT is((SELECT string_agg(DISTINCT cause, ', ' ORDER BY cause) FROM rewards.tier_history WHERE member_id BETWEEN 1 AND 5), 'entry, expiry, late row', 'causes');

-- -------- a late row that repays debt: what qualifies is the same before and after --------
\o /dev/null
INSERT INTO rewards.unit (name) VALUES ('credit');
INSERT INTO rewards.rule (name, unit, earn) VALUES ('credit', 'credit', '1 per 1');
SELECT t.group('kept', '30 days', unit => 'credit'), t.group('balance', 'immediately', unit => 'credit');
SELECT t.tier('KSilver', 10, 50, 'kept'), t.tier('KGold', 20, 550, 'kept'), t.tier('Present', 10, 550, 'balance');
SELECT t.buy(7, 400, '2027-09-01'), rewards.spend(7, 400, unit => 'credit');
UPDATE shop.orders SET total = 200 WHERE customer_id = 7;
SELECT t.go('2027-09-20'), t.late(7, 400, '2027-09-10');
\o
SELECT is(t.stays(7, 'kept') || '; ' || t.state(7, 'credit'), 'KSilver entry 2027-09-01..2027-10-01, KGold entry 2027-09-10..2027-10-10; 200 available', 'a late row that repays debt: a stay from its instant on, once');
SELECT is(t.stays(7, 'balance'), 'Present entry 2027-09-10..2027-09-10', 'and nothing is lost for a moment');

-- -------- points that begin later repay debt then: what remains ends when its own lot does --------
\o /dev/null
INSERT INTO rewards.unit (name, activates, expires) VALUES ('slow', '3 days', '30 days');
INSERT INTO rewards.rule (name, unit, earn) VALUES ('slow', 'slow', '1 per 1');
SELECT t.group('slow', 'immediately', unit => 'slow'), t.tier('Slow', 10, 50, 'slow');
SELECT t.buy(8, 100, '2027-10-01'), t.go('2027-10-05'), rewards.spend(8, 100, unit => 'slow');
UPDATE shop.orders SET total = 0 WHERE customer_id = 8;
SELECT t.buy(8, 100, '2027-11-10'), t.buy(8, 100, '2027-11-12');
CREATE FUNCTION t.slow() RETURNS text STABLE LANGUAGE sql AS $$
	SELECT string_agg(coalesce(rewards.tier_at(8, 'slow', at), '-'), ' ' ORDER BY at)
	FROM unnest('{2027-11-14,2027-11-15,2027-12-09,2027-12-10,2027-12-11,2027-12-12}'::timestamptz[]) AS at
$$;
\o
SELECT is(t.slow(), '- Slow Slow Slow Slow -', 'what will be repaid is foreseen');
SELECT t.go('2027-11-20') \g /dev/null
SELECT is((SELECT concat_ws(' ', tier, since::date, until::date) FROM rewards.standing WHERE member_id = 8 AND tier_group = 'slow'), 'Slow 2027-11-15 2027-12-12', 'by standing, too');
SELECT rewards.book_due() \g /dev/null
SELECT is(t.slow(), '- Slow Slow Slow Slow -', 'and the same once it is booked');

\i test/pgtap/include/finish.sql
