-- Refusals as programs read them: every SQLSTATE of the class LY has a word, the
-- program, the table and column that say why, and names and figures as JSON.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();
INSERT INTO rewards.rule (name, source, earn) VALUES ('base', 'orders', '1 per 1');
INSERT INTO rewards.unit (name, spendable) VALUES ('status', false);
INSERT INTO rewards.tier_group (name, unit, keep) VALUES ('club', 'status', '12 months');
INSERT INTO rewards.tier (name, tier_group, rank, threshold) VALUES ('silver', 'club', 1, 100);
INSERT INTO rewards.member (member_id, joined_at) SELECT i, '2026-01-01' FROM generate_series(1, 9) i;
\o /dev/null
SELECT rewards.adjust(i, 100, unit => 'points', reason => 'to begin with', expires_at => '2027-01-01') FROM generate_series(1, 8) i;
\o
UPDATE rewards.member SET status = 'blocked' WHERE member_id = 8;
UPDATE rewards.member SET status = 'closed' WHERE member_id = 7;

-- "LY001 insufficient_points rewards.balances.available {...}": what programs read of the
-- error a statement ends with
CREATE FUNCTION t.fields_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	word text;
	program text;
	relation text;
	column_ text;
	facts text;
BEGIN
	EXECUTE statement;
	RETURN 'no error';
EXCEPTION
	WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS word = CONSTRAINT_NAME, program = SCHEMA_NAME, relation = TABLE_NAME,
			column_ = COLUMN_NAME, facts = PG_DATATYPE_NAME;
		RETURN format('%s %s %s.%s.%s %s', SQLSTATE, word, program, relation, column_, nullif(facts, '')::json);
END
$$;
-- the same of a refusal that is told in a row
CREATE FUNCTION t.told(refusal jsonb) RETURNS text LANGUAGE sql AS
	$$SELECT format('%s rewards.%s.%s %s', refusal ->> 'word', refusal ->> 'table', refusal ->> 'column',
		nullif(refusal - '{word,table,column}'::text[], '{}'))$$;

-- LY001
SELECT is(fields_of($$SELECT rewards.spend(1, 130, 'points')$$),
	'LY001 insufficient_points rewards.balances.available {"member": "1", "unit": "points", "available": 100, "needed": 130, "missing": 30, "pending": 0, "held": 0, "owed": 0}', 'points are missing');
SELECT run($$SELECT rewards.hold(1, 60, 'points', for_ => '15 minutes')$$);
SELECT is(fields_of($$SELECT rewards.spend(1, 60, 'points')$$),
	'LY001 insufficient_points rewards.balances.available {"member": "1", "unit": "points", "available": 40, "needed": 60, "missing": 20, "pending": 0, "held": 60, "held_until": "2026-01-10T12:15:00+00:00", "owed": 0}', 'they are held, until when');
SELECT is(fields_of($$SELECT loyalty.spend('{1:250@[2026-01-15,2027-02-01)}', 1, 300, '2026-06-01')$$),
	'LY001 insufficient_points .. {"needed": 300, "missing": 50}', 'lots alone know of no program');

-- LY002
SELECT is(fields_of($$SELECT rewards.spend(99, 1, 'points')$$), 'LY002 unknown_member rewards.member.member_id {"member": "99"}', 'a stranger spends');
UPDATE rewards.program SET enrolment = 'error';
SELECT is(fields_of($$INSERT INTO shop.orders (order_id, customer_id, total) VALUES (1, 99, 10)$$),
	'LY002 unknown_member rewards.member.member_id {"member": "99", "source": "orders", "event": "1"}', 'a stranger buys');
UPDATE rewards.program SET enrolment = 'auto';

-- LY003
SELECT is(fields_of($$SELECT rewards.spend(8, 1, 'points')$$), 'LY003 member_not_active rewards.member.status {"member": "8", "status": "blocked"}', 'a member is blocked');
SELECT is(fields_of($$SELECT rewards.spend(7, 1, 'points')$$), 'LY003 member_not_active rewards.member.status {"member": "7", "status": "closed"}', 'a member has left');

-- LY004
INSERT INTO rewards.reward (name, valid) VALUES ('mug', DEFAULT), ('pen', '[2026-02-01,)'), ('hat', '(,2026-01-01)'), ('bag', DEFAULT), ('none', DEFAULT);
INSERT INTO rewards.reward_price (reward, points) VALUES ('mug', 10), ('pen', 10), ('hat', 10), ('bag', 10);
UPDATE rewards.reward SET enabled = false WHERE name = 'bag';
SELECT is(fields_of($$SELECT rewards.redeem(2, 'cup')$$), 'LY004 reward_not_available rewards.reward.name {"reward": "cup"}', 'no such reward');
SELECT is(fields_of($$SELECT rewards.redeem(2, 'bag')$$), 'LY004 reward_not_available rewards.reward.enabled {"reward": "bag"}', 'one that is disabled');
SELECT is(fields_of($$SELECT rewards.redeem(2, 'pen')$$), 'LY004 reward_not_available rewards.reward.valid {"reward": "pen", "from": "2026-02-01T00:00:00+00:00"}', 'too early');
SELECT is(fields_of($$SELECT rewards.redeem(2, 'hat')$$), 'LY004 reward_not_available rewards.reward.valid {"reward": "hat", "until": "2026-01-01T00:00:00+00:00"}', 'too late');
SELECT is(fields_of($$SELECT rewards.redeem(2, 'none')$$), 'LY004 reward_not_available rewards.reward_price.reward {"reward": "none"}', 'it has no price');
SELECT is(fields_of($$SELECT rewards.claim(77)$$), 'LY004 reward_not_available rewards.bonus.bonus_no {"bonus": 77}', 'no such bonus');
INSERT INTO rewards.bonus (member_id, principal, offered_at, ends_at, reason) VALUES (2, 10, '2026-03-01', '2026-04-01', 'test'), (2, 10, '2026-01-01', '2026-01-02', 'test');
SELECT is(fields_of($$SELECT rewards.claim(1)$$), 'LY004 reward_not_available rewards.bonus.offered_at {"bonus": 1, "from": "2026-03-01T00:00:00+00:00"}', 'a bonus to come');
SELECT is(fields_of($$SELECT rewards.claim(2)$$), 'LY004 reward_not_available rewards.bonus.ends_at {"bonus": 2, "until": "2026-01-02T00:00:00+00:00"}', 'a bonus that has ended');
SELECT is((SELECT told(refusal) FROM rewards.quote(2, 'pen')), 'reward_not_available rewards.reward.valid {"from": "2026-02-01T00:00:00+00:00", "reward": "pen"}', 'quote() tells the same');
SELECT is((SELECT refusal FROM rewards.quote(2, 'mug')), NULL, 'or nothing');
SELECT is((SELECT told(refusal) FROM rewards.quote(2, 'mug', 11)),
	'insufficient_points rewards.balances.available {"held": 0, "owed": 0, "unit": "points", "member": "2", "needed": 110, "missing": 10, "pending": 0, "available": 100}', 'of points as well');
SELECT is((SELECT told(refusal) FROM rewards.quote(8, 'mug')), 'member_not_active rewards.member.status {"member": "8", "status": "blocked"}', 'and of members');
SELECT is(fields_of($$SELECT * FROM rewards.quote(99, 'mug')$$), 'LY002 unknown_member rewards.member.member_id {"member": "99"}', 'who is no member is told no price');

-- LY005
UPDATE rewards.reward SET stock = 1 WHERE name = 'mug';
SELECT is(fields_of($$SELECT rewards.redeem(2, 'mug', 2)$$), 'LY005 out_of_stock rewards.reward.stock {"reward": "mug", "left": 1, "needed": 2}', 'not so many are left');
SELECT is((SELECT told(refusal) FROM rewards.quote(2, 'mug', 2)), 'out_of_stock rewards.reward.stock {"left": 1, "needed": 2, "reward": "mug"}', 'quote() knows');
INSERT INTO rewards.voucher_pool (name, gives, value) VALUES ('five', 'amount', 5);
INSERT INTO rewards.reward (name, pool) VALUES ('coupon', 'five');
INSERT INTO rewards.reward_price (reward, points) VALUES ('coupon', 10);
SELECT is(fields_of($$SELECT rewards.redeem(2, 'coupon')$$), 'LY005 out_of_stock rewards.voucher_pool.supply {"pool": "five", "left": 0}', 'no codes are left');
UPDATE rewards.voucher_pool SET enabled = false;
SELECT is(fields_of($$SELECT rewards.redeem(2, 'coupon')$$), 'LY004 reward_not_available rewards.voucher_pool.enabled {"pool": "five"}', 'or given');
UPDATE rewards.voucher_pool SET enabled = true;

-- LY006
INSERT INTO rewards.choice_set (name, choose) VALUES ('welcome', 1);
INSERT INTO rewards.reward (name, max_per_member, cap_period, choice_set) VALUES ('tea', 2, 'month', NULL), ('red', NULL, NULL, 'welcome'), ('blue', NULL, NULL, 'welcome');
INSERT INTO rewards.reward_price (reward, points) VALUES ('tea', 1), ('red', 1), ('blue', 1);
SELECT run($$SELECT rewards.redeem(3, 'tea')$$), run($$SELECT rewards.redeem(3, 'red')$$);
SELECT is(fields_of($$SELECT rewards.redeem(3, 'tea', 2)$$), 'LY006 limit_reached rewards.reward.max_per_member {"reward": "tea", "limit": 2, "taken": 1, "needed": 2, "period": "month"}', 'more than one member may have');
SELECT is(fields_of($$SELECT rewards.redeem(3, 'tea', 3)$$), 'LY006 limit_reached rewards.reward.max_per_member {"reward": "tea", "limit": 2, "needed": 3, "period": "month"}', 'of whom nobody may have so many');
SELECT is(fields_of($$SELECT rewards.redeem(3, 'blue')$$), 'LY006 limit_reached rewards.choice_set.choose {"choice_set": "welcome", "limit": 1, "taken": 1, "needed": 1, "period": "ever"}', 'a choice is made');
CREATE TABLE shop.paid (id int PRIMARY KEY, customer bigint, total numeric, used numeric, at timestamptz DEFAULT '2026-01-10 12:00Z');
SELECT run($$SELECT rewards.attach('shop.paid', name => 'paid', member => 'customer', amount => 'total', occurred_at => 'at', spend => 'used')$$);
UPDATE rewards.unit SET value = 0.01 WHERE name = 'points';
UPDATE rewards.source SET spend_min = 5, spend_max = 50, spend_max_share = 0.5 WHERE name = 'paid';
SELECT is(fields_of($$INSERT INTO shop.paid VALUES (1, 3, 10, 4)$$), 'LY006 limit_reached rewards.source.spend_min {"source": "paid", "event": "1", "unit": "points", "limit": 5, "needed": 4}', 'a purchase is paid with too little');
SELECT is(fields_of($$INSERT INTO shop.paid VALUES (1, 3, 10, 51)$$), 'LY006 limit_reached rewards.source.spend_max {"source": "paid", "event": "1", "unit": "points", "limit": 50, "needed": 51}', 'or too much');
SELECT is(fields_of($$INSERT INTO shop.paid VALUES (1, 3, 0.1, 40)$$), 'LY006 limit_reached rewards.source.spend_max_share {"source": "paid", "event": "1", "unit": "points", "limit": 10, "needed": 40}', 'or too great a share');
UPDATE rewards.source SET spend_step = 5 WHERE name = 'paid';
SELECT is(fields_of($$INSERT INTO shop.paid VALUES (1, 3, 10, 8)$$), 'LY006 limit_reached rewards.source.spend_step {"source": "paid", "event": "1", "unit": "points", "limit": 5, "needed": 8}', 'or with no multiple of the step');
UPDATE rewards.program SET enrolment = 'ignore';
SELECT is(fields_of($$INSERT INTO shop.paid VALUES (1, 99, 10, 10)$$), 'LY002 unknown_member rewards.member.member_id {"member": "99", "source": "paid", "event": "1"}', 'by a stranger');
UPDATE rewards.program SET enrolment = 'auto';
SELECT is(fields_of($$INSERT INTO shop.paid VALUES (1, 8, 10, 10)$$), 'LY003 member_not_active rewards.member.status {"member": "8", "status": "blocked", "source": "paid", "event": "1"}', 'by who is blocked');
SELECT is(fields_of($$INSERT INTO shop.paid VALUES (1, 9, 10, 10)$$),
	'LY001 insufficient_points rewards.balances.available {"member": "9", "unit": "points", "available": 0, "needed": 10, "missing": 10, "pending": 0, "held": 0, "owed": 0}', 'who has nothing');

-- LY007
INSERT INTO rewards.reward (name, tiers, condition) VALUES ('gold mug', '{silver}', NULL), ('old mug', NULL, 'member.spend > 1000'), ('lounge', NULL, NULL);
INSERT INTO rewards.reward_price (reward, name, points, tiers) VALUES ('gold mug', 'p', 1, NULL), ('old mug', 'p', 1, NULL), ('lounge', 'p', 1, '{silver}');
SELECT is(fields_of($$SELECT rewards.redeem(3, 'gold mug')$$), 'LY007 not_eligible rewards.reward.tiers {"reward": "gold mug"}', 'of another tier');
SELECT is(fields_of($$SELECT rewards.redeem(3, 'old mug')$$), 'LY007 not_eligible rewards.reward.condition {"reward": "old mug"}', 'the condition does not hold');
SELECT is(fields_of($$SELECT rewards.redeem(3, 'lounge')$$), 'LY007 not_eligible rewards.reward_price.tiers {"reward": "lounge"}', 'no price is for this member');
SELECT is(fields_of($$SELECT rewards.redeem(3, 'lounge', price => 'p')$$), 'LY007 not_eligible rewards.reward_price.tiers {"reward": "lounge", "price": "p"}', 'this price is not');

-- LY008
SELECT is(fields_of($$SELECT rewards.cancel((SELECT hold_no FROM rewards.hold WHERE member_id = 1))$$),
	(SELECT format('LY008 hold_closed rewards.hold.status {"hold": %s, "status": "held", "deadline": "2026-01-10T12:15:00+00:00"}', hold_no) FROM rewards.hold WHERE member_id = 1), 'an open hold has spent nothing');
SELECT run($$SELECT rewards.release((SELECT hold_no FROM rewards.hold WHERE member_id = 1))$$);
SELECT is(fields_of($$SELECT rewards.capture((SELECT hold_no FROM rewards.hold WHERE member_id = 1))$$),
	(SELECT format('LY008 hold_closed rewards.hold.status {"hold": %s, "status": "released", "deadline": "2026-01-10T12:15:00+00:00"}', hold_no) FROM rewards.hold WHERE member_id = 1), 'a hold is released');

-- LY009
SELECT run($$SELECT rewards.spend(4, 1, 'points', key => 'k')$$);
SELECT is(fields_of($$SELECT rewards.spend(4, 2, 'points', key => 'k')$$), 'LY009 key_reused rewards.operation.key {"key": "k"}', 'a key is used for another call');
SELECT is(fields_of($$SELECT rewards.check_code('x'), rewards.reserve_code('x', 4, key => 'k')$$), 'LY009 key_reused rewards.operation.key {"key": "k"}', 'of any function');

-- LY010
SELECT is(fields_of($$SELECT rewards.spend(4, 1, 'status')$$), 'LY010 unit_not_usable rewards.unit.spendable {"unit": "status"}', 'a unit cannot be spent');
SELECT is(fields_of($$SELECT rewards.transfer(4, 5, 1, 'points')$$), 'LY010 unit_not_usable rewards.unit.transferable {"unit": "points"}', 'or sent');
CREATE TABLE shop.other (id int PRIMARY KEY, customer bigint, used numeric);
SELECT is(fields_of($$SELECT rewards.attach('shop.other', name => 'other', member => 'customer', occurred_at => 'now()', spend => 'used', spend_unit => 'status')$$),
	'LY010 unit_not_usable rewards.unit.spendable {"unit": "status"}', 'a purchase cannot be paid with it');

-- codes are answered
INSERT INTO rewards.voucher_pool (name, gives, value, uses_per_member, uses, min_amount) VALUES ('each', 'amount', 5, 1, NULL, 20);
INSERT INTO rewards.voucher_pool (name, gives, value, valid, enabled) VALUES ('later', 'amount', 5, '[2026-02-01,2026-03-01)', true), ('past', 'amount', 5, '(,2026-01-01)', true), ('off', 'amount', 5, DEFAULT, false);
INSERT INTO rewards.voucher_pool (name, gives, value, unit) VALUES ('grant', 'points', 5, 'points');
\o /dev/null
SELECT rewards.import_codes('five', ARRAY['A1', 'A2', 'A3', 'A4', 'A6']), rewards.import_codes('each', ARRAY['ALL']), rewards.import_codes('grant', ARRAY['G1']),
	rewards.import_codes('later', ARRAY['L1']), rewards.import_codes('past', ARRAY['P1']), rewards.import_codes('off', ARRAY['F1']);
SELECT rewards.redeem_code('A1', 4, 10), rewards.reserve_code('A2', 4), rewards.void_code('A3', 'lost'), rewards.give_code(4, code => 'A4'), rewards.redeem_code('ALL', 4, 30);
\o
CREATE FUNCTION t.answer(code text, member bigint DEFAULT 5, amount numeric DEFAULT NULL) RETURNS text LANGUAGE sql AS
	$$SELECT a.sqlstate || ' ' || told(a.refusal) FROM rewards.redeem_code(code, member, amount) AS a$$;
SELECT is(answer('NO'), 'LY011 code_unknown rewards.vouchers.code ', 'no such code');
SELECT is(answer('A4'), 'LY011 code_unknown rewards.vouchers.code ', 'nor for others');
SELECT is(answer('A1'), 'LY012 code_used rewards.vouchers.uses_left {"code": "A1", "pool": "five"}', 'a code that is used');
SELECT is(answer('A3'), 'LY013 code_expired rewards.vouchers.voided_at {"code": "A3", "pool": "five"}', 'a void one');
SELECT is(answer('P1'), 'LY013 code_expired rewards.vouchers.valid_until {"code": "P1", "pool": "past", "until": "2026-01-01T00:00:00+00:00"}', 'one that has expired');
SELECT is(answer('L1'), 'LY013 code_expired rewards.vouchers.valid_from {"code": "L1", "from": "2026-02-01T00:00:00+00:00", "pool": "later"}', 'one to come');
SELECT is(answer('F1'), 'LY013 code_expired rewards.voucher_pool.enabled {"code": "F1", "pool": "off"}', 'one whose pool is disabled');
SELECT is(answer('A2'), 'LY014 code_reserved rewards.vouchers.reserved_until {"code": "A2", "pool": "five", "until": "2026-01-10T12:15:00+00:00"}', 'one that somebody has reserved');
SELECT is(answer('A4', NULL), 'LY007 not_eligible rewards.voucher_pool.personal {"code": "A4", "pool": "five"}', 'one of a member');
SELECT is(answer('G1', NULL), 'LY007 not_eligible rewards.voucher_pool.gives {"code": "G1", "pool": "grant"}', 'points are for members');
SELECT is(answer('ALL', NULL), 'LY007 not_eligible rewards.voucher_pool.uses_per_member {"code": "ALL", "pool": "each"}', 'and so are limits');
SELECT is(answer('ALL'), 'LY007 not_eligible rewards.voucher_pool.min_amount {"code": "ALL", "pool": "each", "limit": 20}', 'without an amount');
SELECT is(answer('ALL', 5, 19.90), 'LY007 not_eligible rewards.voucher_pool.min_amount {"code": "ALL", "pool": "each", "limit": 20, "amount": 19.90}', 'with too little');
SELECT is(answer('ALL', 4, 30), 'LY006 limit_reached rewards.voucher_pool.uses_per_member {"code": "ALL", "pool": "each", "limit": 1}', 'one too many');
UPDATE rewards.program SET code_attempts = 1;
SELECT is(answer('NO', 6), 'LY011 code_unknown rewards.vouchers.code ', 'one attempt');
SELECT is(answer('NO', 6), 'LY015 too_many_attempts rewards.program.code_attempts {"until": "2026-01-10T13:00:00+00:00"}', 'and no more');
SELECT is((SELECT refusal FROM rewards.check_code('A6')), NULL, 'a good code is not refused');

-- codes by hand are errors
SELECT is(fields_of($$SELECT rewards.give_code(5, code => 'NO')$$), 'LY011 code_unknown rewards.vouchers.code ', 'there is none to give');
SELECT is(fields_of($$SELECT rewards.give_code(5, code => 'A1')$$), 'LY012 code_used rewards.vouchers.uses_left {"code": "A1", "pool": "five"}', 'it has been used');
SELECT is(fields_of($$SELECT rewards.give_code(5, code => 'A3')$$), 'LY013 code_expired rewards.vouchers.voided_at {"code": "A3", "pool": "five"}', 'it is void');
SELECT is(fields_of($$SELECT rewards.give_code(5, code => 'P1')$$), 'LY013 code_expired rewards.vouchers.valid_until {"code": "P1", "pool": "past"}', 'it has expired');
SELECT is(fields_of($$SELECT rewards.give_code(5, code => 'A2')$$), 'LY014 code_reserved rewards.vouchers.reserved_until {"code": "A2", "pool": "five", "until": "2026-01-10T12:15:00+00:00"}', 'it is reserved');
SELECT is(fields_of($$SELECT rewards.void_code('NO', 'x')$$), 'LY011 code_unknown rewards.vouchers.code ', 'there is none to void');
SELECT is(fields_of($$SELECT rewards.void_code('A3', 'x')$$), 'LY013 code_expired rewards.vouchers.voided_at {"code": "A3", "pool": "five"}', 'it is void already');
SELECT run($$SELECT rewards.release_code((SELECT id FROM rewards.code_uses WHERE status = 'reserved'))$$);
SELECT is(fields_of($$SELECT rewards.release_code((SELECT id FROM rewards.code_uses WHERE status = 'released'))$$),
	(SELECT format('LY008 hold_closed rewards.code_uses.status {"reservation": %s, "status": "released", "deadline": "2026-01-10T12:15:00+00:00"}', id) FROM rewards.code_uses WHERE status = 'released'), 'a reservation is released');
UPDATE rewards.program SET code_attempts = NULL;
SELECT run($$SELECT rewards.redeem(5, 'coupon')$$);
SELECT run($$SELECT rewards.reserve_code((SELECT code FROM rewards.redemptions JOIN rewards.vouchers ON redemption = id LIMIT 1), 5)$$);
SELECT is(fields_of($$SELECT rewards.cancel((SELECT id FROM rewards.redemptions WHERE reward = 'coupon'))$$),
	(SELECT format('LY014 code_reserved rewards.vouchers.reserved_until {"redemption": %s, "unused": 0, "needed": 1, "until": "2026-01-10T12:15:00+00:00"}', id) FROM rewards.redemptions WHERE reward = 'coupon'), 'the code of a redemption is reserved');
SELECT run($$SELECT rewards.redeem_code((SELECT code FROM rewards.redemptions JOIN rewards.vouchers ON redemption = id LIMIT 1), 5, 10)$$);
SELECT is(fields_of($$SELECT rewards.cancel((SELECT id FROM rewards.redemptions WHERE reward = 'coupon'))$$),
	(SELECT format('LY012 code_used rewards.vouchers.uses_left {"redemption": %s, "unused": 0, "needed": 1}', id) FROM rewards.redemptions WHERE reward = 'coupon'), 'or used');
SELECT run($$SELECT rewards.import_codes('five', ARRAY['HELD-1'])$$);
UPDATE rewards.voucher SET voided_at = '2026-01-01', voided_by = 0, in_stock = false WHERE in_stock AND code <> loyalty.code_normal('HELD-1');
SELECT run($$SELECT rewards.hold_reward(5, 'coupon', key => 'hold')$$);
SELECT is(fields_of($$SELECT rewards.void_code('HELD-1', 'x')$$),
	(SELECT format('LY014 code_reserved rewards.vouchers.redemption {"code": "HELD-1", "pool": "five", "redemption": %s, "until": "2026-01-10T12:15:00+00:00"}', operation_no) FROM rewards.operation WHERE key = 'hold'), 'a code that is set aside for a hold cannot be voided');

\ir include/finish.sql
