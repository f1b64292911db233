-- Events of several rows: the lines of an order.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();

CREATE TABLE shop.lines (
	line_id		bigint PRIMARY KEY,
	order_id	bigint,
	customer_id	bigint,
	price		numeric,
	category	text,
	ordered_at	timestamptz DEFAULT '2026-01-10 12:00Z',
	cancelled	boolean DEFAULT false
);
SELECT lives_ok($$SELECT rewards.attach('shop.lines', name => 'lines', event => 'order_id', member => 'customer_id', amount => 'price',
	occurred_at => 'ordered_at', condition => 'NOT cancelled')$$, 'attach() of lines');
CREATE FUNCTION t.order_earned(order_id bigint) RETURNS numeric STABLE LANGUAGE sql AS $$
	SELECT trim_scale(coalesce(sum(points), 0)) FROM rewards.history WHERE source = 'lines' AND event_key = $1::text
$$;
INSERT INTO rewards.rule (name, earn) VALUES ('base', '1 per 1');

INSERT INTO shop.lines VALUES (1, 100, 1, 9.99), (2, 100, 1, 9.99), (3, 100, 1, 9.99);
SELECT is(order_earned(100), 29::numeric, 'example 1.8: three lines of 9.99 in one statement are one event of 29.97');
INSERT INTO shop.lines VALUES (4, 101, 1, 9.99);
INSERT INTO shop.lines VALUES (5, 101, 1, 9.99);
INSERT INTO shop.lines VALUES (6, 101, 1, 9.99);
SELECT is(order_earned(101), 29::numeric, 'example 1.8: so are three lines in three statements');
INSERT INTO shop.orders VALUES (1, 2, 9.99), (2, 2, 9.99), (3, 2, 9.99);
SELECT is(state(2), '27 available', 'example 1.8: as three events they earn 27');

-- lines come and go
DELETE FROM shop.lines WHERE line_id = 6;
SELECT is(order_earned(101), 19::numeric, 'without a line: floor(19.98)');
UPDATE shop.lines SET price = 10 WHERE line_id = 5;
SELECT is(order_earned(101), 19::numeric, 'floor(19.99)');
UPDATE shop.lines SET cancelled = true WHERE line_id = 4;
SELECT is(order_earned(101), 10::numeric, 'a line whose condition does not hold does not count');
UPDATE shop.lines SET order_id = 100 WHERE line_id = 5;
SELECT is(ARRAY[order_earned(100), order_earned(101)], '{39,0}'::numeric[], 'a line moves to another order');
UPDATE shop.lines SET order_id = 103 WHERE order_id = 100;
SELECT is(ARRAY[order_earned(100), order_earned(103)], '{0,39}'::numeric[], 'all lines do');
INSERT INTO shop.lines VALUES (7, 103, 1, -9.99);
SELECT is(order_earned(103), 29::numeric, 'a discount line counts against the others');
INSERT INTO shop.lines VALUES (8, 103, 1, -100);
SELECT is(order_earned(103), 0::numeric, 'but an event is never below 0');
DELETE FROM shop.lines WHERE order_id = 103;
SELECT is(state(1), '0 available', 'all lines deleted');
INSERT INTO shop.lines VALUES (1, 100, 1, 9.99);
SELECT is(order_earned(100), 9::numeric, 'and inserted again');
UPDATE shop.lines SET line_id = 99 WHERE line_id = 1;
SELECT is(order_earned(100), 9::numeric, 'the key of a line does not matter to its event');
UPDATE shop.lines SET order_id = NULL WHERE line_id = 99;
SELECT is(state(1), '0 available', 'a line of no order is no event');

-- rules are judged row by row
UPDATE rewards.rule SET enabled = false;
INSERT INTO rewards.rule (name, source, earn, amount, condition) VALUES
	('food', 'lines', '1 per 1', NULL, $$category = 'food'$$),
	('books', 'lines', '3 per 1', NULL, $$category = 'books'$$),
	('flat', 'lines', '50', NULL, $$category = 'books'$$);
INSERT INTO shop.lines VALUES (10, 200, 3, 10.5, 'food'), (11, 200, 3, 20, 'books'), (12, 200, 3, 5, 'books'), (13, 200, 3, 7, 'toys'), (14, 200, 3, 1.5, 'food');
SELECT is(shares('200', 'lines'), 'books 75, flat 50, food 12',
	'a rule takes the rows that meet its condition; a flat rule pays once if any does');
UPDATE shop.lines SET category = 'toys' WHERE line_id = 12;
SELECT is(shares('200', 'lines'), 'books 60, flat 50, food 12', 'one of two books becomes a toy');
DELETE FROM shop.lines WHERE line_id = 11;
SELECT is(shares('200', 'lines'), 'food 12', 'no book, no flat');

INSERT INTO rewards.rule (name, source, earn, condition) VALUES ('double food', 'lines', 'x2', $$category = 'food'$$);
UPDATE rewards.rule SET condition = NULL WHERE name = 'food';
INSERT INTO shop.lines VALUES (20, 201, 3, 10, 'food'), (21, 201, 3, 20, 'toys');
SELECT is(shares('201', 'lines'), 'double food 10, food 30', 'a multiplier scales what base rules pay for the rows it matches');

UPDATE rewards.rule SET enabled = false;
INSERT INTO rewards.rule (name, source, earn, min_amount) VALUES ('from 25', 'lines', '1 per 1', 25);
INSERT INTO shop.lines VALUES (22, 202, 3, 10), (23, 202, 3, 15), (24, 203, 3, 24.99);
SELECT is(ARRAY[order_earned(202), order_earned(203)], '{25,0}'::numeric[], 'min_amount is compared with the amount of the event');

-- caps and blocks are the event's
UPDATE rewards.rule SET enabled = false;
INSERT INTO rewards.rule (name, source, earn) VALUES ('blocks', 'lines', '1 per full 10');
INSERT INTO shop.lines SELECT 300 + i, 300, 4, 4 FROM generate_series(1, 5) i;
SELECT is(order_earned(300), 2::numeric, 'five lines of 4 are two blocks of 10');
UPDATE rewards.rule SET max_per_event = 1 WHERE name = 'blocks';
INSERT INTO shop.lines SELECT 310 + i, 310, 4, 4 FROM generate_series(1, 5) i;
SELECT is(order_earned(310), 1::numeric, 'and a cap per event is per order');

-- the instant of an event is the earliest of its rows
UPDATE rewards.rule SET enabled = false;
INSERT INTO rewards.rule (name, source, earn) VALUES ('plain', 'lines', '1 per 1');
INSERT INTO shop.lines VALUES
	(400, 400, 5, 10, NULL, '2026-01-09 12:00Z', false), (401, 400, 5, 10, NULL, '2026-01-07 12:00Z', false), (402, 400, 5, 10, NULL, '2026-01-05 12:00Z', true);
SELECT is((SELECT array_agg(DISTINCT occurred_at) FROM rewards.statement(5)), '{2026-01-07 12:00Z}'::timestamptz[],
	'dated at the earliest row whose condition holds');
UPDATE shop.lines SET cancelled = false WHERE line_id = 402;
SELECT is((SELECT sum(points) FROM rewards.statement(5) WHERE occurred_at = '2026-01-05 12:00Z'), 30::numeric,
	'an earlier row makes it a new event of an earlier instant');
SELECT is(state(5), '30 available', 'with what it earns now');

-- rows of two members
SET LOCAL client_min_messages = error;
INSERT INTO shop.lines VALUES (500, 500, 6, 10), (501, 500, 7, 10), (502, 501, 6, 10);
SELECT is(ARRAY[order_earned(500), order_earned(501)], '{0,10}'::numeric[], 'lines of two members cannot be judged; other orders can');
SELECT is((SELECT array_agg(source || ' ' || event_key) FROM rewards.failed_event), '{lines 500}', 'the order waits');
SELECT is((SELECT error FROM rewards.failed_event), 'the rows of event 500 of source "lines" name different members', 'for no fault of an expression');
UPDATE shop.lines SET customer_id = 6 WHERE line_id = 501;
SELECT is(order_earned(500), 20::numeric, 'set right, it earns');
SELECT is_empty('SELECT * FROM rewards.failed_event', 'and waits no longer');
UPDATE shop.lines SET customer_id = 7 WHERE line_id = 501;
SELECT is(state(7), '0 available', 'broken again, nobody else gets it');
SELECT is((SELECT array_agg(source || ' ' || event_key) FROM rewards.failed_event), '{lines 500}', 'the order waits again');
DELETE FROM shop.lines WHERE line_id = 501;
SELECT is(ARRAY[order_earned(500), rewards.balance(6), rewards.balance(7)], '{10,20,0}'::numeric[], 'the odd line deleted');
SELECT is_empty('SELECT * FROM rewards.failed_event', 'nothing waits');
UPDATE shop.lines SET customer_id = 7 WHERE order_id = 501;
SELECT is(ARRAY[rewards.balance(6), rewards.balance(7)], '{10,10}'::numeric[], 'all lines of an order may change their member');

-- many lines, each statement judging the whole order
INSERT INTO shop.lines SELECT 1000 + i, 1000 + i % 10, 8, 0.55 FROM generate_series(0, 999) i;
SELECT is((SELECT array_agg(DISTINCT order_earned(1000 + i)) FROM generate_series(0, 9) i), '{55}'::numeric[], 'ten orders of a hundred lines');
DELETE FROM shop.lines WHERE line_id BETWEEN 1000 AND 1499;
SELECT is((SELECT array_agg(DISTINCT order_earned(1000 + i)) FROM generate_series(0, 9) i), '{27}'::numeric[], 'half of the lines: 27.5 each');

-- a backfill takes orders by the instants of the lines that count
CREATE TABLE shop.old_lines (line_id bigint PRIMARY KEY, order_id bigint, customer_id bigint, price numeric, at timestamptz, status text);
INSERT INTO shop.old_lines VALUES (1, 1, 80, 50, '2026-01-05 10:00Z', 'cancelled'), (2, 1, 80, 50, '2026-01-05 12:00Z', 'ok'), (3, 2, 80, 50, '2026-01-05 11:00Z', 'ok');
SELECT rewards.attach('shop.old_lines', name => 'old', event => 'order_id', member => 'customer_id', amount => 'price', occurred_at => 'at', condition => $$status = 'ok'$$) \g /dev/null
INSERT INTO rewards.rule (name, source, earn, max_per_member, cap_period) VALUES ('old', 'old', '1 per 1', 60, 'day');
CALL rewards.backfill('old');
SELECT is(ARRAY[shares('1', 'old'), shares('2', 'old')], '{old 10,old 50}', 'the second is the earlier one');
UPDATE rewards.rule SET enabled = false WHERE name = 'old';

\ir include/finish.sql
