-- What "now" is.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();

INSERT INTO rewards.rule (name, source, earn) VALUES ('base', 'orders', '1 per 1');
SELECT is(sqlstate_of($$SELECT rewards.set_clock('2026-01-10 11:59:59.999999Z')$$) <> '00000', true, 'a test clock does not go back');
SELECT is(sqlstate_of($$SELECT rewards.set_clock('2026-01-10 12:00Z')$$), '00000', 'it may be set to what it is');
SELECT is(sqlstate_of($$SELECT rewards.set_clock('infinity')$$) <> '00000', true, 'nor to infinity');
SELECT is(sqlstate_of($$SELECT rewards.set_clock('-infinity')$$) <> '00000', true, 'nor to -infinity');
SELECT is(sqlstate_of($$SELECT rewards.set_clock(NULL)$$) <> '00000', true, 'nor to nothing');

INSERT INTO shop.orders VALUES (1, 1, 100, '2025-12-01 12:00Z');
SELECT is((SELECT posted_at FROM rewards.statement(1)), '2026-01-10 12:00Z'::timestamptz, 'a line is posted at the clock''s instant');
SELECT is((SELECT posted_at FROM rewards.orders_points WHERE order_id = 1), '2026-01-10 12:00Z'::timestamptz, 'the source''s view says so');
SELECT rewards.set_clock('2026-01-11 12:00Z');
INSERT INTO shop.orders VALUES (2, 1, 100, '2025-12-01 12:00Z');
SELECT is((SELECT array_agg(posted_at ORDER BY entry_no) FROM rewards.statement(1)), '{2026-01-10 12:00Z,2026-01-11 12:00Z}'::timestamptz[], 'posted_at never goes back');

-- balances known at an instant
SELECT is(ARRAY[rewards.balance(1, known_at => '2026-01-09 12:00Z'), rewards.balance(1, known_at => '2026-01-10 12:00Z'),
		rewards.balance(1, known_at => '2026-01-11 11:59:59.999999Z'), rewards.balance(1, known_at => '2026-01-11 12:00Z')],
	'{0,100,100,200}'::numeric[], 'balance() knows what was known when');

-- a program without a test clock
SELECT run($$SELECT loyalty.create_program('real', member_type => 'bigint', time_zone => 'UTC', currency => 'EUR')$$);
SELECT is(sqlstate_of($$SELECT real.set_clock('2040-01-01')$$) <> '00000', true, 'its clock cannot be set');
SELECT run($$SELECT real.attach('shop.orders', name => 'orders', member => 'customer_id', amount => 'total', occurred_at => 'placed_at')$$);
INSERT INTO real.rule (name, source, earn) VALUES ('base', 'orders', '1 per 1');
CREATE TABLE t.before AS SELECT clock_timestamp() AS at;
INSERT INTO shop.orders VALUES (3, 1, 100, '2025-12-01 12:00Z');
INSERT INTO shop.orders VALUES (4, 1, 100, '2025-12-01 12:00Z');
SELECT ok((SELECT bool_and(posted_at BETWEEN b.at AND clock_timestamp()) FROM real.statement(1), t.before b), 'posted when it was posted');
SELECT ok((SELECT min(posted_at) > now() FROM real.statement(1)), 'not when the transaction began');
SELECT ok((SELECT bool_and(posted_at >= previous) FROM (SELECT posted_at, lag(posted_at) OVER (ORDER BY entry_no) AS previous FROM real.statement(1)) s WHERE previous IS NOT NULL),
	'and never before the line before');
SELECT is(real.balance(1), 200::numeric, 'its balance');
SELECT is(rewards.balance(1), 400::numeric, 'two programs on one table each keep their own ledger');
SELECT run($$SELECT real.reconcile('orders')$$);
SELECT is(real.balance(1), 400::numeric, 'which posts what was there before it when it is asked to');
SELECT is_empty('SELECT * FROM real.verify()', 'verify() of the other program');

\ir include/finish.sql
