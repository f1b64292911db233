-- Codes: pools, generating, importing, what they give, and why they do not.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();
INSERT INTO rewards.member (member_id, joined_at) SELECT i, '2026-01-01' FROM generate_series(1, 20) i;

-- what an answer says, in one line
CREATE FUNCTION t.said(ok boolean, sqlstate text, status text, discount numeric DEFAULT NULL) RETURNS text IMMUTABLE LANGUAGE sql AS
	$$SELECT CASE WHEN ok THEN status || coalesce(' ' || trim_scale(discount), '') ELSE sqlstate END$$;
CREATE FUNCTION t.checked(code text, member bigint DEFAULT NULL, amount numeric DEFAULT NULL) RETURNS text LANGUAGE sql AS
	$$SELECT said(c.ok, c.sqlstate, c.status, c.discount) FROM rewards.check_code(code, member, amount) c$$;
CREATE FUNCTION t.redeemed(code text, member bigint DEFAULT NULL, amount numeric DEFAULT NULL, reservation bigint DEFAULT NULL) RETURNS text LANGUAGE sql AS
	$$SELECT said(c.ok, c.sqlstate, c.status, c.discount) FROM rewards.redeem_code(code, member, amount, reservation => reservation) c$$;
CREATE FUNCTION t.reserved(code text, member bigint DEFAULT NULL, for_ interval DEFAULT NULL) RETURNS text LANGUAGE sql AS
	$$SELECT said(c.ok, c.sqlstate, c.status) FROM rewards.reserve_code(code, member, for_) c$$;
CREATE FUNCTION t.state_of(code text) RETURNS text STABLE LANGUAGE sql AS
	$$SELECT state FROM rewards.vouchers v WHERE loyalty.code_normal(v.code) = loyalty.code_normal($1)$$;
-- the n-th code of a pool
CREATE FUNCTION t.code(pool text, n int DEFAULT 1) RETURNS text STABLE LANGUAGE sql AS
	$$SELECT code FROM rewards.vouchers v WHERE v.pool = $1 ORDER BY loyalty.code_normal(code) COLLATE "C" OFFSET n - 1 LIMIT 1$$;
-- the last use of a code
CREATE FUNCTION t.use() RETURNS bigint STABLE LANGUAGE sql AS 'SELECT max(id) FROM rewards.code_uses';

-- pools: what makes no sense is refused
SELECT is(sqlstate_of($$INSERT INTO rewards.voucher_pool (name, gives) VALUES ('x', 'amount')$$), '23514', 'an amount must say how much');
SELECT is(sqlstate_of($$INSERT INTO rewards.voucher_pool (name, gives, value) VALUES ('x', 'percent', 101)$$), '23514', 'no more than 100 percent');
SELECT is(sqlstate_of($$INSERT INTO rewards.voucher_pool (name, gives, value) VALUES ('x', 'points', 10)$$), '23514', 'points of which unit?');
SELECT is(sqlstate_of($$INSERT INTO rewards.voucher_pool (name, gives, value, unit) VALUES ('x', 'points', 10, 'nonsense')$$), '23503', 'a unit that exists');
SELECT is(sqlstate_of($$INSERT INTO rewards.voucher_pool (name, gives, value, unit) VALUES ('x', 'points', 1.5, 'points')$$), '23514', 'points that the unit can express');
SELECT is(sqlstate_of($$INSERT INTO rewards.voucher_pool (name, gives, value) VALUES ('x', 'amount', 1.005)$$), '23514', 'money that the currency can express');
SELECT is(sqlstate_of($$INSERT INTO rewards.voucher_pool (name, gives, value) VALUES ('x', 'balance', 1.005)$$), '23514', 'on cards, too');
SELECT is(sqlstate_of($$INSERT INTO rewards.voucher_pool (name, gives, value, ceiling) VALUES ('x', 'amount', 5, 3)$$), '23514', 'a ceiling is for percentages');
SELECT is(sqlstate_of($$INSERT INTO rewards.voucher_pool (name, gives) VALUES ('x', 'product')$$), '23514', 'a product must be named');
SELECT is(sqlstate_of($$INSERT INTO rewards.voucher_pool (name, gives) VALUES ('x', 'wishes')$$), '23514', 'kinds are known');
SELECT is(sqlstate_of($$INSERT INTO rewards.voucher_pool (name, gives, prefix) VALUES ('x', 'shipping', 'a_b')$$), '23514', 'a prefix is of letters and digits');
SELECT is(sqlstate_of($$INSERT INTO rewards.voucher_pool (name, gives, expires) VALUES ('x', 'shipping', '6 months since last activity')$$), '23514', 'codes have no activity');
SELECT is(sqlstate_of($$INSERT INTO rewards.voucher_pool (name, gives, length) VALUES ('x', 'shipping', 5)$$), '23514', 'codes are not too short');

INSERT INTO rewards.voucher_pool (name, gives, value) VALUES ('five off', 'amount', 5);
INSERT INTO rewards.voucher_pool (name, gives, value, ceiling, uses, uses_per_member, min_amount) VALUES ('summer', 'percent', 12.5, 20, NULL, 1, 30);
INSERT INTO rewards.voucher_pool (name, gives, value, unit) VALUES ('gift', 'points', 100, 'points');
INSERT INTO rewards.voucher_pool (name, gives, product) VALUES ('mug', 'product', 'mug-1');
INSERT INTO rewards.voucher_pool (name, gives, uses) VALUES ('thrice', 'shipping', 3);
INSERT INTO rewards.voucher_pool (name, gives, supply, expires, prefix) VALUES ('birthday', 'shipping', 'endless', '30 days', 'BDAY');

-- generating
SELECT results_eq($$SELECT status, pool, codes FROM rewards.generate_codes('five off', 1000, key => 'g1')$$, $$VALUES ('done', 'five off', 1000::bigint)$$, 'generate_codes()');
SELECT is((SELECT count(*) FROM rewards.vouchers WHERE pool = 'five off' AND state = 'free'), 1000::bigint, 'so many codes there are');
SELECT is((SELECT count(*) FROM rewards.vouchers WHERE pool = 'five off' AND loyalty.code_valid(code) AND code ~ '^[0-9AC-HJKMNP-RTV-Y]{4}-[0-9AC-HJKMNP-RTV-Y]{4}-[0-9AC-HJKMNP-RTV-Y]{4}$'), 1000::bigint,
	'each of twelve characters without look-alikes, in groups, that ends with its check character');
SELECT results_eq($$SELECT id FROM rewards.generate_codes('five off', 1000, key => 'g1')$$, $$SELECT operation_no FROM rewards.operation WHERE key = 'g1'$$, 'the same call again returns the same');
SELECT is((SELECT count(*) FROM rewards.vouchers WHERE pool = 'five off'), 1000::bigint, 'and makes none');
SELECT is(sqlstate_of($$SELECT rewards.generate_codes('five off', 1001, key => 'g1')$$), 'LY009', 'another call with that key is refused');
SELECT is(sqlstate_of($$SELECT rewards.generate_codes('nothing', 1)$$), '42704', 'no such pool');
SELECT is(sqlstate_of($$SELECT rewards.generate_codes('five off', 0)$$), '22023', 'none is no number');
UPDATE rewards.voucher_pool SET length = 6 WHERE name = 'mug';
SELECT is(sqlstate_of($$SELECT rewards.generate_codes('mug', 1000)$$), '22023', 'so many short codes would be guessed');
SELECT lives_ok($$SELECT rewards.generate_codes('mug', 10)$$, 'few would not');
SELECT lives_ok($$SELECT rewards.generate_codes('gift', 10)$$, 'codes for points');
UPDATE rewards.voucher_pool SET prefix = 'SPRING' WHERE name = 'thrice';
SELECT lives_ok($$SELECT rewards.generate_codes('thrice', 2, valid_from => '2026-01-05', valid_until => '2026-02-01')$$, 'codes with a prefix, and a time');
SELECT is((SELECT count(*) FROM rewards.vouchers WHERE pool = 'thrice' AND code LIKE 'SPRING-____-____-____' AND loyalty.code_valid(code)), 2::bigint, 'which people see as it is, and the check character covers');

-- forms
SELECT is(loyalty.code_normal(' summer – 2o26 '), '5VMMER2026', 'codes are compared without case, spaces, dashes and look-alikes');
SELECT is(loyalty.code_normal('OIlZSBU'), '011258V', 'which are these');
SELECT is(loyalty.code_normal(' - '), NULL, 'nothing is no code');
SELECT is(loyalty.code_valid(code('five off')), true, 'a generated code fits');
SELECT is(loyalty.code_valid(overlay(code('five off') PLACING CASE WHEN code('five off') LIKE 'X%' THEN 'Y' ELSE 'X' END FROM 1 FOR 1)), false, 'mistyped it does not');

-- importing
SELECT results_eq($$SELECT status, codes FROM rewards.import_codes('summer', ARRAY['Summer-26', 'ÄPFEL!'], key => 'i1')$$, $$VALUES ('done', 2::bigint)$$, 'import_codes()');
SELECT results_eq($$SELECT code FROM rewards.vouchers WHERE pool = 'summer' ORDER BY code COLLATE "C"$$, $$VALUES ('Summer-26'), ('ÄPFEL!')$$, 'they are shown as they were written');
SELECT is((SELECT codes FROM rewards.import_codes('summer', ARRAY['Summer-26', 'ÄPFEL!'], key => 'i1')), 2::bigint, 'the same call again does nothing');
SELECT is(sqlstate_of($$SELECT rewards.import_codes('summer', ARRAY['Summer-26', 'ÄPFEL'], key => 'i1')$$), 'LY009', 'another with that key is refused');
SELECT is(sqlstate_of($$SELECT rewards.import_codes('five off', ARRAY['new', 'SUMMER 26'])$$), '23505', 'one that is there already is refused');
SELECT is(sqlstate_of($$SELECT rewards.import_codes('five off', ARRAY['B-1', '8I'])$$), '23505', 'so are two that are the same');
SELECT is(sqlstate_of($$SELECT rewards.import_codes('five off', ARRAY['new', '--'])$$), '22023', 'and what is no code');
SELECT is(sqlstate_of($$SELECT rewards.import_codes('five off', ARRAY['new', NULL])$$), '22023', 'or NULL');
SELECT is(state_of('new'), NULL, 'all of them, or none');
SELECT is(sqlstate_of($$SELECT rewards.import_codes('summer', ARRAY['z'], value => 7)$$), '22023', 'a percentage is the pool''s');
SELECT lives_ok($$SELECT rewards.import_codes('five off', ARRAY['seven', 'eight'], value => 7)$$, 'an amount can be the code''s own');

-- what they give
SELECT is(checked(code('five off'), 1, 100), 'valid 5', 'an amount off');
SELECT is(checked(lower(replace(code('five off'), '-', ' ')), 1, 3.5), 'valid 3.5', 'never more than the purchase, however it is typed');
SELECT is(checked('SEVEN', 1, 100), 'valid 7', 'an amount of its own');
SELECT is(checked('SUMMER26', 1, 99.99), 'valid 12.5', 'a percentage, rounded to cents');
SELECT is(checked('SUMMER26', 1, 33.33), 'valid 4.17', 'half away from zero');
SELECT is(checked('SUMMER26', 1, 1000), 'valid 20', 'with a ceiling');
SELECT is(checked('SUMMER26', 1, 29.99), 'LY007', 'from a minimum on');
SELECT is(checked('SUMMER26', 1), 'LY007', 'which must be known');
SELECT is(checked('SUMMER26', NULL, 99), 'LY007', 'as must the member, where members are limited');
SELECT is(checked(code('gift')), 'LY007', 'or get points');
SELECT results_eq($$SELECT ok, gives, product, uses_left FROM rewards.check_code(code('mug'))$$, $$VALUES (true, 'product', 'mug-1', 1)$$, 'a product');
SELECT results_eq($$SELECT gives, value, unit FROM rewards.check_code(code('gift'), 1)$$, $$VALUES ('points', 100::numeric, 'points')$$, 'points');
SELECT is(sqlstate_of($$SELECT rewards.check_code(code('mug'), 1, 1.001)$$), '22023', 'amounts are money');
SELECT is(sqlstate_of($$SELECT rewards.check_code(code('mug'), 1, -1)$$), '22023', 'not less than nothing');
SELECT is(sqlstate_of($$SELECT rewards.check_code(code('mug'), 1, 'NaN')$$), '22023', 'and numbers');
SELECT is(sqlstate_of($$SELECT rewards.check_code(NULL)$$), '22004', 'a code must be given');

-- redeeming
SELECT results_eq($$SELECT ok, status, trim_scale(discount), uses_left FROM rewards.redeem_code(code('five off'), 1, 100, 'orders', '17', key => 'r1')$$,
	$$VALUES (true, 'redeemed', 5::numeric, 0)$$, 'redeem_code()');
SELECT results_eq($$SELECT pool, status, member_id, source, reference, trim_scale(amount), trim_scale(discount) FROM rewards.code_uses WHERE id = use()$$,
	$$VALUES ('five off', 'redeemed', 1::bigint, 'orders', '17', 100::numeric, 5::numeric)$$, 'it is on record with the purchase');
SELECT is(state_of(code('five off')), 'used', 'the code is used');
SELECT is(redeemed(code('five off'), 2, 100), 'LY012', 'once');
SELECT is(checked(code('five off'), 2, 100), 'LY012', 'check_code() says so too');
SELECT results_eq($$SELECT id, ok, status, trim_scale(discount) FROM rewards.redeem_code(code('five off'), 1, 100, 'orders', '17', key => 'r1')$$,
	$$VALUES (use(), true, 'redeemed', 5::numeric)$$, 'the same call again returns the same');
SELECT is(sqlstate_of($$SELECT rewards.redeem_code(code('five off'), 1, 101, 'orders', '17', key => 'r1')$$), 'LY009', 'another with that key is refused');
SELECT is(sqlstate_of($$SELECT rewards.redeem_code(code('five off', 2), 1, 100, 'nothing', '17')$$), '42704', 'a source that does not exist');
SELECT is(redeemed('nonsense', 3), 'LY011', 'a code that does not exist');
SELECT is(redeemed('', 3), 'LY011', 'nor does this');
SELECT is(redeemed(repeat('x', 200), 3), 'LY011', 'or this');
SELECT is(redeemed('SUMMER26', 1, 100), 'redeemed 12.5', 'a code for everybody');
SELECT is(redeemed('SUMMER26', 1, 100), 'LY006', 'once each');
SELECT is(redeemed('äpfel!', 1, 100), 'LY011', 'other letters than ASCII are themselves');
SELECT is(redeemed('ÄPFEL!', 1, 100), 'LY006', 'with all codes of the pool');
SELECT is(redeemed('ÄPFEL!', 2, 100), 'redeemed 12.5', 'another member');
SELECT is(redeemed(code('thrice')), 'redeemed', 'a code with three uses');
SELECT is(redeemed(code('thrice')), 'redeemed', 'has a second');
SELECT is(state_of(code('thrice')), 'active', 'it is active');
SELECT is(redeemed(code('thrice')), 'redeemed', 'and a third');
SELECT is(redeemed(code('thrice')), 'LY012', 'no fourth');

-- points
SELECT results_eq($$SELECT ok, trim_scale(points), unit, trim_scale(balance) FROM rewards.redeem_code(code('gift'), 5, key => 'p1')$$, $$VALUES (true, 100::numeric, 'points', 100::numeric)$$, 'points are granted');
SELECT is(state(5), '100 available', 'and there');
SELECT results_eq($$SELECT kind, trim_scale(points), reason FROM rewards.statement(5)$$, $$VALUES ('adjust', 100::numeric, 'code of pool "gift"')$$, 'the statement says where from');
SELECT results_eq($$SELECT id, ok, trim_scale(points), trim_scale(balance) FROM rewards.redeem_code(code('gift'), 5, key => 'p1')$$, $$VALUES (use(), true, 100::numeric, 100::numeric)$$, 'the same call again');
SELECT is(state(5), '100 available', 'grants nothing');
SELECT is(redeemed(code('gift'), 5), 'LY012', 'the code is used');
SELECT is(redeemed(code('gift'), 77), 'LY012', 'nor is it good for somebody who is no member yet');
SELECT is_empty('SELECT * FROM rewards.member WHERE member_id = 77', 'who does not become one by it');
SELECT is(redeemed(code('gift', 2), 77), 'redeemed', 'with one that is good');
SELECT is(state(77), '100 available', 'that happens');
UPDATE rewards.program SET enrolment = 'ignore';
SELECT is(redeemed(code('gift', 3), 78), 'LY002', 'unless members are not enrolled by themselves');
UPDATE rewards.member SET status = 'closed' WHERE member_id = 20;
SELECT is(redeemed(code('gift', 3), 20), 'LY003', 'and whoever has left gets none');
SELECT is(state_of(code('gift', 3)), 'free', 'the code is as it was');
UPDATE rewards.unit SET expires = '3 months' WHERE name = 'points';
SELECT is(redeemed(code('gift', 3), 6), 'redeemed', 'points of a code');
SELECT is((SELECT expires_at FROM rewards.member_lots(6)), '2026-04-10 12:00Z', 'end as the unit says');

-- undoing
SELECT results_eq($$SELECT ok, status FROM rewards.cancel_code(use(), reason => 'sent back', key => 'c1')$$, $$VALUES (true, 'cancelled')$$, 'cancel_code()');
SELECT is(state(6), '0 available', 'takes the points back');
SELECT is(checked(code('gift', 3), 6), 'valid', 'the code can be used again');
SELECT results_eq($$SELECT ok, status FROM rewards.cancel_code(use(), reason => 'sent back', key => 'c1')$$, $$VALUES (true, 'cancelled')$$, 'the same call again');
SELECT is(sqlstate_of($$SELECT rewards.cancel_code(use())$$), '55000', 'it is undone once');
SELECT is(redeemed(code('gift', 3), 7), 'redeemed', 'by somebody else, too');
SELECT is((SELECT status FROM rewards.cancel_code((SELECT id FROM rewards.code_uses WHERE pool = 'summer' AND member_id = 1))), 'cancelled', 'a use without points');
SELECT is(checked('summer26', 1, 100), 'valid 12.5', 'is free again for the member');
SELECT is(sqlstate_of('SELECT rewards.cancel_code(999999)'), '42704', 'no such use');
SELECT is(sqlstate_of($$SELECT rewards.cancel_code((SELECT id FROM rewards.code_uses WHERE pool = 'thrice' LIMIT 1), 1)$$), '22023', 'no part of what is whole');

SELECT is(sqlstate_of($$SELECT rewards.reverse((SELECT max(id) FROM rewards.code_uses WHERE status = 'redeemed'), 'x')$$), '0A000', 'reverse() leaves that to cancel_code()');

-- reserving
SELECT results_eq($$SELECT ok, status, reserved_until FROM rewards.reserve_code(code('five off', 2), 1, '10 minutes', key => 'h1')$$,
	$$VALUES (true, 'reserved', '2026-01-10 12:10Z'::timestamptz)$$, 'reserve_code()');
SELECT is(state_of(code('five off', 2)), 'reserved', 'the code is reserved');
SELECT is(redeemed(code('five off', 2), 2), 'LY014', 'nobody else can use it');
SELECT is(reserved(code('five off', 2), 2), 'LY014', 'or reserve it');
SELECT is(redeemed(code('five off', 2)), 'LY014', 'nor can who does not say who he is');
SELECT results_eq($$SELECT ok, status, reserved_until FROM rewards.reserve_code(code('five off', 2), 1, '10 minutes', key => 'h1')$$,
	$$VALUES (true, 'reserved', '2026-01-10 12:10Z'::timestamptz)$$, 'the same call again');
SELECT is(redeemed(code('five off', 2), 2, 50, use()), 'LY014', 'whatever reservation he names');
SELECT is(redeemed(code('five off', 2), NULL, 50, use()), 'LY014', 'or who does not');
SELECT is(checked(code('five off', 2), 1, 50), 'valid 5', 'for who has reserved it, it is valid');
SELECT is((SELECT concat(sqlstate, attempts_left) FROM rewards.reserve_code(code('five off', 2), 1)), 'LY0149', 'but reserved once, which is no guess');
SELECT is(redeemed(code('five off', 2), 1, 50), 'redeemed 5', 'he can use it');
SELECT results_eq($$SELECT status FROM rewards.code_uses WHERE pool = 'five off' AND reserved_until IS NOT NULL$$, $$VALUES ('used')$$, 'the reservation is used');
SELECT isnt((SELECT reservation FROM rewards.code_uses WHERE id = use()), NULL, 'by the use that names it');
SELECT is(reserved(code('five off', 3)), 'reserved', 'without a member');
SELECT is((SELECT reserved_until FROM rewards.code_uses WHERE id = use()), '2026-01-10 12:15Z', 'as long as the pool says');
SELECT is(redeemed(code('five off', 3), 1), 'LY014', 'who has the number');
SELECT is(redeemed(code('five off', 3), 1, NULL, use()), 'redeemed 5', 'uses it');
SELECT is(reserved(code('five off', 4), 1), 'reserved', 'a reservation');
SELECT is((SELECT status FROM rewards.release_code(use(), key => 'rel')), 'released', 'can be released');
SELECT is((SELECT status FROM rewards.release_code(use(), key => 'rel')), 'released', 'once, however often that is said');
SELECT is(sqlstate_of('SELECT rewards.release_code(use())'), 'LY008', 'but not twice');
SELECT is(reserved(code('five off', 4), 2), 'reserved', 'then it is free again');
SELECT rewards.set_clock('2026-01-10 12:14:59Z');
SELECT is(checked(code('five off', 4), 3), 'LY014', 'until the deadline it is reserved');
SELECT rewards.set_clock('2026-01-10 12:15Z');
SELECT is(checked(code('five off', 4), 3, 5), 'valid 5', 'then it is not');
SELECT is(sqlstate_of('SELECT rewards.release_code(use())'), 'LY008', 'and cannot be released any more');
SELECT is((SELECT status FROM rewards.code_uses WHERE id = use()), 'lapsed', 'it has lapsed');
SELECT is(redeemed(code('five off', 4), 2, NULL, use()), 'redeemed 5', 'its number does no harm if the code is free');
SELECT is(sqlstate_of($$SELECT rewards.reserve_code(code('five off', 5), 1, '-1 minute')$$), '22023', 'a reservation lasts for some time');
SELECT is(reserved(code('thrice', 2)) || ' ' || reserved(code('thrice', 2)) || ' ' || reserved(code('thrice', 2)) || ' ' || reserved(code('thrice', 2)),
	'reserved reserved reserved LY014', 'as often as it can be used, it can be reserved');

-- validity
SELECT is(redeemed(code('thrice', 2), 1, NULL, (SELECT min(id) FROM rewards.code_uses WHERE pool = 'thrice' AND status = 'reserved')), 'redeemed', 'reserved in time, used in time');
SELECT rewards.set_clock('2026-02-01 00:00Z');
SELECT is(checked(code('thrice', 2)), 'LY013', 'a code expires');
SELECT is(state_of(code('thrice', 2)), 'expired', 'which shows');
UPDATE rewards.voucher_pool SET valid = '[2026-02-02, 2026-02-03)' WHERE name = 'five off';
SELECT is(checked(code('five off', 6), 8), 'LY013', 'not yet valid');
SELECT rewards.set_clock('2026-02-02 00:00Z');
SELECT is(checked(code('five off', 6), 8), 'valid 5', 'valid now');
UPDATE rewards.voucher_pool SET enabled = false WHERE name = 'five off';
SELECT is(checked(code('five off', 6), 8), 'LY013', 'a pool that is disabled');
UPDATE rewards.voucher_pool SET enabled = true, valid = '(,)' WHERE name = 'five off';

-- voiding
SELECT is((SELECT status FROM rewards.void_code(code('five off', 6), 'printed twice', key => 'v1')), 'void', 'void_code()');
SELECT is((SELECT status FROM rewards.void_code(code('five off', 6), 'printed twice', key => 'v1')), 'void', 'the same call again');
SELECT is(sqlstate_of($$SELECT rewards.void_code('nonsense', 'printed twice', key => 'v1')$$), 'LY009', 'another call with that key is refused, whatever it is about');
SELECT is(redeemed(code('five off', 6), 8), 'LY013', 'it is good for nothing');
SELECT is(state_of(code('five off', 6)), 'void', 'which shows');
SELECT is(sqlstate_of($$SELECT rewards.void_code(code('five off', 6), 'again')$$), 'LY013', 'once');
SELECT is(sqlstate_of($$SELECT rewards.void_code('nonsense', 'x')$$), 'LY011', 'what is not there is not voided');
SELECT is(sqlstate_of($$SELECT rewards.void_code(code('five off', 7), NULL)$$), '22004', 'a reason is needed');
SELECT is(reserved(code('five off', 7), 9), 'reserved', 'a reservation');
SELECT is((SELECT status FROM rewards.void_code(code('five off', 7), 'stolen')), 'void', 'does not prevent it');
SELECT is((SELECT status FROM rewards.code_uses WHERE id = use()), 'released', 'but ends');
SELECT is(redeemed(code('five off', 7), 9, NULL, use()), 'LY013', 'with the code');

-- giving
SELECT results_eq($$SELECT ok, status, pool, valid_until, code LIKE 'BDAY-____-____-____' FROM rewards.give_code(9, 'birthday', key => 'b1')$$,
	$$VALUES (true, 'given', 'birthday', '2026-03-04 00:00Z'::timestamptz, true)$$, 'give_code() makes a code of an endless pool');
SELECT results_eq($$SELECT code, status FROM rewards.give_code(9, 'birthday', key => 'b1')$$, $$VALUES (code('birthday'), 'given')$$, 'the same call again');
SELECT is((SELECT count(*) FROM rewards.vouchers WHERE pool = 'birthday' AND member_id = 9), 1::bigint, 'there is one');
SELECT is(redeemed(code('birthday'), 10), 'LY011', 'for others it is not there');
SELECT is(redeemed(code('birthday')), 'LY007', 'who uses it must be said');
SELECT is(redeemed(code('birthday'), 9), 'redeemed', 'it is that member''s');
SELECT is((SELECT status FROM rewards.give_code(9, 'five off')), 'given', 'a code of a stock');
SELECT is((SELECT count(*) FROM rewards.vouchers WHERE pool = 'five off' AND member_id = 9 AND state = 'given'), 1::bigint, 'that nobody had');
SELECT is((SELECT status FROM rewards.give_code(9, code => 'eight', valid_until => '2026-02-03', key => 'b2')), 'given', 'a certain code');
SELECT is((SELECT status FROM rewards.give_code(9, code => 'E-I-G-H-T', valid_until => '2026-02-03', key => 'b2')), 'given', 'the same call again, however the code is typed');
SELECT rewards.set_clock('2026-02-03 00:00Z');
SELECT is(redeemed('eight', 9), 'LY013', 'with an end');
SELECT is(sqlstate_of($$SELECT rewards.give_code(9, code => 'seven', valid_until => '2026-02-03')$$), '22023', 'that is to come');
SELECT is(sqlstate_of($$SELECT rewards.give_code(10, code => code('birthday'))$$), 'LY012', 'not a used one');
SELECT is(sqlstate_of($$SELECT rewards.give_code(10, code => 'seven', pool => 'five off')$$), '22023', 'a code or a pool, not both');
SELECT is(sqlstate_of($$SELECT rewards.give_code(12345, 'five off')$$), 'LY002', 'to a member');
UPDATE rewards.voucher_pool SET personal = false WHERE name = 'five off';
SELECT is(redeemed((SELECT v.code FROM rewards.vouchers v WHERE pool = 'five off' AND member_id = 9 AND state = 'given'), 10), 'redeemed 5', 'where codes are not personal, anybody can use it');
SELECT lives_ok($$SELECT rewards.give_code(i, 'mug') FROM generate_series(1, 10) i$$, 'all codes of a stock');
SELECT is(sqlstate_of($$SELECT rewards.give_code(11, 'mug')$$), 'LY005', 'then there is none left');
UPDATE rewards.voucher_pool SET enabled = false WHERE name = 'mug';
SELECT is(sqlstate_of($$SELECT rewards.give_code(11, 'mug')$$), 'LY004', 'a pool that is disabled gives none');

-- pools in numbers, and their changes
SELECT results_eq($$SELECT codes, free, given, used, uses FROM rewards.pools WHERE pool = 'mug'$$, $$VALUES (10::bigint, 0::bigint, 10::bigint, 0::bigint, 0::bigint)$$, 'the view pools counts');
SELECT is((SELECT codes = free + given + active + reserved + used + expired + void FROM rewards.pools WHERE pool = 'five off'), true, 'every code is in one state');
SELECT is(sqlstate_of($$UPDATE rewards.voucher_pool SET gives = 'percent' WHERE name = 'five off'$$), '23514', 'what a pool gives stays, once it has codes');
SELECT is(sqlstate_of($$UPDATE rewards.voucher_pool SET uses = 2 WHERE name = 'thrice'$$), '23514', 'codes cannot have been used too often');
SELECT is(sqlstate_of($$DELETE FROM rewards.voucher_pool WHERE name = 'mug'$$), '23503', 'a pool with codes cannot be deleted');
SELECT is(sqlstate_of($$TRUNCATE rewards.voucher$$), '0A000', 'nor codes truncated');
SELECT lives_ok($$UPDATE rewards.voucher_pool SET name = 'cup' WHERE name = 'mug'$$, 'it can get another name');

-- what was due is booked, once, by a call that is refused
INSERT INTO rewards.member (member_id) VALUES (80);
SELECT lives_ok($$SELECT rewards.adjust(80, 5, reason => 'a gift', unit => 'points', expires_at => (SELECT clock + interval '1 day' FROM rewards.program))$$, 'points that end');
UPDATE rewards.member SET status = 'blocked' WHERE member_id = 80;
SELECT rewards.set_clock((SELECT clock + interval '2 days' FROM rewards.program));
SELECT is(redeemed(code('five off'), 80) || ' ' || redeemed(code('gift', 4), 80), 'LY003 LY003', 'who is blocked uses no code');
SELECT is((SELECT trim_scale(expired) FROM rewards.balances WHERE member_id = 80), 5::numeric, 'points lapsed once');

\ir include/finish.sql
