/*-------------------------------------------------------------------------
 *
 * lines_text.c
 *	  Text form of lines of the ledger.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "instant.h"
#include "lines_pack.h"
#include "lines_text.h"

static const char *const kind_names[] = {
	"earn", "revoke", "redeem", "return", "hold", "release", "expire", "adjust",
	"transfer", "repay", "rollover"
};

#define KINDS	((int) (sizeof(kind_names) / sizeof(kind_names[0])))

/* see lines_text.h */
const char *
entry_kind_name(int kind)
{
	return kind >= 1 && kind <= KINDS ? kind_names[kind - 1] : NULL;
}

/* -------- reading -------- */

/* Takes an instant that may be infinite. */
static CoreResult
scan_occurred(Scanner *in, Instant *result)
{
	bool		minus = scan_char(in, '-');

	if (scan_word(in, "infinity"))
	{
		*result = minus ? INSTANT_ALWAYS : INSTANT_NEVER;
		return CORE_OK;
	}
	return minus ? CORE_SYNTAX : scan_instant(in, result);
}

/* Takes " WORD NUMBER" if it is next, with points or a whole number; 0 if not. */
static CoreResult
scan_item(Scanner *in, const char *word, bool points, int64_t *result)
{
	Scanner		ahead = *in;

	*result = 0;
	if (!scan_space(&ahead) || !scan_word(&ahead, word))
		return CORE_OK;
	if (!scan_space(&ahead))
		return CORE_SYNTAX;
	*in = ahead;
	return points ? scan_decimal(in, POINTS_DECIMALS, true, result) :
		scan_whole(in, INT32_MAX, result);
}

/* Takes one line. */
static CoreResult
scan_line(Scanner *in, Movement *line)
{
	LotPiece	piece;
	bool		range = false;
	int64_t		rule;
	int			kind;

	memset(line, 0, sizeof(Movement));
	scan_space(in);
	for (kind = 1; kind <= KINDS; kind++)
	{
		if (scan_word(in, kind_names[kind - 1]))
			break;
	}
	if (kind > KINDS || !scan_space(in) || !scan_fits(lot_piece_scan(in, &piece), &range) ||
		!scan_space(in) || !scan_word(in, "at") || !scan_space(in) ||
		!scan_fits(scan_occurred(in, &line->occurred_at), &range) ||
		!scan_fits(scan_item(in, "rule", false, &rule), &range) ||
		!scan_fits(scan_item(in, "lapsed", true, &line->lapsed), &range) ||
		!scan_fits(scan_item(in, "forgiven", true, &line->forgiven), &range))
		return CORE_SYNTAX;
	if (range)
		return CORE_RANGE;
	line->kind = (EntryKind) kind;
	line->unit = piece.unit;
	line->points = piece.points;
	line->from = piece.from;
	line->to = piece.to;
	line->tag = (int32_t) rule;
	return line_validate(line);
}

/* see lines_text.h */
int
lines_parse_limit(const char *text, size_t length)
{
	/* each line holds one piece */
	return lots_parse_limit(text, length);
}

/* see lines_text.h */
CoreResult
lines_parse(const char *text, size_t length, Movement *lines, int *count)
{
	Scanner		in = scan_start(text, length);
	bool		range = false;
	int			n = 0;

	scan_space(&in);
	if (!scan_char(&in, '{'))
		return CORE_SYNTAX;
	scan_space(&in);
	if (!scan_char(&in, '}'))
	{
		do
		{
			Movement	line;		/* there may be no room for one that ends early */

			if (!scan_fits(scan_line(&in, &line), &range))
				return CORE_SYNTAX;
			lines[n++] = line;
			scan_space(&in);
		} while (scan_char(&in, ','));
		if (!scan_char(&in, '}'))
			return CORE_SYNTAX;
	}
	scan_space(&in);
	if (!scan_done(&in))
		return CORE_SYNTAX;
	*count = n;
	return range ? CORE_RANGE : CORE_OK;
}

/* -------- writing -------- */

/* Writes " WORD POINTS" if there are any. */
static char *
print_points(char *to, const char *word, Points points)
{
	if (points == 0)
		return to;
	to = print_text(to, word);
	return to + points_format(points, to);
}

/* see lines_text.h */
int
line_format(const Movement *line, char *buffer)
{
	LotPiece	piece = {line->points, line->from, line->to, line->unit, 0};
	char	   *to = print_text(buffer, entry_kind_name(line->kind));

	*to++ = ' ';
	to += lot_piece_format(&piece, to);
	to = print_text(to, " at ");
	if (line->occurred_at == INSTANT_ALWAYS)
		to = print_text(to, "-infinity");
	else if (line->occurred_at == INSTANT_NEVER)
		to = print_text(to, "infinity");
	else
		to = print_instant(to, line->occurred_at);
	if (line->tag != 0)
		to = print_whole(print_text(to, " rule "), line->tag, 1);
	to = print_points(to, " lapsed ", line->lapsed);
	to = print_points(to, " forgiven ", line->forgiven);
	*to = '\0';
	return to - buffer;
}
