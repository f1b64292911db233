-- :purchases of each of :members members from :first on, 2000 in a statement,
-- each at an instant of its own
SET synchronous_commit = off;
SELECT format('INSERT INTO shop.purchase (customer_id, placed_at, category, amount)
	SELECT %s + i %% %s, shop.today() - interval ''8 days'' + i * interval ''600 milliseconds'', 3 + i %% 3, 1 + i %% 90
	FROM generate_series(%s, %s) i', :first, :members, part, least(part + 1999, :members * :purchases - 1))
FROM generate_series(0, :members * :purchases - 1, 2000) part \gexec
