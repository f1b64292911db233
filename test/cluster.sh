#!/bin/bash
# A private, throwaway PostgreSQL in the checkout's folder tmp/.
#
#   cluster.sh with SCRIPT [ARG...]   builds the extension as it stands in this checkout, installs
#                                     it into a private copy of the server, and runs SCRIPT with it
#   cluster.sh start NAME [SETTING=VALUE...]   a new, empty cluster (an old one of that name goes)
#   cluster.sh psql NAME [ARG...]     psql on it
#   cluster.sh stop NAME              stops it and removes its files
#   cluster.sh pg_config              the server's pg_config that is used
#
# Nothing outside tmp/ changes: the server's programs are copied, they find
# their files from where they stand, so the extension goes into the copy.
# Clusters listen on a socket in a folder that only their owner may enter, on
# no port.  A server refuses to run as root: then everything happens as user
# postgres, in tmp/ if that user can reach it, else below /var/tmp.
set -euo pipefail
unset CDPATH
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

die() { printf '%s\n' "cluster.sh: $*" >&2; exit 1; }

# ---- where things are ----

# the user that runs servers, when it is not who calls
server_user() { if getent passwd postgres >/dev/null; then echo postgres; else echo nobody; fi; }
as_server() { if [ "$(id -u)" = 0 ]; then runuser -u "$(server_user)" -- "$@"; else "$@"; fi; }

# sets $work, the folder for everything made here, and $root, the checkout that was called
find_work() {
	root=${LOYALTY_ROOT:-$here}
	work=${LOYALTY_WORK:-$root/tmp}
	if [ "$(id -u)" = 0 ] && [ -z "${LOYALTY_WORK:-}" ]; then
		mkdir -p "$work"
		as_server test -x "$root" ||
			work=/var/tmp/loyalty-$(printf %s "$root" | cksum | cut -d' ' -f1)
	fi
}

# makes $work, owned by who runs servers
make_work() {
	mkdir -p "$work"
	if [ "$(id -u)" = 0 ]; then
		case $(stat -c %U "$work") in
			root) chown "$(server_user)" "$work" ;;
			"$(server_user)") ;;
			*) die "$work belongs to somebody else" ;;
		esac
	fi
}

# the newest server with build files, or the one that PG_CONFIG names
find_pg_config() {
	local c v best='' best_v=14
	if [ -n "${PG_CONFIG:-}" ]; then
		set -- "$PG_CONFIG"
	else
		set -- pg_config /usr/lib/postgresql/*/bin/pg_config /usr/pgsql-*/bin/pg_config /usr/local/pgsql/bin/pg_config
	fi
	for c; do
		v=$("$c" --version 2>/dev/null | sed -n 's/^PostgreSQL \([0-9]*\).*/\1/p') || continue
		if [ "${v:-0}" -gt "$best_v" ] && [ -e "$("$c" --pgxs)" ] && [ -x "$("$c" --bindir)/initdb" ]; then
			best=$c best_v=$v
		fi
	done
	[ -n "$best" ] && command -v "$best"
}

# ---- the private copy of the server, and the extension in it ----

# copies the programs and files of the server of pg_config $1: they keep their
# places relative to each other, by which the programs find the files
copy_server() {
	local from=$1 to=$work/pg stamp bin share lib include common f
	stamp=$("$from" --version && "$from" --bindir && stat -c %Y "$("$from" --bindir)/postgres")
	[ "$(cat "$to/copied" 2>/dev/null)" != "$stamp" ] || return 0
	rm -rf "$to" "$work/build"
	bin=$("$from" --bindir) share=$("$from" --sharedir) lib=$("$from" --pkglibdir) include=$("$from" --includedir)
	common=$bin/
	while [[ $share/ != "$common"* || $lib/ != "$common"* || $include/ != "$common"* ]]; do
		common=${common%/*/}/
		[ "$common" != / ] || die "$from: its programs and its files have no folder in common"
	done
	for f in "$bin" "$share" "$lib" "$include"; do
		mkdir -p "$to/$(dirname "${f#"$common"}")"
	done
	mkdir -p "$to/${bin#"$common"}"
	for f in "$bin"/{postgres,initdb,psql,pg_*,createdb,dropdb,createuser,dropuser,vacuumdb,reindexdb,pgbench}; do
		if [ -e "$f" ]; then cp -L "$f" "$to/${bin#"$common"}/"; fi
	done
	[ -e "$to/${share#"$common"}" ] || cp -R "$share" "$to/${share#"$common"}"
	[ -e "$to/${lib#"$common"}" ] || cp -R "$lib" "$to/${lib#"$common"}"
	ln -s "$include" "$to/${include#"$common"}"
	rm -rf "$to/${share#"$common"}"/extension/loyalty[.-]* "$to/${lib#"$common"}"/{loyalty.so,bitcode/loyalty*}
	ln -s "$to/${bin#"$common"}" "$to/bin"
	printf '%s\n' "$stamp" >"$to/copied"
}

# copies the checkout as it stands, without build products, so that nothing is
# written into it and everything can be read by who runs the tests
copy_checkout() {
	local f list
	list=$(mktemp)
	if git -C "$root" -c safe.directory='*' rev-parse >/dev/null 2>&1; then
		git -C "$root" -c safe.directory='*' ls-files -z --cached --others --exclude-standard
	else
		(cd "$root" && find . \( -path ./tmp -o -path ./.git \) -prune -o -type f ! -name '*.o' ! -name '*.so' ! -name '*.bc' -print0)
	fi | while IFS= read -r -d '' f; do
		[ ! -f "$root/$f" ] || printf '%s\0' "$f"
	done >"$list"
	as_server rm -rf "$work/src"
	as_server mkdir -p "$work/src"
	tar -C "$root" -c --null -T "$list" | as_server tar -C "$work/src" -x
	rm -f "$list"
}

# builds the copied checkout beside it and installs it into the copied server
build() {
	local log=$work/build.log
	mkdir -p "$work/build"
	# variables of the make that called are not meant for this one
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u MAKEOVERRIDES -u DATA -u TIME \
		make -C "$work/build" -f "$work/src/Makefile" -j"$(nproc 2>/dev/null || echo 2)" \
		PG_CONFIG="$work/pg/bin/pg_config" with_llvm=no ${CI:+COPT=-Werror} install >"$log" 2>&1 ||
		{ grep -E 'error|warning|\*\*\*' -A4 "$log" >&2 || tail -n 30 "$log" >&2; die "the build failed: $log"; }
	grep -A4 'warning:' "$log" >&2 || :
}

# ---- clusters ----

no_pg_environment() {
	local v
	for v in $(compgen -e PG); do
		[ "$v" = PG_CONFIG ] || unset "$v"
	done
}

start() {
	local name=$1 c=$work/clusters/$1 socket locale=C
	shift
	stop "$name"
	mkdir -p "$c/run"
	chmod 700 "$c" "$c/run"
	socket=$c/run
	# a socket's path has at most 107 characters
	[ ${#socket} -lt 90 ] || socket=$(mktemp -d /tmp/loyalty.XXXXXX)
	printf '%s\n' "$socket" >"$c/socket"
	if locale -a 2>/dev/null | grep -qix 'C.utf-\?8'; then locale=C.UTF-8; fi
	"$work/pg/bin/initdb" -D "$c/data" -U postgres -A trust -E UTF8 --locale="$locale" --no-sync >"$c/log" 2>&1 ||
		{ cat "$c/log" >&2; die "initdb failed"; }
	{
		printf '%s\n' "listen_addresses = ''" "unix_socket_directories = '$socket'" 'port = 5432' \
			"timezone = 'UTC'" "lc_messages = 'C'" 'shared_buffers = 256MB' 'max_wal_size = 4GB' 'max_connections = 60'
		[ $# = 0 ] || printf '%s\n' "$@"
	} >>"$c/data/postgresql.conf"
	"$work/pg/bin/pg_ctl" -D "$c/data" -l "$c/log" -w start >/dev/null ||
		{ tail -n 20 "$c/log" >&2; die "the server did not start"; }
}

stop() {
	local c=$work/clusters/$1 socket
	[ -d "$c" ] || return 0
	if [ -e "$c/data/postmaster.pid" ]; then
		as_server "$work/pg/bin/pg_ctl" -D "$c/data" -m immediate -w stop >/dev/null 2>&1 || :
	fi
	socket=$(cat "$c/socket" 2>/dev/null || :)
	case $socket in /tmp/loyalty.*) rm -rf "$socket" ;; esac
	rm -rf "$c"
}

# what a client needs in its environment to reach cluster $1
environment() {
	# shellcheck disable=SC2016
	printf 'export PGHOST=%q PGPORT=5432 PGUSER=postgres PGDATABASE=postgres PATH=%q:"$PATH"\n' "$(cat "$work/clusters/$1/socket")" "$work/pg/bin"
}

# ---- commands ----

no_pg_environment
find_work
command=${1:-help}
shift || :
case $command in
	with)
		[ $# -gt 0 ] || die "which script?"
		pg_config=$(find_pg_config) || die "no PostgreSQL 15 or newer with build files found${PG_CONFIG:+ at $PG_CONFIG}: see test/setup.sh"
		make_work
		copy_checkout
		# from here on as the user who runs the server, in the copy
		cd "$work/src"
		export LOYALTY_ROOT=$root LOYALTY_WORK=$work PG_CONFIG=$pg_config
		[ "$(id -u)" != 0 ] || export HOME=$work
		as_server test/cluster.sh build
		PG_CONFIG=$work/pg/bin/pg_config
		as_server "$@"
		;;
	build)
		copy_server "$PG_CONFIG"
		build
		;;
	start) start "$@" ;;
	stop) stop "$@" ;;
	env) environment "$1" ;;
	psql)
		name=$1
		shift
		[ -e "$work/clusters/$name/socket" ] || die "no cluster \"$name\" in $work"
		eval "$(environment "$name")"
		exec psql "$@"
		;;
	pg_config) find_pg_config ;;
	*)
		sed -n '2,/^set /s/^# \{0,1\}//p' "$0"
		exit 2
		;;
esac
