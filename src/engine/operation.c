/*-------------------------------------------------------------------------
 *
 * operation.c
 *	  What somebody does to an account by calling a function.
 *
 * The account's lock comes first and the row of the table operation after it,
 * so that of two calls with one key at the same time the second finds what the
 * first has done.  Calls for different members with one key meet at the unique
 * index instead, and one of them is refused.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/instant.h"
#include "engine/activity.h"
#include "engine/arrays.h"
#include "engine/catalogue.h"
#include "engine/operation.h"
#include "engine/read.h"
#include "types/numbers.h"

/* columns of what calls return */
#define OPERATION_RESULT_COLUMNS 10

/* bytes; an index takes no more than a third of a page */
#define MAX_KEY_LENGTH 1000

/* -------- texts -------- */

/* see operation.h */
char *
instant_text(Instant at)
{
	char		buffer[INSTANT_TEXT_SIZE];

	if (at == INSTANT_NEVER || at == INSTANT_ALWAYS)
		return pstrdup(at == INSTANT_NEVER ? "infinity" : "-infinity");
	*print_instant(buffer, at) = '\0';
	return pstrdup(buffer);
}

/* see operation.h */
char *
points_text(Points points)
{
	char		buffer[POINTS_TEXT_SIZE];

	points_format(points, buffer);
	return pstrdup(buffer);
}

/* see operation.h */
void
operation_init(Operation *operation, Program *program, const char *kind,
			   EntryKind entry_kind)
{
	memset(operation, 0, sizeof(Operation));
	operation->program = program;
	operation->kind = kind;
	operation->entry_kind = entry_kind;
	operation->status = operation->row_status = STATUS_DONE;
	operation->deadline = operation->valid_until = INSTANT_ALWAYS;
	operation->nown = -1;
	initStringInfo(&operation->request);
}

/* see operation.h */
void
operation_argument(Operation *operation, const char *name, const char *value, bool is_text)
{
	StringInfo	request = &operation->request;

	appendStringInfoString(request, request->len == 0 ? "{" : ", ");
	escape_json(request, name);
	appendStringInfoString(request, ": ");
	if (value == NULL)
		appendStringInfoString(request, "null");
	else if (is_text)
		escape_json(request, value);
	else
		appendStringInfoString(request, value);
}

/* A JSON object as jsonb, its last brace still missing. */
static Datum
object_jsonb(const StringInfoData *object)
{
	return DirectFunctionCall1(jsonb_in,
							   CStringGetDatum(psprintf("%s}", object->data)));
}

/* -------- arguments -------- */

/* see operation.h */
Datum
operation_member(Program *program, FunctionCallInfo fcinfo, int argument)
{
	if (PG_ARGISNULL(argument))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("member must not be null")));
	return member_from_argument(program, get_fn_expr_argtype(fcinfo->flinfo, argument),
								PG_GETARG_DATUM(argument));
}

/* see operation.h */
char *
operation_text(FunctionCallInfo fcinfo, int argument)
{
	return PG_ARGISNULL(argument) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(argument));
}

/* see operation.h */
char *
operation_key(FunctionCallInfo fcinfo, int argument)
{
	char	   *key = operation_text(fcinfo, argument);

	if (key == NULL)
		return NULL;
	if (key[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("key must not be empty"),
				 errhint("Leave it out, or give each call a key of its own, such as the number of a basket.")));
	if (strlen(key) > MAX_KEY_LENGTH)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a key of %zu bytes is too long", strlen(key)),
				 errdetail("It may have up to %d.", MAX_KEY_LENGTH)));
	return key;
}

/* see operation.h */
char *
operation_reason(FunctionCallInfo fcinfo, int argument)
{
	char	   *reason = operation_text(fcinfo, argument);

	if (reason == NULL || reason[strspn(reason, " \t\r\n")] == '\0')
		ereport(ERROR,
				(errcode(reason ? ERRCODE_INVALID_PARAMETER_VALUE :
						 ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("a reason must be given"),
				 errhint("Add the argument reason => '...'; it is shown in the member's statement.")));
	return reason;
}

/* see operation.h */
Points
operation_amount(FunctionCallInfo fcinfo, int argument, const UnitConfig *unit,
				 bool positive, bool none_is_all)
{
	Numeric		value;
	Points		points;
	Points		step = unit->judge.step;
	int			i;

	/* fractions that are only carried cannot be spent: the floor of the sum is */
	if (positive)
	{
		step = POINTS_SCALE;
		for (i = 0; i < unit->decimals; i++)
			step /= 10;
	}
	if (PG_ARGISNULL(argument))
	{
		if (none_is_all)
			return 0;
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("points must not be null")));
	}
	value = PG_GETARG_NUMERIC(argument);
	if (points_from_numeric(value, &points) != CORE_OK)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("points out of range: %s",
						DatumGetCString(DirectFunctionCall1(numeric_out,
															NumericGetDatum(value))))));
	if (points == 0 || (positive && points < 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg(positive ? "points must be more than zero" : "points must not be zero")));
	if (points % step != 0 ||
		!DatumGetBool(DirectFunctionCall2(numeric_eq, NumericGetDatum(value),
										  NumericGetDatum(points_to_numeric(points)))))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is no amount of %s",
						DatumGetCString(DirectFunctionCall1(numeric_out,
															NumericGetDatum(value))),
						unit->name),
				 errdetail("The smallest amount of this unit is %s.",
						   points_text(step))));
	return points;
}

/* -------- one call -------- */

/* see operation.h */
bool
operation_made_before(Operation *operation)
{
	Program    *program = operation->program;
	OperationRow row;
	OperationRow concerned;

	if (operation->key == NULL || !operation_find_key(program, operation->key, &row))
		return false;
	if (strcmp(row.kind, operation->kind) != 0 || row.request == (Datum) 0 ||
		!DatumGetBool(DirectFunctionCall2(jsonb_eq, row.request,
										  object_jsonb(&operation->request))))
		refuse_key(program, operation->key);
	if (operation->unit == NULL && row.unit_no != 0)
		operation->unit = rules_unit(program->rules, row.unit_no);
	operation->number = row.number;
	operation->points = row.points;
	operation->deadline = row.deadline;
	operation->valid_until = row.valid_until;
	operation->status = operation_present_status(&row, program_clock(program));
	if (row.concerns && operation_find(program, row.concerns, &concerned))
	{
		operation->status = operation_present_status(&concerned, program_clock(program));
		if (operation->closes)
			operation->number = concerned.number;
	}
	return true;
}

/* see operation.h */
void
tell_stranger(const Program *program, Datum member, Refusal *refusal)
{
	const char *name = member_text(program, member);

	refuse(refusal, ERRCODE_LOYALTY_UNKNOWN_MEMBER, NULL,
		   psprintf("Members are enrolled by their first event, or by a row in \"%s.member\".",
					program->ref.name),
		   "there is no member \"%s\"", name);
	refusal_about(refusal, "member", "member_id", facts("member", fact_text(name), NULL));
}

/* see operation.h */
void
refuse_stranger(const Program *program, Datum member)
{
	Refusal		refusal = {0};

	tell_stranger(program, member, &refusal);
	refusal_raise(&refusal, program->ref.name);
}

/* see operation.h */
const char *
member_status_text(int16 status)
{
	return status == ACCOUNT_ACTIVE ? "active" :
		status == ACCOUNT_CLOSED ? "closed" : "blocked";
}

/* see operation.h */
void
tell_inactive(const Program *program, const AccountState *account, Refusal *refusal)
{
	const char *name = member_text(program, account->member);
	const char *status = member_status_text(account->status);

	refuse(refusal, ERRCODE_LOYALTY_MEMBER_NOT_ACTIVE,
		   psprintf("The member's status is \"%s\".", status), NULL,
		   account->status == ACCOUNT_CLOSED ? "member \"%s\" has left" :
		   "member \"%s\" is blocked", name);
	refusal_about(refusal, "member", "status",
				  facts("member", fact_text(name), "status", fact_text(status), NULL));
}

/* see operation.h */
void
refuse_inactive(const Program *program, const AccountState *account)
{
	Refusal		refusal = {0};

	tell_inactive(program, account, &refusal);
	refusal_raise(&refusal, program->ref.name);
}

/* Locks one account; LY002, LY003. */
static AccountState *
lock_member(Operation *operation, Datum member)
{
	Program    *program = operation->program;
	AccountState *account = ledger_account(operation->ledger, member);

	if (account == NULL)
		refuse_stranger(program, member);
	if (account->status > operation->worst_status)
		refuse_inactive(program, account);
	return account;
}

/* Locks the accounts, in the order of their members. */
static void
lock_members(Operation *operation, Datum member)
{
	if (operation->has_other)
	{
		Datum		members[2] = {member, operation->other_member};

		if (member_cmp(operation->program, members[0], members[1]) > 0)
		{
			members[0] = operation->other_member;
			members[1] = member;
		}
		ledger_lock_accounts(operation->ledger, members, 2);
	}
	operation->account = lock_member(operation, member);
	if (operation->has_other)
		operation->other = lock_member(operation, operation->other_member);
}

/* see operation.h */
bool
operation_begin(Operation *operation, Datum member)
{
	Program    *program = operation->program;
	Ledger		reader;

	if (operation_made_before(operation))
	{
		reader_open(&reader, program);
		operation->account = reader_account(&reader, member, NULL, NULL);
		reader_close(&reader);
		return false;
	}
	operation->ledger = ledger_open(program, NULL, false);
	lock_members(operation, member);

	/* somebody may have made the call while this one waited */
	if (operation_made_before(operation))
	{
		ledger_save_account(operation->ledger, operation->account);
		if (operation->other)
			ledger_save_account(operation->ledger, operation->other);
		return false;
	}
	if (!operation->closes || operation->key)
		operation->number = operation_next_number(program);
	return true;
}

/* Makes room for one more move. */
static Movement *
add_move(Operation *operation, const Movement *movement)
{
	Movement   *move;

	if (operation->nmoves == operation->capacity)
		operation->moves = array_grow(CurrentMemoryContext, operation->moves, sizeof(Movement),
									  &operation->capacity, 8);
	move = &operation->moves[operation->nmoves++];
	*move = *movement;
	move->tag = 0;
	if (move->kind == ENTRY_EARN || move->kind == ENTRY_REVOKE)
		move->kind = operation->entry_kind;
	return move;
}

/* see operation.h */
void
operation_sink(void *arg, const Movement *movement)
{
	(void) add_move((Operation *) arg, movement);
}

/* see operation.h */
void
operation_other_sink(void *arg, const Movement *movement)
{
	add_move((Operation *) arg, movement)->tag = MOVE_OTHER;
}

/*
 * Expires and repays what is due of one account.  When something is due next is
 * lowered at once and raised only when it is reached: it is indexed, and a hold
 * that is captured would cost its index two entries, a hold after it two more.
 */
static void
settle_account(Operation *operation, AccountState *account, MovementSink sink)
{
	TimestampTz bound = account->next_due;

	core_check(account_advance(&account->core, account->now, account->now, sink, operation));
	account_find_due(account);
	if (bound > account->now)
		account->next_due = Min(account->next_due, bound);
	account->dirty = true;
}

/* see operation.h */
void
operation_settle(Operation *operation)
{
	operation->nown = operation->nmoves;
	settle_account(operation, operation->account, operation_sink);
	if (operation->other)
		settle_account(operation, operation->other, operation_other_sink);
}

/* The lines of the first account that the moves before settling will be. */
static void
number_lines(Operation *operation)
{
	int			nown = 0;
	int			i;

	for (i = 0; i < operation->nown; i++)
	{
		if (operation->moves[i].tag != MOVE_OTHER)
			nown++;
	}
	if (nown == 0)
		return;
	operation->first_entry = operation->account->last_entry + 1;
	operation->last_entry = operation->account->last_entry + nown;
}

/* What the lines have changed of what has lapsed, and what that makes due. */
static void
settle_activity(Operation *operation, AccountState *account)
{
	int64		before = account->last_entry;

	activity_settle(operation->ledger, account);
	if (account->last_entry > before)
		account_bring_to(operation->ledger, account, account->now);
}

/*
 * Rewards go by themselves in postings and book_due(), not in calls: who has got
 * points by one, or had something due that it has booked, is due for them.
 */
static void
wake(Operation *operation, AccountState *account, int tag)
{
	bool		woken = account->woken;
	int			i;

	for (i = 0; i < operation->nmoves && !woken; i++)
		woken = operation->moves[i].points > 0 && operation->moves[i].tag == tag;
	if (account->wakes && woken)
		auto_redeem_later(operation->ledger, account);
}

/* see operation.h */
void
operation_write(Operation *operation)
{
	int64		number = operation->closes ? operation->concerns : operation->number;
	int			i;

	number_lines(operation);
	if (!operation->closes || operation->key)
		operation_insert(operation);
	for (i = 0; i < operation->nmoves; i++)
	{
		const Movement *move = &operation->moves[i];
		EntryLine	line;

		memset(&line, 0, sizeof(line));
		line.movement = *move;
		line.operation_no = move->hold_no;
		if (operation->event_key)
			line.event_key = CStringGetTextDatum(operation->event_key);
		if (i < operation->nown && move->kind == operation->entry_kind)
			line.operation_no = number;
		ledger_append(operation->ledger, move->tag == MOVE_OTHER ? operation->other :
					  operation->account, &line);
	}
	settle_activity(operation, operation->account);
	if (operation->other)
		settle_activity(operation, operation->other);
	if (!operation->within)
	{
		wake(operation, operation->account, 0);
		ledger_save_account(operation->ledger, operation->account);
	}
	if (operation->other)
	{
		wake(operation, operation->other, MOVE_OTHER);
		ledger_save_account(operation->ledger, operation->other);
	}
}

/*
 * The type of the row that calls return, the same for all of them and for all
 * programs.  Working it out from the function's declaration costs as much as
 * writing a line of the ledger.
 */
static TupleDesc
result_type(FunctionCallInfo fcinfo)
{
	static TupleDesc kept = NULL;
	TupleDesc	desc;
	MemoryContext old;

	if (kept)
		return kept;
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE ||
		desc->natts != OPERATION_RESULT_COLUMNS)
		elog(ERROR, "return type must be a row type");
	old = MemoryContextSwitchTo(TopMemoryContext);
	kept = BlessTupleDesc(CreateTupleDescCopy(desc));
	MemoryContextSwitchTo(old);
	return kept;
}

/* see operation.h */
Datum
operation_result(Operation *operation, FunctionCallInfo fcinfo)
{
	UnitBalance balance = {0};
	Datum		values[OPERATION_RESULT_COLUMNS];
	bool		isnull[OPERATION_RESULT_COLUMNS] = {0};

	/* before the ledger is closed, for pages to be read */
	if (operation->account)
		balance = account_unit_balance(operation->account, operation->unit->unit_no);
	if (operation->ledger)
		ledger_close(operation->ledger);

	values[0] = Int64GetDatum(operation->number);
	values[1] = CStringGetTextDatum(operation->status);
	values[2] = CStringGetTextDatum(operation->unit->name);
	values[3] = NumericGetDatum(points_to_numeric(operation->points));
	isnull[4] = operation->code == NULL;
	values[4] = operation->code ? CStringGetTextDatum(operation->code) : (Datum) 0;
	values[5] = NumericGetDatum(points_to_numeric(points_shown(balance.available,
															   operation->unit->decimals)));
	values[6] = NumericGetDatum(points_to_numeric(balance.pending));
	values[7] = NumericGetDatum(points_to_numeric(balance.held));
	values[8] = NumericGetDatum(points_to_numeric(balance.debt));
	if (operation->deadline != INSTANT_ALWAYS)
		operation->valid_until = operation->deadline;
	values[9] = TimestampTzGetDatum(operation->valid_until);
	isnull[9] = operation->valid_until == INSTANT_ALWAYS;
	if (operation->no_points)
		isnull[2] = isnull[3] = isnull[5] = isnull[6] = isnull[7] = isnull[8] = true;
	return HeapTupleGetDatum(heap_form_tuple(result_type(fcinfo), values, isnull));
}

/* When the first of the account's holds in a unit ends. */
static Instant
first_deadline(const AccountState *account, const UnitConfig *unit)
{
	Points		sum;
	Instant		until;

	core_check(account_held(&account->core, unit->unit_no, &sum, &until));
	return until;
}

/* see operation.h */
char *
insufficient_facts(const Program *program, const AccountState *account, const UnitConfig *unit,
				   Points needed, Points missing)
{
	UnitBalance balance = account_unit_balance(account, unit->unit_no);

	return facts("member", fact_text(member_text(program, account->member)),
				 "unit", fact_text(unit->name),
				 "available", fact_points(points_shown(balance.available, unit->decimals)),
				 "needed", fact_points(needed),
				 "missing", fact_points(missing),
				 "pending", fact_points(balance.pending),
				 "held", fact_points(balance.held),
				 "held_until", balance.held > 0 ? fact_instant(first_deadline(account, unit)) : NULL,
				 "owed", fact_points(balance.debt), NULL);
}

/* see operation.h */
void
insufficient_points(const Operation *operation, Points needed, Points missing)
{
	const UnitConfig *unit = operation->unit;
	UnitBalance balance = account_unit_balance(operation->account, unit->unit_no);
	char	   *held = points_text(balance.held);

	if (balance.held > 0)
		held = psprintf("%s until %s", held,
						instant_text(first_deadline(operation->account, unit)));
	ereport(ERROR,
			(errcode(ERRCODE_LOYALTY_INSUFFICIENT_POINTS),
			 errmsg("insufficient %s: %s available, %s needed", unit->name,
					points_text(points_shown(balance.available, unit->decimals)),
					points_text(needed)),
			 errdetail("Missing %s; pending %s, held %s, owed %s.", points_text(missing),
					   points_text(balance.pending), held, points_text(balance.debt)),
			 refusal_fields(operation->program->ref.name, "balances", "available",
							insufficient_facts(operation->program, operation->account, unit,
											   needed, missing))));
}
