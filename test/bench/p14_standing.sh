#!/bin/bash
# P14: where members stand: one of them against his balance, and all of a million
# against reading their accounts, by one process and by several.
. "$(dirname "$0")/lib.sh"
have_loyalty || exit 0

template_standing() {
	sql postgres "CREATE DATABASE $1"
	sql "$1" "CREATE EXTENSION pg_prewarm" 2>/dev/null || :
	psql -d "$1" -v members="$2" -v zone=$zone -f "$bench/sql/standing.sql" >/dev/null
}

from "standing_$MANY_ROWS" run
for n in 1 8; do
	file=$(start_case "p14_one_$n")
	for ((round = 1; round <= RUNS; round++)); do
		for v in balance one tier; do
			note "p14 $n clients, round $round: $v"
			clients run "$n" "$bench/sql/standing_$v.pgbench" -T "$SECONDS_A_RUN" -D members="$MANY_ROWS"
			record "$file" "$v" "$round" us "$(per "$((n * 1000000))" "$tps")" tps "$tps" cpu "$cpu"
		done
	done
	report "$file" "P14 standing of one member in two groups, $n client$([[ $n == 1 ]] || echo s)" "us|us|%.1f;tps|tps|%.0f;cpu|CPU us|%.1f" "balance" \
		"one|us|<=|2|balance|1.5;one|cpu|<=|2|balance|1.5"
done

# the planner sees to it that the view is scanned by several: else this says so
parallel="SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;"
plan=$(sql run "$parallel" "EXPLAIN (COSTS off) $(cat "$bench/sql/standing_view_inside.sql")")
grep -q 'Parallel Seq Scan on account' <<<"$plan" || die "the view is not scanned in parallel: $plan"

# rows that somebody gets, and rows that are only counted
for how in '' _inside; do
	file=$(start_case "p14_all$how")
	for ((round = 1; round <= RUNS; round++)); do
		for v in accounts view; do
			note "p14 all$how, round $round: $v"
			session run "$bench/sql/standing_$v$how.sql"
			record "$file" "$v" "$round" seconds "$seconds" cpu "$(per "$cpu" "$MANY_ROWS")"
		done
	done
done
report "$results/p14_all.tsv" "P14 standing of all $MANY_ROWS members in two groups, beside the rows of their accounts" \
	"seconds|seconds|%.2f;cpu|CPU us/member|%.2f" "accounts" "view|seconds|<=|3|accounts|;view|cpu|<=|3|accounts|"
report "$results/p14_all_inside.tsv" "P14 the same, rows only counted" "seconds|seconds|%.2f;cpu|CPU us/member|%.2f" "accounts" ""
