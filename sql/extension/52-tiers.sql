-- -------- tiers --------

CREATE FUNCTION loyalty.tier_check_1() RETURNS trigger
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'loyalty_tier_check';
COMMENT ON FUNCTION loyalty.tier_check_1() IS
'Internal: before a row of table tier is written';

CREATE FUNCTION loyalty.tier_renamed_1() RETURNS trigger
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'loyalty_tier_renamed';
COMMENT ON FUNCTION loyalty.tier_renamed_1() IS
'Internal: after a tier has got another name';

CREATE FUNCTION loyalty.tiers_changed_1() RETURNS trigger
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'loyalty_tiers_changed';
COMMENT ON FUNCTION loyalty.tiers_changed_1() IS
'Internal: after rows of tables tier_group, tier or tier_threshold were written';

CREATE FUNCTION loyalty.tier_at_1(program regclass, member anyelement, tier_group text, at timestamp with time zone, known_at timestamp with time zone) RETURNS text
	LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'loyalty_tier_at';
COMMENT ON FUNCTION loyalty.tier_at_1(regclass, anyelement, text, timestamp with time zone, timestamp with time zone) IS
	'implementation of a program''s tier_at()';

CREATE TYPE loyalty.standing AS (
	tier_group text,
	tier text,
	since timestamp with time zone,
	until timestamp with time zone,
	next_tier text,
	points_to_next numeric,
	points_to_keep numeric,
	projected text,
	given boolean,
	stay_since timestamp with time zone,
	for_life boolean
);
COMMENT ON TYPE loyalty.standing IS
	'where a member stands in a group of tiers';

CREATE FUNCTION loyalty.standing_1(now_and_tiers record, stored bytea, lots loyalty.lots, last_at timestamp with time zone, joined_at timestamp with time zone, zone text, paged bytea, page_lots loyalty.lots) RETURNS SETOF loyalty.standing
	LANGUAGE c STABLE PARALLEL SAFE ROWS 2 AS 'MODULE_PATHNAME', 'loyalty_standing';
COMMENT ON FUNCTION loyalty.standing_1(record, bytea, loyalty.lots, timestamp with time zone, timestamp with time zone, text, bytea, loyalty.lots) IS
	'where a member stands in each group of tiers, by what the row of an account says; reads no table';

CREATE FUNCTION loyalty.set_tier_1(program regclass, member anyelement, tier text, reason text, until timestamp with time zone, tier_group text, key text, OUT id bigint, OUT status text, OUT group_name text, OUT tier_name text, OUT since timestamp with time zone, OUT until_ timestamp with time zone) RETURNS record
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'loyalty_set_tier';
COMMENT ON FUNCTION loyalty.set_tier_1(regclass, anyelement, text, text, timestamp with time zone, text, text) IS
	'implementation of a program''s set_tier()';

CREATE FUNCTION loyalty.account_tiers_1(tiers bytea, OUT group_no smallint, OUT tier_no integer, OUT qualified integer, OUT since timestamp with time zone, OUT until timestamp with time zone, OUT counted_at timestamp with time zone, OUT life integer) RETURNS SETOF record
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 2 AS 'MODULE_PATHNAME', 'loyalty_account_tiers';
COMMENT ON FUNCTION loyalty.account_tiers_1(bytea) IS
	'what a column account.tiers says';

CREATE FUNCTION loyalty.account_tiers_version_1(tiers bytea) RETURNS integer
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'loyalty_account_tiers_version';
COMMENT ON FUNCTION loyalty.account_tiers_version_1(bytea) IS
	'by which version of the configuration a column account.tiers was judged';

CREATE FUNCTION loyalty.lots_carried_1(lots loyalty.lots, stored bytea, tiers jsonb, last_at timestamp with time zone, joined_at timestamp with time zone, zone text, at timestamp with time zone) RETURNS loyalty.lots
	LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'loyalty_lots_carried';
COMMENT ON FUNCTION loyalty.lots_carried_1(loyalty.lots, bytea, jsonb, timestamp with time zone, timestamp with time zone, text, timestamp with time zone) IS
	'lots of an account, and what groups of tiers carry over by an instant; reads no table';
