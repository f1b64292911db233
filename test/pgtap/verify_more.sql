-- verify() names the invariant that is violated: each of them on purpose, by
-- damage that the others do not see if that can be.
BEGIN;
\ir include/shop.sql
\ir include/tamper.sql
\ir include/verdict.sql
SELECT * FROM no_plan();
INSERT INTO rewards.rule (name, source, earn, expires, max_per_member, cap_period, budget) VALUES ('base', 'orders', '1 per 1', '365 days', 100000, 'month', 1000000);
INSERT INTO shop.orders SELECT i, i % 5, 10 * i FROM generate_series(1, 20) i;
INSERT INTO shop.orders SELECT 100 + i, 9, 10, timestamptz '2026-01-01 12:00Z' + i * interval '1 second' FROM generate_series(1, 100) i;
SELECT run($$SELECT rewards.adjust(1, -1000, reason => 'x', allow_debt => true)$$);
INSERT INTO shop.orders VALUES (30, 1, 5);
UPDATE shop.orders SET total = total / 2 WHERE order_id = 3;
UPDATE shop.orders SET order_id = 1004 WHERE order_id = 4;
UPDATE shop.orders SET customer_id = 2 WHERE order_id = 5;
SELECT is_empty('SELECT * FROM rewards.verify()', 'all is sound');
SELECT isnt((SELECT count(*) FROM rewards.account_page), 0::bigint, 'one account is large');

SELECT is(verdict('SELECT 1'), 'sound', 'nothing');

SELECT is(verdict($$UPDATE rewards.account SET lots = lots OPERATOR(loyalty.+) '{1:5@[2026-01-01,2028-01-01)}' WHERE member_id = 3$$), 'state 3', 'state: an account has what no line gave it');
SELECT is(verdict($$UPDATE rewards.journal SET posted_at = '2026-01-11' WHERE member_id = 3 AND first_entry = 1$$), 'sequence 3', 'sequence: a line posted after the account''s last instant');
SELECT is(verdict($$UPDATE rewards.account SET last_entry = last_entry + 1 WHERE member_id = 3$$), 'sequence 3', 'sequence: a line too many is counted');
SELECT matches(verdict($$UPDATE rewards.account SET lots = lots OPERATOR(loyalty.+) '{1:-5000@[2026-01-10 12:00Z,2027-01-10 12:00Z)}' WHERE member_id = 3$$), 'lots 3', 'lots: less than nothing');
SELECT is(verdict($$SELECT t.change_line(1, entry_no, kind => 'adjust') FROM rewards.entry WHERE member_id = 1 AND kind = 10 AND points > '0'$$), 'repayment 1', 'repayment: what was taken from a lot has reached no debt');
SELECT is(verdict($$UPDATE rewards.account SET next_due = next_due + interval '1 second' WHERE member_id = 3$$), 'due 3', 'due: later than the first end');
SELECT is(verdict($$UPDATE rewards.account SET next_due = next_due - interval '1 year' WHERE member_id = 3$$), 'sound', 'it is a lower bound');
SELECT is(verdict($$DELETE FROM rewards.account_page WHERE member_id = 9 AND page_no = (SELECT min(page_no) FROM rewards.account_page)$$), 'pages 9, state 9', 'pages: one is missing');
SELECT is(verdict($$UPDATE rewards.account a SET lots = a.lots OPERATOR(loyalty.+) g.lots FROM rewards.account_page g WHERE a.member_id = 9 AND g.member_id = 9;
	DELETE FROM rewards.account_page$$), 'due 9, pages 9', 'pages: an account knows of more than there are') WHERE (SELECT count(*) FROM rewards.account_page) = 1;
SELECT is(verdict($$INSERT INTO rewards.account_page SELECT 3, first_end, first_from, 99, last_end, 'infinity', lots FROM rewards.account_page LIMIT 1$$), 'pages 3', 'pages: one that nobody knows of');
SELECT is(verdict($$UPDATE rewards.account SET status = 1 WHERE member_id = 3$$), 'members 3', 'members: the account says blocked');
SELECT is(verdict($$UPDATE rewards.account SET time_zone = 'Asia/Tokyo' WHERE member_id = 3$$), 'members 3', 'members: of another time zone');
SELECT is(verdict($$DELETE FROM rewards.member WHERE member_id = 3$$), 'members 3', 'members: there is none');
SELECT is(verdict($$INSERT INTO rewards.member (member_id, joined_at) VALUES (77, '2026-01-01')$$), 'members 77', 'members: one without an account');
SELECT is(verdict($$DELETE FROM rewards.operation$$), 'operations 1', 'operations: one is missing');
SELECT is(verdict($$UPDATE rewards.operation SET points = -999$$), 'operations 1', 'operations: one that says it moved less');
SELECT is(verdict($$UPDATE rewards.account SET purchases = 0 WHERE member_id = 3$$), 'counters 3', 'counters: purchases');
SELECT is(verdict($$UPDATE rewards.account SET spend = '0.0001' WHERE member_id = 3$$), 'counters 3', 'counters: spend');
SELECT is(verdict($$UPDATE rewards.posting_orders SET flags = 0, amount = NULL WHERE key1 = 8$$), 'counters 3', 'counters: an event that does not count any more');
SELECT matches(verdict($$UPDATE rewards.posting_orders SET first_entry = NULL, entries = 0 WHERE key1 = 8$$), 'events 3', 'events: lines that belong to no posting');
SELECT matches(verdict($$UPDATE rewards.posting_orders SET first_entry = 1 WHERE key1 = 8$$), 'events 3', 'events: a posting with the lines of another');
SELECT matches(verdict($$UPDATE rewards.posting_orders SET entries = 100 WHERE key1 = 8$$), 'events 3', 'events: a posting with lines that are not there');
SELECT is(verdict($$UPDATE rewards.account SET usage = NULL WHERE member_id = 3$$), 'caps 3', 'caps: what was used is forgotten');
SELECT is(verdict($$UPDATE rewards.budget_room SET room = room OPERATOR(loyalty.+) '1'::loyalty.points WHERE slot = 0$$), 'budgets', 'budgets: room for more than there is');
SELECT is(verdict($$UPDATE rewards.budget_room SET room = room OPERATOR(loyalty.-) '1'::loyalty.points, used = used OPERATOR(loyalty.+) '1'::loyalty.points WHERE slot = 0$$), 'budgets', 'budgets: more used than paid');
SELECT is(verdict($$ALTER TABLE shop.orders DISABLE TRIGGER USER$$), 'wiring', 'wiring: triggers that do not fire');
SELECT is(verdict($$INSERT INTO shop.orders VALUES (300, 3, 1)$$), 'entitlement 3', 'entitlement: an order that was not seen');
SELECT is(verdict($$INSERT INTO shop.orders VALUES (301, 88, 1)$$), 'entitlement 88', 'entitlement: of somebody unknown');
SELECT is(verdict($$DELETE FROM shop.orders WHERE order_id = 8$$), 'sound', 'an order that is gone is no fault');

-- of one member
CREATE FUNCTION t.verdict_of(member bigint, damage text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL session_replication_role = replica;
	EXECUTE damage;
	SET LOCAL session_replication_role = origin;
	RAISE EXCEPTION '%', (SELECT coalesce(string_agg(DISTINCT invariant || coalesce(' ' || member_id, ''), ', '), 'sound') FROM rewards.verify(member));
EXCEPTION
	WHEN raise_exception THEN
		RETURN SQLERRM;
END
$$;
SELECT is(verdict_of(3, damage), found, damage) FROM (VALUES
	('UPDATE rewards.account SET purchases = 0', 'counters 3'), ('UPDATE rewards.account SET last_entry = 0', 'events 3, sequence 3'), ('UPDATE rewards.account SET status = 1', 'members 3'),
	('UPDATE shop.orders SET total = total - 1', 'entitlement 3'), ('UPDATE rewards.account SET usage = NULL', 'caps 3')) damages (damage, found);

-- verify() changes nothing
SET LOCAL default_transaction_read_only = on;
SELECT lives_ok('SELECT * FROM rewards.verify()', 'in a read-only transaction');
SET LOCAL default_transaction_read_only = off;

\ir include/finish.sql
