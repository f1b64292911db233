-- the catalogue: what the functions and tables of programs call

CREATE FUNCTION loyalty.reward_check_1() RETURNS trigger
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'loyalty_reward_check';
COMMENT ON FUNCTION loyalty.reward_check_1() IS
'Internal: before a row of table reward is written';

CREATE FUNCTION loyalty.reward_changed_1() RETURNS trigger
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'loyalty_reward_changed';
COMMENT ON FUNCTION loyalty.reward_changed_1() IS
'Internal: after a row of table reward was written';

CREATE FUNCTION loyalty.reward_price_check_1() RETURNS trigger
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'loyalty_reward_price_check';
COMMENT ON FUNCTION loyalty.reward_price_check_1() IS
'Internal: before a row of table reward_price is written';

CREATE FUNCTION loyalty.reward_price_changed_1() RETURNS trigger
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'loyalty_reward_price_changed';
COMMENT ON FUNCTION loyalty.reward_price_changed_1() IS
'Internal: after a row of table reward_price was written';

CREATE FUNCTION loyalty.choice_set_changed_1() RETURNS trigger
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'loyalty_choice_set_changed';
COMMENT ON FUNCTION loyalty.choice_set_changed_1() IS
'Internal: after a row of table choice_set was written';

CREATE FUNCTION loyalty.choice_set_check_1() RETURNS trigger
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'loyalty_choice_set_check';
COMMENT ON FUNCTION loyalty.choice_set_check_1() IS
'Internal: before a row of table choice_set is written';

CREATE FUNCTION loyalty.bonus_check_1() RETURNS trigger
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'loyalty_bonus_check';
COMMENT ON FUNCTION loyalty.bonus_check_1() IS
'Internal: before a row of table bonus is written';

CREATE FUNCTION loyalty.redeem_1(program regclass, member anyelement, reward text, quantity integer, price text, key text,
		OUT id bigint, OUT status text, OUT unit text, OUT points numeric, OUT code text, OUT available numeric, OUT pending numeric, OUT held numeric, OUT debt numeric, OUT valid_until timestamp with time zone) RETURNS record
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'loyalty_redeem';
COMMENT ON FUNCTION loyalty.redeem_1(regclass, anyelement, text, integer, text, text) IS
	'implementation of a program''s redeem()';

CREATE FUNCTION loyalty.hold_reward_1(program regclass, member anyelement, reward text, quantity integer, for_ interval, key text, price text,
		OUT id bigint, OUT status text, OUT unit text, OUT points numeric, OUT code text, OUT available numeric, OUT pending numeric, OUT held numeric, OUT debt numeric, OUT valid_until timestamp with time zone) RETURNS record
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'loyalty_hold_reward';
COMMENT ON FUNCTION loyalty.hold_reward_1(regclass, anyelement, text, integer, interval, text, text) IS
	'implementation of a program''s hold_reward()';

CREATE FUNCTION loyalty.claim_1(program regclass, bonus bigint,
		OUT id bigint, OUT status text, OUT unit text, OUT points numeric, OUT code text, OUT available numeric, OUT pending numeric, OUT held numeric, OUT debt numeric, OUT valid_until timestamp with time zone) RETURNS record
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'loyalty_claim';
COMMENT ON FUNCTION loyalty.claim_1(regclass, bigint) IS
	'implementation of a program''s claim()';

CREATE FUNCTION loyalty.quote_1(program regclass, member anyelement, reward text, quantity integer,
		OUT price text, OUT unit text, OUT points numeric, OUT money numeric, OUT available numeric, OUT remaining numeric, OUT missing numeric, OUT lots jsonb, OUT possible boolean, OUT sqlstate text, OUT reason text, OUT refusal jsonb) RETURNS SETOF record
	LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 2 AS 'MODULE_PATHNAME', 'loyalty_quote';
COMMENT ON FUNCTION loyalty.quote_1(regclass, anyelement, text, integer) IS
	'implementation of a program''s quote()';

CREATE FUNCTION loyalty.offers_1(program regclass, member anyelement,
		OUT reward text, OUT price text, OUT unit text, OUT points numeric, OUT money numeric, OUT available numeric, OUT affordable boolean, OUT missing numeric, OUT next boolean) RETURNS SETOF record
	LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 10 AS 'MODULE_PATHNAME', 'loyalty_offers';
COMMENT ON FUNCTION loyalty.offers_1(regclass, anyelement) IS
	'implementation of a program''s offers()';

CREATE FUNCTION loyalty.bonus_value_1(principal numeric, step numeric, every loyalty.period, max_growth numeric, offered_at timestamp with time zone, at timestamp with time zone, zone text) RETURNS numeric
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'loyalty_bonus_value';
COMMENT ON FUNCTION loyalty.bonus_value_1(numeric, numeric, loyalty.period, numeric, timestamp with time zone, timestamp with time zone, text) IS
	'what an offer that grows is worth at an instant';
