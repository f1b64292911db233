-- The program's tables are ordinary tables: what its owner hangs on them works,
-- though the engine may write them directly.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();
INSERT INTO rewards.rule (name, source, earn) VALUES ('base', 'orders', '1 per 1');
INSERT INTO shop.orders VALUES (1, 1, 100);

-- row triggers
CREATE TABLE t.seen (what text);
CREATE FUNCTION t.see() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO t.seen VALUES (format('%s %s %s', TG_TABLE_NAME, lower(TG_OP), 
		CASE TG_TABLE_NAME WHEN 'journal' THEN (SELECT loyalty.sum(l.points)::text FROM loyalty.lines_unnest_1((to_jsonb(new) ->> 'lines')::loyalty.lines) l) ELSE to_jsonb(new) ->> 'member_id' END));
	RETURN NULL;
END
$$;
CREATE TRIGGER see AFTER INSERT ON rewards.journal FOR EACH ROW EXECUTE FUNCTION t.see();
CREATE TRIGGER see AFTER INSERT OR UPDATE ON rewards.account FOR EACH ROW EXECUTE FUNCTION t.see();
CREATE TRIGGER see AFTER INSERT ON rewards.member FOR EACH ROW EXECUTE FUNCTION t.see();
INSERT INTO shop.orders VALUES (2, 1, 10), (3, 2, 20);
SELECT is((SELECT array_agg(what ORDER BY what) FROM t.seen WHERE what LIKE 'journal%'), '{journal insert 10,journal insert 20}', 'a row trigger on the ledger fires');
SELECT is((SELECT count(*) FROM t.seen WHERE what = 'member insert 2'), 1::bigint, 'one on the members');
SELECT isnt_empty($$SELECT * FROM t.seen WHERE what IN ('account update 1', 'account insert 1')$$, 'one on the accounts');
DELETE FROM t.seen;
SELECT run('SELECT rewards.adjust(1, -5, reason => ''x'')');
SELECT is((SELECT array_agg(what ORDER BY what) FROM t.seen WHERE what LIKE 'journal%'), '{"journal insert -5"}', 'for corrections too');

-- changes of tiers
INSERT INTO rewards.tier_group (name, unit) VALUES ('club', 'points');
INSERT INTO rewards.tier (name, tier_group, rank, threshold) VALUES ('Silver', 'club', 10, 5000), ('Gold', 'club', 20, 6000);
CREATE TRIGGER see AFTER INSERT ON rewards.tier_change FOR EACH ROW EXECUTE FUNCTION t.see();
INSERT INTO shop.orders VALUES (21, 21, 5000), (22, 22, 5000), (23, 21, 1000);
SELECT is((SELECT array_agg(what ORDER BY what) FROM t.seen WHERE what LIKE 'tier%'),
	'{"tier_change insert 21","tier_change insert 21","tier_change insert 22"}', 'one on the changes of tiers');
DROP TRIGGER see ON rewards.tier_change;
ALTER TABLE rewards.tier_change ADD CONSTRAINT not_25 CHECK (member_id <> 25), ADD COLUMN remark text;
INSERT INTO shop.orders VALUES (24, 22, 1000);
SELECT results_eq($$SELECT tier, remark FROM rewards.tier_history JOIN rewards.tier_change USING (member_id, change_no) WHERE member_id = 22$$,
	$$VALUES ('Silver', NULL::text), ('Gold', NULL)$$, 'which are written without it, and with a column of the owner''s, too');
SELECT is(sqlstate_of($$INSERT INTO shop.orders VALUES (25, 25, 5000)$$), '23514', 'a constraint of the owner''s holds for them');

-- deferred ones
CREATE CONSTRAINT TRIGGER later AFTER INSERT ON rewards.journal DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION t.see();
DROP TRIGGER see ON rewards.journal;
DELETE FROM t.seen;
INSERT INTO shop.orders VALUES (4, 1, 40);
SELECT is_empty($$SELECT * FROM t.seen WHERE what LIKE 'journal%'$$, 'a deferred trigger waits');
SET CONSTRAINTS ALL IMMEDIATE;
SELECT is((SELECT array_agg(what) FROM t.seen WHERE what LIKE 'journal%'), '{journal insert 40}', 'and fires');
DROP TRIGGER later ON rewards.journal;

-- one that refuses
CREATE FUNCTION t.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not on my watch' USING ERRCODE = 'ZZ001'; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON rewards.journal FOR EACH ROW WHEN (new.lines::text LIKE '%:1001@%') EXECUTE FUNCTION t.refuse();
SELECT is(sqlstate_of('INSERT INTO shop.orders VALUES (5, 5, 1001)'), 'ZZ001', 'a trigger that refuses a line refuses the purchase');
SELECT is(earned(5), 0::numeric, 'nothing is posted');
INSERT INTO shop.orders VALUES (6, 5, 1000);
SELECT is(earned(6), 1000::numeric, 'it may let others pass');
DROP TRIGGER refuse ON rewards.journal;

-- row security of the owner's
ALTER TABLE rewards.journal ENABLE ROW LEVEL SECURITY;
ALTER TABLE rewards.journal FORCE ROW LEVEL SECURITY;
ALTER TABLE rewards.account ENABLE ROW LEVEL SECURITY;
ALTER TABLE rewards.account FORCE ROW LEVEL SECURITY;
ALTER TABLE rewards.posting_orders ENABLE ROW LEVEL SECURITY;
ALTER TABLE rewards.posting_orders FORCE ROW LEVEL SECURITY;
INSERT INTO shop.orders VALUES (7, 1, 70), (8, 8, 80);
UPDATE shop.orders SET total = 71 WHERE order_id = 7;
SELECT is(rewards.balance(1), 216::numeric, 'row security on the program''s tables does not keep the engine from posting');
ALTER TABLE rewards.journal DISABLE ROW LEVEL SECURITY;
ALTER TABLE rewards.account DISABLE ROW LEVEL SECURITY;
ALTER TABLE rewards.posting_orders DISABLE ROW LEVEL SECURITY;

-- more indexes, constraints, columns
ALTER TABLE rewards.journal ADD COLUMN remark text;
CREATE INDEX journal_by_instant ON rewards.journal (posted_at);
ALTER TABLE rewards.journal ADD CONSTRAINT no_millions CHECK (lines::text NOT LIKE '%:1000000@%');
INSERT INTO shop.orders VALUES (9, 9, 90);
SET LOCAL enable_seqscan = off;
SELECT is((SELECT sum(points) FROM rewards.entry WHERE posted_at = '2026-01-10 12:00Z' AND member_id = 9)::numeric, 90::numeric, 'an index of the owner''s is kept');
RESET enable_seqscan;
SELECT is(sqlstate_of('INSERT INTO shop.orders VALUES (10, 10, 1000000)'), '23514', 'a constraint of the owner''s too');
SELECT is((SELECT count(*) FROM rewards.journal WHERE member_id = 9 AND remark IS NULL), 1::bigint, 'and a column, which is null in what the engine writes');

-- what is in a column of the owner's stays there when the engine writes the row again
ALTER TABLE rewards.account ADD COLUMN remark text;
ALTER TABLE rewards.operation ADD COLUMN remark text;
INSERT INTO shop.orders VALUES (31, 31, 100), (32, 32, 100);
ALTER TABLE rewards.posting_orders ADD COLUMN remark text DEFAULT 'older';
UPDATE rewards.account SET remark = 'of ' || member_id WHERE member_id IN (31, 32);
SELECT run('SELECT rewards.hold(31, 30, key => ''the hold'')');
UPDATE rewards.operation SET remark = 'of the hold' WHERE key = 'the hold';
INSERT INTO shop.orders VALUES (33, 31, 100), (34, 32, 100), (35, 35, 100);
UPDATE shop.orders SET total = total + 1 WHERE customer_id IN (31, 32, 35);
SELECT run('SELECT rewards.capture(operation_no) FROM rewards.operation WHERE key = ''the hold''');
SELECT results_eq('SELECT member_id, remark FROM rewards.account WHERE member_id > 30 ORDER BY 1', $$VALUES (31::bigint, 'of 31'), (32, 'of 32'), (35, NULL)$$, 'of an account');
SELECT results_eq('SELECT key1, remark FROM rewards.posting_orders WHERE key1 > 30 ORDER BY 1',
	$$VALUES (31::bigint, 'older'), (32, 'older'), (33, NULL), (34, NULL), (35, NULL)$$, 'of a posting');
SELECT is((SELECT remark FROM rewards.operation WHERE key = 'the hold'), 'of the hold', 'of an operation');
ALTER TABLE rewards.account ADD COLUMN twice bigint GENERATED ALWAYS AS (last_entry * 2) STORED;
UPDATE shop.orders SET total = total + 1 WHERE customer_id IN (31, 32);
SELECT results_eq('SELECT remark, twice = last_entry * 2 FROM rewards.account WHERE member_id IN (31, 32) ORDER BY member_id', $$VALUES ('of 31', true), ('of 32', true)$$,
	'a generated one follows');

\ir include/finish.sql
