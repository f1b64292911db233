/*
 * The same shop with our extension; what is there is posted by backfill.
 * Variables: expires (of points), zone.
 */
CREATE EXTENSION loyalty;
SELECT loyalty.create_program('rewards', member_type => 'bigint', time_zone => :'zone', currency => 'EUR');
UPDATE rewards.unit SET expires = :'expires' WHERE name = 'points';
INSERT INTO rewards.unit (name, expires, spendable) VALUES ('status', '12 months', false);
SELECT rewards.attach('shop.purchase', name => 'purchases',
	member => 'customer_id', amount => 'amount', occurred_at => 'placed_at');
INSERT INTO rewards.rule (name, source, unit, earn, condition, max_per_member, cap_period) VALUES
	('base', 'purchases', 'points', '1 per 1', NULL, NULL, NULL),
	('weekend', 'purchases', 'points', 'x2', 'extract(isodow FROM placed_at) >= 6', NULL, NULL),
	('category', 'purchases', 'points', '25', 'category <= 2', 60, 'month'),
	('status', 'purchases', 'status', '1 per 1', NULL, NULL, NULL);
