#!/bin/bash
# P9: the rules alone: every purchase judged again by 20 rules with conditions,
# nothing written, against a sequential scan with the same conditions in SQL.
. "$(dirname "$0")/lib.sh"
have_loyalty || exit 0

template_rules() {
	HISTORY=$2 from "history_$2" "$1"
	psql -d "$1" -v expires='12 months to end of month' -v zone=$zone -f "$bench/sql/program.sql" -f "$bench/sql/rules.sql" >/dev/null
	sql "$1" "CALL rewards.backfill('purchases')" >/dev/null
}
template_history() { HISTORY=$2 template_shop "$1" 0; }

from "rules_$MANY_ROWS" run
# the same conditions and rates as one expression
scan=$BENCH_WORK/scan.sql
sql run "SELECT 'SET TimeZone = ''$zone''; SELECT sum(floor('
		|| string_agg(format('CASE WHEN %s THEN amount / %s ELSE 0 END', condition, split_part(earn::text, ' per ', 2)), ' + ')
		|| ')) FROM shop.purchase;'
	FROM rewards.rule WHERE name LIKE 'rule %'" >"$scan"
file=$(start_case p09)
for ((round = 1; round <= RUNS; round++)); do
	for v in scan ours; do
		note "p09 round $round: $v"
		script=$scan
		[[ $v == scan ]] || script=$bench/sql/reprice.sql
		session run "$script"
		record "$file" "$v" "$round" time "$seconds" us "$(per "${seconds/./}" "$MANY_ROWS")" cpu "$(per "$cpu" "$MANY_ROWS")" \
			memory "$(per "$private_kb" 1024)"
	done
done
report "$file" "P9 $MANY_ROWS purchases judged by 20 rules" \
	"time|seconds|%.2f;us|us/row|%.2f;cpu|CPU us/row|%.2f;memory|private MB|%.0f" "scan" "ours|time|<=|2|scan|1.2"
