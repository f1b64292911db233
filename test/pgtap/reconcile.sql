-- What was missed is found and posted.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();
INSERT INTO rewards.rule (name, source, earn) VALUES ('base', 'orders', '1 per 1');
INSERT INTO shop.orders VALUES (1, 1, 10), (2, 1, 20), (3, 2, 30), (4, 3, 40), (6, 4, 60), (7, 4, 70);
INSERT INTO shop.orders VALUES (5, 3, 50, DEFAULT, 'cart');
SELECT is_empty($$SELECT * FROM rewards.reconcile('orders')$$, 'nothing was missed');

SET LOCAL session_replication_role = replica;
INSERT INTO shop.orders VALUES (10, 1, 5), (13, NULL, 7);
INSERT INTO shop.orders VALUES (11, 9, 100, '2026-01-05 12:00Z', 'paid'), (12, 9, 7, DEFAULT, 'cart');
UPDATE shop.orders SET total = 25 WHERE order_id = 3;
UPDATE shop.orders SET customer_id = 2 WHERE order_id = 4;
UPDATE shop.orders SET status = 'paid' WHERE order_id = 5;
DELETE FROM shop.orders WHERE order_id IN (6, 7);
SET LOCAL session_replication_role = origin;
SELECT is((SELECT string_agg(rewards.balance(m)::integer::text, ' ' ORDER BY m) FROM unnest('{1,2,3,4,9}'::bigint[]) m), '30 30 40 130 0', 'a replica session posts nothing');
SELECT isnt_empty('SELECT * FROM rewards.verify()', 'verify() reports it');
SELECT isnt_empty('SELECT * FROM rewards.verify(9)', 'for one member');
SELECT is((SELECT count(*) FROM rewards.verify(1)) > 0, true, 'and another');

-- one event
SELECT results_eq($$SELECT event_key, member_id, unit, trim_scale(difference) FROM rewards.reconcile('orders', '10')$$, $$VALUES ('10', 1::bigint, 'points', 5::numeric)$$, 'reconcile() of one event');
SELECT is(ARRAY[rewards.balance(1), rewards.balance(9)], '{35,0}'::numeric[], 'posts that only');
-- all
SELECT results_eq($$SELECT event_key, member_id, unit, trim_scale(sum(difference)) FROM rewards.reconcile('orders') GROUP BY 1, 2, 3 ORDER BY event_key, member_id$$,
	$$VALUES ('11', 9::bigint, 'points', 100::numeric), ('3', 2, 'points', -5), ('4', 2, 'points', 40), ('4', 3, 'points', -40), ('5', 3, 'points', 50)$$, 'reconcile() of all that exist');
SELECT is((SELECT string_agg(rewards.balance(m)::integer::text, ' ' ORDER BY m) FROM unnest('{1,2,3,4,9}'::bigint[]) m), '35 65 50 130 100', 'posted');
SELECT is((SELECT occurred_at FROM rewards.statement(9)), '2026-01-05 12:00Z'::timestamptz, 'dated when it happened');
SELECT is_empty($$SELECT * FROM rewards.reconcile('orders')$$, 'a second time nothing is found');
SELECT is_empty('SELECT * FROM rewards.verify()', 'verify() is clean: entries without a row are no fault');

-- orphans
SELECT is_empty($$SELECT * FROM rewards.reconcile('orders', orphans => 'keep') WHERE difference <> 0$$, 'orphans are kept by default');
SELECT is(state(4), '130 available', 'the points of rows that are gone');
SELECT results_eq($$SELECT event_key, member_id, trim_scale(difference) FROM rewards.reconcile('orders', orphans => 'revoke') ORDER BY event_key$$,
	$$VALUES ('6', 4::bigint, -60::numeric), ('7', 4, -70)$$, 'and revoked on demand');
SELECT is(state(4), '0 available', 'gone');
SELECT isnt(sqlstate_of($$SELECT * FROM rewards.reconcile('orders', orphans => 'delete')$$), '00000', 'no other word is understood');
SELECT isnt(sqlstate_of($$SELECT * FROM rewards.reconcile('nowhere')$$), '00000', 'a source must exist');

-- never claiming room
UPDATE rewards.rule SET max_per_member = 100, cap_period = 'ever';
INSERT INTO shop.orders VALUES (20, 20, 80), (21, 20, 80);
DELETE FROM shop.orders WHERE order_id = 20;
SELECT is_empty($$SELECT * FROM rewards.reconcile('orders')$$, 'reconcile() does not claim room that became free');
SELECT is(state(20), '20 available', 'the second order keeps 20');
UPDATE rewards.rule SET max_per_member = NULL, cap_period = NULL;

-- on_delete keep: a table whose old rows are removed
CREATE TABLE shop.scans (id bigint PRIMARY KEY, m bigint, v numeric, at timestamptz DEFAULT '2026-01-10 12:00Z');
SELECT run($$SELECT rewards.attach('shop.scans', name => 'scans', member => 'm', amount => 'v', occurred_at => 'at', on_delete => 'keep')$$);
INSERT INTO rewards.rule (name, source, earn) VALUES ('scan', 'scans', '1 per 1');
INSERT INTO shop.scans VALUES (1, 30, 10), (2, 30, 20);
DELETE FROM shop.scans WHERE id = 1;
SELECT is(state(30), '30 available', 'keep: a deleted row takes nothing');
UPDATE shop.scans SET v = 5 WHERE id = 2;
SELECT is(state(30), '15 available', 'an update is an update');
INSERT INTO shop.scans VALUES (1, 30, 10);
SELECT is(state(30), '15 available', 'the same row again earns nothing again');
DELETE FROM shop.scans WHERE id = 1;
UPDATE shop.scans SET id = 3 WHERE id = 2;
SELECT is(state(30), '15 available', 'a new key is no deletion');
SELECT is_empty($$SELECT * FROM rewards.reconcile('scans')$$, 'reconcile() agrees');

-- a rule that could claim room stands in for one that pays no more
INSERT INTO rewards.unit (name) VALUES ('stars');
INSERT INTO rewards.rule (name, source, unit, earn, condition, priority, max_per_member, cap_period) VALUES
	('third', 'orders', 'stars', '1 per 3', NULL, 0, 10, 'day'),
	('many', 'orders', 'stars', '5 per full 2.50', $$channel = 'web'$$, 2, 10, 'day');
INSERT INTO shop.orders (order_id, customer_id, total, channel) VALUES (50, 50, 9.99, 'web');
SELECT is(shares('50', unit => 'stars'), 'many 10, third 3', 'within their caps');
UPDATE shop.orders SET total = 33.33, channel = 'shop' WHERE order_id = 50;
SELECT is(rewards.balance(50, 'stars'), 10::numeric, 'less in all, though one of them is due more');
SELECT is_empty($$SELECT * FROM rewards.reconcile('orders')$$, 'that is what is due');
SELECT is_empty('SELECT * FROM rewards.verify(50)', 'verify() agrees');
UPDATE rewards.rule SET enabled = false WHERE unit = 'stars';

-- detached: kept; attached again: known
INSERT INTO shop.orders VALUES (40, 40, 100);
SELECT run($$SELECT rewards.detach('orders')$$);
UPDATE shop.orders SET total = 60 WHERE order_id = 40;
INSERT INTO shop.orders VALUES (41, 40, 5);
SELECT is(state(40), '100 available', 'a detached table does not post');

\ir include/finish.sql
