-- What standing tells of the end of a stay that lasts no longer than the balance.

\set QUIET on
\set ON_ERROR_STOP on
BEGIN;
\i test/pgtap/include/shop.sql
\i test/pgtap/include/tiers.sql
SELECT plan(8);

CREATE FUNCTION t.end(member_id bigint, tier_group text) RETURNS text
STABLE LANGUAGE sql AS $$
	SELECT concat_ws(' ', s.tier, s.until::date, coalesce(s.projected, '-')) FROM rewards.standing s
	WHERE s.member_id = $1 AND s.tier_group = $2
$$;
\o /dev/null
INSERT INTO rewards.unit (name, expires, spendable) VALUES ('months', 'to end of month', false), ('ever', 'never', false);
INSERT INTO rewards.rule (name, unit, earn) VALUES ('months', 'months', '1 per 1'), ('ever', 'ever', '1 per 1');

-- what goes over, month by month, keeps the tier until it is too little
SELECT t.group('carry', 'immediately', unit => 'months');
SELECT t.tier('Silver', 10, 50, 'carry');
UPDATE rewards.tier_group SET rollover = 'excess' WHERE name = 'carry';
SELECT t.buy(1, 165, '2026-01-10');
\o
SELECT is(rewards.tier_at(1, 'carry', '2026-03-31') || ' ' || coalesce(rewards.tier_at(1, 'carry', '2026-04-01'), '-'), 'Silver -',
	'115, 65, 15 go over');
SELECT is(t.end(1, 'carry'), 'Silver 2026-04-01 -', 'the tier ends when too little does');

-- or begins a stay with an end
\o /dev/null
UPDATE rewards.tier_group SET rollover = 'none' WHERE name = 'carry';
SELECT t.group('again', '14 days', 'immediately', unit => 'months');
SELECT t.tier('Bronze', 10, 50, 'again');
UPDATE rewards.tier_group SET rollover = 'excess' WHERE name = 'again';
SELECT t.buy(2, 165, '2026-01-11');
\o
SELECT is(t.end(2, 'again'), 'Bronze 2026-01-25 Bronze', 'a stay of 14 days');
\o /dev/null
SELECT t.go('2026-01-26');
\o
SELECT is(t.end(2, 'again'), 'Bronze 2026-02-01 Bronze', 'no longer than the balance; then it is reached again');
\o /dev/null
SELECT t.go('2026-02-01');
\o
SELECT is(t.end(2, 'again'), 'Bronze 2026-02-15 Bronze', 'for 14 days');

-- or is for life before
\o /dev/null
SELECT t.group('life', 'immediately', unit => 'ever');
SELECT t.tier('Iron', 10, 50, 'life');
SELECT t.buy(3, 60, '2026-02-02');
\o
SELECT is(t.end(3, 'life'), 'Iron infinity Iron', 'points without an end: a tier without an end');
\o /dev/null
UPDATE rewards.tier SET life_years = 1 WHERE name = 'Iron';
\o
SELECT is(t.end(3, 'life'), 'Iron infinity Iron', 'also if it will be for life');
SELECT is_empty('SELECT * FROM rewards.verify()', 'all is sound');

SELECT * FROM finish();
ROLLBACK;
