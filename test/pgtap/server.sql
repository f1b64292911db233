-- What the server demands of a program: transactions that may not write,
-- catalogs that can be upgraded, functions whose names stay, rows that are
-- updated on their page.
BEGIN;
\ir include/shop.sql
SET LOCAL search_path = t, public;
SELECT * FROM no_plan();
INSERT INTO rewards.rule (name, source, earn) VALUES ('base', 'orders', '1 per 1');
INSERT INTO shop.orders VALUES (1, 1, 100), (2, 2, 100);

-- -------- a transaction that may not write --------
-- the engine writes past the executor, which would refuse by itself
UPDATE rewards.unit SET transferable = true;
INSERT INTO rewards.reward (name) VALUES ('mug');
INSERT INTO rewards.reward_price (reward, unit, points) VALUES ('mug', 'points', 5);
CREATE FUNCTION t.read_only(statement text) RETURNS text LANGUAGE sql AS $$
	SELECT t.sqlstate_of('SET LOCAL transaction_read_only = on; ' || statement)
$$;
SELECT is(read_only(format('SELECT rewards.%s', call)), '25006', format('%s cannot be called in a read-only transaction', call))
FROM unnest(ARRAY[$$adjust(1, 5, reason => 'x')$$, $$adjust(1, -5, reason => 'x')$$, $$adjust(90, 5, reason => 'a stranger')$$,
	'spend(1, 5)', 'hold(1, 5)', 'transfer(1, 2, 5)', $$redeem(1, 'mug')$$, $$hold_reward(1, 'mug')$$, $$set_clock('2026-02-01 00:00Z')$$,
	$$detach('orders')$$]) call;
SELECT is(state(1), '100 available', 'nothing has happened');
SELECT is(read_only('SELECT rewards.balance(1), count(*) FROM rewards.balances; SELECT count(*) FROM rewards.statement(1), rewards.verify()'),
	'00000', 'reading is all right');

-- -------- pg_upgrade --------
-- refuses columns of types that stand for catalog rows by number, but for three
SELECT is_empty($$
	SELECT c.oid::regclass, a.attname, a.atttypid::regtype
	FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
	WHERE c.relnamespace IN ('loyalty'::regnamespace, 'rewards'::regnamespace) AND c.relkind IN ('r', 'p', 'v', 'm') AND a.attnum > 0 AND NOT a.attisdropped
		AND a.atttypid::regtype::text ~ '^reg' AND a.atttypid NOT IN ('regclass'::regtype, 'regrole'::regtype, 'regtype'::regtype)$$,
	'no column keeps pg_upgrade from working');

-- -------- what programs call --------
-- a program made by this version must find the same function in the next ones
CREATE VIEW t.calls AS
	SELECT p.oid::regprocedure::text AS caller, m[1] AS called
	FROM pg_proc p, regexp_matches(coalesce(pg_get_function_sqlbody(p.oid), p.prosrc), 'loyalty\.([a-z0-9_]+)\(', 'g') m
	WHERE p.pronamespace = 'rewards'::regnamespace
	UNION ALL
	SELECT v.oid::regclass::text, m[1]
	FROM pg_class v, regexp_matches(pg_get_viewdef(v.oid), 'loyalty\.([a-z0-9_]+)\(', 'g') m
	WHERE v.relnamespace = 'rewards'::regnamespace AND v.relkind = 'v'
	UNION ALL
	SELECT format('%s on %s', t.tgname, t.tgrelid::regclass), p.proname
	FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
	WHERE NOT t.tgisinternal AND c.relnamespace = 'rewards'::regnamespace AND p.pronamespace = 'loyalty'::regnamespace;
SELECT cmp_ok((SELECT count(DISTINCT called) FROM calls), '>', 50::bigint, 'the functions of a program call those of the extension');
SELECT is_empty($$SELECT * FROM calls WHERE called !~ '_[0-9]+$' AND called NOT IN ('sum', 'code_text') AND called NOT LIKE 'source\_%'$$,
	'by names with the number of their interface, but for what belongs to a type or hangs on tables');

-- -------- updates on the page --------
-- what a purchase writes to an account is in no index
CREATE TABLE t.before AS SELECT pg_stat_get_xact_tuples_updated('rewards.account'::regclass) AS updated,
	pg_stat_get_xact_tuples_hot_updated('rewards.account'::regclass) AS hot;
INSERT INTO shop.orders VALUES (11, 1, 10);
INSERT INTO shop.orders VALUES (12, 1, 10);
UPDATE shop.orders SET total = 12 WHERE order_id = 12;
DELETE FROM shop.orders WHERE order_id = 11;
INSERT INTO shop.orders VALUES (13, 1, 10), (14, 2, 10);
SELECT is((SELECT format('%s updates, %s on their page', pg_stat_get_xact_tuples_updated('rewards.account'::regclass) - updated,
		pg_stat_get_xact_tuples_hot_updated('rewards.account'::regclass) - hot) FROM before),
	'6 updates, 6 on their page', 'purchases change no index of the accounts');
SELECT is((SELECT reltoastrelid <> 0 AND pg_relation_size(reltoastrelid) > 0 FROM pg_class WHERE oid = 'rewards.account'::regclass), false,
	'and nothing of them stands elsewhere');

-- -------- triggers on tables of others --------
-- their WHEN clause names a view of the program: its owner can drop them with it
CREATE ROLE regress_program_owner;
CREATE ROLE regress_shop_owner;
\o /dev/null
SET LOCAL client_min_messages = error;
GRANT CREATE ON SCHEMA public TO regress_shop_owner;
SELECT loyalty.create_program('club', 'bigint', 'UTC', 'EUR', owner => 'regress_program_owner');
GRANT USAGE ON SCHEMA shop TO regress_program_owner;
\o
CREATE TABLE shop.theirs (id bigint PRIMARY KEY, member_id bigint, at timestamptz);
ALTER TABLE shop.theirs OWNER TO regress_shop_owner;
GRANT SELECT, TRIGGER ON shop.theirs TO regress_program_owner;
SET LOCAL ROLE regress_program_owner;
\o /dev/null
SELECT club.attach('shop.theirs', 'theirs', member => 'member_id', occurred_at => 'at');
\o
SELECT cmp_ok((SELECT count(*) FROM pg_trigger WHERE tgrelid = 'shop.theirs'::regclass AND NOT tgisinternal), '>', 2::bigint, 'triggers on somebody else''s table');
DROP VIEW club.source_theirs CASCADE;
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgrelid = 'shop.theirs'::regclass AND NOT tgisinternal), 0::bigint, 'go with the view');
RESET ROLE;
SELECT lives_ok($$INSERT INTO shop.theirs VALUES (1, 1, '2026-01-10')$$, 'and the table is as it was');

\ir include/finish.sql
