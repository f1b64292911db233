/*
 * Attaching tables.  These functions run as the program's owner; who may call
 * them is for the owner to grant.
 */

CREATE FUNCTION @program@.attach(
	relation regclass,
	name text DEFAULT NULL,
	member text DEFAULT NULL,
	amount text DEFAULT NULL,
	occurred_at text DEFAULT NULL,
	event text DEFAULT NULL,
	condition text DEFAULT NULL,
	spend text DEFAULT NULL,
	spend_unit text DEFAULT NULL,
	spend_condition text DEFAULT NULL,
	purchase boolean DEFAULT NULL,
	reduces text DEFAULT NULL,
	reduces_key text DEFAULT NULL,
	on_delete text DEFAULT 'revoke',
	key text DEFAULT NULL
) RETURNS void LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT loyalty.attach_1('@program@.program'::pg_catalog.regclass, attach.relation, attach.name,
		attach.member, attach.amount, attach.occurred_at, attach.event, attach.condition,
		attach.spend, attach.spend_unit, attach.spend_condition, attach.purchase,
		attach.reduces, attach.reduces_key, attach.on_delete, attach.key);
END;
REVOKE ALL ON FUNCTION @program@.attach(regclass, text, text, text, text, text, text, text, text, text, boolean, text, text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION @program@.attach(regclass, text, text, text, text, text, text, text, text, text, boolean, text, text, text, text) IS
'Makes a table a source of events. Arguments are SQL expressions over its columns; the name is the table''s if left out.';

CREATE FUNCTION @program@.detach(name text)
RETURNS void LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT loyalty.detach_1('@program@.program'::pg_catalog.regclass, detach.name);
END;
REVOKE ALL ON FUNCTION @program@.detach(text) FROM PUBLIC;
COMMENT ON FUNCTION @program@.detach(text) IS
'Removes a source''s triggers and keeps its points';

CREATE FUNCTION @program@.set_clock("clock" timestamptz)
RETURNS void LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT loyalty.set_clock_1('@program@.program'::pg_catalog.regclass, set_clock."clock");
END;
REVOKE ALL ON FUNCTION @program@.set_clock(timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION @program@.set_clock(timestamptz) IS
'Sets the time of a program made with test_clock => true; never backwards';
