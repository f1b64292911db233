-- operations: what the functions of programs that change accounts call

CREATE FUNCTION loyalty.adjust_1(program regclass, member anyelement, points numeric, unit text, reason text, expires_at timestamp with time zone, allow_debt boolean, key text,
		OUT id bigint, OUT status text, OUT unit text, OUT points numeric, OUT code text, OUT available numeric, OUT pending numeric, OUT held numeric, OUT debt numeric, OUT valid_until timestamp with time zone) RETURNS record
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'loyalty_adjust';
COMMENT ON FUNCTION loyalty.adjust_1(regclass, anyelement, numeric, text, text, timestamp with time zone, boolean, text) IS
	'implementation of a program''s adjust()';

CREATE FUNCTION loyalty.reverse_1(program regclass, operation bigint, reason text,
		OUT id bigint, OUT status text, OUT unit text, OUT points numeric, OUT code text, OUT available numeric, OUT pending numeric, OUT held numeric, OUT debt numeric, OUT valid_until timestamp with time zone) RETURNS record
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'loyalty_reverse';
COMMENT ON FUNCTION loyalty.reverse_1(regclass, bigint, text) IS
	'implementation of a program''s reverse()';
