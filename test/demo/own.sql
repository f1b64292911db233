-- The tables that sales of one's own are loaded into.
CREATE SCHEMA shop;

-- a number as people write it: 12.50, 12,50, 1.234,50, -£12
CREATE FUNCTION shop.number(written text) RETURNS numeric IMMUTABLE PARALLEL SAFE LANGUAGE sql AS $$
	SELECT CASE
		WHEN written ~ '^-?[0-9]+(\.[0-9]+)?$' THEN written::numeric
		WHEN digits ~ ',[0-9]{1,2}$' THEN translate(digits, ',.', '.')::numeric
		ELSE nullif(replace(digits, ',', ''), '')::numeric
	END
	FROM (SELECT regexp_replace(written, '[^0-9.,eE-]', '', 'g')) AS n(digits)
$$;

CREATE TABLE shop.sales (
	line		bigint PRIMARY KEY,
	order_id	text NOT NULL,
	customer_id	text,
	item		text,
	sold_at		timestamptz NOT NULL,
	amount		numeric NOT NULL
);
CREATE INDEX ON shop.sales (order_id);
COMMENT ON TABLE shop.sales IS 'The lines of the file; several may be one order';
CREATE TABLE shop.refunds (
	refund_id	bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	order_id	text NOT NULL,
	amount		numeric NOT NULL,
	refunded_at	timestamptz NOT NULL
);
CREATE INDEX ON shop.refunds (order_id);
COMMENT ON TABLE shop.refunds IS 'What a line with a negative amount takes back of an earlier order';

CREATE SCHEMA file;
COMMENT ON SCHEMA file IS 'The file as it is, and as it is understood, before it becomes the shop''s tables';
CREATE UNLOGGED TABLE file.sales (LIKE shop.sales);
CREATE UNLOGGED TABLE file.refunds (order_id text, amount numeric, refunded_at timestamptz);
