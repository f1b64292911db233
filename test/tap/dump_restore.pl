# A dump restored is the program as it was, and it goes on from there.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use LoyaltyTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('dump');
make_shop($node, 'postgres');
make_rewards($node, 'postgres');
$node->safe_psql('postgres', <<'SQL');
INSERT INTO shop.orders (customer_id, total) SELECT i % 20, i * 1.37 FROM generate_series(1, 300) i;
UPDATE shop.orders SET status = 'cancelled' WHERE order_id % 7 = 0;
DELETE FROM shop.orders WHERE order_id % 11 = 0;
INSERT INTO shop.refunds (order_id, amount) SELECT order_id, 5 FROM shop.orders WHERE order_id % 13 = 0;
INSERT INTO shop.lines (basket, customer_id, price) SELECT i % 10, i % 10, 3.33 FROM generate_series(1, 50) i;
SELECT rewards.adjust(1, -20, unit => 'points', reason => 'spent', key => 'k1');
UPDATE rewards.rule SET earn = '1 per 3' WHERE name = 'miles';
INSERT INTO shop.orders (customer_id, total) VALUES (1, 99), (21, 99);
UPDATE rewards.member SET attributes = '{"club": "gold"}' WHERE member_id = 1;
INSERT INTO rewards.rule (name, source, unit, earn, condition) VALUES ('club', 'orders', 'points', '3', $$member.attributes ->> 'club' = 'gold' AND status <> 'x'$$);
CREATE TABLE shop.sales (id bigint, at timestamptz, m bigint, v numeric, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE shop.sales_1 PARTITION OF shop.sales FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
SELECT rewards.attach('shop.sales', name => 'sales', member => 'm', amount => 'v', occurred_at => 'at');
INSERT INTO rewards.rule (name, source, unit, earn) VALUES ('sale', 'sales', 'miles', '1 per 1');
CREATE TABLE shop.sales_2 PARTITION OF shop.sales FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
INSERT INTO shop.sales VALUES (1, '2026-01-05 12:00Z', 50, 10), (2, '2026-02-05 12:00Z', 50, 10);
-- two groups of tiers: reached, given by hand, taken, held for life, with benefits used, an excess carried over
INSERT INTO rewards.unit (name, expires, spendable) VALUES ('status', '12 months', false), ('nights', 'to end of month', false);
INSERT INTO rewards.tier_group (name, unit, keep, top_up) VALUES ('club', 'status', '12 months', true);
INSERT INTO rewards.tier_group (name, unit, keep, rollover) VALUES ('stays', 'nights', 'immediately', 'excess');
INSERT INTO rewards.tier (name, tier_group, rank, threshold, life_years) VALUES ('Silver', 'club', 10, 100, NULL), ('Gold', 'club', 20, 300, 1), ('Guest', 'stays', 10, 10, NULL);
INSERT INTO rewards.tier_benefit (tier, name, uses, use_period) VALUES ('Silver', 'lounge', 1, 'year'), ('Gold', 'lounge', 3, 'stay');
INSERT INTO rewards.rule (name, source, unit, earn) VALUES ('status', 'orders', 'status', '1 per 1'), ('nights', 'orders', 'nights', '1 per 10');
INSERT INTO rewards.rule (name, source, unit, earn, tiers) VALUES ('Gold in miles', 'orders', 'miles', 'x2', '{Gold}');
INSERT INTO shop.orders (customer_id, total) VALUES (1, 120), (2, 350), (3, 90), (22, 240);
SELECT rewards.set_tier(23, 'Gold', 'by hand', until => '2026-12-01Z'), rewards.set_tier(24, 'Gold', 'for life', until => 'infinity'), rewards.set_tier(1, NULL, 'taken', tier_group => 'club');
SELECT rewards.use_benefit(2, 'lounge', key => 'b1'), rewards.use_benefit(2, 'lounge'), rewards.use_benefit(22, 'lounge');
SELECT rewards.set_clock('2026-03-01 12:00Z');
SELECT rewards.book_due();
INSERT INTO shop.orders (customer_id, total, placed_at) VALUES (3, 20, '2026-01-15Z'), (22, 60, '2026-02-20Z');
-- what members do with their points: done, half done, undone, and still open
SELECT rewards.spend(2, 30, unit => 'points', key => 's1'), rewards.spend(3, 7, unit => 'miles');
SELECT rewards.cancel((SELECT operation_no FROM rewards.operation WHERE key = 's1'), 10, reason => 'half of it');
SELECT rewards.hold(4, 50, unit => 'points', for_ => '30 days', key => 'h1'), rewards.hold(5, 20, unit => 'points', for_ => '1 hour', key => 'h2'), rewards.hold(6, 20, unit => 'points', key => 'h3');
SELECT rewards.capture((SELECT operation_no FROM rewards.operation WHERE key = 'h3'), 15);
SELECT rewards.transfer(7, 8, 25, unit => 'points'), rewards.redeem_code('W1', 9), rewards.reserve_code('W2', 10, '30 days');
SELECT rewards.redeem(11, 'mug', quantity => 2, key => 'r1'), rewards.redeem(12, 'voucher', key => 'r2'), rewards.redeem(13, 'bag'), rewards.hold_reward(14, 'pin', for_ => '30 days', key => 'r3');
SELECT rewards.cancel((SELECT operation_no FROM rewards.operation WHERE key = 'r1'), quantity => 1);
INSERT INTO rewards.bonus (member_id, principal, step, every, reason) VALUES (15, 100, 5, '1 hour', 'claimed'), (16, 100, 5, '1 hour', 'open');
SELECT rewards.claim(1);
SELECT rewards.set_clock('2026-03-01 14:00Z');
SQL
is($node->safe_psql('postgres', 'SELECT * FROM rewards.verify()'), '', 'sound before');
is($node->safe_psql('postgres', q{SELECT string_agg(DISTINCT cause, ', ' ORDER BY cause) FROM rewards.tier_history UNION ALL SELECT string_agg(DISTINCT kind, ', ') FROM rewards.history WHERE kind = 'rollover'}),
	"by hand, entry, expiry, late row\nrollover", 'all of tiers has happened');
my $before = fingerprint($node, 'postgres');
my $dir = PostgreSQL::Test::Utils::tempdir();
my $port = $node->port;
my @host = ('-h', $node->host, '-p', $port);

# plain
command_ok([ 'pg_dump', @host, '-f', "$dir/plain.sql", 'postgres' ], 'pg_dump, plain');
$node->safe_psql('postgres', 'CREATE DATABASE plain');
command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', @host, '-f', "$dir/plain.sql", '-o', "$dir/psql.out", 'plain' ], 'restored by psql');

# custom, restored in parallel
command_ok([ 'pg_dump', @host, '-Fc', '-f', "$dir/custom", 'postgres' ], 'pg_dump, custom');
$node->safe_psql('postgres', 'CREATE DATABASE custom');
command_ok([ 'pg_restore', '--exit-on-error', '-j', '2', @host, '-d', 'custom', "$dir/custom" ], 'restored by pg_restore, in parallel');

# in sections
$node->safe_psql('postgres', 'CREATE DATABASE sections');
command_ok([ 'pg_restore', '--exit-on-error', "--section=$_", @host, '-d', 'sections', "$dir/custom" ], "restored by section: $_")
	foreach qw(pre-data data post-data);

# as INSERT statements
command_ok([ 'pg_dump', @host, '--inserts', '--rows-per-insert=10', '-f', "$dir/inserts.sql", 'postgres' ], 'pg_dump, as INSERT statements');
$node->safe_psql('postgres', 'CREATE DATABASE inserts');
command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', @host, '-f', "$dir/inserts.sql", '-o', "$dir/psql.out", 'inserts' ], 'restored by psql');

foreach my $db (qw(plain custom sections inserts))
{
	is(fingerprint($node, $db), $before, "$db: everything readers see is as it was");
	is($node->safe_psql($db, 'SELECT * FROM rewards.verify()'), '', "$db: verify() finds nothing");
	command_ok([ 'pg_dump', @host, '-f', "$dir/again.sql", $db ], "$db: dumped again");
	is(clean_dump("$dir/again.sql") eq clean_dump("$dir/plain.sql"), 1, "$db: the same dump");
	unlink "$dir/again.sql";

	# it goes on
	$node->safe_psql($db, <<'SQL');
INSERT INTO shop.orders (customer_id, total, placed_at) VALUES (1, 10, '2026-03-01 12:00Z'), (77, 20, '2026-03-01 12:00Z');
UPDATE shop.orders SET total = total + 1 WHERE order_id = (SELECT min(order_id) FROM shop.orders);
INSERT INTO shop.sales VALUES (3, '2026-01-06 12:00Z', 50, 10);
INSERT INTO shop.sales_2 VALUES (4, '2026-02-06 12:00Z', 50, 10);
CREATE TABLE shop.sales_3 PARTITION OF shop.sales FOR VALUES FROM ('2026-03-01') TO ('2026-04-01');
INSERT INTO shop.sales_3 VALUES (5, '2026-03-01 12:00Z', 50, 10);
SQL
	is($node->safe_psql($db, <<'SQL'), "Gold||Silver\ndone|1\nb1", "$db: tiers go on");
INSERT INTO shop.orders (customer_id, total, placed_at) VALUES (4, 30000, '2026-03-01 12:00Z'), (70, 100, '2026-03-01 12:00Z');
SELECT rewards.tier_at(4, 'club'), rewards.tier_at(4, 'club', at => '2025-12-01'), rewards.tier_at(70, 'club');
SELECT status, (SELECT remaining FROM rewards.benefits WHERE member_id = 2) FROM rewards.use_benefit(2, 'lounge', key => 'b1');
SELECT key FROM rewards.use_benefit(2, 'lounge', key => 'b1') b JOIN rewards.operation o ON o.operation_no = b.id;
SQL
	is($node->safe_psql($db, q{SELECT rewards.balance(77, 'points'), rewards.balance(50, 'miles')}), '20|50', "$db: purchases post");
	is($node->safe_psql($db, q{SELECT id FROM rewards.adjust(1, -20, unit => 'points', reason => 'spent', key => 'k1')}),
		$node->safe_psql('postgres', q{SELECT operation_no FROM rewards.operation WHERE key = 'k1'}), "$db: keys of calls are known");
	is($node->safe_psql($db, <<'SQL'), "f|f|f|f\n20|points|cancelled\n50|points|captured\n5|points|captured\nLY012", "$db: calls are known, holds end, stock and limits go on");
SELECT (SELECT id FROM rewards.spend(2, 30, unit => 'points', key => 's1')) IS DISTINCT FROM (SELECT operation_no FROM rewards.operation WHERE key = 's1'),
	(SELECT code FROM rewards.redeem(12, 'voucher', key => 'r2')) IS DISTINCT FROM (SELECT code FROM rewards.redemption WHERE member_id = 12),
	(SELECT id FROM rewards.hold(4, 50, unit => 'points', for_ => '30 days', key => 'h1')) IS DISTINCT FROM (SELECT operation_no FROM rewards.operation WHERE key = 'h1'),
	(SELECT stock_left FROM rewards.catalogue WHERE reward = 'mug') IS DISTINCT FROM 59;
SELECT points, unit, status FROM rewards.cancel((SELECT operation_no FROM rewards.operation WHERE key = 's1'));
SELECT points, unit, status FROM rewards.capture((SELECT operation_no FROM rewards.operation WHERE key = 'h1'));
SELECT points, unit, status FROM rewards.capture((SELECT operation_no FROM rewards.operation WHERE key = 'r3'));
SELECT sqlstate FROM rewards.redeem_code((SELECT code FROM rewards.redemption WHERE member_id = 12), 12, 10) WHERE NOT ok
UNION ALL SELECT sqlstate FROM rewards.redeem_code((SELECT code FROM rewards.redemption WHERE member_id = 12), 12, 10) WHERE NOT ok;
SQL
	is($node->safe_psql($db, 'SELECT status, points FROM rewards.claim(1) UNION ALL SELECT status, points FROM rewards.claim(2) UNION ALL SELECT status, points FROM rewards.claim(2)'),
		"done|100\ndone|110\ndone|110", "$db: bonuses are claimed once");
	is($node->safe_psql($db, q{SELECT count(*), sum(points) FROM rewards.history WHERE member_id IN (15, 16) AND reason IN ('claimed', 'open')}), '2|210', "$db: and paid once");
	is(exceeded($node, $db), '', "$db: nothing was exceeded");
	is($node->safe_psql($db, 'SELECT * FROM rewards.verify()'), '', "$db: verify() finds nothing");
	isnt(($node->psql($db, 'TRUNCATE shop.orders'))[0], 0, "$db: TRUNCATE is still refused");
	$node->safe_psql($db, q{SELECT rewards.detach('sales'); SELECT rewards.attach('shop.sales', name => 'sales_again', member => 'm', amount => 'v', occurred_at => 'at')});
}

# a program that is dropped leaves nothing, and another of its name starts anew
$node->safe_psql('plain', q{SELECT loyalty.drop_program('rewards', force => true)});
is($node->safe_psql('plain', q{SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal}), '0', 'a dropped program leaves no trigger');
is($node->safe_psql('plain', q{SELECT count(*) FROM pg_namespace WHERE nspname = 'rewards'}), '0', 'nor its schema');
$node->safe_psql('plain', q{INSERT INTO shop.orders (customer_id, total, placed_at) VALUES (1, 10, '2026-03-01 12:00Z'); DROP EXTENSION loyalty});
pass('and the extension can be dropped');

$node->stop;
done_testing();
