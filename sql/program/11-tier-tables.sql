/* -------- tiers: what there is, and who stood where when -------- */

CREATE TABLE @program@.tier_group (
	name			text NOT NULL PRIMARY KEY CONSTRAINT "name must not be empty" CHECK (name <> ''),
	group_no		smallint NOT NULL GENERATED ALWAYS AS IDENTITY UNIQUE,
	unit			text NOT NULL REFERENCES @program@.unit (name) ON UPDATE CASCADE,
	keep			loyalty.period NOT NULL DEFAULT 'immediately',
	keep_renewed	loyalty.period,
	downgrade		text NOT NULL DEFAULT 'to_qualified' CONSTRAINT "downgrade must be to_qualified or one_level" CHECK (downgrade IN ('to_qualified', 'one_level')),
	top_up			boolean NOT NULL DEFAULT false,
	rollover		text NOT NULL DEFAULT 'none' CONSTRAINT "rollover must be none or excess" CHECK (rollover IN ('none', 'excess')),
	rollover_max	numeric CONSTRAINT "rollover_max must be more than 0" CHECK (rollover_max > 0)
);

CREATE TABLE @program@.tier (
	name			text NOT NULL PRIMARY KEY CONSTRAINT "name must not be empty" CHECK (name <> ''),
	tier_no			integer NOT NULL GENERATED ALWAYS AS IDENTITY UNIQUE,
	tier_group		text NOT NULL REFERENCES @program@.tier_group (name) ON UPDATE CASCADE,
	rank			integer NOT NULL,
	threshold		numeric CONSTRAINT "threshold must not be negative" CHECK (threshold >= 0),
	qualify			text NOT NULL DEFAULT 'all' CONSTRAINT "qualify must be all or any" CHECK (qualify IN ('all', 'any')),
	life_years		integer CONSTRAINT "life_years must be 1 to 1000" CHECK (life_years BETWEEN 1 AND 1000),
	attributes		jsonb NOT NULL DEFAULT '{}' CONSTRAINT "attributes must be a JSON object" CHECK (jsonb_typeof(attributes) = 'object')
);

CREATE TABLE @program@.tier_threshold (
	tier			text NOT NULL REFERENCES @program@.tier (name) ON UPDATE CASCADE ON DELETE CASCADE,
	unit			text NOT NULL REFERENCES @program@.unit (name) ON UPDATE CASCADE,
	threshold		numeric NOT NULL CONSTRAINT "threshold must not be negative" CHECK (threshold >= 0),
	PRIMARY KEY (tier, unit)
);

CREATE TABLE @program@.tier_group_version (
	group_no		smallint NOT NULL,
	config_version	integer NOT NULL,
	since			timestamptz NOT NULL,
	name			text NOT NULL,
	unit_no			smallint NOT NULL,
	keep			loyalty.period NOT NULL,
	keep_renewed	loyalty.period NOT NULL,
	downgrade		text NOT NULL,
	top_up			boolean NOT NULL,
	rollover		text NOT NULL,
	rollover_max	numeric,
	rollover_window	loyalty.period NOT NULL,
	time_zone		text NOT NULL,
	deleted			boolean NOT NULL DEFAULT false,
	PRIMARY KEY (group_no, config_version)
);

CREATE TABLE @program@.tier_version (
	tier_no			integer NOT NULL,
	config_version	integer NOT NULL,
	group_no		smallint NOT NULL,
	name			text NOT NULL,
	rank			integer NOT NULL,
	qualify			text NOT NULL,
	units			smallint[] NOT NULL,
	thresholds		numeric[] NOT NULL,
	life_years		integer,
	closed			boolean NOT NULL DEFAULT false,
	PRIMARY KEY (tier_no, config_version)
);

CREATE TABLE @program@.tier_change (
	member_id		@member_column@ NOT NULL,
	change_no		bigint NOT NULL,
	occurred_at		timestamptz NOT NULL,
	posted_at		timestamptz NOT NULL,
	since			timestamptz NOT NULL,
	until			timestamptz NOT NULL,
	counted_at		timestamptz NOT NULL,
	given_until		timestamptz,
	operation_no	bigint,
	tier_no			integer,
	given_tier_no	integer,
	life_tier_no	integer,
	group_no		smallint NOT NULL,
	cause			text NOT NULL,
	PRIMARY KEY (member_id, change_no)
);

COMMENT ON TABLE @program@.tier_group IS 'A ladder of tiers';
COMMENT ON COLUMN @program@.tier_group.name IS 'Its name';
COMMENT ON COLUMN @program@.tier_group.group_no IS 'Number by which the engine knows it';
COMMENT ON COLUMN @program@.tier_group.unit IS 'The qualifying unit: its balance decides; its expiry is the window';
COMMENT ON COLUMN @program@.tier_group.keep IS 'How long a tier is kept from the instant it is reached; immediately: no longer than the balance; never: for life';
COMMENT ON COLUMN @program@.tier_group.keep_renewed IS 'The same for a stay that follows another; null: as keep';
COMMENT ON COLUMN @program@.tier_group.downgrade IS 'Where those go who do not qualify at the end of a stay: to_qualified (what the balance is enough for) or one_level (one tier down, unless it is enough for more)';
COMMENT ON COLUMN @program@.tier_group.top_up IS 'Whether a late row that raises a member''s tier also raises what events since have earned';
COMMENT ON COLUMN @program@.tier_group.rollover IS 'What is carried over when a period of the unit''s calendar ends: none, or excess (what is above the highest threshold that the balance reaches)';
COMMENT ON COLUMN @program@.tier_group.rollover_max IS 'At most so many points; null: any number';
COMMENT ON TABLE @program@.tier IS 'A tier of a group';
COMMENT ON COLUMN @program@.tier.name IS 'Its name, which no other tier of the program has';
COMMENT ON COLUMN @program@.tier.tier_no IS 'Number by which the engine knows it';
COMMENT ON COLUMN @program@.tier.tier_group IS 'The group';
COMMENT ON COLUMN @program@.tier.rank IS 'Higher is better';
COMMENT ON COLUMN @program@.tier.threshold IS 'Points of the group''s unit from which it is reached; null: by other units only, or by hand only';
COMMENT ON COLUMN @program@.tier.qualify IS 'Whether all thresholds must be reached or any';
COMMENT ON COLUMN @program@.tier.life_years IS 'Who has held it, or a higher one, for so many years (of 365 days) in all holds it for life; null: nobody';
COMMENT ON COLUMN @program@.tier.attributes IS 'What the business wants to keep with it';
COMMENT ON TABLE @program@.tier_threshold IS 'A threshold of a tier in another unit';
COMMENT ON COLUMN @program@.tier_threshold.tier IS 'The tier';
COMMENT ON COLUMN @program@.tier_threshold.unit IS 'The unit, not that of the group';
COMMENT ON COLUMN @program@.tier_threshold.threshold IS 'Points from which it is reached';
COMMENT ON TABLE @program@.tier_group_version IS 'What a group was in each configuration version';
COMMENT ON COLUMN @program@.tier_group_version.group_no IS 'The group';
COMMENT ON COLUMN @program@.tier_group_version.config_version IS 'The version from which on it was so';
COMMENT ON COLUMN @program@.tier_group_version.since IS 'The instant from which on members are judged by it; -infinity: what was set up before anything was posted';
COMMENT ON COLUMN @program@.tier_group_version.name IS 'tier_group.name then';
COMMENT ON COLUMN @program@.tier_group_version.unit_no IS 'tier_group.unit then';
COMMENT ON COLUMN @program@.tier_group_version.keep IS 'tier_group.keep then';
COMMENT ON COLUMN @program@.tier_group_version.keep_renewed IS 'tier_group.keep_renewed then, or keep';
COMMENT ON COLUMN @program@.tier_group_version.downgrade IS 'tier_group.downgrade then';
COMMENT ON COLUMN @program@.tier_group_version.top_up IS 'tier_group.top_up then';
COMMENT ON COLUMN @program@.tier_group_version.rollover IS 'tier_group.rollover then';
COMMENT ON COLUMN @program@.tier_group_version.rollover_max IS 'tier_group.rollover_max then';
COMMENT ON COLUMN @program@.tier_group_version.rollover_window IS 'unit.expires then: of what is carried over';
COMMENT ON COLUMN @program@.tier_group_version.time_zone IS 'program.time_zone then: where periods end for members with no zone of their own';
COMMENT ON COLUMN @program@.tier_group_version.deleted IS 'It was deleted';
COMMENT ON TABLE @program@.tier_version IS 'What a tier was in each configuration version';
COMMENT ON COLUMN @program@.tier_version.tier_no IS 'The tier';
COMMENT ON COLUMN @program@.tier_version.config_version IS 'The version from which on it was so';
COMMENT ON COLUMN @program@.tier_version.group_no IS 'Its group';
COMMENT ON COLUMN @program@.tier_version.name IS 'tier.name then';
COMMENT ON COLUMN @program@.tier_version.rank IS 'tier.rank then';
COMMENT ON COLUMN @program@.tier_version.qualify IS 'tier.qualify then';
COMMENT ON COLUMN @program@.tier_version.units IS 'Units it had thresholds in then';
COMMENT ON COLUMN @program@.tier_version.thresholds IS 'Those thresholds';
COMMENT ON COLUMN @program@.tier_version.life_years IS 'tier.life_years then';
COMMENT ON COLUMN @program@.tier_version.closed IS 'It was removed: it takes no new members, and keeps its holders until their stay ends';
COMMENT ON TABLE @program@.tier_change IS 'Who came to a tier, or stayed in it, when and why; see the view tier_history';
COMMENT ON COLUMN @program@.tier_change.member_id IS 'The member';
COMMENT ON COLUMN @program@.tier_change.change_no IS 'Number of the row among the member''s: what a later row says of an instant holds';
COMMENT ON COLUMN @program@.tier_change.occurred_at IS 'From when on it holds';
COMMENT ON COLUMN @program@.tier_change.posted_at IS 'When it was written';
COMMENT ON COLUMN @program@.tier_change.since IS 'Since when the tier has been held without a break';
COMMENT ON COLUMN @program@.tier_change.until IS 'End of the stay; infinity: none; not after since: no longer than the balance';
COMMENT ON COLUMN @program@.tier_change.counted_at IS 'What began later has not been counted: the instant at which the stay was won, or just before it was renewed';
COMMENT ON COLUMN @program@.tier_change.given_until IS 'Until when the tier is held that was given by hand';
COMMENT ON COLUMN @program@.tier_change.operation_no IS 'The operation by which a tier was given';
COMMENT ON COLUMN @program@.tier_change.tier_no IS 'The tier; null: none';
COMMENT ON COLUMN @program@.tier_change.given_tier_no IS 'The tier given by hand';
COMMENT ON COLUMN @program@.tier_change.life_tier_no IS 'The tier held for life';
COMMENT ON COLUMN @program@.tier_change.group_no IS 'The group of tiers';
COMMENT ON COLUMN @program@.tier_change.cause IS 'entry, expiry (a stay ended, or the points it rested on lapsed), late row, by hand, configuration, for life (held for so many years)';

CREATE TRIGGER tier_check BEFORE INSERT OR UPDATE ON @program@.tier
	FOR EACH ROW EXECUTE FUNCTION loyalty.tier_check_1();
CREATE TRIGGER tier_renamed AFTER UPDATE OF name ON @program@.tier
	FOR EACH ROW EXECUTE FUNCTION loyalty.tier_renamed_1();
CREATE TRIGGER tier_group_changed AFTER INSERT OR UPDATE OR DELETE ON @program@.tier_group
	FOR EACH STATEMENT EXECUTE FUNCTION loyalty.tiers_changed_1();
CREATE TRIGGER tier_changed AFTER INSERT OR UPDATE OR DELETE ON @program@.tier
	FOR EACH STATEMENT EXECUTE FUNCTION loyalty.tiers_changed_1();
CREATE TRIGGER tier_threshold_changed AFTER INSERT OR UPDATE OR DELETE ON @program@.tier_threshold
	FOR EACH STATEMENT EXECUTE FUNCTION loyalty.tiers_changed_1();

CREATE TRIGGER tier_group_no_truncate BEFORE TRUNCATE ON @program@.tier_group
	FOR EACH STATEMENT EXECUTE FUNCTION loyalty.truncate_guard_1();
CREATE TRIGGER tier_no_truncate BEFORE TRUNCATE ON @program@.tier
	FOR EACH STATEMENT EXECUTE FUNCTION loyalty.truncate_guard_1();
CREATE TRIGGER tier_threshold_no_truncate BEFORE TRUNCATE ON @program@.tier_threshold
	FOR EACH STATEMENT EXECUTE FUNCTION loyalty.truncate_guard_1();
CREATE TRIGGER tier_group_version_guard BEFORE UPDATE OR DELETE OR TRUNCATE ON @program@.tier_group_version
	FOR EACH STATEMENT EXECUTE FUNCTION loyalty.ledger_guard_1();
CREATE TRIGGER tier_version_guard BEFORE UPDATE OR DELETE OR TRUNCATE ON @program@.tier_version
	FOR EACH STATEMENT EXECUTE FUNCTION loyalty.ledger_guard_1();
CREATE TRIGGER tier_change_guard BEFORE UPDATE OR DELETE OR TRUNCATE ON @program@.tier_change
	FOR EACH STATEMENT EXECUTE FUNCTION loyalty.ledger_guard_1();
ALTER TABLE @program@.tier_change ENABLE ALWAYS TRIGGER tier_change_guard;
REVOKE UPDATE, DELETE, TRUNCATE ON @program@.tier_change FROM @owner@;

/* a subscriber's backends are told as soon as the versions arrive */
CREATE TRIGGER tier_group_version_invalidate AFTER INSERT OR UPDATE OR DELETE ON @program@.tier_group_version
	FOR EACH ROW EXECUTE FUNCTION loyalty.config_invalidate_1();
ALTER TABLE @program@.tier_group_version ENABLE ALWAYS TRIGGER tier_group_version_invalidate;
CREATE TRIGGER tier_version_invalidate AFTER INSERT OR UPDATE OR DELETE ON @program@.tier_version
	FOR EACH ROW EXECUTE FUNCTION loyalty.config_invalidate_1();
ALTER TABLE @program@.tier_version ENABLE ALWAYS TRIGGER tier_version_invalidate;
