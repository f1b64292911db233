-- Which configuration an event is judged by.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();

INSERT INTO rewards.rule (name, source, earn) VALUES ('base', 'orders', '1 per 1');
INSERT INTO shop.orders VALUES (1, 1, 100), (2, 1, 100), (3, 1, 100);
UPDATE rewards.rule SET earn = '2 per 1';
SELECT is(state(1), '300 available', 'example 1.9: an edited rule changes nothing that was paid');
UPDATE shop.orders SET note = 'delivered' WHERE order_id = 1;
SELECT is(earned(1), 100::numeric, 'example 1.9: 100 stays');
UPDATE shop.orders SET status = 'refunded' WHERE order_id = 1;
SELECT is(ledger(1), 'earn 100, earn 100, earn 100, revoke -100', 'example 1.9: the refund takes 100, not 200');
UPDATE shop.orders SET total = 60 WHERE order_id = 2;
SELECT is(earned(2), 60::numeric, 'a partial refund is judged by the first version too');
UPDATE shop.orders SET total = 160 WHERE order_id = 2;
SELECT is(earned(2), 160::numeric, 'so is an increase');
INSERT INTO shop.orders VALUES (4, 1, 100);
SELECT is(earned(4), 200::numeric, 'new events are judged by the new version');

-- rules added, disabled, deleted later
INSERT INTO rewards.rule (name, source, earn) VALUES ('extra', 'orders', '1000');
UPDATE shop.orders SET total = total + 1 WHERE order_id IN (2, 4);
SELECT is(ARRAY[earned(2), earned(4)], '{161,202}'::numeric[], 'a rule added later does not pay for what was judged before it');
UPDATE rewards.rule SET enabled = false WHERE name = 'base';
UPDATE shop.orders SET total = total + 1 WHERE order_id IN (2, 4);
SELECT is(ARRAY[earned(2), earned(4)], '{162,204}'::numeric[], 'a rule disabled later still does');
SELECT matches(sqlstate_of($$DELETE FROM rewards.rule WHERE name = 'base'$$), '^(2[23]|42|55)', 'a rule that has paid cannot be deleted');
SELECT is(sqlstate_of($$DELETE FROM rewards.rule WHERE name = 'extra'$$), '00000', 'one that has not can');

-- conditions, member facts and caps of the first version
INSERT INTO rewards.rule (name, source, earn, condition) VALUES ('web', 'orders', '10', $$channel = 'web'$$);
INSERT INTO shop.orders VALUES (5, 2, 100, DEFAULT, 'paid', 'web');
UPDATE rewards.rule SET condition = $$channel = 'till'$$ WHERE name = 'web';
UPDATE shop.orders SET note = 'x', total = 101 WHERE order_id = 5;
SELECT is(earned(5), 10::numeric, 'a condition edited later does not take away what it paid');
UPDATE shop.orders SET channel = 'till' WHERE order_id = 5;
SELECT is(earned(5), 0::numeric, 'an order that no longer meets the condition it was judged by loses it');
UPDATE shop.orders SET channel = 'web' WHERE order_id = 5;
SELECT is(earned(5), 10::numeric, 'and gets it back');

-- the program's and the unit's settings
UPDATE rewards.rule SET enabled = false;
INSERT INTO rewards.rule (name, source, earn) VALUES ('half', 'orders', '1 per 2'), ('half more', 'orders', 'x1.5'), ('double', 'orders', 'x2');
INSERT INTO shop.orders VALUES (6, 3, 101);
SELECT is(earned(6), 126::numeric, '50.5 x (1 + 0.5 + 1), rounded down');
UPDATE rewards.unit SET rounding = 'ceil' WHERE name = 'points';
UPDATE rewards.program SET stacking = 'multiplicative';
UPDATE rewards.unit SET max_per_event = 20 WHERE name = 'points';
UPDATE shop.orders SET total = 103 WHERE order_id = 6;
SELECT is(earned(6), 128::numeric, '51.5 x 2.5 is 128.75: rounding, stacking and caps are those of the first judgement');
INSERT INTO shop.orders VALUES (7, 3, 3);
SELECT is(earned(7), 5::numeric, 'a new one: 1.5 x 3, rounded up');
UPDATE rewards.unit SET max_per_event = NULL, rounding = 'floor' WHERE name = 'points';
UPDATE rewards.program SET stacking = 'additive';

-- valid says for which occurred_at a rule pays, whichever version that is
UPDATE rewards.rule SET enabled = false;
INSERT INTO rewards.rule (name, source, earn, valid) VALUES ('december', 'orders', '5', '[2025-12-01,2026-01-01)');
INSERT INTO shop.orders VALUES (8, 3, 1, '2025-12-31 12:00Z'), (9, 3, 1, '2026-01-01 00:00Z');
SELECT is(ARRAY[earned(8), earned(9)], '{5,0}'::numeric[], 'a late event is paid by what was valid when it happened');
UPDATE shop.orders SET placed_at = '2025-12-30 12:00Z' WHERE order_id = 9;
SELECT is(earned(9), 5::numeric, 'a new instant judges the event as new');

-- facts are frozen
UPDATE rewards.rule SET enabled = false;
INSERT INTO rewards.rule (name, source, earn, condition) VALUES ('welcome', 'orders', '500', 'member.purchases = 0');
INSERT INTO shop.orders VALUES (20, 4, 10, DEFAULT, 'paid');
INSERT INTO shop.orders VALUES (21, 4, 10, DEFAULT, 'paid');
SELECT is(ARRAY[earned(20), earned(21)], '{500,0}'::numeric[], 'example 1.10: a welcome bonus for the first order');
UPDATE shop.orders SET note = 'shipped', total = 11 WHERE order_id = 20;
SELECT is(earned(20), 500::numeric, 'example 1.10: the first order changes later, the bonus stays');
UPDATE shop.orders SET total = 12 WHERE order_id = 21;
SELECT is(earned(21), 0::numeric, 'the second does not get it');
UPDATE shop.orders SET status = 'cancelled' WHERE order_id = 20;
SELECT is(state(4), '0 available', 'cancelled, the bonus goes');
UPDATE shop.orders SET status = 'paid' WHERE order_id = 20;
SELECT is(earned(20), 500::numeric, 'paid again it comes back: it was the first order');

UPDATE rewards.rule SET enabled = false;
INSERT INTO rewards.member (member_id, joined_at, attributes) VALUES (5, '2025-01-01', '{"club": "gold"}');
INSERT INTO rewards.rule (name, source, earn, condition) VALUES ('club', 'orders', '5', $$member.attributes ->> 'club' = 'gold'$$);
INSERT INTO shop.orders VALUES (30, 5, 10);
UPDATE rewards.member SET attributes = '{}' WHERE member_id = 5;
UPDATE shop.orders SET total = 20 WHERE order_id = 30;
SELECT is(earned(30), 5::numeric, 'what a rule read of the member is frozen with the event');
INSERT INTO shop.orders VALUES (31, 5, 10);
SELECT is(earned(31), 0::numeric, 'a new event reads what is there now');

-- an amount from a rate in another table would not be frozen; one in the row is
ALTER TABLE shop.orders ADD COLUMN rate numeric DEFAULT 1;
UPDATE rewards.rule SET enabled = false;
INSERT INTO rewards.rule (name, source, earn, amount) VALUES ('dollars', 'orders', '1 per 1', 'total * rate');
INSERT INTO shop.orders (order_id, customer_id, total, rate) VALUES (40, 6, 100, 0.92);
SELECT is(earned(40), 92::numeric, 'example 2.8: 100 USD x 0.92 from a column of the row');
INSERT INTO shop.orders (order_id, customer_id, total, rate) VALUES (41, 6, 100, 0.95);
UPDATE shop.orders SET note = 'touched';
SELECT is(ARRAY[earned(40), earned(41)], '{92,95}'::numeric[], 'example 2.8: a later rate for new rows leaves 92');

\ir include/finish.sql
