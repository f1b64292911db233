--
-- what CREATE EXTENSION makes
--
CREATE DATABASE regress_loyalty_install;
\c regress_loyalty_install
CREATE EXTENSION loyalty;

-- every object has a comment, but for those that the server makes itself
SELECT pg_describe_object(d.classid, d.objid, 0) AS without_comment
FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
WHERE e.extname = 'loyalty' AND d.deptype = 'e'
	AND NOT EXISTS (SELECT FROM pg_description c WHERE (c.classoid, c.objoid, c.objsubid) = (d.classid, d.objid, 0))
	AND NOT (d.classid = 'pg_type'::regclass AND EXISTS (SELECT FROM pg_type t WHERE t.oid = d.objid
		AND (t.typelem <> 0 OR (SELECT c.relkind <> 'c' FROM pg_class c WHERE c.oid = t.typrelid))))
	AND d.classid <> 'pg_namespace'::regclass
ORDER BY 1;

-- functions of types are safe in parallel, and immutable, but for one that knows time zones
SELECT p.oid::regprocedure, p.proparallel, p.provolatile FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
WHERE p.pronamespace = 'loyalty'::regnamespace AND p.proname ~ '^(points|rate|period|lots|lines)(_|$)'
	AND (p.proparallel <> 's' OR p.provolatile <> CASE p.proname WHEN 'lots_carried_1' THEN 's' ELSE 'i' END) ORDER BY 1;

-- nothing else may be in the schema, and nobody else may own it
\set SHOW_CONTEXT never
DROP EXTENSION loyalty;
CREATE FUNCTION loyalty.trap(integer) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE EXTENSION loyalty;
DROP FUNCTION loyalty.trap(integer);
CREATE TYPE loyalty.trap AS ENUM ();
CREATE EXTENSION loyalty;
DROP TYPE loyalty.trap;
CREATE ROLE regress_loyalty_other;
ALTER SCHEMA loyalty OWNER TO regress_loyalty_other;
CREATE EXTENSION loyalty;
ALTER SCHEMA loyalty OWNER TO CURRENT_USER;
DROP ROLE regress_loyalty_other;
CREATE EXTENSION loyalty;
SELECT '1.5'::loyalty.points;
DROP EXTENSION loyalty;
DROP SCHEMA loyalty;
CREATE EXTENSION loyalty;
SELECT '1.5'::loyalty.points;
\c -
DROP EXTENSION loyalty;
\c postgres
DROP DATABASE regress_loyalty_install;
