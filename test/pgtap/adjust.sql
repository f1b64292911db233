-- Corrections by hand, undone, and repeated calls.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();
INSERT INTO rewards.rule (name, source, earn) VALUES ('base', 'orders', '1 per 1');
INSERT INTO rewards.unit (name, decimals, spendable) VALUES ('cash', 2, false);
INSERT INTO rewards.member (member_id, joined_at) SELECT i, '2026-01-01' FROM generate_series(1, 20) i;

-- message, detail and SQLSTATE of what a statement ends with
CREATE FUNCTION t.error_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
	detail text;
BEGIN
	EXECUTE statement;
	RETURN 'no error';
EXCEPTION
	WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
		RETURN format('%s: %s; %s', SQLSTATE, message, detail);
END
$$;

-- up and down
SELECT results_eq($$SELECT unit, trim_scale(points), trim_scale(available), trim_scale(pending), trim_scale(held), trim_scale(debt) FROM rewards.adjust(1, 100, reason => 'a gift')$$,
	$$VALUES ('points', 100::numeric, 100::numeric, 0::numeric, 0::numeric, 0::numeric)$$, 'adjust() up returns what there is then');
SELECT results_eq($$SELECT trim_scale(points), trim_scale(available) FROM rewards.adjust(1, -30, reason => 'a mistake')$$, $$VALUES (-30::numeric, 70::numeric)$$, 'adjust() down');
SELECT results_eq('SELECT kind, trim_scale(points), reason, actor FROM rewards.statement(1) ORDER BY entry_no',
	format($$VALUES ('adjust', 100::numeric, 'a gift', %1$L), ('adjust', -30, 'a mistake', %1$L)$$, session_user), 'the statement says why and who');
SELECT ok((SELECT count(DISTINCT id) = 2 AND count(id) = 2 FROM (SELECT * FROM rewards.adjust(2, 1, reason => 'a') UNION ALL SELECT * FROM rewards.adjust(2, 1, reason => 'b')) s), 'each call is an operation of its own');
SELECT results_eq($$SELECT unit, trim_scale(available) FROM rewards.adjust(1, 1.25, unit => 'cash', reason => 'a gift')$$, $$VALUES ('cash', 1.25)$$, 'another unit');

-- refusals
SELECT matches(error_of($$SELECT rewards.adjust(1, -71, reason => 'too much')$$), '^LY001: .*70', 'more than there is is refused, and the refusal says what there is');
SELECT is(state(1), '70 available', 'nothing is taken');
SELECT is((SELECT trim_scale(debt) FROM rewards.adjust(1, -75, reason => 'all the same', allow_debt => true)), 5::numeric, 'unless debt is allowed');
SELECT is(state(1), '0 available, 5 debt', 'which is owed');
SELECT matches(sqlstate_of($$SELECT rewards.adjust(1, 0, reason => 'nothing')$$), '^2[23]', 'nothing is no adjustment');
SELECT matches(sqlstate_of($$SELECT rewards.adjust(1, NULL, reason => 'nothing')$$), '^2[23]', 'nor is NULL');
SELECT matches(sqlstate_of($$SELECT rewards.adjust(1, 'NaN', reason => 'x')$$), '^2[23]', 'nor NaN');
SELECT matches(sqlstate_of($$SELECT rewards.adjust(1, 'infinity', reason => 'x')$$), '^2[23]', 'nor infinity');
SELECT matches(sqlstate_of($$SELECT rewards.adjust(1, 1e30, reason => 'x')$$), '^2[23]', 'nor more than there can be');
SELECT matches(sqlstate_of($$SELECT rewards.adjust(1, 0.5, reason => 'x')$$), '^2[23]', 'nor half a point where points are whole');
SELECT matches(sqlstate_of($$SELECT rewards.adjust(1, 0.001, unit => 'cash', reason => 'x')$$), '^2[23]', 'nor a tenth of a cent');
SELECT matches(sqlstate_of($$SELECT rewards.adjust(1, 5, unit => 'no such unit', reason => 'x')$$), '^(2[23]|42)', 'a unit must exist');
SELECT matches(sqlstate_of($$SELECT rewards.adjust(1, 5)$$), '^(2[23]|42)', 'a reason must be given');
SELECT matches(sqlstate_of($$SELECT rewards.adjust(NULL, 5, reason => 'x')$$), '^(2[23]|LY002)', 'so must a member');
SELECT is((SELECT count(*) FROM rewards.operation WHERE member_id = 1), 4::bigint, 'refused calls leave nothing');

-- ends
SELECT run($$SELECT rewards.adjust(3, 10, reason => 'x', expires_at => '2026-02-01 00:00Z')$$);
SELECT run($$SELECT rewards.adjust(3, 10, reason => 'x', expires_at => 'infinity')$$);
SELECT is(lots(3), '10 from 2026-01-10 12:00 to 2026-02-01 00:00 active; 10 from 2026-01-10 12:00 to never active', 'with an end of its own, or none');
UPDATE rewards.unit SET expires = '12 months' WHERE name = 'points';
SELECT run($$SELECT rewards.adjust(4, 10, reason => 'x')$$);
SELECT is((SELECT expires_at FROM rewards.member_lots(4)), '2027-01-10 12:00Z'::timestamptz, 'else the unit''s');
UPDATE rewards.unit SET expires = 'never' WHERE name = 'points';

-- the same key again
CREATE TABLE t.first AS SELECT * FROM rewards.adjust(5, 100, reason => 'once', key => 'till-1-0001');
SELECT rewards.set_clock('2026-01-11 12:00Z');
CREATE TABLE t.second AS SELECT * FROM rewards.adjust(5, 100, reason => 'once', key => 'till-1-0001');
SELECT results_eq('SELECT id, unit, points FROM t.second', 'SELECT id, unit, points FROM t.first', 'the same call again returns the same operation');
SELECT is(ledger(5), 'adjust 100', 'and changes nothing');
SELECT throws_ok($$SELECT rewards.adjust(5, 101, reason => 'once', key => 'till-1-0001')$$, 'LY009', NULL, 'with other points: LY009');
SELECT throws_ok($$SELECT rewards.adjust(6, 100, reason => 'once', key => 'till-1-0001')$$, 'LY009', NULL, 'with another member: LY009');
SELECT throws_ok($$SELECT rewards.adjust(5, 100, unit => 'cash', reason => 'once', key => 'till-1-0001')$$, 'LY009', NULL, 'with another unit: LY009');
SELECT throws_ok($$SELECT rewards.adjust(5, 100, reason => 'once', key => 'till-1-0001', expires_at => '2027-01-01')$$, 'LY009', NULL, 'with another end: LY009');
SELECT throws_ok($$SELECT rewards.adjust(7, -5, reason => 'refused', key => 'till-1-0002')$$, 'LY001', NULL, 'a refused call');
SELECT run($$SELECT rewards.adjust(7, 5, reason => 'now it can', key => 'till-1-0002')$$);
SELECT is(state(7), '5 available', 'stores nothing: its key is free');

-- undone
CREATE TABLE t.gift AS SELECT * FROM rewards.adjust(8, 50, reason => 'wrong member');
SELECT lives_ok($$SELECT rewards.reverse((SELECT id FROM t.gift), 'wrong member')$$, 'reverse()');
SELECT is(state(8), '0 available', 'the points are gone');
SELECT isnt(sqlstate_of($$SELECT rewards.reverse((SELECT id FROM t.gift), 'again')$$), '00000', 'only once');
SELECT is(state(8), '0 available', 'not twice');
SELECT is((SELECT trim_scale(sum(points)) FROM rewards.statement(8)), 0::numeric, 'both stay in the ledger');
SELECT is((SELECT reason FROM rewards.statement(8) ORDER BY entry_no DESC LIMIT 1), 'wrong member', 'with their reasons');
SELECT isnt(sqlstate_of($$SELECT rewards.reverse(987654321, 'x')$$), '00000', 'an operation must exist');

SELECT run($$SELECT rewards.adjust(9, 40, reason => 'a', expires_at => '2026-03-01')$$);
SELECT run($$SELECT rewards.adjust(9, 40, reason => 'b', expires_at => '2026-04-01')$$);
CREATE TABLE t.taken AS SELECT * FROM rewards.adjust(9, -60, reason => 'c');
SELECT is((SELECT string_agg(trim_scale(points)::text, ' ' ORDER BY expires_at) FROM rewards.member_lots(9)), '20', '60 taken of two lots');
SELECT run($$SELECT rewards.reverse((SELECT id FROM t.taken), 'not so')$$);
SELECT is((SELECT string_agg(trim_scale(points)::text, ' ' ORDER BY expires_at) FROM rewards.member_lots(9)), '40 40', 'given back they are in the lots they came from');

CREATE TABLE t.spent AS SELECT * FROM rewards.adjust(10, 50, reason => 'a');
SELECT run($$SELECT rewards.adjust(10, -50, reason => 'spent')$$);
SELECT run($$SELECT rewards.reverse((SELECT id FROM t.spent), 'a was a mistake')$$);
SELECT is(state(10), '0 available, 50 debt', 'a gift undone after it was spent is owed');

CREATE TABLE t.lapsing AS SELECT * FROM rewards.adjust(11, 50, reason => 'a', expires_at => '2026-01-15 00:00Z');
SELECT rewards.set_clock('2026-01-20 12:00Z');
SELECT run($$SELECT rewards.reverse((SELECT id FROM t.lapsing), 'a was a mistake')$$);
SELECT is(state(11), '0 available', 'a gift undone after it lapsed is not owed');

\ir include/finish.sql
