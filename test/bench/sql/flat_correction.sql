UPDATE shop.purchase SET amount = amount / 2
WHERE id > (SELECT max(id) FROM shop.purchase) - :rows AND customer_id = :member;
