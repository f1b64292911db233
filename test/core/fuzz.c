/*-------------------------------------------------------------------------
 *
 * fuzz.c
 *	  Fuzz targets: readers of text, and of the structs that binary formats
 *	  become.  FUZZ_TARGET in the environment names one.
 *
 * Whatever is accepted must be valid, and must be the same after being written
 * and read again.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "code.h"
#include "lines_pack.h"
#include "lines_text.h"
#include "account.h"
#include "lots.h"
#include "lots_pack.h"
#include "period.h"
#include "points.h"
#include "rate.h"

#define CHECK(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

extern int	LLVMFuzzerInitialize(int *argc, char ***argv);
extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Points as text. */
static void
try_points(const char *text, size_t size)
{
	Points		points,
				again;
	char		buffer[POINTS_TEXT_SIZE];

	if (points_parse(text, size, &points) != CORE_OK)
		return;
	CHECK(points_format(points, buffer) < POINTS_TEXT_SIZE);
	CHECK(points_parse(buffer, strlen(buffer), &again) == CORE_OK);
	CHECK(points == again);
}

/* A rate that has been accepted. */
static void
check_rate(const Rate *rate)
{
	Rate		again,
				normal = rate_normal(rate);
	Frac		paid;
	char		buffer[RATE_TEXT_SIZE];

	CHECK(rate_validate(rate) == CORE_OK);
	CHECK(rate_format(rate, buffer) < RATE_TEXT_SIZE);
	CHECK(rate_parse(buffer, strlen(buffer), &again) == CORE_OK);
	CHECK(memcmp(rate, &again, sizeof(Rate)) == 0);
	CHECK(rate_cmp(rate, &normal) == 0);
	(void) rate_pays(rate, (Frac) {INT64_MAX, 10000}, &paid);
}

/* A rate as text. */
static void
try_rate(const char *text, size_t size)
{
	Rate		rate;

	if (rate_parse(text, size, &rate) == CORE_OK)
		check_rate(&rate);
}

/* A rate as its bytes. */
static void
try_rate_struct(const char *bytes, size_t size)
{
	Rate		rate;

	if (size < sizeof(rate))
		return;
	memcpy(&rate, bytes, sizeof(rate));
	if (rate_validate(&rate) == CORE_OK)
		check_rate(&rate);
}

/* UTC. */
static inline int64_t
same_instant(void *arg, int64_t at)
{
	(void) arg;
	return at;
}

/* A period that has been accepted. */
static void
check_period(const Period *period)
{
	static const Zone utc = {same_instant, same_instant, NULL};
	static const Instant anchors[] = {
		INSTANT_MIN, -1, 0, INT64_C(821750400000000), INSTANT_END - 1
	};
	Period		again;
	char		buffer[PERIOD_TEXT_SIZE];

	CHECK(period_validate(period) == CORE_OK);
	CHECK(period_format(period, buffer) < PERIOD_TEXT_SIZE);
	CHECK(period_parse(buffer, strlen(buffer), &again) == CORE_OK);
	CHECK(memcmp(period, &again, sizeof(Period)) == 0);
	for (size_t i = 0; i < sizeof(anchors) / sizeof(anchors[0]); i++)
	{
		Instant		end;

		if (period_end(period, anchors[i], &utc, &end) == CORE_OK)
			CHECK(end >= anchors[i]);
	}
}

/* A period as text. */
static void
try_period(const char *text, size_t size)
{
	Period		period;

	if (period_parse(text, size, &period) == CORE_OK)
		check_period(&period);
}

/* A period as its bytes. */
static void
try_period_struct(const char *bytes, size_t size)
{
	Period		period;

	if (size < sizeof(period))
		return;
	memcpy(&period, bytes, sizeof(period));
	if (period_validate(&period) == CORE_OK)
		check_period(&period);
}

/* Lots that have been accepted. */
static void
check_lots(const LotPiece *pieces, int count)
{
	char	   *text = malloc(count * LOT_PIECE_TEXT_SIZE + 3);
	LotPiece   *again = malloc((count + 1) * sizeof(LotPiece));
	LotPiece   *taken = malloc((count + 1) * sizeof(LotPiece));
	char	   *to = text;
	int			n,
				ntaken;
	Points		missing;

	CHECK(lots_validate(pieces, count) == CORE_OK);
	*to++ = '{';
	for (int i = 0; i < count; i++)
	{
		int			length;

		if (i > 0)
			*to++ = ',';
		length = lot_piece_format(&pieces[i], to);
		CHECK(length < LOT_PIECE_TEXT_SIZE - 1);
		to += length;
	}
	*to++ = '}';
	CHECK(lots_parse_limit(text, to - text) == count);
	CHECK(lots_parse(text, to - text, again, &n) == CORE_OK);
	CHECK(lots_cmp(pieces, count, again, n) == 0);
	if (lots_spend(pieces, count, 1, 10000, 0, again, &n, taken, &ntaken,
				   &missing) == CORE_OK)
	{
		LotPiece   *sum = malloc((n + ntaken + 1) * sizeof(LotPiece));
		int			nsum;

		CHECK(lots_validate(again, n) == CORE_OK);
		CHECK(lots_add(again, n, taken, ntaken, sum, &nsum) == CORE_OK);
		CHECK(lots_cmp(pieces, count, sum, nsum) == 0);
		free(sum);
	}
	free(text);
	free(again);
	free(taken);
}

/* Lots as text. */
static void
try_lots(const char *text, size_t size)
{
	int			count;
	LotPiece   *pieces = malloc(lots_parse_limit(text, size) * sizeof(LotPiece));

	if (lots_parse(text, size, pieces, &count) == CORE_OK)
		check_lots(pieces, count);
	free(pieces);
}

/* Lots as their bytes. */
static void
try_lots_struct(const char *bytes, size_t size)
{
	int			count = (int) (size / sizeof(LotPiece));
	LotPiece   *pieces = malloc((count + 1) * sizeof(LotPiece));

	memcpy(pieces, bytes, count * sizeof(LotPiece));
	if (lots_validate(pieces, count) == CORE_OK)
		check_lots(pieces, count);

	/* pieces in any order become valid, if they are possible */
	for (int i = 0; i < count; i++)
		if (lot_piece_validate(&pieces[i]) != CORE_OK)
			pieces[i] = (LotPiece) {pieces[i].points, 0, i % 3 + 1, i % 2 + 1, 0};
	if (lots_normalize(pieces, &count) == CORE_OK)
		check_lots(pieces, count);
	free(pieces);
}

/* Lots packed, read at once and with room for one more at a time. */
static void
try_lots_pack(const char *bytes, size_t size)
{
	const unsigned char *packed = (const unsigned char *) bytes;
	const unsigned char *limit = packed + size;
	const unsigned char *at = packed;
	int			most = lots_pack_count(packed, size);
	LotPiece   *pieces = malloc((most + 1) * sizeof(LotPiece));
	int			count = 0;
	CoreResult	result = most < 0 ? CORE_SYNTAX :
		lots_unpack(&at, limit, pieces, most, &count);

	CHECK(result != CORE_OK || (at == limit && count == most));
	if (most >= 0)
	{
		LotPiece   *again = malloc((most + 1) * sizeof(LotPiece));
		int			n = 0;
		CoreResult	second = CORE_OK;

		for (at = packed; at < limit && second == CORE_OK;)
			second = lots_unpack(&at, limit, again, n + 1, &n);
		CHECK(second == result);
		if (result == CORE_OK)
		{
			CHECK(n == count);
			result = lots_unpack_end(pieces, count);
			CHECK(result == lots_unpack_end(again, n));
		}
		if (result == CORE_OK)
		{
			CHECK(lots_validate(pieces, count) == CORE_OK);
			CHECK(lots_cmp(pieces, count, again, n) == 0);
			check_lots(pieces, count);
		}
		free(again);
	}
	free(pieces);
}

/* Lines that have been accepted. */
static void
check_lines(const Movement *lines, int count)
{
	unsigned char *packed = malloc(LINES_PACK_HEADER + count * LINES_PACK_MAX);
	char	   *text = malloc(count * LINE_TEXT_SIZE + 3);
	Movement   *again = malloc((count + 1) * sizeof(Movement));
	char	   *to = text;
	LinesCursor cursor;
	size_t		size = lines_pack_start(&cursor, packed);
	int			n = 0;

	*to++ = '{';
	for (int i = 0; i < count; i++)
	{
		CHECK(line_validate(&lines[i]) == CORE_OK);
		size += lines_pack_line(&cursor, &lines[i], packed + size);
		if (i > 0)
			*to++ = ',';
		to += line_format(&lines[i], to);
	}
	*to++ = '}';
	CHECK(lines_pack_count(packed, size) == count);
	CHECK(lines_unpack_start(&cursor, packed, size) == CORE_OK);
	memset(again, 0, (count + 1) * sizeof(Movement));
	while (lines_unpack_line(&cursor, &again[n]))
		n++;
	CHECK(n == count && memcmp(lines, again, count * sizeof(Movement)) == 0);
	CHECK(lines_parse_limit(text, to - text) == count);
	CHECK(lines_parse(text, to - text, again, &n) == CORE_OK);
	CHECK(n == count && memcmp(lines, again, count * sizeof(Movement)) == 0);
	free(packed);
	free(text);
	free(again);
}

/* Lines as text. */
static void
try_lines(const char *text, size_t size)
{
	int			limit = lines_parse_limit(text, size);
	Movement   *lines = malloc(limit * sizeof(Movement));
	int			count;

	if (lines_parse(text, size, lines, &count) == CORE_OK)
	{
		CHECK(count <= limit);
		check_lines(lines, count);
	}
	free(lines);
}

/* Lines packed. */
static void
try_lines_pack(const char *bytes, size_t size)
{
	int			count = lines_pack_count((const unsigned char *) bytes, size);
	Movement   *lines = calloc(count + 1, sizeof(Movement));
	LinesCursor cursor;
	int			n = 0;

	if (count >= 0)
	{
		CHECK(lines_unpack_start(&cursor, (const unsigned char *) bytes, size) == CORE_OK);
		while (lines_unpack_line(&cursor, &lines[n]))
			n++;
		CHECK(n == count);
		check_lines(lines, count);
	}
	free(lines);
}

/* A code as somebody types it. */
static void
try_code(const char *text, size_t size)
{
	char		code[CODE_SIZE];
	char		again[CODE_SIZE];
	char		shown[CODE_TEXT_SIZE];
	int			length = code_normalise(text, size, code);
	int			n;

	CHECK(length >= 0 && length <= CODE_MAX && code[length] == '\0');
	n = code_format(code, length, shown);
	CHECK(n >= length && n < CODE_TEXT_SIZE && strlen(shown) == (size_t) n);
	for (size_t i = 0; i < size; i++)
		if (text[i] & 0x80)
			return;				/* it may be no UTF-8 */
	CHECK(code_normalise(shown, n, again) == length && memcmp(code, again, length) == 0);
	if (code_is_plain(code, length) && length < CODE_MAX)
	{
		code[length] = code_check_character(code, length);
		CHECK(code_fits(code, length + 1));
		code[length - 1] = code_alphabet[code[length - 1] == code_alphabet[0]];
		CHECK(!code_fits(code, length + 1));
	}
}

/* ------------------------------------------------------------------------
 * Accounts
 * ------------------------------------------------------------------------
 */

/* Grows to exactly what is asked for, so that overruns are found. */
static void
grow_pieces(Account *account, int capacity)
{
	account->pieces = realloc(account->pieces, capacity * sizeof(LotPiece));
	account->capacity = capacity;
}

/* The same for recent ones. */
static void
grow_recent(Account *account, int capacity)
{
	account->recent = realloc(account->recent, capacity * sizeof(LotPiece));
	account->recent_capacity = capacity;
}

/* The same for what is held. */
static void
grow_held(Account *account, int capacity)
{
	account->held = realloc(account->held, capacity * sizeof(HeldPiece));
	account->held_capacity = capacity;
}

/* what the movements sum up to: lots and what is held */
typedef struct Sums
{
	CoreInt128	lots;
	CoreInt128	held;
} Sums;

/* Adds a movement; a MovementSink. */
static void
add_movement(void *arg, const Movement *movement)
{
	Sums	   *sums = arg;

	sums->lots += movement->points;
	if (movement->kind == ENTRY_HOLD || movement->kind == ENTRY_RELEASE)
		sums->held -= movement->points;
}

/* Is an account the sum of its movements, and nothing negative but debt? */
static void
check_account(const Account *account, const Sums *sums)
{
	CoreInt128	lots = 0;
	CoreInt128	held = 0;

	for (int i = 0; i < account->npieces; i++)
	{
		const LotPiece *piece = &account->pieces[i];

		CHECK(piece->points > 0 || (piece->points < 0 && piece->from == DEBT_FROM &&
									piece->to == DEBT_TO));
		CHECK(i == 0 || lot_piece_cmp(piece - 1, piece) < 0);
		lots += piece->points;
	}
	for (int i = 0; i < account->nheld; i++)
	{
		CHECK(account->held[i].points > 0);
		held += account->held[i].points;
	}
	CHECK(lots == sums->lots);
	CHECK(held == sums->held);
}

/* Does to an account what the bytes say, four at a time. */
static void
try_account(const char *data, size_t size)
{
	AccountUnit unit = {1, false};
	Account		account = {0};
	Sums		sums = {0, 0};
	Instant		now = 0;

	account.grow = grow_pieces;
	account.grow_recent = grow_recent;
	account.grow_held = grow_held;
	account.units = &unit;
	account.nunits = 1;
	for (; size >= 4; data += 4, size -= 4)
	{
		int			a = (unsigned char) data[1];
		int			b = (unsigned char) data[2];
		int			c = (unsigned char) data[3];
		Points		points = 1 + a;
		Points		missing;
		Points		captured;
		DrawnLot	drawn[1] = {{now + b % 16 - 8, now + b % 16 - 8 + 1 + c, points, (b & 16) != 0}};
		CoreResult	result = CORE_OK;

		switch ((unsigned char) data[0] % 8)
		{
			case 0:
				result = account_add(&account, ENTRY_EARN, 1, points, drawn[0].from,
									 c == 255 ? INSTANT_NEVER : drawn[0].to, now, 0,
									 add_movement, &sums);
				break;
			case 1:
				result = account_take(&account, ENTRY_REDEEM, 1, points, b & 1, now, 0, &missing,
									  add_movement, &sums);
				break;
			case 2:
				result = account_hold(&account, b % 8 + 1, 1, points, now + 1 + c % 32, now,
									  &missing, add_movement, &sums);
				break;
			case 3:
				result = account_capture(&account, b % 8 + 1, points, now, &captured,
										 add_movement, &sums);
				break;
			case 4:
				result = account_release(&account, b % 8 + 1, now, add_movement, &sums);
				break;
			case 5:
				result = account_return(&account, 1, points, drawn, 1, now + c % 8, now,
										add_movement, &sums);
				break;
			default:
				result = account_advance(&account, now, now + b % 16, add_movement, &sums);
				now += b % 16;
				break;
		}
		CHECK(result == CORE_OK && account_settle(&account) == CORE_OK);
		check_account(&account, &sums);
		CHECK(account_advance(&account, now, now, add_movement, &sums) == CORE_OK &&
			  account_settle(&account) == CORE_OK);
		check_account(&account, &sums);
	}
	free(account.pieces);
	free(account.recent);
	free(account.held);
}

static const struct
{
	const char *name;
	void		(*try) (const char *data, size_t size);
}			targets[] =

{
	{"code", try_code},
	{"points", try_points},
	{"rate", try_rate},
	{"rate_struct", try_rate_struct},
	{"period", try_period},
	{"period_struct", try_period_struct},
	{"lots", try_lots},
	{"lots_struct", try_lots_struct},
	{"lots_pack", try_lots_pack},
	{"account", try_account},
	{"lines", try_lines},
	{"lines_pack", try_lines_pack}
};

static void (*chosen) (const char *data, size_t size);

/* What libFuzzer calls first: chooses the target. */
int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *name = getenv("FUZZ_TARGET");

	(void) argc;
	(void) argv;
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
		if (name != NULL && strcmp(name, targets[i].name) == 0)
			chosen = targets[i].try;
	CHECK(chosen != NULL);
	return 0;
}

/* What libFuzzer calls for each input. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* a copy, so that reading beyond the end is noticed */
	char	   *copy = malloc(size + (size == 0));

	if (size > 0)
		memcpy(copy, data, size);
	chosen(copy, size);
	free(copy);
	return 0;
}
