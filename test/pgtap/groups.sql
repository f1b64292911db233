-- Exclusive groups: of several offers the one that pays most.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();

INSERT INTO rewards.rule (name, source, earn, exclusive_group) VALUES
	('ten per cent', 'orders', '10%', 'offer'), ('fifty', 'orders', '50', 'offer');
INSERT INTO shop.orders VALUES (1, 1, 100), (2, 1, 1000);
SELECT is(shares('1'), 'fifty 50', 'of 10 and 50 the 50 are paid');
SELECT is(shares('2'), 'ten per cent 100', 'of 100 and 50 the 100');
UPDATE shop.orders SET total = 300 WHERE order_id = 2;
SELECT is(earned(2), 50::numeric, 'when the order shrinks to 300 the other offer pays more');
UPDATE shop.orders SET total = 1000 WHERE order_id = 2;
SELECT is(earned(2), 100::numeric, 'and back');

-- ties
INSERT INTO rewards.rule (name, source, earn, exclusive_group) VALUES ('also fifty', 'orders', '50', 'offer');
INSERT INTO shop.orders VALUES (3, 1, 100);
SELECT is(shares('3'), 'also fifty 50', 'a tie goes to the first name');
UPDATE rewards.rule SET priority = 1 WHERE name = 'fifty';
INSERT INTO shop.orders VALUES (4, 1, 100);
SELECT is(shares('4'), 'fifty 50', 'but to the higher priority first');
UPDATE rewards.rule SET enabled = false WHERE name = 'also fifty';

-- the one that then pays most: after its own caps and room
UPDATE rewards.rule SET max_per_event = 40 WHERE name = 'fifty';
INSERT INTO shop.orders VALUES (5, 2, 450);
SELECT is(shares('5'), 'ten per cent 45', 'capped at 40 per event it loses to 45');
UPDATE rewards.rule SET max_per_event = NULL, max_per_member = 60, cap_period = 'ever' WHERE name = 'fifty';
INSERT INTO shop.orders VALUES (6, 3, 200), (7, 3, 200), (8, 3, 200);
SELECT is(ARRAY[shares('6'), shares('7'), shares('8')], '{fifty 50,ten per cent 20,ten per cent 20}',
	'when 10 of its room are left it loses to 20');

-- a loser claims no room
UPDATE rewards.rule SET budget = 100 + (SELECT sum(points) FROM rewards.history WHERE rule = 'fifty'), max_per_member = NULL, cap_period = NULL WHERE name = 'fifty';
INSERT INTO shop.orders VALUES (10, 4, 1000), (11, 4, 1000), (12, 4, 1000), (13, 5, 10), (14, 5, 10), (15, 5, 10);
SELECT is(ARRAY[shares('10'), shares('12')], '{ten per cent 100,ten per cent 100}', 'losing three times');
SELECT is(ARRAY[shares('13'), shares('14'), shares('15')], '{fifty 50,fifty 50,ten per cent 1}', 'left the whole budget for those who need it');

-- rules outside the group are untouched; another group is another choice
INSERT INTO rewards.rule (name, source, earn, exclusive_group) VALUES
	('base', 'orders', '1 per 1', NULL), ('red', 'orders', '3', 'colour'), ('blue', 'orders', '4', 'colour');
INSERT INTO shop.orders VALUES (20, 6, 1000);
SELECT is(shares('20'), 'base 1000, blue 4, ten per cent 100', 'one of each group, and what is in none');

-- multipliers may form a group
INSERT INTO rewards.rule (name, source, earn, exclusive_group) VALUES ('x2', 'orders', 'x2', 'factor'), ('x3', 'orders', 'x3', 'factor');
UPDATE rewards.rule SET enabled = name IN ('base', 'x2', 'x3');
INSERT INTO shop.orders VALUES (21, 6, 100);
SELECT is(shares('21'), 'base 100, x3 200', 'of two multipliers the larger');

-- one unit
INSERT INTO rewards.unit (name) VALUES ('stamps');
SELECT matches(sqlstate_of($$INSERT INTO rewards.rule (name, source, unit, earn, exclusive_group) VALUES ('stamp', 'orders', 'stamps', '1', 'colour')$$),
	'^2[23]', 'a group pays one unit');

\ir include/finish.sql
