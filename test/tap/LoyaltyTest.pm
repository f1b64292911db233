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

our @EXPORT = qw(new_node make_shop load_scripts is_sound wrong_totals fingerprint clean_dump);

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

# members whose points are not what their orders, baskets and adjustments say,
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
	SELECT member_id, points FROM rewards.history WHERE kind = 'adjust' AND unit = 'points'
), wanted AS (
	SELECT member_id, sum(points) AS points FROM (TABLE orders UNION ALL TABLE baskets UNION ALL TABLE adjusted) a
	WHERE member_id IS NOT NULL GROUP BY member_id
)
SELECT format('member %s: %s points, should be %s', member_id, coalesce(b.available - b.debt, 0), coalesce(w.points, 0))
FROM wanted w FULL JOIN (SELECT * FROM rewards.balances WHERE unit = 'points') b USING (member_id)
WHERE coalesce(b.available - b.debt, 0) <> coalesce(w.points, 0)
UNION ALL
SELECT format('event %s of member %s: %s %s', event_key, member_id, sum(points), unit) FROM rewards.history
WHERE event_key IS NOT NULL GROUP BY source, event_key, member_id, unit HAVING sum(points) < 0
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
		clock => [ 2, "\\if :client_id = 0\nSELECT rewards.set_clock(shop.now() + interval '2 hours');\n\\endif\n" ],
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

# everything a program knows that readers see, in one string
sub fingerprint
{
	my ($node, $dbname) = @_;
	return $node->safe_psql($dbname, <<'SQL');
SELECT member_id, unit, available, pending, debt, earned, expired, next_expiry_at FROM rewards.balances ORDER BY 1, 2;
SELECT member_id, entry_no, occurred_at, posted_at, kind, unit, points, rule, source, event_key FROM rewards.history ORDER BY 1, 2;
SELECT order_id, member_id, unit, points FROM rewards.orders_points WHERE points <> 0 ORDER BY 1, 2, 3;
SELECT name, relation, attached FROM rewards.source ORDER BY 1;
SELECT name, source, unit, earn, max_per_member, budget, enabled FROM rewards.rule ORDER BY 1;
SQL
}

# the text of a dump without what differs by itself
sub clean_dump
{
	my ($file) = @_;
	my $text = PostgreSQL::Test::Utils::slurp_file($file);
	$text =~ s/^\\(un)?restrict .*\n//mg;
	return $text;
}

1;
