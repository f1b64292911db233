/*
 * Events judged again: after a gap, after a failure, or because they are older
 * than the wiring.
 */

CREATE FUNCTION @program@.reconcile(source text, key text DEFAULT NULL, orphans text DEFAULT 'keep')
RETURNS TABLE (event_key text, member_id @member@, unit text, difference numeric)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY SELECT r.event_key, r.member_id::@member@, r.unit, r.difference
		FROM loyalty.reconcile_1('@program@.program'::pg_catalog.regclass,
			reconcile.source, reconcile.key, reconcile.orphans, true) AS r;
END
$$;
REVOKE ALL ON FUNCTION @program@.reconcile(text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION @program@.reconcile(text, text, text) IS
'Judges the events of a source again, or one by its key, and posts what is missing; returns what it posted. Events posted before claim no room of caps and budgets. orphans => ''revoke'' also takes back points of events whose rows are gone.';

CREATE FUNCTION @program@.retry_failed(source text DEFAULT NULL)
RETURNS TABLE (source_name text, event_key text, outcome text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY SELECT r.source_name, r.event_key, r.outcome
		FROM loyalty.retry_failed_1('@program@.program'::pg_catalog.regclass,
			retry_failed.source) AS r;
END
$$;
REVOKE ALL ON FUNCTION @program@.retry_failed(text) FROM PUBLIC;
COMMENT ON FUNCTION @program@.retry_failed(text) IS
'Judges the events in failed_event again, from their rows as they are now. Outcome: posted, nothing to post, failed.';

CREATE PROCEDURE @program@.backfill(source text, member @member@ DEFAULT NULL)
LANGUAGE plpgsql
AS $$
BEGIN
	CALL loyalty.backfill_1('@program@.program'::pg_catalog.regclass, source, member::pg_catalog.text);
END
$$;
REVOKE ALL ON PROCEDURE @program@.backfill(text, @member@) FROM PUBLIC;
COMMENT ON PROCEDURE @program@.backfill(text, @member@) IS
'Posts the events of a source that have no posting yet, in the order of occurred_at, committing between batches; run again it goes on where it was. Progress is in the table progress. With a member only that member''s events, also those from before it joined.';
