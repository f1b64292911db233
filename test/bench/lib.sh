# Shared by the benchmarks: databases, measuring, tables.  Sourced by each of
# them; test/bench/run gives it a cluster.
# shellcheck shell=bash
set -euo pipefail
unset CDPATH
bench=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)

# ---- sizes; all can be set from outside ----

if [[ -n ${QUICK:-} ]]; then
	: "${RUNS:=1}" "${SECONDS_A_RUN:=1}" "${MEMBERS:=500}" "${HISTORY:=5000}" "${ROWS:=2000}" "${MANY_ROWS:=5000}"
else
	: "${RUNS:=5}" "${SECONDS_A_RUN:=4}" "${MEMBERS:=50000}" "${HISTORY:=500000}" "${ROWS:=200000}" "${MANY_ROWS:=1000000}"
fi
export PGOPTIONS="-c client_min_messages=warning"
zone=Europe/Warsaw
: "${BENCH_WORK:?is set by test/bench/run}"
results=$BENCH_WORK/results
mkdir -p "$results"

say() { printf '%s\n' "$*"; }
note() { printf '%s %s\n' "$(date +%T)" "$*" >&2; }
die() { printf '%s\n' "$*" >&2; exit 1; }

# ---- databases ----

psql() { command psql -XAtqv ON_ERROR_STOP=1 "$@"; }

# sql DB STATEMENT... : prints what it returns
sql() {
	local db=$1 s args=()
	shift
	for s; do args+=(-c "$s"); done
	psql -d "$db" "${args[@]}"
}

have_loyalty() { [[ -n $(sql postgres "SELECT 1 FROM pg_available_extensions WHERE name = 'loyalty'") ]]; }

# variants VARIANT... : prints them, without ours where the extension is not installed
variants() {
	local v
	for v; do
		[[ $v == ours* ]] && ! have_loyalty && continue
		[[ -n ${ONLY:-} && " $ONLY " != *" $v "* ]] && continue
		printf '%s ' "$v"
	done
}

exists() { [[ -n $(sql postgres "SELECT 1 FROM pg_database WHERE datname = '$1'") ]]; }

# copy TEMPLATE DB : a fresh DB like TEMPLATE, in shared buffers, all of it on disk
copy() {
	sql postgres "DROP DATABASE IF EXISTS $2" "CREATE DATABASE $2 TEMPLATE $1 STRATEGY file_copy"
	sql postgres "SELECT format('ALTER DATABASE $2 SET %s = %L;', split_part(s, '=', 1), substr(s, strpos(s, '=') + 1))
		FROM pg_db_role_setting, unnest(setconfig) s WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = '$1')" |
		psql -d postgres
	warm "$2"
}

# warm DB : reads it into shared buffers and writes out what is dirty
warm() {
	sql "$1" "SELECT count(pg_prewarm(oid)) FROM pg_class WHERE relkind IN ('r', 'i', 't') AND oid >= 16384" >/dev/null 2>&1 || :
	sql "$1" CHECKPOINT
}

# settle DB : what autovacuum would have done by now
settle() { sql "$1" "VACUUM (FREEZE, ANALYZE)" CHECKPOINT; }

# template NAME : makes the template database NAME if it is not there yet, by
# calling template_NAME (or, NAME being WHAT_SIZE, template_WHAT SIZE)
template() {
	local name=$1 what=${1%_[0-9]*} size=
	[[ $what == "$name" ]] || size=${name##*_}
	exists "$name" && return
	note "making $name"
	sql postgres "DROP DATABASE IF EXISTS making"
	"template_$what" making "$size"
	settle making
	sql postgres "ALTER DATABASE making RENAME TO $name"
}

# from TEMPLATE DB : DB starts as a copy of that template
from() {
	template "$1"
	copy "$1" "$2"
}

# the shop with its history, and the purchases to come
template_shop() {
	local db=$1 batch=$2
	sql postgres "CREATE DATABASE $db"
	sql "$db" "CREATE EXTENSION pg_prewarm" 2>/dev/null || :
	psql -d "$db" -v history="$HISTORY" -v batch="$batch" -v members="$MEMBERS" -v zone=$zone -f "$bench/sql/purchases.sql" >/dev/null
}

template_bare() {
	from "shop_$2" "$1"
	sql "$1" "DROP TABLE shop.known_history"
}

template_conv() {
	from "shop_$2" "$1"
	psql -d "$1" -f "$bench/sql/conventional_tables.sql" -f "$bench/sql/conventional_history.sql" \
		-f "$bench/sql/conventional_indexes.sql" >/dev/null
	sql "$1" "DROP TABLE shop.known_history"
}

# ours: points expire at the end of a month; ours_sec: to the second, so that
# each purchase is a lot of its own
template_ours() { make_ours "$1" "$2" '12 months to end of month'; }
template_ours_sec() { make_ours "$1" "$2" '12 months'; }

make_ours() {
	from "shop_$2" "$1"
	psql -d "$1" -v expires="$3" -v zone=$zone -f "$bench/sql/program.sql" >/dev/null
	[[ ${TIERS:-0} == 0 ]] || psql -d "$1" -f "$bench/sql/tiers.sql"
	sql "$1" "CALL rewards.backfill('purchases')" "DROP TABLE shop.known_history" >/dev/null
}

# fresh VARIANT SIZE : a fresh database "run" for a variant
fresh() {
	case $1 in
		bare) from "bare_$2" run ;;
		limit | lines) from "conv_$2" run ;;
		set | row)
			from "conv_$2" run
			psql -d run -f "$bench/sql/$1_trigger.sql"
			;;
		ours | ours_sec) from "$1_$2" run ;;
		*) die "no such variant: $1" ;;
	esac
}

# bulk_script HOW VARIANT : the script of p01 that loads what is to come
bulk_script() {
	local script=$bench/sql/bulk_$1_$2.sql
	[[ -e $script ]] || script=$bench/sql/bulk_$1.sql
	printf '%s' "$script"
}

# single_script VARIANT : the pgbench script of one purchase
single_script() {
	local script=$bench/sql/single_$1.pgbench
	[[ -e $script ]] || script=$bench/sql/single.pgbench
	printf '%s' "$script"
}

# busy VARIANT SIZE : a fresh database in the midst of its work: purchases of
# as many as SIZE have been made since the last checkpoint, so that most pages
# need no further image in the WAL
busy() {
	fresh "$1" "$2"
	psql -d run -f "$(bulk_script insert "$1")"
}

# ---- measuring ----

# record FILE VARIANT ROUND METRIC VALUE [METRIC VALUE...]
record() {
	local file=$1 variant=$2 round=$3
	shift 3
	while (($# > 1)); do
		printf '%s\t%s\t%s\t%s\n' "$variant" "$round" "$1" "$2" >>"$file"
		shift 2
	done
}

# session DB SCRIPT [PSQL-ARG...] : runs a psql script in one session and sets
# seconds, cpu (us), wal (bytes), wal_from and wal_to, private_kb and resident_kb (peaks)
# shellcheck disable=SC2034
session() {
	local db=$1 script=$2 took
	shift 2
	took=$(PROBE=$bench/probe.sh PROBED=$BENCH_WORK/probe psql -d "$db" -v script="$script" "$@" -f "$bench/session.psql" | tail -n 1)
	IFS='|' read -r seconds wal wal_from wal_to <<<"$took"
	read -r cpu private_kb resident_kb <"$BENCH_WORK/probe"
}

# CPU of all the cluster's processes, those that are gone too, in microseconds;
# and how many are running
server_cpu() {
	{ cat /proc/[0-9]*/stat 2>/dev/null || :; } | awk -v server="$BENCH_PID" -v tick="$(getconf CLK_TCK)" '
		{
			pid = $1
			sub(/^.*\) /, "")
			if (pid == server) t += $12 + $13 + $14 + $15
			else if ($2 == server) { t += $12 + $13; n++ }
		}
		END { printf "%.0f %d\n", t * 1000000 / tick, n }'
}

# clients DB CLIENTS SCRIPT [PGBENCH-ARG...] : runs pgbench and sets tps,
# latency (ms), cpu and wal (us and bytes a transaction), transactions
# shellcheck disable=SC2034
clients() {
	local db=$1 n=$2 script=$3 log=$BENCH_WORK/pgbench.log before after running now start jobs
	shift 3
	jobs=$((n < $(nproc) ? n : $(nproc)))
	start=$(sql "$db" "SELECT pg_current_wal_insert_lsn()")
	settle_down
	read -r before running <<<"$(server_cpu)"
	pgbench -n -M prepared -c "$n" -j "$jobs" -f "$script" "$@" "$db" >"$log" 2>&1 ||
		{ cat "$log" >&2; die "pgbench failed"; }
	grep -q 'number of failed transactions: 0 ' "$log" || { cat "$log" >&2; die "transactions failed"; }
	settle_down "$running"
	read -r after now <<<"$(server_cpu)"
	tps=$(sed -n 's/^tps = \([0-9.]*\).*/\1/p' "$log")
	latency=$(sed -n 's/^latency average = \([0-9.]*\).*/\1/p' "$log")
	transactions=$(sed -n 's/^number of transactions actually processed: \([0-9]*\).*/\1/p' "$log")
	cpu=$(per "$((after - before))" "$transactions")
	wal=$(per "$(sql "$db" "SELECT pg_current_wal_insert_lsn() - '$start'::pg_lsn")" "$transactions")
}

# waits until backends that are done have gone (or are as many as told)
settle_down() {
	local want=${1:-} was now i
	was=
	for ((i = 0; i < 100; i++)); do
		read -r _ now <<<"$(server_cpu)"
		[[ -n $want && $now -le $want ]] && return
		[[ -z $want && $now == "$was" ]] && return
		was=$now
		sleep 0.05
	done
}

per() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.3f", b ? a / b : 0 }'; }

# report FILE TITLE COLUMNS REFS MUSTS : see report.awk
report() {
	[[ -e $1 ]] || return 0
	awk -v title="$2" -v columns="$3" -v refs="$4" -v musts="$5" -v verdicts="$BENCH_WORK/verdicts" -f "$bench/report.awk" "$1"
}

# start_case NAME : empties the case's results and prints the file's name
start_case() {
	local file=$results/$1.tsv
	: >"$file"
	printf '%s' "$file"
}

# ---- right results ----

# check VARIANT DB [uncapped] : every member has what the purchases that are
# there earn, and every balance is the sum of its ledger.  "uncapped": the
# variant may have paid a bonus beyond the member's cap.
check() {
	local bad points="l.points = e.points"
	[[ ${3:-} != uncapped ]] || points="l.points BETWEEN e.points AND e.points_uncapped"
	case $1 in
		bare) return ;;
		limit | lines | set | row)
			bad=$(sql "$2" "
				SELECT count(*) FROM shop.expected e
				FULL JOIN conv.account a USING (member_id)
				FULL JOIN (SELECT member_id, sum(points) FILTER (WHERE unit = 1) AS points,
							sum(points) FILTER (WHERE unit = 2) AS status FROM conv.ledger GROUP BY 1) l USING (member_id)
				WHERE (a.points, a.status) IS DISTINCT FROM (l.points, l.status)
					OR (e.status = l.status AND $points) IS NOT TRUE")
			;;
		ours*)
			bad=$(sql "$2" "
				SELECT count(*) FROM shop.expected e
				FULL JOIN (SELECT member_id, sum(available_exact + pending - debt) FILTER (WHERE unit = 'points') AS points,
							sum(available_exact + pending - debt) FILTER (WHERE unit = 'status') AS status
						FROM rewards.balances GROUP BY 1) a USING (member_id)
				FULL JOIN (SELECT member_id, sum(points::numeric) FILTER (WHERE name = 'points') AS points,
							sum(points::numeric) FILTER (WHERE name = 'status') AS status
						FROM rewards.entry JOIN rewards.unit USING (unit_no) GROUP BY 1) l USING (member_id)
				WHERE (a.points, a.status) IS DISTINCT FROM (l.points, l.status)
					OR (e.status = l.status AND $points) IS NOT TRUE")
			;;
	esac
	[[ $bad == 0 ]] || die "$1: $bad members have other points than they should"
}

# today DB : arguments of pgbench for purchases made in the last six days of the
# shop's time, with what a variant without logic knows of them
today() {
	sql "$1" "SELECT format('-D since_today=%s -D month=%s -D points_until=%s -D status_until=%s',
			extract(epoch FROM now() - shop.today()), shop.month(shop.today()),
			to_json(((shop.month(shop.today()) + interval '13 months') AT TIME ZONE '$zone') AT TIME ZONE 'UTC')#>>'{}',
			to_json(((shop.today() AT TIME ZONE '$zone' + interval '12 months') AT TIME ZONE '$zone') AT TIME ZONE 'UTC')#>>'{}')"
}
