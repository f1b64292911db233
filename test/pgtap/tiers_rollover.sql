-- Points above a threshold that go over to the next period: live, late, from a
-- backfill, read before anybody has booked it.

\set QUIET on
\set ON_ERROR_STOP on
BEGIN;
\i test/pgtap/include/shop.sql
\i test/pgtap/include/tiers.sql
SELECT plan(55);

\o /dev/null
INSERT INTO rewards.unit (name, expires, spendable) VALUES ('nights', 'to end of year', false), ('two', '1 year to end of year', false), ('spent', 'to end of year', true);
INSERT INTO rewards.rule (name, unit, earn) VALUES ('nights', 'nights', '1 per 1');
SELECT t.group('hotel', 'to end of year', unit => 'nights');
SELECT t.tier('Silver', 10, 25, 'hotel'), t.tier('Gold', 20, 50, 'hotel');
\o

-- -------- configuration --------

SELECT throws_ok($$UPDATE rewards.tier_group SET rollover = 'some'$$, '23514');
SELECT throws_ok($$UPDATE rewards.tier_group SET rollover_max = 10$$, '23514', 'rollover_max of tier group "hotel" says nothing without rollover');
SELECT throws_ok($$UPDATE rewards.tier_group SET rollover = 'excess', rollover_max = 0$$, '23514');
SELECT throws_ok($$UPDATE rewards.tier_group SET rollover = 'excess', rollover_max = 0.5$$, '23514', 'rollover_max of tier group "hotel" must be a multiple of 1');
SELECT throws_ok($$INSERT INTO rewards.tier_group (name, unit, rollover) VALUES ('x', 'status', 'excess')$$, '23514', 'tier group "x" cannot carry over points of unit "status"');
SELECT throws_ok($$INSERT INTO rewards.tier_group (name, unit, rollover) VALUES ('x', 'spent', 'excess')$$, '23514', 'tier group "x" cannot carry over points of unit "spent"');
\o /dev/null
UPDATE rewards.tier_group SET rollover = 'excess' WHERE name = 'hotel';
\o
SELECT throws_ok($$INSERT INTO rewards.tier_group (name, unit, rollover) VALUES ('x', 'nights', 'excess')$$, '23514', 'two tier groups cannot carry over points of unit "nights"');
SELECT throws_ok($$UPDATE rewards.unit SET expires = '12 months' WHERE name = 'nights'$$, '23514');
SELECT throws_ok($$UPDATE rewards.unit SET spendable = true WHERE name = 'nights'$$, '23514');
SELECT throws_ok($$UPDATE rewards.program SET rollover = NULL$$, '23514');

-- -------- what is above the highest threshold reached --------

\o /dev/null
SELECT t.buy(1, 30, '2026-02-01'), t.buy(1, 10, '2026-03-01');	-- 40: 15 above Silver
SELECT t.buy(2, 60, '2026-03-02');								-- 10 above Gold
SELECT t.buy(3, 20, '2026-03-03');								-- below all
SELECT t.buy(4, 25, '2026-03-04');								-- nothing above
SELECT t.buy(5, 160, '2026-03-05');								-- 110 above Gold: enough for Gold again
\o
SELECT is(rewards.balance(1, 'nights', '2026-12-31') || ' ' || rewards.balance(1, 'nights', '2027-01-01') || ' ' || rewards.balance(1, 'nights', '2028-01-01'), '40 15 0', 'a balance to come');
SELECT is((SELECT string_agg(trim_scale(points) || ' ' || expires_at::date, ', ' ORDER BY expires_at) FROM rewards.expiring WHERE member_id = 5 AND unit = 'nights'),
	'50 2027-01-01, 50 2028-01-01, 50 2029-01-01, 10 2030-01-01', 'what will lapse, year by year');
SELECT is((SELECT next_expiry_points FROM rewards.balances WHERE member_id = 1 AND unit = 'nights'), 25::numeric, 'and next');
SELECT is(concat_ws(' ', rewards.tier_at(5, 'hotel', '2026-12-31'), rewards.tier_at(5, 'hotel', '2027-06-01'), rewards.tier_at(5, 'hotel', '2028-06-01'), rewards.tier_at(5, 'hotel', '2029-06-01'), rewards.tier_at(5, 'hotel', '2030-06-01')),
	'Gold Gold Gold', 'what is carried over reaches tiers anew: 110, 60, 10');
\o /dev/null
SELECT t.go('2027-01-01');
\o
SELECT is(t.state(1, 'nights') || '; ' || t.state(2, 'nights') || '; ' || t.state(3, 'nights') || '; ' || t.state(4, 'nights') || '; ' || t.state(5, 'nights'),
	'15 available; 10 available; 0 available; 0 available; 110 available', 'the view, before anything is booked');
SELECT is(t.lots(1, 'nights'), '15 from 2027-01-01 00:00 to 2028-01-01 00:00 active', 'lots');
SELECT is((SELECT trim_scale(expired) FROM rewards.balances WHERE member_id = 1 AND unit = 'nights'), 25::numeric, 'what has lapsed');
SELECT is((SELECT points FROM rewards.liability WHERE unit = 'nights'), 135::numeric, 'outstanding');
SELECT is(t.ledger(1, 'nights'), 'earn 30, earn 10', 'nothing is booked');
SELECT is((SELECT string_agg(member_id || ' ' || points_to_next, ', ' ORDER BY member_id) FROM rewards.standing WHERE tier_group = 'hotel'), '1 10, 2 15, 3 25, 4 25', 'standing counts it');
SELECT is((SELECT count(*) > 0 FROM (SELECT rewards.book_due()) b), true, 'book_due');
SELECT is(t.ledger(1, 'nights'), 'earn 30, earn 10, expire -30, expire -10, rollover 15', 'books it');
SELECT is((SELECT occurred_at || ' ' || active_from || ' ' || expires_at FROM rewards.history WHERE kind = 'rollover' AND member_id = 1),
	'2027-01-01 00:00:00+00 2027-01-01 00:00:00+00 2028-01-01 00:00:00+00', 'dated at the end of the period');
SELECT is(t.state(1, 'nights') || '; ' || t.state(2, 'nights') || '; ' || t.state(3, 'nights') || '; ' || t.state(4, 'nights') || '; ' || t.state(5, 'nights'),
	'15 available; 10 available; 0 available; 0 available; 110 available', 'and nothing changes by that');
SELECT is((SELECT trim_scale(expired) || ' ' || (SELECT points FROM rewards.liability WHERE unit = 'nights') FROM rewards.balances WHERE member_id = 1 AND unit = 'nights'), '25 135', 'likewise');
SELECT is_empty('SELECT * FROM rewards.verify()', 'all is sound');
SELECT is(rewards.balance(1, 'nights', '2026-12-31') || ' ' || rewards.balance(1, 'nights', '2027-01-01') || ' ' || rewards.balance(1, 'nights', '2027-01-01', '2026-06-01'), '40 15 15',
	'the past, and what was to be expected then');

-- what begins with the period counts with what is earned in it
\o /dev/null
SELECT t.buy(1, 10, '2027-02-01');
\o
SELECT is(rewards.tier_at(1, 'hotel'), 'Silver', '15 carried over and 10 more are Silver');
SELECT is((SELECT points_to_keep FROM rewards.standing WHERE member_id = 1 AND tier_group = 'hotel'), 25::numeric, 'which all have been counted by then');

\o /dev/null
SELECT t.group('long', '1 year to end of year', 'to end of year', unit => 'nights');
SELECT t.tier('L25', 10, 25, 'long');
SELECT t.buy(7, 40, '2027-02-01');
\o
SELECT is((SELECT concat_ws(' ', tier, until::date, points_to_keep) FROM rewards.standing WHERE member_id = 7 AND tier_group = 'long'), 'L25 2029-01-01 10', 'what is carried over within a stay counts at its end');

-- -------- at most --------

\o /dev/null
UPDATE rewards.tier_group SET rollover_max = 12 WHERE name = 'hotel';
SELECT t.buy(6, 45, '2027-02-02');
SELECT t.go('2028-01-01');
SELECT rewards.book_due();
\o
SELECT is(t.state(6, 'nights') || '; ' || t.state(5, 'nights'), '12 available; 12 available', 'at most so many');

-- -------- late rows --------

\o /dev/null
UPDATE rewards.tier_group SET rollover_max = NULL WHERE name = 'hotel';
SELECT t.buy(11, 30, '2028-02-01'), t.buy(12, 40, '2028-02-01'), t.buy(13, 20, '2028-02-01'), t.buy(14, 60, '2028-02-01'), t.buy(15, 30, '2028-02-01');
SELECT t.go('2029-02-01');
SELECT rewards.book_due();
\o
SELECT is(concat_ws(', ', t.state(11, 'nights'), t.state(12, 'nights'), t.state(13, 'nights'), t.state(14, 'nights')), '5 available, 15 available, 0 available, 10 available', 'before late rows');
\o /dev/null
SELECT t.late(11, 7, '2028-03-01');
SELECT t.late(12, 12, '2028-01-15');
SELECT t.late(13, 8, '2028-12-31');
SELECT t.late(14, 3, '2028-12-31'), t.late(14, 4, '2028-11-30');
\o
SELECT is(concat_ws(', ', t.state(11, 'nights'), t.state(12, 'nights'), t.state(13, 'nights'), t.state(14, 'nights')), '12 available, 2 available, 3 available, 17 available',
	'a late row raises what is carried over, or lowers it if it reaches a higher threshold');
SELECT is(t.ledger(12, 'nights'), 'earn 40, expire -40, rollover 15, earn 12, expire -12, rollover -13', 'a line says by how much');
SELECT is(rewards.balance(12, 'nights', '2029-01-15') || ' ' || rewards.balance(12, 'nights', '2029-01-15', '2029-01-31'), '2 15', 'what is known now, and what was known then');
\o /dev/null
INSERT INTO shop.orders (order_id, customer_id, total, placed_at) VALUES (1, 15, 9, '2028-06-01'), (2, 15, 9, '2028-05-01'), (3, 15, 9, '2028-04-01');
\o
SELECT is(t.state(15, 'nights'), '7 available', 'several in one statement: 57 in all, 7 above Gold');
SELECT is_empty('SELECT * FROM rewards.verify()', 'all is sound after late rows');

-- two periods back: what is carried over is carried over again
\o /dev/null
SELECT t.buy(16, 35, '2029-02-02'), t.buy(16, 30, '2030-02-01');
\o
SELECT is(rewards.balance(16, 'nights') || ' ' || rewards.balance(16, 'nights', '2031-01-01'), '40 15', '35, 10 over, and 30');
\o /dev/null
SELECT t.go('2031-03-01');
SELECT rewards.book_due();
SELECT t.late(16, 5, '2029-12-31');
\o
SELECT is(rewards.balance(16, 'nights', '2029-12-31') || ' ' || rewards.balance(16, 'nights', '2030-01-01') || ' ' || rewards.balance(16, 'nights', '2030-12-31') || ' ' || rewards.balance(16, 'nights'), '40 15 45 20',
	'a late row two periods back goes through both');
SELECT is(t.ledger(16, 'nights'), 'earn 35, expire -35, rollover 10, earn 30, expire -10, expire -30, rollover 15, earn 5, expire -5, rollover 5, expire -5, rollover 5', 'line by line');
-- and back: what was carried over too much has lapsed meanwhile
\o /dev/null
SELECT t.late(16, 12, '2029-12-30');
\o
SELECT is(rewards.balance(16, 'nights', '2030-01-01') || ' ' || rewards.balance(16, 'nights', '2030-12-31') || ' ' || rewards.balance(16, 'nights'), '2 32 7', 'a higher threshold two periods back');
SELECT is_empty('SELECT * FROM rewards.verify()', 'all is sound');

-- -------- refunds are dated now --------

\o /dev/null
SELECT t.buy(17, 40, '2031-03-02'), t.go('2032-01-02'), rewards.book_due();
DELETE FROM shop.orders WHERE customer_id = 17;
\o
SELECT is(t.state(17, 'nights'), '15 available', 'a refund finds its points lapsed');
SELECT is_empty('SELECT * FROM rewards.verify()', 'and all is sound');
\o /dev/null
SELECT t.buy(18, 40, '2032-01-03');
UPDATE shop.orders SET total = 30 WHERE customer_id = 18;
SELECT t.go('2033-01-01');
\o
SELECT is(t.state(18, 'nights'), '5 available', 'a refund in time leaves less to carry over');

-- -------- one statement, one by one, backfill --------

\o /dev/null
CREATE TABLE shop.stays (stay_id bigint PRIMARY KEY, customer_id bigint, nights numeric, left_at timestamptz);
INSERT INTO shop.stays SELECT n, 30 + n % 3, 1 + n * 37 % 19, timestamptz '2033-01-02' + n * interval '17 days 5 hours' FROM generate_series(1, 150) n;
SELECT t.go('2041-01-10');
UPDATE rewards.unit SET name = 'nights' WHERE name = 'nights';
SELECT rewards.attach('shop.stays', name => 'stays', member => 'customer_id', amount => 'nights', occurred_at => 'left_at');
CALL rewards.backfill('stays');
-- the same as live rows of other members
INSERT INTO shop.orders (order_id, customer_id, total, placed_at) SELECT 7000 + stay_id, customer_id + 10, nights, left_at FROM shop.stays ORDER BY left_at;
SELECT t.run(format('INSERT INTO shop.orders (order_id, customer_id, total, placed_at) VALUES (%s, %s, %s, %L)', 8000 + stay_id, customer_id + 20, nights, left_at)) FROM (SELECT * FROM shop.stays ORDER BY stay_id * 7919 % 151) s;
\o
SELECT is((SELECT string_agg(rewards.balance(m + 10, 'nights', d)::text, ' ' ORDER BY m, d) FROM generate_series(30, 32) m, generate_series(timestamptz '2033-06-01', '2043-01-01', '3 months') d),
	(SELECT string_agg(rewards.balance(m, 'nights', d)::text, ' ' ORDER BY m, d) FROM generate_series(30, 32) m, generate_series(timestamptz '2033-06-01', '2043-01-01', '3 months') d),
	'a statement gives what a backfill gives');
SELECT is((SELECT string_agg(rewards.balance(m + 20, 'nights', d)::text, ' ' ORDER BY m, d) FROM generate_series(30, 32) m, generate_series(timestamptz '2033-06-01', '2043-01-01', '3 months') d),
	(SELECT string_agg(rewards.balance(m, 'nights', d)::text, ' ' ORDER BY m, d) FROM generate_series(30, 32) m, generate_series(timestamptz '2033-06-01', '2043-01-01', '3 months') d),
	'and rows in any order');
SELECT is((SELECT string_agg(coalesce(rewards.tier_at(m + 10, 'hotel', d), '-'), ' ' ORDER BY m, d) FROM generate_series(30, 32) m, generate_series(timestamptz '2033-06-01', '2043-01-01', '3 months') d),
	(SELECT string_agg(coalesce(rewards.tier_at(m, 'hotel', d), '-'), ' ' ORDER BY m, d) FROM generate_series(30, 32) m, generate_series(timestamptz '2033-06-01', '2043-01-01', '3 months') d),
	'tiers, too');
SELECT is((SELECT count(DISTINCT b.available) FROM rewards.balances b WHERE b.unit = 'nights' AND b.member_id % 10 = 1 AND b.member_id BETWEEN 31 AND 51), 1::bigint, 'and balances');
SELECT is((SELECT sum(points) FILTER (WHERE kind = 'rollover') > 100 FROM rewards.history WHERE member_id = 30), true, 'something was carried over');

-- an independent count: year by year
SELECT is((SELECT string_agg(rewards.balance(m, 'nights', y + interval '1 year')::text, ' ' ORDER BY m, y) FROM generate_series(30, 32) m, generate_series(timestamptz '2033-01-01', '2039-01-01', '1 year') y),
	(WITH RECURSIVE years AS (
		SELECT m, timestamptz '2033-01-01' AS y, coalesce((SELECT sum(nights) FROM shop.stays WHERE customer_id = m AND left_at < '2034-01-01'), 0) AS b FROM generate_series(30, 32) m
		UNION ALL
		SELECT m, y + interval '1 year', CASE WHEN b >= 50 THEN b - 50 WHEN b >= 25 THEN b - 25 ELSE 0 END
			+ coalesce((SELECT sum(nights) FROM shop.stays WHERE customer_id = m AND left_at >= y + interval '1 year' AND left_at < y + interval '2 years'), 0)
		FROM years WHERE y < '2039-01-01')
	 SELECT string_agg((CASE WHEN b >= 50 THEN b - 50 WHEN b >= 25 THEN b - 25 ELSE 0 END)::text, ' ' ORDER BY m, y) FROM years), 'as counted by hand');

-- -------- what cannot be is found --------

\i test/pgtap/include/tamper.sql
SAVEPOINT sound;
\o /dev/null
SELECT set_config('session_replication_role', 'replica', true);
ALTER TABLE rewards.journal DISABLE TRIGGER USER;
SELECT t.change_line(2, (SELECT entry_no FROM rewards.history WHERE member_id = 2 AND kind = 'rollover'), points => 9);
\o
SELECT is((SELECT count(*) > 0 FROM rewards.verify(2) v WHERE v.invariant = 'tiers' AND v.detail LIKE '%carried over%'), true, 'verify() finds a line that says less');
ROLLBACK TO sound;

\i test/pgtap/include/finish.sql
