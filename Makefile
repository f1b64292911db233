# loyalty: a PostgreSQL extension, built with PGXS.
EXTENSION = loyalty
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" $(dir $(lastword $(MAKEFILE_LIST)))loyalty.control)

MODULE_big = loyalty
OBJS = $(patsubst $(srcdir)/%.c,%.o,$(sort $(wildcard $(srcdir)/src/core/*.c $(srcdir)/src/types/*.c $(srcdir)/src/engine/*.c)))
PG_CPPFLAGS = -I$(srcdir)/src -I./src -DLOYALTY_VERSION='"$(EXTVERSION)"'
PG_CFLAGS = -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers -fvisibility=hidden

DATA_built = sql/loyalty--$(EXTVERSION).sql
EXTRA_CLEAN = sql/loyalty--$(EXTVERSION).sql src/engine/program_sql.h

PG_CONFIG ?= pg_config
srcdir ?= .
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# the extension's script: its fragments in order
sql/loyalty--$(EXTVERSION).sql: $(sort $(wildcard $(srcdir)/sql/extension/*.sql))
	@mkdir -p $(@D)
	cat $^ > $@

# what create_program runs: the fragments in order, as a C string
src/engine/program_sql.h: $(sort $(wildcard $(srcdir)/sql/program/*.sql))
	@mkdir -p $(@D)
	cat $^ | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$$/\\n"/' > $@

src/engine/program.o: src/engine/program_sql.h
