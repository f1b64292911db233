/*-------------------------------------------------------------------------
 *
 * config_tier.c
 *	  Groups of tiers: what may stand in their tables, and what they were in
 *	  each configuration version.
 *
 * Ranks and thresholds are checked when a statement is done, so that one can
 * move several.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "engine/config.h"

static void check_groups(const ProgramRef *ref);
static void check_ladder(const ProgramRef *ref, const ConfigTuple *group, const ConfigTuple *unit);
static void check_rollover(const ProgramRef *ref, const ConfigTuple *group,
						   const ConfigTuple *unit);
static void check_more_thresholds(const ProgramRef *ref);
static void check_qualifying(const ConfigTuple *unit, const char *group);
static void write_versions(const ProgramRef *ref);

/*
 * A tier stays in its group, whatever that is called: those who hold it stand on
 * the group's ladder.
 */
static void
require_same_group(const ConfigTrigger *trigger)
{
	Oid			types[1] = {TEXTOID};
	Datum		values[1];

	if (!tuple_differs(&trigger->old, &trigger->new, "tier_group"))
		return;
	values[0] = CStringGetTextDatum(tuple_text(&trigger->old, "tier_group"));
	if (config_execute(&trigger->ref, "SELECT FROM @.tier_group WHERE name = $1", 1, types,
					   values, NULL) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("tier \"%s\" cannot be moved to another group",
						tuple_text(&trigger->old, "name")),
				 errhint("Delete it, which leaves those who hold it the end of their stay, and make one in the other group.")));
}

/*
 * Before a tier is written: what identifies it stays.
 */
LOYALTY_FUNCTION(loyalty_tier_check);
Datum
loyalty_tier_check(PG_FUNCTION_ARGS)
{
	ConfigTrigger trigger;
	HeapTuple	result;

	config_trigger_begin(fcinfo, "tier", CONFIG_BEFORE_ROW, &trigger);
	config_lock(&trigger.ref);
	if (trigger.old.tuple != NULL)
	{
		config_require_same(&trigger, "tier_no");
		require_same_group(&trigger);
	}
	result = trigger.new.tuple;
	config_trigger_end(&trigger);

	return PointerGetDatum(result);
}

/*
 * A tier has another name: rules that name it do so from now on, too.
 */
LOYALTY_FUNCTION(loyalty_tier_renamed);
Datum
loyalty_tier_renamed(PG_FUNCTION_ARGS)
{
	ConfigTrigger trigger;

	config_trigger_begin(fcinfo, "tier", CONFIG_AFTER_ROW, &trigger);
	if (tuple_differs(&trigger.old, &trigger.new, "name"))
	{
		Oid			types[3] = {TEXTOID, TEXTOID, INT4OID};
		Datum		values[3];

		values[0] = CStringGetTextDatum(tuple_text(&trigger.old, "name"));
		values[1] = CStringGetTextDatum(tuple_text(&trigger.new, "name"));
		values[2] = Int32GetDatum(config_bump(&trigger.ref));
		config_execute(&trigger.ref,
					   "INSERT INTO @.rule_version (rule_no, config_version, name, source_no,"
					   " unit_no, earn, amount, condition, min_amount, valid, tiers, priority,"
					   " exclusive_group, max_per_event, max_per_member, cap_period, budget,"
					   " activates, expires, enabled, pin)"
					   " SELECT v.rule_no, $3, v.name, v.source_no,"
					   " v.unit_no, v.earn, v.amount, v.condition, v.min_amount, v.valid,"
					   " array_replace(r.tiers, $1, $2), v.priority,"
					   " v.exclusive_group, v.max_per_event, v.max_per_member, v.cap_period,"
					   " v.budget, v.activates, v.expires, v.enabled, v.pin"
					   " FROM @.rule AS r, @.rule_version AS v"
					   " WHERE $1 = ANY (r.tiers) AND v.rule_no = r.rule_no"
					   " AND v.config_version = (SELECT max(l.config_version) FROM @.rule_version AS l"
					   "  WHERE l.rule_no = r.rule_no)",
					   3, types, values, NULL);
		config_execute(&trigger.ref,
					   "UPDATE @.rule SET tiers = array_replace(tiers, $1, $2)"
					   " WHERE $1 = ANY (tiers)", 2, types, values, NULL);
		config_execute(&trigger.ref,
					   "UPDATE @.reward SET tiers = array_replace(tiers, $1, $2)"
					   " WHERE $1 = ANY (tiers)", 2, types, values, NULL);
		config_execute(&trigger.ref,
					   "UPDATE @.reward_price SET tiers = array_replace(tiers, $1, $2)"
					   " WHERE $1 = ANY (tiers)", 2, types, values, NULL);
		config_execute(&trigger.ref,
					   "UPDATE @.tier_benefit SET tier = $2 WHERE tier = $1", 2, types, values,
					   NULL);
	}
	config_trigger_end(&trigger);

	return PointerGetDatum(NULL);
}

/*
 * After rows of any of the tables were written: whether they may stand, and
 * the record of the version.
 */
LOYALTY_FUNCTION(loyalty_tiers_changed);
Datum
loyalty_tiers_changed(PG_FUNCTION_ARGS)
{
	ConfigTrigger trigger;

	config_trigger_begin(fcinfo, NULL, CONFIG_AFTER_STATEMENT, &trigger);
	config_lock(&trigger.ref);
	check_groups(&trigger.ref);
	check_more_thresholds(&trigger.ref);
	tiers_check_rules(&trigger.ref);
	write_versions(&trigger.ref);
	config_trigger_end(&trigger);

	return PointerGetDatum(NULL);
}

/* see config.h */
void
tiers_check_again(const ProgramRef *ref)
{
	check_groups(ref);
	check_more_thresholds(ref);

	/* what is carried over from now on lasts as the unit says now */
	if (config_execute(ref,
					   "SELECT FROM @.tier_group AS g JOIN @.unit AS u ON u.name = g.unit"
					   " JOIN @.tier_group_version AS v ON v.group_no = g.group_no"
					   " WHERE g.rollover <> 'none' AND v.rollover_window OPERATOR(loyalty.<>) u.expires"
					   " AND v.config_version = (SELECT max(l.config_version) FROM @.tier_group_version AS l)"
					   " LIMIT 1", 0, NULL, NULL, NULL) > 0)
		write_versions(ref);
}

/* see config.h */
void
tiers_follow_zone(const ProgramRef *ref)
{
	if (config_execute(ref, "SELECT FROM @.tier_group_version LIMIT 1", 0, NULL, NULL, NULL) > 0)
		write_versions(ref);
}

/*
 * A rule that depends on a tier may not pay what qualifies for it if the group
 * tops up: that would raise the tier again.
 */
void
tiers_check_rules(const ProgramRef *ref)
{
	ConfigTuple row;

	if (config_execute(ref,
					   "SELECT r.name AS rule, g.name AS group_name, r.unit"
					   " FROM @.rule AS r, @.tier_group AS g"
					   " WHERE g.top_up AND (r.unit = g.unit OR r.unit IN (SELECT h.unit"
					   "  FROM @.tier_threshold AS h JOIN @.tier AS t ON t.name = h.tier"
					   "  WHERE t.tier_group = g.name))"
					   " AND (r.tiers && ARRAY(SELECT t.name FROM @.tier AS t WHERE t.tier_group = g.name)"
					   "  OR concat(r.condition, ' ', r.amount) ~*"
					   "   'member[[:space:]]*[.][[:space:]]*[\"]?tiers?([^a-z_]|$)')"
					   " ORDER BY r.name LIMIT 1", 0, NULL, NULL, NULL) == 0)
		return;
	row = config_result(0);
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("rule \"%s\", which depends on tiers, cannot pay unit \"%s\": it qualifies for tier group \"%s\", which tops up",
					tuple_text(&row, "rule"), tuple_text(&row, "unit"), tuple_text(&row, "group_name")),
			 errhint("Set the group's top_up to false, or let the rule pay another unit.")));
}

/*
 * How long tiers are kept, and their ladders.
 */
static void
check_groups(const ProgramRef *ref)
{
	uint64		ngroups = config_execute(ref, "SELECT * FROM @.tier_group ORDER BY group_no",
										 0, NULL, NULL, NULL);
	SPITupleTable *groups = SPI_tuptable;
	uint64		i;

	for (i = 0; i < ngroups; i++)
	{
		ConfigTuple group = {groups->vals[i], groups->tupdesc};
		char	   *name = tuple_text(&group, "name");
		static const char *const columns[] = {"keep", "keep_renewed"};
		ConfigTuple unit = config_find_unit(ref, tuple_text(&group, "unit"));
		int			k;

		for (k = 0; k < lengthof(columns); k++)
		{
			Period		period;

			if (!tuple_period(&group, columns[k], &period))
				continue;
			if (period.kind == PERIOD_ACTIVITY)
				ereport(ERROR,
						(errcode(ERRCODE_CHECK_VIOLATION),
						 errmsg("%s of tier group \"%s\" cannot depend on activity",
								columns[k], name),
						 errhint("Use a period such as \"12 months\", \"to end of year\", \"immediately\" or \"never\".")));
		}
		if (unit.tuple == NULL)
			continue;			/* the reference says so */
		check_qualifying(&unit, name);
		check_ladder(ref, &group, &unit);
		check_rollover(ref, &group, &unit);
	}
}

/*
 * What is carried over: points that end together, of nobody but the group, and
 * cannot have been spent.
 */
static void
check_rollover(const ProgramRef *ref, const ConfigTuple *group, const ConfigTuple *unit)
{
	Oid			types[2] = {TEXTOID, TEXTOID};
	Datum		values[2];
	char	   *name = tuple_text(group, "name");
	char	   *unit_name = tuple_text(unit, "name");
	Period		expires;
	Points		most;

	if (strcmp(tuple_text(group, "rollover"), "none") == 0)
	{
		if (!tuple_isnull(group, "rollover_max"))
			ereport(ERROR,
					(errcode(ERRCODE_CHECK_VIOLATION),
					 errmsg("rollover_max of tier group \"%s\" says nothing without rollover", name),
					 errhint("Set rollover = 'excess', or rollover_max to NULL.")));
		return;
	}
	config_points_of(group, "rollover_max", unit_step(unit), unit_name,
					 psprintf("rollover_max of tier group \"%s\"", name), &most);
	if (!tuple_period(unit, "expires", &expires) || expires.kind != PERIOD_LENGTH ||
		expires.boundary == CALENDAR_NONE)
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("tier group \"%s\" cannot carry over points of unit \"%s\"", name, unit_name),
				 errdetail("They do not end together, at the end of a period of the calendar."),
				 errhint("Let the unit expire \"to end of year\", for example, or set rollover = 'none'.")));
	if (tuple_bool(unit, "spendable"))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("tier group \"%s\" cannot carry over points of unit \"%s\"", name, unit_name),
				 errdetail("They can be spent."),
				 errhint("Set the unit's spendable = false, or rollover = 'none'.")));
	values[0] = CStringGetTextDatum(unit_name);
	values[1] = CStringGetTextDatum(name);
	if (config_execute(ref,
					   "SELECT FROM @.tier_group WHERE unit = $1 AND name <> $2 AND rollover <> 'none'"
					   " LIMIT 1", 2, types, values, NULL) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("two tier groups cannot carry over points of unit \"%s\"", unit_name),
				 errhint("Set rollover = 'none' for one of them.")));
}

/*
 * A unit by which members qualify: its lots end by themselves.
 */
static void
check_qualifying(const ConfigTuple *unit, const char *group)
{
	Period		expires;

	if (tuple_period(unit, "expires", &expires) && expires.kind == PERIOD_ACTIVITY)
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("unit \"%s\", whose points expire since last activity, cannot qualify for tier group \"%s\"",
						tuple_text(unit, "name"), group),
				 errhint("The expiry of a qualifying unit is the window of its tiers, such as \"12 months\".")));
}

/*
 * Ranks and thresholds rise together.
 */
static void
check_ladder(const ProgramRef *ref, const ConfigTuple *group, const ConfigTuple *unit)
{
	Oid			types[1] = {TEXTOID};
	Datum		values[1];
	char	   *group_name = tuple_text(group, "name");
	Points		step = unit_step(unit);
	uint64		ntiers;
	SPITupleTable *tiers;
	uint64		i;
	Points		last = -1;
	char	   *last_name = NULL;
	char	   *rank_name = NULL;
	int32		last_rank = 0;

	values[0] = CStringGetTextDatum(group_name);
	ntiers = config_execute(ref,
							"SELECT * FROM @.tier WHERE tier_group = $1"
							" ORDER BY rank, threshold NULLS LAST, name", 1, types, values, NULL);
	tiers = SPI_tuptable;
	for (i = 0; i < ntiers; i++)
	{
		ConfigTuple tier = {tiers->vals[i], tiers->tupdesc};
		char	   *name = tuple_text(&tier, "name");
		int32		rank = tuple_int(&tier, "rank");
		Points		threshold;

		if (rank_name != NULL && rank == last_rank)
			ereport(ERROR,
					(errcode(ERRCODE_CHECK_VIOLATION),
					 errmsg("tiers \"%s\" and \"%s\" of group \"%s\" have the same rank %d",
							rank_name, name, group_name, rank),
					 errhint("Each tier of a group has a rank of its own; leave gaps, such as 10, 20, 30.")));
		rank_name = name;
		last_rank = rank;
		if (!config_points_of(&tier, "threshold", step, tuple_text(unit, "name"),
							  psprintf("threshold of tier \"%s\"", name), &threshold))
			continue;
		if (last_name != NULL && threshold <= last)
			ereport(ERROR,
					(errcode(ERRCODE_CHECK_VIOLATION),
					 errmsg("tier \"%s\" ranks above \"%s\", but its threshold is not higher",
							name, last_name),
					 errdetail("Ranks and thresholds of group \"%s\" must rise together.",
							   group_name),
					 errhint("Change both in one statement if they trade places.")));
		last = threshold;
		last_name = name;
	}
}

/*
 * Thresholds in further units: not in the group's own, and not falling.
 */
static void
check_more_thresholds(const ProgramRef *ref)
{
	uint64		n = config_execute(ref,
								   "SELECT h.tier, h.unit, h.threshold, g.name AS group_name,"
								   " g.unit AS group_unit, t.tier_group"
								   " FROM @.tier_threshold AS h"
								   " JOIN @.tier AS t ON t.name = h.tier"
								   " JOIN @.tier_group AS g ON g.name = t.tier_group"
								   " ORDER BY g.group_no, h.unit, t.rank", 0, NULL, NULL, NULL);
	SPITupleTable *rows = SPI_tuptable;
	char	   *last_group = "";
	char	   *last_unit = "";
	char	   *last_tier = "";
	Points		last = 0;
	uint64		i;

	for (i = 0; i < n; i++)
	{
		ConfigTuple row = {rows->vals[i], rows->tupdesc};
		char	   *tier = tuple_text(&row, "tier");
		char	   *unit_name = tuple_text(&row, "unit");
		char	   *group = tuple_text(&row, "group_name");
		ConfigTuple unit = config_find_unit(ref, unit_name);
		Points		threshold;

		if (strcmp(unit_name, tuple_text(&row, "group_unit")) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_CHECK_VIOLATION),
					 errmsg("tier \"%s\" would have two thresholds in unit \"%s\"", tier, unit_name),
					 errhint("The unit is that of tier group \"%s\": set the tier's own \"threshold\".",
							 group)));
		check_qualifying(&unit, group);
		config_points_of(&row, "threshold", unit_step(&unit), unit_name,
						 psprintf("threshold of tier \"%s\" in unit \"%s\"", tier, unit_name),
						 &threshold);
		if (strcmp(group, last_group) == 0 && strcmp(unit_name, last_unit) == 0 &&
			threshold < last)
			ereport(ERROR,
					(errcode(ERRCODE_CHECK_VIOLATION),
					 errmsg("tier \"%s\" ranks above \"%s\", but its threshold in unit \"%s\" is lower",
							tier, last_tier, unit_name),
					 errdetail("Ranks and thresholds of group \"%s\" must rise together.", group)));
		last = threshold;
		last_group = group;
		last_unit = unit_name;
		last_tier = tier;
	}
}

/*
 * The record of all groups as they are from now on; from the beginning of time
 * as long as nothing has been posted that they could have judged.
 */
static void
write_versions(const ProgramRef *ref)
{
	Oid			types[2] = {INT4OID, TIMESTAMPTZOID};
	Datum		values[2];
	bool		pristine;

	pristine = config_execute(ref, "SELECT FROM @.account WHERE last_entry > 0 LIMIT 1",
							  0, NULL, NULL, NULL) == 0 &&
		config_execute(ref, "SELECT FROM @.tier_change LIMIT 1", 0, NULL, NULL, NULL) == 0;
	values[0] = Int32GetDatum(config_bump(ref));
	values[1] = TimestampTzGetDatum(pristine ? DT_NOBEGIN : program_now(ref));

	/* tiers that are gone keep those who hold them */
	config_execute(ref,
				   "INSERT INTO @.tier_version (tier_no, config_version, group_no, name, rank,"
				   " qualify, units, thresholds, life_years, closed)"
				   " SELECT t.tier_no, $1, g.group_no, t.name, t.rank, t.qualify,"
				   " coalesce(n.units, '{}'), coalesce(n.thresholds, '{}'), t.life_years, false"
				   " FROM @.tier AS t JOIN @.tier_group AS g ON g.name = t.tier_group"
				   " CROSS JOIN LATERAL (SELECT array_agg(u.unit_no ORDER BY u.unit_no) AS units,"
				   "  array_agg(h.threshold ORDER BY u.unit_no) AS thresholds"
				   "  FROM (SELECT g.unit, t.threshold WHERE t.threshold IS NOT NULL"
				   "   UNION ALL SELECT x.unit, x.threshold FROM @.tier_threshold AS x"
				   "   WHERE x.tier = t.name) AS h"
				   "  JOIN @.unit AS u ON u.name = h.unit) AS n"
				   " UNION ALL"
				   " SELECT v.tier_no, $1, v.group_no, v.name, v.rank, v.qualify, v.units,"
				   " v.thresholds, NULL, true"
				   " FROM @.tier_version AS v"
				   " WHERE isfinite($2) AND v.config_version ="
				   "  (SELECT max(l.config_version) FROM @.tier_group_version AS l)"
				   " AND NOT EXISTS (SELECT FROM @.tier AS t WHERE t.tier_no = v.tier_no)",
				   2, types, values, NULL);
	config_execute(ref,
				   "INSERT INTO @.tier_group_version (group_no, config_version, since, name,"
				   " unit_no, keep, keep_renewed, downgrade, top_up, rollover, rollover_max,"
				   " rollover_window, time_zone, deleted)"
				   " SELECT g.group_no, $1, $2, g.name, u.unit_no, g.keep,"
				   " coalesce(g.keep_renewed, g.keep), g.downgrade, g.top_up, g.rollover, g.rollover_max,"
				   " u.expires, p.time_zone, false"
				   " FROM @.program AS p, @.tier_group AS g JOIN @.unit AS u ON u.name = g.unit"
				   " UNION ALL"
				   " SELECT v.group_no, $1, $2, v.name, v.unit_no, v.keep, v.keep_renewed,"
				   " v.downgrade, v.top_up, 'none', NULL, v.rollover_window, p.time_zone, true"
				   " FROM @.program AS p, @.tier_group_version AS v"
				   " WHERE isfinite($2) AND v.config_version ="
				   "  (SELECT max(l.config_version) FROM @.tier_group_version AS l)"
				   " AND NOT EXISTS (SELECT FROM @.tier_group AS g WHERE g.group_no = v.group_no)",
				   2, types, values, NULL);
	config_execute(ref,
				   "UPDATE @.program SET tiers = (SELECT jsonb_build_array("
				   "  jsonb_agg(to_jsonb(v) ORDER BY v.group_no, v.config_version),"
				   "  (SELECT coalesce(jsonb_agg(to_jsonb(t) ORDER BY t.group_no, t.config_version, t.rank,"
				   "   t.tier_no), '[]') FROM @.tier_version AS t))"
				   "  FROM @.tier_group_version AS v HAVING count(*) > 0),"
				   " rollover = EXISTS (SELECT FROM @.tier_group_version WHERE rollover <> 'none')",
				   0, NULL, NULL, NULL);
}
