/* -------- bookkeeping -------- */

CREATE FUNCTION @program@.book_due("limit" integer DEFAULT NULL)
	RETURNS bigint
	LANGUAGE sql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT loyalty.book_due_1('@program@.program'::regclass, $1);
END;
REVOKE ALL ON FUNCTION @program@.book_due(integer) FROM PUBLIC;
COMMENT ON FUNCTION @program@.book_due(integer) IS
	'Writes into the ledger what has fallen due: expiries and repayments of debt, and redeems automatic rewards that members can afford now, of at most so many members. Returns how many it has booked or looked at: 0 when there is nothing left. No balance depends on it; any scheduler may call it, any number at once.';

CREATE FUNCTION @program@.verify(member @member@ DEFAULT NULL)
	RETURNS TABLE (invariant text, member_id @member@, detail text)
	LANGUAGE sql STABLE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT v.invariant, v.member_id::@member@, v.detail
	FROM loyalty.verify_1('@program@.program'::regclass, $1) AS v;
END;
REVOKE ALL ON FUNCTION @program@.verify(@member@) FROM PUBLIC;
COMMENT ON FUNCTION @program@.verify(@member@) IS
	'Whatever violates an invariant of the ledger, of one member or all; no rows when all is sound. Changes nothing and needs no pause of the writers. Invariants: state (an account is the sum of its lines), sequence (lines are numbered without gaps), lots, repayment, due, pages, members, operations, holds, transfers, redemptions, stock, bonuses, counters (purchases and spend), events (lines belong to postings), caps, budgets, tiers (where accounts stand is what was written of them, and what their lines are enough for), codes (uses and reservations of codes, and points they granted), wiring (triggers of sources), entitlement (events whose rows exist have posted what they are entitled to: this judges every event again).';
