-- codes: what the functions of programs that handle vouchers call

CREATE FUNCTION loyalty.code_normal(code text) RETURNS text
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'loyalty_code_normal';
COMMENT ON FUNCTION loyalty.code_normal(text) IS
	'the form in which codes are compared: without case, spaces, dashes and look-alikes; null if nothing is left';

CREATE FUNCTION loyalty.code_text(code text) RETURNS text
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'loyalty_code_text';
COMMENT ON FUNCTION loyalty.code_text(text) IS
	'a code as people read it, in groups of four';

CREATE FUNCTION loyalty.code_valid(code text) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'loyalty_code_valid';
COMMENT ON FUNCTION loyalty.code_valid(text) IS
	'whether a code ends with its check character, as generated ones do: false if it was mistyped';

CREATE FUNCTION loyalty.codes_1(count integer, prefix text, length integer) RETURNS SETOF text
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE ROWS 1000000 AS 'MODULE_PATHNAME', 'loyalty_codes';
COMMENT ON FUNCTION loyalty.codes_1(integer, text, integer) IS
	'random codes in their normal form and order, some less if some were equal';

CREATE FUNCTION loyalty.voucher_state_1(card boolean, voided boolean, in_stock boolean, uses integer, max_uses integer, spent numeric, value numeric, reserved bigint, held boolean, valid_until timestamp with time zone, at timestamp with time zone) RETURNS text
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'loyalty_voucher_state';
COMMENT ON FUNCTION loyalty.voucher_state_1(boolean, boolean, boolean, integer, integer, numeric, numeric, bigint, boolean, timestamp with time zone, timestamp with time zone) IS
	'the state of a code';

CREATE FUNCTION loyalty.voucher_pool_check_1() RETURNS trigger
	LANGUAGE c AS 'MODULE_PATHNAME', 'loyalty_voucher_pool_check';
COMMENT ON FUNCTION loyalty.voucher_pool_check_1() IS
	'checks a pool of codes';

CREATE FUNCTION loyalty.generate_codes_1(program regclass, pool text, count integer, valid_from timestamp with time zone, valid_until timestamp with time zone, key text,
		OUT id bigint, OUT status text, OUT pool text, OUT codes bigint) RETURNS record
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'loyalty_generate_codes';
COMMENT ON FUNCTION loyalty.generate_codes_1(regclass, text, integer, timestamp with time zone, timestamp with time zone, text) IS
	'implementation of a program''s generate_codes()';

CREATE FUNCTION loyalty.import_codes_1(program regclass, pool text, codes text[], value numeric, valid_from timestamp with time zone, valid_until timestamp with time zone, key text,
		OUT id bigint, OUT status text, OUT pool text, OUT codes bigint) RETURNS record
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'loyalty_import_codes';
COMMENT ON FUNCTION loyalty.import_codes_1(regclass, text, text[], numeric, timestamp with time zone, timestamp with time zone, text) IS
	'implementation of a program''s import_codes()';

CREATE FUNCTION loyalty.check_code_1(program regclass, code text, member anyelement, amount numeric,
		OUT ok boolean, OUT sqlstate text, OUT message text, OUT id bigint, OUT status text, OUT code text, OUT pool text, OUT gives text, OUT value numeric, OUT ceiling numeric, OUT unit text, OUT product text, OUT attributes jsonb, OUT discount numeric, OUT points numeric, OUT balance numeric, OUT uses_left integer, OUT reserved_until timestamp with time zone, OUT valid_until timestamp with time zone, OUT attempts_left integer, OUT refusal jsonb) RETURNS record
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'loyalty_check_code';
COMMENT ON FUNCTION loyalty.check_code_1(regclass, text, anyelement, numeric) IS
	'implementation of a program''s check_code()';

CREATE FUNCTION loyalty.reserve_code_1(program regclass, code text, member anyelement, for_ interval, amount numeric, key text,
		OUT ok boolean, OUT sqlstate text, OUT message text, OUT id bigint, OUT status text, OUT code text, OUT pool text, OUT gives text, OUT value numeric, OUT ceiling numeric, OUT unit text, OUT product text, OUT attributes jsonb, OUT discount numeric, OUT points numeric, OUT balance numeric, OUT uses_left integer, OUT reserved_until timestamp with time zone, OUT valid_until timestamp with time zone, OUT attempts_left integer, OUT refusal jsonb) RETURNS record
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'loyalty_reserve_code';
COMMENT ON FUNCTION loyalty.reserve_code_1(regclass, text, anyelement, interval, numeric, text) IS
	'implementation of a program''s reserve_code()';

CREATE FUNCTION loyalty.redeem_code_1(program regclass, code text, member anyelement, amount numeric, source text, reference text, reservation bigint, key text,
		OUT ok boolean, OUT sqlstate text, OUT message text, OUT id bigint, OUT status text, OUT code text, OUT pool text, OUT gives text, OUT value numeric, OUT ceiling numeric, OUT unit text, OUT product text, OUT attributes jsonb, OUT discount numeric, OUT points numeric, OUT balance numeric, OUT uses_left integer, OUT reserved_until timestamp with time zone, OUT valid_until timestamp with time zone, OUT attempts_left integer, OUT refusal jsonb) RETURNS record
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'loyalty_redeem_code';
COMMENT ON FUNCTION loyalty.redeem_code_1(regclass, text, anyelement, numeric, text, text, bigint, text) IS
	'implementation of a program''s redeem_code()';

CREATE FUNCTION loyalty.release_code_1(program regclass, reservation bigint, key text,
		OUT ok boolean, OUT sqlstate text, OUT message text, OUT id bigint, OUT status text, OUT code text, OUT pool text, OUT gives text, OUT value numeric, OUT ceiling numeric, OUT unit text, OUT product text, OUT attributes jsonb, OUT discount numeric, OUT points numeric, OUT balance numeric, OUT uses_left integer, OUT reserved_until timestamp with time zone, OUT valid_until timestamp with time zone, OUT attempts_left integer, OUT refusal jsonb) RETURNS record
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'loyalty_release_code';
COMMENT ON FUNCTION loyalty.release_code_1(regclass, bigint, text) IS
	'implementation of a program''s release_code()';

CREATE FUNCTION loyalty.cancel_code_1(program regclass, id bigint, amount numeric, reason text, key text,
		OUT ok boolean, OUT sqlstate text, OUT message text, OUT id bigint, OUT status text, OUT code text, OUT pool text, OUT gives text, OUT value numeric, OUT ceiling numeric, OUT unit text, OUT product text, OUT attributes jsonb, OUT discount numeric, OUT points numeric, OUT balance numeric, OUT uses_left integer, OUT reserved_until timestamp with time zone, OUT valid_until timestamp with time zone, OUT attempts_left integer, OUT refusal jsonb) RETURNS record
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'loyalty_cancel_code';
COMMENT ON FUNCTION loyalty.cancel_code_1(regclass, bigint, numeric, text, text) IS
	'implementation of a program''s cancel_code()';

CREATE FUNCTION loyalty.void_code_1(program regclass, code text, reason text, key text,
		OUT ok boolean, OUT sqlstate text, OUT message text, OUT id bigint, OUT status text, OUT code text, OUT pool text, OUT gives text, OUT value numeric, OUT ceiling numeric, OUT unit text, OUT product text, OUT attributes jsonb, OUT discount numeric, OUT points numeric, OUT balance numeric, OUT uses_left integer, OUT reserved_until timestamp with time zone, OUT valid_until timestamp with time zone, OUT attempts_left integer, OUT refusal jsonb) RETURNS record
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'loyalty_void_code';
COMMENT ON FUNCTION loyalty.void_code_1(regclass, text, text, text) IS
	'implementation of a program''s void_code()';

CREATE FUNCTION loyalty.give_code_1(program regclass, member anyelement, pool text, code text, valid_until timestamp with time zone, reason text, key text,
		OUT ok boolean, OUT sqlstate text, OUT message text, OUT id bigint, OUT status text, OUT code text, OUT pool text, OUT gives text, OUT value numeric, OUT ceiling numeric, OUT unit text, OUT product text, OUT attributes jsonb, OUT discount numeric, OUT points numeric, OUT balance numeric, OUT uses_left integer, OUT reserved_until timestamp with time zone, OUT valid_until timestamp with time zone, OUT attempts_left integer, OUT refusal jsonb) RETURNS record
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'loyalty_give_code';
COMMENT ON FUNCTION loyalty.give_code_1(regclass, anyelement, text, text, timestamp with time zone, text, text) IS
	'implementation of a program''s give_code()';

CREATE FUNCTION loyalty.top_up_code_1(program regclass, code text, amount numeric, reason text, source text, reference text, valid_until timestamp with time zone, key text,
		OUT ok boolean, OUT sqlstate text, OUT message text, OUT id bigint, OUT status text, OUT code text, OUT pool text, OUT gives text, OUT value numeric, OUT ceiling numeric, OUT unit text, OUT product text, OUT attributes jsonb, OUT discount numeric, OUT points numeric, OUT balance numeric, OUT uses_left integer, OUT reserved_until timestamp with time zone, OUT valid_until timestamp with time zone, OUT attempts_left integer, OUT refusal jsonb) RETURNS record
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'loyalty_top_up_code';
COMMENT ON FUNCTION loyalty.top_up_code_1(regclass, text, numeric, text, text, text, timestamp with time zone, text) IS
	'implementation of a program''s top_up_code()';

CREATE FUNCTION loyalty.deposit_code_1(program regclass, code text, member anyelement, amount numeric, unit text, key text,
		OUT ok boolean, OUT sqlstate text, OUT message text, OUT id bigint, OUT status text, OUT code text, OUT pool text, OUT gives text, OUT value numeric, OUT ceiling numeric, OUT unit text, OUT product text, OUT attributes jsonb, OUT discount numeric, OUT points numeric, OUT balance numeric, OUT uses_left integer, OUT reserved_until timestamp with time zone, OUT valid_until timestamp with time zone, OUT attempts_left integer, OUT refusal jsonb) RETURNS record
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'loyalty_deposit_code';
COMMENT ON FUNCTION loyalty.deposit_code_1(regclass, text, anyelement, numeric, text, text) IS
	'implementation of a program''s deposit_code()';
