-- When an event changes: the difference between what it is entitled to now and
-- what it holds is posted, whatever way it got there.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();

INSERT INTO rewards.rule (name, source, earn) VALUES ('base', 'orders', '1 per 1'), ('double', 'orders', 'x2');
UPDATE rewards.unit SET max_per_event = 150 WHERE name = 'points';

-- the sums of the lines that each change wrote
CREATE FUNCTION t.change(member bigint, statement text) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
	before bigint := (SELECT coalesce(max(entry_no), 0) FROM rewards.statement(member));
BEGIN
	EXECUTE statement;
	RETURN (SELECT trim_scale(coalesce(sum(points), 0)) FROM rewards.statement(member) WHERE entry_no > before);
END
$$;
SELECT is(change(1, 'INSERT INTO shop.orders VALUES (1, 1, 100)'), 150::numeric, 'example 2.1: 100 at x2 under a cap of 150');
SELECT is(change(1, 'UPDATE shop.orders SET total = 60'), -30::numeric, 'example 2.1: becomes 60');
SELECT is(change(1, 'UPDATE shop.orders SET total = 0'), -120::numeric, 'example 2.1: then 0');
SELECT is(change(2, 'INSERT INTO shop.orders VALUES (2, 2, 100)'), 150::numeric, 'example 2.1: in the other order');
SELECT is(change(2, 'UPDATE shop.orders SET total = 40 WHERE order_id = 2'), -70::numeric, 'example 2.1: 40 first');
SELECT is(change(2, 'UPDATE shop.orders SET total = 0 WHERE order_id = 2'), -80::numeric, 'example 2.1: then 0');
SELECT is(change(2, 'UPDATE shop.orders SET total = 0, note = ''x'' WHERE order_id = 2'), 0::numeric, 'nothing more to take');
UPDATE rewards.unit SET max_per_event = NULL WHERE name = 'points';
UPDATE rewards.rule SET enabled = name = 'base';

-- dated: the first posting when it happened, every later difference now
SELECT rewards.set_clock('2026-01-15 12:00Z');
INSERT INTO shop.orders VALUES (3, 3, 100, '2026-01-10 12:00Z');
SELECT rewards.set_clock('2026-01-20 12:00Z');
UPDATE shop.orders SET total = 120 WHERE order_id = 3;
SELECT rewards.set_clock('2026-01-25 12:00Z');
UPDATE shop.orders SET total = 90 WHERE order_id = 3;
SELECT results_eq('SELECT occurred_at, posted_at, kind, trim_scale(points), trim_scale(balance) FROM rewards.statement(3) ORDER BY entry_no',
	$$VALUES ('2026-01-10 12:00Z'::timestamptz, '2026-01-15 12:00Z'::timestamptz, 'earn', 100::numeric, 100::numeric),
		('2026-01-20 12:00Z', '2026-01-20 12:00Z', 'earn', 20, 120),
		('2026-01-25 12:00Z', '2026-01-25 12:00Z', 'revoke', -30, 90)$$,
	'the first posting is dated when the event happened, every later difference when it was posted');

-- lots keep the range they were first given
UPDATE rewards.rule SET expires = '30 days' WHERE name = 'base';
INSERT INTO shop.orders VALUES (4, 4, 100, '2026-01-20 12:00Z');
UPDATE rewards.rule SET expires = '60 days' WHERE name = 'base';
UPDATE shop.orders SET total = 120 WHERE order_id = 4;
SELECT is(lots(4), '120 from 2026-01-20 12:00 to 2026-02-19 12:00 active', 'a later difference goes into the same lot');
UPDATE rewards.rule SET expires = NULL WHERE name = 'base';

-- example 2.6: status flapping
SELECT is(change(5, 'INSERT INTO shop.orders VALUES (5, 5, 100)'), 100::numeric, 'example 2.6: paid');
SELECT is(change(5, $$UPDATE shop.orders SET status = 'cancelled' WHERE order_id = 5$$), -100::numeric, 'example 2.6: cancelled');
SELECT is(change(5, $$UPDATE shop.orders SET status = 'paid' WHERE order_id = 5$$), 100::numeric, 'example 2.6: paid again');
SELECT is(change(5, $$UPDATE shop.orders SET status = 'paid' WHERE order_id = 5$$), 0::numeric, 'example 2.6: and once more: nothing');
SELECT is((SELECT max(balance) FROM rewards.statement(5)), 100::numeric, 'example 2.6: the balance between is never 200');
SELECT is(ledger(5), 'earn 100, revoke -100, earn 100', 'example 2.6: net 100');

-- delete, and the same row again
INSERT INTO shop.orders VALUES (6, 6, 100);
DELETE FROM shop.orders WHERE order_id = 6;
SELECT is(ledger(6), 'earn 100, revoke -100', 'a deleted order loses what it earned');
INSERT INTO shop.orders VALUES (6, 6, 100);
SELECT is(state(6), '100 available', 'inserted again it earns again');
DELETE FROM shop.orders WHERE order_id = 6;
INSERT INTO shop.orders VALUES (6, 6, 50);
SELECT is(state(6), '50 available', 'replayed with another amount it earns that');

-- partial refund step by step ends where one step would
INSERT INTO shop.orders VALUES (7, 7, 99.99), (8, 8, 99.99);
UPDATE shop.orders SET total = total - 33.33 WHERE order_id = 7;
UPDATE shop.orders SET total = total - 33.33 WHERE order_id = 7;
UPDATE shop.orders SET total = total - 66.66 WHERE order_id = 8;
SELECT is(earned(7), 33::numeric, 'two refunds of a third');
SELECT is(earned(8), 33::numeric, 'one of two thirds');
UPDATE shop.orders SET total = total - 33.33 WHERE order_id IN (7, 8);
SELECT is(ARRAY[state(7), state(8)], '{0 available,0 available}', 'nothing left to earn, nothing left');
SELECT is((SELECT -sum(points) FROM rewards.statement(7) WHERE kind = 'revoke'), 99::numeric, 'never more is revoked than was granted');

-- a change of the key moves the postings
INSERT INTO shop.orders VALUES (10, 10, 100);
UPDATE shop.orders SET order_id = 11 WHERE order_id = 10;
SELECT is(ARRAY[earned(10), earned(11), rewards.balance(10)], '{0,100,100}'::numeric[], 'a new key takes the points along');
UPDATE shop.orders SET total = 70 WHERE order_id = 11;
SELECT is(ARRAY[earned(11), rewards.balance(10)], '{70,70}'::numeric[], 'and is judged under it');
UPDATE rewards.rule SET earn = '2 per 1' WHERE name = 'base';
UPDATE shop.orders SET order_id = 12, total = 80 WHERE order_id = 11;
SELECT is(earned(12), 80::numeric, 'with the facts of its first posting');
UPDATE rewards.rule SET earn = '1 per 1' WHERE name = 'base';

-- a change of the member or of the instant revokes all and judges as new
INSERT INTO shop.orders VALUES (13, 11, 100);
UPDATE shop.orders SET customer_id = 12 WHERE order_id = 13;
SELECT is(ARRAY[state(11), state(12)], '{0 available,100 available}', 'another member has them');
SELECT is(ARRAY[ledger(11), ledger(12)], '{"earn 100, revoke -100","earn 100"}', 'taken from one, given to the other');
UPDATE shop.orders SET customer_id = NULL WHERE order_id = 13;
SELECT is(state(12), '0 available', 'nobody''s order earns nothing');
UPDATE shop.orders SET customer_id = 12 WHERE order_id = 13;
SELECT is(state(12), '100 available', 'somebody''s does');
UPDATE rewards.rule SET earn = '3 per 1' WHERE name = 'base';
UPDATE shop.orders SET customer_id = 11 WHERE order_id = 13;
SELECT is(state(11), '300 available', 'a new member is judged by the present version');
UPDATE rewards.rule SET earn = '4 per 1' WHERE name = 'base';
UPDATE shop.orders SET placed_at = placed_at - interval '1 hour' WHERE order_id = 13;
SELECT is(state(11), '400 available', 'so is a new instant');
SELECT is((SELECT trim_scale(sum(points)) FROM rewards.statement(11) WHERE occurred_at = '2026-01-10 11:00Z'), 400::numeric, 'which is the date of the line');
UPDATE rewards.rule SET earn = '1 per 1' WHERE name = 'base';

-- everything at once: key, member, amount
UPDATE shop.orders SET order_id = 14, customer_id = 13, total = 10 WHERE order_id = 13;
SELECT is(ARRAY[state(11), state(13), earned(13)::text, earned(14)::text], '{0 available,10 available,0,10}', 'key, member and amount in one update');

-- a decrease takes from the event's own lot first
UPDATE rewards.rule SET expires = '30 days' WHERE name = 'base';
INSERT INTO shop.orders VALUES (20, 20, 100, '2026-01-20 12:00Z'), (21, 20, 100, '2026-01-22 12:00Z');
UPDATE shop.orders SET total = 40 WHERE order_id = 21;
SELECT is(lots(20), '100 from 2026-01-20 12:00 to 2026-02-19 12:00 active; 40 from 2026-01-22 12:00 to 2026-02-21 12:00 active',
	'of two lots the event''s own shrinks, not the one that expires first');
-- then other pending lots, then active ones nearest expiry
SELECT run('SELECT rewards.adjust(20, -35, reason => ''spent'')');
SELECT is(lots(20), '65 from 2026-01-20 12:00 to 2026-02-19 12:00 active; 40 from 2026-01-22 12:00 to 2026-02-21 12:00 active',
	'what is spent comes from the lot nearest its end');
UPDATE shop.orders SET total = 0 WHERE order_id = 20;
SELECT is(lots(20), '5 from 2026-01-22 12:00 to 2026-02-21 12:00 active', '100 back: 65 from its own lot, 35 from the other');
UPDATE rewards.rule SET activates = '14 days' WHERE name = 'base';
INSERT INTO shop.orders VALUES (22, 20, 50, '2026-01-24 12:00Z');
UPDATE rewards.rule SET activates = NULL WHERE name = 'base';
UPDATE shop.orders SET total = 30 WHERE order_id = 21;
SELECT is(lots(20), '45 from 2026-02-07 12:00 to 2026-02-23 12:00 pending',
	'10 back when the own lot holds 5: those, then 5 of a pending lot');
UPDATE rewards.rule SET expires = NULL WHERE name = 'base';

-- two events with one range share a lot
INSERT INTO shop.orders VALUES (30, 30, 100), (31, 30, 50);
SELECT is(lots(30), '150 from 2026-01-10 12:00 to never active', 'points of several events with one range are one lot');
DELETE FROM shop.orders WHERE order_id = 30;
SELECT is(lots(30), '50 from 2026-01-10 12:00 to never active', 'each takes back only its own');

-- all lines of one change have one sign
INSERT INTO rewards.rule (name, source, earn, condition) VALUES ('web', 'orders', '30', $$channel = 'web'$$), ('till', 'orders', '20', $$channel = 'till'$$);
INSERT INTO shop.orders VALUES (40, 40, 100, DEFAULT, 'paid', 'web');
UPDATE shop.orders SET channel = 'till' WHERE order_id = 40;
SELECT is((SELECT array_agg(DISTINCT sign(points)) FROM rewards.statement(40) WHERE kind = 'revoke' AND points <> 0), '{-1}'::numeric[],
	'the difference of -10 is posted without a line up and a line down');
SELECT is((SELECT count(*) FROM rewards.statement(40) WHERE points > 0), 2::bigint, 'no third line up');
SELECT is(earned(40), 120::numeric, 'the total is right');
UPDATE shop.orders SET channel = NULL WHERE order_id = 40;
SELECT is(earned(40), 100::numeric, 'and stays right on the way on');
UPDATE shop.orders SET channel = 'web' WHERE order_id = 40;
SELECT is(earned(40), 130::numeric, 'and back');

-- the path does not matter: a hundred changes end where one would
INSERT INTO shop.orders SELECT 100 + i, 100 + i, 0 FROM generate_series(1, 20) i;
DO $$
BEGIN
	FOR i IN 1 .. 30 LOOP
		UPDATE shop.orders SET total = (order_id * i * 7919) % 997 / 10.0,
			status = CASE (order_id * i) % 5 WHEN 0 THEN 'cancelled' ELSE 'paid' END,
			channel = CASE (order_id + i) % 3 WHEN 0 THEN 'web' WHEN 1 THEN 'till' END
		WHERE order_id > 100;
	END LOOP;
END
$$;
SELECT results_eq('SELECT order_id, earned(order_id) FROM shop.orders WHERE order_id > 100 ORDER BY order_id',
	$$SELECT order_id, CASE WHEN status = 'paid' AND total > 0 THEN floor(total) + CASE channel WHEN 'web' THEN 30 WHEN 'till' THEN 20 ELSE 0 END ELSE 0 END
	FROM shop.orders WHERE order_id > 100 ORDER BY order_id$$, 'thirty changes of twenty orders end where one would');
SELECT results_eq('SELECT order_id, rewards.balance(customer_id) FROM shop.orders WHERE order_id > 100 ORDER BY order_id',
	'SELECT order_id, earned(order_id) FROM shop.orders WHERE order_id > 100 ORDER BY order_id', 'so do the balances');

-- two rules, the lot of one of which has lapsed when the purchase is deleted and comes back: each uses up first what its own lot lost
UPDATE rewards.rule SET enabled = false;
INSERT INTO rewards.unit (name) VALUES ('two');
INSERT INTO rewards.rule (name, source, unit, earn, priority, expires) VALUES ('stays', 'orders', 'two', '2 per 1', 2, NULL), ('lapses', 'orders', 'two', '1 per 1', 0, '30 days');
INSERT INTO shop.orders (order_id, customer_id, total, placed_at) SELECT 9900, 990, 100, clock - interval '1 hour' FROM rewards.program;
SELECT is(state(990, 'two'), '300 available', 'both have paid');
SELECT run($$SELECT rewards.set_clock(clock + interval '40 days') FROM rewards.program$$);
SELECT is(state(990, 'two'), '200 available', 'one has lapsed');
DELETE FROM shop.orders WHERE order_id = 9900;
SELECT is(state(990, 'two'), '0 available', 'deleted');
INSERT INTO shop.orders (order_id, customer_id, total, placed_at) SELECT 9900, 990, 100, clock - interval '40 days 1 hour' FROM rewards.program;
SELECT is(state(990, 'two'), '200 available', 'back as it was');
UPDATE shop.orders SET total = 0 WHERE order_id = 9900;
UPDATE shop.orders SET total = 60 WHERE order_id = 9900;
SELECT is(state(990, 'two'), '80 available', 'what lapsed stays counted: 180 less 100');

-- what a refund took from a lot of another purchase does not go back there once that is over
UPDATE rewards.rule SET enabled = false;
INSERT INTO rewards.unit (name, spendable) VALUES ('three', true);
INSERT INTO rewards.rule (name, source, unit, earn, condition, expires) VALUES ('long', 'orders', 'three', '10', 'total = 1', '80 days'), ('short', 'orders', 'three', '10', 'total = 2', '10 days');
INSERT INTO shop.orders (order_id, customer_id, total, placed_at) SELECT 9901, 991, 1, clock FROM rewards.program;
SELECT run('SELECT rewards.spend(991, 10, unit => ''three'')');
INSERT INTO shop.orders (order_id, customer_id, total, placed_at) SELECT 9902, 991, 2, clock FROM rewards.program;
UPDATE shop.orders SET status = 'cancelled' WHERE order_id = 9901;
SELECT is(state(991, 'three'), '0 available', 'ten spent, ten taken from the other purchase');
SELECT run($$SELECT rewards.set_clock(clock + interval '20 days') FROM rewards.program$$);
UPDATE shop.orders SET status = 'paid' WHERE order_id = 9901;
SELECT is(state(991, 'three'), '10 available', 'paid again when that has ended: its own last longer');

-- what one rule of a purchase took from the lot of another goes back there when it rises again
UPDATE rewards.rule SET enabled = false;
INSERT INTO rewards.unit (name, spendable) VALUES ('four', true);
INSERT INTO rewards.rule (name, source, unit, earn, priority, expires) VALUES ('early', 'orders', 'four', '1 per 1', 2, '10 days'), ('late', 'orders', 'four', '20', 1, '80 days');
CREATE FUNCTION lots_of(member bigint, unit text) RETURNS text LANGUAGE sql AS
	$$SELECT string_agg(points || CASE WHEN points < 0 THEN ' owed' WHEN expires_at < clock + interval '11 days' THEN ' early' ELSE ' late' END, ', ' ORDER BY expires_at)
	FROM rewards.member_lots(member, unit), rewards.program$$;
INSERT INTO shop.orders (order_id, customer_id, total, placed_at) SELECT 9903, 992, 30, clock FROM rewards.program;
SELECT run('SELECT rewards.spend(992, 30, unit => ''four'')');
UPDATE shop.orders SET total = 15 WHERE order_id = 9903;
SELECT is(lots_of(992, 'four'), '5 late', 'what was spent of the early lot is taken from the late one');
UPDATE shop.orders SET total = 30 WHERE order_id = 9903;
SELECT is(lots_of(992, 'four'), '20 late', 'and goes back to the late one');

-- so does what both lose and get: it ends as one change would
INSERT INTO shop.orders (order_id, customer_id, total, placed_at) SELECT 9904, 993, 30, clock FROM rewards.program;
INSERT INTO shop.orders (order_id, customer_id, total, placed_at) SELECT 9905, 993, 10, clock - interval '1 day' FROM rewards.program;
SELECT run('SELECT rewards.spend(993, 35, unit => ''four'')');
SELECT is(lots_of(993, 'four'), '5 early, 20 late, 20 late', 'before');
UPDATE shop.orders SET status = 'cancelled' WHERE order_id = 9904;
SELECT is(lots_of(993, 'four'), '-5 owed', 'all there was of its own and of the other purchase, and five are owed');
UPDATE shop.orders SET status = 'paid' WHERE order_id = 9904;
SELECT is(lots_of(993, 'four'), '5 early, 20 late, 20 late', 'and after it as before');

SELECT is((SELECT count(*) FROM rewards.verify()), 0::bigint, 'sound');

\ir include/finish.sql
