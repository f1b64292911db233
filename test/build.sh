#!/bin/bash
# The build as packagers and PGXS users use it: in the source folder with
# bitcode, DESTDIR, clean, no pg_config, the archive for PGXN.  (The build
# outside of the source folder is the one that every other test runs with.)
set -uo pipefail
: "${LOYALTY_WORK:?run this by: make test SUITES=build}"
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES DATA
number=0 failed=0
dir=$LOYALTY_WORK/build-test
rm -rf "$dir"
mkdir -p "$dir"
mkdir "$dir/src"
tar -c --exclude=./tmp . | tar -x -C "$dir/src"
cd "$dir/src" || exit 1
version=$(sed -n "s/^default_version *= *'\(.*\)'/\1/p" loyalty.control)

# is WHAT CAME EXPECTED
is() {
	number=$((number + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $number - $1"
	else
		failed=1
		echo "not ok $number - $1"
		printf '# expected: %s\n# came:     %s\n' "${3//$'\n'/$'\n'#           }" "${2//$'\n'/$'\n'#           }"
	fi
}

make -s -j2 PG_CONFIG="$PG_CONFIG" ${CI:+COPT=-Werror} >"$dir/log" 2>&1
is "make in the source folder" "$?: $(grep -E 'warning|error' "$dir/log")" "0: "

make -s PG_CONFIG="$PG_CONFIG" DESTDIR="$dir/dest" install >"$dir/log" 2>&1
is "make install with DESTDIR" "$?: $(grep -E 'warning|error' "$dir/log")" "0: "
came=$(cd "$dir/dest" && find . -type f ! -path '*/bitcode/*' | sed 's,.*/,,' | sort)
is "what is installed" "$came" "loyalty--$version.sql
loyalty.control
loyalty.so"

make -s PG_CONFIG="$PG_CONFIG" clean >"$dir/log" 2>&1
is "make clean leaves no product" "$?: $(find . -name '*.o' -o -name '*.so' -o -name '*.bc' -o -name "loyalty--$version.sql" -o -name program_sql.h)" "0: "

is "no pg_config: one clear message" \
	"$(make -s PG_CONFIG=/nowhere/pg_config 2>&1 | head -n 1)" \
	"make: /nowhere/pg_config does not lead to PostgreSQL's build files (PGXS)."
make -n PG_CONFIG=/nowhere/pg_config demo test >"$dir/log" 2>&1
is "no pg_config: demo and test are still there" "$?" 0

if command -v git >/dev/null; then
	git init -q . && git add -A && git -c user.name=test -c user.email=test@example.invalid commit -qm test
	make -s PG_CONFIG=/nowhere/pg_config dist >"$dir/log" 2>&1
	is "make dist" "$?: $(tail -n 1 "$dir/log" | sed 's,.*/,,')" "0: loyalty-$version.zip"
	came=$(python3 - "tmp/loyalty-$version.zip" <<'PY'
import json, sys, zipfile
z = zipfile.ZipFile(sys.argv[1])
names = z.namelist()
top = {n.split('/')[0] for n in names}
prefix = top.pop() + '/'
meta = json.loads(z.read(prefix + 'META.json'))
for e in meta['provides'].values():
    for f in ('file', 'docfile'):
        if prefix + e[f] not in names:
            print('not in the archive:', e[f])
print(sorted(top), prefix, meta['name'], meta['version'], prefix + 'Makefile' in names)
PY
	)
	is "the archive and its META.json" "$came" "[] loyalty-$version/ loyalty $version True"
fi
echo "1..$number"
rm -rf "$dir"
exit $failed
