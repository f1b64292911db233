/*-------------------------------------------------------------------------
 *
 * purchases.c
 *	  Which events count among a member's purchases, and his spend.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/judgement.h"

#include "engine/amount.h"

/* see judgement.h */
void
uncount_purchase(AccountState *account, const Posting *posting)
{
	if ((posting->flags & POSTING_COUNTS) == 0)
		return;
	account->purchases--;
	core_check(points_sub(account->spend, posting->amount, &account->spend) ?
			   CORE_OK : CORE_RANGE);
	account->dirty = true;
}

/* see judgement.h */
void
recount_purchase(AccountState *account, const Posting *posting)
{
	if ((posting->flags & POSTING_COUNTS) == 0)
		return;
	account->purchases++;
	core_check(points_add(account->spend, posting->amount, &account->spend) ?
			   CORE_OK : CORE_RANGE);
	account->dirty = true;
}

/* see judgement.h */
void
count_purchase(AccountState *account, Posting *posting, Frac net)
{
	posting->flags |= POSTING_COUNTS;
	posting->amount = amount_to_points(net);
	recount_purchase(account, posting);
	if (!account->has_purchase || posting->occurred_at < account->first_purchase_at)
		account->first_purchase_at = posting->occurred_at;
	if (!account->has_purchase || posting->occurred_at > account->last_purchase_at)
		account->last_purchase_at = posting->occurred_at;
	account->has_purchase = true;
}
