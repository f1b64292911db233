-- results are known; what is left is to add them up by member
UPDATE conv.account a SET points = a.points + k.points, status = a.status + k.status,
	bonus_month = greatest(a.bonus_month, l.last),
	bonus_used = CASE WHEN l.last > a.bonus_month THEN k.last_bonus ELSE a.bonus_used + k.last_bonus END
FROM (SELECT max(month) AS last FROM shop.stage) l,
	LATERAL (SELECT customer_id, sum(base + weekend + bonus) AS points, sum(status) AS status,
			sum(CASE WHEN month = l.last THEN bonus ELSE 0 END) AS last_bonus
		FROM shop.stage GROUP BY 1) k
WHERE a.member_id = k.customer_id;
