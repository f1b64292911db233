-- 75,000 receipt lines of a grocer in New York's zone, 2017, with the
-- products' departments.  An event is a basket.  Fuel earns nothing, produce
-- counts triple, the grocer's own brands half as much again; visits count up
-- to five points a day; weekends and the clock changes of 12 March and 5
-- November are New York's.
\set ON_ERROR_STOP 1
SET client_min_messages = warning;
CREATE EXTENSION pgtap;
CREATE EXTENSION loyalty;
SET search_path = public;
SET TimeZone = 'Asia/Tokyo';		-- whoever asks is elsewhere

SELECT no_plan();

\set lines_file 'gzip -dc ' :data '/complete_journey_transactions_sample.csv.gz'
\set products_file 'gzip -dc ' :data '/complete_journey_products.csv.gz'

CREATE SCHEMA shop;
CREATE TABLE shop.products (product_id numeric PRIMARY KEY, manufacturer_id integer, department text, brand text, product_category text, product_type text, package_size text);
COPY shop.products FROM PROGRAM :'products_file' (FORMAT csv, HEADER);
ALTER TABLE shop.products ALTER product_id TYPE integer;
CREATE TABLE shop.lines (
	line_no			integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	household_id	integer,
	store_id		integer,
	basket_id		numeric,
	product_id		numeric,
	quantity		integer,
	sales_value		numeric,
	retail_disc		numeric,
	coupon_disc		numeric,
	coupon_match_disc numeric,
	week			integer,
	transaction_timestamp timestamptz
);
\set columns 'household_id, store_id, basket_id, product_id, quantity, sales_value, retail_disc, coupon_disc, coupon_match_disc, week, transaction_timestamp'
COPY shop.lines (:columns) FROM PROGRAM :'lines_file' (FORMAT csv, HEADER);
ALTER TABLE shop.lines ALTER basket_id TYPE bigint, ALTER product_id TYPE integer;		-- some are written as 4.0128e+10
CREATE INDEX ON shop.lines (basket_id);
ANALYZE shop.lines, shop.products;
SELECT is((SELECT format('%s lines, %s baskets, %s households, %s dollars', count(*), count(DISTINCT basket_id), count(DISTINCT household_id), sum(sales_value)) FROM shop.lines),
	'75000 lines, 47243 baskets, 2377 households, 233935.24 dollars', 'the file is the one we know');
SELECT is_empty('SELECT basket_id FROM shop.lines GROUP BY 1 HAVING count(DISTINCT (household_id, transaction_timestamp)) > 1', 'a basket has one household and one instant');

CREATE FUNCTION shop.department(product_id integer) RETURNS text STABLE LANGUAGE sql AS 'SELECT department FROM shop.products WHERE products.product_id = $1';
CREATE FUNCTION shop.brand(product_id integer) RETURNS text STABLE LANGUAGE sql AS 'SELECT brand FROM shop.products WHERE products.product_id = $1';

-- ---------- what plain SQL says ----------

CREATE TABLE basket AS
SELECT basket_id, household_id, transaction_timestamp AS at, transaction_timestamp AT TIME ZONE 'America/New_York' AS local,
	floor(coalesce(sum(sales_value) FILTER (WHERE department <> 'FUEL'), 0)
		+ 2 * coalesce(sum(sales_value) FILTER (WHERE department = 'PRODUCE'), 0)
		+ 0.5 * coalesce(sum(sales_value) FILTER (WHERE brand = 'Private' AND department <> 'FUEL'), 0)) AS points,
	div(sum(sales_value), 5) AS blocks
FROM shop.lines LEFT JOIN shop.products USING (product_id)
GROUP BY 1, 2, 3
HAVING sum(sales_value) > 0;
SELECT ok((SELECT count(*) > 10 FROM basket WHERE local::date <> (at AT TIME ZONE 'UTC')::date AND extract(isodow FROM local) IN (5, 7)), 'some baskets are on another weekday in Greenwich');

-- ---------- the program ----------

SELECT loyalty.create_program('rewards', member_type => 'integer', time_zone => 'America/New_York', currency => 'USD', test_clock => true) \g /dev/null
SELECT rewards.set_clock('2018-01-01 09:00 America/New_York') \g /dev/null
INSERT INTO rewards.unit (name, expires) VALUES ('stamps', '7 days'), ('tokens', '168 hours'), ('weekend', 'to end of month'), ('visits', 'never');
SELECT rewards.attach('shop.lines', name => 'baskets', event => 'basket_id', member => 'household_id', amount => 'sales_value', occurred_at => 'transaction_timestamp') \g /dev/null
INSERT INTO rewards.rule (name, source, unit, earn, condition, max_per_member, cap_period) VALUES
	('a point a dollar, not for fuel', 'baskets', 'points', '1 per 1', $$shop.department(product_id) <> 'FUEL'$$, NULL, NULL),
	('produce triple', 'baskets', 'points', 'x3', $$shop.department(product_id) = 'PRODUCE'$$, NULL, NULL),
	('own brands half more', 'baskets', 'points', 'x1.5', $$shop.brand(product_id) = 'Private'$$, NULL, NULL),
	('a stamp for five', 'baskets', 'stamps', '1 per full 5', NULL, NULL, NULL),
	('a token for five', 'baskets', 'tokens', '1 per full 5', NULL, NULL, NULL),
	('weekends', 'baskets', 'weekend', '10', 'extract(isodow FROM transaction_timestamp) IN (6, 7)', NULL, NULL),
	('visits', 'baskets', 'visits', '3', NULL, 5, 'day');
CALL rewards.backfill('baskets');

-- ---------- comparison ----------

SELECT is_empty($$
	SELECT * FROM (SELECT basket_id::text AS event_key, household_id AS member_id, points AS expected FROM basket WHERE points > 0) e
		FULL JOIN (SELECT event_key, member_id, sum(points) AS came FROM rewards.history WHERE unit = 'points' AND kind = 'earn' GROUP BY 1, 2) c USING (event_key, member_id)
	WHERE expected IS DISTINCT FROM came ORDER BY 1 LIMIT 20$$, 'points of every basket');
SELECT is((SELECT trim_scale(sum(available)) FROM rewards.balances WHERE unit = 'points'), (SELECT sum(points) FROM basket), 'points in all');
SELECT is_empty($$
	SELECT * FROM (SELECT household_id AS member_id, local::date AS day, least(5, 3 * count(*)) AS expected FROM basket GROUP BY 1, 2) e
		FULL JOIN (SELECT member_id, (occurred_at AT TIME ZONE 'America/New_York')::date AS day, sum(points) AS came FROM rewards.history WHERE unit = 'visits' GROUP BY 1, 2) c USING (member_id, day)
	WHERE expected IS DISTINCT FROM came ORDER BY 1, 2 LIMIT 20$$, 'visits: at most five a day, and the day is New York''s');
SELECT is_empty($$
	SELECT * FROM (SELECT household_id AS member_id, date_trunc('month', local) AS month, 10 * count(*) AS expected FROM basket WHERE extract(isodow FROM local) IN (6, 7) GROUP BY 1, 2) e
		FULL JOIN (SELECT member_id, date_trunc('month', occurred_at AT TIME ZONE 'America/New_York') AS month, sum(points) AS came
				   FROM rewards.history WHERE unit = 'weekend' AND kind = 'earn' GROUP BY 1, 2) c USING (member_id, month)
	WHERE expected IS DISTINCT FROM came ORDER BY 1, 2 LIMIT 20$$, 'weekends are New York''s');

-- seven days are not always 168 hours
CREATE TABLE lot AS
SELECT household_id, 'stamps' AS unit, blocks AS points, at AS active_from, (local + interval '7 days') AT TIME ZONE 'America/New_York' AS expires_at FROM basket WHERE blocks > 0
UNION ALL
SELECT household_id, 'tokens', blocks, at, at + interval '168 hours' FROM basket WHERE blocks > 0
UNION ALL
SELECT household_id, 'weekend', 10, at, (date_trunc('month', local) + interval '1 month') AT TIME ZONE 'America/New_York' FROM basket WHERE extract(isodow FROM local) IN (6, 7);
CREATE INDEX ON lot (household_id);
SELECT is((SELECT count(DISTINCT s.expires_at - t.expires_at) FROM lot s JOIN lot t USING (household_id, active_from) WHERE s.unit = 'stamps' AND t.unit = 'tokens'),
	3::bigint, 'a week was an hour shorter in March and an hour longer in November');

CREATE TABLE instant (at timestamptz PRIMARY KEY);
INSERT INTO instant
VALUES ('2017-01-31 23:59:59 America/New_York'), ('2017-02-01 00:00 America/New_York'), ('2017-03-11 12:00 America/New_York'), ('2017-11-05 05:59:59Z'), ('2017-11-05 06:00Z'), ('2017-12-31 12:00 America/New_York');
-- the very instants at which something lapses around the clock changes, and just before
INSERT INTO instant SELECT DISTINCT at FROM (
	SELECT unnest(ARRAY[expires_at, expires_at - interval '1 microsecond']) AS at
	FROM (SELECT expires_at FROM lot WHERE unit = 'stamps' AND (active_from BETWEEN '2017-03-11 12:00Z' AND '2017-03-12 18:00Z' OR active_from BETWEEN '2017-11-04 12:00Z' AND '2017-11-05 18:00Z') ORDER BY hashint8(extract(epoch FROM expires_at)::bigint) LIMIT 8) x) y
ON CONFLICT DO NOTHING;
SELECT is_empty($$
	SELECT * FROM (
		SELECT h.household_id, u.unit, i.at,
			coalesce((SELECT sum(points) FROM lot l WHERE l.household_id = h.household_id AND l.unit = u.unit AND l.active_from <= i.at AND i.at < l.expires_at), 0) AS expected,
			rewards.balance(h.household_id, u.unit, at => i.at) AS came
		FROM (SELECT DISTINCT household_id FROM lot) h, (VALUES ('stamps'), ('tokens'), ('weekend')) AS u(unit), instant i) x
	WHERE expected IS DISTINCT FROM came ORDER BY 3, 2, 1 LIMIT 20$$, 'balances of every household around the clock changes');

SELECT is_empty('SELECT * FROM rewards.failed_event LIMIT 20', 'nothing failed');
SELECT is_empty('SELECT * FROM rewards.verify() LIMIT 20', 'verify() finds nothing');
SELECT is_empty($$SELECT * FROM rewards.reconcile('baskets') LIMIT 20$$, 'reconcile() finds nothing');

-- ---------- the same, arriving late and in disorder ----------

SELECT loyalty.create_program('disorder', member_type => 'integer', time_zone => 'America/New_York', currency => 'USD', test_clock => true) \g /dev/null
SELECT disorder.set_clock('2018-01-01 09:00 America/New_York') \g /dev/null
INSERT INTO disorder.unit (name) VALUES ('visits');
CREATE TABLE shop.late_lines (LIKE shop.lines INCLUDING ALL);
SELECT disorder.attach('shop.late_lines', name => 'baskets', event => 'basket_id', member => 'household_id', amount => 'sales_value', occurred_at => 'transaction_timestamp') \g /dev/null
INSERT INTO disorder.rule (name, source, unit, earn, condition, max_per_member, cap_period)
SELECT name, source, unit, earn, condition, max_per_member, cap_period FROM rewards.rule WHERE unit IN ('points', 'visits');
INSERT INTO shop.late_lines OVERRIDING SYSTEM VALUE SELECT * FROM shop.lines WHERE line_no % 3 = 2 ORDER BY line_no DESC;
INSERT INTO shop.late_lines OVERRIDING SYSTEM VALUE SELECT * FROM shop.lines WHERE line_no % 3 <> 2 ORDER BY hashint4(line_no);
SELECT is_empty($$
	SELECT * FROM (SELECT basket_id::text AS event_key, household_id AS member_id, points AS expected FROM basket WHERE points > 0) e
		FULL JOIN (SELECT event_key, member_id, sum(points) AS came FROM disorder.history WHERE unit = 'points' GROUP BY 1, 2) c USING (event_key, member_id)
	WHERE expected IS DISTINCT FROM came ORDER BY 1 LIMIT 20$$, 'in disorder: points of every basket');
SELECT is_empty($$
	SELECT * FROM (SELECT household_id AS member_id, local::date AS day, least(5, 3 * count(*)) AS expected FROM basket GROUP BY 1, 2) e
		FULL JOIN (SELECT h.member_id, local::date AS day, sum(h.points) AS came FROM disorder.history h JOIN basket ON basket_id = event_key::bigint WHERE unit = 'visits' GROUP BY 1, 2) c USING (member_id, day)
	WHERE expected IS DISTINCT FROM came ORDER BY 1, 2 LIMIT 20$$, 'in disorder: visits of every day');
SELECT is_empty('SELECT * FROM disorder.verify() LIMIT 20', 'in disorder: verify() finds nothing');

SELECT finish();
