-- The same 69,659 purchases as a club of three tiers on a rolling twelve months
-- of spend: where all 23,570 customers stand on ten dates, by the engine and by
-- plain SQL, which goes from day to day.
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

-- ---------- the program ----------

SELECT loyalty.create_program('rewards', member_type => 'text', time_zone => 'America/New_York', currency => 'USD', test_clock => true) \g /dev/null
SELECT rewards.set_clock('1999-12-31') \g /dev/null
SELECT rewards.attach('shop.purchases', name => 'purchases', member => 'customer_id', amount => 'dollar_value', occurred_at => 'purchase_date') \g /dev/null
INSERT INTO rewards.unit (name, expires, decimals, spendable) VALUES ('spend', '12 months', 2, false);
INSERT INTO rewards.rule (name, unit, earn) VALUES ('spend', 'spend', '1 per 1');
-- as long as the balance lasts, and for a year each
INSERT INTO rewards.tier_group (name, unit, keep) VALUES ('level', 'spend', 'immediately'), ('club', 'spend', '12 months');
INSERT INTO rewards.tier (name, tier_group, rank, threshold) VALUES
	('1', 'level', 1, 50), ('2', 'level', 2, 150), ('3', 'level', 3, 400),
	('Bronze', 'club', 1, 50), ('Silver', 'club', 2, 150), ('Gold', 'club', 3, 400);
CALL rewards.backfill('purchases');

-- ---------- what plain SQL says ----------

CREATE TABLE day AS SELECT d::date AS d FROM generate_series(date '1997-02-01', '1998-12-01', '74 days') d;
SELECT is(count(*), 10::bigint, 'ten dates') FROM day;

-- spend of a customer on a day
CREATE TABLE lot AS
SELECT customer_id, purchase_date AS d, (purchase_date + interval '12 months')::date AS until, sum(dollar_value) AS spent
FROM shop.purchases WHERE dollar_value > 0 GROUP BY 1, 2;
CREATE INDEX ON lot (customer_id);
ANALYZE lot;

CREATE FUNCTION qualified(spent numeric) RETURNS integer IMMUTABLE LANGUAGE sql
	RETURN CASE WHEN spent >= 400 THEN 3 WHEN spent >= 150 THEN 2 WHEN spent >= 50 THEN 1 ELSE 0 END;

CREATE TABLE level AS
SELECT c.customer_id, day.d, qualified(coalesce((SELECT sum(spent) FROM lot l WHERE l.customer_id = c.customer_id AND l.d <= day.d AND l.until > day.d), 0)) AS level
FROM (SELECT DISTINCT customer_id FROM lot) c CROSS JOIN day;

-- stays, instant by instant
CREATE TABLE stay (customer_id text, d date, club integer);
CREATE FUNCTION stays() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	who text;
	at date;
	lots lot[];
	before numeric;
	after numeric;
	judged numeric;
	club integer;
	next integer;
	counted date;
	until date;
BEGIN
	FOR who IN SELECT DISTINCT customer_id FROM lot LOOP
		lots := ARRAY(SELECT l FROM lot l WHERE customer_id = who);
		club := 0; until := NULL; before := 0; at := '1996-12-31';
		LOOP
			-- the next day on which anything begins or ends
			at := least((SELECT min(x) FROM unnest(lots) l, LATERAL (VALUES (l.d), (l.until)) v(x) WHERE x > at), until);
			EXIT WHEN at IS NULL;
			IF at = until THEN
				SELECT coalesce(sum(l.spent), 0) INTO judged FROM unnest(lots) l
				WHERE l.d < at AND l.until >= at AND NOT (l.until = at AND l.d <= counted);
				next := qualified(judged);
				club := next; counted := at;
				until := CASE WHEN club > 0 THEN at + interval '12 months' END;
				INSERT INTO stay VALUES (who, at, club);
			END IF;
			-- what ends, then what begins: a purchase is an event of its own
			SELECT coalesce(sum(l.spent), 0) INTO before FROM unnest(lots) l WHERE l.d < at AND l.until > at;
			SELECT coalesce(sum(l.spent), 0) INTO after FROM unnest(lots) l WHERE l.d <= at AND l.until > at;
			IF qualified(after) > qualified(before) AND qualified(after) >= club THEN
				IF club <> qualified(after) OR until IS NULL OR until < at + interval '12 months' THEN
					until := greatest(CASE WHEN club = qualified(after) THEN until END, (at + interval '12 months')::date);
				END IF;
				club := qualified(after); counted := at;
				INSERT INTO stay VALUES (who, at, club);
			END IF;
		END LOOP;
	END LOOP;
END
$$;
SELECT stays() \g /dev/null
CREATE INDEX ON stay (customer_id, d);

-- ---------- the same? ----------

CREATE TABLE engine AS
SELECT c.customer_id, day.d,
	coalesce(rewards.tier_at(c.customer_id, 'level', day.d::timestamp AT TIME ZONE 'America/New_York'), '0')::integer AS level,
	CASE rewards.tier_at(c.customer_id, 'club', day.d::timestamp AT TIME ZONE 'America/New_York') WHEN 'Bronze' THEN 1 WHEN 'Silver' THEN 2 WHEN 'Gold' THEN 3 ELSE 0 END AS club
FROM (SELECT DISTINCT customer_id FROM lot) c CROSS JOIN day;
SELECT is((SELECT count(*) FROM engine WHERE level > 0) > 10000 AND (SELECT count(*) FROM engine WHERE club = 3) > 1000, true, 'there are some in every tier');
SELECT is(count(*), 0::bigint, 'as long as the balance lasts') FROM engine JOIN level l USING (customer_id, d) WHERE engine.level <> l.level;
SELECT is(count(*), 0::bigint, 'stays of a year') FROM engine e
WHERE e.club <> coalesce((SELECT s.club FROM stay s WHERE s.customer_id = e.customer_id AND s.d <= e.d ORDER BY s.d DESC, s.ctid DESC LIMIT 1), 0);
SELECT * FROM finish();
