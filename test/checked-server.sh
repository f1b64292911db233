#!/bin/bash
# A PostgreSQL server that checks itself and the extension: with assertions,
# which also mark freed memory and writes past an allocation's end, and ready
# for valgrind.
#
#   test/checked-server.sh SOURCE [FOLDER]
#
# SOURCE is PostgreSQL's own source: a tarball, or the folder it was unpacked
# to.  The server goes to FOLDER (default tmp/checked) and touches no other.
# Then, of what needs no Perl modules of the server:
#
#   make test PG_CONFIG=$PWD/tmp/checked/bin/pg_config SUITES='regress isolation pgtap model'
#
# With VALGRIND_LOGS=/some/folder in the environment every server process runs
# under valgrind, some fifty times slower, and leaves a log there: empty if all
# is well.  The folder must be writable for who runs the server.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source=${1:?"usage: test/checked-server.sh SOURCE [FOLDER]"}
folder=$(realpath -m "${2:-tmp/checked}")
packaged=$(test/cluster.sh pg_config || :)
mkdir -p "$folder/build"
if [ -f "$source" ]; then
	mkdir -p "$folder/source"
	tar -x -f "$source" -C "$folder/source" --strip-components=1
	source=$folder/source
fi
source=$(realpath "$source")

# One assertion of the server's own fails without anybody's fault, when a row
# that a transaction has locked is updated in a subtransaction that aborts, and
# then again on a full page: SELECT ... FOR NO KEY UPDATE; SAVEPOINT s; UPDATE;
# ROLLBACK TO s; RELEASE s; UPDATE.
checked=$folder/heapam.c
sed 's/^\t\tAssert(HEAP_XMAX_IS_LOCKED_ONLY(infomask_lock_old_tuple));$//' "$source/src/backend/access/heap/heapam.c" >"$checked"
cmp -s "$checked" "$source/src/backend/access/heap/heapam.c" || cp "$checked" "$source/src/backend/access/heap/heapam.c"
rm "$checked"

valgrind=
for header in /usr/include /usr/local/include; do
	[ ! -e "$header/valgrind/memcheck.h" ] || valgrind=-DUSE_VALGRIND
done
cd "$folder/build"
"$source/configure" --quiet --prefix="$folder" --enable-cassert --enable-debug --without-icu --without-readline --without-zlib \
	CFLAGS='-Og -g -fno-omit-frame-pointer' CPPFLAGS=$valgrind
make -s -j"$(nproc 2>/dev/null || echo 2)"
make -s install
make -s -C src/test/isolation install
make -s -C src/test/regress install

# pgTAP is SQL: that of the packaged server will do
if [ -n "$packaged" ] && compgen -G "$("$packaged" --sharedir)/extension/pgtap*" >/dev/null; then
	cp "$("$packaged" --sharedir)"/extension/pgtap* "$("$folder/bin/pg_config" --sharedir)/extension/"
fi

# valgrind, when asked for
cp "$source/src/tools/valgrind.supp" "$folder/"
mv "$folder/bin/postgres" "$folder/bin/pg_postgres"
cat >"$folder/bin/postgres" <<WRAPPER
#!/bin/sh
here=\$(dirname "\$(readlink -f "\$0")")
[ -n "\${VALGRIND_LOGS:-}" ] || exec "\$here/pg_postgres" "\$@"
exec valgrind --quiet --leak-check=no --trace-children=yes --error-limit=no --gen-suppressions=all \\
	--suppressions="$folder/valgrind.supp" --log-file="\$VALGRIND_LOGS/%p.log" "\$here/pg_postgres" "\$@"
WRAPPER
chmod +x "$folder/bin/postgres"
echo "$folder/bin/pg_config"
