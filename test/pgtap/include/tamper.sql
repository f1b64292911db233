-- For tests that damage the ledger: one line of it changed or taken out behind
-- the engine's back.  What is not given stays as it is.
CREATE FUNCTION t.change_line(member bigint, entry bigint, kind text DEFAULT NULL, points numeric DEFAULT NULL, expires_at timestamptz DEFAULT NULL,
	gone boolean DEFAULT false) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	kinds text[] := ARRAY['earn', 'revoke', 'redeem', 'return', 'hold', 'release', 'expire', 'adjust', 'transfer', 'repay', 'rollover'];
	rest text;
	first bigint;
BEGIN
	SELECT j.first_entry, '{' || string_agg(format('%s %s:%s@[%s,%s) at %s',
			CASE WHEN n THEN coalesce(change_line.kind, kinds[l.kind]) ELSE kinds[l.kind] END, l.unit_no,
			CASE WHEN n THEN coalesce(change_line.points, l.points::numeric) ELSE l.points::numeric END, l.active_from,
			CASE WHEN n THEN coalesce(change_line.expires_at::text, l.expires_at::text, 'activity') ELSE coalesce(l.expires_at::text, 'activity') END, l.occurred_at)
			|| coalesce(' rule ' || l.rule_no, '') || coalesce(' lapsed ' || l.lapsed, '') || coalesce(' forgiven ' || l.forgiven, ''), ',' ORDER BY l.line)
			FILTER (WHERE NOT (n AND gone)) || '}'
	INTO STRICT first, rest
	FROM rewards.journal j CROSS JOIN LATERAL loyalty.lines_unnest_1(j.lines) l CROSS JOIN LATERAL (SELECT j.first_entry + l.line - 1 = entry) t (n)
	WHERE j.member_id = member AND entry BETWEEN j.first_entry AND j.first_entry + loyalty.lines_count_1(j.lines) - 1
	GROUP BY j.first_entry;
	IF rest IS NULL THEN
		DELETE FROM rewards.journal WHERE member_id = member AND first_entry = first;
	ELSE
		UPDATE rewards.journal SET lines = rest::loyalty.lines WHERE member_id = member AND first_entry = first;
	END IF;
END
$$;
