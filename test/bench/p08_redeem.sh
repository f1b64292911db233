#!/bin/bash
# P8: redeeming a reward with a stock, points first that end first, over 10,000
# members with 20 open lots each and over 100 of them, 8 clients: the writes
# alone, a PL/pgSQL function, ours, and ours set aside and captured.
. "$(dirname "$0")/lib.sh"

if [[ -n ${QUICK:-} ]]; then many=500 warm=20; else many=10000 warm=1000; fi

template_redeem_conv() {
	sql postgres "CREATE DATABASE $1"
	sql "$1" "CREATE EXTENSION pg_prewarm" 2>/dev/null || :
	psql -d "$1" -v members="$2" -f "$bench/sql/redeem_conventional.sql" >/dev/null
}
template_redeem_ours() {
	sql postgres "CREATE DATABASE $1"
	sql "$1" "CREATE EXTENSION pg_prewarm" 2>/dev/null || :
	psql -d "$1" -v members="$2" -v zone=$zone -f "$bench/sql/redeem_ours.sql" >/dev/null
}

declare -A file
for n in $many 100; do
	file[$n]=$(start_case "p08_$n")
done
for ((round = 1; round <= RUNS; round++)); do
	for n in $many 100; do
		for v in $(variants limit plpgsql ours ours_held); do
			note "p08 round $round: $v, $n members"
			case $v in
				limit | plpgsql) from "redeem_conv_$many" run ;;
				*) from "redeem_ours_$many" run ;;
			esac
			script=$bench/sql/redeem_${v#ours_}.pgbench
			# most pages have been written since the last checkpoint when it counts
			clients run 8 "$script" -t "$warm" -D members="$n"
			clients run 8 "$script" -T "$SECONDS_A_RUN" -D members="$n"
			record "${file[$n]}" "$v" "$round" tps "$tps" cpu "$cpu" wal "$wal"
			[[ $v != ours* ]] || [[ -z $(sql run "SELECT * FROM rewards.verify()") ]] || die "$v: the program is not sound"
		done
	done
done
for n in $many 100; do
	report "${file[$n]}" "P8 redemptions over $n members, 8 clients" "tps|tps|%.0f;cpu|CPU us|%.0f;wal|WAL B|%.0f" "limit plpgsql" \
		"ours|tps|>=|1|limit|;ours|cpu|<=|1|limit|;ours|tps|>=|1.4|plpgsql|2;ours_held|cpu|<=|1.6|ours|"
done
