-- Attaching and detaching tables.
\set ECHO none
\set QUIET 1
SET client_min_messages = error;
BEGIN;
CREATE EXTENSION pgtap;
CREATE EXTENSION loyalty;
SELECT no_plan();

CREATE ROLE shopkeeper;
CREATE ROLE shop;
CREATE ROLE stranger;
GRANT USAGE, CREATE ON SCHEMA public TO shopkeeper, shop, stranger;
SELECT loyalty.create_program('r', 'bigint', 'Europe/Paris', 'EUR', owner => 'shopkeeper');
SELECT loyalty.create_program('s', 'text', 'Europe/Paris', 'EUR', owner => 'shopkeeper');
GRANT USAGE ON SCHEMA r TO shop, stranger;
INSERT INTO r.unit (name, spendable) VALUES ('status', false);
INSERT INTO r.rule (name, earn) VALUES ('base', '1 per 1');

-- triggers of a table that belong to sources: kind and function
CREATE FUNCTION wires(tab regclass) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT p.proname::text COLLATE "default" FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
	WHERE t.tgrelid = tab AND p.pronamespace = 'loyalty'::regnamespace ORDER BY 1
$$;
CREATE FUNCTION attach(tab text, args text, program text DEFAULT 'r') RETURNS void LANGUAGE plpgsql AS $$
BEGIN EXECUTE format('SELECT %I.attach(%L, %s)', program, tab, args); END$$;

-- -------- what can be a source --------
CREATE TABLE orders (id bigint PRIMARY KEY, customer int, total numeric, at timestamptz DEFAULT now(), status text, used numeric);
CREATE VIEW a_view AS SELECT * FROM orders;
CREATE MATERIALIZED VIEW a_matview AS SELECT * FROM orders;
CREATE TEMP TABLE a_temp (id bigint PRIMARY KEY, customer int);
CREATE SEQUENCE a_sequence;
CREATE TABLE no_key (id bigint, customer int);
CREATE TABLE deferred (id bigint PRIMARY KEY DEFERRABLE, customer int);
CREATE TABLE parent (id bigint PRIMARY KEY, customer int, total numeric);
CREATE TABLE child (PRIMARY KEY (id)) INHERITS (parent);
CREATE TABLE parts (id bigint, customer bigint, total numeric, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (100);
CREATE FOREIGN DATA WRAPPER nothing;
CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing;
CREATE FOREIGN TABLE a_foreign (id bigint, customer int) SERVER nowhere;
CREATE TABLE parts_foreign (id bigint, customer bigint) PARTITION BY RANGE (id);
CREATE FOREIGN TABLE parts_foreign_1 PARTITION OF parts_foreign FOR VALUES FROM (0) TO (100) SERVER nowhere;
GRANT SELECT, TRIGGER ON ALL TABLES IN SCHEMA public TO shopkeeper;

SELECT throws_ok($$SELECT attach('no_such_table', 'name => ''x''')$$, '42P01', NULL);
SELECT throws_ok($$SELECT r.attach(NULL, 'x', member => 'customer')$$, '22004', NULL);
SELECT throws_ok($$SELECT r.attach(999999, 'x', member => 'customer')$$, '42P01', NULL);
SELECT throws_ok(format($$SELECT attach(%L, 'name => ''x'', member => ''customer''')$$, t), '42809', NULL, t || ' is refused')
	FROM unnest(ARRAY['a_view', 'a_matview', 'a_temp', 'a_sequence', 'a_foreign', 'parts_foreign', 'parts_1', 'child',
		'pg_class', 'r.journal', 'r.entry', 'r.account', 'r.rule', 'r.posting_activity', 'orders_pkey']) t;
SELECT throws_ok($$SELECT attach('no_key', 'name => ''x'', member => ''customer''')$$, '42P16', 'table "no_key" has no primary key');
SELECT throws_ok($$SELECT attach('deferred', 'name => ''x'', member => ''customer''')$$, '42P16', 'primary key of table "deferred" is deferrable');

-- -------- arguments --------
SELECT throws_ok($$SELECT attach('orders', 'name => ''My Orders'', member => ''customer''')$$, '42602', '"My Orders" cannot be the name of a source');
SELECT throws_ok($$SELECT attach('orders', 'name => NULL')$$, '22023', 'source "orders" needs member', 'without a name it is the table''s');
SELECT throws_ok($$SELECT attach('orders', 'name => ''x''')$$, '22023', 'source "x" needs member');
SELECT throws_ok($$SELECT attach('orders', 'name => ''x'', member => ''customer'', on_delete => ''forget''')$$, '22023', 'on_delete cannot be "forget"');
SELECT throws_ok($$SELECT attach('orders', 'name => ''x'', member => ''customer'', spend => ''used'', spend_unit => ''status''')$$, NULL, 'unit "status" is not spendable', 'points are of a unit that can be spent');
SELECT throws_ok($$SELECT attach('orders', 'name => ''x'', member => ''customer'', spend_unit => ''points''')$$, '22023', 'spend_unit and spend_condition need spend', 'a unit of nothing');
SELECT throws_ok($$SELECT attach('orders', 'name => ''x'', member => ''customer'', spend_condition => ''true''')$$, '22023', 'spend_unit and spend_condition need spend', 'a condition of nothing');
SELECT throws_ok($$SELECT attach('orders', 'name => ''x'', member => ''customer'', reduces_key => ''id''')$$, '22023', 'reduces_key needs reduces');
SELECT throws_ok($$SELECT attach('orders', 'name => ''x'', member => ''customer'', event => ''id'', key => ''id''')$$, '22023', 'event and key cannot be given together');
SELECT throws_ok($$SELECT attach('orders', 'name => ''x'', member => ''status''')$$, '42804', 'member of source "x" must be of type bigint, but is of type text');
SELECT throws_ok($$SELECT attach('orders', 'name => ''x'', member => ''customer'', amount => ''status''')$$, '42804', NULL);
SELECT throws_ok($$SELECT attach('orders', 'name => ''x'', member => ''customer'', occurred_at => ''id''')$$, '42804', 'occurred_at of source "x" must be an instant, but is of type bigint');
SELECT throws_ok($$SELECT attach('orders', 'name => ''x'', member => ''customer'', condition => ''total''')$$, '42804', NULL);
SELECT throws_ok($$SELECT attach('orders', 'name => ''x'', member => ''customer'', event => ''total::float8''')$$, '42804', 'event of source "x" cannot be of type double precision');
SELECT throws_ok($$SELECT attach('orders', 'name => ''x'', member => ''customer'', key => ''total > 1''')$$, '42804', 'key of source "x" cannot be of type boolean');
SELECT throws_ok($$SELECT attach('orders', 'name => ''x'', member => ''(SELECT 1)''')$$, '0A000', 'member of source "x" cannot contain a subquery');
SELECT throws_ok($$SELECT attach('orders', 'name => ''x'', member => ''customer'', amount => ''random()''')$$, '42P17', NULL);

-- -------- keys --------
CREATE TABLE keyed (a smallint, b int, c uuid, d varchar(10), e date, f timestamptz, g numeric, h bytea, customer bigint, PRIMARY KEY (a, b, c, d, e, f, g, h));
CREATE TABLE badly_keyed (id float8 PRIMARY KEY, customer bigint);
GRANT SELECT, TRIGGER ON keyed, badly_keyed TO shopkeeper;
SELECT lives_ok($$SELECT attach('keyed', 'name => ''keyed'', member => ''customer''')$$, 'keys of several columns');
SELECT results_eq($$SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'r.posting_keyed'::regclass AND attname LIKE 'key%' ORDER BY attnum$$,
	$$VALUES ('smallint'), ('integer'), ('uuid'), ('text'), ('date'), ('timestamp with time zone'), ('numeric'), ('bytea')$$, 'are held in their own types');
SELECT columns_are('r', 'keyed_points', ARRAY['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'member_id', 'unit', 'points', 'posted_at']);
SELECT throws_ok($$SELECT attach('badly_keyed', 'name => ''badly'', member => ''customer''')$$, '42P16', 'key column "id" of table "badly_keyed" is of type double precision');
SELECT lives_ok($$SELECT attach('badly_keyed', 'name => ''badly'', member => ''customer'', key => ''id::text''')$$, 'an expression for the key');
SELECT columns_are('r', 'badly_points', ARRAY['key', 'member_id', 'unit', 'points', 'posted_at']);
CREATE TABLE taken (member_id text COLLATE "POSIX", unit int, PRIMARY KEY (member_id, unit));
GRANT SELECT, TRIGGER ON taken TO shopkeeper;
SELECT lives_ok($$SELECT attach('taken', 'name => ''taken'', member => ''unit''')$$, 'a key whose columns have the names of ours');
SELECT columns_are('r', 'taken_points', ARRAY['member_id', 'unit', 'loyalty_member_id', 'loyalty_unit', 'points', 'posted_at']);
SELECT lives_ok($$SELECT * FROM taken JOIN r.taken_points USING (member_id, unit)$$, 'is joined with USING, whatever its collation');

-- -------- attached --------
SELECT lives_ok($$SELECT r.attach('orders', name => 'orders', member => 'customer', amount => 'total', occurred_at => 'at',
	condition => $c$status IN ('paid', 'shipped')$c$)$$, 'a table is attached');
SELECT results_eq($$SELECT wires('orders')$$, $$VALUES ('source_delete'), ('source_insert'), ('source_truncate'), ('source_update')$$, 'it has triggers');
SELECT results_eq($$SELECT count(*) FROM pg_trigger WHERE tgrelid = 'orders'::regclass AND pg_get_triggerdef(oid) LIKE '%''r.source_orders''::regclass IS NOT NULL%' AND tgnargs = 0$$,
	'VALUES (4::bigint)', 'which name the pin and nothing else');
SELECT results_eq($$SELECT purchase, spend_unit, on_delete, key_columns, posting, pin FROM r.source WHERE name = 'orders'$$,
	$$VALUES (true, NULL::text, 'revoke', ARRAY['id'], 'r.posting_orders'::regclass, 'r.source_orders'::regclass)$$, 'defaults are filled in');
SELECT throws_ok($$SELECT r.attach('orders', 'orders', member => 'customer')$$, '42710', 'source "orders" is attached already');
SELECT lives_ok($$SELECT r.attach('orders', 'again', member => 'customer', event => 'status')$$, 'a table can be two sources');
SELECT columns_are('r', 'again_points', ARRAY['event_key', 'member_id', 'unit', 'points', 'posted_at']);
INSERT INTO orders VALUES (1, 7, 100, now(), 'paid', 0), (2, 7, 50, now(), 'new', 0);
SELECT results_eq($$SELECT id, member_id, unit, points FROM r.orders_points$$, $$VALUES (1::bigint, 7::bigint, 'points', 100::numeric)$$, 'points of events can be seen');
UPDATE orders SET total = 80 WHERE id = 1;
SELECT results_eq($$SELECT id, points FROM orders JOIN r.orders_points USING (id)$$, $$VALUES (1::bigint, 80::numeric)$$, 'and joined');
SELECT throws_ok('TRUNCATE orders', '0A000', 'table "orders" cannot be truncated, as it is a source of a loyalty program');

-- the member type
SELECT lives_ok($$SELECT s.attach('orders', 'orders', member => 'status', amount => 'total')$$, 'two programs on one table');
SELECT lives_ok($$SELECT s.attach('orders', 'numbers', member => 'id')$$, 'ids are converted as in an assignment');

-- -------- reducing sources --------
CREATE TABLE refunds (id bigint PRIMARY KEY, order_id int, amount numeric, at timestamptz DEFAULT now());
GRANT SELECT, TRIGGER ON refunds TO shopkeeper;
SELECT throws_ok($$SELECT attach('refunds', 'name => ''x'', reduces => ''orders'', amount => ''amount''')$$, '22023', 'source "x" needs reduces_key and amount, as it reduces "orders"');
SELECT throws_ok($$SELECT attach('refunds', 'name => ''x'', reduces => ''orders'', reduces_key => ''order_id''')$$, '22023', NULL);
SELECT throws_ok($$SELECT attach('refunds', 'name => ''x'', reduces => ''orders'', reduces_key => ''order_id'', amount => ''amount'', member => ''order_id''')$$, '22023', NULL);
SELECT throws_ok($$SELECT attach('refunds', 'name => ''x'', reduces => ''nothing'', reduces_key => ''order_id'', amount => ''amount''')$$, '42704', NULL);
SELECT throws_ok($$SELECT attach('refunds', 'name => ''x'', reduces => ''orders'', reduces_key => ''at'', amount => ''amount''')$$, '42804', 'reduces_key of source "x" must be of type bigint, but is of type timestamp with time zone');
SELECT throws_ok($$SELECT attach('refunds', 'name => ''x'', reduces => ''keyed'', reduces_key => ''order_id'', amount => ''amount''')$$, '22023', 'source "keyed" cannot be reduced, as it has no amount');
SELECT lives_ok($$SELECT r.attach('refunds', name => 'refunds', reduces => 'orders', reduces_key => 'order_id', amount => 'amount')$$, 'a reducing source');
SELECT hasnt_table('r', 'posting_refunds', 'has no postings');
SELECT hasnt_view('r', 'refunds_points', 'and no points');
SELECT throws_ok($$SELECT attach('refunds', 'name => ''x'', reduces => ''refunds'', reduces_key => ''order_id'', amount => ''amount''')$$, '22023', 'source "refunds" cannot be reduced, as it reduces "orders" itself');
INSERT INTO refunds VALUES (1, 1, 30);
SELECT results_eq($$SELECT points FROM r.orders_points$$, $$VALUES (50::numeric)$$, 'it reduces');
SELECT throws_ok($$SELECT r.detach('orders')$$, '2BP01', 'source "orders" cannot be detached: source "refunds" reduces it');

-- -------- detaching --------
SELECT throws_ok($$SELECT r.detach('nothing')$$, '42704', 'no source "nothing" is attached to loyalty program "r"');
SELECT throws_ok($$SELECT r.detach(NULL)$$, '22004', NULL);
SELECT lives_ok($$SELECT r.detach('refunds'), r.detach('orders'), r.detach('again'), s.detach('orders'), s.detach('numbers')$$, 'sources are detached');
SELECT is_empty($$SELECT wires('orders')$$, 'their triggers are gone');
SELECT hasnt_view('r', 'source_orders');
SELECT has_table('r', 'posting_orders', 'postings stay');
SELECT results_eq($$SELECT points FROM r.orders_points$$, $$VALUES (50::numeric)$$, 'and points');
SELECT throws_ok($$SELECT r.detach('orders')$$, '42704', NULL, 'once only');
INSERT INTO orders VALUES (3, 7, 1000, now(), 'paid', 0);
SELECT results_eq($$SELECT points FROM r.orders_points$$, $$VALUES (50::numeric)$$, 'a detached table earns nothing');
INSERT INTO r.rule (name, source, earn) VALUES ('flat', 'orders', '5');
SELECT throws_ok($$UPDATE r.rule SET condition = 'total > 1' WHERE name = 'flat'$$, '55000', NULL, 'nothing can be pinned meanwhile');

-- again
CREATE TABLE other_orders (id bigint PRIMARY KEY, customer bigint, total numeric);
CREATE TABLE text_orders (id text PRIMARY KEY, customer bigint, total numeric);
GRANT SELECT, TRIGGER ON other_orders, text_orders TO shopkeeper;
CREATE TEMP TABLE before AS SELECT source_no FROM r.source WHERE name = 'orders';
SELECT throws_ok($$SELECT r.attach('text_orders', 'orders', member => 'customer')$$, '42P16', 'source "orders" was attached before with a key of other types');
SELECT lives_ok($$SELECT r.attach('orders', 'orders', member => 'customer', amount => 'total', condition => 'total > 0')$$, 'a source is attached again');
SELECT results_eq($$SELECT source_no FROM r.source WHERE name = 'orders'$$, 'SELECT source_no FROM before', 'under its number');
UPDATE r.rule SET condition = 'orders.total > 500' WHERE name = 'flat';
UPDATE orders SET total = 1001 WHERE id = 3;
SELECT results_eq($$SELECT points FROM r.orders_points WHERE id = 3$$, $$VALUES (1006::numeric)$$);
SELECT r.detach('orders');
SELECT throws_ok($$SELECT r.attach('other_orders', 'orders', member => 'customer', amount => 'total')$$, '42P01', NULL, 'a rule that names the old table');
UPDATE r.rule SET enabled = false WHERE name = 'flat';
SELECT lives_ok($$SELECT r.attach('other_orders', 'orders', member => 'customer', amount => 'total')$$, 'unless it is disabled');
SELECT throws_ok($$UPDATE r.rule SET enabled = true WHERE name = 'flat'$$, '42P01', NULL, 'and must be corrected before it is enabled');
UPDATE r.rule SET condition = 'total > 500', enabled = true WHERE name = 'flat';
INSERT INTO other_orders VALUES (10, 7, 501), (11, 7, 499);
SELECT results_eq($$SELECT id, points FROM r.orders_points WHERE id >= 10 ORDER BY id$$, $$VALUES (10::bigint, 506::numeric), (11, 499)$$, 'rules read the new table');

-- -------- partitions --------
SELECT lives_ok($$SELECT r.attach('parts', 'parts', member => 'customer', amount => 'total')$$, 'a partitioned table');
SELECT results_eq($$SELECT wires('parts')$$, $$VALUES ('source_delete'), ('source_insert'), ('source_moved'), ('source_truncate'), ('source_update')$$);
SELECT results_eq($$SELECT wires('parts_1')$$, $$SELECT wires('parts')$$, 'its partitions have the same triggers');
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (100) TO (200);
SELECT results_eq($$SELECT wires('parts_2')$$, $$SELECT wires('parts')$$, 'so have new ones');
CREATE TABLE parts_3 PARTITION OF parts FOR VALUES FROM (200) TO (300) PARTITION BY RANGE (id);
CREATE TABLE parts_3_1 PARTITION OF parts_3 FOR VALUES FROM (200) TO (250);
CREATE TABLE parts_3_2 (LIKE parts INCLUDING ALL);
ALTER TABLE parts_3 ATTACH PARTITION parts_3_2 FOR VALUES FROM (250) TO (300);
SELECT results_eq($$SELECT wires('parts_3_1')$$, $$SELECT wires('parts')$$, 'and partitions of partitions');
SELECT results_eq($$SELECT wires('parts_3_2')$$, $$SELECT wires('parts')$$, 'and those that are attached');
INSERT INTO parts VALUES (1, 50, 1), (101, 50, 1), (201, 50, 1), (251, 50, 1);
INSERT INTO parts_1 VALUES (2, 50, 1);
INSERT INTO parts_2 VALUES (102, 50, 1);
INSERT INTO parts_3 VALUES (202, 50, 1), (252, 50, 1);
INSERT INTO parts_3_2 VALUES (253, 50, 1);
SELECT results_eq($$SELECT id, points FROM r.parts_points ORDER BY id$$,
	$$VALUES (1::bigint, 1::numeric), (2, 1), (101, 1), (102, 1), (201, 1), (202, 1), (251, 1), (252, 1), (253, 1)$$, 'rows earn wherever they arrive');
SELECT throws_ok('TRUNCATE parts_2', '0A000', NULL, 'partitions are not truncated');
CREATE TABLE keyless (id bigint, customer int) PARTITION BY RANGE (id);
GRANT SELECT, TRIGGER ON keyless TO shopkeeper;
SELECT lives_ok($$SELECT r.attach('keyless', 'keyless', member => 'customer', key => 'id')$$, 'a table without a key can have one for the program');
SELECT throws_ok($$CREATE FOREIGN TABLE keyless_1 PARTITION OF keyless FOR VALUES FROM (900) TO (1000) SERVER nowhere$$, '42809', NULL, 'a foreign partition is refused');
SELECT throws_ok($$ALTER TABLE keyless ATTACH PARTITION a_foreign FOR VALUES FROM (900) TO (1000)$$, '42809', NULL, 'however it comes');
ALTER TABLE parts DETACH PARTITION parts_2;
SELECT is_empty($$SELECT wires('parts_2')$$, 'a partition that leaves has no triggers');
SELECT lives_ok($$INSERT INTO parts_2 VALUES (150, 50, 1)$$, 'and can be written as ever');
SELECT is_empty($$SELECT FROM r.parts_points WHERE id = 150$$);
ALTER TABLE parts DETACH PARTITION parts_3;
SELECT is_empty($$SELECT wires('parts_3_1') UNION ALL SELECT wires('parts_3')$$, 'nor have its partitions');
SELECT lives_ok($$SELECT r.detach('parts')$$);
SELECT is_empty($$SELECT wires('parts') UNION ALL SELECT wires('parts_1')$$, 'detached with its partitions');
CREATE TABLE parts_4 PARTITION OF parts FOR VALUES FROM (400) TO (500);
SELECT is_empty($$SELECT wires('parts_4')$$, 'new ones are left alone then');

-- children
SELECT lives_ok($$SELECT r.attach('parent', 'parent', member => 'customer', amount => 'total')$$, 'a table with children');
SELECT results_eq($$SELECT wires('child')$$, $$VALUES ('source_delete'), ('source_insert'), ('source_truncate'), ('source_update')$$);
CREATE TABLE child_2 () INHERITS (parent);
CREATE TABLE child_3 (LIKE parent);
ALTER TABLE child_3 INHERIT parent;
SELECT results_eq($$SELECT wires('child_2')$$, $$SELECT wires('child')$$);
SELECT results_eq($$SELECT wires('child_3')$$, $$SELECT wires('child')$$);
ALTER TABLE child_3 NO INHERIT parent;
SELECT is_empty($$SELECT wires('child_3')$$);
INSERT INTO child_2 VALUES (5, 60, 5);
UPDATE parent SET total = 6;
SELECT results_eq($$SELECT id, points FROM r.parent_points$$, $$VALUES (5::bigint, 6::numeric)$$, 'children earn');
-- DDL on others' tables costs nothing and changes nothing
SELECT lives_ok($$CREATE TABLE plain (a int); ALTER TABLE plain ADD b int; CREATE TABLE plain_child () INHERITS (plain); CREATE SCHEMA sub CREATE TABLE t (a int)$$);
SET LOCAL ROLE stranger;
SELECT lives_ok($$CREATE TABLE mine (a int); CREATE TABLE mine_child () INHERITS (mine); ALTER TABLE mine_child NO INHERIT mine$$, 'nor does it for other roles');
RESET ROLE;

-- -------- rights --------
SET LOCAL ROLE shop;
CREATE TABLE theirs (id bigint PRIMARY KEY, customer bigint, total numeric) PARTITION BY RANGE (id);
CREATE TABLE theirs_1 PARTITION OF theirs FOR VALUES FROM (0) TO (100);
RESET ROLE;
SET LOCAL ROLE shopkeeper;
SELECT throws_ok($$SELECT r.attach('theirs', 'theirs', member => 'customer', amount => 'total')$$, '42501', 'permission denied for table "theirs"', 'a table one may not read');
RESET ROLE;
GRANT SELECT ON theirs TO shopkeeper;
SET LOCAL ROLE shopkeeper;
SELECT throws_ok($$SELECT r.attach('theirs', 'theirs', member => 'customer', amount => 'total')$$, '42501', NULL, 'or not put triggers on');
RESET ROLE;
GRANT EXECUTE ON FUNCTION r.attach TO shop, stranger;
GRANT EXECUTE ON FUNCTION r.detach TO stranger;
SET LOCAL ROLE stranger;
SELECT throws_ok($$SELECT r.attach('theirs', 'theirs', member => 'customer', amount => 'total')$$, '42501', NULL, 'nor may another');
RESET ROLE;
SET LOCAL ROLE shop;
SELECT lives_ok($$SELECT r.attach('theirs', 'theirs', member => 'customer', amount => 'total')$$, 'the table''s owner may attach it');
SELECT lives_ok($$INSERT INTO theirs VALUES (1, 90, 9)$$, 'and need not have rights in the program to write it');
SELECT lives_ok($$CREATE TABLE theirs_2 PARTITION OF theirs FOR VALUES FROM (100) TO (200)$$, 'or to add partitions');
SELECT throws_ok($$SELECT * FROM r.entry$$, '42501', NULL, 'which he has not');
RESET ROLE;
SELECT results_eq($$SELECT wires('theirs_2')$$, $$SELECT wires('theirs')$$);
SELECT results_eq($$SELECT points FROM r.theirs_points$$, 'VALUES (9::numeric)');
SET LOCAL ROLE shopkeeper;
SELECT lives_ok($$SELECT r.detach('theirs')$$, 'detaching needs no right on the table');
RESET ROLE;
SELECT is_empty($$SELECT wires('theirs') UNION ALL SELECT wires('theirs_1')$$);
GRANT TRIGGER ON theirs TO shopkeeper;
SET LOCAL ROLE shopkeeper;
SELECT lives_ok($$SELECT r.attach('theirs', 'theirs', member => 'customer', amount => 'total')$$, 'the right to make triggers is enough');
RESET ROLE;

SET LOCAL ROLE stranger;
SELECT throws_ok($$SELECT loyalty.attach_1('r.program', 'orders', 'x', 'customer', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)$$, '42501', NULL, 'what the functions call checks rights itself');
SELECT throws_ok($$SELECT loyalty.detach_1('r.program', 'theirs')$$, '42501', NULL);
SELECT throws_ok($$SELECT loyalty.set_clock_1('r.program', now())$$, '42501', NULL);
RESET ROLE;

-- functions in expressions: of the caller's rights
CREATE FUNCTION secret(bigint) RETURNS bigint STABLE LANGUAGE sql AS 'SELECT 1::bigint';
REVOKE EXECUTE ON FUNCTION secret FROM PUBLIC;
GRANT EXECUTE ON FUNCTION secret TO shopkeeper;
SET LOCAL ROLE shop;
SELECT throws_ok($$SELECT r.attach('theirs', 'x', member => 'public.secret(customer)')$$, '42501', NULL, 'who attaches must be allowed to use what he uses');
RESET ROLE;

-- a forged trigger does nothing
GRANT USAGE ON SCHEMA r TO stranger;
SET LOCAL ROLE stranger;
CREATE TABLE forged (id bigint PRIMARY KEY, customer bigint, total numeric);
CREATE TRIGGER forged AFTER INSERT ON forged REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT
	WHEN ('r.source_orders'::regclass IS NOT NULL) EXECUTE FUNCTION loyalty.source_insert();
SELECT throws_ok($$INSERT INTO forged VALUES (1000, 1, 1000000)$$, '42501', NULL, 'a forged trigger is refused');
-- nor does a forged pin put triggers on other people's tables
SELECT lives_ok($$CREATE SCHEMA AUTHORIZATION stranger$$) WHERE false;
CREATE VIEW source_forged AS SELECT a.customer AS member FROM theirs a;
CREATE TABLE lure (id bigint, customer bigint) PARTITION BY RANGE (id);
CREATE TRIGGER lure AFTER INSERT ON lure REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT
	WHEN ('source_forged'::regclass IS NOT NULL) EXECUTE FUNCTION loyalty.source_insert();
SELECT lives_ok($$CREATE TABLE lure_1 PARTITION OF lure FOR VALUES FROM (0) TO (1)$$);
RESET ROLE;
SELECT is_empty($$SELECT tgname FROM pg_trigger WHERE tgrelid = 'theirs'::regclass AND pg_get_triggerdef(oid) LIKE '%forged%'$$, 'a forged pin wires nothing');
SELECT is((SELECT count(*) FROM wires('theirs'))::int, 5);

-- -------- the table is altered meanwhile --------
CREATE TABLE altered (id bigint PRIMARY KEY, customer bigint, total numeric, coupon text, bonus numeric);
GRANT SELECT, TRIGGER ON altered TO shopkeeper;
SELECT r.attach('altered', 'altered', member => 'customer', amount => 'total');
INSERT INTO r.rule (name, source, earn, condition) VALUES ('read', 'altered', '2 per 1', 'coupon IS NULL');
INSERT INTO altered VALUES (1, 60, 10, NULL, 0);
UPDATE r.rule SET earn = '3 per 1', condition = 'total > 5' WHERE name = 'read';
INSERT INTO r.rule (name, source, earn, condition) VALUES ('off', 'altered', '10', 'bonus > 1');
INSERT INTO altered VALUES (2, 60, 10, NULL, 2);
UPDATE r.rule SET enabled = false WHERE name = 'off';
UPDATE r.rule SET earn = '4 per 1' WHERE name = 'read';
SELECT throws_ok($$ALTER TABLE altered ALTER COLUMN total TYPE numeric(12, 2)$$, '0A000', NULL, 'a column that is read keeps its type');
SELECT throws_ok($$ALTER TABLE altered DROP COLUMN coupon$$, '2BP01', NULL, 'also one that a rule read once');
ALTER TABLE altered RENAME COLUMN total TO gross;
SELECT r.detach('altered');
SELECT is_empty($$SELECT * FROM r.rule_version v JOIN r.source s USING (source_no) WHERE s.name = 'altered' AND v.pin IS NOT NULL$$, 'detached, nothing reads it');
SELECT results_eq($$SELECT condition FROM r.rule WHERE name IN ('read', 'off') ORDER BY name$$,
	$$VALUES ('bonus > 1'), ('(altered.gross > (5)::numeric)')$$, 'text says what was pinned; what needs no change is kept');
SELECT lives_ok($$ALTER TABLE altered ALTER COLUMN gross TYPE numeric(12, 2), DROP COLUMN coupon$$, 'it can be altered');
SELECT lives_ok($$UPDATE r.rule SET earn = '5 per 1' WHERE name = 'read'$$, 'rules can be changed, but for their expressions');
SELECT lives_ok($$SELECT r.attach('altered', 'altered', member => 'customer', amount => 'gross')$$, 'and attached again');
INSERT INTO altered VALUES (3, 60, 10, 0);
SELECT results_eq('SELECT id, points FROM r.altered_points ORDER BY id', 'VALUES (1::bigint, 30::numeric), (2, 50), (3, 60)', 'rules go on');
UPDATE altered SET gross = 20;
SELECT results_eq('SELECT id, points FROM r.altered_points ORDER BY id', 'VALUES (1::bigint, 30::numeric), (2, 90), (3, 120)',
	'events follow the versions they were judged by, also with rules that are off now; but not those whose expressions are gone');
SELECT results_eq($$SELECT event_key, error LIKE 'the expressions of rule "read" as of configuration version % are gone%' FROM r.failed_event WHERE source = 'altered'$$,
	$$VALUES ('1', true)$$, 'which wait');
SELECT is((SELECT count(*) FROM r.rule_version v JOIN r.source s USING (source_no) WHERE s.name = 'altered' AND v.condition IS NOT NULL AND v.pin IS NULL)::int, 1, 'all others have pins');
UPDATE r.rule SET enabled = false WHERE name = 'read';

-- -------- what somebody else drops --------
CREATE TABLE dropped (id bigint PRIMARY KEY, customer bigint, total numeric, status text);
GRANT SELECT, TRIGGER ON dropped TO shopkeeper;
SELECT r.attach('dropped', 'dropped', member => 'customer', amount => 'total', condition => $c$status = 'paid'$c$);
INSERT INTO r.rule (name, source, earn) VALUES ('of dropped', 'dropped', '1 per 1');
SELECT throws_ok($$ALTER TABLE dropped DROP COLUMN status$$, '2BP01', NULL, 'a column that is read');
ALTER TABLE dropped DROP COLUMN status CASCADE;
SELECT results_eq($$SELECT invariant, detail FROM r.verify() WHERE detail LIKE '%dropped%'$$,
	$$VALUES ('wiring', 'the expressions of source "dropped" were dropped, and its triggers with them')$$, 'which verify tells');
SELECT throws_ok($$SELECT r.reconcile('dropped')$$, '55000', 'the expressions of source "dropped" were dropped', 'a source without its pin');
SELECT throws_ok($$SELECT r.retry_failed('dropped')$$, '55000', 'the expressions of source "dropped" were dropped');
SELECT lives_ok($$SELECT r.detach('dropped'), r.attach('dropped', 'dropped', member => 'customer', amount => 'total')$$, 'is attached again');
INSERT INTO dropped VALUES (1, 77, 10);
SELECT results_eq($$SELECT points FROM r.dropped_points$$, 'VALUES (20::numeric)', 'and earns');
DROP TABLE dropped CASCADE;
SELECT throws_ok($$SELECT r.reconcile('dropped')$$, '55000', 'the table of source "dropped" was dropped', 'a source without its table');
SELECT throws_ok($$INSERT INTO r.rule (name, source, earn, condition) VALUES ('late', 'dropped', '1 per 1', 'total > 1')$$,
	'55000', 'the table of source "dropped" was dropped', 'for which no rule can be written');
SELECT lives_ok($$INSERT INTO r.rule (name, source, earn, condition, enabled) VALUES ('late', 'dropped', '1 per 1', 'total > 1', false)$$, 'unless it is not enabled');
SELECT lives_ok($$SELECT r.detach('dropped')$$, 'it can be detached');
DELETE FROM r.rule WHERE name = 'late';
UPDATE r.rule SET enabled = false WHERE name = 'of dropped';

-- names that do not fit together
SELECT loyalty.create_program(rpad('p', 40, 'x'), 'bigint', 'UTC', 'EUR', owner => 'shopkeeper');
SELECT lives_ok(format($$SELECT %1$s.attach('orders', %2$L, member => 'customer'), %1$s.attach('orders', %3$L, member => 'customer')$$,
	rpad('p', 40, 'x'), rpad('s', 40, 'y'), rpad('s', 39, 'y')), 'long names');
SELECT is((SELECT count(*) FROM wires('orders'))::int, 8);
ALTER TABLE r.source DISABLE TRIGGER USER;
ALTER TABLE r.source ENABLE TRIGGER USER;
UPDATE r.source SET name = 'old_orders' WHERE name = 'orders';
SELECT lives_ok($$SELECT r.attach('other_orders', 'orders', member => 'customer')$$, 'a name that was used before on the same table');

SELECT finish();
ROLLBACK;
