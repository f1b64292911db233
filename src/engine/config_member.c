/*-------------------------------------------------------------------------
 *
 * config_member.c
 *	  Members: what the application writes about them, and what the account
 *	  keeps a copy of, so that posting need not look here.
 *
 * The engine enrols members by writing both tables itself; nothing of this is
 * done then.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "engine/config.h"
#include "engine/ledger.h"
#include "engine/tiers.h"
#include "types/zone.h"


/*
 * Before a member is written.
 */
LOYALTY_FUNCTION(loyalty_member_check);
Datum
loyalty_member_check(PG_FUNCTION_ARGS)
{
	ConfigTrigger trigger;
	HeapTuple	result;
	char	   *zone;

	if (ledger_internal > 0 && CALLED_AS_TRIGGER(fcinfo))
	{
		TriggerData *data = (TriggerData *) fcinfo->context;

		return PointerGetDatum(TRIGGER_FIRED_BY_UPDATE(data->tg_event) ?
							   data->tg_newtuple : data->tg_trigtuple);
	}

	config_trigger_begin(fcinfo, "member", CONFIG_BEFORE_ROW, &trigger);
	result = trigger.new.tuple;

	zone = tuple_text(&trigger.new, "time_zone");
	if (zone != NULL && zone_lookup(zone) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%s\" does not exist", zone),
				 errhint("Use a name from the view pg_timezone_names, such as \"Europe/Paris\", or NULL for the program's.")));

	if (TRIGGER_FIRED_BY_UPDATE(trigger.data->tg_event))
	{
		config_require_same(&trigger, "member_id");
		config_require_same(&trigger, "moved_at");
		if (tuple_differs(&trigger.old, &trigger.new, "time_zone"))
			result = config_with_column(&trigger, "moved_at",
										TimestampTzGetDatum(program_now(&trigger.ref)));
	}
	else if (tuple_isnull(&trigger.new, "joined_at"))
		result = config_with_column(&trigger, "joined_at",
									TimestampTzGetDatum(program_now(&trigger.ref)));

	config_trigger_end(&trigger);

	return PointerGetDatum(result);
}

/*
 * Books what is due to members who move to another time zone, as long as their
 * accounts know the one they had: where periods end that are over by now does
 * not depend on when it is booked.  The accounts are locked.
 */
static void
book_before_moves(const ProgramRef *ref)
{
	Program    *program = program_get(ref->relid);
	MemoryContext context = CurrentMemoryContext;
	MemoryContext old;
	Oid			types[1] = {TIMESTAMPTZOID};
	Datum		values[1] = {TimestampTzGetDatum(program_clock(program))};
	uint64		count = config_execute(ref,
									   "SELECT a.member_id FROM @.account a"
									   " WHERE (a.next_due OPERATOR(pg_catalog.<=) $1"
									   "  OR a.tiers IS NOT NULL)"
									   " AND EXISTS (SELECT FROM new_rows n"
									   "  WHERE n.member_id OPERATOR(pg_catalog.=) a.member_id"
									   "  AND n.time_zone IS DISTINCT FROM a.time_zone)"
									   " ORDER BY a.member_id",
									   1, types, values, NULL);
	Datum	   *members;
	Ledger	   *ledger;
	uint64		i;

	if (count == 0)
		return;
	old = MemoryContextSwitchTo(context);
	members = palloc(sizeof(Datum) * count);
	for (i = 0; i < count; i++)
	{
		bool		isnull;

		members[i] = member_copy(program, SPI_getbinval(SPI_tuptable->vals[i],
														SPI_tuptable->tupdesc, 1, &isnull));
	}
	MemoryContextSwitchTo(old);
	ledger = ledger_open(program, NULL, false);
	for (i = 0; i < count; i++)
	{
		AccountState *account = ledger_account(ledger, members[i]);

		CHECK_FOR_INTERRUPTS();
		tiers_zone_changes(account);
		account->dirty = true;
		ledger_save_account(ledger, account);
	}
	ledger_flush(ledger);
	ledger_close(ledger);
	pfree(members);
}

/*
 * Which accounts an update concerns: those whose copy differs and, if rewards go by
 * themselves, those of members of whom expressions read something else now.
 */
#define CHANGED \
	" n.member_id OPERATOR(pg_catalog.=) a.member_id" \
	" AND (n.joined_at IS DISTINCT FROM a.joined_at" \
	"  OR n.time_zone IS DISTINCT FROM a.time_zone" \
	"  OR CASE n.status WHEN 'blocked' THEN 1 WHEN 'closed' THEN 2 ELSE 0 END" \
	"   OPERATOR(pg_catalog.<>) a.status" \
	"  OR (EXISTS (SELECT FROM @.reward AS r WHERE r.auto_redeem AND r.enabled)" \
	"   AND EXISTS (SELECT FROM old_rows AS o WHERE o.member_id OPERATOR(pg_catalog.=) n.member_id" \
	"    AND (n.birthday IS DISTINCT FROM o.birthday OR n.attributes IS DISTINCT FROM o.attributes))))"

/*
 * After members have been updated: their accounts.  They are due if rewards go by
 * themselves: the member may have them now.
 */
static void
follow_members(const ProgramRef *ref)
{
	Oid			types[1] = {TIMESTAMPTZOID};
	Datum		values[1] = {TimestampTzGetDatum(program_now(ref))};

	/* locked in the order everybody locks accounts */
	if (config_execute(ref,
					   "SELECT FROM @.account a WHERE EXISTS (SELECT FROM new_rows n WHERE" CHANGED
					   ") ORDER BY a.member_id FOR NO KEY UPDATE",
					   0, NULL, NULL, NULL) > 0)
	{
		book_before_moves(ref);
		config_execute(ref,
					   "UPDATE @.account a"
					   " SET joined_at = n.joined_at, time_zone = n.time_zone,"
					   " status = CASE n.status WHEN 'blocked' THEN 1 WHEN 'closed' THEN 2 ELSE 0 END,"
					   " next_due = LEAST(a.next_due, CASE WHEN EXISTS (SELECT FROM @.reward AS r"
					   "   WHERE r.auto_redeem AND r.enabled) THEN $1 END,"

	/* periods since the last activity may end earlier there */
					   "  (SELECT pg_catalog.min(loyalty.activity_end_1(a.usage, u.unit_no, u.expires,"
					   "    COALESCE(n.time_zone, p.time_zone))) FROM @.unit AS u CROSS JOIN @.program AS p))"
					   " FROM new_rows n WHERE" CHANGED,
					   1, types, values, NULL);
	}
}

/*
 * After members have been inserted, updated or deleted: their accounts.
 */
LOYALTY_FUNCTION(loyalty_member_changed);
Datum
loyalty_member_changed(PG_FUNCTION_ARGS)
{
	ConfigTrigger trigger;

	if (ledger_internal > 0 && CALLED_AS_TRIGGER(fcinfo))
		return PointerGetDatum(NULL);

	config_trigger_begin(fcinfo, "member", CONFIG_AFTER_STATEMENT, &trigger);
	SPI_register_trigger_data(trigger.data);

	if (TRIGGER_FIRED_BY_INSERT(trigger.data->tg_event))
	{
		config_execute(&trigger.ref,
					   "INSERT INTO @.account (member_id, joined_at, status, time_zone)"
					   " SELECT member_id, joined_at,"
					   " CASE status WHEN 'blocked' THEN 1 WHEN 'closed' THEN 2 ELSE 0 END,"
					   " time_zone"
					   " FROM new_rows ORDER BY member_id"
					   " ON CONFLICT (member_id) DO NOTHING",
					   0, NULL, NULL, NULL);
	}
	else if (TRIGGER_FIRED_BY_UPDATE(trigger.data->tg_event))
	{
		follow_members(&trigger.ref);
	}
	else
	{
		config_execute(&trigger.ref,
					   "SELECT FROM @.account a"
					   " WHERE EXISTS (SELECT FROM old_rows o"
					   "  WHERE o.member_id OPERATOR(pg_catalog.=) a.member_id)"
					   " ORDER BY a.member_id FOR UPDATE",
					   0, NULL, NULL, NULL);
		if (config_execute(&trigger.ref,
						   "SELECT a.member_id::pg_catalog.text AS member_id FROM @.account a"
						   " WHERE a.last_entry OPERATOR(pg_catalog.>) 0"
						   " AND EXISTS (SELECT FROM old_rows o"
						   "  WHERE o.member_id OPERATOR(pg_catalog.=) a.member_id)"
						   " ORDER BY a.member_id LIMIT 1",
						   0, NULL, NULL, NULL) > 0)
		{
			ConfigTuple row = config_result(0);

			ereport(ERROR,
					(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
					 errmsg("member \"%s\" cannot be deleted: the ledger has entries",
							tuple_text(&row, "member_id")),
					 errhint("Set status = 'closed', and clear what identifies the person.")));
		}
		config_execute(&trigger.ref,
					   "DELETE FROM @.account a USING old_rows o"
					   " WHERE o.member_id OPERATOR(pg_catalog.=) a.member_id",
					   0, NULL, NULL, NULL);
	}

	config_trigger_end(&trigger);

	return PointerGetDatum(NULL);
}
