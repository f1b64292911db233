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

#include "access/table.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/datum.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "engine/amount.h"
#include "engine/facts.h"
#include "types/zone.h"

/*
 * The descriptor of a source's table, which is open.  It is copied once for a
 * program that is told of changes of the table, so long as there are none.
 */
static TupleDesc
source_desc(Program *program, SourceConfig *source, Relation relation)
{
	if (!program->valid)
		return CreateTupleDescCopy(RelationGetDescr(relation));
	if (source->desc == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(program->context);

		source->desc = CreateTupleDescCopy(RelationGetDescr(relation));
		MemoryContextSwitchTo(old);
	}
	return source->desc;
}

/* see event.h */
EventReader *
event_reader_open(Program *program, SourceConfig *source)
{
	return event_reader_open_on(program, source, NULL);
}

/* see event.h */
EventReader *
event_reader_open_on(Program *program, SourceConfig *source, Relation relation)
{
	EventReader *reader = palloc0(sizeof(EventReader));
	int			i;

	reader->program = program;
	reader->source = source;
	reader->context = CurrentMemoryContext;
	reader->econtext = CreateStandaloneExprContext();
	reader->borrowed = relation != NULL;
	reader->relation = relation ? relation : table_open(source->relid, AccessShareLock);
	reader->desc = source_desc(program, source, reader->relation);
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
	if (!reader->borrowed)
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
TimestampTz
event_read_instant(EventReader *reader, bool *isnull)
{
	SourceConfig *source = reader->source;
	Datum		value = event_read_expr(reader, source->occurred_at, isnull);

	return *isnull ? 0 :
		read_instant(reader, value, source->pin->exprs[source->occurred_at].type);
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
			row->at = event_read_instant(reader, &isnull);
			if (isnull && reader->instant_is_now)
				row->at = program_clock(reader->program);
			else if (isnull)
				ereport(ERROR,
						(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						 errmsg("the instant of an event of source \"%s\" is null",
								source->name)));
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
