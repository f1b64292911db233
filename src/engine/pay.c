/*-------------------------------------------------------------------------
 *
 * pay.c
 *	  Points that a source's rows are paid with.
 *
 * What an event is paid with is what its rows say now, whether or not they earn
 * already.  The difference to what has been taken is taken now, or goes back to
 * the lots it came from: each taking is an operation of its own, known by
 * source and event.
 *
 * Points are taken in the order of events, each before it earns, so that a
 * statement of many rows does what as many statements would.  A backfill takes
 * them at the instant of the event, as far as they were there then: the rows
 * say that they were.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/pay.h"

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "engine/activity.h"
#include "engine/amount.h"
#include "engine/pages.h"
#include "engine/plan.h"
#include "engine/read.h"
#include "engine/spend.h"
#include "types/numbers.h"

/* see plan_execute */
static const char lower_plan = 0;

/* -------- rules of the source -------- */

/* Refuses what the source does not allow to pay: LY006. */
static bool
refuse_limit(Refusal *refusal, Batch *batch, const Event *event, const UnitConfig *unit,
			 const char *column, Points limit, const char *detail)
{
	/* a row that is only previewed may have no key yet */
	const char *key = event->key ? event_key_text(batch->source, event->key) : NULL;

	refuse(refusal, ERRCODE_LOYALTY_LIMIT_REACHED, detail, NULL,
		   "event %s of source \"%s\" cannot be paid with %s %s", key ? key : "",
		   batch->source->name, points_text(event->payment->wants), unit->name);
	refusal_about(refusal, "source", column,
				  facts("source", fact_text(batch->source->name), "event", fact_text(key),
						"unit", fact_text(unit->name),
						"limit", fact_points(limit),
						"needed", fact_points(event->payment->wants), NULL));
	return false;
}

/* The most points that spend_max_share allows. */
static Points
share_limit(Batch *batch, const Event *event, const UnitConfig *unit)
{
	SourceConfig *source = batch->source;
	Frac		rest;
	Frac		worth;
	Frac		points;
	CoreInt128	limit;

	if (!unit->has_value || frac_sign(unit->value) <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("source \"%s\" limits the share paid with %s, which have no value",
						source->name, unit->name),
				 errhint("Set the unit's value, in money per point.")));
	if (frac_sign(event->payment->amount) <= 0)
		rest = FRAC_ZERO;
	else
		rest = event->payment->amount;

	/* worth <= share * (rest + worth), so worth <= rest * share / (1 - share) */
	if (frac_sub((Frac) {1, 1}, source->max_share, &worth) != CORE_OK)
		core_check(CORE_RANGE);
	if (frac_sign(worth) <= 0)
		return POINTS_MAX;
	core_check(frac_mul(rest, source->max_share, &rest));
	core_check(frac_div(rest, worth, &points));
	core_check(frac_div(points, unit->value, &points));
	core_check(frac_mul(points, (Frac) {POINTS_SCALE, 1}, &points));
	limit = frac_floor(points);
	return limit > POINTS_MAX ? POINTS_MAX : (Points) limit;
}

/* Does the source allow to pay so much?  False: refused. */
static bool
within_limits(Batch *batch, const Event *event, const UnitConfig *unit, Refusal *refusal)
{
	SourceConfig *source = batch->source;
	Points		wants = event->payment->wants;

	if (batch->options.history)
		return true;
	if (source->spend_step > 0 && wants % source->spend_step != 0)
		return refuse_limit(refusal, batch, event, unit, "spend_step", source->spend_step,
							psprintf("It takes multiples of %s.",
									 points_text(source->spend_step)));
	if (source->spend_min > 0 && wants < source->spend_min)
		return refuse_limit(refusal, batch, event, unit, "spend_min", source->spend_min,
							psprintf("It takes at least %s.", points_text(source->spend_min)));
	if (source->has_spend_max && wants > source->spend_max)
		return refuse_limit(refusal, batch, event, unit, "spend_max", source->spend_max,
							psprintf("It takes at most %s.", points_text(source->spend_max)));
	if (source->has_max_share)
	{
		Points		limit = share_limit(batch, event, unit);

		limit -= limit % unit->judge.step;
		if (wants > limit)
			return refuse_limit(refusal, batch, event, unit, "spend_max_share", limit,
								psprintf("They may pay at most the share of %s, which is %s.",
										 source->max_share_text, points_text(limit)));
	}
	return true;
}

/* -------- taking and giving back -------- */

/* Who was to pay what, for programs to read. */
static char *
payer_facts(Batch *batch, const Event *event, const char *status)
{
	return facts("member", fact_text(member_text(batch->program, event->payment->member)),
				 "status", fact_text(status),
				 "source", fact_text(batch->source->name),
				 "event", fact_text(event_key_text(batch->source, event->key)), NULL);
}

/* Starts an operation within a batch, whose ledger is open. */
static void
begin(Operation *operation, Batch *batch, Event *event, AccountState *account,
	  const char *kind, EntryKind entry_kind, UnitConfig *unit)
{
	activity_settle(batch->ledger, account);
	operation_init(operation, batch->program, kind, entry_kind);
	operation->within = true;
	operation->ledger = batch->ledger;
	operation->account = account;
	operation->unit = unit;
	operation->source_no = batch->source->source_no;
	operation->event_key = event_key_text(batch->source, event->key);
}

/* Tells who watches a batch that writes nothing what it would do. */
static void
pretend(Batch *batch, Event *event, AccountState *account, int32 unit_no, Points points)
{
	EntryLine	line;

	if (!batch->options.no_claims || batch->line_observer == NULL || event->key == NULL || account == NULL)
		return;
	memset(&line, 0, sizeof(line));
	line.movement.kind = points < 0 ? ENTRY_REDEEM : ENTRY_RETURN;
	line.movement.unit = unit_no;
	line.movement.points = points;
	line.event_key = CStringGetTextDatum(event_key_text(batch->source, event->key));
	batch->line_observer(batch->line_observer_arg, account, &line, 0);
}

/* Takes points at an instant, as far as they were there then. */
static void
take_history(Operation *operation, Points points, Instant at)
{
	AccountState *account = operation->account;
	int32		unit_no = operation->unit->unit_no;
	Points		missing;

	operation->points = points;
	pages_bring_in_for(operation->ledger, account, unit_no, points);
	core_check(account_take(&account->core, ENTRY_REDEEM, unit_no, points, false, at, 0,
							&missing, operation_sink, operation));
	if (missing > 0)
	{
		points = missing < points ? points - missing : 0;
		points = points_shown(points, operation->unit->decimals);
		if (points > 0)
			core_check(account_take(&account->core, ENTRY_REDEEM, unit_no, points, false, at,
									0, &missing, operation_sink, operation));
	}
	operation->spent = points;
	if (points > 0)
		activity_note(operation->ledger, account, unit_no, at);
}

/* What previews are told: whether the points could be spent, and would be there. */
static void
preview(Batch *batch, Event *event, AccountState *account, const UnitConfig *unit,
		Points points)
{
	Points		missing = points;
	Refusal		refusal = {0};
	const char *why_not = NULL;

	if (account && account->status != ACCOUNT_ACTIVE)
		why_not = "The member is not active.";
	else if (!within_limits(batch, event, unit, &refusal))
		why_not = refusal.detail;
	else if (account)
	{
		pages_bring_in_for(batch->ledger, account, unit->unit_no, points);
		core_check(account_take(&account->core, ENTRY_REDEEM, unit->unit_no, points, false,
								account->now, 0, &missing, NULL, NULL));
	}
	if (why_not == NULL && missing > 0)
		why_not = psprintf("insufficient %s: %s missing", unit->name, points_text(missing));
	batch->pay_observer(batch->observer_arg, unit, points, why_not);
}

/* Has a member got so many points, and may it spend them? */
static bool
can_pay(const AccountState *account, const UnitConfig *unit, Points points)
{
	return account->status == ACCOUNT_ACTIVE &&
		account_unit_balance(account, unit->unit_no).available >= points;
}

/* Takes more points for an event. */
static void
take(Batch *batch, Event *event, AccountState *account, Points points)
{
	UnitConfig *unit = payment_unit(batch);
	Refusal		refusal = {0};
	Operation	operation;

	if (batch->pay_observer)
	{
		preview(batch, event, account, unit, points);
		return;
	}
	if (batch->options.dry)
	{
		pretend(batch, event, account, unit->unit_no, -points);
		return;
	}
	if (account == NULL && batch->options.history)
		return;
	if (account == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_LOYALTY_UNKNOWN_MEMBER),
				 errmsg("there is no member \"%s\"",
						member_text(batch->program, event->payment->member)),
				 errdetail("Event %s of source \"%s\" is paid with points.",
						   event_key_text(batch->source, event->key), batch->source->name),
				 refusal_fields(batch->program->ref.name, "member", "member_id",
								payer_facts(batch, event, NULL))));
	if (batch->options.no_claims && !can_pay(account, unit, points))
	{
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("event %s of source \"%s\" should be paid with %s more %s, which member \"%s\" has not got",
						event_key_text(batch->source, event->key), batch->source->name,
						points_text(points), unit->name,
						member_text(batch->program, account->member))));
		return;
	}
	if (account->status != ACCOUNT_ACTIVE && !batch->options.history)
		ereport(ERROR,
				(errcode(ERRCODE_LOYALTY_MEMBER_NOT_ACTIVE),
				 errmsg("member \"%s\" is not active",
						member_text(batch->program, account->member)),
				 errdetail("Event %s of source \"%s\" is paid with points.",
						   event_key_text(batch->source, event->key), batch->source->name),
				 refusal_fields(batch->program->ref.name, "member", "status",
								payer_facts(batch, event,
											member_status_text(account->status)))));
	if (!within_limits(batch, event, unit, &refusal))
		refusal_raise(&refusal, batch->program->ref.name);
	begin(&operation, batch, event, account, "spend", ENTRY_REDEEM, unit);
	operation.number = operation_next_number(batch->program);
	if (batch->options.history)
		take_history(&operation, points, Min(event->at, account->now));
	else
		spend_take(&operation, points);
	operation_settle(&operation);
	operation_write(&operation);
}

/* What an operation that took too little keeps to itself is forgotten. */
static void
lower_points(Batch *batch, OperationRow *row, Points points)
{
	Oid			types[2] = {INT8OID, batch->program->points_type};
	Datum		values[2] = {Int64GetDatum(row->number), Int64GetDatum(points)};

	row->points = points;
	plan_update(batch->program, &lower_plan,
				"UPDATE %s.operation SET points = $2"
				" WHERE operation_no OPERATOR(pg_catalog.=) $1",
				2, types, values);
}

/* Gives back points of one operation. */
static void
give_back(Batch *batch, Event *event, OperationRow *row, AccountState *account, Points points)
{
	Points		left = row->spent - row->returned;
	Points		unpaid = row->points - row->returned - left;
	Operation	operation;

	/* what was said to be paid, and was not there, goes first */
	if (unpaid > 0)
	{
		Points		forgotten = Min(unpaid, points);

		points -= forgotten;
		if (!batch->options.dry)
			lower_points(batch, row, row->points - forgotten);
	}
	points = Min(points, left);
	if (points == 0)
		return;
	if (batch->options.dry)
	{
		pretend(batch, event, account, row->unit_no, points);
		return;
	}
	begin(&operation, batch, event, account, "cancel", ENTRY_RETURN,
		  rules_unit(batch->program->rules, row->unit_no));
	operation.concerns = row->number;
	operation.number = operation_next_number(batch->program);
	cancel_return(&operation, row, points);
	operation_settle(&operation);
	operation_write(&operation);
}

/* Is it the payer's? */
static bool
is_payers(const Batch *batch, const Payment *payment, const OperationRow *row)
{
	return payment->wants == 0 || !payment->has_member ||
		member_cmp(batch->program, payment->member, row->member) == 0;
}

/* see pay.h */
void
pay_post(Batch *batch, Event *event, PayAccount account_of, void *arg)
{
	Payment    *payment = event->payment;
	Points		paid = 0;
	int			i;

	if (payment->keeps)
		return;

	/* what somebody else paid goes back to him */
	for (i = payment->npaid - 1; i >= 0; i--)
	{
		OperationRow *row = &payment->paid[i];
		Points		net = row->points - row->returned;

		if (net <= 0)
			continue;
		if (is_payers(batch, payment, row))
			paid += net;
		else
			give_back(batch, event, row, account_of(arg, row->member, event), net);
	}
	for (i = payment->npaid - 1; i >= 0 && paid > payment->wants; i--)
	{
		OperationRow *row = &payment->paid[i];
		Points		net = Min(row->points - row->returned, paid - payment->wants);

		if (net <= 0 || !is_payers(batch, payment, row))
			continue;
		give_back(batch, event, row, account_of(arg, row->member, event), net);
		paid -= net;
	}
	if (payment->wants > paid)
		take(batch, event, account_of(arg, payment->member, event), payment->wants - paid);
}
