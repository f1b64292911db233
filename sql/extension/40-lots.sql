-- lots: a balance as a function of time

CREATE TYPE loyalty.lots;

CREATE FUNCTION loyalty.lots_in(cstring) RETURNS loyalty.lots
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'lots_in';
COMMENT ON FUNCTION loyalty.lots_in(cstring) IS
	'text input of lots';

CREATE FUNCTION loyalty.lots_out(loyalty.lots) RETURNS cstring
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'lots_out';
COMMENT ON FUNCTION loyalty.lots_out(loyalty.lots) IS
	'text output of lots';

CREATE FUNCTION loyalty.lots_recv(internal) RETURNS loyalty.lots
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'lots_recv';
COMMENT ON FUNCTION loyalty.lots_recv(internal) IS
	'binary input of lots';

CREATE FUNCTION loyalty.lots_send(loyalty.lots) RETURNS bytea
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'lots_send';
COMMENT ON FUNCTION loyalty.lots_send(loyalty.lots) IS
	'binary output of lots';

CREATE TYPE loyalty.lots (
	INPUT = loyalty.lots_in, OUTPUT = loyalty.lots_out,
	RECEIVE = loyalty.lots_recv, SEND = loyalty.lots_send,
	INTERNALLENGTH = VARIABLE, ALIGNMENT = double, STORAGE = extended
);
COMMENT ON TYPE loyalty.lots IS
	'a balance as a function of time: points of a unit, valid in a range, such as {1:250@[2026-01-15 00:00:00+00,2027-02-01 00:00:00+00)}';

-- the group

CREATE FUNCTION loyalty.lots_pl(loyalty.lots, loyalty.lots) RETURNS loyalty.lots
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'lots_pl';
COMMENT ON FUNCTION loyalty.lots_pl(loyalty.lots, loyalty.lots) IS
	'implementation of + operator';

CREATE FUNCTION loyalty.lots_mi(loyalty.lots, loyalty.lots) RETURNS loyalty.lots
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'lots_mi';
COMMENT ON FUNCTION loyalty.lots_mi(loyalty.lots, loyalty.lots) IS
	'implementation of - operator';

CREATE FUNCTION loyalty.lots_um(loyalty.lots) RETURNS loyalty.lots
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'lots_um';
COMMENT ON FUNCTION loyalty.lots_um(loyalty.lots) IS
	'implementation of - operator';

CREATE FUNCTION loyalty.lots_up(loyalty.lots) RETURNS loyalty.lots
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'lots_up';
COMMENT ON FUNCTION loyalty.lots_up(loyalty.lots) IS
	'implementation of + operator';

CREATE OPERATOR loyalty.+ (
	FUNCTION = loyalty.lots_pl, LEFTARG = loyalty.lots, RIGHTARG = loyalty.lots,
	COMMUTATOR = OPERATOR(loyalty.+)
);
COMMENT ON OPERATOR loyalty.+ (loyalty.lots, loyalty.lots) IS 'add';

CREATE OPERATOR loyalty.- (
	FUNCTION = loyalty.lots_mi, LEFTARG = loyalty.lots, RIGHTARG = loyalty.lots
);
COMMENT ON OPERATOR loyalty.- (loyalty.lots, loyalty.lots) IS 'subtract';

CREATE OPERATOR loyalty.- (
	FUNCTION = loyalty.lots_um, RIGHTARG = loyalty.lots
);
COMMENT ON OPERATOR loyalty.- (NONE, loyalty.lots) IS 'negate';

CREATE OPERATOR loyalty.+ (
	FUNCTION = loyalty.lots_up, RIGHTARG = loyalty.lots
);
COMMENT ON OPERATOR loyalty.+ (NONE, loyalty.lots) IS 'unary plus';

-- order and hash

CREATE FUNCTION loyalty.lots_lt(loyalty.lots, loyalty.lots) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'lots_lt';
COMMENT ON FUNCTION loyalty.lots_lt(loyalty.lots, loyalty.lots) IS
	'implementation of < operator';

CREATE FUNCTION loyalty.lots_le(loyalty.lots, loyalty.lots) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'lots_le';
COMMENT ON FUNCTION loyalty.lots_le(loyalty.lots, loyalty.lots) IS
	'implementation of <= operator';

CREATE FUNCTION loyalty.lots_eq(loyalty.lots, loyalty.lots) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'lots_eq';
COMMENT ON FUNCTION loyalty.lots_eq(loyalty.lots, loyalty.lots) IS
	'implementation of = operator';

CREATE FUNCTION loyalty.lots_ne(loyalty.lots, loyalty.lots) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'lots_ne';
COMMENT ON FUNCTION loyalty.lots_ne(loyalty.lots, loyalty.lots) IS
	'implementation of <> operator';

CREATE FUNCTION loyalty.lots_ge(loyalty.lots, loyalty.lots) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'lots_ge';
COMMENT ON FUNCTION loyalty.lots_ge(loyalty.lots, loyalty.lots) IS
	'implementation of >= operator';

CREATE FUNCTION loyalty.lots_gt(loyalty.lots, loyalty.lots) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'lots_gt';
COMMENT ON FUNCTION loyalty.lots_gt(loyalty.lots, loyalty.lots) IS
	'implementation of > operator';

CREATE OPERATOR loyalty.< (
	FUNCTION = loyalty.lots_lt, LEFTARG = loyalty.lots, RIGHTARG = loyalty.lots,
	COMMUTATOR = OPERATOR(loyalty.>), NEGATOR = OPERATOR(loyalty.>=), RESTRICT = scalarltsel,
	JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR loyalty.< (loyalty.lots, loyalty.lots) IS 'less than';

CREATE OPERATOR loyalty.<= (
	FUNCTION = loyalty.lots_le, LEFTARG = loyalty.lots, RIGHTARG = loyalty.lots,
	COMMUTATOR = OPERATOR(loyalty.>=), NEGATOR = OPERATOR(loyalty.>), RESTRICT = scalarlesel,
	JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR loyalty.<= (loyalty.lots, loyalty.lots) IS 'less than or equal';

CREATE OPERATOR loyalty.= (
	FUNCTION = loyalty.lots_eq, LEFTARG = loyalty.lots, RIGHTARG = loyalty.lots,
	COMMUTATOR = OPERATOR(loyalty.=), NEGATOR = OPERATOR(loyalty.<>), RESTRICT = eqsel,
	JOIN = eqjoinsel, HASHES, MERGES
);
COMMENT ON OPERATOR loyalty.= (loyalty.lots, loyalty.lots) IS 'equal';

CREATE OPERATOR loyalty.<> (
	FUNCTION = loyalty.lots_ne, LEFTARG = loyalty.lots, RIGHTARG = loyalty.lots,
	COMMUTATOR = OPERATOR(loyalty.<>), NEGATOR = OPERATOR(loyalty.=), RESTRICT = neqsel,
	JOIN = neqjoinsel
);
COMMENT ON OPERATOR loyalty.<> (loyalty.lots, loyalty.lots) IS 'not equal';

CREATE OPERATOR loyalty.>= (
	FUNCTION = loyalty.lots_ge, LEFTARG = loyalty.lots, RIGHTARG = loyalty.lots,
	COMMUTATOR = OPERATOR(loyalty.<=), NEGATOR = OPERATOR(loyalty.<), RESTRICT = scalargesel,
	JOIN = scalargejoinsel
);
COMMENT ON OPERATOR loyalty.>= (loyalty.lots, loyalty.lots) IS 'greater than or equal';

CREATE OPERATOR loyalty.> (
	FUNCTION = loyalty.lots_gt, LEFTARG = loyalty.lots, RIGHTARG = loyalty.lots,
	COMMUTATOR = OPERATOR(loyalty.<), NEGATOR = OPERATOR(loyalty.<=), RESTRICT = scalargtsel,
	JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR loyalty.> (loyalty.lots, loyalty.lots) IS 'greater than';

CREATE FUNCTION loyalty.lots_cmp(loyalty.lots, loyalty.lots) RETURNS integer
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'lots_btcmp';
COMMENT ON FUNCTION loyalty.lots_cmp(loyalty.lots, loyalty.lots) IS
	'less-equal-greater';

CREATE FUNCTION loyalty.lots_hash(loyalty.lots) RETURNS integer
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'lots_hash';
COMMENT ON FUNCTION loyalty.lots_hash(loyalty.lots) IS
	'hash';

CREATE FUNCTION loyalty.lots_hash_extended(loyalty.lots, bigint) RETURNS bigint
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'lots_hash_extended';
COMMENT ON FUNCTION loyalty.lots_hash_extended(loyalty.lots, bigint) IS
	'hash with a seed';

CREATE OPERATOR FAMILY loyalty.lots_ops USING btree;
COMMENT ON OPERATOR FAMILY loyalty.lots_ops USING btree IS 'order of lots';
CREATE OPERATOR CLASS loyalty.lots_ops DEFAULT FOR TYPE loyalty.lots USING btree FAMILY loyalty.lots_ops AS
	OPERATOR 1 loyalty.<,
	OPERATOR 2 loyalty.<=,
	OPERATOR 3 loyalty.=,
	OPERATOR 4 loyalty.>=,
	OPERATOR 5 loyalty.>,
	FUNCTION 1 loyalty.lots_cmp(loyalty.lots, loyalty.lots),
	FUNCTION 4 pg_catalog.btequalimage(oid);
COMMENT ON OPERATOR CLASS loyalty.lots_ops USING btree IS 'order of lots';

CREATE OPERATOR FAMILY loyalty.lots_ops USING hash;
COMMENT ON OPERATOR FAMILY loyalty.lots_ops USING hash IS 'equality of lots';
CREATE OPERATOR CLASS loyalty.lots_ops DEFAULT FOR TYPE loyalty.lots USING hash FAMILY loyalty.lots_ops AS
	OPERATOR 1 loyalty.=,
	FUNCTION 1 loyalty.lots_hash(loyalty.lots),
	FUNCTION 2 loyalty.lots_hash_extended(loyalty.lots, bigint);
COMMENT ON OPERATOR CLASS loyalty.lots_ops USING hash IS 'equality of lots';

-- functions

CREATE FUNCTION loyalty.lots(unit integer, points loyalty.points, active_from timestamp with time zone, expires_at timestamp with time zone) RETURNS loyalty.lots
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'lots_construct';
COMMENT ON FUNCTION loyalty.lots(integer, loyalty.points, timestamp with time zone, timestamp with time zone) IS
	'one lot; no end means that it ends when its member is no longer active';

CREATE FUNCTION loyalty.available(lots loyalty.lots, unit integer, at timestamp with time zone) RETURNS loyalty.points
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'lots_available_at';
COMMENT ON FUNCTION loyalty.available(loyalty.lots, integer, timestamp with time zone) IS
	'points of a unit (0: of all) valid at an instant, less debt';

CREATE FUNCTION loyalty.pending(lots loyalty.lots, unit integer, at timestamp with time zone) RETURNS loyalty.points
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'lots_pending_at';
COMMENT ON FUNCTION loyalty.pending(loyalty.lots, integer, timestamp with time zone) IS
	'points of a unit (0: of all) that become valid after an instant';

CREATE FUNCTION loyalty.next_change(lots loyalty.lots, at timestamp with time zone) RETURNS timestamp with time zone
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'lots_next_change_after';
COMMENT ON FUNCTION loyalty.next_change(loyalty.lots, timestamp with time zone) IS
	'the next instant after this one at which a lot starts or ends; infinity if there is none';

CREATE FUNCTION loyalty.spend(lots loyalty.lots, unit integer, amount loyalty.points, at timestamp with time zone, OUT rest loyalty.lots, OUT taken loyalty.lots) RETURNS record
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'lots_spend_at';
COMMENT ON FUNCTION loyalty.spend(loyalty.lots, integer, loyalty.points, timestamp with time zone) IS
	'takes points of a unit from what is valid at an instant, nearest end first; LY001 if they do not suffice';

CREATE FUNCTION loyalty.unnest(lots loyalty.lots) RETURNS TABLE (unit integer, points loyalty.points, active_from timestamp with time zone, expires_at timestamp with time zone)
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 10 AS 'MODULE_PATHNAME', 'lots_unnest';
COMMENT ON FUNCTION loyalty.unnest(loyalty.lots) IS
	'one row for each lot; expires_at is null if it follows activity, infinity if it never comes';

-- aggregates

CREATE FUNCTION loyalty.lots_accum(internal, loyalty.lots) RETURNS internal
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'lots_accum';
COMMENT ON FUNCTION loyalty.lots_accum(internal, loyalty.lots) IS
	'transition of sum';

CREATE FUNCTION loyalty.lots_accum_row(internal, integer, loyalty.points, timestamp with time zone, timestamp with time zone) RETURNS internal
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'lots_accum_row';
COMMENT ON FUNCTION loyalty.lots_accum_row(internal, integer, loyalty.points, timestamp with time zone, timestamp with time zone) IS
	'transition of lots_agg';

CREATE FUNCTION loyalty.lots_accum_combine(internal, internal) RETURNS internal
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'lots_accum_combine';
COMMENT ON FUNCTION loyalty.lots_accum_combine(internal, internal) IS
	'combination of sum and lots_agg';

CREATE FUNCTION loyalty.lots_accum_serial(internal) RETURNS bytea
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'lots_accum_serial';
COMMENT ON FUNCTION loyalty.lots_accum_serial(internal) IS
	'serialization of sum and lots_agg';

CREATE FUNCTION loyalty.lots_accum_deserial(bytea, internal) RETURNS internal
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'lots_accum_deserial';
COMMENT ON FUNCTION loyalty.lots_accum_deserial(bytea, internal) IS
	'deserialization of sum and lots_agg';

CREATE FUNCTION loyalty.lots_accum_final(internal) RETURNS loyalty.lots
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'lots_accum_final';
COMMENT ON FUNCTION loyalty.lots_accum_final(internal) IS
	'result of sum and lots_agg';

CREATE AGGREGATE loyalty.sum(loyalty.lots) (
	SFUNC = loyalty.lots_accum, STYPE = internal, FINALFUNC = loyalty.lots_accum_final,
	COMBINEFUNC = loyalty.lots_accum_combine, SERIALFUNC = loyalty.lots_accum_serial,
	DESERIALFUNC = loyalty.lots_accum_deserial, PARALLEL = SAFE
);
COMMENT ON AGGREGATE loyalty.sum(loyalty.lots) IS 'sum of lots';

CREATE AGGREGATE loyalty.lots_agg(unit integer, points loyalty.points, active_from timestamp with time zone, expires_at timestamp with time zone) (
	SFUNC = loyalty.lots_accum_row, STYPE = internal, FINALFUNC = loyalty.lots_accum_final,
	COMBINEFUNC = loyalty.lots_accum_combine, SERIALFUNC = loyalty.lots_accum_serial,
	DESERIALFUNC = loyalty.lots_accum_deserial, PARALLEL = SAFE
);
COMMENT ON AGGREGATE loyalty.lots_agg(integer, loyalty.points, timestamp with time zone, timestamp with time zone) IS 'the balance made by rows of a ledger; rows without points or unit count for nothing';
