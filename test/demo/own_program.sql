-- A loyalty program for sales of one's own: returns found, tables attached.
CREATE INDEX ON file.sales (customer_id, item, sold_at) WHERE amount > 0;
ANALYZE file.sales;

-- Files like these say that something came back, not which order it was of:
-- it is set against the customer's latest earlier lines of the same item.
DO $$
DECLARE
	back record;
	line record;
	part numeric;
BEGIN
	CREATE TEMPORARY TABLE taken_back (line bigint PRIMARY KEY, amount numeric NOT NULL);
	FOR back IN SELECT * FROM file.sales s WHERE s.amount < 0 AND s.customer_id IS NOT NULL ORDER BY s.sold_at, s.line LOOP
		FOR line IN
			SELECT s.line, s.order_id, s.amount - coalesce(t.amount, 0) AS rest
			FROM file.sales s LEFT JOIN taken_back t USING (line)
			WHERE s.customer_id = back.customer_id AND s.item IS NOT DISTINCT FROM back.item AND s.amount > 0 AND s.sold_at <= back.sold_at
				AND s.amount > coalesce(t.amount, 0)
			ORDER BY s.sold_at DESC, s.line DESC
		LOOP
			part := least(-back.amount, line.rest);
			INSERT INTO taken_back AS t VALUES (line.line, part) ON CONFLICT ON CONSTRAINT taken_back_pkey DO UPDATE SET amount = t.amount + EXCLUDED.amount;
			INSERT INTO file.refunds (order_id, amount, refunded_at) VALUES (line.order_id, part, back.sold_at);
			back.amount := back.amount + part;
			EXIT WHEN back.amount = 0;
		END LOOP;
	END LOOP;
	DROP TABLE taken_back;
END $$;
SELECT format('  %s lines, %s orders, %s customers, %s to %s, %s in all',
	to_char(count(*), 'FM999,999,999'), to_char(count(DISTINCT order_id), 'FM999,999,999'), to_char(count(DISTINCT customer_id), 'FM999,999,999'),
	min(sold_at)::date, max(sold_at)::date, to_char(sum(amount), 'FM999,999,999,990.00'))
FROM file.sales;
SELECT format('  %s lines have no customer and earn nothing', to_char(count(*), 'FM999,999,999')) FROM file.sales WHERE customer_id IS NULL HAVING count(*) > 0;
SELECT format('  %s lines with a negative amount are returns, %s of %s found a purchase they undo',
	to_char(count(*), 'FM999,999,999'), to_char((SELECT sum(amount) FROM file.refunds), 'FM999,999,999,990.00'), to_char(-sum(amount), 'FM999,999,999,990.00'))
FROM file.sales WHERE amount < 0 AND customer_id IS NOT NULL HAVING count(*) > 0;
SELECT format('  %s lines of the file have no time or no amount and are left out', to_char(f - s, 'FM999,999,999'))
FROM (SELECT count(*) FROM file.raw) AS f(f), (SELECT count(*) FROM file.sales) AS s(s) WHERE f > s;

\o /dev/null
SELECT loyalty.create_program('rewards', member_type => 'text', time_zone => :'zone', currency => :'currency', test_clock => true);

UPDATE rewards.unit SET expires = '12 months to end of month', value = 0.01 WHERE name = 'points';
INSERT INTO rewards.unit (name, expires, spendable) VALUES ('status', '12 months', false);

SELECT rewards.attach('shop.sales', name => 'sales', event => 'order_id', member => 'customer_id', amount => 'amount', occurred_at => 'sold_at');
SELECT rewards.attach('shop.refunds', name => 'refunds', reduces => 'sales', reduces_key => 'order_id', amount => 'amount');

INSERT INTO rewards.rule (name, source, unit, earn, condition) VALUES
	('a point for each 1.00', 'sales', 'points', '1 per 1', NULL),
	('welcome', 'sales', 'points', '100', 'member.purchases = 0'),
	('status', 'sales', 'status', '1 per full 10', NULL);

-- A club of three tiers by the status points of twelve months, kept for twelve months.  Thresholds are what 60, 85 and
-- 97 in a hundred of the customers of the file's last twelve months stay below.
INSERT INTO rewards.tier_group (name, unit, keep) VALUES ('club', 'status', '12 months');
INSERT INTO rewards.tier (name, tier_group, rank, threshold)
SELECT t.name, 'club', t.rank, greatest(q[t.rank], 1) + t.rank - 1
FROM (
	SELECT percentile_disc(ARRAY[0.6, 0.85, 0.97]) WITHIN GROUP (ORDER BY points) AS q
	FROM (
		SELECT sum(points) AS points
		FROM (
			SELECT customer_id, floor(sum(amount) / 10) AS points
			FROM file.sales
			WHERE amount > 0 AND customer_id IS NOT NULL AND sold_at > (SELECT max(sold_at) - interval '12 months' FROM file.sales)
			GROUP BY customer_id, order_id
		) AS o
		GROUP BY customer_id
	) AS c
) AS p, (VALUES ('Bronze', 1), ('Silver', 2), ('Gold', 3)) AS t (name, rank);
\o
SELECT rpad('  ' || name, 36) || 'from ' || threshold || ' status in 12 months' FROM rewards.tier ORDER BY rank;

CREATE SCHEMA demo;
CREATE VIEW demo.people AS SELECT member_id, member_id AS name FROM rewards.member;
