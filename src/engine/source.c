/*-------------------------------------------------------------------------
 *
 * source.c
 *	  Attaching tables to a program.
 *
 * Attaching writes down what a row means (the pin), makes the table that
 * remembers which events have been considered (the posting table), and wires
 * the triggers.  It posts nothing.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/attaching.h"

#include "access/relation.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "engine/access.h"
#include "engine/pin.h"

static Oid	make_pin(const ProgramRef *ref, const AttachArguments *args, Oid reduced_type);
static void write_source(const ProgramRef *ref, const AttachArguments *args,
						 const SourceKey *key, Oid pin, Oid posting);
static char *argument_text(FunctionCallInfo fcinfo, int number);

/* -------- what programs call -------- */

/*
 * attach() of a program.
 */
LOYALTY_FUNCTION(loyalty_attach);
Datum
loyalty_attach(PG_FUNCTION_ARGS)
{
	ProgramRef	ref;
	AttachArguments args;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("program must not be null")));
	program_identify(PG_GETARG_OID(0), &ref);
	program_require_owner(&ref);

	memset(&args, 0, sizeof(args));
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("relation to attach must not be null")));
	args.relid = PG_GETARG_OID(1);
	args.name = argument_text(fcinfo, 2);
	args.member = argument_text(fcinfo, 3);
	args.amount = argument_text(fcinfo, 4);
	args.occurred_at = argument_text(fcinfo, 5);
	args.event = argument_text(fcinfo, 6);
	args.condition = argument_text(fcinfo, 7);
	args.spend = argument_text(fcinfo, 8);
	args.spend_unit = argument_text(fcinfo, 9);
	args.spend_condition = argument_text(fcinfo, 10);
	args.has_purchase = !PG_ARGISNULL(11);
	args.purchase = args.has_purchase && PG_GETARG_BOOL(11);
	args.reduces = argument_text(fcinfo, 12);
	args.reduces_key = argument_text(fcinfo, 13);
	args.on_delete = argument_text(fcinfo, 14);
	args.key = argument_text(fcinfo, 15);

	/* the wrapper runs as the owner: expressions are of who called it */
	args.writer = GetOuterUserId();

	SPI_connect();
	source_attach(&ref, &args);
	SPI_finish();

	PG_RETURN_VOID();
}

/*
 * detach() of a program.
 */
LOYALTY_FUNCTION(loyalty_detach);
Datum
loyalty_detach(PG_FUNCTION_ARGS)
{
	ProgramRef	ref;
	RightsSave	rights;
	ConfigTuple source;
	char	   *name;
	Oid			types[1] = {TEXTOID};
	Datum		values[1];
	bool		isnull;
	Oid			pin;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("name of the source must not be null")));
	program_identify(PG_GETARG_OID(0), &ref);
	program_require_owner(&ref);
	name = argument_text(fcinfo, 1);
	values[0] = CStringGetTextDatum(name);

	rights_enter(ref.owner, SECURITY_NOFORCE_RLS, &rights);
	SPI_connect();
	config_lock(&ref);

	source = config_find_source(&ref, name);
	if (source.tuple == NULL || !tuple_bool(&source, "attached"))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("no source \"%s\" is attached to loyalty program \"%s\"",
						name, ref.name)));
	if (config_execute(&ref, "SELECT name FROM @.source"
					   " WHERE attached AND reduces OPERATOR(pg_catalog.=) $1 ORDER BY name",
					   1, types, values, NULL) > 0)
	{
		ConfigTuple other = config_result(0);

		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("source \"%s\" cannot be detached: source \"%s\" reduces it",
						name, tuple_text(&other, "name")),
				 errhint("Detach \"%s\" first.", tuple_text(&other, "name"))));
	}

	/* with the view go the triggers, whoever owns the table they are on */
	pin = DatumGetObjectId(tuple_get(&source, "pin", &isnull));
	if (!isnull)
		pin_drop(&ref, pin, true);

	/* so that the table can be altered; attaching makes the present ones anew */
	rules_drop_pins(&ref, tuple_int(&source, "source_no"));

	config_execute(&ref, "UPDATE @.source SET attached = false, relation = NULL, pin = NULL"
				   " WHERE name OPERATOR(pg_catalog.=) $1",
				   1, types, values, NULL);
	config_bump(&ref);

	SPI_finish();
	rights_leave(&rights);

	PG_RETURN_VOID();
}

/*
 * A text argument; NULL if it is null.
 */
static char *
argument_text(FunctionCallInfo fcinfo, int number)
{
	if (PG_ARGISNULL(number))
		return NULL;
	return text_to_cstring(PG_GETARG_TEXT_PP(number));
}

/* -------- attaching -------- */

/*
 * Attaches; called inside SPI.
 */
void
source_attach(const ProgramRef *ref, const AttachArguments *args)
{
	AttachArguments given = *args;
	RightsSave	rights;
	Relation	rel;
	SourceKey	key;
	ConfigTuple before;
	Oid			reduced_type = InvalidOid;
	Oid			posting = InvalidOid;
	Oid			pin;

	if (given.name == NULL)
		given.name = get_rel_name(given.relid);
	check_arguments(&given);
	if (given.spend != NULL && given.spend_unit == NULL)
		given.spend_unit = "points";
	if (!given.has_purchase)
		given.purchase = given.amount != NULL && given.reduces == NULL;
	if (given.on_delete == NULL)
		given.on_delete = "revoke";

	rights_enter(ref->owner, SECURITY_NOFORCE_RLS, &rights);
	config_lock(ref);

	before = config_find_source(ref, given.name);
	if (before.tuple != NULL && tuple_bool(&before, "attached"))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("source \"%s\" is attached already", given.name),
				 errhint("Detach it first, or choose another name.")));

	/* the same lock that the triggers will take */
	rel = try_relation_open(given.relid, ShareRowExclusiveLock);
	if (rel == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("there is no relation with OID %u", given.relid)));
	check_relation(ref, rel);
	check_rights(ref, rel);
	read_primary_key(rel, &given, &key);
	if (given.reduces != NULL)
		reduced_type = reduced_key_type(ref, &given);
	if (given.spend != NULL)
		check_spend_unit(ref, given.spend_unit);

	pin = make_pin(ref, &given, reduced_type);
	check_pin_types(pin, &given, &key);

	if (given.reduces == NULL)
	{
		posting = make_posting(ref, given.name, &key);
		make_points_view(ref, given.name, &key);
	}

	write_source(ref, &given, &key, pin, posting);
	config_bump(ref);
	if (before.tuple != NULL)
		rules_pin_again(ref, given.name);

	source_wire(ref, given.name, pin, given.relid);

	relation_close(rel, NoLock);
	rights_leave(&rights);
}

/*
 * Makes view source_<name>.
 */
static Oid
make_pin(const ProgramRef *ref, const AttachArguments *args, Oid reduced_type)
{
	struct
	{
		const char *name;
		const char *text;
		Oid			type;
	}			wanted[] = {
		{"member", args->member, ref->member_type},
		{"amount", args->amount, NUMERICOID},
		{"occurred_at", args->occurred_at, InvalidOid},
		{"event", args->event, InvalidOid},
		{"condition", args->condition, BOOLOID},
		{"spend", args->spend, NUMERICOID},
		{"spend_condition", args->spend_condition, BOOLOID},
		{"reduces_key", args->reduces_key, reduced_type},
		{"key", args->key, InvalidOid}
	};
	PinSource	sources[lengthof(wanted)];
	int			nsources = 0;
	RightsSave	rights;
	Oid			pin;
	int			i;

	for (i = 0; i < lengthof(wanted); i++)
	{
		if (wanted[i].text == NULL)
			continue;
		sources[nsources].name = wanted[i].name;
		sources[nsources].text = wanted[i].text;
		sources[nsources].what = psprintf("%s of source \"%s\"", wanted[i].name, args->name);
		sources[nsources].want_type = wanted[i].type;
		nsources++;
	}

	rights_enter(args->writer, 0, &rights);
	pin = pin_create(ref, psprintf("source_%s", args->name), args->relid,
					 sources, nsources);
	rights_leave(&rights);

	return pin;
}

/* -------- the row of table source -------- */

/*
 * Writes the row, a new one or that of a source that was detached.
 */
static void
write_source(const ProgramRef *ref, const AttachArguments *args,
			 const SourceKey *key, Oid pin, Oid posting)
{
	Oid			types[18];
	Datum		values[18];
	bool		nulls[18];
	const char *texts[] = {
		args->name, args->key, args->event, args->member, args->amount, args->occurred_at,
		args->condition, args->spend, args->spend_unit, args->spend_condition,
		args->reduces, args->reduces_key, args->on_delete
	};
	Datum		names[INDEX_MAX_KEYS];
	int			i;

	StaticAssertStmt(lengthof(texts) == 13, "arguments are numbered");
	for (i = 0; i < lengthof(texts); i++)
	{
		types[i] = TEXTOID;
		nulls[i] = texts[i] == NULL;
		values[i] = nulls[i] ? (Datum) 0 : CStringGetTextDatum(texts[i]);
	}
	types[13] = types[14] = types[15] = OIDOID;
	values[13] = ObjectIdGetDatum(args->relid);
	values[14] = ObjectIdGetDatum(pin);
	values[15] = ObjectIdGetDatum(posting);
	nulls[13] = nulls[14] = false;
	nulls[15] = !OidIsValid(posting);
	types[16] = TEXTARRAYOID;
	for (i = 0; i < key->ncolumns; i++)
		names[i] = CStringGetTextDatum(key->name[i]);
	values[16] = PointerGetDatum(construct_array(names, key->ncolumns, TEXTOID,
												 -1, false, TYPALIGN_INT));
	nulls[16] = false;
	types[17] = BOOLOID;
	values[17] = BoolGetDatum(args->purchase);
	nulls[17] = false;

	config_execute(ref,
				   psprintf("INSERT INTO @.source (%s name, key, event, member, amount,"
							" occurred_at, condition, spend, spend_unit, spend_condition,"
							" reduces, reduces_key, on_delete, relation, pin, posting,"
							" key_columns, purchase) %s $1, $2, $3, $4, $5, $6, $7, $8, $9,"
							" $10, $11, $12, $13, $14, $15, $16, $17, $18)"
							" ON CONFLICT (name) DO UPDATE SET key = $2, event = $3,"
							" member = $4, amount = $5, occurred_at = $6, condition = $7,"
							" spend = $8, spend_unit = $9, spend_condition = $10,"
							" reduces = $11, reduces_key = $12, on_delete = $13,"
							" relation = $14, pin = $15, posting = $16, key_columns = $17,"
							" purchase = $18, attached = true,"
							" attached_at = pg_catalog.clock_timestamp()",
							args->source_no ? "source_no," : "",
							args->source_no ? psprintf("OVERRIDING SYSTEM VALUE VALUES (%d,",
													   args->source_no) : "VALUES ("),
				   18, types, values, nulls);
}
