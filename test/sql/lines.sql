--
-- lines: what one event wrote to one member's ledger at once
--
SET search_path = loyalty;
\set VERBOSITY sqlstate

-- text, good and bad; in UTC whatever the settings
SELECT t::lines FROM unnest(ARRAY['{}',
	'{earn 1:250@[2026-01-15,2027-02-01) at 2026-01-15 12:30:00.25+01 rule 3}',
	' { EARN 1:5@[,) at -infinity , revoke 1:-1.5@[2026-01-15,activity) at 2026-01-15 rule 7 lapsed 2 forgiven -1 } ',
	'{earn 1:0@[2026-01-16,2026-01-15) at 2026-01-15}']) t;
SELECT ''::lines;
SELECT '{earn 1:1@[,)}'::lines;
SELECT '{steal 1:1@[,) at 2026-01-15}'::lines;
SELECT '{earn 1:1@[,) at 2026-01-15 rule}'::lines;
SELECT '{earn 1:1@[,) at 2026-01-15} '::lines;
SELECT '{earn 1:1@[,) at 2026-01-15}}'::lines;
SELECT '{earn 0:1@[,) at 2026-01-15}'::lines;
SELECT '{earn 1:1@[,) at 2026-01-15 rule 2147483648}'::lines;

-- a journal
CREATE TABLE journal (member integer, first_entry bigint, lines lines, PRIMARY KEY (member, first_entry));
ALTER TABLE journal ALTER COLUMN lines SET STORAGE MAIN;
INSERT INTO journal VALUES
	(1, 1, '{earn 1:100@[2026-01-15,2027-02-01) at 2026-01-15 rule 1,earn 2:10@[2026-01-15,activity) at 2026-01-15 rule 2}'),
	(1, 3, '{revoke 1:-30@[2026-01-15,2027-02-01) at 2026-01-20 rule 1 lapsed 5,repay 1:7@[,) at 2026-01-20}'),
	(2, 1, '{hold 70000:-1@[2026-01-15,2027-02-01) at 2026-01-15}'),
	(2, 2, NULL), (3, 1, '{}');
SELECT member, first_entry + l.line - 1 AS entry_no, l.* FROM journal CROSS JOIN LATERAL lines_unnest_1(lines) l WHERE member = 1 ORDER BY 1, 2;
SELECT l.kind, l.points FROM lines_unnest_1('{transfer 1:5@[,) at 2026-01-15}') l;
SELECT member, first_entry, lines_count_1(lines), lines_has_rule_1(lines, 2), lines_has_unit_1(lines, 2::smallint), lines_has_unit_1(lines, 3::smallint) FROM journal ORDER BY 1, 2;
SELECT member, lots_agg(lines) FROM journal GROUP BY member ORDER BY member;
SELECT lots_agg(lines) FROM journal WHERE false;
SELECT member, first_entry, lines_points_1(lines, 1::smallint, (1 << 1) | (1 << 2)), lines_points_1(lines, 2::smallint, 1 << 1), lines_points_1(lines, 1::smallint, 1 << 10) FROM journal ORDER BY 1, 2;
SELECT (lines_unnest_1(lines)).points FROM journal;

-- many lines in one value; in parallel
SELECT lines_count_1(l), length(l::text), octet_length(lines_send(l)) FROM (SELECT ('{' || string_agg(format('expire 1:-%s@[2025-01-%s,2026-01-%s) at 2026-01-%s', i, i, i, i), ',') || '}')::lines AS l FROM generate_series(10, 28) i) t;
INSERT INTO journal SELECT 10 + i % 10, i, format('{earn %s:%s@[2026-01-15,2027-02-01) at 2026-01-15 rule 1,earn 1:1@[2026-01-16,2027-02-01) at 2026-01-16}', 1 + i % 3, i)::lines FROM generate_series(1, 3000) i;
ANALYZE journal;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT lots_agg(lines), sum(lines_count_1(lines)) FROM journal;
SELECT lots_agg(lines), sum(lines_count_1(lines)) FROM journal WHERE member >= 10;
SELECT lots_agg(l.unit_no, l.points, l.active_from, l.expires_at), count(*) FROM journal CROSS JOIN LATERAL lines_unnest_1(lines) l WHERE member >= 10;

-- binary format: the bytes, which stay as they are, and what is malformed
SELECT encode(lines_send(lines), 'hex') FROM journal WHERE member < 10 ORDER BY member, first_entry;
\copy journal TO 'results/journal.bin' (FORMAT binary)
CREATE TABLE again (LIKE journal);
\copy again FROM 'results/journal.bin' (FORMAT binary)
SELECT count(*) FROM journal j JOIN again a USING (member, first_entry) WHERE j.lines::text IS NOT DISTINCT FROM a.lines::text;
CREATE TABLE tried (v lines);
COPY (SELECT '\x01215a0a'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
SELECT * FROM tried;
-- empty
COPY (SELECT '\x'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- another version
COPY (SELECT '\x02215a0a'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- unknown kind
COPY (SELECT '\x012c5a0a'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- too short
COPY (SELECT '\x01215a'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- a number without end
COPY (SELECT '\x01215affffffffffffffffffff01'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
SELECT count(*) FROM tried;
DROP TABLE journal, again, tried;
