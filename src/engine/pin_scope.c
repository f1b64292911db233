/*-------------------------------------------------------------------------
 *
 * pin_scope.c
 *	  The settings and rights that pinned expressions are evaluated with.
 *
 * Whatever the session has set, results are the same; and whatever an
 * expression's functions set, the session keeps its own.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "miscadmin.h"
#include "utils/bytea.h"
#include "utils/float.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "engine/pin.h"

static void register_callbacks(void);
static void xact_callback(XactEvent event, void *arg);
static void subxact_callback(SubXactEvent event, SubTransactionId mySubid,
							 SubTransactionId parentSubid, void *arg);
static void leave_scopes(int nest_level);
static void restore_settings(const PinScope *scope);

/*
 * Scopes that have been entered and not left, outermost first: what to restore
 * when a (sub)transaction aborts within.
 */
static PinScope *open_scopes = NULL;
static int	nscopes = 0;
static int	max_scopes = 0;


/*
 * Asks to be told of aborts.
 */
static void
register_callbacks(void)
{
	static bool registered = false;

	if (registered)
		return;
	RegisterXactCallback(xact_callback, NULL);
	RegisterSubXactCallback(subxact_callback, NULL);
	registered = true;
}

/*
 * The end of a transaction.
 */
static void
xact_callback(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_PARALLEL_ABORT)
		leave_scopes(0);
}

/*
 * The end of a subtransaction.
 */
static void
subxact_callback(SubXactEvent event, SubTransactionId mySubid,
				 SubTransactionId parentSubid, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		leave_scopes(GetCurrentTransactionNestLevel());
}

/*
 * Leaves scopes that were entered in a (sub)transaction that aborts, or deeper.
 * The server itself restores what it knows of: rights and GUC nest levels.
 */
static void
leave_scopes(int nest_level)
{
	while (nscopes > 0 && open_scopes[nscopes - 1].nest_level >= nest_level)
		restore_settings(&open_scopes[--nscopes]);
}

/*
 * Begins evaluation; see pin.h.
 */
void
pin_enter(Oid owner, struct pg_tz *zone, bool builtin, PinScope *scope)
{
	register_callbacks();

	scope->session_zone = session_timezone;
	scope->date_style = DateStyle;
	scope->date_order = DateOrder;
	scope->interval_style = IntervalStyle;
	scope->float_digits = extra_float_digits;
	scope->bytea_format = bytea_output;
	scope->guc_level = 0;
	scope->depth = nscopes;
	scope->nest_level = GetCurrentTransactionNestLevel();

	if (nscopes == max_scopes)
	{
		int			more = Max(8, max_scopes * 2);

		if (open_scopes == NULL)
			open_scopes = MemoryContextAlloc(TopMemoryContext, more * sizeof(PinScope));
		else
			open_scopes = repalloc(open_scopes, more * sizeof(PinScope));
		max_scopes = more;
	}
	open_scopes[nscopes++] = *scope;

	rights_enter(owner, SECURITY_RESTRICTED_OPERATION, &scope->rights);

	if (!builtin)
	{
		/*
		 * Real settings: a function that sets one for itself would otherwise
		 * restore the session's when it returns.  Those that are right
		 * already stay, unless they are only lent by a scope around this one.
		 */
		bool		trust = scope->depth == 0;

		scope->guc_level = NewGUCNestLevel();
		if (strcmp(namespace_search_path, PINNED_SEARCH_PATH) != 0)
			set_local("search_path", PINNED_SEARCH_PATH);
		if (zone != NULL && !(trust && session_timezone == zone))
			set_local("TimeZone", pg_get_timezone_name(zone));
		if (!(trust && DateStyle == USE_ISO_DATES && DateOrder == DATEORDER_MDY))
			set_local("DateStyle", "ISO, MDY");
		if (!(trust && IntervalStyle == INTSTYLE_POSTGRES))
			set_local("IntervalStyle", "postgres");
		if (!(trust && extra_float_digits == 1))
			set_local("extra_float_digits", "1");
		if (!(trust && bytea_output == BYTEA_OUTPUT_HEX))
			set_local("bytea_output", "hex");
	}
	else
	{
		if (zone != NULL)
			session_timezone = zone;
		DateStyle = USE_ISO_DATES;
		DateOrder = DATEORDER_MDY;
		IntervalStyle = INTSTYLE_POSTGRES;
		extra_float_digits = 1;
		bytea_output = BYTEA_OUTPUT_HEX;
	}
}

/*
 * Sets a variable until the GUC nest level is left.
 */
void
set_local(const char *name, const char *value)
{
	set_config_option(name, value, PGC_USERSET, PGC_S_SESSION,
					  GUC_ACTION_SAVE, true, 0, false);
}

/*
 * Ends evaluation; see pin.h.
 */
void
pin_leave(PinScope *scope)
{
	/* the abort of a subtransaction may have left it already */
	if (nscopes <= scope->depth)
		return;
	if (scope->guc_level > 0)
		AtEOXact_GUC(false, scope->guc_level);
	restore_settings(scope);
	nscopes = scope->depth;
	rights_leave(&scope->rights);
}

/*
 * Gives the session its settings back.
 */
static void
restore_settings(const PinScope *scope)
{
	session_timezone = scope->session_zone;
	DateStyle = scope->date_style;
	DateOrder = scope->date_order;
	IntervalStyle = scope->interval_style;
	extra_float_digits = scope->float_digits;
	bytea_output = scope->bytea_format;
}
