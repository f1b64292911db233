/*-------------------------------------------------------------------------
 *
 * dry.c
 *	  What batches that write nothing would have written, as far as their later
 *	  events would read it again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/batch.h"

#include "common/hashfn.h"
#include "utils/memutils.h"

/* a member's usage of a rule's cap in one calendar span */
typedef struct UsageKey
{
	Datum		member;
	Instant		span;
	int32		rule_no;
} UsageKey;

typedef struct DryUsage
{
	UsageKey	key;
	Points		used;
	uint32		hash;
	char		status;
} DryUsage;

/* what of an account its events change, lots left aside */
typedef struct DryAccount
{
	Datum		member;
	uint32		hash;
	char		status;
	bool		has_purchase;
	int64		purchases;
	Points		spend;
	TimestampTz joined_at;
	TimestampTz first_purchase_at;
	TimestampTz last_purchase_at;
	UsageItem  *usage;
	int			nusage;
	int			usage_capacity;
} DryAccount;

/* what is claimed of a budget */
typedef struct DryBudget
{
	int32		rule_no;
	Points		claimed;
} DryBudget;

static inline uint32
usage_hash(const Program *program, const UsageKey *key)
{
	return hash_combine(hash_combine(member_hash(program, key->member),
									 murmurhash32((uint32) key->rule_no)),
						hash_bytes((const unsigned char *) &key->span, sizeof(Instant)));
}

static inline bool
usage_equal(const Program *program, const UsageKey *a, const UsageKey *b)
{
	return a->rule_no == b->rule_no && a->span == b->span &&
		member_cmp(program, a->member, b->member) == 0;
}

#define SH_PREFIX usages
#define SH_ELEMENT_TYPE DryUsage
#define SH_KEY_TYPE UsageKey
#define SH_KEY key
#define SH_HASH_KEY(tb, key) usage_hash((const Program *) (tb)->private_data, &(key))
#define SH_EQUAL(tb, a, b) usage_equal((const Program *) (tb)->private_data, &(a), &(b))
#define SH_SCOPE static inline
#define SH_STORE_HASH
#define SH_GET_HASH(tb, a) (a)->hash
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

#define SH_PREFIX accounts
#define SH_ELEMENT_TYPE DryAccount
#define SH_KEY_TYPE Datum
#define SH_KEY member
#define SH_HASH_KEY(tb, key) member_hash((const Program *) (tb)->private_data, key)
#define SH_EQUAL(tb, a, b) (member_cmp((const Program *) (tb)->private_data, a, b) == 0)
#define SH_SCOPE static inline
#define SH_STORE_HASH
#define SH_GET_HASH(tb, a) (a)->hash
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

typedef struct DryState
{
	Program    *program;
	MemoryContext context;
	usages_hash *usages;
	accounts_hash *accounts;
	DryBudget  *budgets;
	int			nbudgets;
} DryState;

/* see batch.h */
DryState *
dry_create(Program *program)
{
	DryState   *state = palloc0(sizeof(DryState));

	state->program = program;
	state->context = CurrentMemoryContext;
	return state;
}

/* The state of a batch, made if it has none. */
static DryState *
dry_state(Batch *batch)
{
	if (batch->dry_state == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(batch->context);

		batch->dry_state = dry_create(batch->program);
		MemoryContextSwitchTo(old);
	}
	return batch->dry_state;
}

/* see batch.h */
Points *
dry_usage(Batch *batch, Datum member, int32 rule_no, Instant span, bool create)
{
	DryState   *state = batch->dry_state;
	UsageKey	key = {member, span, rule_no};
	DryUsage   *usage;
	bool		found;

	if (!create)
	{
		if (state == NULL || state->usages == NULL)
			return NULL;
		usage = usages_lookup(state->usages, key);
		return usage ? &usage->used : NULL;
	}
	state = dry_state(batch);
	if (state->usages == NULL)
		state->usages = usages_create(state->context, 64, state->program);
	usage = usages_insert(state->usages, key, &found);
	if (!found)
	{
		MemoryContext old = MemoryContextSwitchTo(state->context);

		usage->key.member = member_copy(state->program, member);
		usage->used = 0;
		MemoryContextSwitchTo(old);
	}
	return &usage->used;
}

/* see batch.h */
Points *
dry_budget(Batch *batch, int32 rule_no)
{
	DryState   *state = dry_state(batch);
	MemoryContext old;
	int			i;

	for (i = 0; i < state->nbudgets; i++)
	{
		if (state->budgets[i].rule_no == rule_no)
			return &state->budgets[i].claimed;
	}
	old = MemoryContextSwitchTo(state->context);
	state->budgets = state->budgets ?
		repalloc(state->budgets, sizeof(DryBudget) * (state->nbudgets + 1)) :
		palloc(sizeof(DryBudget));
	MemoryContextSwitchTo(old);
	state->budgets[state->nbudgets].rule_no = rule_no;
	state->budgets[state->nbudgets].claimed = 0;
	return &state->budgets[state->nbudgets++].claimed;
}

/* see batch.h */
void
dry_keep_account(Batch *batch, const AccountState *account)
{
	DryState   *state = dry_state(batch);
	MemoryContext old = MemoryContextSwitchTo(state->context);
	DryAccount *kept;
	bool		found;

	if (state->accounts == NULL)
		state->accounts = accounts_create(state->context, 64, state->program);
	kept = accounts_insert(state->accounts, account->member, &found);
	if (!found)
	{
		kept->member = member_copy(state->program, account->member);
		kept->usage = NULL;
		kept->usage_capacity = 0;
	}
	kept->has_purchase = account->has_purchase;
	kept->purchases = account->purchases;
	kept->spend = account->spend;
	kept->joined_at = account->joined_at;
	kept->first_purchase_at = account->first_purchase_at;
	kept->last_purchase_at = account->last_purchase_at;
	if (account->nusage > kept->usage_capacity)
	{
		kept->usage_capacity = account->nusage + 2;
		kept->usage = kept->usage ?
			repalloc(kept->usage, sizeof(UsageItem) * kept->usage_capacity) :
			palloc(sizeof(UsageItem) * kept->usage_capacity);
	}
	kept->nusage = account->nusage;
	if (account->nusage > 0)
		memcpy(kept->usage, account->usage, sizeof(UsageItem) * account->nusage);
	MemoryContextSwitchTo(old);
}

/* see batch.h: makes an account that is NULL, if it was made before */
AccountState *
dry_account(Batch *batch, Datum member, AccountState *account)
{
	DryState   *state = batch->dry_state;
	DryAccount *kept;

	if (state == NULL || state->accounts == NULL)
		return account;
	kept = accounts_lookup(state->accounts, member);
	if (kept == NULL)
		return account;
	if (account == NULL)
		account = ledger_blank_account(batch->ledger, member, kept->joined_at);
	account->has_purchase = kept->has_purchase;
	account->purchases = kept->purchases;
	account->spend = kept->spend;
	account->first_purchase_at = kept->first_purchase_at;
	account->last_purchase_at = kept->last_purchase_at;
	account->nusage = kept->nusage;
	account->usage_capacity = kept->nusage + 2;
	account->usage = palloc(sizeof(UsageItem) * account->usage_capacity);
	if (kept->nusage > 0)
		memcpy(account->usage, kept->usage, sizeof(UsageItem) * kept->nusage);
	return account;
}
