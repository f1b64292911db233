-- The file's sales and returns arrive month by month, and the program's clock
-- goes along; it stops where the file ends.
SELECT clock_timestamp() AS started \gset
DO $$
DECLARE
	month timestamptz;
	file_end timestamptz := (SELECT max(sold_at) + interval '1 second' FROM file.sales);
BEGIN
	FOR month IN SELECT generate_series(date_trunc('month', min(sold_at)), max(sold_at), interval '1 month') FROM file.sales LOOP
		PERFORM rewards.set_clock(least(month + interval '1 month' - interval '1 second', file_end));
		INSERT INTO shop.sales SELECT * FROM file.sales WHERE sold_at >= month AND sold_at < month + interval '1 month' ORDER BY line;
		INSERT INTO shop.refunds (order_id, amount, refunded_at)
		SELECT * FROM file.refunds WHERE refunded_at >= month AND refunded_at < month + interval '1 month' ORDER BY refunded_at;
		COMMIT;
	END LOOP;
END $$;
SELECT format('  %s lines and %s returns inserted in %s s: %s a second', to_char(n, 'FM999,999,999'), to_char(r, 'FM999,999,990'), round(t, 1), to_char((n + r) / t, 'FM999,999,990'))
FROM (SELECT extract(epoch FROM clock_timestamp() - :'started')) AS t(t), (SELECT count(*) FROM shop.sales) AS n(n), (SELECT count(*) FROM shop.refunds) AS r(r);
SELECT '  it is now ' || to_char(clock, 'YYYY-MM-DD HH24:MI') || ', where the file ends' FROM rewards.program;
DROP SCHEMA file CASCADE;
