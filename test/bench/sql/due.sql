/*
 * Members with one purchase each, of which :few end within the hour after
 * 2030-06-15 13:00, :many within the hour after 14:00, all others months later.
 */
\ir clocked.sql
UPDATE rewards.unit SET expires = '12 months' WHERE name = 'points';
INSERT INTO rewards.rule (name, source, earn) VALUES ('base', 'purchases', '1 per 1');
INSERT INTO shop.purchase (customer_id, placed_at, amount)
SELECT i, CASE
		WHEN i % (:members / :few) = 1 THEN timestamptz '2029-06-15 13:00 Europe/Warsaw'
		WHEN i % (:members / :many) = 0 THEN timestamptz '2029-06-15 14:00 Europe/Warsaw'
		ELSE timestamptz '2030-01-15 12:00 Europe/Warsaw'
	END, 1 + i % 90
FROM generate_series(1, :members) i;
