/* -------- codes -------- */

CREATE FUNCTION @program@.generate_codes(pool text, count integer, valid_from timestamptz DEFAULT NULL, valid_until timestamptz DEFAULT NULL, key text DEFAULT NULL,
		OUT id bigint, OUT status text, OUT pool text, OUT codes bigint)
	RETURNS record
	LANGUAGE sql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT o.id, o.status, o.pool, o.codes
	FROM loyalty.generate_codes_1('@program@.program'::regclass, $1, $2, $3, $4, $5) AS o;
END;
REVOKE ALL ON FUNCTION @program@.generate_codes(text, integer, timestamptz, timestamptz, text) FROM PUBLIC;
COMMENT ON FUNCTION @program@.generate_codes(text, integer, timestamptz, timestamptz, text) IS
	'Makes so many codes in a pool, from strong random numbers, each with a check character. The view vouchers shows them: WHERE operation = id.';

CREATE FUNCTION @program@.import_codes(pool text, codes text[], value numeric DEFAULT NULL, valid_from timestamptz DEFAULT NULL, valid_until timestamptz DEFAULT NULL, key text DEFAULT NULL,
		OUT id bigint, OUT status text, OUT pool text, OUT codes bigint)
	RETURNS record
	LANGUAGE sql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT o.id, o.status, o.pool, o.codes
	FROM loyalty.import_codes_1('@program@.program'::regclass, $1, $2, $3, $4, $5, $6) AS o;
END;
REVOKE ALL ON FUNCTION @program@.import_codes(text, text[], numeric, timestamptz, timestamptz, text) FROM PUBLIC;
COMMENT ON FUNCTION @program@.import_codes(text, text[], numeric, timestamptz, timestamptz, text) IS
	'Takes codes that exist into a pool: all, or none if one of them is there already. Case, spaces, dashes and look-alikes make no difference.';

/* what all functions that take a code return */
CREATE TYPE @program@.code_answer AS (
	ok				boolean,
	sqlstate		text,
	message			text,
	id				bigint,
	status			text,
	code			text,
	pool			text,
	gives			text,
	value			numeric,
	ceiling			numeric,
	unit			text,
	product			text,
	attributes		jsonb,
	discount		numeric,
	points			numeric,
	balance			numeric,
	uses_left		integer,
	reserved_until	timestamptz,
	valid_until		timestamptz,
	attempts_left	integer,
	refusal			jsonb
);
COMMENT ON TYPE @program@.code_answer IS 'What a code gives or gave, or why it does not: ok is false then, sqlstate and message say why, and refusal says it to programs';

/*
 * The library sets a search_path of its own; everything here is qualified and
 * of the very types it takes.
 */

CREATE FUNCTION @program@.check_code(code text, member @member@ DEFAULT NULL, amount numeric DEFAULT NULL)
	RETURNS @program@.code_answer
	LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE AS $$
BEGIN
	RETURN loyalty.check_code_1('@program@.program'::pg_catalog.regclass, code, member, amount);
END
$$;
REVOKE ALL ON FUNCTION @program@.check_code(text, @member@, numeric) FROM PUBLIC;
COMMENT ON FUNCTION @program@.check_code(text, @member@, numeric) IS
	'What a code would give on a purchase of an amount, or why it would not: ok is false then, and sqlstate and message say why. A code that fails counts as an attempt of the member.';

CREATE FUNCTION @program@.reserve_code(code text, member @member@ DEFAULT NULL, for_ interval DEFAULT NULL, amount numeric DEFAULT NULL, key text DEFAULT NULL)
	RETURNS @program@.code_answer
	LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE AS $$
BEGIN
	RETURN loyalty.reserve_code_1('@program@.program'::pg_catalog.regclass, code, member, for_, amount, key);
END
$$;
REVOKE ALL ON FUNCTION @program@.reserve_code(text, @member@, interval, numeric, text) FROM PUBLIC;
COMMENT ON FUNCTION @program@.reserve_code(text, @member@, interval, numeric, text) IS
	'Sets one use of a code aside, by default for as long as the pool says. It is free again then, with no job. Refusals are rows, as those of check_code.';

CREATE FUNCTION @program@.redeem_code(code text, member @member@ DEFAULT NULL, amount numeric DEFAULT NULL, source text DEFAULT NULL, reference text DEFAULT NULL, reservation bigint DEFAULT NULL, key text DEFAULT NULL)
	RETURNS @program@.code_answer
	LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE AS $$
BEGIN
	RETURN loyalty.redeem_code_1('@program@.program'::pg_catalog.regclass, code, member, amount, source, reference, reservation, key);
END
$$;
REVOKE ALL ON FUNCTION @program@.redeem_code(text, @member@, numeric, text, text, bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION @program@.redeem_code(text, @member@, numeric, text, text, bigint, text) IS
	'Uses a code on a purchase of an amount, which source and reference name, or any other reference. The application takes off what the row says; points are granted by the engine; of a balance as much is taken as there is, up to the amount. Refusals are rows, as those of check_code.';

CREATE FUNCTION @program@.release_code(reservation bigint, key text DEFAULT NULL)
	RETURNS @program@.code_answer
	LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE AS $$
BEGIN
	RETURN loyalty.release_code_1('@program@.program'::pg_catalog.regclass, reservation, key);
END
$$;
REVOKE ALL ON FUNCTION @program@.release_code(bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION @program@.release_code(bigint, text) IS
	'Gives up a reservation before its deadline.';

CREATE FUNCTION @program@.cancel_code(id bigint, amount numeric DEFAULT NULL, reason text DEFAULT NULL, key text DEFAULT NULL)
	RETURNS @program@.code_answer
	LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE AS $$
BEGIN
	RETURN loyalty.cancel_code_1('@program@.program'::pg_catalog.regclass, id, amount, reason, key);
END
$$;
REVOKE ALL ON FUNCTION @program@.cancel_code(bigint, numeric, text, text) FROM PUBLIC;
COMMENT ON FUNCTION @program@.cancel_code(bigint, numeric, text, text) IS
	'Undoes a use: the code can be used again, points that it granted are taken back, and what was paid from a balance returns to it, all or an amount. What a card was topped up with is taken off it.';

CREATE FUNCTION @program@.void_code(code text, reason text, key text DEFAULT NULL)
	RETURNS @program@.code_answer
	LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE AS $$
BEGIN
	RETURN loyalty.void_code_1('@program@.program'::pg_catalog.regclass, code, reason, key);
END
$$;
REVOKE ALL ON FUNCTION @program@.void_code(text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION @program@.void_code(text, text, text) IS
	'Ends a code for good, and its reservations. What it was used for stays.';

CREATE FUNCTION @program@.give_code(member @member@, pool text DEFAULT NULL, code text DEFAULT NULL, valid_until timestamptz DEFAULT NULL, reason text DEFAULT NULL, key text DEFAULT NULL)
	RETURNS @program@.code_answer
	LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE AS $$
BEGIN
	RETURN loyalty.give_code_1('@program@.program'::pg_catalog.regclass, member, pool, code, valid_until, reason, key);
END
$$;
REVOKE ALL ON FUNCTION @program@.give_code(@member@, text, text, timestamptz, text, text) FROM PUBLIC;
COMMENT ON FUNCTION @program@.give_code(@member@, text, text, timestamptz, text, text) IS
	'Gives a member a code: one of a pool that nobody has, or a certain one. Codes of a personal pool work for this member alone from then on.';

CREATE FUNCTION @program@.top_up_code(code text, amount numeric, reason text DEFAULT NULL, source text DEFAULT NULL, reference text DEFAULT NULL, valid_until timestamptz DEFAULT NULL, key text DEFAULT NULL)
	RETURNS @program@.code_answer
	LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE AS $$
BEGIN
	RETURN loyalty.top_up_code_1('@program@.program'::pg_catalog.regclass, code, amount, reason, source, reference, valid_until, key);
END
$$;
REVOKE ALL ON FUNCTION @program@.top_up_code(text, numeric, text, text, text, timestamptz, text) FROM PUBLIC;
COMMENT ON FUNCTION @program@.top_up_code(text, numeric, text, text, text, timestamptz, text) IS
	'Puts money on a card that has a balance of its own: by hand, or for a purchase, which source and reference name. A card is good until valid_until then, if that is later. cancel_code(id) takes it off again. Refusals are rows, as those of check_code.';

CREATE FUNCTION @program@.deposit_code(code text, member @member@, amount numeric DEFAULT NULL, unit text DEFAULT NULL, key text DEFAULT NULL)
	RETURNS @program@.code_answer
	LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE AS $$
BEGIN
	RETURN loyalty.deposit_code_1('@program@.program'::pg_catalog.regclass, code, member, amount, unit, key);
END
$$;
REVOKE ALL ON FUNCTION @program@.deposit_code(text, @member@, numeric, text, text) FROM PUBLIC;
COMMENT ON FUNCTION @program@.deposit_code(text, @member@, numeric, text, text) IS
	'Moves what is left on a card, or an amount of it, to a member''s balance in a unit of money (default: the only one). Refusals are rows, as those of check_code; a card that fails counts as an attempt of the member.';

/* -------- codes: views -------- */

CREATE VIEW @program@.vouchers AS
SELECT coalesce(v.written, loyalty.code_text(v.code COLLATE "default")) AS code,
	p.name AS pool,
	loyalty.voucher_state_1(p.gives = 'balance', v.voided_at IS NOT NULL, v.in_stock, v.uses, p.uses, v.spent, v.value + coalesce(v.added, 0),
		r.reserved, t.held, t.valid_until, t.now) AS state,
	v.member_id,
	v.uses,
	CASE WHEN p.gives <> 'balance' AND p.uses IS NOT NULL THEN CASE WHEN v.voided_at IS NULL THEN greatest(p.uses - v.uses, 0) ELSE 0 END END AS uses_left,
	trim_scale(coalesce(v.value, p.value)) AS value,
	CASE WHEN p.gives = 'balance' THEN CASE WHEN v.voided_at IS NULL THEN trim_scale(v.value + coalesce(v.added, 0) - coalesce(v.spent, 0)) ELSE 0 END END AS balance,
	CASE WHEN p.gives = 'balance' THEN trim_scale(coalesce(v.added, 0)) END AS added,
	greatest(v.valid_from, lower(p.valid)) AS valid_from,
	t.valid_until,
	CASE WHEN r.reserved > 0 THEN v.reserved_until END AS reserved_until,
	v.given_at,
	v.voided_at,
	v.operation_no AS operation,
	CASE WHEN t.held THEN v.held_for ELSE v.redemption_no END AS redemption
FROM @program@.voucher AS v
	JOIN @program@.voucher_pool AS p ON p.pool_no = v.pool_no
	CROSS JOIN @program@.program AS g
	CROSS JOIN LATERAL (SELECT loyalty.clock_1(g.test_clock, g.clock) AS now, least(v.valid_until, upper(p.valid)) AS valid_until,
		v.in_stock AND coalesce(v.held_until > loyalty.clock_1(g.test_clock, g.clock), false) AS held) AS t
	CROSS JOIN LATERAL (SELECT CASE WHEN v.reserved_until > t.now THEN
		(SELECT count(*) FROM @program@.voucher_use AS u WHERE u.code = v.code AND u.state = 'reserved' AND u.reserved_until > t.now)
		ELSE 0 END AS reserved) AS r;
COMMENT ON VIEW @program@.vouchers IS 'Every code and its state as of now';
COMMENT ON COLUMN @program@.vouchers.code IS 'The code as people read it';
COMMENT ON COLUMN @program@.vouchers.pool IS 'The pool it belongs to';
COMMENT ON COLUMN @program@.vouchers.state IS 'free (nobody has it), given (somebody has it), active (used, but not up), reserved, held (set aside for a reward on hold), used, expired or void';
COMMENT ON COLUMN @program@.vouchers.member_id IS 'The member it was given to';
COMMENT ON COLUMN @program@.vouchers.uses IS 'How often it has been used';
COMMENT ON COLUMN @program@.vouchers.uses_left IS 'How often it can still be used, reservations not deducted; NULL: no limit';
COMMENT ON COLUMN @program@.vouchers.value IS 'Amount, percent or points it gives; the first balance of a card';
COMMENT ON COLUMN @program@.vouchers.balance IS 'What is left on a card';
COMMENT ON COLUMN @program@.vouchers.added IS 'What was put on a card later, by top_up_code';
COMMENT ON COLUMN @program@.vouchers.valid_from IS 'It can be used from this instant on';
COMMENT ON COLUMN @program@.vouchers.valid_until IS 'It can be used before this instant';
COMMENT ON COLUMN @program@.vouchers.reserved_until IS 'The latest deadline of its open reservations';
COMMENT ON COLUMN @program@.vouchers.given_at IS 'When it was given to a member, or drawn for a redemption';
COMMENT ON COLUMN @program@.vouchers.voided_at IS 'When it was voided';
COMMENT ON COLUMN @program@.vouchers.operation IS 'The call that generated or imported it';
COMMENT ON COLUMN @program@.vouchers.redemption IS 'The redemption of points it was drawn, or is set aside, for';

/* states are counted first, and open reservations found at once: there may be millions of codes */
CREATE VIEW @program@.pools AS
SELECT p.name AS pool, p.gives,
	coalesce(sum(s.codes), 0)::bigint AS codes,
	coalesce(sum(s.codes) FILTER (WHERE s.state = 'free'), 0)::bigint AS free,
	coalesce(sum(s.codes) FILTER (WHERE s.state = 'given'), 0)::bigint AS given,
	coalesce(sum(s.codes) FILTER (WHERE s.state = 'active'), 0)::bigint AS active,
	coalesce(sum(s.codes) FILTER (WHERE s.state = 'reserved'), 0)::bigint AS reserved,
	coalesce(sum(s.codes) FILTER (WHERE s.state = 'held'), 0)::bigint AS held,
	coalesce(sum(s.codes) FILTER (WHERE s.state = 'used'), 0)::bigint AS used,
	coalesce(sum(s.codes) FILTER (WHERE s.state = 'expired'), 0)::bigint AS expired,
	coalesce(sum(s.codes) FILTER (WHERE s.state = 'void'), 0)::bigint AS void,
	coalesce(sum(s.uses), 0)::bigint AS uses,
	trim_scale(sum(s.balance) FILTER (WHERE s.state NOT IN ('expired', 'void'))) AS balance
FROM @program@.voucher_pool AS p
	LEFT JOIN (SELECT v.pool_no,
			loyalty.voucher_state_1(q.gives = 'balance', v.voided_at IS NOT NULL, v.in_stock, v.uses, q.uses, v.spent, v.value + coalesce(v.added, 0),
				r.reserved, v.in_stock AND coalesce(v.held_until > loyalty.clock_1(g.test_clock, g.clock), false), least(v.valid_until, upper(q.valid)), loyalty.clock_1(g.test_clock, g.clock)) AS state,
			count(*) AS codes, sum(v.uses) AS uses,
			sum(v.value + coalesce(v.added, 0) - coalesce(v.spent, 0)) FILTER (WHERE q.gives = 'balance') AS balance
		FROM @program@.voucher AS v
			JOIN @program@.voucher_pool AS q ON q.pool_no = v.pool_no
			CROSS JOIN @program@.program AS g
			LEFT JOIN (SELECT u.code, count(*) AS reserved
				FROM @program@.voucher_use AS u CROSS JOIN @program@.program AS c
				WHERE u.state = 'reserved' AND u.reserved_until > loyalty.clock_1(c.test_clock, c.clock)
				GROUP BY u.code) AS r ON r.code = v.code
		GROUP BY 1, 2) AS s ON s.pool_no = p.pool_no
GROUP BY p.name, p.gives;
COMMENT ON VIEW @program@.pools IS 'Pools of codes: how many are in which state as of now';
COMMENT ON COLUMN @program@.pools.pool IS 'The pool';
COMMENT ON COLUMN @program@.pools.gives IS 'What its codes give';
COMMENT ON COLUMN @program@.pools.codes IS 'All its codes';
COMMENT ON COLUMN @program@.pools.free IS 'Codes that nobody has';
COMMENT ON COLUMN @program@.pools.given IS 'Codes that a member has and has not used';
COMMENT ON COLUMN @program@.pools.active IS 'Codes that were used and can be used again';
COMMENT ON COLUMN @program@.pools.reserved IS 'Codes that are reserved';
COMMENT ON COLUMN @program@.pools.held IS 'Codes that are set aside for rewards on hold';
COMMENT ON COLUMN @program@.pools.used IS 'Codes that are used up';
COMMENT ON COLUMN @program@.pools.expired IS 'Codes whose time is over';
COMMENT ON COLUMN @program@.pools.void IS 'Codes that were voided';
COMMENT ON COLUMN @program@.pools.uses IS 'How often codes were used';
COMMENT ON COLUMN @program@.pools.balance IS 'What is left on cards that are valid, or will be: it is owed to who holds them';

CREATE VIEW @program@.code_uses AS
SELECT u.operation_no AS id, coalesce(v.written, loyalty.code_text(u.code COLLATE "default")) AS code, p.name AS pool,
	CASE WHEN u.state = 'reserved' AND u.reserved_until <= loyalty.clock_1(g.test_clock, g.clock) THEN 'lapsed' ELSE u.state END AS status,
	u.member_id, u.made_at, s.name AS source, u.reference, trim_scale(u.amount) AS amount, CASE WHEN u.state IN ('redeemed', 'cancelled') THEN trim_scale(u.discount) END AS discount,
	CASE WHEN u.state IN ('redeemed', 'cancelled') THEN trim_scale(u.points) END AS points, trim_scale(u.returned) AS returned,
	u.reserved_until, u.closed_at, u.reservation, o.actor
FROM @program@.voucher_use AS u
	JOIN @program@.voucher AS v ON v.code = u.code
	JOIN @program@.voucher_pool AS p ON p.pool_no = u.pool_no
	CROSS JOIN @program@.program AS g
	LEFT JOIN @program@.source AS s ON s.source_no = u.source_no
	LEFT JOIN @program@.operation AS o ON o.operation_no = u.operation_no;
COMMENT ON VIEW @program@.code_uses IS 'Every reservation and every use of a code, and who was given one';
COMMENT ON COLUMN @program@.code_uses.id IS 'Number of the call that made it: what release_code and cancel_code take';
COMMENT ON COLUMN @program@.code_uses.code IS 'The code as people read it';
COMMENT ON COLUMN @program@.code_uses.pool IS 'The pool it belongs to';
COMMENT ON COLUMN @program@.code_uses.status IS 'reserved, lapsed (the deadline is over), used (a reservation that was redeemed), released, redeemed, topped up (a card), cancelled, or given (to a member)';
COMMENT ON COLUMN @program@.code_uses.member_id IS 'The member';
COMMENT ON COLUMN @program@.code_uses.made_at IS 'When it was reserved or redeemed';
COMMENT ON COLUMN @program@.code_uses.source IS 'The source of the purchase';
COMMENT ON COLUMN @program@.code_uses.reference IS 'Key of the purchase in that source, or any other reference';
COMMENT ON COLUMN @program@.code_uses.amount IS 'Amount of the purchase, or what a card was topped up with';
COMMENT ON COLUMN @program@.code_uses.discount IS 'What came off that amount; NULL of reservations, which took nothing off';
COMMENT ON COLUMN @program@.code_uses.points IS 'Points that were granted';
COMMENT ON COLUMN @program@.code_uses.returned IS 'How much of what was paid from a balance has returned to it, or of a top-up was taken back';
COMMENT ON COLUMN @program@.code_uses.reserved_until IS 'The reservation''s deadline';
COMMENT ON COLUMN @program@.code_uses.closed_at IS 'When it was released, redeemed, cancelled, or given (to a member)';
COMMENT ON COLUMN @program@.code_uses.reservation IS 'The reservation that this use took up';
COMMENT ON COLUMN @program@.code_uses.actor IS 'Who made the call';

/* -------- codes: tables -------- */

COMMENT ON TABLE @program@.voucher_pool IS 'Codes that give the same';
COMMENT ON COLUMN @program@.voucher_pool.name IS 'Name of the pool; may be changed';
COMMENT ON COLUMN @program@.voucher_pool.pool_no IS 'Number of the pool, assigned by the program; never changes';
COMMENT ON COLUMN @program@.voucher_pool.gives IS 'amount: money off; percent: percent off; product; shipping; points: granted by the engine; balance: a card whose money is spent in parts; custom: what attributes say';
COMMENT ON COLUMN @program@.voucher_pool.value IS 'Money, percent, points, or the balance of a card';
COMMENT ON COLUMN @program@.voucher_pool.ceiling IS 'A percentage takes at most so much off';
COMMENT ON COLUMN @program@.voucher_pool.unit IS 'The unit of points';
COMMENT ON COLUMN @program@.voucher_pool.product IS 'The product, as the application knows it';
COMMENT ON COLUMN @program@.voucher_pool.min_amount IS 'The purchase must be of at least so much';
COMMENT ON COLUMN @program@.voucher_pool.uses IS 'How often each code can be used; NULL: any number. A card is used until its balance is';
COMMENT ON COLUMN @program@.voucher_pool.uses_per_member IS 'How often one member can use codes of this pool; NULL: any number';
COMMENT ON COLUMN @program@.voucher_pool.personal IS 'Whether a code that was given to a member works for that member alone';
COMMENT ON COLUMN @program@.voucher_pool.valid IS 'When its codes can be used';
COMMENT ON COLUMN @program@.voucher_pool.expires IS 'How long a code is valid that is given to a member or drawn for a redemption, from then';
COMMENT ON COLUMN @program@.voucher_pool.reserve_for IS 'How long a reservation lasts';
COMMENT ON COLUMN @program@.voucher_pool.supply IS 'stock: codes to give are generated or imported beforehand; endless: each is made when it is needed';
COMMENT ON COLUMN @program@.voucher_pool.prefix IS 'Letters and digits that generated codes begin with';
COMMENT ON COLUMN @program@.voucher_pool.length IS 'How many characters generated codes have after the prefix, the last of which is the check character';
COMMENT ON COLUMN @program@.voucher_pool.attributes IS 'Whatever else the application needs to know';
COMMENT ON COLUMN @program@.voucher_pool.enabled IS 'Whether its codes can be used';

COMMENT ON TABLE @program@.voucher IS 'A code. Read it through the view vouchers';
COMMENT ON COLUMN @program@.voucher.operation_no IS 'The call that generated or imported it, or gave it';
COMMENT ON COLUMN @program@.voucher.pool_no IS 'The pool';
COMMENT ON COLUMN @program@.voucher.uses IS 'How often it has been used';
COMMENT ON COLUMN @program@.voucher.in_stock IS 'Whether nobody has it: it was neither given nor drawn, used, reserved or voided; it may be set aside';
COMMENT ON COLUMN @program@.voucher.code IS 'Its normal form, by which codes are compared: see loyalty.code_normal';
COMMENT ON COLUMN @program@.voucher.written IS 'As people read it; NULL: in groups of four';
COMMENT ON COLUMN @program@.voucher.value IS 'The first balance of a card; of others its own value; NULL: the pool''s';
COMMENT ON COLUMN @program@.voucher.spent IS 'What has been spent of a card''s balance';
COMMENT ON COLUMN @program@.voucher.added IS 'What was put on a card later';
COMMENT ON COLUMN @program@.voucher.valid_from IS 'It can be used from this instant on, if the pool''s are';
COMMENT ON COLUMN @program@.voucher.valid_until IS 'It can be used before this instant, if the pool''s are';
COMMENT ON COLUMN @program@.voucher.member_id IS 'The member it was given to';
COMMENT ON COLUMN @program@.voucher.given_at IS 'When it was';
COMMENT ON COLUMN @program@.voucher.redemption_no IS 'The redemption of points it was drawn for';
COMMENT ON COLUMN @program@.voucher.reserved_until IS 'The latest deadline of its reservations; in the past: none is open';
COMMENT ON COLUMN @program@.voucher.voided_at IS 'When it was voided';
COMMENT ON COLUMN @program@.voucher.voided_by IS 'The call that voided it';
COMMENT ON COLUMN @program@.voucher.held_for IS 'The reward on hold it is set aside for';
COMMENT ON COLUMN @program@.voucher.held_until IS 'That hold''s deadline; in the past: it is not set aside';

COMMENT ON TABLE @program@.voucher_use IS 'A reservation or a use of a code. Read it through the view code_uses';
COMMENT ON COLUMN @program@.voucher_use.operation_no IS 'The call that made it';
COMMENT ON COLUMN @program@.voucher_use.pool_no IS 'The pool of the code';
COMMENT ON COLUMN @program@.voucher_use.source_no IS 'The source of the purchase';
COMMENT ON COLUMN @program@.voucher_use.made_at IS 'When it was made';
COMMENT ON COLUMN @program@.voucher_use.code IS 'The code in its normal form';
COMMENT ON COLUMN @program@.voucher_use.state IS 'reserved, used (a reservation that was redeemed), released, redeemed, cancelled, topped up (a card), or given to a member; a reservation whose deadline is over stays reserved, and holds nothing';
COMMENT ON COLUMN @program@.voucher_use.member_id IS 'The member';
COMMENT ON COLUMN @program@.voucher_use.reference IS 'Key of the purchase, or any other reference';
COMMENT ON COLUMN @program@.voucher_use.amount IS 'Amount of the purchase, or what a card was topped up with';
COMMENT ON COLUMN @program@.voucher_use.discount IS 'What came off that amount';
COMMENT ON COLUMN @program@.voucher_use.points IS 'Points that were granted';
COMMENT ON COLUMN @program@.voucher_use.returned IS 'How much of what was paid from a balance has returned to it, or of a top-up was taken back';
COMMENT ON COLUMN @program@.voucher_use.reserved_until IS 'The reservation''s deadline';
COMMENT ON COLUMN @program@.voucher_use.closed_at IS 'When it was released, redeemed, cancelled, or given (to a member)';
COMMENT ON COLUMN @program@.voucher_use.reservation IS 'The reservation that this use took up';

COMMENT ON TABLE @program@.voucher_attempt IS 'Codes that a member tried in vain';
COMMENT ON COLUMN @program@.voucher_attempt.member_id IS 'The member';
COMMENT ON COLUMN @program@.voucher_attempt.window_start IS 'When the present window began, with a failed attempt';
COMMENT ON COLUMN @program@.voucher_attempt.failures IS 'Failed attempts in it';
COMMENT ON COLUMN @program@.voucher_attempt.total IS 'Failed attempts ever';
COMMENT ON COLUMN @program@.voucher_attempt.last_at IS 'When the last one was';
COMMENT ON COLUMN @program@.voucher_attempt.last_sqlstate IS 'What was wrong with it';
