/* a competent row-level trigger */
CREATE FUNCTION conv.earn_row() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	v_month		date := date_trunc('month', NEW.placed_at AT TIME ZONE 'Europe/Warsaw')::date;
	v_weekend	boolean := extract(isodow FROM NEW.placed_at AT TIME ZONE 'Europe/Warsaw') >= 6;
	v_points	bigint := floor(NEW.amount * CASE WHEN v_weekend THEN 2 ELSE 1 END);
	v_status	bigint := floor(NEW.amount);
	v_bonus		bigint := 0;
	v_used		bigint;
	a			conv.account;
BEGIN
	SELECT * INTO a FROM conv.account WHERE member_id = NEW.customer_id FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		INSERT INTO conv.account (member_id) VALUES (NEW.customer_id) ON CONFLICT DO NOTHING;
		SELECT * INTO a FROM conv.account WHERE member_id = NEW.customer_id FOR NO KEY UPDATE;
	END IF;

	IF NEW.category <= 2 THEN
		IF v_month = a.bonus_month THEN
			v_used := a.bonus_used;
		ELSIF v_month > a.bonus_month THEN
			v_used := 0;
		ELSE
			SELECT coalesce(sum(bonus), 0) INTO v_used FROM conv.ledger
			WHERE member_id = NEW.customer_id AND unit = 1
				AND occurred_at >= v_month::timestamp AT TIME ZONE 'Europe/Warsaw'
				AND occurred_at < (v_month + interval '1 month') AT TIME ZONE 'Europe/Warsaw';
		END IF;
		v_bonus := least(25, 60 - v_used);
		IF v_month >= a.bonus_month THEN
			a.bonus_month := v_month;
			a.bonus_used := v_used + v_bonus;
		END IF;
	END IF;

	UPDATE conv.account SET points = a.points + v_points + v_bonus, status = a.status + v_status,
		bonus_month = a.bonus_month, bonus_used = a.bonus_used
	WHERE member_id = NEW.customer_id;

	INSERT INTO conv.ledger (member_id, purchase_id, occurred_at, expires_at, points, remaining, bonus, unit, rule)
	VALUES (NEW.customer_id, NEW.id, NEW.placed_at,
			(date_trunc('month', NEW.placed_at AT TIME ZONE 'Europe/Warsaw' + interval '12 months') + interval '1 month')
				AT TIME ZONE 'Europe/Warsaw',
			v_points + v_bonus, v_points + v_bonus, v_bonus, 1, 1),
		(NEW.customer_id, NEW.id, NEW.placed_at,
			(NEW.placed_at AT TIME ZONE 'Europe/Warsaw' + interval '12 months') AT TIME ZONE 'Europe/Warsaw',
			v_status, v_status, 0, 2, 4);
	RETURN NULL;
END $$;

CREATE TRIGGER earn AFTER INSERT ON shop.purchase
	FOR EACH ROW EXECUTE FUNCTION conv.earn_row();
