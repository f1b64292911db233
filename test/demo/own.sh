# shellcheck shell=bash
# Sourced by run.sh: sales of your own, from a CSV file with a header line.
#
#   make demo DATA=sales.csv[.gz]
#
# One line is an order or a line of one.  The columns are found by their usual
# names (the list below); say which they are when they have other names:
#
#   make demo DATA=till.csv ORDER=receipt CUSTOMER=card TIME=sold AMOUNT=eur
#
#   ORDER      order or invoice number; without one every line is an order
#   CUSTOMER   customer, card or household; empty = guest, who earns nothing
#   TIME       day, or day and time
#   AMOUNT     money of the line, or
#   QUANTITY, PRICE   from which it is computed
#   ITEM       article; used to find what a return returns
#
# Other settings: ZONE=Europe/London (times are local there), CURRENCY=GBP,
# DATES=DMY (01.02.2024 is in February; default MDY; 2024-02-01 is always
# understood).  Negative amounts are returns: each is set against the
# customer's latest earlier purchases of the same article.

: "${ZONE:=UTC}" "${CURRENCY:=EUR}" "${DATES:=MDY}"

# the file comes in on standard input, plain or compressed, its header first
exec 3< <(gzip -dcf)
IFS= read -r header <&3 || { echo "$DATA is empty" >&2; exit 1; }
header=${header#$'\xef\xbb\xbf'}
header=${header%$'\r'}
delimiter=,
for d in ';' $'\t' '|'; do
	only=${header//[^$d]/} best=${header//[^$delimiter]/}
	[ ${#only} -le ${#best} ] || delimiter=$d
done

# column names: lower case, anything odd becomes _
IFS=$delimiter read -r -a raw <<<"$header"
names=()
for n in "${raw[@]}"; do
	n=${n//\"/}
	n=$(printf %s "$n" | sed -e 's/\([a-z]\)\([A-Z]\)/\1_\2/g' -e 's/[^A-Za-z0-9]\{1,\}/_/g' -e 's/^_//; s/_$//' | tr '[:upper:]' '[:lower:]')
	[ -n "$n" ] || n=column
	while [[ " ${names[*]} " == *" $n "* ]]; do n+=_; done
	names+=("$n")
done

# find WANTED NAME...: the column that is wanted, or else the first of the usual names that the file has
find_column() {
	local wanted=$1 n
	shift
	if [ -n "$wanted" ]; then
		wanted=$(printf %s "$wanted" | sed -e 's/\([a-z]\)\([A-Z]\)/\1_\2/g' -e 's/[^A-Za-z0-9]\{1,\}/_/g' | tr '[:upper:]' '[:lower:]')
		[[ " ${names[*]} " == *" $wanted "* ]] || { echo "$DATA has no column \"$wanted\"; it has: ${names[*]}" >&2; return 1; }
		set -- "$wanted"
	fi
	for n; do
		if [[ " ${names[*]} " == *" $n "* ]]; then printf %s "$n"; return; fi
	done
}
order=$(find_column "${ORDER:-}" order_id order_no order_number order invoice_id invoice_no invoice_number invoice basket_id receipt_id receipt_no receipt transaction_id)
customer=$(find_column "${CUSTOMER:-}" customer_id customer_no customer client_id client member_id member household_id user_id user card_no email)
time=$(find_column "${TIME:-}" ordered_at placed_at occurred_at sold_at order_date invoice_date purchase_date transaction_timestamp transaction_date sale_date timestamp datetime created_at date time day)
amount=$(find_column "${AMOUNT:-}" amount total order_total line_total total_price dollar_value sales_value value revenue sales)
quantity=$(find_column "${QUANTITY:-}" quantity qty number count units)
price=$(find_column "${PRICE:-}" unit_price price item_price price_each)
item=$(find_column "${ITEM:-}" stock_code sku item_id item_no item product_id product article description)
[ -z "${QUANTITY:-}${PRICE:-}" ] || [ -n "${AMOUNT:-}" ] || amount=
for missing in "CUSTOMER $customer" "TIME $time" "AMOUNT ${amount:-$price}"; do
	[[ $missing == *' '?* ]] || { echo "Which column of $DATA is ${missing% }? It has: ${names[*]}. Say: make demo DATA=$DATA ${missing% }=..." >&2; exit 1; }
done

title "Sales from ${DATA##*/}"
printf '  order: %s   customer: %s   time: %s   amount: %s\n' "${order:-every line}" "$customer" "$time" "${amount:-${quantity:+$quantity × }$price}"

# the amount as SQL
column() { [ -z "$1" ] && printf NULL || printf '"%s"' "$1"; }
money="shop.number($(column "${amount:-$price}"))"
[ -n "$amount" ] || [ -z "$quantity" ] || money+=" * shop.number($(column "$quantity"))"

columns=$(printf '"%s", ' "${names[@]}")
PGOPTIONS+=" -c timezone=$ZONE -c datestyle=ISO,$DATES"
run -f own.sql -c "CREATE UNLOGGED TABLE file.raw (line bigint GENERATED ALWAYS AS IDENTITY, ${columns//\", /\" text, } PRIMARY KEY (line))"
run -c "\\copy file.raw (${columns%, }) FROM pstdin (FORMAT csv, DELIMITER '$delimiter')" <&3
run -c "INSERT INTO file.sales
	SELECT line, coalesce($(column "$order"), line::text), nullif(trim($(column "$customer")), ''), $(column "$item"), $(column "$time")::timestamptz, $money
	FROM file.raw WHERE $(column "$time") <> '' AND $money IS NOT NULL ORDER BY line" ||
	{ echo "(If days and months are mixed up: make demo DATA=$DATA DATES=DMY.)" >&2; exit 1; }
run -At -v zone="$ZONE" -v currency="$CURRENCY" -f own_program.sql
