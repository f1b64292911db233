/*-------------------------------------------------------------------------
 *
 * catalogue_load.c
 *	  Loads the rewards of a program, with the first use of any.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "engine/catalogue.h"
#include "engine/program_load.h"

static const char *const by_name[] = {"name"};

/* Loads the choice sets; their rewards come later. */
static void
load_sets(Program *program, Catalogue *catalogue)
{
	ConfigTable *table = config_table_read(&program->ref, "choice_set");
	int			i;

	config_table_sort(table, by_name, lengthof(by_name));
	catalogue->nsets = table->nrows;
	catalogue->sets = palloc0(sizeof(ChoiceSet) * Max(1, catalogue->nsets));
	for (i = 0; i < catalogue->nsets; i++)
	{
		const ConfigRow *row = &table->rows[i];

		catalogue->sets[i].name = config_text(row, "name");
		catalogue->sets[i].choose = config_int(row, "choose", 1);
		catalogue->sets[i].period = cap_period_from_text(config_text(row, "cap_period"));
	}
	config_table_close(table);
}

/* Puts a reward into its choice set. */
static void
join_set(Catalogue *catalogue, RewardConfig *reward, const char *set_name)
{
	int			i;

	for (i = 0; i < catalogue->nsets; i++)
	{
		ChoiceSet  *set = &catalogue->sets[i];

		if (strcmp(set->name, set_name) != 0)
			continue;
		reward->set = set;
		set->rewards = set->rewards ?
			repalloc(set->rewards, sizeof(int32) * (set->nrewards + 1)) :
			palloc(sizeof(int32));
		set->rewards[set->nrewards++] = reward->reward_no;
	}
}

/* A list of tiers; NULL if there is none. */
static ArrayType *
config_tiers(const ConfigRow *row)
{
	bool		isnull;
	Datum		value = config_datum(row, "tiers", TEXTARRAYOID, &isnull);

	return isnull ? NULL : DatumGetArrayTypePCopy(value);
}

/* Reads a reward from its row; prices and sweeps come later. */
static void
load_reward(Program *program, Catalogue *catalogue, const ConfigRow *row,
			RewardConfig *reward)
{
	char	   *span = config_text(row, "cap_period");
	char	   *set = config_text(row, "choice_set");
	Oid			pin = config_regclass(row, "pin");
	bool		isnull;

	reward->reward_no = config_int(row, "reward_no", 0);
	reward->name = config_text(row, "name");
	reward->enabled = config_bool(row, "enabled");
	(void) config_datum(row, "stock", INT8OID, &isnull);
	reward->limited = !isnull;
	reward->max_per_member = config_int(row, "max_per_member", 0);
	reward->period = span ? cap_period_from_text(span) : CALENDAR_NONE;
	if (set)
		join_set(catalogue, reward, set);
	config_range(row, "valid", &reward->valid_from, &reward->valid_until);
	reward->tiers = config_tiers(row);
	reward->hold_for = *DatumGetIntervalP(config_datum(row, "hold_for", INTERVALOID, NULL));
	reward->priority = config_int(row, "priority", 0);
	reward->automatic = config_bool(row, "auto_redeem");
	reward->max_auto = config_int(row, "max_auto", 1);
	reward->pool = config_text(row, "pool");
	config_struct(row, "code_valid", "period", &reward->code_valid, sizeof(Period));
	reward->needs_pin = config_text(row, "condition") != NULL ||
		config_text(row, "early_access") != NULL;
	reward->condition = reward->early_access = -1;
	if (OidIsValid(pin))
		reward->pin = pin_load(pin, program->context);
	if (reward->pin)
	{
		reward->condition = pin_find(reward->pin, "condition");
		reward->early_access = pin_find(reward->pin, "early_access");
		program->watched = lappend_oid(program->watched, pin);
	}
}

/* The number of a unit; 0: there is none of that name. */
static int32
unit_number(const ConfigTable *units, const char *name)
{
	int			i;

	for (i = 0; i < units->nrows; i++)
	{
		if (strcmp(config_text(&units->rows[i], "name"), name) == 0)
			return config_int(&units->rows[i], "unit_no", 0);
	}
	return 0;
}

/* Loads the prices, each reward's in the order of their names. */
static void
load_prices(Program *program, Catalogue *catalogue)
{
	ConfigTable *units = config_table_read(&program->ref, "unit");
	ConfigTable *table = config_table_read(&program->ref, "reward_price");
	int			i;

	config_table_sort(table, by_name, lengthof(by_name));
	for (i = 0; i < table->nrows; i++)
	{
		const ConfigRow *row = &table->rows[i];
		RewardConfig *reward;
		int32		unit_no;
		PriceConfig *price;
		bool		isnull;
		Datum		money;

		MemoryContextSwitchTo(table->context);
		reward = catalogue_find(catalogue, config_text(row, "reward"));
		unit_no = unit_number(units, config_text(row, "unit"));
		MemoryContextSwitchTo(program->context);
		if (reward == NULL || unit_no == 0)
			continue;
		reward->prices = reward->prices ?
			repalloc(reward->prices, sizeof(PriceConfig) * (reward->nprices + 1)) :
			palloc(sizeof(PriceConfig));
		price = &reward->prices[reward->nprices++];
		memset(price, 0, sizeof(PriceConfig));
		price->name = config_text(row, "name");
		price->unit_no = unit_no;
		config_points(row, "points", &price->points);
		money = config_datum(row, "money", NUMERICOID, &isnull);
		if (!isnull)
			price->money = PointerGetDatum(PG_DETOAST_DATUM_COPY(money));
		price->tiers = config_tiers(row);
	}
	config_table_close(table);
	config_table_close(units);
}

/* Loads which rewards book_due() goes through the members for. */
static void
load_sweeps(Program *program, Catalogue *catalogue)
{
	ConfigTable *table = config_table_open(&program->ref, "reward_sweep");
	ConfigRow	row;

	while (config_table_next(table, &row))
	{
		RewardConfig *reward = catalogue_reward(catalogue, config_int(&row, "reward_no", 0));

		if (reward)
			reward->change_no =
				DatumGetInt64(config_datum(&row, "change_no", INT8OID, NULL));
	}
	config_table_close(table);
}

/* The dearest price of a reward, for the order in which they go by themselves. */
static Points
dearest(const RewardConfig *reward)
{
	Points		points = 0;
	int			i;

	for (i = 0; i < reward->nprices; i++)
		points = Max(points, reward->prices[i].points);
	return points;
}

/* Priority, then higher price, then name. */
static int
automatic_order(const void *a, const void *b)
{
	const RewardConfig *left = *(RewardConfig *const *) a;
	const RewardConfig *right = *(RewardConfig *const *) b;

	if (left->priority != right->priority)
		return left->priority > right->priority ? -1 : 1;
	if (dearest(left) != dearest(right))
		return dearest(left) > dearest(right) ? -1 : 1;
	return strcmp(left->name, right->name);
}

/* see catalogue.h */
Catalogue *
catalogue_get(Program *program)
{
	Catalogue  *catalogue;
	RightsSave	rights;
	MemoryContext old;
	ConfigTable *table;
	int			i;

	if (program->catalogue)
		return program->catalogue;
	old = MemoryContextSwitchTo(program->context);
	catalogue = palloc0(sizeof(Catalogue));
	rights_enter(program->ref.owner, SECURITY_NOFORCE_RLS, &rights);
	PushActiveSnapshot(GetLatestSnapshot());
	load_sets(program, catalogue);
	table = config_table_read(&program->ref, "reward");
	config_table_sort(table, by_name, lengthof(by_name));
	catalogue->rewards = palloc0(sizeof(RewardConfig) * Max(1, table->nrows));
	catalogue->automatic = palloc(sizeof(RewardConfig *) * Max(1, table->nrows));
	for (i = 0; i < table->nrows; i++)
		load_reward(program, catalogue, &table->rows[i],
					&catalogue->rewards[catalogue->nrewards++]);
	config_table_close(table);
	load_sweeps(program, catalogue);
	load_prices(program, catalogue);
	for (i = 0; i < catalogue->nrewards; i++)
	{
		if (catalogue->rewards[i].automatic && catalogue->rewards[i].enabled)
			catalogue->automatic[catalogue->nautomatic++] = &catalogue->rewards[i];
	}
	qsort(catalogue->automatic, catalogue->nautomatic, sizeof(RewardConfig *),
		  automatic_order);
	PopActiveSnapshot();
	rights_leave(&rights);
	MemoryContextSwitchTo(old);
	program->catalogue = catalogue;
	return catalogue;
}

/* see catalogue.h */
bool
catalogue_has_automatic(Program *program)
{
	RightsSave	rights;
	ConfigTable *table;
	ConfigRow	row;

	if (program->catalogue)
		return program->catalogue->nautomatic > 0;
	if (program->automatic_known)
		return program->automatic;
	rights_enter(program->ref.owner, SECURITY_NOFORCE_RLS, &rights);
	PushActiveSnapshot(config_snapshot());
	table = config_table_open(&program->ref, "reward");
	while (!program->automatic && config_table_next(table, &row))
		program->automatic = config_bool(&row, "auto_redeem") && config_bool(&row, "enabled");
	config_table_close(table);
	PopActiveSnapshot();
	rights_leave(&rights);
	program->automatic_known = true;
	return program->automatic;
}
