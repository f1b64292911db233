-- What an event would earn, and why an event earned what it did.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();
INSERT INTO rewards.rule (name, source, earn, condition, max_per_event, activates, expires) VALUES
	('base', 'orders', '1 per 1', NULL, NULL, NULL, '30 days'), ('double web', 'orders', 'x2', $$channel = 'web'$$, 40, NULL, '30 days'),
	('welcome', 'orders', '500', 'member.purchases = 0', NULL, '14 days', NULL);

-- preview of a row that does not exist
SELECT results_eq($$SELECT unit, rule, trim_scale(points), active_from, expires_at FROM rewards.preview('orders', '{"order_id": 1, "customer_id": 1, "total": 100, "placed_at": "2026-01-10 12:00Z", "status": "paid", "channel": "web"}'::jsonb) ORDER BY rule$$,
	$$VALUES ('points', 'base', 100::numeric, '2026-01-10 12:00Z'::timestamptz, '2026-02-09 12:00Z'::timestamptz),
		('points', 'double web', 40, '2026-01-10 12:00Z', '2026-02-09 12:00Z'), ('points', 'welcome', 500, '2026-01-24 12:00Z', 'infinity')$$,
	'preview() of a row as JSON');
SELECT isnt((SELECT trimmed_by FROM rewards.preview('orders', '{"customer_id": 1, "total": 100, "placed_at": "2026-01-10 12:00Z", "channel": "web"}') WHERE rule = 'double web'), NULL,
	'which says what trimmed a rule');
SELECT is((SELECT trim_scale(sum(points)) FROM rewards.preview('orders', '{"customer_id": 1, "total": 100, "placed_at": "2026-01-10 12:00Z"}')), 600::numeric,
	'the condition of the source is taken to hold');
SELECT is((SELECT trim_scale(sum(points)) FROM rewards.preview('orders', '{"customer_id": 1, "total": 100, "placed_at": "2026-01-10 12:00Z", "status": "cart"}', assume_condition => false)), NULL,
	'unless it is asked for');
SELECT is_empty('SELECT * FROM rewards.history', 'nothing is written');
SELECT is_empty('SELECT * FROM rewards.member', 'nobody is enrolled');

-- preview equals grant
CREATE TABLE t.promised AS SELECT rule, points FROM rewards.preview('orders', '{"order_id": 1, "customer_id": 1, "total": 33.3, "placed_at": "2026-01-10 12:00Z", "channel": "web"}');
INSERT INTO shop.orders (order_id, customer_id, total, channel) VALUES (1, 1, 33.3, 'web');
SELECT results_eq($$SELECT rule, trim_scale(points) FROM t.promised ORDER BY rule$$, $$SELECT rule, trim_scale(points) FROM rewards.statement(1) ORDER BY rule$$, 'preview() promised what was paid');
SELECT is((SELECT trim_scale(sum(points)) FROM rewards.preview('orders', '{"customer_id": 1, "total": 100, "placed_at": "2026-01-10 12:00Z"}')), 100::numeric, 'the second order has no welcome');

-- an array is judged in order
SELECT is((SELECT string_agg(trim_scale(points)::text, ' ' ORDER BY points) FROM rewards.preview('orders',
	'[{"order_id": 1, "customer_id": 7, "total": 10, "placed_at": "2026-01-10 12:00Z"}, {"order_id": 2, "customer_id": 7, "total": 20, "placed_at": "2026-01-10 12:00Z"}]')),
	'10 20 500', 'of two rows only the first gets the welcome');
UPDATE rewards.rule SET max_per_member = 25, cap_period = 'day' WHERE name = 'base';
SELECT is((SELECT trim_scale(sum(points)) FROM rewards.preview('orders',
	'[{"order_id": 1, "customer_id": 7, "total": 10, "placed_at": "2026-01-10 12:00Z"}, {"order_id": 2, "customer_id": 7, "total": 20, "placed_at": "2026-01-10 12:00Z"}]') WHERE rule = 'base'),
	25::numeric, 'the second gets the room the first left');
SELECT is((SELECT trim_scale(sum(points)) FROM rewards.preview('orders', '{"customer_id": 7, "total": 100, "placed_at": "2026-01-10 12:00Z"}') WHERE rule = 'base'), 25::numeric, 'caps are kept');
INSERT INTO shop.orders VALUES (3, 7, 100);
SELECT is(shares('3'), 'base 25, welcome 500', 'looking took no room');
SELECT is((SELECT trim_scale(sum(points)) FROM rewards.preview('orders', '{"customer_id": 7, "total": 100, "placed_at": "2026-01-10 12:00Z"}')), NULL, 'now there is none');
UPDATE rewards.rule SET max_per_member = NULL, cap_period = NULL WHERE name = 'base';

-- as a record
SELECT is((SELECT trim_scale(sum(points)) FROM rewards.preview(ROW(9, 9, 100, '2026-01-10 12:00Z', 'paid', NULL, NULL)::shop.orders)), 600::numeric, 'preview() of a record of the table''s type');
SELECT isnt(sqlstate_of('SELECT * FROM rewards.preview(ROW(1, 2))'), '00000', 'of any other it is refused');
SELECT isnt(sqlstate_of($$SELECT * FROM rewards.preview('orders', '{"customer_id": "abc", "total": 1}')$$), '00000', 'so is a value that is none of its column''s');
SELECT isnt(sqlstate_of($$SELECT * FROM rewards.preview('nowhere', '{}')$$), '00000', 'so is a source that does not exist');
SELECT isnt(sqlstate_of($$SELECT * FROM rewards.preview('orders', '"word"')$$), '00000', 'so is JSON that is no row');
SELECT is((SELECT count(*) FROM rewards.preview('orders', '[]')), 0::bigint, 'no rows earn nothing');
SELECT is((SELECT trim_scale(sum(points)) FROM rewards.preview('orders', '{"customer_id": null, "total": 100, "placed_at": "2026-01-10 12:00Z"}')), NULL, 'nobody''s row earns nothing');
SELECT is((SELECT count(*) FROM rewards.member WHERE member_id NOT IN (1, 7)), 0::bigint, 'still nobody else is enrolled');

-- explain
SELECT is((SELECT trim_scale(sum(points)) FROM rewards.explain('orders', '1')), earned(1), 'explain() adds up to what the order earned');
SELECT is((SELECT string_agg(rule, ', ' ORDER BY rule) FROM rewards.explain('orders', '3') WHERE matched), 'base, welcome', 'explain() says which rules matched');
SELECT isnt((SELECT reason FROM rewards.explain('orders', '3') WHERE rule = 'double web'), NULL, 'and why one did not');
SELECT is((SELECT trim_scale(base) FROM rewards.explain('orders', '1') WHERE rule = 'base'), 33.3, 'the amount it saw');
SELECT is((SELECT trim_scale(points) FROM rewards.explain('orders', '3') WHERE rule = 'base'), 25::numeric, 'the points that were paid');
SELECT isnt((SELECT trimmed_by FROM rewards.explain('orders', '3') WHERE rule = 'base'), NULL, 'and what trimmed them');
SELECT is((SELECT count(*) FROM rewards.explain('orders', '3') x JOIN rewards.statement(7) s ON s.entry_no = x.entry_no AND s.rule = x.rule), 2::bigint, 'with the line of the ledger');
INSERT INTO rewards.rule (name, source, earn) VALUES ('later', 'orders', '1');
SELECT is((SELECT count(*) FROM rewards.explain('orders', '3') WHERE rule = 'later' AND matched), 0::bigint, 'an old order is explained by the rules of its time');
UPDATE shop.orders SET status = 'cancelled' WHERE order_id = 3;
SELECT is((SELECT trim_scale(coalesce(sum(points), 0)) FROM rewards.explain('orders', '3')), 0::numeric, 'a cancelled order is entitled to nothing');
SELECT is((SELECT count(*) FROM rewards.explain('orders', '999') WHERE matched), 0::bigint, 'an order that does not exist') WHERE sqlstate_of($$SELECT * FROM rewards.explain('orders', '999')$$) = '00000';
SELECT is((SELECT trim_scale(sum(points)) FROM rewards.explain(ROW(10, 10, 100, '2026-01-10 12:00Z', 'paid', 'web', NULL)::shop.orders)), 641::numeric, 'explain() of a row that is not there');
SELECT is_empty('SELECT * FROM rewards.member WHERE member_id = 10', 'enrols nobody');

\ir include/finish.sql
