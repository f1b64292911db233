/*-------------------------------------------------------------------------
 *
 * program.c
 *	  A program as each backend holds it: tables, sources, rules and units.
 *
 * A program is loaded once per backend and thrown away when its configuration
 * or a table it reads changes.  Changes are told by relcache invalidations of
 * its table "program", which triggers on the configuration tables send; they
 * arrive in every backend when the change commits, never for a rollback.
 *
 * Loading reads under the latest snapshot, not the transaction's: a message
 * that has been consumed does not come again, so what is loaded after it must
 * not be older.  A message that arrives while loading makes it start over.
 *
 * Nothing is freed while a transaction may still hold a pointer: stale
 * programs go when the transaction ends.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/program.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tupdesc.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rangetypes.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/typcache.h"
#include "utils/uuid.h"

#include "engine/amount.h"
#include "engine/ledger.h"
#include "engine/plan.h"
#include "types/zone.h"

/* programs loaded by this backend, valid or not yet freed */
static List *programs = NIL;
static MemoryContext programs_context = NULL;

/* counts invalidations, so that one that comes during a load is noticed */
static uint64 invalidations = 0;
static bool stale_programs = false;

static Program *program_load(Oid relid);
static void program_relcache_callback(Datum arg, Oid relid);
static void program_xact_callback(XactEvent event, void *arg);

/* -------- which program, whose rights -------- */

/* see engine.h */
void
program_identify(Oid relid, ProgramRef *ref)
{
	HeapTuple	tuple;
	Form_pg_class form;
	Oid			account;
	Oid			entry;
	AttrNumber	attno;

	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("there is no relation with OID %u", relid)));
	form = (Form_pg_class) GETSTRUCT(tuple);
	ref->relid = relid;
	ref->nspid = form->relnamespace;
	ref->owner = form->relowner;
	account = get_relname_relid("account", ref->nspid);
	entry = get_relname_relid("entry", ref->nspid);
	attno = OidIsValid(account) ? get_attnum(account, "member_id") : InvalidAttrNumber;
	if (form->relkind != RELKIND_RELATION ||
		strcmp(NameStr(form->relname), "program") != 0 ||
		!OidIsValid(account) || !OidIsValid(entry) || attno == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not the table of a loyalty program",
						NameStr(form->relname)),
				 errhint("Programs are made by loyalty.create_program().")));
	ref->member_type = get_atttype(account, attno);
	strlcpy(ref->name, get_namespace_name(ref->nspid), NAMEDATALEN);
	ReleaseSysCache(tuple);
}

/* see engine.h */
void
program_require_owner(const ProgramRef *ref)
{
	if (!has_privs_of_role(GetUserId(), ref->owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for loyalty program \"%s\"", ref->name),
				 errhint("Call the functions in schema \"%s\", which its owner can grant.",
						 ref->name)));
}

/* see engine.h */
Oid
program_relation(const ProgramRef *ref, const char *relname)
{
	Oid			relid = get_relname_relid(relname, ref->nspid);

	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("loyalty program \"%s\" has no relation \"%s\"",
						ref->name, relname),
				 errhint("Run loyalty.upgrade_program('%s').", ref->name)));
	return relid;
}

/* see engine.h */
void
rights_enter(Oid owner, int extra_sec_context, RightsSave *save)
{
	GetUserIdAndSecContext(&save->user, &save->sec_context);
	SetUserIdAndSecContext(owner, save->sec_context |
						   SECURITY_LOCAL_USERID_CHANGE | extra_sec_context);
}

/* see engine.h */
void
rights_leave(const RightsSave *save)
{
	SetUserIdAndSecContext(save->user, save->sec_context);
}

/* see engine.h */
void
program_invalidate(Oid program_relid)
{
	CacheInvalidateRelcacheByRelid(program_relid);
}

/* see engine.h */
TimestampTz
program_now(const ProgramRef *ref)
{
	return program_clock(program_get(ref->relid));
}

/* see program.h */
TimestampTz
program_clock(const Program *program)
{
	if (!program->test_clock)
		return GetCurrentTimestamp();

	/* whoever waited for a lock must see a clock that was set meanwhile */
	AcceptInvalidationMessages();
	if (!program->valid)
		return program_get(program->ref.relid)->clock;
	return program->clock;
}

/* -------- the cache -------- */

/* see engine.h; called once per backend */
void
engine_init(void)
{
	CacheRegisterRelcacheCallback(program_relcache_callback, (Datum) 0);
	RegisterXactCallback(program_xact_callback, NULL);
}

/* Marks stale what an invalidation concerns; nothing else is allowed here. */
static void
program_relcache_callback(Datum arg, Oid relid)
{
	ListCell   *lc;

	invalidations++;
	foreach(lc, programs)
	{
		Program    *program = (Program *) lfirst(lc);

		if (program->valid &&
			(!OidIsValid(relid) || list_member_oid(program->watched, relid)))
		{
			program->valid = false;
			stale_programs = true;
		}
	}
}

/* Frees stale programs once nobody can hold a pointer to them. */
static void
program_xact_callback(XactEvent event, void *arg)
{
	ListCell   *lc;

	if (!stale_programs ||
		(event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT &&
		 event != XACT_EVENT_PREPARE))
		return;
	foreach(lc, programs)
	{
		Program    *program = (Program *) lfirst(lc);

		if (!program->valid)
		{
			programs = foreach_delete_current(programs, lc);
			plan_free_all(program);
			MemoryContextDelete(program->context);
		}
	}
	stale_programs = false;
}

/* see program.h */
Program *
program_get(Oid relid)
{
	ListCell   *lc;
	int			tries;

	foreach(lc, programs)
	{
		Program    *program = (Program *) lfirst(lc);

		if (program->ref.relid == relid && program->valid)
			return program;
	}

	/*
	 * What arrives while loading makes the copy stale at once; under a storm
	 * of changes the last copy is as good as any for one use.
	 */
	for (tries = 0;; tries++)
	{
		uint64		before = invalidations;
		Program    *program = program_load(relid);
		MemoryContext old = MemoryContextSwitchTo(programs_context);

		programs = lappend(programs, program);
		MemoryContextSwitchTo(old);
		program->valid = (before == invalidations);
		if (program->valid)
			return program;
		stale_programs = true;
		if (tries >= 5)
			return program;
	}
}

/* -------- reading the configuration -------- */

/* One row of an SPI result, read by column name. */
typedef struct ConfigRow
{
	HeapTuple	tuple;
	TupleDesc	desc;
} ConfigRow;

/* A column; *isnull may be NULL, then NULL is an error. */
static Datum
config_datum(const ConfigRow *row, const char *column, Oid type, bool *isnull)
{
	int			number = SPI_fnumber(row->desc, column);
	bool		null;
	Datum		value;

	if (number <= 0 || SPI_gettypeid(row->desc, number) != type)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("the program's tables have no column \"%s\" of the expected type",
						column),
				 errhint("Run loyalty.upgrade_program().")));
	value = SPI_getbinval(row->tuple, row->desc, number, &null);
	if (isnull)
		*isnull = null;
	else if (null)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("column \"%s\" of the program's tables is null", column)));
	return value;
}

/* A text column, NULL if it is. */
static char *
config_text(const ConfigRow *row, const char *column)
{
	bool		isnull;
	Datum		value = config_datum(row, column, TEXTOID, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

static int32
config_int(const ConfigRow *row, const char *column, int32 if_null)
{
	bool		isnull;
	Datum		value = config_datum(row, column, INT4OID, &isnull);

	return isnull ? if_null : DatumGetInt32(value);
}

static bool
config_bool(const ConfigRow *row, const char *column)
{
	return DatumGetBool(config_datum(row, column, BOOLOID, NULL));
}

static Oid
config_regclass(const ConfigRow *row, const char *column)
{
	bool		isnull;
	Datum		value = config_datum(row, column, REGCLASSOID, &isnull);

	return isnull ? InvalidOid : DatumGetObjectId(value);
}

/* A numeric column in points; false if it is NULL. */
static bool
config_points(const ConfigRow *row, const char *column, Points *result)
{
	bool		isnull;
	Datum		value = config_datum(row, column, NUMERICOID, &isnull);

	*result = isnull ? 0 : amount_to_points(amount_from_numeric(value, column));
	return !isnull;
}

/* A column of our type period or rate, whose binary form is the core's. */
static bool
config_struct(const ConfigRow *row, const char *column, const char *type,
			  void *result, Size size)
{
	Oid			typid = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
										CStringGetDatum(type),
										ObjectIdGetDatum(get_namespace_oid("loyalty", false)));
	bool		isnull;
	Datum		value = config_datum(row, column, typid, &isnull);

	if (isnull)
		memset(result, 0, size);
	else
		memcpy(result, DatumGetPointer(value), size);
	return !isnull;
}

/*
 * Runs a query over the program's tables; %s stands for the quoted schema, $1
 * for a configuration version, except for rule $2, which is as of version $3.
 */
static void
config_query(const ProgramRef *ref, const char *format, int32 version,
			 int32 rule_no, int32 rule_version)
{
	StringInfoData text;
	const char *schema = quote_identifier(ref->name);
	const char *at;
	Oid			types[3] = {INT4OID, INT4OID, INT4OID};
	Datum		values[3];

	initStringInfo(&text);
	while ((at = strstr(format, "%s")) != NULL)
	{
		appendBinaryStringInfo(&text, format, at - format);
		appendStringInfoString(&text, schema);
		format = at + 2;
	}
	appendStringInfoString(&text, format);
	values[0] = Int32GetDatum(version);
	values[1] = Int32GetDatum(rule_no);
	values[2] = Int32GetDatum(rule_version);
	if (SPI_execute_with_args(text.data, 3, types, values, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the configuration: %s",
			 SPI_result_code_string(SPI_result));
	pfree(text.data);
}

static ConfigRow
config_row(uint64 number)
{
	ConfigRow	row;

	row.tuple = SPI_tuptable->vals[number];
	row.desc = SPI_tuptable->tupdesc;
	return row;
}

/* Numbers of exclusive groups, by name, as long as rules are loaded. */
static int32
group_number(List **names, const char *name)
{
	ListCell   *lc;

	if (name == NULL)
		return 0;
	foreach(lc, *names)
	{
		if (strcmp((char *) lfirst(lc), name) == 0)
			return foreach_current_index(lc) + 1;
	}
	*names = lappend(*names, pstrdup(name));
	return list_length(*names);
}

/* Position of a rule among the rules of its unit: those that go first, first. */
static int
rule_order(const void *a, const void *b)
{
	const RuleConfig *left = (const RuleConfig *) a;
	const RuleConfig *right = (const RuleConfig *) b;

	if (left->unit != right->unit)
		return left->unit < right->unit ? -1 : 1;
	if (left->judge.priority != right->judge.priority)
		return left->judge.priority > right->judge.priority ? -1 : 1;
	return left->judge.name_rank < right->judge.name_rank ? -1 : 1;
}

static Stacking
stacking_from_text(const char *text)
{
	return strcmp(text, "best") == 0 ? STACKING_BEST :
		strcmp(text, "multiplicative") == 0 ? STACKING_MULTIPLICATIVE :
		STACKING_ADDITIVE;
}

static Rounding
rounding_from_text(const char *text)
{
	return strcmp(text, "half_up") == 0 ? ROUNDING_HALF_UP :
		strcmp(text, "half_even") == 0 ? ROUNDING_HALF_EVEN :
		strcmp(text, "ceil") == 0 ? ROUNDING_CEIL :
		strcmp(text, "carry") == 0 ? ROUNDING_CARRY :
		ROUNDING_FLOOR;
}

/* Reads a unit's configuration from a row of unit_version. */
static void
load_unit(const ConfigRow *row, Stacking stacking, UnitConfig *unit)
{
	int			i;

	unit->unit_no = config_int(row, "unit_no", 0);
	unit->name = config_text(row, "name");
	config_struct(row, "activates", "period", &unit->activates, sizeof(Period));
	config_struct(row, "expires", "period", &unit->expires, sizeof(Period));
	unit->decimals = config_int(row, "decimals", 0);
	unit->forgive = strcmp(config_text(row, "on_shortfall"), "forgive") == 0;
	unit->spendable = config_bool(row, "spendable");
	unit->judge.stacking = stacking;
	unit->judge.rounding = rounding_from_text(config_text(row, "rounding"));
	unit->judge.step = POINTS_SCALE;
	for (i = 0; i < unit->decimals; i++)
		unit->judge.step /= 10;
	if (unit->judge.rounding == ROUNDING_CARRY)
		unit->judge.step = 1;
	unit->judge.has_max_per_event =
		config_points(row, "max_per_event", &unit->judge.max_per_event);
}

/* A cap_period that is not NULL. */
static CalendarUnit
cap_period_from_text(const char *text)
{
	return strcmp(text, "ever") == 0 ? CALENDAR_EVER :
		calendar_unit_parse(text, strlen(text));
}

/* Reads a rule's configuration from a row of rule_version. */
static void
load_rule(const ConfigRow *row, RuleSet *rules, List **groups, int rank,
		  RuleConfig *rule, MemoryContext context)
{
	bool		isnull;
	Datum		value;
	char	   *cap_period;
	Oid			pin;

	rule->rule_no = config_int(row, "rule_no", 0);
	rule->name = config_text(row, "name");
	rule->source_no = config_int(row, "source_no", 0);
	rule->unit_no = config_int(row, "unit_no", 0);
	rule->unit = rules_unit(rules, rule->unit_no) - rules->units;
	config_struct(row, "earn", "rate", &rule->judge.earn, sizeof(Rate));
	rule->judge.priority = config_int(row, "priority", 0);
	rule->judge.name_rank = rank;
	rule->exclusive_group = config_text(row, "exclusive_group");
	rule->judge.exclusive_group = group_number(groups, rule->exclusive_group);
	rule->judge.has_max_per_event =
		config_points(row, "max_per_event", &rule->judge.max_per_event);

	value = config_datum(row, "min_amount", NUMERICOID, &isnull);
	rule->has_min_amount = !isnull;
	rule->min_amount = isnull ? FRAC_ZERO : amount_from_numeric(value, "min_amount");

	/* the range's bounds, as the half-open interval that the discrete clock allows */
	rule->valid_from = INSTANT_ALWAYS;
	rule->valid_until = INSTANT_NEVER;
	value = config_datum(row, "valid_from", TIMESTAMPTZOID, &isnull);
	if (!isnull)
		rule->valid_from = DatumGetTimestampTz(value);
	value = config_datum(row, "valid_until", TIMESTAMPTZOID, &isnull);
	if (!isnull)
		rule->valid_until = DatumGetTimestampTz(value);

	cap_period = config_text(row, "cap_period");
	if (config_points(row, "max_per_member", &rule->max_per_member) && cap_period)
		rule->cap_period = cap_period_from_text(cap_period);
	value = config_datum(row, "budget", NUMERICOID, &isnull);
	rule->has_budget = !isnull;
	config_struct(row, "activates", "period", &rule->activates, sizeof(Period));
	config_struct(row, "expires", "period", &rule->expires, sizeof(Period));

	rule->needs_pin = config_text(row, "condition") != NULL ||
		config_text(row, "amount") != NULL;
	rule->condition = rule->amount = -1;
	pin = config_regclass(row, "pin");
	if (OidIsValid(pin))
		rule->pin = pin_load(pin, context);
	if (rule->pin)
	{
		int			i;

		rule->condition = pin_find(rule->pin, "condition");
		rule->amount = pin_find(rule->pin, "amount");
		for (i = 0; i < rule->pin->nexprs; i++)
			rule->uses_member |= rule->pin->exprs[i].uses_member;
	}
}

/*
 * Loads the rules and units of one configuration version, but one rule (0:
 * none) as of another.
 */
static RuleSet *
load_rules(Program *program, int32 config_version, int32 rule_no, int32 rule_version)
{
	const ProgramRef *ref = &program->ref;
	MemoryContext old = MemoryContextSwitchTo(program->context);
	RuleSet    *rules = palloc0(sizeof(RuleSet));
	List	   *groups = NIL;
	Stacking	stacking;
	ConfigRow	row;
	uint64		i;

	rules->config_version = config_version;
	config_query(ref,
				 "SELECT time_zone, stacking FROM %s.program_version"
				 " WHERE config_version OPERATOR(pg_catalog.<=) $1"
				 " ORDER BY config_version DESC LIMIT 1",
				 config_version, 0, 0);
	if (SPI_processed == 0)
		elog(ERROR, "program \"%s\" has no configuration of version %d",
			 ref->name, config_version);
	row = config_row(0);
	MemoryContextSwitchTo(program->context);
	rules->zone_name = config_text(&row, "time_zone");
	stacking = stacking_from_text(config_text(&row, "stacking"));
	rules->tz = zone_lookup(rules->zone_name);
	if (rules->tz == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%s\" of program \"%s\" does not exist",
						rules->zone_name, ref->name)));
	rules->zone = zone_for_tz(rules->tz);

	config_query(ref,
				 "SELECT v.unit_no::pg_catalog.int4, v.name, v.activates, v.expires,"
				 " v.decimals::pg_catalog.int4, v.rounding, v.max_per_event, v.on_shortfall,"
				 " u.spendable IS NOT FALSE AS spendable"
				 " FROM %s.unit_version AS v"
				 " JOIN (SELECT unit_no, pg_catalog.max(config_version) AS config_version"
				 "  FROM %s.unit_version WHERE config_version OPERATOR(pg_catalog.<=) $1"
				 "  GROUP BY unit_no"

	/* the unit of the rule that is as of another version, if it was not there */
				 "  UNION ALL SELECT unit_no, pg_catalog.max(config_version)"
				 "  FROM %s.unit_version"
				 "  WHERE unit_no OPERATOR(pg_catalog.=) (SELECT unit_no FROM %s.rule_version"
				 "   WHERE rule_no OPERATOR(pg_catalog.=) $2"
				 "   AND config_version OPERATOR(pg_catalog.<=) $3"
				 "   ORDER BY config_version DESC LIMIT 1)"
				 "  AND config_version OPERATOR(pg_catalog.<=) $3"
				 "  GROUP BY unit_no"
				 "  HAVING pg_catalog.min(config_version) OPERATOR(pg_catalog.>) $1) AS l"
				 " ON l.unit_no OPERATOR(pg_catalog.=) v.unit_no"
				 " AND l.config_version OPERATOR(pg_catalog.=) v.config_version"
				 " LEFT JOIN %s.unit AS u ON u.unit_no OPERATOR(pg_catalog.=) v.unit_no"
				 " WHERE NOT v.deleted ORDER BY v.unit_no",
				 config_version, rule_no, rule_version);
	MemoryContextSwitchTo(program->context);
	rules->nunits = (int) SPI_processed;
	rules->units = palloc0(sizeof(UnitConfig) * Max(1, rules->nunits));
	for (i = 0; i < SPI_processed; i++)
	{
		row = config_row(i);
		load_unit(&row, stacking, &rules->units[i]);
	}

	config_query(ref,
				 "SELECT v.rule_no, v.name, v.source_no, v.unit_no::pg_catalog.int4, v.earn,"
				 " v.amount, v.condition, v.min_amount, v.priority, v.exclusive_group,"
				 " v.max_per_event, v.max_per_member, v.cap_period, v.budget,"
				 " v.activates, v.expires, v.pin,"
				 " CASE WHEN pg_catalog.lower_inf(v.valid) THEN NULL"
				 "  WHEN pg_catalog.lower_inc(v.valid) THEN pg_catalog.lower(v.valid)"
				 "  ELSE pg_catalog.lower(v.valid) OPERATOR(pg_catalog.+)"
				 "   pg_catalog.make_interval(secs => 0.000001) END AS valid_from,"
				 " CASE WHEN pg_catalog.upper_inf(v.valid) THEN NULL"
				 "  WHEN NOT pg_catalog.upper_inc(v.valid) THEN pg_catalog.upper(v.valid)"
				 "  ELSE pg_catalog.upper(v.valid) OPERATOR(pg_catalog.+)"
				 "   pg_catalog.make_interval(secs => 0.000001) END AS valid_until"
				 " FROM %s.rule_version AS v"
				 " JOIN (SELECT rule_no, pg_catalog.max(config_version) AS config_version"
				 "  FROM %s.rule_version WHERE config_version OPERATOR(pg_catalog.<=)"
				 "   CASE WHEN rule_no OPERATOR(pg_catalog.=) $2 THEN $3 ELSE $1 END"
				 "  GROUP BY rule_no) AS l"
				 " ON l.rule_no OPERATOR(pg_catalog.=) v.rule_no"
				 " AND l.config_version OPERATOR(pg_catalog.=) v.config_version"
				 " WHERE NOT v.deleted AND v.enabled"
				 " ORDER BY v.name COLLATE pg_catalog.\"C\"",
				 config_version, rule_no, rule_version);
	MemoryContextSwitchTo(program->context);
	rules->nrules = (int) SPI_processed;
	rules->rules = palloc0(sizeof(RuleConfig) * Max(1, rules->nrules));
	for (i = 0; i < SPI_processed; i++)
	{
		row = config_row(i);
		load_rule(&row, rules, &groups, (int) i, &rules->rules[i], program->context);
	}
	qsort(rules->rules, rules->nrules, sizeof(RuleConfig), rule_order);
	MemoryContextSwitchTo(old);
	return rules;
}

/* Loads which rules have caps now. */
static void
load_caps(Program *program)
{
	uint64		i;

	config_query(&program->ref,
				 "SELECT rule_no, cap_period FROM %s.rule"
				 " WHERE cap_period IS NOT NULL", 0, 0, 0);
	MemoryContextSwitchTo(program->context);
	program->ncapped = (int) SPI_processed;
	program->capped = palloc(sizeof(CappedRule) * Max(1, program->ncapped));
	for (i = 0; i < SPI_processed; i++)
	{
		ConfigRow	row = config_row(i);

		program->capped[i].rule_no = config_int(&row, "rule_no", 0);
		program->capped[i].period = cap_period_from_text(config_text(&row, "cap_period"));
	}
}

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

/* Loads the attached sources. */
static void
load_sources(Program *program)
{
	char	  **reduces;
	uint64		n;
	uint64		i;
	int			k;

	config_query(&program->ref,
				 "SELECT name, source_no, relation, pin, posting, key_columns,"
				 " purchase, reduces, on_delete FROM %s.source"
				 " WHERE attached ORDER BY source_no", 0, 0, 0);
	MemoryContextSwitchTo(program->context);
	n = SPI_processed;
	program->sources = palloc0(sizeof(SourceConfig) * Max(1, n));
	reduces = palloc0(sizeof(char *) * Max(1, n));
	for (i = 0; i < n; i++)
	{
		ConfigRow	row = config_row(i);
		SourceConfig *source = &program->sources[program->nsources];
		Oid			pin = config_regclass(&row, "pin");
		char	   *on_delete = config_text(&row, "on_delete");

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

/* Loads a program as it is committed now. */
static Program *
program_load(Oid relid)
{
	ProgramRef	ref;
	Program    *program;
	MemoryContext context;
	MemoryContext old;
	RightsSave	rights;
	ConfigRow	row;
	char	   *enrolment;
	bool		isnull;
	Datum		clock;
	int			i;

	if (programs_context == NULL)
		programs_context = AllocSetContextCreate(TopMemoryContext, "loyalty programs",
												 ALLOCSET_DEFAULT_SIZES);
	program_identify(relid, &ref);
	context = AllocSetContextCreate(CurrentMemoryContext, "loyalty program",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	program = palloc0(sizeof(Program));
	program->ref = ref;
	program->context = context;
	program->watched = list_make1_oid(relid);
	get_typlenbyval(ref.member_type, &program->member_len, &program->member_byval);
	program->account = program_relation(&ref, "account");
	program->account_page = program_relation(&ref, "account_page");
	program->entry = program_relation(&ref, "entry");
	program->member = program_relation(&ref, "member");
	program->member_facts = program_relation(&ref, "member_facts");
	program->lots_type = get_atttype(program->account,
									 get_attnum(program->account, "lots"));

	rights_enter(ref.owner, SECURITY_NOFORCE_RLS, &rights);
	PushActiveSnapshot(GetLatestSnapshot());
	SPI_connect();
	config_query(&ref,
				 "SELECT currency, on_error, enrolment, test_clock, clock, config_version"
				 " FROM %s.program", 0, 0, 0);
	if (SPI_processed != 1)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table program of \"%s\" must have exactly one row", ref.name)));
	row = config_row(0);
	MemoryContextSwitchTo(context);
	program->currency_decimals = currency_decimals(config_text(&row, "currency"));
	program->queue_errors = strcmp(config_text(&row, "on_error"), "queue") == 0;
	enrolment = config_text(&row, "enrolment");
	program->enrolment = enrolment[0];
	program->test_clock = config_bool(&row, "test_clock");
	clock = config_datum(&row, "clock", TIMESTAMPTZOID, &isnull);
	program->clock = isnull ? GetCurrentTimestamp() : DatumGetTimestampTz(clock);
	if (isnull)
		program->test_clock = false;
	program->config_version = config_int(&row, "config_version", 0);
	program->rules = load_rules(program, program->config_version, 0, 0);
	load_caps(program);
	load_sources(program);
	for (i = 0; i < program->rules->nrules; i++)
	{
		if (program->rules->rules[i].pin)
			program->watched = lappend_oid(program->watched,
										   program->rules->rules[i].pin->viewid);
	}
	SPI_finish();
	PopActiveSnapshot();
	ledger_check_layout(program);
	rights_leave(&rights);
	MemoryContextSwitchTo(old);
	MemoryContextSetParent(context, programs_context);
	return program;
}

/* -------- looking things up -------- */

/* see program.h */
RuleSet *
program_rules(Program *program, int32 config_version)
{
	ListCell   *lc;
	RuleSet    *rules;
	RightsSave	rights;
	MemoryContext old;

	if (config_version == program->rules->config_version)
		return program->rules;
	foreach(lc, program->old_rules)
	{
		rules = (RuleSet *) lfirst(lc);
		if (rules->config_version == config_version)
			return rules;
	}
	rights_enter(program->ref.owner, SECURITY_NOFORCE_RLS, &rights);
	PushActiveSnapshot(GetLatestSnapshot());
	SPI_connect();
	rules = load_rules(program, config_version, 0, 0);
	SPI_finish();
	PopActiveSnapshot();
	rights_leave(&rights);
	old = MemoryContextSwitchTo(program->context);
	program->old_rules = lappend(program->old_rules, rules);
	MemoryContextSwitchTo(old);
	return rules;
}

/* see program.h */
CalendarUnit
program_cap_period(const Program *program, int32 rule_no)
{
	int			i;

	for (i = 0; i < program->ncapped; i++)
	{
		if (program->capped[i].rule_no == rule_no)
			return program->capped[i].period;
	}
	return CALENDAR_NONE;
}

/* see program.h */
RuleSet *
program_rules_with(Program *program, int32 config_version, int32 rule_no)
{
	RuleSet    *rules;
	RightsSave	rights;

	rights_enter(program->ref.owner, SECURITY_NOFORCE_RLS, &rights);
	PushActiveSnapshot(GetLatestSnapshot());
	SPI_connect();
	rules = load_rules(program, config_version, rule_no, program->config_version);
	SPI_finish();
	PopActiveSnapshot();
	rights_leave(&rights);
	return rules;
}

/* see program.h */
SourceConfig *
program_source(Program *program, int32 source_no)
{
	int			i;

	for (i = 0; i < program->nsources; i++)
	{
		if (program->sources[i].source_no == source_no)
			return &program->sources[i];
	}
	return NULL;
}

/* see program.h */
SourceConfig *
program_source_by_name(Program *program, const char *name)
{
	int			i;

	for (i = 0; i < program->nsources; i++)
	{
		if (strcmp(program->sources[i].name, name) == 0)
			return &program->sources[i];
	}
	return NULL;
}

/* see program.h */
UnitConfig *
rules_unit(RuleSet *rules, int32 unit_no)
{
	int			i;

	for (i = 0; i < rules->nunits; i++)
	{
		if (rules->units[i].unit_no == unit_no)
			return &rules->units[i];
	}
	elog(ERROR, "there is no unit number %d in configuration version %d",
		 unit_no, rules->config_version);
	return NULL;
}

/* see program.h */
UnitConfig *
rules_unit_by_name(RuleSet *rules, const char *name)
{
	UnitConfig *found = NULL;
	int			nspendable = 0;
	int			i;

	for (i = 0; i < rules->nunits; i++)
	{
		UnitConfig *unit = &rules->units[i];

		if (name ? strcmp(unit->name, name) == 0 : unit->spendable)
		{
			found = unit;
			nspendable++;
		}
	}
	if (name && found == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no unit \"%s\"", name),
				 errhint("The program's units are the rows of its table \"unit\".")));
	if (name == NULL && nspendable != 1)
		ereport(ERROR,
				(errcode(ERRCODE_AMBIGUOUS_PARAMETER),
				 errmsg("the program has %d spendable units: say which one", nspendable),
				 errhint("Give unit => the name of a unit.")));
	return found;
}

/* see program.h */
RuleConfig *
rules_rule(RuleSet *rules, int32 rule_no)
{
	int			i;

	for (i = 0; i < rules->nrules; i++)
	{
		if (rules->rules[i].rule_no == rule_no)
			return &rules->rules[i];
	}
	return NULL;
}

/* -------- member ids -------- */

/* see program.h */
int
member_cmp(const Program *program, Datum a, Datum b)
{
	switch (program->ref.member_type)
	{
		case INT8OID:
			{
				int64		left = DatumGetInt64(a);
				int64		right = DatumGetInt64(b);

				return left < right ? -1 : left > right ? 1 : 0;
			}
		case INT4OID:
			{
				int32		left = DatumGetInt32(a);
				int32		right = DatumGetInt32(b);

				return left < right ? -1 : left > right ? 1 : 0;
			}
		case UUIDOID:
			return memcmp(DatumGetUUIDP(a)->data, DatumGetUUIDP(b)->data, UUID_LEN);
		default:
			{
				/* text in collation "C" */
				struct varlena *left = PG_DETOAST_DATUM_PACKED(a);
				struct varlena *right = PG_DETOAST_DATUM_PACKED(b);
				int			nleft = VARSIZE_ANY_EXHDR(left);
				int			nright = VARSIZE_ANY_EXHDR(right);
				int			cmp = memcmp(VARDATA_ANY(left), VARDATA_ANY(right),
										 Min(nleft, nright));

				return cmp != 0 ? cmp : nleft - nright;
			}
	}
}

/* see program.h */
uint32
member_hash(const Program *program, Datum member)
{
	switch (program->ref.member_type)
	{
		case INT8OID:
			{
				uint64		value = (uint64) DatumGetInt64(member);

				return murmurhash32((uint32) value ^ (uint32) (value >> 32));
			}
		case INT4OID:
			return murmurhash32((uint32) DatumGetInt32(member));
		case UUIDOID:
			return hash_bytes(DatumGetUUIDP(member)->data, UUID_LEN);
		default:
			{
				struct varlena *text = PG_DETOAST_DATUM_PACKED(member);

				return hash_bytes((unsigned char *) VARDATA_ANY(text),
								  VARSIZE_ANY_EXHDR(text));
			}
	}
}

/* see program.h */
Datum
member_copy(const Program *program, Datum member)
{
	if (program->member_len == -1)
		return PointerGetDatum(PG_DETOAST_DATUM_COPY(member));
	return datumCopy(member, program->member_byval, program->member_len);
}

/* see program.h */
char *
member_text(const Program *program, Datum member)
{
	Oid			output;
	bool		is_varlena;

	getTypeOutputInfo(program->ref.member_type, &output, &is_varlena);
	return OidOutputFunctionCall(output, member);
}

/* see program.h */
Datum
member_from_argument(const Program *program, Oid type, Datum value)
{
	Oid			output;
	Oid			input;
	Oid			param;
	bool		is_varlena;

	if (type == program->ref.member_type)
		return value;
	getTypeOutputInfo(type, &output, &is_varlena);
	getTypeInputInfo(program->ref.member_type, &input, &param);
	return OidInputFunctionCall(input, OidOutputFunctionCall(output, value), param, -1);
}
