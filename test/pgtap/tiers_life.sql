-- Tiers for life: after so many years in all, or by points that never end.

\set QUIET on
\set ON_ERROR_STOP on
BEGIN;
\i test/pgtap/include/shop.sql
\i test/pgtap/include/tiers.sql
SELECT plan(34);

\o /dev/null
SELECT t.group('status', '12 months');
SELECT t.tier('Silver', 10, 1000), t.tier('Gold', 20, 3000), t.tier('Top', 30, 9000);
\o
SELECT throws_ok($$UPDATE rewards.tier SET life_years = 0$$, '23514');
SELECT throws_ok($$UPDATE rewards.tier SET life_years = 1001$$, '23514');
\o /dev/null
UPDATE rewards.tier SET life_years = 3 WHERE name = 'Gold';

-- 1: Gold for three years without a break
SELECT t.buy(1, 3000, '2026-02-01');
SELECT t.buy(1, 3000, '2026-12-01'), t.buy(1, 3000, '2027-11-01'), t.buy(1, 3000, '2028-10-01');
\o
SELECT is(t.tiers(1, '2029-01-30', '2029-01-31', '2030-02-01', '2050-01-01'), 'Gold Gold Gold Gold', 'three years of Gold are for life: to come');
SELECT is((SELECT concat_ws(' ', tier, until::date, for_life) FROM rewards.standing WHERE member_id = 1), 'Gold 2029-02-01 f', 'not yet');
\o /dev/null
SELECT t.go('2029-01-30 23:59:59');
\o
SELECT is((SELECT concat_ws(' ', tier, until::date, for_life) FROM rewards.standing WHERE member_id = 1), 'Gold 2029-02-01 f', 'not yet: 1095 days');
\o /dev/null
SELECT t.go('2029-01-31');
\o
SELECT is((SELECT concat_ws(' ', tier, until, for_life, given, points_to_keep, projected) FROM rewards.standing WHERE member_id = 1), 'Gold infinity t f Gold', 'from that instant on');
SELECT is((SELECT rewards.book_due() > 0), true, 'book_due');
SELECT is((SELECT string_agg(tier || ' ' || cause || ' ' || occurred_at::date, ', ' ORDER BY change_no) FROM rewards.tier_history WHERE member_id = 1),
	'Gold entry 2026-02-01, Gold expiry 2027-02-01, Gold expiry 2028-02-01, Gold for life 2029-01-31', 'writes it, with its cause');
SELECT is(rewards.book_due(), 0::bigint, 'once');
SELECT is_empty('SELECT * FROM rewards.verify()', 'all is sound');
\o /dev/null
SELECT t.buy(1, 6001, '2029-02-10');
\o
SELECT is(t.tiers(1, '2029-02-10', '2030-02-09', '2030-02-10', '2060-01-01'), 'Top Top Gold Gold', 'higher tiers as ever, and back to it');
SELECT is((SELECT concat_ws(' ', tier, until::date, for_life, projected) FROM rewards.standing WHERE member_id = 1), 'Top 2030-02-10 f Gold', 'standing says so');

-- 2: breaks do not count; a higher tier does
\o /dev/null
SELECT t.buy(2, 9000, '2029-03-01');		-- Top until 2030-03-01
SELECT t.go('2031-01-01'), rewards.book_due();
SELECT t.buy(2, 3000, '2031-03-01'), t.buy(2, 3000, '2032-02-01');	-- Gold until 2033-03-01
\o
SELECT is(t.tiers(2, '2030-02-28', '2030-03-01', '2031-03-01', '2033-02-28', '2034-03-01', '2060-01-01'), 'Top - Gold Gold Gold Gold', 'a year of Top and two of Gold after a break, 1096 days in all');
\o /dev/null
SELECT t.go('2034-01-01'), rewards.book_due();
\o
SELECT is((SELECT occurred_at::date::text FROM rewards.tier_history WHERE member_id = 2 AND cause = 'for life'), '2033-02-28', 'from the day on');
SELECT is(t.known(2, '2033-02-01', '2033-02-01', '2040-01-01') || ', ' || t.known(2, '2031-12-31', '2040-01-01'), 'Gold Gold, -', 'what was to be expected before');

-- 3: two years do not suffice; a late row makes up for it
\o /dev/null
SELECT t.buy(3, 3000, '2034-02-01'), t.buy(3, 3000, '2035-01-01');
SELECT t.go('2037-06-01'), rewards.book_due();
\o
SELECT is(t.tiers(3, '2036-01-31', '2036-02-01', '2037-06-01'), 'Gold - -', 'two years');
\o /dev/null
SELECT t.late(3, 3000, '2036-01-31');
\o
SELECT is(t.tiers(3, '2036-02-01', '2037-02-01', '2060-01-01'), 'Gold Gold Gold', 'a late row gives the third');
SELECT is((SELECT occurred_at::date || ' ' || until FROM rewards.tier_history WHERE member_id = 3 AND cause = 'for life'), '2037-01-31 infinity', 'dated then');

-- 4: given by hand counts; taken by hand begins anew
\o /dev/null
SELECT t.buy(4, 1, '2037-06-02');
SELECT rewards.set_tier(4, 'Gold', 'guest', until => '2039-06-02');
SELECT t.go('2039-06-03'), rewards.book_due();
SELECT t.buy(4, 3000, '2039-06-04'), t.buy(4, 3000, '2040-06-03');
SELECT t.go('2040-06-05');
\o
SELECT is((SELECT concat_ws(' ', tier, until, for_life) FROM rewards.standing WHERE member_id = 4), 'Gold infinity t', 'time given by hand counts');
\o /dev/null
SELECT rewards.book_due();
SELECT rewards.set_tier(4, NULL, 'left', tier_group => 'status');
\o
SELECT is(t.tiers(4, '2040-06-05', '2041-01-01', '2060-01-01'), '- - -', 'taken by hand');
\o /dev/null
SELECT t.buy(4, 9000, '2042-01-01');
\o
SELECT is(t.tiers(4, '2042-01-01', '2043-01-01', '2060-01-01'), 'Top - -', 'and the years begin anew');
SELECT is_empty('SELECT * FROM rewards.verify()', 'all is sound');
\o /dev/null
SELECT rewards.set_tier(2, 'Silver', 'mistake', until => '2050-01-01');
\o
SELECT is(rewards.tier_at(2) || ' ' || rewards.tier_at(2, at => '2055-01-01'), 'Gold Gold', 'a lower tier given by hand takes nothing that is for life');

-- 5: fewer years asked for, live
\o /dev/null
SELECT t.buy(5, 3000, '2042-02-01'), t.buy(5, 3000, '2043-01-01');
SELECT t.go('2045-01-01'), rewards.book_due();
UPDATE rewards.tier SET life_years = 2 WHERE name = 'Gold';
\o
SELECT is(t.tiers(5, '2044-01-31', '2044-02-01', '2044-12-31', '2045-01-01', '2060-01-01'), 'Gold - - Gold Gold', 'who has the years has it from the change on');
\o /dev/null
SELECT rewards.book_due(), t.buy(5, 1, '2045-01-02');
\o
SELECT is((SELECT occurred_at::date || ' ' || tier FROM rewards.tier_history WHERE member_id = 5 AND cause = 'for life'), '2045-01-01 Gold', 'written by the next movement');
\o /dev/null
UPDATE rewards.tier SET life_years = NULL;
\o
SELECT is(t.tiers(5, '2045-01-02', '2060-01-01'), 'Gold Gold', 'and stays when nobody else can have it');
\o /dev/null
DELETE FROM rewards.tier WHERE name = 'Gold';
\o
SELECT is(t.tiers(5, '2045-01-02', '2060-01-01'), 'Gold Gold', 'even if the tier is removed');

-- -------- by points --------
\o /dev/null
INSERT INTO rewards.unit (name, spendable) VALUES ('miles', false);
INSERT INTO rewards.rule (name, unit, earn) VALUES ('miles', 'miles', '1 per 1');
SELECT t.group('million', 'never', unit => 'miles');
SELECT t.tier('Million Miler', 10, 20000, 'million');
SELECT t.buy(6, 15000, '2045-02-01'), t.buy(6, 6000, '2046-02-01');
\o
SELECT is((SELECT concat_ws(' ', tier, since::date, until) FROM rewards.standing WHERE member_id = 6 AND tier_group = 'million'), 'Million Miler 2046-02-01 infinity', 'for life by points that never end');

-- -------- a backfill counts the same years --------
\o /dev/null
SELECT t.group('again', '12 months');
SELECT t.tier('A', 10, 500, 'again'), t.tier('B', 20, 1500, 'again');
UPDATE rewards.tier SET life_years = 2 WHERE name = 'B';
UPDATE rewards.tier SET life_years = 4 WHERE name = 'A';
SELECT t.go('2047-01-01');
SELECT t.buy(7, 100 + n * 37 % 400, timestamptz '2047-01-01' + n * interval '23 days') FROM generate_series(1, 150) n;
SELECT rewards.book_due() FROM generate_series(1, 3);
INSERT INTO shop.orders (order_id, customer_id, total, placed_at) SELECT 9000 + n, 8, 100 + n * 37 % 400, timestamptz '2047-01-01' + n * interval '23 days' FROM generate_series(1, 150) n;
\o
SELECT is((SELECT string_agg(coalesce(rewards.tier_at(8, 'again', d), '-'), ' ') FROM generate_series(timestamptz '2047-01-01', '2060-01-01', '40 days') d),
	(SELECT string_agg(coalesce(rewards.tier_at(7, 'again', d), '-'), ' ') FROM generate_series(timestamptz '2047-01-01', '2060-01-01', '40 days') d), 'one statement gives what years gave');
SELECT is((SELECT count(*) FROM rewards.tier_history WHERE member_id IN (7, 8) AND cause = 'for life'), 2::bigint, 'the higher tier for life, which leaves nothing to the lower');

-- -------- what cannot be is found --------
SAVEPOINT sound;
UPDATE rewards.account SET tiers = (SELECT tiers FROM rewards.account WHERE member_id = 6) WHERE member_id = 5;
SELECT is((SELECT count(*) > 0 FROM rewards.verify(5) v WHERE v.invariant = 'tiers'), true, 'verify() finds an account that has forgotten its life');
ROLLBACK TO sound;

\i test/pgtap/include/finish.sql
