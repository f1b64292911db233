-- What members, shops and reports read.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();

INSERT INTO rewards.unit (name, spendable, expires) VALUES ('status', false, '12 months');
INSERT INTO rewards.rule (name, source, unit, earn, activates, expires) VALUES
	('base', 'orders', 'points', '1 per 1', '10 days', '30 days'), ('status', 'orders', 'status', '1 per 10', NULL, NULL);
INSERT INTO shop.orders VALUES (1, 1, 100, '2026-01-01 12:00Z'), (2, 1, 200, '2026-01-05 12:00Z');

-- balance() at any instant
SELECT is((SELECT array_agg(rewards.balance(1, 'points', at => at)::integer ORDER BY at) FROM unnest('{
		2025-12-31, 2026-01-05 12:00Z, 2026-01-11 11:59:59.999999Z, 2026-01-11 12:00Z, 2026-01-15 12:00Z, 2026-01-31 12:00Z, 2026-02-04 12:00Z}'::timestamptz[]) at),
	'{0,0,0,100,300,200,0}', 'balance() at past and future instants');
SELECT is(rewards.balance(1), 0::numeric, 'balance() is now, of the only spendable unit');
SELECT is(rewards.balance(1, 'status'), 30::numeric, 'or of another');
SELECT is(rewards.balance(1, at => '2026-01-12 12:00Z'), 100::numeric, 'a future instant');
SELECT is(rewards.balance(1, at => 'infinity'), 0::numeric, 'at the end of time');
SELECT isnt(sqlstate_of($$SELECT rewards.balance(1, 'no such unit')$$), '00000', 'a unit that does not exist is refused');
SELECT is(rewards.balance(NULL), NULL, 'nobody has no balance');

-- the past is as it was, whatever came later
SELECT rewards.set_clock('2026-01-12 12:00Z');
SELECT run('SELECT rewards.adjust(1, -30, reason => ''spent'')');
SELECT rewards.set_clock('2026-01-13 12:00Z');
UPDATE shop.orders SET total = 150 WHERE order_id = 2;
SELECT is(rewards.balance(1, at => '2026-01-12 11:59:59Z'), 100::numeric, 'before the spending');
SELECT is(rewards.balance(1, at => '2026-01-12 12:00Z'), 70::numeric, 'after it');
SELECT is(rewards.balance(1, at => '2026-01-20', known_at => '2026-01-12 12:00Z'), 270::numeric, 'what was then expected of the 20th');
SELECT is(rewards.balance(1, at => '2026-01-20'), 220::numeric, 'what is expected of it now');
SELECT is(rewards.balance(1, at => '2026-01-20', known_at => '2026-01-10 12:00Z'), 300::numeric, 'what was first');
SELECT is(rewards.balance(1, at => '2026-01-20', known_at => '2026-01-01'), 0::numeric, 'before anything was known');

-- statement()
SELECT results_eq('SELECT occurred_at, kind, trim_scale(points), trim_scale(balance), rule, source, event_key FROM rewards.statement(1, unit => ''points'') ORDER BY entry_no',
	$$VALUES ('2026-01-01 12:00Z'::timestamptz, 'earn', 100::numeric, 100::numeric, 'base', 'orders', '1'),
		('2026-01-05 12:00Z', 'earn', 200, 300, 'base', 'orders', '2'),
		('2026-01-12 12:00Z', 'adjust', -30, 270, NULL, NULL, NULL),
		('2026-01-13 12:00Z', 'revoke', -50, 220, 'base', 'orders', '2')$$,
	'statement() of one unit, with its running balance');
SELECT is((SELECT array_agg(entry_no ORDER BY entry_no) FROM rewards.statement(1)), '{1,2,3,4,5,6,7}'::bigint[], 'of all units: entry_no has no gap');
SELECT is((SELECT trim_scale(max(balance)) FROM rewards.statement(1) WHERE unit = 'status'), 30::numeric, 'each unit has its own running balance');
SELECT is((SELECT string_agg(trim_scale(points)::text, ' ' ORDER BY entry_no) FROM rewards.statement(1, 'points', from_ => '2026-01-05 12:00Z', until_ => '2026-01-13 12:00Z')),
	'200 -30', 'from an instant, until before another');
SELECT is((SELECT trim_scale(balance) FROM rewards.statement(1, 'points', from_ => '2026-01-12') ORDER BY entry_no LIMIT 1), 270::numeric, 'the running balance does not start at 0 there');
SELECT is((SELECT reason FROM rewards.statement(1) WHERE kind = 'adjust'), 'spent', 'with the reason');
SELECT is((SELECT actor FROM rewards.statement(1) WHERE kind = 'adjust'), session_user::text, 'and who did it');
SELECT results_eq($$SELECT active_from, expires_at FROM rewards.statement(1, 'points') WHERE event_key = '1'$$,
	$$VALUES ('2026-01-11 12:00Z'::timestamptz, '2026-01-31 12:00Z'::timestamptz)$$, 'and the range of the lot');

-- member_lots()
SELECT results_eq('SELECT unit, trim_scale(points), active_from, expires_at, state FROM rewards.member_lots(1) ORDER BY unit, active_from',
	$$VALUES ('points', 70::numeric, '2026-01-11 12:00Z'::timestamptz, '2026-01-31 12:00Z'::timestamptz, 'active'),
		('points', 150, '2026-01-15 12:00Z', '2026-02-04 12:00Z', 'pending'),
		('status', 10, '2026-01-01 12:00Z', '2027-01-01 12:00Z', 'active'),
		('status', 15, '2026-01-05 12:00Z', '2027-01-05 12:00Z', 'active')$$, 'member_lots()');

-- the views
SELECT results_eq($$SELECT unit, trim_scale(available), trim_scale(pending), trim_scale(held), trim_scale(debt), next_expiry_at, trim_scale(next_expiry_points)
	FROM rewards.balances WHERE member_id = 1 ORDER BY unit$$,
	$$VALUES ('points', 70::numeric, 150::numeric, 0::numeric, 0::numeric, '2026-01-31 12:00Z'::timestamptz, 70::numeric),
		('status', 25, 0, 0, 0, '2027-01-01 12:00Z', 10)$$, 'balances: what there is and what ends next');
SELECT is((SELECT trim_scale(earned) FROM rewards.balances WHERE member_id = 1 AND unit = 'points'), 250::numeric, 'earned is net of what was revoked');
SELECT is((SELECT trim_scale(expired) FROM rewards.balances WHERE member_id = 1 AND unit = 'points'), 0::numeric, 'nothing has expired');
SELECT rewards.set_clock('2026-02-01 12:00Z');
SELECT results_eq($$SELECT trim_scale(available), trim_scale(expired), next_expiry_at FROM rewards.balances WHERE member_id = 1 AND unit = 'points'$$,
	$$VALUES (150::numeric, 70::numeric, '2026-02-04 12:00Z'::timestamptz)$$, 'expired counts what lapsed though nothing has been booked');
SELECT is((SELECT string_agg(DISTINCT pg_typeof(available)::text || ' ' || pg_typeof(unit)::text || ' ' || pg_typeof(member_id)::text || ' ' || pg_typeof(next_expiry_at)::text, ', ') FROM rewards.balances),
	'numeric text bigint timestamp with time zone', 'views hold standard types');
SELECT is_empty($$SELECT c.oid::regclass, a.attname, a.atttypid::regtype FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
	WHERE c.relnamespace = 'rewards'::regnamespace AND c.relkind = 'v' AND a.attnum > 0 AND c.relname IN ('balances', 'history', 'expiring', 'liability', 'orders_points', 'activity_points')
		AND a.atttypid IN (SELECT oid FROM pg_type WHERE typnamespace = 'loyalty'::regnamespace)$$, 'all public views do');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'rewards'::regnamespace
	AND (SELECT array_agg(oid) FROM pg_type WHERE typnamespace = 'loyalty'::regnamespace) && (p.proargtypes::oid[] || p.prorettype || coalesce(p.proallargtypes, '{}'))$$,
	'and all public functions');

-- many members joined
CREATE TABLE shop.customers (customer_id bigint PRIMARY KEY, name text);
INSERT INTO shop.customers SELECT i, 'customer ' || i FROM generate_series(1, 50) i;
UPDATE rewards.rule SET activates = NULL, expires = NULL;
INSERT INTO shop.orders SELECT 100 + i, i, 10 * i, '2026-02-01 11:00Z' FROM generate_series(2, 50) i;
SELECT is((SELECT count(*) FROM shop.customers c JOIN rewards.balances b ON b.member_id = c.customer_id AND b.unit = 'points' WHERE b.available = 10 * c.customer_id), 49::bigint,
	'balances joins the shop''s own customers');
SELECT is((SELECT trim_scale(sum(o.total - p.points)) FROM shop.orders o JOIN rewards.orders_points p USING (order_id) WHERE order_id > 100 AND unit = 'points'), 0::numeric,
	'orders_points joins the orders');
SELECT is((SELECT count(*) FROM rewards.history WHERE member_id BETWEEN 2 AND 50), 98::bigint, 'history has a row per line');
SELECT is((SELECT trim_scale(points) FROM rewards.liability WHERE unit = 'points'), (SELECT trim_scale(sum(available + pending + held)) FROM rewards.balances WHERE unit = 'points'), 'liability is the sum of what members have');
SELECT is((SELECT count(*) FROM loyalty.programs WHERE name = 'rewards'), 1::bigint, 'the program is listed');

\ir include/finish.sql

