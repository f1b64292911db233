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
CREATE TABLE evil.member (name text); CREATE TABLE evil.account (name text); CREATE TABLE evil.entry (name text); CREATE TABLE evil.operation (name text);
CREATE TABLE evil.failed_event (name text); CREATE TABLE evil.pg_class (name text); CREATE TABLE evil.pg_trigger (name text); CREATE TABLE evil.orders (name text);
CREATE TYPE evil.numeric AS (x text); CREATE TYPE evil.points AS (x text);
CREATE TEMP TABLE pg_proc (name text);

SET LOCAL search_path = evil, pg_catalog, public;
-- the tests themselves name everything in full from here on
INSERT INTO rewards.rule (name, source, earn, condition, max_per_member, cap_period, budget) VALUES ('base', 'orders', '1 per 1', 'total OPERATOR(pg_catalog.>) 5', 1000, 'day', 100000);
INSERT INTO rewards.rule (name, source, earn, condition) VALUES ('welcome', 'orders', '50', 'member.purchases OPERATOR(pg_catalog.=) 0::bigint');
UPDATE rewards.unit SET expires = '12 months' WHERE name OPERATOR(pg_catalog.=) 'points'::text;
INSERT INTO shop.orders (order_id, customer_id, total) VALUES (1, 1, 100), (2, 2, 50);
UPDATE shop.orders SET total = 60 WHERE order_id OPERATOR(pg_catalog.=) 1::bigint;
UPDATE shop.orders SET order_id = 7 WHERE order_id OPERATOR(pg_catalog.=) 2::bigint;
DELETE FROM shop.orders WHERE order_id OPERATOR(pg_catalog.=) 7::bigint;
SELECT public.lives_ok($$SELECT rewards.balance(1), rewards.balance(1, 'points', '2026-02-01', '2026-02-01')$$, 'balance()');
SELECT public.lives_ok($$SELECT * FROM rewards.statement(1)$$, 'statement()');
SELECT public.lives_ok($$SELECT * FROM rewards.member_lots(1)$$, 'member_lots()');
SELECT public.lives_ok($$TABLE rewards.balances$$, 'balances');
SELECT public.lives_ok($$TABLE rewards.history$$, 'history');
SELECT public.lives_ok($$TABLE rewards.expiring$$, 'expiring');
SELECT public.lives_ok($$TABLE rewards.liability$$, 'liability');
SELECT public.lives_ok($$TABLE rewards.orders_points$$, 'orders_points');
SELECT public.lives_ok($$SELECT rewards.adjust(1, 5, reason => 'x', key => 'k1')$$, 'adjust()');
SELECT public.lives_ok($$SELECT rewards.adjust(1, 5, reason => 'x', key => 'k1')$$, 'adjust() again');
SELECT public.lives_ok($$SELECT rewards.adjust(1, -5, reason => 'x')$$, 'adjust() down');
SELECT public.lives_ok($$SELECT * FROM rewards.preview('orders', '{"order_id": 5, "customer_id": 1, "total": 10, "placed_at": "2026-01-10 12:00Z"}')$$, 'preview()');
SELECT public.lives_ok($$SELECT * FROM rewards.explain('orders', '1')$$, 'explain()');
SELECT public.lives_ok($$SELECT * FROM rewards.reprice('base', '2026-01-01', '2026-02-01')$$, 'reprice()');
SELECT public.lives_ok($$SELECT * FROM rewards.reprice('base', '2026-01-01', '2026-02-01', apply => true)$$, 'reprice() applied');
SELECT public.lives_ok($$SELECT rewards.book_due()$$, 'book_due()');
SELECT public.lives_ok($$SELECT * FROM rewards.reconcile('orders')$$, 'reconcile()');
SELECT public.lives_ok($$SELECT * FROM rewards.reconcile('orders', orphans => 'revoke')$$, 'reconcile() of orphans');
SELECT public.lives_ok($$SELECT * FROM rewards.retry_failed()$$, 'retry_failed()');
SELECT public.lives_ok($$SELECT * FROM rewards.verify()$$, 'verify()');
SELECT public.lives_ok($$SELECT rewards.set_clock('2026-01-12')$$, 'set_clock()');
SELECT public.lives_ok($$INSERT INTO rewards.activity (kind, member_id) VALUES ('visit', 1)$$, 'an activity');
SELECT public.lives_ok($$TABLE loyalty.programs$$, 'programs');
CREATE TABLE shop.late (id bigint PRIMARY KEY, m bigint, v pg_catalog.numeric, at timestamptz DEFAULT '2026-01-10 12:00Z');
SELECT public.lives_ok($$SELECT rewards.attach('shop.late', name => 'late', member => 'm', amount => 'v', occurred_at => 'at')$$, 'attach()');
INSERT INTO shop.late VALUES (1, 1, 1);
SELECT public.lives_ok($$SELECT rewards.detach('late')$$, 'detach()');
SELECT public.lives_ok($$SELECT loyalty.create_program('other', member_type => 'bigint', time_zone => 'UTC', currency => 'EUR')$$, 'create_program()');
SELECT public.lives_ok($$SELECT loyalty.drop_program('other', force => true)$$, 'drop_program()');

-- an empty one
SET LOCAL search_path = '';
INSERT INTO shop.orders (order_id, customer_id, total) VALUES (20, 20, 100);
UPDATE shop.orders SET total = 70 WHERE order_id = 20;
SELECT public.is(rewards.balance(20), 120::numeric, 'an empty search_path');

SET LOCAL search_path = t, public;
SELECT is(state(1), '110 available', 'all ended as it should: 60, the welcome');
\ir include/finish.sql
