/*-------------------------------------------------------------------------
 *
 * event.c
 *	  From rows of a source to events: who, when, how much, which rules match.
 *
 * Nothing here writes or locks anything, so that a row whose expressions fail
 * can be left out and tried again later.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/event.h"

#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/typcache.h"
#include "utils/uuid.h"

#include "engine/amount.h"
#include "engine/facts.h"
#include "types/zone.h"

/* see event.h */
EventReader *
event_reader_open(Program *program, SourceConfig *source)
{
	EventReader *reader = palloc0(sizeof(EventReader));
	int			i;

	reader->program = program;
	reader->source = source;
	reader->context = CurrentMemoryContext;
	reader->econtext = CreateStandaloneExprContext();
	reader->relation = table_open(source->relid, AccessShareLock);
	reader->desc = CreateTupleDescCopy(RelationGetDescr(reader->relation));
	reader->slot_context = CurrentMemoryContext;
	reader->tz = program->rules->tz;
	reader->builtin = source->pin->is_builtin;
	for (i = 0; i < program->rules->nrules; i++)
	{
		RuleConfig *rule = &program->rules->rules[i];

		if (rule->pin && rule_concerns(rule, source))
			reader->builtin &= rule->pin->is_builtin;
	}
	return reader;
}

/* see event.h */
void
event_reader_close(EventReader *reader)
{
	if (reader->row_slot)
		ExecDropSingleTupleTableSlot(reader->row_slot);
	if (reader->facts)
		ExecDropSingleTupleTableSlot(reader->facts);
	FreeExprContext(reader->econtext, true);
	table_close(reader->relation, AccessShareLock);
	pfree(reader);
}

/* see event.h */
TupleTableSlot *
event_row_slot(EventReader *reader)
{
	if (reader->row_slot == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(reader->slot_context);

		reader->row_slot = MakeSingleTupleTableSlot(reader->desc, &TTSOpsMinimalTuple);
		MemoryContextSwitchTo(old);
	}
	return reader->row_slot;
}

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
char *
event_reader_whereabouts(const EventReader *reader)
{
	if (reader->part == NULL)
		return NULL;
	if (reader->rule)
		return psprintf("%s of rule \"%s\"", reader->part, reader->rule->name);
	return psprintf("%s of source \"%s\"", reader->part, reader->source->name);
}

/* see event.h */
Datum
event_read_expr(EventReader *reader, int index, bool *isnull)
{
	Pin		   *pin = reader->source->pin;
	PinExpr    *expr = &pin->exprs[index];

	reader->part = expr->name;
	reader->rule = NULL;

	if (expr->simple_attno > 0)
		return slot_getattr(reader->econtext->ecxt_outertuple, expr->simple_attno, isnull);
	return pin_eval(pin, index, reader->econtext, isnull);
}

/* The instant in a value of a timestamptz, timestamp or date expression. */
static TimestampTz
read_instant(EventReader *reader, Datum value, Oid type)
{
	TimestampTz instant;

	if (type == TIMESTAMPTZOID)
		instant = DatumGetTimestampTz(value);
	else
	{
		Timestamp	local;

		if (type == DATEOID)
		{
			DateADT		date = DatumGetDateADT(value);

			if (DATE_NOT_FINITE(date))
				local = DT_NOEND;
			else
				local = (Timestamp) date * USECS_PER_DAY;
		}
		else
			local = DatumGetTimestamp(value);
		instant = TIMESTAMP_NOT_FINITE(local) ? DT_NOEND :
			reader->program->rules->zone.from_local(reader->program->rules->zone.arg, local);
	}
	if (TIMESTAMP_NOT_FINITE(instant))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_FIELD_OVERFLOW),
				 errmsg("the instant of an event of source \"%s\" must be finite",
						reader->source->name)));
	return instant;
}

/* see event.h */
void
event_read_row(EventReader *reader, TupleTableSlot *slot, SourceRow *row)
{
	SourceConfig *source = reader->source;
	MemoryContext old;
	Datum		value;
	bool		isnull;

	memset(row, 0, sizeof(SourceRow));
	ResetExprContext(reader->econtext);
	reader->econtext->ecxt_outertuple = slot;
	reader->econtext->ecxt_innertuple = NULL;
	old = MemoryContextSwitchTo(reader->econtext->ecxt_per_tuple_memory);

	value = source->member >= 0 ? event_read_expr(reader, source->member, &isnull) : (Datum) 0;
	row->has_member = source->member >= 0 && !isnull;
	if (row->has_member)
	{
		MemoryContextSwitchTo(reader->context);
		row->member = member_copy(reader->program, value);
		MemoryContextSwitchTo(reader->econtext->ecxt_per_tuple_memory);
	}
	row->holds = row->has_member || source->member < 0;
	if (row->holds && source->condition >= 0 && !reader->assume_condition)
	{
		value = event_read_expr(reader, source->condition, &isnull);
		row->holds = !isnull && DatumGetBool(value);
	}
	if (row->holds)
	{
		if (source->amount >= 0)
		{
			value = event_read_expr(reader, source->amount, &isnull);
			if (!isnull)
			{
				Frac		amount = amount_from_numeric(value, "amount");
				CoreInt128	den;

				row->mantissa = amount.num;
				for (den = amount.den; den > 1; den /= 10)
					row->scale++;
			}
		}
		if (source->occurred_at >= 0)
		{
			value = event_read_expr(reader, source->occurred_at, &isnull);
			if (isnull && reader->instant_is_now)
				value = TimestampTzGetDatum(program_clock(reader->program));
			else if (isnull)
				ereport(ERROR,
						(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						 errmsg("the instant of an event of source \"%s\" is null",
								source->name)));
			row->at = read_instant(reader, value, isnull ? TIMESTAMPTZOID :
								   source->pin->exprs[source->occurred_at].type);
			row->has_at = true;
		}
	}
	MemoryContextSwitchTo(old);
}

/* see event.h */
Datum *
event_read_key(EventReader *reader, TupleTableSlot *slot)
{
	SourceConfig *source = reader->source;
	Datum	   *key = MemoryContextAlloc(reader->context, sizeof(Datum) * source->nkeys);
	int			expr = source->event >= 0 ? source->event : source->key;
	MemoryContext old;
	bool		isnull;
	int			i;

	reader->econtext->ecxt_outertuple = slot;
	for (i = 0; i < source->nkeys; i++)
	{
		Datum		value;

		old = MemoryContextSwitchTo(reader->econtext->ecxt_per_tuple_memory);
		if (expr >= 0)
			value = event_read_expr(reader, expr, &isnull);
		else
			value = slot_getattr(slot, source->key_attno[i], &isnull);
		MemoryContextSwitchTo(old);
		if (isnull)
			return NULL;
		old = MemoryContextSwitchTo(reader->context);
		key[i] = source->key_len[i] == -1 ?
			PointerGetDatum(PG_DETOAST_DATUM_COPY(value)) :
			datumCopy(value, source->key_byval[i], source->key_len[i]);
		MemoryContextSwitchTo(old);
	}
	return key;
}

/* see event.h */
Datum *
event_read_reduced_key(EventReader *reader, TupleTableSlot *slot)
{
	SourceConfig *reduced = reader->source->reduces;
	Datum	   *key;
	Datum		value;
	MemoryContext old;
	bool		isnull;

	reader->econtext->ecxt_outertuple = slot;
	old = MemoryContextSwitchTo(reader->econtext->ecxt_per_tuple_memory);
	value = event_read_expr(reader, reader->source->reduces_key, &isnull);
	MemoryContextSwitchTo(old);
	if (isnull)
		return NULL;
	old = MemoryContextSwitchTo(reader->context);
	key = palloc(sizeof(Datum));
	key[0] = value;
	key = event_key_copy(reduced, key);
	MemoryContextSwitchTo(old);
	return key;
}

/* see event.h */
void
event_match_rules(EventReader *reader, RuleSet *rules, EventRow *row,
				  TupleTableSlot *slot, bool with_member, bool without_member)
{
	uint64	   *words;
	int			i;

	if (row->match == NULL && rules->nrules > 64)
		row->match = MemoryContextAllocZero(reader->context,
											sizeof(uint64) * (rules->nrules / 64 + 1));
	words = row->match ? row->match : &row->match_word;
	reader->econtext->ecxt_outertuple = slot;
	reader->econtext->ecxt_innertuple = reader->facts;
	for (i = 0; i < rules->nrules; i++)
	{
		RuleConfig *rule = &rules->rules[i];
		bool		matches = true;
		bool		isnull;
		Datum		value;
		MemoryContext old;

		if (!rule_concerns(rule, reader->source) ||
			!(rule->uses_member ? with_member : without_member))
			continue;
		if (rule->needs_pin && rule->pin == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("the expressions of rule \"%s\" as of configuration version %d are gone",
							rule->name, rules->config_version),
					 errhint("Their view was dropped, with a column they read or by hand.")));
		old = MemoryContextSwitchTo(reader->econtext->ecxt_per_tuple_memory);
		reader->rule = rule;
		if (rule->condition >= 0)
		{
			reader->part = "condition";
			value = pin_eval(rule->pin, rule->condition, reader->econtext, &isnull);
			matches = !isnull && DatumGetBool(value);
		}
		if (matches && rule->amount >= 0)
		{
			reader->part = "amount";
			value = pin_eval(rule->pin, rule->amount, reader->econtext, &isnull);
			if (row->own == NULL)
				row->own = MemoryContextAllocZero(reader->context,
												  sizeof(Frac) * rules->nrules);
			row->own[i] = isnull ? FRAC_ZERO : amount_from_numeric(value, "amount");
		}
		MemoryContextSwitchTo(old);
		if (matches)
			words[i / 64] |= UINT64CONST(1) << (i % 64);
	}
}

/* see event.h */
Frac
event_row_amount(const EventRow *row)
{
	static const int64 powers[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000,
		100000000, 1000000000, INT64CONST(10000000000), INT64CONST(100000000000),
	INT64CONST(1000000000000)};
	Frac		amount;
	int			scale = row->scale;

	amount.num = row->mantissa;
	amount.den = 1;
	for (; scale > 12; scale -= 12)
		amount.den *= powers[12];
	amount.den *= powers[scale];
	return amount;
}

/* -------- keys -------- */

/* see event.h */
int
event_key_cmp(const SourceConfig *source, const Datum *a, const Datum *b)
{
	int			i;

	for (i = 0; i < source->nkeys; i++)
	{
		int			cmp;

		if (source->key_type[i] == INT8OID)
			cmp = DatumGetInt64(a[i]) < DatumGetInt64(b[i]) ? -1 :
				DatumGetInt64(a[i]) > DatumGetInt64(b[i]) ? 1 : 0;
		else
		{
			TypeCacheEntry *type = lookup_type_cache(source->key_type[i],
													 TYPECACHE_CMP_PROC_FINFO);

			cmp = DatumGetInt32(FunctionCall2Coll(&type->cmp_proc_finfo,
												  source->key_collation[i], a[i], b[i]));
		}
		if (cmp != 0)
			return cmp;
	}
	return 0;
}

/* see event.h */
Datum *
event_key_copy(const SourceConfig *source, const Datum *key)
{
	Datum	   *copy = palloc(sizeof(Datum) * source->nkeys);
	int			i;

	for (i = 0; i < source->nkeys; i++)
		copy[i] = source->key_len[i] == -1 ?
			PointerGetDatum(PG_DETOAST_DATUM_COPY(key[i])) :
			datumCopy(key[i], source->key_byval[i], source->key_len[i]);
	return copy;
}

/* One column of a key as text that depends on no setting. */
static char *
key_column_text(Oid type, Datum value)
{
	Oid			output;
	bool		is_varlena;

	switch (type)
	{
		case INT8OID:
			{
				char	   *text = palloc(MAXINT8LEN + 1);

				pg_lltoa(DatumGetInt64(value), text);
				return text;
			}
		case INT4OID:
			{
				char	   *text = palloc(12);

				pg_ltoa(DatumGetInt32(value), text);
				return text;
			}
		case TEXTOID:
		case VARCHAROID:
			return TextDatumGetCString(value);
		case NUMERICOID:
			return DatumGetCString(DirectFunctionCall1(numeric_out,
													   DirectFunctionCall1(numeric_trim_scale, value)));
		case DATEOID:
			{
				char	   *text = palloc(MAXDATELEN + 1);

				return JsonEncodeDateTime(text, value, DATEOID, NULL);
			}
		case TIMESTAMPTZOID:
			{
				char	   *text = palloc(MAXDATELEN + 1);
				int			utc = 0;

				return JsonEncodeDateTime(text, value, TIMESTAMPTZOID, &utc);
			}
		case BYTEAOID:
			{
				bytea	   *bytes = DatumGetByteaPP(value);
				int			size = VARSIZE_ANY_EXHDR(bytes);
				char	   *text = palloc(size * 2 + 3);

				strcpy(text, "\\x");
				text[2 + hex_encode(VARDATA_ANY(bytes), size, text + 2)] = '\0';
				return text;
			}
		default:
			getTypeOutputInfo(type, &output, &is_varlena);
			return OidOutputFunctionCall(output, value);
	}
}

/* see event.h: one column as it is, several as a JSON array of strings */
char *
event_key_text(const SourceConfig *source, const Datum *key)
{
	StringInfoData text;
	int			i;

	if (key == NULL)
		return pstrdup("(new)");
	if (source->nkeys == 1)
		return key_column_text(source->key_type[0], key[0]);
	initStringInfo(&text);
	for (i = 0; i < source->nkeys; i++)
	{
		appendStringInfoString(&text, i == 0 ? "[" : ", ");
		escape_json(&text, key_column_text(source->key_type[i], key[i]));
	}
	appendStringInfoChar(&text, ']');
	return text.data;
}

/* see event.h */
Datum *
event_key_parse(const SourceConfig *source, const char *text)
{
	Datum	   *key = palloc(sizeof(Datum) * source->nkeys);
	int			i;
	JsonbContainer *array = NULL;

	if (source->nkeys > 1)
	{
		Jsonb	   *json = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));

		array = &json->root;
		if (!JB_ROOT_IS_ARRAY(json) || JB_ROOT_IS_SCALAR(json) ||
			JB_ROOT_COUNT(json) != source->nkeys)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("malformed key of source \"%s\": \"%s\"", source->name, text),
					 errhint("A key of several columns is written as a JSON array of %d values.",
							 source->nkeys)));
	}
	for (i = 0; i < source->nkeys; i++)
	{
		const char *column = text;
		Oid			input;
		Oid			param;

		if (array)
		{
			JsonbValue *value = getIthJsonbValueFromContainer(array, i);

			if (value->type == jbvString)
				column = pnstrdup(value->val.string.val, value->val.string.len);
			else if (value->type == jbvNumeric)
				column = DatumGetCString(DirectFunctionCall1(numeric_out,
															 NumericGetDatum(value->val.numeric)));
			else
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("malformed key of source \"%s\": \"%s\"", source->name, text),
						 errhint("Write strings or numbers.")));
		}
		getTypeInputInfo(source->key_type[i], &input, &param);
		key[i] = OidInputFunctionCall(input, (char *) column, param, -1);
	}
	return key;
}

/* -------- facts about the member -------- */

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
