/*-------------------------------------------------------------------------
 *
 * source_changed.c
 *	  Triggers on table source: what of a source people may change, and what
 *	  follows from it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/attaching.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/tablecmds.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"


static void rename_relation(const ProgramRef *ref, const char *format,
							const char *old, const char *new);

/*
 * Before a source is written: most of it is attach's.
 */
LOYALTY_FUNCTION(loyalty_source_check);
Datum
loyalty_source_check(PG_FUNCTION_ARGS)
{
	static const char *const fixed[] = {
		"source_no", "relation", "pin", "posting", "key_columns", "key", "event", "member",
		"amount", "occurred_at", "condition", "spend", "spend_condition", "reduces_key",
		"attached", "attached_at"
	};
	ConfigTrigger trigger;
	int			i;

	config_trigger_begin(fcinfo, "source", CONFIG_BEFORE_ROW, &trigger);

	if (config_internal == 0)
	{
		config_lock(&trigger.ref);

		if (trigger.old.tuple == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_CHECK_VIOLATION),
					 errmsg("sources are not inserted but attached"),
					 errhint("Use %s.attach().", quote_identifier(trigger.ref.name))));
		if (trigger.new.tuple == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_CHECK_VIOLATION),
					 errmsg("source \"%s\" cannot be deleted", tuple_text(&trigger.old, "name")),
					 errhint("Use %s.detach(), which keeps the ledger.",
							 quote_identifier(trigger.ref.name))));

		for (i = 0; i < lengthof(fixed); i++)
		{
			if (tuple_differs(&trigger.old, &trigger.new, fixed[i]))
				ereport(ERROR,
						(errcode(ERRCODE_CHECK_VIOLATION),
						 errmsg("column \"%s\" of source \"%s\" cannot be changed",
								fixed[i], tuple_text(&trigger.old, "name")),
						 errhint("Use %s.detach() and %s.attach() again.",
								 quote_identifier(trigger.ref.name),
								 quote_identifier(trigger.ref.name))));
		}
		if (tuple_text(&trigger.new, "name") != NULL)
			config_check_name("source", tuple_text(&trigger.new, "name"));
		if (tuple_differs(&trigger.old, &trigger.new, "spend_unit"))
		{
			if (tuple_isnull(&trigger.new, "spend_unit") != tuple_isnull(&trigger.new, "spend"))
				ereport(ERROR,
						(errcode(ERRCODE_CHECK_VIOLATION),
						 errmsg("source \"%s\" must have a spend_unit if and only if it has spend",
								tuple_text(&trigger.new, "name"))));
		}

		/* only by a rename of the other source, which foreign keys follow */
		if (tuple_differs(&trigger.old, &trigger.new, "reduces"))
		{
			ConfigTuple was = {NULL, NULL};

			if (!tuple_isnull(&trigger.old, "reduces"))
				was = config_find_source(&trigger.ref, tuple_text(&trigger.old, "reduces"));
			if (tuple_isnull(&trigger.old, "reduces") || was.tuple != NULL)
				config_require_same(&trigger, "reduces");
		}
	}

	config_trigger_end(&trigger);

	return PointerGetDatum(trigger.new.tuple);
}

/*
 * After a source was changed by hand: what bears its name follows, and a new
 * version begins.
 */
LOYALTY_FUNCTION(loyalty_source_changed);
Datum
loyalty_source_changed(PG_FUNCTION_ARGS)
{
	ConfigTrigger trigger;

	config_trigger_begin(fcinfo, "source", CONFIG_AFTER_ROW, &trigger);

	if (config_internal == 0)
	{
		char	   *old = tuple_text(&trigger.old, "name");
		char	   *new = tuple_text(&trigger.new, "name");

		if (tuple_differs(&trigger.old, &trigger.new, "spend_unit") &&
			!tuple_isnull(&trigger.new, "spend_unit"))
			check_spend_unit(&trigger.ref, tuple_text(&trigger.new, "spend_unit"));

		if (strcmp(old, new) != 0)
		{
			Oid			types[2] = {TEXTOID, TEXTOID};
			Datum		values[2];

			rename_relation(&trigger.ref, "source_%s", old, new);
			rename_relation(&trigger.ref, "posting_%s", old, new);
			rename_relation(&trigger.ref, "%s_points", old, new);
			values[0] = CStringGetTextDatum(old);
			values[1] = CStringGetTextDatum(new);
			config_execute(&trigger.ref, "UPDATE @.failed_event SET source = $2"
						   " WHERE source OPERATOR(pg_catalog.=) $1",
						   2, types, values, NULL);
		}
		config_bump(&trigger.ref);
	}

	config_trigger_end(&trigger);

	return PointerGetDatum(NULL);
}

/*
 * Renames what is named after a source, if it is there.
 */
static void
rename_relation(const ProgramRef *ref, const char *format, const char *old, const char *new)
{
	Oid			relid = get_relname_relid(psprintf(format, old), ref->nspid);

	if (!OidIsValid(relid))
		return;
	LockRelationOid(relid, AccessExclusiveLock);
	RenameRelationInternal(relid, psprintf(format, new), false, false);
	CommandCounterIncrement();
}
