/*
 * Two groups of tiers over the unit status, for benchmarks that run with TIERS=2:
 * about as many members are in none as in the lowest, fewer in the others.
 */
INSERT INTO rewards.tier_group (name, unit, keep, keep_renewed, downgrade) VALUES
	('club', 'status', '12 months', '12 months', 'one_level'),
	('pass', 'status', 'immediately', NULL, 'to_qualified');
INSERT INTO rewards.tier (name, tier_group, rank, threshold) VALUES
	('Silver', 'club', 10, 450), ('Gold', 'club', 20, 900), ('Platinum', 'club', 30, 1500),
	('Bus', 'pass', 10, 300), ('Train', 'pass', 20, 600), ('Plane', 'pass', 30, 1200);
