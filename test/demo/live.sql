-- A morning at the till: ordinary statements, and points in the same transaction.
CREATE TEMPORARY TABLE step (n serial, what text, points numeric, held numeric, owed numeric, pending numeric, status numeric, tier text, cashback numeric);
CREATE FUNCTION pg_temp.note(what text) RETURNS void LANGUAGE sql AS $$
	INSERT INTO step (what, points, held, owed, pending, status, tier, cashback)
	SELECT $1, sum(available) FILTER (WHERE unit = 'points'), sum(held) FILTER (WHERE unit = 'points'),
		sum(debt) FILTER (WHERE unit = 'points'), sum(pending) FILTER (WHERE unit = 'points'),
		sum(available) FILTER (WHERE unit = 'status'), rewards.tier_at(current_setting('demo.member')::bigint), sum(available) FILTER (WHERE unit = 'cashback')
	FROM rewards.balances WHERE member_id = current_setting('demo.member')::bigint
$$;

SELECT set_config('demo.member', :'member', false) \g /dev/null
SELECT name FROM shop.customers WHERE customer_id = :member \gset
\o /dev/null
SELECT pg_temp.note(:'name' || ' comes in');
SELECT rewards.set_clock('2026-07-01 09:05 Europe/Berlin');
INSERT INTO shop.orders (customer_id, placed_at, status, total) VALUES (:member, '2026-07-01 09:05 Europe/Berlin', 'paid', 161.80)
RETURNING order_id \gset
INSERT INTO shop.order_lines
SELECT :order_id, 1, :member, timestamptz '2026-07-01 09:05 Europe/Berlin', product_id, category, 1, 69.00 FROM shop.products WHERE name = 'Hand grinder'
UNION ALL
SELECT :order_id, 2, :member, timestamptz '2026-07-01 09:05 Europe/Berlin', product_id, category, 4, 23.20 FROM shop.products WHERE name = 'Espresso "Notte", 1 kg';
SELECT pg_temp.note('buys a grinder and espresso for 161.80 (points are pending for 14 days)');
SELECT rewards.set_clock('2026-07-01 09:20 Europe/Berlin');
INSERT INTO shop.refunds (order_id, amount, refunded_at) VALUES (:order_id, 69.00, '2026-07-01 09:20 Europe/Berlin');
SELECT pg_temp.note('brings back the grinder, 69.00');
SELECT rewards.set_clock('2026-07-01 09:30 Europe/Berlin');
INSERT INTO shop.reviews (customer_id, product_id, body, written_at) VALUES (:member, 1, 'No better espresso in town', '2026-07-01 09:30 Europe/Berlin');
SELECT pg_temp.note('writes a review');
SELECT rewards.use_benefit(member_id, benefit) FROM rewards.benefits WHERE member_id = :member AND remaining > 0;
SELECT pg_temp.note(format('signs up for the %s: %s of %s used', benefit, used, uses)) FROM rewards.benefits WHERE member_id = :member AND used > 0;
SELECT rewards.set_clock('2026-07-01 09:40 Europe/Berlin');
INSERT INTO shop.orders (customer_id, placed_at, status, total) VALUES (:member, '2026-07-01 09:40 Europe/Berlin', 'new', 500)
RETURNING order_id AS second_order \gset
SELECT pg_temp.note('orders for 500.00, not yet paid');
UPDATE shop.orders SET status = 'paid' WHERE order_id = :second_order;
SELECT pg_temp.note('pays');
UPDATE shop.orders SET status = 'cancelled' WHERE order_id = :second_order;
SELECT pg_temp.note('cancels it');
UPDATE rewards.reward SET stock = stock + 20 WHERE name = 'mug';
SELECT rewards.redeem(:member, 'mug');
SELECT pg_temp.note('takes a mug of the new lot for 250 points');
SELECT rewards.hold_reward(:member, 'mug', for_ => '15 minutes');
SELECT pg_temp.note('another one is set aside, for 15 minutes');
SELECT rewards.set_clock('2026-07-01 09:56 Europe/Berlin');
SELECT pg_temp.note('forgets about it: 16 minutes later it is free again');
SELECT rewards.redeem(:member, 'a tree', floor(rewards.balance(:member, 'points') / 100)::integer);
SELECT pg_temp.note('gives hundreds to the forest');
SELECT rewards.spend(:member, rewards.balance(:member, 'points'), 'points', note => 'at the coffee bar');
SELECT pg_temp.note('and spends the rest at the bar');
INSERT INTO shop.refunds (order_id, amount, refunded_at)
SELECT order_id, total, '2026-07-01 09:58 Europe/Berlin' FROM shop.orders AS o
WHERE customer_id = :member AND status IN ('paid', 'shipped') AND placed_at BETWEEN '2025-08-01' AND '2026-06-10' AND NOT EXISTS (SELECT FROM shop.refunds AS r WHERE r.order_id = o.order_id)
ORDER BY order_id;
SELECT pg_temp.note('brings back the shopping of ten months, its points being spent (the tier stays till its day)');
\o
SELECT what AS "what happens", points AS "points to spend", held, owed, pending, status, tier, cashback FROM step ORDER BY n;

\echo 'What was redeemed in June'
SELECT reward AS "reward", to_char(count(*), '999,990') AS "times", to_char(sum(points), '999,999,990') AS "points", to_char(sum(money), '9,999,990.00') AS "paid beside", to_char(sum(cost), '9,999,990.00') AS "cost"
FROM rewards.redemptions WHERE redeemed_at < '2026-07-01 Europe/Berlin' AND status = 'done' GROUP BY reward ORDER BY reward;

\echo 'What they could have next'
SELECT reward AS "reward", price AS "price", points AS "points", CASE WHEN affordable THEN 'now' ELSE missing || ' more' END AS "can have it" FROM rewards.affordable WHERE member_id = :member ORDER BY missing, reward;

\echo 'Why the first of these orders earned what it did'
SELECT rule, unit, matched, coalesce(reason, '') AS "reason", base, exact, points FROM rewards.explain('orders', :'order_id');

\echo 'What an order of 200.00 would earn (nothing is written)'
SELECT unit, rule, points, to_char(active_from, 'FMDD Mon YYYY') AS "from", to_char(expires_at, 'FMDD Mon YYYY') AS "until"
FROM rewards.preview('orders', jsonb_build_object('customer_id', :member, 'total', 200, 'placed_at', '2026-07-01 10:00 Europe/Berlin', 'status', 'paid'));

-- An order of seven weeks ago comes to light.  It is judged from its own instant: its member rises on that day, and
-- what was bought since is worth what the higher tier makes of it.
SELECT s.member_id AS late, c.name AS late_name, h.needed * 10 AS late_total
FROM rewards.standing AS s JOIN shop.customers AS c ON c.customer_id = s.member_id JOIN rewards.tier AS t ON t.name = s.next_tier,
	LATERAL (SELECT t.threshold - rewards.balance(s.member_id, 'status', at => '2026-05-12 11:00 Europe/Berlin') AS needed) AS h
WHERE t.name IN ('Silver', 'Gold') AND s.since < '2026-04-01' AND h.needed BETWEEN 1 AND 40
	AND EXISTS (SELECT FROM rewards.history AS e WHERE e.member_id = s.member_id AND e.unit = 'status' AND e.kind = 'earn' AND e.occurred_at > '2026-05-13')
ORDER BY t.rank DESC, h.needed, s.member_id LIMIT 1 \gset
\if :{?late}
SELECT rewards.set_clock('2026-07-01 10:00 Europe/Berlin') \g /dev/null
INSERT INTO shop.orders (customer_id, placed_at, status, total) VALUES (:late, '2026-05-12 11:00 Europe/Berlin', 'paid', :late_total)
RETURNING order_id AS late_order \gset
\echo 'The till of a market stall sends in an order of 12 May:' :late_name 'bought for' :late_total
SELECT rewards.tier_at(:late, at => '2026-05-12 10:59 Europe/Berlin') AS "tier before it", rewards.tier_at(:late, at => '2026-05-12 11:00 Europe/Berlin') AS "from it on",
	rewards.tier_at(:late, at => '2026-05-12 11:00 Europe/Berlin', known_at => '2026-07-01 09:59 Europe/Berlin') AS "as known a minute ago",
	tier AS "today", to_char(since, 'FMDD Mon YYYY') AS "since", to_char(until, 'FMDD Mon YYYY') AS "until"
FROM rewards.standing WHERE member_id = :late;

\echo 'What was posted for it, and for orders since then'
SELECT to_char(o.placed_at, 'YYYY-MM-DD') AS "order of", h.unit AS "unit", coalesce(h.rule, h.kind) AS "by", h.points AS "points"
FROM rewards.history AS h JOIN shop.orders AS o ON o.order_id::text = h.event_key
WHERE h.member_id = :late AND h.source = 'orders' AND h.kind = 'earn' AND h.posted_at = '2026-07-01 10:00 Europe/Berlin' ORDER BY o.placed_at, h.entry_no;
\endif
