/*
 * What points buy, and who bought what.
 */

CREATE TABLE @program@.choice_set (
	name			text NOT NULL PRIMARY KEY CONSTRAINT "name must not be empty" CHECK (name <> ''),
	choose			integer NOT NULL DEFAULT 1 CONSTRAINT "choose must be at least 1" CHECK (choose > 0),
	cap_period		text NOT NULL DEFAULT 'ever' CONSTRAINT "cap_period must be day, week, month, quarter, year or ever" CHECK (cap_period IN ('day', 'week', 'month', 'quarter', 'year', 'ever'))
);
COMMENT ON TABLE @program@.choice_set IS 'Rewards of which a member may take only so many: one of several';
COMMENT ON COLUMN @program@.choice_set.name IS 'Name of the set; may be changed';
COMMENT ON COLUMN @program@.choice_set.choose IS 'How many pieces of all its rewards together a member may take';
COMMENT ON COLUMN @program@.choice_set.cap_period IS 'In which span of the calendar: day, week, month, quarter, year, or ever';

CREATE TABLE @program@.reward (
	name			text NOT NULL PRIMARY KEY CONSTRAINT "name must not be empty" CHECK (name <> ''),
	reward_no		integer NOT NULL GENERATED ALWAYS AS IDENTITY UNIQUE,
	kind			text NOT NULL DEFAULT 'custom' CONSTRAINT "kind must be one of those that its comment lists" CHECK (kind IN ('product', 'discount', 'gift_card', 'voucher', 'experience', 'donation', 'shipping', 'custom')),
	stock			bigint,
	max_per_member	integer,
	cap_period		text CONSTRAINT "cap_period must be day, week, month, quarter, year or ever" CHECK (cap_period IN ('day', 'week', 'month', 'quarter', 'year', 'ever')),
	choice_set		text,
	valid			tstzrange NOT NULL DEFAULT '(,)',
	early_access	text,
	tiers			text[],
	condition		text,
	hold_for		interval NOT NULL DEFAULT '15 minutes',
	priority		integer NOT NULL DEFAULT 0,
	auto_redeem		boolean NOT NULL DEFAULT false,
	max_auto		integer NOT NULL DEFAULT 1,
	pool			text REFERENCES @program@.voucher_pool (name) ON UPDATE CASCADE,
	code_valid		loyalty.period,
	cause			text,
	cost			numeric,
	attributes		jsonb NOT NULL DEFAULT '{}',
	enabled			boolean NOT NULL DEFAULT true,
	pin				regclass
);
COMMENT ON TABLE @program@.reward IS 'Something that points buy';
COMMENT ON COLUMN @program@.reward.name IS 'Name of the reward; may be changed';
COMMENT ON COLUMN @program@.reward.reward_no IS 'Its number in redemptions; never changes';
COMMENT ON COLUMN @program@.reward.kind IS 'What sort of thing it is: product, discount, gift_card, voucher, experience, donation, shipping or custom';
COMMENT ON COLUMN @program@.reward.stock IS 'How many pieces can be redeemed in all, those redeemed so far included; NULL: any number';
COMMENT ON COLUMN @program@.reward.max_per_member IS 'How many pieces a member may have in a cap_period';
COMMENT ON COLUMN @program@.reward.cap_period IS 'The span of the calendar of max_per_member: day, week, month, quarter, year, or ever';
COMMENT ON COLUMN @program@.reward.choice_set IS 'The set of rewards of which members choose, and this is one';
COMMENT ON COLUMN @program@.reward.valid IS 'When it is on offer';
COMMENT ON COLUMN @program@.reward.early_access IS 'Expression over member.* of type interval: how much earlier than valid it opens for a member; NULL: for nobody';
COMMENT ON COLUMN @program@.reward.tiers IS 'The tiers whose members may have it; NULL: everybody';
COMMENT ON COLUMN @program@.reward.condition IS 'Expression over member.*: who may have it; NULL: everybody';
COMMENT ON COLUMN @program@.reward.hold_for IS 'How long it is set aside by hold_reward(), unless that says so';
COMMENT ON COLUMN @program@.reward.priority IS 'Which of several automatic rewards goes first: the higher';
COMMENT ON COLUMN @program@.reward.auto_redeem IS 'Whether members get it by themselves as soon as they can afford it';
COMMENT ON COLUMN @program@.reward.max_auto IS 'How many pieces at a time, if so';
COMMENT ON COLUMN @program@.reward.pool IS 'The pool that codes for its redemptions are taken from';
COMMENT ON COLUMN @program@.reward.code_valid IS 'How long what was redeemed can be used, from then on: 6 months, to end of year, ...; NULL: for ever';
COMMENT ON COLUMN @program@.reward.cause IS 'What a donation is for';
COMMENT ON COLUMN @program@.reward.cost IS 'What one piece costs the business, in the program''s currency';
COMMENT ON COLUMN @program@.reward.attributes IS 'Whatever the application wants to know of it: pictures, texts, articles';
COMMENT ON COLUMN @program@.reward.enabled IS 'Whether it can be redeemed';
COMMENT ON COLUMN @program@.reward.pin IS 'View that holds its expressions as the server understood them; written by the program';

CREATE TABLE @program@.reward_price (
	reward			text NOT NULL REFERENCES @program@.reward (name) ON UPDATE CASCADE ON DELETE CASCADE,
	name			text NOT NULL DEFAULT 'standard' CONSTRAINT "name must not be empty" CHECK (name <> ''),
	unit			text NOT NULL DEFAULT 'points' REFERENCES @program@.unit (name) ON UPDATE CASCADE,
	points			numeric NOT NULL,
	money			numeric,
	tiers			text[],
	PRIMARY KEY (reward, name)
);
COMMENT ON TABLE @program@.reward_price IS 'What a reward costs; one with several prices can be had for any of them that applies';
COMMENT ON COLUMN @program@.reward_price.reward IS 'The reward';
COMMENT ON COLUMN @program@.reward_price.name IS 'Name of the price, by which redeem() chooses one';
COMMENT ON COLUMN @program@.reward_price.unit IS 'The unit it is paid in';
COMMENT ON COLUMN @program@.reward_price.points IS 'How many of that, for one piece';
COMMENT ON COLUMN @program@.reward_price.money IS 'What is to be paid beside, in the program''s currency; NULL: nothing. It is recorded, not collected';
COMMENT ON COLUMN @program@.reward_price.tiers IS 'The tiers whose members have this price; NULL: everybody';

CREATE TABLE @program@.reward_stock (
	reward_no		integer NOT NULL,
	slot			smallint NOT NULL,
	room			bigint NOT NULL,
	PRIMARY KEY (reward_no, slot)
) WITH (fillfactor = 20);
COMMENT ON TABLE @program@.reward_stock IS 'What is left of rewards with a stock, in parts, so that who redeems need not queue';
COMMENT ON COLUMN @program@.reward_stock.reward_no IS 'The reward';
COMMENT ON COLUMN @program@.reward_stock.slot IS 'Number of the part';
COMMENT ON COLUMN @program@.reward_stock.room IS 'Pieces left in it; what holds that have lapsed had set aside comes to that';

CREATE TABLE @program@.reward_sweep (
	reward_no		integer NOT NULL PRIMARY KEY,
	change_no		bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
	starts_at		timestamptz NOT NULL,
	after_member	@member_column@
);
COMMENT ON TABLE @program@.reward_sweep IS 'Automatic rewards that members may have been able to afford before they were there: book_due() goes through the members';
COMMENT ON COLUMN @program@.reward_sweep.reward_no IS 'The reward';
COMMENT ON COLUMN @program@.reward_sweep.change_no IS 'Number of the change of the reward, or its prices, that made it necessary';
COMMENT ON COLUMN @program@.reward_sweep.starts_at IS 'From when on: when the reward was changed, or opens';
COMMENT ON COLUMN @program@.reward_sweep.after_member IS 'The last member that was looked at; NULL: none so far';

CREATE TABLE @program@.redemption (
	redemption_no	bigint NOT NULL PRIMARY KEY,
	redeemed_at		timestamptz NOT NULL,
	held_until		timestamptz,
	valid_until		timestamptz,
	points			loyalty.points NOT NULL,
	reward_no		integer NOT NULL,
	quantity		integer NOT NULL,
	cancelled		integer NOT NULL DEFAULT 0,
	held_pool_no	integer,
	unit_no			smallint NOT NULL,
	stock_slot		smallint,
	automatic		boolean NOT NULL DEFAULT false,
	codes_held		boolean NOT NULL DEFAULT false,
	member_id		@member_column@ NOT NULL,
	price			text NOT NULL,
	money			numeric,
	code			text
) WITH (fillfactor = 90);
CREATE INDEX redemption_member ON @program@.redemption (member_id, reward_no, redeemed_at);
CREATE INDEX redemption_held_stock ON @program@.redemption (reward_no, held_until) WHERE stock_slot IS NOT NULL;
COMMENT ON TABLE @program@.redemption IS 'Who has redeemed, or set aside, which reward: written by redeem(), hold_reward(), capture(), release() and cancel()';
COMMENT ON COLUMN @program@.redemption.redemption_no IS 'Number of the redemption, which is that of its operation';
COMMENT ON COLUMN @program@.redemption.redeemed_at IS 'When it was redeemed or set aside';
COMMENT ON COLUMN @program@.redemption.held_until IS 'Only set aside, until then; NULL: redeemed';
COMMENT ON COLUMN @program@.redemption.valid_until IS 'Until when what was redeemed can be used; NULL: for ever';
COMMENT ON COLUMN @program@.redemption.points IS 'Price of one piece';
COMMENT ON COLUMN @program@.redemption.reward_no IS 'The reward';
COMMENT ON COLUMN @program@.redemption.quantity IS 'How many pieces; once captured, how many of those that were set aside';
COMMENT ON COLUMN @program@.redemption.cancelled IS 'How many of them were cancelled, or released';
COMMENT ON COLUMN @program@.redemption.held_pool_no IS 'The pool of codes that the reward had when it was set aside; NULL: none';
COMMENT ON COLUMN @program@.redemption.unit_no IS 'The unit of the price';
COMMENT ON COLUMN @program@.redemption.stock_slot IS 'Part of the stock that pieces that are only set aside return to';
COMMENT ON COLUMN @program@.redemption.automatic IS 'Whether it was redeemed by itself';
COMMENT ON COLUMN @program@.redemption.codes_held IS 'Whether codes of that pool were set aside with it; it was endless otherwise';
COMMENT ON COLUMN @program@.redemption.member_id IS 'The member';
COMMENT ON COLUMN @program@.redemption.price IS 'Name of the price';
COMMENT ON COLUMN @program@.redemption.money IS 'What was to be paid beside for one piece';
COMMENT ON COLUMN @program@.redemption.code IS 'The codes that were given for it, in the order in which they were drawn';

/* -------- bonuses that grow -------- */

CREATE TABLE @program@.bonus (
	bonus_no		bigint NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	member_id		@member_column@ NOT NULL,
	unit			text NOT NULL DEFAULT 'points' REFERENCES @program@.unit (name) ON UPDATE CASCADE,
	principal		numeric NOT NULL,
	step			numeric NOT NULL DEFAULT 0,
	every			loyalty.period NOT NULL DEFAULT '1 month',
	max_growth		numeric,
	offered_at		timestamptz NOT NULL,
	ends_at			timestamptz,
	reason			text NOT NULL,
	claimed_by		bigint
);
CREATE INDEX bonus_member ON @program@.bonus (member_id);
COMMENT ON TABLE @program@.bonus IS 'Offers of points to a member that are worth more the longer they are not claimed';
COMMENT ON COLUMN @program@.bonus.bonus_no IS 'Number of the offer';
COMMENT ON COLUMN @program@.bonus.member_id IS 'The member';
COMMENT ON COLUMN @program@.bonus.unit IS 'The unit it pays';
COMMENT ON COLUMN @program@.bonus.principal IS 'What it is worth to begin with';
COMMENT ON COLUMN @program@.bonus.step IS 'By how much it grows each time';
COMMENT ON COLUMN @program@.bonus.every IS 'After how long each time: 1 month, 14 days, ...; only full ones count';
COMMENT ON COLUMN @program@.bonus.max_growth IS 'By how much it grows at most; NULL: without end';
COMMENT ON COLUMN @program@.bonus.offered_at IS 'From when it can be claimed and grows; by default when it is written';
COMMENT ON COLUMN @program@.bonus.ends_at IS 'Until when it can be claimed; NULL: for ever';
COMMENT ON COLUMN @program@.bonus.reason IS 'What it is for; it is shown in the member''s statement';
COMMENT ON COLUMN @program@.bonus.claimed_by IS 'Number of the operation that claimed it; NULL: none. Written by claim()';

/* -------- checks, and telling every backend -------- */

CREATE TRIGGER choice_set_check BEFORE INSERT OR UPDATE OR DELETE ON @program@.choice_set
	FOR EACH ROW EXECUTE FUNCTION loyalty.choice_set_check_1();
CREATE TRIGGER reward_check BEFORE INSERT OR UPDATE OR DELETE ON @program@.reward
	FOR EACH ROW EXECUTE FUNCTION loyalty.reward_check_1();
CREATE TRIGGER reward_changed AFTER INSERT OR UPDATE OR DELETE ON @program@.reward
	FOR EACH ROW EXECUTE FUNCTION loyalty.reward_changed_1();
CREATE TRIGGER reward_price_check BEFORE INSERT OR UPDATE OR DELETE ON @program@.reward_price
	FOR EACH ROW EXECUTE FUNCTION loyalty.reward_price_check_1();
CREATE TRIGGER reward_price_changed AFTER INSERT OR UPDATE OR DELETE ON @program@.reward_price
	FOR EACH ROW EXECUTE FUNCTION loyalty.reward_price_changed_1();
CREATE TRIGGER choice_set_changed AFTER INSERT OR UPDATE OR DELETE ON @program@.choice_set
	FOR EACH ROW EXECUTE FUNCTION loyalty.choice_set_changed_1();
CREATE TRIGGER bonus_check BEFORE INSERT OR UPDATE OR DELETE ON @program@.bonus
	FOR EACH ROW EXECUTE FUNCTION loyalty.bonus_check_1();

ALTER TABLE @program@.reward ADD FOREIGN KEY (choice_set) REFERENCES @program@.choice_set (name) ON UPDATE CASCADE;

CREATE TRIGGER choice_set_invalidate AFTER INSERT OR UPDATE OR DELETE ON @program@.choice_set
	FOR EACH ROW EXECUTE FUNCTION loyalty.config_invalidate_1();
ALTER TABLE @program@.choice_set ENABLE ALWAYS TRIGGER choice_set_invalidate;
CREATE TRIGGER reward_invalidate AFTER INSERT OR UPDATE OR DELETE ON @program@.reward
	FOR EACH ROW EXECUTE FUNCTION loyalty.config_invalidate_1();
ALTER TABLE @program@.reward ENABLE ALWAYS TRIGGER reward_invalidate;
CREATE TRIGGER reward_price_invalidate AFTER INSERT OR UPDATE OR DELETE ON @program@.reward_price
	FOR EACH ROW EXECUTE FUNCTION loyalty.config_invalidate_1();
ALTER TABLE @program@.reward_price ENABLE ALWAYS TRIGGER reward_price_invalidate;
CREATE TRIGGER reward_sweep_invalidate AFTER INSERT ON @program@.reward_sweep
	FOR EACH ROW EXECUTE FUNCTION loyalty.config_invalidate_1();
ALTER TABLE @program@.reward_sweep ENABLE ALWAYS TRIGGER reward_sweep_invalidate;

CREATE TRIGGER choice_set_no_truncate BEFORE TRUNCATE ON @program@.choice_set
	FOR EACH STATEMENT EXECUTE FUNCTION loyalty.truncate_guard_1();
CREATE TRIGGER reward_no_truncate BEFORE TRUNCATE ON @program@.reward
	FOR EACH STATEMENT EXECUTE FUNCTION loyalty.truncate_guard_1();
CREATE TRIGGER reward_price_no_truncate BEFORE TRUNCATE ON @program@.reward_price
	FOR EACH STATEMENT EXECUTE FUNCTION loyalty.truncate_guard_1();
CREATE TRIGGER redemption_no_truncate BEFORE TRUNCATE ON @program@.redemption
	FOR EACH STATEMENT EXECUTE FUNCTION loyalty.truncate_guard_1();
CREATE TRIGGER reward_sweep_no_truncate BEFORE TRUNCATE ON @program@.reward_sweep
	FOR EACH STATEMENT EXECUTE FUNCTION loyalty.truncate_guard_1();
CREATE TRIGGER reward_stock_no_truncate BEFORE TRUNCATE ON @program@.reward_stock
	FOR EACH STATEMENT EXECUTE FUNCTION loyalty.truncate_guard_1();
