-- the same, results written down without logic; the bonus is left to others
WITH p AS (
	INSERT INTO shop.purchase (customer_id, placed_at, category, amount)
	SELECT 1, shop.today() - interval '8 days' + interval '190 hours' * (i / :rows.0), 3 + i % 3, 1 + i % 90
	FROM generate_series(1, :rows) i
	RETURNING *
), k AS (
	SELECT *, floor(amount * CASE WHEN shop.is_weekend(placed_at) THEN 2 ELSE 1 END) AS points, floor(amount) AS status,
		(date_trunc('month', placed_at AT TIME ZONE 'Europe/Warsaw' + interval '12 months') + interval '1 month')
			AT TIME ZONE 'Europe/Warsaw' AS points_until,
		(placed_at AT TIME ZONE 'Europe/Warsaw' + interval '12 months') AT TIME ZONE 'Europe/Warsaw' AS status_until
	FROM p
), l AS (
	INSERT INTO conv.ledger (member_id, purchase_id, occurred_at, expires_at, points, remaining, bonus, unit, rule)
	SELECT customer_id, id, placed_at, points_until, points, points, 0, 1, 1 FROM k
	UNION ALL SELECT customer_id, id, placed_at, status_until, status, status, 0, 2, 4 FROM k
)
UPDATE conv.account SET points = points + (SELECT sum(points) FROM k), status = status + (SELECT sum(status) FROM k)
WHERE member_id = 1;
