/*-------------------------------------------------------------------------
 *
 * verify_catalogue.c
 *	  What must be true of redemptions, stock and bonuses.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/verify.h"

const char *const catalogue_invariants[] = {

	/* a redemption is what its operation has spent */
	"SELECT 'redemptions', x.member_id::text, v.detail"
	" FROM (SELECT coalesce(d.member_id, o.member_id) AS member_id,"
	"   coalesce(d.redemption_no, o.operation_no) AS id, d.redemption_no, o.operation_no,"
	"   (d.quantity - d.cancelled) * d.points::numeric AS points,"
	"   o.spent::numeric - o.returned::numeric AS spent, o.status,"
	"   d.held_until IS NOT NULL AS held, d.member_id <> o.member_id AS strange"
	"  FROM (SELECT * FROM @.redemption AS d WHERE true{d.member_id}) AS d"
	"   FULL JOIN (SELECT * FROM @.operation AS o"
	"    WHERE o.kind IN ('redeem', 'hold_reward', 'auto_redeem'){o.member_id}) AS o"
	"    ON o.operation_no = d.redemption_no) AS x"
	" CROSS JOIN LATERAL (VALUES"
	"  (x.operation_no IS NULL, format('redemption %s has no operation', x.id)),"
	"  (x.redemption_no IS NULL, format('operation %s has no redemption', x.id)),"
	"  (x.strange, format('redemption %s is of another member than its operation', x.id)),"
	"  (x.held <> (x.status IN ('held', 'released')),"
	"   format('redemption %s is %s, but its operation is %s', x.id,"
	"    CASE WHEN x.held THEN 'set aside' ELSE 'redeemed' END, x.status)),"
	"  (NOT x.held AND x.points <> x.spent, format('redemption %s is of %s points, but %s are spent',"
	"   x.id, x.points, x.spent))) AS v (violated, detail)"
	" WHERE v.violated",

	/* a bonus was claimed by a claim */
	"SELECT 'bonuses', b.member_id::text, format('bonus %s was claimed by operation %s, which is no claim of the member',"
	"  b.bonus_no, b.claimed_by)"
	" FROM @.bonus AS b LEFT JOIN @.operation AS o ON o.operation_no = b.claimed_by"
	" WHERE b.claimed_by IS NOT NULL{b.member_id}"
	"  AND (o.operation_no IS NULL OR o.kind <> 'claim' OR o.member_id <> b.member_id)",

	/* what is swept exists */
	"SELECT 'redemptions', NULL, format('reward %s is swept, but is not there or does not go by itself', s.reward_no)"
	" FROM @.reward_sweep AS s LEFT JOIN @.reward AS r ON r.reward_no = s.reward_no"
	" WHERE (r.auto_redeem AND r.enabled) IS NOT TRUE",

	NULL
};

/* what is left of a stock is what is not redeemed or set aside */
const char *const stock_invariant =
"SELECT 'stock', NULL, format('reward \"%s\" has a stock of %s, of which %s are left and %s gone',"
"  r.name, r.stock, s.room, d.gone)"
" FROM @.reward AS r"
" CROSS JOIN LATERAL (SELECT coalesce(sum(s.room), 0) AS room, coalesce(bool_or(s.room < 0), false) AS negative"
"  FROM @.reward_stock AS s WHERE s.reward_no = r.reward_no) AS s"
" CROSS JOIN LATERAL (SELECT coalesce(sum(d.quantity - d.cancelled), 0) AS gone FROM @.redemption AS d"
"  WHERE d.reward_no = r.reward_no AND (d.held_until IS NULL OR d.stock_slot IS NOT NULL)) AS d"
" WHERE r.stock IS NOT NULL AND (s.negative OR s.room + d.gone <> r.stock)";
