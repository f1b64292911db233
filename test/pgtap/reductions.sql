-- A source reduced by another: orders and a table of refunds that name them.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();

CREATE TABLE shop.refunds (
	refund_id	bigint PRIMARY KEY,
	order_id	bigint,
	amount		numeric,
	approved	boolean DEFAULT true
);
SELECT lives_ok($$SELECT rewards.attach('shop.refunds', name => 'refunds', reduces => 'orders', reduces_key => 'order_id', amount => 'amount',
	condition => 'approved')$$, 'attach() of a table that reduces another');
INSERT INTO rewards.rule (name, source, earn) VALUES ('base', 'orders', '1 per 1');

INSERT INTO shop.orders VALUES (1, 1, 100);
INSERT INTO shop.refunds VALUES (1, 1, 60);
SELECT is(ledger(1), 'earn 100, revoke -60', 'example 2.3: a refund of 60');
INSERT INTO shop.refunds VALUES (2, 1, 40);
SELECT is(ledger(1), 'earn 100, revoke -60, revoke -40', 'example 2.3: one of 40');
INSERT INTO shop.refunds VALUES (3, 1, 60);
SELECT is(ledger(1), 'earn 100, revoke -60, revoke -40', 'example 2.3: a third of 60 takes nothing');
SELECT is(state(1), '0 available', 'example 2.3: never less than nothing');

-- refunds change and go
DELETE FROM shop.refunds WHERE refund_id = 3;
SELECT is(state(1), '0 available', 'the superfluous refund deleted');
UPDATE shop.refunds SET amount = 10 WHERE refund_id = 2;
SELECT is(state(1), '30 available', 'a refund corrected from 40 to 10');
UPDATE shop.refunds SET approved = false WHERE refund_id = 1;
SELECT is(state(1), '90 available', 'a refund that is not approved');
UPDATE shop.refunds SET approved = true;
SELECT is(state(1), '30 available', 'and is');
DELETE FROM shop.refunds;
SELECT is(state(1), '100 available', 'without refunds');

-- a refund that moves to another order
INSERT INTO shop.orders VALUES (2, 2, 100);
INSERT INTO shop.refunds VALUES (4, 1, 25);
UPDATE shop.refunds SET order_id = 2 WHERE refund_id = 4;
SELECT is(ARRAY[state(1), state(2)], '{100 available,75 available}', 'a refund booked on the wrong order and moved');
UPDATE shop.refunds SET refund_id = 44 WHERE refund_id = 4;
SELECT is(state(2), '75 available', 'its own key does not matter');
UPDATE shop.refunds SET order_id = NULL WHERE refund_id = 44;
SELECT is(state(2), '100 available', 'a refund of no order');

-- a refund that comes before its order waits for it
INSERT INTO shop.refunds VALUES (5, 5, 60);
SELECT is_empty('SELECT * FROM rewards.failed_event', 'a refund of an order not yet known is no failure');
INSERT INTO shop.orders VALUES (5, 5, 100);
SELECT is(ledger(5), 'earn 40', 'the order is entitled to what is left, at once');
INSERT INTO shop.refunds VALUES (6, 6, 100);
INSERT INTO shop.orders VALUES (6, 6, 100, DEFAULT, 'pending');
UPDATE shop.orders SET status = 'paid' WHERE order_id = 6;
SELECT is(ledger(6), 'nothing', 'an order refunded in full before it was paid');
DELETE FROM shop.refunds WHERE refund_id = 6;
SELECT is(state(6), '100 available', 'its refund deleted');

-- both in one statement: many refunds of many orders
INSERT INTO shop.orders SELECT 100 + i, 100 + i, 50 FROM generate_series(1, 10) i;
INSERT INTO shop.refunds SELECT 100 + i, 101 + i % 10, 7.5 FROM generate_series(1, 40) i;
SELECT is((SELECT array_agg(DISTINCT earned(100 + i)) FROM generate_series(1, 10) i), '{20}'::numeric[], 'forty refunds of 7.50 of ten orders of 50');

-- the order deleted while it has refunds
DELETE FROM shop.orders WHERE order_id = 5;
SELECT is(state(5), '0 available', 'an order deleted takes the rest');
INSERT INTO shop.orders VALUES (5, 5, 80);
SELECT is(state(5), '20 available', 'inserted again it meets its refund');

-- a reducing table whose column has another type than the order's key
CREATE TABLE shop.chargebacks (id integer PRIMARY KEY, order_no integer, amount real);
SELECT lives_ok($$SELECT rewards.attach('shop.chargebacks', name => 'chargebacks', reduces => 'orders', reduces_key => 'order_no', amount => 'amount::numeric')$$, 'a second table that reduces orders');
INSERT INTO shop.orders VALUES (60, 60, 100);
INSERT INTO shop.chargebacks VALUES (1, 60, 25.5);
INSERT INTO shop.refunds VALUES (600, 60, 10);
SELECT is(state(60), '64 available', 'both reduce');
DELETE FROM shop.chargebacks;
SELECT is(state(60), '90 available', 'one is left');

-- flat rules, min_amount
UPDATE rewards.rule SET enabled = false;
INSERT INTO rewards.rule (name, source, earn, min_amount) VALUES ('flat', 'orders', '10', NULL), ('big', 'orders', '5', 50);
INSERT INTO shop.orders VALUES (7, 7, 100);
INSERT INTO shop.refunds VALUES (7, 7, 60);
SELECT is(shares('7'), 'flat 10', 'reduced to 40 the order no longer reaches min_amount; the flat rule still pays');
INSERT INTO shop.refunds VALUES (8, 7, 40);
SELECT is(shares('7'), 'nothing', 'reduced to 0 nothing pays');

-- an amount of the rule's own shrinks by the factor of the event
UPDATE rewards.rule SET enabled = false;
INSERT INTO rewards.rule (name, source, earn, amount) VALUES ('net', 'orders', '1 per 1', 'total - 20');
INSERT INTO shop.orders VALUES (8, 8, 100);
SELECT is(earned(8), 80::numeric, 'a rule with an amount of its own: 80 of 100');
INSERT INTO shop.refunds VALUES (9, 8, 50);
SELECT is(earned(8), 40::numeric, 'half of the order refunded: half of 80');
INSERT INTO shop.refunds VALUES (10, 8, 25);
SELECT is(earned(8), 20::numeric, 'three quarters: a quarter of 80');
INSERT INTO shop.refunds VALUES (11, 8, 25);
SELECT is(earned(8), 0::numeric, 'all: nothing');

-- lines of an order, reduced as one
CREATE TABLE shop.lines (line_id bigint PRIMARY KEY, order_id bigint, customer_id bigint, price numeric, category text);
CREATE TABLE shop.credit_notes (note_id bigint PRIMARY KEY, order_id bigint, amount numeric);
SELECT run($$SELECT rewards.attach('shop.lines', name => 'lines', event => 'order_id', member => 'customer_id', amount => 'price',
	occurred_at => '''2026-01-10 12:00Z''::timestamptz')$$);
SELECT run($$SELECT rewards.attach('shop.credit_notes', name => 'credit_notes', reduces => 'lines', reduces_key => 'order_id', amount => 'amount')$$);
INSERT INTO rewards.rule (name, source, earn, condition) VALUES ('line', 'lines', '1 per 1', NULL), ('food', 'lines', '1 per 1', $$category = 'food'$$);
INSERT INTO shop.lines VALUES (1, 50, 9, 30, 'food'), (2, 50, 9, 50, 'toys'), (3, 50, 9, 20, 'food');
SELECT is(shares('50', 'lines'), 'food 50, line 100', 'an order of three lines');
INSERT INTO shop.credit_notes VALUES (1, 50, 40);
SELECT is(shares('50', 'lines'), 'food 30, line 60', 'a credit note of 40 shrinks what each rule sees by the same factor');

-- example 2.4: pending points are taken back while pending
UPDATE rewards.rule SET enabled = false;
INSERT INTO rewards.rule (name, source, earn, activates) VALUES ('later', 'orders', '1 per 1', '14 days');
INSERT INTO shop.orders VALUES (10, 10, 100, '2026-01-10 12:00Z');
SELECT is(state(10), '0 available, 100 pending', 'example 2.4: 100 pending until day 14');
SELECT rewards.set_clock('2026-01-15 12:00Z');
INSERT INTO shop.refunds VALUES (20, 10, 30);
SELECT is(state(10), '0 available, 70 pending', 'example 2.4: 30% returned on day 5');
INSERT INTO shop.refunds VALUES (21, 10, 70);
SELECT is(state(10), '0 available', 'example 2.4: full return');
SELECT is(rewards.balance(10, at => '2026-01-24 12:00Z'), 0::numeric, 'example 2.4: nothing will unlock on day 14');
SELECT rewards.set_clock('2026-01-24 12:00Z');
SELECT is(state(10), '0 available', 'example 2.4: nothing unlocks on day 14');

\ir include/finish.sql
