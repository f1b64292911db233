/*-------------------------------------------------------------------------
 *
 * accounts.c
 *	  Accounts: enrolled, locked, read and saved.
 *
 * This is the only place that saves accounts; account_find.c finds and locks them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "engine/account_find.h"
#include "engine/catalogue.h"
#include "engine/config.h"
#include "engine/layout.h"
#include "engine/pages.h"
#include "engine/plan.h"
#include "engine/tiers.h"
#include "engine/writer.h"
#include "types/lots.h"
#include "types/zone.h"

/* an account that is read has room for so many more lots */
#define SPARE_LOTS	8

/* see plan_execute */
static const char enrol_account_plan = 0;
static const char enrol_member_plan = 0;

/* Makes accounts, and members, that do not exist; others may do so meanwhile. */
static void
enrol_members(Ledger *ledger, Datum *members, TimestampTz *joined_at, int nmembers)
{
	Program    *program = ledger->program;
	char		align = program->ref.member_type == UUIDOID ? TYPALIGN_CHAR :
		program->ref.member_type == INT8OID ? TYPALIGN_DOUBLE : TYPALIGN_INT;
	Datum	   *instants = palloc(sizeof(Datum) * nmembers);
	Oid			types[2];
	Datum		values[2];
	int			i;

	for (i = 0; i < nmembers; i++)
		instants[i] = TimestampTzGetDatum(joined_at[i]);
	types[0] = get_array_type(program->ref.member_type);
	types[1] = get_array_type(TIMESTAMPTZOID);
	values[0] = PointerGetDatum(construct_array(members, nmembers, program->ref.member_type,
												program->member_len, program->member_byval,
												align));
	values[1] = PointerGetDatum(construct_array(instants, nmembers, TIMESTAMPTZOID,
												sizeof(TimestampTz), true, TYPALIGN_DOUBLE));
	SPI_connect();

	/* the triggers of table member, which would make the account, can rest */
	ledger_internal++;
	PG_TRY();
	{
		plan_execute(program, &enrol_account_plan,
					 "INSERT INTO %s.account (member_id, joined_at)"
					 " SELECT m, j FROM ROWS FROM (pg_catalog.unnest($1),"
					 " pg_catalog.unnest($2)) AS n (m, j)"
					 " ON CONFLICT DO NOTHING", 2, types, values, false, SPI_OK_INSERT);
		plan_execute(program, &enrol_member_plan,
					 "INSERT INTO %s.member (member_id, joined_at)"
					 " SELECT m, j FROM ROWS FROM (pg_catalog.unnest($1),"
					 " pg_catalog.unnest($2)) AS n (m, j)"
					 " ON CONFLICT DO NOTHING", 2, types, values, false, SPI_OK_INSERT);
	}
	PG_FINALLY();
	{
		ledger_internal--;
	}
	PG_END_TRY();
	SPI_finish();
	ledger_refresh(ledger);
}

/* see ledger.h */
void
ledger_enrol(Ledger *ledger, Datum *members, TimestampTz *joined_at, int nmembers)
{
	Datum	   *missing = NULL;
	TimestampTz *missing_joined = NULL;
	int			nmissing = 0;
	int			i;

	for (i = 0; i < nmembers; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (account_find(ledger, members[i]))
			continue;
		if (missing == NULL)
		{
			missing = palloc(sizeof(Datum) * nmembers);
			missing_joined = palloc(sizeof(TimestampTz) * nmembers);
		}
		missing[nmissing] = members[i];
		missing_joined[nmissing++] = joined_at[i];
	}
	ExecClearTuple(ledger->account.slot);
	if (nmissing > 0)
		enrol_members(ledger, missing, missing_joined, nmissing);
}

/* see ledger.h */
void
ledger_lock_accounts(Ledger *ledger, Datum *members, int nmembers)
{
	int			i;

	for (i = 0; i < nmembers && !ledger->dry; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (account_find(ledger, members[i]))
			account_lock(ledger, members[i]);
	}
	ExecClearTuple(ledger->account.slot);
}

/* Makes room for more lots; see Account.grow. */
static void
grow_lots(Account *account, int capacity)
{
	int			size = Max(capacity, account->capacity * 2);

	account->pieces = repalloc_huge(account->pieces, sizeof(LotPiece) * size);
	account->capacity = size;
}

/* Makes room for more recent lots; see Account.grow_recent. */
static void
grow_recent(Account *account, int capacity)
{
	int			size = Max(capacity, Max(64, account->recent_capacity * 2));

	account->recent = account->recent ? repalloc(account->recent, sizeof(LotPiece) * size) :
		MemoryContextAlloc(GetMemoryChunkContext(account), sizeof(LotPiece) * size);
	account->recent_capacity = size;
}

/* Makes room for more of what is held; see Account.grow_held. */
static void
grow_held(Account *account, int capacity)
{
	int			size = Max(capacity, account->held_capacity * 2);

	account->held = account->held ? repalloc(account->held, sizeof(HeldPiece) * size) :
		palloc(sizeof(HeldPiece) * size);
	account->held_capacity = size;
}

/* see ledger.h */
HeldPiece *
holds_unpack(Datum holds, int *count)
{
	bytea	   *bytes = DatumGetByteaPP(holds);
	HeldPiece  *held;

	*count = VARSIZE_ANY_EXHDR(bytes) / sizeof(HeldPiece);
	if (VARSIZE_ANY_EXHDR(bytes) != *count * sizeof(HeldPiece))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the holds of an account are malformed")));
	if (*count == 0)
		return NULL;
	held = palloc(sizeof(HeldPiece) * *count);
	memcpy(held, VARDATA_ANY(bytes), sizeof(HeldPiece) * *count);
	return held;
}

/* Holds as account.holds has them. */
static Datum
holds_pack(const HeldPiece *held, int count)
{
	Size		size = VARHDRSZ + sizeof(HeldPiece) * count;
	bytea	   *bytes = palloc(size);

	SET_VARSIZE(bytes, size);
	memcpy(VARDATA(bytes), held, size - VARHDRSZ);
	return PointerGetDatum(bytes);
}

/* A unit, or what has become of it; most often at the same index. */
static const UnitConfig *
unit_of(const RuleSet *rules, const UnitConfig *unit, int index)
{
	int			i;

	if (index < rules->nunits && rules->units[index].unit_no == unit->unit_no)
		return &rules->units[index];
	for (i = 0; i < rules->nunits; i++)
	{
		if (rules->units[i].unit_no == unit->unit_no)
			return &rules->units[i];
	}
	return unit;
}

/* Reads an account from its row in the slot. */
static AccountState *
account_from_slot(Ledger *ledger, TupleTableSlot *slot)
{
	Program    *program = ledger->program;
	Program    *present = program_present(program);
	RuleSet    *rules = program->rules;
	AccountState *account = palloc0(sizeof(AccountState));
	Datum	   *values;
	bool	   *isnull;
	int			i;

	slot_getallattrs(slot);
	values = slot->tts_values;
	isnull = slot->tts_isnull;
	account->tid = slot->tts_tid;
	account->member = member_copy(program, values[ACCOUNT_MEMBER_ID]);
	account->last_entry = DatumGetInt64(values[ACCOUNT_LAST_ENTRY]);
	account->last_at = DatumGetTimestampTz(values[ACCOUNT_LAST_AT]);
	account->next_due = DatumGetTimestampTz(values[ACCOUNT_NEXT_DUE]);
	account->joined_at = DatumGetTimestampTz(values[ACCOUNT_JOINED_AT]);
	account->purchases = DatumGetInt64(values[ACCOUNT_PURCHASES]);
	account->spend = DatumGetInt64(values[ACCOUNT_SPEND]);
	account->has_purchase = !isnull[ACCOUNT_FIRST_PURCHASE_AT];
	if (account->has_purchase)
	{
		account->first_purchase_at = DatumGetTimestampTz(values[ACCOUNT_FIRST_PURCHASE_AT]);
		account->last_purchase_at = DatumGetTimestampTz(values[ACCOUNT_LAST_PURCHASE_AT]);
	}
	account->status = DatumGetInt16(values[ACCOUNT_STATUS]);
	account->now = account->last_at;

	/* the member's own zone, if it has one */
	account->zone = present->rules->zone;
	if (!isnull[ACCOUNT_TIME_ZONE])
	{
		pg_tz	   *tz;

		account->zone_name = TextDatumGetCString(values[ACCOUNT_TIME_ZONE]);
		tz = zone_lookup(account->zone_name);
		if (tz)
			account->zone = zone_for_tz(tz);
	}

	if (!isnull[ACCOUNT_USAGE])
	{
		bytea	   *usage = DatumGetByteaPP(values[ACCOUNT_USAGE]);

		account->nusage = VARSIZE_ANY_EXHDR(usage) / sizeof(UsageItem);
		account->usage_capacity = account->nusage + 4;
		account->usage = palloc(sizeof(UsageItem) * account->usage_capacity);
		memcpy(account->usage, VARDATA_ANY(usage), sizeof(UsageItem) * account->nusage);
	}

	account->core.pieces = lots_pieces_from_datum(values[ACCOUNT_LOTS], SPARE_LOTS,
												  &account->core.npieces);
	account->core.capacity = account->core.npieces + SPARE_LOTS;
	account->core.grow = grow_lots;
	account->core.grow_recent = grow_recent;
	account->core.zone = &account->zone;
	account->core.nunits = rules->nunits;
	account->core.units = palloc0(sizeof(AccountUnit) * Max(1, rules->nunits));
	for (i = 0; i < rules->nunits; i++)
	{
		const UnitConfig *config = unit_of(present->rules, &rules->units[i], i);
		AccountUnit *unit = &account->core.units[i];
		UsageItem  *item;

		unit->unit = config->unit_no;
		unit->last_activity = INSTANT_ALWAYS;
		unit->unsettled = INSTANT_NEVER;
		unit->follows_activity = config->expires.kind == PERIOD_ACTIVITY;
		unit->activity_period = config->expires;
		item = account->nusage > 0 ? account_usage(account, -config->unit_no, false) : NULL;
		if (item)
			unit->last_activity = item->at;
	}
	if (!isnull[ACCOUNT_PAGED])
		pages_attach(account, values[ACCOUNT_PAGED]);
	account->core.grow_held = grow_held;
	if (!isnull[ACCOUNT_HOLDS])
	{
		account->core.held = holds_unpack(values[ACCOUNT_HOLDS], &account->core.nheld);
		account->core.held_capacity = account->core.nheld;
	}
	tiers_attach(present->tiers, account, values[ACCOUNT_TIERS], isnull[ACCOUNT_TIERS]);
	return account;
}

/* see ledger.h */
AccountState *
ledger_blank_account(Ledger *ledger, Datum member, TimestampTz joined_at)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(ledger->account.rel),
													&TTSOpsVirtual);
	AccountState *account;

	memset(slot->tts_isnull, 0, sizeof(bool) * ACCOUNT_COLUMNS);
	memset(slot->tts_values, 0, sizeof(Datum) * ACCOUNT_COLUMNS);
	slot->tts_values[ACCOUNT_MEMBER_ID] = member;
	slot->tts_values[ACCOUNT_LAST_AT] = TimestampTzGetDatum(DT_NOBEGIN);
	slot->tts_values[ACCOUNT_NEXT_DUE] = TimestampTzGetDatum(DT_NOEND);
	slot->tts_values[ACCOUNT_JOINED_AT] = TimestampTzGetDatum(joined_at);
	slot->tts_isnull[ACCOUNT_FIRST_PURCHASE_AT] = true;
	slot->tts_isnull[ACCOUNT_LAST_PURCHASE_AT] = true;
	slot->tts_isnull[ACCOUNT_TIME_ZONE] = true;
	slot->tts_isnull[ACCOUNT_USAGE] = true;
	slot->tts_isnull[ACCOUNT_PAGED] = true;
	slot->tts_isnull[ACCOUNT_HOLDS] = true;
	slot->tts_isnull[ACCOUNT_TIERS] = true;
	slot->tts_values[ACCOUNT_LOTS] = PointerGetDatum(lots_make(NULL, 0));
	ExecStoreVirtualTuple(slot);
	account = account_from_slot(ledger, slot);
	ExecDropSingleTupleTableSlot(slot);
	account->now = program_clock(ledger->program);
	return account;
}

/* see ledger.h */
AccountState *
ledger_read_account(Ledger *ledger, Datum member)
{
	AccountState *account;

	if (!account_find(ledger, member))
		return NULL;
	account = account_from_slot(ledger, ledger->account.slot);
	ExecClearTuple(ledger->account.slot);
	return account;
}

/* see ledger.h */
AccountState *
ledger_account(Ledger *ledger, Datum member)
{
	AccountState *account;
	TimestampTz now;

	if (!account_find(ledger, member))
		return NULL;
	if (!ledger->dry)
		account_lock(ledger, member);

	/* before its tiers are read: no configuration that was changed by then is missed */
	now = program_clock(ledger->program);
	account = account_from_slot(ledger, ledger->account.slot);
	account->locked = !ledger->dry;
	account->wakes = account->locked && catalogue_has_automatic(ledger->program);
	ExecClearTuple(ledger->account.slot);
	account_bring_to(ledger, account, Max(now, account->last_at));
	return account;
}

/* see ledger.h */
void
account_book(Ledger *ledger, AccountState *account, TimestampTz since, TimestampTz until)
{
	LedgerSink	sink;
	int			i;

	memset(&sink, 0, sizeof(sink));
	sink.ledger = ledger;
	sink.account = account;
	core_check(account_advance(&account->core, since, until, ledger_sink, &sink));
	for (i = 0; i < account->core.nunits; i++)
	{
		AccountUnit *unit = &account->core.units[i];
		Instant		end;

		if (!unit->open)
			continue;
		core_check(period_end(&unit->activity_period, unit->last_activity,
							  account->core.zone, &end));
		if (end <= until)
			unit->open = false;
	}
}

/* see ledger.h */
void
account_bring_to(Ledger *ledger, AccountState *account, TimestampTz now)
{
	TimestampTz since = account->now;

	if (now < account->now)
		now = account->now;
	account->now = now;
	tiers_begin_by(account, now);
	if (account->next_due > now)
		return;
	account->woken = account->wakes;
	if (account->paged)
		pages_bring_in_due(ledger, account, now);
	tiers_before_advance(account);
	account_book(ledger, account, since, now);
	if (account->tiers)
		tiers_book_carries(ledger, account);
	account_find_due(account);
	account->dirty = true;
}

/* see ledger.h */
void
account_find_due(AccountState *account)
{
	core_check(account_next_due(&account->core, &account->next_due));
	account->due_unknown = false;
	if (account->paged)
		account->next_due = Min(account->next_due, account->paged->summary.next_due);
	if (account->wakes)
	{
		int			i;

		core_check(account_settle(&account->core));

		/* points that become available may buy something by themselves */
		for (i = 0; i < account->core.npieces; i++)
		{
			Instant		from = account->core.pieces[i].from;

			if (from > account->now && from < account->next_due)
				account->next_due = from;
		}
	}
}

/* see ledger.h */
void
account_lower_due(AccountState *account, int32 unit_no, Instant from, Instant to)
{
	if (to == INSTANT_ACTIVITY)
	{
		LotPiece	piece = {0, from, to, unit_no, 0};

		core_check(account_piece_end(&account->core, &piece, &to));
		account->next_due = Min(account->next_due, to);
		account_find_due_later(account);
		return;
	}
	account->next_due = Min(account->next_due, to);
	if (account->wakes && from > account->now)
		account->next_due = Min(account->next_due, from);
	if (account_owes(&account->core, unit_no))
		account->next_due = Min(account->next_due, from);
}

/* see ledger.h */
void
account_find_due_later(AccountState *account)
{
	Account    *core = &account->core;

	if (core->npieces + core->nrecent > ACCOUNT_BIG &&
		(account->wakes || account_owes(core, 0)))
		account->due_unknown = true;
	else
		account_find_due(account);
}

/* see ledger.h */
UsageItem *
account_usage(AccountState *account, int32 key, bool create)
{
	UsageItem  *item;
	int			i;

	for (i = 0; i < account->nusage; i++)
	{
		if (account->usage[i].key == key)
			return &account->usage[i];
	}
	if (!create)
		return NULL;
	if (account->nusage == account->usage_capacity)
	{
		account->usage_capacity += 4;
		account->usage = account->usage ?
			repalloc(account->usage, sizeof(UsageItem) * account->usage_capacity) :
			palloc(sizeof(UsageItem) * account->usage_capacity);
	}
	item = &account->usage[account->nusage++];
	memset(item, 0, sizeof(UsageItem));
	item->key = key;
	item->at = INSTANT_ALWAYS;
	return item;
}

/* see ledger.h */
void
ledger_save_account(Ledger *ledger, AccountState *account)
{
	TupleTableSlot *slot = ledger->account.slot;
	Datum	   *values = slot->tts_values;
	bool	   *isnull = slot->tts_isnull;
	Datum		tiers_datum = (Datum) 0;
	bool		no_tiers = true;
	int			i;

	if (!account->dirty || ledger->dry)
		return;
	if (account->tiers)
		tiers_book_carries(ledger, account);
	for (i = 0; i < account->core.nunits; i++)
	{
		AccountUnit *unit = &account->core.units[i];

		if (unit->last_activity != INSTANT_ALWAYS)
			account_usage(account, -unit->unit, true)->at = unit->last_activity;
	}
	pages_save(ledger, account);
	if (account->due_unknown)
		account_find_due(account);
	if (account->tiers)
		tiers_datum = tiers_save(ledger, account, &no_tiers);

	ExecClearTuple(slot);
	memset(isnull, 0, sizeof(bool) * ACCOUNT_COLUMNS);
	values[ACCOUNT_TIERS] = tiers_datum;
	isnull[ACCOUNT_TIERS] = no_tiers;
	values[ACCOUNT_MEMBER_ID] = account->member;
	values[ACCOUNT_LAST_ENTRY] = Int64GetDatum(account->last_entry);
	values[ACCOUNT_LAST_AT] = TimestampTzGetDatum(account->now);
	values[ACCOUNT_NEXT_DUE] = TimestampTzGetDatum(account->next_due);
	values[ACCOUNT_JOINED_AT] = TimestampTzGetDatum(account->joined_at);
	values[ACCOUNT_PURCHASES] = Int64GetDatum(account->purchases);
	values[ACCOUNT_SPEND] = Int64GetDatum(account->spend);
	isnull[ACCOUNT_FIRST_PURCHASE_AT] = !account->has_purchase;
	values[ACCOUNT_FIRST_PURCHASE_AT] = TimestampTzGetDatum(account->first_purchase_at);
	isnull[ACCOUNT_LAST_PURCHASE_AT] = !account->has_purchase;
	values[ACCOUNT_LAST_PURCHASE_AT] = TimestampTzGetDatum(account->last_purchase_at);
	values[ACCOUNT_STATUS] = Int16GetDatum(account->status);
	isnull[ACCOUNT_TIME_ZONE] = account->zone_name == NULL;
	if (account->zone_name)
		values[ACCOUNT_TIME_ZONE] = CStringGetTextDatum(account->zone_name);
	isnull[ACCOUNT_USAGE] = account->nusage == 0;
	if (account->nusage > 0)
	{
		Size		size = VARHDRSZ + sizeof(UsageItem) * account->nusage;
		bytea	   *usage = palloc(size);

		SET_VARSIZE(usage, size);
		memcpy(VARDATA(usage), account->usage, size - VARHDRSZ);
		values[ACCOUNT_USAGE] = PointerGetDatum(usage);
	}
	isnull[ACCOUNT_PAGED] = account->paged == NULL;
	if (account->paged)
		values[ACCOUNT_PAGED] = pages_to_datum(account);
	isnull[ACCOUNT_HOLDS] = account->core.nheld == 0;
	if (account->core.nheld > 0)
		values[ACCOUNT_HOLDS] = holds_pack(account->core.held, account->core.nheld);
	values[ACCOUNT_LOTS] = PointerGetDatum(lots_make_packed(account->core.pieces,
															account->core.npieces));
	ExecStoreVirtualTuple(slot);
	writer_replace(ledger, &ledger->account, &account->tid, ACCOUNT_COLUMNS);
	account->tid = slot->tts_tid;
	account->dirty = false;
	ExecClearTuple(slot);
}
