-- points: an exact fixed-point number, a 64-bit count of 1/10000

CREATE TYPE loyalty.points;

CREATE FUNCTION loyalty.points_in(cstring) RETURNS loyalty.points
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'points_in';
COMMENT ON FUNCTION loyalty.points_in(cstring) IS
	'text input of points';

CREATE FUNCTION loyalty.points_out(loyalty.points) RETURNS cstring
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'points_out';
COMMENT ON FUNCTION loyalty.points_out(loyalty.points) IS
	'text output of points';

CREATE FUNCTION loyalty.points_recv(internal) RETURNS loyalty.points
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'int8recv';
COMMENT ON FUNCTION loyalty.points_recv(internal) IS
	'binary input of points: a bigint, the count of 1/10000';

CREATE FUNCTION loyalty.points_send(loyalty.points) RETURNS bytea
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'int8send';
COMMENT ON FUNCTION loyalty.points_send(loyalty.points) IS
	'binary output of points: a bigint, the count of 1/10000';

CREATE TYPE loyalty.points (
	INPUT = loyalty.points_in, OUTPUT = loyalty.points_out,
	RECEIVE = loyalty.points_recv, SEND = loyalty.points_send,
	LIKE = pg_catalog.int8, CATEGORY = 'N'
);
COMMENT ON TYPE loyalty.points IS 'points: an exact number with up to four decimals';

-- arithmetic; whatever else is done with numbers is done with numeric, to which
-- points become by themselves

CREATE FUNCTION loyalty.points_pl(loyalty.points, loyalty.points) RETURNS loyalty.points
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'points_pl';
COMMENT ON FUNCTION loyalty.points_pl(loyalty.points, loyalty.points) IS
	'implementation of + operator';

CREATE FUNCTION loyalty.points_mi(loyalty.points, loyalty.points) RETURNS loyalty.points
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'points_mi';
COMMENT ON FUNCTION loyalty.points_mi(loyalty.points, loyalty.points) IS
	'implementation of - operator';

CREATE FUNCTION loyalty.points_um(loyalty.points) RETURNS loyalty.points
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'points_um';
COMMENT ON FUNCTION loyalty.points_um(loyalty.points) IS
	'implementation of - operator';

CREATE FUNCTION loyalty.points_up(loyalty.points) RETURNS loyalty.points
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'points_up';
COMMENT ON FUNCTION loyalty.points_up(loyalty.points) IS
	'implementation of + operator';

CREATE FUNCTION loyalty.points_mul_int8(loyalty.points, bigint) RETURNS loyalty.points
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'points_mul_int8';
COMMENT ON FUNCTION loyalty.points_mul_int8(loyalty.points, bigint) IS
	'implementation of * operator';

CREATE FUNCTION loyalty.int8_mul_points(bigint, loyalty.points) RETURNS loyalty.points
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'int8_mul_points';
COMMENT ON FUNCTION loyalty.int8_mul_points(bigint, loyalty.points) IS
	'implementation of * operator';

CREATE OPERATOR loyalty.+ (
	FUNCTION = loyalty.points_pl, LEFTARG = loyalty.points, RIGHTARG = loyalty.points,
	COMMUTATOR = OPERATOR(loyalty.+)
);
COMMENT ON OPERATOR loyalty.+ (loyalty.points, loyalty.points) IS 'add';

CREATE OPERATOR loyalty.- (
	FUNCTION = loyalty.points_mi, LEFTARG = loyalty.points, RIGHTARG = loyalty.points
);
COMMENT ON OPERATOR loyalty.- (loyalty.points, loyalty.points) IS 'subtract';

CREATE OPERATOR loyalty.- (
	FUNCTION = loyalty.points_um, RIGHTARG = loyalty.points
);
COMMENT ON OPERATOR loyalty.- (NONE, loyalty.points) IS 'negate';

CREATE OPERATOR loyalty.+ (
	FUNCTION = loyalty.points_up, RIGHTARG = loyalty.points
);
COMMENT ON OPERATOR loyalty.+ (NONE, loyalty.points) IS 'unary plus';

CREATE OPERATOR loyalty.* (
	FUNCTION = loyalty.points_mul_int8, LEFTARG = loyalty.points, RIGHTARG = bigint,
	COMMUTATOR = OPERATOR(loyalty.*)
);
COMMENT ON OPERATOR loyalty.* (loyalty.points, bigint) IS 'multiply by a whole number';

CREATE OPERATOR loyalty.* (
	FUNCTION = loyalty.int8_mul_points, LEFTARG = bigint, RIGHTARG = loyalty.points,
	COMMUTATOR = OPERATOR(loyalty.*)
);
COMMENT ON OPERATOR loyalty.* (bigint, loyalty.points) IS 'multiply by a whole number';

CREATE FUNCTION loyalty.abs(loyalty.points) RETURNS loyalty.points
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'points_abs';
COMMENT ON FUNCTION loyalty.abs(loyalty.points) IS
	'absolute value';

-- order and hash

CREATE FUNCTION loyalty.points_lt(loyalty.points, loyalty.points) RETURNS boolean
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'int8lt';
COMMENT ON FUNCTION loyalty.points_lt(loyalty.points, loyalty.points) IS
	'implementation of < operator';

CREATE FUNCTION loyalty.points_le(loyalty.points, loyalty.points) RETURNS boolean
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'int8le';
COMMENT ON FUNCTION loyalty.points_le(loyalty.points, loyalty.points) IS
	'implementation of <= operator';

CREATE FUNCTION loyalty.points_eq(loyalty.points, loyalty.points) RETURNS boolean
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'int8eq';
COMMENT ON FUNCTION loyalty.points_eq(loyalty.points, loyalty.points) IS
	'implementation of = operator';

CREATE FUNCTION loyalty.points_ne(loyalty.points, loyalty.points) RETURNS boolean
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'int8ne';
COMMENT ON FUNCTION loyalty.points_ne(loyalty.points, loyalty.points) IS
	'implementation of <> operator';

CREATE FUNCTION loyalty.points_ge(loyalty.points, loyalty.points) RETURNS boolean
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'int8ge';
COMMENT ON FUNCTION loyalty.points_ge(loyalty.points, loyalty.points) IS
	'implementation of >= operator';

CREATE FUNCTION loyalty.points_gt(loyalty.points, loyalty.points) RETURNS boolean
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'int8gt';
COMMENT ON FUNCTION loyalty.points_gt(loyalty.points, loyalty.points) IS
	'implementation of > operator';

CREATE OPERATOR loyalty.< (
	FUNCTION = loyalty.points_lt, LEFTARG = loyalty.points, RIGHTARG = loyalty.points,
	COMMUTATOR = OPERATOR(loyalty.>), NEGATOR = OPERATOR(loyalty.>=), RESTRICT = scalarltsel,
	JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR loyalty.< (loyalty.points, loyalty.points) IS 'less than';

CREATE OPERATOR loyalty.<= (
	FUNCTION = loyalty.points_le, LEFTARG = loyalty.points, RIGHTARG = loyalty.points,
	COMMUTATOR = OPERATOR(loyalty.>=), NEGATOR = OPERATOR(loyalty.>), RESTRICT = scalarlesel,
	JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR loyalty.<= (loyalty.points, loyalty.points) IS 'less than or equal';

CREATE OPERATOR loyalty.= (
	FUNCTION = loyalty.points_eq, LEFTARG = loyalty.points, RIGHTARG = loyalty.points,
	COMMUTATOR = OPERATOR(loyalty.=), NEGATOR = OPERATOR(loyalty.<>), RESTRICT = eqsel,
	JOIN = eqjoinsel, HASHES, MERGES
);
COMMENT ON OPERATOR loyalty.= (loyalty.points, loyalty.points) IS 'equal';

CREATE OPERATOR loyalty.<> (
	FUNCTION = loyalty.points_ne, LEFTARG = loyalty.points, RIGHTARG = loyalty.points,
	COMMUTATOR = OPERATOR(loyalty.<>), NEGATOR = OPERATOR(loyalty.=), RESTRICT = neqsel,
	JOIN = neqjoinsel
);
COMMENT ON OPERATOR loyalty.<> (loyalty.points, loyalty.points) IS 'not equal';

CREATE OPERATOR loyalty.>= (
	FUNCTION = loyalty.points_ge, LEFTARG = loyalty.points, RIGHTARG = loyalty.points,
	COMMUTATOR = OPERATOR(loyalty.<=), NEGATOR = OPERATOR(loyalty.<), RESTRICT = scalargesel,
	JOIN = scalargejoinsel
);
COMMENT ON OPERATOR loyalty.>= (loyalty.points, loyalty.points) IS 'greater than or equal';

CREATE OPERATOR loyalty.> (
	FUNCTION = loyalty.points_gt, LEFTARG = loyalty.points, RIGHTARG = loyalty.points,
	COMMUTATOR = OPERATOR(loyalty.<), NEGATOR = OPERATOR(loyalty.<=), RESTRICT = scalargtsel,
	JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR loyalty.> (loyalty.points, loyalty.points) IS 'greater than';

CREATE FUNCTION loyalty.points_cmp(loyalty.points, loyalty.points) RETURNS integer
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'btint8cmp';
COMMENT ON FUNCTION loyalty.points_cmp(loyalty.points, loyalty.points) IS
	'less-equal-greater';

CREATE FUNCTION loyalty.points_sortsupport(internal) RETURNS void
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'btint8sortsupport';
COMMENT ON FUNCTION loyalty.points_sortsupport(internal) IS
	'sort support';

CREATE FUNCTION loyalty.points_hash(loyalty.points) RETURNS integer
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'hashint8';
COMMENT ON FUNCTION loyalty.points_hash(loyalty.points) IS
	'hash';

CREATE FUNCTION loyalty.points_hash_extended(loyalty.points, bigint) RETURNS bigint
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'hashint8extended';
COMMENT ON FUNCTION loyalty.points_hash_extended(loyalty.points, bigint) IS
	'hash with a seed';

CREATE OPERATOR FAMILY loyalty.points_ops USING btree;
COMMENT ON OPERATOR FAMILY loyalty.points_ops USING btree IS 'order of points';
CREATE OPERATOR CLASS loyalty.points_ops DEFAULT FOR TYPE loyalty.points USING btree FAMILY loyalty.points_ops AS
	OPERATOR 1 loyalty.<,
	OPERATOR 2 loyalty.<=,
	OPERATOR 3 loyalty.=,
	OPERATOR 4 loyalty.>=,
	OPERATOR 5 loyalty.>,
	FUNCTION 1 loyalty.points_cmp(loyalty.points, loyalty.points),
	FUNCTION 2 loyalty.points_sortsupport(internal),
	FUNCTION 4 pg_catalog.btequalimage(oid);
COMMENT ON OPERATOR CLASS loyalty.points_ops USING btree IS 'order of points';

CREATE OPERATOR FAMILY loyalty.points_ops USING hash;
COMMENT ON OPERATOR FAMILY loyalty.points_ops USING hash IS 'equality of points';
CREATE OPERATOR CLASS loyalty.points_ops DEFAULT FOR TYPE loyalty.points USING hash FAMILY loyalty.points_ops AS
	OPERATOR 1 loyalty.=,
	FUNCTION 1 loyalty.points_hash(loyalty.points),
	FUNCTION 2 loyalty.points_hash_extended(loyalty.points, bigint);
COMMENT ON OPERATOR CLASS loyalty.points_ops USING hash IS 'equality of points';

-- casts

CREATE FUNCTION loyalty.numeric(loyalty.points) RETURNS numeric
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'points_numeric';
COMMENT ON FUNCTION loyalty.numeric(loyalty.points) IS
	'points to numeric, exactly';

CREATE FUNCTION loyalty.points(numeric) RETURNS loyalty.points
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'numeric_points';
COMMENT ON FUNCTION loyalty.points(numeric) IS
	'numeric to points, rounded to four decimals, half away from zero';

CREATE FUNCTION loyalty.points(bigint) RETURNS loyalty.points
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'int8_points';
COMMENT ON FUNCTION loyalty.points(bigint) IS
	'bigint to points';

CREATE FUNCTION loyalty.points(integer) RETURNS loyalty.points
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'int4_points';
COMMENT ON FUNCTION loyalty.points(integer) IS
	'integer to points';

CREATE FUNCTION loyalty.points(smallint) RETURNS loyalty.points
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'int2_points';
COMMENT ON FUNCTION loyalty.points(smallint) IS
	'smallint to points';

CREATE FUNCTION loyalty.int8(loyalty.points) RETURNS bigint
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'points_int8';
COMMENT ON FUNCTION loyalty.int8(loyalty.points) IS
	'points to bigint, rounded half away from zero';

CREATE FUNCTION loyalty.int4(loyalty.points) RETURNS integer
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'points_int4';
COMMENT ON FUNCTION loyalty.int4(loyalty.points) IS
	'points to integer, rounded half away from zero';

CREATE FUNCTION loyalty.float8(loyalty.points) RETURNS double precision
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'points_float8';
COMMENT ON FUNCTION loyalty.float8(loyalty.points) IS
	'points to double precision';

-- Points are numbers of category N that become numeric by themselves, and small
-- whole numbers, which always fit, become points: so COALESCE(points, 0), UNION
-- and CASE find a common type, and comparisons with a constant use an index.
CREATE CAST (loyalty.points AS numeric) WITH FUNCTION loyalty.numeric(loyalty.points) AS IMPLICIT;
COMMENT ON CAST (loyalty.points AS numeric) IS 'exactly';

CREATE CAST (numeric AS loyalty.points) WITH FUNCTION loyalty.points(numeric) AS ASSIGNMENT;
COMMENT ON CAST (numeric AS loyalty.points) IS 'rounded to four decimals, half away from zero';

CREATE CAST (bigint AS loyalty.points) WITH FUNCTION loyalty.points(bigint) AS ASSIGNMENT;
COMMENT ON CAST (bigint AS loyalty.points) IS 'exactly';

CREATE CAST (integer AS loyalty.points) WITH FUNCTION loyalty.points(integer) AS IMPLICIT;
COMMENT ON CAST (integer AS loyalty.points) IS 'exactly';

CREATE CAST (smallint AS loyalty.points) WITH FUNCTION loyalty.points(smallint) AS IMPLICIT;
COMMENT ON CAST (smallint AS loyalty.points) IS 'exactly';

CREATE CAST (loyalty.points AS bigint) WITH FUNCTION loyalty.int8(loyalty.points) AS ASSIGNMENT;
COMMENT ON CAST (loyalty.points AS bigint) IS 'rounded to a whole number, half away from zero';

CREATE CAST (loyalty.points AS integer) WITH FUNCTION loyalty.int4(loyalty.points) AS ASSIGNMENT;
COMMENT ON CAST (loyalty.points AS integer) IS 'rounded to a whole number, half away from zero';

CREATE CAST (loyalty.points AS double precision) WITH FUNCTION loyalty.float8(loyalty.points) AS ASSIGNMENT;
COMMENT ON CAST (loyalty.points AS double precision) IS 'to the nearest double precision number';

-- aggregates; the state of sum and avg is count, high and low half of the total

CREATE FUNCTION loyalty.points_accum(bigint[], loyalty.points) RETURNS bigint[]
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'points_accum';
COMMENT ON FUNCTION loyalty.points_accum(bigint[], loyalty.points) IS
	'transition of sum and avg';

CREATE FUNCTION loyalty.points_accum_inv(bigint[], loyalty.points) RETURNS bigint[]
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'points_accum_inv';
COMMENT ON FUNCTION loyalty.points_accum_inv(bigint[], loyalty.points) IS
	'inverse transition of sum and avg';

CREATE FUNCTION loyalty.points_accum_combine(bigint[], bigint[]) RETURNS bigint[]
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'points_accum_combine';
COMMENT ON FUNCTION loyalty.points_accum_combine(bigint[], bigint[]) IS
	'combination of sum and avg';

CREATE FUNCTION loyalty.points_sum(bigint[]) RETURNS loyalty.points
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'points_sum';
COMMENT ON FUNCTION loyalty.points_sum(bigint[]) IS
	'result of sum';

CREATE FUNCTION loyalty.points_avg(bigint[]) RETURNS numeric
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'points_avg';
COMMENT ON FUNCTION loyalty.points_avg(bigint[]) IS
	'result of avg';

CREATE FUNCTION loyalty.points_larger(loyalty.points, loyalty.points) RETURNS loyalty.points
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'int8larger';
COMMENT ON FUNCTION loyalty.points_larger(loyalty.points, loyalty.points) IS
	'larger of two';

CREATE FUNCTION loyalty.points_smaller(loyalty.points, loyalty.points) RETURNS loyalty.points
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'int8smaller';
COMMENT ON FUNCTION loyalty.points_smaller(loyalty.points, loyalty.points) IS
	'smaller of two';

CREATE AGGREGATE loyalty.sum(loyalty.points) (
	SFUNC = loyalty.points_accum, STYPE = bigint[], INITCOND = '{0,0,0}',
	FINALFUNC = loyalty.points_sum, COMBINEFUNC = loyalty.points_accum_combine,
	MSFUNC = loyalty.points_accum, MINVFUNC = loyalty.points_accum_inv,
	MSTYPE = bigint[], MINITCOND = '{0,0,0}', MFINALFUNC = loyalty.points_sum,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE loyalty.sum(loyalty.points) IS 'sum of points';

CREATE AGGREGATE loyalty.avg(loyalty.points) (
	SFUNC = loyalty.points_accum, STYPE = bigint[], INITCOND = '{0,0,0}',
	FINALFUNC = loyalty.points_avg, COMBINEFUNC = loyalty.points_accum_combine,
	MSFUNC = loyalty.points_accum, MINVFUNC = loyalty.points_accum_inv,
	MSTYPE = bigint[], MINITCOND = '{0,0,0}', MFINALFUNC = loyalty.points_avg,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE loyalty.avg(loyalty.points) IS 'average of points';

CREATE AGGREGATE loyalty.min(loyalty.points) (
	SFUNC = loyalty.points_smaller, STYPE = loyalty.points,
	COMBINEFUNC = loyalty.points_smaller, SORTOP = OPERATOR(loyalty.<), PARALLEL = SAFE
);
COMMENT ON AGGREGATE loyalty.min(loyalty.points) IS 'smallest of all';

CREATE AGGREGATE loyalty.max(loyalty.points) (
	SFUNC = loyalty.points_larger, STYPE = loyalty.points,
	COMBINEFUNC = loyalty.points_larger, SORTOP = OPERATOR(loyalty.>), PARALLEL = SAFE
);
COMMENT ON AGGREGATE loyalty.max(loyalty.points) IS 'largest of all';
