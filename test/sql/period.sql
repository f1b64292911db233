--
-- period: from an instant, another instant
--
SET search_path = loyalty;
\set VERBOSITY sqlstate

-- text, good and bad
SELECT t AS input, t::period FROM unnest(ARRAY['never', ' Immediately ', '14 days', '12 months', '18 months',
	'24 months', '1 year', '1 year 2 months 3 days', '36 hours', '90 minutes', '1.5 seconds', '2 weeks', '1 quarter',
	'12 months to end of month', '1 year to end of year', 'TO END OF week', 'to end of day', 'to end of quarter',
	'6 months since last activity', '6 months to end of month since last activity']) t;
SELECT ''::period;
SELECT '0 days'::period;
SELECT '-1 day'::period;
SELECT '1'::period;
SELECT '1 fortnight'::period;
SELECT '1.5 days'::period;
SELECT '1 day 2 days'::period;
SELECT '1 day to'::period;
SELECT 'to end of ever'::period;
SELECT 'never since last activity'::period;
SELECT '1 day since last'::period;
SELECT '1 day, 2 hours'::period;
SELECT '2147483648 days'::period;
SELECT '178956971 years'::period;
SELECT '9999999999 hours'::period;
\set VERBOSITY default
SELECT 'one year'::period;
SELECT '99999999999 years'::period;
\set VERBOSITY sqlstate

-- text becomes a period on assignment, as drivers send it
CREATE TEMP TABLE assigned (p period);
INSERT INTO assigned VALUES ('never'), ('1 day'::text), ('2 days'::varchar);
SELECT p, p::text AS text FROM assigned ORDER BY 1;
DROP TABLE assigned;

-- order: by nominal length; 24 hours and 1 day are different, but nothing else comes between
SELECT p FROM unnest('{never,12 months,1 year to end of year,365 days,31 days,1 month,30 days,1 day,24 hours,to end of year,to end of day,immediately}'::period[]) p
	ORDER BY p;
SELECT a, b, a < b AS lt, a <= b AS le, a = b AS eq, a <> b AS ne, a >= b AS ge, a > b AS gt,
	period_cmp(a, b) AS cmp, (period_hash(a) = period_hash(b)) AS hash,
	(period_hash_extended(a, 7) = period_hash_extended(b, 7)) AS extended
FROM (VALUES (period '12 months', period '1 year'), ('24 hours', '1 day'), ('30 days', '1 month'),
	('12 months', '12 months since last activity'), ('never', '2147483647 months'), ('14 days', '2 weeks')) v(a, b);

-- Ends, independent of the session's zone and as text of UTC.
SET timezone = 'Asia/Tokyo';
CREATE FUNCTION pg_temp.ends(p period, anchor text, zone text) RETURNS text
	LANGUAGE sql AS $$ SELECT (loyalty.period_end(p, (anchor::timestamp AT TIME ZONE zone), zone) AT TIME ZONE zone)::text $$;
SET datestyle = 'ISO, YMD';
SELECT p, anchor, zone, pg_temp.ends(p, anchor, zone) FROM (VALUES
	(period '1 month', '2026-01-31', 'UTC'),
	('2 months', '2026-01-31', 'UTC'),
	('1 year', '2027-03-01', 'UTC'),
	('365 days', '2027-03-01', 'UTC'),
	('1 year', '2028-02-29', 'UTC'),
	('12 months to end of month', '1997-02-01', 'UTC'),
	('12 months to end of month', '2026-01-31 23:30', 'America/Los_Angeles'),
	('to end of week', '2026-01-18 12:00', 'UTC'),
	('to end of week', '2026-01-19', 'UTC'),
	('to end of day', '2026-01-19', 'UTC'),
	('to end of quarter', '2026-02-01', 'UTC'),
	('to end of year', '2026-02-01', 'Asia/Kathmandu'),
	('1 year to end of year', '2026-01-01', 'UTC'),
	('1 day', '2026-03-07 12:00', 'America/New_York'),
	('24 hours', '2026-03-07 12:00', 'America/New_York'),
	('1 day', '2026-03-07 02:30', 'America/New_York'),
	('1 day 1 hour', '2026-10-31 00:30', 'America/New_York'),
	('6 months since last activity', '2026-08-31', 'Europe/Warsaw'),
	('immediately', '2026-03-07 12:00', 'America/New_York'),
	('never', '2026-03-07 12:00', 'America/New_York'),
	('1 day', 'infinity', 'UTC'), ('1 day', '-infinity', 'UTC'),
	-- the day that Samoa skipped, a midnight that did not exist, one that came twice
	('1 day', '2011-12-29 12:00', 'Pacific/Apia'),
	('to end of day', '2011-12-29 12:00', 'Pacific/Apia'),
	('to end of day', '2018-11-03 12:00', 'America/Sao_Paulo'),
	('to end of day', '2018-02-17 12:00', 'America/Sao_Paulo'),
	('to end of day', '2017-11-04 12:00', 'America/Havana')
) v(p, anchor, zone);
SELECT period_end('12 months to end of month', '2026-01-31 23:30-08', 'America/Los_Angeles') AT TIME ZONE 'UTC';
SELECT period_end('1 day', '2026-10-31 05:30+00', 'America/New_York') AT TIME ZONE 'UTC';
-- of two midnights the second
SELECT period_end('to end of day', '2017-11-04 12:00-04', 'America/Havana') AT TIME ZONE 'UTC',
	period_end('to end of day', '2017-11-05 00:30-04', 'America/Havana') AT TIME ZONE 'UTC',
	period_end('to end of day', '2017-11-05 00:30-05', 'America/Havana') AT TIME ZONE 'UTC';
SELECT period_end('1 day', now(), 'Mars/Olympus');
SELECT period_end('1 day', now(), '');
SELECT period_end('2147483647 months', now(), 'UTC');
SELECT period_end('1 day', '294276-12-31 12:00+00', 'UTC');
SELECT period_end('to end of year', '294276-12-31 12:00+00', 'UTC');
\set VERBOSITY default
SELECT period_end('1 day', now(), 'Mars/Olympus');
\set VERBOSITY sqlstate

-- AT TIME ZONE adds calendar lengths just so: at every change of the clocks of
-- some hard years, and far outside of what is kept of a zone
CREATE TEMP TABLE zones AS SELECT name FROM pg_timezone_names WHERE name !~ '^posix';
CREATE TEMP TABLE changes AS
	SELECT name, day FROM zones,
		LATERAL (SELECT generate_series(first, first + interval '1 year', '1 day') AS day
			FROM unnest('{1947-01-01 00:00+00,2011-01-01 00:00+00,2026-01-01 00:00+00,2115-01-01 00:00+00}'::timestamptz[]) first) s
	WHERE (day AT TIME ZONE name) - ((day - interval '1 day') AT TIME ZONE name) <> interval '24 hours';
SELECT count(*) > 1000 AS enough FROM changes;
SELECT name, anchor, p, period_end(p::period, anchor, name) AT TIME ZONE 'UTC' AS got,
	(((anchor AT TIME ZONE name) + p::interval) AT TIME ZONE name) AT TIME ZONE 'UTC' AS expected
FROM changes, LATERAL generate_series(day - interval '50 hours', day + interval '26 hours', '29 minutes 59.75 seconds') anchor,
	(VALUES ('1 day'), ('1 month 1 day')) v(p)
WHERE period_end(p::period, anchor, name) <> ((anchor AT TIME ZONE name) + p::interval) AT TIME ZONE name
LIMIT 10;
-- nor is an end of day later than a day and the hours that clocks are put back
SELECT name, day FROM changes
WHERE NOT period_end('to end of day', day, name) BETWEEN day AND day + interval '49 hours'
LIMIT 10;
