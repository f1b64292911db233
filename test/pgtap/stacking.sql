-- How multipliers and caps of one event combine.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();

INSERT INTO rewards.rule (name, source, earn) VALUES
	('base', 'orders', '1 per 1'), ('double', 'orders', 'x2'), ('half more', 'orders', 'x1.5'), ('flat', 'orders', '50');
INSERT INTO shop.orders VALUES (1, 1, 100);
SELECT is(shares('1'), 'base 100, double 100, flat 50, half more 50',
	'example 1.1: additive multipliers pay their share of the base each, in all 300');

UPDATE rewards.program SET stacking = 'multiplicative';
INSERT INTO shop.orders VALUES (2, 1, 100);
SELECT is(earned(2), 350::numeric, 'example 1.1: multiplicative, 100 x 2 x 1.5 + 50');

UPDATE rewards.program SET stacking = 'best';
INSERT INTO shop.orders VALUES (3, 1, 100);
SELECT is(shares('3'), 'base 100, double 100, flat 50', 'example 1.1: best, the largest multiplier alone, in all 250');

SELECT is(ARRAY[earned(1), earned(2), earned(3)], '{300,350,250}'::numeric[], 'an order keeps the stacking it was judged by');
UPDATE shop.orders SET total = 50;
SELECT is(ARRAY[earned(1), earned(2), earned(3)], '{175,200,150}'::numeric[],
	'when orders change, each is judged by the stacking in force at its first posting');

-- by priority, each on what came before
UPDATE rewards.program SET stacking = 'multiplicative';
UPDATE rewards.rule SET enabled = false WHERE name = 'flat';
UPDATE rewards.rule SET priority = 2 WHERE name = 'half more';
UPDATE rewards.rule SET priority = 1 WHERE name = 'double';
INSERT INTO shop.orders VALUES (4, 1, 100);
SELECT is(shares('4'), 'base 100, double 150, half more 50', 'the multiplier of higher priority goes first');
UPDATE rewards.rule SET priority = 3 WHERE name = 'double';
INSERT INTO shop.orders VALUES (5, 1, 100);
SELECT is(shares('5'), 'base 100, double 100, half more 100', 'the other way round');

-- multipliers scale linear, block and percent rules of their own unit, never flat ones
UPDATE rewards.program SET stacking = 'additive';
UPDATE rewards.rule SET enabled = false WHERE name = 'half more';
UPDATE rewards.rule SET enabled = true WHERE name = 'flat';
INSERT INTO rewards.unit (name) VALUES ('stamps');
INSERT INTO rewards.rule (name, source, unit, earn) VALUES
	('blocks', 'orders', 'points', '1 per full 30'), ('percent', 'orders', 'points', '10%'), ('stamp', 'orders', 'stamps', '1 per 10');
INSERT INTO shop.orders VALUES (6, 1, 100);
SELECT is(shares('6'), 'base 100, blocks 3, double 113, flat 50, percent 10', 'x2 doubles 100 + 3 + 10, not the flat 50');
SELECT is(shares('6', unit => 'stamps'), 'stamp 10', 'and not what another unit earns');

-- a multiplier alone pays nothing
UPDATE rewards.rule SET enabled = name = 'double';
INSERT INTO shop.orders VALUES (7, 1, 100);
SELECT is(shares('7'), 'nothing', 'a multiplier alone has nothing to multiply');

-- caps per event
UPDATE rewards.rule SET enabled = name IN ('base', 'double');
UPDATE rewards.rule SET max_per_event = 50 WHERE name = 'base';
INSERT INTO shop.orders VALUES (8, 1, 100);
SELECT is(shares('8'), 'base 50, double 50', 'example 1.5: a base capped at 50 with x2 pays 100');

UPDATE rewards.rule SET max_per_event = NULL WHERE name = 'base';
UPDATE rewards.rule SET max_per_event = 30 WHERE name = 'double';
INSERT INTO shop.orders VALUES (9, 1, 100);
SELECT is(shares('9'), 'base 100, double 30', 'a multiplier has its own cap');
UPDATE rewards.rule SET max_per_event = NULL WHERE name = 'double';

UPDATE rewards.unit SET max_per_event = 150 WHERE name = 'points';
INSERT INTO shop.orders VALUES (10, 1, 80), (11, 1, 75), (12, 1, 1000);
SELECT is(ARRAY[earned(10), earned(11), earned(12)], '{150,150,150}'::numeric[], 'example 1.5: a unit capped at 150, computed 160, pays 150');

-- the unit's cap trims rules of lowest priority first
UPDATE rewards.rule SET priority = 1 WHERE name = 'base';
UPDATE rewards.rule SET priority = 2 WHERE name = 'double';
INSERT INTO shop.orders VALUES (13, 1, 100);
SELECT is(shares('13'), 'base 50, double 100', 'base has the lower priority and is trimmed');
UPDATE rewards.rule SET priority = 0 WHERE name = 'double';
INSERT INTO shop.orders VALUES (14, 1, 100);
SELECT is(shares('14'), 'base 100, double 50', 'now the multiplier has');
INSERT INTO shop.orders VALUES (15, 1, 500);
SELECT is(shares('15'), 'base 150', 'trimmed to nothing, then the next');

-- a cap of nothing
UPDATE rewards.unit SET max_per_event = 0 WHERE name = 'points';
INSERT INTO shop.orders VALUES (16, 1, 100);
SELECT is(shares('16'), 'nothing', 'a cap of 0 pays nothing');
UPDATE rewards.unit SET max_per_event = NULL WHERE name = 'points';

-- fractions of multipliers are exact until the one rounding
UPDATE rewards.rule SET earn = 'x1.25' WHERE name = 'double';
INSERT INTO shop.orders VALUES (17, 1, 29.97);
SELECT is(earned(17), 37::numeric, 'example 1.3: 29.97 at 1 per 1 and x1.25 pays 37, one floor of 37.4625');
SELECT is(shares('17'), 'base 30, double 7', 'example 1.3: the point that rounding left goes to the largest remainder');

\ir include/finish.sql
