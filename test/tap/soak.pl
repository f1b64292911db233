# Many sessions do what shops do, and their members with their points, all at
# once, over few members and scarce rewards: no deadlock, no error, and afterwards
# everything adds up.  SOAK_SECONDS says for how long.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use LoyaltyTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $seconds = $ENV{SOAK_SECONDS} // 60;
my $clients = $ENV{SOAK_CLIENTS} // 16;
my $node = new_node('soak');
$node->append_conf('postgresql.conf', "deadlock_timeout = 200ms\nlog_lock_waits = on\nlog_line_prefix = '[%e] %p '\nsynchronous_commit = off\n");
$node->restart;
make_shop($node, 'postgres');
make_rewards($node, 'postgres');
make_standing($node, 'postgres');
$node->safe_psql('postgres', <<'SQL');
-- tells in its error what verify() finds
CREATE FUNCTION must_be_sound() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	found text := (SELECT string_agg(v::text, ' ') FROM rewards.verify() v);
BEGIN
	IF found IS NOT NULL THEN
		RAISE EXCEPTION 'verify() finds: %', found;
	END IF;
END $$;
SQL
# bookkeeping and configuration beside it
my @load = (load_scripts(25), spending_scripts(25), standing_scripts(25), admin_scripts(25));
my $dir = PostgreSQL::Test::Utils::tempdir();
append_to_file("$dir/book.sql", "\\set d random(1, 1000)\nSELECT rewards.book_due(5);\n");
append_to_file("$dir/config.sql", "\\set d random(1, 1000)\nUPDATE rewards.rule SET priority = :d WHERE name = 'miles';\n");
append_to_file("$dir/reconcile.sql", "SELECT count(*) FROM rewards.reconcile('orders');\n");
append_to_file("$dir/verify.sql", "SELECT must_be_sound();\n");

my ($out, $err);
my $ok = IPC::Run::run([ 'pgbench', '-n', '-h', $node->host, '-p', $node->port, '-c', $clients, '-j', 2, '-T', $seconds, '--failures-detailed', @load,
		'-f', "$dir/book.sql\@1", '-f', "$dir/config.sql\@1", '-f', "$dir/reconcile.sql\@1", '-f', "$dir/verify.sql\@1", 'postgres' ], '<', \undef, '>', \$out, '2>', \$err);
ok($ok, "$clients clients for $seconds seconds") or diag($err);
my @errors = grep { /ERROR|FATAL|PANIC|aborted/ } split /\n/, $err;
is(join("\n", @errors), '', 'no session met an error');
my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile);
is(join("\n", $log =~ /^(\[40P01.*\n(?:\t.*\n)*)/mg), '', 'no deadlock');
unlike($log, qr/PANIC|terminated by signal/, 'no crash');
is(join("\n", grep { /^\[XX/ } split /\n/, $log), '', 'no internal error');
note($1) if $out =~ /(number of transactions actually processed: \d+)/;
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM rewards.entry'), '>', 100, 'something was done');
is_sound($node, 'postgres', 'afterwards');
is(exceeded($node, 'postgres'), '', 'no stock, limit, hold or key was exceeded');
is(exceeded_standing($node, 'postgres'), '', 'no benefit, bonus or budget either, and accounts are the sum of their lines, booked or not');
is($node->safe_psql('postgres', "SELECT string_agg(DISTINCT kind, ' ' ORDER BY kind) FROM rewards.operation WHERE kind NOT IN ('generate_codes', 'import_codes', 'capture', 'release')"),
	'adjust auto_redeem cancel claim hold hold_reward redeem redeem_code reverse set_tier spend transfer use_benefit', 'something of everything was done');
is($node->safe_psql('postgres', "SELECT string_agg(DISTINCT status, ' ' ORDER BY status) FROM rewards.hold WHERE status IN ('captured', 'released', 'lapsed')"),
	'captured lapsed released', 'holds ended in every way');
note($node->safe_psql('postgres', "SELECT string_agg(n || ' ' || kind, ', ') FROM (SELECT kind, count(*) AS n FROM rewards.operation GROUP BY 1 ORDER BY 1) o"));
is($node->safe_psql('postgres', 'SELECT count(*) FROM rewards.failed_event'), '0', 'nothing waits');

$node->stop;
done_testing();
