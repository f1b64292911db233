/*
 * The ledger is only added to, by the engine; these prevent accidents.
 */

CREATE TRIGGER journal_guard BEFORE UPDATE OR DELETE OR TRUNCATE ON @program@.journal
	FOR EACH STATEMENT EXECUTE FUNCTION loyalty.ledger_guard_1();
ALTER TABLE @program@.journal ENABLE ALWAYS TRIGGER journal_guard;
REVOKE UPDATE, DELETE, TRUNCATE ON @program@.journal FROM @owner@;

CREATE TRIGGER program_version_guard BEFORE UPDATE OR DELETE OR TRUNCATE ON @program@.program_version
	FOR EACH STATEMENT EXECUTE FUNCTION loyalty.ledger_guard_1();
CREATE TRIGGER unit_version_guard BEFORE UPDATE OR DELETE OR TRUNCATE ON @program@.unit_version
	FOR EACH STATEMENT EXECUTE FUNCTION loyalty.ledger_guard_1();
CREATE TRIGGER rule_version_guard BEFORE UPDATE OR DELETE OR TRUNCATE ON @program@.rule_version
	FOR EACH STATEMENT EXECUTE FUNCTION loyalty.ledger_guard_1();

CREATE TRIGGER program_no_truncate BEFORE TRUNCATE ON @program@.program
	FOR EACH STATEMENT EXECUTE FUNCTION loyalty.truncate_guard_1();
CREATE TRIGGER unit_no_truncate BEFORE TRUNCATE ON @program@.unit
	FOR EACH STATEMENT EXECUTE FUNCTION loyalty.truncate_guard_1();
CREATE TRIGGER source_no_truncate BEFORE TRUNCATE ON @program@.source
	FOR EACH STATEMENT EXECUTE FUNCTION loyalty.truncate_guard_1();
CREATE TRIGGER rule_no_truncate BEFORE TRUNCATE ON @program@.rule
	FOR EACH STATEMENT EXECUTE FUNCTION loyalty.truncate_guard_1();
CREATE TRIGGER member_no_truncate BEFORE TRUNCATE ON @program@.member
	FOR EACH STATEMENT EXECUTE FUNCTION loyalty.truncate_guard_1();
CREATE TRIGGER account_no_truncate BEFORE TRUNCATE ON @program@.account
	FOR EACH STATEMENT EXECUTE FUNCTION loyalty.truncate_guard_1();
