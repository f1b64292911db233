-- Who may do what: the program's owner is no superuser, the application has no
-- privilege on the program's tables, nobody borrows anybody's rights.
BEGIN;
SET LOCAL client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS loyalty;
SET LOCAL TimeZone = 'UTC';
SELECT * FROM no_plan();

DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO PUBLIC', current_database()); END $$;
CREATE ROLE priv_owner;
CREATE ROLE priv_shop;
CREATE ROLE priv_till;
CREATE ROLE priv_report;
CREATE ROLE priv_app;
CREATE ROLE priv_admin;
CREATE ROLE priv_stranger;
CREATE SCHEMA t;
GRANT USAGE ON SCHEMA t TO PUBLIC;
CREATE FUNCTION t.sqlstate_of(statement text) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN '00000';
EXCEPTION
	WHEN OTHERS OR query_canceled THEN
		RETURN SQLSTATE;
END
$$;
SET LOCAL search_path = t, public;

-- the shop is one role's, the till writes into it
CREATE SCHEMA shop AUTHORIZATION priv_shop;
GRANT USAGE ON SCHEMA shop TO priv_owner, priv_till, priv_stranger;
SET LOCAL ROLE priv_shop;
CREATE TABLE shop.orders (order_id bigint PRIMARY KEY, customer_id bigint, total numeric, placed_at timestamptz DEFAULT '2026-01-10 12:00Z', secret text);
GRANT SELECT, INSERT, UPDATE, DELETE ON shop.orders TO priv_till;

-- a role that is no superuser makes a program
SET LOCAL ROLE priv_owner;
SELECT lives_ok($$SELECT loyalty.create_program('rewards', member_type => 'bigint', time_zone => 'UTC', currency => 'EUR', test_clock => true)$$, 'an ordinary role creates a program');
SELECT lives_ok($$SELECT rewards.set_clock('2026-01-10 12:00Z')$$, 'and sets its clock');
RESET ROLE;
SELECT is((SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'rewards'), 'priv_owner', 'which is its own');
SELECT is_empty($$SELECT oid::regclass FROM pg_class WHERE relnamespace = 'rewards'::regnamespace AND relowner <> 'priv_owner'::regrole$$, 'with all that is in it');
SELECT is_empty($$SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'rewards'::regnamespace AND proowner <> 'priv_owner'::regrole$$, 'its functions too');

-- attaching needs the TRIGGER privilege, no more
SET LOCAL ROLE priv_owner;
SELECT is(sqlstate_of($$SELECT rewards.attach('shop.orders', name => 'orders', member => 'customer_id', amount => 'total', occurred_at => 'placed_at')$$), '42501',
	'attach() needs the TRIGGER privilege on the table');
SET LOCAL ROLE priv_shop;
GRANT TRIGGER, SELECT ON shop.orders TO priv_owner;
SET LOCAL ROLE priv_owner;
SELECT lives_ok($$SELECT rewards.attach('shop.orders', name => 'orders', member => 'customer_id', amount => 'total', occurred_at => 'placed_at')$$, 'attach() with it');
INSERT INTO rewards.rule (name, source, earn) VALUES ('base', 'orders', '1 per 1');

-- purchases by a role that may do nothing in the program
SET LOCAL ROLE priv_till;
SELECT lives_ok('INSERT INTO shop.orders VALUES (1, 1, 100), (2, 2, 50)', 'a till without any privilege on the program inserts');
SELECT lives_ok('UPDATE shop.orders SET total = 60 WHERE order_id = 1', 'updates');
SELECT lives_ok('DELETE FROM shop.orders WHERE order_id = 2', 'deletes');
SELECT lives_ok('INSERT INTO shop.orders VALUES (1, 1, 70) ON CONFLICT (order_id) DO UPDATE SET total = excluded.total', 'upserts');
SELECT is(sqlstate_of('SELECT * FROM rewards.entry'), '42501', 'it cannot read the ledger');
SELECT is(sqlstate_of('SELECT * FROM rewards.journal'), '42501', 'nor as it is stored');
SELECT is(sqlstate_of('SELECT * FROM rewards.balances'), '42501', 'nor balances');
SELECT is(sqlstate_of('SELECT rewards.balance(1)'), '42501', 'nor call functions');
SELECT is(sqlstate_of($$SELECT rewards.adjust(1, 1000, reason => 'me')$$), '42501', 'nor give itself points');
SELECT is(sqlstate_of($$INSERT INTO rewards.rule (name, source, earn) VALUES ('mine', 'orders', '1000')$$), '42501', 'nor write rules');
SELECT is(current_user::text, 'priv_till', 'and it is still itself');
SET LOCAL ROLE priv_owner;
SELECT is(rewards.balance(1), 70::numeric, 'all of it was posted');
SELECT is(rewards.balance(2), 0::numeric, 'and taken back');

-- functions are nobody's but the owner's until granted
RESET ROLE;
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace IN ('rewards'::regnamespace) AND has_function_privilege('priv_stranger', p.oid, 'EXECUTE')$$, 'no function of a program is PUBLIC''s');
SELECT is_empty($$SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace = 'rewards'::regnamespace AND c.relkind IN ('r', 'v', 'p', 'm')
	AND (has_table_privilege('priv_stranger', c.oid, 'SELECT') OR has_any_column_privilege('priv_stranger', c.oid, 'SELECT,INSERT,UPDATE'))$$, 'no table or view either');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace IN ('rewards'::regnamespace, 'loyalty'::regnamespace) AND p.prosecdef
	AND p.prosqlbody IS NULL AND NOT EXISTS (SELECT FROM unnest(p.proconfig) c WHERE c ~ '^search_path=')
	AND p.prosrc !~ E'^\\s*BEGIN\\s+RETURN loyalty\\.\\w+\\(''rewards\\.program''::pg_catalog\\.regclass(, \\w+)+\\);\\s+END\\s*$'$$,
	'every SECURITY DEFINER function pins its search_path, or looks up nothing by it');

-- roles
SET LOCAL ROLE priv_owner;
SELECT lives_ok($$SELECT rewards.grant_access('priv_report', 'report'), rewards.grant_access('priv_app', 'app'), rewards.grant_access('priv_admin', 'admin')$$, 'grant_access()');
SELECT isnt(sqlstate_of($$SELECT rewards.grant_access('priv_report', 'everything')$$), '00000', 'of three kinds only');
SET LOCAL ROLE priv_report;
SELECT is(sqlstate_of('SELECT * FROM rewards.balances'), '00000', 'report reads balances');
SELECT is(sqlstate_of('SELECT * FROM rewards.history, rewards.liability, rewards.expiring, rewards.orders_points'), '00000', 'and the other views');
SELECT is(sqlstate_of($$SELECT rewards.adjust(1, 1, reason => 'x')$$), '42501', 'but adjusts nothing');
SELECT is(sqlstate_of($$INSERT INTO rewards.member (member_id, joined_at) VALUES (99, now())$$), '42501', 'and writes nothing');
SET LOCAL ROLE priv_app;
SELECT is(sqlstate_of('SELECT rewards.balance(1)'), '00000', 'app reads a balance');
SELECT is(sqlstate_of('SELECT * FROM rewards.statement(1)'), '00000', 'a statement');
SELECT is(sqlstate_of($$SELECT * FROM rewards.preview('orders', '{"customer_id": 1, "total": 5, "placed_at": "2026-01-10 12:00Z"}')$$), '00000', 'a preview');
SELECT is(sqlstate_of($$INSERT INTO rewards.activity (kind, key, member_id, occurred_at) VALUES ('visit', 'x', 1, '2026-01-10 12:00Z')$$), '00000', 'tells what happened');
SELECT is(sqlstate_of($$SELECT rewards.adjust(1, 1, reason => 'x')$$), '42501', 'but makes no corrections');
SELECT is(sqlstate_of($$INSERT INTO rewards.rule (name, source, earn) VALUES ('mine', 'orders', '1000')$$), '42501', 'and no rules');
SET LOCAL ROLE priv_admin;
SELECT is(sqlstate_of($$SELECT rewards.adjust(1, 1, reason => 'x')$$), '00000', 'admin corrects');
SELECT is(sqlstate_of($$INSERT INTO rewards.rule (name, source, earn) VALUES ('theirs', 'orders', '1')$$), '00000', 'writes rules');
SELECT is(sqlstate_of($$UPDATE rewards.rule SET enabled = false WHERE name = 'theirs'$$), '00000', 'edits them');
SELECT is(sqlstate_of('SELECT rewards.book_due(), (SELECT count(*) FROM rewards.verify())'), '00000', 'books and verifies');
SELECT isnt(sqlstate_of('DELETE FROM rewards.journal'), '00000', 'but does not touch the ledger');
SELECT isnt(sqlstate_of($$UPDATE rewards.account SET lots = '{}'$$), '00000', 'nor accounts');
SELECT is((SELECT actor FROM rewards.statement(1) WHERE kind = 'adjust' LIMIT 1) IS NOT NULL, true, 'the ledger names who did it');

-- actors: the caller, not the owner
RESET ROLE;
SELECT isnt((SELECT actor FROM rewards.statement(1) WHERE kind = 'adjust' LIMIT 1), 'priv_owner', 'not the owner in whose name it ran');

-- what rules may call
SET LOCAL ROLE priv_stranger;
SELECT is(sqlstate_of('CREATE FUNCTION shop.evil(numeric) RETURNS numeric STABLE LANGUAGE sql AS ''SELECT $1'''), '42501', 'a stranger cannot write into the shop');
RESET ROLE;
CREATE SCHEMA evil AUTHORIZATION priv_stranger;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
SET LOCAL ROLE priv_stranger;
CREATE FUNCTION evil.worth(numeric) RETURNS numeric STABLE LANGUAGE sql AS 'SELECT $1';
SET LOCAL ROLE priv_owner;
SELECT isnt(sqlstate_of($$INSERT INTO rewards.rule (name, source, earn, amount) VALUES ('evil', 'orders', '1 per 1', 'evil.worth(total)')$$), '00000',
	'a rule may not call a function of a stranger');
RESET ROLE;

-- a rule's function runs as the owner, restricted, and cannot change the caller's session
SET LOCAL ROLE priv_owner;
CREATE FUNCTION rewards.spy(numeric) RETURNS numeric STABLE LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('search_path', 'evil', false);
	PERFORM set_config('myapp.user', current_user, false);
	RETURN CASE current_user WHEN 'priv_owner' THEN $1 ELSE 0 END;
END
$$;
SELECT is(sqlstate_of($$INSERT INTO rewards.rule (name, source, earn, amount) VALUES ('spy', 'orders', '1 per 1', 'rewards.spy(total)')$$), '00000', 'a rule may call a function of the owner');
SET LOCAL ROLE priv_till;
SELECT lives_ok('INSERT INTO shop.orders VALUES (3, 3, 100)', 'a purchase it judges');
SELECT is(current_setting('search_path'), 't, public', 'leaves the session''s search_path');
SELECT is(coalesce(current_setting('myapp.user', true), ''), '', 'and its other settings alone');
SELECT is(current_user::text, 'priv_till', 'and the user who he was');
RESET ROLE;
SELECT is(rewards.balance(3), 200::numeric, 'the function ran as the program''s owner');

-- a function that would write or do worse is stopped
SET LOCAL ROLE priv_owner;
CREATE TABLE rewards.loot (x text);
CREATE FUNCTION rewards.writes(numeric) RETURNS numeric STABLE LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'INSERT INTO rewards.loot VALUES (1)';
	RETURN $1;
END
$$;
CREATE FUNCTION rewards.escapes(numeric) RETURNS numeric STABLE LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'SET ROLE priv_till';
	RETURN $1;
END
$$;
UPDATE rewards.rule SET enabled = false;
INSERT INTO rewards.rule (name, source, earn, amount) VALUES ('writes', 'orders', '1 per 1', 'rewards.writes(total)');
SET LOCAL ROLE priv_till;
SELECT lives_ok('INSERT INTO shop.orders VALUES (4, 4, 100)', 'a rule whose function writes fails, the till goes on');
SET LOCAL ROLE priv_owner;
SELECT is_empty('SELECT * FROM rewards.loot', 'nothing is written');
SELECT is(rewards.balance(4), 0::numeric, 'nothing is posted');
UPDATE rewards.rule SET enabled = false;
INSERT INTO rewards.rule (name, source, earn, amount) VALUES ('escapes', 'orders', '1 per 1', 'rewards.escapes(total)');
SET LOCAL ROLE priv_till;
SELECT lives_ok('INSERT INTO shop.orders VALUES (5, 5, 100)', 'so does one whose function changes the role');
SELECT is(current_user::text, 'priv_till', 'the user is who he was');
SET LOCAL ROLE priv_owner;
SELECT is(rewards.balance(5), 0::numeric, 'nothing is posted');
UPDATE rewards.rule SET enabled = name = 'base';
SELECT is((SELECT array_agg(event_key ORDER BY event_key) FROM rewards.failed_event), '{4,5}', 'both wait');

-- our trigger on somebody else's table earns nobody anything
SET LOCAL ROLE priv_stranger;
CREATE TABLE evil.orders (order_id bigint PRIMARY KEY, customer_id bigint, total numeric, placed_at timestamptz DEFAULT '2026-01-10 12:00Z', secret text);
RESET ROLE;
CREATE TABLE t.forged AS
SELECT regexp_replace(pg_get_triggerdef(oid), ' ON shop\.orders ', ' ON evil.orders ') AS def FROM pg_trigger
WHERE tgrelid = 'shop.orders'::regclass AND NOT tgisinternal AND tgtype & 4 <> 0 AND tgtype & 1 = 0;
GRANT SELECT ON t.forged TO PUBLIC;
SELECT isnt_empty('SELECT * FROM t.forged', 'the trigger that sees inserts');
GRANT USAGE ON SCHEMA rewards TO priv_stranger;
SET LOCAL ROLE priv_stranger;
CREATE FUNCTION pg_temp.forge() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE (SELECT def FROM t.forged LIMIT 1);
	INSERT INTO evil.orders VALUES (1, 1, 1000000);
	RETURN '00000';
EXCEPTION
	WHEN OTHERS THEN
		RETURN SQLSTATE;
END
$$;
SELECT is(pg_temp.forge(), '42501', 'a stranger puts our trigger on a table of his own: it refuses');
RESET ROLE;
SELECT is(rewards.balance(1), 71::numeric, 'and nobody got anything');

-- row security on the attached table: rows that the program's owner does not see would
-- earn nothing, and lose what they have earned
SET LOCAL ROLE priv_shop;
ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY till ON shop.orders TO priv_till USING (true);
SET LOCAL ROLE priv_till;
SELECT is(sqlstate_of('INSERT INTO shop.orders VALUES (901, 1, 5)'), '42501', 'a row that the owner may not see is refused');
SELECT is(sqlstate_of('UPDATE shop.orders SET total = total + 1 WHERE customer_id = 1'), '42501', 'so is a change');
SELECT is(sqlstate_of('DELETE FROM shop.orders WHERE customer_id = 1'), '42501', 'and a delete');
SET LOCAL ROLE priv_owner;
SELECT is(sqlstate_of($$SELECT rewards.reconcile('orders', orphans => 'revoke')$$), '42501', 'nor are they taken for orphans');
RESET ROLE;
SELECT is(rewards.balance(1), 71::numeric, 'nothing is lost');
SET LOCAL ROLE priv_shop;
CREATE TABLE shop.reviews (review_id bigint PRIMARY KEY, customer_id bigint);
ALTER TABLE shop.reviews ENABLE ROW LEVEL SECURITY;
GRANT SELECT, TRIGGER ON shop.reviews TO priv_owner;
SET LOCAL ROLE priv_owner;
SELECT is(sqlstate_of($$SELECT rewards.attach('shop.reviews', name => 'reviews', member => 'customer_id')$$), '42501', 'such a table cannot be attached');
CREATE SCHEMA own;
CREATE TABLE own.reviews (review_id bigint PRIMARY KEY, customer_id bigint);
ALTER TABLE own.reviews ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
SELECT is(sqlstate_of($$SELECT rewards.attach('own.reviews', name => 'own', member => 'customer_id')$$), '00000', 'the owner''s own table can, even if it is forced upon owners');
RESET ROLE;
ALTER ROLE priv_owner BYPASSRLS;
SET LOCAL ROLE priv_till;
SELECT is(sqlstate_of('UPDATE shop.orders SET total = total WHERE customer_id = 1'), '00000', 'an owner whom row security does not bind reads all');
SELECT is(sqlstate_of('INSERT INTO shop.orders VALUES (902, NULL, 5)'), '00000', 'new rows, too');
RESET ROLE;
ALTER ROLE priv_owner NOBYPASSRLS;
SET LOCAL ROLE priv_shop;
ALTER TABLE shop.orders DISABLE ROW LEVEL SECURITY;

-- detaching needs nothing more
SET LOCAL ROLE priv_shop;
REVOKE TRIGGER ON shop.orders FROM priv_owner;
SET LOCAL ROLE priv_owner;
SELECT lives_ok($$SELECT rewards.detach('orders')$$, 'detach() needs no privilege on the table any more');
RESET ROLE;
SELECT is_empty($$SELECT tgname FROM pg_trigger WHERE tgrelid = 'shop.orders'::regclass AND NOT tgisinternal$$, 'the triggers are gone');
SELECT is((SELECT owner::text FROM loyalty.programs WHERE name = 'rewards'), 'priv_owner', 'programs lists the owner');
SELECT is_empty('SELECT * FROM rewards.verify()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
