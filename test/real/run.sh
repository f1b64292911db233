#!/bin/bash
# Whole purchase histories of real shops, in the folder LOYALTY_DATA (see the
# heads of the .sql files).  What the engine posts is compared with totals that
# plain SQL computes from the same rows.
set -uo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
data=$(cd "${LOYALTY_DATA:-../../../shared/data}" 2>/dev/null && pwd) || data=
status=0

# test FILE NEEDED...: runs FILE.sql in a database of its own
run() {
	local name=$1 f db=real_$1
	shift
	for f; do
		if [ -z "$data" ] || [ ! -r "$data/$f.csv.gz" ]; then
			echo "# skipped: $name (no $f.csv.gz in ${data:-${LOYALTY_DATA:-../shared/data}})"
			return
		fi
	done
	echo "# test file test/real/$name.sql"
	dropdb --if-exists --force "$db" 2>/dev/null
	createdb "$db"
	pg_prove --verbose -d "$db" --set data="$data" --set work="$work" "$name.sql" || status=1
	[ -n "${KEEP:-}" ] || dropdb --force "$db"
}

run online_retail online_retail online_retail_refund_links
run cdnow cdnow
run cdnow_tiers cdnow
run complete_journey complete_journey_transactions_sample complete_journey_products
exit $status
