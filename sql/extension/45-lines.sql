-- lines: what one event or operation wrote to one member's ledger at once

CREATE TYPE loyalty.lines;

CREATE FUNCTION loyalty.lines_in(cstring) RETURNS loyalty.lines
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'lines_in';
COMMENT ON FUNCTION loyalty.lines_in(cstring) IS
	'text input of lines';

CREATE FUNCTION loyalty.lines_out(loyalty.lines) RETURNS cstring
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'lines_out';
COMMENT ON FUNCTION loyalty.lines_out(loyalty.lines) IS
	'text output of lines';

CREATE FUNCTION loyalty.lines_recv(internal) RETURNS loyalty.lines
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'lines_recv';
COMMENT ON FUNCTION loyalty.lines_recv(internal) IS
	'binary input of lines';

CREATE FUNCTION loyalty.lines_send(loyalty.lines) RETURNS bytea
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'lines_send';
COMMENT ON FUNCTION loyalty.lines_send(loyalty.lines) IS
	'binary output of lines';

CREATE TYPE loyalty.lines (
	INPUT = loyalty.lines_in, OUTPUT = loyalty.lines_out,
	RECEIVE = loyalty.lines_recv, SEND = loyalty.lines_send,
	INTERNALLENGTH = VARIABLE, ALIGNMENT = int4, STORAGE = extended
);
COMMENT ON TYPE loyalty.lines IS
	'lines of a ledger, such as {earn 1:250@[2026-01-15 00:00:00+00,2027-02-01 00:00:00+00) at 2026-01-15 00:00:00+00 rule 3}: kind, unit, points, validity, when it takes effect, rule';

-- order and hash: so that rows are found by all their columns, as by a subscriber

CREATE FUNCTION loyalty.lines_lt(loyalty.lines, loyalty.lines) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'lines_lt';
COMMENT ON FUNCTION loyalty.lines_lt(loyalty.lines, loyalty.lines) IS
	'implementation of < operator';

CREATE FUNCTION loyalty.lines_le(loyalty.lines, loyalty.lines) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'lines_le';
COMMENT ON FUNCTION loyalty.lines_le(loyalty.lines, loyalty.lines) IS
	'implementation of <= operator';

CREATE FUNCTION loyalty.lines_eq(loyalty.lines, loyalty.lines) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'lines_eq';
COMMENT ON FUNCTION loyalty.lines_eq(loyalty.lines, loyalty.lines) IS
	'implementation of = operator';

CREATE FUNCTION loyalty.lines_ne(loyalty.lines, loyalty.lines) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'lines_ne';
COMMENT ON FUNCTION loyalty.lines_ne(loyalty.lines, loyalty.lines) IS
	'implementation of <> operator';

CREATE FUNCTION loyalty.lines_ge(loyalty.lines, loyalty.lines) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'lines_ge';
COMMENT ON FUNCTION loyalty.lines_ge(loyalty.lines, loyalty.lines) IS
	'implementation of >= operator';

CREATE FUNCTION loyalty.lines_gt(loyalty.lines, loyalty.lines) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'lines_gt';
COMMENT ON FUNCTION loyalty.lines_gt(loyalty.lines, loyalty.lines) IS
	'implementation of > operator';

CREATE OPERATOR loyalty.< (
	FUNCTION = loyalty.lines_lt, LEFTARG = loyalty.lines, RIGHTARG = loyalty.lines,
	COMMUTATOR = OPERATOR(loyalty.>), NEGATOR = OPERATOR(loyalty.>=), RESTRICT = scalarltsel,
	JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR loyalty.< (loyalty.lines, loyalty.lines) IS 'less than';

CREATE OPERATOR loyalty.<= (
	FUNCTION = loyalty.lines_le, LEFTARG = loyalty.lines, RIGHTARG = loyalty.lines,
	COMMUTATOR = OPERATOR(loyalty.>=), NEGATOR = OPERATOR(loyalty.>), RESTRICT = scalarlesel,
	JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR loyalty.<= (loyalty.lines, loyalty.lines) IS 'less than or equal';

CREATE OPERATOR loyalty.= (
	FUNCTION = loyalty.lines_eq, LEFTARG = loyalty.lines, RIGHTARG = loyalty.lines,
	COMMUTATOR = OPERATOR(loyalty.=), NEGATOR = OPERATOR(loyalty.<>), RESTRICT = eqsel,
	JOIN = eqjoinsel, HASHES, MERGES
);
COMMENT ON OPERATOR loyalty.= (loyalty.lines, loyalty.lines) IS 'equal';

CREATE OPERATOR loyalty.<> (
	FUNCTION = loyalty.lines_ne, LEFTARG = loyalty.lines, RIGHTARG = loyalty.lines,
	COMMUTATOR = OPERATOR(loyalty.<>), NEGATOR = OPERATOR(loyalty.=), RESTRICT = neqsel,
	JOIN = neqjoinsel
);
COMMENT ON OPERATOR loyalty.<> (loyalty.lines, loyalty.lines) IS 'not equal';

CREATE OPERATOR loyalty.>= (
	FUNCTION = loyalty.lines_ge, LEFTARG = loyalty.lines, RIGHTARG = loyalty.lines,
	COMMUTATOR = OPERATOR(loyalty.<=), NEGATOR = OPERATOR(loyalty.<), RESTRICT = scalargesel,
	JOIN = scalargejoinsel
);
COMMENT ON OPERATOR loyalty.>= (loyalty.lines, loyalty.lines) IS 'greater than or equal';

CREATE OPERATOR loyalty.> (
	FUNCTION = loyalty.lines_gt, LEFTARG = loyalty.lines, RIGHTARG = loyalty.lines,
	COMMUTATOR = OPERATOR(loyalty.<), NEGATOR = OPERATOR(loyalty.<=), RESTRICT = scalargtsel,
	JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR loyalty.> (loyalty.lines, loyalty.lines) IS 'greater than';

CREATE FUNCTION loyalty.lines_cmp(loyalty.lines, loyalty.lines) RETURNS integer
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'lines_btcmp';
COMMENT ON FUNCTION loyalty.lines_cmp(loyalty.lines, loyalty.lines) IS
	'less-equal-greater';

CREATE FUNCTION loyalty.lines_hash(loyalty.lines) RETURNS integer
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'lines_hash';
COMMENT ON FUNCTION loyalty.lines_hash(loyalty.lines) IS
	'hash';

CREATE FUNCTION loyalty.lines_hash_extended(loyalty.lines, bigint) RETURNS bigint
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'lines_hash_extended';
COMMENT ON FUNCTION loyalty.lines_hash_extended(loyalty.lines, bigint) IS
	'hash with a seed';

CREATE OPERATOR FAMILY loyalty.lines_ops USING btree;
COMMENT ON OPERATOR FAMILY loyalty.lines_ops USING btree IS 'order of lines';
CREATE OPERATOR CLASS loyalty.lines_ops DEFAULT FOR TYPE loyalty.lines USING btree FAMILY loyalty.lines_ops AS
	OPERATOR 1 loyalty.<,
	OPERATOR 2 loyalty.<=,
	OPERATOR 3 loyalty.=,
	OPERATOR 4 loyalty.>=,
	OPERATOR 5 loyalty.>,
	FUNCTION 1 loyalty.lines_cmp(loyalty.lines, loyalty.lines);
COMMENT ON OPERATOR CLASS loyalty.lines_ops USING btree IS 'order of lines';

CREATE OPERATOR FAMILY loyalty.lines_ops USING hash;
COMMENT ON OPERATOR FAMILY loyalty.lines_ops USING hash IS 'equality of lines';
CREATE OPERATOR CLASS loyalty.lines_ops DEFAULT FOR TYPE loyalty.lines USING hash FAMILY loyalty.lines_ops AS
	OPERATOR 1 loyalty.=,
	FUNCTION 1 loyalty.lines_hash(loyalty.lines),
	FUNCTION 2 loyalty.lines_hash_extended(loyalty.lines, bigint);
COMMENT ON OPERATOR CLASS loyalty.lines_ops USING hash IS 'equality of lines';

-- what readers ask

CREATE FUNCTION loyalty.lines_count_1(lines loyalty.lines) RETURNS integer
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'lines_count';
COMMENT ON FUNCTION loyalty.lines_count_1(loyalty.lines) IS
	'how many lines there are';

CREATE FUNCTION loyalty.lines_has_rule_1(lines loyalty.lines, rule_no integer) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'lines_has_rule';
COMMENT ON FUNCTION loyalty.lines_has_rule_1(loyalty.lines, integer) IS
	'whether a rule has paid, or lost, one of them';

CREATE FUNCTION loyalty.lines_has_unit_1(lines loyalty.lines, unit_no smallint) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'lines_has_unit';
COMMENT ON FUNCTION loyalty.lines_has_unit_1(loyalty.lines, smallint) IS
	'whether one of them moves points of a unit';

CREATE FUNCTION loyalty.lines_points_1(lines loyalty.lines, unit_no smallint, kinds integer) RETURNS loyalty.points
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'lines_points';
COMMENT ON FUNCTION loyalty.lines_points_1(loyalty.lines, smallint, integer) IS
	'what those of a unit add up to whose kinds are in a sum of 2 ^ kind';

CREATE FUNCTION loyalty.lines_unnest_1(lines loyalty.lines) RETURNS TABLE (line integer, kind smallint, unit_no smallint,
		points loyalty.points, occurred_at timestamp with time zone, active_from timestamp with time zone,
		expires_at timestamp with time zone, rule_no integer, lapsed loyalty.points, forgiven loyalty.points)
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 2 AS 'MODULE_PATHNAME', 'lines_unnest';
COMMENT ON FUNCTION loyalty.lines_unnest_1(loyalty.lines) IS
	'one row for each line, numbered from 1; expires_at is null if it follows activity, infinity if it never comes';

CREATE FUNCTION loyalty.lots_accum_lines(internal, loyalty.lines) RETURNS internal
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'lots_accum_lines';
COMMENT ON FUNCTION loyalty.lots_accum_lines(internal, loyalty.lines) IS
	'transition of lots_agg';

CREATE AGGREGATE loyalty.lots_agg(lines loyalty.lines) (
	SFUNC = loyalty.lots_accum_lines, STYPE = internal, FINALFUNC = loyalty.lots_accum_final,
	COMBINEFUNC = loyalty.lots_accum_combine, SERIALFUNC = loyalty.lots_accum_serial,
	DESERIALFUNC = loyalty.lots_accum_deserial, PARALLEL = SAFE
);
COMMENT ON AGGREGATE loyalty.lots_agg(loyalty.lines) IS 'the balance made by lines of a ledger';
