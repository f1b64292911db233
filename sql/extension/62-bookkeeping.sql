-- bookkeeping: what a scheduler and an auditor call

CREATE FUNCTION loyalty.book_due_1(program regclass, "limit" integer) RETURNS bigint
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'loyalty_book_due';
COMMENT ON FUNCTION loyalty.book_due_1(regclass, integer) IS
	'implementation of a program''s book_due()';

CREATE FUNCTION loyalty.verify_1(program regclass, member anyelement, OUT invariant text, OUT member_id text, OUT detail text) RETURNS SETOF record
	LANGUAGE c STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'loyalty_verify';
COMMENT ON FUNCTION loyalty.verify_1(regclass, anyelement) IS
	'implementation of a program''s verify()';

CREATE FUNCTION loyalty.account_due_1(lots loyalty.lots, holds bytea, unit_no smallint, last_at timestamp with time zone, next_due timestamp with time zone, ending timestamp with time zone, at timestamp with time zone) RETURNS timestamp with time zone
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'loyalty_account_due';
COMMENT ON FUNCTION loyalty.account_due_1(loyalty.lots, bytea, smallint, timestamp with time zone, timestamp with time zone, timestamp with time zone, timestamp with time zone) IS
	'when something of an account''s lots is due first; infinity if nothing is';

CREATE FUNCTION loyalty.account_holds_1(holds bytea, OUT hold_no bigint, OUT unit_no smallint, OUT points loyalty.points, OUT active_from timestamp with time zone, OUT expires_at timestamp with time zone, OUT deadline timestamp with time zone) RETURNS SETOF record
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 1 AS 'MODULE_PATHNAME', 'loyalty_account_holds';
COMMENT ON FUNCTION loyalty.account_holds_1(bytea) IS
	'what open holds of an account have set aside out of which lots';

CREATE FUNCTION loyalty.account_usage_1(usage bytea, OUT key integer, OUT at timestamp with time zone, OUT used loyalty.points) RETURNS SETOF record
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 2 AS 'MODULE_PATHNAME', 'loyalty_account_usage';
COMMENT ON FUNCTION loyalty.account_usage_1(bytea) IS
	'what an account has used of caps in their latest spans (key: number of the rule), and its last activity in units (key: minus number of the unit)';

CREATE FUNCTION loyalty.account_usage_with_1(usage bytea, key integer, at timestamp with time zone, used loyalty.points) RETURNS bytea
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'loyalty_account_usage_with';
COMMENT ON FUNCTION loyalty.account_usage_with_1(bytea, integer, timestamp with time zone, loyalty.points) IS
'account.usage with another item of a key, or, if at is null, without it';

CREATE FUNCTION loyalty.account_paged_1(paged bytea, OUT unit integer, OUT active loyalty.points, OUT pending loyalty.points) RETURNS SETOF record
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 2 AS 'MODULE_PATHNAME', 'loyalty_account_paged';
COMMENT ON FUNCTION loyalty.account_paged_1(bytea) IS
	'what an account knows of its pages, as of its last instant';
