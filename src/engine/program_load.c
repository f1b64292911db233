/*-------------------------------------------------------------------------
 *
 * program_load.c
 *	  Loads the configuration of a program: what program.h says a backend holds.
 *
 * Loading reads under the latest snapshot, not the transaction's: a message
 * that has been consumed does not come again, so what is loaded after it must
 * not be older.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/program_load.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "engine/amount.h"
#include "engine/ledger.h"
#include "engine/tiers.h"

/* The columns of the key of a source's posting table, and where it reads them. */
static void
load_source_keys(SourceConfig *source, Datum key_columns, const char *program_name)
{
	Relation	posting;
	Datum	   *names;
	int			nnames;
	int			i;

	deconstruct_array(DatumGetArrayTypeP(key_columns), TEXTOID, -1, false, TYPALIGN_INT,
					  &names, NULL, &nnames);
	posting = table_open(source->posting, AccessShareLock);
	while (source->nkeys < MAX_KEY_COLUMNS && source->nkeys < posting->rd_att->natts)
	{
		Form_pg_attribute att = TupleDescAttr(posting->rd_att, source->nkeys);
		char		expected[NAMEDATALEN];

		i = source->nkeys;
		snprintf(expected, sizeof(expected), "key%d", i + 1);
		if (strcmp(NameStr(att->attname), expected) != 0)
			break;
		source->key_type[i] = att->atttypid;
		source->key_len[i] = att->attlen;
		source->key_byval[i] = att->attbyval;
		source->key_collation[i] = att->attcollation;
		source->nkeys++;
	}
	table_close(posting, AccessShareLock);

	for (i = 0; i < nnames && i < source->nkeys; i++)
	{
		source->key_name[i] = TextDatumGetCString(names[i]);
		if (source->event >= 0 || source->key >= 0)
			continue;
		source->key_attno[i] = get_attnum(source->relid, source->key_name[i]);
		if (source->key_attno[i] == InvalidAttrNumber)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("key column \"%s\" of source \"%s\" of program \"%s\" is gone",
							source->key_name[i], source->name, program_name),
					 errhint("Detach the source and attach it again.")));
		source->read_attnos =
			bms_add_member(source->read_attnos,
						   source->key_attno[i] - FirstLowInvalidHeapAttributeNumber);
	}
}

/* Adds the columns an expression reads to those of its source. */
static void
source_reads(SourceConfig *source, const Pin *pin)
{
	int			i;

	for (i = 0; i < pin->nexprs; i++)
	{
		source->read_attnos = bms_add_members(source->read_attnos,
											  pin->exprs[i].row_attnos);
		if (bms_is_member(0 - FirstLowInvalidHeapAttributeNumber,
						  pin->exprs[i].row_attnos))
			source->reads_whole_row = true;
	}
}

/* Loads how rows of a source may be paid with points. */
static void
load_payment(SourceConfig *source, const ConfigRow *row)
{
	bool		isnull;
	Datum		value;

	source->spend_unit = config_text(row, "spend_unit");
	(void) config_points(row, "spend_min", &source->spend_min);
	source->has_spend_max = config_points(row, "spend_max", &source->spend_max);
	(void) config_points(row, "spend_step", &source->spend_step);
	value = config_datum(row, "spend_max_share", NUMERICOID, &isnull);
	source->has_max_share = !isnull;
	if (!isnull)
	{
		source->max_share = amount_from_numeric(value, "spend_max_share");
		source->max_share_text = DatumGetCString(DirectFunctionCall1(numeric_out, value));
	}
}

/* Loads the attached sources. */
static void
load_sources(Program *program)
{
	static const char *const by_number[] = {"source_no"};
	ConfigTable *table = config_table_read(&program->ref, "source");
	char	  **reduces;
	int			i;
	int			k;

	config_table_sort(table, by_number, lengthof(by_number));
	program->sources = palloc0(sizeof(SourceConfig) * Max(1, table->nrows));
	reduces = palloc0(sizeof(char *) * Max(1, table->nrows));
	for (i = 0; i < table->nrows; i++)
	{
		ConfigRow	row = table->rows[i];
		SourceConfig *source = &program->sources[program->nsources];
		Oid			pin = config_regclass(&row, "pin");
		char	   *on_delete = config_text(&row, "on_delete");

		if (!config_bool(&row, "attached"))
			continue;
		source->name = config_text(&row, "name");
		source->source_no = config_int(&row, "source_no", 0);
		source->relid = config_regclass(&row, "relation");
		source->posting = config_regclass(&row, "posting");
		source->purchase = config_bool(&row, "purchase");
		source->keep = on_delete && strcmp(on_delete, "keep") == 0;
		source->pin = OidIsValid(pin) ? pin_load(pin, program->context) : NULL;
		if (source->pin == NULL)
		{
			LostSource *lost = palloc(sizeof(LostSource));

			lost->name = source->name;
			lost->table_gone = get_rel_name(source->relid) == NULL;
			program->lost = lappend(program->lost, lost);
			continue;
		}
		source->member = pin_find(source->pin, "member");
		source->amount = pin_find(source->pin, "amount");
		source->occurred_at = pin_find(source->pin, "occurred_at");
		source->event = pin_find(source->pin, "event");
		source->condition = pin_find(source->pin, "condition");
		source->spend = pin_find(source->pin, "spend");
		source->spend_condition = pin_find(source->pin, "spend_condition");
		if (source->spend >= 0)
			load_payment(source, &row);
		source->reduces_key = pin_find(source->pin, "reduces_key");
		source->key = pin_find(source->pin, "key");
		source->several_rows = source->event >= 0;
		if (OidIsValid(source->posting))
			load_source_keys(source, config_datum(&row, "key_columns", TEXTARRAYOID, NULL),
							 program->ref.name);
		source_reads(source, source->pin);
		for (k = 0; k < program->rules->nrules; k++)
		{
			RuleConfig *rule = &program->rules->rules[k];

			if (rule->source_no == source->source_no && rule->pin)
				source_reads(source, rule->pin);
		}
		reduces[program->nsources++] = config_text(&row, "reduces");
		program->watched = lappend_oid(program->watched, source->relid);
		program->watched = lappend_oid(program->watched, source->pin->viewid);
	}
	config_table_close(table);
	for (k = 0; k < program->nsources; k++)
	{
		SourceConfig *source = &program->sources[k];

		if (reduces[k] == NULL)
			continue;
		source->reduces = program_source_by_name(program, reduces[k]);
		if (source->reduces)
			source->reduces->reducers = lappend(source->reduces->reducers, source);
	}
}

/* Loads the program's own row. */
static void
load_program_row(Program *program)
{
	ConfigTable *table = config_table_read(&program->ref, "program");
	ConfigRow	row;
	char	   *enrolment;

	if (table->nrows != 1)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table program of \"%s\" must have exactly one row",
						program->ref.name)));
	row = table->rows[0];
	program->currency_decimals = currency_decimals(config_text(&row, "currency"));
	program->queue_errors = strcmp(config_text(&row, "on_error"), "queue") == 0;
	enrolment = config_text(&row, "enrolment");
	program->enrolment = enrolment[0];
	program->clock = config_instant(&row, "clock", INSTANT_ALWAYS);
	program->test_clock = config_bool(&row, "test_clock") && program->clock != INSTANT_ALWAYS;
	if (!program->test_clock)
		program->clock = GetCurrentTimestamp();
	program->config_version = config_int(&row, "config_version", 0);
	config_table_close(table);
}

/* see program_load.h */
Snapshot
config_snapshot(void)
{
	return IsInParallelMode() ? GetActiveSnapshot() : GetLatestSnapshot();
}

/* see program_load.h */
Program *
program_load(Oid relid, MemoryContext parent)
{
	ProgramRef	ref;
	Program    *program;
	MemoryContext context;
	MemoryContext old;
	RightsSave	rights;
	int			i;

	program_identify(relid, &ref);
	context = AllocSetContextCreate(CurrentMemoryContext, "loyalty program",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	program = palloc0(sizeof(Program));
	program->ref = ref;
	program->context = context;
	program->provisional = IsInParallelMode();
	program->watched = list_make1_oid(relid);
	get_typlenbyval(ref.member_type, &program->member_len, &program->member_byval);
	program->account = program_relation(&ref, "account");
	program->account_page = program_relation(&ref, "account_page");
	program->journal = program_relation(&ref, "journal");
	program->cap_usage = program_relation(&ref, "cap_usage");
	program->budget_room = program_relation(&ref, "budget_room");
	program->operation = program_relation(&ref, "operation");
	program->operation_seq = program_relation(&ref, "operation_operation_no_seq");
	program->operation_reverses = program_relation(&ref, "operation_reverses");
	program->redemption = program_relation(&ref, "redemption");
	program->reward_stock = program_relation(&ref, "reward_stock");
	program->tier_change = program_relation(&ref, "tier_change");
	program->member = program_relation(&ref, "member");
	program->member_facts = program_relation(&ref, "member_facts");
	program->points_type = get_atttype(program->operation, get_attnum(program->operation, "points"));
	program->lots_type = get_atttype(program->account,
									 get_attnum(program->account, "lots"));

	rights_enter(ref.owner, SECURITY_NOFORCE_RLS, &rights);
	PushActiveSnapshot(config_snapshot());
	load_program_row(program);
	program->rules = load_rules(program, program->config_version, 0, 0);
	program->tiers = tiers_load(program);
	load_sources(program);
	for (i = 0; i < program->rules->nrules; i++)
	{
		if (program->rules->rules[i].pin)
			program->watched = lappend_oid(program->watched,
										   program->rules->rules[i].pin->viewid);
	}
	PopActiveSnapshot();
	ledger_check_layout(program);
	rights_leave(&rights);
	MemoryContextSwitchTo(old);
	MemoryContextSetParent(context, parent);
	return program;
}
