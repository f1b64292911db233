/* -------- what points buy -------- */

CREATE FUNCTION @program@.redeem(member @member@, reward text, quantity integer DEFAULT 1, price text DEFAULT NULL, key text DEFAULT NULL)
	RETURNS @program@.outcome
	LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE AS $$
BEGIN
	RETURN loyalty.redeem_1('@program@.program'::pg_catalog.regclass, member, reward, quantity, price, key);
END
$$;
REVOKE ALL ON FUNCTION @program@.redeem(@member@, text, integer, text, text) FROM PUBLIC;
COMMENT ON FUNCTION @program@.redeem(@member@, text, integer, text, text) IS
	'Redeems so many pieces of a reward for a member, at the price of that name (default: the one that applies; of several in one unit the lowest). Returns the redemption''s id, which cancel() takes, and its code if it has one. With a key the call is made once, however often it is repeated.';

CREATE FUNCTION @program@.hold_reward(member @member@, reward text, quantity integer DEFAULT 1, for_ interval DEFAULT NULL, key text DEFAULT NULL, price text DEFAULT NULL)
	RETURNS @program@.outcome
	LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE AS $$
BEGIN
	RETURN loyalty.hold_reward_1('@program@.program'::pg_catalog.regclass, member, reward, quantity, for_, key, price);
END
$$;
REVOKE ALL ON FUNCTION @program@.hold_reward(@member@, text, integer, interval, text, text) FROM PUBLIC;
COMMENT ON FUNCTION @program@.hold_reward(@member@, text, integer, interval, text, text) IS
	'Sets a reward aside for a member, with its points and its place in stock and limits, for an interval (default: the reward''s hold_for). Returns an id for capture() and release(); left alone, everything is free again at the end.';

CREATE FUNCTION @program@.claim(bonus bigint)
	RETURNS @program@.outcome
	LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE AS $$
BEGIN
	RETURN loyalty.claim_1('@program@.program'::pg_catalog.regclass, bonus);
END
$$;
REVOKE ALL ON FUNCTION @program@.claim(bigint) FROM PUBLIC;
COMMENT ON FUNCTION @program@.claim(bigint) IS
	'Pays a bonus what it is worth by now, once: claimed again it returns the same and pays nothing.';

CREATE FUNCTION @program@.quote(member @member@, reward text, quantity integer DEFAULT 1)
	RETURNS TABLE (price text, unit text, points numeric, money numeric, available numeric, remaining numeric, missing numeric, lots jsonb, possible boolean, sqlstate text, reason text, refusal jsonb)
	LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED ROWS 2 SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT q.price, q.unit, q.points, q.money, q.available, q.remaining, q.missing, q.lots, q.possible, q.sqlstate, q.reason, q.refusal
	FROM loyalty.quote_1('@program@.program'::regclass, $1, $2, $3) AS q;
END;
REVOKE ALL ON FUNCTION @program@.quote(@member@, text, integer) FROM PUBLIC;
COMMENT ON FUNCTION @program@.quote(@member@, text, integer) IS
	'What redeeming so many pieces of a reward would cost a member, at each of its prices: what is available, what would remain or is missing, from which lots the points would come, and if it is not possible, the SQLSTATE and message that redeem() would raise, and what programs read of it';

CREATE FUNCTION @program@.offers(member @member@)
	RETURNS TABLE (reward text, price text, unit text, points numeric, money numeric, available numeric, affordable boolean, missing numeric, next boolean)
	LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED ROWS 10 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN QUERY SELECT o.reward, o.price, o.unit, o.points, o.money, o.available, o.affordable, o.missing, o.next
		FROM loyalty.offers_1('@program@.program'::pg_catalog.regclass, $1) AS o;
END
$$;
REVOKE ALL ON FUNCTION @program@.offers(@member@) FROM PUBLIC;
COMMENT ON FUNCTION @program@.offers(@member@) IS
	'Rewards that a member may have now at each of their prices, whether the points suffice, how many are missing, and which is the next within reach';

/* -------- views -------- */

/* What is on offer, with what is left of it. */
CREATE VIEW @program@.catalogue AS
SELECT r.name AS reward,
	r.kind,
	pr.name AS price,
	pr.unit,
	pr.points,
	pr.money,
	pr.tiers AS price_tiers,
	CASE WHEN r.stock IS NOT NULL THEN ((SELECT coalesce(sum(s.room), 0) FROM @program@.reward_stock AS s WHERE s.reward_no = r.reward_no)
		+ (SELECT coalesce(sum(d.quantity - d.cancelled), 0) FROM @program@.redemption AS d
		   WHERE d.reward_no = r.reward_no AND d.stock_slot IS NOT NULL AND d.held_until <= t.now))::bigint END AS stock_left,
	r.max_per_member,
	r.cap_period,
	r.choice_set,
	r.tiers,
	r.condition,
	lower(r.valid) AS valid_from,
	upper(r.valid) AS valid_until,
	r.valid @> t.now AS open,
	r.cause,
	r.attributes
FROM @program@.reward AS r
	CROSS JOIN (SELECT loyalty.clock_1(p.test_clock, p.clock) AS now FROM @program@.program AS p) AS t
	LEFT JOIN @program@.reward_price AS pr ON pr.reward = r.name
WHERE r.enabled AND (r.valid @> t.now OR r.early_access IS NOT NULL AND NOT r.valid << tstzrange(t.now, NULL));
COMMENT ON VIEW @program@.catalogue IS 'Rewards on offer, a row for each price';
COMMENT ON COLUMN @program@.catalogue.reward IS 'The reward';
COMMENT ON COLUMN @program@.catalogue.kind IS 'What sort of thing it is';
COMMENT ON COLUMN @program@.catalogue.price IS 'Name of the price; null: it has none yet and cannot be redeemed';
COMMENT ON COLUMN @program@.catalogue.unit IS 'The unit it is paid in';
COMMENT ON COLUMN @program@.catalogue.points IS 'How many of that, for one piece';
COMMENT ON COLUMN @program@.catalogue.money IS 'What is to be paid beside';
COMMENT ON COLUMN @program@.catalogue.price_tiers IS 'The tiers whose members have this price; null: everybody';
COMMENT ON COLUMN @program@.catalogue.stock_left IS 'Pieces left; null: it does not run out';
COMMENT ON COLUMN @program@.catalogue.max_per_member IS 'How many pieces a member may have in a cap_period';
COMMENT ON COLUMN @program@.catalogue.cap_period IS 'The span of the calendar of that limit';
COMMENT ON COLUMN @program@.catalogue.choice_set IS 'The set of rewards of which members choose, and this is one';
COMMENT ON COLUMN @program@.catalogue.tiers IS 'The tiers whose members may have it; null: everybody';
COMMENT ON COLUMN @program@.catalogue.condition IS 'Who may have it; null: everybody';
COMMENT ON COLUMN @program@.catalogue.valid_from IS 'Since when it is on offer; null: always';
COMMENT ON COLUMN @program@.catalogue.valid_until IS 'Until when; null: for ever';
COMMENT ON COLUMN @program@.catalogue.open IS 'Whether it is open to all; false: only to members with early access';
COMMENT ON COLUMN @program@.catalogue.cause IS 'What a donation is for';
COMMENT ON COLUMN @program@.catalogue.attributes IS 'Whatever the application wants to know of it';

/* What each member could have, and what comes next. */
CREATE VIEW @program@.affordable AS
SELECT a.member_id, o.reward, o.price, o.unit, o.points, o.money, o.available, o.affordable, o.missing, o.next
FROM @program@.account AS a
	CROSS JOIN LATERAL @program@.offers(a.member_id) AS o;
COMMENT ON VIEW @program@.affordable IS 'For each member the rewards he may have now, and whether his points suffice; ask for one member at a time';
COMMENT ON COLUMN @program@.affordable.member_id IS 'The member';
COMMENT ON COLUMN @program@.affordable.reward IS 'The reward';
COMMENT ON COLUMN @program@.affordable.price IS 'Name of the price';
COMMENT ON COLUMN @program@.affordable.unit IS 'The unit it is paid in';
COMMENT ON COLUMN @program@.affordable.points IS 'How many of that, for one piece';
COMMENT ON COLUMN @program@.affordable.money IS 'What is to be paid beside';
COMMENT ON COLUMN @program@.affordable.available IS 'What the member can spend of that unit';
COMMENT ON COLUMN @program@.affordable.affordable IS 'Whether that is enough';
COMMENT ON COLUMN @program@.affordable.missing IS 'How many are missing; 0 if none';
COMMENT ON COLUMN @program@.affordable.next IS 'Whether it is the nearest of those out of reach, among those of its unit';

CREATE VIEW @program@.redemptions AS
SELECT d.redemption_no AS id,
	d.member_id,
	r.name AS reward,
	r.kind,
	d.quantity,
	d.cancelled,
	CASE WHEN d.held_until IS NULL THEN
			CASE WHEN d.cancelled = 0 THEN 'done' WHEN d.cancelled = d.quantity THEN 'cancelled' ELSE 'partly cancelled' END
		ELSE
			CASE WHEN d.cancelled = d.quantity THEN 'released' WHEN d.held_until <= loyalty.clock_1(p.test_clock, p.clock) THEN 'lapsed' ELSE 'held' END
		END AS status,
	d.price,
	u.name AS unit,
	d.points::numeric AS points_each,
	d.points::numeric * (d.quantity - d.cancelled) AS points,
	d.money * (d.quantity - d.cancelled) AS money,
	r.cost * (d.quantity - d.cancelled) AS cost,
	d.redeemed_at,
	d.held_until,
	d.valid_until,
	d.automatic
FROM @program@.redemption AS d
	CROSS JOIN @program@.program AS p
	JOIN @program@.reward AS r ON r.reward_no = d.reward_no
	JOIN @program@.unit AS u ON u.unit_no = d.unit_no;
COMMENT ON VIEW @program@.redemptions IS 'Who has redeemed, or set aside, which reward';
COMMENT ON COLUMN @program@.redemptions.id IS 'The redemption''s id, for capture(), release() and cancel()';
COMMENT ON COLUMN @program@.redemptions.member_id IS 'The member';
COMMENT ON COLUMN @program@.redemptions.reward IS 'The reward';
COMMENT ON COLUMN @program@.redemptions.kind IS 'What sort of thing it is';
COMMENT ON COLUMN @program@.redemptions.quantity IS 'How many pieces; once captured, how many of those that were set aside';
COMMENT ON COLUMN @program@.redemptions.cancelled IS 'How many of them were cancelled or released';
COMMENT ON COLUMN @program@.redemptions.status IS 'Done, partly cancelled, cancelled; held, released, lapsed';
COMMENT ON COLUMN @program@.redemptions.price IS 'Name of the price';
COMMENT ON COLUMN @program@.redemptions.unit IS 'The unit it was paid in';
COMMENT ON COLUMN @program@.redemptions.points_each IS 'Points for one piece';
COMMENT ON COLUMN @program@.redemptions.points IS 'Points for the pieces that were not cancelled';
COMMENT ON COLUMN @program@.redemptions.money IS 'What was to be paid beside for them';
COMMENT ON COLUMN @program@.redemptions.cost IS 'What they cost the business, by what the reward costs now';
COMMENT ON COLUMN @program@.redemptions.redeemed_at IS 'When it was redeemed or set aside';
COMMENT ON COLUMN @program@.redemptions.held_until IS 'Only set aside, until then; null: redeemed';
COMMENT ON COLUMN @program@.redemptions.valid_until IS 'Until when what was redeemed can be used; null: for ever';
COMMENT ON COLUMN @program@.redemptions.automatic IS 'Whether it was redeemed by itself';

/* What members have given, by cause and month. */
CREATE VIEW @program@.donations AS
SELECT r.cause,
	date_trunc('month', d.redeemed_at AT TIME ZONE p.time_zone)::date AS month,
	u.name AS unit,
	count(*) AS donations,
	count(DISTINCT d.member_id) AS members,
	sum(d.points::numeric * (d.quantity - d.cancelled)) AS points,
	sum(r.cost * (d.quantity - d.cancelled)) AS value
FROM @program@.redemption AS d
	CROSS JOIN @program@.program AS p
	JOIN @program@.reward AS r ON r.reward_no = d.reward_no
	JOIN @program@.unit AS u ON u.unit_no = d.unit_no
WHERE r.kind = 'donation' AND d.held_until IS NULL AND d.cancelled < d.quantity
GROUP BY r.cause, month, u.name;
COMMENT ON VIEW @program@.donations IS 'What members have donated, by cause and month';
COMMENT ON COLUMN @program@.donations.cause IS 'What for';
COMMENT ON COLUMN @program@.donations.month IS 'First day of the month, in the program''s time zone';
COMMENT ON COLUMN @program@.donations.unit IS 'The unit it was paid in';
COMMENT ON COLUMN @program@.donations.donations IS 'How many times';
COMMENT ON COLUMN @program@.donations.members IS 'By how many members';
COMMENT ON COLUMN @program@.donations.points IS 'How many points, less what was cancelled';
COMMENT ON COLUMN @program@.donations.value IS 'What that costs the business, by the rewards'' cost: the money to hand on';

/* Offers that grow, and what they are worth by now. */
CREATE VIEW @program@.bonuses AS
SELECT b.bonus_no AS bonus,
	b.member_id,
	b.unit,
	CASE WHEN b.claimed_by IS NULL THEN
		loyalty.bonus_value_1(b.principal, b.step, b.every, b.max_growth, b.offered_at, greatest(t.at, b.offered_at), coalesce(a.time_zone, p.time_zone))
		ELSE (SELECT h.points FROM @program@.history AS h WHERE h.member_id = b.member_id AND h.operation = b.claimed_by AND h.kind = 'adjust' AND h.points > 0 ORDER BY h.entry_no LIMIT 1)
		END AS value,
	CASE WHEN b.claimed_by IS NOT NULL THEN 'claimed' WHEN b.ends_at <= t.at THEN 'ended' WHEN b.offered_at > t.at THEN 'to come' ELSE 'open' END AS status,
	b.offered_at,
	b.ends_at,
	b.reason,
	b.claimed_by
FROM @program@.bonus AS b
	CROSS JOIN @program@.program AS p
	JOIN @program@.account AS a ON a.member_id = b.member_id
	CROSS JOIN LATERAL (SELECT greatest(loyalty.clock_1(p.test_clock, p.clock), a.last_at) AS at) AS t;
COMMENT ON VIEW @program@.bonuses IS 'Bonuses that grow until they are claimed, and what they are worth now';
COMMENT ON COLUMN @program@.bonuses.bonus IS 'Number of the bonus, for claim()';
COMMENT ON COLUMN @program@.bonuses.member_id IS 'The member';
COMMENT ON COLUMN @program@.bonuses.unit IS 'The unit it pays';
COMMENT ON COLUMN @program@.bonuses.value IS 'What it is worth now; what it paid, if it has been claimed';
COMMENT ON COLUMN @program@.bonuses.status IS 'Open, claimed, ended, or to come';
COMMENT ON COLUMN @program@.bonuses.offered_at IS 'Since when it is offered';
COMMENT ON COLUMN @program@.bonuses.ends_at IS 'Until when it can be claimed; null: for ever';
COMMENT ON COLUMN @program@.bonuses.reason IS 'What it is for';
COMMENT ON COLUMN @program@.bonuses.claimed_by IS 'Number of the operation that claimed it';
