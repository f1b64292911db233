#!/bin/sh
# Installs what is missing on this machine: setup.sh demo | test
#
# With everything in place it does nothing and needs no rights.  On Debian and
# Ubuntu it installs packages with apt (as root, or through sudo).  It starts
# no PostgreSQL server and makes no cluster: what exists is not touched.
# PG_CONFIG=/path/to/pg_config makes it use a server of your own.
set -eu
cd "$(dirname "$0")/.."
for_what=${1:-test}

say() { printf '%s\n' "$*" >&2; }
has() { command -v "$1" >/dev/null 2>&1; }

# what is missing: one "thing package" a line, @ standing for the server's major version
missing() {
	pg=$(test/cluster.sh pg_config) || printf '%s\n' 'PostgreSQL postgresql-@' 'its-build-files postgresql-server-dev-@'
	has cc || echo 'compiler build-essential'
	has gzip || echo 'gzip gzip'
	[ "$for_what" = test ] || return 0
	has python3 || echo 'python3 python3'
	# drivers whose tests are left out elsewhere
	! has apt-get || /usr/bin/python3 -c 'import psycopg' 2>/dev/null || echo 'psycopg python3-psycopg'
	! has apt-get || /usr/bin/python3 -c 'import asyncpg' 2>/dev/null || echo 'asyncpg python3-asyncpg'
	has pg_prove || echo 'pg_prove libtap-parser-sourcehandler-pgtap-perl'
	perl -MIPC::Run -e1 2>/dev/null || echo 'IPC::Run libipc-run-perl'
	perl -MTest::More -e1 2>/dev/null || echo 'Test::More perl'
	[ -n "$pg" ] && [ -e "$("$pg" --sharedir)/extension/pgtap.control" ] || echo 'pgTAP postgresql-@-pgtap'
}

lack=$(missing)
[ -n "$lack" ] || exit 0
things=$(printf '%s\n' "$lack" | cut -d' ' -f1 | tr '\n' ' ')

if ! has apt-get; then
	say "Missing on this machine: $things"
	say "Install them with your package manager (PostgreSQL 15 or newer with its development files),"
	say "or name your server with PG_CONFIG=/path/to/pg_config, and run the command again."
	exit 1
fi
if [ "$(id -u)" = 0 ]; then
	sudo=
elif has sudo; then
	sudo=sudo
else
	say "Missing on this machine: $things"
	say "Installing them needs root and there is no sudo here: have root run $(pwd)/test/setup.sh $for_what"
	exit 1
fi

say "Installing what is missing: $things"
log=$(mktemp)
# no "main" cluster is made by the packages while this file exists
drop=/etc/postgresql-common/createcluster.d/50-loyalty-setup.conf
trap '$sudo rm -f "$drop"; rm -f "$log"' EXIT
quietly() {
	$sudo env DEBIAN_FRONTEND=noninteractive "$@" </dev/null >"$log" 2>&1 || { tail -n 30 "$log" >&2; say "failed: $*"; exit 1; }
}
quietly apt-get update

# the version: that of the server in use, else the one this system installs by default
version=$(pg=$(test/cluster.sh pg_config) && "$pg" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/') ||
	version=$(apt-cache depends postgresql | sed -n 's/.*Depends: *postgresql-\([0-9]*\)$/\1/p' | sort -n | tail -n 1)
if [ "${version:-0}" -lt 15 ]; then
	say "This system offers PostgreSQL ${version:-none}; loyalty needs 15 or newer."
	say "Add the packages of the PostgreSQL project (package postgresql-common: /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh),"
	say "or name a server of your own with PG_CONFIG=/path/to/pg_config, and run the command again."
	exit 1
fi
packages=$(printf '%s\n' "$lack" | cut -d' ' -f2 | sed "s/@/$version/" | sort -u)

$sudo mkdir -p "${drop%/*}"
echo 'create_main_cluster = false' | $sudo tee "$drop" >/dev/null
# shellcheck disable=SC2086
quietly apt-get install -y --no-install-recommends $packages
case $packages in
	*"postgresql-$version"*) say "(No server was started; \`sudo pg_createcluster $version main --start' makes one when you want it.)" ;;
esac
