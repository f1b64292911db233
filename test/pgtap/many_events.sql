-- Thousands of events of one account in one statement: what comes of them is
-- what comes of single ones, and the account's lots are gone through a few
-- times, not once for each.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();
INSERT INTO rewards.unit (name, expires) VALUES ('forever', 'never'), ('late', '30 days');
UPDATE rewards.unit SET activates = '60 days', expires = '400 days' WHERE name = 'late';
UPDATE rewards.unit SET expires = '12 months' WHERE name = 'points';
INSERT INTO rewards.rule (name, source, unit, earn) VALUES ('base', 'orders', 'points', '1 per 1'),
	('forever', 'orders', 'forever', '2 per 1'), ('late', 'orders', 'late', '3 per 1');

-- two members of the same purchases: those of 1 change in one statement, those of 2 one by one
CREATE FUNCTION t.one_by_one(statement text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE i integer; BEGIN FOR i IN SELECT g FROM generate_series(1, 240) g LOOP EXECUTE statement USING i; END LOOP; END $$;
CREATE FUNCTION t.in_both(many text, single text, what text, in_any_order boolean DEFAULT true) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE many;
	PERFORM t.one_by_one(single);
	IF in_any_order THEN
		RETURN NEXT results_eq('SELECT unit, points, active_from, expires_at, state FROM rewards.member_lots(1) ORDER BY 1, 3, 4',
			'SELECT unit, points, active_from, expires_at, state FROM rewards.member_lots(2) ORDER BY 1, 3, 4', what || ': the same lots');
	END IF;
	RETURN NEXT is(t.state(1, 'points') || t.state(1, 'forever') || t.state(1, 'late'),
		t.state(2, 'points') || t.state(2, 'forever') || t.state(2, 'late'), what || ': the same balances');
	RETURN NEXT is_empty('SELECT * FROM rewards.verify()', what || ': verify() is clean');
END $$;
CREATE FUNCTION t.placed(i integer) RETURNS timestamptz IMMUTABLE LANGUAGE sql AS
	$$ SELECT timestamptz '2025-02-20 00:00Z' + (i * 97 % 241) * interval '32 hours' + i * interval '1 second' $$;

SELECT in_both('INSERT INTO shop.orders SELECT i, 1, i % 50 + 10, t.placed(i) FROM generate_series(1, 240) i',
	'INSERT INTO shop.orders SELECT 10000 + $1, 2, $1 % 50 + 10, t.placed($1)', 'purchases in any order');
SELECT in_both('UPDATE shop.orders SET total = total + 7 WHERE customer_id = 1',
	'UPDATE shop.orders SET total = total + 7 WHERE order_id = 10000 + $1', 'more');
SELECT in_both('UPDATE shop.orders SET total = total - 9 WHERE customer_id = 1',
	'UPDATE shop.orders SET total = total - 9 WHERE order_id = 10000 + $1', 'less');
SELECT in_both($$ UPDATE shop.orders SET placed_at = placed_at + interval '1 day' * (order_id % 3 - 1) WHERE customer_id = 1 $$,
	$$ UPDATE shop.orders SET placed_at = placed_at + interval '1 day' * (($1 % 3) - 1) WHERE order_id = 10000 + $1 $$, 'moved');
SELECT in_both($$ UPDATE shop.orders SET status = 'cancelled' WHERE customer_id = 1 AND order_id % 2 = 0 $$,
	$$ UPDATE shop.orders SET status = 'cancelled' WHERE order_id = 10000 + $1 AND $1 % 2 = 0 $$, 'half of it cancelled');
SELECT in_both($$ UPDATE shop.orders SET status = 'paid' WHERE customer_id = 1 $$,
	$$ UPDATE shop.orders SET status = 'paid' WHERE order_id = 10000 + $1 $$, 'and paid');

-- time takes some of the points: what has lapsed need not be given back
SELECT rewards.set_clock('2026-04-20 12:00Z');
SELECT in_both('UPDATE shop.orders SET total = total - 1 WHERE customer_id = 1',
	'UPDATE shop.orders SET total = total - 1 WHERE order_id = 10000 + $1', 'less, when a part has lapsed');
SELECT in_both('UPDATE shop.orders SET total = total + 1 WHERE customer_id = 1',
	'UPDATE shop.orders SET total = total + 1 WHERE order_id = 10000 + $1', 'and more');

-- most is spent: what is taken back comes out of other lots, then is owed, and repaid
SELECT run(format('SELECT rewards.adjust(%s, -5500, unit => ''points'', reason => ''spent'')', m)) FROM generate_series(1, 2) m;
SELECT run(format('SELECT rewards.adjust(%s, -14000, unit => ''forever'', reason => ''spent'')', m)) FROM generate_series(1, 2) m;
SELECT in_both($$ UPDATE shop.orders SET placed_at = placed_at + interval '1 hour' WHERE customer_id = 1 $$,
	$$ UPDATE shop.orders SET placed_at = placed_at + interval '1 hour' WHERE order_id = 10000 + $1 $$, 'moved when most is spent', false);
SELECT in_both('DELETE FROM shop.orders WHERE customer_id = 1 AND order_id % 3 > 0',
	'DELETE FROM shop.orders WHERE order_id = 10000 + $1 AND $1 % 3 > 0', 'deleted when most is spent', false);
SELECT is(state(1, 'forever') LIKE '%debt', true, 'points are owed');
SELECT in_both('INSERT INTO shop.orders SELECT i, 1, i % 50 + 10, t.placed(i) FROM generate_series(1, 240) i WHERE i % 3 > 0',
	'INSERT INTO shop.orders SELECT 10000 + $1, 2, $1 % 50 + 10, t.placed($1) WHERE $1 % 3 > 0', 'and back', false);
SELECT in_both('DELETE FROM shop.orders WHERE customer_id = 1', 'DELETE FROM shop.orders WHERE order_id = 10000 + $1', 'all deleted');

-- how often the pages of a big account are read and written
CREATE FUNCTION t.page_rows() RETURNS bigint LANGUAGE sql AS $$
	SELECT pg_stat_get_xact_tuples_fetched('rewards.account_page'::regclass) + pg_stat_get_xact_tuples_returned('rewards.account_page'::regclass) +
		pg_stat_get_xact_tuples_inserted('rewards.account_page'::regclass) + pg_stat_get_xact_tuples_deleted('rewards.account_page'::regclass) $$;
CREATE FUNCTION t.pages_touched(statement text, times_pages numeric, plus integer, what text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	before bigint := t.page_rows();
	pages bigint := (SELECT count(*) FROM rewards.account_page);
BEGIN
	before := t.page_rows();
	EXECUTE statement;
	RETURN cmp_ok(t.page_rows() - before, '<=', (pages * times_pages)::bigint + plus, what || format(' (%s pages)', pages));
END $$;
SELECT rewards.set_clock('2026-04-20 12:00Z');
INSERT INTO shop.orders SELECT 50000 + i, 3, 10, timestamptz '2026-04-20 12:00Z' - i * interval '10 minutes' FROM generate_series(1, 6000) i;
SELECT cmp_ok((SELECT count(*) FROM rewards.account_page), '>', 400::bigint, 'three lots each, in more than 400 pages');
SELECT pages_touched('UPDATE shop.orders SET total = 9 WHERE order_id = 50001', 0, 40, 'one purchase of today corrected: a few pages');
SELECT pages_touched('UPDATE shop.orders SET total = 9 WHERE order_id = 53000', 0, 40, 'one in the middle of the queue: a few pages');
SELECT pages_touched('INSERT INTO shop.orders VALUES (60000, 3, 10, ''2026-04-20 12:00Z'')', 0, 10, 'one more: hardly any');
SELECT pages_touched('UPDATE shop.orders SET total = 8 WHERE customer_id = 3 AND order_id BETWEEN 52000 AND 52200', 0.1, 600, 'two hundred in a row: those with their lots');
SELECT pages_touched('UPDATE shop.orders SET total = 7 WHERE customer_id = 3', 12, 500, 'all of them: each page a few times');
SELECT pages_touched('DELETE FROM shop.orders WHERE customer_id = 3', 12, 500, 'all deleted: the same');
SELECT is(state(3, 'points'), '0 available', 'nothing is left');

\ir include/finish.sql
