-- What a statement has made ready for posting serves the next one, unless
-- something has changed about the program's tables in between.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();
INSERT INTO rewards.rule (name, source, earn) VALUES ('base', 'orders', '1 per 1');
INSERT INTO shop.orders VALUES (1, 1, 100), (2, 2, 200);
INSERT INTO shop.orders VALUES (3, 1, 10);
INSERT INTO shop.orders VALUES (4, 2, 20);
SELECT is(t.ledger(1) || '; ' || t.ledger(2), 'earn 100, earn 10; earn 200, earn 20', 'statement after statement');

-- columns
ALTER TABLE rewards.journal ADD COLUMN remark text DEFAULT 'by default';
ALTER TABLE rewards.posting_orders ADD COLUMN remark text DEFAULT 'by default';
ALTER TABLE rewards.account ADD COLUMN remark text DEFAULT 'by default';
INSERT INTO shop.orders VALUES (5, 1, 1);
SELECT results_eq($$SELECT remark FROM rewards.journal WHERE event_key = '5' UNION ALL SELECT remark FROM rewards.posting_orders WHERE key1 = 5$$,
	$$VALUES (NULL::text), (NULL)$$, 'columns that are new stay empty in new rows');
UPDATE rewards.account SET remark = 'of ' || member_id;
INSERT INTO shop.orders VALUES (6, 1, 2), (7, 2, 3);
SELECT results_eq('SELECT remark FROM rewards.account ORDER BY member_id', $$VALUES ('of 1'), ('of 2')$$, 'and keep what they hold in accounts');
SAVEPOINT columns;
ALTER TABLE rewards.posting_orders ADD COLUMN mark text;
INSERT INTO shop.orders VALUES (8, 1, 4);
ROLLBACK TO columns;
INSERT INTO shop.orders VALUES (8, 1, 5);
SELECT is(t.earned(8), 5::numeric, 'one that is taken back is gone');
ALTER TABLE rewards.journal DROP COLUMN remark;
ALTER TABLE rewards.posting_orders DROP COLUMN remark;
INSERT INTO shop.orders VALUES (9, 1, 6);
SELECT is(t.earned(9), 6::numeric, 'one that is dropped, too');

-- columns of the source
UPDATE rewards.rule SET condition = $$note IS DISTINCT FROM 'never'$$ WHERE name = 'base';
INSERT INTO shop.orders VALUES (31, 5, 1);
SAVEPOINT columns;
ALTER TABLE shop.orders DROP COLUMN channel, ADD COLUMN weight numeric DEFAULT 7;
INSERT INTO shop.orders (order_id, customer_id, total, note) VALUES (32, 5, 2, 'now'), (33, 5, 3, 'never');
UPDATE shop.orders SET total = total + 1 WHERE order_id IN (31, 32, 33);
SELECT is(t.ledger(5), 'earn 1, earn 2, earn 1, earn 1', 'columns of the source come and go');
ROLLBACK TO columns;
INSERT INTO shop.orders VALUES (32, 5, 4, DEFAULT, DEFAULT, 'app', 'now'), (33, 5, 5, DEFAULT, DEFAULT, 'app', 'never');
SELECT is(t.ledger(5), 'earn 1, earn 4', 'and come back');

-- indexes
CREATE INDEX journal_posted ON rewards.journal (posted_at);
CREATE UNIQUE INDEX posting_twice ON rewards.posting_orders ((key1 * 2));
CREATE INDEX posting_some ON rewards.posting_orders (key1) WHERE amount > 5;
INSERT INTO shop.orders VALUES (10, 1, 7);
INSERT INTO shop.orders VALUES (11, 2, 8);
CREATE FUNCTION t.by_index(query text, OUT plan text, OUT n bigint) LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL enable_seqscan = off;
	SET LOCAL enable_bitmapscan = off;
	EXECUTE 'EXPLAIN (COSTS OFF) ' || query INTO plan;
	FOR plan IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		EXIT WHEN plan LIKE '%Index%';
	END LOOP;
	EXECUTE query INTO n;
	SET LOCAL enable_seqscan = on;
	SET LOCAL enable_bitmapscan = on;
	plan := substring(plan FROM 'using (\w+)');
END
$$;
SELECT results_eq($$SELECT * FROM t.by_index('SELECT count(*) FROM rewards.journal WHERE posted_at > ''2026-01-01''')$$,
	$$SELECT 'journal_posted', count(*) FROM rewards.journal$$, 'an index that is new has all rows');
SELECT results_eq($$SELECT * FROM t.by_index('SELECT count(*) FROM rewards.posting_orders WHERE key1 * 2 > 0')$$,
	$$SELECT 'posting_twice', count(*) FROM rewards.posting_orders$$, 'one of expressions, too');
SELECT results_eq($$SELECT * FROM t.by_index('SELECT count(*) FROM rewards.posting_orders WHERE amount > 5 AND key1 > 0')$$,
	$$SELECT 'posting_some', count(*) FROM rewards.posting_orders WHERE amount > 5$$, 'one with a condition, too');
DROP INDEX rewards.journal_posted, rewards.posting_twice, rewards.posting_some;
INSERT INTO shop.orders VALUES (12, 1, 9);
SELECT is(t.earned(12), 9::numeric, 'those that are dropped are no longer written');

-- constraints
CREATE FUNCTION t.fine(bigint) RETURNS boolean IMMUTABLE LANGUAGE sql AS $$ SELECT $1 > 0 $$;
ALTER TABLE rewards.posting_orders ADD CONSTRAINT fine CHECK (t.fine(key1));
INSERT INTO shop.orders VALUES (15, 1, 12);
CREATE OR REPLACE FUNCTION t.fine(bigint) RETURNS boolean IMMUTABLE LANGUAGE sql AS $$ SELECT $1 <> 16 $$;
SAVEPOINT fine;
SELECT throws_ok('INSERT INTO shop.orders VALUES (16, 1, 13)', '23514', NULL, 'a function of a constraint, too');
ROLLBACK TO fine;
INSERT INTO shop.orders VALUES (17, 1, 14);
ALTER TABLE rewards.posting_orders DROP CONSTRAINT fine;
INSERT INTO shop.orders VALUES (16, 1, 13);
SELECT is(t.earned(16) + t.earned(17), 27::numeric, 'after an error all goes on');

-- triggers
CREATE FUNCTION t.again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO shop.orders SELECT 1000 + new.key1, new.member_id, 1 WHERE new.key1 < 1000;
	RETURN NULL;
END
$$;
CREATE TRIGGER again AFTER INSERT ON rewards.posting_orders FOR EACH ROW EXECUTE FUNCTION t.again();
INSERT INTO shop.orders VALUES (18, 3, 15);
INSERT INTO shop.orders VALUES (19, 3, 16);
SELECT is(t.ledger(3), 'earn 15, earn 1, earn 16, earn 1', 'a trigger that posts while its table is being written');
DROP TRIGGER again ON rewards.posting_orders;
INSERT INTO shop.orders VALUES (20, 3, 17);
SELECT is(t.ledger(3), 'earn 15, earn 1, earn 16, earn 1, earn 17', 'and once it is dropped');

-- several sources, and what belongs to none
CREATE TABLE shop.visits (visit_id uuid PRIMARY KEY DEFAULT gen_random_uuid(), who bigint, day integer, shop text, UNIQUE (shop, day));
\o /dev/null
SELECT rewards.attach('shop.visits', name => 'visits', member => 'who');
\o
INSERT INTO rewards.rule (name, source, earn) VALUES ('visit', 'visits', '3');
INSERT INTO shop.visits (who) VALUES (4);
INSERT INTO shop.orders VALUES (21, 4, 18);
INSERT INTO shop.visits (who) VALUES (4);
SELECT rewards.adjust(4, -1, reason => 'x') IS NOT NULL AS adjusted \gset
INSERT INTO shop.visits (who) VALUES (4);
INSERT INTO shop.orders VALUES (22, 4, 19);
SELECT is(t.ledger(4), 'earn 3, earn 18, earn 3, adjust -1, earn 3, earn 19', 'sources do not get into each other''s way');

-- more rows than are kept room for
INSERT INTO shop.orders SELECT 2000 + i, 100 + i % 50, i FROM generate_series(1, 2000) i;
INSERT INTO shop.orders VALUES (23, 4, 20);
INSERT INTO shop.orders SELECT 5000 + i, 100 + i % 50, i FROM generate_series(1, 20) i;
SELECT is((SELECT sum(p.points) FROM rewards.orders_points p WHERE order_id > 2000), (2000 * 2001 / 2 + 210)::numeric, 'a large statement between small ones');

-- tables that move
CLUSTER rewards.journal USING journal_pkey;
INSERT INTO shop.orders VALUES (24, 4, 21);
SELECT is(t.earned(24), 21::numeric, 'where a table is written anew, new rows follow');

\ir include/finish.sql
