-- Benefits of tiers: used, counted, limited, given back.

\set QUIET on
\set ON_ERROR_STOP on
BEGIN;
\i test/pgtap/include/shop.sql
\i test/pgtap/include/errors.sql
\i test/pgtap/include/tiers.sql
SELECT plan(56);

\o /dev/null
SELECT t.group('status', '12 months');
SELECT t.tier('Silver', 10, 1000), t.tier('Gold', 20, 3000);
\o
-- "2 of 4 used": a benefit of a member as the view says
CREATE FUNCTION t.benefit(member_id bigint, benefit text) RETURNS text STABLE LANGUAGE sql AS $$
	SELECT string_agg(format('%s %s of %s used, %s left', b.tier, b.used, coalesce(b.uses::text, 'any'), coalesce(b.remaining::text, 'any')), '; ' ORDER BY b.tier_group)
	FROM rewards.benefits b WHERE b.member_id = $1 AND b.benefit = $2
$$;
-- "limit_reached tier_benefit.uses {...}": what programs read of a refusal
CREATE FUNCTION t.fields_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	word text;
	relation text;
	column_ text;
	facts text;
BEGIN
	EXECUTE statement;
	RETURN 'no error';
EXCEPTION
	WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS word = CONSTRAINT_NAME, relation = TABLE_NAME, column_ = COLUMN_NAME, facts = PG_DATATYPE_NAME;
		RETURN format('%s %s.%s %s', word, relation, column_, facts::json);
END
$$;

-- -------- configuration --------

SELECT throws_ok($$INSERT INTO rewards.tier_benefit (tier, name) VALUES ('Bronze', 'lounge')$$, '42704', 'there is no tier named "Bronze"');
SELECT throws_ok($$INSERT INTO rewards.tier_benefit (tier, name, uses) VALUES ('Gold', 'lounge', 2)$$, '23514', 'uses of benefit "lounge" need a period');
SELECT throws_ok($$INSERT INTO rewards.tier_benefit (tier, name, use_period) VALUES ('Gold', 'lounge', 'year')$$, '23514', 'use_period of benefit "lounge" says nothing without uses');
SELECT throws_ok($$INSERT INTO rewards.tier_benefit (tier, name, uses, use_period) VALUES ('Gold', 'lounge', 0, 'year')$$, '23514');
SELECT throws_ok($$INSERT INTO rewards.tier_benefit (tier, name, uses, use_period) VALUES ('Gold', 'lounge', 1, 'decade')$$, '23514');
SELECT throws_ok($$INSERT INTO rewards.tier_benefit (tier, name) VALUES ('Gold', '')$$, '23514');
SELECT throws_ok($$SELECT rewards.use_benefit(1, 'lounge')$$, '42704', 'there is no benefit named "lounge"');

\o /dev/null
INSERT INTO rewards.tier_benefit (tier, name, uses, use_period, attributes) VALUES
	('Silver', 'lounge', 2, 'year', '{"guests": 0}'), ('Gold', 'lounge', 4, 'year', '{"guests": 1}'),
	('Silver', 'coffee', 1, 'day', '{}'), ('Gold', 'early boarding', NULL, NULL, '{}'),
	('Silver', 'upgrade', 1, 'stay', '{}'), ('Gold', 'upgrade', 1, 'stay', '{}'), ('Silver', 'gift', 1, 'ever', '{}'), ('Gold', 'gift', 1, 'ever', '{}');
\o
SELECT throws_ok($$INSERT INTO rewards.tier_benefit (tier, name) VALUES ('Gold', 'lounge')$$, '23505');
SELECT throws_ok($$SELECT rewards.use_benefit(1, 'lounge')$$, 'LY002');
SELECT throws_ok($$SELECT rewards.use_benefit(1, NULL)$$, '22004');
SELECT throws_ok($$SELECT rewards.use_benefit(NULL, 'lounge')$$, '22004');

-- -------- using --------

\o /dev/null
SELECT t.buy(1, 500, '2026-02-01');
\o
SELECT is(t.error_of($$SELECT rewards.use_benefit(1, 'lounge')$$), 'LY007: member "1" holds no tier that brings benefit "lounge" now; It belongs to "Gold", "Silver".', 'who holds no such tier has no benefit');
\o /dev/null
SELECT t.buy(1, 500, '2026-02-02');
\o
SELECT is(t.benefit(1, 'lounge'), 'Silver 0 of 2 used, 2 left', 'the view knows it beforehand');
SELECT is((SELECT concat_ws(' ', status, unit, points, available) FROM rewards.use_benefit(1, 'lounge', key => 'a')), 'done', 'a use returns what all functions do, and no unit');
SELECT is((SELECT status FROM rewards.use_benefit(1, 'lounge', key => 'a')), 'done', 'the same call again returns the same');
SELECT is(t.benefit(1, 'lounge'), 'Silver 1 of 2 used, 1 left', 'and uses nothing');
SELECT throws_ok($$SELECT rewards.use_benefit(1, 'coffee', key => 'a')$$, 'LY009');
SELECT throws_ok($$SELECT rewards.use_benefit(1, 'early boarding')$$, 'LY007', NULL, 'a tier above has its own');
\o /dev/null
SELECT rewards.use_benefit(1, 'lounge');
\o
SELECT is(t.error_of($$SELECT rewards.use_benefit(1, 'lounge', key => 'b')$$), 'LY006: benefit "lounge" can be used only 2 times in a year; Used: 2; it frees up at 2027-01-01 00:00:00+00.',
	'the limit, and when it frees up');
SELECT is(t.fields_of($$SELECT rewards.use_benefit(1, 'lounge')$$), 'limit_reached tier_benefit.uses {"benefit": "lounge", "limit": 2, "taken": 2, "needed": 1, "period": "year", "until": "2027-01-01T00:00:00+00:00"}', 'as programs read it');
SELECT is(t.fields_of($$SELECT rewards.use_benefit(1, 'early boarding')$$), 'not_eligible tier_benefit.tier {"benefit": "early boarding"}', 'likewise');
SELECT is((SELECT count(*) FROM rewards.operation WHERE key = 'b'), 0::bigint, 'what is refused leaves nothing');

-- an upgrade within the period: the higher limit, less what was used before
\o /dev/null
SELECT t.buy(1, 2000, '2026-03-01');
\o
SELECT is(t.benefit(1, 'lounge'), 'Gold 2 of 4 used, 2 left', 'an upgrade within the period: the new limit, uses count on');
\o /dev/null
SELECT rewards.use_benefit(1, 'lounge'), rewards.use_benefit(1, 'lounge');
\o
SELECT throws_ok($$SELECT rewards.use_benefit(1, 'lounge')$$, 'LY006');
SELECT throws_ok($$SELECT rewards.use_benefit(1, 'coffee')$$, 'LY007', NULL, 'a higher tier has nothing of the tiers below');
SELECT is((SELECT count((rewards.use_benefit(1, 'early boarding')).id) FROM generate_series(1, 20)), 20::bigint, 'without limit');
SELECT is(t.benefit(1, 'early boarding'), 'Gold 20 of any used, any left', 'and still counted');

-- -------- giving back --------

SELECT is((SELECT status FROM rewards.cancel((SELECT max(use_no) FROM rewards.benefit_use WHERE benefit = 'lounge'), reason => 'closed', key => 'c')), 'cancelled', 'a use is given back');
SELECT is((SELECT status FROM rewards.cancel((SELECT max(use_no) FROM rewards.benefit_use WHERE benefit = 'lounge'), reason => 'closed', key => 'c')), 'cancelled', 'once for a key');
SELECT is(t.benefit(1, 'lounge'), 'Gold 3 of 4 used, 1 left', 'and can be made again');
SELECT throws_ok(format('SELECT rewards.cancel(%s)', (SELECT max(use_no) FROM rewards.benefit_use WHERE benefit = 'lounge')), '55000');
SELECT throws_ok(format('SELECT rewards.cancel(%s, points => 1)', (SELECT min(use_no) FROM rewards.benefit_use WHERE benefit = 'lounge')), '22023');
SELECT throws_ok(format('SELECT rewards.cancel(%s, quantity => 1)', (SELECT min(use_no) FROM rewards.benefit_use WHERE benefit = 'lounge')), '22023');
SELECT is((SELECT status FROM rewards.reverse((SELECT operation_no FROM rewards.operation WHERE key = 'a'), 'mistake')), 'done', 'or reversed');
SELECT is(t.benefit(1, 'lounge'), 'Gold 2 of 4 used, 2 left', 'which gives it back, too');
SELECT throws_ok(format('SELECT rewards.reverse(%s, %L)', (SELECT operation_no FROM rewards.operation WHERE key = 'a'), 'again'), '55000');
SELECT is((SELECT status FROM rewards.use_benefit(1, 'lounge', key => 'a')), 'reversed', 'a call repeated says what has become of it');
SELECT is_empty('SELECT * FROM rewards.verify()', 'all is sound');

-- -------- periods --------

\o /dev/null
SELECT rewards.use_benefit(1, 'upgrade'), rewards.use_benefit(1, 'gift');
\o
SELECT is(t.error_of($$SELECT rewards.use_benefit(1, 'upgrade')$$), 'LY006: benefit "upgrade" can be used only 1 time in a stay; Used: 1; it frees up at 2027-03-01 00:00:00+00.', 'per stay');
SELECT is(t.error_of($$SELECT rewards.use_benefit(1, 'gift')$$), 'LY006: benefit "gift" can be used only 1 time ever; Used: 1; it does not free up.', 'once and for all');
\o /dev/null
SELECT t.buy(2, 1000, '2026-12-31 10:00');
SELECT rewards.use_benefit(2, 'coffee');
\o
SELECT throws_ok($$SELECT rewards.use_benefit(2, 'coffee')$$, 'LY006');
\o /dev/null
SELECT t.go('2027-01-01');
SELECT rewards.use_benefit(2, 'coffee');
\o
SELECT is(t.benefit(2, 'coffee'), 'Silver 1 of 1 used, 0 left', 'a new day');
SELECT is(t.benefit(1, 'lounge'), 'Gold 0 of 4 used, 4 left', 'a new year');
SELECT is((SELECT concat_ws(' ', period_start, period_end) FROM rewards.benefits WHERE member_id = 1 AND benefit = 'lounge'), '2027-01-01 00:00:00+00 2028-01-01 00:00:00+00', 'the period');
\o /dev/null
SELECT t.go('2027-03-01');
\o
SELECT is(rewards.tier_at(1), NULL, 'the stay has ended');
SELECT throws_ok($$SELECT rewards.use_benefit(1, 'upgrade')$$, 'LY007', NULL, 'nobody has booked it yet, but the tier is gone');
\o /dev/null
SELECT t.buy(1, 3000, '2027-03-02');
SELECT rewards.use_benefit(1, 'upgrade');
\o
SELECT is((SELECT concat_ws(' ', used, remaining, period_start, period_end) FROM rewards.benefits WHERE member_id = 1 AND benefit = 'upgrade'),
	'1 0 2027-03-02 00:00:00+00 2028-03-02 00:00:00+00', 'the next stay brings it again');

-- of several groups, the tier that leaves most
\o /dev/null
SELECT t.group('second', '12 months'), t.tier('Star', 10, 3000, 'second');
INSERT INTO rewards.tier_benefit (tier, name, uses, use_period) VALUES ('Star', 'lounge', 5, 'year');
SELECT rewards.use_benefit(1, 'lounge') FROM generate_series(1, 5);
\o
SELECT is(t.benefit(1, 'lounge'), 'Star 5 of 5 used, 0 left; Gold 5 of 4 used, 0 left', 'of several tiers that bring it, the one that leaves most counts');

-- a removed tier keeps its holders, with what it brings; a renamed one is followed
\o /dev/null
DELETE FROM rewards.tier WHERE name = 'Gold';
UPDATE rewards.tier SET name = 'Stella' WHERE name = 'Star';
SELECT rewards.use_benefit(1, 'early boarding');
\o
SELECT is(t.benefit(1, 'early boarding') || (SELECT '; ' || tier FROM rewards.tier_benefit WHERE uses = 5), 'Gold 21 of any used, any left; Stella', 'holders of a removed tier still have its benefits');

\o /dev/null
UPDATE rewards.member SET status = 'blocked' WHERE member_id = 2;
\o
SELECT throws_ok($$SELECT rewards.use_benefit(2, 'coffee')$$, 'LY003');

-- -------- what cannot be is found --------

SAVEPOINT sound;
UPDATE rewards.benefit_use SET cancelled_at = NULL WHERE cancelled_at IS NOT NULL;
SELECT is((SELECT count(*) FROM rewards.verify(1) v WHERE v.invariant = 'benefits'), 2::bigint, 'verify() finds uses that operations know otherwise');
ROLLBACK TO sound;
DELETE FROM rewards.benefit_use WHERE member_id = 2;
SELECT is((SELECT count(*) FROM rewards.verify() v WHERE v.invariant = 'benefits'), 2::bigint, 'or do not know');
ROLLBACK TO sound;
UPDATE rewards.benefit_use SET allowed = 1 WHERE allowed = 4;
SELECT is((SELECT count(*) > 0 FROM rewards.verify() v WHERE v.invariant = 'benefits'), true, 'or more than were allowed');
ROLLBACK TO sound;

\i test/pgtap/include/finish.sql
