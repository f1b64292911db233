/*-------------------------------------------------------------------------
 *
 * config_rule_pin.c
 *	  The pins of rules' expressions: one for every text a rule has had.
 *
 * Text that is read again may mean another thing after a rename.  So a version
 * of a rule whose expressions are those of the version before keeps its pin;
 * and where pins must go (a source is detached), the text is written anew if
 * need be.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/config_rule.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "engine/pin.h"
#include "engine/subxact.h"

static bool text_differs(const char *a, const char *b);
static Oid	make_pin(const ProgramRef *ref, const ConfigTuple *rule, Oid relid,
					 int32 version, Oid writer);
static Oid	try_pin(const ProgramRef *ref, const ConfigTuple *rule, Oid relid,
					const Pin *held);
static bool same_meaning(const Pin *a, const Pin *b);
static void renew_text(const ProgramRef *ref, const ConfigTuple *rule, Oid pin);
static void set_pin(const ProgramRef *ref, const ConfigTuple *rule, int32 source_no,
					Oid pin);
static Oid	latest_pin(const ProgramRef *ref, int32 rule_no, const ConfigTuple *rule,
					   bool *same);
static void update_versions(const ProgramRef *ref, const char *statement, int nargs,
							const Oid *types, const Datum *values, const bool *nulls);


/* see config_rule.h */
Oid
rule_choose_pin(const ProgramRef *ref, const ConfigTuple *rule, const ConfigTuple *source,
				Oid writer)
{
	int32		rule_no = tuple_int(rule, "rule_no");
	char	   *name = tuple_text(rule, "name");
	char	   *condition = tuple_text(rule, "condition");
	char	   *amount = tuple_text(rule, "amount");
	Oid			relid = InvalidOid;
	ConfigTuple row;
	bool		same;
	Oid			pin;

	if (condition == NULL && amount == NULL)
		return InvalidOid;

	if (source->tuple != NULL)
	{
		bool		isnull;

		relid = DatumGetObjectId(tuple_get(source, "relation", &isnull));
		if (isnull)
			relid = InvalidOid;
		else if (get_rel_name(relid) == NULL)
		{
			if (!tuple_bool(rule, "enabled"))
				return InvalidOid;
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("the table of source \"%s\" was dropped", tuple_text(source, "name")),
					 errhint("Detach the source and attach it to another table, or set enabled = false.")));
		}
	}

	pin = latest_pin(ref, rule_no, rule, &same);
	if (OidIsValid(pin))
	{
		Pin		   *before = pin_load(pin, CurrentMemoryContext);

		if (before != NULL && before->relid == relid)
			return pin;
	}

	if (source->tuple != NULL && !OidIsValid(relid))
	{
		/* whether it makes sense is seen when it is enabled, or attached */
		if (same || !tuple_bool(rule, "enabled"))
			return InvalidOid;
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("expressions of rule \"%s\" cannot be changed while source \"%s\" is detached",
						name, tuple_text(source, "name")),
				 errhint("Attach the source first, or set enabled = false.")));
	}

	/* named after the version that is about to begin */
	row = config_lock(ref);
	return make_pin(ref, rule, relid, tuple_int(&row, "config_version") + 1, writer);
}

/*
 * Pins a rule's expressions, under the name of a version.
 */
static Oid
make_pin(const ProgramRef *ref, const ConfigTuple *rule, Oid relid, int32 version,
		 Oid writer)
{
	char	   *of = psprintf("rule \"%s\"", tuple_text(rule, "name"));
	PinSource	sources[2];
	int			nsources = 0;
	RightsSave	rights;
	Oid			pin;

	pin_add_source(sources, &nsources, "condition", tuple_text(rule, "condition"), of, BOOLOID);
	pin_add_source(sources, &nsources, "amount", tuple_text(rule, "amount"), of, NUMERICOID);

	/* whoever writes the rule must be allowed to use what it uses */
	rights_enter(writer, 0, &rights);
	pin = pin_create(ref, psprintf("rule_%d_%d", tuple_int(rule, "rule_no"), version),
					 relid, sources, nsources);
	rights_leave(&rights);

	return pin;
}

/*
 * The pin of a rule's latest version; none if the rule now has other
 * expressions or another source than it had then (not *same).
 */
static Oid
latest_pin(const ProgramRef *ref, int32 rule_no, const ConfigTuple *rule, bool *same)
{
	Oid			types[1] = {INT4OID};
	Datum		values[1] = {Int32GetDatum(rule_no)};
	ConfigTuple before;
	bool		isnull;
	Oid			pin;

	*same = false;
	if (config_execute(ref,
					   "SELECT v.condition, v.amount, v.pin, s.name AS source"
					   " FROM @.rule_version v LEFT JOIN @.source s"
					   " ON s.source_no OPERATOR(pg_catalog.=) v.source_no"
					   " WHERE v.rule_no OPERATOR(pg_catalog.=) $1"
					   " ORDER BY v.config_version DESC LIMIT 1",
					   1, types, values, NULL) != 1)
		return InvalidOid;
	before = config_result(0);

	pin = DatumGetObjectId(tuple_get(&before, "pin", &isnull));
	*same = !(text_differs(tuple_text(&before, "condition"), tuple_text(rule, "condition")) ||
			  text_differs(tuple_text(&before, "amount"), tuple_text(rule, "amount")) ||
			  text_differs(tuple_text(&before, "source"), tuple_text(rule, "source")));
	return *same && !isnull ? pin : InvalidOid;
}

/*
 * Are two texts, or NULLs, different?
 */
static bool
text_differs(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return a != b;
	return strcmp(a, b) != 0;
}

/*
 * Drops the pins of all versions of a source's rules, so that its table can be
 * altered.  The rules' present expressions stay as text, which shall mean then
 * what they mean now, whatever has been renamed since it was written.
 */
void
rules_drop_pins(const ProgramRef *ref, int32 source_no)
{
	Oid			types[1] = {INT4OID};
	Datum		values[1] = {Int32GetDatum(source_no)};
	SPITupleTable *rules;
	SPITupleTable *pins;
	uint64		nrules;
	uint64		npins;
	uint64		i;

	nrules = config_execute(ref,
							"SELECT DISTINCT ON (r.rule_no) r.*, v.pin"
							" FROM @.rule AS r JOIN @.rule_version AS v"
							" ON v.rule_no OPERATOR(pg_catalog.=) r.rule_no"
							" WHERE v.source_no OPERATOR(pg_catalog.=) $1"
							" ORDER BY r.rule_no, v.config_version DESC",
							1, types, values, NULL);
	rules = SPI_tuptable;
	for (i = 0; i < nrules; i++)
	{
		ConfigTuple rule = {rules->vals[i], rules->tupdesc};
		bool		same;
		bool		isnull;
		Oid			pin = DatumGetObjectId(tuple_get(&rule, "pin", &isnull));

		if (!isnull &&
			latest_pin(ref, tuple_int(&rule, "rule_no"), &rule, &same) == pin)
			renew_text(ref, &rule, pin);
	}

	npins = config_execute(ref,
						   "SELECT DISTINCT pin FROM @.rule_version"
						   " WHERE source_no OPERATOR(pg_catalog.=) $1 AND pin IS NOT NULL",
						   1, types, values, NULL);
	pins = SPI_tuptable;
	for (i = 0; i < npins; i++)
	{
		ConfigTuple row = {pins->vals[i], pins->tupdesc};
		bool		isnull;

		pin_drop(ref, DatumGetObjectId(tuple_get(&row, "pin", &isnull)), false);
	}
	update_versions(ref,
					"UPDATE @.rule_version SET pin = NULL"
					" WHERE source_no OPERATOR(pg_catalog.=) $1 AND pin IS NOT NULL",
					1, types, values, NULL);
}

/*
 * Writes the text of a rule anew from its pin, if read again it would not mean
 * what the pin does.
 */
static void
renew_text(const ProgramRef *ref, const ConfigTuple *rule, Oid pin)
{
	Pin		   *held = pin_load(pin, CurrentMemoryContext);
	const char *alias;
	Oid			types[4] = {INT4OID, TEXTOID, TEXTOID, OIDOID};
	Datum		values[4] = {0};
	bool		nulls[4] = {false, true, true, false};
	int			i;

	if (held == NULL)
		return;
	if (OidIsValid(try_pin(ref, rule, held->relid, held)))
		return;

	alias = OidIsValid(held->relid) ? get_rel_name(held->relid) : "";
	values[0] = Int32GetDatum(tuple_int(rule, "rule_no"));
	values[3] = ObjectIdGetDatum(pin);
	for (i = 0; i < held->nexprs; i++)
	{
		int			which = strcmp(held->exprs[i].name, "condition") == 0 ? 1 : 2;

		values[which] = CStringGetTextDatum(pin_deparse(held, i, alias));
		nulls[which] = false;
	}
	update_versions(ref,
					"UPDATE @.rule_version SET condition = $2, amount = $3"
					" WHERE rule_no OPERATOR(pg_catalog.=) $1"
					" AND pin OPERATOR(pg_catalog.=) $4",
					4, types, values, nulls);
	config_execute(ref,
				   "UPDATE @.rule SET condition = $2, amount = $3"
				   " WHERE rule_no OPERATOR(pg_catalog.=) $1",
				   3, types, values, nulls);
}

/*
 * Changes versions: the pins they have, or how their expressions are written,
 * never what they mean.
 */
static void
update_versions(const ProgramRef *ref, const char *statement, int nargs,
				const Oid *types, const Datum *values, const bool *nulls)
{
	ledger_internal++;
	PG_TRY();
	{
		config_execute(ref, statement, nargs, types, values, nulls);
	}
	PG_FINALLY();
	{
		ledger_internal--;
	}
	PG_END_TRY();
}

/*
 * After a source has been attached again: pins its rules as they are now, for
 * all versions in which they were the same.  Rules that are not enabled may
 * not fit the table any more; they are looked at when they are.
 */
void
rules_pin_again(const ProgramRef *ref, const char *source_name)
{
	Oid			types[1] = {TEXTOID};
	Datum		values[1] = {CStringGetTextDatum(source_name)};
	ConfigTuple source = config_find_source(ref, source_name);
	SPITupleTable *rules;
	uint64		nrules;
	uint64		i;
	bool		isnull;
	Oid			relid = DatumGetObjectId(tuple_get(&source, "relation", &isnull));

	nrules = config_execute(ref,
							"SELECT r.*, (SELECT pg_catalog.max(v.config_version)"
							"  FROM @.rule_version AS v"
							"  WHERE v.rule_no OPERATOR(pg_catalog.=) r.rule_no) AS config_version"
							" FROM @.rule AS r WHERE source OPERATOR(pg_catalog.=) $1"
							" AND (condition IS NOT NULL OR amount IS NOT NULL)"
							" ORDER BY rule_no",
							1, types, values, NULL);
	rules = SPI_tuptable;
	for (i = 0; i < nrules; i++)
	{
		ConfigTuple rule = {rules->vals[i], rules->tupdesc};
		Oid			pin = InvalidOid;

		if (tuple_bool(&rule, "enabled"))
			pin = make_pin(ref, &rule, relid, tuple_int(&rule, "config_version"), GetUserId());
		else
			pin = try_pin(ref, &rule, relid, NULL);
		if (OidIsValid(pin))
			set_pin(ref, &rule, tuple_int(&source, "source_no"), pin);
	}
}

/* arguments of attempt_pin, for subxact_try() */
typedef struct PinAttempt
{
	const ProgramRef *ref;
	const ConfigTuple *rule;
	Oid			relid;
	const Pin  *held;			/* to compare with; NULL: none */
	Oid			pin;			/* the result */
} PinAttempt;

static void
attempt_pin(void *arg)
{
	PinAttempt *attempt = (PinAttempt *) arg;

	attempt->pin = make_pin(attempt->ref, attempt->rule, attempt->relid,
							attempt->held ? 0 : tuple_int(attempt->rule, "config_version"),
							GetUserId());
	if (attempt->held &&
		!same_meaning(pin_load(attempt->pin, CurrentMemoryContext), attempt->held))
		attempt->pin = InvalidOid;
}

/*
 * Pins the expressions of a rule, if they fit.  With another pin to compare
 * with, only says by a valid OID that its text means what that pin does.
 */
static Oid
try_pin(const ProgramRef *ref, const ConfigTuple *rule, Oid relid, const Pin *held)
{
	PinAttempt	attempt = {ref, rule, relid, held, InvalidOid};
	ErrorData  *caught = subxact_try(attempt_pin, &attempt, held == NULL);

	if (caught == NULL)
		return attempt.pin;
	if (caught->sqlerrcode == ERRCODE_QUERY_CANCELED ||
		ERRCODE_TO_CATEGORY(caught->sqlerrcode) == ERRCODE_INSUFFICIENT_RESOURCES)
		ReThrowError(caught);
	return InvalidOid;
}

/*
 * Have two pins the same expressions?
 */
static bool
same_meaning(const Pin *a, const Pin *b)
{
	int			i;

	if (a->nexprs != b->nexprs)
		return false;
	for (i = 0; i < a->nexprs; i++)
		if (strcmp(a->exprs[i].name, b->exprs[i].name) != 0 ||
			!equal(a->exprs[i].parsed, b->exprs[i].parsed))
			return false;
	return true;
}

/*
 * Gives a pin to all versions of a rule that have its present expressions.
 */
static void
set_pin(const ProgramRef *ref, const ConfigTuple *rule, int32 source_no, Oid pin)
{
	Oid			types[5] = {INT4OID, INT4OID, TEXTOID, TEXTOID, OIDOID};
	Datum		values[5];
	bool		nulls[5] = {false, false, false, false, false};

	values[0] = Int32GetDatum(tuple_int(rule, "rule_no"));
	values[1] = Int32GetDatum(source_no);
	values[2] = tuple_get(rule, "condition", &nulls[2]);
	values[3] = tuple_get(rule, "amount", &nulls[3]);
	values[4] = ObjectIdGetDatum(pin);
	update_versions(ref,
					"UPDATE @.rule_version SET pin = $5"
					" WHERE rule_no OPERATOR(pg_catalog.=) $1"
					" AND source_no OPERATOR(pg_catalog.=) $2"
					" AND condition IS NOT DISTINCT FROM $3"
					" AND amount IS NOT DISTINCT FROM $4",
					5, types, values, nulls);
}
