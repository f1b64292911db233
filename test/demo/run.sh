#!/bin/bash
# make demo                        a sample shop with a loyalty program, on a private cluster
# make demo DATA=sales.csv[.gz]    the same reports on sales of your own: see own.sh
#
# CUSTOMERS=20000 SEED=1 choose another sample.
set -euo pipefail
: "${LOYALTY_WORK:?run this by: make demo}"
cd "$(dirname "$0")"

run() { psql -X -q -v ON_ERROR_STOP=1 -P pager=off -P footer=off -P null=- -P linestyle=unicode "$@"; }
title() { printf '\n%s\n%s\n' "$*" "${*//?/─}"; }

cluster=${DEMO_CLUSTER:-demo}
../cluster.sh start "$cluster"
eval "$(../cluster.sh env "$cluster")"
began=$(date +%s)

# a superuser installs the extension; all else is done by who owns the shop
run -c "CREATE EXTENSION loyalty" -c "CREATE ROLE shopkeeper" -c "GRANT CREATE ON DATABASE postgres TO shopkeeper"
export PGOPTIONS="-c role=shopkeeper -c client_min_messages=warning -c timezone=Europe/Berlin"

if [ -n "${DATA:-}" ]; then
	# shellcheck source=test/demo/own.sh
	. ./own.sh
	names=
	title "Month by month, as it happened: orders become points"
	run -At -f own_replay.sql
else
	title "A coffee shop in Berlin, and its last two years"
	run -At -v customers="${CUSTOMERS:=20000}" -v seed="${SEED:-1}" -f shop.sql
	title "It starts a loyalty program (test/demo/program.sql), and its history becomes points"
	run -At -v customers="$CUSTOMERS" -f program.sql
	for s in orders:orders lines:order_lines reviews:reviews; do
		run -At -v source="${s%%:*}" -v relation="shop.${s##*:}" -f backfill.sql
	done
	title "June comes in, day by day"
	run -At -f june.sql
	title "A morning at the till"
	member=$(run -At -c "SELECT member_id FROM rewards.balances WHERE unit = 'points' ORDER BY earned DESC, member_id OFFSET 9 LIMIT 1")
	run -v member="$member" -f live.sql
fi

title "Reports"
[ -n "${member:-}" ] || member=$(run -At -c "SELECT member_id FROM rewards.history WHERE kind = 'revoke' GROUP BY 1 ORDER BY count(*) DESC, member_id LIMIT 1")
[ -n "$member" ] || member=$(run -At -c "SELECT member_id FROM rewards.balances ORDER BY earned DESC, member_id LIMIT 1")
run -v member="$member" -v names="${names-p.name AS \"name\",}" -f report.sql

title "Is all of this right?"
run -At -f sound.sql

cat <<END

Done in $(($(date +%s) - began)) seconds. The server keeps running, in $LOYALTY_WORK/clusters/$cluster.

  look around      test/cluster.sh psql demo
                   SELECT * FROM rewards.balances LIMIT 10;
                   SELECT * FROM rewards.statement('$member', 'points');
                   SELECT rewards.set_clock('...');     the demo's clock: see points start and lapse
  stop, remove     test/cluster.sh stop demo
  your own sales   make demo DATA=sales.csv     (columns and settings: test/demo/own.sh)
END
