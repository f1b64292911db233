-- Rewards, prices, choice sets and bonuses: every wrong value is refused where
-- it is written, with a message that says what would be right.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();
INSERT INTO rewards.member (member_id, joined_at) SELECT i, '2026-01-01' FROM generate_series(1, 5) i;
INSERT INTO rewards.unit (name, decimals, spendable) VALUES ('cash', 2, true), ('status', 0, false);
INSERT INTO rewards.choice_set (name) VALUES ('gift');
INSERT INTO rewards.reward (name) VALUES ('mug');

CREATE FUNCTION t.reward(columns text, value text) RETURNS text LANGUAGE sql AS $$
	SELECT format('INSERT INTO rewards.reward (name, %s) VALUES (''x'', %s)', columns, value)
$$;

-- rewards
SELECT throws_ok(t.reward('kind', '''gift'''), '23514', 'reward "x" cannot be of kind "gift"', 'kind');
SELECT throws_ok(t.reward('stock', '-1'), '23514', 'stock of reward "x" cannot be negative', 'stock');
SELECT throws_ok(t.reward('max_per_member', '1'), '23514', 'max_per_member of reward "x" needs a cap_period', 'a limit needs a period');
SELECT throws_ok(t.reward('cap_period', '''day'''), '23514', 'cap_period of reward "x" needs a max_per_member', 'a period needs a limit');
SELECT throws_ok(t.reward('max_per_member, cap_period', '1, ''fortnight'''), '23514', 'cap_period of reward "x" cannot be "fortnight"', 'which periods there are');
SELECT throws_ok(t.reward('max_per_member, cap_period', '0, ''day'''), '23514', 'max_per_member of reward "x" must be at least 1', 'a limit of nothing');
SELECT throws_ok(t.reward('valid', '''empty'''), '23514', 'valid of reward "x" is empty', 'never on offer');
SELECT throws_ok(t.reward('early_access', '''interval ''''1 day'''''''), '23514', 'reward "x" cannot open earlier: valid has no beginning', 'earlier than always');
SELECT throws_ok(t.reward('valid, early_access', '''[2026-02-01,)'', ''true'''), '42804', 'early_access of reward "x" must be of type interval, but is of type boolean', 'early access is a length of time');
SELECT throws_ok(t.reward('hold_for', '''0'''), '23514', 'hold_for of reward "x" must be longer than nothing', 'a hold of no time');
SELECT throws_ok(t.reward('max_auto', '0'), '23514', 'max_auto of reward "x" must be at least 1', 'none at a time');
SELECT throws_ok(t.reward('cost', '-1'), '23514', 'cost of reward "x" cannot be negative', 'cost');
SELECT throws_ok(t.reward('cost', '''NaN'''), '22003', 'cost of reward "x" is out of range', 'cost is a number');
SELECT throws_ok(t.reward('attributes', '''[1]'''), '23514', 'attributes of reward "x" must be a JSON object', 'attributes');
SELECT throws_ok(t.reward('code_valid', '''immediately'''), '23514', 'code_valid of reward "x" must be a length of time', 'codes that end at once');
SELECT throws_ok(t.reward('code_valid', '''6 months since last activity'''), '23514', 'code_valid of reward "x" must be a length of time', 'codes know no activity');
SELECT throws_ok(t.reward('kind', '''donation'''), '23514', 'reward "x" is a donation and needs a cause', 'what for');
SELECT throws_ok(t.reward('cause', '''trees'''), '23514', 'reward "x" has a cause but is no donation', 'only donations have a cause');
SELECT throws_ok(t.reward('tiers', '''{}'''), '23514', 'tiers of reward "x" must name tiers', 'an empty list of tiers');
SELECT throws_ok(t.reward('tiers', '''{gold,NULL}'''), '23514', 'tiers of reward "x" must name tiers', 'no name in a list of tiers');
SELECT throws_ok(t.reward('tiers', '''{gold}'''), '42704', 'there is no tier named "gold"', 'a tier there is not');
SELECT throws_ok($$INSERT INTO rewards.reward_price (reward, points, tiers) VALUES ('mug', 1, '{gold}')$$, '42704', 'there is no tier named "gold"', 'nor for a price');
SELECT throws_ok(t.reward('choice_set', '''gifts'''), '42704', 'there is no choice set "gifts"', 'choice set');
SELECT throws_ok(t.reward('pool', '''codes'''), '42704', 'there is no voucher pool "codes"', 'pool');
SELECT throws_ok(t.reward('condition', '''member.purchases'''), '42804', 'condition of reward "x" must be of type boolean, but is of type bigint', 'a condition is true or false');
SELECT throws_ok(t.reward('condition', '''member.height > 1'''), '42703', 'column member.height does not exist', 'facts there are not');
SELECT throws_ok(t.reward('condition', '''random() < 1'''), '42P17', 'condition of reward "x" cannot contain a volatile function', 'a condition is no lottery');
SELECT throws_ok(t.reward('condition', '''EXISTS (SELECT FROM shop.orders)'''), '0A000', 'condition of reward "x" cannot contain a subquery', 'no subquery');
SELECT throws_ok(t.reward('pin', '''shop.orders'''), '428C9', 'the pin of a reward is written by the program', 'the pin');
SELECT throws_ok($$UPDATE rewards.reward SET pin = 'shop.orders'$$, '428C9', 'the pin of a reward is written by the program', 'the pin cannot be changed');
SELECT throws_ok('TRUNCATE rewards.reward CASCADE', '0A000', NULL, 'rewards cannot be truncated');

-- what is pinned
INSERT INTO rewards.reward (name, condition) VALUES ('book', 'member.purchases > 1');
SELECT isnt((SELECT pin FROM rewards.reward WHERE name = 'book'), NULL, 'a condition is pinned');
UPDATE rewards.reward SET condition = 'member.purchases > 2' WHERE name = 'book';
SELECT matches(pg_get_viewdef((SELECT pin FROM rewards.reward WHERE name = 'book')), 'purchases > 2', 'a changed condition is pinned anew');
UPDATE rewards.reward SET condition = NULL WHERE name = 'book';
SELECT is((SELECT pin FROM rewards.reward WHERE name = 'book'), NULL, 'no condition, no pin');
SELECT is_empty($$SELECT relname FROM pg_class WHERE relnamespace = 'rewards'::regnamespace AND relname ~ '^reward_\d+$'$$, 'nor the view');
INSERT INTO rewards.reward (name, condition) VALUES ('pen', 'true');
DELETE FROM rewards.reward WHERE name = 'pen';
SELECT is_empty($$SELECT relname FROM pg_class WHERE relnamespace = 'rewards'::regnamespace AND relname ~ '^reward_\d+$'$$, 'the view goes with its reward');
SELECT is_empty($$SELECT * FROM rewards.reward_stock WHERE reward_no NOT IN (SELECT reward_no FROM rewards.reward)$$, 'and so does its stock');

-- prices
SELECT throws_ok($$INSERT INTO rewards.reward_price (reward, points) VALUES ('cup', 1)$$, '42704', 'there is no reward "cup"', 'a price of nothing');
SELECT throws_ok($$INSERT INTO rewards.reward_price (reward, unit, points) VALUES ('mug', 'gold', 1)$$, '42704', 'there is no unit "gold"', 'unit of a price');
SELECT throws_ok($$INSERT INTO rewards.reward_price (reward, unit, points) VALUES ('mug', 'status', 1)$$, '23514', 'reward "mug" cannot be paid in "status", which is not spendable', 'what cannot be spent');
SELECT throws_ok($$INSERT INTO rewards.reward_price (reward, points) VALUES ('mug', -1)$$, '23514', 'price "standard" of reward "mug" cannot be negative', 'a negative price');
SELECT throws_ok($$INSERT INTO rewards.reward_price (reward, points) VALUES ('mug', 1.5)$$, '23514', 'price "standard" of reward "mug" must be a multiple of 1', 'a price in smallest amounts');
SELECT throws_ok($$INSERT INTO rewards.reward_price (reward, points, money) VALUES ('mug', 1, 0)$$, '23514', 'money of price "standard" of reward "mug" must be more than 0', 'no money is NULL');
SELECT throws_ok($$INSERT INTO rewards.reward_price (reward, points, tiers) VALUES ('mug', 1, '{}')$$, '23514', 'tiers of price "standard" of reward "mug" must name tiers', 'tiers of a price');
SELECT lives_ok($$INSERT INTO rewards.reward_price (reward, unit, points) VALUES ('mug', 'cash', 1.25)$$, 'a price in cents');
SELECT throws_ok($$UPDATE rewards.unit SET decimals = 1 WHERE name = 'cash'$$, '23514', 'price "standard" of reward "mug" must be a multiple of 0.1', 'a unit that is too coarse for its prices');
SELECT throws_ok($$UPDATE rewards.unit SET spendable = false WHERE name = 'cash'$$, '23514', 'reward "mug" cannot be paid in "cash", which is not spendable', 'a unit that rewards are paid in');
UPDATE rewards.reward SET name = 'cup' WHERE name = 'mug';
SELECT is((SELECT reward FROM rewards.reward_price), 'cup', 'prices follow their reward''s name');

-- choice sets
SELECT throws_ok($$INSERT INTO rewards.choice_set (name, choose) VALUES ('none', 0)$$, '23514', 'members must be able to choose from choice set "none"', 'a choice of none');
SELECT throws_ok($$INSERT INTO rewards.choice_set (name, cap_period) VALUES ('often', 'hour')$$, '23514', 'cap_period of choice set "often" cannot be "hour"', 'period of a choice');

-- bonuses
CREATE FUNCTION t.bonus(columns text, value text) RETURNS text LANGUAGE sql AS $$
	SELECT format('INSERT INTO rewards.bonus (member_id, reason, %s) VALUES (1, ''x'', %s)', columns, value)
$$;
SELECT throws_ok($$INSERT INTO rewards.reward_price (reward, name, points, money) SELECT name, 'cents', 10, 1.005 FROM rewards.reward LIMIT 1$$, '23514', NULL, 'money in fractions of the currency''s smallest amount');
SELECT lives_ok($$INSERT INTO rewards.reward_price (reward, name, points, money) SELECT name, 'cents', 10, 1.050 FROM rewards.reward LIMIT 1$$, 'zeros at the end are none');
SELECT throws_ok(t.bonus('principal', '0'), '23514', 'principal of a bonus must be more than 0', 'a bonus of nothing');
SELECT throws_ok(t.bonus('principal', '1.5'), '23514', 'principal of a bonus must be a multiple of 1', 'a bonus in smallest amounts');
SELECT throws_ok(t.bonus('principal, step', '1, -1'), '23514', 'step of a bonus cannot be negative', 'a bonus that shrinks');
SELECT throws_ok(t.bonus('principal, max_growth', '1, -1'), '23514', 'max_growth of a bonus cannot be negative', 'a maximum below nothing');
SELECT throws_ok(t.bonus('principal, every', '1, ''never'''), '23514', 'a bonus must grow after a length of time', 'a bonus that never grows');
SELECT throws_ok(t.bonus('principal, every', '1, ''to end of month'''), '23514', 'a bonus must grow after a length of time', 'a bonus that grows by the calendar');
SELECT throws_ok(t.bonus('principal, unit', '1, ''gold'''), '42704', 'there is no unit "gold"', 'unit of a bonus');
SELECT throws_ok(t.bonus('principal, offered_at, ends_at', '1, ''2026-02-01'', ''2026-01-01'''), '23514', 'a bonus cannot end before it is offered', 'a bonus that has ended');
SELECT throws_ok(t.bonus('principal, claimed_by', '1, 1'), '428C9', 'claimed_by of a bonus is written by the program', 'claimed by writing it so');
SELECT throws_ok($$INSERT INTO rewards.bonus (member_id, principal, reason) VALUES (99, 1, 'x')$$, '23503', 'a bonus must be for a member', 'a bonus for nobody');
SELECT throws_ok($$INSERT INTO rewards.bonus (member_id, principal, reason) VALUES (1, 1, ' ')$$, '23514', 'a bonus needs a reason', 'a bonus for no reason');

\ir include/finish.sql
