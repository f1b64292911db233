-- Redeeming: who may have what at which price, limits, stock, choices, holds
-- and cancels; what quote() and the views say of it.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();
INSERT INTO rewards.rule (name, source, earn) VALUES ('base', 'orders', '1 per 1');
INSERT INTO rewards.unit (name, decimals, spendable) VALUES ('cash', 2, true), ('status', 0, false);
INSERT INTO rewards.tier_group (name, unit, keep) VALUES ('club', 'status', '12 months');
INSERT INTO rewards.tier (name, tier_group, rank, threshold) VALUES ('silver', 'club', 1, 100), ('gold', 'club', 2, 1000);
INSERT INTO rewards.member (member_id, joined_at) SELECT i, '2026-01-01' FROM generate_series(1, 20) i;
\o /dev/null
SELECT rewards.adjust(i, 1000, unit => 'points', reason => 'to begin with', expires_at => '2027-01-01') FROM generate_series(1, 20) i;
SELECT rewards.adjust(i, 10, unit => 'cash', reason => 'to begin with') FROM generate_series(1, 20) i;
\o

-- message and SQLSTATE of what a statement ends with
CREATE FUNCTION t.error_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
	detail text;
BEGIN
	EXECUTE statement;
	RETURN 'no error';
EXCEPTION
	WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
		RETURN format('%s: %s', SQLSTATE, message) || coalesce('; ' || nullif(detail, ''), '');
END
$$;
-- what redeeming ends with: "done 100 points", or the error
CREATE FUNCTION t.redeem(member_id bigint, reward text, quantity integer DEFAULT 1, price text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
	result record;
BEGIN
	SELECT * INTO result FROM rewards.redeem(member_id, reward, quantity, price);
	RETURN format('%s %s %s', result.status, trim_scale(result.points), result.unit);
EXCEPTION
	WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
		RETURN format('%s: %s', SQLSTATE, SQLERRM) || coalesce('; ' || nullif(detail, ''), '');
END
$$;

-- available or not
SELECT is(t.redeem(1, 'mug'), 'LY004: there is no reward "mug"', 'a reward there is not');
INSERT INTO rewards.reward (name, kind) VALUES ('mug', 'product');
SELECT is(t.redeem(1, 'mug'), 'LY004: reward "mug" has no price', 'a reward without a price');
INSERT INTO rewards.reward_price (reward, points) VALUES ('mug', 100);
SELECT is(t.redeem(1, 'mug'), 'done 100 points', 'redeem()');
SELECT is(t.state(1), '900 available', 'it takes the points');
SELECT is(t.redeem(1, 'mug', 2), 'done 200 points', 'two pieces');
SELECT is(t.redeem(1, 'mug', 8), 'LY001: insufficient points: 700 available, 800 needed; Missing 100; pending 0, held 0, owed 0.', 'not enough points');
SELECT is(t.redeem(1, 'mug', 0), '22023: quantity must be at least 1, not 0', 'no piece');
SELECT is(t.redeem(99, 'mug'), 'LY002: there is no member "99"', 'a stranger');
UPDATE rewards.member SET status = 'blocked' WHERE member_id = 20;
SELECT matches(t.redeem(20, 'mug'), '^LY003: ', 'a member who is blocked');
UPDATE rewards.reward SET enabled = false WHERE name = 'mug';
SELECT is(t.redeem(1, 'mug'), 'LY004: reward "mug" is not on offer', 'a reward that is not enabled');
UPDATE rewards.reward SET enabled = true, valid = '[2026-01-11,2026-01-20)' WHERE name = 'mug';
SELECT is(t.redeem(1, 'mug'), 'LY004: reward "mug" is not on offer yet; It will be from 2026-01-11 00:00:00+00.', 'a reward to come');
UPDATE rewards.reward SET valid = '[2026-01-01,2026-01-10 12:00]' WHERE name = 'mug';
SELECT is(t.redeem(1, 'mug'), 'done 100 points', 'the last instant');
UPDATE rewards.reward SET valid = '[2026-01-01,2026-01-10 12:00)' WHERE name = 'mug';
SELECT is(t.redeem(1, 'mug'), 'LY004: reward "mug" is not on offer any more; It was until 2026-01-10 12:00:00+00.', 'a reward that was');
UPDATE rewards.reward SET valid = '(,)', tiers = '{gold}' WHERE name = 'mug';
SELECT is(split_part(t.redeem(1, 'mug'), ';', 1), 'LY007: the member is not eligible for reward "mug"', 'a reward for a tier the member does not have');
UPDATE rewards.reward SET tiers = NULL WHERE name = 'mug';
SELECT is(t.redeem(1, 'mug'), 'done 100 points', 'redeemed five in all');
SELECT is((SELECT sum(points) FROM rewards.redemptions WHERE member_id = 1), 500::numeric, 'the view redemptions knows them');
SELECT throws_ok($$DELETE FROM rewards.reward WHERE name = 'mug'$$, '23503', 'reward "mug" cannot be deleted: it has been redeemed', 'what was redeemed stays known');

-- eligible or not
INSERT INTO rewards.reward (name, condition) VALUES ('thanks', $$member.purchases > 0 AND member.attributes ->> 'vip' = 'yes'$$);
INSERT INTO rewards.reward_price (reward, points) VALUES ('thanks', 10);
SELECT is(t.redeem(2, 'thanks'), 'LY007: the member is not eligible for reward "thanks"; The reward''s condition does not hold.', 'a condition that does not hold');
INSERT INTO shop.orders (order_id, customer_id, total) VALUES (1, 2, 5);
SELECT is(t.redeem(2, 'thanks'), 'LY007: the member is not eligible for reward "thanks"; The reward''s condition does not hold.', 'a condition that is null');
UPDATE rewards.member SET attributes = '{"vip": "yes"}' WHERE member_id = 2;
SELECT is(t.redeem(2, 'thanks'), 'done 10 points', 'a condition that holds');

-- early access
INSERT INTO rewards.reward (name, valid, early_access) VALUES ('sale', '[2026-01-12 12:00,)', $$(member.attributes ->> 'days')::integer * interval '1 day'$$);
INSERT INTO rewards.reward_price (reward, points) VALUES ('sale', 10);
UPDATE rewards.member SET attributes = jsonb_build_object('days', member_id - 2) WHERE member_id IN (3, 4);
SELECT is(t.redeem(2, 'sale'), 'LY004: reward "sale" is not on offer yet; It will be from 2026-01-12 12:00:00+00.', 'no early access');
SELECT is(t.redeem(3, 'sale'), 'LY004: reward "sale" is not on offer yet; It will be from 2026-01-11 12:00:00+00.', 'a day earlier is not yet');
SELECT is(t.redeem(4, 'sale'), 'done 10 points', 'two days earlier is now');
SELECT results_eq($$SELECT reward, open FROM rewards.catalogue WHERE reward = 'sale'$$, $$VALUES ('sale', false)$$, 'the catalogue shows what is open to some');

-- prices
INSERT INTO rewards.reward (name) VALUES ('book');
INSERT INTO rewards.reward_price (reward, name, unit, points, money, tiers) VALUES
	('book', 'points', 'points', 300, NULL, NULL),
	('book', 'mixed', 'points', 100, 5, NULL),
	('book', 'cash', 'cash', 7.5, NULL, NULL),
	('book', 'gold', 'points', 200, NULL, '{gold}');
SELECT is(t.redeem(5, 'book'), '42P08: reward "book" has several prices: say which one', 'which price');
SELECT is(t.redeem(5, 'book', price => 'free'), '42704: reward "book" has no price "free"', 'a price there is not');
SELECT is(split_part(t.redeem(5, 'book', price => 'gold'), ';', 1), 'LY007: price "gold" of reward "book" does not apply', 'a price for a tier the member does not have');
SELECT is(t.redeem(5, 'book', price => 'cash'), 'done 7.5 cash', 'a price in another unit');
SELECT is(t.redeem(5, 'book', 2, 'mixed'), 'done 200 points', 'part money');
SELECT results_eq($$SELECT price, unit, trim_scale(points), money FROM rewards.redemptions WHERE member_id = 5 ORDER BY id$$,
	$$VALUES ('cash', 'cash', 7.5, NULL), ('mixed', 'points', 200, 10::numeric)$$, 'what was paid beside is recorded');
INSERT INTO rewards.reward (name) VALUES ('pen');
INSERT INTO rewards.reward_price (reward, name, points) VALUES ('pen', 'list', 20), ('pen', 'offer', 15);
SELECT is(t.redeem(5, 'pen'), 'done 15 points', 'of several prices in one unit the lowest');
INSERT INTO rewards.reward (name) VALUES ('sticker');
INSERT INTO rewards.reward_price (reward, points) VALUES ('sticker', 0);
SELECT is(t.redeem(5, 'sticker'), 'done 0 points', 'a reward for nothing');

\o /dev/null
SELECT rewards.adjust(19, 1000, unit => 'status', reason => 'a friend of the house');
\o
SELECT is(t.redeem(19, 'book', price => 'gold'), 'done 200 points', 'a price for a tier the member has');
SELECT is(t.redeem(19, 'book', price => 'points'), 'done 300 points', 'and one for all');
DELETE FROM rewards.reward_price WHERE reward = 'book' AND name IN ('cash', 'mixed');
SELECT is(t.redeem(19, 'book') || ', ' || t.redeem(5, 'book'), 'done 200 points, done 300 points', 'of those that apply the lowest');
SELECT results_eq($$SELECT price, possible FROM rewards.quote(5, 'book') ORDER BY price$$, $$VALUES ('gold', false), ('points', true)$$, 'quote() knows who has which');
SELECT results_eq($$SELECT price FROM rewards.affordable WHERE member_id = 19 AND reward = 'book' ORDER BY price$$, $$VALUES ('gold'), ('points')$$, 'and so does affordable');
UPDATE rewards.reward SET tiers = '{silver,gold}' WHERE name = 'pen';
SELECT is(t.redeem(5, 'pen'), 'LY007: the member is not eligible for reward "pen"; It is for members of tier "silver" or "gold".', 'a reward for members of some tiers');
UPDATE rewards.tier SET name = 'bronze' WHERE name = 'silver';
SELECT is((SELECT tiers FROM rewards.reward WHERE name = 'pen'), '{bronze,gold}', 'rewards follow the names of tiers');
UPDATE rewards.reward SET tiers = NULL WHERE name = 'pen';
INSERT INTO rewards.reward_price (reward, name, unit, points, money) VALUES ('book', 'mixed', 'points', 100, 5), ('book', 'cash', 'cash', 7.5, NULL);
SELECT is(split_part(t.redeem(5, 'book', price => 'gold'), '; ', 2), 'It is for members of tier "gold".', 'which tier');

-- quote
SELECT results_eq($$SELECT price, unit, trim_scale(points), money, trim_scale(available), trim_scale(remaining), trim_scale(missing), possible, sqlstate FROM rewards.quote(6, 'book', 2)$$,
	$$VALUES ('cash', 'cash', 15::numeric, NULL::numeric, 10::numeric, NULL::numeric, 5::numeric, false, 'LY001'),
		('gold', 'points', 400, NULL, 1000, 600, 0, false, 'LY007'),
		('mixed', 'points', 200, 10, 1000, 800, 0, true, NULL),
		('points', 'points', 600, NULL, 1000, 400, 0, true, NULL)$$, 'quote() says what each price means');
\o /dev/null
SELECT rewards.adjust(6, 50, unit => 'points', reason => 'soon over', expires_at => '2026-02-01');
\o
SELECT is((SELECT lots FROM rewards.quote(6, 'mug')), '[{"points": 50, "active_from": "2026-01-10T12:00:00+00:00", "expires_at": "2026-02-01T00:00:00+00:00"}, {"points": 50, "active_from": "2026-01-10T12:00:00+00:00", "expires_at": "2027-01-01T00:00:00+00:00"}]'::jsonb,
	'quote() says which lots the points would come from');
SELECT is(t.state(6), '1050 available', 'quote() takes nothing');
SELECT throws_ok($$SELECT * FROM rewards.quote(99, 'mug')$$, 'LY002', NULL, 'quote() of a stranger');

-- limits
INSERT INTO rewards.reward (name, max_per_member, cap_period) VALUES ('coffee', 2, 'month');
INSERT INTO rewards.reward_price (reward, points) VALUES ('coffee', 10);
SELECT is(t.redeem(7, 'coffee', 3), 'LY006: a member can have only 2 of reward "coffee" in this month', 'more at once than a member can have');
SELECT is(t.redeem(7, 'coffee'), 'done 10 points', 'the first');
SELECT is(t.redeem(7, 'coffee', 2), 'LY006: a member can have only 2 of reward "coffee" in this month; The member has 1.', 'more in all');
SELECT is(t.redeem(7, 'coffee'), 'done 10 points', 'the second');
SELECT is((SELECT sqlstate FROM rewards.quote(7, 'coffee')), 'LY006', 'quote() knows limits');
SELECT is_empty($$SELECT * FROM rewards.affordable WHERE member_id = 7 AND reward = 'coffee'$$, 'what a member cannot have is not affordable');
SELECT is(t.redeem(8, 'coffee'), 'done 10 points', 'limits are each member''s own');
\o /dev/null
SELECT rewards.cancel(max(id)) FROM rewards.redemptions WHERE member_id = 7;
\o
SELECT is(t.redeem(7, 'coffee'), 'done 10 points', 'a cancel frees the limit');
SELECT is(t.redeem(7, 'coffee'), 'LY006: a member can have only 2 of reward "coffee" in this month; The member has 2.', 'not more');

-- choices
INSERT INTO rewards.choice_set (name) VALUES ('birthday');
INSERT INTO rewards.reward (name, choice_set) VALUES ('cake', 'birthday'), ('wine', 'birthday'), ('song', 'birthday');
INSERT INTO rewards.reward_price (reward, points) VALUES ('cake', 0), ('wine', 10), ('song', 0);
SELECT is(t.redeem(9, 'cake'), 'done 0 points', 'one of several');
SELECT is(t.redeem(9, 'wine'), 'LY006: a member can choose only 1 of choice set "birthday" ever; The member has chosen 1 already.', 'not another');
SELECT is(t.redeem(9, 'cake'), 'LY006: a member can choose only 1 of choice set "birthday" ever; The member has chosen 1 already.', 'nor the same');
UPDATE rewards.choice_set SET choose = 2;
SELECT is(t.redeem(9, 'wine'), 'done 10 points', 'two of several');
SELECT is(t.redeem(10, 'song', 3), 'LY006: a member can choose only 2 of choice set "birthday" ever', 'three at once');

-- stock
UPDATE rewards.reward SET stock = 3 WHERE name = 'pen';
SELECT is((SELECT stock_left FROM rewards.catalogue WHERE reward = 'pen' LIMIT 1), 2::bigint, 'a stock counts what was redeemed before');
SELECT is(t.redeem(10, 'pen', 3), 'LY005: reward "pen" is out of stock; 2 left.', 'more than there is');
SELECT is(t.state(10), '1000 available', 'nothing is taken');
SELECT is(t.redeem(10, 'pen', 2), 'done 30 points', 'all that is left, from several parts of the stock');
SELECT is(t.redeem(11, 'pen'), 'LY005: reward "pen" is out of stock; 0 left.', 'none is left');
SELECT is((SELECT sqlstate FROM rewards.quote(11, 'pen') LIMIT 1), 'LY005', 'quote() knows the stock');
INSERT INTO rewards.member (member_id, joined_at) VALUES (21, '2026-01-01');
SELECT is((SELECT q.sqlstate || ', ' || left(t.redeem(21, 'pen', 1, q.price), 5) FROM rewards.quote(21, 'pen') AS q LIMIT 1), 'LY001, LY001', 'of several reasons it tells the one that redeem() tells');
\o /dev/null
SELECT rewards.cancel(max(id), quantity => 1) FROM rewards.redemptions WHERE member_id = 10;
\o
SELECT is(t.state(10), '985 available', 'a cancel of one piece');
SELECT results_eq($$SELECT quantity, cancelled, status, trim_scale(points) FROM rewards.redemptions WHERE member_id = 10$$, $$VALUES (2, 1, 'partly cancelled', 15::numeric)$$, 'is shown so');
SELECT is(t.redeem(11, 'pen'), 'done 15 points', 'what was cancelled is there again');
SELECT throws_ok($$UPDATE rewards.reward SET stock = 2 WHERE name = 'pen'$$, '23514', 'stock of reward "pen" cannot be less than the 3 redeemed or set aside', 'a stock below what is gone');
UPDATE rewards.reward SET stock = 4 WHERE name = 'pen';
SELECT is((SELECT stock_left FROM rewards.catalogue WHERE reward = 'pen' LIMIT 1), 1::bigint, 'more stock');
UPDATE rewards.reward SET stock = NULL WHERE name = 'pen';
SELECT is(t.redeem(11, 'pen', 10), 'done 150 points', 'no stock, no end');
UPDATE rewards.reward SET stock = 13 WHERE name = 'pen';
SELECT is(t.redeem(11, 'pen'), 'LY005: reward "pen" is out of stock; 0 left.', 'counted again');

-- donations
INSERT INTO rewards.reward (name, kind, cause, cost) VALUES ('tree', 'donation', 'forest', 1.50), ('seed', 'donation', 'forest', 0.10), ('well', 'donation', 'water', NULL);
INSERT INTO rewards.reward_price (reward, points) VALUES ('tree', 150), ('seed', 10), ('well', 100);
SELECT is(t.redeem(12, 'tree', 2), 'done 300 points', 'two trees');
SELECT is(t.redeem(13, 'seed'), 'done 10 points', 'a seed');
SELECT is(t.redeem(12, 'well'), 'done 100 points', 'water');
\o /dev/null
SELECT rewards.cancel(min(id), quantity => 1) FROM rewards.redemptions WHERE reward = 'tree';
SELECT rewards.cancel(min(id)) FROM rewards.redemptions WHERE reward = 'well';
\o
SELECT results_eq('SELECT cause, month, unit, donations, members, trim_scale(points), trim_scale(value) FROM rewards.donations ORDER BY cause',
	$$VALUES ('forest', '2026-01-01'::date, 'points', 2::bigint, 2::bigint, 160::numeric, 1.6::numeric)$$, 'totals by cause and month, less what was cancelled');

-- what a member can afford
SELECT results_eq($$SELECT reward, affordable, trim_scale(missing), next FROM rewards.affordable WHERE member_id = 14 AND reward IN ('tree', 'mug')$$,
	$$VALUES ('mug', true, 0::numeric, false), ('tree', true, 0, false)$$, 'what a member can afford');
\o /dev/null
SELECT rewards.spend(14, 960, unit => 'points');
\o
SELECT results_eq($$SELECT reward, affordable, trim_scale(missing), next FROM rewards.affordable WHERE member_id = 14 AND unit = 'points' AND price = 'standard' AND reward IN ('seed', 'mug', 'tree')$$,
	$$VALUES ('mug', false, 60::numeric, true), ('seed', true, 0, false), ('tree', false, 110, false)$$, 'which is next, and how far');

-- what the statement says
SELECT results_eq($$SELECT kind, trim_scale(points), reason FROM rewards.statement(15, 'points') WHERE kind <> 'adjust' ORDER BY entry_no$$, $$SELECT NULL::text, NULL::numeric, NULL::text WHERE false$$, 'nothing yet');
\o /dev/null
SELECT rewards.cancel(id) FROM rewards.redeem(16, 'mug');
SELECT rewards.cancel(id, reason => 'broken') FROM rewards.redeem(16, 'mug');
\o
SELECT results_eq($$SELECT kind, trim_scale(points), reason FROM rewards.statement(16, 'points') WHERE kind <> 'adjust' ORDER BY entry_no$$,
	$$VALUES ('redeem', -100::numeric, 'mug'), ('return', 100, 'mug'), ('redeem', -100, 'mug'), ('return', 100, 'broken')$$, 'the statement names the reward, unless there is a reason');

-- undone in other ways
\o /dev/null
CREATE TABLE t.made AS SELECT (rewards.redeem(17, 'mug')).id AS id, 'mug' AS reward UNION ALL SELECT (rewards.redeem(17, 'sticker')).id, 'sticker';
CREATE TABLE t.held AS SELECT (rewards.hold_reward(18, 'mug')).id AS id, 'open' AS name UNION ALL SELECT (rewards.hold_reward(18, 'mug', 2)).id, 'captured';
SELECT rewards.capture(id) FROM t.held WHERE name = 'captured';
\o
SELECT throws_ok($$SELECT rewards.cancel(id, quantity => 2) FROM t.made WHERE reward = 'mug'$$, '55000', NULL, 'more pieces than there are');
SELECT throws_ok($$SELECT rewards.cancel(id, points => 50) FROM t.made WHERE reward = 'mug'$$, '22023', NULL, 'half a piece');
SELECT is((SELECT c.status FROM t.made, rewards.cancel(id) c WHERE reward = 'sticker'), 'cancelled', 'what cost nothing can be cancelled');
SELECT throws_ok($$SELECT rewards.cancel(id) FROM t.made WHERE reward = 'sticker'$$, '55000', NULL, 'once');
SELECT is((SELECT r.status FROM t.made, rewards.reverse(id, 'a mistake') r WHERE reward = 'mug'), 'done', 'reverse() of a redemption');
SELECT is((SELECT r.status FROM t.held, rewards.reverse(id, 'a mistake') r WHERE name = 'open'), 'done', 'of one that is set aside');
SELECT is((SELECT r.status FROM t.held, rewards.reverse(id, 'a mistake') r WHERE name = 'captured'), 'done', 'of one that was captured');
SELECT is(t.state(17) || ', ' || t.state(18), '1000 available, 1000 available', 'all is back');
SELECT results_eq('SELECT status FROM rewards.redemptions WHERE member_id IN (17, 18) ORDER BY id', $$VALUES ('cancelled'), ('cancelled'), ('released'), ('cancelled')$$, 'and the redemptions say so');

-- the same call again
SELECT results_eq($$SELECT a.id = b.id, b.status, trim_scale(b.available) FROM rewards.redeem(15, 'mug', key => 'once') a, LATERAL (SELECT * FROM rewards.redeem(15, 'mug', key => 'once') WHERE a.id > 0) b$$,
	$$VALUES (true, 'done', 900::numeric)$$, 'a call with a key is made once');
SELECT throws_ok($$SELECT rewards.redeem(15, 'mug', 2, key => 'once')$$, 'LY009', NULL, 'the key of another call');
SELECT throws_ok($$SELECT rewards.redeem(16, 'mug', key => 'once')$$, 'LY009', NULL, 'the key of another member''s call');
\o /dev/null
SELECT rewards.cancel(max(id)) FROM rewards.redemptions WHERE member_id = 15;
\o
SELECT results_eq($$SELECT status, trim_scale(available) FROM rewards.redeem(15, 'mug', key => 'once')$$, $$VALUES ('cancelled', 1000::numeric)$$, 'and says what became of it');
SELECT throws_ok('SELECT rewards.redeem(NULL, ''mug'')', '22004', NULL, 'nobody');

-- a reward that has no price yet
INSERT INTO rewards.reward (name) VALUES ('priceless');
SELECT results_eq($$SELECT price, points, possible, sqlstate, reason FROM rewards.quote(1, 'priceless')$$,
	$$VALUES (NULL::text, NULL::numeric, false, 'LY004', 'reward "priceless" has no price')$$, 'quote() says that there is no price');
UPDATE rewards.reward SET enabled = false WHERE name = 'priceless';
SELECT results_eq($$SELECT sqlstate, reason FROM rewards.quote(1, 'priceless')$$,
	$$VALUES ('LY004', 'reward "priceless" is not on offer')$$, 'or what else is in the way first');
SELECT throws_ok('SELECT rewards.redeem(1, NULL)', '22004', 'reward must not be null', 'nothing');

\ir include/finish.sql
