-- Tiers: how an account's row keeps them, and how changes are numbered.

\set QUIET on
\set ON_ERROR_STOP on
BEGIN;
\i test/pgtap/include/shop.sql
\i test/pgtap/include/tiers.sql
SELECT plan(17);

-- whether what an account's row says is refused
CREATE FUNCTION t.refused(stored bytea) RETURNS boolean
	LANGUAGE plpgsql AS $$
BEGIN
	PERFORM loyalty.account_tiers_1(stored);
	RETURN false;
EXCEPTION WHEN data_corrupted THEN
	RETURN true;
END
$$;

\o /dev/null
SELECT t.group('club', '12 months');
SELECT t.tier('Silver', 10, 1000, 'club');
SELECT t.tier('Gold', 20, 3000, 'club');
SELECT t.group('pass', 'immediately');
SELECT t.tier('Bus', 10, 500, 'pass');
SELECT t.tier('Train', 20, 1500, 'pass');
SELECT t.group('spendable', 'immediately', unit => 'points');
SELECT t.tier('Star', 10, 100, 'spendable');
INSERT INTO rewards.rule (name, earn) VALUES ('points', '1 per 1');
UPDATE rewards.tier SET life_years = 3 WHERE name = 'Gold';
SELECT t.buy(1, 1200, '2026-02-01');
SELECT t.buy(2, 600, '2026-02-01');
SELECT t.buy(1, 800, '2026-03-01');
SELECT t.late(1, 600, '2026-02-10');
SELECT rewards.set_tier(2, 'Gold', 'welcome', '2026-09-01', 'club');
SELECT t.buy(2, 3000, '2026-04-01');
SELECT t.go('2027-06-01');
SELECT rewards.book_due();
SELECT t.buy(3, 10, '2027-06-02');
SELECT rewards.set_tier(3, 'Gold', 'a friend', 'infinity', 'club');
SELECT t.buy(3, 10, '2027-06-03');
SELECT rewards.spend(2, 120, 'points');
\o

SELECT cmp_ok((SELECT min(n) FROM (SELECT count(*) AS n FROM rewards.tier_change GROUP BY member_id) m), '>', 0::bigint, 'everybody has moved');
SELECT is((SELECT count(*) FROM (SELECT change_no, row_number() OVER (PARTITION BY member_id ORDER BY change_no) AS n FROM rewards.tier_change) c WHERE change_no <> n),
	0::bigint, 'changes of a member are numbered from 1, without gaps');
SELECT is((SELECT array_agg(change_no ORDER BY change_no) FROM rewards.tier_change WHERE member_id = 3), '{1}', 'whoever else has moved');
SELECT is((SELECT count(*) FROM rewards.account WHERE tiers IS NULL), 0::bigint, 'all accounts say so');
SELECT cmp_ok((SELECT max(octet_length(tiers)) FROM rewards.account WHERE member_id <> 2), '<=', 80, 'in few bytes');
SELECT cmp_ok((SELECT octet_length(tiers) FROM rewards.account WHERE member_id = 2), '<=', 140, 'of who has spent points, too');
SELECT is_empty('SELECT * FROM rewards.verify()', 'what they say is what was written');

-- -------- what says nothing --------

SELECT is((SELECT count(*) FROM rewards.account a WHERE t.refused(a.tiers)), 0::bigint, 'whole values are taken');
SELECT is((SELECT count(*) FROM rewards.account a, generate_series(0, octet_length(a.tiers) - 1) AS n WHERE NOT t.refused(substr(a.tiers, 1, n))),
	0::bigint, 'none that is cut anywhere');
SELECT is((SELECT count(*) FROM rewards.account a WHERE NOT t.refused(a.tiers || '\x00')), 0::bigint, 'or is too long');

-- -------- an account that has forgotten --------

\o /dev/null
SAVEPOINT sound;
UPDATE rewards.account SET tiers = NULL WHERE member_id IN (1, 3);
\o
SELECT is((SELECT string_agg(DISTINCT v.invariant || ' ' || v.member_id, ', ' ORDER BY v.invariant || ' ' || v.member_id) FROM rewards.verify() v), 'tiers 1, tiers 3', 'an account that has forgotten its tiers is found');
SELECT lives_ok('SELECT t.buy(1, 5000, ''2027-06-04''), t.buy(3, 5000, ''2027-06-04'')', 'it goes on all the same');
SELECT is((SELECT count(*) FROM (SELECT member_id, change_no, row_number() OVER (PARTITION BY member_id ORDER BY change_no) AS n FROM rewards.tier_change) c WHERE change_no <> n),
	0::bigint, 'and changes are numbered on');
SELECT is_empty('SELECT * FROM rewards.verify() WHERE detail NOT LIKE ''%life%''', 'what it says is what is written then');
\o /dev/null
ROLLBACK TO sound;
\o

\i test/pgtap/include/finish.sql
