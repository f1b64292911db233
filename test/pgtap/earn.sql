-- What one event earns: rates, candidates, when there is nothing to earn.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();

-- rates
INSERT INTO rewards.rule (name, source, earn) VALUES ('base', 'orders', '1 per 1');
INSERT INTO shop.orders VALUES (1, 1, 100);
SELECT is(state(1), '100 available', '1 per 1 of 100 pays 100');
SELECT is(earned(1), 100::numeric, 'the view of the source says so too');
SELECT is(ledger(1), 'earn 100', 'one line in the ledger');
SELECT is(rewards.balance(1), 100::numeric, 'balance() says so too');

UPDATE rewards.rule SET earn = '5 per full 2.50';
INSERT INTO shop.orders VALUES (2, 2, 3.00);
SELECT is(earned(2), 5::numeric, 'example 1.2: 3.00 at 5 per full 2.50 pays 5');

UPDATE rewards.rule SET earn = '5 per 2.50';
INSERT INTO shop.orders VALUES (3, 2, 3.00);
SELECT is(earned(3), 6::numeric, 'example 1.2: 3.00 at 5 per 2.50 pays 6');

UPDATE rewards.rule SET earn = '1 per full 10';
INSERT INTO shop.orders VALUES (4, 2, 9.99), (5, 2, 10.00), (6, 2, 19.99), (7, 2, 20);
SELECT is(ARRAY[earned(4), earned(5), earned(6), earned(7)], '{0,1,1,2}'::numeric[],
	'whole blocks only: 9.99, 10, 19.99, 20 at 1 per full 10');

UPDATE rewards.rule SET earn = '5%';
INSERT INTO shop.orders VALUES (8, 2, 1000), (9, 2, 19.99);
SELECT is(ARRAY[earned(8), earned(9)], '{50,0}'::numeric[], '5% of 1000 and of 19.99');

UPDATE rewards.rule SET earn = '250';
INSERT INTO shop.orders VALUES (10, 2, 1000), (11, 2, 0.01);
SELECT is(ARRAY[earned(10), earned(11)], '{250,250}'::numeric[], 'a flat rule pays the same whatever the amount');

-- one rule's points do not depend on another's unit
INSERT INTO rewards.unit (name) VALUES ('stamps');
INSERT INTO rewards.rule (name, source, unit, earn) VALUES ('stamp', 'orders', 'stamps', '1');
UPDATE rewards.rule SET earn = '1 per 1' WHERE name = 'base';
INSERT INTO shop.orders VALUES (20, 3, 12);
SELECT is(state(3), '12 available', 'points of an order that pays two units');
SELECT is(state(3, 'stamps'), '1 available', 'stamps of the same order');
DELETE FROM rewards.rule WHERE name = 'stamp' AND false;
UPDATE rewards.rule SET enabled = false WHERE name = 'stamp';

-- nothing to earn
INSERT INTO rewards.rule (name, source, earn) VALUES ('flat', 'orders', '7');
INSERT INTO shop.orders VALUES (30, 4, 0), (31, 4, -50), (32, 4, NULL);
SELECT is(ARRAY[earned(30), earned(31), earned(32)], '{0,0,0}'::numeric[],
	'an amount of 0, below 0 or NULL earns nothing, flat rules included');
INSERT INTO shop.orders VALUES (33, 4, 10, DEFAULT, 'cart'), (34, 4, 10, DEFAULT, NULL);
SELECT is(ARRAY[earned(33), earned(34)], '{0,0}'::numeric[], 'a condition that is false or NULL earns nothing');
INSERT INTO shop.orders VALUES (35, NULL, 10);
SELECT is(earned(35), 0::numeric, 'an order of nobody earns nothing');
SELECT is_empty('SELECT * FROM rewards.member WHERE member_id IS NULL', 'nobody is enrolled for it');
SELECT is(state(4), '0 available', 'and member 4 has nothing');
SELECT is((SELECT count(*) FROM rewards.failed_event), 0::bigint, 'none of this is a failure');

-- amounts are exact
UPDATE rewards.rule SET enabled = false WHERE name = 'flat';
INSERT INTO shop.orders SELECT 100 + i, 5, 0.1 FROM generate_series(1, 9) i;
INSERT INTO shop.orders VALUES (110, 5, 99999999.99);
SELECT is(rewards.balance(5, 'points'), 99999999::numeric, 'a large amount');

-- candidates
UPDATE rewards.rule SET enabled = false;
INSERT INTO rewards.rule (name, source, earn, min_amount) VALUES ('big', 'orders', '10', 50);
INSERT INTO shop.orders VALUES (40, 6, 49.99), (41, 6, 50);
SELECT is(ARRAY[earned(40), earned(41)], '{0,10}'::numeric[], 'min_amount is the least that counts');
UPDATE rewards.rule SET enabled = false WHERE name = 'big';

INSERT INTO rewards.rule (name, source, earn, condition) VALUES ('online', 'orders', '10', $$channel = 'web'$$);
INSERT INTO shop.orders VALUES (42, 6, 1, DEFAULT, 'paid', 'web'), (43, 6, 1, DEFAULT, 'paid', 'till'), (44, 6, 1, DEFAULT, 'paid', NULL);
SELECT is(ARRAY[earned(42), earned(43), earned(44)], '{10,0,0}'::numeric[],
	'a rule whose condition is false or NULL does not pay');
UPDATE rewards.rule SET enabled = false WHERE name = 'online';

INSERT INTO rewards.rule (name, source, earn, valid) VALUES ('january', 'orders', '10', '[2026-01-05,2026-01-10)');
INSERT INTO shop.orders VALUES
	(45, 6, 1, '2026-01-04 23:59:59.999999Z'), (46, 6, 1, '2026-01-05 00:00Z'),
	(47, 6, 1, '2026-01-09 23:59:59.999999Z'), (48, 6, 1, '2026-01-10 00:00Z');
SELECT is(ARRAY[earned(45), earned(46), earned(47), earned(48)], '{0,10,10,0}'::numeric[],
	'a rule pays for what happened while it is valid: its end is not included');
UPDATE rewards.rule SET enabled = false WHERE name = 'january';

INSERT INTO rewards.rule (name, earn) VALUES ('everywhere', '3');
INSERT INTO shop.orders VALUES (49, 6, 1);
SELECT is(earned(49), 3::numeric, 'a rule without a source is one of all sources');
UPDATE rewards.rule SET enabled = false WHERE name = 'everywhere';

INSERT INTO rewards.rule (name, source, earn, amount) VALUES ('net', 'orders', '1 per 1', 'total - 20');
INSERT INTO shop.orders VALUES (50, 7, 100), (51, 7, 15);
SELECT is(ARRAY[earned(50), earned(51)], '{80,0}'::numeric[],
	'a rule may have an amount of its own; below 0 it pays nothing');
UPDATE rewards.rule SET enabled = false WHERE name = 'net';

-- what rules see of the member
INSERT INTO rewards.rule (name, source, earn, condition) VALUES ('third', 'orders', '30', 'member.purchases = 2 AND member.spend = 30');
INSERT INTO shop.orders VALUES (60, 8, 10), (61, 8, 20), (62, 8, 30), (63, 8, 40);
SELECT is(ARRAY[earned(60), earned(61), earned(62), earned(63)], '{0,0,30,0}'::numeric[],
	'member.purchases and member.spend count what was posted earlier, the event itself excluded, within one statement too');
UPDATE shop.orders SET status = 'cancelled' WHERE order_id = 61;
INSERT INTO shop.orders VALUES (64, 8, 1, DEFAULT, 'paid');
SELECT is((SELECT format('%s purchases, spend %s', purchases, trim_scale(spend)) FROM rewards.member_facts WHERE member_id = 8),
	'4 purchases, spend 81', 'a cancelled purchase no longer counts');
UPDATE rewards.rule SET enabled = false WHERE name = 'third';
INSERT INTO shop.orders VALUES (9060, 9060, 0.00005), (9061, 9061, 0.00004999), (9062, 9062, 1.000149999999),
	(9063, 9063, 900719925474.09925), (9064, 9064, 90071992547409.000049999999), (9065, 9065, 90071992547409.00005);
SELECT is(ARRAY(SELECT spend FROM rewards.member_facts WHERE member_id BETWEEN 9060 AND 9065 ORDER BY member_id),
	'{0.0001,0,1.0001,900719925474.0993,90071992547409.0000,90071992547409.0001}'::numeric[],
	'the spend is of amounts rounded to four decimals, half away from zero');

INSERT INTO rewards.member (member_id, joined_at, birthday, attributes) VALUES (9, '2025-06-01', '1980-01-10', '{"vip": true}');
INSERT INTO rewards.rule (name, source, earn, condition) VALUES
	('birthday', 'orders', '100', $$to_char(member.birthday, 'MMDD') = to_char(placed_at AT TIME ZONE 'UTC', 'MMDD')$$),
	('vip', 'orders', '10', $$(member.attributes ->> 'vip')::boolean$$),
	('old friend', 'orders', '1', $$member.joined_at < '2026-01-01'::timestamptz$$);
INSERT INTO shop.orders VALUES (70, 9, 5, '2026-01-10 12:00Z'), (71, 9, 5, '2026-01-09 12:00Z'), (72, 10, 5, '2026-01-10 12:00Z');
SELECT is(shares('70'), 'birthday 100, old friend 1, vip 10', 'rules read the member''s birthday, attributes and day of joining');
SELECT is(shares('71'), 'old friend 1, vip 10', 'the day before the birthday');
SELECT is(shares('72'), 'nothing', 'a member without any of them');

\ir include/finish.sql
