#!/bin/bash
# P5: posting purchases that were there before the program, and the memory it
# takes.  The limit writes ledger and accounts from results already known.
. "$(dirname "$0")/lib.sh"

# a shop whose purchases are all history, with the program attached or the
# conventional tables empty
template_unposted() {
	local db=$1
	HISTORY=$2 from "history_$2" "$db"
	if have_loyalty; then
		psql -d "$db" -v expires='12 months to end of month' -v zone=$zone -f "$bench/sql/program.sql" >/dev/null
		[[ ${TIERS:-0} == 0 ]] || psql -d "$db" -f "$bench/sql/tiers.sql"
	fi
	psql -d "$db" -f "$bench/sql/conventional_tables.sql" -f "$bench/sql/conventional_indexes.sql" >/dev/null
}
template_history() { HISTORY=$2 template_shop "$1" 0; }

backfill() {
	local size=$1 file v round
	shift
	file=$(start_case "p05_$size")
	for ((round = 1; round <= RUNS; round++)); do
		for v in $(variants "$@"); do
			note "p05 $size, round $round: $v"
			from "unposted_$size" run
			session run "$bench/sql/backfill_$v.sql"
			record "$file" "$v" "$round" us "$(per "${seconds/./}" "$size")" seconds "$seconds" \
				cpu "$(per "$cpu" "$size")" wal "$(per "$wal" "$size")" \
				memory "$(per "$private_kb" 1024)" resident "$(per "$resident_kb" 1024)"
			check "$v" run
		done
	done
	report "$file" "P5 backfill of $size purchases, $MEMBERS members" \
		"us|us/row|%.2f;seconds|seconds|%.1f;cpu|CPU us/row|%.2f;wal|WAL B/row|%.0f;memory|private MB|%.0f;resident|peak RSS MB|%.0f" \
		"limit" "ours|us|<=|0.85|limit|0.6;ours|memory|<=|256||"
}

backfill "$MANY_ROWS" limit ours
[[ -z ${FULL:-} ]] || RUNS=1 backfill $((10 * MANY_ROWS)) ours
