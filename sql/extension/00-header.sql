-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION loyalty" to load this file. \quit

-- Whoever could put objects into the schema before, or can do so later, could
-- have them called in place of ours.
DO $$
DECLARE
	content text;
BEGIN
	SELECT pg_catalog.pg_describe_object(d.classid, d.objid, 0) INTO content
	FROM pg_catalog.pg_depend d
	WHERE d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_namespace'::pg_catalog.regclass
		AND d.refobjid OPERATOR(pg_catalog.=) 'loyalty'::pg_catalog.regnamespace
		AND d.classid OPERATOR(pg_catalog.<>) 'pg_catalog.pg_extension'::pg_catalog.regclass
	LIMIT 1;
	IF FOUND THEN
		RAISE invalid_schema_definition USING
			MESSAGE = 'schema "loyalty" is not empty',
			DETAIL = pg_catalog.format('It contains %s.', content),
			HINT = 'The extension has its schema to itself. Drop or rename the one that is there.';
	END IF;

	PERFORM FROM pg_catalog.pg_namespace n
		JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) n.nspowner
	WHERE n.nspname OPERATOR(pg_catalog.=) 'loyalty'
		AND NOT r.rolsuper AND r.rolname OPERATOR(pg_catalog.<>) CURRENT_USER;
	IF FOUND THEN
		RAISE invalid_schema_definition USING
			MESSAGE = 'schema "loyalty" is owned by another role',
			HINT = 'Its owner must be a superuser or the role that creates the extension.';
	END IF;
END
$$;

