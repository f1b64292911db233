/*-------------------------------------------------------------------------
 *
 * reprice_rules.c
 *	  By what configuration events are judged again.
 *
 * All rules as they are now; or each event's own configuration with one rule
 * as it is now, so that what else has changed since does not touch what was
 * paid.  Either way a posting needs to be told by its version, later on, both
 * by what its event is judged and what it was before, for that may be undone:
 * so each version that is replaced is replaced by a new one of its own.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/reprice.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "engine/config.h"

/* Whether a unit was the same in two configurations. */
static bool
unit_is_same(const UnitConfig *a, const UnitConfig *b)
{
	return memcmp(&a->activates, &b->activates, sizeof(Period)) == 0 &&
		memcmp(&a->expires, &b->expires, sizeof(Period)) == 0 &&
		a->decimals == b->decimals && a->forgive == b->forgive &&
		a->judge.stacking == b->judge.stacking && a->judge.rounding == b->judge.rounding &&
		a->judge.has_max_per_event == b->judge.has_max_per_event &&
		a->judge.max_per_event == b->judge.max_per_event;
}

/* Whether what a source's events earn by the rules of one set they earn by another. */
static bool
rules_contained(const RuleSet *a, const RuleSet *b, const SourceConfig *source)
{
	int			i;

	for (i = 0; i < a->nrules; i++)
	{
		RuleConfig *rule = &a->rules[i];
		RuleConfig *other;

		if (source && !rule_concerns(rule, source))
			continue;
		other = rules_rule((RuleSet *) b, rule->rule_no);
		if (!rule_is_same(rule, other) || strcmp(rule->name, other->name) != 0 ||
			!unit_is_same(&a->units[rule->unit], &b->units[other->unit]))
			return false;
	}
	return true;
}

/* Whether two configurations judge all events of a source alike; NULL: of any. */
static bool
rule_sets_equal(const RuleSet *a, const RuleSet *b, const SourceConfig *source)
{
	return a->tz == b->tz && rules_contained(a, b, source) && rules_contained(b, a, source);
}

/* see reprice.h */
bool
claims_alike(const RuleSet *a, const RuleSet *b, const SourceConfig *source)
{
	const RuleSet *sets[2] = {a, b};
	int			i;
	int			k;

	for (k = 0; k < 2; k++)
	{
		for (i = 0; i < sets[k]->nrules; i++)
		{
			RuleConfig *rule = &sets[k]->rules[i];

			if ((rule->cap_period != CALENDAR_NONE || rule->has_budget) &&
				rule_concerns(rule, source) &&
				(a->tz != b->tz ||
				 !rule_is_same(rule, rules_rule((RuleSet *) sets[1 - k], rule->rule_no))))
				return false;
		}
	}
	return true;
}

/* -------- new versions -------- */

#define RULE_COLUMNS \
	"v.name, v.source_no, v.unit_no, v.earn, v.amount, v.condition, v.min_amount, v.valid," \
	" v.tiers, v.priority, v.exclusive_group, v.max_per_event, v.max_per_member, v.cap_period," \
	" v.budget, v.activates, v.expires, v.enabled"
#define UNIT_COLUMNS \
	"v.name, v.activates, v.expires, v.decimals, v.rounding, v.max_per_event, v.on_shortfall"

/* the latest row of each rule or unit by then */
#define LATEST(table, number, version) \
	" FROM @." table " AS v JOIN (SELECT " number ", pg_catalog.max(config_version) AS config_version" \
	"  FROM @." table " WHERE config_version OPERATOR(pg_catalog.<=) " version \
	"  GROUP BY " number ") AS l ON l." number " OPERATOR(pg_catalog.=) v." number \
	" AND l.config_version OPERATOR(pg_catalog.=) v.config_version"

/*
 * Writes a whole configuration as the newest version: that of another one, but
 * one rule (0: none) as of a third.
 */
static void
write_configuration(const ProgramRef *ref, int32 version, int32 like, int32 rule_no,
					int32 rule_like)
{
	Oid			types[4] = {INT4OID, INT4OID, INT4OID, INT4OID};
	Datum		values[4];

	values[0] = Int32GetDatum(version);
	values[1] = Int32GetDatum(like);
	values[2] = Int32GetDatum(rule_no);
	values[3] = Int32GetDatum(rule_like);
	config_execute(ref,
				   "INSERT INTO @.program_version (config_version, time_zone, currency, stacking)"
				   " SELECT $1, v.time_zone, v.currency, v.stacking FROM @.program_version AS v"
				   " WHERE v.config_version OPERATOR(pg_catalog.<=) $2"
				   " ORDER BY v.config_version DESC LIMIT 1", 2, types, values, NULL);
	config_execute(ref,
				   "INSERT INTO @.unit_version (unit_no, config_version, name, activates,"
				   " expires, decimals, rounding, max_per_event, on_shortfall, deleted)"
				   " SELECT v.unit_no, $1, " UNIT_COLUMNS ", v.deleted"
				   LATEST("unit_version", "unit_no", "$2"), 2, types, values, NULL);
	config_execute(ref,
				   "INSERT INTO @.rule_version (rule_no, config_version, name, source_no,"
				   " unit_no, earn, amount, condition, min_amount, valid, tiers, priority,"
				   " exclusive_group, max_per_event, max_per_member, cap_period, budget,"
				   " activates, expires, enabled, deleted, pin)"
				   " SELECT v.rule_no, $1, " RULE_COLUMNS ", v.deleted, v.pin"
				   LATEST("rule_version", "rule_no",
						  "CASE WHEN rule_no OPERATOR(pg_catalog.=) $3 THEN $4 ELSE $2 END"),
				   4, types, values, NULL);

	/* rules that came later are not there yet */
	config_execute(ref,
				   "INSERT INTO @.rule_version (rule_no, config_version, name, source_no,"
				   " unit_no, earn, amount, condition, min_amount, valid, tiers, priority,"
				   " exclusive_group, max_per_event, max_per_member, cap_period, budget,"
				   " activates, expires, enabled, deleted)"
				   " SELECT v.rule_no, $1, " RULE_COLUMNS ", true"
				   LATEST("rule_version", "rule_no", "$1")
				   " WHERE v.config_version OPERATOR(pg_catalog.<) $1",
				   1, types, values, NULL);
}

/* A new version with the rules of a set. */
static int32
begin_version(const RulesChooser *chooser, int32 like, bool mixed)
{
	Program    *program = chooser->program;
	RightsSave	rights;
	int32		version;

	rights_enter(program->ref.owner, SECURITY_NOFORCE_RLS, &rights);
	SPI_connect();
	version = config_bump(&program->ref);
	if (mixed)
		write_configuration(&program->ref, version, like, chooser->rule_no,
							program->config_version);
	else if (chooser->mixed)
		write_configuration(&program->ref, version, program->config_version, 0, 0);
	SPI_finish();
	rights_leave(&rights);
	CommandCounterIncrement();
	return version;
}

/* A set of rules under another version's number. */
static RuleSet *
rules_renamed(RuleSet *rules, int32 version)
{
	RuleSet    *copy = palloc(sizeof(RuleSet));

	*copy = *rules;
	copy->config_version = version;
	return copy;
}

/* Finds out what replaces a version; 0 stands for events that are not posted. */
static RulesChoice *
make_choice(RulesChooser *chooser, int32 version)
{
	Program    *program = chooser->program;
	RuleSet    *now = program->rules;
	RulesChoice *choice = palloc(sizeof(RulesChoice));
	RuleSet    *mixed = NULL;

	choice->before = version;
	choice->rules = now;
	if (chooser->undo)
	{
		choice->after = version;
		choice->rules = program_rules(program, version);
		return choice;
	}
	if (version != 0)
	{
		RuleSet    *then = program_rules(program, version);

		if (chooser->rule_no == 0 ? rule_sets_equal(then, now, NULL) :
			rule_is_same(rules_rule(then, chooser->rule_no),
						 rules_rule(now, chooser->rule_no)))
		{
			choice->rules = then;
			choice->after = version;
			return choice;
		}
		if (chooser->rule_no != 0)
		{
			mixed = program_rules_with(program, version, chooser->rule_no);
			if (rule_sets_equal(mixed, now, NULL))
				mixed = NULL;
			else
				choice->rules = mixed;
		}
	}
	choice->after = choice->rules->config_version;
	if (!chooser->apply)
		return choice;
	choice->after = begin_version(chooser, version, mixed != NULL);
	choice->rules = rules_renamed(choice->rules, choice->after);
	chooser->mixed |= mixed != NULL;
	return choice;
}

/* see reprice.h */
RuleSet *
choose_rules(void *arg, Batch *batch, const Posting *posting)
{
	RulesChooser *chooser = (RulesChooser *) arg;
	int32		version = posting ? posting->config_version : 0;
	ListCell   *lc;
	MemoryContext old;
	RulesChoice *choice;

	foreach(lc, chooser->choices)
	{
		choice = (RulesChoice *) lfirst(lc);
		if (choice->before == version)
			return choice->rules;
	}
	old = MemoryContextSwitchTo(GetMemoryChunkContext(chooser));
	choice = make_choice(chooser, version);
	chooser->choices = lappend(chooser->choices, choice);
	MemoryContextSwitchTo(old);
	return choice->rules;
}

/* see reprice.h */
void
choose_rules_end(RulesChooser *chooser)
{
	if (!chooser->mixed)
		return;
	(void) begin_version(chooser, 0, false);
}

/* see reprice.h */
List *
posted_versions(Program *program, const SourceConfig *source, bool read_only)
{
	MemoryContext context = CurrentMemoryContext;
	List	   *versions = NIL;
	RightsSave	rights;
	uint64		i;

	rights_enter(program->ref.owner, SECURITY_NOFORCE_RLS, &rights);
	SPI_connect();
	if (SPI_execute(psprintf("SELECT DISTINCT config_version FROM %s ORDER BY config_version",
							 quote_qualified_identifier(get_namespace_name(get_rel_namespace(source->posting)),
														get_rel_name(source->posting))),
					read_only, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read postings: %s", SPI_result_code_string(SPI_result));
	MemoryContextSwitchTo(context);
	for (i = 0; i < SPI_processed; i++)
	{
		bool		isnull;

		versions = lappend_int(versions,
							   DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[i],
														   SPI_tuptable->tupdesc, 1, &isnull)));
	}
	SPI_finish();
	rights_leave(&rights);
	return versions;
}
