/* Events judged again: what programs' own functions call. */

CREATE FUNCTION loyalty.reconcile_1(program regclass, source text, key text, orphans text, apply boolean,
	OUT event_key text, OUT member_id text, OUT unit text, OUT difference numeric)
RETURNS SETOF record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'reconcile_1';
COMMENT ON FUNCTION loyalty.reconcile_1(regclass, text, text, text, boolean) IS
'Behind a program''s reconcile(); with apply false tells what it would post';

CREATE FUNCTION loyalty.retry_failed_1(program regclass, source text,
	OUT source_name text, OUT event_key text, OUT outcome text)
RETURNS SETOF record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'retry_failed_1';
COMMENT ON FUNCTION loyalty.retry_failed_1(regclass, text) IS
'Behind a program''s retry_failed()';

CREATE PROCEDURE loyalty.backfill_1(program regclass, source text, member text)
LANGUAGE c AS 'MODULE_PATHNAME', 'backfill_1';
COMMENT ON PROCEDURE loyalty.backfill_1(regclass, text, text) IS
'Behind a program''s backfill(), whose EXECUTE privilege it asks for';
