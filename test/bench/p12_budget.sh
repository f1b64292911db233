#!/bin/bash
# P12: every purchase claims from one campaign's budget, 8 clients, against
# the same without a budget; beside it the limit with one row for the budget.
. "$(dirname "$0")/lib.sh"

# nobody has a cap of his own here: each purchase claims
template_nocap() {
	from "ours_$2" "$1"
	sql "$1" "UPDATE rewards.rule SET max_per_member = NULL, cap_period = NULL WHERE name = 'category'"
}
template_budget() {
	from "nocap_$2" "$1"
	sql "$1" "UPDATE rewards.rule SET budget = 1000000000 WHERE name = 'category'"
}

file=$(start_case p12)
for ((round = 1; round <= RUNS; round++)); do
	for v in $(variants limit limit_budget ours ours_budget); do
		note "p12 round $round: $v"
		case $v in
			limit*)
				from "conv_$MEMBERS" run
				psql -d run -f "$(bulk_script insert limit)"
				sql run "CREATE TABLE conv.budget (id integer PRIMARY KEY, used bigint NOT NULL) WITH (fillfactor = 20)" \
					"INSERT INTO conv.budget VALUES (1, 0)"
				;;
			ours) from "nocap_$MEMBERS" run ;;
			ours_budget) from "budget_$MEMBERS" run ;;
		esac
		[[ $v == limit* ]] || psql -d run -f "$(bulk_script insert ours)"
		# always a category that the campaign pays for
		claim='s/^.set category .*/\\set category 1/'
		[[ $v != limit_budget ]] ||
			claim+='; s/^WITH /WITH b AS (UPDATE conv.budget SET used = used + :bonus WHERE id = 1), /'
		sed "$claim" "$(single_script "${v%_budget}")" >"$BENCH_WORK/claim.pgbench"
		read -ra known <<<"$(today run)"
		clients run 8 "$BENCH_WORK/claim.pgbench" -T "$SECONDS_A_RUN" -D members="$MEMBERS" "${known[@]}"
		record "$file" "$v" "$round" tps "$tps" cpu "$cpu" wal "$wal"
		check "${v%_budget}" run uncapped
	done
done
report "$file" "P12 one budget for everybody, 8 clients" "tps|tps|%.0f;cpu|CPU us|%.0f;wal|WAL B|%.0f" "ours limit" \
	"ours_budget|tps|>=|0.7|ours|0.9"
