# The server is killed in the middle of a load: what is there afterwards is
# whole, purchases with their points and points with their purchases.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use IPC::Run;
use LoyaltyTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $rounds = $ENV{CRASH_ROUNDS} // 3;
my $node = new_node('crash');
$node->append_conf('postgresql.conf', "restart_after_crash = off\n");
$node->restart;
make_shop($node, 'postgres');
make_rewards($node, 'postgres');
make_standing($node, 'postgres');
my @load = (load_scripts(25), spending_scripts(25), standing_scripts(25));

# the killed server's processes go by themselves; then it starts again
sub start_again
{
	my ($node) = @_;
	foreach (1 .. 300)
	{
		return if $node->start(fail_ok => 1);
		select(undef, undef, undef, 0.2);
		$node->stop('fast', fail_ok => 1);
	}
	$node->start;
	return;
}

# what is spent, redeemed, used and held is no more and no less than there was
sub is_whole
{
	my ($what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is_sound($node, 'postgres', $what);
	is(exceeded($node, 'postgres') . exceeded_standing($node, 'postgres'), '', "$what: nothing was exceeded");
	return;
}

my $lines = 0;
foreach my $round (1 .. $rounds)
{
	my ($out, $err) = ('', '');
	my $bench = IPC::Run::start([ 'pgbench', '-n', '-h', $node->host, '-p', $node->port, '-c', 8, '-j', 2, '-T', 120, @load, 'postgres' ], '<', \undef, '>', \$out, '2>', \$err);
	# wait for work to have been done, not for time to pass
	ok($node->poll_query_until('postgres', "SELECT count(*) > $lines + 300 FROM rewards.entry"), "round $round: the load runs");
	# by turns the whole server, a backend in the middle of its work, an immediate shutdown
	if ($round % 3 == 1)
	{
		$node->kill9;
	}
	elsif ($round % 3 == 2)
	{
		my $pid = $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY backend_xid IS NULL, pid LIMIT 1});
		kill 'KILL', $pid;
		$bench->finish;
		$node->stop('immediate', fail_ok => 1);
	}
	else
	{
		$node->stop('immediate');
	}
	$bench->finish unless $round % 3 == 2;
	start_again($node);
	is_whole("round $round, after the crash");
	$lines = $node->safe_psql('postgres', 'SELECT count(*) FROM rewards.entry');
	cmp_ok($lines, '>', 300 * $round - 1, "round $round: committed lines are there");
	$node->safe_psql('postgres', 'INSERT INTO shop.orders (customer_id, total) VALUES (1, 10)');
	is_whole("round $round, going on");
}

# a backfill is interrupted by a crash, and goes on where it was
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE shop.old_orders (id bigint PRIMARY KEY, customer_id bigint, total numeric, at timestamptz);
INSERT INTO shop.old_orders SELECT i, 5000 + i % 100, i % 50, timestamptz '2024-01-01' + i * interval '3 minutes' FROM generate_series(1, 100000) i;
SELECT rewards.attach('shop.old_orders', name => 'old_orders', member => 'customer_id', amount => 'total', occurred_at => 'at');
INSERT INTO rewards.rule (name, source, unit, earn) VALUES ('old', 'old_orders', 'miles', '1 per 1');
SQL
my ($fill_out, $fill_err) = ('', '');
my $fill = IPC::Run::start([ 'psql', '-X', '-h', $node->host, '-p', $node->port, '-d', 'postgres', '-c', "CALL rewards.backfill('old_orders')" ], '<', \undef, '>', \$fill_out, '2>', \$fill_err);
ok($node->poll_query_until('postgres', "SELECT count(*) > 0 FROM rewards.history WHERE source = 'old_orders'"), 'a backfill has posted something');
$node->kill9;
$fill->finish;
start_again($node);
is($node->safe_psql('postgres', 'SELECT invariant, detail FROM rewards.verify() WHERE detail NOT LIKE $$%source "old_orders"%$$'), '', 'after the crash verify() misses only what has not been posted yet');
my $posted = $node->safe_psql('postgres', q{SELECT count(*) FROM rewards.history WHERE source = 'old_orders'});
note("$posted of 98000 events were posted");
$node->safe_psql('postgres', q{CALL rewards.backfill('old_orders')});
is($node->safe_psql('postgres', q{SELECT count(DISTINCT event_key), count(*), sum(points) FROM rewards.history WHERE source = 'old_orders'}), '98000|98000|2450000', 'called again it posts the rest, nothing twice');
is($node->safe_psql('postgres', 'SELECT * FROM rewards.verify() LIMIT 5'), '', 'verify() finds nothing');
$node->safe_psql('postgres', q{SELECT rewards.detach('old_orders')});

# a backend dies, and a statement is cancelled, in the middle of a large load
foreach my $how ('terminate', 'cancel')
{
	my $before = $node->safe_psql('postgres', 'SELECT count(*), (SELECT count(*) FROM shop.orders) FROM rewards.entry');
	my ($out, $err) = ('', '');
	my $load = IPC::Run::start([ 'psql', '-X', '-h', $node->host, '-p', $node->port, '-d', 'postgres', '-c',
			"/* big load */ INSERT INTO shop.orders (customer_id, total) SELECT i % 5000, 1 FROM generate_series(1, 2000000) i" ], '<', \undef, '>', \$out, '2>', \$err);
	ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE '/* big load */%' AND state = 'active' AND backend_xid IS NOT NULL"), "$how: a large load runs");
	$node->safe_psql('postgres', "SELECT pg_${how}_backend(pid) FROM pg_stat_activity WHERE query LIKE '/* big load */%'");
	$load->finish;
	isnt($load->result(0), 0, "$how: it ended with an error");
	is($node->safe_psql('postgres', 'SELECT count(*), (SELECT count(*) FROM shop.orders) FROM rewards.entry'), $before, "$how: nothing of it is there");
	is_sound($node, 'postgres', "after $how");
}

$node->stop;

# the least WAL there can be, and a crash right after the program was made
my $minimal = new_node('minimal');
$minimal->append_conf('postgresql.conf', "wal_level = minimal\nmax_wal_senders = 0\n");
$minimal->restart;
make_shop($minimal, 'postgres');
$minimal->safe_psql('postgres', 'INSERT INTO shop.orders (customer_id, total) VALUES (1, 10)');
$minimal->kill9;
start_again($minimal);
is_sound($minimal, 'postgres', 'wal_level = minimal');
$minimal->safe_psql('postgres', 'CREATE TABLE shop.later (id bigint PRIMARY KEY, customer_id bigint, total numeric)');
my ($rc, $out, $err) = $minimal->psql('postgres', q{SELECT rewards.attach('shop.later', name => 'later', member => 'customer_id', amount => 'total', occurred_at => $$'2026-01-10 12:00Z'::timestamptz$$)});
is($rc, 0, 'wal_level = minimal: a table attached after the crash') or diag($err);
$minimal->stop;
done_testing();
