/*-------------------------------------------------------------------------
 *
 * tier_load.c
 *	  The groups of tiers of a program, in all versions.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/tiers.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "engine/amount.h"
#include "engine/program_load.h"
#include "types/zone.h"

/* see tiers.h */
int
tiers_make_slot(TierConfig *config, int32 unit_no)
{
	int			slot = tiers_slot(config, unit_no);

	if (slot >= 0)
		return slot;
	config->units = config->units ?
		repalloc(config->units, sizeof(int32) * (config->nunits + 1)) :
		palloc(sizeof(int32));
	config->units[config->nunits] = unit_no;
	return config->nunits++;
}

/* The index of a group by its number, -1 if there is none. */
static int
find_group(const TierConfig *config, int32 group_no)
{
	int			g;

	for (g = 0; g < config->ngroups; g++)
	{
		if (config->groups[g].group_no == group_no)
			return g;
	}
	return -1;
}

/* see tiers.h */
TierReader *
tier_reader_begin(int ngroups, int ntiers)
{
	TierReader *reader = palloc0(sizeof(TierReader));
	TierConfig *config = palloc0(sizeof(TierConfig));

	reader->config = config;
	reader->max_groups = Max(1, ngroups);
	reader->max_tiers = Max(1, ntiers);
	reader->versions = palloc0(sizeof(int32) * reader->max_groups * reader->max_groups);
	config->groups = palloc0(sizeof(TierGroup) * reader->max_groups);
	config->group_names = palloc0(sizeof(char *) * reader->max_groups);
	config->group_deleted = palloc0(sizeof(bool) * reader->max_groups);
	config->group_tops_up = palloc0(sizeof(bool) * reader->max_groups);
	config->tier_nos = palloc(sizeof(int32) * reader->max_tiers);
	config->tier_names = palloc(sizeof(char *) * reader->max_tiers);
	config->tier_groups = palloc(sizeof(int) * reader->max_tiers);
	return reader;
}

/*
 * see tiers.h: a ladder for each version; what is as old as its successor has
 * never been in force
 */
void
tier_reader_group(TierReader *reader, int32 group_no, int32 version, char *name, bool deleted,
				  bool tops_up, const TierLadder *ladder)
{
	TierConfig *config = reader->config;
	TierGroup  *group;
	TierLadder *ladders;
	int			g = find_group(config, group_no);
	int			last;

	if (g < 0)
	{
		g = config->ngroups++;
		config->groups[g].group_no = group_no;
		config->groups[g].ladders = palloc0(sizeof(TierLadder) * reader->max_groups);
	}
	group = &config->groups[g];
	ladders = (TierLadder *) group->ladders;
	config->version = Max(config->version, version);
	config->group_names[g] = name;
	config->group_deleted[g] = deleted;
	config->group_tops_up[g] = tops_up;
	last = group->nladders - 1;
	if (last >= 0 && ladders[last].since >= ladder->since)
	{
		Instant		since = ladders[last].since;

		ladders[last] = *ladder;
		ladders[last].since = since;
	}
	else
	{
		last++;
		ladders[group->nladders++] = *ladder;
	}
	reader->versions[g * reader->max_groups + last] = version;
}

/* see tiers.h */
void
tier_reader_tier(TierReader *reader, int32 group_no, int32 version, char *name,
				 const TierStep *step)
{
	TierConfig *config = reader->config;
	TierLadder *ladder = NULL;
	int			g = find_group(config, group_no);
	int			i;

	if (g < 0)
		return;

	/* later versions come later, so that the name is the last */
	for (i = 0; i < config->ntiers && config->tier_nos[i] != step->tier_no; i++)
		;
	if (i == config->ntiers)
		config->ntiers++;
	config->tier_nos[i] = step->tier_no;
	config->tier_names[i] = name;
	config->tier_groups[i] = g;

	for (i = 0; i < config->groups[g].nladders; i++)
	{
		if (reader->versions[g * reader->max_groups + i] == version)
			ladder = (TierLadder *) &config->groups[g].ladders[i];
	}
	if (ladder == NULL)
		return;
	if (ladder->steps == NULL)
		ladder->steps = palloc0(sizeof(TierStep) * reader->max_tiers);
	*(TierStep *) &ladder->steps[ladder->nsteps++] = *step;
}

/* Points of a numeric column; none: no limit. */
static Points
read_points(const ConfigRow *row, const char *column)
{
	bool		isnull;
	Datum		value = config_datum(row, column, NUMERICOID, &isnull);

	return isnull ? PG_INT64_MAX : amount_to_points(amount_from_numeric(value, column));
}

/* What a tier asks for: two arrays. */
static void
read_needs(const ConfigRow *row, TierConfig *config, TierStep *step)
{
	Datum	   *units;
	Datum	   *thresholds;
	TierNeed   *needs;
	int			n;
	int			i;

	deconstruct_array(DatumGetArrayTypeP(config_datum(row, "units", INT2ARRAYOID, NULL)),
					  INT2OID, sizeof(int16), true, TYPALIGN_SHORT, &units, NULL, &step->nneeds);
	deconstruct_array(DatumGetArrayTypeP(config_datum(row, "thresholds", NUMERICARRAYOID, NULL)),
					  NUMERICOID, -1, false, TYPALIGN_INT, &thresholds, NULL, &n);
	step->needs = needs = palloc(sizeof(TierNeed) * Max(1, step->nneeds));
	for (i = 0; i < step->nneeds; i++)
	{
		needs[i].slot = tiers_make_slot(config, DatumGetInt16(units[i]));
		needs[i].threshold = amount_to_points(amount_from_numeric(thresholds[i], "threshold"));
	}
}

/* see tiers.h */
TierConfig *
tier_reader_end(TierReader *reader)
{
	TierConfig *config = reader->config;
	int			g;
	int			l;
	int			i;
	int			t;

	config->group_texts = palloc(sizeof(text *) * Max(1, config->ngroups));
	for (g = 0; g < config->ngroups; g++)
	{
		config->group_texts[g] = cstring_to_text(config->group_names[g]);
		config->tops_up |= config->group_tops_up[g];
	}
	config->tier_texts = palloc(sizeof(text *) * Max(1, config->ntiers));
	for (t = 0; t < config->ntiers; t++)
		config->tier_texts[t] = cstring_to_text(config->tier_names[t]);
	for (g = 0; g < config->ngroups; g++)
	{
		for (l = 0; l < config->groups[g].nladders; l++)
		{
			TierLadder *ladder = (TierLadder *) &config->groups[g].ladders[l];

			if (ladder->carries)
			{
				ladder->slot = tiers_make_slot(config, ladder->unit_no);
				config->carries = true;
			}
			for (i = 0; i < ladder->nsteps; i++)
			{
				if (ladder->steps[i].life_years == 0)
					continue;
				for (t = 0; t < config->ntenures &&
					 config->tenures[t].tier_no != ladder->steps[i].tier_no;)
					t++;
				if (t < config->ntenures)
					continue;
				if (config->tenures == NULL)
					config->tenures = palloc0(sizeof(TierTenure) * Max(1, config->ntiers));
				config->tenures[t].group = g;
				config->tenures[t].tier_no = ladder->steps[i].tier_no;
				config->tenures[t].at = INSTANT_ALWAYS;
				config->ntenures++;
			}
		}
	}
	return config;
}

/* see tiers.h */
Zone
tiers_zone(const char *name)
{
	pg_tz	   *tz = zone_lookup(name);

	if (tz == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%s\" does not exist", name)));
	return zone_for_tz(tz);
}

/* see tiers.h */
TierConfig *
tiers_load(Program *program)
{
	static const char *const group_order[] = {"group_no", "config_version"};
	static const char *const tier_order[] = {"group_no", "config_version", "rank", "tier_no"};
	MemoryContext old;
	TierReader *reader;
	ConfigTable *groups = config_table_read(&program->ref, "tier_group_version");
	ConfigTable *tiers;
	int			i;

	if (groups->nrows == 0)
	{
		config_table_close(groups);
		return NULL;
	}
	config_table_sort(groups, group_order, lengthof(group_order));
	tiers = config_table_read(&program->ref, "tier_version");
	config_table_sort(tiers, tier_order, lengthof(tier_order));
	old = MemoryContextSwitchTo(program->context);
	reader = tier_reader_begin(groups->nrows, tiers->nrows);
	for (i = 0; i < groups->nrows; i++)
	{
		ConfigRow	row = groups->rows[i];
		TierLadder	ladder = {0};

		ladder.since = DatumGetTimestampTz(config_datum(&row, "since", TIMESTAMPTZOID, NULL));
		ladder.unit_no = config_int(&row, "unit_no", 0);
		ladder.one_level = strcmp(config_text(&row, "downgrade"), "one_level") == 0;
		config_struct(&row, "keep", "period", &ladder.keep, sizeof(Period));
		config_struct(&row, "keep_renewed", "period", &ladder.keep_renewed, sizeof(Period));
		ladder.carries = strcmp(config_text(&row, "rollover"), "excess") == 0;
		ladder.carry_max = read_points(&row, "rollover_max");
		config_struct(&row, "rollover_window", "period", &ladder.window, sizeof(Period));
		ladder.zone = tiers_zone(config_text(&row, "time_zone"));
		tier_reader_group(reader, config_int(&row, "group_no", 0),
						  config_int(&row, "config_version", 0), config_text(&row, "name"),
						  config_bool(&row, "deleted"), config_bool(&row, "top_up"), &ladder);
	}
	for (i = 0; i < tiers->nrows; i++)
	{
		ConfigRow	row = tiers->rows[i];
		TierStep	step = {0};

		step.tier_no = config_int(&row, "tier_no", 0);
		step.rank = config_int(&row, "rank", 0);
		step.any = strcmp(config_text(&row, "qualify"), "any") == 0;
		step.closed = config_bool(&row, "closed");
		step.life_years = config_int(&row, "life_years", 0);
		read_needs(&row, reader->config, &step);
		tier_reader_tier(reader, config_int(&row, "group_no", 0),
						 config_int(&row, "config_version", 0), config_text(&row, "name"),
						 &step);
	}
	tier_reader_end(reader);
	config_table_close(tiers);
	config_table_close(groups);
	MemoryContextSwitchTo(old);
	return reader->config;
}

/* see tiers.h */
const char *
tiers_name(const TierConfig *config, int32 tier_no)
{
	int			i;

	for (i = 0; i < config->ntiers; i++)
	{
		if (config->tier_nos[i] == tier_no)
			return config->tier_names[i];
	}
	return NULL;
}

/* see tiers.h */
char *
tiers_json(const TierConfig *config, const char **held)
{
	StringInfoData text;
	int			g;

	initStringInfo(&text);
	for (g = 0; g < config->ngroups; g++)
	{
		if (held[g] == NULL)
			continue;
		appendStringInfoString(&text, text.len == 0 ? "{" : ", ");
		escape_json(&text, config->group_names[g]);
		appendStringInfoString(&text, ": ");
		escape_json(&text, held[g]);
	}
	if (text.len == 0)
		return NULL;
	appendStringInfoChar(&text, '}');
	return text.data;
}

/* see tiers.h */
const char *
tiers_first(const TierConfig *config, const char **held)
{
	int			g;

	for (g = 0; g < config->ngroups; g++)
	{
		if (!config->group_deleted[g])
			return held[g];
	}
	return NULL;
}

/* see tiers.h */
int
tiers_group(const Program *program, const char *name)
{
	const TierConfig *config = program->tiers;
	int			found = -1;
	int			count = 0;
	int			g;

	for (g = 0; config && g < config->ngroups; g++)
	{
		if (name ? strcmp(config->group_names[g], name) == 0 : !config->group_deleted[g])
		{
			/* one that is there now, whatever was called so before */
			if (found < 0 || config->group_deleted[found])
				found = g;
			count++;
		}
	}
	if (found < 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 name ? errmsg("there is no tier group named \"%s\"", name) :
				 errmsg("program \"%s\" has no tiers", program->ref.name),
				 errhint("The program's groups of tiers are the rows of its table \"tier_group\".")));
	if (name == NULL && count > 1)
		ereport(ERROR,
				(errcode(ERRCODE_AMBIGUOUS_PARAMETER),
				 errmsg("the program has %d groups of tiers: say which one", count),
				 errhint("Give the name of a tier group.")));
	return found;
}

/* see tiers.h */
int32
tiers_find(const TierConfig *config, int group, const char *name)
{
	int			i;

	for (i = config->ntiers - 1; i >= 0; i--)
	{
		if (config->tier_groups[i] == group && strcmp(config->tier_names[i], name) == 0)
			return config->tier_nos[i];
	}
	return 0;
}

/* see tiers.h */
int32
tiers_number(const TierConfig *config, int group, const char *name)
{
	int32		tier_no = tiers_find(config, group, name);

	if (tier_no == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no tier named \"%s\" in group \"%s\"", name,
						config->group_names[group])));
	return tier_no;
}
