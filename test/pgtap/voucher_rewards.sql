-- Rewards that draw codes from pools; what becomes of them when the redemption
-- is cancelled.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();
INSERT INTO rewards.rule (name, source, earn) VALUES ('base', 'orders', '1 per 1');
INSERT INTO rewards.voucher_pool (name, gives, value) VALUES ('ten off', 'amount', 10);
INSERT INTO rewards.voucher_pool (name, gives, value, supply, personal, expires) VALUES ('card 20', 'balance', 20, 'endless', false, '1 year');
INSERT INTO rewards.reward (name, kind, pool, code_valid) VALUES ('ten off', 'voucher', 'ten off', '30 days');
INSERT INTO rewards.reward (name, kind, pool) VALUES ('card 20', 'gift_card', 'card 20');
INSERT INTO rewards.reward_price (reward, points) VALUES ('ten off', 100), ('card 20', 200);
SELECT is((SELECT codes FROM rewards.import_codes('ten off', ARRAY['TEN-1', 'TEN-2', 'TEN-3'])), 3::bigint, 'codes');
INSERT INTO shop.orders (order_id, customer_id, total) SELECT i, i, 1000 FROM generate_series(1, 5) i;

-- a code of a stock
SELECT results_eq($$SELECT status, trim_scale(points), code, valid_until FROM rewards.redeem(1, 'ten off', key => 'r1')$$,
	$$VALUES ('done', 100::numeric, 'TEN-1', '2026-02-09 12:00Z'::timestamptz)$$, 'redeem() returns a code');
SELECT is((SELECT code FROM rewards.redeem(1, 'ten off', key => 'r1')), 'TEN-1', 'the same call again returns the same');
SELECT results_eq($$SELECT state, member_id, valid_until, redemption FROM rewards.vouchers WHERE code = 'TEN-1'$$,
	$$SELECT 'given', 1::bigint, '2026-02-09 12:00Z'::timestamptz, operation_no FROM rewards.operation WHERE key = 'r1'$$, 'it is the member''s, for as long as the reward says');
SELECT is((SELECT sqlstate FROM rewards.redeem_code('TEN-1', 2, 50)), 'LY011', 'and nobody else''s');
SELECT is((SELECT discount FROM rewards.redeem_code('TEN-1', 1, 50)), 10::numeric, 'who uses it');
SELECT is(sqlstate_of($$SELECT rewards.cancel((SELECT operation_no FROM rewards.operation WHERE key = 'r1'))$$), 'LY012', 'then the redemption cannot be cancelled');
SELECT is(state(1), '900 available', 'and nothing comes back');
SELECT is((SELECT status FROM rewards.cancel_code((SELECT max(id) FROM rewards.code_uses WHERE status = 'redeemed'))), 'cancelled', 'unless the use is undone');
SELECT is((SELECT status FROM rewards.reserve_code('TEN-1', 1)), 'reserved', 'nor while the code is reserved');
SELECT is(sqlstate_of($$SELECT rewards.cancel((SELECT operation_no FROM rewards.operation WHERE key = 'r1'))$$), 'LY014', 'for a purchase');
SELECT is((SELECT status FROM rewards.release_code((SELECT max(id) FROM rewards.code_uses WHERE status = 'reserved'))), 'released', 'once it is released');
SELECT is(sqlstate_of($$SELECT rewards.cancel((SELECT operation_no FROM rewards.operation WHERE key = 'r1'))$$), '00000', 'it can');
SELECT is(state(1), '1000 available', 'the points come back');
SELECT is((SELECT state FROM rewards.vouchers WHERE code = 'TEN-1'), 'void', 'the code, which the member has seen, is void');
SELECT is((SELECT sqlstate FROM rewards.redeem_code('TEN-1', 1, 50)), 'LY013', 'for good');

-- several at once, all or none
SELECT is(sqlstate_of($$SELECT rewards.redeem(2, 'ten off', 3)$$), 'LY005', 'three of two are out of stock');
SELECT results_eq($$SELECT possible, sqlstate, reason FROM rewards.quote(2, 'ten off', 3)$$, $$VALUES (false, 'LY005', 'there are no codes left in pool "ten off"')$$, 'quote() knows that beforehand');
SELECT is((SELECT possible FROM rewards.quote(2, 'ten off', 2)), true, 'two it has');
SELECT is((SELECT affordable FROM rewards.affordable WHERE member_id = 2 AND reward = 'ten off'), true, 'and one is offered');
SELECT is(state(2), '1000 available', 'nothing is spent');
SELECT is((SELECT count(*) FROM rewards.vouchers WHERE pool = 'ten off' AND state = 'free'), 2::bigint, 'and no code is gone');
SELECT is((SELECT code FROM rewards.redeem(2, 'ten off', 2)), 'TEN-2, TEN-3', 'two of two are not');
SELECT is(sqlstate_of($$SELECT rewards.redeem(3, 'ten off')$$), 'LY005', 'now there is none');
SELECT is((SELECT sqlstate FROM rewards.quote(3, 'ten off')), 'LY005', 'quote() says so');
SELECT bag_eq($$SELECT reward FROM rewards.affordable WHERE member_id = 3$$, $$VALUES ('card 20')$$, 'and it is not offered');
UPDATE rewards.voucher_pool SET enabled = false WHERE name = 'card 20';
SELECT results_eq($$SELECT q.sqlstate, q.sqlstate = sqlstate_of($s$SELECT rewards.redeem(3, 'card 20')$s$) FROM rewards.quote(3, 'card 20') AS q$$, $$VALUES ('LY004', true)$$, 'nor are codes of a pool that is closed');
SELECT is_empty($$SELECT reward FROM rewards.affordable WHERE member_id = 3$$, 'as nobody gets them');
UPDATE rewards.voucher_pool SET enabled = true WHERE name = 'card 20';

-- an endless pool of cards for whoever holds them
SELECT matches((SELECT code FROM rewards.redeem(3, 'card 20', key => 'c')), '^....-....-....$', 'a card is made');
SELECT is((SELECT valid_until FROM rewards.vouchers WHERE pool = 'card 20'), '2027-01-10 12:00Z', 'for as long as the pool says');
SELECT is((SELECT valid_until FROM rewards.redemptions WHERE reward = 'card 20'), '2027-01-10 12:00Z', 'which the redemption tells');
SELECT is(sqlstate_of($$SELECT rewards.redeem(3, 'card 20', quantity => NULL)$$), '22004', 'no number of pieces is not one piece');
SELECT results_eq($$SELECT discount, balance FROM rewards.redeem_code((SELECT code FROM rewards.vouchers WHERE pool = 'card 20'), amount => 15)$$, $$VALUES (15::numeric, 5::numeric)$$, 'anybody pays with it');
UPDATE rewards.voucher_pool SET enabled = false WHERE name = 'card 20';
SELECT is(sqlstate_of($$SELECT rewards.redeem(3, 'card 20')$$), 'LY004', 'a pool that is disabled');

-- somebody's own operators and functions are not called, in anybody's name
CREATE SCHEMA evil;
CREATE FUNCTION evil.steal(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'called as %', current_user; END $$;
CREATE FUNCTION evil.steal(bigint, bigint) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'called as %', current_user; END $$;
CREATE FUNCTION evil.steal(integer, integer) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'called as %', current_user; END $$;
CREATE FUNCTION evil.steal(timestamptz, timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'called as %', current_user; END $$;
CREATE OPERATOR evil.= (FUNCTION = evil.steal, LEFTARG = text, RIGHTARG = text);
CREATE OPERATOR evil.= (FUNCTION = evil.steal, LEFTARG = bigint, RIGHTARG = bigint);
CREATE OPERATOR evil.= (FUNCTION = evil.steal, LEFTARG = integer, RIGHTARG = integer);
CREATE OPERATOR evil.> (FUNCTION = evil.steal, LEFTARG = timestamptz, RIGHTARG = timestamptz);
CREATE OPERATOR evil.<> (FUNCTION = evil.steal, LEFTARG = bigint, RIGHTARG = bigint);
UPDATE rewards.voucher_pool SET enabled = true WHERE name = 'card 20';
SELECT is((SELECT codes FROM rewards.import_codes('ten off', ARRAY['TEN-4', 'TEN-5', 'TEN-6'])), 3::bigint, 'more codes');
CREATE FUNCTION t.hostile(statement text) RETURNS text LANGUAGE plpgsql SET search_path = evil, pg_catalog AS $$
BEGIN
	EXECUTE statement;
	RETURN 'fine';
EXCEPTION
	WHEN raise_exception THEN
		RETURN SQLERRM;
END
$$;
SELECT matches(hostile($$SELECT 'a'::text OPERATOR(evil.=) 'a'::text$$), 'called as', 'they would be noticed');
SELECT is(hostile(s), 'fine', 'not by ' || s) FROM (VALUES
	($$SELECT rewards.redeem(4, 'ten off', key => 'e1')$$),
	($$SELECT rewards.redeem(4, 'card 20', key => 'e2')$$),
	($$SELECT rewards.check_code('TEN-5', 4, 20)$$),
	($$SELECT rewards.reserve_code('TEN-5', 4, key => 'e3')$$),
	($$SELECT rewards.redeem_code('TEN-5', 4, 20, key => 'e4')$$),
	($$SELECT rewards.redeem_code('wrong', 4, 20)$$),
	($$SELECT rewards.cancel_code((SELECT operation_no FROM rewards.operation WHERE key OPERATOR(pg_catalog.=) 'e4'))$$),
	($$SELECT rewards.reserve_code('TEN-5', 4, key => 'e5')$$),
	($$SELECT rewards.release_code((SELECT operation_no FROM rewards.operation WHERE key OPERATOR(pg_catalog.=) 'e5'))$$),
	($$SELECT rewards.void_code('TEN-5', 'x')$$),
	($$SELECT rewards.give_code(5, 'ten off')$$),
	($$SELECT rewards.cancel((SELECT operation_no FROM rewards.operation WHERE key OPERATOR(pg_catalog.=) 'e1'))$$),
	($$SELECT rewards.generate_codes('ten off', 5)$$),
	($$SELECT rewards.import_codes('ten off', ARRAY['TEN-9'])$$),
	($$SELECT * FROM rewards.vouchers$$),
	($$SELECT * FROM rewards.pools$$),
	($$SELECT * FROM rewards.verify()$$)) v (s);
SELECT is_empty('SELECT * FROM rewards.verify()', 'all is sound');

\ir include/finish.sql
