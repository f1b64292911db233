/*-------------------------------------------------------------------------
 *
 * benefit.c
 *	  What tiers bring beside points: used, counted, given back.
 *
 * A benefit belongs to the tiers whose rows of tier_benefit name it.  Uses
 * count by its name, whichever tier they were made by: whoever rises within a
 * period has the higher tier's limit, less what was used before.  All is judged
 * once the account is locked, as of that instant.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/benefit.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "engine/config.h"
#include "engine/plan.h"
#include "engine/tiers.h"
#include "types/refusal.h"
#include "types/zone.h"

/* see plan_execute */
static const char find_plan = 0;
static const char count_plan = 0;
static const char insert_plan = 0;
static const char cancel_plan = 0;

/* when uses count together */
typedef struct Span
{
	Instant		start;			/* INSTANT_ALWAYS: ever */
	Instant		end;			/* INSTANT_NEVER: never, or nobody knows yet */
} Span;

/* a benefit of a tier that the member holds */
typedef struct Benefit
{
	int			group;
	int32		tier_no;		/* 0: none */
	bool		limited;
	int32		uses;
	char	   *period;			/* NULL: without limit */
	Span		span;
	int64		used;
} Benefit;

/* -------- periods -------- */

/* The period of a benefit at an instant, of which the stay begins and ends so. */
static Span
benefit_span(const char *period, Instant at, const Zone *zone, Instant stay_since,
			 Instant stay_until)
{
	Span		span = {INSTANT_ALWAYS, INSTANT_NEVER};

	if (period == NULL || strcmp(period, "ever") == 0)
		return span;
	if (strcmp(period, "stay") == 0)
	{
		span.start = stay_since;
		if (stay_until > at)
			span.end = stay_until;
		return span;
	}
	core_check(calendar_span(calendar_unit_parse(period, strlen(period)), at, zone,
							 &span.start, &span.end));
	return span;
}

/*
 * benefit_span_1(period, at, zone, stay_since, until)
 */
LOYALTY_FUNCTION(loyalty_benefit_span);
Datum
loyalty_benefit_span(PG_FUNCTION_ARGS)
{
	Span		span;
	pg_tz	   *tz = zone_lookup(text_to_cstring(PG_GETARG_TEXT_PP(2)));
	Zone		zone;
	TupleDesc	desc;
	Datum		values[2];
	bool		isnull[2] = {0};

	if (tz == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the program's time zone does not exist")));
	zone = zone_for_tz(tz);
	span = benefit_span(PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0)),
						PG_GETARG_TIMESTAMPTZ(1), &zone,
						PG_ARGISNULL(3) ? INSTANT_ALWAYS : PG_GETARG_TIMESTAMPTZ(3),
						PG_ARGISNULL(4) ? INSTANT_NEVER : PG_GETARG_TIMESTAMPTZ(4));
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = TimestampTzGetDatum(span.start);
	values[1] = TimestampTzGetDatum(span.end);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, isnull));
}

/* -------- choosing -------- */

/* How often a member has used a benefit since an instant. */
static int64
count_uses(Program *program, AccountState *account, const char *name, Instant since)
{
	Oid			types[3] = {program->ref.member_type, TEXTOID, TIMESTAMPTZOID};
	Datum		values[3];
	int64		used;
	bool		isnull;

	values[0] = account->member;
	values[1] = CStringGetTextDatum(name);
	values[2] = TimestampTzGetDatum(since);
	SPI_connect();
	plan_execute(program, &count_plan,
				 "SELECT pg_catalog.count(*) FROM %s.benefit_use"
				 " WHERE member_id OPERATOR(pg_catalog.=) $1"
				 " AND benefit OPERATOR(pg_catalog.=) $2"
				 " AND used_at OPERATOR(pg_catalog.>=) $3 AND cancelled_at IS NULL",
				 3, types, values, false, SPI_OK_SELECT);
	used = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
									   &isnull));
	SPI_finish();
	return used;
}

/* Whether one leaves more uses than another. */
static bool
leaves_more(const Benefit *a, const Benefit *b)
{
	if (b->tier_no == 0 || !a->limited)
		return b->tier_no == 0 || b->limited;
	return b->limited && a->uses - a->used > b->uses - b->used;
}

/* The rows of the benefit of that name, a tier each; called inside SPI. */
static uint64
find_rows(Program *program, const char *name, SPITupleTable **rows)
{
	Oid			types[1] = {TEXTOID};
	Datum		values[1] = {CStringGetTextDatum(name)};

	plan_execute(program, &find_plan,
				 "SELECT tier, uses, use_period FROM %s.tier_benefit"
				 " WHERE name OPERATOR(pg_catalog.=) $1 ORDER BY tier", 1, types, values,
				 false, SPI_OK_SELECT);
	*rows = SPI_tuptable;
	return SPI_processed;
}

/*
 * The benefit of that name which leaves most, of those of the tiers that the
 * member holds now; tier_no 0: none is.  *tiers: to whom it belongs.
 */
static Benefit
find_benefit(Operation *operation, const char *name, char **tiers)
{
	Program    *program = operation->program;
	AccountState *account = operation->account;
	const TierConfig *config = account_tier_config(account);
	MemoryContext context = CurrentMemoryContext;
	int32	   *held = palloc0(sizeof(int32) * (config ? config->ngroups : 1));
	Benefit		best = {0};
	SPITupleTable *rows;
	uint64		n;
	uint64		i;

	*tiers = NULL;
	if (account->tiers)
		tiers_at(operation->ledger, account, account->now, held);
	SPI_connect();
	n = find_rows(program, name, &rows);
	MemoryContextSwitchTo(context);
	for (i = 0; i < n; i++)
	{
		char	   *tier = SPI_getvalue(rows->vals[i], rows->tupdesc, 1);
		char	   *period = SPI_getvalue(rows->vals[i], rows->tupdesc, 3);
		bool		unlimited;
		int32		uses = DatumGetInt32(SPI_getbinval(rows->vals[i], rows->tupdesc, 2,
													   &unlimited));
		int			g;

		*tiers = *tiers ? psprintf("%s, \"%s\"", *tiers, tier) : psprintf("\"%s\"", tier);
		for (g = 0; account->tiers && g < config->ngroups; g++)
		{
			const TierState *state = &account->tiers->walk.states[g];
			Benefit		benefit = {g, held[g], !unlimited, uses, period};

			if (held[g] == 0 || strcmp(tiers_name(config, held[g]), tier) != 0)
				continue;
			benefit.span = benefit_span(unlimited ? NULL : period, account->now,
										&program->rules->zone,
										state->counted_at + (state->renewed != 0),
										state->until);
			if (benefit.limited)
				benefit.used = count_uses(program, account, name, benefit.span.start);
			if (leaves_more(&benefit, &best))
				best = benefit;
		}
	}
	SPI_finish();
	return best;
}

/* LY007 */
static void
refuse_benefit(const Operation *operation, const char *name, const char *tiers)
{
	ereport(ERROR,
			(errcode(ERRCODE_LOYALTY_NOT_ELIGIBLE),
			 errmsg("member \"%s\" holds no tier that brings benefit \"%s\" now",
					member_text(operation->program, operation->account->member), name),
			 errdetail("It belongs to %s.", tiers),
			 refusal_fields(operation->program->ref.name, "tier_benefit", "tier",
							facts("benefit", fact_text(name), NULL))));
}

/* LY006, with when it frees up. */
static void
refuse_use(const Program *program, const char *name, const Benefit *benefit)
{
	const char *period = benefit->period;
	bool		is_ever = period == NULL || strcmp(period, "ever") == 0;
	const char *frees_up = is_ever ? "it does not free up" :
		benefit->span.end == INSTANT_NEVER ? "it frees up when the next stay begins" :
		psprintf("it frees up at %s", instant_text(benefit->span.end));

	ereport(ERROR,
			(errcode(ERRCODE_LOYALTY_LIMIT_REACHED),
			 errmsg_plural("benefit \"%s\" can be used only %d time %s",
						   "benefit \"%s\" can be used only %d times %s",
						   benefit->uses, name, benefit->uses,
						   is_ever ? "ever" : psprintf("in a %s", period)),
			 errdetail("Used: " INT64_FORMAT "; %s.", benefit->used, frees_up),
			 errhint("A use that is cancelled can be made again."),
			 refusal_fields(program->ref.name, "tier_benefit", "uses",
							facts("benefit", fact_text(name), "limit", fact_int(benefit->uses),
								  "taken", fact_int(benefit->used), "needed", fact_int(1),
								  "period", fact_text(is_ever ? "ever" : period),
								  "until", fact_instant(benefit->span.end), NULL))));
}

/* -------- using -------- */

/* Writes the use down. */
static void
insert_use(Operation *operation, const char *name, const Benefit *benefit)
{
	Program    *program = operation->program;
	Oid			types[7] = {INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID, INT4OID,
	program->ref.member_type, TEXTOID};
	Datum		values[7];

	values[0] = Int64GetDatum(operation->number);
	values[1] = TimestampTzGetDatum(operation->account->now);
	values[2] = TimestampTzGetDatum(benefit->span.start);
	values[3] = Int32GetDatum(benefit->limited ? benefit->uses : 0);
	values[4] = Int32GetDatum(benefit->tier_no);
	values[5] = operation->account->member;
	values[6] = CStringGetTextDatum(name);
	SPI_connect();
	plan_execute(program, &insert_plan,
				 "INSERT INTO %s.benefit_use (use_no, used_at, span_start, allowed, tier_no,"
				 " member_id, benefit) VALUES ($1, $2, $3, NULLIF($4, 0), $5, $6, $7)",
				 7, types, values, false, SPI_OK_INSERT);
	SPI_finish();
}

/* The unit that a call without points is told in: that of the tier's group. */
static UnitConfig *
benefit_unit(Program *program, const char *name)
{
	TierConfig *config = program->tiers;
	MemoryContext context = CurrentMemoryContext;
	SPITupleTable *rows;
	uint64		n;
	uint64		i;
	int			group = -1;

	SPI_connect();
	n = find_rows(program, name, &rows);
	MemoryContextSwitchTo(context);
	for (i = 0; i < n && group < 0 && config; i++)
	{
		char	   *tier = SPI_getvalue(rows->vals[i], rows->tupdesc, 1);
		int			t;

		for (t = 0; t < config->ntiers && group < 0; t++)
		{
			if (strcmp(config->tier_names[t], tier) == 0)
				group = config->tier_groups[t];
		}
	}
	SPI_finish();
	if (group < 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no benefit named \"%s\"", name),
				 errhint("The program's benefits are the rows of its table \"tier_benefit\".")));
	return rules_unit(program->rules,
					  config->groups[group].ladders[config->groups[group].nladders - 1].unit_no);
}

/*
 * use_benefit_1(program, member, benefit, key)
 */
LOYALTY_FUNCTION(loyalty_use_benefit);
Datum
loyalty_use_benefit(PG_FUNCTION_ARGS)
{
	Program    *program = program_get(PG_GETARG_OID(0));
	Operation	operation;
	Datum		member;
	char	   *name;

	program_require_owner(&program->ref);
	operation_init(&operation, program, BENEFIT_KIND, ENTRY_ADJUST);
	operation.keeps_request = true;
	operation.no_points = true;
	member = operation_member(program, fcinfo, 1);
	name = operation_text(fcinfo, 2);
	operation.key = operation_key(fcinfo, 3);
	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("benefit must not be null")));
	operation_argument(&operation, "member", member_text(program, member), true);
	operation_argument(&operation, "benefit", name, true);
	operation.unit = benefit_unit(program, name);

	if (operation_begin(&operation, member))
	{
		char	   *tiers;
		Benefit		benefit = find_benefit(&operation, name, &tiers);

		if (benefit.tier_no == 0)
			refuse_benefit(&operation, name, tiers);
		if (benefit.limited && benefit.used >= benefit.uses)
			refuse_use(program, name, &benefit);
		operation.reason = name;
		operation_settle(&operation);
		operation_write(&operation);
		insert_use(&operation, name, &benefit);
	}
	return operation_result(&operation, fcinfo);
}

/* -------- giving back -------- */

/* see benefit.h */
void
benefit_cancel(Operation *operation, int64 use_no)
{
	Oid			types[2] = {INT8OID, TIMESTAMPTZOID};
	Datum		values[2];

	values[0] = Int64GetDatum(use_no);
	values[1] = TimestampTzGetDatum(operation->account->now);
	if (plan_update(operation->program, &cancel_plan,
					"WITH u AS (UPDATE %s.benefit_use SET cancelled_at = $2"
					"  WHERE use_no OPERATOR(pg_catalog.=) $1 AND cancelled_at IS NULL"
					"  RETURNING use_no)"
					" UPDATE %s.operation AS o SET status = 'cancelled' FROM u"
					" WHERE o.operation_no OPERATOR(pg_catalog.=) u.use_no",
					2, types, values) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("operation " INT64_FORMAT " has been cancelled already", use_no)));
	operation->status = "cancelled";
}

/* see benefit.h */
void
reverse_benefit(Operation *operation, OperationRow *row)
{
	benefit_cancel(operation, row->number);
}
