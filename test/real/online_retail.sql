-- A mail-order shop's 541,909 invoice lines of a year, and the cancellations
-- that undo some of them.  An event is an invoice; a refund names a line.
--
-- Three programs get the same rows in three ways: "history" finds them all in
-- its tables and backfills, "copied" is attached first and receives two COPY
-- commands, "monthly" lives through it month by month, cancellations included.
\set ON_ERROR_STOP 1
SET client_min_messages = warning;
CREATE EXTENSION pgtap;
CREATE EXTENSION loyalty;
SET client_min_messages = notice;
SET search_path = public;

SELECT no_plan();

\set lines_file 'gzip -dc ' :data '/online_retail.csv.gz'
\set links_file 'gzip -dc ' :data '/online_retail_refund_links.csv.gz'
\set refunds_file :work '/refunds.copy'

-- ---------- the data, and what plain SQL says of it ----------

CREATE SCHEMA shop;
CREATE TABLE shop.lines (
	line_no			integer PRIMARY KEY,
	invoice_no		text,
	stock_code		text,
	description		text,
	quantity		integer,
	invoice_date	timestamp,
	unit_price		numeric,
	customer_id		integer,
	country			text
);
COPY shop.lines FROM PROGRAM :'lines_file' (FORMAT csv, HEADER);
CREATE TABLE shop.links (cancel_line_no integer, purchase_line_no integer, quantity integer, match text);
COPY shop.links FROM PROGRAM :'links_file' (FORMAT csv, HEADER);

-- what a shop would have noted: so much of that line came back, then
CREATE TABLE shop.refunds (
	refund_no		integer PRIMARY KEY,
	invoice_no		text,
	amount			numeric,
	refunded_at		timestamp
);
INSERT INTO shop.refunds
SELECT row_number() OVER (ORDER BY c.invoice_date, cancel_line_no, purchase_line_no), p.invoice_no, l.quantity * p.unit_price, c.invoice_date
FROM shop.links l JOIN shop.lines p ON p.line_no = l.purchase_line_no JOIN shop.lines c ON c.line_no = l.cancel_line_no;
CREATE INDEX ON shop.lines (invoice_no);
CREATE INDEX ON shop.refunds (invoice_no);
ANALYZE shop.lines, shop.refunds;

SELECT is((SELECT format('%s lines, %s invoices, %s customers, %s', count(*), count(DISTINCT invoice_no), count(DISTINCT customer_id), sum(quantity * unit_price)) FROM shop.lines),
	'541909 lines, 25900 invoices, 4372 customers, 9747747.934', 'the file is the one we know');
SELECT is((SELECT count(*) || ' refunds of ' || sum(amount) FROM shop.refunds), '7731 refunds of 478498.11', 'and so are the refunds');

-- Entitlement of each invoice: a point a pound and 5 % of merchandise, less
-- what came back, and 10 for the invoice: rounded down once.  "exact" keeps
-- fractions.  A merchandise amount shrinks as its invoice does.
CREATE FUNCTION shop.is_merchandise(stock_code text) RETURNS boolean IMMUTABLE LANGUAGE sql
RETURN stock_code NOT IN ('POST', 'DOT', 'C2', 'M', 'm', 'D', 'S', 'B', 'BANK CHARGES', 'AMAZONFEE', 'CRUK', 'PADS');

CREATE FUNCTION expected(lines regclass, refunds regclass) RETURNS TABLE (invoice_no text, customer_id integer, points numeric, exact numeric)
LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format($sql$
		SELECT i.invoice_no, i.customer_id,
			CASE WHEN net > 0 THEN div(net * 100 * gross + merchandise * net * 5 + 1000 * gross, gross * 100) ELSE 0 END,
			CASE WHEN net > 0 THEN net ELSE 0 END
		FROM (SELECT invoice_no, customer_id, sum(quantity * unit_price) AS gross,
				greatest(coalesce(sum(quantity * unit_price) FILTER (WHERE shop.is_merchandise(stock_code)), 0), 0) AS merchandise
			  FROM %s WHERE customer_id IS NOT NULL GROUP BY 1, 2) i
			LEFT JOIN (SELECT invoice_no, sum(amount) AS back FROM %s GROUP BY 1) r USING (invoice_no),
			LATERAL (SELECT gross - coalesce(back, 0) AS net) n
		$sql$, lines, refunds);
END $$;
CREATE TABLE expected AS SELECT * FROM expected('shop.lines', 'shop.refunds');

-- ---------- the programs ----------

CREATE PROCEDURE make_program(program text, lines text, refunds text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM loyalty.create_program(program, member_type => 'integer', time_zone => 'Europe/London', currency => 'GBP', test_clock => true);
	EXECUTE format($sql$
		SELECT %1$I.set_clock('2011-12-31 12:00 Europe/London');
		INSERT INTO %1$I.unit (name, rounding) VALUES ('exact', 'carry');
		SELECT %1$I.attach(%2$L, name => 'lines', event => 'invoice_no', member => 'customer_id', amount => 'quantity * unit_price', occurred_at => 'invoice_date');
		SELECT %1$I.attach(%3$L, name => 'refunds', reduces => 'lines', reduces_key => 'invoice_no', amount => 'amount');
		INSERT INTO %1$I.rule (name, source, unit, earn, condition) VALUES
			('a point a pound', 'lines', 'points', '1 per 1', NULL),
			('merchandise', 'lines', 'points', '5%%', 'shop.is_merchandise(stock_code)'),
			('an invoice', 'lines', 'points', '10', NULL),
			('exactly', 'lines', 'exact', '1 per 1', NULL);
		$sql$, program, lines, refunds);
END $$;

CREATE FUNCTION posted(program text) RETURNS TABLE (invoice_no text, customer_id integer, points numeric, exact numeric)
LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format($sql$
		SELECT event_key, member_id, coalesce(sum(h.points) FILTER (WHERE unit = 'points'), 0), coalesce(sum(h.points) FILTER (WHERE unit = 'exact'), 0)
		FROM %I.history h WHERE event_key IS NOT NULL GROUP BY 1, 2
		$sql$, program);
END $$;

-- what is wrong with a program: by invoice, by customer, in its own eyes
CREATE FUNCTION sound(program text, expected text DEFAULT 'expected') RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	RETURN NEXT is_empty(format($sql$
		SELECT * FROM (SELECT * FROM %2$I WHERE points <> 0 OR exact <> 0) e
			FULL JOIN (SELECT * FROM posted(%1$L) p WHERE points <> 0 OR exact <> 0) p USING (invoice_no)
		WHERE (e.customer_id, e.points, e.exact) IS DISTINCT FROM (p.customer_id, p.points, p.exact)
		ORDER BY invoice_no LIMIT 20 $sql$, program, expected),
		program || ': every invoice has posted what it is entitled to');
	RETURN NEXT is_empty(format($sql$
		SELECT * FROM (SELECT customer_id AS member_id, sum(points) AS points, sum(exact) AS exact FROM %2$I GROUP BY 1) e
			LEFT JOIN (SELECT member_id, sum(available_exact - debt) FILTER (WHERE unit = 'points') AS points,
				sum(available_exact - debt) FILTER (WHERE unit = 'exact') AS exact FROM %1$I.balances GROUP BY 1) b USING (member_id)
		WHERE (e.points, e.exact) IS DISTINCT FROM (coalesce(b.points, 0), coalesce(b.exact, 0))
		ORDER BY member_id LIMIT 20 $sql$, program, expected),
		program || ': every customer''s balance');
	RETURN NEXT is_empty(format('SELECT * FROM %I.failed_event LIMIT 20', program), program || ': nothing failed');
	RETURN NEXT is_empty(format('SELECT * FROM %I.verify() LIMIT 20', program), program || ': verify() finds nothing');
	RETURN NEXT is_empty(format($sql$SELECT * FROM %I.reconcile('lines') LIMIT 20$sql$, program), program || ': reconcile() finds nothing');
END $$;

-- ---------- the history, backfilled ----------

CALL make_program('history', 'shop.lines', 'shop.refunds');
CALL history.backfill('lines');
SELECT sound('history');
SELECT is((SELECT count(*) || ' ' || sum(points) || ' ' || sum(exact) FROM posted('history') WHERE points <> 0 OR exact <> 0),
	(SELECT count(*) || ' ' || sum(points) || ' ' || sum(exact) FROM expected WHERE points <> 0 OR exact <> 0), 'history: in all');
SELECT is((SELECT purchases FROM history.account WHERE member_id = 12346), 0::bigint, 'the 74,215 jars were a purchase that no longer counts');

-- ---------- COPY into attached tables ----------

CREATE SCHEMA copied_shop;
CREATE TABLE copied_shop.lines (LIKE shop.lines INCLUDING ALL);
CREATE TABLE copied_shop.refunds (LIKE shop.refunds INCLUDING ALL);
CALL make_program('copied', 'copied_shop.lines', 'copied_shop.refunds');
COPY copied_shop.lines FROM PROGRAM :'lines_file' (FORMAT csv, HEADER);
COPY (SELECT * FROM shop.refunds) TO :'refunds_file';
COPY copied_shop.refunds FROM :'refunds_file';
SELECT sound('copied');

-- ---------- month by month ----------

CREATE SCHEMA monthly_shop;
CREATE TABLE monthly_shop.lines (LIKE shop.lines INCLUDING ALL);
CREATE TABLE monthly_shop.refunds (LIKE shop.refunds INCLUDING ALL);
CALL make_program('monthly', 'monthly_shop.lines', 'monthly_shop.refunds');
DO $$
DECLARE
	m timestamp;
BEGIN
	FOR m IN SELECT generate_series(timestamp '2010-12-01', '2011-12-01', '1 month') LOOP
		-- the second half of every invoice's lines arrives in a statement of its own
		INSERT INTO monthly_shop.lines SELECT * FROM shop.lines WHERE invoice_date >= m AND invoice_date < m + interval '1 month' AND line_no % 2 = 0;
		INSERT INTO monthly_shop.lines SELECT * FROM shop.lines WHERE invoice_date >= m AND invoice_date < m + interval '1 month' AND line_no % 2 = 1;
		INSERT INTO monthly_shop.refunds SELECT * FROM shop.refunds WHERE refunded_at >= m AND refunded_at < m + interval '1 month';
	END LOOP;
END $$;
SELECT sound('monthly');

-- then corrections: lines change, go, move to another customer; refunds are taken back
UPDATE monthly_shop.lines SET quantity = quantity / 2 WHERE invoice_date >= '2011-03-01' AND invoice_date < '2011-04-01';
DELETE FROM monthly_shop.lines WHERE stock_code = '85123A';
UPDATE monthly_shop.lines SET customer_id = 18287 WHERE customer_id = 18283;
DELETE FROM monthly_shop.refunds WHERE refund_no % 3 = 0;
UPDATE monthly_shop.refunds SET amount = amount / 2 WHERE refund_no % 3 = 1;
CREATE TABLE expected_corrected AS SELECT * FROM expected('monthly_shop.lines', 'monthly_shop.refunds');
SELECT isnt((SELECT sum(points) FROM expected_corrected), (SELECT sum(points) FROM expected), 'the corrections matter');
SELECT sound('monthly', 'expected_corrected');

SELECT finish();
