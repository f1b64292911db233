-- period: from an instant, another instant

CREATE TYPE loyalty.period;

CREATE FUNCTION loyalty.period_in(cstring) RETURNS loyalty.period
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'period_in';
COMMENT ON FUNCTION loyalty.period_in(cstring) IS
	'text input of period';

CREATE FUNCTION loyalty.period_out(loyalty.period) RETURNS cstring
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'period_out';
COMMENT ON FUNCTION loyalty.period_out(loyalty.period) IS
	'text output of period';

CREATE FUNCTION loyalty.period_recv(internal) RETURNS loyalty.period
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'period_recv';
COMMENT ON FUNCTION loyalty.period_recv(internal) IS
	'binary input of period';

CREATE FUNCTION loyalty.period_send(loyalty.period) RETURNS bytea
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'period_send';
COMMENT ON FUNCTION loyalty.period_send(loyalty.period) IS
	'binary output of period';

CREATE TYPE loyalty.period (
	INPUT = loyalty.period_in, OUTPUT = loyalty.period_out,
	RECEIVE = loyalty.period_recv, SEND = loyalty.period_send,
	INTERNALLENGTH = 24, ALIGNMENT = double
);
COMMENT ON TYPE loyalty.period IS
	'when points activate or expire: never, immediately, 14 days, 12 months to end of month, to end of year, 6 months since last activity';

-- order and hash

CREATE FUNCTION loyalty.period_lt(loyalty.period, loyalty.period) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'period_lt';
COMMENT ON FUNCTION loyalty.period_lt(loyalty.period, loyalty.period) IS
	'implementation of < operator';

CREATE FUNCTION loyalty.period_le(loyalty.period, loyalty.period) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'period_le';
COMMENT ON FUNCTION loyalty.period_le(loyalty.period, loyalty.period) IS
	'implementation of <= operator';

CREATE FUNCTION loyalty.period_eq(loyalty.period, loyalty.period) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'period_eq';
COMMENT ON FUNCTION loyalty.period_eq(loyalty.period, loyalty.period) IS
	'implementation of = operator';

CREATE FUNCTION loyalty.period_ne(loyalty.period, loyalty.period) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'period_ne';
COMMENT ON FUNCTION loyalty.period_ne(loyalty.period, loyalty.period) IS
	'implementation of <> operator';

CREATE FUNCTION loyalty.period_ge(loyalty.period, loyalty.period) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'period_ge';
COMMENT ON FUNCTION loyalty.period_ge(loyalty.period, loyalty.period) IS
	'implementation of >= operator';

CREATE FUNCTION loyalty.period_gt(loyalty.period, loyalty.period) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'period_gt';
COMMENT ON FUNCTION loyalty.period_gt(loyalty.period, loyalty.period) IS
	'implementation of > operator';

CREATE OPERATOR loyalty.< (
	FUNCTION = loyalty.period_lt, LEFTARG = loyalty.period, RIGHTARG = loyalty.period,
	COMMUTATOR = OPERATOR(loyalty.>), NEGATOR = OPERATOR(loyalty.>=), RESTRICT = scalarltsel,
	JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR loyalty.< (loyalty.period, loyalty.period) IS 'less than';

CREATE OPERATOR loyalty.<= (
	FUNCTION = loyalty.period_le, LEFTARG = loyalty.period, RIGHTARG = loyalty.period,
	COMMUTATOR = OPERATOR(loyalty.>=), NEGATOR = OPERATOR(loyalty.>), RESTRICT = scalarlesel,
	JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR loyalty.<= (loyalty.period, loyalty.period) IS 'less than or equal';

CREATE OPERATOR loyalty.= (
	FUNCTION = loyalty.period_eq, LEFTARG = loyalty.period, RIGHTARG = loyalty.period,
	COMMUTATOR = OPERATOR(loyalty.=), NEGATOR = OPERATOR(loyalty.<>), RESTRICT = eqsel,
	JOIN = eqjoinsel, HASHES, MERGES
);
COMMENT ON OPERATOR loyalty.= (loyalty.period, loyalty.period) IS 'equal';

CREATE OPERATOR loyalty.<> (
	FUNCTION = loyalty.period_ne, LEFTARG = loyalty.period, RIGHTARG = loyalty.period,
	COMMUTATOR = OPERATOR(loyalty.<>), NEGATOR = OPERATOR(loyalty.=), RESTRICT = neqsel,
	JOIN = neqjoinsel
);
COMMENT ON OPERATOR loyalty.<> (loyalty.period, loyalty.period) IS 'not equal';

CREATE OPERATOR loyalty.>= (
	FUNCTION = loyalty.period_ge, LEFTARG = loyalty.period, RIGHTARG = loyalty.period,
	COMMUTATOR = OPERATOR(loyalty.<=), NEGATOR = OPERATOR(loyalty.<), RESTRICT = scalargesel,
	JOIN = scalargejoinsel
);
COMMENT ON OPERATOR loyalty.>= (loyalty.period, loyalty.period) IS 'greater than or equal';

CREATE OPERATOR loyalty.> (
	FUNCTION = loyalty.period_gt, LEFTARG = loyalty.period, RIGHTARG = loyalty.period,
	COMMUTATOR = OPERATOR(loyalty.<), NEGATOR = OPERATOR(loyalty.<=), RESTRICT = scalargtsel,
	JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR loyalty.> (loyalty.period, loyalty.period) IS 'greater than';

CREATE FUNCTION loyalty.period_cmp(loyalty.period, loyalty.period) RETURNS integer
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'period_btcmp';
COMMENT ON FUNCTION loyalty.period_cmp(loyalty.period, loyalty.period) IS
	'less-equal-greater';

CREATE FUNCTION loyalty.period_hash(loyalty.period) RETURNS integer
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'period_hash';
COMMENT ON FUNCTION loyalty.period_hash(loyalty.period) IS
	'hash';

CREATE FUNCTION loyalty.period_hash_extended(loyalty.period, bigint) RETURNS bigint
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'period_hash_extended';
COMMENT ON FUNCTION loyalty.period_hash_extended(loyalty.period, bigint) IS
	'hash with a seed';

CREATE OPERATOR FAMILY loyalty.period_ops USING btree;
COMMENT ON OPERATOR FAMILY loyalty.period_ops USING btree IS 'order of period';
CREATE OPERATOR CLASS loyalty.period_ops DEFAULT FOR TYPE loyalty.period USING btree FAMILY loyalty.period_ops AS
	OPERATOR 1 loyalty.<,
	OPERATOR 2 loyalty.<=,
	OPERATOR 3 loyalty.=,
	OPERATOR 4 loyalty.>=,
	OPERATOR 5 loyalty.>,
	FUNCTION 1 loyalty.period_cmp(loyalty.period, loyalty.period),
	FUNCTION 4 pg_catalog.btequalimage(oid);
COMMENT ON OPERATOR CLASS loyalty.period_ops USING btree IS 'order of period';

CREATE OPERATOR FAMILY loyalty.period_ops USING hash;
COMMENT ON OPERATOR FAMILY loyalty.period_ops USING hash IS 'equality of period';
CREATE OPERATOR CLASS loyalty.period_ops DEFAULT FOR TYPE loyalty.period USING hash FAMILY loyalty.period_ops AS
	OPERATOR 1 loyalty.=,
	FUNCTION 1 loyalty.period_hash(loyalty.period),
	FUNCTION 2 loyalty.period_hash_extended(loyalty.period, bigint);
COMMENT ON OPERATOR CLASS loyalty.period_ops USING hash IS 'equality of period';

-- casts; drivers send text as one of these two types

CREATE CAST (text AS loyalty.period) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (text AS loyalty.period) IS 'as periods are written';

CREATE CAST (character varying AS loyalty.period) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (character varying AS loyalty.period) IS 'as periods are written';

-- functions

CREATE FUNCTION loyalty.period_end(period loyalty.period, anchor timestamp with time zone, zone text) RETURNS timestamp with time zone
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'period_ends';
COMMENT ON FUNCTION loyalty.period_end(loyalty.period, timestamp with time zone, text) IS
	'the instant at which a period that begins at an instant ends, in a time zone; infinity if never';
