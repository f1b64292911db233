-- -------- programs --------

CREATE FUNCTION loyalty.create_program(
	name text,
	member_type text,
	time_zone text,
	currency text,
	test_clock boolean DEFAULT false,
	owner text DEFAULT NULL
) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'loyalty_create_program';
COMMENT ON FUNCTION loyalty.create_program(text, text, text, text, boolean, text) IS
'Makes a loyalty program: a schema with its tables, views and functions';

CREATE FUNCTION loyalty.drop_program(name text, force boolean DEFAULT false) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'loyalty_drop_program';
COMMENT ON FUNCTION loyalty.drop_program(text, boolean) IS
'Detaches all sources of a loyalty program and drops its schema; with entries in the ledger only by force';

CREATE FUNCTION loyalty.upgrade_program(name text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'loyalty_upgrade_program';
COMMENT ON FUNCTION loyalty.upgrade_program(text) IS
'Brings a program made by an older version, or one whose schema was renamed, up to date';

-- -------- called by functions of a program --------

CREATE FUNCTION loyalty.attach_1(
	program regclass, relation regclass, name text, member text, amount text,
	occurred_at text, event text, condition text, spend text, spend_unit text,
	spend_condition text, purchase boolean, reduces text, reduces_key text,
	on_delete text, key text
) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'loyalty_attach';
COMMENT ON FUNCTION loyalty.attach_1(regclass, regclass, text, text, text, text, text, text, text, text, text, boolean, text, text, text, text) IS
'Internal: attach() of a program';

CREATE FUNCTION loyalty.detach_1(program regclass, name text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'loyalty_detach';
COMMENT ON FUNCTION loyalty.detach_1(regclass, text) IS
'Internal: detach() of a program';

CREATE FUNCTION loyalty.set_clock_1(program regclass, "clock" timestamptz) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'loyalty_set_clock';
COMMENT ON FUNCTION loyalty.set_clock_1(regclass, timestamptz) IS
'Internal: set_clock() of a program';

-- -------- triggers on the tables of a program --------

CREATE FUNCTION loyalty.program_check_1() RETURNS trigger
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'loyalty_program_check';
COMMENT ON FUNCTION loyalty.program_check_1() IS
'Internal: before a row of table program is written';

CREATE FUNCTION loyalty.program_changed_1() RETURNS trigger
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'loyalty_program_changed';
COMMENT ON FUNCTION loyalty.program_changed_1() IS
'Internal: after a row of table program was written';

CREATE FUNCTION loyalty.unit_check_1() RETURNS trigger
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'loyalty_unit_check';
COMMENT ON FUNCTION loyalty.unit_check_1() IS
'Internal: before a row of table unit is written';

CREATE FUNCTION loyalty.unit_changed_1() RETURNS trigger
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'loyalty_unit_changed';
COMMENT ON FUNCTION loyalty.unit_changed_1() IS
'Internal: after a row of table unit was written';

CREATE FUNCTION loyalty.source_check_1() RETURNS trigger
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'loyalty_source_check';
COMMENT ON FUNCTION loyalty.source_check_1() IS
'Internal: before a row of table source is written';

CREATE FUNCTION loyalty.source_changed_1() RETURNS trigger
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'loyalty_source_changed';
COMMENT ON FUNCTION loyalty.source_changed_1() IS
'Internal: after a row of table source was written';

CREATE FUNCTION loyalty.rule_check_1() RETURNS trigger
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'loyalty_rule_check';
COMMENT ON FUNCTION loyalty.rule_check_1() IS
'Internal: before a row of table rule is written';

CREATE FUNCTION loyalty.rule_changed_1() RETURNS trigger
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'loyalty_rule_changed';
COMMENT ON FUNCTION loyalty.rule_changed_1() IS
'Internal: after a row of table rule was written';

CREATE FUNCTION loyalty.member_check_1() RETURNS trigger
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'loyalty_member_check';
COMMENT ON FUNCTION loyalty.member_check_1() IS
'Internal: before a row of table member is written';

CREATE FUNCTION loyalty.member_changed_1() RETURNS trigger
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'loyalty_member_changed';
COMMENT ON FUNCTION loyalty.member_changed_1() IS
'Internal: after rows of table member were written';

CREATE FUNCTION loyalty.config_invalidate_1() RETURNS trigger
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'loyalty_config_invalidate';
COMMENT ON FUNCTION loyalty.config_invalidate_1() IS
'Internal: tells every session that a program''s configuration has changed';

CREATE FUNCTION loyalty.ledger_guard_1() RETURNS trigger
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'loyalty_ledger_guard';
COMMENT ON FUNCTION loyalty.ledger_guard_1() IS
'Internal: refuses changes of tables that are only added to';

CREATE FUNCTION loyalty.truncate_guard_1() RETURNS trigger
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'loyalty_truncate_guard';
COMMENT ON FUNCTION loyalty.truncate_guard_1() IS
'Internal: refuses TRUNCATE of tables whose rows have to be looked at';

-- -------- triggers on sources --------

-- Anybody may execute these, as CREATE TRIGGER asks for; they act only for
-- tables that a program has attached.

CREATE FUNCTION loyalty.source_insert() RETURNS trigger
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'source_insert';
COMMENT ON FUNCTION loyalty.source_insert() IS
'Internal: posts new rows of a source';

CREATE FUNCTION loyalty.source_update() RETURNS trigger
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'source_update';
COMMENT ON FUNCTION loyalty.source_update() IS
'Internal: posts what changes of a source''s rows change';

CREATE FUNCTION loyalty.source_delete() RETURNS trigger
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'source_delete';
COMMENT ON FUNCTION loyalty.source_delete() IS
'Internal: takes back the points of deleted rows of a source';

CREATE FUNCTION loyalty.source_moved() RETURNS trigger
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'source_moved';
COMMENT ON FUNCTION loyalty.source_moved() IS
'Internal: notes rows that leave a partition of a source';

CREATE FUNCTION loyalty.source_truncate() RETURNS trigger
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'loyalty_source_truncate';
COMMENT ON FUNCTION loyalty.source_truncate() IS
'Internal: refuses TRUNCATE of a source';

CREATE FUNCTION loyalty.wire_partitions() RETURNS event_trigger
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'loyalty_wire_partitions';
COMMENT ON FUNCTION loyalty.wire_partitions() IS
'Internal: puts a source''s triggers on its new partitions and children';

CREATE EVENT TRIGGER loyalty_wire_partitions ON ddl_command_end
	WHEN TAG IN ('CREATE TABLE', 'CREATE FOREIGN TABLE', 'ALTER TABLE', 'CREATE SCHEMA')
	EXECUTE FUNCTION loyalty.wire_partitions();
COMMENT ON EVENT TRIGGER loyalty_wire_partitions IS
'Puts triggers on new partitions and children of sources of loyalty programs';

-- -------- what programs there are --------

-- Catalogs only: anybody can make a table "program", and row security or a
-- view in its place would run as whoever looks.
CREATE VIEW loyalty.programs AS
SELECT n.nspname::text COLLATE pg_catalog."default" AS name,
	pg_catalog.pg_get_userbyid(p.relowner)::text COLLATE pg_catalog."default" AS owner,
	(SELECT pg_catalog.substring(pg_catalog.pg_get_expr(d.adbin, d.adrelid), '''([^'']*)''')
		FROM pg_catalog.pg_attribute a
		JOIN pg_catalog.pg_attrdef d ON d.adrelid OPERATOR(pg_catalog.=) a.attrelid
			AND d.adnum OPERATOR(pg_catalog.=) a.attnum
		WHERE a.attrelid OPERATOR(pg_catalog.=) p.oid
			AND a.attname OPERATOR(pg_catalog.=) 'engine_version') AS version,
	(SELECT pg_catalog.format_type(a.atttypid, a.atttypmod)
		FROM pg_catalog.pg_class c
		JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) c.oid
		WHERE c.relnamespace OPERATOR(pg_catalog.=) n.oid
			AND c.relname OPERATOR(pg_catalog.=) 'account'
			AND a.attname OPERATOR(pg_catalog.=) 'member_id') AS member_type,
	ARRAY(SELECT pg_catalog.substr(v.relname::text COLLATE pg_catalog."default", 8)
		FROM pg_catalog.pg_class v
		WHERE v.relnamespace OPERATOR(pg_catalog.=) n.oid
			AND v.relkind OPERATOR(pg_catalog.=) 'v'
			AND pg_catalog.starts_with(v.relname::text, 'source_')
		ORDER BY 1) AS sources
FROM pg_catalog.pg_class p
JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.relnamespace
WHERE p.relname OPERATOR(pg_catalog.=) 'program'
	AND p.relkind OPERATOR(pg_catalog.=) 'r'
	AND EXISTS (SELECT FROM pg_catalog.pg_trigger t
		WHERE t.tgrelid OPERATOR(pg_catalog.=) p.oid
			AND t.tgfoid OPERATOR(pg_catalog.=) 'loyalty.program_changed_1()'::pg_catalog.regprocedure);
COMMENT ON VIEW loyalty.programs IS 'Loyalty programs of this database';
COMMENT ON COLUMN loyalty.programs.name IS 'The program, and its schema';
COMMENT ON COLUMN loyalty.programs.owner IS 'Whose rights its rules have';
COMMENT ON COLUMN loyalty.programs.version IS 'The version of the extension that made it or upgraded it';
COMMENT ON COLUMN loyalty.programs.member_type IS 'Type of member ids';
COMMENT ON COLUMN loyalty.programs.sources IS 'Names of attached sources';
GRANT SELECT ON loyalty.programs TO PUBLIC;
GRANT USAGE ON SCHEMA loyalty TO PUBLIC;
