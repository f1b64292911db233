/*-------------------------------------------------------------------------
 *
 * judged.c
 *	  What a judgement was, in words and numbers for people.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/batch.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "types/numbers.h"

static void
append_word(StringInfo words, const char *word)
{
	appendStringInfo(words, "%s%s", words->len > 0 ? ", " : "", word);
}

/* see batch.h */
char *
judged_trims(const JudgedRule *judged)
{
	StringInfoData words;
	uint32		trimmed;

	if (judged->term == NULL || judged->term->trimmed == 0)
		return NULL;
	trimmed = judged->term->trimmed;
	initStringInfo(&words);
	if (trimmed & TRIM_MAX_PER_EVENT)
		append_word(&words, "the rule's max_per_event");
	if (trimmed & TRIM_ROOM)
	{
		bool		cap = judged->rule->cap_period != CALENDAR_NONE;
		bool		budget = judged->rule->has_budget;

		/* of both, the one with less room, if that is known */
		if (cap && budget && judged->cap_room != POINTS_MAX)
		{
			cap = judged->cap_room <= judged->budget_room;
			budget = !cap;
		}
		append_word(&words, cap && budget ? "max_per_member or budget" :
					cap ? "max_per_member" : "budget");
	}
	if (trimmed & TRIM_GROUP)
		append_word(&words, "exclusive_group");
	if (trimmed & TRIM_BEST)
		append_word(&words, "stacking");
	if (trimmed & TRIM_UNIT_CAP)
		append_word(&words, "the unit's max_per_event");
	if (trimmed & TRIM_ROUNDING)
		append_word(&words, "rounding");
	return words.data;
}

/* A 128-bit integer as a numeric. */
static Datum
int128_to_numeric(CoreInt128 value)
{
	char		text[48];
	char	   *at = text + sizeof(text);
	bool		negative = value < 0;

	*--at = '\0';
	do
	{
		int			digit = (int) (value % 10);

		*--at = '0' + (digit < 0 ? -digit : digit);
		value /= 10;
	} while (value != 0);
	if (negative)
		*--at = '-';
	return DirectFunctionCall3(numeric_in, CStringGetDatum(at),
							   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
}

/* see batch.h: a quotient without end is rounded, as numeric's division does */
Datum
frac_to_numeric(Frac value)
{
	Frac		reduced = frac_reduce(value);
	Datum		num = int128_to_numeric(reduced.num);

	if (reduced.den == 1)
		return num;
	return DirectFunctionCall1(numeric_trim_scale,
							   DirectFunctionCall2(numeric_div, num,
												   int128_to_numeric(reduced.den)));
}

/* see batch.h */
Datum
judged_lot_end(AccountState *account, int32 unit_no, Instant from, Instant to)
{
	LotPiece	piece;
	Instant		end;

	memset(&piece, 0, sizeof(piece));
	piece.unit = unit_no;
	piece.from = from;
	piece.to = to;
	core_check(account_piece_end(&account->core, &piece, &end));
	return TimestampTzGetDatum(end);
}
