-- Automatic rewards that single members can have without a movement of theirs: when
-- a limit begins anew, when they have changed, when a call gave them points.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();
INSERT INTO rewards.rule (name, source, earn) VALUES ('base', 'orders', '1 per 1');
CREATE FUNCTION t.got(member_id bigint) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg(quantity || ' ' || reward, ', ' ORDER BY id), 'nothing') FROM rewards.redemptions WHERE member_id = $1 AND automatic
$$;
INSERT INTO rewards.reward (name, auto_redeem, max_per_member, cap_period) VALUES ('mug', true, 1, 'month');
INSERT INTO rewards.reward_price (reward, points) VALUES ('mug', 100);
SELECT is(rewards.book_due(), 0::bigint, 'nobody is there yet');

-- a limit of a month
INSERT INTO shop.orders (order_id, customer_id, total) VALUES (1, 1, 250), (2, 2, 100), (3, 3, 90);
SELECT is(got(1) || '; ' || got(2) || '; ' || got(3), '1 mug; 1 mug; nothing', 'one of those who can afford it');
SELECT is(rewards.book_due(), 0::bigint, 'not more in this month');
SELECT rewards.set_clock('2026-01-31 23:59:59Z');
SELECT is(rewards.book_due(), 0::bigint, 'to its last second');
SELECT rewards.set_clock('2026-02-01 00:00Z');
SELECT is(rewards.book_due(), 1::bigint, 'the next month concerns who has points left');
SELECT is(got(1) || '; ' || got(2) || '; ' || got(3), '1 mug, 1 mug; 1 mug; nothing', 'who gets another');
SELECT is(state(1), '50 available', 'and pays for it');
SELECT rewards.set_clock('2026-03-01 00:00Z');
SELECT is(rewards.book_due(), 0::bigint, 'who has not, does not come up again');
SELECT is_empty('SELECT * FROM rewards.verify()', 'all is sound');

-- it is not forgotten over what comes in between
INSERT INTO shop.orders (order_id, customer_id, total, placed_at) VALUES (10, 4, 500, '2026-03-01');
SELECT is(got(4) || ', ' || state(4), '1 mug, 400 available', 'one in March');
SELECT run('SELECT rewards.spend(4, 10)');
INSERT INTO shop.orders (order_id, customer_id, total, placed_at) VALUES (11, 4, 5, '2026-03-01');
SELECT run('SELECT rewards.hold(4, 20, for_ => $$1 hour$$)');
SELECT rewards.set_clock('2026-04-02 00:00Z');
SELECT run('SELECT rewards.spend(4, 10)');
SELECT is(got(4), '1 mug', 'a call redeems nothing');
SELECT is(rewards.book_due(), 1::bigint, 'though it came first, book_due() finds the member');
SELECT is(got(4) || ', ' || state(4), '1 mug, 1 mug, 285 available', 'one in April');

-- a choice set of a day
INSERT INTO rewards.choice_set (name, choose, cap_period) VALUES ('drink', 1, 'day');
UPDATE rewards.reward SET enabled = false;
INSERT INTO rewards.reward (name, auto_redeem, choice_set) VALUES ('tea', true, 'drink');
INSERT INTO rewards.reward_price (reward, points) VALUES ('tea', 95);
SELECT isnt(rewards.book_due(), 0::bigint, 'a new reward');
SELECT is(got(4) || ', ' || state(4), '1 mug, 1 mug, 1 tea, 190 available', 'is had once');
SELECT rewards.set_clock('2026-04-03 00:00Z');
SELECT is(rewards.book_due() > 0 AND got(4) = '1 mug, 1 mug, 1 tea, 1 tea', true, 'and once the next day, though it was a sweep that found the member');
SELECT rewards.set_clock('2026-04-04 00:00Z');
SELECT is(rewards.book_due() > 0 AND got(4) = '1 mug, 1 mug, 1 tea, 1 tea, 1 tea', true, 'and the day after');
SELECT rewards.set_clock('2026-04-05 00:00Z');
SELECT is(rewards.book_due(), 0::bigint, 'then there is not enough');

-- members who change
UPDATE rewards.reward SET enabled = false;
INSERT INTO rewards.reward (name, auto_redeem, condition) VALUES ('hat', true, $$member.attributes ->> 'vip' = 'yes'$$);
INSERT INTO rewards.reward_price (reward, points) VALUES ('hat', 40);
SELECT is(rewards.book_due() > 0 AND got(3) = 'nothing', true, 'nobody may have it');
UPDATE rewards.member SET attributes = '{"vip": "yes"}' WHERE member_id = 3;
SELECT is(got(3), 'nothing', 'writing a member redeems nothing');
SELECT is(rewards.book_due(), 1::bigint, 'but book_due() looks at him');
SELECT is(got(3), '1 hat', 'and he has it');
UPDATE rewards.member SET attributes = attributes, birthday = birthday;
SELECT is(rewards.book_due(), 0::bigint, 'what changes nothing is nothing');
UPDATE rewards.member SET status = 'blocked' WHERE member_id = 3;
SELECT is(rewards.book_due() >= 0 AND got(3) = '1 hat', true, 'who is blocked gets nothing');
UPDATE rewards.member SET status = 'active' WHERE member_id = 3;
SELECT is(rewards.book_due(), 1::bigint, 'who is active again, is looked at');
SELECT is(got(3), '1 hat, 1 hat', 'and gets it');

-- points that a call gives
UPDATE rewards.reward SET condition = NULL WHERE name = 'hat';
SELECT rewards.book_due() IS NULL AS x \gset
SELECT run($$SELECT rewards.adjust(5, 45, reason => 'a gift')$$) FROM (SELECT run($$INSERT INTO rewards.member (member_id) VALUES (5), (6)$$)) x;
SELECT is(got(5) || ', ' || state(5), 'nothing, 45 available', 'adjust() redeems nothing');
SELECT is(rewards.book_due(), 1::bigint, 'book_due() looks at who got points');
SELECT is(got(5), '1 hat', 'and redeems');
SELECT run($$SELECT rewards.adjust(5, 30, reason => 'a gift')$$);
SELECT is(rewards.book_due(), 0::bigint, 'not at who still has not enough');
SELECT run($$SELECT rewards.adjust(5, 15, reason => 'a gift', key => 'last')$$);
UPDATE rewards.unit SET transferable = true WHERE name = 'points';
SELECT run($$SELECT rewards.transfer(5, 6, 50)$$);
SELECT is(rewards.book_due() > 0 AND got(5) || '; ' || got(6) = '1 hat; 1 hat', true, 'the receiver of a transfer');
SELECT is_empty('SELECT * FROM rewards.verify()', 'all is sound');

\ir include/finish.sql
