UPDATE shop.purchase SET note = 'seen' WHERE id <= :rows;
