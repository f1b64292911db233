-- Judging past events again by the present rules.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();
INSERT INTO rewards.member (member_id, joined_at) SELECT i, '2025-01-01' FROM generate_series(1, 30) i;
INSERT INTO rewards.rule (name, source, earn) VALUES ('base', 'orders', '1 per 1'), ('flat', 'orders', '5');
INSERT INTO shop.orders VALUES (1, 1, 100, '2026-01-02 12:00Z'), (2, 1, 50, '2026-01-05 12:00Z'), (3, 2, 10, '2026-01-05 12:00Z'), (4, 3, 10, '2025-12-31 12:00Z'), (5, 3, 10, '2026-01-08 12:00Z');
UPDATE rewards.rule SET earn = '2 per 1' WHERE name = 'base';
SELECT is(ARRAY[state(1), state(2), state(3)], '{160 available,15 available,30 available}', 'the rule was corrected after it had paid');

-- a report, nothing posted
SELECT isnt_empty($$SELECT * FROM rewards.reprice('base', '2026-01-01 00:00Z', '2026-01-06 00:00Z')$$, 'reprice() reports');
SELECT is((SELECT array_agg(DISTINCT member_id ORDER BY member_id) FROM rewards.reprice('base', '2026-01-01 00:00Z', '2026-01-06 00:00Z')), '{1,2}'::bigint[],
	'the members whose events in the period would earn otherwise');
SELECT is(ARRAY[state(1), state(2), state(3)], '{160 available,15 available,30 available}', 'and posts nothing');
SELECT is_empty('SELECT * FROM rewards.operation', 'nor leaves anything');

-- applied
SELECT run($$SELECT * FROM rewards.reprice('base', '2026-01-01 00:00Z', '2026-01-06 00:00Z', apply => true)$$);
SELECT is(ARRAY[state(1), state(2), state(3)], '{310 available,25 available,30 available}', 'applied: the differences, of events in the period only');
SELECT is(ARRAY[shares('1'), shares('5')], '{"base 200, flat 5","base 10, flat 5"}', 'each event holds what the present rule pays');
SELECT is_empty('SELECT * FROM rewards.verify()', 'verify() agrees');
SELECT is_empty($$SELECT * FROM rewards.reconcile('orders')$$, 'so does reconcile()');
SELECT is((SELECT count(*) FROM rewards.reprice('base', '2026-01-01 00:00Z', '2026-01-06 00:00Z', apply => true)), 0::bigint, 'again there is no difference');
UPDATE shop.orders SET total = 40 WHERE order_id = 2;
SELECT is(shares('2'), 'base 80, flat 5', 'later changes are judged by the version that was applied');

-- undone
SELECT lives_ok($$SELECT rewards.reverse((SELECT min(operation_no) FROM rewards.operation WHERE kind = 'reprice'), 'it was right before')$$, 'reverse() of a reprice');
SELECT is(state(2), '15 available', 'undone');
SELECT is_empty('SELECT * FROM rewards.verify()', 'verify() agrees');

-- downward: a bad rule is recalled
UPDATE rewards.rule SET earn = '100 per 1' WHERE name = 'base';
INSERT INTO shop.orders VALUES (10, 10, 100), (11, 11, 10);
SELECT run('SELECT rewards.adjust(10, -9000, reason => ''spent at once'')');
UPDATE rewards.rule SET earn = '1 per 1' WHERE name = 'base';
SELECT run($$SELECT * FROM rewards.reprice('base', '2026-01-10 00:00Z', '2026-01-11 00:00Z', apply => true)$$);
SELECT is(ARRAY[shares('10'), shares('11')], '{"base 100, flat 5","base 10, flat 5"}', 'a bad rule recalled: each event holds what it should');
SELECT is(rewards.balance(11), 15::numeric, 'what was not spent is gone');
SELECT is(state(10), '0 available, 8895 debt', 'what was spent is owed: 105 earned, 9000 spent');

-- a reprice is undone once, by its key
PREPARE undo AS SELECT id, status FROM rewards.reverse((SELECT max(operation_no) FROM rewards.operation WHERE kind = 'reprice'), 'it was right', key => 'undo');
SELECT run('CREATE TEMP TABLE undone AS EXECUTE undo');
SELECT results_eq('undo', 'TABLE undone', 'undone again by the same key: the same');
SELECT is(state(10), '1005 available', 'and nothing more');
SELECT is(sqlstate_of($$SELECT rewards.reverse((SELECT max(operation_no) FROM rewards.operation WHERE kind = 'reprice'), 'it was wrong', key => 'undo')$$), 'LY009', 'another call');

-- a rule disabled, a rule that did not exist
UPDATE rewards.rule SET enabled = false WHERE name = 'flat';
INSERT INTO rewards.rule (name, source, earn) VALUES ('bonus', 'orders', '7');
SELECT run($$SELECT * FROM rewards.reprice('bonus', '2026-01-10 00:00Z', '2026-01-11 00:00Z', apply => true)$$);
SELECT matches(shares('11'), 'bonus 7', 'a rule may be applied to what was before it');
SELECT isnt(sqlstate_of($$SELECT * FROM rewards.reprice('no such rule', '2026-01-01', '2026-02-01')$$), '00000', 'a rule must exist');

\ir include/finish.sql
