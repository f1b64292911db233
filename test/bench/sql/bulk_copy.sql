COPY shop.purchase (id, customer_id, placed_at, category, amount) FROM :'purchases';
