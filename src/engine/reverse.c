/*-------------------------------------------------------------------------
 *
 * reverse.c
 *	  Undoing what a function has done.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "engine/benefit.h"
#include "engine/reprice.h"
#include "engine/spend.h"

/* how operations of a kind are undone */
typedef struct Reversal
{
	const char *kind;
	EntryKind	entry_kind;		/* of the lines that do it */
	void		(*reverse) (Operation *operation, OperationRow *row);
} Reversal;

/* An adjustment; see adjust.c. */
static void
undo_adjustment(Operation *operation, OperationRow *row)
{
	reverse_adjustment(operation, row);
}

static const Reversal reversals[] = {
	{"adjust", ENTRY_ADJUST, undo_adjustment},
	{"claim", ENTRY_ADJUST, undo_adjustment},
	{"spend", ENTRY_RETURN, reverse_spend},
	{"redeem", ENTRY_RETURN, reverse_spend},
	{"auto_redeem", ENTRY_RETURN, reverse_spend},
	{"hold", ENTRY_RETURN, reverse_hold},
	{"hold_reward", ENTRY_RETURN, reverse_hold},
	{"transfer", ENTRY_TRANSFER, reverse_transfer},
	{BENEFIT_KIND, ENTRY_ADJUST, reverse_benefit},
};

/* How a kind is undone; an error if it is not. */
static const Reversal *
find_reversal(const char *kind)
{
	int			i;

	for (i = 0; i < lengthof(reversals); i++)
	{
		if (strcmp(reversals[i].kind, kind) == 0)
			return &reversals[i];
	}
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("an operation of kind \"%s\" cannot be reversed", kind),
			 strcmp(kind, "redeem_code") == 0 || strcmp(kind, "top_up_code") == 0 ||
			 strcmp(kind, "deposit_code") == 0 ?
			 errhint("The use of a code is undone by cancel_code.") : 0));
	return NULL;				/* keep compiler quiet */
}

/* The row that reverse_1 returns when it has undone what concerned many members. */
static Datum
reversed_reprice(int64 number, FunctionCallInfo fcinfo)
{
	TupleDesc	desc;
	Datum		values[10] = {0};
	bool		isnull[10];

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	memset(isnull, true, sizeof(isnull));
	isnull[0] = isnull[1] = false;
	values[0] = Int64GetDatum(number);
	values[1] = CStringGetTextDatum("done");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, isnull));
}

/*
 * reverse_1(program, operation, reason, key)
 */
LOYALTY_FUNCTION(loyalty_reverse);
Datum
loyalty_reverse(PG_FUNCTION_ARGS)
{
	Program    *program = program_get(PG_GETARG_OID(0));
	Operation	operation;
	OperationRow row;
	const Reversal *reversal;
	char	   *reason;
	int64		number;

	program_require_owner(&program->ref);
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("operation must not be null")));
	number = PG_GETARG_INT64(1);
	reason = operation_reason(fcinfo, 2);
	if (!operation_find(program, number, &row))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no operation " INT64_FORMAT, number),
				 errhint("Operations are the rows of \"%s.operation\".", program->ref.name)));
	operation_init(&operation, program, "reverse", ENTRY_ADJUST);
	operation.reverses = number;
	operation.reason = reason;
	operation.key = operation_key(fcinfo, 3);
	operation.worst_status = ACCOUNT_BLOCKED;
	operation.keeps_request = true;
	operation_argument(&operation, "operation", psprintf(INT64_FORMAT, number), false);
	operation_argument(&operation, "reason", operation.reason, true);
	if (strcmp(row.kind, "reprice") == 0 && operation_made_before(&operation))
		return reversed_reprice(operation.number, fcinfo);
	if (row.reversed_by && !operation_made_before(&operation))
		refuse_reversal(number);
	if (strcmp(row.kind, "reprice") == 0)
		return reversed_reprice(reprice_undo(program, number, reason, operation.key), fcinfo);

	refuse_paid_event(program, &row);
	reversal = find_reversal(row.kind);
	operation.entry_kind = reversal->entry_kind;
	operation.no_points = reversal->reverse == reverse_benefit;
	operation.unit = rules_unit(program->rules, row.unit_no);
	if (strcmp(row.kind, "transfer") == 0)
	{
		operation.has_other = true;
		operation.other_member = transfer_receiver(program, number);
	}

	if (operation_begin(&operation, row.member))
	{
		reversal->reverse(&operation, &row);
		operation.status = STATUS_DONE;
		operation_settle(&operation);
		operation_write(&operation);
	}
	return operation_result(&operation, fcinfo);
}
