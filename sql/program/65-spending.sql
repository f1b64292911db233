/* -------- spending: functions -------- */

/* what all functions that spend return */
CREATE TYPE @program@.outcome AS (
	id				bigint,
	status			text,
	unit			text,
	points			numeric,
	code			text,
	available		numeric,
	pending			numeric,
	held			numeric,
	debt			numeric,
	valid_until		timestamptz
);
COMMENT ON TYPE @program@.outcome IS 'What was done, under which id, and what the member has of the unit after it';

/*
 * Setting a search_path would cost more than what these functions do beside
 * calling the library, so everything in them is qualified and of the very types
 * it takes.
 */

CREATE FUNCTION @program@.spend(member @member@, points numeric, unit text DEFAULT NULL, key text DEFAULT NULL, note text DEFAULT NULL)
	RETURNS @program@.outcome
	LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE AS $$
BEGIN
	RETURN loyalty.spend_1('@program@.program'::pg_catalog.regclass, member, points, unit, key, note);
END
$$;
REVOKE ALL ON FUNCTION @program@.spend(@member@, numeric, text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION @program@.spend(@member@, numeric, text, text, text) IS
	'Spends a member''s points, those that end first, or refuses (LY001) if there are not enough. With a key the call is made once, however often it is repeated.';

CREATE FUNCTION @program@.hold(member @member@, points numeric, unit text DEFAULT NULL, for_ interval DEFAULT '15 minutes', key text DEFAULT NULL)
	RETURNS @program@.outcome
	LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE AS $$
BEGIN
	RETURN loyalty.hold_1('@program@.program'::pg_catalog.regclass, member, points, unit, for_, key);
END
$$;
REVOKE ALL ON FUNCTION @program@.hold(@member@, numeric, text, interval, text) FROM PUBLIC;
COMMENT ON FUNCTION @program@.hold(@member@, numeric, text, interval, text) IS
	'Sets points aside, to be captured or released before a deadline; nothing else touches them until then. At the deadline they are available again. With a key the call is made once.';

CREATE FUNCTION @program@.capture(hold bigint, points numeric DEFAULT NULL, key text DEFAULT NULL)
	RETURNS @program@.outcome
	LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE AS $$
BEGIN
	RETURN loyalty.capture_1('@program@.program'::pg_catalog.regclass, hold, points, key);
END
$$;
REVOKE ALL ON FUNCTION @program@.capture(bigint, numeric, text) FROM PUBLIC;
COMMENT ON FUNCTION @program@.capture(bigint, numeric, text) IS
	'Spends what a hold has set aside, all or so many points; the rest goes back. Before the deadline it always succeeds, later only if there are enough points.';

CREATE FUNCTION @program@.release(hold bigint, key text DEFAULT NULL)
	RETURNS @program@.outcome
	LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE AS $$
BEGIN
	RETURN loyalty.release_1('@program@.program'::pg_catalog.regclass, hold, key);
END
$$;
REVOKE ALL ON FUNCTION @program@.release(bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION @program@.release(bigint, text) IS
	'Ends a hold: what it has set aside goes back to the lots it came from.';

CREATE FUNCTION @program@.cancel(redemption bigint, points numeric DEFAULT NULL, reason text DEFAULT NULL, key text DEFAULT NULL, quantity integer DEFAULT NULL)
	RETURNS @program@.outcome
	LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE AS $$
BEGIN
	RETURN loyalty.cancel_1('@program@.program'::pg_catalog.regclass, redemption, points, reason, key, quantity);
END
$$;
REVOKE ALL ON FUNCTION @program@.cancel(bigint, numeric, text, text, integer) FROM PUBLIC;
COMMENT ON FUNCTION @program@.cancel(bigint, numeric, text, text, integer) IS
	'Gives back what was spent, all that is left or so many points, to the lots it came from: with their own end, or the unit''s return_grace from now on if that is later. Of a reward also by quantity; as many of its codes are void from then on, which code says.';

CREATE FUNCTION @program@.transfer(from_ @member@, to_ @member@, points numeric, unit text DEFAULT NULL, key text DEFAULT NULL)
	RETURNS @program@.outcome
	LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE AS $$
BEGIN
	RETURN loyalty.transfer_1('@program@.program'::pg_catalog.regclass, from_, to_, points, unit, key);
END
$$;
REVOKE ALL ON FUNCTION @program@.transfer(@member@, @member@, numeric, text, text) FROM PUBLIC;
COMMENT ON FUNCTION @program@.transfer(@member@, @member@, numeric, text, text) IS
	'Sends points of a unit that is transferable from one member to another; they end when they would have ended. With a key the call is made once.';

/* -------- spending: views -------- */

/* What is set aside, was, and what came of it. */
CREATE VIEW @program@.hold AS
SELECT o.operation_no AS hold_no,
	o.member_id,
	u.name AS unit,
	o.points::numeric AS points,
	o.performed_at AS held_at,
	o.deadline,
	CASE WHEN o.returned::numeric > 0 THEN CASE WHEN o.returned < o.spent THEN 'partly cancelled' ELSE 'cancelled' END
		WHEN o.status = 'held' AND o.deadline <= loyalty.clock_1(p.test_clock, p.clock) THEN 'lapsed'
		ELSE o.status END AS status,
	o.spent::numeric AS captured,
	o.returned::numeric AS returned,
	o.kind,
	o.key,
	o.actor
FROM @program@.operation AS o
	CROSS JOIN @program@.program AS p
	LEFT JOIN @program@.unit AS u ON u.unit_no = o.unit_no
WHERE o.deadline IS NOT NULL;
COMMENT ON VIEW @program@.hold IS 'Points set aside: for whom, how many, until when, and what came of it';
COMMENT ON COLUMN @program@.hold.hold_no IS 'Number of the hold, for capture() and release()';
COMMENT ON COLUMN @program@.hold.member_id IS 'The member';
COMMENT ON COLUMN @program@.hold.unit IS 'The unit';
COMMENT ON COLUMN @program@.hold.points IS 'How many points';
COMMENT ON COLUMN @program@.hold.held_at IS 'Since when';
COMMENT ON COLUMN @program@.hold.deadline IS 'Until when';
COMMENT ON COLUMN @program@.hold.status IS 'held, captured, released, lapsed, partly cancelled or cancelled, as of now';
COMMENT ON COLUMN @program@.hold.captured IS 'How many of them were spent';
COMMENT ON COLUMN @program@.hold.returned IS 'How many of these were given back by cancel()';
COMMENT ON COLUMN @program@.hold.kind IS 'hold or hold_reward';
COMMENT ON COLUMN @program@.hold.key IS 'The key of the call, if it had one';
COMMENT ON COLUMN @program@.hold.actor IS 'Who called';
