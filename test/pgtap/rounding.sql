-- One rounding per event and unit, and who gets the parts.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();

INSERT INTO rewards.unit (name, rounding) VALUES
	('floored', 'floor'), ('half up', 'half_up'), ('half even', 'half_even'), ('ceiled', 'ceil'), ('carried', 'carry');
INSERT INTO rewards.rule (name, source, unit, earn)
SELECT 'rule of ' || name, 'orders', name, '1 per 10' FROM rewards.unit WHERE name <> 'points';

CREATE FUNCTION t.rounded(order_id bigint) RETURNS text LANGUAGE sql AS $$
	SELECT format('floor %s, half up %s, half even %s, ceil %s, carry %s', earned($1, 'floored'), earned($1, 'half up'),
		earned($1, 'half even'), earned($1, 'ceiled'), earned($1, 'carried'))
$$;
INSERT INTO shop.orders VALUES (1, 1, 25), (2, 1, 35), (3, 1, 24.99), (4, 1, 25.01), (5, 1, 30), (6, 1, 0.01), (7, 1, 5);
SELECT is(rounded(1), 'floor 2, half up 3, half even 2, ceil 3, carry 2.5', '2.5');
SELECT is(rounded(2), 'floor 3, half up 4, half even 4, ceil 4, carry 3.5', '3.5');
SELECT is(rounded(3), 'floor 2, half up 2, half even 2, ceil 3, carry 2.499', '2.499');
SELECT is(rounded(4), 'floor 2, half up 3, half even 3, ceil 3, carry 2.501', '2.501');
SELECT is(rounded(5), 'floor 3, half up 3, half even 3, ceil 3, carry 3', '3');
SELECT is(rounded(6), 'floor 0, half up 0, half even 0, ceil 1, carry 0.001', '0.001');
SELECT is(rounded(7), 'floor 0, half up 1, half even 0, ceil 1, carry 0.5', '0.5');

-- many small events
UPDATE rewards.rule SET earn = '1 per 1';
INSERT INTO shop.orders SELECT 10 + i, 2, 0.99 FROM generate_series(1, 10) i;
SELECT is(state(2, 'floored'), '0 available', 'example 1.4: ten events of 0.99 with floor');
SELECT is(rewards.balance(2, 'carried'), 9::numeric, 'example 1.4: ten events of 0.99 with carry: 9 shown');
SELECT is((SELECT format('%s, exactly %s', trim_scale(available), trim_scale(available_exact))
		   FROM rewards.balances WHERE member_id = 2 AND unit = 'carried'), '9, exactly 9.9', 'example 1.4: 9.9 kept');
INSERT INTO shop.orders VALUES (21, 2, 0.10);
SELECT is(rewards.balance(2, 'carried'), 10::numeric, 'example 1.4: 10 after one more of 0.10');
DELETE FROM shop.orders WHERE order_id = 21;
SELECT is(rewards.balance(2, 'carried'), 9::numeric, 'and 9 again without it');
SELECT is(sqlstate_of($$SELECT rewards.adjust(2, -10, unit => 'carried', reason => 'more than the floor of the sum')$$), 'LY001',
	'only the floor of the sum can be spent');
SELECT is(sqlstate_of($$SELECT rewards.adjust(2, -9, unit => 'carried', reason => 'the floor of the sum')$$), '00000', 'which is 9');
SELECT is((SELECT trim_scale(available_exact) FROM rewards.balances WHERE member_id = 2 AND unit = 'carried'), 0.9,
	'the fraction is left');
SELECT matches(sqlstate_of($$UPDATE rewards.rule SET earn = '1 per 3' WHERE unit = 'carried'$$), '^2[23]',
	'carry refuses a rate that is not exact to 1/10000 of a point for a cent');
SELECT is(sqlstate_of($$UPDATE rewards.rule SET earn = '1 per 3' WHERE unit = 'floored'$$), '00000', 'other modes take it');

-- units with decimals
INSERT INTO rewards.unit (name, decimals) VALUES ('cashback', 2);
INSERT INTO rewards.rule (name, source, unit, earn) VALUES ('cash', 'orders', 'cashback', '1.5%');
INSERT INTO shop.orders VALUES (30, 3, 19.99), (31, 3, 0.66), (32, 3, 0.67);
SELECT is(ARRAY[earned(30, 'cashback'), earned(31, 'cashback'), earned(32, 'cashback')], '{0.29,0,0.01}'::numeric[],
	'a unit of two decimals is rounded to 0.01');
SELECT is(rewards.balance(3, 'cashback'), 0.30, 'and shown so');

-- the one rounding is on the total; parts go by largest remainder
UPDATE rewards.rule SET enabled = false;
INSERT INTO rewards.rule (name, source, earn) VALUES ('a', 'orders', '1 per 3'), ('b', 'orders', '1 per 3'), ('c', 'orders', '1 per 3');
INSERT INTO shop.orders VALUES (40, 4, 4), (41, 4, 5), (42, 4, 6), (43, 4, 1), (44, 4, 2);
SELECT is(shares('40'), 'a 2, b 1, c 1', '3 x 1.333: 4, the odd point to the first name');
SELECT is(shares('41'), 'a 2, b 2, c 1', '3 x 1.667: 5');
SELECT is(shares('42'), 'a 2, b 2, c 2', '3 x 2');
SELECT is(shares('43'), 'a 1', '3 x 0.333 is one point, not none');
SELECT is(shares('44'), 'a 1, b 1', '3 x 0.667 are two points, not three');
UPDATE rewards.rule SET priority = 1 WHERE name = 'c';
INSERT INTO shop.orders VALUES (45, 4, 4), (46, 4, 1);
SELECT is(shares('45'), 'a 1, b 1, c 2', 'a tie goes to the higher priority');
SELECT is(shares('46'), 'c 1', 'even if it gets the only point');
UPDATE rewards.rule SET earn = '1 per 2' WHERE name = 'b';
INSERT INTO shop.orders VALUES (47, 4, 1);
SELECT is(shares('47'), 'b 1', 'but the largest remainder comes before priority: 0.333, 0.5, 0.333 is 1.167');

UPDATE rewards.unit SET rounding = 'ceil' WHERE name = 'points';
UPDATE rewards.rule SET priority = 0, earn = '1 per 3' WHERE name IN ('a', 'b', 'c');
INSERT INTO shop.orders VALUES (48, 4, 4.01), (49, 4, 0.01);
SELECT is(earned(48), 5::numeric, 'ceil of 4.01 is 5');
SELECT is(shares('49'), 'a 1', 'ceil of 0.01 is 1, once');

-- rounding depends on the version an event was first judged by
UPDATE rewards.unit SET rounding = 'floor' WHERE name = 'points';
UPDATE shop.orders SET total = 4.02 WHERE order_id = 48;
SELECT is(earned(48), 5::numeric, 'an order judged under ceil stays there');

-- caps are multiples of the smallest amount
SELECT matches(sqlstate_of($$UPDATE rewards.unit SET max_per_event = 0.5 WHERE name = 'points'$$), '^2[23]',
	'a cap per event that is no multiple of the unit''s smallest amount is refused');
SELECT matches(sqlstate_of($$UPDATE rewards.rule SET max_per_member = 1.5, cap_period = 'day' WHERE name = 'a'$$), '^2[23]',
	'so is a member cap');
SELECT matches(sqlstate_of($$UPDATE rewards.rule SET budget = 10.01 WHERE name = 'a'$$), '^2[23]', 'so is a budget');
SELECT is(sqlstate_of($$UPDATE rewards.unit SET max_per_event = 0.05 WHERE name = 'cashback'$$), '00000',
	'in a unit of two decimals 0.05 is a multiple');

\ir include/finish.sql
