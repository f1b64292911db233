-- A hostile search_path: nothing of it is ever used.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();

-- objects that would be found first by anything that is not qualified
CREATE SCHEMA evil;
CREATE FUNCTION evil.caught(what text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'hostile object used: %', what; END $$;
CREATE FUNCTION evil.op_bb(bigint, bigint) RETURNS boolean LANGUAGE sql AS $$ SELECT evil.caught('operator on bigint') $$;
CREATE FUNCTION evil.op_ii(integer, integer) RETURNS boolean LANGUAGE sql AS $$ SELECT evil.caught('operator on integer') $$;
CREATE FUNCTION evil.op_bi(bigint, integer) RETURNS boolean LANGUAGE sql AS $$ SELECT evil.caught('operator on bigint and integer') $$;
CREATE FUNCTION evil.op_ib(integer, bigint) RETURNS boolean LANGUAGE sql AS $$ SELECT evil.caught('operator on integer and bigint') $$;
CREATE FUNCTION evil.op_ss(smallint, smallint) RETURNS boolean LANGUAGE sql AS $$ SELECT evil.caught('operator on smallint') $$;
CREATE FUNCTION evil.op_tt(text, text) RETURNS boolean LANGUAGE sql AS $$ SELECT evil.caught('operator on text') $$;
CREATE FUNCTION evil.op_nn(name, name) RETURNS boolean LANGUAGE sql AS $$ SELECT evil.caught('operator on name') $$;
CREATE FUNCTION evil.op_oo(oid, oid) RETURNS boolean LANGUAGE sql AS $$ SELECT evil.caught('operator on oid') $$;
CREATE FUNCTION evil.op_uu(numeric, numeric) RETURNS boolean LANGUAGE sql AS $$ SELECT evil.caught('operator on numeric') $$;
CREATE FUNCTION evil.op_zz(timestamptz, timestamptz) RETURNS boolean LANGUAGE sql AS $$ SELECT evil.caught('operator on timestamptz') $$;
CREATE FUNCTION evil.op_pp(loyalty.points, loyalty.points) RETURNS boolean LANGUAGE sql AS $$ SELECT evil.caught('operator on points') $$;
CREATE FUNCTION evil.ar_bb(bigint, bigint) RETURNS bigint LANGUAGE sql AS $$ SELECT evil.caught('arithmetic on bigint')::int::bigint $$;
CREATE FUNCTION evil.ar_uu(numeric, numeric) RETURNS numeric LANGUAGE sql AS $$ SELECT evil.caught('arithmetic on numeric')::int::numeric $$;
CREATE FUNCTION evil.ar_pp(loyalty.points, loyalty.points) RETURNS loyalty.points LANGUAGE sql AS $$ SELECT evil.caught('arithmetic on points')::int::loyalty.points $$;
CREATE FUNCTION evil.cat(text, text) RETURNS text LANGUAGE sql AS $$ SELECT evil.caught('concatenation')::text $$;
DO $$
DECLARE
	op text;
	f text;
	args text;
BEGIN
	FOREACH op IN ARRAY '{=,<>,<,>,<=,>=}'::text[] LOOP
		FOR f, args IN VALUES ('op_bb', 'bigint,bigint'), ('op_ii', 'integer,integer'), ('op_bi', 'bigint,integer'), ('op_ib', 'integer,bigint'), ('op_ss', 'smallint,smallint'),
			('op_tt', 'text,text'), ('op_nn', 'name,name'), ('op_oo', 'oid,oid'), ('op_uu', 'numeric,numeric'), ('op_zz', 'timestamptz,timestamptz'), ('op_pp', 'loyalty.points,loyalty.points') LOOP
			EXECUTE format('CREATE OPERATOR evil.%s (FUNCTION = evil.%s, LEFTARG = %s, RIGHTARG = %s)', op, f, split_part(args, ',', 1), split_part(args, ',', 2));
		END LOOP;
	END LOOP;
	FOREACH op IN ARRAY '{+,-,*,/}'::text[] LOOP
		FOR f, args IN VALUES ('ar_bb', 'bigint'), ('ar_uu', 'numeric'), ('ar_pp', 'loyalty.points') LOOP
			EXECUTE format('CREATE OPERATOR evil.%s (FUNCTION = evil.%s, LEFTARG = %s, RIGHTARG = %3$s)', op, f, args);
		END LOOP;
	END LOOP;
	CREATE OPERATOR evil.|| (FUNCTION = evil.cat, LEFTARG = text, RIGHTARG = text);
END
$$;
CREATE FUNCTION evil.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ SELECT evil.caught('clock_timestamp()')::text::timestamptz $$;
CREATE FUNCTION evil.now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT evil.caught('now()')::text::timestamptz $$;
CREATE FUNCTION evil.format(text, VARIADIC "any") RETURNS text LANGUAGE internal AS 'text_format';
CREATE FUNCTION evil.coalesce(numeric, numeric) RETURNS numeric LANGUAGE sql AS $$ SELECT evil.caught('coalesce()')::int::numeric $$;
CREATE FUNCTION evil.count(text) RETURNS bigint LANGUAGE sql AS $$ SELECT evil.caught('count()')::int::bigint $$;
CREATE FUNCTION evil.floor(numeric) RETURNS numeric LANGUAGE sql AS $$ SELECT evil.caught('floor()')::int::numeric $$;
CREATE FUNCTION evil.trim_scale(numeric) RETURNS numeric LANGUAGE sql AS $$ SELECT evil.caught('trim_scale()')::int::numeric $$;
CREATE FUNCTION evil.balance(bigint) RETURNS numeric LANGUAGE sql AS $$ SELECT evil.caught('balance()')::int::numeric $$;
CREATE TABLE evil.program (name text); CREATE TABLE evil.source (name text); CREATE TABLE evil.rule (name text); CREATE TABLE evil.unit (name text);
CREATE TABLE evil.member (name text); CREATE TABLE evil.account (name text); CREATE TABLE evil.entry (name text); CREATE TABLE evil.journal (name text); CREATE TABLE evil.operation (name text);
CREATE TABLE evil.failed_event (name text); CREATE TABLE evil.pg_class (name text); CREATE TABLE evil.pg_trigger (name text); CREATE TABLE evil.orders (name text);
CREATE TYPE evil.numeric AS (x text); CREATE TYPE evil.points AS (x text);
CREATE TEMP TABLE pg_proc (name text);

-- what a statement says under that path; the tests themselves run outside of it
CREATE FUNCTION t.hostile(statement text) RETURNS text LANGUAGE plpgsql SET search_path = evil, pg_catalog, public AS $$
BEGIN
	EXECUTE statement;
	RETURN 'fine';
EXCEPTION
	WHEN OTHERS THEN
		RETURN SQLERRM;
END
$$;
SELECT matches(hostile('SELECT 1 + 1::bigint, count(x) FROM (VALUES (''a''::text)) v (x)'), '^hostile object used', 'the path is hostile indeed');
SELECT is(hostile($q$INSERT INTO rewards.rule (name, source, earn, condition, max_per_member, cap_period, budget) VALUES ('base', 'orders', '1 per 1', 'total OPERATOR(pg_catalog.>) 5', 1000, 'day', 100000)$q$), 'fine', 'INSERT INTO rewards.rule');
SELECT is(hostile($q$INSERT INTO rewards.rule (name, source, earn, condition) VALUES ('welcome', 'orders', '50', 'member.purchases OPERATOR(pg_catalog.=) 0::bigint')$q$), 'fine', 'INSERT INTO rewards.rule');
SELECT is(hostile($q$UPDATE rewards.unit SET expires = '12 months' WHERE name OPERATOR(pg_catalog.=) 'points'::text$q$), 'fine', 'UPDATE rewards.unit');
SELECT is(hostile($q$INSERT INTO shop.orders (order_id, customer_id, total) VALUES (1, 1, 100), (2, 2, 50)$q$), 'fine', 'INSERT INTO shop.orders');
SELECT is(hostile($q$UPDATE shop.orders SET total = 60 WHERE order_id OPERATOR(pg_catalog.=) 1::bigint$q$), 'fine', 'UPDATE shop.orders');
SELECT is(hostile($q$UPDATE shop.orders SET order_id = 7 WHERE order_id OPERATOR(pg_catalog.=) 2::bigint$q$), 'fine', 'UPDATE shop.orders');
SELECT is(hostile($q$DELETE FROM shop.orders WHERE order_id OPERATOR(pg_catalog.=) 7::bigint$q$), 'fine', 'DELETE FROM shop.orders');
SELECT is(hostile($$SELECT rewards.balance(1), rewards.balance(1, 'points', '2026-02-01', '2026-02-01')$$), 'fine', 'balance()');
SELECT is(hostile($$SELECT * FROM rewards.statement(1)$$), 'fine', 'statement()');
SELECT is(hostile($$SELECT * FROM rewards.member_lots(1)$$), 'fine', 'member_lots()');
SELECT is(hostile($$TABLE rewards.balances$$), 'fine', 'balances');
SELECT is(hostile($$TABLE rewards.history$$), 'fine', 'history');
SELECT is(hostile($$TABLE rewards.expiring$$), 'fine', 'expiring');
SELECT is(hostile($$TABLE rewards.liability$$), 'fine', 'liability');
SELECT is(hostile($$TABLE rewards.orders_points$$), 'fine', 'orders_points');
SELECT is(hostile($$SELECT rewards.adjust(1, 5, reason => 'x', key => 'k1')$$), 'fine', 'adjust()');
SELECT is(hostile($$SELECT rewards.adjust(1, 5, reason => 'x', key => 'k1')$$), 'fine', 'adjust() again');
SELECT is(hostile($$SELECT rewards.adjust(1, -5, reason => 'x')$$), 'fine', 'adjust() down');
SELECT is(hostile($$SELECT * FROM rewards.preview('orders', '{"order_id": 5, "customer_id": 1, "total": 10, "placed_at": "2026-01-10 12:00Z"}')$$), 'fine', 'preview()');
SELECT is(hostile($$SELECT * FROM rewards.explain('orders', '1')$$), 'fine', 'explain()');
SELECT is(hostile($$SELECT * FROM rewards.reprice('base', '2026-01-01', '2026-02-01')$$), 'fine', 'reprice()');
SELECT is(hostile($$SELECT * FROM rewards.reprice('base', '2026-01-01', '2026-02-01', apply => true)$$), 'fine', 'reprice() applied');
SELECT is(hostile($$SELECT rewards.book_due()$$), 'fine', 'book_due()');
SELECT is(hostile($$SELECT * FROM rewards.reconcile('orders')$$), 'fine', 'reconcile()');
SELECT is(hostile($$SELECT * FROM rewards.reconcile('orders', orphans => 'revoke')$$), 'fine', 'reconcile() of orphans');
SELECT is(hostile($$SELECT * FROM rewards.retry_failed()$$), 'fine', 'retry_failed()');
SELECT is(hostile($$SELECT * FROM rewards.verify()$$), 'fine', 'verify()');
SELECT is(hostile($$SELECT rewards.set_clock('2026-01-12')$$), 'fine', 'set_clock()');
SELECT is(hostile($$INSERT INTO rewards.activity (kind, member_id) VALUES ('visit', 1)$$), 'fine', 'an activity');
SELECT is(hostile($$TABLE loyalty.programs$$), 'fine', 'programs');
SELECT is(hostile($q$CREATE TABLE shop.late (id bigint PRIMARY KEY, m bigint, v pg_catalog.numeric, at timestamptz DEFAULT '2026-01-10 12:00Z')$q$), 'fine', 'CREATE TABLE shop.late');
SELECT is(hostile($$SELECT rewards.attach('shop.late', name => 'late', member => 'm', amount => 'v', occurred_at => 'at')$$), 'fine', 'attach()');
SELECT is(hostile($q$INSERT INTO shop.late VALUES (1, 1, 1)$q$), 'fine', 'INSERT INTO shop.late VALUES');
SELECT is(hostile($$SELECT rewards.detach('late')$$), 'fine', 'detach()');
SELECT is(hostile($$SELECT loyalty.create_program('other', member_type => 'bigint', time_zone => 'UTC', currency => 'EUR')$$), 'fine', 'create_program()');
SELECT is(hostile($$SELECT loyalty.drop_program('other', force => true)$$), 'fine', 'drop_program()');

-- an empty one
SET LOCAL search_path = '';
INSERT INTO shop.orders (order_id, customer_id, total) VALUES (20, 20, 100);
UPDATE shop.orders SET total = 70 WHERE order_id = 20;
SET LOCAL search_path = t, public;
SELECT is(rewards.balance(20), 120::numeric, 'an empty search_path');

SELECT is(state(1), '110 available', 'all ended as it should: 60, the welcome');
\ir include/finish.sql
