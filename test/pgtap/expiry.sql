-- When points begin and end.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();
INSERT INTO rewards.member (member_id, joined_at) SELECT i, '2025-01-01' FROM generate_series(1, 30) i;

-- spending takes what ends first
SELECT run('SELECT rewards.adjust(1, 100, reason => ''lot 1'', expires_at => ''2026-01-31 00:00Z'')');
SELECT run('SELECT rewards.adjust(1, 100, reason => ''lot 2'', expires_at => ''2026-12-31 00:00Z'')');
SELECT run('SELECT rewards.adjust(1, -80, reason => ''spent in January'')');
SELECT is(state(1), '120 available', 'example 3.1: 120 in January');
SELECT is(ARRAY[rewards.balance(1, at => '2026-01-30 23:59:59.999999Z'), rewards.balance(1, at => '2026-01-31 00:00Z'), rewards.balance(1, at => '2026-02-15')],
	'{120,100,100}'::numeric[], 'example 3.1: in February there will be 100, not 20');
SELECT results_eq('SELECT trim_scale(next_expiry_points), next_expiry_at FROM rewards.balances WHERE member_id = 1',
	$$VALUES (20::numeric, '2026-01-31 00:00Z'::timestamptz)$$, 'the view says that 20 will expire');
SELECT results_eq('SELECT unit, trim_scale(points), expires_at FROM rewards.expiring WHERE member_id = 1 ORDER BY expires_at',
	$$VALUES ('points', 20::numeric, '2026-01-31 00:00Z'::timestamptz), ('points', 100, '2026-12-31 00:00Z')$$, 'expiring lists both lots');
SELECT rewards.set_clock('2026-02-15 12:00Z');
SELECT is(state(1), '100 available', 'example 3.1: in February 100, no job has run');
SELECT is(ledger(1), 'adjust 100, adjust 100, adjust -80', 'nor has a line been written');
SELECT is(sqlstate_of('SELECT rewards.adjust(1, -101, reason => ''lapsed points'')'), 'LY001', 'what has lapsed cannot be spent');
SELECT run('SELECT rewards.adjust(1, -1, reason => ''a movement'')');
SELECT is(ledger(1), 'adjust 100, adjust 100, adjust -80, expire -20, adjust -1', 'the next movement books it');
SELECT is((SELECT occurred_at FROM rewards.statement(1) WHERE kind = 'expire'), '2026-01-31 00:00Z'::timestamptz, 'dated when it was due');
SELECT is((SELECT trim_scale(expired) FROM rewards.balances WHERE member_id = 1), 20::numeric, 'the view counts it as expired');

-- never-ending lots are spent last; ties: earlier activation
SELECT run('SELECT rewards.adjust(2, 10, reason => ''never'', expires_at => ''infinity'')');
SELECT run('SELECT rewards.adjust(2, 10, reason => ''far'', expires_at => ''2030-01-01 00:00Z'')');
SELECT run('SELECT rewards.adjust(2, -15, reason => ''spent'')');
SELECT is((SELECT string_agg(trim_scale(points)::text, ', ') FROM rewards.member_lots(2)), '5', 'one lot is left');
SELECT is(rewards.balance(2, at => '2031-01-01'), 5::numeric, 'the one that never ends');
SELECT rewards.set_clock('2026-02-15 13:00Z');
SELECT run('SELECT rewards.adjust(3, 10, reason => ''first'', expires_at => ''2027-01-01 00:00Z'')');
SELECT rewards.set_clock('2026-02-15 14:00Z');
SELECT run('SELECT rewards.adjust(3, 10, reason => ''second'', expires_at => ''2027-01-01 00:00Z'')');
SELECT run('SELECT rewards.adjust(3, -12, reason => ''spent'')');
SELECT is(lots(3), '8 from 2026-02-15 14:00 to 2027-01-01 00:00 active', 'of two that end together the earlier one first');

-- what rules and units say
INSERT INTO rewards.unit (name, activates, expires) VALUES ('miles', '3 days', '10 days');
INSERT INTO rewards.rule (name, source, unit, earn, expires, activates) VALUES
	('plain', 'orders', 'miles', '1 per 1', NULL, NULL), ('own', 'orders', 'miles', '50', '20 days', '5 days');
SELECT rewards.set_clock('2026-03-01 12:00Z');
INSERT INTO shop.orders VALUES (10, 10, 100, '2026-03-01 12:00Z');
SELECT is(lots(10, 'miles'), '100 from 2026-03-04 12:00 to 2026-03-11 12:00 pending; 50 from 2026-03-06 12:00 to 2026-03-21 12:00 pending',
	'a rule''s own periods, else the unit''s, both from the instant of the event');
SELECT is((SELECT array_agg(rewards.balance(10, 'miles', at => at)::integer ORDER BY at) FROM unnest('{
		2026-03-04 11:59:59.999999Z, 2026-03-04 12:00Z, 2026-03-06 11:59Z, 2026-03-06 12:00Z,
		2026-03-11 11:59Z, 2026-03-11 12:00Z, 2026-03-21 11:59Z, 2026-03-21 12:00Z}'::timestamptz[]) at),
	'{0,100,100,150,150,50,50,0}', 'valid from the first instant to before the last');
INSERT INTO shop.orders VALUES (11, 11, 100, '2026-02-15 12:00Z');
SELECT is(state(11, 'miles'), '50 available', 'a late event: one lot is over already, the other began and lasts');
INSERT INTO shop.orders VALUES (12, 12, 100, '2026-02-25 12:00Z');
SELECT is(state(12, 'miles'), '100 available, 50 pending', 'another: one has begun');
SELECT rewards.set_clock('2026-03-08 12:00Z');
SELECT is(state(12, 'miles'), '50 available', 'time goes on');
UPDATE shop.orders SET total = 150 WHERE order_id = 12;
SELECT is(state(12, 'miles'), '50 available', 'more for an event whose lot is over is over too');
SELECT matches(sqlstate_of($$INSERT INTO rewards.unit (name, activates, expires) VALUES ('odd', '14 days', '7 days')$$), '^2[23]',
	'a unit that would expire before it activates is refused');
SELECT matches(sqlstate_of($$UPDATE rewards.rule SET activates = '14 days' WHERE name = 'plain'$$), '^2[23]',
	'so is a rule that would with the unit''s other period');

-- future events
INSERT INTO shop.orders VALUES (13, 13, 100, '2026-06-01 12:00Z');
SELECT is(state(13, 'miles'), '0 available, 150 pending', 'an event dated in the future is pending');

-- example 2.5
UPDATE rewards.rule SET enabled = false;
INSERT INTO rewards.rule (name, source, earn, expires) VALUES ('base', 'orders', '1 per 1', '30 days');
INSERT INTO shop.orders VALUES (20, 20, 100, '2026-03-08 12:00Z');
SELECT run('SELECT rewards.adjust(20, -60, unit => ''points'', reason => ''spent'')');
SELECT rewards.set_clock('2026-04-10 12:00Z');
SELECT is(state(20), '0 available', 'example 2.5: 100 earned, 60 spent, 40 expired');
UPDATE shop.orders SET status = 'refunded' WHERE order_id = 20;
SELECT is(state(20), '0 available, 60 debt', 'example 2.5: full refund: 60 due, not 100');
UPDATE shop.orders SET status = 'paid' WHERE order_id = 20;
SELECT is(state(20), '0 available', 'example 2.5: paid again: 60 come back, not 100');
UPDATE shop.orders SET status = 'refunded' WHERE order_id = 20;
SELECT is(state(20), '0 available, 60 debt', 'refunded again: the same 60');

-- the same when the expiry has been booked before
INSERT INTO shop.orders VALUES (21, 21, 100, '2026-04-10 12:00Z');
SELECT run('SELECT rewards.adjust(21, -60, unit => ''points'', reason => ''spent'')');
SELECT rewards.set_clock('2026-05-15 12:00Z');
SELECT run('SELECT rewards.book_due()');
SELECT is(ledger(21), 'earn 100, adjust -60, expire -40', 'booked');
UPDATE shop.orders SET total = 80 WHERE order_id = 21;
SELECT is(state(21), '0 available', '20 back: they had lapsed');
UPDATE shop.orders SET total = 50 WHERE order_id = 21;
SELECT is(state(21), '0 available, 10 debt', '30 more back: 20 had lapsed, 10 had been spent');
UPDATE shop.orders SET total = 0 WHERE order_id = 21;
SELECT is(state(21), '0 available, 60 debt', 'the rest: all 60 that were spent, never more');

-- two events in one lot: lapsed points are excused once each
INSERT INTO shop.orders VALUES (22, 22, 100, '2026-05-15 12:00Z'), (23, 22, 100, '2026-05-15 12:00Z');
SELECT run('SELECT rewards.adjust(22, -150, unit => ''points'', reason => ''spent'')');
SELECT rewards.set_clock('2026-06-20 12:00Z');
UPDATE shop.orders SET status = 'refunded' WHERE order_id = 22;
SELECT is(state(22), '0 available, 50 debt', 'of 200, 50 lapsed: the first refund of 100 is excused those 50');
UPDATE shop.orders SET status = 'refunded' WHERE order_id = 23;
SELECT is(state(22), '0 available, 150 debt', 'the second none');
UPDATE shop.orders SET status = 'paid' WHERE order_id IN (22, 23);
SELECT is(state(22), '0 available', 'both paid again: nothing owed, nothing to spend');

-- an event that lost points by expiry and then grows, within its lot
INSERT INTO shop.orders VALUES (24, 24, 100, '2026-06-20 12:00Z');
SELECT rewards.set_clock('2026-07-10 12:00Z');
UPDATE shop.orders SET total = 130 WHERE order_id = 24;
SELECT is(lots(24), '130 from 2026-06-20 12:00 to 2026-07-20 12:00 active', 'more for an event goes into its own lot');
SELECT rewards.set_clock('2026-07-20 12:00Z');
SELECT is(state(24), '0 available', 'and lapses with it');
DELETE FROM shop.orders WHERE order_id = 24;
SELECT is(state(24), '0 available', 'an order whose points all lapsed, deleted: nothing is due');

-- two rules of one event in one lot: what lapsed is excused once
INSERT INTO rewards.rule (name, source, earn, expires) VALUES ('again', 'orders', '1 per 1', '30 days');
INSERT INTO shop.orders VALUES (25, 25, 100, '2026-07-20 12:00Z');
SELECT run('SELECT rewards.adjust(25, -100, unit => ''points'', reason => ''spent'')');
SELECT rewards.set_clock('2026-08-30 12:00Z');
SELECT is(state(25), '0 available', '200 earned by two rules, 100 spent, 100 lapsed');
DELETE FROM shop.orders WHERE order_id = 25;
SELECT is(state(25), '0 available, 100 debt', 'deleted: the 100 that were spent are owed');
UPDATE rewards.rule SET enabled = false WHERE name = 'again';

-- liability
SELECT is((SELECT count(*) FROM rewards.liability WHERE points < 0), 0::bigint, 'liability is never negative');
SELECT is((SELECT trim_scale(sum(l.points)) FROM rewards.liability l WHERE l.unit = 'points'),
	(SELECT trim_scale(sum(b.available + b.pending + b.held)) FROM rewards.balances b WHERE b.unit = 'points'),
	'liability is what members have, available, pending or held');
UPDATE rewards.unit SET value = 0.01 WHERE name = 'points';
SELECT is((SELECT trim_scale(value) FROM rewards.liability WHERE unit = 'points'),
	(SELECT trim_scale(points * 0.01) FROM rewards.liability WHERE unit = 'points'), 'and its value in money');

\ir include/finish.sql
