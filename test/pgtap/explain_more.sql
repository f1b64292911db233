-- explain(): every reason and every limit, in words; and what is posted after
-- the rows of an event have changed.
\set ECHO none
\set QUIET 1
SET client_min_messages = error;
BEGIN;
CREATE EXTENSION pgtap;
CREATE EXTENSION loyalty;
SELECT no_plan();
SET LOCAL TimeZone = 'UTC';
SET LOCAL DateStyle = 'ISO, YMD';
SET LOCAL jit = off;

CREATE SCHEMA shop;
CREATE TABLE shop.orders (order_id bigint PRIMARY KEY, customer_id bigint, total numeric, placed_at timestamptz DEFAULT '2026-01-10 12:00Z', status text DEFAULT 'paid');
CREATE TABLE shop.lines (line_id bigint PRIMARY KEY, basket text, customer_id bigint, price numeric, kind text);
CREATE TABLE shop.refunds (refund_id bigint PRIMARY KEY, order_id bigint, amount numeric);
CREATE TABLE shop.archive (year int, number int, customer_id bigint, total numeric, status text DEFAULT 'paid', PRIMARY KEY (year, number));

SELECT loyalty.create_program('rewards', member_type => 'bigint', time_zone => 'UTC', currency => 'EUR', test_clock => true);
SELECT rewards.set_clock('2026-01-10 12:00Z');
SELECT rewards.attach('shop.orders', name => 'orders', member => 'customer_id', amount => 'total', occurred_at => 'placed_at', condition => $$status = 'paid'$$);
SELECT rewards.attach('shop.refunds', name => 'refunds', reduces => 'orders', reduces_key => 'order_id', amount => 'amount');
SELECT rewards.attach('shop.lines', name => 'lines', member => 'customer_id', amount => 'price', event => 'basket');
SELECT rewards.attach('shop.archive', name => 'archive', member => 'customer_id', amount => 'total', condition => $$status = 'paid'$$, on_delete => 'keep');

-- the words for one event: rule, reason, base or factor, exact, points, limits
CREATE FUNCTION pg_temp.words(source text, key text, only_rule text) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws('; ', CASE WHEN matched THEN 'matched' ELSE 'no' END, reason, 'base ' || trim_scale(base), 'factor ' || trim_scale(factor),
		'exact ' || trim_scale(exact), 'points ' || trim_scale(points), trimmed_by)
	FROM rewards.explain(source, key) WHERE rule IS NOT DISTINCT FROM only_rule
$$;

-- -------- reasons --------
INSERT INTO rewards.rule (name, source, earn, condition, min_amount, valid) VALUES
	('base', 'orders', '1 per 10', NULL, NULL, '(,)'),
	('large', 'orders', '5', NULL, 50, '(,)'),
	('summer', 'orders', '5', NULL, NULL, '[2026-06-01, 2026-09-01)'),
	('late', 'orders', '5', 'placed_at > ''2026-01-11''', NULL, '(,)');
INSERT INTO rewards.member (member_id, joined_at, status) VALUES (8, '2025-01-01', 'blocked');
INSERT INTO shop.orders (order_id, customer_id, total, status) VALUES
	(1, 1, 33, 'paid'), (2, 1, 0, 'paid'), (3, 8, 100, 'paid'), (4, 1, 100, 'cart'), (5, NULL, 100, 'paid'), (6, 1, 100, 'paid'), (7, 1, 100, 'paid');
SELECT is(pg_temp.words('orders', '1', 'base'), 'matched; base 3.3; exact 3.3; points 3; rounding', 'a rule that pays');
SELECT is(pg_temp.words('orders', '1', 'large'), 'no; below the minimum amount; points 0', 'below the minimum');
SELECT is(pg_temp.words('orders', '1', 'summer'), 'no; not valid at the event''s instant; points 0', 'not valid then');
SELECT is(pg_temp.words('orders', '1', 'late'), 'no; its condition does not hold; points 0', 'its condition');
SELECT is(pg_temp.words('orders', '2', 'base'), 'no; its amount is not above zero; points 0', 'nothing was paid');
SELECT is(pg_temp.words('orders', '3', 'base'), 'no; the member was not active when it was judged first; points 0', 'a blocked member');
SELECT is(pg_temp.words('orders', '4', NULL), 'no; the source''s condition does not hold, or no member is named', 'a cart');
SELECT is(pg_temp.words('orders', '5', NULL), 'no; the source''s condition does not hold, or no member is named', 'nobody''s order');
SELECT is(pg_temp.words('orders', '99', NULL), 'no; there is no such event', 'no order');
UPDATE shop.orders SET status = 'cancelled' WHERE order_id = 6;
SELECT is(pg_temp.words('orders', '6', 'base'), 'no; the source''s condition does not hold; points 0', 'cancelled');
DELETE FROM shop.orders WHERE order_id = 7;
SELECT is(pg_temp.words('orders', '7', 'base'), 'no; its rows are gone; points 0', 'deleted');
SELECT is((SELECT count(*) FROM rewards.explain('orders', '1')), 4::bigint, 'a row for each rule');
SELECT throws_ok($$SELECT * FROM rewards.explain('orders', 'x')$$, '22P02', NULL, 'a key that cannot be one');
SELECT throws_ok($$SELECT * FROM rewards.explain('refunds', '1')$$, '55000', NULL, 'a source that only reduces');
SELECT throws_ok($$SELECT * FROM rewards.explain('nowhere', '1')$$, '42704', NULL, 'a source that does not exist');
SELECT throws_ok($$SELECT * FROM rewards.explain('orders', NULL)$$, '22004', NULL, 'no key');

-- what is posted, and what it was reduced to
INSERT INTO shop.refunds VALUES (1, 1, 13);
SELECT is(pg_temp.words('orders', '1', 'base'), 'matched; base 2; exact 2; points 2', 'less what was refunded');
SELECT is((SELECT entry_no FROM rewards.explain('orders', '1') WHERE rule = 'base'), (SELECT min(entry_no) FROM rewards.entry WHERE event_key = '1' AND source_no = (SELECT source_no FROM rewards.source WHERE name = 'orders')),
	'the line is the first that paid');

-- judged by the configuration of its time, which may have a rule no more
UPDATE rewards.rule SET earn = '5 per 10' WHERE name = 'base';
SELECT is(pg_temp.words('orders', '1', 'base'), 'matched; base 2; exact 2; points 2', 'a rule changed later');
UPDATE rewards.rule SET enabled = false WHERE name = 'base';
SELECT is(pg_temp.words('orders', '1', 'base'), 'matched; base 2; exact 2; points 2', 'or disabled');
UPDATE rewards.rule SET enabled = true, earn = '1 per 10' WHERE name = 'base';

-- rows the triggers did not see
ALTER TABLE shop.orders DISABLE TRIGGER USER;
INSERT INTO shop.orders VALUES (20, 1, 100);
UPDATE shop.orders SET total = 83 WHERE order_id = 1;
ALTER TABLE shop.orders ENABLE TRIGGER USER;
SELECT is(pg_temp.words('orders', '20', 'base'), 'matched; the event has not been posted yet; base 10; exact 10; points 0', 'not posted');
SELECT is(pg_temp.words('orders', '1', 'base'), 'matched; what it is entitled to is not what is posted: see reconcile(); base 7; exact 7; points 2', 'posted otherwise');

-- -------- limits --------
UPDATE rewards.rule SET enabled = false;
INSERT INTO rewards.unit (name, spendable, max_per_event) VALUES ('status', false, 30);
INSERT INTO rewards.rule (name, source, unit, earn, max_per_event, max_per_member, cap_period, budget, exclusive_group, priority) VALUES
	('event cap', 'orders', 'points', '1 per 1', 10, NULL, NULL, NULL, NULL, 0),
	('member cap', 'orders', 'points', '1 per 1', NULL, 20, 'day', NULL, NULL, 0),
	('budget', 'orders', 'points', '1 per 1', NULL, NULL, NULL, 40, NULL, 0),
	('both', 'orders', 'points', '1 per 1', NULL, 50, 'day', 10, NULL, 0),
	('biggest', 'orders', 'points', '40', NULL, NULL, NULL, NULL, 'one', 0),
	('small', 'orders', 'points', '30', NULL, NULL, NULL, NULL, 'one', 0),
	('third', 'orders', 'points', '1 per 3', NULL, NULL, NULL, NULL, NULL, 0),
	('double', 'orders', 'points', 'x2', 100, NULL, NULL, NULL, NULL, 0),
	('status', 'orders', 'status', '1 per 1', NULL, NULL, NULL, NULL, NULL, 1),
	('more status', 'orders', 'status', '10', NULL, NULL, NULL, NULL, NULL, 0);
INSERT INTO shop.orders VALUES (30, 3, 100);
SELECT is(pg_temp.words('orders', '30', 'event cap'), 'matched; base 100; exact 10; points 10; the rule''s max_per_event', 'a cap of the rule');
SELECT is(pg_temp.words('orders', '30', 'member cap'), 'matched; base 100; exact 20; points 20; max_per_member', 'a cap of the member');
SELECT is(pg_temp.words('orders', '30', 'budget'), 'matched; base 100; exact 40; points 40; budget', 'a budget');
SELECT is(pg_temp.words('orders', '30', 'both'), 'matched; base 100; exact 10; points 10; max_per_member or budget', 'one of both');
SELECT is((SELECT trimmed_by FROM rewards.preview('orders', '{"customer_id": 31, "total": 100}') WHERE rule = 'both'), NULL, 'preview() has nothing left of it');
SELECT is(pg_temp.words('orders', '30', 'small'), 'matched; base 30; exact 0; points 0; exclusive_group', 'a rule of the same group pays more');
SELECT is(pg_temp.words('orders', '30', 'biggest'), 'matched; base 40; exact 40; points 40', 'this one');
SELECT is(pg_temp.words('orders', '30', 'third'), 'matched; base 33.3333333333333333; exact 33.3333333333333333; points 33; rounding', 'a fraction without end');
SELECT is(pg_temp.words('orders', '30', 'double'), 'matched; factor 2; exact 100; points 100; the rule''s max_per_event', 'a multiplier');
SELECT is(pg_temp.words('orders', '30', 'status'), 'matched; base 100; exact 30; points 30; the unit''s max_per_event', 'a cap of the unit');
SELECT is(pg_temp.words('orders', '30', 'more status'), 'matched; base 10; exact 0; points 0; the unit''s max_per_event', 'which takes the least important first');
SELECT is((SELECT sum(points) FROM rewards.explain('orders', '30')), (SELECT sum(points::numeric) FROM rewards.entry WHERE event_key = '30'), 'it adds up to what was posted');
INSERT INTO rewards.rule (name, source, earn) VALUES ('half more', 'orders', 'x1.5');
UPDATE rewards.program SET stacking = 'best';
SELECT is((SELECT trimmed_by FROM rewards.explain(ROW(NULL, 3, 10, '2026-02-10 12:00Z', 'paid')::shop.orders) WHERE rule = 'half more'), 'stacking', 'the best multiplier alone');
SELECT is((SELECT reason FROM rewards.explain(ROW(NULL, 3, 10, '2026-02-10 12:00Z', 'cart')::shop.orders)), 'the source''s condition does not hold, or no member is named', 'explain() of a row looks at its condition');
SELECT results_eq($$SELECT * FROM rewards.explain(ROW(30, NULL, NULL, NULL, NULL)::shop.orders)$$, $$SELECT * FROM rewards.explain('orders', '30')$$, 'of a row that is there it tells what was posted');

-- -------- events of several rows --------
INSERT INTO rewards.rule (name, source, earn, condition) VALUES ('tea', 'lines', '1 per 1', $$kind = 'tea'$$), ('tea twice', 'lines', 'x2', $$kind = 'tea'$$), ('all', 'lines', '1 per 10', NULL);
INSERT INTO shop.lines VALUES (1, 'a', 5, 10, 'tea'), (2, 'a', 5, 15, 'cake'), (3, 'a', 5, 5, 'tea');
SELECT is(pg_temp.words('lines', 'a', 'tea'), 'matched; base 15; exact 15; points 15', 'lines that match');
SELECT is(pg_temp.words('lines', 'a', 'all'), 'matched; base 3; exact 3; points 3', 'all lines');
SELECT results_eq($$SELECT * FROM rewards.explain(ROW(9, 'a', 5, 1, 'tea')::shop.lines)$$, $$SELECT * FROM rewards.explain('lines', 'a')$$, 'a line is explained with its basket');

-- -------- kept when deleted, and keys of two columns --------
INSERT INTO rewards.rule (name, source, earn) VALUES ('kept', 'archive', '1 per 1');
INSERT INTO shop.archive VALUES (2025, 1, 6, 10), (2025, 2, 6, 20);
DELETE FROM shop.archive WHERE number = 1;
SELECT is((SELECT points FROM rewards.explain('archive', '[2025, 1]') WHERE rule = 'kept'), 10::numeric, 'a row that is gone keeps its points');
SELECT is((SELECT reason FROM rewards.explain('archive', '[2025, 1]') WHERE rule = 'kept'), 'its rows are gone', 'and that is why no rule matches');
UPDATE shop.archive SET status = 'cancelled' WHERE number = 2;
SELECT is(pg_temp.words('archive', '[2025, 2]', 'kept'), 'no; the source''s condition does not hold; points 0', 'a row that is there but cancelled does not');

SELECT is_empty('SELECT * FROM rewards.failed_event', 'nothing has failed');
SELECT * FROM finish();
ROLLBACK;
