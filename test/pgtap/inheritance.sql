-- A table with children: a source concerns the table and all that inherit from it.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();

CREATE TABLE shop.sales (sale_id bigint PRIMARY KEY, member_id bigint, total numeric, at timestamptz DEFAULT '2026-01-10 12:00Z');
CREATE TABLE shop.web_sales (PRIMARY KEY (sale_id), url text) INHERITS (shop.sales);
SELECT lives_ok($$SELECT rewards.attach('shop.sales', name => 'sales', member => 'member_id', amount => 'total', occurred_at => 'at')$$, 'attach() of a table with a child');
INSERT INTO rewards.rule (name, source, earn) VALUES ('base', 'sales', '1 per 1');
INSERT INTO shop.sales VALUES (1, 1, 10);
INSERT INTO shop.web_sales VALUES (2, 1, 20);
SELECT is(state(1), '30 available', 'rows of the table and of its child earn');
UPDATE shop.sales SET total = total + 1;
SELECT is(state(1), '32 available', 'an UPDATE of the parent concerns both');
UPDATE ONLY shop.sales SET total = total + 1;
SELECT is(state(1), '33 available', 'an UPDATE of it only, one');
UPDATE shop.web_sales SET total = total + 1;
SELECT is(state(1), '34 available', 'an UPDATE of the child');
CREATE TABLE shop.till_sales (till integer) INHERITS (shop.sales);
INSERT INTO shop.till_sales VALUES (3, 1, 100);
SELECT is(state(1), '134 available', 'a child that comes later is wired');
CREATE TABLE shop.mobile_sales (phone text) INHERITS (shop.web_sales);
INSERT INTO shop.mobile_sales VALUES (4, 1, 1000);
SELECT is(state(1), '1134 available', 'so is a child''s child');
DELETE FROM shop.sales WHERE sale_id IN (2, 3);
SELECT is(state(1), '1012 available', 'a DELETE of the parent concerns all');
DELETE FROM shop.mobile_sales;
SELECT is(state(1), '12 available', 'a DELETE from a grandchild');
SELECT isnt(sqlstate_of('TRUNCATE shop.web_sales'), '00000', 'TRUNCATE of a child is refused');

\ir include/finish.sql
