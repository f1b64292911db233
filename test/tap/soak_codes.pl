# Many sessions use few codes, all at once: uses are never exceeded, cards never
# overdrawn, no deadlock, no error.  SOAK_SECONDS says for how long.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use LoyaltyTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $seconds = $ENV{SOAK_SECONDS} // 20;
my $clients = $ENV{SOAK_CLIENTS} // 16;
my $node = new_node('soak_codes');
$node->append_conf('postgresql.conf', "deadlock_timeout = 200ms\nsynchronous_commit = off\n");
$node->restart;
$node->safe_psql('postgres', q{
	CREATE EXTENSION loyalty;
	SELECT loyalty.create_program('rewards', member_type => 'bigint', time_zone => 'UTC', currency => 'EUR');
	UPDATE rewards.program SET code_attempts = NULL;
	INSERT INTO rewards.member (member_id) SELECT generate_series(1, 8);
	INSERT INTO rewards.unit (name, decimals, value) VALUES ('prepaid', 2, 1);
	INSERT INTO rewards.voucher_pool (name, gives, value, uses) VALUES ('few', 'amount', 5, 50), ('card', 'balance', 20, 1), ('stock', 'amount', 5, 1);
	INSERT INTO rewards.voucher_pool (name, gives, value, unit, uses, uses_per_member) VALUES ('points', 'points', 1, 'points', 30, 10);
	SELECT rewards.import_codes('few', ARRAY['N1', 'N2']), rewards.import_codes('card', ARRAY['C1', 'C2']),
		rewards.import_codes('points', ARRAY['P1', 'P2', 'P3']), rewards.generate_codes('stock', 2000);
	INSERT INTO rewards.reward (name, kind, pool) VALUES ('five off', 'voucher', 'stock');
	INSERT INTO rewards.reward_price (reward, points) VALUES ('five off', 1);
	SELECT rewards.adjust(m, 100000, 'points', reason => 'to begin with') FROM generate_series(1, 8) m;
	-- what came too late, or is not there any more, is no error here
	CREATE FUNCTION public.try(statement text) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		EXECUTE statement;
		RETURN 'done';
	EXCEPTION
		WHEN SQLSTATE 'LY001' OR SQLSTATE 'LY008' OR SQLSTATE 'LY005' OR SQLSTATE 'LY012' OR SQLSTATE '55000' THEN
			RETURN SQLSTATE;
	END $$;
});
my %scripts = (
	use => "SELECT ok FROM rewards.redeem_code('N' || :n, :m, 10);",
	reserve => "SELECT ok FROM rewards.reserve_code('N' || :n, :m, '1 second');",
	card => "SELECT ok FROM rewards.redeem_code('C' || :n, :m, 0.01 * :m);",
	anybody => "SELECT ok FROM rewards.redeem_code('C' || :n, amount => 0.07);",
	top_up => "SELECT ok FROM rewards.top_up_code('C' || :n, 0.01 * :m);",
	deposit => "SELECT ok FROM rewards.deposit_code('C' || :n, :m, 0.01 * :m, 'prepaid');",
	points => "SELECT ok FROM rewards.redeem_code('P' || :p, :m);",
	cancel => "SELECT try('SELECT rewards.cancel_code(' || u.id || ')') FROM (SELECT id FROM rewards.code_uses WHERE status IN ('redeemed', 'topped up') ORDER BY random() LIMIT 1) u;",
	release => "SELECT try('SELECT rewards.release_code(' || u.id || ')') FROM (SELECT id FROM rewards.code_uses WHERE status = 'reserved' ORDER BY random() LIMIT 1) u;",
	draw => "SELECT try('SELECT rewards.redeem(' || :m || ', ''five off'')');",
	give => "SELECT try('SELECT rewards.give_code(' || :m || ', ''stock'')');",
	guess => "SELECT ok FROM rewards.check_code('wrong', :m);",
	verify => 'SELECT 1 / (CASE count(*) WHEN 0 THEN 1 ELSE 0 END) FROM rewards.verify();');
my $dir = PostgreSQL::Test::Utils::tempdir();
my @load;
for my $name (sort keys %scripts)
{
	append_to_file("$dir/$name.sql", "\\set m random(1, 8)\n\\set n random(1, 2)\n\\set p random(1, 3)\n$scripts{$name}\n");
	push @load, '-f', "$dir/$name.sql\@" . ($name eq 'verify' ? 1 : 5);
}

my ($out, $err);
my $ok = IPC::Run::run([ 'pgbench', '-n', '-h', $node->host, '-p', $node->port, '-c', $clients, '-j', 2, '-T', $seconds, @load, 'postgres' ], '<', \undef, '>', \$out, '2>', \$err);
ok($ok, "$clients clients for $seconds seconds") or diag($err);
is(join("\n", grep { /ERROR|FATAL|PANIC|aborted/ } split /\n/, $err), '', 'no session met an error');
my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile);
unlike($log, qr/deadlock detected/, 'no deadlock');
unlike($log, qr/PANIC|terminated by signal/, 'no crash');
note($1) if $out =~ /(number of transactions actually processed: \d+)/;
is($node->safe_psql('postgres', 'SELECT * FROM rewards.verify()'), '', 'all is sound afterwards');
is($node->safe_psql('postgres', q{SELECT count(*) FROM rewards.vouchers v JOIN rewards.voucher_pool p ON p.name = v.pool WHERE v.pool <> 'card' AND v.uses > p.uses}), '0', 'no code was used too often');
is($node->safe_psql('postgres', q{SELECT count(*) FROM (SELECT member_id FROM rewards.code_uses WHERE pool = 'points' AND status = 'redeemed' GROUP BY 1 HAVING count(*) > 10) x}), '0', 'by no member');
is($node->safe_psql('postgres', q{SELECT sum(value + added - balance) = (SELECT sum(discount - coalesce(returned, 0)) FROM rewards.code_uses WHERE pool = 'card') FROM rewards.vouchers WHERE pool = 'card'}), 't', 'cards have what was not paid');
is($node->safe_psql('postgres', q{SELECT count(*) FROM (SELECT code FROM rewards.redemption WHERE code IS NOT NULL GROUP BY 1 HAVING count(*) > 1) x}), '0', 'no code was drawn twice');
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM rewards.code_uses'), '>', 100, 'something was done');

$node->stop;
done_testing();
