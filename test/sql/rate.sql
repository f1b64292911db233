--
-- rate: what a rule pays
--
SET search_path = loyalty;
\set VERBOSITY sqlstate

-- text, good and bad
SELECT t AS input, t::rate, rate_kind(t::rate) FROM unnest(ARRAY['1 per 10', '1 per full 10', '5%', 'x2', '250',
	' 01.500 PER  Full 2.50 ', '5 %', 'X 1.25', '0', '0.000001%', '9223372036854.775807']) t;
SELECT ''::rate;
SELECT 'x'::rate;
SELECT '-1'::rate;
SELECT 'x-2'::rate;
SELECT '1 per'::rate;
SELECT '1 per -1'::rate;
SELECT '1per 10'::rate;
SELECT '1 per fully 10'::rate;
SELECT '5%%'::rate;
SELECT 'x5%'::rate;
SELECT '0.0000001'::rate;
SELECT '1 per 0'::rate;
SELECT '1 per full 0.0'::rate;
SELECT 'x9223372036854.775808'::rate;
\set VERBOSITY default
SELECT 'one per ten'::rate;
SELECT '1 per 0'::rate;
\set VERBOSITY sqlstate

-- text becomes a rate on assignment, as drivers send it
CREATE TEMP TABLE assigned (r rate);
INSERT INTO assigned VALUES ('x2'), ('x3'::text), ('5%'::varchar);
PREPARE with_text (text) AS INSERT INTO assigned VALUES ($1);
EXECUTE with_text ('1 per 10');
EXECUTE with_text ('1 for 10');
SELECT r, r::text AS text FROM assigned ORDER BY 1;
DROP TABLE assigned;

-- order: by kind, then by worth; linear rates of one ratio are equal
SELECT r FROM unnest('{250,x2,x1.25,5%,0%,1 per 10,2 per 20,1 per 3,2 per full 20,1 per full 10}'::rate[]) r
	ORDER BY r, r::text;
SELECT a, b, a < b AS lt, a <= b AS le, a = b AS eq, a <> b AS ne, a >= b AS ge, a > b AS gt,
	rate_cmp(a, b) AS cmp, (rate_hash(a) = rate_hash(b)) AS hash,
	(rate_hash_extended(a, 7) = rate_hash_extended(b, 7)) AS extended
FROM (VALUES (rate '1 per 10', rate '2 per 20'), ('0 per 1', '0 per 2'), ('1 per full 10', '2 per full 20'),
	('1 per 10', '10%'), ('x2', '2'), ('1 per 3', '0.333333 per 1'), ('5%', '5.0%')) v(a, b);
SELECT rate_hash_extended(r, 0)::bit(32) = rate_hash(r)::bit(32) AS compatible,
	rate_hash_extended(r, 0) = rate_hash_extended(r, 1) AS seedless
FROM (VALUES (rate '1 per 10')) v(r);
