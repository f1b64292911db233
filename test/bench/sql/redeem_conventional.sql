-- Redeeming as a shop writes it: account row, ledger whose lines are the lots,
-- redemptions, stock; and the best function first-expiring-first we know of.
-- Variables: members.
CREATE SCHEMA conv;
CREATE TABLE conv.account (member_id bigint PRIMARY KEY, points bigint NOT NULL, last_entry bigint NOT NULL, changed_at timestamptz NOT NULL) WITH (fillfactor = 50);
CREATE TABLE conv.ledger (
	member_id bigint NOT NULL, entry_no bigint NOT NULL, kind smallint NOT NULL, points bigint NOT NULL, remaining bigint NOT NULL,
	posted_at timestamptz NOT NULL, expires_at timestamptz, redemption bigint, PRIMARY KEY (member_id, entry_no)) WITH (fillfactor = 90);
CREATE TABLE conv.reward (reward_id integer PRIMARY KEY, price bigint NOT NULL, max_per_member bigint);
CREATE TABLE conv.stock (reward_id integer PRIMARY KEY, available bigint NOT NULL) WITH (fillfactor = 20);
CREATE TABLE conv.redemption (
	redemption_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, member_id bigint NOT NULL, reward_id integer NOT NULL,
	points bigint NOT NULL, redeemed_at timestamptz NOT NULL, status smallint NOT NULL DEFAULT 0, code text);

INSERT INTO conv.account SELECT m, 20000, 20, now() FROM generate_series(1, :members) m;
INSERT INTO conv.ledger SELECT m, e, 1, 1000, 1000, now(), now() + e * interval '20 days' FROM generate_series(1, :members) m, generate_series(1, 20) e;
CREATE INDEX ON conv.ledger (member_id, expires_at) WHERE remaining > 0;
INSERT INTO conv.reward SELECT r, 10, NULL FROM generate_series(1, 20) r;
INSERT INTO conv.stock SELECT r, 1000000 FROM generate_series(1, 20) r;
CREATE INDEX ON conv.redemption (member_id, reward_id, redeemed_at);

CREATE FUNCTION conv.redeem(member bigint, reward integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	owner conv.account;
	price bigint;
	lot record;
	due bigint;
	id bigint;
BEGIN
	SELECT r.price INTO STRICT price FROM conv.reward r WHERE r.reward_id = reward;
	SELECT * INTO owner FROM conv.account a WHERE a.member_id = member FOR NO KEY UPDATE;
	IF NOT FOUND OR owner.points < price THEN
		RAISE EXCEPTION 'insufficient points';
	END IF;
	due := price;
	FOR lot IN SELECT l.entry_no, l.remaining FROM conv.ledger l WHERE l.member_id = member AND l.remaining > 0 AND l.expires_at > now() ORDER BY l.expires_at LOOP
		UPDATE conv.ledger l SET remaining = l.remaining - least(due, lot.remaining) WHERE l.member_id = member AND l.entry_no = lot.entry_no;
		due := due - least(due, lot.remaining);
		EXIT WHEN due = 0;
	END LOOP;
	IF due > 0 THEN
		RAISE EXCEPTION 'insufficient points';
	END IF;
	UPDATE conv.stock s SET available = s.available - 1 WHERE s.reward_id = reward AND s.available >= 1;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'out of stock';
	END IF;
	INSERT INTO conv.redemption (member_id, reward_id, points, redeemed_at) VALUES (member, reward, price, clock_timestamp()) RETURNING redemption_id INTO id;
	INSERT INTO conv.ledger VALUES (member, owner.last_entry + 1, 3, -price, 0, clock_timestamp(), NULL, id);
	UPDATE conv.account a SET points = a.points - price, last_entry = a.last_entry + 1, changed_at = clock_timestamp() WHERE a.member_id = member;
	RETURN id;
END
$$;
