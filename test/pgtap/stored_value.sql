-- Stored value: prepaid balances, cashback and gift cards, exact to the
-- currency's decimals.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();
INSERT INTO rewards.member (member_id, joined_at) SELECT i, '2026-01-01' FROM generate_series(1, 5) i;

-- units that are money
SELECT is(sqlstate_of($$INSERT INTO rewards.unit (name, decimals, value) VALUES ('prepaid', 3, 1)$$), '23514', 'money has the currency''s decimals');
SELECT lives_ok($$INSERT INTO rewards.unit (name, decimals, value, expires, rounding) VALUES ('prepaid', 2, 1, '2 years', 'half_up')$$, 'euros have two');
SELECT lives_ok($$INSERT INTO rewards.unit (name, decimals, value) VALUES ('cashback', 2, 1)$$, 'cashback');
SELECT lives_ok($$INSERT INTO rewards.unit (name, decimals, value) VALUES ('miles', 4, 0.005)$$, 'what is not money has what it likes');
SELECT is(sqlstate_of($$UPDATE rewards.unit SET decimals = 4 WHERE name = 'cashback'$$), '23514', 'an update is checked as well');
SELECT is(sqlstate_of($$UPDATE rewards.program SET currency = 'JPY'$$), '23514', 'so is another currency');
SELECT lives_ok($$UPDATE rewards.program SET currency = 'KWD'$$, 'with more decimals it goes on');
SELECT lives_ok($$UPDATE rewards.program SET currency = 'EUR'$$, 'and back');

-- top-up by a purchase, by hand, by a code
INSERT INTO rewards.rule (name, source, unit, earn, condition) VALUES ('top-up', 'orders', 'prepaid', '1 per 1', $$channel = 'top-up'$$);
INSERT INTO rewards.rule (name, source, unit, earn, condition) VALUES ('two percent', 'orders', 'cashback', '2%', $$channel IS NULL$$);
INSERT INTO shop.orders (order_id, customer_id, total, channel) VALUES (1, 1, 49.99, 'top-up'), (2, 1, 0.50, NULL), (3, 1, 12.49, NULL);
SELECT is(state(1, 'prepaid'), '49.99 available', 'a purchase tops up, to the cent');
SELECT is(state(1, 'cashback'), '0.25 available', 'cashback: 0.01 and 0.24');
SELECT is((SELECT trim_scale(available) FROM rewards.adjust(1, 0.01, 'prepaid', reason => 'by hand')), 50::numeric, 'a cent by hand');
SELECT is(sqlstate_of($$SELECT rewards.adjust(1, 0.005, 'prepaid', reason => 'by hand')$$), '22023', 'half a cent is none');
INSERT INTO rewards.voucher_pool (name, gives, value, unit) VALUES ('gift 25', 'points', 25.01, 'prepaid');
SELECT is(sqlstate_of($$INSERT INTO rewards.voucher_pool (name, gives, value, unit) VALUES ('x', 'points', 25.001, 'prepaid')$$), '23514', 'on codes neither');
SELECT lives_ok($$SELECT rewards.import_codes('gift 25', ARRAY['GIFT-1', 'GIFT-2'])$$, 'gift cards that top up');
SELECT results_eq($$SELECT ok, unit, trim_scale(points), trim_scale(balance) FROM rewards.redeem_code('gift 1', 1)$$, $$VALUES (true, 'prepaid', 25.01, 75.01)$$, 'top up');
SELECT is((SELECT ok FROM rewards.redeem_code('gift 1', 2)), false, 'once');
SELECT is((SELECT trim_scale(value) FROM rewards.liability WHERE unit = 'prepaid'), 75.01, 'what is owed, in money');
SELECT is((SELECT trim_scale(available) FROM rewards.adjust(1, -0.01, 'prepaid', reason => 'by hand')), 75::numeric, 'a cent less');
DELETE FROM shop.orders WHERE order_id = 1;
SELECT is(state(1, 'prepaid'), '25.01 available', 'a top-up that is taken back');
SELECT rewards.set_clock('2028-01-10 12:00Z');
SELECT is(state(1, 'prepaid'), '0 available', 'prepaid money expires, if the unit says so');

-- cards of their own, spent in parts by whoever holds them
INSERT INTO rewards.voucher_pool (name, gives, value, expires) VALUES ('card 50', 'balance', 50, '3 years');
INSERT INTO rewards.voucher_pool (name, gives) VALUES ('card', 'balance');
SELECT is(sqlstate_of($$SELECT rewards.generate_codes('card', 1)$$), '22004', 'what is on a card must be said');
SELECT lives_ok($$SELECT rewards.import_codes('card 50', ARRAY['CARD-1', 'CARD-2'])$$, 'cards of the pool''s value');
SELECT lives_ok($$SELECT rewards.import_codes('card', ARRAY['CARD-3'], value => 10.01)$$, 'or of their own');
SELECT is(sqlstate_of($$SELECT rewards.import_codes('card', ARRAY['CARD-4'], value => 10.001)$$), '22023', 'in money');
UPDATE rewards.voucher_pool SET value = 40 WHERE name = 'card 50';
SELECT results_eq($$SELECT ok, balance, discount FROM rewards.check_code('CARD-1')$$, $$VALUES (true, 50::numeric, NULL::numeric)$$, 'a card keeps what it was made with');
SELECT is(sqlstate_of($$SELECT rewards.redeem_code('CARD-1')$$), '22004', 'how much is to be paid must be said');
SELECT results_eq($$SELECT ok, discount, balance FROM rewards.redeem_code('CARD-1', amount => 20.01, reference => 'bill 1')$$, $$VALUES (true, 20.01, 29.99)$$, 'a part is paid');
SELECT results_eq($$SELECT ok, discount, balance FROM rewards.redeem_code('CARD-1', 3, amount => 40, reference => 'bill 2', key => 'k')$$, $$VALUES (true, 29.99, 0::numeric)$$, 'then what is left, not more');
SELECT results_eq($$SELECT ok, discount, balance FROM rewards.redeem_code('CARD-1', 3, amount => 40, reference => 'bill 2', key => 'k')$$, $$VALUES (true, 29.99, 0::numeric)$$, 'the same call again');
SELECT is((SELECT sqlstate FROM rewards.redeem_code('CARD-1', amount => 0.01)), 'LY012', 'then it is used');
SELECT is((SELECT state FROM rewards.vouchers WHERE code = 'CARD-1'), 'used', 'which shows');
SELECT results_eq($$SELECT status, discount, balance FROM rewards.cancel_code((SELECT id FROM rewards.code_uses WHERE reference = 'bill 2'), 10.50, reason => 'sent back')$$,
	$$VALUES ('cancelled', -10.50, 10.50)$$, 'a part is refunded');
SELECT is(sqlstate_of($$SELECT rewards.cancel_code((SELECT id FROM rewards.code_uses WHERE reference = 'bill 2'), 19.50)$$), '22023', 'not more than was paid');
SELECT is(sqlstate_of($$SELECT rewards.cancel_code((SELECT id FROM rewards.code_uses WHERE reference = 'bill 2'), 0)$$), '22023', 'nor nothing');
SELECT results_eq($$SELECT balance FROM rewards.cancel_code((SELECT id FROM rewards.code_uses WHERE reference = 'bill 2'))$$, $$VALUES (29.99)$$, 'then the rest');
SELECT is(sqlstate_of($$SELECT rewards.cancel_code((SELECT id FROM rewards.code_uses WHERE reference = 'bill 2'))$$), '55000', 'then no more');
SELECT results_eq($$SELECT state, balance, uses FROM rewards.vouchers WHERE code = 'CARD-1'$$, $$VALUES ('active', 29.99, 1)$$, 'the card is good again');
SELECT results_eq($$SELECT reference, status, discount, returned FROM rewards.code_uses WHERE code = 'CARD-1' ORDER BY id$$,
	$$VALUES ('bill 1', 'redeemed', 20.01, NULL::numeric), ('bill 2', 'cancelled', 29.99, 29.99)$$, 'every movement is on record');
SELECT is((SELECT status FROM rewards.reserve_code('CARD-1', 4)), 'reserved', 'a card can be reserved');
SELECT is((SELECT sqlstate FROM rewards.redeem_code('CARD-1', 5, amount => 1)), 'LY014', 'all of it');
SELECT is((SELECT discount FROM rewards.redeem_code('CARD-1', 4, amount => 1)), 1::numeric, 'for who pays with it');
SELECT is((SELECT balance FROM rewards.pools WHERE pool = 'card 50'), 78.99, 'what is owed to who holds cards');
SELECT is((SELECT status FROM rewards.void_code('CARD-1', 'stolen')), 'void', 'a stolen card is ended');
SELECT is((SELECT balance FROM rewards.pools WHERE pool = 'card 50'), 50::numeric, 'and nothing is owed any more');

-- yen have no decimals, Kuwaiti dinars three
SELECT loyalty.create_program('jp', member_type => 'bigint', time_zone => 'Asia/Tokyo', currency => 'JPY', test_clock => true);
SELECT loyalty.create_program('kw', member_type => 'bigint', time_zone => 'Asia/Kuwait', currency => 'KWD', test_clock => true);
INSERT INTO jp.member (member_id) VALUES (1);
INSERT INTO kw.member (member_id) VALUES (1);
SELECT is(sqlstate_of($$INSERT INTO jp.unit (name, decimals, value) VALUES ('prepaid', 2, 1)$$), '23514', 'no hundredths of a yen');
SELECT lives_ok($$INSERT INTO jp.unit (name, decimals, value) VALUES ('prepaid', 0, 1)$$, 'whole ones');
SELECT lives_ok($$INSERT INTO kw.unit (name, decimals, value) VALUES ('prepaid', 3, 1)$$, 'thousandths of a dinar');
SELECT is(sqlstate_of($$SELECT jp.adjust(1, 0.5, 'prepaid', reason => 'x')$$), '22023', 'half a yen is none');
SELECT is((SELECT trim_scale(available) FROM kw.adjust(1, 0.001, 'prepaid', reason => 'x')), 0.001, 'a fils is one');
SELECT is(sqlstate_of($$INSERT INTO jp.voucher_pool (name, gives, value) VALUES ('card', 'balance', 1000.5)$$), '23514', 'cards, too');
INSERT INTO jp.voucher_pool (name, gives, value) VALUES ('card', 'balance', 1000), ('off', 'percent', 3);
INSERT INTO kw.voucher_pool (name, gives, value) VALUES ('card', 'balance', 1.001), ('off', 'percent', 3);
SELECT lives_ok($$SELECT jp.import_codes('card', ARRAY['C1']), jp.import_codes('off', ARRAY['D1']), kw.import_codes('card', ARRAY['C1']), kw.import_codes('off', ARRAY['D1'])$$, 'codes of both');
SELECT is((SELECT discount FROM jp.check_code('D1', amount => 550)), 17::numeric, 'percentages are rounded to yen');
SELECT is((SELECT discount FROM kw.check_code('D1', amount => 0.550)), 0.017, 'or to fils');
SELECT is(sqlstate_of($$SELECT jp.redeem_code('C1', amount => 0.5)$$), '22023', 'nothing less is paid');
SELECT is((SELECT balance FROM jp.redeem_code('C1', amount => 1)), 999::numeric, 'a yen');
SELECT is((SELECT balance FROM kw.redeem_code('C1', amount => 0.001)), 1::numeric, 'a fils');
SELECT is_empty('SELECT * FROM jp.verify()', 'all is sound there');
SELECT is_empty('SELECT * FROM kw.verify()', 'and there');

\ir include/finish.sql
