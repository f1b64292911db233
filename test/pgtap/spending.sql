-- Spending points, giving them back, sending them: examples 2.2, 3.1-3.7 and
-- every refusal.
BEGIN;
\ir include/shop.sql
\ir include/errors.sql
SELECT * FROM no_plan();
INSERT INTO rewards.rule (name, source, earn) VALUES ('base', 'orders', '1 per 1');
INSERT INTO rewards.unit (name, decimals, spendable) VALUES ('status', 2, false);
INSERT INTO rewards.member (member_id, joined_at) SELECT i, '2025-01-01' FROM generate_series(1, 60) i;

-- what the call returns
CREATE FUNCTION t.brief(o rewards.outcome) RETURNS text IMMUTABLE LANGUAGE sql AS $$
	SELECT concat_ws(' ', o.status, trim_scale(o.points), o.unit || ':', trim_scale(o.available), 'available', trim_scale(o.held), 'held', trim_scale(o.debt), 'debt')
$$;
SELECT run($$SELECT rewards.adjust(1, 100, reason => 'gift')$$);
SELECT is(brief(rewards.spend(1, 30)), 'done 30 points: 70 available 0 held 0 debt', 'spend() says what is left');
SELECT is(ledger(1), 'adjust 100, redeem -30', 'a line of the ledger');
SELECT is((SELECT trim_scale(spent) FROM rewards.balances WHERE member_id = 1 AND unit = 'points'), 30::numeric, 'balances.spent');
SELECT results_eq($$SELECT kind, member_id, trim_scale(points::numeric), trim_scale(spent::numeric), status, actor FROM rewards.operation WHERE kind = 'spend'$$,
	format($$VALUES ('spend', 1::bigint, 30::numeric, 30::numeric, 'done', %L)$$, session_user), 'who spent what');
SELECT run($$SELECT rewards.spend(1, 5, note => 'a coffee')$$);
SELECT is((SELECT reason FROM rewards.statement(1) ORDER BY entry_no DESC LIMIT 1), 'a coffee', 'the note is in the statement');

-- 3.1, 3.4: what ends first goes first; never more than there is
SELECT run($$SELECT rewards.adjust(2, 100, reason => 'x', expires_at => '2026-01-31 00:00Z')$$);
SELECT run($$SELECT rewards.adjust(2, 100, reason => 'x', expires_at => '2026-12-31 00:00Z')$$);
SELECT run('SELECT rewards.spend(2, 80)');
SELECT is(rewards.balance(2, at => '2026-02-01'), 100::numeric, '3.1 in February 100, not 20');
SELECT is(error_of('SELECT rewards.spend(1, 80)'), 'LY001: insufficient points: 65 available, 80 needed; Missing 15; pending 0, held 0, owed 0.', '3.4 LY001 says what is available');
SELECT is(state(1), '65 available', '3.4 and nothing is taken');

-- 2.2: spent points that are taken back become debt, which repays first
INSERT INTO shop.orders (order_id, customer_id, total) VALUES (1, 3, 150);
SELECT run('SELECT rewards.spend(3, 140)');
UPDATE shop.orders SET total = 120 WHERE order_id = 1;
SELECT is(state(3), '0 available, 20 debt', '2.2 debt 20');
SELECT is(sqlstate_of('SELECT rewards.spend(3, 1)'), 'LY001', '2.2 who owes cannot spend');
INSERT INTO shop.orders (order_id, customer_id, total) VALUES (2, 3, 50);
SELECT is(state(3), '30 available', '2.2 20 repay, 30 spendable');

-- refusals
SELECT is(sqlstate_of('SELECT rewards.spend(987, 1)'), 'LY002', 'nobody spends nothing');
SELECT is(sqlstate_of($$SELECT rewards.spend(1, 1, unit => 'status')$$), 'LY010', 'a unit that is not spendable');
SELECT is(sqlstate_of($$SELECT rewards.hold(1, 1, unit => 'status')$$), 'LY010', 'nor can it be held');
SELECT is(sqlstate_of($$SELECT rewards.spend(1, 1, unit => 'no such')$$), '42704', 'no such unit');
SELECT is(sqlstate_of('SELECT rewards.spend(1, 0)'), '22023', 'nothing');
SELECT is(sqlstate_of('SELECT rewards.spend(1, -5)'), '22023', 'less than nothing');
SELECT is(sqlstate_of('SELECT rewards.spend(1, 0.5)'), '22023', 'half a point where points are whole');
SELECT is(sqlstate_of('SELECT rewards.spend(1, NULL)'), '22004', 'NULL');
SELECT is(sqlstate_of('SELECT rewards.spend(NULL, 1)'), '22004', 'NULL''s points');
UPDATE rewards.member SET status = 'blocked' WHERE member_id = 2;
SELECT is(sqlstate_of('SELECT rewards.spend(2, 1)'), 'LY003', 'a blocked member does not spend');
SELECT is(sqlstate_of('SELECT rewards.hold(2, 1)'), 'LY003', 'nor hold');
UPDATE rewards.member SET status = 'closed' WHERE member_id = 2;
SELECT is(sqlstate_of('SELECT rewards.spend(2, 1)'), 'LY003', 'nor one who has left');
UPDATE rewards.member SET status = 'active' WHERE member_id = 2;

-- keys
SELECT is(brief(rewards.spend(1, 10, key => 'till 1')), 'done 10 points: 55 available 0 held 0 debt', 'with a key');
SELECT is(brief(rewards.spend(1, 10, key => 'till 1')), 'done 10 points: 55 available 0 held 0 debt', 'the same call again spends nothing');
SELECT is((SELECT count(*) FROM rewards.operation WHERE key = 'till 1'), 1::bigint, 'and leaves one row');
SELECT is(sqlstate_of($$SELECT rewards.spend(1, 11, key => 'till 1')$$), 'LY009', 'other points');
SELECT is(sqlstate_of($$SELECT rewards.spend(1, 10, key => 'till 1', note => 'x')$$), 'LY009', 'another note');
SELECT is(sqlstate_of($$SELECT rewards.spend(2, 10, key => 'till 1')$$), 'LY009', 'another member');
SELECT is(sqlstate_of($$SELECT rewards.hold(1, 10, key => 'till 1')$$), 'LY009', 'another function');
SELECT is(sqlstate_of($$SELECT rewards.spend(1, 1000, key => 'till 2')$$), 'LY001', 'a refused call');
SELECT is_empty($$SELECT * FROM rewards.operation WHERE key = 'till 2'$$, 'stores nothing');
SELECT is(brief(rewards.spend(1, 1, key => 'till 2')), 'done 1 points: 54 available 0 held 0 debt', 'so its key is free');

-- 3.2: cancelled after one of two lots has ended
SELECT rewards.set_clock('2026-01-20 12:00Z');
CREATE FUNCTION t.fill(member_id bigint) RETURNS void LANGUAGE sql AS $$
	SELECT rewards.adjust($1, 100, reason => 'x', expires_at => '2026-04-01 00:00Z');
	SELECT rewards.adjust($1, 200, reason => 'x', expires_at => '2027-01-01 00:00Z');
$$;
SELECT run(format('SELECT fill(%s)', i)) FROM generate_series(10, 16) i;
SELECT rewards.set_clock('2026-03-20 12:00Z');
CREATE TABLE t.spent AS SELECT i AS member_id, (rewards.spend(i, 150, key => 'spend ' || i)).id FROM generate_series(10, 16) i;
CREATE FUNCTION t.spent(member_id bigint) RETURNS bigint STABLE LANGUAGE sql AS 'SELECT id FROM t.spent WHERE member_id = $1';
SELECT rewards.set_clock('2026-03-25 12:00Z');

-- 3.3: in part, last drawn first
SELECT is(brief(rewards.cancel(spent(12), 60)), 'partly cancelled 60 points: 210 available 0 held 0 debt', '3.3 a partial cancel');
SELECT is(lots(12), '10 from 2026-01-20 12:00 to 2026-04-01 00:00 active; 200 from 2026-01-20 12:00 to 2027-01-01 00:00 active', '3.3 50 to the second lot, 10 to the first');
SELECT is(brief(rewards.cancel(spent(12), 40, reason => 'two of three')), 'partly cancelled 40 points: 250 available 0 held 0 debt', 'another part');
SELECT is(sqlstate_of('SELECT rewards.cancel(spent(12), 51)'), '55000', 'no more than is left');
SELECT is(brief(rewards.cancel(spent(12))), 'cancelled 50 points: 300 available 0 held 0 debt', 'all that is left');
SELECT is(error_of('SELECT rewards.cancel(spent(12))'), format('55000: operation %s has been cancelled already; It spent 150, of which 150 were given back.', spent(12)), 'once');
SELECT is((SELECT trim_scale(spent) FROM rewards.balances WHERE member_id = 12 AND unit = 'points'), 0::numeric, 'spent is net of what came back');
SELECT is((SELECT brief(rewards.spend(12, 150, key => 'spend 12'))), 'cancelled 150 points: 300 available 0 held 0 debt', 'the call that spent, repeated, says what has become of it');

SELECT rewards.set_clock('2026-04-02 12:00Z');
SELECT is(brief(rewards.cancel(spent(10))), 'cancelled 150 points: 200 available 0 held 0 debt', '3.2 200 available');
SELECT is((SELECT trim_scale(expired) FROM rewards.balances WHERE member_id = 10 AND unit = 'points'), 100::numeric, '3.2 100 booked expired');
UPDATE rewards.unit SET return_grace = '7 days' WHERE name = 'points';
SELECT is(brief(rewards.cancel(spent(11))), 'cancelled 150 points: 300 available 0 held 0 debt', '3.2 with return_grace 300');
SELECT is(rewards.balance(11, at => '2026-04-09 11:59:59Z'), 300::numeric, '3.2 until 9 April');
SELECT is(rewards.balance(11, at => '2026-04-09 12:00Z'), 200::numeric, '3.2 then 200');
SELECT rewards.set_clock('2026-04-05 12:00Z');
CREATE TABLE t.again AS SELECT (rewards.spend(11, 100)).id;
SELECT rewards.set_clock('2026-04-07 12:00Z');
SELECT run('SELECT rewards.cancel((SELECT id FROM t.again))');
SELECT is(rewards.balance(11, at => '2026-04-09 12:00Z'), 200::numeric, 'what was extended once is not extended again');
UPDATE rewards.unit SET return_grace = 'immediately' WHERE name = 'points';

-- cancel: keys and refusals
SELECT is(brief(rewards.cancel(spent(13), 30, key => 'c13')), 'partly cancelled 30 points: 180 available 0 held 0 debt', 'cancel with a key');
SELECT is(brief(rewards.cancel(spent(13), 30, key => 'c13')), 'partly cancelled 30 points: 180 available 0 held 0 debt', 'once');
SELECT is(sqlstate_of($$SELECT rewards.cancel(spent(13), 31, key => 'c13')$$), 'LY009', 'other points');
SELECT is(sqlstate_of('SELECT rewards.cancel(987654)'), '42704', 'no such redemption');
SELECT is(sqlstate_of('SELECT rewards.cancel((SELECT min(operation_no) FROM rewards.operation))'), '42704', 'an adjustment is none');
SELECT is(sqlstate_of('SELECT rewards.cancel(NULL)'), '22004', 'NULL');
SELECT is(sqlstate_of('SELECT rewards.cancel(spent(13), 0)'), '22023', 'no points');
SELECT is(sqlstate_of('SELECT rewards.cancel(spent(13), quantity => 1)'), '22023', 'what was spent has no quantity');
UPDATE rewards.member SET status = 'blocked' WHERE member_id = 13;
SELECT is(brief(rewards.cancel(spent(13), 20)), 'partly cancelled 20 points: 200 available 0 held 0 debt', 'a blocked member gets back what it spent');
UPDATE rewards.member SET status = 'active' WHERE member_id = 13;

-- what comes back repays debt
SELECT run($$SELECT rewards.adjust(14, -200, reason => 'x', allow_debt => true)$$);
SELECT is(state(14), '0 available, 50 debt', 'debt');
SELECT is(brief(rewards.cancel(spent(14), 50)), 'partly cancelled 50 points: 0 available 0 held 0 debt', 'a return repays it');

-- reverse
SELECT is(brief(rewards.reverse(spent(15), 'wrong member')::text::rewards.outcome), 'done 150 points: 200 available 0 held 0 debt', 'reverse() of a spending: all comes back, as far as it has not ended');
SELECT is(brief(rewards.spend(15, 150, key => 'spend 15')), 'reversed 150 points: 200 available 0 held 0 debt', 'it is reversed');
SELECT is(sqlstate_of($$SELECT rewards.reverse(spent(15), 'x')$$), '55000', 'once');
SELECT is(sqlstate_of($$SELECT rewards.cancel(spent(15))$$), '55000', 'nor is anything left to cancel');
SELECT is(sqlstate_of($$SELECT rewards.reverse(spent(12), 'x')$$), '55000', 'what was cancelled is not reversed');
SELECT is(sqlstate_of($$SELECT rewards.reverse((SELECT max(operation_no) FROM rewards.operation WHERE kind = 'cancel'), 'x')$$), '0A000', 'nor a cancel');

-- 3.7: points that are sent keep their ends
UPDATE rewards.unit SET transferable = true WHERE name = 'points';
SELECT run($$SELECT rewards.adjust(20, 100, reason => 'x', expires_at => '2026-06-01 00:00Z')$$);
SELECT run($$SELECT rewards.adjust(20, 100, reason => 'x', expires_at => '2027-06-01 00:00Z')$$);
CREATE TABLE t.sent AS SELECT * FROM rewards.transfer(20, 21, 150, key => 'gift');
SELECT results_eq('SELECT status, trim_scale(points), trim_scale(available) FROM t.sent', $$VALUES ('done', 150::numeric, 50::numeric)$$, 'transfer() says what the sender has left');
SELECT is(state(21), '150 available', 'the receiver has them');
SELECT is(lots(21), '100 from 2026-04-07 12:00 to 2026-06-01 00:00 active; 50 from 2026-04-07 12:00 to 2027-06-01 00:00 active', 'with the ends they had');
SELECT results_eq($$SELECT status, id FROM rewards.transfer(20, 21, 150, key => 'gift')$$, 'SELECT status, id FROM t.sent', 'the same call again sends nothing');
SELECT is(sqlstate_of($$SELECT rewards.transfer(20, 22, 150, key => 'gift')$$), 'LY009', 'to somebody else');
SELECT is(sqlstate_of('SELECT rewards.transfer(20, 21, 51)'), 'LY001', 'more than there is');
SELECT is(sqlstate_of('SELECT rewards.transfer(20, 20, 1)'), '22023', 'to oneself');
SELECT is(sqlstate_of('SELECT rewards.transfer(20, 987, 1)'), 'LY002', 'to nobody');
SELECT is(sqlstate_of('SELECT rewards.transfer(987, 20, 1)'), 'LY002', 'from nobody');
SELECT is(sqlstate_of($$SELECT rewards.transfer(20, 21, 1, unit => 'status')$$), 'LY010', 'a unit that is not transferable');
UPDATE rewards.member SET status = 'blocked' WHERE member_id = 21;
SELECT is(sqlstate_of('SELECT rewards.transfer(20, 21, 1)'), 'LY003', 'to a blocked member');
SELECT is(sqlstate_of('SELECT rewards.transfer(21, 20, 1)'), 'LY003', 'from a blocked member');
UPDATE rewards.member SET status = 'active' WHERE member_id = 21;
SELECT run($$SELECT rewards.adjust(22, -30, reason => 'x', allow_debt => true)$$);
SELECT run('SELECT rewards.transfer(20, 22, 50)');
SELECT is(state(22), '20 available', 'what is received repays debt');
SELECT run('SELECT rewards.spend(21, 70)');
SELECT is(brief(rewards.reverse((SELECT id FROM t.sent), 'not meant')::text::rewards.outcome), 'done 150 points: 150 available 0 held 0 debt', 'reverse() of a transfer');
SELECT is(state(21), '0 available, 70 debt', 'what the receiver has not got any more it owes');
UPDATE rewards.unit SET on_shortfall = 'forgive' WHERE name = 'points';
CREATE TABLE t.sent_too AS SELECT * FROM rewards.transfer(20, 23, 10);
SELECT run('SELECT rewards.spend(23, 7)');
SELECT is(sqlstate_of($$SELECT rewards.reverse((SELECT id FROM t.sent_too), 'not meant')$$), 'LY001', 'unless the unit knows no debt');
UPDATE rewards.unit SET on_shortfall = 'debt' WHERE name = 'points';

-- a member of hundreds of lots
UPDATE rewards.unit SET expires = '12 months' WHERE name = 'points';
INSERT INTO shop.orders (order_id, customer_id, total, placed_at) SELECT 2000 + i, 51, 10, '2026-04-07 11:00Z'::timestamptz - i * interval '1 minute' FROM generate_series(1, 300) i;
CREATE TABLE t.big AS SELECT * FROM rewards.spend(51, 2005);
SELECT is((SELECT trim_scale(available) FROM t.big), 995::numeric, 'from hundreds of lots');
SELECT is((SELECT count(*) FROM rewards.member_lots(51)), 100::bigint, 'whole ones');
SELECT is(brief(rewards.cancel((SELECT id FROM t.big), 1005)), 'partly cancelled 1005 points: 2000 available 0 held 0 debt', 'and back');
SELECT is((SELECT count(*) FROM rewards.member_lots(51)), 200::bigint, 'into hundreds');
SELECT is(sqlstate_of('SELECT rewards.spend(51, 2001)'), 'LY001', 'not more than there is');
SELECT is(rewards.balance(51, at => '2026-04-07 11:00Z'), 3000::numeric, 'what it was before');

-- a unit whose lots follow activity: spending is one, returns and transfers are not
UPDATE rewards.unit SET expires = '30 days since last activity' WHERE name = 'points';
INSERT INTO shop.orders (order_id, customer_id, total, placed_at) VALUES (30, 30, 100, '2026-04-07 12:00Z'), (31, 31, 100, '2026-04-07 12:00Z'), (32, 32, 100, '2026-04-07 12:00Z');
CREATE TABLE t.idle AS SELECT (rewards.spend(31, 10)).id;
SELECT rewards.set_clock('2026-04-27 12:00Z');
SELECT run('SELECT rewards.spend(30, 10)');
SELECT run('SELECT rewards.cancel((SELECT id FROM t.idle))');
SELECT run('SELECT rewards.transfer(31, 33, 40)');
SELECT run('SELECT rewards.transfer(31, 32, 20)');
SELECT rewards.set_clock('2026-05-08 12:00Z');
SELECT is(state(30), '90 available', 'spending keeps them');
SELECT is(state(31), '0 available', 'a return or a transfer does not');
SELECT is(state(32), '0 available', 'points received follow the receiver''s activity');
SELECT is((SELECT string_agg(trim_scale(points) || ' ' || kind, ', ' ORDER BY entry_no) FROM rewards.statement(33)), '40 transfer', 'of which there may be none');
INSERT INTO shop.orders (order_id, customer_id, total, placed_at) VALUES (34, 34, 100, '2026-03-01 12:00Z');
INSERT INTO shop.orders (order_id, customer_id, total, placed_at) VALUES (35, 35, 100, '2026-05-01 12:00Z');
SELECT run('SELECT rewards.transfer(35, 34, 10)');
SELECT is(lots(34), '10 from 2026-05-01 12:00 to 2026-05-31 12:00 active', 'unless that has lapsed: then they keep the end they had');

-- fractions are only carried: what can be spent is the floor of the sum
INSERT INTO rewards.unit (name, rounding) VALUES ('carried', 'carry');
INSERT INTO rewards.rule (name, source, unit, earn) VALUES ('carried', 'orders', 'carried', '1 per 1');
INSERT INTO shop.orders (order_id, customer_id, total, placed_at) VALUES (40, 40, 9.9, '2026-05-08 12:00Z');
SELECT is(state(40, 'carried'), '9 available', 'shown is the floor');
SELECT is(sqlstate_of($$SELECT rewards.spend(40, 9.9, unit => 'carried')$$), '22023', 'spent, too');
SELECT is(sqlstate_of($$SELECT rewards.hold(40, 0.5, unit => 'carried')$$), '22023', 'and held');
SELECT is(brief(rewards.spend(40, 9, unit => 'carried')), 'done 9 carried: 0 available 0 held 0 debt', 'whole points are spent');
INSERT INTO shop.orders (order_id, customer_id, total, placed_at) VALUES (41, 40, 0.1, '2026-05-08 12:00Z');
SELECT is(state(40, 'carried'), '1 available', 'and the fraction stays');

-- what was sent, and has lapsed at the receiver, is owed by nobody when that is undone
INSERT INTO rewards.unit (name, transferable) VALUES ('gifts', true), ('gifts that know no debt', true);
UPDATE rewards.unit SET on_shortfall = 'forgive' WHERE name = 'gifts that know no debt';
INSERT INTO rewards.member (member_id, joined_at) VALUES (70, '2026-01-01'), (71, '2026-01-01');
SELECT run(format('SELECT rewards.adjust(70, 50, unit => %L, reason => ''x'', expires_at => ''2026-05-10 00:00Z'')', name)) FROM rewards.unit WHERE name LIKE 'gifts%';
SELECT run(format('SELECT rewards.transfer(70, 71, 50, unit => %L, key => %L)', name, name)) FROM rewards.unit WHERE name LIKE 'gifts%';
SELECT run($$SELECT rewards.spend(71, 10, unit => 'gifts')$$);
SELECT rewards.set_clock('2026-05-11 12:00Z');
SELECT is(rewards.balance(71, 'gifts'), 0::numeric, 'sent, and lapsed');
SELECT run($$SELECT rewards.reverse((SELECT operation_no FROM rewards.operation WHERE key = 'gifts'), 'not meant')$$);
SELECT is(state(71, 'gifts'), '0 available, 10 debt', 'undone, what was spent is owed, not what lapsed');
SELECT is(state(70, 'gifts'), '0 available', 'nor does it come back from the dead');
SELECT is(sqlstate_of($$SELECT rewards.reverse((SELECT operation_no FROM rewards.operation WHERE key = 'gifts that know no debt'), 'not meant')$$), '00000', 'where there is no debt that is no reason to refuse');

\ir include/finish.sql
