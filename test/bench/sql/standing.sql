/*
 * Members of two groups of tiers, with three purchases each in the last year.
 */
\ir clocked.sql
INSERT INTO rewards.unit (name, expires, spendable) VALUES ('status', '12 months', false);
INSERT INTO rewards.rule (name, source, unit, earn) VALUES
	('base', 'purchases', 'points', '1 per 1'),
	('status', 'purchases', 'status', '1 per 1');
\ir tiers.sql
INSERT INTO shop.purchase (customer_id, placed_at, amount)
SELECT i, timestamptz '2029-09-01 12:00 Europe/Warsaw' + k * interval '80 days' + i * interval '3 seconds', 10 + (i::bigint * 7919 + k * 104729) % 500
FROM generate_series(1, 3) k, generate_series(1, :members) i;
