-- Rewards set aside: captured, released, lapsed; with their place in stock and
-- limits.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();
INSERT INTO rewards.member (member_id, joined_at) SELECT i, '2026-01-01' FROM generate_series(1, 9) i;
\o /dev/null
SELECT rewards.adjust(i, 1000, reason => 'to begin with') FROM generate_series(1, 9) i;
\o
INSERT INTO rewards.reward (name, stock, max_per_member, cap_period, code_valid) VALUES ('ticket', 4, 3, 'ever', '6 months');
INSERT INTO rewards.reward_price (reward, points) VALUES ('ticket', 100);
CREATE TABLE t.held (name text, id bigint);
CREATE FUNCTION t.hold(name text, member_id bigint, quantity integer, for_ interval DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result record;
BEGIN
	SELECT * INTO result FROM rewards.hold_reward(member_id, 'ticket', quantity, for_);
	INSERT INTO t.held VALUES (name, result.id);
	RETURN format('%s %s until %s', result.status, trim_scale(result.points), to_char(result.valid_until, 'HH24:MI'));
END
$$;
CREATE FUNCTION t.id(name text) RETURNS bigint LANGUAGE sql AS 'SELECT id FROM t.held WHERE name = $1';
CREATE FUNCTION t.stock() RETURNS bigint LANGUAGE sql AS $$SELECT stock_left FROM rewards.catalogue WHERE reward = 'ticket'$$;
CREATE FUNCTION t.status(name text) RETURNS text LANGUAGE sql AS $$SELECT status || ' ' || quantity - cancelled FROM rewards.redemptions WHERE id = t.id($1)$$;

SELECT is(t.hold('a', 1, 2), 'held 200 until 12:15', 'hold_reward() for as long as the reward says');
SELECT is(t.state(1), '800 available, 200 held', 'points are set aside');
SELECT is(t.stock(), 2::bigint, 'and pieces of the stock');
SELECT is(t.hold('b', 2, 2, '1 hour'), 'held 200 until 13:00', 'for as long as one wants');
SELECT throws_ok($$SELECT rewards.redeem(3, 'ticket')$$, 'LY005', 'reward "ticket" is out of stock', 'what is set aside is not left');
SELECT throws_ok($$SELECT rewards.hold_reward(3, 'ticket')$$, 'LY005', 'reward "ticket" is out of stock', 'nor can it be set aside again');
SELECT throws_ok($$SELECT rewards.hold_reward(1, 'ticket', 2)$$, 'LY006', NULL, 'what is set aside counts in limits');
SELECT throws_ok($$SELECT rewards.hold_reward(3, 'ticket', 1, '0')$$, '22023', NULL, 'a hold of no time');
SELECT throws_ok($$SELECT rewards.cancel(t.id('a'))$$, 'LY008', NULL, 'a hold is released, not cancelled');

-- captured in part
SELECT results_eq($$SELECT id = t.id('b'), status, trim_scale(points), trim_scale(available), trim_scale(held) FROM rewards.capture(t.id('b'), 100)$$,
	$$VALUES (true, 'captured', 100::numeric, 900::numeric, 0::numeric)$$, 'one of two pieces is captured');
SELECT is(t.status('b'), 'done 1', 'the other one is not');
SELECT is(t.stock(), 1::bigint, 'and is left again');
SELECT is((SELECT valid_until FROM rewards.redemptions WHERE id = t.id('b')), '2026-07-10 12:00Z', 'good for six months from now');
SELECT throws_ok($$SELECT rewards.capture(t.id('a'), 150)$$, '22023', NULL, 'half a piece');
SELECT throws_ok($$SELECT rewards.capture(t.id('b'))$$, 'LY008', NULL, 'captured once');

-- released
SELECT is((SELECT status FROM rewards.release(t.id('a'))), 'released', 'release()');
SELECT is(t.status('a'), 'released 0', 'is shown so');
SELECT is(t.state(1), '1000 available', 'the points are back');
SELECT is(t.stock(), 3::bigint, 'and the pieces');
SELECT throws_ok($$SELECT rewards.capture(t.id('a'))$$, 'LY008', NULL, 'what was released cannot be captured');

-- lapsed
SELECT is(t.hold('c', 3, 3), 'held 300 until 12:15', 'all that is left');
SELECT is(t.stock(), 0::bigint, 'none is left');
SELECT rewards.set_clock('2026-01-10 12:15Z');
SELECT is(t.status('c'), 'lapsed 3', 'a quarter of an hour later it has lapsed');
SELECT is(t.stock(), 3::bigint, 'the pieces are left again, with no job');
SELECT is(t.state(3), '1000 available', 'and so are the points');
SELECT lives_ok($$SELECT rewards.redeem(4, 'ticket')$$, 'somebody else can have one');
SELECT is(t.stock(), 2::bigint, 'two are left');
SELECT is_empty($$SELECT * FROM rewards.redemption WHERE stock_slot IS NOT NULL$$, 'taken back by who needed them');

-- captured late
SELECT throws_ok($$SELECT rewards.capture(t.id('c'))$$, 'LY005', NULL, 'late: there are not enough any more');
SELECT results_eq($$SELECT status, trim_scale(available) FROM rewards.capture(t.id('c'), 200)$$, $$VALUES ('captured', 800::numeric)$$, 'late, as many as there are');
SELECT is(t.stock(), 0::bigint, 'that were the last');
SELECT is(t.status('c'), 'done 2', 'two of three');

-- late, with limits
UPDATE rewards.reward SET stock = 20 WHERE name = 'ticket';
SELECT is(t.hold('d', 5, 2), 'held 200 until 12:30', 'another');
SELECT rewards.set_clock('2026-01-10 13:00Z');
\o /dev/null
SELECT rewards.redeem(5, 'ticket', 2);
\o
SELECT throws_ok($$SELECT rewards.capture(t.id('d'))$$, 'LY006', NULL, 'late: the member has had others since');
SELECT is(t.stock(), 14::bigint, 'a late capture that fails takes nothing');
SELECT lives_ok($$SELECT rewards.capture(t.id('d'), 100)$$, 'late, within limits');
SELECT is(t.stock(), 13::bigint, 'one less');

-- a stock that comes and goes
UPDATE rewards.reward SET stock = NULL WHERE name = 'ticket';
SELECT is(t.hold('e', 6, 2), 'held 200 until 13:15', 'set aside without a stock');
UPDATE rewards.reward SET stock = 20 WHERE name = 'ticket';
SELECT is(t.stock(), 11::bigint, 'a stock counts what is set aside');
SELECT rewards.set_clock('2026-01-10 13:15Z');
SELECT is(t.stock(), 13::bigint, 'until that lapses');
UPDATE rewards.reward SET stock = 21 WHERE name = 'ticket';
SELECT is(t.stock(), 14::bigint, 'one more');

-- the same call again
SELECT results_eq($$SELECT a.id = b.id, b.status FROM rewards.hold_reward(7, 'ticket', key => 'k') a, LATERAL (SELECT * FROM rewards.hold_reward(7, 'ticket', key => 'k') WHERE a.id > 0) b$$,
	$$VALUES (true, 'held')$$, 'a hold with a key is made once');
SELECT rewards.set_clock('2026-01-10 14:15Z');
SELECT results_eq($$SELECT status FROM rewards.hold_reward(7, 'ticket', key => 'k')$$, $$VALUES ('lapsed')$$, 'and says what became of it');

-- codes
INSERT INTO rewards.voucher_pool (name, gives, value, supply) VALUES ('ten', 'amount', 10, 'endless');
INSERT INTO rewards.voucher_pool (name, gives, value) VALUES ('few', 'amount', 10);
INSERT INTO rewards.reward (name, kind, pool, code_valid) VALUES ('ten off', 'voucher', 'ten', '1 month'), ('few off', 'voucher', 'few', NULL);
INSERT INTO rewards.reward_price (reward, points) VALUES ('ten off', 100), ('few off', 100);
\o /dev/null
SELECT rewards.import_codes('few', ARRAY['FEW-1', 'FEW-2']);
CREATE TABLE t.codes AS SELECT (rewards.redeem(8, 'ten off', 2, key => 'two codes')).*;
\o
SELECT matches((SELECT code FROM t.codes), '^[-0-9A-Z]{12,}, [-0-9A-Z]{12,}$', 'a code for each piece');
SELECT is((SELECT valid_until FROM t.codes), '2026-02-10 14:15Z', 'good for a month');
SELECT results_eq($$SELECT id, code FROM rewards.redeem(8, 'ten off', 2, key => 'two codes')$$, 'SELECT id, code FROM t.codes', 'the same call, the same codes');
SELECT is((SELECT c.ok FROM t.codes, rewards.check_code(split_part(code, ', ', 2), 8) c), true, 'they work');
SELECT is((SELECT r.code FROM t.codes c, rewards.cancel(c.id, quantity => 1) r), (SELECT split_part(code, ', ', 2) FROM t.codes), 'the last of them is cancelled');
SELECT is((SELECT c.ok FROM t.codes, rewards.check_code(split_part(code, ', ', 1), 8) c), true, 'the first one works');
\o /dev/null
SELECT rewards.cancel(id) FROM t.codes;
\o
SELECT is((SELECT c.sqlstate FROM t.codes, rewards.check_code(split_part(code, ', ', 1), 8) c), 'LY013', 'and when all are, works no more');
\o /dev/null
INSERT INTO t.held SELECT 'code', id FROM rewards.hold_reward(8, 'few off');
\o
SELECT is((SELECT code FROM rewards.hold_reward(8, 'few off', key => 'no code')), NULL, 'what is only set aside has no code');
SELECT matches((SELECT code FROM rewards.capture(t.id('code'))), '^FEW-?[12]$', 'it gets one when it is captured');
SELECT throws_ok($$SELECT rewards.redeem(9, 'few off', 2)$$, 'LY005', NULL, 'no codes are left');
SELECT is(t.state(9), '1000 available', 'and nothing is taken');
SELECT throws_ok($$DELETE FROM rewards.voucher_pool WHERE name = 'ten'$$, '23503', NULL, 'a pool that a reward takes codes from');

\ir include/finish.sql
