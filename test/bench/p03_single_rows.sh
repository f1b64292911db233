#!/bin/bash
# P3: purchases one at a time, each a transaction, 1 client and 8 clients; and 1
# client that does not wait for the disk, whose CPU is all the statement's own.
. "$(dirname "$0")/lib.sh"

declare -A file
for n in 1 8 off; do
	file[$n]=$(start_case "p03_$n")
done
for ((round = 1; round <= RUNS; round++)); do
	for v in $(variants bare limit set row ours); do
		note "p03 round $round: $v"
		busy "$v" "$MEMBERS"
		script=$(single_script "$v")
		read -ra known <<<"$(today run)"
		for n in 1 8; do
			clients run "$n" "$script" -T "$SECONDS_A_RUN" -D members="$MEMBERS" "${known[@]}"
			record "${file[$n]}" "$v" "$round" tps "$tps" cpu "$cpu" wal "$wal"
		done
		PGOPTIONS+=" -c synchronous_commit=off" clients run 1 "$script" -T "$SECONDS_A_RUN" -D members="$MEMBERS" "${known[@]}"
		record "${file[off]}" "$v" "$round" cpu "$cpu" tps "$tps" wal "$wal"
		check "$v" run "$([[ $v != limit ]] || echo uncapped)"
	done
done
report "${file[1]}" "P3 single purchases, 1 client" "tps|tps|%.0f;cpu|CPU us|%.0f;wal|WAL B|%.0f" "limit bare" \
	"ours|tps|>=|0.95|limit|1.05;ours|cpu|<=|1.1|limit|0.95"
report "${file[8]}" "P3 single purchases, 8 clients" "tps|tps|%.0f;cpu|CPU us|%.0f;wal|WAL B|%.0f" "limit bare" \
	"ours|tps|>=|0.95|limit|1.05;ours|cpu|<=|1.1|limit|0.95"
report "${file[off]}" "P3 the same, 1 client with synchronous_commit = off" "cpu|CPU us|%.0f;tps|tps|%.0f;wal|WAL B|%.0f" "limit bare" \
	"ours|cpu|<=|1.1|limit|0.95"
