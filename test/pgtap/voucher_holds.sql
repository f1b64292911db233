-- Codes of rewards that are held: set aside at the hold, given at the capture,
-- free again at the deadline with no job.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();
INSERT INTO rewards.member (member_id, joined_at) SELECT i, '2026-01-01' FROM generate_series(1, 9) i;
\o /dev/null
SELECT rewards.adjust(i, 10000, reason => 'to begin with') FROM generate_series(1, 9) i;
\o
INSERT INTO rewards.unit (name, decimals, value) VALUES ('prepaid', 2, 1);
INSERT INTO rewards.voucher_pool (name, gives, value, personal, expires) VALUES ('few', 'amount', 10, false, '1 year');
INSERT INTO rewards.voucher_pool (name, gives, value, supply) VALUES ('many', 'amount', 10, 'endless');
INSERT INTO rewards.voucher_pool (name, gives, value) VALUES ('card', 'balance', 20);
INSERT INTO rewards.reward (name, kind, pool, code_valid, stock) VALUES ('few off', 'voucher', 'few', '1 month', NULL), ('many off', 'voucher', 'many', NULL, NULL),
	('card', 'gift_card', 'card', NULL, 100);
INSERT INTO rewards.reward_price (reward, points) SELECT name, 100 FROM rewards.reward;
CREATE TABLE t.held (name text, id bigint);
CREATE FUNCTION t.hold(name text, member_id bigint, reward text, quantity integer DEFAULT 1, for_ interval DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result record;
BEGIN
	SELECT * INTO result FROM rewards.hold_reward(member_id, reward, quantity, for_);
	INSERT INTO t.held VALUES (name, result.id);
	RETURN format('%s, code %s', result.status, coalesce(result.code, 'none'));
END
$$;
CREATE FUNCTION t.id(name text) RETURNS bigint LANGUAGE sql AS 'SELECT id FROM t.held WHERE name = $1';
CREATE FUNCTION t.states(pool text) RETURNS text LANGUAGE sql AS
	$$SELECT string_agg(format('%s %s%s', code, state, ' of ' || member_id), ', ' ORDER BY code) FROM rewards.vouchers WHERE pool = $1$$;
CREATE FUNCTION t.counts(pool text) RETURNS text LANGUAGE sql AS
	$$SELECT format('%s: %s free, %s held, %s given, %s void', codes, free, held, given, void) FROM rewards.pools p WHERE p.pool = $1$$;
\o /dev/null
SELECT rewards.import_codes('few', ARRAY['FEW-1', 'FEW-2', 'FEW-3']);
SELECT rewards.import_codes('card', ARRAY['CARD-1']);
\o

-- set aside at the hold
SELECT is(t.hold('a', 1, 'few off', 2), 'held, code none', 'a hold shows no code');
SELECT is(t.states('few'), 'FEW-1 held, FEW-2 held, FEW-3 free', 'but two are set aside');
SELECT is(t.counts('few'), '3: 1 free, 2 held, 0 given, 0 void', 'and counted');
SELECT results_eq($$SELECT DISTINCT redemption FROM rewards.vouchers WHERE state = 'held'$$, $$SELECT t.id('a')$$, 'for that hold');
SELECT is(sqlstate_of($$SELECT rewards.hold_reward(2, 'few off', 2)$$), 'LY005', 'two of one cannot be set aside');
SELECT is(t.state(2), '10000 available', 'and no points are');
SELECT is(t.counts('few'), '3: 1 free, 2 held, 0 given, 0 void', 'nor a code');
SELECT is(sqlstate_of($$SELECT rewards.redeem(2, 'few off', 2)$$), 'LY005', 'nor can two be redeemed');

-- nobody is told of them, nobody can use them
SELECT is(o.sqlstate || ' ' || o.message, 'LY011 there is no such code', f) FROM (VALUES ('check_code'), ('redeem_code'), ('reserve_code')) v (f)
	CROSS JOIN LATERAL (SELECT * FROM rewards.check_code('FEW-1', 2, 50) WHERE f = 'check_code' UNION ALL SELECT * FROM rewards.redeem_code('FEW-1', 2, 50) WHERE f = 'redeem_code'
		UNION ALL SELECT * FROM rewards.reserve_code('FEW-1', 2) WHERE f = 'reserve_code') o;
SELECT is((SELECT sqlstate FROM rewards.redeem_code('FEW-1', 1, 50)), 'LY011', 'not even by whom they are set aside for');
SELECT is((SELECT attempts_left FROM rewards.check_code('FEW-1', 2, 50)), 6, 'and it is an attempt');
SELECT is(sqlstate_of($$SELECT rewards.give_code(2, code => 'FEW-1')$$), '55000', 'a certain one cannot be given');
SELECT is(t.hold('card', 1, 'card'), 'held, code none', 'a card');
SELECT is((SELECT sqlstate FROM rewards.top_up_code('CARD-1', 5)), 'LY011', 'is not topped up while it is set aside');
SELECT is((SELECT sqlstate FROM rewards.deposit_code('CARD-1', 2)), 'LY011', 'nor moved');
SELECT is((SELECT status FROM rewards.release(t.id('card'))), 'released', 'released');
SELECT is((SELECT status FROM rewards.top_up_code('CARD-1', 5)), 'topped up', 'it is');

-- captured before the deadline, whatever has happened
SELECT matches((SELECT code FROM rewards.redeem(2, 'few off')), '^FEW-3$', 'the last that is free goes');
SELECT is(sqlstate_of($$SELECT rewards.redeem(3, 'few off')$$), 'LY005', 'none is left');
UPDATE rewards.voucher_pool SET enabled = false WHERE name = 'few';
SELECT results_eq($$SELECT status, code FROM rewards.capture(t.id('a'))$$, $$VALUES ('captured', 'FEW-1, FEW-2')$$, 'the capture gets what was set aside');
UPDATE rewards.voucher_pool SET enabled = true WHERE name = 'few';
SELECT is(t.states('few'), 'FEW-1 given of 1, FEW-2 given of 1, FEW-3 given of 2', 'they are the member''s');
SELECT results_eq($$SELECT DISTINCT redemption, valid_until FROM rewards.vouchers WHERE member_id = 1$$, $$SELECT t.id('a'), '2026-02-10 12:00Z'::timestamptz$$, 'for as long as the reward says');
SELECT is((SELECT ok FROM rewards.check_code('FEW-1', 1, 50)), true, 'and work');
SELECT is_empty('SELECT * FROM rewards.verify()', 'all is sound');

-- captured in part, released
\o /dev/null
SELECT rewards.import_codes('few', ARRAY['MORE-1', 'MORE-2', 'MORE-3']);
\o
SELECT is(t.hold('b', 3, 'few off', 3), 'held, code none', 'three');
SELECT is((SELECT code FROM rewards.capture(t.id('b'), 100)), 'MORE-1', 'of which one is captured');
SELECT is(t.counts('few'), '6: 2 free, 0 held, 4 given, 0 void', 'and the others are free');
SELECT is(t.hold('c', 3, 'few off', 2), 'held, code none', 'to be set aside again');
SELECT is((SELECT status FROM rewards.release(t.id('c'))), 'released', 'and released');
SELECT is(t.counts('few'), '6: 2 free, 0 held, 4 given, 0 void', 'free at once');
SELECT is(t.hold('r', 3, 'few off', 2), 'held, code none', 'set aside once more');
SELECT is((SELECT status FROM rewards.reverse(t.id('r'), 'a mistake')), 'done', 'and reversed');
SELECT is(t.counts('few'), '6: 2 free, 0 held, 4 given, 0 void', 'free as well');

-- a code that is voided meanwhile is replaced at once, or cannot be
SELECT is(t.hold('v', 4, 'few off'), 'held, code none', 'one of two');
SELECT is((SELECT status FROM rewards.void_code('MORE-2', 'printed wrongly')), 'void', 'is voided');
SELECT results_eq($$SELECT code, state, redemption FROM rewards.vouchers WHERE code LIKE 'MORE-_' AND code > 'MORE-1' ORDER BY code$$,
	$$VALUES ('MORE-2', 'void', NULL), ('MORE-3', 'held', t.id('v'))$$, 'the other takes its place');
SELECT is_empty('SELECT * FROM rewards.verify()', 'nothing is missing');
SELECT throws_ok($$SELECT rewards.void_code('MORE-3', 'printed wrongly')$$, 'LY014', format('code "MORE-3" is set aside for hold %s until 2026-01-10 12:15:00+00', t.id('v')), 'the last cannot be voided');
SELECT is((SELECT state FROM rewards.vouchers WHERE code = 'MORE-3'), 'held', 'and is not');
\o /dev/null
SELECT rewards.import_codes('few', ARRAY['SHORT-1'], valid_until => '2026-01-10 12:10Z');
\o
SELECT is(sqlstate_of($$SELECT rewards.void_code('MORE-3', 'printed wrongly')$$), 'LY014', 'nor for one that ends before the deadline');
SELECT is((SELECT code FROM rewards.capture(t.id('v'))), 'MORE-3', 'the hold gets it');
SELECT is((SELECT status FROM rewards.void_code('MORE-3', 'printed wrongly')), 'void', 'after that it can be voided');
SELECT is((SELECT status FROM rewards.void_code('SHORT-1', 'for good')), 'void', 'as can one that nobody has');
SELECT is(sqlstate_of($$SELECT rewards.void_code('MORE-1', ' ')$$), '22023', 'not without a reason');
SELECT is(sqlstate_of($$SELECT rewards.top_up_code('CARD-1', 1e20)$$), '22003', 'nor is a card topped up with more money than there can be');

-- lapsed, with no job
\o /dev/null
SELECT rewards.import_codes('few', ARRAY['LAST-1', 'LAST-2']);
\o
SELECT is(t.hold('d', 5, 'few off', 2), 'held, code none', 'all there are');
SELECT is(sqlstate_of($$SELECT rewards.give_code(6, 'few')$$), 'LY005', 'none can be given');
SELECT rewards.set_clock('2026-01-10 12:15Z');
SELECT is(t.counts('few'), '9: 2 free, 0 held, 4 given, 3 void', 'at the deadline they are free');
SELECT is((SELECT redemption FROM rewards.vouchers WHERE code = 'LAST-1'), NULL, 'and nobody''s');
SELECT is((SELECT ok FROM rewards.check_code('LAST-1', 6, 50)), true, 'and known');
SELECT is((SELECT code FROM rewards.redeem(6, 'few off')), 'LAST-1', 'somebody else draws one');
SELECT is(sqlstate_of($$SELECT rewards.capture(t.id('d'))$$), 'LY005', 'late: there are not enough any more');
SELECT is(t.state(5), '10000 available', 'and nothing is taken');
SELECT is((SELECT code FROM rewards.capture(t.id('d'), 100)), 'LAST-2', 'late, as many as there are');
SELECT is(sqlstate_of($$SELECT rewards.cancel(t.id('d'))$$), '00000', 'and cancelled');
SELECT is(t.counts('few'), '9: 0 free, 0 held, 5 given, 4 void', 'only its own code is void');

-- used by whoever finds it, once it is free
\o /dev/null
SELECT rewards.import_codes('few', ARRAY['SAND-1']);
\o
SELECT is(t.hold('e', 7, 'few off'), 'held, code none', 'the last');
SELECT rewards.set_clock('2026-01-10 12:30Z');
SELECT is((SELECT ok FROM rewards.redeem_code('SAND-1', 8, 50)), true, 'used after the deadline');
SELECT is(sqlstate_of($$SELECT rewards.capture(t.id('e'))$$), 'LY005', 'is gone');

-- a late capture asks whether the pool still gives codes
\o /dev/null
SELECT rewards.import_codes('few', ARRAY['LATE-1']);
\o
SELECT is(t.hold('f', 7, 'few off'), 'held, code none', 'set aside');
SELECT rewards.set_clock('2026-01-10 12:45Z');
UPDATE rewards.voucher_pool SET enabled = false WHERE name = 'few';
SELECT is(sqlstate_of($$SELECT rewards.capture(t.id('f'))$$), 'LY004', 'late, and not given any more');
SELECT is(sqlstate_of($$SELECT rewards.hold_reward(7, 'few off')$$), 'LY004', 'nor set aside');
UPDATE rewards.voucher_pool SET enabled = true WHERE name = 'few';
SELECT is((SELECT code FROM rewards.capture(t.id('f'))), 'LATE-1', 'late, and there it is');

-- codes that end before the deadline are no use
\o /dev/null
SELECT rewards.import_codes('few', ARRAY['SOON-1'], valid_until => '2026-01-10 12:50Z');
\o
SELECT is(sqlstate_of($$SELECT rewards.hold_reward(7, 'few off')$$), 'LY005', 'a code that ends before the deadline is not set aside');
SELECT is(t.hold('g', 7, 'few off', for_ => '1 minute'), 'held, code none', 'one that lasts longer is');

-- the reward changes, the hold does not
UPDATE rewards.reward SET pool = 'many' WHERE name = 'few off';
SELECT is((SELECT code FROM rewards.capture(t.id('g'))), 'SOON-1', 'from the pool that it was set aside from');
UPDATE rewards.reward SET pool = 'few' WHERE name = 'few off';
\o /dev/null
SELECT rewards.import_codes('few', ARRAY['NEXT-1']);
\o
SELECT is(t.hold('h', 7, 'few off'), 'held, code none', 'set aside');
UPDATE rewards.reward SET pool = NULL WHERE name = 'few off';
SELECT is((SELECT status FROM rewards.release(t.id('h'))), 'released', 'released when the reward has no pool');
SELECT is((SELECT state FROM rewards.vouchers WHERE code = 'NEXT-1'), 'free', 'the code is free');

-- a hold without codes stays one without, whatever the reward gets
SELECT is(t.hold('p', 7, 'few off'), 'held, code none', 'set aside without a pool');
SELECT is(t.hold('q', 7, 'few off'), 'held, code none', 'twice');
UPDATE rewards.reward SET pool = 'few' WHERE name = 'few off';
SELECT is((SELECT t.run($$SELECT rewards.redeem(8, 'few off')$$)::text), '', 'the last code of the pool goes');
SELECT is(sqlstate_of($$SELECT rewards.redeem(8, 'few off')$$), 'LY005', 'there is no other');
SELECT results_eq($$SELECT status, code FROM rewards.capture(t.id('p'))$$, $$VALUES ('captured', NULL)$$, 'a capture in time succeeds');
SELECT rewards.set_clock('2026-01-10 13:05Z');
SELECT is(sqlstate_of($$SELECT rewards.capture(t.id('q'))$$), 'LY005', 'late, the reward is asked as it is');

-- an endless pool makes its codes at the capture
SELECT is(t.hold('m', 9, 'many off', 2), 'held, code none', 'of an endless pool');
SELECT is(t.counts('many'), '0: 0 free, 0 held, 0 given, 0 void', 'none is made for a hold');
SELECT matches((SELECT code FROM rewards.capture(t.id('m'))), '^[-0-9A-Z]{12,}, [-0-9A-Z]{12,}$', 'but when it is captured');
SELECT is(t.hold('n', 9, 'many off', 2), 'held, code none', 'once more');
UPDATE rewards.voucher_pool SET enabled = false, supply = 'stock' WHERE name = 'many';
UPDATE rewards.reward SET pool = 'few' WHERE name = 'many off';
SELECT is(sqlstate_of($$SELECT rewards.redeem(9, 'many off')$$), 'LY005', 'then all is otherwise');
SELECT matches((SELECT code FROM rewards.capture(t.id('n'))), '^[-0-9A-Z]{12,}, [-0-9A-Z]{12,}$', 'but a capture in time succeeds');
SELECT is(t.counts('many'), '4: 0 free, 0 held, 4 given, 0 void', 'with codes of the pool that it was set aside with');
UPDATE rewards.voucher_pool SET enabled = true WHERE name = 'many';

-- and one for a code that is voided meanwhile, if the pool is endless by then
\o /dev/null
SELECT rewards.import_codes('few', ARRAY['ODD-1']);
\o
SELECT is(t.hold('o', 9, 'few off'), 'held, code none', 'set aside');
UPDATE rewards.voucher_pool SET supply = 'endless' WHERE name = 'few';
SELECT is((SELECT status FROM rewards.void_code('ODD-1', 'misprint')), 'void', 'voided');
UPDATE rewards.voucher_pool SET supply = 'stock' WHERE name = 'few';
SELECT is((SELECT count(*) FROM rewards.vouchers WHERE state = 'held' AND redemption = t.id('o')), 1::bigint, 'another is made');
SELECT is((SELECT code FROM rewards.vouchers WHERE redemption = t.id('o')), (SELECT code FROM rewards.capture(t.id('o'))), 'and given');
SELECT is_empty('SELECT * FROM rewards.verify()', 'all is sound');

-- and what is not is noticed
\o /dev/null
SELECT rewards.import_codes('few', ARRAY['XTRA-1']);
\o
SELECT is(t.hold('x', 9, 'few off'), 'held, code none', 'one more');
SAVEPOINT broken;
UPDATE rewards.voucher SET held_for = NULL, held_until = NULL WHERE held_for = t.id('x');
SELECT results_eq('SELECT invariant, member_id FROM rewards.verify()', $$VALUES ('codes', 9::bigint)$$, 'a code that is not set aside any more');
ROLLBACK TO broken;
UPDATE rewards.voucher SET held_until = held_until + interval '1 minute' WHERE held_for = t.id('x');
SELECT results_eq('SELECT invariant FROM rewards.verify()', $$VALUES ('codes')$$, 'one that is set aside for too long');
ROLLBACK TO broken;
UPDATE rewards.voucher SET held_for = 0 WHERE held_for = t.id('x');
SELECT results_eq('SELECT invariant FROM rewards.verify()', $$VALUES ('codes'), ('codes')$$, 'or for nobody');
ROLLBACK TO broken;
UPDATE rewards.voucher SET held_for = NULL WHERE held_for = t.id('x');
SELECT isnt_empty('SELECT * FROM rewards.verify()', 'or for nothing');
ROLLBACK TO broken;

\ir include/finish.sql
