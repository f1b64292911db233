-- Turns what is already in the table of source :source into points, and says how long it took.
SELECT clock_timestamp() AS started \gset
CALL rewards.backfill(:'source') \g /dev/null
SELECT format('  %-10s %10s rows in %s s: %s a second', :'source', to_char(n, 'FM999,999,990'), round(t, 1), to_char(n / t, 'FM999,999,990'))
FROM (SELECT count(*) AS n, extract(epoch FROM clock_timestamp() - :'started') AS t FROM :relation) x;
