-- bookkeeping: what a scheduler and an auditor call

CREATE FUNCTION loyalty.book_due_1(program regclass, "limit" integer) RETURNS bigint
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'loyalty_book_due';
COMMENT ON FUNCTION loyalty.book_due_1(regclass, integer) IS
	'implementation of a program''s book_due()';
