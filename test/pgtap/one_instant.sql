-- A configuration that changes at the very instant of an account's last
-- movement: it is in force for what is written after it, as if it had changed a
-- moment later, and what was written before it stays as it was.
\set QUIET on
\set ON_ERROR_STOP on
BEGIN;
\i test/pgtap/include/shop.sql
\i test/pgtap/include/tiers.sql
SELECT plan(20);

\o /dev/null
SELECT t.group('status', '12 months');
SELECT t.tier('Silver', 10, 100);
INSERT INTO rewards.rule (name, earn, tiers) VALUES ('base', '1 per 1', NULL), ('silver', '1000', '{Silver}');
-- an order of now, and what the member has after it
CREATE FUNCTION t.now(member bigint, total numeric) RETURNS void LANGUAGE sql AS $$
	INSERT INTO shop.orders (order_id, customer_id, total, placed_at) SELECT nextval('t.orders'), member, total, clock FROM rewards.program
$$;
CREATE FUNCTION t.points(member bigint) RETURNS numeric LANGUAGE sql AS 'SELECT trim_scale(rewards.balance(member))';
SELECT t.go('2029-02-01');

-- a threshold
SELECT t.now(1, 80), t.now(2, 80);
UPDATE rewards.tier SET threshold = 50;
\o
SELECT is(rewards.tier_at(1), 'Silver', 'who is above a lowered threshold is in it at once');
SELECT is((SELECT tier FROM rewards.standing WHERE member_id = 1), 'Silver', 'standing says so, too');
\o /dev/null
SELECT t.now(1, 1), t.now(3, 60), t.now(3, 1);
\o
SELECT is(t.points(1), 1081::numeric, 'a purchase after the change is Silver''s');
SELECT is(t.points(3), 1061::numeric, 'one that reaches the tier is not, the next is');
\o /dev/null
UPDATE rewards.tier SET threshold = 500;
SELECT t.now(4, 60);
\o
SELECT is(rewards.tier_at(1), 'Silver', 'raised: nobody loses a tier within a stay');
SELECT is(rewards.tier_at(4), NULL, 'nobody reaches it by what was enough before');

-- a rule
\o /dev/null
SELECT t.now(5, 10);
UPDATE rewards.rule SET earn = '3 per 1' WHERE name = 'base';
SELECT t.now(5, 10);
\o
SELECT is(t.points(5), 40::numeric, 'a rule: each by the version that was in force when it was posted');
UPDATE shop.orders SET total = 20 WHERE customer_id = 5;
SELECT is(t.points(5), 80::numeric, 'for ever');
UPDATE rewards.rule SET valid = tstzrange((SELECT clock FROM rewards.program), NULL) WHERE name = 'base';
SELECT lives_ok('SELECT t.now(6, 1)');
SELECT is(t.points(6), 3::numeric, 'valid from now: included');
UPDATE rewards.rule SET valid = tstzrange(NULL, (SELECT clock FROM rewards.program)) WHERE name = 'base';
SELECT lives_ok('SELECT t.now(6, 1)');
SELECT is(t.points(6), 3::numeric, 'valid until now: excluded');
UPDATE rewards.rule SET valid = '(,)' WHERE name = 'base';

-- a unit
UPDATE rewards.unit SET expires = '1 month' WHERE name = 'points';
SELECT lives_ok('SELECT t.now(6, 1)');
SELECT is((SELECT string_agg(points || ' ' || coalesce(expires_at::date::text, 'never'), ', ' ORDER BY expires_at) FROM rewards.member_lots(6, 'points')),
	'3 2029-03-01, 3 infinity', 'a unit: what is earned after the change ends, what was there stays');

-- a reward
INSERT INTO rewards.reward (name, stock) VALUES ('mug', 1);
INSERT INTO rewards.reward_price (reward, name, unit, points) VALUES ('mug', 'standard', 'points', 5);
SELECT throws_ok('SELECT rewards.redeem(7, ''mug'')', 'LY002');
SELECT is((SELECT points FROM rewards.redeem(6, 'mug')), 5::numeric, 'a reward: by its price');
UPDATE rewards.reward SET stock = 2 WHERE name = 'mug';
UPDATE rewards.reward_price SET points = 1;
SELECT is((SELECT points FROM rewards.redeem(6, 'mug')), 1::numeric, 'and by the new price and stock');

\i test/pgtap/include/finish.sql
