/*-------------------------------------------------------------------------
 *
 * source_tables.c
 *	  What attach makes for a source: its posting table and its view of points.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/attaching.h"

#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"

#include "engine/access.h"
#include "engine/ledger.h"

static bool posting_fits(Oid posting, const SourceKey *key);
static const char *view_column(const char *name, const SourceKey *key);
static void comment_column(const ProgramRef *ref, const char *relname,
						   const char *column, const char *comment);

/*
 * Makes table posting_<name>, or takes the one that is there from before.
 */
Oid
make_posting(const ProgramRef *ref, const char *name, const SourceKey *key)
{
	static const char *const comments[][2] = {
		{"member_id", "Whose event it is"},
		{"occurred_at", "When it happened"},
		{"first_entry", "Number of its first ledger line; NULL: none, or later says"},
		{"amount", "What it adds to member.spend"},
		{"config_version", "Configuration version by which it is judged"},
		{"entries", "Lines that follow one another from the first"},
		{"flags", "1: judged while the member was blocked; 2: counts as a purchase"},
		{"later", "First and last numbers of other lines"},
		{"short", "What rules wanted and got when caps or budgets were short"},
		{"facts", "What rules read of the member when it was first judged"}
	};
	char	   *relname = psprintf("posting_%s", name);
	Oid			posting = get_relname_relid(relname, ref->nspid);
	StringInfoData sql;
	AttrNumber	member = get_attnum(program_relation(ref, "account"), "member_id");
	int			i;

	if (OidIsValid(posting))
	{
		if (!posting_fits(posting, key))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
					 errmsg("source \"%s\" was attached before with a key of other types", name),
					 errhint("Choose another name.")));
		return posting;
	}

	initStringInfo(&sql);
	appendStringInfo(&sql, "CREATE TABLE @.%s (", quote_identifier(relname));
	for (i = 0; i < key->ncolumns; i++)
		appendStringInfo(&sql, "key%d %s%s NOT NULL, ", i + 1,
						 format_type_be_qualified(key->type[i]),
						 key->type[i] == TEXTOID ? " COLLATE pg_catalog.\"C\"" : "");
	appendStringInfo(&sql,
					 "member_id %s%s NOT NULL,"
					 " occurred_at pg_catalog.timestamptz NOT NULL,"
					 " first_entry pg_catalog.int8,"
					 " amount loyalty.points,"
					 " config_version pg_catalog.int4 NOT NULL,"
					 " entries pg_catalog.int2 NOT NULL,"
					 " flags pg_catalog.int2 NOT NULL,"
					 " later pg_catalog.int8[],"
					 " short pg_catalog.bytea,"
					 " facts pg_catalog.jsonb,"
					 " PRIMARY KEY (",
					 format_type_be_qualified(get_atttype(program_relation(ref, "account"), member)),
					 ref->member_type == TEXTOID ? " COLLATE pg_catalog.\"C\"" : "");
	for (i = 0; i < key->ncolumns; i++)
		appendStringInfo(&sql, "%skey%d", i > 0 ? ", " : "", i + 1);
	appendStringInfoString(&sql, ")) WITH (fillfactor = 90)");
	config_execute(ref, sql.data, 0, NULL, NULL, NULL);

	relname = pstrdup(quote_identifier(relname));
	config_execute(ref, psprintf("CREATE TRIGGER posting_guard"
								 " BEFORE UPDATE OR DELETE OR TRUNCATE ON @.%s"
								 " FOR EACH STATEMENT EXECUTE FUNCTION loyalty.ledger_guard_1()",
								 relname), 0, NULL, NULL, NULL);
	config_execute(ref, psprintf("ALTER TABLE @.%s ENABLE ALWAYS TRIGGER posting_guard",
								 relname), 0, NULL, NULL, NULL);
	config_execute(ref, psprintf("COMMENT ON TABLE @.%s IS"
								 " 'Events of source %s that have been considered: what was frozen, and where their entries are'",
								 relname, name), 0, NULL, NULL, NULL);
	for (i = 0; i < key->ncolumns; i++)
		comment_column(ref, relname, psprintf("key%d", i + 1),
					   psprintf("Key of the event: %s", key->name[i]));
	for (i = 0; i < lengthof(comments); i++)
		comment_column(ref, relname, comments[i][0], comments[i][1]);

	return get_relname_relid(psprintf("posting_%s", name), ref->nspid);
}

/*
 * Has a posting table the columns for a key?
 */
static bool
posting_fits(Oid posting, const SourceKey *key)
{
	int			i;

	for (i = 0; i < key->ncolumns; i++)
	{
		AttrNumber	attno = get_attnum(posting, psprintf("key%d", i + 1));

		if (attno == InvalidAttrNumber || get_atttype(posting, attno) != key->type[i])
			return false;
	}
	return get_attnum(posting, psprintf("key%d", key->ncolumns + 1)) == InvalidAttrNumber;
}

/*
 * Makes view <name>_points, which reports join with USING.
 */
void
make_points_view(const ProgramRef *ref, const char *name, const SourceKey *key)
{
	char	   *relname = psprintf("%s_points", name);
	Oid			view = get_relname_relid(relname, ref->nspid);
	StringInfoData keys;
	StringInfoData sql;
	int			i;

	if (OidIsValid(view))
	{
		bool		fits = get_rel_relkind(view) == RELKIND_VIEW;

		for (i = 0; fits && i < key->ncolumns; i++)
			fits = get_attnum(view, key->name[i]) == i + 1;
		if (fits && get_attnum(view, view_column("member_id", key)) == key->ncolumns + 1)
			return;

		/* the key's columns have other names now */
		if (get_rel_relkind(view) == RELKIND_VIEW)
		{
			ObjectAddress object;

			ObjectAddressSet(object, RelationRelationId, view);
			performDeletion(&object, DROP_RESTRICT, 0);
		}
	}

	/*
	 * The first block of an event's lines is one row of the journal, almost
	 * always the only one, and is joined by its number.  OFFSET 0 has those of
	 * others looked up by theirs, too, and not among all rows of the member.
	 */
	initStringInfo(&keys);
	appendStringInfoString(&keys, "SELECT p.member_id");
	for (i = 0; i < key->ncolumns; i++)
		appendStringInfo(&keys, ", p.key%d", i + 1);

	initStringInfo(&sql);
	appendStringInfo(&sql, "CREATE VIEW @.%s AS SELECT", quote_identifier(relname));
	for (i = 0; i < key->ncolumns; i++)
	{
		appendStringInfo(&sql, " p.key%d", i + 1);
		if (key->type[i] == TEXTOID && OidIsValid(key->collation[i]) &&
			key->collation[i] != DEFAULT_COLLATION_OID &&
			key->collation[i] != C_COLLATION_OID)
			appendStringInfo(&sql, " COLLATE %s", generate_collation_name(key->collation[i]));
		appendStringInfo(&sql, " AS %s,", quote_identifier(key->name[i]));
	}
	appendStringInfo(&sql, " p.member_id AS %s,",
					 quote_identifier(view_column("member_id", key)));
	appendStringInfo(&sql, " u.name AS %s,",
					 quote_identifier(view_column("unit", key)));
	appendStringInfo(&sql, " pg_catalog.sum(e.points::pg_catalog.numeric) AS %s,",
					 quote_identifier(view_column("points", key)));
	appendStringInfo(&sql, " pg_catalog.max(p.posted_at) AS %s",
					 quote_identifier(view_column("posted_at", key)));
	appendStringInfo(&sql,
					 " FROM (%1$s, j.posted_at, j.lines"
					 "   FROM @.%2$s p JOIN @.journal j ON j.member_id OPERATOR(pg_catalog.=) p.member_id"
					 "    AND j.first_entry OPERATOR(pg_catalog.=) p.first_entry"
					 "    AND j.source_no IS NOT NULL"
					 "  UNION ALL %1$s, j.posted_at, j.lines"
					 "   FROM @.%2$s p CROSS JOIN LATERAL ("
					 "SELECT j.posted_at, j.lines, j.source_no"
					 " FROM pg_catalog.generate_series(1, pg_catalog.cardinality(p.later), 2) AS i"
					 " CROSS JOIN LATERAL (SELECT j.posted_at, j.lines, j.source_no FROM @.journal j"
					 " WHERE j.member_id OPERATOR(pg_catalog.=) p.member_id"
					 " AND j.first_entry OPERATOR(pg_catalog.>=) p.later[i]"
					 " AND j.first_entry OPERATOR(pg_catalog.<=) p.later[i OPERATOR(pg_catalog.+) 1] OFFSET 0) AS j) AS j"
					 "   WHERE p.later IS NOT NULL AND j.source_no IS NOT NULL) AS p"
					 " CROSS JOIN LATERAL loyalty.lines_unnest_1(p.lines) e"
					 " JOIN @.unit u ON u.unit_no OPERATOR(pg_catalog.=) e.unit_no"
					 " WHERE e.kind IN (1, 2)"
					 " GROUP BY",
					 keys.data, quote_identifier(psprintf("posting_%s", name)));
	for (i = 0; i < key->ncolumns; i++)
		appendStringInfo(&sql, " p.key%d,", i + 1);
	appendStringInfoString(&sql, " p.member_id, u.name");
	config_execute(ref, sql.data, 0, NULL, NULL, NULL);

	config_execute(ref, psprintf("COMMENT ON VIEW @.%s IS"
								 " 'Points that each event of source %s has now, by unit'",
								 quote_identifier(relname), name), 0, NULL, NULL, NULL);
	relname = pstrdup(quote_identifier(relname));
	for (i = 0; i < key->ncolumns; i++)
		comment_column(ref, relname, quote_identifier(key->name[i]), "Key of the event");
	comment_column(ref, relname, view_column("member_id", key), "Whose event it is");
	comment_column(ref, relname, view_column("unit", key), "Name of the unit");
	comment_column(ref, relname, view_column("points", key), "What it has earned, less what was taken back");
	comment_column(ref, relname, view_column("posted_at", key), "When that changed last");
	access_as_balances(ref, psprintf("%s_points", name));
}

/*
 * Says what a column is.  The relation's and the column's names are quoted
 * already, where they must be; they may be in the text.
 */
static void
comment_column(const ProgramRef *ref, const char *relname, const char *column,
			   const char *comment)
{
	config_execute(ref, psprintf("COMMENT ON COLUMN @.%s.%s IS %s", relname, column,
								 quote_literal_cstr(comment)), 0, NULL, NULL, NULL);
}

/*
 * The name of a column of that view, which the key may have taken.
 */
static const char *
view_column(const char *name, const SourceKey *key)
{
	int			i;

	for (i = 0; i < key->ncolumns; i++)
		if (strcmp(key->name[i], name) == 0)
			return psprintf("loyalty_%s", name);
	return name;
}
