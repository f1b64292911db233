-- Rows that cannot be judged: queued or refused, never half posted.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();
SET LOCAL client_min_messages = error;	-- every queued row warns

CREATE TABLE shop.sales (
	sale_id		bigint PRIMARY KEY,
	member_id	bigint,
	total		numeric,
	divisor		numeric DEFAULT 1,
	at			timestamptz DEFAULT '2026-01-10 12:00Z',
	word		text
);
-- a function that fails with whatever SQLSTATE it is told
CREATE FUNCTION shop.fail(word text) RETURNS boolean STABLE LANGUAGE plpgsql AS $$
BEGIN
	IF word ~ '^[0-9A-Z]{5}$' THEN
		RAISE EXCEPTION 'failing with %', word USING ERRCODE = word;
	END IF;
	RETURN true;
END
$$;
SELECT lives_ok($$SELECT rewards.attach('shop.sales', name => 'sales', member => 'member_id', amount => 'total / divisor', occurred_at => 'at')$$, 'attach()');
INSERT INTO rewards.rule (name, source, earn, condition) VALUES ('base', 'sales', '1 per 1', NULL);
CREATE FUNCTION t.sale(sale_id bigint) RETURNS numeric STABLE LANGUAGE sql AS $$
	SELECT trim_scale(coalesce(sum(p.points), 0)) FROM rewards.sales_points p WHERE p.sale_id = $1
$$;
CREATE FUNCTION t.queued() RETURNS text STABLE LANGUAGE sql AS $$
	SELECT coalesce(string_agg(format('%s %s %s', source, event_key, sqlstate), ', ' ORDER BY source, event_key), 'nothing') FROM rewards.failed_event
$$;

-- queue, the default
SELECT lives_ok('INSERT INTO shop.sales VALUES (1, 1, 100, 0)', 'a division by zero does not stop the till');
SELECT is((SELECT count(*) FROM shop.sales), 1::bigint, 'the row is there');
SELECT is(queued(), 'sales 1 22012', 'and the event waits');
SELECT results_eq('SELECT first_failed_at, last_failed_at, attempts FROM rewards.failed_event',
	$$VALUES ('2026-01-10 12:00Z'::timestamptz, '2026-01-10 12:00Z'::timestamptz, 1)$$, 'with its first failure');
SELECT matches((SELECT error FROM rewards.failed_event), 'division by zero', 'and the reason');
SELECT is(state(1), '0 available', 'nothing is posted');

INSERT INTO shop.sales VALUES (2, 1, 100, 1), (3, 1, 100, 0), (4, 2, 100, 2), (5, 3, 100, 0), (6, 2, 30, 1);
SELECT is(queued(), 'sales 1 22012, sales 3 22012, sales 5 22012', 'of many rows only those that fail wait');
SELECT is(ARRAY[state(1), state(2), state(3)], '{100 available,80 available,0 available}', 'the others are posted');

-- retry
SELECT rewards.set_clock('2026-01-11 12:00Z');
SELECT results_eq('SELECT * FROM rewards.retry_failed() ORDER BY event_key', $$VALUES ('sales', '1', 'failed'), ('sales', '3', 'failed'), ('sales', '5', 'failed')$$,
	'retry_failed() reports on each event');
SELECT is((SELECT array_agg(DISTINCT first_failed_at || ' ' || last_failed_at) FROM rewards.failed_event),
	'{"2026-01-10 12:00:00+00 2026-01-11 12:00:00+00"}', 'what still fails keeps waiting');
ALTER TABLE shop.sales DISABLE TRIGGER USER;
UPDATE shop.sales SET divisor = 4 WHERE sale_id = 1;
DELETE FROM shop.sales WHERE sale_id = 3;
ALTER TABLE shop.sales ENABLE TRIGGER USER;
SELECT results_eq('SELECT * FROM rewards.retry_failed(''sales'') ORDER BY event_key', $$VALUES ('sales', '1', 'posted'), ('sales', '3', 'nothing to post'), ('sales', '5', 'failed')$$,
	'retried again');
SELECT is(queued(), 'sales 5 22012', 'what can be judged is posted, what is gone is forgotten, the rest waits');
SELECT is(sale(1), 25::numeric, 'read again by its key');
SELECT is((SELECT occurred_at FROM rewards.statement(1) WHERE event_key = '1'), '2026-01-10 12:00Z'::timestamptz, 'posted with its own occurred_at');
UPDATE shop.sales SET divisor = 2 WHERE sale_id = 5;
SELECT is(sale(5), 50::numeric, 'a row set right posts by itself');
SELECT is(queued(), 'nothing', 'and waits no longer');
SELECT is_empty('SELECT * FROM rewards.retry_failed()', 'nothing to retry');

-- a row that earned and then fails
UPDATE shop.sales SET divisor = 0 WHERE sale_id = 5;
SELECT is(queued(), 'sales 5 22012', 'an update may fail too');
SELECT is(sale(5), 50::numeric, 'what was posted stays until it can be judged');
DELETE FROM shop.sales WHERE sale_id = 5;
SELECT is(ARRAY[queued(), state(3)], '{nothing,0 available}', 'deleted it is entitled to nothing, which needs no judgement');

-- a rule that fails
INSERT INTO rewards.rule (name, source, earn, condition) VALUES ('broken', 'sales', '10', 'shop.fail(word)');
INSERT INTO shop.sales VALUES (10, 10, 5, 1, DEFAULT, NULL), (11, 10, 5, 1, DEFAULT, 'P0001'), (12, 10, 5, 1, DEFAULT, 'XY123');
SELECT is(queued(), 'sales 11 P0001, sales 12 XY123', 'a rule''s error queues the event');
SELECT is(ARRAY[sale(10), sale(11), sale(12)], '{15,0,0}'::numeric[], 'no other rule pays for it: nothing is half posted');
UPDATE shop.sales SET word = NULL WHERE sale_id > 10;
SELECT is(ARRAY[sale(11), sale(12)], '{15,15}'::numeric[], 'set right, all rules pay');

-- what is never queued
SELECT is(sqlstate_of(format('INSERT INTO shop.sales VALUES (13, 13, 5, 1, DEFAULT, %L)', code)), code, format('an error of %s is never queued', code))
FROM unnest('{40001,40P01,53100,53200,57014,57P01,58030,XX000,XX001,LY001,LY006}'::text[]) code;
SELECT is(queued(), 'nothing', 'none of these waits');
SELECT is_empty('SELECT * FROM shop.sales WHERE sale_id = 13', 'none of these is there');
UPDATE rewards.rule SET enabled = false WHERE name = 'broken';

-- amounts and instants that make no sense
INSERT INTO shop.sales VALUES (20, 20, 'NaN'), (21, 20, 'infinity'), (22, 20, '-infinity'), (23, 20, 1e30), (24, 20, 1e-30), (25, 20, 922337203685478), (26, 20, 1), (27, 20, 99999999999999999999.99);
SELECT is(ARRAY[sale(20), sale(21), sale(22), sale(23), sale(27)], '{0,0,0,0,0}'::numeric[], 'NaN, infinite and absurd amounts earn nothing');
SELECT is(ARRAY[sale(24), sale(26)], '{0,1}'::numeric[], 'a tiny one too, and a sensible one what it should');
SELECT is((SELECT array_agg(event_key ORDER BY event_key) FROM rewards.failed_event WHERE event_key IN ('20', '21', '23', '26', '27')),
	'{20,21,23,27}', 'those that cannot be counted wait');
DELETE FROM shop.sales WHERE sale_id BETWEEN 20 AND 27;
SELECT is(queued(), 'nothing', 'deleted they are forgotten');
SELECT is(state(20), '0 available', 'all gone');

INSERT INTO shop.sales VALUES (30, 30, 10, 1, 'infinity'), (31, 30, 10, 1, '-infinity'), (32, 30, 10, 1, NULL), (33, 30, 10, 1, DEFAULT);
SELECT is(state(30), '10 available', 'an event without a finite instant earns nothing');
SELECT is((SELECT array_agg(event_key ORDER BY event_key) FROM rewards.failed_event), '{30,31,32}', 'it waits until it has one');
UPDATE shop.sales SET at = '2026-01-10 12:00Z' WHERE member_id = 30;
SELECT is(ARRAY[state(30), queued()], '{40 available,nothing}', 'given one it posts');
INSERT INTO shop.sales VALUES (34, 34, 10, 1, '0001-01-01 BC'), (35, 34, 10, 1, '290000-01-01');
SELECT ok(true, 'instants at the ends of the calendar do no harm');
DELETE FROM shop.sales WHERE member_id = 34;
SELECT is(state(34), '0 available', 'whatever they earned is gone with them');

-- an account that would overflow
INSERT INTO shop.sales VALUES (40, 40, 900000000000000);
SELECT is(sale(40), 900000000000000::numeric, 'near the largest number of points there can be');
SELECT isnt(sqlstate_of('INSERT INTO shop.sales VALUES (41, 40, 900000000000000)'), 'XX000', 'an account that would overflow is no internal error');
SELECT is(rewards.balance(40), 900000000000000::numeric, 'and never wraps round');
DELETE FROM shop.sales WHERE member_id = 40;
SELECT is(state(40), '0 available', 'and back');

-- raise
UPDATE rewards.program SET on_error = 'raise';
SELECT throws_ok('INSERT INTO shop.sales VALUES (50, 50, 100, 1), (51, 50, 100, 0)', '22012', NULL, 'raise: the statement fails');
SELECT is_empty('SELECT * FROM shop.sales WHERE sale_id >= 50', 'as a whole');
SELECT is(ARRAY[state(50), queued()], '{0 available,nothing}', 'nothing is posted, nothing waits');
SELECT throws_ok('INSERT INTO shop.sales VALUES (52, 50, ''NaN'')', NULL, NULL, 'an amount that is no number is refused');
SELECT throws_ok('UPDATE shop.sales SET divisor = 0 WHERE sale_id = 2', '22012', NULL, 'so is an update');
SELECT is(sale(2), 100::numeric, 'which changes nothing');
UPDATE rewards.program SET on_error = 'queue';

-- many failing rows in one statement
INSERT INTO shop.sales SELECT 1000 + i, 60, 10, i % 2 FROM generate_series(1, 200) i;
SELECT is((SELECT count(*) FROM rewards.failed_event), 100::bigint, 'a hundred of two hundred rows wait');
SELECT is(state(60), '1000 available', 'a hundred are posted');
UPDATE shop.sales SET divisor = 1 WHERE member_id = 60;
SELECT is(ARRAY[state(60), queued()], '{2000 available,nothing}', 'all set right by one statement');

-- a row that waits and is deleted waits no longer, where deletes are kept, too
CREATE TABLE shop.kept (id bigint PRIMARY KEY, member_id bigint, total numeric, divisor numeric);
SELECT rewards.attach('shop.kept', name => 'kept', member => 'member_id', amount => 'total / divisor', on_delete => 'keep') \g /dev/null
INSERT INTO shop.kept VALUES (1, 61, 10, 0), (2, 61, 10, 1);
SELECT is(queued(), 'kept 1 22012', 'one of two waits');
DELETE FROM shop.kept;
SELECT is(queued(), 'nothing', 'both deleted, none does');

-- a statement that fails later takes everything along
SELECT is(sqlstate_of('INSERT INTO shop.sales SELECT 2000 + i, 70, 10, 1 FROM (VALUES (1), (2), (1)) v (i)'), '23505', 'a statement that fails');
SELECT is(state(70), '0 available', 'posts nothing');
SAVEPOINT s;
INSERT INTO shop.sales VALUES (2000, 70, 10, 1), (2001, 70, 10, 0);
ROLLBACK TO s;
SELECT is(ARRAY[state(70), queued()], '{0 available,nothing}', 'what is rolled back to a savepoint never was');
INSERT INTO shop.sales VALUES (2000, 70, 10);
SELECT is(state(70), '10 available', 'and may come again');

\ir include/finish.sql
