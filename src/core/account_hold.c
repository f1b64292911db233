/*-------------------------------------------------------------------------
 *
 * account_hold.c
 *	  Points set aside and captured, and points that come back.
 *
 * A hold takes its points out of their lots, so that nothing else touches
 * them; what it captures has gone through the lot again, whether or not that
 * is over, which leaves the lot as it is.
 *
 *-------------------------------------------------------------------------
 */
#include "account_pieces.h"

/* ------------------------------------------------------------------------
 * Holding
 * ------------------------------------------------------------------------
 */

/* what set_aside must know besides the movement */
typedef struct HoldSink
{
	Account    *account;
	int64_t		hold_no;
	Instant		deadline;
	CoreResult	result;
	MovementSink sink;
	void	   *arg;
} HoldSink;

/* Remembers what was taken out of a lot; a MovementSink. */
static void
set_aside(void *arg, const Movement *movement)
{
	HoldSink   *hold = arg;
	Account    *account = hold->account;
	HeldPiece	piece = {hold->hold_no, -movement->points, movement->from,
	movement->to, hold->deadline, movement->unit, 0};
	Movement	told = *movement;

	if (account->nheld == account->held_capacity)
		account->grow_held(account, account->nheld + 1);
	if (account->nheld == account->held_capacity)
	{
		hold->result = CORE_RANGE;
		return;
	}
	account->held[account->nheld++] = piece;
	told.hold_no = hold->hold_no;
	if (hold->sink != NULL)
		hold->sink(hold->arg, &told);
}

/*
 * Sets points aside for a hold.
 */
CoreResult
account_hold(Account *account, int64_t hold_no, int32_t unit, Points points,
			 Instant deadline, Instant now, Points *missing,
			 MovementSink sink, void *arg)
{
	HoldSink	hold = {account, hold_no, deadline, CORE_OK, sink, arg};
	Points		left = points;

	TRY(account_missing(account, unit, points, now, missing));
	if (*missing > 0)
		return CORE_OK;
	TRY(account_take_active(account, ENTRY_HOLD, unit, &left, now, 0, set_aside, &hold));
	account_close_gaps(account);
	return hold.result;
}

/*
 * What a hold has set aside.
 */
CoreResult
account_held_by(const Account *account, int64_t hold_no, Points *points)
{
	*points = 0;
	for (int i = 0; i < account->nheld; i++)
	{
		if (account->held[i].hold_no == hold_no &&
			!points_add(*points, account->held[i].points, points))
			return CORE_RANGE;
	}
	return CORE_OK;
}

/*
 * What all open holds have set aside of a unit.
 */
CoreResult
account_held(const Account *account, int32_t unit, Points *points, Instant *until)
{
	*points = 0;
	*until = INSTANT_NEVER;
	for (int i = 0; i < account->nheld; i++)
	{
		const HeldPiece *held = &account->held[i];

		if (held->unit != unit)
			continue;
		if (!points_add(*points, held->points, points))
			return CORE_RANGE;
		if (held->deadline < *until)
			*until = held->deadline;
	}
	return CORE_OK;
}

/* ------------------------------------------------------------------------
 * Capturing and releasing
 * ------------------------------------------------------------------------
 */

/* Tells a movement of a hold. */
static void
tell_hold(MovementSink sink, void *arg, EntryKind kind, const HeldPiece *held,
		  Points points, Instant now)
{
	Movement	movement = {kind, held->unit, points, held->from, held->to, now,
	0, 0, 0, held->hold_no};

	if (sink != NULL)
		sink(arg, &movement);
}

/*
 * Spends what a hold has set aside.
 */
CoreResult
account_capture(Account *account, int64_t hold_no, Points points, Instant now,
				Points *captured, MovementSink sink, void *arg)
{
	*captured = 0;
	for (int i = 0; i < account->nheld && *captured < points; i++)
	{
		HeldPiece  *held = &account->held[i];
		Points		taken = points - *captured;

		if (held->hold_no != hold_no)
			continue;
		if (taken > held->points)
			taken = held->points;
		tell_hold(sink, arg, ENTRY_RELEASE, held, taken, now);
		tell_hold(sink, arg, ENTRY_REDEEM, held, -taken, now);
		held->points -= taken;
		*captured += taken;
	}
	account_close_held_gaps(account);
	return CORE_OK;
}

/* Is a lot over at an instant? */
static CoreResult
is_over(const Account *account, int32_t unit, Instant from, Instant to, Instant at,
		bool *over, Instant *end)
{
	LotPiece	piece = {0, from, to, unit, 0};

	TRY(account_piece_end(account, &piece, end));
	*over = *end <= at && *end != INSTANT_NEVER;
	return CORE_OK;
}

/*
 * Gives back what a hold has set aside.
 */
CoreResult
account_release(Account *account, int64_t hold_no, Instant now,
				MovementSink sink, void *arg)
{
	for (int i = 0; i < account->nheld; i++)
	{
		HeldPiece  *held = &account->held[i];
		Instant		end;
		bool		over;

		if (held->hold_no != hold_no)
			continue;
		TRY(is_over(account, held->unit, held->from, held->to, now, &over, &end));
		tell_hold(sink, arg, ENTRY_RELEASE, held, held->points, now);
		if (over || held->over)
			account_tell(sink, arg, ENTRY_EXPIRE, held->unit, -held->points,
						 held->from, held->to, now, 0);
		else
			TRY(account_add_piece(account, held->unit, held->points, held->from, held->to));
		held->points = 0;
	}
	account_close_held_gaps(account);
	return CORE_OK;
}

/* ------------------------------------------------------------------------
 * Returning
 * ------------------------------------------------------------------------
 */

/*
 * Gives back what was drawn.
 */
CoreResult
account_return(Account *account, int32_t unit, Points points,
			   DrawnLot *drawn, int ndrawn, Instant grace_end, Instant now,
			   MovementSink sink, void *arg)
{
	for (int i = ndrawn - 1; i >= 0 && points > 0; i--)
	{
		DrawnLot   *lot = &drawn[i];
		Points		back = lot->points < points ? lot->points : points;
		Instant		end;
		bool		over;

		if (back <= 0)
			continue;
		lot->points -= back;
		points -= back;
		TRY(is_over(account, unit, lot->from, lot->to, now, &over, &end));
		if (lot->lapsed && !over)
		{
			over = true;
			end = now;
		}
		if (end < grace_end && grace_end > now && !lot->extended)
		{
			Movement	movement = {ENTRY_RETURN, unit, back, now, grace_end, now,
			-back, 0, 0, 0};

			TRY(account_add_piece(account, unit, back, now, grace_end));
			if (sink != NULL)
				sink(arg, &movement);
			continue;
		}
		account_tell(sink, arg, ENTRY_RETURN, unit, back, lot->from, lot->to, now, 0);
		if (over)
			account_tell(sink, arg, ENTRY_EXPIRE, unit, -back, lot->from, lot->to, now, 0);
		else
			TRY(account_add_piece(account, unit, back, lot->from, lot->to));
	}
	return CORE_OK;
}
