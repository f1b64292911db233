/* -------- benefits of tiers -------- */

CREATE FUNCTION @program@.use_benefit(member @member@, benefit text, key text DEFAULT NULL)
	RETURNS @program@.outcome
	LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE AS $$
BEGIN
	RETURN loyalty.use_benefit_1('@program@.program'::pg_catalog.regclass, member, benefit, key);
END
$$;
REVOKE ALL ON FUNCTION @program@.use_benefit(@member@, text, text) FROM PUBLIC;
COMMENT ON FUNCTION @program@.use_benefit(@member@, text, text) IS
	'Uses a benefit of a tier that the member holds now (else LY007) once, within its limit (else LY006, with the instant at which it frees up). Returns an id, which cancel() takes to give the use back. With a key the call is made once, however often it is repeated.';

/* Every member, and every benefit of the tiers held now. */
CREATE VIEW @program@.benefits AS
SELECT s.member_id,
	s.tier_group,
	s.tier,
	b.name AS benefit,
	b.uses,
	u.used,
	CASE WHEN b.uses IS NOT NULL THEN greatest(b.uses - u.used, 0) END AS remaining,
	b.use_period,
	nullif(d.span_start, '-infinity') AS period_start,
	nullif(d.span_end, 'infinity') AS period_end,
	b.attributes
FROM @program@.standing AS s
	JOIN @program@.tier_benefit AS b ON b.tier = s.tier
	CROSS JOIN @program@.program AS p
	CROSS JOIN LATERAL loyalty.benefit_span_1(b.use_period, loyalty.clock_1(p.test_clock, p.clock), p.time_zone, s.stay_since, s.until) AS d
	CROSS JOIN LATERAL (SELECT count(*) AS used FROM @program@.benefit_use AS n
						WHERE n.member_id = s.member_id AND n.benefit = b.name AND n.cancelled_at IS NULL AND n.used_at >= d.span_start) AS u;
COMMENT ON VIEW @program@.benefits IS 'The benefits of each member''s tiers, how often they were used in their period, and how often they still can be, as of now';
COMMENT ON COLUMN @program@.benefits.member_id IS 'The member';
COMMENT ON COLUMN @program@.benefits.tier_group IS 'The group of tiers';
COMMENT ON COLUMN @program@.benefits.tier IS 'The tier held';
COMMENT ON COLUMN @program@.benefits.benefit IS 'The benefit';
COMMENT ON COLUMN @program@.benefits.uses IS 'How often it can be used in a period; null: without limit';
COMMENT ON COLUMN @program@.benefits.used IS 'How often it was used in the present period, by whichever tier, less what was given back';
COMMENT ON COLUMN @program@.benefits.remaining IS 'How often it can still be used; null: without limit';
COMMENT ON COLUMN @program@.benefits.use_period IS 'The period: day, week, month, quarter, year, stay, or ever';
COMMENT ON COLUMN @program@.benefits.period_start IS 'Since when uses count; null: since ever';
COMMENT ON COLUMN @program@.benefits.period_end IS 'When they count no more; null: never, or nobody knows yet';
COMMENT ON COLUMN @program@.benefits.attributes IS 'What the business keeps with it';
