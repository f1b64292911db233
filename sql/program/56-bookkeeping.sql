/* -------- bookkeeping -------- */

CREATE FUNCTION @program@.book_due("limit" integer DEFAULT NULL)
	RETURNS bigint
	LANGUAGE sql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT loyalty.book_due_1('@program@.program'::regclass, $1);
END;
REVOKE ALL ON FUNCTION @program@.book_due(integer) FROM PUBLIC;
COMMENT ON FUNCTION @program@.book_due(integer) IS
	'Writes into the ledger what has fallen due: expiries and repayments of debt, of at most so many members. Returns how many there were. No balance depends on it; any scheduler may call it, any number at once.';
