-- What happens when points that are due back have been spent.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();
INSERT INTO rewards.member (member_id, joined_at) SELECT i, '2025-01-01' FROM generate_series(1, 30) i;

INSERT INTO rewards.rule (name, source, earn) VALUES ('base', 'orders', '1 per 1'), ('double', 'orders', 'x2');
UPDATE rewards.unit SET max_per_event = 150 WHERE name = 'points';

INSERT INTO shop.orders VALUES (1, 1, 100);
SELECT run('SELECT rewards.adjust(1, -140, reason => ''spent'')');
SELECT is(state(1), '10 available', 'example 2.2: 140 of 150 are spent');
UPDATE shop.orders SET total = 60 WHERE order_id = 1;
SELECT is(state(1), '0 available, 20 debt', 'example 2.2: the order becomes 60: 10 from its lot, else debt 20');
INSERT INTO shop.orders VALUES (2, 1, 25);
SELECT is(state(1), '30 available', 'example 2.2: of the next 50 earned 20 repay, 30 are spendable');
SELECT is((SELECT string_agg(kind || ' ' || points, ', ' ORDER BY kind) FROM (
		SELECT kind, trim_scale(sum(points)) AS points FROM rewards.statement(1) GROUP BY kind) s),
	'adjust -140, earn 200, repay 0, revoke -30', 'the ledger says how: repayment moves points from a lot to the debt');
SELECT is((SELECT trim_scale(sum(points)) FROM rewards.statement(1) WHERE kind = 'repay' AND points > 0), 20::numeric, '20 of them');
UPDATE shop.orders SET total = 0 WHERE order_id = 1;
SELECT is(state(1), '0 available, 90 debt', 'in full: 30 from another lot, 90 owed');
UPDATE rewards.rule SET enabled = name = 'base';
UPDATE rewards.unit SET max_per_event = NULL WHERE name = 'points';

-- other lots first: pending, then active ones nearest expiry
SELECT run('SELECT rewards.adjust(2, 100, reason => ''a'', expires_at => ''2026-06-01'')');
SELECT run('SELECT rewards.adjust(2, 100, reason => ''b'', expires_at => ''2026-03-01'')');
INSERT INTO shop.orders VALUES (10, 2, 250);
SELECT run('SELECT rewards.adjust(2, -60, reason => ''spent, of the lot that ends in March'')');
SELECT is((SELECT string_agg(trim_scale(points)::text, ', ' ORDER BY expires_at) FROM rewards.member_lots(2)), '40, 100, 250', 'three lots');
UPDATE rewards.rule SET activates = '30 days' WHERE name = 'base';
INSERT INTO shop.orders VALUES (11, 2, 20);
SELECT is(state(2), '390 available, 20 pending', 'and a pending one');
SELECT run('SELECT rewards.adjust(2, -390, reason => ''everything'')');
SELECT run('SELECT rewards.adjust(2, 30, reason => ''c'', expires_at => ''2026-04-01'')');
SELECT run('SELECT rewards.adjust(2, 30, reason => ''d'', expires_at => ''2026-05-01'')');
UPDATE shop.orders SET total = 215 WHERE order_id = 10;
SELECT is((SELECT string_agg(format('%s %s', trim_scale(points), state), ', ' ORDER BY expires_at) FROM rewards.member_lots(2)), '15 active, 30 active',
	'35 back: the pending 20 first, then 15 of the lot nearest its end');
UPDATE shop.orders SET total = 150 WHERE order_id = 10;
SELECT is(state(2), '0 available, 20 debt', '65 more: 45 were there');
UPDATE rewards.rule SET activates = NULL WHERE name = 'base';

-- debt never expires, everything that becomes available repays it
SELECT run('SELECT rewards.adjust(3, -20, reason => ''overdraft'', allow_debt => true)');
SELECT is(state(3), '0 available, 20 debt', 'example 3.5: debt 20');
SELECT is(rewards.balance(3, at => '2099-01-01'), 0::numeric, 'nothing available at any later instant');
SELECT run('SELECT rewards.adjust(3, 50, reason => ''gift'', expires_at => ''2026-12-31 00:00Z'')');
SELECT is(state(3), '30 available', 'example 3.5: a lot of 50: 20 repay');
SELECT is(rewards.balance(3, at => '2026-12-30 23:59:59Z'), 30::numeric, 'example 3.5: 30 until 31 Dec');
SELECT is(rewards.balance(3, at => '2026-12-31 00:00Z'), 0::numeric, 'example 3.5: 30 expire on 31 Dec');
SELECT is(sqlstate_of('SELECT rewards.adjust(3, -31, reason => ''too much'')'), 'LY001', 'more than is there is refused without allow_debt');
SELECT is(state(3), '30 available', 'and nothing is taken');

-- a pending lot repays when it activates
UPDATE rewards.rule SET activates = '10 days', expires = '40 days' WHERE name = 'base';
SELECT run('SELECT rewards.adjust(4, -20, reason => ''overdraft'', allow_debt => true)');
INSERT INTO shop.orders VALUES (20, 4, 50, '2026-01-10 12:00Z');
SELECT is(state(4), '0 available, 50 pending, 20 debt', 'a pending lot does not repay');
SELECT is(ARRAY[rewards.balance(4, at => '2026-01-20 11:59Z'), rewards.balance(4, at => '2026-01-20 12:00Z'),
		rewards.balance(4, at => '2026-02-19 11:59Z'), rewards.balance(4, at => '2026-02-19 12:00Z')],
	'{0,30,30,0}'::numeric[], 'it does when it activates');
SELECT rewards.set_clock('2026-01-20 12:00Z');
SELECT is(state(4), '30 available', 'no job has run');
SELECT is(ledger(4), 'adjust -20, earn 50', 'nor has a line been written');
SELECT run('SELECT rewards.book_due()');
SELECT is(ledger(4), 'adjust -20, earn 50, repay -20, repay 20', 'book_due() writes them');
SELECT is((SELECT array_agg(DISTINCT occurred_at) FROM rewards.statement(4) WHERE kind = 'repay'), '{2026-01-20 12:00Z}'::timestamptz[],
	'dated when the lot became available');
SELECT is(state(4), '30 available', 'which changes nothing');

-- two lots become available at once: nearest end repays first
UPDATE rewards.rule SET expires = '60 days' WHERE name = 'base';
SELECT run('SELECT rewards.adjust(5, -30, reason => ''overdraft'', allow_debt => true)');
INSERT INTO shop.orders VALUES (30, 5, 50, '2026-01-20 12:00Z');
UPDATE rewards.rule SET expires = '40 days' WHERE name = 'base';
INSERT INTO shop.orders VALUES (31, 5, 20, '2026-01-20 12:00Z');
SELECT rewards.set_clock('2026-01-30 12:00Z');
SELECT is(lots(5), '40 from 2026-01-30 12:00 to 2026-03-21 12:00 active', 'debt 30: the lot of 20 that ends first, and 10 of the other');
UPDATE rewards.rule SET activates = NULL, expires = NULL WHERE name = 'base';

-- increase of an event whose points became debt
INSERT INTO shop.orders VALUES (40, 6, 100);
SELECT run('SELECT rewards.adjust(6, -100, reason => ''spent'')');
UPDATE shop.orders SET status = 'cancelled' WHERE order_id = 40;
SELECT is(state(6), '0 available, 100 debt', 'spent and cancelled: debt');
UPDATE shop.orders SET status = 'paid' WHERE order_id = 40;
SELECT is(state(6), '0 available', 'paid again: repaid');
UPDATE shop.orders SET status = 'cancelled' WHERE order_id = 40;
SELECT is(state(6), '0 available, 100 debt', 'and again');

-- forgive
INSERT INTO rewards.unit (name, on_shortfall) VALUES ('gifts', 'forgive');
UPDATE rewards.rule SET enabled = false;
INSERT INTO rewards.rule (name, source, unit, earn) VALUES ('gift', 'orders', 'gifts', '1 per 1');
INSERT INTO shop.orders VALUES (50, 7, 100);
SELECT run('SELECT rewards.adjust(7, -100, unit => ''gifts'', reason => ''spent'')');
UPDATE shop.orders SET status = 'cancelled' WHERE order_id = 50;
SELECT is(state(7, 'gifts'), '0 available', 'example 2.7: spent and cancelled under forgive: no debt');
UPDATE shop.orders SET status = 'paid' WHERE order_id = 50;
SELECT is(state(7, 'gifts'), '0 available', 'example 2.7: paid again: no new points');
UPDATE shop.orders SET total = 130 WHERE order_id = 50;
SELECT is(state(7, 'gifts'), '30 available', 'what it is entitled to beyond comes');
UPDATE shop.orders SET status = 'cancelled' WHERE order_id = 50;
SELECT is(state(7, 'gifts'), '0 available', 'cancelled again: those 30, the rest is forgiven again');
UPDATE shop.orders SET status = 'paid' WHERE order_id = 50;
SELECT is(state(7, 'gifts'), '30 available', 'paid again: those 30');

INSERT INTO shop.orders VALUES (51, 8, 100);
SELECT run('SELECT rewards.adjust(8, -70, unit => ''gifts'', reason => ''spent'')');
UPDATE shop.orders SET total = 50 WHERE order_id = 51;
SELECT is(state(8, 'gifts'), '0 available', '50 back, 30 there: 20 forgiven');
UPDATE shop.orders SET total = 60 WHERE order_id = 51;
SELECT is(state(8, 'gifts'), '0 available', 'up by 10: the forgiven are used up first');
UPDATE shop.orders SET total = 75 WHERE order_id = 51;
SELECT is(state(8, 'gifts'), '5 available', 'up by 15 more: 10 were left of them');
SELECT is_empty('SELECT * FROM rewards.balances WHERE unit = ''gifts'' AND debt <> 0', 'nobody owes gifts');

\ir include/finish.sql
