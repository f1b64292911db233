-- What a late row reads: neither the journal nor the stays where the lots of the
-- account's row tell all that happened since.  Whatever is read, where the member
-- stands is what the same rows make in order.

\set QUIET on
\set ON_ERROR_STOP on
BEGIN;
\i test/pgtap/include/shop.sql
\i test/pgtap/include/tiers.sql
\i test/pgtap/include/rows_read.sql
SELECT plan(48);

\o /dev/null
DELETE FROM rewards.rule;
INSERT INTO rewards.unit (name, expires, activates, spendable) VALUES
	('ever', 'never', 'immediately', true), ('coins', '12 months', 'immediately', true), ('slow', '12 months', '3 days', false);
INSERT INTO rewards.rule (name, source, unit, earn, condition)
SELECT u, 'orders', u, '1 per 1', format('channel = %L', u) FROM unnest('{status,ever,coins,slow}'::text[]) AS u;
SELECT t.group(u, '12 months', unit => u) FROM unnest('{status,ever,coins,slow}'::text[]) AS u;
SELECT t.tier(concat('Silver', nullif(' of ' || u, ' of status')), 10, 1000, u), t.tier(concat('Gold', nullif(' of ' || u, ' of status')), 20, 3000, u)
FROM unnest('{status,ever,coins,slow}'::text[]) AS u;
\o

-- rows that come in time to the twin of a member (1000 more) and late to the member
CREATE TABLE t.missing (customer_id bigint, unit text, total numeric, at timestamptz);
CREATE FUNCTION t.put(customer_id bigint, unit text, total numeric, at timestamptz) RETURNS void LANGUAGE sql AS $$
	INSERT INTO shop.orders (order_id, customer_id, total, placed_at, channel) VALUES (nextval('t.orders'), $1, $3, $4, $2)
$$;
CREATE FUNCTION t.both(customer_id bigint, unit text, total numeric, at timestamptz) RETURNS void LANGUAGE sql AS $$
	SELECT t.go($4);
	SELECT t.put(m, $2, $3, $4) FROM unnest(ARRAY[$1, $1 + 1000]) AS m;
$$;
CREATE FUNCTION t.miss(customer_id bigint, unit text, total numeric, at timestamptz) RETURNS void LANGUAGE sql AS $$
	SELECT t.go($4);
	SELECT t.put($1 + 1000, $2, $3, $4);
	INSERT INTO t.missing SELECT $1, $2, $3, $4;
$$;
-- "journal, stays": whether the missing rows of a member read any of them, in one statement
CREATE FUNCTION t.comes(customer_id bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	journal bigint;
	stays bigint;
BEGIN
	SELECT coalesce(sum(seq_tup_read + idx_tup_fetch), 0) INTO stays FROM pg_stat_xact_user_tables WHERE relid = 'rewards.tier_change'::regclass;
	journal := t.rows_read('rewards.journal', format('INSERT INTO shop.orders (order_id, customer_id, total, placed_at, channel)
		SELECT nextval(''t.orders''), customer_id, total, at, unit FROM t.missing WHERE customer_id = %s ORDER BY at DESC', $1));
	SELECT coalesce(sum(seq_tup_read + idx_tup_fetch), 0) - stays INTO stays FROM pg_stat_xact_user_tables WHERE relid = 'rewards.tier_change'::regclass;
	DELETE FROM t.missing m WHERE m.customer_id = $1;
	RETURN coalesce(nullif(concat_ws(', ', CASE WHEN journal > 0 THEN 'journal' END, CASE WHEN stays > 0 THEN 'stays' END), ''), 'nothing');
END
$$;
-- where a member stands, and stood each day
CREATE FUNCTION t.stands(member_id bigint) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', s.tier_group, s.tier, s.since, s.until, s.stay_since, s.points_to_next, s.points_to_keep, s.projected,
		(SELECT string_agg(d.tier || ' ' || d.at, ' ' ORDER BY d.at)
		 FROM (SELECT at, coalesce(rewards.tier_at($1, s.tier_group, at), '-') AS tier,
				lag(coalesce(rewards.tier_at($1, s.tier_group, at), '-')) OVER (ORDER BY at) AS before
			   FROM generate_series(timestamptz '2026-01-01 01:00', (SELECT clock + interval '13 months' FROM rewards.program), '1 day') AS at) AS d
		 WHERE d.tier IS DISTINCT FROM d.before)), E'\n' ORDER BY s.tier_group)
	FROM rewards.standing s WHERE s.member_id = $1
$$;

-- -------- nothing has happened since but that points were added --------
\o /dev/null
SELECT t.both(1, 'status', 100, '2026-02-01'), t.miss(1, 'status', 200, '2026-02-02'), t.both(1, 'status', 100, '2026-02-03');
\o
SELECT is(t.comes(1), 'nothing', 'a quiet time: a late row is not enough for a tier');
\o /dev/null
SELECT t.both(1, 'status', 100, '2026-02-05'), t.miss(1, 'status', 600, '2026-02-06'), t.both(1, 'status', 100, '2026-02-07');
\o
SELECT is(t.comes(1), 'nothing', 'or is enough for one');
SELECT is(t.stands(1), t.stands(1001), 'as in order');
SELECT is(t.stays(1), 'Silver late row 2026-02-06..2027-02-06', 'the stay that begins then');

-- -------- stays began since --------
\o /dev/null
SELECT t.both(2, 'status', 100, '2026-02-10'), t.miss(2, 'status', 50, '2026-02-11'), t.both(2, 'status', 1000, '2026-02-12'), t.both(2, 'status', 10, '2026-02-13');
\o
SELECT is(t.comes(2), 'nothing', 'a stay began since: a late row is not enough for another tier');
SELECT is(t.stands(2), t.stands(1002), 'as in order');
SELECT is(t.stays(2), 'Silver entry 2026-02-12..2027-02-12', 'nothing is written');
\o /dev/null
SELECT t.both(3, 'status', 100, '2026-02-14'), t.miss(3, 'status', 900, '2026-02-15'), t.both(3, 'status', 1000, '2026-02-16'), t.both(3, 'status', 1000, '2026-02-17');
\o
SELECT is(t.comes(3), 'stays', 'one that is has the stays judged again, by the lots');
SELECT is(t.stands(3), t.stands(1003), 'as in order');
SELECT is(t.stays(3), 'Silver entry 2026-02-16..2027-02-16, Silver late row 2026-02-15..2027-02-15, Gold entry 2026-02-17..2027-02-17', 'the stays');

-- -------- several at a time, and at one instant --------
\o /dev/null
SELECT t.both(4, 'status', 100, '2026-02-20'), t.miss(4, 'status', 20, '2026-02-21'), t.miss(4, 'status', 30, '2026-02-22'), t.both(4, 'status', 1000, '2026-02-23'), t.miss(4, 'status', 40, '2026-02-24'), t.both(4, 'status', 1, '2026-02-25');
\o
SELECT is(t.comes(4), 'nothing', 'several late rows in one statement, latest first');
\o /dev/null
SELECT t.miss(4, 'status', 800, '2026-02-26'), t.miss(4, 'status', 900, '2026-02-26'), t.miss(4, 'status', 300, '2026-02-27'), t.both(4, 'status', 1, '2026-02-28');
\o
SELECT is(t.comes(4), 'nothing', 'several that are enough together');
SELECT is(t.stands(4), t.stands(1004), 'as in order');
\o /dev/null
SELECT t.miss(5, 'status', 10, '2026-03-01'), t.both(5, 'status', 1500, '2026-03-02'), t.both(5, 'status', 1500, '2026-03-02'), t.miss(5, 'status', 10, '2026-03-02'), t.both(5, 'status', 10, '2026-03-03');
\o
SELECT is(t.comes(5), 'nothing', 'a late row at the instant of others that reached tiers');
SELECT is(t.stands(5), t.stands(1005), 'as in order');
\o /dev/null
SELECT t.miss(5, 'status', 10, '2026-03-04'), t.miss(6, 'status', 1000, '2026-03-05'), t.both(6, 'status', 1000, '2026-03-06'), t.both(6, 'status', 1000, '2026-03-06'), t.both(6, 'status', 1, '2026-03-07');
\o
SELECT is(t.comes(6), 'stays', 'one before an instant at which two tiers were reached');
SELECT is(t.stands(6), t.stands(1006), 'as in order');
SELECT is(t.stays(6), 'Silver entry 2026-03-06..2027-03-06, Silver late row 2026-03-05..2027-03-05, Gold entry 2026-03-06..2027-03-06', 'the stays');
\o /dev/null
SELECT t.miss(7, 'status', 1001, '2026-03-08'), t.both(7, 'status', 1, '2026-03-09'), t.both(7, 'status', 1999, '2026-03-10'), t.both(7, 'status', 1500, '2026-03-10');
\o
SELECT t.comes(7) \g /dev/null
SELECT is(t.stands(7), t.stands(1007), 'lots of one instant are one lot: as in order');

-- -------- points taken back since --------
\o /dev/null
SELECT t.both(8, 'status', 100, '2026-03-12'), t.miss(8, 'status', 50, '2026-03-13'), t.both(8, 'status', 1000, '2026-03-14'), t.go('2026-03-16');
UPDATE shop.orders SET total = 50 WHERE customer_id IN (8, 1008) AND total = 100;
SELECT t.go('2026-03-17');
\o
SELECT is(t.comes(8), 'journal, stays', 'points were taken back since');
SELECT is(t.stands(8), t.stands(1008), 'as in order');
\o /dev/null
SELECT t.miss(8, 'status', 50, '2026-03-18'), t.both(8, 'status', 10, '2026-03-19');
\o
SELECT is(t.comes(8), 'nothing', 'or before');
SELECT is(t.stands(8), t.stands(1008), 'as in order');

-- -------- points spent since --------
\o /dev/null
SELECT t.both(9, 'coins', 900, '2026-03-20'), t.miss(9, 'coins', 50, '2026-03-21'), t.both(9, 'coins', 100, '2026-03-22'), t.go('2026-03-23');
SELECT rewards.spend(m, 700, unit => 'coins') FROM unnest('{9,1009}'::bigint[]) AS m;
SELECT t.both(9, 'coins', 10, '2026-03-24');
\o
SELECT is(t.comes(9), 'nothing', 'points were spent since, and are known until they would have lapsed');
SELECT is(t.stands(9), t.stands(1009), 'as in order');
\o /dev/null
SELECT t.both(10, 'ever', 900, '2026-03-25'), t.miss(10, 'ever', 50, '2026-03-26'), t.both(10, 'ever', 100, '2026-03-27');
\o
SELECT is(t.comes(10), 'nothing', 'points that never lapse');
\o /dev/null
SELECT t.miss(10, 'ever', 50, '2026-03-28'), t.both(10, 'ever', 2500, '2026-03-29'), rewards.spend(m, 700, unit => 'ever') FROM unnest('{10,1010}'::bigint[]) AS m;
SELECT t.both(10, 'ever', 10, '2026-03-30');
\o
SELECT is(t.comes(10), 'journal, stays', 'once they are spent nothing tells since when there were');
SELECT is(t.stands(10), t.stands(1010), 'as in order');

-- -------- lots that begin later --------
\o /dev/null
SELECT t.both(11, 'slow', 900, '2026-04-01'), t.miss(11, 'status', 50, '2026-04-02'), t.both(11, 'status', 100, '2026-04-03');
\o
SELECT is(t.comes(11), 'nothing', 'a lot that has not begun');
\o /dev/null
SELECT t.miss(11, 'slow', 50, '2026-04-03 12:00'), t.miss(11, 'status', 50, '2026-04-03 13:00'), t.both(11, 'slow', 100, '2026-04-06'), t.both(11, 'status', 10, '2026-04-10');
\o
SELECT is(t.comes(11), 'journal, stays', 'that began since');
SELECT is(t.stands(11), t.stands(1011), 'as in order');

-- -------- by hand --------
\o /dev/null
SELECT t.both(12, 'status', 100, '2026-04-12'), t.miss(12, 'status', 50, '2026-04-13'), t.go('2026-04-14');
SELECT rewards.set_tier(m, 'Silver', 'friend', tier_group => 'status', until => '2026-06-01') FROM unnest('{12,1012}'::bigint[]) AS m;
SELECT t.both(12, 'status', 100, '2026-04-15');
\o
SELECT is(t.comes(12), 'nothing', 'a tier was given since');
SELECT is(t.stands(12), t.stands(1012), 'as in order');

-- -------- a stay that ended, lots that lapsed --------
\o /dev/null
SELECT t.both(13, 'status', 1100, '2026-04-20'), t.both(13, 'status', 10, '2026-05-20'), t.miss(13, 'status', 50, '2026-06-01'), t.miss(13, 'status', 60, '2027-04-10'), t.both(13, 'status', 10, '2027-04-22');
\o
SELECT is(t.comes(13), 'journal, stays', 'a stay ended since, and a lot with it');
SELECT is(t.stands(13), t.stands(1013), 'as in order');
\o /dev/null
SELECT t.miss(13, 'status', 5, '2027-04-23'), t.both(13, 'status', 10, '2027-04-24');
\o
SELECT is(t.comes(13), 'nothing', 'or before');
SELECT is(t.stands(13), t.stands(1013), 'as in order');

-- -------- lots in pages --------
\o /dev/null
SELECT t.both(14, 'status', 19, timestamptz '2027-05-01' + i * interval '1 day') FROM generate_series(1, 40) AS i;
SELECT t.miss(14, 'status', 5, '2027-06-10 12:00');
SELECT t.both(14, 'status', 19, timestamptz '2027-06-10' + i * interval '1 day') FROM generate_series(1, 20) AS i;
\o
SELECT cmp_ok((SELECT count(*) FROM rewards.account_page WHERE member_id = 14), '>', 0::bigint, 'lots in pages');
SELECT is(t.comes(14), 'journal, stays', 'are not read: the journal is');
SELECT is(t.stands(14), t.stands(1014), 'as in order');

-- -------- another time zone since --------
\o /dev/null
SELECT t.miss(15, 'status', 10, '2027-07-02'), t.both(15, 'status', 1100, '2027-07-03'), t.go('2027-07-04');
UPDATE rewards.member SET time_zone = 'America/New_York' WHERE member_id IN (15, 1015);
SELECT t.both(15, 'status', 10, '2027-07-05');
\o
SELECT is(t.comes(15), 'journal, stays', 'the member has moved to another zone since');
SELECT is((SELECT string_agg(until::text, ' ' ORDER BY member_id) FROM rewards.standing WHERE member_id IN (15, 1015) AND tier_group = 'status'), '2028-07-03 00:00:00+00 2028-07-03 00:00:00+00', 'where the stay ends does not depend on the order');
\o /dev/null
SELECT t.miss(15, 'status', 10, '2027-07-05 12:00'), t.both(15, 'status', 10, '2027-07-06');
\o
SELECT is(t.comes(15), 'nothing', 'or before');

-- -------- two tiers of one group at one instant, a late row for another group --------
\o /dev/null
SELECT t.miss(16, 'coins', 1000, '2027-07-10'), t.both(16, 'status', 1500, '2027-07-11'), t.both(16, 'status', 1500, '2027-07-11'), t.both(16, 'status', 1, '2027-07-12');
SELECT t.comes(16);
\o
SELECT is(t.stands(16), t.stands(1016), 'two tiers at one instant, a late row for another group: as in order');
SELECT is(t.stays(16), t.stays(1016), 'nothing is written of the group that it does not concern');

\i test/pgtap/include/finish.sql
