-- Automatic rewards that members could afford before they were there: book_due()
-- finds those members, some at a time.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();
INSERT INTO rewards.rule (name, source, earn) VALUES ('base', 'orders', '1 per 1');
CREATE FUNCTION t.got(member_id bigint) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg(quantity || ' ' || reward, ', ' ORDER BY id), 'nothing') FROM rewards.redemptions WHERE member_id = $1 AND automatic
$$;
CREATE FUNCTION t.who(reward text) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg(member_id || CASE WHEN quantity > 1 THEN ' x ' || quantity ELSE '' END, ', ' ORDER BY id), 'nobody') FROM rewards.redemptions WHERE reward = $1 AND automatic
$$;
-- members 1, 2, ... have 10, 20, ... points
INSERT INTO shop.orders (order_id, customer_id, total) SELECT i, i, i * 10 FROM generate_series(1, 9) i;

INSERT INTO rewards.reward (name, auto_redeem) VALUES ('mug', true);
INSERT INTO rewards.reward_price (reward, points) VALUES ('mug', 70);
SELECT is(who('mug'), 'nobody', 'writing a reward redeems nothing');
SELECT is(rewards.book_due(4), 4::bigint, 'so many members at a time');
SELECT is(who('mug'), 'nobody', 'who cannot afford it');
SELECT results_eq('SELECT after_member FROM rewards.reward_sweep', 'VALUES (4::bigint)', 'how far it has come is on record');
SELECT is(rewards.book_due(4), 4::bigint, 'it goes on');
SELECT is(who('mug'), '7, 8', 'with whoever can');
SELECT is(rewards.book_due(4), 1::bigint, 'to the last member');
SELECT is(who('mug'), '7, 8, 9', 'in order');
SELECT is_empty('SELECT * FROM rewards.reward_sweep', 'then that is all');
SELECT is(rewards.book_due(), 0::bigint, 'once');
SELECT is(state(9) || ', ' || state(6), '20 available, 60 available', 'they have paid for it');

-- what makes it affordable to others
UPDATE rewards.reward_price SET points = 50;
SELECT is(rewards.book_due(), 9::bigint, 'a lower price');
SELECT is(who('mug'), '7, 8, 9, 5, 6', 'reaches the next');
UPDATE rewards.reward_price SET points = 60;
SELECT is(rewards.book_due(), 0::bigint, 'a higher one nobody');
UPDATE rewards.reward_price SET points = 30;
UPDATE rewards.reward SET stock = 6;
SELECT rewards.book_due() IS NULL AS x \gset
SELECT is(who('mug'), '7, 8, 9, 5, 6, 3', 'as long as there are any');
UPDATE rewards.reward SET stock = 7;
SELECT is(rewards.book_due(), 9::bigint, 'a stock that is refilled');
SELECT is(who('mug'), '7, 8, 9, 5, 6, 3, 4', 'goes to who comes next');
UPDATE rewards.reward SET stock = 7, attributes = '{"a": 1}', cost = 2;
SELECT is(rewards.book_due(), 0::bigint, 'what changes nothing for members is nothing');
UPDATE rewards.reward SET stock = 0 + 7;
SELECT is(rewards.book_due(), 0::bigint, 'nor what changes nothing');

-- for whom
INSERT INTO shop.orders (order_id, customer_id, total) SELECT 100 + i, 100 + i, 100 FROM generate_series(1, 4) i;
UPDATE rewards.member SET attributes = '{"vip": true}' WHERE member_id = 103;
UPDATE rewards.member SET status = 'blocked' WHERE member_id = 104;
INSERT INTO rewards.reward (name, auto_redeem, condition, max_auto) VALUES ('hat', true, $$member.attributes ->> 'vip' = 'true'$$, 3);
INSERT INTO rewards.reward_price (reward, points) VALUES ('hat', 25);
SELECT is(rewards.book_due(), 15::bigint, 'all are looked at, and the two who have changed');
SELECT is(who('hat'), '103 x 3', 'but who may not have it');
UPDATE rewards.reward SET condition = NULL WHERE name = 'hat';
SELECT is(rewards.book_due(), 13::bigint, 'the condition is gone');
SELECT is(who('hat'), '103 x 3, 101 x 3, 102 x 3, 103', 'and it is for all who are active');
UPDATE rewards.reward SET auto_redeem = false WHERE name = 'hat';
SELECT is_empty('SELECT * FROM rewards.reward_sweep', 'a reward that does not go by itself is for nobody');

-- when
INSERT INTO rewards.reward (name, auto_redeem, valid) VALUES ('later', true, '[2026-01-11 09:00Z,2026-01-13)');
INSERT INTO rewards.reward_price (reward, points) VALUES ('later', 20);
SELECT is(rewards.book_due(), 0::bigint, 'a reward to come');
SELECT rewards.set_clock('2026-01-11 08:59:59Z');
SELECT is(rewards.book_due(), 0::bigint, 'not before it opens');
SELECT rewards.set_clock('2026-01-11 09:00Z');
SELECT is(rewards.book_due(2), 2::bigint, 'but from then on');
SELECT is(who('later'), '2', 'members get it');
INSERT INTO shop.orders (order_id, customer_id, total, placed_at) VALUES (200, 8, 45, '2026-01-11 09:00Z');
SELECT is(got(8), '1 mug, 1 later', 'a movement of their own is sooner');
UPDATE rewards.reward SET enabled = false WHERE name = 'later';
SELECT is(rewards.book_due(), 0::bigint, 'until it is disabled');

-- early access
INSERT INTO rewards.reward (name, auto_redeem, valid, early_access) VALUES ('early', true, '[2026-01-12,)', $$CASE WHEN member.attributes ->> 'vip' = 'true' THEN interval '1 day' END$$);
INSERT INTO rewards.reward_price (reward, points) VALUES ('early', 0.0 + 5);
SELECT run('SELECT rewards.adjust(103, 20, reason => ''x'')');
SELECT is(rewards.book_due(), 14::bigint, 'who has early access, and who was given points');
SELECT is(who('early'), '103', 'is first');
SELECT is(rewards.book_due(), 0::bigint, 'the others wait');
SELECT rewards.set_clock('2026-01-12 00:00Z');
SELECT is(rewards.book_due(), 13::bigint, 'until it opens');
SELECT alike(who('early'), '103, 1, %', 'to all');
UPDATE rewards.reward SET enabled = false WHERE name = 'early';

-- several at the same time go by priority, then price
SELECT run('SELECT rewards.adjust(1, 100 - rewards.balance(1), reason => ''x'')');
DELETE FROM rewards.reward_price WHERE reward = 'mug';
INSERT INTO rewards.reward (name, auto_redeem, priority) VALUES ('cheap', true, 0), ('dear', true, 0), ('urgent', true, 1);
INSERT INTO rewards.reward_price (reward, points) VALUES ('cheap', 30), ('dear', 60), ('urgent', 20);
SELECT rewards.book_due() IS NULL AS x \gset
SELECT alike(got(1), '%1 urgent, 1 dear', 'by priority, then the higher price, as far as points go');

-- choices
INSERT INTO rewards.choice_set (name) VALUES ('one of');
INSERT INTO rewards.reward (name, auto_redeem, choice_set) VALUES ('tea', true, 'one of'), ('cake', true, 'one of');
INSERT INTO rewards.reward_price (reward, points) VALUES ('tea', 3), ('cake', 4);
SELECT run('SELECT rewards.adjust(2, 250 - rewards.balance(2), reason => ''x'')');
SELECT rewards.book_due() IS NULL AS x \gset
SELECT alike(got(2), '%1 cake', 'one of several');
UPDATE rewards.choice_set SET choose = 2;
SELECT rewards.book_due() IS NULL AS x \gset
SELECT alike(got(2), '%1 cake, 1 cake', 'then another');

-- codes
INSERT INTO rewards.voucher_pool (name, gives, value) VALUES ('few', 'amount', 10), ('other', 'amount', 10);
INSERT INTO rewards.reward (name, auto_redeem, pool) VALUES ('coupon', true, 'few');
INSERT INTO rewards.reward_price (reward, points) VALUES ('coupon', 40);
SELECT is(rewards.book_due(), 13::bigint, 'a reward whose codes are missing');
SELECT is(who('coupon'), 'nobody', 'is for nobody');
SELECT run($$SELECT rewards.import_codes('other', ARRAY['OTHER'])$$);
SELECT is(rewards.book_due(), 0::bigint, 'other codes are no matter');
SELECT run($$SELECT rewards.import_codes('few', ARRAY['FEW1'])$$);
SELECT is(rewards.book_due(), 13::bigint, 'until some are imported');
SELECT is(who('coupon'), '2', 'for as many as there are');
SELECT run($$SELECT rewards.generate_codes('few', 1)$$);
SELECT run('SELECT rewards.book_due()');
SELECT is(who('coupon'), '2, 2', 'or generated');

-- deleting a reward ends it
INSERT INTO rewards.reward (name, auto_redeem) VALUES ('gone', true);
DELETE FROM rewards.reward WHERE name = 'gone';
SELECT is_empty('SELECT * FROM rewards.reward_sweep', 'a reward that is deleted is not swept');

\ir include/finish.sql
