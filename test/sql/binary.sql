--
-- binary format: out and in again, and the bytes themselves
--
SET search_path = loyalty, public;
CREATE TABLE typed (i serial, points points, rate rate, period period, lots lots);
INSERT INTO typed (points, rate, period, lots) VALUES
	('12.5', '1 per 10', '12 months to end of month', '{1:250@[2026-01-15,2027-02-01),2:-3@[,)}'),
	('-922337203685477.5808', '1.5 per full 2.5', '1 year 2 months 3 days 4.000005 seconds', '{}'),
	('922337203685477.5807', '5%', 'never', '{1:1@[,activity)}'),
	('0', 'x1.25', 'immediately', '{1:0.0001@[0044-03-15 BC,294276-12-31)}'),
	(NULL, '250', '6 months since last activity', NULL);
INSERT INTO typed (lots) SELECT lots_agg(1, '1', timestamptz '2026-01-01' + i * interval '1 day', 'infinity') FROM generate_series(1, 3000) i;
\copy typed TO 'results/typed.bin' (FORMAT binary)
CREATE TABLE again (LIKE typed);
\copy again FROM 'results/typed.bin' (FORMAT binary)
SELECT count(*) FROM typed t JOIN again a ON t.i = a.i
	AND (t.points, t.rate::text, t.period, t.lots) IS NOT DISTINCT FROM (a.points, a.rate::text, a.period, a.lots);
-- text, too
\copy typed TO 'results/typed.txt'
CREATE TABLE from_text (LIKE typed);
\copy from_text FROM 'results/typed.txt'
SELECT count(*) FROM typed t JOIN from_text a ON t.i = a.i
	AND (t.points, t.rate::text, t.period, t.lots) IS NOT DISTINCT FROM (a.points, a.rate::text, a.period, a.lots);

-- the bytes, which stay as they are
SELECT encode(points_send(points), 'hex'), encode(rate_send(rate), 'hex'), encode(period_send(period), 'hex') FROM typed WHERE i <= 5 ORDER BY i;
SELECT i, encode(lots_send(lots), 'hex') FROM typed WHERE i <= 5 ORDER BY i;

-- Malformed bytes: a file of a column of bytea is also one of any other type.
\set VERBOSITY sqlstate
CREATE TABLE tried (v points);
-- points: 12.5
COPY (SELECT '\x000000000001e848'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- points: too short
COPY (SELECT '\x0001e848'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- points: too long
COPY (SELECT '\x000000000001e84800'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
SELECT * FROM tried;
DROP TABLE tried;
CREATE TABLE tried (v rate);
-- rate: good: 1 per 10
COPY (SELECT '\x010100000000000f42400000000000989680'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- rate: good: x1.25
COPY (SELECT '\x010400000000001312d00000000000000000'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- rate: another version
COPY (SELECT '\x020400000000001312d00000000000000000'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- rate: no kind
COPY (SELECT '\x010000000000001312d00000000000000000'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- rate: unknown kind
COPY (SELECT '\x010600000000001312d00000000000000000'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- rate: negative
COPY (SELECT '\x0104ffffffffffffffff0000000000000000'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- rate: an amount that the kind has not
COPY (SELECT '\x010400000000001312d00000000000000001'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- rate: no amount
COPY (SELECT '\x010100000000001312d00000000000000000'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- rate: negative amount
COPY (SELECT '\x010100000000001312d0ffffffffffffffff'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- rate: too short
COPY (SELECT '\x010100000000001312d0'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- rate: too long
COPY (SELECT '\x010400000000001312d0000000000000000000'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- rate: only a version
COPY (SELECT '\x01'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
SELECT * FROM tried;
DROP TABLE tried;
CREATE TABLE tried (v period);
-- period: good: 12 months to end of month
COPY (SELECT '\x0101030000000c000000000000000000000000'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- period: good: never
COPY (SELECT '\x01020000000000000000000000000000000000'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- period: good: immediately
COPY (SELECT '\x01030000000000000000000000000000000000'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- period: another version
COPY (SELECT '\x0201030000000c000000000000000000000000'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- period: no kind
COPY (SELECT '\x0100030000000c000000000000000000000000'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- period: unknown kind
COPY (SELECT '\x0105030000000c000000000000000000000000'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- period: to end of ever
COPY (SELECT '\x0101060000000c000000000000000000000000'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- period: negative months
COPY (SELECT '\x010103ffffffff000000000000000000000000'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- period: negative days
COPY (SELECT '\x01010000000000ffffffff0000000000000000'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- period: negative time
COPY (SELECT '\x0101000000000000000000ffffffffffffffff'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- period: no length
COPY (SELECT '\x01010000000000000000000000000000000000'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- period: never, to end of month
COPY (SELECT '\x01020300000000000000000000000000000000'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- period: never, of some length
COPY (SELECT '\x01020000000000000100000000000000000000'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- period: too short
COPY (SELECT '\x0101030000000c0000000000000000000000'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- period: too long
COPY (SELECT '\x0101030000000c00000000000000000000000000'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
SELECT * FROM tried;
DROP TABLE tried;
CREATE TABLE tried (v lots);
-- lots: good: nothing
COPY (SELECT '\x0100000000'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- lots: good: one piece
COPY (SELECT '\x010000000100000001000000000000271080000000000000007fffffffffffffff'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- lots: good: two
COPY (SELECT '\x010000000200000001000000000000271080000000000000007fffffffffffffff00000002000000000000271080000000000000007fffffffffffffff'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- lots: wrong order
COPY (SELECT '\x010000000200000002000000000000271080000000000000007fffffffffffffff00000001000000000000271080000000000000007fffffffffffffff'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- lots: the same twice
COPY (SELECT '\x010000000200000001000000000000271080000000000000007fffffffffffffff00000001000000000000271080000000000000007fffffffffffffff'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- lots: no points
COPY (SELECT '\x010000000100000001000000000000000080000000000000007fffffffffffffff'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- lots: no unit
COPY (SELECT '\x010000000100000000000000000000271080000000000000007fffffffffffffff'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- lots: negative unit
COPY (SELECT '\x0100000001ffffffff000000000000271080000000000000007fffffffffffffff'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- lots: starts at infinity
COPY (SELECT '\x01000000010000000100000000000027107fffffffffffffff7fffffffffffffff'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- lots: ends beyond the timestamps
COPY (SELECT '\x010000000100000001000000000000271080000000000000007ffffffffffffffd'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- lots: ends at minus infinity
COPY (SELECT '\x010000000100000001000000000000271080000000000000008000000000000000'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- lots: never valid
COPY (SELECT '\x0100000001000000010000000000002710000000000000000a000000000000000a'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- lots: another version
COPY (SELECT '\x020000000000'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- lots: negative count
COPY (SELECT '\x01ffffffff'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- lots: great count
COPY (SELECT '\x017fffffff'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- lots: one piece fewer than counted
COPY (SELECT '\x010000000200000001000000000000271080000000000000007fffffffffffffff'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- lots: one piece more than counted
COPY (SELECT '\x010000000000000001000000000000271080000000000000007fffffffffffffff'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- lots: too long
COPY (SELECT '\x0100000000000000010000000000002710'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- lots: too short
COPY (SELECT '\x01000000'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
-- lots: only a version
COPY (SELECT '\x01'::bytea) TO STDOUT (FORMAT binary) \g results/try.bin
\copy tried FROM results/try.bin (FORMAT binary)
SELECT * FROM tried;
DROP TABLE tried;
DROP TABLE typed, again, from_text;
