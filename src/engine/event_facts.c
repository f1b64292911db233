/*-------------------------------------------------------------------------
 *
 * event_facts.c
 *	  Facts about the member that rules read: as they are now, or as they were
 *	  frozen when the event was posted.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/event.h"

#include "executor/executor.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"

#include "engine/facts.h"

/* The slot for member.*, made when first used: most rules read none of it. */
static TupleTableSlot *
event_facts_slot(EventReader *reader)
{
	if (reader->facts == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(reader->slot_context);

		reader->facts = facts_slot(reader->program);
		MemoryContextSwitchTo(old);
	}
	return reader->facts;
}

/* see event.h */
bool
event_rules_use_member(const SourceConfig *source, const RuleSet *rules)
{
	int			i;

	for (i = 0; i < rules->nrules; i++)
	{
		if (rules->rules[i].uses_member && rule_concerns(&rules->rules[i], source))
			return true;
	}
	return false;
}

/* The facts that the rules of the source read, offset as in PinExpr. */
static Bitmapset *
facts_read(const SourceConfig *source, const RuleSet *rules)
{
	Bitmapset  *read = NULL;
	int			i;
	int			k;

	for (i = 0; i < rules->nrules; i++)
	{
		RuleConfig *rule = &rules->rules[i];

		if (!rule->uses_member || !rule_concerns(rule, source))
			continue;
		for (k = 0; k < rule->pin->nexprs; k++)
			read = bms_add_members(read, rule->pin->exprs[k].member_attnos);
	}
	return read;
}

/* see event.h */
void
event_facts_now(EventReader *reader, Ledger *ledger, RuleSet *rules, AccountState *account)
{
	Bitmapset  *read = facts_read(reader->source, rules);

	facts_fill(event_facts_slot(reader), reader->program, ledger->snapshot, account, read,
			   reader->held);
	bms_free(read);
}

/* see event.h */
struct varlena *
event_freeze_facts(EventReader *reader, RuleSet *rules)
{
	TupleTableSlot *slot = event_facts_slot(reader);
	TupleDesc	desc = slot->tts_tupleDescriptor;
	Bitmapset  *read = facts_read(reader->source, rules);
	JsonbParseState *state = NULL;
	JsonbValue *object;
	char	   *tiers = NULL;
	int			i;

	/* no tier at all is the same as not knowing of any */
	if (event_rules_use_tiers(reader->source, rules) && !fact_is_read(read, FACT_TIERS))
		tiers = event_tiers_json(reader);
	if (bms_is_empty(read) && tiers == NULL)
		return NULL;
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		JsonbValue	name;
		JsonbValue	value;
		Oid			output;
		bool		is_varlena;

		if (!fact_is_read(read, i + 1))
			continue;
		name.type = jbvString;
		name.val.string.val = NameStr(att->attname);
		name.val.string.len = strlen(NameStr(att->attname));
		pushJsonbValue(&state, WJB_KEY, &name);
		value.type = jbvNull;
		if (!slot->tts_isnull[i])
		{
			getTypeOutputInfo(att->atttypid, &output, &is_varlena);
			value.type = jbvString;
			value.val.string.val = OidOutputFunctionCall(output, slot->tts_values[i]);
			value.val.string.len = strlen(value.val.string.val);
		}
		pushJsonbValue(&state, WJB_VALUE, &value);
	}
	if (tiers)
	{
		JsonbValue	value;

		value.type = jbvString;
		value.val.string.val = "tiers";
		value.val.string.len = 5;
		pushJsonbValue(&state, WJB_KEY, &value);
		value.val.string.val = tiers;
		value.val.string.len = strlen(tiers);
		pushJsonbValue(&state, WJB_VALUE, &value);
	}
	object = pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	return (struct varlena *) JsonbValueToJsonb(object);
}

/* see event.h */
void
event_facts_frozen(EventReader *reader, struct varlena *facts)
{
	TupleTableSlot *slot = event_facts_slot(reader);
	TupleDesc	desc = slot->tts_tupleDescriptor;
	Jsonb	   *json = (Jsonb *) facts;
	int			i;

	ExecClearTuple(slot);
	memset(slot->tts_isnull, true, sizeof(bool) * desc->natts);
	for (i = 0; i < desc->natts && json; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		JsonbValue	buffer;
		JsonbValue *value = getKeyJsonValueFromContainer(&json->root, NameStr(att->attname),
														 strlen(NameStr(att->attname)), &buffer);
		Oid			input;
		Oid			param;

		if (value == NULL || value->type != jbvString)
			continue;
		getTypeInputInfo(att->atttypid, &input, &param);
		slot->tts_values[i] = OidInputFunctionCall(input,
												   pnstrdup(value->val.string.val,
															value->val.string.len),
												   param, att->atttypmod);
		slot->tts_isnull[i] = false;
	}
	ExecStoreVirtualTuple(slot);
}
