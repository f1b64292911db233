INSERT INTO shop.purchase (customer_id, placed_at, category, amount)
SELECT :member, shop.today() - (i::bigint * 7919 % :rows) * interval '61 seconds', 3 + i % 3, 1 + i % 90
FROM generate_series(1, :rows) i;
