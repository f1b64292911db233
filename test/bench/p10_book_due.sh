#!/bin/bash
# P10: booking what is due, in a program with a million members and in a small
# one: first 1,000 members have a lot that is over, then 10,000 others.
. "$(dirname "$0")/lib.sh"
have_loyalty || exit 0

few=$((MANY_ROWS / 1000)) many=$((MANY_ROWS / 100)) small=$((MANY_ROWS / 50))

# one purchase for each of SIZE members, in a program whose clock is ours
template_due() {
	sql postgres "CREATE DATABASE $1"
	sql "$1" "CREATE EXTENSION pg_prewarm" 2>/dev/null || :
	psql -d "$1" -v members="$2" -v few="$few" -v many="$many" -v zone=$zone -f "$bench/sql/due.sql" >/dev/null
}

file=$(start_case p10)
for ((round = 1; round <= RUNS; round++)); do
	for size in "$small" "$MANY_ROWS"; do
		note "p10 round $round: $size members"
		from "due_$size" run
		for step in "none 12:30" "$few 13:30" "$many 14:30"; do
			printf "SELECT rewards.set_clock('2030-06-15 %s Europe/Warsaw');\n" "${step#* }" | psql -d run >/dev/null
			sql run CHECKPOINT
			session run "$bench/sql/book_due.sql"
			record "$file" "$size:${step% *}" "$round" ms "$(per "${seconds/./}" 1000)" cpu "$(per "$cpu" 1000)" wal "$(per "$wal" 1024)"
		done
		booked=$(sql run "SELECT count(DISTINCT member_id) FROM rewards.entry WHERE kind = 7")
		[[ $booked == $((few + many)) ]] || die "booked for $booked members instead of $((few + many))"
	done
done
report "$file" "P10 book_due, members in the program : members with something due" \
	"ms|ms|%.1f;cpu|CPU ms|%.1f;wal|WAL kB|%.0f" "$small:$few $MANY_ROWS:$few" \
	"$MANY_ROWS:$few|ms|<=|1.5|$small:$few|1.1;$MANY_ROWS:$many|ms|<=|12|$MANY_ROWS:$few|"
