-- An account with thousands of lots, each with an end of its own.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();
INSERT INTO rewards.member (member_id, joined_at) SELECT i, '2025-01-01' FROM generate_series(1, 30) i;
INSERT INTO rewards.rule (name, source, earn, expires) VALUES ('base', 'orders', '1 per 1', '30 days');

INSERT INTO shop.orders SELECT i, 1, i % 50 + 1, timestamptz '2026-01-10 12:00Z' - i * interval '1 minute' FROM generate_series(1, 5000) i;
CREATE FUNCTION t.wanted(at timestamptz) RETURNS numeric STABLE LANGUAGE sql AS $$
	SELECT coalesce(sum(floor(total)), 0) FROM shop.orders WHERE customer_id = 1 AND status = 'paid' AND placed_at + interval '30 days' > $1
$$;
SELECT is(rewards.balance(1), wanted('2026-01-10 12:00Z'), '5000 lots');
SELECT is((SELECT count(*) FROM rewards.member_lots(1)), 5000::bigint, 'member_lots() lists them');
SELECT is((SELECT array_agg(rewards.balance(1, at => at) ORDER BY at) FROM generate_series('2026-02-01'::timestamptz, '2026-02-10', '13 hours') at),
	(SELECT array_agg(wanted(at) ORDER BY at) FROM generate_series('2026-02-01'::timestamptz, '2026-02-10', '13 hours') at), 'at many instants');

-- corrections in the middle of the queue
UPDATE shop.orders SET total = total + 3 WHERE order_id % 97 = 0;
DELETE FROM shop.orders WHERE order_id % 89 = 0;
UPDATE shop.orders SET status = 'cancelled' WHERE order_id % 83 = 0;
SELECT is(rewards.balance(1), wanted('2026-01-10 12:00Z'), 'corrected here and there');
UPDATE shop.orders SET status = 'paid' WHERE status = 'cancelled';
SELECT is(rewards.balance(1), wanted('2026-01-10 12:00Z'), 'and back');
INSERT INTO shop.orders SELECT 6000 + i, 1, 10, timestamptz '2026-01-10 12:00Z' - i * interval '7 minutes' - interval '30 seconds' FROM generate_series(1, 500) i;
SELECT is(rewards.balance(1), wanted('2026-01-10 12:00Z'), 'late orders between the others');
SELECT is_empty('SELECT * FROM rewards.verify(1)', 'verify() is clean');

-- spending takes the ends in order
CREATE TABLE t.before AS SELECT expires_at, points FROM rewards.member_lots(1);
SELECT run('SELECT rewards.adjust(1, -20000, reason => ''spent'')');
SELECT is((SELECT min(expires_at) FROM rewards.member_lots(1)),
	(SELECT min(expires_at) FROM (SELECT expires_at, sum(points) OVER (ORDER BY expires_at) AS so_far FROM t.before) b WHERE so_far > 20000), 'what is spent ends first');
SELECT is((SELECT trim_scale(sum(points)) FROM rewards.member_lots(1)), (SELECT trim_scale(sum(points)) - 20000 FROM t.before), 'what is left is the rest');

-- time passes
SELECT rewards.set_clock('2026-02-08 12:00Z');
SELECT is(rewards.balance(1), (SELECT sum(points) FROM rewards.member_lots(1)), 'on 8 February');
SELECT is(rewards.balance(1), (SELECT least(wanted('2026-02-08 12:00Z'), (SELECT trim_scale(sum(points)) - 20000 FROM t.before))), 'only lots that have not lapsed');
SELECT run('SELECT rewards.book_due()');
SELECT is_empty('SELECT * FROM rewards.verify(1)', 'booked, verify() is clean');
INSERT INTO shop.orders VALUES (9000, 1, 10, '2026-02-08 12:00Z');
SELECT is(earned(9000), 10::numeric, 'a purchase more');
SELECT rewards.set_clock('2026-02-09 11:00Z');
SELECT is((SELECT count(*) FROM rewards.member_lots(1)), (SELECT count(DISTINCT placed_at) FROM shop.orders WHERE customer_id = 1 AND placed_at + interval '30 days' > '2026-02-09 11:00Z'), 'the last hour''s lots');
SELECT rewards.set_clock('2026-03-10 12:00Z');
SELECT is(state(1), '0 available', 'and then nothing');
SELECT run('SELECT rewards.book_due()');
SELECT is((SELECT trim_scale(sum(points)) FROM rewards.statement(1)), 0::numeric, 'all of it is booked');
DELETE FROM shop.orders WHERE order_id BETWEEN 3000 AND 3100;
SELECT is_empty('SELECT * FROM rewards.verify(1)', 'orders deleted after their points have lapsed or were spent');

-- a company card: many purchases in one statement, and many statements
INSERT INTO shop.orders SELECT 20000 + i, 2, 1, timestamptz '2026-03-10 12:00Z' + i * interval '1 second' FROM generate_series(1, 3000) i;
DO $$ BEGIN FOR i IN 1 .. 300 LOOP INSERT INTO shop.orders VALUES (30000 + i, 2, 1, timestamptz '2026-03-10 14:00Z' + i * interval '1 second'); END LOOP; END $$;
SELECT is(state(2), '0 available, 3300 pending', 'ahead of the clock they are pending');
SELECT rewards.set_clock('2026-03-10 12:50Z');
SELECT is(state(2), '3000 available, 300 pending', 'then they are there');
SELECT run('SELECT rewards.adjust(2, -2999, reason => ''spent'')');
SELECT is(state(2), '1 available, 300 pending', 'all but one spent');
DELETE FROM shop.orders WHERE customer_id = 2;
SELECT is(state(2), '0 available, 2999 debt', 'all returned');

-- lots that start and end one by one: pages fall due by themselves
INSERT INTO rewards.unit (name, activates, expires) VALUES ('stars', '5 hours', '40 hours');
UPDATE rewards.rule SET enabled = false;
INSERT INTO rewards.rule (name, source, unit, earn) VALUES ('stars', 'orders', 'stars', '1');
INSERT INTO shop.orders SELECT 40000 + i, 3, 1, timestamptz '2026-03-10 12:50Z' - i * interval '1 minute' FROM generate_series(1, 100) i;
SELECT is(state(3, 'stars'), '0 available, 100 pending', 'not yet');
SELECT rewards.set_clock('2026-03-10 16:40Z');
SELECT is(rewards.balance(3, 'stars'), 31::numeric, 'the first have started');
SELECT run('SELECT rewards.adjust(3, -31, unit => ''stars'', reason => ''spent'')');
SELECT is(state(3, 'stars'), '0 available, 69 pending', 'and can be spent');
SELECT is_empty('SELECT * FROM rewards.verify(3)', 'the account knows how many of those in pages have started');
SELECT rewards.set_clock('2026-03-10 17:10Z');
INSERT INTO shop.orders VALUES (41000, 3, 1, '2026-03-10 17:10Z');
SELECT is(state(3, 'stars'), '30 available, 40 pending', 'half an hour later');
SELECT is_empty('SELECT * FROM rewards.verify(3)', 'it still does');
SELECT ok((SELECT a.next_due <= min(g.next_due) FROM rewards.account a JOIN rewards.account_page g USING (member_id) WHERE member_id = 3 GROUP BY a.next_due),
	'nothing in a page falls due before the account does');
UPDATE rewards.account SET next_due = next_due + interval '1 day' WHERE member_id = 3;
SELECT is((SELECT invariant FROM rewards.verify(3)), 'due', 'verify() would tell');
UPDATE rewards.account SET next_due = next_due - interval '1 day' WHERE member_id = 3;
SELECT rewards.set_clock('2026-03-12 08:30Z');
SELECT run('SELECT rewards.book_due()');
SELECT is(state(3, 'stars'), '1 available', 'lapsed one after the other');

-- lots that follow activity never go to pages; they leave the row when it is full
INSERT INTO rewards.unit (name, expires) VALUES ('visits', '6 months since last activity');
UPDATE rewards.rule SET enabled = false;
INSERT INTO rewards.rule (name, source, unit, earn) VALUES ('visit', 'orders', 'visits', '1');
INSERT INTO shop.orders SELECT 20000 + i, 20, 5, timestamptz '2026-03-12 08:00Z' - i * interval '1 hour 7 seconds' FROM generate_series(1, 3000) i;
SELECT is(state(20, 'visits'), '3000 available', '3000 lots that follow activity');
DELETE FROM shop.orders WHERE order_id = 20500;
INSERT INTO shop.orders VALUES (23001, 20, 5, '2026-03-12 08:00Z');
SELECT run('SELECT rewards.adjust(20, -2999, unit => ''visits'', reason => ''spent'')');
SELECT is(state(20, 'visits'), '1 available', 'corrected, added to, spent');
SELECT rewards.set_clock('2026-09-12 08:00Z');
SELECT is(state(20, 'visits'), '0 available', 'and lapsed');
SELECT run('SELECT rewards.book_due()');

-- a busy account with lots of two units, whose ends are far apart: a page takes many
-- lots at a time, and all of them count
INSERT INTO rewards.unit (name, expires) VALUES ('soon', '30 days'), ('later', '5 years');
UPDATE rewards.rule SET enabled = false;
INSERT INTO rewards.rule (name, source, unit, earn) VALUES ('soon', 'orders', 'soon', '1 per 1'), ('later', 'orders', 'later', '1 per 1');
SELECT run(format('INSERT INTO shop.orders VALUES (%s, 21, 2, timestamptz ''2026-09-12 08:00Z'' - %s * interval ''1 minute'')', 30000 + i, 400 - i)) FROM generate_series(1, 400) i;
SELECT cmp_ok((SELECT count(*) FROM rewards.account_page WHERE member_id = 21), '>', 0::bigint, 'two units, one purchase after the other: there are pages');
SELECT cmp_ok((SELECT count(*) FROM rewards.account_page WHERE member_id = 21), '<=', 800 / 16::bigint, 'of 16 lots and more');
SELECT is(state(21, 'soon') || ', ' || state(21, 'later'), '800 available, 800 available', 'all of them count');
SELECT rewards.set_clock('2026-10-12 04:59Z');
SELECT is(state(21, 'soon') || ', ' || state(21, 'later'), '362 available, 800 available', 'until they lapse');
SELECT run('SELECT rewards.book_due()');
SELECT is_empty('SELECT * FROM rewards.verify(21)', 'verify() is clean');

\ir include/finish.sql
