/*-------------------------------------------------------------------------
 *
 * test_lines.c
 *	  Lines of the ledger: packed and as text, and back.
 *
 *-------------------------------------------------------------------------
 */
#include "harness.h"
#include "lines_pack.h"
#include "lines_text.h"

#define ROOM	16

/* What a text reads as, in canonical form or as the kind of error. */
static const char *
reads(const char *text)
{
	static char buffer[ROOM * LINE_TEXT_SIZE];
	int			limit = lines_parse_limit(text, strlen(text));
	Movement   *lines = malloc(limit * sizeof(Movement));	/* no room for one more */
	char	   *to = buffer;
	CoreResult	result;
	int			count;

	if (limit > ROOM)
		abort();
	result = lines_parse(text, strlen(text), lines, &count);
	if (result != CORE_OK)
	{
		free(lines);
		return result == CORE_RANGE ? "range" : "syntax";
	}
	*to++ = '{';
	for (int i = 0; i < count; i++)
	{
		if (i > 0)
			*to++ = ',';
		to += line_format(&lines[i], to);
	}
	*to++ = '}';
	*to = '\0';
	free(lines);
	return buffer;
}

#define SPRING	"[2026-03-01 00:00:00+00,2027-03-01 00:00:00+00)"
#define NOON	" at 2026-03-01 12:00:00+00"

/* Text as people write it, and what is refused. */
static void
test_text(void)
{
	static const struct
	{
		const char *text;
		const char *result;
	}			cases[] = {
		{"{}", "{}"},
		{" { } ", "{}"},
		{"{earn 1:250@" SPRING NOON " rule 3}", "{earn 1:250@" SPRING NOON " rule 3}"},
		{"{EARN 01:250.0@[2026-03-01,2027-03-01)  at 2026-03-01 12:00 rule 03}", "{earn 1:250@" SPRING NOON " rule 3}"},
		{"{revoke 2:-1.5@[,activity) at 2026-03-01 12:00Z lapsed 2.5 forgiven -1}", "{revoke 2:-1.5@[,activity)" NOON " lapsed 2.5 forgiven -1}"},
		{"{earn 1:0@" SPRING NOON ", repay 1:5@[,) at -infinity}", "{earn 1:0@" SPRING NOON ",repay 1:5@[,) at -infinity}"},
		{"{hold 1:-1@[,) at infinity,release 1:1@[,) at infinity,transfer 1:1@[,) at infinity}", "{hold 1:-1@[,) at infinity,release 1:1@[,) at infinity,transfer 1:1@[,) at infinity}"},
		{"{redeem 1:-1@[,)" NOON ",return 1:1@[,)" NOON ",expire 1:-1@[,)" NOON ",adjust 1:1@[,)" NOON ",rollover 1:1@[,)" NOON "}",
		"{redeem 1:-1@[,)" NOON ",return 1:1@[,)" NOON ",expire 1:-1@[,)" NOON ",adjust 1:1@[,)" NOON ",rollover 1:1@[,)" NOON "}"},
		/* a lot may be over before it starts */
		{"{earn 1:5@[2026-03-02,2026-03-01)" NOON "}", "{earn 1:5@[2026-03-02 00:00:00+00,2026-03-01 00:00:00+00)" NOON "}"},
		{"", "syntax"},
		{"{earn 1:5@" SPRING "}", "syntax"},
		{"{earn 1:5@" SPRING " at noon}", "syntax"},
		{"{steal 1:5@" SPRING NOON "}", "syntax"},
		{"{1:5@" SPRING NOON "}", "syntax"},
		{"{earn 1:5@" SPRING NOON " rule}", "syntax"},
		{"{earn 1:5@" SPRING NOON " rule -1}", "syntax"},
		{"{earn 1:5@" SPRING NOON " forgiven 1 lapsed 2}", "syntax"},
		{"{earn 1:5@" SPRING NOON "} x", "syntax"},
		{"{earn 1:5@" SPRING NOON ",}", "syntax"},
		{"{earn 1:1.23456@" SPRING NOON "}", "syntax"},
		{"{earn 0:5@" SPRING NOON "}", "range"},
		{"{earn 1:922337203685478@" SPRING NOON "}", "range"},
		{"{earn 1:5@" SPRING NOON " rule 2147483648}", "range"},
		{"{earn 1:5@" SPRING " at 294277-01-01}", "range"}
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		is_text(reads(cases[i].text), cases[i].result, cases[i].text);
	is_number(entry_kind_name(0) == NULL && entry_kind_name(12) == NULL, 1, "no kinds beyond these");
}

/* A random instant: often at the end of a day, sometimes anything. */
static Instant
random_instant(void)
{
	Instant		day = (below(40 * 366) - 366) * INT64_C(86400000000);

	switch (below(5))
	{
		case 0:
			return (Instant) ((uint64_t) INSTANT_MIN +
							  random_bits() % ((uint64_t) INSTANT_END - (uint64_t) INSTANT_MIN));
		case 1:
			return day + below(INT64_C(86400000000));
		case 2:
			return day + below(96) * INT64_C(900000000);
		default:
			return day;
	}
}

/* A random line, often like the one before. */
static Movement
random_line(const Movement *before)
{
	Movement	line;

	memset(&line, 0, sizeof(line));
	line.kind = (EntryKind) (1 + below(11));
	line.unit = (int32_t) (below(8) ? 1 + below(4) : 1 + below(INT32_MAX));
	line.tag = (int32_t) (below(8) ? below(4) : below(INT32_MAX));
	line.points = below(8) ? (below(2000) - 1000) * POINTS_SCALE : (Points) random_bits();
	if (below(4) == 0)
	{
		line.lapsed = below(2) ? 0 : (Points) random_bits();
		line.forgiven = below(100) - 50;
	}
	line.occurred_at = before && below(2) ? before->occurred_at :
		below(16) ? random_instant() : below(2) ? INSTANT_ALWAYS : INSTANT_NEVER;
	line.from = before && below(3) == 0 ? before->from : below(2) ? line.occurred_at :
		below(8) ? random_instant() : INSTANT_ALWAYS;
	if (line.from == INSTANT_NEVER)
		line.from = INSTANT_ALWAYS;
	line.to = before && below(3) == 0 ? before->to : below(8) ? random_instant() :
		below(2) ? INSTANT_NEVER : INSTANT_ACTIVITY;
	return line;
}

/* Packing and reading again, as a whole and cut short; the same as text. */
static bool
round_trip(void)
{
	Movement	lines[ROOM];
	Movement	again[ROOM];
	unsigned char packed[LINES_PACK_HEADER + ROOM * LINES_PACK_MAX];
	char		text[ROOM * LINE_TEXT_SIZE + 3] = "{";
	char	   *to = text + 1;
	LinesCursor cursor;
	int			count = (int) below(ROOM + 1);
	size_t		size = lines_pack_start(&cursor, packed);
	size_t		end_of_last = size;
	int			n = 0;

	for (int i = 0; i < count; i++)
	{
		size_t		added;

		lines[i] = random_line(i > 0 ? &lines[i - 1] : NULL);
		if (line_validate(&lines[i]) != CORE_OK)
			return false;
		added = lines_pack_line(&cursor, &lines[i], packed + size);
		if (added > LINES_PACK_MAX)
			return false;
		end_of_last = size;
		size += added;
		if (i > 0)
			*to++ = ',';
		to += line_format(&lines[i], to);
	}
	memcpy(to, "}", 2);
	if (lines_pack_count(packed, size) != count ||
		lines_unpack_start(&cursor, packed, size) != CORE_OK)
		return false;
	memset(again, 0, sizeof(again));
	while (n < ROOM && lines_unpack_line(&cursor, &again[n]))
		n++;
	if (n != count || memcmp(lines, again, sizeof(Movement) * count) != 0)
		return false;
	memset(again, 0, sizeof(again));
	if (lines_parse_limit(text, strlen(text)) != count ||
		lines_parse(text, strlen(text), again, &n) != CORE_OK || n != count ||
		memcmp(lines, again, sizeof(Movement) * count) != 0)
		return false;
	for (size_t i = end_of_last + 1; i < size; i++)
		if (lines_pack_count(packed, i) != -1)
			return false;
	return true;
}

/* How few bytes an everyday purchase takes. */
static void
test_size(void)
{
	Instant		at = INT64_C(822000000123456);	/* some time in January 2026 */
	Movement	line = {ENTRY_EARN, 1, 57 * POINTS_SCALE, at,
	INT64_C(854668800000000), at, 0, 0, 3};
	unsigned char packed[LINES_PACK_HEADER + 2 * LINES_PACK_MAX];
	LinesCursor cursor;
	size_t		size = lines_pack_start(&cursor, packed);

	size += lines_pack_line(&cursor, &line, packed + size);
	is_number(size, 15, "one line to the end of a month");
	line.unit = 2;
	line.to = at + 365 * INT64_C(86400000000);
	size += lines_pack_line(&cursor, &line, packed + size);
	is_number(size, 22, "and one of another unit for 365 days");
}

/* What is malformed is seen. */
static void
test_malformed(void)
{
	is_number(lines_pack_count((const unsigned char *) "", 0), -1, "no version");
	is_number(lines_pack_count((const unsigned char *) "\002", 1), -1, "version 2");
	is_number(lines_pack_count((const unsigned char *) "\001", 1), 0, "no lines");
	is_number(lines_pack_count((const unsigned char *) "\001\041\132\012", 4), 1, "a short line");
	is_number(lines_pack_count((const unsigned char *) "\001\040\132\012", 4), -1, "kind 0");
	is_number(lines_pack_count((const unsigned char *) "\001\054\132\012", 4), -1, "kind 12");
	is_number(lines_pack_count((const unsigned char *) "\001\041\032\000\012", 5), -1, "unit 0");
	is_number(lines_pack_count((const unsigned char *) "\001\041\134\012", 4), -1, "a start by activity");
}

int
main(void)
{
	start_tests();
	test_text();
	test_size();
	test_malformed();
	property("round trip", 20000, round_trip);
	return end_tests();
}
