#!/bin/bash
# P11: UPDATEs of purchases that change nothing a rule reads, single and many
# in one statement, against the same without us.
. "$(dirname "$0")/lib.sh"

declare -A file
for n in 1 8; do
	file[$n]=$(start_case "p11_$n")
done
many=$(start_case p11_many)
rows=$((ROWS < HISTORY ? ROWS : HISTORY))
for ((round = 1; round <= RUNS; round++)); do
	for v in $(variants bare ours); do
		note "p11 round $round: $v"
		fresh "$v" 1000
		session run "$bench/sql/update_many.sql" -v rows="$rows"
		record "$many" "$v" "$round" time "$seconds" cpu "$(per "$cpu" "$rows")" wal "$(per "$wal" "$rows")" memory "$(per "$private_kb" 1024)"
		for n in 1 8; do
			clients run "$n" "$bench/sql/update.pgbench" -T "$SECONDS_A_RUN" -D history="$HISTORY"
			record "${file[$n]}" "$v" "$round" us "$(per "$((n * 1000000))" "$tps")" tps "$tps" cpu "$cpu" wal "$wal"
		done
		check "$v" run
	done
done
for n in 1 8; do
	report "${file[$n]}" "P11 UPDATE of one purchase, $n client$([[ $n == 1 ]] || echo s)" "us|us|%.0f;tps|tps|%.0f;cpu|CPU us|%.1f;wal|WAL B|%.0f" "bare" \
		"ours|us|<=|1.1|bare|;ours|cpu|<=|1.1|bare|"
done
report "$many" "P11 UPDATE of $rows purchases in one statement" "time|seconds|%.2f;cpu|CPU us/row|%.2f;wal|WAL B/row|%.0f;memory|private MB|%.0f" "bare" \
	"ours|time|<=|1.35|bare|1.2"
