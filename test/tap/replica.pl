# A standby reads; a subscriber takes what comes and posts nothing of its own.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use LoyaltyTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = new_node('primary', allows_streaming => 'logical');
make_shop($primary, 'postgres');
$primary->safe_psql('postgres', 'INSERT INTO shop.orders (customer_id, total) SELECT i % 10, i FROM generate_series(1, 100) i');

# physical
$primary->backup('b');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'b', has_streaming => 1);
$standby->start;
$primary->safe_psql('postgres', 'UPDATE shop.orders SET total = total * 2 WHERE order_id % 3 = 0; INSERT INTO shop.lines (basket, customer_id, price) VALUES (1, 1, 5)');
$primary->wait_for_catchup($standby, 'replay');
is(fingerprint($standby, 'postgres'), fingerprint($primary, 'postgres'), 'a standby reads what the primary has');
is($standby->safe_psql('postgres', q{SELECT rewards.balance(1, 'points'), rewards.balance(1, 'points', at => '2027-01-01')}),
	$primary->safe_psql('postgres', q{SELECT rewards.balance(1, 'points'), rewards.balance(1, 'points', at => '2027-01-01')}), 'balance()');
is($standby->safe_psql('postgres', 'SELECT count(*) FROM rewards.statement(1)'), $primary->safe_psql('postgres', 'SELECT count(*) FROM rewards.statement(1)'), 'statement()');
is($standby->safe_psql('postgres', 'SELECT * FROM rewards.verify()'), '', 'verify() runs there');
isnt($standby->safe_psql('postgres', q{SELECT * FROM rewards.preview('orders', '{"customer_id": 1, "total": 10, "placed_at": "2026-01-10 12:00Z"}')}), '', 'preview() too');
isnt(($standby->psql('postgres', q{SELECT rewards.adjust(1, 1, unit => 'points', reason => 'x')}))[0], 0, 'what writes is refused');
# after promotion it posts
$primary->safe_psql('postgres', 'CHECKPOINT');
$primary->wait_for_catchup($standby, 'replay');
$standby->promote;
$standby->safe_psql('postgres', 'INSERT INTO shop.orders (customer_id, total) VALUES (500, 12)');
is($standby->safe_psql('postgres', q{SELECT rewards.balance(500, 'points')}), '12', 'promoted, it posts');
is_sound($standby, 'postgres', 'promoted');
$standby->stop;

# logical: purchases and program replicated, the subscriber's own triggers stay silent
my $subscriber = new_node('subscriber', allows_streaming => 'logical');
my $dir = PostgreSQL::Test::Utils::tempdir();
command_ok([ 'pg_dump', '-h', $primary->host, '-p', $primary->port, '--schema-only', '-f', "$dir/schema.sql", 'postgres' ], 'the schema dumped');
command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-h', $subscriber->host, '-p', $subscriber->port, '-f', "$dir/schema.sql", '-o', "$dir/out", 'postgres' ], 'and restored');
my $conninfo = $primary->connstr . ' dbname=postgres';
$primary->safe_psql('postgres', 'CREATE PUBLICATION everything FOR TABLES IN SCHEMA shop, rewards');
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION s CONNECTION '$conninfo' PUBLICATION everything");
$subscriber->wait_for_subscription_sync($primary, 's') if $subscriber->can('wait_for_subscription_sync');
$subscriber->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_subscription_rel WHERE srsubstate NOT IN ('r', 's')});
$primary->safe_psql('postgres', <<'SQL');
INSERT INTO shop.orders (customer_id, total) VALUES (1, 11), (601, 13);
UPDATE shop.orders SET total = 1 WHERE order_id = 5;
DELETE FROM shop.orders WHERE order_id = 6;
UPDATE rewards.rule SET earn = '2 per 1' WHERE name = 'base';
INSERT INTO shop.orders (customer_id, total) VALUES (602, 10);
SELECT rewards.adjust(602, -3, unit => 'points', reason => 'x');
SQL
$primary->wait_for_catchup('s');
is(fingerprint($subscriber, 'postgres'), fingerprint($primary, 'postgres'), 'a subscriber has what the publisher has, nothing twice');
is($subscriber->safe_psql('postgres', 'SELECT count(*) FROM rewards.entry'), $primary->safe_psql('postgres', 'SELECT count(*) FROM rewards.entry'), 'line for line');
is($subscriber->safe_psql('postgres', 'SELECT * FROM rewards.verify()'), '', 'verify() on the subscriber');

# only purchases replicated, to a program of the subscriber's own: nothing is
# posted until somebody asks for it
$subscriber->safe_psql('postgres', 'CREATE DATABASE own');
make_shop($subscriber, 'own');
$primary->safe_psql('postgres', 'CREATE PUBLICATION orders FOR TABLE shop.orders');
$subscriber->safe_psql('own', "CREATE SUBSCRIPTION own CONNECTION '$conninfo' PUBLICATION orders");
$subscriber->poll_query_until('own', q{SELECT count(*) = 0 FROM pg_subscription_rel WHERE srsubstate NOT IN ('r', 's')});
$primary->safe_psql('postgres', 'INSERT INTO shop.orders (customer_id, total) VALUES (700, 30); DELETE FROM shop.orders WHERE order_id = 7');
$primary->wait_for_catchup('own');
is($subscriber->safe_psql('own', 'SELECT count(*) FROM shop.orders'), $primary->safe_psql('postgres', 'SELECT count(*) FROM shop.orders'), 'purchases arrive at another program');
is($subscriber->safe_psql('own', 'SELECT count(*) FROM rewards.entry'), '0', 'which posts nothing of what is replicated');
isnt($subscriber->safe_psql('own', 'SELECT count(*) FROM rewards.verify()'), '0', 'verify() says so');
$subscriber->safe_psql('own', q{SELECT count(*) FROM rewards.reconcile('orders')});
is($subscriber->safe_psql('own', q{SELECT rewards.balance(700, 'points')}), '30', 'reconcile() posts it');
is($subscriber->safe_psql('own', 'SELECT * FROM rewards.verify()'), '', 'and verify() is content');

$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION s');
$subscriber->safe_psql('own', 'DROP SUBSCRIPTION own');
# the subscriber takes over: its sequences have to be set, as for any table
$subscriber->safe_psql('postgres', <<'SQL');
SELECT setval('shop.ids', (SELECT max(order_id) FROM shop.orders) + 1000);
DO $$
DECLARE
	r record;
	top bigint;
BEGIN
	FOR r IN SELECT attrelid::regclass AS t, attname FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
		WHERE relnamespace = 'rewards'::regnamespace AND attidentity <> '' LOOP
		EXECUTE format('SELECT max(%I) FROM %s', r.attname, r.t) INTO top;
		PERFORM setval(pg_get_serial_sequence(r.t::text, r.attname), greatest(top, 1));
	END LOOP;
END
$$;
INSERT INTO shop.orders (customer_id, total) VALUES (800, 10);
SELECT rewards.adjust(800, -3, unit => 'points', reason => 'x');
SQL
is($subscriber->safe_psql('postgres', q{SELECT rewards.balance(800, 'points')}), '17', 'the subscriber takes over and posts by the rules it received');
is($subscriber->safe_psql('postgres', 'SELECT * FROM rewards.verify()'), '', 'verify() is content');
$subscriber->stop;
$primary->stop;
done_testing();
