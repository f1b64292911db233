-- Units whose lots follow the last activity: what hangs on a lapse that a late
-- activity has undone or moved, and what was out of its lot when that lapsed.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();
INSERT INTO rewards.member (member_id, joined_at) SELECT i, '2025-01-01' FROM generate_series(1, 40) i;
UPDATE rewards.unit SET expires = '30 days since last activity' WHERE name = 'points';
INSERT INTO rewards.rule (name, source, earn) VALUES ('base', 'orders', '1 per 1');

-- excused, and earned again
SELECT rewards.set_clock('2026-05-01 12:00Z');
INSERT INTO shop.orders VALUES (1, 1, 50, '2026-05-01 12:00Z'), (3, 2, 50, '2026-05-01 12:00Z');
SELECT rewards.set_clock('2026-06-01 12:00Z');
UPDATE shop.orders SET total = 0 WHERE order_id = 1;
UPDATE shop.orders SET total = 20 WHERE order_id = 3;
SELECT is(ledger(1), 'earn 50, expire -50', 'a refund of what has lapsed is excused');
SELECT rewards.set_clock('2026-06-25 12:00Z');
UPDATE shop.orders SET total = 50 WHERE order_id IN (1, 3);
SELECT is(state(1), '0 available', 'and used up again');
SELECT is(rewards.balance(1, at => '2026-07-20'), 0::numeric, 'which is no activity');
INSERT INTO shop.orders VALUES (2, 1, 10, '2026-05-20 12:00Z');
SELECT is(ARRAY[rewards.balance(1, at => '2026-05-31 13:00Z'), rewards.balance(1, at => '2026-06-10'), rewards.balance(1, at => '2026-06-20'), rewards.balance(1)],
	'{60,10,0,50}'::numeric[], 'a late purchase: the refund has taken points, and to earn them again was an activity');
SELECT is(ARRAY[rewards.balance(1, at => '2026-07-25 11:59Z'), rewards.balance(1, at => '2026-07-25 12:00Z')], '{50,0}'::numeric[],
	'which these points follow');
INSERT INTO shop.orders VALUES (4, 2, 10, '2026-05-20 12:00Z');
SELECT is(ARRAY[rewards.balance(2, at => '2026-06-10'), rewards.balance(2, at => '2026-06-20'), rewards.balance(2)], '{30,0,30}'::numeric[],
	'a part of it, too');
SELECT is(rewards.balance(2, known_at => '2026-06-25 12:00Z'), 30::numeric, 'in known_at too');
SELECT rewards.set_clock('2026-08-25 12:00Z');
SELECT is((SELECT sum(expired) FROM rewards.balances WHERE member_id = 2), 60::numeric, 'all of it lapses in the end');

-- held while the lot lapsed
INSERT INTO shop.orders VALUES (10, 3, 100, '2026-08-25 12:00Z'), (11, 4, 100, '2026-08-25 12:00Z'), (12, 5, 100, '2026-08-25 12:00Z'),
	(13, 6, 100, '2026-08-25 12:00Z'), (14, 7, 100, '2026-08-25 12:00Z');
SELECT run(format('SELECT rewards.hold(%s, 40, for_ => ''40 days'')', i)) FROM generate_series(3, 4) i;
SELECT run('SELECT rewards.hold(5, 100, for_ => ''40 days'')');
SELECT run('SELECT rewards.hold(6, 40, for_ => ''20 days'')');
SELECT run('SELECT rewards.hold(7, 40, for_ => ''40 days'')');
SELECT rewards.set_clock('2026-09-28 12:00Z');
INSERT INTO shop.orders VALUES (20, 3, 10, '2026-09-28 12:00Z'), (21, 4, 10, '2026-09-28 12:00Z'), (22, 5, 10, '2026-09-28 12:00Z'),
	(23, 6, 10, '2026-09-28 12:00Z'), (24, 7, 10, '2026-09-28 12:00Z');
SELECT is(state(3), '10 available, 40 held', 'while points are held, their lot lapses and the member comes back');
SELECT run('SELECT rewards.release((SELECT max(operation_no) FROM rewards.operation WHERE member_id = 3))');
SELECT is(state(3), '10 available', 'released, they are over');
SELECT is(ARRAY[rewards.balance(4, at => '2026-10-04 12:00Z'), rewards.balance(5, at => '2026-10-04 12:00Z'), rewards.balance(6)], '{10,10,10}'::numeric[],
	'so they are at the deadline, whatever is left in the lot');
SELECT is((SELECT sum(available) FROM rewards.balances WHERE member_id IN (4, 5, 6)), 30::numeric, 'in the view');
SELECT rewards.set_clock('2026-10-10 12:00Z');
SELECT is((SELECT string_agg(available || ' of ' || earned || ', ' || expired || ' expired', '; ' ORDER BY member_id) FROM rewards.balances WHERE member_id IN (4, 5)),
	'10 of 110, 100 expired; 10 of 110, 100 expired', 'before it is booked');
SELECT run('SELECT rewards.book_due()');
SELECT is((SELECT string_agg(available || ' of ' || earned || ', ' || expired || ' expired', '; ' ORDER BY member_id) FROM rewards.balances WHERE member_id IN (4, 5)),
	'10 of 110, 100 expired; 10 of 110, 100 expired', 'and after');
SELECT is(ARRAY[rewards.balance(4, at => '2026-09-01'), rewards.balance(4, at => '2026-09-30'), rewards.balance(4, at => '2026-10-05')], '{60,10,10}'::numeric[],
	'at instants past');
INSERT INTO shop.orders VALUES (25, 4, 10, '2026-09-10 12:00Z'), (26, 7, 10, '2026-09-10 12:00Z');
SELECT is(state(4), '120 available', 'a late purchase that prevents the lapse brings back what was held, too');
SELECT is(state(7), '120 available', 'at whatever state');
SELECT is(ARRAY[rewards.balance(4, at => '2026-09-30'), rewards.balance(4, at => '2026-10-04 12:00Z')], '{80,120}'::numeric[], 'at its deadline');
INSERT INTO shop.orders VALUES (15, 8, 100, '2026-10-10 12:00Z');
SELECT run('SELECT rewards.hold(8, 40, for_ => ''60 days'')');
SELECT rewards.set_clock('2026-11-12 12:00Z');
INSERT INTO shop.orders VALUES (27, 8, 10, '2026-11-12 12:00Z');
INSERT INTO shop.orders VALUES (28, 8, 10, '2026-10-20 12:00Z');
SELECT run('SELECT rewards.release((SELECT max(operation_no) FROM rewards.operation WHERE member_id = 8))');
SELECT is(state(8), '120 available', 'also if it arrives before they are released');

-- what a refund took from another lot does not go back there when that is over
INSERT INTO rewards.rule (name, source, earn, expires, condition) VALUES ('short', 'orders', '10', '80 days', 'total = 1');
UPDATE rewards.rule SET condition = 'total > 1' WHERE name = 'base';
INSERT INTO shop.orders VALUES (30, 9, 1, '2026-11-12 12:00Z');
SELECT run('SELECT rewards.spend(9, 10)');
INSERT INTO shop.orders VALUES (31, 9, 20, '2026-11-12 12:00Z');
DELETE FROM shop.orders WHERE order_id = 30;
SELECT is(state(9), '10 available', 'a refund of what was spent takes from another lot');
SELECT rewards.set_clock('2026-12-20 12:00Z');
INSERT INTO shop.orders VALUES (30, 9, 1, '2026-11-12 12:00Z');
SELECT is(ARRAY[rewards.balance(9), rewards.balance(9, at => '2027-01-31 11:59Z'), rewards.balance(9, at => '2027-01-31 12:00Z')], '{10,10,0}'::numeric[],
	'paid again after that has lapsed: in its own');

-- a key that changes is no activity
INSERT INTO shop.orders VALUES (40, 10, 20, '2026-12-20 12:00Z');
SELECT rewards.set_clock('2027-01-10 12:00Z');
UPDATE shop.orders SET order_id = 41 WHERE order_id = 40;
SELECT rewards.set_clock('2027-02-20 12:00Z');
INSERT INTO shop.orders VALUES (42, 10, 10, '2026-12-10 12:00Z');
SELECT is(ARRAY[rewards.balance(10), rewards.balance(10, at => '2027-01-20')], '{0,0}'::numeric[], 'a new key of an event does not keep points alive');

-- known ahead
INSERT INTO shop.orders VALUES (50, 11, 20, '2027-02-20 12:00Z'), (51, 11, 10, '2027-05-01 12:00Z');
SELECT rewards.set_clock('2027-04-10 12:00Z');
SELECT is(state(11), '20 available, 10 pending', 'a purchase dated ahead keeps points alive');
INSERT INTO shop.orders VALUES (52, 11, 5, '2027-02-25 12:00Z');
SELECT is(state(11), '25 available, 10 pending', 'a late one makes no difference to that');
SELECT is(rewards.balance(11, at => '2027-04-05'), 25::numeric, 'at an instant past');
SELECT run('SELECT rewards.adjust(11, 7, reason => ''a gift'')');
SELECT run('SELECT rewards.spend(11, 2)');
SELECT is(state(11), '30 available, 10 pending', 'nor spending');

-- what was spent has not lapsed
SELECT run('SELECT rewards.adjust(12, 25, reason => ''a gift'')');
SELECT run('SELECT rewards.spend(12, 10)');
INSERT INTO shop.orders VALUES (60, 12, 5, '2026-12-25 12:00Z');
SELECT is((SELECT available || ', ' || expired || ' expired' FROM rewards.balances WHERE member_id = 12), '15, 5 expired',
	'a purchase of long ago, after points given since were spent');

-- corrections that are undone
INSERT INTO shop.orders VALUES (70, 13, 50, '2027-04-10 12:00Z');
SELECT run('SELECT rewards.adjust(13, -20, reason => ''a mistake'')');
SELECT rewards.set_clock('2027-05-20 12:00Z');
INSERT INTO shop.orders VALUES (71, 13, 10, '2027-05-20 12:00Z');
SELECT run('SELECT rewards.reverse((SELECT max(operation_no) FROM rewards.operation WHERE member_id = 13), ''sorry'')');
SELECT is(state(13), '10 available', 'what a correction took, and gives back when its lot has lapsed, is over');
INSERT INTO shop.orders VALUES (72, 13, 10, '2027-05-01 12:00Z');
SELECT is(state(13), '70 available', 'unless a late purchase has prevented that');

-- of lots that start at the same instant a refund takes the one that ends first
UPDATE rewards.unit SET activates = '3 days', expires = '30 days since last activity' WHERE name = 'points';
INSERT INTO rewards.rule (name, source, earn, expires, condition) VALUES ('fixed', 'orders', '10', '80 days', 'total IN (2, 3)');
UPDATE rewards.rule SET condition = 'total = 3' WHERE name = 'base';
INSERT INTO shop.orders VALUES (80, 14, 2, '2027-05-20 12:00Z');
SELECT rewards.set_clock('2027-05-24 12:00Z');
SELECT run('SELECT rewards.spend(14, 2)');
INSERT INTO shop.orders VALUES (81, 14, 3, '2027-05-24 12:00Z');
SELECT is(state(14), '8 available, 13 pending', 'ten of which two are spent, and thirteen to come');
DELETE FROM shop.orders WHERE order_id = 80;
SELECT is(ARRAY[rewards.balance(14, at => '2027-06-01'), rewards.balance(14, at => '2027-07-01')], '{11,10}'::numeric[],
	'the two are taken from the three that follow activity, not from the ten that last longer');

\ir include/finish.sql
