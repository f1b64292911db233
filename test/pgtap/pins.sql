-- Expressions: what is accepted, whose functions may run, and what renames do.
\set ECHO none
\set QUIET 1
SET client_min_messages = error;
BEGIN;
CREATE EXTENSION pgtap;
CREATE EXTENSION loyalty;
SELECT no_plan();

CREATE ROLE shopkeeper;
CREATE ROLE marketer;
CREATE ROLE developer;
GRANT USAGE, CREATE ON SCHEMA public TO shopkeeper, marketer, developer;
SELECT loyalty.create_program('r', 'bigint', 'America/New_York', 'EUR', owner => 'shopkeeper');
CREATE SCHEMA shop;
GRANT USAGE ON SCHEMA shop, r TO shopkeeper, marketer, developer;
CREATE TYPE shop.channel AS ENUM ('web', 'store');
CREATE TABLE shop.orders (id bigint PRIMARY KEY, customer bigint, total numeric, status text, member text, channel shop.channel,
	at timestamptz, tags text[], doubled numeric GENERATED ALWAYS AS (total * 2) STORED);
GRANT SELECT, TRIGGER ON shop.orders TO shopkeeper;
SELECT r.attach('shop.orders', 'orders', member => 'customer', amount => 'total', occurred_at => 'at');
GRANT SELECT, INSERT, UPDATE, DELETE ON r.rule TO marketer;

CREATE FUNCTION try(condition text, amount text DEFAULT NULL, source text DEFAULT 'orders') RETURNS void LANGUAGE sql AS $$
	INSERT INTO r.rule (name, source, earn, condition, amount)
	VALUES ('t', source, '1 per 1', condition, amount)
	ON CONFLICT (name) DO UPDATE SET source = excluded.source, condition = excluded.condition, amount = excluded.amount
$$;
-- the condition of rule t as the server holds it
CREATE FUNCTION held() RETURNS text LANGUAGE sql AS $$
	SELECT (regexp_match(pg_get_viewdef(pin, true), 'SELECT (.*?) AS condition'))[1] FROM r.rule_version
	WHERE name = 't' ORDER BY config_version DESC LIMIT 1
$$;

-- -------- one expression --------
SELECT throws_ok($$SELECT try('')$$, '42601', 'condition of rule "t" is empty');
SELECT throws_ok($$SELECT try('  ')$$, '42601', NULL);
SELECT throws_ok($$SELECT try('total >')$$, '42601', NULL, 'syntax errors are reported');
SELECT throws_ok($$SELECT try('true, false')$$, '42601', 'condition of rule "t" must be one expression');
SELECT throws_ok($$SELECT try('true FROM shop.orders')$$, '42601', 'condition of rule "t" must be one expression');
SELECT throws_ok($$SELECT try('true WHERE false')$$, '42601', 'condition of rule "t" must be one expression');
SELECT throws_ok($$SELECT try('true LIMIT 1')$$, '42601', 'condition of rule "t" must be one expression');
SELECT throws_ok($$SELECT try('true ORDER BY 1')$$, '42601', 'condition of rule "t" must be one expression');
SELECT throws_ok($$SELECT try('DISTINCT true')$$, '42601', 'condition of rule "t" must be one expression');
SELECT throws_ok($$SELECT try('true GROUP BY 1')$$, '42601', 'condition of rule "t" must be one expression');
SELECT throws_ok($$SELECT try('true UNION SELECT false')$$, '42601', NULL, 'no set operation');
SELECT throws_ok($$SELECT try('true; DROP TABLE r.rule')$$, '42601', NULL, 'no second statement');
SELECT throws_ok($$SELECT try('true) AS x; --')$$, '42601', NULL, 'no escape');
SELECT throws_ok($$SELECT try('true AS x')$$, '42601', 'condition of rule "t" must be an expression without a name');
SELECT throws_ok($$SELECT try('*')$$, '42601', 'condition of rule "t" cannot contain "*"');
SELECT throws_ok($$SELECT try('orders.*')$$, '42601', 'condition of rule "t" cannot contain "*"');
SELECT throws_ok($$SELECT try('$1')$$, '42P02', NULL, 'no parameters');
SELECT lives_ok($$SELECT try('true -- a comment')$$, 'a comment does no harm');

-- -------- what it may contain --------
CREATE SEQUENCE public.seq;
SELECT throws_ok($$SELECT try('EXISTS (SELECT FROM shop.orders)')$$, '0A000', 'condition of rule "t" cannot contain a subquery');
SELECT throws_ok($$SELECT try('total > (SELECT 1)')$$, '0A000', NULL);
SELECT throws_ok($$SELECT try('1 IN (SELECT 1)')$$, '0A000', NULL);
SELECT throws_ok($$SELECT try('sum(total) > 1')$$, '42803', 'condition of rule "t" cannot contain an aggregate function');
SELECT throws_ok($$SELECT try('row_number() OVER () = 1')$$, '42P20', 'condition of rule "t" cannot contain a window function');
SELECT throws_ok($$SELECT try('generate_series(1, 2) = 1')$$, '0A000', 'condition of rule "t" cannot contain a function that returns a set');
SELECT throws_ok($$SELECT try('random() < 0.5')$$, '42P17', 'condition of rule "t" cannot contain a volatile function');
SELECT throws_ok($$SELECT try('clock_timestamp() > at')$$, '42P17', NULL);
SELECT throws_ok($$SELECT try('nextval(''public.seq'') > 1')$$, '42P17', NULL);
SELECT throws_ok($$SELECT try('ctid IS NOT NULL')$$, '42P10', 'condition of rule "t" cannot use a system column');
SELECT throws_ok($$SELECT try('total')$$, '42804', 'condition of rule "t" must be of type boolean, but is of type numeric');
SELECT throws_ok($$SELECT try(NULL, 'status')$$, '42804', 'amount of rule "t" must be of type numeric, but is of type text');
SELECT throws_ok($$SELECT try('no_such_column = 1')$$, '42703', NULL);
SELECT throws_ok($$SELECT try('no_such_function(total)')$$, '42883', NULL);
SELECT throws_ok($$SELECT try('tier = ''gold''')$$, '42703', NULL, 'facts are named member.<fact>');
SELECT throws_ok($$SELECT try('member.no_such_fact = 1')$$, '42703', NULL);
SELECT lives_ok($$SELECT try('doubled > 10 AND now() > at AND channel = ''web'' AND ''x'' = ANY (tags)')$$, 'ordinary expressions are fine');
SELECT lives_ok($$SELECT try('CASE WHEN total BETWEEN 1 AND 2 THEN true ELSE status LIKE ''p%'' END')$$);
SELECT lives_ok($$SELECT try(NULL, 'id')$$, 'an amount is converted to numeric');

-- -------- names --------
SELECT lives_ok($$SELECT try('status = ''paid'' AND member.status = ''active''')$$, 'the row''s column comes first');
SELECT is(held(), $$orders.status = 'paid'::text AND member.status = 'active'::text$$);
SELECT lives_ok($$SELECT try('orders.status = ''paid'' AND shop.orders.total > 1')$$, 'columns can be qualified');
SELECT lives_ok($$SELECT try('member = ''x'' AND member.purchases = 0')$$, 'a column named member');
SELECT is(held(), $$orders.member = 'x'::text AND member.purchases = 0$$);
SELECT lives_ok($$SELECT try('to_jsonb(orders) ? ''total''')$$, 'the whole row');
SELECT throws_ok($$SELECT try('total > 1', NULL, NULL)$$, '42703', NULL, 'a rule for all sources reads no columns');
SELECT lives_ok($$SELECT try('member.purchases = 0', NULL, NULL)$$, 'but facts');
CREATE TABLE shop.member (id bigint PRIMARY KEY, status text);
GRANT SELECT, TRIGGER ON shop.member TO shopkeeper;
SELECT lives_ok($$SELECT r.attach('shop.member', 'signup', member => 'id', condition => 'status = ''new''')$$, 'a table named member');
SELECT lives_ok($$INSERT INTO r.rule (name, source, earn, condition) VALUES ('signup', 'signup', '10', 'status = ''new'' AND member.status = ''active''')$$);
SELECT results_eq($$SELECT regexp_matches(pg_get_viewdef(pin), 'FROM shop.member source_row') IS NOT NULL FROM r.rule_version WHERE name = 'signup'$$, 'VALUES (true)',
	'is called something else');

-- literals mean the same whoever writes them
SET LOCAL TimeZone = 'Asia/Tokyo';
SET LOCAL DateStyle = 'German';
SELECT try('at >= ''2026-01-02 00:00'' AND at < ''03/04/2026''');
SET LOCAL TimeZone = 'UTC';
SET LOCAL DateStyle = 'ISO';
SELECT is(held(), $$orders.at >= '2026-01-02 05:00:00+00'::timestamp with time zone AND orders.at < '2026-03-04 05:00:00+00'::timestamp with time zone$$,
	'literals are read in the program''s time zone');

-- the search path of who writes does not matter
CREATE SCHEMA hostile;
GRANT USAGE ON SCHEMA hostile TO PUBLIC;
CREATE FUNCTION hostile.yes(text, text) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR hostile.= (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.yes);
CREATE FUNCTION hostile.lower(text) RETURNS text IMMUTABLE LANGUAGE sql AS $$SELECT 'paid'$$;
-- (pgTAP itself would suffer)
CREATE TABLE public.seen (what text);
DO $$
BEGIN
	SET LOCAL search_path = hostile, pg_catalog, public;
	PERFORM public.try('lower(status) = ''paid''');
	INSERT INTO public.seen VALUES (public.held());
	BEGIN
		PERFORM public.try('yes(status, status)');
		INSERT INTO public.seen VALUES ('found');
	EXCEPTION WHEN undefined_function THEN
		INSERT INTO public.seen VALUES ('needs its schema');
	END;
	PERFORM public.try('hostile.yes(status, status)');
	INSERT INTO public.seen VALUES (public.held());
END$$;
SET LOCAL search_path = public;
SELECT results_eq('SELECT what FROM seen', $$VALUES ('pg_catalog.lower(orders.status) OPERATOR(pg_catalog.=) ''paid''::text'), ('needs its schema'), ('yes(orders.status, orders.status)')$$,
	'built-in functions and operators are meant, whatever the search path; others are written with their schema');

-- -------- whose functions --------
CREATE FUNCTION shop.lookup(bigint) RETURNS boolean STABLE LANGUAGE sql AS 'SELECT true';
SELECT lives_ok($$SELECT try('shop.lookup(customer)')$$, 'a superuser''s function');
SET LOCAL ROLE shopkeeper;
CREATE FUNCTION public.own(bigint) RETURNS boolean STABLE LANGUAGE sql AS 'SELECT true';
RESET ROLE;
SELECT lives_ok($$SELECT try('public.own(customer)')$$, 'the owner''s function');
SET LOCAL ROLE developer;
CREATE FUNCTION public.theirs(bigint) RETURNS boolean STABLE LANGUAGE plpgsql AS 'BEGIN RETURN true; END';
CREATE FUNCTION public.theirs_op(text, text) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN true; END';
CREATE OPERATOR public.=== (LEFTARG = text, RIGHTARG = text, FUNCTION = public.theirs_op);
CREATE DOMAIN public.sneaky AS text CHECK (public.theirs_op(VALUE, 'x'));
CREATE TYPE public.sneaky_row AS (a public.sneaky);
CREATE TYPE public.with_cast AS (a int);
CREATE FUNCTION public.to_json_of(public.with_cast) RETURNS json IMMUTABLE LANGUAGE plpgsql AS $$BEGIN RETURN '1'; END$$;
CREATE CAST (public.with_cast AS json) WITH FUNCTION public.to_json_of(public.with_cast);
RESET ROLE;
SELECT throws_ok($$SELECT try('public.theirs(customer)')$$, '42501', 'condition of rule "t" cannot use function public.theirs(bigint)', 'a third party''s function');
SELECT throws_ok($$SELECT try('status OPERATOR(public.===) ''x''')$$, '42501', NULL, 'or operator');
SELECT throws_ok($$SELECT try('status::public.sneaky = ''x''')$$, '42501', NULL, 'or domain');
SELECT throws_ok($$SELECT try('(''("x")''::public.sneaky_row).a = ''x''')$$, '42501', NULL, 'or type with such a domain in it');
SELECT throws_ok($$SELECT try('jsonb_populate_record(NULL::public.sneaky_row, to_jsonb(orders)) IS NULL')$$, '42501', NULL, 'made from json, too');
SELECT throws_ok($$SELECT try('to_jsonb(ROW(1)::public.with_cast) IS NULL')$$, '42501', NULL, 'or cast that json functions call');
CREATE TEMP TABLE mine (a int);
SELECT throws_ok($$SELECT try('NULL::pg_temp.mine IS NULL')$$, '42P17', NULL, 'or temporary type');
REVOKE EXECUTE ON FUNCTION shop.lookup(bigint) FROM PUBLIC;
SELECT throws_ok($$SELECT try('shop.lookup(customer)')$$, '42501', NULL, 'a function the owner may not execute');
GRANT EXECUTE ON FUNCTION shop.lookup(bigint) TO shopkeeper;
SELECT lives_ok($$SELECT try('shop.lookup(customer)')$$, 'one he may');
SET LOCAL ROLE marketer;
SELECT throws_ok($$INSERT INTO r.rule (name, source, earn, condition) VALUES ('m', 'orders', '1 per 1', 'shop.lookup(customer) IS TRUE')$$,
	'42501', NULL, 'a function the writer may not execute');
SELECT lives_ok($$INSERT INTO r.rule (name, source, earn, condition) VALUES ('m', 'orders', '1 per 1', 'total > 5')$$, 'who may write rules needs nothing else');
RESET ROLE;

-- analysis runs nothing as the owner: the domain''s check would tell
SET LOCAL ROLE developer;
CREATE TABLE public.told (who text);
GRANT INSERT ON public.told TO PUBLIC;
CREATE FUNCTION public.tell(text) RETURNS boolean VOLATILE LANGUAGE plpgsql AS $$
BEGIN INSERT INTO public.told VALUES (current_user); RETURN true; END$$;
CREATE DOMAIN public.teller AS text CHECK (public.tell(VALUE));
CREATE TYPE public.teller_row AS (a public.teller);
RESET ROLE;
GRANT SELECT, INSERT, UPDATE ON r.rule TO developer;
SET LOCAL ROLE developer;
SELECT throws_ok($$SELECT try('(''(x)''::public.teller_row) IS NULL')$$, '42501');
RESET ROLE;
SELECT is_empty($$SELECT * FROM told WHERE who <> 'developer'$$, 'nothing of a writer''s ran as the owner');

-- pins belong to the owner
SELECT is_empty($$SELECT relname FROM pg_class WHERE relname ~ '^(rule|source)_' AND relkind = 'v' AND relnamespace = 'r'::regnamespace AND relowner <> 'shopkeeper'::regrole$$);

-- -------- renames and drops --------
SELECT try('total > 10');
INSERT INTO shop.orders (id, customer, total, status, at) VALUES (1, 1, 20, 'paid', now());
ALTER TABLE shop.orders RENAME COLUMN total TO gross;
ALTER TABLE shop.orders RENAME TO sales;
ALTER SCHEMA shop RENAME TO store;
SELECT lives_ok($$INSERT INTO store.sales (id, customer, gross, status, at) VALUES (2, 1, 30, 'paid', now())$$);
SELECT results_eq($$SELECT id, points FROM r.orders_points ORDER BY id$$, $$VALUES (1::bigint, 40::numeric), (2, 60)$$, 'renames are followed');
SELECT lives_ok($$UPDATE r.rule SET priority = 3 WHERE name = 't'$$, 'text that would not be understood any more is not read again');
SELECT is(held(), 'sales.gross > 10::numeric');
SELECT throws_ok($$UPDATE r.rule SET condition = 'total > 11' WHERE name = 't'$$, '42703', NULL, 'until it is changed');
SELECT throws_ok($$ALTER TABLE store.sales DROP COLUMN gross$$, '2BP01', NULL, 'a column that is read is not dropped');
SELECT throws_ok($$ALTER TABLE store.sales ALTER COLUMN gross TYPE bigint$$, '0A000', NULL, 'nor retyped');
SELECT throws_ok($$DROP TABLE store.sales$$, '2BP01', NULL, 'nor the table');
SELECT throws_ok($$DROP FUNCTION store.lookup(bigint)$$, '2BP01', NULL, 'nor a function');

-- -------- evaluation --------
-- a function cannot change the caller's settings, nor write
SELECT r.attach('store.member', 'visits', member => 'id');
SET LOCAL ROLE shopkeeper;
CREATE FUNCTION public.meddle(bigint) RETURNS boolean STABLE LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('search_path', 'hostile', false);
	PERFORM set_config('TimeZone', 'Asia/Tokyo', false);
	RETURN current_user = 'shopkeeper' AND session_user <> 'shopkeeper';
END$$;
RESET ROLE;
INSERT INTO r.rule (name, source, earn, condition) VALUES ('meddle', 'visits', '5', 'public.meddle(id)');
SET LOCAL TimeZone = 'Europe/Paris';
INSERT INTO store.member VALUES (100, 'old');
SELECT results_eq($$SELECT points FROM r.visits_points WHERE id = 100$$, 'VALUES (5::numeric)', 'expressions run as the owner');
SELECT is(current_setting('TimeZone'), 'Europe/Paris', 'settings of the session stay');
SELECT isnt(current_setting('search_path'), 'hostile', 'all of them');

-- a function that is replaced counts from then on, also where it was inlined
CREATE FUNCTION store.bonus(bigint) RETURNS boolean STABLE LANGUAGE sql AS 'SELECT $1 > 200';
GRANT EXECUTE ON FUNCTION store.bonus(bigint) TO shopkeeper;
UPDATE r.rule SET condition = 'store.bonus(id)' WHERE name = 'meddle';
INSERT INTO store.member VALUES (150, 'old');
SELECT is_empty($$SELECT points FROM r.visits_points WHERE id = 150$$);
CREATE OR REPLACE FUNCTION store.bonus(bigint) RETURNS boolean STABLE LANGUAGE sql AS 'SELECT $1 > 100';
INSERT INTO store.member VALUES (151, 'old');
SELECT results_eq($$SELECT points FROM r.visits_points WHERE id = 151$$, 'VALUES (5::numeric)', 'a function that was replaced is noticed');

-- what reads the session's settings reads the program's
UPDATE r.rule SET condition = $$('2026-07-01 12:00'::timestamp + id * interval '0')::timestamptz = '2026-07-01 16:00+00'$$ WHERE name = 'meddle';
INSERT INTO store.member VALUES (300, 'old');
SELECT results_eq($$SELECT points FROM r.visits_points WHERE id = 300$$, 'VALUES (5::numeric)', 'the program''s time zone counts');
SELECT is(current_setting('TimeZone') || ' ' || ('2026-07-01 12:00'::timestamp AT TIME ZONE current_setting('TimeZone'))::timestamptz::text,
	'Europe/Paris 2026-07-01 12:00:00+02', 'and the session''s is restored');
INSERT INTO r.rule (name, source, earn, condition) VALUES ('fails', 'visits', '5', '1 / (id - 400) > 0');
INSERT INTO store.member VALUES (400, 'old');
SELECT results_eq($$SELECT event_key FROM r.failed_event$$, $$VALUES ('400')$$, 'an error is queued');
SELECT is('2026-07-01 12:00'::timestamp::timestamptz::text, '2026-07-01 12:00:00+02', 'and settings are restored after it');
UPDATE r.program SET on_error = 'raise';
DELETE FROM store.member WHERE id = 400;
SELECT throws_ok($$INSERT INTO store.member VALUES (400, 'old')$$, '22012', NULL, 'or raised');
SELECT is('2026-07-01 12:00'::timestamp::timestamptz::text, '2026-07-01 12:00:00+02', 'and settings are restored after that');

SELECT finish();
ROLLBACK;
