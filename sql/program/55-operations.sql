/* -------- corrections by hand -------- */

CREATE FUNCTION @program@.adjust(member @member@, points numeric, unit text DEFAULT NULL, reason text DEFAULT NULL, expires_at timestamptz DEFAULT NULL, allow_debt boolean DEFAULT false, key text DEFAULT NULL,
		OUT id bigint, OUT status text, OUT unit text, OUT points numeric, OUT code text, OUT available numeric, OUT pending numeric, OUT held numeric, OUT debt numeric, OUT valid_until timestamptz)
	RETURNS record
	LANGUAGE sql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT o.id, o.status, o.unit, o.points, o.code, o.available, o.pending, o.held, o.debt, o.valid_until
	FROM loyalty.adjust_1('@program@.program'::regclass, $1, $2, $3, $4, $5, $6, $7) AS o;
END;
REVOKE ALL ON FUNCTION @program@.adjust(@member@, numeric, text, text, timestamptz, boolean, text) FROM PUBLIC;
COMMENT ON FUNCTION @program@.adjust(@member@, numeric, text, text, timestamptz, boolean, text) IS
	'Gives points to a member, or takes some (points < 0), for a reason. Points given end at expires_at, by default as the unit says. More than there is is taken only if debt is allowed. With a key the call is made once, however often it is repeated.';

CREATE FUNCTION @program@.reverse(operation bigint, reason text, key text DEFAULT NULL,
		OUT id bigint, OUT status text, OUT unit text, OUT points numeric, OUT code text, OUT available numeric, OUT pending numeric, OUT held numeric, OUT debt numeric, OUT valid_until timestamptz)
	RETURNS record
	LANGUAGE sql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT o.id, o.status, o.unit, o.points, o.code, o.available, o.pending, o.held, o.debt, o.valid_until
	FROM loyalty.reverse_1('@program@.program'::regclass, $1, $2, $3) AS o;
END;
REVOKE ALL ON FUNCTION @program@.reverse(bigint, text, text) FROM PUBLIC;
COMMENT ON FUNCTION @program@.reverse(bigint, text, text) IS
	'Undoes, once, what a function did: what it gave is taken back, what it took returns to the lots it came from. With a key the call can be repeated, and returns the same.';
