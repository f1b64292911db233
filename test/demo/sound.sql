-- verify() checks the ledger against itself and against the shop's tables.
SELECT clock_timestamp() AS started \gset
CREATE TEMPORARY TABLE violation AS SELECT * FROM rewards.verify();
SELECT format('  verify(): %s, in %s s. %s ledger lines of %s members were checked against balances and against the shop''s tables.',
	CASE count(*) WHEN 0 THEN 'sound' ELSE count(*) || ' violations' END,
	round(extract(epoch FROM clock_timestamp() - :'started'), 1),
	to_char((SELECT count(*) FROM rewards.entry), 'FM999,999,999'), to_char((SELECT count(*) FROM rewards.account), 'FM999,999,999'))
FROM violation;
SELECT concat_ws(': ', '  ' || invariant, member_id, detail) FROM violation LIMIT 10;
SELECT format('  %s events could not be judged: see rewards.failed_event', count(*)) FROM rewards.failed_event HAVING count(*) > 0;
