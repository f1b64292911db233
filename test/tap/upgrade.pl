# pg_upgrade carries a program over: no column of a kind it refuses, every
# reference to an object by name.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use LoyaltyTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $old = new_node('old');
make_shop($old, 'postgres');
$old->safe_psql('postgres', <<'SQL');
INSERT INTO shop.orders (customer_id, total) SELECT i % 10, i FROM generate_series(1, 100) i;
UPDATE rewards.rule SET earn = '2 per 1' WHERE name = 'base';
INSERT INTO shop.orders (customer_id, total) VALUES (1, 100);
SQL
my $before = fingerprint($old, 'postgres');
$old->stop;

my $new = PostgreSQL::Test::Cluster->new('new');
$new->init;
my $bin = $old->config_data('--bindir');
my $dir = PostgreSQL::Test::Utils::tempdir();
chdir $dir or die;
command_ok([ 'pg_upgrade', '--no-sync', '-d', $old->data_dir, '-D', $new->data_dir, '-b', $bin, '-B', $bin, '-s', $new->host, '-p', $old->port, '-P', $new->port ], 'pg_upgrade');
$new->start;
is(fingerprint($new, 'postgres'), $before, 'everything readers see is as it was');
$new->safe_psql('postgres', 'INSERT INTO shop.orders (customer_id, total) VALUES (50, 100); UPDATE shop.orders SET total = 50 WHERE order_id = 1');
is($new->safe_psql('postgres', q{SELECT rewards.balance(50, 'points')}), '200', 'it goes on');
is($new->safe_psql('postgres', 'SELECT * FROM rewards.verify()'), '', 'verify() finds nothing');
$new->stop;
done_testing();
