-- book_due(): what it costs, what it warns of, what it refuses.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();
INSERT INTO rewards.rule (name, source, earn, activates, expires) VALUES ('base', 'orders', '1 per 1', '5 days', '10 days');
INSERT INTO shop.orders SELECT i, i, 10 FROM generate_series(1, 30) i;
SELECT run('SELECT rewards.adjust(1, -4, reason => ''x'', allow_debt => true)');
SELECT is(rewards.book_due(), 0::bigint, 'nothing is due');
SELECT rewards.set_clock('2026-01-15 12:00Z');
SELECT is(rewards.book_due(), 1::bigint, 'a debt is repaid by what has become active');
SELECT is(ledger(1), 'earn 10, adjust -4, repay -4, repay 4', 'which is written down');
SELECT is(rewards.book_due(), 0::bigint, 'once');
SELECT rewards.set_clock('2026-01-20 12:00Z');
SELECT is(rewards.book_due(0), 0::bigint, 'a limit of 0 books nothing');
SELECT is(ARRAY[rewards.book_due(12), rewards.book_due(12), rewards.book_due(12), rewards.book_due(12)], '{12,12,6,0}'::bigint[], 'so many at a time until all is booked');
SELECT is((SELECT count(*) FROM rewards.history WHERE kind = 'expire'), 30::bigint, 'a line for each of them');
SELECT is(sqlstate_of('SELECT rewards.book_due(-1)'), '22023', 'a negative limit is refused');

-- an account whose next_due was only a lower bound
INSERT INTO shop.orders VALUES (100, 100, 10);
SELECT rewards.set_clock('2026-01-21 12:00Z');
DELETE FROM shop.orders WHERE order_id = 100;
UPDATE rewards.account SET next_due = '2026-01-21 12:00Z' WHERE member_id = 100;
SELECT is(rewards.book_due(), 1::bigint, 'an account where nothing is due after all');
SELECT is(rewards.book_due(), 0::bigint, 'is looked at once');
SELECT is((SELECT next_due FROM rewards.account WHERE member_id = 100), 'infinity'::timestamptz, 'as its next_due is raised');

-- the index finds what is due
SET LOCAL enable_seqscan = off;
\ir include/plan_of.sql
SELECT matches(plan_of($$SELECT member_id FROM rewards.account WHERE next_due <= '2026-01-01' ORDER BY next_due LIMIT 10 FOR NO KEY UPDATE SKIP LOCKED$$),
	'Index Scan using account_next_due', 'by the index on next_due');

-- tables that the engine does not watch
CREATE FUNCTION t.warning_of_book_due() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
BEGIN
	SET LOCAL client_min_messages = error;
	PERFORM rewards.book_due();
	SET LOCAL client_min_messages = warning;
	RETURN (SELECT string_agg(detail, '; ') FROM rewards.verify() WHERE invariant = 'wiring');
END
$$;
ALTER TABLE shop.orders DISABLE TRIGGER USER;
SELECT is(warning_of_book_due(), 'table "orders" of source "orders" lacks triggers, or they are disabled', 'triggers that are disabled do not stop it');
ALTER TABLE shop.orders ENABLE TRIGGER USER;
SELECT is(warning_of_book_due(), NULL, 'enabled again');

\ir include/finish.sql
