-- what the purchases that are there have earned
INSERT INTO conv.ledger (member_id, purchase_id, occurred_at, expires_at, points, remaining, bonus, unit, rule)
SELECT k.customer_id, k.id, k.placed_at, l.until, l.points, l.points, l.bonus, l.unit, l.rule
FROM shop.known_history k CROSS JOIN LATERAL (VALUES
		(k.base + k.weekend + k.bonus, k.bonus, 1, 1, k.points_until),
		(k.status, 0, 2, 4, k.status_until)) l (points, bonus, unit, rule, until);

INSERT INTO conv.account (member_id, points, status, bonus_month, bonus_used)
SELECT member_id, sum(points), sum(status), max(month), coalesce(sum(bonus) FILTER (WHERE month = last), 0)
FROM (SELECT customer_id AS member_id, month, sum(base + weekend + bonus) AS points, sum(status) AS status,
			sum(bonus) AS bonus, max(month) OVER (PARTITION BY customer_id) AS last
		FROM shop.known_history GROUP BY 1, 2) m
GROUP BY 1
ORDER BY 1;
