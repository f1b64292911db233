-- operations: what the functions of programs that change accounts call

CREATE FUNCTION loyalty.adjust_1(program regclass, member anyelement, points numeric, unit text, reason text, expires_at timestamp with time zone, allow_debt boolean, key text,
		OUT id bigint, OUT status text, OUT unit text, OUT points numeric, OUT code text, OUT available numeric, OUT pending numeric, OUT held numeric, OUT debt numeric, OUT valid_until timestamp with time zone) RETURNS record
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'loyalty_adjust';
COMMENT ON FUNCTION loyalty.adjust_1(regclass, anyelement, numeric, text, text, timestamp with time zone, boolean, text) IS
	'implementation of a program''s adjust()';

CREATE FUNCTION loyalty.reverse_1(program regclass, operation bigint, reason text, key text,
		OUT id bigint, OUT status text, OUT unit text, OUT points numeric, OUT code text, OUT available numeric, OUT pending numeric, OUT held numeric, OUT debt numeric, OUT valid_until timestamp with time zone) RETURNS record
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'loyalty_reverse';
COMMENT ON FUNCTION loyalty.reverse_1(regclass, bigint, text, text) IS
	'implementation of a program''s reverse()';

CREATE FUNCTION loyalty.spend_1(program regclass, member anyelement, points numeric, unit text, key text, note text,
		OUT id bigint, OUT status text, OUT unit text, OUT points numeric, OUT code text, OUT available numeric, OUT pending numeric, OUT held numeric, OUT debt numeric, OUT valid_until timestamp with time zone) RETURNS record
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'loyalty_spend';
COMMENT ON FUNCTION loyalty.spend_1(regclass, anyelement, numeric, text, text, text) IS
	'implementation of a program''s spend()';

CREATE FUNCTION loyalty.hold_1(program regclass, member anyelement, points numeric, unit text, for_ interval, key text,
		OUT id bigint, OUT status text, OUT unit text, OUT points numeric, OUT code text, OUT available numeric, OUT pending numeric, OUT held numeric, OUT debt numeric, OUT valid_until timestamp with time zone) RETURNS record
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'loyalty_hold';
COMMENT ON FUNCTION loyalty.hold_1(regclass, anyelement, numeric, text, interval, text) IS
	'implementation of a program''s hold()';

CREATE FUNCTION loyalty.capture_1(program regclass, hold bigint, points numeric, key text,
		OUT id bigint, OUT status text, OUT unit text, OUT points numeric, OUT code text, OUT available numeric, OUT pending numeric, OUT held numeric, OUT debt numeric, OUT valid_until timestamp with time zone) RETURNS record
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'loyalty_capture';
COMMENT ON FUNCTION loyalty.capture_1(regclass, bigint, numeric, text) IS
	'implementation of a program''s capture()';

CREATE FUNCTION loyalty.release_1(program regclass, hold bigint, key text,
		OUT id bigint, OUT status text, OUT unit text, OUT points numeric, OUT code text, OUT available numeric, OUT pending numeric, OUT held numeric, OUT debt numeric, OUT valid_until timestamp with time zone) RETURNS record
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'loyalty_release';
COMMENT ON FUNCTION loyalty.release_1(regclass, bigint, text) IS
	'implementation of a program''s release()';

CREATE FUNCTION loyalty.cancel_1(program regclass, redemption bigint, points numeric, reason text, key text, quantity integer,
		OUT id bigint, OUT status text, OUT unit text, OUT points numeric, OUT code text, OUT available numeric, OUT pending numeric, OUT held numeric, OUT debt numeric, OUT valid_until timestamp with time zone) RETURNS record
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'loyalty_cancel';
COMMENT ON FUNCTION loyalty.cancel_1(regclass, bigint, numeric, text, text, integer) IS
	'implementation of a program''s cancel()';

CREATE FUNCTION loyalty.transfer_1(program regclass, from_ anyelement, to_ anyelement, points numeric, unit text, key text,
		OUT id bigint, OUT status text, OUT unit text, OUT points numeric, OUT code text, OUT available numeric, OUT pending numeric, OUT held numeric, OUT debt numeric, OUT valid_until timestamp with time zone) RETURNS record
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'loyalty_transfer';
COMMENT ON FUNCTION loyalty.transfer_1(regclass, anyelement, anyelement, numeric, text, text) IS
	'implementation of a program''s transfer()';
