/*-------------------------------------------------------------------------
 *
 * dry.c
 *	  What a batch that writes nothing would have written, as far as its later
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

/* see batch.h */
Points *
dry_usage(Batch *batch, Datum member, int32 rule_no, Instant span, bool create)
{
	usages_hash *usages = (usages_hash *) batch->dry_usages;
	UsageKey	key = {member, span, rule_no};
	DryUsage   *usage;
	bool		found;

	if (usages == NULL)
	{
		if (!create)
			return NULL;
		usages = usages_create(batch->context, 64, batch->program);
		batch->dry_usages = usages;
	}
	if (!create)
	{
		usage = usages_lookup(usages, key);
		return usage ? &usage->used : NULL;
	}
	usage = usages_insert(usages, key, &found);
	if (!found)
	{
		MemoryContext old = MemoryContextSwitchTo(batch->context);

		usage->key.member = member_copy(batch->program, member);
		usage->used = 0;
		MemoryContextSwitchTo(old);
	}
	return &usage->used;
}
