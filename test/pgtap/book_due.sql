-- Booking what is due: only bookkeeping.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();
INSERT INTO rewards.rule (name, source, earn, expires) VALUES ('base', 'orders', '1 per 1', '10 days');
INSERT INTO shop.orders SELECT i, i, 10, timestamptz '2026-01-01 12:00Z' + i % 5 * interval '1 day' FROM generate_series(1, 50) i;
SELECT is((SELECT count(*) FROM rewards.history), 50::bigint, 'fifty members, a line each');
SELECT run('SELECT rewards.book_due()');
SELECT is((SELECT count(*) FROM rewards.history), 50::bigint, 'nothing is due');
SELECT rewards.set_clock('2026-01-12 12:00Z');
CREATE TABLE t.before AS SELECT member_id, available, pending, debt, expired FROM rewards.balances;
SELECT is((SELECT count(*) FROM rewards.balances WHERE available = 0 AND expired = 10), 20::bigint, 'on the 12th the points of two days have lapsed');
SELECT run('SELECT rewards.book_due(7)');
SELECT is((SELECT count(*) FROM rewards.history WHERE kind = 'expire'), 7::bigint, 'book_due() may be limited to so many members');
SELECT run('SELECT rewards.book_due()');
SELECT is((SELECT count(*) FROM rewards.history WHERE kind = 'expire'), 20::bigint, 'or book all');
SELECT is((SELECT string_agg(DISTINCT occurred_at || ' ' || posted_at, ', ' ORDER BY occurred_at || ' ' || posted_at) FROM rewards.history WHERE kind = 'expire'),
	'2026-01-11 12:00:00+00 2026-01-12 12:00:00+00, 2026-01-12 12:00:00+00 2026-01-12 12:00:00+00', 'each line is dated at its instant');
SELECT results_eq('SELECT member_id, available, pending, debt, expired FROM rewards.balances ORDER BY 1', 'SELECT * FROM t.before ORDER BY 1', 'no balance changes by it');
SELECT run('SELECT rewards.book_due()');
SELECT is((SELECT count(*) FROM rewards.history WHERE kind = 'expire'), 20::bigint, 'a second time there is nothing to book');
SELECT is_empty('SELECT * FROM rewards.verify()', 'verify() is clean');

-- whether it has run does not matter
INSERT INTO rewards.member (member_id, joined_at) VALUES (100, '2025-01-01'), (200, '2025-01-01');
CREATE FUNCTION t.play(member bigint, booking boolean) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	log text := '';
BEGIN
	FOR day IN 13 .. 31 LOOP
		PERFORM rewards.set_clock(format('2026-%s-%s 12:00Z', CASE booking WHEN true THEN 3 ELSE 1 END, day)::timestamptz);
		IF booking THEN
			PERFORM rewards.book_due();
		END IF;
		IF day % 4 = 1 THEN
			INSERT INTO shop.orders VALUES (member * 1000 + day, member, day, format('2026-%s-%s 10:00Z', CASE booking WHEN true THEN 3 ELSE 1 END, day)::timestamptz);
		ELSIF day % 4 = 3 THEN
			PERFORM rewards.adjust(member, -5, reason => 'spent', allow_debt => true);
		ELSIF day % 8 = 2 THEN
			UPDATE shop.orders SET total = total - 7 WHERE order_id = member * 1000 + day - 5;
		END IF;
		log := log || ' ' || replace(state(member), ' available', '');
	END LOOP;
	RETURN log;
END
$$;
SELECT is(play(200, true), without, 'the same story with and without book_due()') FROM play(100, false) without;

-- a purchase that rises again gives back what it had taken from another's lot, which is due when that ends
UPDATE rewards.rule SET enabled = false;
INSERT INTO rewards.unit (name, expires) VALUES ('short', '30 days');
INSERT INTO rewards.rule (name, source, unit, earn) VALUES ('short', 'orders', 'short', '1 per 1');
CREATE TABLE t.due AS SELECT clock AS now FROM rewards.program;
INSERT INTO shop.orders (order_id, customer_id, total, placed_at) SELECT 9900 + i, 990, 7, now + (i - 9) * interval '1 hour' FROM t.due, generate_series(1, 2) i;
CREATE TABLE t.spent AS SELECT id FROM rewards.adjust(990, -7, unit => 'short', reason => 'spent');
SELECT run($$SELECT rewards.adjust(990, -7, unit => 'short', reason => 'spent')$$);
SELECT run($$SELECT rewards.reverse(id, 'back') FROM t.spent$$);
DELETE FROM shop.orders WHERE order_id = 9902;
SELECT is(state(990, 'short'), '0 available', 'taken from the other''s lot');
INSERT INTO shop.orders (order_id, customer_id, total, placed_at) SELECT 9902, 990, 7, now - 7 * interval '1 hour' FROM t.due;
SELECT is(state(990, 'short'), '7 available', 'and given back');
SELECT is((SELECT next_due FROM rewards.account WHERE member_id = 990), (SELECT now - 8 * interval '1 hour' + interval '30 days' FROM t.due), 'due when that ends');

\ir include/finish.sql
