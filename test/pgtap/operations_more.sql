-- Operations: members who have left, points pending and owed, what a repeated
-- call returns later, and undoing what has had consequences.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();
INSERT INTO rewards.rule (name, source, earn) VALUES ('base', 'orders', '1 per 1');
INSERT INTO rewards.member (member_id, joined_at) SELECT i, '2026-01-01' FROM generate_series(1, 20) i;

-- who
SELECT is(sqlstate_of($$SELECT rewards.adjust(99, 5, reason => 'x')$$), 'LY002', 'an unknown member: LY002');
SELECT is((SELECT count(*) FROM rewards.member WHERE member_id = 99), 0::bigint, 'is not enrolled by it');
UPDATE rewards.member SET status = 'blocked' WHERE member_id = 1;
UPDATE rewards.member SET status = 'closed' WHERE member_id = 2;
SELECT is(sqlstate_of($$SELECT rewards.adjust(1, 5, reason => 'x')$$), '00000', 'a blocked member can be corrected by hand');
SELECT is(sqlstate_of($$SELECT rewards.adjust(2, 5, reason => 'x')$$), 'LY003', 'one that has left cannot: LY003');
SELECT is(sqlstate_of($$SELECT rewards.adjust(3, 5, reason => E' \t ')$$), '22023', 'a blank reason is none');
SELECT is(sqlstate_of($$SELECT rewards.adjust(3, 5, reason => 'x', expires_at => '2026-01-10 12:00Z')$$), '22023', 'points cannot end as they are given');
SELECT is(sqlstate_of($$SELECT rewards.adjust(3, 5, reason => 'x', expires_at => '-infinity')$$), '22023', 'nor before');
SELECT is(sqlstate_of($$SELECT rewards.adjust(3, -5, reason => 'x', expires_at => '2027-01-01', allow_debt => true)$$), '22023', 'points taken have no end');
SELECT is((SELECT count(*) FROM rewards.operation), 1::bigint, 'refused calls leave nothing');
SELECT results_eq($$SELECT kind, member_id, reason, performed_at, request ->> 'points' FROM rewards.operation$$,
	$$VALUES ('adjust', 1::bigint, 'x', '2026-01-10 12:00Z'::timestamptz, '5')$$, 'those that were done are there');

-- what is returned
SELECT results_eq($$SELECT status, code, valid_until FROM rewards.adjust(3, 5, reason => 'x', expires_at => '2026-02-01')$$,
	$$VALUES ('done', NULL, '2026-02-01 00:00Z'::timestamptz)$$, 'until when points are valid');
UPDATE rewards.unit SET expires = '3 months' WHERE name = 'points';
SELECT is((SELECT valid_until FROM rewards.adjust(3, 5, reason => 'x')), '2026-04-10 12:00Z'::timestamptz, 'as the unit says');
SELECT is((SELECT valid_until FROM rewards.adjust(3, -5, reason => 'x')), NULL, 'taken points have no end');
UPDATE rewards.unit SET expires = 'never' WHERE name = 'points';

-- the same call later returns the same operation, and what there is then
SELECT run($$SELECT rewards.adjust(4, 100, reason => 'x', key => 'a')$$);
SELECT run($$SELECT rewards.adjust(4, -40, reason => 'y', key => 'b')$$);
SELECT results_eq($$SELECT id, status, trim_scale(points), trim_scale(available) FROM rewards.adjust(4, 100.0, unit => 'points', reason => 'x', allow_debt => false, key => 'a')$$,
	$$SELECT operation_no, 'done', 100::numeric, 60::numeric FROM rewards.operation WHERE key = 'a'$$, 'a repeated call: its operation, the present balance');
SET LOCAL TimeZone = 'America/New_York';
SET LOCAL DateStyle = 'German';
SELECT run($$SELECT rewards.adjust(4, 1, reason => 'x', expires_at => '2026-06-01 00:00Z', key => 'c')$$);
SET LOCAL TimeZone = 'UTC';
SET LOCAL DateStyle = 'ISO, YMD';
SELECT is((SELECT valid_until FROM rewards.adjust(4, 1, reason => 'x', expires_at => '2026-06-01 00:00Z', key => 'c')), '2026-06-01 00:00Z'::timestamptz, 'whatever the session''s settings');
UPDATE rewards.unit SET name = 'stars' WHERE name = 'points';
SELECT is((SELECT unit FROM rewards.adjust(4, 100, reason => 'x', key => 'a')), 'stars', 'a unit may have been renamed');
UPDATE rewards.unit SET name = 'points' WHERE name = 'stars';
SELECT is(sqlstate_of($$SELECT rewards.adjust(4, -100, reason => 'x', key => 'a')$$), 'LY009', 'another sign is another call');
SELECT is(sqlstate_of($$SELECT rewards.adjust(4, 100, reason => 'z', key => 'a')$$), 'LY009', 'another reason too');
SELECT run($$SELECT rewards.reverse((SELECT operation_no FROM rewards.operation WHERE key = 'b'), 'no')$$);
SELECT results_eq($$SELECT status, trim_scale(available) FROM rewards.adjust(4, -40, reason => 'y', key => 'b')$$, $$VALUES ('reversed', 101::numeric)$$, 'a repeated call says that it has been reversed');

-- insufficient points: what lacks, in the DETAIL
CREATE FUNCTION t.detail_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
BEGIN
	EXECUTE statement;
	RETURN 'no error';
EXCEPTION
	WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
		RETURN detail;
END
$$;
UPDATE rewards.rule SET activates = '10 days';
INSERT INTO shop.orders VALUES (1, 5, 70);
SELECT run($$SELECT rewards.adjust(5, 20, reason => 'x')$$);
SELECT is(detail_of($$SELECT rewards.adjust(5, -50, reason => 'x')$$), 'Missing 30; pending 70, held 0, owed 0.', 'pending points cannot be taken');
SELECT run($$SELECT rewards.adjust(5, -50, reason => 'x', allow_debt => true)$$);
SELECT is(detail_of($$SELECT rewards.adjust(5, -5, reason => 'x')$$), 'Missing 35; pending 70, held 0, owed 30.', 'what is owed comes on top');

-- undoing points that were taken on credit and have been repaid since
SELECT rewards.set_clock('2026-01-21 12:00Z');
SELECT is(state(5), '40 available', '30 repaid by the order''s points');
SELECT run($$SELECT rewards.reverse((SELECT max(operation_no) FROM rewards.operation WHERE member_id = 5), 'not so')$$);
SELECT is(state(5), '90 available', 'all 50 come back: 20 to their lot, 30 anew');
SELECT is((SELECT string_agg(trim_scale(points)::text, ' ' ORDER BY active_from, points) FROM rewards.member_lots(5)), '20 40 30', 'which are lots of their own');
UPDATE rewards.rule SET activates = NULL;

-- part of it still owed
SELECT run($$SELECT rewards.adjust(6, -50, reason => 'x', allow_debt => true)$$);
INSERT INTO shop.orders VALUES (2, 6, 20);
SELECT is(state(6), '0 available, 30 debt', '20 of 50 repaid');
SELECT run($$SELECT rewards.reverse((SELECT max(operation_no) FROM rewards.operation WHERE member_id = 6), 'not so')$$);
SELECT is(state(6), '20 available', 'the debt is lifted, and what repaid it comes back');

-- returned to a lot that has ended since
SELECT run($$SELECT rewards.adjust(7, 50, reason => 'x', expires_at => '2026-02-01 00:00Z')$$);
SELECT run($$SELECT rewards.adjust(7, -30, reason => 'y')$$);
SELECT rewards.set_clock('2026-02-10 12:00Z');
SELECT run($$SELECT rewards.reverse((SELECT max(operation_no) FROM rewards.operation WHERE member_id = 7), 'not so')$$);
SELECT is(state(7), '0 available', 'its end is over');
SELECT is((SELECT trim_scale(expired) FROM rewards.balances WHERE member_id = 7 AND unit = 'points'), 50::numeric, 'all 50 have lapsed');
SELECT is((SELECT count(*) FROM rewards.statement(7) WHERE kind = 'expire' AND occurred_at <> '2026-02-01 00:00Z'), 0::bigint, 'at its end');

-- a gift undone when other lots must make up for it
SELECT run($$SELECT rewards.adjust(8, 50, reason => 'gift', expires_at => '2026-03-01 00:00Z')$$);
SELECT run($$SELECT rewards.adjust(8, 50, reason => 'x', expires_at => '2026-04-01 00:00Z')$$);
SELECT run($$SELECT rewards.adjust(8, -70, reason => 'y')$$);
SELECT run($$SELECT rewards.reverse((SELECT min(operation_no) FROM rewards.operation WHERE member_id = 8), 'no gift')$$);
SELECT is(state(8), '0 available, 20 debt', '30 from the other lot, 20 owed');
UPDATE rewards.unit SET on_shortfall = 'forgive' WHERE name = 'points';
SELECT run($$SELECT rewards.adjust(9, 50, reason => 'gift')$$);
SELECT run($$SELECT rewards.adjust(9, -30, reason => 'y')$$);
SELECT run($$SELECT rewards.reverse((SELECT min(operation_no) FROM rewards.operation WHERE member_id = 9), 'no gift')$$);
SELECT is(state(9), '0 available', 'what is missing is forgiven where the unit says so');
SELECT is((SELECT trim_scale(sum(forgiven)) FROM rewards.history WHERE member_id = 9), 30::numeric, 'and the ledger says so');
UPDATE rewards.unit SET on_shortfall = 'debt' WHERE name = 'points';

-- what cannot be undone
SELECT is(sqlstate_of($$SELECT rewards.reverse((SELECT operation_no FROM rewards.operation WHERE kind = 'reverse' LIMIT 1), 'x')$$), '0A000', 'a reversal cannot be reversed');
SELECT is(sqlstate_of($$SELECT rewards.reverse((SELECT min(operation_no) FROM rewards.operation WHERE member_id = 9), 'x')$$), '55000', 'nor anything twice');
SELECT is(sqlstate_of($$SELECT rewards.reverse(123456, 'x')$$), '42704', 'nor what never was');
SELECT is(sqlstate_of($$SELECT rewards.reverse(NULL, 'x')$$), '22004', 'nor NULL');
SELECT is(sqlstate_of($$SELECT rewards.reverse((SELECT max(operation_no) FROM rewards.operation WHERE member_id = 1), NULL)$$), '22004', 'and a reason must be given');

-- the same reversal again, by its key
SELECT run($$SELECT rewards.adjust(1, 10, reason => 'gift', key => 'gift')$$);
PREPARE undo AS SELECT status, trim_scale(points) FROM rewards.reverse((SELECT operation_no FROM rewards.operation WHERE key = 'gift'), 'no gift', key => 'undo');
SELECT results_eq('undo', $$VALUES ('done', -10::numeric)$$, 'a reversal with a key');
SELECT results_eq('undo', $$VALUES ('done', -10::numeric)$$, 'repeated it returns the same');
SELECT is((SELECT count(*) FROM rewards.operation WHERE kind = 'reverse' AND reverses = (SELECT operation_no FROM rewards.operation WHERE key = 'gift')), 1::bigint, 'and undoes nothing more');
SELECT is(sqlstate_of($$SELECT rewards.reverse((SELECT operation_no FROM rewards.operation WHERE key = 'gift'), 'another reason', key => 'undo')$$), 'LY009', 'with another reason it is another call');
SELECT is(sqlstate_of($$SELECT rewards.reverse((SELECT operation_no FROM rewards.operation WHERE key = 'gift'), 'no gift')$$), '55000', 'and without the key it is the second one');

-- keys that are none
SELECT throws_ok($$SELECT rewards.spend(1, 1, key => '')$$, '22023', 'key must not be empty', 'an empty key');
SELECT throws_ok($$SELECT rewards.spend(1, 1, key => repeat('k', 1001))$$, '22023', 'a key of 1001 bytes is too long', 'a key that no index takes');
SELECT throws_ok($$SELECT * FROM rewards.check_code('x'), rewards.redeem_code('x', key => '')$$, '22023', 'key must not be empty', 'an empty key for a code');
SELECT is(sqlstate_of($$SELECT rewards.adjust(9, 1, reason => 'x', key => repeat('k', 1000))$$), '00000', 'the longest one');

-- units whose points follow activity
INSERT INTO rewards.unit (name, spendable, expires) VALUES ('miles', false, '6 months since last activity');
INSERT INTO rewards.rule (name, source, unit, earn) VALUES ('miles', 'orders', 'miles', '1 per 1');
INSERT INTO shop.orders VALUES (3, 10, 100, '2026-02-01 12:00Z');
SELECT is((SELECT valid_until FROM rewards.adjust(10, 10, unit => 'miles', reason => 'x', key => 'm')), '2026-08-01 12:00Z'::timestamptz, 'valid until the others end, as things stand');
SELECT rewards.set_clock('2026-09-01 12:00Z');
SELECT is(state(10, 'miles'), '0 available', 'and lapsed with them');
SELECT run($$SELECT rewards.reverse((SELECT operation_no FROM rewards.operation WHERE key = 'm'), 'x')$$);
SELECT is(state(10, 'miles'), '0 available', 'undone after the lapse, nothing is owed');
SELECT is((SELECT string_agg(DISTINCT trim_scale(lapsed)::text, ' ') FROM rewards.history WHERE operation = (SELECT max(operation_no) FROM rewards.operation)), '10', 'as they had lapsed');

\ir include/finish.sql
