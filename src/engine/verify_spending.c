/*-------------------------------------------------------------------------
 *
 * verify_spending.c
 *	  What must be true of points that are set aside, spent and given back.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/verify.h"

const char *const spending_invariants[] = {

	/* an account knows what its lines have set aside, and out of which lots */
	"SELECT 'holds', coalesce(h.member_id, e.member_id)::text,"
	"  format('hold %s: the account has set aside %s points of unit %s, its lines %s',"
	"   coalesce(h.hold_no, e.operation_no), coalesce(h.points, 0),"
	"   coalesce(h.unit_no, e.unit_no), coalesce(e.points, 0))"
	" FROM (SELECT a.member_id, s.hold_no, s.unit_no, s.active_from, coalesce(s.expires_at, '-infinity') AS ending,"
	"   loyalty.sum(s.points)::numeric AS points"
	"  FROM @.account AS a CROSS JOIN LATERAL loyalty.account_holds_1(a.holds) AS s"
	"  WHERE a.holds IS NOT NULL{a.member_id} GROUP BY 1, 2, 3, 4, 5) AS h"
	" FULL JOIN (SELECT e.member_id, e.operation_no, e.unit_no, coalesce(e.active_from, e.occurred_at) AS active_from,"
	"   coalesce(e.expires_at, '-infinity') AS ending, - loyalty.sum(e.points)::numeric AS points"
	"  FROM @.entry AS e WHERE e.kind IN (5, 6){e.member_id} GROUP BY 1, 2, 3, 4, 5"
	"  HAVING loyalty.sum(e.points)::numeric <> 0) AS e"
	"  ON e.member_id = h.member_id AND e.operation_no = h.hold_no AND e.unit_no = h.unit_no"
	"   AND e.active_from = h.active_from AND e.ending = h.ending"
	" WHERE coalesce(h.points, 0) <> coalesce(e.points, 0)",

	/* a hold that is open has set aside what it says, any other nothing */
	"SELECT 'holds', o.member_id::text, format('hold %s is %s until %s, and has set aside %s of %s points',"
	"  o.operation_no, o.status, o.deadline, o.held, o.points)"
	" FROM (SELECT o.operation_no, o.member_id, o.status, o.deadline, o.points::numeric AS points,"
	"   o.status = 'held' AND o.deadline > a.last_at AS open, coalesce((SELECT loyalty.sum(s.points)::numeric"
	"    FROM loyalty.account_holds_1(a.holds) AS s WHERE s.hold_no = o.operation_no), 0) AS held"
	"  FROM @.operation AS o JOIN @.account AS a ON a.member_id = o.member_id"
	"  WHERE o.deadline IS NOT NULL{o.member_id}) AS o"
	" WHERE o.held <> CASE WHEN o.open THEN o.points ELSE 0 END",

	/* operations have spent, and given back, what their lines say */
	"SELECT 'operations', coalesce(o.member_id, e.member_id)::text,"
	"  format('operation %s has spent %s points, its lines %s',"
	"   coalesce(o.operation_no, e.operation_no), coalesce(o.spent, 0), coalesce(e.spent, 0))"
	" FROM (SELECT o.operation_no, o.member_id, o.spent::numeric AS spent FROM @.operation AS o"
	"  WHERE o.spent::numeric <> 0{o.member_id}) AS o"
	" FULL JOIN (SELECT e.member_id, e.operation_no, - loyalty.sum(e.points)::numeric AS spent"
	"  FROM @.entry AS e WHERE e.kind = 3 AND e.source_no IS NULL{e.member_id} GROUP BY 1, 2) AS e"
	"  ON e.operation_no = o.operation_no AND e.member_id = o.member_id"
	" WHERE coalesce(o.spent, 0) <> coalesce(e.spent, 0)",

	"SELECT 'operations', coalesce(o.member_id, e.member_id)::text,"
	"  format('operation %s has given back %s points, lines say %s',"
	"   coalesce(o.operation_no, e.operation_no), coalesce(o.returned, 0), coalesce(e.returned, 0))"
	" FROM (SELECT o.operation_no, o.member_id, o.returned::numeric AS returned FROM @.operation AS o"
	"  WHERE o.returned::numeric <> 0{o.member_id}) AS o"
	" FULL JOIN (SELECT e.member_id, coalesce(c.concerns, c.reverses) AS operation_no,"
	"   loyalty.sum(e.points)::numeric AS returned"
	"  FROM @.entry AS e JOIN @.operation AS c ON c.operation_no = e.operation_no"
	"  WHERE e.kind = 4{e.member_id} GROUP BY 1, 2) AS e"
	"  ON e.operation_no = o.operation_no AND e.member_id = o.member_id"
	" WHERE coalesce(o.returned, 0) <> coalesce(e.returned, 0)",
	NULL
};

const char *const transfer_invariant =

/* nobody receives what nobody sent; what goes back may have lapsed where it was */
"SELECT 'transfers', NULL, format('members received %s points of unit %s by operation %s more than were sent',"
"  e.received, e.unit_no, e.operation_no)"
" FROM (SELECT e.unit_no, e.operation_no,"
"   loyalty.sum(e.points)::numeric - coalesce(loyalty.sum(e.lapsed)::numeric, 0) AS received"
"  FROM @.entry AS e WHERE e.kind = 9 GROUP BY e.unit_no, e.operation_no) AS e"
" WHERE e.received <> 0";
