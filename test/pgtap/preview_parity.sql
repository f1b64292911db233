-- What preview() promises is what an INSERT then posts: random rows under
-- rules with everything a rule can have.
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
CREATE DOMAIN shop.money AS numeric CHECK (VALUE >= -1000);
CREATE SEQUENCE shop.numbers;
CREATE TABLE shop.orders (
	order_id	bigint PRIMARY KEY DEFAULT nextval('shop.numbers'),
	customer_id	bigint,
	net			shop.money,
	tax			numeric DEFAULT 0,
	total		numeric GENERATED ALWAYS AS (net + tax) STORED,
	placed_at	timestamptz DEFAULT '2026-01-10 12:00Z',
	status		text DEFAULT 'paid',
	channel		text
);
CREATE TABLE shop.lines (line_id bigint PRIMARY KEY DEFAULT nextval('shop.numbers'), basket int, customer_id bigint, price numeric, kind text, at timestamptz);
CREATE TABLE shop.refunds (refund_id bigint PRIMARY KEY DEFAULT nextval('shop.numbers'), order_id bigint, amount numeric);

SELECT loyalty.create_program('rewards', member_type => 'bigint', time_zone => 'Europe/Warsaw', currency => 'EUR', test_clock => true);
SELECT rewards.set_clock('2026-01-10 12:00Z');
SELECT rewards.attach('shop.orders', name => 'orders', member => 'customer_id', amount => 'total',
	occurred_at => 'placed_at', condition => $$status = 'paid'$$);
SELECT rewards.attach('shop.lines', name => 'lines', member => 'customer_id', amount => 'price', event => 'basket', occurred_at => 'at');
UPDATE rewards.unit SET expires = '6 months since last activity', rounding = 'half_up' WHERE name = 'points';
INSERT INTO rewards.unit (name, spendable, decimals, expires, max_per_event) VALUES ('status', false, 2, '12 months to end of month', 120);
INSERT INTO rewards.member (member_id, joined_at, time_zone, status) VALUES
	(1, '2025-01-01', 'America/New_York', 'active'), (2, '2025-01-01', NULL, 'blocked'), (3, '2025-06-01', NULL, 'active');
INSERT INTO rewards.rule (name, source, unit, earn, condition, amount, max_per_event, max_per_member, cap_period, budget, exclusive_group, priority, activates) VALUES
	('base', NULL, 'points', '1 per 3', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL),
	('daily', 'orders', 'points', '5%', NULL, NULL, NULL, 12, 'day', NULL, NULL, 1, '14 days'),
	('net', 'orders', 'points', '1 per full 7', 'tax > 0', 'net', NULL, 9, 'month', NULL, NULL, 1, NULL),
	('web', 'orders', 'points', 'x2', $$channel = 'web'$$, NULL, 20, NULL, NULL, NULL, 'more', 2, NULL),
	('shop', 'orders', 'points', 'x1.5', $$channel IN ('web', 'shop')$$, NULL, NULL, 60, 'ever', NULL, 'more', 0, NULL),
	('first', 'orders', 'points', '50', 'member.purchases = 0', NULL, NULL, NULL, NULL, NULL, NULL, 0, '1 day'),
	('spender', 'orders', 'points', '7', 'member.spend > 300', NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL),
	('campaign', 'orders', 'points', '10', 'total > 50', NULL, NULL, NULL, NULL, 300, NULL, 0, NULL),
	('tea', 'lines', 'points', '2 per 1', $$kind = 'tea'$$, NULL, NULL, 40, 'week', NULL, NULL, 0, NULL),
	('tea twice', 'lines', 'points', 'x2', $$kind = 'tea'$$, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL),
	('status', NULL, 'status', '1 per 1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL),
	('status cap', 'orders', 'status', '1 per 2', NULL, NULL, NULL, 100, 'quarter', NULL, NULL, -1, NULL);

CREATE TEMP TABLE seen AS SELECT member_id, last_entry FROM rewards.account;
CREATE TEMP TABLE outcome (round int, given jsonb, promised text, posted text);

-- what the new lines of the ledger say, as preview() would
CREATE FUNCTION pg_temp.posted() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', u.name, r.name, trim_scale(e.points::numeric), coalesce(e.active_from, e.occurred_at)::text), ', '
			ORDER BY u.name, r.name, e.points::numeric, coalesce(e.active_from, e.occurred_at))
	FROM rewards.entry e JOIN rewards.unit u USING (unit_no) JOIN rewards.rule r USING (rule_no) LEFT JOIN pg_temp.seen s USING (member_id)
	WHERE e.kind = 1 AND e.points::numeric <> 0 AND e.entry_no > coalesce(s.last_entry, 0)
$$;
CREATE FUNCTION pg_temp.promised(source text, rows jsonb) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', p.unit, p.rule, trim_scale(p.points), p.active_from::text), ', '
			ORDER BY p.unit, p.rule, p.points, p.active_from)
	FROM rewards.preview(source, rows, assume_condition => false) p
$$;

-- inserts what was previewed, by the same JSON
CREATE FUNCTION pg_temp.insert_rows(source text, rows jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF source = 'orders' THEN
		INSERT INTO shop.orders (order_id, customer_id, net, tax, placed_at, status, channel)
		SELECT coalesce(order_id, nextval('shop.numbers')), customer_id, net, CASE WHEN r ? 'tax' THEN tax ELSE 0 END,
			CASE WHEN r ? 'placed_at' THEN placed_at ELSE '2026-01-10 12:00Z' END,
			CASE WHEN r ? 'status' THEN status ELSE 'paid' END, channel
		FROM jsonb_array_elements(rows) WITH ORDINALITY e (r, n), jsonb_populate_record(NULL::shop.orders, r) o ORDER BY n;
	ELSE
		INSERT INTO shop.lines SELECT nextval('shop.numbers'), basket, customer_id, price, kind, at
		FROM jsonb_array_elements(rows) WITH ORDINALITY e (r, n), jsonb_populate_record(NULL::shop.lines, r) o ORDER BY n;
	END IF;
END
$$;

SELECT setseed(0.7);
DO $$
DECLARE
	rows jsonb;
	n int;
	source text;
	promise text;
BEGIN
	FOR round IN 1..400 LOOP
		IF round = 200 THEN
			PERFORM rewards.attach('shop.refunds', name => 'refunds', reduces => 'orders', reduces_key => 'order_id', amount => 'amount');
		END IF;
		IF random() < 0.1 THEN
			PERFORM rewards.set_clock((SELECT clock FROM rewards.program) + random() * interval '20 days');
		END IF;
		n := 1 + floor(random() * random() * 6);
		source := CASE WHEN random() < 0.75 THEN 'orders' ELSE 'lines' END;
		IF source = 'orders' THEN
			SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
				'order_id', CASE WHEN random() < 0.5 THEN round * 1000 + i + 1000000 END,
				'customer_id', CASE WHEN random() < 0.95 THEN 1 + floor(random() * 8) END,
				'net', round((random() * 150 - 5)::numeric, 2),
				'tax', CASE WHEN random() < 0.5 THEN round((random() * 20)::numeric, 2) END,
				'placed_at', CASE WHEN random() < 0.8 THEN '2026-01-01 23:30Z'::timestamptz + floor(random() * 40) * interval '7 hours' END,
				'status', CASE WHEN random() < 0.2 THEN 'cart' END,
				'channel', (ARRAY['web', 'shop', 'phone'])[1 + floor(random() * 3)])))
			INTO rows FROM generate_series(1, n) i;
			-- a refund may have come before its order
			IF random() < 0.2 AND rows -> 0 ? 'order_id' THEN
				INSERT INTO shop.refunds (order_id, amount) VALUES ((rows -> 0 ->> 'order_id')::bigint, 20);
			END IF;
		ELSE
			SELECT jsonb_agg(jsonb_build_object('basket', round * 10 + i % 2, 'customer_id', 1 + i % 2 + round % 5, 'price', round((random() * 30)::numeric, 2),
				'kind', (ARRAY['tea', 'cake'])[1 + floor(random() * 2)],
				'at', '2026-01-01 23:30Z'::timestamptz + floor(random() * 40) * interval '7 hours'))
			INTO rows FROM generate_series(1, n) i;
		END IF;
		promise := pg_temp.promised(source, rows);
		PERFORM pg_temp.insert_rows(source, rows);
		INSERT INTO outcome VALUES (round, rows, promise, pg_temp.posted());
		-- debt, and room that comes back
		IF random() < 0.1 THEN
			DELETE FROM shop.orders WHERE order_id IN (SELECT order_id FROM shop.orders ORDER BY random() LIMIT 1);
		END IF;
		TRUNCATE seen;
		INSERT INTO seen SELECT member_id, last_entry FROM rewards.account;
	END LOOP;
END
$$;

SELECT is_empty('SELECT * FROM outcome WHERE promised IS DISTINCT FROM posted ORDER BY round LIMIT 3', 'preview() equals what is posted, for 400 random inserts');
SELECT cmp_ok((SELECT count(*) FROM outcome WHERE posted IS NOT NULL), '>', 250::bigint, 'most of which post something');
SELECT cmp_ok((SELECT count(DISTINCT r) FROM rewards.entry e JOIN rewards.rule r USING (rule_no) WHERE e.kind = 1), '=', 12::bigint, 'by every rule');
SELECT cmp_ok((SELECT count(*) FROM rewards.preview('orders', '{"customer_id": 2, "net": 100}')), '=', 0::bigint, 'a blocked member is promised nothing');

-- a record is judged as JSON is, and generated columns are computed
SELECT results_eq($$SELECT * FROM rewards.preview(ROW(NULL, 3, 40, 2, 999, '2026-01-10 12:00Z', 'paid', 'web')::shop.orders)$$,
	$$SELECT * FROM rewards.preview('orders', '{"customer_id": 3, "net": 40, "tax": 2, "channel": "web"}')$$, 'record and JSON are judged alike');
SELECT isnt_empty($$SELECT * FROM rewards.preview(ROW(NULL, 3, 40, 2, 999, '2026-01-10 12:00Z', 'paid', 'web')::shop.orders) WHERE unit = 'status' AND rule = 'status' AND points = 42$$,
	'the total is what generates it, not what is given');

-- lines with and without a basket
SELECT results_eq($$SELECT rule, points FROM rewards.preview('lines', '[{"customer_id": 9, "price": 9.99}, {"customer_id": 9, "price": 9.99}, {"customer_id": 9, "price": 9.99}]') WHERE unit = 'points'$$,
	$$VALUES ('base', 10::numeric)$$, 'lines with no event are one: 29.97 at 1 per 3, rounded once');
SELECT results_eq($$SELECT rule, points FROM rewards.preview('lines', '[{"customer_id": 9, "price": 9.99, "basket": -1}, {"customer_id": 9, "price": 9.99, "basket": -2}, {"customer_id": 9, "price": 9.99, "basket": -1}]') WHERE unit = 'points'$$,
	$$VALUES ('base', 7::numeric), ('base', 3::numeric)$$, 'others by their basket: 19.98 and 9.99');
SELECT throws_ok($$SELECT * FROM rewards.preview('lines', '[{"customer_id": 9, "price": 1}, {"customer_id": 8, "price": 1}]')$$, '21000', NULL, 'one event of two members is refused');
SELECT is((SELECT DISTINCT active_from FROM rewards.preview('lines', '{"customer_id": 9, "price": 50}') WHERE unit = 'status'), (SELECT clock FROM rewards.program), 'a missing instant is now');

-- enrolment
UPDATE rewards.program SET enrolment = 'ignore';
SELECT is_empty($$SELECT * FROM rewards.preview('orders', '{"customer_id": 99, "net": 100}')$$, 'enrolment ignore: nothing for a stranger');
SELECT is_empty($$SELECT * FROM rewards.preview('orders', '{"customer_id": 3, "net": 100, "placed_at": "2025-05-01"}')$$, 'nor for what was before the member joined');
SELECT isnt_empty($$SELECT * FROM rewards.preview('orders', '{"customer_id": 3, "net": 100}')$$, 'but for what is after');
UPDATE rewards.program SET enrolment = 'error';
SELECT throws_ok($$SELECT * FROM rewards.preview('orders', '{"customer_id": 99, "net": 100}')$$, 'LY002', NULL, 'enrolment error: a stranger is refused');
UPDATE rewards.program SET enrolment = 'auto';

-- mistakes
SELECT throws_ok($$SELECT * FROM rewards.preview('orders', '{"customer": 1}')$$, '42703', 'source "orders" has no column "customer"');
SELECT throws_ok($$SELECT * FROM rewards.preview('orders', '[{"net": 1}, 2]')$$, '22023', NULL, 'an element that is no row');
SELECT throws_ok($$SELECT * FROM rewards.preview('orders', 'null')$$, '22023', NULL, 'null is no row');
SELECT throws_ok($$SELECT * FROM rewards.preview('orders', NULL)$$, '22004', NULL, 'nothing is no row');
SELECT throws_ok($$SELECT * FROM rewards.preview('orders', '{"net": -1001}')$$, '23514', NULL, 'domains are kept');
SELECT throws_ok($$SELECT * FROM rewards.preview('refunds', '{"amount": 1}')$$, '55000', NULL, 'a source that only reduces has no events');
SELECT throws_ok($$SELECT * FROM rewards.preview(ROW(1, 2))$$, '42809', NULL, 'a record of no table');
SELECT throws_ok($$SELECT * FROM rewards.preview(ROW(1, 1, 1)::shop.refunds)$$, '42809', NULL, 'or of one that only reduces');
INSERT INTO rewards.rule (name, source, earn, condition) VALUES ('broken', 'orders', '1', 'total / (tax - 5) > 0');
SELECT throws_ok($$SELECT * FROM rewards.preview('orders', '{"customer_id": 3, "net": 100, "tax": 5}')$$, '22012', NULL, 'an expression that fails is told, not queued');
SELECT is_empty('SELECT * FROM rewards.failed_event', 'not even in failed_event');

-- nothing is done
SELECT is((SELECT last_value FROM shop.numbers), (SELECT max(n) FROM (SELECT max(line_id) AS n FROM shop.lines UNION ALL SELECT max(order_id) FROM shop.orders WHERE order_id < 1000000 UNION ALL SELECT max(refund_id) FROM shop.refunds) m),
	'no number is taken from a sequence');
SELECT is_empty('SELECT e.member_id, e.entry_no FROM rewards.entry e LEFT JOIN seen s USING (member_id) WHERE e.entry_no > coalesce(s.last_entry, 0)', 'no line is written');
SELECT is_empty('SELECT member_id FROM rewards.member WHERE member_id IN (9, 99)', 'nobody is enrolled');
SET TRANSACTION READ ONLY;
SELECT * FROM rewards.preview('orders', '{"customer_id": 77, "net": 100}') WHERE unit = '' UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, NULL WHERE false;
SELECT ok(true, 'it works in a read-only transaction');
SELECT * FROM finish();
ROLLBACK;
