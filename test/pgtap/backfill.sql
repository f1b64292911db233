-- Posting what was there before: the same as if it had come row by row.
--
-- backfill() commits as it goes, so this file cannot run in one transaction;
-- it works in schemas of its own and leaves nothing.
SET client_min_messages = error;
SET TimeZone = 'UTC';
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS loyalty;
DO $$
BEGIN
	IF to_regclass('backfill_rewards.program') IS NOT NULL THEN
		PERFORM loyalty.drop_program('backfill_rewards', force => true);
	END IF;
	IF to_regclass('backfill_live.program') IS NOT NULL THEN
		PERFORM loyalty.drop_program('backfill_live', force => true);
	END IF;
END
$$;
DROP SCHEMA IF EXISTS backfill_shop CASCADE;
SET client_min_messages = warning;
SELECT * FROM no_plan();

CREATE SCHEMA backfill_shop;
CREATE TABLE backfill_shop.orders (order_id bigint PRIMARY KEY, customer_id bigint, total numeric, placed_at timestamptz, status text);
CREATE TABLE backfill_shop.refunds (refund_id bigint PRIMARY KEY, order_id bigint, amount numeric);
-- the same in both programs: caps, budgets, facts and ends that depend on the order of events
CREATE FUNCTION backfill_shop.configure(program text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM loyalty.create_program(program, member_type => 'bigint', time_zone => 'Europe/Warsaw', currency => 'EUR', test_clock => true);
	EXECUTE format('SELECT %I.set_clock(''2026-06-01 12:00Z'')', program);
	EXECUTE format($f$SELECT %I.attach('backfill_shop.orders', name => 'orders', member => 'customer_id', amount => 'total', occurred_at => 'placed_at', condition => 'status = ''paid''')$f$, program);
	EXECUTE format($f$SELECT %I.attach('backfill_shop.refunds', name => 'refunds', reduces => 'orders', reduces_key => 'order_id', amount => 'amount')$f$, program);
	EXECUTE format($f$INSERT INTO %I.unit (name, expires, rounding) VALUES ('miles', '6 months since last activity', 'half_even')$f$, program);
	EXECUTE format($f$INSERT INTO %I.rule (name, source, unit, earn, condition, max_per_member, cap_period, budget, activates, expires) VALUES
		('base', 'orders', 'points', '1 per 1', NULL, 300, 'month', NULL, '14 days', '12 months to end of month'),
		('welcome', 'orders', 'points', '500', 'member.purchases = 0', NULL, NULL, 10000, NULL, NULL),
		('regular', 'orders', 'points', 'x1.5', 'member.spend > 500', NULL, NULL, NULL, '14 days', '12 months to end of month'),
		('miles', 'orders', 'miles', '1 per 3', NULL, NULL, NULL, NULL, NULL, NULL)$f$, program);
END
$$;
CREATE FUNCTION backfill_shop.history(lo integer, hi integer) RETURNS SETOF backfill_shop.orders STABLE LANGUAGE sql AS $$
	SELECT i, (i * 7919) % 40, ((i * 104729) % 20011) / 100.0,
		timestamptz '2025-06-01 08:00Z' + ((i * 7907) % 400000) * interval '1 minute' + i * interval '1 millisecond', CASE i % 11 WHEN 0 THEN 'cart' ELSE 'paid' END
	FROM generate_series(lo, hi) i
$$;

-- one program sees the rows come in the order of what happened
SELECT backfill_shop.configure('backfill_live');
INSERT INTO backfill_shop.refunds SELECT i, i * 13, 20 FROM generate_series(1, 60) i;
DO $$
DECLARE
	o backfill_shop.orders;
BEGIN
	FOR o IN SELECT * FROM backfill_shop.history(1, 800) ORDER BY placed_at LOOP
		INSERT INTO backfill_shop.orders VALUES (o.*);
	END LOOP;
END
$$;
-- the other is attached when they are there
SELECT backfill_shop.configure('backfill_rewards');
SELECT is_empty('SELECT * FROM backfill_rewards.history', 'attach() posts nothing of what is there');
CALL backfill_rewards.backfill('orders');
SELECT is((SELECT count(*) > 1000 FROM backfill_rewards.history), true, 'backfill() does');
SELECT results_eq('SELECT member_id, unit, available, pending, debt, earned, expired, next_expiry_at FROM backfill_rewards.balances ORDER BY 1, 2',
	'SELECT member_id, unit, available, pending, debt, earned, expired, next_expiry_at FROM backfill_live.balances ORDER BY 1, 2', 'balances are those of rows that came in the order of what happened');
SELECT results_eq('SELECT order_id, unit, points FROM backfill_rewards.orders_points WHERE points <> 0 ORDER BY 1, 2', 'SELECT order_id, unit, points FROM backfill_live.orders_points WHERE points <> 0 ORDER BY 1, 2',
	'so is what each order earned');
SELECT results_eq('SELECT member_id, joined_at FROM backfill_rewards.member ORDER BY 1', 'SELECT member_id, joined_at FROM backfill_live.member ORDER BY 1', 'and when members joined');
SELECT is((SELECT sum(points) FROM backfill_rewards.history WHERE rule = 'welcome'), 10000::numeric, 'the budget was used to the last point');
SELECT is_empty('SELECT * FROM backfill_rewards.verify()', 'verify()');
SELECT is_empty('SELECT * FROM backfill_live.verify()', 'verify() of the other');
SELECT is_empty($$SELECT * FROM backfill_rewards.reconcile('orders')$$, 'reconcile() finds nothing');

-- again: nothing twice
CREATE TEMP TABLE lines AS SELECT count(*) AS n FROM backfill_rewards.history;
CALL backfill_rewards.backfill('orders');
SELECT is((SELECT count(*) FROM backfill_rewards.history), (SELECT n FROM lines), 'a second backfill() posts nothing');
SELECT results_eq('SELECT member_id, unit, available FROM backfill_rewards.balances ORDER BY 1, 2', 'SELECT member_id, unit, available FROM backfill_live.balances ORDER BY 1, 2', 'and changes no balance');

-- rows that came after attaching and before the backfill are not counted twice
SELECT loyalty.drop_program('backfill_rewards', force => true);
SELECT backfill_shop.configure('backfill_rewards');
INSERT INTO backfill_shop.orders SELECT * FROM backfill_shop.history(801, 820);
UPDATE backfill_shop.orders SET status = 'paid' WHERE order_id = 11;
DELETE FROM backfill_shop.orders WHERE order_id = 12;
CALL backfill_rewards.backfill('orders');
SELECT is_empty('SELECT * FROM backfill_rewards.verify()', 'a backfill of a table in use is sound');
SELECT is_empty($$SELECT * FROM backfill_rewards.reconcile('orders')$$, 'and complete');
SELECT is((SELECT count(*) FROM backfill_rewards.progress WHERE job = 'backfill' AND finished), 1::bigint, 'its progress is told');

-- one member
SELECT loyalty.drop_program('backfill_rewards', force => true);
SELECT backfill_shop.configure('backfill_rewards');
UPDATE backfill_rewards.program SET enrolment = 'ignore';
CALL backfill_rewards.backfill('orders');
SELECT is_empty('SELECT * FROM backfill_rewards.history', 'under enrolment = ignore a backfill posts nothing of strangers');
INSERT INTO backfill_rewards.member (member_id, joined_at) VALUES (7, '2026-05-01');
CALL backfill_rewards.backfill('orders');
SELECT is((SELECT min(occurred_at) >= '2026-05-01' FROM backfill_rewards.statement(7)) IS NOT FALSE, true, 'nor of a member''s time before');
CALL backfill_rewards.backfill('orders', 7);
SELECT is((SELECT array_agg(DISTINCT member_id) FROM backfill_rewards.history), '{7}'::bigint[], 'backfill() of one member posts his events');
SELECT is((SELECT count(DISTINCT event_key) FROM backfill_rewards.statement(7)), (SELECT count(*) FROM backfill_shop.orders WHERE customer_id = 7 AND status = 'paid' AND total > 0), 'those before he joined too');
SELECT is_empty('SELECT * FROM backfill_rewards.verify()', 'verify()');

-- failures wait, the rest is posted
SELECT loyalty.drop_program('backfill_rewards', force => true);
SELECT backfill_shop.configure('backfill_rewards');
ALTER TABLE backfill_shop.orders DISABLE TRIGGER USER;
UPDATE backfill_shop.orders SET total = 'NaN' WHERE order_id IN (100, 200, 300);
ALTER TABLE backfill_shop.orders ENABLE TRIGGER USER;
SET client_min_messages = error;
CALL backfill_rewards.backfill('orders');
SELECT is((SELECT array_agg(event_key ORDER BY event_key) FROM backfill_rewards.failed_event), '{100,200,300}', 'events that cannot be judged wait');
SELECT is_empty($$SELECT order_id FROM backfill_shop.orders o WHERE status = 'paid' AND total BETWEEN 5 AND 1e9 AND order_id % 13 <> 0 AND NOT EXISTS (SELECT FROM backfill_rewards.history h WHERE h.event_key = o.order_id::text)$$, 'all others are posted');
UPDATE backfill_shop.orders SET total = 10 WHERE total = 'NaN';
SELECT is_empty('SELECT * FROM backfill_rewards.failed_event', 'set right they post');

-- an empty table, a source that does not exist
DELETE FROM backfill_shop.orders;
CALL backfill_rewards.backfill('orders');
SELECT is((SELECT sum(available) FROM backfill_rewards.balances), 0::numeric, 'nobody has anything of deleted orders');
CREATE FUNCTION backfill_shop.sqlstate_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN '00000';
EXCEPTION
	WHEN OTHERS THEN
		RETURN SQLSTATE;
END
$$;
SELECT isnt(backfill_shop.sqlstate_of($$CALL backfill_rewards.backfill('nowhere')$$), '00000', 'a source must exist');

SELECT loyalty.drop_program('backfill_rewards', force => true);
SELECT loyalty.drop_program('backfill_live', force => true);
DROP SCHEMA backfill_shop CASCADE;
SELECT * FROM finish();
