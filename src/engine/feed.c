/*-------------------------------------------------------------------------
 *
 * feed.c
 *	  What is already there: keys and rows of whole sources, for batches.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "engine/feed.h"

/* keys posted at a time */
#define FEED_PIECE 20000

/* see feed.h */
SourceConfig *
source_of_argument(Program *program, const char *name)
{
	SourceConfig *source = program_source_by_name(program, name);
	ListCell   *cell;

	foreach(cell, program->lost)
	{
		LostSource *lost = (LostSource *) lfirst(cell);

		if (strcmp(lost->name, name) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 lost->table_gone ?
					 errmsg("the table of source \"%s\" was dropped", name) :
					 errmsg("the expressions of source \"%s\" were dropped", name),
					 lost->table_gone ? 0 :
					 errdetail("View \"%s.source_%s\" and the triggers that depend on it are gone: with a column they read, or by hand.",
							   program->ref.name, name),
					 errhint("Detach the source; then it can be attached again.")));
	}
	if (source == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("no source \"%s\" is attached to program \"%s\"", name,
						program->ref.name),
				 errhint("The sources are the rows of its table \"source\".")));
	if (source->reduces)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("source \"%s\" reduces events of \"%s\" and has none of its own",
						name, source->reduces->name),
				 errhint("Name source \"%s\".", source->reduces->name)));
	return source;
}

/* Appends the expressions of a source's key over alias t, as key1, ... */
static void
append_keys(StringInfo query, SourceConfig *source, const char *separator)
{
	int			expr = source->event >= 0 ? source->event : source->key;
	int			i;

	if (expr >= 0)
	{
		appendStringInfo(query, "(%s)", pin_deparse(source->pin, expr, "t"));
		return;
	}
	for (i = 0; i < source->nkeys; i++)
		appendStringInfo(query, "%st.%s", i == 0 ? "" : separator,
						 quote_identifier(source->key_name[i]));
}

/* Appends the name of a relation. */
static void
append_relation(StringInfo query, Oid relid)
{
	appendStringInfoString(query,
						   quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
													  get_rel_name(relid)));
}

/* Appends "key1, key2, ..." of the posting table under an alias. */
static void
append_posting_keys(StringInfo query, SourceConfig *source, const char *alias)
{
	int			i;

	for (i = 0; i < source->nkeys; i++)
		appendStringInfo(query, "%s%s.key%d", i == 0 ? "" : ", ", alias, i + 1);
}

/* see feed.h */
void
feed_all_keys(Batch *batch, bool orphans)
{
	SourceConfig *source = batch->source;
	StringInfoData query;
	RightsSave	rights;
	Portal		portal;
	int			guc_level;
	int			i;

	initStringInfo(&query);
	appendStringInfoString(&query, "SELECT DISTINCT ");
	append_keys(&query, source, ", ");
	appendStringInfoString(&query, " FROM ");
	append_relation(&query, source->relid);
	appendStringInfoString(&query, " AS t");
	if (orphans)
	{
		appendStringInfoString(&query, " UNION SELECT ");
		append_posting_keys(&query, source, "p");
		appendStringInfoString(&query, " FROM ");
		append_relation(&query, source->posting);
		appendStringInfoString(&query, " AS p");
	}
	appendStringInfoString(&query, " ORDER BY 1");

	rights_enter(batch->program->ref.owner, SECURITY_NOFORCE_RLS, &rights);
	SPI_connect();
	guc_level = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	portal = SPI_cursor_open_with_args(NULL, query.data, 0, NULL, NULL, NULL,
									   batch->options.dry, CURSOR_OPT_NO_SCROLL);
	AtEOXact_GUC(true, guc_level);
	for (;;)
	{
		uint64		n;
		uint64		k;

		SPI_cursor_fetch(portal, true, FEED_PIECE);
		n = SPI_processed;
		if (n == 0)
			break;
		for (k = 0; k < n; k++)
		{
			Datum		key[MAX_KEY_COLUMNS];
			bool		isnull = false;

			for (i = 0; i < source->nkeys && !isnull; i++)
				key[i] = SPI_getbinval(SPI_tuptable->vals[k], SPI_tuptable->tupdesc, i + 1,
									   &isnull);
			if (!isnull)
				batch_add_key(batch, key);
		}
		SPI_freetuptable(SPI_tuptable);
		rights_leave(&rights);
		batch_post_keys(batch);
		rights_enter(batch->program->ref.owner, SECURITY_NOFORCE_RLS, &rights);
	}
	SPI_cursor_close(portal);
	SPI_finish();
	rights_leave(&rights);
}

/* -------- keys, a piece at a time -------- */

/* the query behind a KeyFeed */
typedef struct FeedCursor
{
	char	   *query;
	int			nargs;
	Oid			types[3];
	Datum		values[3];
	Portal		portal;
} FeedCursor;

/* Rights and settings under which the query evaluates a source's expressions. */
static void
enter_feed(KeyFeed *feed, RightsSave *rights, PinScope *scope)
{
	Program    *program = feed->batch->program;

	rights_enter(program->ref.owner, SECURITY_NOFORCE_RLS, rights);
	pin_enter(program->ref.owner, program->rules->tz, false, scope);
	SPI_connect();
}

static void
leave_feed(RightsSave *rights, PinScope *scope)
{
	SPI_finish();
	pin_leave(scope);
	rights_leave(rights);
}

/* KeyFeed.rewind */
static void
rewind_feed(KeyFeed *feed)
{
	FeedCursor *cursor = (FeedCursor *) feed->arg;
	RightsSave	rights;
	PinScope	scope;

	if (cursor->portal)
		SPI_cursor_close(cursor->portal);
	enter_feed(feed, &rights, &scope);
	cursor->portal = SPI_cursor_open_with_args(NULL, cursor->query, cursor->nargs,
											   cursor->types, cursor->values, NULL,
											   feed->batch->options.dry,
											   CURSOR_OPT_NO_SCROLL);
	leave_feed(&rights, &scope);
}

/* KeyFeed.next */
static bool
next_feed_piece(KeyFeed *feed)
{
	FeedCursor *cursor = (FeedCursor *) feed->arg;
	Batch	   *batch = feed->batch;
	RightsSave	rights;
	PinScope	scope;
	uint64		n;
	uint64		k;
	int			i;

	enter_feed(feed, &rights, &scope);
	SPI_cursor_fetch(cursor->portal, true, FEED_PIECE);
	n = SPI_processed;
	for (k = 0; k < n; k++)
	{
		Datum		key[MAX_KEY_COLUMNS];
		bool		isnull = false;

		for (i = 0; i < batch->source->nkeys && !isnull; i++)
			key[i] = SPI_getbinval(SPI_tuptable->vals[k], SPI_tuptable->tupdesc, i + 1,
								   &isnull);
		if (!isnull)
			batch_add_key(batch, key);
	}
	leave_feed(&rights, &scope);
	return n > 0;
}

/* Makes a feed of a query. */
static FeedCursor *
make_feed(KeyFeed *feed, Batch *batch, char *query)
{
	FeedCursor *cursor = palloc0(sizeof(FeedCursor));

	cursor->query = query;
	feed->batch = batch;
	feed->next = next_feed_piece;
	feed->rewind = rewind_feed;
	feed->arg = cursor;
	return cursor;
}

/* see feed.h */
void
feed_close(KeyFeed *feed)
{
	FeedCursor *cursor = (FeedCursor *) feed->arg;

	if (cursor->portal)
		SPI_cursor_close(cursor->portal);
}

/* Appends "key = key and ..." of the table's rows and the posting table's. */
static void
append_key_join(StringInfo query, SourceConfig *source)
{
	int			expr = source->event >= 0 ? source->event : source->key;
	int			i;

	if (expr >= 0)
	{
		appendStringInfo(query, "p.key1 OPERATOR(pg_catalog.=) (%s)",
						 pin_deparse(source->pin, expr, "t"));
		return;
	}
	for (i = 0; i < source->nkeys; i++)
		appendStringInfo(query, "%sp.key%d OPERATOR(pg_catalog.=) t.%s",
						 i == 0 ? "" : " AND ", i + 1,
						 quote_identifier(source->key_name[i]));
}

/*
 * The instant of a row of the table as a timestamptz expression over aliases t
 * and p (its posting, which a source without instants of its own needs); $3 is
 * now.
 */
static char *
instant_expression(Program *program, SourceConfig *source)
{
	char	   *instant;

	if (source->occurred_at < 0)
		return "COALESCE(p.occurred_at, $3)";
	instant = pin_deparse(source->pin, source->occurred_at, "t");
	if (source->pin->exprs[source->occurred_at].type == TIMESTAMPTZOID)
		return psprintf("(%s)", instant);
	return psprintf("pg_catalog.timezone(%s, ((%s))::pg_catalog.timestamp)",
					quote_literal_cstr(program->rules->zone_name), instant);
}

/* see feed.h */
void
feed_open_window(KeyFeed *feed, Batch *batch, Instant from, Instant until)
{
	SourceConfig *source = batch->source;
	char	   *instant = instant_expression(batch->program, source);
	bool		grouped = source->several_rows;
	StringInfoData query;
	FeedCursor *cursor;

	initStringInfo(&query);
	appendStringInfoString(&query, "SELECT ");
	append_keys(&query, source, ", ");
	appendStringInfoString(&query, " FROM ");
	append_relation(&query, source->relid);
	appendStringInfoString(&query, " AS t");
	if (source->occurred_at < 0)
	{
		appendStringInfoString(&query, " LEFT JOIN ");
		append_relation(&query, source->posting);
		appendStringInfoString(&query, " AS p ON (");
		append_key_join(&query, source);
		appendStringInfoChar(&query, ')');
	}
	appendStringInfo(&query, " WHERE %s OPERATOR(pg_catalog.>=) $1"
					 " AND %s OPERATOR(pg_catalog.<) $2 AND $3 IS NOT NULL",
					 instant, instant);
	if (grouped)
	{
		appendStringInfoString(&query, " GROUP BY ");
		append_keys(&query, source, ", ");
	}
	appendStringInfo(&query, grouped ? " ORDER BY pg_catalog.min(%s), " : " ORDER BY %s, ",
					 instant);
	append_keys(&query, source, ", ");
	cursor = make_feed(feed, batch, query.data);
	cursor->nargs = 3;
	cursor->types[0] = cursor->types[1] = cursor->types[2] = TIMESTAMPTZOID;
	cursor->values[0] = TimestampTzGetDatum(from);
	cursor->values[1] = TimestampTzGetDatum(until);
	cursor->values[2] = TimestampTzGetDatum(program_clock(batch->program));
}

/* see feed.h */
char *
feed_scan_query(Program *program, SourceConfig *source)
{
	char	   *instant = instant_expression(program, source);
	Relation	rel = table_open(source->relid, AccessShareLock);
	TupleDesc	desc = RelationGetDescr(rel);
	StringInfoData query;
	int			i;

	initStringInfo(&query);
	appendStringInfoString(&query, "SELECT ");
	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped)
			appendStringInfoString(&query, "NULL::pg_catalog.int4, ");
		else
			appendStringInfo(&query, "t.%s, ", quote_identifier(NameStr(att->attname)));
	}
	table_close(rel, NoLock);
	appendStringInfoString(&query, "p.member_id, p.occurred_at, p.first_entry, p.amount,"
						   " p.config_version, p.entries, p.flags, p.later, p.short, p.facts,"
						   " j.lines FROM ");
	append_relation(&query, source->relid);
	appendStringInfoString(&query, " AS t LEFT JOIN ");
	append_relation(&query, source->posting);
	appendStringInfoString(&query, " AS p ON (");
	append_key_join(&query, source);
	appendStringInfo(&query, ") LEFT JOIN %s.journal AS j"
					 " ON (j.member_id OPERATOR(pg_catalog.=) p.member_id"
					 "  AND j.first_entry OPERATOR(pg_catalog.=) p.first_entry)"
					 " WHERE %s OPERATOR(pg_catalog.>=) $1"
					 " AND %s OPERATOR(pg_catalog.<) $2",
					 quote_identifier(program->ref.name), instant, instant);
	return query.data;
}

/* see feed.h */
void
feed_open_versions(KeyFeed *feed, Batch *batch, List *versions)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(1, list_length(versions)));
	StringInfoData query;
	FeedCursor *cursor;
	ListCell   *lc;

	foreach(lc, versions)
		elements[foreach_current_index(lc)] = Int32GetDatum(lfirst_int(lc));
	initStringInfo(&query);
	appendStringInfoString(&query, "SELECT ");
	append_posting_keys(&query, batch->source, "p");
	appendStringInfoString(&query, " FROM ");
	append_relation(&query, batch->source->posting);
	appendStringInfoString(&query, " AS p WHERE p.config_version OPERATOR(pg_catalog.=)"
						   " ANY ($1) ORDER BY p.occurred_at, ");
	append_posting_keys(&query, batch->source, "p");
	cursor = make_feed(feed, batch, query.data);
	cursor->nargs = 1;
	cursor->types[0] = INT4ARRAYOID;
	cursor->values[0] = PointerGetDatum(construct_array(elements, list_length(versions),
														INT4OID, sizeof(int32), true,
														TYPALIGN_INT));
}

/* see feed.h */
List *
feed_failed_keys(Program *program, SourceConfig *source)
{
	Oid			types[1] = {TEXTOID};
	Datum		values[1];
	List	   *keys = NIL;
	RightsSave	rights;
	MemoryContext context = CurrentMemoryContext;
	uint64		i;

	values[0] = CStringGetTextDatum(source->name);
	rights_enter(program->ref.owner, SECURITY_NOFORCE_RLS, &rights);
	SPI_connect();
	if (SPI_execute_with_args(psprintf("SELECT event_key FROM %s.failed_event"
									   " WHERE source OPERATOR(pg_catalog.=) $1"
									   " ORDER BY first_failed_at, event_key",
									   quote_identifier(program->ref.name)),
							  1, types, values, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read failed_event: %s", SPI_result_code_string(SPI_result));
	MemoryContextSwitchTo(context);
	for (i = 0; i < SPI_processed; i++)
	{
		bool		isnull;

		keys = lappend(keys,
					   TextDatumGetCString(SPI_getbinval(SPI_tuptable->vals[i],
														 SPI_tuptable->tupdesc, 1, &isnull)));
	}
	SPI_finish();
	rights_leave(&rights);
	return keys;
}

/* see feed.h */
char *
feed_unposted_query(SourceConfig *source, bool rows, bool member)
{
	StringInfoData query;
	char	   *instant = source->occurred_at >= 0 ?
	pin_deparse(source->pin, source->occurred_at, "t") : NULL;

	initStringInfo(&query);
	appendStringInfoString(&query, "SELECT ");
	if (rows)
	{
		/* the cast makes it the row, whatever its columns are called */
		appendStringInfoString(&query, "(t.*)::");
		append_relation(&query, source->relid);
		appendStringInfoString(&query, ", t.tableoid, t.ctid");
	}
	else
		append_keys(&query, source, ", ");
	appendStringInfoString(&query, " FROM ");
	append_relation(&query, source->relid);
	appendStringInfoString(&query, " AS t WHERE NOT EXISTS (SELECT FROM ");
	append_relation(&query, source->posting);
	appendStringInfoString(&query, " AS p WHERE ");
	append_key_join(&query, source);
	appendStringInfoChar(&query, ')');
	if (member)
		appendStringInfo(&query, " AND (%s) OPERATOR(pg_catalog.=) $1",
						 pin_deparse(source->pin, source->member, "t"));
	if (!rows)
	{
		appendStringInfoString(&query, " GROUP BY ");
		append_keys(&query, source, ", ");
	}
	appendStringInfoString(&query, " ORDER BY ");
	if (instant)
		appendStringInfo(&query, rows ? "(%s), " : "pg_catalog.min((%s)), ", instant);
	append_keys(&query, source, ", ");
	return query.data;
}

/* see feed.h */
HeapTuple
feed_row(HeapTuple tuple, TupleDesc desc)
{
	bool		isnull;
	HeapTupleHeader row = DatumGetHeapTupleHeaderCopy(SPI_getbinval(tuple, desc, 1, &isnull));
	HeapTuple	result = palloc(sizeof(HeapTupleData));

	result->t_len = HeapTupleHeaderGetDatumLength(row);
	result->t_tableOid = DatumGetObjectId(SPI_getbinval(tuple, desc, 2, &isnull));
	result->t_self = *(ItemPointer) DatumGetPointer(SPI_getbinval(tuple, desc, 3, &isnull));
	result->t_data = row;
	return result;
}
