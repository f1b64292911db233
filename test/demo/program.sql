-- The loyalty program of the sample shop: what a shop owner writes.
\o /dev/null
SELECT loyalty.create_program('rewards', member_type => 'bigint', time_zone => 'Europe/Berlin', currency => 'EUR', test_clock => true);

-- The demo has a time of its own: the program starts on 1 June 2026.
SELECT rewards.set_clock('2026-06-01 00:00 Europe/Berlin');

-- What is counted.  Points can be spent once the goods cannot come back any more, and lapse after a year.
UPDATE rewards.unit SET activates = '14 days', expires = '12 months to end of month', value = 0.01 WHERE name = 'points';
INSERT INTO rewards.unit (name, expires, spendable) VALUES ('status', '12 months', false);
INSERT INTO rewards.unit (name, expires, decimals, value) VALUES ('cashback', '6 months', 2, 1);

-- Which tables earn.
SELECT rewards.attach('shop.orders', name => 'orders', member => 'customer_id', amount => 'total', occurred_at => 'placed_at',
	condition => $$status IN ('paid', 'shipped')$$);
SELECT rewards.attach('shop.order_lines', name => 'lines', event => 'order_id', member => 'customer_id', amount => 'quantity * price',
	occurred_at => 'placed_at', condition => $$category = 'coffee'$$, purchase => false);
SELECT rewards.attach('shop.reviews', name => 'reviews', member => 'customer_id', occurred_at => 'written_at');
SELECT rewards.attach('shop.refunds', name => 'refunds', reduces => 'orders', reduces_key => 'order_id', amount => 'amount');

-- What they earn.
INSERT INTO rewards.rule (name, source, earn) VALUES ('a point for a euro', 'orders', '1 per 1');
INSERT INTO rewards.rule (name, source, earn, condition, activates) VALUES ('welcome', 'orders', '100', 'member.purchases = 0', 'immediately');
INSERT INTO rewards.rule (name, source, earn, valid) VALUES ('black weekend: double points', 'orders', 'x2', '[2025-11-28 00:00 Europe/Berlin, 2025-12-01 00:00 Europe/Berlin)');
INSERT INTO rewards.rule (name, source, earn, min_amount, valid, budget) VALUES
	('spring gift, while it lasts', 'orders', '50', 60, '[2026-03-20 00:00 Europe/Berlin, 2026-06-21 00:00 Europe/Berlin)', 250000);
INSERT INTO rewards.rule (name, source, earn, max_per_member, cap_period) VALUES ('coffee club', 'lines', '1 per 2', 100, 'month');
INSERT INTO rewards.rule (name, source, earn, condition, max_per_member, cap_period) VALUES
	('a review that helps', 'reviews', '25', 'length(body) >= 20', 50, 'month');
INSERT INTO rewards.rule (name, source, unit, earn) VALUES ('status', 'orders', 'status', '1 per full 10');
INSERT INTO rewards.rule (name, source, unit, earn, min_amount) VALUES ('2 % back on large orders', 'orders', 'cashback', '2%', 150);

-- A club: its tiers are reached by the status points of any twelve months, and kept for twelve months from then on.
INSERT INTO rewards.tier_group (name, unit, keep, top_up) VALUES ('club', 'status', '12 months', true);
INSERT INTO rewards.tier (name, tier_group, rank, threshold) VALUES ('Bronze', 'club', 10, 25), ('Silver', 'club', 20, 60), ('Gold', 'club', 30, 120);
INSERT INTO rewards.rule (name, source, earn, tiers) VALUES
	('Silver earns more', 'orders', 'x1.1', '{Silver}'), ('Gold earns most', 'orders', 'x1.25', '{Gold}');
INSERT INTO rewards.tier_benefit (tier, name, uses, use_period) VALUES ('Silver', 'cupping at the roastery', 1, 'year'), ('Gold', 'cupping at the roastery', 2, 'month'), ('Gold', 'first to taste', NULL, NULL);

-- What points buy.
INSERT INTO rewards.reward (name, kind, stock, max_per_member, cap_period, cost) VALUES
	('mug', 'product', :customers / 50, 2, 'year', 3.80), ('a kilo of espresso', 'product', NULL, NULL, NULL, 11.50), ('barista course', 'experience', 24, 1, 'ever', 45.00);
INSERT INTO rewards.reward (name, kind, cause, cost) VALUES ('a tree', 'donation', 'forest', 1.00);
INSERT INTO rewards.reward_price (reward, name, points, money) VALUES
	('mug', 'points', 250, NULL), ('a kilo of espresso', 'points', 900, NULL), ('a kilo of espresso', 'half and half', 450, 9.90),
	('barista course', 'points', 3000, NULL), ('a tree', 'points', 100, NULL);
\o
SELECT rpad('  ' || name, 36) || earn || ' ' || unit || coalesce(', from ' || min_amount, '') || coalesce(', at most ' || max_per_member || ' a member and ' || cap_period, '')
	|| coalesce(', at most ' || to_char(budget, 'FM999,999,999') || ' in all', '')
FROM rewards.rule ORDER BY rule_no;
SELECT '';
SELECT rpad('  ' || t.name, 36) || 'from ' || t.threshold || ' ' || g.unit || ', kept for ' || g.keep
	|| coalesce(': ' || (SELECT string_agg(b.name || coalesce(', ' || b.uses || ' a ' || b.use_period, ''), '; ' ORDER BY b.name) FROM rewards.tier_benefit AS b WHERE b.tier = t.name), '')
FROM rewards.tier AS t JOIN rewards.tier_group AS g ON g.name = t.tier_group ORDER BY t.rank;
SELECT '';
SELECT rpad('  ' || reward, 36) || points || ' ' || unit || coalesce(' and ' || money || ' EUR', '') || coalesce(', ' || stock_left || ' of them', '')
	|| coalesce(', at most ' || max_per_member || ' a member' || CASE cap_period WHEN 'ever' THEN '' ELSE ' and ' || cap_period END, '')
FROM rewards.catalogue ORDER BY reward, points DESC;
SELECT '';

CREATE SCHEMA demo;
CREATE VIEW demo.people AS SELECT customer_id AS member_id, name FROM shop.customers;
