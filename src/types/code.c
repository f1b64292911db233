/*-------------------------------------------------------------------------
 *
 * code.c
 *	  Codes in SQL: their forms, their check character, and random ones.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "loyalty.h"
#include "core/code.h"
#include "types/code.h"

/* see code.h */
int
code_from_text(const char *text, char *code)
{
	char	   *utf8 = pg_server_to_any(text, strlen(text), PG_UTF8);
	char		normal[CODE_SIZE];
	char	   *server;

	if (code_normalise(utf8, strlen(utf8), normal) == 0)
		return 0;
	server = pg_any_to_server(normal, strlen(normal), PG_UTF8);
	if (strlen(server) > CODE_MAX)
		return 0;
	strcpy(code, server);
	return strlen(code);
}

/* code_normal(text) */
LOYALTY_FUNCTION(loyalty_code_normal);
Datum
loyalty_code_normal(PG_FUNCTION_ARGS)
{
	char		code[CODE_SIZE];

	if (code_from_text(text_to_cstring(PG_GETARG_TEXT_PP(0)), code) == 0)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(code));
}

/* see code.h */
char *
code_to_text(const char *code)
{
	int			length = strlen(code);
	char	   *result = palloc(CODE_TEXT_SIZE);

	/* groups of bytes are groups of characters only where each is one byte */
	if (code_is_plain(code, length))
		code_format(code, length, result);
	else
		strcpy(result, code);
	return result;
}

/* code_text(text) */
LOYALTY_FUNCTION(loyalty_code_text);
Datum
loyalty_code_text(PG_FUNCTION_ARGS)
{
	char		code[CODE_SIZE];

	if (code_from_text(text_to_cstring(PG_GETARG_TEXT_PP(0)), code) == 0)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(code_to_text(code)));
}

/* code_valid(text) */
LOYALTY_FUNCTION(loyalty_code_valid);
Datum
loyalty_code_valid(PG_FUNCTION_ARGS)
{
	char		code[CODE_SIZE];
	int			length = code_from_text(text_to_cstring(PG_GETARG_TEXT_PP(0)), code);

	PG_RETURN_BOOL(code_fits(code, length));
}

/* -------- random codes -------- */

#define RANDOM_BUFFER 4096

/* random bytes that wait to be used */
typedef struct RandomBytes
{
	unsigned char bytes[RANDOM_BUFFER];
	int			used;
} RandomBytes;

/* Puts so many random characters. */
static void
random_characters(RandomBytes *random, char *to, int wanted)
{
	int			have = 0;

	while (have < wanted)
	{
		/* most bytes make a character: one more than is missing is a good guess */
		int			take = Min(wanted - have + 1, RANDOM_BUFFER - random->used);

		if (take <= 0)
		{
			if (!pg_strong_random(random->bytes, RANDOM_BUFFER))
				ereport(ERROR,
						(errcode(ERRCODE_INTERNAL_ERROR),
						 errmsg("could not generate random codes: no strong random numbers")));
			random->used = 0;
			continue;
		}
		have += code_characters(random->bytes + random->used, take, to + have, wanted - have);
		random->used += take;
	}
}

/* see code.h */
char *
code_random(const char *prefix, int length)
{
	RandomBytes *random = palloc(sizeof(RandomBytes));
	int			before = strlen(prefix);
	char	   *code = palloc(before + length + 1);

	random->used = RANDOM_BUFFER;
	memcpy(code, prefix, before);
	random_characters(random, code + before, length - 1);
	code[before + length - 1] = code_check_character(code, before + length - 1);
	code[before + length] = '\0';
	explicit_bzero(random, sizeof(RandomBytes));
	pfree(random);
	return code;
}

/* the codes of one call of codes_1 */
typedef struct CodeList
{
	char	   *codes;			/* one after the other, all as long */
	int			length;
	int			count;
	int			next;
} CodeList;

/* Order of codes; arg is their length. */
static int
compare_codes(const void *a, const void *b, void *arg)
{
	return memcmp(a, b, *(int *) arg);
}

/* Makes codes, in order, without those that came twice. */
static CodeList *
make_codes(int count, const char *prefix, int length)
{
	CodeList   *list = palloc(sizeof(CodeList));
	RandomBytes *random = palloc(sizeof(RandomBytes));
	int			before = strlen(prefix);
	int			i;

	list->length = before + length;
	list->count = list->next = 0;
	list->codes = palloc_extended((Size) count * list->length, MCXT_ALLOC_HUGE);
	random->used = RANDOM_BUFFER;
	for (i = 0; i < count; i++)
	{
		char	   *code = list->codes + (Size) i * list->length;

		if (i % 10000 == 0)
			CHECK_FOR_INTERRUPTS();
		memcpy(code, prefix, before);
		random_characters(random, code + before, length - 1);
		code[list->length - 1] = code_check_character(code, list->length - 1);
	}
	explicit_bzero(random, sizeof(RandomBytes));
	pfree(random);

	/* in order they are inserted into the index in a fraction of the time */
	qsort_arg(list->codes, count, list->length, compare_codes, &list->length);
	for (i = 0; i < count; i++)
	{
		char	   *code = list->codes + (Size) i * list->length;

		if (list->count > 0 &&
			memcmp(code - list->length, code, list->length) == 0)
			continue;
		memmove(list->codes + (Size) list->count++ * list->length, code, list->length);
	}
	return list;
}

/* codes_1(count, prefix, length) */
LOYALTY_FUNCTION(loyalty_codes);
Datum
loyalty_codes(PG_FUNCTION_ARGS)
{
	FuncCallContext *context;
	CodeList   *list;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext old;
		int			count = PG_GETARG_INT32(0);
		char	   *prefix = text_to_cstring(PG_GETARG_TEXT_PP(1));
		int			length = PG_GETARG_INT32(2);

		if (count < 0 || length < 2 || length > CODE_MAX ||
			strlen(prefix) + length > CODE_MAX ||
			(prefix[0] && !code_is_plain(prefix, strlen(prefix))))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("there are no such codes")));
		context = SRF_FIRSTCALL_INIT();
		old = MemoryContextSwitchTo(context->multi_call_memory_ctx);
		context->user_fctx = make_codes(count, prefix, length);
		MemoryContextSwitchTo(old);
	}
	context = SRF_PERCALL_SETUP();
	list = (CodeList *) context->user_fctx;
	if (list->next < list->count)
	{
		char	   *code = list->codes + (Size) list->next++ * list->length;

		SRF_RETURN_NEXT(context, PointerGetDatum(cstring_to_text_with_len(code, list->length)));
	}
	SRF_RETURN_DONE(context);
}
