#!/bin/bash
# P7: reading one member's balance, against looking up the account's row.
. "$(dirname "$0")/lib.sh"
have_loyalty || exit 0

from "ours_1000" run
for n in 1 8; do
	file=$(start_case "p07_$n")
	for ((round = 1; round <= RUNS; round++)); do
		for v in lookup balance view; do
			note "p07 $n clients, round $round: $v"
			clients run "$n" "$bench/sql/balance_$v.pgbench" -T "$SECONDS_A_RUN" -D members="$MEMBERS"
			record "$file" "$v" "$round" us "$(per "$((n * 1000000))" "$tps")" tps "$tps" cpu "$cpu"
		done
	done
	report "$file" "P7 one member's balance, $n client$([[ $n == 1 ]] || echo s)" "us|us|%.1f;tps|tps|%.0f;cpu|CPU us|%.1f" "lookup" \
		"balance|us|<=|1.5|lookup|1.1;balance|cpu|<=|1.5|lookup|1.1"
done
