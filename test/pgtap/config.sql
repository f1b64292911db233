-- Configuration: every wrong value is refused when it is written.
\set ECHO none
\set QUIET 1
SET client_min_messages = error;
BEGIN;
CREATE EXTENSION pgtap;
CREATE EXTENSION loyalty;
SELECT no_plan();

CREATE ROLE shopkeeper;
CREATE ROLE marketer;
GRANT USAGE, CREATE ON SCHEMA public TO shopkeeper, marketer;
SELECT loyalty.create_program('r', 'bigint', 'Europe/Paris', 'EUR', test_clock => true, owner => 'shopkeeper');
GRANT USAGE ON SCHEMA r TO marketer;
GRANT SELECT, INSERT, UPDATE, DELETE ON r.rule, r.unit, r.member TO marketer;
CREATE TABLE orders (id bigint PRIMARY KEY, customer bigint, total numeric, at timestamptz);
CREATE TABLE reviews (id bigint PRIMARY KEY, customer bigint, at timestamptz);
CREATE TABLE refunds (id bigint PRIMARY KEY, order_id bigint, amount numeric);
GRANT SELECT, TRIGGER ON orders, reviews, refunds TO shopkeeper;
SELECT r.attach('orders', 'orders', member => 'customer', amount => 'total', occurred_at => 'at');
SELECT r.attach('reviews', 'reviews', member => 'customer', occurred_at => 'at');
SELECT r.attach('refunds', 'refunds', reduces => 'orders', reduces_key => 'order_id', amount => 'amount');
SELECT r.set_clock('2026-01-01');

CREATE FUNCTION conf() RETURNS int LANGUAGE sql AS 'SELECT config_version FROM r.program';

-- -------- program --------
SELECT throws_ok($$UPDATE r.program SET name = 'x'$$, '23514', 'the name of a program is that of its schema, "r"');
SELECT throws_ok($$UPDATE r.program SET time_zone = 'Nowhere'$$, '22023', 'time zone "Nowhere" does not exist');
SELECT throws_ok($$UPDATE r.program SET time_zone = 'CEST'$$, '22023', NULL, 'an abbreviation is no zone');
SELECT throws_ok($$UPDATE r.program SET time_zone = NULL$$, '23502', NULL, 'no zone');
SELECT throws_ok($$UPDATE r.program SET currency = 'Euro'$$, '22023', '"Euro" is not a currency code');
SELECT throws_ok($$UPDATE r.program SET stacking = 'most'$$, '23514', NULL);
SELECT throws_ok($$UPDATE r.program SET on_error = 'ignore'$$, '23514', NULL);
SELECT throws_ok($$UPDATE r.program SET enrolment = 'maybe'$$, '23514', NULL);
SELECT throws_ok($$UPDATE r.program SET config_version = 99$$, '23514', 'column "config_version" of table "program" cannot be changed');
SELECT throws_ok($$UPDATE r.program SET engine_version = '99'$$, '23514', NULL);
SELECT throws_ok($$UPDATE r.program SET test_clock = false$$, '23514', NULL);
SELECT throws_ok($$UPDATE r.program SET created_at = now()$$, '23514', NULL);
SELECT throws_ok($$DELETE FROM r.program$$, '23514', 'the row of table "program" cannot be deleted');
SELECT throws_ok($$TRUNCATE r.program$$, '0A000', NULL);
SELECT throws_ok($$INSERT INTO r.program (name, time_zone, currency) VALUES ('r', 'UTC', 'EUR')$$, '23505', NULL, 'one row only');
CREATE TEMP TABLE before AS SELECT conf() AS v;
UPDATE r.program SET stacking = 'best';
SELECT is(conf(), (SELECT v + 1 FROM before), 'a change is a new version');
SELECT results_eq($$SELECT stacking FROM r.program_version WHERE config_version = conf()$$, $$VALUES ('best')$$, 'which is noted');
UPDATE r.program SET on_error = 'raise';
SELECT is(conf(), (SELECT v + 1 FROM before), 'what does not change judgements is none');
UPDATE r.program SET stacking = 'best';
SELECT is(conf(), (SELECT v + 1 FROM before), 'nor is what stays the same');
UPDATE r.program SET stacking = 'additive', on_error = 'queue';

-- -------- the test clock --------
SELECT throws_ok($$SELECT r.set_clock('2025-12-31')$$, '22023', 'the test clock cannot go backwards');
SELECT throws_ok($$SELECT r.set_clock(NULL)$$, '22004', NULL);
SELECT throws_ok($$SELECT r.set_clock('infinity')$$, '23514', NULL);
SELECT throws_ok($$UPDATE r.program SET clock = NULL$$, '22023', NULL);
SELECT lives_ok($$SELECT r.set_clock('2026-01-02')$$);
SELECT loyalty.create_program('real', 'bigint', 'UTC', 'EUR');
SELECT throws_ok($$SELECT real.set_clock('2026-01-01')$$, '55000', 'program "real" has no test clock');
SELECT throws_ok($$UPDATE real.program SET clock = now()$$, '55000', NULL);

-- -------- units --------
SELECT throws_ok($$INSERT INTO r.unit (name, unit_no) VALUES ('x', 7)$$, '428C9', 'the number of a unit is assigned by the program');
SELECT lives_ok($$INSERT INTO r.unit (name, spendable) VALUES ('status', false), ('stamps', false)$$);
SELECT results_eq('SELECT name, unit_no::int FROM r.unit ORDER BY unit_no', $$VALUES ('points', 1), ('status', 2), ('stamps', 3)$$, 'numbers are assigned');
DELETE FROM r.unit WHERE name = 'stamps';
INSERT INTO r.unit (name, spendable) VALUES ('stamps', false);
SELECT results_eq($$SELECT unit_no::int FROM r.unit WHERE name = 'stamps'$$, 'VALUES (4)', 'and never used again');
SELECT results_eq($$SELECT deleted FROM r.unit_version WHERE unit_no = 3 ORDER BY config_version$$, 'VALUES (false), (true)', 'deletion is a version, too');
SELECT throws_ok($$UPDATE r.unit SET unit_no = 9 WHERE name = 'stamps'$$, '23514', 'column "unit_no" of table "unit" cannot be changed');
SELECT throws_ok($$INSERT INTO r.unit (name) VALUES ('')$$, '23514', NULL);
SELECT throws_ok($$INSERT INTO r.unit (name) VALUES ('points')$$, '23505', NULL);
SELECT throws_ok($$INSERT INTO r.unit (name, decimals) VALUES ('x', 5)$$, '23514', NULL);
SELECT throws_ok($$INSERT INTO r.unit (name, rounding) VALUES ('x', 'up')$$, '23514', NULL);
SELECT throws_ok($$INSERT INTO r.unit (name, expires) VALUES ('x', 'sometime')$$, '22P02', NULL);
SELECT throws_ok($$INSERT INTO r.unit (name, max_per_event) VALUES ('x', 10.5)$$, '23514', 'max_per_event of unit "x" must be a multiple of 1');
SELECT throws_ok($$INSERT INTO r.unit (name, max_per_event, decimals) VALUES ('x', 10.555, 2)$$, '23514', 'max_per_event of unit "x" must be a multiple of 0.01');
SELECT throws_ok($$INSERT INTO r.unit (name, max_per_event) VALUES ('x', 'NaN')$$, '22003', NULL);
SELECT throws_ok($$INSERT INTO r.unit (name, max_per_event) VALUES ('x', 'Infinity')$$, '22003', NULL);
SELECT throws_ok($$INSERT INTO r.unit (name, max_per_event) VALUES ('x', 1e20)$$, '22003', NULL);
SELECT throws_ok($$INSERT INTO r.unit (name, max_per_event) VALUES ('x', -1)$$, '23514', NULL);
SELECT throws_ok($$INSERT INTO r.unit (name, activates, expires) VALUES ('x', '14 days', '14 days')$$, '23514', 'points of unit "x" would expire before they activate');
SELECT throws_ok($$INSERT INTO r.unit (name, activates, expires) VALUES ('x', '2 months', 'to end of month')$$, '23514', NULL);
SELECT throws_ok($$INSERT INTO r.unit (name, activates, expires) VALUES ('x', '31 days', 'to end of month')$$, '23514', NULL);
SELECT throws_ok($$INSERT INTO r.unit (name, expires) VALUES ('x', 'immediately')$$, '23514', NULL);
SELECT throws_ok($$INSERT INTO r.unit (name, activates) VALUES ('x', 'never')$$, '23514', 'activates of unit "x" cannot be never');
SELECT throws_ok($$INSERT INTO r.unit (name, activates) VALUES ('x', '1 month since last activity')$$, '23514', 'activates of unit "x" cannot depend on activity');
SELECT throws_ok($$INSERT INTO r.unit (name, return_grace) VALUES ('x', '1 month since last activity')$$, '23514', 'return_grace of unit "x" cannot depend on activity');
SELECT lives_ok($$INSERT INTO r.unit (name, activates, expires) VALUES ('a', '14 days', 'to end of month')$$, 'sometimes there is time left');
SELECT lives_ok($$INSERT INTO r.unit (name, activates, expires) VALUES ('b', 'to end of day', '12 hours')$$, 'late in the day');
SELECT lives_ok($$INSERT INTO r.unit (name, activates, expires) VALUES ('c', '14 days', '15 days')$$);
SELECT lives_ok($$INSERT INTO r.unit (name, activates, expires) VALUES ('d', '14 days', '6 months since last activity')$$);
DELETE FROM r.unit WHERE name IN ('a', 'b', 'c', 'd');

-- -------- rules --------
CREATE FUNCTION rule(columns text, vals text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN EXECUTE format('INSERT INTO r.rule (name, %s) VALUES (''x'', %s)', columns, vals); END$$;
SELECT throws_ok($$SELECT rule('earn', '''many''')$$, '22P02', NULL);
SELECT throws_ok($$SELECT rule('earn, source', '''1 per 1'', ''nothing''')$$, '42704', 'there is no source "nothing"', 'an unknown source');
SELECT throws_ok($$SELECT rule('earn, unit', '''1 per 1'', ''nothing''')$$, '42704', 'there is no unit "nothing"', 'an unknown unit');
SELECT throws_ok($$SELECT rule('earn, source', '''1 per 1'', ''refunds''')$$, '23514', 'rule "x" cannot pay for source "refunds", which reduces another');
SELECT throws_ok($$SELECT rule('earn, source', '''1 per 1'', ''reviews''')$$, '23514', 'rule "x" needs an amount, and source "reviews" has none');
SELECT throws_ok($$SELECT rule('earn, source', '''1 per full 10'', ''reviews''')$$, '23514', NULL);
SELECT throws_ok($$SELECT rule('earn, source', '''5%'', ''reviews''')$$, '23514', NULL);
SELECT throws_ok($$SELECT rule('earn, source, min_amount', '''5'', ''reviews'', 10')$$, '23514', 'rule "x" has a min_amount, and source "reviews" has no amount');
SELECT throws_ok($$SELECT rule('earn, min_amount', '''5'', ''NaN''')$$, '22003', NULL);
SELECT throws_ok($$SELECT rule('earn, source, amount', '''50'', ''orders'', ''total''')$$, '23514', 'rule "x" pays a flat rate and cannot have an amount');
SELECT throws_ok($$SELECT rule('earn, source, amount', '''x2'', ''orders'', ''total''')$$, '23514', 'rule "x" is a multiplier and cannot have an amount of its own');
SELECT throws_ok($$SELECT rule('earn', '''x0.5''')$$, '23514', 'multiplier of rule "x" must be at least 1');
SELECT throws_ok($$SELECT rule('earn, max_per_member', '''5'', 100')$$, '23514', 'max_per_member of rule "x" needs a cap_period');
SELECT throws_ok($$SELECT rule('earn, cap_period', '''5'', ''day''')$$, '23514', 'cap_period of rule "x" needs a max_per_member');
SELECT throws_ok($$SELECT rule('earn, max_per_member, cap_period', '''5'', 100, ''fortnight''')$$, '23514', NULL);
SELECT throws_ok($$SELECT rule('earn, max_per_member, cap_period', '''5'', 0.5, ''day''')$$, '23514', 'max_per_member of rule "x" must be a multiple of 1');
SELECT throws_ok($$SELECT rule('earn, max_per_event', '''5'', 0.5')$$, '23514', 'max_per_event of rule "x" must be a multiple of 1');
SELECT throws_ok($$SELECT rule('earn, budget', '''5'', 0.5')$$, '23514', 'budget of rule "x" must be a multiple of 1');
SELECT throws_ok($$SELECT rule('earn, budget', '''5'', -5')$$, '23514', NULL);
SELECT throws_ok($$SELECT rule('earn, valid', '''5'', ''empty''')$$, '23514', NULL);
SELECT throws_ok($$SELECT rule('earn, tiers', '''5'', ''{gold}''')$$, '42704', 'there is no tier named "gold"');
SELECT throws_ok($$SELECT rule('earn, tiers', '''5'', ''{}''')$$, '23514', 'tiers of rule "x" must name tiers');
SELECT throws_ok($$SELECT rule('earn, expires', '''5'', ''6 months since last activity''')$$, '23514', 'expires of rule "x" cannot depend on activity');
SELECT throws_ok($$SELECT rule('earn, activates', '''5'', ''never''')$$, '23514', 'activates of rule "x" cannot be never');
SELECT throws_ok($$SELECT rule('earn, activates, expires', '''5'', ''1 month'', ''1 week''')$$, '23514', 'points of rule "x" would expire before they activate');
SELECT throws_ok($$SELECT rule('earn, expires', '''5'', ''immediately''')$$, '23514', NULL);
SELECT throws_ok($$SELECT rule('earn, rule_no', '''5'', 7')$$, '428C9', NULL);
SELECT throws_ok($$UPDATE r.rule SET rule_no = DEFAULT WHERE name = 'nothing'; INSERT INTO r.rule (name, earn) VALUES ('y', '5'); UPDATE r.rule SET rule_no = DEFAULT$$,
	'23514', 'column "rule_no" of table "rule" cannot be changed');
SELECT lives_ok($$INSERT INTO r.rule (name, source, earn, exclusive_group) VALUES ('one', 'orders', '1 per 1', 'g')$$);
SELECT throws_ok($$INSERT INTO r.rule (name, source, earn, exclusive_group, unit) VALUES ('two', 'orders', '2 per 1', 'g', 'status')$$, '23514',
	'exclusive group "g" has rules that pay different units');
SELECT lives_ok($$INSERT INTO r.rule (name, source, earn, exclusive_group) VALUES ('two', 'orders', '2 per 1', 'g')$$);
SELECT throws_ok($$UPDATE r.rule SET unit = 'status' WHERE name = 'two'$$, '23514', NULL);
SELECT lives_ok($$UPDATE r.rule SET unit = 'status' WHERE exclusive_group = 'g'$$, 'a group moves as one');
SELECT lives_ok($$INSERT INTO r.rule (name, earn) VALUES ('for all', '1 per 10')$$, 'a rule for all sources');
SELECT lives_ok($$INSERT INTO r.rule (name, source, earn, amount) VALUES ('stars', 'reviews', '1 per 1', 'id')$$, 'an amount of its own');
SELECT throws_ok($$UPDATE r.rule SET amount = NULL WHERE name = 'stars'$$, '23514', NULL);
DELETE FROM r.rule WHERE name = 'stars';

-- versions
SELECT results_eq($$SELECT unit_no::int, deleted, enabled FROM r.rule_version WHERE name = 'one' ORDER BY config_version$$,
	'VALUES (1, false, true), (2, false, true)', 'every change of a rule is noted');
SELECT results_eq($$SELECT deleted, enabled FROM r.rule_version WHERE name = 'stars' ORDER BY config_version$$,
	'VALUES (false, true), (true, false)', 'its end, too');
SELECT results_eq($$SELECT max(config_version) FROM r.rule_version$$, 'SELECT conf()', 'as the latest version');
SELECT throws_ok($$UPDATE r.rule_version SET earn = '9'$$, '42501', NULL, 'versions are not changed');
SELECT throws_ok($$DELETE FROM r.unit_version$$, '42501', NULL);
SELECT throws_ok($$TRUNCATE r.program_version$$, '42501', NULL);
SELECT throws_ok($$TRUNCATE r.rule$$, '0A000', 'table "rule" of a loyalty program cannot be truncated');
SELECT throws_ok($$TRUNCATE r.unit CASCADE$$, '0A000', NULL);

-- pins: one for each version that reads something new
INSERT INTO r.rule (name, source, earn, condition) VALUES ('p', 'orders', '1', 'total > 1');
UPDATE r.rule SET priority = 1 WHERE name = 'p';
UPDATE r.rule SET condition = 'total > 2' WHERE name = 'p';
UPDATE r.rule SET condition = NULL WHERE name = 'p';
SELECT results_eq($$SELECT dense_rank() OVER (ORDER BY pin)::int FROM r.rule_version WHERE name = 'p' AND pin IS NOT NULL ORDER BY config_version$$,
	'VALUES (1), (1), (2)', 'a pin is kept while the text is the same');
SELECT results_eq($$SELECT pin::text = format('r.rule_%s_%s', rule_no, config_version) FROM r.rule_version WHERE name = 'p' AND condition = 'total > 2'$$,
	'VALUES (true)', 'and has the name of its version');

-- -------- budgets --------
INSERT INTO r.rule (name, source, earn, budget) VALUES ('promo', 'orders', '1 per 1', 100);
CREATE FUNCTION room() RETURNS TABLE (slots bigint, room numeric, used numeric) LANGUAGE sql AS $$
	SELECT count(*), sum(b.room::numeric), sum(b.used::numeric) FROM r.budget_room b JOIN r.rule USING (rule_no) WHERE name = 'promo' $$;
SELECT results_eq('SELECT * FROM room()', 'VALUES (16::bigint, 100::numeric, 0::numeric)', 'a budget is split into slots');
SELECT is_empty('SELECT FROM r.budget_room WHERE room::numeric % 1 <> 0', 'of whole points');
SELECT ok((SELECT max(room::numeric) - min(room::numeric) <= 1 FROM r.budget_room), 'as equal as can be');
UPDATE r.rule SET enabled = (name = 'promo');
INSERT INTO orders VALUES (1, 1, 30, '2026-01-01');
SELECT results_eq('SELECT * FROM room()', 'VALUES (16::bigint, 70::numeric, 30::numeric)', 'posting uses it');
UPDATE r.rule SET budget = 50 WHERE name = 'promo';
SELECT results_eq('SELECT * FROM room()', 'VALUES (16::bigint, 20::numeric, 30::numeric)', 'a smaller budget leaves less room');
SELECT throws_ok($$UPDATE r.rule SET budget = 29 WHERE name = 'promo'$$, '23514', 'budget of rule "promo" cannot be less than the 30 it has used');
UPDATE r.rule SET budget = 30 WHERE name = 'promo';
SELECT results_eq('SELECT * FROM room()', 'VALUES (16::bigint, 0::numeric, 30::numeric)', 'or none');
UPDATE r.rule SET budget = NULL WHERE name = 'promo';
INSERT INTO orders VALUES (2, 1, 15, '2026-01-01');
UPDATE r.rule SET budget = 200 WHERE name = 'promo';
SELECT results_eq('SELECT * FROM room()', 'VALUES (16::bigint, 155::numeric, 45::numeric)', 'what was paid without a budget counts when there is one again');
UPDATE r.rule SET name = 'promo 2', enabled = false WHERE name = 'promo';

-- -------- what has paid stays --------
SELECT throws_ok($$DELETE FROM r.rule WHERE name = 'promo 2'$$, '23503', 'rule "promo 2" cannot be deleted: it has paid points');
SELECT throws_ok($$DELETE FROM r.unit WHERE name = 'points'$$, '23503', 'unit "points" cannot be deleted: the ledger has entries in it');
SELECT throws_ok($$DELETE FROM r.unit WHERE name = 'status'$$, '23503', NULL, 'a unit that rules pay');
SELECT lives_ok($$UPDATE r.unit SET name = 'pts' WHERE name = 'points'$$, 'a unit can be renamed');
SELECT results_eq($$SELECT DISTINCT unit FROM r.rule WHERE name = 'promo 2'$$, $$VALUES ('pts')$$, 'and rules follow');
SELECT results_eq($$SELECT DISTINCT unit FROM r.orders_points$$, $$VALUES ('pts')$$, 'and views');
SELECT lives_ok($$UPDATE r.unit SET decimals = 2 WHERE name = 'pts'$$, 'finer amounts');
SELECT throws_ok($$UPDATE r.unit SET decimals = 1 WHERE name = 'pts'$$, '23514', 'unit "pts" cannot have coarser amounts: the ledger has entries in it');
SELECT lives_ok($$UPDATE r.unit SET rounding = 'half_even' WHERE name = 'pts'$$, 'other rounding');
SELECT lives_ok($$UPDATE r.unit SET expires = '6 months since last activity' WHERE name = 'pts'$$);
SELECT lives_ok($$UPDATE r.unit SET expires = '9 months since last activity' WHERE name = 'pts'$$, 'a longer period');
SELECT throws_ok($$UPDATE r.unit SET expires = '12 months' WHERE name = 'pts'$$, '23514', NULL, 'points that follow activity go on to do so');
UPDATE r.rule SET max_per_event = 0.05 WHERE name = 'promo 2';
UPDATE r.unit SET decimals = 3 WHERE name = 'stamps';
INSERT INTO r.rule (name, source, earn, unit, max_per_event) VALUES ('stamp', 'orders', '1', 'stamps', 0.005);
SELECT throws_ok($$UPDATE r.unit SET decimals = 2 WHERE name = 'stamps'$$, '23514', 'max_per_event of rule "stamp" must be a multiple of 0.01', 'rules are checked again');
UPDATE r.rule SET expires = '1 week' WHERE name = 'stamp';
SELECT throws_ok($$UPDATE r.unit SET activates = '2 weeks' WHERE name = 'stamps'$$, '23514', 'points of rule "stamp" would expire before they activate');

-- -------- units that carry fractions --------
INSERT INTO r.unit (name, rounding) VALUES ('cash', 'carry');
CREATE FUNCTION pays(earn text, enabled boolean DEFAULT true) RETURNS void LANGUAGE sql AS $$
	INSERT INTO r.rule (name, source, unit, earn, enabled) VALUES ('c' || earn, 'orders', 'cash', earn::loyalty.rate, enabled) $$;
SELECT lives_ok($$SELECT pays('1 per 1')$$, 'a cent pays 0.01');
SELECT lives_ok($$SELECT pays('5%')$$, 'a cent pays 0.0005');
SELECT throws_ok($$SELECT pays('1 per 3')$$, '23514', 'rule "c1 per 3" pays fractions that unit "cash" cannot carry');
SELECT throws_ok($$SELECT pays('0.5%'), pays('0.05%')$$, '23514', NULL);
SELECT lives_ok($$SELECT pays('0.5%', false)$$, 'a rule that does not pay may stand');
SELECT lives_ok($$SELECT pays('0.0001 per full 3')$$, 'whole blocks pay what they pay');
SELECT throws_ok($$SELECT pays('0.00001 per full 3')$$, '23514', NULL);
SELECT throws_ok($$SELECT pays('0.00005')$$, '23514', NULL);
SELECT throws_ok($$SELECT pays('x1.1')$$, '23514', NULL, 'a multiplier of what is exact need not be exact');
SELECT lives_ok($$SELECT pays('x2')$$);
DELETE FROM r.rule WHERE name IN ('c5%', 'c0.0001 per full 3');
SELECT lives_ok($$SELECT pays('x1.5')$$);
SELECT lives_ok($$SELECT pays('x1.05')$$);
SELECT throws_ok($$UPDATE r.program SET stacking = 'multiplicative'$$, '23514', NULL, 'one upon the other they are finer');
SELECT throws_ok($$UPDATE r.program SET currency = 'KWD'$$, '23514', NULL, 'a currency with three decimals');
SELECT lives_ok($$UPDATE r.program SET currency = 'JPY'$$, 'or none');
SELECT lives_ok($$UPDATE r.program SET stacking = 'multiplicative'$$);
SELECT throws_ok($$UPDATE r.program SET currency = 'EUR'$$, '23514', NULL);
SELECT lives_ok($$UPDATE r.unit SET rounding = 'floor' WHERE name = 'cash'$$, 'as long as nothing was paid, a unit can be rounded');

-- -------- sources are attached, not written --------
SELECT throws_ok($$INSERT INTO r.source (name, key_columns) VALUES ('x', '{}')$$, '23514', 'sources are not inserted but attached');
SELECT throws_ok($$DELETE FROM r.source WHERE name = 'orders'$$, '23514', 'source "orders" cannot be deleted');
SELECT throws_ok($$UPDATE r.source SET amount = '1' WHERE name = 'orders'$$, '23514', 'column "amount" of source "orders" cannot be changed');
SELECT throws_ok($$UPDATE r.source SET attached = false WHERE name = 'orders'$$, '23514', NULL);
SELECT throws_ok($$UPDATE r.source SET reduces = 'reviews' WHERE name = 'refunds'$$, '23514', NULL);
SELECT throws_ok($$UPDATE r.source SET name = 'My Orders' WHERE name = 'orders'$$, '42602', NULL);
SELECT throws_ok($$UPDATE r.source SET spend_unit = 'pts' WHERE name = 'orders'$$, '23514', NULL);
UPDATE before SET v = conf();
SELECT lives_ok($$UPDATE r.source SET on_delete = 'keep', purchase = false WHERE name = 'orders'$$);
SELECT is(conf(), (SELECT v + 1 FROM before), 'a change of a source is a new version');
SELECT lives_ok($$UPDATE r.source SET name = 'sales' WHERE name = 'orders'$$, 'a source can be renamed');
SELECT has_view('r', 'sales_points', 'its view follows');
SELECT has_table('r', 'posting_sales', 'and its table');
SELECT results_eq($$SELECT reduces FROM r.source WHERE name = 'refunds'$$, $$VALUES ('sales')$$, 'and what reduces it');
SELECT results_eq($$SELECT DISTINCT source FROM r.rule WHERE name = 'stamp'$$, $$VALUES ('sales')$$, 'and rules');

-- -------- members --------
SELECT lives_ok($$INSERT INTO r.member (member_id, birthday) VALUES (10, '2000-02-29'), (11, NULL)$$);
SELECT results_eq('SELECT member_id, joined_at, status::int FROM r.account WHERE member_id >= 10 ORDER BY 1',
	$$VALUES (10::bigint, '2026-01-02'::timestamptz, 0), (11, '2026-01-02', 0)$$, 'a member has an account, from now on');
SELECT throws_ok($$UPDATE r.member SET member_id = 12 WHERE member_id = 10$$, '23514', 'column "member_id" of table "member" cannot be changed');
SELECT throws_ok($$UPDATE r.member SET time_zone = 'Nowhere' WHERE member_id = 10$$, '22023', NULL);
SELECT throws_ok($$UPDATE r.member SET status = 'gone' WHERE member_id = 10$$, '23514', NULL);
UPDATE r.member SET time_zone = 'Asia/Tokyo', status = 'blocked', joined_at = '2025-05-05' WHERE member_id = 10;
UPDATE r.member SET status = 'closed' WHERE member_id = 11;
SELECT results_eq('SELECT member_id, joined_at, status::int, time_zone FROM r.account WHERE member_id >= 10 ORDER BY 1',
	$$VALUES (10::bigint, '2025-05-05'::timestamptz, 1, 'Asia/Tokyo'), (11, '2026-01-02', 2, NULL)$$, 'the account follows');
SELECT throws_ok($$DELETE FROM r.member WHERE member_id = 1$$, '23503', 'member "1" cannot be deleted: the ledger has entries');
SELECT lives_ok($$DELETE FROM r.member WHERE member_id IN (10, 11)$$, 'one without entries can be deleted');
SELECT is_empty('SELECT FROM r.account WHERE member_id >= 10', 'with the account');
SELECT throws_ok($$TRUNCATE r.member$$, '0A000', NULL);
SELECT throws_ok($$TRUNCATE r.account$$, '0A000', NULL);
SELECT lives_ok($$INSERT INTO r.member (member_id) VALUES (1) ON CONFLICT DO NOTHING$$);

-- -------- the ledger --------
SELECT throws_ok($$UPDATE r.journal SET lines = '{}'$$, '42501', 'UPDATE on table "journal" of loyalty program "r" is not allowed');
SELECT throws_ok($$DELETE FROM r.journal$$, '42501', NULL);
SELECT throws_ok($$TRUNCATE r.journal$$, '42501', NULL);
SELECT throws_ok($$DELETE FROM r.posting_sales$$, '42501', NULL);
SET LOCAL session_replication_role = replica;
SELECT throws_ok($$DELETE FROM r.journal$$, '42501', NULL, 'not even where other triggers sleep');
SET LOCAL session_replication_role = origin;
SET LOCAL ROLE shopkeeper;
SELECT throws_ok($$DELETE FROM r.journal$$, '42501', 'permission denied for table journal', 'the owner himself may not');
RESET ROLE;

-- -------- other people's rights --------
UPDATE r.unit SET name = 'points' WHERE name = 'pts';
SET LOCAL ROLE marketer;
SELECT lives_ok($$INSERT INTO r.rule (name, source, earn, condition, budget) VALUES ('mine', 'sales', '1 per 1', 'total > 5', 5)$$, 'who may write rules needs nothing else');
SELECT lives_ok($$UPDATE r.rule SET condition = 'total > 6', budget = 10 WHERE name = 'mine'$$);
SELECT lives_ok($$DELETE FROM r.rule WHERE name = 'mine'$$);
SELECT lives_ok($$INSERT INTO r.unit (name) VALUES ('mine')$$);
SELECT lives_ok($$INSERT INTO r.member (member_id) VALUES (77)$$);
SELECT throws_ok($$SELECT * FROM r.program$$, '42501', NULL);
RESET ROLE;

-- our functions on somebody else's tables do nothing
CREATE TABLE rule (name text);
CREATE TRIGGER forged BEFORE INSERT ON rule FOR EACH ROW EXECUTE FUNCTION loyalty.rule_check_1();
SELECT throws_ok($$INSERT INTO rule VALUES ('x')$$, '42501', 'table "rule" does not belong to a loyalty program');
GRANT CREATE ON SCHEMA r TO marketer;
SET LOCAL ROLE marketer;
CREATE TABLE r.forged (name text, rule_no int);
CREATE TRIGGER forged AFTER INSERT ON r.forged FOR EACH ROW EXECUTE FUNCTION loyalty.rule_changed_1();
SELECT throws_ok($$INSERT INTO r.forged VALUES ('x', 1)$$, '42501', NULL, 'not even in the program''s schema');
RESET ROLE;
CREATE TRIGGER wrong AFTER INSERT ON r.rule FOR EACH ROW EXECUTE FUNCTION loyalty.unit_check_1();
SELECT throws_ok($$INSERT INTO r.rule (name, earn) VALUES ('x', '5')$$, '39P01', NULL, 'a trigger that was made by hand');
DROP TRIGGER wrong ON r.rule;

-- which of several units
CREATE FUNCTION hint(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
	EXECUTE query;
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS result = PG_EXCEPTION_HINT;
	RETURN result;
END$$;
INSERT INTO real.unit (name) VALUES ('second');
SELECT is(hint('SELECT real.balance(1)'), 'Give unit => the name of a unit.', 'a unit must be named');

-- hostile search path
CREATE SCHEMA hostile;
CREATE FUNCTION hostile.yes(text, text) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR hostile.= (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.yes);
CREATE FUNCTION hostile.sum(numeric) RETURNS numeric IMMUTABLE LANGUAGE sql AS 'SELECT 666::numeric';
DO $$
BEGIN
	SET LOCAL search_path = hostile, pg_catalog, public;
	INSERT INTO r.member (member_id, status) VALUES (90, 'closed'), (91, 'active');
	UPDATE r.member SET status = 'blocked' WHERE member_id OPERATOR(pg_catalog.=) 91;
	INSERT INTO r.rule (name, source, earn, budget) VALUES ('calm', 'sales', '1 per 1', 160);
END$$;
SET LOCAL search_path = public;
SELECT results_eq('SELECT status::int FROM r.account WHERE member_id IN (90, 91) ORDER BY member_id', 'VALUES (2), (1)', 'a hostile search path changes nothing');
SELECT results_eq($$SELECT DISTINCT room::numeric FROM r.budget_room JOIN r.rule USING (rule_no) WHERE name = 'calm'$$, 'VALUES (10::numeric)');

-- the server's own message of a violated constraint says what would be right
SELECT is_empty($$SELECT c.conrelid::regclass, c.conname FROM pg_constraint AS c JOIN pg_class AS r ON r.oid = c.conrelid
	WHERE r.relnamespace = 'r'::regnamespace AND c.contype = 'c' AND c.conname NOT LIKE '% %'
	AND r.relname IN ('program', 'unit', 'source', 'rule', 'member', 'tier_group', 'tier', 'tier_threshold', 'tier_benefit', 'voucher_pool', 'choice_set', 'reward', 'reward_price', 'bonus')$$,
	'constraints of the configuration are named by what they demand');
SELECT throws_ok($$INSERT INTO r.tier_group (name, unit, downgrade) VALUES ('c', 'points', 'one')$$, '23514', 'new row for relation "tier_group" violates check constraint "downgrade must be to_qualified or one_level"', 'a word that is not known');
SELECT throws_ok($$INSERT INTO r.voucher_pool (name, gives, value, uses) VALUES ('p', 'amount', 1, 0)$$, '23514', 'new row for relation "voucher_pool" violates check constraint "uses must be at least 1"', 'a number out of range');
SELECT throws_ok($$INSERT INTO r.voucher_pool (name, gives, value, attributes) VALUES ('p', 'amount', 1, '[]')$$, '23514', 'new row for relation "voucher_pool" violates check constraint "attributes must be a JSON object"', 'attributes that are no object');
SELECT throws_ok($$UPDATE r.source SET spend_min = 200, spend_max = 100 WHERE name = 'sales'$$, '23514', 'new row for relation "source" violates check constraint "spend_max must not be less than spend_min"', 'a purchase that no number of points can pay');

SELECT finish();
ROLLBACK;
