-- Whichever way rows come and go: the totals are those of single statements.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();
INSERT INTO rewards.rule (name, source, earn) VALUES ('base', 'orders', '1 per 1');

-- what every order holds is what it should, and every member the sum
CREATE FUNCTION t.wrong() RETURNS TABLE (what text) STABLE LANGUAGE sql AS $$
	SELECT format('order %s: %s of %s', order_id, earned(order_id), floor(total))
	FROM shop.orders WHERE earned(order_id) IS DISTINCT FROM CASE WHEN status = 'paid' AND total > 0 AND customer_id IS NOT NULL THEN floor(total) ELSE 0 END
	UNION ALL
	SELECT format('points of order %s, which does not exist', order_id)
	FROM rewards.orders_points p WHERE points <> 0 AND NOT EXISTS (SELECT FROM shop.orders o WHERE o.order_id = p.order_id)
	UNION ALL
	SELECT format('member %s: %s of %s', member_id, rewards.balance(member_id), wanted)
	FROM (SELECT member_id, (SELECT coalesce(sum(floor(total)), 0) FROM shop.orders WHERE customer_id = member_id AND status = 'paid' AND total > 0) AS wanted
		  FROM rewards.member WHERE member_id < 1000) m
	WHERE rewards.balance(member_id) IS DISTINCT FROM wanted
$$;
CREATE FUNCTION t.all_right(description text) RETURNS text LANGUAGE sql AS $$
	SELECT is_empty('SELECT * FROM wrong()', $1)
$$;

INSERT INTO shop.orders VALUES (1, 1, 10.5);
SELECT all_right('INSERT of one row');
INSERT INTO shop.orders SELECT i, i % 7, i + 0.5 FROM generate_series(2, 100) i;
SELECT all_right('INSERT of many rows');
INSERT INTO shop.orders SELECT i, i % 7, i FROM generate_series(101, 110) i WHERE false;
SELECT all_right('INSERT of no row');
COPY shop.orders (order_id, customer_id, total) FROM stdin;
101	1	10
102	2	20
103	99	30
\.
SELECT all_right('COPY');
UPDATE shop.orders SET total = total + 1 WHERE order_id % 3 = 0;
SELECT all_right('UPDATE of many rows');
UPDATE shop.orders SET total = total + 1 WHERE false;
SELECT all_right('UPDATE of no row');
DELETE FROM shop.orders WHERE order_id % 10 = 0;
SELECT all_right('DELETE of many rows');
DELETE FROM shop.orders WHERE false;
SELECT all_right('DELETE of no row');

-- ON CONFLICT
INSERT INTO shop.orders VALUES (1, 1, 500), (10, 1, 500) ON CONFLICT DO NOTHING;
SELECT all_right('ON CONFLICT DO NOTHING');
INSERT INTO shop.orders VALUES (1, 1, 77), (20, 2, 78), (2, 3, 79) ON CONFLICT (order_id) DO UPDATE SET total = excluded.total, customer_id = excluded.customer_id;
SELECT all_right('ON CONFLICT DO UPDATE of old and new rows');
INSERT INTO shop.orders VALUES (1, 1, 11), (2, 3, 12) ON CONFLICT (order_id) DO UPDATE SET total = excluded.total;
SELECT all_right('ON CONFLICT DO UPDATE of old rows only');
INSERT INTO shop.orders VALUES (1, 1, 0) ON CONFLICT (order_id) DO UPDATE SET total = excluded.total WHERE false;
SELECT all_right('ON CONFLICT DO UPDATE that updates nothing');

-- MERGE
MERGE INTO shop.orders o USING (VALUES (1, 5, 40), (3, 5, 50), (30, 5, 60), (40, NULL, 70), (4, 0, 0)) v (order_id, customer_id, total) ON o.order_id = v.order_id
WHEN MATCHED AND v.total = 0 THEN DELETE
WHEN MATCHED THEN UPDATE SET total = v.total, customer_id = v.customer_id
WHEN NOT MATCHED THEN INSERT (order_id, customer_id, total) VALUES (v.order_id, v.customer_id, v.total);
SELECT all_right('MERGE that inserts, updates and deletes');
MERGE INTO shop.orders o USING (SELECT 5 AS order_id) v ON o.order_id = v.order_id WHEN MATCHED THEN DO NOTHING;
SELECT all_right('MERGE that does nothing');

-- writable CTEs
WITH gone AS (DELETE FROM shop.orders WHERE order_id = 5 RETURNING *)
INSERT INTO shop.orders SELECT 1005, customer_id, total + 1 FROM gone;
SELECT all_right('a CTE that deletes and inserts under another key');
WITH moved AS (UPDATE shop.orders SET status = 'cancelled' WHERE order_id = 6 RETURNING *), new AS (INSERT INTO shop.orders SELECT 1006, customer_id, total FROM moved RETURNING *)
SELECT run('SELECT 1') FROM new;
SELECT all_right('a CTE that updates and inserts');
WITH a AS (INSERT INTO shop.orders VALUES (1100, 7, 10) RETURNING 1), b AS (INSERT INTO shop.orders VALUES (1101, 7, 20) RETURNING 1), c AS (DELETE FROM shop.orders WHERE order_id = 7)
UPDATE shop.orders SET total = 9 WHERE order_id = 8;
SELECT all_right('a CTE of everything');

-- functions, rules of the other kind, updatable views
CREATE VIEW shop.paid AS SELECT order_id, customer_id, total FROM shop.orders WHERE status = 'paid';
INSERT INTO shop.paid VALUES (1200, 8, 12);
UPDATE shop.paid SET total = 13 WHERE order_id = 1200;
SELECT all_right('through an updatable view');
DO $$ BEGIN FOR i IN 1 .. 5 LOOP INSERT INTO shop.orders VALUES (1300 + i, i, i); UPDATE shop.orders SET total = i * 2 WHERE order_id = 1300 + i; END LOOP; END $$;
SELECT all_right('in a loop');

-- keys
UPDATE shop.orders SET order_id = order_id + 100000 WHERE customer_id = 3;
SELECT all_right('new keys');
UPDATE shop.orders SET order_id = order_id - 100000 + 0, total = total + 3 WHERE order_id > 100000;
SELECT all_right('new keys and new totals');
INSERT INTO shop.orders VALUES (2001, 11, 10), (2002, 12, 20);
UPDATE shop.orders SET total = CASE order_id WHEN 2001 THEN 20 ELSE 10 END, customer_id = CASE order_id WHEN 2001 THEN 12 ELSE 11 END WHERE order_id IN (2001, 2002);
SELECT all_right('two rows swap everything but their keys');
INSERT INTO shop.orders VALUES (2010, 13, 10), (2011, 14, 20), (2012, 15, 30);
UPDATE shop.orders SET order_id = order_id + 10 WHERE order_id BETWEEN 2010 AND 2012;
UPDATE shop.orders SET order_id = order_id - 9 WHERE order_id BETWEEN 2020 AND 2022;
SELECT all_right('keys that overlap the old ones');

INSERT INTO shop.orders VALUES (2052, 16, 10), (2051, 17, 20), (2050, 18, 30);
SET LOCAL enable_indexscan = off;
SET LOCAL enable_bitmapscan = off;
UPDATE shop.orders SET order_id = order_id + 1 WHERE order_id BETWEEN 2050 AND 2052;
RESET enable_indexscan;
RESET enable_bitmapscan;
SELECT is((SELECT string_agg(format('%s:%s:%s', order_id, member_id, trim_scale(points)), ' ' ORDER BY order_id) FROM rewards.orders_points
	WHERE points <> 0 AND order_id BETWEEN 2050 AND 2053), '2051:18:30 2052:17:20 2053:16:10', 'each row takes the key another had, in one statement');
SELECT is(ARRAY[ledger(16), ledger(17), ledger(18)], '{"earn 10, revoke -10, earn 10","earn 20, revoke -20, earn 20","earn 30, revoke -30, earn 30"}',
	'revoked under the old key, earned under the new');

-- members
UPDATE shop.orders SET customer_id = CASE customer_id WHEN 1 THEN 2 WHEN 2 THEN 1 ELSE customer_id END;
SELECT all_right('all orders of two members swapped');
UPDATE shop.orders SET customer_id = NULL WHERE order_id % 5 = 1;
SELECT all_right('members taken away');
UPDATE shop.orders SET customer_id = 5 WHERE customer_id IS NULL;
SELECT all_right('and given');

-- cascades
CREATE TABLE shop.customers (id bigint PRIMARY KEY);
CREATE TABLE shop.visits (visit_id bigint PRIMARY KEY, customer_id bigint REFERENCES shop.customers ON DELETE CASCADE ON UPDATE CASCADE, at timestamptz DEFAULT '2026-01-10 12:00Z');
SELECT run($$SELECT rewards.attach('shop.visits', name => 'visits', member => 'customer_id', occurred_at => 'at')$$);
INSERT INTO rewards.rule (name, source, earn) VALUES ('visit', 'visits', '5');
INSERT INTO shop.customers SELECT generate_series(5001, 5004);
INSERT INTO shop.visits SELECT i, 5001 + i % 4 FROM generate_series(1, 40) i;
SELECT is((SELECT array_agg(rewards.balance(m)::integer ORDER BY m) FROM generate_series(5001, 5004) m), '{50,50,50,50}', 'visits of four customers');
DELETE FROM shop.customers WHERE id IN (5001, 5002);
SELECT is((SELECT array_agg(rewards.balance(m)::integer ORDER BY m) FROM generate_series(5001, 5004) m), '{0,0,50,50}', 'two customers deleted with their visits');
UPDATE shop.customers SET id = 5005 WHERE id = 5003;
SELECT is((SELECT array_agg(rewards.balance(m)::integer ORDER BY m) FROM generate_series(5001, 5005) m), '{0,0,0,50,50}', 'one has a new id, his visits too');

-- TRUNCATE
SELECT isnt(sqlstate_of('TRUNCATE shop.orders'), '00000', 'TRUNCATE of an attached table is refused');
SELECT throws_like('TRUNCATE shop.orders', '%orders%', 'with a message that names it');
SELECT isnt(sqlstate_of('TRUNCATE shop.customers CASCADE'), '00000', 'so is one that cascades to it');
SELECT isnt(sqlstate_of('TRUNCATE ONLY shop.orders'), '00000', 'and ONLY');
SELECT all_right('all rows are there');

-- BEFORE triggers that change or suppress rows
CREATE FUNCTION shop.before() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF new.note = 'suppress' THEN RETURN NULL; END IF;
	IF new.note = 'double' THEN new.total := new.total * 2; END IF;
	RETURN new;
END
$$;
CREATE TRIGGER before BEFORE INSERT OR UPDATE ON shop.orders FOR EACH ROW EXECUTE FUNCTION shop.before();
INSERT INTO shop.orders VALUES (3001, 21, 10, DEFAULT, 'paid', NULL, 'suppress'), (3002, 21, 10, DEFAULT, 'paid', NULL, 'double'), (3003, 21, 10, DEFAULT, 'paid', NULL, NULL);
SELECT is(state(21), '30 available', 'rows changed or suppressed by BEFORE triggers count as they are');
UPDATE shop.orders SET note = CASE order_id WHEN 3002 THEN 'suppress' ELSE 'double' END WHERE customer_id = 21;
SELECT is(state(21), '40 available', 'on update too');
SELECT all_right('all of them');
DROP TRIGGER before ON shop.orders;

-- AFTER ROW triggers of the application that write to their own table: their
-- statements end before the one that fired them
CREATE FUNCTION shop.after() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	CASE new.note
		WHEN 'price it' THEN UPDATE shop.orders SET total = 100, note = NULL WHERE order_id = new.order_id;
		WHEN 'delete it' THEN DELETE FROM shop.orders WHERE order_id = new.order_id;
		WHEN 'key it' THEN UPDATE shop.orders SET order_id = new.order_id + 50000, note = NULL WHERE order_id = new.order_id;
		WHEN 'copy it' THEN INSERT INTO shop.orders VALUES (new.order_id + 60000, new.customer_id, new.total);
		WHEN 'give it' THEN UPDATE shop.orders SET customer_id = 39, note = NULL WHERE order_id = new.order_id;
		ELSE NULL;
	END CASE;
	RETURN NULL;
END
$$;
CREATE TRIGGER after AFTER INSERT OR UPDATE ON shop.orders FOR EACH ROW EXECUTE FUNCTION shop.after();
INSERT INTO shop.orders VALUES (4001, 31, 0, DEFAULT, 'paid', NULL, 'price it');
SELECT is(ARRAY[earned(4001), rewards.balance(31)], '{100,100}'::numeric[], 'a row trigger that sets the price of its own row');
INSERT INTO shop.orders VALUES (4002, 32, 50, DEFAULT, 'paid', NULL, 'delete it');
SELECT is(ARRAY[earned(4002), rewards.balance(32)], '{0,0}'::numeric[], 'one that deletes its own row');
INSERT INTO shop.orders VALUES (4003, 33, 50, DEFAULT, 'paid', NULL, 'key it');
SELECT is(ARRAY[earned(4003), earned(54003), rewards.balance(33)], '{0,50,50}'::numeric[], 'one that gives it another key');
INSERT INTO shop.orders VALUES (4004, 34, 50, DEFAULT, 'paid', NULL, 'copy it');
SELECT is(ARRAY[earned(4004), earned(64004), rewards.balance(34)], '{50,50,100}'::numeric[], 'one that inserts another row');
INSERT INTO shop.orders VALUES (4005, 35, 50, DEFAULT, 'paid', NULL, 'give it');
SELECT is(ARRAY[earned(4005), rewards.balance(35), rewards.balance(39)], '{50,0,50}'::numeric[], 'one that gives it to somebody else');
UPDATE shop.orders SET note = 'price it', total = 7 WHERE order_id IN (4003 + 50000, 4004, 4005);
SELECT is(ARRAY[earned(54003), earned(4004), earned(4005)], '{100,100,100}'::numeric[], 'on update of several rows');
UPDATE shop.orders SET note = 'delete it' WHERE order_id = 4004;
SELECT is(earned(4004), 0::numeric, 'an update whose row trigger deletes the row');
INSERT INTO shop.orders SELECT 4100 + i, 40 + i % 3, 10, '2026-01-10 12:00Z', 'paid', NULL, (ARRAY['price it', 'delete it', 'key it', 'copy it', NULL])[1 + i % 5] FROM generate_series(1, 30) i;
SELECT all_right('a mixture in one statement');
INSERT INTO shop.orders VALUES (4004, 34, 5, DEFAULT, 'paid', NULL, 'price it') ON CONFLICT (order_id) DO UPDATE SET total = 1, note = 'price it';
INSERT INTO shop.orders VALUES (4004, 34, 5, DEFAULT, 'paid', NULL, 'price it') ON CONFLICT (order_id) DO UPDATE SET total = 1, note = 'price it';
SELECT all_right('with ON CONFLICT');
DROP TRIGGER after ON shop.orders;

-- triggers of the application that write at the end of the transaction, cursors, rules
CREATE TABLE shop.baskets (basket_id bigint PRIMARY KEY, customer_id bigint, total numeric);
CREATE FUNCTION shop.order_it() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO shop.orders (order_id, customer_id, total) VALUES (new.basket_id, new.customer_id, new.total);
	RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER order_it AFTER INSERT ON shop.baskets DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION shop.order_it();
INSERT INTO shop.baskets SELECT 70000 + i, 60 + i % 2, 10 FROM generate_series(1, 10) i;
SELECT is(rewards.balance(60), 0::numeric, 'nothing is ordered yet');
SET CONSTRAINTS ALL IMMEDIATE;
SELECT is(ARRAY[rewards.balance(60), rewards.balance(61)], '{50,50}'::numeric[], 'orders that a deferred trigger writes');
DECLARE c CURSOR FOR SELECT * FROM shop.orders WHERE order_id > 70000 FOR UPDATE;
FETCH 2 FROM c \g /dev/null
UPDATE shop.orders SET total = 11 WHERE CURRENT OF c;
FETCH 1 FROM c \g /dev/null
DELETE FROM shop.orders WHERE CURRENT OF c;
CLOSE c;
SELECT all_right('UPDATE and DELETE of a cursor''s row');
CREATE TABLE shop.till (order_id bigint, customer_id bigint, total numeric);
CREATE RULE sell AS ON INSERT TO shop.till DO INSTEAD INSERT INTO shop.orders (order_id, customer_id, total) VALUES (new.order_id, new.customer_id, new.total);
INSERT INTO shop.till SELECT 71000 + i, 62, i FROM generate_series(1, 10) i;
SELECT is(rewards.balance(62), 55::numeric, 'orders that a rule writes');
SELECT all_right('all of these');

-- two statements of one transaction, savepoints
SAVEPOINT a;
UPDATE shop.orders SET total = total * 2;
ROLLBACK TO a;
SELECT all_right('rolled back to a savepoint');
SAVEPOINT b;
UPDATE shop.orders SET total = total + 2;
RELEASE b;
SELECT all_right('a savepoint released');

-- what does not concern us
ALTER TABLE shop.orders ADD COLUMN extra text DEFAULT 'x';
ALTER TABLE shop.orders DROP COLUMN channel;
UPDATE shop.orders SET extra = 'y', total = total + 1;
INSERT INTO shop.orders (order_id, customer_id, total, extra) VALUES (5001, 51, 9, 'z');
SELECT all_right('columns added and dropped');
ALTER TABLE shop.orders RENAME COLUMN total TO gross;
ALTER TABLE shop.orders RENAME TO purchases;
ALTER TABLE shop.purchases SET SCHEMA t;
UPDATE t.purchases SET gross = 100 WHERE order_id = 5001;
SELECT is(earned(5001), 100::numeric, 'the table and the column renamed, the table moved');
ALTER TABLE t.purchases SET SCHEMA shop;
ALTER TABLE shop.purchases RENAME TO orders;
ALTER TABLE shop.orders RENAME COLUMN gross TO total;
SELECT all_right('and back');

\ir include/finish.sql
