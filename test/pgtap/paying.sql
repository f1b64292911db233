-- Purchases paid with points: examples 3.8 and 3.9, changes of the row, limits
-- of the source, what goes wrong, history.
BEGIN;
\ir include/shop.sql
\ir include/errors.sql
SELECT * FROM no_plan();
SELECT run($$SELECT rewards.detach('orders')$$);
ALTER TABLE shop.orders ADD points_used numeric, ADD paid_with_points numeric NOT NULL DEFAULT 0;
SELECT run($$SELECT rewards.attach('shop.orders', name => 'orders', member => 'customer_id', amount => 'total - paid_with_points', occurred_at => 'placed_at', condition => 'status = ''paid''', spend => 'points_used')$$);
SELECT results_eq($$SELECT spend, spend_unit, spend_condition FROM rewards.source WHERE name = 'orders'$$, $$VALUES ('points_used', 'points', NULL::text)$$, 'attach() with spend');
INSERT INTO rewards.rule (name, source, earn) VALUES ('base', 'orders', '1 per 1');
UPDATE rewards.unit SET value = 0.01 WHERE name = 'points';
CREATE FUNCTION t.gift(member_id bigint, points numeric) RETURNS void LANGUAGE sql AS $$
	INSERT INTO rewards.member (member_id, joined_at) VALUES ($1, '2025-01-01') ON CONFLICT DO NOTHING;
	SELECT rewards.adjust($1, $2, reason => 'gift');
$$;

-- 3.8
SELECT run('SELECT gift(1, 2500)');
INSERT INTO shop.orders (order_id, customer_id, total, points_used, paid_with_points) VALUES (1, 1, 100, 2000, 20);
SELECT is(ledger(1), 'adjust 2500, redeem -2000, earn 80', '3.8 2,000 points pay 20.00 of 100.00, which earns on 80');
SELECT is(state(1), '580 available', '3.8 what is left');
SELECT is((SELECT string_agg(concat_ws(' ', kind, source, event_key), ', ' ORDER BY entry_no) FROM rewards.statement(1)), 'adjust, redeem orders 1, earn orders 1', 'the statement says for what');
SELECT is(error_of($$INSERT INTO shop.orders (order_id, customer_id, total, points_used, paid_with_points) VALUES (2, 1, 100, 2000, 20)$$),
	'LY001: insufficient points: 580 available, 2000 needed; Missing 1420; pending 0, held 0, owed 0.', '3.8 if they do not suffice the INSERT fails');
SELECT is_empty('SELECT * FROM shop.orders WHERE order_id = 2', '3.8 and nothing is written');
SELECT is(state(1), '580 available', '3.8 nor taken');

-- 3.9
SELECT run('SELECT gift(2, 500)');
INSERT INTO shop.orders (order_id, customer_id, total, points_used, paid_with_points, status) VALUES (10, 2, 100, 500, 5, 'pending');
SELECT is(ledger(2), 'adjust 500, redeem -500', '3.9 points are taken at once');
SELECT rewards.set_clock('2026-01-10 13:00Z');
UPDATE shop.orders SET status = 'paid' WHERE order_id = 10;
SELECT is(ledger(2), 'adjust 500, redeem -500, earn 95', '3.9 earning starts when paid');
UPDATE shop.orders SET status = 'cancelled' WHERE order_id = 10;
SELECT is(state(2), '0 available', 'a row that earns no more is still paid');
UPDATE shop.orders SET points_used = NULL WHERE order_id = 10;
SELECT is(state(2), '500 available', 'until it says otherwise');

-- more, less, none, gone
SELECT run('SELECT gift(3, 1000)');
INSERT INTO shop.orders (order_id, customer_id, total, points_used) VALUES (20, 3, 50, 300);
UPDATE shop.orders SET points_used = 700 WHERE order_id = 20;
SELECT is(state(3), '350 available', 'an update that uses more takes the difference');
SELECT is(sqlstate_of('UPDATE shop.orders SET points_used = 1200 WHERE order_id = 20'), 'LY001', 'if it is there');
UPDATE shop.orders SET points_used = 200 WHERE order_id = 20;
SELECT is(state(3), '850 available', 'less gives back');
SELECT is(ledger(3), 'adjust 1000, redeem -300, earn 50, redeem -50, redeem -350, return 350, return 50, return 100', 'what was taken last first');
UPDATE shop.orders SET note = 'nothing that matters' WHERE order_id = 20;
UPDATE shop.orders SET order_id = 21 WHERE order_id = 20;
SELECT is(state(3), '850 available', 'another key takes nothing twice');
UPDATE shop.orders SET points_used = 100 WHERE order_id = 21;
SELECT is(state(3), '950 available', 'and knows what was paid');
DELETE FROM shop.orders WHERE order_id = 21;
SELECT is(state(3), '1000 available', 'DELETE gives back all');
INSERT INTO shop.orders (order_id, customer_id, total, points_used) VALUES (21, 3, 50, 100);
SELECT is(state(3), '950 available', 'a row of the same key pays anew');
SELECT is((SELECT trim_scale(spent) FROM rewards.balances WHERE member_id = 3 AND unit = 'points'), 100::numeric, 'spent is net');
SELECT run('SELECT gift(4, 1000)');
UPDATE shop.orders SET customer_id = 4 WHERE order_id = 21;
SELECT is(state(3) || ' / ' || state(4), '1000 available / 950 available', 'another member pays, the first gets back');
UPDATE shop.orders SET order_id = 23 - (order_id - 21) WHERE order_id IN (21);
SELECT is(state(4), '950 available', 'a moved key');

-- to the lots they came from
INSERT INTO rewards.member (member_id, joined_at) VALUES (5, '2025-01-01');
SELECT run($$SELECT rewards.adjust(5, 100, reason => 'x', expires_at => '2026-01-20 00:00Z')$$);
SELECT run($$SELECT rewards.adjust(5, 100, reason => 'x', expires_at => '2026-06-01 00:00Z')$$);
INSERT INTO shop.orders (order_id, customer_id, points_used) VALUES (30, 5, 150);
SELECT is(lots(5), '50 from 2026-01-10 13:00 to 2026-06-01 00:00 active', 'what ends first is taken first');
DELETE FROM shop.orders WHERE order_id = 30;
SELECT is(lots(5), '100 from 2026-01-10 13:00 to 2026-01-20 00:00 active; 100 from 2026-01-10 13:00 to 2026-06-01 00:00 active', 'and goes back where it came from');

-- many rows in one statement, each before it earns
INSERT INTO shop.orders (order_id, customer_id, total, points_used) SELECT 100 + i, 6, 100, CASE WHEN i > 1 THEN 90 END FROM generate_series(1, 5) i;
SELECT is(ledger(6), 'earn 100, redeem -90, earn 100, redeem -90, earn 100, redeem -90, earn 100, redeem -90, earn 100', 'what one row earns the next may spend');
SELECT is(sqlstate_of('INSERT INTO shop.orders (order_id, customer_id, total, points_used) VALUES (110, 7, 100, 90), (111, 7, 100, 0)'), 'LY001', 'not the other way round');
SELECT is_empty('SELECT * FROM shop.orders WHERE order_id IN (110, 111)', 'then all of the statement fails');
INSERT INTO shop.orders (order_id, customer_id, total, points_used) SELECT 200 + i, 1 + i % 4, 10, 5 FROM generate_series(1, 40) i;
SELECT is((SELECT trim_scale(sum(spent::numeric)) FROM rewards.operation WHERE kind = 'spend' AND source_no IS NOT NULL AND event_key::int > 200), 200::numeric, 'several members');
DELETE FROM shop.orders WHERE order_id > 200;
INSERT INTO shop.orders (order_id, customer_id, total, points_used) VALUES (112, 6, 10, 20) ON CONFLICT (order_id) DO UPDATE SET points_used = 30;
INSERT INTO shop.orders (order_id, customer_id, total, points_used) VALUES (112, 6, 10, 20) ON CONFLICT (order_id) DO UPDATE SET points_used = 30;
SELECT is((SELECT trim_scale(spent) FROM rewards.balances WHERE member_id = 6 AND unit = 'points'), 390::numeric, 'ON CONFLICT');
MERGE INTO shop.orders o USING (VALUES (112)) v (id) ON o.order_id = v.id WHEN MATCHED THEN DELETE;
SELECT is((SELECT trim_scale(spent) FROM rewards.balances WHERE member_id = 6 AND unit = 'points'), 360::numeric, 'MERGE');

-- what is wrong is never queued
SELECT is(sqlstate_of($$INSERT INTO shop.orders (order_id, customer_id, points_used) VALUES (300, 6, -5)$$), '22023', 'less than nothing');
SELECT is(sqlstate_of($$INSERT INTO shop.orders (order_id, customer_id, points_used) VALUES (300, 6, 0.5)$$), '22023', 'half a point');
SELECT is(sqlstate_of($$INSERT INTO shop.orders (order_id, customer_id, points_used) VALUES (300, NULL, 5)$$), '22004', 'nobody pays');
SELECT is(sqlstate_of($$INSERT INTO shop.orders (order_id, customer_id, points_used) VALUES (300, 987, 5)$$), 'LY001', 'a new member has none');
UPDATE rewards.program SET enrolment = 'ignore';
SELECT is(sqlstate_of($$INSERT INTO shop.orders (order_id, customer_id, points_used) VALUES (300, 988, 5)$$), 'LY002', 'an unknown one');
UPDATE rewards.program SET enrolment = 'auto';
UPDATE rewards.member SET status = 'blocked' WHERE member_id = 6;
SELECT is(sqlstate_of($$INSERT INTO shop.orders (order_id, customer_id, points_used) VALUES (300, 6, 5)$$), 'LY003', 'a blocked one');
UPDATE rewards.member SET status = 'active' WHERE member_id = 6;
SELECT is_empty('SELECT * FROM rewards.failed_event', 'nothing was queued');
INSERT INTO rewards.rule (name, source, earn, condition) VALUES ('faulty', 'orders', '1', '1 / (total - 77) > 0');
SET LOCAL client_min_messages = error;
INSERT INTO shop.orders (order_id, customer_id, total, points_used) VALUES (301, 6, 77, 5);
SET LOCAL client_min_messages = warning;
SELECT is((SELECT count(*) FROM rewards.failed_event), 1::bigint, 'a rule that fails queues its event');
SELECT is((SELECT trim_scale(spent::numeric) FROM rewards.operation WHERE event_key = '301'), 5::numeric, 'which is paid all the same');
UPDATE rewards.rule SET enabled = false WHERE name = 'faulty';
SELECT run('SELECT rewards.retry_failed()');
SELECT is((SELECT string_agg(kind || ' ' || trim_scale(points), ', ' ORDER BY entry_no) FROM rewards.statement(6) WHERE event_key = '301'), 'redeem -5, earn 77', 'once');

-- by hand only through the row
SELECT is(sqlstate_of($$SELECT rewards.cancel((SELECT operation_no FROM rewards.operation WHERE event_key = '301'))$$), '55000', 'what a row paid is not cancelled by hand');
SELECT is(sqlstate_of($$SELECT rewards.reverse((SELECT operation_no FROM rewards.operation WHERE event_key = '301'), 'x')$$), '55000', 'nor reversed');

-- limits
SELECT run('SELECT gift(8, 100000)');
UPDATE rewards.source SET spend_min = 200, spend_max = 5000, spend_step = 100, spend_max_share = 0.5 WHERE name = 'orders';
SELECT is(error_of($$INSERT INTO shop.orders (order_id, customer_id, total, points_used, paid_with_points) VALUES (400, 8, 100, 250, 2.5)$$),
	'LY006: event 400 of source "orders" cannot be paid with 250 points; It takes multiples of 100.', 'spend_step');
SELECT is(error_of($$INSERT INTO shop.orders (order_id, customer_id, total, points_used, paid_with_points) VALUES (400, 8, 100, 100, 1)$$),
	'LY006: event 400 of source "orders" cannot be paid with 100 points; It takes at least 200.', 'spend_min');
SELECT is(error_of($$INSERT INTO shop.orders (order_id, customer_id, total, points_used, paid_with_points) VALUES (400, 8, 1000, 5100, 51)$$),
	'LY006: event 400 of source "orders" cannot be paid with 5100 points; It takes at most 5000.', 'spend_max');
SELECT is(error_of($$INSERT INTO shop.orders (order_id, customer_id, total, points_used, paid_with_points, status) VALUES (400, 8, 90, 4600, 46, 'pending')$$),
	'LY006: event 400 of source "orders" cannot be paid with 4600 points; They may pay at most the share of 0.5, which is 4400.', 'spend_max_share, though it does not earn yet');
INSERT INTO shop.orders (order_id, customer_id, total, points_used, paid_with_points) VALUES (400, 8, 90, 4500, 45);
SELECT is((SELECT trim_scale(spent) FROM rewards.balances WHERE member_id = 8 AND unit = 'points'), 4500::numeric, 'half is allowed');
UPDATE shop.orders SET points_used = 50, paid_with_points = 0.5 WHERE order_id = 400;
SELECT is((SELECT trim_scale(spent) FROM rewards.balances WHERE member_id = 8 AND unit = 'points'), 50::numeric, 'what goes back is not limited');
SELECT is((SELECT trimmed_by FROM rewards.preview('orders', jsonb_build_object('customer_id', 8, 'total', 45, 'points_used', points)) WHERE rule IS NULL), why, 'preview of ' || points)
FROM (VALUES (250, 'It takes multiples of 100.'), (100, 'It takes at least 200.'), (5100, 'It takes at most 5000.'), (4600, 'They may pay at most the share of 0.5, which is 4500.'), (200, NULL)) v (points, why);
UPDATE rewards.unit SET value = NULL WHERE name = 'points';
SELECT is(sqlstate_of($$INSERT INTO shop.orders (order_id, customer_id, total, points_used) VALUES (401, 8, 100, 200)$$), '55000', 'a share needs the value of a point');
UPDATE rewards.unit SET value = 0.01 WHERE name = 'points';
SELECT is(sqlstate_of($$UPDATE rewards.source SET spend_max_share = 1.5 WHERE name = 'orders'$$), '23514', 'not more than all');
UPDATE rewards.source SET spend_min = NULL, spend_max = NULL, spend_step = NULL, spend_max_share = NULL WHERE name = 'orders';

-- preview
SELECT results_eq($$SELECT unit, rule, trim_scale(points), trimmed_by FROM rewards.preview('orders', '{"customer_id": 5, "total": 50, "points_used": 150, "paid_with_points": 1.5}')$$,
	$$VALUES ('points', NULL, -150::numeric, NULL), ('points', 'base', 48, 'rounding')$$, 'preview() shows what is spent');
SELECT results_eq($$SELECT rule, trim_scale(points), trimmed_by FROM rewards.preview('orders', '[{"customer_id": 5, "total": 50, "points_used": 150}, {"customer_id": 5, "total": 1, "points_used": 150}]') WHERE rule IS NULL$$,
	$$VALUES (NULL::text, -150::numeric, NULL), (NULL, -150, 'insufficient points: 50 missing')$$, 'and what would be refused, after what the first earns');
SELECT is(state(5), '200 available', 'and takes nothing');
UPDATE rewards.member SET status = 'blocked' WHERE member_id = 5;
SELECT is((SELECT trimmed_by FROM rewards.preview('orders', '{"customer_id": 5, "total": 50, "points_used": 150}') WHERE rule IS NULL), 'The member is not active.', 'nor could who is blocked');
UPDATE rewards.member SET status = 'active' WHERE member_id = 5;
SELECT lives_ok($$SELECT * FROM rewards.explain('orders', '400')$$, 'explain() of what was paid');

-- after a gap
ALTER TABLE shop.orders DISABLE TRIGGER USER;
INSERT INTO shop.orders (order_id, customer_id, total, points_used) VALUES (500, 5, 10, 120), (501, 5, 10, 9999);
UPDATE shop.orders SET points_used = 40 WHERE order_id = 400;
ALTER TABLE shop.orders ENABLE TRIGGER USER;
SELECT ok((SELECT count(*) FROM rewards.verify() WHERE invariant = 'entitlement') >= 3, 'verify() misses what was not taken');
SET LOCAL client_min_messages = error;
SELECT bag_eq($$SELECT event_key, member_id, unit, trim_scale(difference) FROM rewards.reconcile('orders')$$,
	$$VALUES ('400', 8::bigint, 'points', 10::numeric), ('500', 5, 'points', -110), ('501', 5, 'points', 10)$$, 'reconcile() takes and gives back');
SET LOCAL client_min_messages = warning;
SELECT is(state(5), '100 available', 'as far as there are points');
UPDATE shop.orders SET points_used = 0 WHERE order_id = 501;

-- orphans
ALTER TABLE shop.orders DISABLE TRIGGER USER;
DELETE FROM shop.orders WHERE order_id = 500;
ALTER TABLE shop.orders ENABLE TRIGGER USER;
SELECT is_empty($$SELECT * FROM rewards.reconcile('orders')$$, 'what was paid by rows that are gone stays');
SELECT bag_eq($$SELECT event_key, trim_scale(difference) FROM rewards.reconcile('orders', orphans => 'revoke')$$, $$VALUES ('500', 110::numeric)$$, 'until that is asked for');

-- lines of an order, each of which may be paid
CREATE TABLE shop.lines (order_id int, line int, member bigint, price numeric, points numeric, PRIMARY KEY (order_id, line));
SELECT run($$SELECT rewards.attach('shop.lines', name => 'lines', event => 'order_id', member => 'member', amount => 'price', spend => 'points', spend_condition => 'line > 0')$$);
SELECT run('SELECT gift(9, 100)');
INSERT INTO shop.lines VALUES (1, 1, 9, 5, 30), (1, 2, 9, 5, 20), (1, 0, 9, 5, 50);
SELECT is((SELECT trim_scale(spent) FROM rewards.balances WHERE member_id = 9 AND unit = 'points'), 50::numeric, 'lines pay together, those of the spend_condition');
DELETE FROM shop.lines WHERE line = 2;
SELECT is((SELECT trim_scale(spent) FROM rewards.balances WHERE member_id = 9 AND unit = 'points'), 30::numeric, 'a line that goes gives back');
SELECT is(sqlstate_of('INSERT INTO shop.lines VALUES (1, 3, 8, 5, 1)'), '21000', 'one event, one payer');

-- history: what rows were paid with is taken at their instant, as far as it was there
CREATE TABLE shop.old (id int PRIMARY KEY, member bigint, price numeric, points numeric, at timestamptz, state text);
INSERT INTO shop.old VALUES (1, 20, 100, 0, '2025-01-01Z', 'ok'), (2, 20, 50, 60, '2025-02-01Z', 'ok'), (3, 20, 100, 0, '2025-08-01Z', 'ok'),
	(4, 20, 10, 1000, '2025-09-01Z', 'ok'), (5, 21, 100, 0, '2025-12-01Z', 'ok'), (6, 21, 5, 30, '2025-12-02Z', 'void'), (7, 22, 10, 99, '2025-12-02Z', 'ok');
INSERT INTO rewards.unit (name, expires) VALUES ('old points', '3 months');
INSERT INTO rewards.member (member_id, joined_at) VALUES (23, '2025-01-01');
SELECT run($$SELECT rewards.attach('shop.old', name => 'old', member => 'member', amount => 'price', occurred_at => 'at', condition => 'state = ''ok''', spend => 'points', spend_unit => 'old points')$$);
INSERT INTO rewards.rule (name, source, unit, earn) VALUES ('old', 'old', 'old points', '1 per 1');
CALL rewards.backfill('old');
SELECT is((SELECT string_agg(kind || ' ' || trim_scale(points) || ' ' || to_char(occurred_at, 'YY-MM-DD'), ', ' ORDER BY occurred_at, kind) FROM rewards.statement(20)),
	'earn 100 25-01-01, earn 50 25-02-01, redeem -60 25-02-01, expire -40 25-04-01, expire -50 25-05-01, earn 100 25-08-01, earn 10 25-09-01, redeem -100 25-09-01, expire -10 25-12-01', 'what history spent has not expired');
SELECT is(state(21, 'old points'), '70 available', 'a row that does not earn was paid, too');
SELECT is((SELECT string_agg(kind || ' ' || trim_scale(points) || ' ' || to_char(occurred_at, 'YY-MM-DD'), ', ' ORDER BY entry_no) FROM rewards.statement(21)),
	'earn 100 25-12-01, redeem -30 25-12-02', 'at its own instant, in its turn');
SELECT is(state(22, 'old points'), '10 available', 'what was not there is not owed');
CALL rewards.backfill('old');
SELECT is(state(21, 'old points'), '70 available', 'nothing twice');
DELETE FROM shop.old WHERE id = 4;
SELECT is((SELECT trim_scale(sum(points)) FROM rewards.statement(20) WHERE kind = 'return'), 100::numeric, 'a row that goes gives back what was taken');
UPDATE shop.old SET points = 10 WHERE id = 7;
SELECT is(state(22, 'old points'), '10 available', 'what was not taken does not come back');

-- retention keeps what was paid
UPDATE rewards.source SET on_delete = 'keep' WHERE name = 'old';
DELETE FROM shop.old WHERE id = 6;
SELECT is(state(21, 'old points'), '70 available', 'on_delete keep: what was paid stays paid');

\ir include/finish.sql
