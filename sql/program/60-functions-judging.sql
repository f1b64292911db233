/* -------- judging without posting -------- */

CREATE FUNCTION @program@.preview(source text, "row" jsonb, assume_condition boolean DEFAULT true)
RETURNS TABLE (unit text, rule text, points numeric, active_from timestamptz, expires_at timestamptz, trimmed_by text)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER ROWS 5 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN QUERY SELECT p.* FROM loyalty.preview_1('@program@.program'::pg_catalog.regclass, $1, $2, $3) AS p;
END
$$;
REVOKE ALL ON FUNCTION @program@.preview(text, jsonb, boolean) FROM PUBLIC;
COMMENT ON FUNCTION @program@.preview(text, jsonb, boolean) IS
'What a row of a source would earn if it were inserted now; an array of rows is judged in order. Missing columns take their defaults; the source''s condition counts as true unless assume_condition is false. Nothing is written';

CREATE FUNCTION @program@.preview("row" record)
RETURNS TABLE (unit text, rule text, points numeric, active_from timestamptz, expires_at timestamptz, trimmed_by text)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER ROWS 5 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN QUERY SELECT p.* FROM loyalty.preview_row_1('@program@.program'::pg_catalog.regclass, $1) AS p;
END
$$;
REVOKE ALL ON FUNCTION @program@.preview(record) FROM PUBLIC;
COMMENT ON FUNCTION @program@.preview(record) IS
'What a row of an attached table would earn if it were inserted now and the source''s condition held. Nothing is written';

CREATE FUNCTION @program@.explain(source text, key text)
RETURNS TABLE (rule text, unit text, matched boolean, reason text, base numeric, factor numeric, exact numeric, points numeric, trimmed_by text, entry_no bigint)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER ROWS 10 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN QUERY SELECT e.* FROM loyalty.explain_1('@program@.program'::pg_catalog.regclass, $1, $2) AS e;
END
$$;
REVOKE ALL ON FUNCTION @program@.explain(text, text) FROM PUBLIC;
COMMENT ON FUNCTION @program@.explain(text, text) IS
'Why an event earned what it did, rule by rule, by the configuration it was judged by: whether the rule matched or why not, what it pays for the amount (base) or its factor, what limits leave of that before rounding (exact), the points the event holds, and the line of the ledger';

CREATE FUNCTION @program@.explain("row" record)
RETURNS TABLE (rule text, unit text, matched boolean, reason text, base numeric, factor numeric, exact numeric, points numeric, trimmed_by text, entry_no bigint)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER ROWS 10 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN QUERY SELECT e.* FROM loyalty.explain_row_1('@program@.program'::pg_catalog.regclass, $1) AS e;
END
$$;
REVOKE ALL ON FUNCTION @program@.explain(record) FROM PUBLIC;
COMMENT ON FUNCTION @program@.explain(record) IS
'The same for a row of an attached table: what it has earned if its event has been posted, else what it would earn';

CREATE FUNCTION @program@.reprice(rule text, from_ timestamptz, until_ timestamptz, apply boolean DEFAULT false)
RETURNS TABLE (member_id @member@, unit text, events bigint, before numeric, after numeric, difference numeric)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN QUERY SELECT r.member_id::@member@, r.unit, r.events, r.before, r.after, r.difference
		FROM loyalty.reprice_1('@program@.program'::pg_catalog.regclass, $1, $2, $3, $4) AS r;
END
$$;
REVOKE ALL ON FUNCTION @program@.reprice(text, timestamptz, timestamptz, boolean) FROM PUBLIC;
COMMENT ON FUNCTION @program@.reprice(text, timestamptz, timestamptz, boolean) IS
'Judges the events of [from_, until_) again: rule NULL: by the configuration as it is now; else each by the one it was posted with, with this rule as it is now. Reports members and units whose points that changes: what their events hold, would hold, and the difference. apply => true posts the differences, which reverse() undoes';
