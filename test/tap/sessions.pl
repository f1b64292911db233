# What a session feels: warnings of queued rows, transaction ids, errors that
# leave no trace, many programs, functions replaced under its feet.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use LoyaltyTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('sessions');
make_shop($node, 'postgres');

# a row that cannot be judged warns
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE shop.odd (id bigint PRIMARY KEY, m bigint, v numeric, d numeric);
SELECT rewards.attach('shop.odd', name => 'odd', member => 'm', amount => 'v / d', occurred_at => $$'2026-01-10 12:00Z'::timestamptz$$);
INSERT INTO rewards.rule (name, source, unit, earn) VALUES ('odd', 'odd', 'points', '1 per 1');
SQL
my ($rc, $out, $err) = $node->psql('postgres', 'INSERT INTO shop.odd VALUES (1, 1, 10, 0)');
is($rc, 0, 'a row that cannot be judged does not fail');
like($err, qr/WARNING/, 'but warns');

# evaluation writes nothing, so failures take no transaction ids
my $ids = $node->safe_psql('postgres', <<'SQL');
SET client_min_messages = error;
SELECT txid_current();
INSERT INTO shop.odd SELECT 100 + i, i % 10, 10, i % 2 FROM generate_series(1, 500) i;
SELECT txid_current();
SQL
my ($first, $last) = split /\n/, $ids;
is($last - $first, 2, 'a statement with 250 rows that fail takes one transaction id');
is($node->safe_psql('postgres', 'SELECT count(*) FROM rewards.failed_event'), '251', 'they wait');
$node->safe_psql('postgres', 'SET client_min_messages = error; UPDATE shop.odd SET d = 1');
is($node->safe_psql('postgres', 'SELECT count(*) FROM rewards.failed_event'), '0', 'and post when set right');

# errors in between, in one session
is($node->safe_psql('postgres', <<'SQL'), '30', 'a session goes on after errors');
\set ON_ERROR_STOP 0
INSERT INTO shop.orders (customer_id, total) VALUES (900, 10);
INSERT INTO shop.orders (customer_id, total) VALUES (900, 'x');
BEGIN;
INSERT INTO shop.orders (customer_id, total) VALUES (900, 10);
SELECT 1 / 0;
ROLLBACK;
BEGIN;
SAVEPOINT a;
INSERT INTO shop.orders (customer_id, total) VALUES (900, 10);
SELECT 1 / 0;
ROLLBACK TO a;
INSERT INTO shop.orders (customer_id, total) VALUES (900, 20);
COMMIT;
SELECT rewards.balance(900, 'points')::integer;
SQL

# functions that rules call are replaced, dropped and revoked between statements of one session
$node->safe_psql('postgres', <<'SQL');
CREATE FUNCTION shop.worth(numeric) RETURNS numeric STABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1; END';
INSERT INTO rewards.rule (name, source, unit, earn, amount) VALUES ('worth', 'odd', 'miles', '1 per 1', 'shop.worth(v)');
SQL
is($node->safe_psql('postgres', <<'SQL'), '10 and 20', 'a function replaced takes effect at once');
INSERT INTO shop.odd VALUES (2001, 2001, 10, 1);
CREATE OR REPLACE FUNCTION shop.worth(numeric) RETURNS numeric STABLE LANGUAGE plpgsql AS 'BEGIN RETURN 2 * $1; END';
INSERT INTO shop.odd VALUES (2002, 2002, 10, 1);
SELECT rewards.balance(2001, 'miles')::integer || ' and ' || rewards.balance(2002, 'miles')::integer;
SQL
isnt(($node->psql('postgres', 'DROP FUNCTION shop.worth'))[0], 0, 'a function that a rule calls cannot be dropped');

# many programs on one table
$node->safe_psql('postgres', <<'SQL');
DO $$
BEGIN
	FOR i IN 1 .. 5 LOOP
		PERFORM loyalty.create_program('club' || i, member_type => 'bigint', time_zone => 'UTC', currency => 'EUR', test_clock => true);
		EXECUTE format('SELECT club%s.set_clock(''2026-01-10 12:00Z'')', i);
		EXECUTE format($q$SELECT club%s.attach('shop.orders', name => 'orders', member => 'customer_id', amount => 'total', occurred_at => 'placed_at')$q$, i);
		EXECUTE format($q$INSERT INTO club%s.rule (name, source, earn) VALUES ('base', 'orders', '%s per 1')$q$, i, i);
	END LOOP;
END
$$;
INSERT INTO shop.orders (customer_id, total) VALUES (3000, 10);
ALTER SCHEMA club3 RENAME TO society;
INSERT INTO shop.orders (customer_id, total) VALUES (3000, 10);
SELECT loyalty.upgrade_program('society');
SQL
is($node->safe_psql('postgres', 'SELECT club1.balance(3000)::int, club2.balance(3000)::int, society.balance(3000)::int, club5.balance(3000)::int'), '20|40|60|100', 'many programs on one table, one of them renamed between two purchases');
$node->safe_psql('postgres', q{CALL society.backfill('orders')});
is($node->safe_psql('postgres', 'SELECT count(*) FROM society.verify()'), '0', 'the renamed one is sound, once it has what was there before');
is($node->safe_psql('postgres', q{SELECT count(*) FROM loyalty.programs}), '6', 'all are listed');

is($node->safe_psql('postgres', q{SELECT event_key || ': ' || difference::integer FROM rewards.reconcile('odd')}), '2001: 10',
	'reconcile() posts what the replaced function says now');
is($node->safe_psql('postgres', 'SELECT * FROM rewards.verify()'), '', 'then verify() finds nothing');

# readers in a parallel worker
my $parallel = <<'SQL';
DO $$ BEGIN PERFORM set_config(name, 'on', false) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query'); END $$;
SELECT rewards.balance(900, 'points') = 30 AND (SELECT sum(points) FROM rewards.statement(900, 'points')) = 30;
SELECT (SELECT available FROM rewards.balances WHERE member_id = 900 AND unit = 'points') = 30 AND (SELECT sum(points) FROM rewards.member_lots(900, 'points')) = 30;
SELECT (SELECT count(*) FROM rewards.history) > 0 AND (SELECT count(*) FROM rewards.liability) > 0 AND (SELECT count(*) FROM rewards.orders_points) > 0 AND (SELECT count(*) FROM rewards.verify()) = 0;
SQL
is(($node->psql('postgres', $parallel))[1] // '', "t\nt\nt", 'readers run under force_parallel_mode');

# a source that somebody's CASCADE took away
($rc, $out, $err) = $node->psql('postgres', q{
CREATE TABLE shop.gone (id bigint PRIMARY KEY, member bigint);
SELECT rewards.attach('shop.gone', name => 'gone', member => 'member');
DROP TABLE shop.gone CASCADE;
SELECT rewards.book_due();
SELECT rewards.detach('gone')});
like($err, qr/WARNING:  the table of source "gone" of loyalty program "rewards" was dropped/, 'book_due() tells of a source that is lost');

# two-phase commit
$node->append_conf('postgresql.conf', 'max_prepared_transactions = 5');
$node->restart;
$node->safe_psql('postgres', q{BEGIN; INSERT INTO shop.orders (customer_id, total) VALUES (950, 10); PREPARE TRANSACTION 'a'});
$node->safe_psql('postgres', q{BEGIN; INSERT INTO shop.orders (customer_id, total) VALUES (951, 10); PREPARE TRANSACTION 'b'});
is($node->safe_psql('postgres', q{SELECT rewards.balance(950, 'points')}), '0', 'a prepared purchase is not there yet');
$node->stop('immediate');
$node->start;
$node->safe_psql('postgres', q{COMMIT PREPARED 'a'; ROLLBACK PREPARED 'b'});
is($node->safe_psql('postgres', q{SELECT rewards.balance(950, 'points'), rewards.balance(951, 'points')}), '10|0', 'committed after a crash it is, with its points; rolled back it is not');

is($node->safe_psql('postgres', 'SELECT * FROM rewards.verify()'), '', 'verify() finds nothing');
$node->stop;
done_testing();
