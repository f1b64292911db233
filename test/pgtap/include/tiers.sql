-- What tests of tiers want to know in one line of text.  The unit status, in
-- which 1 is earned for 1, is the window: 12 months.

\o /dev/null
INSERT INTO rewards.unit (name, expires, spendable) VALUES ('status', '12 months', false);
INSERT INTO rewards.rule (name, unit, earn) VALUES ('status', 'status', '1 per 1');
\o

-- a group of tiers, and a tier of it
CREATE FUNCTION t.group(name text, keep text, keep_renewed text DEFAULT NULL, downgrade text DEFAULT 'to_qualified', unit text DEFAULT 'status') RETURNS void
LANGUAGE sql AS $$
	INSERT INTO rewards.tier_group (name, unit, keep, keep_renewed, downgrade) VALUES ($1, $5, $2::loyalty.period, $3::loyalty.period, $4)
$$;
CREATE FUNCTION t.tier(name text, rank integer, threshold numeric, tier_group text DEFAULT 'status') RETURNS void
LANGUAGE sql AS $$
	INSERT INTO rewards.tier (name, tier_group, rank, threshold) VALUES ($1, $4, $2, $3)
$$;

-- moves the clock, if it stands earlier
CREATE FUNCTION t.go(at timestamptz) RETURNS void
LANGUAGE sql AS $$
	SELECT rewards.set_clock($1) FROM rewards.program WHERE clock < $1
$$;

CREATE SEQUENCE t.orders START 1000;
-- an order that is placed now, and one that arrives late
CREATE FUNCTION t.buy(customer_id bigint, total numeric, at timestamptz) RETURNS void
LANGUAGE sql AS $$
	SELECT t.go($3);
	INSERT INTO shop.orders (order_id, customer_id, total, placed_at) VALUES (nextval('t.orders'), $1, $2, $3)
$$;
CREATE FUNCTION t.late(customer_id bigint, total numeric, at timestamptz) RETURNS void
LANGUAGE sql AS $$
	INSERT INTO shop.orders (order_id, customer_id, total, placed_at) VALUES (nextval('t.orders'), $1, $2, $3)
$$;
CREATE FUNCTION t.last_order() RETURNS text
LANGUAGE sql AS $$
	SELECT last_value::text FROM t.orders
$$;

-- "Silver - Gold": the tier held at each of some instants
CREATE FUNCTION t.tiers(member_id bigint, VARIADIC at timestamptz[]) RETURNS text
STABLE LANGUAGE sql AS $$
	SELECT string_agg(coalesce(rewards.tier_at($1, 'status', a.at), '-'), ' ' ORDER BY a.n)
	FROM unnest($2) WITH ORDINALITY AS a (at, n)
$$;
-- the same as far as was known by an instant
CREATE FUNCTION t.known(member_id bigint, known_at timestamptz, VARIADIC at timestamptz[]) RETURNS text
STABLE LANGUAGE sql AS $$
	SELECT string_agg(coalesce(rewards.tier_at($1, 'status', a.at, $2), '-'), ' ' ORDER BY a.n)
	FROM unnest($3) WITH ORDINALITY AS a (at, n)
$$;
-- "Silver entry 2026-03-10..2027-03-10": the stays as they were written
CREATE FUNCTION t.stays(member_id bigint, tier_group text DEFAULT 'status') RETURNS text
STABLE LANGUAGE sql AS $$
	SELECT string_agg(coalesce(h.tier, '-') || ' ' || h.cause || ' ' || h.occurred_at::date
		|| CASE WHEN h.tier IS NULL THEN '' ELSE '..' || h.until::date END, ', ' ORDER BY h.change_no)
	FROM rewards.tier_history h
	WHERE h.member_id = $1 AND h.tier_group = $2
$$;
-- "points 3150, gold 50": points by rule
CREATE FUNCTION t.by_rule(member_id bigint, unit text DEFAULT 'points') RETURNS text
STABLE LANGUAGE sql AS $$
	SELECT string_agg(rule || ' ' || points, ', ' ORDER BY points DESC, rule)
	FROM (SELECT h.rule, trim_scale(sum(h.points)) AS points FROM rewards.history h
		  WHERE h.member_id = $1 AND h.unit = $2 AND h.rule IS NOT NULL GROUP BY h.rule) AS s
$$;
