-- -------- benefits of tiers --------

CREATE FUNCTION loyalty.benefit_check_1() RETURNS trigger
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'loyalty_benefit_check';
COMMENT ON FUNCTION loyalty.benefit_check_1() IS
'Internal: before a row of table tier_benefit is written';

CREATE FUNCTION loyalty.use_benefit_1(program regclass, member anyelement, benefit text, key text, OUT id bigint, OUT status text, OUT unit text, OUT points numeric, OUT code text, OUT available numeric, OUT pending numeric, OUT held numeric, OUT debt numeric, OUT valid_until timestamp with time zone) RETURNS record
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'loyalty_use_benefit';
COMMENT ON FUNCTION loyalty.use_benefit_1(regclass, anyelement, text, text) IS
	'implementation of a program''s use_benefit()';

CREATE FUNCTION loyalty.benefit_span_1(period text, at timestamp with time zone, zone text, stay_since timestamp with time zone, until timestamp with time zone, OUT span_start timestamp with time zone, OUT span_end timestamp with time zone) RETURNS record
	LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'loyalty_benefit_span';
COMMENT ON FUNCTION loyalty.benefit_span_1(text, timestamp with time zone, text, timestamp with time zone, timestamp with time zone) IS
	'the period in which uses of a benefit are counted; reads no table';
