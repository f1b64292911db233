-- The program moves to another time zone while members stand somewhere: what
-- was, is as it was, whoever booked it when; what comes, comes by the new one.

\set QUIET on
\set ON_ERROR_STOP on
BEGIN;
\i test/pgtap/include/shop.sql
\i test/pgtap/include/tiers.sql
SELECT plan(28);

\o /dev/null
INSERT INTO rewards.unit (name, expires, spendable) VALUES ('nights', 'to end of year', false);
INSERT INTO rewards.rule (name, unit, earn) VALUES ('nights', 'nights', '1 per 1');
SELECT t.group('years', 'to end of year');
SELECT t.tier('Silver', 10, 30, 'years');
SELECT t.group('hotel', 'to end of year', unit => 'nights');
SELECT t.tier('Guest', 10, 25, 'hotel');
UPDATE rewards.tier_group SET rollover = 'excess' WHERE name = 'hotel';

-- "Silver 2026-03-01 00:00..2027-01-01 00:00"
CREATE FUNCTION t.stay(member_id bigint, tier_group text DEFAULT 'years') RETURNS text
STABLE LANGUAGE sql AS $$
	SELECT concat_ws(' ', tier, to_char(stay_since, 'YYYY-MM-DD HH24:MI') || '..' || to_char(until, 'YYYY-MM-DD HH24:MI'))
	FROM rewards.standing WHERE member_id = $1 AND tier_group = $2
$$;
CREATE FUNCTION t.stands(member_id bigint) RETURNS text
STABLE LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', tier_group, tier, since, until, stay_since, projected), ', ' ORDER BY tier_group)
	FROM rewards.standing WHERE member_id = $1
$$;
INSERT INTO rewards.member (member_id, time_zone) VALUES (9, 'America/New_York');

-- all of this is over by now, and nobody has booked it
SELECT t.buy(1, 40, '2026-03-01'), t.buy(2, 40, '2026-12-20'), t.buy(3, 20, '2026-12-20'), t.buy(9, 40, '2026-12-20'), t.buy(4, 40, '2026-12-20');
SELECT t.go('2027-02-01');
SELECT rewards.tier_at(4, 'years');
CREATE TABLE t.before AS SELECT m AS member_id, t.stands(m) AS stands, t.lots(m, 'nights') AS lots, rewards.balance(m, 'nights', '2026-12-31 20:00') AS eve,
	rewards.balance(m, 'nights') AS nights, (SELECT next_expiry_at FROM rewards.balances b WHERE b.member_id = m AND b.unit = 'nights') AS next
	FROM unnest('{1,2,9}'::bigint[]) AS m;
\o
SELECT is(t.stay(2), 'Silver 2027-01-01 00:00..2028-01-01 00:00', 'renewed at the end of the year');
SELECT is(t.stay(9), 'Silver 2027-01-01 05:00..2028-01-01 05:00', 'of the zone the member lives in');
SELECT is(rewards.balance(2, 'nights'), 15::numeric, 'and what was too much has been carried over');
SELECT t.go('2027-02-02 12:00') \g /dev/null
UPDATE rewards.program SET time_zone = 'Asia/Tokyo';
SELECT results_eq($$SELECT m, t.stands(m), t.lots(m, 'nights'), rewards.balance(m, 'nights', '2026-12-31 20:00'), rewards.balance(m, 'nights'),
	(SELECT next_expiry_at FROM rewards.balances b WHERE b.member_id = m AND b.unit = 'nights') FROM unnest('{1,2,9}'::bigint[]) AS m$$,
	'SELECT * FROM t.before', 'what was over before the program moved is as it was');
SELECT rewards.book_due() \g /dev/null
SELECT results_eq($$SELECT m, t.stands(m), t.lots(m, 'nights'), rewards.balance(m, 'nights', '2026-12-31 20:00'), rewards.balance(m, 'nights'),
	(SELECT next_expiry_at FROM rewards.balances b WHERE b.member_id = m AND b.unit = 'nights') FROM unnest('{1,2,9}'::bigint[]) AS m$$,
	'SELECT * FROM t.before', 'and is booked so');
SELECT is_empty('SELECT * FROM rewards.verify()', 'soundly');
SELECT is(rewards.tier_at(2, 'years', '2027-12-31 23:00') || ' ' || coalesce(rewards.tier_at(2, 'years', '2028-01-01 00:00'), '-'), 'Silver -', 'a running stay keeps its end');

-- -------- who comes now --------

SELECT t.buy(5, 40, '2027-02-03') \g /dev/null
SELECT is(t.stay(5), 'Silver 2027-02-03 00:00..2027-12-31 15:00', 'a stay that begins now ends with the year of the new zone');
SELECT is(t.stay(5, 'hotel'), 'Guest 2027-02-03 00:00..2027-12-31 15:00', 'in every group');

-- -------- late rows --------

SELECT t.late(3, 20, '2026-12-21'), t.late(4, 5, '2026-12-01') \g /dev/null
SELECT is(t.stay(3), 'Silver 2027-01-01 00:00..2028-01-01 00:00', 'a late row begins a stay of then by the zone of then');
SELECT is(t.stay(4), 'Silver 2027-01-01 00:00..2028-01-01 00:00', 'or leaves it as it was');
SELECT is((SELECT tier || ' ' || until FROM rewards.tier_history WHERE member_id = 3 AND tier_group = 'years' AND cause = 'late row'), 'Silver 2027-01-01 00:00:00+00', 'as its history says');
SELECT is(rewards.balance(3, 'nights') || ' ' || rewards.balance(4, 'nights'), '0 15', 'its points end by the zone it is posted in: they were gone when the year ended');

-- -------- as known before --------

SELECT is(rewards.tier_at(2, 'years', '2027-12-31 20:00', known_at => '2027-02-01') || coalesce(rewards.tier_at(2, 'years', '2028-01-01 00:00', known_at => '2027-02-01'), ' -'), 'Silver -', 'by what was known before');

-- -------- and on --------

SELECT t.buy(2, 50, '2027-06-01'), t.buy(5, 20, '2027-06-01'), t.buy(9, 40, '2027-06-01'), t.go('2028-01-05') \g /dev/null
SELECT is(t.stay(2), 'Silver 2028-01-01 00:00..2028-12-31 15:00', 'renewed at its end by the zone of then');
SELECT is(t.stay(5), 'Silver 2027-12-31 15:00..2028-12-31 15:00', 'or where it ends');
SELECT is(t.stay(9), 'Silver 2028-01-01 05:00..2029-01-01 05:00', 'members with a zone of their own are not concerned');
SELECT is(rewards.balance(5, 'nights'), 35::numeric, 'what is above the threshold at the end of the new year is carried over');
UPDATE rewards.program SET time_zone = 'UTC';
SELECT is(rewards.balance(5, 'nights'), 35::numeric, 'and stays, whatever comes then');

-- -------- a member is elsewhere when the year ends --------

SELECT t.buy(6, 40, '2028-12-20'), t.go('2028-12-30') \g /dev/null
UPDATE rewards.member SET time_zone = 'America/New_York' WHERE member_id = 6;
SELECT is((SELECT moved_at FROM rewards.member WHERE member_id = 6), '2028-12-30'::timestamptz, 'when a member moved is known');
SELECT t.go('2029-01-02') \g /dev/null
UPDATE rewards.member SET time_zone = NULL WHERE member_id = 6;
SELECT is(rewards.balance(6, 'nights'), 0::numeric, 'points that end with the year of where a member lived before are not carried over');
SELECT is_empty('SELECT * FROM rewards.verify(6)', 'also if the member is back');
SELECT throws_ok('UPDATE rewards.member SET moved_at = NULL WHERE member_id = 6', '23514', 'column "moved_at" of table "member" cannot be changed');

-- -------- a program without tiers moves as it likes --------

\o /dev/null
SELECT loyalty.create_program('bare', member_type => 'bigint', time_zone => 'UTC', currency => 'EUR');
\o
SELECT lives_ok($$UPDATE bare.program SET time_zone = 'Asia/Tokyo'$$, 'a program without tiers');
SELECT is((SELECT tiers FROM bare.program), NULL, 'has none then');

\i test/pgtap/include/finish.sql
