/*-------------------------------------------------------------------------
 *
 * verify_vouchers.c
 *	  What must hold of codes: their uses, and the points they granted.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/verify.h"

/* a code counts its uses, and what of its balance is spent */
#define COUNTED \
	"SELECT 'codes', NULL, format('code %s counts %s uses, %s spent and %s added, but %s uses were made, %s spent and %s added'," \
	"  loyalty.code_text(v.code), v.uses, coalesce(v.spent, 0), coalesce(v.added, 0), coalesce(u.n, 0), coalesce(u.spent, 0)," \
	"  coalesce(u.added, 0))" \
	" FROM @.voucher AS v JOIN @.voucher_pool AS p ON p.pool_no = v.pool_no" \
	" FULL JOIN (SELECT u.code, count(*) FILTER (WHERE u.state = 'redeemed') AS n," \
	"   sum(u.discount - coalesce(u.returned, 0)) FILTER (WHERE u.state IN ('redeemed', 'cancelled')) AS spent," \
	"   sum(u.amount - coalesce(u.returned, 0))" \
	"    FILTER (WHERE u.discount IS NULL AND u.state IN ('topped up', 'cancelled')) AS added" \
	"  FROM @.voucher_use AS u GROUP BY u.code) AS u ON u.code = v.code" \
	" WHERE v.uses IS DISTINCT FROM coalesce(u.n, 0)" \
	"  OR (p.gives = 'balance' AND (coalesce(v.spent, 0) <> coalesce(u.spent, 0)" \
	"   OR coalesce(v.added, 0) <> coalesce(u.added, 0)))"

/* never more than there is, reservations included */
#define LIMITED \
	"SELECT 'codes', NULL, format('code %s is used %s times, reserved %s times and may be used %s times; %s of %s are spent'," \
	"  loyalty.code_text(v.code), v.uses, r.n, p.uses, coalesce(v.spent, 0), v.value + coalesce(v.added, 0))" \
	" FROM @.voucher AS v JOIN @.voucher_pool AS p ON p.pool_no = v.pool_no CROSS JOIN @.program AS g" \
	" CROSS JOIN LATERAL (SELECT CASE WHEN v.reserved_until > loyalty.clock_1(g.test_clock, g.clock) THEN" \
	"   (SELECT count(*) FROM @.voucher_use AS u WHERE u.code = v.code AND u.state = 'reserved'" \
	"     AND u.reserved_until > loyalty.clock_1(g.test_clock, g.clock)) ELSE 0 END AS n) AS r" \
	" WHERE CASE WHEN p.gives = 'balance' THEN v.spent > v.value + coalesce(v.added, 0) OR v.spent < 0 OR v.added < 0 OR r.n > 1 OR v.value IS NULL" \
	"  ELSE v.uses + r.n > p.uses OR v.uses < 0 END"

/* open reservations are known to their codes */
#define RESERVED \
	"SELECT 'codes', NULL, format('reservation %s of code %s lasts until %s, which the code does not know'," \
	"  u.operation_no, loyalty.code_text(u.code), u.reserved_until)" \
	" FROM @.voucher_use AS u CROSS JOIN @.program AS g LEFT JOIN @.voucher AS v ON v.code = u.code" \
	" WHERE u.state = 'reserved' AND u.reserved_until > loyalty.clock_1(g.test_clock, g.clock)" \
	"  AND (v.reserved_until >= u.reserved_until) IS NOT TRUE"

/* whoever has a code, it is not in stock; and every code has a pool */
#define STOCK \
	"SELECT 'codes', v.member_id::text, format('code %s is in stock, and has been given, used or voided', loyalty.code_text(v.code))" \
	" FROM @.voucher AS v WHERE v.in_stock" \
	"  AND (v.uses > 0 OR v.given_at IS NOT NULL OR v.voided_at IS NOT NULL OR v.redemption_no IS NOT NULL)" \
	" UNION ALL " \
	"SELECT 'codes', NULL, format('code %s has no pool', loyalty.code_text(v.code))" \
	" FROM @.voucher AS v LEFT JOIN @.voucher_pool AS p ON p.pool_no = v.pool_no WHERE p.pool_no IS NULL"

/* an open hold has the codes that it set aside */
#define HELD \
	"SELECT 'codes', d.member_id::text, format('redemption %s has set %s codes aside until %s, but is %s'," \
	"  coalesce(d.redemption_no, v.held_for), coalesce(v.n, 0), coalesce(v.until, d.held_until)," \
	"  CASE WHEN d.redemption_no IS NULL THEN 'not on hold' ELSE format('on hold with %s pieces until %s', d.pieces, d.held_until) END)" \
	" FROM (SELECT v.held_for, count(*) AS n, count(*) FILTER (WHERE v.in_stock) AS in_stock," \
	"   min(v.held_until) AS since, max(v.held_until) AS until" \
	"  FROM @.voucher AS v CROSS JOIN @.program AS g" \
	"  WHERE v.held_until > loyalty.clock_1(g.test_clock, g.clock) GROUP BY v.held_for) AS v" \
	" FULL JOIN (SELECT d.redemption_no, d.member_id, d.held_until, d.quantity - d.cancelled AS pieces" \
	"  FROM @.redemption AS d CROSS JOIN @.program AS g WHERE d.codes_held AND d.cancelled < d.quantity" \
	"   AND d.held_until > loyalty.clock_1(g.test_clock, g.clock)) AS d ON d.redemption_no = v.held_for" \
	" WHERE CASE WHEN d.redemption_no IS NULL THEN v.in_stock > 0" \
	"  ELSE v.in_stock IS DISTINCT FROM d.pieces OR v.since <> d.held_until OR v.until <> d.held_until END" \
	" UNION ALL " \
	"SELECT 'codes', NULL, format('code %s is set aside, but not for whom and until when', loyalty.code_text(v.code))" \
	" FROM @.voucher AS v WHERE (v.held_for IS NULL) <> (v.held_until IS NULL)"

/* points that codes granted are in the ledger, and taken back if the use was undone */
#define GRANTED \
	"SELECT 'codes', u.member_id::text, format('use %s of a code granted %s points, the ledger has %s%s'," \
	"  u.operation_no, u.points, coalesce(e.points, 0)," \
	"  CASE WHEN r.operation_no IS NOT NULL THEN ', which were taken back' END)" \
	" FROM @.voucher_use AS u" \
	" LEFT JOIN (SELECT e.member_id, e.operation_no, sum(e.points::numeric) AS points FROM @.entry AS e" \
	"   WHERE e.operation_no IS NOT NULL AND e.kind = 8 GROUP BY e.member_id, e.operation_no) AS e" \
	"  ON e.member_id = u.member_id AND e.operation_no = u.operation_no" \
	" LEFT JOIN @.operation AS r ON r.reverses = u.operation_no" \
	" WHERE u.points IS NOT NULL AND u.state IN ('redeemed', 'cancelled')" \
	"  AND (e.points IS DISTINCT FROM u.points OR (u.state = 'cancelled') <> (r.operation_no IS NOT NULL))"

/* calls and uses belong together */
#define CALLED \
	"SELECT 'codes', o.member_id::text, format('operation %s of kind %s has no use of a code', o.operation_no, o.kind)" \
	" FROM @.operation AS o LEFT JOIN @.voucher_use AS u ON u.operation_no = o.operation_no" \
	" WHERE o.kind IN ('redeem_code', 'reserve_code', 'give_code', 'top_up_code', 'deposit_code') AND u.operation_no IS NULL" \
	" UNION ALL " \
	"SELECT 'codes', u.member_id::text, format('use %s of a code belongs to no operation', u.operation_no)" \
	" FROM @.voucher_use AS u LEFT JOIN @.operation AS o ON o.operation_no = u.operation_no" \
	" WHERE o.operation_no IS NULL" \
	" UNION ALL " \
	"SELECT 'codes', v.member_id::text, format('code %s was drawn for redemption %s, which does not exist'," \
	"  loyalty.code_text(v.code), v.redemption_no)" \
	" FROM @.voucher AS v LEFT JOIN @.operation AS o ON o.operation_no = v.redemption_no" \
	" WHERE v.redemption_no IS NOT NULL AND o.operation_no IS NULL"

/* of a redemption's codes those of pieces that were cancelled are void, and were not used */
#define DRAWN \
	"SELECT 'codes', d.member_id::text, format('redemption %s has %s pieces left, %s codes, of which %s are good or were used'," \
	"  d.redemption_no, d.quantity - d.cancelled, coalesce(v.n, 0), coalesce(v.good, 0))" \
	" FROM @.redemption AS d LEFT JOIN (SELECT v.redemption_no, count(*) AS n," \
	"   count(*) FILTER (WHERE v.voided_at IS NULL OR v.uses > 0 OR v.added > 0) AS good" \
	"  FROM @.voucher AS v WHERE v.redemption_no IS NOT NULL GROUP BY v.redemption_no) AS v" \
	"  ON v.redemption_no = d.redemption_no" \
	" WHERE d.code IS NOT NULL AND (v.n >= d.quantity - d.cancelled AND v.good <= d.quantity - d.cancelled) IS NOT TRUE" \
	" UNION ALL " \
	"SELECT 'codes', v.member_id::text, format('code %s does not say when it was voided, and by which call', loyalty.code_text(v.code))" \
	" FROM @.voucher AS v WHERE (v.voided_at IS NULL) <> (v.voided_by IS NULL)"

/* see verify.h */
const char *const voucher_invariants[] = {COUNTED, LIMITED, RESERVED, STOCK, HELD, DRAWN, GRANTED, CALLED, NULL};
