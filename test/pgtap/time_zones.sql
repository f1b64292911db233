-- Calendars: whose midnight, how long a month is, missing and double hours.
\set time_zone 'Europe/Warsaw'
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();
SELECT rewards.set_clock('2030-01-01 00:00Z');

-- one lot for an order at an instant, under a period: when it ends
INSERT INTO rewards.rule (name, source, earn) VALUES ('base', 'orders', '1 per 1');
CREATE FUNCTION t.end_of(period text, at timestamptz, zone text DEFAULT 'UTC', member_zone text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	member bigint := (SELECT coalesce(max(customer_id), 0) + 10 FROM shop.orders);
BEGIN
	EXECUTE format('UPDATE rewards.rule SET expires = %L', period);
	INSERT INTO rewards.member (member_id, joined_at, time_zone) VALUES (member, '1970-01-01', member_zone);
	INSERT INTO shop.orders VALUES (member, member, 100, at);
	RETURN (SELECT to_char(expires_at AT TIME ZONE zone, 'YYYY-MM-DD HH24:MI') FROM rewards.statement(member) WHERE kind = 'earn');
END
$$;

-- month arithmetic from the anchor
SELECT is(end_of('1 month', '2027-01-31 12:00 Europe/Warsaw', 'Europe/Warsaw'), '2027-02-28 12:00', '31 Jan + 1 month');
SELECT is(end_of('2 months', '2027-01-31 12:00 Europe/Warsaw', 'Europe/Warsaw'), '2027-03-31 12:00', '31 Jan + 2 months');
SELECT is(end_of('1 year', '2027-03-01 00:00 Europe/Warsaw', 'Europe/Warsaw'), '2028-03-01 00:00', '1 year from 1 March 2027');
SELECT is(end_of('365 days', '2027-03-01 00:00 Europe/Warsaw', 'Europe/Warsaw'), '2028-02-29 00:00', '365 days from 1 March 2027');
SELECT is(end_of('1 year', '2028-02-29 00:00 Europe/Warsaw', 'Europe/Warsaw'), '2029-02-28 00:00', '1 year from 29 February 2028');

-- boundaries
SELECT is(end_of('12 months to end of month', '1997-02-01 00:00 Europe/Warsaw', 'Europe/Warsaw'), '1998-03-01 00:00',
	'12 months to end of month from 1 Feb 1997 00:00');
SELECT is(end_of('12 months to end of month', '1997-01-31 23:59 Europe/Warsaw', 'Europe/Warsaw'), '1998-02-01 00:00',
	'and from a minute before');
SELECT is(end_of('to end of day', '2026-06-15 00:00 Europe/Warsaw', 'Europe/Warsaw'), '2026-06-16 00:00', 'to end of day, at midnight');
SELECT is(end_of('to end of week', '2026-01-10 12:00 Europe/Warsaw', 'Europe/Warsaw'), '2026-01-12 00:00', 'weeks start on Monday');
SELECT is(end_of('to end of week', '2026-01-12 00:00 Europe/Warsaw', 'Europe/Warsaw'), '2026-01-19 00:00', 'strictly after the anchor');
SELECT is(end_of('to end of quarter', '2026-03-31 23:59 Europe/Warsaw', 'Europe/Warsaw'), '2026-04-01 00:00', 'to end of quarter');
SELECT is(end_of('to end of year', '2026-12-31 23:59 Europe/Warsaw', 'Europe/Warsaw'), '2027-01-01 00:00', 'to end of year');
SELECT is(end_of('1 year to end of year', '2026-05-05 12:00 Europe/Warsaw', 'Europe/Warsaw'), '2028-01-01 00:00', '1 year to end of year');
SELECT is(end_of('to end of year', '2025-12-31 23:30Z', 'Europe/Warsaw'), '2027-01-01 00:00', '23:30 UTC on New Year''s Eve is next year in Warsaw');

-- the member's zone goes before the program's
SELECT is(end_of('12 months to end of month', '2026-01-31 23:30 America/Los_Angeles', 'America/Los_Angeles', 'America/Los_Angeles'), '2027-02-01 00:00',
	'12 months to end of month from 2026-01-31 23:30 in Los Angeles');
SELECT is(end_of('12 months to end of month', '2026-01-31 23:30 America/Los_Angeles', 'UTC', 'America/Los_Angeles'), '2027-02-01 08:00',
	'which is 08:00 UTC');
SELECT is(end_of('12 months to end of month', '2026-01-31 23:30 America/Los_Angeles', 'Europe/Warsaw'), '2027-03-01 00:00',
	'for a member without a zone it is February in Warsaw already');

-- the zone is frozen with the lot
INSERT INTO rewards.member (member_id, joined_at, time_zone) VALUES (1000, '1970-01-01', 'America/Los_Angeles');
UPDATE rewards.rule SET expires = 'to end of year';
INSERT INTO shop.orders VALUES (1000, 1000, 100, '2026-06-01 12:00Z');
UPDATE rewards.member SET time_zone = 'Asia/Tokyo' WHERE member_id = 1000;
UPDATE shop.orders SET total = 150 WHERE order_id = 1000;
INSERT INTO shop.orders VALUES (1001, 1000, 10, '2026-06-01 12:00Z');
SELECT is((SELECT string_agg(format('%s to %s', trim_scale(points), expires_at AT TIME ZONE 'UTC'), '; ' ORDER BY entry_no) FROM rewards.statement(1000) WHERE kind = 'earn'),
	'100 to 2027-01-01 08:00:00; 50 to 2027-01-01 08:00:00; 10 to 2026-12-31 15:00:00',
	'a member who moves keeps the ends he has, and gets new ones by the new zone');

-- missing and double local times
SELECT is(end_of('1 day', '2026-03-07 12:00 America/New_York', 'America/New_York', 'America/New_York'), '2026-03-08 12:00', 'a day over the missing hour is 23 hours');
SELECT is(end_of('24 hours', '2026-03-07 12:00 America/New_York', 'America/New_York', 'America/New_York'), '2026-03-08 13:00', '24 hours are 24 hours');
SELECT is(end_of('1 day', '2026-03-07 02:30 America/New_York', 'UTC', 'America/New_York'),
	to_char(('2026-03-08 02:30'::timestamp AT TIME ZONE 'America/New_York') AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'), 'a local time that is missing, as AT TIME ZONE resolves it');
SELECT is(end_of('1 day', '2026-10-31 01:30 America/New_York', 'UTC', 'America/New_York'),
	to_char(('2026-11-01 01:30'::timestamp AT TIME ZONE 'America/New_York') AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'), 'one that comes twice, likewise');

-- the session's zone does not matter
SET LOCAL TimeZone = 'Pacific/Kiritimati';
SELECT is(end_of('to end of month', '2026-01-31 12:00 Europe/Warsaw', 'Europe/Warsaw'), '2026-02-01 00:00', 'whatever the session''s TimeZone');

-- spans of caps are the program's, whatever the member's or the session's zone
UPDATE rewards.rule SET expires = NULL, max_per_member = 100, cap_period = 'day';
INSERT INTO rewards.member (member_id, joined_at, time_zone) VALUES (2000, '1970-01-01', 'America/Los_Angeles');
INSERT INTO shop.orders VALUES (2000, 2000, 100, '2026-01-05 22:30Z'), (2001, 2000, 100, '2026-01-05 23:30Z'), (2002, 2000, 100, '2026-01-06 22:59Z');
SELECT is(ARRAY[earned(2000), earned(2001), earned(2002)], '{100,100,0}'::numeric[], 'midnight in Warsaw is at 23:00 UTC');
SET LOCAL TimeZone = 'UTC';
UPDATE rewards.rule SET max_per_member = NULL, cap_period = NULL;

-- occurred_at of type timestamp or date is read in the program's zone
CREATE TABLE shop.rentals (rental_id bigint PRIMARY KEY, member_id bigint, price numeric, local_time timestamp);
CREATE TABLE shop.stays (stay_id bigint PRIMARY KEY, member_id bigint, price numeric, day date);
SELECT run($$SELECT rewards.attach('shop.rentals', name => 'rentals', member => 'member_id', amount => 'price', occurred_at => 'local_time')$$);
SELECT run($$SELECT rewards.attach('shop.stays', name => 'stays', member => 'member_id', amount => 'price', occurred_at => 'day')$$);
UPDATE rewards.rule SET enabled = false;
INSERT INTO rewards.rule (name, source, earn) VALUES ('rental', 'rentals', '1 per 1'), ('stay', 'stays', '1 per 1');
SET LOCAL TimeZone = 'Asia/Tokyo';
INSERT INTO shop.rentals VALUES (1, 3000, 10, '2026-07-01 00:30');
INSERT INTO shop.stays VALUES (1, 3000, 10, '2026-07-01');
SET LOCAL TimeZone = 'UTC';
SELECT is((SELECT string_agg(format('%s %s', source, occurred_at), ', ' ORDER BY source) FROM rewards.statement(3000)),
	'rentals 2026-06-30 22:30:00+00, stays 2026-06-30 22:00:00+00', 'local times and days are those of the program''s zone');

-- expressions are evaluated in the program's zone
INSERT INTO rewards.rule (name, source, earn, condition) VALUES ('night', 'orders', '7', 'extract(hour FROM placed_at) < 6');
SET LOCAL TimeZone = 'Asia/Tokyo';
INSERT INTO shop.orders VALUES (4000, 4000, 1, '2026-07-01 00:30Z'), (4001, 4000, 1, '2026-07-01 12:30Z'), (4002, 4000, 1, '2026-07-01 23:30Z');
SET LOCAL TimeZone = 'UTC';
SELECT is(ARRAY[earned(4000), earned(4001), earned(4002)], '{7,0,7}'::numeric[], '00:30 and 23:30 UTC are night in Warsaw, whatever the session''s zone');

-- a zone that does not exist
SELECT matches(sqlstate_of($$UPDATE rewards.member SET time_zone = 'Mars/Phobos' WHERE member_id = 1000$$), '^2[23]', 'a member''s zone must exist');
SELECT matches(sqlstate_of($$UPDATE rewards.program SET time_zone = 'Mars/Phobos'$$), '^2[23]', 'the program''s too');

\ir include/finish.sql
