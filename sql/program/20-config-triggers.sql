/*
 * Configuration is plain rows; these triggers check them, keep their versions
 * and tell every backend.  Checks and versions are made where a row is first
 * written; a subscriber only tells its backends.
 */

CREATE TRIGGER program_check BEFORE INSERT OR UPDATE OR DELETE ON @program@.program
	FOR EACH ROW EXECUTE FUNCTION loyalty.program_check_1();
CREATE TRIGGER program_changed AFTER INSERT OR UPDATE ON @program@.program
	FOR EACH ROW EXECUTE FUNCTION loyalty.program_changed_1();
CREATE TRIGGER unit_check BEFORE INSERT OR UPDATE OR DELETE ON @program@.unit
	FOR EACH ROW EXECUTE FUNCTION loyalty.unit_check_1();
CREATE TRIGGER unit_changed AFTER INSERT OR UPDATE OR DELETE ON @program@.unit
	FOR EACH ROW EXECUTE FUNCTION loyalty.unit_changed_1();
CREATE TRIGGER source_check BEFORE INSERT OR UPDATE OR DELETE ON @program@.source
	FOR EACH ROW EXECUTE FUNCTION loyalty.source_check_1();
CREATE TRIGGER source_changed AFTER UPDATE ON @program@.source
	FOR EACH ROW EXECUTE FUNCTION loyalty.source_changed_1();
CREATE TRIGGER rule_check BEFORE INSERT OR UPDATE OR DELETE ON @program@.rule
	FOR EACH ROW EXECUTE FUNCTION loyalty.rule_check_1();
CREATE TRIGGER rule_changed AFTER INSERT OR UPDATE OR DELETE ON @program@.rule
	FOR EACH ROW EXECUTE FUNCTION loyalty.rule_changed_1();

CREATE TRIGGER program_invalidate AFTER INSERT OR UPDATE OR DELETE ON @program@.program
	FOR EACH ROW EXECUTE FUNCTION loyalty.config_invalidate_1();
ALTER TABLE @program@.program ENABLE ALWAYS TRIGGER program_invalidate;
CREATE TRIGGER unit_invalidate AFTER INSERT OR UPDATE OR DELETE ON @program@.unit
	FOR EACH ROW EXECUTE FUNCTION loyalty.config_invalidate_1();
ALTER TABLE @program@.unit ENABLE ALWAYS TRIGGER unit_invalidate;
CREATE TRIGGER source_invalidate AFTER INSERT OR UPDATE OR DELETE ON @program@.source
	FOR EACH ROW EXECUTE FUNCTION loyalty.config_invalidate_1();
ALTER TABLE @program@.source ENABLE ALWAYS TRIGGER source_invalidate;
CREATE TRIGGER rule_invalidate AFTER INSERT OR UPDATE OR DELETE ON @program@.rule
	FOR EACH ROW EXECUTE FUNCTION loyalty.config_invalidate_1();
ALTER TABLE @program@.rule ENABLE ALWAYS TRIGGER rule_invalidate;

/* a subscriber receives versions after or before the rows they belong to */
CREATE TRIGGER program_version_invalidate AFTER INSERT OR UPDATE OR DELETE ON @program@.program_version
	FOR EACH ROW EXECUTE FUNCTION loyalty.config_invalidate_1();
ALTER TABLE @program@.program_version ENABLE ALWAYS TRIGGER program_version_invalidate;
CREATE TRIGGER unit_version_invalidate AFTER INSERT OR UPDATE OR DELETE ON @program@.unit_version
	FOR EACH ROW EXECUTE FUNCTION loyalty.config_invalidate_1();
ALTER TABLE @program@.unit_version ENABLE ALWAYS TRIGGER unit_version_invalidate;
CREATE TRIGGER rule_version_invalidate AFTER INSERT OR UPDATE OR DELETE ON @program@.rule_version
	FOR EACH ROW EXECUTE FUNCTION loyalty.config_invalidate_1();
ALTER TABLE @program@.rule_version ENABLE ALWAYS TRIGGER rule_version_invalidate;

CREATE TRIGGER program_truncated AFTER TRUNCATE ON @program@.program
	FOR EACH STATEMENT EXECUTE FUNCTION loyalty.config_invalidate_1();
ALTER TABLE @program@.program ENABLE ALWAYS TRIGGER program_truncated;
CREATE TRIGGER unit_truncated AFTER TRUNCATE ON @program@.unit
	FOR EACH STATEMENT EXECUTE FUNCTION loyalty.config_invalidate_1();
ALTER TABLE @program@.unit ENABLE ALWAYS TRIGGER unit_truncated;
CREATE TRIGGER source_truncated AFTER TRUNCATE ON @program@.source
	FOR EACH STATEMENT EXECUTE FUNCTION loyalty.config_invalidate_1();
ALTER TABLE @program@.source ENABLE ALWAYS TRIGGER source_truncated;
CREATE TRIGGER rule_truncated AFTER TRUNCATE ON @program@.rule
	FOR EACH STATEMENT EXECUTE FUNCTION loyalty.config_invalidate_1();
ALTER TABLE @program@.rule ENABLE ALWAYS TRIGGER rule_truncated;
CREATE TRIGGER program_version_truncated AFTER TRUNCATE ON @program@.program_version
	FOR EACH STATEMENT EXECUTE FUNCTION loyalty.config_invalidate_1();
ALTER TABLE @program@.program_version ENABLE ALWAYS TRIGGER program_version_truncated;
CREATE TRIGGER unit_version_truncated AFTER TRUNCATE ON @program@.unit_version
	FOR EACH STATEMENT EXECUTE FUNCTION loyalty.config_invalidate_1();
ALTER TABLE @program@.unit_version ENABLE ALWAYS TRIGGER unit_version_truncated;
CREATE TRIGGER rule_version_truncated AFTER TRUNCATE ON @program@.rule_version
	FOR EACH STATEMENT EXECUTE FUNCTION loyalty.config_invalidate_1();
ALTER TABLE @program@.rule_version ENABLE ALWAYS TRIGGER rule_version_truncated;

/* what an account keeps a copy of follows the member */
CREATE TRIGGER member_check BEFORE INSERT OR UPDATE ON @program@.member
	FOR EACH ROW EXECUTE FUNCTION loyalty.member_check_1();
CREATE TRIGGER member_inserted AFTER INSERT ON @program@.member
	REFERENCING NEW TABLE AS new_rows
	FOR EACH STATEMENT EXECUTE FUNCTION loyalty.member_changed_1();
CREATE TRIGGER member_updated AFTER UPDATE ON @program@.member
	REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
	FOR EACH STATEMENT EXECUTE FUNCTION loyalty.member_changed_1();
CREATE TRIGGER member_deleted AFTER DELETE ON @program@.member
	REFERENCING OLD TABLE AS old_rows
	FOR EACH STATEMENT EXECUTE FUNCTION loyalty.member_changed_1();
