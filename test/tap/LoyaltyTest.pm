# What the tests on clusters of their own share: a shop with orders, order
# lines and refunds, a program on it, a random load, and questions about how
# it stands.
package LoyaltyTest;

use strict;
use warnings;

use Exporter 'import';
use File::Temp;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(new_node make_shop make_rewards make_standing load_scripts spending_scripts standing_scripts admin_scripts exceeded exceeded_standing is_sound wrong_totals fingerprint clean_dump);

# a server that is durable like a real one
sub new_node
{
	my ($name, %params) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(%params);
	$node->append_conf('postgresql.conf', "max_connections = 60\nfsync = on\nlog_min_messages = warning\n");
	$node->append_conf('postgresql.conf', "wal_level = replica\n") unless $params{allows_streaming};
	$node->start;
	return $node;
}

# the shop: plain orders under one rule without limits, so that what everybody
# should have is simple to say; another unit under a cap and a budget; lines of
# baskets; refunds
sub make_shop
{
	my ($node, $dbname, %option) = @_;
	my $clock = $option{clock} // "'2026-01-10 12:00Z'";
	$node->safe_psql($dbname, <<"SQL");
CREATE EXTENSION loyalty;
CREATE SCHEMA shop;
CREATE SEQUENCE shop.ids;
CREATE TABLE shop.orders (
	order_id bigint PRIMARY KEY DEFAULT nextval('shop.ids'),
	customer_id bigint, total numeric(12,2), status text DEFAULT 'paid',
	placed_at timestamptz);
CREATE TABLE shop.refunds (
	refund_id bigint PRIMARY KEY DEFAULT nextval('shop.ids'), order_id bigint, amount numeric(12,2));
CREATE TABLE shop.lines (
	line_id bigint PRIMARY KEY DEFAULT nextval('shop.ids'), basket bigint, customer_id bigint, price numeric(12,2),
	placed_at timestamptz);
SELECT loyalty.create_program('rewards', member_type => 'bigint', time_zone => 'Europe/Warsaw', currency => 'EUR', test_clock => true);
SELECT rewards.set_clock($clock);
INSERT INTO rewards.member (member_id, joined_at) SELECT i, '2026-01-01' FROM generate_series(1, 25) i;
CREATE FUNCTION shop.now() RETURNS timestamptz STABLE LANGUAGE sql AS 'SELECT clock FROM rewards.program';
ALTER TABLE shop.orders ALTER placed_at SET DEFAULT shop.now();
ALTER TABLE shop.lines ALTER placed_at SET DEFAULT shop.now();
INSERT INTO rewards.unit (name, activates, expires, on_shortfall) VALUES
	('miles', 'immediately', '12 months to end of month', 'debt'), ('stars', '5 hours', '40 hours', 'forgive'), ('visits', 'immediately', '3 days since last activity', 'debt');
SELECT rewards.attach('shop.orders', name => 'orders', member => 'customer_id', amount => 'total', occurred_at => 'placed_at', condition => \$\$status = 'paid'\$\$);
SELECT rewards.attach('shop.refunds', name => 'refunds', reduces => 'orders', reduces_key => 'order_id', amount => 'amount');
SELECT rewards.attach('shop.lines', name => 'lines', event => 'basket', member => 'customer_id', amount => 'price', occurred_at => 'placed_at');
INSERT INTO rewards.rule (name, source, unit, earn, max_per_member, cap_period, budget) VALUES
	('base', 'orders', 'points', '1 per 1', NULL, NULL, NULL),
	('basket', 'lines', 'points', '1 per 1', NULL, NULL, NULL),
	('miles', 'orders', 'miles', '1 per 2', 500, 'month', 20000),
	('stars', 'orders', 'stars', '1 per full 10', NULL, NULL, NULL),
	('visit', 'orders', 'visits', '1', 20, 'day', NULL);
SQL
	return;
}

# scarce rewards and codes, to be paid with points that members may send each
# other; try() says why something was refused instead of failing
sub make_rewards
{
	my ($node, $dbname) = @_;
	$node->safe_psql($dbname, <<'SQL');
UPDATE rewards.unit SET transferable = true WHERE name = 'points';
UPDATE rewards.unit SET return_grace = '2 days' WHERE name = 'miles';
INSERT INTO rewards.choice_set (name, choose, cap_period) VALUES ('one of', 3, 'month');
INSERT INTO rewards.voucher_pool (name, gives, value, unit, uses, uses_per_member) VALUES ('welcome', 'points', 25, 'points', 40, 3), ('off', 'amount', 5, NULL, 1, NULL);
INSERT INTO rewards.reward (name, stock, max_per_member, cap_period, choice_set, pool, hold_for) VALUES
	('mug', 60, 4, 'month', NULL, NULL, '1 hour'), ('pin', 3, NULL, NULL, NULL, NULL, '3 hours'), ('bag', 500, NULL, NULL, 'one of', NULL, '1 hour'),
	('cap', NULL, 2, 'day', 'one of', NULL, '1 hour'), ('voucher', 200, NULL, NULL, NULL, 'off', '1 hour');
INSERT INTO rewards.reward_price (reward, unit, points) VALUES ('mug', 'points', 20), ('pin', 'points', 5), ('bag', 'miles', 3), ('cap', 'points', 8), ('voucher', 'points', 10);
SELECT rewards.import_codes('welcome', ARRAY['W1', 'W2', 'W3', 'W4']), rewards.generate_codes('off', 150);
CREATE TABLE shop.paid (
	paid_id bigint PRIMARY KEY DEFAULT nextval('shop.ids'), customer_id bigint, total numeric(12,2), points_used integer, placed_at timestamptz DEFAULT shop.now());
SELECT rewards.attach('shop.paid', name => 'paid', member => 'customer_id', amount => 'total', occurred_at => 'placed_at', spend => 'points_used', spend_unit => 'points');
INSERT INTO rewards.rule (name, source, unit, earn) VALUES ('paid', 'paid', 'miles', '1 per 2');
CREATE FUNCTION shop.try(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION
	WHEN SQLSTATE '55000' THEN
		RETURN SQLSTATE;
	WHEN OTHERS THEN
		IF SQLSTATE !~ '^LY00[13-9]$' AND SQLSTATE NOT IN ('LY012', 'LY014') THEN
			RAISE;
		END IF;
		RETURN SQLSTATE;
END $$;
SQL
	return;
}

# two groups of tiers, one that tops up and one whose ladder goes down step by
# step; benefits, bonuses, and rewards that members get by themselves: some share
# a stock with what is redeemed, some draw codes
sub make_standing
{
	my ($node, $dbname) = @_;
	$node->safe_psql($dbname, <<'SQL');
INSERT INTO rewards.unit (name, expires, spendable) VALUES ('status', '60 hours', false), ('nights', '3 days to end of day', false);
INSERT INTO rewards.unit (name) VALUES ('tokens'), ('chips');
INSERT INTO rewards.tier_group (name, unit, keep, top_up) VALUES ('status', 'status', '30 hours', true);
INSERT INTO rewards.tier_group (name, unit, keep, downgrade, rollover) VALUES ('club', 'nights', '2 days to end of day', 'one_level', 'excess');
INSERT INTO rewards.tier (name, tier_group, rank, threshold) VALUES
	('Silver', 'status', 10, 500), ('Gold', 'status', 20, 2000), ('Blue', 'club', 10, 20), ('Green', 'club', 20, 40), ('Red', 'club', 30, 80);
INSERT INTO rewards.rule (name, source, unit, earn, tiers, budget) VALUES
	('status', 'orders', 'status', '1 per 1', NULL, NULL), ('nights', 'orders', 'nights', '1 per 10', NULL, NULL),
	('tokens', 'orders', 'tokens', '1 per 5', NULL, 100000), ('tokens of lines', 'lines', 'tokens', '1 per 2', NULL, 100000), ('chips', 'orders', 'chips', '1 per 7', NULL, 100000),
	('silver', 'orders', 'tokens', 'x1.5', ARRAY['Silver', 'Gold'], NULL), ('red', NULL, 'chips', '3', ARRAY['Red'], 50000);
INSERT INTO rewards.tier_benefit (tier, name, uses, use_period) VALUES
	('Silver', 'lounge', 2, 'day'), ('Gold', 'lounge', 4, 'day'), ('Blue', 'coffee', 3, 'stay'), ('Green', 'coffee', 5, 'stay'), ('Red', 'coffee', NULL, NULL);
INSERT INTO rewards.voucher_pool (name, gives, value) VALUES ('left', 'amount', 5), ('right', 'amount', 5);
SELECT rewards.generate_codes('left', 150), rewards.generate_codes('right', 150);
INSERT INTO rewards.reward (name, stock, pool, auto_redeem, max_auto, priority, tiers) VALUES
	('left', NULL, 'left', true, 2, 1, NULL), ('right', 200, 'right', true, 1, 2, NULL), ('sock', 150, NULL, true, 3, 3, NULL),
	('shoe', 150, NULL, true, 1, 3, ARRAY['Gold', 'Green', 'Red']), ('hat', 50, 'left', false, 1, 0, NULL);
INSERT INTO rewards.reward_price (reward, unit, points) VALUES
	('left', 'tokens', 37), ('right', 'chips', 31), ('sock', 'chips', 17), ('shoe', 'tokens', 23), ('hat', 'points', 4);
INSERT INTO rewards.bonus (member_id, principal, step, every, max_growth, reason, offered_at)
SELECT 1 + i % 25, 10, 1, '5 hours', 20, 'stay with us', p.clock FROM generate_series(1, 500) i CROSS JOIN rewards.program p;
SQL
	return;
}

# what was given out beyond stock, limits, or twice by one key: one a line
sub exceeded
{
	my ($node, $dbname) = @_;
	return $node->safe_psql($dbname, <<'SQL');
WITH taken AS (
	SELECT r.*, w.stock, w.max_per_member, w.cap_period, w.choice_set, r.quantity - r.cancelled AS pieces, date_trunc('month', r.redeemed_at AT TIME ZONE p.time_zone) AS month,
		date_trunc('day', r.redeemed_at AT TIME ZONE p.time_zone) AS day
	FROM rewards.redemptions r CROSS JOIN rewards.program p JOIN rewards.reward w ON w.name = r.reward
	WHERE r.held_until IS NULL OR r.held_until > p.clock
)
SELECT format('%s %s of %s', sum(pieces), reward, stock) FROM taken GROUP BY reward, stock HAVING sum(pieces) > stock
UNION ALL SELECT format('stock left of %s: %s', c.reward, c.stock_left) FROM rewards.catalogue c
WHERE c.stock_left <> (SELECT stock FROM rewards.reward w WHERE w.name = c.reward) - coalesce((SELECT sum(pieces) FROM taken t WHERE t.reward = c.reward), 0)
UNION ALL SELECT format('%s mugs of member %s in a month', sum(pieces), member_id) FROM taken WHERE reward = 'mug' GROUP BY member_id, month HAVING sum(pieces) > 4
UNION ALL SELECT format('%s caps of member %s in a day', sum(pieces), member_id) FROM taken WHERE reward = 'cap' GROUP BY member_id, day HAVING sum(pieces) > 2
UNION ALL SELECT format('%s of a choice of 3 of member %s', sum(pieces), member_id) FROM taken WHERE choice_set = 'one of' GROUP BY member_id, month HAVING sum(pieces) > 3
UNION ALL SELECT format('code %s used %s times', code, count(*)) FROM rewards.code_uses WHERE pool = 'welcome' AND status = 'redeemed' GROUP BY code HAVING count(*) > 40
UNION ALL SELECT format('code %s drawn twice', code) FROM rewards.redemption WHERE code IS NOT NULL GROUP BY code HAVING count(*) > 1
UNION ALL SELECT format('key %s spent twice', key) FROM rewards.operation WHERE key IS NOT NULL GROUP BY key HAVING count(*) > 1
UNION ALL SELECT format('purchases ask for %s points, %s were taken', (SELECT coalesce(sum(points_used), 0) FROM shop.paid), coalesce(sum(spent::numeric - returned::numeric), 0))
FROM rewards.operation WHERE source_no IS NOT NULL HAVING coalesce(sum(spent::numeric - returned::numeric), 0) <> (SELECT coalesce(sum(points_used), 0) FROM shop.paid)
UNION ALL SELECT format('transfers do not balance: %s', sum(points)) FROM rewards.history WHERE kind = 'transfer' HAVING sum(points) <> 0
UNION ALL SELECT format('member %s: %s %s held, holds say %s', member_id, held, unit, coalesce(said, 0))
FROM rewards.balances b LEFT JOIN (SELECT member_id, unit, sum(points) AS said FROM rewards.hold WHERE status = 'held' GROUP BY 1, 2) h USING (member_id, unit) WHERE held <> coalesce(said, 0)
UNION ALL SELECT format('member %s: %s %s', member_id, least(available, pending, held, debt), unit) FROM rewards.balances WHERE least(available, pending, held, debt) < 0;
SQL
}

# the same of what tiers bring; accounts that read otherwise once all that is due
# is booked (but for units that automatic rewards cost), or are not the sum of their
# lines then
sub exceeded_standing
{
	my ($node, $dbname) = @_;
	return $node->safe_psql($dbname, <<'SQL');
CREATE TEMP VIEW readers AS
SELECT member_id, 'unit ' || unit AS what, format('%s available, %s pending, %s held, %s debt, %s expired', available_exact, pending, held, debt, expired) AS says FROM rewards.balances WHERE unit NOT IN ('tokens', 'chips')
UNION ALL SELECT member_id, 'tier ' || tier_group, (to_jsonb(s) - 'member_id')::text FROM rewards.standing s;
CREATE TEMP TABLE unbooked AS TABLE readers;
DO 'BEGIN PERFORM rewards.book_due(); END';
SELECT format('%s of member %s: %s before all is booked, %s after', what, member_id, u.says, r.says)
FROM unbooked u FULL JOIN readers r USING (member_id, what) WHERE u.says IS DISTINCT FROM r.says
UNION ALL SELECT format('%s uses of %s by member %s, %s allowed', count(*), benefit, member_id, max(allowed)) FROM rewards.benefit_use
WHERE cancelled_at IS NULL AND allowed IS NOT NULL GROUP BY member_id, benefit, span_start HAVING count(*) > max(allowed)
UNION ALL SELECT format('bonus claimed %s times', count(*)) FROM rewards.bonus WHERE claimed_by IS NOT NULL GROUP BY claimed_by HAVING count(*) > 1
UNION ALL SELECT format('%s bonuses claimed by %s calls', b.n, o.n) FROM (SELECT count(*) AS n FROM rewards.bonus WHERE claimed_by IS NOT NULL) b,
	(SELECT count(*) AS n FROM rewards.operation WHERE kind = 'claim') o WHERE b.n <> o.n
UNION ALL SELECT format('%s points of rule %s, budget %s', sum(points), rule, r.budget) FROM rewards.history h JOIN rewards.rule r ON r.name = h.rule GROUP BY rule, r.budget HAVING sum(points) > r.budget
UNION ALL SELECT format('member %s stands at %s, but is %s', member_id, tier, rewards.tier_at(member_id, tier_group)) FROM rewards.standing WHERE tier IS DISTINCT FROM rewards.tier_at(member_id, tier_group)
UNION ALL SELECT format('member %s: %s %s, lines say %s', member_id, b.has, unit, l.points)
FROM (SELECT member_id, unit, available_exact + pending - debt AS has FROM rewards.balances) b
FULL JOIN (SELECT member_id, unit, sum(points) AS points FROM rewards.history GROUP BY 1, 2) l USING (member_id, unit)
WHERE coalesce(b.has, 0) <> coalesce(l.points, 0) - coalesce((SELECT sum(m.points) FROM rewards.member_lots(member_id, unit) m WHERE m.state = 'never'), 0);
SQL
}

# members whose points are not what their orders, baskets and calls say,
# events that hold less than nothing, a budget that was exceeded: one a line
sub wrong_totals
{
	my ($node, $dbname) = @_;
	return $node->safe_psql($dbname, <<'SQL');
WITH orders AS (
	SELECT customer_id AS member_id, floor(greatest(total - coalesce((SELECT sum(amount) FROM shop.refunds r WHERE r.order_id = o.order_id), 0), 0)) AS points
	FROM shop.orders o WHERE status = 'paid' AND total > 0
), baskets AS (
	SELECT min(customer_id) AS member_id, floor(greatest(sum(price), 0)) AS points FROM shop.lines GROUP BY basket
), adjusted AS (
	SELECT member_id, points FROM rewards.history WHERE kind IN ('adjust', 'redeem', 'return', 'transfer') AND unit = 'points'
), wanted AS (
	SELECT member_id, sum(points) AS points FROM (TABLE orders UNION ALL TABLE baskets UNION ALL TABLE adjusted) a
	WHERE member_id IS NOT NULL GROUP BY member_id
)
SELECT format('member %s: %s points, should be %s', member_id, coalesce(b.available + b.pending + b.held - b.debt, 0), coalesce(w.points, 0))
FROM wanted w FULL JOIN (SELECT * FROM rewards.balances WHERE unit = 'points') b USING (member_id)
WHERE coalesce(b.available + b.pending + b.held - b.debt, 0) <> coalesce(w.points, 0)
UNION ALL
SELECT format('event %s of member %s: %s %s', event_key, member_id, sum(points), unit) FROM rewards.history
WHERE event_key IS NOT NULL AND kind IN ('earn', 'revoke') GROUP BY source, event_key, member_id, unit HAVING sum(points) < 0
UNION ALL
SELECT format('%s miles of a budget of 20000', sum(points)) FROM rewards.history WHERE rule = 'miles' HAVING sum(points) > 20000;
SQL
}

# verify() is clean, reconcile() finds nothing, points are what purchases say
sub is_sound
{
	my ($node, $dbname, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($node->safe_psql($dbname, 'SELECT * FROM rewards.verify() LIMIT 20'), '', "$what: verify() finds nothing");
	is(wrong_totals($node, $dbname), '', "$what: points are what the purchases say");
	is($node->safe_psql($dbname, q{BEGIN; SELECT s.name, r.* FROM rewards.source s, rewards.reconcile(s.name) r WHERE s.attached AND s.reduces IS NULL LIMIT 20; ROLLBACK;}), '', "$what: reconcile() finds nothing");
	return;
}

# scripts for pgbench: what a shop does, over so many members
sub load_scripts
{
	my ($members) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my %script = (
		insert => [ 30, "\\set m random(1, $members)\n\\set v random(-200, 20000)\nINSERT INTO shop.orders (customer_id, total) VALUES (:m, :v / 100.0);\n" ],
		stranger => [ 4, "\\set m random(1000, 4000)\nINSERT INTO shop.orders (customer_id, total) VALUES (:m, 10), (:m + 1, 20), (:m - 1, 30);\n" ],
		several => [ 5, "\\set m random(1, $members)\n\\set v random(1, 9999)\nINSERT INTO shop.orders (customer_id, total) SELECT 1 + (:m + i * 7) % $members, (:v + i) / 100.0 FROM generate_series(1, 20) i;\n" ],
		update => [ 15, "\\set v random(0, 9999)\n\\set s random(0, 3)\nUPDATE shop.orders SET total = :v / 100.0, status = CASE :s WHEN 0 THEN 'cancelled' ELSE 'paid' END WHERE order_id = (SELECT order_id FROM shop.orders WHERE order_id >= :v ORDER BY order_id LIMIT 1);\n" ],
		many => [ 2, "\\set v random(0, 9999)\nUPDATE shop.orders SET total = total + 1 WHERE order_id IN (SELECT order_id FROM shop.orders WHERE order_id BETWEEN :v AND :v + 30 ORDER BY order_id FOR UPDATE);\n" ],
		member => [ 3, "\\set v random(0, 9999)\n\\set m random(1, $members)\nUPDATE shop.orders SET customer_id = :m WHERE order_id = (SELECT order_id FROM shop.orders WHERE order_id >= :v ORDER BY order_id LIMIT 1);\n" ],
		delete => [ 5, "\\set v random(0, 9999)\nDELETE FROM shop.orders WHERE order_id = (SELECT order_id FROM shop.orders WHERE order_id >= :v ORDER BY order_id LIMIT 1);\n" ],
		refund => [ 8, "\\set v random(0, 9999)\nINSERT INTO shop.refunds (order_id, amount) SELECT order_id, round(abs(total) / 3, 2) FROM shop.orders WHERE order_id >= :v ORDER BY order_id LIMIT 1;\n" ],
		line => [ 15, "\\set b random(1, 300)\n\\set v random(-100, 5000)\nINSERT INTO shop.lines (basket, customer_id, price) VALUES (:b, 1 + :b % $members, :v / 100.0);\n" ],
		unline => [ 4, "\\set b random(1, 300)\nDELETE FROM shop.lines WHERE line_id = (SELECT min(line_id) FROM shop.lines WHERE basket = :b);\n" ],
		adjust => [ 8, "\\set m random(1, $members)\n\\set p random(1, 50)\n\\set s random(0, 1)\nSELECT rewards.adjust(:m, CASE :s WHEN 0 THEN -:p ELSE :p END, unit => 'points', reason => 'load', allow_debt => true);\n" ],
		adjust_stars => [ 3, "\\set m random(1, $members)\n\\set p random(1, 9)\nSELECT rewards.adjust(:m, -:p, unit => 'stars', reason => 'load', allow_debt => true), rewards.adjust(:m, :p, unit => 'visits', reason => 'load');\n" ],
		late => [ 4, "\\set m random(1, $members)\n\\set h random(1, 200)\nINSERT INTO shop.orders (customer_id, total, placed_at) VALUES (:m, 77, shop.now() - :h * interval '1 hour');\n" ],
		clock => [ 16, "\\if :client_id = 0\nSELECT rewards.set_clock(shop.now() + interval '2 hours');\n\\endif\n" ],
		read => [ 5, "\\set m random(1, $members)\nSELECT rewards.balance(:m, 'points'), (SELECT count(*) FROM rewards.statement(:m));\n" ],
		rollback => [ 3, "\\set m random(1, $members)\nBEGIN;\nINSERT INTO shop.orders (customer_id, total) VALUES (:m, 55);\nROLLBACK;\n" ],
	);
	my @args;
	foreach my $name (sort keys %script)
	{
		PostgreSQL::Test::Utils::append_to_file("$dir/$name.sql", $script{$name}[1]);
		push @args, '-f', "$dir/$name.sql\@$script{$name}[0]";
	}
	return @args;
}

# writes scripts that know random numbers :m (a member), :p and :k; pgbench's arguments
sub script_arguments
{
	my ($dir, $members, %script) = @_;
	my @args;
	foreach my $name (sort keys %script)
	{
		PostgreSQL::Test::Utils::append_to_file("$dir/$name.sql", "\\set m random(1, $members)\n\\set p random(1, 40)\n\\set k random(1, 400)\n$script{$name}[1]\n");
		push @args, '-f', "$dir/$name.sql\@$script{$name}[0]";
	}
	return @args;
}

# the same for what members do with their points (see make_rewards)
sub spending_scripts
{
	my ($members) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my $hold = "FROM rewards.hold WHERE hold_no > (SELECT max(operation_no) - 150 FROM rewards.operation)";
	my $spent = "FROM rewards.operation WHERE kind IN ('spend', 'redeem', 'hold', 'hold_reward') AND operation_no > (SELECT max(operation_no) - 150 FROM rewards.operation)";
	my %script = (
		spend => [ 10, "SELECT shop.try(format('SELECT rewards.spend(%s, %s, unit => %L)', :m, :p, CASE :k % 3 WHEN 0 THEN 'miles' ELSE 'points' END));" ],
		once => [ 4, "SELECT shop.try(format('SELECT rewards.spend(%s, 3, unit => %L, key => %L)', 1 + :k % $members, 'points', 'k' || :k));" ],
		hold => [ 6, "SELECT shop.try(format('SELECT rewards.hold(%s, %s, unit => %L, for_ => %L)', :m, :p, CASE :k % 3 WHEN 0 THEN 'stars' ELSE 'points' END, '90 minutes'));" ],
		capture => [ 4, "SELECT shop.try(format('SELECT rewards.capture(%s)', hold_no)) FROM (SELECT hold_no $hold AND status IN ('held', 'lapsed') ORDER BY random() LIMIT 1) h;" ],
		capture_part => [ 2, "SELECT shop.try(format('SELECT rewards.capture(%s, 1)', hold_no)) FROM (SELECT hold_no $hold AND kind = 'hold' AND status = 'held' ORDER BY random() LIMIT 1) h;" ],
		release => [ 3, "SELECT shop.try(format('SELECT rewards.release(%s)', hold_no)) FROM (SELECT hold_no $hold AND status = 'held' ORDER BY random() LIMIT 1) h;" ],
		cancel => [ 5, "SELECT shop.try(format('SELECT rewards.cancel(%s)', operation_no)) FROM (SELECT operation_no $spent ORDER BY random() LIMIT 1) o;" ],
		cancel_part => [ 3, "SELECT shop.try(format('SELECT rewards.cancel(%s, 1)', operation_no)) FROM (SELECT operation_no $spent AND kind = 'spend' ORDER BY random() LIMIT 1) o;" ],
		transfer => [ 8, "SELECT shop.try(format('SELECT rewards.transfer(%s, %s, %s, unit => %L)', :m, 1 + (:m + :p) % $members, :p, 'points')) WHERE 1 + (:m + :p) % $members <> :m;" ],
		redeem => [ 8, "SELECT shop.try(format('SELECT rewards.redeem(%s, %L, quantity => %s)', :m, (ARRAY['mug', 'pin', 'bag', 'cap', 'voucher'])[1 + :k % 5], 1 + :p % 2));" ],
		hold_reward => [ 5, "SELECT shop.try(format('SELECT rewards.hold_reward(%s, %L)', :m, (ARRAY['mug', 'pin', 'bag', 'cap', 'voucher'])[1 + :k % 5]));" ],
		code => [ 3, "SELECT ok FROM rewards.redeem_code('W' || (1 + :k % 4), :m);" ],
		pay => [ 6, "SELECT shop.try(format('INSERT INTO shop.paid (customer_id, total, points_used) VALUES (%s, 9.99, %s), (%s, 1, 2)', :m, :p, 1 + :k % $members));" ],
		pay_change => [ 3, "SELECT shop.try(format('UPDATE shop.paid SET points_used = %s WHERE paid_id = %s', :p, paid_id)) FROM (SELECT paid_id FROM shop.paid ORDER BY random() LIMIT 1) p;" ],
		pay_member => [ 1, "SELECT shop.try(format('UPDATE shop.paid SET customer_id = %s WHERE paid_id = %s', :m, paid_id)) FROM (SELECT paid_id FROM shop.paid ORDER BY random() LIMIT 1) p;" ],
		pay_back => [ 2, "DELETE FROM shop.paid WHERE paid_id = (SELECT paid_id FROM shop.paid ORDER BY random() LIMIT 1);" ],
		history => [ 2, "SELECT count(*) FROM rewards.statement(:m, unit => 'points');" ],
	);
	return script_arguments($dir, $members, %script);
}

# what concerns tiers and what they bring (see make_standing)
sub standing_scripts
{
	my ($members) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my %script = (
		benefit => [ 6, "SELECT shop.try(format('SELECT rewards.use_benefit(%s, %L)', :m, (ARRAY['lounge', 'coffee'])[1 + :k % 2]));" ],
		benefit_once => [ 2, "SELECT shop.try(format('SELECT rewards.use_benefit(%s, %L, %L)', 1 + :k % $members, 'lounge', 'b' || :k));" ],
		benefit_back => [ 2, "SELECT shop.try(format('SELECT rewards.cancel(%s)', use_no)) FROM (SELECT use_no FROM rewards.benefit_use ORDER BY random() LIMIT 1) u;" ],
		claim => [ 3, "SELECT shop.try(format('SELECT rewards.claim(%s)', :k));" ],
		give_tier => [ 2, "SELECT shop.try(format('SELECT rewards.set_tier(%s, %L, %L, until => %L)', :m, (ARRAY['Silver', 'Gold', 'Red'])[1 + :k % 3], 'a friend', shop.now() + interval '20 hours'));" ],
		take_tier => [ 1, "SELECT shop.try(format('SELECT rewards.set_tier(%s, NULL, %L, tier_group => %L)', :m, 'no friend', (ARRAY['status', 'club'])[1 + :k % 2]));" ],
		late_tier => [ 4, "INSERT INTO shop.orders (customer_id, total, placed_at) VALUES (:m, :k, shop.now() - :p * interval '1 hour');" ],
		late_many => [ 3, "INSERT INTO shop.orders (customer_id, total, placed_at) SELECT 1 + (:m + i * 7) % $members, :p, shop.now() - i * interval '9 hours' FROM generate_series(0, 5) i;" ],
		late_basket => [ 2, "INSERT INTO shop.lines (basket, customer_id, price, placed_at) VALUES (:k + 1000 * :m, :m, :p, shop.now() - :p * interval '1 hour');" ],
		hat => [ 3, "SELECT shop.try(format('SELECT rewards.%s(%s, %L, quantity => %s)', (ARRAY['redeem', 'hold_reward'])[1 + :k % 2], :m, 'hat', 1 + :p % 2));" ],
		auto_back => [ 2, "SELECT shop.try(format('SELECT rewards.cancel(%s)', operation_no)) FROM (SELECT operation_no FROM rewards.operation WHERE kind = 'auto_redeem' ORDER BY random() LIMIT 1) o;" ],
		reversed => [ 2, "SELECT shop.try(format('SELECT rewards.reverse(%s, %L)', operation_no, 'x')) FROM (SELECT operation_no FROM rewards.operation WHERE kind IN ('adjust', 'transfer', 'spend', 'claim') ORDER BY random() LIMIT 1) o;" ],
		stands => [ 3, "SELECT tier_group, tier, until FROM rewards.standing WHERE member_id = :m;" ],
		stood => [ 1, "SELECT rewards.tier_at(:m, 'club', at => shop.now() - :p * interval '1 hour'), rewards.tier_at(:m, 'status', known_at => shop.now() - :p * interval '1 hour');" ],
	);
	return script_arguments($dir, $members, %script);
}

# what an owner changes while all this goes on
sub admin_scripts
{
	my ($members) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my %script = (
		threshold => [ 4, "UPDATE rewards.tier SET threshold = 400 + :p * 5 WHERE name = 'Silver';" ],
		thresholds => [ 4, "UPDATE rewards.tier SET threshold = threshold + CASE :k % 2 WHEN 0 THEN 1 ELSE -1 END WHERE tier_group = 'club' AND threshold BETWEEN 15 AND 100;" ],
		multiplier => [ 4, "UPDATE rewards.rule SET earn = (ARRAY['x1.5', 'x2'])[1 + :k % 2]::loyalty.rate WHERE name = 'silver';" ],
		budgets => [ 4, "UPDATE rewards.rule SET budget = budget + 1 WHERE budget IS NOT NULL AND name <> 'miles';" ],
		one_budget => [ 4, "UPDATE rewards.rule SET budget = budget + 1 WHERE name = (ARRAY['tokens', 'tokens of lines', 'chips', 'red'])[1 + :k % 4];" ],
		unit => [ 4, "UPDATE rewards.unit SET return_grace = (:p || ' hours')::loyalty.period WHERE name = 'miles';" ],
		prices => [ 4, "UPDATE rewards.reward_price SET points = 30 + :p % 9 WHERE reward IN ('left', 'right');" ],
		stocks => [ 4, "UPDATE rewards.reward SET stock = stock + 1 WHERE stock IS NOT NULL AND name <> 'pin';" ],
		one_stock => [ 4, "UPDATE rewards.reward SET stock = stock + 1 WHERE name = (ARRAY['sock', 'shoe', 'right', 'mug', 'hat'])[1 + :k % 5];" ],
		unlimited => [ 4, "UPDATE rewards.reward SET stock = CASE WHEN stock IS NULL THEN 500 END WHERE name = 'bag';" ],
		more_codes => [ 4, "SELECT rewards.generate_codes((ARRAY['left', 'right', 'off'])[1 + :k % 3], 3);" ],
		attributes => [ 4, "UPDATE rewards.member SET attributes = jsonb_build_object('n', :k) WHERE member_id = :m;" ],
		zone => [ 4, "UPDATE rewards.member SET time_zone = (ARRAY['Asia/Tokyo', NULL])[1 + :k % 2] WHERE member_id = :m;" ],
		benefits => [ 4, "UPDATE rewards.tier_benefit SET attributes = jsonb_build_object('n', :k) WHERE name = 'lounge';" ],
		offers => [ 4, "INSERT INTO rewards.bonus (member_id, principal, reason, offered_at) VALUES (:m, :p, 'one more', shop.now()) ;" ],
		backfill => [ 4, "CALL rewards.backfill('paid');" ],
	);
	# one client does it all: two owners at once may wait in a circle
	$_->[1] = "\\if :client_id = 1\n$_->[1]\n\\endif\n" foreach values %script;
	return script_arguments($dir, $members, %script);
}

# everything a program knows that readers see, in one string
sub fingerprint
{
	my ($node, $dbname) = @_;
	return $node->safe_psql($dbname, <<'SQL');
SELECT member_id, unit, available, pending, held, debt, earned, spent, expired, next_expiry_at FROM rewards.balances ORDER BY 1, 2;
SELECT * FROM rewards.hold ORDER BY hold_no;
SELECT to_jsonb(o) FROM rewards.operation o ORDER BY operation_no;
SELECT * FROM rewards.redemptions ORDER BY id;
SELECT redemption_no, code FROM rewards.redemption ORDER BY 1;
SELECT reward, price, stock_left FROM rewards.catalogue ORDER BY 1, 2;
SELECT * FROM rewards.vouchers ORDER BY code COLLATE "C";
SELECT * FROM rewards.code_uses ORDER BY id;
SELECT * FROM rewards.voucher_attempt ORDER BY 1;
SELECT to_jsonb(b) FROM rewards.bonuses b ORDER BY bonus;
SELECT * FROM rewards.standing ORDER BY member_id, tier_group;
SELECT member_id, g.name, rewards.tier_at(member_id, g.name), rewards.tier_at(member_id, g.name, at => clock - interval '1 month'), rewards.tier_at(member_id, g.name, at => clock + interval '1 year'), rewards.tier_at(member_id, g.name, known_at => clock - interval '1 hour')
FROM rewards.account CROSS JOIN rewards.tier_group g CROSS JOIN rewards.program ORDER BY 1, 2;
SELECT * FROM rewards.benefits ORDER BY member_id, tier_group, benefit;
SELECT * FROM rewards.benefit_use ORDER BY use_no;
SELECT * FROM rewards.tier_history ORDER BY change_no;
SELECT member_id, entry_no, occurred_at, posted_at, kind, unit, points, rule, source, event_key FROM rewards.history ORDER BY 1, 2;
SELECT order_id, member_id, unit, points FROM rewards.orders_points WHERE points <> 0 ORDER BY 1, 2, 3;
SELECT name, relation, attached FROM rewards.source ORDER BY 1;
SELECT name, source, unit, earn, max_per_member, budget, enabled FROM rewards.rule ORDER BY 1;
SQL
}

# the lines of a dump without what differs by itself: rows that are inserted lie
# where the table had room for them, in any order
sub clean_dump
{
	my ($file) = @_;
	my $text = PostgreSQL::Test::Utils::slurp_file($file);
	$text =~ s/^\\(un)?restrict .*\n//mg;
	return join "\n", sort split /\n/, $text;
}

1;
