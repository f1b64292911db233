-- Who takes part.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();
INSERT INTO rewards.rule (name, source, earn) VALUES ('base', 'orders', '1 per 1');

-- auto
INSERT INTO shop.orders VALUES (1, 1, 100, '2025-11-01 12:00Z'), (2, 1, 100, '2025-10-01 12:00Z');
SELECT results_eq('SELECT member_id, joined_at, status FROM rewards.member', $$VALUES (1::bigint, '2025-11-01 12:00Z'::timestamptz, 'active')$$,
	'auto: the first event enrols, as of its instant');
SELECT is(state(1), '200 available', 'both earn');
INSERT INTO shop.orders VALUES (3, 2, 100, DEFAULT, 'cart'), (4, 3, 0, DEFAULT, 'paid');
SELECT is_empty('SELECT * FROM rewards.member WHERE member_id = 2', 'an event whose condition does not hold enrols nobody');

-- blocked
UPDATE rewards.member SET status = 'blocked' WHERE member_id = 1;
INSERT INTO shop.orders VALUES (5, 1, 100);
SELECT is(earned(5), 0::numeric, 'blocked: an event earns nothing');
SELECT is((SELECT count(*) FROM rewards.history WHERE source = 'orders' AND event_key = '5' AND points = 0), 1::bigint, 'but leaves a line of 0 points');
SELECT is(state(1), '200 available', 'what was earned before stays');
UPDATE shop.orders SET total = 60 WHERE order_id = 1;
SELECT is(state(1), '160 available', 'refunds of it are still taken back');
UPDATE rewards.member SET status = 'active' WHERE member_id = 1;
UPDATE shop.orders SET total = 150 WHERE order_id = 5;
SELECT is(earned(5), 0::numeric, 'unblocked: what was judged while blocked stays at 0');
INSERT INTO shop.orders VALUES (6, 1, 100);
SELECT is(earned(6), 100::numeric, 'new events earn');
SELECT is_empty('SELECT * FROM rewards.reconcile(''orders'')', 'reconcile() leaves it so');

-- member rows that come before, and a statement that enrols many
INSERT INTO rewards.member (member_id, joined_at) VALUES (30, '2026-01-08 12:00Z');
INSERT INTO shop.orders VALUES (30, 30, 100, '2025-01-01 12:00Z');
SELECT is(state(30), '100 available', 'auto: an event before joined_at earns');
SELECT is((SELECT joined_at FROM rewards.member WHERE member_id = 30), '2026-01-08 12:00Z'::timestamptz, 'and leaves joined_at alone');
INSERT INTO shop.orders SELECT 1000 + i, 1000 + i % 100, 1 FROM generate_series(0, 299) i;
SELECT is((SELECT count(*) FROM rewards.member WHERE member_id BETWEEN 1000 AND 1099), 100::bigint, 'a statement enrols all its members');
SELECT is((SELECT array_agg(DISTINCT rewards.balance(member_id)) FROM rewards.member WHERE member_id BETWEEN 1000 AND 1099), '{3}'::numeric[], 'and each earns');

-- ignore
UPDATE rewards.program SET enrolment = 'ignore';
INSERT INTO shop.orders VALUES (10, 10, 100, '2026-01-05 12:00Z'), (11, 1, 100, DEFAULT);
SELECT is(ARRAY[earned(10), earned(11)], '{0,100}'::numeric[], 'ignore: strangers earn nothing, members do');
SELECT is_empty('SELECT * FROM rewards.member WHERE member_id = 10', 'nor are they enrolled');
SELECT is_empty('SELECT * FROM rewards.failed_event', 'which is no failure');
INSERT INTO rewards.member (member_id, joined_at) VALUES (10, '2026-01-08 12:00Z');
INSERT INTO shop.orders VALUES (12, 10, 100, '2026-01-08 11:59:59.999999Z'), (13, 10, 100, '2026-01-08 12:00Z');
SELECT is(ARRAY[earned(12), earned(13)], '{0,100}'::numeric[], 'enrolled: what happened before he joined does not post by itself');
UPDATE shop.orders SET total = 120 WHERE customer_id = 10;
SELECT is(ARRAY[earned(10), earned(12), earned(13)], '{0,0,120}'::numeric[], 'not on an update either');
SELECT is_empty('SELECT * FROM rewards.reconcile(''orders'')', 'nor by reconcile()');
SELECT is_empty('SELECT * FROM rewards.verify()', 'and verify() does not miss it');
UPDATE shop.orders SET placed_at = '2026-01-09 12:00Z' WHERE order_id = 12;
SELECT is(earned(12), 120::numeric, 'an order moved to after he joined earns');
UPDATE shop.orders SET placed_at = '2026-01-07 12:00Z' WHERE order_id = 12;
SELECT is(earned(12), 0::numeric, 'moved back it does not');

-- error
UPDATE rewards.program SET enrolment = 'error';
SELECT throws_ok('INSERT INTO shop.orders VALUES (20, 20, 100)', 'LY002', NULL, 'error: an order of a stranger is refused');
SELECT is_empty('SELECT * FROM shop.orders WHERE order_id = 20', 'and not there');
SELECT is_empty('SELECT * FROM rewards.failed_event', 'a refusal is not queued');
SELECT throws_ok('INSERT INTO shop.orders VALUES (21, 1, 100), (22, 22, 100)', 'LY002', NULL, 'so is a statement with one among others');
SELECT lives_ok('INSERT INTO shop.orders VALUES (23, 1, 100)', 'a member''s is not');
SELECT lives_ok('INSERT INTO shop.orders VALUES (24, NULL, 100)', 'nor is nobody''s');
SELECT lives_ok('INSERT INTO shop.orders VALUES (25, 25, 100, DEFAULT, ''cart'')', 'nor is a stranger''s that would not earn yet');
SELECT throws_ok('UPDATE shop.orders SET status = ''paid'' WHERE order_id = 25', 'LY002', NULL, 'it is when it would');
UPDATE rewards.program SET enrolment = 'ignore';

-- members nobody knows
SELECT is(rewards.balance(987654), 0::numeric, 'the balance of a stranger is 0');
SELECT is_empty('SELECT * FROM rewards.statement(987654)', 'his statement is empty');

\ir include/finish.sql
