/* -------- tiers: where members stand -------- */

CREATE FUNCTION @program@.tier_at(member @member@, tier_group text DEFAULT NULL, at timestamptz DEFAULT NULL, known_at timestamptz DEFAULT NULL)
	RETURNS text
	LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED AS $$
BEGIN
	RETURN loyalty.tier_at_1('@program@.program'::pg_catalog.regclass, member, tier_group, at, known_at);
END
$$;
REVOKE ALL ON FUNCTION @program@.tier_at(@member@, text, timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION @program@.tier_at(@member@, text, timestamptz, timestamptz) IS
	'The tier a member holds in a group (default: the only one), now or at any other instant, past or future; known_at: as far as was known by then. Null: none';

CREATE FUNCTION @program@.set_tier(member @member@, tier text, reason text, until timestamptz DEFAULT NULL, tier_group text DEFAULT NULL, key text DEFAULT NULL,
		OUT id bigint, OUT status text, OUT tier_group text, OUT tier text, OUT since timestamptz, OUT until timestamptz)
	RETURNS record
	LANGUAGE sql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT s.id, s.status, s.group_name, s.tier_name, s.since, s.until_
	FROM loyalty.set_tier_1('@program@.program'::regclass, $1, $2, $3, $4, $5, $6) AS s;
END;
REVOKE ALL ON FUNCTION @program@.set_tier(@member@, text, text, timestamptz, text, text) FROM PUBLIC;
COMMENT ON FUNCTION @program@.set_tier(@member@, text, text, timestamptz, text, text) IS
	'Gives a member a tier by hand, for a reason, until an instant (infinity: for life; default: as long as the group keeps tiers), or takes what tier there is (tier null). Until then the member does not fall below it; higher tiers are reached as ever. With a key the call is made once.';

CREATE VIEW @program@.tier_history AS
SELECT c.member_id,
	g.name AS tier_group,
	t.name AS tier,
	c.occurred_at,
	c.posted_at,
	c.since,
	c.until,
	c.cause,
	o.reason,
	o.actor,
	c.operation_no AS operation,
	c.change_no
FROM @program@.tier_change AS c
	LEFT JOIN LATERAL (SELECT v.name FROM @program@.tier_group_version AS v WHERE v.group_no = c.group_no ORDER BY v.config_version DESC LIMIT 1) AS g ON true
	LEFT JOIN LATERAL (SELECT v.name FROM @program@.tier_version AS v WHERE v.tier_no = c.tier_no ORDER BY v.config_version DESC LIMIT 1) AS t ON true
	LEFT JOIN @program@.operation AS o ON o.operation_no = c.operation_no;
COMMENT ON VIEW @program@.tier_history IS 'Every tier that a member came to, or stayed in, as it was written; what a later row says of an instant holds';
COMMENT ON COLUMN @program@.tier_history.member_id IS 'The member';
COMMENT ON COLUMN @program@.tier_history.tier_group IS 'The group of tiers';
COMMENT ON COLUMN @program@.tier_history.tier IS 'The tier; null: none';
COMMENT ON COLUMN @program@.tier_history.occurred_at IS 'From when on it holds';
COMMENT ON COLUMN @program@.tier_history.posted_at IS 'When it was written';
COMMENT ON COLUMN @program@.tier_history.since IS 'Since when the tier has been held without a break';
COMMENT ON COLUMN @program@.tier_history.until IS 'End of the stay; infinity: none; not after since: no longer than the balance';
COMMENT ON COLUMN @program@.tier_history.cause IS 'entry, expiry (a stay ended, or the points it rested on lapsed), late row, by hand, configuration, for life (held for so many years)';
COMMENT ON COLUMN @program@.tier_history.reason IS 'Why a tier was given by hand';
COMMENT ON COLUMN @program@.tier_history.actor IS 'Who gave it';
COMMENT ON COLUMN @program@.tier_history.operation IS 'Number of the operation by which it was given';
COMMENT ON COLUMN @program@.tier_history.change_no IS 'Number of the row among the member''s';

/*
 * Every member and every group: an account, brought up to now.  Of its pages
 * only those are read in which lots begin or end yet: of the others the row
 * has the sum.  The scan of accounts is parallel as long as nothing but the
 * account is lateral.
 */
CREATE VIEW @program@.standing AS
SELECT a.member_id,
	s.tier_group,
	s.tier,
	s.since,
	s.until,
	s.next_tier,
	s.points_to_next,
	s.points_to_keep,
	s.projected,
	s.given,
	s.stay_since,
	s.for_life
FROM @program@.account AS a
	LEFT JOIN (SELECT member_id, loyalty.sum(lots) AS lots FROM @program@.account_page
		WHERE next_due < '294276-01-01 00:00:00+00' GROUP BY member_id) AS g ON g.member_id = a.member_id,
	LATERAL loyalty.standing_1(
		(SELECT ROW(loyalty.clock_1(p.test_clock, p.clock), p.tiers) FROM @program@.program AS p),
		a.tiers, a.lots, a.last_at, a.joined_at, a.time_zone, a.paged, g.lots) AS s;
COMMENT ON VIEW @program@.standing IS 'Where each member stands in each group of tiers, as of now';
COMMENT ON COLUMN @program@.standing.member_id IS 'The member';
COMMENT ON COLUMN @program@.standing.tier_group IS 'The group of tiers';
COMMENT ON COLUMN @program@.standing.tier IS 'The tier; null: none';
COMMENT ON COLUMN @program@.standing.since IS 'Since when it has been held without a break';
COMMENT ON COLUMN @program@.standing.until IS 'When the stay ends, or a tier that is kept no longer than the balance is lost if nothing more comes; infinity: never';
COMMENT ON COLUMN @program@.standing.next_tier IS 'The next tier';
COMMENT ON COLUMN @program@.standing.points_to_next IS 'Points of the group''s unit that lack to it';
COMMENT ON COLUMN @program@.standing.points_to_keep IS 'Points that are still needed to keep the tier at the end of the stay';
COMMENT ON COLUMN @program@.standing.projected IS 'The tier after that end, if nothing more comes; null: none';
COMMENT ON COLUMN @program@.standing.given IS 'Whether the member holds a tier that was given by hand';
COMMENT ON COLUMN @program@.standing.stay_since IS 'When the stay began: the tier was reached, or last renewed';
COMMENT ON COLUMN @program@.standing.for_life IS 'Whether the tier is held for life: after so many years, or by hand';
