-- A tier that was given by hand, and reached at the same instant: late rows have
-- both judged again, and it stays given.

\set QUIET on
\set ON_ERROR_STOP on
BEGIN;
\i test/pgtap/include/shop.sql
\i test/pgtap/include/tiers.sql
SELECT plan(7);

\o /dev/null
SELECT t.group('status', '1 month');
SELECT t.tier('Silver', 10, 100), t.tier('Gold', 20, 300);
SELECT t.buy(1, 1, '2026-01-11');
SELECT t.go('2026-03-01');
SELECT rewards.set_tier(1, 'Gold', 'valued', until => '2030-01-01');
SELECT t.buy(1, 300, '2026-03-01');
\o
SELECT is(t.stays(1), 'Gold by hand 2026-03-01..2030-01-01, Gold entry 2026-03-01..2030-01-01', 'given, and reached');
\o /dev/null
SELECT t.go('2026-03-02');
SELECT t.late(1, 120, '2026-02-10');
\o
SELECT is(t.tiers(1, '2026-02-10', '2026-03-01', '2028-01-01', '2030-01-01'), 'Silver Gold Gold -', 'Silver before');
SELECT matches((SELECT string_agg(h.cause, ', ' ORDER BY h.change_no) FROM rewards.tier_history h WHERE h.tier = 'Gold' AND h.posted_at = '2026-03-02'),
	'^by hand, (entry|late row)$', 'what was given is so still, and what was reached reached');
\o /dev/null
SELECT t.go('2026-03-03');
SELECT t.late(1, 110, '2026-01-20');
\o
SELECT is(t.tiers(1, '2026-01-20', '2026-03-01', '2028-01-01', '2030-01-01'), 'Silver Gold Gold -', 'and once more');
SELECT matches((SELECT string_agg(h.cause, ', ' ORDER BY h.change_no) FROM rewards.tier_history h WHERE h.tier = 'Gold' AND h.posted_at = '2026-03-03'),
	'^by hand, (entry|late row)$', 'given by hand, reached');
\o /dev/null
SELECT t.go('2026-03-04');
SELECT t.late(1, 105, '2026-01-15');
\o
SELECT is((SELECT concat_ws(' ', tier, until::date, given) FROM rewards.standing WHERE member_id = 1), 'Gold 2030-01-01 t', 'Gold until it was given');
SELECT is_empty('SELECT * FROM rewards.verify()', 'all is sound');

SELECT * FROM finish();
ROLLBACK;
