-- Names of units, rules and sources may change at any time; points do not.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();
INSERT INTO rewards.rule (name, source, earn, max_per_member, cap_period, budget) VALUES ('base', 'orders', '1 per 1', 100, 'day', 1000);
INSERT INTO shop.orders VALUES (1, 1, 60), (2, 2, 60);

UPDATE rewards.unit SET name = 'stars' WHERE name = 'points';
UPDATE rewards.rule SET name = 'basic' WHERE name = 'base';
UPDATE rewards.source SET name = 'sales' WHERE name = 'orders';
SELECT is((SELECT string_agg(format('%s %s %s %s', unit, rule, source, trim_scale(points)), ', ') FROM rewards.statement(1)), 'stars basic sales 60', 'a statement shows the present names');
SELECT is(rewards.balance(1), 60::numeric, 'the balance is what it was');
SELECT is(rewards.balance(1, 'stars'), 60::numeric, 'under the new name');
SELECT isnt(sqlstate_of($$SELECT rewards.balance(1, 'points')$$), '00000', 'not under the old one');
INSERT INTO shop.orders VALUES (3, 1, 60);
SELECT is(rewards.balance(1), 100::numeric, 'events go on, caps know what was used');
UPDATE shop.orders SET total = 10 WHERE order_id = 1;
SELECT is(rewards.balance(1), 50::numeric, 'events from before the change are known');
SELECT is_empty($$SELECT * FROM rewards.reconcile('sales')$$, 'reconcile() under the new name');
SELECT isnt(sqlstate_of($$SELECT * FROM rewards.reconcile('orders')$$), '00000', 'not under the old one');

-- a new unit and rule may take the old names
INSERT INTO rewards.unit (name) VALUES ('points');
INSERT INTO rewards.rule (name, source, unit, earn) VALUES ('base', 'sales', 'points', '7');
INSERT INTO shop.orders VALUES (4, 2, 1);
SELECT is(ARRAY[rewards.balance(2, 'stars'), rewards.balance(2, 'points')], '{61,7}'::numeric[], 'the old name on another unit is another unit');
SELECT is((SELECT string_agg(format('%s %s', rule, s), ', ' ORDER BY rule) FROM (SELECT rule, trim_scale(sum(points)) AS s FROM rewards.statement(2) GROUP BY rule) x),
	'base 7, basic 61', 'each line belongs to its own rule');

-- names that have to be quoted
UPDATE rewards.unit SET name = 'Łódź "stars"; --' WHERE name = 'stars';
UPDATE rewards.rule SET name = $$'; DROP TABLE rewards.journal; --$$ WHERE name = 'basic';
INSERT INTO shop.orders VALUES (5, 3, 5);
SELECT is(rewards.balance(3, 'Łódź "stars"; --'), 5::numeric, 'names are never taken for SQL');
SELECT is((SELECT rule FROM rewards.statement(3) WHERE unit <> 'points'), $$'; DROP TABLE rewards.journal; --$$, 'nor changed');

\ir include/finish.sql
