#!/bin/bash
# A small shop by way of each driver that is installed: configuration, orders in
# batches, balances, spending, refusals, exact numbers.  Each driver has a
# database of its own and says the same things in its own way.
#
# psycopg and asyncpg are the system's packages (test/setup.sh installs them);
# JDBC runs where java and its driver are, node-postgres where node finds it
# (NODE_PATH).
set -uo pipefail
cd "$(dirname "$0")" || exit 1
status=0
jar=$(ls /usr/share/java/postgresql.jar 2>/dev/null)
python=/usr/bin/python3
[ -x "$python" ] || python=python3

# client NAME INSTALLED? COMMAND...: INSTALLED? is a command that tells
client() {
	local name=$1 there=$2 db=client_$1
	shift 2
	if ! sh -c "$there" >/dev/null 2>&1; then
		echo "# skipped: $name is not installed"
		return
	fi
	echo "# test file test/clients, driver $name"
	dropdb --if-exists --force "$db" 2>/dev/null
	createdb "$db"
	psql -X -q -d "$db" -c "CREATE EXTENSION loyalty" || status=1
	PGDATABASE=$db "$@" || { echo "not ok - $name ended early"; status=1; }
	dropdb --force "$db"
}

client psycopg "$python -c 'import psycopg'" "$python" shop_psycopg.py
client asyncpg "$python -c 'import asyncpg'" "$python" shop_asyncpg.py
client node_postgres "node -e 'require(\"pg\")'" node shop_node.js
client jdbc "java --version && test -r '$jar'" python3 relay.py java -cp "$jar" ShopJdbc.java
exit $status
