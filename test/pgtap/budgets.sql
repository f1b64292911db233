-- Budgets: what a rule may pay to everybody together.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();

INSERT INTO rewards.rule (name, source, earn, budget) VALUES ('campaign', 'orders', '1 per 1', 500000);
INSERT INTO shop.orders VALUES (1, 1, 499950);
INSERT INTO shop.orders VALUES (2, 2, 100);
INSERT INTO shop.orders VALUES (3, 3, 100);
SELECT is(ARRAY[earned(1), earned(2), earned(3)], '{499950,50,0}'::numeric[], 'example 1.7, one after the other: 50 and 0');

-- refunds give it back in the same transaction
UPDATE shop.orders SET total = 499900 WHERE order_id = 1;
INSERT INTO shop.orders VALUES (4, 4, 100);
SELECT is(ARRAY[earned(1), earned(4)], '{499900,50}'::numeric[], 'a refund of 50 lets another earn 50');
DELETE FROM shop.orders WHERE order_id = 1;
SELECT is(ARRAY[earned(2), earned(3), earned(4)], '{50,0,50}'::numeric[], 'those who were short do not claim what became free');
UPDATE shop.orders SET total = 110 WHERE order_id IN (2, 3, 4);
SELECT is(ARRAY[earned(2), earned(3), earned(4)], '{60,10,60}'::numeric[], 'but what they ask for beyond');
SELECT is((SELECT sum(points) FROM rewards.orders_points), 130::numeric, 'in all');

-- one statement
INSERT INTO rewards.rule (name, source, earn, budget) VALUES ('second', 'orders', '100', 250);
UPDATE rewards.rule SET enabled = name = 'second';
INSERT INTO shop.orders SELECT 10 + i, 10 + i, 5 FROM generate_series(1, 5) i;
SELECT is((SELECT array_agg(earned(10 + i) ORDER BY i) FROM generate_series(1, 5) i), '{100,100,50,0,0}'::numeric[],
	'rows of one statement take from the budget in their order');

-- changing the budget
UPDATE rewards.rule SET budget = 300 WHERE name = 'second';
SELECT is(earned(13), 50::numeric, 'a larger budget pays nothing by itself');
INSERT INTO shop.orders VALUES (20, 20, 5), (21, 21, 5);
SELECT is(ARRAY[earned(20), earned(21)], '{50,0}'::numeric[], 'what was added is there for the next');
SELECT matches(sqlstate_of($$UPDATE rewards.rule SET budget = 299 WHERE name = 'second'$$), '^2[23]', 'a budget cannot be less than what was paid of it');
DELETE FROM shop.orders WHERE order_id IN (11, 12, 13);
UPDATE rewards.rule SET budget = 100 WHERE name = 'second';
INSERT INTO shop.orders VALUES (23, 23, 5);
SELECT is(earned(23), 50::numeric, '50 are used of 100: 50 are free');
UPDATE rewards.rule SET budget = NULL WHERE name = 'second';
INSERT INTO shop.orders VALUES (24, 24, 5);
SELECT is(earned(24), 100::numeric, 'without a budget there is no limit');
SELECT matches(sqlstate_of($$UPDATE rewards.rule SET budget = 199 WHERE name = 'second'$$), '^2[23]', 'a budget given later counts what was paid before: 200');
UPDATE rewards.rule SET budget = 200 WHERE name = 'second';
INSERT INTO shop.orders VALUES (25, 25, 5);
SELECT is(earned(25), 0::numeric, 'all of it is used');
UPDATE rewards.rule SET budget = 260 WHERE name = 'second';
INSERT INTO shop.orders VALUES (26, 26, 5);
SELECT is(earned(26), 60::numeric, '200 of 260 are used');

-- a budget and a cap together, and a rule that pays a fraction
INSERT INTO rewards.rule (name, source, earn, budget, max_per_member, cap_period) VALUES ('both', 'orders', '1 per 1', 100, 60, 'ever');
UPDATE rewards.rule SET enabled = name = 'both';
INSERT INTO shop.orders VALUES (30, 30, 80), (31, 31, 80), (32, 32, 80);
SELECT is(ARRAY[earned(30), earned(31), earned(32)], '{60,40,0}'::numeric[], 'the smaller room counts');
DELETE FROM shop.orders WHERE order_id IN (30, 31);
INSERT INTO shop.orders VALUES (33, 33, 59.99), (34, 34, 40.99), (35, 35, 7);
SELECT is(ARRAY[earned(33), earned(34), earned(35)], '{59,40,1}'::numeric[], 'the budget is in points posted, to the last one');

-- an event cancelled and paid again competes for what is left
UPDATE shop.orders SET status = 'cancelled' WHERE order_id = 33;
INSERT INTO shop.orders VALUES (36, 36, 50);
UPDATE shop.orders SET status = 'paid' WHERE order_id = 33;
SELECT is(ARRAY[earned(33), earned(36)], '{9,50}'::numeric[], 'cancelled, and paid again when only 9 were left');

-- a statement that fails gives everything back
SELECT is(sqlstate_of($$INSERT INTO shop.orders VALUES (40, 40, 1), (40, 40, 1)$$), '23505', 'a statement that fails');
DELETE FROM shop.orders WHERE order_id = 36;
INSERT INTO shop.orders VALUES (41, 41, 50);
SELECT is(earned(41), 50::numeric, 'used nothing');

\ir include/finish.sql
