/* -------- privileges -------- */

CREATE FUNCTION @program@.grant_access(role text, access text)
	RETURNS void
	LANGUAGE sql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT loyalty.grant_access_1('@program@.program'::regclass, $1, $2);
END;
REVOKE ALL ON FUNCTION @program@.grant_access(text, text) FROM PUBLIC;
COMMENT ON FUNCTION @program@.grant_access(text, text) IS
	'Gives a role one of three kinds of access, each of which includes those before. report: reads the views, the names of units, sources and rules, and calls balance, statement, member_lots, preview and explain. app: enrols and changes members, writes activities, spends, holds, cancels and transfers points. admin: changes units, rules and settings, attaches tables, adjusts, and calls all functions but this one; who writes rules can read what the program''s owner can read. Nobody writes the ledger.';
