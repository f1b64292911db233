-- Units whose lots last until so long after the member's last activity.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();
INSERT INTO rewards.member (member_id, joined_at) SELECT i, '2025-01-01' FROM generate_series(1, 30) i;

UPDATE rewards.unit SET expires = '6 months since last activity' WHERE name = 'points';
INSERT INTO rewards.rule (name, source, earn) VALUES ('base', 'orders', '1 per 1');

INSERT INTO shop.orders VALUES (1, 1, 100, '2026-01-10 12:00Z');
SELECT is(ARRAY[rewards.balance(1, at => '2026-07-10 11:59:59.999999Z'), rewards.balance(1, at => '2026-07-10 12:00Z')], '{100,0}'::numeric[],
	'six months after the only activity the points end');
SELECT rewards.set_clock('2026-05-01 12:00Z');
INSERT INTO shop.orders VALUES (2, 1, 50, '2026-05-01 12:00Z');
SELECT is(ARRAY[rewards.balance(1, at => '2026-07-10 12:00Z'), rewards.balance(1, at => '2026-11-01 11:59Z'), rewards.balance(1, at => '2026-11-01 12:00Z')],
	'{150,150,0}'::numeric[], 'the next purchase extends all of them');
SELECT is(ledger(1), 'earn 100, earn 50', 'without any more lines in the ledger');
SELECT is((SELECT next_expiry_at FROM rewards.balances WHERE member_id = 1), '2026-11-01 12:00Z'::timestamptz, 'the view knows the end');
SELECT is((SELECT max(expires_at) FROM rewards.member_lots(1)), '2026-11-01 12:00Z'::timestamptz, 'so does member_lots()');

-- adjustments and refunds are no activity
SELECT rewards.set_clock('2026-06-01 12:00Z');
SELECT run('SELECT rewards.adjust(1, 10, reason => ''a gift'')');
SELECT run('SELECT rewards.adjust(1, -5, reason => ''a mistake'')');
UPDATE shop.orders SET total = 40 WHERE order_id = 2;
SELECT is((SELECT next_expiry_at FROM rewards.balances WHERE member_id = 1), '2026-11-01 12:00Z'::timestamptz,
	'an adjustment or a refund is no activity');
UPDATE shop.orders SET status = 'refunded' WHERE order_id = 2;
SELECT is(rewards.balance(1, at => '2026-10-31'), 105::numeric, 'a purchase that was refunded has been an activity');

-- a late event of an earlier date does not shorten
INSERT INTO shop.orders VALUES (3, 1, 20, '2026-02-01 12:00Z');
SELECT is((SELECT next_expiry_at FROM rewards.balances WHERE member_id = 1), '2026-11-01 12:00Z'::timestamptz, 'an older event changes no end');

-- a late event that would have prevented a lapse brings the points back
INSERT INTO shop.orders VALUES (10, 2, 100, '2026-01-10 12:00Z'), (20, 3, 100, '2026-01-10 12:00Z'), (25, 4, 100, '2026-01-10 12:00Z');
SELECT rewards.set_clock('2026-08-01 12:00Z');
SELECT is(state(2), '0 available', 'lapsed on 10 July');
INSERT INTO shop.orders VALUES (11, 2, 50, '2026-07-01 12:00Z');
SELECT is(state(2), '150 available', 'a purchase of 1 July that arrives in August brings them back');
SELECT is(rewards.balance(2, at => '2026-12-31'), 150::numeric, 'all until New Year');
SELECT is(rewards.balance(2, at => '2027-01-01 12:00Z'), 0::numeric, 'and not longer');
SELECT run('SELECT rewards.book_due()');
SELECT is(ledger(3), 'earn 100, expire -100', 'for another member the lapse is booked');
INSERT INTO shop.orders VALUES (21, 3, 50, '2026-07-01 12:00Z');
SELECT is(state(3), '150 available', 'the late purchase brings them back all the same');
INSERT INTO shop.orders VALUES (26, 4, 50, '2026-07-10 12:00Z');
SELECT is(state(4), '50 available', 'one of the very instant of the lapse comes too late');

-- a lapse is booked before the next activity
INSERT INTO shop.orders VALUES (30, 5, 100, '2026-01-10 12:00Z');
INSERT INTO shop.orders VALUES (31, 5, 50, '2026-08-01 12:00Z');
SELECT is(ledger(5), 'earn 100, expire -100, earn 50', 'points that have lapsed stay lapsed when the member comes back');
SELECT is((SELECT occurred_at FROM rewards.statement(5) WHERE kind = 'expire'), '2026-07-10 12:00Z'::timestamptz, 'dated at the lapse');
SELECT is(state(5), '50 available', 'only the new ones are there');

-- rules with an end of their own keep it
INSERT INTO rewards.rule (name, source, earn, expires) VALUES ('fixed', 'orders', '7', '10 days');
INSERT INTO shop.orders VALUES (40, 6, 100, '2026-08-01 12:00Z');
SELECT is(ARRAY[rewards.balance(6, at => '2026-08-11 11:59Z'), rewards.balance(6, at => '2026-08-11 12:00Z'), rewards.balance(6, at => '2027-02-01 11:59Z'), rewards.balance(6, at => '2027-02-01 12:00Z')],
	'{107,100,100,0}'::numeric[], 'a fixed end beside one that follows activity');
SELECT rewards.set_clock('2026-08-05 12:00Z');
INSERT INTO shop.orders VALUES (41, 6, 100, '2026-08-05 12:00Z');
SELECT is(ARRAY[rewards.balance(6, at => '2026-08-11 12:00Z'), rewards.balance(6, at => '2026-08-15 12:00Z'), rewards.balance(6, at => '2027-02-05 11:59Z')],
	'{207,200,200}'::numeric[], 'activity moves the one, not the other');
UPDATE rewards.rule SET enabled = name = 'base';

-- spending takes what ends first
SELECT run('SELECT rewards.adjust(6, -14, reason => ''spent'')');
SELECT is(rewards.balance(6, at => '2026-09-01'), 200::numeric, 'the two lots with fixed ends went first');

-- lines do not grow with the number of purchases
INSERT INTO shop.orders SELECT 1000 + i, 7, 10, timestamptz '2026-07-01 12:00Z' + i * interval '1 hour' FROM generate_series(1, 200) i;
SELECT is((SELECT count(*) FROM rewards.statement(7)), 200::bigint, 'a line per purchase, none for the end that moves');
SELECT is(rewards.balance(7, at => '2027-01-09 19:59Z'), 2000::numeric, 'all there until six months after the last');
SELECT is(rewards.balance(7, at => '2027-01-09 20:00Z'), 0::numeric, 'and gone then');

-- another unit's activity does not count
INSERT INTO rewards.unit (name) VALUES ('stamps');
UPDATE rewards.rule SET enabled = false;
INSERT INTO rewards.rule (name, source, unit, earn) VALUES ('stamp', 'orders', 'stamps', '1');
SELECT rewards.set_clock('2026-12-01 12:00Z');
INSERT INTO shop.orders VALUES (50, 6, 1, '2026-12-01 12:00Z');
SELECT is((SELECT next_expiry_at FROM rewards.balances WHERE member_id = 6 AND unit = 'points'), '2027-02-05 12:00Z'::timestamptz,
	'earning stamps does not extend points');

-- a purchase deleted after everything lapsed
SELECT rewards.set_clock('2027-01-10 12:00Z');
SELECT is(state(7), '0 available', 'lapsed');
DELETE FROM shop.orders WHERE order_id = 1001;
SELECT is(state(7), '0 available', 'a refund after the lapse: the points had lapsed, nothing is due');

-- whatever came late: every instant is as if all had come in order
SELECT rewards.set_clock('2027-06-01 12:00Z');
UPDATE rewards.rule SET enabled = name = 'base';
CREATE FUNCTION t.balances_then(member bigint) RETURNS text STABLE LANGUAGE sql AS
$$ SELECT string_agg(trim_scale(rewards.balance(member, 'points', at => at))::text, ' ' ORDER BY at) FROM generate_series('2026-01-01'::timestamptz, '2027-06-01', '1 month') at $$;
INSERT INTO shop.orders VALUES (2001, 8, 1, '2026-01-15 12:00Z'), (2002, 8, 10, '2026-06-15 12:00Z'), (2003, 8, 100, '2026-12-10 12:00Z');
INSERT INTO shop.orders VALUES (2013, 9, 100, '2026-12-10 12:00Z');
INSERT INTO shop.orders VALUES (2012, 9, 10, '2026-06-15 12:00Z');
INSERT INTO shop.orders VALUES (2011, 9, 1, '2026-01-15 12:00Z');
INSERT INTO shop.orders VALUES (2021, 10, 1, '2026-01-15 12:00Z');
INSERT INTO shop.orders VALUES (2023, 10, 100, '2026-12-10 12:00Z');
INSERT INTO shop.orders VALUES (2022, 10, 10, '2026-06-15 12:00Z');
SELECT is(balances_then(8), '0 1 1 1 1 1 11 11 11 11 11 11 111 111 111 111 111 111', 'in order');
SELECT is(ledger(8), 'earn 1, earn 10, earn 100', 'with no more lines than purchases');
SELECT is(balances_then(9), balances_then(8), 'the other way round');
SELECT is(balances_then(10), balances_then(8), 'the one between last');
SELECT is((SELECT trim_scale(expired) FROM rewards.balances WHERE member_id = 10 AND unit = 'points'), 0::numeric, 'nothing has expired');

-- a lapse booked among an event's lines
UPDATE rewards.rule SET enabled = name IN ('base', 'stamp');
UPDATE rewards.unit SET expires = '1 month since last activity' WHERE name = 'stamps';
INSERT INTO shop.orders VALUES (2041, 12, 5, '2026-01-15 12:00Z'), (2042, 12, 5, '2027-05-31 12:00Z');
SELECT results_eq('SELECT unit, trim_scale(points) FROM rewards.orders_points WHERE order_id = 2042 ORDER BY unit', $$VALUES ('points', 5::numeric), ('stamps', 1)$$,
	'the view of points per order leaves it out');
UPDATE rewards.rule SET enabled = name = 'base';

-- what was excused of a lapse that never was is taken after all
INSERT INTO shop.orders VALUES (2031, 11, 100, '2026-01-15 12:00Z');
UPDATE shop.orders SET total = 70 WHERE order_id = 2031;
SELECT is(state(11), '0 available', 'lapsed in July, so the refund takes nothing');
INSERT INTO shop.orders VALUES (2032, 11, 10, '2026-07-01 12:00Z'), (2033, 11, 10, '2026-12-10 12:00Z');
SELECT is(state(11), '90 available', 'later purchases bring back what was not refunded');
UPDATE shop.orders SET total = 100 WHERE order_id = 2031;
SELECT is(state(11), '120 available', 'and the refund can be undone');

-- all lines of an event are there before any repays debt: what ends first does, whatever the order of the rules
INSERT INTO rewards.rule (name, unit, source, earn, priority, expires) VALUES ('gift', 'points', 'orders', '10', 5, '1 year');
SELECT run('SELECT rewards.adjust(13, -20, unit => ''points'', reason => ''a mistake'', allow_debt => true)');
INSERT INTO shop.orders VALUES (2051, 13, 100, '2027-06-01 12:00Z');
SELECT is(lots(13), '80 from 2027-06-01 12:00 to 2027-12-01 12:00 active; 10 from 2027-06-01 12:00 to 2028-06-01 12:00 active',
	'the purchase repays from what follows the activity, which ends first');
INSERT INTO shop.orders VALUES (2052, 14, 1, '2027-06-01 12:00Z');
SELECT run('SELECT rewards.adjust(14, -31, unit => ''points'', reason => ''a mistake'', allow_debt => true)');
INSERT INTO shop.orders VALUES (2053, 14, 100, '2027-05-31 12:00Z');
SELECT is(lots(14), '80 from 2027-05-31 12:00 to 2027-12-01 12:00 active; 10 from 2027-05-31 12:00 to 2028-05-31 12:00 active',
	'so does one that comes late');
UPDATE rewards.rule SET enabled = name = 'base';

\ir include/finish.sql
