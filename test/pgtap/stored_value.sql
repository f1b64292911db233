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

-- cards that are topped up
CREATE FUNCTION t.card(code text) RETURNS text LANGUAGE sql AS
	$$SELECT format('%s: %s of %s + %s', v.state, v.balance, v.value, v.added) FROM rewards.vouchers v WHERE v.code = $1$$;
INSERT INTO rewards.voucher_pool (name, gives, value, valid) VALUES ('refill', 'balance', 10, '(,2030-01-01)');
INSERT INTO rewards.voucher_pool (name, gives, value) VALUES ('blank', 'balance', 0);
SELECT is(sqlstate_of($$INSERT INTO rewards.voucher_pool (name, gives, value) VALUES ('no', 'amount', 0)$$), '23514', 'only cards can be of nothing');
SELECT lives_ok($$SELECT rewards.import_codes('refill', ARRAY['R1', 'R2', 'R3']), rewards.import_codes('blank', ARRAY['B1']), rewards.import_codes('gift 25', ARRAY['G9'])$$, 'more cards');
SELECT results_eq($$SELECT ok, status, balance FROM rewards.top_up_code('r1', 15.50, reason => 'by hand', key => 'top 1')$$, $$VALUES (true, 'topped up', 25.50)$$, 'by hand');
SELECT results_eq($$SELECT ok, status, balance FROM rewards.top_up_code('r1', 15.50, reason => 'by hand', key => 'top 1')$$, $$VALUES (true, 'topped up', 25.50)$$, 'once with a key');
SELECT is(sqlstate_of($$SELECT rewards.top_up_code('R1', 15.51, reason => 'by hand', key => 'top 1')$$), 'LY009', 'which is for that call');
SELECT is(card('R1'), 'given: 25.5 of 10 + 15.5', 'what is on it');
SELECT is((SELECT balance FROM rewards.pools WHERE pool = 'refill'), 45.50, 'is owed');
INSERT INTO shop.orders (order_id, customer_id, total, channel) VALUES (50, 2, 30, 'card');
SELECT is((SELECT balance FROM rewards.top_up_code('R1', 30, source => 'orders', reference => '50', key => 'order 50')), 55.50, 'by a purchase');
SELECT results_eq($$SELECT discount, balance FROM rewards.redeem_code('R1', amount => 50, reference => 'bill 3')$$, $$VALUES (50::numeric, 5.50)$$, 'it pays with all of that');
SELECT is(card('R1'), 'active: 5.5 of 10 + 45.5', 'and knows what was added');
SELECT is(sqlstate_of($$SELECT rewards.cancel_code((SELECT id FROM rewards.code_uses WHERE reference = '50'))$$), 'LY001', 'a top-up that was spent cannot be taken off');
SELECT results_eq($$SELECT status, discount, balance FROM rewards.cancel_code((SELECT id FROM rewards.code_uses WHERE reference = '50'), 5.50)$$, $$VALUES ('cancelled', NULL::numeric, 0::numeric)$$, 'but what is left of it');
SELECT is(card('R1'), 'used: 0 of 10 + 40', 'then nothing is left');
SELECT is((SELECT sqlstate || ' ' || message FROM rewards.redeem_code('R1', amount => 1)), 'LY012 nothing is left on the card', 'which is told');
SELECT is((SELECT balance FROM rewards.cancel_code((SELECT id FROM rewards.code_uses WHERE reference = 'bill 3'), 40, reason => 'sent back')), 40::numeric, 'a refund goes to the card');
SELECT is(sqlstate_of($$SELECT rewards.cancel_code((SELECT id FROM rewards.code_uses WHERE reference = '50'), 24.51)$$), '22023', 'not more of a top-up than is left of it');
SELECT is((SELECT balance FROM rewards.cancel_code((SELECT id FROM rewards.code_uses WHERE reference = '50'))), 15.50, 'the rest of the top-up');
SELECT is(sqlstate_of($$SELECT rewards.cancel_code((SELECT id FROM rewards.code_uses WHERE reference = '50'))$$), '55000', 'then no more');
SELECT results_eq($$SELECT status, source, reference, amount, discount, returned FROM rewards.code_uses WHERE code = 'R1' ORDER BY id$$,
	$$VALUES ('topped up', NULL, NULL, 15.50, NULL::numeric, NULL::numeric), ('cancelled', 'orders', '50', 30, NULL, 30), ('redeemed', NULL, 'bill 3', 50, 50, 40)$$, 'all of which is on record');
SELECT is(card('B1'), 'free: 0 of 0 + 0', 'a blank card');
SELECT is((SELECT sqlstate FROM rewards.redeem_code('B1', amount => 1)), 'LY012', 'has nothing');
SELECT is((SELECT balance FROM rewards.top_up_code('B1', 25, reference => 'till 1')), 25::numeric, 'until it is sold');
SELECT is(card('B1'), 'given: 25 of 0 + 25', 'for what is put on it');
SELECT is((SELECT sqlstate FROM rewards.top_up_code('XX', 5)), 'LY011', 'there must be such a card');
SELECT is(sqlstate_of($$SELECT rewards.top_up_code('G9', 5)$$), '22023', 'it must be a card');
SELECT is(sqlstate_of($$SELECT rewards.top_up_code('R2', 0)$$), '22023', 'nothing is no top-up');
SELECT is(sqlstate_of($$SELECT rewards.top_up_code('R2', -5)$$), '22023', 'and less is none either');
SELECT is(sqlstate_of($$SELECT rewards.top_up_code('R2', NULL)$$), '22004', 'how much must be said');
SELECT is(sqlstate_of($$SELECT rewards.top_up_code('R2', 0.001)$$), '22023', 'in money');
SELECT is(sqlstate_of($$SELECT rewards.top_up_code('R2', 5, source => 'nowhere')$$), '42704', 'a source must be attached');

-- when they end
SELECT lives_ok($$SELECT rewards.import_codes('blank', ARRAY['E1'], value => 10, valid_until => '2028-02-01')$$, 'a card that ends');
SELECT is((SELECT valid_until FROM rewards.top_up_code('E1', 5)), '2028-02-01'::timestamptz, 'a top-up alone keeps its end');
SELECT is((SELECT valid_until FROM rewards.top_up_code('E1', 5, valid_until => '2027-01-01')), '2028-02-01'::timestamptz, 'and never shortens it');
SELECT is((SELECT valid_until FROM rewards.top_up_code('E1', 5, valid_until => '2029-02-01')), '2029-02-01'::timestamptz, 'but can make it last longer');
SELECT is((SELECT valid_until FROM rewards.top_up_code('R2', 5, valid_until => '2040-01-01')), '2030-01-01'::timestamptz, 'as long as the pool');
INSERT INTO rewards.voucher_pool (name, gives, value, expires) VALUES ('sold', 'balance', 0, '3 years');
SELECT lives_ok($$SELECT rewards.import_codes('sold', ARRAY['S1'])$$, 'a card that is good from its sale on');
SELECT is((SELECT valid_until FROM rewards.top_up_code('S1', 5)), '2031-01-10 12:00'::timestamptz, 'is sold');
SELECT rewards.set_clock('2028-01-11 12:00Z');
SELECT is((SELECT valid_until FROM rewards.top_up_code('S1', 5)), '2031-01-10 12:00'::timestamptz, 'once');
SELECT is((SELECT status FROM rewards.void_code('R3', 'lost')), 'void', 'a void card');
SELECT is((SELECT sqlstate FROM rewards.top_up_code('R3', 5)), 'LY013', 'is not topped up');

-- to a member's balance
SELECT is(sqlstate_of($$SELECT rewards.deposit_code('E1', 4)$$), '42P08', 'of several units of money one must be named');
SELECT is(sqlstate_of($$SELECT rewards.deposit_code('E1', 4, unit => 'miles')$$), 'LY010', 'which is money');
SELECT is(sqlstate_of($$SELECT rewards.deposit_code('G9', 4, unit => 'prepaid')$$), '22023', 'only cards are moved');
SELECT results_eq($$SELECT ok, status, discount, points, unit, balance FROM rewards.deposit_code('E1', 4, 10.50, unit => 'prepaid', key => 'dep')$$, $$VALUES (true, 'redeemed', 10.50, 10.50, 'prepaid', 14.50)$$, 'a part');
SELECT results_eq($$SELECT ok, status, discount, points, balance FROM rewards.deposit_code('E1', 4, 10.50, unit => 'prepaid', key => 'dep')$$, $$VALUES (true, 'redeemed', 10.50, 10.50, 14.50)$$, 'once with a key');
SELECT is(state(4, 'prepaid'), '10.5 available', 'the member has it');
SELECT results_eq($$SELECT ok, sqlstate, refusal ->> 'missing' FROM rewards.deposit_code('E1', 4, 14.51, unit => 'prepaid')$$, $$VALUES (false, 'LY001', '0.01')$$, 'not more than is left');
SELECT is((SELECT balance FROM rewards.deposit_code('E1', 4, unit => 'prepaid')), 0::numeric, 'then all of it');
SELECT is(state(4, 'prepaid'), '25 available', 'is the member''s');
SELECT is((SELECT expires_at FROM rewards.member_lots(4, 'prepaid') LIMIT 1), '2030-01-11 12:00'::timestamptz, 'as long as the unit says');
SELECT is((SELECT sqlstate || ' ' || (attempts_left IS NOT NULL) FROM rewards.deposit_code('E1', 4, unit => 'prepaid')), 'LY012 true', 'an empty card is an attempt');
SELECT is(sqlstate_of($$SELECT rewards.cancel_code((SELECT max(id) FROM rewards.code_uses WHERE code = 'E1'), 1)$$), '22023', 'it is moved back as a whole');
SELECT is((SELECT balance FROM rewards.cancel_code((SELECT max(id) FROM rewards.code_uses WHERE code = 'E1'), reason => 'the wrong account')), 14.50, 'if at all');
SELECT is(state(4, 'prepaid') || '; ' || card('E1'), '10.5 available; active: 14.5 of 10 + 15', 'there and here');
SELECT is(sqlstate_of($$SELECT rewards.reverse((SELECT max(id) FROM rewards.code_uses WHERE status = 'topped up'), 'x')$$), '0A000', 'what cancel_code undoes reverse does not');
SELECT is((SELECT status FROM rewards.deposit_code('E1', 77, 1, unit => 'prepaid')), 'redeemed', 'who was no member is one');
SELECT is(state(77, 'prepaid'), '1 available', 'with that');
INSERT INTO rewards.unit (name, decimals, value) VALUES ('euros', 0, 1);
SELECT is(sqlstate_of($$SELECT rewards.deposit_code('E1', 4, unit => 'euros')$$), '22023', 'whole euros only');
SELECT is((SELECT balance FROM rewards.deposit_code('E1', 4, 13, unit => 'euros')), 0.50, 'are moved');

-- a card that points bought is not cancelled with money on it
INSERT INTO rewards.unit (name) VALUES ('stars');
INSERT INTO rewards.reward (name, kind, pool) VALUES ('card', 'gift_card', 'refill');
INSERT INTO rewards.reward_price (reward, unit, points) VALUES ('card', 'stars', 5);
SELECT run($$SELECT rewards.adjust(5, 10, 'stars', reason => 'x')$$), run($$SELECT rewards.import_codes('refill', ARRAY['R4'])$$), run($$UPDATE rewards.voucher_pool SET enabled = false WHERE name = 'blank'$$);
SELECT run($$SELECT rewards.redeem(5, 'card')$$);
SELECT is((SELECT balance FROM rewards.top_up_code((SELECT code FROM rewards.vouchers WHERE redemption IS NOT NULL), 5, key => 't')), 15::numeric, 'a card that points bought is topped up');
SELECT is(sqlstate_of($$SELECT rewards.cancel((SELECT id FROM rewards.redemptions WHERE reward = 'card'))$$), 'LY012', 'then points do not come back for it');
SELECT run($$SELECT rewards.cancel_code((SELECT operation_no FROM rewards.operation WHERE key = 't'))$$);
SELECT is((SELECT status FROM rewards.cancel((SELECT id FROM rewards.redemptions WHERE reward = 'card'))), 'cancelled', 'before that is taken off');

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
