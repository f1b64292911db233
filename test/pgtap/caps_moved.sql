-- What an event is entitled to by one rule, it may hold of another: shares move
-- only in the direction of the total.  Room that it does not use is another's
-- then, and yet nothing about the event has changed.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();

ALTER TABLE shop.orders ADD COLUMN extra numeric NOT NULL DEFAULT 0;

-- a rule with a cap begins to pay, while another pays less
INSERT INTO rewards.rule (name, source, earn, amount, max_per_member, cap_period) VALUES
	('base', 'orders', '1 per 1', 'total', NULL, NULL), ('extra', 'orders', '1 per 1', 'extra', 10, 'ever');
INSERT INTO shop.orders (order_id, customer_id, total, extra) VALUES (1, 1, 100, 0);
UPDATE shop.orders SET total = 10, extra = 10 WHERE order_id = 1;
SELECT is(earned(1), 20::numeric, '10 and 10: what goes down are the points of the rule that paid more');
INSERT INTO shop.orders (order_id, customer_id, total, extra) VALUES (2, 1, 1, 30);
SELECT is(earned(2), 11::numeric, 'the room that nothing uses is the next event''s');
SELECT results_eq($$SELECT event_key, unit, difference FROM rewards.reconcile('orders')$$,
	$$SELECT NULL::text, NULL::text, NULL::numeric WHERE false$$, 'reconcile() finds nothing: the first event has not changed');
SELECT is(earned(1), 20::numeric, 'and takes nothing');
SELECT is_empty('SELECT * FROM rewards.verify(1)', 'verify() finds nothing');
SELECT is_empty($$SELECT * FROM rewards.explain('orders', '1') WHERE reason IS NOT NULL$$, 'nor does explain()');
UPDATE shop.orders SET note = 'a change that changes nothing' WHERE order_id = 1;
SELECT is(earned(1), 20::numeric, 'nor an update of another column');

-- what does change while triggers are off is found
ALTER TABLE shop.orders DISABLE TRIGGER USER;
UPDATE shop.orders SET total = 4 WHERE order_id = 1;
ALTER TABLE shop.orders ENABLE TRIGGER USER;
SELECT is((SELECT detail FROM rewards.verify(1) WHERE invariant = 'entitlement' AND detail LIKE 'event 1 %'),
	'event 1 of source "orders" is due -16 more of unit "points"', 'less is due: by what the room allows, which is none');
SELECT results_eq($$SELECT event_key, difference FROM rewards.reconcile('orders')$$, $$VALUES ('1'::text, -16::numeric)$$,
	'reconcile() posts it');
SELECT is_empty('SELECT * FROM rewards.verify(1)', 'then all is well');

-- one rule of a group was short of room when it began to pay most
INSERT INTO rewards.rule (name, source, earn, amount, exclusive_group, max_per_member, cap_period) VALUES
	('one', 'orders', '1 per 1', 'total', 'g', NULL, NULL), ('other', 'orders', '1 per 1', 'extra', 'g', 10, 'ever');
UPDATE rewards.rule SET enabled = false WHERE name IN ('base', 'extra');
INSERT INTO shop.orders (order_id, customer_id, total, extra) VALUES (11, 2, 100, 50);
UPDATE shop.orders SET total = 9 WHERE order_id = 11;
SELECT is(earned(11), 10::numeric, 'of a group the rule stays that pays most: 10, as far as its cap goes');
INSERT INTO shop.orders (order_id, customer_id, total, extra) VALUES (12, 2, 1, 20);
SELECT is(earned(12), 10::numeric, 'the room that nothing uses is the next event''s');
SELECT is_empty($$SELECT * FROM rewards.reconcile('orders')$$, 'reconcile() finds nothing');
SELECT is_empty('SELECT * FROM rewards.verify(2)', 'nor does verify()');
SELECT is(earned(11), 10::numeric, 'the event keeps its points');

-- a unit's cap: the total is the same, by whichever rule
UPDATE rewards.rule SET enabled = false WHERE name IN ('one', 'other');
UPDATE rewards.unit SET max_per_event = 50;
INSERT INTO rewards.rule (name, source, earn, priority, max_per_member, cap_period) VALUES
	('first', 'orders', '1 per 1', 2, 100, 'ever'), ('second', 'orders', '1 per 1', 1, NULL, NULL);
INSERT INTO shop.orders (order_id, customer_id, total) VALUES (21, 3, 33);
UPDATE shop.orders SET total = 190 WHERE order_id = 21;
SELECT is(earned(21), 50::numeric, 'the unit''s cap of one event');
INSERT INTO shop.orders (order_id, customer_id, total) VALUES (22, 3, 40), (23, 3, 40);
SELECT is_empty('SELECT * FROM rewards.verify(3)', 'verify() finds nothing when the room is others''');
SELECT is_empty($$SELECT * FROM rewards.reconcile('orders')$$, 'nor does reconcile()');

SELECT * FROM finish();
ROLLBACK;
