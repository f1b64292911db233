-- 69,659 purchases of 23,570 people in 18 months, by day: what lapses when.
-- Points last 12 months to the end of a month; "late" points start after 30
-- days and last half a year from the purchase; "lively" points last 90 days
-- since the last activity.
\set ON_ERROR_STOP 1
SET client_min_messages = warning;
CREATE EXTENSION pgtap;
CREATE EXTENSION loyalty;
SET search_path = public;
SET TimeZone = 'UTC';

SELECT no_plan();

\set file 'gzip -dc ' :data '/cdnow.csv.gz'

CREATE SCHEMA shop;
CREATE TABLE shop.purchases (
	line_no			integer PRIMARY KEY,
	customer_id		text,
	purchase_date	date,
	number_of_cds	integer,
	dollar_value	numeric
);
COPY shop.purchases FROM PROGRAM :'file' (FORMAT csv, HEADER);
SELECT is((SELECT format('%s purchases, %s customers, %s CDs, %s dollars', count(*), count(DISTINCT customer_id), sum(number_of_cds), sum(dollar_value)) FROM shop.purchases),
	'69659 purchases, 23570 customers, 167881 CDs, 2500315.63 dollars', 'the file is the one we know');

-- ---------- what plain SQL says ----------

-- midnight of a day in the shop's zone
CREATE FUNCTION midnight(d timestamp) RETURNS timestamptz STABLE LANGUAGE sql RETURN d AT TIME ZONE 'America/New_York';

-- every purchase's lots
CREATE TABLE lot AS
SELECT customer_id, 'points' AS unit, floor(dollar_value) AS points, midnight(purchase_date) AS earned_at, midnight(purchase_date) AS active_from,
	midnight(date_trunc('month', purchase_date + interval '12 months') + interval '1 month') AS expires_at
FROM shop.purchases WHERE floor(dollar_value) > 0
UNION ALL
SELECT customer_id, 'late', 2 * div(dollar_value, 5), midnight(purchase_date), midnight(purchase_date + interval '30 days'), midnight(purchase_date + interval '6 months')
FROM shop.purchases WHERE div(dollar_value, 5) > 0;
SELECT is((SELECT expires_at FROM lot WHERE unit = 'points' AND earned_at = '1997-01-31 00:00 America/New_York' LIMIT 1), '1998-02-01 05:00Z', 'from 31 January to the end of next January');
SELECT is((SELECT expires_at FROM lot WHERE unit = 'points' AND earned_at = '1997-02-01 00:00 America/New_York' LIMIT 1), '1998-03-01 05:00Z', 'from 1 February to the end of next February');

-- "lively" points: a gap of 90 days or more between earning purchases loses all that came before.
CREATE TABLE lively AS
SELECT customer_id, d, points, midnight(d) AS earned_at,
	coalesce((SELECT min(midnight(gap + interval '90 days')) FROM unnest(days, next_days) AS g(gap, next_gap)
		WHERE gap >= d AND (next_gap IS NULL OR midnight(next_gap) >= midnight(gap + interval '90 days'))), 'infinity') AS expires_at
FROM (SELECT customer_id, purchase_date AS d, sum(number_of_cds) AS points FROM shop.purchases WHERE dollar_value > 0 AND number_of_cds > 0 GROUP BY 1, 2) p
	JOIN (SELECT customer_id, array_agg(day ORDER BY day) AS days, array_agg(next_day ORDER BY day) AS next_days
		  FROM (SELECT customer_id, purchase_date AS day, lead(purchase_date) OVER (PARTITION BY customer_id ORDER BY purchase_date) AS next_day
				FROM (SELECT DISTINCT customer_id, purchase_date FROM shop.purchases WHERE dollar_value > 0 AND number_of_cds > 0) x) y
		  GROUP BY 1) days USING (customer_id);
INSERT INTO lot SELECT customer_id, 'lively', points, earned_at, earned_at, expires_at FROM lively;
CREATE INDEX ON lot (customer_id);
ANALYZE lot;

-- ---------- the program ----------

SELECT loyalty.create_program('rewards', member_type => 'text', time_zone => 'America/New_York', currency => 'USD', test_clock => true) \g /dev/null
SELECT rewards.set_clock('1998-07-01 09:00 America/New_York') \g /dev/null
UPDATE rewards.unit SET expires = '12 months to end of month', value = 0.02 WHERE name = 'points';
INSERT INTO rewards.unit (name, activates, expires) VALUES ('late', '30 days', '6 months');
INSERT INTO rewards.unit (name, expires) VALUES ('lively', '90 days since last activity');
SELECT rewards.attach('shop.purchases', name => 'purchases', member => 'customer_id', amount => 'dollar_value', occurred_at => 'purchase_date') \g /dev/null
INSERT INTO rewards.rule (name, source, unit, earn, amount) VALUES
	('a point a dollar', 'purchases', 'points', '1 per 1', NULL),
	('two for five', 'purchases', 'late', '2 per full 5', NULL),
	('one a CD', 'purchases', 'lively', '1 per 1', 'number_of_cds');
CALL rewards.backfill('purchases');

-- ---------- balances at many instants ----------

CREATE TABLE instant (at timestamptz PRIMARY KEY);
INSERT INTO instant VALUES
	('1997-01-01 04:59:59.999999Z'), ('1997-01-01 05:00Z'),					-- the first midnight in New York
	('1997-04-06 12:00Z'), ('1997-09-30 12:00Z'), ('1998-01-15 12:00Z'),
	('1998-02-01 04:59:59.999999Z'), ('1998-02-01 05:00Z'),					-- the first points lapse
	('1998-04-05 12:00Z'), ('1998-07-01 13:00Z'),							-- now
	('1998-07-20 12:00Z'), ('1998-08-01 03:59:59.999999Z'), ('1998-08-01 04:00Z'), ('1999-03-01 05:00Z'), ('2001-01-01 00:00Z');

CREATE FUNCTION wrong_balances(for_unit text) RETURNS TABLE (member text, at timestamptz, expected numeric, came numeric) LANGUAGE sql AS $$
	SELECT * FROM (
		SELECT c.customer_id, i.at,
			coalesce((SELECT sum(points) FROM lot l WHERE l.customer_id = c.customer_id AND l.unit = for_unit AND l.active_from <= i.at AND i.at < l.expires_at), 0) AS expected,
			rewards.balance(c.customer_id, for_unit, at => i.at) AS came
		FROM (SELECT DISTINCT customer_id FROM lot WHERE customer_id LIKE '%7') c, instant i) x
	WHERE expected IS DISTINCT FROM came
	ORDER BY 2, 1 LIMIT 20
$$;
SELECT is_empty($$SELECT * FROM wrong_balances('points')$$, 'points of one in ten at fourteen instants');
SELECT is_empty($$SELECT * FROM wrong_balances('late')$$, 'late points of one in ten at fourteen instants');
SELECT is_empty($$SELECT * FROM wrong_balances('lively')$$, 'lively points of one in ten at fourteen instants');

-- what the views say of now
CREATE FUNCTION wrong_views() RETURNS TABLE (member text, unit text, expected text, came text) LANGUAGE sql AS $$
	SELECT * FROM (
		SELECT customer_id, unit, format('available %s, pending %s, earned %s, expired %s',
			sum(points) FILTER (WHERE active_from <= now AND now < expires_at), sum(points) FILTER (WHERE active_from > now),
			sum(points), sum(points) FILTER (WHERE expires_at <= now)) AS expected
		FROM lot, (SELECT timestamptz '1998-07-01 13:00Z' AS now) n GROUP BY 1, 2) e
	FULL JOIN (
		SELECT member_id AS customer_id, b.unit, format('available %s, pending %s, earned %s, expired %s',
			nullif(trim_scale(available), 0), nullif(trim_scale(pending), 0), trim_scale(earned), nullif(trim_scale(expired), 0)) AS came
		FROM rewards.balances b WHERE earned <> 0) c USING (customer_id, unit)
	WHERE expected IS DISTINCT FROM came
	ORDER BY 1, 2 LIMIT 20
$$;
SELECT is_empty('SELECT * FROM wrong_views()', 'the view balances');
SELECT is_empty($$
	SELECT * FROM (SELECT customer_id AS member_id, expires_at, sum(points) AS expected FROM lot
			WHERE unit = 'points' AND expires_at > '1998-07-01 13:00Z' GROUP BY 1, 2) e
		FULL JOIN (SELECT member_id, expires_at, sum(points) AS came FROM rewards.expiring WHERE unit = 'points' GROUP BY 1, 2) c USING (member_id, expires_at)
	WHERE expected IS DISTINCT FROM came LIMIT 20$$, 'the view expiring');
SELECT is((SELECT trim_scale(points) || ' worth ' || trim_scale(value) FROM rewards.liability WHERE unit = 'points'),
	(SELECT sum(points) || ' worth ' || trim_scale(sum(points) * 0.02) FROM lot WHERE unit = 'points' AND expires_at > '1998-07-01 13:00Z'), 'the liability');

-- ---------- time goes on ----------

SELECT is_empty('SELECT * FROM rewards.verify() LIMIT 20', 'verify() finds nothing');
SELECT rewards.set_clock('1999-01-15 09:00 America/New_York') \g /dev/null
SELECT rewards.book_due() \g /dev/null
SELECT is_empty('SELECT * FROM rewards.verify() LIMIT 20', 'verify() finds nothing half a year later');
SELECT is_empty($$SELECT * FROM wrong_balances('points')$$, 'booking what is due changes nobody''s points at any instant');
SELECT is_empty($$SELECT * FROM wrong_balances('lively')$$, 'nor their lively points');
SELECT is((SELECT sum(-points) FROM rewards.history WHERE unit = 'points' AND kind = 'expire'),
	(SELECT sum(points) FROM lot WHERE unit = 'points' AND expires_at <= '1999-01-15 14:00Z'), 'all that lapsed is booked');
SELECT is_empty($$
	SELECT * FROM (SELECT expires_at AS occurred_at, sum(points) AS expected FROM lot WHERE unit = 'points' AND expires_at <= '1999-01-15 14:00Z' GROUP BY 1) e
		FULL JOIN (SELECT occurred_at, sum(-points) AS came FROM rewards.history WHERE unit = 'points' AND kind = 'expire' GROUP BY 1) c USING (occurred_at)
	WHERE expected IS DISTINCT FROM came LIMIT 20$$, 'dated at the instant when it lapsed');

SELECT finish();
