INSERT INTO shop.purchase (id, customer_id, placed_at, category, amount)
SELECT id, customer_id, placed_at, category, amount FROM shop.stage;
