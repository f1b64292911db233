-- Tiers: configuration, calendar years, several groups, by hand, late rows.

\set QUIET on
\set ON_ERROR_STOP on
BEGIN;
\i test/pgtap/include/shop.sql
\i test/pgtap/include/tiers.sql
SELECT plan(63);

-- -------- configuration that cannot be --------

\o /dev/null
INSERT INTO rewards.unit (name, expires, spendable) VALUES ('nights', 'to end of year', false), ('idle', '6 months since last activity', false);
SELECT t.group('status', '12 months');
SELECT t.tier('Silver', 10, 1000);
SELECT t.tier('Gold', 20, 3000);
\o
SELECT throws_ok($$SELECT t.tier('Bad', 20, 2000)$$, '23514', 'tiers "Bad" and "Gold" of group "status" have the same rank 20');
SELECT throws_ok($$SELECT t.tier('Bad', 15, 4000)$$, '23514', 'tier "Gold" ranks above "Bad", but its threshold is not higher');
SELECT throws_ok($$SELECT t.tier('Bad', 30, 3000.5)$$, '23514', 'threshold of tier "Bad" must be a multiple of 1');
SELECT throws_ok($$SELECT t.tier('Bad', 30, -1)$$, '23514');
SELECT throws_ok($$SELECT t.tier('Gold', 30, 4000)$$, '23505');
SELECT throws_ok($$INSERT INTO rewards.tier_threshold VALUES ('Gold', 'status', 5)$$, '23514', 'tier "Gold" would have two thresholds in unit "status"');
SELECT throws_ok($$INSERT INTO rewards.tier_threshold VALUES ('Gold', 'steps', 5)$$, '23503');
SELECT throws_ok($$SELECT t.group('x', '12 months', unit => 'steps')$$, '23503');
SELECT throws_ok($$SELECT t.group('x', '12 months', unit => 'idle')$$, '23514',
	'unit "idle", whose points expire since last activity, cannot qualify for tier group "x"');
SELECT throws_ok($$SELECT t.group('x', '12 months since last activity')$$, '23514', 'keep of tier group "x" cannot depend on activity');
SELECT throws_ok($$UPDATE rewards.unit SET expires = '6 months since last activity' WHERE name = 'status'$$, '23514');
SELECT throws_ok($$INSERT INTO rewards.tier_threshold VALUES ('Gold', 'nights', 5), ('Silver', 'nights', 6)$$, '23514',
	'tier "Gold" ranks above "Silver", but its threshold in unit "nights" is lower');
SELECT throws_ok($$DELETE FROM rewards.tier_group$$, '23503');
SELECT throws_ok($$TRUNCATE rewards.tier CASCADE$$, '0A000');
SELECT throws_ok($$DELETE FROM rewards.tier_change$$, '42501');
SELECT lives_ok($$UPDATE rewards.tier SET rank = 30 - rank, threshold = 4000 - threshold$$, 'two tiers can trade places in one statement');
SELECT lives_ok($$UPDATE rewards.tier SET rank = 30 - rank, threshold = 4000 - threshold$$, 'and back');
SELECT throws_ok($$INSERT INTO rewards.rule (name, earn, tiers) VALUES ('x', 'x2', '{Silver,Bronze}')$$, '42704', 'there is no tier named "Bronze"');
\o /dev/null
INSERT INTO rewards.rule (name, earn, tiers) VALUES ('points', '1 per 1', NULL), ('more', 'x2', '{Silver,Gold}');
UPDATE rewards.tier SET name = 'Plata' WHERE name = 'Silver';
\o
SELECT is((SELECT tiers::text FROM rewards.rule WHERE name = 'more'), '{Plata,Gold}', 'rules follow a tier''s name');
\o /dev/null
SELECT t.buy(1, 1000, '2026-01-11');
SELECT t.buy(1, 10, '2026-01-12');
\o
SELECT is(t.by_rule(1), 'points 1010, more 10', 'and pay for it');
\o /dev/null
UPDATE rewards.tier SET name = 'Silver' WHERE name = 'Plata';
UPDATE shop.orders SET total = 20 WHERE total = 10;
\o
SELECT is(t.by_rule(1), 'points 1020, more 20', 'also for what was posted under the old name');

-- -------- 5.3: calendar years --------

\o /dev/null
INSERT INTO rewards.rule (name, unit, earn, source, amount) VALUES ('nights', 'nights', '1 per 1', 'orders', $$CASE WHEN channel = 'hotel' THEN total END$$);
SELECT t.group('years', '1 year to end of year', 'to end of year', unit => 'nights');
SELECT t.tier('Y25', 25, 25, 'years'), t.tier('Y50', 50, 50, 'years'), t.tier('Y75', 75, 75, 'years');
SELECT t.group('steps', '1 year to end of year', 'to end of year', 'one_level', unit => 'nights');
SELECT t.tier('S25', 25, 25, 'steps'), t.tier('S50', 50, 50, 'steps'), t.tier('S75', 75, 75, 'steps');
SELECT t.go('2026-10-01');
INSERT INTO shop.orders (order_id, customer_id, total, placed_at, channel) VALUES (1, 31, 80, '2026-10-01', 'hotel'), (2, 32, 80, '2026-10-01', 'hotel');
SELECT t.go('2027-05-01');
INSERT INTO shop.orders (order_id, customer_id, total, placed_at, channel) VALUES (3, 31, 20, '2027-05-01', 'hotel'), (4, 32, 60, '2027-05-01', 'hotel');
\o
SELECT is((SELECT string_agg(tier || ' ' || until::date || ' ' || coalesce(projected, '-'), ', ' ORDER BY tier_group) FROM rewards.standing WHERE member_id = 31 AND tier IS NOT NULL),
	'S75 2028-01-01 S50, Y75 2028-01-01 -', '5.3: what 20 nights will be');
\o /dev/null
SELECT t.go('2028-01-01');
\o
SELECT is(concat_ws(' ', rewards.tier_at(31, 'years'), rewards.tier_at(31, 'steps')), 'S50', '5.3: ends the year with 20: one_level one tier down, to_qualified none');
SELECT is(concat_ws(' ', rewards.tier_at(32, 'years'), rewards.tier_at(32, 'steps')), 'Y50 S50', '5.3: or with 60');
SELECT is(concat_ws(' ', rewards.tier_at(31, 'steps', '2028-12-31'), rewards.tier_at(31, 'steps', '2029-01-01'), rewards.tier_at(31, 'steps', '2031-01-01')),
	'S50 S25', 'and so on, year by year');
\o /dev/null
SELECT rewards.book_due();
\o
SELECT is(t.stays(31, 'steps'), 'S75 entry 2026-10-01..2028-01-01, S50 expiry 2028-01-01..2029-01-01', 'book_due writes what has come');
SELECT is(rewards.book_due(), 0::bigint, 'once');

-- -------- late rows --------

-- a late row after an expiry
\o /dev/null
SELECT t.buy(41, 1000, '2028-02-01');
SELECT t.go('2029-03-01');
SELECT rewards.book_due();
\o
SELECT is(t.stays(41), 'Silver entry 2028-02-01..2029-02-01, - expiry 2029-02-01', 'a stay has ended');
\o /dev/null
SELECT t.late(41, 1500, '2028-12-01');
\o
SELECT is(t.tiers(41, '2029-01-31', '2029-02-01', '2030-01-31', '2030-02-01'), 'Silver Silver Silver -', 'a late row after an expiry renews it');
SELECT is(t.known(41, '2029-02-28', '2029-02-01', '2029-02-28'), '- -', 'which nobody knew before');
SELECT is((SELECT since::date::text FROM rewards.standing WHERE member_id = 41 AND tier_group = 'status'), '2028-02-01', 'held without a break');

-- a late row before the first tier
\o /dev/null
SELECT t.buy(42, 900, '2029-04-01');
SELECT t.buy(42, 900, '2029-06-01');
SELECT t.late(42, 200, '2029-03-15');
\o
SELECT is(t.tiers(42, '2029-03-31', '2029-04-01', '2030-03-31'), '- Silver Silver', 'a late row before the first tier brings it forward');

-- a late row that changes nothing
\o /dev/null
SELECT t.buy(43, 500, '2029-06-10');
SELECT t.buy(43, 100, '2029-06-12');
SELECT t.late(43, 100, '2029-06-11');
\o
SELECT is((SELECT count(*) FROM rewards.tier_change WHERE member_id = 43), 0::bigint, 'a late row that changes nothing writes nothing');

-- a late row while a stay runs
\o /dev/null
SELECT t.buy(44, 1000, '2029-07-01');
SELECT t.late(44, 500, '2029-06-20');
\o
SELECT is(t.stays(44), 'Silver entry 2029-07-01..2030-07-01', 'a late row below the threshold moves nothing while a stay runs');
\o /dev/null
SELECT t.late(44, 2000, '2029-06-25');
\o
SELECT is(t.tiers(44, '2029-06-24', '2029-06-25', '2029-07-01', '2030-06-30', '2030-07-01'), '- Silver Gold Gold -', 'a late upgrade');

-- a stay that is over does not become shorter
\o /dev/null
SELECT t.buy(45, 600, '2029-07-20');
SELECT t.buy(45, 500, '2029-08-01');
SELECT t.go('2030-09-01');
SELECT rewards.book_due();
SELECT t.late(45, 500, '2029-07-15');
\o
SELECT is(t.tiers(45, '2029-07-19', '2029-07-20', '2030-07-31', '2030-08-01'), '- Silver Silver -', 'a stay that is over does not become shorter');

-- a late refund counts from now
\o /dev/null
SELECT t.buy(46, 1000, '2030-09-02');
SELECT t.go('2030-09-10');
DELETE FROM shop.orders WHERE customer_id = 46;
\o
SELECT is(t.tiers(46, '2030-09-01', '2030-09-02', '2030-09-10', '2031-09-01', '2031-09-02'), '- Silver Silver Silver -', 'a late refund takes no tier before the end of the stay');

-- disorder gives what order gives, whatever the rows
\o /dev/null
SELECT t.go('2034-01-01');
INSERT INTO shop.orders (order_id, customer_id, total, placed_at)
	SELECT 5000 + n, 51, 100 + n * 37 % 400, timestamptz '2030-10-01' + n * interval '13 days' FROM generate_series(1, 80) n ORDER BY n;
INSERT INTO shop.orders (order_id, customer_id, total, placed_at)
	SELECT 6000 + n, 52, 100 + n * 37 % 400, timestamptz '2030-10-01' + n * interval '13 days' FROM generate_series(1, 80) n ORDER BY n * 7919 % 80;
\o
SELECT is(t.stays(51) IS NOT NULL, true, 'years in one statement');
SELECT is((SELECT string_agg(coalesce(rewards.tier_at(52, 'status', d), '-'), ' ') FROM generate_series(timestamptz '2030-10-01', '2034-01-01', '10 days') d),
	(SELECT string_agg(coalesce(rewards.tier_at(51, 'status', d), '-'), ' ') FROM generate_series(timestamptz '2030-10-01', '2034-01-01', '10 days') d),
	'rows in disorder end in the same tiers');

-- -------- by hand --------

\o /dev/null
SELECT t.tier('VIP', 90, NULL);
\o
SELECT throws_ok($$SELECT rewards.set_tier(61, 'VIP', 'friend')$$, 'LY002');
\o /dev/null
SELECT t.buy(61, 10, '2034-01-02');
\o
SELECT throws_ok($$SELECT rewards.set_tier(61, 'VIP', NULL)$$, '22004');
SELECT throws_ok($$SELECT rewards.set_tier(61, 'Vip', 'friend', tier_group => 'status')$$, '42704', 'there is no tier named "Vip" in group "status"');
SELECT throws_ok($$SELECT rewards.set_tier(61, 'VIP', 'friend', until => '2033-01-01')$$, '22023', 'a tier cannot end before it is given');
SELECT is((SELECT concat_ws(' ', status, tier_group, tier, since::date, until::date) FROM rewards.set_tier(61, 'VIP', 'friend', until => '2034-07-01', key => 'k1')),
	'done status VIP 2034-01-02 2034-07-01', 'a tier is given');
SELECT is((SELECT concat_ws(' ', status, tier) FROM rewards.set_tier(61, 'VIP', 'friend', until => '2034-07-01', key => 'k1')), 'done VIP', 'once for a key');
SELECT throws_ok($$SELECT rewards.set_tier(61, 'VIP', 'friend', until => '2034-08-01', key => 'k1')$$, 'LY009');
SELECT is(t.tiers(61, '2034-01-01', '2034-01-02', '2034-06-30', '2034-07-01'), '- VIP VIP -', 'until then');
SELECT is((SELECT concat_ws(' ', tier, cause, reason, actor = session_user) FROM rewards.tier_history WHERE member_id = 61), 'VIP by hand friend t', 'and it is known who did it, and why');
\o /dev/null
SELECT t.buy(61, 1, '2034-01-03');
SELECT t.late(61, 1500, '2034-01-01');
\o
SELECT is(t.tiers(61, '2033-12-31', '2034-01-01', '2034-01-02', '2034-07-01', '2034-12-31'), '- Silver VIP Silver Silver', 'a late row leaves it, and counts afterwards');
\o /dev/null
SELECT rewards.set_tier(61, NULL, 'no friend any more', tier_group => 'status');
\o
SELECT is(rewards.tier_at(61, 'status'), NULL, 'taken again');
SELECT is((SELECT concat_ws(' ', tier, until) FROM rewards.set_tier(61, 'Gold', 'founder', until => 'infinity')), 'Gold infinity', 'for life');
SELECT is(rewards.tier_at(61, 'status', '2099-01-01'), 'Gold', 'really');
SELECT is((SELECT given::text FROM rewards.standing WHERE member_id = 61 AND tier_group = 'status'), 'true', 'standing says so');

-- -------- a tier for everybody --------

\o /dev/null
SELECT t.group('basic', 'immediately');
SELECT t.tier('Base', 0, 0, 'basic'), t.tier('Plus', 1, 50, 'basic');
SELECT t.go('2034-02-01');
SELECT t.buy(71, 10, '2034-02-02');
\o
SELECT is(rewards.tier_at(71, 'basic') || ' ' || rewards.tier_at(71, 'basic', '2050-01-01'), 'Base Base', 'a threshold of 0 is met by all');
\o /dev/null
SELECT t.buy(71, 40, '2034-02-03');
\o
SELECT is((SELECT concat_ws(' ', tier, until::date, projected) FROM rewards.standing WHERE member_id = 71 AND tier_group = 'basic'), 'Plus 2035-02-02 Base', 'no longer than the balance');

-- -------- the program's zone --------

\o /dev/null
SELECT t.go('2034-12-31');
SELECT t.buy(81, 30, '2034-12-31 12:00');
UPDATE shop.orders SET channel = 'hotel' WHERE customer_id = 81;
UPDATE rewards.program SET time_zone = 'Asia/Tokyo';
\o
SELECT is((SELECT until::text FROM rewards.standing WHERE member_id = 81 AND tier_group = 'years'), '2036-01-01 00:00:00+00', 'a running stay keeps its end');
\o /dev/null
INSERT INTO shop.orders (order_id, customer_id, total, placed_at, channel) VALUES (99, 82, 30, '2034-12-31 12:00', 'hotel');
\o
SELECT is((SELECT until::text FROM rewards.standing WHERE member_id = 82 AND tier_group = 'years'), '2035-12-31 15:00:00+00', 'a new one ends where the year ends now');

-- -------- points that came back after their end, and were sent on: missing until they would have ended --------

\o /dev/null
INSERT INTO rewards.unit (name, expires, return_grace, transferable) VALUES ('lent', '10 days', '7 days', true);
INSERT INTO rewards.rule (name, unit, earn) VALUES ('lent', 'lent', '1 per 1');
SELECT t.group('lent', '30 days', unit => 'lent');
SELECT t.tier('Lender', 10, 50, 'lent');
SELECT t.buy(83, 400, '2035-02-01'), rewards.spend(83, 400, unit => 'lent'), t.buy(83, 110, '2035-03-10'), t.go('2035-03-10 12:00');
SELECT rewards.cancel((SELECT max(operation_no) FROM rewards.operation WHERE member_id = 83)), rewards.transfer(83, 82, 400, unit => 'lent');
\o
SELECT is((SELECT concat_ws(' ', tier, until::date, points_to_keep) FROM rewards.standing WHERE member_id = 83 AND tier_group = 'lent'), 'Lender 2035-04-09 0',
	'a tier is reached again when points end that the balance was lacking: nothing is needed to keep it');

-- -------- what cannot be is found --------

SAVEPOINT sound;
UPDATE rewards.account SET tiers = NULL WHERE member_id = 61;
SELECT is((SELECT string_agg(DISTINCT v.invariant || ' ' || v.member_id, ', ') FROM rewards.verify(61) v), 'tiers 61', 'verify() finds an account that has forgotten its tiers');
ROLLBACK TO sound;
SAVEPOINT sound;
UPDATE rewards.account SET tiers = (SELECT tiers FROM rewards.account WHERE member_id = 71) WHERE member_id = 43;
SELECT is((SELECT count(*) > 0 FROM rewards.verify() v WHERE v.invariant = 'tiers' AND v.member_id = 43), true, 'or that has another''s');
ROLLBACK TO sound;

\i test/pgtap/include/finish.sql
