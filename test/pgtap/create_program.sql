-- Making, upgrading and dropping programs.
\set ECHO none
\set QUIET 1
SET client_min_messages = error;
BEGIN;
CREATE EXTENSION pgtap;
CREATE EXTENSION loyalty;
SELECT no_plan();

CREATE ROLE shopkeeper;
CREATE ROLE stranger;
DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO shopkeeper', current_database()); END $$;
-- roles run pgTAP, too
GRANT USAGE, CREATE ON SCHEMA public TO shopkeeper, stranger;

-- -------- arguments --------
SELECT throws_ok($$SELECT loyalty.create_program('Rewards', 'bigint', 'UTC', 'EUR')$$, '42602',
	'"Rewards" cannot be the name of a program', 'a name in capitals is refused');
SELECT throws_ok($$SELECT loyalty.create_program('1st', 'bigint', 'UTC', 'EUR')$$, '42602', NULL, 'a name that begins with a digit');
SELECT throws_ok($$SELECT loyalty.create_program('a;b', 'bigint', 'UTC', 'EUR')$$, '42602', NULL, 'a name with other characters');
SELECT throws_ok($$SELECT loyalty.create_program('', 'bigint', 'UTC', 'EUR')$$, '42602', NULL, 'an empty name');
SELECT throws_ok(format($$SELECT loyalty.create_program(%L, 'bigint', 'UTC', 'EUR')$$, repeat('x', 41)), '42602', NULL, 'a name of 41 characters');
SELECT throws_ok($$SELECT loyalty.create_program(NULL, 'bigint', 'UTC', 'EUR')$$, '22004', NULL, 'no name');
SELECT throws_ok($$SELECT loyalty.create_program('pg_rewards', 'bigint', 'UTC', 'EUR')$$, '42939', NULL, 'a name the server keeps for itself');
SELECT throws_ok($$SELECT loyalty.create_program('public', 'bigint', 'UTC', 'EUR')$$, '42P06',
	'schema "public" already exists', 'a schema that exists');
SELECT throws_ok($$SELECT loyalty.create_program('r', 'numeric', 'UTC', 'EUR')$$, '22023',
	'member ids cannot be of type numeric', 'a type member ids cannot have');
SELECT throws_ok($$SELECT loyalty.create_program('r', 'varchar(20)', 'UTC', 'EUR')$$, '22023', NULL, 'varchar');
SELECT throws_ok($$SELECT loyalty.create_program('r', 'no_such_type', 'UTC', 'EUR')$$, '42704', NULL, 'a type that does not exist');
SELECT throws_ok($$SELECT loyalty.create_program('r', 'bigint', 'Mars/Olympus', 'EUR')$$, '22023',
	'time zone "Mars/Olympus" does not exist', 'a zone that does not exist');
SELECT throws_ok($$SELECT loyalty.create_program('r', 'bigint', 'UTC', 'eur')$$, '22023',
	'"eur" is not a currency code', 'a currency in small letters');
SELECT throws_ok($$SELECT loyalty.create_program('r', 'bigint', 'UTC', 'EURO')$$, '22023', NULL, 'a currency of four letters');
SELECT throws_ok($$SELECT loyalty.create_program('r', 'bigint', 'UTC', 'EUR', owner => 'nobody_at_all')$$, '42704', NULL, 'an owner who does not exist');

-- -------- what is made --------
SELECT lives_ok($$SELECT loyalty.create_program('rewards', 'bigint', 'Europe/Warsaw', 'EUR', owner => 'shopkeeper')$$, 'a program is made');
SELECT results_eq('SELECT name, owner, version, member_type, sources FROM loyalty.programs',
	$$SELECT 'rewards', 'shopkeeper', (SELECT extversion FROM pg_extension WHERE extname = 'loyalty'), 'bigint', ARRAY['activity']$$,
	'loyalty.programs shows it');
SELECT schema_owner_is('rewards', 'shopkeeper');
SELECT is_empty($$SELECT relname FROM pg_class WHERE relnamespace = 'rewards'::regnamespace AND relowner <> 'shopkeeper'::regrole$$,
	'everything is the owner''s');
SELECT is_empty($$SELECT proname FROM pg_proc WHERE pronamespace = 'rewards'::regnamespace AND proowner <> 'shopkeeper'::regrole$$,
	'functions, too');
SELECT results_eq('SELECT name, time_zone, currency, stacking, on_error, enrolment, test_clock FROM rewards.program',
	$$VALUES ('rewards', 'Europe/Warsaw', 'EUR', 'additive', 'queue', 'auto', false)$$, 'its settings');
SELECT results_eq('SELECT name, unit_no, decimals::int, rounding FROM rewards.unit', $$VALUES ('points', 1::smallint, 0, 'floor')$$, 'a unit to begin with');
SELECT results_eq('SELECT name, key_columns, purchase, attached, relation FROM rewards.source',
	$$VALUES ('activity', ARRAY['kind','key'], false, true, 'rewards.activity'::regclass)$$, 'activity is attached');
SELECT results_eq('SELECT count(*) FROM rewards.program_version', 'VALUES (1::bigint)', 'the first version of the settings is noted');

SELECT is_empty($$SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
	WHERE c.relnamespace = 'rewards'::regnamespace AND c.relkind IN ('r', 'v') AND a.attnum > 0 AND NOT a.attisdropped
	AND c.relname NOT LIKE 'source\_%' AND col_description(c.oid, a.attnum) IS NULL$$, 'every column has a comment');
SELECT is_empty($$SELECT relname FROM pg_class WHERE relnamespace IN ('rewards'::regnamespace, 'loyalty'::regnamespace) AND relkind IN ('r', 'v')
	AND relname NOT LIKE 'source\_%' AND obj_description(oid, 'pg_class') IS NULL$$, 'every table has a comment');
SELECT is_empty($$SELECT proname FROM pg_proc WHERE pronamespace IN ('rewards'::regnamespace, 'loyalty'::regnamespace)
	AND obj_description(oid, 'pg_proc') IS NULL$$, 'every function has a comment');

-- -------- privileges --------
SELECT is_empty($$SELECT p.proname FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
	WHERE p.pronamespace = 'rewards'::regnamespace AND a.grantee = 0$$, 'PUBLIC may call nothing of a program');
SELECT is_empty($$SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'rewards'::regnamespace AND p.prosecdef
	AND NOT coalesce(p.proconfig, '{}') @> ARRAY['search_path=pg_catalog, pg_temp']
	AND p.prosrc !~ '^\s*BEGIN\s+RETURN loyalty\.\w+\([^()]*\);\s*END\s*$' $$,
	'functions that run as the owner pin the search path, or do nothing but call one of ours');
SELECT is_empty($$SELECT c.relname FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a
	WHERE c.relnamespace = 'rewards'::regnamespace AND a.grantee = 0$$, 'PUBLIC may read nothing of a program');
SET LOCAL ROLE stranger;
SELECT throws_ok($$SELECT loyalty.create_program('mine', 'bigint', 'UTC', 'EUR')$$, '42501', NULL, 'who may not create schemas makes no program');
SELECT throws_ok($$SELECT loyalty.create_program('mine', 'bigint', 'UTC', 'EUR', owner => 'shopkeeper')$$, '42501', NULL, 'nor for another');
SELECT throws_ok($$SELECT loyalty.drop_program('rewards')$$, '42501', NULL, 'a stranger drops nothing');
SELECT throws_ok($$SELECT loyalty.upgrade_program('rewards')$$, '42501', NULL, 'nor upgrades');
RESET ROLE;
SELECT throws_ok($$SELECT loyalty.attach_1('pg_class'::regclass, 'pg_class', 'x', 'relname', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)$$,
	'42809', NULL, 'a table that is none of a program');
SET LOCAL ROLE shopkeeper;
SELECT lives_ok($$SELECT loyalty.create_program('other', 'uuid', 'UTC', 'JPY')$$, 'an ordinary role makes a program');
SELECT throws_ok($$SELECT loyalty.attach_1('rewards.program'::regclass, 'rewards.program', 'x', 'name', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)$$,
	'42809', '"program" is a table of the program itself', 'own tables are not attached');
RESET ROLE;

-- -------- names that are keywords, other types --------
SELECT lives_ok($$SELECT loyalty.create_program('order', 'text', 'UTC', 'EUR', owner => 'shopkeeper')$$, 'a keyword is a name like any other');
SELECT is_empty($$SELECT attrelid::regclass FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
	WHERE relnamespace = '"order"'::regnamespace AND relkind = 'r' AND relname <> 'source_activity' AND attname = 'member_id'
	AND (atttypid <> 'text'::regtype OR attcollation <> 'pg_catalog."C"'::regcollation)$$, 'text ids are compared byte by byte');
SELECT throws_ok($$INSERT INTO "order".member (member_id) VALUES (repeat('x', 256))$$, '23514', NULL, 'text ids of more than 255 bytes are refused');
SELECT lives_ok($$INSERT INTO "order".member (member_id) VALUES (repeat('x', 255))$$, 'those of 255 are not');
SELECT lives_ok($$SELECT loyalty.drop_program('order')$$, 'and it can be dropped');
SELECT lives_ok($$SELECT loyalty.create_program('ints', 'int', 'UTC', 'EUR', owner => 'shopkeeper')$$, 'ids can be integers');
SELECT results_eq($$SELECT member_type FROM loyalty.programs WHERE name IN ('ints', 'other') ORDER BY name$$, $$VALUES ('integer'), ('uuid')$$, 'types of ids are shown');

-- -------- a fake program --------
CREATE SCHEMA fake;
CREATE TABLE fake.program (name text, engine_version text);
SELECT is_empty($$SELECT * FROM loyalty.programs WHERE name = 'fake'$$, 'a table of that name makes no program');
SELECT throws_ok($$SELECT loyalty.drop_program('fake')$$, '42809', NULL, 'and is not dropped');
SELECT throws_ok($$SELECT loyalty.drop_program('nowhere')$$, '42704', NULL, 'nor is what does not exist');

-- -------- hostile search path --------
CREATE SCHEMA hostile;
CREATE FUNCTION hostile.never(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR hostile.= (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.never);
CREATE FUNCTION hostile.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$SELECT '1999-01-01'::timestamptz$$;
CREATE TABLE hostile.program (LIKE rewards.program);
GRANT USAGE ON SCHEMA hostile TO PUBLIC;
-- (pgTAP itself would suffer)
DO $$
BEGIN
	SET LOCAL search_path = hostile, pg_catalog, public;
	PERFORM loyalty.create_program('calm', 'bigint', 'UTC', 'EUR', owner => 'shopkeeper');
	PERFORM loyalty.upgrade_program('calm');
END$$;
SET LOCAL search_path = public;
SELECT ok((SELECT created_at > '2020-01-01' FROM calm.program), 'no function of a hostile search path is called');
DO $$
BEGIN
	SET LOCAL search_path = hostile, pg_catalog, public;
	PERFORM loyalty.drop_program('calm');
END$$;
SET LOCAL search_path = public;
SELECT hasnt_schema('calm');

-- -------- upgrading --------
SELECT lives_ok($$SELECT loyalty.upgrade_program('rewards')$$, 'upgrading to the same version changes nothing');
ALTER SCHEMA rewards RENAME TO bonus;
SELECT throws_ok($$UPDATE bonus.program SET stacking = 'best'$$, '23514', NULL, 'after a rename the program wants to be upgraded');
SELECT lives_ok($$SELECT loyalty.upgrade_program('bonus')$$, 'so it is');
SELECT lives_ok($$UPDATE bonus.program SET stacking = 'best'$$, 'and can be configured again');
SELECT results_eq('SELECT name FROM bonus.program', $$VALUES ('bonus')$$, 'its name is that of the schema');
SELECT lives_ok($$SELECT bonus.detach('activity')$$, 'functions follow the rename');
GRANT EXECUTE ON FUNCTION bonus.detach(text) TO stranger;
SELECT loyalty.upgrade_program('bonus');
SELECT ok(has_function_privilege('stranger', 'bonus.detach(text)', 'EXECUTE'), 'grants survive an upgrade');
SELECT ok(NOT has_function_privilege('public', 'bonus.attach(regclass,text,text,text,text,text,text,text,text,text,boolean,text,text,text,text)', 'EXECUTE'),
	'and PUBLIC is still left out');

-- -------- dropping --------
CREATE TABLE public.orders (id bigint PRIMARY KEY, customer bigint, total numeric, at timestamptz DEFAULT now());
GRANT SELECT, TRIGGER ON public.orders TO shopkeeper;
SELECT bonus.attach('public.orders', 'orders', member => 'customer', amount => 'total', occurred_at => 'at');
SELECT isnt_empty($$SELECT tgname FROM pg_trigger WHERE tgrelid = 'public.orders'::regclass$$, 'an attached table has triggers');
INSERT INTO bonus.rule (name, source, earn) VALUES ('base', 'orders', '1 per 1');
INSERT INTO public.orders VALUES (1, 7, 10);
SELECT throws_ok($$SELECT loyalty.drop_program('bonus')$$, '2BP01',
	'loyalty program "bonus" cannot be dropped: its ledger has entries', 'a program with entries is not dropped');
CREATE VIEW public.report AS SELECT * FROM bonus.account;
SELECT throws_ok($$SELECT loyalty.drop_program('bonus', force => true)$$, '2BP01', NULL, 'not even by force if others depend on it');
DROP VIEW public.report;
SET LOCAL ROLE shopkeeper;
SELECT lives_ok($$SELECT loyalty.drop_program('bonus', force => true)$$, 'by force it is');
RESET ROLE;
SELECT hasnt_schema('bonus');
SELECT is_empty($$SELECT tgname FROM pg_trigger WHERE tgrelid = 'public.orders'::regclass$$, 'its triggers are gone from other people''s tables');
SELECT lives_ok($$INSERT INTO public.orders VALUES (2, 7, 10)$$, 'which can be written as ever');

-- -------- the extension --------
SELECT lives_ok('DROP EXTENSION loyalty CASCADE', 'the extension can be dropped with what it defines');
SELECT has_table('other', 'journal', 'members'' points are not part of it');

SELECT finish();
ROLLBACK;
