-- Tiers that were given by hand in several groups: late rows have all of them
-- judged again, each gift at its own instant, whatever order their rows lie in.

\set QUIET on
\set ON_ERROR_STOP on
BEGIN;
\i test/pgtap/include/shop.sql
\i test/pgtap/include/tiers.sql
SELECT plan(10);

\o /dev/null
INSERT INTO rewards.unit (name, expires, spendable) VALUES ('credits', '12 months', false);
SELECT t.group('status', '1 month'), t.group('club', '1 month', unit => 'credits');
SELECT t.tier('Silver', 10, 100), t.tier('Gold', 20, 300), t.tier('Red', 10, 100, 'club');
SELECT t.buy(1, 1, '2026-01-02');
SELECT t.go('2026-01-20');
SELECT rewards.set_tier(1, 'Gold', 'for ten days', until => '2026-01-30');
SELECT t.go('2026-02-10');
SELECT rewards.set_tier(1, 'Red', 'for ten days', until => '2026-02-20');
SELECT t.go('2026-02-11');
CREATE FUNCTION t.given() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(coalesce(rewards.tier_at(1, 'club', at => d::timestamptz), '-') || '/' || coalesce(rewards.tier_at(1, 'status', at => d::timestamptz), '-'), ' ' ORDER BY d)
	FROM unnest(ARRAY['2026-01-25', '2026-01-31', '2026-02-15', '2026-02-21']) d
$$;
\o
SELECT is(t.given(), '-/Gold -/- Red/- -/-', 'given, one after the other');
\o /dev/null
SELECT t.late(1, 100, '2026-01-05');
\o
SELECT is(t.given(), '-/Gold -/Silver Red/Silver -/Silver', 'a late row leaves both their ends');
\o /dev/null
SELECT t.late(1, 100, '2026-01-04');
\o
SELECT is(t.given(), '-/Gold -/Silver Red/Silver -/Silver', 'a second one, too');
SET LOCAL statement_timeout = '20s';
SELECT is((SELECT string_agg(tier_group || ' ' || coalesce(tier, '-'), ', ' ORDER BY tier_group) FROM rewards.standing WHERE member_id = 1), 'club Red, status Silver', 'where the member stands');
SET LOCAL statement_timeout = 0;
SELECT is((SELECT string_agg(tier_group || ' ' || tier || ' ' || until::date, ', ' ORDER BY tier_group) FROM
		(SELECT DISTINCT ON (h.tier_group) * FROM rewards.tier_history h WHERE h.member_id = 1 AND h.cause = 'by hand' ORDER BY h.tier_group, h.change_no DESC) h),
	'club Red 2026-02-20, status Gold 2026-01-30', 'the gifts as they were');
\o /dev/null
SELECT t.go('2026-03-01');
SELECT t.buy(1, 1, '2026-03-01');
\o
SELECT is(concat_ws(' ', rewards.tier_at(1, 'club'), rewards.tier_at(1, 'status')), 'Silver', 'what was given is not for ever');
SELECT is_empty('SELECT * FROM rewards.verify()', 'all is sound');

\i test/pgtap/include/finish.sql
