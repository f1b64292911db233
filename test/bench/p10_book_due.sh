#!/bin/bash
# P10: booking what is due, in a program with a million members and in a small
# one: first 1,000 members have a lot that is over, then 10,000 others.
#
# Those who are due are scattered: 1,000 of a million lie in 1,000 pages of each
# table and index, of 20,000 in a few hundred. Right after a checkpoint, as at
# night, each page goes whole to the WAL when it is first changed ("images"),
# which says how many pages there are, not what booking costs: so what is
# compared is measured without. What must not grow with the members is what is
# done, told by the WAL written for 1,000 of them; the time of that is shown, and
# holds the misses of the caches in so many more pages.
. "$(dirname "$0")/lib.sh"
have_loyalty || exit 0

few=$((MANY_ROWS / 1000)) many=$((MANY_ROWS / 100)) small=$((MANY_ROWS / 50))

# one purchase for each of SIZE members, in a program whose clock is ours
template_due() {
	sql postgres "CREATE DATABASE $1"
	sql "$1" "CREATE EXTENSION pg_prewarm" 2>/dev/null || :
	psql -d "$1" -v members="$2" -v few="$few" -v many="$many" -v zone=$zone -f "$bench/sql/due.sql" >/dev/null
}

# full_page_writes on|off : for all to come
full_page_writes() {
	sql postgres "ALTER SYSTEM SET full_page_writes = $1" "SELECT pg_reload_conf()" CHECKPOINT >/dev/null
}

file=$(start_case p10)
for ((round = 1; round <= RUNS; round++)); do
	for size in "$small" "$MANY_ROWS"; do
		for images in on off; do
			note "p10 round $round: $size members, full_page_writes $images"
			from "due_$size" run
			full_page_writes $images
			for step in "none 12:30" "$few 13:30" "$many 14:30"; do
				printf "SELECT rewards.set_clock('2030-06-15 %s Europe/Warsaw');\n" "${step#* }" | psql -d run >/dev/null
				sql run CHECKPOINT
				session run "$bench/sql/book_due.sql"
				what=$size:${step% *}
				[[ $images == off ]] || what=$size:${step% *}:images
				record "$file" "$what" "$round" ms "$(per "${seconds/./}" 1000)" cpu "$(per "$cpu" 1000)" wal "$(per "$wal" 1024)"
			done
			booked=$(sql run "SELECT count(DISTINCT member_id) FROM rewards.entry WHERE kind = 7")
			[[ $booked == $((few + many)) ]] || die "booked for $booked members instead of $((few + many))"
		done
	done
done
full_page_writes on
report "$file" "P10 book_due, members in the program : members with something due" \
	"ms|ms|%.1f;cpu|CPU ms|%.1f;wal|WAL kB|%.0f" "$small:$few $MANY_ROWS:$few" \
	"$MANY_ROWS:$few|wal|<=|1.1|$small:$few|;$MANY_ROWS:$many|ms|<=|12|$MANY_ROWS:$few|"
