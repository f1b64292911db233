#!/bin/bash
# Runs every suite of tests, or those named, on a throwaway cluster:
#
#   make test                        everything
#   make test SUITES='pgtap real'    some
#
# (through `test/cluster.sh with', which builds the checkout and calls this in a
# copy of it).  A suite whose folder is not in the tree does not exist.  Each
# writes to a log of its own, of which the failures are shown here; the last
# line sums up: "N passed, N failed".  With CI set, warnings are errors.
#
# How a suite counts: TAP lines, or pg_regress's, or a closing line
# "N passed, N failed"; a suite that prints none of them counts as one test.
set -uo pipefail
: "${LOYALTY_WORK:?run this by: make test}"
results=$LOYALTY_WORK/results
pgxs=$(dirname "$("$PG_CONFIG" --pgxs)")/../..
passed=0 failed=0
rm -rf "$results"
mkdir -p "$results"

# real purchase histories, beside the checkout
export LOYALTY_DATA=${LOYALTY_DATA:-$LOYALTY_ROOT/../shared/data}

# "passed failed" of the log $1 of a suite that ended with status $2
count() {
	awk -v status="$2" '
		{ sub(/\r$/, "") }
		/^not ok / && !/# *(TODO|todo)/ { tap = 1; no++; next }
		/^(not )?ok / { tap = 1; if (!/# *(SKIP|skip)/) ok++; next }
		/^# skipped/ { skipped = 1 }
		/^(test|     ) +[^ ]+ +\.\.\. +ok( |$)/ { reg_ok++; next }
		/^(test|     ) +[^ ]+ +\.\.\. +(FAILED|failed)/ { reg_no++; next }
		/^[0-9]+ passed, [0-9]+ failed$/ { closing = 1; c_ok = $1; c_no = $3 }
		END {
			if (closing) { ok = c_ok; no = c_no }
			else if (!tap) { ok = reg_ok; no = reg_no }
			if (status != 0 && !no) no = 1
			if (!ok && !no && !tap && !skipped) ok = 1
			print ok + 0, no + 0
		}' "$1"
}

# what to show of the log $1 of a suite that failed: the tests that did, with what they said
failures() {
	if grep -q '^not ok ' "$1"; then
		awk '/^# test file / { file = $0 }
			/^not ok / { if (file != "") print file; file = ""; show = 1 }
			/^ok / { show = 0 }
			/^(psql|ERROR|WARNING|Traceback|Dubious|Bail out)/ { print; next }
			show { print }' "$1" | head -n "${SHOW:-200}"
	else
		tail -n "${SHOW:-200}" "$1"
	fi
}

# suite NAME COMMAND...: runs it and adds up
suite() {
	local name=$1 log=$results/$1.log status start=$SECONDS ok no
	shift
	if [ -n "$wanted" ] && [[ " $wanted " != *" $name "* ]]; then return; fi
	"$@" >"$log" 2>&1 </dev/null
	status=$?
	read -r ok no < <(count "$log" "$status")
	grep '^# skipped' "$log" | sed 's/^#/          /'
	printf '%-10s %5d passed, %d failed   (%d s)\n' "$name" "$ok" "$no" $((SECONDS - start))
	if [ "$no" -gt 0 ]; then
		failures "$log"
		printf -- '---- the whole log: %s ----\n' "$log"
	fi
	passed=$((passed + ok)) failed=$((failed + no))
}

# ---- the suites ----

wanted=$*

in_build() {
	env -u MAKEFLAGS -u MAKELEVEL make -s -C "$LOYALTY_WORK/build" -f "$PWD/Makefile" PG_CONFIG="$PG_CONFIG" with_llvm=no "$@"
}

regress() {
	local status
	in_build installcheck ISOLATION=
	status=$?
	[ $status = 0 ] || cat "$LOYALTY_WORK/build/regression.diffs"
	return $status
}

isolation() {
	local status
	in_build installcheck REGRESS=
	status=$?
	[ $status = 0 ] || cat "$LOYALTY_WORK/build/output_iso/regression.diffs"
	return $status
}

# passes on what prove says of file $1; one that ended early has failed a test
whole() {
	awk -v file="$1" '{ print } /^not ok / { no = 1 } /^Result: PASS/ { pass = 1 }
		END { if (!pass && !no) print "not ok - " file " ended early"; exit !pass }'
}

# every file in a database of its own
pgtap() {
	local f db status=0
	for f in test/pgtap/*.sql; do
		db=pgtap_$(basename "$f" .sql)
		echo "# test file $f"
		createdb "$db"
		pg_prove --verbose -d "$db" "$f" | whole "$f" || status=1
		dropdb --force "$db"
	done
	return $status
}

# Perl tests make clusters of their own
tap() {
	local f status=0
	mkdir -p "$results/tap"
	for f in test/tap/*.pl; do
		echo "# test file $f"
		env -u PGHOST -u PGPORT -u PGUSER -u PGDATABASE PATH="$("$PG_CONFIG" --bindir):$PATH" \
			PG_REGRESS="$pgxs/src/test/regress/pg_regress" TESTDIR="$results/tap" \
			TESTDATADIR="$results/tap/$(basename "$f" .pl)" TESTLOGDIR="$results/tap/log" \
			prove --verbose -I "$pgxs/src/test/perl" -I test/tap "$f" | whole "$f" || status=1
	done
	return $status
}

# one cluster for all suites but test/tap, which makes its own and tests crashes there
test/cluster.sh start test fsync=off synchronous_commit=off full_page_writes=off || exit 1
eval "$(test/cluster.sh env test)"

[ ! -e test/core/run ] || suite core test/core/run
[ ! -d test/sql ] || suite regress regress
[ ! -d test/isolation ] || suite isolation isolation
[ ! -d test/pgtap ] || suite pgtap pgtap
[ ! -d test/tap ] || suite tap tap
[ ! -e test/model/run.py ] || suite model python3 test/model/run.py
[ ! -e test/real/run.sh ] || suite real test/real/run.sh
[ ! -d test/clients ] || suite clients test/clients/run.sh
[ ! -e test/demo/test.sh ] || suite demo test/demo/test.sh
[ ! -e test/readme.py ] || [ ! -e README.md ] || suite readme python3 test/readme.py
[ ! -e test/build.sh ] || suite build test/build.sh
test/cluster.sh stop test

echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
