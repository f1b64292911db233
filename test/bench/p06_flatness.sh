#!/bin/bash
# P6: a purchase and a balance read of a member with 10, 1,000 and 1,000,000
# purchases behind him, each of them an open lot of its own in two units that
# expire to the second; then thousands of them, in any order of time, in one
# statement, and a correction of all these.
. "$(dirname "$0")/lib.sh"
have_loyalty || exit 0

# SIZE:MEMBERS, each group from a million on
groups=(10:200 1000:20 "$MANY_ROWS:1")

template_flat() {
	local g first=1
	from ours_sec_1000 "$1"
	for g in "${groups[@]}"; do
		psql -d "$1" -v first="$((first * 1000000))" -v members="${g#*:}" -v purchases="${g%:*}" \
			-f "$bench/sql/flat_history.sql"
		first=$((first + 1))
	done
}

purchases=$(start_case p06_purchase)
reads=$(start_case p06_read)
statement=$(start_case p06_statement)
n=$((SECONDS_A_RUN * 300))
rows=$((ROWS / 20))
for ((round = 1; round <= RUNS; round++)); do
	note "p06 round $round"
	from "flat_$MANY_ROWS" run
	for what in warm measure; do
		# each round begins with another group
		for ((i = 0; i < 3; i++)); do
			k=$(((i + round) % 3))
			g=${groups[k]}
			first=$(((k + 1) * 1000000))
			range=(-D "first=$first" -D "last=$((first + ${g#*:} - 1))")
			if [[ $what == warm ]]; then
				clients run 1 "$bench/sql/flat_purchase.pgbench" -t "$((n / 4))" "${range[@]}"
				clients run 1 "$bench/sql/flat_read.pgbench" -t "$n" "${range[@]}"
			else
				clients run 1 "$bench/sql/flat_purchase.pgbench" -t "$n" "${range[@]}"
				record "$purchases" "${g%:*}" "$round" us "$(per 1000000 "$tps")" cpu "$cpu" wal "$wal"
				clients run 1 "$bench/sql/flat_read.pgbench" -t "$((n * 10))" "${range[@]}"
				record "$reads" "${g%:*}" "$round" us "$(per 1000000 "$tps")" cpu "$cpu"
			fi
		done
	done
	for ((i = 0; i < 3; i++)); do
		k=$(((i + round) % 3))
		g=${groups[k]}
		for what in flat_statement flat_correction; do
			session run "$bench/sql/$what.sql" -v rows="$rows" -v member="$(((k + 1) * 1000000))"
			record "$statement" "${g%:*}:${what#flat_}" "$round" us "$(per "${seconds/./}" "$rows")" cpu "$(per "$cpu" "$rows")"
		done
	done
	check ours run
done
report "$purchases" "P6 a purchase of a member with so many behind him" "us|us|%.0f;cpu|CPU us|%.0f;wal|WAL B|%.0f" "10" \
	"1000|us|<=|1.2|10|1.05;$MANY_ROWS|us|<=|1.2|10|1.05;$MANY_ROWS|cpu|<=|1.2|10|1.05"
report "$reads" "P6 a balance read of a member with so many purchases" "us|us|%.0f;cpu|CPU us|%.0f" "10" \
	"1000|us|<=|1.2|10|1.05;$MANY_ROWS|us|<=|1.2|10|1.05;$MANY_ROWS|cpu|<=|1.2|10|1.05"
report "$statement" "P6 each of $rows purchases of one member in one statement, and of their corrections" \
	"us|us/row|%.1f;cpu|CPU us/row|%.1f" "10:statement 10:correction" \
	"1000:statement|cpu|<=|1.5|10:statement|1.2;$MANY_ROWS:statement|cpu|<=|1.5|10:statement|1.2"
