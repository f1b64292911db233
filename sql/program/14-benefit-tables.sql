/* -------- what tiers bring beside points -------- */

CREATE TABLE @program@.tier_benefit (
	tier			text NOT NULL,
	name			text NOT NULL CONSTRAINT "name must not be empty" CHECK (name <> ''),
	uses			integer CONSTRAINT "uses must be at least 1" CHECK (uses > 0),
	use_period		text CONSTRAINT "use_period: day, week, month, quarter, year, stay or ever" CHECK (use_period IN ('day', 'week', 'month', 'quarter', 'year', 'stay', 'ever')),
	attributes		jsonb NOT NULL DEFAULT '{}' CONSTRAINT "attributes must be a JSON object" CHECK (jsonb_typeof(attributes) = 'object'),
	PRIMARY KEY (tier, name)
);

CREATE TABLE @program@.benefit_use (
	use_no			bigint NOT NULL PRIMARY KEY,
	used_at			timestamptz NOT NULL,
	span_start		timestamptz NOT NULL,
	cancelled_at	timestamptz,
	allowed			integer,
	tier_no			integer NOT NULL,
	member_id		@member_column@ NOT NULL,
	benefit			text NOT NULL
) WITH (fillfactor = 90);
CREATE INDEX benefit_use_member ON @program@.benefit_use (member_id, benefit, used_at);

COMMENT ON TABLE @program@.tier_benefit IS 'What a tier brings to those who hold it. A higher tier has what rows of its own say, and nothing of the tiers below';
COMMENT ON COLUMN @program@.tier_benefit.tier IS 'The tier';
COMMENT ON COLUMN @program@.tier_benefit.name IS 'Its name, for use_benefit(); of one name in several tiers all uses count together';
COMMENT ON COLUMN @program@.tier_benefit.uses IS 'How often it can be used in a period; null: without limit';
COMMENT ON COLUMN @program@.tier_benefit.use_period IS 'The period: day, week, month, quarter or year of the calendar, stay (since the tier was reached or last renewed), or ever';
COMMENT ON COLUMN @program@.tier_benefit.attributes IS 'What the business wants to keep with it';
COMMENT ON TABLE @program@.benefit_use IS 'Uses of benefits; see the view benefits';
COMMENT ON COLUMN @program@.benefit_use.use_no IS 'Number of the operation';
COMMENT ON COLUMN @program@.benefit_use.used_at IS 'When';
COMMENT ON COLUMN @program@.benefit_use.span_start IS 'Start of the period whose uses were counted';
COMMENT ON COLUMN @program@.benefit_use.cancelled_at IS 'When it was given back';
COMMENT ON COLUMN @program@.benefit_use.allowed IS 'How many uses were allowed in that period; null: any number';
COMMENT ON COLUMN @program@.benefit_use.tier_no IS 'The tier by which it was used';
COMMENT ON COLUMN @program@.benefit_use.member_id IS 'The member';
COMMENT ON COLUMN @program@.benefit_use.benefit IS 'The benefit''s name';

CREATE TRIGGER tier_benefit_check BEFORE INSERT OR UPDATE ON @program@.tier_benefit
	FOR EACH ROW EXECUTE FUNCTION loyalty.benefit_check_1();
CREATE TRIGGER benefit_use_no_truncate BEFORE TRUNCATE ON @program@.benefit_use
	FOR EACH STATEMENT EXECUTE FUNCTION loyalty.truncate_guard_1();
