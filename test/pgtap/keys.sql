-- Keys of every type a source may have, and member ids of every type a program may.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();

-- attaches a table of one key type, posts, updates, moves and deletes in it
CREATE FUNCTION t.try_key(type text, one text, two text, three text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	log text[] := '{}';
	points numeric;
BEGIN
	EXECUTE format('CREATE TABLE shop.k (k %s PRIMARY KEY, m bigint, v numeric)', type);
	PERFORM rewards.attach('shop.k', name => 'k', member => 'm', amount => 'v', occurred_at => '''2026-01-10 12:00Z''::timestamptz');
	INSERT INTO rewards.rule (name, source, earn) VALUES ('k', 'k', '1 per 1');
	EXECUTE format('INSERT INTO shop.k VALUES (%L, 77, 10), (%L, 77, 20)', one, two);
	log := log || rewards.balance(77)::integer::text;
	EXECUTE format('SELECT sum(points) FROM rewards.k_points JOIN shop.k USING (k) WHERE k = %L', two) INTO points;
	log := log || points::integer::text;
	-- under other settings the key is the same
	SET LOCAL TimeZone = 'Asia/Tokyo';
	SET LOCAL DateStyle = 'German';
	SET LOCAL bytea_output = 'escape';
	SET LOCAL extra_float_digits = 0;
	EXECUTE format('UPDATE shop.k SET v = 12 WHERE v = 10');
	SET LOCAL TimeZone = 'UTC';
	SET LOCAL DateStyle = 'ISO, YMD';
	SET LOCAL bytea_output = 'hex';
	log := log || rewards.balance(77)::integer::text;
	EXECUTE format('UPDATE shop.k SET k = %L WHERE k = %L', three, one);
	log := log || rewards.balance(77)::integer::text;
	EXECUTE format('DELETE FROM shop.k WHERE k = %L', three);
	log := log || rewards.balance(77)::integer::text;
	IF EXISTS (SELECT FROM rewards.verify()) THEN
		log := log || (SELECT format('verify: %s %s', invariant, detail) FROM rewards.verify() LIMIT 1);
	END IF;
	RAISE EXCEPTION '%', array_to_string(log, ' ');		-- so that the next starts from nothing
EXCEPTION
	WHEN raise_exception THEN
		RETURN SQLERRM;
END
$$;
SELECT is(try_key(type, one, two, three), '30 20 32 32 20', format('a key of type %s', type))
FROM (VALUES
	('smallint', '1', '2', '-32768'),
	('integer', '1', '2', '2147483647'),
	('bigint', '1', '9223372036854775807', '-9223372036854775808'),
	('uuid', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'),
	('text', 'it''s', 'a "b", {c}\d', ''),
	('varchar(20)', 'ęłó', '  blank ', E'new\nline'),
	('date', '2026-01-01', '0001-01-01 BC', 'infinity'),
	('timestamptz', '2026-01-01 12:00:00.000001Z', '2026-01-01 12:00Z', 'infinity'),
	('numeric', '1.0', '12345678901234567890.5', '-0.000001'),
	('bytea', '\x00ff', '\x', '\x27225c')
) v (type, one, two, three);

-- composite keys
CREATE TABLE shop.lines (shop_no integer, receipt uuid, line smallint, m bigint, v numeric, PRIMARY KEY (shop_no, receipt, line));
SELECT run($$SELECT rewards.attach('shop.lines', name => 'lines', member => 'm', amount => 'v', occurred_at => '''2026-01-10 12:00Z''::timestamptz')$$);
INSERT INTO rewards.rule (name, source, earn) VALUES ('line', 'lines', '1 per 1');
INSERT INTO shop.lines VALUES (1, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 1, 1, 10), (1, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 2, 1, 20), (11, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 1, 2, 40);
SELECT is(ARRAY[state(1), state(2)], '{30 available,40 available}', 'a key of three columns');
SELECT results_eq('SELECT shop_no, line::integer, v, trim_scale(points) FROM shop.lines JOIN rewards.lines_points USING (shop_no, receipt, line) ORDER BY 1, 2',
	'VALUES (1, 1, 10::numeric, 10::numeric), (1, 2, 20, 20), (11, 1, 40, 40)', 'the view joins with USING');
UPDATE shop.lines SET line = line + 10, v = v + 1 WHERE shop_no = 1;
SELECT is(state(1), '32 available', 'a part of the key changes');
DELETE FROM shop.lines WHERE shop_no = 1 AND line = 11;
SELECT is(state(1), '21 available', 'deleted by its key');

CREATE TABLE shop.words (a text, b text, m bigint, v numeric, PRIMARY KEY (a, b));
SELECT run($$SELECT rewards.attach('shop.words', name => 'words', member => 'm', amount => 'v', occurred_at => '''2026-01-10 12:00Z''::timestamptz')$$);
INSERT INTO rewards.rule (name, source, earn) VALUES ('word', 'words', '1 per 1');
INSERT INTO shop.words VALUES ('a', 'b,c', 3, 1), ('a,b', 'c', 3, 10), ('', 'a', 3, 100), ('a', '', 3, 1000), ('"', '\', 3, 10000), ('a"', 'b', 3, 100000);
SELECT is(state(3), '111111 available', 'parts that could be confused');
DELETE FROM shop.words WHERE a = 'a,b';
UPDATE shop.words SET v = 0 WHERE a = '';
SELECT is(state(3), '111001 available', 'are not');

-- numeric keys that are equal are one key
CREATE TABLE shop.n (k numeric PRIMARY KEY, m bigint, v numeric);
SELECT run($$SELECT rewards.attach('shop.n', name => 'n', member => 'm', amount => 'v', occurred_at => '''2026-01-10 12:00Z''::timestamptz')$$);
INSERT INTO rewards.rule (name, source, earn) VALUES ('n', 'n', '1 per 1');
INSERT INTO shop.n VALUES (1.0, 4, 10);
UPDATE shop.n SET k = 1.00;
SELECT is(state(4), '10 available', '1.0 and 1.00 are one key');
UPDATE shop.n SET k = 1, v = 15;
DELETE FROM shop.n WHERE k = 1.000;
SELECT is(state(4), '0 available', 'whatever their scale');

-- long keys
CREATE TABLE shop.long (k text PRIMARY KEY, m bigint, v numeric);
SELECT run($$SELECT rewards.attach('shop.long', name => 'long', member => 'm', amount => 'v', occurred_at => '''2026-01-10 12:00Z''::timestamptz')$$);
INSERT INTO rewards.rule (name, source, earn) VALUES ('long', 'long', '1 per 1');
INSERT INTO shop.long VALUES (repeat('x', 512), 5, 10), (repeat('x', 511) || 'y', 5, 20);
SELECT is(state(5), '30 available', 'keys of 512 bytes');
SET LOCAL client_min_messages = error;
CREATE TABLE shop.baskets (id integer PRIMARY KEY, basket text, m bigint, v numeric);
SELECT run($$SELECT rewards.attach('shop.baskets', name => 'baskets', event => 'basket', member => 'm', amount => 'v', occurred_at => '''2026-01-10 12:00Z''::timestamptz')$$);
INSERT INTO rewards.rule (name, source, earn) VALUES ('basket', 'baskets', '1 per 1');
SELECT isnt(sqlstate_of($$INSERT INTO shop.baskets SELECT 1, string_agg(md5(i::text), ''), 55, 10 FROM generate_series(1, 300) i$$), 'XX000', 'an event of an absurdly long key is no internal error');
SELECT is(rewards.balance(55), 0::numeric, 'and earns nothing');
DELETE FROM shop.baskets;

-- a key of one's own where there is no primary key of an ordinary type
CREATE TABLE shop.odd (k inet PRIMARY KEY, m bigint, v numeric);
SELECT matches(sqlstate_of($$SELECT rewards.attach('shop.odd', name => 'odd', member => 'm', amount => 'v', occurred_at => '''2026-01-10 12:00Z''::timestamptz')$$), '^(2[23]|42|0A|55)',
	'a key of another type is refused');
SELECT run($$SELECT rewards.attach('shop.odd', name => 'odd', key => 'k::text', member => 'm', amount => 'v', occurred_at => '''2026-01-10 12:00Z''::timestamptz')$$);
INSERT INTO rewards.rule (name, source, earn) VALUES ('odd', 'odd', '1 per 1');
INSERT INTO shop.odd VALUES ('10.0.0.1', 6, 10), ('10.0.0.2', 6, 20);
UPDATE shop.odd SET v = 15 WHERE k = '10.0.0.1';
SELECT is(state(6), '35 available', 'unless an expression gives it');
DELETE FROM shop.odd WHERE k = '10.0.0.2';
SELECT is(state(6), '15 available', 'by which it is found again');

-- keys that defer
CREATE TABLE shop.deferred (k integer PRIMARY KEY DEFERRABLE, m bigint, v numeric);
SELECT isnt(sqlstate_of($$SELECT rewards.attach('shop.deferred', name => 'deferred', member => 'm', amount => 'v', occurred_at => '''2026-01-10 12:00Z''::timestamptz')$$),
	'00000', 'a deferrable key is refused');

-- programs whose members are integers, texts, uuids
CREATE FUNCTION t.try_member(type text, one text, two text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	log text[] := '{}';
	b1 numeric;
	b2 numeric;
BEGIN
	PERFORM loyalty.create_program('club', member_type => type, time_zone => 'UTC', currency => 'EUR', test_clock => true);
	PERFORM club.set_clock('2026-01-10 12:00Z');
	EXECUTE format('CREATE TABLE shop.s (id integer PRIMARY KEY, m %s, v numeric, at timestamptz DEFAULT ''2026-01-10 12:00Z'')', type);
	PERFORM club.attach('shop.s', name => 's', member => 'm', amount => 'v', occurred_at => 'at');
	INSERT INTO club.rule (name, source, earn) VALUES ('base', 's', '1 per 1');
	EXECUTE format('INSERT INTO shop.s VALUES (1, %1$L, 10), (2, %2$L, 20), (3, %1$L, 30), (4, NULL, 1)', one, two);
	EXECUTE format('UPDATE shop.s SET m = %L WHERE id = 3', two);
	EXECUTE format('SELECT club.balance(%L), club.balance(%L)', one, two) INTO b1, b2;
	EXECUTE format('SELECT club.adjust(%L, 5, reason => ''gift'')', one);
	log := log || b1::integer::text || b2::integer::text;
	EXECUTE format('SELECT available FROM club.balances WHERE member_id = %L', one) INTO b1;
	log := log || b1::integer::text;
	EXECUTE format('SELECT sum(points) FROM club.statement(%L)', two) INTO b2;
	log := log || b2::integer::text || (SELECT count(*) FROM club.verify())::text;
	EXECUTE 'SELECT sum(points) FROM shop.s JOIN club.s_points ON s.id = s_points.id AND s.m = s_points.member_id' INTO b2;
	log := log || b2::integer::text;
	RAISE EXCEPTION '%', array_to_string(log, ' ');
EXCEPTION
	WHEN raise_exception THEN
		RETURN SQLERRM;
END
$$;
SELECT is(try_member(type, one, two), '10 50 15 50 0 60', format('members of type %s', type))
FROM (VALUES
	('integer', '-1', '2147483647'), ('bigint', '0', '9223372036854775807'),
	('text', 'anna@example.com', 'Ąnna'), ('text', '', repeat('x', 255)), ('uuid', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '00000000-0000-0000-0000-000000000000')
) v (type, one, two);
SELECT isnt(sqlstate_of($$SELECT loyalty.create_program('odd', member_type => 'jsonb', time_zone => 'UTC', currency => 'EUR')$$), '00000', 'other types are refused');

-- many members in one statement, of both types whose order could differ
SELECT run($$SELECT loyalty.create_program('names', member_type => 'text', time_zone => 'UTC', currency => 'EUR', test_clock => true)$$);
SELECT run($$SELECT names.set_clock('2026-01-10 12:00Z')$$);
CREATE TABLE shop.named (id integer PRIMARY KEY, m text, v numeric, at timestamptz DEFAULT '2026-01-10 12:00Z');
SELECT run($$SELECT names.attach('shop.named', name => 'named', member => 'm', amount => 'v', occurred_at => 'at')$$);
INSERT INTO names.rule (name, source, earn) VALUES ('base', 'named', '1 per 1');
INSERT INTO shop.named SELECT i, md5((i % 100)::text), 1 FROM generate_series(1, 1000) i;
SELECT is((SELECT array_agg(DISTINCT available) FROM names.balances), '{10}'::numeric[], 'a hundred members named by text');
SELECT is_empty('SELECT * FROM names.verify()', 'verify() of that program');

\ir include/finish.sql
