-- The built-in table for events that have no table of their own.
BEGIN;
\ir include/shop.sql
SELECT * FROM no_plan();

SELECT is((SELECT attached FROM rewards.source WHERE name = 'activity'), true, 'attached from the start');
INSERT INTO rewards.rule (name, source, earn, condition) VALUES
	('survey', 'activity', '50', $$kind = 'survey'$$),
	('review', 'activity', '20', $$kind = 'review' AND length(data ->> 'text') > 10$$);
INSERT INTO rewards.activity (kind, key, member_id, occurred_at) VALUES ('survey', 's1', 1, '2026-01-09 12:00Z');
SELECT is(state(1), '50 available', 'a survey');
SELECT is((SELECT occurred_at FROM rewards.statement(1)), '2026-01-09 12:00Z'::timestamptz, 'dated when it happened');
SELECT throws_ok($$INSERT INTO rewards.activity (kind, key, member_id, occurred_at) VALUES ('survey', 's1', 1, '2026-01-09 12:00Z')$$, '23505', NULL,
	'delivered a second time it is refused');
INSERT INTO rewards.activity (kind, key, member_id, occurred_at) VALUES ('survey', 's1', 1, '2026-01-09 12:00Z'), ('review', 's1', 1, '2026-01-09 12:00Z') ON CONFLICT DO NOTHING;
SELECT is(state(1), '50 available', 'or earns nothing');
INSERT INTO rewards.activity (kind, key, member_id, occurred_at, data) VALUES
	('review', 'r1', 1, '2026-01-09 12:00Z', '{"text": "good"}'), ('review', 'r2', 1, '2026-01-09 12:00Z', '{"text": "very good indeed"}');
SELECT is(state(1), '70 available', 'rules read its data');
INSERT INTO rewards.activity (kind, member_id, occurred_at) VALUES ('survey', 1, '2026-01-09 12:00Z'), ('survey', 1, '2026-01-09 12:00Z');
SELECT is(state(1), '170 available', 'without a key each is an event of its own');
SELECT is((SELECT purchases FROM rewards.member_facts WHERE member_id = 1), 0::bigint, 'an activity is no purchase');
DELETE FROM rewards.activity WHERE kind = 'survey' AND key = 's1';
SELECT is(state(1), '120 available', 'deleted it takes its points');
SELECT is((SELECT trim_scale(sum(p.points)) FROM rewards.activity a JOIN rewards.activity_points p USING (kind, key) WHERE a.kind = 'survey'), 100::numeric, 'its view joins by kind and key');
INSERT INTO rewards.activity (kind, key, member_id) VALUES ('survey', 'now', 2);
SELECT isnt((SELECT occurred_at FROM rewards.activity WHERE key = 'now'), NULL, 'occurred_at has a default');

-- a rate on something without an amount
INSERT INTO rewards.rule (name, source, earn) VALUES ('everything', NULL, '1 per 1');
INSERT INTO rewards.activity (kind, key, member_id, occurred_at) VALUES ('visit', 'v1', 3, '2026-01-09 12:00Z');
SELECT is(state(3), '0 available', 'an activity has no amount: only flat rules pay');
INSERT INTO shop.orders VALUES (1, 3, 10);
SELECT is(state(3), '10 available', 'the same rule pays for orders');

\ir include/finish.sql
