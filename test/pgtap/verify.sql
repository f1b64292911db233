-- verify() sees what is wrong: each of its invariants violated on purpose.
BEGIN;
\ir include/shop.sql
\ir include/tamper.sql
SELECT * FROM no_plan();
INSERT INTO rewards.rule (name, source, earn, expires) VALUES ('base', 'orders', '1 per 1', '365 days');
INSERT INTO shop.orders SELECT i, i % 5, 10 * i FROM generate_series(1, 20) i;
SELECT run('SELECT rewards.adjust(1, -50, reason => ''spent'')');
SELECT run('SELECT rewards.adjust(2, -1000, reason => ''overdraft'', allow_debt => true)');
UPDATE shop.orders SET total = total / 2 WHERE order_id % 3 = 0;
DELETE FROM shop.orders WHERE order_id = 20;
SELECT is_empty('SELECT * FROM rewards.verify()', 'a program that was used as intended is sound');

-- does something behind the engine's back, returns what verify() says of it, and undoes it
CREATE FUNCTION t.verdict(damage text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	verdict text;
	r record;
BEGIN
	FOR r IN SELECT DISTINCT tgrelid::regclass AS t FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid WHERE relnamespace = 'rewards'::regnamespace AND relname <> 'activity' AND NOT tgisinternal LOOP
		EXECUTE format('ALTER TABLE %s DISABLE TRIGGER USER', r.t);
	END LOOP;
	SET LOCAL session_replication_role = replica;
	EXECUTE damage;
	SET LOCAL session_replication_role = origin;
	SELECT string_agg(DISTINCT member_id::text, ' ') INTO verdict FROM rewards.verify();
	IF NOT EXISTS (SELECT FROM rewards.verify()) THEN
		verdict := 'sound';
	ELSIF verdict IS NULL THEN
		verdict := 'nobody in particular';
	END IF;
	RAISE EXCEPTION '%', verdict;
EXCEPTION
	WHEN raise_exception THEN
		RETURN SQLERRM;
END
$$;
SELECT is(verdict('SELECT 1'), 'sound', 'doing nothing is sound');

-- 1. an account's state equals the sum of its entries
SELECT is(verdict('SELECT t.change_line(3, 1, points => 31)'), '3', 'a line was changed');
SELECT is(verdict($$SELECT t.change_line(3, 1, expires_at => '2027-01-11 12:00Z')$$), '3', 'the end of a line was changed');
SELECT is(verdict($$UPDATE rewards.account SET lots = '{}' WHERE member_id = 3$$), '3', 'an account was emptied');
SELECT is(verdict('DELETE FROM rewards.account WHERE member_id = 3'), '3', 'an account is missing');
SELECT is(verdict('UPDATE rewards.account a SET lots = b.lots FROM rewards.account b WHERE a.member_id = 3 AND b.member_id = 4'), '3', 'an account has another''s lots');
SELECT is(verdict($$UPDATE rewards.account SET next_due = 'infinity' WHERE member_id = 3$$), '3', 'an account that would miss what is due');
SELECT is(verdict('UPDATE rewards.account SET purchases = purchases + 1 WHERE member_id = 3'), '3', 'purchases were counted wrongly');
SELECT is(verdict($$UPDATE rewards.account SET spend = '0' WHERE member_id = 3$$), '3', 'what a member spent was counted wrongly');
-- 2. entry_no is gapless
SELECT is(verdict('SELECT t.change_line(3, 2, gone => true)'), '3', 'a line is missing');
SELECT is(verdict('SELECT t.change_line(3, last_entry, gone => true) FROM rewards.account WHERE member_id = 3'), '3', 'the last line is missing');
SELECT is(verdict('UPDATE rewards.journal SET first_entry = first_entry + 10 WHERE member_id = 3 AND first_entry = (SELECT max(first_entry) FROM rewards.journal WHERE member_id = 3)'), '3', 'a gap');
SELECT is(verdict('UPDATE rewards.account SET last_entry = last_entry + 1 WHERE member_id = 3'), '3', 'an account counts one line too many');
-- 3. sums per member and unit
SELECT is(verdict('SELECT t.change_line(3, 1, points => -30)'), '3', 'a line was turned round');
-- 4. events hold what they are entitled to
SELECT is(verdict('UPDATE shop.orders SET total = total + 5 WHERE order_id = 3'), '3', 'an order changed without the engine');
SELECT is(verdict('INSERT INTO shop.orders VALUES (100, 3, 5)'), '3', 'an order arrived without it');
SELECT is(verdict('UPDATE shop.orders SET customer_id = 3 WHERE order_id = 1') ~ '[13]', true, 'an order changed its member without it');
SELECT is(verdict('ALTER TABLE shop.orders DISABLE TRIGGER USER'), 'nobody in particular', 'an attached table whose triggers are disabled');
SELECT is(verdict($q$DO $d$ DECLARE r record; BEGIN
	FOR r IN SELECT tgname FROM pg_trigger WHERE tgrelid = 'shop.orders'::regclass AND NOT tgisinternal LOOP
		EXECUTE format('DROP TRIGGER %I ON shop.orders', r.tgname);
	END LOOP; END $d$$q$), 'nobody in particular', 'or are gone');
-- caps and budgets agree with the ledger
UPDATE rewards.rule SET max_per_member = 1000, cap_period = 'day', budget = 5000;
INSERT INTO shop.orders (order_id, customer_id, total, placed_at) VALUES (30, 3, 10, '2026-01-08 12:00Z'), (31, 3, 10, '2026-01-09 12:00Z');
SELECT is_empty('SELECT * FROM rewards.verify()', 'a cap and a budget');
SELECT isnt(verdict($$UPDATE rewards.cap_usage SET used = '1' WHERE member_id = 3$$), 'sound', 'room of a day that is over was counted wrongly');
SELECT isnt(verdict('UPDATE rewards.account SET usage = set_byte(usage, 16, get_byte(usage, 16) # 1) WHERE member_id = 3'), 'sound', 'room of the latest day was');
SELECT isnt(verdict($$UPDATE rewards.budget_room SET used = '1' WHERE used > '0'$$), 'sound', 'a budget was counted wrongly');
-- an event that earns nothing at first counts in the span of its instant
CREATE TABLE shop.lines (line_id bigint PRIMARY KEY, basket bigint, member bigint, price numeric, at timestamptz);
SELECT rewards.attach('shop.lines', name => 'lines', event => 'basket', member => 'member', amount => 'price', occurred_at => 'at') \g /dev/null
INSERT INTO rewards.unit (name) VALUES ('visits');
INSERT INTO rewards.rule (name, source, unit, earn, max_per_member, cap_period) VALUES ('visit', 'lines', 'visits', '3', 5, 'day');
INSERT INTO shop.lines VALUES (1, 1, 3, 0, '2026-01-05 12:00Z');
INSERT INTO shop.lines VALUES (2, 1, 3, 9, '2026-01-05 12:00Z');
SELECT is(ledger(3, 'visits'), 'earn 3', 'a line that is worth nothing, then one that is');
SELECT is_empty('SELECT * FROM rewards.verify()', 'the cap of its day was used');
-- 5. nothing spendable is negative
SELECT is(verdict($$UPDATE rewards.account SET lots = '{1:-5@[2026-01-10,2027-01-10)}' WHERE member_id = 3$$), '3', 'a negative lot');

-- one member
SET LOCAL session_replication_role = replica;
UPDATE shop.orders SET total = total + 5 WHERE order_id = 3;
SET LOCAL session_replication_role = origin;
SELECT isnt_empty('SELECT * FROM rewards.verify(3)', 'verify() of the member concerned');
SELECT is_empty('SELECT * FROM rewards.verify(4)', 'of another');
SELECT isnt((SELECT min(detail) FROM rewards.verify(3)), NULL, 'with a detail');
SELECT run($$SELECT rewards.reconcile('orders')$$);

-- the ledger is guarded against accidents
SELECT isnt(sqlstate_of('UPDATE rewards.journal SET lines = ''{}'''), '00000', 'UPDATE of the ledger is refused');
SELECT isnt(sqlstate_of('DELETE FROM rewards.journal'), '00000', 'DELETE');
SELECT isnt(sqlstate_of('TRUNCATE rewards.journal'), '00000', 'TRUNCATE');
SET LOCAL session_replication_role = replica;
SELECT isnt(sqlstate_of('DELETE FROM rewards.journal'), '00000', 'in a replica session too');
SET LOCAL session_replication_role = origin;


\ir include/finish.sql
