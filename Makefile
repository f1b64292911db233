# loyalty: a PostgreSQL extension, built with PGXS.
#
#   make demo      install what is missing, build, and show a sample shop on a private cluster
#   make test      install what is missing, build, and run every test on a private cluster
#   make && sudo make install      install into the server of $(PG_CONFIG)
#   make installcheck              pg_regress and isolation tests on a running server
#   make bench, make dist          benchmarks; the archive for PGXN
EXTENSION = loyalty
top := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" "$(top)/loyalty.control")

MODULE_big = loyalty
OBJS = $(patsubst $(srcdir)/%.c,%.o,$(sort $(wildcard $(srcdir)/src/core/*.c $(srcdir)/src/types/*.c $(srcdir)/src/engine/*.c)))
PG_CPPFLAGS = -I$(srcdir)/src -I./src -DLOYALTY_VERSION='"$(EXTVERSION)"'
PG_CFLAGS = -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers -fvisibility=hidden -fno-plt

DATA_built = sql/loyalty--$(EXTVERSION).sql
EXTRA_CLEAN = sql/loyalty--$(EXTVERSION).sql src/engine/program_sql.h

REGRESS := $(patsubst %.sql,%,$(notdir $(sort $(wildcard $(top)/test/sql/*.sql))))
REGRESS_OPTS = --inputdir=$(srcdir)/test --load-extension=$(EXTENSION)
ISOLATION := $(patsubst %.spec,%,$(notdir $(sort $(wildcard $(top)/test/isolation/specs/*.spec))))
ISOLATION_OPTS = --inputdir=$(srcdir)/test/isolation --load-extension=$(EXTENSION)

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)

ifneq (,$(wildcard $(PGXS)))
include $(PGXS)

# every object depends on every header: there are few, and a stale object costs more than it saves
$(OBJS) $(OBJS:.o=.bc): $(wildcard $(srcdir)/src/*/*.h)

# outside of the source folder the folders of the objects are made first
$(shell mkdir -p $(sort $(dir $(OBJS))))

# the extension's script: its fragments in order
sql/loyalty--$(EXTVERSION).sql: $(sort $(wildcard $(srcdir)/sql/extension/*.sql))
	@mkdir -p $(@D)
	cat $^ > $@

# what create_program runs: the fragments in order, as a C string
src/engine/program_sql.h: $(sort $(wildcard $(srcdir)/sql/program/*.sql))
	@mkdir -p $(@D)
	cat $^ | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$$/\\n"/' > $@

src/engine/create.o src/engine/create.bc: src/engine/program_sql.h

else
# demo, test and dist work without a server; what builds needs one
all install installdirs uninstall clean installcheck:
	@echo "make: $(PG_CONFIG) does not lead to PostgreSQL's build files (PGXS)." >&2
	@echo "Install PostgreSQL 15 or newer with its development package (Debian, Ubuntu:" >&2
	@echo "  sudo apt-get install build-essential postgresql-15 postgresql-server-dev-15)," >&2
	@echo "or name another server: make PG_CONFIG=/path/to/pg_config" >&2
	@echo "\`make demo' and \`make test' install what is missing and use a private copy." >&2
	@exit 1
endif

# ---------- what needs no server to begin with: see test/README.md ----------

.PHONY: demo test bench dist
demo:
	@cd "$(top)" && test/setup.sh demo && test/cluster.sh with test/demo/run.sh $(if $(DATA),<"$(DATA)")
test:
	@cd "$(top)" && test/setup.sh test && test/cluster.sh with test/run.sh $(SUITES)
bench:
	@cd "$(top)" && test/setup.sh demo && test/cluster.sh with test/bench/run $(BENCH)

dist_name = $(EXTENSION)-$(EXTVERSION)
define META
{
  "name": "$(EXTENSION)",
  "abstract": "Loyalty programs on the tables a shop already has: points, lots, rules, corrections",
  "version": "$(EXTVERSION)",
  "maintainer": "the loyalty authors",
  "license": "postgresql",
  "provides": {
    "$(EXTENSION)": {
      "abstract": "Loyalty programs on the tables a shop already has",
      "file": "$(EXTENSION).control",
      "docfile": "README.md",
      "version": "$(EXTVERSION)"
    }
  },
  "prereqs": { "runtime": { "requires": { "PostgreSQL": "15.0.0" } } },
  "tags": ["loyalty", "points", "rewards", "ledger", "triggers", "e-commerce"],
  "meta-spec": { "version": "1.0.0", "url": "https://pgxn.org/meta/spec.txt" }
}
endef

# the archive for PGXN: what is committed, with the META.json that PGXN reads
dist: export META := $(META)
dist:
	@mkdir -p "$(top)/tmp" && printf '%s\n' "$$META" >"$(top)/tmp/META.json"
	cd "$(top)" && git archive --format=zip --prefix=$(dist_name)/ --add-file=tmp/META.json -o tmp/$(dist_name).zip HEAD
	@echo "$(top)/tmp/$(dist_name).zip"
