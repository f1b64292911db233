/*-------------------------------------------------------------------------
 *
 * test_lots.c
 *	  Balances as functions of time: the laws of the group, queries against
 *	  looking at every piece, spending, text form.
 *
 *-------------------------------------------------------------------------
 */
#include "harness.h"
#include "lots.h"
#include "lots_pack.h"

#define ROOM	64
#define lengthof(array) ((int) (sizeof(array) / sizeof((array)[0])))

typedef struct Balance
{
	LotPiece	pieces[ROOM];
	int			count;
} Balance;

/* ------------------------------------------------------------------------
 * Text
 * ------------------------------------------------------------------------
 */

/* Writes a balance. */
static const char *
written(const Balance *b)
{
	static char buffer[2][ROOM * LOT_PIECE_TEXT_SIZE];
	static int	which = 0;
	char	   *text = buffer[which = 1 - which];
	char	   *to = text;

	*to++ = '{';
	for (int i = 0; i < b->count; i++)
	{
		if (i > 0)
			*to++ = ',';
		to += lot_piece_format(&b->pieces[i], to);
	}
	*to++ = '}';
	*to = '\0';
	return text;
}

/* What a text reads as, in canonical form or as the kind of error. */
static const char *
reads(const char *text)
{
	Balance		b;
	int			limit = lots_parse_limit(text, strlen(text));
	LotPiece   *pieces = malloc(limit * sizeof(LotPiece));	/* no room for one more */
	CoreResult	result;

	if (limit > ROOM)
		abort();
	result = lots_parse(text, strlen(text), pieces, &b.count);
	if (result == CORE_OK)
		memcpy(b.pieces, pieces, b.count * sizeof(LotPiece));
	free(pieces);
	switch (result)
	{
		case CORE_OK:
			return lots_validate(b.pieces, b.count) == CORE_OK ? written(&b) :
				"invalid";
		case CORE_RANGE:
			return "range";
		case CORE_SYNTAX:
			break;
	}
	return "syntax";
}

/* Text that must be a balance. */
static Balance
balance(const char *text)
{
	Balance		b;

	if (lots_parse(text, strlen(text), b.pieces, &b.count) != CORE_OK)
		abort();
	return b;
}

/* An instant, by way of the text of a piece. */
static Instant
instant(const char *text)
{
	char		piece[LOT_PIECE_TEXT_SIZE];

	snprintf(piece, sizeof(piece), "{1:1@[%s,)}", text);
	return balance(piece).pieces[0].from;
}

/* Texts and what they mean. */
static void
test_text(void)
{
	static const char *const cases[][2] = {
		{"{}", "{}"}, {" { } ", "{}"},
		{"{1:250@[2026-01-15,2027-02-01)}",
		"{1:250@[2026-01-15 00:00:00+00,2027-02-01 00:00:00+00)}"},
		{"{1:1@[,)}", "{1:1@[,)}"}, {"{1:1@[-infinity,infinity)}", "{1:1@[,)}"},
		{"{1:1@[,activity)}", "{1:1@[,activity)}"},
		{" { 1 : -1.5 @ [ 2026-01-15 , activity ) } ",
		"{1:-1.5@[2026-01-15 00:00:00+00,activity)}"},
		{"{1:1@[2026-01-15 12:30,)}", "{1:1@[2026-01-15 12:30:00+00,)}"},
		{"{1:1@[2026-01-15T12:30:05.25Z,)}", "{1:1@[2026-01-15 12:30:05.25+00,)}"},
		{"{1:1@[2026-01-15 00:30+01,)}", "{1:1@[2026-01-14 23:30:00+00,)}"},
		{"{1:1@[2026-01-15 12-03:30,)}", "{1:1@[2026-01-15 15:30:00+00,)}"},
		{"{1:1@[2026-01-15 00:00:00.000001+00,)}",
		"{1:1@[2026-01-15 00:00:00.000001+00,)}"},
		{"{1:1@[2026-01-15 12:30:10,)}", "{1:1@[2026-01-15 12:30:10+00,)}"},
		{"{1:1@[2026-01-15 24:00,)}", "{1:1@[2026-01-16 00:00:00+00,)}"},
		{"{1:1@[0044-03-15 12:00:00+00 BC,)}", "{1:1@[0044-03-15 12:00:00+00 BC,)}"},
		{"{1:1@[0001-01-01 BC,0001-01-01)}",
		"{1:1@[0001-01-01 00:00:00+00 BC,0001-01-01 00:00:00+00)}"},
		{"{1:1@[,294276-12-31 23:59:59.999999)}",
		"{1:1@[,294276-12-31 23:59:59.999999+00)}"},
		{"{1:1@[4714-11-24 BC,)}", "{1:1@[4714-11-24 00:00:00+00 BC,)}"},
		/* merged, sorted, without zeros */
		{"{2:1@[,),1:1@[,),1:2@[,)}", "{1:3@[,),2:1@[,)}"},
		{"{1:1@[,),1:-1@[,)}", "{}"}, {"{1:0@[,)}", "{}"},
		{"{1:1@[2026-01-01,2026-02-01),1:1@[2026-01-01,),1:1@[2026-01-02,2026-02-01),"
			"1:1@[2026-01-01,activity)}",
			"{1:1@[2026-01-01 00:00:00+00,),1:1@[2026-01-01 00:00:00+00,activity),"
			"1:1@[2026-01-02 00:00:00+00,2026-02-01 00:00:00+00),"
		"1:1@[2026-01-01 00:00:00+00,2026-02-01 00:00:00+00)}"},
		{"{1:922337203685477.5807@[,),1:1@[,),1:-1@[,)}", "{1:922337203685477.5807@[,)}"},
		{"{1:922337203685477.5807@[,),1:0.0001@[,)}", "range"},
		{"{0:1@[,)}", "range"}, {"{2147483647:1@[,)}", "{2147483647:1@[,)}"},
		{"{2147483648:1@[,)}", "range"}, {"{1:1000000000000000@[,)}", "range"},
		{"{1:1@[2026-01-01,2026-01-01)}", "range"},
		{"{1:1@[2026-01-02,2026-01-01)}", "range"},
		{"{1:1@[4714-11-23 BC,)}", "range"}, {"{1:1@[294277-01-01,)}", "range"},
		{"", "syntax"}, {"{", "syntax"}, {"}", "syntax"}, {"{}}", "syntax"}, {"{,}", "syntax"},
		{"{1:1@[,),}", "syntax"}, {"{1:1@[,) 1:1@[,)}", "syntax"}, {"1:1@[,)", "syntax"},
		{"{-1:1@[,)}", "syntax"}, {"{1.5:1@[,)}", "syntax"}, {"{:1@[,)}", "syntax"},
		{"{1 1@[,)}", "syntax"}, {"{1:@[,)}", "syntax"}, {"{1:1.00001@[,)}", "syntax"},
		{"{1:1[,)}", "syntax"}, {"{1:1@(,)}", "syntax"}, {"{1:1@[,]}", "syntax"},
		{"{1:1@[)}", "syntax"}, {"{1:1@[,}", "syntax"}, {"{1:1@[infinity,)}", "syntax"},
		{"{1:1@[,-infinity)}", "syntax"}, {"{1:1@[activity,)}", "syntax"},
		{"{1:1@[-,)}", "syntax"}, {"{1:1@[now,)}", "syntax"},
		{"{1:1@[2026-02-30,)}", "syntax"}, {"{1:1@[2026-13-01,)}", "syntax"},
		{"{1:1@[2026-00-01,)}", "syntax"}, {"{1:1@[2026-01-00,)}", "syntax"},
		{"{1:1@[2026-1-1,)}", "syntax"}, {"{1:1@[26-01-01,)}", "syntax"},
		{"{1:1@[2026-01,)}", "syntax"}, {"{1:1@[20260101,)}", "syntax"},
		{"{1:1@[0000-01-01,)}", "syntax"}, {"{1:1@[2026-01-01 25:00,)}", "syntax"},
		{"{1:1@[2026-01-01 24:00:01,)}", "syntax"}, {"{1:1@[2026-01-01 12:60,)}", "syntax"},
		{"{1:1@[2026-01-01 12:00:60,)}", "syntax"}, {"{1:1@[2026-01-01 12:00:1,)}", "syntax"},
		{"{1:1@[2026-01-01 12:00:001,)}", "syntax"}, {"{1:1@[2026-01-01 1:00,)}", "syntax"},
		{"{1:1@[2026-01-01 12:00:00.0000001,)}", "syntax"},
		{"{1:1@[2026-01-01 12:00+,)}", "syntax"}, {"{1:1@[2026-01-01 12:00+16,)}", "syntax"},
		{"{1:1@[2026-01-01 12:00 CET,)}", "syntax"}, {"{1:1@[2026-01-01 AD,)}", "syntax"},
		{"{2147483648:1@[,}", "syntax"}
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		is_text(reads(cases[i][0]), cases[i][1], cases[i][0]);
	is_number(instant("2026-01-15"), INT64_C(821750400000000), "an instant");
}

/* ------------------------------------------------------------------------
 * Worked cases
 * ------------------------------------------------------------------------
 */

/* Points available, or INT64_MIN if they cannot be told. */
static Points
available(const Balance *b, int unit, Instant at)
{
	Points		result = 0;

	return lots_available(b->pieces, b->count, unit, at, &result) == CORE_OK ?
		result : POINTS_MIN;
}

/* What is available, pending, and when that changes. */
static void
test_queries(void)
{
	Balance		b = balance("{1:100@[2026-01-01,2026-04-01),1:200@[2026-02-01,2027-01-01),"
							"1:-20@[,),1:7@[2026-01-01,activity),1:3@[2026-01-01,),2:5@[,)}");
	Points		pending;

	is_number(available(&b, 1, instant("2025-12-31")), -200000, "only debt");
	is_number(available(&b, 1, instant("2026-01-01")), 900000, "valid from the start");
	is_number(available(&b, 1, instant("2026-02-01")), 2900000, "both");
	is_number(available(&b, 1, instant("2026-04-01") - 1), 2900000, "until the end");
	is_number(available(&b, 1, instant("2026-04-01")), 1900000, "not at the end");
	is_number(available(&b, 1, INSTANT_NEVER), -100000, "at infinity, what never ends");
	is_number(available(&b, 1, INSTANT_ALWAYS), -200000, "at minus infinity");
	is_number(available(&b, 0, instant("2026-02-01")), 2950000, "of all units");
	is_number(available(&b, 3, instant("2026-02-01")), 0, "of an unused unit");
	lots_pending(b.pieces, b.count, 1, instant("2025-12-31"), &pending);
	is_number(pending, 3100000, "pending");
	lots_pending(b.pieces, b.count, 1, instant("2026-02-01"), &pending);
	is_number(pending, 0, "no longer pending");
	is_number(lots_next_change(b.pieces, b.count, INSTANT_ALWAYS),
			  instant("2026-01-01"), "next: first starts");
	is_number(lots_next_change(b.pieces, b.count, instant("2026-01-01")),
			  instant("2026-02-01"), "next: second starts");
	is_number(lots_next_change(b.pieces, b.count, instant("2026-02-01")),
			  instant("2026-04-01"), "next: first ends");
	is_number(lots_next_change(b.pieces, b.count, instant("2027-01-01")),
			  INSTANT_NEVER, "next: never");

	b = balance("{1:922337203685477.5807@[,),1:922337203685477.5807@[2026-01-01,)}");
	ok(lots_available(b.pieces, b.count, 1, instant("2026-01-01"), &pending) == CORE_RANGE,
	   "more than can be told");
	is_number(available(&b, 1, instant("2025-01-01")), POINTS_MAX, "just as much as can");
}

/* Spends and shows: rest / taken, or what is missing. */
static void
spends(const char *from, const char *amount, const char *at,
	   const char *expected, const char *what)
{
	Balance		b = balance(from),
				rest,
				taken;
	Points		points,
				missing;
	char		got[4 * ROOM * LOT_PIECE_TEXT_SIZE];
	char		text[POINTS_TEXT_SIZE];

	if (points_parse(amount, strlen(amount), &points) != CORE_OK)
		abort();
	if (lots_spend(b.pieces, b.count, 1, points, instant(at), rest.pieces, &rest.count,
				   taken.pieces, &taken.count, &missing) != CORE_OK)
		strcpy(got, "range");
	else if (missing > 0)
	{
		points_format(missing, text);
		snprintf(got, sizeof(got), "%s missing%s", text,
				 taken.count == 0 && strcmp(written(&rest), written(&b)) == 0 ?
				 "" : ", but some taken");
	}
	else
	{
		const char *first = written(&rest);

		snprintf(got, sizeof(got), "%s / %s", first, written(&taken));
	}
	is_text(got, expected, what);
}

/* Spending. */
static void
test_spend(void)
{
#define JAN "[2026-01-01 00:00:00+00,2026-02-01 00:00:00+00)"
#define DEC "[2026-01-01 00:00:00+00,2027-01-01 00:00:00+00)"
#define LATER "[2026-01-10 00:00:00+00,2026-02-01 00:00:00+00)"
	spends("{1:100@" JAN ",1:100@" DEC "}", "80", "2026-01-20",
		   "{1:100@" DEC ",1:20@" JAN "} / {1:80@" JAN "}", "nearest end first");
	spends("{1:100@" JAN ",1:100@" DEC "}", "100", "2026-01-20",
		   "{1:100@" DEC "} / {1:100@" JAN "}", "a lot to its end");
	spends("{1:100@" JAN ",1:100@" DEC "}", "150.5", "2026-01-20",
		   "{1:49.5@" DEC "} / {1:50.5@" DEC ",1:100@" JAN "}", "then the next");
	spends("{1:100@" JAN ",1:100@" LATER "}", "150", "2026-01-20",
		   "{1:50@" LATER "} / {1:50@" LATER ",1:100@" JAN "}", "ties: earlier start");
	spends("{1:100@[,),1:100@" DEC "}", "150", "2026-01-20",
		   "{1:50@[,)} / {1:50@[,),1:100@" DEC "}", "never-ending last");
	spends("{1:5@[,activity),1:100@[,),1:1@" DEC "}", "7", "2026-01-20",
		   "{1:99@[,)} / {1:1@[,),1:5@[,activity),1:1@" DEC "}",
		   "those that follow activity just before");
	spends("{1:100@" JAN ",2:100@" DEC "}", "101", "2026-01-20", "1 missing",
		   "not from another unit");
	spends("{1:100@" LATER "}", "1", "2026-01-09", "1 missing", "not before the start");
	spends("{1:100@" JAN "}", "1", "2026-02-01", "1 missing", "not from the end on");
	spends("{1:100@" DEC ",1:-30@[,)}", "70", "2026-01-20",
		   "{1:-30@[,),1:30@" DEC "} / {1:70@" DEC "}", "debt is kept aside");
	spends("{1:100@" DEC ",1:-30@[,)}", "70.0001", "2026-01-20", "0.0001 missing",
		   "debt is not spent");
	spends("{1:-30@[,)}", "10", "2026-01-20", "40 missing", "missing includes debt");
	spends("{1:100@" DEC "}", "0", "2026-01-20", "{1:100@" DEC "} / {}", "nothing");
	spends("{}", "0", "2026-01-20", "{} / {}", "nothing of nothing");
	spends("{1:-30@[,)}", "0", "2026-01-20", "30 missing", "nothing in debt");
	spends("{1:100@" DEC "}", "-1", "2026-01-20", "range", "less than nothing");
}

/* Arrays that nothing here makes. */
static void
test_validate(void)
{
	LotPiece	good = {1, 0, 10, 1, 0};
	LotPiece	p;

	ok(lot_piece_validate(&good) == CORE_OK, "a good piece");
#define BAD(field, value) \
	(p = good, p.field = value, \
	 ok(lot_piece_validate(&p) != CORE_OK, "refused: %s %s", #field, #value))
	BAD(unit, 0);
	BAD(unit, -1);
	BAD(reserved, 1);
	BAD(from, 10);
	BAD(from, INSTANT_ACTIVITY);
	BAD(from, INSTANT_NEVER);
	BAD(from, INSTANT_MIN - 1);
	BAD(to, INSTANT_ALWAYS);
	BAD(to, INSTANT_END);
	BAD(to, INSTANT_ACTIVITY - 1);

	ok(lots_validate((LotPiece[]) {{1, 0, 20, 1, 0}, {1, 0, 10, 1, 0}}, 2) == CORE_OK,
	   "a good array");
	ok(lots_validate((LotPiece[]) {{1, 0, 10, 1, 0}, {1, 0, 20, 1, 0}}, 2) != CORE_OK,
	   "refused: wrong order");
	ok(lots_validate((LotPiece[]) {{1, 0, 10, 1, 0}, {1, 0, 10, 1, 0}}, 2) != CORE_OK,
	   "refused: the same twice");
	ok(lots_validate((LotPiece[]) {{0, 0, 10, 1, 0}}, 1) != CORE_OK,
	   "refused: without points");
}

/* Reads packed lots, at first with less room than they may need. */
static CoreResult
unpacked(const unsigned char *packed, size_t size, int room, Balance *b)
{
	const unsigned char *at = packed;

	b->count = 0;
	TRY(lots_unpack(&at, packed + size, b->pieces, room, &b->count));
	if (at < packed + size && b->count != room)
		return CORE_SYNTAX;
	TRY(lots_unpack(&at, packed + size, b->pieces, ROOM, &b->count));
	return at == packed + size ? lots_unpack_end(b->pieces, b->count) : CORE_SYNTAX;
}

/* Packs pieces, which may be none of lots, and reads them again. */
static CoreResult
repacked(const LotPiece *pieces, int count)
{
	unsigned char packed[ROOM * LOTS_PACK_MAX];
	Balance		b;

	return unpacked(packed, lots_pack(pieces, count, packed), count, &b);
}

/* The packed form: its bytes, which tables hold, and what is none. */
static void
test_packed(void)
{
	static const unsigned char bytes[] = {
		0x15, 0x07, 0x02, 0x10, 0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
		0xFF, 0x01, 0xFE, 0xFF, 0x82, 0xEE, 0xD7, 0xCF, 0xC1, 0xF0, 0x05, 0x08,
		0xFF, 0xFF, 0xFF, 0xFF, 0x07, 0xF6, 0x03, 0xE3, 0x80, 0x83, 0xEE, 0xD7,
		0xCF, 0xC1, 0xF0, 0x05, 0xFE, 0xFF, 0xC6, 0x94, 0xD1, 0xA4, 0xFF, 0xFF,
		0xFF, 0x01, 0x2B, 0x02, 0x02, 0xF8, 0x80, 0x02, 0x62, 0xA8, 0xFB, 0xCD,
		0xA6, 0xA5, 0x32, 0x18, 0x7F, 0x00, 0xD8, 0x04
	};
	static const LotPiece pieces[] = {
		{-4, INSTANT_ALWAYS, INSTANT_NEVER, 1, 0},
		{INT64_MAX, -1, INSTANT_ACTIVITY, 16, 0},
		{2510000, INSTANT_MIN, INSTANT_END - 1, INT32_MAX, 0},
		{10000, 50, 864000000000, 2, 0},
		{1280000, 49, 864000000000, 15, 0},
		{-640000, 0, 300, 1, 0}
	};
	LotPiece	good = {1, 0, 10, 1, 0};
	LotPiece	p;
	unsigned char packed[lengthof(pieces) * LOTS_PACK_MAX];
	Balance		b;

	ok(lots_pack(pieces, lengthof(pieces), packed) == sizeof(bytes) &&
	   memcmp(packed, bytes, sizeof(bytes)) == 0, "the bytes of packed lots");
	for (int room = 0; room <= lengthof(pieces); room++)
		ok(unpacked(bytes, sizeof(bytes), room, &b) == CORE_OK &&
		   lots_cmp(b.pieces, b.count, pieces, lengthof(pieces)) == 0,
		   "unpacked, with room for %d first", room);
	ok(unpacked(bytes, 0, 0, &b) == CORE_OK && b.count == 0, "no bytes, no lots");
	for (int size = 1; size < sizeof(bytes); size++)
		ok(lots_pack_count(bytes, size) >= 0 || unpacked(bytes, size, ROOM, &b) == CORE_SYNTAX,
		   "refused: broken off after %d bytes", size);

	ok(repacked(&good, 1) == CORE_OK, "a good piece is read again");
#define BAD_PACKED(field, value) \
	(p = good, p.field = value, \
	 ok(repacked(&p, 1) != CORE_OK, "refused packed: %s %s", #field, #value))
	BAD_PACKED(points, 0);
	BAD_PACKED(from, 10);
	BAD_PACKED(from, INSTANT_ACTIVITY);
	BAD_PACKED(from, INSTANT_NEVER);
	BAD_PACKED(from, INSTANT_MIN - 1);
	BAD_PACKED(to, INSTANT_ALWAYS);
	BAD_PACKED(to, INSTANT_END);
	BAD_PACKED(to, INSTANT_ACTIVITY - 1);
	ok(repacked((LotPiece[]) {{1, 0, 20, 1, 0}, {1, 0, 10, 1, 0}}, 2) == CORE_OK,
	   "a good array is read again");
	ok(repacked((LotPiece[]) {{1, 0, 10, 1, 0}, {1, 0, 20, 1, 0}}, 2) != CORE_OK,
	   "refused packed: wrong order");
	ok(repacked((LotPiece[]) {{1, 0, 10, 1, 0}, {1, 1, 10, 1, 0}}, 2) != CORE_OK,
	   "refused packed: wrong order of starts");
	ok(repacked((LotPiece[]) {{1, 0, 10, 2, 0}, {1, 0, 10, 1, 0}}, 2) != CORE_OK,
	   "refused packed: wrong order of units");
	ok(repacked((LotPiece[]) {{1, 0, 10, 1, 0}, {1, 0, 10, 1, 0}}, 2) != CORE_OK,
	   "refused packed: the same twice");

	/* what has a shorter form, and ends that nothing follows */
	ok(unpacked((unsigned char[]) {0x0D, 0x0F, 0x02}, 3, ROOM, &b) != CORE_OK,
	   "refused: a unit told at length");
	ok(unpacked((unsigned char[]) {0x0D, 0x80, 0x80, 0x80, 0x80, 0x08, 0x02}, 7, ROOM, &b) != CORE_OK,
	   "refused: a unit that is too large");
	ok(unpacked((unsigned char[]) {0x1F, 0x02}, 2, ROOM, &b) != CORE_OK,
	   "refused: the end of a piece that is not there");
	ok(unpacked((unsigned char[]) {0x1D, 0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F}, 9, ROOM, &b)
	   != CORE_OK, "refused: too many whole points");
}

/* ------------------------------------------------------------------------
 * Properties
 * ------------------------------------------------------------------------
 */

/* An instant of few, so that pieces meet. */
static Instant
random_instant(void)
{
	switch (below(12))
	{
		case 0:
			return INSTANT_ALWAYS;
		case 1:
			return INSTANT_NEVER;
		default:
			return below(8) * 1000000;
	}
}

/* Any piece. */
static LotPiece
random_piece(void)
{
	LotPiece	p = {0};

	p.unit = 1 + (int32_t) below(3);
	p.points = below(6) == 0 ? random_int64() : below(2001) - 1000;
	do
	{
		p.from = random_instant();
		p.to = below(6) == 0 ? INSTANT_ACTIVITY : random_instant();
	} while (lot_piece_validate(&p) != CORE_OK);
	return p;
}

/* Any balance of at most so many pieces; small points do not overflow. */
static Balance
random_balance(int most, bool small)
{
	Balance		b;

	do
	{
		b.count = (int) below(most + 1);
		for (int i = 0; i < b.count; i++)
		{
			b.pieces[i] = random_piece();
			if (small)
				b.pieces[i].points %= 1000;
		}
	} while (lots_normalize(b.pieces, &b.count) != CORE_OK);
	return b;
}

/* a + b, which must fit. */
static Balance
sum(const Balance *a, const Balance *b)
{
	Balance		result;

	if (lots_add(a->pieces, a->count, b->pieces, b->count, result.pieces,
				 &result.count) != CORE_OK ||
		lots_validate(result.pieces, result.count) != CORE_OK)
		abort();
	return result;
}

/* The inverse. */
static Balance
negative(const Balance *a)
{
	Balance		result;

	result.count = a->count;
	if (lots_negate(a->pieces, a->count, result.pieces) != CORE_OK)
		abort();
	return result;
}

/* Are they the same? */
static bool
same(const Balance *a, const Balance *b)
{
	return lots_cmp(a->pieces, a->count, b->pieces, b->count) == 0 &&
		a->count == b->count &&
		memcmp(a->pieces, b->pieces, a->count * sizeof(LotPiece)) == 0;
}

/* The laws of a commutative group. */
static bool
group(void)
{
	Balance		a = random_balance(10, true),
				b = random_balance(10, true),
				c = random_balance(10, true),
				zero = {.count = 0},
				x,
				y;

	x = sum(&a, &b);
	y = sum(&b, &a);
	if (!same(&x, &y))
		return false;			/* commutative */
	x = sum(&x, &c);
	y = sum(&b, &c);
	y = sum(&a, &y);
	if (!same(&x, &y))
		return false;			/* associative */
	x = sum(&a, &zero);
	if (!same(&x, &a))
		return false;			/* zero */
	x = negative(&a);
	x = sum(&a, &x);
	return same(&x, &zero);		/* inverse */
}

/* What is available of a sum is the sum of what is available. */
static bool
pointwise(void)
{
	Balance		a = random_balance(10, true),
				b = random_balance(10, true),
				both = sum(&a, &b);
	Instant		at = random_instant();
	int			unit = (int) below(4);
	Points		pa,
				pb,
				pboth;

	lots_pending(a.pieces, a.count, unit, at, &pa);
	lots_pending(b.pieces, b.count, unit, at, &pb);
	lots_pending(both.pieces, both.count, unit, at, &pboth);
	return available(&both, unit, at) == available(&a, unit, at) + available(&b, unit, at) &&
		pboth == pa + pb;
}

/* Adding pieces one by one gives what adding and sorting them together gives. */
static bool
one_by_one(void)
{
	Balance		together,
				single = {.count = 0};
	bool		single_fits = true;

	together.count = (int) below(20);
	for (int i = 0; i < together.count; i++)
	{
		Balance		before = single;

		together.pieces[i] = random_piece();
		if (below(10) != 0)
			together.pieces[i].points %= 1000;
		if (lots_add_piece(single.pieces, &single.count, together.pieces[i]) != CORE_OK)
		{
			single_fits = false;
			if (!same(&single, &before))
				return false;	/* changed in spite of the error */
		}
		if (lots_validate(single.pieces, single.count) != CORE_OK)
			return false;
	}
	if (lots_normalize(together.pieces, &together.count) != CORE_OK)
		return !single_fits;
	return !single_fits || same(&single, &together);
}

/* Queries agree with looking at every piece. */
static bool
looking(void)
{
	Balance		b = random_balance(20, true);
	Instant		at = random_instant();
	int			unit = (int) below(4);
	Points		now = 0,
				later = 0,
				pending;
	Instant		next = INSTANT_NEVER;

	for (int i = 0; i < b.count; i++)
	{
		const LotPiece *p = &b.pieces[i];
		bool		started = p->from <= at;
		bool		ended = p->to != INSTANT_ACTIVITY && p->to != INSTANT_NEVER &&
			p->to <= at;
		Instant		changes[] = {p->from, p->to};

		for (int j = 0; j < 2; j++)
			if (changes[j] > at && changes[j] < next && changes[j] != INSTANT_ACTIVITY)
				next = changes[j];
		if (unit != 0 && p->unit != unit)
			continue;
		if (started && !ended)
			now += p->points;
		if (!started)
			later += p->points;
	}
	lots_pending(b.pieces, b.count, unit, at, &pending);
	return available(&b, unit, at) == now && pending == later &&
		lots_next_change(b.pieces, b.count, at) == next;
}

/* Spending loses nothing and takes what it should, or nothing. */
static bool
spending(void)
{
	Balance		b = random_balance(15, true),
				rest,
				taken,
				again;
	Instant		at = random_instant();
	int			unit = 1 + (int) below(3);
	Points		have = available(&b, unit, at);
	Points		amount = have > 0 && below(8) != 0 ? below(have + 1) : below(3000);
	Points		missing,
				total = 0;

	if (lots_spend(b.pieces, b.count, unit, amount, at, rest.pieces, &rest.count,
				   taken.pieces, &taken.count, &missing) != CORE_OK ||
		lots_validate(rest.pieces, rest.count) != CORE_OK ||
		lots_validate(taken.pieces, taken.count) != CORE_OK)
		return false;
	again = sum(&rest, &taken);
	if (!same(&again, &b))
		return false;
	if (missing != (amount > have ? amount - have : 0))
		return false;
	for (int i = 0; i < taken.count; i++)
	{
		const LotPiece *t = &taken.pieces[i];

		total += t->points;
		if (t->points <= 0 || t->unit != unit || t->from > at ||
			(t->to <= at && t->to != INSTANT_NEVER && t->to != INSTANT_ACTIVITY))
			return false;

		/* whatever would have gone before this is gone */
		for (int j = 0; j < rest.count; j++)
		{
			const LotPiece *r = &rest.pieces[j];
			bool		sooner = r->to < t->to ||
				(r->to == t->to && r->from < t->from);

			if (sooner && r->unit == unit && r->points > 0 && r->from <= at &&
				(r->to > at || r->to >= INSTANT_ACTIVITY))
				return false;
		}
	}
	return total == (missing > 0 ? 0 : amount);
}

/* Balances survive being written and read, whatever the order. */
static bool
round_trip(void)
{
	Balance		b = random_balance(10, false),
				again;
	const char *text;

	for (int i = 0; i < b.count; i++)
		if (b.pieces[i].to < INSTANT_ACTIVITY && below(2) == 0)
			b.pieces[i].to += below(INSTANT_END - b.pieces[i].to);
	if (lots_normalize(b.pieces, &b.count) != CORE_OK)
		return true;
	text = written(&b);
	again = balance(text);
	if (lots_parse_limit(text, strlen(text)) == b.count && same(&b, &again))
		return true;
	printf("# %s\n", text);
	return false;
}

/* Balances survive being packed, and a piece at the head moves no other byte. */
static bool
packing(void)
{
	Balance		b = random_balance(10, false),
				again;
	unsigned char packed[(ROOM) * LOTS_PACK_MAX],
				longer[(ROOM) * LOTS_PACK_MAX];
	size_t		size,
				longer_size;

	for (int i = 0; i < b.count; i++)
	{
		if (below(4) == 0)
			b.pieces[i].unit += below(INT32_MAX / 2);
		if (b.pieces[i].to < INSTANT_ACTIVITY && below(2) == 0)
			b.pieces[i].to += below(INSTANT_END - b.pieces[i].to);
	}
	if (lots_normalize(b.pieces, &b.count) != CORE_OK)
		return true;
	size = lots_pack(b.pieces, b.count, packed);
	if (lots_pack_count(packed, size) != b.count ||
		size > (size_t) b.count * LOTS_PACK_MAX ||
		unpacked(packed, size, b.count - (b.count > 0 ? below(b.count) : 0), &again) != CORE_OK ||
		!same(&b, &again))
	{
		printf("# %s\n", written(&b));
		return false;
	}
	if (b.count < 2)
		return true;
	longer_size = lots_pack(b.pieces, b.count, longer);
	size = lots_pack(b.pieces + 1, b.count - 1, packed);
	return memcmp(longer + longer_size - size, packed, size) == 0;
}

/* The order is one: it can be turned round and chained. */
static bool
total_order(void)
{
	Balance		x[3];

	for (int i = 0; i < 3; i++)
		x[i] = random_balance(2, true);
#define CMP(i, j) lots_cmp(x[i].pieces, x[i].count, x[j].pieces, x[j].count)
	if (CMP(0, 1) != -CMP(1, 0) || CMP(0, 0) != 0 || (CMP(0, 1) == 0) != same(&x[0], &x[1]))
		return false;
	return !(CMP(0, 1) <= 0 && CMP(1, 2) <= 0) || CMP(0, 2) <= 0;
}

/* Sums and inverses that do not fit are refused. */
static void
test_range(void)
{
	Balance		most = balance("{1:922337203685477.5807@[,)}"),
				least = balance("{1:-922337203685477.5808@[,)}"),
				bit = balance("{1:0.0001@[,)}"),
				result;

	ok(lots_add(most.pieces, 1, bit.pieces, 1, result.pieces, &result.count) == CORE_RANGE,
	   "most and a bit do not fit");
	ok(lots_add(most.pieces, 1, least.pieces, 1, result.pieces, &result.count) == CORE_OK &&
	   result.count == 1 && result.pieces[0].points == -1, "most and least do");
	ok(lots_negate(least.pieces, 1, result.pieces) == CORE_RANGE,
	   "least has no inverse");
	ok(lots_add_piece(most.pieces, &most.count, bit.pieces[0]) == CORE_RANGE &&
	   most.pieces[0].points == POINTS_MAX, "a piece that does not fit changes nothing");
}

int
main(void)
{
	start_tests();
	test_text();
	test_queries();
	test_spend();
	test_validate();
	test_packed();
	test_range();
	property("commutative group", 10000, group);
	property("available and pending point by point", 10000, pointwise);
	property("pieces one by one", 10000, one_by_one);
	property("queries look at every piece", 10000, looking);
	property("spending", 20000, spending);
	property("round trip", 10000, round_trip);
	property("packing", 20000, packing);
	property("total order", 10000, total_order);
	return end_tests();
}
