#!/bin/bash
# The demo is a test: the sample shop in small, and sales of one's own in the
# shapes that people's files have.
set -uo pipefail
: "${LOYALTY_WORK:?run this by: make test SUITES=demo}"
cd "$(dirname "$0")" || exit 1
export DEMO_CLUSTER=demo-test
unset PGOPTIONS
number=0 failed=0 dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# is WHAT CAME EXPECTED
is() {
	number=$((number + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $number - $1"
	else
		failed=1
		echo "not ok $number - $1"
		printf '# expected: %s\n# came:     %s\n' "${3//$'\n'/$'\n'#           }" "${2//$'\n'/$'\n'#           }"
		sed 's/^/#     /' "$dir/out"
	fi
}

ask() { ../cluster.sh psql "$DEMO_CLUSTER" -XAtq -c "$1"; }
demo() { env "$@" ./run.sh >"$dir/out" 2>&1; }
balances="SELECT string_agg(member_id || ' ' || trim_scale(available - debt), ', ' ORDER BY member_id) FROM rewards.balances WHERE unit = 'points'"

demo CUSTOMERS=300 </dev/null
is "the sample shop" "$? $(grep -o 'verify(): [a-z]*' "$dir/out")" "0 verify(): sound"
is "it earns, gives back, and lets points lapse" \
	"$(ask "SELECT string_agg(DISTINCT kind, ' ' ORDER BY kind) FROM rewards.history WHERE unit = 'points'")" "earn expire hold redeem release revoke"
is "whose points are enough for a tier holds it or a higher one, and there are some in each" \
	"$(ask "SELECT count(DISTINCT s.tier), count(*) FILTER (WHERE coalesce(h.rank, 0) < q.rank), count(*) FILTER (WHERE s.tier IS NULL) > 0
		FROM rewards.standing s LEFT JOIN rewards.tier h ON h.name = s.tier JOIN rewards.balances b ON b.member_id = s.member_id AND b.unit = 'status',
			LATERAL (SELECT coalesce(max(rank), 0) AS rank FROM rewards.tier WHERE threshold <= b.available) q")" "3|0|t"
is "an order that comes late lifts its member from its own instant on" \
	"$(ask "SELECT count(*), bool_and(rewards.tier_at(member_id, at => occurred_at - interval '1 second') IS DISTINCT FROM tier AND rewards.tier_at(member_id, at => occurred_at) = tier)
		FROM rewards.tier_history WHERE cause = 'late row' AND posted_at = '2026-07-01 10:00 Europe/Berlin' AND occurred_at = '2026-05-12 11:00 Europe/Berlin'")" "1|t"
standing="SELECT string_agg(member_id || ' ' || coalesce(tier, 'none'), ', ' ORDER BY member_id) || ', ' || (SELECT string_agg(threshold::text, ' ' ORDER BY rank) FROM rewards.tier) FROM rewards.standing"

# as the best known public data set has it: quantity times price, returns as negative lines, a guest
cat >"$dir/retail.csv" <<'CSV'
InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
536365,85123A,"HANGING HEART, WHITE",6,12/1/2010 8:26,2.55,17850,United Kingdom
536365,71053,METAL LANTERN,6,12/1/2010 8:26,3.39,17850,United Kingdom
536366,22633,HAND WARMER,6,12/1/2010 8:28,1.85,17851,United Kingdom
536367,22745,POPPY'S PLAYHOUSE,10,12/2/2010 8:34,2.10,,United Kingdom
C536368,71053,METAL LANTERN,-2,12/3/2010 9:00,3.39,17850,United Kingdom
CSV
demo DATA="$dir/retail.csv" <"$dir/retail.csv"
is "quantity times price, with a return" "$? $(grep -o 'verify(): [a-z]*' "$dir/out") $(ask "$balances")" "0 verify(): sound 17850 128, 17851 111"
is "tiers of which the file says the thresholds" "$(ask "$standing")" "17850 Bronze, 17851 none, 3 4 5"

# as a till in Europe writes it, compressed, with names of its own
printf '\xef\xbb\xbf%s\r\n' 'Beleg;"Karte";Datum;Betrag EUR' | cat - <(printf '%s\r\n' '1;a;01.02.2024 10:00;1.234,50' '2;b;13.02.2024;19,99' '2;b;13.02.2024;0,02') | gzip >"$dir/kasse.csv.gz"
demo DATA="$dir/kasse.csv.gz" ORDER=Beleg CUSTOMER=Karte TIME=Datum AMOUNT='Betrag EUR' DATES=DMY ZONE=Europe/Berlin <"$dir/kasse.csv.gz"
is "semicolons, decimal commas, days first" "$? $(ask "$balances") $(ask 'SELECT min(sold_at AT TIME ZONE '"'UTC'"') FROM shop.sales')" "0 a 1334, b 120 2024-02-01 09:00:00"

# no order number: every line is an order
printf '%s\n' 'line_no,customer_id,purchase_date,number_of_cds,dollar_value' '1,00001,1997-01-01,1,11.77' '2,00001,1997-01-12,1,12.00' >"$dir/cds.csv"
demo DATA="$dir/cds.csv" <"$dir/cds.csv"
is "lines that are orders" "$? $(ask "$balances")" "0 00001 123"

printf '%s\n' 'a,b' '1,2' >"$dir/odd.csv"
demo DATA="$dir/odd.csv" <"$dir/odd.csv"
is "a file whose columns cannot be told" "$? $(tail -n 1 "$dir/out")" \
	"1 Which column of $dir/odd.csv is CUSTOMER? It has: a b. Say: make demo DATA=$dir/odd.csv CUSTOMER=..."

../cluster.sh stop "$DEMO_CLUSTER"
echo "1..$number"
exit $failed
