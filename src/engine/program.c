/*-------------------------------------------------------------------------
 *
 * program.c
 *	  A program as each backend holds it: tables, sources, rules and units.
 *
 * A program is loaded once per backend and thrown away when its configuration
 * or a table it reads changes.  Changes are told by relcache invalidations of
 * its table "program", which triggers on the configuration tables send; they
 * arrive in every backend when the change commits, never for a rollback.
 *
 * A message that arrives while program_load.c loads makes it start over.
 *
 * Nothing is freed while a transaction may still hold a pointer: stale
 * programs go when the transaction ends.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/program_load.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "engine/plan.h"

/* programs loaded by this backend, valid or not yet freed */
static List *programs = NIL;
static MemoryContext programs_context = NULL;

/* counts invalidations, so that one that comes during a load is noticed */
static uint64 invalidations = 0;
static bool stale_programs = false; /* some are to go when the transaction ends */

static void program_relcache_callback(Datum arg, Oid relid);
static void program_xact_callback(XactEvent event, void *arg);

/* -------- which program, whose rights -------- */

/* see engine.h */
void
program_identify(Oid relid, ProgramRef *ref)
{
	HeapTuple	tuple;
	Form_pg_class form;
	Oid			account;
	Oid			journal;
	AttrNumber	attno;

	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("there is no relation with OID %u", relid)));
	form = (Form_pg_class) GETSTRUCT(tuple);
	ref->relid = relid;
	ref->nspid = form->relnamespace;
	ref->owner = form->relowner;
	account = get_relname_relid("account", ref->nspid);
	journal = get_relname_relid("journal", ref->nspid);
	attno = OidIsValid(account) ? get_attnum(account, "member_id") : InvalidAttrNumber;
	if (form->relkind != RELKIND_RELATION ||
		strcmp(NameStr(form->relname), "program") != 0 ||
		!OidIsValid(account) || !OidIsValid(journal) || attno == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not the table of a loyalty program",
						NameStr(form->relname)),
				 errhint("Programs are made by loyalty.create_program().")));
	ref->member_type = get_atttype(account, attno);
	strlcpy(ref->name, get_namespace_name(ref->nspid), NAMEDATALEN);
	ReleaseSysCache(tuple);
}

/* see engine.h */
void
program_require_owner(const ProgramRef *ref)
{
	if (!has_privs_of_role(GetUserId(), ref->owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for loyalty program \"%s\"", ref->name),
				 errhint("Call the functions in schema \"%s\", which its owner can grant.",
						 ref->name)));
}

/* see engine.h */
Oid
program_relation(const ProgramRef *ref, const char *relname)
{
	Oid			relid = get_relname_relid(relname, ref->nspid);

	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("loyalty program \"%s\" has no relation \"%s\"",
						ref->name, relname),
				 errhint("Run loyalty.upgrade_program('%s').", ref->name)));
	return relid;
}

/* see engine.h */
void
rights_enter(Oid owner, int extra_sec_context, RightsSave *save)
{
	GetUserIdAndSecContext(&save->user, &save->sec_context);
	SetUserIdAndSecContext(owner, save->sec_context |
						   SECURITY_LOCAL_USERID_CHANGE | extra_sec_context);
}

/* see engine.h */
void
rights_leave(const RightsSave *save)
{
	SetUserIdAndSecContext(save->user, save->sec_context);
}

/* see engine.h */
void
program_invalidate(Oid program_relid)
{
	CacheInvalidateRelcacheByRelid(program_relid);
}

/* see engine.h */
TimestampTz
program_now(const ProgramRef *ref)
{
	return program_clock(program_get(ref->relid));
}

/* see program.h */
TimestampTz
program_clock(const Program *program)
{
	if (!program->test_clock)
		return GetCurrentTimestamp();

	/* whoever waited for a lock must see a clock that was set meanwhile */
	AcceptInvalidationMessages();
	if (!program->valid)
		return program_get(program->ref.relid)->clock;
	return program->clock;
}

/* see program.h */
Program *
program_present(Program *program)
{
	return program->valid ? program : program_get(program->ref.relid);
}

/* -------- the cache -------- */

/* see engine.h; called once per backend */
void
engine_init(void)
{
	CacheRegisterRelcacheCallback(program_relcache_callback, (Datum) 0);
	RegisterXactCallback(program_xact_callback, NULL);
}

/* Marks stale what an invalidation concerns; nothing else is allowed here. */
static void
program_relcache_callback(Datum arg, Oid relid)
{
	ListCell   *lc;

	invalidations++;
	foreach(lc, programs)
	{
		Program    *program = (Program *) lfirst(lc);

		if (program->valid &&
			(!OidIsValid(relid) || list_member_oid(program->watched, relid)))
		{
			program->valid = false;
			stale_programs = true;
		}
	}
}

/* Frees stale programs once nobody can hold a pointer to them. */
static void
program_xact_callback(XactEvent event, void *arg)
{
	ListCell   *lc;

	if (!stale_programs ||
		(event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT &&
		 event != XACT_EVENT_PREPARE && event != XACT_EVENT_PARALLEL_COMMIT &&
		 event != XACT_EVENT_PARALLEL_ABORT))
		return;
	foreach(lc, programs)
	{
		Program    *program = (Program *) lfirst(lc);

		if (!program->valid || program->provisional)
		{
			programs = foreach_delete_current(programs, lc);
			plan_free_all(program);
			MemoryContextDelete(program->context);
		}
	}
	stale_programs = false;
}

/* see program.h */
Program *
program_get(Oid relid)
{
	ListCell   *lc;
	int			tries;

	foreach(lc, programs)
	{
		Program    *program = (Program *) lfirst(lc);

		if (program->ref.relid == relid && program->valid)
			return program;
	}

	if (programs_context == NULL)
		programs_context = AllocSetContextCreate(TopMemoryContext, "loyalty programs",
												 ALLOCSET_DEFAULT_SIZES);

	/*
	 * What arrives while loading makes the copy stale at once; under a storm
	 * of changes the last copy is as good as any for one use.
	 */
	for (tries = 0;; tries++)
	{
		uint64		before = invalidations;
		Program    *program = program_load(relid, programs_context);
		MemoryContext old = MemoryContextSwitchTo(programs_context);

		programs = lappend(programs, program);
		MemoryContextSwitchTo(old);
		program->valid = (before == invalidations);
		if (program->provisional)
			stale_programs = true;
		if (program->valid)
			return program;
		stale_programs = true;
		if (tries >= 5)
			return program;
	}
}

/* -------- looking things up -------- */

/* see program.h */
CalendarUnit
program_cap_period(const Program *program, int32 rule_no)
{
	const RuleSet *rules = program->rules;
	int			i;

	for (i = 0; i < rules->ncapped; i++)
	{
		if (rules->capped[i].rule_no == rule_no)
			return rules->capped[i].period;
	}
	return CALENDAR_NONE;
}

/* see program.h */
SourceConfig *
program_source(Program *program, int32 source_no)
{
	int			i;

	for (i = 0; i < program->nsources; i++)
	{
		if (program->sources[i].source_no == source_no)
			return &program->sources[i];
	}
	return NULL;
}

/* see program.h */
SourceConfig *
program_source_by_name(Program *program, const char *name)
{
	int			i;

	for (i = 0; i < program->nsources; i++)
	{
		if (strcmp(program->sources[i].name, name) == 0)
			return &program->sources[i];
	}
	return NULL;
}
