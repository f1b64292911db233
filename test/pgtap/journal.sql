-- How the ledger is stored: the lines that one event or operation writes to one
-- member at once are one row of "journal", and "entry" shows them one by one.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();
INSERT INTO rewards.unit (name, expires, spendable) VALUES ('stamps', '30 days', false);
INSERT INTO rewards.rule (name, source, unit, earn, expires) VALUES
	('base', 'orders', 'points', '1 per 1', '12 months to end of month'), ('extra', 'orders', 'points', '50', '90 days'), ('stamp', 'orders', 'stamps', '1', NULL);

-- "1-3 orders 10, 4-6 orders 11": rows of a member, by the numbers of their lines, and their events
CREATE FUNCTION t.rows_of(member bigint) RETURNS text STABLE LANGUAGE sql AS $$
	SELECT string_agg(first_entry || '-' || first_entry + loyalty.lines_count_1(lines) - 1 || coalesce(' ' || s.name || ' ' || event_key, '') || coalesce(' operation' || nullif(sign(operation_no), 0), ''), ', ' ORDER BY first_entry)
	FROM rewards.journal LEFT JOIN rewards.source s USING (source_no) WHERE member_id = $1
$$;
\ir include/plan_of.sql

INSERT INTO shop.orders VALUES (10, 1, 100), (11, 1, 7), (12, 2, 5);
SELECT is(rows_of(1), '1-3 orders 10, 4-6 orders 11', 'each event''s lines are one row');
SELECT results_eq('SELECT entry_no, kind::int, unit_no::int, rule_no, points::numeric, occurred_at, posted_at, active_from, expires_at, event_key FROM rewards.entry WHERE member_id = 1 ORDER BY entry_no',
	$$SELECT n, 1, u, r, p::numeric, '2026-01-10 12:00Z'::timestamptz, '2026-01-10 12:00Z'::timestamptz, '2026-01-10 12:00Z'::timestamptz, e::timestamptz, k
		FROM (VALUES (1::bigint, 1, 1, 100, '2027-02-01', '10'), (2, 1, 2, 50, '2026-04-10 12:00Z', '10'), (3, 2, 3, 1, '2026-02-09 12:00Z', '10'),
			(4, 1, 1, 7, '2027-02-01', '11'), (5, 1, 2, 50, '2026-04-10 12:00Z', '11'), (6, 2, 3, 1, '2026-02-09 12:00Z', '11')) v (n, u, r, p, e, k)$$,
	'entry has a row for each line');
SELECT run('SELECT rewards.adjust(1, -120, reason => ''x'')');
SELECT is(rows_of(1), '1-3 orders 10, 4-6 orders 11, 7-8 operation1', 'so are an operation''s');
SELECT is((SELECT count(DISTINCT operation_no) FROM rewards.entry WHERE member_id = 1 AND entry_no IN (7, 8)), 1::bigint, 'which entry names');

-- an event that moves in time: what is revoked and what is earned are blocks of their own
UPDATE shop.orders SET placed_at = '2026-01-09 12:00Z' WHERE order_id = 11;
SELECT is(rows_of(1), '1-3 orders 10, 4-6 orders 11, 7-8 operation1, 9-11 orders 11, 12-14 orders 11', 'a posting''s block begins a row');
SELECT is((SELECT array_agg(DISTINCT first_entry) FROM rewards.posting_orders WHERE key1 = 11), ARRAY[12::bigint], 'that is found by its number');
SELECT is(earned(11), 57::numeric, 'the view of the source adds its lines up');
UPDATE shop.orders SET total = 6 WHERE order_id = 11;
SELECT is(ledger(1), 'earn 100, earn 50, earn 7, earn 50, adjust -100, adjust -20, revoke -7, revoke -50, earn 7, earn 50, revoke -1', 'and corrected from there');
SELECT is_empty('SELECT * FROM rewards.verify()', 'all is sound');

-- a posting whose first line stands amid a row: the row is found all the same
CREATE FUNCTION t.corrected() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	ALTER TABLE rewards.posting_orders DISABLE TRIGGER USER;
	UPDATE rewards.posting_orders SET first_entry = 2, entries = 2, later = NULL WHERE key1 = 12;
	ALTER TABLE rewards.posting_orders ENABLE TRIGGER USER;
	UPDATE shop.orders SET total = 6 WHERE order_id = 12;
	RAISE EXCEPTION '%', ledger(2);
EXCEPTION
	WHEN raise_exception THEN
		RETURN SQLERRM;
END
$$;
SELECT is(corrected(), 'earn 5, earn 50, earn 6', 'an event is judged by the lines its posting names');

-- more lines than a row takes, each with its own instant
INSERT INTO shop.orders SELECT 1000 + i, 5, 1, timestamptz '2025-01-01 00:00Z' + i * interval '1 hour' FROM generate_series(1, 100) i;
SELECT is(rows_of(5) ~ '^1-3 orders 1001, 4-6 orders 1002, ', true, 'late events');
SELECT is((SELECT max(loyalty.lines_count_1(lines)) FROM rewards.journal WHERE member_id = 5 AND source_no IS NULL), 64, 'lapses are booked in rows of 64 lines at most');
SELECT results_eq('SELECT entry_no FROM rewards.entry WHERE member_id = 5 ORDER BY entry_no', 'SELECT generate_series(1, (SELECT last_entry FROM rewards.account WHERE member_id = 5))', 'their numbers have no gaps');
SELECT is((SELECT count(DISTINCT occurred_at) FROM rewards.entry WHERE member_id = 5 AND kind = 7), 200::bigint, 'each is dated when it took effect');
SELECT is(rewards.balance(5, 'points', at => '2025-03-01'), 5100::numeric, 'the past is told from them');
SELECT is_empty('SELECT * FROM rewards.verify(5)', 'sound');

-- a late event's lines stand together, also where lots follow activity and are told anew
INSERT INTO rewards.unit (name, expires, spendable) VALUES ('miles', '30 days since last activity', false);
INSERT INTO rewards.rule (name, source, unit, earn) VALUES ('fly', 'orders', 'miles', '1 per 1'), ('fly more', 'orders', 'miles', '7');
INSERT INTO shop.orders VALUES (13, 6, 10, '2026-01-10 12:00Z'), (14, 6, 20, '2026-01-09 12:00Z');
INSERT INTO shop.orders SELECT 3000 + i, 30 + i % (1 + i % 20), 20 FROM generate_series(0, 199) i;
INSERT INTO shop.orders SELECT 2000 + i, 30 + i / 2, 20, timestamptz '2026-01-09 12:00Z' - i % 2 * interval '1 day' FROM generate_series(0, 199) i;
SELECT is((SELECT array_agg(DISTINCT points) FROM rewards.orders_points WHERE order_id >= 2000 AND unit = 'miles'), '{27}', 'in a statement of many members, too');
SELECT is(rows_of(6), '1-5 orders 13, 6-10 orders 14', 'a row of each event');
SELECT is(earned(14, 'miles') + earned(14) + earned(14, 'stamps'), 27::numeric + 70 + 1, 'the view adds all of them up');
SELECT is_empty('SELECT * FROM rewards.verify(6)', 'sound');

-- those who read the ledger themselves
INSERT INTO shop.orders SELECT 10000 + i, 100 + i % 1500, 10 FROM generate_series(1, 4500) i;
ANALYZE rewards.journal, rewards.posting_orders, rewards.account;
SELECT matches(plan_of('SELECT * FROM rewards.entry WHERE member_id = 101'), 'journal_pkey.*Index Cond: \(member_id = 101\)', 'a member''s lines are found by the primary key');
SELECT matches(plan_of('SELECT e.* FROM rewards.account a JOIN rewards.entry e USING (member_id) WHERE a.member_id IN (101, 102)'), 'Index Cond: \(member_id = a.member_id\)', 'in joins too');
SELECT matches(plan_of('SELECT * FROM rewards.orders_points WHERE order_id = 11'), 'Index Cond: \(\(member_id = [^)]*\) AND \(first_entry = [^)]*\)\).*Index Cond: \(\(member_id = [^)]*\) AND \(first_entry >= .*\) AND \(first_entry <= .*\)\)', 'an event''s lines by their numbers');
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SELECT matches(plan_of('SELECT kind, sum(points::numeric) FROM rewards.entry GROUP BY kind'), 'Parallel Seq Scan on journal', 'all of it is read in parallel');

\ir include/finish.sql
