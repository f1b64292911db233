/*-------------------------------------------------------------------------
 *
 * access.c
 *	  Privileges on a program in one call.
 *
 * Everything in a program belongs to its owner, and nothing is granted to
 * anybody to begin with.  Each kind of access includes those before it:
 *
 *		report	reads views, names, and what members have
 *		app		enrols members and tells what they do
 *		admin	configures, corrects, and reads everything; who writes rules has
 *				what their expressions read in the owner's name
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "engine/access.h"

typedef enum AccessKind
{
	ACCESS_REPORT,
	ACCESS_APP,
	ACCESS_ADMIN
} AccessKind;

/* a privilege on tables or views */
typedef struct TablePrivilege
{
	AccessKind	kind;
	const char *privileges;
	const char *names;			/* condition on c.relname */
} TablePrivilege;

static const TablePrivilege table_privileges[] = {
	{ACCESS_REPORT, "SELECT",
		"IN ('balances', 'history', 'expiring', 'liability', 'hold', 'program', 'unit', 'source', 'rule',"
		" 'failed_event', 'progress')"},
	{ACCESS_REPORT, "SELECT",
		"IN ('catalogue', 'affordable', 'redemptions', 'donations', 'bonuses', 'reward',"
		" 'reward_price', 'choice_set')"},
	{ACCESS_REPORT, "SELECT",
		"IN (SELECT s.name || '_points' FROM @.source AS s)"},
	{ACCESS_REPORT, "SELECT", "= 'pools'"},
	{ACCESS_REPORT, "SELECT", "IN ('standing', 'tier_history', 'tier_group', 'tier', 'tier_threshold',"
		" 'benefits', 'tier_benefit')"},
	{ACCESS_APP, "SELECT", "IN ('vouchers', 'code_uses', 'voucher_pool')"},
	{ACCESS_APP, "SELECT, INSERT, UPDATE", "= 'member'"},
	{ACCESS_APP, "INSERT", "= 'activity'"},
	{ACCESS_ADMIN, "SELECT", "IS NOT NULL"},
	{ACCESS_ADMIN, "INSERT, UPDATE, DELETE", "IN ('unit', 'rule', 'member', 'activity', 'voucher_pool')"},
	{ACCESS_ADMIN, "INSERT, UPDATE, DELETE",
		"IN ('reward', 'reward_price', 'choice_set', 'bonus')"},
	{ACCESS_ADMIN, "INSERT, UPDATE, DELETE",
		"IN ('tier_group', 'tier', 'tier_threshold', 'tier_benefit')"},
	{ACCESS_ADMIN, "UPDATE", "IN ('program', 'source')"},
	{ACCESS_ADMIN, "DELETE", "= 'failed_event'"}
};

/* functions that each may call; admin may call all but grant_access */
static const char report_functions[] =
"IN ('balance', 'tier_at', 'statement', 'member_lots', 'preview', 'explain', 'quote', 'offers')";
static const char app_functions[] =
"IN ('balance', 'tier_at', 'statement', 'member_lots', 'preview', 'explain', 'quote', 'offers',"
" 'spend', 'hold', 'capture', 'release', 'cancel', 'transfer',"
" 'redeem', 'hold_reward', 'claim', 'use_benefit',"
" 'check_code', 'reserve_code', 'redeem_code', 'release_code', 'cancel_code', 'give_code',"
" 'top_up_code', 'deposit_code')";
static const char admin_functions[] =
"<> 'grant_access'";

/* Fills in the schema for "@.", and runs. */
static void
execute(const ProgramRef *ref, const char *statement, int expected)
{
	const char *schema = quote_identifier(ref->name);
	StringInfoData text;
	int			result;

	initStringInfo(&text);
	for (; *statement; statement++)
	{
		if (statement[0] == '@' && statement[1] == '.')
			appendStringInfoString(&text, schema);
		else
			appendStringInfoChar(&text, *statement);
	}
	result = SPI_execute(text.data, false, 0);
	if (result != expected)
		elog(ERROR, "could not execute \"%s\": %s", text.data, SPI_result_code_string(result));
}

/* Runs statements that a query makes. */
static void
execute_each(const ProgramRef *ref, const char *query)
{
	uint64		n;
	uint64		i;
	SPITupleTable *statements;

	execute(ref, query, SPI_OK_SELECT);
	statements = SPI_tuptable;
	n = SPI_processed;
	for (i = 0; i < n; i++)
		execute(ref, SPI_getvalue(statements->vals[i], statements->tupdesc, 1), SPI_OK_UTILITY);
}

/* A literal of the schema's OID, to look objects up by. */
static char *
schema_oid(const ProgramRef *ref)
{
	return psprintf("%u::oid", ref->nspid);
}

/* Enters the owner's rights, with names looked up in pg_catalog only. */
static int
begin(const ProgramRef *ref, RightsSave *rights)
{
	int			guc_level;

	rights_enter(ref->owner, SECURITY_NOFORCE_RLS, rights);
	guc_level = NewGUCNestLevel();
	set_local("search_path", PINNED_SEARCH_PATH);
	SPI_connect();
	return guc_level;
}

static void
end(const RightsSave *rights, int guc_level)
{
	SPI_finish();
	AtEOXact_GUC(false, guc_level);
	rights_leave(rights);
}

/* see access.h */
void
access_as_balances(const ProgramRef *ref, const char *relname)
{
	RightsSave	rights;
	int			guc_level = begin(ref, &rights);

	execute_each(ref, psprintf("SELECT format('GRANT SELECT ON %%s TO %%I', v.oid::regclass, r.rolname)"
							   " FROM pg_class AS c CROSS JOIN LATERAL aclexplode(c.relacl) AS a"
							   " JOIN pg_roles AS r ON r.oid = a.grantee"
							   " JOIN pg_class AS v ON v.relnamespace = c.relnamespace AND v.relname = %s"
							   " WHERE c.relnamespace = %s AND c.relname = 'balances'"
							   " AND a.privilege_type = 'SELECT' AND a.grantee <> c.relowner",
							   quote_literal_cstr(relname), schema_oid(ref)));
	end(&rights, guc_level);
}

/*
 * grant_access_1(program, role, access)
 */
LOYALTY_FUNCTION(loyalty_grant_access);
Datum
loyalty_grant_access(PG_FUNCTION_ARGS)
{
	static const char *const kinds[] = {"report", "app", "admin"};
	ProgramRef	ref;
	RightsSave	rights;
	char	   *role;
	char	   *access;
	AccessKind	kind;
	int			guc_level;
	int			i;

	program_identify(PG_GETARG_OID(0), &ref);
	program_require_owner(&ref);
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("role and access must not be null")));
	role = text_to_cstring(PG_GETARG_TEXT_PP(1));
	access = text_to_cstring(PG_GETARG_TEXT_PP(2));
	(void) get_role_oid(role, false);
	for (kind = ACCESS_REPORT; kind <= ACCESS_ADMIN; kind++)
	{
		if (strcmp(kinds[kind], access) == 0)
			break;
	}
	if (kind > ACCESS_ADMIN)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is no access \"%s\"", access),
				 errhint("It is one of 'report', 'app' and 'admin'.")));

	guc_level = begin(&ref, &rights);
	role = quote_literal_cstr(role);
	execute_each(&ref, psprintf("SELECT format('GRANT USAGE ON SCHEMA %%I TO %%I', n.nspname, %s)"
								" FROM pg_namespace AS n WHERE n.oid = %s",
								role, schema_oid(&ref)));
	for (i = 0; i < lengthof(table_privileges); i++)
	{
		const TablePrivilege *item = &table_privileges[i];

		if (item->kind <= kind)
			execute_each(&ref, psprintf("SELECT format('GRANT %s ON %%s TO %%I', c.oid::regclass, %s)"
										" FROM pg_class AS c WHERE c.relnamespace = %s"
										" AND c.relkind IN ('r', 'v', 'p') AND c.relname %s ORDER BY c.oid",
										item->privileges, role, schema_oid(&ref), item->names));
	}
	execute_each(&ref, psprintf("SELECT format('GRANT EXECUTE ON ROUTINE %%s TO %%I', p.oid::regprocedure, %s)"
								" FROM pg_proc AS p WHERE p.pronamespace = %s AND p.prokind IN ('f', 'p')"
								" AND p.prorettype <> 'trigger'::regtype AND p.proname %s ORDER BY p.oid",
								role, schema_oid(&ref),
								kind == ACCESS_ADMIN ? admin_functions :
								kind == ACCESS_APP ? app_functions : report_functions));
	end(&rights, guc_level);
	PG_RETURN_VOID();
}
