-- -------- called by functions of a program: judging without posting --------

CREATE FUNCTION loyalty.preview_1(
	program regclass, source text, "row" jsonb, assume_condition boolean,
	OUT unit text, OUT rule text, OUT points numeric, OUT active_from timestamptz,
	OUT expires_at timestamptz, OUT trimmed_by text
) RETURNS SETOF record
LANGUAGE c STABLE PARALLEL UNSAFE ROWS 5
AS 'MODULE_PATHNAME', 'preview_1';
COMMENT ON FUNCTION loyalty.preview_1(regclass, text, jsonb, boolean) IS
'Internal: preview() of a program';

CREATE FUNCTION loyalty.preview_row_1(
	program regclass, "row" record,
	OUT unit text, OUT rule text, OUT points numeric, OUT active_from timestamptz,
	OUT expires_at timestamptz, OUT trimmed_by text
) RETURNS SETOF record
LANGUAGE c STABLE PARALLEL UNSAFE ROWS 5
AS 'MODULE_PATHNAME', 'preview_row_1';
COMMENT ON FUNCTION loyalty.preview_row_1(regclass, record) IS
'Internal: preview() of a program';

CREATE FUNCTION loyalty.explain_1(
	program regclass, source text, key text,
	OUT rule text, OUT unit text, OUT matched boolean, OUT reason text, OUT base numeric,
	OUT factor numeric, OUT exact numeric, OUT points numeric, OUT trimmed_by text,
	OUT entry_no bigint
) RETURNS SETOF record
LANGUAGE c STABLE PARALLEL UNSAFE ROWS 10
AS 'MODULE_PATHNAME', 'explain_1';
COMMENT ON FUNCTION loyalty.explain_1(regclass, text, text) IS
'Internal: explain() of a program';

CREATE FUNCTION loyalty.explain_row_1(
	program regclass, "row" record,
	OUT rule text, OUT unit text, OUT matched boolean, OUT reason text, OUT base numeric,
	OUT factor numeric, OUT exact numeric, OUT points numeric, OUT trimmed_by text,
	OUT entry_no bigint
) RETURNS SETOF record
LANGUAGE c STABLE PARALLEL UNSAFE ROWS 10
AS 'MODULE_PATHNAME', 'explain_row_1';
COMMENT ON FUNCTION loyalty.explain_row_1(regclass, record) IS
'Internal: explain() of a program';

CREATE FUNCTION loyalty.reprice_1(
	program regclass, rule text, from_ timestamptz, until_ timestamptz, apply boolean,
	OUT member_id text, OUT unit text, OUT events bigint, OUT before numeric,
	OUT after numeric, OUT difference numeric
) RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'reprice_1';
COMMENT ON FUNCTION loyalty.reprice_1(regclass, text, timestamptz, timestamptz, boolean) IS
'Internal: reprice() of a program';
