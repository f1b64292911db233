/*-------------------------------------------------------------------------
 *
 * refusal.c
 *	  Refusals for business reasons, as programs read them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/timestamp.h"

#include "types/refusal.h"

/* -------- words -------- */

/* The word for a SQLSTATE; NULL if it is no refusal of ours. */
static const char *
refusal_word(int sqlerrcode)
{
	switch (sqlerrcode)
	{
		case ERRCODE_LOYALTY_INSUFFICIENT_POINTS:
			return "insufficient_points";
		case ERRCODE_LOYALTY_UNKNOWN_MEMBER:
			return "unknown_member";
		case ERRCODE_LOYALTY_MEMBER_NOT_ACTIVE:
			return "member_not_active";
		case ERRCODE_LOYALTY_REWARD_NOT_AVAILABLE:
			return "reward_not_available";
		case ERRCODE_LOYALTY_OUT_OF_STOCK:
			return "out_of_stock";
		case ERRCODE_LOYALTY_LIMIT_REACHED:
			return "limit_reached";
		case ERRCODE_LOYALTY_NOT_ELIGIBLE:
			return "not_eligible";
		case ERRCODE_LOYALTY_HOLD_CLOSED:
			return "hold_closed";
		case ERRCODE_LOYALTY_KEY_REUSED:
			return "key_reused";
		case ERRCODE_LOYALTY_UNIT_NOT_USABLE:
			return "unit_not_usable";
		case ERRCODE_LOYALTY_CODE_UNKNOWN:
			return "code_unknown";
		case ERRCODE_LOYALTY_CODE_USED:
			return "code_used";
		case ERRCODE_LOYALTY_CODE_EXPIRED:
			return "code_expired";
		case ERRCODE_LOYALTY_CODE_RESERVED:
			return "code_reserved";
		case ERRCODE_LOYALTY_TOO_MANY_ATTEMPTS:
			return "too_many_attempts";
		default:
			return NULL;
	}
}

/* -------- facts -------- */

/* see refusal.h */
char *
fact_text(const char *text)
{
	StringInfoData json;

	if (text == NULL)
		return NULL;
	initStringInfo(&json);
	escape_json(&json, text);
	return json.data;
}

/* see refusal.h */
char *
fact_int(int64 number)
{
	return psprintf(INT64_FORMAT, number);
}

/* see refusal.h */
char *
fact_points(Points points)
{
	char		buffer[POINTS_TEXT_SIZE];

	points_format(points, buffer);
	return pstrdup(buffer);
}

/* see refusal.h */
char *
fact_instant(Instant at)
{
	char		buffer[MAXDATELEN + 1];
	int			utc = 0;

	if (at == INSTANT_NEVER || at == INSTANT_ALWAYS)
		return NULL;
	(void) JsonEncodeDateTime(buffer, TimestampTzGetDatum(at), TIMESTAMPTZOID, &utc);
	return psprintf("\"%s\"", buffer);
}

/* Adds a name and what it is to an object whose last brace is missing. */
static void
add_fact(StringInfo json, const char *name, const char *value)
{
	appendStringInfo(json, "%s\"%s\": %s", json->len > 1 ? ", " : "", name, value);
}

/* see refusal.h */
char *
facts(const char *name,...)
{
	StringInfoData json;
	va_list		args;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	va_start(args, name);
	for (; name != NULL; name = va_arg(args, const char *))
	{
		const char *value = va_arg(args, const char *);

		if (value != NULL)
			add_fact(&json, name, value);
	}
	va_end(args);
	appendStringInfoChar(&json, '}');
	return json.data;
}

/* -------- errors -------- */

/* see refusal.h */
int
refusal_fields(const char *program, const char *table, const char *column, const char *facts)
{
	const char *word = refusal_word(geterrcode());

	if (word == NULL)
		return 0;
	if (program)
		err_generic_string(PG_DIAG_SCHEMA_NAME, program);
	if (table)
		err_generic_string(PG_DIAG_TABLE_NAME, table);
	if (column)
		err_generic_string(PG_DIAG_COLUMN_NAME, column);
	if (facts)
		err_generic_string(PG_DIAG_DATATYPE_NAME, facts);
	return err_generic_string(PG_DIAG_CONSTRAINT_NAME, word);
}

/* -------- refusals that are told -------- */

/* see refusal.h */
void
refuse(Refusal *refusal, int sqlerrcode, const char *detail, const char *hint,
	   const char *message,...)
{
	StringInfoData text;
	int			needed;

	initStringInfo(&text);
	do
	{
		va_list		args;

		va_start(args, message);
		needed = appendStringInfoVA(&text, message, args);
		va_end(args);
		if (needed > 0)
			enlargeStringInfo(&text, needed);
	} while (needed > 0);
	memset(refusal, 0, sizeof(Refusal));
	refusal->sqlerrcode = sqlerrcode;
	refusal->message = text.data;
	refusal->detail = detail;
	refusal->hint = hint;
}

/* see refusal.h */
void
refusal_about(Refusal *refusal, const char *table, const char *column, const char *facts)
{
	refusal->table = table;
	refusal->column = column;
	refusal->facts = facts;
}

/* see refusal.h */
void
refusal_raise(const Refusal *refusal, const char *program)
{
	ereport(ERROR,
			(errcode(refusal->sqlerrcode),
			 errmsg("%s", refusal->message),
			 refusal->detail ? errdetail("%s", refusal->detail) : 0,
			 refusal->hint ? errhint("%s", refusal->hint) : 0,
			 refusal_fields(program, refusal->table, refusal->column, refusal->facts)));
}

/* see refusal.h */
Jsonb *
refusal_object(const Refusal *refusal)
{
	char	   *object = facts("word", fact_text(refusal_word(refusal->sqlerrcode)),
							   "table", fact_text(refusal->table),
							   "column", fact_text(refusal->column), NULL);

	/* the facts follow in the same object */
	if (refusal->facts && refusal->facts[1] != '}')
	{
		object[strlen(object) - 1] = '\0';
		object = psprintf("%s%s%s", object, object[1] ? ", " : "", refusal->facts + 1);
	}
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(object)));
}
