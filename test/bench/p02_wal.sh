#!/bin/bash
# P2: bytes of WAL per purchase of a bulk load.
#
# Right after a checkpoint, with full page writes on: "images" are the pages
# written out in full on their first change, "records" everything else.  The
# variant "lines" writes as many ledger lines as the engine: one per purchase,
# unit and rule.
. "$(dirname "$0")/lib.sh"

# wal_stats FROM TO : prints KIND RECORDS-BYTES IMAGES-BYTES a line, kinds as
# the server's resource managers, and Total
wal_stats() {
	pg_waldump --stats -p "$BENCH_DATA/pg_wal" -s "$1" -e "$2" 2>/dev/null | sed 's/([^)]*)//g' |
		awk '$1 == "Total" { sub(/\[[^]]*\]/, "", $0); gsub(/\[[^]]*\]/, ""); print $1, $3, $4; next }
			NF == 5 && $2 + 0 > 0 { print $1, $3, $4 }'
}

file=$(start_case p02_wal)
kinds=$results/p02_kinds.tsv
: >"$kinds"
for ((round = 1; round <= (RUNS > 2 ? 2 : RUNS); round++)); do
	for v in $(variants bare limit lines ours ours_sec); do
		note "p02 round $round: $v"
		fresh "$v" "$ROWS"
		session run "$(bulk_script insert "$v")"
		record "$file" "$v" "$round" wal "$(per "$wal" "$ROWS")"
		while read -r kind records images; do
			if [[ $kind == Total ]]; then
				record "$file" "$v" "$round" records "$(per "$records" "$ROWS")" images "$(per "$images" "$ROWS")"
			else
				record "$kinds" "$v" "$round" "$kind" "$(per "$((records + images))" "$ROWS")"
			fi
		done < <(wal_stats "$wal_from" "$wal_to")
	done
done
report "$file" "P2 WAL of an INSERT of $ROWS purchases into $HISTORY" \
	"wal|bytes/purchase|%.0f;records|records|%.0f;images|images|%.0f" "lines limit bare" \
	"ours|wal|<=|0.8|lines|0.5;ours_sec|wal|<=|0.8|lines|0.5"
report "$kinds" "P2 by kind of record, bytes per purchase" \
	"Heap|Heap|%.0f;Heap2|Heap2|%.0f;Btree|Btree|%.0f;Sequence|Sequence|%.0f;XLOG|XLOG|%.0f;Transaction|Transaction|%.0f" "" ""
