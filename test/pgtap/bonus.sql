-- Bonuses that grow until they are claimed.
BEGIN;
\set time_zone Europe/Warsaw
\ir include/shop.sql
SELECT * FROM no_plan();
INSERT INTO rewards.member (member_id, joined_at) SELECT i, '2026-01-01' FROM generate_series(1, 9) i;
UPDATE rewards.unit SET expires = '12 months' WHERE name = 'points';
CREATE FUNCTION t.value(bonus bigint) RETURNS text LANGUAGE sql AS 'SELECT status || '' '' || trim_scale(value) FROM rewards.bonuses b WHERE b.bonus = $1';

INSERT INTO rewards.bonus (member_id, principal, step, max_growth, ends_at, reason) VALUES
	(1, 100, 5, 25, NULL, 'stay with us'), (2, 100, 5, 25, NULL, 'stay with us'), (3, 100, 5, 25, '2026-02-01', 'be quick');
SELECT is((SELECT offered_at FROM rewards.bonus WHERE bonus_no = 1), '2026-01-10 12:00Z', 'offered when it is written');
SELECT is(t.value(1), 'open 100', 'to begin with');
SELECT rewards.set_clock('2026-02-10 11:59Z');
SELECT is(t.value(1), 'open 100', 'just before a full month');
SELECT rewards.set_clock('2026-02-10 12:00Z');
SELECT is(t.value(1), 'open 105', 'a full month');
SELECT is(t.value(3), 'ended 105', 'too late');
SELECT throws_ok('SELECT rewards.claim(3)', 'LY004', 'bonus 3 has ended', 'cannot be claimed any more');
SELECT rewards.set_clock('2026-04-20 12:00Z');
SELECT results_eq('SELECT status, trim_scale(points), trim_scale(available), valid_until FROM rewards.claim(1)', $$VALUES ('done', 115::numeric, 115::numeric, '2027-04-20 12:00Z'::timestamptz)$$,
	'100, +5 per full month, at most +25, claimed after 3 months and 10 days: 115 as ordinary points');
SELECT is(t.lots(1), '115 from 2026-04-20 12:00 to 2027-04-20 12:00 active', 'in a lot like any other');
SELECT results_eq('SELECT a.id = b.claimed_by, a.status, trim_scale(a.points) FROM rewards.claim(1) a, rewards.bonus b WHERE b.bonus_no = 1', $$VALUES (true, 'done', 115::numeric)$$, 'claimed again: the same, and nothing more');
SELECT is(t.state(1), '115 available', 'paid once');
SELECT is(t.value(1), 'claimed 115', 'the view says so');
SELECT is((SELECT reason FROM rewards.statement(1)), 'stay with us', 'and the statement what for');
SELECT throws_ok('UPDATE rewards.bonus SET principal = 1000 WHERE bonus_no = 1', '55000', 'a bonus that has been claimed cannot be changed', 'it stays as it was');
SELECT throws_ok('DELETE FROM rewards.bonus WHERE bonus_no = 1', '55000', 'a bonus that has been claimed cannot be changed', 'and known');
SELECT rewards.set_clock('2027-04-20 12:00Z');
SELECT is(t.value(2), 'open 125', 'no more than the maximum');
SELECT throws_ok('SELECT rewards.claim(99)', 'LY004', 'there is no bonus 99', 'a bonus there is not');
SELECT throws_ok('SELECT rewards.claim(NULL)', '22004', NULL, 'none');
INSERT INTO rewards.bonus (member_id, principal, step, every, offered_at, reason) VALUES (4, 10, 1, '1 month', '2026-01-31 12:00+01', 'months'), (5, 10, 1, '14 days', '2027-05-01', 'to come');
SELECT is(t.value(4), 'open 24', 'months are counted from the beginning: 31 January, 28 February, 31 March');
SELECT is(t.value(5), 'to come 10', 'not yet');
SELECT throws_ok('SELECT rewards.claim(5)', 'LY004', 'bonus 5 cannot be claimed yet', 'not yet');
UPDATE rewards.member SET status = 'blocked' WHERE member_id = 4;
SELECT throws_ok('SELECT rewards.claim(4)', 'LY003', NULL, 'nor by a member who is blocked');
UPDATE rewards.unit SET activates = '14 days' WHERE name = 'points';
SELECT results_eq('SELECT trim_scale(available), trim_scale(pending) FROM rewards.claim(2)', 'VALUES (0::numeric, 125::numeric)', 'ordinary points activate as the unit says');

\ir include/finish.sql
