BEGIN;
INSERT INTO shop.purchase (id, customer_id, placed_at, category, amount)
SELECT id, customer_id, placed_at, category, amount FROM shop.stage;

INSERT INTO conv.ledger (member_id, purchase_id, occurred_at, expires_at, points, remaining, bonus, unit, rule)
SELECT k.customer_id, k.id, k.placed_at, l.until, l.points, l.points, l.bonus, l.unit, l.rule
FROM shop.stage k CROSS JOIN LATERAL (VALUES
		(k.base + k.weekend + k.bonus, k.bonus, 1, 1, k.points_until),
		(k.status, 0, 2, 4, k.status_until)) l (points, bonus, unit, rule, until);

\ir account_limit.sql
COMMIT;
