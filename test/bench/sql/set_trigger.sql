/* a competent statement-level trigger with set-based SQL */
CREATE FUNCTION conv.earn_set() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM 1 FROM conv.account
	WHERE member_id IN (SELECT customer_id FROM new_rows)
	ORDER BY member_id FOR NO KEY UPDATE;

	INSERT INTO conv.account (member_id)
	SELECT DISTINCT customer_id FROM new_rows n
	WHERE NOT EXISTS (SELECT 1 FROM conv.account a WHERE a.member_id = n.customer_id)
	ON CONFLICT DO NOTHING;

	WITH judged AS (
		SELECT id, customer_id, placed_at, amount,
			date_trunc('month', placed_at AT TIME ZONE 'Europe/Warsaw')::date AS month,
			CASE WHEN extract(isodow FROM placed_at AT TIME ZONE 'Europe/Warsaw') >= 6 THEN 2 ELSE 1 END AS factor,
			CASE WHEN category <= 2 THEN 25 ELSE 0 END AS wish
		FROM new_rows
	), summed AS (
		SELECT j.*, sum(wish) OVER (PARTITION BY customer_id, month ORDER BY id) AS wished
		FROM judged j
	), usage AS (
		SELECT s.*,
			CASE WHEN s.month = a.bonus_month THEN a.bonus_used
				WHEN s.month > a.bonus_month THEN 0
				ELSE (SELECT coalesce(sum(l.bonus), 0) FROM conv.ledger l
						WHERE l.member_id = s.customer_id AND l.unit = 1
							AND l.occurred_at >= s.month::timestamp AT TIME ZONE 'Europe/Warsaw'
							AND l.occurred_at < (s.month + interval '1 month') AT TIME ZONE 'Europe/Warsaw')
			END AS used
		FROM summed s JOIN conv.account a ON a.member_id = s.customer_id
	), earned AS (
		SELECT id, customer_id, placed_at, month, floor(amount)::bigint AS status,
			least(60, used + wished) - least(60, used + wished - wish) AS bonus,
			floor(amount * factor)::bigint AS points
		FROM usage
	), lines AS (
		INSERT INTO conv.ledger (member_id, purchase_id, occurred_at, expires_at, points, remaining, bonus, unit, rule)
		SELECT e.customer_id, e.id, e.placed_at, l.until, l.points, l.points, l.bonus, l.unit, l.rule
		FROM earned e CROSS JOIN LATERAL (VALUES
				(e.points + e.bonus, e.bonus, 1, 1,
				 (date_trunc('month', e.placed_at AT TIME ZONE 'Europe/Warsaw' + interval '12 months') + interval '1 month')
					AT TIME ZONE 'Europe/Warsaw'),
				(e.status, 0, 2, 4,
				 (e.placed_at AT TIME ZONE 'Europe/Warsaw' + interval '12 months') AT TIME ZONE 'Europe/Warsaw'))
				l (points, bonus, unit, rule, until)
	), months AS (
		SELECT customer_id, month, sum(points + bonus) AS points, sum(status) AS status, sum(bonus) AS bonus
		FROM earned GROUP BY 1, 2
	), members AS (
		SELECT customer_id, sum(points) AS points, sum(status) AS status, max(month) AS month,
			(array_agg(bonus ORDER BY month DESC))[1] AS bonus
		FROM months GROUP BY 1
	)
	UPDATE conv.account a SET points = a.points + m.points, status = a.status + m.status,
		bonus_month = greatest(a.bonus_month, m.month),
		bonus_used = CASE WHEN m.month > a.bonus_month THEN m.bonus
			WHEN m.month = a.bonus_month THEN a.bonus_used + m.bonus ELSE a.bonus_used END
	FROM members m WHERE a.member_id = m.customer_id;

	RETURN NULL;
END $$;

CREATE TRIGGER earn AFTER INSERT ON shop.purchase
	REFERENCING NEW TABLE AS new_rows
	FOR EACH STATEMENT EXECUTE FUNCTION conv.earn_set();
