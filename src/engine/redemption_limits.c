/*-------------------------------------------------------------------------
 *
 * redemption_limits.c
 *	  How many pieces of a reward a member may have.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/timestamp.h"

#include "engine/catalogue.h"
#include "engine/plan.h"

/* see plan_execute */
static const char count_plan = 0;

/* How many pieces of some rewards a member has in a span. */
static int64
count_pieces(Program *program, AccountState *account, const int32 *rewards, int nrewards,
			 CalendarUnit period, int64 excluding)
{
	Oid			types[6] = {program->ref.member_type, INT4ARRAYOID, TIMESTAMPTZOID,
	TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID};
	Datum		values[6];
	Datum	   *numbers = palloc(sizeof(Datum) * Max(1, nrewards));
	Instant		start = INSTANT_ALWAYS;
	Instant		end = INSTANT_NEVER;
	int64		pieces;
	bool		isnull;
	int			i;

	if (period != CALENDAR_EVER)
		core_check(calendar_span(period, account->now, &program->rules->zone, &start, &end));
	for (i = 0; i < nrewards; i++)
		numbers[i] = Int32GetDatum(rewards[i]);
	values[0] = account->member;
	values[1] = PointerGetDatum(construct_array(numbers, nrewards, INT4OID, sizeof(int32),
												true, TYPALIGN_INT));
	values[2] = TimestampTzGetDatum(start);
	values[3] = TimestampTzGetDatum(end);
	values[4] = TimestampTzGetDatum(account->now);
	values[5] = Int64GetDatum(excluding);
	SPI_connect();
	plan_execute(program, &count_plan,
				 "SELECT pg_catalog.sum(quantity OPERATOR(pg_catalog.-) cancelled)"
				 " FROM %s.redemption WHERE member_id OPERATOR(pg_catalog.=) $1"
				 " AND reward_no OPERATOR(pg_catalog.=) ANY ($2)"
				 " AND redeemed_at OPERATOR(pg_catalog.>=) $3"
				 " AND redeemed_at OPERATOR(pg_catalog.<) $4"
				 " AND (held_until IS NULL OR held_until OPERATOR(pg_catalog.>) $5)"
				 " AND redemption_no OPERATOR(pg_catalog.<>) $6",
				 6, types, values, account->locked ? false : true, SPI_OK_SELECT);
	pieces = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
										 &isnull));
	if (isnull)
		pieces = 0;
	SPI_finish();
	return pieces;
}

/* "in this month", for messages. */
static const char *
in_this(CalendarUnit period)
{
	return period == CALENDAR_EVER ? "ever" :
		psprintf("in this %s", calendar_unit_name(period));
}

/* Says which limit it is, and how much of it is taken. */
static void
about_limit(Refusal *refusal, const char *table, const char *column, const char *name,
			int32 limit, int64 taken, int32 quantity, CalendarUnit period)
{
	refusal_about(refusal, table, column,
				  facts(table, fact_text(name), "limit", fact_int(limit),
						"taken", quantity > limit ? NULL : fact_int(taken),
						"needed", fact_int(quantity),
						"period", fact_text(period == CALENDAR_EVER ? "ever" :
											calendar_unit_name(period)), NULL));
}

/* see catalogue.h */
bool
redemption_within_limits(Program *program, AccountState *account, const RewardConfig *reward,
						 int32 quantity, int64 excluding, Refusal *refusal)
{
	int64		pieces;

	if (reward->max_per_member > 0)
	{
		pieces = quantity > reward->max_per_member ? 0 :
			count_pieces(program, account, &reward->reward_no, 1, reward->period, excluding);
		if (pieces + quantity > reward->max_per_member)
		{
			refuse(refusal, ERRCODE_LOYALTY_LIMIT_REACHED,
				   quantity > reward->max_per_member ? NULL :
				   psprintf("The member has " INT64_FORMAT ".", pieces), NULL,
				   "a member can have only %d of reward \"%s\" %s", reward->max_per_member,
				   reward->name, in_this(reward->period));
			about_limit(refusal, "reward", "max_per_member", reward->name,
						reward->max_per_member, pieces, quantity, reward->period);
			return false;
		}
	}
	if (reward->set)
	{
		const ChoiceSet *set = reward->set;

		pieces = quantity > set->choose ? 0 :
			count_pieces(program, account, set->rewards, set->nrewards, set->period, excluding);
		if (pieces + quantity > set->choose)
		{
			refuse(refusal, ERRCODE_LOYALTY_LIMIT_REACHED,
				   quantity > set->choose ? NULL :
				   psprintf("The member has chosen " INT64_FORMAT " already.", pieces),
				   "A redemption that is cancelled frees the choice.",
				   "a member can choose only %d of choice set \"%s\" %s", set->choose, set->name,
				   in_this(set->period));
			about_limit(refusal, "choice_set", "choose", set->name, set->choose, pieces,
						quantity, set->period);
			return false;
		}
	}
	return true;
}
