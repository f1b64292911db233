/*-------------------------------------------------------------------------
 *
 * program.h
 *	  A program as each backend holds it: tables, sources, rules and units.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_PROGRAM_H
#define LOYALTY_PROGRAM_H

#include "engine/engine.h"
#include "engine/pin.h"

#include "core/account.h"
#include "core/judge.h"
#include "core/period.h"
#include "pgtime.h"

/* what a unit was in one configuration version */
typedef struct UnitConfig
{
	int32		unit_no;
	char	   *name;
	Period		activates;
	Period		expires;
	int			decimals;
	bool		forgive;		/* on_shortfall */
	bool		spendable;
	bool		transferable;
	bool		has_value;
	Frac		value;			/* money per unit */
	Period		return_grace;
	JudgeUnit	judge;
} UnitConfig;

/* what a rule was in one configuration version */
typedef struct RuleConfig
{
	int32		rule_no;
	char	   *name;
	int32		source_no;		/* 0: every source */
	int32		unit_no;
	int			unit;			/* index into RuleSet.units */
	JudgeRule	judge;
	char	   *exclusive_group;	/* NULL: none */
	bool		has_min_amount;
	Frac		min_amount;
	Instant		valid_from;		/* included */
	Instant		valid_until;	/* excluded */
	CalendarUnit cap_period;	/* CALENDAR_NONE: no member cap */
	Points		max_per_member;
	bool		has_budget;
	Period		activates;		/* kind 0: the unit's */
	Period		expires;
	bool		needs_pin;		/* it has expressions */
	Pin		   *pin;			/* NULL if none, or if dropped */
	int			condition;		/* index into the pin, -1 if none */
	int			amount;
	bool		uses_member;	/* an expression reads member.* */
	char	  **tiers;			/* one of which the member must hold */
	int			ntiers;			/* 0: any or none */
} RuleConfig;

/* a rule whose points for a member are capped */
typedef struct CappedRule
{
	int32		rule_no;
	CalendarUnit period;
} CappedRule;

/* the enabled rules and the units of one configuration version */
typedef struct RuleSet
{
	int32		config_version;
	char	   *zone_name;
	pg_tz	   *tz;
	Zone		zone;
	UnitConfig *units;			/* by unit_no */
	int			nunits;
	RuleConfig *rules;			/* by unit, then priority desc, name */
	int			nrules;
	CappedRule *capped;			/* those with a cap, enabled or not */
	int			ncapped;
} RuleSet;

#define MAX_KEY_COLUMNS 32

/* an attached table */
typedef struct SourceConfig
{
	int32		source_no;
	char	   *name;
	Oid			relid;
	Oid			posting;		/* InvalidOid for a reducing source */
	Pin		   *pin;
	int			member;			/* indexes into the pin, -1 if absent */
	int			amount;
	int			occurred_at;
	int			event;
	int			condition;
	int			spend;
	int			spend_condition;
	char	   *spend_unit;
	Points		spend_min;		/* 0: none */
	bool		has_spend_max;
	Points		spend_max;
	bool		has_max_share;	/* spend_max_share */
	Frac		max_share;
	char	   *max_share_text;
	Points		spend_step;		/* 0: none */
	int			reduces_key;
	int			key;
	bool		purchase;
	bool		keep;			/* on_delete */
	bool		several_rows;	/* has an event expression */
	struct SourceConfig *reduces;
	List	   *reducers;		/* SourceConfig of those that reduce this one */
	int			nkeys;			/* of the posting table */
	Oid			key_type[MAX_KEY_COLUMNS];
	int16		key_len[MAX_KEY_COLUMNS];
	bool		key_byval[MAX_KEY_COLUMNS];
	Oid			key_collation[MAX_KEY_COLUMNS];
	AttrNumber	key_attno[MAX_KEY_COLUMNS]; /* in the table; unless event, key */
	char	   *key_name[MAX_KEY_COLUMNS];	/* the table's column names */
	Bitmapset  *read_attnos;	/* columns that any expression or the key reads,
								 * offset like PinExpr.row_attnos */
	bool		reads_whole_row;
	TupleDesc	desc;			/* of the table; NULL: not copied yet */
	struct KeptLedger *kept;	/* see kept.h */
} SourceConfig;

/*
 * A source that is attached, but whose table or pin somebody has dropped (with
 * CASCADE), and the triggers with it: it posts nothing.
 */
typedef struct LostSource
{
	char	   *name;
	bool		table_gone;
} LostSource;

typedef struct Program
{
	ProgramRef	ref;
	bool		valid;
	bool		provisional;	/* read by a snapshot that may be old: good for
								 * this transaction only */
	MemoryContext context;

	/* its tables */
	Oid			account;
	Oid			account_page;
	Oid			journal;
	Oid			cap_usage;
	Oid			budget_room;
	Oid			operation;
	Oid			operation_seq;	/* of operation.operation_no */
	Oid			operation_reverses; /* index on operation.reverses */
	Oid			redemption;
	Oid			reward_stock;
	Oid			tier_change;
	Oid			member;
	Oid			member_facts;
	Oid			lots_type;
	Oid			points_type;

	bool		member_byval;
	int16		member_len;

	bool		queue_errors;	/* on_error */
	char		enrolment;		/* 'a'uto, 'i'gnore, 'e'rror */
	bool		test_clock;
	TimestampTz clock;
	int			currency_decimals;
	int32		config_version;

	RuleSet    *rules;			/* of config_version */
	List	   *old_rules;		/* RuleSets of earlier versions, as needed */
	struct TierConfig *tiers;	/* NULL: there are none, see tiers.h */
	SourceConfig *sources;		/* attached ones */
	int			nsources;
	List	   *lost;			/* LostSources */

	List	   *plans;			/* see plan.c */
	struct Catalogue *catalogue;	/* rewards, loaded when needed; see catalogue.h */
	bool		automatic_known;	/* whether any of them go by themselves, which */
	bool		automatic;		/* needs less */
	List	   *watched;		/* OIDs whose invalidation makes this stale */
} Program;

/*
 * The program of a table "program", loaded if needed with the configuration
 * that is committed now (not that of the transaction's snapshot).  It stays
 * readable until the end of the transaction even if it becomes stale.
 */
extern Program *program_get(Oid relid);

/* The rules and units as they were in a configuration version. */
extern RuleSet *program_rules(Program *program, int32 config_version);

/* The period of the cap that a rule has now; CALENDAR_NONE: it has none. */
extern CalendarUnit program_cap_period(const Program *program, int32 rule_no);

/*
 * The same, but one rule as it is now, or not there if it is not now.  Unlike
 * the others the set is not kept.
 */
extern RuleSet *program_rules_with(Program *program, int32 config_version, int32 rule_no);

extern SourceConfig *program_source(Program *program, int32 source_no);
extern SourceConfig *program_source_by_name(Program *program, const char *name);

extern UnitConfig *rules_unit(RuleSet *rules, int32 unit_no);
/* by name; NULL name: the only spendable unit; an error if there is none */
extern UnitConfig *rules_unit_by_name(RuleSet *rules, const char *name);
extern RuleConfig *rules_rule(RuleSet *rules, int32 rule_no);

/* now by the program's clock, not yet raised to an account's last instant */
extern TimestampTz program_clock(const Program *program);

/*
 * The program as it is by now.  Who waited for an account has read the configuration
 * before the wait, and others may have moved the account by a newer one since: where
 * its member stands, and when its points end, goes by this one.
 */
extern Program *program_present(Program *program);

/* member ids: order, hash, copy and text form of the program's member type */
extern int	member_cmp(const Program *program, Datum a, Datum b);
extern uint32 member_hash(const Program *program, Datum member);
extern Datum member_copy(const Program *program, Datum member);
extern char *member_text(const Program *program, Datum member);
/* argument of a SQL function, of any type that converts to the member type */
extern Datum member_from_argument(const Program *program, Oid type, Datum value);

/* decimal places of a currency's smallest amount by ISO 4217; 2 if unknown */
extern int	currency_decimals(const char *currency);

#endif							/* LOYALTY_PROGRAM_H */
