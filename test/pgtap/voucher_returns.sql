-- Redemptions of several pieces with codes, cancelled piece by piece: which codes
-- are taken back, and when there are too few.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();
INSERT INTO rewards.member (member_id, joined_at) SELECT i, '2026-01-01' FROM generate_series(1, 9) i;
\o /dev/null
SELECT rewards.adjust(i, 1000, reason => 'to begin with') FROM generate_series(1, 9) i;
\o
INSERT INTO rewards.voucher_pool (name, gives, value, personal, uses) VALUES ('few', 'amount', 10, false, 2);
INSERT INTO rewards.voucher_pool (name, gives, value, supply) VALUES ('card', 'balance', 20, 'endless');
INSERT INTO rewards.reward (name, kind, pool, stock, max_per_member, cap_period) VALUES ('few off', 'voucher', 'few', 10, 4, 'month'), ('card', 'gift_card', 'card', NULL, NULL, NULL),
	('gift', 'voucher', 'few', NULL, NULL, NULL);
INSERT INTO rewards.reward_price (reward, points) VALUES ('few off', 100), ('card', 100), ('gift', 0);
CREATE TABLE t.made (name text, id bigint, codes text[]);
CREATE FUNCTION t.redeem(name text, member_id bigint, reward text, quantity integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result record;
BEGIN
	SELECT * INTO result FROM rewards.redeem(member_id, reward, quantity);
	INSERT INTO t.made VALUES (name, result.id, string_to_array(result.code, ', '));
	RETURN result.code;
END
$$;
CREATE FUNCTION t.id(name text) RETURNS bigint LANGUAGE sql AS 'SELECT id FROM t.made WHERE name = $1';
CREATE FUNCTION t.code(name text, n integer) RETURNS text LANGUAGE sql AS 'SELECT codes[n] FROM t.made WHERE name = $1';
-- "done 100 A1, A2": what a cancel returns; or the refusal
CREATE FUNCTION t.cancel(name text, quantity integer DEFAULT NULL, points numeric DEFAULT NULL, key text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result record;
	detail text;
BEGIN
	SELECT * INTO result FROM rewards.cancel(t.id(cancel.name), points => cancel.points, quantity => cancel.quantity, key => cancel.key);
	RETURN format('%s %s %s', result.status, trim_scale(result.points), coalesce(result.code, 'no code'));
EXCEPTION
	WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
		RETURN format('%s %s %s', SQLSTATE, replace(SQLERRM, t.id(cancel.name)::text, 'N'), detail);
END
$$;
CREATE FUNCTION t.states(name text) RETURNS text LANGUAGE sql AS
	$$SELECT string_agg(v.code || ' ' || v.state, ', ' ORDER BY array_position(m.codes, v.code)) FROM t.made m JOIN rewards.vouchers v ON v.redemption = m.id WHERE m.name = $1$$;
\o /dev/null
SELECT rewards.import_codes('few', ARRAY['F-6', 'F-5', 'F-4', 'F-3', 'F-2', 'F-1']);
SELECT rewards.import_codes('few', ARRAY['G-6', 'G-5', 'G-4', 'G-3', 'G-2', 'G-1']);
\o

-- piece by piece, the last drawn first
SELECT is(cardinality(string_to_array(t.redeem('a', 1, 'few off', 4), ', ')), 4, 'four codes');
SELECT is(t.cancel('a', 1), 'partly cancelled 100 ' || t.code('a', 4), 'the last drawn is taken back');
SELECT is(t.states('a'), format('%s given, %s given, %s given, %s void', t.code('a', 1), t.code('a', 2), t.code('a', 3), t.code('a', 4)), 'and void, the others are good');
SELECT is(t.state(1), '700 available', 'and its price is back');
SELECT is((SELECT stock_left FROM rewards.catalogue WHERE reward = 'few off'), 7::bigint, 'it is in stock again');
SELECT is((SELECT sqlstate FROM rewards.check_code(t.code('a', 4), 1, 50)), 'LY013', 'the code works no more');
SELECT is(sqlstate_of($$SELECT rewards.redeem(1, 'few off', 2)$$), 'LY006', 'the limit counts what is left');
SELECT is(t.cancel('a', points => 200), 'partly cancelled 200 ' || t.code('a', 2) || ', ' || t.code('a', 3), 'two by their points, in the order of drawing');
SELECT is(t.cancel('a', points => 50), '22023 50 points are no whole pieces of redemption N One piece is 100.', 'half a piece');
SELECT is(t.cancel('a', 2), '55000 redemption N has 1 pieces left to cancel, not 2 ', 'more than there are');
SELECT is((SELECT code FROM rewards.vouchers v JOIN rewards.operation o ON o.operation_no = (SELECT voided_by FROM rewards.voucher x WHERE x.code = loyalty.code_normal(v.code)) WHERE o.kind = 'cancel' AND o.points::numeric = 100), t.code('a', 4), 'the call that voided a code is known');
SELECT is(t.cancel('a'), 'cancelled 100 ' || t.code('a', 1), 'the rest');
SELECT is(t.cancel('a', 1), '55000 redemption N has been cancelled already ', 'is all');
SELECT is(t.state(1), '1000 available', 'everything is back');
SELECT is((SELECT status FROM rewards.redemptions WHERE id = t.id('a')), 'cancelled', 'and it says so');
SELECT is_empty('SELECT * FROM rewards.verify()', 'all is sound');

-- once for a key
SELECT is(cardinality(string_to_array(t.redeem('k', 2, 'few off', 3), ', ')), 3, 'three codes');
SELECT is(t.cancel('k', 1, key => 'k1'), 'partly cancelled 100 ' || t.code('k', 3), 'with a key');
SELECT is(t.cancel('k', 1, key => 'k1'), 'partly cancelled 100 ' || t.code('k', 3), 'repeated: the same, and nothing happens');
SELECT is(t.cancel('k', 2, key => 'k1'), 'LY009 key "k1" was used for another call ', 'another call with it');
SELECT is(t.cancel('k', 2, key => 'k2'), 'cancelled 200 ' || t.code('k', 1) || ', ' || t.code('k', 2), 'another key');
SELECT is(t.cancel('k', 1, key => 'k1'), 'cancelled 100 ' || t.code('k', 3), 'repeated: what it did, and what has become of it');

-- only what is unused
\o /dev/null
SELECT rewards.import_codes('few', ARRAY['H-6', 'H-5', 'H-4', 'H-3', 'H-2', 'H-1']);
\o
SELECT is(cardinality(string_to_array(t.redeem('u', 3, 'few off', 4), ', ')), 4, 'four codes');
SELECT is((SELECT status FROM rewards.redeem_code(t.code('u', 4), 3, 50, key => 'use')), 'redeemed', 'the last is used once of twice');
SELECT is((SELECT status FROM rewards.reserve_code(t.code('u', 3), 4, key => 'reservation')), 'reserved', 'the one before is reserved');
SELECT is(t.cancel('u', 4), 'LY012 redemption N has 2 unused codes to take back, not 4 Of 4 codes 1 have been used, 0 topped up, 1 are reserved.', 'not four');
SELECT is(t.cancel('u'), 'LY012 redemption N has 2 unused codes to take back, not 4 Of 4 codes 1 have been used, 0 topped up, 1 are reserved.', 'which all are');
SELECT is(t.cancel('u', 3), 'LY014 redemption N has 2 unused codes to take back, not 3 Of 4 codes 1 are reserved until 2026-01-10 12:15:00+00.', 'three could be, but for the reservation');
SELECT is(t.state(3), '600 available', 'nothing has come back');
SELECT is(t.cancel('u', 1), 'partly cancelled 100 ' || t.code('u', 2), 'one is, of those that are unused the last');
SELECT is(t.states('u'), format('%s given, %s void, %s given, %s active', t.code('u', 1), t.code('u', 2), t.code('u', 3), t.code('u', 4)), 'what is in use stays');
SELECT is((SELECT status FROM rewards.release_code((SELECT operation_no FROM rewards.operation WHERE key = 'reservation'))), 'released', 'the reservation is given up');
SELECT is(t.cancel('u', 2), 'partly cancelled 200 ' || t.code('u', 1) || ', ' || t.code('u', 3), 'the others');
SELECT is(t.cancel('u', 1), 'LY012 redemption N has 0 unused codes to take back, not 1 Of 1 codes 1 have been used, 0 topped up, 0 are reserved.', 'not the used one');
SELECT is((SELECT ok FROM rewards.redeem_code(t.code('u', 4), 3, 50)), true, 'which still works');
SELECT is_empty('SELECT * FROM rewards.verify()', 'all is sound');

-- a code that was voided by hand is the first to be given back
SELECT is(cardinality(string_to_array(t.redeem('v', 4, 'few off', 3), ', ')), 3, 'three codes');
\o /dev/null
SELECT rewards.void_code(t.code('v', 1), 'printed wrongly');
\o
SELECT is(t.cancel('v', 1), 'partly cancelled 100 no code', 'no other code is taken for one that is void');
SELECT is(t.cancel('v', 1), 'partly cancelled 100 ' || t.code('v', 3), 'but for the next');
SELECT is(t.cancel('v'), 'cancelled 100 ' || t.code('v', 2), 'and the last');
SELECT is(cardinality(string_to_array(t.redeem('w', 4, 'few off', 2), ', ')), 2, 'two codes');
\o /dev/null
SELECT rewards.redeem_code(t.code('w', 1), 4, 50);
SELECT rewards.void_code(t.code('w', 1), 'stolen');
\o
SELECT is(t.cancel('w', 2), 'LY012 redemption N has 1 unused codes to take back, not 2 Of 2 codes 1 have been used, 0 topped up, 0 are reserved.', 'one that was used and voided was used');
SELECT is(t.cancel('w', 1), 'partly cancelled 100 ' || t.code('w', 2), 'the other is taken back');
SELECT is_empty('SELECT * FROM rewards.verify()', 'all is sound');

-- cards
SELECT is(cardinality(string_to_array(t.redeem('c', 5, 'card', 3), ', ')), 3, 'three cards');
\o /dev/null
SELECT rewards.top_up_code(t.code('c', 3), 5);
SELECT rewards.redeem_code(t.code('c', 2), 5, 5, key => 'card use');
\o
SELECT is(t.cancel('c', 3), 'LY012 redemption N has 1 unused codes to take back, not 3 Of 3 codes 1 have been used, 1 topped up, 0 are reserved.', 'neither used nor topped up');
SELECT is(t.cancel('c', 1), 'partly cancelled 100 ' || t.code('c', 1), 'the first, the others being in use');
SELECT is((SELECT status FROM rewards.cancel_code((SELECT operation_no FROM rewards.operation WHERE key = 'card use'))), 'cancelled', 'a use that is undone');
SELECT is(t.cancel('c', 1), 'partly cancelled 100 ' || t.code('c', 2), 'leaves the card unused');
SELECT is(t.cancel('c'), 'LY012 redemption N has 0 unused codes to take back, not 1 Of 1 codes 0 have been used, 1 topped up, 0 are reserved.', 'one that was topped up is not');

-- what was captured in part
CREATE FUNCTION t.hold(name text, member_id bigint, reward text, quantity integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result record;
BEGIN
	SELECT * INTO result FROM rewards.hold_reward(member_id, reward, quantity);
	INSERT INTO t.made VALUES (name, result.id, NULL);
	RETURN result.status;
END
$$;
\o /dev/null
SELECT rewards.import_codes('few', ARRAY['J-6', 'J-5', 'J-4', 'J-3', 'J-2', 'J-1']);
\o
SELECT is(t.hold('h', 6, 'few off', 4), 'held', 'four on hold');
UPDATE t.made SET codes = string_to_array((SELECT code FROM rewards.capture(t.id('h'), 300, key => 'capture')), ', ') WHERE name = 'h';
SELECT is((SELECT cardinality(codes) FROM t.made WHERE name = 'h'), 3, 'three are captured');
SELECT is((SELECT code FROM rewards.capture(t.id('h'), 300, key => 'capture')), (SELECT array_to_string(codes, ', ') FROM t.made WHERE name = 'h'), 'the same call again shows the same codes');
SELECT is(t.cancel('h', 2), 'partly cancelled 200 ' || t.code('h', 2) || ', ' || t.code('h', 3), 'two of them are cancelled');
SELECT is(t.cancel('h'), 'cancelled 100 ' || t.code('h', 1), 'and the third');
SELECT is(t.state(6), '1000 available', 'everything is back');
SELECT is((SELECT stock_left FROM rewards.catalogue WHERE reward = 'few off'), 8::bigint, 'but for one that was used twice, and one that was voided after its use');

-- what costs nothing
SELECT is(cardinality(string_to_array(t.redeem('g', 7, 'gift', 2), ', ')), 2, 'two for nothing');
SELECT is(t.cancel('g', 1, key => 'g1'), 'partly cancelled 0 ' || t.code('g', 2), 'one is cancelled');
SELECT is(t.cancel('g', 1, key => 'g1'), 'partly cancelled 0 ' || t.code('g', 2), 'once');
SELECT is(t.cancel('g', points => 100), '22023 100 points are no whole pieces of redemption N One piece is 0.', 'not by points');
SELECT results_eq($$SELECT status, code FROM rewards.reverse(t.id('g'), 'a mistake')$$, $$SELECT 'done', t.code('g', 1)$$, 'reverse() takes back the rest');
SELECT is_empty('SELECT * FROM rewards.verify()', 'all is sound');

-- and what is not is noticed
SELECT is(cardinality(string_to_array(t.redeem('x', 8, 'few off', 2), ', ')), 2, 'two more');
\o /dev/null
SELECT rewards.cancel(t.id('x'), quantity => 1);
\o
SAVEPOINT broken;
UPDATE rewards.voucher SET voided_at = NULL, voided_by = NULL WHERE code = loyalty.code_normal(t.code('x', 2));
SELECT results_eq('SELECT invariant, member_id FROM rewards.verify()', $$VALUES ('codes', 8::bigint)$$, 'a code that was taken back and is good again');
ROLLBACK TO broken;
UPDATE rewards.voucher SET redemption_no = NULL WHERE redemption_no = t.id('x');
SELECT results_eq('SELECT invariant, member_id FROM rewards.verify()', $$VALUES ('codes', 8::bigint)$$, 'codes that are gone');
ROLLBACK TO broken;
UPDATE rewards.voucher SET voided_by = NULL WHERE code = loyalty.code_normal(t.code('x', 2));
SELECT results_eq('SELECT invariant, member_id FROM rewards.verify()', $$VALUES ('codes', 8::bigint)$$, 'one that nobody voided');
ROLLBACK TO broken;

\ir include/finish.sql
