-- A shop with a table of orders, a program "rewards" on it, and helpers that
-- say what a test wants to know in one line of text.  Included inside a
-- transaction that the file rolls back (include/finish.sql).
--
-- The variable time_zone may be set before; the program's clock stands at noon
-- (UTC) of 10 January 2026, a Saturday, until a test moves it.

\if :{?time_zone}
\else
\set time_zone UTC
\endif

SET LOCAL client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS loyalty;
SET LOCAL client_min_messages = warning;
SET LOCAL TimeZone = 'UTC';
SET LOCAL DateStyle = 'ISO, YMD';

CREATE SCHEMA shop;
CREATE TABLE shop.orders (
	order_id	bigint PRIMARY KEY,
	customer_id	bigint,
	total		numeric,
	placed_at	timestamptz DEFAULT '2026-01-10 12:00Z',
	status		text DEFAULT 'paid',
	channel		text,
	note		text
);

\o /dev/null
SELECT loyalty.create_program('rewards', member_type => 'bigint', time_zone => :'time_zone', currency => 'EUR', test_clock => true);
SELECT rewards.set_clock('2026-01-10 12:00Z');
SELECT rewards.attach('shop.orders', name => 'orders', member => 'customer_id', amount => 'total',
	occurred_at => 'placed_at', condition => $$status = 'paid'$$);
\o

CREATE SCHEMA t;

-- "30 available, 20 pending, 5 debt": what a member has now
CREATE FUNCTION t.state(member_id bigint, unit text DEFAULT 'points') RETURNS text
STABLE LANGUAGE sql AS $$
	SELECT trim_scale(coalesce(sum(b.available), 0)) || ' available'
		|| coalesce(', ' || trim_scale(nullif(sum(b.pending), 0)) || ' pending', '')
		|| coalesce(', ' || trim_scale(nullif(sum(b.held), 0)) || ' held', '')
		|| coalesce(', ' || trim_scale(nullif(sum(b.debt), 0)) || ' debt', '')
	FROM rewards.balances b
	WHERE b.member_id = $1 AND b.unit = $2
$$;

-- "earn 150, revoke -30": the lines of a member that move something, in order
CREATE FUNCTION t.ledger(member_id bigint, unit text DEFAULT 'points') RETURNS text
STABLE LANGUAGE sql AS $$
	SELECT coalesce(string_agg(s.kind || ' ' || trim_scale(s.points), ', ' ORDER BY s.entry_no), 'nothing')
	FROM rewards.statement($1, unit => $2) s
	WHERE s.points <> 0
$$;

-- "base 100, bonus 50": what an event holds, by rule
CREATE FUNCTION t.shares(event_key text, source text DEFAULT 'orders', unit text DEFAULT 'points') RETURNS text
STABLE LANGUAGE sql AS $$
	SELECT coalesce(string_agg(s.rule || ' ' || trim_scale(s.points), ', ' ORDER BY s.rule COLLATE "C"), 'nothing')
	FROM (SELECT h.rule, sum(h.points) AS points
		  FROM rewards.history h
		  WHERE h.event_key = $1 AND h.source = $2 AND h.unit = $3
		  GROUP BY h.rule
		  HAVING sum(h.points) <> 0) s
$$;

-- points an order has earned
CREATE FUNCTION t.earned(order_id bigint, unit text DEFAULT 'points') RETURNS numeric
STABLE LANGUAGE sql AS $$
	SELECT trim_scale(coalesce(sum(p.points), 0))
	FROM rewards.orders_points p
	WHERE p.order_id = $1 AND p.unit = $2
$$;

-- "100 from 2026-01-10 12:00 to 2027-01-10 12:00 active; …": lots in the session's time zone
CREATE FUNCTION t.lots(member_id bigint, unit text DEFAULT 'points') RETURNS text
STABLE LANGUAGE sql AS $$
	SELECT coalesce(string_agg(format('%s from %s to %s %s', trim_scale(l.points),
				coalesce(to_char(nullif(l.active_from, '-infinity'), 'YYYY-MM-DD HH24:MI'), 'always'),
				coalesce(to_char(nullif(l.expires_at, 'infinity'), 'YYYY-MM-DD HH24:MI'), 'never'), l.state),
			'; ' ORDER BY l.active_from, l.expires_at), 'none')
	FROM rewards.member_lots($1, unit => $2) l
$$;

-- the SQLSTATE a statement ends with, 00000 if it succeeds
CREATE FUNCTION t.sqlstate_of(statement text) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN '00000';
EXCEPTION
	WHEN OTHERS OR query_canceled THEN
		RETURN SQLSTATE;
END
$$;

-- runs a statement whose result does not matter
CREATE FUNCTION t.run(statement text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
END
$$;

SET LOCAL search_path = t, public;
