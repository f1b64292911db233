-- Points set aside until a deadline: example 3.6, capturing, releasing,
-- lapsing, readers at other instants, keys and refusals.
BEGIN;
\ir include/shop.sql
\ir include/errors.sql
SELECT * FROM no_plan();
INSERT INTO rewards.rule (name, source, earn) VALUES ('base', 'orders', '1 per 1');
UPDATE rewards.unit SET value = 0.01 WHERE name = 'points';
INSERT INTO rewards.member (member_id, joined_at) SELECT i, '2025-01-01' FROM generate_series(1, 60) i;
CREATE FUNCTION t.brief(o rewards.outcome) RETURNS text IMMUTABLE LANGUAGE sql AS $$
	SELECT concat_ws(' ', o.status, trim_scale(o.points), o.unit || ':', trim_scale(o.available), 'available', trim_scale(o.held), 'held', 'until ' || to_char(o.valid_until, 'DD HH24:MI'))
$$;
CREATE FUNCTION t.fill(member_id bigint) RETURNS void LANGUAGE sql AS $$
	SELECT rewards.adjust($1, 60, reason => 'x', expires_at => '2026-01-10 12:10Z');
	SELECT rewards.adjust($1, 40, reason => 'x', expires_at => '2026-12-31 00:00Z');
$$;
-- the latest hold of a member
CREATE FUNCTION t.hold_of(member_id bigint) RETURNS bigint STABLE LANGUAGE sql AS 'SELECT max(hold_no) FROM rewards.hold WHERE member_id = $1';
CREATE FUNCTION t.hold_status(member_id bigint) RETURNS text STABLE LANGUAGE sql AS 'SELECT status FROM rewards.hold WHERE hold_no = hold_of($1)';

-- 3.6
SELECT run($$SELECT rewards.adjust(1, 100, reason => 'gift')$$);
SELECT is(brief(rewards.hold(1, 80, for_ => '15 minutes')), 'held 80 points: 20 available 80 held until 10 12:15', '3.6 80 of 100 are held');
SELECT is(error_of('SELECT rewards.hold(1, 80)'), 'LY001: insufficient points: 20 available, 80 needed; Missing 60; pending 0, held 80 until 2026-01-10 12:15:00+00, owed 0.', '3.6 a second hold is told why');
SELECT is(sqlstate_of('SELECT rewards.spend(1, 21)'), 'LY001', 'nor can they be spent');
SELECT is(state(1), '20 available, 80 held', 'balances.held');
SELECT is(rewards.balance(1), 20::numeric, 'balance() is without them');
SELECT is(lots(1), '20 from 2026-01-10 12:00 to never active; 80 from 2026-01-10 12:00 to never held', 'member_lots()');
SELECT is((SELECT trim_scale(points) FROM rewards.liability), 100::numeric, 'liability counts them');
SELECT is((SELECT trim_scale(balance) FROM rewards.statement(1) ORDER BY entry_no DESC LIMIT 1), 100::numeric, 'so does the running balance of the statement');
SELECT results_eq('SELECT hold_no = hold_of(1), member_id, unit, trim_scale(points), held_at, deadline, status, trim_scale(captured), kind FROM rewards.hold',
	$$VALUES (true, 1::bigint, 'points', 80::numeric, '2026-01-10 12:00Z'::timestamptz, '2026-01-10 12:15Z'::timestamptz, 'held', 0::numeric, 'hold')$$, 'the view hold');
SELECT is(rewards.balance(1, at => '2026-01-10 12:14:59Z'), 20::numeric, 'a reader of a future instant knows the deadline');
SELECT is(rewards.balance(1, at => '2026-01-10 12:15Z'), 100::numeric, 'after which they are back');
SELECT is_empty('SELECT * FROM rewards.verify()', 'verify() while a hold is open');
SELECT rewards.set_clock('2026-01-10 12:15Z');
SELECT is(state(1), '100 available', 'at the deadline they are available, with no job');
SELECT is(hold_status(1), 'lapsed', 'the hold has lapsed');
SELECT is_empty('SELECT * FROM rewards.verify()', 'verify() before that is booked');
SELECT is(rewards.book_due(), 1::bigint, 'book_due() finds it');
SELECT is(ledger(1), 'adjust 100, hold -80, release 80', 'and writes a line');
SELECT is((SELECT occurred_at FROM rewards.statement(1) ORDER BY entry_no DESC LIMIT 1), '2026-01-10 12:15Z'::timestamptz, 'dated at the deadline');
SELECT is(brief(rewards.hold(1, 80)), 'held 80 points: 20 available 80 held until 10 12:30', '3.6 a second hold succeeds then');
SELECT is(rewards.balance(1, at => '2026-01-10 12:10Z'), 20::numeric, 'what it was while the first was open');
SELECT is(rewards.balance(1, at => '2026-01-10 12:15Z', known_at => '2026-01-10 12:00Z'), 100::numeric, 'what was known then of the deadline');
SELECT is(rewards.balance(1, at => '2026-01-10 12:14Z', known_at => '2026-01-10 12:00Z'), 20::numeric, 'and of the time before');

-- capture and release
SELECT is(brief(rewards.capture(hold_of(1), 50)), 'captured 50 points: 50 available 0 held', 'a partial capture releases the rest');
SELECT is((SELECT string_agg(kind || ' ' || trim_scale(points), ', ' ORDER BY entry_no) FROM rewards.statement(1) WHERE entry_no > 4), 'release 50, redeem -50, release 30', 'as lines');
SELECT results_eq('SELECT status, trim_scale(captured) FROM rewards.hold WHERE hold_no = hold_of(1)', $$VALUES ('captured', 50::numeric)$$, 'as the view says');
SELECT is(error_of('SELECT rewards.capture(hold_of(1))'), format('LY008: hold %s has been captured already; Its deadline is 2026-01-10 12:30:00+00.', hold_of(1)), 'once');
SELECT is(sqlstate_of('SELECT rewards.release(hold_of(1))'), 'LY008', 'nor is it released');
SELECT is(brief(rewards.cancel(hold_of(1), 20)), 'partly cancelled 20 points: 70 available 0 held', 'what was captured can be cancelled');
SELECT is(hold_status(1), 'partly cancelled', 'as the view says');
SELECT is(brief(rewards.hold(1, 70)), 'held 70 points: 0 available 70 held until 10 12:30', 'all there is');
SELECT is(brief(rewards.release(hold_of(1))), 'released 70 points: 70 available 0 held', 'release()');
SELECT is(hold_status(1), 'released', 'as the view says');
SELECT is(sqlstate_of('SELECT rewards.release(hold_of(1))'), 'LY008', 'once');
SELECT is(sqlstate_of('SELECT rewards.capture(hold_of(1))'), 'LY008', 'nor can it be captured');
SELECT is(sqlstate_of('SELECT rewards.cancel(hold_of(1))'), 'LY008', 'nor cancelled');

-- past a lot's end
SELECT rewards.set_clock('2026-01-10 12:16Z');
SELECT run(format($$SELECT rewards.adjust(%s, 60, reason => 'x', expires_at => '2026-01-10 12:20Z'), rewards.adjust(%s, 40, reason => 'x', expires_at => '2026-12-31 00:00Z')$$, i, i)) FROM generate_series(10, 15) i;
SELECT run(format($$SELECT rewards.hold(%s, 80, key => 'h%s')$$, i, i)) FROM generate_series(10, 15) i;
SELECT is((SELECT trim_scale(sum(points)) FROM rewards.expiring WHERE member_id = 11), 100::numeric, 'expiring knows what will come back');
SELECT is((SELECT string_agg(to_char(expires_at, 'MM-DD HH24:MI') || ' ' || trim_scale(points), ', ' ORDER BY expires_at) FROM rewards.expiring WHERE member_id = 11), '01-10 12:31 60, 12-31 00:00 40', 'and that a lot that is over by then lapses then');
SELECT rewards.set_clock('2026-01-10 12:25Z');
SELECT is(state(10), '20 available, 80 held', 'what is held does not expire');
SELECT is(brief(rewards.capture(hold_of(10))), 'captured 80 points: 20 available 0 held', 'capture before the deadline succeeds past a lot''s end');
SELECT is(brief(rewards.release(hold_of(12))), 'released 80 points: 40 available 0 held', 'released past a lot''s end, points of that lot are gone');
SELECT is((SELECT trim_scale(expired) FROM rewards.balances WHERE member_id = 12 AND unit = 'points'), 60::numeric, 'they have expired');
UPDATE rewards.member SET status = 'blocked' WHERE member_id = 13;
SELECT is(brief(rewards.capture(hold_of(13), 10)), 'captured 10 points: 40 available 0 held', 'even for a member who has been blocked since');
UPDATE rewards.member SET status = 'active' WHERE member_id = 13;
SELECT is(brief(rewards.hold(10, 10, for_ => '1 day 2 hours')), 'held 10 points: 10 available 10 held until 11 14:25', 'for any length of time');

-- past the deadline
SELECT rewards.set_clock('2026-01-10 12:31Z');
SELECT is(state(11), '40 available', 'a lapsed hold: what belongs to a lot that is over lapses');
SELECT is(sqlstate_of('SELECT rewards.capture(hold_of(11))'), 'LY001', 'captured late, the points must be there');
SELECT is(brief(rewards.capture(hold_of(11), 40)), 'captured 40 points: 0 available 0 held', 'if they are, it succeeds');
SELECT is(hold_status(11), 'captured', 'and the hold is captured');
SELECT is(brief(rewards.cancel(hold_of(11))), 'cancelled 40 points: 40 available 0 held', 'and can be cancelled');
SELECT is(error_of('SELECT rewards.release(hold_of(14))'), format('LY008: hold %s has lapsed; Its deadline was 2026-01-10 12:31:00+00.', hold_of(14)), 'a lapsed hold is not released');
UPDATE rewards.member SET status = 'blocked' WHERE member_id = 14;
SELECT is(sqlstate_of('SELECT rewards.capture(hold_of(14), 10)'), 'LY003', 'late, a blocked member does not capture');
UPDATE rewards.member SET status = 'active' WHERE member_id = 14;

-- keys
SELECT is(brief(rewards.hold(14, 10, key => 'k')), 'held 10 points: 30 available 10 held until 10 12:46', 'with a key');
SELECT is(brief(rewards.hold(14, 10, key => 'k')), 'held 10 points: 30 available 10 held until 10 12:46', 'the same call again holds nothing more');
SELECT is(sqlstate_of($$SELECT rewards.hold(14, 10, for_ => '16 minutes', key => 'k')$$), 'LY009', 'for another time');
SELECT is(brief(rewards.capture(hold_of(14), key => 'c')), 'captured 10 points: 30 available 0 held', 'capture with a key');
SELECT is(brief(rewards.capture(hold_of(14), key => 'c')), 'captured 10 points: 30 available 0 held', 'again');
SELECT is((SELECT id FROM rewards.capture(hold_of(14), key => 'c')), hold_of(14), 'it returns the hold''s id');
SELECT is(sqlstate_of($$SELECT rewards.capture(hold_of(14), 5, key => 'c')$$), 'LY009', 'other points');
SELECT is(sqlstate_of($$SELECT rewards.capture(hold_of(14), 11, key => 'c')$$), 'LY009', 'even if they are more than were held');
SELECT is(brief(rewards.hold(14, 10, key => 'k')), 'captured 10 points: 30 available 0 held until 10 12:46', 'the call that held says what has become of it');
SELECT is(brief(rewards.hold(14, 10, key => 'k2')), 'held 10 points: 20 available 10 held until 10 12:46', 'another key, another hold');
SELECT is(brief(rewards.release(hold_of(14), key => 'r')), 'released 10 points: 30 available 0 held', 'release with a key');
SELECT is(brief(rewards.release(hold_of(14), key => 'r')), 'released 10 points: 30 available 0 held', 'again');

-- refusals
SELECT is(sqlstate_of('SELECT rewards.capture(987654)'), '42704', 'no such hold');
SELECT is(sqlstate_of('SELECT rewards.capture((SELECT min(operation_no) FROM rewards.operation))'), '42704', 'an adjustment is none');
SELECT is(sqlstate_of('SELECT rewards.release(NULL)'), '22004', 'NULL');
SELECT is(sqlstate_of($$SELECT rewards.hold(14, 1, for_ => '0 minutes')$$), '22023', 'for no time');
SELECT is(sqlstate_of($$SELECT rewards.hold(14, 1, for_ => '-5 minutes')$$), '22023', 'for less');
SELECT is(sqlstate_of($$SELECT rewards.hold(14, 1, for_ => NULL)$$), '22004', 'for NULL');
SELECT is(sqlstate_of('SELECT rewards.capture(hold_of(10), 11)'), '22023', 'more than is held');
SELECT is(sqlstate_of('SELECT rewards.capture(hold_of(10), 0)'), '22023', 'nothing');

-- reverse
SELECT is((SELECT status || ' ' || trim_scale(points) || ' ' || trim_scale(available) FROM rewards.reverse(hold_of(10), 'x')), 'done 10 20', 'reverse() of an open hold releases it');
SELECT is(sqlstate_of($$SELECT rewards.reverse(hold_of(10), 'x')$$), '55000', 'once');
SELECT is((SELECT status || ' ' || trim_scale(points) || ' ' || trim_scale(available) FROM rewards.reverse(hold_of(13), 'x')), 'done 10 40', 'of a captured one cancels it');
SELECT is(sqlstate_of($$SELECT rewards.reverse(hold_of(12), 'x')$$), 'LY008', 'of a released one nothing');

-- what comes back at the deadline repays debt; earning and refunds leave what is held alone
INSERT INTO shop.orders (order_id, customer_id, total) VALUES (20, 20, 100);
SELECT run('SELECT rewards.hold(20, 70)');
UPDATE shop.orders SET total = 10 WHERE order_id = 20;
SELECT is(state(20), '0 available, 70 held, 60 debt', 'a refund never takes held points');
SELECT rewards.set_clock('2026-01-10 12:46Z');
SELECT is(state(20), '10 available', 'at the deadline they repay');
INSERT INTO shop.orders (order_id, customer_id, total) VALUES (21, 20, 5);
SELECT is(ledger(20), 'earn 100, hold -70, revoke -30, revoke -60, release 70, repay -60, repay 60, earn 5', 'in the order of time');

-- several holds, in any order
SELECT run($$SELECT rewards.adjust(30, 100, reason => 'x')$$);
CREATE TABLE t.many AS SELECT i, (SELECT id FROM rewards.hold(30, 10, for_ => make_interval(mins => 10 * i))) AS hold_no FROM generate_series(1, 9) i;
SELECT is(state(30), '10 available, 90 held', 'nine holds');
SELECT rewards.set_clock('2026-01-10 13:16Z');
SELECT is(state(30), '40 available, 60 held', 'three have lapsed');
SELECT run('SELECT rewards.capture(hold_no) FROM t.many WHERE i IN (4, 6)');
SELECT run('SELECT rewards.release(hold_no) FROM t.many WHERE i = 5');
SELECT is(state(30), '50 available, 30 held', 'two captured, one released');
SELECT rewards.set_clock('2026-01-11 00:00Z');
SELECT is(state(30), '80 available', 'the others lapse');
SELECT is((SELECT trim_scale(sum(b.available + b.held)) FROM rewards.balances b WHERE member_id = 30), 80::numeric, 'nothing is lost');

-- at an instant: expire, then lapse, then repay
SELECT run($$SELECT rewards.adjust(31, 10, reason => 'x', expires_at => '2026-01-11 01:00Z')$$);
SELECT run($$SELECT rewards.adjust(31, 10, reason => 'x', expires_at => '2026-01-12 00:00Z')$$);
SELECT run($$SELECT rewards.hold(31, 15, for_ => '1 hour')$$);
SELECT run($$SELECT rewards.adjust(31, -15, reason => 'x', allow_debt => true)$$);
SELECT rewards.set_clock('2026-01-11 01:00Z');
SELECT is(state(31), '0 available, 5 debt', 'a lot that ends when its hold lapses is over');
SELECT run('SELECT rewards.book_due()');
SELECT is(ledger(31), 'adjust 10, adjust 10, hold -10, hold -5, adjust -5, adjust -10, release 10, expire -10, release 5, repay -5, repay 5', 'as the lines say');

-- a member of hundreds of lots
INSERT INTO shop.orders (order_id, customer_id, total, placed_at) SELECT 2000 + i, 51, 10, '2026-01-10 11:00Z'::timestamptz - i * interval '1 minute' FROM generate_series(1, 300) i;
CREATE TABLE t.big AS SELECT * FROM rewards.hold(51, 2005, for_ => '1 day');
SELECT is(state(51), '995 available, 2005 held', 'hundreds of lots are held');
SELECT is_empty('SELECT * FROM rewards.verify()', 'verify()');
SELECT run('SELECT rewards.capture((SELECT id FROM t.big), 1000)');
SELECT is(state(51), '2000 available', 'captured in part');

\ir include/finish.sql
