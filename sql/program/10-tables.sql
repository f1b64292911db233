/*
 * The tables of a program.  create_program runs this text with these replaced:
 *
 *	@program@		the program's (schema's) name, as an identifier
 *	@owner@			its owner, likewise
 *	@member@		type of the application's member ids: bigint, integer, uuid or text
 *	@member_column@	that type for a column: text has a collation
 *
 * The first statement runs as who creates the program, all others as its owner.
 */

CREATE SCHEMA @program@ AUTHORIZATION @owner@;

/* -------- configuration -------- */

CREATE TABLE @program@.program (
	name			text NOT NULL PRIMARY KEY,
	time_zone		text NOT NULL,
	currency		text NOT NULL,
	stacking		text NOT NULL DEFAULT 'additive' CONSTRAINT "stacking must be additive, multiplicative or best" CHECK (stacking IN ('additive', 'multiplicative', 'best')),
	on_error		text NOT NULL DEFAULT 'queue' CONSTRAINT "on_error must be queue or raise" CHECK (on_error IN ('queue', 'raise')),
	enrolment		text NOT NULL DEFAULT 'auto' CONSTRAINT "enrolment must be auto, ignore or error" CHECK (enrolment IN ('auto', 'ignore', 'error')),
	code_attempts	integer DEFAULT 10 CONSTRAINT "code_attempts must be at least 1" CHECK (code_attempts > 0),
	code_window		interval NOT NULL DEFAULT '1 hour' CONSTRAINT "code_window must be longer than nothing" CHECK (code_window > '0'),
	test_clock		boolean NOT NULL DEFAULT false,
	clock			timestamptz CONSTRAINT "clock must be finite" CHECK (isfinite(clock)),
	config_version	integer NOT NULL DEFAULT 1,
	engine_version	text NOT NULL,
	created_at		timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	rollover		boolean NOT NULL DEFAULT false,
	tiers			jsonb
);
CREATE UNIQUE INDEX program_one_row ON @program@.program ((true));

CREATE TABLE @program@.program_version (
	config_version	integer NOT NULL PRIMARY KEY,
	time_zone		text NOT NULL,
	currency		text NOT NULL,
	stacking		text NOT NULL,
	changed_at		timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	changed_by		text NOT NULL DEFAULT session_user
);

CREATE TABLE @program@.unit (
	name			text NOT NULL PRIMARY KEY CONSTRAINT "name must not be empty" CHECK (name <> ''),
	unit_no			smallint NOT NULL UNIQUE,
	activates		loyalty.period NOT NULL DEFAULT 'immediately',
	expires			loyalty.period NOT NULL DEFAULT 'never',
	decimals		smallint NOT NULL DEFAULT 0 CONSTRAINT "decimals must be 0 to 4" CHECK (decimals BETWEEN 0 AND 4),
	rounding		text NOT NULL DEFAULT 'floor' CONSTRAINT "rounding must be floor, half_up, half_even, ceil or carry" CHECK (rounding IN ('floor', 'half_up', 'half_even', 'ceil', 'carry')),
	max_per_event	numeric CONSTRAINT "max_per_event must not be negative" CHECK (max_per_event >= 0),
	on_shortfall	text NOT NULL DEFAULT 'debt' CONSTRAINT "on_shortfall must be debt or forgive" CHECK (on_shortfall IN ('debt', 'forgive')),
	return_grace	loyalty.period NOT NULL DEFAULT 'immediately',
	spendable		boolean NOT NULL DEFAULT true,
	transferable	boolean NOT NULL DEFAULT false,
	value			numeric CONSTRAINT "value must not be negative" CHECK (value >= 0)
);

CREATE TABLE @program@.unit_version (
	unit_no			smallint NOT NULL,
	config_version	integer NOT NULL,
	name			text NOT NULL,
	activates		loyalty.period NOT NULL,
	expires			loyalty.period NOT NULL,
	decimals		smallint NOT NULL,
	rounding		text NOT NULL,
	max_per_event	numeric,
	on_shortfall	text NOT NULL,
	deleted			boolean NOT NULL DEFAULT false,
	PRIMARY KEY (unit_no, config_version)
);

CREATE TABLE @program@.source (
	name			text NOT NULL PRIMARY KEY,
	source_no		integer NOT NULL GENERATED ALWAYS AS IDENTITY (START WITH 2) UNIQUE,
	relation		regclass,
	pin				regclass,
	posting			regclass,
	key_columns		text[] NOT NULL,
	key				text,
	event			text,
	member			text,
	amount			text,
	occurred_at		text,
	condition		text,
	spend			text,
	spend_unit		text REFERENCES @program@.unit (name) ON UPDATE CASCADE,
	spend_condition	text,
	spend_min		numeric CONSTRAINT "spend_min must be more than 0" CHECK (spend_min > 0),
	spend_max		numeric CONSTRAINT "spend_max must not be negative" CHECK (spend_max >= 0),
	spend_max_share	numeric CONSTRAINT "spend_max_share must be more than 0 and at most 1" CHECK (spend_max_share > 0 AND spend_max_share <= 1),
	spend_step		numeric CONSTRAINT "spend_step must be more than 0" CHECK (spend_step > 0),
	purchase		boolean NOT NULL DEFAULT false,
	reduces			text REFERENCES @program@.source (name) ON UPDATE CASCADE,
	reduces_key		text,
	on_delete		text NOT NULL DEFAULT 'revoke' CONSTRAINT "on_delete must be revoke or keep" CHECK (on_delete IN ('revoke', 'keep')),
	attached		boolean NOT NULL DEFAULT true,
	attached_at		timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	CONSTRAINT "spend_max must not be less than spend_min" CHECK (spend_max >= spend_min)
);

CREATE TABLE @program@.rule (
	name			text NOT NULL PRIMARY KEY CONSTRAINT "name must not be empty" CHECK (name <> ''),
	rule_no			integer NOT NULL GENERATED ALWAYS AS IDENTITY UNIQUE,
	source			text REFERENCES @program@.source (name) ON UPDATE CASCADE,
	unit			text NOT NULL DEFAULT 'points' REFERENCES @program@.unit (name) ON UPDATE CASCADE,
	earn			loyalty.rate NOT NULL,
	amount			text,
	condition		text,
	min_amount		numeric,
	valid			tstzrange NOT NULL DEFAULT '(,)' CONSTRAINT "valid must not be empty" CHECK (NOT isempty(valid)),
	tiers			text[],
	priority		integer NOT NULL DEFAULT 0,
	exclusive_group	text,
	max_per_event	numeric CONSTRAINT "max_per_event must not be negative" CHECK (max_per_event >= 0),
	max_per_member	numeric CONSTRAINT "max_per_member must not be negative" CHECK (max_per_member >= 0),
	cap_period		text CONSTRAINT "cap_period must be day, week, month, quarter, year or ever" CHECK (cap_period IN ('day', 'week', 'month', 'quarter', 'year', 'ever')),
	budget			numeric CONSTRAINT "budget must not be negative" CHECK (budget >= 0),
	activates		loyalty.period,
	expires			loyalty.period,
	enabled			boolean NOT NULL DEFAULT true
);

CREATE TABLE @program@.rule_version (
	rule_no			integer NOT NULL,
	config_version	integer NOT NULL,
	name			text NOT NULL,
	source_no		integer,
	unit_no			smallint NOT NULL,
	earn			loyalty.rate NOT NULL,
	amount			text,
	condition		text,
	min_amount		numeric,
	valid			tstzrange NOT NULL,
	tiers			text[],
	priority		integer NOT NULL,
	exclusive_group	text,
	max_per_event	numeric,
	max_per_member	numeric,
	cap_period		text,
	budget			numeric,
	activates		loyalty.period,
	expires			loyalty.period,
	enabled			boolean NOT NULL,
	deleted			boolean NOT NULL DEFAULT false,
	pin				regclass,
	PRIMARY KEY (rule_no, config_version)
);

/* -------- members and their accounts -------- */

CREATE TABLE @program@.member (
	member_id		@member_column@ NOT NULL PRIMARY KEY,
	joined_at		timestamptz NOT NULL,
	birthday		date,
	time_zone		text,
	status			text NOT NULL DEFAULT 'active' CONSTRAINT "status must be active, blocked or closed" CHECK (status IN ('active', 'blocked', 'closed')),
	attributes		jsonb NOT NULL DEFAULT '{}',
	moved_at		timestamptz
);

CREATE TABLE @program@.account (
	member_id		@member_column@ NOT NULL PRIMARY KEY,
	last_entry		bigint NOT NULL DEFAULT 0,
	last_at			timestamptz NOT NULL DEFAULT '-infinity',
	next_due		timestamptz NOT NULL DEFAULT 'infinity',
	joined_at		timestamptz NOT NULL,
	purchases		bigint NOT NULL DEFAULT 0,
	spend			loyalty.points NOT NULL DEFAULT '0',
	first_purchase_at timestamptz,
	last_purchase_at timestamptz,
	status			smallint NOT NULL DEFAULT 0,
	time_zone		text,
	usage			bytea,
	paged			bytea,
	holds			bytea,
	tiers			bytea,
	lots			loyalty.lots NOT NULL DEFAULT '{}'
) WITH (fillfactor = 40, toast_tuple_target = 8160);
ALTER TABLE @program@.account ALTER COLUMN usage SET STORAGE PLAIN;
ALTER TABLE @program@.account ALTER COLUMN paged SET STORAGE PLAIN;
-- in the row as long as it has room: only lots that follow activity, which never go to pages, can be too many
ALTER TABLE @program@.account ALTER COLUMN lots SET STORAGE EXTERNAL;
CREATE INDEX account_next_due ON @program@.account (next_due);

CREATE TABLE @program@.account_page (
	member_id		@member_column@ NOT NULL,
	first_end		timestamptz NOT NULL,
	first_from		timestamptz NOT NULL,
	page_no			bigint NOT NULL,
	last_end		timestamptz NOT NULL,
	next_due		timestamptz NOT NULL,
	lots			loyalty.lots NOT NULL,
	PRIMARY KEY (member_id, first_end, first_from, page_no)
);
ALTER TABLE @program@.account_page ALTER COLUMN lots SET STORAGE PLAIN;
CREATE INDEX account_page_due ON @program@.account_page (member_id, next_due);

CREATE TABLE @program@.cap_usage (
	member_id		@member_column@ NOT NULL,
	rule_no			integer NOT NULL,
	span_start		timestamptz NOT NULL,
	used			loyalty.points NOT NULL,
	PRIMARY KEY (member_id, rule_no, span_start)
);

CREATE TABLE @program@.budget_room (
	rule_no			integer NOT NULL,
	slot			smallint NOT NULL,
	room			loyalty.points NOT NULL,
	used			loyalty.points NOT NULL DEFAULT '0',
	PRIMARY KEY (rule_no, slot)
) WITH (fillfactor = 20);

/* -------- the ledger -------- */

/* what one event or operation writes to one member at once is one row */
CREATE TABLE @program@.journal (
	member_id		@member_column@ NOT NULL,
	first_entry		bigint NOT NULL,
	posted_at		timestamptz NOT NULL,
	source_no		integer,
	config_version	integer,
	operation_no	bigint,
	event_key		text,
	lines			loyalty.lines NOT NULL,
	PRIMARY KEY (member_id, first_entry)
);
ALTER TABLE @program@.journal ALTER COLUMN lines SET STORAGE MAIN;

/* the same, a row for each line */
CREATE VIEW @program@.entry AS
SELECT j.member_id, j.first_entry + l.line - 1 AS entry_no, l.points, l.occurred_at, j.posted_at,
	l.active_from, l.expires_at, l.rule_no, j.config_version, j.source_no, l.kind, l.unit_no,
	j.operation_no, l.lapsed, l.forgiven, j.event_key
FROM @program@.journal AS j CROSS JOIN LATERAL loyalty.lines_unnest_1(j.lines) AS l;

CREATE TABLE @program@.operation (
	operation_no	bigint NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	performed_at	timestamptz NOT NULL,
	points			loyalty.points,
	first_entry		bigint,
	last_entry		bigint,
	spent			loyalty.points NOT NULL DEFAULT '0',
	returned		loyalty.points NOT NULL DEFAULT '0',
	deadline		timestamptz,
	valid_until		timestamptz,
	concerns		bigint,
	reverses		bigint,
	source_no		integer,
	unit_no			smallint,
	kind			text NOT NULL,
	status			text NOT NULL DEFAULT 'done',
	key				text,
	member_id		@member_column@,
	reason			text,
	actor			text NOT NULL DEFAULT session_user,
	request			jsonb,
	result			jsonb,
	event_key		text
) WITH (fillfactor = 85);
CREATE INDEX operation_event ON @program@.operation (source_no, event_key) WHERE source_no IS NOT NULL;
CREATE UNIQUE INDEX operation_key ON @program@.operation (key) WHERE key IS NOT NULL;
CREATE UNIQUE INDEX operation_reverses ON @program@.operation (reverses) WHERE reverses IS NOT NULL;

/* -------- events without a table, failures, long work -------- */

CREATE TABLE @program@.activity (
	kind			text NOT NULL,
	key				text NOT NULL DEFAULT pg_catalog.gen_random_uuid()::text,
	member_id		@member_column@,
	occurred_at		timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	data			jsonb NOT NULL DEFAULT '{}',
	PRIMARY KEY (kind, key)
);

CREATE TABLE @program@.failed_event (
	source			text NOT NULL,
	event_key		text NOT NULL,
	sqlstate		text NOT NULL,
	error			text NOT NULL,
	first_failed_at	timestamptz NOT NULL,
	last_failed_at	timestamptz NOT NULL,
	attempts		integer NOT NULL DEFAULT 1,
	PRIMARY KEY (source, event_key)
);

CREATE TABLE @program@.progress (
	job				text NOT NULL,
	subject			text NOT NULL,
	started_at		timestamptz NOT NULL,
	updated_at		timestamptz NOT NULL,
	done			bigint NOT NULL DEFAULT 0,
	total			bigint,
	finished		boolean NOT NULL DEFAULT false,
	PRIMARY KEY (job, subject)
);

/* what a rule's expressions see as member.* */
CREATE VIEW @program@.member_facts AS
SELECT a.member_id, m.joined_at, m.birthday, m.time_zone, m.status, m.attributes,
	a.purchases, a.spend::numeric AS spend, a.first_purchase_at, a.last_purchase_at,
	NULL::text AS tier, '{}'::jsonb AS tiers
FROM @program@.account a JOIN @program@.member m USING (member_id);
