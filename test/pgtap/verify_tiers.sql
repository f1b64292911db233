-- verify() names what cannot be of tiers: what an account says, what was written,
-- and what its lines are enough for, by the configuration it was judged by.
BEGIN;
\ir include/shop.sql
\ir include/tiers.sql
\ir include/tamper.sql
\ir include/verdict.sql
SELECT plan(22);

\o /dev/null
INSERT INTO rewards.unit (name, expires, spendable) VALUES ('nights', '12 months', false);
INSERT INTO rewards.rule (name, unit, earn) VALUES ('nights', 'nights', '1 per 100');
SELECT t.group('club', '12 months');
SELECT t.tier('Silver', 10, 1000, 'club');
SELECT t.tier('Gold', 20, 3000, 'club');
SELECT t.group('pass', 'immediately');
SELECT t.tier('Bus', 10, 500, 'pass');
INSERT INTO rewards.tier (name, tier_group, rank, threshold, qualify) VALUES ('Train', 'pass', 20, 100000, 'any');
INSERT INTO rewards.tier_threshold (tier, unit, threshold) VALUES ('Train', 'nights', 12);
SELECT t.buy(1, 1200, '2026-02-01');
SELECT t.buy(2, 400, '2026-02-01');
SELECT t.buy(3, 700, '2026-02-01');
SELECT t.buy(4, 2500, '2026-02-01');
SELECT t.go('2026-06-01');
UPDATE rewards.tier SET threshold = 2000 WHERE name = 'Silver';
SELECT t.buy(3, 700, '2026-06-02');
SELECT t.buy(4, 700, '2026-06-02');
SELECT t.buy(5, 2200, '2026-06-02');
SELECT t.go('2027-06-05');
SELECT t.buy(4, 10, '2027-06-05');

-- the highest number of a change of a member
CREATE FUNCTION t.last_change(member_id bigint) RETURNS bigint STABLE LANGUAGE sql AS $$
	SELECT max(c.change_no) FROM rewards.tier_change c WHERE c.member_id = $1
$$;
\o

SELECT is((SELECT string_agg(concat_ws(' ', m, coalesce(t.club, '-'), coalesce(t.pass, '-')), ', ' ORDER BY m) FROM generate_series(1, 5) m,
	LATERAL (SELECT rewards.tier_at(m, 'club', '2026-06-03') AS club, rewards.tier_at(m, 'pass', '2026-06-03') AS pass) t),
	'1 Silver Train, 2 - -, 3 - Train, 4 Gold Train, 5 Silver Train', 'by lines of two units, and by two configurations');
SELECT is(verdict('SELECT 1'), 'sound', 'nothing is wrong');
SELECT is((SELECT string_agg(DISTINCT m::text, ' ') FROM generate_series(1, 5) m, rewards.verify(m)), NULL, 'of nobody alone');

-- -------- what an account says --------

SELECT is(verdict('UPDATE rewards.account SET tiers = NULL WHERE member_id = 1'), 'tiers 1', 'an account that says nothing');
SELECT is(verdict('UPDATE rewards.account SET tiers = NULL WHERE member_id = 2'), 'sound', 'of who never had a tier');
SELECT is(verdict('UPDATE rewards.account SET tiers = (SELECT a.tiers FROM rewards.account a WHERE a.member_id = 5) WHERE member_id = 3'), 'tiers 3', 'an account that says what is another''s');
SELECT is(verdict('UPDATE rewards.account SET tiers = (SELECT a.tiers FROM rewards.account a WHERE a.member_id = 1) WHERE member_id = 2'), 'tiers 2', 'of who never had a tier');

-- -------- what was written --------

SELECT is(verdict('DELETE FROM rewards.tier_change WHERE member_id = 5'), 'tiers 5', 'changes that are missing');
SELECT is(verdict('DELETE FROM rewards.tier_change WHERE member_id = 1 AND change_no = t.last_change(1)'), 'tiers 1', 'one that is');
SELECT is(verdict('UPDATE rewards.tier_change SET until = until + interval ''1 day'' WHERE member_id = 1 AND change_no = t.last_change(1)'), 'tiers 1', 'a stay that ends later');
SELECT is(verdict('UPDATE rewards.tier_change SET since = since - interval ''1 day'' WHERE member_id = 1 AND change_no = t.last_change(1)'), 'tiers 1', 'a tier held for longer');
SELECT is(verdict('UPDATE rewards.tier_change SET counted_at = counted_at - interval ''1 day'' WHERE member_id = 1 AND change_no = t.last_change(1)'), 'tiers 1', 'a stay won earlier');
SELECT is(verdict('UPDATE rewards.tier_change SET life_tier_no = tier_no WHERE member_id = 1 AND change_no = t.last_change(1)'), 'tiers 1', 'a tier for life');
SELECT is(verdict('UPDATE rewards.tier_change SET tier_no = (SELECT tier_no FROM rewards.tier WHERE name = ''Gold'') WHERE member_id = 5 AND group_no = 1'), 'tiers 5', 'another tier');
SELECT is(verdict('UPDATE rewards.tier_change SET until = until + interval ''1 day'' WHERE member_id = 4 AND change_no = 1'), 'sound', 'one that another followed is history');

-- -------- what lines are enough for --------

SELECT is(verdict($$SELECT t.change_line(1, e.entry_no, points => 900) FROM rewards.entry e JOIN rewards.unit u USING (unit_no) WHERE e.member_id = 1 AND u.name = 'status'$$), 'entitlement 1, state 1, tiers 1', 'a line that says less in one unit');
SELECT is(verdict($$SELECT t.change_line(1, e.entry_no, points => 11) FROM rewards.entry e JOIN rewards.unit u USING (unit_no) WHERE e.member_id = 1 AND u.name = 'nights'$$), 'entitlement 1, state 1, tiers 1', 'in the other');
SELECT is(verdict($$SELECT t.change_line(1, e.entry_no, points => 1250) FROM rewards.entry e JOIN rewards.unit u USING (unit_no) WHERE e.member_id = 1 AND u.name = 'status'$$), 'entitlement 1, state 1', 'a line that says more, not enough for another tier');
SELECT is(verdict($$UPDATE rewards.tier_version SET thresholds = '{1201}' WHERE name = 'Silver' AND config_version < (SELECT max(config_version) FROM rewards.tier_version)$$), 'tiers 1', 'a threshold that was higher: who was judged by it');
SELECT is(verdict($$UPDATE rewards.tier_version SET thresholds = '{1201}' WHERE name = 'Silver' AND config_version = (SELECT max(config_version) FROM rewards.tier_version)$$), 'tiers 3', 'a threshold that is lower: who was judged since');
SELECT is(verdict($$UPDATE rewards.tier_version SET qualify = 'all' WHERE name = 'Train'$$), 'tiers 1, tiers 3, tiers 5', 'all thresholds instead of any');
SELECT is(verdict($$UPDATE rewards.tier_version SET closed = true WHERE name = 'Gold'$$), 'sound', 'a tier that nobody reaches now');
SELECT * FROM finish();
ROLLBACK;
