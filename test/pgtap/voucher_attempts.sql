-- Guessing codes: failed attempts are counted, and refused beyond a limit.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();
INSERT INTO rewards.member (member_id, joined_at) SELECT i, '2026-01-01' FROM generate_series(1, 5) i;
INSERT INTO rewards.voucher_pool (name, gives, value) VALUES ('five off', 'amount', 5);
INSERT INTO rewards.voucher_pool (name, gives, value, uses_per_member, uses) VALUES ('once each', 'amount', 5, 1, NULL);
SELECT lives_ok($$SELECT rewards.import_codes('five off', ARRAY['A1', 'A2', 'A3', 'A4'])$$, 'some codes');
SELECT lives_ok($$SELECT rewards.import_codes('once each', ARRAY['ALL'])$$, 'and one for everybody');
UPDATE rewards.program SET code_attempts = 3, code_window = '30 minutes';

CREATE FUNCTION t.tried(code text, member bigint) RETURNS text LANGUAGE sql AS
	$$SELECT concat_ws(' ', coalesce(c.sqlstate, c.status), c.attempts_left) FROM rewards.redeem_code(code, member, 10) c$$;
CREATE FUNCTION t.checked(code text, member bigint) RETURNS text LANGUAGE sql AS
	$$SELECT concat_ws(' ', coalesce(c.sqlstate, c.status), c.attempts_left) FROM rewards.check_code(code, member, 10) c$$;

SELECT is(tried('A1', 1), 'redeemed 3', 'a right code does not count');
SELECT is(tried('A1', 2), 'LY012 2', 'a used one does');
SELECT is(checked('B1', 2), 'LY011 1', 'so does a wrong one, only checked');
SELECT is((SELECT concat_ws(' ', sqlstate, attempts_left) FROM rewards.reserve_code('B2', 2)), 'LY011 0', 'or reserved');
SELECT is(tried('B3', 2), 'LY015 0', 'then nothing is told any more');
SELECT is(tried('A2', 2), 'LY015 0', 'not even of a right one');
SELECT is(checked('A2', 2), 'LY015 0', 'by no function');
SELECT matches((SELECT message FROM rewards.check_code('A2', 2)), 'try again after .*2026-01-10 12:30', 'the message says until when');
SELECT ok((SELECT gives IS NULL AND value IS NULL AND pool IS NULL FROM rewards.check_code('A2', 2)), 'and nothing else');
SELECT is(tried('A2', 3), 'redeemed 3', 'others go on');
SELECT is((SELECT state FROM rewards.vouchers WHERE code = 'A2'), 'used', 'with that code, too');
SELECT results_eq('SELECT member_id, failures, total, last_sqlstate FROM rewards.voucher_attempt', $$VALUES (2::bigint, 3, 3::bigint, 'LY011')$$, 'it is on record');
SELECT rewards.set_clock('2026-01-10 12:29:59Z');
SELECT is(tried('A3', 2), 'LY015 0', 'as long as the window');
SELECT rewards.set_clock('2026-01-10 12:30Z');
SELECT is(tried('A3', 2), 'redeemed 3', 'then it begins anew');
SELECT is(tried('B1', 2), 'LY011 2', 'with all attempts');
SELECT results_eq('SELECT failures, total FROM rewards.voucher_attempt', $$VALUES (1, 4::bigint)$$, 'the total goes on');
SELECT is(tried('ALL', 4) || ' ' || tried('ALL', 4), 'redeemed 3 LY006 3', 'a limit reached is no guess');
SELECT is((SELECT count(*) FROM (SELECT tried('B1', NULL) FROM generate_series(1, 20)) x), 20::bigint, 'without a member nothing is counted');
SELECT is(tried('B1', NULL), 'LY011', 'nor refused');
SELECT is((SELECT count(*) FROM rewards.voucher_attempt), 1::bigint, 'or written');
SELECT is(tried('B1', 999), 'LY011 2', 'who is no member is counted as well');
SELECT ok(NOT EXISTS (SELECT FROM rewards.member WHERE member_id = 999), 'and does not become one');
UPDATE rewards.program SET code_attempts = NULL;
SELECT is(tried('B1', 2) || tried('B1', 2) || tried('B1', 2) || tried('B1', 2), 'LY011LY011LY011LY011', 'no limit');
SELECT is(sqlstate_of('UPDATE rewards.program SET code_attempts = 0'), '23514', 'a limit is positive');
SELECT is(sqlstate_of($$UPDATE rewards.program SET code_window = '0'$$), '23514', 'and a window lasts for some time');

-- a code that belongs to somebody is not there for others, who are counted
UPDATE rewards.program SET code_attempts = 3;
SELECT lives_ok($$SELECT rewards.give_code(1, code => 'A4')$$, 'a code is given to a member');
SELECT is(tried('A4', 5), 'LY011 2', 'somebody else guesses it');
SELECT is(tried('A4', 1), 'redeemed 3', 'whose it is uses it');

-- what is rolled back is not counted
SAVEPOINT s;
SELECT is(tried('B1', 5), 'LY011 1', 'an attempt');
ROLLBACK TO s;
SELECT is(tried('B1', 5), 'LY011 1', 'undone with the caller''s transaction is none');

\ir include/finish.sql
