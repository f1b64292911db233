-- privileges

CREATE FUNCTION loyalty.grant_access_1(program regclass, role text, access text) RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'loyalty_grant_access';
COMMENT ON FUNCTION loyalty.grant_access_1(regclass, text, text) IS
	'implementation of a program''s grant_access()';
