#!/bin/bash
# P1: many purchases in one statement, INSERT ... SELECT and COPY.
. "$(dirname "$0")/lib.sh"

# the files that COPY reads, for a batch of SIZE
copy_files() {
	files=$BENCH_DATA/bench_$1
	[[ ! -e $files.ledger ]] || return 0
	from "shop_$1" run
	sql run "COPY (SELECT id, customer_id, placed_at, category, amount FROM shop.stage ORDER BY id) TO '$files.purchases'" \
		"COPY (SELECT k.customer_id, k.id, k.placed_at, l.until, l.points, l.points, l.bonus, l.unit, l.rule
			FROM shop.stage k CROSS JOIN LATERAL (VALUES
				(k.base + k.weekend + k.bonus, k.bonus, 1, 1, k.points_until),
				(k.status, 0, 2, 4, k.status_until)) l (points, bonus, unit, rule, until)
			ORDER BY k.id) TO '$files.ledger'"
}

# bulk insert|copy SIZE VARIANT...
bulk() {
	local how=$1 size=$2 file v round
	shift 2
	file=$(start_case "p01_${how}_$size")
	copy_files "$size"
	for ((round = 1; round <= RUNS; round++)); do
		for v in $(variants "$@"); do
			note "p01 $how $size, round $round: $v"
			fresh "$v" "$size"
			session run "$(bulk_script "$how" "$v")" -v purchases="$files.purchases" -v ledger="$files.ledger"
			record "$file" "$v" "$round" time "$seconds" rate "$(per "$size" "$seconds")" cpu "$(per "$cpu" "$size")" \
				wal "$(per "$wal" "$size")" memory "$(per "$private_kb" 1024)"
			check "$v" run
		done
	done
	report "$file" "P1 $how of $size purchases into $HISTORY, $MEMBERS members" \
		"time|seconds|%.2f;rate|rows/s|%.0f;cpu|CPU us/row|%.2f;wal|WAL B/row|%.0f;memory|private MB|%.0f" \
		"limit lines bare" "ours|time|<=|0.85|limit|0.6;ours|cpu|<=|0.85|limit|0.6;ours_sec|time|<=|0.85|limit|0.6;ours_sec|cpu|<=|0.85|limit|0.6"
}

bulk insert "$ROWS" bare limit lines set row ours ours_sec
bulk copy "$ROWS" bare limit set row ours
if [[ -n ${FULL:-} ]]; then
	bulk insert "$MANY_ROWS" bare limit lines set row ours ours_sec
else
	bulk insert "$MANY_ROWS" bare limit ours
fi
bulk copy "$MANY_ROWS" bare limit ours
