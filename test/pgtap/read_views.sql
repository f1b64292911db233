-- Views and readers: what lapses when something is owed, every member and every
-- unit, members whose ids are no numbers, and readers of little privilege.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();

INSERT INTO rewards.unit (name, spendable, decimals, rounding, value) VALUES ('miles', false, 0, 'carry', 0.01);
UPDATE rewards.unit SET value = 0.05 WHERE name = 'points';
INSERT INTO rewards.rule (name, source, unit, earn, activates, expires) VALUES
	('base', 'orders', 'points', '1 per 1', NULL, '30 days'),
	('later', 'orders', 'points', '50', '10 days', '20 days'),
	('miles', 'orders', 'miles', '0.33 per 1', NULL, NULL);
UPDATE rewards.rule SET condition = 'channel = ''web''' WHERE name = 'later';

-- one row for each member and unit, whether or not there ever was something
INSERT INTO rewards.member (member_id, joined_at) VALUES (50, '2026-01-01');
INSERT INTO shop.orders VALUES (1, 1, 100), (2, 2, 10);
SELECT results_eq('SELECT member_id, unit, trim_scale(available), trim_scale(available_exact), next_expiry_at, next_expiry_points FROM rewards.balances WHERE member_id IN (2, 50) ORDER BY member_id, unit',
	$$VALUES (2::bigint, 'miles', 3::numeric, 3.3, NULL::timestamptz, NULL::numeric), (2, 'points', 10, 10, '2026-02-09 12:00Z', 10),
		(50, 'miles', 0, 0, NULL, NULL), (50, 'points', 0, 0, NULL, NULL)$$, 'a row for each member and unit');
SELECT is((SELECT count(*) FROM rewards.balances), 6::bigint, 'three members, two units');
SELECT results_eq('SELECT unit, trim_scale(points), trim_scale(value) FROM rewards.liability ORDER BY unit',
	$$VALUES ('miles', 36.3, 0.363), ('points', 110, 5.5)$$, 'liability in money');

-- owed points are repaid by what activates before it lapses
SELECT run('SELECT rewards.adjust(2, -30, reason => ''x'', allow_debt => true)');
INSERT INTO shop.orders VALUES (3, 2, NULL, DEFAULT, 'paid', 'web');
SELECT is((SELECT count(*) FROM rewards.history WHERE event_key = '3'), 0::bigint, 'no amount, no points');
INSERT INTO shop.orders VALUES (4, 2, 5, DEFAULT, 'paid', 'web');
SELECT is(state(2), '0 available, 50 pending, 15 debt', 'owed 20, of which 5 are repaid at once; 50 come in ten days');
SELECT results_eq($$SELECT next_expiry_at, trim_scale(next_expiry_points) FROM rewards.balances WHERE member_id = 2 AND unit = 'points'$$,
	$$VALUES ('2026-01-30 12:00Z'::timestamptz, 35::numeric)$$, 'of the 50 only 35 will lapse: 15 repay what is owed');
SELECT results_eq($$SELECT trim_scale(points), expires_at FROM rewards.expiring WHERE member_id = 2 AND unit = 'points'$$,
	$$VALUES (35::numeric, '2026-01-30 12:00Z'::timestamptz)$$, 'expiring says the same');
SELECT is(ARRAY[rewards.balance(2, at => '2026-01-20 11:59Z'), rewards.balance(2, at => '2026-01-20 12:00Z'), rewards.balance(2, at => '2026-01-30 12:00Z')],
	'{0,35,0}'::numeric[], 'and so does balance()');
SELECT is((SELECT trim_scale(points) FROM rewards.liability WHERE unit = 'points'), 150::numeric, 'debt of one does not reduce what others have');

-- what is due but not booked is nowhere else
SELECT rewards.set_clock('2026-01-20 12:00Z');
SELECT is(state(2), '35 available', 'repaid, though nothing has been written');
SELECT rewards.set_clock('2026-02-09 12:00Z');
SELECT results_eq($$SELECT member_id, trim_scale(available), trim_scale(expired) FROM rewards.balances WHERE unit = 'points' AND member_id < 50 ORDER BY 1$$,
	$$VALUES (1::bigint, 0::numeric, 100::numeric), (2, 0, 35)$$, 'lapsed, though nothing has been written');
SELECT is_empty($$SELECT * FROM rewards.expiring WHERE unit = 'points'$$, 'nothing is left to lapse');
SELECT is((SELECT trim_scale(points) FROM rewards.liability WHERE unit = 'points'), 0::numeric, 'nor to be owed to members');
SELECT is((SELECT string_agg(format('%s %s %s', unit, trim_scale(points), state), ', ' ORDER BY unit) FROM rewards.member_lots(2)), 'miles 4.95 active', 'member_lots() leaves out what has lapsed');

-- history tells what was excused and forgiven
UPDATE shop.orders SET total = 40 WHERE order_id = 1;
SELECT results_eq($$SELECT trim_scale(points), trim_scale(lapsed), forgiven, operation FROM rewards.history WHERE event_key = '1' AND kind = 'revoke' AND unit = 'points'$$,
	$$VALUES (0::numeric, 60::numeric, NULL::numeric, NULL::bigint)$$, 'points that lapsed are not taken again');

-- statement(): of nobody, of a unit that is not there, of both ends
SELECT is_empty('SELECT * FROM rewards.statement(999)', 'the statement of nobody is empty');
SELECT is_empty('SELECT * FROM rewards.member_lots(999)', 'so are the lots');
SELECT is(sqlstate_of($$SELECT * FROM rewards.statement(1, 'nothing')$$), '42704', 'a unit must exist');
SELECT is(sqlstate_of($$SELECT * FROM rewards.member_lots(1, 'nothing')$$), '42704', 'for member_lots() too');
SELECT is(sqlstate_of('SELECT rewards.balance(NULL, ''nothing'')'), '42704', 'and for nobody''s balance()');
SELECT run('SELECT rewards.book_due()');
SELECT is((SELECT string_agg(trim_scale(balance)::text, ' ' ORDER BY entry_no) FROM rewards.statement(2, 'points')), '10 0 -20 -15 35 30 35 20 35 0', 'the running balance falls below zero where points are owed');
SELECT is((SELECT trim_scale(balance) FROM rewards.statement(2, 'points') ORDER BY entry_no DESC LIMIT 1),
	(SELECT trim_scale(available + pending + held - debt) FROM rewards.balances WHERE member_id = 2 AND unit = 'points'), 'and ends at what there is');

-- the views can be read in parallel, and joined without reading every account
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 2;
\ir include/plan_of.sql
SELECT matches(plan_of('SELECT sum(available), sum(pending), sum(debt), sum(earned) FROM rewards.balances'), 'Parallel Seq Scan on account', 'balances is scanned in parallel');
SELECT matches(plan_of('TABLE rewards.liability'), 'Parallel Seq Scan on account', 'liability too');
SELECT is((SELECT trim_scale(sum(available)) FROM rewards.balances), (SELECT sum(rewards.balance(member_id, unit)) FROM rewards.balances), 'with the same results as balance()');
SET LOCAL enable_seqscan = off;
SELECT matches(plan_of('SELECT o.order_id, b.available FROM shop.orders o JOIN rewards.balances b ON b.member_id = o.customer_id WHERE o.order_id = 1'),
	'Index Scan using account_pkey', 'a join looks members up');
SELECT unalike(plan_of('SELECT available FROM rewards.balances WHERE member_id = 1'), '%journal%', 'what is available does not read the ledger');
RESET enable_seqscan;

-- members whose ids are text or uuid
SELECT run($$SELECT loyalty.create_program('texts', member_type => 'text', time_zone => 'UTC', currency => 'EUR')$$);
SELECT run($$INSERT INTO texts.member (member_id, joined_at) VALUES ('Ann', '2026-01-01'), ('bob', '2026-01-01')$$);
SELECT is((SELECT trim_scale(available) FROM texts.adjust('Ann', 5, reason => 'x')), 5::numeric, 'adjust() of a text id');
SELECT is(ARRAY[texts.balance('Ann'), texts.balance('Ann'::varchar), texts.balance('ann'), texts.balance('bob')], '{5,5,0,0}'::numeric[], 'balance() of text ids');
SELECT is((SELECT string_agg(member_id || ' ' || trim_scale(available), ', ' ORDER BY member_id) FROM texts.balances), 'Ann 5, bob 0', 'balances of text ids');
SELECT run($$SELECT loyalty.create_program('ids', member_type => 'uuid', time_zone => 'UTC', currency => 'EUR')$$);
SELECT run($$INSERT INTO ids.member (member_id, joined_at) VALUES ('00000000-0000-0000-0000-000000000007', '2026-01-01')$$);
SELECT run($$SELECT ids.adjust('00000000-0000-0000-0000-000000000007', 7, reason => 'x')$$);
SELECT is(ids.balance('00000000-0000-0000-0000-000000000007'), 7::numeric, 'balance() of a uuid');
SELECT is_empty('SELECT * FROM texts.verify() UNION ALL SELECT invariant, member_id::text, detail FROM ids.verify()', 'both are sound');

-- the engine's functions are nobody's
CREATE ROLE read_stranger;
GRANT USAGE ON SCHEMA loyalty TO read_stranger;
GRANT USAGE ON SCHEMA t TO read_stranger;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA t TO read_stranger;
CREATE FUNCTION t.as_stranger(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	SET LOCAL ROLE read_stranger;
	result := t.sqlstate_of(statement);
	RESET ROLE;
	RETURN result;
END
$$;
SELECT is(as_stranger(format(call, 'rewards.program'::regclass::oid)), '42501', call) FROM unnest(ARRAY[
	'SELECT loyalty.balance_1(%s, 1::bigint, NULL, NULL, NULL)', 'SELECT * FROM loyalty.member_lots_1(%s, 1::bigint, NULL)', 'SELECT loyalty.unit_no_1(%s, NULL)',
	'SELECT loyalty.adjust_1(%s, 1::bigint, 5, NULL, ''x'', NULL, false, NULL)', 'SELECT loyalty.reverse_1(%s, 1, ''x'', NULL)', 'SELECT loyalty.book_due_1(%s, NULL)',
	'SELECT * FROM loyalty.verify_1(%s, NULL::bigint)', 'SELECT loyalty.grant_access_1(%s, ''read_stranger'', ''admin'')']) call;

-- reports read sources that are attached later
SELECT run($$SELECT rewards.grant_access('read_stranger', 'report')$$);
CREATE TABLE shop.visits (visit_id bigint PRIMARY KEY, who bigint);
SELECT run($$SELECT rewards.attach('shop.visits', name => 'visits', member => 'who')$$);
SELECT is(as_stranger('SELECT * FROM rewards.visits_points'), '00000', 'points of a source attached after access was granted');
SELECT is(as_stranger('SELECT * FROM rewards.entry'), '42501', 'but not the ledger itself');
SELECT is(sqlstate_of($$SELECT rewards.grant_access('no such role', 'report')$$), '42704', 'a role must exist');
SELECT is(sqlstate_of($$SELECT rewards.grant_access('public', 'report')$$), '42704', 'and be one');
SELECT is(sqlstate_of($$SELECT rewards.grant_access(NULL, 'report')$$), '22004', 'and be said');
CREATE ROLE "Read; it's ""odd""";
SELECT is(sqlstate_of($$SELECT rewards.grant_access('Read; it''s "odd"', 'app')$$), '00000', 'whatever it is called');
SELECT ok(has_table_privilege('Read; it''s "odd"', 'rewards.balances', 'SELECT') AND NOT has_table_privilege('Read; it''s "odd"', 'rewards.rule', 'INSERT'), 'it has what it was given');

\ir include/finish.sql
