-- rate: what a rule pays

CREATE TYPE loyalty.rate;

CREATE FUNCTION loyalty.rate_in(cstring) RETURNS loyalty.rate
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'rate_in';
COMMENT ON FUNCTION loyalty.rate_in(cstring) IS
	'text input of rate';

CREATE FUNCTION loyalty.rate_out(loyalty.rate) RETURNS cstring
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'rate_out';
COMMENT ON FUNCTION loyalty.rate_out(loyalty.rate) IS
	'text output of rate';

CREATE FUNCTION loyalty.rate_recv(internal) RETURNS loyalty.rate
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'rate_recv';
COMMENT ON FUNCTION loyalty.rate_recv(internal) IS
	'binary input of rate';

CREATE FUNCTION loyalty.rate_send(loyalty.rate) RETURNS bytea
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'rate_send';
COMMENT ON FUNCTION loyalty.rate_send(loyalty.rate) IS
	'binary output of rate';

CREATE TYPE loyalty.rate (
	INPUT = loyalty.rate_in, OUTPUT = loyalty.rate_out,
	RECEIVE = loyalty.rate_recv, SEND = loyalty.rate_send,
	INTERNALLENGTH = 24, ALIGNMENT = double
);
COMMENT ON TYPE loyalty.rate IS
	'what a rule pays: 1 per 10, 1 per full 10 (whole blocks only), 5%, x2 (multiplier) or 250 (flat)';

-- order and hash

CREATE FUNCTION loyalty.rate_lt(loyalty.rate, loyalty.rate) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'rate_lt';
COMMENT ON FUNCTION loyalty.rate_lt(loyalty.rate, loyalty.rate) IS
	'implementation of < operator';

CREATE FUNCTION loyalty.rate_le(loyalty.rate, loyalty.rate) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'rate_le';
COMMENT ON FUNCTION loyalty.rate_le(loyalty.rate, loyalty.rate) IS
	'implementation of <= operator';

CREATE FUNCTION loyalty.rate_eq(loyalty.rate, loyalty.rate) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'rate_eq';
COMMENT ON FUNCTION loyalty.rate_eq(loyalty.rate, loyalty.rate) IS
	'implementation of = operator';

CREATE FUNCTION loyalty.rate_ne(loyalty.rate, loyalty.rate) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'rate_ne';
COMMENT ON FUNCTION loyalty.rate_ne(loyalty.rate, loyalty.rate) IS
	'implementation of <> operator';

CREATE FUNCTION loyalty.rate_ge(loyalty.rate, loyalty.rate) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'rate_ge';
COMMENT ON FUNCTION loyalty.rate_ge(loyalty.rate, loyalty.rate) IS
	'implementation of >= operator';

CREATE FUNCTION loyalty.rate_gt(loyalty.rate, loyalty.rate) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'rate_gt';
COMMENT ON FUNCTION loyalty.rate_gt(loyalty.rate, loyalty.rate) IS
	'implementation of > operator';

CREATE OPERATOR loyalty.< (
	FUNCTION = loyalty.rate_lt, LEFTARG = loyalty.rate, RIGHTARG = loyalty.rate,
	COMMUTATOR = OPERATOR(loyalty.>), NEGATOR = OPERATOR(loyalty.>=), RESTRICT = scalarltsel,
	JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR loyalty.< (loyalty.rate, loyalty.rate) IS 'less than';

CREATE OPERATOR loyalty.<= (
	FUNCTION = loyalty.rate_le, LEFTARG = loyalty.rate, RIGHTARG = loyalty.rate,
	COMMUTATOR = OPERATOR(loyalty.>=), NEGATOR = OPERATOR(loyalty.>), RESTRICT = scalarlesel,
	JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR loyalty.<= (loyalty.rate, loyalty.rate) IS 'less than or equal';

CREATE OPERATOR loyalty.= (
	FUNCTION = loyalty.rate_eq, LEFTARG = loyalty.rate, RIGHTARG = loyalty.rate,
	COMMUTATOR = OPERATOR(loyalty.=), NEGATOR = OPERATOR(loyalty.<>), RESTRICT = eqsel,
	JOIN = eqjoinsel, HASHES, MERGES
);
COMMENT ON OPERATOR loyalty.= (loyalty.rate, loyalty.rate) IS 'equal';

CREATE OPERATOR loyalty.<> (
	FUNCTION = loyalty.rate_ne, LEFTARG = loyalty.rate, RIGHTARG = loyalty.rate,
	COMMUTATOR = OPERATOR(loyalty.<>), NEGATOR = OPERATOR(loyalty.=), RESTRICT = neqsel,
	JOIN = neqjoinsel
);
COMMENT ON OPERATOR loyalty.<> (loyalty.rate, loyalty.rate) IS 'not equal';

CREATE OPERATOR loyalty.>= (
	FUNCTION = loyalty.rate_ge, LEFTARG = loyalty.rate, RIGHTARG = loyalty.rate,
	COMMUTATOR = OPERATOR(loyalty.<=), NEGATOR = OPERATOR(loyalty.<), RESTRICT = scalargesel,
	JOIN = scalargejoinsel
);
COMMENT ON OPERATOR loyalty.>= (loyalty.rate, loyalty.rate) IS 'greater than or equal';

CREATE OPERATOR loyalty.> (
	FUNCTION = loyalty.rate_gt, LEFTARG = loyalty.rate, RIGHTARG = loyalty.rate,
	COMMUTATOR = OPERATOR(loyalty.<), NEGATOR = OPERATOR(loyalty.<=), RESTRICT = scalargtsel,
	JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR loyalty.> (loyalty.rate, loyalty.rate) IS 'greater than';

CREATE FUNCTION loyalty.rate_cmp(loyalty.rate, loyalty.rate) RETURNS integer
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'rate_btcmp';
COMMENT ON FUNCTION loyalty.rate_cmp(loyalty.rate, loyalty.rate) IS
	'less-equal-greater';

CREATE FUNCTION loyalty.rate_hash(loyalty.rate) RETURNS integer
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'rate_hash';
COMMENT ON FUNCTION loyalty.rate_hash(loyalty.rate) IS
	'hash';

CREATE FUNCTION loyalty.rate_hash_extended(loyalty.rate, bigint) RETURNS bigint
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'rate_hash_extended';
COMMENT ON FUNCTION loyalty.rate_hash_extended(loyalty.rate, bigint) IS
	'hash with a seed';

CREATE OPERATOR FAMILY loyalty.rate_ops USING btree;
COMMENT ON OPERATOR FAMILY loyalty.rate_ops USING btree IS 'order of rate';
CREATE OPERATOR CLASS loyalty.rate_ops DEFAULT FOR TYPE loyalty.rate USING btree FAMILY loyalty.rate_ops AS
	OPERATOR 1 loyalty.<,
	OPERATOR 2 loyalty.<=,
	OPERATOR 3 loyalty.=,
	OPERATOR 4 loyalty.>=,
	OPERATOR 5 loyalty.>,
	FUNCTION 1 loyalty.rate_cmp(loyalty.rate, loyalty.rate);
COMMENT ON OPERATOR CLASS loyalty.rate_ops USING btree IS 'order of rate';

CREATE OPERATOR FAMILY loyalty.rate_ops USING hash;
COMMENT ON OPERATOR FAMILY loyalty.rate_ops USING hash IS 'equality of rate';
CREATE OPERATOR CLASS loyalty.rate_ops DEFAULT FOR TYPE loyalty.rate USING hash FAMILY loyalty.rate_ops AS
	OPERATOR 1 loyalty.=,
	FUNCTION 1 loyalty.rate_hash(loyalty.rate),
	FUNCTION 2 loyalty.rate_hash_extended(loyalty.rate, bigint);
COMMENT ON OPERATOR CLASS loyalty.rate_ops USING hash IS 'equality of rate';

-- casts; drivers send text as one of these two types

CREATE CAST (text AS loyalty.rate) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (text AS loyalty.rate) IS 'as rates are written';

CREATE CAST (character varying AS loyalty.rate) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (character varying AS loyalty.rate) IS 'as rates are written';

-- functions

CREATE FUNCTION loyalty.rate_kind(loyalty.rate) RETURNS text
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'rate_kind';
COMMENT ON FUNCTION loyalty.rate_kind(loyalty.rate) IS
	'linear, block, percent, multiplier or flat';
