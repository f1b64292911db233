#!/bin/bash
# P4: everybody buys on one account (a company card, hundreds of tills), when
# it has a member's usual history and when it has a long one.
. "$(dirname "$0")/lib.sh"

long=$((HISTORY / 5))
declare -A file
for what in short long; do
	file[$what]=$(start_case "p04_$what")
done
fall=$(start_case p04_fall)
load=$(start_case p04_load)
for ((round = 1; round <= RUNS; round++)); do
	for v in $(variants bare limit set row ours); do
		note "p04 round $round: $v"
		fresh "$v" 1000
		script=$(single_script "$v")
		read -ra known <<<"$(today run)"
		for what in short long; do
			if [[ $what == long ]]; then
				first=$tps
				# a long history comes in one statement
				case $v in
					limit | row) history=$bench/sql/hot_history_limit.sql ;;
					*) history=$bench/sql/hot_history.sql ;;
				esac
				# one by one it would take the row trigger minutes
				[[ $v != row ]] || sql run "ALTER TABLE shop.purchase DISABLE TRIGGER earn"
				session run "$history" -v rows="$long"
				[[ $v == row ]] || record "$load" "$v" "$round" us "$(per "${seconds/./}" "$long")" cpu "$(per "$cpu" "$long")" \
					memory "$(per "$private_kb" 1024)"
				[[ $v != row ]] || sql run "ALTER TABLE shop.purchase ENABLE TRIGGER earn"
				settle run
			fi
			clients run 8 "$script" -T "$SECONDS_A_RUN" -D members=1 "${known[@]}"
			record "${file[$what]}" "$v" "$round" tps "$tps" cpu "$cpu" wal "$wal"
		done
		record "$fall" "$v" "$round" kept "$(per "$tps" "$first")"
		check "$v" run "$([[ $v != limit ]] || echo uncapped)"
	done
done
report "${file[short]}" "P4 one hot account, 8 clients" "tps|tps|%.0f;cpu|CPU us|%.0f;wal|WAL B|%.0f" "limit bare" \
	"ours|tps|>=|0.9|limit|;ours|tps|>=|0.7|bare|"
report "${file[long]}" "P4 the same after $long purchases" "tps|tps|%.0f;cpu|CPU us|%.0f;wal|WAL B|%.0f" "limit bare" \
	"ours|tps|>=|0.9|limit|"
report "$fall" "P4 tps with a long history / with a short one" "kept|kept|%.2f" "" "ours|kept|>=|0.95||1"
report "$load" "P4 a history of $long purchases of one account in one statement" \
	"us|us/row|%.2f;cpu|CPU us/row|%.2f;memory|private MB|%.0f" "limit bare" "ours|us|<=|0.85|limit|0.6"
