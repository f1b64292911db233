--
-- bad input is refused without an error being thrown, on servers that can do so
--
SET search_path = loyalty;
CREATE FUNCTION pg_temp.refusal(type text, value text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	code text;
BEGIN
	IF current_setting('server_version_num')::integer >= 160000 THEN
		EXECUTE 'SELECT sql_error_code FROM pg_input_error_info($1, $2)' INTO code USING value, type;
	ELSE
		BEGIN
			EXECUTE format('SELECT %L::%s', value, type);
		EXCEPTION WHEN OTHERS THEN
			code := SQLSTATE;
		END;
	END IF;
	RETURN coalesce(code, 'none');
END $$;
SELECT type, value, pg_temp.refusal(type, value) FROM (VALUES
	('points', '1.5'), ('points', '1.00001'), ('points', '1000000000000000'),
	('rate', '1 per 10'), ('rate', '1 for 10'), ('rate', '1 per 0'),
	('period', '1 year'), ('period', '1 yard'), ('period', '9999999999 years'),
	('lots', '{1:1@[,)}'), ('lots', '{1:1@[,]}'), ('lots', '{0:1@[,)}'),
	('lots', '{1:922337203685477.5807@[,),1:1@[,)}'),
	('lines', '{earn 1:1@[,) at 2026-01-15}'), ('lines', '{earn 1:1@[,)}'), ('lines', '{earn 0:1@[,) at 2026-01-15}')) v(type, value);
