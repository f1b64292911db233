-- Rewards that members get by themselves.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();
INSERT INTO rewards.rule (name, source, earn) VALUES ('base', 'orders', '1 per 1');
CREATE FUNCTION t.got(member_id bigint) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg(quantity || ' ' || reward, ', ' ORDER BY id), 'nothing') FROM rewards.redemptions WHERE member_id = $1 AND automatic
$$;
INSERT INTO rewards.reward (name, auto_redeem) VALUES ('five', true);
INSERT INTO rewards.reward_price (reward, points) VALUES ('five', 60);

INSERT INTO shop.orders (order_id, customer_id, total) VALUES (1, 1, 50);
SELECT is(t.got(1), 'nothing', 'too little');
INSERT INTO shop.orders (order_id, customer_id, total) VALUES (2, 1, 200);
SELECT is(t.got(1), '1 five', 'one at a time');
SELECT is(t.state(1), '190 available', 'paid for');
SELECT results_eq($$SELECT kind, trim_scale(points) FROM rewards.history WHERE member_id = 1 ORDER BY entry_no$$, $$VALUES ('earn', 50::numeric), ('earn', 200), ('redeem', -60)$$, 'the ledger says so');
INSERT INTO shop.orders (order_id, customer_id, total) VALUES (3, 1, 1);
SELECT is(t.got(1), '1 five, 1 five', 'the next movement, the next');
UPDATE shop.orders SET total = 2 WHERE order_id = 3;
SELECT is(t.got(1), '1 five, 1 five, 1 five', 'a correction is a movement, too');
\o /dev/null
SELECT rewards.cancel(min(id)) FROM rewards.redemptions WHERE member_id = 1;
\o
SELECT is(t.state(1), '132 available', 'it can be cancelled');

-- which first
INSERT INTO rewards.reward (name, auto_redeem, priority) VALUES ('urgent', true, 1), ('dear', true, 0), ('also dear', true, 0);
INSERT INTO rewards.reward_price (reward, points) VALUES ('urgent', 10), ('dear', 100), ('also dear', 100);
INSERT INTO shop.orders (order_id, customer_id, total) VALUES (4, 2, 120);
SELECT is(t.got(2), '1 urgent, 1 also dear', 'by priority, then higher price, then name');
SELECT is(t.state(2), '10 available', 'as far as points go');
DELETE FROM rewards.reward_price WHERE reward IN ('urgent', 'dear', 'also dear');

-- how many, and for whom
UPDATE rewards.reward SET max_auto = 3, max_per_member = 4, cap_period = 'month', stock = 8 WHERE name = 'five';
INSERT INTO shop.orders (order_id, customer_id, total) VALUES (5, 3, 1000);
SELECT is(t.got(3), '3 five', 'several at a time');
INSERT INTO shop.orders (order_id, customer_id, total) VALUES (6, 3, 10);
SELECT is(t.got(3), '3 five, 1 five', 'within limits');
INSERT INTO shop.orders (order_id, customer_id, total) VALUES (7, 3, 10);
SELECT is(t.got(3), '3 five, 1 five', 'and no more');
INSERT INTO shop.orders (order_id, customer_id, total) VALUES (8, 4, 1000);
SELECT is(t.got(4), '2 five', 'as many as are in stock');
INSERT INTO shop.orders (order_id, customer_id, total) VALUES (9, 5, 1000);
SELECT is(t.got(5), 'nothing', 'none is left, and no purchase fails for it');
UPDATE rewards.reward SET stock = NULL, condition = 'member.purchases > 1' WHERE name = 'five';
INSERT INTO shop.orders (order_id, customer_id, total) VALUES (10, 6, 100);
SELECT is(t.got(6), 'nothing', 'the condition does not hold');
INSERT INTO shop.orders (order_id, customer_id, total) VALUES (11, 6, 1);
SELECT is(t.got(6), '1 five', 'now it does: this purchase counts');
UPDATE rewards.reward SET condition = NULL, enabled = false WHERE name = 'five';
INSERT INTO shop.orders (order_id, customer_id, total) VALUES (12, 7, 100);
SELECT is(t.got(7), 'nothing', 'not while it is disabled');
UPDATE rewards.reward SET enabled = true, max_auto = 1 WHERE name = 'five';
INSERT INTO shop.orders (order_id, customer_id, total) SELECT 20 + i, 8 + i % 2, 40 FROM generate_series(1, 8) i;
SELECT is(t.got(8) || ' and ' || t.got(9), '1 five and 1 five', 'a statement of many rows is one movement of each member');
SELECT is_empty($$SELECT * FROM rewards.preview('orders', '{"order_id": 99, "customer_id": 8, "total": 500}') p WHERE p.points < 0$$, 'a preview redeems nothing');
SELECT is(t.got(8), '1 five', 'nothing at all');

-- a stock that many members of one statement want
INSERT INTO rewards.unit (name) VALUES ('drops');
INSERT INTO rewards.rule (name, source, unit, earn, condition) VALUES ('drop', 'orders', 'drops', '5', $$channel = 'drop'$$);
INSERT INTO rewards.reward (name, auto_redeem, stock) VALUES ('cup', true, 3);
INSERT INTO rewards.reward_price (reward, unit, points) VALUES ('cup', 'drops', 5);
INSERT INTO shop.orders (order_id, customer_id, total, channel) SELECT 60 + i, 60 + i, 1, 'drop' FROM generate_series(1, 5) i;
SELECT is((SELECT count(*) FROM rewards.redemptions WHERE reward = 'cup'), 3::bigint, 'three of five members get one');
SELECT is((SELECT stock_left FROM rewards.catalogue WHERE reward = 'cup'), 0::bigint, 'and none is left');

-- codes
INSERT INTO rewards.unit (name) VALUES ('stamps');
INSERT INTO rewards.rule (name, source, unit, earn, condition) VALUES ('stamp', 'orders', 'stamps', '1', $$channel = 'stamp'$$);
INSERT INTO rewards.voucher_pool (name, gives, value) VALUES ('few', 'amount', 10);
INSERT INTO rewards.reward (name, auto_redeem, pool) VALUES ('card', true, 'few');
INSERT INTO rewards.reward_price (reward, unit, points) VALUES ('card', 'stamps', 2);
\o /dev/null
SELECT rewards.import_codes('few', ARRAY['FEW-1']);
\o
DELETE FROM rewards.reward_price WHERE reward = 'five';
INSERT INTO shop.orders (order_id, customer_id, total, channel) VALUES (51, 12, 5, 'stamp'), (52, 12, 5, 'stamp'), (53, 13, 5, 'stamp');
SELECT matches((SELECT code FROM rewards.redemption WHERE member_id = 12), 'FEW-?1', 'two stamps, a code');
INSERT INTO shop.orders (order_id, customer_id, total, channel) VALUES (54, 13, 5, 'stamp');
SELECT is(t.got(13) || ', ' || t.state(13, 'stamps'), 'nothing, 2 available', 'no code is left: nothing is taken, and the purchase stands');

-- pending points: section 6 of the semantics
INSERT INTO rewards.unit (name, activates) VALUES ('later', '1 day');
INSERT INTO rewards.rule (name, source, unit, earn, condition) VALUES ('later', 'orders', 'later', '1 per 1', $$channel = 'later'$$);
INSERT INTO rewards.reward (name, auto_redeem) VALUES ('sixty', true);
INSERT INTO rewards.reward_price (reward, unit, points) VALUES ('sixty', 'later', 60);
INSERT INTO shop.orders (order_id, customer_id, total, channel) VALUES (40, 10, 70, 'later'), (41, 11, 50, 'later');
\o /dev/null
SELECT rewards.adjust(11, 40, unit => 'later', reason => 'ends when the others begin', expires_at => '2026-01-11 12:00Z');
\o
SELECT is(rewards.book_due(), 19::bigint, 'all members are looked at for the new reward, and who was given points');
SELECT is(t.got(10), 'nothing', 'what is pending buys nothing');
SELECT rewards.set_clock('2026-01-11 12:00Z');
SELECT is(rewards.book_due(), 2::bigint, 'book_due() finds them the moment they become available');
SELECT is(t.got(10), '1 sixty', 'and redeems');
SELECT is(t.got(11), 'nothing', '40 expire and 50 activate at one instant: 60 were never there');
SELECT is(t.state(11, 'later'), '50 available', '50 are left');

-- a new reward that nobody can afford
SELECT loyalty.create_program('small', member_type => 'integer', time_zone => 'UTC', currency => 'EUR', test_clock => true);
SELECT small.set_clock('2026-03-27 04:00Z');
INSERT INTO small.member (member_id, joined_at) VALUES (42, '2026-03-07');
INSERT INTO small.reward (name, auto_redeem) VALUES ('tea', true);
INSERT INTO small.reward_price (reward, points) VALUES ('tea', 50);
SELECT lives_ok('SELECT small.book_due()', 'book_due() looks for members who can afford a new reward');
SELECT is_empty('SELECT * FROM small.redemptions', 'and finds none');

\ir include/finish.sql
