-- A report of reprice() reads whole sources by one query, applying goes event
-- by event: both must come to the same, whatever has become of rows and rules.
\set ECHO none
\set QUIET 1
SET client_min_messages = error;
BEGIN;
CREATE EXTENSION pgtap;
CREATE EXTENSION loyalty;
SELECT no_plan();
SET LOCAL TimeZone = 'UTC';

CREATE SCHEMA shop;
CREATE TABLE shop.orders (gone int, order_id bigint PRIMARY KEY, customer_id bigint, total numeric, placed_at timestamptz, status text DEFAULT 'paid');
ALTER TABLE shop.orders DROP COLUMN gone;
SELECT loyalty.create_program('rewards', member_type => 'bigint', time_zone => 'Europe/Warsaw', currency => 'EUR', test_clock => true);
SELECT rewards.set_clock('2026-03-10 12:00Z');
SELECT rewards.attach('shop.orders', name => 'orders', member => 'customer_id', amount => 'total', occurred_at => 'placed_at', condition => $$status = 'paid'$$);
INSERT INTO rewards.unit (name, spendable, decimals) VALUES ('status', false, 2);
INSERT INTO rewards.member (member_id, joined_at, status) VALUES (2, '2025-01-01', 'blocked');
INSERT INTO rewards.rule (name, source, unit, earn, condition)
SELECT 'rule ' || i, 'orders', CASE WHEN i % 4 = 0 THEN 'status' ELSE 'points' END, '1 per ' || i,
	CASE i % 3 WHEN 0 THEN 'total > ' || i * 3 WHEN 1 THEN 'order_id % 5 <> ' || i % 5 END
FROM generate_series(1, 12) i;
-- facts about the member that are frozen with each event
INSERT INTO rewards.tier_group (name, unit, keep) VALUES ('club', 'status', '12 months');
INSERT INTO rewards.tier (name, tier_group, rank, threshold) VALUES ('silver', 'club', 1, 30), ('gold', 'club', 2, 120);
INSERT INTO rewards.rule (name, source, unit, earn, condition, tiers) VALUES
	('rule 13', 'orders', 'points', '3', 'member.purchases < 5 AND member.spend < 900', NULL),
	('rule 14', 'orders', 'points', 'x1.5', NULL, '{gold}');
INSERT INTO shop.orders SELECT i, 1 + i % 17, i % 90, '2026-01-01 00:00Z'::timestamptz + i * interval '1 hour',
	CASE WHEN i % 31 = 0 THEN 'open' ELSE 'paid' END FROM generate_series(1, 600) i;

-- what the report says, and then what is posted; and all is as it was again
CREATE FUNCTION same(rule text, from_ timestamptz, until_ timestamptz, description text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	said text;
	done text;
BEGIN
	SELECT string_agg(r::text, ' ' ORDER BY member_id, unit) INTO said FROM rewards.reprice(rule, from_, until_) r;
	BEGIN
		SELECT string_agg(r::text, ' ' ORDER BY member_id, unit) INTO done FROM rewards.reprice(rule, from_, until_, apply => true) r;
		RAISE EXCEPTION USING ERRCODE = 'TT000', MESSAGE = done;
	EXCEPTION WHEN SQLSTATE 'TT000' THEN
		NULL;
	END;
	RETURN NEXT isnt(said, NULL, description || ': there are differences');
	RETURN NEXT is(said, done, description || ': they are those that are posted');
END
$$;

UPDATE rewards.rule SET earn = '1 per 7' WHERE name IN ('rule 2', 'rule 4');
UPDATE rewards.rule SET enabled = false WHERE name = 'rule 6';
SELECT same(NULL, '-infinity', 'infinity', 'other rules');
SELECT same('rule 4', '-infinity', 'infinity', 'one other rule');
SELECT same(NULL, '2026-01-05', '2026-01-15', 'a range of instants');

-- rows that changed unseen
SET LOCAL session_replication_role = replica;
UPDATE shop.orders SET customer_id = customer_id + 1 WHERE order_id % 41 = 0;
UPDATE shop.orders SET placed_at = placed_at + interval '1 day' WHERE order_id % 43 = 0;
UPDATE shop.orders SET total = -total WHERE order_id % 47 = 0;
UPDATE shop.orders SET total = total + 13 WHERE order_id % 53 = 0;
UPDATE shop.orders SET status = 'open' WHERE order_id % 59 = 0;
UPDATE shop.orders SET customer_id = NULL WHERE order_id % 61 = 0;
DELETE FROM shop.orders WHERE order_id % 67 = 0;
INSERT INTO shop.orders SELECT 1000 + i, i, 50, '2026-01-07 00:00Z' FROM generate_series(1, 30) i;
SET LOCAL session_replication_role = origin;
SELECT same(NULL, '-infinity', 'infinity', 'rows that changed unseen');
SELECT same('rule 2', '2026-01-05', '2026-01-15', 'rows that changed unseen, one rule');

-- postings in several blocks, of several versions
SELECT count(*) FROM rewards.reprice('rule 2', '2026-01-03', '2026-01-09', apply => true) \g /dev/null
UPDATE rewards.rule SET earn = '5 per 3' WHERE name IN ('rule 2', 'rule 8');
SELECT same(NULL, '-infinity', 'infinity', 'events repriced before');
SELECT same('rule 8', '-infinity', 'infinity', 'events repriced before, one rule');

-- an expression that fails for some
UPDATE rewards.rule SET condition = '10 / (order_id % 100) >= 0' WHERE name = 'rule 2';
SELECT same(NULL, '-infinity', 'infinity', 'a condition that fails');

UPDATE rewards.program SET on_error = 'raise';
SELECT throws_ok($$SELECT * FROM rewards.reprice(NULL, '-infinity', 'infinity')$$, '22012', 'division by zero', 'unless the program raises errors');
UPDATE rewards.program SET on_error = 'queue';

-- a cap
UPDATE rewards.rule SET condition = NULL, max_per_member = 20, cap_period = 'month' WHERE name = 'rule 2';
SELECT same(NULL, '-infinity', 'infinity', 'a cap');
UPDATE rewards.rule SET max_per_member = NULL, cap_period = NULL WHERE name = 'rule 2';

CREATE FUNCTION shop.is_even(n bigint) RETURNS boolean LANGUAGE plpgsql STABLE AS 'BEGIN RETURN n % 2 = 0; END';

-- any rules at all: what the configuration refuses is left as it was
CREATE FUNCTION pick(VARIADIC of text[]) RETURNS text LANGUAGE sql VOLATILE RETURN of[1 + floor(random() * cardinality(of))::int];
CREATE FUNCTION draw_rules(keep text[]) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	r record;
	n int := 0;
	-- what makes rules ones that cannot be added up is not in every program
	grouped bool := random() < 0.2;
	limited bool := random() < 0.2;
	facts bool := random() < 0.3;
	blocks bool := random() < 0.2;
	amounts bool := random() < 0.2;
BEGIN
	UPDATE rewards.program SET stacking = pick('additive', 'multiplicative', 'best');
	UPDATE rewards.unit SET rounding = pick('floor', 'half_up', 'half_even', 'ceil'), max_per_event = pick(NULL, NULL, '10', '40')::numeric;
	FOR r IN SELECT name FROM rewards.rule WHERE name <> ALL (keep) ORDER BY name LOOP
		BEGIN
			UPDATE rewards.rule SET
				earn = pick('1 per 1', '1 per 3', '2 per 7', CASE WHEN blocks THEN '3 per full 10' ELSE '0.7%' END, '33.3333%', '12.5%', '5', '2.5', 'x2', 'x1.25', 'x1.5', 'x1.333333')::loyalty.rate,
				amount = CASE WHEN amounts THEN pick(NULL, 'total * 2', 'total / 3.0', 'nullif(order_id % 7, 3)') END,
				condition = CASE WHEN facts AND random() < 0.3 THEN pick('member.purchases > 3', 'member.spend < 500 AND total > 20', 'member.purchases > 3 OR total < 30') ELSE pick(NULL, 'extract(dow FROM placed_at) = 3', 'extract(dow FROM placed_at) IN (1, 3, 5)',
					'total > 20 AND extract(dow FROM placed_at) = 3', 'NOT (order_id % 5 = 2)', 'order_id % 5 = 2', 'order_id % 5 = 2 OR total < 30',
					'CASE WHEN order_id % 5 = 2 THEN 10 / (order_id % 5) > 4 ELSE total > 50 END',
					'nullif(order_id % 3, 1) > 0', 'total > 50 IS NOT TRUE', 'shop.is_even(order_id)') END,
				tiers = CASE WHEN facts THEN pick(NULL, NULL, '{silver}', '{silver,gold}')::text[] END,
				min_amount = pick(NULL, NULL, '15', '33.3')::numeric,
				valid = pick('(,)', '(,)', '[2026-01-05,)', '[2026-01-03,2026-01-12)')::tstzrange,
				priority = pick('0', '1', '2')::int,
				exclusive_group = CASE WHEN grouped THEN unit || pick(NULL, NULL, ' a', ' b') END,
				max_per_event = CASE WHEN limited THEN pick(NULL, '6')::numeric END,
				enabled = random() < 0.8
			WHERE name = r.name;
			n := n + 1;
		EXCEPTION WHEN OTHERS THEN
			NULL;
		END;
	END LOOP;
	RETURN n;
END
$$;
CREATE FUNCTION draw_rules(times int, keep text[], since timestamptz) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	drawn int := 0;
BEGIN
	FOR i IN 1 .. times LOOP
		drawn := drawn + draw_rules(keep);
		RETURN QUERY SELECT same(NULL, since, 'infinity', format('random rules %s%s', i, CASE WHEN keep <> '{}' THEN ' beside those with caps' END));
		IF i % 5 = 0 THEN
			PERFORM rewards.reprice(pick(NULL, 'rule 3'), '2026-01-02', '2026-01-14', apply => true);
		END IF;
	END LOOP;
	RETURN NEXT cmp_ok(drawn, '>', 6 * times, 'at least half of the rules are drawn');
END
$$;
-- what reconcile() finds of all events at once, and of each by itself
CREATE FUNCTION found(key text) RETURNS text LANGUAGE sql RETURN (
	SELECT string_agg(format('%s %s %s %s', event_key, member_id, unit, difference), ', ' ORDER BY event_key, member_id, unit)
	FROM loyalty.reconcile_1('rewards.program', 'orders', key, 'keep', false));
CREATE FUNCTION found_alike(description text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	alone text := (SELECT string_agg(found(order_id::text), ', ' ORDER BY order_id::text) FROM shop.orders);
BEGIN
	RETURN NEXT isnt(alone, NULL, description || ': there are differences');
	RETURN NEXT is(found(NULL), alone, description || ': found of all at once');
END
$$;
SELECT found_alike('rows that changed unseen');
SELECT isnt_empty('SELECT rewards.reconcile(''orders'')', 'they are posted');
SELECT is_empty('SELECT * FROM rewards.verify()', 'and all is sound');
SELECT setseed(0.5) \g /dev/null
SELECT draw_rules(30, '{}', '-infinity');
-- rows that changed unseen, of programs with caps and facts
UPDATE rewards.rule SET max_per_event = NULL, exclusive_group = NULL, amount = NULL, min_amount = NULL, valid = '(,)', tiers = NULL, enabled = true;
UPDATE rewards.rule SET earn = '1 per 1', condition = 'member.purchases > 2', max_per_member = 60, cap_period = 'week' WHERE name IN ('rule 1', 'rule 2');
UPDATE rewards.rule SET earn = 'x1.5', condition = NULL, tiers = '{silver,gold}' WHERE name = 'rule 3';
INSERT INTO rewards.rule (name, source, earn, budget) VALUES ('rule 15', 'orders', '40', 900);
INSERT INTO shop.orders SELECT 2000 + i, 1 + i % 11, i % 70, '2026-02-01 00:00Z'::timestamptz + i * interval '1 hour' FROM generate_series(1, 200) i;
SELECT is_empty('SELECT * FROM rewards.verify()', 'programs with caps and facts: all is sound');
SET LOCAL session_replication_role = replica;
UPDATE shop.orders SET total = total + 5 WHERE order_id % 37 = 0;
UPDATE shop.orders SET total = total / 2 WHERE order_id % 23 = 0;
UPDATE shop.orders SET status = 'open' WHERE order_id % 31 = 0;
DELETE FROM shop.orders WHERE order_id % 67 = 0;
SET LOCAL session_replication_role = origin;
SELECT found_alike('programs with caps and facts');
SELECT isnt_empty('SELECT rewards.reconcile(''orders'')', 'they are posted');
SELECT is_empty('SELECT * FROM rewards.verify()', 'and all is sound');
SELECT draw_rules(8, '{rule 1,rule 2,rule 15}', '2026-02-01');
SET LOCAL session_replication_role = replica;
UPDATE shop.orders SET total = total + 100 WHERE order_id BETWEEN 2010 AND 2100;
SET LOCAL session_replication_role = origin;
SELECT same(NULL, '2026-02-01', 'infinity', 'rows that claim more room');
SELECT * FROM finish();
ROLLBACK;
