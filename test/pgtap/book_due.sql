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

\ir include/finish.sql
