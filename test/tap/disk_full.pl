# The disk is full in the middle of a load: a statement and a backfill fail, nothing
# of them is half there, and with room again they go on.  (A limit on the size
# of files stands in for the disk: a table cannot grow beyond it.)
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use LoyaltyTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('full', extra => [ '--wal-segsize', '1' ]);
make_shop($node, 'postgres');
$node->safe_psql('postgres', <<'SQL');
INSERT INTO shop.orders (customer_id, total) SELECT i % 50, i % 90 FROM generate_series(1, 1000) i;
CREATE TABLE shop.old_orders (id bigint PRIMARY KEY, customer_id bigint, total integer, at timestamptz);
INSERT INTO shop.old_orders SELECT i, 5000 + i % 5000, 1 + i % 50, timestamptz '2024-01-01' + i * interval '1 minute' FROM generate_series(1, 40000) i;
SELECT rewards.attach('shop.old_orders', member => 'customer_id', amount => 'total', occurred_at => 'at');
INSERT INTO rewards.rule (name, source, unit, earn) VALUES ('old', 'old_orders', 'miles', '1 per 1');
SQL
my $largest = q{SELECT relname FROM pg_class ORDER BY pg_relation_size(oid) DESC LIMIT 1};
is($node->safe_psql('postgres', $largest), 'old_orders', 'the largest table is the shop\'s own');
my $limit = $node->safe_psql('postgres', q{SELECT pg_relation_size('shop.old_orders') / 1024 + 1024});
cmp_ok($limit, '>', 1024, 'the server can still write its log of changes');

# no file may grow beyond that
$node->stop;
command_ok([ 'bash', '-c', "ulimit -f $limit; exec pg_ctl -w -D \"\$0\" -l \"\$1\" start", $node->data_dir, $node->logfile ], 'the server starts with little room');

my $before = $node->safe_psql('postgres', 'SELECT count(*), (SELECT count(*) FROM shop.orders) FROM rewards.entry');
my ($rc, $out, $err) = $node->psql('postgres', 'INSERT INTO shop.orders (customer_id, total) SELECT i % 5000, 1 FROM generate_series(1, 60000) i');
isnt($rc, 0, 'a load that does not fit fails');
like($err, qr/could not (extend|write)/, '... and says why');
is($node->safe_psql('postgres', 'SELECT count(*), (SELECT count(*) FROM shop.orders) FROM rewards.entry'), $before, 'nothing of it is there');
$node->safe_psql('postgres', 'VACUUM');	# its dead rows go, too

($rc, $out, $err) = $node->psql('postgres', q{CALL rewards.backfill('old_orders')});
isnt($rc, 0, 'a backfill that does not fit fails');
like($err, qr/could not (extend|write)/, '... and says why');

# room again
command_ok([ 'pg_ctl', '-w', '-D', $node->data_dir, '-m', 'fast', 'stop' ], 'the server stops');
$node->start;
is($node->safe_psql('postgres', 'SELECT invariant, detail FROM rewards.verify() WHERE detail NOT LIKE $$%source "old_orders"%$$'), '', 'verify() misses only what has not been posted yet');
$node->safe_psql('postgres', q{CALL rewards.backfill('old_orders')});
is($node->safe_psql('postgres', q{SELECT count(DISTINCT event_key), count(*), sum(points) FROM rewards.history WHERE source = 'old_orders'}), '40000|40000|1020000', 'the backfill posts the rest, nothing twice');
is_sound($node, 'postgres', 'with room again');
$node->stop;
done_testing();
