/* -------- codes -------- */

CREATE TABLE @program@.voucher_pool (
	name			text NOT NULL PRIMARY KEY CONSTRAINT "name must not be empty" CHECK (name <> ''),
	pool_no			integer NOT NULL GENERATED ALWAYS AS IDENTITY UNIQUE,
	gives			text NOT NULL CONSTRAINT "gives must be one of those that its comment lists" CHECK (gives IN ('amount', 'percent', 'product', 'points', 'shipping', 'balance', 'custom')),
	value			numeric CONSTRAINT "value must be more than 0, or 0 for blank cards" CHECK (value > 0 OR (value = 0 AND gives = 'balance')),
	ceiling			numeric CONSTRAINT "ceiling must be more than 0" CHECK (ceiling > 0),
	unit			text REFERENCES @program@.unit (name) ON UPDATE CASCADE,
	product			text,
	min_amount		numeric CONSTRAINT "min_amount must not be negative" CHECK (min_amount >= 0),
	uses			integer DEFAULT 1 CONSTRAINT "uses must be at least 1" CHECK (uses > 0),
	uses_per_member	integer CONSTRAINT "uses_per_member must be at least 1" CHECK (uses_per_member > 0),
	personal		boolean NOT NULL DEFAULT true,
	valid			tstzrange NOT NULL DEFAULT '(,)' CONSTRAINT "valid must not be empty" CHECK (NOT isempty(valid)),
	expires			loyalty.period NOT NULL DEFAULT 'never',
	reserve_for		interval NOT NULL DEFAULT '15 minutes' CONSTRAINT "reserve_for must be longer than nothing" CHECK (reserve_for > '0'),
	supply			text NOT NULL DEFAULT 'stock' CONSTRAINT "supply must be stock or endless" CHECK (supply IN ('stock', 'endless')),
	prefix			text NOT NULL DEFAULT '',
	length			smallint NOT NULL DEFAULT 12 CONSTRAINT "length must be 6 to 32" CHECK (length BETWEEN 6 AND 32),
	attributes		jsonb NOT NULL DEFAULT '{}' CONSTRAINT "attributes must be a JSON object" CHECK (jsonb_typeof(attributes) = 'object'),
	enabled			boolean NOT NULL DEFAULT true
);

/* what is fixed first, what few codes have last */
CREATE TABLE @program@.voucher (
	operation_no	bigint NOT NULL,
	pool_no			integer NOT NULL,
	uses			integer NOT NULL DEFAULT 0,
	in_stock		boolean NOT NULL DEFAULT true,
	code			text COLLATE "C" NOT NULL PRIMARY KEY,
	written			text,
	value			numeric,
	spent			numeric,
	added			numeric,
	valid_from		timestamptz,
	valid_until		timestamptz,
	member_id		@member_column@,
	given_at		timestamptz,
	redemption_no	bigint,
	reserved_until	timestamptz,
	voided_at		timestamptz,
	voided_by		bigint,
	held_for		bigint,
	held_until		timestamptz
);
CREATE INDEX voucher_stock ON @program@.voucher (pool_no, held_until) WHERE in_stock;
CREATE INDEX voucher_held ON @program@.voucher (held_for) WHERE held_for IS NOT NULL;
CREATE INDEX voucher_member ON @program@.voucher (member_id) WHERE member_id IS NOT NULL;
CREATE INDEX voucher_redemption ON @program@.voucher (redemption_no) WHERE redemption_no IS NOT NULL;

CREATE TABLE @program@.voucher_use (
	operation_no	bigint NOT NULL PRIMARY KEY,
	pool_no			integer NOT NULL,
	source_no		integer,
	made_at			timestamptz NOT NULL,
	code			text COLLATE "C" NOT NULL,
	state			text NOT NULL CHECK (state IN ('reserved', 'redeemed', 'used', 'released', 'cancelled', 'given', 'topped up')),
	member_id		@member_column@,
	reference		text,
	amount			numeric,
	discount		numeric,
	points			numeric,
	returned		numeric,
	reserved_until	timestamptz,
	closed_at		timestamptz,
	reservation		bigint
);
CREATE INDEX voucher_use_reserved ON @program@.voucher_use (code, reserved_until) WHERE state = 'reserved';
CREATE INDEX voucher_use_deadline ON @program@.voucher_use (reserved_until, code) WHERE state = 'reserved';
CREATE INDEX voucher_use_member ON @program@.voucher_use (member_id, pool_no) WHERE member_id IS NOT NULL;

CREATE TABLE @program@.voucher_attempt (
	member_id		@member_column@ NOT NULL PRIMARY KEY,
	window_start	timestamptz NOT NULL,
	failures		integer NOT NULL,
	total			bigint NOT NULL,
	last_at			timestamptz NOT NULL,
	last_sqlstate	text NOT NULL
) WITH (fillfactor = 50);

CREATE TRIGGER voucher_pool_check BEFORE INSERT OR UPDATE OR DELETE ON @program@.voucher_pool
	FOR EACH ROW EXECUTE FUNCTION loyalty.voucher_pool_check_1();
CREATE TRIGGER voucher_pool_no_truncate BEFORE TRUNCATE ON @program@.voucher_pool
	FOR EACH STATEMENT EXECUTE FUNCTION loyalty.truncate_guard_1();
CREATE TRIGGER voucher_no_truncate BEFORE TRUNCATE ON @program@.voucher
	FOR EACH STATEMENT EXECUTE FUNCTION loyalty.truncate_guard_1();
CREATE TRIGGER voucher_use_no_truncate BEFORE TRUNCATE ON @program@.voucher_use
	FOR EACH STATEMENT EXECUTE FUNCTION loyalty.truncate_guard_1();
