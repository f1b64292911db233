-- :rows purchases of member 1 in one statement
INSERT INTO shop.purchase (customer_id, placed_at, category, amount)
SELECT 1, shop.today() - interval '8 days' + interval '190 hours' * (i / :rows.0), 3 + i % 3, 1 + i % 90
FROM generate_series(1, :rows) i;
