/*-------------------------------------------------------------------------
 *
 * tier_pack.c
 *	  What an account's row holds of tiers, in few bytes: it is written with
 *	  every movement.
 *
 * All are varints (core/varint.h), but points that were spent:
 *
 *		where the walk stands; quiet_since; plain_since
 *		rows of tier_change; the version of the configuration; numbers of states, tenures and spent lots
 *		each state: group; bits (see below); tier; qualified, unless it is the
 *			tier; counted_at; since; until; the tier given and until when, if
 *			there is one; the tier held for life, if there is one
 *		each tenure: tier; microseconds
 *		spent lots, as they are
 *
 * Instants are told as differences from others that mostly are the same, or near.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/tiers.h"

#include "core/varint.h"

/* bits of a state */
#define STATE_GIVEN			0x01
#define STATE_LIFE			0x02
#define STATE_RENEWED		0x04
#define STATE_QUALIFIED		0x08	/* for the tier that is held, or for none */
#define STATE_BITS			0x0F

/* codes of instants that are no differences; those follow */
#define CODE_ALWAYS		0
#define CODE_NEVER		1
#define CODE_FIRST		2

/* bytes that the parts need at most */
#define NUMBER_MAX		10
#define HEAD_MAX		(8 * NUMBER_MAX)
#define STATE_MAX		(9 * NUMBER_MAX)
#define TENURE_MAX		(2 * NUMBER_MAX)

/* -------- writing -------- */

/* Writes an instant, told from another. */
static pg_noinline unsigned char *
put_instant(unsigned char *at, Instant instant, Instant base)
{
	uint64		code;

	if (instant == INSTANT_ALWAYS)
		code = CODE_ALWAYS;
	else if (instant == INSTANT_NEVER)
		code = CODE_NEVER;
	else
	{
		code = zigzag((uint64) instant - (uint64) base);
		if (code > PG_UINT64_MAX - CODE_FIRST)
			core_check(CORE_RANGE);
		code += CODE_FIRST;
	}
	return put_varint(at, code);
}

/* Writes a state; base: what its instants are near to. */
static unsigned char *
put_state(unsigned char *at, const TierState *state, Instant base)
{
	int			bits = (state->given != 0 ? STATE_GIVEN : 0) |
		(state->life != 0 ? STATE_LIFE : 0) | (state->renewed ? STATE_RENEWED : 0) |
		(state->qualified == state->tier_no ? STATE_QUALIFIED : 0);

	at = put_varint(at, (uint32) state->group_no);
	at = put_varint(at, bits);
	at = put_varint(at, (uint32) state->tier_no);
	if ((bits & STATE_QUALIFIED) == 0)
		at = put_varint(at, (uint32) state->qualified);
	at = put_instant(at, state->counted_at, base);
	at = put_instant(at, state->since, state->counted_at);
	at = put_instant(at, state->until, state->counted_at);
	if (bits & STATE_GIVEN)
	{
		at = put_varint(at, (uint32) state->given);
		at = put_instant(at, state->given_until, state->counted_at);
	}
	if (bits & STATE_LIFE)
		at = put_varint(at, (uint32) state->life);
	return at;
}

/* Whether a state says more than that there is none. */
static inline bool
is_kept(const TierState *state)
{
	return state->tier_no != 0 || state->qualified != 0 || state->given != 0;
}

/* see tiers.h */
bool
tiers_say_anything(const AccountTiers *tiers)
{
	const TierWalk *walk = &tiers->walk;
	bool		found = tiers->nspent > 0 || tiers->nchanges > 0 ||
		tiers->quiet_since != INSTANT_ALWAYS || tiers->plain_since != INSTANT_ALWAYS;
	int			i;

	for (i = 0; i < walk->ngroups && !found; i++)
		found = is_kept(&walk->states[i]);
	for (i = 0; i < walk->ntenures && !found; i++)
		found = walk->tenures[i].held > 0;
	return found;
}

/* see tiers.h */
bytea *
tiers_pack(const AccountTiers *tiers)
{
	const TierWalk *walk = &tiers->walk;
	Size		spent = sizeof(LotPiece) * tiers->nspent;
	int			nstates = 0;
	int			ntenures = 0;
	bytea	   *bytes;
	unsigned char *at;
	int			i;

	for (i = 0; i < walk->ngroups; i++)
		nstates += is_kept(&walk->states[i]);
	for (i = 0; i < walk->ntenures; i++)
		ntenures += walk->tenures[i].held > 0;
	bytes = palloc(VARHDRSZ + HEAD_MAX + STATE_MAX * nstates + TENURE_MAX * ntenures + spent);
	at = (unsigned char *) VARDATA(bytes);
	at = put_instant(at, walk->at, 0);
	at = put_instant(at, tiers->quiet_since, walk->at);
	at = put_instant(at, tiers->plain_since, tiers->quiet_since);
	at = put_varint(at, (uint64) tiers->nchanges);
	at = put_varint(at, (uint32) tiers->config->version);
	at = put_varint(at, nstates);
	at = put_varint(at, ntenures);
	at = put_varint(at, tiers->nspent);
	for (i = 0; i < walk->ngroups; i++)
	{
		if (is_kept(&walk->states[i]))
			at = put_state(at, &walk->states[i], tiers->quiet_since);
	}
	for (i = 0; i < walk->ntenures; i++)
	{
		if (walk->tenures[i].held <= 0)
			continue;
		at = put_varint(at, (uint32) walk->tenures[i].tier_no);
		at = put_varint(at, (uint64) walk->tenures[i].held);
	}
	if (spent > 0)
		memcpy(at, tiers->spent, spent);
	SET_VARSIZE(bytes, (char *) at + spent - (char *) bytes);
	return bytes;
}

/* -------- reading -------- */

/* Refuses what does not say anything. */
static void
refuse_malformed(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("the tiers of an account are malformed")));
}

/* Reads a number that is not above another. */
static pg_noinline uint64
take_number(TierUnpack *from, uint64 max)
{
	uint64		value;

	from->at = get_varint(from->at, from->limit, &value);
	if (from->at == NULL || value > max)
		refuse_malformed();
	return value;
}

/* Reads an instant, told from another. */
static Instant
take_instant(TierUnpack *from, Instant base)
{
	uint64		code = take_number(from, PG_UINT64_MAX);

	if (code < CODE_FIRST)
		return code == CODE_ALWAYS ? INSTANT_ALWAYS : INSTANT_NEVER;
	return (Instant) ((uint64) base + unzigzag(code - CODE_FIRST));
}

/* see tiers.h */
void
tiers_unpack(const bytea *bytes, TierUnpack *from)
{
	from->at = (const unsigned char *) VARDATA_ANY(bytes);
	from->limit = from->at + VARSIZE_ANY_EXHDR(bytes);
	from->stands_at = take_instant(from, 0);
	from->quiet_since = take_instant(from, from->stands_at);
	from->plain_since = take_instant(from, from->quiet_since);
	from->nchanges = (int64) take_number(from, PG_INT64_MAX);
	from->version = (int32) take_number(from, PG_INT32_MAX);
	from->nstates = (int) take_number(from, PG_INT16_MAX);
	from->ntenures = (int) take_number(from, PG_INT32_MAX);
	from->nspent = (int) take_number(from, (from->limit - from->at) / sizeof(LotPiece));
}

/* see tiers.h */
void
tiers_unpack_state(TierUnpack *from, TierState *state)
{
	int			bits;

	memset(state, 0, sizeof(TierState));
	state->group_no = (int32) take_number(from, PG_INT16_MAX);
	bits = (int) take_number(from, STATE_BITS);
	state->tier_no = (int32) take_number(from, PG_INT32_MAX);
	state->qualified = bits & STATE_QUALIFIED ? state->tier_no :
		(int32) take_number(from, PG_INT32_MAX);
	state->counted_at = take_instant(from, from->quiet_since);
	state->since = take_instant(from, state->counted_at);
	state->until = take_instant(from, state->counted_at);
	if (bits & STATE_GIVEN)
	{
		state->given = (int32) take_number(from, PG_INT32_MAX);
		state->given_until = take_instant(from, state->counted_at);
	}
	if (bits & STATE_LIFE)
		state->life = (int32) take_number(from, PG_INT32_MAX);
	state->renewed = (bits & STATE_RENEWED) != 0;
}

/* see tiers.h */
int32
tiers_unpack_tenure(TierUnpack *from, int64 *held)
{
	int32		tier_no = (int32) take_number(from, PG_INT32_MAX);

	*held = (int64) take_number(from, PG_INT64_MAX);
	return tier_no;
}

/* see tiers.h */
void
tiers_unpack_spent(TierUnpack *from, LotPiece *spent)
{
	if (from->limit - from->at != sizeof(LotPiece) * from->nspent)
		refuse_malformed();
	if (from->nspent > 0)
		memcpy(spent, from->at, sizeof(LotPiece) * from->nspent);
	from->at = from->limit;
}
