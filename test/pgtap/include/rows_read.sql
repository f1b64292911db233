-- rows of a table that a statement reads
CREATE FUNCTION t.rows_read(relation regclass, statement text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	before bigint;
BEGIN
	SELECT coalesce(sum(seq_tup_read + idx_tup_fetch), 0) INTO before FROM pg_stat_xact_user_tables WHERE relid = $1;
	EXECUTE statement;
	RETURN (SELECT coalesce(sum(seq_tup_read + idx_tup_fetch), 0) - before FROM pg_stat_xact_user_tables WHERE relid = $1);
END
$$;
