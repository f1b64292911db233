-- Repricing random histories under configurations that have changed in every
-- way: what is reported is what is posted, what is posted is what the rules
-- say, and undone it is as it was.
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
CREATE TABLE shop.orders (order_id bigint PRIMARY KEY, customer_id bigint, total numeric, placed_at timestamptz, status text DEFAULT 'paid', channel text);
CREATE TABLE shop.lines (line_id bigint PRIMARY KEY, basket int, customer_id bigint, price numeric, kind text, day timestamptz);
CREATE TABLE shop.refunds (refund_id bigint PRIMARY KEY, order_id bigint, amount numeric);
CREATE TABLE shop.visits (shop text, number int, at timestamptz, customer_id bigint, PRIMARY KEY (shop, number));

SELECT loyalty.create_program('rewards', member_type => 'bigint', time_zone => 'Europe/Warsaw', currency => 'EUR', test_clock => true);
SELECT rewards.set_clock('2026-03-10 12:00Z');
SELECT rewards.attach('shop.orders', name => 'orders', member => 'customer_id', amount => 'total', occurred_at => 'placed_at', condition => $$status = 'paid'$$);
SELECT rewards.attach('shop.refunds', name => 'refunds', reduces => 'orders', reduces_key => 'order_id', amount => 'amount');
SELECT rewards.attach('shop.lines', name => 'lines', member => 'customer_id', amount => 'price', event => 'basket', occurred_at => 'day');
SELECT rewards.attach('shop.visits', name => 'visits', member => 'customer_id', occurred_at => 'at');
INSERT INTO rewards.unit (name, spendable, decimals, expires) VALUES ('status', false, 2, '12 months to end of month');
INSERT INTO rewards.unit (name, spendable) VALUES ('daily', false), ('campaign', false), ('tea', false);
INSERT INTO rewards.member (member_id, joined_at, status) VALUES (2, '2025-01-01', 'blocked');

-- what each event holds, by rule; and members' balances
CREATE VIEW holdings AS
	SELECT s.name AS source, e.event_key, e.member_id, u.name AS unit, r.name AS rule,
		sum(e.points::numeric - coalesce(e.lapsed::numeric, 0) - coalesce(e.forgiven::numeric, 0)) AS points
	FROM rewards.entry e JOIN rewards.source s USING (source_no) JOIN rewards.unit u USING (unit_no) JOIN rewards.rule r USING (rule_no)
	GROUP BY 1, 2, 3, 4, 5 HAVING sum(e.points::numeric - coalesce(e.lapsed::numeric, 0) - coalesce(e.forgiven::numeric, 0)) <> 0;
CREATE VIEW of_events AS SELECT source, event_key, member_id, unit, sum(points) AS points FROM holdings GROUP BY 1, 2, 3, 4;
CREATE VIEW held AS SELECT member_id, unit, sum(points) AS points FROM holdings GROUP BY 1, 2;
CREATE VIEW state AS SELECT member_id, unit, available, pending, debt FROM rewards.balances;

CREATE TABLE found (round int, what text, detail text);
CREATE FUNCTION find(round int, what text, query text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE detail text;
BEGIN
	EXECUTE format('SELECT string_agg(q::text, %L) FROM (SELECT * FROM (%s) q LIMIT 5) q', ' | ', query) INTO detail;
	IF detail IS NOT NULL THEN
		INSERT INTO found VALUES (round, what, detail);
	END IF;
END
$$;
CREATE FUNCTION insert_events(first int, n int, orders_too boolean DEFAULT true) RETURNS void LANGUAGE sql AS $$
	INSERT INTO shop.orders SELECT i, CASE WHEN random() < 0.95 THEN 1 + floor(random() * 8) END, round((random() * 120 - 2)::numeric, 2),
		'2026-01-01 22:00Z'::timestamptz + floor(random() * 60) * interval '11 hours', CASE WHEN random() < 0.9 THEN 'paid' ELSE 'cart' END,
		(ARRAY['web', 'shop', 'phone'])[1 + floor(random() * 3)] FROM generate_series(first, first + n - 1) i;
	INSERT INTO shop.refunds SELECT i, i - floor(random() * 2), round((random() * 40)::numeric, 2) FROM generate_series(first, first + n - 1, 7) i;
	INSERT INTO shop.lines SELECT i, i / 3, 1 + (i / 3) % 8, round((random() * 30)::numeric, 2), (ARRAY['tea', 'cake'])[1 + floor(random() * 2)],
		'2026-01-01'::date + (i / 3) % 40 FROM generate_series(first, first + n - 1) i;
	INSERT INTO shop.visits SELECT 'shop ' || i % 3, i, '2026-01-01 08:00'::timestamp + i * interval '5 hours', 1 + i % 8 FROM generate_series(first, first + n - 1, 5) i;
$$;

INSERT INTO rewards.rule (name, source, unit, earn, condition, max_per_event, max_per_member, cap_period, budget, exclusive_group, priority) VALUES
	('base', NULL, 'points', '1 per 3', NULL, NULL, NULL, NULL, NULL, NULL, 0),
	('daily', 'orders', 'daily', '10%', NULL, NULL, 12, 'day', NULL, NULL, 1),
	('web', 'orders', 'points', 'x2', $$channel = 'web'$$, 20, NULL, NULL, NULL, 'more', 2),
	('shop', 'orders', 'points', 'x1.5', $$channel IN ('web', 'shop')$$, 30, NULL, NULL, NULL, 'more', 0),
	('first', 'orders', 'points', '50', 'member.purchases = 0', NULL, NULL, NULL, NULL, NULL, 0),
	('campaign', 'orders', 'campaign', '10', 'total > 50', NULL, NULL, NULL, 300, NULL, 0),
	('tea', 'lines', 'tea', '2 per 1', $$kind = 'tea'$$, NULL, 40, 'week', NULL, NULL, 0),
	('visit', 'visits', 'points', '3', NULL, NULL, 10, 'month', NULL, NULL, 0),
	('status', NULL, 'status', '1 per 1', NULL, NULL, NULL, NULL, NULL, NULL, 0);

-- changes, one of which a round makes
CREATE TABLE changes (n int, statement text);
INSERT INTO changes SELECT row_number() OVER (), c FROM unnest(ARRAY[
	$$UPDATE rewards.rule SET earn = '1 per 2' WHERE name = 'base'$$,
	$$UPDATE rewards.rule SET earn = '1 per full 5', source = NULL WHERE name = 'base'$$,
	$$UPDATE rewards.rule SET max_per_member = 30, cap_period = 'day' WHERE name = 'daily'$$,
	$$UPDATE rewards.rule SET max_per_member = 6, cap_period = 'day' WHERE name = 'daily'$$,
	$$UPDATE rewards.rule SET max_per_member = NULL, cap_period = NULL WHERE name = 'daily'$$,
	$$UPDATE rewards.rule SET max_per_member = 20, cap_period = 'week' WHERE name = 'daily'$$,
	$$UPDATE rewards.rule SET condition = 'total < 80' WHERE name = 'web'$$,
	$$UPDATE rewards.rule SET earn = 'x3', exclusive_group = NULL WHERE name = 'shop'$$,
	$$UPDATE rewards.rule SET max_per_event = 15 WHERE name = 'shop'$$,
	$$UPDATE rewards.rule SET budget = 500 WHERE name = 'campaign'$$,
	$$UPDATE rewards.rule SET earn = '15', condition = 'total > 30' WHERE name = 'campaign'$$,
	$$UPDATE rewards.rule SET enabled = NOT enabled WHERE name = 'campaign'$$,
	$$UPDATE rewards.rule SET enabled = NOT enabled WHERE name = 'tea'$$,
	$$UPDATE rewards.rule SET max_per_member = 15 WHERE name = 'tea'$$,
	$$UPDATE rewards.rule SET valid = '[2026-01-05, 2026-01-20)' WHERE name = 'visit'$$,
	$$UPDATE rewards.rule SET valid = '(,)' WHERE name = 'visit'$$,
	$$UPDATE rewards.rule SET earn = '70' WHERE name = 'first'$$,
	$$UPDATE rewards.unit SET rounding = 'half_up' WHERE name = 'points'$$,
	$$UPDATE rewards.unit SET rounding = 'floor', max_per_event = 60 WHERE name = 'points'$$,
	$$UPDATE rewards.unit SET max_per_event = NULL WHERE name = 'points'$$,
	$$UPDATE rewards.program SET stacking = 'multiplicative'$$,
	$$UPDATE rewards.program SET time_zone = 'America/New_York'$$,
	$$UPDATE rewards.program SET time_zone = 'Europe/Warsaw', stacking = 'additive'$$,
	$$INSERT INTO rewards.rule (name, source, earn) VALUES ('more ' || (SELECT count(*) FROM rewards.rule), 'orders', '3%')$$]) c;

SELECT setseed(0.3);
SELECT insert_events(1, 60);
DO $$
DECLARE
	only_rule text;
	from_ timestamptz;
	until_ timestamptz;
	operation bigint;
BEGIN
	FOR round IN 1..24 LOOP
		EXECUTE (SELECT statement FROM changes ORDER BY random() LIMIT 1);
		IF random() < 0.4 THEN
			EXECUTE (SELECT statement FROM changes ORDER BY random() LIMIT 1);
		END IF;
		IF random() < 0.5 THEN
			PERFORM insert_events(100 * round, 5);
		END IF;
		-- rows the triggers miss: reprice() may post them, or they stay due
		IF random() < 0.3 THEN
			ALTER TABLE shop.orders DISABLE TRIGGER USER;
			INSERT INTO shop.orders SELECT 100 * round + 50 + i, 1 + floor(random() * 9), 40 + i, '2026-01-15 12:00Z' FROM generate_series(1, 3) i;
			ALTER TABLE shop.orders ENABLE TRIGGER USER;
		END IF;
		only_rule := CASE WHEN random() < 0.6 THEN (SELECT name FROM rewards.rule ORDER BY random() LIMIT 1) END;
		from_ := CASE WHEN random() < 0.5 THEN '2026-01-04 10:00Z'::timestamptz + random() * interval '9 days' END;
		until_ := CASE WHEN random() < 0.5 THEN '2026-01-14 10:00Z'::timestamptz + random() * interval '9 days' END;

		ANALYZE rewards.journal, rewards.account, rewards.posting_orders, rewards.posting_lines, rewards.posting_visits;
		DROP TABLE IF EXISTS dry, applied, held_before, holdings_before, state_before;
		CREATE TEMP TABLE holdings_before AS SELECT * FROM of_events WHERE points <> 0;
		CREATE TEMP TABLE held_before AS SELECT * FROM held;
		CREATE TEMP TABLE state_before AS SELECT * FROM state;
		CREATE TEMP TABLE dry AS SELECT * FROM rewards.reprice(only_rule, from_, until_);
		PERFORM find(round, 'a report posts', 'SELECT * FROM of_events WHERE points <> 0 EXCEPT SELECT * FROM holdings_before');
		CREATE TEMP TABLE applied AS SELECT * FROM rewards.reprice(only_rule, from_, until_, apply => true);
		PERFORM find(round, 'reported, not posted ' || coalesce(only_rule, '-'), 'SELECT * FROM dry EXCEPT SELECT * FROM applied');
		PERFORM find(round, 'posted, not reported ' || coalesce(only_rule, '-'), 'SELECT * FROM applied EXCEPT SELECT * FROM dry');
		PERFORM find(round, 'difference', 'SELECT coalesce(a.member_id, b.member_id), coalesce(a.unit, b.unit), coalesce(a.points, 0) - coalesce(b.points, 0)
			FROM held a FULL JOIN held_before b ON a.member_id = b.member_id AND a.unit = b.unit WHERE coalesce(a.points, 0) <> coalesce(b.points, 0)
			EXCEPT SELECT member_id, unit, difference FROM applied');
		PERFORM find(round, 'again ' || coalesce(only_rule, '-'), format('SELECT * FROM rewards.reprice(%L, %L, %L)', only_rule, from_, until_));
		IF round % 8 = 0 THEN
			PERFORM find(round, 'verify ' || coalesce(only_rule, '-'), $q$SELECT * FROM rewards.verify() WHERE detail !~ 'event \d+5[123] of source "orders" is due'$q$);
		END IF;
		operation := (SELECT max(operation_no) FROM rewards.operation WHERE kind = 'reprice' AND NOT EXISTS (SELECT FROM rewards.operation r WHERE r.reverses = operation.operation_no));
		IF random() < 0.5 AND operation IS NOT NULL AND (SELECT count(*) FROM applied) > 0 THEN
			PERFORM rewards.reverse(operation, 'test');
			PERFORM find(round, 'undone ' || coalesce(only_rule, '-'), '(SELECT * FROM of_events WHERE points <> 0 EXCEPT SELECT * FROM holdings_before) UNION ALL (SELECT * FROM holdings_before EXCEPT SELECT * FROM of_events)');
			PERFORM find(round, 'state undone ' || coalesce(only_rule, '-'), 'SELECT * FROM state_before EXCEPT SELECT * FROM state');
			IF round % 3 = 0 THEN
				PERFORM find(round, 'verify undone ' || coalesce(only_rule, '-'), $q$SELECT * FROM rewards.verify() WHERE detail !~ 'event \d+5[123] of source "orders" is due'$q$);
			END IF;
		END IF;
		IF random() < 0.3 THEN
			UPDATE shop.orders SET total = total * 0.7 WHERE order_id IN (SELECT order_id FROM shop.orders ORDER BY random() LIMIT 3);
			DELETE FROM shop.orders WHERE order_id IN (SELECT order_id FROM shop.orders ORDER BY random() LIMIT 1);
			UPDATE shop.orders SET status = CASE status WHEN 'paid' THEN 'cart' ELSE 'paid' END WHERE order_id IN (SELECT order_id FROM shop.orders ORDER BY random() LIMIT 2);
		END IF;
	END LOOP;
END
$$;
SELECT is_empty('SELECT * FROM found ORDER BY round LIMIT 12', 'repricing reports what it posts, is sound, and can be undone');
SELECT * FROM finish();
ROLLBACK;
