-- What may not stand in the tables of tiers, and what is said of it.

\set QUIET on
\set ON_ERROR_STOP on
BEGIN;
\i test/pgtap/include/shop.sql
\i test/pgtap/include/tiers.sql
SELECT plan(16);

\o /dev/null
INSERT INTO rewards.unit (name, expires, spendable) VALUES ('nights', 'to end of year', false);
SELECT t.group('club', '12 months'), t.group('hotel', 'to end of year', unit => 'nights');
SELECT t.tier('Silver', 10, 100, 'club'), t.tier('Gold', 20, 300, 'club'), t.tier('Guest', 10, 25, 'hotel');
SELECT t.buy(1, 350, '2026-02-01');
\o

-- -------- a tier stays in its group --------

SELECT throws_ok($$UPDATE rewards.tier SET tier_group = 'hotel', rank = 20 WHERE name = 'Gold'$$, '23514', 'tier "Gold" cannot be moved to another group');
UPDATE rewards.tier_group SET name = 'pals' WHERE name = 'club';
SELECT is((SELECT string_agg(name, ' ' ORDER BY rank) FROM rewards.tier WHERE tier_group = 'pals'), 'Silver Gold', 'which may have another name');
SELECT is((SELECT tier || ' ' || tier_group FROM rewards.standing WHERE member_id = 1 AND tier IS NOT NULL), 'Gold pals', 'for those who hold one, too');
\o /dev/null
DELETE FROM rewards.tier WHERE name = 'Gold';
SELECT t.tier('Gold', 20, 50, 'hotel');
\o
SELECT is((SELECT string_agg(tier_group || ' ' || tier, ', ' ORDER BY tier_group) FROM rewards.standing WHERE member_id = 1 AND tier IS NOT NULL), 'pals Gold',
	'one that was deleted is held until the stay ends, whatever is called so elsewhere');

-- -------- numbers that are none --------

SELECT throws_ok($$UPDATE rewards.tier SET threshold = 'NaN' WHERE name = 'Silver'$$, '22003', 'threshold of tier "Silver" is out of range');
SELECT throws_ok($$UPDATE rewards.tier SET threshold = 1e15 WHERE name = 'Silver'$$, '22003', 'threshold of tier "Silver" is out of range');

-- -------- names that are none --------

SELECT throws_ok($$SELECT rewards.set_tier(1, 'Bronze', 'friend')$$, '42704', 'there is no tier named "Bronze"', 'a tier that there is not, in none of several groups');
SELECT throws_ok($$SELECT rewards.set_tier(1, 'Guest', 'friend', tier_group => 'pals')$$, '42704', 'there is no tier named "Guest" in group "pals"');
SELECT throws_ok($$SELECT rewards.set_tier(1, NULL, 'friend')$$, '42P08', 'the program has 2 groups of tiers: say which one', 'taking a tier needs the group');
SELECT is((SELECT tier_group FROM rewards.set_tier(1, 'Gold', 'friend')), 'hotel', 'a name means the tier that there is');

-- -------- a group that was deleted, and another of its name --------

\o /dev/null
DELETE FROM rewards.tier WHERE tier_group = 'hotel';
DELETE FROM rewards.tier_group WHERE name = 'hotel';
SELECT t.group('hotel', 'to end of year', unit => 'nights');
SELECT t.tier('Lodger', 10, 40, 'hotel');
\o
SELECT is(rewards.tier_at(1, 'hotel'), NULL, 'a name means the group that there is');
SELECT lives_ok($$SELECT rewards.set_tier(1, 'Lodger', 'friend', tier_group => 'hotel')$$, 'in which tiers are given');
SELECT is(rewards.tier_at(1, 'hotel'), 'Lodger', 'and held');

\i test/pgtap/include/finish.sql
