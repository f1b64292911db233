/* -------- reading: functions -------- */

/*
 * The reader that is called most.  Setting a search_path would cost a fifth of
 * its time, so everything in it is qualified, of the very types it takes.
 */
CREATE FUNCTION @program@.balance(member @member@, unit text DEFAULT NULL, at timestamptz DEFAULT NULL, known_at timestamptz DEFAULT NULL)
	RETURNS numeric
	LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED AS $$
BEGIN
	RETURN loyalty.balance_1('@program@.program'::pg_catalog.regclass, member, unit, at, known_at);
END
$$;
REVOKE ALL ON FUNCTION @program@.balance(@member@, text, timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION @program@.balance(@member@, text, timestamptz, timestamptz) IS
	'Points a member can spend, now or at any other instant, past or future (unit: default the only spendable one; known_at: as far as was known by then)';

CREATE FUNCTION @program@.member_lots(member @member@, unit text DEFAULT NULL)
	RETURNS TABLE (unit text, points numeric, active_from timestamptz, expires_at timestamptz, state text)
	LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED ROWS 10 SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT l.unit_name, l.points, l.active_from, l.expires_at, l.state
	FROM loyalty.member_lots_1('@program@.program'::regclass, $1, $2) AS l;
END;
REVOKE ALL ON FUNCTION @program@.member_lots(@member@, text) FROM PUBLIC;
COMMENT ON FUNCTION @program@.member_lots(@member@, text) IS
	'The lots a member has now, of one unit or all: points, the range in which they are valid, and whether they are active, pending, held, or debt';

CREATE FUNCTION @program@.statement(member @member@, unit text DEFAULT NULL, from_ timestamptz DEFAULT NULL, until_ timestamptz DEFAULT NULL)
	RETURNS TABLE (entry_no bigint, occurred_at timestamptz, posted_at timestamptz, kind text, unit text, points numeric, balance numeric,
		rule text, source text, event_key text, active_from timestamptz, expires_at timestamptz, reason text, actor text)
	LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT e.entry_no, e.occurred_at, e.posted_at, k.kind, u.name, e.points::numeric, e.balance::numeric,
		r.name, s.name, e.event_key, coalesce(e.active_from, e.occurred_at), e.expires_at, o.reason, o.actor
	FROM (SELECT l.*, loyalty.sum(CASE WHEN l.kind IN (5, 6) THEN '0' ELSE l.points END) OVER (PARTITION BY l.unit_no ORDER BY l.entry_no ROWS UNBOUNDED PRECEDING) AS balance
		  FROM @program@.entry AS l
		  WHERE l.member_id = $1 AND ($2 IS NULL OR l.unit_no = loyalty.unit_no_1('@program@.program'::regclass, $2))) AS e
		CROSS JOIN LATERAL (SELECT (ARRAY['earn', 'revoke', 'redeem', 'return', 'hold', 'release', 'expire', 'adjust', 'transfer', 'repay', 'rollover'])[e.kind] AS kind) AS k
		JOIN @program@.unit AS u ON u.unit_no = e.unit_no
		LEFT JOIN @program@.rule AS r ON r.rule_no = e.rule_no
		LEFT JOIN @program@.operation AS o ON o.operation_no = e.operation_no
		LEFT JOIN @program@.source AS s ON s.source_no = coalesce(e.source_no, o.source_no)
	WHERE ($3 IS NULL OR e.occurred_at >= $3) AND ($4 IS NULL OR e.occurred_at < $4)
	ORDER BY e.entry_no;
END;
REVOKE ALL ON FUNCTION @program@.statement(@member@, text, timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION @program@.statement(@member@, text, timestamptz, timestamptz) IS
	'A member''s ledger with the running balance of each unit in the order of posting (points available, pending and held, less debt), of one unit or all, of lines that took effect from an instant on and before another';

/* -------- reading: views -------- */

/* Every member and every unit: an account, brought up to now. */
CREATE VIEW @program@.balances AS
SELECT a.member_id,
	u.name AS unit,
	loyalty.shown_1(loyalty.account_available_1(l.lots, t.holds, u.unit_no, a.last_at, a.next_due, t.ending, t.at), u.decimals) AS available,
	loyalty.account_available_1(l.lots, t.holds, u.unit_no, a.last_at, a.next_due, t.ending, t.at)::numeric AS available_exact,
	loyalty.account_pending_1(l.lots, t.holds, u.unit_no, a.last_at, a.next_due, t.ending, t.at)::numeric AS pending,
	loyalty.account_held_1(l.lots, t.holds, u.unit_no, a.last_at, a.next_due, t.ending, t.at)::numeric AS held,
	loyalty.account_debt_1(l.lots, t.holds, u.unit_no, a.last_at, a.next_due, t.ending, t.at)::numeric AS debt,
	(SELECT coalesce(loyalty.sum(loyalty.lines_points_1(j.lines, u.unit_no, (1 << 1) | (1 << 2))), '0'::loyalty.points)::numeric
	 FROM @program@.journal AS j WHERE j.member_id = a.member_id) AS earned,
	(SELECT coalesce(- loyalty.sum(loyalty.lines_points_1(j.lines, u.unit_no,
			CASE WHEN j.operation_no IS NULL THEN 1 << 3 ELSE (1 << 3) | (1 << 4) END)), '0'::loyalty.points)::numeric
	 FROM @program@.journal AS j WHERE j.member_id = a.member_id) AS spent,
	(SELECT coalesce(- loyalty.sum(loyalty.lines_points_1(j.lines, u.unit_no,
			CASE WHEN j.operation_no IS NULL THEN (1 << 7) | (1 << 4) | (1 << 11) ELSE 1 << 7 END)), '0'::loyalty.points)::numeric
	 FROM @program@.journal AS j WHERE j.member_id = a.member_id)
		+ loyalty.account_lapsed_1(l.lots, t.holds, u.unit_no, a.last_at, a.next_due, t.ending, t.at)::numeric AS expired,
	loyalty.account_next_expiry_1(f.lots, t.holds, u.unit_no, a.last_at, a.next_due, t.ending, t.at) AS next_expiry_at,
	loyalty.account_next_expiry_points_1(f.lots, t.holds, u.unit_no, a.last_at, a.next_due, t.ending, t.at)::numeric AS next_expiry_points
FROM @program@.account AS a
	CROSS JOIN @program@.unit AS u
	CROSS JOIN @program@.program AS p
	CROSS JOIN LATERAL (SELECT
		greatest(loyalty.clock_1(p.test_clock, p.clock), a.last_at) AS at,
		coalesce(a.holds, '') AS holds,
		loyalty.activity_end_1(a.usage, u.unit_no, u.expires, coalesce(a.time_zone, p.time_zone)) AS ending) AS t
	CROSS JOIN LATERAL (SELECT CASE WHEN a.paged IS NULL THEN a.lots
		ELSE a.lots OPERATOR(loyalty.+) (SELECT coalesce(loyalty.sum(g.lots), '{}'::loyalty.lots)
										 FROM @program@.account_page AS g WHERE g.member_id = a.member_id) END AS lots) AS m
	CROSS JOIN LATERAL (SELECT CASE WHEN NOT p.rollover THEN m.lots
		ELSE loyalty.lots_carried_1(m.lots, a.tiers, p.tiers, a.last_at, a.joined_at, a.time_zone, t.at) END AS lots) AS l
	CROSS JOIN LATERAL (SELECT CASE WHEN NOT p.rollover THEN m.lots
		ELSE loyalty.lots_carried_1(m.lots, a.tiers, p.tiers, a.last_at, a.joined_at, a.time_zone, 'infinity') END AS lots) AS f;
COMMENT ON VIEW @program@.balances IS 'What each member has of each unit, as of now';
COMMENT ON COLUMN @program@.balances.member_id IS 'The member';
COMMENT ON COLUMN @program@.balances.unit IS 'The unit';
COMMENT ON COLUMN @program@.balances.available IS 'Points that can be spent now, whole ones if fractions are carried';
COMMENT ON COLUMN @program@.balances.available_exact IS 'The same with all fractions';
COMMENT ON COLUMN @program@.balances.pending IS 'Points earned that are not active yet';
COMMENT ON COLUMN @program@.balances.held IS 'Points set aside by open holds';
COMMENT ON COLUMN @program@.balances.debt IS 'Points owed, which what comes repays';
COMMENT ON COLUMN @program@.balances.earned IS 'Points earned so far, less what was revoked';
COMMENT ON COLUMN @program@.balances.spent IS 'Points redeemed so far, less what was returned';
COMMENT ON COLUMN @program@.balances.expired IS 'Points that have lapsed unspent so far';
COMMENT ON COLUMN @program@.balances.next_expiry_at IS 'When the next points lapse, unless they are spent; null: none will';
COMMENT ON COLUMN @program@.balances.next_expiry_points IS 'How many lapse then';

/* The ledger, with names. */
CREATE VIEW @program@.history AS
SELECT e.member_id,
	e.entry_no,
	e.occurred_at,
	e.posted_at,
	(ARRAY['earn', 'revoke', 'redeem', 'return', 'hold', 'release', 'expire', 'adjust', 'transfer', 'repay', 'rollover'])[e.kind] AS kind,
	u.name AS unit,
	e.points::numeric AS points,
	r.name AS rule,
	s.name AS source,
	e.event_key,
	coalesce(e.active_from, e.occurred_at) AS active_from,
	e.expires_at,
	e.lapsed::numeric AS lapsed,
	e.forgiven::numeric AS forgiven,
	e.operation_no AS operation,
	o.reason,
	o.actor,
	e.config_version
FROM @program@.entry AS e
	LEFT JOIN @program@.unit AS u ON u.unit_no = e.unit_no
	LEFT JOIN @program@.rule AS r ON r.rule_no = e.rule_no
	LEFT JOIN @program@.operation AS o ON o.operation_no = e.operation_no
	LEFT JOIN @program@.source AS s ON s.source_no = coalesce(e.source_no, o.source_no);
COMMENT ON VIEW @program@.history IS 'Every line of the ledger';
COMMENT ON COLUMN @program@.history.member_id IS 'The member';
COMMENT ON COLUMN @program@.history.entry_no IS 'Number of the line among the member''s, from 1 without gaps';
COMMENT ON COLUMN @program@.history.occurred_at IS 'When it takes effect';
COMMENT ON COLUMN @program@.history.posted_at IS 'When it was written';
COMMENT ON COLUMN @program@.history.kind IS 'Earn, revoke, redeem, return, hold, release, expire, adjust, transfer, repay or rollover';
COMMENT ON COLUMN @program@.history.unit IS 'The unit';
COMMENT ON COLUMN @program@.history.points IS 'By how much the lot changes';
COMMENT ON COLUMN @program@.history.rule IS 'The rule that paid';
COMMENT ON COLUMN @program@.history.source IS 'The source of the event that earned';
COMMENT ON COLUMN @program@.history.event_key IS 'That event''s key';
COMMENT ON COLUMN @program@.history.active_from IS 'The lot is valid from then on; -infinity: what is owed';
COMMENT ON COLUMN @program@.history.expires_at IS 'The lot ends then; infinity: never; null: it follows the last activity in the unit';
COMMENT ON COLUMN @program@.history.lapsed IS 'Points not taken back, as they had lapsed unspent; negative: made up for later';
COMMENT ON COLUMN @program@.history.forgiven IS 'Points not taken back, as the unit forgives what is missing; negative: made up for later';
COMMENT ON COLUMN @program@.history.operation IS 'Number of the operation it belongs to';
COMMENT ON COLUMN @program@.history.reason IS 'Why that was done';
COMMENT ON COLUMN @program@.history.actor IS 'Who did it';
COMMENT ON COLUMN @program@.history.config_version IS 'The configuration it was judged by';

/* What will lapse, if nothing else happens. */
CREATE VIEW @program@.expiring AS
SELECT a.member_id, u.name AS unit, x.points::numeric AS points, x.expires_at
FROM @program@.account AS a
	CROSS JOIN @program@.unit AS u
	CROSS JOIN @program@.program AS p
	CROSS JOIN LATERAL (SELECT
		greatest(loyalty.clock_1(p.test_clock, p.clock), a.last_at) AS at,
		coalesce(a.holds, '') AS holds,
		loyalty.activity_end_1(a.usage, u.unit_no, u.expires, coalesce(a.time_zone, p.time_zone)) AS ending) AS t
	CROSS JOIN LATERAL (SELECT CASE WHEN a.paged IS NULL THEN a.lots
		ELSE a.lots OPERATOR(loyalty.+) (SELECT coalesce(loyalty.sum(g.lots), '{}'::loyalty.lots)
										 FROM @program@.account_page AS g WHERE g.member_id = a.member_id) END AS lots) AS m
	CROSS JOIN LATERAL (SELECT CASE WHEN NOT p.rollover THEN m.lots
		ELSE loyalty.lots_carried_1(m.lots, a.tiers, p.tiers, a.last_at, a.joined_at, a.time_zone, 'infinity') END AS lots) AS l
	CROSS JOIN LATERAL loyalty.account_expiring_1(l.lots, t.holds, u.unit_no, a.last_at, a.next_due, t.ending, t.at) AS x;
COMMENT ON VIEW @program@.expiring IS 'Points that will lapse, and when, unless they are spent before';
COMMENT ON COLUMN @program@.expiring.member_id IS 'The member';
COMMENT ON COLUMN @program@.expiring.unit IS 'The unit';
COMMENT ON COLUMN @program@.expiring.points IS 'How many';
COMMENT ON COLUMN @program@.expiring.expires_at IS 'And when';

/* What the business owes its members. */
CREATE VIEW @program@.liability AS
SELECT u.name AS unit, o.points::numeric AS points, o.points::numeric * u.value AS value
FROM @program@.unit AS u
	CROSS JOIN @program@.program AS p
	CROSS JOIN LATERAL (SELECT coalesce(loyalty.sum(loyalty.account_outstanding_1(
			CASE WHEN NOT p.rollover THEN m.lots
				ELSE loyalty.lots_carried_1(m.lots, a.tiers, p.tiers, a.last_at, a.joined_at, a.time_zone,
					greatest(loyalty.clock_1(p.test_clock, p.clock), a.last_at)) END,
			coalesce(a.holds, ''), u.unit_no, a.last_at, a.next_due,
			loyalty.activity_end_1(a.usage, u.unit_no, u.expires, coalesce(a.time_zone, p.time_zone)),
			greatest(loyalty.clock_1(p.test_clock, p.clock), a.last_at))), '0'::loyalty.points) AS points
		FROM @program@.account AS a
			CROSS JOIN LATERAL (SELECT CASE WHEN a.paged IS NULL THEN a.lots
				ELSE a.lots OPERATOR(loyalty.+) (SELECT coalesce(loyalty.sum(g.lots), '{}'::loyalty.lots)
												 FROM @program@.account_page AS g WHERE g.member_id = a.member_id) END AS lots) AS m) AS o;
COMMENT ON VIEW @program@.liability IS 'Points that members have, available, pending or held, and what they are worth, as of now';
COMMENT ON COLUMN @program@.liability.unit IS 'The unit';
COMMENT ON COLUMN @program@.liability.points IS 'Points of all members; what some owe is not deducted';
COMMENT ON COLUMN @program@.liability.value IS 'The same in the program''s currency by the unit''s value; null if it has none';
