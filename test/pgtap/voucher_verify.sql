-- verify() sees what is wrong with codes; who may do what with them; members
-- of other types.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();
INSERT INTO rewards.member (member_id, joined_at) SELECT i, '2026-01-01' FROM generate_series(1, 5) i;
INSERT INTO rewards.voucher_pool (name, gives, value) VALUES ('once', 'amount', 5), ('card', 'balance', 50);
INSERT INTO rewards.voucher_pool (name, gives, value, unit) VALUES ('points', 'points', 100, 'points');
DO $$
BEGIN
	PERFORM rewards.import_codes('once', ARRAY['ONCE-1', 'ONCE-2', 'ONCE-3', 'ONCE-4']);
	PERFORM rewards.import_codes('points', ARRAY['POINTS-1', 'POINTS-2']);
	PERFORM rewards.import_codes('card', ARRAY['CARD-1']);
	PERFORM rewards.redeem_code('ONCE-1', 1);
	PERFORM rewards.reserve_code('ONCE-2', 1);
	PERFORM rewards.give_code(2, code => 'ONCE-3');
	PERFORM rewards.redeem_code('POINTS-1', 1);
	PERFORM rewards.cancel_code((SELECT id FROM rewards.code_uses WHERE code = 'POINTS-1'));
	PERFORM rewards.redeem_code('POINTS-2', 1);
	PERFORM rewards.redeem_code('CARD-1', amount => 20);
	PERFORM rewards.redeem_code('CARD-1', amount => 7);
	PERFORM rewards.cancel_code((SELECT max(id) FROM rewards.code_uses WHERE code = 'CARD-1'), 3);
END
$$;
SELECT is_empty('SELECT * FROM rewards.verify()', 'what was done by the functions is sound');

-- does something behind the engine's back, returns what verify() says of it, and undoes it
CREATE FUNCTION t.verdict(damage text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	verdict text;
BEGIN
	SET LOCAL session_replication_role = replica;
	EXECUTE damage;
	SET LOCAL session_replication_role = origin;
	SELECT coalesce(string_agg(DISTINCT invariant, ' '), 'sound') INTO verdict FROM rewards.verify();
	RAISE EXCEPTION '%', verdict;
EXCEPTION
	WHEN raise_exception THEN
		RETURN SQLERRM;
END
$$;
SELECT is(verdict('SELECT 1'), 'sound', 'doing nothing is sound');
SELECT is(verdict($$UPDATE rewards.voucher SET uses = 0 WHERE code = '0NCE1'$$), 'codes', 'a use is forgotten');
SELECT is(verdict($$UPDATE rewards.voucher SET uses = 1, in_stock = false WHERE code = '0NCE4'$$), 'codes', 'a use is made up');
SELECT is(verdict($$DELETE FROM rewards.voucher_use WHERE code = '0NCE1'$$), 'codes', 'a use is gone');
SELECT is(verdict($$UPDATE rewards.voucher SET spent = 23 WHERE code = 'CARD1'$$), 'codes', 'a card has more than it should');
SELECT is(verdict($$UPDATE rewards.voucher SET value = 10 WHERE code = 'CARD1'$$), 'codes', 'a card has spent more than it had');
SELECT is(verdict($$UPDATE rewards.voucher_use SET returned = 4 WHERE returned = 3$$), 'codes', 'a refund is larger than it was');
SELECT is(verdict($$INSERT INTO rewards.voucher_use SELECT operation_no + 1000, pool_no, source_no, made_at, code, state, member_id FROM rewards.voucher_use WHERE code = '0NCE1';
	UPDATE rewards.voucher SET uses = 2 WHERE code = '0NCE1'$$), 'codes', 'a code is used twice');
SELECT is(verdict($$UPDATE rewards.voucher SET reserved_until = NULL WHERE code = '0NCE2'$$), 'codes', 'a reservation is forgotten');
SELECT is(verdict($$UPDATE rewards.voucher SET in_stock = true WHERE code = '0NCE3'$$), 'codes', 'a code is in stock that somebody has');
SELECT is(verdict($$UPDATE rewards.voucher SET pool_no = 99 WHERE code = '0NCE4'$$), 'codes', 'a code of no pool');
SELECT is(verdict($$UPDATE rewards.voucher_use SET points = 200 WHERE code = 'P01NT52'$$), 'codes', 'points that were not granted');
SELECT is(verdict($$UPDATE rewards.voucher_use SET state = 'redeemed' WHERE code = 'P01NT51'; UPDATE rewards.voucher SET uses = 1 WHERE code = 'P01NT51'$$), 'codes',
	'a use that was undone in the ledger');
SELECT is(verdict($$UPDATE rewards.voucher_use SET state = 'cancelled' WHERE code = 'P01NT52'; UPDATE rewards.voucher SET uses = 0 WHERE code = 'P01NT52'$$), 'codes',
	'a use that was not');
SELECT is(verdict($$UPDATE rewards.voucher_use SET operation_no = operation_no + 1000 WHERE code = '0NCE2'$$), 'codes', 'a use of no call');
SELECT is(verdict($$UPDATE rewards.voucher SET redemption_no = 4711 WHERE code = '0NCE3'$$), 'codes', 'a code drawn for a redemption that is none');
SELECT is(verdict($$UPDATE rewards.voucher_use SET reserved_until = '2026-01-10 11:00Z' WHERE code = '0NCE2'$$), 'sound', 'a reservation that has lapsed is nobody''s concern');

-- privileges
CREATE ROLE code_report;
CREATE ROLE code_app;
CREATE ROLE code_admin;
SELECT rewards.grant_access('code_report', 'report');
SELECT rewards.grant_access('code_app', 'app');
SELECT rewards.grant_access('code_admin', 'admin');
GRANT USAGE ON SCHEMA t TO PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA t TO PUBLIC;
SET LOCAL ROLE code_report;
SELECT lives_ok('SELECT * FROM rewards.pools', 'a report counts codes');
SELECT is(sqlstate_of('SELECT * FROM rewards.vouchers'), '42501', 'but does not see them: they are money');
SELECT is(sqlstate_of('SELECT * FROM rewards.code_uses'), '42501', 'nor their uses');
SELECT is(sqlstate_of('SELECT * FROM rewards.voucher'), '42501', 'nor the tables');
SELECT is(sqlstate_of($$SELECT rewards.check_code('ONCE-4', 1)$$), '42501', 'nor tries them');
SET LOCAL ROLE code_app;
SELECT lives_ok('SELECT * FROM rewards.vouchers', 'an application sees codes');
SELECT is((SELECT status FROM rewards.redeem_code('ONCE-4', 1)), 'redeemed', 'and redeems them');
SELECT is((SELECT status FROM rewards.cancel_code((SELECT max(id) FROM rewards.code_uses))), 'cancelled', 'and undoes that');
SELECT is(sqlstate_of($$SELECT rewards.generate_codes('once', 1)$$), '42501', 'but makes none');
SELECT is(sqlstate_of($$SELECT rewards.import_codes('once', ARRAY['X'])$$), '42501', 'in no way');
SELECT is(sqlstate_of($$SELECT rewards.void_code('ONCE-4', 'x')$$), '42501', 'and voids none');
SELECT is(sqlstate_of($$INSERT INTO rewards.voucher_pool (name, gives) VALUES ('x', 'shipping')$$), '42501', 'and makes no pools');
SELECT is(sqlstate_of($$UPDATE rewards.voucher SET uses = 0$$), '42501', 'nobody writes codes');
SELECT is(sqlstate_of($$SELECT loyalty.redeem_code_1('rewards.program', 'ONCE-4', 1::bigint, 1, NULL, NULL, NULL, NULL)$$), '42501', 'nor goes behind the functions');
SET LOCAL ROLE code_admin;
SELECT lives_ok($$INSERT INTO rewards.voucher_pool (name, gives) VALUES ('x', 'shipping')$$, 'an admin makes pools');
SELECT lives_ok($$SELECT rewards.generate_codes('x', 3)$$, 'and codes');
SELECT is(sqlstate_of($$UPDATE rewards.voucher SET uses = 0$$), '42501', 'but does not write them');
RESET ROLE;

-- members of other types, an owner who is no superuser
CREATE ROLE code_owner;
DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO code_owner', current_database()); END $$;
SET LOCAL ROLE code_owner;
SELECT loyalty.create_program('tx', member_type => 'text', time_zone => 'UTC', currency => 'EUR', test_clock => true);
SELECT loyalty.create_program('uu', member_type => 'uuid', time_zone => 'UTC', currency => 'EUR', test_clock => true);
INSERT INTO tx.voucher_pool (name, gives, value, unit, uses, uses_per_member) VALUES ('points', 'points', 100, 'points', NULL, 1);
INSERT INTO uu.voucher_pool (name, gives, value, unit, uses, uses_per_member) VALUES ('points', 'points', 100, 'points', NULL, 1);
SELECT lives_ok($$SELECT tx.import_codes('points', ARRAY['POINTS']), uu.import_codes('points', ARRAY['POINTS'])$$, 'an ordinary role imports codes');
SELECT is((SELECT concat(ok, sqlstate) FROM tx.redeem_code('points', 'Ann')), 't', 'members known by texts');
SELECT is((SELECT concat(ok, sqlstate) FROM tx.redeem_code('points', 'Ann')), 'fLY006', 'once each');
SELECT is((SELECT concat(ok, sqlstate) FROM uu.redeem_code('points', '5ca1ab1e-0000-4000-8000-000000000001')), 't', 'or by uuids');
SELECT is((SELECT concat(ok, sqlstate) FROM uu.redeem_code('points', '5ca1ab1e-0000-4000-8000-000000000001')), 'fLY006', 'once each');
SELECT is((SELECT concat(ok, sqlstate) FROM tx.redeem_code('points', 'Bob')), 't', 'another text is another member');
SELECT is((SELECT attempts_left FROM tx.redeem_code('nothing', 'Ann')), 9, 'whose attempts are counted');
SELECT is(tx.balance('Ann') + uu.balance('5ca1ab1e-0000-4000-8000-000000000001'), 200::numeric, 'the points are theirs');
SELECT is_empty('SELECT * FROM tx.verify()', 'all is sound there');
SELECT is_empty('SELECT * FROM uu.verify()', 'and there');
RESET ROLE;

\ir include/finish.sql
