-- Lots that follow the last activity, points that came to a member who was not
-- active any more, and activities that arrive late.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();
INSERT INTO rewards.member (member_id, joined_at) SELECT i, '2025-01-01' FROM generate_series(1, 20) i;
UPDATE rewards.unit SET expires = '30 days since last activity' WHERE name = 'points';
INSERT INTO rewards.rule (name, source, earn) VALUES ('base', 'orders', '1 per 1');

-- given by hand
SELECT rewards.set_clock('2026-08-01 12:00Z');
INSERT INTO shop.orders VALUES (1, 1, 100, '2026-05-01 12:00Z');
SELECT run('SELECT rewards.adjust(1, 25, reason => ''a gift'')');
SELECT is(state(1), '0 available', 'what is given to a member whose period is over lapses at once');
INSERT INTO shop.orders VALUES (2, 1, 10, '2026-07-15 12:00Z');
SELECT is(state(1), '35 available', 'a late purchase that would have prevented it brings it back');
SELECT is(ledger(1), 'earn 100, expire -100, adjust 25, expire -25, earn 10, return 25', 'and nothing else');
SELECT is(ARRAY[rewards.balance(1, at => '2026-08-14 11:59Z'), rewards.balance(1, at => '2026-08-14 12:00Z')], '{35,0}'::numeric[],
	'until 30 days after it');

SELECT run('SELECT rewards.adjust(2, 25, reason => ''a gift'')');
SELECT is(state(2), '25 available', 'without any activity it does not end');
INSERT INTO shop.orders VALUES (3, 2, 100, '2026-05-01 12:00Z');
SELECT is(state(2), '0 available', 'a late purchase of long ago: then it lapsed at once');
INSERT INTO shop.orders VALUES (4, 2, 10, '2026-07-15 12:00Z');
SELECT is(state(2), '35 available', 'a late one that would have prevented it brings it back');
INSERT INTO shop.orders VALUES (5, 2, 10, '2026-07-20 12:00Z'), (6, 2, 10, '2026-05-02 12:00Z'), (7, 2, 10, '2026-07-20 12:00Z');
SELECT is(state(2), '55 available', 'once');

SELECT run('SELECT rewards.adjust(3, 25, reason => ''a gift'')');
INSERT INTO shop.orders VALUES (8, 3, 100, '2026-05-01 12:00Z');
INSERT INTO shop.orders VALUES (9, 3, 10, '2026-06-20 12:00Z');
SELECT is(state(3), '0 available', 'a late purchase that is over by then, too, does not');
INSERT INTO shop.orders VALUES (10, 3, 10, '2026-08-01 12:00Z');
SELECT is(state(3), '35 available', 'one of the same instant does');

SELECT run('SELECT rewards.adjust(4, 25, reason => ''a gift'')');
INSERT INTO shop.orders VALUES (11, 4, 100, '2026-05-01 12:00Z');
SELECT rewards.set_clock('2026-10-01 12:00Z');
INSERT INTO shop.orders VALUES (12, 4, 10, '2026-08-02 12:00Z');
SELECT is(state(4), '0 available', 'one of later does not');
INSERT INTO shop.orders VALUES (13, 4, 10, '2026-07-15 12:00Z'), (14, 4, 10, '2026-09-10 12:00Z'), (15, 4, 10, '2026-08-25 12:00Z');
SELECT is(ARRAY[rewards.balance(4, at => '2026-08-10'), rewards.balance(4, at => '2026-09-05'), rewards.balance(4)], '{45,55,65}'::numeric[],
	'a chain of late ones keeps it, at every instant');

-- given back
INSERT INTO shop.orders VALUES (20, 5, 100, '2026-10-01 12:00Z'), (23, 6, 100, '2026-10-01 12:00Z');
SELECT run('SELECT rewards.spend(5, 40)');
SELECT run('SELECT rewards.spend(6, 40)');
SELECT rewards.set_clock('2026-12-01 12:00Z');
SELECT run('SELECT rewards.cancel((SELECT max(operation_no) FROM rewards.operation WHERE member_id = 5))');
SELECT run('SELECT rewards.cancel((SELECT max(operation_no) FROM rewards.operation WHERE member_id = 6))');
SELECT is(state(5), '0 available', 'what was spent, and comes back when the period is over, lapses at once');
INSERT INTO shop.orders VALUES (21, 5, 10, '2027-01-10 12:00Z');
INSERT INTO shop.orders VALUES (22, 5, 10, '2026-12-31 12:00Z');
SELECT is(state(5), '0 available, 20 pending', 'activities after that change nothing');
SELECT is(ledger(5), 'earn 100, redeem -40, expire -60, return 40, expire -40, earn 10, earn 10', 'and write nothing');
INSERT INTO shop.orders VALUES (24, 6, 10, '2026-10-30 12:00Z');
INSERT INTO shop.orders VALUES (25, 6, 10, '2026-11-20 12:00Z');
SELECT is(state(6), '120 available', 'late ones that keep the member active bring it back');
SELECT is(ARRAY[rewards.balance(6, at => '2026-11-05'), rewards.balance(6, at => '2026-11-30'), rewards.balance(6, at => '2026-12-20 12:00Z')],
	'{70,80,0}'::numeric[], 'as if all had come in order');

INSERT INTO shop.orders VALUES (30, 7, 100, '2026-12-01 12:00Z'), (33, 8, 100, '2026-12-01 12:00Z');
SELECT run('SELECT rewards.spend(7, 40)');
SELECT run('SELECT rewards.spend(8, 40)');
SELECT rewards.set_clock('2027-02-01 12:00Z');
INSERT INTO shop.orders VALUES (31, 7, 10, '2027-01-20 12:00Z');
SELECT run('SELECT rewards.cancel((SELECT max(operation_no) FROM rewards.operation WHERE member_id = 7))');
SELECT is(state(7), '10 available', 'what was out of its lot when that lapsed is over, though the member is active again');
SELECT run('SELECT rewards.cancel((SELECT max(operation_no) FROM rewards.operation WHERE member_id = 8))');
INSERT INTO shop.orders VALUES (34, 8, 10, '2027-01-20 12:00Z');
SELECT is(state(8), state(7), 'nor does a late activity between the two help');
INSERT INTO shop.orders VALUES (32, 7, 10, '2026-12-25 12:00Z'), (35, 8, 10, '2026-12-25 12:00Z');
SELECT is(state(7), '120 available', 'one that prevents the lapse does');
SELECT is(state(8), state(7), 'in either order');

-- a lapse of long before a hold is no matter to what was held
SELECT rewards.set_clock('2027-02-01 12:00Z');
INSERT INTO shop.orders VALUES (40, 9, 100, '2027-02-01 10:00Z');
INSERT INTO shop.orders VALUES (41, 9, 10, '2026-05-22 10:00Z');
SELECT run('SELECT rewards.hold(9, 30, for_ => ''1 day'')');
SELECT run('SELECT rewards.capture((SELECT max(operation_no) FROM rewards.operation WHERE member_id = 9))');
SELECT run('SELECT rewards.cancel((SELECT max(operation_no) FROM rewards.operation WHERE member_id = 9))');
SELECT is(state(9), '100 available', 'what was captured comes back, although other points lapsed before it was held');

\ir include/finish.sql
