/*-------------------------------------------------------------------------
 *
 * engine.h
 *	  What every file of the engine shares: which program, whose rights,
 *	  which errors.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_ENGINE_H
#define LOYALTY_ENGINE_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "fmgr.h"

#include "loyalty.h"
#include "core/core.h"

/* which program a call is about: its table "program" stands for it */
typedef struct ProgramRef
{
	Oid			relid;			/* <schema>.program */
	Oid			nspid;
	Oid			owner;			/* owner of that table; everything runs as him */
	Oid			member_type;	/* type of account.member_id */
	char		name[NAMEDATALEN];	/* of the schema */
} ProgramRef;

/*
 * Looks a program up by its table, the first argument of every function that
 * programs call.  ERRCODE_WRONG_OBJECT_TYPE unless it is one: a plain table
 * named "program" whose schema holds "account" and "journal" of the same owner.
 */
extern void program_identify(Oid relid, ProgramRef *ref);

/* ERRCODE_INSUFFICIENT_PRIVILEGE unless the current user is the owner or may be */
extern void program_require_owner(const ProgramRef *ref);

/* OID of a relation of the program's schema; an error if there is none */
extern Oid	program_relation(const ProgramRef *ref, const char *relname);

/*
 * Acting as the program's owner, as a foreign-key trigger acts as the owner of
 * its table.  An error in between restores the user with the transaction.
 */
typedef struct RightsSave
{
	Oid			user;
	int			sec_context;
} RightsSave;

extern void rights_enter(Oid owner, int extra_sec_context, RightsSave *save);
extern void rights_leave(const RightsSave *save);

/* Sets a variable until the GUC nest level is left; see pin_scope.c. */
extern void set_local(const char *name, const char *value);

/* What names are looked up by wherever the engine reads SQL text. */
#define PINNED_SEARCH_PATH "pg_catalog, pg_temp"

/* Throws away what backends have cached of a program, at commit, everywhere. */
extern void program_invalidate(Oid program_relid);

/*
 * The program's now: set_clock's under a test clock, else clock_timestamp().
 * Writers raise it to the account's last posted_at themselves.
 */
extern TimestampTz program_now(const ProgramRef *ref);

#endif							/* LOYALTY_ENGINE_H */
