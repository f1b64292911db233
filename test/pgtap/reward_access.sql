-- Rewards: who may do what, that verify() sees what is not so, and programs
-- whose owner is no superuser and whose members are text.
BEGIN;
SET LOCAL client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS loyalty;
SET LOCAL TimeZone = 'UTC';
SELECT * FROM no_plan();
DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO PUBLIC', current_database()); END $$;
CREATE ROLE ra_owner;
CREATE ROLE ra_report;
CREATE ROLE ra_app;
CREATE ROLE ra_admin;
CREATE ROLE ra_stranger;
CREATE SCHEMA t;
GRANT USAGE ON SCHEMA t TO PUBLIC;
CREATE FUNCTION t.sqlstate_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN '00000';
EXCEPTION
	WHEN OTHERS THEN
		RETURN SQLSTATE;
END
$$;
SET LOCAL search_path = t, public;

SET LOCAL ROLE ra_owner;
\o /dev/null
SELECT loyalty.create_program('club', member_type => 'text', time_zone => 'UTC', currency => 'EUR', test_clock => true);
SELECT club.set_clock('2026-01-10 12:00Z');
INSERT INTO club.member (member_id, joined_at, attributes) VALUES ('ann', '2026-01-01Z', '{"vip": true}'), ('bob', '2026-01-01Z', '{}');
SELECT club.adjust(m, 1000, reason => 'to begin with') FROM unnest(ARRAY['ann', 'bob']) m;
SELECT club.grant_access('ra_report', 'report'), club.grant_access('ra_app', 'app'), club.grant_access('ra_admin', 'admin');
\o

-- admin configures
SET LOCAL ROLE ra_admin;
SELECT lives_ok($$INSERT INTO club.choice_set (name) VALUES ('one')$$, 'admin writes choice sets');
SELECT lives_ok($$INSERT INTO club.reward (name, stock, condition) VALUES ('mug', 5, '(member.attributes ->> ''vip'')::boolean')$$, 'rewards');
SELECT lives_ok($$INSERT INTO club.reward_price (reward, points) VALUES ('mug', 100)$$, 'prices');
SELECT lives_ok($$INSERT INTO club.bonus (member_id, principal, reason) VALUES ('ann', 10, 'x')$$, 'and bonuses');
SELECT lives_ok($$UPDATE club.reward SET stock = 6$$, 'changes the stock');
SELECT is(sqlstate_of($$INSERT INTO club.redemption SELECT * FROM club.redemption$$), '42501', 'but writes no redemption');
SELECT is(sqlstate_of($$UPDATE club.reward_stock SET room = 0$$), '42501', 'and no stock by itself');

-- app serves
SET LOCAL ROLE ra_app;
SELECT is((SELECT status FROM club.redeem('ann', 'mug')), 'done', 'app redeems');
SELECT is((SELECT status FROM club.hold_reward('ann', 'mug', key => 'h')), 'held', 'sets aside');
SELECT is((SELECT c.status FROM club.redemptions r, club.capture(r.id) c WHERE r.status = 'held'), 'captured', 'captures');
SELECT is((SELECT c.status FROM (SELECT max(id) AS id FROM club.redemptions) r, club.cancel(r.id) c), 'cancelled', 'cancels');
SELECT is((SELECT status FROM club.claim(1)), 'done', 'claims');
SELECT is(sqlstate_of($$SELECT club.redeem('bob', 'mug')$$), 'LY007', 'and is refused what members are refused');
SELECT is(sqlstate_of($$INSERT INTO club.reward (name) VALUES ('mine')$$), '42501', 'it writes no rewards');
SELECT is(sqlstate_of($$INSERT INTO club.bonus (member_id, principal, reason) VALUES ('ann', 10, 'x')$$), '42501', 'nor bonuses');
SELECT is(current_user::text, 'ra_app', 'and is still itself');

-- report reads
SET LOCAL ROLE ra_report;
SELECT is((SELECT stock_left FROM club.catalogue), 5::bigint, 'report reads the catalogue');
SELECT is((SELECT count(*) FROM club.affordable WHERE member_id = 'ann'), 1::bigint, 'what is affordable');
SELECT is((SELECT count(*) FROM club.affordable), 1::bigint, 'to all');
SELECT is((SELECT count(*) FROM club.redemptions), 2::bigint, 'redemptions');
SELECT is((SELECT count(*) FROM club.donations), 0::bigint, 'donations');
SELECT is((SELECT status FROM club.bonuses), 'claimed', 'bonuses');
SELECT is((SELECT possible FROM club.quote('ann', 'mug')), true, 'and asks for a quote');
SELECT is(sqlstate_of($$SELECT club.redeem('ann', 'mug')$$), '42501', 'it redeems nothing');
SELECT is(sqlstate_of($$SELECT code FROM club.redemption$$), '42501', 'and sees no codes');

-- strangers do nothing
SET LOCAL ROLE ra_stranger;
SELECT is(sqlstate_of($$SELECT club.redeem('ann', 'mug')$$), '42501', 'a stranger redeems nothing');
SELECT is(sqlstate_of($$SELECT * FROM club.catalogue$$), '42501', 'and sees nothing');
SELECT is(sqlstate_of($$SELECT loyalty.redeem_1('club.program', 'ann'::text, 'mug', 1, NULL, NULL)$$), '42501', 'not even behind the program''s functions');
SELECT is(sqlstate_of($$SELECT loyalty.offers_1('club.program', 'ann'::text)$$), '42501', 'of any kind');
CREATE SCHEMA trap;
CREATE TABLE trap.reward (name text, reward_no integer, pin regclass);
SELECT is(sqlstate_of($$CREATE TRIGGER t BEFORE INSERT ON trap.reward FOR EACH ROW EXECUTE FUNCTION loyalty.reward_check_1(); INSERT INTO trap.reward VALUES ('x', 1)$$), '42501', 'the checks work for programs'' tables only');

-- a condition runs with the owner's rights, and nobody else's functions
SET LOCAL ROLE ra_stranger;
CREATE FUNCTION trap.always() RETURNS boolean STABLE LANGUAGE sql AS 'SELECT true';
GRANT USAGE ON SCHEMA trap TO PUBLIC;
SET LOCAL ROLE ra_admin;
SELECT is(sqlstate_of($$UPDATE club.reward SET condition = 'trap.always()'$$), '42501', 'a condition uses no stranger''s function');

-- what is not so
RESET ROLE;
SELECT is_empty('SELECT * FROM club.verify()', 'all is sound');
CREATE FUNCTION t.finds(change text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	found text;
BEGIN
	BEGIN
		EXECUTE change;
		SELECT string_agg(DISTINCT invariant, ', ' ORDER BY invariant) INTO found FROM club.verify();
		RAISE EXCEPTION USING ERRCODE = 'ZZZZZ', MESSAGE = coalesce(found, 'nothing');
	EXCEPTION WHEN SQLSTATE 'ZZZZZ' THEN
		RETURN SQLERRM;
	END;
END
$$;
SELECT is(finds('UPDATE club.reward_stock SET room = room + 1 WHERE slot = 3'), 'stock', 'verify() sees a stock that is more than it is');
SELECT is(finds('UPDATE club.redemption SET quantity = 2 WHERE cancelled = 0'), 'redemptions, stock', 'a redemption of more than was paid');
SELECT is(finds('UPDATE club.redemption SET held_until = now(), cancelled = 0 WHERE cancelled = 0'), 'redemptions, stock', 'one that was not redeemed');
SELECT is(finds('DELETE FROM club.redemption WHERE cancelled = 0'), 'redemptions, stock', 'one that is gone');
SELECT is(finds($$UPDATE club.redemption SET member_id = 'bob' WHERE cancelled = 0$$), 'redemptions', 'one of another member');
SELECT is(finds('UPDATE club.redemption SET redemption_no = 99 WHERE cancelled = 0'), 'redemptions', 'one without an operation');
SELECT is(finds('SET LOCAL session_replication_role = replica; UPDATE club.bonus SET claimed_by = 1'), 'bonuses', 'a bonus that nobody claimed');
SET LOCAL session_replication_role = origin;
SELECT is_empty($$SELECT * FROM club.verify('ann')$$, 'and one member is looked at alone');

SELECT * FROM finish();
ROLLBACK;
