-- reading: what the functions and views of programs call

CREATE FUNCTION loyalty.balance_1(program regclass, member anyelement, unit text, at timestamp with time zone, known_at timestamp with time zone) RETURNS numeric
	LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'loyalty_balance';
COMMENT ON FUNCTION loyalty.balance_1(regclass, anyelement, text, timestamp with time zone, timestamp with time zone) IS
	'implementation of a program''s balance()';

CREATE FUNCTION loyalty.member_lots_1(program regclass, member anyelement, unit text, OUT unit_name text, OUT points numeric, OUT active_from timestamp with time zone, OUT expires_at timestamp with time zone, OUT state text) RETURNS SETOF record
	LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 10 AS 'MODULE_PATHNAME', 'loyalty_member_lots';
COMMENT ON FUNCTION loyalty.member_lots_1(regclass, anyelement, text) IS
	'implementation of a program''s member_lots()';

CREATE FUNCTION loyalty.unit_no_1(program regclass, unit text) RETURNS smallint
	LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'loyalty_unit_no';
COMMENT ON FUNCTION loyalty.unit_no_1(regclass, text) IS
	'number of a unit of a program; an error if there is none of that name';

-- of one account and one unit, by what a view's row brings; they read no table

CREATE FUNCTION loyalty.clock_1(test_clock boolean, clock timestamp with time zone) RETURNS timestamp with time zone
	LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'loyalty_clock';
COMMENT ON FUNCTION loyalty.clock_1(boolean, timestamp with time zone) IS
	'a program''s now, the same for all rows of a query';

CREATE FUNCTION loyalty.activity_end_1(usage bytea, unit_no smallint, expires loyalty.period, zone text) RETURNS timestamp with time zone
	LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'loyalty_activity_end';
COMMENT ON FUNCTION loyalty.activity_end_1(bytea, smallint, loyalty.period, text) IS
	'when lots end that follow the last activity in a unit; infinity if there are none';

CREATE FUNCTION loyalty.account_available_1(lots loyalty.lots, holds bytea, unit_no smallint, last_at timestamp with time zone, next_due timestamp with time zone, ending timestamp with time zone, at timestamp with time zone) RETURNS loyalty.points
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'loyalty_account_available';
COMMENT ON FUNCTION loyalty.account_available_1(loyalty.lots, bytea, smallint, timestamp with time zone, timestamp with time zone, timestamp with time zone, timestamp with time zone) IS
	'points of an account that are available';

CREATE FUNCTION loyalty.account_pending_1(lots loyalty.lots, holds bytea, unit_no smallint, last_at timestamp with time zone, next_due timestamp with time zone, ending timestamp with time zone, at timestamp with time zone) RETURNS loyalty.points
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'loyalty_account_pending';
COMMENT ON FUNCTION loyalty.account_pending_1(loyalty.lots, bytea, smallint, timestamp with time zone, timestamp with time zone, timestamp with time zone, timestamp with time zone) IS
	'points of an account that are not yet active';

CREATE FUNCTION loyalty.account_held_1(lots loyalty.lots, holds bytea, unit_no smallint, last_at timestamp with time zone, next_due timestamp with time zone, ending timestamp with time zone, at timestamp with time zone) RETURNS loyalty.points
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'loyalty_account_held';
COMMENT ON FUNCTION loyalty.account_held_1(loyalty.lots, bytea, smallint, timestamp with time zone, timestamp with time zone, timestamp with time zone, timestamp with time zone) IS
	'points of an account that open holds have set aside';

CREATE FUNCTION loyalty.account_debt_1(lots loyalty.lots, holds bytea, unit_no smallint, last_at timestamp with time zone, next_due timestamp with time zone, ending timestamp with time zone, at timestamp with time zone) RETURNS loyalty.points
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'loyalty_account_debt';
COMMENT ON FUNCTION loyalty.account_debt_1(loyalty.lots, bytea, smallint, timestamp with time zone, timestamp with time zone, timestamp with time zone, timestamp with time zone) IS
	'points that an account owes';

CREATE FUNCTION loyalty.account_outstanding_1(lots loyalty.lots, holds bytea, unit_no smallint, last_at timestamp with time zone, next_due timestamp with time zone, ending timestamp with time zone, at timestamp with time zone) RETURNS loyalty.points
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'loyalty_account_outstanding';
COMMENT ON FUNCTION loyalty.account_outstanding_1(loyalty.lots, bytea, smallint, timestamp with time zone, timestamp with time zone, timestamp with time zone, timestamp with time zone) IS
	'points of an account, available, pending and held';

CREATE FUNCTION loyalty.account_lapsed_1(lots loyalty.lots, holds bytea, unit_no smallint, last_at timestamp with time zone, next_due timestamp with time zone, ending timestamp with time zone, at timestamp with time zone) RETURNS loyalty.points
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'loyalty_account_lapsed';
COMMENT ON FUNCTION loyalty.account_lapsed_1(loyalty.lots, bytea, smallint, timestamp with time zone, timestamp with time zone, timestamp with time zone, timestamp with time zone) IS
	'points of an account that have lapsed but not been booked so';

CREATE FUNCTION loyalty.account_next_expiry_1(lots loyalty.lots, holds bytea, unit_no smallint, last_at timestamp with time zone, next_due timestamp with time zone, ending timestamp with time zone, at timestamp with time zone) RETURNS timestamp with time zone
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'loyalty_account_next_expiry';
COMMENT ON FUNCTION loyalty.account_next_expiry_1(loyalty.lots, bytea, smallint, timestamp with time zone, timestamp with time zone, timestamp with time zone, timestamp with time zone) IS
	'when the next points of an account lapse; null if none will';

CREATE FUNCTION loyalty.account_next_expiry_points_1(lots loyalty.lots, holds bytea, unit_no smallint, last_at timestamp with time zone, next_due timestamp with time zone, ending timestamp with time zone, at timestamp with time zone) RETURNS loyalty.points
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'loyalty_account_next_expiry_points';
COMMENT ON FUNCTION loyalty.account_next_expiry_points_1(loyalty.lots, bytea, smallint, timestamp with time zone, timestamp with time zone, timestamp with time zone, timestamp with time zone) IS
	'how many points of an account lapse next; null if none will';

CREATE FUNCTION loyalty.account_expiring_1(lots loyalty.lots, holds bytea, unit_no smallint, last_at timestamp with time zone, next_due timestamp with time zone, ending timestamp with time zone, at timestamp with time zone, OUT expires_at timestamp with time zone, OUT points loyalty.points) RETURNS SETOF record
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 3 AS 'MODULE_PATHNAME', 'loyalty_account_expiring';
COMMENT ON FUNCTION loyalty.account_expiring_1(loyalty.lots, bytea, smallint, timestamp with time zone, timestamp with time zone, timestamp with time zone, timestamp with time zone) IS
	'when how many points of an account will lapse, if nothing else happens';

CREATE FUNCTION loyalty.shown_1(points loyalty.points, decimals smallint) RETURNS numeric
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'loyalty_shown';
COMMENT ON FUNCTION loyalty.shown_1(loyalty.points, smallint) IS
	'points as members see them: the floor to so many decimals';
