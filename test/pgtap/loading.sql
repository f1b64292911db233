-- What a session reads of a program when it first uses it, and what it will not
-- take for a program's table.
BEGIN;
\ir include/shop.sql
SET LOCAL search_path = t, public;
SELECT * FROM no_plan();

-- -------- until when a rule is valid: all kinds of bounds --------
INSERT INTO rewards.rule (name, source, earn, valid) VALUES
	('after until', 'orders', '1', '(2026-01-05 12:00Z,2026-01-06 12:00Z]'),
	('from before', 'orders', '10', '[2026-01-05 12:00Z,2026-01-06 12:00Z)'),
	('after', 'orders', '100', '(2026-01-05 12:00Z,)'),
	('until', 'orders', '1000', '(,2026-01-06 12:00Z]'),
	('after the beginning of time', 'orders', '10000', '(-infinity,infinity]'),
	('nothing', 'orders', '100000', DEFAULT);
INSERT INTO shop.orders (order_id, customer_id, total, placed_at) VALUES
	(1, 1, 1, '2026-01-05 12:00Z'), (2, 1, 1, '2026-01-05 12:00:00.000001Z'),
	(3, 1, 1, '2026-01-06 11:59:59.999999Z'), (4, 1, 1, '2026-01-06 12:00Z'), (5, 1, 1, '2026-01-06 12:00:00.000001Z');
SELECT is(earned(1), 111010::numeric, 'a bound that is included, and one that is not');
SELECT is(earned(2), 111111::numeric, 'the next instant');
SELECT is(earned(3), 111111::numeric, 'the last but one');
SELECT is(earned(4), 111101::numeric, 'an end that is included, and one that is not');
SELECT is(earned(5), 110100::numeric, 'behind it');
UPDATE rewards.rule SET enabled = false;

-- -------- a rule as it is now on events of a time before its unit --------
UPDATE rewards.rule SET enabled = name = 'nothing', earn = '1 per 1';
INSERT INTO shop.orders (order_id, customer_id, total) VALUES (10, 2, 30);
INSERT INTO rewards.unit (name, decimals) VALUES ('stars', 2);
INSERT INTO rewards.rule (name, source, unit, earn) VALUES ('stars', 'orders', 'stars', '1 per 10');
UPDATE rewards.unit SET decimals = 3 WHERE name = 'stars';
SELECT results_eq($$SELECT member_id, unit, difference FROM rewards.reprice('stars', '2026-01-10', '2026-01-11', apply => true)$$,
	$$VALUES (2::bigint, 'stars', 3::numeric)$$, 'reprice() with a unit that is younger than the events');
SELECT is(earned(10, 'stars'), 3::numeric, 'pays it');

-- -------- what is not the program's --------
CREATE ROLE regress_stranger;
GRANT ALL ON SCHEMA rewards TO regress_stranger;
CREATE FUNCTION t.after(statement text, next text DEFAULT 'INSERT INTO shop.orders (order_id, customer_id, total) VALUES (99, 9, 10)') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
BEGIN
	EXECUTE statement;
	UPDATE rewards.member SET status = status;
	UPDATE rewards.source SET purchase = purchase;
	EXECUTE next;
	RAISE 'posted';
EXCEPTION
	WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS message = MESSAGE_TEXT;
		RETURN SQLSTATE || ' ' || message;
END
$$;
SELECT is(after('SELECT'), 'P0001 posted', 'the program''s own tables are read');
SELECT is(after(format('ALTER TABLE rewards.%I OWNER TO regress_stranger', name)),
	format('42809 "rewards.%s" must be a plain table of the program''s owner', name), format('not %s of somebody else', name))
FROM unnest(ARRAY['program_version', 'unit', 'unit_version', 'rule_version', 'tier_group_version', 'reward']) name;
SELECT is(after(format('ALTER TABLE rewards.%I RENAME TO mine; CREATE VIEW rewards.%1$I AS SELECT * FROM rewards.mine', name)),
	format('42809 "rewards.%s" must be a plain table of the program''s owner', name), format('nor a view that is called %s', name))
FROM unnest(ARRAY['unit_version', 'rule_version', 'tier_group_version', 'reward']) name;
INSERT INTO rewards.reward (name) VALUES ('mug');
INSERT INTO rewards.reward_price (reward, unit, points) VALUES ('mug', 'points', 5);
SELECT is(after('SELECT', $$SELECT rewards.redeem(2, 'mug')$$), 'P0001 posted', 'a reward is redeemed');
SELECT is(after(format('ALTER TABLE rewards.%I OWNER TO regress_stranger', name), $$SELECT rewards.redeem(2, 'mug')$$),
	format('42809 "rewards.%s" must be a plain table of the program''s owner', name), format('but not by %s of somebody else', name))
FROM unnest(ARRAY['choice_set', 'reward_price', 'reward_sweep']) name;

\ir include/finish.sql
