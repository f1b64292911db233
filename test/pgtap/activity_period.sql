-- Units whose lots last until so long after the last activity, when that is made
-- another time, or a member moves to where it ends earlier.
BEGIN;
\ir include/shop.sql
SELECT plan(23);

-- "2026-01-20 12:00": when an account falls due
CREATE FUNCTION t.due(member_id bigint) RETURNS text
STABLE LANGUAGE sql AS $$
	SELECT to_char(a.next_due, 'YYYY-MM-DD HH24:MI') FROM rewards.account a WHERE a.member_id = $1
$$;

\o /dev/null
UPDATE rewards.unit SET expires = '30 days since last activity' WHERE name = 'points';
INSERT INTO rewards.rule (name, source, earn) VALUES ('base', 'orders', '1 per 1');
INSERT INTO shop.orders VALUES (1, 1, 100, '2026-01-10 12:00Z'), (2, 2, 100, '2026-01-10 12:00Z'), (3, 3, 100, '2026-01-10 12:00Z');
SELECT rewards.set_clock('2026-01-20 12:00Z');
INSERT INTO shop.orders VALUES (4, 2, 10, '2026-01-20 12:00Z');
UPDATE rewards.unit SET expires = '20 days since last activity' WHERE name = 'points';
\o

-- -------- shorter --------

SELECT is(ARRAY[t.due(1), t.due(2)], '{2026-01-30 12:00,2026-02-09 12:00}', 'accounts are due when the shorter time is over');
SELECT is_empty('SELECT * FROM rewards.verify()', 'as verify() sees, too');
\o /dev/null
SELECT rewards.set_clock('2026-02-01 12:00Z');
\o
SELECT is(t.state(1) || '; ' || t.state(2), '0 available; 110 available', 'who has been idle for as long has lost the points');
INSERT INTO shop.orders VALUES (5, 1, 7, '2026-02-01 12:00Z');
SELECT is(t.state(1), '7 available', 'which a purchase does not bring back');
SELECT is(t.ledger(1), 'earn 100, expire -100, earn 7', 'the lapse is booked before it');
SELECT is(t.ledger(3), 'earn 100', 'not yet for another');

-- -------- longer --------

\o /dev/null
UPDATE rewards.unit SET expires = '90 days since last activity' WHERE name = 'points';
\o
SELECT is(t.ledger(3), 'earn 100, expire -100', 'what is over when the time is made longer stays over');
SELECT is(ARRAY[rewards.balance(3), rewards.balance(2, at => '2026-04-20 11:59Z'), rewards.balance(2, at => '2026-04-20 12:00Z')], '{0,110,0}'::numeric[], 'all others last longer');
SELECT is_empty('SELECT * FROM rewards.verify()', 'nothing is wrong');
SELECT is((SELECT string_agg(member_id || ' ' || trim_scale(expired), ', ' ORDER BY member_id) FROM rewards.balances WHERE unit = 'points'),
	'1 100, 2 0, 3 100', 'what has lapsed');

-- -------- a time that was over long ago --------

\o /dev/null
SELECT rewards.set_clock('2026-03-15 12:00Z');
UPDATE rewards.unit SET expires = '7 days since last activity' WHERE name = 'points';
\o
SELECT is(t.state(2), '0 available', 'it counts from the last activity, whenever that was');
SELECT is_empty('SELECT * FROM rewards.verify()', 'nothing is wrong before it is booked');
\o /dev/null
SELECT rewards.book_due();
\o
SELECT is(t.ledger(2), 'earn 100, earn 10, expire -100, expire -10', 'it is booked');
SELECT is_empty('SELECT * FROM rewards.verify()', 'nothing is wrong afterwards');

-- -------- another zone --------

\o /dev/null
UPDATE rewards.unit SET expires = '1 month since last activity' WHERE name = 'points';
SELECT rewards.set_clock('2026-05-01 02:00Z');
INSERT INTO shop.orders VALUES (6, 4, 10, '2026-05-01 02:00Z');
UPDATE rewards.member SET time_zone = 'America/New_York' WHERE member_id = 4;	-- where it was 30 April
\o
SELECT is(t.due(4), '2026-05-31 02:00', 'it is due when the month is over there');
\o
SELECT is_empty('SELECT * FROM rewards.verify()', 'as verify() sees, too');

-- -------- the program moves --------

\o /dev/null
SELECT rewards.set_clock('2027-01-30 20:00Z');
INSERT INTO shop.orders VALUES (7, 5, 10, '2027-01-30 20:00Z'), (8, 6, 10, '2027-01-30 20:00Z');
UPDATE rewards.program SET time_zone = 'Asia/Tokyo';		-- where it was 31 January, 5 in the morning
\o
SELECT is(t.due(5) || ' ' || to_char(p.next_expiry_at, 'YYYY-MM-DD HH24:MI'), '2027-02-27 20:00 2027-02-27 20:00', 'it is due when the month is over where the program is now')
FROM rewards.balances p WHERE p.member_id = 5 AND p.unit = 'points';
SELECT is_empty('SELECT * FROM rewards.verify()', 'as verify() sees, too');
\o /dev/null
SELECT rewards.set_clock('2027-02-28 10:00Z');
SELECT rewards.balance(5);
UPDATE rewards.program SET time_zone = 'UTC';				-- where the month is not over yet
\o
SELECT is(rewards.balance(5), 0::numeric, 'what is over when the program moves stays over');
SELECT is(t.ledger(5), 'earn 10, expire -10', 'and is booked so');

\ir include/finish.sql
