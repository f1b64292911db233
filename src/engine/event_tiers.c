/*-------------------------------------------------------------------------
 *
 * event_tiers.c
 *	  The tiers an event is judged by: those its member held at its instant,
 *	  frozen at its first posting.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/event.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"

#include "engine/tiers.h"

/* see event.h */
bool
event_rules_use_tiers(const SourceConfig *source, const RuleSet *rules)
{
	int			i;

	for (i = 0; i < rules->nrules; i++)
	{
		if (rules->rules[i].ntiers > 0 && rule_concerns(&rules->rules[i], source))
			return true;
	}
	return false;
}

/* Room for the names of tiers, by group. */
static void
make_room(EventReader *reader, const TierConfig *tiers)
{
	int			ngroups = tiers ? tiers->ngroups : 0;

	if (reader->held == NULL || reader->tiers != tiers)
		reader->held = MemoryContextAlloc(reader->slot_context,
										  sizeof(char *) * Max(1, ngroups));
	reader->tiers = tiers;
	memset(reader->held, 0, sizeof(char *) * Max(1, ngroups));
}

/* see event.h */
void
event_tiers_now(EventReader *reader, Ledger *ledger, AccountState *account, Instant at)
{
	make_room(reader, account_tier_config(account));
	if (account->tiers)
		tiers_held(ledger, account, at, reader->held);
}

/* see event.h */
void
event_tiers_frozen(EventReader *reader, const TierConfig *tiers, struct varlena *facts)
{
	JsonbValue	buffer;
	JsonbValue *text;
	Jsonb	   *json;
	int			g;

	make_room(reader, tiers);
	if (facts == NULL)
		return;
	text = getKeyJsonValueFromContainer(&((Jsonb *) facts)->root, "tiers", 5, &buffer);
	if (text == NULL || text->type != jbvString)
		return;
	json = DatumGetJsonbP(DirectFunctionCall1(jsonb_in,
											  CStringGetDatum(pnstrdup(text->val.string.val,
																	   text->val.string.len))));
	for (g = 0; tiers && g < tiers->ngroups; g++)
	{
		const char *group = tiers->group_names[g];
		JsonbValue *tier = getKeyJsonValueFromContainer(&json->root, group, strlen(group),
														&buffer);

		if (tier && tier->type == jbvString)
			reader->held[g] = pnstrdup(tier->val.string.val, tier->val.string.len);
	}
}

/* see event.h */
char *
event_tiers_json(const EventReader *reader)
{
	return reader->tiers ? tiers_json(reader->tiers, reader->held) : NULL;
}

/* see event.h */
bool
event_has_tier(const EventReader *reader, const RuleConfig *rule)
{
	int			i;
	int			g;

	for (i = 0; i < rule->ntiers; i++)
	{
		for (g = 0; reader->tiers && g < reader->tiers->ngroups; g++)
		{
			if (reader->held[g] && strcmp(reader->held[g], rule->tiers[i]) == 0)
				return true;
		}
	}
	return rule->ntiers == 0;
}
